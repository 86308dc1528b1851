/* Settings of the library that change other calls: strictness, and whether errors end the program. */
#include "arguments.h"
#include "families.h"
#include "memory.h"

static void nothing(void)
{
}
static void strict(void)
{
    numa_set_strict(1);
}
static void bind_policy(void)
{
    numa_set_bind_policy(1);
}
static void no_bind_policy(void)
{
    numa_set_bind_policy(0);
}
static void both(void)
{
    strict();
    bind_policy();
}
static void exit_on_error(void)
{
    numa_exit_on_error = 1;
}
static void exit_on_warn(void)
{
    numa_exit_on_warn = 1;
}
static void strict_exit_on_error(void)
{
    strict();
    exit_on_error();
}

static const struct {
    const char *name;
    void (*set)(void);
} settings[] = {
    { "as-loaded", nothing },
    { "strict", strict },
    { "bind-policy", bind_policy },
    { "no-bind-policy", no_bind_policy },
    { "strict,bind-policy", both },
    { "exit-on-error", exit_on_error },
    { "exit-on-warn", exit_on_warn },
    { "strict,exit-on-error", strict_exit_on_error },
    { NULL, NULL },
};

static const struct number nodes[] = { { "1", 1 }, { "-1", -1 }, { "128", 128 }, { NULL, 0 } };

static void show(void *memory)
{
    puts(memory == NULL ? "NULL" : "memory");
    if (memory == NULL)
        return;
    print_memory_policy(memory);
    touch_pages(memory, SOME_PAGES);
    print_placement(memory, SOME_PAGES);
}

static struct bitmask *wrong_nodes(void)
{
    return make_set(&(const struct set){ "", 64, "last+1" });
}

void flag_cases(void)
{
    const size_t size = SOME_PAGES * page_size();
    const int first = first_allowed_node(), other = other_allowed_node();

#define WITH(function, ...)                         \
    CASE(function "/%s", setting->name) {           \
        stay_on_first_cpu();                        \
        setting->set();                             \
        __VA_ARGS__;                                \
        print_thread_policy();                      \
    }
    FOR_EACH(setting, settings) {
        FOR_EACH(node, nodes) {
            CASE("flags/numa_alloc_onnode/%s:%s", node->name, setting->name) {
                stay_on_first_cpu();
                setting->set();
                show(numa_alloc_onnode(size, node->value));
            }
            CASE("flags/numa_tonode_memory/%s:%s", node->name, setting->name) {
                stay_on_first_cpu();
                setting->set();
                void *memory = fresh_pages(SOME_PAGES);
                CALL(numa_tonode_memory(memory, size, node->value));
                show(memory);
            }
            CASE("flags/numa_set_preferred/%s:%s", node->name, setting->name) {
                setting->set();
                CALL(numa_set_preferred(node->value));
                print_thread_policy();
            }
            CASE("flags/numa_run_on_node/%s:%s", node->name, setting->name) {
                setting->set();
                INTEGER(numa_run_on_node(node->value));
                print_affinity();
            }
        }
        WITH("flags/numa_alloc_local", show(numa_alloc_local(size)))
        WITH("flags/numa_alloc_interleaved", show(numa_alloc_interleaved(size)))
        WITH("flags/numa_alloc_interleaved_subset/wrong", show(numa_alloc_interleaved_subset(size, wrong_nodes())))
        WITH("flags/numa_alloc_interleaved_subset/none", show(numa_alloc_interleaved_subset(size, numa_no_nodes_ptr)))
        WITH("flags/numa_alloc_onnode/huge", puts(numa_alloc_onnode(HUGE_SIZE(47), 0) == NULL ? "NULL" : "memory"))
        WITH("flags/numa_tonodemask_memory", {
            void *memory = fresh_pages(SOME_PAGES);
            CALL(numa_tonodemask_memory(memory, size, numa_all_nodes_ptr));
            show(memory);
        })
        WITH("flags/numa_setlocal_memory", {
            void *memory = fresh_pages(SOME_PAGES);
            CALL(numa_setlocal_memory(memory, size));
            show(memory);
        })
        WITH("flags/numa_interleave_memory", {
            void *memory = fresh_pages(SOME_PAGES);
            CALL(numa_interleave_memory(memory, size, numa_all_nodes_ptr));
            show(memory);
        })
        WITH("flags/numa_tonodemask_memory/wrong", {
            void *memory = fresh_pages(SOME_PAGES);
            CALL(numa_tonodemask_memory(memory, size, wrong_nodes()));
            show(memory);
        })
        /* Pages that are already on another node. */
        WITH("flags/numa_tonode_memory/touched", {
            void *memory = fresh_pages(SOME_PAGES);
            set_thread_policy(MPOL_BIND, 1UL << first);
            touch_pages(memory, SOME_PAGES);
            CALL(numa_tonode_memory(memory, size, other));
            show(memory);
        })
        WITH("flags/numa_tonodemask_memory/touched", {
            void *memory = fresh_pages(SOME_PAGES);
            set_thread_policy(MPOL_BIND, 1UL << first);
            touch_pages(memory, SOME_PAGES);
            CALL(numa_tonodemask_memory(memory, size, numa_bitmask_setbit(numa_allocate_nodemask(), (unsigned)other)));
            show(memory);
        })
        WITH("flags/numa_interleave_memory/touched", {
            void *memory = fresh_pages(SOME_PAGES);
            set_thread_policy(MPOL_BIND, 1UL << first);
            touch_pages(memory, SOME_PAGES);
            CALL(numa_interleave_memory(memory, size, numa_bitmask_setbit(numa_allocate_nodemask(), (unsigned)other)));
            show(memory);
        })
        WITH("flags/numa_setlocal_memory/touched", {
            void *memory = fresh_pages(SOME_PAGES);
            set_thread_policy(MPOL_BIND, 1UL << other);
            touch_pages(memory, SOME_PAGES);
            CALL(numa_setlocal_memory(memory, size));
            show(memory);
        })
        WITH("flags/numa_bind/wrong", CALL(numa_bind(wrong_nodes())); print_affinity())
        WITH("flags/numa_bind/one", CALL(numa_bind(numa_bitmask_setbit(numa_allocate_nodemask(), (unsigned)first))); print_affinity())
        WITH("flags/numa_set_membind/none", CALL(numa_set_membind(numa_no_nodes_ptr)))
        WITH("flags/numa_set_membind/all", CALL(numa_set_membind(numa_all_nodes_ptr)))
        WITH("flags/numa_set_interleave_mask/wrong", CALL(numa_set_interleave_mask(wrong_nodes())))
        WITH("flags/numa_set_localalloc", CALL(numa_set_localalloc()))
        WITH("flags/numa_parse_nodestring/\"x\"", MASK(numa_parse_nodestring("x")))
        WITH("flags/numa_parse_nodestring/\"0-999\"", MASK(numa_parse_nodestring("0-999")))
        WITH("flags/numa_run_on_node_mask/wrong", INTEGER(numa_run_on_node_mask(wrong_nodes())))
        WITH("flags/numa_node_to_cpus/last+1", INTEGER(numa_node_to_cpus(last_node() + 1, numa_allocate_cpumask())))
    }
}

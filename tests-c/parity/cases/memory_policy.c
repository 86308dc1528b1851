/* The policy of memory that the program mapped itself. */
#include <stdint.h>

#include "arguments.h"
#include "families.h"
#include "memory.h"

static void show(void *memory)
{
    print_memory_policy(memory);
    touch_pages(memory, SOME_PAGES);
    print_placement(memory, SOME_PAGES);
    print_thread_policy();
}

#define ON_FRESH_PAGES(call)                           \
    do {                                               \
        stay_on_first_cpu();                           \
        char *memory = fresh_pages(SOME_PAGES);        \
        const size_t size = SOME_PAGES * page_size();  \
        (void)size;                                    \
        CALL(call);                                    \
        show(memory);                                  \
    } while (0)

static const struct {
    const char *name;
    void (*apply)(void *, size_t, struct bitmask *);
} by_set[] = {
    { "numa_interleave_memory", numa_interleave_memory },
    { "numa_tonodemask_memory", numa_tonodemask_memory },
    { NULL, NULL },
};

/* Invalid addresses and sizes; each call gets the same ones. */
static void odd_ranges(const char *name, void (*apply)(void *, size_t))
{
    static const struct {
        const char *name;
        size_t from, size;
    } ranges[] = {
        { "0-bytes", 0, 0 },
        { "1-byte", 0, 1 },
        { "inside-of-a-page", 8, 4096 },
        { "beyond-the-mapping", 0, HUGE_SIZE(40) },
        { "SIZE_MAX", 0, SIZE_MAX },
        { NULL, 0, 0 },
    };
    FOR_EACH(range, ranges)
        CASE("%s/%s", name, range->name) {
            char *memory = fresh_pages(SOME_PAGES);
            CALL(apply(memory + range->from, range->size));
            print_memory_policy(memory);
            print_memory_policy(memory + page_size());
            print_presence(memory, SOME_PAGES);
        }
    CASE("%s/NULL,0", name)
        CALL(apply(NULL, 0));
    CASE("%s/NULL,page", name)
        CALL(apply(NULL, page_size()));
}

static void to_first_node(void *memory, size_t size)
{
    numa_tonode_memory(memory, size, first_allowed_node());
}

static void to_all_nodes(void *memory, size_t size)
{
    numa_tonodemask_memory(memory, size, numa_all_nodes_ptr);
}

static void interleave(void *memory, size_t size)
{
    numa_interleave_memory(memory, size, numa_all_nodes_ptr);
}

static void home_node(void)
{
    typedef int setter(void *, unsigned long, int, int);
    const size_t size = 2 * page_size();

    FOR_EACH(node, node_numbers)
        CASE("numa_set_mempolicy_home_node/%s", node->name) {
            setter *set = (setter *)newer("numa_set_mempolicy_home_node");
            void *memory = fresh_pages(2);
            numa_tonodemask_memory(memory, size, numa_all_nodes_ptr);
            if (set != NULL)
                INTEGER(set(memory, size, node->value, 0));
        }
    for (int flags = 0; flags <= 1; flags++)
        CASE("numa_set_mempolicy_home_node/no-policy,%d", flags) {
            setter *set = (setter *)newer("numa_set_mempolicy_home_node");
            if (set != NULL)
                INTEGER(set(fresh_pages(2), size, first_allowed_node(), flags));
        }
    CASE("numa_set_mempolicy_home_node/SIZE_MAX") {
        setter *set = (setter *)newer("numa_set_mempolicy_home_node");
        void *memory = fresh_pages(2);
        numa_tonodemask_memory(memory, size, numa_all_nodes_ptr);
        if (set != NULL)
            INTEGER(set(memory, SIZE_MAX, first_allowed_node(), 0));
    }
}

void memory_cases(void)
{
    FOR_EACH(call, by_set) {
        FOR_EACH(nodes, node_sets)
            CASE("%s/%s", call->name, nodes->name)
                ON_FRESH_PAGES(call->apply(memory, size, make_set(nodes)));
        CASE("%s/NULL", call->name)
            ON_FRESH_PAGES(call->apply(memory, size, NULL));
        CASE("%s/numa_no_nodes_ptr", call->name)
            ON_FRESH_PAGES(call->apply(memory, size, numa_no_nodes_ptr));
    }
    FOR_EACH(node, node_numbers)
        CASE("numa_tonode_memory/%s", node->name)
            ON_FRESH_PAGES(numa_tonode_memory(memory, size, node->value));
    odd_ranges("numa_tonode_memory", to_first_node);
    odd_ranges("numa_tonodemask_memory", to_all_nodes);
    odd_ranges("numa_interleave_memory", interleave);
    odd_ranges("numa_setlocal_memory", numa_setlocal_memory);

    CASE("numa_setlocal_memory")
        ON_FRESH_PAGES(numa_setlocal_memory(memory, size));
    CASE("numa_setlocal_memory/was-on-another") {
        set_thread_policy(MPOL_BIND, 1UL << other_allowed_node());
        ON_FRESH_PAGES(numa_setlocal_memory(memory, size));
    }
    static const struct {
        const char *name;
        size_t from, size;
    } policed[] = {
        { "0-bytes", 0, 0 }, { "1-byte", 0, 1 }, { "over-an-edge", 4000, 200 }, { "12-pages", 0, SOME_PAGES * 4096 }, { NULL, 0, 0 },
    };
    FOR_EACH(range, policed)
        CASE("numa_police_memory/%s", range->name) {
            stay_on_first_cpu();
            char *memory = fresh_pages(SOME_PAGES);
            memory[0] = 42;
            CALL(numa_police_memory(memory + range->from, range->size));
            print_placement(memory, SOME_PAGES);
            printf("contents: %d\n", memory[0]);
        }
    CASE("numa_police_memory/bound") {
        char *memory = fresh_pages(SOME_PAGES);
        set_thread_policy(MPOL_BIND, 1UL << other_allowed_node());
        CALL(numa_police_memory(memory, SOME_PAGES * page_size()));
        print_placement(memory, SOME_PAGES);
    }
    CASE("numa_police_memory/not-mapped")
        CALL(numa_police_memory((void *)page_size(), page_size()));

    home_node();
}

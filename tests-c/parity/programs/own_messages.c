/* A program that defines numa_error and numa_warn: the library must call these, with the same arguments. */
#include <stdarg.h>

#include "arguments.h"
#include "memory.h"

void numa_error(char *where)
{
    printf("numa_error(\"%s\"), %s\n", where, strerrorname_np(errno));
}

void numa_warn(int number, char *format, ...)
{
    va_list arguments;
    printf("numa_warn(%d): ", number);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

static struct bitmask *wrong_nodes(void)
{
    return make_set(&(const struct set){ "", 64, "last+1" });
}

static void parsing(void)
{
    static const char *const wrong[] = {
        "x", "0-", "4294967295", "999", "0-999", "+999", "0,x", "netdev:none", "ip:none", "file:/none", "block:none", "pci:none", "pci:0:0",
    };
    for (size_t list = 0; list < COUNT(wrong); list++) {
        CASE("own-messages/numa_parse_nodestring/\"%s\"", wrong[list])
            print_mask(numa_parse_nodestring(wrong[list]));
        CASE("own-messages/numa_parse_nodestring_all/\"%s\"", wrong[list])
            print_mask(numa_parse_nodestring_all(wrong[list]));
        CASE("own-messages/numa_parse_cpustring/\"%s\"", wrong[list])
            print_mask(numa_parse_cpustring(wrong[list]));
    }
    CASE("own-messages/twice")
        for (int time = 0; time < 2; time++)
            print_mask(numa_parse_nodestring("x"));
}

static void policy(void)
{
    const size_t size = SOME_PAGES * page_size();

    CASE("own-messages/numa_bind")
        CALL(numa_bind(wrong_nodes()));
    CASE("own-messages/numa_set_membind")
        CALL(numa_set_membind(wrong_nodes()));
    CASE("own-messages/numa_set_membind_balancing")
        CALL(numa_set_membind_balancing(wrong_nodes()));
    CASE("own-messages/numa_set_interleave_mask")
        CALL(numa_set_interleave_mask(wrong_nodes()));
    CASE("own-messages/numa_set_preferred")
        CALL(numa_set_preferred(last_node() + 1));
    CASE("own-messages/numa_set_preferred_many")
        CALL(numa_set_preferred_many(wrong_nodes()));
    CASE("own-messages/numa_run_on_node")
        INTEGER(numa_run_on_node(last_node() + 1));
    CASE("own-messages/numa_run_on_node_mask")
        INTEGER(numa_run_on_node_mask(wrong_nodes()));
    CASE("own-messages/numa_run_on_node_mask_all")
        INTEGER(numa_run_on_node_mask_all(wrong_nodes()));
    CASE("own-messages/numa_alloc_onnode")
        puts(numa_alloc_onnode(size, last_node() + 1) == NULL ? "NULL" : "memory");
    CASE("own-messages/numa_alloc_onnode/0-bytes")
        puts(numa_alloc_onnode(0, 0) == NULL ? "NULL" : "memory");
    CASE("own-messages/numa_alloc_interleaved_subset")
        puts(numa_alloc_interleaved_subset(size, wrong_nodes()) == NULL ? "NULL" : "memory");
    CASE("own-messages/numa_tonode_memory")
        CALL(numa_tonode_memory(fresh_pages(SOME_PAGES), size, last_node() + 1));
    CASE("own-messages/numa_tonodemask_memory")
        CALL(numa_tonodemask_memory(fresh_pages(SOME_PAGES), size, wrong_nodes()));
    CASE("own-messages/numa_interleave_memory")
        CALL(numa_interleave_memory(fresh_pages(SOME_PAGES), size, wrong_nodes()));
    CASE("own-messages/numa_setlocal_memory")
        CALL(numa_setlocal_memory(NULL, size));
    CASE("own-messages/numa_node_to_cpus")
        INTEGER(numa_node_to_cpus(last_node() + 1, numa_allocate_cpumask()));
    CASE("own-messages/numa_bitmask_alloc")
        print_mask(numa_bitmask_alloc(0));
    CASE("own-messages/numa_distance")
        INTEGER(numa_distance(-1, 0));
    CASE("own-messages/numa_sched_setaffinity")
        INTEGER(numa_sched_setaffinity(INT_MAX, numa_all_cpus_ptr));
    CASE("own-messages/numa_migrate_pages")
        INTEGER(numa_migrate_pages(INT_MAX, numa_all_nodes_ptr, numa_all_nodes_ptr));
    CASE("own-messages/exit-flags") {
        numa_exit_on_error = numa_exit_on_warn = 1;
        numa_set_membind(wrong_nodes());
        numa_run_on_node_mask(wrong_nodes());
        puts("still here");
    }
}

static void older_forms(void)
{
    const nodemask_t wrong = make_nodemask(&(const struct set){ "", 0, "last+1" });
    static const char *const setters[] = { "numa_bind", "numa_set_membind", "numa_set_interleave_mask" };
    for (size_t name = 0; name < COUNT(setters); name++)
        CASE("own-messages/%s@libnuma_1.1", setters[name]) {
            void (*set)(const nodemask_t *) = (void (*)(const nodemask_t *))older(setters[name]);
            if (set != NULL)
                CALL(set(&wrong));
        }
    CASE("own-messages/numa_run_on_node_mask@libnuma_1.1") {
        int (*run)(const nodemask_t *) = (int (*)(const nodemask_t *))older("numa_run_on_node_mask");
        if (run != NULL)
            INTEGER(run(&wrong));
    }
}

int main(void)
{
    static family *const families[] = { parsing, policy, older_forms, NULL };
    return run_families(families, "");
}

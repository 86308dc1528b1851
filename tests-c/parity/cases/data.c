/* The library's variables as the program sees them. Compiled with -fPIC, the program accesses them in the library; otherwise it has copies
 * (copy relocations), which the library must then use as well. */
#include "arguments.h"
#include "families.h"
#include "memory.h"

#ifdef __pic__
#define DATA "data/"
#else
#define DATA "data-copied/"
#endif

void data_cases(void)
{
    CASE(DATA "numa_all_nodes_ptr")
        print_mask(numa_all_nodes_ptr);
    CASE(DATA "numa_no_nodes_ptr")
        print_mask(numa_no_nodes_ptr);
    CASE(DATA "numa_nodes_ptr")
        print_mask(numa_nodes_ptr);
    CASE(DATA "numa_all_cpus_ptr")
        print_mask(numa_all_cpus_ptr);
    CASE(DATA "numa_all_nodes")
        print_nodemask(&numa_all_nodes);
    CASE(DATA "numa_no_nodes")
        print_nodemask(&numa_no_nodes);
    CASE(DATA "after-numa_available") {
        numa_available();
        print_mask(numa_all_nodes_ptr);
        print_mask(numa_no_nodes_ptr);
        print_mask(numa_nodes_ptr);
        print_mask(numa_all_cpus_ptr);
        print_nodemask(&numa_all_nodes);
        print_nodemask(&numa_no_nodes);
    }
    CASE(DATA "numa_exit_on_error") {
        printf("%d\n", numa_exit_on_error);
        numa_exit_on_error = 1;
        errno = EPERM;
        numa_error((char *)"the call");
        puts("still here");
    }
    CASE(DATA "numa_exit_on_warn") {
        printf("%d\n", numa_exit_on_warn);
        numa_exit_on_warn = 1;
        numa_warn(0, (char *)"the call");
        puts("still here");
    }
    /* A program should not change them, but if it does, the library may or may not use the new values. */
    CASE(DATA "own-all-nodes") {
        const size_t size = SOME_PAGES * page_size();
        struct bitmask *own = numa_bitmask_setbit(numa_allocate_nodemask(), (unsigned)first_allowed_node());
        numa_all_nodes_ptr = own;
        INTEGER(numa_available());
        INTEGER(numa_max_node());
        INTEGER(numa_num_task_nodes());
        puts(numa_all_nodes_ptr == own ? "kept" : "replaced");
        print_memory_policy(numa_alloc_interleaved(size));
        MASK(numa_parse_nodestring("all"));
        MASK(numa_get_membind());
    }
    CASE(DATA "changed-all-nodes") {
        const size_t size = SOME_PAGES * page_size();
        numa_bitmask_clearbit(numa_all_nodes_ptr, (unsigned)first_allowed_node());
        INTEGER(numa_num_task_nodes());
        print_memory_policy(numa_alloc_interleaved(size));
        MASK(numa_parse_nodestring("all"));
        MASK(numa_get_membind());
        MASK(numa_get_mems_allowed());
        INTEGER(numa_run_on_node_mask(numa_bitmask_setbit(numa_allocate_nodemask(), (unsigned)first_allowed_node())));
    }
    CASE(DATA "own-all-cpus") {
        numa_all_cpus_ptr = numa_bitmask_setbit(numa_allocate_cpumask(), (unsigned)first_allowed_cpu());
        INTEGER(numa_num_task_cpus());
        MASK(numa_parse_cpustring("all"));
        MASK(numa_parse_cpustring("+0"));
        INTEGER(numa_run_on_node(-1));
        print_affinity();
    }
    CASE(DATA "exit-flags-and-calls") {
        numa_exit_on_error = 1;
        numa_set_preferred(last_node() + 1);
        puts("still here");
    }
    CASE(DATA "warn-flag-and-calls") {
        numa_exit_on_warn = 1;
        print_mask(numa_parse_nodestring("x"));
        puts("still here");
    }
}

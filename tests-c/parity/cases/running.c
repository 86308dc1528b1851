/* The CPUs that the thread runs on. */
#include <unistd.h>

#include "arguments.h"
#include "families.h"
#include "memory.h"

static const struct {
    const char *name;
    int (*run)(struct bitmask *);
} by_set[] = {
    { "numa_run_on_node_mask", numa_run_on_node_mask },
    { "numa_run_on_node_mask_all", numa_run_on_node_mask_all },
    { NULL, NULL },
};

static void print_state(void)
{
    print_affinity();
    print_thread_policy();
}

void running_cases(void)
{
    FOR_EACH(call, by_set) {
        FOR_EACH(nodes, node_sets)
            CASE("%s/%s", call->name, nodes->name) {
                INTEGER(call->run(make_set(nodes)));
                print_state();
            }
        CASE("%s/numa_all_nodes_ptr", call->name) {
            stay_on_first_cpu();
            INTEGER(call->run(numa_all_nodes_ptr));
            print_state();
        }
        CASE("%s/numa_no_nodes_ptr", call->name) {
            INTEGER(call->run(numa_no_nodes_ptr));
            print_state();
        }
        CASE("%s/NULL", call->name)
            INTEGER(call->run(NULL));
    }
    FOR_EACH(node, node_numbers)
        CASE("numa_run_on_node/%s", node->name) {
            INTEGER(numa_run_on_node(node->value));
            print_state();
            stay_on_first_cpu();
            INTEGER(numa_run_on_node(node->value));
            print_state();
        }
    FOR_EACH(cpus, cpu_sets) {
        CASE("numa_sched_getaffinity/%s", cpus->name) {
            struct bitmask *mask = make_set(cpus);
            INTEGER(numa_sched_getaffinity(0, mask));
            print_mask(mask);
        }
        CASE("numa_sched_setaffinity/%s", cpus->name) {
            INTEGER(numa_sched_setaffinity(0, make_set(cpus)));
            print_affinity();
        }
    }
    CASE("numa_sched_getaffinity/numa_allocate_cpumask") {
        struct bitmask *mask = numa_allocate_cpumask();
        INTEGER(numa_sched_getaffinity(getpid(), mask));
        print_mask(mask);
    }
    CASE("numa_sched_getaffinity/no-such-process")
        INTEGER(numa_sched_getaffinity(INT_MAX, numa_allocate_cpumask()));
    CASE("numa_sched_setaffinity/no-such-process")
        INTEGER(numa_sched_setaffinity(INT_MAX, numa_all_cpus_ptr));
    CASE("numa_sched_getaffinity/-1")
        INTEGER(numa_sched_getaffinity(-1, numa_allocate_cpumask()));
    CASE("numa_sched_setaffinity/NULL")
        INTEGER(numa_sched_setaffinity(0, NULL));
}

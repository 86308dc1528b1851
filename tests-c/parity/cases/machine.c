/* The machine: nodes, sizes, distances. */
#include <unistd.h>

#include "arguments.h"
#include "families.h"
#include "memory.h"

static const struct {
    const char *name;
    int (*count)(void);
} counts[] = {
    { "numa_available", numa_available },
    { "numa_max_node", numa_max_node },
    { "numa_max_possible_node", numa_max_possible_node },
    { "numa_num_possible_nodes", numa_num_possible_nodes },
    { "numa_num_possible_cpus", numa_num_possible_cpus },
    { "numa_num_configured_nodes", numa_num_configured_nodes },
    { "numa_num_configured_cpus", numa_num_configured_cpus },
    { "numa_num_task_cpus", numa_num_task_cpus },
    { "numa_num_task_nodes", numa_num_task_nodes },
    { "numa_num_thread_cpus", numa_num_thread_cpus },
    { "numa_num_thread_nodes", numa_num_thread_nodes },
    { "numa_pagesize", numa_pagesize },
    { "numa_has_preferred_many", numa_has_preferred_many },
    { NULL, NULL },
};

/* The amount changes all the time. */
static void print_free(long long size, long long free)
{
    if (size > 0 && free > 0 && free < size)
        puts("some is free");
    else
        printf("free: %lld\n", free);
}

void machine_cases(void)
{
    FOR_EACH(call, counts)
        CASE("%s", call->name) {
            INTEGER(call->count());
            INTEGER(call->count());
            stay_on_first_cpu();
            set_thread_policy(MPOL_BIND, 1UL << first_allowed_node());
            INTEGER(call->count());
            print_thread_policy();
        }
    FOR_EACH(node, node_numbers) {
        CASE("numa_node_size64/%s", node->name) {
            long long free = -7, size;
            errno = UNTOUCHED_ERRNO;
            print_integer(size = numa_node_size64(node->value, &free));
            print_free(size, free);
            INTEGER(numa_node_size64(node->value, NULL));
        }
        CASE("numa_node_size/%s", node->name) {
            long free = -7, size;
            errno = UNTOUCHED_ERRNO;
            print_integer(size = numa_node_size(node->value, &free));
            print_free(size, free);
            INTEGER(numa_node_size(node->value, NULL));
        }
        CASE("numa_distance/%s", node->name)
            FOR_EACH(other, node_numbers)
                INTEGER(numa_distance(node->value, other->value));
    }
    CASE("numa_distance/all")
        for (int from = 0; from <= last_node(); from++)
            for (int to = 0; to <= last_node(); to++)
                INTEGER(numa_distance(from, to));
    CASE("numa_get_mems_allowed")
        MASK(numa_get_mems_allowed());
    CASE("numa_allocate_nodemask")
        MASK(numa_allocate_nodemask());
    CASE("numa_allocate_cpumask")
        MASK(numa_allocate_cpumask());
    CASE("numa_has_home_node") {
        int (*has)(void) = (int (*)(void))newer("numa_has_home_node");
        if (has != NULL)
            INTEGER(has());
    }
}

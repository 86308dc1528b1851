/* Nodes 0 and 1 have CPUs 0 and 1, nodes 2 and 3 have CPUs 2 and 3: threads can run on each node, and each CPU belongs to the first of its
 * nodes, as getcpu(2) reports it. */
#include <sched.h>

#include "harness.h"
#include "nodes.h"
#include "pages.h"

enum { SHARING_NODES = 4, CPUS = 4 };

static unsigned long cpus_of(int node)
{
    return node < 2 ? 0x3 : 0xc;
}

static unsigned long affinity(void)
{
    struct bitmask *cpus = numa_allocate_cpumask();
    require(numa_sched_getaffinity(0, cpus) > 0);
    return members(cpus);
}

START_TEST(each_node_has_the_cpus_that_its_file_names)
{
    for (int node = 0; node < SHARING_NODES; node++) {
        struct bitmask *cpus = numa_allocate_cpumask();
        assert_returns(numa_node_to_cpus(node, cpus), 0);
        ck_assert_uint_eq(members(cpus), cpus_of(node));
    }
}
END_TEST

START_TEST(each_cpu_belongs_to_the_node_that_getcpu_names)
{
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        require(sched_setaffinity(0, sizeof set, &set) == 0);
        assert_returns(numa_node_of_cpu((int)cpu), running_on());
    }
}
END_TEST

START_TEST(every_node_can_be_run_on_and_bound_to)
{
    for (unsigned node = 0; node < SHARING_NODES; node++) {
        assert_returns(numa_run_on_node((int)node), 0);
        ck_assert_uint_eq(affinity(), cpus_of((int)node));
        assert_returns(numa_run_on_node(-1), 0);
        assert_returns(numa_run_on_node_mask(only(node)), 0);
        ck_assert_uint_eq(affinity(), cpus_of((int)node));
        assert_returns(numa_run_on_node(-1), 0);
        numa_bind(only(node));
        ck_assert_uint_eq(affinity(), cpus_of((int)node));
        ck_assert_uint_eq(members(numa_get_membind()), 1UL << node);
        ck_assert_uint_eq(fresh_on_node(8, node), 8);
        numa_set_localalloc();
        assert_returns(numa_run_on_node(-1), 0);
    }
}
END_TEST

START_TEST(pages_move_between_nodes_that_share_cpus)
{
    assert_pages_move_between(0xf);
}
END_TEST

int main(void)
{
    return run_tests("shared_cpus", (const TTest *[]){
        each_node_has_the_cpus_that_its_file_names,
        each_cpu_belongs_to_the_node_that_getcpu_names,
        every_node_can_be_run_on_and_bound_to,
        pages_move_between_nodes_that_share_cpus,
        NULL });
}

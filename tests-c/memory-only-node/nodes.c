/* Nodes 0 and 1 have two CPUs each and memory, node 2 has memory only: threads can bind to it and allocate on it, but not run on it. */
#include <numars.h>
#include <sched.h>

#include "harness.h"
#include "nodes.h"
#include "pages.h"

enum { COUNT = 12, MEMORY_ONLY = 2 };

static void assert_cpus(unsigned long cpus)
{
    struct bitmask *affinity = numa_allocate_cpumask();
    ck_assert_int_gt(numa_sched_getaffinity(0, affinity), 0);
    ck_assert_uint_eq(members(affinity), cpus);
}

START_TEST(distances_of_all_pairs_are_those_of_the_firmware)
{
    assert_distances(3, (const unsigned char[]){ 10, 20, 40, 20, 10, 40, 40, 40, 10 });
}
END_TEST

START_TEST(it_is_like_other_nodes_except_for_its_cpus)
{
    struct bitmask *cpus = numa_allocate_cpumask();
    assert_returns(numa_max_node(), MEMORY_ONLY);
    assert_returns(numa_num_configured_nodes(), 3);
    assert_returns(numa_num_task_nodes(), 3);
    assert_returns(numa_node_to_cpus(MEMORY_ONLY, cpus), 0);
    ck_assert_uint_eq(members(cpus), 0);
    ck_assert_int_gt(numa_node_size64(MEMORY_ONLY, NULL), 256 << 20);
    ck_assert_uint_eq(members(numa_parse_nodestring("2")), 1UL << MEMORY_ONLY);
    ck_assert_uint_eq(members(numa_parse_nodestring("all")), 0x7);
    ck_assert_uint_eq(members(numa_get_mems_allowed()), 0x7);
}
END_TEST

START_TEST(running_on_it_is_einval_and_changes_nothing)
{
    assert_fails(numa_run_on_node(MEMORY_ONLY), EINVAL);
    assert_fails(numa_run_on_node_mask_all(only(MEMORY_ONLY)), EINVAL);
    assert_fails(numars_bind(only(MEMORY_ONLY)), EINVAL);
    assert_cpus(0xf);
    ck_assert_uint_eq(members(numa_get_run_node_mask()), 0x3);
    ck_assert_uint_eq(members(numa_get_membind()), 0x7);
}
END_TEST

START_TEST(running_on_it_and_another_node_means_running_on_the_other)
{
    assert_returns(numa_run_on_node_mask(set_of(1UL << 1 | 1UL << MEMORY_ONLY)), 0);
    assert_cpus(0xc);
    ck_assert_int_eq(running_on(), 1);
}
END_TEST

START_TEST(memory_is_bound_to_it_wherever_the_thread_runs)
{
    for (int node = 0; node < MEMORY_ONLY; node++) {
        assert_returns(numa_run_on_node(node), 0);
        assert_returns(numars_set_membind(only(MEMORY_ONLY)), 0);
        ck_assert_uint_eq(members(numa_get_membind()), 1UL << MEMORY_ONLY);
        ck_assert_uint_eq(fresh_on_node(COUNT, MEMORY_ONLY), COUNT);
        assert_returns(numars_set_localalloc(), 0);
        ck_assert_uint_eq(fresh_on_node(COUNT, node), COUNT);
    }
}
END_TEST

START_TEST(numa_bind_binds_the_memory_and_leaves_the_cpus)
{
    errno = UNTOUCHED_ERRNO;
    numa_bind(only(MEMORY_ONLY));
    ck_assert_int_eq(errno, EINVAL);
    assert_cpus(0xf);
    ck_assert_uint_eq(fresh_on_node(COUNT, MEMORY_ONLY), COUNT);
}
END_TEST

START_TEST(it_is_preferred_interleaved_and_allocated_on)
{
    const size_t size = COUNT * page_size();
    assert_returns(numars_set_preferred(MEMORY_ONLY), 0);
    assert_returns(numa_preferred(), MEMORY_ONLY);
    ck_assert_uint_eq(fresh_on_node(COUNT, MEMORY_ONLY), COUNT);
    assert_returns(numars_set_interleave_mask(set_of(0x5)), 0);
    ck_assert_uint_eq(fresh_on_node(COUNT, MEMORY_ONLY), COUNT / 2);
    assert_returns(numars_set_localalloc(), 0);
    ck_assert_uint_eq(allocated_on_node(numa_alloc_onnode(size, MEMORY_ONLY), COUNT, MEMORY_ONLY), COUNT);
    ck_assert_uint_eq(allocated_on_node(numa_alloc_interleaved(size), COUNT, MEMORY_ONLY), COUNT / 3);
    char *pages = map_pages(COUNT);
    assert_returns(numars_tonode_memory(pages, size, MEMORY_ONLY), 0);
    numa_police_memory(pages, size);
    ck_assert_uint_eq(count_on_node(pages, COUNT, MEMORY_ONLY), COUNT);
}
END_TEST

START_TEST(pages_move_between_all_pairs)
{
    assert_pages_move_between(0x7);
}
END_TEST

int main(void)
{
    return run_tests("memory_only_node, by the library", (const TTest *[]){
        distances_of_all_pairs_are_those_of_the_firmware,
        it_is_like_other_nodes_except_for_its_cpus,
        running_on_it_is_einval_and_changes_nothing,
        running_on_it_and_another_node_means_running_on_the_other,
        memory_is_bound_to_it_wherever_the_thread_runs,
        numa_bind_binds_the_memory_and_leaves_the_cpus,
        it_is_preferred_interleaved_and_allocated_on,
        pages_move_between_all_pairs,
        NULL });
}

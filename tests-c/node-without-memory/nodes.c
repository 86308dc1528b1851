/* Nodes 0 to 2 have a CPU each and memory, node 3 has a CPU only: threads can run on it, but not allocate on it. */
#include <numars.h>

#include "harness.h"
#include "nodes.h"
#include "pages.h"

enum { COUNT = 12, WITHOUT_MEMORY = 3 };

/* Checks that new memory comes from the nodes that have some. */
static void assert_memory_elsewhere(void)
{
    size_t on_other_nodes = 0;
    for (int node = 0; node < WITHOUT_MEMORY; node++)
        on_other_nodes += fresh_on_node(1, node);
    ck_assert_uint_gt(on_other_nodes, 0);
    ck_assert_uint_eq(fresh_on_node(COUNT, WITHOUT_MEMORY), 0);
}

START_TEST(distances_of_all_pairs_are_known)
{
    assert_distances(4, (const unsigned char[]){ 10, 20, 20, 20, 20, 10, 20, 20, 20, 20, 10, 20, 20, 20, 20, 10 });
}
END_TEST

START_TEST(it_is_a_node_but_not_counted_among_those_with_memory)
{
    struct bitmask *cpus = numa_allocate_cpumask();
    long long free = -1;
    assert_returns(numa_max_node(), WITHOUT_MEMORY);
    assert_returns(numa_num_configured_nodes(), 3);
    assert_returns(numa_num_task_nodes(), 3);
    assert_returns(numa_node_to_cpus(WITHOUT_MEMORY, cpus), 0);
    ck_assert_uint_eq(members(cpus), 1UL << 3);
    assert_returns(numa_node_of_cpu(3), WITHOUT_MEMORY);
    assert_returns(numa_node_size64(WITHOUT_MEMORY, &free), 0);
    ck_assert_int_eq(free, 0);
}
END_TEST

START_TEST(it_can_be_named_and_run_on)
{
    ck_assert_uint_eq(members(numa_parse_nodestring("3")), 1UL << WITHOUT_MEMORY);
    ck_assert_uint_eq(members(numa_parse_nodestring("all")), 0x7);
    assert_returns(numa_run_on_node(WITHOUT_MEMORY), 0);
    ck_assert_int_eq(running_on(), WITHOUT_MEMORY);
    ck_assert_uint_eq(members(numa_get_run_node_mask()), 1UL << WITHOUT_MEMORY);
    assert_returns(numa_run_on_node(0), 0);
    assert_returns(numa_run_on_node_mask(only(WITHOUT_MEMORY)), 0);
    ck_assert_int_eq(running_on(), WITHOUT_MEMORY);
    assert_returns(numa_run_on_node_mask_all(set_of(1UL << 1 | 1UL << WITHOUT_MEMORY)), 0);
    ck_assert_int_ne(running_on(), 0);
}
END_TEST

/* A JVM disables its NUMA support if these two differ. */
START_TEST(it_is_in_the_run_node_mask_only_if_no_node_with_memory_is)
{
    ck_assert_int_eq(numa_bitmask_equal(numa_get_run_node_mask(), numa_get_membind()), 1);
    assert_returns(numa_run_on_node_mask_all(set_of(1UL << 1 | 1UL << WITHOUT_MEMORY)), 0);
    ck_assert_uint_eq(members(numa_get_run_node_mask()), 1UL << 1);
    assert_returns(numa_run_on_node(WITHOUT_MEMORY), 0);
    ck_assert_uint_eq(members(numa_get_run_node_mask()), 1UL << WITHOUT_MEMORY);
    assert_returns(numa_run_on_node(-1), 0);
    ck_assert_uint_eq(members(numa_get_run_node_mask()), 0x7);
}
END_TEST

START_TEST(a_thread_there_allocates_on_other_nodes)
{
    assert_returns(numa_run_on_node(WITHOUT_MEMORY), 0);
    assert_memory_elsewhere();
    assert_returns(numars_set_localalloc(), 0);
    assert_memory_elsewhere();
    ck_assert_uint_eq(allocated_on_node(numa_alloc_local(COUNT * page_size()), COUNT, WITHOUT_MEMORY), 0);
    ck_assert_uint_eq(allocated_on_node(numa_alloc_onnode(COUNT * page_size(), 1), COUNT, 1), COUNT);
    ck_assert_uint_eq(allocated_on_node(numa_alloc_interleaved(COUNT * page_size()), COUNT, 2), COUNT / 3);
}
END_TEST

START_TEST(memory_policy_of_it_alone_is_einval_and_changes_nothing)
{
    char *pages = map_pages(COUNT);
    assert_fails(numars_set_membind(only(WITHOUT_MEMORY)), EINVAL);
    assert_fails(numars_set_preferred(WITHOUT_MEMORY), EINVAL);
    assert_fails(numars_set_interleave_mask(only(WITHOUT_MEMORY)), EINVAL);
    assert_fails(numars_tonode_memory(pages, COUNT * page_size(), WITHOUT_MEMORY), EINVAL);
    ck_assert_uint_eq(members(numa_get_membind()), 0x7);
    numa_fail_alloc_on_error = 1;
    ck_assert_ptr_null(numa_alloc_onnode(page_size(), WITHOUT_MEMORY));
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(binding_to_it_alone_is_einval_and_changes_neither_memory_nor_cpus)
{
    assert_returns(numa_run_on_node_mask_all(set_of(1UL << 0 | 1UL << 2)), 0);
    assert_fails(numars_bind(only(WITHOUT_MEMORY)), EINVAL);
    ck_assert_uint_eq(members(numa_get_run_node_mask()), 1UL << 0 | 1UL << 2);
    ck_assert_uint_eq(members(numa_get_membind()), 0x7);
}
END_TEST

START_TEST(memory_policy_of_it_and_others_is_that_of_the_others)
{
    assert_returns(numars_set_membind(set_of(1UL << 2 | 1UL << WITHOUT_MEMORY)), 0);
    ck_assert_uint_eq(fresh_on_node(COUNT, 2), COUNT);
    assert_returns(numars_bind(set_of(1UL << 1 | 1UL << WITHOUT_MEMORY)), 0);
    ck_assert_uint_eq(fresh_on_node(COUNT, 1), COUNT);
    struct bitmask *cpus = numa_allocate_cpumask();
    assert_returns(numa_sched_getaffinity(0, cpus) > 0, 1);
    ck_assert_uint_eq(members(cpus), 1UL << 1 | 1UL << WITHOUT_MEMORY);
}
END_TEST

START_TEST(pages_move_between_the_others_and_not_to_it)
{
    assert_pages_move_between(0x7);
    char *page = pages_on_node(1, 0);
    void *pages[] = { page };
    int target = WITHOUT_MEMORY, status = NOT_WRITTEN;
    assert_fails(numa_move_pages(0, 1, pages, &target, &status, MPOL_MF_MOVE), ENODEV);
    ck_assert_int_eq(node_of(page), 0);
}
END_TEST

int main(void)
{
    return run_tests("node_without_memory, by the library", (const TTest *[]){
        distances_of_all_pairs_are_known,
        it_is_a_node_but_not_counted_among_those_with_memory,
        it_can_be_named_and_run_on,
        it_is_in_the_run_node_mask_only_if_no_node_with_memory_is,
        a_thread_there_allocates_on_other_nodes,
        memory_policy_of_it_alone_is_einval_and_changes_nothing,
        binding_to_it_alone_is_einval_and_changes_neither_memory_nor_cpus,
        memory_policy_of_it_and_others_is_that_of_the_others,
        pages_move_between_the_others_and_not_to_it,
        NULL });
}

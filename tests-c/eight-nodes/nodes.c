/* Two boards of four nodes: the library returns the distances between nodes, and runs, allocates and moves on each of them. */
#include <numars.h>

#include "harness.h"
#include "nodes.h"
#include "pages.h"

enum { COUNT = 24, LAST = 7 };

START_TEST(distances_of_all_pairs_are_those_of_the_firmware)
{
    static const unsigned char table[] = {
        10, 12, 16, 16, 32, 32, 32, 32, /**/
        12, 10, 16, 16, 32, 32, 32, 32, /**/
        16, 16, 10, 12, 32, 32, 32, 32, /**/
        16, 16, 12, 10, 32, 32, 32, 32, /**/
        32, 32, 32, 32, 10, 12, 16, 16, /**/
        32, 32, 32, 32, 12, 10, 16, 16, /**/
        32, 32, 32, 32, 16, 16, 10, 12, /**/
        32, 32, 32, 32, 16, 16, 12, 10,
    };
    assert_distances(LAST + 1, table);
}
END_TEST

START_TEST(all_nodes_are_there_with_a_cpu_and_memory)
{
    assert_returns(numa_max_node(), LAST);
    assert_returns(numa_num_configured_nodes(), 8);
    assert_returns(numa_num_task_nodes(), 8);
    assert_returns(numa_num_task_cpus(), 8);
    for (int node = 0; node <= LAST; node++) {
        struct bitmask *cpus = numa_allocate_cpumask();
        long long free;
        assert_returns(numa_node_to_cpus(node, cpus), 0);
        ck_assert_uint_eq(members(cpus), 1UL << node);
        assert_returns(numa_node_of_cpu(node), node);
        ck_assert_int_gt(numa_node_size64(node, &free), 128 << 20);
        ck_assert_int_gt(free, 0);
    }
}
END_TEST

START_TEST(a_thread_runs_and_allocates_on_each_node)
{
    for (int node = 0; node <= LAST; node++) {
        assert_returns(numa_run_on_node(node), 0);
        ck_assert_int_eq(running_on(), node);
        ck_assert_uint_eq(members(numa_get_run_node_mask()), 1UL << node);
        ck_assert_uint_eq(allocated_on_node(numa_alloc_local(COUNT * page_size()), COUNT, node), COUNT);
        ck_assert_uint_eq(fresh_on_node(COUNT, node), COUNT);
    }
    assert_returns(numa_run_on_node(-1), 0);
    ck_assert_uint_eq(members(numa_get_run_node_mask()), 0xff);
}
END_TEST

START_TEST(memory_comes_from_the_requested_node)
{
    const int here = running_on(), there = LAST - here;
    for (int node = 0; node <= LAST; node++) {
        ck_assert_uint_eq(allocated_on_node(numa_alloc_onnode(COUNT * page_size(), node), COUNT, node), COUNT);
        numa_set_preferred(node);
        assert_returns(numa_preferred(), node);
        ck_assert_uint_eq(fresh_on_node(COUNT, node), COUNT);
    }
    assert_returns(numars_bind(only(there)), 0);
    ck_assert_int_eq(running_on(), there);
    ck_assert_uint_eq(members(numa_get_membind()), 1UL << there);
    ck_assert_uint_eq(fresh_on_node(COUNT, there), COUNT);
}
END_TEST

START_TEST(memory_is_interleaved_over_some_nodes_of_both_boards)
{
    const unsigned long some = 1UL << 1 | 1UL << 4 | 1UL << 6 | 1UL << 7;
    for (int node = 0; node <= LAST; node++) {
        const size_t expected = some >> node & 1 ? COUNT / 4 : 0;
        void *pages = numa_alloc_interleaved_subset(COUNT * page_size(), set_of(some));
        ck_assert_uint_eq(allocated_on_node(pages, COUNT, node), expected);
        ck_assert_uint_eq(allocated_on_node(numa_alloc_interleaved(COUNT * page_size()), COUNT, node), COUNT / 8);
        numa_set_interleave_mask(set_of(some));
        ck_assert_uint_eq(members(numa_get_interleave_mask()), some);
        ck_assert_uint_eq(fresh_on_node(COUNT, node), expected);
        numa_set_localalloc();
    }
}
END_TEST

START_TEST(pages_move_between_all_pairs)
{
    assert_pages_move_between(0xff);
}
END_TEST

START_TEST(a_process_moves_from_one_board_to_the_other)
{
    char *pages[4];
    for (int node = 0; node < 4; node++)
        pages[node] = pages_on_node(COUNT, node);
    assert_migrates(numa_migrate_pages(0, set_of(0x0f), set_of(0xf0)));
    for (int node = 0; node < 4; node++) {
        ck_assert_uint_eq(count_on_node(pages[node], COUNT, node + 4), COUNT);
        ck_assert(pages_keep_contents(pages[node], COUNT));
    }
}
END_TEST

int main(void)
{
    return run_tests("eight nodes", (const TTest *[]){
        distances_of_all_pairs_are_those_of_the_firmware,
        all_nodes_are_there_with_a_cpu_and_memory,
        a_thread_runs_and_allocates_on_each_node,
        memory_comes_from_the_requested_node,
        memory_is_interleaved_over_some_nodes_of_both_boards,
        pages_move_between_all_pairs,
        a_process_moves_from_one_board_to_the_other,
        NULL });
}

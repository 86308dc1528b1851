/* numars_demote_range() and numars_promote_range() between the tier of nodes 0 and 1 and that of node 2, which is slower and nearer to node 1:
 * of the own process and another one. */
#include <numars.h>
#include <stdint.h>
#include <sys/mman.h>

#include "environment.h"
#include "full_node.h"
#include "harness.h"
#include "move_stats.h"
#include "nodes.h"
#include "page_counts.h"
#include "pages.h"

enum { SLOW = 2, COUNT = 600 };

/* Kernels between these two have not been looked at. */
static bool tiers_differ(void)
{
    return !kernel_before(6, 12);
}

/* 200 pages on node 0, 300 on node 1, 100 on the slow one. */
static void spread(pid_t pid, char *pages)
{
    assert_returns(numars_move_range(pid, pages, COUNT * page_size(), 0, NULL, NULL), 0);
    assert_returns(numars_move_range(pid, pages + 200 * page_size(), 300 * page_size(), 1, NULL, NULL), 0);
    assert_returns(numars_move_range(pid, pages + 500 * page_size(), 100 * page_size(), SLOW, NULL, NULL), 0);
}

START_TEST(pages_are_demoted_and_promoted_and_those_of_the_last_tier_are_in_place)
{
    if (!tiers_differ())
        return;
    for (int other = 0; other < 2; other++) {
        struct child_process child = { .pid = 0 };
        if (other)
            child = start_child(COUNT, 0, NULL);
        else
            child.pages = pages_on_node(COUNT, 0);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        spread(child.pid, child.pages);
        assert_returns(numars_demote_range(child.pid, child.pages, COUNT * page_size(), NULL, &stats), 0);
        assert_stats(stats, .requested = COUNT, .moved = 500, .in_place = 100);
        ck_assert_uint_eq(count_pages_raw(child.pid, child.pages, COUNT).on_node[SLOW], COUNT);
        assert_returns(numars_demote_range(child.pid, child.pages, COUNT * page_size(), NULL, &stats), 0);
        assert_stats(stats, .requested = COUNT, .in_place = COUNT);
        /* Node 1 is nearer than node 0. */
        assert_returns(numars_promote_range(child.pid, child.pages + 100 * page_size(), 400 * page_size(), NULL, &stats), 0);
        assert_stats(stats, .requested = 400, .moved = 400);
        ck_assert_uint_eq(count_pages_raw(child.pid, child.pages, COUNT).on_node[1], 400);
        /* Only parts of the range: 200 are slow again. */
        assert_returns(numars_promote_range(child.pid, child.pages, COUNT * page_size(), NULL, &stats), 0);
        assert_stats(stats, .requested = COUNT, .moved = 200, .in_place = 400);
        if (other) {
            ck_assert(child_keeps_contents(child, COUNT));
            end_child(child);
        } else {
            ck_assert(pages_keep_contents(child.pages, COUNT));
            require(munmap(child.pages, COUNT * page_size()) == 0);
        }
    }
}
END_TEST

START_TEST(huge_pages_are_demoted_as_wholes)
{
    const size_t huge_pages = huge_pages_within(3, 96 << 20, 1), count = huge_pages * pages_per_huge_page();
    if (!tiers_differ())
        return;
    char *pages = transparent_huge_pages(huge_pages, 1);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_demote_range(0, pages, huge_pages * huge_page_size(), NULL, &stats), 0);
    assert_stats(stats, .requested = count, .moved = count);
    ck_assert_uint_eq(count_pages_raw(0, pages, count).on_node[SLOW], count);
    ck_assert(pages_keep_contents(pages, count));
}
END_TEST

START_TEST(when_the_nearest_node_of_the_tier_is_full_the_next_one_is_used)
{
    enum { MANY = 3000 };
    if (!tiers_differ())
        return;
    char *pages = pages_on_node(MANY, SLOW);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    struct full_node full = fill_node_completely(1, 0);
    assert_returns(numars_promote_range(0, pages, MANY * page_size(), NULL, &stats), 0);
    assert_stats_add_up(stats);
    const struct page_counts counts = count_pages_raw(0, pages, MANY);
    expect(stats.moved == MANY && counts.on_node[0] > 0 && counts.on_node[0] + counts.on_node[1] == MANY, "%zu on node 0, %zu on node 1",
           counts.on_node[0], counts.on_node[1]);
    release_full_node(&full);
}
END_TEST

START_TEST(a_full_tier_is_ENOMEM)
{
    const size_t many = pages_within(6000, 160 << 20);
    if (!tiers_differ())
        return;
    char *pages = pages_on_node(many, 0);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    struct full_node full = fill_node_completely(SLOW, 1);
    assert_fails(numars_demote_range(0, pages, many * page_size(), NULL, &stats), ENOMEM);
    assert_stats_add_up(stats);
    ck_assert_uint_eq(stats.moved, count_pages_raw(0, pages, many).on_node[SLOW]);
    ck_assert_uint_gt(stats.no_memory, 0);
    release_full_node(&full);
    ck_assert(pages_keep_contents(pages, many));
}
END_TEST

START_TEST(a_tier_outside_of_the_cpuset_is_EACCES_and_part_of_one_is_avoided)
{
    if (!tiers_differ())
        return;
    char *pages = pages_on_node(COUNT, SLOW);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    enter_cpuset("0,2");
    assert_returns(numars_promote_range(0, pages, COUNT * page_size(), NULL, &stats), 0);
    ck_assert_uint_eq(count_pages_raw(0, pages, COUNT).on_node[0], COUNT);
    leave_cpuset();
    enter_cpuset("0-1");
    assert_fails(numars_demote_range(0, pages, COUNT * page_size(), NULL, &stats), EACCES);
    ck_assert_uint_eq(stats.moved, 0);
    ck_assert_uint_eq(count_pages_raw(0, pages, COUNT).on_node[0], COUNT);
    leave_cpuset();
}
END_TEST

START_TEST(process_and_flags_are_checked_even_if_there_is_nothing_to_move)
{
    if (!tiers_differ())
        return;
    char *pages = pages_on_node(COUNT, 0);
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    assert_fails(numars_demote_range(nonexistent_pid(), NULL, 0, NULL, NULL), ESRCH);
    assert_fails(numars_promote_range(-1, NULL, 0, NULL, NULL), ESRCH);
    options.flags = 1 << 3;
    assert_fails(numars_demote_range(0, pages, 0, &options, NULL), EINVAL);
    assert_fails(numars_demote_range(0, pages, SIZE_MAX, NULL, NULL), EINVAL);
}
END_TEST

START_TEST(before_the_kernel_has_tiers_it_is_ENODATA)
{
    if (!kernel_before(6, 1))
        return;
    char *pages = pages_on_node(COUNT, 0);
    assert_fails(numars_demote_range(0, pages, COUNT * page_size(), NULL, NULL), ENODATA);
    assert_fails(numars_promote_range(0, pages, COUNT * page_size(), NULL, NULL), ENODATA);
}
END_TEST

int main(void)
{
    return run_tests("moves", (const TTest *[]){
        pages_are_demoted_and_promoted_and_those_of_the_last_tier_are_in_place,
        huge_pages_are_demoted_as_wholes,
        when_the_nearest_node_of_the_tier_is_full_the_next_one_is_used,
        a_full_tier_is_ENOMEM,
        a_tier_outside_of_the_cpuset_is_EACCES_and_part_of_one_is_avoided,
        process_and_flags_are_checked_even_if_there_is_nothing_to_move,
        before_the_kernel_has_tiers_it_is_ENODATA,
        NULL });
}

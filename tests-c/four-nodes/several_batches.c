/* Lists of more entries than the library processes in one batch, whose later entries change the results of earlier ones: a page or a huge
 * page that is named far apart. Statuses, sums and the return value are consistent, and the same as those of a short list. */
#include <numars.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "environment.h"
#include "full_node.h"
#include "harness.h"
#include "move_stats.h"
#include "page_list.h"
#include "pages.h"

/* Entries between those that matter: more than the library processes in one batch. */
enum { FAR = 70000, FULL = 2, SPARE = 3, NEAR = 10 };

/* Replaces the system call by which pages move: before it moves this page to another node than the full one, the full node is released. */
static struct full_node *node_to_release;
static const void *before_page;

long move_pages(int pid, unsigned long count, void **pages, const int *nodes, int *status, int flags)
{
    for (unsigned long entry = 0; node_to_release != NULL && nodes != NULL && entry < count; entry++)
        if (pages[entry] == before_page && nodes[entry] != node_to_release->node) {
            release_full_node(node_to_release);
            node_to_release = NULL;
        }
    return syscall(SYS_move_pages, (long)pid, count, pages, nodes, status, (long)flags);
}

static long move_list(struct page_list *list, struct numars_move_stats *stats)
{
    return numars_move_pages(0, list->count, list->pages, list->nodes, list->status, NULL, stats);
}

/* Entries of absent pages: the kernel reports -ENOENT for them, and -EFAULT on Linux 6.1. */
static void add_absent(struct page_list *list, char *untouched, size_t count)
{
    page_list_add_range(list, untouched, count, 1);
}

/* `count` pages with one target, FAR absent pages, and `count` pages with another target. */
static struct page_list list_across_batches(char *pages, int target, char *later_pages, int later_target, size_t count)
{
    struct page_list list = page_list_with_capacity(FAR + 2 * count);
    page_list_add_range(&list, pages, count, target);
    add_absent(&list, map_pages(FAR), FAR);
    page_list_add_range(&list, later_pages, count, later_target);
    return list;
}

static size_t missing(const struct page_list *list)
{
    return page_list_with_status(list, -ENOENT) + page_list_with_status(list, -EFAULT);
}

/* Every entry is present or missing; the sums and the return value match the statuses. */
static void assert_consistent(const struct page_list *list, long returned, int error, const struct numars_move_stats *stats)
{
    size_t on_target = 0;
    assert_true_statuses(0, list);
    for (size_t entry = 0; entry < list->count; entry++)
        on_target += list->status[entry] == list->nodes[entry];
    const size_t not_there = missing(list), full = page_list_with_status(list, -ENOMEM), off_target = list->count - not_there - on_target;
    assert_stats_add_up(*stats);
    expect(stats->requested == list->count && stats->absent + stats->unmapped == not_there && stats->no_memory == full
               && stats->moved + stats->in_place == on_target,
           "requested %lu, moved %lu, in_place %lu, absent %lu, unmapped %lu, no_memory %lu, busy %lu, failed %lu; by the statuses, %zu of "
           "%zu are missing, %zu full and %zu not on their target",
           stats->requested, stats->moved, stats->in_place, stats->absent, stats->unmapped, stats->no_memory, stats->busy,
           stats->failed, not_there, list->count, full, off_target);
    if (full > 0)
        expect(returned == -1 && error == ENOMEM, "returned %ld, errno %d, but a node is full", returned, error);
    else
        expect(returned == (long)off_target, "returned %ld, errno %d, but %zu entries are not on their target", returned,
               error, off_target);
}

static void move_and_check(struct page_list *list)
{
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    errno = UNTOUCHED_ERRNO;
    const long returned = move_list(list, &stats);
    assert_consistent(list, returned, errno, &stats);
}

START_TEST(base_pages_of_one_huge_page_with_two_targets_far_apart_are_not_both_on_their_target)
{
    char *untouched = map_pages(FAR);
    const size_t distances[] = { NEAR, FAR };
    for (size_t i = 0; i < 2; i++) {
        char *huge = transparent_huge_page(0);
        struct page_list list = page_list_with_capacity(FAR + 2);
        page_list_add(&list, huge, 1);
        add_absent(&list, untouched, distances[i]);
        page_list_add(&list, huge + 5 * page_size(), 2);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        assert_returns(move_list(&list, &stats), 1);
        ck_assert_int_eq(node_of(huge), 2);
        assert_consistent(&list, 1, UNTOUCHED_ERRNO, &stats);
        ck_assert(pages_keep_contents(huge, pages_per_huge_page()));
    }
}
END_TEST

START_TEST(a_huge_page_that_later_entries_move_back_is_on_the_target_of_its_first_entry)
{
    char *untouched = map_pages(FAR);
    char *huge = transparent_huge_page(0);
    struct page_list list = page_list_with_capacity(2 * FAR + 3);
    page_list_add(&list, huge, 1);
    add_absent(&list, untouched, FAR);
    page_list_add(&list, huge + 5 * page_size(), 2);
    add_absent(&list, untouched, FAR);
    page_list_add(&list, huge + 7 * page_size(), 1);
    move_and_check(&list);
    ck_assert_int_eq(node_of(huge), 1);
}
END_TEST

/* The offset of a base page of a huge page, which may have few. */
static size_t part_of_huge_page(size_t page)
{
    return page % pages_per_huge_page() * page_size();
}

START_TEST(many_huge_pages_whose_parts_are_named_far_apart_have_true_statuses_and_sums)
{
    enum { HUGE_PAGES = 12 };
    huge_pages_within(HUGE_PAGES, 384 << 20, HUGE_PAGES);
    char *untouched = map_pages(FAR), *huge[HUGE_PAGES];
    struct page_list list = page_list_with_capacity(FAR + 3 * HUGE_PAGES);
    for (size_t i = 0; i < HUGE_PAGES; i++)
        huge[i] = transparent_huge_page((int)(i % 4));
    for (size_t i = 0; i < HUGE_PAGES; i++)
        page_list_add(&list, huge[i] + part_of_huge_page(i), (int)(i % 3));
    add_absent(&list, untouched, FAR);
    for (size_t i = HUGE_PAGES; i-- > 0;) {
        page_list_add(&list, huge[i] + part_of_huge_page(i + 20), (int)(i / 3 % 4));
        if (i % 4 == 0)
            page_list_add(&list, huge[i] + part_of_huge_page(40), (int)(i % 3));
    }
    move_and_check(&list);
    for (size_t i = 0; i < HUGE_PAGES; i++)
        ck_assert(pages_keep_contents(huge[i], pages_per_huge_page()));
}
END_TEST

/* A short list whose second part repeats the first one, and the same list with many entries in between. */
START_TEST(a_page_named_again_far_later_has_the_statuses_and_the_return_value_of_a_short_list)
{
    enum { PAGES = 200 };
    char *untouched = map_pages(FAR);
    struct page_list list[2];
    long returned[2];
    struct numars_move_stats stats[2] = { NUMARS_MOVE_STATS_INIT, NUMARS_MOVE_STATS_INIT };
    for (size_t i = 0; i < 2; i++) {
        char *pages = pages_on_node(PAGES, 0);
        list[i] = page_list_with_capacity(FAR + 2 * PAGES);
        page_list_add_range(&list[i], pages, PAGES, 1);
        add_absent(&list[i], untouched, i == 0 ? NEAR : FAR);
        for (size_t page = 0; page < PAGES; page++)
            page_list_add(&list[i], pages + page * page_size(), (int)(page % 3));
        returned[i] = move_list(&list[i], &stats[i]);
        assert_true_statuses(0, &list[i]);
        assert_stats_add_up(stats[i]);
        ck_assert(pages_keep_contents(pages, PAGES));
    }
    const struct page_list *near = &list[0], *far = &list[1];
    ck_assert_int_eq(returned[0], returned[1]);
    for (size_t page = 0; page < PAGES; page++) {
        expect(near->status[page] == far->status[page], "page %zu: status %d in a short list, %d in a long one", page,
               near->status[page], far->status[page]);
        expect(near->status[near->count - PAGES + page] == far->status[far->count - PAGES + page],
               "page %zu again: status %d in a short list, %d in a long one", page, near->status[near->count - PAGES + page],
               far->status[far->count - PAGES + page]);
    }
    /* A page that moves and returns has moved in the long list, and stays where it is in the short one. */
    expect(stats[0].moved + stats[0].in_place == stats[1].moved + stats[1].in_place && stats[0].busy == stats[1].busy
               && stats[0].failed == stats[1].failed,
           "moved %lu, in_place %lu, busy %lu, failed %lu in a short list; %lu, %lu, %lu, %lu in a long one", stats[0].moved,
           stats[0].in_place, stats[0].busy, stats[0].failed, stats[1].moved, stats[1].in_place, stats[1].busy,
           stats[1].failed);
}
END_TEST

/* The node is full when the first entries are moved there, but not when the last ones are: no error remains to be reported. */
START_TEST(a_page_whose_target_has_free_memory_when_it_is_named_again_has_moved)
{
    enum { PAGES = 20 };
    char *untouched = map_pages(FAR), *pages = pages_on_node(PAGES, 0), *trigger = pages_on_node(1, 0);
    struct full_node full = fill_node_completely(FULL, SPARE);
    struct page_list list = page_list_with_capacity(FAR + 2 * PAGES + 1);
    page_list_add_range(&list, pages, PAGES, FULL);
    add_absent(&list, untouched, FAR);
    page_list_add(&list, trigger, 1);
    page_list_add_range(&list, pages, PAGES, FULL);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    node_to_release = &full;
    before_page = trigger;
    errno = UNTOUCHED_ERRNO;
    const long returned = move_list(&list, &stats);
    const int error = errno;
    require(node_to_release == NULL);
    /* There was free memory when they were named the second time. */
    for (size_t page = 0; page < PAGES; page++)
        require(node_of(pages + page * page_size()) == FULL);
    expect(returned == 0 && error == UNTOUCHED_ERRNO, "returned %ld, errno %d, but all pages are on their target", returned, error);
    assert_true_statuses(0, &list);
    /* If there was free memory for all at once, they were in place the second time. */
    assert_stats(stats, .requested = FAR + 2 * PAGES + 1, .absent = stats.absent, .unmapped = FAR - stats.absent,
                 .moved = 2 * PAGES + 1 - stats.in_place, .in_place = stats.in_place, .retried = stats.retried);
}
END_TEST

START_TEST(a_page_that_moves_elsewhere_later_does_not_keep_ENOMEM_of_the_full_node)
{
    enum { PAGES = 20 };
    char *pages = pages_on_node(PAGES, 0);
    struct full_node full = fill_node_completely(FULL, SPARE);
    struct page_list list = list_across_batches(pages, FULL, pages, 1, PAGES);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    errno = UNTOUCHED_ERRNO;
    const long returned = move_list(&list, &stats);
    const int error = errno;
    release_full_node(&full);
    expect(returned >= 0 && error == UNTOUCHED_ERRNO, "returned %ld, errno %d, but each page is where it was named last",
           returned, error);
    for (size_t page = 0; page < PAGES; page++)
        expect(list.status[page] == 1 && list.status[list.count - PAGES + page] == 1, "page %zu: statuses %d and %d", page,
               list.status[page], list.status[list.count - PAGES + page]);
    ck_assert_uint_eq(stats.no_memory, 0);
    assert_stats_add_up(stats);
}
END_TEST

START_TEST(numa_move_pages_does_not_keep_ENOMEM_either)
{
    enum { PAGES = 20 };
    char *pages = pages_on_node(PAGES, 0);
    struct full_node full = fill_node_completely(FULL, SPARE);
    struct page_list list = list_across_batches(pages, FULL, pages, 1, PAGES);
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    release_full_node(&full);
    assert_true_statuses(0, &list);
    for (size_t page = 0; page < PAGES; page++)
        ck_assert_int_eq(list.status[page], 1);
}
END_TEST

/* A status has half the size of an address: those of the first entries overwrite addresses that were read before. */
START_TEST(statuses_written_over_the_addresses_are_true)
{
    enum { PAGES = 1000, TOTAL = FAR + 2 * PAGES };
    for (int call = 0; call < 2; call++) {
        struct page_list list = list_across_batches(pages_on_node(PAGES, 0), 1, pages_on_node(PAGES, 0), 2, PAGES);
        void **both = malloc(TOTAL * sizeof *both);
        require(both != NULL);
        memcpy(both, list.pages, TOTAL * sizeof *both);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        assert_returns(call == 0 ? numars_move_pages(0, TOTAL, both, list.nodes, (int *)both, NULL, &stats)
                                 : numa_move_pages(0, TOTAL, both, list.nodes, (int *)both, MPOL_MF_MOVE), 0);
        memcpy(list.status, both, TOTAL * sizeof *list.status);
        assert_true_statuses(0, &list);
        ck_assert_uint_eq(missing(&list), FAR);
        if (call == 0)
            assert_stats(stats, .requested = TOTAL, .moved = 2 * PAGES, .absent = stats.absent,
                         .unmapped = FAR - stats.absent);
        free(both);
    }
}
END_TEST

START_TEST(statuses_written_over_the_targets_are_true)
{
    enum { PAGES = 1000, TOTAL = FAR + 2 * PAGES };
    struct page_list list = list_across_batches(pages_on_node(PAGES, 0), 1, pages_on_node(PAGES, 0), 2, PAGES);
    int *both = malloc(TOTAL * sizeof *both);
    require(both != NULL);
    memcpy(both, list.nodes, TOTAL * sizeof *both);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_pages(0, TOTAL, list.pages, both, both, NULL, &stats), 0);
    memcpy(list.status, both, TOTAL * sizeof *both);
    assert_true_statuses(0, &list);
    ck_assert_uint_eq(missing(&list), FAR);
    assert_stats(stats, .requested = TOTAL, .moved = 2 * PAGES, .absent = stats.absent,
                 .unmapped = FAR - stats.absent);
}
END_TEST

int main(void)
{
    return run_tests("several_batches", (const TTest *[]){
        base_pages_of_one_huge_page_with_two_targets_far_apart_are_not_both_on_their_target,
        a_huge_page_that_later_entries_move_back_is_on_the_target_of_its_first_entry,
        many_huge_pages_whose_parts_are_named_far_apart_have_true_statuses_and_sums,
        a_page_named_again_far_later_has_the_statuses_and_the_return_value_of_a_short_list,
        a_page_whose_target_has_free_memory_when_it_is_named_again_has_moved,
        a_page_that_moves_elsewhere_later_does_not_keep_ENOMEM_of_the_full_node,
        numa_move_pages_does_not_keep_ENOMEM_either,
        statuses_written_over_the_addresses_are_true,
        statuses_written_over_the_targets_are_true,
        NULL });
}

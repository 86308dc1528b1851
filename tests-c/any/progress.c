/* Progress and cancellation when no page has to move. */
#include <numars.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "harness.h"
#include "move_stats.h"
#include "pages.h"

/* 156 MiB: more than may be processed between two calls of the callback. */
enum { MAX_COUNT = 40000 };

static size_t count(void)
{
    return pages_within(MAX_COUNT, MAX_COUNT * 4096);
}

struct listener {
    size_t calls, cancel_at;
    struct numars_move_stats at_cancellation, last;
    unsigned long longest_step;
};

static int record_progress(const struct numars_move_stats *so_far, void *argument)
{
    struct listener *listener = argument;
    const unsigned long step = so_far->requested - listener->last.requested;
    if (step > listener->longest_step)
        listener->longest_step = step;
    listener->last = *so_far;
    if (++listener->calls != listener->cancel_at)
        return 0;
    listener->at_cancellation = *so_far;
    return 1;
}

static char *memory;
static void *pages[MAX_COUNT];
static int nodes[MAX_COUNT], status[MAX_COUNT];
static struct bitmask *node_0;

/* All pages of one mapping, each on node 0. */
static void make_pages(void)
{
    memory = pages_on_node(count(), 0);
    node_0 = numa_parse_nodestring_all("0");
    require(node_0 != NULL);
    for (size_t page = 0; page < count(); page++)
        pages[page] = memory + page * page_size();
}

static long move_list(const struct numars_move_options *options, struct numars_move_stats *stats)
{
    return numars_move_pages(0, count(), pages, nodes, status, options, stats);
}

static long query_list(const struct numars_move_options *options, struct numars_move_stats *stats)
{
    return numars_move_pages(0, count(), pages, NULL, status, options, stats);
}

/* Each page four times, from the last page to the first. */
static long move_duplicates(const struct numars_move_options *options, struct numars_move_stats *stats)
{
    for (size_t page = 0; page < count(); page++)
        pages[page] = memory + (count() - 1 - page / 4) * page_size();
    return move_list(options, stats);
}

static long move_range(const struct numars_move_options *options, struct numars_move_stats *stats)
{
    return numars_move_range(0, memory, count() * page_size(), 0, options, stats);
}

static long move_process(const struct numars_move_options *options, struct numars_move_stats *stats)
{
    return numars_move_process(0, node_0, node_0, options, stats);
}

static long place(int mode, const struct numars_move_options *options, struct numars_move_stats *stats)
{
    struct numars_placement placement = NUMARS_PLACEMENT_INIT;
    placement.mode = mode;
    placement.nodes = node_0;
    return numars_place_range(0, memory, count() * page_size(), &placement, options, stats);
}

static long pack(const struct numars_move_options *options, struct numars_move_stats *stats)
{
    return place(NUMARS_PLACE_PACK, options, stats);
}

static long interleave(const struct numars_move_options *options, struct numars_move_stats *stats)
{
    return place(NUMARS_PLACE_INTERLEAVE, options, stats);
}

/* Counts all pages before the first one could move. */
static long balance(const struct numars_move_options *options, struct numars_move_stats *stats)
{
    return place(NUMARS_PLACE_BALANCE, options, stats);
}

static long (*const moves[])(const struct numars_move_options *, struct numars_move_stats *) = {
    move_list, query_list, move_duplicates, move_range, move_process, pack, interleave, balance,
};
enum { MOVES = sizeof moves / sizeof *moves };

static struct numars_move_options recording_options(struct listener *listener)
{
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.progress = record_progress;
    options.progress_arg = listener;
    return options;
}

START_TEST(progress_is_reported_at_least_every_64_MiB_even_if_no_page_has_to_move)
{
    make_pages();
    for (size_t move = 0; move < MOVES; move++) {
        struct listener listener = { .calls = 0 };
        const struct numars_move_options options = recording_options(&listener);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        assert_returns(moves[move](&options, &stats), 0);
        ck_assert_uint_ge(stats.requested, count());
        ck_assert_uint_eq(stats.moved, 0);
        ck_assert_uint_ge(listener.calls, count() / pages_between_reports() + 1);
        ck_assert_uint_le(listener.longest_step, pages_between_reports());
        assert_same_stats(listener.last, stats);
    }
}
END_TEST

/* Maps `number` consecutive transparent huge pages, with base pages instead where the machine has no more of them; returns NULL if it has
 * none at all. */
static char *make_huge_pages(size_t number)
{
    const size_t size = number * huge_page_size();
    char *start = mmap(NULL, size + huge_page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(start != MAP_FAILED);
    start = align_to_huge_page(start);
    if (madvise(start, size, MADV_HUGEPAGE) != 0)
        return NULL;
    for (size_t page = 0; page < number; page++)
        start[page * huge_page_size()] = 1;
    return start;
}

/* Without a limit, 80 huge pages would be 160 MiB in one call. */
START_TEST(huge_pages_count_by_their_size_between_two_reports_of_progress)
{
    require_transparent_huge_pages();
    const size_t huge_pages = huge_pages_within(80, 160 << 20, 3), length = huge_pages * huge_page_size();
    memory = make_huge_pages(huge_pages);
    if (memory == NULL || !is_transparent_huge_page(memory))
        skip_test("there are no transparent huge pages");
    /* On a machine with a single node, none moves. */
    const int last_node = numa_max_node();
    for (int move = 0; move < 3; move++) {
        struct listener listener = { .calls = 0 };
        struct numars_move_options options = recording_options(&listener);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        options.threads = move == 2 ? 4 : 1;
        const int target = move == 1 ? last_node : 0;
        ck_assert_int_ge(numars_move_range(0, memory, length, target, &options, &stats), 0);
        ck_assert_uint_ge(stats.requested, length / page_size());
        ck_assert_uint_le(listener.longest_step, pages_between_reports());
    }
}
END_TEST

START_TEST(a_cancelled_call_makes_no_further_system_call)
{
    make_pages();
    for (size_t move = 0; move < MOVES; move++)
        for (size_t cancel_at = 1; cancel_at <= 2; cancel_at++) {
            struct listener listener = { .cancel_at = cancel_at };
            const struct numars_move_options options = recording_options(&listener);
            struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
            assert_fails(moves[move](&options, &stats), ECANCELED);
            assert_same_stats(listener.at_cancellation, stats);
            /* The callback's last call is the one at the end. */
            ck_assert_uint_eq(listener.calls, cancel_at + 1);
        }
}
END_TEST

int main(void)
{
    skip_without_numa_system_calls();
    return run_tests("progress", (const TTest *[]){
        progress_is_reported_at_least_every_64_MiB_even_if_no_page_has_to_move,
        huge_pages_count_by_their_size_between_two_reports_of_progress,
        a_cancelled_call_makes_no_further_system_call,
        NULL });
}

/* Limits of a move: pauses, rate, time, and a flag that cancels it; and what the statistics say about time and nodes. Each for the own process
 * and another one, for lists, ranges and processes. */
#include <numars.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "move_stats.h"
#include "nodes.h"
#include "page_counts.h"
#include "page_list.h"
#include "pages.h"

enum { LIST, RANGE, PROCESS };
static const int KINDS[] = { LIST, RANGE, PROCESS };

/* How many pages move: 16 MiB. */
static size_t count(void)
{
    return ((size_t)16 << 20) / page_size();
}

/* Pages on node 0, of the process itself or of a child. */
struct memory {
    struct child_process child;
    pid_t pid;
    char *pages;
    size_t count;
};

static struct memory memory_of(bool other, size_t count)
{
    struct memory memory = { .count = count };
    if (other) {
        memory.child = start_child(count, 0, NULL);
        memory.pid = memory.child.pid;
        memory.pages = memory.child.pages;
    } else
        memory.pages = pages_on_node(count, 0);
    return memory;
}

static void release(struct memory memory)
{
    if (memory.pid != 0)
        end_child(memory.child);
    else
        require(munmap(memory.pages, memory.count * page_size()) == 0);
}

static long move_kind(int kind, const struct memory *memory, int node, const struct numars_move_options *options, struct numars_move_stats *stats)
{
    errno = UNTOUCHED_ERRNO;
    if (kind == RANGE)
        return numars_move_range(memory->pid, memory->pages, memory->count * page_size(), node, options, stats);
    if (kind == PROCESS)
        return move_process_between(memory->pid, 1, 1UL << node, options, stats);
    struct page_list list = page_list_of_range(memory->pages, memory->count, node);
    const long returned = numars_move_pages(memory->pid, memory->count, list.pages, list.nodes, list.status, options, stats);
    const int error = errno;
    for (size_t page = 0; page < memory->count; page++)
        expect(list.status[page] == NOT_WRITTEN || list.status[page] == node || error == ECANCELED || error == ETIMEDOUT,
               "status %zu is %d after errno %d", page, list.status[page], error);
    errno = error;
    return returned;
}

static unsigned long on_node(const struct memory *memory, int node)
{
    return count_pages_raw(memory->pid, memory->pages, memory->count).on_node[node];
}

/* The statistics say what a query of the pages says. A process has other pages, too. */
static void assert_true_stats(int kind, const struct memory *memory, int node, const struct numars_move_stats *stats)
{
    if (kind != PROCESS)
        ck_assert_uint_eq(stats->moved + stats->in_place, on_node(memory, node));
    ck_assert_uint_ge(stats->requested, stats->moved);
    ck_assert_uint_ge(stats->elapsed_ns, stats->longest_call_ns);
    ck_assert_uint_gt(stats->longest_call_ns, 0);
    ck_assert(stats->no_memory == 0 && stats->failed == 0);
}

/* All pages of the memory have moved. Of a process, pages of libraries that others map, too, stay. */
static void assert_moved(int kind, const struct memory *memory, int node, const struct numars_move_options *options,
                         struct numars_move_stats *stats)
{
    const long returned = move_kind(kind, memory, node, options, stats);
    expect(returned == (kind == PROCESS ? (long)stats->shared : 0) && errno == UNTOUCHED_ERRNO, "returned %ld, errno %d", returned, errno);
    assert_true_stats(kind, memory, node, stats);
    ck_assert_uint_eq(on_node(memory, node), memory->count);
}

START_TEST(smaller_pauses_take_more_calls_and_everything_is_moved)
{
    for (int other = 0; other < 2; other++)
        for (size_t kind = 0; kind < sizeof KINDS / sizeof KINDS[0]; kind++) {
            struct memory memory = memory_of(other, count());
            struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
            struct numars_move_stats unbounded = NUMARS_MOVE_STATS_INIT, bounded = NUMARS_MOVE_STATS_INIT;
            assert_moved(KINDS[kind], &memory, 1, &options, &unbounded);
            assert_returns(numars_move_range(memory.pid, memory.pages, count() * page_size(), 0, NULL, NULL), 0);
            options.max_pause_us = 1000;
            assert_moved(KINDS[kind], &memory, 2, &options, &bounded);
            expect(bounded.kernel_calls >= unbounded.kernel_calls + 10, "%lu calls with a bound, %lu without", bounded.kernel_calls,
                   unbounded.kernel_calls);
            release(memory);
        }
}
END_TEST

START_TEST(a_bounded_rate_is_not_exceeded)
{
    const uint64_t rate = 16 << 20;
    for (int other = 0; other < 2; other++)
        for (size_t kind = 0; kind < sizeof KINDS / sizeof KINDS[0]; kind++)
            for (unsigned threads = 1; threads <= 2; threads++) {
                struct memory memory = memory_of(other, count() / 2);
                struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
                struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
                options.max_bytes_per_second = rate;
                options.threads = threads;
                assert_moved(KINDS[kind], &memory, 3, &options, &stats);
                /* Each thread may have begun with a twentieth of what a second allows. */
                const double bytes = (double)stats.moved * (double)page_size() - threads * (double)rate / 20;
                expect((double)stats.elapsed_ns >= bytes / (double)rate * 1e9, "%lu pages were moved in %llu ns", stats.moved,
                       (unsigned long long)stats.elapsed_ns);
                release(memory);
            }
}
END_TEST

enum { SCATTERED = 128 };

static size_t gap(void)
{
    return pages_per_huge_page() + 1;
}

static size_t huge_count(void)
{
    return huge_pages_within(4, 128 << 20, 2);
}

/* Pages that are more than a huge page apart. */
static char *scattered_pages(const void *unused)
{
    (void)unused;
    char *start = map_pages(SCATTERED * gap());
    for (size_t page = 0; page < SCATTERED; page++)
        touch_pages(start + page * gap() * page_size(), 1, 0);
    return start;
}

/* Consecutive huge pages. */
static char *huge_pages(const void *unused)
{
    (void)unused;
    require_transparent_huge_pages();
    char *start = align_to_huge_page(map_pages((huge_count() + 1) * pages_per_huge_page()));
    require(madvise(start, huge_count() * huge_page_size(), MADV_HUGEPAGE) == 0);
    touch_pages(start, huge_count() * pages_per_huge_page(), 0);
    for (size_t page = 0; page < huge_count(); page++)
        require(is_transparent_huge_page(start + page * huge_page_size()));
    return start;
}

/* Moves every `step` bytes of `count` pages with a rate that takes half a second for `bytes`, of which a call may move the last ones without
 * a wait. */
static void assert_takes_half_a_second(pid_t pid, char *start, size_t step, size_t count, size_t bytes, size_t last)
{
    struct page_list list = page_list_with_capacity(count);
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    for (size_t page = 0; page < count; page++)
        page_list_add(&list, start + page * step, 1);
    options.max_bytes_per_second = 2 * bytes;
    options.timeout_ms = 60 * 1000;
    assert_returns(numars_move_pages(pid, count, list.pages, list.nodes, list.status, &options, &stats), 0);
    assert_all_on_target(pid, &list);
    expect((double)stats.elapsed_ns >= 0.5e9 * (double)(bytes - last) / (double)bytes && stats.elapsed_ns < 10 * 1000000000ULL,
           "%zu entries took %llu ns", count, (unsigned long long)stats.elapsed_ns);
    for (size_t page = 0; page < count; page++)
        list.nodes[page] = 0;
    assert_returns(numars_move_pages(pid, count, list.pages, list.nodes, NULL, NULL, NULL), 0);
}

START_TEST(pages_of_a_list_count_with_their_size_for_the_rate)
{
    /* Before, sizes are estimated. */
    if (kernel_before(6, 7))
        return;
    for (int other = 0; other < 2; other++) {
        struct child_process child = { 0 };
        char *start = other ? (child = start_child_with(scattered_pages, NULL)).pages : scattered_pages(NULL);
        const size_t bytes = SCATTERED * page_size();
        assert_takes_half_a_second(child.pid, start, gap() * page_size(), SCATTERED, bytes, bytes / 10);
        if (other)
            end_child(child);
        start = other ? (child = start_child_with(huge_pages, NULL)).pages : huge_pages(NULL);
        const size_t huge_bytes = huge_count() * huge_page_size();
        assert_takes_half_a_second(child.pid, start, huge_page_size(), huge_count(), huge_bytes, huge_page_size());
        assert_takes_half_a_second(child.pid, start, page_size(), huge_bytes / page_size(), huge_bytes, huge_page_size());
        if (other)
            end_child(child);
    }
}
END_TEST

/* Long enough for the first pages to move on a busy machine, and much shorter than the move. */
enum { TIMEOUT_MS = 700 };

START_TEST(a_move_whose_time_is_up_fails_with_ETIMEDOUT_and_true_statistics)
{
    for (int other = 0; other < 2; other++)
        for (size_t kind = 0; kind < sizeof KINDS / sizeof KINDS[0]; kind++) {
            struct memory memory = memory_of(other, count());
            unsigned long per_node[NODES] = { 9, 9, 9, 9 };
            struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
            struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
            /* The rate makes sure that the time is too short. */
            options.max_bytes_per_second = count() * page_size() / 4;
            options.timeout_ms = TIMEOUT_MS;
            options.moved_per_node = per_node;
            options.n_nodes = NODES;
            assert_fails(move_kind(KINDS[kind], &memory, 1, &options, &stats), ETIMEDOUT);
            assert_true_stats(KINDS[kind], &memory, 1, &stats);
            ck_assert_uint_ge(stats.elapsed_ns, TIMEOUT_MS * 1000000ULL);
            ck_assert(stats.moved > 0 && on_node(&memory, 0) > 0);
            ck_assert(per_node[1] == stats.moved && per_node[0] == 0 && per_node[2] == 0 && per_node[3] == 0);
            /* What is left can be moved by another call. */
            options.timeout_ms = 0;
            options.max_bytes_per_second = 0;
            assert_moved(KINDS[kind], &memory, 1, &options, &stats);
            release(memory);
        }
}
END_TEST

static volatile int cancelled;

/* Cancels a move as soon as a page of `memory` has moved. */
struct canceller {
    const struct memory *memory;
    bool by_signal;
};

static void *cancel_when_a_page_has_moved(void *argument)
{
    const struct canceller *canceller = argument;
    while (on_node(canceller->memory, 1) == 0)
        usleep(10 * 1000);
    if (canceller->by_signal)
        require(kill(getpid(), SIGALRM) == 0);
    else
        cancelled = 1;
    return NULL;
}

static void cancel_on_signal(int number)
{
    (void)number;
    cancelled = -1;
}

/* By another thread, by a signal handler, or before the call. */
START_TEST(a_flag_cancels_a_move_with_true_statistics)
{
    signal(SIGALRM, cancel_on_signal);
    for (int how = 0; how < 3; how++)
        for (int other = 0; other < 2; other++)
            for (size_t kind = 0; kind < sizeof KINDS / sizeof KINDS[0]; kind++) {
                struct memory memory = memory_of(other, count());
                struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
                struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
                pthread_t thread;
                cancelled = how == 2;
                options.cancel = &cancelled;
                options.max_bytes_per_second = count() * page_size() / 4;
                struct canceller canceller = { &memory, how == 1 };
                if (how < 2)
                    require(pthread_create(&thread, NULL, cancel_when_a_page_has_moved, &canceller) == 0);
                assert_fails(move_kind(KINDS[kind], &memory, 1, &options, &stats), ECANCELED);
                if (how < 2)
                    require(pthread_join(thread, NULL) == 0);
                if (how == 2)
                    ck_assert(stats.requested == 0 && stats.moved == 0 && on_node(&memory, 1) == 0);
                else {
                    assert_true_stats(KINDS[kind], &memory, 1, &stats);
                    ck_assert(stats.moved > 0 && on_node(&memory, 0) > 0);
                }
                release(memory);
            }
}
END_TEST

START_TEST(pages_are_counted_by_the_node_to_which_they_moved)
{
    for (int other = 0; other < 2; other++) {
        struct memory memory = memory_of(other, 4 * 300);
        struct page_list list = page_list_of_range(memory.pages, memory.count, 0);
        unsigned long per_node[NODES + 1];
        for (unsigned n = 0; n <= NODES; n++) {
            struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
            struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
            /* Over all nodes but one; a quarter is in place. */
            for (size_t page = 0; page < list.count; page++)
                list.nodes[page] = (int)((page + n) % 4);
            memset(per_node, 0x55, sizeof per_node);
            const unsigned long untouched = per_node[NODES];
            assert_returns(numars_move_range(memory.pid, memory.pages, memory.count * page_size(), 0, NULL, NULL), 0);
            options.moved_per_node = per_node;
            options.n_nodes = n;
            assert_returns(numars_move_pages(memory.pid, list.count, list.pages, list.nodes, NULL, &options, &stats), 0);
            ck_assert(stats.moved == 900 && stats.in_place == 300);
            for (unsigned node = 0; node <= NODES; node++)
                expect(per_node[node] == (node >= n ? untouched : node == 0 ? 0 : 300), "%lu pages on node %u of %u", per_node[node], node, n);
        }
        release(memory);
    }
}
END_TEST

int main(void)
{
    return run_tests("move_limits", (const TTest *[]){
        smaller_pauses_take_more_calls_and_everything_is_moved,
        a_bounded_rate_is_not_exceeded,
        pages_of_a_list_count_with_their_size_for_the_rate,
        a_move_whose_time_is_up_fails_with_ETIMEDOUT_and_true_statistics,
        a_flag_cancels_a_move_with_true_statistics,
        pages_are_counted_by_the_node_to_which_they_moved,
        NULL });
}

/* Progress with huge pages, retries and several targets: how much is submitted to the kernel between two calls of the callback, that the
 * reported statistics never decrease, and that the sums of each report are consistent. */
#include <numars.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "move_stats.h"
#include "page_counts.h"
#include "page_list.h"
#include "pages.h"

enum { MAX_HUGE_PAGES = 80, MAX_BYTES = 64 << 20 };

/* Replaces the system call by which pages move: counts the bytes of the huge pages, each once, that are submitted since the last call of
 * the callback. They are between `huge` and `huge_end`. If `at_once` is set, the move is only simulated, so that it takes no time, as on a
 * machine that is much faster than an emulated one: the reported node of each page is recorded. */
static char *huge, *huge_end;
static size_t huge_pages;
static atomic_size_t bytes_since_callback, max_bytes;
static atomic_bool was_handed[MAX_HUGE_PAGES];
static bool at_once;
static atomic_int said_to_be_on[MAX_HUGE_PAGES];

static bool is_huge(const char *page)
{
    return page >= huge && page < huge_end;
}

static size_t number_of(const char *page)
{
    return (size_t)(page - huge) / huge_page_size();
}

static void count_bytes(unsigned long count, void **pages)
{
    size_t bytes = 0;
    for (unsigned long entry = 0; entry < count; entry++)
        if (is_huge(pages[entry]) && !atomic_exchange(&was_handed[number_of(pages[entry])], true))
            bytes += huge_page_size();
    const size_t so_far = atomic_fetch_add(&bytes_since_callback, bytes) + bytes;
    for (size_t max = max_bytes; so_far > max && !atomic_compare_exchange_weak(&max_bytes, &max, so_far);)
        continue;
}

static void count_from_here_on(void)
{
    bytes_since_callback = 0;
    for (size_t page = 0; page < huge_pages; page++)
        was_handed[page] = false;
}

long move_pages(int pid, unsigned long count, void **pages, const int *nodes, int *status, int flags)
{
    if (nodes != NULL)
        count_bytes(count, pages);
    if (!at_once || count == 0 || !is_huge(pages[0]))
        return syscall(SYS_move_pages, (long)pid, count, pages, nodes, status, (long)flags);
    for (unsigned long entry = 0; entry < count; entry++) {
        atomic_int *node = &said_to_be_on[number_of(pages[entry])];
        if (nodes != NULL)
            *node = nodes[entry];
        status[entry] = *node;
    }
    return 0;
}

struct listener {
    struct numars_move_stats last;
    size_t calls, cancel_at, wrong;
    /* Describes the first inconsistent report. */
    char text[300];
};

static int record_progress(const struct numars_move_stats *so_far, void *argument)
{
    struct listener *listener = argument;
    const struct numars_move_stats *last = &listener->last;
    const unsigned long sum = so_far->moved + so_far->in_place + so_far->absent + so_far->unmapped + so_far->shared
        + so_far->busy + so_far->no_memory + so_far->failed;
    const bool went_back = so_far->requested < last->requested || so_far->moved < last->moved || so_far->in_place < last->in_place
        || so_far->absent < last->absent || so_far->unmapped < last->unmapped || so_far->shared < last->shared
        || so_far->busy < last->busy || so_far->no_memory < last->no_memory || so_far->failed < last->failed
        || so_far->retried < last->retried || so_far->kernel_calls < last->kernel_calls;
    count_from_here_on();
    listener->calls++;
    if (went_back || sum > so_far->requested) {
        if (listener->wrong++ == 0)
            snprintf(listener->text, sizeof listener->text,
                     "call %zu: requested %lu, moved %lu, in_place %lu, busy %lu, failed %lu, retried %lu after %lu, %lu, %lu, %lu, %lu, %lu; "
                     "the sums are %lu of %lu", listener->calls, so_far->requested, so_far->moved, so_far->in_place, so_far->busy,
                     so_far->failed, so_far->retried, last->requested, last->moved, last->in_place, last->busy, last->failed,
                     last->retried, sum, so_far->requested);
    }
    listener->last = *so_far;
    return listener->calls == listener->cancel_at;
}

static struct numars_move_options listened_to_by(struct listener *listener, unsigned threads)
{
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.threads = threads;
    options.progress = record_progress;
    options.progress_arg = listener;
    count_from_here_on();
    max_bytes = 0;
    return options;
}

static void assert_right(const struct listener *listener, const struct numars_move_stats *stats, const char *what)
{
    expect(listener->wrong == 0, "%s: %zu of %zu calls of the callback were wrong; %s", what, listener->wrong, listener->calls,
           listener->text);
    expect(have_same_counts(&listener->last, stats), "%s: the last call of the callback does not have the sums at the end", what);
}

static void make_huge_pages(void)
{
    /* More than MAX_BYTES. */
    huge_pages = huge_pages_within(MAX_HUGE_PAGES, 160 << 20, MAX_BYTES / huge_page_size() + 2);
    huge = transparent_huge_pages(huge_pages, 0);
    huge_end = huge + huge_pages * huge_page_size();
}

/* A list of one address in each huge page, at several offsets, or the range of all of them. */
static long move_huge_pages(bool as_list, int node, const struct numars_move_options *options, struct numars_move_stats *stats)
{
    if (!as_list)
        return numars_move_range(0, huge, (size_t)(huge_end - huge), node, options, stats);
    struct page_list list = page_list_with_capacity(huge_pages);
    for (size_t page = 0; page < huge_pages; page++)
        page_list_add(&list, huge + page * huge_page_size() + page % 3 * page_size(), node);
    return numars_move_pages(0, list.count, list.pages, list.nodes, list.status, options, stats);
}

/* With a single thread: with several, an emulated machine takes very long. */
START_TEST(at_most_64_MiB_of_huge_pages_are_submitted_between_two_reports)
{
    make_huge_pages();
    for (int as_list = 0; as_list < 2; as_list++) {
        struct listener listener = { .calls = 0 };
        const struct numars_move_options options = listened_to_by(&listener, 1);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        const char *what = as_list ? "list" : "range";
        const int node = 1 + as_list;
        assert_returns(move_huge_pages(as_list, node, &options, &stats), 0);
        expect(max_bytes <= MAX_BYTES, "%s: %zu MiB were submitted to the kernel between two calls of the callback", what, max_bytes >> 20);
        assert_right(&listener, &stats, what);
        ck_assert_uint_eq(count_pages_raw(0, huge, huge_pages * pages_per_huge_page()).on_node[node], huge_pages * pages_per_huge_page());
    }
    ck_assert(pages_keep_contents(huge, huge_pages * pages_per_huge_page()));
}
END_TEST

START_TEST(at_most_64_MiB_of_huge_pages_are_submitted_between_two_reports_however_fast_they_move)
{
    make_huge_pages();
    at_once = true;
    for (int as_list = 0; as_list < 2; as_list++)
        for (unsigned threads = 1; threads <= 4; threads += 3)
            for (size_t cancel_at = 0; cancel_at <= 2; cancel_at++) {
                struct listener listener = { .cancel_at = cancel_at };
                const struct numars_move_options options = listened_to_by(&listener, threads);
                struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
                char what[64];
                for (size_t page = 0; page < huge_pages; page++)
                    said_to_be_on[page] = 0;
                snprintf(what, sizeof what, "%s, %u threads, cancelled by call %zu", as_list ? "list" : "range", threads, cancel_at);
                if (cancel_at == 0)
                    assert_returns(move_huge_pages(as_list, 1, &options, &stats), 0);
                else
                    assert_fails(move_huge_pages(as_list, 1, &options, &stats), ECANCELED);
                expect(max_bytes <= MAX_BYTES, "%s: %zu MiB were submitted to the kernel between two calls of the callback", what,
                       max_bytes >> 20);
                assert_right(&listener, &stats, what);
            }
}
END_TEST

START_TEST(cancelling_takes_effect_before_64_MiB_more_of_huge_pages)
{
    make_huge_pages();
    for (int as_list = 0; as_list < 2; as_list++) {
        struct listener listener = { .cancel_at = 1 };
        const struct numars_move_options options = listened_to_by(&listener, 1);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        const int node = 1 + as_list;
        const char *what = as_list ? "list" : "range";
        assert_fails(move_huge_pages(as_list, node, &options, &stats), ECANCELED);
        const size_t moved = count_pages_raw(0, huge, huge_pages * pages_per_huge_page()).on_node[node];
        expect(moved * page_size() <= MAX_BYTES && max_bytes <= MAX_BYTES,
               "%s: cancelled by the first call, %zu MiB have moved, %zu MiB were submitted to the kernel between two calls", what,
               moved * page_size() >> 20, max_bytes >> 20);
        ck_assert_uint_eq(stats.moved, as_list ? moved / pages_per_huge_page() : moved);
        expect(listener.wrong == 0, "%s", listener.text);
    }
    ck_assert(pages_keep_contents(huge, huge_pages * pages_per_huge_page()));
}
END_TEST

START_TEST(reported_statistics_never_decrease_when_pinned_pages_are_retried)
{
    const size_t count = pages_within(6000, 96 << 20);
    for (int as_list = 0; as_list < 2; as_list++)
        for (unsigned threads = 1; threads <= 2; threads++) {
            char *pages = pages_on_node(count, 0), what[64];
            int pipes[3];
            for (size_t pin = 0; pin < 3; pin++)
                pipes[pin] = pin_in_pipe(pages + (pin * 2 * count / 5 + count / 20) * page_size());
            struct page_list list = page_list_of_range(pages, count, 1);
            struct listener listener = { .calls = 0 };
            const struct numars_move_options options = listened_to_by(&listener, threads);
            struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
            snprintf(what, sizeof what, "%s, %u threads", as_list ? "list" : "range", threads);
            assert_returns(as_list ? numars_move_pages(0, count, list.pages, list.nodes, list.status, &options, &stats)
                                   : numars_move_range(0, pages, count * page_size(), 1, &options, &stats), 3);
            assert_stats(stats, .requested = count, .moved = count - 3, .busy = kernel_counts_pinned_pages() ? 3 : 0,
                         .failed = kernel_counts_pinned_pages() ? 0 : 3, .retried = stats.retried);
            assert_right(&listener, &stats, what);
            for (size_t pin = 0; pin < 3; pin++)
                unpin_from_pipe(pipes[pin]);
            require(munmap(pages, count * page_size()) == 0);
        }
}
END_TEST

/* All base pages of some huge pages, each with another target than the one before. */
START_TEST(sums_are_consistent_when_parts_of_huge_pages_have_several_targets)
{
    const size_t few_huge_pages = huge_pages_within(3, 96 << 20, 1), count = few_huge_pages * pages_per_huge_page();
    for (unsigned threads = 1; threads <= 2; threads++)
        for (int targets = 2; targets <= 4; targets++) {
            char *pages = transparent_huge_pages(few_huge_pages, 0), what[64];
            struct page_list list = page_list_with_capacity(count);
            /* Not all base pages: each huge page is moved repeatedly, which takes long on an emulated machine. */
            for (size_t page = 0; page < count; page += 32)
                page_list_add(&list, pages + page * page_size(), (int)(page / 32) % targets);
            struct listener listener = { .calls = 0 };
            const struct numars_move_options options = listened_to_by(&listener, threads);
            struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
            snprintf(what, sizeof what, "%d targets, %u threads", targets, threads);
            errno = UNTOUCHED_ERRNO;
            const long returned = numars_move_pages(0, list.count, list.pages, list.nodes, list.status, &options, &stats);
            assert_true_statuses(0, &list);
            expect(returned == (long)(list.count - page_list_on_target(0, &list)) && errno == UNTOUCHED_ERRNO, "%s: returned %ld, errno %d", what,
                   returned, errno);
            assert_stats_add_up(stats);
            ck_assert_uint_eq(stats.requested, list.count);
            ck_assert_uint_eq(stats.moved + stats.in_place, page_list_on_target(0, &list));
            assert_right(&listener, &stats, what);
            ck_assert(pages_keep_contents(pages, count));
            require(munmap(pages, few_huge_pages * huge_page_size()) == 0);
        }
}
END_TEST

/* A page that is named many times, with several targets. */
START_TEST(sums_are_consistent_when_pages_are_named_repeatedly)
{
    enum { PAGES = 700 };
    for (unsigned threads = 1; threads <= 2; threads++) {
        char *pages = pages_on_node(PAGES, 0);
        struct page_list list = page_list_with_capacity(3 * PAGES);
        for (size_t entry = 0; entry < 3 * PAGES; entry++)
            page_list_add(&list, pages + entry * 7919 % PAGES * page_size(), (int)(entry % 4));
        struct listener listener = { .calls = 0 };
        const struct numars_move_options options = listened_to_by(&listener, threads);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        assert_returns(numars_move_pages(0, list.count, list.pages, list.nodes, list.status, &options, &stats), 0);
        assert_true_statuses(0, &list);
        assert_stats_add_up(stats);
        assert_right(&listener, &stats, "pages named three times");
        ck_assert(pages_keep_contents(pages, PAGES));
        require(munmap(pages, PAGES * page_size()) == 0);
    }
}
END_TEST

int main(void)
{
    return run_tests("progress_of_huge_pages", (const TTest *[]){
        at_most_64_MiB_of_huge_pages_are_submitted_between_two_reports,
        at_most_64_MiB_of_huge_pages_are_submitted_between_two_reports_however_fast_they_move,
        cancelling_takes_effect_before_64_MiB_more_of_huge_pages,
        reported_statistics_never_decrease_when_pinned_pages_are_retried,
        sums_are_consistent_when_parts_of_huge_pages_have_several_targets,
        sums_are_consistent_when_pages_are_named_repeatedly,
        NULL });
}

/* Pages in flight, moved by another thread at the same moment: a query reports them as absent. They were touched and never freed, so no
 * call may report that. */
#include <numars.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "move_stats.h"
#include "page_counts.h"
#include "page_list.h"
#include "pages.h"

enum { PAGES = 3000 };

static size_t huge_count(void)
{
    return huge_pages_within(8, 64 << 20, 2);
}

/* Replaces the system call by which pages are moved and queried. `hidden` times, a query returns -ENOENT for each present page of a range,
 * as if all were in flight. */
static const char *hidden_from, *hidden_to;
static atomic_int hidden;
static int said_of_hidden_pages = -ENOENT;

static long raw_move_pages(int pid, unsigned long count, void **pages, const int *nodes, int *status, int flags)
{
    return syscall(SYS_move_pages, (long)pid, count, pages, nodes, status, (long)flags);
}

long move_pages(int pid, unsigned long count, void **pages, const int *nodes, int *status, int flags)
{
    const long returned = raw_move_pages(pid, count, pages, nodes, status, flags);
    if (returned != 0 || nodes != NULL || count == 0 || hidden == 0)
        return returned;
    bool any = false;
    for (unsigned long entry = 0; entry < count; entry++)
        if ((char *)pages[entry] >= hidden_from && (char *)pages[entry] < hidden_to && status[entry] >= 0) {
            status[entry] = said_of_hidden_pages;
            any = true;
        }
    hidden -= any;
    return 0;
}

static void hide_pages(const char *start, size_t count, int times)
{
    hidden_from = start;
    hidden_to = start + count * page_size();
    hidden = times;
}

/* A thread that keeps moving pages to node 1, to node 2 and back, until it is stopped. */
struct mover {
    pthread_t thread;
    struct page_list list;
    atomic_bool stop;
    atomic_size_t rounds;
};

static void *move_to_and_fro(void *argument)
{
    struct mover *mover = argument;
    struct page_list *list = &mover->list;
    while (!mover->stop) {
        const int node = 1 + (int)(mover->rounds % 2);
        for (size_t entry = 0; entry < list->count; entry++)
            list->nodes[entry] = node;
        raw_move_pages(0, list->count, list->pages, list->nodes, list->status, MPOL_MF_MOVE);
        mover->rounds++;
    }
    return NULL;
}

/* Its pages are `step` base pages apart. */
static struct mover *start_mover(char *start, size_t count, size_t step)
{
    struct mover *mover = calloc(1, sizeof *mover);
    require(mover != NULL);
    mover->list = page_list_with_capacity(count / step);
    for (size_t page = 0; page < count; page += step)
        page_list_add(&mover->list, start + page * page_size(), 1);
    require(pthread_create(&mover->thread, NULL, move_to_and_fro, mover) == 0);
    return mover;
}

static void stop_mover(struct mover *mover)
{
    while (mover->rounds == 0)
        usleep(1000);
    mover->stop = true;
    require(pthread_join(mover->thread, NULL) == 0);
    free(mover);
}

/* Each test runs for some seconds unless it fails, so that a rare race has time to occur. */
static bool there_is_time(void)
{
    enum { SECONDS = 3 };
    static struct timespec start;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (start.tv_sec == 0)
        start = now;
    return now.tv_sec - start.tv_sec < SECONDS;
}

static void assert_none_is_missing(const struct numars_move_stats *stats, size_t count, const char *call)
{
    assert_stats_add_up(*stats);
    expect(stats->requested == count && stats->absent == 0 && stats->unmapped == 0,
           "%s: requested %lu of %zu pages, absent %lu, unmapped %lu; all were there all the time", call, stats->requested,
           count, stats->absent, stats->unmapped);
}

static size_t missing_pages(const struct page_list *list)
{
    size_t missing = 0;
    for (size_t entry = 0; entry < list->count; entry++)
        missing += list->status[entry] == -ENOENT || list->status[entry] == -EFAULT;
    return missing;
}

static void assert_no_status_of_a_missing_page(const struct page_list *list, const char *call)
{
    for (size_t entry = 0; entry < list->count; entry++)
        expect(list->status[entry] != NOT_WRITTEN, "%s: status %zu was not written", call, entry);
    const size_t missing = missing_pages(list);
    expect(missing == 0, "%s: %zu of %zu statuses say that the page is not there; all were there all the time", call, missing,
           list->count);
}

static void assert_returned_is_plausible(long returned, int error, size_t count, const char *call)
{
    expect(returned >= 0 && returned <= (long)count && error == UNTOUCHED_ERRNO, "%s: returned %ld, errno %d", call, returned, error);
}

/* For a moment, just before a hugetlb page is in flight, the page tables show nothing, for as long as the CPUs flush their TLBs: numars then
 * queries the page again, but not for as long as the CPU of a virtual machine may have to wait. So this may happen, but not each time. */
enum { HUGETLB_CALLS = 5 };

/* Every `step`-th base page, at most `max` of them. */
static void call_lists(char *start, size_t count, size_t step, size_t max, bool is_hugetlb)
{
    struct page_list list = page_list_with_capacity(count / step);
    for (size_t page = 0; page < count && list.count < max; page += step)
        page_list_add(&list, start + page * page_size(), 3);
    for (size_t at = 0; there_is_time(); at = (at + 1) % (count / step)) {
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        char what[64];
        /* Short lists start at another page each time. */
        if (list.count < count / step)
            for (size_t entry = 0; entry < list.count; entry++)
                list.pages[entry] = start + (at + entry) % (count / step) * step * page_size();
        for (int call = 0; call < 4; call++) {
            const int *nodes = call % 2 == 0 ? list.nodes : NULL;
            snprintf(what, sizeof what, "%s of %zu entries, %s", call < 2 ? "numars_move_pages" : "numa_move_pages", list.count,
                     nodes == NULL ? "a query" : "a move");
            long returned = 0;
            for (int calls_left = is_hugetlb ? HUGETLB_CALLS : 1; calls_left > 0; calls_left--) {
                for (size_t entry = 0; entry < list.count; entry++)
                    list.status[entry] = NOT_WRITTEN;
                errno = UNTOUCHED_ERRNO;
                returned = call < 2 ? numars_move_pages(0, list.count, list.pages, nodes, list.status, NULL, &stats)
                                    : numa_move_pages(0, list.count, list.pages, nodes, list.status, MPOL_MF_MOVE);
                if (missing_pages(&list) == 0)
                    break;
            }
            assert_returned_is_plausible(returned, errno, list.count, what);
            if (call < 2)
                assert_none_is_missing(&stats, list.count, what);
            assert_no_status_of_a_missing_page(&list, what);
        }
    }
}

static void call_ranges(char *start, size_t count, bool is_hugetlb)
{
    while (there_is_time()) {
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        unsigned long per_node[NODES];
        errno = UNTOUCHED_ERRNO;
        long counted = numars_count_pages(0, start, count * page_size(), per_node, NODES);
        for (int calls = 1; is_hugetlb && counted != (long)count && calls < HUGETLB_CALLS; calls++)
            counted = numars_count_pages(0, start, count * page_size(), per_node, NODES);
        expect(counted == (long)count && errno == UNTOUCHED_ERRNO, "numars_count_pages: %ld of %zu pages, errno %d", counted, count, errno);
        expect(per_node[0] + per_node[1] + per_node[2] + per_node[3] == count, "numars_count_pages: per node %lu, %lu, %lu, %lu",
               per_node[0], per_node[1], per_node[2], per_node[3]);
        errno = UNTOUCHED_ERRNO;
        long returned = numars_move_range(0, start, count * page_size(), 3, NULL, &stats);
        for (int calls = 1; is_hugetlb && stats.requested != count && calls < HUGETLB_CALLS; calls++)
            returned = numars_move_range(0, start, count * page_size(), 3, NULL, &stats);
        assert_returned_is_plausible(returned, errno, count, "numars_move_range");
        assert_none_is_missing(&stats, count, "numars_move_range");
    }
}

START_TEST(base_pages_in_flight_are_in_every_range_and_count)
{
    char *pages = pages_on_node(PAGES, 0);
    struct mover *mover = start_mover(pages, PAGES, 1);
    call_ranges(pages, PAGES, false);
    stop_mover(mover);
    ck_assert(pages_keep_contents(pages, PAGES));
}
END_TEST

static void lists_of_base_pages_in_flight(size_t max)
{
    char *pages = pages_on_node(PAGES, 0);
    struct mover *mover = start_mover(pages, PAGES, 1);
    call_lists(pages, PAGES, 1, max, false);
    stop_mover(mover);
    ck_assert(pages_keep_contents(pages, PAGES));
}

START_TEST(base_pages_in_flight_are_not_absent_in_lists_of_1)
{
    lists_of_base_pages_in_flight(1);
}
END_TEST

START_TEST(base_pages_in_flight_are_not_absent_in_lists_of_50)
{
    lists_of_base_pages_in_flight(50);
}
END_TEST

START_TEST(base_pages_in_flight_are_not_absent_in_lists_of_3000)
{
    lists_of_base_pages_in_flight(3000);
}
END_TEST

START_TEST(huge_pages_in_flight_are_in_every_range_and_count)
{
    char *pages = transparent_huge_pages(huge_count(), 0);
    struct mover *mover = start_mover(pages, huge_count() * pages_per_huge_page(), pages_per_huge_page());
    call_ranges(pages, huge_count() * pages_per_huge_page(), false);
    stop_mover(mover);
    ck_assert(pages_keep_contents(pages, huge_count() * pages_per_huge_page()));
}
END_TEST

START_TEST(huge_pages_in_flight_are_not_absent_in_lists)
{
    char *pages = transparent_huge_pages(huge_count(), 0);
    struct mover *mover = start_mover(pages, huge_count() * pages_per_huge_page(), pages_per_huge_page());
    call_lists(pages, huge_count() * pages_per_huge_page(), pages_per_huge_page(), PAGES, false);
    stop_mover(mover);
    ck_assert(pages_keep_contents(pages, huge_count() * pages_per_huge_page()));
}
END_TEST

/* Before Linux 6.7, a hugetlb page in flight cannot be distinguished from an absent one: a query returns -ENOENT, and pagemap is empty. */
static void require_hugetlb_pages_in_flight_to_be_seen(void)
{
    if (kernel_before(6, 7))
        skip_test("this kernel does not show hugetlb pages that are on their way");
}

/* Some pages of hugetlbfs, and as many reserved on each node. */
static size_t hugetlb_count(void)
{
    return huge_pages_within(4, 64 << 20, 1);
}

static char *hugetlb_pages(void)
{
    for (int node = 0; node < NODES; node++)
        require(set_nr_huge_pages(node, 2 * (long)hugetlb_count()) == 2 * (long)hugetlb_count());
    char *pages = mmap(NULL, hugetlb_count() * huge_page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    require(pages != MAP_FAILED);
    touch_pages(pages, hugetlb_count() * pages_per_huge_page(), 0);
    return pages;
}

START_TEST(hugetlb_pages_in_flight_are_in_every_range_and_count)
{
    require_hugetlb_pages_in_flight_to_be_seen();
    char *pages = hugetlb_pages();
    struct mover *mover = start_mover(pages, hugetlb_count() * pages_per_huge_page(), pages_per_huge_page());
    call_ranges(pages, hugetlb_count() * pages_per_huge_page(), true);
    stop_mover(mover);
    ck_assert(pages_keep_contents(pages, hugetlb_count() * pages_per_huge_page()));
    require(munmap(pages, hugetlb_count() * huge_page_size()) == 0);
}
END_TEST

START_TEST(hugetlb_pages_in_flight_are_not_absent_in_lists)
{
    require_hugetlb_pages_in_flight_to_be_seen();
    char *pages = hugetlb_pages();
    struct mover *mover = start_mover(pages, hugetlb_count() * pages_per_huge_page(), pages_per_huge_page());
    call_lists(pages, hugetlb_count() * pages_per_huge_page(), pages_per_huge_page(), PAGES, true);
    stop_mover(mover);
    ck_assert(pages_keep_contents(pages, hugetlb_count() * pages_per_huge_page()));
    require(munmap(pages, hugetlb_count() * huge_page_size()) == 0);
}
END_TEST

/* Deterministic: the kernel's results, except that pages appear to be in flight at the first query, or at the first three. -EFAULT, which
 * may also mean the zero page, is returned once. */

static void assert_all_found(char *start, size_t count, size_t step)
{
    const int errors[] = { -ENOENT, -EFAULT };
    for (size_t error = 0; error < 2; error++)
        for (int times = 1; times <= (errors[error] == -EFAULT ? 1 : 3); times++) {
            struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
            struct page_list list = page_list_with_capacity(count / step);
            const int node = 1 + times % 2;
            said_of_hidden_pages = errors[error];
            for (size_t page = 0; page < count; page += step)
                page_list_add(&list, start + page * page_size(), node);

            hide_pages(start, count, times);
            expect(numars_count_pages(0, start, count * page_size(), NULL, 0) == (long)count,
                   "numars_count_pages: pages that were hidden %d times with %d are not counted", times, errors[error]);

            hide_pages(start, count, times);
            assert_returns(numars_move_range(0, start, count * page_size(), node, NULL, &stats), 0);
            hidden = 0;
            assert_none_is_missing(&stats, count, "numars_move_range");
            ck_assert_uint_eq(count_pages_raw(0, start, count).on_node[node], count);

            for (size_t entry = 0; entry < list.count; entry++)
                list.nodes[entry] = 0;
            hide_pages(start, count, times);
            assert_returns(numars_move_pages(0, list.count, list.pages, list.nodes, list.status, NULL, &stats), 0);
            hidden = 0;
            assert_none_is_missing(&stats, list.count, "numars_move_pages");
            assert_all_on_target(0, &list);

            for (size_t entry = 0; entry < list.count; entry++)
                list.nodes[entry] = 3;
            hide_pages(start, count, times);
            assert_returns(numa_move_pages(0, list.count, list.pages, list.nodes, list.status, MPOL_MF_MOVE), 0);
            hidden = 0;
            assert_all_on_target(0, &list);
        }
}

START_TEST(base_pages_that_some_queries_do_not_find_are_queried_again)
{
    char *pages = pages_on_node(PAGES, 0);
    assert_all_found(pages, PAGES, 1);
    ck_assert(pages_keep_contents(pages, PAGES));
}
END_TEST

START_TEST(huge_pages_that_some_queries_do_not_find_are_queried_again)
{
    char *pages = transparent_huge_pages(huge_count(), 0);
    assert_all_found(pages, huge_count() * pages_per_huge_page(), pages_per_huge_page());
    ck_assert(pages_keep_contents(pages, huge_count() * pages_per_huge_page()));
}
END_TEST

/* In another process, whose page tables root can read as well. */
START_TEST(pages_of_another_process_that_some_queries_do_not_find_are_queried_again)
{
    struct child_process child = start_child(PAGES, 0, NULL);
    struct page_list list = page_list_of_range(child.pages, PAGES, 1);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    hide_pages(child.pages, PAGES, 2);
    assert_returns(numars_count_pages(child.pid, child.pages, PAGES * page_size(), NULL, 0), PAGES);
    hide_pages(child.pages, PAGES, 2);
    assert_returns(numars_move_range(child.pid, child.pages, PAGES * page_size(), 3, NULL, &stats), 0);
    hidden = 0;
    assert_stats(stats, .requested = PAGES, .moved = PAGES);
    hide_pages(child.pages, PAGES, 2);
    assert_returns(numars_move_pages(child.pid, PAGES, list.pages, list.nodes, list.status, NULL, &stats), 0);
    hidden = 0;
    assert_stats(stats, .requested = PAGES, .moved = PAGES);
    assert_all_on_target(child.pid, &list);
    end_child(child);
}
END_TEST

/* Absent pages stay absent, whatever is next to them. */
START_TEST(absent_pages_are_not_mistaken_for_pages_in_flight)
{
    char *pages = map_pages(PAGES);
    for (size_t page = 0; page < PAGES; page += 2)
        touch_pages(pages + page * page_size(), 1, 0);
    struct page_list list = page_list_of_range(pages, PAGES, 1);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    hide_pages(pages, PAGES, 1);
    assert_returns(numars_move_pages(0, PAGES, list.pages, list.nodes, list.status, NULL, &stats), 0);
    hidden = 0;
    assert_true_statuses(0, &list);
    assert_stats(stats, .requested = PAGES, .moved = PAGES / 2, .absent = stats.absent,
                 .unmapped = PAGES / 2 - stats.absent);
    hide_pages(pages, PAGES, 1);
    assert_returns(numars_count_pages(0, pages, PAGES * page_size(), NULL, 0), PAGES / 2);
}
END_TEST

int main(void)
{
    return run_tests("pages_in_flight", (const TTest *[]){
        base_pages_in_flight_are_in_every_range_and_count,
        base_pages_in_flight_are_not_absent_in_lists_of_1,
        base_pages_in_flight_are_not_absent_in_lists_of_50,
        base_pages_in_flight_are_not_absent_in_lists_of_3000,
        huge_pages_in_flight_are_in_every_range_and_count,
        huge_pages_in_flight_are_not_absent_in_lists,
        hugetlb_pages_in_flight_are_in_every_range_and_count,
        hugetlb_pages_in_flight_are_not_absent_in_lists,
        base_pages_that_some_queries_do_not_find_are_queried_again,
        huge_pages_that_some_queries_do_not_find_are_queried_again,
        pages_of_another_process_that_some_queries_do_not_find_are_queried_again,
        absent_pages_are_not_mistaken_for_pages_in_flight,
        NULL });
}

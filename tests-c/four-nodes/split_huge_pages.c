/* The kernel splits huge pages while it moves them because their target has no memory for whole ones: afterwards one entry names many base
 * pages of which some have moved. Results are compared with raw queries page by page. */
#include <numars.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "environment.h"
#include "full_node.h"
#include "harness.h"
#include "page_counts.h"
#include "page_list.h"
#include "pages.h"

enum { SOURCE = 0, FULL = 2, SPARE = 3, HUGE_PAGES = 3 };

/* About 515: every base page of a split huge page has room, except for one that becomes the zero page. */
static const size_t FREE_PAGES[] = { 0, 1, 200, 515, 700, 1000, 1300 };
enum { FREE_PAGES_COUNT = sizeof FREE_PAGES / sizeof *FREE_PAGES };

/* For tests that fill the node each time, which takes seconds on an emulated machine. */
static const size_t SOME_FREE_PAGES[] = { 0, 400, 1000 };
enum { SOME_FREE_PAGES_COUNT = sizeof SOME_FREE_PAGES / sizeof *SOME_FREE_PAGES };

/* Replaces the system call by which pages move: after the first call that did not move all, the full node is released. */
static _Atomic(struct full_node *) node_to_release;

long move_pages(int pid, unsigned long count, void **pages, const int *nodes, int *status, int flags)
{
    const long returned = syscall(SYS_move_pages, (long)pid, count, pages, nodes, status, (long)flags);
    const int error = errno;
    if (nodes != NULL && count > 0 && returned != 0) {
        struct full_node *full = atomic_exchange(&node_to_release, NULL);
        if (full != NULL)
            release_full_node(full);
    }
    errno = error;
    return returned;
}

/* How many base pages the huge pages have. */
static size_t base_pages(void)
{
    return HUGE_PAGES * pages_per_huge_page();
}

/* Maps three huge pages; if requested, the first base page of each contains only zeros. */
static char *huge_pages(bool with_zeros)
{
    char *start = transparent_huge_pages(HUGE_PAGES, SOURCE);
    for (size_t huge = 0; with_zeros && huge < HUGE_PAGES; huge++)
        memset(start + huge * huge_page_size(), 0, page_size());
    return start;
}

static void assert_contents(char *start, bool with_zeros)
{
    char *expected = huge_pages(with_zeros);
    ck_assert(memcmp(start, expected, HUGE_PAGES * huge_page_size()) == 0);
    require(munmap(expected, HUGE_PAGES * huge_page_size()) == 0);
}

static void move_range_to_full_node(bool with_zeros)
{
    struct full_node full = fill_node_completely(FULL, SPARE);
    int partly_moved = 0;
    for (int i = 0; i < FREE_PAGES_COUNT; i++) {
        char what[64];
        snprintf(what, sizeof what, "room for %zu pages", FREE_PAGES[i]);
        set_free_pages(&full, FREE_PAGES[i]);
        char *start = huge_pages(with_zeros);
        const struct range_move move = move_range(start, base_pages(), FULL, NULL);
        assert_move_to_full_node(&move, what);
        assert_contents(start, with_zeros);
        partly_moved += count_pages_raw(0, start, base_pages()).on_node[FULL] % pages_per_huge_page() != 0;
        require(munmap(start, HUGE_PAGES * huge_page_size()) == 0);
    }
    release_full_node(&full);
    /* Linux 6.1 may move all huge pages that fit as a whole. */
    require(partly_moved > 0 || kernel_before(6, 7));
}

START_TEST(a_range_of_huge_pages_to_a_full_node_is_counted_page_by_page)
{
    move_range_to_full_node(false);
}
END_TEST

/* Linux 6.12 maps the zero page instead of such a base page when it splits: a query returns -EFAULT then. */
START_TEST(huge_pages_that_begin_with_zeros_do_not_hide_those_that_stay)
{
    move_range_to_full_node(true);
}
END_TEST

START_TEST(huge_pages_for_which_memory_is_freed_between_two_attempts_are_counted_page_by_page)
{
    for (int threads = 1; threads <= 2; threads++)
        for (int i = 0; i < SOME_FREE_PAGES_COUNT; i++) {
            char what[64];
            snprintf(what, sizeof what, "%d threads, room for %zu pages at first", threads, SOME_FREE_PAGES[i]);
            struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
            options.threads = (unsigned)threads;
            struct full_node full = fill_node_completely(FULL, SPARE);
            set_free_pages(&full, SOME_FREE_PAGES[i]);
            char *start = huge_pages(false);
            node_to_release = &full;
            const struct range_move move = move_range(start, base_pages(), FULL, &options);
            if (atomic_exchange(&node_to_release, NULL) != NULL)
                release_full_node(&full);
            assert_move_to_full_node(&move, what);
            assert_contents(start, false);
            require(munmap(start, HUGE_PAGES * huge_page_size()) == 0);
        }
}
END_TEST

/* Memory that a callback frees is available to what follows it. */
static int make_room_once(const struct numars_move_stats *so_far, void *argument)
{
    struct full_node **full = argument;
    if (so_far->requested > 0 && *full != NULL) {
        release_full_node(*full);
        *full = NULL;
    }
    return 0;
}

START_TEST(huge_pages_for_which_a_callback_frees_memory_are_counted_page_by_page)
{
    for (int i = 0; i < SOME_FREE_PAGES_COUNT; i++) {
        char what[64];
        snprintf(what, sizeof what, "room for %zu pages until the callback", SOME_FREE_PAGES[i]);
        struct full_node full = fill_node_completely(FULL, SPARE), *still_full = &full;
        struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
        options.progress = make_room_once;
        options.progress_arg = &still_full;
        set_free_pages(&full, SOME_FREE_PAGES[i]);
        char *start = huge_pages(false);
        const struct range_move move = move_range(start, base_pages(), FULL, &options);
        assert_move_to_full_node(&move, what);
        assert_contents(start, false);
        require(munmap(start, HUGE_PAGES * huge_page_size()) == 0);
        if (still_full != NULL)
            release_full_node(&full);
    }
}
END_TEST

static long move_list(struct page_list *list, struct numars_move_stats *stats)
{
    return numars_move_pages(0, list->count, list->pages, list->nodes, list->status, NULL, stats);
}

/* Corrects statuses of the target node for pages that have become the zero page, and returns their number: Linux 6.12 reports them, and a list
 * that names no other part of the huge page shows no sign of it. */
static size_t correct_zero_pages(struct page_list *list)
{
    size_t corrected = 0;
    for (size_t entry = 0; entry < list->count; entry++) {
        int status;
        require(syscall(SYS_move_pages, 0L, 1L, &list->pages[entry], NULL, &status, 0L) == 0);
        if (status == -EFAULT && list->status[entry] == list->nodes[entry]) {
            list->status[entry] = status;
            corrected++;
        }
    }
    return corrected;
}

/* Every `step`-th base page. */
static void move_list_to_full_node(size_t step)
{
    struct full_node full = fill_node_completely(FULL, SPARE);
    for (int with_zeros = 0; with_zeros <= 1; with_zeros++)
        for (int i = 0; i < FREE_PAGES_COUNT; i++) {
            set_free_pages(&full, FREE_PAGES[i]);
            char *start = huge_pages(with_zeros);
            struct page_list list = page_list_with_capacity(base_pages());
            for (size_t page = 0; page < base_pages(); page += step)
                page_list_add(&list, start + page * page_size(), FULL);
            struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
            errno = UNTOUCHED_ERRNO;
            const long returned = move_list(&list, &stats);
            const int error = errno;
            const size_t zero_pages = with_zeros && step > 1 && !kernel_before(6, 12) ? correct_zero_pages(&list) : 0;
            stats.moved -= zero_pages;
            stats.unmapped += zero_pages;
            assert_true_statuses(0, &list);
            const size_t on_target = page_list_on_target(0, &list);
            const size_t not_there = page_list_with_status(&list, -EFAULT) + page_list_with_status(&list, -ENOENT);
            const size_t stayed = list.count - on_target - not_there;
            expect(stats.requested == list.count && stats.moved == on_target && stats.no_memory == stayed
                       && stats.absent + stats.unmapped == not_there,
                   "room for %zu: requested %lu, moved %lu, no_memory %lu, absent %lu, unmapped %lu; by raw queries %zu moved, %zu stayed",
                   FREE_PAGES[i], stats.requested, stats.moved, stats.no_memory, stats.absent, stats.unmapped, on_target, stayed);
            expect(stayed == 0 ? returned == 0 : returned == -1 && error == ENOMEM,
                   "room for %zu: returned %ld, errno %d, but %zu pages stayed", FREE_PAGES[i], returned, error, stayed);
            assert_contents(start, with_zeros);
            require(munmap(start, HUGE_PAGES * huge_page_size()) == 0);
        }
    release_full_node(&full);
}

START_TEST(a_list_of_all_base_pages_of_huge_pages_to_a_full_node_has_true_statuses_and_sums)
{
    move_list_to_full_node(1);
}
END_TEST

START_TEST(a_list_of_one_address_in_each_huge_page_to_a_full_node_has_true_statuses_and_sums)
{
    move_list_to_full_node(pages_per_huge_page());
}
END_TEST

/* Linux 5.10 gives up with EBUSY then: the pages after the huge page have not been tried. */
START_TEST(a_pinned_huge_page_without_room_does_not_end_the_move)
{
    enum { AROUND = 50, ROOM = 300 };
    struct full_node full = fill_node_completely(FULL, SPARE);
    for (size_t step = 1; step <= pages_per_huge_page(); step += pages_per_huge_page() - 1) {
        char *around = pages_on_node(2 * AROUND, SOURCE), *huge = transparent_huge_pages(1, SOURCE);
        struct page_list list = page_list_with_capacity(2 * AROUND + pages_per_huge_page());
        for (size_t page = 0; page < AROUND; page++)
            page_list_add(&list, around + page * page_size(), FULL);
        for (size_t page = 0; page < pages_per_huge_page(); page += step)
            page_list_add(&list, huge + page * page_size(), FULL);
        for (size_t page = AROUND; page < 2 * AROUND; page++)
            page_list_add(&list, around + page * page_size(), FULL);
        const int end = pin_in_pipe(huge);
        set_free_pages(&full, ROOM);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        errno = UNTOUCHED_ERRNO;
        const long returned = move_list(&list, &stats);
        const int error = errno;
        assert_true_statuses(0, &list);
        const size_t stayed = list.count - page_list_on_target(0, &list);
        expect(stats.requested == list.count && stats.moved == list.count - stayed && stats.busy + stats.no_memory == stayed,
               "step %zu: requested %lu, moved %lu, busy %lu, no_memory %lu; %zu stayed", step, stats.requested, stats.moved, stats.busy,
               stats.no_memory, stayed);
        expect(stats.no_memory > 0 ? returned == -1 && error == ENOMEM : returned == (long)stayed && error == UNTOUCHED_ERRNO,
               "step %zu: returned %ld, errno %d; %zu stayed, %lu without memory", step, returned, error, stayed, stats.no_memory);
        /* Later kernels say ENOMEM, as if there were no room for base pages either. */
        expect(!kernel_before(5, 11) || stats.moved == 2 * AROUND, "step %zu: only %lu base pages moved", step, stats.moved);
        unpin_from_pipe(end);
        require(munmap(huge, huge_page_size()) == 0 && munmap(around, 2 * AROUND * page_size()) == 0);
    }
    release_full_node(&full);
}
END_TEST

static char *get_huge_pages(const void *argument)
{
    return huge_pages(*(const bool *)argument);
}

START_TEST(a_process_with_huge_pages_to_a_full_node_is_counted_page_by_page)
{
    if (PROCESS_SCAN_IS_SLOW)
        return;
    struct bitmask *from = numa_parse_nodestring_all("0"), *to = numa_parse_nodestring_all("2");
    struct full_node full = fill_node_completely(FULL, SPARE);
    for (int with_zeros = 0; with_zeros <= 1; with_zeros++)
        for (int i = 0; i < FREE_PAGES_COUNT; i++) {
            const bool zeros = with_zeros;
            set_free_pages(&full, FREE_PAGES[i]);
            struct child_process child = start_child_with(get_huge_pages, &zeros);
            size_t before[NODES], after[NODES];
            struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
            const size_t pages_before = count_process_pages(child.pid, before);
            errno = UNTOUCHED_ERRNO;
            const long returned = numars_move_process(child.pid, from, to, NULL, &stats);
            const int error = errno;
            const size_t pages_after = count_process_pages(child.pid, after), of_kernel = pages_of_kernel(child.pid);
            const unsigned long stayed = stats.shared + stats.busy + stats.no_memory + stats.failed;
            expect(stats.requested <= before[SOURCE] && stats.requested + of_kernel >= before[SOURCE]
                       && stats.moved == after[FULL] - before[FULL] && stats.absent + stats.unmapped == pages_before - pages_after
                       && stats.requested - stats.moved - stats.absent - stats.unmapped == stayed,
                   "room for %zu: requested %lu, moved %lu, absent %lu, unmapped %lu, shared %lu, busy %lu, no_memory %lu, failed %lu; by raw "
                   "queries, %zu pages were on node %d and %zu are now, %zu have moved, %zu have gone",
                   FREE_PAGES[i], stats.requested, stats.moved, stats.absent, stats.unmapped, stats.shared, stats.busy, stats.no_memory,
                   stats.failed, before[SOURCE], SOURCE, after[SOURCE], after[FULL] - before[FULL], pages_before - pages_after);
            expect(stats.no_memory > 0 ? returned == -1 && error == ENOMEM : returned == (long)stayed,
                   "room for %zu: returned %ld, errno %d; %zu pages stayed", FREE_PAGES[i], returned, error, after[SOURCE]);
            /* Huge pages of private memory are not shared: those that stayed found no free memory. */
            const struct page_counts counts = count_pages_raw(child.pid, child.pages, base_pages());
            expect(counts.on_node[SOURCE] == 0 || returned == -1, "room for %zu: returned %ld, and %zu base pages of huge pages stayed",
                   FREE_PAGES[i], returned, counts.on_node[SOURCE]);
            end_child(child);
        }
    release_full_node(&full);
}
END_TEST

int main(void)
{
    return run_tests("split_huge_pages", (const TTest *[]){
        a_range_of_huge_pages_to_a_full_node_is_counted_page_by_page,
        huge_pages_that_begin_with_zeros_do_not_hide_those_that_stay,
        huge_pages_for_which_memory_is_freed_between_two_attempts_are_counted_page_by_page,
        huge_pages_for_which_a_callback_frees_memory_are_counted_page_by_page,
        a_list_of_all_base_pages_of_huge_pages_to_a_full_node_has_true_statuses_and_sums,
        a_list_of_one_address_in_each_huge_page_to_a_full_node_has_true_statuses_and_sums,
        a_pinned_huge_page_without_room_does_not_end_the_move,
        a_process_with_huge_pages_to_a_full_node_is_counted_page_by_page,
        NULL });
}

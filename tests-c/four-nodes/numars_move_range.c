/* numars_move_range: all pages of an address range to one node. */
#include <numars.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "move_stats.h"
#include "pages.h"

enum { COUNT = 100 };

/* The end of the user address space, without its last page. */
START_TEST(all_pages_of_the_range_move)
{
    char *pages = pages_on_node(COUNT, 0);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_range(0, pages, COUNT * page_size(), 3, NULL, &stats), 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 3), COUNT);
    ck_assert(pages_keep_contents(pages, COUNT));
    assert_stats(stats, .requested = COUNT, .moved = COUNT);

    assert_returns(numars_move_range(0, pages, COUNT * page_size(), 3, NULL, &stats), 0);
    assert_stats(stats, .requested = COUNT, .in_place = COUNT);
}
END_TEST

START_TEST(pages_that_overlap_the_range_move_and_adjacent_ones_stay)
{
    const size_t page = page_size();
    const struct {
        size_t start, length, first, end;
    } ranges[] = {
        { 3 * page, 1, 3, 4 },
        { 3 * page + 5, 1, 3, 4 },
        { 3 * page, page, 3, 4 },
        { 4 * page - 1, 2, 3, 5 },
        { 3 * page + 1, page, 3, 5 },
        { 3 * page + 1, 2 * page, 3, 6 },
        { 4 * page - 1, page + 2, 3, 6 },
        { 3, page * 2 - 3, 0, 2 },
        { 7 * page + 7, 0, 0, 0 },
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        char *pages = pages_on_node(8, 0);
        const size_t touched = ranges[i].end - ranges[i].first;
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        assert_returns(numars_move_range(0, pages + ranges[i].start, ranges[i].length, 2, NULL, &stats), 0);
        for (size_t number = 0; number < 8; number++)
            expect(node_of(pages + number * page) == (number >= ranges[i].first && number < ranges[i].end ? 2 : 0),
                   "range %zu, page %zu: node %d", i, number, node_of(pages + number * page));
        ck_assert_uint_eq(stats.moved, touched);
        ck_assert_uint_eq(stats.requested, touched);
    }
}
END_TEST

START_TEST(holes_and_absent_pages_are_skipped)
{
    char *pages = map_pages(COUNT);
    touch_pages(pages, COUNT / 2, 0);
    for (size_t page = 0; page < COUNT; page += 10)
        require(munmap(pages + page * page_size(), page_size()) == 0);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_range(0, pages, COUNT * page_size(), 1, NULL, &stats), 0);
    ck_assert_uint_eq(stats.moved, COUNT / 2 - COUNT / 20);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 1), COUNT / 2 - COUNT / 20);
    ck_assert_uint_eq(stats.in_place + stats.shared + stats.busy + stats.no_memory + stats.failed, 0);
    assert_stats_add_up(stats);

    /* Nothing is mapped there. */
    assert_returns(numars_move_range(0, unmapped_address(), 1, 1, NULL, &stats), 0);
    ck_assert_uint_eq(stats.moved + stats.in_place + stats.shared + stats.busy + stats.no_memory + stats.failed, 0);
}
END_TEST

START_TEST(the_zero_page_is_skipped)
{
    char *zeroes = map_pages(COUNT);
    for (size_t page = 0; page < COUNT; page++)
        (void)*(volatile char *)(zeroes + page * page_size());
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_range(0, zeroes, COUNT * page_size(), 1, NULL, &stats), 0);
    ck_assert_uint_eq(stats.moved + stats.in_place + stats.shared + stats.busy + stats.no_memory + stats.failed, 0);
    assert_stats_add_up(stats);
}
END_TEST

START_TEST(adjacent_mappings_are_one_range)
{
    char *start = map_pages(3 * COUNT);
    char *shared = mmap(start + COUNT * page_size(), COUNT * page_size(), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    require(shared != MAP_FAILED);
    touch_pages(start, 3 * COUNT, 0);
    require(mprotect(start + 2 * COUNT * page_size(), COUNT * page_size(), PROT_READ) == 0);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_range(0, start, 3 * COUNT * page_size(), 2, NULL, &stats), 0);
    assert_stats(stats, .requested = 3 * COUNT, .moved = 3 * COUNT);
    ck_assert_uint_eq(count_on_node(start, 3 * COUNT, 2), 3 * COUNT);
    ck_assert(pages_keep_contents(start, 3 * COUNT));
}
END_TEST

START_TEST(a_huge_page_moves_as_a_whole_and_counts_as_base_pages)
{
    char *huge = transparent_huge_page(0);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_range(0, huge, huge_page_size(), 1, NULL, &stats), 0);
    ck_assert_uint_eq(count_on_node(huge, pages_per_huge_page(), 1), pages_per_huge_page());
    ck_assert(is_transparent_huge_page(huge));
    ck_assert(pages_keep_contents(huge, pages_per_huge_page()));
    assert_stats(stats, .requested = pages_per_huge_page(), .moved = pages_per_huge_page());
    assert_returns(numars_move_range(0, huge, huge_page_size(), 1, NULL, &stats), 0);
    assert_stats(stats, .requested = pages_per_huge_page(), .in_place = pages_per_huge_page());
}
END_TEST

START_TEST(moving_a_part_of_a_huge_page_moves_all_of_it)
{
    char *huge = transparent_huge_page(0);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_range(0, huge + pages_per_huge_page() / 5 * page_size() + 1, 1, 1, NULL, &stats), 0);
    ck_assert_uint_eq(count_on_node(huge, pages_per_huge_page(), 1), pages_per_huge_page());
    ck_assert(is_transparent_huge_page(huge));
    assert_stats_add_up(stats);
    ck_assert_uint_ge(stats.moved, 1);
    ck_assert_uint_le(stats.moved, pages_per_huge_page());
}
END_TEST

START_TEST(base_pages_that_remain_of_a_partly_unmapped_huge_page_move)
{
    char *huge = transparent_huge_page(0);
    require(munmap(huge, huge_page_size() / 2) == 0);
    assert_returns(numars_move_range(0, huge, huge_page_size(), 1, NULL, NULL), 0);
    ck_assert_uint_eq(count_on_node(huge + huge_page_size() / 2, pages_per_huge_page() / 2, 1), pages_per_huge_page() / 2);
}
END_TEST

START_TEST(a_hugetlb_page_moves_and_counts_as_base_pages)
{
    char *huge = hugetlb_page_for_node_1();
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_range(0, huge, huge_page_size(), 1, NULL, &stats), 0);
    ck_assert_uint_eq(count_on_node(huge, pages_per_huge_page(), 1), pages_per_huge_page());
    ck_assert(pages_keep_contents(huge, pages_per_huge_page()));
    assert_stats(stats, .requested = pages_per_huge_page(), .moved = pages_per_huge_page());
}
END_TEST

START_TEST(pages_of_a_file_move_but_shared_ones_only_with_MPOL_MF_MOVE_ALL)
{
    char *pages = map_file_pages(file_in("/mnt/ext4", COUNT), COUNT);
    touch_pages(pages, COUNT, 0);
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_range(0, pages, COUNT * page_size(), 1, &options, &stats), 0);
    assert_stats(stats, .requested = COUNT, .moved = COUNT);

    /* All of them: the kernel also maps the pages around those that a process reads (fault-around). */
    struct child_process child = share_with_child(pages, COUNT);
    assert_returns(numars_move_range(0, pages, COUNT * page_size(), 2, &options, &stats), COUNT);
    assert_stats(stats, .requested = COUNT, .shared = COUNT);
    options.flags = MPOL_MF_MOVE_ALL;
    assert_returns(numars_move_range(0, pages, COUNT * page_size(), 2, &options, &stats), 0);
    assert_stats(stats, .requested = COUNT, .moved = COUNT);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 2), COUNT);
    ck_assert(child_keeps_contents(child, COUNT));
    end_child(child);
}
END_TEST

START_TEST(pinned_pages_are_busy_and_returned)
{
    char *pages = pages_on_node(COUNT, 0);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    pin_in_pipe(pages);
    pin_in_pipe(pages + 50 * page_size());
    assert_returns(numars_move_range(0, pages, COUNT * page_size(), 1, NULL, &stats), 2);
    assert_stats(stats, .requested = COUNT, .moved = COUNT - 2, .busy = 2, .retried = 6);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 1), COUNT - 2);
}
END_TEST

START_TEST(a_full_node_is_enomem_with_true_statistics)
{
    enum { FULL = 2 };
    const size_t count = pages_within(20000, 80 << 20);
    char *pages = pages_on_node(count, 0);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    fill_node(FULL);
    assert_fails(numars_move_range(0, pages, count * page_size(), FULL, NULL, &stats), ENOMEM);
    const size_t moved = count_on_node(pages, count, FULL);
    empty_node(FULL);
    ck_assert_uint_gt(moved, 0);
    ck_assert_uint_lt(moved, count);
    assert_stats(stats, .requested = count, .moved = moved, .no_memory = count - moved);
}
END_TEST

START_TEST(many_pages_move_with_one_thread_and_with_two)
{
    const size_t many = pages_within(20001, 80 << 20);
    char *pages = pages_on_node(many, 0);
    for (unsigned threads = 1; threads <= 2; threads++) {
        struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        options.threads = threads;
        assert_returns(numars_move_range(0, pages, many * page_size(), (int)threads, &options, &stats), 0);
        assert_stats(stats, .requested = many, .moved = many);
        ck_assert_uint_eq(count_on_node(pages, many, (int)threads), many);
    }
    ck_assert(pages_keep_contents(pages, many));
}
END_TEST

START_TEST(pages_of_another_process_move)
{
    struct child_process child = start_child(COUNT, 0, NULL);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_range(child.pid, child.pages, COUNT * page_size(), 3, NULL, &stats), 0);
    assert_stats(stats, .requested = COUNT, .moved = COUNT);
    for (size_t page = 0; page < COUNT; page++)
        ck_assert_int_eq(node_of_pid(child.pid, child.pages + page * page_size()), 3);
    ck_assert(child_keeps_contents(child, COUNT));
    end_child(child);
}
END_TEST

START_TEST(terabytes_that_were_never_touched_cost_nearly_nothing)
{
    /* Before Linux 6.7 the kernel does not skip absent pages itself, so the library has to search for present ones. */
    const size_t giga = 1UL << 30, length = (sizeof(size_t) == 4 ? 1 : kernel_before(6, 7) ? 64 : 1024) * giga;
    char *start = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(start != MAP_FAILED && madvise(start, length, MADV_NOHUGEPAGE) == 0);
    const size_t offsets[] = { 0, length / 3, length / 2, length - COUNT * page_size() };
    for (size_t i = 0; i < 4; i++)
        touch_pages(start + offsets[i] / page_size() * page_size(), COUNT, 0);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_range(0, start, length, 2, NULL, &stats), 0);
    for (size_t i = 0; i < 4; i++) {
        char *pages = start + offsets[i] / page_size() * page_size();
        ck_assert_uint_eq(count_on_node(pages, COUNT, 2), COUNT);
        ck_assert(pages_keep_contents(pages, COUNT));
    }
    ck_assert_uint_eq(stats.moved, 4 * COUNT);
    ck_assert_uint_eq(stats.in_place + stats.shared + stats.busy + stats.no_memory + stats.failed, 0);
    if (!kernel_before(6, 7))
        ck_assert_uint_le(stats.kernel_calls, 50);
}
END_TEST

START_TEST(the_whole_address_space_of_the_own_process_moves)
{
    char *pages = pages_on_node(COUNT, 0), *huge = transparent_huge_page(1), stack[3 * page_size()];
    memset(stack, 's', sizeof stack);
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    errno = UNTOUCHED_ERRNO;
    const long stayed = numars_move_range(0, NULL, end_of_addresses(), 3, &options, &stats);
    ck_assert_int_eq(errno, UNTOUCHED_ERRNO);
    /* Code that other processes run too stays. */
    ck_assert_int_ge(stayed, 0);
    ck_assert_uint_eq(stats.shared + stats.busy + stats.failed, (unsigned long)stayed);
    ck_assert_uint_eq(stats.no_memory, 0);
    assert_stats_add_up(stats);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 3), COUNT);
    ck_assert_uint_eq(count_on_node(huge, pages_per_huge_page(), 3), pages_per_huge_page());
    ck_assert_int_eq(node_of(stack + sizeof stack / 2), 3);
    ck_assert(pages_keep_contents(pages, COUNT) && pages_keep_contents(huge, pages_per_huge_page()));
    ck_assert_uint_ge(stats.moved, COUNT + pages_per_huge_page());
}
END_TEST

START_TEST(the_whole_address_space_of_another_process_moves)
{
    if (PROCESS_SCAN_IS_SLOW)
        return;
    struct child_process child = start_child(COUNT, 0, NULL);
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    size_t before[NODES], after[NODES];
    options.flags = MPOL_MF_MOVE_ALL;
    const size_t all = count_process_pages(child.pid, before);
    errno = UNTOUCHED_ERRNO;
    const long stayed = numars_move_range(child.pid, NULL, end_of_addresses(), 3, &options, &stats);
    ck_assert_int_eq(errno, UNTOUCHED_ERRNO);
    ck_assert_uint_eq(count_process_pages(child.pid, after), all);
    /* Pages of the kernel's own mappings do not move (Linux 7), and do not count. */
    const size_t elsewhere = all - after[3], of_kernel = pages_of_kernel(child.pid);
    expect(stayed <= (long)elsewhere && stayed + (long)of_kernel >= (long)elsewhere, "%ld stayed; %zu are elsewhere, the kernel's are %zu", stayed,
           elsewhere, of_kernel);
    ck_assert_uint_eq(stats.moved, after[3] - before[3]);
    ck_assert_uint_eq(stats.in_place, before[3]);
    assert_stats_add_up(stats);
    ck_assert(child_keeps_contents(child, COUNT));
    end_child(child);
}
END_TEST

START_TEST(an_invalid_target_is_an_error_and_nothing_moves)
{
    const int none[] = { 4, 63, 64, 1023, 1024, INT32_MAX, -1, INT32_MIN };
    char *pages = pages_on_node(COUNT, 0);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_fails(numars_move_range(0, pages, COUNT * page_size(), none[i], NULL, &stats), ENODEV);
        ck_assert_uint_eq(stats.moved, 0);
    }
    ck_assert_uint_eq(count_on_node(pages, COUNT, 0), COUNT);
    enter_cpuset("0-1");
    assert_fails(numars_move_range(0, pages, COUNT * page_size(), 2, NULL, &stats), EACCES);
    assert_returns(numars_move_range(0, pages, COUNT * page_size(), 1, NULL, &stats), 0);
    leave_cpuset();
}
END_TEST

START_TEST(a_range_beyond_the_address_space_is_einval_and_nothing_moves)
{
    char *pages = pages_on_node(COUNT, 0);
    assert_fails(numars_move_range(0, pages, SIZE_MAX, 1, NULL, NULL), EINVAL);
    assert_fails(numars_move_range(0, pages, SIZE_MAX - (uintptr_t)pages + 2, 1, NULL, NULL), EINVAL);
    assert_fails(numars_move_range(0, (void *)(UINTPTR_MAX - 4095), 8192, 1, NULL, NULL), EINVAL);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 0), COUNT);
}
END_TEST

START_TEST(options_and_process_are_checked_before_anything_moves)
{
    struct child_process of_root = start_child(COUNT, 0, NULL);
    char *pages = pages_on_node(COUNT, 0);
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.size--;
    assert_fails(numars_move_range(0, pages, COUNT * page_size(), 1, &options, NULL), EINVAL);
    options.size++;
    options.flags = MPOL_MF_STRICT;
    assert_fails(numars_move_range(0, pages, COUNT * page_size(), 1, &options, NULL), EINVAL);
    assert_fails(numars_move_range(nonexistent_pid(), pages, COUNT * page_size(), 1, NULL, NULL), ESRCH);
    drop_privileges();
    assert_fails(numars_move_range(of_root.pid, of_root.pages, COUNT * page_size(), 1, NULL, NULL), EPERM);
    options.flags = MPOL_MF_MOVE_ALL;
    assert_fails(numars_move_range(0, pages, COUNT * page_size(), 1, &options, NULL), EPERM);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 0), COUNT);
    assert_returns(numars_move_range(0, pages, COUNT * page_size(), 1, NULL, NULL), 0);
}
END_TEST

struct listener {
    pthread_t caller;
    struct numars_move_stats last;
    size_t calls, stop_at;
    bool wrong;
};

static int record_progress(const struct numars_move_stats *so_far, void *argument)
{
    struct listener *listener = argument;
    listener->calls++;
    listener->wrong |= !pthread_equal(pthread_self(), listener->caller) || so_far->moved < listener->last.moved
        || so_far->requested < listener->last.requested || so_far->moved - listener->last.moved > pages_between_reports();
    listener->last = *so_far;
    return listener->calls == listener->stop_at;
}

START_TEST(progress_is_reported_at_least_every_64_MiB)
{
    const size_t many = pages_within(20000, 160 << 20);
    char *pages = pages_on_node(many, 0);
    for (unsigned threads = 1; threads <= 2; threads++) {
        struct listener listener = { .caller = pthread_self() };
        struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        options.threads = threads;
        options.progress = record_progress;
        options.progress_arg = &listener;
        assert_returns(numars_move_range(0, pages, many * page_size(), (int)threads, &options, &stats), 0);
        assert_stats(stats, .requested = many, .moved = many);
        assert_same_stats(listener.last, stats);
        ck_assert_uint_ge(listener.calls, many / pages_between_reports() + 1);
        ck_assert(!listener.wrong);
    }
}
END_TEST

START_TEST(a_nonzero_return_value_cancels_the_move)
{
    const size_t many = pages_within(20000, 160 << 20);
    char *pages = pages_on_node(many, 0);
    for (unsigned threads = 1; threads <= 2; threads++) {
        struct listener listener = { .caller = pthread_self(), .stop_at = 2 };
        struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        options.threads = threads;
        options.progress = record_progress;
        options.progress_arg = &listener;
        const int node = (int)threads;
        assert_fails(numars_move_range(0, pages, many * page_size(), node, &options, &stats), ECANCELED);
        const size_t moved = count_on_node(pages, many, node);
        ck_assert_uint_gt(moved, 0);
        ck_assert_uint_lt(moved, many);
        ck_assert_uint_eq(stats.moved, moved);
        ck_assert_uint_eq(stats.in_place + stats.shared + stats.busy + stats.no_memory + stats.failed, 0);
    }
    ck_assert(pages_keep_contents(pages, many));
}
END_TEST

enum { CANCELLED_PAGES = 3000, HELPED_BY = 4 };

struct cancelled_move {
    char *pages;
    unsigned int reports;
    long stayed;
};

static int cancel_while_moving(const struct numars_move_stats *so_far, void *argument)
{
    (void)so_far;
    pthread_cancel(pthread_self());
    /* A cancelled thread ends here if it may. */
    pthread_testcancel();
    ((struct cancelled_move *)argument)->reports++;
    return 0;
}

static void *move_while_cancelled(void *argument)
{
    struct cancelled_move *move = argument;
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.threads = HELPED_BY;
    if (move->reports == 0) {
        options.progress = cancel_while_moving;
        options.progress_arg = move;
    } else {
        pthread_cancel(pthread_self());
    }
    move->stayed = numars_move_range(0, move->pages, CANCELLED_PAGES * page_size(), move->reports == 0 ? 1 : 2, &options, NULL);
    pthread_testcancel();
    return NULL;
}

START_TEST(a_thread_that_is_cancelled_while_helpers_run_ends_after_the_call)
{
    struct cancelled_move move = { .pages = pages_on_node(CANCELLED_PAGES, 0) };
    /* Cancelled by the callback, and before the call. */
    for (int node = 1; node <= 2; node++) {
        pthread_t thread;
        void *result;
        move.stayed = -2;
        require(pthread_create(&thread, NULL, move_while_cancelled, &move) == 0);
        require(pthread_join(thread, &result) == 0);
        ck_assert_ptr_eq(result, PTHREAD_CANCELED);
        ck_assert_int_eq(move.stayed, 0);
        ck_assert_uint_gt(move.reports, 0);
        ck_assert_uint_eq(count_on_node(move.pages, MAX_PAGES, node), MAX_PAGES);
    }
    ck_assert(pages_keep_contents(move.pages, CANCELLED_PAGES));
}
END_TEST

int main(void)
{
    return run_tests("numars_move_range", (const TTest *[]){
        all_pages_of_the_range_move,
        pages_that_overlap_the_range_move_and_adjacent_ones_stay,
        holes_and_absent_pages_are_skipped,
        the_zero_page_is_skipped,
        adjacent_mappings_are_one_range,
        a_huge_page_moves_as_a_whole_and_counts_as_base_pages,
        moving_a_part_of_a_huge_page_moves_all_of_it,
        base_pages_that_remain_of_a_partly_unmapped_huge_page_move,
        a_hugetlb_page_moves_and_counts_as_base_pages,
        pages_of_a_file_move_but_shared_ones_only_with_MPOL_MF_MOVE_ALL,
        pinned_pages_are_busy_and_returned,
        many_pages_move_with_one_thread_and_with_two,
        pages_of_another_process_move,
        terabytes_that_were_never_touched_cost_nearly_nothing,
        the_whole_address_space_of_the_own_process_moves,
        the_whole_address_space_of_another_process_moves,
        an_invalid_target_is_an_error_and_nothing_moves,
        a_range_beyond_the_address_space_is_einval_and_nothing_moves,
        options_and_process_are_checked_before_anything_moves,
        progress_is_reported_at_least_every_64_MiB,
        a_nonzero_return_value_cancels_the_move,
        a_thread_that_is_cancelled_while_helpers_run_ends_after_the_call,
        a_full_node_is_enomem_with_true_statistics,
        NULL });
}

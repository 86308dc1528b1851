/* numars_move_pages: statistics, options, progress and threads. What it shares with numa_move_pages is tested there. */
#include <dirent.h>
#include <fcntl.h>
#include <numars.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "move_stats.h"
#include "page_list.h"
#include "pages.h"

enum { COUNT = 300, MANY = 3000 };

static long move(struct page_list *list, const struct numars_move_options *options, struct numars_move_stats *stats)
{
    return numars_move_pages(0, list->count, list->pages, list->nodes, list->status, options, stats);
}

static void sleep_ms(long milliseconds)
{
    const struct timespec time = { .tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000 };
    nanosleep(&time, NULL);
}

/* Statistics and return values. */

START_TEST(pages_that_move_and_pages_in_place_are_counted)
{
    char *pages = pages_on_node(COUNT, 2);
    struct page_list list = page_list_interleaved(pages, COUNT);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(move(&list, NULL, &stats), 0);
    assert_all_on_target(0, &list);
    assert_stats(stats, .requested = COUNT, .moved = COUNT - COUNT / 3, .in_place = COUNT / 3);
    ck_assert_uint_gt(stats.kernel_calls, 0);

    assert_returns(move(&list, NULL, &stats), 0);
    assert_stats(stats, .requested = COUNT, .in_place = COUNT);
    ck_assert(pages_keep_contents(pages, COUNT));
}
END_TEST

START_TEST(each_kind_of_page_has_its_own_counter_and_those_that_stay_are_returned)
{
    struct page_list list = page_list_with_capacity(100);
    char *shared = pages_on_node(6, 0);
    struct child_process child = share_with_child(shared, 6);
    char *pinned = pages_on_node(5, 0), *zeroes = map_pages(3);
    for (size_t page = 0; page < 5; page++)
        pin_in_pipe(pinned + page * page_size());
    for (size_t page = 0; page < 3; page++)
        (void)*(volatile char *)(zeroes + page * page_size());
    page_list_add_range(&list, map_shared_pages(7), 7, 1);
    page_list_add_range(&list, shared, 6, 1);
    page_list_add_range(&list, pages_on_node(11, 0), 11, 1);
    page_list_add_range(&list, pinned, 5, 2);
    page_list_add_range(&list, pages_on_node(13, 3), 13, 3);
    page_list_add_range(&list, zeroes, 3, 3);
    page_list_add(&list, NULL, 3);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(move(&list, NULL, &stats), 6 + 5);
    assert_true_statuses(0, &list);
    assert_stats(stats, .requested = 46, .moved = 11, .in_place = 13, .absent = 7, .unmapped = 4, .shared = 6, .busy = 5,
                 .retried = 3 * 5);
    ck_assert_uint_eq(page_list_with_status(&list, -EACCES), 6);
    ck_assert_uint_eq(page_list_with_status(&list, -EBUSY), 5);
    end_child(child);
}
END_TEST

START_TEST(shared_pages_move_with_MPOL_MF_MOVE_ALL)
{
    char *shared = pages_on_node(COUNT, 0);
    struct child_process child = share_with_child(shared, COUNT);
    struct page_list list = page_list_interleaved(shared, COUNT);
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(move(&list, &options, &stats), COUNT);
    assert_stats(stats, .requested = COUNT, .shared = COUNT);
    options.flags = MPOL_MF_MOVE_ALL;
    assert_returns(move(&list, &options, &stats), 0);
    assert_stats(stats, .requested = COUNT, .moved = COUNT);
    assert_all_on_target(0, &list);
    ck_assert(child_keeps_contents(child, COUNT));
    end_child(child);
}
END_TEST

START_TEST(entries_are_counted_and_not_pages)
{
    char *page = pages_on_node(1, 0), *huge = transparent_huge_page(0);
    struct page_list list = page_list_with_capacity(10 + pages_per_huge_page());
    for (int entry = 0; entry < 10; entry++)
        page_list_add(&list, page, 1);
    page_list_add_range(&list, huge, pages_per_huge_page(), 2);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(move(&list, NULL, &stats), 0);
    assert_all_on_target(0, &list);
    assert_stats(stats, .requested = 10 + pages_per_huge_page(), .moved = 10 + pages_per_huge_page());
}
END_TEST

START_TEST(a_full_target_is_enomem_with_true_statuses_and_statistics)
{
    enum { FULL = 2, OTHER = 1 };
    const size_t count = pages_within(20000, 80 << 20);
    struct page_list list = page_list_of_range(pages_on_node(count, 0), count, FULL);
    for (size_t page = 0; page < count; page += 4)
        list.nodes[page] = OTHER;
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    fill_node(FULL);
    assert_fails(move(&list, NULL, &stats), ENOMEM);
    assert_true_statuses(0, &list);
    const size_t moved = page_list_with_status(&list, FULL), stayed = page_list_with_status(&list, -ENOMEM);
    ck_assert_uint_eq(page_list_with_status(&list, OTHER), count / 4);
    ck_assert_uint_gt(moved, 0);
    ck_assert_uint_gt(stayed, 0);
    assert_stats(stats, .requested = count, .moved = moved + count / 4, .no_memory = stayed);
    empty_node(FULL);
}
END_TEST

START_TEST(an_error_half_way_leaves_true_statistics)
{
    enum { BAD = 200 };
    struct page_list list = page_list_interleaved(pages_on_node(COUNT, 0), COUNT);
    list.nodes[BAD] = 4;
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_fails(move(&list, NULL, &stats), ENODEV);
    const size_t moved = page_list_on_target(0, &list);
    ck_assert_uint_ge(moved, BAD);
    ck_assert_uint_eq(stats.moved, moved);
    for (size_t entry = 0; entry < BAD; entry++)
        ck_assert_int_eq(list.status[entry], list.nodes[entry]);
}
END_TEST

START_TEST(without_targets_nothing_moves_and_all_pages_are_reported)
{
    struct page_list list = page_list_with_capacity(20);
    page_list_add_range(&list, pages_on_node(10, 2), 10, 1);
    page_list_add_range(&list, map_shared_pages(6), 6, 1);
    page_list_add(&list, NULL, 1);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_pages(0, list.count, list.pages, NULL, list.status, NULL, &stats), 0);
    for (size_t entry = 0; entry < list.count; entry++)
        ck_assert_int_eq(list.status[entry], entry < 10 ? 2 : entry < 16 ? -ENOENT : -EFAULT);
    ck_assert_uint_eq(stats.moved, 0);
    ck_assert_uint_eq(stats.requested, 17);
    ck_assert_uint_eq(stats.absent, 6);
    ck_assert_uint_eq(stats.unmapped, 1);
}
END_TEST

START_TEST(status_options_and_stats_may_be_missing)
{
    struct page_list list = page_list_interleaved(pages_on_node(COUNT, 0), COUNT);
    assert_returns(numars_move_pages(0, COUNT, list.pages, list.nodes, NULL, NULL, NULL), 0);
    ck_assert_uint_eq(page_list_on_target(0, &list), COUNT);
    assert_returns(numars_move_pages(0, COUNT, list.pages, NULL, NULL, NULL, NULL), 0);
    assert_returns(numars_move_pages(0, 0, NULL, NULL, NULL, NULL, NULL), 0);
}
END_TEST

START_TEST(errors_of_the_kernel_are_returned_and_the_statistics_are_zero)
{
    struct page_list list = page_list_interleaved(pages_on_node(COUNT, 0), COUNT);
    struct child_process of_root = start_child(1, 0, NULL);
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    void **pages = list.pages;
    memset(&stats, 0xff, sizeof stats);
    stats.size = sizeof stats;
    assert_fails(numars_move_pages(nonexistent_pid(), COUNT, pages, list.nodes, list.status, NULL, &stats), ESRCH);
    ck_assert_uint_eq(stats.moved, 0);
    assert_fails(numars_move_pages(0, COUNT, NULL, list.nodes, list.status, NULL, NULL), EFAULT);
    assert_fails(numars_move_pages(0, COUNT, pages, unmapped_address(), list.status, NULL, NULL), EFAULT);
    assert_fails(numars_move_pages(0, COUNT, pages, list.nodes, unmapped_address(), NULL, NULL), EFAULT);
    options.flags = 1 << 3;
    assert_fails(move(&list, &options, NULL), EINVAL);
    drop_privileges();
    options.flags = MPOL_MF_MOVE_ALL;
    assert_fails(move(&list, &options, NULL), EPERM);
    assert_fails(numars_move_pages(of_root.pid, COUNT, pages, list.nodes, list.status, NULL, NULL), EPERM);
}
END_TEST

/* The size of the options. */

START_TEST(options_smaller_than_the_first_version_are_einval)
{
    struct page_list list = page_list_interleaved(pages_on_node(COUNT, 0), COUNT);
    const size_t sizes[] = { 0, 1, sizeof(size_t), sizeof(struct numars_move_options) - 1 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
        options.size = sizes[i];
        assert_fails(move(&list, &options, NULL), EINVAL);
    }
    /* Not more than `size` bytes of it are read. */
    size_t *only_size = array_at_end_of_mapping(1, sizeof *only_size);
    *only_size = sizeof *only_size;
    assert_fails(move(&list, (const struct numars_move_options *)(void *)only_size, NULL), EINVAL);
    ck_assert_uint_eq(page_list_with_status(&list, NOT_WRITTEN), COUNT);
    ck_assert_uint_eq(page_list_on_target(0, &list), 0);
}
END_TEST

START_TEST(larger_options_are_accepted_if_unknown_fields_are_zero)
{
    const size_t known = sizeof(struct numars_move_options), sizes[] = { 0, 1, 7, 8, 200 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct page_list list = page_list_interleaved(pages_on_node(COUNT, 0), COUNT);
        /* At the end of their mapping: reading beyond their size is fatal. */
        const size_t size = known + sizes[i];
        char *bytes = array_at_end_of_mapping(size, 1);
        struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
        options.size = size;
        memset(bytes, 0, size);
        memcpy(bytes, &options, known);
        struct numars_move_options *larger = (struct numars_move_options *)(void *)bytes;
        for (size_t unknown = known; unknown < size; unknown += 3) {
            bytes[unknown] = 1;
            assert_fails(move(&list, larger, NULL), E2BIG);
            bytes[unknown] = 0;
        }
        ck_assert_uint_eq(page_list_on_target(0, &list), 0);
        assert_returns(move(&list, larger, NULL), 0);
        assert_all_on_target(0, &list);
    }
}
END_TEST

/* Retries. */

START_TEST(no_options_are_the_default_ones)
{
    const struct numars_move_options initial = NUMARS_MOVE_OPTIONS_INIT;
    struct numars_move_stats stats[2] = { NUMARS_MOVE_STATS_INIT, NUMARS_MOVE_STATS_INIT };
    for (int given = 0; given < 2; given++) {
        char *pages = pages_on_node(COUNT, 0);
        pin_in_pipe(pages);
        struct page_list list = page_list_interleaved(pages, COUNT);
        assert_returns(move(&list, given ? &initial : NULL, &stats[given]), 1);
    }
    assert_stats(stats[1], .requested = COUNT, .moved = COUNT - 1, .busy = 1, .retried = 3);
    assert_same_stats(stats[0], stats[1]);
}
END_TEST

START_TEST(a_busy_page_is_retried_as_often_as_the_options_say)
{
    const unsigned retries[] = { 0, 1, 2, 10 };
    for (size_t i = 0; i < sizeof retries / sizeof *retries; i++) {
        char *pages = pages_on_node(COUNT, 0);
        pin_in_pipe(pages + 7 * page_size());
        pin_in_pipe(pages + 8 * page_size());
        struct page_list list = page_list_interleaved(pages, COUNT);
        struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        options.retries = retries[i];
        assert_returns(move(&list, &options, &stats), 2);
        assert_stats(stats, .requested = COUNT, .moved = COUNT - 2, .busy = 2, .retried = 2 * retries[i]);
        assert_true_statuses(0, &list);
    }
}
END_TEST

static void *unpin_later(void *pipe_end)
{
    sleep_ms(100);
    unpin_from_pipe(*(int *)pipe_end);
    return NULL;
}

START_TEST(a_page_that_is_unpinned_meanwhile_moves)
{
    char *page = pages_on_node(1, 0);
    int pipe_end = pin_in_pipe(page);
    struct page_list list = page_list_of_range(page, 1, 1);
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    pthread_t thread;
    options.retries = 100000000;
    require(pthread_create(&thread, NULL, unpin_later, &pipe_end) == 0);
    assert_returns(move(&list, &options, &stats), 0);
    require(pthread_join(thread, NULL) == 0);
    assert_all_on_target(0, &list);
    ck_assert_uint_eq(stats.moved, 1);
    ck_assert_uint_gt(stats.retried, 0);
}
END_TEST

/* Progress. */

/* What a callback has recorded. */
struct listener {
    pthread_t caller;
    struct numars_move_stats last;
    size_t calls;
    unsigned long longest_step;
    /* From this call on it cancels; 0: never. */
    size_t stop_at;
    bool other_thread, went_back;
};

static int record_progress(const struct numars_move_stats *so_far, void *argument)
{
    struct listener *listener = argument;
    const struct numars_move_stats *last = &listener->last;
    listener->calls++;
    listener->other_thread |= !pthread_equal(pthread_self(), listener->caller);
    listener->went_back |= so_far->requested < last->requested || so_far->moved < last->moved
        || so_far->in_place < last->in_place || so_far->absent < last->absent || so_far->kernel_calls < last->kernel_calls
        || so_far->retried < last->retried;
    if (so_far->moved - last->moved > listener->longest_step)
        listener->longest_step = so_far->moved - last->moved;
    listener->last = *so_far;
    return listener->stop_at != 0 && listener->calls >= listener->stop_at;
}

static struct numars_move_options recording_options(struct listener *listener)
{
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    listener->caller = pthread_self();
    options.progress = record_progress;
    options.progress_arg = listener;
    return options;
}

static void assert_progress(const struct listener *listener, const struct numars_move_stats *stats)
{
    ck_assert(!listener->other_thread);
    ck_assert(!listener->went_back);
    assert_same_stats(listener->last, *stats);
}

START_TEST(progress_is_reported_repeatedly_and_at_the_end)
{
    const size_t count = pages_within(24000, 160 << 20);
    for (unsigned threads = 1; threads <= 2; threads++) {
        char *pages = pages_on_node(count, 0);
        struct page_list list = page_list_interleaved(pages, count);
        struct listener listener = { .calls = 0 };
        struct numars_move_options options = recording_options(&listener);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        options.threads = threads;
        assert_returns(move(&list, &options, &stats), 0);
        assert_all_on_target(0, &list);
        assert_stats(stats, .requested = count, .moved = count);
        assert_progress(&listener, &stats);
        ck_assert_uint_ge(listener.calls, count / pages_between_reports() + 1);
        ck_assert_uint_le(listener.longest_step, pages_between_reports());
        require(munmap(pages, count * page_size()) == 0);
    }
}
END_TEST

START_TEST(a_small_move_is_reported_at_its_end)
{
    struct page_list list = page_list_interleaved(pages_on_node(10, 0), 10);
    for (int time = 0; time < 2; time++) {
        struct listener listener = { .calls = 0 };
        const struct numars_move_options options = recording_options(&listener);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        assert_returns(move(&list, &options, &stats), 0);
        ck_assert_uint_ge(listener.calls, 1);
        assert_progress(&listener, &stats);
    }
}
END_TEST

START_TEST(a_nonzero_return_value_cancels_the_move_and_all_results_are_true)
{
    const size_t count = pages_within(12000, 160 << 20);
    for (unsigned threads = 1; threads <= 2; threads++) {
        char *pages = pages_on_node(count, 0);
        struct page_list list = page_list_interleaved(pages, count);
        struct listener listener = { .stop_at = 2 };
        struct numars_move_options options = recording_options(&listener);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        options.threads = threads;
        assert_fails(move(&list, &options, &stats), ECANCELED);
        const size_t moved = page_list_on_target(0, &list);
        ck_assert_uint_gt(moved, 0);
        ck_assert_uint_lt(moved, count);
        ck_assert_uint_eq(stats.moved, moved);
        assert_true_statuses(0, &list);
        ck_assert_uint_eq(stats.in_place + stats.absent + stats.unmapped + stats.shared + stats.busy + stats.no_memory
                              + stats.failed, 0);
        ck_assert_uint_eq(page_list_with_status(&list, 0), count - moved);
        ck_assert(!listener.other_thread);
        ck_assert(pages_keep_contents(pages, count));
        require(munmap(pages, count * page_size()) == 0);
    }
}
END_TEST

/* Shrinks the cpuset of the process during its move. */
static int narrow_cpuset(const struct numars_move_stats *so_far, void *argument)
{
    const int file = *(int *)argument;
    if (so_far->moved > 0)
        require(pwrite(file, "0-1", 3, 0) == 3);
    return 0;
}

START_TEST(a_cpuset_that_loses_the_target_half_way_is_eacces_or_enomem)
{
    const size_t count = pages_within(16000, 160 << 20);
    char path[128];
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    enter_cpuset("0-3");
    snprintf(path, sizeof path, "/sys/fs/cgroup/numars-test-%ld/cpuset.mems", (long)getpid());
    int file = open(path, O_WRONLY | O_CLOEXEC);
    require(file >= 0);
    char *pages = pages_on_node(count, 0);
    struct page_list list = page_list_of_range(pages, count, 2);
    options.progress = narrow_cpuset;
    options.progress_arg = &file;
    errno = UNTOUCHED_ERRNO;
    const long returned = move(&list, &options, &stats);
    expect(returned == -1 && (errno == EACCES || errno == ENOMEM), "returned %ld, errno %d", returned, errno);
    ck_assert_uint_eq(stats.requested, count);
    ck_assert_uint_gt(stats.moved, 0);
    ck_assert_uint_lt(stats.moved, count);
    close(file);
    leave_cpuset();
    ck_assert(pages_keep_contents(pages, count));
}
END_TEST

/* Threads. */

START_TEST(any_number_of_threads_gives_the_same_nodes_and_statistics)
{
    const unsigned threads[] = { 0, 1, 2, 3, 1000, 4294967295u };
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        char *pages = pages_on_node(MANY, 0), *huge = transparent_huge_page(0);
        const int pinned = pin_in_pipe(pages + 77 * page_size());
        struct page_list list = page_list_with_capacity(2 * MANY);
        for (size_t page = 0; page < MANY; page++)
            page_list_add(&list, pages + page * page_size(), (int)(page % 4));
        page_list_add_range(&list, huge, pages_per_huge_page(), 3);
        /* Some pages are named again: such a page ends up where it is named last, so an earlier entry with another target misses it. */
        size_t elsewhere = 0;
        for (size_t page = 0; page < MANY; page += 100) {
            page_list_add(&list, pages + page * page_size(), 2);
            elsewhere += page % 4 != 2;
        }
        struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        options.threads = threads[i];
        assert_returns(move(&list, &options, &stats), (long)(1 + elsewhere));
        assert_true_statuses(0, &list);
        int *actual_nodes = page_list_query(0, &list);
        for (size_t entry = 0; entry < list.count; entry++) {
            const int expected = entry == 77 ? 0 : entry < MANY && entry % 100 == 0 ? 2 : list.nodes[entry];
            expect(actual_nodes[entry] == expected, "%u threads: page %zu on node %d", threads[i], entry, actual_nodes[entry]);
        }
        ck_assert_uint_eq(stats.busy, 1);
        ck_assert_uint_eq(stats.failed, elsewhere);
        ck_assert_uint_eq(stats.moved + stats.in_place, list.count - 1 - elsewhere);
        ck_assert(pages_keep_contents(pages, MANY));
        unpin_from_pipe(pinned);
        require(munmap(pages, MANY * page_size()) == 0);
        require(munmap(huge, huge_page_size()) == 0);
    }
}
END_TEST

/* A thread that watches which other threads exist, and which signals they would take. */
struct watcher {
    pid_t known[3];
    size_t max_workers;
    bool takes_signals;
    volatile bool stop;
};

/* Returns true if all signals are blocked that can be, except the two that libc reserves for itself. */
static bool blocks_signals(unsigned long long blocked)
{
    for (int signal = 1; signal <= 64; signal++)
        if (signal != SIGKILL && signal != SIGSTOP && signal != 32 && signal != 33 && !(blocked >> (signal - 1) & 1))
            return false;
    return true;
}

static void inspect_threads(struct watcher *watcher)
{
    DIR *tasks = opendir("/proc/self/task");
    require(tasks != NULL);
    size_t workers = 0;
    for (const struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        const pid_t id = (pid_t)atoi(entry->d_name);
        if (id == 0 || id == watcher->known[0] || id == watcher->known[1] || id == watcher->known[2])
            continue;
        char path[64], line[256];
        snprintf(path, sizeof path, "/proc/self/task/%d/status", id);
        FILE *status = fopen(path, "r");
        if (status == NULL)
            continue;
        unsigned long long blocked;
        bool ending = false;
        while (fgets(line, sizeof line, status) != NULL) {
            /* A thread that ends during this reads as having no signals, in a process without threads. */
            ending |= strncmp(line, "State:\tZ", 8) == 0 || strncmp(line, "State:\tX", 8) == 0
                   || strcmp(line, "Threads:\t0\n") == 0;
            if (sscanf(line, "SigBlk: %llx", &blocked) == 1 && !ending)
                watcher->takes_signals |= !blocks_signals(blocked);
        }
        fclose(status);
        workers += !ending;
    }
    closedir(tasks);
    if (workers > watcher->max_workers)
        watcher->max_workers = workers;
}

static void *watch(void *argument)
{
    struct watcher *watcher = argument;
    watcher->known[1] = gettid();
    while (!watcher->stop)
        inspect_threads(watcher);
    return NULL;
}

/* Observes the threads of a move. */
static struct watcher watch_move(unsigned threads)
{
    struct watcher watcher = { .known = { gettid() } };
    struct page_list list = page_list_interleaved(pages_on_node(MANY, 0), MANY);
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    pthread_t thread;
    options.threads = threads;
    require(pthread_create(&thread, NULL, watch, &watcher) == 0);
    assert_returns(move(&list, &options, NULL), 0);
    watcher.stop = true;
    require(pthread_join(thread, NULL) == 0);
    require(munmap(list.pages[0], MANY * page_size()) == 0);
    return watcher;
}

START_TEST(threads_of_the_library_block_all_signals)
{
    const struct watcher watcher = watch_move(4);
    ck_assert_uint_ge(watcher.max_workers, 1);
    ck_assert(!watcher.takes_signals);
}
END_TEST

static void run_on_cpus(int count)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    for (int cpu = 0; cpu < count; cpu++)
        CPU_SET(cpu, &cpus);
    require(sched_setaffinity(0, sizeof cpus, &cpus) == 0);
}

START_TEST(there_are_never_more_threads_than_cpus_the_caller_may_use)
{
    ck_assert_uint_le(watch_move(1000).max_workers, 4);
    run_on_cpus(2);
    ck_assert_uint_le(watch_move(1000).max_workers, 2);
    run_on_cpus(1);
    ck_assert_uint_le(watch_move(1000).max_workers, 1);
    ck_assert_uint_le(watch_move(0).max_workers, 1);
}
END_TEST

START_TEST(one_of_the_threads_is_the_caller)
{
    ck_assert_uint_eq(watch_move(1).max_workers, 0);
}
END_TEST

static size_t threads_of_process(void)
{
    size_t count = 0;
    DIR *tasks = opendir("/proc/self/task");
    require(tasks != NULL);
    for (const struct dirent *entry; (entry = readdir(tasks)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

START_TEST(no_thread_remains_afterwards)
{
    for (int time = 0; time < 5; time++) {
        struct page_list list = page_list_interleaved(pages_on_node(MANY, 0), MANY);
        struct listener listener = { .stop_at = time % 2 == 0 ? 0 : 1 };
        struct numars_move_options options = recording_options(&listener);
        options.threads = 4;
        const long returned = move(&list, &options, NULL);
        expect(returned == (time % 2 == 0 ? 0 : -1), "returned %ld", returned);
        /* It takes the kernel a moment to remove a thread that has ended. */
        for (int moment = 0; moment < 100 && threads_of_process() > 1; moment++)
            sleep_ms(10);
        ck_assert_uint_eq(threads_of_process(), 1);
    }
}
END_TEST

/* Signals sent to the process go to the threads that the program created. */
static pid_t own_threads[2];
static volatile sig_atomic_t handled, handled_elsewhere;

static void handle_signal(int signal)
{
    (void)signal;
    const pid_t id = gettid();
    handled = 1;
    if (id != own_threads[0] && id != own_threads[1])
        handled_elsewhere = 1;
}

static void *move_with_threads(void *argument)
{
    struct page_list *list = argument;
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.threads = 4;
    own_threads[1] = gettid();
    sigset_t none;
    sigemptyset(&none);
    require(pthread_sigmask(SIG_SETMASK, &none, NULL) == 0);
    for (int call = 0; call < 2; call++) {
        for (size_t entry = 0; entry < list->count; entry++)
            list->nodes[entry] = (int)(entry + (size_t)call) % 4;
        assert_returns(move(list, &options, NULL), 0);
        assert_all_on_target(0, list);
    }
    return NULL;
}

START_TEST(signals_do_not_disturb_a_move_and_are_handled_by_the_programs_own_threads)
{
    enum { KINDS = 8, PAGES = 1500 };
    struct page_list list = page_list_interleaved(pages_on_node(PAGES, 0), PAGES);
    const pid_t process = getpid();
    /* The sender of the signals must not share them. */
    require(madvise(list.pages[0], PAGES * page_size(), MADV_DONTFORK) == 0);
    sigset_t storm;
    sigemptyset(&storm);
    for (int kind = 0; kind < KINDS; kind++) {
        const struct sigaction action = { .sa_handler = handle_signal };
        require(sigaction(SIGRTMIN + kind, &action, NULL) == 0);
        sigaddset(&storm, SIGRTMIN + kind);
    }
    own_threads[0] = gettid();
    /* Without SA_RESTART, and from another process: the kernel chooses a thread that takes the signal. */
    const pid_t sender = fork();
    require(sender >= 0);
    if (sender == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (unsigned time = 0;; time++) {
            kill(process, SIGRTMIN + (int)(time % KINDS));
            if (time % KINDS == 0)
                sleep_ms(1);
        }
    }
    pthread_t mover;
    /* Blocked in this thread: then only the moving thread remains, and while it is busy the kernel would choose one of the library's. It
     * unblocks the signals once it has stored its thread ID. */
    require(pthread_sigmask(SIG_BLOCK, &storm, NULL) == 0);
    require(pthread_create(&mover, NULL, move_with_threads, &list) == 0);
    require(pthread_join(mover, NULL) == 0);
    require(kill(sender, SIGKILL) == 0 && waitpid(sender, NULL, 0) == sender);
    ck_assert(handled);
    ck_assert(!handled_elsewhere);
}
END_TEST

int main(void)
{
    return run_tests("numars_move_pages", (const TTest *[]){
        pages_that_move_and_pages_in_place_are_counted,
        each_kind_of_page_has_its_own_counter_and_those_that_stay_are_returned,
        shared_pages_move_with_MPOL_MF_MOVE_ALL,
        entries_are_counted_and_not_pages,
        an_error_half_way_leaves_true_statistics,
        without_targets_nothing_moves_and_all_pages_are_reported,
        status_options_and_stats_may_be_missing,
        errors_of_the_kernel_are_returned_and_the_statistics_are_zero,
        options_smaller_than_the_first_version_are_einval,
        larger_options_are_accepted_if_unknown_fields_are_zero,
        no_options_are_the_default_ones,
        a_busy_page_is_retried_as_often_as_the_options_say,
        a_page_that_is_unpinned_meanwhile_moves,
        progress_is_reported_repeatedly_and_at_the_end,
        a_small_move_is_reported_at_its_end,
        a_nonzero_return_value_cancels_the_move_and_all_results_are_true,
        a_cpuset_that_loses_the_target_half_way_is_eacces_or_enomem,
        any_number_of_threads_gives_the_same_nodes_and_statistics,
        threads_of_the_library_block_all_signals,
        there_are_never_more_threads_than_cpus_the_caller_may_use,
        one_of_the_threads_is_the_caller,
        no_thread_remains_afterwards,
        signals_do_not_disturb_a_move_and_are_handled_by_the_programs_own_threads,
        a_full_target_is_enomem_with_true_statuses_and_statistics,
        NULL });
}

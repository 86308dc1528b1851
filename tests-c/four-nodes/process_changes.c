/* The main thread of the target process ends while other threads continue: what the kernel reports for its PID then concerns a thread
 * without memory. Or the target executes another program, or ends. */
#include <numars.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "environment.h"
#include "fault_injection.h"
#include "harness.h"
#include "interruption.h"
#include "move_stats.h"
#include "nodes.h"
#include "page_list.h"
#include "pages.h"

enum { COUNT = 40, FROM = 3, TO = 1, THEN = 2 };

/* Pages whose move takes a while. */
static size_t many(void)
{
    return pages_within(20000, 80 << 20);
}

static long move_process(pid_t pid, int from, int to, const struct numars_move_options *options, struct numars_move_stats *stats)
{
    return move_process_between(pid, mask(from), mask(to), options, stats);
}

/* Moves pages of a process from node to node with each call; queries of their nodes go to `looker`. */
static void make_all_calls(const char *where, pid_t pid, pid_t observer, char *pages)
{
    unsigned long per_node[NODES];
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    struct page_list list = page_list_of_range(pages, COUNT, TO);

    long returned = numars_count_pages(pid, pages, COUNT * page_size(), per_node, NODES);
    expect(returned == COUNT && per_node[FROM] == COUNT, "%s: counted %ld of %d pages (errno %d)", where, returned, COUNT, errno);
    returned = numars_count_pages(pid, NULL, end_of_addresses(), per_node, NODES);
    expect(returned > COUNT, "%s: counted %ld pages of all addresses (errno %d)", where, returned, errno);

    returned = numars_move_range(pid, pages, COUNT * page_size(), TO, NULL, &stats);
    expect(returned == 0, "%s: numars_move_range returned %ld (errno %d)", where, returned, errno);
    assert_stats(stats, .requested = COUNT, .moved = COUNT);
    expect(page_list_on_target(observer, &list) == COUNT, "%s: numars_move_range moved %zu of %d pages", where, page_list_on_target(observer, &list),
           COUNT);

    returned = move_process(pid, TO, THEN, NULL, &stats);
    expect(returned >= 0, "%s: numars_move_process returned %ld (errno %d)", where, returned, errno);
    ck_assert_uint_ge(stats.moved, COUNT);
    list = page_list_of_range(pages, COUNT, THEN);
    expect(page_list_on_target(observer, &list) == COUNT, "%s: numars_move_process moved %zu of %d pages", where, page_list_on_target(observer, &list),
           COUNT);

    list = page_list_of_range(pages, COUNT, FROM);
    returned = numars_move_pages(pid, COUNT, list.pages, list.nodes, list.status, NULL, &stats);
    expect(returned == 0, "%s: numars_move_pages returned %ld (errno %d)", where, returned, errno);
    assert_all_on_target(observer, &list);
}

/* Threads */

static void *make_calls_without_main_thread(void *main_thread)
{
    require(pthread_join(*(pthread_t *)main_thread, NULL) == 0);
    char *pages = pages_on_node(COUNT, FROM);
    make_all_calls("PID 0", 0, 0, pages);
    make_all_calls("own PID", getpid(), 0, pages);
    make_all_calls("own TID", (pid_t)syscall(SYS_gettid), 0, pages);
    exit(EXIT_SUCCESS);
}

/* Ends the main thread of this process; another one calls `action`, which ends the process. */
static _Noreturn void continue_without_main_thread(void *(*action)(void *))
{
    static pthread_t self;
    pthread_t thread;
    self = pthread_self();
    require(pthread_create(&thread, NULL, action, &self) == 0);
    pthread_exit(NULL);
}

START_TEST(the_own_process_is_found_by_each_of_its_ids_when_its_main_thread_has_ended)
{
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0)
        continue_without_main_thread(make_calls_without_main_thread);
    int status = -1;
    require(waitpid(pid, &status, 0) == pid);
    ck_assert_int_eq(status, EXIT_SUCCESS);
}
END_TEST

static struct readiness of_target;

static void *sleep_without_main_thread(void *main_thread)
{
    require(pthread_join(*(pthread_t *)main_thread, NULL) == 0);
    sleep_when_ready(of_target, (void *)(uintptr_t)syscall(SYS_gettid));
}

/* Starts a process with COUNT pages on a node, whose main thread has ended. Returns its PID; `thread` is the TID of a living thread. */
static pid_t start_without_main_thread(char *pages, size_t count, pid_t *thread)
{
    of_target = make_readiness();
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        touch_pages(pages, count, FROM);
        continue_without_main_thread(sleep_without_main_thread);
    }
    *thread = (pid_t)(uintptr_t)wait_until_ready(of_target);
    return pid;
}

START_TEST(another_process_is_found_when_its_main_thread_has_ended)
{
    pid_t thread;
    char *pages = map_pages(COUNT);
    const pid_t pid = start_without_main_thread(pages, COUNT, &thread);
    make_all_calls("PID", pid, thread, pages);
    make_all_calls("TID", thread, thread, pages);
    kill_and_wait(pid);
}
END_TEST

START_TEST(another_process_is_found_when_its_main_thread_has_ended_without_pidfds)
{
    pid_t thread;
    char *pages = map_pages(COUNT);
    const struct denied_call denied_call = { SYS_pidfd_open, ENOSYS };
    deny_syscalls(&denied_call, 1);
    const pid_t pid = start_without_main_thread(pages, COUNT, &thread);
    make_all_calls("PID", pid, thread, pages);
    kill_and_wait(pid);
}
END_TEST

/* Its threads have other IDs in /proc than for the caller. */
START_TEST(a_process_of_a_new_namespace_is_found_when_its_main_thread_has_ended)
{
    require(unshare(CLONE_NEWPID) == 0);
    const pid_t first = fork();
    require(first >= 0);
    if (first == 0) {
        pid_t thread;
        char *pages = map_pages(COUNT);
        const pid_t pid = start_without_main_thread(pages, COUNT, &thread);
        require(pid < 100);
        make_all_calls("PID", pid, thread, pages);
        kill_and_wait(pid);
        exit(EXIT_SUCCESS);
    }
    int status = -1;
    require(waitpid(first, &status, 0) == first);
    ck_assert_int_eq(status, EXIT_SUCCESS);
}
END_TEST

START_TEST(a_request_that_is_invalid_otherwise_is_einval_when_the_main_thread_has_ended)
{
    pid_t thread;
    char *pages = map_pages(COUNT);
    const pid_t pid = start_without_main_thread(pages, COUNT, &thread);
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.flags = MPOL_MF_STRICT;
    assert_fails(numars_move_range(pid, pages, COUNT * page_size(), TO, &options, NULL), EINVAL);
    struct page_list list = page_list_of_range(pages, COUNT, TO);
    assert_fails(numars_move_pages(pid, COUNT, list.pages, list.nodes, list.status, &options, NULL), EINVAL);
    assert_fails(numa_move_pages(pid, COUNT, list.pages, list.nodes, list.status, MPOL_MF_STRICT), EINVAL);
    list = page_list_of_range(pages, COUNT, FROM);
    ck_assert_uint_eq(page_list_on_target(thread, &list), COUNT);
    kill_and_wait(pid);
}
END_TEST

/* Changes half way through a move */

static void *only_sleep(void *nothing)
{
    for (;;)
        pause();
    return nothing;
}

static void end_this_thread(int signal)
{
    (void)signal;
    syscall(SYS_exit, 0);
}

/* Starts a process with two threads, of which the first acts on SIGUSR1. */
static pid_t start_target(char *pages, size_t count, void (*on_signal)(int))
{
    const struct readiness readiness = make_readiness();
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        pthread_t thread;
        sigset_t set;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        require(signal(SIGUSR1, on_signal) != SIG_ERR);
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        require(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
        require(pthread_create(&thread, NULL, only_sleep, NULL) == 0);
        require(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
        touch_pages(pages, count, FROM);
        sleep_when_ready(readiness, NULL);
    }
    wait_until_ready(readiness);
    return pid;
}

/* Waits until the maps of a process are empty, or begin with another line than `line`. */
static void wait_until_maps_differ(pid_t pid, const char *line)
{
    const struct timespec moment = { .tv_nsec = 1000 * 1000 };
    char path[64], now[512];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    for (;;) {
        FILE *maps = fopen(path, "r");
        const bool has_line = maps != NULL && fgets(now, sizeof now, maps) != NULL;
        if (maps != NULL)
            fclose(maps);
        if (!has_line || (line != NULL && strcmp(now, line) != 0))
            return;
        nanosleep(&moment, NULL);
    }
}

static void end_main_thread(struct interruption *interruption)
{
    require(kill(interruption->pid, SIGUSR1) == 0);
    wait_until_maps_differ(interruption->pid, NULL);
}

START_TEST(a_move_continues_when_the_main_thread_ends_half_way)
{
    char *pages = map_pages(many());
    for (int whole = 0; whole <= 1; whole++) {
        struct interruption interruption = { .action = end_main_thread, .pid = start_target(pages, many(), end_this_thread) };
        const struct numars_move_options options = interrupted_by(&interruption, MPOL_MF_MOVE_ALL);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        if (whole)
            ck_assert_int_ge(move_process(interruption.pid, FROM, TO, &options, &stats), 0);
        else
            assert_returns(numars_move_range(interruption.pid, pages, many() * page_size(), TO, &options, &stats), 0);
        ck_assert(interruption.done);
        ck_assert_uint_ge(stats.moved, many());
        unsigned long per_node[NODES];
        ck_assert_int_eq(numars_count_pages(interruption.pid, pages, many() * page_size(), per_node, NODES), many());
        ck_assert_uint_eq(per_node[TO], many());
        kill_and_wait(interruption.pid);
    }
}
END_TEST

/* Before Linux 6.7, the mappings of a process are read throughout the move, which ends when the thread ends whose file it is. */
static bool is_result(long returned, long expected)
{
    return returned == expected || (kernel_before(6, 7) && returned == -1 && errno == ESRCH);
}

/* A thread that starts its successor and ends. */
static void *start_successor(void *nothing)
{
    const struct timespec moment = { .tv_nsec = 3 * 1000 * 1000 };
    pthread_attr_t detached;
    pthread_t thread;
    nanosleep(&moment, NULL);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &detached, start_successor, NULL) != 0)
        _exit(EXIT_FAILURE);
    return nothing;
}

START_TEST(a_process_whose_threads_start_and_end_moves)
{
    const int times = getenv("TEST_SECONDS") == NULL ? 25 : 60;
    char *pages = map_pages(MAX_PAGES);
    const struct readiness readiness = make_readiness();
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        touch_pages(pages, MAX_PAGES, FROM);
        pthread_t thread;
        require(pthread_create(&thread, NULL, start_successor, NULL) == 0);
        require(write(readiness.ends[1], &(void *){ NULL }, sizeof(void *)) == sizeof(void *));
        syscall(SYS_exit, 0);
    }
    wait_until_ready(readiness);
    wait_until_maps_differ(pid, NULL);
    for (int time = 0; time < times; time++) {
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        const int node = time % NODES;
        const long stayed = numars_move_range(pid, pages, MAX_PAGES * page_size(), node, NULL, &stats);
        expect(is_result(stayed, 0), "numars_move_range returned %ld, errno %d", stayed, errno);
        if (stayed == 0)
            ck_assert_uint_eq(stats.moved + stats.in_place, MAX_PAGES);
        unsigned long per_node[NODES];
        const long counted = numars_count_pages(pid, pages, MAX_PAGES * page_size(), per_node, NODES);
        expect(is_result(counted, MAX_PAGES), "numars_count_pages returned %ld, errno %d", counted, errno);
        if (stayed == 0 && counted > 0)
            ck_assert_uint_eq(per_node[node], MAX_PAGES);
        struct page_list list = page_list_of_range(pages, COUNT, (time + 1) % NODES);
        assert_returns(numars_move_pages(pid, COUNT, list.pages, list.nodes, list.status, NULL, NULL), 0);
        ck_assert_uint_eq(page_list_with_status(&list, (time + 1) % NODES), COUNT);
    }
    kill_and_wait(pid);
}
END_TEST

START_TEST(pages_of_a_process_that_ends_half_way_are_not_counted_as_having_stayed)
{
    char *pages = map_pages(many());
    struct page_list list = page_list_of_range(pages, many(), TO);
    enum { LIST, RANGE, PROCESS };
    for (int call = LIST; call <= PROCESS; call++) {
        struct interruption interruption = { .action = kill_without_waiting, .pid = start_target(pages, many(), end_this_thread) };
        const struct numars_move_options options = interrupted_by(&interruption, MPOL_MF_MOVE_ALL);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        if (call == LIST) {
            assert_fails(numars_move_pages(interruption.pid, many(), list.pages, list.nodes, list.status, &options, &stats), ESRCH);
        } else if (call == RANGE) {
            assert_fails(numars_move_range(interruption.pid, pages, many() * page_size(), TO, &options, &stats), ESRCH);
        } else {
            const long returned = move_process(interruption.pid, FROM, TO, &options, &stats);
            expect(returned == 0 && errno == UNTOUCHED_ERRNO, "returned %ld, errno %d", returned, errno);
        }
        ck_assert(interruption.done);
        ck_assert_uint_gt(stats.moved, 0);
        ck_assert_uint_lt(stats.moved, many());
        ck_assert_uint_eq(stats.shared + stats.busy + stats.no_memory + stats.failed, 0);
        /* The others are absent. */
        ck_assert_uint_eq(stats.moved + stats.in_place + stats.absent + stats.unmapped, stats.requested);
        require(waitpid(interruption.pid, NULL, 0) == interruption.pid);
    }
}
END_TEST

/* The program that a target executes: this one again, with the end of a pipe to which it reports once it has pages on the old node. */
static int ready_ends[2];
static char *new_pages;
static char ready_end[16];

static void run_another_program(int signal)
{
    (void)signal;
    execl("/proc/thread-self/exe", "process_changes", ready_end, (char *)NULL);
    _exit(EXIT_FAILURE);
}

static _Noreturn void run_as_another_program(const char *end)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    char *const pages = pages_on_node(many(), FROM);
    require(write(atoi(end), &pages, sizeof pages) == sizeof pages);
    for (;;)
        pause();
}

static void wait_for_another_program(struct interruption *interruption)
{
    require(kill(interruption->pid, SIGUSR1) == 0);
    require(read(ready_ends[0], &new_pages, sizeof new_pages) == sizeof new_pages);
}

static void *wait_without_main_thread(void *main_thread)
{
    require(pthread_join(*(pthread_t *)main_thread, NULL) == 0);
    sleep_when_ready(of_target, NULL);
}

/* The thread that executes the program becomes the main thread, whatever happened to the previous one. */
static pid_t start_target_that_runs_another_program(char *pages, bool without_main_thread)
{
    if (!without_main_thread)
        return start_target(pages, many(), run_another_program);
    of_target = make_readiness();
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        require(signal(SIGUSR1, run_another_program) != SIG_ERR);
        touch_pages(pages, many(), FROM);
        continue_without_main_thread(wait_without_main_thread);
    }
    wait_until_ready(of_target);
    return pid;
}

START_TEST(a_process_that_executes_a_program_half_way_keeps_no_more_pages_than_are_returned)
{
    char *pages = map_pages(many());
    for (int without_main_thread = 0; without_main_thread <= 1; without_main_thread++) {
        require(pipe(ready_ends) == 0);
        snprintf(ready_end, sizeof ready_end, "%d", ready_ends[1]);
        const pid_t pid = start_target_that_runs_another_program(pages, without_main_thread);
        /* Only the target has it open now. */
        require(close(ready_ends[1]) == 0);
        struct interruption interruption = { .action = wait_for_another_program, .pid = pid };
        const struct numars_move_options options = interrupted_by(&interruption, MPOL_MF_MOVE_ALL);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        const long returned = move_process(pid, FROM, TO, &options, &stats);
        ck_assert(interruption.done);
        const struct page_list list = page_list_of_range(new_pages, many(), FROM);
        const size_t stayed = page_list_on_target(pid, &list);
        expect(returned >= (long)stayed && errno == UNTOUCHED_ERRNO, "returned %ld, errno %d, but %zu pages are on the old node", returned,
               errno, stayed);
        kill_and_wait(pid);
        require(close(ready_ends[0]) == 0);
    }
}
END_TEST

int main(int count, char **arguments)
{
    if (count > 1)
        run_as_another_program(arguments[1]);
    return run_tests("process_changes", (const TTest *[]){
        the_own_process_is_found_by_each_of_its_ids_when_its_main_thread_has_ended,
        another_process_is_found_when_its_main_thread_has_ended,
        another_process_is_found_when_its_main_thread_has_ended_without_pidfds,
        a_process_of_a_new_namespace_is_found_when_its_main_thread_has_ended,
        a_request_that_is_invalid_otherwise_is_einval_when_the_main_thread_has_ended,
        a_move_continues_when_the_main_thread_ends_half_way,
        a_process_whose_threads_start_and_end_moves,
        pages_of_a_process_that_ends_half_way_are_not_counted_as_having_stayed,
        a_process_that_executes_a_program_half_way_keeps_no_more_pages_than_are_returned,
        NULL });
}

/* numars_move_range, numars_move_process and numars_count_pages read in /proc about the very process that move_pages(2) means by the same
 * PID, or not at all: in PID namespaces with another namespace's /proc, on old kernels, and when the process ends meanwhile. */
#include <fcntl.h>
#include <linux/sched.h>
#include <numars.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "environment.h"
#include "fault_injection.h"
#include "harness.h"
#include "interruption.h"
#include "nodes.h"
#include "pages.h"
#include "private_mounts.h"

enum { COUNT = 40 };

/* Pages whose move takes a while. */
static size_t many(void)
{
    return pages_within(20000, 80 << 20);
}

/* A fork whose PID in the children's PID namespace is `number`, which must be free; 0: any. */
static pid_t fork_with_pid(pid_t number)
{
    struct clone_args arguments = { .exit_signal = SIGCHLD };
    if (number != 0) {
        arguments.set_tid = (uintptr_t)&number;
        arguments.set_tid_size = 1;
    }
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

/* Like start_child(), with pages at an address that this process has reserved. */
static pid_t start_target(pid_t number, char *pages, size_t count, int node)
{
    const struct readiness readiness = make_readiness();
    const pid_t pid = fork_with_pid(number);
    require(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        touch_pages(pages, count, node);
        sleep_when_ready(readiness, NULL);
    }
    wait_until_ready(readiness);
    return pid;
}

static pid_t start_idle(pid_t number)
{
    const pid_t pid = fork_with_pid(number);
    require(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    return pid;
}

static long move_process(pid_t pid, int from, int to, const struct numars_move_options *options, struct numars_move_stats *stats)
{
    return move_process_between(pid, mask(from), mask(to), options, stats);
}

static size_t count_of_process(pid_t pid, const char *pages, size_t count, int node)
{
    size_t matches = 0;
    for (size_t page = 0; page < count; page++)
        matches += node_of_pid(pid, pages + page * page_size()) == node;
    return matches;
}

/* Results of the calls for COUNT pages on node 0 of a process: first for a short range, then for the whole process. */
struct results {
    bool complete;
    long counted, moved_range, counted_whole, moved_process;
    int whole_errno, process_errno;
    size_t on_node_1, on_node_2;
};

static struct results make_calls(pid_t pid, char *pages)
{
    struct results results = { .complete = true };
    unsigned long per_node[NODES];
    results.counted = numars_count_pages(pid, pages, COUNT * page_size(), per_node, NODES);
    results.moved_range = numars_move_range(pid, pages, COUNT * page_size(), 1, NULL, NULL);
    results.on_node_1 = count_of_process(pid, pages, COUNT, 1);
    results.counted_whole = numars_count_pages(pid, NULL, end_of_addresses(), per_node, NODES);
    results.whole_errno = errno;
    results.moved_process = move_process(pid, 1, 2, NULL, NULL);
    results.process_errno = errno;
    results.on_node_2 = count_of_process(pid, pages, COUNT, 2);
    return results;
}

static void assert_short_range_worked(const char *where, struct results results)
{
    expect(results.complete, "%s: the calls were not made", where);
    expect(results.counted == COUNT, "%s: counted %ld pages of %d", where, results.counted, COUNT);
    expect(results.moved_range == 0 && results.on_node_1 == COUNT, "%s: numars_move_range returned %ld and moved %zu of %d pages",
           where, results.moved_range, results.on_node_1, COUNT);
}

/* /proc shows the process. */
static void assert_all_worked(const char *where, struct results results)
{
    assert_short_range_worked(where, results);
    expect(results.counted_whole > COUNT, "%s: counted %ld pages of the whole process", where, results.counted_whole);
    expect(results.moved_process >= 0 && results.on_node_2 == COUNT, "%s: numars_move_process returned %ld and moved %zu of %d pages",
           where, results.moved_process, results.on_node_2, COUNT);
}

/* /proc does not show it: calls that do not need /proc work, and the others fail. */
static void assert_whole_process_failed(const char *where, struct results results)
{
    if (sizeof(long) == 4) {
        /* Every page of such an address space can be queried. */
        assert_all_worked(where, results);
        return;
    }
    assert_short_range_worked(where, results);
    expect(results.counted_whole == -1 && results.whole_errno == ENOENT, "%s: counting the whole process returned %ld, errno %d", where,
           results.counted_whole, results.whole_errno);
    expect(results.moved_process == -1 && results.process_errno == ENOENT && results.on_node_2 == 0,
           "%s: numars_move_process returned %ld, errno %d, and moved %zu pages", where, results.moved_process, results.process_errno,
           results.on_node_2);
}

/* Simulates a kernel without pidfd_open(2), or a container that denies it. */
static void deny_pidfds(int error)
{
    const struct denied_call denied_call = { SYS_pidfd_open, error };
    deny_syscalls(&denied_call, 1);
}

static struct results make_calls_without_pidfds(int error, pid_t pid, char *pages)
{
    if (error != 0)
        deny_pidfds(error);
    return make_calls(pid, pages);
}

/* Makes the calls in a child process; `pidfd_errno` is the error of pidfd_open(2) there, or 0. */
static struct results make_calls_in_child(struct results (*action)(int), int pidfd_errno)
{
    struct results *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    require(shared != MAP_FAILED);
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        *shared = action(pidfd_errno);
        _exit(EXIT_SUCCESS);
    }
    require(waitpid(pid, NULL, 0) == pid);
    const struct results results = *shared;
    munmap(shared, sizeof *shared);
    return results;
}

/* The results must be the same with pidfd_open(2) and without. */
static void assert_both_ways(void (*assert_results)(const char *, struct results), struct results (*action)(int))
{
    assert_results("with pidfd_open", make_calls_in_child(action, 0));
    assert_results("ENOSYS", make_calls_in_child(action, ENOSYS));
}

static struct results make_calls_on_target(pid_t number, int pidfd_errno)
{
    char *pages = map_pages(COUNT);
    const pid_t target = start_target(number, pages, COUNT, 0);
    const struct results results = make_calls_without_pidfds(pidfd_errno, target, pages);
    kill_and_wait(target);
    return results;
}

static struct results in_the_same_namespace(int pidfd_errno)
{
    return make_calls_on_target(0, pidfd_errno);
}

START_TEST(a_process_is_found_with_pidfds_and_without)
{
    assert_both_ways(assert_all_worked, in_the_same_namespace);
    assert_all_worked("EPERM", make_calls_in_child(in_the_same_namespace, EPERM));
}
END_TEST

static pid_t other_process;

/* The target's PID here is that of another process in the namespace to which /proc belongs. */
static struct results try_with_the_pid_of_another(int pidfd_errno)
{
    return make_calls_on_target(other_process, pidfd_errno);
}

static struct results in_a_new_namespace(int pidfd_errno)
{
    other_process = start_idle(0);
    require(unshare(CLONE_NEWPID) == 0);
    const struct results results = make_calls_in_child(try_with_the_pid_of_another, pidfd_errno);
    kill_and_wait(other_process);
    return results;
}

START_TEST(a_process_of_a_new_namespace_is_found_in_the_old_proc_by_its_pid_there)
{
    assert_all_worked("with pidfd_open", in_a_new_namespace(0));
}
END_TEST

START_TEST(without_pidfds_a_process_of_a_new_namespace_is_not_mistaken_for_another)
{
    assert_whole_process_failed("ENOSYS", in_a_new_namespace(ENOSYS));
}
END_TEST

/* The first process of a new namespace: it mounts that namespace's /proc, and has a child with this PID. */
static pid_t start_namespace_with_own_proc(pid_t number)
{
    const struct readiness readiness = make_readiness();
    require(unshare(CLONE_NEWPID) == 0);
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        require(mount("proc", "/proc", "proc", 0, NULL) == 0);
        start_idle(number);
        sleep_when_ready(readiness, NULL);
    }
    wait_until_ready(readiness);
    return pid;
}

static struct results beside_a_namespace_whose_proc_is_here(int pidfd_errno)
{
    char *pages = map_pages(COUNT);
    unshare_mounts();
    const pid_t target = start_target(0, pages, COUNT, 0), namespace = start_namespace_with_own_proc(target);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)target);
    require(access(path, R_OK) == 0 && access("/proc/self/maps", R_OK) != 0);
    const struct results results = make_calls_without_pidfds(pidfd_errno, target, pages);
    kill_and_wait(namespace);
    kill_and_wait(target);
    return results;
}

START_TEST(a_proc_that_does_not_show_the_caller_is_not_searched)
{
    assert_both_ways(assert_whole_process_failed, beside_a_namespace_whose_proc_is_here);
}
END_TEST

static struct results without_proc(int pidfd_errno)
{
    unshare_mounts();
    mount_empty_over("/proc");
    return make_calls_on_target(0, pidfd_errno);
}

static struct results in_an_empty_root(int pidfd_errno)
{
    char folder[] = "/tmp/rootXXXXXX";
    require(mkdtemp(folder) != NULL && chroot(folder) == 0 && chdir("/") == 0);
    return make_calls_on_target(0, pidfd_errno);
}

START_TEST(without_proc_calls_that_do_not_need_it_work)
{
    assert_whole_process_failed("no /proc", make_calls_in_child(without_proc, 0));
    assert_whole_process_failed("no /proc and no pidfd_open", make_calls_in_child(without_proc, ENOSYS));
    assert_whole_process_failed("chroot", make_calls_in_child(in_an_empty_root, 0));
}
END_TEST

/* move_pages(2) checks the real user, /proc the effective one. */
static struct results as_another_effective_user(int hidden)
{
    if (hidden) {
        unshare_mounts();
        require(mount("proc", "/proc", "proc", 0, "hidepid=2") == 0);
    }
    char *pages = map_pages(COUNT);
    const pid_t target = start_target(0, pages, COUNT, 0);
    require(seteuid(65534) == 0);
    const struct results results = make_calls(target, pages);
    require(seteuid(0) == 0);
    kill_and_wait(target);
    return results;
}

START_TEST(a_process_hidden_in_proc_is_moved_by_short_ranges)
{
    assert_whole_process_failed("effective user", make_calls_in_child(as_another_effective_user, false));
    assert_whole_process_failed("hidepid=2", make_calls_in_child(as_another_effective_user, true));
}
END_TEST

static struct results on_own_process_by(pid_t pid)
{
    char *pages = pages_on_node(COUNT, 0);
    return make_calls(pid, pages);
}

static struct results on_own_process_by_zero(int pidfd_errno)
{
    if (pidfd_errno != 0)
        deny_pidfds(pidfd_errno);
    return on_own_process_by(0);
}

static struct results on_own_process_by_its_pid(int pidfd_errno)
{
    if (pidfd_errno != 0)
        deny_pidfds(pidfd_errno);
    return on_own_process_by(getpid());
}

START_TEST(the_own_process_is_found_in_the_proc_of_every_namespace_that_shows_it)
{
    require(unshare(CLONE_NEWPID) == 0);
    /* The first process keeps the namespace alive. */
    const pid_t first = start_idle(0);
    assert_all_worked("pid 0", make_calls_in_child(on_own_process_by_zero, 0));
    assert_all_worked("own pid", make_calls_in_child(on_own_process_by_its_pid, 0));
    assert_all_worked("pid 0, ENOSYS", make_calls_in_child(on_own_process_by_zero, ENOSYS));
    assert_all_worked("own pid, ENOSYS", make_calls_in_child(on_own_process_by_its_pid, ENOSYS));
    kill_and_wait(first);
}
END_TEST

static struct results *of_last_thread;

static void *try_without_main_thread(void *main_thread)
{
    require(pthread_join(*(pthread_t *)main_thread, NULL) == 0);
    *of_last_thread = on_own_process_by(0);
    _exit(EXIT_SUCCESS);
}

START_TEST(the_own_process_is_found_when_its_main_thread_has_ended)
{
    of_last_thread = mmap(NULL, sizeof *of_last_thread, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    require(of_last_thread != MAP_FAILED);
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        static pthread_t self;
        pthread_t thread;
        self = pthread_self();
        require(pthread_create(&thread, NULL, try_without_main_thread, &self) == 0);
        pthread_exit(NULL);
    }
    require(waitpid(pid, NULL, 0) == pid);
    assert_all_worked("the last thread", *of_last_thread);
}
END_TEST

/* Threads of other processes. */

static void *report_tid(void *end)
{
    const pid_t tid = (pid_t)syscall(SYS_gettid);
    if (write(*(int *)end, &tid, sizeof tid) == sizeof tid)
        for (;;)
            pause();
    return NULL;
}

static struct results on_a_thread_of_another_process(int pidfd_errno)
{
    int ends[2];
    pid_t tid = 0;
    require(pipe(ends) == 0);
    char *pages = map_pages(COUNT);
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        touch_pages(pages, COUNT, 0);
        pthread_t thread;
        require(pthread_create(&thread, NULL, report_tid, &ends[1]) == 0);
        for (;;)
            pause();
    }
    require(read(ends[0], &tid, sizeof tid) == sizeof tid);
    const struct results results = make_calls_without_pidfds(pidfd_errno, tid, pages);
    kill_and_wait(pid);
    return results;
}

START_TEST(a_process_is_found_by_the_id_of_one_of_its_threads)
{
    assert_both_ways(assert_all_worked, on_a_thread_of_another_process);
}
END_TEST

START_TEST(a_process_that_has_ended_but_was_not_waited_for_is_esrch)
{
    struct child_process child = start_child(COUNT, 0, NULL);
    siginfo_t information;
    require(kill(child.pid, SIGKILL) == 0 && waitid(P_PID, (id_t)child.pid, &information, WEXITED | WNOWAIT) == 0);
    assert_fails(numars_count_pages(child.pid, child.pages, COUNT * page_size(), NULL, 0), ESRCH);
    assert_fails(numars_move_range(child.pid, child.pages, COUNT * page_size(), 1, NULL, NULL), ESRCH);
    assert_fails(move_process(child.pid, 0, 1, NULL, NULL), ESRCH);
    require(waitpid(child.pid, NULL, 0) == child.pid);
}
END_TEST

START_TEST(when_descriptors_run_out_nothing_is_reported_that_was_not_done)
{
    if (PROCESS_SCAN_IS_SLOW)
        skip_test("AddressSanitizer maps terabytes, and each page would be queried");
    struct rlimit limit;
    require(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    char *pages = map_pages(COUNT);
    size_t complete = 0;
    for (unsigned spare = 0; spare < 6; spare++) {
        const pid_t target = start_target(0, pages, COUNT, 0);
        const int next = dup(STDOUT_FILENO);
        require(next >= 0 && close(next) == 0);
        const struct rlimit limited = { .rlim_cur = (rlim_t)next + spare, .rlim_max = limit.rlim_max };
        require(setrlimit(RLIMIT_NOFILE, &limited) == 0);
        const struct results results = make_calls(target, pages);
        require(setrlimit(RLIMIT_NOFILE, &limit) == 0);
        char where[32];
        snprintf(where, sizeof where, "%u descriptors", spare);
        if (results.moved_process < 0) {
            assert_whole_process_failed(where, results);
        } else {
            assert_all_worked(where, results);
            complete++;
        }
        kill_and_wait(target);
    }
    ck_assert_uint_gt(complete, 0);
}
END_TEST

/* The process executes a program, or ends, while its pages move. */

START_TEST(a_process_that_ends_half_way_and_was_not_waited_for_is_esrch_or_yields_what_was_moved)
{
    char *pages = map_pages(many());
    for (int whole = 0; whole <= 1; whole++) {
        struct interruption interruption = { .action = kill_without_waiting, .pid = start_target(0, pages, many(), 3) };
        const struct numars_move_options options = interrupted_by(&interruption, MPOL_MF_MOVE);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        if (whole) {
            errno = UNTOUCHED_ERRNO;
            const long returned = move_process(interruption.pid, 3, 1, &options, &stats);
            expect(returned >= 0 && errno == UNTOUCHED_ERRNO, "returned %ld, errno %d", returned, errno);
        } else {
            assert_fails(numars_move_range(interruption.pid, pages, many() * page_size(), 1, &options, &stats), ESRCH);
        }
        ck_assert(interruption.done);
        ck_assert_uint_gt(stats.moved, 0);
        ck_assert_uint_lt(stats.moved, many());
        require(waitpid(interruption.pid, NULL, 0) == interruption.pid);
    }
}
END_TEST

/* Another process has the same PID now, and pages at the same addresses. */
static void let_another_have_the_pid(struct interruption *interruption)
{
    kill_and_wait(interruption->pid);
    require(start_target(interruption->pid, interruption->pages, many(), 3) == interruption->pid);
}

static void move_while_the_pid_is_reused(int pidfd_errno)
{
    char *pages = map_pages(many());
    if (pidfd_errno != 0)
        deny_pidfds(pidfd_errno);
    for (int whole = 0; whole <= 1; whole++) {
        struct interruption interruption = {
            .action = let_another_have_the_pid, .pid = start_target(0, pages, many(), 3), .pages = pages
        };
        const struct numars_move_options options = interrupted_by(&interruption, MPOL_MF_MOVE);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        if (whole)
            ck_assert_int_ge(move_process(interruption.pid, 3, 1, &options, &stats), 0);
        else
            assert_fails(numars_move_range(interruption.pid, pages, many() * page_size(), 1, &options, &stats), ESRCH);
        ck_assert(interruption.done);
        ck_assert_uint_lt(stats.moved, many());
        ck_assert_uint_eq(count_of_process(interruption.pid, pages, many(), 3), many());
        kill_and_wait(interruption.pid);
    }
}

START_TEST(a_process_that_reuses_a_pid_is_left_alone)
{
    move_while_the_pid_is_reused(0);
}
END_TEST

START_TEST(a_process_that_reuses_a_pid_is_left_alone_without_pidfds)
{
    move_while_the_pid_is_reused(ENOSYS);
}
END_TEST

START_TEST(a_process_that_reuses_a_pid_is_left_alone_without_proc)
{
    unshare_mounts();
    mount_empty_over("/proc");
    char *pages = map_pages(many());
    struct interruption interruption = {
        .action = let_another_have_the_pid, .pid = start_target(0, pages, many(), 3), .pages = pages
    };
    const struct numars_move_options options = interrupted_by(&interruption, MPOL_MF_MOVE);
    assert_fails(numars_move_range(interruption.pid, pages, many() * page_size(), 1, &options, NULL), ESRCH);
    ck_assert(interruption.done);
    ck_assert_uint_eq(count_of_process(interruption.pid, pages, many(), 3), many());
    kill_and_wait(interruption.pid);
}
END_TEST

static void run_another_program(int signal)
{
    (void)signal;
    execl("/bin/sleep", "sleep", "1000", (char *)NULL);
    _exit(EXIT_FAILURE);
}

static void wait_until_it_runs_another_program(struct interruption *interruption)
{
    const struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };
    char byte;
    const struct iovec here = { &byte, 1 }, there = { interruption->pages, 1 };
    require(kill(interruption->pid, SIGUSR1) == 0);
    for (int attempt = 0; attempt < 1000; attempt++) {
        if (process_vm_readv(interruption->pid, &here, 1, &there, 1, 0) < 0 && errno == EFAULT)
            return;
        nanosleep(&moment, NULL);
    }
    require(!"the process runs another program");
}

START_TEST(a_process_that_executes_a_program_half_way_is_esrch)
{
    require(signal(SIGUSR1, run_another_program) != SIG_ERR);
    char *pages = map_pages(many());
    struct interruption interruption = {
        .action = wait_until_it_runs_another_program, .pid = start_target(0, pages, many(), 3), .pages = pages
    };
    const struct numars_move_options options = interrupted_by(&interruption, MPOL_MF_MOVE);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_fails(numars_move_range(interruption.pid, pages, many() * page_size(), 1, &options, &stats), ESRCH);
    ck_assert(interruption.done);
    ck_assert_uint_lt(stats.moved, many());
    kill_and_wait(interruption.pid);
}
END_TEST

int main(void)
{
    return run_tests("process_identity", (const TTest *[]){
        a_process_is_found_with_pidfds_and_without,
        a_process_of_a_new_namespace_is_found_in_the_old_proc_by_its_pid_there,
        without_pidfds_a_process_of_a_new_namespace_is_not_mistaken_for_another,
        a_proc_that_does_not_show_the_caller_is_not_searched,
        without_proc_calls_that_do_not_need_it_work,
        a_process_hidden_in_proc_is_moved_by_short_ranges,
        the_own_process_is_found_in_the_proc_of_every_namespace_that_shows_it,
        the_own_process_is_found_when_its_main_thread_has_ended,
        a_process_is_found_by_the_id_of_one_of_its_threads,
        a_process_that_has_ended_but_was_not_waited_for_is_esrch,
        when_descriptors_run_out_nothing_is_reported_that_was_not_done,
        a_process_that_ends_half_way_and_was_not_waited_for_is_esrch_or_yields_what_was_moved,
        a_process_that_reuses_a_pid_is_left_alone,
        a_process_that_reuses_a_pid_is_left_alone_without_pidfds,
        a_process_that_reuses_a_pid_is_left_alone_without_proc,
        a_process_that_executes_a_program_half_way_is_esrch,
        NULL });
}

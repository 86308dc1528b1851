#include "fault_injection.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#ifndef SYS_set_mempolicy_home_node
#define SYS_set_mempolicy_home_node 450
#endif

static const char *const AFTER_REEXEC = "--after-reexec";

enum { MAX_OUTPUT = 16384 };

/* Shared by the two processes: expectations and violations. In an anonymous file, so that the program that is executed again has access. */
struct report {
    struct expectations environment;
    struct violations here, after_reexec;
    int errno_at_start;
    bool prepared, finished_here, finished_after_reexec;
};

static struct report *map_report(int file)
{
    void *report = mmap(NULL, sizeof(struct report), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    require(report != MAP_FAILED);
    return report;
}

/* Descriptors opened beforehand, because the environment may lack what opening them needs. */
struct descriptors {
    int report, output, program;
    char path[PATH_MAX];
};

static struct descriptors open_descriptors(void)
{
    struct descriptors all = { .report = memfd_create("report", 0),
                               .output = memfd_create("output", MFD_CLOEXEC),
                               .program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC) };
    require(all.report >= 0 && all.output >= 0 && all.program >= 0);
    require(ftruncate(all.report, sizeof(struct report)) == 0);
    require(readlink("/proc/self/exe", all.path, sizeof all.path - 1) > 0);
    return all;
}

static void reexec(struct descriptors descriptors)
{
    char report[16];
    snprintf(report, sizeof report, "%d", descriptors.report);
    char *const arguments[] = { (char[]){ "hostile" }, (char *)AFTER_REEXEC, report, NULL };
    syscall(SYS_execveat, descriptors.program, "", arguments, environ, 0x1000 /* AT_EMPTY_PATH */);
    /* Debian's last Linux 5.10 fails with ENOENT for each program. */
    execve(descriptors.path, arguments, environ);
}

void continue_after_reexec(int count, char **arguments)
{
    const int errno_at_start = errno;
    if (count != 3 || strcmp(arguments[1], AFTER_REEXEC) != 0)
        return;
    struct report *report = map_report(atoi(arguments[2]));
    report->errno_at_start = errno_at_start;
    call_all_functions(&report->environment, &report->after_reexec);
    report->finished_after_reexec = true;
    _exit(EXIT_SUCCESS);
}

static void assert_no_violations(const char *where, const struct violations *violations, const char *when)
{
    char text[4096];
    describe_violations(violations, text, sizeof text);
    expect(violations->count == 0, "%s, %s: %s", where, when, text);
}

static void check_output(const char *where, const struct expectations *environment, int file)
{
    char output[MAX_OUTPUT];
    const ssize_t length = pread(file, output, sizeof output - 1, 0);
    require(length >= 0);
    output[length] = '\0';
    const char *unexpected = unexpected_output(environment, output);
    expect(unexpected == NULL, "%s: unexpected output: %s", where, unexpected);
    expect(length > 0, "%s: nothing was printed, but numa_error() and numa_warn() were called", where);
}

static void run_all_functions(const char *where, const struct expectations *environment, void (*prepare)(const void *),
                           const void *argument, bool with_reexec)
{
    const struct descriptors descriptors = open_descriptors();
    struct report *report = map_report(descriptors.report);
    int status;
    report->environment = of_this_kernel(environment);

    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        dup2(descriptors.output, STDOUT_FILENO);
        dup2(descriptors.output, STDERR_FILENO);
        if (prepare != NULL)
            prepare(argument);
        report->prepared = true;
        call_all_functions(&report->environment, &report->here);
        report->finished_here = true;
        if (with_reexec)
            reexec(descriptors);
        _exit(EXIT_SUCCESS);
    }
    require(waitpid(pid, &status, 0) == pid);
    require(report->prepared);
    const char *when = report->finished_here ? "after exec" : "here";
    expect(WIFEXITED(status), "%s, %s: ended by signal %d", where, when, WTERMSIG(status));
    expect(WEXITSTATUS(status) == 0 && report->finished_here, "%s, %s: ended with status %d", where, when, WEXITSTATUS(status));
    assert_no_violations(where, &report->here, "here");
    if (with_reexec) {
        expect(report->finished_after_reexec, "%s: the program could not be executed again", where);
        expect(report->errno_at_start == 0, "%s: errno was %d when main began", where, report->errno_at_start);
        assert_no_violations(where, &report->after_reexec, "after exec");
    }
    check_output(where, environment, descriptors.output);
    munmap(report, sizeof *report);
    close(descriptors.report);
    close(descriptors.output);
    close(descriptors.program);
}

void assert_all_functions_work(const char *where, const struct expectations *environment, void (*prepare)(const void *), const void *argument)
{
    run_all_functions(where, environment, prepare, argument, true);
}

void assert_all_functions_work_here(const char *where, const struct expectations *environment, void (*prepare)(const void *), const void *argument)
{
    run_all_functions(where, environment, prepare, argument, false);
}

void deny_syscalls(const struct denied_call *denied_calls, size_t count)
{
    struct syscall_action actions[MAX_SYSCALL_ACTIONS];
    require(count <= MAX_SYSCALL_ACTIONS);
    for (size_t i = 0; i < count; i++)
        actions[i] = (struct syscall_action){ denied_calls[i].call, SECCOMP_RET_ERRNO | (unsigned int)denied_calls[i].error };
    require(filter_syscalls(actions, count));
}

/* Failing single calls: a thread without the filter decides about each supervised call. */

static atomic_int failing_call, failing_error;
static atomic_uint failing_from, failing_count, calls_made;
/* -1: not created yet. */
static atomic_int listener = -1;

static void *supervise(void *argument)
{
    (void)argument;
    while (listener < 0)
        sched_yield();
    for (;;) {
        struct seccomp_notif notification = { .id = 0 };
        if (ioctl(listener, (int)SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0)
            continue;
        struct seccomp_notif_resp response = { .id = notification.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
        if (notification.data.nr == failing_call && ++calls_made >= failing_from && calls_made - failing_from < failing_count) {
            response.flags = 0;
            response.error = -failing_error;
        }
        ioctl(listener, (int)SECCOMP_IOCTL_NOTIF_SEND, &response);
    }
    return NULL;
}

void supervise_syscalls(const int *calls, size_t count)
{
    pthread_t thread;
    require(pthread_create(&thread, NULL, supervise, NULL) == 0);
    const int descriptor = supervise_with_listener(calls, count);
    require(descriptor >= 0);
    listener = descriptor;
}

void fail_syscalls(int call, unsigned int nth, unsigned int count, int error)
{
    calls_made = 0;
    failing_error = error;
    failing_from = nth;
    failing_count = count;
    failing_call = call;
}

unsigned int syscalls_made(void)
{
    return calls_made;
}

size_t denied_policy_calls(const struct policy_errors *denied, struct denied_call denied_calls[static POLICY_CALLS])
{
    const struct denied_call all[POLICY_CALLS] = {
        { SYS_get_mempolicy, denied->get_mempolicy },
        { SYS_set_mempolicy, denied->set_mempolicy },
        { SYS_mbind, denied->mbind },
        { SYS_move_pages, denied->move_pages },
        { SYS_migrate_pages, denied->migrate_pages },
        { SYS_set_mempolicy_home_node, denied->set_mempolicy_home_node },
    };
    size_t count = 0;
    for (size_t i = 0; i < POLICY_CALLS; i++)
        if (all[i].error != 0)
            denied_calls[count++] = all[i];
    return count;
}

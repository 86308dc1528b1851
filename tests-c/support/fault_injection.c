#include "fault_injection.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#ifndef SYS_set_mempolicy_home_node
#define SYS_set_mempolicy_home_node 450
#endif

static const char *const AFTER_REEXEC = "--loaded-anew";

enum { MAX_OUTPUT = 16384 };

/* What the two processes share: what is expected, and what was found. In a file without a name, so that a program that is loaded anew can
 * have it too. */
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

/* Descriptors that need nothing of what the surroundings may lack. */
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
    expect(unexpected == NULL, "%s: printed, and nobody asked for it: %s", where, unexpected);
    expect(length > 0, "%s: nothing was printed, but numa_error() and numa_warn() were called", where);
}

static void run_all_functions(const char *where, const struct expectations *environment, void (*prepare)(const void *),
                           const void *argument, bool with_reexec)
{
    const struct descriptors descriptors = open_descriptors();
    struct report *report = map_report(descriptors.report);
    int status;
    report->environment = *environment;

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
    const char *when = report->finished_here ? "loaded anew" : "here";
    expect(WIFEXITED(status), "%s, %s: ended by signal %d", where, when, WTERMSIG(status));
    expect(WEXITSTATUS(status) == 0 && report->finished_here, "%s, %s: ended with status %d", where, when, WEXITSTATUS(status));
    assert_no_violations(where, &report->here, "here");
    if (with_reexec) {
        expect(report->finished_after_reexec, "%s: it could not be loaded anew", where);
        expect(report->errno_at_start == 0, "%s: errno was %d when main began", where, report->errno_at_start);
        assert_no_violations(where, &report->after_reexec, "loaded anew");
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

enum { MAX_REACTIONS = 16 };

bool filter_syscalls(const struct syscall_action *actions, size_t count)
{
    struct sock_filter rules[2 * MAX_REACTIONS + 2];
    unsigned short length = 0;
    require(count <= MAX_REACTIONS);
    rules[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < count; i++) {
        rules[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)actions[i].call, 0, 1);
        rules[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, actions[i].action);
    }
    rules[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog filter = { .len = length, .filter = rules };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

void deny_syscalls(const struct denied_call *refusals, size_t count)
{
    struct syscall_action actions[MAX_REACTIONS];
    require(count <= MAX_REACTIONS);
    for (size_t i = 0; i < count; i++)
        actions[i] = (struct syscall_action){ refusals[i].call, SECCOMP_RET_ERRNO | (unsigned int)refusals[i].error };
    require(filter_syscalls(actions, count));
}

/* Calls that fail one at a time: a thread without the filter is asked about each call that is watched. */

static atomic_int failing_call, failing_error;
static atomic_uint failing_from, failing_count, calls_made;
/* -1: not there yet. */
static atomic_int listener = -1;

static void *supervise(void *argument)
{
    (void)argument;
    while (listener < 0)
        sched_yield();
    for (;;) {
        struct seccomp_notif notification = { .id = 0 };
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0)
            continue;
        struct seccomp_notif_resp response = { .id = notification.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
        if (notification.data.nr == failing_call && ++calls_made >= failing_from && calls_made - failing_from < failing_count) {
            response.flags = 0;
            response.error = -failing_error;
        }
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
    }
    return NULL;
}

void supervise_syscalls(const int *calls, size_t count)
{
    enum { MAX_CALLS = 32 };
    struct sock_filter rules[MAX_CALLS + 3];
    unsigned short length = 0;
    pthread_t thread;
    require(count <= MAX_CALLS);
    rules[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < count; i++)
        rules[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)calls[i], (unsigned char)(count - i), 0);
    rules[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    rules[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    const struct sock_fprog filter = { .len = length, .filter = rules };
    require(pthread_create(&thread, NULL, supervise, NULL) == 0);
    require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    const long file = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
    require(file >= 0);
    listener = (int)file;
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

size_t denied_policy_calls(const struct policy_errors *refused, struct denied_call refusals[static POLICY_CALLS])
{
    const struct denied_call all[POLICY_CALLS] = {
        { SYS_get_mempolicy, refused->get_mempolicy },
        { SYS_set_mempolicy, refused->set_mempolicy },
        { SYS_mbind, refused->mbind },
        { SYS_move_pages, refused->move_pages },
        { SYS_migrate_pages, refused->migrate_pages },
        { SYS_set_mempolicy_home_node, refused->set_mempolicy_home_node },
    };
    size_t count = 0;
    for (size_t i = 0; i < POLICY_CALLS; i++)
        if (all[i].error != 0)
            refusals[count++] = all[i];
    return count;
}

static bool write_proc_file(const char *path, const char *text)
{
    const int file = open(path, O_WRONLY);
    const bool written = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
    close(file);
    return written;
}

/* Who is not root becomes it, in a namespace of users where that means nothing but this. */
static bool try_unshare_mounts(void)
{
    char users[32], groups[32];
    if (geteuid() == 0)
        return unshare(CLONE_NEWNS) == 0;
    snprintf(users, sizeof users, "0 %u 1", geteuid());
    snprintf(groups, sizeof groups, "0 %u 1", getegid());
    return unshare(CLONE_NEWNS | CLONE_NEWUSER) == 0 && write_proc_file("/proc/self/setgroups", "deny")
        && write_proc_file("/proc/self/uid_map", users) && write_proc_file("/proc/self/gid_map", groups);
}

bool can_unshare_mounts(void)
{
    int status = -1;
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0)
        _exit(try_unshare_mounts() ? EXIT_SUCCESS : EXIT_FAILURE);
    require(waitpid(pid, &status, 0) == pid);
    if (status != 0)
        fprintf(stderr, "# not tested here: this process may not have mounts of its own\n");
    return status == 0;
}

void unshare_mounts(void)
{
    require(try_unshare_mounts());
    require(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0);
}

void mount_empty_over(const char *path)
{
    require(mount("none", path, "tmpfs", 0, NULL) == 0);
}

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

static const char *const LOADED_ANEW = "--loaded-anew";

enum { MOST_OUTPUT = 16384 };

/* What the two processes share: what is expected, and what was found. In a file without a name, so that a program that is loaded anew can
 * have it too. */
struct report {
    struct expectations around;
    struct violations here, loaded_anew;
    int errno_at_start;
    bool prepared, was_here, was_loaded_anew;
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

static void load_anew(struct descriptors descriptors)
{
    char report[16];
    snprintf(report, sizeof report, "%d", descriptors.report);
    char *const arguments[] = { (char[]){ "hostile" }, (char *)LOADED_ANEW, report, NULL };
    syscall(SYS_execveat, descriptors.program, "", arguments, environ, 0x1000 /* AT_EMPTY_PATH */);
    /* Debian's last Linux 5.10 fails with ENOENT for each program. */
    execve(descriptors.path, arguments, environ);
}

void continue_if_loaded_anew(int count, char **arguments)
{
    const int errno_at_start = errno;
    if (count != 3 || strcmp(arguments[1], LOADED_ANEW) != 0)
        return;
    struct report *report = map_report(atoi(arguments[2]));
    report->errno_at_start = errno_at_start;
    call_everything(&report->around, &report->loaded_anew);
    report->was_loaded_anew = true;
    _exit(EXIT_SUCCESS);
}

static void assert_no_violations(const char *where, const struct violations *violations, const char *when)
{
    char text[4096];
    describe_violations(violations, text, sizeof text);
    expect(violations->count == 0, "%s, %s: %s", where, when, text);
}

static void judge_output(const char *where, const struct expectations *around, int file)
{
    char output[MOST_OUTPUT];
    const ssize_t length = pread(file, output, sizeof output - 1, 0);
    require(length >= 0);
    output[length] = '\0';
    const char *unasked = unasked_output(around, output);
    expect(unasked == NULL, "%s: printed, and nobody asked for it: %s", where, unasked);
    expect(length > 0, "%s: nothing was printed, but numa_error() and numa_warn() were called", where);
}

static void try_everything(const char *where, const struct expectations *around, void (*prepare)(const void *),
                           const void *argument, bool anew)
{
    const struct descriptors descriptors = open_descriptors();
    struct report *report = map_report(descriptors.report);
    int status;
    report->around = *around;

    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        dup2(descriptors.output, STDOUT_FILENO);
        dup2(descriptors.output, STDERR_FILENO);
        if (prepare != NULL)
            prepare(argument);
        report->prepared = true;
        call_everything(&report->around, &report->here);
        report->was_here = true;
        if (anew)
            load_anew(descriptors);
        _exit(EXIT_SUCCESS);
    }
    require(waitpid(pid, &status, 0) == pid);
    require(report->prepared);
    const char *when = report->was_here ? "loaded anew" : "here";
    expect(WIFEXITED(status), "%s, %s: ended by signal %d", where, when, WTERMSIG(status));
    expect(WEXITSTATUS(status) == 0 && report->was_here, "%s, %s: ended with status %d", where, when, WEXITSTATUS(status));
    assert_no_violations(where, &report->here, "here");
    if (anew) {
        expect(report->was_loaded_anew, "%s: it could not be loaded anew", where);
        expect(report->errno_at_start == 0, "%s: errno was %d when main began", where, report->errno_at_start);
        assert_no_violations(where, &report->loaded_anew, "loaded anew");
    }
    judge_output(where, around, descriptors.output);
    munmap(report, sizeof *report);
    close(descriptors.report);
    close(descriptors.output);
    close(descriptors.program);
}

void assert_all_is_well(const char *where, const struct expectations *around, void (*prepare)(const void *), const void *argument)
{
    try_everything(where, around, prepare, argument, true);
}

void assert_all_is_well_here(const char *where, const struct expectations *around, void (*prepare)(const void *), const void *argument)
{
    try_everything(where, around, prepare, argument, false);
}

enum { MOST_REACTIONS = 16 };

bool filter_calls(const struct reaction *reactions, size_t count)
{
    struct sock_filter rules[2 * MOST_REACTIONS + 2];
    unsigned short length = 0;
    require(count <= MOST_REACTIONS);
    rules[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < count; i++) {
        rules[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)reactions[i].call, 0, 1);
        rules[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, reactions[i].action);
    }
    rules[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog filter = { .len = length, .filter = rules };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

void refuse_calls(const struct refusal *refusals, size_t count)
{
    struct reaction reactions[MOST_REACTIONS];
    require(count <= MOST_REACTIONS);
    for (size_t i = 0; i < count; i++)
        reactions[i] = (struct reaction){ refusals[i].call, SECCOMP_RET_ERRNO | (unsigned int)refusals[i].error };
    require(filter_calls(reactions, count));
}

/* Calls that fail one at a time: a thread without the filter is asked about each call that is watched. */

static atomic_int failing_call, failing_error;
static atomic_uint failing_from, failing_count, made;
/* -1: not there yet. */
static atomic_int listener = -1;

static void *answer_for_the_kernel(void *argument)
{
    (void)argument;
    while (listener < 0)
        sched_yield();
    for (;;) {
        struct seccomp_notif asked = { .id = 0 };
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0)
            continue;
        struct seccomp_notif_resp answer = { .id = asked.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
        if (asked.data.nr == failing_call && ++made >= failing_from && made - failing_from < failing_count) {
            answer.flags = 0;
            answer.error = -failing_error;
        }
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    }
    return NULL;
}

void watch_calls(const int *calls, size_t count)
{
    enum { MOST_CALLS = 32 };
    struct sock_filter rules[MOST_CALLS + 3];
    unsigned short length = 0;
    pthread_t thread;
    require(count <= MOST_CALLS);
    rules[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < count; i++)
        rules[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)calls[i], (unsigned char)(count - i), 0);
    rules[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    rules[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    const struct sock_fprog filter = { .len = length, .filter = rules };
    require(pthread_create(&thread, NULL, answer_for_the_kernel, NULL) == 0);
    require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    const long file = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
    require(file >= 0);
    listener = (int)file;
}

void fail_calls(int call, unsigned int nth, unsigned int count, int error)
{
    made = 0;
    failing_error = error;
    failing_from = nth;
    failing_count = count;
    failing_call = call;
}

unsigned int calls_made(void)
{
    return made;
}

size_t refusals_of_policy(const struct refusals *refused, struct refusal refusals[static POLICY_CALLS])
{
    const struct refusal all[POLICY_CALLS] = {
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

static bool write_own(const char *path, const char *text)
{
    const int file = open(path, O_WRONLY);
    const bool written = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
    close(file);
    return written;
}

/* Who is not root becomes it, in a namespace of users where that means nothing but this. */
static bool unshare_mounts(void)
{
    char users[32], groups[32];
    if (geteuid() == 0)
        return unshare(CLONE_NEWNS) == 0;
    snprintf(users, sizeof users, "0 %u 1", geteuid());
    snprintf(groups, sizeof groups, "0 %u 1", getegid());
    return unshare(CLONE_NEWNS | CLONE_NEWUSER) == 0 && write_own("/proc/self/setgroups", "deny")
        && write_own("/proc/self/uid_map", users) && write_own("/proc/self/gid_map", groups);
}

bool can_have_own_mounts(void)
{
    int status = -1;
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0)
        _exit(unshare_mounts() ? EXIT_SUCCESS : EXIT_FAILURE);
    require(waitpid(pid, &status, 0) == pid);
    if (status != 0)
        fprintf(stderr, "# not tested here: this process may not have mounts of its own\n");
    return status == 0;
}

void have_own_mounts(void)
{
    require(unshare_mounts());
    require(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0);
}

void hide(const char *path)
{
    require(mount("none", path, "tmpfs", 0, NULL) == 0);
}

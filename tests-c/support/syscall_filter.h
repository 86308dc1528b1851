/* System call filters: what the kernel does to this thread, its children and programs that they execute when one of some system calls is
 * made. Header only, for the parity suite, which does not link the support files. */
#ifndef SYSCALL_FILTER_H
#define SYSCALL_FILTER_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A system call, and SECCOMP_RET_… for it. All other system calls are allowed. */
struct syscall_action {
    int call;
    unsigned int action;
};

enum { MAX_SYSCALL_ACTIONS = 32 };
struct syscall_filter {
    struct sock_filter rules[2 * MAX_SYSCALL_ACTIONS + 2];
    unsigned short length;
};

static inline bool make_syscall_filter(struct syscall_filter *filter, const struct syscall_action *actions, size_t count)
{
    filter->length = 0;
    if (count > MAX_SYSCALL_ACTIONS) {
        errno = E2BIG;
        return false;
    }
    filter->rules[filter->length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < count; i++) {
        filter->rules[filter->length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)actions[i].call, 0, 1);
        filter->rules[filter->length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, actions[i].action);
    }
    filter->rules[filter->length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/* Installs a filter. Returns false, with errno, if that fails. */
static inline bool filter_syscalls(const struct syscall_action *actions, size_t count)
{
    struct syscall_filter filter;
    if (!make_syscall_filter(&filter, actions, count))
        return false;
    const struct sock_fprog program = { .len = filter.length, .filter = filter.rules };
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Installs a filter that notifies a listener of each of these system calls, which waits until the listener decides. Returns the listener's
 * descriptor, or -1 with errno. */
static inline int supervise_with_listener(const int *calls, size_t count)
{
    struct syscall_action actions[MAX_SYSCALL_ACTIONS];
    struct syscall_filter filter;
    for (size_t i = 0; i < count && i < MAX_SYSCALL_ACTIONS; i++)
        actions[i] = (struct syscall_action){ calls[i], SECCOMP_RET_USER_NOTIF };
    if (!make_syscall_filter(&filter, actions, count))
        return -1;
    const struct sock_fprog program = { .len = filter.length, .filter = filter.rules };
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

#endif

/* Surroundings that a library does not expect, made for one process, and everything tried in them. */
#ifndef FAULT_INJECTION_H
#define FAULT_INJECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "all_functions.h"

/* Forks; in the new process calls `prepare`, then everything, and then the same program anew, which is loaded in these surroundings and
 * calls everything too. Fails the test if an answer is wrong, if anything is printed that was not asked for, if loading changes errno,
 * or if the process ends otherwise than it should; `where` tells which surroundings these are. `prepare` may be NULL. */
void assert_all_functions_work(const char *where, const struct expectations *environment, void (*prepare)(const void *), const void *argument);

/* The same without loading anew: for surroundings that a new program would leave, or that no program can start in. */
void assert_all_functions_work_here(const char *where, const struct expectations *environment, void (*prepare)(const void *), const void *argument);

/* To be called first in main of a program that has such tests: what a program loaded anew has to do. */
void continue_after_reexec(int count, char **arguments);

/* From here on the kernel does this, SECCOMP_RET_…, to whoever in this process, or in those it starts, makes one of these system calls.
 * Returns false, with errno, if that cannot be. */
struct syscall_action {
    int call;
    unsigned int action;
};
bool filter_syscalls(const struct syscall_action *actions, size_t count);

/* From here on the kernel refuses these system calls with these errors, in this process and those it starts. */
struct denied_call {
    int call, error;
};
void deny_syscalls(const struct denied_call *refusals, size_t count);

/* From here on, system calls of the calling thread may be made to fail one at a time: those listed, when fail_calls() says so. All
 * others go to the kernel. Once for each thread. */
void supervise_syscalls(const int *calls, size_t count);

/* Of the system call `call`, `count` fail with this error, from the nth one on that is made from now on (1: the next one). */
void fail_syscalls(int call, unsigned int nth, unsigned int count, int error);

/* How many of the call that fail_calls() named last have been made since. */
unsigned int syscalls_made(void);

/* The refusals of the calls about policy that `refused` names. Returns how many. */
enum { POLICY_CALLS = 6 };
size_t denied_policy_calls(const struct policy_errors *refused, struct denied_call refusals[static POLICY_CALLS]);

/* From here on the process has mounts of its own. False, with a word on standard error, where it may not have any: not as root and without
 * user namespaces. */
bool can_unshare_mounts(void);
void unshare_mounts(void);

/* Puts an empty file system in the place of what is at `path`, in a process with mounts of its own. */
void mount_empty_over(const char *path);

#endif

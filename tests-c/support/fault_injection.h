/* Runs every function of the library in a process with faults: denied or failing system calls, missing files, exhausted memory. */
#ifndef FAULT_INJECTION_H
#define FAULT_INJECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "all_functions.h"
#include "syscall_filter.h"

/* Forks. The child calls `prepare`, which may be NULL, then every function, and then executes this program again, which loads the library
 * in this environment and calls every function too. Fails the test if a result is wrong, if there is output that was not requested, if
 * loading changes errno, or if the process does not exit successfully. `where` describes the environment. */
void assert_all_functions_work(const char *where, const struct expectations *environment, void (*prepare)(const void *), const void *argument);

/* The same without executing the program again: for environments that do not survive execve(2), or in which no program can start. */
void assert_all_functions_work_here(const char *where, const struct expectations *environment, void (*prepare)(const void *), const void *argument);

/* Must be called first in main of a program with such tests: does the work of the program that is executed again. */
void continue_after_reexec(int count, char **arguments);

/* From here on, these system calls fail with these errors, in this process and its children. */
struct denied_call {
    int call, error;
};
void deny_syscalls(const struct denied_call *denied_calls, size_t count);

/* Allows fail_syscalls() to make these system calls of the calling thread fail. Once per thread. */
void supervise_syscalls(const int *calls, size_t count);

/* Makes `count` system calls `call` fail with this error, starting with the nth one from now on (1: the next one). */
void fail_syscalls(int call, unsigned int nth, unsigned int count, int error);

/* Returns how often the system call of the last fail_syscalls() has been made since. */
unsigned int syscalls_made(void);

/* Lists the policy calls that `denied` names, with their errors. Returns how many there are. */
enum { POLICY_CALLS = 6 };
size_t denied_policy_calls(const struct policy_errors *denied, struct denied_call denied_calls[static POLICY_CALLS]);

#endif

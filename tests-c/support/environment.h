/* What is around a test: the kernel, users, other processes, cpusets, the machine's huge pages. */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* For behaviour that differs: is the running kernel older than this one? */
bool kernel_before(int major, int minor);

/* Does the kernel say of a pinned page that it tried it and could not move it? Linux 5.10 only stops there, so it counts as failed. */
bool kernel_counts_pinned_pages(void);

/* From here on the test has no privileges (uid and gid 65534, no capabilities). */
void drop_privileges(void);

/* For a new process that gets ready and then sleeps until it is ended: a pipe that is made before it is. */
struct readiness {
    int ends[2];
};
struct readiness make_readiness(void);
/* In the new process: gives `value` to the other one. */
_Noreturn void sleep_when_ready(struct readiness readiness, void *value);
/* In the other one: returns that value, once. */
void *wait_until_ready(struct readiness readiness);

/* Another process, with touched pages of its own on a node; it sleeps until it is ended. */
struct child_process {
    pid_t pid;
    char *pages;
};
/* `first` is called in the new process before anything else, for example become_nobody; it may be NULL. */
struct child_process start_child(size_t count, int node, void (*first)(void));
void end_child(struct child_process child);

/* The same with any pages: those that `get_pages` returns in the new process. */
struct child_process start_child_with(char *(*get_pages)(const void *), const void *argument);

/* Another process that maps the same pages: a fork of this one that has read each of them. */
struct child_process share_with_child(char *start, size_t count);

/* Does the neighbour still read what touch_pages wrote? */
bool child_keeps_contents(struct child_process child, size_t count);

/* The number of a process that has ended and is gone. */
pid_t nonexistent_pid(void);

/* Puts the process itself into a new cpuset that allows these memory nodes ("0-1"), until leave_cpuset.
 * The process should map its pages afterwards: entering a cpuset moves those that are outside. */
void enter_cpuset(const char *memory_nodes);
void leave_cpuset(void);

/* Writes to a file of that cpuset, for example "cpuset.mems". */
void change_cpuset(const char *file, const char *value);

/* Takes a CPU offline, and back. */
void set_cpu_online(int cpu, bool online);

/* Takes up to so many blocks of a node's memory offline, or back: how many could be changed. */
enum { ALL_BLOCKS = 1000 };
int set_memory_online(int node, int most_blocks, bool online);

/* For the end of main: all CPUs and memory that a failed test may have left offline. */
void bring_all_online(void);

/* Sets how many huge pages of 2 MiB the kernel keeps on a node; it may get fewer. Returns how many it has now,
 * -1 if it has nothing of the kind. */
long set_nr_huge_pages(int node, long count);

/* Leaves a little room on a node, for some thousand pages: the kernel turns all memory there that it can into huge
 * pages, which serve nobody here, and gets a few of them back. */
void fill_node(int node);
void empty_node(int node);

/* The kernel keeps pages that were freed in lists of each CPU, where they are no room for others: few of them from here on (Linux 5.14),
 * or as many as usual. */
void limit_percpu_free_pages(bool limit);

/* Runs the action in a process of its own and collects what that writes to standard error.
 * Returns its exit status, or minus the signal that ended it. */
int run_in_child(void (*action)(void), char *standard_error, size_t size);

/* For run_apart: this same program, loaded anew with one argument; what it prints anywhere arrives on standard error. */
void reexec(const char *argument);

/* For run_tests: whatever a failed test left behind is put right. */
void save_environment(void);
void restore_environment(void);

#endif

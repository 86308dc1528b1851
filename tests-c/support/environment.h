/* The environment of a test: kernel version, users, other processes, cpusets, memory and CPUs that are offline, full nodes. */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Writes a text to a file of the kernel. Returns false if that fails. */
bool write_to_file(const char *path, const char *text);

/* Returns true if the running kernel is older than this version. */
bool kernel_before(int major, int minor);

/* Returns true if the kernel reports a pinned page as one that it could not move. Linux 5.10 only stops there, so the page counts as
 * failed. */
bool kernel_counts_pinned_pages(void);

/* Drops all privileges of the test: uid and gid 65534, no capabilities. */
void drop_privileges(void);

/* A pipe, created before a fork, through which the child reports that it is ready. */
struct readiness {
    int ends[2];
};
struct readiness make_readiness(void);
/* In the child: passes `value` to the parent, and sleeps until it is killed. */
_Noreturn void sleep_when_ready(struct readiness readiness, void *value);
/* In the parent: returns that value, once. */
void *wait_until_ready(struct readiness readiness);

/* A child process with touched pages on a node; it sleeps until it is killed. */
struct child_process {
    pid_t pid;
    char *pages;
};
/* `first` is called in the child before anything else, for example drop_privileges(); it may be NULL. */
struct child_process start_child(size_t count, int node, void (*first)(void));
void end_child(struct child_process child);

/* Kills a child, and waits for it. */
void kill_and_wait(pid_t pid);

/* The same with the pages that `get_pages` returns in the child. */
struct child_process start_child_with(char *(*get_pages)(const void *), const void *argument);

/* A child that maps the same pages: a fork that has read each of them. */
struct child_process share_with_child(char *start, size_t count);

/* Returns true if the child still reads what touch_pages() wrote. */
bool child_keeps_contents(struct child_process child, size_t count);

/* Returns the PID of a process that has ended and been waited for. */
pid_t nonexistent_pid(void);

/* Moves the process itself into a new cpuset that allows these memory nodes ("0-1"), until leave_cpuset(). Map pages afterwards: entering a
 * cpuset moves those that are outside. */
void enter_cpuset(const char *memory_nodes);
void leave_cpuset(void);

/* Writes to a file of that cpuset, for example "cpuset.mems". */
void change_cpuset(const char *file, const char *value);

/* Takes a CPU offline or online. */
void set_cpu_online(int cpu, bool online);

/* Takes up to `max_blocks` blocks of a node's memory offline or online. Returns how many were changed. */
enum { ALL_BLOCKS = 1000 };
int set_memory_online(int node, int max_blocks, bool online);

/* For the end of main: brings all CPUs and memory online that a failed test may have left offline. */
void bring_all_online(void);

/* Sets the number of hugetlb pages of huge_page_size() on a node; the kernel may allocate fewer. Returns how many there are now, or -1 if
 * there are none of that size. */
long set_nr_huge_pages(int node, long count);

/* The same for hugetlb pages of another size in bytes. */
long set_nr_huge_pages_of(size_t size, int node, long count);

/* Fills a node except for some 32 MiB: turns all memory that it can into hugetlb pages, which are not used, and frees some of
 * them. Free pages in a CPU's list, which other CPUs cannot allocate, are few (from Linux 5.14). */
void fill_node(int node);
void empty_node(int node);

/* Calls `action` in a child process and captures its standard error. Returns its exit status, or minus the signal that ended it. */
int run_in_child(void (*action)(void), char *standard_error, size_t size);

/* For run_in_child(): executes this program again with one argument, with standard output redirected to standard error. */
void reexec(const char *argument);

/* For run_tests(): undo what a failed test has changed. */
void save_environment(void);
void restore_environment(void);

#endif

#include "environment.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <numa.h>
#include <numaif.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "pages.h"

#define CGROUPS "/sys/fs/cgroup"
#define CGROUP_PREFIX "numars-test-"

#define NODES_FOLDER "/sys/devices/system/node"
#define CPUS "/sys/devices/system/cpu"
#define MEMORY "/sys/devices/system/memory"

enum { UNPRIVILEGED_ID = 65534, MAX_NODES = 64, MAX_CPUS = 64 };

static long huge_pages_before[MAX_NODES];
static char own_cpuset[128];

bool write_to_file(const char *path, const char *text)
{
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    const bool written = write(file, text, strlen(text)) == (ssize_t)strlen(text);
    close(file);
    return written;
}

bool kernel_before(int major, int minor)
{
    struct utsname name;
    int running_major, running_minor;
    require(uname(&name) == 0);
    require(sscanf(name.release, "%d.%d", &running_major, &running_minor) == 2);
    return running_major < major || (running_major == major && running_minor < minor);
}

bool kernel_counts_pinned_pages(void)
{
    return !kernel_before(6, 1);
}

void drop_privileges(void)
{
    require(setgroups(0, NULL) == 0);
    require(setresgid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID) == 0);
    require(setresuid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID) == 0);
    /* Changing the user made the process undumpable, and so inaccessible to others of the same user. */
    require(prctl(PR_SET_DUMPABLE, 1) == 0);
}

struct readiness make_readiness(void)
{
    struct readiness readiness;
    require(pipe(readiness.ends) == 0);
    return readiness;
}

void sleep_when_ready(struct readiness readiness, void *value)
{
    if (write(readiness.ends[1], &value, sizeof value) == sizeof value)
        for (;;)
            pause();
    _exit(EXIT_FAILURE);
}

void *wait_until_ready(struct readiness readiness)
{
    void *value;
    close(readiness.ends[1]);
    require(read(readiness.ends[0], &value, sizeof value) == sizeof value);
    close(readiness.ends[0]);
    return value;
}

struct child_process start_child_with(char *(*get_pages)(const void *), const void *argument)
{
    struct child_process child;
    const struct readiness readiness = make_readiness();
    child.pid = fork();
    require(child.pid >= 0);
    if (child.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sleep_when_ready(readiness, get_pages(argument));
    }
    child.pages = wait_until_ready(readiness);
    return child;
}

struct own_pages {
    size_t count;
    int node;
    void (*first)(void);
};

static char *touch_own_pages(const void *argument)
{
    const struct own_pages *own = argument;
    if (own->first != NULL)
        own->first();
    /* PR_SET_PDEATHSIG is cleared when the user changes. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pages_on_node(own->count, own->node);
}

struct child_process start_child(size_t count, int node, void (*first)(void))
{
    const struct own_pages own = { .count = count, .node = node, .first = first };
    return start_child_with(touch_own_pages, &own);
}

struct shared_pages {
    char *start;
    size_t count;
};

static char *read_shared_pages(const void *argument)
{
    const struct shared_pages *shared = argument;
    for (size_t page = 0; page < shared->count; page++)
        (void)*(volatile char *)(shared->start + page * page_size());
    return shared->start;
}

struct child_process share_with_child(char *start, size_t count)
{
    const struct shared_pages shared = { .start = start, .count = count };
    return start_child_with(read_shared_pages, &shared);
}

void kill_and_wait(pid_t pid)
{
    require(kill(pid, SIGKILL) == 0);
    require(waitpid(pid, NULL, 0) == pid);
}

void end_child(struct child_process child)
{
    kill_and_wait(child.pid);
}

bool child_keeps_contents(struct child_process child, size_t count)
{
    const size_t bytes = count * page_size();
    char *copy = map_pages(count);
    const struct iovec here = { .iov_base = copy, .iov_len = bytes };
    const struct iovec there = { .iov_base = child.pages, .iov_len = bytes };
    require(process_vm_readv(child.pid, &here, 1, &there, 1, 0) == (ssize_t)bytes);
    return pages_keep_contents(copy, count);
}

pid_t nonexistent_pid(void)
{
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0)
        _exit(EXIT_SUCCESS);
    require(waitpid(pid, NULL, 0) == pid);
    return pid;
}

void change_cpuset(const char *file, const char *value)
{
    char path[sizeof own_cpuset + 32];
    snprintf(path, sizeof path, "%s/%s", own_cpuset, file);
    require(write_to_file(path, value));
}

void enter_cpuset(const char *memory_nodes)
{
    snprintf(own_cpuset, sizeof own_cpuset, CGROUPS "/" CGROUP_PREFIX "%ld", (long)getpid());
    require(mkdir(own_cpuset, 0755) == 0);
    change_cpuset("cpuset.mems", memory_nodes);
    change_cpuset("cgroup.procs", "0");
}

void leave_cpuset(void)
{
    require(write_to_file(CGROUPS "/cgroup.procs", "0"));
    require(rmdir(own_cpuset) == 0);
}

/* Processes of a failed test that were in it have been killed, but take a moment to exit. */
static void remove_cpuset(int groups, const char *name)
{
    const struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };
    for (int attempt = 0; attempt < 100 && unlinkat(groups, name, AT_REMOVEDIR) != 0 && errno == EBUSY; attempt++)
        nanosleep(&moment, NULL);
}

static void remove_stale_cpusets(void)
{
    DIR *groups = opendir(CGROUPS);
    if (groups == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(groups)) != NULL;)
        if (strncmp(entry->d_name, CGROUP_PREFIX, strlen(CGROUP_PREFIX)) == 0)
            remove_cpuset(dirfd(groups), entry->d_name);
    closedir(groups);
}

static bool contents_are_equal(const char *path, const char *other_path)
{
    char texts[2][128] = { "", "" };
    const char *const paths[2] = { path, other_path };
    for (int i = 0; i < 2; i++) {
        const int file = open(paths[i], O_RDONLY | O_CLOEXEC);
        require(file >= 0 && read(file, texts[i], sizeof texts[i] - 1) >= 0);
        close(file);
    }
    return strcmp(texts[0], texts[1]) == 0;
}

/* Before Linux 6.10, cpusets are updated with a delay. */
static void wait_for_cpusets(void)
{
    const struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };
    for (int attempt = 0; attempt < 500; attempt++) {
        if (contents_are_equal(CGROUPS "/cpuset.cpus.effective", CPUS "/online")
            && contents_are_equal(CGROUPS "/cpuset.mems.effective", NODES_FOLDER "/has_memory"))
            return;
        nanosleep(&moment, NULL);
    }
    expect(false, "the cpusets do not follow");
}

void set_cpu_online(int cpu, bool online)
{
    char path[128];
    snprintf(path, sizeof path, CPUS "/cpu%d/online", cpu);
    require(write_to_file(path, online ? "1" : "0"));
    wait_for_cpusets();
}

/* Changes the block unless it is in that state already, which the kernel would reject. */
static int set_block_online(const char *block, bool online)
{
    char path[320], state[16] = "";
    snprintf(path, sizeof path, MEMORY "/%s/state", block);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    const bool is_online = read(file, state, sizeof state - 1) > 0 && strncmp(state, "online", 6) == 0;
    close(file);
    return is_online != online && write_to_file(path, online ? "online_movable" : "offline");
}

int set_memory_online(int node, int max_blocks, bool online)
{
    char path[128];
    int changed = 0;
    snprintf(path, sizeof path, NODES_FOLDER "/node%d", node);
    DIR *folder = opendir(path);
    require(folder != NULL);
    for (const struct dirent *entry; changed < max_blocks && (entry = readdir(folder)) != NULL;)
        if (strncmp(entry->d_name, "memory", strlen("memory")) == 0)
            changed += set_block_online(entry->d_name, online);
    closedir(folder);
    wait_for_cpusets();
    return changed;
}

void bring_all_online(void)
{
    char path[128];
    for (int cpu = 0; cpu < MAX_CPUS; cpu++) {
        snprintf(path, sizeof path, CPUS "/cpu%d/online", cpu);
        /* The file does not exist for a CPU that cannot go offline, or is absent. */
        write_to_file(path, "1");
    }
    DIR *folder = opendir(MEMORY);
    if (folder == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        set_block_online(entry->d_name, true);
    closedir(folder);
}

static void huge_pages_path(char path[static 128], int node, size_t size)
{
    snprintf(path, 128, NODES_FOLDER "/node%d/hugepages/hugepages-%zukB/nr_hugepages", node, size / 1024);
}

/* -1 if the node does not exist or has no huge pages of the size. */
static long nr_huge_pages(int node, size_t size)
{
    char path[128];
    long count = -1;
    huge_pages_path(path, node, size);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return -1;
    if (fscanf(file, "%ld", &count) != 1)
        count = -1;
    fclose(file);
    return count;
}

long set_nr_huge_pages_of(size_t size, int node, long count)
{
    char path[128], text[32];
    huge_pages_path(path, node, size);
    snprintf(text, sizeof text, "%ld", count);
    return write_to_file(path, text) ? nr_huge_pages(node, size) : -1;
}

long set_nr_huge_pages(int node, long count)
{
    return has_huge_pages() ? set_nr_huge_pages_of(huge_page_size(), node, count) : -1;
}

/* The smallest fraction of a node's memory; its value is recognized when the setting is restored. */
enum { LIMITING_FRACTION = 1234567 };
static const char HIGH_FRACTION_FILE[] = "/proc/sys/vm/percpu_pagelist_high_fraction";

/* Limits the free pages in each CPU's lists, which other CPUs cannot allocate (Linux 5.14), or removes the limit. */
static void limit_percpu_free_pages(bool limit)
{
    char text[32];
    snprintf(text, sizeof text, "%d", limit ? LIMITING_FRACTION : 0);
    write_to_file(HIGH_FRACTION_FILE, text);
}

static bool percpu_free_pages_are_limited(void)
{
    int fraction = 0;
    FILE *file = fopen(HIGH_FRACTION_FILE, "r");
    if (file == NULL)
        return false;
    const bool known = fscanf(file, "%d", &fraction) == 1;
    fclose(file);
    return known && fraction == LIMITING_FRACTION;
}

enum { MORE_HUGE_PAGES_THAN_THERE_ARE = 100000, MIN_FILLED_BYTES = 200 << 20, LEFT_FREE_BYTES = 32 << 20, MAX_MORE_FREE_BYTES = 4 << 20 };

/* Base pages that fill what huge pages leave free. */
static struct {
    char *start;
    size_t count;
} fillers[MAX_NODES];

static size_t free_bytes_of_node(int node)
{
    long long bytes = 0;
    require(numa_node_size64(node, &bytes) > 0 && bytes >= 0);
    return (size_t)bytes;
}

/* On each CPU, frees more pages of the node than its list may keep now: with them it returns what it kept before the limit. `bytes` is free. */
static void shrink_percpu_lists(int node, size_t bytes)
{
    cpu_set_t allowed, one;
    limit_percpu_free_pages(true);
    require(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
    for (int cpu = 0; cpu < MAX_CPUS; cpu++) {
        if (!CPU_ISSET(cpu, &allowed))
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        require(sched_setaffinity(0, sizeof one, &one) == 0);
        const size_t count = bytes / page_size();
        require(munmap(pages_on_node(count, node), count * page_size()) == 0);
    }
    require(sched_setaffinity(0, sizeof allowed, &allowed) == 0);
}

void fill_node(int node)
{
    /* The kernel would free the page cache to make room. */
    require(write_to_file("/proc/sys/vm/drop_caches", "3"));
    shrink_percpu_lists(node, 8 << 20);
    const long all = set_nr_huge_pages(node, MORE_HUGE_PAGES_THAN_THERE_ARE);
    if (all < 0)
        skip_test("the kernel has no hugetlb pages of the size of transparent ones");
    const long left_free = (long)(LEFT_FREE_BYTES / huge_page_size());
    require(all > left_free);
    require(set_nr_huge_pages(node, all - left_free) == all - left_free);
    /* A CPU keeps the last huge page that it has freed. Hardly more memory is free than the kernel's reserve. */
    shrink_percpu_lists(node, 1 << 20);
    require((size_t)all * huge_page_size() > MIN_FILLED_BYTES || huge_page_size() > 2 << 20);
    /* Fewer fit, the larger they are, and the more memory is fragmented. */
    const size_t free = free_bytes_of_node(node);
    if (free > LEFT_FREE_BYTES + MAX_MORE_FREE_BYTES) {
        fillers[node].count = (free - LEFT_FREE_BYTES) / page_size();
        fillers[node].start = map_pages(fillers[node].count);
        /* With MPOL_BIND, the OOM killer would run if the kernel keeps more free. */
        touch_pages_by(MPOL_PREFERRED, fillers[node].start, fillers[node].count, node);
    }
}

void empty_node(int node)
{
    set_nr_huge_pages(node, 0);
    if (fillers[node].start != NULL)
        require(munmap(fillers[node].start, fillers[node].count * page_size()) == 0);
    fillers[node].start = NULL;
    limit_percpu_free_pages(false);
}

int run_in_child(void (*action)(void), char *standard_error, size_t size)
{
    int ends[2], status;
    require(pipe(ends) == 0);
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        action();
        _exit(EXIT_SUCCESS);
    }
    close(ends[1]);
    size_t length = 0;
    for (ssize_t got; (got = read(ends[0], standard_error + length, size - 1 - length)) > 0;)
        length += (size_t)got;
    standard_error[length] = '\0';
    close(ends[0]);
    require(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void reexec(const char *argument)
{
    /* By its path, because valgrind does not support executing /proc/self/exe. */
    char program[4096] = "";
    if (readlink("/proc/self/exe", program, sizeof program - 1) > 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
        execl(program, program, argument, (char *)NULL);
}

void save_environment(void)
{
    for (int node = 0; node < MAX_NODES && has_huge_pages(); node++)
        huge_pages_before[node] = nr_huge_pages(node, huge_page_size());
}

void restore_environment(void)
{
    remove_stale_cpusets();
    if (percpu_free_pages_are_limited())
        limit_percpu_free_pages(false);
    for (int node = 0; node < MAX_NODES && has_huge_pages(); node++)
        if (nr_huge_pages(node, huge_page_size()) != huge_pages_before[node])
            set_nr_huge_pages(node, huge_pages_before[node]);
}

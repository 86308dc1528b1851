#include "environment.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "pages.h"
#include "verified_moves.h"

#define CGROUPS "/sys/fs/cgroup"
#define CGROUP_PREFIX "numars-test-"

#define NODES_FOLDER "/sys/devices/system/node"
#define CPUS "/sys/devices/system/cpu"
#define MEMORY "/sys/devices/system/memory"

enum { NOBODY = 65534, MOST_NODES = 64, MOST_CPUS = 64 };

static long huge_pages_before[MOST_NODES];
static char own_cpuset[128];

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

void become_nobody(void)
{
    require(setgroups(0, NULL) == 0);
    require(setresgid(NOBODY, NOBODY, NOBODY) == 0);
    require(setresuid(NOBODY, NOBODY, NOBODY) == 0);
    /* Changing the user made the process opaque to others of the same user. */
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

struct neighbour start_neighbour_with(char *(*get_pages)(const void *), const void *argument)
{
    struct neighbour neighbour;
    const struct readiness readiness = make_readiness();
    neighbour.pid = fork();
    require(neighbour.pid >= 0);
    if (neighbour.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sleep_when_ready(readiness, get_pages(argument));
    }
    neighbour.pages = wait_until_ready(readiness);
    return neighbour;
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
    /* PR_SET_PDEATHSIG is forgotten when the user changes. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pages_on_node(own->count, own->node);
}

struct neighbour start_neighbour(size_t count, int node, void (*first)(void))
{
    const struct own_pages own = { .count = count, .node = node, .first = first };
    return start_neighbour_with(touch_own_pages, &own);
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

struct neighbour share_with_neighbour(char *start, size_t count)
{
    const struct shared_pages shared = { .start = start, .count = count };
    return start_neighbour_with(read_shared_pages, &shared);
}

void end_neighbour(struct neighbour neighbour)
{
    require(kill(neighbour.pid, SIGKILL) == 0);
    require(waitpid(neighbour.pid, NULL, 0) == neighbour.pid);
}

bool neighbour_keeps_contents(struct neighbour neighbour, size_t count)
{
    const size_t bytes = count * page_size();
    char *copy = map_pages(count);
    const struct iovec here = { .iov_base = copy, .iov_len = bytes };
    const struct iovec there = { .iov_base = neighbour.pages, .iov_len = bytes };
    require(process_vm_readv(neighbour.pid, &here, 1, &there, 1, 0) == (ssize_t)bytes);
    return pages_keep_contents(copy, count);
}

pid_t pid_of_nobody_at_all(void)
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

/* Processes that a failed test left in it were killed, but need a moment to go. */
static void remove_cpuset(int groups, const char *name)
{
    const struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };
    for (int attempt = 0; attempt < 100 && unlinkat(groups, name, AT_REMOVEDIR) != 0 && errno == EBUSY; attempt++)
        nanosleep(&moment, NULL);
}

static void remove_left_cpusets(void)
{
    DIR *groups = opendir(CGROUPS);
    if (groups == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(groups)) != NULL;)
        if (strncmp(entry->d_name, CGROUP_PREFIX, strlen(CGROUP_PREFIX)) == 0)
            remove_cpuset(dirfd(groups), entry->d_name);
    closedir(groups);
}

static bool texts_are_equal(const char *path, const char *other_path)
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

/* Before Linux 6.10 the cpusets hear of a change a moment later. */
static void wait_for_cpusets(void)
{
    const struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };
    for (int attempt = 0; attempt < 500; attempt++) {
        if (texts_are_equal(CGROUPS "/cpuset.cpus.effective", CPUS "/online")
            && texts_are_equal(CGROUPS "/cpuset.mems.effective", NODES_FOLDER "/has_memory"))
            return;
        nanosleep(&moment, NULL);
    }
    expect(false, "the cpusets do not follow");
}

void put_cpu_online(int cpu, bool online)
{
    char path[128];
    snprintf(path, sizeof path, CPUS "/cpu%d/online", cpu);
    require(write_to_file(path, online ? "1" : "0"));
    wait_for_cpusets();
}

/* Changes those that are not as wanted already, which the kernel would refuse. */
static int put_block_online(const char *block, bool online)
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

int put_memory_online(int node, int most_blocks, bool online)
{
    char path[128];
    int changed = 0;
    snprintf(path, sizeof path, NODES_FOLDER "/node%d", node);
    DIR *folder = opendir(path);
    require(folder != NULL);
    for (const struct dirent *entry; changed < most_blocks && (entry = readdir(folder)) != NULL;)
        if (strncmp(entry->d_name, "memory", strlen("memory")) == 0)
            changed += put_block_online(entry->d_name, online);
    closedir(folder);
    wait_for_cpusets();
    return changed;
}

void put_all_online(void)
{
    char path[128];
    for (int cpu = 0; cpu < MOST_CPUS; cpu++) {
        snprintf(path, sizeof path, CPUS "/cpu%d/online", cpu);
        /* There is none of a CPU that cannot go, or is not there. */
        write_to_file(path, "1");
    }
    DIR *folder = opendir(MEMORY);
    if (folder == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        put_block_online(entry->d_name, true);
    closedir(folder);
}

static void huge_pages_path(char path[static 128], int node)
{
    snprintf(path, 128, "/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/nr_hugepages", node);
}

/* -1 where the node does not exist or has no huge pages. */
static long huge_pages_kept(int node)
{
    char path[128];
    long count = -1;
    huge_pages_path(path, node);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return -1;
    if (fscanf(file, "%ld", &count) != 1)
        count = -1;
    fclose(file);
    return count;
}

long keep_huge_pages(int node, long count)
{
    char path[128], text[32];
    huge_pages_path(path, node);
    snprintf(text, sizeof text, "%ld", count);
    return write_to_file(path, text) ? huge_pages_kept(node) : -1;
}

enum { MORE_HUGE_PAGES_THAN_THERE_ARE = 100000, HUGE_PAGES_LEFT_FREE = 16 };

void fill_node(int node)
{
    const long all = keep_huge_pages(node, MORE_HUGE_PAGES_THAN_THERE_ARE);
    require(all > 100);
    require(keep_huge_pages(node, all - HUGE_PAGES_LEFT_FREE) == all - HUGE_PAGES_LEFT_FREE);
}

void empty_node(int node)
{
    keep_huge_pages(node, 0);
}

/* The smallest part of a node's memory, which nobody else chooses. */
enum { FEW_FREE_PAGES = 1234567 };
static const char FREE_PAGES_PER_CPU[] = "/proc/sys/vm/percpu_pagelist_high_fraction";

void keep_few_free_pages_per_cpu(bool few)
{
    char text[32];
    snprintf(text, sizeof text, "%d", few ? FEW_FREE_PAGES : 0);
    write_to_file(FREE_PAGES_PER_CPU, text);
}

static bool few_free_pages_are_kept_per_cpu(void)
{
    int fraction = 0;
    FILE *file = fopen(FREE_PAGES_PER_CPU, "r");
    if (file == NULL)
        return false;
    const bool known = fscanf(file, "%d", &fraction) == 1;
    fclose(file);
    return known && fraction == FEW_FREE_PAGES;
}

int run_apart(void (*action)(void), char *standard_error, size_t size)
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

void load_anew(const char *argument)
{
    /* By its own name: valgrind, which may watch this, loads no /proc/self/exe. */
    char program[4096] = "";
    if (readlink("/proc/self/exe", program, sizeof program - 1) > 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
        execl(program, program, argument, (char *)NULL);
}

void remember_surroundings(void)
{
    for (int node = 0; node < MOST_NODES; node++)
        huge_pages_before[node] = huge_pages_kept(node);
}

void restore_surroundings(void)
{
    remove_left_cpusets();
    if (few_free_pages_are_kept_per_cpu())
        keep_few_free_pages_per_cpu(false);
    for (int node = 0; node < MOST_NODES; node++)
        if (huge_pages_kept(node) != huge_pages_before[node])
            keep_huge_pages(node, huge_pages_before[node]);
}

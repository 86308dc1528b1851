/* A successful call leaves errno alone even if one of its system calls failed and the library recovered, and its result about pages is the
 * same as without the failure. Each system call that each function makes is made to fail in turn. NUMARS_LOG is set, so that the system
 * calls of tracing fail too. */
#include <limits.h>
#include <numars.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault_injection.h"
#include "harness.h"
#include "pages.h"
#include "system_calls.h"

#ifndef SYS_set_mempolicy_home_node
#define SYS_set_mempolicy_home_node 450
#endif

enum { COUNT = 70 };

/* Captures what a function that returns nothing reports, instead of printing it on standard error. */
static bool reported;

void numa_error(char *where)
{
    (void)where;
    reported = true;
}

void numa_warn(int number, char *format, ...)
{
    (void)number;
    (void)format;
    reported = true;
}

static char *memory;
static void *pages[COUNT];
static int nodes[COUNT];
static struct bitmask *node_0, *cpus, *all_cpus;

/* Another process, which is stopped, so that its pages stay where they are. */
static pid_t other;

/* What a call reported about pages. */
struct results {
    long returned;
    int status[COUNT];
    unsigned long per_node[2];
    struct numars_move_stats stats;
};
static struct results results = { .stats = NUMARS_MOVE_STATS_INIT };

static bool returned(long value)
{
    results.returned = value;
    return value >= 0;
}

/* Frees an allocation; returns whether there was one. */
static bool was_allocated(void *allocated, size_t size)
{
    fail_syscalls(-1, 0, 0, 0);
    return allocated != NULL && munmap(allocated, size) == 0;
}

static bool was_made(struct bitmask *set)
{
    const int error = errno;
    fail_syscalls(-1, 0, 0, 0);
    if (set != NULL)
        numa_bitmask_free(set);
    errno = error;
    return set != NULL;
}

/* The set of usable nodes is empty, and errno is set, if the kernel does not report them. */
static bool has_members(struct bitmask *set)
{
    const bool any = set != NULL && numa_bitmask_weight(set) > 0;
    return was_made(set) && any;
}

static long move(unsigned long count, const int *targets)
{
    return numa_move_pages(0, count, pages, targets, results.status, MPOL_MF_MOVE);
}

static struct numars_move_options with_threads(void)
{
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.threads = 4;
    return options;
}

static const struct numars_move_options *four_threads(void)
{
    static struct numars_move_options options;
    options = with_threads();
    return &options;
}

static const struct numars_placement *placed(int mode, unsigned int flags)
{
    static struct numars_placement placement = NUMARS_PLACEMENT_INIT;
    placement.mode = mode;
    placement.flags = flags;
    placement.nodes = node_0;
    return &placement;
}

#define SIZE (COUNT * page_size())
#define WHOLE end_of_addresses()
#define PACK placed(NUMARS_PLACE_PACK, 0)
#define INTERLEAVE placed(NUMARS_PLACE_INTERLEAVE, 0)
#define BALANCE placed(NUMARS_PLACE_BALANCE, NUMARS_PLACE_SET_POLICY)

/* Each returns true if the call succeeded; functions that return nothing report failures through numa_error() and numa_warn(). */
#define CALLS                                                                                                    \
    CALL(numa_available() == 0)                                                                                  \
    CALL(was_allocated(numa_alloc(SIZE), SIZE))                                                                  \
    CALL(was_allocated(numa_alloc_local(SIZE), SIZE))                                                            \
    CALL(was_allocated(numa_alloc_onnode(SIZE, 0), SIZE))                                                        \
    CALL(was_allocated(numa_alloc_interleaved(SIZE), SIZE))                                                      \
    CALL(was_allocated(numa_alloc_interleaved_subset(SIZE, node_0), SIZE))                                       \
    CALL(was_allocated(numa_alloc_weighted_interleaved(SIZE), SIZE))                                             \
    CALL(was_allocated(numa_alloc_weighted_interleaved_subset(SIZE, node_0), SIZE))                              \
    CALL(was_allocated(numars_alloc_onnode(SIZE, 0, NUMARS_ALLOC_NO_FALLBACK | NUMARS_ALLOC_STRICT), SIZE))      \
    CALL(was_allocated(numars_alloc_local(SIZE, NUMARS_ALLOC_STRICT), SIZE))                                     \
    CALL(was_allocated(numars_alloc_interleaved(SIZE, node_0, NUMARS_ALLOC_POPULATE), SIZE))                     \
    CALL(was_allocated(numars_alloc_weighted(SIZE, node_0, NUMARS_ALLOC_HUGE_PAGES), SIZE))                      \
    CALL(numa_realloc(memory, SIZE, SIZE) == memory)                                                             \
    CALL((numa_police_memory(memory, SIZE), true))                                                               \
    CALL((numa_tonode_memory(memory, SIZE, 0), true))                                                            \
    CALL((numa_tonodemask_memory(memory, SIZE, node_0), true))                                                   \
    CALL((numa_set_bind_policy(0), numa_tonodemask_memory(memory, SIZE, node_0), numa_set_bind_policy(1), true)) \
    CALL((numa_setlocal_memory(memory, SIZE), true))                                                             \
    CALL((numa_interleave_memory(memory, SIZE, node_0), true))                                                   \
    CALL((numa_weighted_interleave_memory(memory, SIZE, node_0), true))                                          \
    CALL((numa_set_membind(node_0), true))                                                                       \
    CALL((numa_set_membind_balancing(node_0), true))                                                             \
    CALL((numa_set_interleave_mask(node_0), true))                                                               \
    CALL((numa_set_weighted_interleave_mask(node_0), true))                                                      \
    CALL((numa_set_preferred(0), true))                                                                          \
    CALL((numa_set_preferred_many(node_0), true))                                                                \
    CALL((numa_set_localalloc(), true))                                                                          \
    CALL((numa_bind(node_0), true))                                                                              \
    CALL((numa_has_preferred_many(), true))                                                                      \
    CALL((numa_has_home_node(), true))                                                                           \
    CALL(numa_preferred() >= 0)                                                                                  \
    CALL(numa_preferred_err() >= 0)                                                                              \
    CALL(was_made(numa_preferred_many()))                                                                        \
    CALL(was_made(numa_get_membind()))                                                                           \
    CALL(was_made(numa_get_interleave_mask()))                                                                   \
    CALL(was_made(numa_get_weighted_interleave_mask()))                                                          \
    CALL(has_members(numa_get_mems_allowed()))                                                                   \
    CALL(was_made(numa_get_run_node_mask()))                                                                     \
    CALL(was_made(numa_allocate_nodemask()))                                                                     \
    CALL(was_made(numa_allocate_cpumask()))                                                                      \
    CALL(was_made(numa_bitmask_alloc(100)))                                                                      \
    CALL(was_made(numa_parse_nodestring("all")))                                                                 \
    CALL(was_made(numa_parse_nodestring_all("0")))                                                               \
    CALL(was_made(numa_parse_nodestring("file:/")))                                                              \
    CALL(was_made(numa_parse_nodestring("ip:127.0.0.1")))                                                        \
    CALL(was_made(numa_parse_cpustring("all")))                                                                  \
    CALL(was_made(numa_parse_cpustring_all("0")))                                                                \
    CALL(numars_parse_nodes("all", cpus, NULL) == 0)                                                             \
    CALL(numars_parse_cpus("all", cpus, NULL) == 0)                                                              \
    CALL(numa_max_node() >= 0)                                                                                   \
    CALL(numa_max_possible_node() >= 0)                                                                          \
    CALL(numa_num_possible_nodes() > 0)                                                                          \
    CALL(numa_num_possible_cpus() > 0)                                                                           \
    CALL(numa_num_configured_nodes() > 0)                                                                        \
    CALL(numa_num_configured_cpus() > 0)                                                                         \
    CALL(numa_num_task_nodes() > 0)                                                                              \
    CALL(numa_num_task_cpus() > 0)                                                                               \
    CALL(numa_pagesize() > 0)                                                                                    \
    CALL(numa_node_size64(0, NULL) >= 0)                                                                         \
    CALL(numa_node_size(0, NULL) >= 0)                                                                           \
    CALL((numa_distance(0, 0), true))                                                                            \
    CALL((numa_node_to_cpu_update(), numa_node_to_cpus(0, cpus) == 0))                                           \
    CALL((numa_node_to_cpu_update(), numa_node_of_cpu(0) >= 0))                                                  \
    CALL(numa_run_on_node(0) == 0)                                                                               \
    CALL(numa_run_on_node(-1) == 0)                                                                              \
    CALL(numa_run_on_node_mask(node_0) == 0)                                                                     \
    CALL(numa_run_on_node_mask_all(node_0) == 0)                                                                 \
    CALL(numa_sched_getaffinity(0, cpus) >= 0)                                                                   \
    CALL(numa_sched_setaffinity(0, all_cpus) >= 0)                                                               \
    CALL(numa_migrate_pages(0, node_0, node_0) >= 0)                                                             \
    CALL(numars_move_process(0, node_0, node_0, NULL, NULL) >= 0)                                                \
    CALL(returned(move(1, nodes)))                                                                               \
    CALL(returned(move(2, nodes)))                                                                               \
    CALL(returned(move(COUNT, nodes)))                                                                           \
    CALL(returned(move(1, NULL)))                                                                                \
    CALL(returned(move(COUNT, NULL)))                                                                            \
    CALL(returned(numars_move_pages(0, 1, pages, nodes, results.status, NULL, &results.stats)))                  \
    CALL(returned(numars_move_pages(0, COUNT, pages, nodes, results.status, four_threads(), &results.stats)))    \
    CALL(returned(numars_move_pages(0, COUNT, pages, NULL, NULL, NULL, &results.stats)))                         \
    CALL(returned(numars_move_pages(other, COUNT, pages, nodes, results.status, NULL, &results.stats)))          \
    CALL(returned(numars_move_range(0, memory, SIZE, 0, four_threads(), &results.stats)))                        \
    CALL(returned(numars_move_range(other, memory, SIZE, 0, NULL, &results.stats)))                              \
    CALL(returned(numars_move_range(other, NULL, WHOLE, 0, NULL, &results.stats)))                               \
    CALL(returned(numars_move_process(other, node_0, node_0, NULL, &results.stats)))                             \
    CALL(returned(numars_place_range(0, memory, SIZE, PACK, four_threads(), &results.stats)))                    \
    CALL(returned(numars_place_range(0, memory, SIZE, BALANCE, NULL, &results.stats)))                           \
    CALL(returned(numars_place_range(other, memory, SIZE, INTERLEAVE, NULL, &results.stats)))                    \
    CALL(returned(numars_demote_range(0, memory, SIZE, NULL, &results.stats)))                                   \
    CALL(returned(numars_promote_range(0, memory, SIZE, NULL, &results.stats)))                                  \
    CALL(returned(numars_count_pages(0, memory, SIZE, results.per_node, 2)))                                     \
    CALL(returned(numars_count_pages(other, memory, SIZE, results.per_node, 2)))                                 \
    CALL(returned(numars_count_pages(other, NULL, WHOLE, results.per_node, 2)))                                  \
    CALL(numars_set_membind(node_0) == 0)                                                                        \
    CALL(numars_set_preferred_many(node_0) == 0)                                                                 \
    CALL(numars_bind(node_0) == 0)                                                                               \
    CALL(numars_tonodemask_memory(memory, SIZE, node_0) == 0)

/* A call is identified by its index in this list. */
static bool make_call(int expected)
{
    int number = 0;
#define CALL(expression)      \
    if (number++ == expected) \
        return (expression);
    CALLS
    return false;
}

#undef CALL
#define CALL(expression) #expression,
static const char *const texts[] = { CALLS };

static const int watched[] = {
    SYS_get_mempolicy, SYS_set_mempolicy, SYS_mbind, SYS_move_pages, SYS_migrate_pages, SYS_set_mempolicy_home_node,
    SYS_sched_getaffinity, SYS_sched_setaffinity, SYS_openat, SYS_read, SYS_pread64, SYS_lseek, SYS_write, SYS_ioctl, SYS_statx,
    SYS_FSTATAT, SYS_faccessat, SYS_getdents64, SYS_getcpu, SYS_pidfd_open, SYS_ppoll, SYS_MMAP, SYS_mremap, SYS_madvise,
    SYS_process_vm_readv, SYS_process_vm_writev, SYS_pipe2, SYS_socket, SYS_sendto, SYS_recvfrom,
};

enum { CALL_COUNT = sizeof texts / sizeof *texts };

/* The result of each call without failures. */
static struct results without_failures[CALL_COUNT];

/* Makes the call while `count` system calls of one kind fail, from the nth one on. Returns how many of these it made. */
static unsigned int call_with_failures(int call, int system_call, unsigned int nth, unsigned int count, int error)
{
    reported = false;
    memset(&results, 0, sizeof results);
    results.stats.size = sizeof results.stats;
    fail_syscalls(system_call, nth, count, error);
    errno = UNTOUCHED_ERRNO;
    const bool succeeded = make_call(call) && !reported;
    const int errno_after = errno;
    const unsigned int made = syscalls_made();
    fail_syscalls(-1, 0, 0, 0);
    expect(!succeeded || errno_after == UNTOUCHED_ERRNO, "%s succeeds and leaves errno %d (%s), when %u of system call %d fail from number %u on with %d (%s)",
           texts[call], errno_after, strerror(errno_after), count, system_call, nth, error, strerror(error));
    /* These depend on how the move was carried out. */
    results.stats.kernel_calls = results.stats.retried = 0;
    results.stats.elapsed_ns = results.stats.longest_call_ns = 0;
    if (nth == 0)
        without_failures[call] = results;
    const struct results *expected = &without_failures[call];
    expect(!succeeded || memcmp(&results, expected, sizeof results) == 0,
           "%s succeeds with %ld and %lu pages in place, not %ld and %lu, when %u of system call %d fail from number %u on with %d (%s)",
           texts[call], results.returned, results.stats.in_place, expected->returned, expected->stats.in_place, count, system_call, nth, error,
           strerror(error));
    return made;
}

/* Another process that shares this one's memory and has enough mappings to need several reads of /proc/PID/maps. */
static pid_t start_other(void)
{
    enum { AREAS = 20 };
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        char *areas = pages_on_node(2 * AREAS, 0);
        for (size_t area = 0; area < AREAS; area++)
            require(mprotect(areas + 2 * area * page_size(), page_size(), PROT_READ) == 0);
        raise(SIGSTOP);
        _exit(EXIT_FAILURE);
    }
    int state;
    require(waitpid(pid, &state, WUNTRACED) == pid && WIFSTOPPED(state));
    return pid;
}

/* Returns true if this call walks all memory of a process. */
static bool makes_many_system_calls(const char *text)
{
    return strstr(text, "numars_move_process") != NULL || strstr(text, "WHOLE") != NULL;
}

/* For each call whose text begins with `start`, makes each of its system calls fail in turn; those in `denied` always fail. */
static void fail_each_system_call(const char *start, const struct denied_call *denied)
{
    const int errors[] = { ENOMEM, EINVAL, EPERM, ENOSYS };
    memory = pages_on_node(COUNT, 0);
    for (int page = 0; page < COUNT; page++)
        pages[page] = memory + (size_t)page * page_size();
    node_0 = numa_parse_nodestring_all("0");
    cpus = numa_allocate_cpumask();
    all_cpus = numa_allocate_cpumask();
    numa_bitmask_setall(all_cpus);
    require(node_0 != NULL && cpus != NULL);
    other = start_other();
    /* It is found out by system calls, before these fail. */
    (void)WHOLE;
    supervise_syscalls(watched, sizeof watched / sizeof *watched);
    /* This does not affect the supervising thread, which is already running. */
    if (denied != NULL)
        deny_syscalls(denied, 1);
    unsigned int failed = 0, calls = 0;
    for (int call = 0; call < CALL_COUNT; call++) {
        if (strncmp(texts[call], start, strlen(start)) != 0)
            continue;
        calls++;
        const size_t error_count = makes_many_system_calls(texts[call]) ? 1 : sizeof errors / sizeof *errors;
        /* The first call may move pages. */
        for (int time = 0; time < 2; time++)
            call_with_failures(call, -1, 0, 0, 0);
        for (size_t i = 0; i < sizeof watched / sizeof *watched; i++) {
            if (call_with_failures(call, watched[i], UINT_MAX, 0, 0) == 0)
                continue;
            for (size_t error = 0; error < error_count; error++)
                for (unsigned int nth = 1; call_with_failures(call, watched[i], nth, 1, errors[error]) >= nth; nth++) {
                    call_with_failures(call, watched[i], nth, UINT_MAX, errors[error]);
                    failed++;
                }
        }
    }
    ck_assert_uint_gt(failed, calls);
    require(kill(other, SIGKILL) == 0 && waitpid(other, NULL, 0) == other);
}

START_TEST(successful_calls_leave_errno_alone_and_are_complete_even_if_their_system_calls_failed)
{
    fail_each_system_call("", NULL);
}
END_TEST

START_TEST(ranges_are_walked_completely_or_not_at_all_without_PAGEMAP_SCAN)
{
    const struct denied_call no_scan = { SYS_ioctl, ENOTTY };
    fail_each_system_call("returned(numars_", &no_scan);
}
END_TEST

int main(int count, char **arguments)
{
    (void)count;
    if (getenv("NUMARS_LOG") == NULL) {
        setenv("NUMARS_LOG", "/dev/null", true);
        execv("/proc/self/exe", arguments);
    }
    return run_tests("errno_after_failed_calls", (const TTest *[]){
        successful_calls_leave_errno_alone_and_are_complete_even_if_their_system_calls_failed,
        ranges_are_walked_completely_or_not_at_all_without_PAGEMAP_SCAN,
        NULL });
}

/* The library's first call reads the files that later calls need. A program may lose access to files after that: in a chroot, in a sandbox
 * that denies opening them or kills the caller, or with no descriptor left. docs/differences.md lists what is read when. */
#include <limits.h>
#include <linux/seccomp.h>
#include <numa.h>
#include <numars.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault_injection.h"
#include "harness.h"
#include "machine.h"
#include "private_mounts.h"

/* --- the ways to lose files --- */

/* A directory that has been removed is empty. */
static bool change_root(void)
{
    char empty[] = "/tmp/initialization.XXXXXX";
    return mkdtemp(empty) != NULL && chdir(empty) == 0 && rmdir(empty) == 0 && chroot(".") == 0;
}

static bool filter_opening(unsigned action)
{
    const struct syscall_action actions[] = {
        { SYS_openat, action },
#ifdef SYS_open
        { SYS_open, action },
#endif
    };
    return filter_syscalls(actions, sizeof actions / sizeof *actions);
}

static bool deny_opening(void)
{
    return filter_opening(SECCOMP_RET_ERRNO | EPERM);
}

static bool kill_who_opens(void)
{
    return filter_opening(SECCOMP_RET_KILL_PROCESS);
}

static bool use_up_descriptors(void)
{
    return setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, 0 }) == 0;
}

static const struct {
    const char *name;
    bool (*happen)(void);
    bool needs_root;
} losses[] = {
    { "chroot", change_root, true },
    { "EPERM", deny_opening, false },
    { "kill", kill_who_opens, false },
    { "EMFILE", use_up_descriptors, false },
};
enum { LOSSES = sizeof losses / sizeof *losses };

/* --- the calls --- */

/* Returns a number that represents the contents of a set, and frees the set. */
static long members_of(struct bitmask *set)
{
    long sum = 0;
    if (set == NULL)
        return -1;
    for (unsigned bit = 0; bit < set->size; bit++)
        if (numa_bitmask_isbitset(set, bit))
            sum = sum * 31 + bit + 1;
    numa_bitmask_free(set);
    return sum;
}

static long cpus_of_all_nodes(void)
{
    long sum = 0;
    for (int node = 0; node <= numa_max_node(); node++) {
        struct bitmask *cpus = numa_allocate_cpumask();
        const long returned = numa_node_to_cpus(node, cpus);
        sum = sum * 31 + 2 * members_of(cpus) + returned;
    }
    return sum;
}

static long nodes_of_all_cpus(void)
{
    long sum = 0;
    for (int cpu = 0; cpu < numa_num_configured_cpus(); cpu++)
        sum = sum * 31 + numa_node_of_cpu(cpu);
    return sum;
}

static long run_on_each_node(void)
{
    long sum = 0;
    for (int node = 0; node <= numa_max_node(); node++)
        sum = sum * 31 + numa_run_on_node(node);
    return 31 * sum + numa_run_on_node(-1);
}

static long alloc_and_free(void)
{
    char *memory = numa_alloc_onnode(4096, numa_max_node());
    if (memory == NULL)
        return -1;
    memory[0] = 1;
    numa_free(memory, 4096);
    return 0;
}

/* Calls whose results come from what has been read. They do not depend on each other. */
#define CALLS(CALL)                                             \
    CALL(numa_available())                                      \
    CALL(numa_max_node())                                       \
    CALL(numa_max_possible_node())                              \
    CALL(numa_num_possible_nodes())                             \
    CALL(numa_num_possible_cpus())                              \
    CALL(numa_num_configured_nodes())                           \
    CALL(numa_num_configured_cpus())                            \
    CALL(numa_num_task_nodes())                                 \
    CALL(numa_num_task_cpus())                                  \
    CALL(numa_pagesize())                                       \
    CALL(numa_preferred())                                      \
    CALL(numa_get_interleave_node())                            \
    CALL(numa_node_of_cpu(0))                                   \
    CALL(numa_node_of_cpu(INT_MAX))                             \
    CALL(numa_distance(0, INT_MAX))                             \
    CALL(numa_run_on_node(INT_MAX))                             \
    CALL(numars_set_preferred(INT_MAX))                         \
    CALL(nodes_of_all_cpus())                                   \
    CALL(cpus_of_all_nodes())                                   \
    CALL(run_on_each_node())                                    \
    CALL(alloc_and_free())                                      \
    CALL(members_of(numa_get_mems_allowed()))                   \
    CALL(members_of(numa_get_membind()))                        \
    CALL(members_of(numa_get_interleave_mask()))                \
    CALL(members_of(numa_get_run_node_mask()))                  \
    CALL(members_of(numa_parse_nodestring("all")))              \
    CALL(members_of(numa_parse_nodestring("!0")))               \
    CALL(members_of(numa_parse_nodestring("+0")))               \
    CALL(members_of(numa_parse_nodestring_all("all")))          \
    CALL(members_of(numa_parse_cpustring("all")))               \
    CALL(members_of(numa_parse_cpustring("+0")))                \
    CALL(members_of(numa_parse_cpustring_all("!0")))            \
    CALL(members_of(numa_parse_cpustring_all("all")))           \
    CALL((long)numa_bitmask_weight(numa_all_nodes_ptr))         \
    CALL((long)numa_bitmask_weight(numa_all_cpus_ptr))          \
    CALL((long)numa_bitmask_weight(numa_nodes_ptr))

#define NAME(call) #call,
static const char *const names[] = { CALLS(NAME) };
enum { COUNT = sizeof names / sizeof *names };

static long call_number(int index)
{
    int at = 0;
#define CASE(call)      \
    if (at++ == index)  \
        return (call);
    CALLS(CASE)
    abort();
}

/* The results of all calls in a process of its own that still has its files and makes no call before. */
static long *expected;
static long *actual;

static pid_t begin(void)
{
    const pid_t child = fork();
    require(child >= 0);
    return child;
}

static int end_of(pid_t child)
{
    int status;
    require(waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void set_up(void)
{
    expected = mmap(NULL, 2 * COUNT * sizeof *expected, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    require(expected != MAP_FAILED);
    actual = expected + COUNT;
    const pid_t child = begin();
    if (child == 0) {
        for (int index = 0; index < COUNT; index++)
            expected[index] = call_number(index);
        _exit(0);
    }
    require(end_of(child) == 0);
}

/* In a process of its own: makes the call with this number, then takes the files away, then makes all calls. */
static void assert_results_unchanged(int first, int loss)
{
    for (int index = 0; index < COUNT; index++)
        actual[index] = LONG_MIN;
    const pid_t child = begin();
    if (child == 0) {
        (void)call_number(first);
        if (!losses[loss].happen())
            _exit(1);
        for (int index = 0; index < COUNT; index++)
            actual[index] = call_number(index);
        _exit(0);
    }
    const int status = end_of(child);
    for (int index = 0; index < COUNT; index++)
        ck_assert_msg(actual[index] == expected[index], "%s after %s and %s: %ld with files, then %ld%s", names[index], names[first],
                      losses[loss].name, expected[index], actual[index], actual[index] == LONG_MIN ? " (ended the process)" : "");
    ck_assert_int_eq(status, 0);
}

/* Returns true if the call with this number is about the machine. The others only make system calls, or none. */
static bool asks_about_machine(int call)
{
    static const char *const others[] = { "possible", "pagesize", "_ptr", "numa_preferred", "interleave", "membind", "mems_allowed",
                                          "alloc_and_free", "numars_set_preferred", "numa_run_on_node(INT_MAX)" };
    for (size_t other = 0; other < sizeof others / sizeof *others; other++)
        if (strstr(names[call], others[other]) != NULL)
            return false;
    return true;
}

START_TEST(after_any_first_call_about_the_machine_no_other_call_needs_a_file)
{
    set_up();
    for (int loss = 0; loss < LOSSES; loss++)
        for (int first = 0; first < COUNT; first++)
            if (asks_about_machine(first) && (geteuid() == 0 || !losses[loss].needs_root))
                assert_results_unchanged(first, loss);
}
END_TEST

/* As with libnuma, distances are read when the first one is asked for. */
START_TEST(after_a_call_for_one_distance_all_are_known)
{
    require_numa_system_calls();
    long *distances = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    require(distances != MAP_FAILED);
    const int last = numa_max_node();
    ck_assert_int_eq(numa_distance(0, 0), 10);
    const pid_t child = begin();
    if (child == 0) {
        require(kill_who_opens());
        distances[0] = numa_distance(last, 0);
        distances[1] = numa_distance(0, last);
        distances[2] = numa_distance(0, last + 1);
        distances[3] = numa_distance(-1, INT_MAX);
        _exit(0);
    }
    ck_assert_int_eq(end_of(child), 0);
    ck_assert_int_ge(distances[0], 10);
    ck_assert_int_ge(distances[1], 10);
    ck_assert_int_eq(distances[2], 0);
    ck_assert_int_eq(distances[3], 0);
}
END_TEST

START_TEST(an_update_without_files_changes_no_result)
{
    set_up();
    for (int loss = 0; loss < LOSSES; loss++) {
        /* An update opens files. */
        if (losses[loss].happen == kill_who_opens || (geteuid() != 0 && losses[loss].needs_root))
            continue;
        for (int index = 0; index < COUNT; index++)
            actual[index] = LONG_MIN;
        const pid_t child = begin();
        if (child == 0) {
            numa_available();
            if (!losses[loss].happen())
                _exit(1);
            numa_node_to_cpu_update();
            for (int index = 0; index < COUNT; index++)
                actual[index] = call_number(index);
            _exit(0);
        }
        ck_assert_int_eq(end_of(child), 0);
        for (int index = 0; index < COUNT; index++)
            ck_assert_msg(actual[index] == expected[index], "%s after an update with %s: %ld with files, then %ld", names[index],
                          losses[loss].name, expected[index], actual[index]);
    }
}
END_TEST

START_TEST(a_size_that_cannot_be_read_fails_with_the_errno_of_opening_its_file)
{
    require_numa_system_calls();
    struct rlimit before;
    long long free_bytes = 1;
    require(getrlimit(RLIMIT_NOFILE, &before) == 0);
    require(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, before.rlim_max }) == 0);
    assert_fails(numa_node_size64(0, &free_bytes), EMFILE);
    ck_assert_int_eq(free_bytes, 0);
    require(setrlimit(RLIMIT_NOFILE, &before) == 0);
    ck_assert_int_gt(numa_node_size64(0, NULL), 0);
    /* In a process of its own: sanitizers open files at exit. */
    const pid_t child = begin();
    if (child == 0) {
        require(deny_opening());
        assert_fails(numa_node_size64(0, NULL), EPERM);
        assert_fails(numa_node_size(INT_MAX, NULL), EPERM);
        assert_fails(numa_node_size(-1, NULL), ENOENT);
        _exit(0);
    }
    ck_assert_int_eq(end_of(child), 0);
}
END_TEST

/* What the first reading did not find is not searched for again, because the kernel shows nothing new. */
START_TEST(without_sys_from_the_start_only_the_first_call_looks_for_files)
{
    require_numa_system_calls();
    const int watched[] = { SYS_openat };
    require_private_mounts();
    unshare_mounts();
    mount_empty_over("/sys");
    require(numa_available() == 0);
    numa_distance(0, 0);
    supervise_syscalls(watched, 1);
    fail_syscalls(SYS_openat, 1, UINT_MAX, EPERM);
    for (int round = 0; round < 3; round++) {
        numa_distance(0, 1);
        numa_distance(0, numa_num_possible_nodes() - 1);
        numa_node_of_cpu(numa_num_possible_cpus() - 1);
        numa_run_on_node(numa_num_possible_nodes() - 1);
        numa_bitmask_free(numa_get_run_node_mask());
    }
    ck_assert_uint_eq(syscalls_made(), 0);
}
END_TEST

static void (*to_call)(void);

static void handle(int signal)
{
    (void)signal;
    to_call();
}

/* Returns the bytes of stack that a signal handler uses when it makes this call. */
static size_t stack_of_handler(void (*call)(void))
{
    enum { SIZE = 1 << 16, PATTERN = 0xaa };
    unsigned char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(memory != MAP_FAILED);
    memset(memory, PATTERN, SIZE);
    const struct sigaction action = { .sa_handler = handle, .sa_flags = SA_ONSTACK };
    require(sigaltstack(&(stack_t){ .ss_sp = memory, .ss_size = SIZE }, NULL) == 0);
    to_call = call;
    require(sigaction(SIGUSR1, &action, NULL) == 0 && raise(SIGUSR1) == 0);
    size_t unused = 0;
    while (memory[unused] == PATTERN)
        unused++;
    return SIZE - unused;
}

static void call_nothing(void)
{
}

static void call_numa_available(void)
{
    numa_available();
}

/* AddressSanitizer surrounds each variable on the stack with memory that it checks. */
#ifdef __SANITIZE_ADDRESS__
enum { FRAMES_ARE_LARGER = true };
#else
enum { FRAMES_ARE_LARGER = false };
#endif

/* SIGSTKSZ was 8 KiB for decades, of which the kernel takes more than 3 KiB for the registers of a large processor. */
START_TEST(the_first_call_takes_less_than_5_kib_of_stack)
{
    if (FRAMES_ARE_LARGER)
        skip_test("AddressSanitizer makes stack frames larger");
    require_numa_system_calls();
    const size_t without = stack_of_handler(call_nothing);
    ck_assert_uint_lt(stack_of_handler(call_numa_available) - without, 5 * 1024);
}
END_TEST

int main(void)
{
    return run_tests("initialization", (const TTest *[]){
        after_any_first_call_about_the_machine_no_other_call_needs_a_file,
        after_a_call_for_one_distance_all_are_known,
        an_update_without_files_changes_no_result,
        a_size_that_cannot_be_read_fails_with_the_errno_of_opening_its_file,
        without_sys_from_the_start_only_the_first_call_looks_for_files,
        the_first_call_takes_less_than_5_kib_of_stack,
        NULL });
}

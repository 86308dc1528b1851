/* No file descriptors left, in the process or on the machine, and system calls interrupted by signals. */
#include <fcntl.h>
#include <limits.h>
#include <numa.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "environment.h"
#include "fault_injection.h"
#include "harness.h"
#include "machine.h"

static void allow_no_descriptors(const void *argument)
{
    (void)argument;
    struct rlimit limit;
    require(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = 0;
    require(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* From here on no file can be opened that was not read before. */
static const struct expectations no_files = { .sys = NO_FILES, .proc = NO_FILES };

START_TEST(a_process_may_have_run_out_of_descriptors)
{
    assert_all_functions_work_here("RLIMIT_NOFILE", &no_files, allow_no_descriptors, NULL);
}
END_TEST

static void fill_table_of_files(const void *argument)
{
    (void)argument;
    const struct denied_call denied_calls[] = { { SYS_openat, ENFILE }, { SYS_socket, ENFILE }, { SYS_dup, ENFILE } };
    deny_syscalls(denied_calls, sizeof denied_calls / sizeof *denied_calls);
}

START_TEST(the_machine_may_have_run_out_of_descriptors)
{
    assert_all_functions_work_here("ENFILE", &no_files, fill_table_of_files, NULL);
}
END_TEST

/* Each test runs in its own process, so no file of a node has been read yet. */
START_TEST(cpus_that_could_not_be_read_are_read_when_they_are_next_needed)
{
    struct rlimit before;
    struct bitmask *cpus = numa_allocate_cpumask();
    require(getrlimit(RLIMIT_NOFILE, &before) == 0);
    allow_no_descriptors(NULL);
    for (int node = 0; node <= numa_max_node(); node++)
        if (numa_bitmask_isbitset(numa_nodes_ptr, (unsigned)node))
            assert_fails(numa_node_to_cpus(node, cpus), ENOENT);
    require(setrlimit(RLIMIT_NOFILE, &before) == 0);
    for (int cpu = 0; cpu < numa_num_configured_cpus(); cpu++) {
        const int node = numa_node_of_cpu(cpu);
        require(node >= 0);
        assert_returns(numa_node_to_cpus(node, cpus), 0);
        ck_assert_int_eq(numa_bitmask_isbitset(cpus, (unsigned)cpu), 1);
    }
    numa_bitmask_free(cpus);
}
END_TEST

START_TEST(an_update_that_cannot_read_any_file_changes_nothing)
{
    struct rlimit limit;
    require(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    struct bitmask *before = numa_allocate_cpumask(), *after = numa_allocate_cpumask();
    const int node = numa_node_of_cpu(0);
    require(node >= 0 && numa_node_to_cpus(node, before) == 0 && numa_bitmask_isbitset(before, 0));
    allow_no_descriptors(NULL);
    numa_node_to_cpu_update();
    assert_returns(numa_node_of_cpu(0), node);
    assert_returns(numa_node_to_cpus(node, after), 0);
    ck_assert_int_eq(numa_bitmask_equal(before, after), 1);
    /* Sanitizers need it at exit. */
    require(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    numa_bitmask_free(before);
    numa_bitmask_free(after);
}
END_TEST

START_TEST(a_sandbox_that_denies_opening_files_is_asked_only_once)
{
    const int watched[] = { SYS_openat };
    supervise_syscalls(watched, 1);
    fail_syscalls(SYS_openat, 1, UINT_MAX, EPERM);
    numa_node_of_cpu(0);
    const unsigned asked = syscalls_made();
    ck_assert_uint_gt(asked, 0);
    const int highest = numa_max_node();
    for (int round = 0; round < 100; round++) {
        assert_returns(numa_max_node(), highest);
        ck_assert_int_ge(numa_num_task_nodes(), 1);
    }
    ck_assert_uint_eq(syscalls_made(), asked);
}
END_TEST

static volatile sig_atomic_t signals;

static void count_signal(int signal)
{
    (void)signal;
    signals++;
}

/* The kernel does not restart system calls that are interrupted by this signal. */
START_TEST(signals_may_interrupt_every_system_call)
{
    const struct sigaction action = { .sa_handler = count_signal };
    const struct timeval moment = { .tv_usec = 100 };
    const struct expectations usual = { 0 };
    struct violations violations = { 0 };
    char text[4096];
    /* stdio gives up a write that a signal interrupts: the end of a line may be missing, so that the next test's line follows on the same
     * one. */
    require(dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO) == STDERR_FILENO);
    require(sigaction(SIGALRM, &action, NULL) == 0);
    require(setitimer(ITIMER_REAL, &(struct itimerval){ moment, moment }, NULL) == 0);
    for (int round = 0; round < 10 || signals <= 100; round++)
        call_all_functions(&usual, &violations);
    require(setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, NULL) == 0);
    describe_violations(&violations, text, sizeof text);
    ck_assert_msg(violations.count == 0, "%s", text);
    ck_assert_int_gt(signals, 100);
}
END_TEST

START_TEST(the_kernel_is_asked_for_MPOL_PREFERRED_MANY_until_it_has_answered)
{
    const int mbind_only[] = { SYS_mbind };
    require_numa_system_calls();
    supervise_syscalls(mbind_only, 1);
    /* As in a container that forbids it. */
    fail_syscalls(SYS_mbind, 1, UINT_MAX, EPERM);
    for (unsigned int time = 1; time <= 2; time++) {
        assert_returns(numa_has_preferred_many(), 0);
        ck_assert_uint_eq(syscalls_made(), time);
    }
    fail_syscalls(SYS_mbind, UINT_MAX, 0, 0);
    const int has_it = numa_has_preferred_many();
    ck_assert_int_eq(has_it, !kernel_before(5, 15));
    ck_assert_uint_eq(syscalls_made(), 1);
    fail_syscalls(SYS_mbind, 1, UINT_MAX, EPERM);
    assert_returns(numa_has_preferred_many(), has_it);
    ck_assert_uint_eq(syscalls_made(), 0);
}
END_TEST

int main(int count, char **arguments)
{
    continue_after_reexec(count, arguments);
    return run_tests("fault_injection", (const TTest *[]){
        a_process_may_have_run_out_of_descriptors,
        the_machine_may_have_run_out_of_descriptors,
        cpus_that_could_not_be_read_are_read_when_they_are_next_needed,
        an_update_that_cannot_read_any_file_changes_nothing,
        a_sandbox_that_denies_opening_files_is_asked_only_once,
        signals_may_interrupt_every_system_call,
        the_kernel_is_asked_for_MPOL_PREFERRED_MANY_until_it_has_answered,
        NULL });
}

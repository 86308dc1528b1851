/* Memory policy is denied, as container engines do, or missing from the kernel: the library loads silently and reports it only when asked.
 * libnuma leaves errno set there, and numa_available() returns 0. */
#include <numa.h>
#include <numars.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "environment.h"
#include "fault_injection.h"
#include "harness.h"

static const char *const ONLY_LOAD = "--only-load", *const ASK = "--ask";
enum { ANSWERED_NO = 40, ANSWERED_YES = 41, ANSWERED_BUT_BROKEN = 42 };

static char output[1024];

/* Makes the calls about memory policy fail with this error, in this process and those that it executes. */
static void deny_policy_calls(int error)
{
    const struct policy_errors all = { error, error, error, error, error, error };
    struct denied_call denied_calls[POLICY_CALLS];
    deny_syscalls(denied_calls, denied_policy_calls(&all, denied_calls));
}

static void only_load_where_policy_is_forbidden(void)
{
    deny_policy_calls(EPERM);
    reexec(ONLY_LOAD);
}

static void only_load_on_a_kernel_without_numa(void)
{
    deny_policy_calls(ENOSYS);
    reexec(ONLY_LOAD);
}

START_TEST(loading_is_silent_and_leaves_errno_alone)
{
    ck_assert_int_eq(run_in_child(only_load_where_policy_is_forbidden, output, sizeof output), 0);
    ck_assert_str_eq(output, "");
    ck_assert_int_eq(run_in_child(only_load_on_a_kernel_without_numa, output, sizeof output), 0);
    ck_assert_str_eq(output, "");
}
END_TEST

static void ask_where_policy_is_forbidden(void)
{
    deny_policy_calls(EPERM);
    reexec(ASK);
}

static void ask_on_a_kernel_without_numa(void)
{
    deny_policy_calls(ENOSYS);
    reexec(ASK);
}

START_TEST(numa_available_returns_minus_1_silently)
{
    ck_assert_int_eq(run_in_child(ask_where_policy_is_forbidden, output, sizeof output), ANSWERED_NO);
    ck_assert_str_eq(output, "");
    ck_assert_int_eq(run_in_child(ask_on_a_kernel_without_numa, output, sizeof output), ANSWERED_NO);
    ck_assert_str_eq(output, "");
}
END_TEST

/* What is denied, and whether the process may use process_vm_readv(2), which the mover uses, and pipes, its fallback for that. */
struct denied {
    struct policy_errors policy;
    int copying, pipes;
};

static void deny(const void *argument)
{
    const struct denied *denied = argument;
    struct denied_call denied_calls[POLICY_CALLS + 3];
    size_t count = denied_policy_calls(&denied->policy, denied_calls);
    if (denied->copying != 0) {
        denied_calls[count++] = (struct denied_call){ SYS_process_vm_readv, denied->copying };
        denied_calls[count++] = (struct denied_call){ SYS_process_vm_writev, denied->copying };
    }
    if (denied->pipes != 0)
        denied_calls[count++] = (struct denied_call){ SYS_pipe2, denied->pipes };
    deny_syscalls(denied_calls, count);
}

static void assert_all_functions_work_with(struct policy_errors policy, int copying, int pipes)
{
    const struct expectations environment = { .denied = policy };
    const struct denied denied = { .policy = policy, .copying = copying, .pipes = pipes };
    assert_all_functions_work(strerror(copying), &environment, deny, &denied);
}

static const int REASONS[] = { EPERM, ENOSYS };

START_TEST(each_call_about_policy_may_be_denied_alone)
{
    for (size_t i = 0; i < sizeof REASONS / sizeof *REASONS; i++) {
        const int error = REASONS[i];
        assert_all_functions_work_with((struct policy_errors){ .get_mempolicy = error }, 0, 0);
        assert_all_functions_work_with((struct policy_errors){ .set_mempolicy = error }, 0, 0);
        assert_all_functions_work_with((struct policy_errors){ .mbind = error }, 0, 0);
        assert_all_functions_work_with((struct policy_errors){ .move_pages = error }, 0, 0);
        assert_all_functions_work_with((struct policy_errors){ .migrate_pages = error }, 0, 0);
        assert_all_functions_work_with((struct policy_errors){ .set_mempolicy_home_node = error }, 0, 0);
    }
}
END_TEST

START_TEST(all_calls_about_policy_may_be_denied)
{
    for (size_t i = 0; i < sizeof REASONS / sizeof *REASONS; i++) {
        const int error = REASONS[i];
        assert_all_functions_work_with((struct policy_errors){ error, error, error, error, error, error }, 0, 0);
        assert_all_functions_work_with((struct policy_errors){ error, error, error, error, error, error }, error, error);
    }
}
END_TEST

START_TEST(copying_between_processes_may_be_denied)
{
    const int reasons[] = { EPERM, ENOSYS, EACCES, ENOMEM };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        assert_all_functions_work_with((struct policy_errors){ 0 }, reasons[i], 0);
        assert_all_functions_work_with((struct policy_errors){ 0 }, reasons[i], reasons[i]);
    }
}
END_TEST

enum { ALLOCATIONS = 20, SIZE = 1 << 16 };

static void allocate_where_policy_is_forbidden(void)
{
    deny_policy_calls(EPERM);
    for (int i = 0; i < ALLOCATIONS; i++) {
        char *memory = numa_alloc_interleaved(SIZE);
        require(memory != NULL);
        memset(memory, 1, SIZE);
        assert_fails(numars_tonode_memory(memory, SIZE, 0), EPERM);
        assert_fails(numars_set_localalloc(), EPERM);
        numa_free(memory, SIZE);
    }
    exit(EXIT_SUCCESS);
}

START_TEST(allocations_print_their_error_and_return_memory_and_the_numars_calls_print_nothing)
{
    ck_assert_int_eq(run_in_child(allocate_where_policy_is_forbidden, output, sizeof output), EXIT_SUCCESS);
    char expected[sizeof output] = "", line[128];
    snprintf(line, sizeof line, "mbind: %s\n", strerror(EPERM));
    for (int i = 0; i < ALLOCATIONS; i++)
        strcat(expected, line);
    ck_assert_str_eq(output, expected);
}
END_TEST

/* Sets have a size even here: the library gets it in another way. */
static int check_library(void)
{
    struct bitmask *nodes = numa_allocate_nodemask();
    const int broken = nodes == NULL || nodes->size == 0;
    numa_bitmask_free(nodes);
    return broken ? ANSWERED_BUT_BROKEN : numa_available() == -1 ? ANSWERED_NO : ANSWERED_YES;
}

int main(int count, char **arguments)
{
    const int errno_at_start = errno;
    continue_after_reexec(count, arguments);
    if (count > 1 && strcmp(arguments[1], ONLY_LOAD) == 0)
        return errno_at_start;
    if (count > 1 && strcmp(arguments[1], ASK) == 0)
        return check_library();
    return run_tests("policy_denied", (const TTest *[]){
        loading_is_silent_and_leaves_errno_alone,
        numa_available_returns_minus_1_silently,
        each_call_about_policy_may_be_denied_alone,
        all_calls_about_policy_may_be_denied,
        copying_between_processes_may_be_denied,
        allocations_print_their_error_and_return_memory_and_the_numars_calls_print_nothing,
        NULL });
}

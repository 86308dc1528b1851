/* Where memory policy is forbidden, as container engines do, or missing from the kernel: the library loads silently,
 * and says so only when asked. libnuma leaves errno set there and says that NUMA is available. */
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

/* The calls about memory policy fail with this error, in this process and its successors. */
static void forbid_policy_calls(int error)
{
    const struct refusals all = { error, error, error, error, error, error };
    struct refusal refusals[POLICY_CALLS];
    refuse_calls(refusals, refusals_of_policy(&all, refusals));
}

static void only_load_where_policy_is_forbidden(void)
{
    forbid_policy_calls(EPERM);
    load_anew(ONLY_LOAD);
}

static void only_load_on_a_kernel_without_numa(void)
{
    forbid_policy_calls(ENOSYS);
    load_anew(ONLY_LOAD);
}

START_TEST(loading_is_silent_and_leaves_errno_alone)
{
    ck_assert_int_eq(run_apart(only_load_where_policy_is_forbidden, output, sizeof output), 0);
    ck_assert_str_eq(output, "");
    ck_assert_int_eq(run_apart(only_load_on_a_kernel_without_numa, output, sizeof output), 0);
    ck_assert_str_eq(output, "");
}
END_TEST

static void ask_where_policy_is_forbidden(void)
{
    forbid_policy_calls(EPERM);
    load_anew(ASK);
}

static void ask_on_a_kernel_without_numa(void)
{
    forbid_policy_calls(ENOSYS);
    load_anew(ASK);
}

START_TEST(numa_available_says_no_quietly)
{
    ck_assert_int_eq(run_apart(ask_where_policy_is_forbidden, output, sizeof output), ANSWERED_NO);
    ck_assert_str_eq(output, "");
    ck_assert_int_eq(run_apart(ask_on_a_kernel_without_numa, output, sizeof output), ANSWERED_NO);
    ck_assert_str_eq(output, "");
}
END_TEST

/* What is refused, and whether a process may have its memory copied, which the mover does, and may have pipes, by which it does so otherwise. */
struct forbidden {
    struct refusals policy;
    int copying, pipes;
};

static void forbid(const void *argument)
{
    const struct forbidden *forbidden = argument;
    struct refusal refusals[POLICY_CALLS + 3];
    size_t count = refusals_of_policy(&forbidden->policy, refusals);
    if (forbidden->copying != 0) {
        refusals[count++] = (struct refusal){ SYS_process_vm_readv, forbidden->copying };
        refusals[count++] = (struct refusal){ SYS_process_vm_writev, forbidden->copying };
    }
    if (forbidden->pipes != 0)
        refusals[count++] = (struct refusal){ SYS_pipe2, forbidden->pipes };
    refuse_calls(refusals, count);
}

static void assert_all_is_well_where(struct refusals refused, int copying, int pipes)
{
    const struct expectations around = { .refused = refused };
    const struct forbidden forbidden = { .policy = refused, .copying = copying, .pipes = pipes };
    assert_all_is_well(strerror(copying), &around, forbid, &forbidden);
}

static const int REASONS[] = { EPERM, ENOSYS };

START_TEST(each_call_about_policy_may_be_forbidden_alone)
{
    for (size_t i = 0; i < sizeof REASONS / sizeof *REASONS; i++) {
        const int error = REASONS[i];
        assert_all_is_well_where((struct refusals){ .get_mempolicy = error }, 0, 0);
        assert_all_is_well_where((struct refusals){ .set_mempolicy = error }, 0, 0);
        assert_all_is_well_where((struct refusals){ .mbind = error }, 0, 0);
        assert_all_is_well_where((struct refusals){ .move_pages = error }, 0, 0);
        assert_all_is_well_where((struct refusals){ .migrate_pages = error }, 0, 0);
        assert_all_is_well_where((struct refusals){ .set_mempolicy_home_node = error }, 0, 0);
    }
}
END_TEST

START_TEST(all_calls_about_policy_may_be_forbidden)
{
    for (size_t i = 0; i < sizeof REASONS / sizeof *REASONS; i++) {
        const int error = REASONS[i];
        assert_all_is_well_where((struct refusals){ error, error, error, error, error, error }, 0, 0);
        assert_all_is_well_where((struct refusals){ error, error, error, error, error, error }, error, error);
    }
}
END_TEST

START_TEST(copying_between_processes_may_be_forbidden)
{
    const int reasons[] = { EPERM, ENOSYS, EACCES, ENOMEM };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        assert_all_is_well_where((struct refusals){ 0 }, reasons[i], 0);
        assert_all_is_well_where((struct refusals){ 0 }, reasons[i], reasons[i]);
    }
}
END_TEST

enum { ALLOCATIONS = 20, SIZE = 1 << 16 };

static void allocate_where_policy_is_forbidden(void)
{
    forbid_policy_calls(EPERM);
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

START_TEST(each_allocation_prints_its_error_and_returns_memory_and_the_calls_of_numars_print_nothing)
{
    ck_assert_int_eq(run_apart(allocate_where_policy_is_forbidden, output, sizeof output), EXIT_SUCCESS);
    char expected[sizeof output] = "", line[128];
    snprintf(line, sizeof line, "mbind: %s\n", strerror(EPERM));
    for (int i = 0; i < ALLOCATIONS; i++)
        strcat(expected, line);
    ck_assert_str_eq(output, expected);
}
END_TEST

/* The sets have a size even here: it comes from elsewhere. */
static int answer(void)
{
    struct bitmask *nodes = numa_allocate_nodemask();
    const int broken = nodes == NULL || nodes->size == 0;
    numa_bitmask_free(nodes);
    return broken ? ANSWERED_BUT_BROKEN : numa_available() == -1 ? ANSWERED_NO : ANSWERED_YES;
}

int main(int count, char **arguments)
{
    const int errno_at_start = errno;
    continue_if_loaded_anew(count, arguments);
    if (count > 1 && strcmp(arguments[1], ONLY_LOAD) == 0)
        return errno_at_start;
    if (count > 1 && strcmp(arguments[1], ASK) == 0)
        return answer();
    return run_tests("policy_denied", (const TTest *[]){
        loading_is_silent_and_leaves_errno_alone,
        numa_available_says_no_quietly,
        each_call_about_policy_may_be_forbidden_alone,
        all_calls_about_policy_may_be_forbidden,
        copying_between_processes_may_be_forbidden,
        each_allocation_prints_its_error_and_returns_memory_and_the_calls_of_numars_print_nothing,
        NULL });
}

/* Where memory policy is forbidden, as container engines do, or missing from the kernel: the library loads silently,
 * and says so only when asked. libnuma leaves errno set there and says that NUMA is available. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <numa.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "surroundings.h"

static const char *const ONLY_LOAD = "--only-load", *const ASK = "--ask";
enum { ANSWERED_NO = 40, ANSWERED_YES = 41, ANSWERED_BUT_BROKEN = 42 };

static char output[1024];

/* This same program, loaded anew; what it prints anywhere arrives on standard error. */
static void load_anew(const char *how)
{
    dup2(STDERR_FILENO, STDOUT_FILENO);
    execl("/proc/self/exe", "where_policy_is_forbidden", how, (char *)NULL);
}

/* The calls about memory policy fail with this error, in this process and its successors. */
static void forbid_policy_calls(unsigned int error)
{
#define FORBID(call) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error)
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        FORBID(get_mempolicy), FORBID(set_mempolicy), FORBID(mbind), FORBID(move_pages), FORBID(migrate_pages),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
#undef FORBID
    const struct sock_fprog filter = { .len = sizeof rules / sizeof *rules, .filter = rules };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        exit(EXIT_FAILURE);
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
    if (count > 1 && strcmp(arguments[1], ONLY_LOAD) == 0)
        return errno_at_start;
    if (count > 1 && strcmp(arguments[1], ASK) == 0)
        return answer();
    return run_tests("where_policy_is_forbidden", (const TTest *[]){
        loading_is_silent_and_leaves_errno_alone,
        numa_available_says_no_quietly,
        NULL });
}

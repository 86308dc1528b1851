/* Neither loading the library nor a successful call writes to errno, and loading prints nothing. */
#include <numa.h>

#include "environment.h"
#include "harness.h"

static const char *const ONLY_LOAD = "--only-load";

static int errno_at_start;
static char output[1024];

START_TEST(loading_leaves_errno_alone)
{
    ck_assert_int_eq(errno_at_start, 0);
}
END_TEST

static void only_load(void)
{
    reexec(ONLY_LOAD);
}

START_TEST(loading_is_silent)
{
    ck_assert_int_eq(run_in_child(only_load, output, sizeof output), 0);
    ck_assert_str_eq(output, "");
}
END_TEST

START_TEST(numa_available_returns_0_and_leaves_errno_alone)
{
    errno = UNTOUCHED_ERRNO;
    if (numa_available() == 0)
        ck_assert_int_eq(errno, UNTOUCHED_ERRNO);
    else
        ck_assert_msg(errno == ENOSYS || errno == EPERM, "no, but for which reason? errno %d", errno);
}
END_TEST

START_TEST(numa_available_returns_the_same_twice)
{
    ck_assert_int_eq(numa_available(), numa_available());
}
END_TEST

START_TEST(calls_on_sets_leave_errno_alone)
{
    errno = UNTOUCHED_ERRNO;
    struct bitmask *one = numa_bitmask_alloc(70), *other = numa_bitmask_alloc(1024);
    struct bitmask *nodes = numa_allocate_nodemask(), *cpus = numa_allocate_cpumask();
    nodemask_t mask;
    numa_bitmask_setall(one);
    numa_bitmask_clearbit(one, 3);
    numa_bitmask_setbit(one, 1000);
    (void)numa_bitmask_isbitset(one, 1000);
    copy_bitmask_to_bitmask(one, other);
    copy_bitmask_to_nodemask(one, &mask);
    copy_nodemask_to_bitmask(&mask, other);
    (void)numa_bitmask_equal(one, other);
    (void)numa_bitmask_weight(other);
    (void)numa_bitmask_nbytes(other);
    numa_bitmask_clearall(one);
    numa_bitmask_free(one);
    numa_bitmask_free(other);
    numa_free_nodemask(nodes);
    numa_free_cpumask(cpus);
    ck_assert_int_eq(errno, UNTOUCHED_ERRNO);
}
END_TEST

int main(int count, char **arguments)
{
    errno_at_start = errno;
    if (count > 1 && strcmp(arguments[1], ONLY_LOAD) == 0)
        return errno_at_start;
    return run_tests("errno_untouched", (const TTest *[]){
        loading_leaves_errno_alone,
        loading_is_silent,
        numa_available_returns_0_and_leaves_errno_alone,
        numa_available_returns_the_same_twice,
        calls_on_sets_leave_errno_alone,
        NULL });
}

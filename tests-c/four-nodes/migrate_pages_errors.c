/* migrate_pages(2): errors. */
#include <limits.h>
#include <numaif.h>
#include <sys/wait.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "pages.h"

enum { KTHREADD = 2 };

START_TEST(a_process_of_another_user_is_eperm)
{
    struct child_process of_root = start_child(1, 3, NULL);
    drop_privileges();
    assert_fails(migrate(of_root.pid, mask(3), mask(1)), EPERM);
}
END_TEST

START_TEST(a_process_of_the_same_user_is_allowed)
{
    drop_privileges();
    struct child_process unprivileged = start_child(1, 3, NULL);
    /* It is a fork: the pages that it shares with this process stay and are not counted. */
    assert_returns(migrate(unprivileged.pid, mask(3), mask(1)), 0);
    ck_assert_int_eq(node_of_pid(unprivileged.pid, unprivileged.pages), 1);
    end_child(unprivileged);
}
END_TEST

START_TEST(a_node_outside_the_cpuset_is_eperm_without_privilege)
{
    enter_cpuset("0-1");
    drop_privileges();
    char *page = pages_on_node(1, 0);
    assert_fails(migrate(0, mask(0), mask(1) | mask(2)), EPERM);
    assert_fails(migrate(0, mask(0), mask(3)), EPERM);
    ck_assert_int_eq(node_of(page), 0);
    assert_migrates(migrate(0, mask(0), mask(1)));
    ck_assert_int_eq(node_of(page), 1);
}
END_TEST

START_TEST(with_privilege_a_node_outside_the_cpuset_is_left_out)
{
    enter_cpuset("0-1");
    char *page = pages_on_node(1, 0);
    assert_migrates(migrate(0, mask(0), mask(1) | mask(2)));
    ck_assert_int_eq(node_of(page), 1);
    /* And if no node remains: */
    assert_fails(migrate(0, mask(1), mask(3)), EINVAL);
    leave_cpuset();
}
END_TEST

START_TEST(a_node_that_does_not_exist_is_eperm_without_privilege_and_einval_with_it)
{
    assert_fails(migrate(0, mask(0), mask(9)), EINVAL);
    drop_privileges();
    /* A kernel that cannot have the node refuses the mask. */
    assert_fails(migrate(0, mask(0), mask(9)), kernel_node_bits() <= 9 ? EINVAL : EPERM);
}
END_TEST

START_TEST(an_old_node_that_does_not_exist_is_no_error)
{
    if (kernel_node_bits() <= 9)
        skip_test("this kernel can have %d nodes", kernel_node_bits());
    assert_migrates(migrate(0, mask(9), mask(1)));
}
END_TEST

START_TEST(no_such_process_is_esrch)
{
    assert_fails(migrate(nonexistent_pid(), mask(0), mask(1)), ESRCH);
    assert_fails(migrate(-1, mask(0), mask(1)), ESRCH);
    assert_fails(migrate(INT_MAX, mask(0), mask(1)), ESRCH);
    assert_fails(migrate(INT_MIN, mask(0), mask(1)), ESRCH);
}
END_TEST

START_TEST(a_kernel_thread_is_einval)
{
    assert_fails(migrate(KTHREADD, mask(0), mask(1)), EINVAL);
}
END_TEST

START_TEST(a_process_that_ended_but_was_not_waited_for_is_einval)
{
    siginfo_t ended;
    const pid_t zombie = fork();
    if (zombie == 0)
        _exit(0);
    require(waitid(P_PID, (id_t)zombie, &ended, WEXITED | WNOWAIT) == 0);
    assert_fails(migrate(zombie, mask(0), mask(1)), EINVAL);
    require(waitpid(zombie, NULL, 0) == zombie);
}
END_TEST

START_TEST(no_new_nodes_is_einval)
{
    const unsigned long from = mask(0);
    assert_fails(migrate(0, mask(0), 0), EINVAL);
    assert_fails(migrate_pages(0, MASK_BITS, &from, NULL), EINVAL);
}
END_TEST

START_TEST(masks_that_cannot_be_read_are_efault)
{
    const unsigned long nodes = mask(0);
    assert_fails(migrate_pages(0, MASK_BITS, unmapped_address(), &nodes), EFAULT);
    assert_fails(migrate_pages(0, MASK_BITS, &nodes, unmapped_address()), EFAULT);
}
END_TEST

START_TEST(masks_that_end_too_early_are_efault)
{
    unsigned long *word = array_at_end_of_mapping(1, sizeof *word);
    *word = mask(0);
    assert_migrates(migrate_pages(0, MASK_BITS + 1, word, word));
    const unsigned long two_words[] = { mask(0), 0 };
    assert_fails(migrate_pages(0, 2 * MASK_BITS, word, two_words), EFAULT);
    assert_fails(migrate_pages(0, 2 * MASK_BITS, two_words, word), EFAULT);
}
END_TEST

START_TEST(masks_are_checked_before_the_process)
{
    const unsigned long nodes = mask(0);
    assert_fails(migrate_pages(nonexistent_pid(), MASK_BITS, unmapped_address(), &nodes), EFAULT);
    assert_fails(migrate_pages(nonexistent_pid(), ~0UL, &nodes, &nodes), EINVAL);
    assert_fails(migrate_pages(nonexistent_pid(), MASK_BITS, &nodes, NULL), ESRCH);
}
END_TEST

int main(void)
{
    return run_tests("migrate_pages_errors", (const TTest *[]){
        a_process_of_another_user_is_eperm,
        a_process_of_the_same_user_is_allowed,
        a_node_outside_the_cpuset_is_eperm_without_privilege,
        with_privilege_a_node_outside_the_cpuset_is_left_out,
        a_node_that_does_not_exist_is_eperm_without_privilege_and_einval_with_it,
        an_old_node_that_does_not_exist_is_no_error,
        no_such_process_is_esrch,
        a_kernel_thread_is_einval,
        a_process_that_ended_but_was_not_waited_for_is_einval,
        no_new_nodes_is_einval,
        masks_that_cannot_be_read_are_efault,
        masks_that_end_too_early_are_efault,
        masks_are_checked_before_the_process,
        NULL });
}

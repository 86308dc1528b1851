/* move_pages(2): which process may move whose pages, and where to. */
#include <numaif.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "pages.h"

enum { KTHREADD = 2 };

static long move_of(struct child_process child, int node, int flags)
{
    int status = NOT_WRITTEN;
    void *page = child.pages;
    return move_pages(child.pid, 1, &page, &node, &status, flags);
}

static long query_of(struct child_process child)
{
    int status = NOT_WRITTEN;
    void *page = child.pages;
    return move_pages(child.pid, 1, &page, NULL, &status, 0);
}

START_TEST(own_pages_need_no_privilege)
{
    drop_privileges();
    char *page = pages_on_node(1, 0);
    ck_assert_int_eq(move_one(page, 1, MPOL_MF_MOVE), 1);
    ck_assert_int_eq(node_of(page), 1);
}
END_TEST

START_TEST(MPOL_MF_MOVE_ALL_without_privilege_is_eperm)
{
    drop_privileges();
    struct request request = request_move(pages_on_node(1, 0), 1, 1);
    assert_fails(perform(&request, MPOL_MF_MOVE_ALL), EPERM);
    assert_fails(perform(&request, MPOL_MF_MOVE | MPOL_MF_MOVE_ALL), EPERM);
    /* Even if nothing would move. */
    assert_fails(move_pages(0, 1, request.pages, NULL, request.status, MPOL_MF_MOVE_ALL), EPERM);
    assert_fails(move_pages(0, 0, NULL, NULL, NULL, MPOL_MF_MOVE_ALL), EPERM);
    ck_assert_int_eq(request.status[0], NOT_WRITTEN);
    ck_assert_int_eq(node_of(request.pages[0]), 0);
}
END_TEST

START_TEST(a_process_of_another_user_is_eperm)
{
    struct child_process of_root = start_child(1, 0, NULL);
    drop_privileges();
    assert_fails(move_of(of_root, 1, MPOL_MF_MOVE), EPERM);
    assert_fails(query_of(of_root), EPERM);
}
END_TEST

START_TEST(a_process_of_the_same_user_is_allowed)
{
    drop_privileges();
    struct child_process unprivileged = start_child(1, 0, NULL);
    assert_returns(move_of(unprivileged, 1, MPOL_MF_MOVE), 0);
    ck_assert_int_eq(node_of_pid(unprivileged.pid, unprivileged.pages), 1);
    end_child(unprivileged);
}
END_TEST

static void become_opaque(void)
{
    require(prctl(PR_SET_DUMPABLE, 0) == 0);
}

START_TEST(a_process_of_the_same_user_that_may_not_be_traced_is_eperm)
{
    /* Since Linux 4.13, being the same user is not enough: the permission to read by ptrace is needed. */
    drop_privileges();
    struct child_process opaque = start_child(1, 0, become_opaque);
    assert_fails(move_of(opaque, 1, MPOL_MF_MOVE), EPERM);
    assert_fails(query_of(opaque), EPERM);
    end_child(opaque);
}
END_TEST

START_TEST(root_moves_pages_of_any_user)
{
    struct child_process unprivileged = start_child(1, 0, drop_privileges);
    assert_returns(move_of(unprivileged, 1, MPOL_MF_MOVE), 0);
    ck_assert_int_eq(node_of_pid(unprivileged.pid, unprivileged.pages), 1);
    end_child(unprivileged);
}
END_TEST

START_TEST(a_kernel_thread_is_eperm_without_privilege)
{
    drop_privileges();
    assert_fails(move_pages(KTHREADD, 0, NULL, NULL, NULL, MPOL_MF_MOVE), EPERM);
}
END_TEST

START_TEST(a_node_outside_the_cpuset_is_eacces_and_ends_the_call_there)
{
    enter_cpuset("0-1");
    struct request request = request_move(pages_on_node(3, 0), 3, 1);
    request.nodes[1] = 2;
    assert_fails(perform(&request, MPOL_MF_MOVE), EACCES);
    ck_assert_int_eq(request.status[0], 1);
    ck_assert_int_eq(request.status[1], NOT_WRITTEN);
    ck_assert_int_eq(request.status[2], NOT_WRITTEN);
    ck_assert_int_eq(node_of(request.pages[0]), 1);
    ck_assert_int_eq(node_of(request.pages[1]), 0);
    ck_assert_int_eq(node_of(request.pages[2]), 0);
    leave_cpuset();
}
END_TEST

START_TEST(a_node_inside_the_cpuset_is_allowed)
{
    enter_cpuset("0-1");
    char *page = pages_on_node(1, 0);
    ck_assert_int_eq(move_one(page, 1, MPOL_MF_MOVE), 1);
    leave_cpuset();
}
END_TEST

START_TEST(a_node_that_does_not_exist_is_enodev_inside_a_cpuset_too)
{
    enter_cpuset("0-1");
    struct request request = request_move(pages_on_node(1, 0), 1, 4);
    assert_fails(perform(&request, MPOL_MF_MOVE), ENODEV);
    leave_cpuset();
}
END_TEST

/* The manual page does not say whose cpuset counts: it is that of the process whose pages move, not the caller's. */
static void enter_cpuset_0_1(void)
{
    enter_cpuset("0-1");
}

START_TEST(the_cpuset_of_the_process_that_owns_the_pages_counts)
{
    /* Its cpuset is removed when the program ends. */
    struct child_process confined = start_child(1, 0, enter_cpuset_0_1);
    assert_returns(move_of(confined, 1, MPOL_MF_MOVE), 0);
    assert_fails(move_of(confined, 3, MPOL_MF_MOVE), EACCES);
    end_child(confined);
}
END_TEST

START_TEST(a_node_outside_the_cpuset_of_the_caller_is_enomem)
{
    /* The request is allowed, but the kernel allocates the memory on the node for the caller. */
    struct child_process outside = start_child(1, 0, NULL);
    enter_cpuset("0-1");
    assert_fails(move_of(outside, 3, MPOL_MF_MOVE), ENOMEM);
    ck_assert_int_eq(node_of_pid(outside.pid, outside.pages), 0);
    assert_returns(move_of(outside, 1, MPOL_MF_MOVE), 0);
    ck_assert_int_eq(node_of_pid(outside.pid, outside.pages), 1);
    end_child(outside);
    leave_cpuset();
}
END_TEST

START_TEST(a_query_works_outside_the_cpuset)
{
    struct child_process outside = start_child(1, 3, NULL);
    enter_cpuset("0-1");
    ck_assert_int_eq(node_of_pid(outside.pid, outside.pages), 3);
    end_child(outside);
    leave_cpuset();
}
END_TEST

int main(void)
{
    return run_tests("move_pages_permissions", (const TTest *[]){
        own_pages_need_no_privilege,
        MPOL_MF_MOVE_ALL_without_privilege_is_eperm,
        a_process_of_another_user_is_eperm,
        a_process_of_the_same_user_is_allowed,
        a_process_of_the_same_user_that_may_not_be_traced_is_eperm,
        root_moves_pages_of_any_user,
        a_kernel_thread_is_eperm_without_privilege,
        a_node_outside_the_cpuset_is_eacces_and_ends_the_call_there,
        a_node_inside_the_cpuset_is_allowed,
        a_node_that_does_not_exist_is_enodev_inside_a_cpuset_too,
        the_cpuset_of_the_process_that_owns_the_pages_counts,
        a_node_outside_the_cpuset_of_the_caller_is_enomem,
        a_query_works_outside_the_cpuset,
        NULL });
}

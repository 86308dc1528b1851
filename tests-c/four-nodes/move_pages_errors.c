/* move_pages(2): what makes the whole call fail, and what it has done by then. */
#include <limits.h>
#include <numaif.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "pages.h"

enum { KTHREADD = 2 };

/* A move of four pages from node 0 to node 1, in which each test makes one thing invalid. */
static struct request four_pages(void)
{
    return request_move(pages_on_node(4, 0), 4, 1);
}

/* The first `moved` of the four are on node 1 and their statuses say so; no later status was written. */
static void assert_stopped_after(const struct request *request, size_t moved)
{
    for (size_t page = 0; page < request->count; page++) {
        expect(request->status[page] == (page < moved ? 1 : NOT_WRITTEN), "status %zu: %d", page,
               request->status[page]);
        ck_assert_int_eq(node_of(request->pages[page]), page < moved ? 1 : 0);
    }
}

START_TEST(a_bad_array_of_pages_is_efault)
{
    struct request request = four_pages();
    assert_fails(move_pages(0, 4, NULL, request.nodes, request.status, MPOL_MF_MOVE), EFAULT);
    assert_fails(move_pages(0, 4, unmapped_address(), request.nodes, request.status, MPOL_MF_MOVE), EFAULT);
    assert_stopped_after(&request, 0);
}
END_TEST

START_TEST(a_bad_array_of_nodes_is_efault)
{
    struct request request = four_pages();
    assert_fails(move_pages(0, 4, request.pages, unmapped_address(), request.status, MPOL_MF_MOVE), EFAULT);
    assert_stopped_after(&request, 0);
}
END_TEST

START_TEST(a_bad_array_of_statuses_is_efault_but_the_pages_have_moved)
{
    struct request request = four_pages();
    assert_fails(move_pages(0, 4, request.pages, request.nodes, unmapped_address(), MPOL_MF_MOVE), EFAULT);
    for (size_t page = 0; page < 4; page++)
        ck_assert_int_eq(node_of(request.pages[page]), 1);
}
END_TEST

START_TEST(no_array_of_statuses_is_efault_but_the_pages_have_moved)
{
    struct request request = four_pages();
    assert_fails(move_pages(0, 4, request.pages, request.nodes, NULL, MPOL_MF_MOVE), EFAULT);
    for (size_t page = 0; page < 4; page++)
        ck_assert_int_eq(node_of(request.pages[page]), 1);
}
END_TEST

START_TEST(read_only_statuses_are_efault)
{
    struct request request = four_pages();
    int *status = (int *)map_pages(1);
    require(mprotect(status, page_size(), PROT_READ) == 0);
    assert_fails(move_pages(0, 4, request.pages, request.nodes, status, MPOL_MF_MOVE), EFAULT);
}
END_TEST

START_TEST(an_array_of_pages_that_is_too_short_is_efault_from_there_on)
{
    struct request request = four_pages();
    void **two = array_at_end_of_mapping(2, sizeof *two);
    memcpy(two, request.pages, 2 * sizeof *two);
    assert_fails(move_pages(0, 4, two, request.nodes, request.status, MPOL_MF_MOVE), EFAULT);
    assert_stopped_after(&request, 2);
}
END_TEST

START_TEST(an_array_of_nodes_that_is_too_short_is_efault_from_there_on)
{
    struct request request = four_pages();
    int *three = array_at_end_of_mapping(3, sizeof *three);
    memcpy(three, request.nodes, 3 * sizeof *three);
    assert_fails(move_pages(0, 4, request.pages, three, request.status, MPOL_MF_MOVE), EFAULT);
    assert_stopped_after(&request, 3);
}
END_TEST

START_TEST(an_array_of_statuses_that_is_too_short_is_efault_but_the_pages_have_moved)
{
    struct request request = four_pages();
    int *one = array_at_end_of_mapping(1, sizeof *one);
    *one = NOT_WRITTEN;
    assert_fails(move_pages(0, 4, request.pages, request.nodes, one, MPOL_MF_MOVE), EFAULT);
    ck_assert_int_eq(*one, 1);
    for (size_t page = 0; page < 4; page++)
        ck_assert_int_eq(node_of(request.pages[page]), 1);
}
END_TEST

START_TEST(bad_arrays_of_a_query_are_efault)
{
    struct request request = four_pages();
    assert_fails(move_pages(0, 4, NULL, NULL, request.status, 0), EFAULT);
    assert_fails(move_pages(0, 4, unmapped_address(), NULL, request.status, 0), EFAULT);
    assert_fails(move_pages(0, 4, request.pages, NULL, NULL, 0), EFAULT);
    assert_fails(move_pages(0, 4, request.pages, NULL, unmapped_address(), 0), EFAULT);
}
END_TEST

START_TEST(unknown_flags_are_einval)
{
    struct request request = four_pages();
    const int unknown[] = { MPOL_MF_STRICT, MPOL_MF_MOVE | MPOL_MF_STRICT, 1 << 3, 1 << 30, -1 };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_fails(move_pages(0, 4, request.pages, request.nodes, request.status, unknown[i]), EINVAL);
        assert_fails(move_pages(0, 4, request.pages, NULL, request.status, unknown[i]), EINVAL);
    }
    assert_stopped_after(&request, 0);
}
END_TEST

START_TEST(both_flags_combined_are_MPOL_MF_MOVE_ALL)
{
    struct request request = four_pages();
    struct child_process child = share_with_child(request.pages[0], 4);
    assert_returns(perform(&request, MPOL_MF_MOVE | MPOL_MF_MOVE_ALL), 0);
    assert_stopped_after(&request, 4);
    end_child(child);
}
END_TEST

START_TEST(a_kernel_thread_is_einval)
{
    struct request request = four_pages();
    assert_fails(move_pages(KTHREADD, 4, request.pages, request.nodes, request.status, MPOL_MF_MOVE), EINVAL);
    assert_fails(move_pages(KTHREADD, 4, request.pages, NULL, request.status, 0), EINVAL);
}
END_TEST

START_TEST(a_process_that_ended_but_was_not_waited_for_is_einval)
{
    struct request request = four_pages();
    siginfo_t ended;
    const pid_t zombie = fork();
    if (zombie == 0)
        _exit(0);
    require(waitid(P_PID, (id_t)zombie, &ended, WEXITED | WNOWAIT) == 0);
    assert_fails(move_pages(zombie, 4, request.pages, request.nodes, request.status, MPOL_MF_MOVE), EINVAL);
    require(waitpid(zombie, NULL, 0) == zombie);
}
END_TEST

START_TEST(no_such_process_is_esrch)
{
    struct request request = four_pages();
    const pid_t gone[] = { nonexistent_pid(), -1, INT_MAX, INT_MIN };
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        assert_fails(move_pages(gone[i], 4, request.pages, request.nodes, request.status, MPOL_MF_MOVE), ESRCH);
        assert_fails(move_pages(gone[i], 4, request.pages, NULL, request.status, 0), ESRCH);
    }
    assert_stopped_after(&request, 0);
}
END_TEST

START_TEST(flags_are_checked_before_the_process)
{
    struct request request = four_pages();
    assert_fails(move_pages(nonexistent_pid(), 4, request.pages, request.nodes, request.status, 1 << 3), EINVAL);
}
END_TEST

START_TEST(the_process_is_checked_before_the_arrays)
{
    assert_fails(move_pages(nonexistent_pid(), 4, NULL, NULL, NULL, 0), ESRCH);
    assert_fails(move_pages(nonexistent_pid(), 0, NULL, NULL, NULL, 0), ESRCH);
}
END_TEST

START_TEST(no_such_node_is_enodev_and_ends_the_call_there)
{
    const int none[] = { 4, 63, 64, 1023, 1024, INT_MAX, -1, INT_MIN };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        struct request request = four_pages();
        request.nodes[2] = none[i];
        assert_fails(perform(&request, MPOL_MF_MOVE), ENODEV);
        assert_stopped_after(&request, 2);
    }
}
END_TEST

START_TEST(no_such_node_is_enodev_even_for_an_absent_page)
{
    int status = NOT_WRITTEN;
    void *page = NULL;
    const int node = 4;
    assert_fails(move_pages(0, 1, &page, &node, &status, MPOL_MF_MOVE), ENODEV);
    ck_assert_int_eq(status, NOT_WRITTEN);
}
END_TEST

/* Since Linux 2.6.29 no count is too large: the call continues to the end of the arrays. */
static const unsigned long COUNTS[] = { 1UL << 20, INT_MAX, INT_MAX + 1UL,
#if ULONG_MAX > UINT_MAX
                                        1UL << 32, 1UL << 60,
#endif
                                        ULONG_MAX / 8, ULONG_MAX };

START_TEST(no_count_is_e2big)
{
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
        struct request request = four_pages();
        void **pages = array_at_end_of_mapping(4, sizeof *pages);
        memcpy(pages, request.pages, 4 * sizeof *pages);
        assert_fails(move_pages(0, COUNTS[i], pages, request.nodes, request.status, MPOL_MF_MOVE), EFAULT);
        assert_stopped_after(&request, 4);
    }
}
END_TEST

START_TEST(no_count_of_a_query_is_e2big)
{
    struct request request = four_pages();
    void **pages = array_at_end_of_mapping(4, sizeof *pages);
    memcpy(pages, request.pages, 4 * sizeof *pages);
    for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++)
        assert_fails(move_pages(0, COUNTS[i], pages, NULL, request.status, 0), EFAULT);
}
END_TEST

START_TEST(more_pages_than_any_old_limit_are_all_moved)
{
    /* Up to Linux 2.6.28, one allocation of the kernel limited the count. */
    enum { PAGES = 16, REQUESTS = 200000 };
    char *pages = pages_on_node(PAGES, 0);
    void **array = (void **)map_pages(REQUESTS * sizeof *array / page_size() + 1);
    int *nodes = (int *)map_pages(REQUESTS * sizeof *nodes / page_size() + 1);
    int *status = (int *)map_pages(REQUESTS * sizeof *status / page_size() + 1);
    for (size_t i = 0; i < REQUESTS; i++) {
        array[i] = pages + i % PAGES * page_size();
        nodes[i] = 1;
        status[i] = NOT_WRITTEN;
    }
    assert_returns(move_pages(0, REQUESTS, array, nodes, status, MPOL_MF_MOVE), 0);
    ck_assert_uint_eq(count_on_node(pages, PAGES, 1), PAGES);
    ck_assert_int_eq(status[REQUESTS - 1], 1);
}
END_TEST

int main(void)
{
    return run_tests("move_pages_errors", (const TTest *[]){
        a_bad_array_of_pages_is_efault,
        a_bad_array_of_nodes_is_efault,
        a_bad_array_of_statuses_is_efault_but_the_pages_have_moved,
        no_array_of_statuses_is_efault_but_the_pages_have_moved,
        read_only_statuses_are_efault,
        an_array_of_pages_that_is_too_short_is_efault_from_there_on,
        an_array_of_nodes_that_is_too_short_is_efault_from_there_on,
        an_array_of_statuses_that_is_too_short_is_efault_but_the_pages_have_moved,
        bad_arrays_of_a_query_are_efault,
        unknown_flags_are_einval,
        both_flags_combined_are_MPOL_MF_MOVE_ALL,
        a_kernel_thread_is_einval,
        a_process_that_ended_but_was_not_waited_for_is_einval,
        no_such_process_is_esrch,
        flags_are_checked_before_the_process,
        the_process_is_checked_before_the_arrays,
        no_such_node_is_enodev_and_ends_the_call_there,
        no_such_node_is_enodev_even_for_an_absent_page,
        no_count_is_e2big,
        no_count_of_a_query_is_e2big,
        more_pages_than_any_old_limit_are_all_moved,
        NULL });
}

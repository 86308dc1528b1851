/* move_pages(2) and migrate_pages(2) when pages cannot be moved at the moment: the positive return value. */
#include <linux/io_uring.h>
#include <numaif.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "pages.h"

START_TEST(a_page_in_a_pipe_is_counted_as_not_moved)
{
    char *page = pages_on_node(1, 0);
    const int end = pin_in_pipe(page);
    struct request request = request_move(page, 1, 1);
    assert_returns(perform(&request, MPOL_MF_MOVE), 1);
    ck_assert_int_eq(request.status[0], NOT_WRITTEN);
    ck_assert_int_eq(node_of(page), 0);

    unpin_from_pipe(end);
    assert_returns(perform(&request, MPOL_MF_MOVE), 0);
    ck_assert_int_eq(request.status[0], 1);
}
END_TEST

START_TEST(a_page_in_a_pipe_is_not_moved_by_MPOL_MF_MOVE_ALL_either)
{
    char *page = pages_on_node(1, 0);
    pin_in_pipe(page);
    struct request request = request_move(page, 1, 1);
    assert_returns(perform(&request, MPOL_MF_MOVE_ALL), 1);
    ck_assert_int_eq(node_of(page), 0);
}
END_TEST

START_TEST(a_page_registered_with_io_uring_is_counted_as_not_moved)
{
    char *page = pages_on_node(1, 0);
    struct io_uring_params params = { 0 };
    const int ring = (int)syscall(SYS_io_uring_setup, 1, &params);
    require(ring >= 0);
    const struct iovec whole_page = { .iov_base = page, .iov_len = page_size() };
    require(syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &whole_page, 1) == 0);
    struct request request = request_move(page, 1, 1);
    assert_returns(perform(&request, MPOL_MF_MOVE), 1);
    ck_assert_int_eq(request.status[0], NOT_WRITTEN);
    ck_assert_int_eq(node_of(page), 0);

    require(syscall(SYS_io_uring_register, ring, IORING_UNREGISTER_BUFFERS, NULL, 0) == 0);
    struct request again = request_move(page, 1, 1);
    assert_returns(perform(&again, MPOL_MF_MOVE), 0);
    ck_assert_int_eq(again.status[0], 1);
}
END_TEST

START_TEST(the_other_pages_of_its_batch_move_but_get_no_status)
{
    enum { COUNT = 8, PINNED = 3 };
    char *pages = pages_on_node(COUNT, 0);
    pin_in_pipe(pages + PINNED * page_size());
    struct request request = request_move(pages, COUNT, 1);
    assert_returns(perform(&request, MPOL_MF_MOVE), 1);
    for (size_t page = 0; page < COUNT; page++) {
        ck_assert_int_eq(request.status[page], NOT_WRITTEN);
        ck_assert_int_eq(node_of(request.pages[page]), page == PINNED ? 0 : 1);
    }
    ck_assert(pages_keep_contents(pages, COUNT));
}
END_TEST

START_TEST(later_pages_that_were_not_attempted_are_counted_too)
{
    /* Three batches, one per target: completed, aborted by the pinned page, never started. */
    enum { BATCH = 4 };
    char *pages = pages_on_node(3 * BATCH, 0);
    pin_in_pipe(pages + BATCH * page_size());
    struct request request = { .count = 0 };
    for (size_t page = 0; page < 3 * BATCH; page++)
        request_add(&request, pages + page * page_size(), (int)(page / BATCH) + 1);

    assert_returns(perform(&request, MPOL_MF_MOVE), 1 + BATCH);
    for (size_t page = 0; page < 3 * BATCH; page++)
        ck_assert_int_eq(request.status[page], page < BATCH ? 1 : NOT_WRITTEN);
    ck_assert_uint_eq(count_on_node(pages, BATCH, 1), BATCH);
    ck_assert_uint_eq(count_on_node(pages + BATCH * page_size(), BATCH, 2), BATCH - 1);
    ck_assert_uint_eq(count_on_node(pages + 2 * BATCH * page_size(), BATCH, 0), BATCH);
}
END_TEST

START_TEST(a_page_in_a_pipe_that_is_already_on_its_target_does_not_count)
{
    char *page = pages_on_node(1, 1);
    pin_in_pipe(page);
    ck_assert_int_eq(move_one(page, 1, MPOL_MF_MOVE), 1);
}
END_TEST

START_TEST(migrate_pages_counts_the_pages_that_stayed)
{
    enum { COUNT = 8 };
    char *pages = pages_on_node(COUNT, 3);
    pin_in_pipe(pages);
    pin_in_pipe(pages + 5 * page_size());
    const unsigned long from = 1UL << 3, to = 1UL << 2;
    assert_returns(migrate_pages(0, 8 * sizeof from, &from, &to), 2);
    for (size_t page = 0; page < COUNT; page++)
        ck_assert_int_eq(node_of(pages + page * page_size()), page == 0 || page == 5 ? 3 : 2);
    ck_assert(pages_keep_contents(pages, COUNT));
}
END_TEST

int main(void)
{
    return run_tests("pinned_pages", (const TTest *[]){
        a_page_in_a_pipe_is_counted_as_not_moved,
        a_page_in_a_pipe_is_not_moved_by_MPOL_MF_MOVE_ALL_either,
        a_page_registered_with_io_uring_is_counted_as_not_moved,
        the_other_pages_of_its_batch_move_but_get_no_status,
        later_pages_that_were_not_attempted_are_counted_too,
        a_page_in_a_pipe_that_is_already_on_its_target_does_not_count,
        migrate_pages_counts_the_pages_that_stayed,
        NULL });
}

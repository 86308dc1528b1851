/* move_pages(2): what the status array says about each page. Pages start on node 0 in these tests. */
#include <numaif.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "pages.h"
#include "system_calls.h"

START_TEST(a_query_gives_the_node_of_each_page)
{
    char *pages = map_pages(4);
    for (int node = 0; node < 4; node++)
        touch_pages(pages + (size_t)node * page_size(), 1, node);
    struct request query = request_move(pages, 4, 0);
    assert_returns(move_pages(0, 4, query.pages, NULL, query.status, 0), 0);
    for (int node = 0; node < 4; node++)
        ck_assert_int_eq(query.status[node], node);
}
END_TEST

START_TEST(a_long_query_is_answered_completely)
{
    if (!answers_long_queries())
        skip_test("the kernel answers long queries of 32-bit programs wrongly");
    /* The kernel processes 16 pages at a time. */
    char *pages = map_shared_pages(MAX_PAGES);
    for (size_t page = 0; page < MAX_PAGES; page += 3)
        touch_pages(pages + page * page_size(), 1, (int)(page % 4));
    struct request query = request_move(pages, MAX_PAGES, 0);
    assert_returns(move_pages(0, query.count, query.pages, NULL, query.status, 0), 0);
    for (size_t page = 0; page < MAX_PAGES; page++)
        ck_assert_int_eq(query.status[page], page % 3 == 0 ? (int)(page % 4) : -ENOENT);
}
END_TEST

START_TEST(a_query_moves_nothing)
{
    char *page = pages_on_node(1, 2);
    ck_assert_int_eq(node_of(page), 2);
    ck_assert_int_eq(node_of(page), 2);
}
END_TEST

START_TEST(a_query_ignores_the_flags_for_moves)
{
    void *page = pages_on_node(1, 2);
    int status = NOT_WRITTEN;
    assert_returns(move_pages(0, 1, &page, NULL, &status, MPOL_MF_MOVE), 0);
    ck_assert_int_eq(status, 2);
    assert_returns(move_pages(0, 1, &page, NULL, &status, MPOL_MF_MOVE_ALL), 0);
    ck_assert_int_eq(status, 2);
}
END_TEST

START_TEST(a_moved_page_is_on_the_requested_node)
{
    char *page = pages_on_node(1, 0);
    for (int node = 3; node >= 0; node--) {
        ck_assert_int_eq(move_one(page, node, MPOL_MF_MOVE), node);
        ck_assert_int_eq(node_of(page), node);
    }
}
END_TEST

START_TEST(each_page_goes_to_the_node_named_for_it)
{
    enum { COUNT = 64 };
    char *pages = pages_on_node(COUNT, 0);
    struct request request = { .count = 0 };
    for (int page = 0; page < COUNT; page++)
        request_add(&request, pages + (size_t)page * page_size(), page * 7 % 4);
    assert_returns(perform(&request, MPOL_MF_MOVE), 0);
    for (int page = 0; page < COUNT; page++) {
        ck_assert_int_eq(request.status[page], page * 7 % 4);
        ck_assert_int_eq(node_of(request.pages[page]), page * 7 % 4);
    }
}
END_TEST

START_TEST(contents_survive_a_move)
{
    enum { COUNT = 300 };
    char *pages = pages_on_node(COUNT, 0);
    struct request request = request_move(pages, COUNT, 3);
    assert_returns(perform(&request, MPOL_MF_MOVE), 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 3), COUNT);
    ck_assert(pages_keep_contents(pages, COUNT));
}
END_TEST

START_TEST(a_page_already_on_its_target_has_its_node_as_status)
{
    ck_assert_int_eq(move_one(pages_on_node(1, 1), 1, MPOL_MF_MOVE), 1);
}
END_TEST

START_TEST(flags_of_zero_move_as_MPOL_MF_MOVE_does)
{
    char *page = pages_on_node(1, 0);
    ck_assert_int_eq(move_one(page, 1, 0), 1);
    ck_assert_int_eq(node_of(page), 1);

    struct child_process child = share_with_child(page, 1);
    ck_assert_int_eq(move_one(page, 2, 0), -EACCES);
    end_child(child);
}
END_TEST

/* 6.1 gives -EFAULT for an absent page of private anonymous memory; the manual page, older documents, 6.12 and 7.2 have -ENOENT. To 6.1 it
 * is a zero page that is not mapped yet. */
static int status_of_absent_anonymous_page(void)
{
    return kernel_before(6, 12) ? -EFAULT : -ENOENT;
}

START_TEST(a_page_never_touched_is_enoent)
{
    char *page = map_pages(1);
    ck_assert_int_eq(node_of(page), status_of_absent_anonymous_page());
    ck_assert_int_eq(move_one(page, 1, MPOL_MF_MOVE), status_of_absent_anonymous_page());
}
END_TEST

START_TEST(a_page_of_shared_memory_never_touched_is_enoent)
{
    char *page = map_shared_pages(1);
    ck_assert_int_eq(node_of(page), -ENOENT);
    ck_assert_int_eq(move_one(page, 1, MPOL_MF_MOVE), -ENOENT);
}
END_TEST

START_TEST(a_page_freed_by_madvise_is_enoent)
{
    char *page = pages_on_node(1, 0);
    require(madvise(page, page_size(), MADV_DONTNEED) == 0);
    ck_assert_int_eq(node_of(page), status_of_absent_anonymous_page());
    ck_assert_int_eq(move_one(page, 1, MPOL_MF_MOVE), status_of_absent_anonymous_page());
}
END_TEST

START_TEST(a_file_page_this_process_has_not_touched_is_enoent)
{
    /* It is in memory, but not in the page tables of the process. */
    const int file = memfd_create("untouched here", MFD_CLOEXEC);
    require(file >= 0 && ftruncate(file, (off_t)page_size()) == 0);
    touch_pages(map_file_pages(file, 1), 1, 0);
    char *again = map_file_pages(file, 1);
    ck_assert_int_eq(node_of(again), -ENOENT);
    ck_assert_int_eq(move_one(again, 1, MPOL_MF_MOVE_ALL), -ENOENT);
}
END_TEST

START_TEST(an_address_not_mapped_is_efault)
{
    void *nothing = unmapped_address();
    ck_assert_int_eq(node_of(nothing), -EFAULT);
    ck_assert_int_eq(move_one(nothing, 1, MPOL_MF_MOVE), -EFAULT);
}
END_TEST

START_TEST(the_null_pointer_as_page_is_efault)
{
    ck_assert_int_eq(node_of(NULL), -EFAULT);
    ck_assert_int_eq(move_one(NULL, 1, MPOL_MF_MOVE), -EFAULT);
}
END_TEST

START_TEST(a_zeroed_buffer_passed_as_the_array_of_pages_is_efault_for_each)
{
    /* The result of passing the start of the memory instead of an array of addresses. */
    enum { COUNT = 4 };
    char *buffer = map_pages(COUNT);
    memset(buffer, 0, COUNT * page_size());
    struct request request = request_move(buffer, COUNT, 1);
    assert_returns(move_pages(0, COUNT, (void **)buffer, request.nodes, request.status, MPOL_MF_MOVE), 0);
    for (size_t page = 0; page < COUNT; page++)
        ck_assert_int_eq(request.status[page], -EFAULT);
    ck_assert_uint_eq(count_on_node(buffer, COUNT, node_of(buffer)), COUNT);
}
END_TEST

START_TEST(an_address_of_the_kernel_is_efault)
{
    void *kernel = (void *)(UINTPTR_MAX - page_size() + 1);
    ck_assert_int_eq(node_of(kernel), -EFAULT);
    ck_assert_int_eq(move_one(kernel, 1, MPOL_MF_MOVE), -EFAULT);
}
END_TEST

START_TEST(anonymous_memory_only_read_is_the_zero_page_and_efault)
{
    char *page = map_pages(1);
    ck_assert_int_eq(*(volatile char *)page, 0);
    ck_assert_int_eq(node_of(page), -EFAULT);
    ck_assert_int_eq(move_one(page, 1, MPOL_MF_MOVE), -EFAULT);
}
END_TEST

START_TEST(a_page_shared_with_another_process_is_eacces)
{
    char *page = pages_on_node(1, 0);
    struct child_process child = share_with_child(page, 1);
    ck_assert_int_eq(move_one(page, 1, MPOL_MF_MOVE), -EACCES);
    ck_assert_int_eq(node_of(page), 0);
    end_child(child);
}
END_TEST

START_TEST(a_shared_page_moves_with_MPOL_MF_MOVE_ALL)
{
    char *page = pages_on_node(1, 0);
    struct child_process child = share_with_child(page, 1);
    ck_assert_int_eq(move_one(page, 1, MPOL_MF_MOVE_ALL), 1);
    ck_assert_int_eq(node_of(page), 1);
    ck_assert_int_eq(node_of_pid(child.pid, page), 1);
    ck_assert(pages_keep_contents(page, 1));
    ck_assert(child_keeps_contents(child, 1));
    end_child(child);
}
END_TEST

START_TEST(a_shared_page_already_on_its_target_is_not_eacces)
{
    char *page = pages_on_node(1, 1);
    struct child_process child = share_with_child(page, 1);
    ck_assert_int_eq(move_one(page, 1, MPOL_MF_MOVE), 1);
    end_child(child);
}
END_TEST

START_TEST(a_page_is_shared_no_longer_once_the_other_process_has_ended)
{
    char *page = pages_on_node(1, 0);
    end_child(share_with_child(page, 1));
    ck_assert_int_eq(move_one(page, 1, MPOL_MF_MOVE), 1);
}
END_TEST

START_TEST(a_page_mapped_twice_by_one_process_counts_as_shared)
{
    const int file = memfd_create("twice", MFD_CLOEXEC);
    require(file >= 0 && ftruncate(file, (off_t)page_size()) == 0);
    char *page = map_file_pages(file, 1), *again = map_file_pages(file, 1);
    touch_pages(page, 1, 0);
    ck_assert(pages_keep_contents(again, 1));
    ck_assert_int_eq(move_one(page, 1, MPOL_MF_MOVE), -EACCES);
    ck_assert_int_eq(move_one(page, 1, MPOL_MF_MOVE_ALL), 1);
    ck_assert_int_eq(node_of(again), 1);
}
END_TEST

START_TEST(the_same_page_twice_is_moved_once_and_then_ebusy)
{
    char *page = pages_on_node(1, 0);
    struct request request = { .count = 0 };
    request_add(&request, page, 1);
    request_add(&request, page, 1);
    assert_returns(perform(&request, MPOL_MF_MOVE), 0);
    ck_assert_int_eq(request.status[0], 1);
    ck_assert_int_eq(request.status[1], -EBUSY);
    ck_assert_int_eq(node_of(page), 1);
}
END_TEST

START_TEST(the_same_page_twice_with_two_nodes_ends_on_the_last)
{
    char *page = pages_on_node(1, 0);
    struct request request = { .count = 0 };
    request_add(&request, page, 1);
    request_add(&request, page, 2);
    assert_returns(perform(&request, MPOL_MF_MOVE), 0);
    /* The first status was true when it was written. */
    ck_assert_int_eq(request.status[0], 1);
    ck_assert_int_eq(request.status[1], 2);
    ck_assert_int_eq(node_of(page), 2);
}
END_TEST

START_TEST(the_same_page_twice_in_a_query_has_two_statuses)
{
    char *page = pages_on_node(1, 2);
    struct request query = { .count = 0 };
    request_add(&query, page, 0);
    request_add(&query, page, 0);
    assert_returns(move_pages(0, 2, query.pages, NULL, query.status, 0), 0);
    ck_assert_int_eq(query.status[0], 2);
    ck_assert_int_eq(query.status[1], 2);
}
END_TEST

START_TEST(a_pointer_into_a_page_names_that_page)
{
    char *pages = pages_on_node(2, 0);
    char *into_first = pages + 1, *into_second = pages + 2 * page_size() - 1;
    ck_assert_int_eq(node_of(into_first), 0);
    ck_assert_int_eq(move_one(into_first, 1, MPOL_MF_MOVE), 1);
    ck_assert_int_eq(node_of(pages), 1);
    ck_assert_int_eq(node_of(pages + page_size()), 0);
    ck_assert_int_eq(move_one(into_second, 2, MPOL_MF_MOVE), 2);
    ck_assert_int_eq(node_of(pages + page_size()), 2);
    ck_assert(pages_keep_contents(pages, 2));
}
END_TEST

START_TEST(two_pointers_into_one_page_are_the_same_page_twice)
{
    char *page = pages_on_node(1, 0);
    struct request request = { .count = 0 };
    request_add(&request, page + 8, 1);
    request_add(&request, page + 16, 1);
    assert_returns(perform(&request, MPOL_MF_MOVE), 0);
    ck_assert_int_eq(request.status[0], 1);
    ck_assert_int_eq(request.status[1], -EBUSY);
}
END_TEST

START_TEST(one_request_may_have_statuses_of_every_kind)
{
    char *shared = pages_on_node(1, 0);
    struct child_process child = share_with_child(shared, 1);
    char *away = pages_on_node(1, 0), *home = pages_on_node(1, 1);
    char *untouched = map_shared_pages(1), *zero = map_pages(1);
    (void)*(volatile char *)zero;

    struct request request = { .count = 0 };
    request_add(&request, untouched, 1);
    request_add(&request, away, 1);
    request_add(&request, NULL, 1);
    request_add(&request, home, 1);
    request_add(&request, shared, 1);
    request_add(&request, zero, 1);
    request_add(&request, home, 2);

    assert_returns(perform(&request, MPOL_MF_MOVE), 0);
    const int after_move[] = { -ENOENT, 1, -EFAULT, 1, -EACCES, -EFAULT, 2 };
    for (size_t i = 0; i < request.count; i++)
        expect(request.status[i] == after_move[i], "status %zu: %d", i, request.status[i]);

    /* In a query, every present page has a node. */
    assert_returns(move_pages(0, request.count, request.pages, NULL, request.status, 0), 0);
    const int expected[] = { -ENOENT, 1, -EFAULT, 2, 0, -EFAULT, 2 };
    for (size_t i = 0; i < request.count; i++)
        expect(request.status[i] == expected[i], "place %zu: %d", i, request.status[i]);
    end_child(child);
}
END_TEST

START_TEST(a_request_with_nothing_to_move_succeeds)
{
    /* The 2006 documentation has ENOENT for this. */
    struct request request = request_move(map_pages(3), 3, 1);
    request_add(&request, pages_on_node(1, 1), 1);
    request_add(&request, unmapped_address(), 1);
    assert_returns(perform(&request, MPOL_MF_MOVE), 0);
}
END_TEST

START_TEST(a_count_of_zero_does_nothing_and_reads_nothing)
{
    assert_returns(move_pages(0, 0, NULL, NULL, NULL, 0), 0);
    assert_returns(move_pages(0, 0, NULL, NULL, NULL, MPOL_MF_MOVE), 0);
    int nodes[] = { -1 };
    assert_returns(move_pages(0, 0, NULL, nodes, NULL, MPOL_MF_MOVE_ALL), 0);
}
END_TEST

int main(void)
{
    return run_tests("page_status", (const TTest *[]){
        a_query_gives_the_node_of_each_page,
        a_long_query_is_answered_completely,
        a_query_moves_nothing,
        a_query_ignores_the_flags_for_moves,
        a_moved_page_is_on_the_requested_node,
        each_page_goes_to_the_node_named_for_it,
        contents_survive_a_move,
        a_page_already_on_its_target_has_its_node_as_status,
        flags_of_zero_move_as_MPOL_MF_MOVE_does,
        a_page_never_touched_is_enoent,
        a_page_of_shared_memory_never_touched_is_enoent,
        a_page_freed_by_madvise_is_enoent,
        a_file_page_this_process_has_not_touched_is_enoent,
        an_address_not_mapped_is_efault,
        the_null_pointer_as_page_is_efault,
        a_zeroed_buffer_passed_as_the_array_of_pages_is_efault_for_each,
        an_address_of_the_kernel_is_efault,
        anonymous_memory_only_read_is_the_zero_page_and_efault,
        a_page_shared_with_another_process_is_eacces,
        a_shared_page_moves_with_MPOL_MF_MOVE_ALL,
        a_shared_page_already_on_its_target_is_not_eacces,
        a_page_is_shared_no_longer_once_the_other_process_has_ended,
        a_page_mapped_twice_by_one_process_counts_as_shared,
        the_same_page_twice_is_moved_once_and_then_ebusy,
        the_same_page_twice_with_two_nodes_ends_on_the_last,
        the_same_page_twice_in_a_query_has_two_statuses,
        a_pointer_into_a_page_names_that_page,
        two_pointers_into_one_page_are_the_same_page_twice,
        one_request_may_have_statuses_of_every_kind,
        a_request_with_nothing_to_move_succeeds,
        a_count_of_zero_does_nothing_and_reads_nothing,
        NULL });
}

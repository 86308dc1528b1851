/* Ranges that end with the address space. */
#include <numars.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "move_stats.h"
#include "nodes.h"
#include "pages.h"

enum { COUNT = 40 };

START_TEST(a_range_of_SIZE_MAX_bytes_is_the_whole_address_space)
{
    char *pages = pages_on_node(COUNT, 0);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    errno = UNTOUCHED_ERRNO;
    const long stayed = numars_move_range(0, NULL, SIZE_MAX, 1, NULL, &stats);
    expect(stayed >= 0 && errno == UNTOUCHED_ERRNO, "returned %ld, errno %d", stayed, errno);
    ck_assert_uint_eq(stats.shared + stats.busy + stats.failed, (unsigned long)stayed);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 1), COUNT);

    unsigned long per_node[NODES];
    errno = UNTOUCHED_ERRNO;
    const long counted = numars_count_pages(0, NULL, SIZE_MAX, per_node, NODES);
    expect(counted > COUNT && errno == UNTOUCHED_ERRNO, "counted %ld, errno %d", counted, errno);
    ck_assert_uint_ge(per_node[1], COUNT);

    struct child_process child = start_child(COUNT, 0, NULL);
    ck_assert_int_ge(numars_move_range(child.pid, NULL, SIZE_MAX, 2, NULL, &stats), 0);
    for (size_t page = 0; page < COUNT; page++)
        ck_assert_int_eq(node_of_pid(child.pid, child.pages + page * page_size()), 2);
    end_child(child);
}
END_TEST

START_TEST(a_range_may_end_with_the_address_space_and_no_later)
{
    char *pages = pages_on_node(COUNT, 0);
    const uintptr_t start = (uintptr_t)pages;
    /* Up to the last byte, and up to what would be 2^64, or 2^32. */
    ck_assert_int_ge(numars_move_range(0, pages, UINTPTR_MAX - start, 1, NULL, NULL), 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 1), COUNT);
    ck_assert_int_ge(numars_move_range(0, pages, UINTPTR_MAX - start + 1, 2, NULL, NULL), 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 2), COUNT);
    assert_fails(numars_move_range(0, pages, UINTPTR_MAX - start + 2, 3, NULL, NULL), EINVAL);
    assert_fails(numars_count_pages(0, pages, UINTPTR_MAX - start + 2, NULL, 0), EINVAL);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 2), COUNT);

    /* The last page cannot be mapped. */
    void *const last_page = (void *)(UINTPTR_MAX - page_size() + 1), *const last_byte = (void *)UINTPTR_MAX;
    assert_returns(numars_count_pages(0, last_byte, 1, NULL, 0), 0);
    assert_returns(numars_count_pages(0, last_page, page_size(), NULL, 0), 0);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_range(0, last_byte, 1, 1, NULL, &stats), 0);
    assert_stats(stats, .requested = 0);
    assert_fails(numars_move_range(0, last_byte, 2, 1, NULL, NULL), EINVAL);
}
END_TEST

int main(void)
{
    return run_tests("whole_address_space", (const TTest *[]){
        a_range_of_SIZE_MAX_bytes_is_the_whole_address_space,
        a_range_may_end_with_the_address_space_and_no_later,
        NULL });
}

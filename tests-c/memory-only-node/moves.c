/* Nodes 0 and 1 have CPUs and memory, node 2 has memory only, as memory behind CXL has. */
#include <numaif.h>

#include "harness.h"
#include "pages.h"

enum { MEMORY_ONLY = 2, COUNT = 32 };

START_TEST(pages_move_there_and_back)
{
    char *pages = pages_on_node(COUNT, 0);
    struct request there = request_move(pages, COUNT, MEMORY_ONLY), back = request_move(pages, COUNT, 1);
    assert_returns(perform(&there, MPOL_MF_MOVE), 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, MEMORY_ONLY), COUNT);
    assert_returns(perform(&back, MPOL_MF_MOVE), 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 1), COUNT);
    ck_assert(pages_keep_contents(pages, COUNT));
}
END_TEST

START_TEST(pages_are_allocated_there_when_a_policy_says_so)
{
    char *pages = pages_on_node(COUNT, MEMORY_ONLY);
    ck_assert_uint_eq(count_on_node(pages, COUNT, MEMORY_ONLY), COUNT);
}
END_TEST

START_TEST(migrate_pages_moves_a_process_there)
{
    const unsigned long from = 1UL << 1, to = 1UL << MEMORY_ONLY;
    char *pages = pages_on_node(COUNT, 1);
    assert_returns(migrate_pages(0, MASK_BITS, &from, &to), 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, MEMORY_ONLY), COUNT);
}
END_TEST

START_TEST(a_node_after_the_last_is_enodev)
{
    struct request request = request_move(pages_on_node(1, MEMORY_ONLY), 1, MEMORY_ONLY + 1);
    assert_fails(perform(&request, MPOL_MF_MOVE), ENODEV);
}
END_TEST

int main(void)
{
    return run_tests("memory_only_node", (const TTest *[]){
        pages_move_there_and_back,
        pages_are_allocated_there_when_a_policy_says_so,
        migrate_pages_moves_a_process_there,
        a_node_after_the_last_is_enodev,
        NULL });
}

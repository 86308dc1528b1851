/* Nodes 0 and 1 have CPUs and memory, node 2 has memory only, like CXL memory. */
#include <numa.h>
#include <numaif.h>
#include <numars.h>

#include "harness.h"
#include "nodes.h"
#include "pages.h"
#include "verified_moves.h"

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

START_TEST(each_call_of_numars_reports_moves_there_and_back_correctly)
{
    const size_t many = pages_within(5000, 100 << 20);
    char *pages = pages_on_node(many, 0), *huge = transparent_huge_page(1);
    for (unsigned int threads = 1; threads <= 4; threads += 3) {
        struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
        options.threads = threads;
        ck_assert_int_eq(verified_move_range(0, pages, many, MEMORY_ONLY, &options, NO_INTERFERENCE).returned, 0);
        verified_count(0, pages, many);
        struct page_list list = page_list_with_capacity(many);
        for (size_t page = 0; page < many; page++)
            page_list_add(&list, pages + page * page_size(), (int)(page % 3));
        ck_assert_int_eq(verified_move_list(0, &list, &options, NO_INTERFERENCE).returned, 0);
        ck_assert_int_eq(verified_move_range(0, huge, pages_per_huge_page(), MEMORY_ONLY, &options, NO_INTERFERENCE).returned, 0);
        struct bitmask *from = set_of(mask(MEMORY_ONLY)), *to = set_of(mask(1));
        ck_assert_int_ge(numars_move_process(0, from, to, &options, NULL), 0);
        ck_assert_uint_eq(count_on_node(pages, MAX_PAGES, MEMORY_ONLY), 0);
        ck_assert_int_eq(node_of(huge), 1);
        numa_bitmask_free(from);
        numa_bitmask_free(to);
        page_list_unmap(&list);
    }
    ck_assert(pages_keep_contents(pages, many) && pages_keep_contents(huge, pages_per_huge_page()));
}
END_TEST

int main(void)
{
    return run_tests("memory_only_node", (const TTest *[]){
        pages_move_there_and_back,
        pages_are_allocated_there_when_a_policy_says_so,
        migrate_pages_moves_a_process_there,
        a_node_after_the_last_is_enodev,
        each_call_of_numars_reports_moves_there_and_back_correctly,
        NULL });
}

/* Two nodes, each with one hugetlb page of 1 GiB, of which one is in use: one entry moves 262,144 base pages. */
#include <numaif.h>
#include <numars.h>
#include <sys/mman.h>

#include "harness.h"
#include "pages.h"
#include "verified_moves.h"

#ifndef MAP_HUGE_1GB
#define MAP_HUGE_1GB (30 << 26)
#endif

enum { GIGANTIC = 1 << 30, BASE_PAGES = GIGANTIC / 4096, PARTS = GIGANTIC / HUGE_PAGE };

static char *gigantic_page(int node)
{
    const unsigned long only_node = 1UL << node;
    char *start = mmap(NULL, GIGANTIC, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_1GB, -1, 0);
    require(start != MAP_FAILED);
    require(set_mempolicy(MPOL_BIND, &only_node, 8 * sizeof only_node) == 0);
    for (size_t part = 0; part < PARTS; part++)
        memset(start + part * HUGE_PAGE, (int)(part % 251) + 1, page_size());
    require(set_mempolicy(MPOL_DEFAULT, NULL, 0) == 0);
    require(node_of(start) == node);
    return start;
}

static void assert_contents(const char *start)
{
    for (size_t part = 0; part < PARTS; part++)
        for (size_t byte = 0; byte < page_size(); byte++)
            expect(start[part * HUGE_PAGE + byte] == (char)(part % 251 + 1), "byte %zu of part %zu is %d", byte, part,
                   start[part * HUGE_PAGE + byte]);
}

/* An address in each huge page that it could be divided into. */
static struct bulk bulk_of_parts(char *start, int node)
{
    struct bulk bulk = bulk_with_room(PARTS);
    for (size_t part = 0; part < PARTS; part++)
        bulk_add(&bulk, start + part * HUGE_PAGE, node);
    return bulk;
}

static unsigned int reports;

static int count_reports(const struct numars_move_stats *so_far, void *unused)
{
    (void)so_far;
    (void)unused;
    reports++;
    return 0;
}

/* It moves with the first part that is looked at. */
START_TEST(a_range_is_counted_and_moved_as_a_whole_and_its_parts_say_where_it_is)
{
    char *start = gigantic_page(0);
    checked_count(0, start, BASE_PAGES);
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.threads = 2;
    options.progress = count_reports;
    const struct move_result there = checked_move_range(0, start, BASE_PAGES, 1, &options, OTHERS_DO_ANYTHING);
    ck_assert_int_eq(there.returned, 0);
    ck_assert_uint_eq(there.on_target, BASE_PAGES);
    ck_assert_uint_eq(there.stats.moved + there.stats.in_place, BASE_PAGES);
    ck_assert_uint_gt(there.stats.moved, 0);
    ck_assert_uint_gt(reports, 0);
    assert_contents(start);
    struct bulk bulk = bulk_of_parts(start, 1);
    const struct move_result list = checked_move_list(0, &bulk, NULL, OTHERS_MOVE_NOTHING);
    ck_assert_int_eq(list.returned, 0);
    ck_assert_uint_eq(list.stats.in_place, PARTS);
}
END_TEST

START_TEST(a_list_of_its_parts_moves_it_as_a_whole)
{
    char *start = gigantic_page(0);
    struct bulk bulk = bulk_of_parts(start, 1);
    ck_assert_int_eq(checked_move_list(0, &bulk, NULL, OTHERS_MOVE_NOTHING).returned, 0);
    checked_count(0, start, BASE_PAGES);
    assert_contents(start);
}
END_TEST

START_TEST(there_is_no_room_on_a_node_whose_only_one_is_in_use)
{
    char *start = gigantic_page(0);
    gigantic_page(1);
    const struct move_result range = checked_move_range(0, start, BASE_PAGES, 1, NULL, OTHERS_MOVE_NOTHING);
    ck_assert_int_eq(range.returned, -1);
    ck_assert_int_eq(range.error, ENOMEM);
    ck_assert_uint_eq(range.stats.requested, BASE_PAGES);
    /* Some of its parts are -EBUSY for the kernel, since it is in the same request already. On Linux 6.1, all but its first base
     * page are -EACCES, as if it were shared. */
    ck_assert_uint_eq(range.stats.no_memory + range.stats.busy + range.stats.shared, BASE_PAGES);
    ck_assert_uint_gt(range.stats.no_memory, 0);
    struct bulk bulk = bulk_of_parts(start, 1);
    const struct move_result list = checked_move_list(0, &bulk, NULL, OTHERS_MOVE_NOTHING);
    ck_assert_int_eq(list.returned, -1);
    ck_assert_int_eq(list.error, ENOMEM);
    ck_assert_uint_eq(list.stats.no_memory + list.stats.busy + list.stats.shared, PARTS);
    ck_assert_int_eq(node_of(start), 0);
    assert_contents(start);
}
END_TEST

int main(void)
{
    return run_tests("gigantic pages", (const TTest *[]){
        a_range_is_counted_and_moved_as_a_whole_and_its_parts_say_where_it_is,
        a_list_of_its_parts_moves_it_as_a_whole,
        there_is_no_room_on_a_node_whose_only_one_is_in_use,
        NULL });
}

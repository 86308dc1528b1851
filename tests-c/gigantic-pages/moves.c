/* Two nodes, each with one hugetlb page of 1 GiB, of which one is in use: one entry moves all its base pages, 262,144 of 4 KiB. */
#include <numaif.h>
#include <numars.h>
#include <sys/mman.h>

#include "environment.h"
#include "harness.h"
#include "nodes.h"
#include "pages.h"
#include "verified_moves.h"

#ifndef MAP_HUGE_1GB
#define MAP_HUGE_1GB (30 << 26)
#endif

enum { GIGANTIC = 1 << 30, PART = 2 << 20, PARTS = GIGANTIC / PART };

static size_t base_pages(void)
{
    return GIGANTIC / page_size();
}

static char *gigantic_page(int node)
{
    const unsigned long only_node = 1UL << node;
    if (kernel_before(6, 1))
        skip_test("move_pages(2) of Linux 5.10 reports pages of 1 GiB as absent and does not move them");
    char *start = mmap(NULL, GIGANTIC, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_1GB, -1, 0);
    require(start != MAP_FAILED);
    require(set_mempolicy(MPOL_BIND, &only_node, 8 * sizeof only_node) == 0);
    for (size_t part = 0; part < PARTS; part++)
        memset(start + part * PART, (int)(part % 251) + 1, page_size());
    require(set_mempolicy(MPOL_DEFAULT, NULL, 0) == 0);
    require(node_of(start) == node);
    return start;
}

static void assert_contents(const char *start)
{
    for (size_t part = 0; part < PARTS; part++)
        for (size_t byte = 0; byte < page_size(); byte++)
            expect(start[part * PART + byte] == (char)(part % 251 + 1), "byte %zu of part %zu is %d", byte, part,
                   start[part * PART + byte]);
}

/* An address in each of its parts of 2 MiB. */
static struct page_list list_of_parts(char *start, int node)
{
    struct page_list list = page_list_with_capacity(PARTS);
    for (size_t part = 0; part < PARTS; part++)
        page_list_add(&list, start + part * PART, node);
    return list;
}

static unsigned int reports;

static int count_reports(const struct numars_move_stats *so_far, void *unused)
{
    (void)so_far;
    (void)unused;
    reports++;
    return 0;
}

/* It moves with the first part that is submitted. */
START_TEST(a_range_is_counted_and_moved_as_a_whole_and_its_parts_have_its_node_as_status)
{
    char *start = gigantic_page(0);
    verified_count(0, start, base_pages());
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.threads = 2;
    options.progress = count_reports;
    const struct move_result there = verified_move_range(0, start, base_pages(), 1, &options, ANY_INTERFERENCE);
    ck_assert_int_eq(there.returned, 0);
    ck_assert_uint_eq(there.on_target, base_pages());
    ck_assert_uint_eq(there.stats.moved + there.stats.in_place, base_pages());
    ck_assert_uint_gt(there.stats.moved, 0);
    ck_assert_uint_gt(reports, 0);
    assert_contents(start);
    struct page_list list = list_of_parts(start, 1);
    const struct move_result result = verified_move_list(0, &list, NULL, NO_INTERFERENCE);
    ck_assert_int_eq(result.returned, 0);
    ck_assert_uint_eq(result.stats.in_place, PARTS);
}
END_TEST

START_TEST(a_list_of_its_parts_moves_it_as_a_whole)
{
    char *start = gigantic_page(0);
    struct page_list list = list_of_parts(start, 1);
    ck_assert_int_eq(verified_move_list(0, &list, NULL, NO_INTERFERENCE).returned, 0);
    verified_count(0, start, base_pages());
    assert_contents(start);
}
END_TEST

START_TEST(a_node_whose_only_gigantic_page_is_in_use_is_full)
{
    if (sizeof(void *) < 8)
        skip_test("two pages of 1 GiB do not fit in 32-bit address spaces");
    char *start = gigantic_page(0);
    gigantic_page(1);
    const struct move_result range = verified_move_range(0, start, base_pages(), 1, NULL, NO_INTERFERENCE);
    ck_assert_int_eq(range.returned, -1);
    ck_assert_int_eq(range.error, ENOMEM);
    ck_assert_uint_eq(range.stats.requested, base_pages());
    /* The kernel reports some of its parts as -EBUSY, since the page is in the same request already. On Linux 6.1, all but its first base
     * page are -EACCES, as if it were shared. */
    ck_assert_uint_eq(range.stats.no_memory + range.stats.busy + range.stats.shared, base_pages());
    ck_assert_uint_gt(range.stats.no_memory, 0);
    struct page_list list = list_of_parts(start, 1);
    const struct move_result result = verified_move_list(0, &list, NULL, NO_INTERFERENCE);
    ck_assert_int_eq(result.returned, -1);
    ck_assert_int_eq(result.error, ENOMEM);
    ck_assert_uint_eq(result.stats.no_memory + result.stats.busy + result.stats.shared, PARTS);
    ck_assert_int_eq(node_of(start), 0);
    assert_contents(start);
}
END_TEST

/* All its parts go where its place in the interleaving puts it: to the first node. */
START_TEST(a_placement_moves_it_once_and_as_a_whole)
{
    char *start = gigantic_page(1);
    static const int MODES[] = { NUMARS_PLACE_INTERLEAVE, NUMARS_PLACE_PACK };
    for (size_t mode = 0; mode < sizeof MODES / sizeof MODES[0]; mode++) {
        struct numars_placement placement = NUMARS_PLACEMENT_INIT;
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        placement.mode = MODES[mode];
        placement.nodes = set_of(3);
        assert_returns(numars_place_range(0, start, GIGANTIC, &placement, NULL, &stats), 0);
        ck_assert_uint_eq(stats.moved + stats.in_place, base_pages());
        expect(stats.kernel_calls < 40, "%lu calls", stats.kernel_calls);
        ck_assert(mode == 0 || stats.in_place == base_pages());
        for (size_t part = 0; part < PARTS; part++)
            ck_assert_int_eq(node_of(start + part * PART), 0);
    }
    assert_contents(start);
}
END_TEST

int main(void)
{
    return run_tests("gigantic pages", (const TTest *[]){
        a_range_is_counted_and_moved_as_a_whole_and_its_parts_have_its_node_as_status,
        a_list_of_its_parts_moves_it_as_a_whole,
        a_node_whose_only_gigantic_page_is_in_use_is_full,
        a_placement_moves_it_once_and_as_a_whole,
        NULL });
}

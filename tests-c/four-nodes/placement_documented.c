/* What docs/moving-pages.md and numars_place_range(3) say about placing memory over several nodes, beyond what numars_place.c shows. */
#include <numars.h>
#include <stdio.h>
#include <sys/mman.h>

#include "environment.h"
#include "full_node.h"
#include "harness.h"
#include "move_stats.h"
#include "nodes.h"
#include "page_counts.h"
#include "pages.h"

static struct numars_placement placement_on(int mode, unsigned long nodes)
{
    struct numars_placement placement = NUMARS_PLACEMENT_INIT;
    placement.mode = mode;
    placement.nodes = set_of(nodes);
    return placement;
}

/* --- the picture --- */

/* The pages of the picture, one character each: the node that they are on. Their addresses begin with a number that 6 divides. */
enum { PICTURED = 18 };

static char *pictured_pages(void)
{
    static const char BEFORE[] = "000000000111333333";
    char *pages = map_pages(PICTURED + 6);
    pages += (6 - (uintptr_t)pages / page_size() % 6) % 6 * page_size();
    for (size_t page = 0; page < PICTURED; page++)
        touch_pages(pages + page * page_size(), 1, BEFORE[page] - '0');
    return pages;
}

static void assert_picture(const char *pages, const char *expected)
{
    char picture[PICTURED + 1] = "";
    for (size_t page = 0; page < PICTURED; page++)
        picture[page] = (char)('0' + node_of(pages + page * page_size()));
    ck_assert_str_eq(picture, expected);
}

START_TEST(the_picture_shows_where_each_mode_places_pages)
{
    static const unsigned char WEIGHTS[] = { 3, 2, 1 };
    static const struct {
        int mode;
        const char *after;
        unsigned long moved;
    } MODES[] = {
        { NUMARS_PLACE_INTERLEAVE, "012012012012012012", 14 },
        { NUMARS_PLACE_WEIGHTED, "000112000112000112", 10 },
        { NUMARS_PLACE_BALANCE, "222000000111121212", 9 },
        { NUMARS_PLACE_PACK, "000000000000000000", 9 },
    };
    for (size_t mode = 0; mode < sizeof MODES / sizeof *MODES; mode++) {
        char *pages = pictured_pages();
        struct numars_placement placement = placement_on(MODES[mode].mode, 0x7);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        if (MODES[mode].mode == NUMARS_PLACE_WEIGHTED) {
            placement.weights = WEIGHTS;
            placement.n_weights = 3;
        }
        assert_returns(numars_place_range(0, pages, PICTURED * page_size(), &placement, NULL, &stats), 0);
        assert_picture(pages, MODES[mode].after);
        assert_stats(stats, .requested = PICTURED, .moved = MODES[mode].moved, .in_place = PICTURED - MODES[mode].moved);
    }
}
END_TEST

/* --- compared with mbind(2) --- */

START_TEST(mbind_spreads_no_pages_that_are_on_one_of_the_nodes_already)
{
    enum { COUNT = 1200 };
    char *pages = pages_on_node(COUNT, 0);
    const unsigned long nodes = 0x7;
    require(mbind(pages, COUNT * page_size(), MPOL_INTERLEAVE, &nodes, MASK_BITS, MPOL_MF_MOVE) == 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 0), COUNT);
    struct numars_placement placement = placement_on(NUMARS_PLACE_INTERLEAVE, nodes);
    assert_returns(numars_place_range(0, pages, COUNT * page_size(), &placement, NULL, NULL), 0);
    for (int node = 0; node < 3; node++)
        ck_assert_uint_eq(count_on_node(pages, COUNT, node), COUNT / 3);
}
END_TEST

START_TEST(mbind_succeeds_and_leaves_pages_where_they_are_if_a_node_is_full)
{
    enum { FREE = 200 };
    const size_t count = pages_within(8000, 160 << 20);
    char *pages = pages_on_node(count, 0);
    struct full_node full = fill_node_completely(1, 3);
    set_free_pages(&full, FREE);
    const unsigned long node_1 = 1 << 1;
    const long returned = mbind(pages, count * page_size(), MPOL_BIND, &node_1, MASK_BITS, MPOL_MF_MOVE);
    const size_t stayed = count_on_node(pages, count, 0);
    release_full_node(&full);
    expect(returned == 0 && stayed > 0, "mbind returned %ld, and %zu pages stayed", returned, stayed);
}
END_TEST

/* --- full nodes, policies --- */

START_TEST(if_one_node_is_full_pages_of_the_others_have_moved)
{
    enum { FREE = 1000 };
    const size_t count = pages_within(6000, 160 << 20) / 3 * 3;
    static const int MODES[] = { NUMARS_PLACE_INTERLEAVE, NUMARS_PLACE_BALANCE };
    for (size_t mode = 0; mode < sizeof MODES / sizeof *MODES; mode++) {
        char *pages = pages_on_node(count, 0);
        struct full_node full = fill_node_completely(1, 3);
        set_free_pages(&full, FREE);
        struct numars_placement placement = placement_on(MODES[mode], 0x7);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        assert_fails(numars_place_range(0, pages, count * page_size(), &placement, NULL, &stats), ENOMEM);
        assert_stats_add_up(stats);
        const struct page_counts counts = count_pages_raw(0, pages, count);
        release_full_node(&full);
        expect(stats.no_memory > 0 && counts.on_node[2] == count / 3 && stats.moved == counts.on_node[1] + counts.on_node[2],
               "mode %d: %zu, %zu and %zu pages on nodes 0 to 2, %lu moved, %lu without memory", MODES[mode], counts.on_node[0], counts.on_node[1],
               counts.on_node[2], stats.moved, stats.no_memory);
        ck_assert(pages_keep_contents(pages, count));
        require(munmap(pages, count * page_size()) == 0);
    }
}
END_TEST

static int policy_of(void *page)
{
    int mode = -1;
    require(get_mempolicy(&mode, NULL, 0, page, MPOL_F_ADDR) == 0);
    return mode;
}

static int cancel(const struct numars_move_stats *so_far, void *unused)
{
    (void)so_far;
    (void)unused;
    return 1;
}

START_TEST(the_policy_is_that_of_the_mode_and_remains_if_the_move_is_cancelled)
{
    enum { COUNT = 100 };
    static const int POLICIES[][2] = {
        { NUMARS_PLACE_PACK, MPOL_BIND }, { NUMARS_PLACE_INTERLEAVE, MPOL_INTERLEAVE }, { NUMARS_PLACE_BALANCE, MPOL_INTERLEAVE },
    };
    for (size_t mode = 0; mode < sizeof POLICIES / sizeof *POLICIES; mode++) {
        char *pages = pages_on_node(COUNT, 0);
        struct numars_placement placement = placement_on(POLICIES[mode][0], 0x6);
        struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
        placement.flags = NUMARS_PLACE_SET_POLICY;
        options.progress = cancel;
        assert_fails(numars_place_range(0, pages + page_size(), (COUNT - 2) * page_size(), &placement, &options, NULL), ECANCELED);
        ck_assert_int_eq(policy_of(pages + page_size()), POLICIES[mode][1]);
        ck_assert_int_eq(policy_of(pages + (COUNT - 2) * page_size()), POLICIES[mode][1]);
    }
}
END_TEST

/* --- kinds of memory --- */

START_TEST(shared_memory_is_interleaved_evenly)
{
    enum { COUNT = 1200 };
    char *pages = map_shared_pages(COUNT);
    touch_pages(pages, COUNT, 3);
    struct numars_placement placement = placement_on(NUMARS_PLACE_INTERLEAVE, 0x7);
    assert_returns(numars_place_range(0, pages, COUNT * page_size(), &placement, NULL, NULL), 0);
    for (size_t page = 0; page < COUNT; page++)
        ck_assert_int_eq(node_of(pages + page * page_size()), (int)(page % 3));
}
END_TEST

START_TEST(before_Linux_6_7_all_memory_of_a_mapping_with_huge_pages_is_placed_in_units_of_2_MiB)
{
    require_transparent_huge_pages();
    const size_t base_pages = pages_per_huge_page();
    char *mapped = mmap(NULL, 5 * huge_page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(mapped != MAP_FAILED);
    char *huge = mapped + huge_page_size() - (uintptr_t)mapped % huge_page_size(), *base = huge + huge_page_size();
    /* The kernel makes no huge page of base pages if some of them are absent. */
    static const char KHUGEPAGED[] = "/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none";
    char usual[32];
    snprintf(usual, sizeof usual, "%zu", base_pages - 1);
    require(write_to_file(KHUGEPAGED, "0"));
    require(madvise(mapped, 5 * huge_page_size(), MADV_NOHUGEPAGE) == 0);
    touch_pages(base, base_pages - 2, 0);
    require(madvise(mapped, 5 * huge_page_size(), MADV_HUGEPAGE) == 0);
    huge[0] = 1;
    require(is_transparent_huge_page(huge));
    struct numars_placement placement = placement_on(NUMARS_PLACE_INTERLEAVE, 0xc);
    const long returned = numars_place_range(0, huge, 2 * huge_page_size(), &placement, NULL, NULL);
    const struct page_counts counts = count_pages_raw(0, base, base_pages - 2), of_huge = count_pages_raw(0, huge, base_pages);
    require(write_to_file(KHUGEPAGED, usual));
    ck_assert_int_eq(returned, 0);
    ck_assert(of_huge.on_node[2] == base_pages || of_huge.on_node[3] == base_pages);
    /* The next unit is on the other node. */
    const size_t whole = of_huge.on_node[2] == 0 ? base_pages - 2 : 0, expected = kernel_before(6, 7) ? whole : base_pages / 2 - 1;
    expect(counts.on_node[2] == expected && counts.on_node[3] == base_pages - 2 - expected, "%zu base pages on node 2, %zu on node 3",
           counts.on_node[2], counts.on_node[3]);
}
END_TEST

int main(void)
{
    return run_tests("placement_documented", (const TTest *[]){
        the_picture_shows_where_each_mode_places_pages,
        mbind_spreads_no_pages_that_are_on_one_of_the_nodes_already,
        mbind_succeeds_and_leaves_pages_where_they_are_if_a_node_is_full,
        if_one_node_is_full_pages_of_the_others_have_moved,
        the_policy_is_that_of_the_mode_and_remains_if_the_move_is_cancelled,
        shared_memory_is_interleaved_evenly,
        before_Linux_6_7_all_memory_of_a_mapping_with_huge_pages_is_placed_in_units_of_2_MiB,
        NULL });
}

/* Holes in the address space exactly where the kernel places the next mapping: whatever the library maps for itself meanwhile, the holes
 * contain no pages. */
#include <numars.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#include "environment.h"
#include "harness.h"
#include "move_stats.h"
#include "page_list.h"
#include "pages.h"

static const size_t SIZES[] = { 1, 16, 64, 300, 1000, 4000, 20000, 70000, 100000 };
/* Holes stay, so 32-bit addresses have room for small ones only. */
enum { MAX_COUNT = sizeof(void *) > 4 ? 100000 : 1000, SIZE_COUNT = sizeof SIZES / sizeof *SIZES - (sizeof(void *) > 4 ? 0 : 4) };

static char *map_inaccessible(size_t count)
{
    char *start = mmap(NULL, count * page_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(start != MAP_FAILED);
    return start;
}

/* Fills the holes that the kernel would use before this one: those at higher addresses. */
static void fill_holes_above(const char *hole)
{
    for (size_t count = MAX_COUNT; count > 0; count /= 2)
        for (;;) {
            char *start = map_inaccessible(count);
            if (start < hole + MAX_COUNT * page_size()) {
                require(munmap(start, count * page_size()) == 0);
                break;
            }
        }
}

/* A hole of this many pages between two mappings: the next mapping that is not larger goes there. */
static char *make_hole(size_t count)
{
    char *hole = map_inaccessible(MAX_COUNT + 2) + page_size();
    fill_holes_above(hole);
    char *start = hole + (MAX_COUNT - count) * page_size();
    require(munmap(start, count * page_size()) == 0);
    char *next = map_inaccessible(1);
    require(next >= start && next < start + count * page_size());
    require(munmap(next, page_size()) == 0);
    return start;
}

/* Closes the hole, so that the next one is the only one. */
static void close_hole(char *hole, size_t count)
{
    char *mapped = mmap(hole, count * page_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
    expect(mapped == hole, "something was left in a hole of %zu pages", count);
}

static void assert_nothing_in_hole(const struct page_list *list, const char *call)
{
    for (size_t entry = 0; entry < list->count; entry++)
        expect(list->status[entry] == -EFAULT, "%s: entry %zu of %zu in a hole has status %d", call, entry, list->count,
               list->status[entry]);
}

START_TEST(entries_in_a_hole_are_unmapped)
{
    struct page_list list = page_list_with_capacity(MAX_COUNT);
    for (int i = 0; i < SIZE_COUNT; i++)
        for (int call = 0; call < 4; call++) {
            char *hole = make_hole(SIZES[i]);
            struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
            struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
            options.threads = 1 + (unsigned)call;
            list.count = 0;
            page_list_add_range(&list, hole, SIZES[i], 1);
            const int *nodes = call == 2 ? NULL : list.nodes;
            if (call == 3) {
                assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
            } else {
                assert_returns(numars_move_pages(0, list.count, list.pages, nodes, list.status, &options, &stats), 0);
                assert_stats(stats, .requested = SIZES[i], .unmapped = SIZES[i]);
            }
            assert_nothing_in_hole(&list, call == 3 ? "numa_move_pages" : "numars_move_pages");
            close_hole(hole, SIZES[i]);
        }
}
END_TEST

/* From the last page to the first, so that entries are not in order, and with pages that move. */
START_TEST(entries_in_a_hole_next_to_pages_that_move_are_unmapped)
{
    enum { PAGES = 2000 };
    struct page_list list = page_list_with_capacity(MAX_COUNT + PAGES);
    char *pages = pages_on_node(PAGES, 0);
    for (int i = 0; i < SIZE_COUNT; i++) {
        char *hole = make_hole(SIZES[i]);
        struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        const int node = 1 + i % 2;
        options.threads = 4;
        list.count = 0;
        for (size_t page = SIZES[i]; page-- > 0;)
            page_list_add(&list, hole + page * page_size(), node);
        page_list_add_range(&list, pages, PAGES, node);
        assert_returns(numars_move_pages(0, list.count, list.pages, list.nodes, list.status, &options, &stats), 0);
        assert_stats(stats, .requested = SIZES[i] + PAGES, .moved = PAGES, .unmapped = SIZES[i]);
        list.count = SIZES[i];
        assert_nothing_in_hole(&list, "numars_move_pages");
        close_hole(hole, SIZES[i]);
    }
    ck_assert(pages_keep_contents(pages, PAGES));
}
END_TEST

START_TEST(nothing_is_counted_in_a_hole)
{
    for (int i = 0; i < SIZE_COUNT; i++) {
        char *hole = make_hole(SIZES[i]);
        unsigned long per_node[NODES];
        assert_returns(numars_count_pages(0, hole, SIZES[i] * page_size(), per_node, NODES), 0);
        ck_assert_uint_eq(per_node[0] + per_node[1] + per_node[2] + per_node[3], 0);
        close_hole(hole, SIZES[i]);
    }
}
END_TEST

START_TEST(nothing_moves_in_a_hole)
{
    for (int i = 0; i < SIZE_COUNT; i++)
        for (unsigned threads = 1; threads <= 4; threads += 3) {
            char *hole = make_hole(SIZES[i]);
            struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
            struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
            options.threads = threads;
            assert_returns(numars_move_range(0, hole, SIZES[i] * page_size(), 3, &options, &stats), 0);
            expect(stats.moved + stats.in_place + stats.absent + stats.shared + stats.busy + stats.no_memory + stats.failed == 0,
                   "%zu pages: moved %lu, in_place %lu, absent %lu, busy %lu", SIZES[i], stats.moved, stats.in_place, stats.absent,
                   stats.busy);
            close_hole(hole, SIZES[i]);
        }
}
END_TEST

int main(void)
{
    return run_tests("holes", (const TTest *[]){
        entries_in_a_hole_are_unmapped,
        entries_in_a_hole_next_to_pages_that_move_are_unmapped,
        nothing_is_counted_in_a_hole,
        nothing_moves_in_a_hole,
        NULL });
}

/* A page that is mapped at address 0, as emulators do, is a page like any other: only a call that names it moves it. */
#include <numars.h>
#include <stdio.h>
#include <sys/mman.h>

#include "environment.h"
#include "harness.h"
#include "move_stats.h"
#include "page_list.h"
#include "pages.h"

enum { COUNT = 300, HOME = 0 };

static long least_address(long new_value)
{
    long before = -1;
    FILE *file = fopen("/proc/sys/vm/mmap_min_addr", "r+");
    require(file != NULL && fscanf(file, "%ld", &before) == 1);
    rewind(file);
    require(fprintf(file, "%ld", new_value) > 0 && fclose(file) == 0);
    return before;
}

static char *page_zero;

static void map_page_zero(void)
{
    const long before = least_address(0);
    void *start = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    least_address(before);
    require(start == NULL);
    /* Hidden from the compiler, which would treat a constant 0 as a null pointer. */
    *(void *volatile *)&page_zero = start;
    touch_pages(page_zero, 1, HOME);
    require(node_of(page_zero) == HOME);
}

static void assert_page_zero_stayed(const char *call)
{
    const int node = node_of(page_zero);
    expect(node == HOME, "%s: the page at address 0 is on node %d now", call, node);
}

START_TEST(a_range_elsewhere_does_not_move_it)
{
    map_page_zero();
    for (int node = 1; node < NODES; node++) {
        char *pages = pages_on_node(COUNT, 0);
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        assert_returns(numars_move_range(0, pages, COUNT * page_size(), node, NULL, &stats), 0);
        assert_stats(stats, .requested = COUNT, .moved = COUNT);
        assert_page_zero_stayed("numars_move_range");
    }
    assert_returns(numars_move_range(0, pages_on_node(1, 0), 0, 2, NULL, NULL), 0);
    assert_page_zero_stayed("numars_move_range of no bytes");
}
END_TEST

START_TEST(lists_of_other_pages_do_not_move_it)
{
    map_page_zero();
    for (size_t count = 1; count <= COUNT; count += 23) {
        struct page_list list = page_list_interleaved(pages_on_node(count, 0), count);
        assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
        assert_all_on_target(0, &list);
        assert_page_zero_stayed("numa_move_pages");
        list = page_list_interleaved(pages_on_node(count, 0), count);
        assert_returns(numars_move_pages(0, count, list.pages, list.nodes, list.status, NULL, NULL), 0);
        assert_all_on_target(0, &list);
        assert_page_zero_stayed("numars_move_pages");
    }
}
END_TEST

START_TEST(moving_a_process_away_from_other_nodes_does_not_move_it)
{
    if (PROCESS_SCAN_IS_SLOW)
        return;
    map_page_zero();
    char *pages = pages_on_node(COUNT, 3);
    struct bitmask *from = numa_parse_nodestring_all("3"), *to = numa_parse_nodestring_all("1-2");
    ck_assert_int_ge(numars_move_process(0, from, to, NULL, NULL), 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 1), COUNT);
    assert_page_zero_stayed("numars_move_process");
}
END_TEST

START_TEST(errors_do_not_move_it)
{
    map_page_zero();
    char *pages = pages_on_node(COUNT, 0);
    struct page_list list = page_list_interleaved(pages, COUNT);
    list.nodes[200] = 77;
    assert_fails(page_list_move(&list, MPOL_MF_MOVE), ENODEV);
    assert_fails(numars_move_pages(0, COUNT, list.pages, list.nodes, list.status, NULL, NULL), ENODEV);
    assert_fails(numars_move_range(0, pages, COUNT * page_size(), 77, NULL, NULL), ENODEV);
    assert_page_zero_stayed("calls that fail");
}
END_TEST

START_TEST(a_call_that_names_it_moves_it)
{
    map_page_zero();
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_range(0, NULL, page_size(), 1, NULL, &stats), 0);
    assert_stats(stats, .requested = 1, .moved = 1);
    ck_assert_int_eq(node_of(page_zero), 1);
    assert_returns(numars_count_pages(0, NULL, page_size(), NULL, 0), 1);
    struct page_list list = page_list_interleaved(pages_on_node(COUNT, 0), COUNT);
    list.pages[100] = page_zero;
    list.nodes[100] = 3;
    assert_returns(page_list_move(&list, MPOL_MF_MOVE), 0);
    assert_all_on_target(0, &list);
    ck_assert_int_eq(node_of(page_zero), 3);
    ck_assert(pages_keep_contents(page_zero, 1));
}
END_TEST

int main(void)
{
    return run_tests("page_zero", (const TTest *[]){
        a_range_elsewhere_does_not_move_it,
        lists_of_other_pages_do_not_move_it,
        moving_a_process_away_from_other_nodes_does_not_move_it,
        errors_do_not_move_it,
        a_call_that_names_it_moves_it,
        NULL });
}

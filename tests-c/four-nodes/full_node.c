/* move_pages(2) and migrate_pages(2) to a node that has no room. */
#include <numaif.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "harness.h"
#include "pages.h"
#include "surroundings.h"

enum { FULL = 2, PAGES = 40000, MORE_THAN_THERE_IS = 100000, LEFT_FREE = 16 };

/* Leaves a little room on the node, for far fewer than PAGES: the kernel turns all memory there that it can into
 * huge pages, which serve nobody here, and gets a few of them back. */
static void fill_node(void)
{
    const long all = keep_huge_pages(FULL, MORE_THAN_THERE_IS);
    ck_assert_int_gt(all, 100);
    require(keep_huge_pages(FULL, all - LEFT_FREE) == all - LEFT_FREE);
}

static void empty_node(void)
{
    keep_huge_pages(FULL, 0);
}

START_TEST(move_pages_to_a_full_node_is_enomem_and_says_nothing_about_what_moved)
{
    char *pages = pages_on_node(PAGES, 0);
    void **array = calloc(PAGES, sizeof *array);
    int *nodes = calloc(PAGES, sizeof *nodes), *status = calloc(PAGES, sizeof *status);
    for (size_t page = 0; page < PAGES; page++) {
        array[page] = pages + page * page_size();
        nodes[page] = FULL;
        status[page] = NOT_WRITTEN;
    }
    fill_node();
    assert_fails(move_pages(0, PAGES, array, nodes, status, MPOL_MF_MOVE), ENOMEM);
    for (size_t page = 0; page < PAGES; page++)
        ck_assert_int_eq(status[page], NOT_WRITTEN);

    const size_t moved = count_on_node(pages, PAGES, FULL);
    empty_node();
    ck_assert_uint_gt(moved, 0);
    ck_assert_uint_lt(moved, PAGES);
}
END_TEST

START_TEST(migrate_pages_to_a_full_node_is_enomem_when_the_room_is_used_up)
{
    char *pages = pages_on_node(PAGES, 0);
    const unsigned long from = 1UL << 0, to = 1UL << FULL;
    fill_node();
    assert_fails(migrate_pages(0, 8 * sizeof from, &from, &to), ENOMEM);
    const size_t moved = count_on_node(pages, PAGES, FULL);
    empty_node();
    ck_assert_uint_gt(moved, 0);
    ck_assert_uint_lt(moved, PAGES);
}
END_TEST

int main(void)
{
    return run_tests("full_node", (const TTest *[]){
        move_pages_to_a_full_node_is_enomem_and_says_nothing_about_what_moved,
        migrate_pages_to_a_full_node_is_enomem_when_the_room_is_used_up,
        NULL });
}

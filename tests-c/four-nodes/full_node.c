/* move_pages(2) and migrate_pages(2) to a node without free memory. */
#include <numaif.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "environment.h"
#include "harness.h"
#include "pages.h"

enum { FULL = 2 };

/* Far more pages than fill_node() leaves free. */
static size_t many(void)
{
    return pages_within(20000, 80 << 20);
}

START_TEST(move_pages_to_a_full_node_is_enomem_and_writes_no_status)
{
    char *pages = pages_on_node(many(), 0);
    void **array = calloc(many(), sizeof *array);
    int *nodes = calloc(many(), sizeof *nodes), *status = calloc(many(), sizeof *status);
    for (size_t page = 0; page < many(); page++) {
        array[page] = pages + page * page_size();
        nodes[page] = FULL;
        status[page] = NOT_WRITTEN;
    }
    fill_node(FULL);
    assert_fails(move_pages(0, many(), array, nodes, status, MPOL_MF_MOVE), ENOMEM);
    for (size_t page = 0; page < many(); page++)
        ck_assert_int_eq(status[page], NOT_WRITTEN);

    const size_t moved = count_on_node(pages, many(), FULL);
    empty_node(FULL);
    ck_assert_uint_gt(moved, 0);
    ck_assert_uint_lt(moved, many());
}
END_TEST

START_TEST(migrate_pages_to_a_full_node_is_enomem_once_its_free_memory_is_used_up)
{
    char *pages = pages_on_node(many(), 0);
    const unsigned long from = 1UL << 0, to = 1UL << FULL;
    fill_node(FULL);
    assert_fails(migrate_pages(0, 8 * sizeof from, &from, &to), ENOMEM);
    const size_t moved = count_on_node(pages, many(), FULL);
    empty_node(FULL);
    ck_assert_uint_gt(moved, 0);
    ck_assert_uint_lt(moved, many());
}
END_TEST

int main(void)
{
    return run_tests("full_node", (const TTest *[]){
        move_pages_to_a_full_node_is_enomem_and_writes_no_status,
        migrate_pages_to_a_full_node_is_enomem_once_its_free_memory_is_used_up,
        NULL });
}

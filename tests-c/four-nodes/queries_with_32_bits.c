/* Before Linux 6.16, a 64-bit kernel answers a query of more than 16 pages of a 32-bit program wrongly: it reads the addresses after the first 16
 * from wrong places. move_pages(2) is the kernel's call and nothing else; numa_move_pages(3) and the calls of numars.h return the truth. */
#include <numars.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "pages.h"
#include "system_calls.h"

enum { COUNT = 100, GROUP = 7 };

/* Pages on the four nodes in turn, so that an address from a wrong place is noticed. */
static void *pages[COUNT];
static int expected[COUNT];

static void map_all(void)
{
    for (size_t page = 0; page < COUNT; page++) {
        expected[page] = (int)(page / GROUP % 4);
        pages[page] = pages_on_node(1, expected[page]);
    }
}

static size_t wrong(const int *status, size_t count)
{
    size_t number = 0;
    for (size_t page = 0; page < count; page++)
        number += status[page] != expected[page];
    return number;
}

START_TEST(the_kernel_answers_long_queries_of_32_bit_programs_wrongly_before_Linux_6_16)
{
    map_all();
    int status[COUNT];
    for (size_t count = 1; count <= COUNT; count++) {
        ck_assert_int_eq(syscall(SYS_move_pages, 0L, count, pages, NULL, status, 0L), 0);
        const bool is_wrong = !answers_long_queries() && count > 16;
        expect(is_wrong == (wrong(status, count) > 0), "%zu of %zu statuses are wrong", wrong(status, count), count);
    }
}
END_TEST

START_TEST(numa_move_pages_answers_queries_of_any_length)
{
    map_all();
    int status[COUNT];
    for (size_t count = 1; count <= COUNT; count++) {
        memset(status, 0x55, sizeof status);
        ck_assert_int_eq(numa_move_pages(0, count, pages, NULL, status, 0), 0);
        ck_assert_uint_eq(wrong(status, count), 0);
    }
}
END_TEST

START_TEST(moves_of_any_length_have_true_statuses)
{
    map_all();
    for (int round = 1; round <= 4; round++) {
        int nodes[COUNT], status[COUNT];
        for (size_t page = 0; page < COUNT; page++)
            expected[page] = nodes[page] = (expected[page] + 1) % 4;
        if (round % 2)
            ck_assert_int_eq(numa_move_pages(0, COUNT, pages, nodes, status, MPOL_MF_MOVE), 0);
        else
            ck_assert_int_eq(numars_move_pages(0, COUNT, pages, nodes, status, NULL, NULL), 0);
        ck_assert_uint_eq(wrong(status, COUNT), 0);
        for (size_t page = 0; page < COUNT; page++)
            ck_assert_int_eq(node_of(pages[page]), expected[page]);
    }
}
END_TEST

int main(void)
{
    return run_tests("queries_with_32_bits", (const TTest *[]){
        the_kernel_answers_long_queries_of_32_bit_programs_wrongly_before_Linux_6_16,
        numa_move_pages_answers_queries_of_any_length,
        moves_of_any_length_have_true_statuses,
        NULL });
}

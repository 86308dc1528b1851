/* migrate_pages(2): moving a whole process from some nodes to others. */
#include <numa.h>
#include <numaif.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "pages.h"

enum { COUNT = 8 };

START_TEST(all_pages_on_the_old_node_arrive_on_the_new_one)
{
    char *pages = pages_on_node(COUNT, 3);
    assert_migrates(migrate(0, mask(3), mask(1)));
    ck_assert_uint_eq(count_on_node(pages, COUNT, 1), COUNT);
    ck_assert(pages_keep_contents(pages, COUNT));
}
END_TEST

START_TEST(pages_on_other_nodes_stay)
{
    char *pages = pages_on_node(COUNT, 2);
    assert_migrates(migrate(0, mask(3), mask(1)));
    ck_assert_uint_eq(count_on_node(pages, COUNT, 2), COUNT);
}
END_TEST

/* One page on each node, in the order of the nodes. */
static char *page_on_each_node(void)
{
    char *pages = map_pages(4);
    for (int node = 0; node < 4; node++)
        touch_pages(pages + (size_t)node * page_size(), 1, node);
    return pages;
}

static void assert_places(char *pages, const int expected[4])
{
    for (size_t page = 0; page < 4; page++)
        expect(node_of(pages + page * page_size()) == expected[page], "page %zu is on node %d, not %d", page,
               node_of(pages + page * page_size()), expected[page]);
}

START_TEST(the_first_old_node_goes_to_the_first_new_one_and_so_on)
{
    char *pages = page_on_each_node();
    assert_migrates(migrate(0, mask(0) | mask(1), mask(2) | mask(3)));
    assert_places(pages, (int[]){ 2, 3, 2, 3 });
}
END_TEST

START_TEST(order_is_kept_where_old_and_new_nodes_overlap)
{
    char *pages = page_on_each_node();
    assert_migrates(migrate(0, mask(0) | mask(1) | mask(2), mask(1) | mask(2) | mask(3)));
    assert_places(pages, (int[]){ 1, 2, 3, 3 });
}
END_TEST

START_TEST(with_equally_many_nodes_those_in_both_masks_still_shift)
{
    char *pages = page_on_each_node();
    assert_migrates(migrate(0, mask(0) | mask(1), mask(1) | mask(2)));
    assert_places(pages, (int[]){ 1, 2, 2, 3 });
}
END_TEST

START_TEST(with_fewer_new_nodes_than_old_a_node_in_both_keeps_its_pages)
{
    char *pages = page_on_each_node();
    assert_migrates(migrate(0, mask(0) | mask(1) | mask(2) | mask(3), mask(2) | mask(3)));
    assert_places(pages, (int[]){ 2, 3, 2, 3 });
}
END_TEST

START_TEST(the_same_nodes_old_and_new_move_nothing)
{
    char *pages = page_on_each_node();
    assert_migrates(migrate(0, 0xf, 0xf));
    assert_places(pages, (int[]){ 0, 1, 2, 3 });
}
END_TEST

START_TEST(no_old_nodes_move_nothing)
{
    char *pages = page_on_each_node();
    assert_migrates(migrate(0, 0, mask(1)));
    const unsigned long to = mask(1);
    assert_migrates(migrate_pages(0, MASK_BITS, NULL, &to));
    assert_places(pages, (int[]){ 0, 1, 2, 3 });
}
END_TEST

START_TEST(another_process_migrates_by_its_pid)
{
    struct child_process child = start_child(COUNT, 2, NULL);
    char *mine = pages_on_node(COUNT, 2);
    assert_returns(migrate(child.pid, mask(2), mask(3)), 0);
    for (size_t page = 0; page < COUNT; page++)
        ck_assert_int_eq(node_of_pid(child.pid, child.pages + page * page_size()), 3);
    ck_assert(child_keeps_contents(child, COUNT));
    ck_assert_uint_eq(count_on_node(mine, COUNT, 2), COUNT);
    end_child(child);
}
END_TEST

START_TEST(numa_migrate_pages_does_the_same)
{
    struct bitmask *from = numa_allocate_nodemask(), *to = numa_allocate_nodemask();
    char *pages = pages_on_node(COUNT, 3);
    numa_bitmask_setbit(from, 3);
    numa_bitmask_setbit(to, 0);
    assert_migrates(numa_migrate_pages(0, from, to));
    ck_assert_uint_eq(count_on_node(pages, COUNT, 0), COUNT);
    numa_bitmask_free(from);
    numa_bitmask_free(to);
}
END_TEST

START_TEST(shared_pages_stay_without_privilege_and_are_not_counted)
{
    drop_privileges();
    char *shared = pages_on_node(COUNT, 3);
    struct child_process child = share_with_child(shared, COUNT);
    char *own = pages_on_node(COUNT, 3);
    assert_migrates(migrate(0, mask(3), mask(1)));
    ck_assert_uint_eq(count_on_node(shared, COUNT, 3), COUNT);
    ck_assert_uint_eq(count_on_node(own, COUNT, 1), COUNT);
    end_child(child);
}
END_TEST

START_TEST(shared_pages_move_with_privilege)
{
    char *shared = pages_on_node(COUNT, 3);
    struct child_process child = share_with_child(shared, COUNT);
    assert_migrates(migrate(0, mask(3), mask(1)));
    ck_assert_uint_eq(count_on_node(shared, COUNT, 1), COUNT);
    end_child(child);
}
END_TEST

/* How many bits of the masks are read: maxnode - 1. */

START_TEST(a_mask_of_one_word_is_enough)
{
    char *pages = pages_on_node(COUNT, 3);
    const unsigned long from = mask(3), to = mask(0);
    assert_migrates(migrate_pages(0, 5, &from, &to));
    ck_assert_uint_eq(count_on_node(pages, COUNT, 0), COUNT);
}
END_TEST

START_TEST(the_last_bit_of_maxnode_is_not_read)
{
    char *pages = pages_on_node(COUNT, 3);
    const unsigned long from = mask(3), to = mask(0);
    /* Four bits with maxnode 4 would be nodes 0 to 3; the kernel sees three of them. */
    assert_migrates(migrate_pages(0, 4, &from, &to));
    ck_assert_uint_eq(count_on_node(pages, COUNT, 3), COUNT);
    assert_fails(migrate_pages(0, 4, &to, &from), EINVAL);
}
END_TEST

START_TEST(masks_longer_than_the_kernels_are_read_completely)
{
    enum { LONG_BITS = 8 * 4096, WORDS = LONG_BITS / MASK_BITS };
    char *pages = pages_on_node(COUNT, 3);
    unsigned long from[WORDS] = { mask(3) }, to[WORDS] = { mask(0) };
    assert_migrates(migrate_pages(0, LONG_BITS, from, to));
    ck_assert_uint_eq(count_on_node(pages, COUNT, 0), COUNT);

    /* Bits beyond the kernel's nodes are an error, not ignored. */
    from[WORDS - 1] = mask(0);
    assert_fails(migrate_pages(0, LONG_BITS, from, to), EINVAL);
    from[WORDS - 1] = 0;
    to[WORDS - 1] = mask(0);
    assert_fails(migrate_pages(0, LONG_BITS, from, to), EINVAL);
}
END_TEST

START_TEST(bits_beyond_maxnode_are_ignored)
{
    char *pages = pages_on_node(COUNT, 3);
    unsigned long from[] = { mask(3), ~0UL }, to[] = { mask(0) | ~0UL << 10, ~0UL };
    assert_migrates(migrate_pages(0, 11, from, to));
    ck_assert_uint_eq(count_on_node(pages, COUNT, 0), COUNT);
}
END_TEST

START_TEST(one_bit_more_than_a_page_holds_is_allowed_and_two_are_einval)
{
    const unsigned long bits_of_page = 8 * page_size();
    unsigned long *from = (unsigned long *)map_pages(2), *to = (unsigned long *)map_pages(2);
    *to = mask(0);
    assert_migrates(migrate_pages(0, bits_of_page + 1, from, to));
    assert_fails(migrate_pages(0, bits_of_page + 2, from, to), EINVAL);
    assert_fails(migrate_pages(0, ~0UL, from, to), EINVAL);
}
END_TEST

START_TEST(a_maxnode_of_zero_is_einval)
{
    const unsigned long from = mask(3), to = mask(0);
    assert_fails(migrate_pages(0, 0, &from, &to), EINVAL);
}
END_TEST

START_TEST(a_maxnode_of_one_is_an_empty_mask)
{
    const unsigned long from = mask(3), to = mask(0);
    assert_fails(migrate_pages(0, 1, &from, &to), EINVAL);
}
END_TEST

int main(void)
{
    return run_tests("migrate_pages", (const TTest *[]){
        all_pages_on_the_old_node_arrive_on_the_new_one,
        pages_on_other_nodes_stay,
        the_first_old_node_goes_to_the_first_new_one_and_so_on,
        order_is_kept_where_old_and_new_nodes_overlap,
        with_equally_many_nodes_those_in_both_masks_still_shift,
        with_fewer_new_nodes_than_old_a_node_in_both_keeps_its_pages,
        the_same_nodes_old_and_new_move_nothing,
        no_old_nodes_move_nothing,
        another_process_migrates_by_its_pid,
        numa_migrate_pages_does_the_same,
        shared_pages_stay_without_privilege_and_are_not_counted,
        shared_pages_move_with_privilege,
        a_mask_of_one_word_is_enough,
        the_last_bit_of_maxnode_is_not_read,
        masks_longer_than_the_kernels_are_read_completely,
        bits_beyond_maxnode_are_ignored,
        one_bit_more_than_a_page_holds_is_allowed_and_two_are_einval,
        a_maxnode_of_zero_is_einval,
        a_maxnode_of_one_is_an_empty_mask,
        NULL });
}

/* mbind, set_mempolicy, get_mempolicy and set_mempolicy_home_node do what their manual pages say. */
#include <numaif.h>

#include "environment.h"
#include "harness.h"
#include "nodes.h"
#include "pages.h"

enum { COUNT = 12 };

/* Touches pages without setting a policy for the process, unlike touch_pages(). */
static void write_pages(char *pages)
{
    for (size_t page = 0; page < COUNT; page++)
        pages[page * page_size()] = 1;
}

static long bind_pages(char *pages, int mode, unsigned long nodes, unsigned flags)
{
    return mbind(pages, COUNT * page_size(), mode, &nodes, MASK_BITS, flags);
}

START_TEST(mbind_decides_where_pages_come_from)
{
    char *pages = map_pages(COUNT);
    assert_returns(bind_pages(pages, MPOL_BIND, 1UL << 2, 0), 0);
    write_pages(pages);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 2), COUNT);
}
END_TEST

START_TEST(mbind_with_MPOL_MF_MOVE_moves_present_pages)
{
    char *pages = pages_on_node(COUNT, 0);
    assert_returns(bind_pages(pages, MPOL_BIND, 1UL << 3, 0), 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 0), COUNT);
    assert_returns(bind_pages(pages, MPOL_BIND, 1UL << 3, MPOL_MF_MOVE), 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 3), COUNT);
    ck_assert(pages_keep_contents(pages, COUNT));
}
END_TEST

START_TEST(mbind_with_MPOL_MF_STRICT_finds_pages_elsewhere)
{
    char *pages = pages_on_node(COUNT, 0);
    assert_fails(bind_pages(pages, MPOL_BIND, 1UL << 3, MPOL_MF_STRICT), EIO);
}
END_TEST

START_TEST(set_mempolicy_interleaves_over_the_nodes)
{
    const unsigned long all = 0xf;
    char *pages = map_pages(COUNT);
    assert_returns(set_mempolicy(MPOL_INTERLEAVE, &all, MASK_BITS), 0);
    write_pages(pages);
    assert_returns(set_mempolicy(MPOL_DEFAULT, NULL, 0), 0);
    for (int node = 0; node < 4; node++)
        ck_assert_uint_eq(count_on_node(pages, COUNT, node), COUNT / 4);
}
END_TEST

START_TEST(get_mempolicy_returns_what_was_set)
{
    const unsigned long some = 0xa;
    unsigned long nodes[16] = { 0 };
    int mode = -1;
    assert_returns(set_mempolicy(MPOL_BIND, &some, MASK_BITS), 0);
    assert_returns(get_mempolicy(&mode, nodes, 8 * sizeof nodes, NULL, 0), 0);
    assert_returns(set_mempolicy(MPOL_DEFAULT, NULL, 0), 0);
    ck_assert_int_eq(mode, MPOL_BIND);
    ck_assert_uint_eq(nodes[0], some);
}
END_TEST

START_TEST(get_mempolicy_returns_the_node_of_an_address)
{
    char *page = pages_on_node(1, 3);
    int node = -1;
    assert_returns(get_mempolicy(&node, NULL, 0, page, MPOL_F_NODE | MPOL_F_ADDR), 0);
    ck_assert_int_eq(node, 3);
}
END_TEST

START_TEST(get_mempolicy_returns_the_allowed_nodes)
{
    unsigned long nodes[16] = { 0 };
    assert_returns(get_mempolicy(NULL, nodes, 8 * sizeof nodes, NULL, MPOL_F_MEMS_ALLOWED), 0);
    ck_assert_uint_eq(nodes[0], 0xf);
}
END_TEST

START_TEST(a_home_node_is_where_bound_pages_come_from_first)
{
    char *pages = map_pages(COUNT);
    if (kernel_before(5, 17)) {
        assert_returns(bind_pages(pages, MPOL_BIND, 0xf, 0), 0);
        assert_fails(set_mempolicy_home_node(pages, COUNT * page_size(), 2, 0), ENOSYS);
        return;
    }
    assert_returns(bind_pages(pages, MPOL_PREFERRED_MANY, 0xf, 0), 0);
    assert_returns(set_mempolicy_home_node(pages, COUNT * page_size(), 2, 0), 0);
    write_pages(pages);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 2), COUNT);
}
END_TEST

START_TEST(a_home_node_needs_a_policy_that_supports_it)
{
    char *pages = map_pages(COUNT);
    assert_returns(bind_pages(pages, MPOL_INTERLEAVE, 0xf, 0), 0);
    assert_fails(set_mempolicy_home_node(pages, COUNT * page_size(), 2, 0), kernel_before(5, 17) ? ENOSYS : EOPNOTSUPP);
}
END_TEST

START_TEST(a_page_may_be_moved_to_a_node_outside_its_policy)
{
    char *pages = map_pages(COUNT);
    assert_returns(bind_pages(pages, MPOL_BIND, 1UL << 2, 0), 0);
    write_pages(pages);
    ck_assert_int_eq(move_one(pages, 0, MPOL_MF_MOVE), 0);
    ck_assert_int_eq(node_of(pages), 0);
}
END_TEST

START_TEST(the_last_node_of_a_set_of_4_bits_is_used)
{
    assert_last_node_of_a_set_is_used(4);
}
END_TEST

int main(void)
{
    return run_tests("policy", (const TTest *[]){
        mbind_decides_where_pages_come_from,
        mbind_with_MPOL_MF_MOVE_moves_present_pages,
        mbind_with_MPOL_MF_STRICT_finds_pages_elsewhere,
        set_mempolicy_interleaves_over_the_nodes,
        get_mempolicy_returns_what_was_set,
        get_mempolicy_returns_the_node_of_an_address,
        get_mempolicy_returns_the_allowed_nodes,
        a_home_node_is_where_bound_pages_come_from_first,
        a_home_node_needs_a_policy_that_supports_it,
        a_page_may_be_moved_to_a_node_outside_its_policy,
        the_last_node_of_a_set_of_4_bits_is_used,
        NULL });
}

/* More nodes than a word has bits: the library returns, allocates on and moves to those in the second word too. */
#include <numars.h>

#include "environment.h"
#include "harness.h"
#include "nodes.h"
#include "pages.h"

enum { COUNT = 8, LAST = 65 };

/* On both sides of the end of a set's first word. */
static const int border[] = { 0, 63, 64, LAST };
enum { BORDER = sizeof border / sizeof *border };

static struct bitmask *border_nodes(void)
{
    struct bitmask *nodes = numa_allocate_nodemask();
    for (int i = 0; i < BORDER; i++)
        numa_bitmask_setbit(nodes, (unsigned)border[i]);
    return nodes;
}

/* Checks that the set has exactly these nodes, and frees it. */
static void assert_set(struct bitmask *set, const struct bitmask *nodes)
{
    ck_assert_ptr_nonnull(set);
    ck_assert_uint_eq(numa_bitmask_weight(set), numa_bitmask_weight(nodes));
    ck_assert(numa_bitmask_equal(set, nodes));
    numa_bitmask_free(set);
}

START_TEST(all_nodes_exist_and_have_memory)
{
    assert_returns(numa_max_node(), LAST);
    assert_returns(numa_num_configured_nodes(), LAST + 1);
    assert_returns(numa_num_task_nodes(), LAST + 1);
    for (int node = 0; node <= LAST; node++) {
        ck_assert_int_gt(numa_node_size64(node, NULL), 16 << 20);
        assert_returns(numa_distance(node, LAST), node == LAST ? 10 : 20);
    }
    assert_returns(numa_distance(0, LAST + 1), 0);
}
END_TEST

START_TEST(the_policy_is_returned_with_the_nodes_of_the_second_word)
{
    errno = UNTOUCHED_ERRNO;
    struct bitmask *allowed = numa_get_mems_allowed(), *bound = numa_get_membind();
    ck_assert_int_eq(numa_preferred_err(), -1);
    ck_assert_int_eq(errno, UNTOUCHED_ERRNO);
    assert_set(allowed, numa_all_nodes_ptr);
    assert_set(bound, numa_all_nodes_ptr);
    numa_set_membind(border_nodes());
    assert_set(numa_get_membind(), border_nodes());
    numa_set_interleave_mask(border_nodes());
    assert_set(numa_get_interleave_mask(), border_nodes());
    numa_set_preferred(LAST);
    assert_returns(numa_preferred(), LAST);
    assert_set(numa_get_run_node_mask(), set_of(3));
}
END_TEST

START_TEST(lists_name_nodes_of_the_second_word)
{
    assert_set(numa_parse_nodestring("0,63-65"), border_nodes());
    assert_set(numa_parse_nodestring("0,63,64,65"), border_nodes());
    assert_set(numa_parse_nodestring("!1-62"), border_nodes());
    assert_set(numa_parse_nodestring("all"), numa_all_nodes_ptr);
}
END_TEST

START_TEST(memory_comes_from_the_requested_node)
{
    for (int i = 0; i < BORDER; i++) {
        const int node = border[i];
        ck_assert_uint_eq(allocated_on_node(numa_alloc_onnode(COUNT * page_size(), node), COUNT, node), COUNT);
        void *pages = numa_alloc_interleaved_subset(COUNT * page_size(), border_nodes());
        ck_assert_uint_eq(allocated_on_node(pages, COUNT, node), COUNT / BORDER);
        numa_set_membind(only((unsigned)node));
        ck_assert_uint_eq(fresh_on_node(COUNT, node), COUNT);
        numa_set_localalloc();
    }
}
END_TEST

START_TEST(pages_move_between_the_nodes_of_both_words)
{
    char *pages = pages_on_node(COUNT, 0);
    for (int i = BORDER - 1; i >= 0; i--) {
        struct request request = request_move(pages, COUNT, border[i]);
        assert_returns(numa_move_pages(0, COUNT, request.pages, request.nodes, request.status, 0), 0);
        for (int page = 0; page < COUNT; page++)
            ck_assert_int_eq(request.status[page], border[i]);
        ck_assert_uint_eq(count_on_node(pages, COUNT, border[i]), COUNT);
    }
    assert_returns(numa_migrate_pages(0, only(0), only(LAST)), 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, LAST), COUNT);
    ck_assert(pages_keep_contents(pages, COUNT));
}
END_TEST

START_TEST(the_allowed_nodes_include_those_of_the_second_word)
{
    enter_cpuset("0,63-65");
    struct bitmask *allowed = numa_get_mems_allowed();
    leave_cpuset();
    assert_set(allowed, border_nodes());
}
END_TEST

START_TEST(the_last_node_of_a_set_of_64_bits_is_used)
{
    assert_last_node_of_a_set_is_used(64);
}
END_TEST

int main(void)
{
    return run_tests("more nodes than a word has bits", (const TTest *[]){
        all_nodes_exist_and_have_memory,
        the_policy_is_returned_with_the_nodes_of_the_second_word,
        lists_name_nodes_of_the_second_word,
        memory_comes_from_the_requested_node,
        pages_move_between_the_nodes_of_both_words,
        the_allowed_nodes_include_those_of_the_second_word,
        the_last_node_of_a_set_of_64_bits_is_used,
        NULL });
}

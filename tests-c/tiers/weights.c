/* The weights of nodes for weighted interleaving, which Linux has since 6.9. Since 6.16 it derives them from the bandwidths of the nodes,
 * until one is set. */
#include <fcntl.h>
#include <numars.h>
#include <stdio.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "nodes.h"
#include "pages.h"

#define WEIGHTS "/sys/kernel/mm/mempolicy/weighted_interleave/"

enum { NODE_COUNT = 3 };

static bool has_weights(void)
{
    return !kernel_before(6, 9);
}

static bool derives_weights(void)
{
    return access(WEIGHTS "auto", F_OK) == 0;
}

/* Restores the weights of the start, for programs that follow. */
static void reset_weights(void)
{
    for (int node = 0; has_weights() && node < NODE_COUNT; node++)
        numars_set_node_weight(node, 1);
    if (derives_weights())
        write_to_file(WEIGHTS "auto", "1");
}

static bool is_automatic(void)
{
    char text[8] = "";
    const int file = open(WEIGHTS "auto", O_RDONLY);
    require(file >= 0 && read(file, text, sizeof text - 1) > 0 && close(file) == 0);
    return text[0] == 't';
}

START_TEST(an_older_kernel_has_no_weights)
{
    if (has_weights())
        return;
    assert_fails(numars_node_weight(0), ENODATA);
    assert_fails(numars_set_node_weight(0, 1), EOPNOTSUPP);
}
END_TEST

START_TEST(weights_are_those_of_the_kernel)
{
    if (!has_weights())
        return;
    /* In the ratio of the bandwidths, 200 to 30, if the kernel derives them. */
    const int fast = derives_weights() ? 7 : 1;
    assert_returns(numars_node_weight(0), fast);
    assert_returns(numars_node_weight(1), fast);
    assert_returns(numars_node_weight(2), 1);
    assert_fails(numars_node_weight(NODE_COUNT), ENODEV);
    assert_fails(numars_node_weight(-1), ENODEV);
}
END_TEST

START_TEST(a_weight_that_was_set_is_read_back)
{
    static const unsigned weights[] = { 1, 9, 10, 99, 100, 255 };
    for (size_t i = 0; has_weights() && i < sizeof weights / sizeof *weights; i++) {
        assert_returns(numars_set_node_weight(2, weights[i]), 0);
        assert_returns(numars_node_weight(2), weights[i]);
    }
    reset_weights();
}
END_TEST

START_TEST(setting_one_weight_ends_their_derivation)
{
    if (!has_weights() || !derives_weights())
        return;
    ck_assert(is_automatic());
    assert_returns(numars_set_node_weight(0, 5), 0);
    ck_assert(!is_automatic());
    assert_returns(numars_node_weight(1), 7);
    reset_weights();
    ck_assert(is_automatic());
    assert_returns(numars_node_weight(0), 7);
}
END_TEST

START_TEST(invalid_weights_change_nothing)
{
    static const unsigned weights[] = { 0, 256, 257, 65537, 0xffffffff };
    const int before = numars_node_weight(0);
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        assert_fails(numars_set_node_weight(0, weights[i]), EINVAL);
    assert_fails(numars_set_node_weight(NODE_COUNT, 1), ENODEV);
    ck_assert_int_eq(numars_node_weight(0), before);
}
END_TEST

START_TEST(only_root_may_set_a_weight)
{
    if (!has_weights())
        return;
    const int before = numars_node_weight(0);
    drop_privileges();
    assert_fails(numars_set_node_weight(0, 9), EACCES);
    assert_returns(numars_node_weight(0), before);
}
END_TEST

/* Expects `pages` of each cycle of weights on a node. */
static void assert_cycles(struct bitmask *nodes, int cycles, int cycle, int node, int pages)
{
    assert_returns(numars_set_weighted_interleave_mask(nodes), 0);
    ck_assert_uint_eq(fresh_on_node((size_t)cycles * (size_t)cycle, node), (size_t)cycles * (size_t)pages);
}

START_TEST(weighted_interleaving_follows_the_weights)
{
    enum { CYCLES = 8 };
    if (!has_weights())
        return;
    struct bitmask *near_and_slow = set_of(1 << 1 | 1 << 2);
    assert_returns(numars_set_node_weight(1, 8), 0);
    assert_returns(numars_set_node_weight(2, 2), 0);
    assert_cycles(near_and_slow, CYCLES, 10, 2, 2);
    assert_cycles(near_and_slow, CYCLES, 10, 1, 8);
    assert_returns(numars_set_node_weight(2, 16), 0);
    assert_cycles(near_and_slow, CYCLES, 24, 2, 16);
    assert_cycles(near_and_slow, CYCLES, 24, 1, 8);
    reset_weights();
}
END_TEST

START_TEST(pages_that_are_allocated_stay_when_a_weight_changes)
{
    enum { COUNT = 40 };
    if (!has_weights())
        return;
    char *pages = map_pages(COUNT);
    struct bitmask *near_and_slow = set_of(1 << 1 | 1 << 2);
    assert_returns(numars_set_node_weight(1, 3), 0);
    assert_returns(numars_set_node_weight(2, 1), 0);
    assert_returns(numars_weighted_interleave_memory(pages, COUNT * page_size(), near_and_slow), 0);
    numa_police_memory(pages, COUNT * page_size());
    ck_assert_uint_eq(count_on_node(pages, COUNT, 2), COUNT / 4);
    assert_returns(numars_set_node_weight(2, 255), 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 2), COUNT / 4);
    reset_weights();
}
END_TEST

int main(void)
{
    const int status = run_tests("weights", (const TTest *[]){
        an_older_kernel_has_no_weights,
        weights_are_those_of_the_kernel,
        a_weight_that_was_set_is_read_back,
        setting_one_weight_ends_their_derivation,
        invalid_weights_change_nothing,
        only_root_may_set_a_weight,
        weighted_interleaving_follows_the_weights,
        pages_that_are_allocated_stay_when_a_weight_changes,
        NULL });
    reset_weights();
    return status;
}

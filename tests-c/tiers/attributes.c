/* Nodes 0 and 1 have CPUs and fast memory, node 2 has slower memory only, which is nearer to node 1. The firmware states all of this in an
 * HMAT: 80 ns and 200 GiB/s from a node to itself, 250 ns and 30 GiB/s from node 1 to node 2. The kernel has the attributes on every
 * version, tiers since Linux 6.1, and uses the attributes for tiers in Linux 6.12. */
#include <fcntl.h>
#include <numa.h>
#include <numars.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "nodes.h"

enum { MEMORY_ONLY = 2, NODES = 3, ORDINARY_TIER = 4 };

static bool has_tiers(void)
{
    return !kernel_before(6, 1);
}

/* Versions between these two have not been looked at. */
static bool tiers_differ(void)
{
    return !kernel_before(6, 12);
}

static void assert_attribute(int node, int initiator, int attribute, uint64_t expected)
{
    uint64_t value = UINT64_MAX;
    assert_returns(numars_node_attribute(node, initiator, attribute, &value), 0);
    ck_assert_uint_eq(value, expected);
}

static void assert_no_attribute(int node, int initiator, int attribute, int code)
{
    uint64_t value = 7;
    assert_fails(numars_node_attribute(node, initiator, attribute, &value), code);
    ck_assert_uint_eq(value, 7);
}

START_TEST(bandwidth_and_latency_are_those_of_the_nearest_initiators)
{
    static const struct {
        int node, nearest;
        uint64_t bandwidth, latency;
    } expected[] = { { 0, 0, 204800, 80 }, { 1, 1, 204800, 80 }, { MEMORY_ONLY, 1, 30720, 250 } };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        for (int nearest = 0; nearest < 2; nearest++) {
            const int node = expected[i].node, initiator = nearest ? expected[i].nearest : -1;
            assert_attribute(node, initiator, NUMARS_READ_BANDWIDTH, expected[i].bandwidth);
            assert_attribute(node, initiator, NUMARS_WRITE_BANDWIDTH, expected[i].bandwidth);
            assert_attribute(node, initiator, NUMARS_READ_LATENCY, expected[i].latency);
            assert_attribute(node, initiator, NUMARS_WRITE_LATENCY, expected[i].latency);
        }
}
END_TEST

START_TEST(the_kernel_lists_no_values_for_farther_initiators)
{
    for (int attribute = NUMARS_READ_BANDWIDTH; attribute <= NUMARS_WRITE_LATENCY; attribute++) {
        assert_no_attribute(MEMORY_ONLY, 0, attribute, ENODATA);
        assert_no_attribute(0, 1, attribute, ENODATA);
        assert_no_attribute(MEMORY_ONLY, MEMORY_ONLY, attribute, ENODATA);
    }
}
END_TEST

START_TEST(capacity_and_free_memory_are_those_of_numa_node_size64)
{
    for (int node = 0; node < NODES; node++) {
        long long free_bytes;
        const long long size = numa_node_size64(node, &free_bytes);
        uint64_t value;
        assert_attribute(node, -1, NUMARS_CAPACITY, (uint64_t)size);
        assert_attribute(node, 0, NUMARS_CAPACITY, (uint64_t)size);
        assert_returns(numars_node_attribute(node, -1, NUMARS_FREE, &value), 0);
        ck_assert_uint_le(value, (uint64_t)size);
        ck_assert_uint_gt(value, 0);
    }
}
END_TEST

START_TEST(unknown_attributes_nodes_and_initiators_fail)
{
    assert_no_attribute(0, -1, NUMARS_MEMORY_SIDE_CACHE, ENODATA);
    assert_no_attribute(0, -1, NUMARS_MEMORY_SIDE_CACHE + 1, EINVAL);
    assert_no_attribute(0, -1, -1, EINVAL);
    assert_no_attribute(NODES, -1, NUMARS_CAPACITY, ENODEV);
    assert_no_attribute(-1, -1, NUMARS_READ_LATENCY, ENODEV);
    assert_no_attribute(0, NODES, NUMARS_READ_LATENCY, ENODEV);
    assert_no_attribute(0, -2, NUMARS_READ_LATENCY, ENODEV);
    assert_returns(numars_node_attribute(0, -1, NUMARS_READ_LATENCY, NULL), 0);
}
END_TEST

static unsigned long best(int initiator, int attribute)
{
    struct bitmask *nodes = numa_bitmask_setbit(numa_allocate_nodemask(), 77);
    assert_returns(numars_best_nodes(initiator, attribute, nodes), 0);
    ck_assert(!numa_bitmask_isbitset(nodes, 77));
    return members(nodes);
}

START_TEST(the_best_nodes_are_those_with_the_lowest_latency_or_the_highest_bandwidth)
{
    for (int attribute = NUMARS_READ_BANDWIDTH; attribute <= NUMARS_WRITE_LATENCY; attribute++) {
        ck_assert_uint_eq(best(-1, attribute), 1 << 0 | 1 << 1);
        ck_assert_uint_eq(best(0, attribute), 1 << 0);
        ck_assert_uint_eq(best(1, attribute), 1 << 1);
    }
    /* Node 0 is an initiator of itself alone. */
    ck_assert_uint_eq(best(0, NUMARS_FREE), 1 << 0);
}
END_TEST

START_TEST(there_are_no_best_nodes_where_no_node_has_a_value)
{
    struct bitmask *nodes = set_of(0x7), *small = numa_bitmask_alloc(1);
    assert_fails(numars_best_nodes(-1, NUMARS_MEMORY_SIDE_CACHE, nodes), ENODATA);
    assert_fails(numars_best_nodes(MEMORY_ONLY, NUMARS_READ_LATENCY, nodes), ENODATA);
    assert_fails(numars_best_nodes(NODES, NUMARS_READ_LATENCY, nodes), ENODEV);
    assert_fails(numars_best_nodes(-1, 77, nodes), EINVAL);
    assert_fails(numars_best_nodes(-1, NUMARS_READ_LATENCY, small), ERANGE);
    /* The sets are unchanged. */
    ck_assert(members(nodes) == 0x7 && numa_bitmask_weight(small) == 0);
    assert_fails(numars_best_nodes(-1, NUMARS_READ_LATENCY, NULL), ERANGE);
}
END_TEST

START_TEST(slower_memory_is_in_a_tier_with_a_higher_number)
{
    int tiers[3] = { -7, -7, -7 };
    struct bitmask *nodes = set_of(1UL << 5);
    if (!tiers_differ())
        return;
    const int slow = numars_node_tier(MEMORY_ONLY);
    assert_returns(numars_node_tier(0), ORDINARY_TIER);
    assert_returns(numars_node_tier(1), ORDINARY_TIER);
    ck_assert_int_gt(slow, ORDINARY_TIER);
    assert_returns(numars_tiers(tiers, 3), 2);
    ck_assert(tiers[0] == ORDINARY_TIER && tiers[1] == slow && tiers[2] == -7);
    assert_returns(numars_tier_nodes(ORDINARY_TIER, nodes), 0);
    ck_assert_uint_eq(nodes->maskp[0], 1 << 0 | 1 << 1);
    assert_returns(numars_tier_nodes(slow, nodes), 0);
    ck_assert_uint_eq(nodes->maskp[0], 1 << MEMORY_ONLY);
}
END_TEST

START_TEST(tiers_are_counted_even_if_there_is_no_room_for_them)
{
    int tiers[2] = { -7, -7 };
    if (!has_tiers())
        return;
    const int count = tiers_differ() ? 2 : 1;
    assert_returns(numars_tiers(NULL, 0), count);
    assert_returns(numars_tiers(tiers, 0), count);
    assert_returns(numars_tiers(tiers, 1), count);
    ck_assert(tiers[0] == ORDINARY_TIER && tiers[1] == -7);
}
END_TEST

START_TEST(all_nodes_are_in_one_tier_on_a_kernel_that_does_not_use_the_attributes)
{
    int tier;
    struct bitmask *nodes = numa_allocate_nodemask();
    if (!has_tiers() || !kernel_before(6, 2))
        return;
    assert_returns(numars_tiers(&tier, 1), 1);
    ck_assert_int_eq(tier, ORDINARY_TIER);
    assert_returns(numars_tier_nodes(tier, nodes), 0);
    ck_assert_uint_eq(nodes->maskp[0], 0x7);
}
END_TEST

START_TEST(a_kernel_without_tiers_has_no_data)
{
    struct bitmask *nodes = set_of(0x7);
    int tier;
    if (!has_tiers()) {
        assert_fails(numars_node_tier(0), ENODATA);
        assert_fails(numars_tiers(&tier, 1), ENODATA);
        assert_fails(numars_tier_nodes(ORDINARY_TIER, nodes), ENODATA);
    }
    assert_fails(numars_node_tier(NODES), ENODEV);
    assert_fails(numars_tier_nodes(5, nodes), ENODATA);
    assert_fails(numars_tier_nodes(-1, nodes), ENODATA);
    ck_assert_uint_eq(members(nodes), 0x7);
    assert_fails(numars_tiers(&tier, -1), EINVAL);
    assert_fails(numars_tiers(NULL, 1), EFAULT);
}
END_TEST

START_TEST(a_mask_that_is_too_small_for_the_nodes_of_a_tier_is_unchanged)
{
    struct bitmask *nodes = numa_bitmask_alloc(1);
    if (!has_tiers())
        return;
    assert_fails(numars_tier_nodes(ORDINARY_TIER, nodes), ERANGE);
    ck_assert_uint_eq(numa_bitmask_weight(nodes), 0);
    assert_fails(numars_tier_nodes(ORDINARY_TIER, NULL), ERANGE);
}
END_TEST

START_TEST(nodes_have_cpus_memory_or_both)
{
    assert_returns(numars_node_kind(0), NUMARS_NODE_HAS_CPUS | NUMARS_NODE_HAS_MEMORY);
    assert_returns(numars_node_kind(1), NUMARS_NODE_HAS_CPUS | NUMARS_NODE_HAS_MEMORY);
    assert_returns(numars_node_kind(MEMORY_ONLY), NUMARS_NODE_HAS_MEMORY);
    assert_fails(numars_node_kind(NODES), ENODEV);
    assert_fails(numars_node_kind(-1), ENODEV);
}
END_TEST

START_TEST(a_lack_of_descriptors_is_reported_and_not_taken_for_missing_data)
{
    struct bitmask *nodes = numa_allocate_nodemask();
    int tiers[2];
    uint64_t value;
    require(numars_node_kind(0) >= 0);
    require(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 3, 3 }) == 0);
    for (int attribute = NUMARS_CAPACITY; attribute <= NUMARS_MEMORY_SIDE_CACHE; attribute++) {
        assert_fails(numars_node_attribute(MEMORY_ONLY, -1, attribute, &value), EMFILE);
        assert_fails(numars_node_attribute(MEMORY_ONLY, 1, attribute, &value), EMFILE);
        assert_fails(numars_best_nodes(-1, attribute, nodes), EMFILE);
        assert_fails(numars_best_nodes(1, attribute, nodes), EMFILE);
    }
    assert_fails(numars_node_tier(0), EMFILE);
    assert_fails(numars_tiers(tiers, 2), EMFILE);
    assert_fails(numars_tier_nodes(ORDINARY_TIER, nodes), EMFILE);
    assert_fails(numars_node_weight(0), EMFILE);
    assert_fails(numars_set_node_weight(0, 1), EMFILE);
    assert_fails(numars_node_kind(0), EMFILE);
}
END_TEST

START_TEST(one_descriptor_is_too_few_to_list_tiers)
{
    int tiers[2];
    require(numars_node_kind(0) >= 0);
    const int next = dup(0);
    require(next >= 0 && close(next) == 0);
    require(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ (rlim_t)next + 1, (rlim_t)next + 1 }) == 0);
    if (has_tiers())
        assert_fails(numars_tiers(tiers, 2), EMFILE);
    assert_attribute(MEMORY_ONLY, 1, NUMARS_READ_LATENCY, 250);
}
END_TEST

static volatile sig_atomic_t latency;

static void handler(int number)
{
    uint64_t value = 0;
    (void)number;
    if (numars_node_attribute(MEMORY_ONLY, -1, NUMARS_READ_LATENCY, &value) == 0 && numars_node_kind(0) >= 0
        && (numars_node_tier(0) >= 0 || errno == ENODATA))
        latency = (sig_atomic_t)value;
}

START_TEST(the_calls_work_in_a_signal_handler_with_a_small_stack)
{
    static char stack[16 << 10];
    require(sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof stack }, NULL) == 0);
    require(sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = handler, .sa_flags = SA_ONSTACK }, NULL) == 0);
    require(raise(SIGUSR1) == 0);
    ck_assert_int_eq(latency, 250);
}
END_TEST

int main(void)
{
    return run_tests("attributes and tiers", (const TTest *[]){
        bandwidth_and_latency_are_those_of_the_nearest_initiators,
        the_kernel_lists_no_values_for_farther_initiators,
        capacity_and_free_memory_are_those_of_numa_node_size64,
        unknown_attributes_nodes_and_initiators_fail,
        the_best_nodes_are_those_with_the_lowest_latency_or_the_highest_bandwidth,
        there_are_no_best_nodes_where_no_node_has_a_value,
        slower_memory_is_in_a_tier_with_a_higher_number,
        tiers_are_counted_even_if_there_is_no_room_for_them,
        all_nodes_are_in_one_tier_on_a_kernel_that_does_not_use_the_attributes,
        a_kernel_without_tiers_has_no_data,
        a_mask_that_is_too_small_for_the_nodes_of_a_tier_is_unchanged,
        nodes_have_cpus_memory_or_both,
        a_lack_of_descriptors_is_reported_and_not_taken_for_missing_data,
        one_descriptor_is_too_few_to_list_tiers,
        the_calls_work_in_a_signal_handler_with_a_small_stack,
        NULL });
}

/* Sets of 2^31 bits, with all of their 256 MiB allocated: every call that reads or writes a whole set. Calls that pass a set to the kernel,
 * which rejects it, are in bad_input.c. */
#include <limits.h>
#include <numa.h>
#include <numars.h>

#include "harness.h"
#include "machine.h"
#include "isolated_calls.h"

#define BITS (1UL << 31)
enum { LAST = INT_MAX };

START_TEST(the_last_of_2_to_the_31_bits_is_a_bit_like_any_other)
{
    struct bitmask last = set_at_end_of_mapping(BITS, LAST), small = set_at_end_of_mapping(70, 69);
    nodemask_t node_1 = { { 2 } };
    RETURNS(numa_bitmask_nbytes(&last), BITS / 8);
    RETURNS(numa_bitmask_weight(&last), 1);
    RETURNS(numa_bitmask_isbitset(&last, LAST), 1);
    RETURNS(numa_bitmask_isbitset(&last, (unsigned)LAST + 1), 0);
    RETURNS(numa_bitmask_isbitset(numa_bitmask_setbit(&last, LAST - 1), LAST - 1), 1);
    RETURNS(numa_bitmask_isbitset(numa_bitmask_clearbit(&last, LAST), LAST), 0);
    RETURNS(numa_bitmask_equal(&last, &last), 1);
    RETURNS(numa_bitmask_equal(&small, &last), 0);
    RETURNS((copy_bitmask_to_bitmask(&last, &small), numa_bitmask_weight(&small)), 0);
    RETURNS((copy_bitmask_to_nodemask(&last, &node_1), node_1.n[0]), 0);
    RETURNS((copy_bitmask_to_bitmask(&small, &last), numa_bitmask_isbitset(&last, LAST)), 0);
    RETURNS((copy_nodemask_to_bitmask(&node_1, &last), numa_bitmask_isbitset(&last, 1)), 1);
}
END_TEST

START_TEST(all_of_2_to_the_31_bits_are_set_and_cleared)
{
    struct bitmask set = set_at_end_of_mapping(BITS, 0);
    RETURNS(numa_bitmask_weight(numa_bitmask_setall(&set)), BITS);
    RETURNS(numa_bitmask_weight(numa_bitmask_clearall(&set)), 0);
}
END_TEST

START_TEST(bit_maps_and_cpus_are_stored_in_sets_of_2_to_the_31_bits)
{
    struct bitmask set = set_at_end_of_mapping(BITS, LAST);
    RETURNS(numa_parse_bitmap(string_at_end_of_mapping("2\n"), &set), 0);
    RETURNS(numa_node_to_cpus(0, &set), 0);
}
END_TEST

#define NOT_ALLOWED "libnuma: Warning: node 2147483647 not allowed\n"
#define AFFINITY_FAILED "numa_sched_setaffinity_v2_int() failed: Invalid argument\n"

START_TEST(running_on_a_node_beyond_the_last_one_fails)
{
    require_numa_system_calls();
    struct bitmask first = set_at_end_of_mapping(BITS, 0), last = set_at_end_of_mapping(BITS, LAST);
    RETURNS(numa_run_on_node_mask(&first), 0);
    CHECK_CALL(numa_run_on_node_mask_all(&last), -1, EINVAL, NOT_ALLOWED AFFINITY_FAILED);
    CHECK_CALL((numa_bind(&last), 0), 0, EINVAL, NOT_ALLOWED AFFINITY_FAILED "set_mempolicy: Invalid argument\n");
    FAILS(numars_bind(&last), -1, EINVAL);
}
END_TEST

START_TEST(pages_do_not_move_to_a_node_beyond_the_last_one)
{
    require_numa_system_calls();
    struct bitmask node_0 = set_at_end_of_mapping(70, 0), first = set_at_end_of_mapping(BITS, 0), last = set_at_end_of_mapping(BITS, LAST);
    RETURNS(numa_migrate_pages(0, &node_0, &first), 0);
    FAILS(numa_migrate_pages(0, &node_0, &last), -1, EINVAL);
    FAILS(numa_migrate_pages(0, &last, &node_0), -1, EINVAL);
    /* As with the system call, which accepts no set of this size. */
    FAILS(numa_migrate_pages(0, &first, &first), -1, EINVAL);
    RETURNS(numars_move_process(0, &node_0, &first, NULL, NULL), 0);
    FAILS(numars_move_process(0, &node_0, &last, NULL, NULL), -1, ENODEV);
    RETURNS(numars_move_process(0, &last, &node_0, NULL, NULL), 0);
}
END_TEST

/* Each of many nodes searches for its position among nodes near the end of the set. */
START_TEST(many_nodes_are_paired_quickly)
{
    require_numa_system_calls();
    struct bitmask many = set_at_end_of_mapping(1UL << 20, -1), last = set_at_end_of_mapping(BITS, LAST);
    struct bitmask all = set_at_end_of_mapping(BITS, -1), node_0 = set_at_end_of_mapping(70, 0);
    numa_bitmask_setall(&many);
    FAILS(numars_move_process(0, &many, &last, NULL, NULL), -1, ENODEV);
    RETURNS(numars_move_process(0, numa_bitmask_setall(&all), &node_0, NULL, NULL) >= 0, 1);
}
END_TEST

int main(void)
{
    return run_tests("huge_sets", (const TTest *[]){
        the_last_of_2_to_the_31_bits_is_a_bit_like_any_other,
        all_of_2_to_the_31_bits_are_set_and_cleared,
        bit_maps_and_cpus_are_stored_in_sets_of_2_to_the_31_bits,
        running_on_a_node_beyond_the_last_one_fails,
        pages_do_not_move_to_a_node_beyond_the_last_one,
        many_nodes_are_paired_quickly,
        NULL });
}

/* Features of libnuma that no Debian release has yet: weighted interleaving by memory, numa_preferred_err, numa_fail_alloc_on_error. */
#include <numa.h>
#include <numaif.h>
#include <stdlib.h>

#include "environment.h"
#include "harness.h"
#include "pages.h"

enum { COUNT = 12 };

static bool has_weighted_interleaving(void)
{
    return !kernel_before(6, 9);
}

static struct bitmask *nodes_1_and_2(void)
{
    return numa_bitmask_setbit(numa_bitmask_setbit(numa_allocate_nodemask(), 1), 2);
}

static size_t touched_on_node(char *pages, int node)
{
    numa_police_memory(pages, COUNT * page_size());
    return count_on_node(pages, COUNT, node);
}

START_TEST(weighted_interleaving_of_a_thread_is_set_and_returned)
{
    int mode = -1;
    errno = UNTOUCHED_ERRNO;
    if (!has_weighted_interleaving()) {
        numa_set_weighted_interleave_mask(nodes_1_and_2());
        ck_assert_int_eq(errno, EINVAL);
        ck_assert_uint_eq(numa_bitmask_weight(numa_get_weighted_interleave_mask()), 0);
        return;
    }
    numa_set_weighted_interleave_mask(nodes_1_and_2());
    ck_assert_int_eq(errno, UNTOUCHED_ERRNO);
    require(get_mempolicy(&mode, NULL, 0, NULL, 0) == 0);
    ck_assert_int_eq(mode, MPOL_WEIGHTED_INTERLEAVE);
    ck_assert_int_eq(numa_bitmask_equal(numa_get_weighted_interleave_mask(), nodes_1_and_2()), 1);
    ck_assert_uint_eq(numa_bitmask_weight(numa_get_interleave_mask()), 0);
    numa_set_weighted_interleave_mask(numa_allocate_nodemask());
    ck_assert_uint_eq(numa_bitmask_weight(numa_get_weighted_interleave_mask()), 0);
}
END_TEST

START_TEST(memory_is_interleaved_by_weight)
{
    char *pages = numa_alloc_weighted_interleaved_subset(COUNT * page_size(), nodes_1_and_2());
    ck_assert_ptr_nonnull(pages);
    if (has_weighted_interleaving()) {
        /* All weights are 1 by default. */
        ck_assert_uint_eq(touched_on_node(pages, 1), COUNT / 2);
        ck_assert_uint_eq(touched_on_node(pages, 2), COUNT / 2);
    }
    numa_free(pages, COUNT * page_size());

    pages = numa_alloc_weighted_interleaved(COUNT * page_size());
    ck_assert_ptr_nonnull(pages);
    for (int node = 0; has_weighted_interleaving() && node < 4; node++)
        ck_assert_uint_eq(touched_on_node(pages, node), COUNT / 4);
    numa_free(pages, COUNT * page_size());

    pages = map_pages(COUNT);
    numa_weighted_interleave_memory(pages, COUNT * page_size(), nodes_1_and_2());
    if (has_weighted_interleaving())
        ck_assert_uint_eq(touched_on_node(pages, 1), COUNT / 2);
}
END_TEST

START_TEST(no_preferred_node_is_minus_1)
{
    assert_returns(numa_preferred_err(), -1);
    numa_set_preferred(3);
    assert_returns(numa_preferred_err(), 3);
    numa_set_localalloc();
    assert_returns(numa_preferred_err(), -1);
}
END_TEST

START_TEST(an_allocation_whose_policy_cannot_be_set_fails_if_requested)
{
    struct bitmask *none = numa_allocate_nodemask();
    ck_assert_ptr_nonnull(numa_alloc_onnode(page_size(), 77));
    numa_fail_alloc_on_error = 1;
    ck_assert_ptr_null(numa_alloc_onnode(page_size(), 77));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_null(numa_alloc_interleaved_subset(page_size(), none));
    ck_assert_ptr_null(numa_alloc_weighted_interleaved_subset(page_size(), none));
    ck_assert_ptr_nonnull(numa_alloc_onnode(page_size(), 1));
    ck_assert_ptr_nonnull(numa_alloc(page_size()));
}
END_TEST

START_TEST(a_home_node_is_set_on_memory_with_a_policy)
{
    char *pages = map_pages(COUNT);
    if (kernel_before(5, 17)) {
        ck_assert_int_eq(numa_has_home_node(), 0);
        assert_fails(numa_set_mempolicy_home_node(pages, COUNT * page_size(), 1, 0), ENOSYS);
        return;
    }
    ck_assert_int_eq(numa_has_home_node(), 1);
    assert_fails(numa_set_mempolicy_home_node(pages, COUNT * page_size(), 1, 0), ENOENT);
    numa_tonodemask_memory(pages, COUNT * page_size(), nodes_1_and_2());
    assert_returns(numa_set_mempolicy_home_node(pages, COUNT * page_size(), 2, 0), 0);
    ck_assert_uint_eq(touched_on_node(pages, 2), COUNT);
}
END_TEST

START_TEST(the_librarys_own_sets_are_not_freed)
{
    numa_bitmask_free(numa_all_nodes_ptr);
    numa_bitmask_free(numa_no_nodes_ptr);
    numa_bitmask_free(numa_nodes_ptr);
    numa_bitmask_free(numa_all_cpus_ptr);
    ck_assert_uint_eq(numa_bitmask_weight(numa_all_nodes_ptr), 4);
    ck_assert_uint_eq(numa_bitmask_weight(numa_all_cpus_ptr), 4);
    ck_assert_uint_eq(numa_bitmask_weight(numa_no_nodes_ptr), 0);
}
END_TEST

int main(void)
{
    return run_tests("newest", (const TTest *[]){
        weighted_interleaving_of_a_thread_is_set_and_returned,
        memory_is_interleaved_by_weight,
        no_preferred_node_is_minus_1,
        an_allocation_whose_policy_cannot_be_set_fails_if_requested,
        a_home_node_is_set_on_memory_with_a_policy,
        the_librarys_own_sets_are_not_freed,
        NULL });
}

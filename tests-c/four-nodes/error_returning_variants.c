/* numars.h: each error-returning variant does what libnuma's function without a result does, and reports failure through errno. */
#include <numars.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "environment.h"
#include "harness.h"
#include "nodes.h"
#include "pages.h"

enum { COUNT = 12, NO_NODE = 5 };

static struct bitmask *none(void)
{
    return numa_allocate_nodemask();
}

static void assert_policy(int mode, unsigned long nodes)
{
    int found_mode = -1;
    unsigned long found_nodes[1024 / MASK_BITS] = { 0 };
    require(get_mempolicy(&found_mode, found_nodes, 1025, NULL, 0) == 0);
    ck_assert_int_eq(found_mode, mode);
    ck_assert_uint_eq(found_nodes[0], nodes);
}

START_TEST(numars_bind_binds_memory_and_cpus)
{
    assert_returns(numars_bind(only(2)), 0);
    assert_policy(MPOL_BIND, 1UL << 2);
    ck_assert_int_eq(sched_getcpu(), 2);
}
END_TEST

START_TEST(numars_bind_to_an_impossible_node_changes_nothing)
{
    cpu_set_t before, after;
    require(sched_getaffinity(0, sizeof before, &before) == 0);
    assert_fails(numars_bind(only(NO_NODE)), EINVAL);
    require(sched_getaffinity(0, sizeof after, &after) == 0);
    ck_assert(CPU_EQUAL(&before, &after));
    assert_policy(MPOL_DEFAULT, 0);
}
END_TEST

/* A kernel that lacks a policy gets a fallback, which is reported as 1. */
START_TEST(thread_policies_are_set)
{
    const bool lacks_balancing = kernel_before(5, 12), lacks_preferred_many = kernel_before(5, 15);
    /* Older kernels turn local allocation into a preferred policy without nodes. */
    const int local = kernel_before(5, 14) ? MPOL_PREFERRED : MPOL_LOCAL;
    assert_returns(numars_set_membind(only(1)), 0);
    assert_policy(MPOL_BIND, 1UL << 1);
    assert_returns(numars_set_membind_balancing(only(2)), lacks_balancing);
    assert_policy(MPOL_BIND | (lacks_balancing ? 0 : MPOL_F_NUMA_BALANCING), 1UL << 2);
    assert_returns(numars_set_interleave_mask(only(3)), 0);
    assert_policy(MPOL_INTERLEAVE, 1UL << 3);
    assert_returns(numars_set_interleave_mask(none()), 0);
    assert_policy(MPOL_DEFAULT, 0);
    assert_returns(numars_set_preferred(2), 0);
    assert_policy(MPOL_PREFERRED, 1UL << 2);
    assert_returns(numars_set_preferred_many(only(1)), lacks_preferred_many);
    assert_policy(lacks_preferred_many ? MPOL_PREFERRED : MPOL_PREFERRED_MANY, 1UL << 1);
    assert_returns(numars_set_preferred(-1), 0);
    assert_policy(local, 0);
    assert_returns(numars_set_membind(only(1)), 0);
    assert_returns(numars_set_localalloc(), 0);
    assert_policy(local, 0);
}
END_TEST

START_TEST(thread_policies_with_an_impossible_node_are_einval_and_change_nothing)
{
    assert_returns(numars_set_membind(only(1)), 0);
    assert_fails(numars_set_membind(none()), EINVAL);
    assert_fails(numars_set_membind(only(NO_NODE)), EINVAL);
    assert_fails(numars_set_membind_balancing(only(NO_NODE)), EINVAL);
    assert_fails(numars_set_interleave_mask(only(NO_NODE)), EINVAL);
    assert_fails(numars_set_weighted_interleave_mask(only(NO_NODE)), EINVAL);
    assert_fails(numars_set_preferred(NO_NODE), EINVAL);
    assert_fails(numars_set_preferred(100000), EINVAL);
    assert_fails(numars_set_preferred_many(none()), EINVAL);
    assert_policy(MPOL_BIND, 1UL << 1);
}
END_TEST

/* Pages after a call for them and a touch, each on its node. */
static void assert_placement(char *pages, int first, int step)
{
    for (size_t page = 0; page < COUNT; page++)
        pages[page * page_size()] = 1;
    for (size_t page = 0; page < COUNT; page++)
        ck_assert_int_eq(node_of(pages + page * page_size()), (first + (int)page * step) % 4);
}

START_TEST(memory_is_placed_where_requested)
{
    const size_t size = COUNT * page_size();
    char *pages = map_pages(COUNT);
    assert_returns(numars_tonode_memory(pages, size, 3), 0);
    assert_placement(pages, 3, 0);
    pages = map_pages(COUNT);
    assert_returns(numars_tonodemask_memory(pages, size, only(2)), 0);
    assert_placement(pages, 2, 0);
    pages = map_pages(COUNT);
    assert_returns(numars_interleave_memory(pages, size, numa_all_nodes_ptr), 0);
    assert_placement(pages, node_of(memset(pages, 1, 1)), 1);
    pages = map_pages(COUNT);
    assert_returns(numa_run_on_node(1), 0);
    assert_returns(numars_setlocal_memory(pages, size), 0);
    assert_placement(pages, 1, 0);
}
END_TEST

START_TEST(memory_that_cannot_be_placed_is_an_error)
{
    const size_t size = COUNT * page_size();
    char *pages = map_pages(COUNT);
    assert_fails(numars_tonode_memory(pages, size, NO_NODE), EINVAL);
    assert_fails(numars_tonode_memory(pages, size, -1), EINVAL);
    assert_fails(numars_tonode_memory(pages + 1, size, 0), EINVAL);
    assert_fails(numars_tonodemask_memory(pages, size, none()), EINVAL);
    assert_fails(numars_interleave_memory(pages, size, only(NO_NODE)), EINVAL);
    assert_fails(numars_weighted_interleave_memory(pages, size, only(NO_NODE)), EINVAL);
    assert_fails(numars_setlocal_memory(pages + 1, size), EINVAL);
    assert_fails(numars_setlocal_memory(unmapped_address(), size), EFAULT);
}
END_TEST

START_TEST(memory_that_is_elsewhere_is_eio_when_strict)
{
    char *pages = pages_on_node(COUNT, 0);
    numa_set_strict(1);
    assert_fails(numars_tonode_memory(pages, COUNT * page_size(), 3), EIO);
    numa_set_strict(0);
    assert_returns(numars_tonode_memory(pages, COUNT * page_size(), 3), 0);
}
END_TEST

static void fail_everything(void)
{
    struct bitmask *impossible = only(NO_NODE);
    numa_exit_on_error = numa_exit_on_warn = 1;
    numars_bind(impossible);
    numars_set_membind(impossible);
    numars_set_membind_balancing(impossible);
    numars_set_interleave_mask(impossible);
    numars_set_weighted_interleave_mask(impossible);
    numars_set_preferred(NO_NODE);
    numars_set_preferred_many(impossible);
    numars_interleave_memory(NULL, 4096, impossible);
    numars_weighted_interleave_memory(NULL, 4096, impossible);
    numars_tonode_memory(NULL, 4096, NO_NODE);
    numars_tonodemask_memory(NULL, 4096, impossible);
    numars_setlocal_memory((void *)1, 4096);
    exit(17);
}

START_TEST(no_failure_prints_or_ends_the_program)
{
    char output[256];
    ck_assert_int_eq(run_in_child(fail_everything, output, sizeof output), 17);
    ck_assert_str_eq(output, "");
}
END_TEST

int main(void)
{
    return run_tests("error_returning_variants", (const TTest *[]){
        numars_bind_binds_memory_and_cpus,
        numars_bind_to_an_impossible_node_changes_nothing,
        thread_policies_are_set,
        thread_policies_with_an_impossible_node_are_einval_and_change_nothing,
        memory_is_placed_where_requested,
        memory_that_cannot_be_placed_is_an_error,
        memory_that_is_elsewhere_is_eio_when_strict,
        no_failure_prints_or_ends_the_program,
        NULL });
}

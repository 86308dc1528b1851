/* Linux 3.10, as described in docs/kernels.md: the fallbacks of calls that need a newer kernel. */
#include <fcntl.h>
#include <numaif.h>
#include <numars.h>
#include <unistd.h>

#include "fault_injection.h"
#include "harness.h"
#include "nodes.h"
#include "old_kernel.h"
#include "pages.h"

enum { COUNT = 12, NO_NODE = 5 };

static int warnings, errors;

void numa_warn(int number, char *format, ...)
{
    (void)number;
    (void)format;
    warnings++;
}

void numa_error(char *where)
{
    (void)where;
    errors++;
}

static void begin(void)
{
    require(become_old_kernel() == 0);
    errno = UNTOUCHED_ERRNO;
}

static void assert_policy_of(void *address, int mode, unsigned long nodes)
{
    int found_mode = -1;
    unsigned long found_nodes[1024 / MASK_BITS] = { 0 };
    require(get_mempolicy(&found_mode, found_nodes, 1025, address, address != NULL ? MPOL_F_ADDR : 0) == 0);
    ck_assert_int_eq(found_mode, mode);
    ck_assert_uint_eq(found_nodes[0], nodes);
}

START_TEST(the_kernel_has_neither_several_preferred_nodes_nor_a_home_node)
{
    begin();
    assert_returns(numa_has_preferred_many(), 0);
    assert_returns(numa_has_home_node(), 0);
    assert_fails(set_mempolicy_home_node(map_pages(1), page_size(), 0, 0), ENOSYS);
    assert_fails(numa_set_mempolicy_home_node(map_pages(1), page_size(), 0, 0), ENOSYS);
    ck_assert_int_eq(errors, 1);
}
END_TEST

START_TEST(the_first_of_several_preferred_nodes_is_preferred_with_a_warning)
{
    begin();
    numa_set_preferred_many(set_of(1 << 1 | 1 << 3));
    ck_assert_int_eq(errno, UNTOUCHED_ERRNO);
    assert_policy_of(NULL, MPOL_PREFERRED, 1 << 1);
    ck_assert_int_eq(warnings, 1);
    numa_set_preferred_many(only(NO_NODE));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(errors, 1);
    assert_policy_of(NULL, MPOL_PREFERRED, 1 << 1);
}
END_TEST

START_TEST(numars_set_preferred_many_reports_that_a_single_node_is_preferred)
{
    begin();
    assert_returns(numars_set_preferred_many(set_of(1 << 2 | 1 << 3)), 1);
    assert_policy_of(NULL, MPOL_PREFERRED, 1 << 2);
    assert_fails(numars_set_preferred_many(only(NO_NODE)), EINVAL);
    assert_fails(numars_set_preferred_many(numa_allocate_nodemask()), EINVAL);
    assert_policy_of(NULL, MPOL_PREFERRED, 1 << 2);
    ck_assert_int_eq(warnings + errors, 0);
}
END_TEST

/* mbind(2), which reveals what the kernel lacks, may be denied where set_mempolicy(2) is not. */
START_TEST(the_first_of_several_preferred_nodes_is_preferred_even_if_mbind_is_denied)
{
    begin();
    deny_syscalls(&(struct denied_call){ SYS_mbind, EPERM }, 1);
    assert_returns(numars_set_preferred_many(set_of(1 << 2 | 1 << 3)), 1);
    assert_policy_of(NULL, MPOL_PREFERRED, 1 << 2);
    assert_fails(numars_set_preferred_many(only(NO_NODE)), EINVAL);
    assert_policy_of(NULL, MPOL_PREFERRED, 1 << 2);
    ck_assert_int_eq(warnings, 0);
    errno = UNTOUCHED_ERRNO;
    numa_set_preferred_many(set_of(1 << 1 | 1 << 3));
    ck_assert_int_eq(errno, UNTOUCHED_ERRNO);
    ck_assert_int_eq(warnings, 1);
    assert_policy_of(NULL, MPOL_PREFERRED, 1 << 1);
}
END_TEST

START_TEST(memory_is_bound_without_balancing)
{
    begin();
    numa_set_membind_balancing(only(1));
    ck_assert_int_eq(errno, UNTOUCHED_ERRNO);
    assert_policy_of(NULL, MPOL_BIND, 1 << 1);
    assert_returns(numars_set_membind_balancing(only(2)), 1);
    assert_policy_of(NULL, MPOL_BIND, 1 << 2);
    assert_fails(numars_set_membind_balancing(only(NO_NODE)), EINVAL);
    assert_policy_of(NULL, MPOL_BIND, 1 << 2);
    ck_assert_int_eq(warnings + errors, 0);
}
END_TEST

START_TEST(memory_that_need_not_be_bound_prefers_its_first_node)
{
    const size_t size = COUNT * page_size();
    begin();
    numa_set_bind_policy(0);
    char *pages = numa_alloc_onnode(size, 3);
    ck_assert_int_eq(errno, UNTOUCHED_ERRNO);
    assert_policy_of(pages, MPOL_PREFERRED, 1 << 3);
    pages = map_pages(COUNT);
    assert_returns(numars_tonode_memory(pages, size, 2), 0);
    assert_policy_of(pages, MPOL_PREFERRED, 1 << 2);
    assert_returns(numars_tonodemask_memory(pages, size, set_of(1 << 1 | 1 << 2)), 1);
    assert_policy_of(pages, MPOL_PREFERRED, 1 << 1);
    assert_fails(numars_tonodemask_memory(pages, size, only(NO_NODE)), EINVAL);
    assert_fails(numars_tonodemask_memory(pages + 1, size, only(1)), EINVAL);
}
END_TEST

START_TEST(weights_are_rejected)
{
    const size_t size = COUNT * page_size();
    begin();
    char *pages = map_pages(COUNT);
    assert_fails(numars_set_weighted_interleave_mask(numa_all_nodes_ptr), EINVAL);
    assert_policy_of(NULL, MPOL_DEFAULT, 0);
    assert_fails(numars_weighted_interleave_memory(pages, size, numa_all_nodes_ptr), EINVAL);
    assert_policy_of(pages, MPOL_DEFAULT, 0);
    ck_assert_int_eq(errors, 0);
    numa_set_weighted_interleave_mask(numa_all_nodes_ptr);
    numa_weighted_interleave_memory(pages, size, numa_all_nodes_ptr);
    pages = numa_alloc_weighted_interleaved(size);
    ck_assert_ptr_nonnull(pages);
    assert_policy_of(pages, MPOL_DEFAULT, 0);
    ck_assert_int_eq(errors, 3);
    numa_fail_alloc_on_error = 1;
    ck_assert_ptr_null(numa_alloc_weighted_interleaved(size));
    ck_assert_int_eq(errors, 4);
}
END_TEST

/* Without PAGEMAP_SCAN. */
START_TEST(ranges_are_counted_and_moved)
{
    enum { PAGES = 300 };
    char *pages = pages_on_node(PAGES, 1);
    unsigned long on_node[4] = { 0 };
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    begin();
    assert_returns(numars_count_pages(0, pages, PAGES * page_size(), on_node, 4), PAGES);
    ck_assert_uint_eq(on_node[1], PAGES);
    assert_returns(numars_move_range(0, pages, PAGES * page_size(), 2, NULL, &stats), 0);
    ck_assert_uint_eq(stats.moved, PAGES);
    for (size_t page = 0; page < PAGES; page++)
        ck_assert_int_eq(node_of(pages + page * page_size()), 2);
    if (PROCESS_SCAN_IS_SLOW)
        return;
    /* Some of the pages that this process shares with its parent stay. */
    ck_assert_int_ge(numars_move_process(0, only(2), only(3), NULL, &stats), 0);
    ck_assert_int_eq(node_of(pages), 3);
}
END_TEST

/* Without statx(2). */
START_TEST(a_file_names_the_node_of_its_disk)
{
    /* The guest's firmware does not report where its disk is. */
    const int disk = open("/sys/class/block/nvme0n1/device/device/numa_node", O_WRONLY | O_CLOEXEC);
    require(disk >= 0 && write(disk, "2", 1) == 1);
    begin();
    ck_assert_uint_eq(members(numa_parse_nodestring("file:/mnt/ext4")), 1 << 2);
    ck_assert_uint_eq(members(numa_parse_nodestring("file:/dev/nvme0n1")), 1 << 2);
    ck_assert_int_eq(errno, UNTOUCHED_ERRNO);
    ck_assert_ptr_null(numa_parse_nodestring("file:/none"));
    require(write(disk, "-1", 2) == 2);
}
END_TEST

int main(void)
{
    return run_tests("a kernel as old as Linux 3.10", (const TTest *[]){
        the_kernel_has_neither_several_preferred_nodes_nor_a_home_node,
        the_first_of_several_preferred_nodes_is_preferred_with_a_warning,
        numars_set_preferred_many_reports_that_a_single_node_is_preferred,
        the_first_of_several_preferred_nodes_is_preferred_even_if_mbind_is_denied,
        memory_is_bound_without_balancing,
        memory_that_need_not_be_bound_prefers_its_first_node,
        weights_are_rejected,
        ranges_are_counted_and_moved,
        a_file_names_the_node_of_its_disk,
        NULL });
}

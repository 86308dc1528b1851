/* The vdso and other kernel mappings that every process has: migrate_pages(2) skips them, and so do the calls of numars.h that move the
 * pages of a range or a process. */
#include <numars.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "move_stats.h"
#include "nodes.h"
#include "pages.h"

enum { COUNT = 40 };

static uintptr_t vdso(void)
{
    const uintptr_t start = getauxval(AT_SYSINFO_EHDR);
    if (start == 0)
        skip_test("programs have no vdso");
    return start;
}

/* Makes this process map one of its pages. */
static void use_vdso(void)
{
    (void)*(volatile const char *)vdso();
}

/* A node that the vdso is not on. */
static int target(void)
{
    return node_of((void *)vdso()) == 3 ? 2 : 3;
}

static unsigned long all_nodes_but(int node)
{
    return 0xf & ~mask(node);
}

static long move_process(pid_t pid, int to, const struct numars_move_options *options, struct numars_move_stats *stats)
{
    return move_process_between(pid, all_nodes_but(to), mask(to), options, stats);
}

/* Without MPOL_MF_MOVE_ALL, pages that other processes map too would have to stay. */
static struct numars_move_options move_all(void)
{
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.flags = MPOL_MF_MOVE_ALL;
    return options;
}

START_TEST(a_process_moves_completely_where_migrate_pages_returns_0)
{
    struct child_process theirs = start_child(COUNT, 0, use_vdso), ours = start_child(COUNT, 0, use_vdso);
    const struct numars_move_options options = move_all();
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    const int to = target();
    require(node_of_pid(ours.pid, (void *)vdso()) >= 0);
    require(migrate(theirs.pid, all_nodes_but(to), mask(to)) == 0);
    assert_returns(move_process(ours.pid, to, &options, &stats), 0);
    ck_assert_uint_ge(stats.moved, COUNT);
    ck_assert_uint_eq(stats.shared + stats.busy + stats.no_memory + stats.failed, 0);
    assert_stats_add_up(stats);
    end_child(theirs);
    end_child(ours);
}
END_TEST

START_TEST(the_own_process_moves_completely_by_its_whole_address_space)
{
    char *pages = pages_on_node(COUNT, 0);
    const int to = target();
    const struct numars_move_options options = move_all();
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    /* No other process uses the program's own files meanwhile. */
    assert_returns(numars_move_range(0, NULL, end_of_addresses(), to, &options, &stats), 0);
    assert_stats_add_up(stats);
    ck_assert_uint_eq(stats.shared + stats.busy + stats.no_memory + stats.failed, 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, to), COUNT);
    assert_returns(numars_move_range(0, NULL, end_of_addresses(), to, &options, &stats), 0);
    assert_stats_add_up(stats);
    ck_assert_uint_eq(stats.shared + stats.busy + stats.no_memory + stats.failed, 0);
}
END_TEST

START_TEST(pinned_pages_of_the_program_count_nevertheless)
{
    char *pages = pages_on_node(COUNT, 0);
    pin_in_pipe(pages);
    const struct numars_move_options options = move_all();
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_range(0, NULL, end_of_addresses(), target(), &options, &stats), 1);
    /* For pinned pages, Linux 5.10 only reports that it cannot move them. */
    ck_assert_uint_eq(stats.busy + stats.failed, 1);
    ck_assert_uint_eq(count_on_node(pages, COUNT, target()), COUNT - 1);
}
END_TEST

START_TEST(a_range_that_is_the_vdso_has_no_pages_to_move)
{
    const struct numars_move_options options = move_all();
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    const int node = node_of((void *)vdso());
    assert_returns(numars_move_range(0, (void *)vdso(), page_size(), target(), &options, &stats), 0);
    assert_stats_add_up(stats);
    ck_assert_uint_eq(stats.requested, 0);
    ck_assert_int_eq(node_of((void *)vdso()), node);
}
END_TEST

int main(void)
{
    return run_tests("kernel_mappings", (const TTest *[]){
        a_process_moves_completely_where_migrate_pages_returns_0,
        the_own_process_moves_completely_by_its_whole_address_space,
        pinned_pages_of_the_program_count_nevertheless,
        a_range_that_is_the_vdso_has_no_pages_to_move,
        NULL });
}

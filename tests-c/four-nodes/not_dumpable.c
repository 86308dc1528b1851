/* A process that has changed its user cannot open its own /proc/self/pagemap, which belongs to root then, but it can open /proc/self/maps.
 * Memory that it reserved and never touched is skipped nevertheless. */
#include <numars.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "move_stats.h"
#include "nodes.h"
#include "pages.h"

enum { COUNT = 40, PLACES = 3 };

static const size_t LENGTH = (sizeof(size_t) > 4 ? 16UL : 1UL) << 30;

/* Querying every page of LENGTH by move_pages(2) takes more calls. */
enum { MAX_CALLS = 30 };

/* Reserves LENGTH bytes. The tests touch COUNT pages in each of PLACES, on node 0. */
static char *reserve(void)
{
    char *start = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(start != MAP_FAILED && madvise(start, LENGTH, MADV_NOHUGEPAGE) == 0);
    return start;
}

static char *nth_range(char *start, size_t index)
{
    return start + index * (LENGTH / PLACES) / page_size() * page_size();
}

static void stop_being_dumpable(void)
{
    drop_privileges();
    require(prctl(PR_SET_DUMPABLE, 0) == 0);
    require(access("/proc/self/maps", R_OK) == 0 && access("/proc/self/pagemap", R_OK) != 0);
}

START_TEST(memory_that_was_never_touched_is_skipped)
{
    char *start = reserve();
    for (size_t index = 0; index < PLACES; index++)
        touch_pages(nth_range(start, index), COUNT, 0);
    stop_being_dumpable();
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_range(0, start, LENGTH, 1, NULL, &stats), 0);
    ck_assert_uint_le(stats.kernel_calls, MAX_CALLS);
    assert_stats(stats, .requested = PLACES * COUNT, .moved = PLACES * COUNT);
    for (size_t index = 0; index < PLACES; index++) {
        ck_assert_uint_eq(count_on_node(nth_range(start, index), COUNT, 1), COUNT);
        ck_assert(pages_keep_contents(nth_range(start, index), COUNT));
    }
}
END_TEST

START_TEST(all_pages_of_the_whole_address_space_are_found)
{
    if (PROCESS_SCAN_IS_SLOW)
        skip_test("AddressSanitizer maps terabytes, and each page would be queried");
    char *start = reserve(), *file = map_file_pages(file_in("/mnt/ext4", COUNT), COUNT), stack[3 * page_size()];
    char *huge = transparent_huge_page(3);
    memset(stack, 's', sizeof stack);
    touch_pages(nth_range(start, 1), COUNT, 0);
    touch_pages(file, COUNT, 0);
    stop_being_dumpable();
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    struct bitmask *from = set_of(mask(0) | mask(2) | mask(3)), *to = set_of(mask(1));
    const long returned = numars_move_process(0, from, to, NULL, &stats);
    expect(returned >= 0, "returned %ld, errno %d", returned, errno);
    ck_assert_uint_eq(stats.shared + stats.busy + stats.failed, (unsigned long)returned);
    assert_stats_add_up(stats);
    ck_assert_uint_le(stats.kernel_calls, MAX_CALLS);
    ck_assert_uint_eq(count_on_node(nth_range(start, 1), COUNT, 1), COUNT);
    ck_assert_uint_eq(count_on_node(file, COUNT, 1), COUNT);
    ck_assert_uint_eq(count_on_node(huge, pages_per_huge_page(), 1), pages_per_huge_page());
    ck_assert_int_eq(node_of(stack + sizeof stack / 2), 1);
}
END_TEST

START_TEST(another_process_is_not_taken_for_this_one)
{
    char *start = reserve();
    drop_privileges();
    struct child_process child = start_child(COUNT, 0, NULL);
    /* Mapped here too, but not touched. */
    char *here = mmap(child.pages, COUNT * page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    require(here == child.pages);
    require(prctl(PR_SET_DUMPABLE, 0) == 0);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_range(child.pid, child.pages, COUNT * page_size(), 1, NULL, &stats), 0);
    assert_stats(stats, .requested = COUNT, .moved = COUNT);
    assert_returns(numars_move_range(0, here, COUNT * page_size(), 1, NULL, &stats), 0);
    assert_stats(stats, .requested = 0);
    end_child(child);
    munmap(start, LENGTH);
}
END_TEST

int main(void)
{
    return run_tests("not_dumpable", (const TTest *[]){
        memory_that_was_never_touched_is_skipped,
        all_pages_of_the_whole_address_space_are_found,
        another_process_is_not_taken_for_this_one,
        NULL });
}

/* Pages above 2^47, which a program gets only on request on a processor with five-level page tables, and address ranges that no program can
 * have. */
#include <numars.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "environment.h"
#include "fault_injection.h"
#include "harness.h"
#include "move_stats.h"
#include "nodes.h"
#include "pages.h"

enum { COUNT = 40 };

static const uintptr_t HIGH = 1UL << 52;

/* The last page that an x86 program can map with five-level page tables. */
static const uintptr_t LAST_PAGE = (1UL << 56) - 2 * 4096;

/* AddressSanitizer has shadow memory for addresses below 2^47 only, and faults when it checks a higher one. */
#ifdef __SANITIZE_ADDRESS__
enum { ONLY_LOW_ADDRESSES = true };
#else
enum { ONLY_LOW_ADDRESSES = false };
#endif

/* Debian enables them since Linux 6.1. Prints why nothing is tested if the kernel is older. */
static bool has_five_levels(void)
{
    if (ONLY_LOW_ADDRESSES || kernel_before(6, 1)) {
        fprintf(stderr, "# not tested here: only addresses below 2^47 can be used\n");
        return false;
    }
    char line[4096];
    bool has_la57 = false;
    FILE *cpuinfo = fopen("/proc/cpuinfo", "r");
    require(cpuinfo != NULL);
    while (!has_la57 && fgets(line, sizeof line, cpuinfo) != NULL)
        has_la57 = strncmp(line, "flags", strlen("flags")) == 0 && strstr(line, " la57") != NULL;
    fclose(cpuinfo);
    expect(has_la57, "the guest's processor has no la57");
    return true;
}

static char *high_pages(uintptr_t address, size_t count, int node)
{
    char *pages = mmap((void *)address, count * page_size(), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    require((uintptr_t)pages == address);
    touch_pages(pages, count, node);
    return pages;
}

static long move_own_process(int from, int to)
{
    struct bitmask *from_nodes = set_of(mask(from)), *to_nodes = set_of(mask(to));
    const long returned = numars_move_process(0, from_nodes, to_nodes, NULL, NULL);
    numa_bitmask_free(from_nodes);
    numa_bitmask_free(to_nodes);
    return returned;
}

static size_t whole_length(void)
{
    return UINTPTR_MAX - (page_size() - 1);
}

static void try_high_pages(void)
{
    if (!has_five_levels())
        return;
    char *pages = high_pages(HIGH, COUNT, 0), *last = high_pages(LAST_PAGE, 1, 0);
    unsigned long per_node[NODES];
    assert_returns(numars_count_pages(0, pages, COUNT * page_size(), per_node, NODES), COUNT);
    ck_assert_uint_eq(per_node[0], COUNT);
    assert_returns(numars_count_pages(0, last, page_size(), NULL, 0), 1);
    assert_returns(numars_count_pages(0, pages + page_size(), whole_length() - HIGH - page_size(), NULL, 0), COUNT);

    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_range(0, pages, COUNT * page_size(), 1, NULL, &stats), 0);
    assert_stats(stats, .requested = COUNT, .moved = COUNT);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 1), COUNT);
    assert_returns(numars_move_range(0, pages, whole_length() - HIGH, 2, NULL, &stats), 0);
    assert_stats(stats, .requested = COUNT + 1, .moved = COUNT + 1);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 2) + count_on_node(last, 1, 2), COUNT + 1);

    ck_assert_int_ge(move_own_process(2, 3), 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 3) + count_on_node(last, 1, 3), COUNT + 1);
    ck_assert(pages_keep_contents(pages, COUNT));
}

START_TEST(pages_above_the_usual_limit_are_counted_and_moved)
{
    try_high_pages();
}
END_TEST

START_TEST(pages_above_the_usual_limit_are_counted_and_moved_without_PAGEMAP_SCAN)
{
    const struct denied_call denied_call = { SYS_ioctl, ENOTTY };
    deny_syscalls(&denied_call, 1);
    try_high_pages();
}
END_TEST

START_TEST(a_whole_process_has_its_low_and_its_high_pages)
{
    if (!has_five_levels())
        return;
    struct child_process plain = start_child(COUNT, 3, NULL);
    const long low = numars_count_pages(plain.pid, NULL, whole_length(), NULL, 0);
    size_t on_node[NODES];
    ck_assert_int_eq(low, (long)count_process_pages(plain.pid, on_node));
    end_child(plain);

    char *pages = high_pages(HIGH, COUNT, 3);
    struct child_process child = share_with_child(pages, COUNT);
    const long all = (long)count_process_pages(child.pid, on_node);
    assert_returns(numars_count_pages(child.pid, NULL, whole_length(), NULL, 0), all);
    assert_returns(numars_count_pages(child.pid, NULL, HIGH, NULL, 0), all - COUNT);
    end_child(child);
}
END_TEST

START_TEST(addresses_that_no_program_can_map_hold_no_pages)
{
    const uintptr_t starts[] = { 1UL << 57, 1UL << 60, 1UL << 63, 0xffffffffff600000, UINTPTR_MAX - 64 * 4096 + 1 };
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
        assert_returns(numars_count_pages(0, (void *)starts[i], 32 * page_size(), NULL, 0), 0);
        assert_returns(numars_move_range(0, (void *)starts[i], 32 * page_size(), 1, NULL, &stats), 0);
        ck_assert_uint_eq(stats.moved, 0);
    }
}
END_TEST

int main(void)
{
    return run_tests("high_addresses", (const TTest *[]){
        pages_above_the_usual_limit_are_counted_and_moved,
        pages_above_the_usual_limit_are_counted_and_moved_without_PAGEMAP_SCAN,
        a_whole_process_has_its_low_and_its_high_pages,
        addresses_that_no_program_can_map_hold_no_pages,
        NULL });
}

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

/* 2^52 with five-level page tables of x86. */
static uintptr_t high(void)
{
    return (end_of_addresses() + page_size()) / 16 / page_size() * page_size();
}

/* The last page that a program can map. */
static uintptr_t last_page(void)
{
    return end_of_addresses() - page_size();
}

/* AddressSanitizer has shadow memory for addresses below 2^47 only, and faults when it checks a higher one. */
#ifdef __SANITIZE_ADDRESS__
enum { ONLY_LOW_ADDRESSES = true };
#else
enum { ONLY_LOW_ADDRESSES = false };
#endif

/* Skips the test unless a program can map addresses far above those that it gets by itself, such as that of its stack. */
static void require_high_addresses(void)
{
    if (ONLY_LOW_ADDRESSES)
        skip_test("AddressSanitizer only knows low addresses");
    int on_stack;
    const bool are_there = end_of_addresses() / 16 > (uintptr_t)&on_stack;
#ifdef __x86_64__
    /* Debian enables five-level page tables since Linux 6.1. */
    expect(are_there || kernel_before(6, 1), "the guest's processor has no la57");
#endif
    if (!are_there)
        skip_test("programs get all addresses that they can map");
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
    require_high_addresses();
    char *pages = high_pages(high(), COUNT, 0), *last = high_pages(last_page(), 1, 0);
    unsigned long per_node[NODES];
    assert_returns(numars_count_pages(0, pages, COUNT * page_size(), per_node, NODES), COUNT);
    ck_assert_uint_eq(per_node[0], COUNT);
    assert_returns(numars_count_pages(0, last, page_size(), NULL, 0), 1);
    assert_returns(numars_count_pages(0, pages + page_size(), whole_length() - high() - page_size(), NULL, 0), COUNT);

    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    assert_returns(numars_move_range(0, pages, COUNT * page_size(), 1, NULL, &stats), 0);
    assert_stats(stats, .requested = COUNT, .moved = COUNT);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 1), COUNT);
    assert_returns(numars_move_range(0, pages, whole_length() - high(), 2, NULL, &stats), 0);
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
    require_high_addresses();
    struct child_process plain = start_child(COUNT, 3, NULL);
    const long low = numars_count_pages(plain.pid, NULL, whole_length(), NULL, 0);
    size_t on_node[NODES];
    ck_assert_int_eq(low, (long)count_process_pages(plain.pid, on_node));
    end_child(plain);

    char *pages = high_pages(high(), COUNT, 3);
    struct child_process child = share_with_child(pages, COUNT);
    const long all = (long)count_process_pages(child.pid, on_node);
    assert_returns(numars_count_pages(child.pid, NULL, whole_length(), NULL, 0), all);
    assert_returns(numars_count_pages(child.pid, NULL, high(), NULL, 0), all - COUNT);
    end_child(child);
}
END_TEST

START_TEST(addresses_that_no_program_can_map_hold_no_pages)
{
    if (sizeof(void *) == 4)
        skip_test("nearly all 32-bit addresses can be mapped");
    /* In sixteenths of all addresses: 2^57 and 2^60, then 2^63, and the page where x86 has [vsyscall]. */
    const uintptr_t sixteenth = UINTPTR_MAX / 16 + 1, starts[] = { sixteenth / 8, sixteenth, 8 * sixteenth, UINTPTR_MAX - 0x9fffff,
                                                                   UINTPTR_MAX - 64 * page_size() + 1 };
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

/* Lists whose addresses collide in a hash table: strides that multiplicative hashing maps to nearby buckets. They must cost about as much
 * as any other list.
 *
 * The bound is relative to a list of the same addresses in ascending order, which needs no table, and generous: with a linearly probed
 * table, the worst of these strides cost several hundred times as much. */
#include <numars.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "harness.h"
#include "pages.h"

/* As many entries as the library processes in one batch; nothing is mapped at any of the addresses. */
enum { COUNT = 65536, MAX_TIMES_AS_LONG = 40 };

/* The highest user address of x86-64, in pages of 4 KiB, and where pages are larger, the one up to which these are as many. */
static const uint64_t PAGE_LIMIT = (uint64_t)1 << 35;

/* Far above the mappings at the bottom of a small program, far below its stack. */
static const uint64_t FIRST_PAGE = ((uint64_t)1 << 32) + (1 << 24);

static void **pages;
static int *nodes, *status;

static double cpu_seconds(void)
{
    struct timespec now;
    require(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double seconds_of_move(void)
{
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    const double start = cpu_seconds();
    assert_returns(numars_move_pages(0, COUNT, pages, nodes, status, NULL, &stats), 0);
    const double seconds = cpu_seconds() - start;
    ck_assert_uint_eq(stats.requested, COUNT);
    ck_assert_uint_eq(stats.absent + stats.unmapped, COUNT);
    return seconds;
}

static void make_arrays(void)
{
    if (end_of_addresses() / page_size() / 4 < FIRST_PAGE)
        skip_test("there are too few addresses");
    pages = calloc(COUNT, sizeof *pages);
    nodes = calloc(COUNT, sizeof *nodes);
    status = calloc(COUNT, sizeof *status);
    require(pages != NULL && nodes != NULL && status != NULL);
}

static void name_pages_with_stride(uint64_t stride)
{
    for (uint64_t entry = 0; entry < COUNT; entry++)
        pages[COUNT - 1 - entry] = (void *)(uintptr_t)((FIRST_PAGE + entry * stride) % PAGE_LIMIT * page_size());
}

static void reverse_order(void)
{
    for (size_t entry = 0; entry < COUNT / 2; entry++) {
        void *page = pages[entry];
        pages[entry] = pages[COUNT - 1 - entry];
        pages[COUNT - 1 - entry] = page;
    }
}

/* The addresses are in descending order at first, and in ascending order afterwards. */
static void assert_cost(const char *what, uint64_t number)
{
    const double seconds = seconds_of_move();
    reverse_order();
    const double usual = seconds_of_move();
    expect(seconds <= MAX_TIMES_AS_LONG * usual, "%s %llu: %.3f s of CPU time in descending order, %.3f s in ascending order", what,
           (unsigned long long)number, seconds, usual);
}

/* 64-bit multipliers that are commonly used for hashing. */
static const uint64_t MULTIPLIERS[] = {
    0x9e3779b97f4a7c15, 0x517cc1b727220a95, 0xff51afd7ed558ccd, 0xf1357aea2e62a9c5,
};

/* Returns the stride, up to this one, whose hashed multiples are closest together. */
static uint64_t worst_stride(uint64_t multiplier)
{
    enum { LONGEST = 1 << 18 };
    uint64_t worst = 1, least = UINT64_MAX;
    for (uint64_t stride = 1; stride < LONGEST; stride++) {
        const uint64_t product = stride * multiplier, distance = product < -product ? product : -product;
        /* The distance is never 0: the multipliers are odd. */
        if (distance < least) {
            least = distance;
            worst = stride;
        }
    }
    return worst;
}

START_TEST(strides_that_multiplicative_hashing_maps_to_nearby_buckets_cost_little_more_than_others)
{
    make_arrays();
    for (size_t i = 0; i < sizeof MULTIPLIERS / sizeof *MULTIPLIERS; i++) {
        const uint64_t stride = worst_stride(MULTIPLIERS[i]);
        name_pages_with_stride(stride);
        assert_cost("a stride of pages of", stride);
    }
}
END_TEST

START_TEST(strides_of_powers_of_two_cost_little_more_than_others)
{
    make_arrays();
    for (uint64_t stride = 2; stride <= PAGE_LIMIT / COUNT / 2; stride *= 8) {
        name_pages_with_stride(stride);
        assert_cost("a stride of pages of", stride);
    }
}
END_TEST

/* Not a stride: pages whose products with the multiplier fall into a small range, in scrambled order. */
START_TEST(addresses_chosen_for_their_hashes_cost_little_more_than_others)
{
    enum { PART = 64 };
    make_arrays();
    for (size_t i = 0; i < sizeof MULTIPLIERS / sizeof *MULTIPLIERS; i++) {
        size_t count = 0;
        for (uint64_t page = FIRST_PAGE; count < COUNT && page < FIRST_PAGE + ((uint64_t)1 << 28); page++)
            if (page * MULTIPLIERS[i] < UINT64_MAX / PART)
                pages[COUNT - 1 - count++] = (void *)(uintptr_t)(page * page_size());
        if (count < COUNT)
            continue;
        assert_cost("chosen for multiplier", MULTIPLIERS[i]);
    }
}
END_TEST

int main(void)
{
    skip_without_numa_system_calls();
    return run_tests("hash_collisions", (const TTest *[]){
        strides_that_multiplicative_hashing_maps_to_nearby_buckets_cost_little_more_than_others,
        strides_of_powers_of_two_cost_little_more_than_others,
        addresses_chosen_for_their_hashes_cost_little_more_than_others,
        NULL });
}

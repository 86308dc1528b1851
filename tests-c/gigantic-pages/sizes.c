/* Nodes with more bytes than a long of 32 bits can hold. */
#include <limits.h>
#include <numars.h>

#include "harness.h"

static long long limited_to_long(long long bytes)
{
    return bytes < LONG_MAX ? bytes : LONG_MAX;
}

START_TEST(a_size_that_a_long_cannot_hold_is_the_largest_long)
{
    for (int node = 0; node < 2; node++) {
        long free = -2;
        long long free64 = -2;
        const long size = numa_node_size(node, &free);
        const long long size64 = numa_node_size64(node, &free64);
        ck_assert(size64 > 2LL << 30);
        ck_assert_int_eq(size, limited_to_long(size64));
        /* Other processes allocate and free meanwhile. */
        const long long apart = free - limited_to_long(free64);
        ck_assert(-(64 << 20) < apart && apart < 64 << 20);
    }
    long free = -2;
    ck_assert(numa_node_size(2, &free) == -1 && free == 0 && errno == ENOENT);
}
END_TEST

int main(void)
{
    return run_tests("sizes", (const TTest *[]){ a_size_that_a_long_cannot_hold_is_the_largest_long, NULL });
}

/* The example of docs/memory-tiers.md: examples/memory_tiers.c. */
#define main memory_tiers
#include "../../examples/memory_tiers.c"
#undef main

#include "environment.h"
#include "harness.h"

/* Returns what the example prints on standard output. */
static const char *printed(void)
{
    keep_output();
    ck_assert_int_eq(memory_tiers(), EXIT_SUCCESS);
    return kept_output();
}

START_TEST(the_example_shows_what_the_kernel_states_about_each_node)
{
    const char *text = printed();
    const bool derives_weights = numars_node_weight(0) == 7;
    char slow[100];
    if (!kernel_before(6, 12)) {
        snprintf(slow, sizeof slow, " %5d      30720  30720      250    250       1 memory\n", numars_node_tier(2));
        ck_assert_ptr_nonnull(strstr(text, slow));
        ck_assert_ptr_nonnull(strstr(text, derives_weights ? "     4     204800 204800       80     80       7 CPUs memory\n"
                                                           : "     4     204800 204800       80     80       1 CPUs memory\n"));
        ck_assert_ptr_nonnull(strstr(text, "\nThere are 2 tiers; a smaller number is faster.\n"));
    } else if (kernel_before(6, 1)) {
        ck_assert_ptr_nonnull(strstr(text, "     -      30720  30720      250    250       - memory\n"));
    } else if (kernel_before(6, 2)) {
        ck_assert_ptr_nonnull(strstr(text, "     4      30720  30720      250    250       - memory\n"));
        ck_assert_ptr_nonnull(strstr(text, "\nAll memory is in one tier: the firmware describes no difference, or the kernel ignores it.\n"));
    }
    ck_assert_ptr_nonnull(strstr(text, "\nLowest latency of reads: node 0 1\n"));
}
END_TEST

int main(void)
{
    return run_tests("example", (const TTest *const[]){
        the_example_shows_what_the_kernel_states_about_each_node,
        NULL });
}

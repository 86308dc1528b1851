/* The example in README.md: examples/move_with_progress.c. */
#define main move_with_progress
#include "../../examples/move_with_progress.c"
#undef main

#include "harness.h"

/* Returns what the example prints on standard output. */
static const char *printed_by(const char *from, const char *to, int *status)
{
    /* A slow machine prints many lines. */
    static char text[1 << 20];
    char *arguments[] = { "move_with_progress", (char *)from, (char *)to, NULL };
    require(freopen("/tmp/printed", "w+", stdout) != NULL);
    *status = move_with_progress(3, arguments);
    require(fflush(stdout) == 0);
    rewind(stdout);
    text[fread(text, 1, sizeof text - 1, stdout)] = '\0';
    return text;
}

START_TEST(the_readmes_example_moves_16_MiB_and_reports_progress)
{
    int status;
    const char *text = printed_by("0", "3", &status);
    ck_assert_int_eq(status, EXIT_SUCCESS);
    ck_assert_ptr_nonnull(strstr(text, "so far: 4096 pages moved\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n4096 moved, 0 were there, 0 busy, 0 found no memory\n"));
}
END_TEST

START_TEST(the_readmes_example_counts_pages_already_in_place)
{
    int status;
    ck_assert_ptr_nonnull(strstr(printed_by("2", "2", &status), "\n0 moved, 4096 were there, 0 busy, 0 found no memory\n"));
    ck_assert_int_eq(status, EXIT_SUCCESS);
}
END_TEST

START_TEST(the_readmes_example_fails_if_there_is_no_such_node)
{
    int status;
    ck_assert_str_eq(printed_by("0", "7", &status), "0 moved, 0 were there, 0 busy, 0 found no memory\n");
    ck_assert_int_eq(status, EXIT_FAILURE);
}
END_TEST

int main(void)
{
    return run_tests("example", (const TTest *const[]){
        the_readmes_example_moves_16_MiB_and_reports_progress,
        the_readmes_example_counts_pages_already_in_place,
        the_readmes_example_fails_if_there_is_no_such_node,
        NULL });
}

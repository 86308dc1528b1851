/* The example in README.md: examples/move_with_progress.c. */
#define main move_with_progress
#include "../../examples/move_with_progress.c"
#undef main

#include "harness.h"
#include "machine.h"

/* Returns what the example prints on standard output. */
static const char *printed_by(const char *from, const char *to, int *status)
{
    char *arguments[] = { "move_with_progress", (char *)from, (char *)to, NULL };
    keep_output();
    *status = move_with_progress(3, arguments);
    return kept_output();
}

/* Returns a format with the number of pages that the example has. */
static const char *with_pages(const char *format)
{
    static char text[128];
    snprintf(text, sizeof text, format, ((size_t)16 << 20) / page_size());
    return text;
}

START_TEST(the_readmes_example_moves_16_MiB_and_reports_progress)
{
    int status;
    const char *text = printed_by("0", "3", &status);
    ck_assert_int_eq(status, EXIT_SUCCESS);
    ck_assert_ptr_nonnull(strstr(text, with_pages("so far: %zu pages moved\n")));
    ck_assert_ptr_nonnull(strstr(text, with_pages("\n%zu moved, 0 were there, 0 busy, 0 found no memory\n")));
}
END_TEST

START_TEST(the_readmes_example_counts_pages_already_in_place)
{
    int status;
    ck_assert_ptr_nonnull(strstr(printed_by("2", "2", &status), with_pages("\n0 moved, %zu were there, 0 busy, 0 found no memory\n")));
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

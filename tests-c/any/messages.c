/* numa_error and numa_warn: what a program's users see. */
#include <limits.h>
#include <numa.h>
#include <stdio.h>
#include <stdlib.h>

#include "environment.h"
#include "harness.h"

enum { REACHED_THE_END = 33 };

static char output[8192];

static void fail_to_open(void)
{
    errno = ENOENT;
    numa_error("open");
    exit(REACHED_THE_END);
}

START_TEST(numa_error_prints_the_call_and_the_error)
{
    char expected[256];
    snprintf(expected, sizeof expected, "open: %s\n", strerror(ENOENT));
    ck_assert_int_eq(run_in_child(fail_to_open, output, sizeof output), REACHED_THE_END);
    ck_assert_str_eq(output, expected);
}
END_TEST

static void fail_with_exit_asked_for(void)
{
    numa_exit_on_error = 1;
    fail_to_open();
}

START_TEST(numa_error_ends_the_program_if_asked_to)
{
    ck_assert_int_eq(run_in_child(fail_with_exit_asked_for, output, sizeof output), 1);
    ck_assert_ptr_nonnull(strstr(output, "open: "));
}
END_TEST

static void fail_with_exit_asked_for_on_warnings(void)
{
    numa_exit_on_warn = 1;
    fail_to_open();
}

START_TEST(numa_error_ignores_numa_exit_on_warn)
{
    ck_assert_int_eq(run_in_child(fail_with_exit_asked_for_on_warnings, output, sizeof output), REACHED_THE_END);
}
END_TEST

static void fail_and_look_at_errno(void)
{
    errno = EACCES;
    numa_error("look");
    exit(errno == EACCES ? REACHED_THE_END : EXIT_FAILURE);
}

START_TEST(numa_error_leaves_errno_alone)
{
    ck_assert_int_eq(run_in_child(fail_and_look_at_errno, output, sizeof output), REACHED_THE_END);
}
END_TEST

static void warn_of_many_things(void)
{
    numa_warn(1, "node %d has %s, %.1f %% of %llu", 3, "memory", 12.5, 1ULL << 40);
    exit(REACHED_THE_END);
}

START_TEST(numa_warn_formats_as_printf_does)
{
    ck_assert_int_eq(run_in_child(warn_of_many_things, output, sizeof output), REACHED_THE_END);
    ck_assert_str_eq(output, "libnuma: Warning: node 3 has memory, 12.5 % of 1099511627776\n");
}
END_TEST

/* Arguments of every type and mixture, and more of each than any machine passes in registers. */
#define MESSAGES(PRINT) \
    PRINT("%d %d %d %d %d %d %d %d %d %d", 1, -2, 3, -4, 5, -6, 7, -8, 9, -10); \
    PRINT("%lld %lld %lld %lld %lld %lld %lld", 1LL << 40, -2LL * (1LL << 40), 3LL, -4LL, LLONG_MAX, LLONG_MIN, 7LL); \
    PRINT("%d %lld %d %d %lld %lld %d", 1, 2LL << 40, 3, 4, 5LL << 40, -6LL, 7); \
    PRINT("%s %s %s %s %s %s %s %s", "one", "two", "three", "four", "five", "six", "seven", "eight"); \
    PRINT("%g %g %g %g %g %g %g %g %g %g", 0.5, -1.5, 2.5, -3.5, 4.5, -5.5, 6.5, -7.5, 8.5, -9.5); \
    PRINT("%d %g %s %lld %g %g %d %s", 1, 2.5, "three", 4LL << 40, 5.5, 6e300, 7, "eight"); \
    PRINT("%g %d %d %d %g %d %g %d %d %g", 0.5, 1, 2, 3, 4.5, 5, 6.5, 7, 8, 9.5); \
    PRINT("%d %g %d %g %d %g %d %g %d %g %d %g %d %g %d %g %d %g %d %g", 1, 0.1, 2, 0.2, 3, 0.3, 4, 0.4, 5, 0.5, 6, 0.6, \
          7, 0.7, 8, 0.8, 9, 0.9, 10, 1.0); \
    PRINT("%Lg %d %Lg %s %Lg", 0.5L, 1, -2.5L, "three", 4.5L); \
    PRINT("%zu %ld %p %c %hd %u %*d %.*f", (size_t)-1, LONG_MIN, (void *)output, 'c', (short)-1, UINT_MAX, 6, 7, 2, 1.005)

#define WARN(...) numa_warn(64, __VA_ARGS__)

static void warn_of_everything(void)
{
    MESSAGES(WARN);
    exit(REACHED_THE_END);
}

#define EXPECT(...) \
    length += (size_t)snprintf(expected + length, sizeof expected - length, "libnuma: Warning: "); \
    length += (size_t)snprintf(expected + length, sizeof expected - length, __VA_ARGS__); \
    length += (size_t)snprintf(expected + length, sizeof expected - length, "\n")

START_TEST(numa_warn_takes_arguments_of_any_type_and_number)
{
    static char expected[sizeof output];
    size_t length = 0;
    MESSAGES(EXPECT);
    ck_assert_int_eq(run_in_child(warn_of_everything, output, sizeof output), REACHED_THE_END);
    ck_assert_str_eq(output, expected);
}
END_TEST

/* A format of `size` bytes with a number at its end. */
static char *format_of(size_t size)
{
    static char format[2048];
    memset(format, 'x', size);
    strcpy(format + size - 2, "%d");
    return format;
}

static const size_t sizes[] = { 200, 492, 493, 494, 495, 496, 1500 };

static void warn_at_length(void)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        numa_warn((int)i, format_of(sizes[i]), 7);
}

START_TEST(numa_warn_takes_a_format_of_any_length)
{
    ck_assert_int_eq(run_in_child(warn_at_length, output, sizeof output), 0);
    const char *line = output;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *start = "libnuma: Warning: ", *format = format_of(sizes[i]);
        ck_assert_int_eq(strncmp(line, start, strlen(start)), 0);
        line += strlen(start);
        ck_assert_int_eq(strncmp(line, format, sizes[i] - 2), 0);
        line += sizes[i] - 2;
        ck_assert_int_eq(strncmp(line, "7\n", 2), 0);
        line += 2;
    }
    ck_assert_str_eq(line, "");
}
END_TEST

static void warn_again_and_again(void)
{
    for (int turn = 0; turn < 3; turn++)
        for (int number = 0; number < 4; number++)
            numa_warn(number, "number %d, turn %d", number, turn);
}

START_TEST(numa_warn_prints_once_per_number)
{
    ck_assert_int_eq(run_in_child(warn_again_and_again, output, sizeof output), 0);
    ck_assert_str_eq(output, "libnuma: Warning: number 0, turn 0\n"
                             "libnuma: Warning: number 1, turn 0\n"
                             "libnuma: Warning: number 2, turn 0\n"
                             "libnuma: Warning: number 3, turn 0\n");
}
END_TEST

static void warn_and_look_at_errno(void)
{
    errno = EACCES;
    numa_warn(2, "look");
    exit(errno == EACCES ? REACHED_THE_END : EXIT_FAILURE);
}

START_TEST(numa_warn_leaves_errno_alone)
{
    ck_assert_int_eq(run_in_child(warn_and_look_at_errno, output, sizeof output), REACHED_THE_END);
}
END_TEST

static void warn_with_exit_asked_for_on_errors(void)
{
    numa_exit_on_error = 1;
    numa_warn(2, "go on");
    exit(REACHED_THE_END);
}

START_TEST(numa_warn_ignores_numa_exit_on_error)
{
    ck_assert_int_eq(run_in_child(warn_with_exit_asked_for_on_errors, output, sizeof output), REACHED_THE_END);
}
END_TEST

START_TEST(nothing_ends_the_program_unless_asked_to)
{
    ck_assert_int_eq(numa_exit_on_error, 0);
    ck_assert_int_eq(numa_exit_on_warn, 0);
}
END_TEST

int main(void)
{
    return run_tests("messages", (const TTest *[]){
        numa_error_prints_the_call_and_the_error,
        numa_error_ends_the_program_if_asked_to,
        numa_error_ignores_numa_exit_on_warn,
        numa_error_leaves_errno_alone,
        numa_warn_formats_as_printf_does,
        numa_warn_takes_arguments_of_any_type_and_number,
        numa_warn_takes_a_format_of_any_length,
        numa_warn_prints_once_per_number,
        numa_warn_leaves_errno_alone,
        numa_warn_ignores_numa_exit_on_error,
        nothing_ends_the_program_unless_asked_to,
        NULL });
}

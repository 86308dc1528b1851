/* The structure of a test program:
 *
 *     START_TEST(a_sentence_about_behaviour) { … } END_TEST
 *
 *     int main(void)
 *     {
 *         return run_tests("name of the program", (const TTest *[]){
 *             a_sentence_about_behaviour,
 *             NULL });
 *     }
 *
 * Each test runs in a process of its own and may change its user, cpuset or limits: all of that ends with the test. */
#ifndef HARNESS_H
#define HARNESS_H

#include <check.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

/* Runs the tests, prints TAP on standard output, restores the environment. Returns the exit status for main: 0 if every test passed. */
int run_tests(const char *suite, const TTest *const tests[]);

/* Ends the test, which then counts as skipped, for a reason in a printf-like form: the machine or the kernel lacks what it needs. Only in
 * the process of the test itself. */
_Noreturn void skip_test(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For the start of main: skips all tests of the program if the kernel has no NUMA system calls. */
void skip_without_numa_system_calls(void);

/* From now on, what is written to standard output is kept in a file without a name. */
void keep_output(void);
/* Returns what was written since then. It is valid until the next call. */
const char *kept_output(void);

/* No call under test ever sets this errno, so finding it afterwards means that errno was left alone. */
enum { UNTOUCHED_ERRNO = 4000 };

/* Fails the test with a printf-like message. Unlike ck_assert, it costs nothing as long as the condition holds. */
#define expect(condition, ...)         \
    do {                               \
        if (!(condition))              \
            ck_abort_msg(__VA_ARGS__); \
    } while (0)

/* For the setup of a test, which cannot continue if a step fails. */
#define require(condition) \
    expect((condition), "the test could not be set up: %s (errno %d, %s)", #condition, errno, strerror(errno))

/* The call must return -1 and set errno to the code. */
#define assert_fails(call, code)                                                                              \
    do {                                                                                                      \
        errno = UNTOUCHED_ERRNO;                                                                              \
        const long returned_ = (call);                                                                        \
        const int errno_ = errno;                                                                             \
        expect(returned_ == -1 && errno_ == (code), "%s: returned %ld, errno %d (%s); expected -1 and %s",    \
               #call, returned_, errno_, strerror(errno_), #code);                                            \
    } while (0)

/* The call must return exactly this value and, since it did not fail, leave errno alone. */
#define assert_returns(call, value)                                                                           \
    do {                                                                                                      \
        errno = UNTOUCHED_ERRNO;                                                                              \
        const long returned_ = (call), expected_ = (value);                                                   \
        const int errno_ = errno;                                                                             \
        expect(returned_ == expected_ && errno_ == UNTOUCHED_ERRNO,                                           \
               "%s: returned %ld, errno %d (%s); expected %ld and errno left alone",                          \
               #call, returned_, errno_, strerror(errno_), expected_);                                        \
    } while (0)

#endif

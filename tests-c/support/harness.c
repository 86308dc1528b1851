#include "harness.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "environment.h"
#include "machine.h"
#include "system_calls.h"

/* An emulated machine is slow, and slower if another one runs at the same time. */
static const double SECONDS_PER_TEST = 60;

/* Why tests were skipped. Shared by the processes of all tests, which run one after the other. */
enum { MAX_TESTS = 128, MAX_REASON = 160 };
static struct {
    size_t started;
    char reasons[MAX_TESTS][MAX_REASON];
} *skipped;

static bool needs_numa_system_calls;

void skip_without_numa_system_calls(void)
{
    needs_numa_system_calls = true;
}

static void begin_test(void)
{
    skipped->started++;
    if (needs_numa_system_calls)
        require_numa_system_calls();
}

void skip_test(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(skipped->reasons[skipped->started - 1], MAX_REASON, format, arguments);
    va_end(arguments);
    _exit(EXIT_SUCCESS);
}

/* libcheck cannot skip a test that has begun: the results go through a process that adds the reasons, until the plan, which is last. It
 * allocates nothing, because programs may define malloc(3). */
_Noreturn static void add_reasons(int results, size_t count)
{
    static char line[16384];
    char passed[32], plan[32];
    size_t length = 0, number = 0;
    snprintf(plan, sizeof plan, "1..%zu\n", count);
    while (read(results, line + length, 1) == 1) {
        if (line[length++] != '\n' && length < sizeof line - MAX_REASON - 16)
            continue;
        line[length] = '\0';
        const int result = snprintf(passed, sizeof passed, "ok %zu -", number + 1);
        if (strncmp(line, "not ", 4) == 0 && strncmp(line + 4, passed, (size_t)result) == 0)
            number++;
        else if (strncmp(line, passed, (size_t)result) == 0 && skipped->reasons[number++][0] != '\0')
            length = length - 1 + (size_t)sprintf(line + length - 1, " # SKIP %s\n", skipped->reasons[number - 1]);
        if (write(STDOUT_FILENO, line, length) != (ssize_t)length || strcmp(line, plan) == 0)
            break;
        length = 0;
    }
    _exit(EXIT_SUCCESS);
}

int run_tests(const char *suite_name, const TTest *const tests[])
{
    char results[32];
    int ends[2];
    size_t count = 0;
    while (tests[count] != NULL)
        count++;

    /* Before the suite exists: this process would leak it. */
    skipped = mmap(NULL, sizeof *skipped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const pid_t filter = count <= MAX_TESTS && skipped != MAP_FAILED && pipe2(ends, O_CLOEXEC) == 0 ? fork() : -1;
    if (filter < 0) {
        perror(suite_name);
        return EXIT_FAILURE;
    }
    if (filter == 0) {
        close(ends[1]);
        add_reasons(ends[0], count);
    }
    close(ends[0]);
    snprintf(results, sizeof results, "/proc/self/fd/%d", ends[1]);

    Suite *suite = suite_create(suite_name);
    TCase *tests_of_suite = tcase_create(suite_name);
    tcase_set_timeout(tests_of_suite, SECONDS_PER_TEST);
    tcase_add_checked_fixture(tests_of_suite, begin_test, NULL);
    for (size_t test = 0; test < count; test++)
        tcase_add_test(tests_of_suite, tests[test]);
    suite_add_tcase(suite, tests_of_suite);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_FORK);
    srunner_set_tap(runner, results);
    /* Before tests make system calls fail. */
    (void)has_numa_system_calls();
    save_environment();
    srunner_run_all(runner, CK_SILENT);
    restore_environment();

    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    close(ends[1]);
    waitpid(filter, NULL, 0);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static FILE *kept;

void keep_output(void)
{
    require((kept = tmpfile()) != NULL);
    require(fflush(stdout) == 0 && dup2(fileno(kept), STDOUT_FILENO) == STDOUT_FILENO);
}

const char *kept_output(void)
{
    static char *text;
    long length;
    require(fflush(stdout) == 0 && fseek(kept, 0, SEEK_END) == 0 && (length = ftell(kept)) >= 0 && fseek(kept, 0, SEEK_SET) == 0);
    free(text);
    require((text = calloc((size_t)length + 1, 1)) != NULL);
    require(fread(text, 1, (size_t)length, kept) == (size_t)length);
    return text;
}

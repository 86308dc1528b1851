#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

#include "environment.h"

/* An emulated machine is slow, and slower if another one runs at the same time. */
static const double SECONDS_PER_TEST = 60;

int run_tests(const char *suite_name, const TTest *const tests[])
{
    Suite *suite = suite_create(suite_name);
    TCase *tests_of_suite = tcase_create(suite_name);
    tcase_set_timeout(tests_of_suite, SECONDS_PER_TEST);
    for (; *tests != NULL; tests++)
        tcase_add_test(tests_of_suite, *tests);
    suite_add_tcase(suite, tests_of_suite);

    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_FORK);
    srunner_set_tap(runner, "-");
    save_environment();
    srunner_run_all(runner, CK_SILENT);
    restore_environment();

    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

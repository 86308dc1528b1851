/* Calls every function of the library in an ordinary environment. The baseline for the tests that do the same with faults injected. */
#include "all_functions.h"

#include <numa.h>

#include "harness.h"

START_TEST(every_function_returns_a_correct_result)
{
    const struct expectations usual = { 0 };
    struct violations violations = { 0 };
    char text[4096];
    for (int round = 0; round < 3; round++)
        call_all_functions(&usual, &violations);
    describe_violations(&violations, text, sizeof text);
    ck_assert_msg(violations.count == 0, "%s", text);
}
END_TEST

int main(void)
{
    return run_tests("all_functions", (const TTest *[]){
        every_function_returns_a_correct_result,
        NULL });
}

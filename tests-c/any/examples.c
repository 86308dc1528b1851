/* examples/alloc_with_errors.c and examples/parse_nodes.c, as a shell would run them. */
#define main alloc_with_errors
#include "../../examples/alloc_with_errors.c"
#undef main
#define main parse_nodes
#include "../../examples/parse_nodes.c"
#undef main

#include <unistd.h>

#include "harness.h"
#include "machine.h"

/* Returns what an example prints on standard output and standard error. */
static const char *printed_by(int (*example)(int, char **), const char *first, const char *second, int *status)
{
    char *arguments[] = { "example", (char *)first, (char *)second, NULL };
    keep_output();
    require(dup2(STDOUT_FILENO, STDERR_FILENO) >= 0);
    *status = example(first == NULL ? 1 : second == NULL ? 2 : 3, arguments);
    return kept_output();
}

START_TEST(memory_is_allocated_on_a_node_and_counted)
{
    require_numa_system_calls();
    char expected[256];
    const unsigned long pages = (4UL << 20) / (unsigned long)numa_pagesize();
    int status;
    snprintf(expected, sizeof expected,
             "preferred: 0 pages\npreferred and populated: %lu pages, %lu on node 0\nstrict: %lu pages, %lu on node 0\n", pages, pages, pages,
             pages);
    ck_assert_str_eq(printed_by(alloc_with_errors, "0", "4", &status), expected);
    ck_assert_int_eq(status, EXIT_SUCCESS);
}
END_TEST

START_TEST(memory_on_a_node_that_does_not_exist_is_an_error)
{
    require_numa_system_calls();
    int status;
    ck_assert_str_eq(printed_by(alloc_with_errors, "1000", "4", &status),
                     "preferred: Invalid argument\npreferred and populated: Invalid argument\nstrict: Invalid argument\n");
    ck_assert_int_eq(status, EXIT_FAILURE);
}
END_TEST

START_TEST(a_list_is_parsed_and_formatted)
{
    int status;
    ck_assert_str_eq(printed_by(parse_nodes, "0,0x0,+0", NULL, &status), "1 nodes: 0\n");
    ck_assert_int_eq(status, EXIT_SUCCESS);
    ck_assert_str_eq(printed_by(parse_nodes, "!all", NULL, &status), "0 nodes: \n");
    ck_assert_int_eq(status, EXIT_SUCCESS);
}
END_TEST

START_TEST(an_error_in_a_list_is_pointed_at)
{
    int status;
    ck_assert_str_eq(printed_by(parse_nodes, "0,100000", NULL, &status), "0,100000\n  ^ number is out of range\n");
    ck_assert_int_eq(status, EXIT_FAILURE);
    ck_assert_str_eq(printed_by(parse_nodes, NULL, NULL, &status), "usage: example NODES\n");
    ck_assert_int_eq(status, EXIT_FAILURE);
}
END_TEST

int main(void)
{
    return run_tests("examples", (const TTest *[]){
        memory_is_allocated_on_a_node_and_counted,
        memory_on_a_node_that_does_not_exist_is_an_error,
        a_list_is_parsed_and_formatted,
        an_error_in_a_list_is_pointed_at,
        NULL });
}

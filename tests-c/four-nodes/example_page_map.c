/* The example examples/page_map.c, which moves its pages and draws where they are. */
#define main page_map
#include "../../examples/page_map.c"
#undef main

#include "harness.h"

START_TEST(the_example_spreads_its_pages_and_gathers_them)
{
    keep_output();
    ck_assert_int_eq(page_map(), EXIT_SUCCESS);
    const char *text = kept_output();
    /* A quarter of the pages is on its node already; then the last node has its quarter. */
    const char *spread = strstr(text, "Spread over all nodes: 768 of 1024 pages moved, 0 stayed behind");
    const char *gathered = strstr(text, "Gathered on the last node: 768 of 1024 pages moved, 0 stayed behind");
    expect(spread != NULL && gathered > spread, "%s", text);
    expect(strstr(spread, "pages on  node 0: 256  node 1: 256  node 2: 256  node 3: 256\n") < gathered, "%s", text);
    expect(strstr(gathered, "pages on  node 0: 0  node 1: 0  node 2: 0  node 3: 1024\n") != NULL, "%s", text);
}
END_TEST

int main(void)
{
    return run_tests("example_page_map", (const TTest *const[]){ the_example_spreads_its_pages_and_gathers_them, NULL });
}

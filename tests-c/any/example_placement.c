/* The example of docs/moving-pages.md: examples/place_memory.c. */
#define main place_memory
#include "../../examples/place_memory.c"
#undef main

#include <sys/prctl.h>
#include <unistd.h>

#include "harness.h"
#include "pages.h"

/* Returns what the example prints on standard output. */
static const char *printed_for(const char *mode, int *status)
{
    char *arguments[] = { "place_memory", (char *)mode, NULL };
    keep_output();
    *status = place_memory(2, arguments);
    return kept_output();
}

START_TEST(the_example_gives_each_node_an_equal_number_of_pages)
{
    require_numa_system_calls();
    /* khugepaged may collapse pages of several nodes into a huge page on one of them at any time. */
    require(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
    static const char *const MODES[] = { "interleave", "balance" };
    for (size_t mode = 0; mode < sizeof MODES / sizeof *MODES; mode++) {
        int status;
        const char *text = printed_for(MODES[mode], &status);
        const unsigned long pages = SIZE / page_size(), nodes = numa_bitmask_weight(numa_all_nodes_ptr);
        unsigned long total = 0;
        expect(status == EXIT_SUCCESS, "%s", text);
        const char *moves = strchr(text, '\n'), *after = strstr(text, "\nafter:");
        unsigned long moved, in_place;
        ck_assert(after != NULL && sscanf(moves, "\n%lu moved, %lu were in place, 0 are elsewhere", &moved, &in_place) == 2);
        ck_assert_uint_eq(moved + in_place, pages);
        for (int node = 0; node <= numa_max_node(); node++) {
            char name[32];
            if (!numa_bitmask_isbitset(numa_all_nodes_ptr, (unsigned int)node))
                continue;
            snprintf(name, sizeof name, "  node %d ", node);
            const char *found = strstr(after, name);
            ck_assert_ptr_nonnull(found);
            const unsigned long on_node = strtoul(found + strlen(name), NULL, 10);
            total += on_node;
            expect(on_node == pages / nodes || on_node == pages / nodes + 1, "%s", text);
        }
        ck_assert_uint_eq(total, pages);
    }
}
END_TEST

START_TEST(the_example_knows_no_other_mode)
{
    int status;
    ck_assert_str_eq(printed_for("pack", &status), "");
    ck_assert_int_eq(status, EXIT_FAILURE);
}
END_TEST

int main(void)
{
    return run_tests("example_placement", (const TTest *[]){
        the_example_gives_each_node_an_equal_number_of_pages,
        the_example_knows_no_other_mode,
        NULL });
}

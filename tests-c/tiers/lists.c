/* Lists of nodes may end with the name of a tier or of a kind of nodes. */
#include <numars.h>
#include <stdio.h>

#include "environment.h"
#include "harness.h"
#include "nodes.h"
#include "recorded_warnings.h"

enum { MEMORY_ONLY = 2 };

static void assert_names(const char *list, unsigned long expected)
{
    struct bitmask *(*const parsers[])(const char *) = { numa_parse_nodestring, numa_parse_nodestring_all };
    for (int i = 0; i < 2; i++) {
        const unsigned long named = members(accepted(list, parsers[i]));
        expect(named == expected, "%s: nodes %#lx, expected %#lx", list, named, expected);
    }
}

START_TEST(kinds_of_nodes_are_named)
{
    assert_names("cpus", 1 << 0 | 1 << 1);
    assert_names("memory-only", 1 << MEMORY_ONLY);
    assert_names("!cpus", 1 << MEMORY_ONLY);
    assert_names("0,memory-only", 1 << 0 | 1 << MEMORY_ONLY);
    assert_names("+1,memory-only", 1 << 1 | 1 << MEMORY_ONLY);
    assert_names("+cpus", 1 << 0 | 1 << 1);
}
END_TEST

START_TEST(tiers_are_named)
{
    char list[32];
    if (kernel_before(6, 1)) {
        assert_refused("fastest", 26, "Cannot find memory tier `fastest'");
        assert_refused("slowest", 26, "Cannot find memory tier `slowest'");
        assert_refused("tier:4", 26, "Cannot find memory tier `4'");
    } else if (kernel_before(6, 2)) {
        assert_names("fastest", 0x7);
        assert_names("slowest", 0x7);
        assert_names("tier:4", 0x7);
    } else if (!kernel_before(6, 12)) {
        snprintf(list, sizeof list, "tier:%d", numars_node_tier(MEMORY_ONLY));
        assert_names("tier:4", 1 << 0 | 1 << 1);
        assert_names("fastest", 1 << 0 | 1 << 1);
        assert_names(list, 1 << MEMORY_ONLY);
        assert_names("slowest", 1 << MEMORY_ONLY);
        assert_names("!slowest", 1 << 0 | 1 << 1);
        assert_names("1,slowest", 1 << 1 | 1 << MEMORY_ONLY);
        assert_names("0-1,slowest", 0x7);
        assert_names("+0,+fastest", 1 << 0 | 1 << 1);
    }
}
END_TEST

START_TEST(other_names_are_rejected_with_a_warning)
{
    assert_refused("tier:5", 26, "Cannot find memory tier `5'");
    assert_refused("tier:", 26, "Cannot find memory tier `'");
    assert_refused("tier:four", 26, "Cannot find memory tier `four'");
    assert_refused("tier:4,0", 26, "Cannot find memory tier `4,0'");
    assert_refused("dax:dax0.0", 26, "Cannot read node mask for dax device `dax0.0'");
    assert_refused("dax:../dax0.0", 28, "Illegal characters in `../dax0.0' specification");
    assert_refused("drm:card0", 26, "Cannot read node mask for drm device `card0'");
    assert_refused("drm:.", 28, "Illegal characters in `.' specification");
    assert_refused("fastest,0", 10, "unparseable node description `fastest,0'\n");
    assert_refused("0-slowest", 10, "missing node argument slowest\n");
    assert_refused("memory", 10, "unparseable node description `memory'\n");
    assert_refused("Cpus", 10, "unparseable node description `Cpus'\n");
}
END_TEST

START_TEST(cpu_lists_cannot_name_nodes)
{
    last_warning = -1;
    ck_assert_ptr_null(numa_parse_cpustring("cpus"));
    ck_assert_int_eq(last_warning, 9);
    ck_assert_ptr_null(numa_parse_cpustring_all("fastest"));
}
END_TEST

START_TEST(nodes_that_the_program_may_not_use_are_left_out)
{
    /* The library reads its cpuset when it is first needed, and was loaded before. */
    *numa_all_nodes_ptr->maskp = 1 << 0;
    ck_assert_uint_eq(members(numa_parse_nodestring("cpus")), 1 << 0);
    assert_refused("memory-only", 10, "node argument 2 is out of range\n");
    ck_assert_uint_eq(members(numa_parse_nodestring_all("cpus")), 1 << 0 | 1 << 1);
    ck_assert_uint_eq(members(numa_parse_nodestring_all("memory-only")), 1 << MEMORY_ONLY);
}
END_TEST

START_TEST(memory_comes_from_the_nodes_that_a_name_stands_for)
{
    enum { COUNT = 10 };
    struct bitmask *slow = numa_parse_nodestring("memory-only");
    assert_returns(numars_set_membind(slow), 0);
    ck_assert_uint_eq(fresh_on_node(COUNT, MEMORY_ONLY), COUNT);
}
END_TEST

int main(void)
{
    return run_tests("names of nodes", (const TTest *[]){
        kinds_of_nodes_are_named,
        tiers_are_named,
        other_names_are_rejected_with_a_warning,
        cpu_lists_cannot_name_nodes,
        nodes_that_the_program_may_not_use_are_left_out,
        memory_comes_from_the_nodes_that_a_name_stands_for,
        NULL });
}

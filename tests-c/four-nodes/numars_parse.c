/* numars_parse_nodes() and numars_parse_cpus() on four nodes: what they name, cpusets, devices. */
#include <numars.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "environment.h"
#include "harness.h"
#include "nodes.h"

typedef int parse_call(const char *, struct bitmask *, struct numars_parse_error *);

static void assert_named(parse_call *parse, const char *list, unsigned long expected)
{
    struct bitmask *mask = numa_bitmask_setall(numa_allocate_cpumask());
    assert_returns(parse(list, mask, NULL), 0);
    expect(numa_bitmask_weight(mask) == (unsigned)__builtin_popcountl(expected) && *mask->maskp == expected, "%s: %#lx", list, *mask->maskp);
    numa_bitmask_free(mask);
}

static void assert_rejected(parse_call *parse, const char *list, int code, size_t offset, size_t length, const char *message)
{
    struct bitmask *mask = numa_bitmask_setall(numa_allocate_cpumask());
    struct numars_parse_error error = NUMARS_PARSE_ERROR_INIT;
    assert_fails(parse(list, mask, &error), code);
    expect(error.offset == offset && error.length == length && strcmp(error.message, message) == 0, "%s: %zu bytes at %zu, %s", list,
           error.length, error.offset, error.message);
    ck_assert_uint_eq(numa_bitmask_weight(mask), mask->size);
    numa_bitmask_free(mask);
}

START_TEST(lists_name_nodes_and_cpus)
{
    static const struct {
        const char *list;
        unsigned long members;
    } lists[] = { { "0-3", 0xf }, { "1,3", 0xa }, { "!1,3", 0x5 }, { "+1-2", 0x6 }, { "all", 0xf }, { "!all", 0 }, { "3,0x1", 0xa },
                  { "2-0", 0x4 }, { "", 0 } };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        assert_named(numars_parse_nodes, lists[i].list, lists[i].members);
        assert_named(numars_parse_cpus, lists[i].list, lists[i].members);
    }
}
END_TEST

START_TEST(numbers_that_do_not_exist_are_told_from_those_that_cannot)
{
    char list[32];
    snprintf(list, sizeof list, "0,%d", numa_num_possible_nodes());
    assert_rejected(numars_parse_nodes, list, ERANGE, 2, strlen(list) - 2, "number is out of range");
    if (numa_num_possible_nodes() > 4)
        assert_rejected(numars_parse_nodes, "0-4", ENODEV, 2, 1, "no such node");
    if (numa_num_possible_cpus() > numa_num_configured_cpus()) {
        snprintf(list, sizeof list, "1,%d,2", numa_num_configured_cpus());
        assert_rejected(numars_parse_cpus, list, ENODEV, 2, strlen(list) - 4, "no such CPU");
    }
    assert_rejected(numars_parse_nodes, "+4", ERANGE, 1, 1, "index is out of range");
}
END_TEST

/* --- in a cpuset --- */

static const char *const IN_CPUSET = "--in-cpuset", *const WIDENED = "--widened";

static void complain(const char *list, const char *result)
{
    fprintf(stderr, "%s: %s\n", list, result);
    exit(EXIT_FAILURE);
}

static void names(parse_call *parse, const char *list, unsigned long expected)
{
    struct bitmask *mask = numa_allocate_cpumask();
    if (parse(list, mask, NULL) != 0 || members(mask) != expected)
        complain(list, "does not name the nodes");
}

static void rejects(parse_call *parse, const char *list, int code, size_t offset, size_t length, const char *message)
{
    struct bitmask *mask = numa_allocate_cpumask();
    struct numars_parse_error error = NUMARS_PARSE_ERROR_INIT;
    if (parse(list, mask, &error) != -1 || errno != code || error.offset != offset || error.length != length
        || strcmp(error.message, message) != 0)
        complain(list, error.message != NULL ? error.message : "is accepted");
    numa_bitmask_free(mask);
}

/* In a cpuset with nodes and CPUs 0 and 1. The disk is on node 2. */
static void parse_in_cpuset(void)
{
    names(numars_parse_nodes, "0-1", 0x3);
    names(numars_parse_nodes, "all", 0x3);
    names(numars_parse_nodes, "!0", 0xe);
    names(numars_parse_nodes, "+1", 0x2);
    rejects(numars_parse_nodes, "0-2", ENODEV, 2, 1, "node is not allowed");
    rejects(numars_parse_nodes, "1,3", ENODEV, 2, 1, "node is not allowed");
    rejects(numars_parse_nodes, "+2", ERANGE, 1, 1, "index is out of range");
    rejects(numars_parse_cpus, "0,3", ENODEV, 2, 1, "CPU is not allowed");
    rejects(numars_parse_nodes, "0,block:nvme0n1", ENODEV, 2, 13, "node is not allowed");
    rejects(numars_parse_nodes, "+block:nvme0n1", ENODEV, 1, 13, "node is not allowed");
}

/* In the same cpuset, which gets all nodes meanwhile. */
static void parse_in_widened_cpuset(void)
{
    char group[256], path[512];
    FILE *file = fopen("/proc/self/cgroup", "r");
    rejects(numars_parse_nodes, "3", ENODEV, 0, 1, "node is not allowed");
    if (file == NULL || fscanf(file, "0::%255s", group) != 1 || fclose(file) != 0)
        complain("/proc/self/cgroup", "cannot be read");
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpuset.mems", group);
    if (!write_to_file(path, "0-3"))
        complain(path, "cannot be written");
    names(numars_parse_nodes, "3", 0x8);
}

static void run_in_cpuset(void)
{
    reexec(IN_CPUSET);
}

static void run_in_widened_cpuset(void)
{
    reexec(WIDENED);
}

/* The library's sets describe the program's start, so the program is started again inside the cpuset. */
static void assert_succeeds_in_cpuset(void (*run)(void))
{
    char output[512];
    enter_cpuset("0-1");
    change_cpuset("cpuset.cpus", "0-1");
    const int status = run_in_child(run, output, sizeof output);
    leave_cpuset();
    expect(status == EXIT_SUCCESS, "%d, %s", status, output);
}

/* The guest's firmware does not report where its disk is. */
static void set_node_of_disk(const char *node)
{
    require(write_to_file("/sys/class/block/nvme0n1/device/device/numa_node", node));
}

START_TEST(a_node_or_cpu_outside_the_cpuset_is_enodev)
{
    set_node_of_disk("2");
    assert_succeeds_in_cpuset(run_in_cpuset);
    set_node_of_disk("-1");
}
END_TEST

START_TEST(nodes_that_the_cpuset_gains_can_be_named)
{
    assert_succeeds_in_cpuset(run_in_widened_cpuset);
}
END_TEST

START_TEST(a_mask_that_is_too_small_is_erange_and_unchanged)
{
    struct bitmask *mask = numa_bitmask_setbit(numa_bitmask_alloc(2), 1);
    struct numars_parse_error error = NUMARS_PARSE_ERROR_INIT;
    assert_returns(numars_parse_nodes("0-1", mask, &error), 0);
    assert_fails(numars_parse_nodes("0,2,1", mask, &error), ERANGE);
    ck_assert(error.offset == 2 && error.length == 1);
    ck_assert_str_eq(error.message, "number is beyond the mask");
    assert_fails(numars_parse_nodes("all", mask, &error), ERANGE);
    ck_assert(error.offset == 0 && error.length == 3);
    ck_assert_uint_eq(members(mask), 0x3);
}
END_TEST

START_TEST(a_device_stands_for_its_node)
{
    set_node_of_disk("2");
    assert_named(numars_parse_nodes, "file:/mnt/ext4", 1 << 2);
    assert_named(numars_parse_nodes, "0,block:nvme0n1", 1 << 0 | 1 << 2);
    assert_named(numars_parse_nodes, "!block: nvme0n1", 0xf & ~(1 << 2));
    set_node_of_disk("-1");
    assert_rejected(numars_parse_nodes, "block:nvme0n1", ENODEV, 6, 7, "the node of the device is unknown");
    assert_rejected(numars_parse_nodes, "netdev:lo", ENOENT, 7, 2, "no such device, or no node for this kind of device");
}
END_TEST

int main(int count, char **arguments)
{
    if (count == 2) {
        (strcmp(arguments[1], IN_CPUSET) == 0 ? parse_in_cpuset : parse_in_widened_cpuset)();
        return EXIT_SUCCESS;
    }
    return run_tests("numars_parse", (const TTest *[]){
        lists_name_nodes_and_cpus,
        numbers_that_do_not_exist_are_told_from_those_that_cannot,
        a_node_or_cpu_outside_the_cpuset_is_enodev,
        nodes_that_the_cpuset_gains_can_be_named,
        a_mask_that_is_too_small_is_erange_and_unchanged,
        a_device_stands_for_its_node,
        NULL });
}

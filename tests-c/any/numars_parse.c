/* numars_parse_nodes(), numars_parse_cpus() and numars_format_nodes(): results, errors and their positions. These run on any machine: node 0
 * and CPU 0 exist, the numbers below do not. Tests of devices and cpusets are in four-nodes/numars_parse.c. */
#include <limits.h>
#include <numars.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "environment.h"
#include "harness.h"
#include "isolated_calls.h"
#include "pages.h"

enum { BITS = 1024, WORD = 8 * sizeof(unsigned long) };

/* The kind of list. */
typedef int parse_call(const char *, struct bitmask *, struct numars_parse_error *);

/* A mask with contents that a failure must leave alone. */
static struct bitmask *marked_mask(unsigned bits)
{
    struct bitmask *mask = numa_bitmask_alloc(bits);
    require(mask != NULL);
    for (unsigned bit = 0; bit < bits; bit += 3)
        numa_bitmask_setbit(mask, bit);
    return mask;
}

static void assert_rejected(parse_call *parse, const char *list, unsigned bits, int code, size_t offset, size_t length, const char *message)
{
    struct bitmask *mask = marked_mask(bits), *before = marked_mask(bits);
    struct numars_parse_error error = NUMARS_PARSE_ERROR_INIT;
    const char *const text = string_at_end_of_mapping(list);
    assert_fails(parse(text, mask, &error), code);
    expect(error.offset == offset && error.length == length && strcmp(error.message, message) == 0,
           "\"%s\": %zu bytes at %zu, \"%s\"; expected %zu at %zu, \"%s\"", list, error.length, error.offset, error.message, length, offset,
           message);
    ck_assert_uint_le(error.offset + error.length, strlen(list));
    ck_assert_uint_eq(error.size, sizeof error);
    assert_fails(parse(text, mask, NULL), code);
    ck_assert(numa_bitmask_equal(mask, before));
    numa_bitmask_free(mask);
    numa_bitmask_free(before);
}

/* The same as libnuma's call gives. */
static void assert_same(parse_call *parse, struct bitmask *(*parse_string)(const char *), const char *list)
{
    struct bitmask *expected = parse_string(list), *mask = marked_mask((unsigned)numa_num_possible_cpus() + BITS);
    struct numars_parse_error error = { sizeof error, 77, 78, "untouched" };
    require(expected != NULL);
    assert_returns(parse(string_at_end_of_mapping(list), mask, &error), 0);
    expect(numa_bitmask_equal(mask, expected), "\"%s\"", list);
    ck_assert_uint_eq(error.offset, 77);
    ck_assert_uint_eq(error.length, 78);
    ck_assert_str_eq(error.message, "untouched");
    assert_returns(parse(list, mask, NULL), 0);
    numa_bitmask_free(expected);
    numa_bitmask_free(mask);
}

START_TEST(valid_lists_give_what_libnumas_calls_give)
{
    static const char *const lists[] = { "", "0", "0-0", "all", "+0", "+all", "!0", "!all", "0,0,0", " 0", "0x0", "00", "0,all", "+0-0,0" };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        assert_same(numars_parse_nodes, numa_parse_nodestring, lists[i]);
        assert_same(numars_parse_cpus, numa_parse_cpustring, lists[i]);
    }
}
END_TEST

START_TEST(bits_of_the_mask_beyond_the_system_are_cleared)
{
    struct bitmask *mask = numa_bitmask_setall(numa_bitmask_alloc(100000));
    assert_returns(numars_parse_nodes("0", mask, NULL), 0);
    ck_assert_uint_eq(numa_bitmask_weight(mask), 1);
    numa_bitmask_setall(mask);
    assert_returns(numars_parse_cpus("", mask, NULL), 0);
    ck_assert_uint_eq(numa_bitmask_weight(mask), 0);
    numa_bitmask_free(mask);
}
END_TEST

START_TEST(the_syntax_is_einval)
{
    static const struct {
        const char *list;
        size_t offset, length;
        const char *of_nodes, *of_cpus;
    } lists[] = {
        { "x", 0, 1, "not a number, a range, all or a device", "not a number, a range or all" },
        { "0,bad,0", 2, 3, "not a number, a range, all or a device", "not a number, a range or all" },
        { "0,", 2, 0, "a number is missing", NULL },
        { "!", 1, 0, "a number is missing", NULL },
        { "+", 1, 0, "a number is missing", NULL },
        { "all,0", 0, 3, "all must be the last element", NULL },
        { "0,all,0", 2, 3, "all must be the last element", NULL },
        { "0-", 2, 0, "a number is missing after -", NULL },
        { "0,0-all,0", 4, 3, "a number is missing after -", NULL },
        { "0 ", 1, 1, "unexpected text after a number", NULL },
        { "0;0,0", 1, 2, "unexpected text after a number", NULL },
        { "0-0-0", 3, 2, "unexpected text after a number", NULL },
        { "0x", 1, 1, "unexpected text after a number", NULL },
        { "\xc3\xa4,0", 0, 2, "not a number, a range, all or a device", "not a number, a range or all" },
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const char *const of_cpus = lists[i].of_cpus != NULL ? lists[i].of_cpus : lists[i].of_nodes;
        assert_rejected(numars_parse_nodes, lists[i].list, BITS, EINVAL, lists[i].offset, lists[i].length, lists[i].of_nodes);
        assert_rejected(numars_parse_cpus, lists[i].list, BITS, EINVAL, lists[i].offset, lists[i].length, of_cpus);
    }
}
END_TEST

START_TEST(numbers_that_no_system_of_this_kernel_has_are_erange)
{
    static const char *const numbers[] = { "-1", "1000000", "0xffffff", "4294967296", "99999999999999999999" };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char list[64];
        const size_t length = strlen(numbers[i]);
        snprintf(list, sizeof list, "0,%s,0", numbers[i]);
        assert_rejected(numars_parse_nodes, list, BITS, ERANGE, 2, length, "number is out of range");
        assert_rejected(numars_parse_cpus, list, BITS, ERANGE, 2, length, "number is out of range");
        snprintf(list, sizeof list, "0-%s", numbers[i]);
        assert_rejected(numars_parse_nodes, list, BITS, ERANGE, 2, length, "number is out of range");
        assert_rejected(numars_parse_cpus, list, BITS, ERANGE, 2, length, "number is out of range");
    }
}
END_TEST

START_TEST(indices_beyond_all_are_erange)
{
    assert_rejected(numars_parse_nodes, "+100000", BITS, ERANGE, 1, 6, "index is out of range");
    assert_rejected(numars_parse_nodes, "!0,+0-1023,0", BITS, ERANGE, 6, 4, "index is out of range");
    assert_rejected(numars_parse_cpus, "+0,100000", BITS, ERANGE, 3, 6, "index is out of range");
}
END_TEST

START_TEST(nodes_and_cpus_that_do_not_exist_are_enodev)
{
    char list[32];
    const int node = numa_max_possible_node(), cpu = numa_num_possible_cpus() - 1;
    if (node > numa_max_node()) {
        const int length = snprintf(list, sizeof list, "%d", node);
        assert_rejected(numars_parse_nodes, list, BITS, ENODEV, 0, (size_t)length, "no such node");
    }
    if (cpu >= numa_num_configured_cpus()) {
        const int length = snprintf(list, sizeof list, "0-%d", cpu);
        assert_rejected(numars_parse_cpus, list, 100000, ENODEV, 2, (size_t)length - 2, "no such CPU");
    }
}
END_TEST

START_TEST(what_does_not_fit_into_the_mask_is_erange)
{
    struct bitmask empty = { 0, &(unsigned long){ 0 } };
    struct numars_parse_error error = NUMARS_PARSE_ERROR_INIT;
    assert_fails(numars_parse_nodes("0", &empty, &error), ERANGE);
    ck_assert_str_eq(error.message, "number is beyond the mask");
    ck_assert_uint_eq(error.length, 1);
    assert_fails(numars_parse_cpus("all", &empty, &error), ERANGE);
    ck_assert_str_eq(error.message, "the list names a number beyond the mask");
    ck_assert_uint_eq(error.length, 3);
    assert_fails(numars_parse_nodes("+0", &empty, &error), ERANGE);
    assert_returns(numars_parse_nodes("", &empty, NULL), 0);
    assert_returns(numars_parse_nodes("!all", &empty, NULL), 0);

    /* Only numbers count that do not fit. */
    struct bitmask *one = marked_mask(1);
    assert_returns(numars_parse_nodes("0", one, NULL), 0);
    assert_returns(numars_parse_cpus("0", one, NULL), 0);
    if (numa_bitmask_isbitset(numa_all_cpus_ptr, 1)) {
        assert_rejected(numars_parse_cpus, "0,1", 1, ERANGE, 2, 1, "number is beyond the mask");
        assert_rejected(numars_parse_cpus, "0-1", 1, ERANGE, 2, 1, "number is beyond the mask");
        assert_rejected(numars_parse_cpus, "+0-1", 1, ERANGE, 0, 4, "the list names a number beyond the mask");
        assert_rejected(numars_parse_cpus, "0,all", 1, ERANGE, 0, 5, "the list names a number beyond the mask");
        assert_rejected(numars_parse_cpus, "!0", 1, ERANGE, 0, 2, "the list names a number beyond the mask");
    }
    numa_bitmask_free(one);
}
END_TEST

START_TEST(devices_that_are_unknown_are_enoent_and_invalid_names_einval)
{
    assert_rejected(numars_parse_nodes, "netdev:no such device", BITS, ENOENT, 7, 14, "no such device, or no node for this kind of device");
    assert_rejected(numars_parse_nodes, "0,block:none", BITS, ENOENT, 8, 4, "no such device, or no node for this kind of device");
    assert_rejected(numars_parse_nodes, "file:/no such file", BITS, ENOENT, 5, 13, "no such file");
    assert_rejected(numars_parse_nodes, "file:/proc/self/status", BITS, ENOENT, 5, 17, "the file is on no block device");
    assert_rejected(numars_parse_nodes, "pci:ffff:ff:1f.7", BITS, ENOENT, 4, 12, "no such device, or no node for this kind of device");
    assert_rejected(numars_parse_nodes, "ip:", BITS, ENOENT, 3, 0, "no such host");
    assert_rejected(numars_parse_nodes, "pci:none", BITS, EINVAL, 4, 4, "not the address of a PCI device");
    assert_rejected(numars_parse_nodes, "netdev: a/b", BITS, EINVAL, 8, 3, "invalid name of a device");
    assert_rejected(numars_parse_cpus, "netdev:lo", BITS, EINVAL, 0, 9, "not a number, a range or all");
}
END_TEST

START_TEST(NULL_is_einval)
{
    struct bitmask *mask = marked_mask(BITS), without_words = { BITS, NULL };
    struct numars_parse_error error = NUMARS_PARSE_ERROR_INIT;
    parse_call *const calls[] = { numars_parse_nodes, numars_parse_cpus };
    for (size_t i = 0; i < 2; i++) {
        assert_fails(calls[i](NULL, mask, &error), EINVAL);
        ck_assert_str_eq(error.message, "no list");
        assert_fails(calls[i]("0", NULL, &error), EINVAL);
        ck_assert_str_eq(error.message, "no mask");
        assert_fails(calls[i]("0", &without_words, &error), EINVAL);
        ck_assert_str_eq(error.message, "no mask");
        assert_fails(calls[i](NULL, NULL, NULL), EINVAL);
        ck_assert_uint_eq(error.offset + error.length, 0);
    }
    numa_bitmask_free(mask);
}
END_TEST

/* --- the structure grows --- */

START_TEST(an_error_structure_of_an_invalid_size_is_refused_and_nothing_is_parsed)
{
    static const struct {
        size_t size;
        int code;
    } sizes[] = { { 0, EINVAL }, { sizeof(struct numars_parse_error) - 1, EINVAL }, { 4097, E2BIG }, { SIZE_MAX, E2BIG } };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct numars_parse_error *error = array_at_end_of_mapping(1, sizeof *error);
        struct bitmask *mask = marked_mask(BITS), *before = marked_mask(BITS);
        *error = (struct numars_parse_error){ sizes[i].size, 7, 8, NULL };
        assert_fails(numars_parse_nodes("0", mask, error), sizes[i].code);
        assert_fails(numars_parse_cpus("bad", mask, error), sizes[i].code);
        ck_assert(numa_bitmask_equal(mask, before));
        ck_assert(error->size == sizes[i].size && error->offset == 7 && error->length == 8 && error->message == NULL);
        numa_bitmask_free(mask);
        numa_bitmask_free(before);
    }
}
END_TEST

START_TEST(a_larger_error_structure_at_any_address_is_accepted_if_the_rest_is_0)
{
    enum { LARGER = 100, SIZE = sizeof(struct numars_parse_error) };
    struct bitmask *mask = marked_mask(BITS);
    for (size_t offset = 0; offset < 8; offset++) {
        char memory[8 + LARGER + 1];
        struct numars_parse_error error = { LARGER, 1, 2, NULL };
        memset(memory, 0, sizeof memory);
        memcpy(memory + offset, &error, SIZE);
        memory[offset + LARGER] = 1;
        assert_fails(numars_parse_nodes("0,bad", mask, (void *)(memory + offset)), EINVAL);
        memcpy(&error, memory + offset, SIZE);
        ck_assert(error.size == LARGER && error.offset == 2 && error.length == 3 && error.message != NULL);
        for (size_t byte = SIZE; byte < LARGER; byte++)
            ck_assert_int_eq(memory[offset + byte], 0);

        memory[offset + LARGER - 1] = 1;
        assert_fails(numars_parse_nodes("0", mask, (void *)(memory + offset)), E2BIG);
    }
    numa_bitmask_free(mask);
}
END_TEST

/* --- formatting --- */

static void assert_formatted(const struct bitmask *set, const char *text)
{
    const size_t length = strlen(text);
    assert_returns(numars_format_nodes(set, NULL, 0), (long)length);
    for (size_t size = 1; size <= length + 2; size++) {
        char *buffer = array_at_end_of_mapping(1, size);
        memset(buffer, 'x', size);
        assert_returns(numars_format_nodes(set, buffer, size), (long)length);
        ck_assert_uint_eq(strlen(buffer), length < size ? length : size - 1);
        ck_assert(strncmp(buffer, text, strlen(buffer)) == 0);
        require(munmap((void *)((uintptr_t)buffer & ~(uintptr_t)(page_size() - 1)), page_size()) == 0);
    }
}

/* The same for a set of 1000 bits with these members, which -1 ends. */
static void assert_members_formatted(const int *members, const char *text)
{
    struct bitmask *set = numa_bitmask_alloc(1000);
    for (; *members >= 0; members++)
        numa_bitmask_setbit(set, (unsigned)*members);
    assert_formatted(set, text);
    numa_bitmask_free(set);
}

START_TEST(sets_are_formatted_as_the_kernel_formats_them)
{
    assert_members_formatted((int[]){ -1 }, "");
    assert_formatted(NULL, "");
    assert_formatted(&(struct bitmask){ 64, NULL }, "");
    assert_members_formatted((int[]){ 0, -1 }, "0");
    assert_members_formatted((int[]){ 0, 1, 2, 3, 8, -1 }, "0-3,8");
    assert_members_formatted((int[]){ 1, 3, 4, 62, 63, 64, 65, 999, -1 }, "1,3-4,62-65,999");

    struct bitmask *all = numa_bitmask_setall(numa_bitmask_alloc(1000));
    assert_formatted(all, "0-999");
    numa_bitmask_free(all);
}
END_TEST

START_TEST(a_buffer_that_is_NULL_is_einval_unless_its_size_is_0)
{
    assert_fails(numars_format_nodes(numa_all_nodes_ptr, NULL, 1), EINVAL);
    assert_fails(numars_format_nodes(NULL, NULL, SIZE_MAX), EINVAL);
    assert_returns(numars_format_nodes(NULL, NULL, 0), 0);
}
END_TEST

START_TEST(a_formatted_set_is_parsed_again)
{
    char list[8192];
    struct bitmask *mask = numa_allocate_cpumask();
    ck_assert_int_gt(numars_format_nodes(numa_all_cpus_ptr, list, sizeof list), 0);
    assert_returns(numars_parse_cpus(list, mask, NULL), 0);
    ck_assert(numa_bitmask_equal(mask, numa_all_cpus_ptr));
    ck_assert_int_gt(numars_format_nodes(numa_all_nodes_ptr, list, sizeof list), 0);
    assert_returns(numars_parse_nodes(list, mask, NULL), 0);
    ck_assert(numa_bitmask_equal(mask, numa_all_nodes_ptr));
    numa_bitmask_free(mask);
}
END_TEST

static void fail_silently(void)
{
    struct bitmask *mask = numa_allocate_nodemask();
    numa_exit_on_error = numa_exit_on_warn = 1;
    numars_parse_nodes("bad", mask, NULL);
    numars_parse_nodes("netdev:none", mask, NULL);
    numars_parse_cpus("0-", mask, NULL);
    numars_format_nodes(mask, NULL, 1);
    exit(17);
}

START_TEST(nothing_is_printed_and_the_program_goes_on)
{
    char output[256];
    ck_assert_int_eq(run_in_child(fail_silently, output, sizeof output), 17);
    ck_assert_str_eq(output, "");
}
END_TEST

int main(void)
{
    return run_tests("numars_parse", (const TTest *[]){
        valid_lists_give_what_libnumas_calls_give,
        bits_of_the_mask_beyond_the_system_are_cleared,
        the_syntax_is_einval,
        numbers_that_no_system_of_this_kernel_has_are_erange,
        indices_beyond_all_are_erange,
        nodes_and_cpus_that_do_not_exist_are_enodev,
        what_does_not_fit_into_the_mask_is_erange,
        devices_that_are_unknown_are_enoent_and_invalid_names_einval,
        NULL_is_einval,
        an_error_structure_of_an_invalid_size_is_refused_and_nothing_is_parsed,
        a_larger_error_structure_at_any_address_is_accepted_if_the_rest_is_0,
        sets_are_formatted_as_the_kernel_formats_them,
        a_buffer_that_is_NULL_is_einval_unless_its_size_is_0,
        a_formatted_set_is_parsed_again,
        nothing_is_printed_and_the_program_goes_on,
        NULL });
}

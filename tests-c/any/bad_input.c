/* Invalid arguments to every function that takes any: NULL, sets of odd sizes, numbers that name no node or CPU, unterminated strings,
 * sizes that exceed the address space, unknown flags. Nothing crashes, and the result is the one that the function's comment in the header
 * documents. */
#include <dlfcn.h>
#include <limits.h>
#include <numa.h>
#include <numaif.h>
#include <numars.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "isolated_calls.h"
#include "pages.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

enum { MANY_BITS_SHIFT = 31, MANY_BYTES = 1 << 20, MAX_NODES = 1024 };
static const unsigned long MANY_BITS = 1UL << MANY_BITS_SHIFT;

/* Numbers that name no node or CPU. */
static const int INVALID_NUMBERS[] = { INT_MIN, -2, MAX_NODES, 1 << 20, INT_MAX };

/* A word on the caller's stack with bit 0 set. */
#define NODE_0 (&(unsigned long){ 1 })

static void *pages(void)
{
    return map_pages(2);
}

/* --- sets --- */

/* Sets of every size that may be mishandled, and their contents. */
enum content { EMPTY, NODE_ZERO, ABSENT_NODE, TOO_MANY_BITS, CONTENTS };
static const struct set_case {
    const char *name;
    enum content content;
    unsigned long size;
    long member;
    enum { NULL_SET, NO_WORDS, WORDS } kind;
} SETS[] = {
    { "NULL", EMPTY, 0, -1, NULL_SET },
    { "a set whose maskp is NULL", EMPTY, 64, -1, NO_WORDS },
    { "2^31 bits whose maskp is NULL", EMPTY, 1UL << MANY_BITS_SHIFT, -1, NO_WORDS },
    { "no bits", EMPTY, 0, -1, WORDS },
    { "1 bit", EMPTY, 1, -1, WORDS },
    { "63 bits", EMPTY, 63, -1, WORDS },
    { "64 bits", EMPTY, 64, -1, WORDS },
    { "65 bits", EMPTY, 65, -1, WORDS },
    { "1 bit that is set", NODE_ZERO, 1, 0, WORDS },
    { "the first of 63 bits", NODE_ZERO, 63, 0, WORDS },
    { "the first of 64 bits", NODE_ZERO, 64, 0, WORDS },
    { "the first of 65 bits", NODE_ZERO, 65, 0, WORDS },
    { "the last of 65 bits", ABSENT_NODE, 65, 64, WORDS },
    { "the last of 1024 bits", ABSENT_NODE, 1024, 1023, WORDS },
    /* Last, because reading it as a whole takes a while: see huge_sets.c. */
    { "the first of 2^31 bits", TOO_MANY_BITS, 1UL << MANY_BITS_SHIFT, 0, WORDS },
};

/* Returns the set for a case, or NULL for the case without a set. */
static struct bitmask *make(const struct set_case *one)
{
    static struct bitmask set;
    if (one->kind == WORDS)
        set = set_at_end_of_mapping(one->size, one->member);
    else
        set = (struct bitmask){ .size = one->size, .maskp = NULL };
    return one->kind == NULL_SET ? NULL : &set;
}

static void unmake(const struct bitmask *set)
{
    const size_t page = page_size(), bytes = set == NULL || set->maskp == NULL ? 0 : (set->size + MASK_BITS - 1) / MASK_BITS * sizeof(long);
    if (bytes > 0)
        require(munmap((void *)((size_t)set->maskp & ~(page - 1)), bytes + page - 1) == 0);
}

#define FOR_EACH_OF(count, one, set)                                                                                 \
    for (const struct set_case *one = SETS; one < SETS + (count); one++)                                             \
        for (struct bitmask *set = make(one), *again_ = (void *)&again_; again_ != NULL; unmake(set), again_ = NULL)
#define FOR_EACH_SET(one, set) FOR_EACH_OF(COUNT_OF(SETS), one, set)
#define FOR_EACH_SMALL_SET(one, set) FOR_EACH_OF(COUNT_OF(SETS) - 1, one, set)

START_TEST(sets_of_any_size_contain_what_their_words_say)
{
    struct bitmask *small = numa_bitmask_setbit(numa_bitmask_alloc(64), 0), *receiver = numa_bitmask_alloc(70);
    FOR_EACH_SMALL_SET(one, set) {
        const bool has_words = one->kind == WORDS;
        const unsigned long size = has_words ? one->size : 0;
        describe_cases("%s", one->name);
        RETURNS(numa_bitmask_weight(set), one->member >= 0);
        RETURNS(numa_bitmask_nbytes(set), (size / MASK_BITS + (size % MASK_BITS != 0)) * sizeof(long));
        RETURNS(numa_bitmask_isbitset(set, 0), one->member == 0);
        RETURNS(numa_bitmask_isbitset(set, (unsigned)size), 0);
        RETURNS(numa_bitmask_isbitset(set, UINT_MAX), 0);
        RETURNS(numa_bitmask_equal(set, NULL), one->member < 0);
        RETURNS(numa_bitmask_equal(NULL, set), one->member < 0);
        RETURNS(numa_bitmask_equal(set, small), one->member == 0);
        RETURNS(numa_bitmask_setbit(set, (unsigned)size) == set, 1);
        RETURNS(numa_bitmask_weight(numa_bitmask_setbit(set, UINT_MAX)), one->member >= 0);
        RETURNS(numa_bitmask_weight(numa_bitmask_clearbit(set, UINT_MAX)), one->member >= 0);
        RETURNS(numa_bitmask_weight(numa_bitmask_clearbit(set, 0)), one->member > 0);
        RETURNS(numa_bitmask_weight(numa_bitmask_clearall(set)), 0);
        RETURNS((copy_bitmask_to_bitmask(set, receiver), numa_bitmask_weight(receiver)), one->member >= 0 && one->member < 70);
        RETURNS((copy_bitmask_to_bitmask(receiver, set), numa_bitmask_weight(set)), 0);
        RETURNS((copy_nodemask_to_bitmask(NULL, set), numa_bitmask_weight(set)), 0);
        RETURNS((copy_bitmask_to_nodemask(set, NULL), 0), 0);
        RETURNS(numa_bitmask_weight(numa_bitmask_setall(set)), size);
    }
    numa_bitmask_free(small);
    numa_bitmask_free(receiver);
}
END_TEST

/* A set whose maskp is NULL can only have been made by the program, in memory of its own. */
static struct bitmask *set_without_words(void)
{
    struct bitmask *set = malloc(sizeof *set);
    *set = (struct bitmask){ .size = 64, .maskp = NULL };
    return set;
}

START_TEST(sets_of_any_size_but_0_are_allocated_and_freed_even_without_words)
{
    FAILS(numa_bitmask_alloc(0), 0, EINVAL);
    RETURNS(allocated_and_freed(numa_bitmask_alloc(1)), 1);
    RETURNS(allocated_and_freed(numa_bitmask_alloc(63)), 1);
    RETURNS(allocated_and_freed(numa_bitmask_alloc(64)), 1);
    RETURNS(allocated_and_freed(numa_bitmask_alloc(65)), 1);
    RETURNS(allocated_and_freed(numa_bitmask_alloc(1U << MANY_BITS_SHIFT)), 1);
    RETURNS(allocated_and_freed(numa_bitmask_alloc(UINT_MAX)), 1);
    RETURNS((numa_bitmask_free(NULL), 0), 0);
    RETURNS((numa_bitmask_free(set_without_words()), 0), 0);
}
END_TEST

/* --- policy of the calling thread --- */

/* What the call does with a set of each kind of contents: an errno, or 0. */
struct outcome {
    int of[CONTENTS];
};
#define AT_LEAST_ONE { { EINVAL, 0, EINVAL, EINVAL } }
#define OR_NONE { { 0, 0, EINVAL, EINVAL } }

static const struct {
    const char *name;
    void (*set)(struct bitmask *);
    int (*call)(const struct bitmask *);
    struct outcome outcome;
} SETTERS[] = {
    { "membind", numa_set_membind, numars_set_membind, AT_LEAST_ONE },
    { "membind_balancing", numa_set_membind_balancing, numars_set_membind_balancing, AT_LEAST_ONE },
    { "preferred_many", numa_set_preferred_many, numars_set_preferred_many, AT_LEAST_ONE },
    { "interleave_mask", numa_set_interleave_mask, numars_set_interleave_mask, OR_NONE },
    { "weighted_interleave_mask", numa_set_weighted_interleave_mask, numars_set_weighted_interleave_mask, OR_NONE },
};

static bool has_weighted_interleave(void)
{
    void *memory = pages();
    return mbind(memory, page_size(), MPOL_WEIGHTED_INTERLEAVE, NODE_0, 64, 0) == 0;
}

#define ONE_PREFERRED "libnuma: Warning: Unable to handle MANY preferred nodes. Falling back to first node\n\n"

/* Returns true if a fallback policy is set because the running kernel lacks this one. */
static bool has_fallback(size_t setter)
{
    return (SETTERS[setter].set == numa_set_membind_balancing && kernel_before(5, 12))
        || (SETTERS[setter].set == numa_set_preferred_many && kernel_before(5, 15));
}

START_TEST(setting_a_policy_with_an_invalid_set_fails)
{
    require_numa_system_calls();
    const bool weights = has_weighted_interleave();
    for (size_t i = 0; i < COUNT_OF(SETTERS); i++)
        FOR_EACH_SET(one, set) {
            const bool unknown = SETTERS[i].set == numa_set_weighted_interleave_mask && !weights && one->content == NODE_ZERO;
            const int code = unknown ? EINVAL : SETTERS[i].outcome.of[one->content];
            /* Only the first node is passed to the kernel. A set without nodes has no first one: allocations are then local, as in
             * libnuma. */
            const bool prefers_first = SETTERS[i].set == numa_set_preferred_many && has_fallback(i);
            const bool succeeds = code == 0 || (prefers_first && one->content != ABSENT_NODE);
            char printed[256];
            snprintf(printed, sizeof printed, "%s%s", prefers_first ? ONE_PREFERRED : "",
                     succeeds ? "" : error_message("set_mempolicy", code));
            describe_cases("%s of %s", SETTERS[i].name, one->name);
            CHECK_CALL((SETTERS[i].set(set), 0), 0, succeeds ? UNTOUCHED_ERRNO : code, printed);
            if (code == 0 || (prefers_first && one->content == TOO_MANY_BITS))
                RETURNS(SETTERS[i].call(set), has_fallback(i));
            else
                FAILS(SETTERS[i].call(set), -1, code);
        }
}
END_TEST

START_TEST(an_invalid_preferred_node_fails_and_a_negative_one_means_no_preference)
{
    require_numa_system_calls();
    for (size_t i = 0; i < COUNT_OF(INVALID_NUMBERS); i++) {
        describe_cases("%d", INVALID_NUMBERS[i]);
        if (INVALID_NUMBERS[i] < 0) {
            RETURNS((numa_set_preferred(INVALID_NUMBERS[i]), 0), 0);
            RETURNS(numars_set_preferred(INVALID_NUMBERS[i]), 0);
        } else {
            REPORTS(numa_set_preferred(INVALID_NUMBERS[i]), "set_mempolicy", EINVAL);
            FAILS(numars_set_preferred(INVALID_NUMBERS[i]), -1, EINVAL);
        }
    }
}
END_TEST

START_TEST(any_number_but_0_is_true)
{
    for (size_t i = 0; i < COUNT_OF(INVALID_NUMBERS); i++) {
        RETURNS((numa_set_strict(INVALID_NUMBERS[i]), 0), 0);
        RETURNS((numa_set_bind_policy(INVALID_NUMBERS[i]), 0), 0);
    }
}
END_TEST

/* --- running --- */

#define NOT_ALLOWED "libnuma: Warning: node %ld not allowed\n"
#define NO_CPUS "libnuma: Warning: Cannot read node cpumask from sysfs\n"
#define AFFINITY_FAILED "numa_sched_setaffinity_v2_int() failed: Invalid argument\n"

START_TEST(running_on_an_invalid_set_of_nodes_fails)
{
    require_numa_system_calls();
    FOR_EACH_SMALL_SET(one, set) {
        char warned[256] = "", bound[512];
        describe_cases("%s", one->name);
        if (one->content == NODE_ZERO) {
            RETURNS(numa_run_on_node_mask(set), 0);
            RETURNS(numa_run_on_node_mask_all(set), 0);
        } else {
            if (one->content == ABSENT_NODE)
                snprintf(warned, sizeof warned, NOT_ALLOWED, one->member);
            strcat(warned, AFFINITY_FAILED);
            CHECK_CALL(numa_run_on_node_mask(set), -1, EINVAL, warned);
            CHECK_CALL(numa_run_on_node_mask_all(set), -1, EINVAL, warned);
        }
        if (one->content == NODE_ZERO) {
            RETURNS((numa_bind(set), 0), 0);
            RETURNS(numars_bind(set), 0);
        } else {
            snprintf(bound, sizeof bound, "%sset_mempolicy: Invalid argument\n", warned);
            CHECK_CALL((numa_bind(set), 0), 0, EINVAL, bound);
            FAILS(numars_bind(set), -1, EINVAL);
        }
    }
}
END_TEST

START_TEST(running_on_an_invalid_node_fails)
{
    for (size_t i = 0; i < COUNT_OF(INVALID_NUMBERS); i++)
        FAILS(numa_run_on_node(INVALID_NUMBERS[i]), -1, EINVAL);
    if (numa_max_node() < numa_max_possible_node())
        CHECK_CALL(numa_run_on_node(numa_max_possible_node()), -1, ERANGE, NO_CPUS);
}
END_TEST

START_TEST(affinity_of_invalid_threads_or_with_invalid_sets_fails)
{
    FOR_EACH_SET(one, set) {
        describe_cases("%s", one->name);
        if (one->kind != WORDS || one->size == 0 || one->size >= 1024)
            FAILS(numa_sched_getaffinity(-1, set), -1, one->kind == WORDS && one->size > 0 ? ESRCH : EINVAL);
        FAILS(numa_sched_setaffinity(-1, set), -1, ESRCH);
        if (one->kind != WORDS || one->size == 0)
            FAILS(numa_sched_getaffinity(0, set), -1, EINVAL);
        if (one->content == TOO_MANY_BITS)
            RETURNS(numa_sched_getaffinity(0, set), numa_num_possible_cpus() / 8);
        if (one->content == EMPTY)
            FAILS(numa_sched_setaffinity(0, set), -1, EINVAL);
    }
    struct bitmask here = set_at_end_of_mapping(MANY_BITS, sched_getcpu()), nowhere = set_at_end_of_mapping(MANY_BITS, (long)(MANY_BITS - 1));
    RETURNS(numa_sched_setaffinity(0, &here), 0);
    FAILS(numa_sched_setaffinity(0, &nowhere), -1, EINVAL);
    FAILS(numa_sched_setaffinity(INT_MAX, &here), -1, ESRCH);
    FAILS(numa_sched_getaffinity(INT_MIN, &here), -1, ESRCH);
}
END_TEST

/* --- the machine --- */

START_TEST(invalid_nodes_and_cpus_have_no_size_distance_or_node)
{
    require_numa_system_calls();
    struct bitmask *cpus = numa_allocate_cpumask();
    long long free64 = 7;
    long free = 7;
    for (size_t i = 0; i < COUNT_OF(INVALID_NUMBERS); i++) {
        const int invalid = INVALID_NUMBERS[i];
        describe_cases("%d", invalid);
        RETURNS(numa_distance(invalid, 0), 0);
        RETURNS(numa_distance(0, invalid), 0);
        RETURNS(numa_distance(invalid, invalid), 0);
        FAILS(numa_node_size(invalid, NULL), -1, ENOENT);
        FAILS(numa_node_size64(invalid, NULL), -1, ENOENT);
        FAILS((numa_node_size(invalid, &free), free), 0, ENOENT);
        FAILS((numa_node_size64(invalid, &free64), free64), 0, ENOENT);
        FAILS(numa_node_to_cpus(invalid, cpus), -1, ERANGE);
        FAILS(numa_node_to_cpus(invalid, NULL), -1, ERANGE);
    }
    FAILS(numa_node_of_cpu(-1), -1, EINVAL);
    FAILS(numa_node_of_cpu(INT_MIN), -1, EINVAL);
    FAILS(numa_node_of_cpu(1 << 20), -1, EINVAL);
    FAILS(numa_node_of_cpu(INT_MAX), -1, EINVAL);
    RETURNS(numa_node_size64(0, NULL) > 0, 1);
    /* The size may be too large for a long of 32 bits. */
    RETURNS(numa_node_size(0, NULL) > 0 || numa_node_size64(0, NULL) > LONG_MAX, 1);
    RETURNS(numa_node_size64(0, NULL) > 0, 1);
    numa_bitmask_free(cpus);
}
END_TEST

START_TEST(storing_the_cpus_of_a_node_in_an_invalid_set_fails)
{
    FOR_EACH_SMALL_SET(one, set) {
        describe_cases("%s", one->name);
        if (one->kind != WORDS || one->size == 0)
            FAILS(numa_node_to_cpus(0, set), -1, ERANGE);
        if (one->size >= 1024 && one->kind == WORDS)
            RETURNS(numa_node_to_cpus(0, set), 0);
    }
}
END_TEST

START_TEST(invalid_nodes_initiators_tiers_and_attributes_are_unknown)
{
    require_numa_system_calls();
    static const int ATTRIBUTES[] = { INT_MIN, -1, NUMARS_MEMORY_SIDE_CACHE + 1, INT_MAX };
    struct bitmask *set = numa_allocate_nodemask();
    uint64_t value = 7;
    int tier = 7;
    for (size_t i = 0; i < COUNT_OF(INVALID_NUMBERS); i++) {
        const int invalid = INVALID_NUMBERS[i];
        describe_cases("%d", invalid);
        FAILS(numars_node_attribute(invalid, -1, NUMARS_CAPACITY, &value), -1, ENODEV);
        FAILS(numars_node_attribute(0, invalid, NUMARS_READ_LATENCY, &value), -1, ENODEV);
        FAILS(numars_node_attribute(0, invalid, NUMARS_CAPACITY, &value), -1, ENODEV);
        FAILS(numars_best_nodes(invalid, NUMARS_CAPACITY, set), -1, ENODEV);
        FAILS(numars_node_tier(invalid), -1, ENODEV);
        FAILS(numars_node_weight(invalid), -1, ENODEV);
        FAILS(numars_set_node_weight(invalid, 1), -1, ENODEV);
        FAILS(numars_node_kind(invalid), -1, ENODEV);
        FAILS(numars_tier_nodes(invalid, set), -1, ENODATA);
        FAILS(numars_tier_nodes(invalid, NULL), -1, ENODATA);
    }
    FAILS(numars_node_attribute(-1, -1, NUMARS_CAPACITY, &value), -1, ENODEV);
    for (size_t i = 0; i < COUNT_OF(ATTRIBUTES); i++) {
        describe_cases("attribute %d", ATTRIBUTES[i]);
        FAILS(numars_node_attribute(0, -1, ATTRIBUTES[i], &value), -1, EINVAL);
        FAILS((numars_node_attribute(0, -1, ATTRIBUTES[i], &value), value), 7, EINVAL);
        FAILS(numars_best_nodes(-1, ATTRIBUTES[i], set), -1, EINVAL);
    }
    describe_cases("other arguments");
    RETURNS(numars_node_attribute(0, -1, NUMARS_CAPACITY, NULL), 0);
    FAILS(numars_set_node_weight(0, 0), -1, EINVAL);
    FAILS(numars_set_node_weight(0, 256), -1, EINVAL);
    FAILS(numars_set_node_weight(0, UINT_MAX), -1, EINVAL);
    FAILS(numars_tiers(NULL, 1), -1, EFAULT);
    FAILS(numars_tiers(NULL, INT_MAX), -1, EFAULT);
    FAILS(numars_tiers(&tier, -1), -1, EINVAL);
    FAILS(numars_tiers(&tier, INT_MIN), -1, EINVAL);
    FOR_EACH_SMALL_SET(one, nodes) {
        describe_cases("%s", one->name);
        if (one->kind != WORDS || one->size == 0)
            FAILS(numars_best_nodes(-1, NUMARS_CAPACITY, nodes), -1, ERANGE);
        else if (one->size >= 64)
            RETURNS(numars_best_nodes(-1, NUMARS_CAPACITY, nodes), 0);
    }
    numa_bitmask_free(set);
}
END_TEST

/* A program may replace the library's exported sets by its own. */
START_TEST(exported_sets_that_the_program_cleared_are_empty)
{
    require_numa_system_calls();
    const int highest = numa_max_node();
    numa_all_nodes_ptr = numa_nodes_ptr = numa_all_cpus_ptr = numa_no_nodes_ptr = NULL;
    struct bitmask node_0 = set_at_end_of_mapping(64, 0);
    /* Which nodes exist does not depend on the exported sets. */
    RETURNS(numa_max_node(), highest);
    RETURNS(numa_run_on_node(0), 0);
    RETURNS(numa_run_on_node(-1), 0);
    RETURNS(numa_node_to_cpus(0, &node_0), 0);
    numa_bitmask_setbit(numa_bitmask_clearall(&node_0), 0);
    RETURNS(numa_num_task_nodes() > 0, 1);
    RETURNS(numa_num_task_cpus() > 0, 1);
    RETURNS(allocated_and_freed(numa_get_membind()), 1);
    RETURNS(allocated_and_freed(numa_get_run_node_mask()), 1);
    CHECK_CALL(numa_run_on_node_mask(&node_0), -1, EINVAL, "libnuma: Warning: node 0 not allowed\n" AFFINITY_FAILED);
    CHECK_CALL(numa_alloc_interleaved(page_size()) != NULL, 1, EINVAL, error_message("mbind", EINVAL));
    CHECK_CALL(numa_parse_cpustring("0"), 0, UNTOUCHED_ERRNO, "libnuma: Warning: cpu argument 0 is out of range\n\n");
    RETURNS(allocated_and_freed(numa_parse_cpustring("all")), 1);
}
END_TEST

/* --- memory --- */

static const struct {
    const char *name;
    void (*set)(void *, size_t, struct bitmask *);
    int (*call)(void *, size_t, const struct bitmask *);
} OF_MEMORY[] = {
    { "interleave_memory", numa_interleave_memory, numars_interleave_memory },
    { "weighted_interleave_memory", numa_weighted_interleave_memory, numars_weighted_interleave_memory },
    { "tonodemask_memory", numa_tonodemask_memory, numars_tonodemask_memory },
};

START_TEST(setting_a_policy_of_memory_with_an_invalid_set_fails)
{
    require_numa_system_calls();
    const bool weights = has_weighted_interleave();
    void *memory = pages();
    for (size_t i = 0; i < COUNT_OF(OF_MEMORY); i++)
        FOR_EACH_SET(one, set) {
            describe_cases("%s of %s", OF_MEMORY[i].name, one->name);
            if (one->content == NODE_ZERO && (weights || OF_MEMORY[i].set != numa_weighted_interleave_memory)) {
                RETURNS((OF_MEMORY[i].set(memory, page_size(), set), 0), 0);
                RETURNS(OF_MEMORY[i].call(memory, page_size(), set), 0);
            } else {
                REPORTS(OF_MEMORY[i].set(memory, page_size(), set), "mbind", EINVAL);
                FAILS(OF_MEMORY[i].call(memory, page_size(), set), -1, EINVAL);
            }
        }
    FOR_EACH_SET(one, set) {
        describe_cases("%s", one->name);
        const int code = one->content == NODE_ZERO ? UNTOUCHED_ERRNO : EINVAL;
        CHECK_CALL(numa_alloc_interleaved_subset(1, set) != NULL, 1, code, code == EINVAL ? error_message("mbind", EINVAL) : "");
        if (weights || one->content != NODE_ZERO)
            CHECK_CALL(numa_alloc_weighted_interleaved_subset(1, set) != NULL, 1, code, code == EINVAL ? error_message("mbind", EINVAL) : "");
    }
}
END_TEST

/* Invalid ranges, starting in mapped memory or outside of it, and the error of each. */
static const struct {
    const char *name;
    bool nowhere;
    size_t offset, size;
    /* To a kernel with 64-bit words, no length of 32 bits is too large: then the range has holes. */
    int code;
} RANGES[] = {
    { "nothing of NULL", true, 0, 0, 0 },
    { "a byte of NULL", true, 0, 1, EFAULT },
    { "SIZE_MAX from NULL", true, 0, SIZE_MAX, EINVAL },
    { "nothing", false, 0, 0, 0 },
    { "from inside of a page", false, 1, 1, EINVAL },
    { "from the last address", true, SIZE_MAX, 1, EINVAL },
    { "a quarter of SIZE_MAX", false, 0, SIZE_MAX / 4 + 1, EFAULT },
    { "SIZE_MAX - 4095", false, 0, SIZE_MAX - 4095, sizeof(size_t) > 4 ? EINVAL : EFAULT },
    { "SIZE_MAX - 4094, which rounds up to 0", false, 0, SIZE_MAX - 4094, EINVAL },
    { "SIZE_MAX, which rounds up to 0", false, 0, SIZE_MAX, EINVAL },
};

static char *start_of(size_t range, const char *memory)
{
    return (char *)((RANGES[range].nowhere ? 0 : (uintptr_t)memory) + RANGES[range].offset);
}

START_TEST(setting_a_policy_of_an_invalid_range_fails)
{
    require_numa_system_calls();
    char *const memory = pages();
    struct bitmask node_0 = set_at_end_of_mapping(64, 0);
    const bool weights = has_weighted_interleave();
    for (size_t i = 0; i < COUNT_OF(RANGES); i++) {
        char *const start = start_of(i, memory);
        const size_t size = RANGES[i].size;
        const int code = RANGES[i].code;
        describe_cases("%s", RANGES[i].name);
        if (code == 0) {
            RETURNS((numa_tonode_memory(start, size, 0), 0), 0);
            RETURNS(numars_tonode_memory(start, size, 0), 0);
            RETURNS((numa_setlocal_memory(start, size), 0), 0);
            RETURNS(numars_setlocal_memory(start, size), 0);
        } else {
            REPORTS(numa_tonode_memory(start, size, 0), "mbind", code);
            FAILS(numars_tonode_memory(start, size, 0), -1, code);
            REPORTS(numa_setlocal_memory(start, size), "mbind", code);
            FAILS(numars_setlocal_memory(start, size), -1, code);
        }
        for (size_t call = 0; call < COUNT_OF(OF_MEMORY); call++) {
            if (OF_MEMORY[call].set == numa_weighted_interleave_memory && !weights)
                continue;
            describe_cases("%s of %s", OF_MEMORY[call].name, RANGES[i].name);
            if (code == 0) {
                RETURNS(OF_MEMORY[call].call(start, size, &node_0), 0);
            } else {
                REPORTS(OF_MEMORY[call].set(start, size, &node_0), "mbind", code);
                FAILS(OF_MEMORY[call].call(start, size, &node_0), -1, code);
            }
        }
    }
}
END_TEST

START_TEST(memory_is_not_placed_on_an_invalid_node)
{
    require_numa_system_calls();
    void *memory = pages();
    for (size_t i = 0; i < COUNT_OF(INVALID_NUMBERS); i++) {
        describe_cases("%d", INVALID_NUMBERS[i]);
        REPORTS(numa_tonode_memory(memory, 1, INVALID_NUMBERS[i]), "mbind", EINVAL);
        FAILS(numars_tonode_memory(memory, 1, INVALID_NUMBERS[i]), -1, EINVAL);
        CHECK_CALL(numa_alloc_onnode(1, INVALID_NUMBERS[i]) != NULL, 1, EINVAL, error_message("mbind", EINVAL));
        CHECK_CALL((numa_fail_alloc_on_error = 1, numa_alloc_onnode(1, INVALID_NUMBERS[i])), 0, EINVAL, error_message("mbind", EINVAL));
        FAILS(numars_alloc_onnode(1, INVALID_NUMBERS[i], 0), 0, EINVAL);
        FAILS(numars_alloc_onnode(1, INVALID_NUMBERS[i], NUMARS_ALLOC_NO_FALLBACK | NUMARS_ALLOC_STRICT), 0, EINVAL);
    }
}
END_TEST

START_TEST(memory_is_not_interleaved_over_an_invalid_set_or_with_unknown_flags)
{
    require_numa_system_calls();
    static const unsigned BAD_FLAGS[] = { 1U << 4, 1U << 31, UINT_MAX };
    const bool weights = has_weighted_interleave();
    struct bitmask node_0 = set_at_end_of_mapping(64, 0);
    FOR_EACH_SET(one, set) {
        describe_cases("%s", one->name);
        /* Only the nodes that the kernel can have count. */
        if (one->content == NODE_ZERO || one->content == TOO_MANY_BITS) {
            RETURNS(numars_alloc_interleaved(1, set, 0) != NULL, 1);
            RETURNS(numars_alloc_interleaved(1, set, NUMARS_ALLOC_STRICT) != NULL, 1);
            if (weights)
                RETURNS(numars_alloc_weighted(1, set, NUMARS_ALLOC_STRICT) != NULL, 1);
        } else {
            FAILS(numars_alloc_interleaved(1, set, 0), 0, EINVAL);
            FAILS(numars_alloc_interleaved(1, set, NUMARS_ALLOC_STRICT), 0, EINVAL);
            FAILS(numars_alloc_weighted(1, set, 0), 0, EINVAL);
        }
        FAILS(numars_alloc_interleaved(1, set, NUMARS_ALLOC_NO_FALLBACK), 0, EINVAL);
        FAILS(numars_alloc_weighted(1, set, NUMARS_ALLOC_NO_FALLBACK), 0, EINVAL);
    }
    for (size_t i = 0; i < COUNT_OF(BAD_FLAGS); i++) {
        describe_cases("flags %#x", BAD_FLAGS[i]);
        FAILS(numars_alloc_onnode(1, 0, BAD_FLAGS[i]), 0, EINVAL);
        FAILS(numars_alloc_local(1, BAD_FLAGS[i]), 0, EINVAL);
        FAILS(numars_alloc_interleaved(1, &node_0, BAD_FLAGS[i]), 0, EINVAL);
        FAILS(numars_alloc_weighted(1, &node_0, BAD_FLAGS[i]), 0, EINVAL);
    }
}
END_TEST

/* 2^62, or with 32-bit addresses, more than is free in one piece. */
#define LARGE_SIZE (SIZE_MAX / 4 * (sizeof(size_t) > 4 ? 1 : 3) + 1)

START_TEST(impossible_sizes_fail)
{
    static const size_t TOO_MUCH[] = { LARGE_SIZE, SIZE_MAX - 4096, SIZE_MAX - 4095, SIZE_MAX - 4094, SIZE_MAX };
    struct bitmask node_0 = set_at_end_of_mapping(64, 0);
    for (size_t i = 0; i <= COUNT_OF(TOO_MUCH); i++) {
        const size_t size = i < COUNT_OF(TOO_MUCH) ? TOO_MUCH[i] : 0;
        const int code = size == 0 ? EINVAL : ENOMEM;
        describe_cases("%#zx bytes", size);
        FAILS(numa_alloc(size), 0, code);
        FAILS(numa_alloc_local(size), 0, code);
        FAILS(numa_alloc_onnode(size, 0), 0, code);
        FAILS(numa_alloc_interleaved(size), 0, code);
        FAILS(numa_alloc_interleaved_subset(size, &node_0), 0, code);
        FAILS(numa_alloc_weighted_interleaved(size), 0, code);
        FAILS(numa_alloc_weighted_interleaved_subset(size, &node_0), 0, code);
        FAILS(numars_alloc_onnode(size, 0, NUMARS_ALLOC_HUGE_PAGES), 0, code);
        FAILS(numars_alloc_local(size, NUMARS_ALLOC_STRICT), 0, code);
        FAILS(numars_alloc_interleaved(size, &node_0, 0), 0, code);
        FAILS(numars_alloc_weighted(size, &node_0, NUMARS_ALLOC_POPULATE), 0, code);
    }
}
END_TEST

/* Kernels differ in one case of mremap(2): all refuse 2^62 bytes, with one of two errors. */
START_TEST(resizing_invalid_memory_or_to_an_invalid_size_fails)
{
    char *const memory = pages();
    const size_t page = page_size();
    FAILS(numa_realloc(NULL, page, 2 * page), 0, EFAULT);
    FAILS(numa_realloc(memory + 1, page, 2 * page), 0, EINVAL);
    FAILS(numa_realloc(memory, page, 0), 0, EINVAL);
    /* musl fails before the kernel does. */
    RETURNS(numa_realloc(memory, page, SIZE_MAX) == NULL && (errno == ENOMEM || errno == EINVAL) && (errno = UNTOUCHED_ERRNO), 1);
    RETURNS(numa_realloc(memory, page, SIZE_MAX - 4094) == NULL && (errno == ENOMEM || errno == EINVAL) && (errno = UNTOUCHED_ERRNO), 1);
    RETURNS(numa_realloc(memory, page, LARGE_SIZE) == NULL && (errno == ENOMEM || errno == EINVAL) && (errno = UNTOUCHED_ERRNO), 1);
    RETURNS(numa_realloc(memory, page, SIZE_MAX - 4095) == NULL && (errno == ENOMEM || errno == EINVAL) && (errno = UNTOUCHED_ERRNO), 1);
}
END_TEST

START_TEST(freeing_invalid_memory_does_nothing)
{
    char *const memory = pages();
    FAILS((numa_free(NULL, 0), 0), 0, EINVAL);
    RETURNS((numa_free(NULL, 1), 0), 0);
    FAILS((numa_free(memory, 0), 0), 0, EINVAL);
    FAILS((numa_free(memory + 1, 1), 0), 0, EINVAL);
    FAILS((numa_free(memory, SIZE_MAX), 0), 0, EINVAL);
    FAILS((numa_free(memory, SIZE_MAX - 4095), 0), 0, EINVAL);
}
END_TEST

static size_t present(char *memory, size_t count)
{
    unsigned char there[8] = { 0 };
    size_t sum = 0;
    require(mincore(memory, count * page_size(), there) == 0);
    for (size_t i = 0; i < count; i++)
        sum += there[i] & 1;
    return sum;
}

START_TEST(every_page_that_a_range_overlaps_is_touched_and_NULL_has_none)
{
    char *const memory = pages();
    RETURNS((numa_police_memory(NULL, 0), 0), 0);
    RETURNS((numa_police_memory(NULL, 1), 0), 0);
    RETURNS((numa_police_memory(NULL, SIZE_MAX), 0), 0);
    RETURNS((numa_police_memory(memory, 0), present(memory, 2)), 0);
    RETURNS((numa_police_memory(memory, 1), present(memory, 2)), 1);
    RETURNS((numa_police_memory(memory + page_size() - 1, 2), present(memory, 2)), 2);
    RETURNS((numa_police_memory(memory + 1, page_size()), present(memory, 2)), 2);
}
END_TEST

/* --- strings --- */

/* Returns what numa_warn() prints about a list; the list itself ends with a line feed. Valid until the next call. */
static char *warning(const char *format, const char *argument)
{
    static char *text;
    char whole[128];
    free(text);
    snprintf(whole, sizeof whole, "libnuma: Warning: %s\n\n", format);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    require(asprintf(&text, whole, argument) >= 0);
#pragma GCC diagnostic pop
    return text;
}

typedef struct bitmask *parser(const char *);

/* Lists of 1 MiB: valid ones, and lists with an error at their beginning or end. */
static void long_lists(parser *parse, const char *what)
{
    char unparseable[64], out_of_range[64];
    snprintf(unparseable, sizeof unparseable, "unparseable %s description `%%s'", what);
    snprintf(out_of_range, sizeof out_of_range, "%s argument %%s is out of range", what);
    const bool message_shows_limit = strcmp(what, "node") == 0;
    char *const nines = long_string("", "9", MANY_BYTES), *const letters = long_string("", "x", MANY_BYTES);
    char limit[32];
    snprintf(limit, sizeof limit, "%ld", LONG_MAX);

    RETURNS(allocated_and_freed(parse(long_string("", "0,", MANY_BYTES - 1))), 1);
    RETURNS(allocated_and_freed(parse(long_string("", "0-0,", MANY_BYTES - 1))), 1);
    RETURNS(allocated_and_freed(parse(long_string("", "+0,", MANY_BYTES - 2))), 1);
    RETURNS(allocated_and_freed(parse(long_string("", "0", MANY_BYTES))), 1);
    CHECK_CALL(parse(letters), 0, UNTOUCHED_ERRNO, warning(unparseable, letters));
    CHECK_CALL(parse(long_string("", "0,", MANY_BYTES)), 0, UNTOUCHED_ERRNO, warning(unparseable, ""));
    CHECK_CALL(parse(nines), 0, UNTOUCHED_ERRNO, warning(out_of_range, message_shows_limit ? limit : nines));
    CHECK_CALL(parse(long_string("", " ", MANY_BYTES)), 0, UNTOUCHED_ERRNO,
               warning(unparseable, long_string("", " ", MANY_BYTES)));
    CHECK_CALL(parse(long_string("", "!", MANY_BYTES)), 0, UNTOUCHED_ERRNO,
               warning(unparseable, long_string("", "!", MANY_BYTES - 1)));
    CHECK_CALL(parse(long_string("", "-", MANY_BYTES)), 0, UNTOUCHED_ERRNO,
               warning(unparseable, long_string("", "-", MANY_BYTES)));
    RETURNS(allocated_and_freed(parse(long_string("0x", "0", MANY_BYTES))), 1);
    RETURNS(parse(long_string("0", ";", MANY_BYTES)), 0);
}

static void short_lists(parser *parse)
{
    RETURNS(parse(NULL), 0);
    RETURNS(allocated_and_freed(parse(string_at_end_of_mapping(""))), 1);
    RETURNS(allocated_and_freed(parse(string_at_end_of_mapping("0"))), 1);
    RETURNS(allocated_and_freed(parse(string_at_end_of_mapping("0x0"))), 1);
    RETURNS(allocated_and_freed(parse(string_at_end_of_mapping("all"))), 1);
    RETURNS(allocated_and_freed(parse(string_at_end_of_mapping("!0"))), 1);
    RETURNS(allocated_and_freed(parse(string_at_end_of_mapping("0-0"))), 1);
}

static const struct {
    const char *name;
    parser *parse;
    const char *what;
} PARSERS[] = {
    { "numa_parse_nodestring", numa_parse_nodestring, "node" },
    { "numa_parse_nodestring_all", numa_parse_nodestring_all, "node" },
    { "numa_parse_cpustring", numa_parse_cpustring, "cpu" },
    { "numa_parse_cpustring_all", numa_parse_cpustring_all, "cpu" },
};

START_TEST(lists_that_end_with_their_mapping_are_read_completely)
{
    for (size_t i = 0; i < COUNT_OF(PARSERS); i++) {
        describe_cases("%s", PARSERS[i].name);
        short_lists(PARSERS[i].parse);
    }
}
END_TEST

static void long_lists_of(const char *what)
{
    for (size_t i = 0; i < COUNT_OF(PARSERS); i++) {
        describe_cases("%s", PARSERS[i].name);
        if (strcmp(PARSERS[i].what, what) == 0)
            long_lists(PARSERS[i].parse, what);
    }
}

START_TEST(lists_of_nodes_of_a_mebibyte_are_parsed_quickly)
{
    long_lists_of("node");
}
END_TEST

START_TEST(lists_of_cpus_of_a_mebibyte_are_parsed_quickly)
{
    long_lists_of("cpu");
}
END_TEST

/* No device has a name this long, and a host name this long is not even looked up, since a label has at most 63 characters. */
START_TEST(devices_with_names_of_a_mebibyte_are_rejected)
{
    static const struct {
        const char *prefix, *pattern, *text;
    } DEVICES[] = {
        { "netdev:", "x", "Cannot read node mask for net device `%s'" },
        { "netdev:", "/", "Illegal characters in `%s' specification" },
        { "block:", "x", "Cannot read node mask for block device `%s'" },
        { "file:", "x", "Cannot stat file %s" },
        { "ip:", "x", "Cannot resolve %s" },
        { "pci:", "0", "Cannot parse PCI device `%s'" },
        { "pci:", "0:", "Cannot parse PCI device `%s'" },
        { "pci:", ":", "Cannot parse PCI device `%s'" },
        { "drm:", "x", "Cannot read node mask for drm device `%s'" },
        { "dax:", "x", "Cannot read node mask for dax device `%s'" },
        { "dax:", "/", "Illegal characters in `%s' specification" },
        { "tier:", "4", "Cannot find memory tier `%s'" },
    };
    for (size_t i = 0; i < COUNT_OF(DEVICES); i++) {
        char *list = long_string(DEVICES[i].prefix, DEVICES[i].pattern, MANY_BYTES);
        char *expected = warning(DEVICES[i].text, list + strlen(DEVICES[i].prefix));
        describe_cases("%s%s…", DEVICES[i].prefix, DEVICES[i].pattern);
        expected[strlen(expected) - 1] = '\0';
        CHECK_CALL(numa_parse_nodestring(list), 0, UNTOUCHED_ERRNO, expected);
        CHECK_CALL(numa_parse_nodestring_all(list), 0, UNTOUCHED_ERRNO, expected);
    }
}
END_TEST

/* The position of the error that the last call in this process reported. */
static long offset_of_error(int (*parse)(const char *, struct bitmask *, struct numars_parse_error *), const char *list, struct bitmask *set)
{
    struct numars_parse_error error = NUMARS_PARSE_ERROR_INIT;
    return parse(list, set, &error) == 0 ? -1 : (long)error.offset;
}

START_TEST(lists_for_sets_that_are_too_small_and_lists_of_a_mebibyte_are_rejected)
{
    static const char HUGE_NUMBER[] = "99999999999999999999999999999999";
    FOR_EACH_SMALL_SET(one, set) {
        const bool has_room = one->kind == WORDS && one->size > 0;
        const int code = one->kind == WORDS ? ERANGE : EINVAL;
        describe_cases("%s", one->name);
        if (has_room) {
            RETURNS(numars_parse_nodes(string_at_end_of_mapping("0"), set, NULL), 0);
            RETURNS(numars_parse_cpus(string_at_end_of_mapping("+0"), set, NULL), 0);
            RETURNS((numars_parse_nodes("0", set, NULL), numa_bitmask_weight(set)), 1);
        } else {
            FAILS(numars_parse_nodes(string_at_end_of_mapping("0"), set, NULL), -1, code);
            FAILS(numars_parse_cpus(string_at_end_of_mapping("+0"), set, NULL), -1, code);
        }
        RETURNS(numars_format_nodes(set, NULL, 0) >= 0, 1);
    }
    /* On the stack, not in a register: the process of a case ends without freeing it, and memcheck searches for a pointer to it. */
    struct bitmask *volatile set = numa_allocate_nodemask();
    FAILS(numars_parse_nodes(NULL, set, NULL), -1, EINVAL);
    FAILS(numars_parse_cpus(NULL, set, NULL), -1, EINVAL);
    FAILS(numars_parse_nodes(string_at_end_of_mapping(HUGE_NUMBER), set, NULL), -1, ERANGE);
    FAILS(numars_parse_cpus(string_at_end_of_mapping("!"), set, NULL), -1, EINVAL);
    FAILS(numars_format_nodes(set, NULL, 1), -1, EINVAL);
    FAILS(offset_of_error(numars_parse_nodes, long_string("", "0,", MANY_BYTES), set), MANY_BYTES, EINVAL);
    FAILS(offset_of_error(numars_parse_cpus, long_string("", "0,", MANY_BYTES), set), MANY_BYTES, EINVAL);
    FAILS(offset_of_error(numars_parse_nodes, long_string("", "x,", MANY_BYTES), set), 0, EINVAL);
    FAILS(offset_of_error(numars_parse_nodes, long_string("file:", "x", MANY_BYTES), set), 5, ENOENT);
    numa_bitmask_free(set);
}
END_TEST

START_TEST(invalid_bit_maps_and_sets_that_are_too_small_fail)
{
    struct bitmask *set = numa_bitmask_alloc(64);
    struct bitmask many = set_at_end_of_mapping(1UL << 22, -1);
    RETURNS(numa_parse_bitmap(NULL, set), -1);
    RETURNS(numa_parse_bitmap(NULL, NULL), -1);
    RETURNS(numa_parse_bitmap(string_at_end_of_mapping(""), set), -1);
    RETURNS(numa_parse_bitmap(string_at_end_of_mapping("1"), set), -1);
    RETURNS(numa_parse_bitmap(string_at_end_of_mapping("1\n"), set), 0);
    RETURNS(numa_parse_bitmap(string_at_end_of_mapping("\n"), set), 0);
    FOR_EACH_SMALL_SET(one, other) {
        const bool has_room = one->kind == WORDS && one->size > 0;
        describe_cases("%s", one->name);
        RETURNS(numa_parse_bitmap(string_at_end_of_mapping("1\n"), other), has_room ? 0 : -1);
        RETURNS(numa_parse_bitmap(string_at_end_of_mapping("0\n"), other), 0);
    }
    describe_cases("a line of a mebibyte");
    char *line = long_string("", "00000000,", MANY_BYTES / 9 * 9);
    strcpy(line + MANY_BYTES / 9 * 9 - 2, "\n");
    RETURNS(numa_parse_bitmap(line, set), 0);
    line[0] = '8';
    RETURNS(numa_parse_bitmap(line, set), -1);
    RETURNS((numa_parse_bitmap(line, &many), numa_bitmask_weight(&many)), 1);
    RETURNS(numa_parse_bitmap(long_string("", "f", MANY_BYTES), &many), -1);
    RETURNS(numa_parse_bitmap(long_string("", ",", MANY_BYTES), &many), -1);
    RETURNS(numa_parse_bitmap(long_string("", "\n", MANY_BYTES), &many), 0);
    numa_bitmask_free(set);
}
END_TEST

/* --- messages --- */

START_TEST(messages_may_be_NULL_or_a_mebibyte_long_with_any_number)
{
    char *const text = long_string("", "x", MANY_BYTES);
    static char *error, *warned;
    /* "Unknown error 4000" of glibc, "No error information" of musl. */
    const char *const unknown = strerror(UNTOUCHED_ERRNO);
    require(asprintf(&error, "%s: %s\n", text, unknown) > 0);
    require(asprintf(&warned, "libnuma: Warning: %s\n", text) > 0);
    CHECK_CALL((numa_error(NULL), 0), 0, UNTOUCHED_ERRNO, error + MANY_BYTES + 2);
    CHECK_CALL((numa_error(text), 0), 0, UNTOUCHED_ERRNO, error);
    RETURNS((numa_warn(1, NULL), 0), 0);
    RETURNS((numa_warn(INT_MIN, NULL), 0), 0);
    CHECK_CALL((numa_warn(1, text), 0), 0, UNTOUCHED_ERRNO, warned);
    CHECK_CALL((numa_warn(INT_MIN, "%s", text), 0), 0, UNTOUCHED_ERRNO, warned);
    CHECK_CALL((numa_warn(INT_MAX, "%s", text), 0), 0, UNTOUCHED_ERRNO, warned);
}
END_TEST

/* --- moving pages --- */

START_TEST(pages_of_a_process_do_not_move_between_invalid_sets)
{
    require_numa_system_calls();
    FOR_EACH_SMALL_SET(one, set) {
        struct bitmask node_0 = set_at_end_of_mapping(70, 0);
        const bool impossible = one->content == ABSENT_NODE;
        /* Without CAP_SYS_NICE, the kernel first checks that the nodes are in the cpuset. */
        const int absent = geteuid() == 0 ? EINVAL : EPERM;
        const int code = one->content == EMPTY ? EINVAL : impossible ? absent : 0;
        describe_cases("%s", one->name);
        if (code == 0)
            RETURNS(numa_migrate_pages(0, &node_0, set), 0);
        else
            FAILS(numa_migrate_pages(0, &node_0, set), -1, code);
        FAILS(numa_migrate_pages(0, set, NULL), -1, EINVAL);
        FAILS(numa_migrate_pages(-1, &node_0, &node_0), -1, ESRCH);
        FAILS(numa_migrate_pages(INT_MAX, &node_0, &node_0), -1, ESRCH);

        if (one->content == EMPTY)
            FAILS(numars_move_process(0, &node_0, set, NULL, NULL), -1, EINVAL);
        else if (impossible)
            FAILS(numars_move_process(0, &node_0, set, NULL, NULL), -1, ENODEV);
        else
            RETURNS(numars_move_process(0, &node_0, set, NULL, NULL), 0);
        RETURNS(numars_move_process(0, set, &node_0, NULL, NULL), 0);
        unmake(&node_0);
    }
    struct bitmask node_0 = set_at_end_of_mapping(70, 0);
    FAILS(numars_move_process(-1, &node_0, &node_0, NULL, NULL), -1, ESRCH);
    FAILS(numars_move_process(INT_MAX, &node_0, &node_0, NULL, NULL), -1, ESRCH);
}
END_TEST

START_TEST(single_pages_do_not_move_with_arguments_that_the_system_call_rejects)
{
    void **page = array_at_end_of_mapping(1, sizeof *page);
    int *node = array_at_end_of_mapping(1, sizeof *node), *status = array_at_end_of_mapping(1, sizeof *status);
    *page = pages_on_node(1, 0);
    *node = 0;
    static const int BAD_FLAGS[] = { 1 << 0, 1 << 3, INT_MIN, -1 }, BAD_PIDS[] = { -1, INT_MIN, INT_MAX };
    static const unsigned long COUNTS[] = { 2, INT_MAX, INT_MAX + 1UL,
#if ULONG_MAX > UINT_MAX
                                            1UL << 32, 1UL << 61, 1UL << 63,
#endif
                                            ULONG_MAX };

    RETURNS(numa_move_pages(0, 0, NULL, NULL, NULL, 0), 0);
    RETURNS(numars_move_pages(0, 0, NULL, NULL, NULL, NULL, NULL), 0);
    FAILS(numa_move_pages(0, 1, NULL, NULL, status, 0), -1, EFAULT);
    FAILS(numa_move_pages(0, 1, page, NULL, NULL, 0), -1, EFAULT);
    FAILS(numa_move_pages(0, 1, NULL, node, status, MPOL_MF_MOVE), -1, EFAULT);
    FAILS(numa_move_pages(0, 1, page, node, NULL, MPOL_MF_MOVE), -1, EFAULT);
    FAILS(numars_move_pages(0, 1, NULL, NULL, NULL, NULL, NULL), -1, EFAULT);
    FAILS(numars_move_pages(0, 1, NULL, node, status, NULL, NULL), -1, EFAULT);
    RETURNS(numars_move_pages(0, 1, page, NULL, NULL, NULL, NULL), 0);
    RETURNS(numars_move_pages(0, 1, page, node, NULL, NULL, NULL), 0);
    for (size_t i = 0; i < COUNT_OF(COUNTS); i++) {
        describe_cases("one page of %lu", COUNTS[i]);
        FAILS(numa_move_pages(0, COUNTS[i], page, node, status, MPOL_MF_MOVE), -1, EFAULT);
        FAILS(numa_move_pages(0, COUNTS[i], page, NULL, status, MPOL_MF_MOVE), -1, EFAULT);
        FAILS(numars_move_pages(0, COUNTS[i], page, node, status, NULL, NULL), -1, EFAULT);
        FAILS(numars_move_pages(0, COUNTS[i], page, NULL, status, NULL, NULL), -1, EFAULT);
    }
    for (size_t i = 0; i < COUNT_OF(INVALID_NUMBERS); i++) {
        *node = INVALID_NUMBERS[i];
        describe_cases("node %d", *node);
        FAILS(numa_move_pages(0, 1, page, node, status, MPOL_MF_MOVE), -1, ENODEV);
        FAILS(numars_move_pages(0, 1, page, node, status, NULL, NULL), -1, ENODEV);
        FAILS(numars_move_range(0, *page, 1, *node, NULL, NULL), -1, ENODEV);
    }
    *node = 0;
    for (size_t i = 0; i < COUNT_OF(BAD_FLAGS); i++) {
        struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
        options.flags = BAD_FLAGS[i];
        describe_cases("flags %#x", (unsigned)options.flags);
        FAILS(numa_move_pages(0, 1, page, node, status, options.flags), -1, EINVAL);
        FAILS(numa_move_pages(0, 0, page, node, status, options.flags), -1, EINVAL);
        FAILS(numars_move_pages(0, 1, page, node, status, &options, NULL), -1, EINVAL);
        FAILS(numars_move_pages(0, 0, page, node, status, &options, NULL), -1, EINVAL);
        FAILS(numars_move_range(0, *page, 1, 0, &options, NULL), -1, EINVAL);
        FAILS(numars_move_range(0, *page, 0, 0, &options, NULL), -1, EINVAL);
    }
    for (size_t i = 0; i < COUNT_OF(BAD_PIDS); i++) {
        const int pid = BAD_PIDS[i];
        describe_cases("process %d", pid);
        FAILS(numa_move_pages(pid, 1, page, node, status, MPOL_MF_MOVE), -1, ESRCH);
        FAILS(numa_move_pages(pid, 0, page, node, status, MPOL_MF_MOVE), -1, ESRCH);
        FAILS(numars_move_pages(pid, 1, page, node, status, NULL, NULL), -1, ESRCH);
        FAILS(numars_move_pages(pid, 0, page, node, status, NULL, NULL), -1, ESRCH);
        FAILS(numars_move_range(pid, *page, 1, 0, NULL, NULL), -1, ESRCH);
        FAILS(numars_count_pages(pid, *page, 1, NULL, 0), -1, ESRCH);
        FAILS(numars_count_pages(pid, map_pages(1), 1, NULL, 0), -1, ESRCH);
        FAILS(numars_count_pages(pid, NULL, 0, NULL, 0), -1, ESRCH);
    }
}
END_TEST

static const unsigned char WEIGHTS[] = { 1, 2, 3 };

/* A placement on one set of nodes, with weights where they are needed: not every kernel has its own. */
static struct numars_placement *placement_on(const struct bitmask *nodes, int mode)
{
    static struct numars_placement placement = NUMARS_PLACEMENT_INIT;
    placement = (struct numars_placement){ .size = sizeof placement, .mode = mode, .nodes = nodes };
    if (mode == NUMARS_PLACE_WEIGHTED) {
        placement.weights = WEIGHTS;
        placement.n_weights = COUNT_OF(WEIGHTS);
    }
    return &placement;
}

static struct numars_placement *on_node_0(int mode)
{
    static unsigned long word = 1;
    static const struct bitmask node_0 = { .size = 8 * sizeof word, .maskp = &word };
    return placement_on(&node_0, mode);
}

static long place(char *start, size_t size, const struct numars_placement *placement)
{
    return numars_place_range(0, start, size, placement, NULL, NULL);
}

/* Returns what moving between tiers fails with. Most machines have one tier. */
static int without_tiers(int code)
{
    return numars_tiers(NULL, 0) < 2 ? ENODATA : code;
}

START_TEST(pages_are_not_placed_on_invalid_sets_of_nodes)
{
    char *const page = pages_on_node(1, 0);
    for (int mode = NUMARS_PLACE_PACK; mode <= NUMARS_PLACE_BALANCE; mode++)
        FOR_EACH_SMALL_SET(one, set) {
            const struct numars_placement *placement = placement_on(set, mode);
            describe_cases("mode %d on %s", mode, one->name);
            if (one->content == NODE_ZERO) {
                RETURNS(place(page, 1, placement), 0);
                RETURNS(numars_place_process(0, placement, NULL, NULL) >= 0, 1);
            } else {
                const int code = one->content == EMPTY ? EINVAL : ENODEV;
                FAILS(place(page, 1, placement), -1, code);
                FAILS(place(page, 0, placement), -1, code);
                FAILS(numars_place_process(0, placement, NULL, NULL), -1, code);
            }
        }
    describe_cases("NULL");
    FAILS(place(page, 1, NULL), -1, EINVAL);
    FAILS(place(NULL, 0, NULL), -1, EINVAL);
    FAILS(numars_place_process(0, NULL, NULL, NULL), -1, EINVAL);
}
END_TEST

#define REFUSED(placement)                                                 \
    do {                                                                   \
        FAILS(place(page, 1, (placement)), -1, EINVAL);                    \
        FAILS(place(page, 0, (placement)), -1, EINVAL);                    \
        FAILS(numars_place_process(0, (placement), NULL, NULL), -1, EINVAL); \
    } while (0)

START_TEST(placements_with_unknown_modes_and_flags_and_of_impossible_sizes_are_refused)
{
    static const int MODES[] = { INT_MIN, -1, NUMARS_PLACE_BALANCE + 1, INT_MAX };
    static const unsigned FLAGS[] = { 1U << 1, 1U << 31, UINT_MAX, NUMARS_PLACE_SET_POLICY | 1U << 16 };
    static const struct {
        size_t size;
        int code;
    } SIZES[] = { { 0, EINVAL }, { sizeof(struct numars_placement) - 1, EINVAL }, { 4097, E2BIG }, { SIZE_MAX, E2BIG } };
    char *const page = pages_on_node(1, 0);
    for (size_t i = 0; i < COUNT_OF(MODES); i++) {
        describe_cases("mode %d", MODES[i]);
        REFUSED(on_node_0(MODES[i]));
    }
    for (size_t i = 0; i < COUNT_OF(FLAGS); i++)
        for (int mode = NUMARS_PLACE_PACK; mode <= NUMARS_PLACE_BALANCE; mode++) {
            struct numars_placement *placement = on_node_0(mode);
            placement->flags = FLAGS[i];
            describe_cases("flags %#x and mode %d", FLAGS[i], mode);
            REFUSED(placement);
        }
    for (size_t i = 0; i < COUNT_OF(SIZES); i++) {
        struct numars_placement *placement = array_at_end_of_mapping(1, sizeof *placement);
        *placement = *on_node_0(NUMARS_PLACE_PACK);
        placement->size = SIZES[i].size;
        describe_cases("a placement of %zu bytes", placement->size);
        FAILS(place(page, 1, placement), -1, SIZES[i].code);
        FAILS(numars_place_process(0, placement, NULL, NULL), -1, SIZES[i].code);
    }
    describe_cases("a placement at an odd address");
    static char bytes[sizeof(struct numars_placement) + 1];
    memcpy(bytes + 1, on_node_0(NUMARS_PLACE_BALANCE), sizeof(struct numars_placement));
    RETURNS(place(page, 1, (void *)(bytes + 1)), 0);
}
END_TEST

START_TEST(weights_that_a_placement_does_not_take_are_refused)
{
    char *const page = pages_on_node(1, 0);
    for (int mode = NUMARS_PLACE_PACK; mode <= NUMARS_PLACE_BALANCE; mode++) {
        const bool takes_weights = mode == NUMARS_PLACE_WEIGHTED || mode == NUMARS_PLACE_BALANCE;
        const bool has_weights = mode != NUMARS_PLACE_WEIGHTED || has_weighted_interleave();
        struct numars_placement *placement = on_node_0(mode);
        unsigned char *weights = array_at_end_of_mapping(3, 1);
        memcpy(weights, WEIGHTS, 3);
        /* Their address need not be aligned, and their number is of no interest if there are none. */
        placement->weights = NULL;
        placement->n_weights = SIZE_MAX;
        describe_cases("mode %d and no weights", mode);
        if (has_weights)
            RETURNS(place(page, 1, placement), 0);
        else
            FAILS(place(page, 1, placement), -1, ENODATA);
        for (size_t count = 0; count <= 3; count++) {
            placement->weights = weights + 3 - count;
            placement->n_weights = count;
            describe_cases("mode %d and %zu weights", mode, count);
            if (takes_weights)
                RETURNS(place(page, 1, placement), 0);
            else
                REFUSED(placement);
            placement->flags = NUMARS_PLACE_SET_POLICY;
            describe_cases("mode %d, %zu weights and the policy", mode, count);
            REFUSED(placement);
            placement->flags = 0;
        }
        for (size_t zero = 0; zero < 3; zero++) {
            memcpy(weights, WEIGHTS, 3);
            weights[zero] = 0;
            describe_cases("mode %d and weight %zu is 0", mode, zero);
            /* Those of other nodes do not matter. */
            if (zero > 0 && takes_weights)
                RETURNS(place(page, 1, placement), 0);
            else
                REFUSED(placement);
        }
    }
}
END_TEST

START_TEST(the_policy_of_another_process_is_not_set)
{
    char *const page = pages_on_node(1, 0);
    for (int mode = NUMARS_PLACE_PACK; mode <= NUMARS_PLACE_BALANCE; mode++) {
        struct numars_placement *placement = on_node_0(mode);
        placement->weights = NULL;
        placement->flags = NUMARS_PLACE_SET_POLICY;
        describe_cases("mode %d", mode);
        if (mode == NUMARS_PLACE_WEIGHTED && !has_weighted_interleave())
            continue;
        /* Each call has a process of its own, a child of this one. */
        FAILS(numars_place_range(getppid(), page, 1, placement, NULL, NULL), -1, EINVAL);
        FAILS(numars_place_process(getppid(), placement, NULL, NULL), -1, EINVAL);
        RETURNS(numars_place_range(getpid(), page, 1, placement, NULL, NULL), 0);
    }
}
END_TEST

START_TEST(invalid_processes_have_no_pages_to_place_or_to_move_between_tiers)
{
    static const int BAD_PIDS[] = { -1, INT_MIN, INT_MAX };
    char *const page = pages_on_node(1, 0);
    for (size_t i = 0; i < COUNT_OF(BAD_PIDS); i++) {
        const int pid = BAD_PIDS[i];
        describe_cases("process %d", pid);
        for (int mode = NUMARS_PLACE_PACK; mode <= NUMARS_PLACE_BALANCE; mode++) {
            FAILS(numars_place_range(pid, page, 1, on_node_0(mode), NULL, NULL), -1, ESRCH);
            FAILS(numars_place_range(pid, page, 0, on_node_0(mode), NULL, NULL), -1, ESRCH);
            FAILS(numars_place_process(pid, on_node_0(mode), NULL, NULL), -1, ESRCH);
        }
        FAILS(numars_demote_range(pid, page, 1, NULL, NULL), -1, without_tiers(ESRCH));
        FAILS(numars_demote_range(pid, NULL, 0, NULL, NULL), -1, without_tiers(ESRCH));
        FAILS(numars_promote_range(pid, page, 1, NULL, NULL), -1, without_tiers(ESRCH));
    }
}
END_TEST

START_TEST(ranges_beyond_the_address_space_are_einval)
{
    char *const page = pages_on_node(1, 0);
    unsigned long *per_node = array_at_end_of_mapping(1, sizeof *per_node);
    for (size_t i = 0; i < COUNT_OF(RANGES); i++) {
        char *const start = start_of(i, page);
        /* A range may end exactly where the address space does. */
        const bool beyond = RANGES[i].size > 0 && RANGES[i].size - 1 > SIZE_MAX - (size_t)start;
        describe_cases("%s", RANGES[i].name);
        if (beyond) {
            FAILS(numars_move_range(0, start, RANGES[i].size, 0, NULL, NULL), -1, EINVAL);
            FAILS(numars_count_pages(0, start, RANGES[i].size, per_node, 1), -1, EINVAL);
            for (int mode = NUMARS_PLACE_PACK; mode <= NUMARS_PLACE_BALANCE; mode++)
                FAILS(place(start, RANGES[i].size, on_node_0(mode)), -1, EINVAL);
            FAILS(numars_demote_range(0, start, RANGES[i].size, NULL, NULL), -1, without_tiers(EINVAL));
            FAILS(numars_promote_range(0, start, RANGES[i].size, NULL, NULL), -1, without_tiers(EINVAL));
        } else {
            RETURNS(numars_move_range(0, start, RANGES[i].size, 0, NULL, NULL) >= 0, 1);
            RETURNS(numars_count_pages(0, start, RANGES[i].size, per_node, 1) >= 0, 1);
            for (int mode = NUMARS_PLACE_PACK; mode <= NUMARS_PLACE_BALANCE; mode++)
                RETURNS(place(start, RANGES[i].size, on_node_0(mode)) >= 0, 1);
        }
    }
    RETURNS(numars_count_pages(0, page, 1, NULL, 0), 1);
    RETURNS(numars_count_pages(0, page, 1, NULL, UINT_MAX), 1);
    RETURNS(numars_count_pages(0, page, 1, per_node, 0), 1);
}
END_TEST

/* The other calls with options, which they check first. */
#define PLACE_FAILS(options, stats, code)                                                                        \
    do {                                                                                                         \
        FAILS(numars_place_range(0, page, 1, on_node_0(NUMARS_PLACE_PACK), (options), (stats)), -1, (code));     \
        FAILS(numars_place_process(0, on_node_0(NUMARS_PLACE_PACK), (options), (stats)), -1, (code));            \
        FAILS(numars_demote_range(0, page, 1, (options), (stats)), -1, (code));                                  \
        FAILS(numars_promote_range(0, page, 1, (options), (stats)), -1, (code));                                 \
    } while (0)

START_TEST(invalid_options_fail)
{
    char *const page = pages_on_node(1, 0);
    struct bitmask node_0 = set_at_end_of_mapping(64, 0);
    static const struct {
        size_t size;
        int code;
    } SIZES[] = { { 0, EINVAL }, { sizeof(struct numars_move_options) - 1, EINVAL }, { 4097, E2BIG }, { SIZE_MAX, E2BIG } };
    for (size_t i = 0; i < COUNT_OF(SIZES); i++) {
        struct numars_move_options *options = array_at_end_of_mapping(1, sizeof *options);
        options->size = SIZES[i].size;
        describe_cases("options of %zu bytes", options->size);
        FAILS(numars_move_pages(0, 1, (void *[]){ page }, NULL, NULL, options, NULL), -1, SIZES[i].code);
        FAILS(numars_move_range(0, page, 1, 0, options, NULL), -1, SIZES[i].code);
        FAILS(numars_move_process(0, &node_0, &node_0, options, NULL), -1, SIZES[i].code);
        PLACE_FAILS(options, NULL, SIZES[i].code);
    }
    for (size_t i = 0; i < COUNT_OF(SIZES); i++) {
        struct numars_move_stats *stats = array_at_end_of_mapping(1, sizeof *stats);
        stats->size = SIZES[i].size == sizeof(struct numars_move_options) - 1 ? sizeof *stats - 1 : SIZES[i].size;
        describe_cases("statistics of %zu bytes", stats->size);
        FAILS(numars_move_pages(0, 1, (void *[]){ page }, NULL, NULL, NULL, stats), -1, SIZES[i].code);
        FAILS(numars_move_range(0, page, 1, 0, NULL, stats), -1, SIZES[i].code);
        FAILS(numars_move_process(0, &node_0, &node_0, NULL, stats), -1, SIZES[i].code);
        PLACE_FAILS(NULL, stats, SIZES[i].code);
    }
    for (int field = 0; field < 3; field++) {
        struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
        static char unaligned[2 * sizeof(long)];
        char *const address = (char *)(((uintptr_t)unaligned + sizeof(long) - 1) / sizeof(long) * sizeof(long)) + 1;
        if (field == 0)
            options.reserved = 1;
        else if (field == 1)
            memcpy(&options.cancel, &address, sizeof address);
        else
            memcpy(&options.moved_per_node, &address, sizeof address);
        describe_cases("a field of the options with a bad value: %d", field);
        FAILS(numars_move_pages(0, 1, (void *[]){ page }, NULL, NULL, &options, NULL), -1, EINVAL);
        FAILS(numars_move_range(0, page, 1, 0, &options, NULL), -1, EINVAL);
        FAILS(numars_move_process(0, &node_0, &node_0, &options, NULL), -1, EINVAL);
        PLACE_FAILS(&options, NULL, EINVAL);
    }
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.threads = options.retries = UINT_MAX;
    describe_cases("UINT_MAX threads and retries");
    RETURNS(numars_move_range(0, page, 1, 0, &options, NULL), 0);
    RETURNS(numars_move_process(0, &node_0, &node_0, &options, NULL), 0);
}
END_TEST

/* --- the kernel's calls --- */

START_TEST(statuses_that_no_call_returns_are_unknown)
{
    RETURNS(strcmp(numars_status_string(INT_MAX), "on node"), 0);
    RETURNS(strcmp(numars_status_string(INT_MIN), "unknown status"), 0);
    RETURNS(strcmp(numars_status_string(-4096), "unknown status"), 0);
}
END_TEST

START_TEST(the_system_calls_reject_what_the_kernel_rejects)
{
    require_numa_system_calls();
    char *const memory = pages();
    int mode, status, node = 0;
    unsigned long word = 1;
    static const int BAD_FLAGS[] = { 1 << 3, 1 << 20, INT_MIN, -1 };

    RETURNS(get_mempolicy(NULL, NULL, 0, NULL, 0), 0);
    RETURNS(get_mempolicy(NULL, NULL, ULONG_MAX, NULL, 0), 0);
    FAILS(get_mempolicy(&mode, NULL, 0, NULL, MPOL_F_ADDR), -1, EFAULT);
    FAILS(get_mempolicy(&mode, NULL, 0, memory, 0), -1, EINVAL);
    FAILS(mbind(NULL, 1, MPOL_DEFAULT, NULL, 0, 0), -1, EFAULT);
    FAILS(mbind(memory, 1, MPOL_BIND, NULL, 0, 0), -1, EINVAL);
    FAILS(mbind(memory, 1, MPOL_BIND, NULL, MASK_BITS, 0), -1, EINVAL);
    FAILS(mbind(memory, 1, MPOL_BIND, &word, MANY_BITS, 0), -1, EINVAL);
    FAILS(mbind(memory, 1, MPOL_BIND, &word, ULONG_MAX, 0), -1, EINVAL);
    FAILS(mbind(memory + 1, 1, MPOL_DEFAULT, NULL, 0, 0), -1, EINVAL);
    /* To a kernel with 64-bit words, a length of 32 bits is not too large, and MPOL_DEFAULT ignores holes. */
    if (sizeof(size_t) > 4)
        FAILS(mbind(memory, SIZE_MAX - page_size() + 1, MPOL_DEFAULT, NULL, 0, 0), -1, EINVAL);
    /* The kernel rounds it up to 0. */
    RETURNS(mbind(memory, SIZE_MAX, MPOL_DEFAULT, NULL, 0, 0), 0);
    FAILS(mbind(memory, 1, INT_MAX, NULL, 0, 0), -1, EINVAL);
    FAILS(mbind(memory, 1, INT_MIN, NULL, 0, 0), -1, EINVAL);
    FAILS(set_mempolicy(INT_MAX, NULL, 0), -1, EINVAL);
    FAILS(set_mempolicy(INT_MIN, NULL, 0), -1, EINVAL);
    FAILS(set_mempolicy(MPOL_BIND, NULL, 0), -1, EINVAL);
    FAILS(set_mempolicy(MPOL_BIND, NULL, MASK_BITS), -1, EINVAL);
    FAILS(set_mempolicy(MPOL_BIND, &word, MANY_BITS), -1, EINVAL);
    FAILS(set_mempolicy(MPOL_BIND, &word, ULONG_MAX), -1, EINVAL);
    FAILS(migrate_pages(0, MASK_BITS, NULL, NULL), -1, EINVAL);
    FAILS(migrate_pages(0, MASK_BITS, &word, NULL), -1, EINVAL);
    FAILS(migrate_pages(0, MANY_BITS, &word, &word), -1, EINVAL);
    FAILS(migrate_pages(0, ULONG_MAX, &word, &word), -1, EINVAL);
    FAILS(migrate_pages(-1, MASK_BITS, &word, &word), -1, ESRCH);
    FAILS(migrate_pages(INT_MIN, MASK_BITS, &word, &word), -1, ESRCH);
    RETURNS(move_pages(0, 0, NULL, NULL, NULL, 0), 0);
    FAILS(move_pages(0, 1, NULL, NULL, &status, 0), -1, EFAULT);
    FAILS(move_pages(0, 1, NULL, &node, &status, MPOL_MF_MOVE), -1, EFAULT);
    FAILS(move_pages(0, 1, (void *[]){ memory }, NULL, NULL, 0), -1, EFAULT);
    FAILS(move_pages(-1, 0, NULL, NULL, NULL, 0), -1, ESRCH);
    for (size_t i = 0; i < COUNT_OF(BAD_FLAGS); i++) {
        describe_cases("flags %#x", (unsigned)BAD_FLAGS[i]);
        FAILS(get_mempolicy(NULL, NULL, 0, NULL, (unsigned)BAD_FLAGS[i]), -1, EINVAL);
        FAILS(mbind(memory, 1, MPOL_DEFAULT, NULL, 0, (unsigned)BAD_FLAGS[i]), -1, EINVAL);
        FAILS(move_pages(0, 0, NULL, NULL, NULL, BAD_FLAGS[i]), -1, EINVAL);
    }
}
END_TEST

START_TEST(an_invalid_home_node_fails)
{
    char *const memory = pages();
    if (!numa_has_home_node())
        return;
    require(mbind(memory, 2 * page_size(), MPOL_BIND, NODE_0, 64, 0) == 0);
    for (size_t i = 0; i < COUNT_OF(INVALID_NUMBERS); i++) {
        describe_cases("%d", INVALID_NUMBERS[i]);
        FAILS(set_mempolicy_home_node(memory, 1, INVALID_NUMBERS[i], 0), -1, EINVAL);
        FAILS(set_mempolicy_home_node(memory, 1, 0, INVALID_NUMBERS[i]), -1, EINVAL);
        CHECK_CALL(numa_set_mempolicy_home_node(memory, 1, INVALID_NUMBERS[i], 0), -1, EINVAL, error_message("set_mempolicy_home_node", EINVAL));
        CHECK_CALL(numa_set_mempolicy_home_node(memory, 1, 0, INVALID_NUMBERS[i]), -1, EINVAL, error_message("set_mempolicy_home_node", EINVAL));
    }
    FAILS(set_mempolicy_home_node(memory + 1, 1, 0, 0), -1, EINVAL);
    if (sizeof(size_t) > 4)
        FAILS(set_mempolicy_home_node(memory, SIZE_MAX - page_size() + 1, 0, 0), -1, EINVAL);
    RETURNS(set_mempolicy_home_node(NULL, 0, 0, 0), 0);
    CHECK_CALL(numa_set_mempolicy_home_node(memory + 1, 1, 0, 0), -1, EINVAL, error_message("set_mempolicy_home_node", EINVAL));
    CHECK_CALL(numa_set_mempolicy_home_node(memory, SIZE_MAX, 0, 0), -1, EINVAL, error_message("set_mempolicy_home_node", EINVAL));
    RETURNS(numa_set_mempolicy_home_node(NULL, 0, 0, 0), 0);
}
END_TEST

/* --- the older forms --- */

/* musl ignores the versions of symbols: there no program reaches them. */
#ifdef __GLIBC__

typedef void any_function(void);

/* The symbol version that programs built with libnuma's first version use; if the library is linked statically, the function under its own
 * name. */
static any_function *older(const char *name)
{
    char own_name[64];
#ifdef __GLIBC__
    void *symbol = dlvsym(RTLD_DEFAULT, name, "libnuma_1.1");
#else
    void *symbol = NULL;
#endif
    snprintf(own_name, sizeof own_name, "%s_v1", name);
    if (symbol == NULL)
        symbol = dlsym(RTLD_DEFAULT, own_name);
    any_function *function;
    require(symbol != NULL);
    memcpy(&function, &symbol, sizeof function);
    return function;
}

#define OLDER(type, name, ...) ((type(*)(__VA_ARGS__))older(#name))

START_TEST(the_older_versions_reject_the_same)
{
    require_numa_system_calls();
#ifndef __GLIBC__
    if (dlsym(RTLD_DEFAULT, "numa_bind_v1") == NULL)
        skip_test("this C library cannot look up a symbol's version");
#endif
    unsigned long *words = array_at_end_of_mapping(MAX_NODES / 4, sizeof *words);
    const int bytes = MAX_NODES / 4 * (int)sizeof *words;
    void *memory = pages();
    nodemask_t *none = array_at_end_of_mapping(1, sizeof *none), *absent = array_at_end_of_mapping(1, sizeof *absent);
    absent->n[64 / MASK_BITS] = 1;
    const nodemask_t *const MASKS[] = { NULL, none, absent };
    for (size_t i = 0; i < COUNT_OF(MASKS); i++) {
        const nodemask_t *const mask = MASKS[i];
        const bool empty = mask != absent;
        describe_cases("%s", mask == NULL ? "NULL" : empty ? "no nodes" : "node 64");
        CHECK_CALL((OLDER(void, numa_bind, const nodemask_t *)(mask), 0), 0, EINVAL,
                   empty ? AFFINITY_FAILED "set_mempolicy: Invalid argument\n"
                         : "libnuma: Warning: node 64 not allowed\n" AFFINITY_FAILED "set_mempolicy: Invalid argument\n");
        REPORTS((OLDER(void, numa_set_membind, const nodemask_t *)(mask)), "set_mempolicy", EINVAL);
        if (empty)
            RETURNS((OLDER(void, numa_set_interleave_mask, const nodemask_t *)(mask), 0), 0);
        else
            REPORTS((OLDER(void, numa_set_interleave_mask, const nodemask_t *)(mask)), "set_mempolicy", EINVAL);
        REPORTS((OLDER(void, numa_interleave_memory, void *, size_t, const nodemask_t *)(memory, 1, mask)), "mbind", EINVAL);
        REPORTS((OLDER(void, numa_tonodemask_memory, void *, size_t, const nodemask_t *)(memory, 1, mask)), "mbind", EINVAL);
        CHECK_CALL((OLDER(void *, numa_alloc_interleaved_subset, size_t, const nodemask_t *)(1, mask)) != NULL, 1, EINVAL,
                   error_message("mbind", EINVAL));
        FAILS((OLDER(void *, numa_alloc_interleaved_subset, size_t, const nodemask_t *)(SIZE_MAX, mask)), 0, ENOMEM);
        CHECK_CALL((OLDER(int, numa_run_on_node_mask, const nodemask_t *)(mask)), -1, EINVAL, empty ? "" : NO_CPUS);
    }
    describe_cases("plain arrays");
    int (*get)(int, unsigned, unsigned long *) = OLDER(int, numa_sched_getaffinity, int, unsigned, unsigned long *);
    FAILS(get(0, (unsigned)bytes, NULL), -1, EFAULT);
    FAILS(get(0, 0, words), -1, EINVAL);
    FAILS(get(0, 1, words), -1, EINVAL);
    FAILS(get(0, UINT_MAX, words), -1, EINVAL);
    FAILS(get(-1, (unsigned)bytes, words), -1, ESRCH);
    int (*set)(int, unsigned, const unsigned long *) = OLDER(int, numa_sched_setaffinity, int, unsigned, const unsigned long *);
    FAILS(set(0, (unsigned)bytes, NULL), -1, EFAULT);
    FAILS(set(0, 0, NULL), -1, EINVAL);
    FAILS(set(0, (unsigned)bytes, words), -1, EINVAL);
    FAILS(set(-1, (unsigned)bytes, words), -1, ESRCH);
    int (*cpus)(int, unsigned long *, int) = OLDER(int, numa_node_to_cpus, int, unsigned long *, int);
    FAILS(cpus(0, NULL, bytes), -1, ERANGE);
    FAILS(cpus(0, words, 0), -1, ERANGE);
    FAILS(cpus(0, words, -1), -1, ERANGE);
    FAILS(cpus(0, words, INT_MIN), -1, ERANGE);
    for (size_t i = 0; i < COUNT_OF(INVALID_NUMBERS); i++)
        FAILS(cpus(INVALID_NUMBERS[i], words, bytes), -1, ERANGE);
    RETURNS(cpus(0, words, bytes), 0);
    int (*parse)(char *, unsigned long *, int) = OLDER(int, numa_parse_bitmap, char *, unsigned long *, int);
    RETURNS(parse(NULL, words, 64), -1);
    RETURNS(parse(string_at_end_of_mapping("1\n"), NULL, 64), -1);
    RETURNS(parse(string_at_end_of_mapping("1\n"), words, 0), -1);
    RETURNS(parse(string_at_end_of_mapping("1\n"), words, -1), -1);
    RETURNS(parse(string_at_end_of_mapping("1\n"), words, INT_MIN), -1);
}
END_TEST

#endif

int main(void)
{
    const TTest *const tests[] = {
        sets_of_any_size_contain_what_their_words_say,
        sets_of_any_size_but_0_are_allocated_and_freed_even_without_words,
        running_on_an_invalid_node_fails,
        affinity_of_invalid_threads_or_with_invalid_sets_fails,
        invalid_nodes_and_cpus_have_no_size_distance_or_node,
        storing_the_cpus_of_a_node_in_an_invalid_set_fails,
        invalid_nodes_initiators_tiers_and_attributes_are_unknown,
        any_number_but_0_is_true,
        impossible_sizes_fail,
        resizing_invalid_memory_or_to_an_invalid_size_fails,
        freeing_invalid_memory_does_nothing,
        every_page_that_a_range_overlaps_is_touched_and_NULL_has_none,
        lists_that_end_with_their_mapping_are_read_completely,
        lists_of_nodes_of_a_mebibyte_are_parsed_quickly,
        lists_of_cpus_of_a_mebibyte_are_parsed_quickly,
        devices_with_names_of_a_mebibyte_are_rejected,
        lists_for_sets_that_are_too_small_and_lists_of_a_mebibyte_are_rejected,
        invalid_bit_maps_and_sets_that_are_too_small_fail,
        messages_may_be_NULL_or_a_mebibyte_long_with_any_number,
        exported_sets_that_the_program_cleared_are_empty,
        setting_a_policy_with_an_invalid_set_fails,
        an_invalid_preferred_node_fails_and_a_negative_one_means_no_preference,
        running_on_an_invalid_set_of_nodes_fails,
        setting_a_policy_of_memory_with_an_invalid_set_fails,
        setting_a_policy_of_an_invalid_range_fails,
        memory_is_not_placed_on_an_invalid_node,
        memory_is_not_interleaved_over_an_invalid_set_or_with_unknown_flags,
        pages_of_a_process_do_not_move_between_invalid_sets,
        single_pages_do_not_move_with_arguments_that_the_system_call_rejects,
        pages_are_not_placed_on_invalid_sets_of_nodes,
        placements_with_unknown_modes_and_flags_and_of_impossible_sizes_are_refused,
        weights_that_a_placement_does_not_take_are_refused,
        the_policy_of_another_process_is_not_set,
        invalid_processes_have_no_pages_to_place_or_to_move_between_tiers,
        ranges_beyond_the_address_space_are_einval,
        invalid_options_fail,
        statuses_that_no_call_returns_are_unknown,
        the_system_calls_reject_what_the_kernel_rejects,
        an_invalid_home_node_fails,
#ifdef __GLIBC__
        the_older_versions_reject_the_same,
#endif
        NULL };
    return run_tests("bad_input", tests);
}

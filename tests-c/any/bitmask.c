/* struct bitmask and the numa_bitmask_* calls, as numa(3) describes them. */
#include <limits.h>
#include <malloc.h>
#include <numa.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"

enum { WORD_BITS = 8 * sizeof(unsigned long) };

static const unsigned int SIZES[] = { 1, 63, 64, 65, 70, 1024 };
enum { SIZE_COUNT = sizeof SIZES / sizeof *SIZES };

static struct bitmask *alloc(unsigned int size)
{
    struct bitmask *set = numa_bitmask_alloc(size);
    require(set != NULL);
    return set;
}

static struct bitmask *alloc_full(unsigned int size)
{
    return numa_bitmask_setall(alloc(size));
}

START_TEST(a_new_set_has_its_size_and_no_bits)
{
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        const unsigned int size = SIZES[i];
        struct bitmask *set = alloc(size);
        ck_assert_uint_eq(set->size, size);
        ck_assert_uint_eq(numa_bitmask_weight(set), 0);
        for (unsigned int bit = 0; bit < size; bit++)
            ck_assert_int_eq(numa_bitmask_isbitset(set, bit), 0);
        for (unsigned int word = 0; word < (size + WORD_BITS - 1) / WORD_BITS; word++)
            ck_assert_uint_eq(set->maskp[word], 0);
        numa_bitmask_free(set);
    }
}
END_TEST

START_TEST(nbytes_counts_whole_words)
{
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        const unsigned int size = SIZES[i];
        struct bitmask *set = alloc(size);
        ck_assert_uint_eq(numa_bitmask_nbytes(set), (size + WORD_BITS - 1) / WORD_BITS * sizeof(unsigned long));
        numa_bitmask_free(set);
    }
}
END_TEST

START_TEST(bits_are_set_and_cleared_one_by_one)
{
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        const unsigned int size = SIZES[i];
        struct bitmask *set = alloc(size);
        for (unsigned int bit = 0; bit < size; bit++) {
            ck_assert_ptr_eq(numa_bitmask_setbit(set, bit), set);
            ck_assert_int_eq(numa_bitmask_isbitset(set, bit), 1);
            ck_assert_uint_eq(numa_bitmask_weight(set), 1);
            ck_assert_uint_eq(set->maskp[bit / WORD_BITS], 1UL << bit % WORD_BITS);
            ck_assert_ptr_eq(numa_bitmask_clearbit(set, bit), set);
            ck_assert_int_eq(numa_bitmask_isbitset(set, bit), 0);
            ck_assert_uint_eq(numa_bitmask_weight(set), 0);
        }
        numa_bitmask_free(set);
    }
}
END_TEST

START_TEST(setting_a_bit_twice_is_setting_it_once)
{
    struct bitmask *set = alloc(70);
    numa_bitmask_setbit(numa_bitmask_setbit(set, 69), 69);
    ck_assert_uint_eq(numa_bitmask_weight(set), 1);
    numa_bitmask_clearbit(numa_bitmask_clearbit(set, 69), 69);
    ck_assert_uint_eq(numa_bitmask_weight(set), 0);
    numa_bitmask_free(set);
}
END_TEST

START_TEST(setall_sets_every_bit_and_clearall_none)
{
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        const unsigned int size = SIZES[i];
        struct bitmask *set = alloc(size);
        ck_assert_ptr_eq(numa_bitmask_setall(set), set);
        ck_assert_uint_eq(numa_bitmask_weight(set), size);
        for (unsigned int bit = 0; bit < size; bit++)
            ck_assert_int_eq(numa_bitmask_isbitset(set, bit), 1);
        ck_assert_ptr_eq(numa_bitmask_clearall(set), set);
        ck_assert_uint_eq(numa_bitmask_weight(set), 0);
        ck_assert_uint_eq(set->size, size);
        numa_bitmask_free(set);
    }
}
END_TEST

START_TEST(setall_of_a_new_set_leaves_the_rest_of_the_last_word_alone)
{
    struct bitmask *set = alloc_full(70);
    for (size_t word = 0; word < 70 / WORD_BITS; word++)
        ck_assert_uint_eq(set->maskp[word], ULONG_MAX);
    ck_assert_uint_eq(set->maskp[70 / WORD_BITS], 0x3f);
    numa_bitmask_free(set);
}
END_TEST

/* A set that the program made itself, inside memory that reveals writes beyond it. */
enum { WORDS = 256 / WORD_BITS };
struct guarded {
    unsigned long words[WORDS + 2];
    struct bitmask set;
};

static void guard(struct guarded *guarded, unsigned long size)
{
    memset(guarded->words, 0, sizeof guarded->words);
    guarded->words[0] = guarded->words[WORDS + 1] = ULONG_MAX / 3;
    guarded->set = (struct bitmask){ .size = size, .maskp = guarded->words + 1 };
}

static void assert_guards_stand(const struct guarded *guarded)
{
    ck_assert_uint_eq(guarded->words[0], ULONG_MAX / 3);
    ck_assert_uint_eq(guarded->words[WORDS + 1], ULONG_MAX / 3);
}

static const unsigned int OUT_OF_RANGE[] = { 256, 257, 319, 320, 1000, INT_MAX, UINT_MAX };

START_TEST(bits_out_of_range_read_0)
{
    struct guarded guarded;
    guard(&guarded, 256);
    numa_bitmask_setall(&guarded.set);
    for (size_t i = 0; i < sizeof OUT_OF_RANGE / sizeof *OUT_OF_RANGE; i++)
        ck_assert_int_eq(numa_bitmask_isbitset(&guarded.set, OUT_OF_RANGE[i]), 0);
}
END_TEST

START_TEST(bits_out_of_range_are_not_written)
{
    struct guarded guarded;
    guard(&guarded, 256);
    for (size_t i = 0; i < sizeof OUT_OF_RANGE / sizeof *OUT_OF_RANGE; i++) {
        ck_assert_ptr_eq(numa_bitmask_setbit(&guarded.set, OUT_OF_RANGE[i]), &guarded.set);
        ck_assert_ptr_eq(numa_bitmask_clearbit(&guarded.set, OUT_OF_RANGE[i]), &guarded.set);
    }
    assert_guards_stand(&guarded);
    ck_assert_uint_eq(numa_bitmask_weight(&guarded.set), 0);
}
END_TEST

START_TEST(bits_beyond_the_size_are_out_of_range_even_within_the_last_word)
{
    struct bitmask *set = alloc(70);
    for (unsigned int bit = 70; bit < 128; bit++)
        numa_bitmask_setbit(set, bit);
    ck_assert_uint_eq(set->maskp[70 / WORD_BITS], 0);
    numa_bitmask_free(set);
}
END_TEST

START_TEST(nothing_outside_the_words_of_a_set_is_written)
{
    struct guarded guarded;
    guard(&guarded, 256);
    numa_bitmask_setall(&guarded.set);
    assert_guards_stand(&guarded);
    numa_bitmask_clearall(&guarded.set);
    assert_guards_stand(&guarded);

    struct bitmask *large = alloc_full(1024), *small = alloc_full(1);
    copy_bitmask_to_bitmask(large, &guarded.set);
    assert_guards_stand(&guarded);
    copy_bitmask_to_bitmask(small, &guarded.set);
    assert_guards_stand(&guarded);
    numa_bitmask_free(large);
    numa_bitmask_free(small);
}
END_TEST

START_TEST(equal_sets_are_equal)
{
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        const unsigned int size = SIZES[i];
        struct bitmask *one = alloc(size), *other = alloc(size);
        ck_assert_int_eq(numa_bitmask_equal(one, other), 1);
        ck_assert_int_eq(numa_bitmask_equal(one, one), 1);
        numa_bitmask_setbit(one, size - 1);
        ck_assert_int_eq(numa_bitmask_equal(one, other), 0);
        ck_assert_int_eq(numa_bitmask_equal(other, one), 0);
        numa_bitmask_setbit(other, size - 1);
        ck_assert_int_eq(numa_bitmask_equal(one, other), 1);
        numa_bitmask_free(one);
        numa_bitmask_free(other);
    }
}
END_TEST

START_TEST(bits_that_the_smaller_set_lacks_count_as_0)
{
    /* SIZES is in ascending order. */
    for (size_t j = 1; j < SIZE_COUNT; j++)
        for (size_t i = 0; i < j; i++) {
            const unsigned int small_size = SIZES[i], large_size = SIZES[j];
            struct bitmask *small = alloc_full(small_size), *large = alloc(large_size);
            for (unsigned int bit = 0; bit < small_size; bit++)
                numa_bitmask_setbit(large, bit);
            ck_assert_int_eq(numa_bitmask_equal(small, large), 1);
            ck_assert_int_eq(numa_bitmask_equal(large, small), 1);
            numa_bitmask_setbit(large, large_size - 1);
            ck_assert_int_eq(numa_bitmask_equal(small, large), 0);
            ck_assert_int_eq(numa_bitmask_equal(large, small), 0);
            numa_bitmask_free(small);
            numa_bitmask_free(large);
        }
}
END_TEST

START_TEST(a_copy_to_the_same_size_is_equal)
{
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        const unsigned int size = SIZES[i];
        struct bitmask *from = alloc(size), *to = alloc_full(size);
        numa_bitmask_setbit(from, size - 1);
        numa_bitmask_setbit(from, size / 2);
        copy_bitmask_to_bitmask(from, to);
        ck_assert_int_eq(numa_bitmask_equal(from, to), 1);
        ck_assert_uint_eq(to->size, size);
        numa_bitmask_free(from);
        numa_bitmask_free(to);
    }
}
END_TEST

START_TEST(a_copy_to_a_smaller_set_is_truncated)
{
    struct bitmask *from = alloc_full(1024), *to = alloc(65);
    copy_bitmask_to_bitmask(from, to);
    ck_assert_uint_eq(to->size, 65);
    ck_assert_uint_eq(numa_bitmask_weight(to), 65);
    numa_bitmask_free(from);
    numa_bitmask_free(to);
}
END_TEST

START_TEST(a_copy_to_a_larger_set_is_filled_with_0)
{
    struct bitmask *from = alloc_full(70), *to = alloc_full(1024);
    copy_bitmask_to_bitmask(from, to);
    ck_assert_uint_eq(to->size, 1024);
    ck_assert_uint_eq(numa_bitmask_weight(to), 70);
    ck_assert_int_eq(numa_bitmask_isbitset(to, 69), 1);
    ck_assert_int_eq(numa_bitmask_isbitset(to, 70), 0);
    ck_assert_int_eq(numa_bitmask_isbitset(to, 1023), 0);
    numa_bitmask_free(from);
    numa_bitmask_free(to);
}
END_TEST

START_TEST(a_nodemask_keeps_the_nodes_that_fit)
{
    nodemask_t mask;
    memset(&mask, 0, sizeof mask);
    struct bitmask *large = alloc_full(2 * NUMA_NUM_NODES);
    copy_bitmask_to_nodemask(large, &mask);
    for (size_t word = 0; word < sizeof mask.n / sizeof *mask.n; word++)
        ck_assert_uint_eq(mask.n[word], ULONG_MAX);
    numa_bitmask_free(large);
}
END_TEST

START_TEST(a_nodemask_is_filled_with_0)
{
    nodemask_t mask;
    memset(&mask, 0xff, sizeof mask);
    struct bitmask *small = alloc_full(70);
    copy_bitmask_to_nodemask(small, &mask);
    for (size_t word = 0; word < 70 / WORD_BITS; word++)
        ck_assert_uint_eq(mask.n[word], ULONG_MAX);
    ck_assert_uint_eq(mask.n[70 / WORD_BITS], 0x3f);
    for (size_t word = 70 / WORD_BITS + 1; word < sizeof mask.n / sizeof *mask.n; word++)
        ck_assert_uint_eq(mask.n[word], 0);
    numa_bitmask_free(small);
}
END_TEST

START_TEST(a_set_keeps_the_nodes_of_a_nodemask_that_fit)
{
    nodemask_t mask;
    memset(&mask, 0xff, sizeof mask);
    struct bitmask *small = alloc(70);
    copy_nodemask_to_bitmask(&mask, small);
    ck_assert_uint_eq(numa_bitmask_weight(small), 70);
    numa_bitmask_free(small);
}
END_TEST

START_TEST(a_set_larger_than_a_nodemask_is_filled_with_0)
{
    nodemask_t mask;
    memset(&mask, 0xff, sizeof mask);
    struct bitmask *large = alloc_full(2 * NUMA_NUM_NODES);
    copy_nodemask_to_bitmask(&mask, large);
    ck_assert_uint_eq(numa_bitmask_weight(large), NUMA_NUM_NODES);
    ck_assert_int_eq(numa_bitmask_isbitset(large, NUMA_NUM_NODES - 1), 1);
    ck_assert_int_eq(numa_bitmask_isbitset(large, NUMA_NUM_NODES), 0);
    numa_bitmask_free(large);
}
END_TEST

/* Returns the highest number in a sysfs list such as "0-3,8", plus one, or `otherwise` if the file does not exist. */
static unsigned long count_in_list(const char *path, unsigned long otherwise)
{
    char list[4096] = "";
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(list, sizeof list, file) == NULL)
        return otherwise;
    fclose(file);
    size_t last_number = strspn(list, "0123456789,-");
    while (last_number > 0 && list[last_number - 1] >= '0' && list[last_number - 1] <= '9')
        last_number--;
    return strtoul(list + last_number, NULL, 10) + 1;
}

START_TEST(a_nodemask_is_large_enough_for_every_node_the_kernel_can_have)
{
    struct bitmask *nodes = numa_allocate_nodemask();
    ck_assert_ptr_nonnull(nodes);
    ck_assert_uint_ge(nodes->size, count_in_list("/sys/devices/system/node/possible", 1));
    ck_assert_uint_eq(numa_bitmask_weight(nodes), 0);
    numa_free_nodemask(nodes);
}
END_TEST

START_TEST(a_cpumask_is_large_enough_for_every_cpu_the_kernel_can_have)
{
    struct bitmask *cpus = numa_allocate_cpumask();
    ck_assert_ptr_nonnull(cpus);
    ck_assert_uint_ge(cpus->size, count_in_list("/sys/devices/system/cpu/possible", 1));
    ck_assert_uint_eq(numa_bitmask_weight(cpus), 0);
    numa_free_cpumask(cpus);
}
END_TEST

START_TEST(a_nodemask_is_as_large_as_the_kernels_own)
{
    /* The kernel prints its mask in groups of 8 hexadecimal digits, 32 bits each. */
    FILE *file = fopen("/proc/self/status", "r");
    require(file != NULL);
    char line[8192];
    unsigned long bits = 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "Mems_allowed:", strlen("Mems_allowed:")) == 0)
            for (const char *digit = line + strlen("Mems_allowed:"); *digit != '\0'; digit++)
                bits += strchr("0123456789abcdef", *digit) != NULL ? 4 : 0;
    fclose(file);
    struct bitmask *nodes = numa_allocate_nodemask();
    ck_assert_uint_ge(nodes->size, bits);
    numa_free_nodemask(nodes);
}
END_TEST

START_TEST(a_set_and_its_words_are_one_block)
{
    struct bitmask *set = numa_bitmask_alloc(1000);
    ck_assert_ptr_eq(set->maskp, (unsigned long *)(set + 1));
    ck_assert_uint_ge(malloc_usable_size(set), sizeof *set + 1000 / 8);
    numa_bitmask_free(set);
}
END_TEST

START_TEST(words_that_the_program_allocated_are_freed_with_their_set)
{
    struct bitmask *made = malloc(sizeof *made), *given = numa_bitmask_alloc(64);
    require(made != NULL);
    *made = (struct bitmask){ .size = 64, .maskp = calloc(1, sizeof *made->maskp) };
    given->maskp = calloc(1, sizeof *given->maskp);
    require(made->maskp != NULL && given->maskp != NULL);
    numa_bitmask_setbit(given, 63);
    ck_assert_uint_eq(numa_bitmask_weight(given), 1);
    numa_bitmask_free(made);
    numa_bitmask_free(given);
}
END_TEST

START_TEST(freeing_nothing_does_nothing)
{
    numa_bitmask_free(NULL);
}
END_TEST

int main(void)
{
    return run_tests("bitmask", (const TTest *[]){
        a_new_set_has_its_size_and_no_bits,
        nbytes_counts_whole_words,
        bits_are_set_and_cleared_one_by_one,
        setting_a_bit_twice_is_setting_it_once,
        setall_sets_every_bit_and_clearall_none,
        setall_of_a_new_set_leaves_the_rest_of_the_last_word_alone,
        bits_out_of_range_read_0,
        bits_out_of_range_are_not_written,
        bits_beyond_the_size_are_out_of_range_even_within_the_last_word,
        nothing_outside_the_words_of_a_set_is_written,
        equal_sets_are_equal,
        bits_that_the_smaller_set_lacks_count_as_0,
        a_copy_to_the_same_size_is_equal,
        a_copy_to_a_smaller_set_is_truncated,
        a_copy_to_a_larger_set_is_filled_with_0,
        a_nodemask_keeps_the_nodes_that_fit,
        a_nodemask_is_filled_with_0,
        a_set_keeps_the_nodes_of_a_nodemask_that_fit,
        a_set_larger_than_a_nodemask_is_filled_with_0,
        a_nodemask_is_large_enough_for_every_node_the_kernel_can_have,
        a_cpumask_is_large_enough_for_every_cpu_the_kernel_can_have,
        a_nodemask_is_as_large_as_the_kernels_own,
        a_set_and_its_words_are_one_block,
        words_that_the_program_allocated_are_freed_with_their_set,
        freeing_nothing_does_nothing,
        NULL });
}

/* Deliberate differences from libnuma. These tests fail with libnuma. */
#include <limits.h>
#include <numa.h>
#include <numaif.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "pages.h"

START_TEST(a_null_set_reads_as_empty)
{
    struct bitmask *empty = numa_bitmask_alloc(70);
    ck_assert_int_eq(numa_bitmask_isbitset(NULL, 0), 0);
    ck_assert_uint_eq(numa_bitmask_weight(NULL), 0);
    ck_assert_uint_eq(numa_bitmask_nbytes(NULL), 0);
    ck_assert_int_eq(numa_bitmask_equal(NULL, NULL), 1);
    ck_assert_int_eq(numa_bitmask_equal(NULL, empty), 1);
    ck_assert_int_eq(numa_bitmask_equal(empty, NULL), 1);
    numa_bitmask_setbit(empty, 69);
    ck_assert_int_eq(numa_bitmask_equal(NULL, empty), 0);
    ck_assert_int_eq(numa_bitmask_equal(empty, NULL), 0);
    numa_bitmask_free(empty);
}
END_TEST

START_TEST(writing_to_a_null_set_does_nothing)
{
    struct bitmask *full = numa_bitmask_setall(numa_bitmask_alloc(70));
    ck_assert_ptr_null(numa_bitmask_setall(NULL));
    ck_assert_ptr_null(numa_bitmask_clearall(NULL));
    ck_assert_ptr_null(numa_bitmask_setbit(NULL, 3));
    ck_assert_ptr_null(numa_bitmask_clearbit(NULL, 3));
    copy_bitmask_to_bitmask(full, NULL);
    copy_bitmask_to_nodemask(full, NULL);
    ck_assert_uint_eq(numa_bitmask_weight(full), 70);
    numa_bitmask_free(full);
}
END_TEST

START_TEST(a_copy_of_a_null_set_is_empty)
{
    struct bitmask *full = numa_bitmask_setall(numa_bitmask_alloc(70));
    copy_bitmask_to_bitmask(NULL, full);
    ck_assert_uint_eq(numa_bitmask_weight(full), 0);
    numa_bitmask_setall(full);
    copy_nodemask_to_bitmask(NULL, full);
    ck_assert_uint_eq(numa_bitmask_weight(full), 0);

    nodemask_t mask;
    memset(&mask, 0xff, sizeof mask);
    copy_bitmask_to_nodemask(NULL, &mask);
    for (size_t word = 0; word < sizeof mask.n / sizeof *mask.n; word++)
        ck_assert_uint_eq(mask.n[word], 0);
    numa_bitmask_free(full);
}
END_TEST

START_TEST(a_set_without_words_reads_as_empty)
{
    struct bitmask hollow = { .size = 70, .maskp = NULL };
    ck_assert_int_eq(numa_bitmask_isbitset(&hollow, 0), 0);
    ck_assert_uint_eq(numa_bitmask_weight(&hollow), 0);
    ck_assert_ptr_eq(numa_bitmask_setall(&hollow), &hollow);
    ck_assert_ptr_eq(numa_bitmask_setbit(&hollow, 1), &hollow);
}
END_TEST

START_TEST(a_set_of_no_bits_is_einval)
{
    errno = UNTOUCHED_ERRNO;
    ck_assert_ptr_null(numa_bitmask_alloc(0));
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

static void ask_for_a_set_of_no_bits(void)
{
    exit(numa_bitmask_alloc(0) == NULL ? 17 : 18);
}

START_TEST(a_set_of_no_bits_neither_ends_the_program_nor_prints)
{
    char output[256];
    ck_assert_int_eq(run_in_child(ask_for_a_set_of_no_bits, output, sizeof output), 17);
    ck_assert_str_eq(output, "");
}
END_TEST

START_TEST(numa_migrate_pages_from_nothing_to_nothing_fails_without_a_crash)
{
    errno = UNTOUCHED_ERRNO;
    ck_assert_int_eq(numa_migrate_pages(0, NULL, NULL), -1);
    ck_assert_int_ne(errno, UNTOUCHED_ERRNO);
}
END_TEST

/* Only node 0 is passed to the kernel, whatever follows the words of the shorter set in memory. */
START_TEST(numa_migrate_pages_takes_sets_of_different_sizes)
{
    unsigned long words[2] = { 1, ~0UL };
    struct bitmask shorter = { .size = 64, .maskp = words };
    struct bitmask *longer = numa_bitmask_setbit(numa_allocate_nodemask(), 0);
    struct bitmask *longest = numa_bitmask_setbit(numa_bitmask_alloc(100000), 0);
    struct bitmask *impossible = numa_bitmask_setbit(numa_bitmask_alloc(100000), 99999);
    if (numa_available() == 0) {
        assert_returns(numa_migrate_pages(0, &shorter, longer), 0);
        assert_returns(numa_migrate_pages(0, longer, &shorter), 0);
        assert_returns(numa_migrate_pages(0, &shorter, longest), 0);
        assert_returns(numa_migrate_pages(0, NULL, &shorter), 0);
    }
    assert_fails(numa_migrate_pages(0, &shorter, impossible), EINVAL);
    numa_bitmask_free(longer);
    numa_bitmask_free(longest);
    numa_bitmask_free(impossible);
}
END_TEST

START_TEST(a_set_that_exceeds_the_memory_is_enomem)
{
    /* The address space already in use, which is large if an instrumentation tool watches the program, and a little more. */
    unsigned long pages;
    FILE *statm = fopen("/proc/self/statm", "r");
    require(statm != NULL && fscanf(statm, "%lu", &pages) == 1);
    fclose(statm);
    const rlim_t enough = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (64 << 20);
    require(setrlimit(RLIMIT_AS, &(struct rlimit){ enough, enough }) == 0);
    errno = UNTOUCHED_ERRNO;
    ck_assert_ptr_null(numa_bitmask_alloc(UINT_MAX));
    ck_assert_int_eq(errno, ENOMEM);
}
END_TEST

/* 70 bits, of which the last 6 are in a word of their own. Its remaining bits are not part of the set; each test sets them as it likes. */
enum { LAST_WORD = 70 / MASK_BITS };
struct stray {
    unsigned long words[LAST_WORD + 1];
    struct bitmask set;
};

static void make_stray(struct stray *stray, unsigned long last_word)
{
    memset(stray->words, 0, sizeof stray->words);
    stray->words[LAST_WORD] = last_word;
    stray->set = (struct bitmask){ .size = 70, .maskp = stray->words };
}

START_TEST(bits_after_the_last_are_not_written)
{
    struct bitmask *full = numa_bitmask_setall(numa_bitmask_alloc(1024));
    nodemask_t mask;
    memset(&mask, 0, sizeof mask);
    struct stray stray;

    make_stray(&stray, 0);
    copy_bitmask_to_bitmask(full, &stray.set);
    ck_assert_uint_eq(stray.words[LAST_WORD], 0x3f);

    make_stray(&stray, ~0UL);
    numa_bitmask_clearall(&stray.set);
    ck_assert_uint_eq(stray.words[LAST_WORD], ~0x3fUL);
    numa_bitmask_setall(&stray.set);
    ck_assert_uint_eq(stray.words[LAST_WORD], ~0UL);
    copy_nodemask_to_bitmask(&mask, &stray.set);
    ck_assert_uint_eq(stray.words[LAST_WORD], ~0x3fUL);
    numa_bitmask_free(full);
}
END_TEST

START_TEST(bits_after_the_last_are_not_read)
{
    struct bitmask *copy = numa_bitmask_alloc(1024), *same = numa_bitmask_alloc(70);
    nodemask_t mask;
    struct stray stray;
    make_stray(&stray, ~0x3fUL);

    ck_assert_uint_eq(numa_bitmask_weight(&stray.set), 0);
    ck_assert_int_eq(numa_bitmask_isbitset(&stray.set, 70), 0);
    ck_assert_int_eq(numa_bitmask_equal(&stray.set, same), 1);
    ck_assert_int_eq(numa_bitmask_equal(same, &stray.set), 1);
    ck_assert_int_eq(numa_bitmask_equal(&stray.set, copy), 1);
    copy_bitmask_to_bitmask(&stray.set, copy);
    ck_assert_uint_eq(numa_bitmask_weight(copy), 0);
    copy_bitmask_to_nodemask(&stray.set, &mask);
    ck_assert_uint_eq(mask.n[LAST_WORD], 0);
    numa_bitmask_free(copy);
    numa_bitmask_free(same);
}
END_TEST

START_TEST(bits_after_the_last_are_no_cpus_to_run_on)
{
    const int cpu = sched_getcpu();
    unsigned long words[2] = { 0, 0 };
    struct bitmask set = { .size = (unsigned)cpu % MASK_BITS + 1, .maskp = words }, *affinity = numa_allocate_cpumask();
    /* A set whose last bit is this CPU; all bits that follow it in the same word are set too. */
    require(cpu < (int)MASK_BITS);
    words[0] = ~0UL << cpu;
    assert_returns(numa_sched_setaffinity(0, &set), 0);
    ck_assert_int_gt(numa_sched_getaffinity(0, affinity), 0);
    ck_assert_uint_eq(numa_bitmask_weight(affinity), 1);
    ck_assert_int_eq(numa_bitmask_isbitset(affinity, (unsigned)cpu), 1);
    numa_bitmask_free(affinity);
}
END_TEST

START_TEST(numa_preferred_without_a_policy_is_0_and_numa_preferred_err_reports_none)
{
    require_numa_system_calls();
    const int changes_of_policy[] = { MPOL_DEFAULT, MPOL_LOCAL };
    for (size_t change = 0; change < 2; change++) {
        require(set_mempolicy(changes_of_policy[change], NULL, 0) == 0);
        assert_returns(numa_preferred(), 0);
        assert_returns(numa_preferred_err(), -1);
    }
    numa_set_preferred(numa_max_node());
    assert_returns(numa_preferred(), numa_max_node());
    assert_returns(numa_preferred_err(), numa_max_node());
}
END_TEST

static void warn_with_exit_asked_for(void)
{
    numa_exit_on_warn = 1;
    numa_warn(3, "the last %s", "words");
}

START_TEST(numa_exit_on_warn_is_honoured)
{
    char output[256];
    ck_assert_int_eq(run_in_child(warn_with_exit_asked_for, output, sizeof output), 1);
    ck_assert_str_eq(output, "libnuma: Warning: the last words\n");
}
END_TEST

static void warn_twice_32_apart(void)
{
    numa_warn(5, "five");
    numa_warn(37, "thirty-seven");
    numa_warn(100, "a hundred");
    numa_warn(100, "a hundred again");
    numa_warn(37, "thirty-seven again");
    exit(0);
}

START_TEST(no_warning_is_suppressed_because_of_another_number)
{
    char output[256];
    ck_assert_int_eq(run_in_child(warn_twice_32_apart, output, sizeof output), 0);
    ck_assert_str_eq(output, "libnuma: Warning: five\nlibnuma: Warning: thirty-seven\n"
                             "libnuma: Warning: a hundred\nlibnuma: Warning: a hundred again\n");
}
END_TEST

int main(void)
{
    return run_tests("better_than_libnuma", (const TTest *[]){
        a_null_set_reads_as_empty,
        writing_to_a_null_set_does_nothing,
        a_copy_of_a_null_set_is_empty,
        a_set_without_words_reads_as_empty,
        a_set_of_no_bits_is_einval,
        a_set_of_no_bits_neither_ends_the_program_nor_prints,
        numa_migrate_pages_from_nothing_to_nothing_fails_without_a_crash,
        numa_migrate_pages_takes_sets_of_different_sizes,
        a_set_that_exceeds_the_memory_is_enomem,
        bits_after_the_last_are_not_written,
        bits_after_the_last_are_not_read,
        bits_after_the_last_are_no_cpus_to_run_on,
        numa_preferred_without_a_policy_is_0_and_numa_preferred_err_reports_none,
        numa_exit_on_warn_is_honoured,
        no_warning_is_suppressed_because_of_another_number,
        NULL });
}

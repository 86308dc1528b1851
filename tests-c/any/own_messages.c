/* A program may define numa_error and numa_warn itself; then the library uses its definitions. */
#include <dirent.h>
#include <dlfcn.h>
#include <malloc.h>
#include <numa.h>
#include <setjmp.h>
#include <stdint.h>

#include "harness.h"

static char *last_error;
static int last_warning;

/* The functions below jump here instead of returning, if the test says so. */
static jmp_buf *jump_target;

void numa_error(char *where)
{
    last_error = where;
    if (jump_target != NULL)
        longjmp(*jump_target, 1);
}

void numa_warn(int number, char *where, ...)
{
    (void)where;
    last_warning = number;
    if (jump_target != NULL)
        longjmp(*jump_target, 1);
}

START_TEST(the_programs_own_numa_error_is_called)
{
    static char where[] = "here";
    numa_error(where);
    ck_assert_ptr_eq(last_error, where);
}
END_TEST

START_TEST(the_programs_own_numa_warn_is_called)
{
    numa_warn(77, "here");
    ck_assert_int_eq(last_warning, 77);
}
END_TEST

/* What a shared library finds under these names: the program's definition must come first. In a static program there is no name to look up,
 * and only one definition. */
START_TEST(the_library_sees_the_programs_own_definitions)
{
    void *error = dlsym(RTLD_DEFAULT, "numa_error"), *warn = dlsym(RTLD_DEFAULT, "numa_warn");
    if (error != NULL)
        ck_assert_uint_eq((uintptr_t)error, (uintptr_t)numa_error);
    if (warn != NULL)
        ck_assert_uint_eq((uintptr_t)warn, (uintptr_t)numa_warn);
}
END_TEST

START_TEST(the_library_works_with_them)
{
    struct bitmask *set = numa_bitmask_setall(numa_bitmask_alloc(70));
    ck_assert_uint_eq(numa_bitmask_weight(set), 70);
    numa_bitmask_free(set);
}
END_TEST

static size_t open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;
    require(folder != NULL);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

/* A machine may have as many nodes as its kernel allows; then another call has to fail. */
static int missing_node(void)
{
    const int last = numa_num_possible_nodes() - 1;
    if (last == numa_max_node())
        numa_parse_nodestring("x");
    return last;
}

static void fail_in_a_list(void) { numa_parse_nodestring("0,x"); }
static void fail_in_a_list_of_cpus(void) { numa_parse_cpustring("0,x"); }
static void fail_at_a_device(void) { numa_parse_nodestring("netdev:there is none"); }
static void fail_at_a_host(void) { numa_parse_nodestring("ip:256.0.0.1"); }
static void fail_at_a_node(void) { numa_run_on_node(missing_node()); }
static void fail_to_set_a_policy(void) { numa_set_preferred(missing_node()); }
static void fail_to_allocate(void) { numa_set_strict(1), numa_interleave_memory((void *)1, 4096, numa_all_nodes_ptr); }

static void (*const failures[])(void) = { fail_in_a_list, fail_in_a_list_of_cpus, fail_at_a_device, fail_at_a_host,
                                          fail_at_a_node, fail_to_set_a_policy, fail_to_allocate };

/* Bytes that malloc has given out; musl has no such count. */
static size_t allocated_bytes(void)
{
#ifdef __GLIBC__
    return mallinfo2().uordblks;
#else
    return 0;
#endif
}

START_TEST(functions_that_do_not_return_leak_nothing)
{
    static size_t memory, files;
    jmp_buf back;
    static volatile int round, failure, jumps;
    for (round = 0; round < 100; round++) {
        /* glibc's malloc caches seven freed blocks of each size, which it counts as used. */
        if (round == 10)
            files = open_files(), memory = allocated_bytes();
        for (failure = 0; failure < (int)(sizeof failures / sizeof *failures); failure++)
            if (setjmp(back) == 0) {
                jump_target = &back;
                failures[failure]();
                expect(0, "failure %d was not reported", failure);
            } else {
                jump_target = NULL;
                jumps++;
            }
    }
    /* Before the assertions, which allocate too. */
    const size_t files_now = open_files(), memory_now = allocated_bytes();
    ck_assert_int_eq(jumps, 100 * (int)(sizeof failures / sizeof *failures));
    ck_assert_uint_eq(memory_now, memory);
    ck_assert_uint_eq(files_now, files);
    struct bitmask *set = numa_parse_nodestring("0");
    ck_assert_ptr_nonnull(set);
    numa_bitmask_free(set);
}
END_TEST

int main(void)
{
    return run_tests("own_messages", (const TTest *[]){
        the_programs_own_numa_error_is_called,
        the_programs_own_numa_warn_is_called,
        the_library_sees_the_programs_own_definitions,
        the_library_works_with_them,
        functions_that_do_not_return_leak_nothing,
        NULL });
}

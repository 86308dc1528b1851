/* A program may define numa_error and numa_warn itself, and then everybody uses its definitions. */
#include <dlfcn.h>
#include <numa.h>
#include <stdint.h>

#include "harness.h"

static char *last_error;
static int last_warning;

void numa_error(char *where)
{
    last_error = where;
}

void numa_warn(int number, char *where, ...)
{
    (void)where;
    last_warning = number;
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

/* What a shared library sees under these names: the program's definition has to come first. Linked statically there
 * is no name to look up, and only one definition. */
START_TEST(the_library_sees_the_programs_own_definitions)
{
    void *error = dlsym(RTLD_DEFAULT, "numa_error"), *warn = dlsym(RTLD_DEFAULT, "numa_warn");
    if (error != NULL)
        ck_assert_uint_eq((uintptr_t)error, (uintptr_t)numa_error);
    if (warn != NULL)
        ck_assert_uint_eq((uintptr_t)warn, (uintptr_t)numa_warn);
}
END_TEST

START_TEST(the_library_works_beside_them)
{
    struct bitmask *set = numa_bitmask_setall(numa_bitmask_alloc(70));
    ck_assert_uint_eq(numa_bitmask_weight(set), 70);
    numa_bitmask_free(set);
}
END_TEST

int main(void)
{
    return run_tests("own_messages", (const TTest *[]){
        the_programs_own_numa_error_is_called,
        the_programs_own_numa_warn_is_called,
        the_library_sees_the_programs_own_definitions,
        the_library_works_beside_them,
        NULL });
}

/* numars_status_string(), and the version of the library. */
#include <limits.h>
#include <numa.h>
#include <numars.h>
#include <stdio.h>

#include "harness.h"
#include "pages.h"

START_TEST(the_status_of_a_page_that_is_present_is_on_node)
{
    static const int nodes[] = { 0, 1, 1023, INT_MAX };
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        ck_assert_str_eq(numars_status_string(nodes[i]), "on node");
}
END_TEST

START_TEST(each_errno_of_a_status_has_a_text_of_its_own)
{
    static const int codes[] = { ENOENT, EFAULT, EACCES, EBUSY, ENOMEM, ENODEV, EINVAL, EIO, EPERM };
    enum { CODES = sizeof codes / sizeof *codes };
    ck_assert_str_eq(numars_status_string(-ENOENT), "not present (never touched or swapped out)");
    ck_assert_str_eq(numars_status_string(-ENOMEM), "target node is full");
    for (size_t i = 0; i < CODES; i++) {
        ck_assert_str_ne(numars_status_string(-codes[i]), "");
        ck_assert_str_ne(numars_status_string(-codes[i]), "unknown status");
        for (size_t other = 0; other < i; other++)
            ck_assert_str_ne(numars_status_string(-codes[i]), numars_status_string(-codes[other]));
    }
}
END_TEST

START_TEST(any_other_number_is_unknown)
{
    static const int statuses[] = { -EAGAIN, -ESRCH, -4095, -4096, INT_MIN + 1, INT_MIN, NOT_WRITTEN };
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        ck_assert_str_eq(numars_status_string(statuses[i]), "unknown status");
}
END_TEST

START_TEST(the_text_is_static_and_errno_is_left_alone)
{
    errno = UNTOUCHED_ERRNO;
    for (int status = -5000; status < 100; status++)
        ck_assert_ptr_eq(numars_status_string(status), numars_status_string(status));
    ck_assert_int_eq(errno, UNTOUCHED_ERRNO);
}
END_TEST

/* What the kernel reports about a page is what the text says. */
START_TEST(the_statuses_of_the_kernel_have_texts)
{
    require_numa_system_calls();
    char *page = map_pages(2);
    *page = 1;
    ck_assert_str_eq(numars_status_string(node_of(page)), "on node");
    ck_assert_str_ne(numars_status_string(node_of(page + page_size())), "unknown status");
    ck_assert_str_ne(numars_status_string(node_of(unmapped_address())), "unknown status");
}
END_TEST

START_TEST(the_version_is_that_of_the_header)
{
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", NUMARS_VERSION / 10000, NUMARS_VERSION / 100 % 100, NUMARS_VERSION % 100);
    ck_assert_str_eq(numars_version(), version);
    assert_returns(numars_version_number(), NUMARS_VERSION);
}
END_TEST

int main(void)
{
    return run_tests("status_string", (const TTest *[]){
        the_status_of_a_page_that_is_present_is_on_node,
        each_errno_of_a_status_has_a_text_of_its_own,
        any_other_number_is_unknown,
        the_text_is_static_and_errno_is_left_alone,
        the_statuses_of_the_kernel_have_texts,
        the_version_is_that_of_the_header,
        NULL });
}

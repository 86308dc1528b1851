/* set_mempolicy_home_node: the system call, argument for argument. libnuma does not have it. */
#include <limits.h>
#include <numaif.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "pages.h"

#ifndef SYS_set_mempolicy_home_node
#define SYS_set_mempolicy_home_node 450
#endif

static const struct home_case {
    size_t offset;
    unsigned long length;
    int mode, home, flags;
} CASES[] = {
    { 0, 4096, MPOL_BIND, 0, 0 },
    { 0, 4096, MPOL_PREFERRED_MANY, 0, 0 },
    { 0, 4096, MPOL_BIND, 1, 0 },
    { 0, 4096, MPOL_INTERLEAVE, 0, 0 },
    { 0, 4096, MPOL_DEFAULT, 0, 0 },
    { 0, 4096, MPOL_BIND, -1, 0 },
    { 0, 4096, MPOL_BIND, 60, 0 },
    { 0, 4096, MPOL_BIND, INT_MAX, 0 },
    { 0, 4096, MPOL_BIND, INT_MIN, 0 },
    { 0, 4096, MPOL_BIND, 0, 1 },
    { 0, 4096, MPOL_BIND, 0, -1 },
    { 0, 0, MPOL_BIND, 0, 0 },
    { 0, 1, MPOL_BIND, 0, 0 },
    { 0, ULONG_MAX, MPOL_BIND, 0, 0 },
    { 1, 4096, MPOL_BIND, 0, 0 },
};

/* Maps memory with this policy, which allows node 0. */
static char *page_with_policy(int mode)
{
    char *page = map_pages(1);
    const unsigned long node_0 = 1;
    /* Fails if the kernel is too old for the mode: then both calls below fail in the same way. */
    (void)mbind(page, page_size(), mode, mode == MPOL_DEFAULT ? NULL : &node_0, mode == MPOL_DEFAULT ? 0 : 64, 0);
    return page;
}

START_TEST(set_mempolicy_home_node_behaves_as_the_system_call)
{
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        const struct home_case *one = &CASES[i];
        char *page = page_with_policy(one->mode);
        errno = UNTOUCHED_ERRNO;
        const long kernels = syscall(SYS_set_mempolicy_home_node, page + one->offset, one->length, (long)one->home,
                                     (long)one->flags);
        const int kernels_error = errno;

        page = page_with_policy(one->mode);
        errno = UNTOUCHED_ERRNO;
        const long ours = set_mempolicy_home_node(page + one->offset, one->length, one->home, one->flags);
        const int our_error = errno;
        expect(ours == kernels && our_error == kernels_error, "case %zu: ours gave %ld with errno %d, the kernel %ld "
               "with errno %d", i, ours, our_error, kernels, kernels_error);
        expect(ours == -1 || our_error == UNTOUCHED_ERRNO, "case %zu: success, but errno is %d", i, our_error);
    }
}
END_TEST

int main(void)
{
    return run_tests("home_node", (const TTest *[]){
        set_mempolicy_home_node_behaves_as_the_system_call,
        NULL });
}

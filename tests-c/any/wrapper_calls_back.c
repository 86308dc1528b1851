/* The program's own get_mempolicy(), as a tracer may define it, asks the library which node it runs on. */
#include <numa.h>
#include <numaif.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "machine.h"

static int depth, deepest, calls;

long get_mempolicy(int *mode, unsigned long *nodes, unsigned long maxnode, void *address, unsigned flags)
{
    calls++;
    depth++;
    deepest = depth > deepest ? depth : deepest;
    if (depth < 10) {
        numa_node_of_cpu(sched_getcpu());
        /* No machine has as many CPUs as its kernel supports. */
        numa_node_of_cpu(numa_num_possible_cpus() - 1);
        numa_bitmask_free(numa_parse_nodestring("1023"));
    }
    depth--;
    return syscall(SYS_get_mempolicy, mode, nodes, maxnode, address, flags);
}

void numa_warn(int number, char *format, ...)
{
    (void)number, (void)format;
}

START_TEST(a_wrapper_that_calls_the_library_is_not_called_recursively)
{
    require_numa_system_calls();
    require(numa_available() == 0);
    numa_bitmask_free(numa_get_mems_allowed());
    ck_assert_int_ge(calls, 2);
    ck_assert_int_eq(deepest, 1);
}
END_TEST

int main(void)
{
    return run_tests("wrapper_calls_back", (const TTest *[]){
        a_wrapper_that_calls_the_library_is_not_called_recursively,
        NULL });
}

/* No descriptor is left while the library is loaded, and there are some afterwards: it catches up. */
#include <numa.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness.h"

static struct rlimit before;

/* Called before the constructors of libraries. */
static void allow_no_descriptors(void)
{
    getrlimit(RLIMIT_NOFILE, &before);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, before.rlim_max });
}

__attribute__((section(".preinit_array"), used)) static void (*const at_start)(void) = allow_no_descriptors;

/* The highest number in a list of the kernel's, which is its last one. */
static int last_of(const char *path)
{
    char list[4096] = "";
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    require(fgets(list, sizeof list, file) != NULL && fclose(file) == 0);
    size_t length = strcspn(list, "\n");
    while (length > 0 && list[length - 1] >= '0' && list[length - 1] <= '9')
        length--;
    return atoi(list + length);
}

START_TEST(nodes_and_cpus_are_those_of_the_machine)
{
    const int highest = last_of("/sys/devices/system/node/online");
    assert_returns(numa_max_node(), highest);
    ck_assert_int_eq(numa_bitmask_isbitset(numa_nodes_ptr, (unsigned)highest), 1);
    struct bitmask *allowed = numa_get_mems_allowed();
    ck_assert_int_eq(numa_bitmask_equal(numa_all_nodes_ptr, allowed), 1);
    assert_returns(numa_num_task_nodes(), (int)numa_bitmask_weight(allowed));
    numa_bitmask_free(allowed);
    for (int cpu = 0; cpu <= last_of("/sys/devices/system/cpu/online"); cpu++) {
        const int node = numa_node_of_cpu(cpu);
        expect(node >= 0 && node <= highest, "CPU %d is on node %d", cpu, node);
    }
}
END_TEST

START_TEST(nodes_that_may_be_allocated_on_exist)
{
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, before.rlim_max });
    for (unsigned node = 0; node < numa_all_nodes_ptr->size; node++)
        if (numa_bitmask_isbitset(numa_all_nodes_ptr, node))
            expect(numa_bitmask_isbitset(numa_nodes_ptr, node) && (int)node <= numa_max_node(), "node %u", node);
    /* For what sanitizers do at the end. */
    require(setrlimit(RLIMIT_NOFILE, &before) == 0);
}
END_TEST

int main(void)
{
    require(setrlimit(RLIMIT_NOFILE, &before) == 0);
    return run_tests("short_while_loading", (const TTest *[]){
        nodes_and_cpus_are_those_of_the_machine,
        nodes_that_may_be_allocated_on_exist,
        NULL });
}

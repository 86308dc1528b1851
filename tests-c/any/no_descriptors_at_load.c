/* No descriptor is available while the library is loaded. Once there are some, it catches up. */
#include <ctype.h>
#include <numa.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fault_injection.h"
#include "harness.h"
#include "machine.h"
#include "private_mounts.h"

static struct rlimit before;

/* Runs before the constructors of libraries. */
static void allow_no_descriptors(void)
{
    getrlimit(RLIMIT_NOFILE, &before);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, before.rlim_max });
}

__attribute__((section(".preinit_array"), used)) static void (*const at_start)(void) = allow_no_descriptors;

/* Returns the highest number in one of the kernel's lists, which is its last. */
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
    require_numa_system_calls();
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
    /* Sanitizers need it at exit. */
    require(setrlimit(RLIMIT_NOFILE, &before) == 0);
}
END_TEST

/* Returns the size of the kernel's node mask in bits: four for each digit of Mems_allowed. */
static int bits_of_mems_allowed(void)
{
    char line[4096];
    int digits = 0;
    FILE *file = fopen("/proc/self/status", "r");
    require(file != NULL);
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "Mems_allowed:", 13) == 0)
            for (const char *at = line + 13; *at != '\0'; at++)
                digits += isxdigit((unsigned char)*at) != 0;
    fclose(file);
    return digits * 4;
}

static void assert_sizes_are_those_of_mems_allowed(void)
{
    const int bits = bits_of_mems_allowed();
    require(bits > 0);
    assert_returns(numa_num_possible_nodes(), bits);
    assert_returns(numa_max_possible_node(), bits - 1);
    struct bitmask *nodes = numa_allocate_nodemask();
    ck_assert_uint_eq(nodes->size, (unsigned long)bits);
    numa_bitmask_free(nodes);
    /* The sets are updated by the next call about the machine's nodes. */
    require(numa_max_node() >= 0);
    ck_assert_uint_eq(numa_all_nodes_ptr->size, (unsigned long)bits);
    ck_assert_uint_eq(numa_nodes_ptr->size, (unsigned long)bits);
    ck_assert_uint_eq(numa_no_nodes_ptr->size, (unsigned long)bits);
}

START_TEST(sizes_of_sets_are_those_of_the_kernel)
{
    assert_sizes_are_those_of_mems_allowed();
}
END_TEST

/* Most kernels support 1024 nodes, which is also what the library assumes until it knows. */
START_TEST(sizes_of_sets_are_those_of_a_kernel_that_supports_fewer_nodes)
{
    static const char STATUS[] = "/dev/shm/status";
    require_private_mounts();
    unshare_mounts();
    mount_empty_over("/dev/shm");
    FILE *file = fopen(STATUS, "w");
    require(file != NULL);
    require(fputs("Mems_allowed:\t00000000,00000001\nMems_allowed_list:\t0\n", file) >= 0 && fclose(file) == 0);
    require(mount(STATUS, "/proc/self/status", "", MS_BIND, NULL) == 0);
    require(bits_of_mems_allowed() == 64);
    assert_sizes_are_those_of_mems_allowed();
}
END_TEST

int main(void)
{
    require(setrlimit(RLIMIT_NOFILE, &before) == 0);
    return run_tests("no_descriptors_at_load", (const TTest *[]){
        nodes_and_cpus_are_those_of_the_machine,
        nodes_that_may_be_allocated_on_exist,
        sizes_of_sets_are_those_of_the_kernel,
        sizes_of_sets_are_those_of_a_kernel_that_supports_fewer_nodes,
        NULL });
}

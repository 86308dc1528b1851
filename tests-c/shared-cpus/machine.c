/* The machine itself: what the kernel shows when several nodes have the same CPUs. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"

enum { NODES = 4, CPUS = 4 };

/* Returns the contents of a file of /sys/devices/system/node, without the line feed. */
static const char *node_file(const char *name)
{
    static char text[256];
    char path[128];
    snprintf(path, sizeof path, "/sys/devices/system/node/%s", name);
    FILE *file = fopen(path, "r");
    require(file != NULL && fgets(text, sizeof text, file) != NULL);
    fclose(file);
    text[strcspn(text, "\n")] = '\0';
    return text;
}

START_TEST(two_nodes_share_the_cpus_of_each_socket)
{
    ck_assert_str_eq(node_file("online"), "0-3");
    ck_assert_str_eq(node_file("has_memory"), "0-3");
    for (int node = 0; node < NODES; node++) {
        char name[32];
        snprintf(name, sizeof name, "node%d/cpulist", node);
        ck_assert_str_eq(node_file(name), node < 2 ? "0-1" : "2-3");
    }
}
END_TEST

START_TEST(a_thread_runs_on_the_first_of_the_nodes_that_have_its_cpu)
{
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        unsigned running_on, node;
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        require(sched_setaffinity(0, sizeof set, &set) == 0 && syscall(SYS_getcpu, &running_on, &node, NULL) == 0);
        ck_assert_uint_eq(running_on, cpu);
        ck_assert_uint_eq(node, cpu < 2 ? 0 : 2);
    }
}
END_TEST

int main(void)
{
    return run_tests("machine", (const TTest *[]){
        two_nodes_share_the_cpus_of_each_socket,
        a_thread_runs_on_the_first_of_the_nodes_that_have_its_cpu,
        NULL });
}

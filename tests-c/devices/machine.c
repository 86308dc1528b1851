/* The machine itself: what the kernel shows about devices behind a PCI bridge close to node 2. */
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"

enum { NEAR = 2 };

/* Returns the node that a sysfs file contains. */
static int node_in(const char *path)
{
    int node = INT_MIN;
    FILE *file = fopen(path, "r");
    require(file != NULL && fscanf(file, "%d", &node) == 1);
    fclose(file);
    return node;
}

START_TEST(the_network_device_and_the_disk_are_on_node_2)
{
    ck_assert_int_eq(node_in("/sys/class/net/eth0/device/numa_node"), NEAR);
    ck_assert_int_eq(node_in("/sys/class/block/vda/device/../numa_node"), NEAR);
}
END_TEST

START_TEST(an_nvme_disk_belongs_to_a_subsystem_with_two_controllers)
{
    glob_t disks, controllers;
    require(glob("/sys/devices/virtual/nvme-subsystem/nvme-subsys*/nvme*n1", 0, NULL, &disks) == 0);
    char pattern[PATH_MAX];
    int subsystems = 0;
    for (size_t disk = 0; disk < disks.gl_pathc; disk++) {
        snprintf(pattern, sizeof pattern, "%s/../nvme*/cntlid", disks.gl_pathv[disk]);
        require(glob(pattern, 0, NULL, &controllers) == 0);
        subsystems += controllers.gl_pathc == 2;
        globfree(&controllers);
    }
    globfree(&disks);
    ck_assert_int_eq(subsystems, 1);
}
END_TEST

int main(void)
{
    return run_tests("machine", (const TTest *[]){
        the_network_device_and_the_disk_are_on_node_2,
        an_nvme_disk_belongs_to_a_subsystem_with_two_controllers,
        NULL });
}

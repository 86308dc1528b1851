/* The machine itself: what the kernel shows of devices behind a PCI bridge that is near node 2. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"

enum { NEAR = 2 };

/* The node that a file of /sys contains. */
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

/* The number of a controller and that of its subsystem depend on the order in which the kernel finds them. */
static int multipath_disks(void)
{
    int found = 0;
    for (int number = 0; number < 4; number++) {
        char name[64], path[PATH_MAX];
        snprintf(name, sizeof name, "/sys/class/block/nvme%dn1", number);
        found += realpath(name, path) != NULL && strstr(path, "/virtual/nvme-subsystem/") != NULL;
    }
    return found;
}

START_TEST(a_disk_with_two_ports_hangs_on_a_virtual_device)
{
    ck_assert_int_ge(multipath_disks(), 1);
}
END_TEST

int main(void)
{
    return run_tests("machine", (const TTest *[]){
        the_network_device_and_the_disk_are_on_node_2,
        a_disk_with_two_ports_hangs_on_a_virtual_device,
        NULL });
}

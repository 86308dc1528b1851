/* Node lists may name a device instead of a number: the list then contains the node closest to the device. */
#include <fcntl.h>
#include <limits.h>
#include <numa.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "recorded_warnings.h"

static void write_text(const char *path, const char *text)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    require(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text) && close(file) == 0);
}

/* Returns the nodes that an accepted list names, one bit each. */
static unsigned long nodes(const char *list)
{
    struct bitmask *set = accepted(list, numa_parse_nodestring);
    const unsigned long named_nodes = set->maskp[0];
    numa_bitmask_free(set);
    return named_nodes;
}

/* The guest's disk is an NVMe device on the PCI bus. Its firmware does not report a node, so the test sets one. */
static char disk[PATH_MAX];
static const char *disk_address;

static void find_disk(void)
{
    /* Through the controller: with some versions of QEMU the disk itself belongs to a virtual device. */
    require(realpath("/sys/class/nvme/nvme0/device", disk) != NULL);
    disk_address = strrchr(disk, '/') + 1;
}

static void set_disk_node(const char *node)
{
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/numa_node", disk);
    write_text(path, node);
}

START_TEST(a_disk_names_its_node)
{
    find_disk();
    set_disk_node("2");
    ck_assert_uint_eq(nodes("block:nvme0n1"), 1 << 2);
    ck_assert_uint_eq(nodes("file:/mnt/ext4"), 1 << 2);
    ck_assert_uint_eq(nodes("file:/mnt/ext4/lost+found"), 1 << 2);
    ck_assert_uint_eq(nodes("file:/dev/nvme0n1"), 1 << 2);
    set_disk_node("3");
    ck_assert_uint_eq(nodes("block:nvme0n1"), 1 << 3);
    set_disk_node("-1");
}
END_TEST

START_TEST(a_pci_address_names_the_devices_node)
{
    unsigned segment, bus, device, function;
    char list[64];
    find_disk();
    set_disk_node("1");
    require(sscanf(disk_address, "%x:%x:%x.%x", &segment, &bus, &device, &function) == 4);
    static const char *const forms[] = { "pci:%04x:%02x:%02x.%x", "pci:%x:%x:%x.%x", "pci:%x:%x:%x:%x" };
    for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
        snprintf(list, sizeof list, forms[form], segment, bus, device, function);
        ck_assert_uint_eq(nodes(list), 1 << 1);
    }
    snprintf(list, sizeof list, "pci:%02x:%02x.%x", bus, device, function);
    ck_assert_uint_eq(nodes(list), 1 << 1);
    set_disk_node("-1");
}
END_TEST

START_TEST(a_device_ends_a_list_and_may_be_inverted)
{
    find_disk();
    set_disk_node("2");
    ck_assert_uint_eq(nodes("0,block:nvme0n1"), 1 << 0 | 1 << 2);
    ck_assert_uint_eq(nodes("0-1,block:nvme0n1"), 1 << 0 | 1 << 1 | 1 << 2);
    ck_assert_uint_eq(nodes("!block:nvme0n1"), 1 << 0 | 1 << 1 | 1 << 3);
    ck_assert_uint_eq(nodes("+block:nvme0n1"), 1 << 2);
    assert_refused("block:nvme0n1,0", 26, "Cannot read node mask for block device `nvme0n1,0'");
    set_disk_node("-1");
}
END_TEST

START_TEST(a_device_on_a_node_that_the_program_may_not_use_is_rejected)
{
    find_disk();
    set_disk_node("2");
    /* The library reads its cpuset when it is first needed, and was loaded before. */
    *numa_all_nodes_ptr->maskp = 1 << 0 | 1 << 1;
    assert_refused("block:nvme0n1", 10, "node argument 2 is out of range\n");
    struct bitmask *set = numa_parse_nodestring_all("block:nvme0n1");
    ck_assert_ptr_nonnull(set);
    ck_assert_uint_eq(*set->maskp, 1 << 2);
    numa_bitmask_free(set);
    set_disk_node("-1");
}
END_TEST

START_TEST(a_device_whose_node_the_kernel_does_not_know_is_rejected)
{
    char list[PATH_MAX], text[PATH_MAX + 64];
    find_disk();
    assert_refused("block:nvme0n1", 25, "Kernel does not know node mask for device `nvme0n1'");
    assert_refused("file:/mnt/ext4", 25, "Kernel does not know node mask for device `/mnt/ext4'");
    snprintf(list, sizeof list, "pci:%s", disk_address);
    snprintf(text, sizeof text, "Kernel does not know node mask for device `%s'", disk_address);
    assert_refused(list, 25, text);
}
END_TEST

START_TEST(an_unknown_device_is_rejected_with_a_warning)
{
    assert_refused("netdev:", 26, "Cannot read node mask for net device `'");
    assert_refused("netdev:lo", 26, "Cannot read node mask for net device `lo'");
    assert_refused("netdev:none", 26, "Cannot read node mask for net device `none'");
    assert_refused("netdev:../net/lo", 28, "Illegal characters in `../net/lo' specification");
    assert_refused("netdev: ..", 28, "Illegal characters in `..' specification");
    assert_refused("netdev:a.b", 26, "Cannot read node mask for net device `a.b'");
    assert_refused("block:none", 26, "Cannot read node mask for block device `none'");
    assert_refused("file:/none", 11, "Cannot stat file /none");
    assert_refused("file:/proc", 15, "Cannot find block device in sysfs for `/proc'");
    assert_refused("pci:none", 23, "Cannot parse PCI device `none'");
    assert_refused("pci:ffff:ff:1f.7", 26, "Cannot read node mask for  device `ffff:ff:1f.7'");
    assert_refused("ip:a host", 19, "Cannot resolve a host");
    assert_refused("ip:192.0.2.1", 17, "Cannot request rtnetlink route to 192.0.2.1");
    assert_refused("dev:lo", 10, "unparseable node description `dev:lo'\n");
}
END_TEST

START_TEST(a_cpu_list_cannot_name_devices)
{
    last_warning = -1;
    ck_assert_ptr_null(numa_parse_cpustring("block:nvme0n1"));
    ck_assert_int_eq(last_warning, 9);
}
END_TEST

/* The guest has no network device but the loopback one. So, for this process alone, /sys/class/net is replaced by what the kernel shows for
 * one on a virtual bus of a PCI device; packets to this machine leave through the loopback device. */
static void make_network_devices(void)
{
    require(unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    require(mount("none", "/sys/class/net", "tmpfs", 0, NULL) == 0 && chdir("/sys/class/net") == 0);
    static const char *const folders[] = { "pci", "pci/virtio", "pci/virtio/net", "pci/virtio/net/eth0", "lo", "far" };
    for (size_t folder = 0; folder < sizeof folders / sizeof *folders; folder++)
        require(mkdir(folders[folder], 0755) == 0);
    require(symlink("pci/virtio/net/eth0", "eth0") == 0);
    write_text("pci/numa_node", "3");
    write_text("lo/numa_node", "1");
    write_text("far/numa_node", "-1");
}

START_TEST(a_network_device_names_its_node)
{
    make_network_devices();
    ck_assert_uint_eq(nodes("netdev:eth0"), 1 << 3);
    assert_refused("netdev:far", 25, "Kernel does not know node mask for net device `far'");
}
END_TEST

START_TEST(a_host_names_the_node_of_the_network_device_that_routes_to_it)
{
    make_network_devices();
    ck_assert_uint_eq(nodes("ip:127.0.0.1"), 1 << 1);
    ck_assert_uint_eq(nodes("2,ip:127.0.0.2"), 1 << 2 | 1 << 1);
}
END_TEST

int main(void)
{
    return run_tests("devices", (const TTest *[]){
        a_disk_names_its_node,
        a_pci_address_names_the_devices_node,
        a_device_ends_a_list_and_may_be_inverted,
        a_device_on_a_node_that_the_program_may_not_use_is_rejected,
        a_device_whose_node_the_kernel_does_not_know_is_rejected,
        an_unknown_device_is_rejected_with_a_warning,
        a_cpu_list_cannot_name_devices,
        a_network_device_names_its_node,
        a_host_names_the_node_of_the_network_device_that_routes_to_it,
        NULL });
}

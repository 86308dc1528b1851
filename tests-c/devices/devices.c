/* Devices whose node the firmware reports, in node lists: each names node 2. */
#include <limits.h>
#include <numa.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"

enum { NEAR = 1 << 2 };

/* The library calls this instead of libc's. */
static char warning[256];

void numa_warn(int number, char *format, ...)
{
    va_list arguments;
    const int length = snprintf(warning, sizeof warning, "%d: ", number);
    va_start(arguments, format);
    vsnprintf(warning + length, sizeof warning - (size_t)length, format, arguments);
    va_end(arguments);
}

/* Returns the nodes that a list names, one bit each. */
static unsigned long nodes(const char *list)
{
    warning[0] = '\0';
    struct bitmask *set = numa_parse_nodestring(list);
    expect(set != NULL && warning[0] == '\0', "%s: set %p, warning %s", list, (void *)set, warning);
    const unsigned long named_nodes = set->maskp[0];
    numa_bitmask_free(set);
    return named_nodes;
}

static void assert_refused(const char *list, const char *with_warning)
{
    warning[0] = '\0';
    ck_assert_ptr_null(numa_parse_nodestring(list));
    ck_assert_str_eq(warning, with_warning);
}

START_TEST(a_network_device_a_disk_and_a_file_on_it_name_their_node)
{
    ck_assert_uint_eq(nodes("netdev:eth0"), NEAR);
    ck_assert_uint_eq(nodes("block:vda"), NEAR);
    ck_assert_uint_eq(nodes("file:/dev/vda"), NEAR);
}
END_TEST

START_TEST(blanks_before_a_name_are_skipped)
{
    ck_assert_uint_eq(nodes("netdev: eth0"), NEAR);
    ck_assert_uint_eq(nodes("netdev: \t\n\v\f\reth0"), NEAR);
    ck_assert_uint_eq(nodes("0,netdev: eth0"), 1 | NEAR);
    ck_assert_uint_eq(nodes("block: vda"), NEAR);
    assert_refused("netdev: eth0 ", "26: Cannot read node mask for net device `eth0 '");
    assert_refused("block:vda ", "26: Cannot read node mask for block device `vda '");
    assert_refused("file: /dev/vda", "11: Cannot stat file  /dev/vda");
    assert_refused("ip: 127.0.0.1", "19: Cannot resolve  127.0.0.1");
}
END_TEST

START_TEST(a_pci_address_may_have_blanks_around_it)
{
    char device[PATH_MAX], list[PATH_MAX];
    require(realpath("/sys/class/net/eth0/device", device) != NULL);
    const char *address = strrchr(device, '/') + 1;
    static const char *const forms[] = { "pci:%s", "pci: %s", "pci:\t%s", "pci:%s ", "pci:%s\n" };
    for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
        snprintf(list, sizeof list, forms[form], address);
        ck_assert_uint_eq(nodes(list), NEAR);
    }
}
END_TEST

/* Returns the number of the disk with two ports, nvmeNn1: the only one of its size. The kernel numbers disks in the order in which it finds
 * them. */
static int disk_with_two_ports(void)
{
    enum { BLOCKS = 16 << 11 };
    for (int number = 0; number < 8; number++) {
        char path[64], target[PATH_MAX];
        unsigned long long blocks = 0;
        snprintf(path, sizeof path, "/sys/class/block/nvme%dn1/size", number);
        FILE *size = fopen(path, "r");
        if (size == NULL)
            continue;
        require(fscanf(size, "%llu", &blocks) == 1);
        fclose(size);
        if (blocks != BLOCKS)
            continue;
        require(realpath(path, target) != NULL && strstr(target, "/virtual/nvme-subsystem/") != NULL);
        return number;
    }
    return -1;
}

START_TEST(a_disk_with_two_ports_names_the_node_of_both)
{
    char list[64];
    const int number = disk_with_two_ports();
    require(number >= 0);
    snprintf(list, sizeof list, "block:nvme%dn1", number);
    ck_assert_uint_eq(nodes(list), NEAR);
    snprintf(list, sizeof list, "file:/dev/nvme%dn1", number);
    ck_assert_uint_eq(nodes(list), NEAR);
}
END_TEST

START_TEST(a_host_names_the_node_of_the_network_device_that_routes_to_it)
{
    require(system("ip address add 192.0.2.1/24 dev eth0 && ip link set eth0 up") == 0);
    ck_assert_uint_eq(nodes("ip:192.0.2.7"), NEAR);
    assert_refused("ip:198.51.100.1", "17: Cannot request rtnetlink route to 198.51.100.1");
    require(system("ip link set eth0 down && ip address del 192.0.2.1/24 dev eth0") == 0);
    assert_refused("ip:192.0.2.7", "17: Cannot request rtnetlink route to 192.0.2.7");
    assert_refused("ip:a host", "19: Cannot resolve a host");
}
END_TEST

int main(void)
{
    return run_tests("devices", (const TTest *[]){
        a_network_device_a_disk_and_a_file_on_it_name_their_node,
        blanks_before_a_name_are_skipped,
        a_pci_address_may_have_blanks_around_it,
        a_disk_with_two_ports_names_the_node_of_both,
        a_host_names_the_node_of_the_network_device_that_routes_to_it,
        NULL });
}

//! Devices in node lists name the node that the kernel's files report. The files are generated here and passed by
//! NUMARS_FSROOT.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{LinkedProgram, run};
use tempfile::TempDir;

/// Prints the nodes that its argument names, or the number and the text of the warning.
static PROGRAM: LinkedProgram = LinkedProgram::new(
    r#"
#include <numa.h>
#include <stdarg.h>
#include <stdio.h>

void numa_warn(int number, char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("warning %d: ", number);
    vprintf(format, arguments);
    va_end(arguments);
}

int main(int count, char **arguments)
{
    struct bitmask *nodes = count == 2 ? numa_parse_nodestring_all(arguments[1]) : NULL;
    for (unsigned node = 0; nodes != NULL && node < nodes->size; node++)
        if (numa_bitmask_isbitset(nodes, node))
            printf("node %u", node);
    return 0;
}
"#,
);

/// A machine with nodes 0 to 3, and devices.
struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Machine(tempfile::tempdir().unwrap());
        for file in ["node/online", "node/possible", "node/has_memory", "cpu/online", "cpu/possible"] {
            machine.write(&format!("devices/system/{file}"), "0-3\n");
        }
        for node in 0..4 {
            machine.write(&format!("devices/system/node/node{node}/cpulist"), &format!("{node}\n"));
        }
        machine
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join("sys").join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn link(&self, path: &str, target: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(self.at(target), path).unwrap();
    }

    /// Adds a device with the directory devices/`place`, and its link in class/`class`.
    fn add(&self, class: &str, place: &str) {
        let name = place.rsplit('/').next().unwrap();
        fs::create_dir_all(self.at("devices").join(place)).unwrap();
        self.link(&format!("class/{class}/{name}"), &format!("devices/{place}"));
    }

    /// Adds a disk or network device `name` of a PCI device on `node` (-1: not known).
    fn add_pci(&self, class: &str, name: &str, node: i32) {
        self.write(&format!("devices/pci0000:00/{name}-controller/numa_node"), &format!("{node}\n"));
        self.add(class, &format!("pci0000:00/{name}-controller/{class}/{name}"));
    }

    /// Adds a virtual block device on top of others.
    fn add_block(&self, name: &str, parts: &[&str]) {
        self.add("block", &format!("virtual/block/{name}"));
        fs::create_dir(self.at(&format!("devices/virtual/block/{name}/slaves"))).unwrap();
        for part in parts {
            self.link(&format!("devices/virtual/block/{name}/slaves/{part}"), &format!("class/block/{part}"));
        }
    }

    /// Adds a virtual network device on top of others.
    fn add_net(&self, name: &str, parts: &[&str]) {
        self.add("net", &format!("virtual/net/{name}"));
        for part in parts {
            self.link(&format!("devices/virtual/net/{name}/lower_{part}"), &format!("class/net/{part}"));
        }
    }

    /// Adds an NVMe controller on `node` (-1: not known) to the subsystem 0, which has the disk nvme0n1.
    fn add_controller(&self, number: u32, node: i32) {
        let subsystem = "devices/virtual/nvme-subsystem/nvme-subsys0";
        if !self.at(subsystem).exists() {
            self.add("block", "virtual/nvme-subsystem/nvme-subsys0/nvme0n1");
            self.add("block", "virtual/nvme-subsystem/nvme-subsys0/nvme0n1/nvme0n1p1");
            fs::create_dir(self.at(&format!("{subsystem}/nvme0n1/slaves"))).unwrap();
        }
        let place = format!("pci0000:00/port{number}/nvme/nvme{number}");
        self.write(&format!("devices/pci0000:00/port{number}/numa_node"), &format!("{node}\n"));
        self.add("nvme", &place);
        self.link(&format!("{subsystem}/nvme{number}"), &format!("devices/{place}"));
    }

    /// Makes `name` the block device of the file system that contains `file`.
    fn place_file_on(&self, file: &Path, name: &str) {
        let device = fs::metadata(file).unwrap().dev();
        let (major, minor) = (device >> 8 & 0xfff | device >> 32 & !0xfff, device & 0xff | device >> 12 & 0xfff00);
        self.link(&format!("dev/block/{major}:{minor}"), &format!("class/block/{name}"));
    }

    fn parse(&self, list: &str) -> String {
        run(Command::new(PROGRAM.path()).arg(list).env("NUMARS_FSROOT", self.0.path()))
    }
}

fn unknown(name: &str) -> String {
    format!("warning 25: Kernel does not know node mask for device `{name}'")
}

#[test]
fn a_partition_is_on_the_node_of_its_disk() {
    let machine = Machine::new();
    machine.add_pci("block", "sda", 2);
    machine.add("block", "pci0000:00/sda-controller/block/sda/sda1");
    assert_eq!(machine.parse("block:sda"), "node 2");
    assert_eq!(machine.parse("block:sda1"), "node 2");
}

#[test]
fn blanks_before_a_name_are_skipped_and_those_after_it_are_not() {
    let machine = Machine::new();
    machine.add_pci("block", "sda", 2);
    machine.add_pci("net", "eth0", 3);
    assert_eq!(machine.parse("netdev: eth0"), "node 3");
    assert_eq!(machine.parse("netdev:\t\n eth0"), "node 3");
    assert_eq!(machine.parse("block: sda"), "node 2");
    assert_eq!(machine.parse("netdev: eth0 "), "warning 26: Cannot read node mask for net device `eth0 '");
}

#[test]
fn a_name_with_a_dot_is_looked_up_but_no_directory_is() {
    let machine = Machine::new();
    machine.add_pci("net", "eth0", 3);
    machine.add_net("eth0.5", &["eth0"]);
    machine.write("class/numa_node", "1\n");
    assert_eq!(machine.parse("netdev:eth0.5"), "node 3");
    assert_eq!(machine.parse("netdev:.."), "warning 28: Illegal characters in `..' specification");
    assert_eq!(machine.parse("block: ."), "warning 28: Illegal characters in `.' specification");
}

#[test]
fn an_nvme_disk_with_several_ports_is_on_the_node_of_its_controllers() {
    let machine = Machine::new();
    machine.add_controller(3, 2);
    machine.add_controller(12, 2);
    let file = tempfile::tempdir().unwrap();
    machine.place_file_on(file.path(), "nvme0n1p1");
    assert_eq!(machine.parse("block:nvme0n1"), "node 2");
    assert_eq!(machine.parse("block:nvme0n1p1"), "node 2");
    assert_eq!(machine.parse(&format!("file:{}", file.path().display())), "node 2");
}

#[test]
fn an_nvme_disk_has_no_node_if_its_controllers_are_on_different_ones_or_on_none() {
    let machine = Machine::new();
    machine.add_controller(0, -1);
    assert_eq!(machine.parse("block:nvme0n1"), unknown("nvme0n1"));
    machine.add_controller(1, 2);
    assert_eq!(machine.parse("block:nvme0n1"), "node 2");
    machine.add_controller(2, 1);
    assert_eq!(machine.parse("block:nvme0n1"), unknown("nvme0n1"));
}

#[test]
fn a_logical_volume_is_on_the_node_of_its_disks() {
    let machine = Machine::new();
    machine.add_pci("block", "sda", 1);
    machine.add_pci("block", "sdb", 1);
    machine.add("block", "pci0000:00/sdb-controller/block/sdb/sdb1");
    machine.add_block("md0", &["sda", "sdb1"]);
    machine.add("block", "virtual/block/md0/md0p1");
    machine.add_block("dm-0", &["md0p1"]);
    machine.add_block("dm-1", &["dm-0"]);
    let file = tempfile::tempdir().unwrap();
    machine.place_file_on(file.path(), "dm-1");
    for device in ["md0", "md0p1", "dm-0", "dm-1"] {
        assert_eq!(machine.parse(&format!("block:{device}")), "node 1", "{device}");
    }
    assert_eq!(machine.parse(&format!("file:{}", file.path().display())), "node 1");
}

#[test]
fn a_raid_over_disks_of_several_nodes_has_no_node() {
    let machine = Machine::new();
    machine.add_pci("block", "sda", 1);
    machine.add_pci("block", "sdb", 2);
    machine.add_block("md0", &["sda", "sdb"]);
    assert_eq!(machine.parse("block:md0"), unknown("md0"));
}

#[test]
fn a_dax_device_is_on_the_node_that_its_memory_becomes() {
    let machine = Machine::new();
    // CXL memory near node 1.
    machine.write("devices/platform/ACPI0017:00/root0/decoder0.0/region0/dax_region0/dax0.0/target_node", "3\n");
    machine.write("devices/platform/ACPI0017:00/root0/decoder0.0/region0/dax_region0/dax0.0/numa_node", "1\n");
    machine.link("bus/dax/devices/dax0.0", "devices/platform/ACPI0017:00/root0/decoder0.0/region0/dax_region0/dax0.0");
    machine.write("bus/dax/devices/dax1.0/target_node", "-1\n");
    assert_eq!(machine.parse("dax:dax0.0"), "node 3");
    assert_eq!(machine.parse("0,dax:dax0.0"), "node 0node 3");
    assert_eq!(machine.parse("!dax:dax0.0"), "node 0node 1node 2");
    assert_eq!(machine.parse("dax:dax1.0"), unknown("dax1.0"));
    assert_eq!(machine.parse("dax:dax2.0"), "warning 26: Cannot read node mask for dax device `dax2.0'");
    assert_eq!(machine.parse("dax:.."), "warning 28: Illegal characters in `..' specification");
}

#[test]
fn a_graphics_card_is_on_the_node_of_its_pci_device() {
    let machine = Machine::new();
    machine.add_pci("drm", "card0", 2);
    machine.add("drm", "pci0000:00/card0-controller/drm/renderD128");
    machine.add("drm", "pci0000:00/card0-controller/drm/card0/card0-DP-1");
    machine.add_pci("drm", "card1", -1);
    for device in ["card0", "renderD128", "card0-DP-1"] {
        assert_eq!(machine.parse(&format!("drm:{device}")), "node 2", "{device}");
    }
    assert_eq!(machine.parse("drm:card1"), unknown("card1"));
    assert_eq!(machine.parse("drm:card2"), "warning 26: Cannot read node mask for drm device `card2'");
}

#[test]
fn a_virtual_disk_without_devices_is_rejected() {
    let machine = Machine::new();
    machine.add_block("zram0", &[]);
    machine.write("devices/virtual/block/loop0/loop/backing_file", "/some/file\n");
    machine.add_block("loop0", &[]);
    for device in ["zram0", "loop0"] {
        let expected = format!("warning 26: Cannot read node mask for block device `{device}'");
        assert_eq!(machine.parse(&format!("block:{device}")), expected);
    }
}

#[test]
fn a_cycle_of_devices_ends_the_search() {
    let machine = Machine::new();
    machine.add_block("dm-0", &["dm-1", "dm-0"]);
    machine.add_block("dm-1", &["dm-0", "dm-1"]);
    assert_eq!(machine.parse("block:dm-0"), "warning 26: Cannot read node mask for block device `dm-0'");
}

#[test]
fn a_bond_a_bridge_and_a_vlan_are_on_the_node_of_their_network_devices() {
    let machine = Machine::new();
    machine.add_pci("net", "eth0", 3);
    machine.add_pci("net", "eth1", 3);
    machine.add_net("veth0", &[]);
    machine.add_net("bond0", &["eth0", "eth1"]);
    machine.add_net("vlan5", &["bond0"]);
    machine.add_net("br0", &["vlan5", "veth0"]);
    for device in ["bond0", "vlan5", "br0"] {
        assert_eq!(machine.parse(&format!("netdev:{device}")), "node 3", "{device}");
    }
    machine.add_pci("net", "eth2", 0);
    machine.add_net("bond1", &["eth0", "eth2"]);
    assert_eq!(machine.parse("netdev:bond1"), "warning 25: Kernel does not know node mask for net device `bond1'");
    assert_eq!(machine.parse("netdev:veth0"), "warning 26: Cannot read node mask for net device `veth0'");
}

//! Tests of topologies that are read from a directory with a machine's files, and of the one of this process.

mod owned;
mod strings;
mod unlike_nodes;

use super::*;
use crate::bitmask::Bits;
use crate::nodeset::{MAX_CPUS, NodeMask};
use crate::sys::errno::{self, Errno};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A directory with a machine's files, which is removed at the end.
struct Fixture(PathBuf);

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Fixture {
    /// A machine with these files, whose names begin in /sys/devices/system.
    fn with(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("numars-topology-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let fixture = Fixture(std::env::temp_dir().join(name));
        std::fs::create_dir_all(fixture.0.join("sys/devices/system")).unwrap();
        files.iter().for_each(|(name, contents)| fixture.write(&format!("sys/devices/system/{name}"), contents));
        fixture
    }

    /// Three nodes with numbers that are not consecutive, of which the last has no memory, and six of eight CPUs.
    fn three_nodes() -> Self {
        Fixture::with(&[
            ("node/possible", "0-9\n"),
            ("node/online", "0,4,9\n"),
            ("node/has_memory", "0,4\n"),
            ("node/node0/cpumap", "00000007\n"),
            ("node/node0/distance", "10 16 22\n"),
            ("node/node0/meminfo", "Node 0 MemTotal: 16 kB\nNode 0 MemFree: 4 kB\n"),
            ("node/node4/cpumap", "00000060\n"),
            ("node/node4/distance", "16 10 300\n"),
            ("node/node9/cpumap", "00000080\n"),
            ("node/node9/distance", "22 16\n"),
            ("cpu/possible", "0-7\n"),
        ])
    }

    fn write(&self, name: &str, contents: &str) {
        let file = self.0.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, contents).unwrap();
    }

    fn read(&self) -> Topology {
        Topology::read_from(self.0.as_os_str().as_bytes()).unwrap()
    }
}

fn members(set: Bits) -> Vec<usize> {
    set.iter().collect()
}

#[test]
fn files_and_hosts_of_another_machine_are_not_looked_up_on_this_one() {
    let machine = Fixture::three_nodes().read();
    for name in ["file:/", "file:/there/is/no/such/file", "ip:127.0.0.1", "ip:"] {
        assert_eq!(machine.node_of_device(name), Err(DeviceError::OtherMachine), "{name}");
        assert_eq!(machine.nodes_by_name(name), Err(DeviceError::OtherMachine), "{name}");
        assert_eq!(machine.parse_nodes(name).unwrap_err().errno(), Errno::EOPNOTSUPP, "{name}");
        assert_ne!(Topology::read().unwrap().node_of_device(name), Err(DeviceError::OtherMachine), "{name}");
    }
    assert_eq!(machine.node_of_device("netdev:none"), Err(DeviceError::NoNode(DeviceKind::Network)));
}

#[test]
fn a_machine_is_read_from_its_files_below_a_directory() {
    let fixture = Fixture::three_nodes();
    let machine = fixture.read();
    let machine = machine.kernel();
    assert_eq!(members(machine.nodes().bits().as_bits()), [0, 4, 9]);
    assert_eq!(members(machine.nodes_with_memory().bits().as_bits()), [0, 4]);
    assert_eq!(members(machine.allowed_nodes().bits().as_bits()), [0, 4]);
    assert_eq!((machine.max_node(), machine.configured_nodes(), machine.count_allowed_nodes()), (9, 2, 2));
    assert_eq!(
        [0, 4, 5, 9, 1024, usize::MAX].map(|node| machine.has_node(node)),
        [true, true, false, true, false, false]
    );
    assert_eq!(
        [0, 4, 5, 9].map(|node| members(machine.cpus_of_node(node).bits().as_bits())),
        [vec![0, 1, 2], vec![5, 6], vec![], vec![7]]
    );
    assert_eq!(
        [0, 3, 6, 7, MAX_CPUS, usize::MAX].map(|cpu| machine.node_of_cpu(cpu)),
        [Some(0), None, Some(4), Some(9), None, None]
    );
    assert!(machine.has_all_cpus());
    assert_eq!((machine.configured_cpus(), machine.count_allowed_cpus()), (8, 6));
    assert_eq!(members(machine.allowed_cpus().bits().as_bits()), [0, 1, 2, 5, 6, 7]);
    assert_eq!((machine.possible_nodes(), machine.possible_cpus()), (10, usize::BITS as usize));
}

#[test]
fn a_captured_machine_has_the_distances_of_its_files_and_none_of_an_incomplete_row() {
    let fixture = Fixture::three_nodes();
    let machine = fixture.read();
    let distance = |from, to| machine.kernel().distance(from, to);
    assert_eq!([distance(0, 0), distance(0, 4), distance(0, 9)], [Some(10), Some(16), Some(22)]);
    assert_eq!([distance(4, 0), distance(4, 9)], [Some(16), Some(u8::MAX)]);
    assert_eq!([distance(9, 0), distance(0, 1), distance(1, 0), distance(0, 10), distance(usize::MAX, 0)], [None; 5]);
}

#[test]
fn a_captured_machine_has_the_memory_of_its_files_at_that_moment() {
    let fixture = Fixture::three_nodes();
    let machine = fixture.read();
    let machine = machine.kernel();
    assert_eq!(machine.memory_of_node(0), Ok(NodeMemory { total: 16384, free: 4096 }));
    fixture.write("sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: 16 kB\nNode 0 MemFree: 3 kB\n");
    assert_eq!(machine.memory_of_node(0), Ok(NodeMemory { total: 16384, free: 3072 }));
    assert_eq!([4, 7, usize::MAX].map(|node| machine.memory_of_node(node)), [Err(errno::ENOENT); 3]);
}

#[test]
fn a_device_of_a_captured_machine_has_the_node_of_its_file() {
    let fixture = Fixture::three_nodes();
    fixture.write("sys/class/net/eth7/numa_node", "4\n");
    fixture.write("sys/class/net/eth8/numa_node", "-1\n");
    let machine = fixture.read();
    let node = |device| machine.kernel().node_of_device(device).unwrap();
    assert_eq!(node(c"netdev:eth7"), (c"eth7", Ok(4)));
    assert_eq!(node(c"netdev:eth8"), (c"eth8", Err(DeviceError::NodeUnknown(DeviceKind::Network))));
    assert_eq!(node(c"netdev:lo"), (c"lo", Err(DeviceError::NoNode(DeviceKind::Network))));
}

#[test]
fn the_file_status_of_a_captured_machine_says_which_nodes_its_task_may_use() {
    let fixture = Fixture::three_nodes();
    fixture.write("proc/self/status", "Name:\tx\nMems_allowed:\t00000000,00000010\nMems_allowed_list:\t4\n");
    let machine = fixture.read();
    let machine = machine.kernel();
    assert_eq!(members(machine.allowed_nodes().bits().as_bits()), [4]);
    assert_eq!((machine.possible_nodes(), machine.configured_nodes()), (64, 2));
}

#[test]
fn nodes_that_may_only_be_run_on_and_nodes_without_anything_are_usable() {
    let fixture = Fixture::three_nodes();
    fixture.write("sys/devices/system/node/online", "0,2,4,9\n");
    fixture.write("sys/devices/system/node/node2/cpumap", "00000000\n");
    let machine = fixture.read();
    let machine = machine.kernel();
    let usable = |cpus: &[usize]| {
        let (task_cpus, usable) = (CpuMask::new(), NodeMask::new());
        cpus.iter().for_each(|&cpu| task_cpus.bits().set(cpu));
        machine.add_usable_nodes(machine.nodes().bits().as_bits(), task_cpus.bits().as_bits(), usable.bits());
        members(usable.bits().as_bits())
    };
    assert_eq!(usable(&[0, 7]), [2, 9]);
    assert_eq!(usable(&[0, 5]), [2]);
}

#[test]
fn a_machine_without_numa_has_its_cpus_on_node_0() {
    let online = Fixture::with(&[("cpu/online", "0-2,5\n")]).read();
    assert_eq!(members(online.kernel().cpus_of_node(0).bits().as_bits()), [0, 1, 2, 5]);
    assert_eq!(members(online.kernel().nodes().bits().as_bits()), [0]);
    let directories = Fixture::with(&[("cpu/cpu1/topology", ""), ("cpu/cpu3/topology", "")]).read();
    assert_eq!(members(directories.kernel().cpus_of_node(0).bits().as_bits()), [1, 3]);
}

#[test]
fn a_machine_of_an_old_kernel_has_the_nodes_that_have_a_directory() {
    let machine = Fixture::with(&[("node/node1/cpumap", "3\n"), ("node/node6/cpumap", "c\n")]).read();
    let machine = machine.kernel();
    assert_eq!(members(machine.nodes().bits().as_bits()), [1, 6]);
    assert_eq!(members(machine.nodes_with_memory().bits().as_bits()), [1, 6]);
    assert_eq!([0, 3, 4].map(|cpu| machine.node_of_cpu(cpu)), [Some(1), Some(6), None]);
    assert_eq!((machine.configured_cpus(), machine.possible_cpus()), (4, MAX_CPUS));
}

#[test]
fn a_machine_whose_nodes_cannot_be_read_has_no_cpus() {
    let machine = Fixture::with(&[("node/online", "0-1\n"), ("node/node0/cpumap", "1\n")]).read();
    let machine = machine.kernel();
    assert!(!machine.has_all_cpus());
    assert_eq!([0, 1].map(|node| members(machine.cpus_of_node(node).bits().as_bits())), [vec![0], vec![]]);
}

#[test]
fn a_directory_without_a_machines_files_is_no_root() {
    let fixture = Fixture::three_nodes();
    let open = |name: &std::path::Path| Topology::read_from(name.as_os_str().as_bytes()).err();
    assert_eq!(open(&fixture.0.join("sys")), Some(Errno::ENOENT));
    assert_eq!(open(&fixture.0.join("there is no such directory")), Some(Errno::ENOENT));
    assert_eq!(Topology::read_from("/\0").err(), Some(Errno::EINVAL));
    assert_eq!(Topology::read_from([b'/'; 5000]).err(), Some(Errno::ENAMETOOLONG));
}

#[test]
fn each_cpu_is_among_the_cpus_of_its_node() {
    let machine = KernelTopology::current();
    for cpu in allowed_cpus().bits().as_bits().iter() {
        let node = machine.node_of_cpu(cpu).unwrap();
        assert!(machine.cpus_of_node(node).bits().as_bits().contains(cpu));
    }
    assert_eq!(machine.node_of_cpu(MAX_CPUS), None);
    assert_eq!(machine.node_of_cpu(usize::MAX), None);
}

#[test]
fn a_node_has_at_least_the_memory_that_is_free() {
    let machine = KernelTopology::current();
    for node in machine.nodes_with_memory().bits().as_bits().iter() {
        let memory = machine.memory_of_node(node).unwrap();
        assert!(memory.total > 0 && memory.free <= memory.total);
    }
    assert_eq!(machine.memory_of_node(1023).err(), Some(errno::ENOENT));
}

#[test]
fn the_running_machine_below_a_root_is_the_same() {
    let (current, below_root) = (KernelTopology::current(), Topology::read_from("/").unwrap());
    let below_root = below_root.kernel();
    assert!(current.nodes().bits().as_bits().equals(below_root.nodes().bits().as_bits()));
    for node in current.nodes().bits().as_bits().iter() {
        let cpus = [current, below_root].map(|machine| members(machine.cpus_of_node(node).bits().as_bits()));
        assert_eq!(cpus[0], cpus[1]);
        assert_eq!(current.distance(node, node), below_root.distance(node, node));
    }
}

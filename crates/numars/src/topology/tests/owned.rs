//! Tests of topologies that are values of their own.

use super::Fixture;
use super::unlike_nodes::tiers;
use crate::sys::errno::{self, Errno};
use crate::topology::{allowed_cpus, mems_allowed_into};
use crate::{Attribute, Cpu, CpuSet, DeviceError, DeviceKind, Distance, Node, NodeSet, Topology};

fn node(number: usize) -> Node {
    Node::new(number).unwrap()
}

fn cpu(number: usize) -> Cpu {
    Cpu::new(number).unwrap()
}

fn nodes(list: &str) -> NodeSet {
    list.parse().unwrap()
}

fn cpus(list: &str) -> Result<CpuSet, Errno> {
    Ok(list.parse().unwrap())
}

#[test]
fn a_topology_may_be_used_and_dropped_in_any_thread() {
    const fn assert_shareable<T: Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe + 'static>() {}
    const { assert_shareable::<Topology>() };
    let machine = Fixture::three_nodes().read();
    let clone = machine.clone();
    drop(machine);
    std::thread::spawn(move || assert_eq!(clone.nodes(), nodes("0,4,9"))).join().unwrap();
}

#[test]
fn the_sets_of_a_machine_with_sparse_nodes_are_those_of_its_files() {
    let machine = Fixture::three_nodes().read();
    assert_eq!((machine.nodes(), machine.nodes_with_memory()), (nodes("0,4,9"), nodes("0,4")));
    assert_eq!(machine.allowed_nodes(), nodes("0,4"));
    assert_eq!((machine.cpus(), machine.allowed_cpus()), (cpus("0-2,5-7"), cpus("0-2,5-7")));
    assert_eq!([0, 4, 5, 9].map(|number| machine.cpus_of(node(number))), ["0-2", "5-6", "", "7"].map(cpus));
    assert_eq!(machine.cpus_of_nodes(&nodes("0,4-8,1023")), cpus("0-2,5-6"));
    assert_eq!(
        [0, 3, 6, 7].map(|number| machine.node_of_cpu(cpu(number)).map(usize::from)),
        [Some(0), None, Some(4), Some(9)]
    );
    assert_eq!(machine.node_of_cpu(Cpu::MAX), None);
    assert!(machine.has_all_cpus());
    assert_eq!(
        (machine.possible_nodes(), machine.possible_cpus(), machine.configured_cpus()),
        (10, usize::BITS as usize, 8)
    );
    assert_eq!(
        format!("{machine:?}"),
        "Topology { nodes: 0,4,9, nodes_with_memory: 0,4, allowed_nodes: 0,4, allowed_cpus: 0-2,5-7, .. }"
    );
}

#[test]
fn a_machine_with_cpus_above_1024_has_them() {
    let fixture = Fixture::with(&[("node/online", "0-1\n"), ("cpu/possible", "0-4095\n")]);
    let map = |groups: &[&str]| groups.join(",") + "\n";
    let (ones, zeros) = ("ffffffff", "00000000");
    // CPUs 1,024 to 2,047, and 2,048 to 4,095.
    fixture.write("sys/devices/system/node/node0/cpumap", &map(&[vec![ones; 32], vec![zeros; 32]].concat()));
    fixture.write("sys/devices/system/node/node1/cpumap", &map(&[vec![ones; 64], vec![zeros; 64]].concat()));
    let machine = fixture.read();
    assert_eq!([0, 1].map(|number| machine.cpus_of(node(number))), ["1024-2047", "2048-4095"].map(cpus));
    assert_eq!((machine.cpus(), machine.allowed_cpus()), (cpus("1024-4095"), cpus("1024-4095")));
    assert_eq!([1023, 1024, 4095].map(|number| machine.node_of_cpu(cpu(number))), [None, Some(node(0)), Some(node(1))]);
}

#[test]
fn a_machine_without_files_is_node_0_and_a_node_without_a_map_leaves_cpus_unread() {
    let machine = Fixture::with(&[]).read();
    assert_eq!((machine.nodes(), machine.allowed_nodes()), (nodes("0"), nodes("0")));
    assert_eq!((machine.cpus(), machine.has_all_cpus()), (cpus(""), false));
    assert_eq!(machine.memory(node(0)), Err(Errno::ENODATA));
    let machine = Fixture::with(&[("node/online", "0-1\n"), ("node/node0/cpumap", "1\n")]).read();
    assert_eq!((machine.cpus(), machine.has_all_cpus()), (cpus("0"), false));
}

#[test]
fn the_nearest_nodes_come_first_and_those_of_unknown_distance_last() {
    let machine = Fixture::with(&[
        ("node/online", "0-2,5,7\n"),
        ("node/has_memory", "0,2,5,7\n"),
        ("node/node0/distance", "10 11 31 21 21\n"),
        ("node/node1/distance", "11 10 21 31 10\n"),
        ("node/node2/distance", "10 10\n"),
    ])
    .read();
    let by_distance = |from| machine.nodes_by_distance(node(from)).map(usize::from).collect::<Vec<_>>();
    assert_eq!(by_distance(0), [0, 5, 7, 2]);
    assert_eq!(by_distance(1), [7, 0, 2, 5], "node 1 has no memory");
    assert_eq!(by_distance(2), [2, 0, 5, 7], "its file lacks distances");
    assert_eq!(by_distance(1023), [0, 2, 5, 7]);
    let mut rest = machine.nodes_by_distance(node(0));
    assert_eq!((rest.len(), rest.next(), rest.len()), (4, Some(node(0)), 3));
    let distance = |from, to| machine.distance(node(from), node(to));
    assert_eq!([distance(0, 0), distance(0, 2)], [Some(Distance::LOCAL), Distance::new(31)]);
    assert_eq!([distance(2, 2), distance(0, 3), distance(3, 0), distance(0, 1023)], [None; 4]);
    assert!(Distance::LOCAL.is_local() && Distance::new(0).is_none());
    assert_eq!(format!("{:?} {}", Distance::LOCAL, Distance::LOCAL), "Distance(10) 10");
}

#[test]
fn tiers_come_with_their_nodes_and_the_fastest_first() {
    let fixture = tiers();
    fixture.write("sys/devices/virtual/memory_tiering/memory_tier2147483647/nodelist", "3\n");
    fixture.write("sys/devices/virtual/memory_tiering/memory_tier0/nodelist", "\n");
    let machine = fixture.read();
    let all: Vec<_> = machine.tiers().unwrap().map(|tier| (tier.number(), tier.nodes())).collect();
    assert_eq!(all, [(4, nodes("0-1")), (93, nodes("2")), (i32::MAX as u32, nodes("3"))]);
    let tier = machine.tier_of(node(1)).unwrap();
    assert_eq!((tier.number(), tier.nodes()), (4, nodes("0-1")));
    assert_eq!(machine.tiers().unwrap().next(), Some(tier));
    assert_eq!(machine.tier_of(node(4)), Err(Errno::ENODEV));
    std::fs::remove_dir_all(fixture.0.join("sys/devices/virtual")).unwrap();
    assert_eq!((machine.tiers().err(), machine.tier_of(node(1))), (Some(Errno::ENODATA), Err(Errno::ENODATA)));
}

#[test]
fn what_distinguishes_nodes_is_that_of_the_files() {
    let fixture = tiers();
    let machine = fixture.read();
    let memory = machine.memory(node(2)).unwrap();
    assert_eq!((memory.total(), memory.free()), (8 << 20, 2048));
    assert_eq!([3, 4].map(|number| machine.memory(node(number))), [Err(Errno::ENODATA), Err(Errno::ENODEV)]);
    assert_eq!(machine.attribute(node(2), Some(node(1)), Attribute::ReadLatency), Ok(250));
    assert_eq!(machine.attribute(node(2), Some(node(0)), Attribute::ReadLatency), Err(Errno::ENODATA));
    assert_eq!(machine.attribute(node(4), None, Attribute::Capacity), Err(Errno::ENODEV));
    assert_eq!(machine.best_nodes(None, Attribute::ReadLatency), Ok(nodes("0-1")));
    assert_eq!(machine.best_nodes(Some(node(1)), Attribute::Capacity), Ok(nodes("2")));
    assert_eq!(machine.interleave_weight(node(0)), Ok(7));
    assert_eq!(machine.interleave_weight(node(3)), Err(Errno::ENODATA));
    let kind = machine.kind_of(node(2)).unwrap();
    assert_eq!((kind.has_cpus(), kind.has_memory(), kind.is_dax()), (false, true, false));
    assert_eq!(machine.kind_of(node(4)), Err(Errno::ENODEV));
}

#[test]
fn names_of_devices_and_nodes_are_looked_up_and_others_refused() {
    let fixture = tiers();
    fixture.write("sys/class/net/eth7/numa_node", "1\n");
    fixture.write("sys/class/net/eth8/numa_node", "-1\n");
    let machine = fixture.read();
    assert_eq!(machine.node_of_device("netdev:eth7"), Ok(node(1)));
    assert_eq!(machine.nodes_by_name("netdev:eth7"), Ok(nodes("1")));
    assert_eq!(machine.node_of_device("netdev:eth8"), Err(DeviceError::NodeUnknown(DeviceKind::Network)));
    assert_eq!(machine.node_of_device("fastest"), Err(DeviceError::NotAName));
    for (name, expected) in [
        ("fastest", Ok(nodes("0-1"))),
        ("tier:93", Ok(nodes("2"))),
        ("memory-only", Ok(nodes("2"))),
        ("tier:5", Err(DeviceError::NoTier)),
        ("0-3", Err(DeviceError::NotAName)),
        ("fastest\0", Err(DeviceError::NotAName)),
    ] {
        assert_eq!(machine.nodes_by_name(name), expected, "{name:?}");
    }
    assert_eq!(DeviceError::NoNode(DeviceKind::Pci).to_string(), "there is no such PCI device, or it has no node");
}

#[test]
fn the_topology_of_this_process_has_what_its_thread_may_use() {
    errno::set(errno::EBUSY);
    let machine = Topology::read().unwrap();
    assert_eq!(errno::get(), errno::EBUSY);
    let allowed = crate::nodeset::NodeMask::new();
    if mems_allowed_into(allowed.bits()) {
        assert_eq!(machine.allowed_nodes(), NodeSet::from_mask(&allowed));
    }
    assert!(machine.allowed_cpus().unwrap().to_mask().bits().as_bits().equals(allowed_cpus().bits().as_bits()));
    let below_root = Topology::read_from("/").unwrap();
    assert_eq!((machine.nodes(), machine.cpus()), (below_root.nodes(), below_root.cpus()));
    assert!(machine.allowed_cpus().unwrap().is_subset(&machine.cpus().unwrap()));
}

#[test]
fn a_thread_with_fewer_cpus_reads_a_topology_that_allows_these() {
    std::thread::spawn(|| {
        let first = Topology::read().unwrap().allowed_cpus().unwrap().first().unwrap();
        assert_eq!(crate::sys::kernel::sched_setaffinity(0, CpuSet::from(first).to_mask().words()), 0);
        assert_eq!(Topology::read().unwrap().allowed_cpus(), Ok(CpuSet::from(first)));
    })
    .join()
    .unwrap();
}

//! Tests of what distinguishes nodes: attributes, tiers, weights, kinds, and names for them.

use super::{Fixture, members};
use crate::nodestring::NamedNodes;
use crate::sys::errno::{EINVAL, ENODATA, ENODEV};
use crate::topology::{Attribute, DeviceError, DeviceKind, KernelTopology, NodeKind, Topology, set_weight_of_node};
use std::ffi::CString;

/// Nodes 0 and 1 with CPUs and node 2 without, nearer to node 1, as the kernel describes them if the firmware has an HMAT. Node 3 has
/// nothing.
pub(super) fn tiers() -> Fixture {
    let fixture = Fixture::with(&[
        ("node/online", "0-3\n"),
        ("node/has_memory", "0-2\n"),
        ("cpu/possible", "0-3\n"),
        ("node/node0/cpumap", "3\n"),
        ("node/node1/cpumap", "c\n"),
        ("node/node2/cpumap", "0\n"),
        ("node/node3/cpumap", "0\n"),
    ]);
    for (node, kibibytes) in [(0, 4096), (1, 4096), (2, 8192)] {
        let meminfo = format!("Node {node} MemTotal: {kibibytes} kB\nNode {node} MemFree: {node} kB\n");
        fixture.write(&format!("sys/devices/system/node/node{node}/meminfo"), &meminfo);
    }
    for (node, initiator, bandwidth, latency) in [(0, 0, 204800, 80), (1, 1, 204800, 80), (2, 1, 30720, 250)] {
        for class in ["access0", "access1"] {
            write_access(&fixture, node, class, &[initiator], bandwidth, latency);
        }
    }
    fixture.write("sys/devices/virtual/memory_tiering/memory_tier4/nodelist", "0-1\n");
    fixture.write("sys/devices/virtual/memory_tiering/memory_tier93/nodelist", "2\n");
    fixture.write("sys/devices/virtual/memory_tiering/power/control", "auto\n");
    for (node, weight) in [(0, 7), (1, 7), (2, 1)] {
        fixture.write(&format!("sys/kernel/mm/mempolicy/weighted_interleave/node{node}"), &format!("{weight}\n"));
    }
    fixture
}

fn write_access(fixture: &Fixture, node: usize, class: &str, initiators: &[usize], bandwidth: u64, latency: u64) {
    let directory = format!("sys/devices/system/node/node{node}/{class}/initiators");
    for initiator in initiators {
        fixture.write(&format!("{directory}/node{initiator}/uevent"), "");
    }
    for (name, value) in [("bandwidth", bandwidth), ("latency", latency)] {
        fixture.write(&format!("{directory}/read_{name}"), &format!("{value}\n"));
        fixture.write(&format!("{directory}/write_{name}"), &format!("{}\n", value + 1));
    }
}

const ALL: [Attribute; 7] = [
    Attribute::Capacity,
    Attribute::Free,
    Attribute::ReadBandwidth,
    Attribute::WriteBandwidth,
    Attribute::ReadLatency,
    Attribute::WriteLatency,
    Attribute::MemorySideCache,
];

/// Returns what `list` names: nodes, or why not.
fn named(machine: &Topology, name: &str) -> Option<Result<Vec<usize>, DeviceError>> {
    let name = CString::new(name).unwrap();
    let (_, nodes) = machine.kernel().nodes_by_name(&name)?;
    Some(nodes.map(|nodes| match nodes {
        NamedNodes::One(node) => vec![node],
        NamedNodes::Several(nodes) => members(nodes.bits().as_bits()),
    }))
}

#[test]
fn attributes_are_those_of_the_files() {
    let fixture = tiers();
    let machine = fixture.read();
    let machine = machine.kernel();
    let all = |node| ALL.map(|attribute| machine.attribute(node, None, attribute));
    let value = Ok::<u64, i32>;
    assert_eq!(all(2), [value(8 << 20), value(2048), value(30720), value(30721), value(250), value(251), Err(ENODATA)]);
    assert_eq!(all(3), [Err(ENODATA); 7], "it has no files");
    assert_eq!(all(4), [Err(ENODEV); 7]);
    assert_eq!(all(usize::MAX), [Err(ENODEV); 7]);
}

#[test]
fn an_initiator_has_a_value_only_if_the_kernel_lists_it() {
    let fixture = tiers();
    let machine = fixture.read();
    let machine = machine.kernel();
    let latency = |node, initiator| machine.attribute(node, Some(initiator), Attribute::ReadLatency);
    assert_eq!([latency(2, 1), latency(1, 1), latency(0, 0)], [Ok(250), Ok(80), Ok(80)]);
    assert_eq!([latency(2, 0), latency(0, 1), latency(2, 2), latency(2, 3)], [Err(ENODATA); 4]);
    assert_eq!([latency(2, 4), latency(4, 1), latency(2, usize::MAX)], [Err(ENODEV); 3]);
    let capacity = |initiator| machine.attribute(2, Some(initiator), Attribute::Capacity);
    assert_eq!([capacity(0), capacity(1), capacity(4)], [Ok(8 << 20), Ok(8 << 20), Err(ENODEV)]);
}

#[test]
fn initiators_with_cpus_come_before_others() {
    let fixture = tiers();
    // A device on node 3 is nearer to node 2 than any CPU.
    std::fs::remove_dir_all(fixture.0.join("sys/devices/system/node/node2/access0")).unwrap();
    write_access(&fixture, 2, "access0", &[3], 90000, 100);
    let machine = fixture.read();
    let latency = |initiator| machine.kernel().attribute(2, initiator, Attribute::ReadLatency);
    assert_eq!([latency(None), latency(Some(1)), latency(Some(3))], [Ok(250), Ok(250), Ok(100)]);
    assert_eq!(latency(Some(0)), Err(ENODATA));
    std::fs::remove_dir_all(fixture.0.join("sys/devices/system/node/node2/access1")).unwrap();
    assert_eq!([latency(None), latency(Some(3))], [Ok(100); 2]);
    assert_eq!(latency(Some(1)), Err(ENODATA));
}

#[test]
fn a_value_without_a_listed_initiator_is_that_of_the_nearest_ones() {
    let fixture = tiers();
    for class in ["access0", "access1"] {
        let initiator = format!("sys/devices/system/node/node2/{class}/initiators/node1");
        std::fs::remove_dir_all(fixture.0.join(initiator)).unwrap();
    }
    let machine = fixture.read();
    let latency = |initiator| machine.kernel().attribute(2, initiator, Attribute::ReadLatency);
    assert_eq!([latency(None), latency(Some(1))], [Ok(250), Err(ENODATA)]);
}

#[test]
fn a_value_that_is_zero_or_malformed_is_not_known() {
    let fixture = tiers();
    let machine = fixture.read();
    let file = |class| format!("sys/devices/system/node/node2/{class}/initiators/read_latency");
    let latency = || machine.kernel().attribute(2, None, Attribute::ReadLatency);
    fixture.write(&file("access0"), "300\n");
    for text in ["0\n", "", "\n", "-1\n", "fast\n", "99999999999999999999\n", "250 ns\n"] {
        fixture.write(&file("access1"), text);
        assert_eq!(latency(), Ok(300), "{text:?}: what the other initiators say");
        fixture.write(&file("access0"), text);
        assert_eq!(latency(), Err(ENODATA), "{text:?}");
        fixture.write(&file("access0"), "300\n");
    }
    fixture.write(&file("access1"), "250");
    assert_eq!(latency(), Ok(250), "without a newline");
}

#[test]
fn a_memory_side_cache_has_the_size_of_its_largest_level() {
    let fixture = tiers();
    let machine = fixture.read();
    let cache = || machine.kernel().attribute(1, None, Attribute::MemorySideCache);
    let write = |name: &str, text| {
        fixture.write(&format!("sys/devices/system/node/node1/memory_side_cache/{name}"), text);
    };
    write("uevent", "");
    assert_eq!(cache(), Err(ENODATA));
    write("index1/size", "1048576\n");
    write("index2/size", "103079215104\n");
    write("index3/size", "4096\n");
    write("indexes/size", "999999999999999\n");
    assert_eq!(cache(), Ok(103079215104));
    write("index2/size", "many\n");
    assert_eq!(cache(), Ok(1048576));
    write("index1/size", "0\n");
    write("index3/size", "\n");
    assert_eq!(cache(), Err(ENODATA));
}

#[test]
fn the_best_nodes_are_all_of_those_with_the_best_value() {
    let fixture = tiers();
    let machine = fixture.read();
    let machine = machine.kernel();
    let best =
        |initiator, attribute| machine.best_nodes(initiator, attribute).map(|nodes| members(nodes.bits().as_bits()));
    assert_eq!(best(None, Attribute::ReadLatency), Ok(vec![0, 1]));
    assert_eq!(best(None, Attribute::WriteBandwidth), Ok(vec![0, 1]));
    assert_eq!(best(None, Attribute::Capacity), Ok(vec![2]));
    assert_eq!(best(Some(1), Attribute::ReadLatency), Ok(vec![1]));
    assert_eq!(best(Some(1), Attribute::Capacity), Ok(vec![2]));
    assert_eq!(best(Some(0), Attribute::Capacity), Ok(vec![0]), "node 0 is listed for itself alone");
    assert_eq!(best(Some(2), Attribute::ReadLatency), Err(ENODATA), "no CPUs");
    assert_eq!(best(None, Attribute::MemorySideCache), Err(ENODATA));
    assert_eq!(best(Some(4), Attribute::Free), Err(ENODEV));
}

#[test]
fn tiers_are_listed_in_ascending_order_as_far_as_there_is_room() {
    let fixture = tiers();
    fixture.write("sys/devices/virtual/memory_tiering/memory_tier0/nodelist", "3\n");
    let machine = fixture.read();
    let machine = machine.kernel();
    for room in 0..5 {
        let mut tiers = [7; 5];
        assert_eq!(machine.tiers(&mut tiers[..room]), Ok(3));
        let kept = room.min(3);
        assert_eq!(tiers[..kept], [0, 4, 93][..kept]);
        assert_eq!(tiers[kept..], [7; 5][kept..]);
    }
    assert_eq!([0, 1, 2, 3, 4].map(|node| machine.tier_of_node(node)), [Ok(4), Ok(4), Ok(93), Ok(0), Err(ENODEV)]);
    let nodes = |tier| machine.nodes_of_tier(tier).map(|nodes| members(nodes.bits().as_bits()));
    assert_eq!(
        [nodes(4), nodes(93), nodes(5), nodes(u32::MAX)],
        [Ok(vec![0, 1]), Ok(vec![2]), Err(ENODATA), Err(ENODATA)]
    );
}

#[test]
fn names_stand_for_the_nodes_of_tiers_and_kinds() {
    let fixture = tiers();
    let machine = fixture.read();
    for (name, nodes) in [
        ("tier:4", vec![0, 1]),
        ("tier:93", vec![2]),
        ("fastest", vec![0, 1]),
        ("slowest", vec![2]),
        ("cpus", vec![0, 1]),
        ("memory-only", vec![2]),
    ] {
        assert_eq!(named(&machine, name), Some(Ok(nodes)), "{name}");
    }
    for name in
        ["tier:", "tier:5", "tier: 4", "tier:04", "tier:4,", "tier:4 ", "tier:-4", "tier:0x4", "tier:4294967300"]
    {
        assert_eq!(named(&machine, name), Some(Err(DeviceError::NoTier)), "{name}");
    }
    for name in ["tier", "fastest ", "fast", "cpus,0", "memory", "memory-only2", "all", "0", ""] {
        assert_eq!(named(&machine, name), None, "{name}");
    }
}

#[test]
fn tiers_that_have_no_nodes_or_no_number_do_not_count() {
    let fixture = tiers();
    for name in ["memory_tier2", "memory_tier", "memory_tierx", "memory_tier01", "memory_tier99999999999"] {
        let nodes = if name == "memory_tier2" { "\n" } else { "3\n" };
        fixture.write(&format!("sys/devices/virtual/memory_tiering/{name}/nodelist"), nodes);
    }
    fixture.write("sys/devices/virtual/memory_tiering/memory_tier1/nodes", "3\n");
    let machine = fixture.read();
    assert_eq!(machine.kernel().tiers(&mut []), Ok(2));
    assert_eq!(machine.kernel().tier_of_node(3), Err(ENODATA));
    assert_eq!(named(&machine, "fastest"), Some(Ok(vec![0, 1])));
}

#[test]
fn a_machine_that_says_nothing_has_no_tiers_weights_or_nodes_by_tier() {
    let fixture = Fixture::three_nodes();
    let machine = fixture.read();
    assert_eq!(machine.kernel().tiers(&mut [0; 4]), Err(ENODATA));
    assert_eq!(machine.kernel().tier_of_node(0), Err(ENODATA));
    assert_eq!(machine.kernel().interleave_weight(0), Err(ENODATA));
    for name in ["tier:4", "fastest", "slowest"] {
        assert_eq!(named(&machine, name), Some(Err(DeviceError::NoTier)), "{name}");
    }
    assert_eq!(named(&machine, "cpus"), Some(Ok(vec![0, 4, 9])));
    assert_eq!(named(&machine, "memory-only"), Some(Err(DeviceError::NoNodes)));
}

#[test]
fn weights_are_those_of_the_files_if_they_are_1_to_255() {
    let fixture = tiers();
    let machine = fixture.read();
    let weight = |node| machine.kernel().interleave_weight(node);
    assert_eq!([0, 2, 3, 4].map(weight), [Ok(7), Ok(1), Err(ENODATA), Err(ENODEV)]);
    for (text, expected) in [("255", Ok(255)), ("0\n", Err(ENODATA)), ("256\n", Err(ENODATA)), ("", Err(ENODATA))] {
        fixture.write("sys/kernel/mm/mempolicy/weighted_interleave/node0", text);
        assert_eq!(weight(0), expected, "{text:?}");
    }
}

#[test]
fn a_weight_is_not_set_for_a_node_that_does_not_exist_or_to_0() {
    assert_eq!(set_weight_of_node(usize::MAX, 1), Err(ENODEV));
    assert_eq!(set_weight_of_node(KernelTopology::current().max_node(), 0), Err(EINVAL));
}

#[test]
fn kinds_are_those_of_the_files() {
    let fixture = tiers();
    fixture.write("sys/bus/dax/devices/dax0.0/target_node", "2\n");
    fixture.write("sys/bus/dax/devices/dax0.0/numa_node", "1\n");
    fixture.write("sys/bus/dax/devices/dax1.0/target_node", "-1\n");
    let machine = fixture.read();
    let machine = machine.kernel();
    let kind = |has_cpus, has_memory, is_dax| Ok(NodeKind { has_cpus, has_memory, is_dax });
    assert_eq!(
        [0, 1, 2, 3, 4].map(|node| machine.kind_of_node(node)),
        [
            kind(true, true, false),
            kind(true, true, false),
            kind(false, true, true),
            kind(false, false, false),
            Err(ENODEV)
        ]
    );
}

#[test]
fn kinds_are_not_known_where_cpus_are_not() {
    let fixture = tiers();
    std::fs::remove_file(fixture.0.join("sys/devices/system/node/node2/cpumap")).unwrap();
    let machine = fixture.read();
    assert!(!machine.kernel().has_all_cpus());
    assert_eq!(machine.kernel().kind_of_node(2), Err(ENODATA));
    assert!(machine.kernel().kind_of_node(0).is_ok_and(|kind| kind.has_cpus));
    for name in ["cpus", "memory-only"] {
        assert_eq!(named(&machine, name), Some(Err(DeviceError::NoNodes)), "{name}");
    }
}

#[test]
fn dax_and_drm_devices_have_the_nodes_of_their_files() {
    let fixture = tiers();
    fixture.write("sys/bus/dax/devices/dax0.0/target_node", "2\n");
    fixture.write("sys/bus/dax/devices/dax1.0/target_node", "-1\n");
    fixture.write("sys/bus/dax/devices/dax2.0/target_node", "5000");
    fixture.write("sys/bus/dax/devices/dax3.0/numa_node", "1\n");
    fixture.write("sys/class/drm/card1/numa_node", "1\n");
    fixture.write("sys/class/drm/card2/numa_node", "-1\n");
    let machine = fixture.read();
    for (name, node) in [
        ("dax:dax0.0", Ok(vec![2])),
        ("dax:dax1.0", Err(DeviceError::NodeUnknown(DeviceKind::Dax))),
        ("dax:dax2.0", Ok(vec![5000])),
        ("dax:dax3.0", Err(DeviceError::NoNode(DeviceKind::Dax))),
        ("dax:", Err(DeviceError::NoNode(DeviceKind::Dax))),
        ("dax:../dax0.0", Err(DeviceError::Illegal)),
        ("dax:..", Err(DeviceError::Illegal)),
        ("drm:card1", Ok(vec![1])),
        ("drm:card2", Err(DeviceError::NodeUnknown(DeviceKind::Drm))),
        ("drm:card3", Err(DeviceError::NoNode(DeviceKind::Drm))),
        ("drm:card1/device", Err(DeviceError::Illegal)),
    ] {
        assert_eq!(named(&machine, name), Some(node), "{name}");
    }
}

//! Prints what hwlocality knows of a machine, and what its calls for memory do.

use hwlocality::Topology;
use hwlocality::memory::binding::{MemoryBindingFlags, MemoryBindingPolicy};
use hwlocality::memory::nodeset::NodeSet;
use hwlocality::object::types::ObjectType;

fn main() {
    let topology = Topology::new().expect("a topology");
    println!("nodes {:?}, allowed {:?}", topology.nodeset(), topology.allowed_nodeset());
    for node in topology.objects_with_type(ObjectType::NUMANode) {
        println!(
            "node {:?}: CPUs {:?}, {:?}",
            node.os_index(),
            node.cpuset().map(|cpus| cpus.to_string()),
            node.attributes()
        );
    }
    println!("matrices of distances: {:?}", topology.distances(None).map(|matrices| matrices.len()));
    println!("{:#?}", topology.feature_support().memory_binding());

    let data = vec![1u8; 1 << 20];
    for node in topology.nodeset().clone_target().iter_set() {
        let target: NodeSet = std::iter::once(node).collect();
        let moved =
            topology.bind_memory_area(&data[..], &target, MemoryBindingPolicy::Bind, MemoryBindingFlags::MIGRATE);
        println!("moving a range to {target}: {moved:?}");
        let place = topology.area_memory_location::<[u8], NodeSet>(&data[..], MemoryBindingFlags::empty());
        println!("it is on {place:?}");
    }
    for policy in [MemoryBindingPolicy::FirstTouch, MemoryBindingPolicy::Bind, MemoryBindingPolicy::Interleave] {
        println!("{policy:?}: {:?}", topology.bind_memory(topology.nodeset(), policy, MemoryBindingFlags::THREAD));
    }
}

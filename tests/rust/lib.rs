//! What the tests in `uses` share.

/// Compiles and runs the Rust examples of README.md.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

use numars::{Node, NodeSet, Topology, count_pages};

/// Returns the nodes that have memory and CPUs that this process may use: at least two, so that there is something to show.
pub fn several_nodes() -> NodeSet {
    let topology = Topology::read().expect("a topology");
    let cpus = topology.allowed_cpus().expect("memory for a set");
    let has_cpus = |&node: &Node| topology.cpus_of(node).is_ok_and(|of_node| !of_node.is_disjoint(&cpus));
    let nodes: NodeSet = topology.allowed_nodes().iter().filter(has_cpus).collect();
    assert!(nodes.len() >= 2, "this needs a machine with several nodes");
    nodes
}

/// Returns the number of base pages of memory on each node.
pub fn pages_on<T>(memory: &[T]) -> Vec<usize> {
    let mut per_node = vec![0; Node::COUNT];
    count_pages(memory, &mut per_node).expect("move_pages(2)");
    per_node
}

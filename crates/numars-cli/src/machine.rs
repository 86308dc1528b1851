//! The machine as the kernel and the firmware describe it.

use crate::failure::{Context, Failure, Result};
use numars::{Attribute, CpuSet, Node, NodeSet, Topology};
use schemars::JsonSchema;
use serde::Serialize;
use std::path::Path;

/// A machine: its nodes, and what is between them.
#[derive(Serialize, JsonSchema, Debug, Clone)]
pub struct Machine {
    /// The directory of the machine's files, if it is not this one.
    pub root: Option<String>,
    /// The nodes in ascending order.
    pub nodes: Vec<MachineNode>,
    /// For each node, its distances to the nodes in the order of `nodes`, as the firmware gives them: 10 is local. null: unknown.
    pub distances: Vec<Vec<Option<u8>>>,
}

/// A node of a machine.
#[derive(Serialize, JsonSchema, Debug, Clone)]
pub struct MachineNode {
    /// Its number.
    pub node: usize,
    /// Its CPUs, as a list such as `0-3,8`.
    pub cpus: String,
    /// The number of its CPUs.
    pub cpu_count: usize,
    /// What it consists of.
    pub kind: NodeKind,
    /// The size of its memory in bytes. null: unknown.
    pub memory_bytes: Option<u64>,
    /// How much of that is free, in bytes. null: unknown.
    pub free_bytes: Option<u64>,
    /// The number of its memory tier; tiers with lower numbers are faster. null: the kernel does not say.
    pub tier: Option<u32>,
    /// The nodes whose CPUs the four following values are for: those with the fastest access to it.
    pub initiators: Option<String>,
    /// The bandwidth with which these CPUs read its memory, in bytes per second. null: the firmware does not say.
    pub read_bandwidth: Option<u64>,
    /// The bandwidth with which these CPUs write its memory, in bytes per second. null: the firmware does not say.
    pub write_bandwidth: Option<u64>,
    /// The time in which these CPUs read from its memory, in nanoseconds. null: the firmware does not say.
    pub read_latency_ns: Option<u64>,
    /// The time in which these CPUs write to its memory, in nanoseconds. null: the firmware does not say.
    pub write_latency_ns: Option<u64>,
    /// Its weight for weighted interleaving. null: the kernel has none.
    pub interleave_weight: Option<u8>,
    /// Whether this process may allocate memory on it; of another machine, whether it has memory.
    pub allowed: bool,
}

/// What a node consists of.
#[derive(Serialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// CPUs and memory.
    CpusAndMemory,
    /// CPUs without memory.
    CpusOnly,
    /// Memory without CPUs that is faster than that of nodes with CPUs, such as HBM.
    FastMemory,
    /// Memory without CPUs of a dax device, such as CXL memory.
    DaxMemory,
    /// Other memory without CPUs.
    MemoryOnly,
    /// Neither CPUs nor memory: memory that is offline, or a device.
    Empty,
}

impl NodeKind {
    /// Returns the kind in a few characters.
    pub fn short(self) -> &'static str {
        match self {
            NodeKind::CpusAndMemory => "",
            NodeKind::CpusOnly => "no memory",
            NodeKind::FastMemory => "HBM",
            NodeKind::DaxMemory => "dax (CXL)",
            NodeKind::MemoryOnly => "memory only",
            NodeKind::Empty => "empty",
        }
    }
}

/// Says why all memory of a machine with memory-only nodes is in one tier; `has_rates`: whether the firmware gives bandwidths.
pub fn why_one_tier(has_rates: bool) -> &'static str {
    match has_rates {
        true => "the kernel does not use what the firmware says (Linux 6.12 does)",
        false => "the firmware says nothing about differences (no HMAT or CDAT)",
    }
}

/// Reads the topology of this machine, or of one whose files are below `root`.
pub fn read_topology(root: Option<&Path>) -> Result<Topology> {
    match root {
        None => Topology::read().context("cannot read the topology of this machine"),
        Some(root) => Topology::read_from_path(root)
            .context(format!("cannot read a machine from {}", root.display()))
            .map_err(|failure| {
                failure
                    .hint("it needs sys and proc as hwloc-gather-topology captures them, which belong to you or root")
            }),
    }
}

impl Machine {
    /// Reads a machine: see [`read_topology`].
    pub fn read(root: Option<&Path>) -> Result<Machine> {
        let topology = read_topology(root)?;
        if root.is_none() {
            require_sys()?;
        }
        let nodes: Vec<Node> = topology.nodes().into_iter().collect();
        Ok(Machine {
            root: root.map(|root| root.display().to_string()),
            distances: nodes.iter().map(|&from| distances(&topology, from, &nodes)).collect(),
            nodes: nodes.into_iter().map(|node| MachineNode::read(&topology, root, node)).collect(),
        })
    }
}

/// Fails if /sys is not mounted: the library takes such a machine for one node of which nothing is told.
fn require_sys() -> Result<()> {
    const FOLDER: &str = "/sys/devices/system";
    match Path::new(FOLDER).is_dir() {
        true => Ok(()),
        false => Err(Failure::new(format!("there is no {FOLDER}"))
            .hint("/sys may not be mounted; as root: mount -t sysfs sysfs /sys")),
    }
}

fn distances(topology: &Topology, from: Node, to: &[Node]) -> Vec<Option<u8>> {
    to.iter().map(|&to| topology.distance(from, to).map(|distance| distance.value())).collect()
}

impl MachineNode {
    fn read(topology: &Topology, root: Option<&Path>, node: Node) -> Self {
        let cpus = topology.cpus_of(node).unwrap_or_else(|_| CpuSet::new());
        let memory = topology.memory(node).ok();
        let attribute = |attribute| topology.attribute(node, None, attribute).ok();
        // The firmware's tables are in MB/s.
        let bandwidth = |which| attribute(which).map(|megabytes: u64| megabytes.saturating_mul(1_000_000));
        MachineNode {
            node: node.number(),
            cpu_count: cpus.len(),
            kind: kind_of(topology, node, cpus.is_empty()),
            cpus: cpus.to_string(),
            memory_bytes: memory.map(|memory| memory.total()),
            free_bytes: memory.map(|memory| memory.free()),
            tier: topology.tier_of(node).ok().map(|tier| tier.number()),
            initiators: initiators(root, node).map(|nodes| nodes.to_string()),
            read_bandwidth: bandwidth(Attribute::ReadBandwidth),
            write_bandwidth: bandwidth(Attribute::WriteBandwidth),
            read_latency_ns: attribute(Attribute::ReadLatency),
            write_latency_ns: attribute(Attribute::WriteLatency),
            interleave_weight: topology.interleave_weight(node).ok(),
            allowed: topology.allowed_nodes().contains(node),
        }
    }
}

/// Returns the nodes whose CPUs the attributes of a node are for, as the kernel links them.
fn initiators(root: Option<&Path>, node: Node) -> Option<NodeSet> {
    // Class 1 is that of CPUs; class 0 may be that of other devices.
    ["access1", "access0"].into_iter().find_map(|class| {
        let folder = format!("sys/devices/system/node/node{node}/{class}/initiators");
        let names = std::fs::read_dir(root.unwrap_or(Path::new("/")).join(folder)).ok()?;
        let nodes = names.filter_map(|name| name.ok()?.file_name().to_str()?.strip_prefix("node")?.parse().ok());
        Some(nodes.collect::<NodeSet>()).filter(|nodes| !nodes.is_empty())
    })
}

fn kind_of(topology: &Topology, node: Node, has_no_cpus: bool) -> NodeKind {
    let kind = topology.kind_of(node).ok();
    let has_cpus = kind.map_or(!has_no_cpus, |kind| kind.has_cpus());
    let has_memory = kind.map_or_else(|| topology.nodes_with_memory().contains(node), |kind| kind.has_memory());
    match (has_cpus, has_memory) {
        (true, true) => NodeKind::CpusAndMemory,
        (true, false) => NodeKind::CpusOnly,
        (false, false) => NodeKind::Empty,
        (false, true) if kind.is_some_and(|kind| kind.is_dax()) => NodeKind::DaxMemory,
        (false, true) if is_faster_than_nodes_with_cpus(topology, node) => NodeKind::FastMemory,
        (false, true) => NodeKind::MemoryOnly,
    }
}

/// Returns whether the memory of a node is in a faster tier than that of each node with CPUs, or, if all are in one tier, has more bandwidth.
fn is_faster_than_nodes_with_cpus(topology: &Topology, node: Node) -> bool {
    let with_cpus: Vec<Node> = topology
        .nodes_with_memory()
        .into_iter()
        .filter(|&other| topology.cpus_of(other).is_ok_and(|cpus| !cpus.is_empty()))
        .collect();
    let tier = |node| topology.tier_of(node).ok().map(|tier| tier.number());
    let bandwidth = |node| topology.attribute(node, None, Attribute::ReadBandwidth).ok();
    let is_faster = |other: &Node| match (tier(node), tier(*other)) {
        (Some(own), Some(other)) if own != other => own < other,
        _ => bandwidth(node) > bandwidth(*other) && bandwidth(*other).is_some(),
    };
    !with_cpus.is_empty() && with_cpus.iter().all(is_faster)
}

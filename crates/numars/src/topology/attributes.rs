//! The attributes of a node's memory: how large and how fast it is, as the kernel's files state it.

use super::KernelTopology;
use super::kernel_files::{is_there, node_path, number_after, open, read_number};
use crate::nodeset::NodeMask;
use crate::sys::errno;
use crate::sys::files::FixedPath;
use crate::sys::root::Root;
use core::ffi::c_int;

/// An attribute of the memory of a node. See [`Topology::attribute`](crate::Topology::attribute).
///
/// ```
/// use numars::{Attribute, Topology};
/// let topology = Topology::read()?;
/// for node in topology.nodes_with_memory() {
///     if let Ok(memory) = topology.memory(node) {
///         let capacity = topology.attribute(node, None, Attribute::Capacity);
///         println!("node {node}: {} bytes, {capacity:?} when read again", memory.total());
///     }
/// }
/// # Ok::<(), numars::Errno>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Attribute {
    /// All memory of the node, in bytes.
    Capacity,
    /// Memory that is free at this moment, in bytes.
    Free,
    /// Bandwidth of reads from the initiator, in MB/s.
    ReadBandwidth,
    /// Bandwidth of writes from the initiator, in MB/s.
    WriteBandwidth,
    /// Latency of reads from the initiator, in ns.
    ReadLatency,
    /// Latency of writes from the initiator, in ns.
    WriteLatency,
    /// Size of the cache in front of the memory, in bytes: that of the largest of several levels.
    MemorySideCache,
}

impl Attribute {
    /// Returns whether `value` is better than `other`: a latency that is lower, anything else that is higher.
    ///
    /// ```
    /// use numars::Attribute;
    /// assert!(Attribute::ReadLatency.is_better(80, 250));
    /// assert!(Attribute::ReadBandwidth.is_better(200, 100));
    /// ```
    pub fn is_better(self, value: u64, other: u64) -> bool {
        match self {
            Attribute::ReadLatency | Attribute::WriteLatency => value < other,
            _ => value > other,
        }
    }
}

impl KernelTopology<'_> {
    /// Reads an attribute of the memory of `node`. Bandwidth and latency are those that the kernel lists for an initiator, a node whose
    /// CPUs or devices access the memory; the other attributes do not depend on it.
    ///
    /// The kernel lists only the initiators that are nearest to a node. Without `initiator`, the value is theirs: among nodes with CPUs
    /// (`access1`) or, if there is none, among all (`access0`). Nothing is derived from distances or from other nodes.
    ///
    /// Errors are errnos: ENODEV if there is no such node, or no node `initiator`; ENODATA if the kernel has no value, lists a value of 0,
    /// which means that the firmware does not state it, or does not list `initiator` for this node; or that of open(2), such as EMFILE.
    ///
    /// ```
    /// use numars::for_c::sys::errno::{ENODATA, ENODEV};
    /// use numars::for_c::topology::KernelTopology;
    /// use numars::Attribute;
    /// let topology = KernelTopology::current();
    /// match topology.attribute(topology.max_node(), None, Attribute::ReadLatency) {
    ///     Ok(nanoseconds) => println!("reads take {nanoseconds} ns from the nearest CPUs"),
    ///     Err(error) => assert_eq!(error, ENODATA, "most firmware does not state it"),
    /// }
    /// assert_eq!(topology.attribute(usize::MAX, None, Attribute::Capacity), Err(ENODEV));
    /// ```
    pub fn attribute(&self, node: usize, initiator: Option<usize>, attribute: Attribute) -> Result<u64, c_int> {
        if !self.has_node(node) || initiator.is_some_and(|initiator| !self.has_node(initiator)) {
            return Err(errno::ENODEV);
        }
        let file = match attribute {
            Attribute::Capacity | Attribute::Free => {
                let memory = self.memory_of_node(node).map_err(|error| match error {
                    errno::ENOENT => errno::ENODATA,
                    error => error,
                })?;
                return Ok(if attribute == Attribute::Free { memory.free } else { memory.total });
            }
            Attribute::MemorySideCache => return largest_cache(self.root(), node),
            Attribute::ReadBandwidth => b"read_bandwidth".as_slice(),
            Attribute::WriteBandwidth => b"write_bandwidth",
            Attribute::ReadLatency => b"read_latency",
            Attribute::WriteLatency => b"write_latency",
        };
        for mut path in initiators(self.root(), node) {
            if !initiator.map_or(Ok(true), |initiator| lists(&path, initiator))? {
                continue;
            }
            match read_number(path.text(file)) {
                Ok(0) | Err(errno::ENODATA) => {}
                result => return result,
            }
        }
        Err(errno::ENODATA)
    }

    /// Returns the nodes whose memory has the best value of an attribute: the lowest latency, or the highest value of any other. With
    /// `initiator`, only nodes are considered for which the kernel lists it; without, all nodes, each by its nearest initiators.
    ///
    /// Errors are errnos: ENODEV if there is no node `initiator`; ENODATA if the kernel has no value for any of the nodes; or that of
    /// open(2), such as EMFILE.
    ///
    /// ```
    /// use numars::for_c::topology::KernelTopology;
    /// use numars::Attribute;
    /// let topology = KernelTopology::current();
    /// let largest = topology.best_nodes(None, Attribute::Capacity).unwrap();
    /// assert!(!largest.bits().as_bits().is_empty());
    /// ```
    pub fn best_nodes(&self, initiator: Option<usize>, attribute: Attribute) -> Result<NodeMask, c_int> {
        if initiator.is_some_and(|initiator| !self.has_node(initiator)) {
            return Err(errno::ENODEV);
        }
        let (nodes, best, mut best_value) = (self.nodes(), NodeMask::new(), None);
        for node in nodes.bits().as_bits().iter() {
            if !initiator.map_or(Ok(true), |initiator| is_listed(self.root(), node, initiator))? {
                continue;
            }
            let value = match self.attribute(node, initiator, attribute) {
                Ok(value) => value,
                Err(errno::ENODATA) => continue,
                Err(error) => return Err(error),
            };
            if best_value.is_none_or(|best| attribute.is_better(value, best)) {
                best.bits().fill(false);
                best_value = Some(value);
            }
            if best_value == Some(value) {
                best.bits().set(node);
            }
        }
        best_value.map(|_| best).ok_or(errno::ENODATA)
    }
}

/// Returns the two directories that describe accesses to a node by its initiators: first from nodes with CPUs, then from any.
fn initiators(root: Root, node: usize) -> [FixedPath; 2] {
    [b"access1/initiators/", b"access0/initiators/"].map(|directory| node_path(root, node, directory))
}

/// Returns whether one of these directories lists an initiator. Errors are errnos.
fn lists(directory: &FixedPath, initiator: usize) -> Result<bool, c_int> {
    is_there(directory.clone().text(b"node").decimal(initiator))
}

/// Returns whether the kernel lists an initiator for a node. Errors are errnos.
fn is_listed(root: Root, node: usize, initiator: usize) -> Result<bool, c_int> {
    let [cpus, any] = initiators(root, node);
    Ok(lists(&cpus, initiator)? || lists(&any, initiator)?)
}

/// Returns the size of the largest level of a node's memory-side cache. Levels include each other, so that their sum would say nothing.
fn largest_cache(root: Root, node: usize) -> Result<u64, c_int> {
    let path = node_path(root, node, b"memory_side_cache");
    let (mut largest, mut error) = (0, None);
    open(&path)?.for_each_name(&mut |name| {
        if number_after(b"index", name).is_some() {
            match read_number(path.clone().text(b"/").text(name).text(b"/size")) {
                Ok(size) => largest = largest.max(size),
                Err(errno::ENODATA) => {}
                Err(failed) => error = Some(failed),
            }
        }
        error.is_none()
    });
    match error {
        Some(error) => Err(error),
        None if largest == 0 => Err(errno::ENODATA),
        None => Ok(largest),
    }
}

//! What kind of node a node is: with CPUs, with memory, with memory of a dax device.

use super::KernelTopology;
use super::devices::is_dax;
use super::words::contains;
use crate::nodeset::NodeMask;
use crate::sys::errno;
use core::ffi::c_int;

/// What a node has. See [`Topology::kind_of`](crate::Topology::kind_of).
///
/// ```
/// use numars::Topology;
/// let topology = Topology::read()?;
/// for node in topology.nodes() {
///     if let Ok(kind) = topology.kind_of(node) {
///         assert_eq!(kind.has_cpus(), !topology.cpus_of(node)?.is_empty());
///         assert_eq!(kind.has_memory(), topology.nodes_with_memory().contains(node));
///         println!("node {node}: {}", if kind.is_dax() { "memory of a dax device" } else { "other memory" });
///     }
/// }
/// # Ok::<(), numars::Errno>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeKind {
    pub(super) has_cpus: bool,
    pub(super) has_memory: bool,
    pub(super) is_dax: bool,
}

impl NodeKind {
    /// Returns whether the node has CPUs that are online.
    pub fn has_cpus(&self) -> bool {
        self.has_cpus
    }

    /// Returns whether the node has memory.
    pub fn has_memory(&self) -> bool {
        self.has_memory
    }

    /// Returns whether the node is that of the memory of a dax device, as CXL memory, persistent memory and HBM are: a file target_node below
    /// /sys/bus/dax/devices names it.
    pub fn is_dax(&self) -> bool {
        self.is_dax
    }
}

impl KernelTopology<'_> {
    /// Returns what a node has: CPUs and memory as of this topology, and dax devices as of now.
    ///
    /// Errors are errnos: ENODEV if there is no such node; ENODATA if its CPUs could not be read; or that of open(2), such as EMFILE.
    ///
    /// ```
    /// use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// for node in topology.nodes_with_memory().bits().as_bits().iter() {
    ///     assert!(topology.kind_of_node(node).is_ok_and(|kind| kind.has_memory()));
    /// }
    /// ```
    pub fn kind_of_node(&self, node: usize) -> Result<NodeKind, c_int> {
        if !self.has_node(node) {
            return Err(errno::ENODEV);
        }
        let has_cpus = self.has_cpus(node);
        if !has_cpus && !self.has_all_cpus() {
            return Err(errno::ENODATA);
        }
        Ok(NodeKind {
            has_cpus,
            has_memory: contains(&self.lists.with_memory, node),
            is_dax: is_dax(self.root(), node)?,
        })
    }

    fn has_cpus(&self, node: usize) -> bool {
        self.cpu_words_of_node(node).iter().any(|&word| word != 0)
    }

    /// Returns the nodes that have CPUs, or those that have memory and no CPUs; `None` if there are none, or CPUs could not be read.
    pub(super) fn nodes_by_cpus(&self, with_cpus: bool) -> Option<NodeMask> {
        if !self.has_all_cpus() {
            return None;
        }
        let (nodes, found) = (self.nodes(), NodeMask::new());
        for node in nodes.bits().as_bits().iter() {
            let has_cpus = self.has_cpus(node);
            if if with_cpus { has_cpus } else { !has_cpus && contains(&self.lists.with_memory, node) } {
                found.bits().set(node);
            }
        }
        (!found.bits().as_bits().is_empty()).then_some(found)
    }
}

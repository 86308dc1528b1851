//! What is read from files at each call: memory, attributes, kinds and weights of nodes, and nodes by name.

use super::Topology;
use super::attributes::Attribute;
use super::device_error::DeviceError;
use super::kinds::NodeKind;
use super::memory::NodeMemory;
use crate::nodestring::NamedNodes;
use crate::sys::errno::{ENODATA, ENODEV, ENOENT, Errno};
use crate::text::with_c_string;
use crate::{Node, NodeSet};

/// Sets the weight of a node of this machine, for all processes: how many pages in a row weighted interleaving allocates on it. Allocations
/// from now on use it. Since Linux 6.16, the kernel stops deriving the weights of all nodes from their bandwidths.
///
/// # Errors
/// ENODEV if there is no such node; EINVAL if `weight` is 0; EOPNOTSUPP if the kernel has no weight for the node, as before Linux 6.9; or that of
/// open(2) or write(2), such as EACCES.
///
/// ```no_run
/// use numars::{Node, set_interleave_weight};
/// // Five pages on node 0 for one on node 2.
/// set_interleave_weight(Node::new(0).unwrap(), 5)?;
/// set_interleave_weight(Node::new(2).unwrap(), 1)?;
/// # Ok::<(), numars::Errno>(())
/// ```
pub fn set_interleave_weight(node: Node, weight: u8) -> Result<(), Errno> {
    super::weights::set_weight_of_node(node.number(), weight).map_err(Errno)
}

impl Topology {
    /// Reads how much memory a node has, and how much of it is free.
    ///
    /// # Errors
    /// ENODEV if there is no such node; ENODATA if the kernel does not say it; or that of open(2), such as EMFILE.
    ///
    /// ```
    /// use numars::{Errno, Node, Topology};
    /// let topology = Topology::read()?;
    /// for node in topology.nodes_with_memory() {
    ///     match topology.memory(node) {
    ///         Ok(memory) => println!("node {node}: {} of {} bytes are free", memory.free(), memory.total()),
    ///         Err(error) => println!("node {node}: {error}"),
    ///     }
    /// }
    /// if !topology.nodes().contains(Node::MAX) {
    ///     assert_eq!(topology.memory(Node::MAX), Err(Errno::ENODEV));
    /// }
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn memory(&self, node: Node) -> Result<NodeMemory, Errno> {
        if !self.kernel().has_node(node.number()) {
            return Err(Errno(ENODEV));
        }
        self.kernel().memory_of_node(node.number()).map_err(|error| match error {
            ENOENT => Errno(ENODATA),
            error => Errno(error),
        })
    }

    /// Reads an attribute of the memory of `node`. Bandwidth and latency are those that the kernel lists for an initiator, a node whose
    /// CPUs or devices access the memory; the other attributes do not depend on it.
    ///
    /// The kernel lists only the initiators that are nearest to a node. Without `initiator`, the value is theirs: among nodes with CPUs
    /// (`access1`) or, if there is none, among all (`access0`). Nothing is derived from distances or from other nodes.
    ///
    /// # Errors
    /// ENODEV if there is no such node, or no node `initiator`; ENODATA if the kernel has no value, lists a value of 0, which means that the
    /// firmware does not state it, or does not list `initiator` for this node; or that of open(2), such as EMFILE.
    ///
    /// ```
    /// use numars::{Attribute, Errno, Topology};
    /// let topology = Topology::read()?;
    /// for node in topology.nodes_with_memory() {
    ///     match topology.attribute(node, None, Attribute::ReadLatency) {
    ///         Ok(nanoseconds) => println!("reads from node {node} take {nanoseconds} ns from the nearest CPUs"),
    ///         Err(error) => assert_eq!(error, Errno::ENODATA, "most firmware does not state it"),
    ///     }
    /// }
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn attribute(&self, node: Node, initiator: Option<Node>, attribute: Attribute) -> Result<u64, Errno> {
        self.kernel().attribute(node.number(), initiator.map(Node::number), attribute).map_err(Errno)
    }

    /// Returns the nodes whose memory has the best value of an attribute: the lowest latency, or the highest value of any other. With
    /// `initiator`, only nodes are considered for which the kernel lists it; without, all nodes, each by its nearest initiators.
    ///
    /// # Errors
    /// ENODEV if there is no node `initiator`; ENODATA if the kernel has no value for any of the nodes; or that of open(2), such as EMFILE.
    ///
    /// ```
    /// use numars::{Attribute, Topology};
    /// let topology = Topology::read()?;
    /// // The fastest memory for the CPUs of each node; where the firmware does not state it, that of the node itself.
    /// for node in topology.nodes() {
    ///     let fastest = topology.best_nodes(Some(node), Attribute::ReadBandwidth).unwrap_or(node.into());
    ///     assert!(!fastest.is_empty());
    /// }
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn best_nodes(&self, initiator: Option<Node>, attribute: Attribute) -> Result<NodeSet, Errno> {
        let nodes = self.kernel().best_nodes(initiator.map(Node::number), attribute).map_err(Errno)?;
        Ok(NodeSet::from_mask(&nodes))
    }

    /// Returns what a node has: CPUs and memory as of this topology, and dax devices as of now.
    ///
    /// # Errors
    /// ENODEV if there is no such node; ENODATA if its CPUs could not be read; or that of open(2), such as EMFILE.
    ///
    /// ```
    /// use numars::Topology;
    /// let topology = Topology::read()?;
    /// for node in topology.nodes_with_memory() {
    ///     if topology.kind_of(node).is_ok_and(|kind| !kind.has_cpus()) {
    ///         println!("node {node} is memory without CPUs, such as CXL memory");
    ///     }
    /// }
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn kind_of(&self, node: Node) -> Result<NodeKind, Errno> {
        self.kernel().kind_of_node(node.number()).map_err(Errno)
    }

    /// Reads the weight of a node: how many pages in a row weighted interleaving allocates on it, 1 to 255 (Linux 6.9).
    ///
    /// # Errors
    /// ENODEV if there is no such node; ENODATA if the kernel has no weight for it, as before Linux 6.9; or that of open(2), such as EMFILE.
    ///
    /// ```
    /// use numars::{Errno, Node, Topology};
    /// let topology = Topology::read()?;
    /// let weight = topology.interleave_weight(topology.nodes().first().unwrap_or(Node::MAX));
    /// assert!(weight.is_ok_and(|weight| weight >= 1) || weight == Err(Errno::ENODATA));
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn interleave_weight(&self, node: Node) -> Result<u8, Errno> {
        self.kernel().interleave_weight(node.number()).map_err(Errno)
    }

    /// Looks up the node of a device, which is written as in the lists of numactl(8): `netdev:eth0`, `block:sda`, `file:/var/lib`,
    /// `pci:0000:00:1f.2`, `ip:192.0.2.1`; also `drm:card0`, and `dax:dax0.0` for the node of the memory of a dax device. The node need not
    /// exist: that of a dax device comes online with the memory. `device` is text, or the bytes of a path that is not UTF-8.
    ///
    /// `ip:` calls getaddrinfo(3), which allocates memory, takes locks, and may ask a name server, for seconds: do not use it in a signal handler.
    ///
    /// # Errors
    /// [`DeviceError::NotAName`] if `device` does not begin with one of these words, has a NUL, or is longer than a path may be (4,096 bytes);
    /// [`DeviceError::OtherMachine`] for `file:` and `ip:` if the topology was [read from files](Topology::read_from) of another machine; others say
    /// why the node is unknown.
    ///
    /// ```
    /// use numars::{DeviceError, DeviceKind, Topology};
    /// let topology = Topology::read()?;
    /// let node = topology.node_of_device("netdev:none");
    /// assert_eq!(node, Err(DeviceError::NoNode(DeviceKind::Network)));
    /// assert_eq!(topology.node_of_device("0-3"), Err(DeviceError::NotAName));
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn node_of_device(&self, device: impl AsRef<[u8]>) -> Result<Node, DeviceError> {
        with_c_string(device.as_ref(), |device| {
            let (_, node) = self.kernel().node_of_device(device).ok_or(DeviceError::NotAName)?;
            Node::new(node?).ok_or(DeviceError::NoNodes)
        })
        .unwrap_or(Err(DeviceError::NotAName))
    }

    /// Looks up the nodes of a name: a device, as for [`Topology::node_of_device`], or one of these:
    ///
    /// | name | nodes |
    /// |---|---|
    /// | `tier:4` | those of this memory tier |
    /// | `fastest`, `slowest` | those of the tier with the lowest or the highest number |
    /// | `cpus` | those with CPUs |
    /// | `memory-only` | those with memory and without CPUs |
    ///
    /// # Errors
    /// [`DeviceError::NotAName`] if `name` is none of these; others, as for [`Topology::node_of_device`], say why the nodes are unknown.
    ///
    /// ```
    /// use numars::{DeviceError, Topology};
    /// match Topology::read()?.nodes_by_name("fastest") {
    ///     Ok(nodes) => println!("the fastest memory is on nodes {nodes}"),
    ///     Err(error) => assert_eq!(error, DeviceError::NoTier),
    /// }
    /// assert_eq!(Topology::read()?.nodes_by_name("0-3"), Err(DeviceError::NotAName));
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn nodes_by_name(&self, name: impl AsRef<[u8]>) -> Result<NodeSet, DeviceError> {
        with_c_string(name.as_ref(), |name| match self.kernel().nodes_by_name(name).ok_or(DeviceError::NotAName)?.1? {
            NamedNodes::One(node) => Node::new(node).map(NodeSet::from).ok_or(DeviceError::NoNodes),
            NamedNodes::Several(nodes) => Ok(NodeSet::from_mask(&nodes)),
        })
        .unwrap_or(Err(DeviceError::NotAName))
    }
}

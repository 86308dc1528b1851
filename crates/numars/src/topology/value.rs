//! The nodes and CPUs of a machine, as an immutable value.

use super::cpu_map::CpuMap;
use super::distances::Distances;
use super::node_lists::NodeLists;
use super::words::{contains, for_each_bit, highest, same, weight};
use crate::bitmask::{Bits, BitsMut, Word};
use crate::nodeset::{CpuMask, NodeMask};
use crate::sys::root::Root;

/// The nodes and CPUs of a machine, and which of them a task may use, as they were when the files of /proc and /sys were read.
///
/// [`KernelTopology::current`] returns that of this process. A [`Topology`](crate::Topology) has one of its own.
///
/// ```
/// use numars::for_c::topology::KernelTopology;
/// let topology = KernelTopology::current();
/// for node in topology.nodes().bits().as_bits().iter() {
///     let cpus = topology.cpus_of_node(node);
///     println!("node {node} has {} CPUs", cpus.bits().as_bits().weight());
/// }
/// ```
pub struct KernelTopology<'a> {
    pub(super) lists: NodeLists,
    pub(super) max_node: usize,
    pub(super) allowed_nodes: usize,
    pub(super) nodes_with_memory: usize,
    /// The number of CPUs that the task may run on.
    pub(super) allowed_cpus: usize,
    /// The number of CPUs that the machine has, online or not; 0 if that was not read.
    pub(super) configured_cpus: usize,
    pub(super) cpu_map: CpuMap<'a>,
    /// What was read for a topology of its own. For the one of this process, it is read on demand.
    pub(super) standalone: Option<Standalone<'a>>,
}

/// What a topology of its own has beyond the one of this process.
pub(super) struct Standalone<'a> {
    pub(super) root: Root<'a>,
    /// The words of the set of the CPUs that the task may run on.
    pub(super) task_cpus: &'a [Word],
    pub(super) possible_nodes: usize,
    pub(super) possible_cpus: usize,
    pub(super) distances: Distances<'a>,
}

impl KernelTopology<'static> {
    /// A topology of which nothing was read: node 0 has memory and one CPU that the task may run on.
    pub(super) const UNKNOWN: Self = KernelTopology {
        lists: NodeLists::ONLY_NODE_0,
        max_node: 0,
        allowed_nodes: 1,
        nodes_with_memory: 1,
        allowed_cpus: 1,
        configured_cpus: 0,
        cpu_map: CpuMap::UNKNOWN,
        standalone: None,
    };

    /// Returns a topology with these nodes and without CPUs.
    #[inline(always)]
    pub(super) fn with_nodes(lists: NodeLists) -> Self {
        KernelTopology {
            max_node: highest(&lists.existing),
            allowed_nodes: weight(&lists.allowed),
            nodes_with_memory: weight(&lists.with_memory),
            lists,
            allowed_cpus: 0,
            configured_cpus: 0,
            cpu_map: CpuMap::UNKNOWN,
            standalone: None,
        }
    }
}

impl KernelTopology<'_> {
    /// Returns the nodes that exist, with memory or without.
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// assert!(topology.nodes().bits().as_bits().contains(topology.max_node()));
    /// ```
    pub fn nodes(&self) -> NodeMask {
        NodeMask::from(self.lists.existing)
    }

    /// Returns whether a node exists.
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// assert!(topology.has_node(topology.max_node()) && !topology.has_node(usize::MAX));
    /// ```
    pub fn has_node(&self, node: usize) -> bool {
        contains(&self.lists.existing, node)
    }

    /// Returns the highest node that exists.
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// assert_eq!(topology.nodes().bits().as_bits().highest(), Some(topology.max_node()));
    /// ```
    #[inline]
    pub fn max_node(&self) -> usize {
        self.max_node
    }

    /// Returns the nodes that have memory.
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// assert_eq!(topology.nodes_with_memory().bits().as_bits().weight(), topology.configured_nodes());
    /// ```
    pub fn nodes_with_memory(&self) -> NodeMask {
        NodeMask::from(self.lists.with_memory)
    }

    /// Returns the number of nodes that have memory, as numa_num_configured_nodes() of numa(3).
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// assert!(topology.configured_nodes() >= 1);
    /// ```
    #[inline]
    pub fn configured_nodes(&self) -> usize {
        self.nodes_with_memory
    }

    /// Returns the nodes that the task may allocate on: as at its start, and those that a system call has shown since. Of another
    /// machine, those that its file /proc/self/status lists, or else all with memory.
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// assert_eq!(topology.allowed_nodes().bits().as_bits().weight(), topology.count_allowed_nodes());
    /// ```
    pub fn allowed_nodes(&self) -> NodeMask {
        NodeMask::from(self.lists.allowed)
    }

    /// Returns the number of nodes that the task may allocate on.
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// assert!(topology.count_allowed_nodes() >= 1);
    /// ```
    #[inline]
    pub fn count_allowed_nodes(&self) -> usize {
        self.allowed_nodes
    }

    /// Returns the number of CPUs that the task may run on: as at its start, and those that a system call has shown since. Of another
    /// machine, all that a node has.
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// assert_eq!(topology.count_allowed_cpus(), topology.allowed_cpus().bits().as_bits().weight());
    /// ```
    #[inline]
    pub fn count_allowed_cpus(&self) -> usize {
        self.allowed_cpus
    }

    /// Returns whether the CPUs of all nodes could be read.
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// if topology.has_all_cpus() {
    ///     assert!(topology.node_of_cpu(0).is_some());
    /// }
    /// ```
    pub fn has_all_cpus(&self) -> bool {
        self.cpu_map.is_complete
    }

    /// Returns the node of a CPU: the first of several that have it; `None` if no node has it.
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// let cpu = topology.allowed_cpus().bits().as_bits().iter().next().unwrap();
    /// assert!(topology.node_of_cpu(cpu).is_some());
    /// assert_eq!(topology.node_of_cpu(usize::MAX), None);
    /// ```
    #[inline(always)]
    pub fn node_of_cpu(&self, cpu: usize) -> Option<usize> {
        self.cpu_map.node_of_cpu(cpu)
    }

    /// Returns the CPUs of a node; an empty set if there is no such node.
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// assert!(topology.cpus_of_node(usize::MAX).bits().as_bits().is_empty());
    /// ```
    pub fn cpus_of_node(&self, node: usize) -> CpuMask {
        self.cpus_of_nodes(NodeMask::single(node).bits().as_bits())
    }

    /// Returns the words of the set of the CPUs of a node; an empty slice if there is no such node. [`for_each_bit`] iterates over them.
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// numars::for_c::topology::for_each_bit(topology.cpu_words_of_node(0), |cpu| println!("CPU {cpu}"));
    /// ```
    pub fn cpu_words_of_node(&self, node: usize) -> &[Word] {
        self.cpu_map.cpus_of_node(&self.lists.existing, node)
    }

    /// Returns the CPUs of `nodes`.
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// let cpus = topology.cpus_of_nodes(topology.nodes().bits().as_bits());
    /// assert!(!cpus.bits().as_bits().is_empty());
    /// ```
    pub fn cpus_of_nodes(&self, nodes: Bits) -> CpuMask {
        let cpus = CpuMask::new();
        self.add_cpus_of_nodes(nodes, cpus.bits());
        cpus
    }

    /// Adds the CPUs of `nodes` to `cpus`.
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// let cpus = numars::for_c::nodeset::CpuMask::new();
    /// topology.add_cpus_of_nodes(topology.allowed_nodes().bits().as_bits(), cpus.bits());
    /// ```
    pub fn add_cpus_of_nodes(&self, nodes: Bits, cpus: BitsMut) {
        for node in nodes.iter() {
            for_each_bit(self.cpu_words_of_node(node), |cpu| cpus.set(cpu));
        }
    }

    /// Adds those of `nodes` to `usable` that the task may not allocate on but that have a CPU of `task_cpus`, or neither memory nor
    /// CPUs. Of the nodes that it may allocate on, the program itself says which may be named.
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// let (usable, cpus) = (topology.allowed_nodes(), topology.allowed_cpus());
    /// topology.add_usable_nodes(topology.nodes().bits().as_bits(), cpus.bits().as_bits(), usable.bits());
    /// ```
    pub fn add_usable_nodes(&self, nodes: Bits, task_cpus: Bits, usable: BitsMut) {
        for node in nodes.iter().filter(|&node| !contains(&self.lists.allowed, node)) {
            let (mut any, mut runs) = (false, false);
            for_each_bit(self.cpu_words_of_node(node), |cpu| {
                any = true;
                runs |= task_cpus.contains(cpu);
            });
            if runs || !any && !contains(&self.lists.with_memory, node) {
                usable.set(node);
            }
        }
    }

    /// Returns whether both have the same contents, whenever they were read.
    pub(super) fn is_same_as(&self, other: &KernelTopology) -> bool {
        same(&self.lists.existing, &other.lists.existing)
            && same(&self.lists.with_memory, &other.lists.with_memory)
            && same(&self.lists.allowed, &other.lists.allowed)
            && self.allowed_cpus == other.allowed_cpus
            && self.configured_cpus == other.configured_cpus
            && self.cpu_map.is_same_as(&other.cpu_map)
    }
}

//! A machine's topology as a value of its own.

use super::standalone::Outline;
use super::value::KernelTopology;
use crate::list_format;
use crate::sys::errno::{EINVAL, ENAMETOOLONG, ENOENT, Errno};
use crate::sys::files;
use crate::sys::root::Root;
use crate::sys::shared::{Covariant, Shared};
use crate::sys::snapshot::{InMemory, for_any_lifetime};
use crate::text::with_c_string;
use crate::{Cpu, CpuSet, Node, NodeSet};
use core::fmt;

/// The nodes and CPUs of a machine, and which of them the calling thread may use, as they were when its files were read.
///
/// A topology does not change: [read](Topology::read) it again to see nodes and CPUs that came online or a cpuset that was changed. It
/// lies in memory that is mapped for it and that its clones share, so that cloning only increments a reference count.
/// What changes at any time is read at each call: [memory](Topology::memory), [tiers](Topology::tiers) and
/// [attributes](Topology::attribute) of nodes, weights, and [devices](Topology::node_of_device).
///
/// References: sysfs(5), cpuset(7), Documentation/admin-guide/mm/numaperf.rst in the kernel sources.
///
/// ```
/// use numars::Topology;
/// let topology = Topology::read()?;
/// for node in topology.nodes() {
///     println!("node {node} has CPUs {}", topology.cpus_of(node)?);
///     for near in topology.nodes_by_distance(node).take(3) {
///         println!("memory of node {near} is near");
///     }
/// }
/// # Ok::<(), numars::Errno>(())
/// ```
#[derive(Clone)]
pub struct Topology(Shared<TopologyFamily>);

struct TopologyFamily;
impl InMemory for TopologyFamily {
    type Value<'a> = KernelTopology<'a>;
}
impl Covariant for TopologyFamily {
    fn shorten<'short, 'long: 'short>(value: &'short KernelTopology<'long>) -> &'short KernelTopology<'short> {
        value
    }
}

impl Topology {
    /// Reads the topology of this process's machine.
    ///
    /// This takes two files for each node. A file that is missing or may not be read is made up for as far as possible: a machine that lists no
    /// nodes has node 0.
    ///
    /// # Errors
    /// ENOMEM if there is no memory; EMFILE or ENFILE if no more files can be opened.
    ///
    /// ```
    /// use numars::{Cpu, Topology};
    /// let topology = Topology::read()?;
    /// if let Some(node) = Cpu::current().and_then(|cpu| topology.node_of_cpu(cpu)) {
    ///     println!("this runs on node {node}");
    /// }
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn read() -> Result<Topology, Errno> {
        Topology::of(Root::of_process())
    }

    /// Reads the topology of a machine whose files of /proc and /sys are below `directory`, such as those that hwloc's
    /// hwloc-gather-topology captures. All its CPUs count as allowed.
    ///
    /// The directory and each file must belong to root or to the effective user, and not be writable by everyone; other files count as missing.
    ///
    /// # Errors
    /// ENOENT if there is no `sys/devices/system` below `directory`, or another error of open(2); ENAMETOOLONG or EINVAL if `directory` is longer than a
    /// path may be (4,096 bytes) or has a NUL; ENOMEM, EMFILE and ENFILE as for [`Topology::read`].
    ///
    /// ```
    /// use numars::{Cpu, Node, Topology};
    /// # let root = std::env::temp_dir().join(format!("numars-example-{}", std::process::id()));
    /// // Two nodes with a CPU each.
    /// for (node, distances) in [(0, "10 21\n"), (1, "21 10\n")] {
    ///     let directory = root.join(format!("sys/devices/system/node/node{node}"));
    ///     std::fs::create_dir_all(&directory)?;
    ///     std::fs::write(directory.join("cpumap"), format!("{:x}\n", 1 << node))?;
    ///     std::fs::write(directory.join("distance"), distances)?;
    /// }
    /// std::fs::write(root.join("sys/devices/system/node/online"), "0-1\n")?;
    ///
    /// let machine = Topology::read_from(root.to_str().unwrap())?;
    /// let [node0, node1] = [0, 1].map(|number| Node::new(number).unwrap());
    /// assert_eq!(machine.node_of_cpu(Cpu::new(1).unwrap()), Some(node1));
    /// assert_eq!(machine.distance(node0, node1).unwrap().value(), 21);
    /// # std::fs::remove_dir_all(&root)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_from(directory: impl AsRef<[u8]>) -> Result<Topology, Errno> {
        let directory = directory.as_ref();
        let read = with_c_string(directory, |directory| match Root::at(directory) {
            Some(root) => Topology::of(root),
            None => Err(Errno(files::error_of_opening(directory).unwrap_or(ENOENT))),
        });
        read.unwrap_or(Err(Errno(if directory.contains(&0) { EINVAL } else { ENAMETOOLONG })))
    }

    /// Reads the topology of a machine as [`Topology::read_from`].
    ///
    /// # Errors
    /// As [`Topology::read_from`]; [`InvalidInput`](std::io::ErrorKind::InvalidInput) if the path contains a NUL.
    ///
    /// ```
    /// let error = numars::Topology::read_from_path("/there is no such directory").unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    /// ```
    #[cfg(feature = "std")]
    pub fn read_from_path(directory: impl AsRef<std::path::Path>) -> std::io::Result<Topology> {
        use std::os::unix::ffi::OsStrExt;
        Ok(Topology::read_from(directory.as_ref().as_os_str().as_bytes())?)
    }

    fn of(root: Root) -> Result<Topology, Errno> {
        let (outline, mut is_whole) = (Outline::read(root), false);
        let build = for_any_lifetime::<TopologyFamily, _>(|arena| {
            let topology;
            (topology, is_whole) = outline.fill_in(arena);
            topology
        });
        let topology = Topology(Shared::<TopologyFamily>::new(outline.bytes(), build)?);
        if is_whole {
            return Ok(topology);
        }
        files::shortage().map_or(Ok(topology), |error| Err(Errno(error)))
    }

    /// Returns the topology that libnumars works with.
    pub(crate) fn kernel(&self) -> &KernelTopology<'_> {
        self.0.get()
    }

    /// Returns the nodes that exist, with memory or without.
    ///
    /// ```
    /// use numars::Topology;
    /// let topology = Topology::read()?;
    /// assert!(topology.allowed_nodes().is_subset(&topology.nodes()));
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn nodes(&self) -> NodeSet {
        NodeSet::from_mask(&self.kernel().nodes())
    }

    /// Returns the nodes that have memory.
    ///
    /// ```
    /// use numars::Topology;
    /// let topology = Topology::read()?;
    /// assert!(topology.nodes_with_memory().is_subset(&topology.nodes()));
    /// println!("nodes without memory: {}", topology.nodes() - topology.nodes_with_memory());
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn nodes_with_memory(&self) -> NodeSet {
        NodeSet::from_mask(&self.kernel().nodes_with_memory())
    }

    /// Returns the nodes that the calling thread was allowed to allocate memory on: those of get_mempolicy(2) (MPOL_F_MEMS_ALLOWED) or, where
    /// a container forbids that, of Mems_allowed_list in /proc/self/status. Of another machine, those that its /proc/self/status lists, or else
    /// all with memory.
    ///
    /// ```
    /// assert!(!numars::Topology::read()?.allowed_nodes().is_empty());
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn allowed_nodes(&self) -> NodeSet {
        NodeSet::from_mask(&self.kernel().allowed_nodes())
    }

    /// Returns the CPUs that nodes have, which are those that are online.
    ///
    /// # Errors
    /// ENOMEM if memory for CPUs from 1,024 on cannot be mapped, as for [`CpuSet::try_insert`]. This applies to every
    /// function that returns a `CpuSet`.
    ///
    /// ```
    /// use numars::Topology;
    /// let topology = Topology::read()?;
    /// assert_eq!(topology.cpus()?, topology.cpus_of_nodes(&topology.nodes())?);
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn cpus(&self) -> Result<CpuSet, Errno> {
        let mut cpus = CpuSet::new();
        for row in self.kernel().cpu_map.rows() {
            cpus.try_add_words(row.iter().copied())?;
        }
        Ok(cpus)
    }

    /// Returns the CPUs that the calling thread was allowed to run on: those of sched_getaffinity(2). Of another machine, all that nodes have.
    ///
    /// # Errors
    /// As [`Topology::cpus`].
    ///
    /// ```
    /// assert!(!numars::Topology::read()?.allowed_cpus()?.is_empty());
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn allowed_cpus(&self) -> Result<CpuSet, Errno> {
        CpuSet::try_from_words(self.task_cpus().iter().copied())
    }

    fn task_cpus(&self) -> &[usize] {
        self.kernel().standalone.as_ref().map_or(&[], |standalone| standalone.task_cpus)
    }

    /// Returns the CPUs of a node, or an empty set if the node does not exist.
    ///
    /// # Errors
    /// As [`Topology::cpus`].
    ///
    /// ```
    /// use numars::{Node, Topology};
    /// let topology = Topology::read()?;
    /// for node in topology.nodes() {
    ///     assert!(topology.cpus_of(node)?.is_subset(&topology.cpus()?));
    /// }
    /// assert!(topology.cpus_of(Node::MAX)?.is_empty());
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn cpus_of(&self, node: Node) -> Result<CpuSet, Errno> {
        CpuSet::try_from_words(self.kernel().cpu_words_of_node(node.number()).iter().copied())
    }

    /// Returns the CPUs of several nodes.
    ///
    /// # Errors
    /// As [`Topology::cpus`].
    ///
    /// ```
    /// use numars::{NodeSet, Topology};
    /// assert!(Topology::read()?.cpus_of_nodes(&NodeSet::EMPTY)?.is_empty());
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn cpus_of_nodes(&self, nodes: &NodeSet) -> Result<CpuSet, Errno> {
        let mut cpus = CpuSet::new();
        for node in nodes {
            cpus.try_add_words(self.kernel().cpu_words_of_node(node.number()).iter().copied())?;
        }
        Ok(cpus)
    }

    /// Returns the node of a CPU: the first of several that have it; `None` if no node has it, because it is offline or does not exist.
    ///
    /// ```
    /// use numars::Topology;
    /// let topology = Topology::read()?;
    /// for cpu in &topology.cpus()? {
    ///     let node = topology.node_of_cpu(cpu).unwrap();
    ///     assert!(topology.cpus_of(node)?.contains(cpu));
    /// }
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn node_of_cpu(&self, cpu: Cpu) -> Option<Node> {
        self.kernel().node_of_cpu(cpu.number()).and_then(Node::new)
    }

    /// Returns whether the CPUs of all nodes could be read. If not, [`Topology::cpus`] and the like lack some.
    ///
    /// ```
    /// if !numars::Topology::read()?.has_all_cpus() {
    ///     println!("there may be more CPUs");
    /// }
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn has_all_cpus(&self) -> bool {
        self.kernel().has_all_cpus()
    }

    /// Returns how many nodes the kernel can have: the size of its node masks in bits, as numa_num_possible_nodes() of numa(3).
    ///
    /// ```
    /// use numars::Topology;
    /// let topology = Topology::read()?;
    /// assert!(topology.possible_nodes() > topology.nodes().last().unwrap().number());
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn possible_nodes(&self) -> usize {
        self.kernel().possible_nodes()
    }

    /// Returns how many CPUs the kernel can have: the size of its CPU masks in bits, as numa_num_possible_cpus() of numa(3).
    ///
    /// ```
    /// use numars::Topology;
    /// let topology = Topology::read()?;
    /// assert!(topology.possible_cpus() >= topology.allowed_cpus()?.len());
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn possible_cpus(&self) -> usize {
        self.kernel().possible_cpus()
    }

    /// Returns how many CPUs the machine has, online or not, as numa_num_configured_cpus() of numa(3).
    ///
    /// ```
    /// use numars::Topology;
    /// let topology = Topology::read()?;
    /// assert!(topology.configured_cpus() >= topology.allowed_cpus()?.len());
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn configured_cpus(&self) -> usize {
        self.kernel().configured_cpus()
    }
}

impl fmt::Debug for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topology")
            .field("nodes", &format_args!("{}", self.nodes()))
            .field("nodes_with_memory", &format_args!("{}", self.nodes_with_memory()))
            .field("allowed_nodes", &format_args!("{}", self.allowed_nodes()))
            .field("allowed_cpus", &List(self.task_cpus()))
            .finish_non_exhaustive()
    }
}

/// The words of a set, shown in the kernel's list format.
struct List<'a>(&'a [usize]);

impl fmt::Debug for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list_format::write(f, super::words::members(self.0))
    }
}

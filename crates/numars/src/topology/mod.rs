//! The nodes and CPUs of a machine: their number, distances and sizes, and which of them this task may use.
//!
//! A [`KernelTopology`] is an immutable value. [`KernelTopology::current`] returns that of this process, which is read once and again when the kernel
//! shows a node or CPU that it lacks ([`catch_up`]) or on request ([`update`]). A [`Topology`] has one of its own, of this machine or of another
//! whose files of /proc and /sys are below a directory.
//!
//! Nodes of different memory (CXL, HBM) are told apart by [`KernelTopology::attribute`], [`KernelTopology::tier_of_node`],
//! [`KernelTopology::interleave_weight`] and [`KernelTopology::kind_of_node`], which read files at each call.
//!
//! The functions of this module are about this process and its machine. If the environment variable NUMARS_FSROOT names a directory with
//! another machine's files when the first of them is called, that machine takes the place of the running one.
//!
//! Everything here may be called by several threads at the same time and in signal handlers, unless it says otherwise.

mod allowed;
mod attributes;
mod cpu_map;
mod current;
mod current_distances;
mod device_error;
mod devices;
mod distance;
mod distances;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod kernel_files;
mod kinds;
mod memory;
mod named_nodes;
mod node_lists;
mod owned;
mod parse;
pub(crate) mod queries;
mod shown;
mod standalone;
mod strings;
#[cfg(test)]
mod tests;
mod tier;
mod tiers;
mod value;
mod weights;
pub(crate) mod words;

use crate::nodeset::CpuMask;
use crate::sys::root::Root;
pub use allowed::{
    affinity_into, allowed_cpus, count_allowed_cpus, mems_allowed_into, possible_cpus, possible_nodes, query_nodemask,
};
pub use attributes::Attribute;
use core::ffi::{CStr, c_int};
use core::num::NonZeroU8;
pub use current::{cached, catch_up, configured_cpus, node_of_current_cpu, update};
pub use current_distances::distance;
pub use device_error::{DeviceError, DeviceKind};
pub use devices::DeviceLookup;
pub use distance::{Distance, NodesByDistance};
pub use kinds::NodeKind;
pub(crate) use memory::pmd_size;
pub use memory::{NodeMemory, huge_page_size};
pub use named_nodes::{NodesLookup, nodes_by_name};
pub use owned::Topology;
pub use parse::Field;
pub use shown::task_cpus;
pub use strings::ParseNodesError;
pub use tier::{Tier, Tiers};
pub use value::KernelTopology;
pub use weights::set_weight_of_node;
pub use words::for_each_bit;

impl KernelTopology<'static> {
    /// Returns the topology of this process's machine.
    ///
    /// The first call reads it. It stays as it is: a later call may return another one, after [`update`] or [`catch_up`], or if files
    /// could not be read at first because the process had too many open files.
    ///
    /// ```
    /// use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// let cpu = topology.allowed_cpus().bits().as_bits().iter().next().unwrap();
    /// let node = topology.node_of_cpu(cpu).unwrap();
    /// assert!(topology.cpus_of_node(node).bits().as_bits().contains(cpu));
    /// ```
    #[inline]
    pub fn current() -> &'static Self {
        current::topology()
    }
}

impl KernelTopology<'_> {
    /// Returns the root of the machine's files.
    fn root(&self) -> Root<'_> {
        match &self.standalone {
            Some(standalone) => standalone.root,
            None => Root::of_process(),
        }
    }

    /// Returns the CPUs that the task may run on: as at its start, and those that a system call has shown since. Of another machine,
    /// all that a node has.
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// assert!(!topology.allowed_cpus().bits().as_bits().is_empty());
    /// ```
    pub fn allowed_cpus(&self) -> CpuMask {
        let cpus = CpuMask::new();
        match &self.standalone {
            Some(standalone) => cpus.words().iter().zip(standalone.task_cpus).for_each(|(to, &word)| to.set(word)),
            None => cpus.words().iter().zip(task_cpus()).for_each(|(to, word)| to.set(word)),
        }
        cpus
    }

    /// Returns the number of CPUs that the machine has, online or not, as numa_num_configured_cpus() of numa(3).
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// assert!(topology.configured_cpus() >= topology.count_allowed_cpus());
    /// ```
    pub fn configured_cpus(&self) -> usize {
        match &self.standalone {
            Some(_) if self.configured_cpus == 0 => self.allowed_cpus,
            Some(_) => self.configured_cpus,
            None => configured_cpus(),
        }
    }

    /// Returns the size of the kernel's node mask in bits: see [`possible_nodes`].
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// assert!(topology.possible_nodes() > topology.max_node());
    /// ```
    pub fn possible_nodes(&self) -> usize {
        self.standalone.as_ref().map_or_else(possible_nodes, |standalone| standalone.possible_nodes)
    }

    /// Returns the size of the kernel's CPU mask in bits: see [`possible_cpus`].
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// assert!(topology.possible_cpus() >= topology.count_allowed_cpus());
    /// ```
    pub fn possible_cpus(&self) -> usize {
        self.standalone.as_ref().map_or_else(possible_cpus, |standalone| standalone.possible_cpus)
    }

    /// Returns the distance from one node to another as the firmware gives it, 10 for near; `None` if it is unknown.
    ///
    /// ```
    /// # use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// let node = topology.max_node();
    /// assert!([None, Some(10)].contains(&topology.distance(node, node)));
    /// ```
    pub fn distance(&self, from: usize, to: usize) -> Option<u8> {
        match &self.standalone {
            Some(standalone) => standalone.distances.between(from, to).map(NonZeroU8::get),
            None => distance(from, to),
        }
    }

    /// Reads the memory of a node. Errors are errnos: ENOENT if there is no such node, or that of open(2).
    ///
    /// ```
    /// use numars::for_c::topology::KernelTopology;
    /// let topology = KernelTopology::current();
    /// if let Ok(memory) = topology.memory_of_node(topology.max_node()) {
    ///     assert!(memory.free() <= memory.total());
    /// }
    /// ```
    pub fn memory_of_node(&self, node: usize) -> Result<NodeMemory, c_int> {
        NodeMemory::read(self.root(), node)
    }

    /// Looks up the node of a device, which is written as in the lists of numactl(8): `netdev:eth0`, `block:sda`, `file:/var/lib`,
    /// `pci:0000:00:1f.2`, `ip:192.0.2.1`; also `drm:card0`, and `dax:dax0.0` for the node of the memory of a dax device. Returns `None` if
    /// `device` does not begin with one of these words.
    ///
    /// ```
    /// use numars::for_c::topology::KernelTopology;
    /// use numars::{DeviceError, DeviceKind};
    /// let topology = KernelTopology::current();
    /// assert!(topology.node_of_device(c"0-3").is_none());
    /// let (name, node) = topology.node_of_device(c"netdev:none").unwrap();
    /// assert_eq!((name, node), (c"none", Err(DeviceError::NoNode(DeviceKind::Network))));
    /// ```
    pub fn node_of_device<'d>(&self, device: &'d CStr) -> DeviceLookup<'d> {
        // The C library takes the files below NUMARS_FSROOT for those of this machine.
        let is_own_machine = self.standalone.is_none() || self.root().is_running();
        devices::look_up(self.root(), is_own_machine, device)
    }
}

/// Reads the memory of a node of this process's machine. Errors are errnos: ENOENT if there is no such node, or that of open(2).
///
/// ```
/// assert!(numars::for_c::topology::memory_of_node(usize::MAX).is_err());
/// ```
pub fn memory_of_node(node: usize) -> Result<NodeMemory, c_int> {
    NodeMemory::read(Root::of_process(), node)
}

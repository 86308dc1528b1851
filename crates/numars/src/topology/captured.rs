//! The topology of a machine whose files are below a directory.

use super::allowed::{MemsAllowed, possible_cpus_of, read_configured_cpus};
use super::cpu_map::{CpuMap, Layout, Previous};
use super::distances::Distances;
use super::node_lists::{NodeLists, Sources, read_has_memory, read_online};
use super::value::{Captured, KernelTopology};
use crate::nodeset::{MAX_CPUS, NodeMask};
use crate::sys::errno;
use crate::sys::mapped::{Covariant, Mapped};
use crate::sys::root::Root;
use crate::sys::snapshot::{self, InMemory};
use core::ffi::{CStr, c_int};

/// A [`KernelTopology`] together with its memory, as [`KernelTopology::from_root`] returns it. The memory comes from mmap(2) and is freed on drop.
pub struct OwnedKernelTopology(Mapped<TopologyFamily>);

struct TopologyFamily;
impl InMemory for TopologyFamily {
    type Value<'a> = KernelTopology<'a>;
}
impl Covariant for TopologyFamily {
    fn shorten<'short, 'long: 'short>(value: &'short KernelTopology<'long>) -> &'short KernelTopology<'short> {
        value
    }
}

impl OwnedKernelTopology {
    /// Returns the topology.
    ///
    /// ```
    /// let machine = numars::topology::KernelTopology::from_root(c"/").unwrap();
    /// assert!(machine.as_topology().has_node(machine.as_topology().max_node()));
    /// ```
    pub fn as_topology(&self) -> &KernelTopology<'_> {
        self.0.get()
    }

    /// See [`KernelTopology::from_root`].
    pub(super) fn read(directory: &CStr) -> Result<Self, c_int> {
        let root = Root::at(directory).ok_or(errno::ENOENT)?;
        let allowed = MemsAllowed::read(root);
        let possible_nodes = allowed.possible_nodes(root).get();
        let online = read_online(root);
        let is_listed = online.is_some();
        let sources = Sources { online, has_memory: read_has_memory(root), mems_allowed: allowed.into_nodes() };
        let lists = sources.combine(possible_nodes);
        let possible_cpus = possible_cpus_of(root).get();
        let layout = Layout::of(&lists.existing, possible_cpus.min(MAX_CPUS));
        let nodes = NodeMask::from(lists.existing);
        let topology = KernelTopology::with_nodes(lists);
        let max_node = topology.max_node();
        let directory = directory.to_bytes_with_nul();
        let bytes = layout.bytes().saturating_add(Distances::bytes(max_node)).saturating_add(directory.len());
        let memory = Mapped::<TopologyFamily>::new(
            bytes,
            snapshot::for_any_lifetime::<TopologyFamily, _>(|arena| {
                let previous = Previous { existing: &NodeLists::ONLY_NODE_0.existing, cpu_map: &CpuMap::UNKNOWN };
                let cpu_map = layout.read(root, &lists.existing, is_listed, &previous, arena);
                let (distances, _) = Distances::read(root, nodes.bits().as_bits(), max_node, None, arena);
                let copy = arena.alloc_slice::<u8>(directory.len());
                copy.iter_mut().zip(directory).for_each(|(to, &byte)| *to = byte);
                let root = CStr::from_bytes_with_nul(copy).map_or(Root::RUNNING, |name| root.renamed(name));
                KernelTopology {
                    allowed_cpus: cpu_map.all_cpus().bits().as_bits().weight(),
                    configured_cpus: read_configured_cpus(root),
                    cpu_map,
                    captured: Some(Captured { root, possible_nodes, possible_cpus, distances }),
                    ..topology
                }
            }),
        );
        memory.map(OwnedKernelTopology).ok_or_else(errno::get)
    }
}

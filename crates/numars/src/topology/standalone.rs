//! Reads a machine at once, for a topology of its own.

use super::allowed::{
    MemsAllowed, mems_allowed_from_kernel, mems_allowed_from_status, possible_cpus, possible_cpus_of, possible_nodes,
    read_configured_cpus,
};
use super::cpu_map::{CpuMap, Layout, Previous};
use super::current::cpu_map_width;
use super::distances::Distances;
use super::node_lists::{NodeLists, Sources, non_empty, read_has_memory, read_online};
use super::value::{KernelTopology, Standalone};
use super::words::weight;
use crate::bitmask::Word;
use crate::nodeset::{MAX_CPUS, NodeMask};
use crate::sys::memory::Arena;
use crate::sys::root::Root;
use crate::sys::{errno, kernel};
use core::cell::Cell;
use core::ffi::CStr;

/// What is read of a machine before the size of its tables is known.
pub(super) struct Outline<'r> {
    root: Root<'r>,
    lists: NodeLists,
    /// Whether the kernel lists the nodes that exist.
    is_listed: bool,
    /// Whether both lists of nodes could be read.
    has_lists: bool,
    possible_nodes: usize,
    possible_cpus: usize,
    layout: Layout,
}

impl<'r> Outline<'r> {
    /// Reads the lists of nodes, and the sizes of the kernel's masks.
    pub(super) fn read(root: Root<'r>) -> Self {
        let (mems_allowed, possible_nodes, possible_cpus, width) = if root.is_running() {
            // The system call is about the calling thread, the file about the process's first one; but a container may forbid the former.
            let mems_allowed = non_empty(mems_allowed_from_kernel()).or_else(mems_allowed_from_status);
            (mems_allowed, possible_nodes(), possible_cpus(), cpu_map_width())
        } else {
            let status = MemsAllowed::read(root);
            let (possible_nodes, possible_cpus) = (status.possible_nodes(root).get(), possible_cpus_of(root).get());
            (status.into_nodes(), possible_nodes, possible_cpus, possible_cpus.min(MAX_CPUS))
        };
        let (online, has_memory) = (read_online(root), read_has_memory(root));
        let (is_listed, has_lists) = (online.is_some(), online.is_some() && has_memory.is_some());
        let lists = Sources { online, has_memory, mems_allowed }.combine(possible_nodes);
        let layout = Layout::of(&lists.existing, width);
        Outline { root, lists, is_listed, has_lists, possible_nodes, possible_cpus, layout }
    }

    /// Returns how many bytes of memory [`Outline::fill_in`] needs.
    pub(super) fn bytes(&self) -> usize {
        let task_cpus = self.layout.row_words().saturating_mul(size_of::<Word>());
        let distances = Distances::bytes(KernelTopology::with_nodes(self.lists).max_node());
        let name = self.root.name().map_or(0, |name| name.to_bytes_with_nul().len());
        [self.layout.bytes(), distances, name].into_iter().fold(task_cpus, usize::saturating_add)
    }

    /// Reads the rest, with tables in `arena`. Returns the topology, and whether every file could be read.
    pub(super) fn fill_in<'a>(&self, arena: &mut Arena<'a>) -> (KernelTopology<'a>, bool) {
        let (root, lists) = (self.root, self.lists);
        let (topology, nodes) = (KernelTopology::with_nodes(lists), NodeMask::from(lists.existing));
        // What is larger is allocated first.
        let task_cpus = arena.alloc_slice::<Word>(self.layout.row_words());
        let previous = Previous { existing: &NodeLists::ONLY_NODE_0.existing, cpu_map: &CpuMap::UNKNOWN };
        let cpu_map = self.layout.read(root, &lists.existing, self.is_listed, &previous, arena);
        let (distances, has_distances) = Distances::read(root, nodes.bits().as_bits(), topology.max_node, None, arena);
        read_task_cpus(root, &cpu_map, task_cpus);
        let topology = KernelTopology {
            allowed_cpus: weight(task_cpus),
            configured_cpus: read_configured_cpus(root),
            cpu_map,
            standalone: Some(Standalone {
                root: copy_of_root(root, arena),
                task_cpus,
                possible_nodes: self.possible_nodes,
                possible_cpus: self.possible_cpus,
                distances,
            }),
            ..topology
        };
        let is_whole = self.has_lists && topology.has_all_cpus() && has_distances;
        (topology, is_whole)
    }
}

/// Reads the CPUs that the calling thread may run on; of another machine, or if the kernel does not say, those that a node has.
fn read_task_cpus(root: Root, cpu_map: &CpuMap, words: &mut [Word]) {
    words.fill(0);
    let cells = Cell::from_mut(&mut *words).as_slice_of_cells();
    if root.is_running() && errno::preserve_errno(|| kernel::sched_getaffinity(0, cells)) > 0 {
        return;
    }
    for row in cpu_map.rows() {
        words.iter_mut().zip(row).for_each(|(word, row)| *word |= row);
    }
}

/// Returns the same root, with a copy of its name in `arena`.
fn copy_of_root<'a>(root: Root, arena: &mut Arena<'a>) -> Root<'a> {
    let Some(name) = root.name().map(CStr::to_bytes_with_nul) else { return Root::RUNNING };
    let copy = arena.alloc_slice::<u8>(name.len());
    copy.iter_mut().zip(name).for_each(|(to, &byte)| *to = byte);
    CStr::from_bytes_with_nul(copy).map_or(Root::RUNNING, |name| root.renamed(name))
}

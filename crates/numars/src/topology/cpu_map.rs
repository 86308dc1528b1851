//! Which CPUs each node has.

use super::kernel_files::{node_path_in, read_cpumap, read_ranges, sysfs_path};
use super::words::{NodeWords, contains, for_each_bit, only_zero, same, weight};
use crate::bitmask::{BitsMut, WORD_BITS, Word};
use crate::nodeset::MAX_NUMNODES;
use crate::sys::files::{self, File, FixedPath};
use crate::sys::memory::Arena;
use crate::sys::root::Root;
use core::cell::Cell;

/// The node of a CPU that no node has.
const NO_NODE: u16 = u16::MAX;

/// The CPUs of all nodes.
#[derive(Clone, Copy)]
pub(super) struct CpuMap<'a> {
    /// Whether every file could be read, or what it said before is known.
    pub(super) is_complete: bool,
    /// The first node of each CPU.
    node_of_cpu: &'a [u16],
    /// A row of bits for each existing node in order: its CPUs.
    rows: &'a [Word],
    row_words: usize,
}

impl<'a> CpuMap<'a> {
    /// No CPU is known.
    pub(super) const UNKNOWN: Self = CpuMap { is_complete: false, node_of_cpu: &[], rows: &[], row_words: 0 };

    /// Returns the node of a CPU: the first of several that have it.
    #[inline(always)]
    pub(super) fn node_of_cpu(&self, cpu: usize) -> Option<usize> {
        self.node_of_cpu.get(cpu).filter(|&&node| node != NO_NODE).map(|&node| usize::from(node))
    }

    /// Returns the words of the set of the CPUs of a node, given the nodes that exist; an empty slice if the node is not among them.
    pub(super) fn cpus_of_node(&self, existing: &NodeWords, node: usize) -> &'a [Word] {
        let (word, bit) = (node / WORD_BITS, node % WORD_BITS);
        let Some(&nodes) = existing.get(word) else { return &[] };
        if nodes >> bit & 1 == 0 {
            return &[];
        }
        let before = weight(existing.get(..word).unwrap_or_default());
        let row = before + (nodes & ((1 << bit) - 1)).count_ones() as usize;
        let start = row.saturating_mul(self.row_words);
        self.rows.get(start..start.saturating_add(self.row_words)).unwrap_or_default()
    }

    /// Returns the words of the set of the CPUs of each existing node, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = &'a [Word]> {
        self.rows.chunks(self.row_words.max(1))
    }

    /// Returns whether both maps have the same contents.
    pub(super) fn is_same_as(&self, other: &CpuMap) -> bool {
        self.is_complete == other.is_complete
            && same(self.node_of_cpu, other.node_of_cpu)
            && same(self.rows, other.rows)
    }
}

/// What was known before files are read again.
pub(super) struct Previous<'a> {
    pub(super) existing: &'a NodeWords,
    pub(super) cpu_map: &'a CpuMap<'a>,
}

/// The size of a map.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// The number of CPUs that it has room for.
    cpus: usize,
    row_words: usize,
    row_count: usize,
}

impl Layout {
    /// Returns the size of a map of these nodes and so many CPUs.
    pub(super) fn of(existing: &NodeWords, cpus: usize) -> Self {
        Layout { cpus, row_words: cpus.div_ceil(WORD_BITS), row_count: weight(existing) }
    }

    /// Returns how many words a set of CPUs has.
    pub(super) fn row_words(self) -> usize {
        self.row_words
    }

    fn words(self) -> usize {
        self.row_count.saturating_mul(self.row_words)
    }

    /// Returns how many bytes of memory the map takes.
    pub(super) fn bytes(self) -> usize {
        self.words().saturating_mul(size_of::<Word>()).saturating_add(self.cpus * size_of::<u16>())
    }

    /// Reads the CPUs of all nodes. `is_listed` says whether the kernel lists the nodes that exist, `previous` what is known of nodes
    /// whose files cannot be read. The memory for the map comes from `parts`.
    pub(super) fn read<'a>(
        self,
        root: Root,
        existing: &NodeWords,
        is_listed: bool,
        previous: &Previous,
        arena: &mut Arena<'a>,
    ) -> CpuMap<'a> {
        let (rows, node_of_cpu) = (arena.alloc_slice::<Word>(self.words()), arena.alloc_slice::<u16>(self.cpus));
        rows.fill(0);
        node_of_cpu.fill(NO_NODE);
        let cells = Cell::from_mut(&mut *rows).as_slice_of_cells();
        let builder =
            CpuMapBuilder { root, rows: cells, row_words: self.row_words, node_of_cpu: &mut *node_of_cpu, previous };
        let is_complete = builder.read(existing, is_listed);
        CpuMap { is_complete, node_of_cpu, rows, row_words: self.row_words }
    }
}

/// A map while it is read.
struct CpuMapBuilder<'a> {
    root: Root<'a>,
    rows: &'a [Cell<Word>],
    row_words: usize,
    node_of_cpu: &'a mut [u16],
    previous: &'a Previous<'a>,
}

impl CpuMapBuilder<'_> {
    /// Records that the node with the given row has the CPUs from `first` to `last`. Returns whether there is room for any.
    fn record_cpus(&mut self, row: usize, node: usize, (first, last): (u64, u64)) -> bool {
        let end = (self.node_of_cpu.len() as u64).min(last.saturating_add(1));
        if first >= end {
            return false;
        }
        let (first, end) = (first as usize, end as usize);
        let start = row.saturating_mul(self.row_words);
        let words = self.rows.get(start..start.saturating_add(self.row_words)).unwrap_or_default();
        debug_assert!(end <= words.len() * WORD_BITS, "row {row} of {} words", self.rows.len());
        let cpus = BitsMut::new(words, end);
        (first..end).for_each(|cpu| cpus.set(cpu));
        debug_assert!(end <= self.node_of_cpu.len());
        for place in self.node_of_cpu.get_mut(first..end).unwrap_or_default() {
            if *place == NO_NODE {
                *place = node as u16;
            }
        }
        true
    }

    /// Reads the CPUs of all nodes. Returns whether all could be read.
    fn read(mut self, existing: &NodeWords, is_listed: bool) -> bool {
        let directory = sysfs_path(self.root, b"node/");
        // Opening the directory first costs less than looking up its path for more nodes than these.
        const MAX_SINGLE_PATHS: usize = 2;
        let open = if weight(existing) > MAX_SINGLE_PATHS { File::open_of_machine(&directory) } else { None };
        // There may be a descriptor for a file, but not for its directory too.
        let complete = open.is_some_and(|open| self.read_nodes(existing, &FixedPath::inside_below(self.root, &open)))
            || self.read_nodes(existing, &directory);
        // Without NUMA the kernel lists no nodes: node 0 has all CPUs.
        let is_without_numa = !is_listed && same(existing, &only_zero::<{ MAX_NUMNODES / WORD_BITS }>());
        complete || is_without_numa && self.read_without_nodes()
    }

    /// Reads the CPUs of all nodes, whose directories are in `directory`. Returns whether all could be read.
    fn read_nodes(&mut self, existing: &NodeWords, directory: &FixedPath) -> bool {
        let (mut row, mut complete) = (0, true);
        for_each_bit(existing, |node| {
            let file = |name| node_path_in(directory.clone(), node, name);
            let is_running = self.root.is_running();
            let mut record = |range| {
                self.record_cpus(row, node, range);
            };
            // The list is short however many CPUs the machine has. Kernels before 2.6.26 have only the map, and captured machines may
            // have been changed where hwloc reads, which is the map too.
            let is_read = is_running && read_ranges(&file(b"cpulist"), &mut record)
                || read_cpumap(&file(b"cpumap"), &mut |cpu| record((cpu as u64, cpu as u64)));
            if !is_read {
                let Previous { existing, cpu_map } = *self.previous;
                for_each_bit(cpu_map.cpus_of_node(existing, node), |cpu| {
                    self.record_cpus(row, node, (cpu as u64, cpu as u64));
                });
                complete &= cpu_map.is_complete && contains(existing, node);
            }
            row += 1;
        });
        complete
    }

    /// Reads the CPUs that are online, or else those that have a directory, as CPUs of node 0. Returns whether there are any.
    fn read_without_nodes(&mut self) -> bool {
        let mut any = false;
        read_ranges(&sysfs_path(self.root, b"cpu/online"), &mut |range| any |= self.record_cpus(0, 0, range));
        if !any && files::exists(&sysfs_path(self.root, b"cpu")) {
            for cpu in 0..self.node_of_cpu.len() {
                let mut directory = sysfs_path(self.root, b"cpu/cpu");
                if files::exists(directory.decimal(cpu)) {
                    any |= self.record_cpus(0, 0, (cpu as u64, cpu as u64));
                }
            }
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::insert_all;
    use super::*;
    use crate::nodeset::NodeMask;

    #[test]
    fn a_cpu_that_several_nodes_have_is_in_the_set_of_each_and_belongs_to_the_first() {
        const ROW_WORDS: usize = 70usize.div_ceil(WORD_BITS);
        let (mut rows, mut node_of_cpu) = ([0; 2 * ROW_WORDS], [NO_NODE; 70]);
        let cells = Cell::from_mut(&mut rows[..]).as_slice_of_cells();
        let previous = Previous { existing: &only_zero(), cpu_map: &CpuMap::UNKNOWN };
        let mut builder = CpuMapBuilder {
            root: Root::RUNNING,
            rows: cells,
            row_words: ROW_WORDS,
            node_of_cpu: &mut node_of_cpu,
            previous: &previous,
        };
        assert!(builder.record_cpus(0, 3, (0, 65)));
        assert!(builder.record_cpus(1, 8, (64, 1000)));
        assert!(!builder.record_cpus(1, 8, (70, u64::MAX)), "there is no room");
        assert!(!builder.record_cpus(1, 8, (5, 4)));
        let map = CpuMap { is_complete: true, node_of_cpu: &node_of_cpu, rows: &rows, row_words: ROW_WORDS };
        let mut existing = [0; MAX_NUMNODES / WORD_BITS];
        let nodes = NodeMask::new();
        [3, 8].iter().for_each(|&node| nodes.bits().set(node));
        insert_all(&mut existing, &nodes);
        let cpus = |node| {
            let mut cpus = Vec::new();
            for_each_bit(map.cpus_of_node(&existing, node), |cpu| cpus.push(cpu));
            cpus
        };
        assert!(cpus(3).into_iter().eq(0..66));
        assert!(cpus(8).into_iter().eq(64..70));
        assert_eq!([cpus(0), cpus(4), cpus(9), cpus(usize::MAX)], [(); 4].map(|()| Vec::<usize>::new()));
        assert_eq!([0, 65, 66, 69, 70].map(|cpu| map.node_of_cpu(cpu)), [Some(3), Some(3), Some(8), Some(8), None]);
    }
}

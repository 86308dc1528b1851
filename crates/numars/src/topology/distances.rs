//! How far nodes are apart: a matrix that is read when it is first asked for, and again when a node is asked for that it lacks.

use super::text::Numbers;
use super::{machine, node_file, possible_nodes, read_bytes};
use crate::bitmask::Bits;
use crate::sys::files::{self, FixedPath};
use crate::sys::snapshot::{self, InMemory, Snapshot};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The distances between the nodes of one reading.
struct Distances<'a> {
    /// The number of the reading of the machine whose nodes these are.
    reading: AtomicUsize,
    /// Whether files could not be opened because descriptors or memory were short: if so, the next call for a distance that is not
    /// known reads again.
    is_to_be_read_again: AtomicBool,
    /// One more than the highest node.
    side: usize,
    /// A row of `side` distances for each node; 0 is not known.
    table: &'a [u8],
}

struct DistancesFamily;
impl InMemory for DistancesFamily {
    type Value<'a> = Distances<'a>;
}

/// The words that the matrix of a machine with 16 nodes needs, and the value.
const STATIC_WORDS: usize = 320 / size_of::<usize>();

static DISTANCES: Snapshot<DistancesFamily, STATIC_WORDS> = Snapshot::new();

impl Distances<'_> {
    /// Returns the distance between two nodes if it is known.
    #[inline(always)]
    fn between(&self, from: usize, to: usize) -> Option<u8> {
        if from >= self.side || to >= self.side {
            return None;
        }
        self.table.get(from * self.side + to).copied().filter(|&distance| distance != 0)
    }

    /// Returns whether this is to replace `last`. If both hold the same, `last` becomes as new as this.
    fn supersedes(&self, last: Option<&Distances>) -> bool {
        let Some(last) = last else { return true };
        let is_other = self.side != last.side || self.table.iter().zip(last.table).any(|(new, old)| new != old);
        if !is_other {
            let is_short = self.is_to_be_read_again.load(Ordering::Relaxed);
            last.is_to_be_read_again.store(is_short, Ordering::Relaxed);
            last.reading.fetch_max(self.reading.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        is_other
    }
}

/// Returns the distance from one node to another as the firmware gives it, 10 for near; `None` if it is not known.
pub fn distance(from: usize, to: usize) -> Option<u8> {
    DISTANCES.get().and_then(|distances| distances.between(from, to)).or_else(|| look_up(from, to))
}

/// Reads the distances if the machine has both nodes and was read since the distances were.
#[cold]
#[inline(never)]
fn look_up(from: usize, to: usize) -> Option<u8> {
    let are_there = || [from, to].iter().all(|&node| machine::whole_machine().has_node(node));
    let may_appear = || from.max(to) < possible_nodes() && machine::catch_up();
    if !(are_there() || may_appear() && are_there()) {
        return None;
    }
    let machine = machine::whole_machine();
    let is_known = |last: &Distances| {
        last.reading.load(Ordering::Relaxed) == machine.reading() && !last.is_to_be_read_again.load(Ordering::Relaxed)
    };
    if DISTANCES.get().is_some_and(is_known) {
        return None;
    }
    let nodes = machine.nodes();
    let (nodes, side) = (nodes.bits().as_bits(), machine.max_node + 1);
    let replaced = DISTANCES.replace(
        side.saturating_mul(side),
        snapshot::for_any_lifetime::<DistancesFamily, _>(|arena| {
            let table = arena.alloc_slice::<u8>(side.saturating_mul(side));
            table.fill(0);
            let mut is_complete = true;
            for (node, row) in table.chunks_mut(side.max(1)).enumerate().filter(|&(node, _)| nodes.contains(node)) {
                let mut record = |other: usize, distance| {
                    if let Some(place) = row.get_mut(other) {
                        *place = distance;
                    }
                };
                if !read_row(node, nodes, &mut record) {
                    is_complete = false;
                    // What cannot be read stays as it was.
                    let last = DISTANCES.get();
                    nodes.iter().for_each(|other| {
                        record(other, last.and_then(|last| last.between(node, other)).unwrap_or(0));
                    });
                }
            }
            let is_short = !is_complete && files::is_short_of_descriptors();
            let (reading, is_short) = (AtomicUsize::new(machine.reading()), AtomicBool::new(is_short));
            Distances { reading, is_to_be_read_again: is_short, side, table }
        }),
        |new: &Distances, last: Option<&'static Distances<'static>>| new.supersedes(last),
    );
    if replaced {
        return DISTANCES.get()?.between(from, to);
    }
    // Nothing new, or no memory for it.
    let mut found = 0;
    let is_read = read_row(from, nodes, &mut |other, distance| {
        if other == to {
            found = distance;
        }
    });
    (is_read && found != 0).then_some(found)
}

/// Reads the distances from a node to `nodes`, which are all that exist. Returns whether that was possible.
fn read_row(node: usize, nodes: Bits, each: &mut dyn FnMut(usize, u8)) -> bool {
    read_distances(&node_file(node, b"distance"), nodes, each)
}

/// Reads the file of distances from a node: its columns are the nodes that the kernel has, in order. If there are more columns or
/// fewer, as while a node comes or goes, it is not known whose they are: returns false.
pub(super) fn read_distances(file: &FixedPath, columns: Bits, each: &mut dyn FnMut(usize, u8)) -> bool {
    let (mut column, mut fits) = (columns.iter(), true);
    let mut numbers = Numbers::default();
    read_bytes(file, &mut |byte| {
        if let Some(distance) = numbers.byte(byte) {
            match column.next() {
                Some(to) => each(to, u8::try_from(distance).unwrap_or(u8::MAX)),
                None => fits = false,
            }
        }
        byte != b'\n'
    });
    fits && column.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::super::Nodes;
    use super::*;
    use crate::sys::testing::MemoryFile;

    #[test]
    fn a_node_is_10_from_itself_and_one_that_is_not_there_is_at_no_distance() {
        for node in machine().nodes().bits().as_bits().iter() {
            assert_eq!(distance(node, node), Some(10));
            assert_eq!(distance(node, node), Some(10), "as kept");
        }
        for node in [255, 256, 1023, 1024, usize::MAX] {
            assert_eq!(distance(node, 0), None);
            assert_eq!(distance(0, node), None);
        }
    }

    #[test]
    fn distances_are_known_only_if_there_is_one_for_each_node() {
        let file = MemoryFile::holding(b"10 256 99999999999999999999 20 20");
        let read = |nodes: Bits| {
            let mut found = Vec::new();
            let fits = read_distances(&file.path(), nodes, &mut |node, distance| found.push((node, distance)));
            (fits, found)
        };
        assert_eq!(read(Nodes::of(5).bits().as_bits()), (false, vec![(5, 10)]));
        let nodes = Nodes::new();
        [0, 1, 4, 8, 100].into_iter().for_each(|node| nodes.bits().set(node));
        let all = vec![(0, 10), (1, u8::MAX), (4, u8::MAX), (8, 20), (100, 20)];
        assert_eq!(read(nodes.bits().as_bits()), (true, all));
        nodes.bits().set(101);
        assert!(!read(nodes.bits().as_bits()).0);
    }
}

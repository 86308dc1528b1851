//! The distances between the nodes of this process's machine. They are read at the first call that needs them, and again when a call
//! needs the distance of a node that they lack.

use super::allowed::possible_nodes;
use super::current;
use super::distances::{Distances, read_row};
use crate::sys::files;
use crate::sys::root::Root;
use crate::sys::snapshot::{self, InMemory, Snapshot};
use core::num::NonZeroU8;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The distances of one reading.
struct CachedDistances<'a> {
    /// The generation of the topology whose nodes these are.
    generation: AtomicUsize,
    /// Whether files could not be opened because descriptors or memory were short. If so, the next call for an unknown distance reads
    /// them again.
    needs_reload: AtomicBool,
    distances: Distances<'a>,
}

struct CachedDistancesFamily;
impl InMemory for CachedDistancesFamily {
    type Value<'a> = CachedDistances<'a>;
}

/// Room for the distances of a machine with 16 nodes, and the value.
const STATIC_WORDS: usize = 320 / size_of::<usize>();

static DISTANCES: Snapshot<CachedDistancesFamily, STATIC_WORDS> = Snapshot::new();

impl CachedDistances<'_> {
    /// Returns whether this replaces `last`. If both have the same contents, `last` gets this generation.
    fn supersedes(&self, last: Option<&CachedDistances>) -> bool {
        let Some(last) = last else { return true };
        let is_same = self.distances.is_same_as(&last.distances);
        if is_same {
            last.needs_reload.store(self.needs_reload.load(Ordering::Relaxed), Ordering::Relaxed);
            last.generation.fetch_max(self.generation.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        !is_same
    }
}

/// Returns the distance from one node to another as the firmware gives it, 10 for near; `None` if it is unknown.
///
/// ```
/// use numars::for_c::topology::{self, KernelTopology};
/// let node = KernelTopology::current().max_node();
/// assert!([None, Some(10)].contains(&topology::distance(node, node)));
/// ```
pub fn distance(from: usize, to: usize) -> Option<u8> {
    let cached = DISTANCES.get().and_then(|cached| cached.distances.between(from, to));
    cached.or_else(|| load_distances(from, to)).map(NonZeroU8::get)
}

/// Reads the distances, if the machine has both nodes and its topology was read since the distances were.
#[cold]
#[inline(never)]
fn load_distances(from: usize, to: usize) -> Option<NonZeroU8> {
    let do_exist = || [from, to].iter().all(|&node| current::topology().has_node(node));
    let may_appear = || from.max(to) < possible_nodes() && current::catch_up();
    if !(do_exist() || may_appear() && do_exist()) {
        return None;
    }
    let (topology, generation) = current::topology_and_generation();
    let is_up_to_date = |last: &CachedDistances| {
        last.generation.load(Ordering::Relaxed) == generation && !last.needs_reload.load(Ordering::Relaxed)
    };
    if DISTANCES.get().is_some_and(is_up_to_date) {
        return None;
    }
    let (nodes, root) = (topology.nodes(), Root::of_process());
    let (nodes, max_node) = (nodes.bits().as_bits(), topology.max_node());
    let replaced = DISTANCES.replace(
        Distances::bytes(max_node),
        snapshot::for_any_lifetime::<CachedDistancesFamily, _>(|arena| {
            let previous = DISTANCES.get().map(|last| &last.distances);
            let (distances, is_complete) = Distances::read(root, nodes, max_node, previous, arena);
            let is_short = !is_complete && files::is_short_of_descriptors();
            let (generation, needs_reload) = (AtomicUsize::new(generation), AtomicBool::new(is_short));
            CachedDistances { generation, needs_reload, distances }
        }),
        |new: &CachedDistances, last: Option<&'static CachedDistances<'static>>| new.supersedes(last),
    );
    if replaced {
        return DISTANCES.get()?.distances.between(from, to);
    }
    // Nothing new, or no memory for it.
    let mut result = 0;
    let is_read = read_row(root, from, nodes, &mut |other, distance| {
        if other == to {
            result = distance;
        }
    });
    NonZeroU8::new(result).filter(|_| is_read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_10_from_itself_and_a_missing_node_has_no_distance() {
        for node in current::cached().nodes().bits().as_bits().iter() {
            assert_eq!(distance(node, node), Some(10));
            assert_eq!(distance(node, node), Some(10), "as kept");
        }
        for node in [255, 256, 1023, 1024, usize::MAX] {
            assert_eq!(distance(node, 0), None);
            assert_eq!(distance(0, node), None);
        }
    }
}

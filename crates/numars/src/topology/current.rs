//! The topology of this process's machine: an immutable snapshot that any thread or signal handler may read without a lock.
//!
//! Loading reads the lists of nodes that exist and that this task may use. The first call reads everything else. From then on, files are
//! read only by [`update`], and if a system call shows a node or a CPU that is not known yet: a program may give up its access to files.
//! What cannot be read stays as it was.

use super::allowed::{
    DEFAULT_NR_CPUS, affinity_into, mems_allowed_from_kernel, mems_allowed_from_status, possible_cpus, possible_nodes,
    read_configured_cpus,
};
use super::cpu_map::{Layout, Previous};
use super::kernel_files::{list_end, sysfs_path};
use super::node_lists::{Sources, non_empty, read_has_memory, read_online};
use super::shown;
use super::value::KernelTopology;
use super::words::{for_each_bit, insert_all, same};
use crate::bitmask::WORD_BITS;
use crate::nodeset::{CpuMask, MAX_CPUS, NodeMask};
use crate::sys::memory::Arena;
use crate::sys::root::Root;
use crate::sys::snapshot::{self, InMemory, Snapshot};
use crate::sys::{errno, files, kernel};
use core::cell::Cell;
use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use once_cell::race::OnceNonZeroUsize;

/// The topology as of one reading of the files.
// The topology comes first, so that the address of the one is that of the other.
#[repr(C)]
struct Reading<'a> {
    topology: KernelTopology<'a>,
    /// The number of the reading. Threads may read at the same time: the reading that began last counts.
    generation: AtomicUsize,
    /// Whether the files of single nodes were read too.
    is_whole: bool,
    /// Whether files could not be opened because descriptors or memory were short. If so, the next call reads them again.
    needs_reload: AtomicBool,
}

struct ReadingFamily;
impl InMemory for ReadingFamily {
    type Value<'a> = Reading<'a>;
}

/// Room for the tables of most machines, and the value.
const STATIC_WORDS: usize = 4096 / size_of::<usize>();

static CURRENT: Snapshot<ReadingFamily, STATIC_WORDS> = Snapshot::new();
static LAST_GENERATION: AtomicUsize = AtomicUsize::new(0);

/// For a process that has no memory for its first reading.
static UNKNOWN: Reading = Reading {
    generation: AtomicUsize::new(0),
    is_whole: false,
    needs_reload: AtomicBool::new(false),
    topology: KernelTopology::UNKNOWN,
};

impl Reading<'_> {
    /// Returns whether this reading replaces `current`.
    fn supersedes(&self, current: Option<&Reading>) -> bool {
        let Some(current) = current else { return true };
        let (new, known) = (&self.topology, &current.topology);
        let generation = self.generation.load(Ordering::Relaxed);
        let has_less = known.has_all_cpus() && !new.has_all_cpus();
        let shows_more = || !same(&new.lists.allowed, &known.lists.allowed) || new.allowed_cpus != known.allowed_cpus;
        if current.generation.load(Ordering::Relaxed) >= generation || has_less && !shows_more() {
            return false;
        }
        if self.is_whole == current.is_whole && new.is_same_as(known) {
            current.generation.fetch_max(generation, Ordering::Relaxed);
            current.needs_reload.store(self.needs_reload.load(Ordering::Relaxed), Ordering::Relaxed);
            return false;
        }
        true
    }
}

/// Returns the current reading, without the files of single nodes unless they were read already.
#[inline(always)]
fn reading() -> &'static Reading<'static> {
    match CURRENT.get() {
        Some(reading) if !reading.needs_reload.load(Ordering::Relaxed) => reading,
        _ => read_or_reload(),
    }
}

#[cold]
#[inline(never)]
fn read_or_reload() -> &'static Reading<'static> {
    match CURRENT.get() {
        None => CURRENT.get_or_publish(read_lists).unwrap_or(&UNKNOWN),
        Some(_) => {
            read();
            CURRENT.get().unwrap_or(&UNKNOWN)
        }
    }
}

/// Returns the current reading, with the files of single nodes.
#[inline(always)]
fn whole_reading() -> &'static Reading<'static> {
    let reading = reading();
    if reading.is_whole { reading } else { read_rest(reading) }
}

/// Reads the files of single nodes. Returns the current reading, `before` if that fails.
#[cold]
#[inline(never)]
fn read_rest(before: &'static Reading<'static>) -> &'static Reading<'static> {
    read();
    CURRENT.get().unwrap_or(before)
}

/// Returns what is known of this process's machine: the lists of nodes that exist and may be allocated on, and the rest if
/// [`KernelTopology::current`] was called before.
///
/// ```
/// assert!(numars::for_c::topology::cached().has_node(numars::for_c::topology::cached().max_node()));
/// ```
#[inline(always)]
pub fn cached() -> &'static KernelTopology<'static> {
    &reading().topology
}

/// See [`KernelTopology::current`].
// Not inlined: it is called from many places.
#[inline(never)]
pub(super) fn topology() -> &'static KernelTopology<'static> {
    &whole_reading().topology
}

/// Returns the topology and the number of its reading, which is higher for each later one.
pub(super) fn topology_and_generation() -> (&'static KernelTopology<'static>, usize) {
    let reading = whole_reading();
    (&reading.topology, reading.generation.load(Ordering::Relaxed))
}

/// Reads the files of all nodes again. What cannot be read stays as it was.
///
/// References that [`KernelTopology::current`] returned before stay valid and unchanged.
///
/// ```
/// numars::for_c::topology::update();
/// ```
pub fn update() {
    reading();
    // Which nodes the kernel shows at this moment is not queried here.
    shown::record_nodes_at_read(&NodeMask::new());
    read();
}

/// Reads the files again if the kernel shows a node or a CPU that this task may use and that is not known yet, because memory or a CPU
/// came online or the cpuset was widened. Returns whether anything changed. Errno is left untouched.
///
/// ```
/// // Nothing has come online meanwhile.
/// numars::for_c::topology::catch_up();
/// assert!(!numars::for_c::topology::catch_up());
/// ```
pub fn catch_up() -> bool {
    if !Root::of_process().is_running() {
        return false;
    }
    let before = reading();
    let last = topology();
    let (nodes, cpus) = (mems_allowed_from_kernel(), CpuMask::new());
    affinity_into(&cpus);
    let are_new_nodes = shown::new_nodes(&nodes).zip(&last.lists.allowed).any(|(new, known)| new & !known != 0);
    let are_new_cpus = shown::new_cpus(&cpus).enumerate().any(|(index, new)| {
        let mut has_unknown = false;
        for_each_bit(&[new], |bit| has_unknown |= last.node_of_cpu(index * WORD_BITS + bit).is_none());
        has_unknown
    });
    let task_cpus = shown::add_task_cpus(cpus.words().iter().map(Cell::get));
    if are_new_nodes || are_new_cpus || task_cpus != last.allowed_cpus {
        shown::add_allowed_nodes(&nodes);
        read();
    }
    !core::ptr::eq(before, reading())
}

/// Reads what loading needs.
fn read_lists<'a>(_: &mut Arena<'a>) -> Reading<'a> {
    let root = Root::of_process();
    let mems_allowed =
        mems_allowed_from_status().or_else(|| root.is_running().then(|| non_empty(mems_allowed_from_kernel()))?);
    let online = read_online(root);
    let is_short = online.is_none() && files::is_short_of_descriptors();
    // Otherwise, nodes that this task may allocate on are all that is needed.
    let has_memory = if mems_allowed.is_none() { read_has_memory(root) } else { None };
    let topology = KernelTopology::with_nodes(Sources { online, has_memory, mems_allowed }.combine(possible_nodes()));
    let allowed_cpus = if root.is_running() { shown::add_affinity() } else { 0 };
    Reading {
        generation: AtomicUsize::new(0),
        is_whole: false,
        needs_reload: AtomicBool::new(is_short),
        topology: KernelTopology { allowed_cpus, ..topology },
    }
}

/// Reads everything, and publishes it unless that says less than what is known.
#[inline(never)]
fn read() {
    // A reading with a higher number also sees what was added to the sets of `shown` before.
    let generation = LAST_GENERATION.fetch_add(1, Ordering::AcqRel) + 1;
    let Some(last) = CURRENT.get() else { return };
    let (root, before) = (Root::of_process(), &last.topology);
    if root.is_running() {
        shown::record_cpus_at_read();
    }
    let mut mems_allowed = before.lists.allowed;
    shown::include(&mut mems_allowed, &shown::ALLOWED_NODES);
    let mems_allowed = NodeMask::from(mems_allowed);
    let online = read_online(root);
    let is_listed = online.is_some();
    // Of a single node, it would make no difference.
    let is_single = online.as_ref().is_some_and(|nodes| nodes.bits().as_bits().weight() == 1);
    let read = if is_single { None } else { read_has_memory(root) };
    let has_memory = read.or_else(|| last.is_whole.then(|| before.nodes_with_memory()));
    let online = online.unwrap_or_else(|| {
        let mut nodes = before.lists.existing;
        insert_all(&mut nodes, &mems_allowed);
        has_memory.iter().for_each(|has_memory| insert_all(&mut nodes, has_memory));
        shown::include(&mut nodes, &shown::NODES_RUN_ON);
        NodeMask::from(nodes)
    });
    let lists =
        Sources { online: Some(online), has_memory, mems_allowed: Some(mems_allowed) }.combine(possible_nodes());
    let layout = Layout::of(&lists.existing, cpu_map_width());
    let build = snapshot::for_any_lifetime::<ReadingFamily, _>(|arena| {
        let previous = Previous { existing: &before.lists.existing, cpu_map: &before.cpu_map };
        let cpu_map = layout.read(root, &lists.existing, is_listed, &previous, arena);
        if !root.is_running() {
            // Of another machine, all CPUs may be used.
            cpu_map.rows().for_each(|row| {
                shown::add_task_cpus(row.iter().copied());
            });
        }
        let allowed_cpus = shown::add_task_cpus(core::iter::empty());
        let sources = [configured_cpus_since_boot(root), before.configured_cpus];
        let configured_cpus = sources.into_iter().find(|&cpus| cpus != 0).unwrap_or(allowed_cpus);
        let is_short = !cpu_map.is_complete && files::is_short_of_descriptors();
        Reading {
            generation: AtomicUsize::new(generation),
            is_whole: true,
            needs_reload: AtomicBool::new(is_short),
            topology: KernelTopology { allowed_cpus, configured_cpus, cpu_map, ..KernelTopology::with_nodes(lists) },
        }
    });
    CURRENT.replace(layout.bytes(), build, |new: &Reading, current: Option<&'static Reading<'static>>| {
        new.supersedes(current)
    });
}

/// Returns how many CPUs the machine can have; 0 if it cannot be read. The kernel decides it when it starts, so that it is read once.
fn configured_cpus_since_boot(root: Root) -> usize {
    static READ: OnceNonZeroUsize = OnceNonZeroUsize::new();
    let read = || {
        let cpus = read_configured_cpus(root);
        if root.is_running() {
            let _ = NonZeroUsize::new(cpus).map(|cpus| READ.set(cpus));
        }
        cpus
    };
    READ.get().map_or_else(read, NonZeroUsize::get)
}

/// Returns the number of CPUs that the machine has, online or not.
#[inline(always)]
pub fn configured_cpus() -> usize {
    let topology = &whole_reading().topology;
    if topology.configured_cpus == 0 { cpus_at_least(topology) } else { topology.configured_cpus }
}

/// Returns the number of CPUs if there was no memory for what was read, or nothing says it: this thread runs on one.
#[cold]
#[inline(never)]
fn cpus_at_least(topology: &KernelTopology) -> usize {
    topology.allowed_cpus.max(usize::from(Root::of_process().is_running()))
}

/// Returns how many CPUs the map has room for.
pub(super) fn cpu_map_width() -> usize {
    let possible = possible_cpus();
    // If the kernel does not say how large its masks are, a machine can have more.
    let listed =
        if possible == DEFAULT_NR_CPUS.get() { list_end(&sysfs_path(Root::of_process(), b"cpu/possible")) } else { 0 };
    possible.max(listed).min(MAX_CPUS)
}

/// Returns the node that the calling thread is on, if it runs on this CPU at the moment. If no list of nodes can be read, that node
/// exists from then on. Errno is left untouched.
///
/// ```
/// assert_eq!(numars::for_c::topology::node_of_current_cpu(usize::MAX), None);
/// ```
pub fn node_of_current_cpu(cpu: usize) -> Option<usize> {
    let (current, node) = errno::preserve_errno(kernel::getcpu)?;
    if current != cpu || !Root::of_process().is_running() {
        return None;
    }
    if !cached().has_node(node) {
        shown::insert(&shown::NODES_RUN_ON, node);
        read();
    }
    cached().has_node(node).then_some(node)
}

#[cfg(test)]
mod tests {
    use super::super::node_lists::NodeLists;
    use super::super::words::NodeWords;
    use super::*;

    fn only(node: usize) -> NodeWords {
        let mut words = NodeLists::ONLY_NODE_0.existing;
        words[0] = 0;
        insert_all(&mut words, &NodeMask::single(node));
        words
    }

    #[test]
    fn a_reading_replaces_an_older_one_that_has_less_or_differs() {
        let lists = |node| NodeLists { existing: only(node), ..NodeLists::ONLY_NODE_0 };
        let reading = |generation, lists, is_whole, is_complete| {
            let mut topology = KernelTopology::with_nodes(lists);
            topology.cpu_map.is_complete = is_complete;
            Reading {
                generation: AtomicUsize::new(generation),
                is_whole,
                needs_reload: AtomicBool::new(false),
                topology,
            }
        };
        let first = reading(0, lists(0), false, false);
        assert!(first.supersedes(None));
        assert!(reading(1, lists(0), true, false).supersedes(Some(&first)));
        let whole = reading(5, lists(0), true, true);
        assert!(!reading(4, lists(1), true, true).supersedes(Some(&whole)), "it began earlier");
        assert!(!reading(6, lists(1), true, false).supersedes(Some(&whole)), "a reading that fails changes nothing");
        assert!(reading(6, lists(1), true, true).supersedes(Some(&whole)));
        let mut allowed = only(1);
        insert_all(&mut allowed, &NodeMask::single(0));
        let widened = reading(6, NodeLists { allowed, ..lists(0) }, true, false);
        assert!(widened.supersedes(Some(&whole)), "a system call has shown more");
        assert!(!reading(7, lists(0), true, true).supersedes(Some(&whole)), "it says the same");
        assert!(!reading(6, lists(1), true, true).supersedes(Some(&whole)), "and what it said is newer than this");
    }

    #[test]
    fn the_allowed_nodes_of_the_kernels_file_and_of_its_system_call_agree() {
        let allowed = NodeMask::new();
        assert!(super::super::mems_allowed_into(allowed.bits()));
        assert!(allowed.bits().as_bits().equals(cached().allowed_nodes().bits().as_bits()));
    }
}

//! The sets that the library offers ready-made, as data: all nodes, no nodes, all CPUs.

use super::bitmask::{NODEMASK_WORDS, bitmask, nodemask_t};
use super::numaif;
use crate::trace;
use core::ffi::c_ulong;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, Ordering::AcqRel, Ordering::Acquire};
use numars::bitmask::{BitsMut, WORD_BITS};
use numars::sys::{errno, files, kernel};
use numars::topology::{self, Cpus, MOST_CPUS, MOST_NODES, Machine, Nodes, Set};

/// Defines an exported set, and its words apart from it, so that they take no room in the library's file. The words are stored with
/// relaxed atomics, since programs may read them at any time.
macro_rules! exported_set {
    ($name:ident, $words:ident, $bits:expr) => {
        static $words: [AtomicUsize; $bits / WORD_BITS] = [const { AtomicUsize::new(0) }; $bits / WORD_BITS];
        static mut $name: bitmask =
            bitmask { size: $bits as c_ulong, maskp: (&raw const $words).cast::<c_ulong>().cast_mut() };
    };
}

exported_set!(ALL_NODES, ALL_NODES_WORDS, MOST_NODES);
exported_set!(NODES, NODES_WORDS, MOST_NODES);
exported_set!(NO_NODES, NO_NODES_WORDS, MOST_NODES);
exported_set!(ALL_CPUS, ALL_CPUS_WORDS, MOST_CPUS);

/// The nodes on which the program may allocate memory: as when it was started, less nodes that have gone, and with nodes that a call has
/// found to be usable since, because memory came online or the cpuset was widened. Not to be changed or freed.
///
/// Follows numa(3). Valid at any time, also before numa_available().
#[unsafe(no_mangle)]
pub static mut numa_all_nodes_ptr: *mut bitmask = &raw mut ALL_NODES;

/// The nodes that the kernel has, with memory or without. Not to be changed or freed.
///
/// Follows numa(3). Valid at any time, also before numa_available().
#[unsafe(no_mangle)]
pub static mut numa_nodes_ptr: *mut bitmask = &raw mut NODES;

/// The empty set of nodes. Not to be changed or freed.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub static mut numa_no_nodes_ptr: *mut bitmask = &raw mut NO_NODES;

/// The CPUs that the program may run on: as when it was started, and with CPUs that a call has found to be usable since. Not to be
/// changed or freed.
///
/// Follows numa(3). Valid at any time, also before numa_available().
#[unsafe(no_mangle)]
pub static mut numa_all_cpus_ptr: *mut bitmask = &raw mut ALL_CPUS;

/// The nodes that the kernel has, for programs written for libnuma's first version. Not to be changed.
#[unsafe(no_mangle)]
pub static mut numa_all_nodes: nodemask_t = nodemask_t { n: [0; NODEMASK_WORDS] };

/// The empty set of nodes, for programs written for libnuma's first version. Not to be changed.
#[unsafe(no_mangle)]
pub static mut numa_no_nodes: nodemask_t = nodemask_t { n: [0; NODEMASK_WORDS] };

/// The machine whose sets were exported last.
static EXPORTED: AtomicPtr<Machine> = AtomicPtr::new(null_mut());

/// The CPUs that were exported last.
static EXPORTED_CPUS: [AtomicUsize; MOST_CPUS / WORD_BITS] = [const { AtomicUsize::new(0) }; MOST_CPUS / WORD_BITS];

/// The machine as of the last call.
static CURRENT: AtomicPtr<Machine> = AtomicPtr::new(null_mut());

/// Returns what is known of the machine. The first call reads everything that later ones answer from; sets that have changed are
/// exported.
#[inline(always)]
pub(super) fn machine() -> &'static Machine<'static> {
    let machine = topology::machine();
    if core::ptr::eq(CURRENT.load(Ordering::Acquire), machine) { machine } else { renew() }
}

#[cold]
#[inline(never)]
fn renew() -> &'static Machine<'static> {
    if CURRENT.load(Ordering::Relaxed).is_null() {
        errno::preserve_errno(topology::whole_machine);
    }
    let machine = export();
    CURRENT.store(core::ptr::from_ref(machine).cast_mut(), Ordering::Release);
    machine
}

/// Writes what has changed into the exported sets: what the program has changed there stays. Reads the environment first, which is
/// before any other thread can change it if the loader calls this. Returns the machine whose sets are exported.
#[cold]
#[inline(never)]
fn export() -> &'static Machine<'static> {
    errno::preserve_errno(|| {
        let mut last = EXPORTED.load(Ordering::Acquire);
        // SAFETY: NULL or the address of a machine, which is kept for ever.
        let mut from: Option<&Machine> = unsafe { last.as_ref() };
        if from.is_none() {
            // SAFETY: the wrappers of numaif.h, or what the program has in place of them.
            unsafe { kernel::interpose(&numaif::CALLS) };
            trace::init();
            super::migrate::kernel_passthrough();
        }
        store_sizes();
        loop {
            // Under another root, only the files of its nodes tell which CPUs it has.
            let to = if files::fsroot().is_some() { topology::whole_machine() } else { topology::machine() };
            store_changes(from, to);
            match EXPORTED.compare_exchange(last, core::ptr::from_ref(to).cast_mut(), AcqRel, Acquire) {
                Ok(_) if core::ptr::eq(to, topology::machine()) => break to,
                Ok(_) => last = core::ptr::from_ref(to).cast_mut(),
                Err(found) => {
                    // Another thread has exported another machine: the sets may be a mixture of both.
                    last = found;
                    // SAFETY: as above.
                    store_changes(unsafe { found.as_ref() }, to);
                }
            }
            from = Some(to);
        }
    })
}

fn store_sizes() {
    let (max_nodes, max_cpus) = (topology::possible_nodes(), topology::possible_cpus().min(MOST_CPUS));
    for (set, size) in [
        (&raw mut ALL_NODES, max_nodes),
        (&raw mut NODES, max_nodes),
        (&raw mut NO_NODES, max_nodes),
        (&raw mut ALL_CPUS, max_cpus),
    ] {
        // SAFETY: the sets live for ever; all threads store the same size.
        unsafe { AtomicUsize::from_ptr((&raw mut (*set).size).cast()) }.store(size, Ordering::Relaxed);
    }
}

/// Adds to the exported sets what `to` has and `from` lacks, and the other way round.
fn store_changes(from: Option<&Machine>, to: &Machine) {
    change(&ALL_NODES_WORDS, &from.map_or_else(Nodes::new, Machine::allowed), &to.allowed());
    let (last_nodes, nodes) = (from.map_or_else(Nodes::new, Machine::nodes), to.nodes());
    change(&NODES_WORDS, &last_nodes, &nodes);
    // SAFETY: the exported nodemask_t, which is reached by its symbol because it may lie in the program.
    let first_version = unsafe { &*(&raw const numa_all_nodes.n).cast::<[AtomicUsize; NODEMASK_WORDS]>() };
    change(first_version, &last_nodes, &nodes);
    for ((word, exported), now) in ALL_CPUS_WORDS.iter().zip(&EXPORTED_CPUS).zip(topology::task_cpus()) {
        word.fetch_or(now & !exported.load(Ordering::Relaxed), Ordering::Relaxed);
        exported.fetch_or(now, Ordering::Relaxed);
    }
}

fn change(words: &[AtomicUsize], from: &Nodes, to: &Nodes) {
    for ((word, from), to) in words.iter().zip(from.words()).zip(to.words()) {
        let (from, to) = (from.get(), to.get());
        if from != to {
            word.fetch_or(to & !from, Ordering::Relaxed);
            word.fetch_and(!(from & !to), Ordering::Relaxed);
        }
    }
}

/// The loader calls what it finds here before the program's own constructors.
#[cfg(not(test))]
#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = {
    extern "C" fn at_load() {
        // This also reads how large the exported sets are.
        topology::machine();
        export();
    }
    at_load
};

/// Returns the set that one of the pointers above points to at this moment. The program may have it point to its own.
///
/// # Safety
/// `pointer` is one of the pointers above.
#[inline(always)]
unsafe fn exported(pointer: *const *mut bitmask) -> *const bitmask {
    // SAFETY: volatile, since the program may write to it.
    unsafe { pointer.read_volatile() }
}

/// Makes a set equal to an exported one. Of the library's own set, the words are read as they are written.
///
/// # Safety
/// `mask` came from [`exported`].
#[inline(always)]
unsafe fn copy(mask: *const bitmask, own: *const bitmask, own_words: &[AtomicUsize], to: BitsMut) {
    if mask == own {
        to.copy_from_shared(own_words);
    } else {
        // SAFETY: what it points to is valid, as for any call.
        to.copy_from(unsafe { super::bitmask::read(mask) });
    }
}

/// Returns the nodes on which the program may allocate memory, as numa_all_nodes_ptr has them.
pub(super) fn all_nodes() -> Nodes {
    let nodes = Nodes::new();
    read_all_nodes(nodes.bits());
    nodes
}

/// Makes `nodes` those on which the program may allocate memory, as numa_all_nodes_ptr has them.
#[inline(never)]
pub(super) fn read_all_nodes(nodes: BitsMut) {
    machine();
    // SAFETY: one of the pointers above.
    unsafe { copy(exported(&raw const numa_all_nodes_ptr), &raw const ALL_NODES, &ALL_NODES_WORDS, nodes) };
}

/// Returns the nodes that exist, as numa_nodes_ptr has them.
#[inline(never)]
pub(super) fn nodes() -> Nodes {
    machine();
    let nodes = Nodes::new();
    // SAFETY: one of the pointers above.
    unsafe { copy(exported(&raw const numa_nodes_ptr), &raw const NODES, &NODES_WORDS, nodes.bits()) };
    nodes
}

/// Reads the CPUs that the program may run on, as numa_all_cpus_ptr has them, into an empty set, which is large to return.
pub(super) fn read_all_cpus<const WORDS: usize>(cpus: &Set<WORDS>) {
    machine();
    // There is room for more CPUs than the kernel has.
    let cpus = BitsMut::new(cpus.words(), topology::possible_cpus());
    // SAFETY: one of the pointers above.
    unsafe { copy(exported(&raw const numa_all_cpus_ptr), &raw const ALL_CPUS, &ALL_CPUS_WORDS, cpus) };
}

/// Returns whether the program may allocate on all nodes that exist, as it may on most machines.
#[inline(always)]
pub(super) fn may_allocate_on_all_nodes() -> bool {
    let used_words = machine().max_node / WORD_BITS + 1;
    // SAFETY: two of the pointers above.
    let (all, nodes) = unsafe { (exported(&raw const numa_all_nodes_ptr), exported(&raw const numa_nodes_ptr)) };
    let are_own = all == &raw const ALL_NODES && nodes == &raw const NODES;
    let words = || NODES_WORDS.iter().zip(&ALL_NODES_WORDS).take(used_words);
    are_own && words().all(|(node, allowed)| node.load(Ordering::Relaxed) & !allowed.load(Ordering::Relaxed) == 0)
}

/// Returns the nodes that the program may name: those of [`all_nodes`]; those with CPUs that it may run on, because memory and CPUs of
/// a cpuset are independent; and those without memory and CPUs, such as one whose memory is offline.
pub(super) fn usable_nodes() -> Nodes {
    let usable = all_nodes();
    if !may_allocate_on_all_nodes() {
        let (nodes, cpus) = (nodes(), Cpus::new());
        read_all_cpus(&cpus);
        topology::add_usable_nodes(nodes.bits().as_bits(), cpus.bits().as_bits(), usable.bits());
    }
    usable
}

/// Reads the machine again if the kernel shows a node or CPU that is not known yet. Returns whether anything changed.
pub(super) fn catch_up() -> bool {
    let changed = topology::catch_up();
    machine();
    changed
}

/// Whether `mask` is one of the sets above, which nobody may free.
pub(super) fn is_ready_made(mask: *const bitmask) -> bool {
    mask == &raw const ALL_NODES
        || mask == &raw const NODES
        || mask == &raw const NO_NODES
        || mask == &raw const ALL_CPUS
}

//! The exported sets: numa_all_nodes_ptr and the like of numa(3).

use super::mask::{NODEMASK_WORDS, bitmask, nodemask_t};
use super::numaif;
use crate::trace;
use core::ffi::c_ulong;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, Ordering::AcqRel, Ordering::Acquire};
use numars::for_c::bitmask::{BitsMut, WORD_BITS};
use numars::for_c::nodeset::{CpuMask, FixedBitmask, MAX_CPUS, MAX_NUMNODES, NodeMask};
use numars::for_c::sys::root::Root;
use numars::for_c::sys::{errno, kernel};
use numars::for_c::topology::{self, KernelTopology};

/// Defines an exported set, and its words separately, so that they are in .bss. The words are stored with relaxed atomics, because
/// programs may read them at any time.
macro_rules! exported_set {
    ($name:ident, $words:ident, $bits:expr) => {
        static $words: [AtomicUsize; $bits / WORD_BITS] = [const { AtomicUsize::new(0) }; $bits / WORD_BITS];
        static mut $name: bitmask =
            bitmask { size: $bits as c_ulong, maskp: (&raw const $words).cast::<c_ulong>().cast_mut() };
    };
}

exported_set!(ALL_NODES, ALL_NODES_WORDS, MAX_NUMNODES);
exported_set!(NODES, NODES_WORDS, MAX_NUMNODES);
exported_set!(NO_NODES, NO_NODES_WORDS, MAX_NUMNODES);
exported_set!(ALL_CPUS, ALL_CPUS_WORDS, MAX_CPUS);

/// The nodes that the program may allocate on. Must not be changed or freed.
///
/// They are those of the start, without nodes that no longer exist, and with nodes that a call has
/// found to be usable since, because memory came online or the cpuset was extended. A call by any
/// thread may update them while another one reads them.
///
/// Follows numa(3). Valid at any time, even before numa_available().
#[unsafe(no_mangle)]
pub static mut numa_all_nodes_ptr: *mut bitmask = &raw mut ALL_NODES;

/// The nodes of the machine, with or without memory. Must not be changed or freed.
///
/// Follows numa(3). Valid at any time, even before numa_available().
#[unsafe(no_mangle)]
pub static mut numa_nodes_ptr: *mut bitmask = &raw mut NODES;

/// The empty node mask. Must not be changed or freed.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub static mut numa_no_nodes_ptr: *mut bitmask = &raw mut NO_NODES;

/// The CPUs that the program may run on. Must not be changed or freed.
///
/// They are those of the start, and those that a call has found to be usable since. A call by any
/// thread may add some while another one reads them.
///
/// Follows numa(3). Valid at any time, even before numa_available().
#[unsafe(no_mangle)]
pub static mut numa_all_cpus_ptr: *mut bitmask = &raw mut ALL_CPUS;

/// The nodes of the machine, for programs written for libnuma's first version. Must not be changed.
#[unsafe(no_mangle)]
pub static mut numa_all_nodes: nodemask_t = nodemask_t { n: [0; NODEMASK_WORDS] };

/// The empty node mask, for programs written for libnuma's first version. Must not be changed.
#[unsafe(no_mangle)]
pub static mut numa_no_nodes: nodemask_t = nodemask_t { n: [0; NODEMASK_WORDS] };

/// The topology whose sets were exported last.
static EXPORTED: AtomicPtr<KernelTopology> = AtomicPtr::new(null_mut());

/// The CPUs that were exported last.
static EXPORTED_CPUS: [AtomicUsize; MAX_CPUS / WORD_BITS] = [const { AtomicUsize::new(0) }; MAX_CPUS / WORD_BITS];

/// The topology as of the last call.
static CURRENT: AtomicPtr<KernelTopology> = AtomicPtr::new(null_mut());

/// Returns the current topology. The first call reads everything that later ones need; the exported sets are updated if the topology has
/// changed.
#[inline(always)]
pub(super) fn topology() -> &'static KernelTopology<'static> {
    let topology = topology::cached();
    if core::ptr::eq(CURRENT.load(Ordering::Acquire), topology) { topology } else { update_exported() }
}

#[cold]
#[inline(never)]
fn update_exported() -> &'static KernelTopology<'static> {
    if CURRENT.load(Ordering::Relaxed).is_null() {
        errno::preserve_errno(KernelTopology::current);
    }
    let topology = export();
    CURRENT.store(core::ptr::from_ref(topology).cast_mut(), Ordering::Release);
    topology
}

/// Writes what has changed into the exported sets, and keeps what the program has changed there. Returns the topology whose sets are
/// exported.
///
/// The first call, which is the loader's, also reads the environment, while no other thread can change it.
#[cold]
#[inline(never)]
fn export() -> &'static KernelTopology<'static> {
    errno::preserve_errno(|| {
        let mut last = EXPORTED.load(Ordering::Acquire);
        // SAFETY: NULL or the address of a topology, which is never freed.
        let mut from: Option<&KernelTopology> = unsafe { last.as_ref() };
        if from.is_none() {
            trace::init();
            if trace::is_on() {
                // SAFETY: the calls that are made otherwise, with errno marked.
                unsafe { kernel::interpose(&numaif::TRACED_CALLS) };
            }
            super::migrate::kernel_passthrough();
        }
        store_sizes();
        loop {
            // Below another root, only the files of its nodes say which CPUs it has.
            let to = if Root::of_process().is_running() { topology::cached() } else { KernelTopology::current() };
            store_changes(from, to);
            match EXPORTED.compare_exchange(last, core::ptr::from_ref(to).cast_mut(), AcqRel, Acquire) {
                Ok(_) if core::ptr::eq(to, topology::cached()) => break to,
                Ok(_) => last = core::ptr::from_ref(to).cast_mut(),
                Err(found) => {
                    // Another thread has exported another topology: the sets may be a mixture of both.
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
    let (max_nodes, max_cpus) = (topology::possible_nodes(), topology::possible_cpus().min(MAX_CPUS));
    for (set, size) in [
        (&raw mut ALL_NODES, max_nodes),
        (&raw mut NODES, max_nodes),
        (&raw mut NO_NODES, max_nodes),
        (&raw mut ALL_CPUS, max_cpus),
    ] {
        // SAFETY: the sets are static, and all threads store the same size.
        unsafe { AtomicUsize::from_ptr((&raw mut (*set).size).cast()) }.store(size, Ordering::Relaxed);
    }
}

/// Adds to the exported sets what `to` has and `from` lacks, and removes what `from` has and `to` lacks.
fn store_changes(from: Option<&KernelTopology>, to: &KernelTopology) {
    change(&ALL_NODES_WORDS, &from.map_or_else(NodeMask::new, KernelTopology::allowed_nodes), &to.allowed_nodes());
    let (last_nodes, nodes) = (from.map_or_else(NodeMask::new, KernelTopology::nodes), to.nodes());
    change(&NODES_WORDS, &last_nodes, &nodes);
    // SAFETY: the exported nodemask_t, accessed by its symbol because a copy relocation may have moved it into the program.
    let first_version = unsafe { &*(&raw const numa_all_nodes.n).cast::<[AtomicUsize; NODEMASK_WORDS]>() };
    change(first_version, &last_nodes, &nodes);
    for ((word, exported), now) in ALL_CPUS_WORDS.iter().zip(&EXPORTED_CPUS).zip(topology::task_cpus()) {
        word.fetch_or(now & !exported.load(Ordering::Relaxed), Ordering::Relaxed);
        exported.fetch_or(now, Ordering::Relaxed);
    }
}

fn change(words: &[AtomicUsize], from: &NodeMask, to: &NodeMask) {
    for ((word, from), to) in words.iter().zip(from.words()).zip(to.words()) {
        let (from, to) = (from.get(), to.get());
        if from != to {
            word.fetch_or(to & !from, Ordering::Relaxed);
            word.fetch_and(!(from & !to), Ordering::Relaxed);
        }
    }
}

/// The loader calls this before the program's own constructors.
#[cfg(not(test))]
#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = {
    extern "C" fn at_load() {
        // This also reads the sizes of the kernel's masks, which are those of the exported sets.
        topology::cached();
        export();
    }
    at_load
};

/// Returns the set that one of the exported pointers points to at this moment. The program may have assigned its own set to it.
///
/// # Safety
/// `pointer` is one of the exported pointers.
#[inline(always)]
unsafe fn read_global(pointer: *const *mut bitmask) -> *const bitmask {
    // SAFETY: volatile, because the program may write to it.
    unsafe { pointer.read_volatile() }
}

/// Copies an exported set. The words of the library's own set are read with relaxed atomics, as they are written.
///
/// # Safety
/// `mask` came from [`read_global`].
#[inline(always)]
unsafe fn copy(mask: *const bitmask, own: *const bitmask, own_words: &[AtomicUsize], to: BitsMut) {
    if mask == own {
        to.copy_from_shared(own_words);
    } else {
        // SAFETY: the set is valid, as the program must ensure for any call.
        to.copy_from(unsafe { super::mask::read(mask) });
    }
}

/// Returns the nodes on which the program may allocate memory, as numa_all_nodes_ptr has them.
pub(super) fn all_nodes() -> NodeMask {
    let nodes = NodeMask::new();
    read_all_nodes(nodes.bits());
    nodes
}

/// Copies the nodes on which the program may allocate memory, as numa_all_nodes_ptr has them, to `nodes`.
#[inline(never)]
pub(super) fn read_all_nodes(nodes: BitsMut) {
    topology();
    // SAFETY: one of the exported pointers.
    unsafe { copy(read_global(&raw const numa_all_nodes_ptr), &raw const ALL_NODES, &ALL_NODES_WORDS, nodes) };
}

/// Returns the nodes that exist, as numa_nodes_ptr has them.
#[inline(never)]
pub(super) fn nodes() -> NodeMask {
    let nodes = NodeMask::new();
    read_nodes(nodes.bits());
    nodes
}

/// Copies the nodes that exist, as numa_nodes_ptr has them, to `nodes`.
#[inline(never)]
pub(super) fn read_nodes(nodes: BitsMut) {
    topology();
    // SAFETY: one of the exported pointers.
    unsafe { copy(read_global(&raw const numa_nodes_ptr), &raw const NODES, &NODES_WORDS, nodes) };
}

/// Copies the CPUs that the program may run on, as numa_all_cpus_ptr has them, to an empty set, which would be large to return.
pub(super) fn read_all_cpus<const WORDS: usize>(cpus: &FixedBitmask<WORDS>) {
    topology();
    // The set has room for more CPUs than the kernel.
    let cpus = BitsMut::new(cpus.words(), topology::possible_cpus());
    // SAFETY: one of the exported pointers.
    unsafe { copy(read_global(&raw const numa_all_cpus_ptr), &raw const ALL_CPUS, &ALL_CPUS_WORDS, cpus) };
}

/// Returns whether the program may allocate on all nodes that exist, as it may on most machines.
#[inline(always)]
pub(super) fn may_allocate_on_all_nodes() -> bool {
    let used_words = topology().max_node() / WORD_BITS + 1;
    // SAFETY: two of the exported pointers.
    let (all, nodes) = unsafe { (read_global(&raw const numa_all_nodes_ptr), read_global(&raw const numa_nodes_ptr)) };
    let are_own = all == &raw const ALL_NODES && nodes == &raw const NODES;
    let words = || NODES_WORDS.iter().zip(&ALL_NODES_WORDS).take(used_words);
    are_own && words().all(|(node, allowed)| node.load(Ordering::Relaxed) & !allowed.load(Ordering::Relaxed) == 0)
}

/// Returns the nodes that the program may name: those of [`all_nodes`]; those with CPUs that it may run on, because a cpuset restricts
/// memory and CPUs separately; and those without memory and CPUs, such as one whose memory is offline.
pub(super) fn usable_nodes() -> NodeMask {
    let usable = all_nodes();
    if !may_allocate_on_all_nodes() {
        let (nodes, cpus) = (nodes(), CpuMask::new());
        read_all_cpus(&cpus);
        KernelTopology::current().add_usable_nodes(nodes.bits().as_bits(), cpus.bits().as_bits(), usable.bits());
    }
    usable
}

/// Reads the topology again if the kernel shows a node or CPU that it lacks. Returns whether anything changed.
pub(super) fn catch_up() -> bool {
    let changed = topology::catch_up();
    topology();
    changed
}

/// Returns whether `mask` is one of the exported sets, which must not be freed.
pub(super) fn is_builtin(mask: *const bitmask) -> bool {
    mask == &raw const ALL_NODES
        || mask == &raw const NODES
        || mask == &raw const NO_NODES
        || mask == &raw const ALL_CPUS
}

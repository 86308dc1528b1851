//! The sets that the library offers ready-made, as data: all nodes, no nodes, all CPUs.

use super::bitmask::{bitmask, nodemask_t};
use crate::bits::{Bits, BitsMut, WORD_BITS, Word};
use crate::log;
use crate::os::errno;
use crate::topology::{self, Cpus, MOST_CPUS, MOST_NODES, Nodes};
use core::cell::Cell;
use core::ffi::c_ulong;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The words of a set that lives as long as the library, which are filled while it is loaded, or by whichever call comes before.
struct Words<const LENGTH: usize>([Cell<Word>; LENGTH]);

// SAFETY: the words are written once, by `learn`, which writes the same values whoever comes first, and a program that changes
// them is told not to by numa(3).
unsafe impl<const LENGTH: usize> Sync for Words<LENGTH> {}

/// Defines a set, and its words apart from it, so that they take no room in the library's file.
macro_rules! ready_made {
    ($name:ident, $words:ident, $bits:expr) => {
        static $words: Words<{ $bits / WORD_BITS }> = Words([const { Cell::new(0) }; $bits / WORD_BITS]);
        static mut $name: bitmask =
            bitmask { size: $bits as c_ulong, maskp: (&raw const $words).cast::<c_ulong>().cast_mut() };
    };
}

ready_made!(ALL_NODES, ALL_NODES_WORDS, MOST_NODES);
ready_made!(NODES, NODES_WORDS, MOST_NODES);
ready_made!(NO_NODES, NO_NODES_WORDS, MOST_NODES);
ready_made!(ALL_CPUS, ALL_CPUS_WORDS, MOST_CPUS);

/// The nodes on which the program could allocate memory when it was started. Not to be changed or freed.
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

/// The CPUs that the program could run on when it was started. Not to be changed or freed.
///
/// Follows numa(3). Valid at any time, also before numa_available().
#[unsafe(no_mangle)]
pub static mut numa_all_cpus_ptr: *mut bitmask = &raw mut ALL_CPUS;

/// The nodes that the kernel has, for programs written for libnuma's first version. Not to be changed.
#[unsafe(no_mangle)]
pub static mut numa_all_nodes: nodemask_t = nodemask_t { n: [0; super::bitmask::NODEMASK_WORDS] };

/// The empty set of nodes, for programs written for libnuma's first version. Not to be changed.
#[unsafe(no_mangle)]
pub static mut numa_no_nodes: nodemask_t = nodemask_t { n: [0; super::bitmask::NODEMASK_WORDS] };

static LEARNT: AtomicBool = AtomicBool::new(false);

/// How many nodes and CPUs the program could use when it was started, whatever it puts into the sets later.
static TASK_NODES: AtomicUsize = AtomicUsize::new(0);
static TASK_CPUS: AtomicUsize = AtomicUsize::new(0);

/// Fills the sets, and finds out whether calls are logged, unless that was done.
fn learn() {
    if LEARNT.load(Ordering::Acquire) {
        return;
    }
    errno::untouched(|| {
        log::begin();
        super::moving::kernel_passthrough();
        let task_nodes = topology::task_nodes();
        let (nodes, cpus) = (topology::nodes(), Cpus::new());
        topology::put_task_cpus(&cpus);
        let (most_nodes, most_cpus) = (topology::possible_nodes(), topology::possible_cpus());
        // SAFETY: the statics live for ever; see `Words` for who else looks at them. The exported nodemask_t is reached by its
        // symbol, which may lie in the program.
        unsafe {
            for (set, size, members) in [
                (&raw mut ALL_NODES, most_nodes, task_nodes.bits()),
                (&raw mut NODES, most_nodes, nodes.bits()),
                (&raw mut NO_NODES, most_nodes, Nodes::new().bits()),
                (&raw mut ALL_CPUS, most_cpus.min(MOST_CPUS), cpus.bits()),
            ] {
                (*set).size = size as c_ulong;
                super::bitmask::write(set).copy_from(members.read());
            }
            TASK_NODES.store(super::bitmask::read(&raw const ALL_NODES).weight(), Ordering::Relaxed);
            TASK_CPUS.store(super::bitmask::read(&raw const ALL_CPUS).weight(), Ordering::Relaxed);
            let first_version =
                core::slice::from_raw_parts((&raw const numa_all_nodes).cast(), super::bitmask::NODEMASK_WORDS);
            BitsMut::new(first_version, super::bitmask::NUMA_NUM_NODES).copy_from(nodes.bits().read());
        }
    });
    LEARNT.store(true, Ordering::Release);
}

/// The loader calls what it finds here before the program's own constructors.
#[cfg(not(test))]
#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = {
    extern "C" fn at_load() {
        learn();
    }
    at_load
};

/// The number of nodes on which the program could allocate memory when it was started.
pub(super) fn task_nodes() -> usize {
    learn();
    TASK_NODES.load(Ordering::Relaxed)
}

/// The number of CPUs that the program could run on when it was started.
pub(super) fn task_cpus() -> usize {
    learn();
    TASK_CPUS.load(Ordering::Relaxed)
}

/// The set that one of the pointers above shows at this moment: the program may have put one of its own there.
///
/// # Safety
/// `pointer` is one of the pointers above.
unsafe fn shown(pointer: *const *mut bitmask) -> Bits<'static> {
    learn();
    // SAFETY: volatile, since the program writes it behind the compiler's back; what it puts there is valid, as for any call.
    unsafe { super::bitmask::read(pointer.read_volatile()) }
}

/// The nodes on which the program could allocate memory when it was started, as numa_all_nodes_ptr shows them.
pub(super) fn all_nodes() -> Bits<'static> {
    // SAFETY: one of the pointers above.
    unsafe { shown(&raw const numa_all_nodes_ptr) }
}

/// The nodes that the kernel has, as numa_nodes_ptr shows them.
pub(super) fn nodes() -> Bits<'static> {
    // SAFETY: one of the pointers above.
    unsafe { shown(&raw const numa_nodes_ptr) }
}

/// The CPUs that the program could run on when it was started, as numa_all_cpus_ptr shows them.
pub(super) fn all_cpus() -> Bits<'static> {
    // SAFETY: one of the pointers above.
    unsafe { shown(&raw const numa_all_cpus_ptr) }
}

/// The nodes that the program can name: those of [`all_nodes`], and those without memory whose CPUs it could run on when it was
/// started. `room` is for where there are such.
pub(super) fn usable_nodes(room: &Nodes) -> Bits<'_> {
    /// That all nodes have memory, as those of most machines, is not read again.
    static ALL_HAVE_MEMORY: AtomicBool = AtomicBool::new(false);
    if ALL_HAVE_MEMORY.load(Ordering::Acquire) {
        return all_nodes();
    }
    let (usable, with_memory) = (room.bits(), topology::nodes_with_memory());
    ALL_HAVE_MEMORY.store(with_memory.bits().read().equals(nodes()), Ordering::Release);
    usable.copy_from(all_nodes());
    for node in all_cpus().iter().filter_map(topology::node_of_cpu) {
        if !with_memory.bits().read().contains(node) {
            usable.set(node);
        }
    }
    usable.read()
}

/// Whether `mask` is one of the sets above, which nobody may free.
pub(super) fn is_ready_made(mask: *const bitmask) -> bool {
    mask == &raw const ALL_NODES
        || mask == &raw const NODES
        || mask == &raw const NO_NODES
        || mask == &raw const ALL_CPUS
}

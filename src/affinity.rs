//! CPU affinity: on which nodes and CPUs threads run.

use super::errors::{Warning, report_failure, status, warn, warn_with};
use super::globals;
use super::mask::{allocated, bitmask, read, read_inline, write_inline};
use super::nodes::node_exists;
use super::parse::{SMALL_WORDS, is_small};
use crate::trace::call;
use core::cell::Cell;
use core::ffi::c_int;
use numars::SyscallError;
use numars::for_c::affinity;
use numars::for_c::bitmask::{Bits, BitsMut, WORD_BITS, Word};
use numars::for_c::nodeset::{FixedBitmask, MAX_CPUS, NodeMask};
use numars::for_c::sys::errno;
use numars::for_c::sys::root::Root;
use numars::for_c::topology::{self, KernelTopology, for_each_bit};

/// Run the calling thread on the CPUs of one node only.
///
/// @param node  the node; -1: all CPUs
/// @return 0, or -1 with errno: ERANGE (no such node, also reported by numa_warn()), EINVAL (a
///         number that no node of this kernel can have; the thread may use none of the CPUs)
///
/// Thread-safe. Async-signal-safe unless it warns: numa_warn() prints with stdio.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_run_on_node(node: c_int) -> c_int {
    let result = match usize::try_from(node) {
        Ok(node) if node_exists(node) => status(affinity::run_on_nodes(NodeMask::single(node).bits().as_bits())),
        Ok(node) if node < topology::possible_nodes() => {
            warn(Warning::NO_CPUS_FILE, c"Cannot read node cpumask from sysfs");
            errno::set(errno::ERANGE);
            -1
        }
        Err(_) if node == -1 => status(affinity::run_on_all_cpus()),
        _ => {
            errno::set(errno::EINVAL);
            -1
        }
    };
    call!(numa_run_on_node(node = int(node))).returns(result)
}

/// Restricts the calling thread to the CPUs of those nodes of `wanted` that `usable` returns too; warns of the others, and reports a failure.
fn run_on_nodes(wanted: Bits, usable: fn() -> NodeMask) -> Result<(), SyscallError> {
    let mut allowed = usable();
    if wanted.iter().any(|node| !allowed.bits().as_bits().contains(node)) && globals::catch_up() {
        allowed = usable();
    }
    let nodes = NodeMask::new();
    for node in wanted.iter() {
        if allowed.bits().as_bits().contains(node) {
            nodes.bits().set(node);
        } else {
            // SAFETY: the format takes one int.
            unsafe { warn_with(Warning::NODE_NOT_ALLOWED, c"node %d not allowed", node as c_int) };
        }
    }
    let result = affinity::run_on_nodes(nodes.bits().as_bits());
    report_failure(result);
    result
}

/// As [`run_on_nodes`], with the nodes that the program may use.
pub(super) fn run_on_usable_nodes(wanted: Bits) -> Result<(), SyscallError> {
    run_on_nodes(wanted, globals::usable_nodes)
}

/// Run the calling thread on the CPUs of the given nodes only.
///
/// @param mask  the nodes; those on which the program may neither allocate nor run are left out,
///              which is reported by numa_warn()
/// @return 0, or -1 with errno, also reported by numa_error(): EINVAL (the thread may use none of
///         their CPUs)
///
/// Thread-safe. Async-signal-safe unless it fails or warns: numa_error() and numa_warn() print with
/// stdio.
///
/// Follows numa(3).
///
/// # Safety
/// mask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_run_on_node_mask(mask: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(mask) };
    call!(numa_run_on_node_mask(mask = set(&nodes))).status(run_on_usable_nodes(nodes))
}

/// Run the calling thread on the CPUs of the given nodes only, without regard to the cpuset.
///
/// Like numa_run_on_node_mask(), but no node that exists is left out. The kernel still limits the
/// thread to the CPUs of its cpuset.
///
/// @param mask  the nodes; those that do not exist are left out, which is reported by numa_warn()
/// @return 0, or -1 with errno, also reported by numa_error(): EINVAL (the thread may use none of
///         their CPUs)
///
/// Thread-safe. Async-signal-safe unless it fails or warns: numa_error() and numa_warn() print with
/// stdio.
///
/// Follows numa(3).
///
/// # Safety
/// mask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_run_on_node_mask_all(mask: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(mask) };
    call!(numa_run_on_node_mask_all(mask = set(&nodes))).status(run_on_nodes(nodes, globals::nodes))
}

/// Return the nodes on whose CPUs the calling thread may run.
///
/// Nodes on which the program may not allocate are included only if the thread may run on no other.
///
/// @return a node mask, to be freed with numa_bitmask_free(); NULL with errno ENOMEM
///
/// Thread-safe. Not async-signal-safe: calls malloc(3).
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_get_run_node_mask() -> *mut bitmask {
    let nodes = NodeMask::new();
    read_nodes_run_on(&nodes);
    // A program may compare it with numa_get_membind(), which never has a node without memory.
    if !globals::may_allocate_on_all_nodes() {
        keep_allowed(&nodes);
    }
    run_node_mask(&nodes)
}

/// Removes nodes on which the program may not allocate, unless there are no others.
#[inline(never)]
fn keep_allowed(nodes: &NodeMask) {
    let allowed = globals::all_nodes();
    let words = || nodes.words().iter().zip(allowed.words());
    if words().any(|(run_on, allowed)| run_on.get() & allowed.get() != 0) {
        words().for_each(|(run_on, allowed)| run_on.set(run_on.get() & allowed.get()));
    }
}

/// Adds the nodes on whose CPUs the calling thread may run to an empty set. Returning it would copy it.
pub(super) fn read_nodes_run_on(nodes: &NodeMask) {
    // The CPUs of another machine, which NUMARS_FSROOT names, may be fewer than the kernel has.
    if is_small() && Root::of_process().is_running() {
        read_nodes_of_affinity::<SMALL_WORDS>(nodes)
    } else {
        read_nodes_of_affinity::<{ MAX_CPUS / WORD_BITS }>(nodes)
    }
}

/// [`read_nodes_run_on`] with room for so many words of CPUs.
fn read_nodes_of_affinity<const WORDS: usize>(nodes: &NodeMask) {
    let cpus = FixedBitmask::<WORDS>::new();
    topology::affinity_into(&cpus);
    // There is room in the set for more CPUs than the kernel has, whose mask is whole words.
    let cpus = cpus.words().get(..topology::possible_cpus() / WORD_BITS).unwrap_or(cpus.words());
    if !add_nodes_of(cpus, nodes.bits()) && globals::catch_up() {
        nodes.bits().fill(false);
        add_nodes_of(cpus, nodes.bits());
    }
}

/// Adds the nodes of CPUs. Returns whether the node of each is known.
#[inline(never)]
fn add_nodes_of(cpus: &[Cell<Word>], nodes: BitsMut) -> bool {
    let machine = KernelTopology::current();
    let mut are_known = true;
    for (index, word) in cpus.iter().enumerate() {
        for_each_bit(&[word.get()], |bit| match machine.node_of_cpu(index * WORD_BITS + bit) {
            Some(node) => nodes.set(node),
            None => are_known = false,
        });
    }
    are_known
}

/// Makes a set of `nodes`, as large as libnuma makes it unless a node would not fit.
pub(super) fn run_node_mask(nodes: &NodeMask) -> *mut bitmask {
    let nodes = nodes.bits().as_bits();
    let cpus = topology::possible_cpus();
    let has_room = topology::cached().max_node() < cpus || nodes.highest() < Some(cpus);
    let size = if has_room { cpus } else { topology::possible_nodes() };
    allocated(size, nodes)
}

/// Restricts the calling thread to the CPUs of the nodes of `mask` that exist; warns if there are others.
///
/// # Safety
/// `mask` is valid.
pub(super) unsafe fn run_on_existing_nodes(mask: *const bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(mask) };
    if !nodes.iter().all(node_exists) {
        warn(Warning::NO_CPUS_FILE, c"Cannot read node cpumask from sysfs");
        errno::set(errno::ERANGE);
    }
    call!(numa_run_on_node_mask(mask = set(&nodes))).status(affinity::run_on_nodes(nodes))
}

/// Retrieve the CPU affinity of a thread.
///
/// @param pid   the thread ID; 0: the calling thread
/// @param mask  receives the CPUs; one of numa_allocate_cpumask() is large enough
/// @return the size of the kernel's CPU mask in bytes; -1 with errno: EINVAL (mask is too small),
///         ESRCH (no such thread), EPERM
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3) and sched_getaffinity(2).
///
/// # Safety
/// mask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_sched_getaffinity(pid: c_int, mask: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    affinity::get(pid, unsafe { write_inline(mask) }).map_or(-1, |bytes| bytes as c_int)
}

/// Set the CPU affinity of a thread.
///
/// @param pid   the thread ID; 0: the calling thread
/// @param mask  the CPUs, of any size
/// @return 0, or -1 with errno: EINVAL (the thread may use none of the CPUs), ESRCH (no such
///         thread), EPERM (another user's thread)
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3) and sched_setaffinity(2).
///
/// # Safety
/// mask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_sched_setaffinity(pid: c_int, mask: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let cpus = unsafe { read_inline(mask) };
    call!(numa_sched_setaffinity(pid = int(pid), mask = set(&cpus))).status(affinity::set_bits(pid, cpus))
}

//! CPU affinity: on which nodes and CPUs threads run.

use super::errors::{Warning, report_failure, status, warn, warn_with};
use super::globals;
use super::mask::{allocated, bitmask, read, write};
use super::nodes::node_exists;
use crate::trace::trace_call;
use core::cell::Cell;
use core::ffi::c_int;
use numars::affinity;
use numars::bitmask::{Bits, Word};
use numars::error::SyscallError;
use numars::nodeset::{CpuSet, NodeSet};
use numars::sys::errno;
use numars::topology::{self, Topology};

/// Runs the calling thread on the CPUs of a node.
///
/// @param node  the node; -1: on all CPUs again
/// @return 0, or -1 with errno: ERANGE (no such node, which numa_warn() is told too), EINVAL (a node that no kernel can have;
///         none of its CPUs may be used)
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_run_on_node(node: c_int) -> c_int {
    let result = match usize::try_from(node) {
        Ok(node) if node_exists(node) => status(affinity::run_on_nodes(NodeSet::single(node).bits().as_bits())),
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
    trace_call!("numa_run_on_node(node=*)", [node], result)
}

/// Restricts the calling thread to the CPUs of those nodes of `wanted` that `usable` returns too; warns of the others, and reports a failure.
fn run_on_nodes(wanted: Bits, usable: fn() -> NodeSet) -> Result<(), SyscallError> {
    let mut allowed = usable();
    if wanted.iter().any(|node| !allowed.bits().as_bits().contains(node)) && globals::catch_up() {
        allowed = usable();
    }
    let nodes = NodeSet::new();
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

/// Runs the calling thread on the CPUs of some nodes.
///
/// @param mask  the nodes; those that the program may neither allocate nor run on are left out with a warning
/// @return 0, or -1 with errno: EINVAL (none of their CPUs may be used)
///
/// Follows numa(3).
///
/// # Safety
/// mask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_run_on_node_mask(mask: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(mask) };
    status(trace_call!("numa_run_on_node_mask(mask=*)", [nodes], run_on_usable_nodes(nodes)))
}

/// Runs the calling thread on the CPUs of some nodes, also of those that its cpuset does not name.
///
/// @param mask  the nodes
/// @return 0, or -1 with errno: EINVAL (none of their CPUs may be used)
///
/// Follows numa(3).
///
/// # Safety
/// mask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_run_on_node_mask_all(mask: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(mask) };
    status(trace_call!("numa_run_on_node_mask_all(mask=*)", [nodes], run_on_nodes(nodes, globals::nodes)))
}

/// The nodes on whose CPUs the calling thread may run, of those that it may allocate on; if it may run on none of these, the nodes
/// of its CPUs.
///
/// @return a set, to be given back with numa_bitmask_free(); NULL with errno ENOMEM
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_get_run_node_mask() -> *mut bitmask {
    let (nodes, allowed) = (nodes_run_on(), globals::all_nodes());
    let common = |(run_on, allowed): (&Cell<Word>, &Cell<Word>)| run_on.get() & allowed.get();
    // A program may compare it with numa_get_membind(), which never has a node without memory.
    if nodes.words().iter().zip(allowed.words()).any(|words| common(words) != 0) {
        nodes.words().iter().zip(allowed.words()).for_each(|words| words.0.set(common(words)));
    }
    run_node_mask(nodes)
}

/// Returns the nodes on whose CPUs the calling thread may run.
pub(super) fn nodes_run_on() -> NodeSet {
    let (nodes, cpus) = (NodeSet::new(), CpuSet::new());
    topology::affinity_into(&cpus);
    // There is room in the set for more CPUs than the kernel has.
    let cpus = Bits::new(cpus.words(), topology::possible_cpus());
    let mut machine = Topology::current();
    if cpus.iter().any(|cpu| machine.node_of_cpu(cpu).is_none()) && globals::catch_up() {
        machine = Topology::current();
    }
    cpus.iter().filter_map(|cpu| machine.node_of_cpu(cpu)).for_each(|node| nodes.bits().set(node));
    nodes
}

/// Makes a set of `nodes`, as large as libnuma makes it unless a node would not fit.
pub(super) fn run_node_mask(nodes: NodeSet) -> *mut bitmask {
    let nodes = nodes.bits().as_bits();
    let cpus = topology::possible_cpus();
    let size = if nodes.highest() >= Some(cpus) { topology::possible_nodes() } else { cpus };
    allocated(size, nodes)
}

/// Restricts the calling thread to the CPUs of the nodes of `mask` that exist; warns if there are others.
///
/// # Safety
/// `mask` is valid.
pub(super) unsafe fn run_on_existing_nodes(mask: *const bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let wanted = unsafe { read(mask) };
    if !wanted.iter().all(node_exists) {
        warn(Warning::NO_CPUS_FILE, c"Cannot read node cpumask from sysfs");
        errno::set(errno::ERANGE);
    }
    status(trace_call!("numa_run_on_node_mask(mask=*)", [wanted], affinity::run_on_nodes(wanted)))
}

/// The CPUs on which a thread may run.
///
/// @param pid   the thread; 0 is the calling one
/// @param mask  where to put the CPUs; numa_allocate_cpumask() makes one that is large enough
/// @return the bytes that the kernel's CPU mask has; -1 with errno: EINVAL (mask is too small), ESRCH (no such thread), EPERM
///
/// Follows numa(3) and sched_getaffinity(2).
///
/// # Safety
/// mask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_sched_getaffinity(pid: c_int, mask: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    affinity::get(pid, unsafe { write(mask) }).map_or(-1, |bytes| bytes as c_int)
}

/// Sets the CPUs on which a thread may run.
///
/// @param pid   the thread; 0 is the calling one
/// @param mask  the CPUs
/// @return 0, or -1 with errno: EINVAL (none of the CPUs may be used), ESRCH (no such thread), EPERM
///
/// Follows numa(3) and sched_setaffinity(2).
///
/// # Safety
/// mask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_sched_setaffinity(pid: c_int, mask: *mut bitmask) -> c_int {
    let cpus = CpuSet::new();
    // Of the last word, only what belongs to the set. SAFETY: as the caller promises.
    cpus.bits().copy_from(unsafe { read(mask) });
    trace_call!(
        "numa_sched_setaffinity(pid=*, mask=*)",
        [pid, cpus.bits().as_bits()],
        status(affinity::set(pid, &cpus))
    )
}

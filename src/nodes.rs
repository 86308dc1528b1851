//! Nodes and CPUs: counts, sizes, distances, and which CPUs each node has.

use super::errors::call_numa_error;
use super::globals;
use super::mask::{allocate, bitmask, free, write};
use core::ffi::{c_int, c_long, c_longlong};
use numars::error::{Syscall, SyscallError};
use numars::sys::{errno, kernel, memory};
use numars::topology::{self, Topology, for_each_bit};

/// Converts a count or number to C's int.
fn int(number: usize) -> c_int {
    c_int::try_from(number).unwrap_or(c_int::MAX)
}

/// The highest node that the kernel could have.
///
/// @return numa_num_possible_nodes() - 1
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_max_possible_node() -> c_int {
    int(topology::possible_nodes()) - 1
}

/// The size of the kernel's node mask in bits, and so of the sets of numa_allocate_nodemask().
///
/// @return the number of nodes, present or not, that the kernel could have
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_num_possible_nodes() -> c_int {
    int(topology::possible_nodes())
}

/// The size of the kernel's CPU mask in bits, and so of the sets of numa_allocate_cpumask().
///
/// @return the number of CPUs, present or not, that the kernel could have
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_num_possible_cpus() -> c_int {
    int(topology::possible_cpus())
}

/// The highest node that there is, with memory or without.
///
/// @return its number; 0 where the kernel does not say
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_max_node() -> c_int {
    int(globals::topology().max_node())
}

/// Return the number of nodes that have memory, as of the last reading of the machine: numa_node_to_cpu_update() reads it again, and
/// so does a call that the kernel shows a node or CPU that is not known yet.
///
/// @return the number of nodes
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_num_configured_nodes() -> c_int {
    int(globals::topology().configured_nodes())
}

/// The nodes on which the calling task may allocate memory at this moment.
///
/// @return a set, to be given back with numa_bitmask_free(); NULL with errno ENOMEM. Empty if the kernel refuses, which is reported by
///         numa_error()
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_get_mems_allowed() -> *mut bitmask {
    let mask = allocate(topology::possible_nodes());
    // SAFETY: a fresh set.
    if mask.is_null() || topology::mems_allowed_into(unsafe { write(mask) }) {
        return mask;
    }
    let error = SyscallError::last(Syscall::GetMempolicy);
    // Freed first, because the program's own numa_error() may not return.
    // SAFETY: no one else has this set.
    unsafe { free(mask) };
    call_numa_error(error);
    allocate(topology::possible_nodes())
}

/// Return the number of CPUs, online or not, that the machine has, as of the last reading of the machine: see
/// numa_num_configured_nodes().
///
/// @return the number of CPUs
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_num_configured_cpus() -> c_int {
    int(topology::configured_cpus())
}

/// Return the number of CPUs in numa_all_cpus_ptr as the library filled it.
///
/// @return their number
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_num_task_cpus() -> c_int {
    int(globals::topology().count_allowed_cpus())
}

/// Return the number of nodes in numa_all_nodes_ptr as the library filled it.
///
/// @return their number
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_num_task_nodes() -> c_int {
    int(globals::topology().count_allowed_nodes())
}

/// An older name of numa_num_task_cpus().
///
/// @return as there
#[unsafe(no_mangle)]
pub extern "C" fn numa_num_thread_cpus() -> c_int {
    numa_num_task_cpus()
}

/// An older name of numa_num_task_nodes().
///
/// @return as there
#[unsafe(no_mangle)]
pub extern "C" fn numa_num_thread_nodes() -> c_int {
    numa_num_task_nodes()
}

/// The memory of a node.
///
/// @param node   the node
/// @param freep  where to put the bytes that are free, 0 if there is no such node; may be NULL
/// @return the bytes it has; -1 with errno ENOENT if there is no such node, or that of open(2)
///
/// Follows numa(3).
///
/// # Safety
/// freep is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_node_size64(node: c_int, freep: *mut c_longlong) -> c_longlong {
    let memory = usize::try_from(node).map_err(|_| errno::ENOENT).and_then(topology::memory_of_node);
    let bytes = |amount: u64| c_longlong::try_from(amount).unwrap_or(c_longlong::MAX);
    // SAFETY: as the caller promises.
    if let Some(free) = unsafe { freep.as_mut() } {
        *free = memory.as_ref().map_or(0, |memory| bytes(memory.free));
    }
    match memory {
        Ok(memory) => bytes(memory.total),
        Err(error) => {
            errno::set(error);
            -1
        }
    }
}

/// The memory of a node, as numa_node_size64() for machines whose long is too short.
///
/// @param node   the node
/// @param freep  where to put the bytes that are free, 0 if there is no such node; may be NULL
/// @return the bytes it has; -1 with errno ENOENT if there is no such node, or that of open(2)
///
/// Follows numa(3).
///
/// # Safety
/// freep is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_node_size(node: c_int, freep: *mut c_long) -> c_long {
    let mut free = 0;
    // SAFETY: `free` may be written.
    let total = unsafe { numa_node_size64(node, &mut free) };
    // SAFETY: as the caller promises.
    if let Some(place) = unsafe { freep.as_mut() } {
        *place = free as c_long;
    }
    total as c_long
}

/// The size of a base page.
///
/// @return bytes
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_pagesize() -> c_int {
    int(memory::page_size())
}

/// The distance from one node to another as the firmware gives it: 10 for a node itself, more for others.
///
/// @param node1  the one node
/// @param node2  the other
/// @return the distance; 0 if it is not known
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_distance(node1: c_int, node2: c_int) -> c_int {
    let (Ok(from), Ok(to)) = (usize::try_from(node1), usize::try_from(node2)) else { return 0 };
    topology::distance(from, to).map_or(0, c_int::from)
}

/// Returns whether a node exists, after reading the topology again if it lacks the node.
pub(super) fn node_exists(node: usize) -> bool {
    let exists = || globals::topology().has_node(node);
    node < topology::possible_nodes() && (exists() || globals::catch_up() && exists())
}

/// The CPUs of a node.
///
/// @param node  the node
/// @param mask  where to put them; numa_allocate_cpumask() makes one that is large enough
/// @return 0, or -1 with errno: ERANGE (there is no such node, or mask is too small for its CPUs; it has those that fit),
///         ENOENT (the kernel tells of no CPUs: /sys is not mounted, or cannot be read at the moment)
///
/// Follows numa(3). The CPUs are read once, and again by numa_node_to_cpu_update(), when the calling thread runs on a CPU that is not
/// known yet, or when a call is about to fail although the kernel shows such a node or CPU.
///
/// # Safety
/// mask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_node_to_cpus(node: c_int, mask: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let mask = unsafe { write(mask) };
    mask.fill(false);
    let Some(node) = usize::try_from(node).ok().filter(|&node| node_exists(node)) else {
        errno::set(errno::ERANGE);
        return -1;
    };
    let mut topology = Topology::current();
    let is_on_unknown_cpu = || kernel::current_cpu().is_some_and(|cpu| topology.node_of_cpu(cpu).is_none());
    if is_on_unknown_cpu() && globals::catch_up() {
        topology = Topology::current();
    }
    let (mut any, mut fit) = (false, true);
    for_each_bit(topology.cpu_words_of_node(node), |cpu| {
        any = true;
        fit &= cpu < mask.as_bits().length();
        mask.set(cpu);
    });
    let error = match (any, fit) {
        (_, false) => errno::ERANGE,
        (false, true) if !topology.has_all_cpus() => errno::ENOENT,
        _ => return 0,
    };
    errno::set(error);
    -1
}

/// Read the nodes and their CPUs again, after CPUs or nodes came or went. What cannot be read stays as it was.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_node_to_cpu_update() {
    topology::update();
    globals::topology();
}

/// The node that a CPU belongs to.
///
/// @param cpu  the CPU
/// @return its node, the first of several that have it; -1 with errno EINVAL if no node has it
///
/// Follows numa(3). A CPU that came online since the nodes were read is found if the calling thread may run on it.
#[unsafe(no_mangle)]
pub extern "C" fn numa_node_of_cpu(cpu: c_int) -> c_int {
    let lookup = |cpu: usize| {
        let may_appear = || cpu < topology::possible_cpus() && globals::catch_up();
        let node = Topology::current()
            .node_of_cpu(cpu)
            .or_else(|| if may_appear() { Topology::current().node_of_cpu(cpu) } else { None });
        node.or_else(|| topology::node_of_current_cpu(cpu))
    };
    match usize::try_from(cpu).ok().and_then(lookup) {
        Some(node) => int(node),
        None => {
            errno::set(errno::EINVAL);
            -1
        }
    }
}

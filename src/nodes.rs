//! Nodes and CPUs: counts, sizes, distances, and which CPUs each node has.

use super::errors::call_numa_error;
use super::globals;
use super::mask::{allocate, bitmask, free, write};
use core::ffi::{c_int, c_long, c_longlong};
use numars::for_c::sys::{errno, kernel};
use numars::for_c::topology::{self, KernelTopology, for_each_bit};
use numars::{Syscall, SyscallError};

/// Converts a count or number to C's int.
fn int(number: usize) -> c_int {
    c_int::try_from(number).unwrap_or(c_int::MAX)
}

/// Converts a number to C's long, of which an isize has the size: the nearest one if it does not fit, as strtol(3) does.
pub(super) fn long(number: i64) -> isize {
    number.clamp(isize::MIN as i64, isize::MAX as i64) as isize
}

/// Return the highest node number that the kernel supports.
///
/// @return numa_num_possible_nodes() - 1
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_max_possible_node() -> c_int {
    int(topology::possible_nodes()) - 1
}

/// Return the size of the kernel's node mask in bits, which is that of masks of
/// numa_allocate_nodemask().
///
/// @return the number of nodes, present or not, that the kernel supports
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_num_possible_nodes() -> c_int {
    int(topology::possible_nodes())
}

/// Return the size of the kernel's CPU mask in bits, which is that of masks of
/// numa_allocate_cpumask().
///
/// @return the number of CPUs, present or not, that the kernel supports
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_num_possible_cpus() -> c_int {
    int(topology::possible_cpus())
}

/// Return the highest node number of the machine, with or without memory.
///
/// @return the node; 0 if the kernel does not list nodes
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_max_node() -> c_int {
    int(globals::topology().max_node())
}

/// Return the number of nodes that have memory.
///
/// It is that of the last time the machine was read: numa_node_to_cpu_update() reads it again, and
/// so does a call to which the kernel shows a node or CPU that is not known yet.
///
/// @return the number of nodes
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_num_configured_nodes() -> c_int {
    int(globals::topology().configured_nodes())
}

/// Return the nodes that the calling thread's cpuset allows it to allocate on, as of now
/// (MPOL_F_MEMS_ALLOWED).
///
/// @return a node mask, to be freed with numa_bitmask_free(), empty if get_mempolicy(2) fails,
///         which is reported by numa_error(); NULL with errno ENOMEM
///
/// Thread-safe. Not async-signal-safe: calls malloc(3).
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

/// Return the number of CPUs of the machine, online or not.
///
/// It is that of the last time the machine was read: see numa_num_configured_nodes().
///
/// @return the number of CPUs
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_num_configured_cpus() -> c_int {
    int(topology::configured_cpus())
}

/// Return the number of CPUs that the program may run on: those that the library has set in
/// numa_all_cpus_ptr.
///
/// @return the number of CPUs
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_num_task_cpus() -> c_int {
    int(globals::topology().count_allowed_cpus())
}

/// Return the number of nodes that the program may allocate on: those that the library has set in
/// numa_all_nodes_ptr.
///
/// @return the number of nodes
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_num_task_nodes() -> c_int {
    int(globals::topology().count_allowed_nodes())
}

/// Older name of numa_num_task_cpus().
///
/// @return the number of CPUs
///
/// Thread-safe. Async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn numa_num_thread_cpus() -> c_int {
    numa_num_task_cpus()
}

/// Older name of numa_num_task_nodes().
///
/// @return the number of nodes
///
/// Thread-safe. Async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn numa_num_thread_nodes() -> c_int {
    numa_num_task_nodes()
}

/// Return the size of a node's memory in bytes.
///
/// @param node   the node
/// @param freep  receives the free bytes, 0 on failure; may be NULL
/// @return bytes; -1 with errno: ENOENT (no such node), or that of open(2) of its file meminfo in
///         /sys
///
/// Thread-safe. Async-signal-safe.
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
        *free = memory.as_ref().map_or(0, |memory| bytes(memory.free()));
    }
    match memory {
        Ok(memory) => bytes(memory.total()),
        Err(error) => {
            errno::set(error);
            -1
        }
    }
}

/// Return the size of a node's memory in bytes, like numa_node_size64().
///
/// A long of 32 bits cannot hold sizes of 2 GiB and more: they are LONG_MAX.
///
/// @param node   the node
/// @param freep  receives the free bytes, 0 on failure; may be NULL
/// @return bytes; -1 with errno: ENOENT (no such node), or that of open(2) of its file meminfo in
///         /sys
///
/// Thread-safe. Async-signal-safe.
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
        *place = long(free) as c_long;
    }
    long(total) as c_long
}

/// Return the size of a base page in bytes.
///
/// @return bytes
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_pagesize() -> c_int {
    int(numars::page_size())
}

/// Return the distance from one node to another as the firmware states it: 10 from a node to
/// itself, more to others.
///
/// @param node1  the node from which the distance is measured
/// @param node2  the node to which it is measured
/// @return the distance; 0 if it is not known
///
/// Thread-safe. Async-signal-safe.
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

/// Retrieve the CPUs of a node.
///
/// CPUs are read once, and again by numa_node_to_cpu_update(), when the calling thread runs on a
/// CPU that is not known yet, and when a call would fail but the kernel shows a node or CPU that is
/// not known yet.
///
/// @param node  the node
/// @param mask  receives the CPUs; one of numa_allocate_cpumask() is large enough
/// @return 0, or -1 with errno: ERANGE (no such node; mask is too small for the CPUs, of which it
///         has those that fit), ENOENT (CPUs cannot be read: /sys is not mounted, or not readable
///         now)
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
///
/// # Safety
/// mask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_node_to_cpus(node: c_int, mask: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let mask = unsafe { write(mask) };
    mask.fill(false);
    let Some(node) = usize::try_from(node).ok().filter(|&node| node_exists(node)) else {
        errno::set(errno::ERANGE);
        return -1;
    };
    let mut topology = KernelTopology::current();
    let is_on_unknown_cpu = || kernel::current_cpu().is_some_and(|cpu| topology.node_of_cpu(cpu).is_none());
    if is_on_unknown_cpu() && globals::catch_up() {
        topology = KernelTopology::current();
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

/// Read the nodes and their CPUs again, after some were added or removed.
///
/// The result is that of the whole process. What cannot be read stays as it was.
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_node_to_cpu_update() {
    topology::update();
    globals::topology();
}

/// Return the node of a CPU.
///
/// A CPU that came online after the CPUs were read is found if the calling thread may run on it.
///
/// @param cpu  the CPU
/// @return its node, the first one if several nodes have it; -1 with errno: EINVAL (no node has it)
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_node_of_cpu(cpu: c_int) -> c_int {
    let lookup = |cpu: usize| {
        let may_appear = || cpu < topology::possible_cpus() && globals::catch_up();
        let node = KernelTopology::current()
            .node_of_cpu(cpu)
            .or_else(|| if may_appear() { KernelTopology::current().node_of_cpu(cpu) } else { None });
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

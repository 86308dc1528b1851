//! The memory policy of the calling thread.

use super::affinity::run_on_usable_nodes;
use super::errors::{Warning, call_numa_error, report_failure, status, warn};
use super::globals;
use super::mask::{allocate, bitmask, free, read, words, write};
use crate::trace::trace_call;
use core::ffi::{c_int, c_ulong, c_void};
use numars::bitmask::BitsMut;
use numars::error::SyscallError;
use numars::mempolicy::{self, Applied, MemRange, Mode};
use numars::nodeset::NodeSet;
use numars::sys::errno;
use numars::topology;

/// Makes a set of the nodes of the calling thread's policy if that has the mode `wanted`, or any if that is `None`; otherwise, `fill` makes
/// the set. A policy that the kernel does not tell is reported.
// In one place: it is called by four functions.
#[inline(never)]
fn nodes_of_policy(wanted: Option<Mode>, fill: fn(BitsMut)) -> *mut bitmask {
    let mut mask = allocate(topology::possible_nodes());
    if mask.is_null() {
        return mask;
    }
    // SAFETY: a fresh set.
    let (words, size) = unsafe { words(mask) };
    let set = BitsMut::new(words, size);
    match mempolicy::task_policy(set) {
        Ok(policy) if wanted.is_none_or(|mode| policy.is(mode)) => {}
        Ok(_) => fill(set),
        Err(error) => {
            // Freed first, since the program's own numa_error() may not return.
            // SAFETY: no other code has this set.
            unsafe { free(mask) };
            call_numa_error(error);
            mask = allocate(topology::possible_nodes());
            // SAFETY: NULL or a fresh set.
            fill(unsafe { write(mask) });
        }
    }
    mask
}

/// Makes a set empty.
fn clear(set: BitsMut) {
    set.fill(false);
}

/// Return the first node of the calling thread's policy.
///
/// @return the node; 0 if the policy names none, or if the kernel refuses, which is reported by numa_error(). numa_preferred_err() tells
///         these apart
///
/// Follows the newest numa(3). libnuma 2.0.19 and older return -1, which programs use as an index.
#[unsafe(no_mangle)]
pub extern "C" fn numa_preferred() -> c_int {
    let first = first_node_of_policy().unwrap_or_else(|error| {
        call_numa_error(error);
        None
    });
    first.unwrap_or(0)
}

/// Return the first node of the calling thread's policy, silently.
///
/// @return the node; -1 if the policy names none, or with errno if the kernel refuses
///
/// Follows the newest numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_preferred_err() -> c_int {
    first_node_of_policy().ok().flatten().unwrap_or(-1)
}

/// Returns the first node of the calling thread's policy, if that has nodes.
fn first_node_of_policy() -> Result<Option<c_int>, SyscallError> {
    let nodes = NodeSet::new();
    let policy = mempolicy::task_policy(nodes.bits())?;
    Ok(policy.first().map(|node| node as c_int))
}

/// Tells whether the kernel knows MPOL_PREFERRED_MANY (Linux 5.15), which numa_set_preferred_many() needs.
///
/// @return 1 if so, 0 if not
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_has_preferred_many() -> c_int {
    c_int::from(mempolicy::has_preferred_many())
}

/// The nodes of the calling thread's policy.
///
/// @return a set, to be given back with numa_bitmask_free(), empty if the policy names none; NULL with errno ENOMEM
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_preferred_many() -> *mut bitmask {
    nodes_of_policy(None, clear)
}

/// Allocates on a node first, and on others when that is full.
///
/// @param node  the node; a negative number: where the thread runs
///
/// Follows numa(3). A failure is reported by numa_error(); numars_set_preferred() returns it.
#[unsafe(no_mangle)]
pub extern "C" fn numa_set_preferred(node: c_int) {
    report_failure(trace_call!(
        "numa_set_preferred(node=*)",
        [node],
        mempolicy::prefer_node(usize::try_from(node).ok())
    ));
}

/// Allocate on some nodes first, and on others when those are full (MPOL_PREFERRED_MANY, Linux 5.15). On an older kernel, warn and
/// prefer the first of the nodes (MPOL_PREFERRED).
///
/// @param nodemask  the nodes, at least one
///
/// Follows numa(3). A failure is reported by numa_error(); numars_set_preferred_many() returns it.
///
/// # Safety
/// nodemask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_set_preferred_many(nodemask: *mut bitmask) {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    let applied = trace_call!("numa_set_preferred_many(nodemask=*)", [nodes], mempolicy::prefer_nodes(nodes));
    let falls_back = match applied {
        Ok(applied) => applied == Applied::Fallback,
        Err(_) => mempolicy::lacks_preferred_many(),
    };
    if falls_back {
        let text = c"Unable to handle MANY preferred nodes. Falling back to first node\n";
        errno::preserve_errno(|| warn(Warning::ONE_PREFERRED_NODE, text));
    }
    report_failure(applied.map(|_| ()));
}

/// The node on which the next page is put that the calling thread allocates, if it interleaves.
///
/// @return the node; 0, with errno EINVAL, if the thread does not interleave
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_get_interleave_node() -> c_int {
    numars::sys::kernel::next_interleave_node().unwrap_or(0)
}

/// The nodes on which the calling thread allocates in turn.
///
/// @return a set, to be given back with numa_bitmask_free(), empty if the thread does not interleave; NULL with errno ENOMEM
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_get_interleave_mask() -> *mut bitmask {
    nodes_of_policy(Some(Mode::Interleave), clear)
}

/// Allocates on some nodes in turn.
///
/// @param nodemask  the nodes; none: as usual
///
/// Follows numa(3). A failure is reported by numa_error(); numars_set_interleave_mask() returns it.
///
/// # Safety
/// nodemask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_set_interleave_mask(nodemask: *mut bitmask) {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    report_failure(trace_call!("numa_set_interleave_mask(nodemask=*)", [nodes], mempolicy::interleave_task(nodes)));
}

/// The nodes on which the calling thread allocates in turn as their weights say.
///
/// @return a set, to be given back with numa_bitmask_free(), empty if the thread does not do so; NULL with errno ENOMEM
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_get_weighted_interleave_mask() -> *mut bitmask {
    nodes_of_policy(Some(Mode::WeightedInterleave), clear)
}

/// Allocates on some nodes in turn, on each as often as its weight in /sys/kernel/mm/mempolicy/weighted_interleave says
/// (Linux 6.9).
///
/// @param nodemask  the nodes; none: as usual
///
/// Follows numa(3). A failure is reported by numa_error(); numars_set_weighted_interleave_mask() returns it.
///
/// # Safety
/// nodemask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_set_weighted_interleave_mask(nodemask: *mut bitmask) {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    report_failure(trace_call!(
        "numa_set_weighted_interleave_mask(nodemask=*)",
        [nodes],
        mempolicy::weighted_interleave_task(nodes)
    ));
}

/// Runs and allocates on some nodes alone.
///
/// @param nodes  the nodes
///
/// Follows numa(3). A failure is reported by numa_error(); numars_bind() returns it.
///
/// # Safety
/// nodes is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bind(nodes: *mut bitmask) {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodes) };
    let ran = run_on_usable_nodes(nodes);
    let bound = mempolicy::bind_task(nodes);
    let _ = trace_call!("numa_bind(nodes=*)", [nodes], ran.and(bound));
    report_failure(bound);
}

/// Allocates where the thread runs.
///
/// Follows numa(3). A failure is reported by numa_error(); numars_set_localalloc() returns it.
#[unsafe(no_mangle)]
pub extern "C" fn numa_set_localalloc() {
    report_failure(trace_call!("numa_set_localalloc()", [], mempolicy::local_task()));
}

/// Allocates on some nodes alone.
///
/// @param nodemask  the nodes, at least one
///
/// Follows numa(3). A failure is reported by numa_error(); numars_set_membind() returns it.
///
/// # Safety
/// nodemask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_set_membind(nodemask: *mut bitmask) {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    report_failure(trace_call!("numa_set_membind(nodemask=*)", [nodes], mempolicy::bind_task(nodes)));
}

/// Restrict allocations to some nodes, and let NUMA balancing move pages between them (MPOL_BIND with MPOL_F_NUMA_BALANCING,
/// Linux 5.12). On an older kernel, only restrict allocations.
///
/// @param nodemask  the nodes, at least one
///
/// Follows numa(3). A failure is reported by numa_error(); numars_set_membind_balancing() returns it.
///
/// # Safety
/// nodemask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_set_membind_balancing(nodemask: *mut bitmask) {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    let applied = trace_call!("numa_set_membind_balancing(nodemask=*)", [nodes], mempolicy::bind_task_balancing(nodes));
    report_failure(applied.map(|_| ()));
}

/// Return the nodes on which the calling thread may allocate: those it is bound to, or those of numa_all_nodes_ptr.
///
/// @return a set, to be given back with numa_bitmask_free(); NULL with errno ENOMEM
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_get_membind() -> *mut bitmask {
    nodes_of_policy(Some(Mode::Bind), globals::read_all_nodes)
}

/// Says whether numa_alloc_onnode() and its like may take memory of other nodes when theirs are full.
///
/// @param strict  not 0: they may not, as at the start; 0: they may
///
/// Follows numa(3). For the whole process.
#[unsafe(no_mangle)]
pub extern "C" fn numa_set_bind_policy(strict: c_int) {
    mempolicy::set_bind_fallback(strict == 0);
    trace_call!("numa_set_bind_policy(strict=*)", [strict], 0);
}

/// Says whether it is an error that pages are elsewhere already when memory gets a policy.
///
/// @param flag  not 0: it is; 0: it is not, as at the start
///
/// Follows numa(3). For the whole process.
#[unsafe(no_mangle)]
pub extern "C" fn numa_set_strict(flag: c_int) {
    mempolicy::set_strict(flag != 0);
    trace_call!("numa_set_strict(flag=*)", [flag], 0);
}

/// Tells whether the kernel knows set_mempolicy_home_node(2) (Linux 5.17).
///
/// @return 1 if so, 0 if not
#[unsafe(no_mangle)]
pub extern "C" fn numa_has_home_node() -> c_int {
    c_int::from(mempolicy::has_home_node())
}

/// Sets the node from which a range's policy starts to look for memory, as set_mempolicy_home_node().
///
/// @param start      the first byte, at the start of a page
/// @param len        length in bytes
/// @param home_node  the node
/// @param flags      0
/// @return 0, or -1 with errno as set_mempolicy_home_node(), which numa_error() is told too
///
/// # Safety
/// The memory from start on keeps its contents.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_set_mempolicy_home_node(
    start: *mut c_void,
    len: c_ulong,
    home_node: c_int,
    flags: c_int,
) -> c_int {
    let memory = MemRange { start: start as usize, length: len as usize };
    let result = trace_call!(
        "numa_set_mempolicy_home_node(start=*, len=*, home_node=*, flags=*)",
        [start, len as usize, home_node, flags],
        mempolicy::set_home_node(memory, home_node, flags)
    );
    report_failure(result);
    status(result)
}

//! numars.h: what numars has and libnuma has not.

use super::errors::status;
use super::mask::{bitmask, read};
use super::memory::range;
use crate::trace::trace_call;
use core::ffi::{c_char, c_int, c_void};
use numars::affinity;
use numars::error::SyscallError;
use numars::mempolicy::{self, Applied};

/// The version of the numars headers that a program is compiled with: major * 10000 + minor * 100 + patch.
pub const NUMARS_VERSION: c_int = 100;

/// The version of the library that is loaded.
///
/// @return a string such as "0.1.0", valid for ever
#[unsafe(no_mangle)]
pub extern "C" fn numars_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// Returns what C gets for `result`: 0; 1 for the fallback on an older kernel; or -1, and errno is set already.
fn applied(result: Result<Applied, SyscallError>) -> c_int {
    match result {
        Ok(Applied::AsRequested) => 0,
        Ok(Applied::Fallback) => 1,
        Err(_) => -1,
    }
}

/// Runs and allocates on some nodes alone. Where either is impossible, nothing is changed.
///
/// @param nodes  the nodes
/// @return 0, or -1 with errno: EINVAL (no CPU or no memory that may be used), ENOMEM
///
/// As numa_bind(), but silent: it neither prints nor ends the program.
///
/// # Safety
/// Each mask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_bind(nodes: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodes) };
    status(trace_call!("numars_bind(nodes=*)", [nodes], affinity::bind(nodes)))
}

/// Allocates on some nodes alone.
///
/// @param nodemask  the nodes, at least one
/// @return 0, or -1 with errno: EINVAL (no node that may be used), ENOMEM
///
/// As numa_set_membind(), but silent: it neither prints nor ends the program.
///
/// # Safety
/// Each mask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_set_membind(nodemask: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    status(trace_call!("numars_set_membind(nodemask=*)", [nodes], mempolicy::bind_task(nodes)))
}

/// Restrict allocations to some nodes, and let NUMA balancing move pages between them (MPOL_BIND with MPOL_F_NUMA_BALANCING,
/// Linux 5.12).
///
/// @param nodemask  the nodes, at least one
/// @return 0; 1 if the kernel is older and allocations are restricted without balancing; -1 with errno: EINVAL (no node that may be
///         used), ENOMEM
///
/// As numa_set_membind_balancing(), but silent: it neither prints nor ends the program.
///
/// # Safety
/// Each mask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_set_membind_balancing(nodemask: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    applied(trace_call!("numars_set_membind_balancing(nodemask=*)", [nodes], mempolicy::bind_task_balancing(nodes)))
}

/// Allocates on some nodes in turn.
///
/// @param nodemask  the nodes; none: as usual
/// @return 0, or -1 with errno: EINVAL (no node that may be used), ENOMEM
///
/// As numa_set_interleave_mask(), but silent: it neither prints nor ends the program.
///
/// # Safety
/// Each mask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_set_interleave_mask(nodemask: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    status(trace_call!("numars_set_interleave_mask(nodemask=*)", [nodes], mempolicy::interleave_task(nodes)))
}

/// Allocates on some nodes in turn, on each as often as its weight says (Linux 6.9).
///
/// @param nodemask  the nodes; none: as usual
/// @return 0, or -1 with errno: EINVAL (no node that may be used), ENOMEM
///
/// As numa_set_weighted_interleave_mask(), but silent: it neither prints nor ends the program.
///
/// # Safety
/// Each mask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_set_weighted_interleave_mask(nodemask: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    status(trace_call!(
        "numars_set_weighted_interleave_mask(nodemask=*)",
        [nodes],
        mempolicy::weighted_interleave_task(nodes)
    ))
}

/// Allocates on a node first, and on others when that is full.
///
/// @param node  the node; a negative number: where the thread runs
/// @return 0, or -1 with errno: EINVAL (no node that may be used), ENOMEM
///
/// As numa_set_preferred(), but silent: it neither prints nor ends the program.
#[unsafe(no_mangle)]
pub extern "C" fn numars_set_preferred(node: c_int) -> c_int {
    status(trace_call!("numars_set_preferred(node=*)", [node], mempolicy::prefer_node(usize::try_from(node).ok())))
}

/// Allocate on some nodes first, and on others when those are full (MPOL_PREFERRED_MANY, Linux 5.15).
///
/// @param nodemask  the nodes, at least one
/// @return 0; 1 if the kernel is older and only the first of the nodes is preferred (MPOL_PREFERRED); -1 with errno: EINVAL (no node that
///         may be used), ENOMEM
///
/// As numa_set_preferred_many(), but silent: it neither prints nor ends the program.
///
/// # Safety
/// Each mask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_set_preferred_many(nodemask: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    let outcome = mempolicy::require_nodes(nodes).and_then(|()| mempolicy::prefer_nodes(nodes));
    applied(trace_call!("numars_set_preferred_many(nodemask=*)", [nodes], outcome))
}

/// Allocates where the thread runs.
///
/// @return 0, or -1 with errno: ENOSYS or EPERM where policy cannot be used
///
/// As numa_set_localalloc(), but silent: it neither prints nor ends the program.
#[unsafe(no_mangle)]
pub extern "C" fn numars_set_localalloc() -> c_int {
    status(trace_call!("numars_set_localalloc()", [], mempolicy::local_task()))
}

/// Puts the pages of memory on some nodes in turn, those that are touched from now on.
///
/// @param start     the first byte, at the start of a page
/// @param size      bytes, rounded up to whole pages
/// @param nodemask  the nodes
/// @return 0, or -1 with errno: EINVAL (a bad range, no node that may be used), EFAULT (nothing mapped there), EIO (pages are elsewhere and numa_set_strict() was called), ENOMEM
///
/// As numa_interleave_memory(), but silent: it neither prints nor ends the program.
///
/// # Safety
/// Each mask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_interleave_memory(start: *mut c_void, size: usize, nodemask: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    status(trace_call!(
        "numars_interleave_memory(start=*, size=*, nodemask=*)",
        [start, size, nodes],
        mempolicy::interleave_memory(range(start, size), nodes)
    ))
}

/// Puts the pages of memory on some nodes in turn, as often as their weights say (Linux 6.9).
///
/// @param start     the first byte, at the start of a page
/// @param size      bytes, rounded up to whole pages
/// @param nodemask  the nodes
/// @return 0, or -1 with errno: EINVAL (a bad range, no node that may be used), EFAULT (nothing mapped there), EIO (pages are elsewhere and numa_set_strict() was called), ENOMEM
///
/// As numa_weighted_interleave_memory(), but silent: it neither prints nor ends the program.
///
/// # Safety
/// Each mask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_weighted_interleave_memory(
    start: *mut c_void,
    size: usize,
    nodemask: *mut bitmask,
) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    status(trace_call!(
        "numars_weighted_interleave_memory(start=*, size=*, nodemask=*)",
        [start, size, nodes],
        mempolicy::weighted_interleave_memory(range(start, size), nodes)
    ))
}

/// Puts memory on a node, the pages that are touched from now on.
///
/// @param start  the first byte, at the start of a page
/// @param size   bytes, rounded up to whole pages
/// @param node   the node
/// @return 0, or -1 with errno: EINVAL (a bad range, no node that may be used), EFAULT (nothing mapped there), EIO (pages are elsewhere and numa_set_strict() was called), ENOMEM
///
/// As numa_tonode_memory(), but silent: it neither prints nor ends the program.
///
/// # Safety
/// The memory keeps its contents.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_tonode_memory(start: *mut c_void, size: usize, node: c_int) -> c_int {
    status(trace_call!(
        "numars_tonode_memory(start=*, size=*, node=*)",
        [start, size, node],
        mempolicy::bind_memory_to_node(range(start, size), node)
    ))
}

/// Puts memory on some nodes, the pages that are touched from now on.
///
/// @param start     the first byte, at the start of a page
/// @param size      bytes, rounded up to whole pages
/// @param nodemask  the nodes
/// @return 0; 1 if numa_set_bind_policy(0) was called, and the kernel is older than Linux 5.15, so that only the first of the nodes is
///         preferred; -1 with errno: EINVAL (a bad range, no node that may be used), EFAULT (nothing mapped there), EIO (pages are elsewhere and numa_set_strict() was called), ENOMEM
///
/// As numa_tonodemask_memory(), but silent: it neither prints nor ends the program.
///
/// # Safety
/// Each mask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_tonodemask_memory(start: *mut c_void, size: usize, nodemask: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    applied(trace_call!(
        "numars_tonodemask_memory(start=*, size=*, nodemask=*)",
        [start, size, nodes],
        mempolicy::bind_memory(range(start, size), nodes)
    ))
}

/// Puts memory on the node where the thread runs that touches it first, the pages that are touched from now on.
///
/// @param start  the first byte, at the start of a page
/// @param size   bytes, rounded up to whole pages
/// @return 0, or -1 with errno: EINVAL (a bad range, no node that may be used), EFAULT (nothing mapped there), EIO (pages are elsewhere and numa_set_strict() was called), ENOMEM
///
/// As numa_setlocal_memory(), but silent: it neither prints nor ends the program.
///
/// # Safety
/// The memory keeps its contents.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_setlocal_memory(start: *mut c_void, size: usize) -> c_int {
    status(trace_call!(
        "numars_setlocal_memory(start=*, size=*)",
        [start, size],
        mempolicy::local_memory(range(start, size))
    ))
}

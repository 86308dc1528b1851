//! Policies and affinity that libnuma lacks, and variants of its calls that return errors: part of numars.h.

use super::mask::{bitmask, read};
use super::memory::range;
use super::mempolicy;
use crate::trace::call;
use core::ffi::{c_char, c_int, c_void};
use numars::for_c::affinity;

/// The version of these headers: major * 10000 + minor * 100 + patch.
pub const NUMARS_VERSION: c_int = 100;

/// Return the version of the loaded library.
///
/// @return a static string such as "0.1.0"
///
/// Changes nothing. Thread-safe. Async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn numars_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// Return the version of the loaded library as a number: major * 10000 + minor * 100 + patch.
///
/// @return NUMARS_VERSION of the headers of that release
///
/// Changes nothing. Thread-safe. Async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn numars_version_number() -> c_int {
    NUMARS_VERSION
}

/// Restrict the calling thread to the CPUs (sched_setaffinity(2)) and the memory (MPOL_BIND) of the
/// given nodes, or fail without changing anything.
///
/// Pages that are already allocated stay where they are.
///
/// @param nodes  the nodes
/// @return 0, or -1 with errno: EINVAL (the thread may use none of their CPUs; no node is allowed
///         and has memory), ENOMEM (no kernel memory)
///
/// Acts on the calling thread. Thread-safe. Async-signal-safe.
///
/// Like numa_bind(), but prints nothing and never ends the program.
///
/// # Safety
/// nodes is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_bind(nodes: *const bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodes) };
    call!(numars_bind(nodes = set(&nodes))).status(affinity::bind(nodes))
}

/// Restrict the calling thread's allocations to the given nodes (MPOL_BIND).
///
/// @param nodemask  the nodes, at least one that is allowed and has memory
/// @return 0, or -1 with errno: EINVAL (no node is allowed and has memory), ENOMEM (no kernel
///         memory)
///
/// Acts on the calling thread. Thread-safe. Async-signal-safe.
///
/// Like numa_set_membind(), but prints nothing and never ends the program.
///
/// # Safety
/// nodemask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_set_membind(nodemask: *const bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    call!(numars_set_membind(nodemask = set(&nodes))).status(mempolicy::bind_task(nodes))
}

/// Restrict the calling thread's allocations to the given nodes, and let NUMA balancing move pages
/// between these (MPOL_BIND with MPOL_F_NUMA_BALANCING, Linux 5.12).
///
/// @param nodemask  the nodes, at least one that is allowed and has memory
/// @return 0; 1 on an older kernel, if allocations are restricted without balancing; -1 with errno:
///         EINVAL (no node is allowed and has memory), ENOMEM (no kernel memory)
///
/// Acts on the calling thread. Thread-safe. Async-signal-safe.
///
/// Like numa_set_membind_balancing(), but prints nothing and never ends the program.
///
/// # Safety
/// nodemask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_set_membind_balancing(nodemask: *const bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    call!(numars_set_membind_balancing(nodemask = set(&nodes))).applied(mempolicy::bind_task_balancing(nodes))
}

/// Interleave the calling thread's allocations page by page over the given nodes (MPOL_INTERLEAVE).
///
/// @param nodemask  the nodes; if it is empty, the default policy is set (MPOL_DEFAULT)
/// @return 0, or -1 with errno: EINVAL (no node is allowed and has memory), ENOMEM (no kernel
///         memory)
///
/// Acts on the calling thread. Thread-safe. Async-signal-safe.
///
/// Like numa_set_interleave_mask(), but prints nothing and never ends the program.
///
/// # Safety
/// nodemask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_set_interleave_mask(nodemask: *const bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    call!(numars_set_interleave_mask(nodemask = set(&nodes))).status(mempolicy::interleave_task(nodes))
}

/// Interleave the calling thread's allocations by weight (MPOL_WEIGHTED_INTERLEAVE, Linux 6.9).
///
/// @param nodemask  the nodes; if it is empty, the default policy is set (MPOL_DEFAULT)
/// @return 0, or -1 with errno: EINVAL (no node is allowed and has memory; an older kernel), ENOMEM
///         (no kernel memory)
///
/// Acts on the calling thread. Thread-safe. Async-signal-safe.
///
/// Like numa_set_weighted_interleave_mask(), but prints nothing and never ends the program.
///
/// # Safety
/// nodemask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_set_weighted_interleave_mask(nodemask: *const bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    call!(numars_set_weighted_interleave_mask(nodemask = set(&nodes)))
        .status(mempolicy::weighted_interleave_task(nodes))
}

/// Prefer one node for the calling thread's allocations (MPOL_PREFERRED).
///
/// @param node  the node; any negative number sets local allocation (MPOL_LOCAL)
/// @return 0, or -1 with errno: EINVAL (the node is not allowed or has no memory), ENOMEM (no
///         kernel memory)
///
/// Acts on the calling thread. Thread-safe. Async-signal-safe.
///
/// Like numa_set_preferred(), but prints nothing and never ends the program.
#[unsafe(no_mangle)]
pub extern "C" fn numars_set_preferred(node: c_int) -> c_int {
    call!(numars_set_preferred(node = int(node))).status(mempolicy::prefer_node(usize::try_from(node).ok()))
}

/// Prefer several nodes for the calling thread's allocations (MPOL_PREFERRED_MANY, Linux 5.15).
///
/// @param nodemask  the nodes, at least one that is allowed and has memory
/// @return 0; 1 on an older kernel, if the first of the nodes is preferred (MPOL_PREFERRED); -1
///         with errno: EINVAL (no node is allowed and has memory), ENOMEM (no kernel memory)
///
/// Acts on the calling thread. Thread-safe. Async-signal-safe.
///
/// Like numa_set_preferred_many(), but prints nothing and never ends the program.
///
/// # Safety
/// nodemask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_set_preferred_many(nodemask: *const bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    let outcome = mempolicy::require_nodes(nodes).and_then(|()| mempolicy::prefer_nodes(nodes));
    call!(numars_set_preferred_many(nodemask = set(&nodes))).applied(outcome)
}

/// Allocate the calling thread's pages on the node of the CPU that it runs on (MPOL_LOCAL).
///
/// @return 0, or -1 with errno: ENOSYS (a kernel without NUMA), EPERM (forbidden, as in some
///         containers), ENOMEM (no kernel memory)
///
/// Acts on the calling thread. Thread-safe. Async-signal-safe.
///
/// Like numa_set_localalloc(), but prints nothing and never ends the program.
#[unsafe(no_mangle)]
pub extern "C" fn numars_set_localalloc() -> c_int {
    call!(numars_set_localalloc()).status(mempolicy::local_task())
}

/// Interleave a range of memory page by page over the given nodes (MPOL_INTERLEAVE).
///
/// The policy applies to pages that are allocated from now on. Pages that are already on other
/// nodes stay there; after numa_set_strict() of a value other than 0, they make the call fail with
/// EIO.
///
/// @param start     the first byte, at the start of a page
/// @param size      bytes, rounded up to whole pages
/// @param nodemask  the nodes
/// @return 0, or -1 with errno: EINVAL (a bad range; no node is allowed and has memory), EFAULT (a
///         part of the range is not mapped), EIO (pages are on other nodes, see numa_set_strict()),
///         ENOMEM (no kernel memory)
///
/// Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe.
///
/// Like numa_interleave_memory(), but prints nothing and never ends the program.
///
/// # Safety
/// nodemask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_interleave_memory(start: *mut c_void, size: usize, nodemask: *const bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    call!(numars_interleave_memory(start = address(start), size = size(size), nodemask = set(&nodes)))
        .status(mempolicy::interleave_memory(range(start, size), nodes))
}

/// Interleave a range of memory by weight over the given nodes (MPOL_WEIGHTED_INTERLEAVE, Linux
/// 6.9).
///
/// The policy applies to pages that are allocated from now on; for others, see
/// numars_interleave_memory().
///
/// @param start     the first byte, at the start of a page
/// @param size      bytes, rounded up to whole pages
/// @param nodemask  the nodes
/// @return 0, or -1 with errno: EINVAL (a bad range; no node is allowed and has memory; an older
///         kernel), EFAULT (a part of the range is not mapped), EIO (pages are on other nodes, see
///         numa_set_strict()), ENOMEM (no kernel memory)
///
/// Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe.
///
/// Like numa_weighted_interleave_memory(), but prints nothing and never ends the program.
///
/// # Safety
/// nodemask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_weighted_interleave_memory(
    start: *mut c_void,
    size: usize,
    nodemask: *const bitmask,
) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    call!(numars_weighted_interleave_memory(start = address(start), size = size(size), nodemask = set(&nodes)))
        .status(mempolicy::weighted_interleave_memory(range(start, size), nodes))
}

/// Bind a range of memory to one node (MPOL_BIND).
///
/// The policy applies to pages that are allocated from now on; for others, see
/// numars_interleave_memory(). After numa_set_bind_policy(0), other nodes are used when the node is
/// full (MPOL_PREFERRED_MANY, before Linux 5.15 MPOL_PREFERRED).
///
/// @param start  the first byte, at the start of a page
/// @param size   bytes, rounded up to whole pages
/// @param node   the node
/// @return 0, or -1 with errno: EINVAL (a bad range; the node is not allowed or has no memory),
///         EFAULT (a part of the range is not mapped), EIO (pages are on other nodes, see
///         numa_set_strict()), ENOMEM (no kernel memory)
///
/// Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe.
///
/// Like numa_tonode_memory(), but prints nothing and never ends the program.
///
/// # Safety
/// No condition: the kernel checks the range, and the contents of the memory do not change.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_tonode_memory(start: *mut c_void, size: usize, node: c_int) -> c_int {
    call!(numars_tonode_memory(start = address(start), size = size(size), node = int(node)))
        .status(mempolicy::bind_memory_to_node(range(start, size), node))
}

/// Bind a range of memory to the given nodes (MPOL_BIND).
///
/// The policy applies to pages that are allocated from now on; for others, see
/// numars_interleave_memory(). After numa_set_bind_policy(0), other nodes are used when these are
/// full (MPOL_PREFERRED_MANY, before Linux 5.15 MPOL_PREFERRED with the first of them).
///
/// @param start     the first byte, at the start of a page
/// @param size      bytes, rounded up to whole pages
/// @param nodemask  the nodes
/// @return 0; 1 if MPOL_PREFERRED was set because the kernel is older; -1 with errno: EINVAL (a bad
///         range; no node is allowed and has memory), EFAULT (a part of the range is not mapped),
///         EIO (pages are on other nodes, see numa_set_strict()), ENOMEM (no kernel memory)
///
/// Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe.
///
/// Like numa_tonodemask_memory(), but prints nothing and never ends the program.
///
/// # Safety
/// nodemask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_tonodemask_memory(start: *mut c_void, size: usize, nodemask: *const bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    call!(numars_tonodemask_memory(start = address(start), size = size(size), nodemask = set(&nodes)))
        .applied(mempolicy::bind_memory(range(start, size), nodes))
}

/// Allocate each page of a range of memory on the node of the CPU that touches it first
/// (MPOL_LOCAL).
///
/// The policy applies to pages that are allocated from now on; for others, see
/// numars_interleave_memory().
///
/// @param start  the first byte, at the start of a page
/// @param size   bytes, rounded up to whole pages
/// @return 0, or -1 with errno: EINVAL (a bad range), EFAULT (a part of the range is not mapped),
///         EIO (pages are on other nodes, see numa_set_strict()), ENOMEM (no kernel memory)
///
/// Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe.
///
/// Like numa_setlocal_memory(), but prints nothing and never ends the program.
///
/// # Safety
/// No condition: the kernel checks the range, and the contents of the memory do not change.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_setlocal_memory(start: *mut c_void, size: usize) -> c_int {
    call!(numars_setlocal_memory(start = address(start), size = size(size)))
        .status(mempolicy::local_memory(range(start, size)))
}

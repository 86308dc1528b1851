//! The memory policy of the calling thread.

use super::affinity::run_on_usable_nodes;
use super::errors::{Warning, call_numa_error, report_failure, status, warn};
use super::globals;
use super::mask::{allocate, bitmask, free, read, read_inline, write, write_inline};
use super::mempolicy::{self, Applied, MemRange};
use crate::trace::call;
use core::ffi::{c_int, c_ulong, c_void};
use numars::for_c::bitmask::BitsMut;
use numars::for_c::nodeset::NodeMask;
use numars::for_c::sys::errno;
use numars::for_c::topology;
use numars::{Mode, SyscallError};

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
    let set = unsafe { write_inline(mask) };
    match mempolicy::task_policy(set) {
        Ok(mode) if wanted.is_none_or(|wanted| mode.is(wanted)) => {}
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

/// Return the first node of the calling thread's memory policy.
///
/// @return the node; 0 if the policy has no nodes, or if get_mempolicy(2) fails, which is reported
///         by numa_error(). numa_preferred_err() distinguishes these
///
/// Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
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

/// Return the first node of the calling thread's memory policy, or -1.
///
/// @return the node; -1 with errno unchanged if the policy has no nodes; -1 with errno if
///         get_mempolicy(2) fails: ENOSYS (a kernel without NUMA), EPERM (forbidden, as in some
///         containers)
///
/// Thread-safe. Async-signal-safe.
///
/// Follows the newest numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_preferred_err() -> c_int {
    first_node_of_policy().ok().flatten().unwrap_or(-1)
}

/// Returns the first node of the calling thread's policy, if that has nodes.
fn first_node_of_policy() -> Result<Option<c_int>, SyscallError> {
    let nodes = NodeMask::new();
    mempolicy::task_policy(nodes.bits())?;
    Ok(nodes.bits().as_bits().iter().next().map(|node| node as c_int))
}

/// Check whether the kernel supports MPOL_PREFERRED_MANY (Linux 5.15).
///
/// The kernel is asked until it has answered once; later calls make no system call.
///
/// @return 1 if it does, 0 if not or if mbind(2) is forbidden
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_has_preferred_many() -> c_int {
    c_int::from(mempolicy::has_preferred_many())
}

/// Return the nodes of the calling thread's memory policy, whatever its mode.
///
/// @return a node mask, to be freed with numa_bitmask_free(), empty if the policy has no nodes or
///         if get_mempolicy(2) fails, which is reported by numa_error(); NULL with errno ENOMEM
///
/// Thread-safe. Not async-signal-safe: calls malloc(3).
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_preferred_many() -> *mut bitmask {
    nodes_of_policy(None, clear)
}

/// Prefer one node for the calling thread's allocations (MPOL_PREFERRED).
///
/// When the node is full, pages are allocated on other nodes. Pages that are already allocated stay
/// where they are.
///
/// @param node  the node; any negative number sets local allocation (MPOL_LOCAL)
///
/// Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
///
/// Follows numa(3). A failure is reported by numa_error(); numars_set_preferred() returns it.
#[unsafe(no_mangle)]
pub extern "C" fn numa_set_preferred(node: c_int) {
    call!(numa_set_preferred(node = int(node))).reports(mempolicy::prefer_node(usize::try_from(node).ok()));
}

/// Prefer several nodes for the calling thread's allocations (MPOL_PREFERRED_MANY, Linux 5.15).
///
/// When these nodes are full, pages are allocated on others. Pages that are already allocated stay
/// where they are. On an older kernel, numa_warn() is called and the first of the nodes is
/// preferred (MPOL_PREFERRED).
///
/// @param nodemask  the nodes; without any, the call fails with EINVAL, or sets local allocation
///                  (MPOL_LOCAL) on an older kernel
///
/// Thread-safe. Async-signal-safe unless it fails or warns: numa_error() and numa_warn() print with
/// stdio.
///
/// Follows numa(3). A failure is reported by numa_error(); numars_set_preferred_many() returns it.
///
/// # Safety
/// nodemask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_set_preferred_many(nodemask: *mut bitmask) {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read_inline(nodemask) };
    let applied = mempolicy::prefer_nodes(nodes);
    call!(numa_set_preferred_many(nodemask = set(&nodes))).applied(applied);
    if applied != Ok(Applied::AsRequested) {
        report_fallback(applied);
    }
}

/// Warns if one node is preferred instead of several, and reports a failure.
#[cold]
#[inline(never)]
fn report_fallback(preferred: Result<Applied, SyscallError>) {
    let falls_back = match preferred {
        Ok(applied) => applied == Applied::Fallback,
        Err(_) => mempolicy::lacks_preferred_many(),
    };
    if falls_back {
        let text = c"Unable to handle MANY preferred nodes. Falling back to first node\n";
        errno::preserve_errno(|| warn(Warning::ONE_PREFERRED_NODE, text));
    }
    report_failure(preferred.map(|_| ()));
}

/// Return the node of the calling thread's next interleaved page (MPOL_INTERLEAVE or
/// MPOL_WEIGHTED_INTERLEAVE).
///
/// @return the node; 0 with errno if there is none: EINVAL (the thread does not interleave), ENOSYS
///         (a kernel without NUMA), EPERM (forbidden, as in some containers)
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_get_interleave_node() -> c_int {
    numars::for_c::sys::kernel::next_interleave_node().unwrap_or(0)
}

/// Return the nodes that the calling thread's allocations are interleaved over (MPOL_INTERLEAVE).
///
/// @return a node mask, to be freed with numa_bitmask_free(), empty if the policy is another one or
///         if get_mempolicy(2) fails, which is reported by numa_error(); NULL with errno ENOMEM
///
/// Thread-safe. Not async-signal-safe: calls malloc(3).
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_get_interleave_mask() -> *mut bitmask {
    nodes_of_policy(Some(Mode::Interleave), clear)
}

/// Interleave the calling thread's allocations page by page over the given nodes (MPOL_INTERLEAVE).
///
/// When a node is full, pages are allocated on others. Pages that are already allocated stay where
/// they are.
///
/// @param nodemask  the nodes; if it is empty, the default policy is set (MPOL_DEFAULT)
///
/// Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
///
/// Follows numa(3). A failure is reported by numa_error(); numars_set_interleave_mask() returns it.
///
/// # Safety
/// nodemask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_set_interleave_mask(nodemask: *mut bitmask) {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read_inline(nodemask) };
    call!(numa_set_interleave_mask(nodemask = set(&nodes))).reports(mempolicy::interleave_task(nodes));
}

/// Return the nodes that the calling thread's allocations are interleaved over by weight
/// (MPOL_WEIGHTED_INTERLEAVE).
///
/// @return a node mask, to be freed with numa_bitmask_free(), empty if the policy is another one or
///         if get_mempolicy(2) fails, which is reported by numa_error(); NULL with errno ENOMEM
///
/// Thread-safe. Not async-signal-safe: calls malloc(3).
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_get_weighted_interleave_mask() -> *mut bitmask {
    nodes_of_policy(Some(Mode::WeightedInterleave), clear)
}

/// Interleave the calling thread's allocations by weight (MPOL_WEIGHTED_INTERLEAVE, Linux 6.9).
///
/// Each node in turn gets as many pages as its weight in
/// /sys/kernel/mm/mempolicy/weighted_interleave. Pages that are already allocated stay where they
/// are. An older kernel fails with EINVAL.
///
/// @param nodemask  the nodes; if it is empty, the default policy is set (MPOL_DEFAULT)
///
/// Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
///
/// Follows numa(3). A failure is reported by numa_error(); numars_set_weighted_interleave_mask()
/// returns it.
///
/// # Safety
/// nodemask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_set_weighted_interleave_mask(nodemask: *mut bitmask) {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read_inline(nodemask) };
    call!(numa_set_weighted_interleave_mask(nodemask = set(&nodes)))
        .reports(mempolicy::weighted_interleave_task(nodes));
}

/// Restrict the calling thread to the CPUs and the memory of the given nodes (MPOL_BIND).
///
/// Like numa_run_on_node_mask() followed by numa_set_membind(): if one of them fails, the other one
/// still takes effect. Pages that are already allocated stay where they are.
///
/// @param nodes  the nodes
///
/// Thread-safe. Async-signal-safe unless it fails or warns: numa_error() and numa_warn() print with
/// stdio.
///
/// Follows numa(3). A failure is reported by numa_error(); numars_bind() returns it, and changes
/// nothing then.
///
/// # Safety
/// nodes is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bind(nodes: *mut bitmask) {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodes) };
    let ran = run_on_usable_nodes(nodes);
    let bound = mempolicy::bind_task(nodes);
    call!(numa_bind(nodes = set(&nodes))).status(ran.and(bound));
    report_failure(bound);
}

/// Allocate the calling thread's pages on the node of the CPU that it runs on (MPOL_LOCAL).
///
/// When that node is full, pages are allocated on others. Pages that are already allocated stay
/// where they are.
///
/// Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
///
/// Follows numa(3). A failure is reported by numa_error(); numars_set_localalloc() returns it.
#[unsafe(no_mangle)]
pub extern "C" fn numa_set_localalloc() {
    call!(numa_set_localalloc()).reports(mempolicy::local_task());
}

/// Restrict the calling thread's allocations to the given nodes (MPOL_BIND).
///
/// The kernel ignores nodes that the cpuset does not allow or that have no memory. Pages that are
/// already allocated stay where they are.
///
/// @param nodemask  the nodes, at least one that is allowed and has memory
///
/// Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
///
/// Follows numa(3). A failure is reported by numa_error(); numars_set_membind() returns it.
///
/// # Safety
/// nodemask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_set_membind(nodemask: *mut bitmask) {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read_inline(nodemask) };
    call!(numa_set_membind(nodemask = set(&nodes))).reports(mempolicy::bind_task(nodes));
}

/// Restrict the calling thread's allocations to the given nodes, and let NUMA balancing move pages
/// between these (MPOL_BIND with MPOL_F_NUMA_BALANCING, Linux 5.12).
///
/// On an older kernel, allocations are restricted without balancing, and nothing is reported;
/// numars_set_membind_balancing() returns 1 then.
///
/// @param nodemask  the nodes, at least one that is allowed and has memory
///
/// Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
///
/// Follows numa(3). A failure is reported by numa_error(); numars_set_membind_balancing() returns
/// it.
///
/// # Safety
/// nodemask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_set_membind_balancing(nodemask: *mut bitmask) {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read_inline(nodemask) };
    call!(numa_set_membind_balancing(nodemask = set(&nodes))).applies(mempolicy::bind_task_balancing(nodes));
}

/// Return the nodes that the calling thread may allocate on: those of its policy if that is
/// MPOL_BIND, otherwise those of numa_all_nodes_ptr.
///
/// @return a node mask, to be freed with numa_bitmask_free(); NULL with errno ENOMEM. If
///         get_mempolicy(2) fails, which is reported by numa_error(), the nodes are those of
///         numa_all_nodes_ptr
///
/// Thread-safe. Not async-signal-safe: calls malloc(3).
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_get_membind() -> *mut bitmask {
    nodes_of_policy(Some(Mode::Bind), globals::read_all_nodes)
}

/// Set whether memory bound to nodes may be allocated on other nodes when these are full.
///
/// The setting is that of the process. It applies to later calls of numa_alloc_onnode(),
/// numa_tonode_memory(), numa_tonodemask_memory(), numars_tonode_memory() and
/// numars_tonodemask_memory().
///
/// @param strict  not 0: it may not (MPOL_BIND), the initial setting; 0: it may
///                (MPOL_PREFERRED_MANY, or before Linux 5.15 MPOL_PREFERRED with the first of the
///                nodes)
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_set_bind_policy(strict: c_int) {
    mempolicy::set_bind_fallback(strict == 0);
    call!(numa_set_bind_policy(strict = int(strict))).returns(0);
}

/// Set whether giving memory a policy fails if pages are already on other nodes (MPOL_MF_STRICT).
///
/// The setting is that of the process. It applies to later calls that give memory a policy, such as
/// numa_tonode_memory() and numa_interleave_memory(): they fail with EIO.
///
/// @param flag  not 0: they fail; 0: they leave such pages where they are, the initial setting
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_set_strict(flag: c_int) {
    mempolicy::set_strict(flag != 0);
    call!(numa_set_strict(flag = int(flag))).returns(0);
}

/// Check whether the kernel supports set_mempolicy_home_node(2) (Linux 5.17).
///
/// @return 1 if it does, 0 if not
///
/// Thread-safe. Async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn numa_has_home_node() -> c_int {
    c_int::from(mempolicy::has_home_node())
}

/// Set the home node of a range of memory: the node that the kernel tries first (Linux 5.17).
///
/// @param start      the first byte, at the start of a page; the range has the policy MPOL_BIND or
///                   MPOL_PREFERRED_MANY
/// @param len        bytes, rounded up to whole pages; EINVAL if that is impossible
/// @param home_node  the node
/// @param flags      0
/// @return 0, or -1 with errno as set_mempolicy_home_node(), reported by numa_error() too
///
/// Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
///
/// # Safety
/// No condition: the kernel checks the arguments, and the contents of the memory do not change.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_set_mempolicy_home_node(
    start: *mut c_void,
    len: c_ulong,
    home_node: c_int,
    flags: c_int,
) -> c_int {
    let memory = MemRange { start: start as usize, length: len as usize };
    let result = mempolicy::set_home_node(memory, home_node, flags);
    call!(numa_set_mempolicy_home_node(
        start = address(start),
        len = size(len as usize),
        home_node = int(home_node),
        flags = int(flags)
    ))
    .reports(result);
    status(result)
}

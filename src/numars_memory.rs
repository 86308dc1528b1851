//! Memory on given nodes, with errors instead of messages: part of numars.h.

use super::mask::{bitmask, read};
use crate::trace::{Call, call};
use core::ffi::{c_int, c_uint, c_void};
use core::ptr::null_mut;
use numars::for_c::bitmask::Bits;
use numars::for_c::sys::errno;
use numars::for_c::topology::possible_nodes;
use numars::{Errno, MapOptions, Node, NodeSet, Policy};

/// Never allocate pages on other nodes (MPOL_BIND), instead of only when the node is full.
pub const NUMARS_ALLOC_NO_FALLBACK: c_uint = 1 << 0;
/// Allocate all pages before the call returns.
pub const NUMARS_ALLOC_POPULATE: c_uint = 1 << 1;
/// Allocate all pages before the call returns, and fail unless all are on the given nodes.
pub const NUMARS_ALLOC_STRICT: c_uint = 1 << 2;
/// Request transparent huge pages (MADV_HUGEPAGE), and align the memory to their size.
pub const NUMARS_ALLOC_HUGE_PAGES: c_uint = 1 << 3;

/// Allocates memory for the program. EINVAL if there is no policy, or a flag is unknown.
#[inline(never)]
fn memory(call: Call, size: usize, policy: Option<Policy>, flags: c_uint) -> *mut c_void {
    const ALL: c_uint =
        NUMARS_ALLOC_NO_FALLBACK | NUMARS_ALLOC_POPULATE | NUMARS_ALLOC_STRICT | NUMARS_ALLOC_HUGE_PAGES;
    let has = |flag| flags & flag != 0;
    let mapped = policy.filter(|_| !has(!ALL)).ok_or(Errno::EINVAL).and_then(|policy| {
        let options = MapOptions::new().policy(policy).populate(has(NUMARS_ALLOC_POPULATE));
        options.strict(has(NUMARS_ALLOC_STRICT)).huge_pages(has(NUMARS_ALLOC_HUGE_PAGES)).map(size)
    });
    let start = match mapped {
        Ok(mapping) => mapping.leak().as_mut_ptr().cast(),
        Err(error) => {
            errno::set(error.raw());
            null_mut()
        }
    };
    call.returns_memory(start, start.is_null());
    start
}

/// Returns whether pages may be allocated on other nodes if the node is full.
fn may_fall_back(flags: c_uint) -> bool {
    flags & NUMARS_ALLOC_NO_FALLBACK == 0
}

/// Returns the policy for memory on one node.
fn on_node(node: Option<Node>, flags: c_uint) -> Option<Policy> {
    node.map(|node| if may_fall_back(flags) { Policy::preferred(node) } else { Policy::bind(node.into()) })
}

/// Returns `policy` for nodes of a program's set, unless the kernel has none that never falls back. Nodes that the kernel cannot have are
/// ignored, as those that do not exist: mbind(2) would refuse the set.
fn on_nodes(policy: fn(NodeSet) -> Policy, nodes: Bits, flags: c_uint) -> Option<Policy> {
    let possible = possible_nodes();
    let nodes = nodes.iter().take_while(|&node| node < possible).filter_map(Node::new).collect();
    may_fall_back(flags).then(|| policy(nodes))
}

/// Allocate memory on one node (MPOL_PREFERRED, or MPOL_BIND with NUMARS_ALLOC_NO_FALLBACK), or
/// fail without a message.
///
/// Without flags, pages are allocated when they are first touched, and on other nodes when the node
/// is full.
///
/// - NUMARS_ALLOC_NO_FALLBACK: pages are only allocated on the node, later ones too. Touching a
///   page when the node is full may start the kernel's OOM killer.
/// - NUMARS_ALLOC_POPULATE: all pages are allocated when the call returns; with
///   NUMARS_ALLOC_NO_FALLBACK, on the node, as with NUMARS_ALLOC_STRICT.
/// - NUMARS_ALLOC_STRICT: all pages are allocated and on the node when the call returns. If the
///   node has no room for all of them, the call fails with ENOMEM, without starting the OOM killer,
///   unless the memory of all nodes together is too small.
/// - NUMARS_ALLOC_HUGE_PAGES: the address is a multiple of the size of a transparent huge page, and
///   such pages are requested (MADV_HUGEPAGE). If the kernel has none, base pages are used.
///
/// numa_set_strict(), numa_set_bind_policy(), numa_fail_alloc_on_error and numa_exit_on_error have
/// no effect.
///
/// @param size   bytes, rounded up to whole pages
/// @param node   the node
/// @param flags  0, or flags combined with |
/// @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0;
///         unknown flags; the node is not allowed or has no memory), ENOMEM (no address space; not
///         enough free memory), EPERM or ENOSYS (mbind(2) is forbidden, or move_pages(2), which
///         checks pages)
///
/// Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe.
///
/// Unlike numa_alloc_onnode(), which binds by default and, on failure, calls numa_error() and returns
/// memory without the policy.
#[unsafe(no_mangle)]
pub extern "C" fn numars_alloc_onnode(size: usize, node: c_int, flags: c_uint) -> *mut c_void {
    let number = usize::try_from(node).ok().and_then(Node::new);
    memory(
        call!(numars_alloc_onnode(size = size(size), node = int(node), flags = alloc_flags(flags))),
        size,
        on_node(number, flags),
        flags,
    )
}

/// Allocate memory on the node of the thread that first touches each page (MPOL_LOCAL), or fail
/// without a message.
///
/// With NUMARS_ALLOC_NO_FALLBACK or NUMARS_ALLOC_STRICT, it is the node that the calling thread
/// runs on at the start of the call, with the effects that numars_alloc_onnode() describes.
///
/// @param size   bytes, rounded up to whole pages
/// @param flags  0, or flags of numars_alloc_onnode() combined with |
/// @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0;
///         unknown flags; NUMARS_ALLOC_NO_FALLBACK or NUMARS_ALLOC_STRICT, and the node of the
///         thread is not allowed or has no memory), ENOMEM, EPERM, ENOSYS (as
///         numars_alloc_onnode())
///
/// Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe.
///
/// Unlike numa_alloc_local(), which, on failure, calls numa_error() and returns memory without the
/// policy.
#[unsafe(no_mangle)]
pub extern "C" fn numars_alloc_local(size: usize, flags: c_uint) -> *mut c_void {
    let policy = if may_fall_back(flags) { Some(Policy::LOCAL) } else { on_node(Node::current(), flags) };
    memory(call!(numars_alloc_local(size = size(size), flags = alloc_flags(flags))), size, policy, flags)
}

/// Allocate memory interleaved page by page over the given nodes (MPOL_INTERLEAVE), or fail without
/// a message.
///
/// When a node is full, the kernel allocates its pages on other nodes, which need not be among the
/// given ones. No policy prevents that, so NUMARS_ALLOC_NO_FALLBACK is not accepted. With
/// NUMARS_ALLOC_STRICT, every page is on one of the given nodes when the call returns; how many
/// pages each of them has depends on their free memory.
///
/// @param size   bytes, rounded up to whole pages
/// @param nodes  the nodes; those that are not allowed or have no memory are ignored
/// @param flags  0, or flags of numars_alloc_onnode() combined with |
/// @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0;
///         unknown flags; NUMARS_ALLOC_NO_FALLBACK; no node is allowed and has memory), ENOMEM,
///         EPERM, ENOSYS (as numars_alloc_onnode())
///
/// Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe.
///
/// Unlike numa_alloc_interleaved_subset(), which, on failure, calls numa_error() and returns memory
/// without the policy.
///
/// # Safety
/// nodes is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_alloc_interleaved(size: usize, nodes: *const bitmask, flags: c_uint) -> *mut c_void {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodes) };
    memory(
        call!(numars_alloc_interleaved(size = size(size), nodes = set(&nodes), flags = alloc_flags(flags))),
        size,
        on_nodes(Policy::interleave, nodes, flags),
        flags,
    )
}

/// Allocate memory interleaved by weight over the given nodes (MPOL_WEIGHTED_INTERLEAVE, Linux
/// 6.9), or fail without a message.
///
/// The weights are in /sys/kernel/mm/mempolicy/weighted_interleave. Otherwise like
/// numars_alloc_interleaved().
///
/// @param size   bytes, rounded up to whole pages
/// @param nodes  the nodes; those that are not allowed or have no memory are ignored
/// @param flags  0, or flags of numars_alloc_onnode() combined with |
/// @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (an older
///         kernel; and as numars_alloc_interleaved()), ENOMEM, EPERM, ENOSYS (as
///         numars_alloc_onnode())
///
/// Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe.
///
/// Unlike numa_alloc_weighted_interleaved_subset(), which, on failure, calls numa_error() and returns
/// memory without the policy.
///
/// # Safety
/// nodes is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_alloc_weighted(size: usize, nodes: *const bitmask, flags: c_uint) -> *mut c_void {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodes) };
    memory(
        call!(numars_alloc_weighted(size = size(size), nodes = set(&nodes), flags = alloc_flags(flags))),
        size,
        on_nodes(Policy::weighted_interleave, nodes, flags),
        flags,
    )
}

//! Which of the kernel's policies libnuma's calls request, and what they do on a kernel that lacks it.
//!
//! References: numa(3), set_mempolicy(2), mbind(2).

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use numars::for_c::bitmask::Bits;
use numars::for_c::mempolicy::{self, MF_STRICT, NUMA_BALANCING};
pub use numars::for_c::mempolicy::{
    MemRange, has_home_node, has_preferred_many, lacks_preferred_many, set_home_node, task_policy,
};
use numars::for_c::nodeset::NodeMask;
use numars::for_c::sys::errno;
use numars::for_c::topology::{self, possible_nodes};
use numars::{Errno, Mode, Syscall, SyscallError};

/// How a policy was set that older kernels lack: by [`prefer_nodes`], for example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Applied {
    /// The kernel has the policy that was requested.
    AsRequested,
    /// The kernel is older: it got the policy that comes closest.
    Fallback,
}

/// Makes `request`, and `fallback` if the kernel `lacks` what the first needs, which it refuses with EINVAL. Errno is left untouched if
/// either succeeds. Once the kernel has made the first, which `has_it` records, there is no fallback.
#[inline(always)]
fn with_fallback(
    has_it: &AtomicBool,
    request: impl Fn() -> Result<(), SyscallError>,
    lacks: impl Fn() -> bool,
    fallback: impl Fn() -> Result<(), SyscallError>,
) -> Result<Applied, SyscallError> {
    if has_it.load(Relaxed) {
        return request().map(|()| Applied::AsRequested);
    }
    request_or_fall_back(has_it, request, lacks, fallback)
}

#[cold]
#[inline(never)]
fn request_or_fall_back(
    has_it: &AtomicBool,
    request: impl Fn() -> Result<(), SyscallError>,
    lacks: impl Fn() -> bool,
    fallback: impl Fn() -> Result<(), SyscallError>,
) -> Result<Applied, SyscallError> {
    let before = errno::get();
    match request() {
        Ok(()) => {
            has_it.store(true, Relaxed);
            Ok(Applied::AsRequested)
        }
        Err(error) if error.errno() == Errno::EINVAL && lacks() => {
            errno::set(before);
            fallback().map(|()| Applied::Fallback)
        }
        Err(error) => Err(error),
    }
}

/// Whether the kernel has set a policy with MPOL_F_NUMA_BALANCING, and one of MPOL_PREFERRED_MANY.
static HAS_BALANCING: AtomicBool = AtomicBool::new(false);
static HAS_PREFERRED_MANY: AtomicBool = AtomicBool::new(false);

/// The flags that mbind(2) is called with: none, or [`MF_STRICT`].
static STRICT: AtomicU32 = AtomicU32::new(0);

/// Whether memory that is bound to nodes may be on other nodes when those are full.
static BIND_FALLBACK: AtomicBool = AtomicBool::new(false);

/// Sets whether giving memory a policy fails with EIO if pages are on other nodes already (MPOL_MF_STRICT), which is not so at the start.
/// For the whole process. See mbind(2).
pub fn set_strict(strict: bool) {
    STRICT.store(if strict { MF_STRICT } else { 0 }, Relaxed);
}

/// Sets whether [`bind_memory`] only prefers the nodes, which it does not at the start. For the whole process.
pub fn set_bind_fallback(fallback: bool) {
    BIND_FALLBACK.store(fallback, Relaxed);
}

// --- the calling thread ---

#[inline(always)]
fn set_task_policy(mode: Mode, flags: i32, nodes: Bits) -> Result<(), SyscallError> {
    mempolicy::set_task_policy(mode as i32 | flags, nodes)
}

/// Restricts the calling thread's allocations to `nodes` (MPOL_BIND).
///
/// # Errors
/// EINVAL if none of the nodes has memory and is allowed; EPERM or ENOSYS if policy cannot be used.
#[inline(always)]
pub fn bind_task(nodes: Bits) -> Result<(), SyscallError> {
    set_task_policy(Mode::Bind, 0, nodes)
}

/// Restricts the calling thread's allocations to `nodes`, and lets NUMA balancing move pages between them (MPOL_BIND with
/// MPOL_F_NUMA_BALANCING); before Linux 5.12 without the latter.
///
/// # Errors
/// As for [`bind_task`].
#[inline(always)]
pub fn bind_task_balancing(nodes: Bits) -> Result<Applied, SyscallError> {
    // If the nodes are at fault, EINVAL comes again.
    with_fallback(&HAS_BALANCING, || set_task_policy(Mode::Bind, NUMA_BALANCING, nodes), || true, || bind_task(nodes))
}

/// Lets the calling thread allocate on `nodes` in turn (MPOL_INTERLEAVE); without nodes, as the system does (MPOL_DEFAULT).
///
/// # Errors
/// As for [`bind_task`].
#[inline(always)]
pub fn interleave_task(nodes: Bits) -> Result<(), SyscallError> {
    let mode = if nodes.is_empty() { Mode::Default } else { Mode::Interleave };
    set_task_policy(mode, 0, nodes)
}

/// Lets the calling thread allocate on `nodes` in turn, as often as their weights say (MPOL_WEIGHTED_INTERLEAVE); without nodes, as the
/// system does (MPOL_DEFAULT).
///
/// # Errors
/// As for [`bind_task`]; EINVAL before Linux 6.9.
#[inline(always)]
pub fn weighted_interleave_task(nodes: Bits) -> Result<(), SyscallError> {
    let mode = if nodes.is_empty() { Mode::Default } else { Mode::WeightedInterleave };
    set_task_policy(mode, 0, nodes)
}

/// Lets the calling thread allocate on `node` first (MPOL_PREFERRED); without a node, as [`local_task`].
///
/// # Errors
/// As for [`bind_task`].
pub fn prefer_node(node: Option<usize>) -> Result<(), SyscallError> {
    match node {
        None => local_task(),
        // The kernel would take an empty set for local allocation.
        Some(node) if node >= possible_nodes() => Err(SyscallError::invalid(Syscall::SetMempolicy)),
        Some(node) => set_task_policy(Mode::Preferred, 0, NodeMask::single(node).bits().as_bits()),
    }
}

/// Fails with EINVAL, as set_mempolicy(2) does for MPOL_BIND, if there are no nodes.
pub fn require_nodes(nodes: Bits) -> Result<(), SyscallError> {
    if nodes.is_empty() { Err(SyscallError::invalid(Syscall::SetMempolicy)) } else { Ok(()) }
}

/// Lets the calling thread allocate on `nodes` first (MPOL_PREFERRED_MANY); before Linux 5.15 on the first of them first
/// (MPOL_PREFERRED).
///
/// # Errors
/// As for [`bind_task`].
#[inline(always)]
pub fn prefer_nodes(nodes: Bits) -> Result<Applied, SyscallError> {
    // If mbind(2) is forbidden, it does not show what the kernel lacks. But a kernel that has the mode takes a set with an allowed node.
    let has_allowed = || nodes.iter().any(|node| topology::cached().allowed_nodes().bits().as_bits().contains(node));
    with_fallback(
        &HAS_PREFERRED_MANY,
        || set_task_policy(Mode::PreferredMany, 0, nodes),
        || lacks_preferred_many() || !has_preferred_many() && has_allowed(),
        || prefer_node(nodes.iter().next()),
    )
}

/// Lets the calling thread allocate on the node that it runs on (MPOL_LOCAL of set_mempolicy(2)).
///
/// # Errors
/// EPERM or ENOSYS if policy cannot be used.
pub fn local_task() -> Result<(), SyscallError> {
    set_task_policy(Mode::Local, 0, Bits::EMPTY)
}

// --- memory ---

fn set_memory_policy(memory: MemRange, mode: Mode, nodes: Bits) -> Result<(), SyscallError> {
    mempolicy::set_memory_policy(memory, mode as i32, nodes, STRICT.load(Relaxed))
}

/// Restricts the pages of `memory` that are allocated from now on to `nodes` (MPOL_BIND); after [`set_bind_fallback`], only prefers these
/// nodes (MPOL_PREFERRED_MANY), or before Linux 5.15 the first of them (MPOL_PREFERRED).
///
/// # Errors
/// EINVAL if the range is invalid or none of the nodes has memory and is allowed; EFAULT if nothing is mapped there; EIO after [`set_strict`] if
/// pages are on other nodes; ENOMEM; EPERM or ENOSYS if policy cannot be used.
#[inline(always)]
pub fn bind_memory(memory: MemRange, nodes: Bits) -> Result<Applied, SyscallError> {
    if BIND_FALLBACK.load(Relaxed) {
        return prefer_memory(memory, nodes);
    }
    set_memory_policy(memory, Mode::Bind, nodes).map(|()| Applied::AsRequested)
}

fn prefer_memory(memory: MemRange, nodes: Bits) -> Result<Applied, SyscallError> {
    let set = |mode| set_memory_policy(memory, mode, nodes);
    with_fallback(&HAS_PREFERRED_MANY, || set(Mode::PreferredMany), lacks_preferred_many, || set(Mode::Preferred))
}

/// As [`bind_memory`] for one node; the kernel refuses a node that cannot exist.
///
/// # Errors
/// As for [`bind_memory`].
pub fn bind_memory_to_node(memory: MemRange, node: i32) -> Result<(), SyscallError> {
    let nodes = usize::try_from(node).map_or_else(|_| NodeMask::new(), NodeMask::single);
    bind_memory(memory, nodes.bits().as_bits()).map(|_| ())
}

/// Allocates the pages of `memory` on `nodes` in turn (MPOL_INTERLEAVE), those that are allocated from now on.
///
/// # Errors
/// As for [`bind_memory`].
pub fn interleave_memory(memory: MemRange, nodes: Bits) -> Result<(), SyscallError> {
    set_memory_policy(memory, Mode::Interleave, nodes)
}

/// Allocates the pages of `memory` on `nodes` in turn, as often as their weights say (MPOL_WEIGHTED_INTERLEAVE, Linux 6.9), those that are
/// allocated from now on.
///
/// # Errors
/// As for [`bind_memory`]; EINVAL before Linux 6.9.
pub fn weighted_interleave_memory(memory: MemRange, nodes: Bits) -> Result<(), SyscallError> {
    set_memory_policy(memory, Mode::WeightedInterleave, nodes)
}

/// Allocates the pages of `memory` on the node of the CPU that touches them first (MPOL_LOCAL), those that are allocated from now on.
///
/// # Errors
/// As for [`bind_memory`].
pub fn local_memory(memory: MemRange) -> Result<(), SyscallError> {
    set_memory_policy(memory, Mode::Local, Bits::EMPTY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use numars::{Node, Policy};

    /// The policy of the calling thread after `change`, in a thread of its own.
    fn after(change: impl FnOnce() -> Result<(), SyscallError> + Send) -> Policy {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                change().unwrap();
                Policy::of_thread().unwrap()
            });
            thread.join().unwrap()
        })
    }

    #[test]
    fn each_call_asks_for_its_policy() {
        let (node, zero) = (Node::new(0).unwrap(), || NodeMask::single(0));
        assert_eq!(after(|| bind_task(zero().bits().as_bits())), Policy::bind(node.into()));
        assert_eq!(after(|| interleave_task(zero().bits().as_bits())), Policy::interleave(node.into()));
        assert_eq!(after(|| interleave_task(Bits::EMPTY)), Policy::DEFAULT);
        assert_eq!(after(|| prefer_node(Some(0))), Policy::preferred(node));
        assert_eq!(after(|| prefer_node(None)), Policy::LOCAL);
        assert_eq!(after(local_task), Policy::LOCAL);
        let several = if has_preferred_many() { Policy::preferred_many(node.into()) } else { Policy::preferred(node) };
        assert_eq!(after(|| prefer_nodes(zero().bits().as_bits()).map(|_| ())), several);
    }

    #[test]
    fn a_node_that_cannot_be_is_refused() {
        for node in [possible_nodes(), usize::MAX] {
            assert!(prefer_node(Some(node)).is_err());
        }
        assert!(bind_task(NodeMask::new().bits().as_bits()).is_err());
    }
}

//! Memory policy: which of the kernel's policies each call requests, and what the kernel's result means.
//!
//! References: numa(7), set_mempolicy(2), get_mempolicy(2), mbind(2), set_mempolicy_home_node(2).
//!
//! ```
//! use numars::for_c::mempolicy;
//! // Allocate on node 0 first. A kernel without NUMA, or a container, may refuse that.
//! if let Err(error) = mempolicy::prefer_node(Some(0)) {
//!     eprintln!("no memory policy: {error}");
//! }
//! ```

use crate::bitmask::{Bits, BitsMut};
use crate::error::{Syscall, SyscallError};
use crate::nodeset::NodeMask;
use crate::sys::errno::{self, Errno};
use crate::sys::kernel;
use crate::sys::memory::page_size;
use crate::topology::{self, possible_nodes};
use core::cell::Cell;
use core::ffi::c_long;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use once_cell::race::OnceBool;

/// The mode of a memory policy: on which nodes pages are allocated. See set_mempolicy(2).
///
/// ```
/// use numars::{Mode, NodeSet, Policy};
/// assert_eq!(Policy::bind(NodeSet::EMPTY).mode(), Mode::Bind);
/// ```
// By the kernel's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Mode {
    /// MPOL_DEFAULT: none of its own, so that the policy of the thread or the system applies.
    Default = 0,
    /// MPOL_PREFERRED: one node first, then the others.
    Preferred = 1,
    /// MPOL_BIND: the given nodes only.
    Bind = 2,
    /// MPOL_INTERLEAVE: the given nodes in turn, page by page.
    Interleave = 3,
    /// MPOL_LOCAL: the node of the CPU that touches the page first.
    Local = 4,
    /// MPOL_PREFERRED_MANY (Linux 5.15): the given nodes first, then the others.
    PreferredMany = 5,
    /// MPOL_WEIGHTED_INTERLEAVE (Linux 6.9): the given nodes in turn, as often as their weights say.
    WeightedInterleave = 6,
    /// A mode of a newer kernel, which this version of the crate does not name; a later version may. [`Policy::raw_mode`](crate::Policy::raw_mode)
    /// returns its number.
    Other = 0xff,
}

/// The bits of a policy's number that are its mode; the others are flags.
pub(crate) const MODE_BITS: i32 = 0xff;

impl Mode {
    /// Returns the mode of a policy, which may have flags.
    pub(crate) fn of(raw: i32) -> Mode {
        const NAMED: [Mode; 7] = [
            Mode::Default,
            Mode::Preferred,
            Mode::Bind,
            Mode::Interleave,
            Mode::Local,
            Mode::PreferredMany,
            Mode::WeightedInterleave,
        ];
        NAMED.into_iter().find(|&mode| mode as i32 == raw & MODE_BITS).unwrap_or(Mode::Other)
    }
}

/// MPOL_F_NUMA_BALANCING of set_mempolicy(2): NUMA balancing may move pages between the nodes of a task's policy MPOL_BIND.
pub const NUMA_BALANCING: i32 = 1 << 13;

/// MPOL_MF_STRICT: mbind(2) fails with EIO if pages are on other nodes already.
pub const MF_STRICT: u32 = 1;

/// Returns the error of `call` if its result is negative.
fn check(result: c_long, call: Syscall) -> Result<(), SyscallError> {
    if result < 0 { Err(SyscallError::last(call)) } else { Ok(()) }
}

/// How a policy was set that older kernels lack: by [`prefer_nodes`], for example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Applied {
    /// The kernel has the policy that was requested.
    AsRequested,
    /// The kernel is older: it got the policy that comes closest.
    Fallback,
}

/// Makes `request`, and `fallback` if the kernel `lacks` what the first needs, which it refuses with EINVAL. Errno is left untouched if
/// either succeeds.
fn with_fallback(
    request: impl FnOnce() -> Result<(), SyscallError>,
    lacks: impl FnOnce() -> bool,
    fallback: impl FnOnce() -> Result<(), SyscallError>,
) -> Result<Applied, SyscallError> {
    let before = errno::get();
    match request() {
        Err(error) if error.errno() == Errno::EINVAL && lacks() => {
            errno::set(before);
            fallback().map(|()| Applied::Fallback)
        }
        result => result.map(|()| Applied::AsRequested),
    }
}

/// Whether mbind(2) is called with [`MF_STRICT`].
static STRICT: AtomicBool = AtomicBool::new(false);

/// Whether memory that is bound to nodes may be on other nodes when those are full.
static BIND_FALLBACK: AtomicBool = AtomicBool::new(false);

/// Sets whether giving memory a policy fails with EIO if pages are on other nodes already (MPOL_MF_STRICT), which is not so at the start.
/// For the whole process. See mbind(2).
pub fn set_strict(strict: bool) {
    STRICT.store(strict, Relaxed);
}

/// Sets whether [`bind_memory`] only prefers the nodes, which it does not at the start. For the whole process.
pub fn set_bind_fallback(fallback: bool) {
    BIND_FALLBACK.store(fallback, Relaxed);
}

// --- the calling thread ---

fn set_task_policy(mode: Mode, flags: i32, nodes: Bits) -> Result<(), SyscallError> {
    set_raw_task_policy(mode as i32 | flags, nodes)
}

/// Sets the calling thread's policy, by the kernel's number and flags.
pub(crate) fn set_raw_task_policy(raw_mode: i32, nodes: Bits) -> Result<(), SyscallError> {
    check(kernel::set_mempolicy(raw_mode, nodes), Syscall::SetMempolicy)
}

/// Restricts the calling thread's allocations to `nodes` (MPOL_BIND).
///
/// ```
/// use numars::for_c::mempolicy;
/// use numars::Mode;
/// use numars::for_c::nodeset::NodeMask;
/// // Fails in a container that forbids policies, or whose cpuset does not include node 0.
/// if mempolicy::bind_task(NodeMask::single(0).bits().as_bits()).is_ok() {
///     let nodes = NodeMask::new();
///     assert!(mempolicy::task_policy(nodes.bits())?.is(Mode::Bind));
///     assert!(nodes.bits().as_bits().iter().eq([0]));
///     mempolicy::local_task()?;
/// }
/// # Ok::<(), numars::SyscallError>(())
/// ```
///
/// # Errors
/// EINVAL if none of the nodes has memory and is allowed; EPERM or ENOSYS if policy cannot be used.
pub fn bind_task(nodes: Bits) -> Result<(), SyscallError> {
    set_task_policy(Mode::Bind, 0, nodes)
}

/// Restricts the calling thread's allocations to `nodes`, and lets NUMA balancing move pages between them (MPOL_BIND with
/// MPOL_F_NUMA_BALANCING); before Linux 5.12 without the latter.
///
/// # Errors
/// As for [`bind_task`].
pub fn bind_task_balancing(nodes: Bits) -> Result<Applied, SyscallError> {
    // If the nodes are at fault, EINVAL comes again.
    with_fallback(|| set_task_policy(Mode::Bind, NUMA_BALANCING, nodes), || true, || bind_task(nodes))
}

/// Lets the calling thread allocate on `nodes` in turn (MPOL_INTERLEAVE); without nodes, as the system does (MPOL_DEFAULT).
///
/// # Errors
/// As for [`bind_task`].
pub fn interleave_task(nodes: Bits) -> Result<(), SyscallError> {
    let mode = if nodes.is_empty() { Mode::Default } else { Mode::Interleave };
    set_task_policy(mode, 0, nodes)
}

/// Lets the calling thread allocate on `nodes` in turn, as often as their weights say (MPOL_WEIGHTED_INTERLEAVE); without nodes, as the
/// system does (MPOL_DEFAULT).
///
/// # Errors
/// As for [`bind_task`]; EINVAL before Linux 6.9.
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
pub fn prefer_nodes(nodes: Bits) -> Result<Applied, SyscallError> {
    // If mbind(2) is forbidden, it does not show what the kernel lacks. But a kernel that has the mode takes a set with an allowed node.
    let has_allowed = || nodes.iter().any(|node| topology::cached().allowed_nodes().bits().as_bits().contains(node));
    with_fallback(
        || set_task_policy(Mode::PreferredMany, 0, nodes),
        || lacks_preferred_many() || !has_preferred_many() && has_allowed(),
        || prefer_node(nodes.iter().next()),
    )
}

/// Lets the calling thread allocate on the node that it runs on (MPOL_LOCAL of set_mempolicy(2)).
///
/// # Errors
/// EPERM or ENOSYS if policy cannot be used.
#[inline(never)]
pub fn local_task() -> Result<(), SyscallError> {
    set_task_policy(Mode::Local, 0, NodeMask::new().bits().as_bits())
}

/// The mode of the calling thread's policy, as [`task_policy`] returns it.
// One word, so that no caller pays for moving it: the nodes are where the caller wanted them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TaskMode(i32);

/// Reads the calling thread's policy with get_mempolicy(2), whose nodes the kernel writes into `nodes`, an empty set.
///
/// # Errors
/// EPERM or ENOSYS if policy cannot be used.
pub fn task_policy(nodes: BitsMut<'_>) -> Result<TaskMode, SyscallError> {
    query_policy(nodes, kernel::task_policy)
}

/// Reads the policy of the memory at `address` with get_mempolicy(2) (MPOL_F_ADDR), whose nodes the kernel writes into `nodes`, an empty set.
pub(crate) fn memory_policy(address: usize, nodes: BitsMut<'_>) -> Result<TaskMode, SyscallError> {
    query_policy(nodes, |words| kernel::memory_policy(address, words))
}

#[inline(always)]
fn query_policy(nodes: BitsMut<'_>, query: impl Fn(&[Cell<usize>]) -> Option<i32>) -> Result<TaskMode, SyscallError> {
    let mode = Cell::new(0);
    if !topology::query_nodemask(nodes, |words| query(words).map(|own| mode.set(own)).is_some()) {
        return Err(SyscallError::last(Syscall::GetMempolicy));
    }
    Ok(TaskMode(mode.get()))
}

impl TaskMode {
    /// Returns whether this is `mode`, as in the example of [`bind_task`], with whatever flags the policy has.
    pub fn is(self, mode: Mode) -> bool {
        self.0 & MODE_BITS == mode as i32
    }

    /// Returns the kernel's number: the mode and its flags.
    pub(crate) fn raw(self) -> i32 {
        self.0
    }
}

// --- memory ---

/// A range of addresses, for mbind(2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MemRange {
    /// The address of the first byte.
    pub start: usize,
    /// The length in bytes.
    pub length: usize,
}

fn set_memory_policy(memory: MemRange, mode: Mode, nodes: Bits) -> Result<(), SyscallError> {
    set_raw_policy(memory, mode as i32, nodes, if STRICT.load(Relaxed) { MF_STRICT } else { 0 })
}

/// Gives memory a policy, by the kernel's number and flags, whatever was set by [`set_strict`] and [`set_bind_fallback`].
#[inline(never)]
pub(crate) fn set_raw_policy(memory: MemRange, raw_mode: i32, nodes: Bits, flags: u32) -> Result<(), SyscallError> {
    // The kernel would round it up to 0, and have nothing to do.
    if memory.length.checked_add(page_size() - 1).is_none() {
        return Err(SyscallError::invalid(Syscall::Mbind));
    }
    check(kernel::mbind(memory.start, memory.length, raw_mode, nodes, flags), Syscall::Mbind)
}

/// Restricts the pages of `memory` that are allocated from now on to `nodes` (MPOL_BIND); after [`set_bind_fallback`], only prefers these
/// nodes (MPOL_PREFERRED_MANY), or before Linux 5.15 the first of them (MPOL_PREFERRED).
///
/// # Errors
/// EINVAL if the range is invalid or none of the nodes has memory and is allowed; EFAULT if nothing is mapped there; EIO after [`set_strict`] if
/// pages are on other nodes; ENOMEM; EPERM or ENOSYS if policy cannot be used.
pub fn bind_memory(memory: MemRange, nodes: Bits) -> Result<Applied, SyscallError> {
    let set = |mode| set_memory_policy(memory, mode, nodes);
    if !BIND_FALLBACK.load(Relaxed) {
        return set(Mode::Bind).map(|()| Applied::AsRequested);
    }
    with_fallback(|| set(Mode::PreferredMany), lacks_preferred_many, || set(Mode::Preferred))
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

/// Sets the node from which the policy of `memory` (MPOL_BIND or MPOL_PREFERRED_MANY) starts to look for free memory
/// (set_mempolicy_home_node(2), Linux 5.17). `flags` is 0.
///
/// # Errors
/// EINVAL if the range is invalid or there is no such node, ENOENT if the memory has no policy, EOPNOTSUPP if it has another one, ENOSYS on an
/// older kernel.
pub fn set_home_node(memory: MemRange, node: i32, flags: i32) -> Result<(), SyscallError> {
    let result = kernel::set_mempolicy_home_node(memory.start, memory.length, node, flags);
    check(result.into(), Syscall::SetMempolicyHomeNode)
}

// --- what the kernel can do ---
//
// Asked with ranges of no length: the kernel checks the policy, and then has nothing to do.

/// Returns the errno of a request for a policy, by the kernel's number and flags; 0 if it succeeds. Errno is left untouched.
pub(crate) fn error_of_policy(raw_mode: i32) -> i32 {
    errno::preserve_errno(|| match kernel::mbind(0, 0, raw_mode, Bits::EMPTY, 0) {
        0 => 0,
        _ => errno::get(),
    })
}

/// Returns the errno of a request for MPOL_PREFERRED_MANY, 0 if it succeeds.
fn preferred_many_error() -> i32 {
    error_of_policy(Mode::PreferredMany as i32)
}

/// Returns whether the kernel has MPOL_PREFERRED_MANY of set_mempolicy(2) (Linux 5.15).
pub fn has_preferred_many() -> bool {
    preferred_many_error() == 0
}

/// Returns whether set_mempolicy(2) is not forbidden: the kernel refuses a mode that does not exist with EINVAL. Errno is left untouched.
pub(crate) fn may_set_task_policy() -> bool {
    errno::preserve_errno(|| kernel::set_mempolicy(-1, Bits::EMPTY) < 0 && errno::get() == errno::EINVAL)
}

/// Returns whether the kernel is older than MPOL_PREFERRED_MANY of set_mempolicy(2); called after an EINVAL that may have other reasons.
pub fn lacks_preferred_many() -> bool {
    static LACKS: OnceBool = OnceBool::new();
    LACKS.get_or_init(|| preferred_many_error() == errno::EINVAL)
}

/// Returns whether the kernel has set_mempolicy_home_node(2) (Linux 5.17).
pub fn has_home_node() -> bool {
    let first = topology::cached().nodes().bits().as_bits().iter().next().unwrap_or(0);
    errno::preserve_errno(|| set_home_node(MemRange { start: 0, length: 0 }, first as i32, 0).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The policy of the calling thread after `change`, in a thread of its own.
    fn after(change: impl FnOnce() -> Result<(), SyscallError> + Send) -> (i32, Vec<usize>) {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                change().unwrap();
                let nodes = NodeMask::new();
                let mode = task_policy(nodes.bits()).unwrap();
                (mode.0, nodes.bits().as_bits().iter().collect())
            });
            thread.join().unwrap()
        })
    }

    #[test]
    fn each_call_asks_for_its_policy() {
        let zero = || NodeMask::single(0);
        assert_eq!(after(|| bind_task(zero().bits().as_bits())), (Mode::Bind as i32, vec![0]));
        assert_eq!(after(|| interleave_task(zero().bits().as_bits())), (Mode::Interleave as i32, vec![0]));
        assert_eq!(after(|| interleave_task(NodeMask::new().bits().as_bits())), (Mode::Default as i32, vec![]));
        assert_eq!(after(|| prefer_node(Some(0))), (Mode::Preferred as i32, vec![0]));
        assert_eq!(after(|| prefer_node(None)), (Mode::Local as i32, vec![]));
        assert_eq!(after(local_task), (Mode::Local as i32, vec![]));
        let mode = if has_preferred_many() { Mode::PreferredMany } else { Mode::Preferred };
        assert_eq!(after(|| prefer_nodes(zero().bits().as_bits()).map(|_| ())), (mode as i32, vec![0]));
    }

    #[test]
    fn a_node_that_cannot_be_is_refused() {
        for node in [possible_nodes(), usize::MAX] {
            assert!(prefer_node(Some(node)).is_err());
        }
        assert!(bind_task(NodeMask::new().bits().as_bits()).is_err());
    }

    #[test]
    fn a_mode_is_compared_without_the_flags_of_the_policy() {
        let mode = TaskMode(Mode::Bind as i32 | NUMA_BALANCING);
        assert!(mode.is(Mode::Bind) && !mode.is(Mode::Interleave));
    }
}

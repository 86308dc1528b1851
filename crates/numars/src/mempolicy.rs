//! Memory policy as the kernel takes it: by the numbers of modes and flags, for sets of any length.
//!
//! References: numa(7), set_mempolicy(2), get_mempolicy(2), mbind(2), set_mempolicy_home_node(2).

use crate::bitmask::{Bits, BitsMut};
use crate::error::{Syscall, SyscallError};
use crate::sys::errno;
use crate::sys::kernel;
use crate::sys::memory::page_size;
use crate::topology;
use core::cell::Cell;
use core::ffi::c_long;
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

/// MPOL_F_NUMA_BALANCING of set_mempolicy(2): NUMA balancing may move pages between the nodes of a policy MPOL_BIND or, on newer kernels
/// (6.12, not yet 6.1), MPOL_PREFERRED_MANY.
pub const NUMA_BALANCING: i32 = 1 << 13;

/// MPOL_MF_STRICT: mbind(2) fails with EIO if pages are on other nodes already.
pub const MF_STRICT: u32 = 1;

/// Returns the error of `call` if its result is negative.
fn check(result: c_long, call: Syscall) -> Result<(), SyscallError> {
    if result < 0 { Err(SyscallError::last(call)) } else { Ok(()) }
}

// --- the calling thread ---

/// Sets the calling thread's policy, by the kernel's number and flags, with set_mempolicy(2).
///
/// ```
/// use numars::for_c::{mempolicy, nodeset::NodeMask};
/// use numars::Mode;
/// let zero = NodeMask::single(0);
/// // Fails in a container that forbids policies, or whose cpuset does not include node 0.
/// if mempolicy::set_task_policy(Mode::Bind as i32, zero.bits().as_bits()).is_ok() {
///     let nodes = NodeMask::new();
///     assert!(mempolicy::task_policy(nodes.bits())?.is(Mode::Bind));
///     assert!(nodes.bits().as_bits().iter().eq([0]));
/// }
/// # Ok::<(), numars::SyscallError>(())
/// ```
///
/// # Errors
/// EINVAL if none of the nodes has memory and is allowed, or the kernel lacks the mode or a flag; EPERM or ENOSYS if policy cannot be used.
#[inline(always)]
pub fn set_task_policy(raw_mode: i32, nodes: Bits) -> Result<(), SyscallError> {
    check(kernel::set_mempolicy(raw_mode, nodes), Syscall::SetMempolicy)
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
    /// Returns whether this is `mode`, with whatever flags the policy has.
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

impl MemRange {
    /// Returns the error of `call` if the length cannot be rounded up to whole pages: the kernel would round it up to 0, and have nothing to do.
    fn check(self, call: Syscall) -> Result<(), SyscallError> {
        match self.length.checked_add(page_size() - 1) {
            Some(_) => Ok(()),
            None => Err(SyscallError::invalid(call)),
        }
    }
}

/// Gives memory a policy, by the kernel's number and flags, with mbind(2), whose flags are 0 or [`MF_STRICT`], for example.
///
/// # Errors
/// EINVAL if the range is invalid or as [`set_task_policy`]; EFAULT if nothing is mapped there; EIO with [`MF_STRICT`] if pages are on other nodes;
/// ENOMEM; EPERM or ENOSYS if policy cannot be used.
#[inline(never)]
pub fn set_memory_policy(memory: MemRange, raw_mode: i32, nodes: Bits, flags: u32) -> Result<(), SyscallError> {
    // Shorter lengths can be rounded up, whatever the size of a page.
    if isize::try_from(memory.length).is_err() {
        return set_policy_of_huge_range(memory, raw_mode, nodes, flags);
    }
    check(kernel::mbind(memory.start, memory.length, raw_mode, nodes, flags), Syscall::Mbind)
}

#[cold]
#[inline(never)]
fn set_policy_of_huge_range(memory: MemRange, raw_mode: i32, nodes: Bits, flags: u32) -> Result<(), SyscallError> {
    memory.check(Syscall::Mbind)?;
    check(kernel::mbind(memory.start, memory.length, raw_mode, nodes, flags), Syscall::Mbind)
}

/// Sets the node from which the policy of `memory` (MPOL_BIND or MPOL_PREFERRED_MANY) starts to look for free memory
/// (set_mempolicy_home_node(2), Linux 5.17). `flags` is 0.
///
/// # Errors
/// EINVAL if the range is invalid or there is no such node, ENOENT if the memory has no policy, EOPNOTSUPP if it has another one, ENOSYS on an
/// older kernel.
pub fn set_home_node(memory: MemRange, node: i32, flags: i32) -> Result<(), SyscallError> {
    memory.check(Syscall::SetMempolicyHomeNode)?;
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

/// Returns whether the kernel has MPOL_PREFERRED_MANY of set_mempolicy(2) (Linux 5.15); an error if it does not say, as in a container that
/// forbids mbind(2). It is asked until it has said so once.
fn find_preferred_many() -> Result<bool, i32> {
    static IS_THERE: OnceBool = OnceBool::new();
    if let Some(is_there) = IS_THERE.get() {
        return Ok(is_there);
    }
    let is_there = match error_of_policy(Mode::PreferredMany as i32) {
        0 => true,
        errno::EINVAL => false,
        error => return Err(error),
    };
    let _ = IS_THERE.set(is_there);
    Ok(is_there)
}

/// Returns whether the kernel has MPOL_PREFERRED_MANY and has not forbidden it so far.
pub fn has_preferred_many() -> bool {
    find_preferred_many() == Ok(true)
}

/// Returns whether set_mempolicy(2) is not forbidden: the kernel refuses a mode that does not exist with EINVAL. Errno is left untouched.
pub(crate) fn may_set_task_policy() -> bool {
    errno::preserve_errno(|| kernel::set_mempolicy(-1, Bits::EMPTY) < 0 && errno::get() == errno::EINVAL)
}

/// Returns whether the kernel is older than MPOL_PREFERRED_MANY; called after an EINVAL that may have other reasons.
pub fn lacks_preferred_many() -> bool {
    find_preferred_many() == Ok(false)
}

/// Returns whether the kernel has set_mempolicy_home_node(2) (Linux 5.17).
pub fn has_home_node() -> bool {
    let first = topology::cached().nodes().bits().as_bits().iter().next().unwrap_or(0);
    errno::preserve_errno(|| set_home_node(MemRange { start: 0, length: 0 }, first as i32, 0).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_compared_without_the_flags_of_the_policy() {
        let mode = TaskMode(Mode::Bind as i32 | NUMA_BALANCING);
        assert!(mode.is(Mode::Bind) && !mode.is(Mode::Interleave));
    }
}

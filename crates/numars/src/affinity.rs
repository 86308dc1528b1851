//! CPU affinity: which CPUs a thread may run on, by CPU or by node.
//!
//! References: sched_setaffinity(2), cpuset(7).
//!
//! ```
//! use numars::for_c::affinity;
//! use numars::for_c::nodeset::CpuMask;
//! let cpus = CpuMask::new();
//! affinity::get(0, cpus.bits())?;
//! affinity::set(0, &cpus)?;
//! # Ok::<(), numars::SyscallError>(())
//! ```

use crate::bitmask::{Bits, BitsMut, WORD_BITS, Word};
use crate::error::{Syscall, SyscallError};
use crate::mempolicy::{self, Mode};
use crate::nodeset::CpuMask;
use crate::sys::errno::{self, Errno};
use crate::sys::kernel;
use crate::topology::{self, KernelTopology};
use core::cell::Cell;

/// Lets the calling thread run on all CPUs again.
///
/// # Errors
/// As for [`set`].
pub fn run_on_all_cpus() -> Result<(), SyscallError> {
    let all = CpuMask::new();
    all.bits().fill(true);
    set(0, &all)
}

/// Restricts the calling thread to the CPUs of `nodes`. If the kernel refuses, the CPUs of the nodes are read again, because they may have
/// changed.
///
/// # Errors
/// EINVAL if the thread may run on none of these CPUs; otherwise as for [`set`].
pub fn run_on_nodes(nodes: Bits) -> Result<(), SyscallError> {
    let before = errno::get();
    set(0, &KernelTopology::current().cpus_of_nodes(nodes)).or_else(|error| {
        if error.errno() != Errno::EINVAL || !topology::catch_up() {
            return Err(error);
        }
        errno::set(before);
        set(0, &KernelTopology::current().cpus_of_nodes(nodes))
    })
}

/// Restricts the calling thread to the CPUs of `nodes`, and its allocations to their memory (MPOL_BIND). If either is refused, nothing is
/// changed.
///
/// # Errors
/// As for [`run_on_nodes`] and [`mempolicy::set_task_policy`].
pub fn bind(nodes: Bits) -> Result<(), SyscallError> {
    let before = topology::allowed_cpus();
    run_on_nodes(nodes)?;
    mempolicy::set_task_policy(Mode::Bind as i32, nodes).inspect_err(|_| {
        let _ = errno::preserve_errno(|| set(0, &before));
    })
}

/// Reads with sched_getaffinity(2) the CPUs that a thread (0: the calling one) may run on into `cpus`, in whole words. Returns the size of
/// the kernel's CPU mask in bytes.
///
/// # Errors
/// EINVAL if `cpus` is smaller than the kernel's mask, ESRCH if there is no such thread.
pub fn get(pid: i32, cpus: BitsMut) -> Result<usize, SyscallError> {
    let filled = kernel::sched_getaffinity(pid, cpus.as_bits().storage());
    usize::try_from(filled).map_err(|_| SyscallError::last(Syscall::SchedGetaffinity))
}

/// As [`set`], for a set of any length. CPUs beyond the end of a [`CpuMask`] are left out, which no kernel has.
///
/// # Errors
/// As for [`set`].
#[inline(always)]
pub fn set_bits(pid: i32, cpus: Bits) -> Result<(), SyscallError> {
    // The kernel takes a mask of any number of words. The last one must not have bits beyond the set.
    if cpus.length() == cpus.storage().len() * WORD_BITS {
        set_words(pid, cpus.storage())
    } else {
        set_copy(pid, cpus.storage(), cpus.length())
    }
}

#[inline(always)]
fn set_words(pid: i32, words: &[Cell<Word>]) -> Result<(), SyscallError> {
    if kernel::sched_setaffinity(pid, words) < 0 { Err(SyscallError::last(Syscall::SchedSetaffinity)) } else { Ok(()) }
}

// Not inlined, because the set takes stack.
#[inline(never)]
fn set_copy(pid: i32, words: &[Cell<Word>], length: usize) -> Result<(), SyscallError> {
    let copy = CpuMask::new();
    copy.bits().copy_from(Bits::new(words, length));
    set(pid, &copy)
}

/// Restricts a thread (0: the calling one) to `cpus`, by sched_setaffinity(2). CPUs that the kernel does not have are ignored.
///
/// # Errors
/// EINVAL if the thread may run on none of the CPUs, ESRCH if there is no such thread, EPERM if it belongs to another user.
pub fn set(pid: i32, cpus: &CpuMask) -> Result<(), SyscallError> {
    set_words(pid, cpus.words())
}

//! Allocating memory on nodes, and the policy of memory.

use super::errors::{call_numa_error, report_failure};
use super::globals;
use super::mask::{bitmask, read};
use crate::trace::{self, Arg, CallResult, PageOutcome, trace_call};
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use numars::bitmask::Bits;
use numars::error::SyscallError;
use numars::mempolicy::{self, MemRange};
use numars::sys::memory;

/// Set by the program, not 0: numa_alloc_onnode() and its like return NULL where the memory could not be given its policy,
/// instead of memory with another one. 0 at the start.
#[unsafe(no_mangle)]
pub static mut numa_fail_alloc_on_error: c_int = 0;

/// Returns the `length` bytes from `start` on.
pub(super) fn range(start: *mut c_void, length: usize) -> MemRange {
    MemRange { start: start as usize, length }
}

/// Memory that was mapped for the program, which does not have it yet.
#[derive(Clone, Copy)]
struct Allocation {
    /// NULL, with errno, if there is none.
    start: *mut c_void,
    size: usize,
    /// Whether it could be given its policy.
    policy: Result<(), SyscallError>,
}

impl Allocation {
    /// Maps memory, and gives it a policy by `set_policy`.
    fn new(size: usize, set_policy: impl FnOnce(MemRange) -> Result<(), SyscallError>) -> Self {
        let start = memory::map(size);
        let policy = if start.is_null() { Ok(()) } else { set_policy(range(start, size)) };
        Allocation { start, size, policy }
    }

    /// Maps memory, and spreads it over the nodes of numa_all_nodes_ptr by `spread`.
    // In one place: the nodes take some stack.
    #[inline(never)]
    fn on_all_nodes(size: usize, spread: fn(MemRange, Bits) -> Result<(), SyscallError>) -> Self {
        Allocation::new(size, |memory| spread(memory, globals::all_nodes().bits().as_bits()))
    }

    /// Returns the memory, for the program. A policy that could not be given is reported, and the memory is kept unless
    /// numa_fail_alloc_on_error is set.
    fn finish(self) -> *mut c_void {
        if let Err(error) = self.policy {
            call_numa_error(error);
            // SAFETY: the flag is the static above. Volatile, since the program writes to it.
            if unsafe { (&raw const numa_fail_alloc_on_error).read_volatile() } != 0 {
                // SAFETY: mapped by `new`, and no other code has it.
                unsafe { memory::unmap(self.start, self.size) };
                return null_mut();
            }
        }
        self.start
    }
}

impl CallResult for Allocation {
    #[cold]
    #[inline(never)]
    fn emit(self, text: &str, arguments: &[Arg]) {
        let failed = self.start.is_null() || self.policy.is_err();
        trace::write_call(text, arguments, Arg::from(&self.start), failed, PageOutcome::None);
    }
}

/// Allocates memory on a node.
///
/// @param size  bytes, rounded up to whole pages
/// @param node  the node
/// @return the memory, to be given back with numa_free(); NULL with errno: EINVAL (size is 0), ENOMEM
///
/// Follows numa(3). A node that cannot be is reported by numa_error(); the memory has no policy then, unless
/// numa_fail_alloc_on_error is set.
#[unsafe(no_mangle)]
pub extern "C" fn numa_alloc_onnode(size: usize, node: c_int) -> *mut c_void {
    trace_call!(
        "numa_alloc_onnode(size=*, node=*)",
        [size, node],
        Allocation::new(size, |memory| mempolicy::bind_memory_to_node(memory, node))
    )
    .finish()
}

/// Allocates memory on the node where the thread runs that touches it first.
///
/// @param size  bytes, rounded up to whole pages
/// @return the memory, to be given back with numa_free(); NULL with errno: EINVAL (size is 0), ENOMEM
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_alloc_local(size: usize) -> *mut c_void {
    trace_call!("numa_alloc_local(size=*)", [size], Allocation::new(size, mempolicy::local_memory)).finish()
}

/// Allocates memory whose pages lie on all nodes in turn.
///
/// @param size  bytes, rounded up to whole pages
/// @return the memory, to be given back with numa_free(); NULL with errno: EINVAL (size is 0), ENOMEM
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_alloc_interleaved(size: usize) -> *mut c_void {
    trace_call!("numa_alloc_interleaved(size=*)", [size], Allocation::on_all_nodes(size, mempolicy::interleave_memory))
        .finish()
}

/// Allocates memory whose pages lie on some nodes in turn.
///
/// @param size      bytes, rounded up to whole pages
/// @param nodemask  the nodes
/// @return the memory, to be given back with numa_free(); NULL with errno: EINVAL (size is 0), ENOMEM
///
/// Follows numa(3). Nodes that cannot be are reported by numa_error(); the memory has no policy then, unless
/// numa_fail_alloc_on_error is set.
///
/// # Safety
/// nodemask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_alloc_interleaved_subset(size: usize, nodemask: *mut bitmask) -> *mut c_void {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    trace_call!(
        "numa_alloc_interleaved_subset(size=*, nodemask=*)",
        [size, nodes],
        Allocation::new(size, |memory| mempolicy::interleave_memory(memory, nodes))
    )
    .finish()
}

/// Allocates memory whose pages lie on all nodes in turn, as often as their weights say (Linux 6.9).
///
/// @param size  bytes, rounded up to whole pages
/// @return the memory, to be given back with numa_free(); NULL with errno: EINVAL (size is 0), ENOMEM
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_alloc_weighted_interleaved(size: usize) -> *mut c_void {
    trace_call!(
        "numa_alloc_weighted_interleaved(size=*)",
        [size],
        Allocation::on_all_nodes(size, mempolicy::weighted_interleave_memory)
    )
    .finish()
}

/// Allocates memory whose pages lie on some nodes in turn, as often as their weights say (Linux 6.9).
///
/// @param size      bytes, rounded up to whole pages
/// @param nodemask  the nodes
/// @return the memory, to be given back with numa_free(); NULL with errno: EINVAL (size is 0), ENOMEM
///
/// Follows numa(3). Nodes that cannot be are reported by numa_error(); the memory has no policy then, unless
/// numa_fail_alloc_on_error is set.
///
/// # Safety
/// nodemask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_alloc_weighted_interleaved_subset(size: usize, nodemask: *mut bitmask) -> *mut c_void {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    trace_call!(
        "numa_alloc_weighted_interleaved_subset(size=*, nodemask=*)",
        [size, nodes],
        Allocation::new(size, |memory| mempolicy::weighted_interleave_memory(memory, nodes))
    )
    .finish()
}

/// Allocates memory with the calling thread's policy, at once: each page is touched.
///
/// @param size  bytes, rounded up to whole pages
/// @return the memory, to be given back with numa_free(); NULL with errno: EINVAL (size is 0), ENOMEM
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_alloc(size: usize) -> *mut c_void {
    let allocation = Allocation::new(size, |_| Ok(()));
    // SAFETY: NULL, or mapped above, and no other code has it.
    unsafe { memory::prefault(allocation.start, size) };
    trace_call!("numa_alloc(size=*)", [size], allocation).finish()
}

/// Changes the size of memory, which keeps its policy and may move.
///
/// @param old_addr  memory of numa_alloc() and its like
/// @param old_size  its bytes
/// @param new_size  the bytes it shall have, rounded up to whole pages
/// @return the memory, to be given back with numa_free(); NULL with errno, and the old memory is still there: EFAULT (nothing is
///         mapped there), EINVAL (an address inside of a page; new_size is 0, or no size that memory could have), ENOMEM
///
/// Follows numa(3) and mremap(2).
///
/// # Safety
/// Nobody uses the memory meanwhile, nor under its old address afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_realloc(old_addr: *mut c_void, old_size: usize, new_size: usize) -> *mut c_void {
    // SAFETY: as the caller promises.
    unsafe { memory::remap(old_addr, old_size, new_size) }
}

/// Gives memory back.
///
/// @param mem   memory of numa_alloc() and its like; an address inside of a page: nothing is done, and errno is EINVAL
/// @param size  its bytes; 0, or a size that memory cannot have: the same
///
/// Follows numa(3).
///
/// # Safety
/// Nobody uses the memory any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_free(mem: *mut c_void, size: usize) {
    // SAFETY: as the caller promises.
    unsafe { memory::unmap(mem, size) };
}

/// Puts the pages of memory on some nodes in turn, those that are touched from now on.
///
/// @param mem   the first byte, at the start of a page
/// @param size  bytes, rounded up to whole pages
/// @param mask  the nodes
///
/// Follows numa(3). A failure is reported by numa_error(); numars_interleave_memory() returns it.
///
/// # Safety
/// mask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_interleave_memory(mem: *mut c_void, size: usize, mask: *mut bitmask) {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(mask) };
    report_failure(trace_call!(
        "numa_interleave_memory(mem=*, size=*, mask=*)",
        [mem, size, nodes],
        mempolicy::interleave_memory(range(mem, size), nodes)
    ));
}

/// Puts the pages of memory on some nodes in turn, as often as their weights say (Linux 6.9).
///
/// @param mem   the first byte, at the start of a page
/// @param size  bytes, rounded up to whole pages
/// @param mask  the nodes
///
/// Follows numa(3). A failure is reported by numa_error(); numars_weighted_interleave_memory() returns it.
///
/// # Safety
/// mask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_weighted_interleave_memory(mem: *mut c_void, size: usize, mask: *mut bitmask) {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(mask) };
    report_failure(trace_call!(
        "numa_weighted_interleave_memory(mem=*, size=*, mask=*)",
        [mem, size, nodes],
        mempolicy::weighted_interleave_memory(range(mem, size), nodes)
    ));
}

/// Puts memory on a node, the pages that are touched from now on.
///
/// @param start  the first byte, at the start of a page
/// @param size   bytes, rounded up to whole pages
/// @param node   the node
///
/// Follows numa(3). A failure is reported by numa_error(); numars_tonode_memory() returns it.
///
/// # Safety
/// The memory keeps its contents.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_tonode_memory(start: *mut c_void, size: usize, node: c_int) {
    report_failure(trace_call!(
        "numa_tonode_memory(start=*, size=*, node=*)",
        [start, size, node],
        mempolicy::bind_memory_to_node(range(start, size), node)
    ));
}

/// Puts memory on some nodes, the pages that are touched from now on.
///
/// @param mem   the first byte, at the start of a page
/// @param size  bytes, rounded up to whole pages
/// @param mask  the nodes
///
/// Follows numa(3). A failure is reported by numa_error(); numars_tonodemask_memory() returns it.
///
/// # Safety
/// mask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_tonodemask_memory(mem: *mut c_void, size: usize, mask: *mut bitmask) {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(mask) };
    let applied = trace_call!(
        "numa_tonodemask_memory(mem=*, size=*, mask=*)",
        [mem, size, nodes],
        mempolicy::bind_memory(range(mem, size), nodes)
    );
    report_failure(applied.map(|_| ()));
}

/// Puts memory on the node where the thread runs that touches it first, the pages that are touched from now on.
///
/// @param start  the first byte, at the start of a page
/// @param size   bytes, rounded up to whole pages
///
/// Follows numa(3). A failure is reported by numa_error(); numars_setlocal_memory() returns it.
///
/// # Safety
/// The memory keeps its contents.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_setlocal_memory(start: *mut c_void, size: usize) {
    report_failure(trace_call!(
        "numa_setlocal_memory(start=*, size=*)",
        [start, size],
        mempolicy::local_memory(range(start, size))
    ));
}

/// Touches each page of memory, so that it is allocated now, as its policy says. The contents stay as they are.
///
/// @param start  the first byte, anywhere in its page; NULL: nothing is done
/// @param size   bytes
///
/// Follows numa(3).
///
/// # Safety
/// start is NULL, or the memory can be read and written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_police_memory(start: *mut c_void, size: usize) {
    // SAFETY: as the caller promises.
    unsafe { memory::prefault(start, size) };
}

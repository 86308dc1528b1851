//! Allocating memory on nodes, and the policy of memory.

use super::errors::call_numa_error;
use super::globals;
use super::mask::{bitmask, read, read_inline};
use super::mempolicy::{self, MemRange};
use crate::trace::{self, Call, call};
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use numars::SyscallError;
use numars::for_c::bitmask::Bits;
use numars::for_c::sys::memory;

/// If not 0, the numa_alloc_*() functions return NULL when the policy of the memory cannot be set,
/// instead of memory that has the calling thread's policy.
///
/// Set by the program, for the whole process. 0 at the start.
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
}

impl Call<'_> {
    /// Traces a call, and returns the memory, for the program. A policy that could not be given is reported, and the memory is kept unless
    /// numa_fail_alloc_on_error is set.
    #[inline(always)]
    fn allocation(self, allocation: Allocation) -> *mut c_void {
        if trace::is_on() || allocation.policy.is_err() {
            return self.traced_or_failed(&allocation);
        }
        allocation.start
    }

    #[cold]
    #[inline(never)]
    fn traced_or_failed(self, &Allocation { start, size, policy }: &Allocation) -> *mut c_void {
        self.returns_memory(start, start.is_null() || policy.is_err());
        if let Err(error) = policy {
            call_numa_error(error);
            // SAFETY: the flag is the static above. Volatile, since the program writes to it.
            if unsafe { (&raw const numa_fail_alloc_on_error).read_volatile() } != 0 {
                // SAFETY: mapped by `new`, and no other code has it.
                unsafe { memory::unmap(start, size) };
                return null_mut();
            }
        }
        start
    }
}

/// Allocate memory on one node (MPOL_BIND).
///
/// The pages are allocated when they are first touched. After numa_set_bind_policy(0), other nodes
/// are used when the node is full (MPOL_PREFERRED_MANY, before Linux 5.15 MPOL_PREFERRED).
///
/// @param size  bytes, rounded up to whole pages
/// @param node  the node
/// @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0),
///         ENOMEM. A policy that cannot be set, as for a node that does not exist or has no memory,
///         is reported by numa_error(): then the memory has the calling thread's policy, or, if
///         numa_fail_alloc_on_error is set, NULL is returned
///
/// Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_alloc_onnode(size: usize, node: c_int) -> *mut c_void {
    call!(numa_alloc_onnode(size = size(size), node = int(node)))
        .allocation(Allocation::new(size, |memory| mempolicy::bind_memory_to_node(memory, node)))
}

/// Allocate memory on the node of the CPU that touches it first (MPOL_LOCAL).
///
/// The pages are allocated when they are first touched. When a node is full, others are used.
///
/// @param size  bytes, rounded up to whole pages
/// @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0),
///         ENOMEM. A policy that cannot be set is reported as by numa_alloc_onnode()
///
/// Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_alloc_local(size: usize) -> *mut c_void {
    call!(numa_alloc_local(size = size(size))).allocation(Allocation::new(size, mempolicy::local_memory))
}

/// Allocate memory interleaved page by page over all nodes (MPOL_INTERLEAVE).
///
/// The nodes are those of numa_all_nodes_ptr. The pages are allocated when they are first touched.
///
/// @param size  bytes, rounded up to whole pages
/// @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0),
///         ENOMEM. A policy that cannot be set is reported as by numa_alloc_onnode()
///
/// Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_alloc_interleaved(size: usize) -> *mut c_void {
    call!(numa_alloc_interleaved(size = size(size)))
        .allocation(Allocation::on_all_nodes(size, mempolicy::interleave_memory))
}

/// Allocate memory interleaved page by page over the given nodes (MPOL_INTERLEAVE).
///
/// The pages are allocated when they are first touched.
///
/// @param size      bytes, rounded up to whole pages
/// @param nodemask  the nodes
/// @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0),
///         ENOMEM. A policy that cannot be set is reported as by numa_alloc_onnode()
///
/// Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
///
/// Follows numa(3).
///
/// # Safety
/// nodemask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_alloc_interleaved_subset(size: usize, nodemask: *mut bitmask) -> *mut c_void {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    call!(numa_alloc_interleaved_subset(size = size(size), nodemask = set(&nodes)))
        .allocation(Allocation::new(size, |memory| mempolicy::interleave_memory(memory, nodes)))
}

/// Allocate memory interleaved by weight over all nodes (MPOL_WEIGHTED_INTERLEAVE, Linux 6.9).
///
/// The nodes are those of numa_all_nodes_ptr, their weights are in
/// /sys/kernel/mm/mempolicy/weighted_interleave. The pages are allocated when they are first
/// touched. On an older kernel, the policy cannot be set.
///
/// @param size  bytes, rounded up to whole pages
/// @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0),
///         ENOMEM. A policy that cannot be set is reported as by numa_alloc_onnode()
///
/// Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_alloc_weighted_interleaved(size: usize) -> *mut c_void {
    call!(numa_alloc_weighted_interleaved(size = size(size)))
        .allocation(Allocation::on_all_nodes(size, mempolicy::weighted_interleave_memory))
}

/// Allocate memory interleaved by weight over the given nodes (MPOL_WEIGHTED_INTERLEAVE, Linux
/// 6.9).
///
/// The weights are in /sys/kernel/mm/mempolicy/weighted_interleave. The pages are allocated when
/// they are first touched. On an older kernel, the policy cannot be set.
///
/// @param size      bytes, rounded up to whole pages
/// @param nodemask  the nodes
/// @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0),
///         ENOMEM. A policy that cannot be set is reported as by numa_alloc_onnode()
///
/// Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
///
/// Follows numa(3).
///
/// # Safety
/// nodemask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_alloc_weighted_interleaved_subset(size: usize, nodemask: *mut bitmask) -> *mut c_void {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read(nodemask) };
    call!(numa_alloc_weighted_interleaved_subset(size = size(size), nodemask = set(&nodes)))
        .allocation(Allocation::new(size, |memory| mempolicy::weighted_interleave_memory(memory, nodes)))
}

/// Allocate memory by the calling thread's policy, and touch each page at once.
///
/// @param size  bytes, rounded up to whole pages
/// @return the memory, zeroed, to be freed with numa_free(); NULL with errno: EINVAL (size is 0),
///         ENOMEM
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_alloc(size: usize) -> *mut c_void {
    let allocation = Allocation::new(size, |_| Ok(()));
    // SAFETY: NULL, or mapped above, and no other code has it.
    unsafe { memory::prefault(allocation.start, size) };
    call!(numa_alloc(size = size(size))).allocation(allocation)
}

/// Change the size of memory, which may move to another address.
///
/// Contents, policy and pages stay, up to the smaller of the two sizes. Pages that are added are
/// allocated by that policy when they are first touched.
///
/// @param old_addr  memory of one of the numa_alloc*() functions
/// @param old_size  its size in bytes
/// @param new_size  the new size in bytes, rounded up to whole pages
/// @return the memory, to be freed with numa_free(); NULL with errno, and the old memory stays:
///         EFAULT (nothing is mapped there), EINVAL (an address inside a page; new_size is 0 or
///         exceeds the address space), ENOMEM
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3) and mremap(2).
///
/// # Safety
/// The memory belongs to the caller: no other thread uses it during the call, and nothing uses it
/// by its old address afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_realloc(old_addr: *mut c_void, old_size: usize, new_size: usize) -> *mut c_void {
    // SAFETY: as the caller promises.
    unsafe { memory::remap(old_addr, old_size, new_size) }
}

/// Free memory of the numa_alloc*() functions.
///
/// @param mem   the memory; an address inside a page: nothing is freed, errno is EINVAL
/// @param size  its size in bytes, rounded up to whole pages; 0, or more than the address space:
///              nothing is freed, errno is EINVAL
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3) and munmap(2).
///
/// # Safety
/// The memory belongs to the caller, and nothing uses it during the call or afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_free(mem: *mut c_void, size: usize) {
    // SAFETY: as the caller promises.
    unsafe { memory::unmap(mem, size) };
}

/// Interleave a range of memory page by page over the given nodes (MPOL_INTERLEAVE).
///
/// The policy applies to pages that are allocated from now on. Pages that are already on other
/// nodes stay there; after numa_set_strict() of a value other than 0, they make the call fail with
/// EIO.
///
/// @param mem   the first byte, at the start of a page
/// @param size  bytes, rounded up to whole pages
/// @param mask  the nodes
///
/// Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
///
/// Follows numa(3). A failure is reported by numa_error(); numars_interleave_memory() returns it.
///
/// # Safety
/// mask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_interleave_memory(mem: *mut c_void, size: usize, mask: *mut bitmask) {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read_inline(mask) };
    call!(numa_interleave_memory(mem = address(mem), size = size(size), mask = set(&nodes)))
        .reports(mempolicy::interleave_memory(range(mem, size), nodes));
}

/// Interleave a range of memory by weight over the given nodes (MPOL_WEIGHTED_INTERLEAVE, Linux
/// 6.9).
///
/// The weights are in /sys/kernel/mm/mempolicy/weighted_interleave. The policy applies to pages
/// that are allocated from now on; for others, see numa_interleave_memory(). An older kernel fails
/// with EINVAL.
///
/// @param mem   the first byte, at the start of a page
/// @param size  bytes, rounded up to whole pages
/// @param mask  the nodes
///
/// Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
///
/// Follows numa(3). A failure is reported by numa_error(); numars_weighted_interleave_memory()
/// returns it.
///
/// # Safety
/// mask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_weighted_interleave_memory(mem: *mut c_void, size: usize, mask: *mut bitmask) {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read_inline(mask) };
    call!(numa_weighted_interleave_memory(mem = address(mem), size = size(size), mask = set(&nodes)))
        .reports(mempolicy::weighted_interleave_memory(range(mem, size), nodes));
}

/// Bind a range of memory to one node (MPOL_BIND).
///
/// The policy applies to pages that are allocated from now on; for others, see
/// numa_interleave_memory(). After numa_set_bind_policy(0), other nodes are used when the node is
/// full (MPOL_PREFERRED_MANY, before Linux 5.15 MPOL_PREFERRED).
///
/// @param start  the first byte, at the start of a page
/// @param size   bytes, rounded up to whole pages
/// @param node   the node
///
/// Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
///
/// Follows numa(3). A failure is reported by numa_error(); numars_tonode_memory() returns it.
///
/// # Safety
/// No condition: the kernel checks the range, and the contents of the memory do not change.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_tonode_memory(start: *mut c_void, size: usize, node: c_int) {
    call!(numa_tonode_memory(start = address(start), size = size(size), node = int(node)))
        .reports(mempolicy::bind_memory_to_node(range(start, size), node));
}

/// Bind a range of memory to the given nodes (MPOL_BIND).
///
/// The policy applies to pages that are allocated from now on; for others, see
/// numa_interleave_memory(). After numa_set_bind_policy(0), other nodes are used when these are
/// full (MPOL_PREFERRED_MANY, before Linux 5.15 MPOL_PREFERRED with the first of them).
///
/// @param mem   the first byte, at the start of a page
/// @param size  bytes, rounded up to whole pages
/// @param mask  the nodes
///
/// Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
///
/// Follows numa(3). A failure is reported by numa_error(); numars_tonodemask_memory() returns it.
///
/// # Safety
/// mask is NULL or valid: maskp is NULL or points to size bits, which no other thread changes
/// during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_tonodemask_memory(mem: *mut c_void, size: usize, mask: *mut bitmask) {
    // SAFETY: as the caller promises.
    let nodes = unsafe { read_inline(mask) };
    call!(numa_tonodemask_memory(mem = address(mem), size = size(size), mask = set(&nodes)))
        .applies(mempolicy::bind_memory(range(mem, size), nodes));
}

/// Allocate each page of a range of memory on the node of the CPU that touches it first
/// (MPOL_LOCAL).
///
/// The policy applies to pages that are allocated from now on; for others, see
/// numa_interleave_memory(). When a node is full, others are used.
///
/// @param start  the first byte, at the start of a page
/// @param size   bytes, rounded up to whole pages
///
/// Thread-safe. Async-signal-safe unless it fails: numa_error() prints with stdio.
///
/// Follows numa(3). A failure is reported by numa_error(); numars_setlocal_memory() returns it.
///
/// # Safety
/// No condition: the kernel checks the range, and the contents of the memory do not change.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_setlocal_memory(start: *mut c_void, size: usize) {
    call!(numa_setlocal_memory(start = address(start), size = size(size)))
        .reports(mempolicy::local_memory(range(start, size)));
}

/// Touch each page of a range of memory, so that all of it is allocated now, by its policy.
///
/// The contents do not change; what other threads write there during the call is kept. The range
/// must be mapped for reading and writing: as with libnuma, the call ends with SIGSEGV otherwise.
///
/// @param start  the first byte, anywhere in its page; NULL: nothing is done
/// @param size   bytes
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
///
/// # Safety
/// start is NULL, or the range is mapped for reading and writing during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_police_memory(start: *mut c_void, size: usize) {
    // SAFETY: as the caller promises.
    unsafe { memory::prefault(start, size) };
}

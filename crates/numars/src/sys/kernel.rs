//! The system calls, with the kernel's arguments, result and errno.
//!
//! Five of them, which a C library exports as functions, can be replaced by [`interpose`], so that what a program or a preloaded library
//! defines in their place sees every call that this crate makes.
//!
//! A function that has the kernel read or write a buffer at an address from outside is unsafe or takes a [`MoveRequest`]. A mask is passed as
//! [`Bits`] or as cells, which are as long as they say. Addresses of pages to move, and of memory that gets a policy, are plain numbers: its
//! contents do not change.

use super::errno::{self, Errno};
use super::move_request::MoveRequest;
use crate::bitmask::Bits;
use core::cell::Cell;
use core::ffi::{c_int, c_long, c_uint, c_ulong, c_void};
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering};

/// The numbers of the system calls.
mod numbers {
    pub use libc::*;
    /// The libc crate does not have it for this architecture.
    #[cfg(target_arch = "arm")]
    #[allow(non_upper_case_globals, reason = "named as in the libc crate")]
    pub const SYS_migrate_pages: c_long = 400;
}

/// Makes a system call through syscall(2), which turns an error into -1 and errno.
macro_rules! system_call {
    ($number:ident $(, $argument:expr)*) => {
        // SAFETY: the kernel checks the arguments of these calls itself. Those that may make it write to memory are made by unsafe
        // functions, or with memory that the caller lent for that.
        unsafe { libc::syscall(numbers::$number $(, $argument)*) }
    };
}

/// Declares the calls that a program may interpose: the table's type, and the system calls themselves.
macro_rules! interposable_calls {
    ($($name:ident($($argument:ident: $type:ty),*) = $number:ident($($passed:expr),*);)*) => {
        /// Functions to call in place of the system calls that a program may interpose.
        pub struct Calls {
            $(
                #[doc = concat!("In place of ", stringify!($name), "(2): the same arguments, result and errno.")]
                pub $name: unsafe extern "C" fn($($type),*) -> c_long,
            )*
        }

        /// The system calls themselves, which nothing interposes.
        pub mod raw {
            use super::*;
            $(
                #[doc = concat!("Calls ", stringify!($name), "(2) with the kernel's arguments, result and errno.")]
                ///
                /// # Safety
                /// The kernel may write to the buffers that its manual page names.
                pub unsafe extern "C" fn $name($($argument: $type),*) -> c_long {
                    system_call!($number, $($passed),*)
                }
            )*
        }

        /// What is called unless [`interpose`] says otherwise: the system calls themselves.
        #[cfg(not(feature = "__c-symbols"))]
        static DEFAULT: Calls = Calls { $($name: raw::$name),* };

        #[cfg(feature = "__c-symbols")]
        mod exported {
            use super::*;
            unsafe extern "C" {
                $(pub fn $name($($argument: $type),*) -> c_long;)*
            }
        }

        /// The symbols of these names, wherever the linker and the loader find them first: in the program, in a preloaded library, or in the
        /// C library above. Their addresses are filled in before any constructor runs.
        #[cfg(feature = "__c-symbols")]
        pub static DEFAULT: Calls = Calls { $($name: exported::$name),* };
    };
}

interposable_calls! {
    get_mempolicy(mode: *mut c_int, nmask: *mut c_ulong, maxnode: c_ulong, addr: *mut c_void, flags: c_uint)
        = SYS_get_mempolicy(mode, nmask, maxnode, addr, c_ulong::from(flags));
    mbind(start: *mut c_void, len: c_ulong, mode: c_int, nmask: *const c_ulong, maxnode: c_ulong, flags: c_uint)
        = SYS_mbind(start, len, c_long::from(mode), nmask, maxnode, c_ulong::from(flags));
    set_mempolicy(mode: c_int, nmask: *const c_ulong, maxnode: c_ulong)
        = SYS_set_mempolicy(c_long::from(mode), nmask, maxnode);
    migrate_pages(pid: c_int, maxnode: c_ulong, frommask: *const c_ulong, tomask: *const c_ulong)
        = SYS_migrate_pages(c_long::from(pid), maxnode, frommask, tomask);
    move_pages(pid: c_int, count: c_ulong, pages: *mut *mut c_void, nodes: *const c_int, status: *mut c_int, flags: c_int)
        = SYS_move_pages(c_long::from(pid), count, pages, nodes, status, c_long::from(flags));
}

/// The functions to call.
static CALLS: AtomicPtr<Calls> = AtomicPtr::new((&raw const DEFAULT).cast_mut());

/// Returns the functions to call.
// Atomic, so the compiler does not assume that a function is the one that it sees under this name.
#[inline(always)]
fn calls() -> &'static Calls {
    // SAFETY: the address of a static, or what `interpose` was given.
    unsafe { &*CALLS.load(Ordering::Acquire) }
}

/// Makes this crate call `calls` in place of the system calls, from now on and in all threads. The first call counts; later ones have no
/// effect.
///
/// # Safety
/// Each function does what the system call of its name does: it writes to nothing but what that writes to.
pub unsafe fn interpose(calls: &'static Calls) {
    let (default, calls) = ((&raw const DEFAULT).cast_mut(), core::ptr::from_ref(calls).cast_mut());
    let _ = CALLS.compare_exchange(default, calls, Ordering::AcqRel, Ordering::Relaxed);
}

/// Returns whether this program may use NUMA policy; if not, errno says why.
pub fn has_policy() -> bool {
    get_mempolicy(None, &[], 0, 0) >= 0
}

/// Reads the nodes on which the calling task may allocate into `nodes`: 0, or -1 with errno.
pub fn allowed_nodes(nodes: &[Cell<usize>]) -> c_long {
    get_mempolicy(None, nodes, 0, MPOL_F_MEMS_ALLOWED)
}

/// As [`allowed_nodes`], by the system call itself: a wrapper in the program may call the library, which would read them again.
pub fn allowed_nodes_uninterposed(nodes: &[Cell<usize>]) -> c_long {
    let (mask, maxnode) = mask_argument(nodes);
    // SAFETY: the cells may be written.
    unsafe { raw::get_mempolicy(null_mut(), mask, maxnode, null_mut(), MPOL_F_MEMS_ALLOWED) }
}

/// Returns the calling thread's policy, whose nodes are in `nodes` then; `None`, with errno, if the kernel refuses.
pub fn task_policy(nodes: &[Cell<usize>]) -> Option<c_int> {
    let mut mode = 0;
    (get_mempolicy(Some(&mut mode), nodes, 0, 0) == 0).then_some(mode)
}

/// Returns the node on which the calling thread's next interleaved page is allocated; `None`, with errno, if it does not interleave.
pub fn next_interleave_node() -> Option<c_int> {
    let mut node = 0;
    (get_mempolicy(Some(&mut node), &[], 0, MPOL_F_NODE) == 0).then_some(node)
}

/// Returns the policy of the memory at `address`, whose nodes are in `nodes` then; `None`, with errno, if the kernel refuses.
pub fn memory_policy(address: usize, nodes: &[Cell<usize>]) -> Option<c_int> {
    let mut mode = 0;
    (get_mempolicy(Some(&mut mode), nodes, address, MPOL_F_ADDR) == 0).then_some(mode)
}

/// Returns the node of the page at `address`, which is allocated as for a thread that reads it; `None`, with errno, if the kernel refuses.
pub fn node_of_address(address: usize) -> Option<c_int> {
    let mut node = 0;
    (get_mempolicy(Some(&mut node), &[], address, MPOL_F_NODE | MPOL_F_ADDR) == 0).then_some(node)
}

/// get_mempolicy(2) of the calling thread, or of the memory at `address`.
fn get_mempolicy(mode: Option<&mut c_int>, nodes: &[Cell<usize>], address: usize, flags: c_uint) -> c_long {
    let mode = mode.map_or(null_mut(), core::ptr::from_mut);
    let (mask, maxnode) = mask_argument(nodes);
    // SAFETY: `mode` is NULL or writable, and the mask is writable for its length. Nothing is written to the address.
    unsafe { (calls().get_mempolicy)(mode, mask, maxnode, address as *mut c_void, flags) }
}

/// Returns `nodes` as get_mempolicy(2) takes a mask: its address, and one more than its number of bits, because the kernel uses one bit less
/// than it is given. NULL and 0 if it is empty.
fn mask_argument(nodes: &[Cell<usize>]) -> (*mut c_ulong, c_ulong) {
    match nodes {
        [] => (null_mut(), 0),
        _ => (nodes.as_ptr().cast_mut().cast(), size_of_val(nodes) as c_ulong * 8 + 1),
    }
}

/// set_mempolicy(2): 0, or -1 with errno.
pub fn set_mempolicy(mode: c_int, nodes: Bits) -> c_long {
    // SAFETY: the kernel only reads the mask, and one bit less than it is given, which is what `nodes` has words for.
    unsafe { (calls().set_mempolicy)(mode, nodes.storage().as_ptr().cast(), nodes.length() as c_ulong + 1) }
}

/// mbind(2) of the `length` bytes from `start` on: 0, or -1 with errno.
pub fn mbind(start: usize, length: usize, mode: c_int, nodes: Bits, flags: c_uint) -> c_long {
    let (mask, maxnode) = (nodes.storage().as_ptr().cast(), nodes.length() as c_ulong + 1);
    // SAFETY: the kernel only reads the mask, as in `set_mempolicy`, and memory keeps its contents when its policy changes or its pages
    // move.
    unsafe { (calls().mbind)(start as *mut c_void, length as c_ulong, mode, mask, maxnode, flags) }
}

/// set_mempolicy_home_node(2): 0, or -1 with errno. Not interposable: libnuma exports no such function, and it would be one more symbol to look
/// up while loading.
pub fn set_mempolicy_home_node(start: usize, len: usize, home_node: c_int, flags: c_int) -> c_int {
    // 0 or -1 fits into an int.
    system_call!(SYS_set_mempolicy_home_node, start, len, c_long::from(home_node), c_long::from(flags)) as c_int
}

/// migrate_pages(2) with the first `bits` bits of two masks: the number of pages that stayed, or -1 with errno.
///
/// # Safety
/// The masks are that long.
pub unsafe fn migrate_pages(pid: c_int, bits: usize, from: *const c_ulong, to: *const c_ulong) -> c_long {
    // SAFETY: the masks are read only, and pages that move keep their contents.
    unsafe { (calls().migrate_pages)(pid, bits as c_ulong + 1, from, to) }
}

/// Returns whether migrate_pages(2) is permitted: the kernel refuses to migrate from no nodes to no nodes only after that. Errno changes.
pub fn may_migrate_pages() -> bool {
    // SAFETY: masks of no bits are not read.
    let unmoved = unsafe { migrate_pages(0, 0, null(), null()) };
    unmoved >= 0 || errno::get() == errno::EINVAL
}

/// move_pages(2): returns the number of pages that could not be moved, or the errno.
pub fn move_pages(pid: c_int, request: &MoveRequest, flags: c_int) -> Result<usize, Errno> {
    let (count, (pages, nodes, status)) = (request.count() as c_ulong, request.arrays());
    let (pages, nodes, status) = (pages as *mut *mut c_void, nodes as *const c_int, status as *mut c_int);
    // SAFETY: the arrays are lent with so many entries; pages that move keep their contents.
    let unmoved = unsafe { (calls().move_pages)(pid, count, pages, nodes, status, flags) };
    usize::try_from(unmoved).map_err(|_| Errno::last())
}

/// As [`move_pages`] of a few pages. Returns [`Checked::AllOnNodes`] if no page stayed and no status is negative.
pub(crate) fn move_pages_checked(pid: c_int, request: &MoveRequest, flags: c_int) -> Result<Checked, Errno> {
    let unmoved = move_pages(pid, request, flags)?;
    let (_, _, status) = request.arrays();
    // SAFETY: after success, the kernel has just written so many statuses, if `status` is not NULL.
    let read = |entry: usize| unsafe { (status as *const c_int).add(entry).read_unaligned() };
    // Without nodes, Linux 5.10 succeeds for a NULL address and writes nothing.
    let any_errno = status == 0 || (0..request.count()).any(|entry| read(entry) < 0);
    Ok(if unmoved > 0 || any_errno { Checked::Incomplete(unmoved) } else { Checked::AllOnNodes })
}

/// The result of `move_pages_checked`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checked {
    /// Every status is a node.
    AllOnNodes,
    /// So many pages could not be moved, or some status is an errno.
    Incomplete(usize),
}

impl Checked {
    /// Returns the number of pages that could not be moved.
    pub fn unmoved(self) -> usize {
        match self {
            Checked::AllOnNodes => 0,
            Checked::Incomplete(unmoved) => unmoved,
        }
    }
}

/// get_mempolicy(2): return the node of the next interleaved page.
const MPOL_F_NODE: c_uint = 1 << 0;
/// get_mempolicy(2): return the policy of an address, or the node of its page.
const MPOL_F_ADDR: c_uint = 1 << 1;
/// get_mempolicy(2): return the nodes that the cpuset allows.
const MPOL_F_MEMS_ALLOWED: c_uint = 1 << 2;

/// Returns the CPU that the calling thread runs on, by sched_getcpu(3), which makes no system call. Errno is left untouched.
pub fn current_cpu() -> Option<usize> {
    // SAFETY: the function takes no arguments.
    errno::preserve_errno(|| usize::try_from(unsafe { libc::sched_getcpu() }).ok())
}

/// Returns the CPU that the calling thread runs on, and its node, by getcpu(2); `None` with errno if it fails.
pub fn getcpu() -> Option<(usize, usize)> {
    let (mut cpu, mut node) = (0 as c_uint, 0 as c_uint);
    let no_cache = null_mut::<c_void>();
    (system_call!(SYS_getcpu, &raw mut cpu, &raw mut node, no_cache) == 0).then_some((cpu as usize, node as usize))
}

/// sched_getaffinity(2) of a thread (0: the calling one): the number of bytes of `mask` that the kernel filled, which is the size of its CPU
/// mask, or -1 with errno. libc's function returns 0 instead.
pub fn sched_getaffinity(pid: c_int, mask: &[Cell<usize>]) -> c_long {
    // SAFETY: the cells may be written.
    unsafe { sched_getaffinity_bytes(pid, size_of_val(mask), mask.as_ptr().cast_mut().cast()) }
}

/// As `sched_getaffinity`, for `length` bytes at an address from outside, which the kernel requires to be whole words.
///
/// # Safety
/// The kernel may write so many bytes to `mask`; it checks whether it can.
pub unsafe fn sched_getaffinity_bytes(pid: c_int, length: usize, mask: *mut u8) -> c_long {
    system_call!(SYS_sched_getaffinity, c_long::from(pid), length, mask)
}

/// sched_setaffinity(2) of a thread (0: the calling one): 0, or -1 with errno. Words beyond the kernel's mask are ignored.
pub fn sched_setaffinity(pid: c_int, mask: &[Cell<usize>]) -> c_long {
    // SAFETY: the cells may be read.
    unsafe { sched_setaffinity_bytes(pid, size_of_val(mask), mask.as_ptr().cast()) }
}

/// As `sched_setaffinity`, for `length` bytes at an address from outside.
///
/// # Safety
/// The kernel may read so many bytes from `mask`; it checks whether it can.
pub unsafe fn sched_setaffinity_bytes(pid: c_int, length: usize, mask: *const u8) -> c_long {
    system_call!(SYS_sched_setaffinity, c_long::from(pid), length, mask)
}

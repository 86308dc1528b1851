//! numaif.h: the kernel's memory policy and page migration calls.
//!
//! These functions only make the system calls: arguments, results and errno are the kernel's.

use crate::trace::Arg::{Flags, Policy};
use crate::trace::{self, PageOutcome, mask, trace_call};
use core::ffi::{c_int, c_long, c_uint, c_ulong, c_void};
use numars::sys::errno;
use numars::sys::kernel::{self, Calls, raw};

/// Policy: allocate on the node of the CPU that runs.
pub const MPOL_DEFAULT: c_int = 0;
/// Policy: try one node first, then the others.
pub const MPOL_PREFERRED: c_int = 1;
/// Policy: allocate on the given nodes only.
pub const MPOL_BIND: c_int = 2;
/// Policy: allocate on the given nodes in turn.
pub const MPOL_INTERLEAVE: c_int = 3;
/// Policy: allocate on the node of the CPU that runs, whatever the process's policy is.
pub const MPOL_LOCAL: c_int = 4;
/// Policy: try the given nodes first, then the others (Linux 5.15).
pub const MPOL_PREFERRED_MANY: c_int = 5;
/// Policy: allocate on the given nodes in turn, as often as their weights say (Linux 6.9).
pub const MPOL_WEIGHTED_INTERLEAVE: c_int = 6;
/// One more than the highest policy.
pub const MPOL_MAX: c_int = 7;

/// Flag of a policy: let NUMA balancing move pages between the nodes of MPOL_BIND (Linux 5.12).
pub const MPOL_F_NUMA_BALANCING: c_int = 1 << 13;
/// Flag of a policy: node numbers count within the nodes that the cpuset allows.
pub const MPOL_F_RELATIVE_NODES: c_int = 1 << 14;
/// Flag of a policy: node numbers stay as they are when the cpuset changes.
pub const MPOL_F_STATIC_NODES: c_int = 1 << 15;

/// Flag of get_mempolicy(): give a node instead of the policy.
pub const MPOL_F_NODE: c_int = 1 << 0;
/// Flag of get_mempolicy(): ask about the memory at addr.
pub const MPOL_F_ADDR: c_int = 1 << 1;
/// Flag of get_mempolicy(): give the nodes that the cpuset allows.
pub const MPOL_F_MEMS_ALLOWED: c_int = 1 << 2;

/// Flag of mbind(): fail where pages are not on the nodes asked for.
pub const MPOL_MF_STRICT: c_int = 1 << 0;
/// Flag of mbind() and move_pages(): move the pages that only this process maps.
pub const MPOL_MF_MOVE: c_int = 1 << 1;
/// Flag of mbind() and move_pages(): move pages that other processes map too; needs CAP_SYS_NICE.
pub const MPOL_MF_MOVE_ALL: c_int = 1 << 2;

/// Defines the table through which the library makes the kernel's calls, by the exported symbols of this file: where the linker and the loader
/// find these first, in the program, in a preloaded library, or here.
macro_rules! interposable_calls {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {
        mod exported {
            use super::*;
            unsafe extern "C" {
                $(pub fn $name($($argument: $type),*) -> c_long;)*
            }
        }

        /// The library's own calls. errno is marked while they run with NUMARS_LOG set.
        mod own {
            use super::*;
            $(
                pub unsafe extern "C" fn $name($($argument: $type),*) -> c_long {
                    // Volatile: the compiler must not assume that the function is the one that this library exports.
                    // SAFETY: a function of this form.
                    let function = unsafe { (&raw const EXPORTED.$name).read_volatile() };
                    if trace::is_on() {
                        // SAFETY: the arguments are the caller's, for this very call.
                        return call_untraced(&move || unsafe { function($($argument),*) });
                    }
                    // SAFETY: as above.
                    unsafe { function($($argument),*) }
                }
            )*
        }

        /// The linker or the loader stores the addresses, before any constructor runs.
        static EXPORTED: Calls = Calls { $($name: exported::$name),* };

        /// The argument of [`numars::sys::kernel::interpose`] while the library is loaded.
        pub(crate) static CALLS: Calls = Calls { $($name: own::$name),* };
    };
}

interposable_calls! {
    get_mempolicy(mode: *mut c_int, nmask: *mut c_ulong, maxnode: c_ulong, addr: *mut c_void, flags: c_uint);
    mbind(start: *mut c_void, len: c_ulong, mode: c_int, nmask: *const c_ulong, maxnode: c_ulong, flags: c_uint);
    set_mempolicy(mode: c_int, nmask: *const c_ulong, maxnode: c_ulong);
    migrate_pages(pid: c_int, maxnode: c_ulong, frommask: *const c_ulong, tomask: *const c_ulong);
    move_pages(pid: c_int, count: c_ulong, pages: *mut *mut c_void, nodes: *const c_int, status: *mut c_int, flags: c_int);
}

/// The value of errno while the library makes one of its [`CALLS`] with NUMARS_LOG set. No error has this number.
const CALLED_BY_LIBRARY: c_int = c_int::from_be_bytes(*b"numa");

/// Makes one of the [`CALLS`] with NUMARS_LOG set. errno marks it as the library's own: the exported wrapper does not trace it, since the
/// function that the program called is traced. A mark in errno belongs to this thread, and needs no clean-up if an interposed call
/// forks or jumps out.
#[cold]
#[inline(never)]
fn call_untraced(call: &dyn Fn() -> c_long) -> c_long {
    let before = errno::get();
    errno::set(CALLED_BY_LIBRARY);
    let result = call();
    if result >= 0 || is_called_by_library() {
        errno::set(before);
    }
    result
}

/// Returns whether an exported wrapper runs for the library, and not for the program.
fn is_called_by_library() -> bool {
    errno::get() == CALLED_BY_LIBRARY
}

/// Makes a system call and traces it, unless the library is the caller, which traces the function that the program called.
macro_rules! trace_kernel_call {
    ($text:literal, [$($argument:expr),*], $call:expr, $pages:expr) => {{
        if trace::is_on() && !is_called_by_library() {
            // SAFETY: as the caller of the exported function promises.
            return call_traced(&|| unsafe { $call }, $text, &[$(trace::Arg::from(&$argument)),*], $pages);
        }
        // SAFETY: as above.
        unsafe { $call }
    }};
}

/// Makes a system call and traces it.
#[cold]
#[inline(never)]
fn call_traced(call: &dyn Fn() -> c_long, text: &str, arguments: &[trace::Arg], pages: PageOutcome) -> c_long {
    let result = call();
    trace::CallResult::emit((result, pages), text, arguments);
    result
}

/// Reads the memory policy of the calling thread, or of the memory at an address.
///
/// @param mode     where to put the policy, or with MPOL_F_NODE the node; may be NULL
/// @param nmask    where to put the policy's nodes, an array of unsigned long; may be NULL
/// @param maxnode  bits that nmask has room for, plus one
/// @param addr     the address to ask about with MPOL_F_ADDR, otherwise NULL
/// @param flags    0 or MPOL_F_NODE, MPOL_F_ADDR, MPOL_F_MEMS_ALLOWED
/// @return 0, or -1 with errno: EFAULT (a bad address), EINVAL (unknown flags; maxnode smaller than the kernel's nodes),
///         ENOSYS (a kernel without NUMA), EPERM (forbidden, as container engines do)
///
/// Follows get_mempolicy(2): the kernel's call, unchanged.
///
/// # Safety
/// mode, nmask and addr are handed to the kernel, which checks them.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn get_mempolicy(
    mode: *mut c_int,
    nmask: *mut c_ulong,
    maxnode: c_ulong,
    addr: *mut c_void,
    flags: c_uint,
) -> c_long {
    trace_kernel_call!(
        "get_mempolicy(mode=*, nmask=*, maxnode=*, addr=*, flags=*)",
        [mode, nmask, maxnode as usize, addr, flags as c_int],
        raw::get_mempolicy(mode, nmask, maxnode, addr, flags),
        PageOutcome::None
    )
}

/// Sets the memory policy of a range of addresses.
///
/// @param start    the first byte, at the start of a page
/// @param len      length in bytes, rounded up to whole pages; where that is beyond the end of all addresses, nothing
/// @param mode     MPOL_DEFAULT, MPOL_BIND …, with MPOL_F_STATIC_NODES or MPOL_F_RELATIVE_NODES
/// @param nmask    the policy's nodes, an array of unsigned long; may be NULL
/// @param maxnode  bits of nmask to look at, plus one
/// @param flags    0 or MPOL_MF_STRICT, MPOL_MF_MOVE, MPOL_MF_MOVE_ALL
/// @return 0, or -1 with errno: EFAULT (a bad address, a hole in the range), EINVAL (a bad argument), EIO (pages that are
///         elsewhere, with MPOL_MF_STRICT), ENOMEM, EPERM (MPOL_MF_MOVE_ALL without CAP_SYS_NICE)
///
/// Follows mbind(2): the kernel's call, unchanged.
///
/// # Safety
/// nmask is handed to the kernel, which checks it; the memory from start on keeps its contents.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn mbind(
    start: *mut c_void,
    len: c_ulong,
    mode: c_int,
    nmask: *const c_ulong,
    maxnode: c_ulong,
    flags: c_uint,
) -> c_long {
    trace_kernel_call!(
        "mbind(start=*, len=*, mode=*, nmask=*, maxnode=*, flags=*)",
        [start, len as usize, Policy(mode), mask(nmask as usize, maxnode as usize), maxnode as usize, Flags(flags)],
        raw::mbind(start, len, mode, nmask, maxnode, flags),
        PageOutcome::None
    )
}

/// Sets the memory policy of the calling thread and of the threads and processes that it starts.
///
/// @param mode     MPOL_DEFAULT, MPOL_BIND …, with MPOL_F_STATIC_NODES, MPOL_F_RELATIVE_NODES or MPOL_F_NUMA_BALANCING
/// @param nmask    the policy's nodes, an array of unsigned long; may be NULL
/// @param maxnode  bits of nmask to look at, plus one
/// @return 0, or -1 with errno: EFAULT (nmask), EINVAL (a bad argument; no node of nmask is allowed and has memory), ENOMEM
///
/// Follows set_mempolicy(2): the kernel's call, unchanged.
///
/// # Safety
/// nmask is handed to the kernel, which checks it.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn set_mempolicy(mode: c_int, nmask: *const c_ulong, maxnode: c_ulong) -> c_long {
    trace_kernel_call!(
        "set_mempolicy(mode=*, nmask=*, maxnode=*)",
        [Policy(mode), mask(nmask as usize, maxnode as usize), maxnode as usize],
        raw::set_mempolicy(mode, nmask, maxnode),
        PageOutcome::None
    )
}

/// Moves all pages of a process that are on some nodes to other nodes.
///
/// @param pid        the process; 0 is the calling one
/// @param maxnode    bits of both masks to look at, plus one
/// @param frommask   the nodes to empty, an array of unsigned long
/// @param tomask     the nodes to fill, an array of unsigned long; the i-th node of frommask goes to the i-th of tomask
/// @return the number of pages that could not be moved (0: all are), or -1 with errno: EFAULT (a mask), EINVAL (a node that
///         the kernel cannot have; no node of tomask is allowed and has memory), EPERM (another user's process; a node that
///         the process may not use), ESRCH (no such process)
///
/// Follows migrate_pages(2): the kernel's call, unchanged.
///
/// # Safety
/// The masks are handed to the kernel, which checks them.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn migrate_pages(
    pid: c_int,
    maxnode: c_ulong,
    frommask: *const c_ulong,
    tomask: *const c_ulong,
) -> c_long {
    trace_kernel_call!(
        "migrate_pages(pid=*, maxnode=*, frommask=*, tomask=*)",
        [pid, maxnode as usize, mask(frommask as usize, maxnode as usize), mask(tomask as usize, maxnode as usize)],
        raw::migrate_pages(pid, maxnode, frommask, tomask),
        PageOutcome::None
    )
}

/// Moves single pages of a process to nodes, or tells where they are.
///
/// @param pid     the process; 0 is the calling one
/// @param count   the number of entries in pages, nodes and status
/// @param pages   an address in each page, as the process sees it
/// @param nodes   the node that each page shall be on; NULL: move nothing, only tell
/// @param status  where to put, for each page, the node it is on, or what is wrong as a negative errno: -ENOENT (never
///                touched), -EFAULT (not mapped, or the zero page), -EACCES (shared, without MPOL_MF_MOVE_ALL), -EBUSY
/// @param flags   MPOL_MF_MOVE or MPOL_MF_MOVE_ALL
/// @return 0; the number of pages that could not be moved; or -1 with errno: EACCES (a node outside the cpuset), EFAULT (an
///         array), EINVAL (unknown flags; a kernel thread), ENODEV (no such node, or one without memory), ENOMEM (a node is
///         full), EPERM (another user's process; MPOL_MF_MOVE_ALL without CAP_SYS_NICE), ESRCH (no such process). After an
///         error status is not complete: ask again with nodes NULL
///
/// Follows move_pages(2): the kernel's call, unchanged.
///
/// # Safety
/// The arrays are handed to the kernel, which checks them.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn move_pages(
    pid: c_int,
    count: c_ulong,
    pages: *mut *mut c_void,
    nodes: *const c_int,
    status: *mut c_int,
    flags: c_int,
) -> c_long {
    trace_kernel_call!(
        "move_pages(pid=*, count=*, pages=*, nodes=*, status=*, flags=*)",
        [pid, count as usize, pages, nodes.cast_mut(), status, Flags(flags as u32)],
        raw::move_pages(pid, count, pages, nodes, status, flags),
        PageOutcome::Arrays { count: count as usize, nodes: nodes as usize, status: status as usize }
    )
}

/// Sets the node from which a range's policy starts to look for memory (Linux 5.17).
///
/// @param start      the first byte, at the start of a page; the range has the policy MPOL_BIND or MPOL_PREFERRED_MANY
/// @param len        length in bytes, rounded up to whole pages; where that is beyond the end of all addresses, nothing
/// @param home_node  the node
/// @param flags      0
/// @return 0, or -1 with errno: EINVAL (a bad argument; no such node), ENOENT (no memory with a policy), EOPNOTSUPP (another
///         policy), ENOSYS (an older kernel)
///
/// Follows set_mempolicy_home_node(2): the kernel's call, unchanged.
///
/// # Safety
/// The memory from start on keeps its contents.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn set_mempolicy_home_node(
    start: *mut c_void,
    len: c_ulong,
    home_node: c_int,
    flags: c_int,
) -> c_int {
    trace_call!(
        "set_mempolicy_home_node(start=*, len=*, home_node=*, flags=*)",
        [start, len as usize, home_node, flags],
        kernel::set_mempolicy_home_node(start as usize, len as usize, home_node, flags)
    )
}

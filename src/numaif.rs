//! numaif.h: the kernel's memory policy and page migration calls.
//!
//! These functions only make the system calls: arguments, results and errno are the kernel's.

use crate::trace::{self, Call, Mask, PageOutcome, call};
use core::ffi::{c_int, c_long, c_uint, c_ulong, c_void};
use numars::for_c::sys::errno;
use numars::for_c::sys::kernel::{self, Calls, raw};
use numars::for_c::{mempolicy, migrate};

/// Policy mode: no policy. A thread allocates on the node of the CPU that it runs on; a range of
/// memory has the policy of the thread that touches it.
pub const MPOL_DEFAULT: c_int = 0;
/// Policy mode: allocate on one node, on others when that is full.
pub const MPOL_PREFERRED: c_int = 1;
/// Policy mode: allocate on the given nodes only.
pub const MPOL_BIND: c_int = 2;
/// Policy mode: allocate page by page on the given nodes in turn.
pub const MPOL_INTERLEAVE: c_int = 3;
/// Policy mode: allocate on the node of the CPU that runs, also in ranges of memory whose thread
/// has another policy (Linux 3.8).
pub const MPOL_LOCAL: c_int = 4;
/// Policy mode: allocate on the given nodes, on others when these are full (Linux 5.15).
pub const MPOL_PREFERRED_MANY: c_int = 5;
/// Policy mode: allocate on the given nodes in turn, on each as many pages as its weight in
/// /sys/kernel/mm/mempolicy/weighted_interleave (Linux 6.9).
pub const MPOL_WEIGHTED_INTERLEAVE: c_int = 6;
/// The number of policy modes.
pub const MPOL_MAX: c_int = 7;

/// Mode flag of set_mempolicy() for MPOL_BIND: let NUMA balancing move pages between the nodes
/// (Linux 5.12).
pub const MPOL_F_NUMA_BALANCING: c_int = 1 << 13;
/// Mode flag of set_mempolicy() and mbind(): node numbers count within the nodes that the cpuset
/// allows.
pub const MPOL_F_RELATIVE_NODES: c_int = 1 << 14;
/// Mode flag of set_mempolicy() and mbind(): node numbers stay the same when the cpuset changes.
pub const MPOL_F_STATIC_NODES: c_int = 1 << 15;

/// Flag of get_mempolicy(): return a node instead of the mode: with MPOL_F_ADDR that of the page at
/// addr, otherwise that of the thread's next interleaved page.
pub const MPOL_F_NODE: c_int = 1 << 0;
/// Flag of get_mempolicy(): return the policy of the memory at addr instead of the thread's.
pub const MPOL_F_ADDR: c_int = 1 << 1;
/// Flag of get_mempolicy(): return the nodes that the cpuset allows instead of those of the policy.
pub const MPOL_F_MEMS_ALLOWED: c_int = 1 << 2;

/// Flag of mbind(): fail with EIO if pages are on other nodes, or could not be moved.
pub const MPOL_MF_STRICT: c_int = 1 << 0;
/// Flag of mbind() and move_pages(): move pages that are mapped only once.
pub const MPOL_MF_MOVE: c_int = 1 << 1;
/// Flag of mbind() and move_pages(): move pages that are mapped more than once too (needs
/// CAP_SYS_NICE).
pub const MPOL_MF_MOVE_ALL: c_int = 1 << 2;

// The headers need the numbers here. The Rust library has the same.
const _: () =
    assert!(MPOL_F_NUMA_BALANCING == mempolicy::NUMA_BALANCING && MPOL_MF_STRICT == mempolicy::MF_STRICT as c_int);
const _: () = assert!(MPOL_MF_MOVE == migrate::MF_MOVE && MPOL_MF_MOVE_ALL == migrate::MF_MOVE_ALL);

/// Defines the functions through which the library makes the kernel's calls while it traces: those that the Rust library calls otherwise,
/// with errno marked.
macro_rules! traced_calls {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {
        mod traced {
            use super::*;
            $(
                pub unsafe extern "C" fn $name($($argument: $type),*) -> c_long {
                    // Volatile: the compiler must not assume that the function is the one that this library exports.
                    // SAFETY: a function of this form.
                    let function = unsafe { (&raw const kernel::DEFAULT.$name).read_volatile() };
                    // SAFETY: the arguments are the caller's, for this very call.
                    call_untraced(&move || unsafe { function($($argument),*) })
                }
            )*
        }

        /// The argument of [`numars::for_c::sys::kernel::interpose`] if NUMARS_LOG is set.
        pub(crate) static TRACED_CALLS: Calls = Calls { $($name: traced::$name),* };
    };
}

traced_calls! {
    get_mempolicy(mode: *mut c_int, nmask: *mut c_ulong, maxnode: c_ulong, addr: *mut c_void, flags: c_uint);
    mbind(start: *mut c_void, len: c_ulong, mode: c_int, nmask: *const c_ulong, maxnode: c_ulong, flags: c_uint);
    set_mempolicy(mode: c_int, nmask: *const c_ulong, maxnode: c_ulong);
    migrate_pages(pid: c_int, maxnode: c_ulong, frommask: *const c_ulong, tomask: *const c_ulong);
    move_pages(pid: c_int, count: c_ulong, pages: *mut *mut c_void, nodes: *const c_int, status: *mut c_int, flags: c_int);
}

/// The value of errno while the library makes one of its [`TRACED_CALLS`] with NUMARS_LOG set. No error has this number.
const CALLED_BY_LIBRARY: c_int = c_int::from_be_bytes(*b"numa");

/// Makes one of the [`TRACED_CALLS`] with NUMARS_LOG set. errno marks it as the library's own: the exported wrapper does not trace it, since the
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
    ($name:ident$arguments:tt, $call:expr, $pages:expr) => {{
        if trace::is_on() {
            return trace::out_of_line(move || {
                if is_called_by_library() {
                    // SAFETY: as the caller of the exported function promises.
                    return unsafe { $call };
                }
                // SAFETY: as above.
                call_traced(&move || unsafe { $call }, call!($name$arguments), $pages)
            });
        }
        // SAFETY: as above.
        unsafe { $call }
    }};
}

/// Makes a system call and traces it.
#[cold]
#[inline(never)]
fn call_traced(make: &dyn Fn() -> c_long, call: Call, pages: PageOutcome) -> c_long {
    let result = make();
    call.returns_pages(result, pages);
    result
}

/// Retrieve the memory policy of the calling thread, or that of the memory at an address.
///
/// @param mode     receives the mode with its flags, or with MPOL_F_NODE the node; may be NULL
/// @param nmask    receives the nodes, an array of unsigned long; may be NULL
/// @param maxnode  the number of bits of nmask, plus one; at least that of the kernel's nodes
/// @param addr     the address for MPOL_F_ADDR, otherwise NULL
/// @param flags    0 or MPOL_F_NODE, MPOL_F_ADDR, MPOL_F_MEMS_ALLOWED
/// @return 0, or -1 with errno: EFAULT (an address is not mapped), EINVAL (unknown flags; addr
///         without MPOL_F_ADDR; MPOL_F_NODE without MPOL_F_ADDR in a thread that does not
///         interleave; maxnode is too small), ENOSYS (a kernel without NUMA), EPERM (forbidden, as
///         in some containers)
///
/// Thread-safe. Async-signal-safe.
///
/// Follows get_mempolicy(2): the system call itself.
///
/// # Safety
/// The kernel may write to mode, and maxnode - 1 bits in whole words to nmask; it fails with EFAULT
/// if they are not mapped.
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
        get_mempolicy(
            mode = address(mode.cast()),
            nmask = address(nmask.cast()),
            maxnode = size(maxnode as usize),
            addr = address(addr),
            flags = int(flags as c_int)
        ),
        raw::get_mempolicy(mode, nmask, maxnode, addr, flags),
        PageOutcome::None
    )
}

/// Set the memory policy of a range of memory.
///
/// The policy holds for all threads of the process. It applies to pages that are allocated from now
/// on; flags say what happens to others, which stay where they are by default.
///
/// @param start    the first byte, at the start of a page
/// @param len      bytes, rounded up to whole pages; if that wraps around, nothing is done
/// @param mode     a policy mode, with MPOL_F_STATIC_NODES or MPOL_F_RELATIVE_NODES
/// @param nmask    the nodes, an array of unsigned long; may be NULL if the mode takes none
/// @param maxnode  the number of bits of nmask, plus one
/// @param flags    0 or MPOL_MF_STRICT, MPOL_MF_MOVE, MPOL_MF_MOVE_ALL
/// @return 0, or -1 with errno: EFAULT (a part of the range or nmask is not mapped), EINVAL (a bad
///         argument; no node of nmask is allowed and has memory), EIO (MPOL_MF_STRICT: pages are on
///         other nodes), ENOMEM (no kernel memory), EPERM (MPOL_MF_MOVE_ALL without CAP_SYS_NICE)
///
/// Thread-safe. Async-signal-safe.
///
/// Follows mbind(2): the system call itself.
///
/// # Safety
/// The kernel reads maxnode - 1 bits of nmask, and fails with EFAULT if they are not mapped. The
/// contents of the memory do not change.
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
        mbind(
            start = address(start),
            len = size(len as usize),
            mode = policy(mode),
            nmask = mask(&Mask::of_kernel(nmask, maxnode)),
            maxnode = size(maxnode as usize),
            flags = flags(flags)
        ),
        raw::mbind(start, len, mode, nmask, maxnode, flags),
        PageOutcome::None
    )
}

/// Set the memory policy of the calling thread.
///
/// Threads and processes that it creates inherit the policy. It applies to pages that are allocated
/// from now on; others stay where they are.
///
/// @param mode     a policy mode, with MPOL_F_STATIC_NODES, MPOL_F_RELATIVE_NODES or
///                 MPOL_F_NUMA_BALANCING
/// @param nmask    the nodes, an array of unsigned long; may be NULL if the mode takes none
/// @param maxnode  the number of bits of nmask, plus one
/// @return 0, or -1 with errno: EFAULT (nmask is not mapped), EINVAL (a bad argument; no node of
///         nmask is allowed and has memory), ENOMEM (no kernel memory)
///
/// Thread-safe. Async-signal-safe.
///
/// Follows set_mempolicy(2): the system call itself.
///
/// # Safety
/// The kernel reads maxnode - 1 bits of nmask, and fails with EFAULT if they are not mapped.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn set_mempolicy(mode: c_int, nmask: *const c_ulong, maxnode: c_ulong) -> c_long {
    trace_kernel_call!(
        set_mempolicy(
            mode = policy(mode),
            nmask = mask(&Mask::of_kernel(nmask, maxnode)),
            maxnode = size(maxnode as usize)
        ),
        raw::set_mempolicy(mode, nmask, maxnode),
        PageOutcome::None
    )
}

/// Move all pages of a process from some nodes to others.
///
/// Pages of the i-th node of frommask move to the i-th node of tomask. Pages that are mapped more
/// than once stay, and are not counted, unless the caller has CAP_SYS_NICE.
///
/// @param pid       the process; 0: the calling process
/// @param maxnode   the number of bits of each mask, plus one
/// @param frommask  the nodes to empty, an array of unsigned long
/// @param tomask    the nodes to move to, an array of unsigned long
/// @return the number of pages that could not be moved, 0 on full success; -1 with errno: EFAULT (a
///         mask is not mapped), EINVAL (a node number that the kernel does not support; no node of
///         tomask is allowed and has memory; a kernel thread), ENOMEM (a target is full; pages may
///         have moved), EPERM (another user's process; a node that the process may not use), ESRCH
///         (no such process)
///
/// Thread-safe. Async-signal-safe.
///
/// Follows migrate_pages(2): the system call itself.
///
/// # Safety
/// The kernel reads maxnode - 1 bits of each mask, and fails with EFAULT if they are not mapped.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn migrate_pages(
    pid: c_int,
    maxnode: c_ulong,
    frommask: *const c_ulong,
    tomask: *const c_ulong,
) -> c_long {
    trace_kernel_call!(
        migrate_pages(
            pid = int(pid),
            maxnode = size(maxnode as usize),
            frommask = mask(&Mask::of_kernel(frommask, maxnode)),
            tomask = mask(&Mask::of_kernel(tomask, maxnode))
        ),
        raw::migrate_pages(pid, maxnode, frommask, tomask),
        PageOutcome::None
    )
}

/// Move single pages of a process to nodes, or query the nodes they are on.
///
/// The call stops at a page that cannot be moved: then pages after it may have moved or not, and
/// status is incomplete. To query where pages are then, call again with nodes NULL.
/// numa_move_pages() and numars_move_pages() do not stop there.
///
/// @param pid     the process; 0: the calling process
/// @param count   the number of entries of pages, nodes and status
/// @param pages   an address in each page, in the process's address space
/// @param nodes   the target node of each page; NULL: query only
/// @param status  receives for each page the node that it is on, or a negative errno: -ENOENT (not
///                present: never touched, or swapped out), -EFAULT (not mapped, or the zero page),
///                -EACCES (mapped more than once, without MPOL_MF_MOVE_ALL), -EBUSY (in use, or
///                named by an earlier entry)
/// @param flags   MPOL_MF_MOVE or MPOL_MF_MOVE_ALL; 0: as MPOL_MF_MOVE
/// @return 0; the number of pages that were not moved or not tried; -1 with errno: EACCES (a node
///         outside the process's cpuset), EFAULT (an array is not mapped), EINVAL (unknown flags; a
///         kernel thread), ENODEV (no such node, or one without memory), ENOMEM (a target is full;
///         pages may have moved), EPERM (another user's process; MPOL_MF_MOVE_ALL without
///         CAP_SYS_NICE), ESRCH (no such process)
///
/// Thread-safe. Async-signal-safe.
///
/// Follows move_pages(2): the system call itself.
///
/// # Safety
/// The kernel may write count entries to status; it reads the other arrays, and fails with EFAULT
/// if one of them is not mapped.
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
        move_pages(
            pid = int(pid),
            count = size(count as usize),
            pages = address(pages.cast()),
            nodes = address(nodes.cast()),
            status = address(status.cast()),
            flags = flags(flags as u32)
        ),
        raw::move_pages(pid, count, pages, nodes, status, flags),
        PageOutcome::Arrays { count: count as usize, nodes: nodes as usize, status: status as usize }
    )
}

/// Set the home node of a range of memory: the node that the kernel tries first (Linux 5.17).
///
/// @param start      the first byte, at the start of a page; the range has the policy MPOL_BIND or
///                   MPOL_PREFERRED_MANY
/// @param len        bytes, rounded up to whole pages; if that wraps around, nothing is done
/// @param home_node  the node
/// @param flags      0
/// @return 0, or -1 with errno: EINVAL (a bad argument; no such node), ENOENT (no memory with a
///         policy), EOPNOTSUPP (another policy), ENOSYS (an older kernel)
///
/// Thread-safe. Async-signal-safe.
///
/// Follows set_mempolicy_home_node(2): the system call itself.
///
/// # Safety
/// No condition: the kernel checks the arguments, and the contents of the memory do not change.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn set_mempolicy_home_node(
    start: *mut c_void,
    len: c_ulong,
    home_node: c_int,
    flags: c_int,
) -> c_int {
    call!(set_mempolicy_home_node(
        start = address(start),
        len = size(len as usize),
        home_node = int(home_node),
        flags = int(flags)
    ))
    .returns(kernel::set_mempolicy_home_node(start as usize, len as usize, home_node, flags))
}

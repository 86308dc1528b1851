//! The system calls, one function each, with the kernel's arguments, result and errno.
//!
//! They are safe functions although they take addresses: the kernel checks every address it is given and answers EFAULT.
//! What it writes, it writes where the caller of the exported function said.

use core::cell::Cell;
use core::ffi::{c_int, c_long, c_uint, c_ulong, c_void};
use core::ptr::{null, null_mut};

/// Calls the kernel by way of syscall(2), which turns an error into -1 and errno.
macro_rules! system_call {
    ($number:ident $(, $argument:expr)*) => {
        // SAFETY: the kernel checks the arguments of these calls itself; none of them changes memory that Rust owns, only
        // what the caller of the exported function handed in for that.
        unsafe { libc::syscall(libc::$number $(, $argument)*) }
    };
}

pub fn get_mempolicy(
    mode: *mut c_int,
    nmask: *mut c_ulong,
    maxnode: c_ulong,
    addr: *const c_void,
    flags: c_uint,
) -> c_long {
    system_call!(SYS_get_mempolicy, mode, nmask, maxnode, addr, c_ulong::from(flags))
}

pub fn mbind(
    start: *mut c_void,
    len: c_ulong,
    mode: c_int,
    nmask: *const c_ulong,
    maxnode: c_ulong,
    flags: c_uint,
) -> c_long {
    system_call!(SYS_mbind, start, len, c_long::from(mode), nmask, maxnode, c_ulong::from(flags))
}

pub fn set_mempolicy(mode: c_int, nmask: *const c_ulong, maxnode: c_ulong) -> c_long {
    system_call!(SYS_set_mempolicy, c_long::from(mode), nmask, maxnode)
}

pub fn migrate_pages(pid: c_int, maxnode: c_ulong, from: *const c_ulong, to: *const c_ulong) -> c_long {
    system_call!(SYS_migrate_pages, c_long::from(pid), maxnode, from, to)
}

pub fn move_pages(
    pid: c_int,
    count: c_ulong,
    pages: *const *mut c_void,
    nodes: *const c_int,
    status: *mut c_int,
    flags: c_int,
) -> c_long {
    system_call!(SYS_move_pages, c_long::from(pid), count, pages, nodes, status, c_long::from(flags))
}

/// The same, of arrays that nobody has looked at.
pub fn move_pages_at(pid: c_int, count: usize, pages: usize, nodes: usize, status: usize, flags: c_int) -> c_long {
    move_pages(pid, count as c_ulong, pages as *const _, nodes as *const _, status as *mut _, flags)
}

pub fn set_mempolicy_home_node(start: *mut c_void, len: c_ulong, home_node: c_int, flags: c_int) -> c_int {
    // The call returns 0 or an error, nothing that an int could not hold.
    system_call!(SYS_set_mempolicy_home_node, start, len, c_long::from(home_node), c_long::from(flags)) as c_int
}

/// Puts the nodes that the calling task may allocate on into `nodes`: 0, or -1 with errno.
pub fn allowed_nodes(nodes: &[Cell<usize>]) -> c_long {
    get_mempolicy(null_mut(), nodes.as_ptr().cast_mut().cast(), bits_of(nodes) + 1, null(), MPOL_F_MEMS_ALLOWED)
}

/// The calling thread's policy, and its nodes in `nodes`; none, with errno, if the kernel does not tell.
pub fn task_policy(nodes: &[Cell<usize>]) -> Option<c_int> {
    let mut mode = 0;
    let told = get_mempolicy(&mut mode, nodes.as_ptr().cast_mut().cast(), bits_of(nodes) + 1, null(), 0);
    (told == 0).then_some(mode)
}

/// The node on which the calling thread's next interleaved page is put; none, with errno, if it does not interleave.
pub fn next_interleave_node() -> Option<c_int> {
    const MPOL_F_NODE: c_uint = 1;
    let mut node = 0;
    (get_mempolicy(&mut node, null_mut(), 0, null(), MPOL_F_NODE) == 0).then_some(node)
}

/// set_mempolicy(2) with the first `bits` bits of `nodes`: 0, or -1 with errno.
pub fn set_policy(mode: c_int, nodes: &[Cell<usize>], bits: usize) -> c_long {
    set_mempolicy(mode, nodes.as_ptr().cast(), bits as c_ulong + 1)
}

/// mbind(2) with the first `bits` bits of `nodes`: 0, or -1 with errno.
pub fn set_memory_policy(
    start: usize,
    length: usize,
    mode: c_int,
    nodes: &[Cell<usize>],
    bits: usize,
    flags: c_uint,
) -> c_long {
    mbind(start as *mut c_void, length as c_ulong, mode, nodes.as_ptr().cast(), bits as c_ulong + 1, flags)
}

fn bits_of(mask: &[Cell<usize>]) -> c_ulong {
    size_of_val(mask) as c_ulong * 8
}

/// get_mempolicy(2): give the nodes that the cpuset allows.
const MPOL_F_MEMS_ALLOWED: c_uint = 1 << 2;

/// getcpu(2): the CPU that the calling thread runs on, and its node; none with errno if it fails.
pub fn getcpu() -> Option<(usize, usize)> {
    let (mut cpu, mut node) = (0 as c_uint, 0 as c_uint);
    let no_cache = null_mut::<c_void>();
    (system_call!(SYS_getcpu, &raw mut cpu, &raw mut node, no_cache) == 0).then_some((cpu as usize, node as usize))
}

/// sched_getaffinity(2) of a thread (0: the calling one) as the kernel has it: returns how many bytes of `mask` it filled,
/// which is the size of its CPU mask, or -1 with errno. libc's own function returns 0 instead.
pub fn sched_getaffinity(pid: c_int, mask: &[Cell<usize>]) -> c_long {
    sched_getaffinity_bytes(pid, size_of_val(mask), mask.as_ptr().cast())
}

/// The same, for `length` bytes that C has; the kernel wants whole words.
pub fn sched_getaffinity_bytes(pid: c_int, length: usize, mask: *const u8) -> c_long {
    system_call!(SYS_sched_getaffinity, c_long::from(pid), length, mask)
}

/// sched_setaffinity(2) of a thread (0: the calling one): 0, or -1 with errno. Words beyond the kernel's mask are ignored.
pub fn sched_setaffinity(pid: c_int, mask: &[Cell<usize>]) -> c_long {
    sched_setaffinity_bytes(pid, size_of_val(mask), mask.as_ptr().cast())
}

/// The same, for `length` bytes that C has.
pub fn sched_setaffinity_bytes(pid: c_int, length: usize, mask: *const u8) -> c_long {
    system_call!(SYS_sched_setaffinity, c_long::from(pid), length, mask)
}

//! The system calls, one function each, with the kernel's arguments, result and errno.
//!
//! They are safe functions although they take addresses: the kernel checks every address it is given and answers EFAULT.
//! What it writes, it writes where the caller of the exported function said.

use core::ffi::{c_int, c_long, c_uint, c_ulong, c_void};

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

pub fn set_mempolicy_home_node(start: *mut c_void, len: c_ulong, home_node: c_int, flags: c_int) -> c_int {
    // The call returns 0 or an error, nothing that an int could not hold.
    system_call!(SYS_set_mempolicy_home_node, start, len, c_long::from(home_node), c_long::from(flags)) as c_int
}

/// sched_getaffinity(2) of the calling thread as the kernel has it: returns how many bytes of `mask` it filled, which is
/// the size of its CPU mask, or -1 with errno. libc's own function returns 0 instead.
pub fn sched_getaffinity(mask: &mut [u8]) -> c_long {
    system_call!(SYS_sched_getaffinity, 0 as c_long, mask.len(), mask.as_mut_ptr())
}

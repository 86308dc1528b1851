//! Calls without an effect that only ask whether the kernel would permit the real ones, and which the library does not offer.
#![allow(unsafe_code)]

use numars::Errno;
use std::os::fd::AsRawFd;

/// MPOL_MF_MOVE of move_pages(2): pages that only this process maps.
const MOVE: libc::c_int = 2;
/// MPOL_MF_MOVE_ALL of move_pages(2): pages that other processes map, too.
const MOVE_ALL: libc::c_int = 4;

/// Whether something works.
pub type Outcome = Result<(), Errno>;

fn outcome(result: libc::c_long) -> Outcome {
    if result >= 0 { Ok(()) } else { Err(Errno::last()) }
}

/// Asks whether pages of a process can be moved, by moving none: of this one if `pid` is 0; `shared`: pages that several processes map.
pub fn move_no_pages(pid: i32, shared: bool) -> Outcome {
    let no_pages: libc::c_ulong = 0;
    let nothing = std::ptr::null::<libc::c_void>();
    let flags = if shared { MOVE_ALL } else { MOVE };
    // SAFETY: move_pages(2) reads and writes no element of arrays without elements.
    outcome(unsafe { libc::syscall(libc::SYS_move_pages, pid, no_pages, nothing, nothing, nothing, flags) })
}

/// Asks whether migrate_pages(2) may be used for a process, of this one if `pid` is 0, by migrating from no node to no node. The kernel refuses
/// that only after it has permitted the call.
pub fn migrate_from_no_nodes(pid: i32) -> Outcome {
    let no_nodes: libc::c_ulong = 0;
    let nothing = std::ptr::null::<libc::c_ulong>();
    // SAFETY: sets of 0 nodes have no memory that is read.
    match outcome(unsafe { libc::syscall(libc::SYS_migrate_pages, pid, no_nodes, nothing, nothing) }) {
        Err(Errno::EINVAL) => Ok(()),
        outcome => outcome,
    }
}

/// struct pm_scan_arg of linux/fs.h.
#[repr(C)]
#[derive(Default)]
struct ScanArguments {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// Asks whether the ioctl PAGEMAP_SCAN works, by scanning no address.
pub fn scan_no_pages() -> Outcome {
    let file = std::fs::File::open("/proc/self/pagemap")
        .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))?;
    let mut arguments = ScanArguments { size: size_of::<ScanArguments>() as u64, ..Default::default() };
    let request = libc::_IOWR::<ScanArguments>(u32::from(b'f'), 16);
    // SAFETY: the kernel reads and writes the structure, which has the size that it says; the vector of results has no elements.
    outcome(libc::c_long::from(unsafe { libc::ioctl(file.as_raw_fd(), request, &raw mut arguments) }))
}

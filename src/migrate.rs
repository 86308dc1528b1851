//! Moving pages, the calls of numa(3).

use super::mask::{bitmask, read_inline};
use crate::trace::{PageOutcome, call};
use core::ffi::{CStr, c_int, c_long, c_ulong, c_void};
use numars::Errno;
use numars::for_c::bitmask::Bits;
use numars::for_c::migrate::node_map::{self, Masks, PADDED_BITS};
use numars::for_c::migrate::{self, MoveRequest};
use numars::for_c::sys::uaccess::{UserPtr, UserPtrMut};
use numars::for_c::sys::{environment, errno, files, kernel};
use once_cell::race::OnceBool;

/// Move all pages of a process from some nodes to others.
///
/// Pages of the i-th node of from move to the i-th node of to. Pages that are mapped more than once
/// stay, and are not counted, unless the caller has CAP_SYS_NICE.
///
/// @param pid   the process; 0: the calling process
/// @param from  the nodes to empty; NULL: the empty mask
/// @param to    the nodes to move to, of any size; NULL: the empty mask
/// @return the number of pages that could not be moved, 0 on full success; -1 with errno as
///         migrate_pages()
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3) and migrate_pages(2).
///
/// # Safety
/// from and to are NULL or valid: maskp is NULL or points to size bits, which no other thread
/// changes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_migrate_pages(pid: c_int, from: *mut bitmask, to: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let (from, to) = unsafe { (read_inline(from), read_inline(to)) };
    let bits = from.length();
    let unmoved = if bits == to.length() {
        // SAFETY: both are that long.
        unsafe { kernel::migrate_pages(pid, bits, from.storage().as_ptr().cast(), to.storage().as_ptr().cast()) }
    } else {
        migrate_pages_padded(pid, from, to)
    };
    call!(numa_migrate_pages(pid = int(pid), from = set(&from), to = set(&to)))
        .returns(c_int::try_from(unmoved).unwrap_or(c_int::MAX))
}

/// Calls migrate_pages(2) with masks whose lengths differ.
#[cold]
#[inline(never)]
fn migrate_pages_padded(pid: c_int, from: Bits, to: Bits) -> c_long {
    match node_map::masks(from, to) {
        Masks::Padded | Masks::SameLength(_) => {
            let (from, to) = (node_map::padded(from), node_map::padded(to));
            // SAFETY: both are that long.
            unsafe { kernel::migrate_pages(pid, PADDED_BITS, from.as_ptr().cast(), to.as_ptr().cast()) }
        }
        Masks::NoSuchNode => {
            errno::set(libc::EINVAL);
            -1
        }
    }
}

/// Returns whether NUMARS_MOVE=kernel in the environment makes numa_move_pages() the bare system call.
///
/// The environment is read by the first call, which is made while loading: later, other threads may be changing it.
pub(super) fn kernel_passthrough() -> bool {
    static PASSTHROUGH: OnceBool = OnceBool::new();
    let is_kernel = |value: &CStr| files::strip_prefix_cstr(b"kernel", value).map(CStr::is_empty);
    PASSTHROUGH.get_or_init(|| environment::variable(c"NUMARS_MOVE", is_kernel).unwrap_or(false))
}

/// Move single pages of a process to nodes, or query the nodes they are on.
///
/// A short request is first submitted as it is, and so is a long one if its targets come in long
/// runs and a sample of its pages is elsewhere. For all others, the kernel is first queried for the
/// nodes of the pages, and those that have to move are moved in batches, one for each target; busy
/// pages are retried, and unmovable pages do not end the call. The status of every page is correct
/// in the end, also if the call fails with ENOMEM. With NUMARS_MOVE=kernel in the environment, this
/// is move_pages() unchanged.
///
/// @param pid     the process; 0: the calling process
/// @param count   the number of entries of pages, nodes and status
/// @param pages   an address in each page: an array of addresses, not the start of the memory
/// @param nodes   the target node of each page; if a page is named more than once, the last one
///                counts; NULL: query only
/// @param status  receives for each page the node that it is on, or a negative errno: -ENOENT (not
///                present), -EFAULT (not mapped, the zero page, or an unmovable page), -EACCES
///                (mapped more than once, without MPOL_MF_MOVE_ALL), -EBUSY (in use), -ENOMEM (the
///                target is full)
/// @param flags   MPOL_MF_MOVE or MPOL_MF_MOVE_ALL of <numaif.h>; 0: as MPOL_MF_MOVE
/// @return 0; the number of entries whose page the kernel tried and failed to move; -1 with errno
///         as move_pages()
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3) and move_pages(2).
///
/// # Safety
/// The kernel may write count entries to status; it reads the other arrays, and fails with EFAULT
/// if one of them is not mapped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_move_pages(
    pid: c_int,
    count: c_ulong,
    pages: *mut *mut c_void,
    nodes: *const c_int,
    status: *mut c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: as the caller promises.
    let request = unsafe {
        let (pages, nodes) = (UserPtr::new(pages.cast_const().cast()), UserPtr::new(nodes));
        MoveRequest::from_arrays(count as usize, pages, nodes, Some(UserPtrMut::new(status)))
    };
    let (result, stats) = if kernel_passthrough() {
        (migrate::move_pages_raw(pid, request, flags), None)
    } else {
        migrate::move_pages(pid, request, flags)
    };
    let unmoved = count_or_errno(result);
    let arrays = PageOutcome::Arrays { count: count as usize, nodes: nodes as usize, status: status as usize };
    let moves = stats.as_ref().map_or(arrays, PageOutcome::Stats);
    call!(numa_move_pages(
        pid = int(pid),
        count = size(count as usize),
        pages = address(pages.cast()),
        nodes = address(nodes.cast()),
        status = address(status.cast()),
        flags = flags(flags as u32)
    ))
    .returns_pages(unmoved, moves);
    c_int::try_from(unmoved).unwrap_or(c_int::MAX)
}

/// Returns what a call of the kernel returns: the number, or -1 with errno.
pub(crate) fn count_or_errno(result: Result<usize, Errno>) -> c_long {
    match result {
        Ok(count) => c_long::try_from(count).unwrap_or(c_long::MAX),
        Err(error) => {
            errno::set(error.raw());
            -1
        }
    }
}

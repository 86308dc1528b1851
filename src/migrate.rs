//! Moving pages, the calls of numa(3).

use super::bitmask::{bitmask, read};
use crate::trace::{Arg, PageOutcome, trace_call};
use core::ffi::{CStr, c_int, c_long, c_ulong, c_void};
use core::ptr::null;
use numars::migrate::remap::{self, Masks, PADDED_BITS};
use numars::migrate::{self, Figures, Manner, Mover, Process, Request};
use numars::sys::{errno, files, kernel, process};
use once_cell::race::OnceBool;

/// Moves all pages of a process that are on some nodes to other nodes.
///
/// @param pid   the process; 0 is the calling one
/// @param from  the nodes to empty; NULL is the empty set
/// @param to    the nodes to fill, of any size; the i-th node of from goes to the i-th of to; NULL is the empty set
/// @return the number of pages that could not be moved (0: all are), or -1 with errno as migrate_pages()
///
/// Follows numa(3) and migrate_pages(2).
///
/// # Safety
/// Each mask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_migrate_pages(pid: c_int, from: *mut bitmask, to: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let (from_bits, to_bits) = unsafe { (read(from), read(to)) };
    let left = match remap::masks(from_bits, to_bits) {
        // SAFETY: empty masks are not read.
        Masks::AsTheyAre(0) => unsafe { kernel::migrate_pages(pid, 0, null(), null()) },
        // SAFETY: both are structures here, since a NULL has length 0.
        Masks::AsTheyAre(bits) => unsafe { kernel::migrate_pages(pid, bits, (*from).maskp, (*to).maskp) },
        Masks::Padded => {
            let (from, to) = (remap::padded(from_bits), remap::padded(to_bits));
            // SAFETY: both are that long.
            unsafe { kernel::migrate_pages(pid, PADDED_BITS, from.as_ptr().cast(), to.as_ptr().cast()) }
        }
        Masks::NoSuchNode => {
            errno::set(libc::EINVAL);
            -1
        }
    };
    let left = trace_call!("numa_migrate_pages(pid=*, from=*, to=*)", [pid, from_bits, to_bits], left);
    c_int::try_from(left).unwrap_or(c_int::MAX)
}

/// Returns whether NUMARS_MOVE=kernel in the environment makes numa_move_pages() the bare system call.
///
/// The environment is read by the first call, which is made while loading: later, other threads may be changing it.
pub(super) fn kernel_passthrough() -> bool {
    static PASSTHROUGH: OnceBool = OnceBool::new();
    let is_kernel = |value: &CStr| files::strip_prefix_cstr(b"kernel", value).map(CStr::is_empty);
    PASSTHROUGH.get_or_init(|| process::environment(c"NUMARS_MOVE", is_kernel).unwrap_or(false))
}

/// Moves single pages of a process to nodes, or tells where they are.
///
/// The kernel is asked first where the pages are; those that need no move are left alone, the others go to it grouped by target. It
/// goes on past pages that cannot be moved, tries busy ones again, and says of every page where it is. NUMARS_MOVE=kernel in the
/// environment makes this move_pages() again, which does none of that.
///
/// @param pid     the process; 0 is the calling one
/// @param count   the number of entries in pages, nodes and status
/// @param pages   an address in each page: an array of addresses, not the start of the memory
/// @param nodes   the node that each page shall be on; a page that is named twice ends on the last; NULL: move nothing, only tell
/// @param status  where to put, for each page, the node it is on, or what is wrong as a negative errno: ENOENT (not there), EFAULT
///                (nothing mapped), EACCES (other processes map it too), EBUSY (in use), ENOMEM (the node is full)
/// @param flags   MPOL_MF_MOVE or MPOL_MF_MOVE_ALL of <numaif.h>
/// @return 0; the number of entries whose pages were tried and stayed; or -1 with errno as move_pages(), of which ENOMEM says
///         that a node is full: the statuses are true then too
///
/// Follows numa(3) and move_pages(2).
///
/// # Safety
/// The arrays are handed to the kernel, which checks them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_move_pages(
    pid: c_int,
    count: c_ulong,
    pages: *mut *mut c_void,
    nodes: *const c_int,
    status: *mut c_int,
    flags: c_int,
) -> c_int {
    let request = Request {
        count: count as usize,
        pages: pages as usize,
        nodes: nodes as usize,
        status: status as usize,
        tell: true,
        trust: None,
    };
    let (left, figures) = move_list(pid, request, flags);
    let arrays = PageOutcome::Arrays { count: request.count, nodes: request.nodes, status: request.status };
    let moves = figures.as_ref().map_or(arrays, PageOutcome::Figures);
    let (left, _) = trace_call!(
        "numa_move_pages(pid=*, count=*, pages=*, nodes=*, status=*, flags=*)",
        [pid, request.count, pages, nodes.cast_mut(), status, Arg::Flags(flags as u32)],
        (left, moves)
    );
    c_int::try_from(left).unwrap_or(c_int::MAX)
}

/// Returns whether any status of a request is negative, each of which the kernel has just written. The few of a short one are read as the
/// program itself would read them now; longer arrays may be unmapped by another thread, and are copied by the kernel.
fn has_negative_status(request: Request) -> bool {
    const SHORT: usize = 16;
    if request.count > SHORT {
        return migrate::has_negative_status(request);
    }
    let status = request.status as *const c_int;
    // SAFETY: the kernel has just written to these addresses.
    (0..request.count).any(|entry| unsafe { status.add(entry).read_unaligned() } < 0)
}

/// What numa_move_pages() returns, and the figures where it was more than the kernel's call.
fn move_list(pid: c_int, request: Request, flags: c_int) -> (c_long, Option<Figures>) {
    let straight = || {
        let Request { count, pages, nodes, status, .. } = request;
        (kernel::move_pages_at(pid, count, pages, nodes, status, flags), None)
    };
    let is_query = request.nodes == 0 && (usize::BITS == 64 || request.count <= 16);
    if kernel_passthrough() || request.count == 0 {
        return straight();
    }
    let before = errno::get();
    if is_query {
        let (left, _) = straight();
        if left == 0 && has_negative_status(request) {
            errno::preserve_errno(|| migrate::confirm_query(&Process::by_pid(pid), request, flags));
        }
        return (left, None);
    }
    if request.count == 1 {
        // No other entry to be mixed up with.
        let (left, _) = straight();
        if left == 0 && !has_negative_status(request) || left < 0 && errno::get() != errno::ENOMEM {
            return (left, None);
        }
        // It is tried again, and may succeed.
        errno::set(before);
    }
    let outcome = errno::preserve_errno(|| {
        let process = Process::by_pid(pid);
        if let Some(outcome) = migrate::try_fast_path(&process, request, flags) {
            return Some((outcome.err().unwrap_or(0), 0, None));
        }
        let manner = Manner { flags, threads: 1, retries: migrate::RETRIES };
        let mut mover = Mover::new(process, manner, None);
        mover.list(request).ok()?;
        Some((mover.error(), mover.stuck(), Some(mover.figures())))
    });
    match outcome {
        Some((0, stuck, figures)) => (c_long::try_from(stuck).unwrap_or(c_long::MAX), figures),
        Some((error, _, figures)) => {
            errno::set(error);
            (-1, figures)
        }
        None => straight(),
    }
}

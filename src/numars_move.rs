//! Moving many pages, and hearing what became of them: numars.h's part of moving.h.

use crate::mask::{bitmask, read};
use crate::migrate::count_or_errno;
use crate::trace::{PageOutcome, trace_call};
use core::ffi::{c_int, c_long, c_uint, c_ulong, c_void};
use core::slice;
use numars::migrate::{self, MoveOptions, MoveReport, MoveRequest, MoveStats, Progress};
use numars::sys::errno::{self, Errno};
use numars::sys::uaccess::{UserPtr, UserPtrMut};

/// What became of the pages of a request. Every page that was looked at is counted under requested, and once more under one of
/// the next eight; where a callback or an error ended the work, the pages that were not tried are under requested alone. Each sum is
/// that of the last look at the pages: a page that another process or thread moves later is counted where it was then.
///
/// numars_move_pages() counts entries; the calls that take a range or a process count base pages, a huge page as those of its base
/// pages that lie in the range, each as what became of it where the kernel splits the huge page. Pages of the kernel's own mappings, such
/// as [vdso], which cannot move, don't count as having stayed.
#[repr(C)]
#[allow(non_camel_case_types, reason = "C's name")]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct numars_move_stats {
    /// looked at
    pub requested: c_ulong,
    /// were elsewhere and are on their target now
    pub moved: c_ulong,
    /// were on their target before
    pub in_place: c_ulong,
    /// not there: never touched, or swapped out (-ENOENT)
    pub absent: c_ulong,
    /// nothing is mapped there, or the kernel's page of zeros (-EFAULT)
    pub unmapped: c_ulong,
    /// other processes map them too, and MPOL_MF_MOVE_ALL was not given (-EACCES)
    pub shared: c_ulong,
    /// in use: written to disk, or pinned by a device or the kernel (-EBUSY)
    pub busy: c_ulong,
    /// the target is full (-ENOMEM)
    pub no_memory: c_ulong,
    /// there, and not on the target for another reason: its mapping's pages cannot move, or another entry names the page, or another part
    /// of its huge page, with another node
    pub failed: c_ulong,
    /// how many pages were tried a further time, each time counted
    pub retried: c_ulong,
    /// calls of move_pages(2)
    pub kernel_calls: c_ulong,
}

/// Progress callback. Called by the thread that called the move, at least every 64 MiB, also where no page has to move, and once at the
/// end. Huge pages count with their size; an entry of numars_move_pages() is taken to be a huge page of 2 MiB unless the next entry
/// names an address nearer than that. Within these 64 MiB, calls of the kernel that take longer than 40 ms are followed by smaller ones, so
/// that there is a call about every 100 ms, unless a single page takes longer. Threads that help move as much each meanwhile.
///
/// so_far is what became of the pages so far, arg is progress_arg of the options. No sum becomes smaller from call to call, but where
/// parts of a request undo each other (entries that name one page, or parts of one huge page, with several nodes), or a huge page is split:
/// it may have been called moved as a whole. Of a list with several nodes, up to 64 MiB are counted late. An answer other than 0 cancels the
/// move, which then fails with ECANCELED; the answer of the call at the end, when nothing is left to cancel, is ignored.
///
/// A callback may call every function of this library, also one that moves pages. It must return: no C++ exception may leave it, and it
/// must call neither longjmp(3) nor pthread_exit(3), because helper threads use the stack of the calling thread meanwhile. For the same
/// reason the calling thread cannot be cancelled during a move (pthread_setcancelstate(3)), which a callback must not change: a
/// pthread_cancel(3) takes effect at the first cancellation point after the move.
#[allow(non_camel_case_types, reason = "C's name")]
pub type numars_move_progress =
    Option<unsafe extern "C" fn(so_far: *const numars_move_stats, arg: *mut c_void) -> c_int>;

/// How to move. Begin with NUMARS_MOVE_OPTIONS_INIT, which is also what NULL stands for.
#[repr(C)]
#[allow(non_camel_case_types, reason = "C's name")]
#[derive(Clone, Copy)]
pub struct numars_move_options {
    /// the size of this structure in bytes, so that it can grow: a larger one whose further bytes are 0 is taken
    pub size: usize,
    /// MPOL_MF_MOVE, or MPOL_MF_MOVE_ALL to move pages that other processes map too (needs CAP_SYS_NICE)
    pub flags: c_int,
    /// threads that move at the same time; 0: a number that suits the machine. Never more than the CPUs that the calling thread
    /// may run on
    pub threads: c_uint,
    /// how often a page that is busy is tried again
    pub retries: c_uint,
    /// called while moving; NULL: nothing is
    pub progress: numars_move_progress,
    /// handed to progress
    pub progress_arg: *mut c_void,
}

impl From<&MoveStats> for numars_move_stats {
    fn from(stats: &MoveStats) -> Self {
        Self {
            requested: stats.requested() as c_ulong,
            moved: stats.moved() as c_ulong,
            in_place: stats.in_place() as c_ulong,
            absent: stats.absent() as c_ulong,
            unmapped: stats.unmapped() as c_ulong,
            shared: stats.shared() as c_ulong,
            busy: stats.busy() as c_ulong,
            no_memory: stats.no_memory() as c_ulong,
            failed: stats.failed() as c_ulong,
            retried: stats.retried() as c_ulong,
            kernel_calls: stats.kernel_calls() as c_ulong,
        }
    }
}

/// Reads the options of a call; an errno where they are none.
///
/// # Safety
/// `options` is NULL or points to as many bytes as its size says.
unsafe fn read_options(options: *const numars_move_options) -> Result<numars_move_options, c_int> {
    const SIZE: usize = size_of::<numars_move_options>();
    /// As openat2(2).
    const MOST: usize = 4096;
    if options.is_null() {
        let flags = super::numaif::MPOL_MF_MOVE as c_int;
        let progress_arg = core::ptr::null_mut();
        return Ok(numars_move_options {
            size: SIZE,
            flags,
            threads: 1,
            retries: migrate::DEFAULT_RETRIES,
            progress: None,
            progress_arg,
        });
    }
    // SAFETY: as the caller promises; they may lie at any address, as they may for the kernel.
    unsafe {
        match (&raw const (*options).size).read_unaligned() {
            ..SIZE => Err(errno::EINVAL),
            size @ SIZE..=MOST => {
                let bytes = slice::from_raw_parts(options.cast::<u8>(), size);
                let unknown = bytes.get(SIZE..).unwrap_or_default();
                if unknown.iter().all(|&byte| byte == 0) { Ok(options.read_unaligned()) } else { Err(errno::E2BIG) }
            }
            _ => Err(errno::E2BIG),
        }
    }
}

/// Calls `work` with what `options` say, and writes the statistics.
///
/// # Safety
/// `options` and `stats` are NULL or valid.
#[inline(never)]
unsafe fn move_with(
    options: *const numars_move_options,
    stats: *mut numars_move_stats,
    work: &mut dyn FnMut(MoveOptions, Progress) -> MoveReport,
) -> (c_long, MoveStats) {
    // SAFETY: as the caller promises.
    let report = match unsafe { read_options(options) } {
        Err(error) => MoveReport { result: Err(Errno(error)), stats: MoveStats::default() },
        Ok(options) => {
            let manner =
                MoveOptions { flags: options.flags, threads: options.threads as usize, retries: options.retries };
            let mut report = options.progress.map(|progress| {
                move |stats: &MoveStats| {
                    let stats = numars_move_stats::from(stats);
                    // SAFETY: the program's function, with what it asked for.
                    unsafe { progress(&stats, options.progress_arg) == 0 }
                }
            });
            work(manner, report.as_mut().map(|report| report as &mut dyn FnMut(&MoveStats) -> bool))
        }
    };
    if !stats.is_null() {
        // SAFETY: as the caller promises, at any address.
        unsafe { stats.write_unaligned(numars_move_stats::from(&report.stats)) };
    }
    (count_or_errno(report.result), report.stats)
}

/// Moves single pages of a process to nodes, keeps going past those that will not go, and tells what became of each.
///
/// The kernel is asked first where the pages are; those that need no move are left alone, and the others go to it grouped by
/// target. A page that is named twice ends on the target that is named last.
///
/// @param pid      the process; 0 is the calling one
/// @param count    the number of entries in pages, nodes and status
/// @param pages    an address in each page
/// @param nodes    the node that each page shall be on; NULL: move nothing, only tell
/// @param status   where to put, for each page, the node it is on now, or why not as a negative errno; NULL: nowhere
/// @param options  how to move; NULL: as NUMARS_MOVE_OPTIONS_INIT says
/// @param stats    where to put the sums; NULL: nowhere
/// @return the number of entries whose page is there and not on the node that the entry names (0: all are);
///         -1 with errno: ECANCELED (progress stopped
///         it), E2BIG (options of a size that this library does not know, and not all 0), EINVAL (flags, options that are too
///         small), EFAULT (an array cannot be read or written), ENODEV (a node that is not there or has no memory), EACCES (a node
///         outside of the process's cpuset), ENOMEM (a target is full, or no scratch memory), EPERM, ESRCH. Statuses and sums are
///         true also then, as far as the arrays can be read and written. After ECANCELED, statuses of entries that were not looked
///         at are not written, and a page that several entries name may have gone on since the status of the first was written
///
/// As move_pages(2), but for what is said above.
///
/// # Safety
/// The arrays have count entries each, or are handed to the kernel, which checks them; options and stats are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_move_pages(
    pid: c_int,
    count: c_ulong,
    pages: *const *mut c_void,
    nodes: *const c_int,
    status: *mut c_int,
    options: *const numars_move_options,
    stats: *mut numars_move_stats,
) -> c_long {
    // SAFETY: as the caller promises.
    let request = unsafe {
        let (pages, nodes) = (UserPtr::new(pages.cast()), UserPtr::new(nodes));
        let status = (!status.is_null()).then(|| UserPtrMut::new(status));
        MoveRequest::from_arrays(count as usize, pages, nodes, status).with_direct_access()
    };
    let mut work = |manner: MoveOptions, progress: Progress| migrate::move_list(pid, request, manner, progress);
    // SAFETY: as the caller promises.
    let (unmoved, moved) = unsafe { move_with(options, stats, &mut work) };
    trace_call!(
        "numars_move_pages(pid=*, count=*, pages=*, nodes=*, status=*, options=*, stats=*)",
        [pid, count as usize, pages.cast_mut(), nodes.cast_mut(), status, options.cast_mut(), stats],
        (unmoved, PageOutcome::Stats(&moved))
    )
    .0
}

/// Moves the pages of a range of addresses to one node: all whole pages that touch it. Holes, and pages that were never touched,
/// are passed over.
///
/// @param pid      the process; 0 is the calling one
/// @param start    the first byte
/// @param length   bytes, up to the whole address space; 0: nothing
/// @param node     the node
/// @param options  how to move; NULL: as NUMARS_MOVE_OPTIONS_INIT says
/// @param stats    where to put the sums, in base pages; NULL: nowhere
/// @return the number of base pages that are there and not on the node (0: all are); -1 with errno as numars_move_pages(), and
///         EINVAL for a range that goes beyond the last address, ENOENT for one of more than 64 GiB if /proc can't be
///         read or doesn't show the process, the error of read(2) if /proc/PID/maps can only be read in part, ESRCH also if the
///         process ends, or, where its /proc/PID/maps can be read, executes another program, before the end
///
/// # Safety
/// options and stats are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_move_range(
    pid: c_int,
    start: *mut c_void,
    length: usize,
    node: c_int,
    options: *const numars_move_options,
    stats: *mut numars_move_stats,
) -> c_long {
    let mut work = |manner: MoveOptions, progress: Progress| {
        migrate::move_range(pid, start as usize, length, node, manner, progress)
    };
    // SAFETY: as the caller promises.
    let (unmoved, moved) = unsafe { move_with(options, stats, &mut work) };
    trace_call!(
        "numars_move_range(pid=*, start=*, length=*, node=*, options=*, stats=*)",
        [pid, start, length, node, options.cast_mut(), stats],
        (unmoved, PageOutcome::Stats(&moved))
    )
    .0
}

/// Moves the pages of a process that are on some nodes to other nodes, and tells how far it is. The process may go on meanwhile,
/// map and unmap memory, fork, execute another program and end.
///
/// @param pid      the process; 0 is the calling one
/// @param from     the nodes to empty; NULL is the empty set
/// @param to       the nodes to fill: the i-th node of from goes to the i-th of to, beginning anew where to has fewer; where it does
///                 not have as many, pages on nodes that are in both stay
/// @param options  how to move; NULL: as NUMARS_MOVE_OPTIONS_INIT says
/// @param stats    where to put the sums, in base pages that were on nodes of from; NULL: nowhere
/// @return the number of base pages that stayed on nodes of from although they should have gone (0: none); -1 with errno as
///         numars_move_pages(), and EINVAL where to is empty, ENOENT if /proc can't be read or doesn't show the process, the error of
///         read(2) if /proc/PID/maps can only be read in part, ESRCH only if the process ended before anything was moved (if it
///         executes another program, that one's pages are moved), EOVERFLOW (a 32-bit program can't name all addresses of the process)
///
/// As migrate_pages(2), which has no progress and no sums.
///
/// # Safety
/// Each mask is NULL or a valid struct bitmask; options and stats are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_move_process(
    pid: c_int,
    from: *const bitmask,
    to: *const bitmask,
    options: *const numars_move_options,
    stats: *mut numars_move_stats,
) -> c_long {
    // SAFETY: as the caller promises.
    let (from, to) = unsafe { (read(from), read(to)) };
    let mut work = |manner: MoveOptions, progress: Progress| migrate::move_process(pid, from, to, manner, progress);
    // SAFETY: as the caller promises.
    let (unmoved, moved) = unsafe { move_with(options, stats, &mut work) };
    trace_call!(
        "numars_move_process(pid=*, from=*, to=*, options=*, stats=*)",
        [pid, from, to, options.cast_mut(), stats],
        (unmoved, PageOutcome::Stats(&moved))
    )
    .0
}

/// Counts the base pages of a range of addresses by the node they are on.
///
/// @param pid       the process; 0 is the calling one
/// @param start     the first byte
/// @param length    bytes, up to the whole address space
/// @param per_node  where to put the number of base pages on each node; NULL: nowhere
/// @param nodes     the number of entries in per_node; pages on further nodes are counted in the answer alone
/// @return the number of base pages that are there; -1 with errno: EINVAL (a range that goes beyond the end of the address space),
///         ENOENT (one of more than 64 GiB if /proc can't be read or doesn't show the process), EPERM, ESRCH (no such process, or
///         it ended, or, where its /proc/PID/maps can be read, executed another program, before the end), ENOMEM (no scratch
///         memory), the error of read(2) if /proc/PID/maps can only be read in part
///
/// # Safety
/// per_node is NULL or has room for so many entries.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_count_pages(
    pid: c_int,
    start: *const c_void,
    length: usize,
    per_node: *mut c_ulong,
    nodes: c_uint,
) -> c_long {
    let per_node: &mut [c_ulong] = if per_node.is_null() {
        &mut []
    } else {
        // SAFETY: as the caller promises.
        unsafe { slice::from_raw_parts_mut(per_node, nodes as usize) }
    };
    per_node.fill(0);
    count_or_errno(migrate::count_pages(pid, start as usize, length, &mut |node, pages| {
        if let Some(count) = per_node.get_mut(node) {
            *count += pages as c_ulong;
        }
    }))
}

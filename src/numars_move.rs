//! Moving many pages, ranges and whole processes, with options and statistics: part of numars.h.

use crate::mask::{bitmask, read};
use crate::migrate::count_or_errno;
use crate::sized::{self, Output, SizedStruct, assert_no_padding};
use crate::trace::{Call, PageOutcome, call};
use core::cell::Cell;
use core::ffi::{c_int, c_long, c_uint, c_ulong, c_void};
use core::ptr::{null, null_mut};
use core::slice;
use core::sync::atomic::AtomicI32;
use core::time::Duration;
use libc::pid_t;
use numars::for_c::migrate::{self, CancelFlag, MoveOptions, MoveReport, MoveRequest, Progress};
use numars::for_c::sys::errno;
use numars::for_c::sys::uaccess::{UserPtr, UserPtrMut};
use numars::{Errno, MoveStats};

/// Statistics of a move, to be initialized with NUMARS_MOVE_STATS_INIT.
///
/// requested counts every page that was examined. Each of these counts in exactly one of the next
/// eight fields too, except for pages that were not tried because the callback, a limit or an error
/// ended the move. A page counts as of the last query during the call: if another thread or process
/// moves it later, the counts do not change.
///
/// numars_move_pages() counts entries. The other calls count base pages: of a huge page those that
/// lie in the range, each by its own result if the kernel splits the huge page. Unmovable pages of
/// the kernel's own mappings, such as [vdso], do not count as unmoved.
#[repr(C)]
#[allow(non_camel_case_types, reason = "C's name")]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct numars_move_stats {
    /// the size of this structure in bytes, set by the caller: see numars_move_options. Fields that
    /// lie beyond it are not written
    pub size: usize,
    /// examined
    pub requested: c_ulong,
    /// were elsewhere, and are on their target now
    pub moved: c_ulong,
    /// were on their target before
    pub in_place: c_ulong,
    /// not present: never touched, or swapped out (-ENOENT)
    pub absent: c_ulong,
    /// not mapped, or the zero page (-EFAULT)
    pub unmapped: c_ulong,
    /// mapped more than once, and MPOL_MF_MOVE_ALL was not given (-EACCES)
    pub shared: c_ulong,
    /// in use: under writeback, or pinned by a device or the kernel (-EBUSY)
    pub busy: c_ulong,
    /// the target is full (-ENOMEM)
    pub no_memory: c_ulong,
    /// present, and not on the target for another reason: unmovable (-EFAULT); another entry names
    /// the page, or another part of its huge page, with another node (its status is the node that
    /// it is on); the target cannot be used any more (-EACCES, -ENODEV)
    pub failed: c_ulong,
    /// retries, summed over all pages
    pub retried: c_ulong,
    /// calls of move_pages(2)
    pub kernel_calls: c_ulong,
    /// nanoseconds since the call began
    pub elapsed_ns: u64,
    /// duration of the longest call of move_pages(2) in nanoseconds, whether it moved pages or
    /// only queried them; includes the wait for other CPUs, which max_pause_us does not count. On
    /// 32-bit machines at most 2^32 - 1
    pub longest_call_ns: u64,
}

/// Progress callback. Return 0 to continue, another value to cancel the move.
///
/// It is called by the thread that called the move, at least every 64 MiB, even if no page has to
/// move, and once at the end. Huge pages count with their size; an entry of numars_move_pages() is
/// assumed to be a huge page of 512 base pages (2 MiB if these have 4 KiB) unless the next entry
/// names a higher address that is nearer. The number of pages that one call of the kernel moves
/// adapts to the CPU time of previous calls, so that it takes at most about 40 ms, and the callback
/// is called about every 100 ms, unless a single page takes longer or the CPUs are busy; also while
/// the move waits because of max_bytes_per_second. Helper threads move as much each meanwhile.
///
/// so_far holds the statistics so far, arg is progress_arg of the options. No count becomes smaller
/// from call to call, with two exceptions: parts of a request undo each other (entries that name
/// one page, or parts of one huge page, with several nodes), and a huge page that was counted as
/// moved is split. If a list names several nodes, the latest 64 MiB may be counted later.
///
/// A cancelled move fails with ECANCELED. The result of the call at the end is ignored: nothing is
/// left to cancel.
///
/// A callback may call every function of this library, even one that moves pages. It must return:
/// no C++ exception may leave it, and it must not call longjmp(3) or pthread_exit(3), because
/// helper threads use the stack of the calling thread meanwhile. For the same reason, the calling
/// thread cannot be cancelled during a move, and a callback must not change that with
/// pthread_setcancelstate(3): a pthread_cancel(3) takes effect at the first cancellation point
/// after the move.
#[allow(non_camel_case_types, reason = "C's name")]
pub type numars_move_progress =
    Option<unsafe extern "C" fn(so_far: *const numars_move_stats, arg: *mut c_void) -> c_int>;

/// An int that may change at any time.
///
/// cbindgen:ignore
#[allow(non_camel_case_types, reason = "renamed to C's `volatile int`")]
pub type volatile_int = c_int;

/// Options of a move, to be initialized with NUMARS_MOVE_OPTIONS_INIT. NULL stands for these
/// defaults.
#[repr(C)]
#[allow(non_camel_case_types, reason = "C's name")]
#[derive(Clone, Copy)]
pub struct numars_move_options {
    /// the size of this structure in bytes. Programs and libraries of different versions work
    /// together: fields that the program's structure lacks have their defaults, and a larger one is
    /// accepted if its further bytes are 0 (otherwise E2BIG). A size below that of numars 1.0 is
    /// EINVAL
    pub size: usize,
    /// MPOL_MF_MOVE (also if 0), or MPOL_MF_MOVE_ALL to move pages that are mapped more than once
    /// too (needs CAP_SYS_NICE)
    pub flags: c_int,
    /// threads that move pages at the same time, the calling one included; 0: half as many as the
    /// CPUs that the calling thread may run on, at least one and at most four. Never more than
    /// these CPUs, and fewer for requests of less than 512 base pages for each thread. Helper
    /// threads block all signals but those of libc, and have ended when the call returns
    pub threads: c_uint,
    /// how often busy pages are retried
    pub retries: c_uint,
    /// target for the longest call of move_pages(2) in microseconds; 0: none. The number of pages
    /// per call adapts to the duration of previous calls, down to one page, which may be a huge
    /// page. A page that is being moved is inaccessible, so that a thread that touches it waits for
    /// the call at most. Only the CPU time of a call counts: before it moves pages, it sleeps until
    /// other CPUs have run, and no page is inaccessible meanwhile
    pub max_pause_us: c_uint,
    /// milliseconds after which the move ends with ETIMEDOUT; 0: none. Checked, as cancel, before
    /// each call that moves pages
    pub timeout_ms: c_uint,
    /// 0
    pub reserved: c_uint,
    /// address of an int or a volatile sig_atomic_t that another thread, a signal handler or the
    /// callback sets to another value than 0 to end the move with ECANCELED; NULL: none
    pub cancel: *const volatile_int,
    /// bytes that are moved per second at most, on average from the start to the beginning of any
    /// call of the kernel; 0: unlimited. A huge page of a list counts with its size; before Linux
    /// 6.7, the sizes of pages of a list are estimated as for the callback
    pub max_bytes_per_second: u64,
    /// progress callback, or NULL
    pub progress: numars_move_progress,
    /// passed to progress
    pub progress_arg: *mut c_void,
    /// receives the pages that were moved to each node, as moved counts them; NULL: not wanted.
    /// The elements are first set to 0. They are accurate when the move ends, also if it fails; the
    /// callback sees those of earlier batches
    pub moved_per_node: *mut c_ulong,
    /// number of elements of moved_per_node; pages that move to other nodes are not counted there
    pub n_nodes: usize,
}

assert_no_padding!(numars_move_stats: size requested moved in_place absent unmapped shared busy no_memory failed retried kernel_calls
    elapsed_ns longest_call_ns);
assert_no_padding!(numars_move_options: size flags threads retries max_pause_us timeout_ms reserved cancel max_bytes_per_second progress
    progress_arg moved_per_node n_nodes);

// SAFETY: integers, without padding.
unsafe impl SizedStruct for numars_move_stats {
    const MIN_SIZE: usize = if usize::BITS == 64 { 112 } else { 64 };
}

// SAFETY: integers, pointers and a function pointer, which are used as the program documents them, without padding.
unsafe impl SizedStruct for numars_move_options {
    const MIN_SIZE: usize = if usize::BITS == 64 { 80 } else { 56 };
}

const _: () = assert!(size_of::<numars_move_stats>() == numars_move_stats::MIN_SIZE);
const _: () = assert!(size_of::<numars_move_options>() == numars_move_options::MIN_SIZE);

const DEFAULT_OPTIONS: numars_move_options = numars_move_options {
    size: size_of::<numars_move_options>(),
    flags: super::numaif::MPOL_MF_MOVE,
    threads: 1,
    retries: migrate::DEFAULT_RETRIES,
    max_pause_us: 0,
    timeout_ms: 0,
    reserved: 0,
    cancel: null(),
    max_bytes_per_second: 0,
    progress: None,
    progress_arg: null_mut(),
    moved_per_node: null_mut(),
    n_nodes: 0,
};

impl From<&MoveStats> for numars_move_stats {
    fn from(stats: &MoveStats) -> Self {
        Self {
            size: size_of::<Self>(),
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
            elapsed_ns: nanoseconds(stats.elapsed()),
            longest_call_ns: nanoseconds(stats.longest_call()),
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_secs().wrapping_mul(1_000_000_000).wrapping_add(duration.subsec_nanos().into())
}

impl numars_move_options {
    /// Returns the options for the move, or EINVAL.
    ///
    /// # Safety
    /// The pointers are NULL or valid as documented, as long as the result is used.
    unsafe fn checked<'a>(&self) -> Result<MoveOptions<'a>, c_int> {
        if self.reserved != 0 || !self.cancel.is_aligned() || !self.moved_per_node.is_aligned() {
            return Err(errno::EINVAL);
        }
        let moved_per_node: &[Cell<usize>] = if self.moved_per_node.is_null() {
            &[]
        } else {
            // SAFETY: as the caller promises; an unsigned long is a usize.
            unsafe { slice::from_raw_parts(self.moved_per_node.cast(), self.n_nodes) }
        };
        moved_per_node.iter().for_each(|count| count.set(0));
        let cancel = self.cancel.cast_mut();
        Ok(MoveOptions {
            flags: self.flags,
            threads: self.threads as usize,
            retries: self.retries,
            max_pause: (self.max_pause_us > 0).then(|| Duration::from_micros(self.max_pause_us.into())),
            max_bytes_per_second: self.max_bytes_per_second,
            timeout: (self.timeout_ms > 0).then(|| Duration::from_millis(self.timeout_ms.into())),
            // SAFETY: as the caller promises; it is aligned.
            cancel: (!cancel.is_null()).then(|| unsafe { CancelFlag::NotZero(AtomicI32::from_ptr(cancel)) }),
            moved_per_node,
        })
    }
}

/// Calls `work` with what `options` say, and writes the statistics.
///
/// # Safety
/// `options` and `stats` are NULL or valid.
#[inline(never)]
pub(crate) unsafe fn move_with(
    call: Call,
    options: *const numars_move_options,
    stats: *mut numars_move_stats,
    work: &mut dyn FnMut(MoveOptions, Progress) -> MoveReport,
) -> c_long {
    // SAFETY: as the caller promises.
    let report = unsafe {
        match Output::new(stats) {
            Err(error) => MoveReport::failed(Errno::from_raw(error)),
            Ok(output) => {
                let checked =
                    sized::read(options, DEFAULT_OPTIONS).and_then(|options| Ok((options.checked()?, options)));
                let report = match checked {
                    Err(error) => MoveReport::failed(Errno::from_raw(error)),
                    Ok((move_options, options)) => {
                        let mut report = options.progress.map(|progress| {
                            move |stats: &MoveStats| progress(&stats.into(), options.progress_arg) == 0
                        });
                        work(move_options, report.as_mut().map(|report| report as &mut dyn FnMut(&MoveStats) -> bool))
                    }
                };
                output.write(&numars_move_stats::from(&report.stats));
                report
            }
        }
    };
    let unmoved = count_or_errno(report.result);
    call.returns_pages(unmoved, PageOutcome::Stats(&report.stats));
    unmoved
}

/// Move single pages of a process to nodes, or query the nodes they are on, with statistics.
///
/// The kernel is first asked where the pages are. Those that have to move are moved in batches, one
/// for each target; busy pages are retried, and unmovable pages do not end the call. If a page is
/// named more than once, it ends on the last target.
///
/// @param pid      the process; 0: the calling process
/// @param count    the number of entries of pages, nodes and status
/// @param pages    an address in each page
/// @param nodes    the target node of each page; NULL: query only
/// @param status   receives for each page the node that it is on, or a negative errno: see the
///                 fields of struct numars_move_stats; NULL: not wanted
/// @param options  options; NULL: NUMARS_MOVE_OPTIONS_INIT
/// @param stats    receives the statistics in entries; NULL: not wanted
/// @return the number of entries whose page is present and not on its target, 0 on full success; -1
///         with errno: EACCES (a node outside the process's cpuset), ECANCELED (progress or cancel
///         ended the move), E2BIG (options or stats with unknown bytes that are not 0, or larger
///         than 4096 bytes), EFAULT (an array is not mapped), EINVAL (unknown flags; options or
///         stats are too small; reserved is not 0; cancel or moved_per_node is not aligned; a
///         kernel thread), ENODEV (no such node, or one without memory), ENOMEM (a target is full;
///         no scratch memory), EPERM (another user's process; MPOL_MF_MOVE_ALL without
///         CAP_SYS_NICE), ESRCH (no such process), ETIMEDOUT (timeout_ms is over). Statuses and
///         statistics are correct then too, as far as the arrays are mapped. After ECANCELED and
///         ETIMEDOUT, statuses of entries that were not looked at are not written, and a page that
///         several entries name may have moved on after the status of the first one was written
///
/// Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe with
/// one thread; with more, pthread_create(3) is called.
///
/// Follows move_pages(2), except as stated above.
///
/// # Safety
/// pages, nodes and status are NULL or have count entries that may be read, and written in status.
/// options is NULL or points to as many bytes as its size says, and what it points to is valid; stats
/// is NULL or points to as many bytes as its size says. The progress callback returns, and is called
/// with progress_arg.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_move_pages(
    pid: pid_t,
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
    let mut work = |options: MoveOptions, progress: Progress| migrate::move_list(pid, request, options, progress);
    call!(let call = numars_move_pages(
        pid = int(pid),
        count = size(count as usize),
        pages = address(pages.cast()),
        nodes = address(nodes.cast()),
        status = address(status.cast()),
        options = address(options.cast()),
        stats = address(stats.cast())
    ));
    // SAFETY: as the caller promises.
    unsafe { move_with(call, options, stats, &mut work) }
}

/// Move the pages of a range of memory to one node.
///
/// Every page that the range touches is moved as a whole. Unmapped parts, and pages that were never
/// touched, are skipped.
///
/// @param pid      the process; 0: the calling process
/// @param start    the first byte, anywhere in its page
/// @param length   bytes, up to the whole address space; 0: nothing is moved
/// @param node     the target node
/// @param options  options; NULL: NUMARS_MOVE_OPTIONS_INIT
/// @param stats    receives the statistics in base pages; NULL: not wanted
/// @return the number of base pages that are present and not on the node, 0 on full success; -1
///         with errno as numars_move_pages(), and: EINVAL (the range exceeds the address space),
///         ENOENT (more than 64 GiB, and /proc cannot be read or does not show the process), ESRCH
///         (the process ended, or, if its /proc/PID/maps can be read, executed another program), or
///         that of read(2) if /proc/PID/maps can be read only in part
///
/// Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe with
/// one thread; with more, pthread_create(3) is called.
///
/// # Safety
/// options is NULL or points to as many bytes as its size says, and what it points to is valid; stats
/// is NULL or points to as many bytes as its size says. The progress callback returns, and is called
/// with progress_arg.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_move_range(
    pid: pid_t,
    start: *mut c_void,
    length: usize,
    node: c_int,
    options: *const numars_move_options,
    stats: *mut numars_move_stats,
) -> c_long {
    let mut work = move |options: MoveOptions, progress: Progress| {
        migrate::move_range(pid, start as usize, length, node, options, progress)
    };
    call!(let call = numars_move_range(
        pid = int(pid),
        start = address(start),
        length = size(length),
        node = int(node),
        options = address(options.cast()),
        stats = address(stats.cast())
    ));
    // SAFETY: as the caller promises.
    unsafe { move_with(call, options, stats, &mut work) }
}

/// Move the pages of a process from some nodes to others, like migrate_pages(2), with progress and
/// statistics.
///
/// Pages of the i-th node of from move to the i-th node of to; if to has fewer nodes, these are
/// used again from the first on. If the numbers of nodes differ, pages on nodes that are in both
/// masks stay. The process may continue meanwhile, map and unmap memory, fork, execute another
/// program, whose pages are moved then, and end.
///
/// @param pid      the process; 0: the calling process
/// @param from     the nodes to empty; NULL: the empty mask
/// @param to       the nodes to move to
/// @param options  options; NULL: NUMARS_MOVE_OPTIONS_INIT
/// @param stats    receives the statistics in base pages that were on nodes of from; NULL: not
///                 wanted
/// @return the number of base pages that should have moved and are still on nodes of from, 0 on
///         full success; -1 with errno as numars_move_pages(), and: EINVAL (to is empty), ENOENT
///         (/proc cannot be read or does not show the process), EOVERFLOW (a process with addresses
///         that this 32-bit program cannot hold), ESRCH only if there is no such process or it
///         ended before any page on nodes of from was looked at, EAGAIN (it executed another
///         program 16 times), or that of read(2) if /proc/PID/maps can be read only in part
///
/// Acts on the whole process, whose threads share the memory. Thread-safe. Async-signal-safe with
/// one thread; with more, pthread_create(3) is called.
///
/// Follows migrate_pages(2), except as stated above.
///
/// # Safety
/// from and to are NULL or valid: maskp is NULL or points to size bits, which no other thread
/// changes during the call. options is NULL or points to as many bytes as its size says, and what it
/// points to is valid; stats is NULL or points to as many bytes as its size says. The progress
/// callback returns, and is called with progress_arg.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_move_process(
    pid: pid_t,
    from: *const bitmask,
    to: *const bitmask,
    options: *const numars_move_options,
    stats: *mut numars_move_stats,
) -> c_long {
    // SAFETY: as the caller promises.
    let (from, to) = unsafe { (read(from), read(to)) };
    let mut work = |options: MoveOptions, progress: Progress| migrate::move_process(pid, from, to, options, progress);
    call!(let call = numars_move_process(
        pid = int(pid),
        from = set(&from),
        to = set(&to),
        options = address(options.cast()),
        stats = address(stats.cast())
    ));
    // SAFETY: as the caller promises.
    unsafe { move_with(call, options, stats, &mut work) }
}

/// Count the base pages of a range of memory by the node they are on.
///
/// @param pid       the process; 0: the calling process
/// @param start     the first byte, anywhere in its page
/// @param length    bytes, up to the whole address space
/// @param per_node  receives the number of base pages on each node; NULL: not wanted
/// @param n_nodes   the number of elements of per_node; pages on other nodes count only in the
///                  result
/// @return the number of base pages that are present; -1 with errno: EINVAL (the range exceeds the
///         address space), ENOENT (more than 64 GiB, and /proc cannot be read or does not show the
///         process), ENOMEM (no scratch memory), EPERM (another user's process), ESRCH (no such
///         process; it ended, or, if its /proc/PID/maps can be read, executed another program), or
///         that of read(2) if /proc/PID/maps can be read only in part
///
/// Counts the memory of the whole process. Thread-safe. Async-signal-safe.
///
/// # Safety
/// per_node is NULL or has n_nodes elements that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numars_count_pages(
    pid: pid_t,
    start: *const c_void,
    length: usize,
    per_node: *mut c_ulong,
    n_nodes: usize,
) -> c_long {
    let per_node: &mut [c_ulong] = if per_node.is_null() {
        &mut []
    } else {
        // SAFETY: as the caller promises.
        unsafe { slice::from_raw_parts_mut(per_node, n_nodes) }
    };
    per_node.fill(0);
    count_or_errno(migrate::count_pages(pid, start as usize, length, &mut |node, pages| {
        if let Some(count) = per_node.get_mut(node) {
            *count += pages as c_ulong;
        }
    }))
}

//! Page migration: moves the pages of a list, of an address range or of a whole process to other nodes.
//!
//! [`move_pages`] implements numa_move_pages(3). A query, and a request of at most 64 entries (32-bit: 16) whose statuses are final, are one call of
//! move_pages(2) and at most a few requeries (`fast_path`). A longer request is passed to the kernel as it is if it has one target node and no
//! page, or every page, seems to be there (`pass_through`), and otherwise sorted by target node and address (`regroup`, `address_order`). A
//! request of which a page stays or is absent, that names a page twice, or that has several target nodes and exceeds a batch, and each call of
//! [`move_list`], [`move_range`] and [`move_process`], goes to the mover (`mover`), which works in batches of bounded memory:
//!
//! 1. `list` copies the next entries of a request into a batch (`request`, `batch`); `range` fills a batch with the present pages of an
//!    address range, which `page_walk` reads from /proc/PID/pagemap.
//! 2. `locate` queries the current node of every page.
//! 3. `batch_migration` migrates the batch: `plan` selects the entries that have to move and groups them by target node, `workers` submits
//!    them in chunks, from one or more threads, and continues past unmovable pages.
//! 4. `plan` evaluates the kernel's statuses, pages that may move at a further attempt are submitted again, and `stats` counts the outcomes.
//!
//! `meter` counts and times the system calls, adapts the size of chunks to their duration, and keeps the limits of the caller.
//!
//! `targets` is the interface between a range and what decides the target node of each page: one node, a `node_map`, a `placement` over several
//! nodes, or the next memory tier (`tier_targets`).
//!
//! An entry has a state (`status`) while its batch is in work, and an outcome (`outcome`) afterwards. `plan`, `node_map`, `status`, `outcome`
//! and `stats` make no system calls; the tests run the mover on a model of the kernel (`model`). `ops` is the interface between the mover and
//! the kernel, and `target` implements it for a process; `process`, `page_state`, `page_sizes`, `page_walk`, `vma` and `tagged` read the
//! files of that process in /proc.
//!
//! References: move_pages(2), migrate_pages(2), Documentation/mm/page_migration.rst in the kernel sources.

mod address_order;
mod batch;
mod batch_migration;
mod fast_path;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
#[cfg(test)]
mod limit_tests;
mod list;
mod locate;
mod meter;
#[cfg(any(test, fuzzing))]
mod model;
mod mover;
pub mod node_map;
mod ops;
mod outcome;
mod page_sizes;
mod page_state;
mod page_walk;
mod pass_through;
mod placement;
#[cfg(test)]
mod placement_tests;
mod plan;
mod process;
mod range;
mod regroup;
mod request;
mod stats;
mod status;
mod status_text;
mod tagged;
mod tally;
mod target;
mod targets;
#[cfg(test)]
mod tests;
mod tier_targets;
mod vma;
mod workers;

pub use crate::sys::move_request::MoveRequest;
pub use meter::CancelFlag;
pub use mover::{DEFAULT_RETRIES, MoveOptions, Progress};
pub use placement::{PlacementMode, PlacementRequest};
pub(crate) use process::{has_pagemap_scan, pid_of_descriptor};
pub use stats::MoveStats;
pub use status_text::status_text;
pub use tier_targets::TierMove;

use crate::bitmask::Bits;
use crate::nodeset::MAX_NUMNODES;
use crate::sys::errno::{self, Errno};
use crate::sys::kernel::{self, Checked};
use crate::sys::{memory, threads};
use crate::topology::KernelTopology;
use fast_path::{confirm_query, submit_and_check, try_fast_path};
use mover::Mover;
use node_map::NodeMap;
use ops::MovePagesOps;
use pass_through::pass_through;
use placement::PlacementTargets;
use target::{TargetPid, max_query};
use targets::PageTargets;
use tier_targets::TierTargets;

/// MPOL_MF_MOVE of move_pages(2): do not move pages that are mapped more than once.
pub const MF_MOVE: i32 = 1 << 1;

/// MPOL_MF_MOVE_ALL of move_pages(2): move pages that are mapped more than once too, which requires CAP_SYS_NICE.
pub const MF_MOVE_ALL: i32 = 1 << 2;

/// The result of [`move_list`], [`move_range`] or [`move_process`].
pub struct MoveReport {
    /// The number of pages that are present and not on their target nodes, or the errno of the call.
    pub result: Result<usize, Errno>,
    /// The statistics, which are valid after an error too.
    pub stats: MoveStats,
}

impl MoveReport {
    /// Returns the report of a call that failed before it did anything.
    ///
    /// ```
    /// use numars::for_c::migrate::MoveReport;
    /// use numars::for_c::sys::errno::EINVAL;
    /// use numars::Errno;
    /// assert_eq!(MoveReport::failed(Errno::EINVAL).stats.requested(), 0);
    /// ```
    pub fn failed(error: Errno) -> Self {
        MoveReport { result: Err(error), stats: MoveStats::default() }
    }
}

/// Moves the pages of a list to their target nodes, or queries the nodes they are on, as numa_move_pages(3) does.
///
/// `pid` is the process (0: the calling one), `flags` is [`MF_MOVE`] (also if 0) or [`MF_MOVE_ALL`]; a query may pass 0. Returns the
/// number of pages that the kernel tried to move and could not, and the statistics if the mover processed the whole request: `None` if it was
/// empty, done on the fast path, or passed to the kernel unmodified, or a part of it.
///
/// # Errors
/// Those of move_pages(2). After ENOMEM (a target node is full) the statuses are valid all the same.
///
/// Any thread may call this at any time. errno is preserved.
///
/// ```
/// use numars::for_c::migrate::{MoveRequest, move_pages};
/// let value = 7;
/// let (pages, mut status) = ([&raw const value as usize], [0]);
/// match move_pages(0, MoveRequest::query(&pages, &mut status), 0) {
///     (Ok(_), _) => println!("node {}", status[0]),
///     (Err(error), _) => println!("no move_pages(2) here: errno {}", error.raw()),
/// }
/// ```
pub fn move_pages(pid: i32, request: MoveRequest, flags: i32) -> (Result<usize, Errno>, Option<MoveStats>) {
    let is_single_query = request.is_query() && request.count() <= max_query();
    errno::preserve_errno(|| {
        if request.count() == 0 {
            return (move_pages_raw(pid, request, flags), None);
        }
        if is_single_query {
            let result = submit_and_check(pid, request, flags);
            if result == Ok(Checked::Incomplete(0)) {
                confirm_query(&TargetPid::new(pid), request, flags);
            }
            return (result.map(Checked::unmoved), None);
        }
        if request.count() == 1 {
            // No other entry can change the outcome of this one.
            match submit_and_check(pid, request, flags) {
                Ok(Checked::AllOnNodes) => return (Ok(0), None),
                Err(error) if error != Errno(errno::ENOMEM) => return (Err(error), None),
                // A further attempt may succeed.
                _ => {}
            }
        }
        let process = TargetPid::new(pid);
        if let Some(result) = try_fast_path(&process, request, flags) {
            return (result.map(|()| 0).map_err(Errno), None);
        }
        let done = pass_through(&process, request, flags);
        if done == request.count() {
            return (Ok(0), None);
        }
        let rest = request.skip(done);
        let mut mover = Mover::untimed(process, flags, DEFAULT_RETRIES);
        match mover.move_list(rest) {
            Ok(()) => (mover.result(mover.stuck()), (done == 0).then(|| mover.stats())),
            // There is no scratch memory, or the arrays cannot be copied.
            Err(_) => (submit_in_parts(pid, rest, flags), None),
        }
    })
}

/// Submits a request unmodified, a query in as many calls as it needs.
fn submit_in_parts(pid: i32, mut request: MoveRequest, flags: i32) -> Result<usize, Errno> {
    while request.is_query() && request.count() > max_query() {
        move_pages_raw(pid, request.truncate(max_query()), flags)?;
        request = request.skip(max_query());
    }
    move_pages_raw(pid, request, flags)
}

/// Submits a request to move_pages(2) unmodified. Returns the number of pages that could not be moved.
///
/// # Errors
/// Those of move_pages(2), which are in errno too.
///
/// ```
/// use numars::for_c::migrate::{MoveRequest, move_pages_raw};
/// // Without entries, only `pid` and `flags` are checked.
/// assert!(move_pages_raw(0, MoveRequest::PROBE, -1).is_err());
/// ```
pub fn move_pages_raw(pid: i32, request: MoveRequest, flags: i32) -> Result<usize, Errno> {
    kernel::move_pages(pid, &request, flags)
}

/// Moves the pages of a list in batches, and continues past unmovable pages.
///
/// `pid` is the process (0: the calling one). The result counts the entries whose page is present and not on the entry's target node. Of
/// several entries that name one page, the last one determines its node. The thread that calls this also calls `progress`.
///
/// # Errors
/// As numars_move_pages(3): ECANCELED if `progress` returned false or [`MoveOptions::cancel`] is set, ETIMEDOUT if the time is up, EFAULT if an array cannot be read or written, ENODEV or EACCES for a
/// target node without memory or outside the process's cpuset, ENOMEM if a target node is full or there is no scratch memory, EINVAL for
/// unknown flags or a kernel thread, EPERM, ESRCH.
///
/// Any thread may call this; it cannot be cancelled (pthread_cancel(3)) meanwhile. errno is preserved.
///
/// ```
/// use numars::for_c::migrate::{MoveOptions, MoveRequest, move_list};
/// let value = 7;
/// let (pages, nodes, mut status) = ([&raw const value as usize], [0], [0]);
/// let request = MoveRequest::new(&pages, &nodes, &mut status);
/// let report = move_list(0, request, MoveOptions::default(), Some(&mut |stats| {
///     println!("{} pages moved", stats.moved());
///     true
/// }));
/// match report.result {
///     Ok(unmoved) => assert_eq!((unmoved, report.stats.requested()), (usize::from(status[0] != 0), 1)),
///     Err(error) => println!("errno {}", error.raw()),
/// }
/// ```
pub fn move_list(pid: i32, request: MoveRequest, options: MoveOptions, progress: Progress) -> MoveReport {
    run_mover(TargetPid::new(pid), options, progress, &mut |mover| mover.move_list(request))
}

/// Moves all present pages that overlap `length` bytes at the address `start` to `node`.
///
/// `pid` is the process (0: the calling one). The result and the statistics count base pages. A huge page that the kernel splits is moved
/// base page by base page.
///
/// # Errors
/// Those of [`move_list`], and EINVAL if the range exceeds the address space, ENOENT if it is larger than 64 GiB and /proc does not show the
/// process, ESRCH if the process ends or executes another program meanwhile, or the errno of a failed read(2) of /proc/PID/maps.
///
/// Any thread may call this; it cannot be cancelled meanwhile. errno is preserved.
///
/// ```
/// use numars::for_c::migrate::{MoveOptions, move_range};
/// let memory = vec![1u8; 1 << 16];
/// let options = MoveOptions { threads: 0, ..MoveOptions::default() };
/// let report = move_range(0, memory.as_ptr() as usize, memory.len(), 0, options, None);
/// match report.result {
///     Ok(unmoved) => println!("{} pages moved, {unmoved} not", report.stats.moved()),
///     Err(error) => println!("errno {}", error.raw()),
/// }
/// ```
pub fn move_range(
    pid: i32,
    start: usize,
    length: usize,
    node: i32,
    options: MoveOptions,
    progress: Progress,
) -> MoveReport {
    run_mover(TargetPid::identify(pid), options, progress, &mut |mover| {
        if mover.can_target(node) {
            mover.move_range(start, length, false, &mut PageTargets::OneNode(node))?;
            mover.finish();
        }
        Ok(())
    })
}

/// Moves the pages of a process from the nodes of `from` to the nodes of `to`, as `NodeMap` maps them.
///
/// `pid` is the process (0: the calling one). The result counts the base pages that remain on nodes of `from` and should have moved; the
/// statistics count base pages that were on nodes of `from`. If the process executes another program meanwhile, the pages of that program are
/// moved too.
///
/// # Errors
/// Those of [`move_list`], and EINVAL if `to` is empty, ENOENT if /proc does not show the process, ESRCH if the process ended before any page
/// was located, EAGAIN if it keeps executing other programs, EOVERFLOW if a 32-bit caller cannot address all its memory,
/// and the errno of reading /proc/PID/maps.
///
/// Any thread may call this; it cannot be cancelled meanwhile. errno is preserved.
///
/// ```
/// use numars::for_c::migrate::{MoveOptions, move_process};
/// use numars::for_c::nodeset::NodeMask;
/// let (from, to) = (NodeMask::new(), NodeMask::new());
/// from.bits().set(0);
/// // There are no nodes to move to.
/// let report = move_process(0, from.bits().as_bits(), to.bits().as_bits(), MoveOptions::default(), None);
/// assert_eq!(report.result.unwrap_err().raw(), 22);
/// ```
pub fn move_process(pid: i32, from: Bits, to: Bits, options: MoveOptions, progress: Progress) -> MoveReport {
    run_mover(TargetPid::identify(pid), options, progress, &mut |mover| {
        if to.is_empty() {
            return Err(errno::EINVAL);
        }
        if !to.iter().all(|node| mover.can_target(i32::try_from(node).unwrap_or(i32::MAX))) {
            return Ok(());
        }
        // Filled in place, because the stack may be small.
        let mut map = NodeMap::EMPTY;
        map.map(from, to);
        mover.move_range(0, address_space(), true, &mut PageTargets::Map(&map))?;
        mover.finish();
        if mover.any_requested() {
            mover.clear_error(errno::ESRCH);
        }
        Ok(())
    })
}

/// Places all present pages that overlap `length` bytes at the address `start` on several nodes.
///
/// `pid` is the process (0: the calling one). The result counts the base pages that are present and not where the placement puts them, as the
/// statistics do; pages that are in place stay. Parts of a huge page stay together.
///
/// # Errors
/// Those of [`move_range`], and EINVAL if the placement has no nodes, weights that its mode does not take or that are 0, or sets the policy of
/// another process; ENODATA if the weights are the kernel's and it has none. With [`PlacementMode::Pack`], ENOMEM means that all nodes are full,
/// with the other modes that one is. Those of mbind(2) if the policy cannot be set; nothing has moved then.
///
/// Any thread may call this; it cannot be cancelled meanwhile. errno is preserved.
///
/// ```
/// use numars::for_c::migrate::{MoveOptions, PlacementRequest, PlacementMode, place_range};
/// use numars::for_c::nodeset::NodeMask;
/// let memory = vec![1u8; 1 << 16];
/// let nodes = NodeMask::new();
/// nodes.bits().set(0);
/// let placement = PlacementRequest {
///     mode: PlacementMode::Interleave,
///     nodes: nodes.bits().as_bits(),
///     weights: None,
///     set_policy: false,
/// };
/// let (start, length) = (memory.as_ptr() as usize, memory.len());
/// match place_range(0, start, length, placement, MoveOptions::default(), None).result {
///     Ok(unmoved) => println!("{unmoved} pages are elsewhere"),
///     Err(error) => println!("errno {}", error.raw()),
/// }
/// ```
pub fn place_range(
    pid: i32,
    start: usize,
    length: usize,
    placement: PlacementRequest,
    options: MoveOptions,
    progress: Progress,
) -> MoveReport {
    place(pid, (start, length), false, placement, options, progress)
}

/// Places all pages of a process on several nodes, as [`place_range`] does with those of a range. If the process executes another program
/// meanwhile, the pages of that program are placed. The policy is set for memory without a file, because that of a file in memory (tmpfs)
/// applies to all processes that map it.
///
/// # Errors
/// Those of [`place_range`] and [`move_process`].
///
/// Any thread may call this; it cannot be cancelled meanwhile. errno is preserved.
///
/// ```
/// use numars::for_c::migrate::{MoveOptions, PlacementRequest, PlacementMode, place_process};
/// use numars::for_c::nodeset::NodeMask;
/// // There are no nodes.
/// let nodes = NodeMask::new();
/// let placement =
///     PlacementRequest { mode: PlacementMode::Balance, nodes: nodes.bits().as_bits(), weights: None, set_policy: false };
/// let report = place_process(0, placement, MoveOptions::default(), None);
/// assert_eq!(report.result.unwrap_err().raw(), 22);
/// ```
pub fn place_process(pid: i32, placement: PlacementRequest, options: MoveOptions, progress: Progress) -> MoveReport {
    place(pid, (0, address_space()), true, placement, options, progress)
}

/// Returns the length of the whole address space, of which the last page is never mapped.
fn address_space() -> usize {
    usize::MAX - (memory::page_size() - 1)
}

/// Places the pages of a range or, with `is_process`, of a process.
fn place(
    pid: i32,
    (start, length): (usize, usize),
    is_process: bool,
    placement: PlacementRequest,
    options: MoveOptions,
    progress: Progress,
) -> MoveReport {
    run_mover(TargetPid::identify(pid), options, progress, &mut |mover| {
        placement.check()?;
        if !placement.nodes.iter().all(|node| mover.can_target(i32::try_from(node).unwrap_or(i32::MAX))) {
            return Ok(());
        }
        let mut scratch = mover.scratch_for_range(length, PlacementTargets::BYTES)?;
        let (mut memory, mut arena) = mover.carve_range(&mut scratch);
        let targets = PlacementTargets::new(&placement, &mut arena)?;
        // The policy is set only if the pages can be placed, too.
        start.checked_add(length.saturating_sub(1)).ok_or(errno::EINVAL)?;
        if mover.check_limits() {
            return Ok(());
        }
        if placement.set_policy {
            mover.kernel.set_policy(start, length, placement.policy(), placement.nodes, is_process)?;
        }
        mover.move_range_in(&mut memory, start, length, is_process, &mut PageTargets::Placement(targets))?;
        mover.finish();
        if is_process && mover.any_requested() {
            mover.clear_error(errno::ESRCH);
        }
        Ok(())
    })
}

/// Moves all present pages that overlap `length` bytes at the address `start` to the next slower or faster memory tier: each to the nearest node
/// there, or if that is full, to the next one. Pages of the last tier in that direction are in place.
///
/// `pid` is the process (0: the calling one). The result and the statistics count base pages.
///
/// # Errors
/// Those of [`move_range`], and ENODATA if the kernel lists fewer than two tiers. ENOMEM means that all nodes of the tier are full.
///
/// Any thread may call this; it cannot be cancelled meanwhile. errno is preserved.
///
/// ```
/// use numars::for_c::migrate::{MoveOptions, move_to_tier};
/// use numars::TierMove;
/// let memory = vec![1u8; 1 << 16];
/// let (start, length) = (memory.as_ptr() as usize, memory.len());
/// let report = move_to_tier(0, start, length, TierMove::Demote, MoveOptions::default(), None);
/// match report.result {
///     Ok(unmoved) => println!("{} pages are in slower memory, {unmoved} stay", report.stats.moved()),
///     Err(error) => println!("errno {}", error.raw()),
/// }
/// ```
pub fn move_to_tier(
    pid: i32,
    start: usize,
    length: usize,
    direction: TierMove,
    options: MoveOptions,
    progress: Progress,
) -> MoveReport {
    run_mover(TargetPid::identify(pid), options, progress, &mut |mover| {
        let topology = KernelTopology::current();
        let distance =
            |from: i32, to: i32| KernelTopology::current().distance(from as usize, to as usize).unwrap_or(u8::MAX);
        let mut scratch = mover.scratch_for_range(length, TierTargets::BYTES)?;
        let (mut memory, mut arena) = mover.carve_range(&mut scratch);
        let targets = TierTargets::new(direction, |each| topology.for_each_tier(each), distance, &mut arena)?;
        for node in 0..MAX_NUMNODES as i32 {
            if targets.has_node(node) && !mover.may_target(node)? {
                targets.exclude(node);
            }
        }
        mover.move_range_in(&mut memory, start, length, false, &mut PageTargets::Tier(targets))?;
        mover.finish();
        Ok(())
    })
}

/// Calls `each(node, base_pages)` for the present pages that overlap `length` bytes at the address `start`. Returns the number of base pages.
///
/// `pid` is the process (0: the calling one). `each` may be called several times for one node, whose numbers add up.
///
/// # Errors
/// As numars_move_pages(3): EINVAL if the range exceeds the address space, ENOENT if it is larger than 64 GiB and /proc does not show the
/// process, ESRCH if the process ends or executes another program meanwhile, ENOMEM, EPERM, or the errno of a failed read(2) of
/// /proc/PID/maps.
///
/// Any thread may call this at any time. errno is preserved.
///
/// ```
/// let memory = vec![1u8; 1 << 16];
/// let mut on_node_0 = 0;
/// let counted = numars::for_c::migrate::count_pages(0, memory.as_ptr() as usize, memory.len(), &mut |node, base_pages| {
///     on_node_0 += if node == 0 { base_pages } else { 0 };
/// });
/// match counted {
///     Ok(base_pages) => assert!(on_node_0 <= base_pages),
///     Err(error) => println!("errno {}", error.raw()),
/// }
/// ```
pub fn count_pages(pid: i32, start: usize, length: usize, each: &mut dyn FnMut(usize, usize)) -> Result<usize, Errno> {
    errno::preserve_errno(|| {
        let mut mover = Mover::untimed(TargetPid::identify(pid), 0, 0);
        let mut present = 0;
        let counted = mover.count_range(start, length, &mut |node, pages| {
            present += pages;
            each(node, pages);
        });
        counted.map_err(Errno).and_then(|()| mover.result(present))
    })
}

/// Runs `work` on a mover and builds the report. The calling thread cannot be cancelled meanwhile.
fn run_mover(
    process: TargetPid,
    options: MoveOptions,
    progress: Progress,
    work: &mut dyn FnMut(&mut Mover<TargetPid>) -> Result<(), i32>,
) -> MoveReport {
    // A closure of this function, so that the options and the callback may have different lifetimes.
    let mut progress = progress.map(|progress| move |stats: &MoveStats| progress(stats));
    errno::preserve_errno(|| {
        let progress = progress.as_mut().map(|progress| progress as &mut dyn FnMut(&MoveStats) -> bool);
        let mut mover = Mover::new(process, options.limited_to_allowed_cpus(), progress);
        let done = threads::with_cancel_disabled(|| work(&mut mover));
        let result = done.map_err(Errno).and_then(|()| mover.result(mover.unmoved()));
        MoveReport { result, stats: mover.stats() }
    })
}

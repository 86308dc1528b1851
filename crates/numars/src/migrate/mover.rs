//! The mover: the options, statistics and error of one request, which `list`, `range`, `batch_migration` and `workers` share.

use super::batch;
use super::locate::Usage;
use super::meter::{CancelFlag, Limits, Meter};
use super::ops::MovePagesOps;
use super::outcome::PageOutcome;
use super::plan;
use super::stats::MoveStats;
use super::tally::Tally;
use crate::sys::errno::{self, Errno};
use crate::sys::memory::{self, Scratch};
use crate::sys::move_request::MoveRequest;
use crate::topology;
use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed};
use core::time::Duration;

/// Lower bound for the entries of a batch of a range, because the slices also receive the kernel's description of the range.
pub(super) const MIN_BATCH: usize = 512;

/// Upper bound for the bytes that are processed between two progress reports, as numars.h documents.
const REPORT_BYTES: usize = 64 << 20;

/// Upper bound for the base pages of a batch if calls have a target duration, because the page walk makes calls for a batch, too.
const MAX_PAUSE_PAGES: usize = 4096;

/// The default of [`MoveOptions::retries`], which numa_move_pages(3) uses.
///
/// ```
/// use numars::for_c::migrate::{DEFAULT_RETRIES, MoveOptions};
/// assert_eq!(MoveOptions::default().retries, DEFAULT_RETRIES);
/// ```
pub const DEFAULT_RETRIES: u32 = 3;

/// Options of a move.
///
/// ```
/// use core::time::Duration;
/// use numars::for_c::migrate::MoveOptions;
/// // Four threads; no call of the kernel should take longer than a millisecond.
/// let options = MoveOptions { threads: 4, max_pause: Some(Duration::from_millis(1)), ..MoveOptions::default() };
/// assert!(options.timeout.is_none());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MoveOptions<'a> {
    /// [`MF_MOVE`](super::MF_MOVE) (also if 0), or [`MF_MOVE_ALL`](super::MF_MOVE_ALL) to move pages that are mapped more than once too.
    pub flags: i32,
    /// The number of threads that move pages, including the calling one; 0: a default for this machine. Limited to the number of CPUs that
    /// the calling thread may run on.
    pub threads: usize,
    /// The number of further attempts to move a busy page.
    pub retries: u32,
    /// Target for the CPU time of the longest move_pages(2) call: the number of its pages adapts to the duration of previous calls, down to
    /// one page, which may be a huge page.
    pub max_pause: Option<Duration>,
    /// Upper bound for the bytes moved per second, from the start of the move to the beginning of any call; 0: none. Pages that the kernel tries to move
    /// and cannot count as well.
    pub max_bytes_per_second: u64,
    /// Time after which the move fails with ETIMEDOUT. It is checked before each call that moves pages.
    pub timeout: Option<Duration>,
    /// The move fails with ECANCELED if this is set before a call that moves pages.
    pub cancel: Option<CancelFlag<'a>>,
    /// The move adds the pages that it moves to the element of their target node, as [`MoveStats::moved`] counts them. Nodes without an element
    /// are not counted. The elements are accurate when the move ends.
    pub moved_per_node: &'a [Cell<usize>],
}

impl Default for MoveOptions<'_> {
    /// Returns the options of numa_move_pages(3): [`MF_MOVE`](super::MF_MOVE), one thread, [`DEFAULT_RETRIES`], no limits.
    fn default() -> Self {
        MoveOptions {
            flags: super::MF_MOVE,
            threads: 1,
            retries: DEFAULT_RETRIES,
            max_pause: None,
            max_bytes_per_second: 0,
            timeout: None,
            cancel: None,
            moved_per_node: &[],
        }
    }
}

impl<'a> MoveOptions<'a> {
    /// Returns the options with the actual number of threads.
    pub(super) fn limited_to_allowed_cpus(self) -> Self {
        self.limited_to_cpus(topology::count_allowed_cpus().max(1))
    }

    /// Returns the options with the number of threads for so many CPUs. By default these are half of the CPUs, so that the program whose
    /// memory moves keeps the others, and at most four: more do not copy memory faster.
    pub(super) fn limited_to_cpus(self, cpus: usize) -> Self {
        let threads = if self.threads == 0 { (cpus / 2).clamp(1, 4) } else { self.threads.min(cpus) };
        MoveOptions { threads, ..self }
    }

    fn limits(&self) -> Limits<'a> {
        Limits {
            max_pause: self.max_pause,
            max_bytes_per_second: self.max_bytes_per_second,
            timeout: self.timeout,
            cancel: self.cancel,
        }
    }
}

/// A progress callback, which receives the statistics so far and returns false to cancel the move; or `None`.
///
/// The thread that started the move calls it, at least every 64 MiB of pages and once at the end. If it returns false, the move fails with
/// ECANCELED, except that the result of the call at the end is ignored.
///
/// ```
/// use numars::for_c::migrate::Progress;
/// use numars::MoveStats;
/// let mut cancel_after_1000 = |stats: &MoveStats| stats.moved() < 1000;
/// let progress: Progress = Some(&mut cancel_after_1000);
/// assert!(progress.unwrap()(&MoveStats::default()));
/// ```
pub type Progress<'a> = Option<&'a mut dyn FnMut(&MoveStats) -> bool>;

/// One request in work.
pub struct Mover<'a, K> {
    pub(super) kernel: K,
    pub(super) options: MoveOptions<'a>,
    pub(super) progress: Progress<'a>,
    pub(super) tally: Tally,
    /// The errno that ended the move; 0: none.
    pub(super) error: i32,
    pub(super) usage: Usage<'a>,
    /// Set when the caller or a limit ends the move, or the kernel fails a submitted chunk. Other errors are only in `error`.
    pub(super) stop: AtomicBool,
    pub(super) page_bits: u32,
    /// The number of entries of a batch.
    pub(super) entries: usize,
}

impl<'a, K: MovePagesOps> Mover<'a, K> {
    /// Creates a mover for one request, whose calls are timed and limited.
    pub fn new(kernel: K, options: MoveOptions<'a>, progress: Progress<'a>) -> Self {
        let page_bits = memory::page_size().trailing_zeros();
        let meter = Meter::timed(&kernel, options.limits(), progress.is_some(), page_bits);
        Mover::with_meter(kernel, options, progress, meter)
    }

    /// Creates a mover for one request without limits.
    pub fn untimed(kernel: K, flags: i32, retries: u32) -> Self {
        Mover::with_meter(kernel, MoveOptions { flags, retries, ..MoveOptions::default() }, None, Meter::untimed())
    }

    #[inline(never)]
    fn with_meter(kernel: K, options: MoveOptions<'a>, progress: Progress<'a>, meter: Meter<'a>) -> Self {
        Mover {
            kernel,
            options,
            progress,
            tally: Tally::default(),
            error: 0,
            usage: Usage::new(meter),
            stop: AtomicBool::new(false),
            page_bits: memory::page_size().trailing_zeros(),
            entries: 0,
        }
    }

    /// Returns the statistics.
    #[inline(never)]
    pub fn stats(&self) -> MoveStats {
        self.tally.with_usage(&self.usage.meter, &self.kernel)
    }

    /// Counts pages as requested, and under the outcome of the entry, if it has one.
    pub(super) fn record(&mut self, outcome: Option<PageOutcome>, target: Option<i32>, pages: usize) {
        self.tally.record(outcome, pages);
        self.count_on_target(outcome, target, |count| count.wrapping_add(pages));
    }

    /// Reverts [`Mover::record`].
    pub(super) fn retract(&mut self, outcome: Option<PageOutcome>, target: Option<i32>, pages: usize) {
        self.tally.retract(outcome, pages);
        self.count_on_target(outcome, target, |count| count.saturating_sub(pages));
    }

    /// Counts a page under the outcome `new` instead of `old`.
    pub(super) fn replace(&mut self, old: PageOutcome, new: PageOutcome, target: Option<i32>) {
        self.tally.replace(old, new);
        self.count_on_target(Some(old), target, |count| count.saturating_sub(1));
        self.count_on_target(Some(new), target, |count| count.wrapping_add(1));
    }

    /// Changes the count of moved pages of a target node.
    fn count_on_target(&self, outcome: Option<PageOutcome>, target: Option<i32>, change: impl FnOnce(usize) -> usize) {
        let node = target.filter(|_| outcome == Some(PageOutcome::Moved));
        if let Some(count) = node.and_then(|node| self.options.moved_per_node.get(usize::try_from(node).ok()?)) {
            count.set(change(count.get()));
        }
    }

    /// Returns the errno of the request: the one that ended the move, otherwise the one that follows from the outcomes; 0: none.
    pub fn error(&self) -> i32 {
        if self.error == 0 { self.tally.error() } else { self.error }
    }

    /// Returns `count`, or the errno of the request.
    pub fn result(&self, count: usize) -> Result<usize, Errno> {
        match self.error() {
            0 => Ok(count),
            error => Err(Errno(error)),
        }
    }

    /// Returns the number of pages that are present and not on their target nodes.
    pub fn unmoved(&self) -> usize {
        self.tally.unmoved()
    }

    /// Returns the number of pages that the kernel tried to move and could not, as move_pages(2) counts them.
    pub fn stuck(&self) -> usize {
        self.tally.stuck()
    }

    /// Submits a request unmodified and records the error. Returns true on success.
    pub(super) fn submit(&mut self, request: MoveRequest) -> bool {
        let submitted = self.submit_raw(request);
        submitted.map_err(|error| self.record_error(error)).is_ok()
    }

    /// Submits a request unmodified.
    pub(super) fn submit_raw(&self, request: MoveRequest) -> Result<usize, i32> {
        let submit = || self.kernel.submit(request, self.options.flags);
        self.usage.meter.time_move(&self.kernel, submit, || 0)
    }

    /// Returns whether pages of the process may be moved to `node`. If not, records the error.
    pub fn can_target(&mut self, node: i32) -> bool {
        self.probe_target(node).map_err(|error| self.record_error(error)).is_ok()
    }

    /// Returns whether pages of the process may be moved to `node`: false if the node has no memory that it may use. Other errors are returned.
    pub fn may_target(&self, node: i32) -> Result<bool, i32> {
        match self.probe_target(node) {
            Err(errno::EACCES | errno::ENODEV) => Ok(false),
            probed => probed.map(|_| true),
        }
    }

    /// Submits a request to move a page that does not exist to `node`.
    fn probe_target(&self, node: i32) -> Result<usize, i32> {
        let status = [AtomicI32::new(0)];
        let probe = || self.kernel.move_pages(&[plan::NO_PAGE], &[node], &status, self.options.flags);
        self.usage.meter.time_move(&self.kernel, probe, || 0)
    }

    /// Returns whether any page counts as requested.
    pub fn any_requested(&self) -> bool {
        self.tally.requested() > 0
    }

    /// Clears the recorded error if it is `error`.
    pub fn clear_error(&mut self, error: i32) {
        if self.error == error {
            self.error = 0;
        }
    }

    /// Records an error, unless an earlier one is recorded.
    #[inline(never)]
    pub(super) fn record_error(&mut self, error: i32) {
        if self.error == 0 {
            self.error = error;
        }
    }

    /// Returns whether the caller or a limit has ended the move, or a submitted chunk has failed.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// Ends the move if the caller has cancelled it or its time is up. Returns whether it has ended.
    #[inline(never)]
    pub fn check_limits(&mut self) -> bool {
        if let Err(error) = self.usage.meter.check(&self.kernel) {
            self.stop_with(error);
        }
        self.is_stopped()
    }

    /// Ends the move with an error, which replaces an earlier one, because the move is incomplete.
    pub(super) fn stop_with(&mut self, error: i32) {
        if !self.stop.swap(true, Relaxed) {
            self.error = error;
        }
    }

    /// Returns the upper bound for the base pages of a batch: those that are processed between two progress reports or checks of the limits.
    pub(super) fn max_base_pages(&self) -> usize {
        let meter = &self.usage.meter;
        match (meter.limits_pauses(), meter.is_paced()) {
            (true, _) => MAX_PAUSE_PAGES,
            (false, true) => REPORT_BYTES >> self.page_bits,
            (false, false) => usize::MAX,
        }
    }

    /// Sets the number of entries of a batch to `entries` or to what may be processed between two progress reports, and allocates scratch
    /// memory for them and for `more` entries. Returns ENOMEM if there is none.
    #[inline(never)]
    pub(super) fn scratch(&mut self, entries: usize, more: usize) -> Result<Scratch, i32> {
        self.entries = entries.min(self.max_base_pages()).clamp(1, K::MAX_ENTRIES);
        Scratch::new((self.entries + more) * batch::BYTES_PER_ENTRY).ok_or(errno::ENOMEM)
    }

    /// Calls the progress callback. Stops the move if it returns false.
    #[inline(never)]
    pub(super) fn report_progress(&mut self) {
        let stats = self.stats();
        if self.progress.as_mut().is_some_and(|progress| !progress(&stats)) {
            self.stop_with(errno::ECANCELED);
        }
    }

    /// Calls the progress callback with the final statistics. Its return value is ignored.
    pub fn finish(&mut self) {
        let stats = self.stats();
        if let Some(progress) = &mut self.progress {
            progress(&stats);
        }
    }
}

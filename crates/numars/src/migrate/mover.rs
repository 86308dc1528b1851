//! The mover: the options, statistics and error of one request, which `list`, `range`, `batch_migration` and `workers` share.

use super::batch;
use super::locate::Usage;
use super::ops::MovePagesOps;
use super::plan;
use super::stats::MoveStats;
use crate::sys::errno::{self, Errno};
use crate::sys::memory::{self, Scratch};
use crate::sys::move_request::MoveRequest;
use crate::topology;
use core::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed};

/// Lower bound for the entries of a batch of a range, because the slices also receive the kernel's description of the range.
pub(super) const MIN_BATCH: usize = 512;

/// Upper bound for the bytes that are processed between two progress reports, as numars.h documents.
const REPORT_BYTES: usize = 64 << 20;

/// The default of [`MoveOptions::retries`], which numa_move_pages(3) uses.
///
/// ```
/// use numars::migrate::{DEFAULT_RETRIES, MF_MOVE, MoveOptions};
/// let options = MoveOptions { flags: MF_MOVE, threads: 0, retries: DEFAULT_RETRIES };
/// assert!(options.retries > 0);
/// ```
pub const DEFAULT_RETRIES: u32 = 3;

/// Options of a move.
///
/// ```
/// use numars::migrate::{DEFAULT_RETRIES, MF_MOVE, MoveOptions};
/// // Four threads; pages that are mapped more than once stay.
/// let options = MoveOptions { flags: MF_MOVE, threads: 4, retries: DEFAULT_RETRIES };
/// let without_retries = MoveOptions { retries: 0, ..options };
/// assert_ne!(options, without_retries);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveOptions {
    /// [`MF_MOVE`](super::MF_MOVE) (also if 0), or [`MF_MOVE_ALL`](super::MF_MOVE_ALL) to move pages that are mapped more than once too.
    pub flags: i32,
    /// The number of threads that move pages, including the calling one; 0: a default for this machine. Limited to the number of CPUs that
    /// the calling thread may run on.
    pub threads: usize,
    /// The number of further attempts to move a busy page.
    pub retries: u32,
}

impl MoveOptions {
    /// Returns the options with the actual number of threads.
    pub(super) fn limited_to_allowed_cpus(self) -> Self {
        // More threads do not copy memory faster.
        const DEFAULT_THREADS: usize = 4;
        let threads = if self.threads == 0 { DEFAULT_THREADS } else { self.threads };
        MoveOptions { threads: threads.min(topology::count_allowed_cpus().max(1)), ..self }
    }
}

/// A progress callback, which receives the statistics so far and returns false to cancel the move; or `None`.
///
/// The thread that started the move calls it, at least every 64 MiB of pages and once at the end. If it returns false, the move fails with
/// ECANCELED, except that the result of the call at the end is ignored.
///
/// ```
/// use numars::migrate::{MoveStats, Progress};
/// let mut cancel_after_1000 = |stats: &MoveStats| stats.moved() < 1000;
/// let progress: Progress = Some(&mut cancel_after_1000);
/// assert!(progress.unwrap()(&MoveStats::default()));
/// ```
pub type Progress<'a> = Option<&'a mut dyn FnMut(&MoveStats) -> bool>;

/// One request in work.
pub struct Mover<'a, K> {
    pub(super) kernel: K,
    pub(super) options: MoveOptions,
    pub(super) progress: Progress<'a>,
    pub(super) stats: MoveStats,
    /// The errno that ended the move; 0: none.
    pub(super) error: i32,
    pub(super) usage: Usage,
    /// Set when the callback cancels the move, or the kernel fails a submitted chunk. Other errors are only in `error`.
    pub(super) stop: AtomicBool,
    pub(super) page_bits: u32,
    /// The number of entries of a batch.
    pub(super) entries: usize,
}

impl<'a, K: MovePagesOps> Mover<'a, K> {
    /// Creates a mover for one request.
    #[inline(never)]
    pub fn new(kernel: K, options: MoveOptions, progress: Progress<'a>) -> Self {
        Mover {
            kernel,
            options,
            progress,
            stats: MoveStats::default(),
            error: 0,
            usage: Usage::new(),
            stop: AtomicBool::new(false),
            page_bits: memory::page_size().trailing_zeros(),
            entries: 0,
        }
    }

    /// Returns the statistics.
    #[inline(never)]
    pub fn stats(&self) -> MoveStats {
        self.stats.with_kernel_calls(self.usage.kernel_calls.load(Relaxed))
    }

    /// Returns the errno of the request: the one that ended the move, otherwise the one that follows from the outcomes; 0: none.
    pub fn error(&self) -> i32 {
        if self.error == 0 { self.stats.error() } else { self.error }
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
        self.stats.unmoved()
    }

    /// Returns the number of pages that the kernel tried to move and could not, as move_pages(2) counts them.
    pub fn stuck(&self) -> usize {
        self.stats.stuck()
    }

    /// Submits a request unmodified and records the error. Returns true on success.
    pub(super) fn submit(&mut self, request: MoveRequest) -> bool {
        let submitted = self.submit_raw(request);
        submitted.map_err(|error| self.record_error(error)).is_ok()
    }

    /// Submits a request unmodified.
    pub(super) fn submit_raw(&self, request: MoveRequest) -> Result<usize, i32> {
        self.usage.kernel_calls.fetch_add(1, Relaxed);
        self.kernel.submit(request, self.options.flags)
    }

    /// Returns whether pages of the process may be moved to `node`. If not, records the error.
    pub fn can_target(&mut self, node: i32) -> bool {
        self.usage.kernel_calls.fetch_add(1, Relaxed);
        let moved = self.kernel.move_pages(&[plan::NO_PAGE], &[node], &[AtomicI32::new(0)], self.options.flags);
        moved.map_err(|error| self.record_error(error)).is_ok()
    }

    /// Returns whether any page counts as requested.
    pub fn any_requested(&self) -> bool {
        self.stats.requested() > 0
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

    /// Returns whether the callback has cancelled the move, or a submitted chunk has failed.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// Returns the upper bound for the base pages that are processed between two progress reports.
    pub(super) fn max_base_pages(&self) -> usize {
        if self.progress.is_some() { REPORT_BYTES >> self.page_bits } else { usize::MAX }
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
        if let Some(progress) = &mut self.progress
            && !progress(&stats)
            && !self.stop.swap(true, Relaxed)
        {
            // Replaces an earlier error, because the move is incomplete.
            self.error = errno::ECANCELED;
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

//! The statistics of a move, which also determine its return value and errno.

use super::meter::Meter;
use super::ops::MovePagesOps;
use super::outcome::PageOutcome;
use crate::sys::errno;
use core::time::Duration;

/// The statistics of a move.
///
/// Every page that was looked at counts as requested, and under one of the eight outcomes from `moved` to `failed` as soon as that is known. If
/// the callback or an error ends a move, the remaining pages of the batch count as requested only.
///
/// The move of a list counts entries; the move of a range or a process counts base pages.
///
/// ```
/// use numars::migrate::MoveStats;
/// let stats = MoveStats::default();
/// assert_eq!((stats.requested(), stats.moved(), stats.kernel_calls()), (0, 0, 0));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct MoveStats {
    requested: usize,
    outcomes: [usize; PageOutcome::ALL.len()],
    retried: usize,
    kernel_calls: usize,
    elapsed_ns: u64,
    longest_call_ns: u64,
}

impl MoveStats {
    /// Returns the number of pages that were looked at.
    pub fn requested(&self) -> usize {
        self.requested
    }

    /// Returns the number of pages that were on another node and are on their target nodes.
    pub fn moved(&self) -> usize {
        self.count(PageOutcome::Moved)
    }

    /// Returns the number of pages that were on their target nodes before, or have none.
    pub fn in_place(&self) -> usize {
        self.count(PageOutcome::InPlace)
    }

    /// Returns the number of absent pages: never touched, or swapped out (-ENOENT).
    pub fn absent(&self) -> usize {
        self.count(PageOutcome::Absent)
    }

    /// Returns the number of addresses that are not mapped, or map the zero page (-EFAULT).
    pub fn unmapped(&self) -> usize {
        self.count(PageOutcome::Unmapped)
    }

    /// Returns the number of pages that are mapped more than once, without MPOL_MF_MOVE_ALL (-EACCES).
    pub fn shared(&self) -> usize {
        self.count(PageOutcome::Shared)
    }

    /// Returns the number of pages in use: under writeback, or pinned by a device or the kernel (-EBUSY).
    pub fn busy(&self) -> usize {
        self.count(PageOutcome::Busy) + self.count(PageOutcome::Stuck)
    }

    /// Returns the number of pages whose target node is full (-ENOMEM).
    pub fn no_memory(&self) -> usize {
        self.count(PageOutcome::NoMemory)
    }

    /// Returns the number of pages that are not on their target nodes for another reason.
    pub fn failed(&self) -> usize {
        use PageOutcome::*;
        [NodeDenied, NodeGone, Unmovable, Displaced].map(|outcome| self.count(outcome)).iter().sum()
    }

    /// Returns the number of further attempts, summed over all pages.
    pub fn retried(&self) -> usize {
        self.retried
    }

    /// Returns the number of move_pages(2) calls.
    pub fn kernel_calls(&self) -> usize {
        self.kernel_calls
    }

    /// Returns the time since the request started.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.elapsed_ns)
    }

    /// Returns the duration of the longest move_pages(2) call, including calls that only query pages. On 32-bit machines, it is at most 4.2 s.
    pub fn longest_call(&self) -> Duration {
        Duration::from_nanos(self.longest_call_ns)
    }

    /// Counts pages as requested and under their outcome, if they have one.
    pub(super) fn record(&mut self, outcome: Option<PageOutcome>, pages: usize) {
        self.requested += pages;
        if let Some(outcome) = outcome {
            self.change(outcome, |count| count + pages);
        }
    }

    /// Reverts [`MoveStats::record`].
    pub(super) fn retract(&mut self, outcome: Option<PageOutcome>, pages: usize) {
        self.requested = self.requested.saturating_sub(pages);
        if let Some(outcome) = outcome {
            self.change(outcome, |count| count.saturating_sub(pages));
        }
    }

    /// Counts a page under the outcome `new` instead of `old`.
    pub(super) fn replace(&mut self, old: PageOutcome, new: PageOutcome) {
        self.change(old, |count| count.saturating_sub(1));
        self.change(new, |count| count + 1);
    }

    /// Counts pages, which already count as requested, as moved.
    pub(super) fn add_moved(&mut self, pages: usize) {
        self.change(PageOutcome::Moved, |count| count + pages);
    }

    /// Counts pages of a further attempt.
    pub(super) fn add_retried(&mut self, pages: usize) {
        self.retried += pages;
    }

    /// Counts all unmoved pages as absent, because their process has ended or executed another program.
    pub(super) fn forget_unmoved(&mut self) {
        let unmoved = self.unmoved();
        for outcome in PageOutcome::ALL.into_iter().filter(|outcome| outcome.is_unmoved()) {
            self.change(outcome, |_| 0);
        }
        self.change(PageOutcome::Absent, |count| count + unmoved);
    }

    /// Returns the statistics with the calls and the time of a request.
    pub(super) fn with_usage(self, meter: &Meter, kernel: &impl MovePagesOps) -> Self {
        MoveStats {
            kernel_calls: meter.kernel_calls(),
            elapsed_ns: meter.elapsed_ns(kernel),
            longest_call_ns: meter.longest_call_ns(),
            ..self
        }
    }

    /// Returns the number of pages that are present and not on their target nodes.
    pub(super) fn unmoved(&self) -> usize {
        PageOutcome::ALL.into_iter().filter(|outcome| outcome.is_unmoved()).map(|outcome| self.count(outcome)).sum()
    }

    /// Returns the number of pages that the kernel tried to move and could not, as move_pages(2) counts them.
    pub(super) fn stuck(&self) -> usize {
        self.count(PageOutcome::Stuck)
    }

    /// Returns the errno that follows from the outcomes; 0: none.
    pub(super) fn error(&self) -> i32 {
        let errors = [
            (PageOutcome::NodeDenied, errno::EACCES),
            (PageOutcome::NodeGone, errno::ENODEV),
            (PageOutcome::NoMemory, errno::ENOMEM),
        ];
        errors.into_iter().find(|&(outcome, _)| self.count(outcome) > 0).map_or(0, |(_, error)| error)
    }

    fn count(&self, outcome: PageOutcome) -> usize {
        self.outcomes.get(outcome as usize).copied().unwrap_or(0)
    }

    fn change(&mut self, outcome: PageOutcome, change: impl FnOnce(usize) -> usize) {
        debug_assert!((outcome as usize) < self.outcomes.len());
        if let Some(count) = self.outcomes.get_mut(outcome as usize) {
            *count = change(*count);
        }
    }
}

#[cfg(any(test, fuzzing))]
impl MoveStats {
    /// Returns all numbers: requested, moved, in place, absent, unmapped, shared, busy, no memory, failed, retried, kernel calls.
    #[cfg(test)]
    pub(super) fn all(&self) -> [usize; 11] {
        let stay = [self.shared(), self.busy(), self.no_memory(), self.failed(), self.retried(), self.kernel_calls()];
        let [shared, busy, no_memory, failed, retried, calls] = stay;
        let present = [self.requested(), self.moved(), self.in_place(), self.absent(), self.unmapped()];
        let [requested, moved, in_place, absent, unmapped] = present;
        [requested, moved, in_place, absent, unmapped, shared, busy, no_memory, failed, retried, calls]
    }

    /// Returns the sum of all outcomes.
    pub(super) fn finished(&self) -> usize {
        self.outcomes.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn return_value_and_errno_follow_from_the_outcomes() {
        let mut stats = MoveStats::default();
        for outcome in PageOutcome::ALL {
            stats.record(Some(outcome), 1);
        }
        stats.record(None, 5);
        assert_eq!((stats.requested(), stats.unmoved(), stats.stuck()), (17, 8, 1));
        assert_eq!(stats.error(), errno::EACCES);
        stats.replace(PageOutcome::NodeDenied, PageOutcome::Moved);
        stats.replace(PageOutcome::NodeGone, PageOutcome::Moved);
        assert_eq!((stats.unmoved(), stats.error()), (6, errno::ENOMEM));
        assert_eq!((stats.busy(), stats.failed(), stats.shared(), stats.no_memory()), (2, 2, 1, 1));
        stats.forget_unmoved();
        assert_eq!((stats.unmoved(), stats.stuck(), stats.error()), (0, 0, 0));
        stats.retract(Some(PageOutcome::Unmapped), 1);
        stats.add_retried(4);
        let stats = MoveStats { kernel_calls: 9, ..stats };
        assert_eq!(
            (stats.requested(), stats.moved(), stats.in_place(), stats.absent(), stats.unmapped()),
            (16, 3, 1, 7, 0)
        );
        assert_eq!((stats.busy(), stats.failed(), stats.shared(), stats.no_memory()), (0, 0, 0, 0));
        assert_eq!((stats.retried(), stats.kernel_calls(), stats.finished()), (4, 9, 11));
    }
}

//! The outcomes of the pages of a move, which determine its return value and errno.

use super::meter::Meter;
use super::ops::MovePagesOps;
use super::outcome::PageOutcome;
use super::stats::MoveStats;
use crate::sys::errno;

/// The outcomes of the pages of a move.
///
/// Every page that was looked at counts as requested, and under its outcome as soon as that is known.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    requested: usize,
    outcomes: [usize; PageOutcome::ALL.len()],
    retried: usize,
}

impl Tally {
    /// Returns the number of pages that were looked at.
    pub fn requested(&self) -> usize {
        self.requested
    }

    /// Counts pages as requested and under their outcome, if they have one.
    pub fn record(&mut self, outcome: Option<PageOutcome>, pages: usize) {
        self.requested += pages;
        if let Some(outcome) = outcome {
            self.change(outcome, |count| count + pages);
        }
    }

    /// Reverts [`Tally::record`].
    pub fn retract(&mut self, outcome: Option<PageOutcome>, pages: usize) {
        self.requested = self.requested.saturating_sub(pages);
        if let Some(outcome) = outcome {
            self.change(outcome, |count| count.saturating_sub(pages));
        }
    }

    /// Counts a page under the outcome `new` instead of `old`.
    pub fn replace(&mut self, old: PageOutcome, new: PageOutcome) {
        self.change(old, |count| count.saturating_sub(1));
        self.change(new, |count| count + 1);
    }

    /// Counts pages, which already count as requested, as moved.
    pub fn add_moved(&mut self, pages: usize) {
        self.change(PageOutcome::Moved, |count| count + pages);
    }

    /// Counts pages of a further attempt.
    pub fn add_retried(&mut self, pages: usize) {
        self.retried += pages;
    }

    /// Counts all unmoved pages, and those whose outcome is not known, as absent, because their process has ended or executed another program.
    pub fn forget_unmoved(&mut self) {
        for outcome in PageOutcome::ALL.into_iter().filter(|outcome| outcome.is_unmoved()) {
            self.change(outcome, |_| 0);
        }
        let rest = self.requested.saturating_sub(self.outcomes.iter().sum());
        self.change(PageOutcome::Absent, |count| count + rest);
    }

    /// Returns the statistics of a request: the tally, and the calls and the time so far.
    pub fn with_usage(&self, meter: &Meter, kernel: &impl MovePagesOps) -> MoveStats {
        let count = |outcomes: &[PageOutcome]| outcomes.iter().map(|&outcome| self.count(outcome)).sum();
        use PageOutcome::*;
        MoveStats {
            requested: self.requested,
            moved: count(&[Moved]),
            in_place: count(&[InPlace]),
            absent: count(&[Absent]),
            unmapped: count(&[Unmapped]),
            shared: count(&[Shared]),
            busy: count(&[Busy, Stuck]),
            no_memory: count(&[NoMemory]),
            failed: count(&[NodeDenied, NodeGone, Unmovable, Displaced]),
            retried: self.retried,
            kernel_calls: meter.kernel_calls(),
            elapsed_ns: meter.elapsed_ns(kernel),
            longest_call_ns: meter.longest_call_ns(),
        }
    }

    /// Returns the number of pages that are present and not on their target nodes.
    pub fn unmoved(&self) -> usize {
        PageOutcome::ALL.into_iter().filter(|outcome| outcome.is_unmoved()).map(|outcome| self.count(outcome)).sum()
    }

    /// Returns the number of pages that the kernel tried to move and could not, as move_pages(2) counts them.
    pub fn stuck(&self) -> usize {
        self.count(PageOutcome::Stuck)
    }

    /// Returns the errno that follows from the outcomes; 0: none.
    pub fn error(&self) -> i32 {
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

#[cfg(test)]
mod tests {
    use super::super::model::Model;
    use super::super::tests::machine_with;
    use super::*;

    fn stats(tally: &Tally) -> MoveStats {
        tally.with_usage(&Meter::untimed(), &Model::<16>::new(machine_with(&[0])))
    }

    #[test]
    fn return_value_and_errno_follow_from_the_outcomes() {
        let mut tally = Tally::default();
        for outcome in PageOutcome::ALL {
            tally.record(Some(outcome), 1);
        }
        tally.record(None, 5);
        assert_eq!((tally.requested(), tally.unmoved(), tally.stuck()), (17, 8, 1));
        assert_eq!(tally.error(), errno::EACCES);
        tally.replace(PageOutcome::NodeDenied, PageOutcome::Moved);
        tally.replace(PageOutcome::NodeGone, PageOutcome::Moved);
        assert_eq!((tally.unmoved(), tally.error()), (6, errno::ENOMEM));
        assert_eq!(stats(&tally).all(), [17, 3, 1, 1, 1, 1, 2, 1, 2, 0, 0]);
        assert_eq!(stats(&tally).unmoved(), tally.unmoved());
        tally.forget_unmoved();
        assert_eq!((tally.unmoved(), tally.stuck(), tally.error()), (0, 0, 0));
        tally.retract(Some(PageOutcome::Unmapped), 1);
        tally.add_retried(4);
        // Those without an outcome are absent, too.
        assert_eq!(stats(&tally).all(), [16, 3, 1, 12, 0, 0, 0, 0, 0, 4, 0]);
        assert_eq!(stats(&tally).finished(), 16);
    }
}

//! What became of pages, and the sums over them, from which return values and errnos follow.

use super::plan::{NO_TARGET, NODE_DENIED, TRIED, UNMOVABLE};
use crate::sys::errno;

/// What became of the page of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Outcome {
    /// It was elsewhere, and is on its target.
    Moved,
    /// It was on its target before, or had none.
    InPlace,
    /// It is not there: -ENOENT.
    Absent,
    /// Nothing is mapped there, or the kernel's page of zeros: -EFAULT.
    Unmapped,
    /// Other processes map it too: -EACCES.
    Shared,
    /// The kernel said -EBUSY.
    Busy,
    /// The kernel tried to move it and could not: move_pages(2) counts such pages.
    Stuck,
    /// Its target was full: -ENOMEM.
    NoMemory,
    /// The process may not have pages on its target: EACCES for the whole call.
    NodeDenied,
    /// Its target has no memory any more: ENODEV for the whole call.
    NodeGone,
    /// It is there, but of a mapping whose pages don't move.
    Unmovable,
    /// It is on another node: another entry named its page, or its huge page, with another target.
    Displaced,
}

/// All of them, in this order.
const OUTCOMES: [Outcome; 12] = {
    use Outcome::*;
    [Moved, InPlace, Absent, Unmapped, Shared, Busy, Stuck, NoMemory, NodeDenied, NodeGone, Unmovable, Displaced]
};

impl Outcome {
    /// Returns the outcome for an entry that was `before` and is `after` on these nodes, or has these negative errnos or marks of a
    /// [`super::plan::Window`]; `None` for one that is still to be tried, or was not tried because the move was `stopped`.
    pub fn of(before: i32, after: i32, target: i32, stopped: bool) -> Option<Outcome> {
        Some(match after {
            TRIED => Outcome::Stuck,
            NODE_DENIED => Outcome::NodeDenied,
            UNMOVABLE => Outcome::Unmovable,
            0.. if target == NO_TARGET || (after == target && before == target) => Outcome::InPlace,
            0.. if after == target => Outcome::Moved,
            0.. if stopped => return None,
            _ => match after.wrapping_neg() {
                errno::ENOENT => Outcome::Absent,
                errno::EFAULT => Outcome::Unmapped,
                errno::EACCES => Outcome::Shared,
                errno::EBUSY => Outcome::Busy,
                errno::ENOMEM => Outcome::NoMemory,
                errno::ENODEV => Outcome::NodeGone,
                _ => Outcome::Displaced,
            },
        })
    }

    /// Returns the outcome after a later look, which found the page on `found`, or a negative errno, where it had been on `node`. What
    /// held a page is kept if it is still there.
    pub fn after_look(self, found: i32, target: i32, node: i32) -> Outcome {
        match self {
            Outcome::Absent | Outcome::Unmapped => self,
            Outcome::Moved | Outcome::InPlace if found == target => self,
            _ if found == target => Outcome::Moved,
            _ if found == -errno::ENOENT => Outcome::Absent,
            _ if found < 0 => Outcome::Unmapped,
            _ if found == node => self,
            _ => Outcome::Displaced,
        }
    }

    /// Returns the status of a page that is on `node`.
    pub fn status(self, node: i32) -> i32 {
        match self {
            Outcome::Moved | Outcome::InPlace | Outcome::Displaced => node,
            Outcome::Absent => -errno::ENOENT,
            Outcome::Unmapped | Outcome::Unmovable => -errno::EFAULT,
            Outcome::Shared | Outcome::NodeDenied => -errno::EACCES,
            Outcome::Busy | Outcome::Stuck => -errno::EBUSY,
            Outcome::NoMemory => -errno::ENOMEM,
            Outcome::NodeGone => -errno::ENODEV,
        }
    }

    /// Returns whether the page is there and not on its target.
    pub fn is_unmoved(self) -> bool {
        !matches!(self, Outcome::Moved | Outcome::InPlace | Outcome::Absent | Outcome::Unmapped)
    }

    /// The outcome with this number.
    pub fn from_number(number: u8) -> Option<Outcome> {
        OUTCOMES.get(usize::from(number)).copied()
    }

    /// Where the programs that call the library see it.
    fn figure(self) -> Figure {
        match self {
            Outcome::Moved => Figure::Moved,
            Outcome::InPlace => Figure::InPlace,
            Outcome::Absent => Figure::Absent,
            Outcome::Unmapped => Figure::Unmapped,
            Outcome::Shared => Figure::Shared,
            Outcome::Busy | Outcome::Stuck => Figure::Busy,
            Outcome::NoMemory => Figure::NoMemory,
            Outcome::NodeDenied | Outcome::NodeGone | Outcome::Unmovable | Outcome::Displaced => Figure::Failed,
        }
    }
}

/// What can become of a page as programs see it, and what else is counted.
#[derive(Clone, Copy)]
pub enum Figure {
    Requested,
    Moved,
    InPlace,
    Absent,
    Unmapped,
    Shared,
    Busy,
    NoMemory,
    Failed,
    Retried,
    KernelCalls,
}

/// How many pages of each figure.
pub type Figures = [usize; 11];

fn add(figures: &mut Figures, figure: Figure, count: usize) {
    debug_assert!((figure as usize) < figures.len());
    if let Some(sum) = figures.get_mut(figure as usize) {
        *sum += count;
    }
}

/// How many pages have which outcome.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    pub requested: usize,
    pub retried: usize,
    outcomes: [usize; OUTCOMES.len()],
}

impl Tally {
    /// Counts pages that were looked at, and what became of them if they were tried.
    pub fn add(&mut self, outcome: Option<Outcome>, pages: usize) {
        self.requested += pages;
        if let Some(outcome) = outcome {
            self.change(outcome, |sum| sum + pages);
        }
    }

    /// Takes pages back that were counted by [`Tally::add`].
    pub fn take_back(&mut self, pages: usize, counted: Option<Outcome>) {
        self.requested = self.requested.saturating_sub(pages);
        if let Some(outcome) = counted {
            self.change(outcome, |sum| sum.saturating_sub(pages));
        }
    }

    /// Counts a page under another outcome than before.
    pub fn replace(&mut self, old: Outcome, new: Outcome) {
        self.change(old, |sum| sum.saturating_sub(1));
        self.change(new, |sum| sum + 1);
    }

    /// Counts more pages as moved that were counted as requested alone.
    pub fn add_moved(&mut self, pages: usize) {
        self.change(Outcome::Moved, |sum| sum + pages);
    }

    /// Counts all pages that stayed as absent: their process has ended, or executed another program.
    pub fn forget_unmoved(&mut self) {
        let unmoved = self.unmoved();
        for outcome in OUTCOMES.into_iter().filter(|outcome| outcome.is_unmoved()) {
            self.change(outcome, |_| 0);
        }
        self.change(Outcome::Absent, |sum| sum + unmoved);
    }

    fn change(&mut self, outcome: Outcome, change: impl FnOnce(usize) -> usize) {
        debug_assert!((outcome as usize) < self.outcomes.len());
        if let Some(sum) = self.outcomes.get_mut(outcome as usize) {
            *sum = change(*sum);
        }
    }

    fn of(&self, outcome: Outcome) -> usize {
        self.outcomes.get(outcome as usize).copied().unwrap_or(0)
    }

    /// Returns the number of pages that are there and not on their targets.
    pub fn unmoved(&self) -> usize {
        OUTCOMES.into_iter().filter(|outcome| outcome.is_unmoved()).map(|outcome| self.of(outcome)).sum()
    }

    /// Returns the number of pages that the kernel tried and could not move, as move_pages(2) counts them.
    pub fn stuck(&self) -> usize {
        self.of(Outcome::Stuck)
    }

    /// Returns the errno that pages which stayed stand for; 0: none.
    pub fn error(&self) -> i32 {
        let errors = [
            (Outcome::NodeDenied, errno::EACCES),
            (Outcome::NodeGone, errno::ENODEV),
            (Outcome::NoMemory, errno::ENOMEM),
        ];
        errors.into_iter().find(|&(outcome, _)| self.of(outcome) > 0).map_or(0, |(_, error)| error)
    }

    /// Returns the sums as programs see them.
    pub fn figures(&self, kernel_calls: usize) -> Figures {
        let mut figures = [0; 11];
        for outcome in OUTCOMES {
            add(&mut figures, outcome.figure(), self.of(outcome));
        }
        add(&mut figures, Figure::Requested, self.requested);
        add(&mut figures, Figure::Retried, self.retried);
        add(&mut figures, Figure::KernelCalls, kernel_calls);
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_have_the_number_of_their_place() {
        for (number, outcome) in (0..).zip(OUTCOMES) {
            assert_eq!((outcome as u8, Outcome::from_number(number)), (number, Some(outcome)));
        }
        assert_eq!(Outcome::from_number(OUTCOMES.len() as u8), None);
    }

    #[test]
    fn return_value_and_errno_follow_from_the_outcomes() {
        let mut tally = Tally::default();
        for outcome in OUTCOMES {
            tally.add(Some(outcome), 1);
        }
        tally.add(None, 5);
        assert_eq!((tally.requested, tally.unmoved(), tally.stuck()), (17, 8, 1));
        assert_eq!(tally.error(), errno::EACCES);
        tally.replace(Outcome::NodeDenied, Outcome::Moved);
        tally.replace(Outcome::NodeGone, Outcome::Moved);
        assert_eq!((tally.unmoved(), tally.error()), (6, errno::ENOMEM));
        tally.forget_unmoved();
        assert_eq!((tally.unmoved(), tally.stuck(), tally.error()), (0, 0, 0));
        let figures = tally.figures(9);
        assert_eq!(figures, [17, 3, 1, 7, 1, 0, 0, 0, 0, 0, 9]);
    }

    #[test]
    fn a_later_look_corrects_an_outcome_and_keeps_what_held_a_page() {
        use Outcome::*;
        for (before, found, after) in [
            (NoMemory, 3, Displaced),
            (Moved, 1, Moved),
            (InPlace, 1, InPlace),
            (Moved, 2, Displaced),
            (InPlace, 2, Displaced),
            (NoMemory, 1, Moved),
            (NoMemory, 0, NoMemory),
            (Stuck, 0, Stuck),
            (Stuck, -errno::ENOENT, Absent),
            (Moved, -errno::EFAULT, Unmapped),
            (Absent, 1, Absent),
            (Displaced, 1, Moved),
        ] {
            assert_eq!(
                before.after_look(found, 1, if matches!(before, Moved | InPlace) { 1 } else { 0 }),
                after,
                "{before:?} {found}"
            );
        }
    }
}

//! The outcome of an entry: whether its page has moved, or why not.

use crate::sys::errno;

/// The outcome of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum PageOutcome {
    /// The page was on another node and is on its target node.
    Moved,
    /// The page was on its target node before, or the entry has none.
    InPlace,
    /// The page is absent: -ENOENT.
    Absent,
    /// The address is not mapped, or maps the zero page: -EFAULT.
    Unmapped,
    /// The page is mapped more than once, and MPOL_MF_MOVE_ALL was not given: -EACCES.
    Shared,
    /// The kernel reported -EBUSY.
    Busy,
    /// The kernel tried to move the page and could not. The return value of move_pages(2) counts such pages.
    Stuck,
    /// The target node is full: -ENOMEM.
    NoMemory,
    /// The cpuset of the process denies the target node: EACCES for the whole call.
    NodeDenied,
    /// The target node no longer has memory: ENODEV for the whole call.
    NodeGone,
    /// The page is present, in a mapping whose pages cannot move.
    Unmovable,
    /// The page is on another node, because another entry names it, or a part of its huge page, with another target node.
    Displaced,
}

impl PageOutcome {
    /// All outcomes, in the order of their numbers.
    pub const ALL: [PageOutcome; 12] = {
        use PageOutcome::*;
        [Moved, InPlace, Absent, Unmapped, Shared, Busy, Stuck, NoMemory, NodeDenied, NodeGone, Unmovable, Displaced]
    };

    /// Returns the outcome after a requery. `node` is the node that the page was on, `current` the one that the requery reports, or a negative
    /// errno. Absent and unmapped pages keep their outcome; a page that is still on `node` keeps the reason why it has not moved.
    pub fn after_requery(self, current: i32, target: Option<i32>, node: i32) -> PageOutcome {
        match self {
            PageOutcome::Absent | PageOutcome::Unmapped => self,
            PageOutcome::Moved | PageOutcome::InPlace if Some(current) == target => self,
            _ if Some(current) == target => PageOutcome::Moved,
            _ if current == -errno::ENOENT => PageOutcome::Absent,
            _ if current < 0 => PageOutcome::Unmapped,
            _ if current == node => self,
            _ => PageOutcome::Displaced,
        }
    }

    /// Returns the status for a page that is on `node`.
    #[inline(never)]
    pub fn status(self, node: i32) -> i32 {
        match self {
            PageOutcome::Moved | PageOutcome::InPlace | PageOutcome::Displaced => node,
            PageOutcome::Absent => -errno::ENOENT,
            PageOutcome::Unmapped | PageOutcome::Unmovable => -errno::EFAULT,
            PageOutcome::Shared | PageOutcome::NodeDenied => -errno::EACCES,
            PageOutcome::Busy | PageOutcome::Stuck => -errno::EBUSY,
            PageOutcome::NoMemory => -errno::ENOMEM,
            PageOutcome::NodeGone => -errno::ENODEV,
        }
    }

    /// Returns whether the page is present and not on its target node.
    pub fn is_unmoved(self) -> bool {
        !matches!(self, PageOutcome::Moved | PageOutcome::InPlace | PageOutcome::Absent | PageOutcome::Unmapped)
    }

    /// Returns the outcome with this number.
    pub fn from_number(number: u8) -> Option<PageOutcome> {
        PageOutcome::ALL.get(usize::from(number)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_an_outcome_is_its_index() {
        for (number, outcome) in (0..).zip(PageOutcome::ALL) {
            assert_eq!((outcome as u8, PageOutcome::from_number(number)), (number, Some(outcome)));
        }
        assert_eq!(PageOutcome::from_number(PageOutcome::ALL.len() as u8), None);
    }

    #[test]
    fn a_requery_corrects_an_outcome_and_keeps_the_reason_of_a_page_that_has_not_moved() {
        use PageOutcome::*;
        for (before, current, after) in [
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
                before.after_requery(current, Some(1), if matches!(before, Moved | InPlace) { 1 } else { 0 }),
                after,
                "{before:?} {current}"
            );
        }
    }
}

//! What became of the page of an entry.

use super::status::EntryState;
use crate::sys::errno;

/// What became of the page of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum PageOutcome {
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

impl PageOutcome {
    /// All of them, in the order of their numbers.
    pub const ALL: [PageOutcome; 12] = {
        use PageOutcome::*;
        [Moved, InPlace, Absent, Unmapped, Shared, Busy, Stuck, NoMemory, NodeDenied, NodeGone, Unmovable, Displaced]
    };

    /// Returns the outcome for the page of an entry that was on `old_node`, or had this negative errno, and is in this state; `None` for one
    /// that is still to be tried, or was not tried because the move was cancelled.
    pub fn of(old_node: i32, state: EntryState, target: Option<i32>, cancelled: bool) -> Option<PageOutcome> {
        Some(match state {
            EntryState::OnNode(node) => match target {
                None => PageOutcome::InPlace,
                Some(target) if node == target && old_node == target => PageOutcome::InPlace,
                Some(target) if node == target => PageOutcome::Moved,
                Some(_) if cancelled => return None,
                Some(_) => PageOutcome::Displaced,
            },
            EntryState::NotMigrated => PageOutcome::Stuck,
            EntryState::CpusetDenied => PageOutcome::NodeDenied,
            EntryState::Unmovable => PageOutcome::Unmovable,
            EntryState::Failed(errno::ENOENT) => PageOutcome::Absent,
            EntryState::Failed(errno::EFAULT) => PageOutcome::Unmapped,
            EntryState::Failed(errno::EACCES) => PageOutcome::Shared,
            EntryState::Failed(errno::EBUSY) => PageOutcome::Busy,
            EntryState::Failed(errno::ENOMEM) => PageOutcome::NoMemory,
            EntryState::Failed(errno::ENODEV) => PageOutcome::NodeGone,
            EntryState::Failed(_) | EntryState::Split(_) | EntryState::SameAs(_) => PageOutcome::Displaced,
        })
    }

    /// Returns the outcome after the page was located again on `current`, or with this negative errno, having been on `node`. The reason why a
    /// page stayed is kept if it is still there.
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

    /// Returns the status of a page that is on `node`.
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

    /// Returns whether the page is there and not on its target.
    pub fn is_unmoved(self) -> bool {
        !matches!(self, PageOutcome::Moved | PageOutcome::InPlace | PageOutcome::Absent | PageOutcome::Unmapped)
    }

    /// The outcome with this number.
    pub fn from_number(number: u8) -> Option<PageOutcome> {
        PageOutcome::ALL.get(usize::from(number)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_have_the_number_of_their_place() {
        for (number, outcome) in (0..).zip(PageOutcome::ALL) {
            assert_eq!((outcome as u8, PageOutcome::from_number(number)), (number, Some(outcome)));
        }
        assert_eq!(PageOutcome::from_number(PageOutcome::ALL.len() as u8), None);
    }

    #[test]
    fn a_later_look_corrects_an_outcome_and_keeps_what_held_a_page() {
        use PageOutcome::*;
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
                before.after_requery(found, Some(1), if matches!(before, Moved | InPlace) { 1 } else { 0 }),
                after,
                "{before:?} {found}"
            );
        }
    }
}

//! The states of entries, stored in the four bytes of the statuses that the kernel writes.

use super::outcome::PageOutcome;
use crate::sys::errno;
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

/// The state of an entry while its batch is in work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryState {
    /// The page is on this node.
    OnNode(i32),
    /// The kernel reported this errno.
    Failed(i32),
    /// The kernel tried to move the page and could not, and gave no reason.
    NotMigrated,
    /// The cpuset of the process denies the target node.
    CpusetDenied,
    /// The page is present, and the kernel reports EFAULT for it: pages of its mapping cannot move, such as those of \[vvar\] since Linux 7.
    Unmovable,
    /// The huge page that the entry stands for is no longer mapped as one. It counts under this outcome until its base pages are located.
    Split(Option<PageOutcome>),
    /// The later entry with this index names the same page.
    SameAs(u32),
}

/// Marks a status that the kernel has not written.
pub const STATUS_UNSET: i32 = i32::MIN;

// Below every negative errno.
const NOT_MIGRATED: i32 = i32::MIN + 1;
const CPUSET_DENIED: i32 = i32::MIN + 2;
const UNMOVABLE: i32 = i32::MIN + 3;
const SPLIT: i32 = i32::MIN + 4;
const SPLIT_AND_MOVED: i32 = i32::MIN + 5;
const SPLIT_IN_PLACE: i32 = i32::MIN + 6;
/// The base to which the index of the other entry is added.
const SAME_AS: i32 = i32::MIN + 16;
const LAST_SAME_AS: i32 = i32::MIN / 2;

impl EntryState {
    /// Returns the state for a status of the kernel (a node or a negative errno), or for a value of [`EntryState::stored`].
    #[inline(never)]
    pub fn from_stored(status: i32) -> Self {
        match status {
            0.. => EntryState::OnNode(status),
            NOT_MIGRATED => EntryState::NotMigrated,
            CPUSET_DENIED => EntryState::CpusetDenied,
            UNMOVABLE => EntryState::Unmovable,
            SPLIT => EntryState::Split(None),
            SPLIT_AND_MOVED => EntryState::Split(Some(PageOutcome::Moved)),
            SPLIT_IN_PLACE => EntryState::Split(Some(PageOutcome::InPlace)),
            SAME_AS..=LAST_SAME_AS => EntryState::SameAs((status - SAME_AS) as u32),
            _ => EntryState::Failed(status.wrapping_neg()),
        }
    }

    /// Returns the value that represents the state in an array of statuses.
    #[inline]
    fn stored(self) -> i32 {
        match self {
            EntryState::OnNode(node) => node,
            EntryState::Failed(errno) => -errno,
            EntryState::NotMigrated => NOT_MIGRATED,
            EntryState::CpusetDenied => CPUSET_DENIED,
            EntryState::Unmovable => UNMOVABLE,
            EntryState::Split(Some(PageOutcome::Moved)) => SPLIT_AND_MOVED,
            EntryState::Split(Some(PageOutcome::InPlace)) => SPLIT_IN_PLACE,
            EntryState::Split(_) => SPLIT,
            EntryState::SameAs(entry) => SAME_AS + entry as i32,
        }
    }

    /// Returns the outcome of an entry whose page was on `old_node` (or a negative errno). Returns `None` if it was not submitted
    /// because the move was cancelled.
    pub fn outcome(self, old_node: i32, target: Option<i32>, cancelled: bool) -> Option<PageOutcome> {
        Some(match self {
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

    /// Returns whether the page is on `node`.
    pub fn is_on(self, node: i32) -> bool {
        self == EntryState::OnNode(node)
    }
}

/// The states of the entries of a batch.
pub struct States<'a>(&'a mut [i32]);

impl<'a> States<'a> {
    /// Returns the states that are stored in `statuses`.
    pub fn over(statuses: &'a mut [i32]) -> Self {
        States(statuses)
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the state of an entry, which is in range.
    #[inline]
    pub fn get(&self, entry: usize) -> EntryState {
        debug_assert!(entry < self.0.len());
        EntryState::from_stored(self.0.get(entry).copied().unwrap_or(0))
    }

    /// Returns whether an entry, which is in range, is in this state.
    #[inline]
    pub fn is(&self, entry: usize, state: EntryState) -> bool {
        self.0.get(entry) == Some(&state.stored())
    }

    /// Returns the node of an entry in the state `OnNode`; `None` in any other state.
    #[inline]
    pub fn node(&self, entry: usize) -> Option<i32> {
        self.0.get(entry).copied().filter(|&status| status >= 0)
    }

    /// Returns the nodes of the entries in the state `OnNode`, in the order of the entries; `None` for the others.
    #[inline]
    pub fn nodes(&self) -> impl Iterator<Item = Option<i32>> {
        self.0.iter().map(|&status| (status >= 0).then_some(status))
    }

    /// Sets the state of an entry, which is in range.
    #[inline]
    pub fn set(&mut self, entry: usize, state: EntryState) {
        debug_assert!(entry < self.0.len());
        if let Some(status) = self.0.get_mut(entry) {
            *status = state.stored();
        }
    }

    /// Replaces the state of an entry by the status for its outcome. Keeps the state of a split huge page, whose base pages have to be located.
    pub fn finalize(&mut self, entry: usize, outcome: PageOutcome) {
        let status = match self.get(entry) {
            EntryState::OnNode(node) => outcome.status(node),
            EntryState::Failed(errno) => outcome.status(-errno),
            EntryState::Split(_) | EntryState::SameAs(_) => return,
            _ => outcome.status(0),
        };
        self.set_status(entry, status);
    }

    /// Returns the states in the order of the entries.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = EntryState> {
        self.0.iter().map(|&status| EntryState::from_stored(status))
    }

    /// Sets the state of an entry, which is in range, to a status of the kernel.
    #[inline]
    pub fn set_status(&mut self, entry: usize, status: i32) {
        debug_assert!(entry < self.0.len());
        if let Some(stored) = self.0.get_mut(entry) {
            *stored = status;
        }
    }

    /// Sets the states of all entries to statuses of the kernel.
    pub fn set_all(&mut self, statuses: &[i32]) {
        self.0.iter_mut().zip(statuses).for_each(|(stored, status)| *stored = *status);
    }

    /// Keeps the first `count` entries.
    pub fn truncate(&mut self, count: usize) {
        keep_first(&mut self.0, count);
    }

    /// Returns the statuses for the caller of the request. Every state must be final: a node or a negative errno.
    pub fn statuses(&self) -> &[i32] {
        self.0
    }

    /// Returns the statuses for writing.
    pub fn statuses_mut(&mut self) -> &mut [i32] {
        self.0
    }
}

/// The states of submitted entries: the statuses that the kernel writes, and states that follow from the result of the call. Several threads
/// write them, each for its own entries.
#[derive(Clone, Copy)]
pub struct SubmitStates<'a>(&'a [AtomicI32]);

impl<'a> SubmitStates<'a> {
    /// Returns the states that are stored in `statuses`.
    pub fn over(statuses: &'a [AtomicI32]) -> Self {
        SubmitStates(statuses)
    }

    /// Returns the number of entries.
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// Returns the entries of `range`; `None` if they exceed the submission.
    pub fn slice(self, range: core::ops::Range<usize>) -> Option<Self> {
        self.0.get(range).map(SubmitStates)
    }

    /// Returns the statuses for the kernel to write.
    pub fn statuses(self) -> &'a [AtomicI32] {
        self.0
    }

    /// Resets the states of the first `count` entries.
    pub fn reset(self, count: usize) {
        self.0.iter().take(count).for_each(|status| status.store(STATUS_UNSET, Relaxed));
    }

    /// Returns the state of an entry; `None` if neither the kernel nor [`SubmitStates::set`] has written it.
    pub fn get(self, entry: usize) -> Option<EntryState> {
        state_of(self.0.get(entry)?)
    }

    /// Returns whether the kernel has written this node as the status of an entry.
    #[inline]
    pub fn is_on(self, entry: usize, node: i32) -> bool {
        node >= 0 && self.0.get(entry).is_some_and(|status| status.load(Relaxed) == node)
    }

    /// Returns whether the status of an entry is a node.
    #[inline]
    pub fn is_on_node(self, entry: usize) -> bool {
        self.0.get(entry).is_some_and(|status| status.load(Relaxed) >= 0)
    }

    /// Copies the statuses, as the kernel and [`SubmitStates::set`] have written them.
    pub fn copy_to(self, to: &mut [i32]) {
        to.iter_mut().zip(self.0).for_each(|(to, status)| *to = status.load(Relaxed));
    }

    /// Returns the states in the order of the entries.
    pub fn iter(self) -> impl Iterator<Item = Option<EntryState>> + Clone + 'a {
        self.0.iter().map(state_of)
    }

    /// Returns whether each entry has a state, in the order of the entries.
    pub fn are_set(self) -> impl Iterator<Item = bool> + 'a {
        self.0.iter().map(|status| status.load(Relaxed) != STATUS_UNSET)
    }

    /// Sets the state of an entry.
    pub fn set(self, entry: usize, state: EntryState) {
        if let Some(status) = self.0.get(entry) {
            status.store(state.stored(), Relaxed);
        }
    }
}

/// Returns the state of a submitted entry.
#[inline(never)]
fn state_of(status: &AtomicI32) -> Option<EntryState> {
    match status.load(Relaxed) {
        STATUS_UNSET => None,
        status => Some(EntryState::from_stored(status)),
    }
}

/// The target nodes of the entries of a batch.
pub struct Targets<'a>(&'a mut [i32]);

impl<'a> Targets<'a> {
    /// Represents no target node. Negative nodes from outside become -1.
    const NONE: i32 = i32::MIN;

    /// Returns the target nodes that are stored in `nodes`.
    pub fn over(nodes: &'a mut [i32]) -> Self {
        Targets(nodes)
    }

    /// Returns the target node of an entry, which is in range; `None` if the page is only queried.
    #[inline]
    pub fn get(&self, entry: usize) -> Option<i32> {
        debug_assert!(entry < self.0.len());
        self.0.get(entry).copied().filter(|&node| node != Self::NONE)
    }

    /// Returns the target nodes as they are stored.
    #[inline]
    pub fn stored(&self) -> &[i32] {
        self.0
    }

    /// Sets the target node of an entry, which is in range.
    #[inline]
    pub fn set(&mut self, entry: usize, target: Option<i32>) {
        debug_assert!(entry < self.0.len());
        if let Some(node) = self.0.get_mut(entry) {
            *node = target.unwrap_or(Self::NONE);
        }
    }

    /// Returns the target nodes in the order of the entries.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Option<i32>> {
        self.0.iter().map(|&node| (node != Self::NONE).then_some(node))
    }

    /// Removes all target nodes.
    pub fn clear(&mut self) {
        self.0.fill(Self::NONE);
    }

    /// Fills in nodes from outside by calling `read`, which returns their number. Negative ones, which no kernel has, become -1.
    pub fn fill_with<E>(&mut self, read: impl FnOnce(&mut [i32]) -> Result<usize, E>) -> Result<usize, E> {
        let count = read(self.0)?;
        self.0.iter_mut().for_each(|node| *node = (*node).max(-1));
        Ok(count)
    }

    /// Keeps the first `count` entries.
    pub fn truncate(&mut self, count: usize) {
        keep_first(&mut self.0, count);
    }
}

/// Keeps the first `count` elements of a slice, which has at least as many.
pub(super) fn keep_first<T>(slice: &mut &mut [T], count: usize) {
    debug_assert!(count <= slice.len());
    *slice = core::mem::take(slice).get_mut(..count).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_stored_and_read_back() {
        use EntryState::*;
        let (mut memory, node, last) = ([0; 1], 1023, (LAST_SAME_AS - SAME_AS) as u32);
        let split = [None, Some(PageOutcome::Moved), Some(PageOutcome::InPlace)].map(Split);
        let states = [
            OnNode(0),
            OnNode(node),
            Failed(1),
            Failed(4095),
            NotMigrated,
            CpusetDenied,
            Unmovable,
            SameAs(0),
            SameAs(last),
        ];
        for state in states.into_iter().chain(split) {
            let mut states = States::over(&mut memory);
            states.set(0, state);
            assert_eq!(
                (states.get(0), states.iter().next(), state.is_on(node)),
                (state, Some(state), state == OnNode(node))
            );
            let memory = [AtomicI32::new(0)];
            let submitted = SubmitStates::over(&memory);
            submitted.set(0, state);
            assert_eq!(submitted.get(0), Some(state));
            submitted.reset(1);
            assert_eq!((submitted.get(0), submitted.get(1)), (None, None));
        }
    }

    #[test]
    fn targets_from_outside_are_nodes_or_minus_one() {
        let mut memory = [7; 3];
        let mut targets = Targets::over(&mut memory);
        targets.clear();
        assert!(targets.iter().all(|target| target.is_none()));
        let read = targets.fill_with(|nodes| {
            nodes.copy_from_slice(&[i32::MIN, -2, 5]);
            Ok::<_, ()>(3)
        });
        assert_eq!((read, targets.get(0), targets.get(1), targets.get(2)), (Ok(3), Some(-1), Some(-1), Some(5)));
        targets.set(2, None);
        targets.truncate(3);
        assert_eq!((targets.get(2), targets.iter().count()), (None, 3));
    }
}

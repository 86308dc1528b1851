//! Selects the entries of a batch to submit, and evaluates the kernel's statuses. Makes no system calls.
//!
//! [`plan`] skips entries whose pages are on their target nodes and groups the others by target node, because the kernel migrates consecutive
//! entries with the same target node together. [`failed_run`] and [`apply_results`] evaluate the result of an attempt.

use super::address_order::{is_ascending, sort_by_page, start_indices};
use super::batch::{Batch, get_or_default, set_checked};
use super::outcome::PageOutcome;
use super::status::{EntryState, SubmitStates};
use crate::bitmask::BitsMut;
use crate::nodeset::MAX_NUMNODES;
use crate::sys::errno;

/// An address at which no process has a page: the last byte of the address space.
pub const NO_PAGE: usize = usize::MAX;

/// The result of [`plan`].
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The number of entries to submit, which are the first ones of `order`.
    pub pending: usize,
    /// Whether moving one page may move the page of another entry too: entries have different target nodes, which may be parts of one huge
    /// page.
    pub needs_recheck: bool,
}

/// Returns whether a kernel can have this node. It reports ENODEV otherwise. An entry without a target node is valid.
pub fn is_valid_target(target: Option<i32>) -> bool {
    target.is_none_or(|node| (0..MAX_NUMNODES as i32).contains(&node))
}

/// Fills the submission with the target nodes that are not in `known`, in the order of their first entries and without pages, and adds them
/// to `known`. Stops at the first invalid one. Returns their number.
pub fn collect_new_targets(batch: &mut Batch, known: BitsMut) -> usize {
    let mut count = 0;
    for target in batch.targets.iter().take_while(|&target| is_valid_target(target)).flatten() {
        if let Some(node) = usize::try_from(target).ok().filter(|&node| !known.as_bits().contains(node)) {
            known.set(node);
            set_checked(batch.submit_targets, count, target);
            set_checked(batch.submit_pages, count, NO_PAGE);
            count += 1;
        }
    }
    batch.submit_states.reset(count);
    count
}

/// Selects the entries to submit and sorts them by target node, and by address within one. The states hold the nodes of the pages; entries that
/// are not submitted get their final states.
pub fn plan(batch: &mut Batch, page_bits: u32) -> Plan {
    let mut plan = Plan::default();
    let is_ascending = is_ascending(batch.pages, page_bits);
    if !is_ascending {
        sort_and_mark_duplicates(batch, page_bits);
    }
    // A counting sort: first the number of entries for each target node, then the index in `order` of its next entry.
    let mut buckets = [0u32; MAX_NUMNODES];
    let mut only_target = None;
    for entry in 0..batch.states.len() {
        let (node, target) = (batch.states.node(entry), batch.targets.get(entry));
        if let (Some(_), Some(target)) = (node, target) {
            plan.needs_recheck |= *only_target.get_or_insert(target) != target;
        }
        if let Some(target) = needs_move(node, target) {
            match bucket(target, &mut buckets) {
                Some(count) => *count += 1,
                None => batch.states.set(entry, EntryState::Failed(errno::ENODEV)),
            }
        }
    }
    plan.pending = start_indices(&mut buckets);
    for index in 0..batch.states.len() {
        let entry = if is_ascending { index } else { get_or_default(batch.spare, index) as usize };
        let (node, target) = (batch.states.node(entry), batch.targets.get(entry));
        if let Some(next) = needs_move(node, target).and_then(|target| bucket(target, &mut buckets)) {
            set_checked(batch.order, *next as usize, entry as u32);
            *next += 1;
        }
    }
    plan
}

/// Returns the target node of an entry if its page is present on another node.
fn needs_move(node: Option<i32>, target: Option<i32>) -> Option<i32> {
    node.and(target).filter(|_| node != target)
}

/// Returns the bucket of a target node.
fn bucket(target: i32, buckets: &mut [u32; MAX_NUMNODES]) -> Option<&mut u32> {
    buckets.get_mut(usize::try_from(target).ok()?)
}

/// Writes the entries into the first half of `spare`, sorted by page, and marks all but the last of the entries that name one page.
#[inline(never)]
fn sort_and_mark_duplicates(batch: &mut Batch, page_bits: u32) {
    let spare = batch.spare.get_mut(..batch.pages.len()).unwrap_or_default();
    // Whichever of the two is sorted, `spare` is at the end.
    let (sorted, other) = sort_by_page(batch.pages, page_bits, true, batch.order, spare);
    let mut last = None;
    for (&entry, to) in sorted.iter().zip(other.iter_mut()).rev() {
        *to = entry;
        let page = get_or_default(batch.pages, entry as usize) >> page_bits;
        match last {
            Some((last, last_page)) if last_page == page => {
                if get_or_default(batch.old_node, entry as usize) >= 0 {
                    batch.states.set(entry as usize, EntryState::SameAs(last));
                }
            }
            _ => last = Some((entry, page)),
        }
    }
}

/// Fills the submission with the pages and target nodes of the first `count` entries of `order`, and resets the submitted states.
pub fn fill_submission(batch: &mut Batch, count: usize) {
    debug_assert!(count <= batch.order.len());
    for (index, &entry) in batch.order.iter().take(count).enumerate() {
        set_checked(batch.submit_pages, index, get_or_default(batch.pages, entry as usize));
        set_checked(batch.submit_targets, index, batch.targets.get(entry as usize).unwrap_or(-1));
    }
    batch.submit_states.reset(count);
}

/// Returns the start and end of the run of entries that the kernel failed to migrate; `None` if every entry has a status. A run has one target
/// node. It ends before an entry with another target node, or before one that has a status because the kernel rejected it without trying to
/// move it. The kernel did not attempt the entries after it.
pub fn failed_run(targets: &[i32], states: SubmitStates) -> Option<(usize, usize)> {
    debug_assert_eq!(targets.len(), states.len());
    let first = states.are_set().position(|is_set| !is_set)?;
    let target = get_or_default(targets, first);
    let decided = states.are_set().skip(first).position(|is_set| is_set);
    let run = decided.or_else(|| targets.iter().skip(first).position(|&next| next != target));
    Some((first, run.map_or(states.len().min(targets.len()), |length| first + length)))
}

/// Returns the number of consecutive entries, from the first on, that have the target node of the first.
pub fn run_length(targets: &[i32]) -> usize {
    targets.iter().take_while(|&target| Some(target) == targets.first()).count()
}

/// Which of the submitted pages have to be queried again before [`apply_results`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requery {
    Nothing,
    /// Those that the kernel reports to be shared.
    Shared,
    All,
}

impl Requery {
    /// Evaluates the kernel's statuses.
    #[inline(never)]
    pub fn after(states: SubmitStates) -> Self {
        let mut requery = Requery::Nothing;
        for index in (0..states.len()).filter(|&index| !states.is_on_node(index)) {
            match states.get(index) {
                Some(EntryState::Failed(errno::EACCES)) => requery = Requery::Shared,
                state if is_ambiguous(state) => return Requery::All,
                _ => {}
            }
        }
        requery
    }
}

/// Returns whether a page has to be queried again before the state of its entry is known. The kernel reports EBUSY both for a busy page and for
/// one that an earlier entry moves (Linux 6.1: EACCES for a hugetlb page), ENOENT for an absent page and for one in flight (Linux 6.1: EFAULT
/// for a huge page), and EFAULT for an unmapped page and for an unmovable one.
fn is_ambiguous(state: Option<EntryState>) -> bool {
    match state {
        None | Some(EntryState::NotMigrated) => true,
        Some(EntryState::Failed(errno)) => stayed_put(errno) || matches!(errno, errno::ENOENT | errno::EFAULT),
        Some(_) => false,
    }
}

/// Sets the states of the first `count` entries of `order` after an attempt, and keeps those in `order` that may be submitted again: `count`
/// becomes their number. `current_node` holds the nodes of the pages if `known`. Returns whether a target node is full.
pub fn apply_results(batch: &mut Batch, count: &mut usize, known: bool) -> bool {
    let (mut kept, mut full) = (0, false);
    for index in 0..*count {
        let entry = get_or_default(batch.order, index);
        let target = get_or_default(batch.submit_targets, index);
        let is_confirmed = !known || get_or_default(batch.current_node, index) == target;
        if is_confirmed && batch.submit_states.is_on(index, target) {
            batch.states.set_status(entry as usize, target);
            continue;
        }
        let result = batch.submit_states.get(index);
        let current = EntryState::from_stored(get_or_default(batch.current_node, index));
        let is_gone = known && !matches!(current, EntryState::OnNode(_));
        let state = match result {
            // Also if the kernel reports that it has moved: Linux 6.12 maps the zero page in place of a part of a huge page that holds only
            // zeros when it splits the huge page, and reports the target node.
            _ if is_gone => current,
            Some(state) if !is_ambiguous(result) => state,
            _ if known && current.is_on(target) => current,
            // The kernel stopped before this entry.
            None if known => current,
            None => continue,
            Some(state @ EntryState::Failed(errno::EACCES)) => state,
            Some(state) => {
                set_checked(batch.order, kept, entry);
                kept += 1;
                full |= state == EntryState::Failed(errno::ENOMEM);
                match state {
                    EntryState::Failed(errno::ENOENT) => EntryState::NotMigrated,
                    EntryState::Failed(errno::EFAULT) if known => EntryState::Unmovable,
                    state => state,
                }
            }
        };
        batch.states.set(entry as usize, state);
    }
    *count = kept;
    full
}

/// Keeps those of the first `count` entries of `order` whose target nodes are not full. Returns their number.
pub fn drop_full_targets(batch: &mut Batch, count: usize) -> usize {
    keep(batch, count, |batch, entry| !batch.states.is(entry, EntryState::Failed(errno::ENOMEM)))
}

/// Keeps those of the first `count` entries of `order` that are not split huge pages. Returns their number.
pub fn drop_split(batch: &mut Batch, count: usize) -> usize {
    keep(batch, count, |batch, entry| !matches!(batch.states.get(entry), EntryState::Split(_)))
}

/// Keeps those of the first `count` entries of `order` that have a target node. Returns their number.
pub fn drop_without_target(batch: &mut Batch, count: usize) -> usize {
    keep(batch, count, |batch, entry| batch.targets.get(entry).is_some())
}

/// Keeps those of the first `count` entries of `order` that meet `condition`. Returns their number.
fn keep(batch: &mut Batch, count: usize, condition: fn(&Batch, usize) -> bool) -> usize {
    let mut kept = 0;
    for index in 0..count {
        let entry = get_or_default(batch.order, index);
        if condition(batch, entry as usize) {
            set_checked(batch.order, kept, entry);
            kept += 1;
        }
    }
    kept
}

/// Corrects the states of pages that have moved, by `current_node`, which holds the node of every entry's page. Returns whether a page has
/// left its target node for that of another entry.
pub fn reconcile(batch: &mut Batch) -> bool {
    let mut displaced = false;
    for entry in 0..batch.states.len() {
        let (state, old_node) = (batch.states.get(entry), get_or_default(batch.old_node, entry));
        let Some(target) = batch.targets.get(entry) else { continue };
        let node = get_or_default(batch.current_node, entry);
        let has_moved = match state {
            EntryState::SameAs(_) | EntryState::Split(_) => continue,
            EntryState::OnNode(_) => true,
            state => node != old_node && has_stayed(state),
        };
        if has_moved {
            let was_on_target = match state {
                EntryState::OnNode(node) => node == target || old_node == target,
                _ => true,
            };
            displaced |= node >= 0 && node != target && was_on_target;
            batch.states.set_status(entry, node);
        } else {
            // It may have moved with another part of its huge page.
            set_checked(batch.old_node, entry, node);
        }
    }
    displaced
}

/// Returns the number of base pages that an entry counts as.
pub fn base_pages(batch: &Batch, entry: usize) -> usize {
    get_or_default(batch.base_pages, entry) as usize
}

/// Returns the number of base pages that the first `count` entries of `order` count as.
#[inline(never)]
pub fn total_base_pages(batch: &Batch, count: usize) -> usize {
    batch.order.iter().take(count).map(|&entry| base_pages(batch, entry as usize)).sum()
}

/// Returns whether any of the first `count` entries of `order` is unmovable.
pub fn any_unmovable(batch: &Batch, count: usize) -> bool {
    batch.order.iter().take(count).any(|&entry| batch.states.is(entry as usize, EntryState::Unmovable))
}

/// Fills the submission with the entries whose pages have not moved, except those that stand for a whole huge page. Returns their number.
pub fn fill_stayed(batch: &mut Batch) -> usize {
    let mut count = 0;
    for (entry, (state, target)) in (0..).zip(batch.states.iter().zip(batch.targets.iter())) {
        if target.is_some() && has_stayed(state) && base_pages(batch, entry as usize) <= 1 {
            set_checked(batch.order, count, entry);
            count += 1;
        }
    }
    fill_submission(batch, count);
    count
}

/// Sets the states of those of the first `count` entries of `order` whose pages have moved since, by `current_node`.
pub fn apply_stayed(batch: &mut Batch, count: usize) {
    for index in 0..count {
        let entry = get_or_default(batch.order, index) as usize;
        let node = get_or_default(batch.current_node, index);
        if node != get_or_default(batch.old_node, entry) {
            batch.states.set_status(entry, node);
        }
    }
}

/// Marks unmovable pages as not migrated, because some of them were in flight.
pub fn mark_unmovable_busy(batch: &mut Batch) {
    for entry in 0..batch.states.len() {
        if batch.states.is(entry, EntryState::Unmovable) {
            batch.states.set(entry, EntryState::NotMigrated);
        }
    }
}

/// Fills `order` with all entries whose pages are present, in the order of the request. Returns their number.
pub fn restore_request_order(batch: &mut Batch) -> usize {
    let mut count = 0;
    for (entry, (node, target)) in (0..).zip(batch.states.nodes().zip(batch.targets.iter())) {
        if node.is_some() && target.is_some() {
            set_checked(batch.order, count, entry);
            count += 1;
        }
    }
    count
}

/// Sets the states of duplicates to the state of the last entry that names the page; or to the node of the page if it has not moved and is on
/// the duplicate's target node.
pub fn copy_to_duplicates(batch: &mut Batch) {
    for entry in 0..batch.states.len() {
        if let EntryState::SameAs(last) = batch.states.get(entry) {
            let last = last as usize;
            let (old_node, state) = (get_or_default(batch.old_node, last), batch.states.get(last));
            let is_on_target = has_stayed(state) && batch.targets.get(entry) == Some(old_node);
            if is_on_target {
                batch.states.set_status(entry, old_node);
            } else {
                batch.states.set(entry, state);
            }
        }
    }
}

/// Returns what [`outcome`] depends on.
#[inline]
pub fn basis(batch: &Batch, entry: usize) -> (i32, i32, i32) {
    let (targets, states) = (batch.targets.stored(), batch.states.statuses());
    (get_or_default(batch.old_node, entry), get_or_default(targets, entry), get_or_default(states, entry))
}

/// Returns the outcome of an entry; `None` if it was not submitted because the move was cancelled.
pub fn outcome(batch: &Batch, entry: usize, cancelled: bool) -> Option<PageOutcome> {
    let (old_node, target) = (get_or_default(batch.old_node, entry), batch.targets.get(entry));
    match (batch.states.node(entry), target) {
        // Most pages: the same outcome as below, in few instructions.
        (Some(_), None) => Some(PageOutcome::InPlace),
        (Some(node), Some(target)) if node == target => {
            Some(if node == old_node { PageOutcome::InPlace } else { PageOutcome::Moved })
        }
        _ => batch.states.get(entry).outcome(old_node, target, cancelled),
    }
}

/// Returns whether a page in this state has not moved.
fn has_stayed(state: EntryState) -> bool {
    match state {
        EntryState::Failed(errno) => stayed_put(errno),
        state => matches!(state, EntryState::NotMigrated | EntryState::Unmovable),
    }
}

/// Returns whether the kernel reports this errno for pages that have not moved.
fn stayed_put(errno: i32) -> bool {
    matches!(errno, errno::EACCES | errno::EBUSY | errno::ENOMEM)
}

//! What to ask the kernel for, and what its answers mean: decisions alone, no calls.
//!
//! A request is worked on in windows of a bounded number of entries. Of each window the kernel says first where the pages are
//! (`before`). [`plan`] leaves out what needs no move, and puts the rest in order of targets, since the kernel moves in one go
//! what follows each other and has one target. What came of the tries is read off by [`failed_run`] and [`sort_out`].

use super::stats::Outcome;
use crate::bitmask::BitsMut;
use crate::nodeset::MAX_NUMNODES;
use crate::sys::errno;
use core::sync::atomic::{AtomicI32, Ordering};

/// A target for pages that are not meant.
pub const NO_TARGET: i32 = i32::MIN;

// Marks in places of statuses, which are nodes or negative errnos. They are far below every errno.

/// The kernel has not written a status.
pub const UNWRITTEN: i32 = i32::MIN;
/// The kernel tried to move the page and could not, and did not say why.
pub const TRIED: i32 = i32::MIN + 1;
/// The process may not have pages on the target.
pub const NODE_DENIED: i32 = i32::MIN + 2;
/// The page is there, but the kernel says -EFAULT of it when it shall move: the mapping's pages never do, such as those of [vvar] since
/// Linux 7.
pub const UNMOVABLE: i32 = i32::MIN + 3;
/// The huge page that the entry stood for is not mapped as one any more: its base pages are looked at one by one.
pub const SPLIT: i32 = i32::MIN + 4;
/// The same of one that the kernel called moved.
pub const SPLIT_AND_MOVED: i32 = i32::MIN + 5;
/// The same of one whose first base page was on its target before.
pub const SPLIT_IN_PLACE: i32 = i32::MIN + 6;
/// As the entry with this number, which names the same page and comes later.
const AS_ANOTHER: i32 = i32::MIN + 16;
const LAST_MARK: i32 = i32::MIN / 2;

/// What a request's entries are and what becomes of them: one place for each entry in every slice.
pub struct Window<'a> {
    /// An address in the page.
    pub pages: &'a mut [usize],
    /// The node it shall be on.
    pub targets: &'a mut [i32],
    /// The node it was on at first, or a negative errno.
    pub before: &'a mut [i32],
    /// The same at the end.
    pub after: &'a mut [i32],
    /// The entries to be tried, in the order of trying.
    pub order: &'a mut [u32],
    /// The pages and targets of those in `order`, as the kernel wants them.
    pub try_pages: &'a mut [usize],
    pub try_targets: &'a mut [i32],
    /// What the kernel says of them. Several threads write here, each in its own part.
    pub tried: &'a [AtomicI32],
    /// Where pages were found to be, asked for in between.
    pub found: &'a mut [i32],
    /// A hash table of entries, by their pages: two places for each.
    pub table: &'a mut [u32],
    /// How many base pages the entry counts as; 0: it is not counted.
    pub weights: &'a mut [u32],
}

/// Nobody's place in a table.
const NOBODY: u32 = u32::MAX;

/// Bytes of scratch memory for each entry of a window.
pub const BYTES_PER_ENTRY: usize = 2 * size_of::<usize>() + 10 * size_of::<i32>();

impl Window<'_> {
    /// Leaves but the first `count` entries; all that there are if these are fewer.
    #[inline(never)]
    pub fn cut(&mut self, count: usize) {
        /// In range: all parts have as many entries.
        fn first<T>(part: &mut &mut [T], count: usize) {
            debug_assert!(count <= part.len());
            *part = core::mem::take(part).get_mut(..count).unwrap_or_default();
        }
        let count = count.min(self.pages.len());
        first(&mut self.pages, count);
        first(&mut self.try_pages, count);
        first(&mut self.targets, count);
        first(&mut self.before, count);
        first(&mut self.after, count);
        first(&mut self.order, count);
        first(&mut self.try_targets, count);
        first(&mut self.found, count);
        first(&mut self.weights, count);
        first(&mut self.table, count.saturating_mul(2));
        debug_assert!(count <= self.tried.len());
        self.tried = self.tried.get(..count).unwrap_or_default();
    }
}

/// The value at `index`, which is in range.
fn at<T: Copy + Default>(values: &[T], index: usize) -> T {
    debug_assert!(index < values.len());
    values.get(index).copied().unwrap_or_default()
}

/// Replaces the value at `index`, which is in range.
fn put<T>(values: &mut [T], index: usize, value: T) {
    debug_assert!(index < values.len());
    if let Some(place) = values.get_mut(index) {
        *place = value;
    }
}

/// What [`plan`] found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// How many entries are to be tried: the first ones of `order`.
    pub pending: usize,
    /// Whether moving one page can change where another entry's page is: pages that are named twice, and huge pages of which parts
    /// have several targets.
    pub entangled: bool,
}

/// Whether a kernel can have such a node, any other being ENODEV; [`NO_TARGET`] too.
pub fn can_be(target: i32) -> bool {
    (0..MAX_NUMNODES as i32).contains(&target) || target == NO_TARGET
}

/// An address where no process can have a page: in the last page of the address space.
pub const NO_PAGE: usize = usize::MAX;

/// Writes down those targets that are not in `known`, in the order in which they are named first, with no pages, and adds them
/// there. Returns how many.
pub fn list_targets(window: &mut Window, known: BitsMut) -> usize {
    let mut count = 0;
    for &target in window.targets.iter().take_while(|&&target| can_be(target)) {
        if let Ok(node) = usize::try_from(target)
            && !known.as_bits().contains(node)
        {
            known.set(node);
            put(window.try_targets, count, target);
            put(window.try_pages, count, NO_PAGE);
            count += 1;
        }
    }
    window.tried.iter().take(count).for_each(|status| status.store(UNWRITTEN, Ordering::Relaxed));
    count
}

/// Decides which entries are to be tried, and in which order. `after` says where the pages are now, and receives what is decided already.
pub fn plan(window: &mut Window, page_bits: u32) -> Plan {
    let mut plan = Plan::default();
    // Pages in order have no duplicates.
    if !window.pages.is_sorted_by(|first, second| first >> page_bits < second >> page_bits) {
        plan.entangled = settle_duplicates(window, page_bits);
    }
    // How many entries each target has; then, where in the order its next one goes.
    let mut places = [0u32; MAX_NUMNODES];
    let mut only_target = None;
    for (after, &target) in window.after.iter_mut().zip(window.targets.iter()) {
        if *after >= 0 && target != NO_TARGET {
            plan.entangled |= *only_target.get_or_insert(target) != target;
        }
        if wanted(*after, target) {
            match place_of(target, &mut places) {
                Some(count) => *count += 1,
                None => *after = -errno::ENODEV,
            }
        }
    }
    let mut next = 0;
    for place in &mut places {
        next += core::mem::replace(place, next);
    }
    plan.pending = next as usize;
    for (entry, (&after, &target)) in window.after.iter().zip(window.targets.iter()).enumerate() {
        if wanted(after, target)
            && let Some(place) = place_of(target, &mut places)
        {
            put(window.order, *place as usize, entry as u32);
            *place += 1;
        }
    }
    plan
}

/// Whether an entry with this status is to be tried.
fn wanted(status: i32, target: i32) -> bool {
    status >= 0 && status != target && target != NO_TARGET
}

fn place_of(target: i32, places: &mut [u32; MAX_NUMNODES]) -> Option<&mut u32> {
    places.get_mut(usize::try_from(target).ok()?)
}

/// Of entries that name one page, leaves only the last to be tried. Returns whether there may be any.
fn settle_duplicates(window: &mut Window, page_bits: u32) -> bool {
    /// How many places of the table are looked at for a page at most. Where they are all taken, a page can stay in the request twice:
    /// it is moved twice then, and looked at again.
    const MAX_PROBES: usize = 64;
    let page = |entry: u32| at(window.pages, entry as usize) >> page_bits;
    let slots = window.table.len();
    window.table.fill(NOBODY);
    let mut any = false;
    for entry in (0..window.pages.len() as u32).rev() {
        let mut slot = (((mix(page(entry) as u64) >> 32) * slots as u64) >> 32) as usize;
        let mut probes = 0;
        loop {
            match window.table.get_mut(slot) {
                Some(place) if *place == NOBODY => {
                    *place = entry;
                    break;
                }
                Some(&mut last) if page(last) == page(entry) => {
                    any = true;
                    if at(window.before, entry as usize) >= 0 {
                        put(window.after, entry as usize, AS_ANOTHER + last as i32);
                    }
                    break;
                }
                _ if probes == MAX_PROBES => {
                    any = true;
                    break;
                }
                Some(_) => slot += 1,
                None => slot = 0,
            }
            probes += 1;
        }
    }
    any
}

/// Spreads the bits of a page's number over the whole word, so that pages at any distance from each other get different places.
fn mix(number: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let once = (number ^ number >> 32).wrapping_mul(ODD);
    let twice = (once ^ once >> 29).wrapping_mul(ODD);
    twice ^ twice >> 32
}

/// Writes down the first `count` of `order` as the kernel wants them, with nothing said of them yet.
pub fn write_down(window: &mut Window, count: usize) {
    debug_assert!(count <= window.order.len());
    let entries = window.order.iter().take(count);
    for ((&entry, page), target) in entries.zip(window.try_pages.iter_mut()).zip(window.try_targets.iter_mut()) {
        *page = at(window.pages, entry as usize);
        *target = at(window.targets, entry as usize);
    }
    window.tried.iter().take(count).for_each(|status| status.store(UNWRITTEN, Ordering::Relaxed));
}

/// Of a call that the kernel ended early, the entries that made it do so: it moves in one go what has one target, and an entry that
/// it can decide at once ends that too. All behind them were not tried. None if all was tried.
pub fn failed_run(targets: &[i32], tried: &[AtomicI32]) -> Option<(usize, usize)> {
    debug_assert_eq!(targets.len(), tried.len());
    let written = |status: &AtomicI32| status.load(Ordering::Relaxed) != UNWRITTEN;
    let first = tried.iter().position(|status| !written(status))?;
    let target = at(targets, first);
    let rest = || tried.iter().zip(targets).skip(first);
    let decided = rest().position(|(status, _)| written(status));
    let run = decided.or_else(|| rest().position(|(_, &next)| next != target));
    Some((first, run.map_or(tried.len().min(targets.len()), |length| first + length)))
}

/// How many entries in a row have the target of the first.
pub fn run_length(targets: &[i32]) -> usize {
    targets.iter().take_while(|&target| Some(target) == targets.first()).count()
}

/// Whether something of what was tried has to be asked for again before [`sort_out`].
pub fn is_unclear(tried: &[AtomicI32]) -> bool {
    tried.iter().any(|status| may_be_there(status.load(Ordering::Relaxed)))
}

/// Whether an entry with this status may be on its target all the same: -EBUSY is also said of a page that an entry before it moves,
/// by Linux 6.1 -EACCES of a hugetlb page, -ENOENT (by Linux 6.1 also -EFAULT) of a page that is moved by someone else at this moment,
/// and -EFAULT of one that cannot move.
fn may_be_there(status: i32) -> bool {
    matches!(status, UNWRITTEN | TRIED) || is_held(status) || matches!(-status, errno::ENOENT | errno::EFAULT)
}

/// Reads off what became of the first `count` of `order`, and keeps those of them there that may be tried again: `count` says how
/// many. `found` says where the pages are, where that is `known`. Returns whether a target is full.
pub fn sort_out(window: &mut Window, count: &mut usize, known: bool) -> bool {
    let (mut kept, mut full) = (0, false);
    for index in 0..*count {
        let entry = at(window.order, index);
        debug_assert!(index < window.tried.len());
        let status = window.tried.get(index).map_or(UNWRITTEN, |status| status.load(Ordering::Relaxed));
        let (target, found) = (at(window.try_targets, index), at(window.found, index));
        let after = match status {
            _ if !may_be_there(status) => status,
            _ if known && (found < 0 || found == target) => found,
            // It was not its turn any more.
            UNWRITTEN if known => found,
            UNWRITTEN => continue,
            _ if status == -errno::EACCES => status,
            _ => {
                put(window.order, kept, entry);
                kept += 1;
                full |= status == -errno::ENOMEM;
                match -status {
                    errno::ENOENT => TRIED,
                    errno::EFAULT if known => UNMOVABLE,
                    _ => status,
                }
            }
        };
        put(window.after, entry as usize, after);
    }
    *count = kept;
    full
}

/// Of the first `count` of `order`, keeps those whose target is not full.
pub fn leave_full(window: &mut Window, count: usize) -> usize {
    keep(window, count, |after| after != -errno::ENOMEM)
}

/// Of the first `count` of `order`, keeps those whose huge page was not split.
pub fn leave_split(window: &mut Window, count: usize) -> usize {
    keep(window, count, |after| after != SPLIT)
}

/// Keeps those of the first `count` of `order` of which this is true. Returns how many.
fn keep(window: &mut Window, count: usize, condition: fn(i32) -> bool) -> usize {
    let mut kept = 0;
    for index in 0..count {
        let entry = at(window.order, index);
        if condition(at(window.after, entry as usize)) {
            put(window.order, kept, entry);
            kept += 1;
        }
    }
    kept
}

/// Takes what `found` says of all entries for the truth, unless a page stayed where it was. Whether a page has left its target again,
/// for that of another entry.
pub fn look_back(window: &mut Window) -> bool {
    let mut left = false;
    for entry in 0..window.after.len() {
        let Fate { before, after, target, own } = fate(window, entry);
        let found = at(window.found, entry);
        let has_moved = after >= 0 || found != before && has_stayed(after);
        if !own || target == NO_TARGET || counted_until_then(after).is_some() {
            continue;
        }
        if has_moved {
            left |= found >= 0 && found != target && (after == target || before == target || after < 0);
            put(window.after, entry, found);
        } else {
            // Another part of its huge page may have taken it along.
            put(window.before, entry, found);
        }
    }
    left
}

/// How many base pages an entry counts as.
pub fn weight(window: &Window, entry: usize) -> usize {
    at(window.weights, entry) as usize
}

/// How many base pages the first `count` of `order` count as.
pub fn weight_of(window: &Window, count: usize) -> usize {
    window.order.iter().take(count).map(|&entry| weight(window, entry as usize)).sum()
}

/// Returns whether the kernel said -EFAULT of pages of the first `count` of `order`, although they are there.
pub fn any_unmovable(window: &Window, count: usize) -> bool {
    window.order.iter().take(count).any(|&entry| at(window.after, entry as usize) == UNMOVABLE)
}

/// Writes down the entries whose pages stayed, but not those that stand for a whole huge page. Returns how many.
pub fn write_down_held(window: &mut Window) -> usize {
    let mut count = 0;
    for (entry, (&after, &target)) in window.after.iter().zip(window.targets.iter()).enumerate() {
        if target != NO_TARGET && has_stayed(after) && at(window.weights, entry) <= 1 {
            put(window.order, count, entry as u32);
            count += 1;
        }
    }
    write_down(window, count);
    count
}

/// Takes what `found` says of the first `count` of `order`, whose pages stayed, unless it is where they were.
pub fn settle_held(window: &mut Window, count: usize) {
    for index in 0..count {
        let entry = at(window.order, index) as usize;
        let found = at(window.found, index);
        if found != at(window.before, entry) {
            put(window.after, entry, found);
        }
    }
}

/// Marks pages of which the kernel said -EFAULT as tried, since some of them were in flight.
pub fn call_unmovable_busy(window: &mut Window) {
    window.after.iter_mut().filter(|after| **after == UNMOVABLE).for_each(|after| *after = TRIED);
}

/// Lists all entries whose pages are there in the order of the request. Returns their number.
pub fn in_order(window: &mut Window) -> usize {
    let mut count = 0;
    for (entry, (&after, &target)) in window.after.iter().zip(window.targets.iter()).enumerate() {
        if after >= 0 && target != NO_TARGET {
            put(window.order, count, entry as u32);
            count += 1;
        }
    }
    count
}

/// What becomes of an entry's page.
struct Fate {
    before: i32,
    after: i32,
    /// Where it shall be in the end.
    target: i32,
    /// Whether the entry speaks for itself: not one of several that name a page, of which the last counts.
    own: bool,
}

/// What becomes of the page of an entry.
fn fate(window: &Window, entry: usize) -> Fate {
    let status = at(window.after, entry);
    let own = !(AS_ANOTHER..LAST_MARK).contains(&status);
    let entry = if own { entry } else { (status - AS_ANOTHER) as usize };
    Fate { before: at(window.before, entry), after: at(window.after, entry), target: at(window.targets, entry), own }
}

/// Gives the entries that name a page a further time what became of it: why it did not go on, or the node they wanted.
pub fn finish_duplicates(window: &mut Window) {
    for entry in 0..window.after.len() {
        let Fate { before, after, own, .. } = fate(window, entry);
        if !own {
            let is_content = has_stayed(after) && before == at(window.targets, entry);
            put(window.after, entry, if is_content { before } else { after });
        }
    }
}

/// Returns what became of each entry of a window; none for one that was not tried because the move was cancelled (`stopped`).
pub fn outcome(window: &Window, entry: usize, stopped: bool) -> Option<Outcome> {
    Outcome::of(at(window.before, entry), at(window.after, entry), at(window.targets, entry), stopped)
}

/// Returns as what a huge page that was split counts until its base pages are looked at, if this is the mark of one.
pub fn counted_until_then(mark: i32) -> Option<Option<Outcome>> {
    match mark {
        SPLIT => Some(None),
        SPLIT_AND_MOVED => Some(Some(Outcome::Moved)),
        SPLIT_IN_PLACE => Some(Some(Outcome::InPlace)),
        _ => None,
    }
}

/// Whether a page stayed where it was, by its status or the mark in its place.
fn has_stayed(after: i32) -> bool {
    is_held(after) || matches!(after, TRIED | UNMOVABLE)
}

/// Whether a status says that a page stayed where it was.
fn is_held(status: i32) -> bool {
    matches!(-status, errno::EACCES | errno::EBUSY | errno::ENOMEM)
}

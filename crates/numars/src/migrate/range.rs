//! Moving and counting the present pages of an address range.

use super::batch::{self, Batch, get_or_default, set_checked};
use super::mover::{MIN_BATCH, Mover};
use super::ops::{MovePagesOps, PresentPages};
use super::outcome::PageOutcome;
use super::plan;
use super::status::EntryState;
use super::targets::{PageInfo, PageTargets};
use super::vma::Mappings;
use crate::sys::errno;
use crate::sys::files::File;
use crate::sys::memory::{Arena, Scratch};
use crate::sys::move_request::MoveRequest;

/// Entries of a batch for base pages of a huge page that was split.
const SPLIT_ENTRIES: usize = 512;

/// Regions of huge pages that one PAGEMAP_SCAN call lists when split pages are looked for.
const REGIONS: usize = 64;

/// Upper bound for the number of programs that a process may execute while it is moved.
const MAX_PROGRAMS: usize = 16;

impl<K: MovePagesOps> Mover<'_, K> {
    /// Moves the present pages of a range as [`Mover::move_range_in`], with memory of its own.
    pub fn move_range(
        &mut self,
        start: usize,
        length: usize,
        follow_exec: bool,
        targets: &mut PageTargets,
    ) -> Result<(), i32> {
        let mut scratch = self.scratch_for_range(length, 0)?;
        let memory = &mut self.carve_range(&mut scratch).0;
        self.move_range_in(memory, start, length, follow_exec, targets)
    }

    /// Moves the present pages of a range to the nodes that `targets` decides. If the process executes another program meanwhile,
    /// `follow_exec` moves the pages of that one, otherwise the result is ESRCH. The caller calls [`Mover::finish`] afterwards.
    pub fn move_range_in(
        &mut self,
        memory: &mut RangeMemory,
        start: usize,
        length: usize,
        follow_exec: bool,
        targets: &mut PageTargets,
    ) -> Result<(), i32> {
        for program in 1..=MAX_PROGRAMS {
            let mut walk = self.kernel.walk(start, length, self.page_bits, memory.excluded).ok_or(errno::EINVAL)?;
            if walk.lacks_proc() {
                if self.submit(MoveRequest::PROBE) {
                    return Err(errno::ENOENT);
                }
                // The process is ending or has ended.
                self.check_process(&walk);
                break;
            }
            let needs_counts = targets.start_counting();
            if needs_counts && self.count_walk(&mut walk, memory, &mut |node, pages| targets.count(node, pages)) {
                targets.finish_counting();
            }
            let mappings = if targets.needs_mappings() { self.kernel.mappings(false) } else { Mappings::unknown() };
            let mut targets = RangeTargets { targets, mappings, pass: 0, page_bits: self.page_bits, last: None };
            for pass in 0..targets.targets.passes() {
                if pass > 0 || needs_counts {
                    walk.rewind();
                }
                if self.is_stopped() || self.error != 0 {
                    break;
                }
                (targets.pass, targets.last) = (pass, None);
                self.move_pass(&mut walk, memory, &mut targets);
                if self.is_stopped() || self.error != 0 || walk.is_mm_gone() {
                    break;
                }
            }
            let has_executed = self.error == 0 && !self.is_stopped() && !self.kernel.has_ended() && walk.is_mm_gone();
            if has_executed && follow_exec {
                self.tally.forget_unmoved();
                if program < MAX_PROGRAMS {
                    continue;
                }
                self.record_error(errno::EAGAIN);
            }
            self.check_process(&walk);
            break;
        }
        Ok(())
    }

    /// Allocates scratch memory for the batches of a range and of a split huge page, and `more` bytes.
    pub fn scratch_for_range(&mut self, length: usize, more: usize) -> Result<Scratch, i32> {
        let more_entries = SPLIT_ENTRIES + more.div_ceil(batch::BYTES_PER_ENTRY);
        self.scratch((length >> self.page_bits).max(MIN_BATCH), more_entries)
    }

    /// Divides memory of [`Mover::scratch_for_range`] into that of the batches and the rest.
    pub fn carve_range<'m>(&self, scratch: &'m mut Scratch) -> (RangeMemory<'m>, Arena<'m>) {
        let excluded = scratch.range();
        let mut arena = scratch.arena();
        let words = (self.entries + SPLIT_ENTRIES) * batch::BYTES_PER_ENTRY / size_of::<usize>();
        (RangeMemory { words: arena.alloc_slice(words), excluded }, arena)
    }

    /// Moves the pages of a range once.
    fn move_pass(&mut self, walk: &mut K::Walk, memory: &mut RangeMemory, targets: &mut RangeTargets) {
        while !walk.is_done() && !self.check_limits() {
            let arena = &mut Arena::over(memory.words);
            let batch = &mut Batch::carve(arena, self.entries);
            let count = walk.fill(batch.pages, self.max_base_pages(), batch.submit_pages);
            batch.truncate(count);
            batch.has_sizes = true;
            if count > 0 {
                if !self.locate_batch(batch, true) {
                    break;
                }
                if targets.targets.needs_mappings() && !walk.shows_huge_pages() && !targets.mappings.has_sizes() {
                    targets.mappings = self.kernel.mappings(true);
                }
                for (entry, (&page, &node)) in batch.pages.iter().zip(batch.old_node.iter()).enumerate() {
                    let base_pages = walk.base_pages(page);
                    let (address, order) = (walk.address(page), walk.order(page));
                    let target = if node < 0 { None } else { targets.target(address, order, node, base_pages) };
                    batch.targets.set(entry, target);
                    set_checked(batch.base_pages, entry, target.map_or(0, |_| base_pages as u32));
                }
                if self.progress.is_some() {
                    // Otherwise a progress report would count them as requested.
                    exclude_kernel_mappings(batch, walk, false, &|_| true);
                }
                let has_moved = self.migrate_to(batch, targets, Some(walk));
                // A huge page whose first base page is absent by now may have other base pages.
                let is_without_head = |(&page, &node): (&usize, &i32)| node < 0 && walk.base_pages(page) > 1;
                if has_moved || batch.pages.iter().zip(batch.old_node.iter()).any(is_without_head) {
                    exclude_kernel_mappings(batch, walk, true, &|outcome| {
                        matches!(
                            outcome,
                            Some(PageOutcome::Busy | PageOutcome::Stuck | PageOutcome::Unmovable | PageOutcome::Shared)
                        )
                    });
                    let scratch = arena.alloc_slice(SPLIT_ENTRIES * batch::BYTES_PER_ENTRY / size_of::<usize>());
                    self.move_split_pages(batch, scratch, walk, targets);
                } else {
                    self.record_outcomes(batch);
                }
            }
            self.report_progress();
        }
    }

    /// Migrates a batch as [`Mover::migrate_batch`], and pages whose target node is full to another one, as far as `targets` has any.
    fn migrate_to(&mut self, batch: &mut Batch, targets: &mut RangeTargets, mut walk: Option<&mut K::Walk>) -> bool {
        let had_to_move = self.migrate_batch(batch, walk.as_deref_mut());
        // Until no page has another target node, or none of those had to move.
        let mut has_more = had_to_move;
        while has_more && !self.is_stopped() && targets.redirect(batch) {
            has_more = self.migrate_batch(batch, walk.as_deref_mut());
        }
        targets.note_unmoved(batch);
        had_to_move
    }

    /// Finishes a batch of a range. Moves huge pages that the kernel or the process has split base page by base page, because the status of
    /// such an entry is that of its first base page only.
    fn move_split_pages(
        &mut self,
        batch: &mut Batch,
        scratch: &mut [usize],
        walk: &mut K::Walk,
        targets: &mut RangeTargets,
    ) {
        self.mark_split(batch, walk);
        self.record_outcomes(batch);
        for entry in 0..batch.pages.len() {
            if let EntryState::Split(counted) = batch.states.get(entry) {
                let (page, target) = (get_or_default(batch.pages, entry), batch.targets.get(entry));
                let old_node = get_or_default(batch.old_node, entry);
                let (mut first, mut left) = (walk.address(page), walk.base_pages(page));
                while left > 0 {
                    let count = left.min(SPLIT_ENTRIES);
                    let base_pages = &mut Batch::carve(&mut Arena::over(scratch), SPLIT_ENTRIES);
                    base_pages.truncate(count);
                    base_pages.has_sizes = true;
                    self.fill_base_pages(first, base_pages.pages);
                    self.move_base_pages(base_pages, old_node, target, counted, targets);
                    first = first.wrapping_add(count << self.page_bits);
                    left -= count;
                }
            }
        }
    }

    /// Marks entries of huge pages that are no longer mapped as one. They count as requested, and under the outcome that the kernel reported
    /// if it is moved or in place, until their base pages are located.
    pub(super) fn mark_split(&mut self, batch: &mut Batch, walk: &mut K::Walk) {
        let pages = core::mem::take(&mut batch.pages);
        walk.find_split(pages, &mut [0; REGIONS * File::REGION], &mut |entry| {
            if matches!(batch.states.get(entry), EntryState::Split(_)) {
                return;
            }
            let is_counted = |outcome: &PageOutcome| matches!(outcome, PageOutcome::Moved | PageOutcome::InPlace);
            let counted = plan::outcome(batch, entry, true).filter(is_counted);
            self.record(counted, batch.targets.get(entry), plan::base_pages(batch, entry));
            batch.states.set(entry, EntryState::Split(counted));
            set_checked(batch.base_pages, entry, 0);
        });
        batch.pages = pages;
    }

    /// Fills `pages` with the addresses of consecutive base pages, the first of which is `first`.
    fn fill_base_pages(&self, first: usize, pages: &mut [usize]) {
        for (number, page) in pages.iter_mut().enumerate() {
            *page = first.wrapping_add(number << self.page_bits);
        }
    }

    /// Moves the base pages of a huge page that was on `old_node` and had the target node `target`. If it had one, its base pages already
    /// count as requested, and under the outcome `counted`.
    fn move_base_pages(
        &mut self,
        batch: &mut Batch,
        old_node: i32,
        target: Option<i32>,
        counted: Option<PageOutcome>,
        targets: &mut RangeTargets,
    ) {
        let has_target = target.is_some();
        if has_target {
            self.retract(counted, target, batch.pages.len());
        }
        // Also if the move has ended: pages that have moved count as such.
        if !self.locate_batch(batch, true) {
            self.record(None, None, if has_target { batch.pages.len() } else { 0 });
            return;
        }
        for entry in 0..batch.pages.len() {
            let node = get_or_default(batch.old_node, entry);
            let has_same_target = node < 0 || node == old_node || target == Some(node);
            let page = get_or_default(batch.pages, entry);
            let base_page_target = if has_same_target { target } else { targets.target(page, 0, node, 1) };
            batch.targets.set(entry, base_page_target);
            if base_page_target == Some(node) && old_node >= 0 {
                // It was on the huge page's node before, whoever moved it.
                set_checked(batch.old_node, entry, old_node);
            }
            set_checked(batch.base_pages, entry, u32::from(has_target || base_page_target.is_some()));
        }
        self.migrate_to(batch, targets, None);
        self.record_outcomes(batch);
        self.report_progress();
    }

    /// Records ESRCH if the process has ended or executed another program, because the pages that were located may no longer be its own; or
    /// the error of the page walk.
    fn check_process(&mut self, walk: &K::Walk) {
        if self.error == errno::EINVAL {
            // EINVAL cannot be about the flags, which earlier calls accepted: the process is a zombie.
            self.error = errno::ESRCH;
        } else if self.error == 0 && (self.kernel.has_ended() || walk.is_mm_gone()) {
            self.record_error(errno::ESRCH);
        } else if walk.error() != 0 {
            self.record_error(walk.error());
        }
        if self.error == errno::ESRCH {
            // Its pages no longer exist.
            self.tally.forget_unmoved();
        }
    }

    /// Calls `each(node, base_pages)` for every present page of a range.
    pub fn count_range(&mut self, start: usize, length: usize, each: &mut dyn FnMut(usize, usize)) -> Result<(), i32> {
        let mut scratch = self.scratch_for_range(length, 0)?;
        let memory = &mut self.carve_range(&mut scratch).0;
        let mut walk = self.kernel.walk(start, length, self.page_bits, memory.excluded).ok_or(errno::EINVAL)?;
        if !self.submit(MoveRequest::PROBE) {
            return Ok(());
        }
        if walk.lacks_proc() {
            return Err(errno::ENOENT);
        }
        self.count_walk(&mut walk, memory, each);
        self.check_process(&walk);
        Ok(())
    }

    /// Calls `each(node, base_pages)` for every present page of a walk. Returns false on an error, which is recorded, or if the move has ended.
    fn count_walk(&mut self, walk: &mut K::Walk, memory: &mut RangeMemory, each: &mut dyn FnMut(usize, usize)) -> bool {
        while !walk.is_done() {
            if self.check_limits() {
                return false;
            }
            let batch = &mut Batch::carve(&mut Arena::over(memory.words), self.entries);
            let count = walk.fill(batch.pages, usize::MAX, batch.submit_pages);
            batch.truncate(count);
            if let Err(error) = self.locate(batch.pages, batch.old_node, true) {
                self.record_error(error);
                return false;
            }
            for (&page, &node) in batch.pages.iter().zip(batch.old_node.iter()) {
                match usize::try_from(node) {
                    Ok(node) => each(node, walk.base_pages(page)),
                    Err(_) if walk.base_pages(page) > 1 => self.count_base_pages(walk, page, each),
                    Err(_) => {}
                }
            }
            self.report_progress();
        }
        true
    }

    /// Calls `each(node, 1)` for the present base pages of a huge page whose first base page is absent.
    #[cold]
    fn count_base_pages(&self, walk: &K::Walk, entry: usize, each: &mut dyn FnMut(usize, usize)) {
        const CHUNK: usize = 64;
        let (mut next, mut left) = (walk.address(entry), walk.base_pages(entry));
        while left > 0 {
            let (mut pages, mut nodes) = ([0; CHUNK], [0; CHUNK]);
            let count = left.min(CHUNK);
            let (Some(pages), Some(nodes)) = (pages.get_mut(..count), nodes.get_mut(..count)) else { return };
            self.fill_base_pages(next, pages);
            if self.locate(pages, nodes, true).is_err() {
                return;
            }
            nodes.iter().filter_map(|&node| usize::try_from(node).ok()).for_each(|node| each(node, 1));
            next = next.wrapping_add(count << self.page_bits);
            left -= count;
        }
    }
}

/// The memory of the batches of a range.
pub struct RangeMemory<'m> {
    words: &'m mut [usize],
    /// The scratch memory that it is a part of. In the calling process, its pages are neither moved nor counted.
    excluded: (usize, usize),
}

/// The target nodes of the pages of a range, in one pass.
struct RangeTargets<'a, 't> {
    targets: &'a mut PageTargets<'t>,
    mappings: Mappings,
    pass: usize,
    page_bits: u32,
    /// The first address of the last page, its node and its target node.
    last: Option<(usize, i32, Option<i32>)>,
}

impl RangeTargets<'_, '_> {
    /// Returns the target node for the page at an address. All parts of one page get the same one.
    fn target(&mut self, address: usize, order: u32, node: i32, base_pages: usize) -> Option<i32> {
        if !self.targets.needs_mappings() {
            // It depends on the node alone, which is mostly that of the last page.
            if let Some((.., target)) = self.last.filter(|&(_, last_node, _)| last_node == node) {
                return target;
            }
            let target = self.targets.target(self.pass, PageInfo { node, index: 0, base_pages });
            self.last = Some((address, node, target));
            return target;
        }
        let page = self.mappings.page_at(address, order, self.page_bits);
        let target = match self.last {
            // All parts of one page are on one node.
            Some((start, last_node, target)) if (start, last_node) == (page.start, node) => {
                if page.is_guess {
                    self.targets.moves(node, target, 1);
                }
                return target;
            }
            // So this is a page of its own.
            Some((start, ..)) if start == page.start && page.is_guess => {
                self.targets.target(self.pass, PageInfo { node, index: page.index, base_pages: 1 })
            }
            _ => {
                let info = PageInfo { node, index: page.index, base_pages: page.base_pages };
                let target = self.targets.target(self.pass, info);
                if page.is_guess {
                    // Each part counts when it is listed.
                    self.targets.stays(node, target, page.base_pages - 1);
                }
                target
            }
        };
        self.last = Some((page.start, node, target));
        target
    }

    /// Sets other target nodes for pages whose target nodes are full. Returns whether there are any.
    fn redirect(&mut self, batch: &mut Batch) -> bool {
        let mut any = false;
        for entry in 0..batch.pages.len() {
            let full = batch.targets.get(entry).filter(|_| batch.states.is(entry, EntryState::Failed(errno::ENOMEM)));
            if let Some(target) = full.and_then(|full| self.targets.target_if_full(page_info(batch, entry), full)) {
                batch.targets.set(entry, Some(target));
                batch.states.set_status(entry, get_or_default(batch.old_node, entry));
                any = true;
            }
        }
        any
    }

    /// Notes which pages of a batch have not moved.
    fn note_unmoved(&mut self, batch: &Batch) {
        if !self.targets.notes_stays() {
            return;
        }
        for entry in 0..batch.pages.len() {
            let is_unmoved = plan::outcome(batch, entry, true).is_none_or(PageOutcome::is_unmoved);
            if let (Some(target), true) = (batch.targets.get(entry), is_unmoved) {
                let page = page_info(batch, entry);
                self.targets.stays(page.node, Some(target), page.base_pages);
            }
        }
    }
}

/// Returns what is known of the page of an entry that was located.
fn page_info(batch: &Batch, entry: usize) -> PageInfo {
    PageInfo { node: get_or_default(batch.old_node, entry), index: 0, base_pages: plan::base_pages(batch, entry) }
}

/// Removes the target nodes of entries in mappings that the kernel made for itself, whose pages never move, if `may_be_kernel_mapping`
/// returns true for the outcome. They are not counted then. With `have_moved`, pages that are on a node now are not checked.
pub(super) fn exclude_kernel_mappings(
    batch: &mut Batch,
    walk: &mut impl PresentPages,
    have_moved: bool,
    may_be_kernel_mapping: &dyn Fn(Option<PageOutcome>) -> bool,
) {
    for entry in 0..batch.pages.len() {
        if have_moved && batch.states.node(entry).is_some() {
            continue;
        }
        if may_be_kernel_mapping(plan::outcome(batch, entry, true))
            && walk.is_kernel_mapping(get_or_default(batch.pages, entry))
        {
            set_checked(batch.base_pages, entry, 0);
            batch.targets.set(entry, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::placement::{PlacementMode, PlacementRequest, PlacementTargets};
    use super::*;
    use crate::nodeset::NodeMask;
    use crate::sys::files::File;
    use crate::sys::memory::Scratch;
    use crate::sys::testing::MemoryFile;

    /// Returns the target nodes of `nodes.len()` base pages in a mapping of which the kernel only says that it has huge pages, if they are to be
    /// balanced over nodes 0 and 1.
    fn balanced(nodes: &[i32]) -> Vec<i32> {
        let smaps = MemoryFile::holding(
            b"40000000-40800000 rw-p 00000000 00:00 0 \nKernelPageSize: 4 kB\nAnonHugePages: 2048 kB\n",
        );
        let set = NodeMask::new();
        [0, 1].iter().for_each(|&node| set.bits().set(node));
        let placement = PlacementRequest {
            mode: PlacementMode::Balance,
            nodes: set.bits().as_bits(),
            weights: None,
            set_policy: false,
        };
        let mut scratch = Scratch::new(PlacementTargets::BYTES).unwrap();
        let mut targets = PageTargets::Placement(PlacementTargets::new(&placement, &mut scratch.arena()).unwrap());
        targets.start_counting();
        nodes.iter().for_each(|&node| targets.count(node as usize, 1));
        targets.finish_counting();
        let mut mappings = Mappings::new(File::open(&smaps.path()), true);
        mappings.huge_size = 2 << 20;
        let mut targets = RangeTargets { targets: &mut targets, mappings, pass: 0, page_bits: 12, last: None };
        let address = |page: usize| 0x4000_0000 + (page << 12);
        nodes.iter().enumerate().map(|(page, &node)| targets.target(address(page), 0, node, 1).unwrap()).collect()
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn base_pages_of_a_mapping_with_huge_pages_are_balanced_one_by_one() {
        let alternating: Vec<i32> = (0..1024).map(|page| page % 2).collect();
        assert_eq!(balanced(&alternating), alternating);
        // A quarter on node 1.
        let targets = balanced(&(0..2048).map(|page| i32::from(page % 4 == 3)).collect::<Vec<_>>());
        let on_node_1 = targets.iter().filter(|&&node| node == 1).count();
        assert!((1024 - 512..=1024 + 512).contains(&on_node_1), "{on_node_1}");
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn what_may_be_a_huge_page_has_one_target_node() {
        let targets = balanced(&[0; 2048]);
        assert!(targets.chunks(512).all(|page| page.iter().all(|node| node == &page[0])));
        assert_eq!(targets.iter().filter(|&&node| node == 1).count(), 1024);
    }
}

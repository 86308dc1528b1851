//! Migrates one batch: plan, submit, requery, submit again, and finally statuses and statistics.

use super::batch::{Batch, get_or_default};
use super::locate::Locator;
use super::mover::Mover;
use super::ops::MovePagesOps;
use super::outcome::PageOutcome;
use super::page_state::PageState;
use super::plan::{self, Requery};
use super::range::exclude_kernel_mappings;
use super::status::EntryState;

/// Further attempts for pages that the kernel reports with EFAULT although they are present, in addition to the retries of the caller: Linux
/// 6.1 reports it for huge pages in flight.
const EFAULT_RETRIES: u32 = 8;

impl<K: MovePagesOps> Mover<'_, K> {
    /// Queries the nodes of a batch before it is migrated, and sets the states. `seen_present` is true for pages that the page walk listed.
    /// Returns false on an error, which is recorded.
    pub(super) fn locate_batch(&mut self, batch: &mut Batch, seen_present: bool) -> bool {
        if let Err(error) = self.locate(batch.pages, batch.old_node, seen_present) {
            self.record_error(error);
            return false;
        }
        if self.usage.is_cut_short.get() {
            self.check_limits();
        }
        batch.states.set_all(batch.old_node);
        batch.base_pages.fill(1);
        true
    }

    /// Queries the nodes of pages, as [`Locator::locate`].
    pub(super) fn locate(&self, pages: &[usize], nodes: &mut [i32], seen_present: bool) -> Result<(), i32> {
        let locator = Locator { kernel: &self.kernel, flags: self.options.flags, usage: &self.usage };
        locator.locate(pages, nodes, seen_present)
    }

    /// Returns whether a page of the first `count` entries of `order` that is in the state `Unmovable` may be in flight: Linux 6.1 reports
    /// EFAULT for huge pages in flight, every kernel for pages that it cannot move at all.
    pub(super) fn is_any_in_flight(&self, batch: &Batch, count: usize) -> bool {
        const CHUNK: usize = 32;
        let unmovable = |&&entry: &&u32| batch.states.is(entry as usize, EntryState::Unmovable);
        let mut entries =
            batch.order.iter().take(count).filter(unmovable).filter_map(|&entry| batch.pages.get(entry as usize));
        loop {
            let (mut pages, mut states, mut filled) = ([0; CHUNK], [PageState::Nothing; CHUNK], 0);
            for (slot, &page) in pages.iter_mut().zip(&mut entries) {
                (*slot, filled) = (page, filled + 1);
            }
            let (Some(pages), Some(states)) = (pages.get(..filled), states.get_mut(..filled)) else { return false };
            if filled == 0 {
                return false;
            }
            self.kernel.page_states(pages, states);
            if states.iter().any(|state| matches!(state, PageState::InFlight | PageState::Swapped)) {
                return true;
            }
        }
    }

    /// Migrates the pages of a batch whose nodes are known, and sets the states of its entries. `walk` is the page walk that listed the
    /// entries, if any. Returns whether any page had to move.
    pub(super) fn migrate_batch(&mut self, batch: &mut Batch, mut walk: Option<&mut K::Walk>) -> bool {
        let plan = plan::plan(batch, self.page_bits);
        let mut pending = if self.is_stopped() { 0 } else { plan.pending };
        let (mut round, mut attempts, mut any_in_flight, mut efault_retries) = (0, 0u32, false, EFAULT_RETRIES);
        while pending > 0 {
            plan::fill_submission(batch, pending);
            attempts = attempts.saturating_add(1);
            self.submit_entries(batch, pending, self.helpers(batch, pending), !plan.needs_recheck);
            let is_located = match batch.submit_states.slice(0..pending).map_or(Requery::Nothing, Requery::after) {
                Requery::Nothing => false,
                Requery::Shared => self.locate_shared(batch, pending),
                Requery::All => self.locate_submitted(batch, pending),
            };
            let submitted = pending;
            let any_full = plan::apply_results(batch, &mut pending, is_located);
            // If many pages left one target node for another, a full target node may have free pages again. That is not a retry.
            let made_room = plan.needs_recheck && submitted - pending > submitted / 64;
            let mut any_unmovable = plan::any_unmovable(batch, pending);
            if let (true, Some(walk)) = (any_unmovable, &mut walk) {
                // Linux 7 has pages in [vvar] that never move.
                exclude_kernel_mappings(batch, *walk, true, &|outcome| outcome == Some(PageOutcome::Unmovable));
                pending = plan::drop_without_target(batch, pending);
                any_unmovable = plan::any_unmovable(batch, pending);
            }
            if !(any_full && made_room || any_unmovable && efault_retries > 0) {
                round += 1;
            }
            efault_retries = efault_retries.saturating_sub(u32::from(any_unmovable));
            if !made_room {
                pending = plan::drop_full_targets(batch, pending);
            }
            any_in_flight |= any_unmovable && self.is_any_in_flight(batch, pending);
            if let (1.., Some(walk)) = (pending, &mut walk) {
                self.mark_split(batch, walk);
                pending = plan::drop_split(batch, pending);
            }
            if round > self.options.retries || self.is_stopped() {
                break;
            }
            self.tally.add_retried(plan::total_base_pages(batch, pending));
        }
        let is_displaced = plan.needs_recheck && plan.pending > 0 && self.reconcile(batch);
        // Of a range, parts of one large folio may have different targets, in whatever order they are submitted.
        if is_displaced && !batch.has_sizes && !self.is_stopped() {
            // Submit everything in the order of the request, as a bare move_pages(2) call would.
            let count = plan::restore_request_order(batch);
            plan::fill_submission(batch, count);
            self.submit_entries(batch, count, 0, false);
            self.reconcile(batch);
        }
        if attempts > 1 {
            // A part of a huge page that did not move at first may have moved with another part since.
            let count = plan::fill_stayed(batch);
            if count > 0 && self.locate_submitted(batch, count) {
                plan::apply_stayed(batch, count);
            }
        }
        if any_in_flight {
            plan::mark_unmovable_busy(batch);
        }
        plan::copy_to_duplicates(batch);
        plan.pending > 0
    }

    /// Queries the nodes of the first `count` submitted entries into `current_node`. Returns whether that succeeded.
    fn locate_submitted(&self, batch: &mut Batch, count: usize) -> bool {
        debug_assert!(count <= batch.current_node.len());
        match (batch.submit_pages.get(..count), batch.current_node.get_mut(..count)) {
            (Some(pages), Some(nodes)) => self.locate(pages, nodes, true).is_ok(),
            _ => false,
        }
    }

    /// Queries the nodes of those of the first `count` submitted entries that the kernel reports to be shared into `current_node`, and copies the
    /// statuses of the others. Returns whether that succeeded.
    #[inline(never)]
    fn locate_shared(&self, batch: &mut Batch, count: usize) -> bool {
        /// Entries that are queried with the shared ones before and after them, to save calls.
        const MAX_GAP: usize = 64;
        let states = batch.submit_states;
        states.copy_to(batch.current_node);
        let mut shared = (0..count).filter(|&index| !states.is_on_node(index)).peekable();
        while let Some(first) = shared.next() {
            let mut last = first;
            while let Some(next) = shared.next_if(|next| next - last <= MAX_GAP) {
                last = next;
            }
            let is_located = match (batch.submit_pages.get(first..=last), batch.current_node.get_mut(first..=last)) {
                (Some(pages), Some(nodes)) => self.locate(pages, nodes, true).is_ok(),
                _ => false,
            };
            if !is_located {
                return false;
            }
        }
        true
    }

    /// Queries the nodes of all entries and corrects the states. Returns whether a page has left its target node for that of another entry.
    fn reconcile(&self, batch: &mut Batch) -> bool {
        self.locate(batch.pages, batch.current_node, true).is_ok() && plan::reconcile(batch)
    }

    /// Records the outcome of each entry in the statistics.
    #[inline(never)]
    pub(super) fn record_outcomes(&mut self, batch: &mut Batch) {
        self.record_each(batch, |_, _, _| ());
    }

    /// Records the outcome of each entry in the statistics, calls `record` with its index, outcome and node, and replaces its state by the
    /// final status.
    pub(super) fn finalize_statuses(
        &mut self,
        batch: &mut Batch,
        record: &mut dyn FnMut(usize, Option<PageOutcome>, i32),
    ) {
        self.record_each(batch, |batch, entry, outcome| {
            // In any other state the page is on its old node.
            let node = batch.states.node(entry).unwrap_or_else(|| get_or_default(batch.old_node, entry));
            record(entry, outcome, node);
            if let Some(outcome) = outcome {
                batch.states.finalize(entry, outcome);
            }
        });
    }

    /// Records the outcome of each entry in the statistics, and calls `each` with its index and outcome, which it may use for the last time.
    #[inline(always)]
    fn record_each(&mut self, batch: &mut Batch, mut each: impl FnMut(&mut Batch, usize, Option<PageOutcome>)) {
        let stopped = self.is_stopped();
        // Neighbours mostly have the same outcome, and are recorded together.
        let (mut run, mut pages, mut last) = ((None, None), 0, (0, 0, 0));
        for entry in 0..batch.pages.len() {
            let basis = plan::basis(batch, entry);
            if entry == 0 || last != basis {
                last = basis;
                let next = (plan::outcome(batch, entry, stopped), batch.targets.get(entry));
                if next != run {
                    self.record(run.0, run.1, pages);
                    (run, pages) = (next, 0);
                }
            }
            pages += plan::base_pages(batch, entry);
            each(batch, entry, run.0);
        }
        self.record(run.0, run.1, pages);
    }
}

//! Moving the pages of a list, batch by batch.

use super::batch::{Batch, get_or_default};
use super::mover::Mover;
use super::ops::MovePagesOps;
use super::outcome::PageOutcome;
use super::plan;
use super::request::{ArraysCopy, forbidden, read_entries, read_pages};
use super::status::{EntryState, STATUS_UNSET};
use crate::bitmask::BitsMut;
use crate::nodeset::NodeMask;
use crate::sys::errno;
use crate::sys::memory::Scratch;
use crate::sys::move_request::MoveRequest;
use crate::topology;
use core::slice;

impl<K: MovePagesOps> Mover<'_, K> {
    /// Moves the pages of a list. Returns EPERM if its arrays may not be copied, ENOMEM if there is no scratch memory; other errors are in
    /// [`Mover::error`].
    pub fn move_list(&mut self, original: MoveRequest) -> Result<(), i32> {
        let mut scratch = self.scratch(original.count(), 0)?;
        let is_overwritten = original.count() > self.entries && original.overlaps();
        // If there is no memory for a copy, the statuses of earlier batches are not refreshed.
        let mut copy = if is_overwritten { ArraysCopy::of(original)? } else { None };
        let can_refresh = copy.is_some() == is_overwritten;
        let copy_range = copy.as_ref().map_or((0, 0), ArraysCopy::range);
        let request = copy.as_mut().map_or(original, |copy| copy.request(original));
        let mut log = OutcomeLog::default();
        let (done, needs_refresh) = self.move_batches(request, &mut scratch, &mut log, copy_range)?;
        if done == request.count() && done < original.count() && !self.is_stopped() {
            // The next entry could not be copied. If the kernel cannot read it either, it reports why.
            self.submit(original.skip(done).truncate(1));
            self.record_error(errno::EFAULT);
        }
        if needs_refresh && can_refresh {
            self.refresh_statuses(request.truncate(done), &mut log, &mut scratch)?;
        }
        self.finish();
        Ok(())
    }

    /// Moves the pages of a list batch by batch, until the end or an error. Returns the number of entries that have statuses, and whether a
    /// later batch may have moved pages of an earlier one.
    #[inline(never)]
    fn move_batches(
        &mut self,
        request: MoveRequest,
        scratch: &mut Scratch,
        log: &mut OutcomeLog,
        copy_range: (usize, usize),
    ) -> Result<(usize, bool), i32> {
        let has_several_batches = request.count() > self.entries;
        let known_targets = NodeMask::new();
        if request.count() == 0 {
            self.submit(request);
        }
        let (mut done, mut needs_refresh) = (0, false);
        while done < request.count() && !self.check_limits() {
            let rest = request.skip(done);
            if has_several_batches {
                log.grow(done + rest.count().min(self.entries));
            }
            let excluded = [scratch.range(), log.scratch.as_ref().map_or((0, 0), Scratch::range), copy_range];
            let batch = &mut Batch::carve(&mut scratch.arena(), self.entries);
            if read_entries(rest, batch)? == 0 {
                let Some((outcome, node)) = self.submit_one(rest) else { break };
                log.set(done, Some(outcome), node);
                needs_refresh |= done > 0;
                done += 1;
                self.report_progress();
                continue;
            }
            leave_incomplete_block(rest, batch)?;
            let invalid_target = self.first_invalid_target(batch, known_targets.bits());
            if let Some((entry, _)) = invalid_target {
                batch.truncate(entry);
            }
            if !self.locate_batch(batch, false) {
                break;
            }
            self.exclude_scratch(batch, excluded);
            needs_refresh |= self.migrate_batch(batch, None) && done > 0;
            self.note_process_end(batch);
            self.finalize_statuses(batch, &mut |entry, outcome, node| log.set(done + entry, outcome, node));
            if request.wants_status()
                && rest.write_statuses(batch.states.statuses()).map_err(forbidden)? < batch.states.len()
            {
                self.record_error(errno::EFAULT);
                break;
            }
            done += batch.states.len();
            if let (Some((_, error)), false) = (invalid_target, self.is_stopped()) {
                self.record_error(error);
                break;
            }
            // `finish` reports after the last batch.
            if done < request.count() {
                self.report_progress();
            }
        }
        Ok((done, needs_refresh))
    }

    /// Returns the first entry whose target node makes the kernel fail the request, and the errno: the node does not exist, has no memory, or
    /// may not be used. Adds valid target nodes to `known`.
    fn first_invalid_target(&self, batch: &mut Batch, known: BitsMut) -> Option<(usize, i32)> {
        let count = plan::collect_new_targets(batch, known);
        debug_assert!(count <= batch.submit_states.len());
        let first_invalid = batch.targets.iter().position(|target| !plan::is_valid_target(target));
        let mut invalid = first_invalid.map(|entry| (entry, errno::ENODEV));
        if count == 0 {
            return invalid;
        }
        // There are no pages at these addresses, so that the kernel checks the target nodes and does nothing else.
        let (pages, targets, states) = (
            batch.submit_pages.get(..count)?,
            batch.submit_targets.get(..count)?,
            batch.submit_states.slice(0..count)?,
        );
        let probe = || self.kernel.move_pages(pages, targets, states.statuses(), self.options.flags);
        if let Err(error @ (errno::ENODEV | errno::EACCES)) = self.usage.meter.time_move(&self.kernel, probe, || 0) {
            let first = states.are_set().position(|is_set| !is_set)?;
            let target = targets.get(first).copied();
            let entry = batch.targets.iter().position(|other| other == target)?;
            if invalid.is_none_or(|(other, _)| entry < other) {
                invalid = Some((entry, error));
            }
        }
        invalid
    }

    /// Submits the first entry of a request whose arrays cannot be copied: the kernel reports the error, or moves the page. Returns the
    /// outcome and the status; `None` if the move ends here.
    fn submit_one(&mut self, request: MoveRequest) -> Option<(PageOutcome, i32)> {
        let mut status = STATUS_UNSET;
        let moved = self.submit_raw(request.truncate(1).with_status(slice::from_mut(&mut status)));
        let outcome = match moved {
            Ok(0) if status >= 0 && request.is_query() => PageOutcome::InPlace,
            Ok(0) => EntryState::from_stored(status).outcome(STATUS_UNSET, Some(status.max(0)), false)?,
            // EBUSY: before Linux 5.11, a huge page that found no room and could not be split.
            Ok(_) | Err(errno::EBUSY) => PageOutcome::Stuck,
            Err(errno::ENOMEM) => PageOutcome::NoMemory,
            Err(error) => {
                self.record_error(error);
                return None;
            }
        };
        self.record(Some(outcome), (status >= 0).then_some(status), 1);
        if request.wants_status() && request.write_statuses(&[outcome.status(status)]) != Ok(1) {
            self.record_error(errno::EFAULT);
            return None;
        }
        Some((outcome, status))
    }

    /// Marks pages that did not move as absent if the process has ended meanwhile.
    fn note_process_end(&mut self, batch: &mut Batch) {
        if self.error != errno::ESRCH && self.error != errno::EINVAL {
            return;
        }
        // EINVAL cannot be about the flags, which earlier calls accepted.
        self.error = errno::ESRCH;
        for entry in 0..batch.pages.len() {
            if plan::outcome(batch, entry, true).is_none_or(PageOutcome::is_unmoved) {
                batch.states.set(entry, EntryState::Failed(errno::ENOENT));
            }
        }
    }

    /// Marks entries that name the mover's own scratch memory as unmapped, because nothing was mapped there before the call.
    fn exclude_scratch(&self, batch: &mut Batch, excluded: [(usize, usize); 3]) {
        let is_scratch = |page: usize| excluded.iter().any(|&(start, end)| (start..end).contains(&page));
        for (entry, (&page, old_node)) in batch.pages.iter().zip(batch.old_node.iter_mut()).enumerate() {
            if is_scratch(page) && self.kernel.is_current() {
                *old_node = -errno::EFAULT;
                batch.states.set(entry, EntryState::Failed(errno::EFAULT));
            }
        }
    }

    /// Updates the statuses and statistics of a request of several batches, because a later batch may have moved a page of an earlier one.
    /// Ends if the callback cancels.
    fn refresh_statuses(
        &mut self,
        request: MoveRequest,
        log: &mut OutcomeLog,
        scratch: &mut Scratch,
    ) -> Result<(), i32> {
        let mut done = 0;
        while done < request.count() {
            if !self.is_stopped() {
                self.report_progress();
            }
            if self.is_stopped() {
                break;
            }
            let batch = &mut Batch::carve(&mut scratch.arena(), self.entries);
            let rest = request.skip(done);
            let mut readable = read_entries(rest, batch)?;
            if log.entries() < done + readable && request.wants_status() {
                // There was no memory for the log: use the statuses in its place.
                readable = readable.min(rest.read_statuses(batch.states.statuses_mut()).map_err(forbidden)?);
                batch.truncate(readable);
            }
            if readable == 0 || self.locate(batch.pages, batch.current_node, true).is_err() {
                break;
            }
            for entry in 0..batch.states.len() {
                let current = get_or_default(batch.current_node, entry);
                let status = match log.get(done + entry) {
                    Some((outcome, node)) => {
                        let now = outcome.after_requery(current, batch.targets.get(entry), node);
                        self.replace(outcome, now, batch.targets.get(entry));
                        now.status(current)
                    }
                    None if matches!(batch.states.get(entry), EntryState::OnNode(_)) => current,
                    None => continue,
                };
                batch.states.set_status(entry, status);
            }
            if request.wants_status() {
                rest.write_statuses(batch.states.statuses()).map_err(forbidden)?;
            }
            done += readable;
        }
        Ok(())
    }
}

/// Leaves the last entries of a batch to the next one if that would begin within the same aligned block of the size of a huge page, as in
/// a walk of a range: both may be parts of a large folio, which the kernel moves as a whole.
fn leave_incomplete_block(request: MoveRequest, batch: &mut Batch) -> Result<(), i32> {
    let (mut next, count) = ([0], batch.pages.len());
    if request.count() > count && read_pages(request.skip(count), &mut next)? == 1 {
        let ([next], huge_size) = (next, topology::pmd_size());
        let is_in_block = |page: &&usize| (**page ^ next) < huge_size;
        let in_block = batch.pages.iter().rev().take_while(is_in_block).count();
        if in_block < count {
            batch.truncate(count - in_block);
        }
    }
    Ok(())
}

/// The outcomes of the entries of earlier batches, and the nodes of their pages: two bytes for each entry.
#[derive(Default)]
struct OutcomeLog {
    scratch: Option<Scratch>,
}

impl OutcomeLog {
    /// The low bits of a slot hold the number of the outcome plus one, or 0 for no outcome. The other bits hold the node.
    const OUTCOME_BITS: u32 = 4;

    /// Makes room for this many entries, if there is memory.
    fn grow(&mut self, entries: usize) {
        let bytes = entries.saturating_mul(size_of::<u16>());
        match &mut self.scratch {
            Some(scratch) if scratch.bytes() >= bytes => {}
            Some(scratch) => {
                scratch.grow(bytes);
            }
            empty => *empty = Scratch::new(bytes),
        }
    }

    /// Returns the number of slots.
    #[inline(never)]
    fn entries(&self) -> usize {
        self.scratch.as_ref().map_or(0, |scratch| scratch.bytes() / size_of::<u16>())
    }

    /// Returns the slot of an entry; `None` if there is no memory for it.
    fn slot(&mut self, entry: usize) -> Option<&mut u16> {
        let entries = self.entries();
        self.scratch.as_mut()?.arena().alloc_slice(entries).get_mut(entry)
    }

    fn set(&mut self, entry: usize, outcome: Option<PageOutcome>, node: i32) {
        if let Some(slot) = self.slot(entry) {
            *slot = outcome.map_or(0, |outcome| outcome as u16 + 1) | (node as u16) << OutcomeLog::OUTCOME_BITS;
        }
    }

    fn get(&mut self, entry: usize) -> Option<(PageOutcome, i32)> {
        let slot = *self.slot(entry)?;
        let number = (slot & ((1 << OutcomeLog::OUTCOME_BITS) - 1)).checked_sub(1)?;
        Some((PageOutcome::from_number(number as u8)?, i32::from(slot >> OutcomeLog::OUTCOME_BITS)))
    }
}

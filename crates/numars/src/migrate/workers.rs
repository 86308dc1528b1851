//! Submits the entries of a batch to the kernel: a queue from which one or more threads take chunks.

use super::batch::{Batch, get_or_default};
use super::meter::Meter;
use super::mover::Mover;
use super::ops::MovePagesOps;
use super::outcome::PageOutcome;
use super::page_sizes;
use super::plan;
use super::status::{EntryState, SubmitStates};
use super::tally::Tally;
use crate::sys::{errno, threads};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::Relaxed};

/// Lower bound for the base pages of a chunk if several threads move pages without a progress callback. It also limits the number of threads.
const MIN_CHUNK_PAGES: usize = 512;

/// Upper bound for the base pages that an entry of a list is assumed to have if this is not known: those of a huge page.
const MAX_ENTRY_PAGES: usize = 512;

/// The longest time between two progress reports while a move waits, in nanoseconds.
const REPORT_INTERVAL_NS: u64 = 100_000_000;

/// The sleep between two checks whether helper threads have finished, in microseconds.
const HELPERS_CHECK_US: u32 = 1000;

impl<K: MovePagesOps> Mover<'_, K> {
    /// Returns the number of threads to start for the first `count` entries of `order`, in addition to the calling one.
    pub(super) fn helpers(&self, batch: &Batch, count: usize) -> usize {
        if self.options.threads < 2 {
            return 0;
        }
        let chunks = plan::total_base_pages(batch, count) / MIN_CHUNK_PAGES;
        self.options.threads.min(chunks).min(count).saturating_sub(1).min(threads::MAX_HELPERS)
    }

    /// Moves the first `count` submitted entries. With `is_final`, later entries cannot move their pages again, so that progress reports
    /// include them.
    pub(super) fn submit_entries(&mut self, batch: &mut Batch, count: usize, helpers: usize, is_final: bool) {
        let knows_sizes = !batch.has_sizes && self.find_sizes(batch, count);
        let batch = &*batch;
        let (Some(pages), Some(targets), Some(states), Some(order)) = (
            batch.submit_pages.get(..count),
            batch.submit_targets.get(..count),
            batch.submit_states.slice(0..count),
            batch.order.get(..count),
        ) else {
            debug_assert!(false, "more entries than the batch has");
            return;
        };
        let size_at = |index: usize| get_or_default(batch.spare, index) as usize;
        let base_pages_at = |index: usize| order.get(index).map_or(1, |&entry| plan::base_pages(batch, entry as usize));
        let total = plan::total_base_pages(batch, count);
        let max_chunk = self.max_base_pages();
        let max_chunk =
            if max_chunk == usize::MAX { max_chunk } else { max_chunk.checked_div(helpers + 1).unwrap_or(1) };
        // Several chunks for each thread, so that the last thread does not run much longer than the others.
        let min_entries = MIN_CHUNK_PAGES.saturating_mul(count).checked_div(total).unwrap_or(count).max(1);
        let entries =
            if helpers == 0 { count } else { min_entries.max(count.checked_div(4 * helpers).unwrap_or(count)) };
        let queue = WorkQueue {
            kernel: &self.kernel,
            flags: self.options.flags,
            pages,
            targets,
            states,
            page_bits: self.page_bits,
            entry_base_pages: match batch.has_sizes {
                true => Some(&base_pages_at),
                false if knows_sizes => Some(&size_at),
                false => None,
            },
            next: AtomicUsize::new(0),
            in_work: AtomicUsize::new(0),
            entries,
            max_chunk,
            meter: &self.usage.meter,
            stop: &self.stop,
            error: AtomicI32::new(0),
        };
        let reports = self.progress.is_some();
        let tally = if reports { self.tally_with(batch, is_final) } else { self.tally };
        let (mut cancelled, mut last_report_ns) = (false, if reports { self.kernel.now_ns() } else { 0 });
        let progress = &mut self.progress;
        // Reports if `interval_ns` nanoseconds have passed since the last report.
        let mut report = |interval_ns: u64| {
            let Some(progress) = progress else { return };
            let now_ns = queue.kernel.now_ns();
            if cancelled || now_ns.saturating_sub(last_report_ns) < interval_ns {
                return;
            }
            last_report_ns = now_ns;
            let mut tally = tally;
            if is_final {
                let moved = states.iter().enumerate().filter(|(_, state)| matches!(state, Some(EntryState::OnNode(_))));
                tally.add_moved(moved.map(|(index, _)| base_pages_at(index)).sum());
            }
            if !progress(&tally.with_usage(queue.meter, queue.kernel)) {
                cancelled = true;
                queue.stop.store(true, Relaxed);
            }
        };
        let main_worker = || {
            while queue.run_next_chunk(&mut || report(REPORT_INTERVAL_NS)) {
                report(0);
            }
            // Helpers may still wait, as long as the rate demands.
            while reports && queue.in_work.load(Relaxed) > 0 && !queue.stop.load(Relaxed) {
                queue.kernel.pause(HELPERS_CHECK_US);
                report(REPORT_INTERVAL_NS);
            }
        };
        threads::run_with_helpers(helpers, &|| while queue.run_next_chunk(&mut || {}) {}, main_worker);
        match queue.error.load(Relaxed) {
            0 if cancelled => self.error = errno::ECANCELED,
            0 => {}
            // Replaces an earlier error, because the move is incomplete.
            error @ (errno::ECANCELED | errno::ETIMEDOUT) => self.error = error,
            error => self.record_error(error),
        }
    }

    /// Writes the sizes of the first `count` submitted entries of a list into `spare`. Returns false if no limit depends on them, or they are not
    /// known.
    fn find_sizes(&self, batch: &mut Batch, count: usize) -> bool {
        match (batch.submit_pages.get(..count), batch.submit_targets.get(..count)) {
            (Some(pages), Some(targets)) if self.usage.meter.needs_sizes() => {
                page_sizes::sizes_of_entries(&self.kernel, pages, targets, self.page_bits, batch.spare)
            }
            _ => false,
        }
    }

    /// Returns the tally while a batch is in work: its entries count as requested, and with `is_final` under those outcomes that can no
    /// longer change.
    fn tally_with(&self, batch: &Batch, is_final: bool) -> Tally {
        let mut tally = self.tally;
        for entry in 0..batch.pages.len() {
            let counts = |outcome: &PageOutcome| is_final && !outcome.is_unmoved();
            let outcome = plan::outcome(batch, entry, true).filter(counts);
            tally.record(outcome, plan::base_pages(batch, entry));
        }
        tally
    }
}

/// The queue of submitted entries that the threads share.
struct WorkQueue<'a, K> {
    kernel: &'a K,
    flags: i32,
    pages: &'a [usize],
    targets: &'a [i32],
    states: SubmitStates<'a>,
    page_bits: u32,
    /// Returns the base pages of the entry at an index of the queue; `None` for the entries of a list if this is not needed or not known.
    entry_base_pages: Option<&'a (dyn Fn(usize) -> usize + Sync)>,
    /// The first entry that no thread has taken.
    next: AtomicUsize,
    /// The number of threads that move a chunk.
    in_work: AtomicUsize,
    /// The entries of a chunk if its base pages are unlimited.
    entries: usize,
    /// Upper bound for the base pages of a chunk; `usize::MAX`: chunks have `entries` entries.
    max_chunk: usize,
    meter: &'a Meter<'a>,
    stop: &'a AtomicBool,
    /// The errno that ended the move; 0: none.
    error: AtomicI32,
}

impl<K: MovePagesOps> WorkQueue<'_, K> {
    /// Moves the next chunk, and calls `waiting` while that has to wait. Returns false if there is none.
    fn run_next_chunk(&self, waiting: &mut dyn FnMut()) -> bool {
        self.in_work.fetch_add(1, Relaxed);
        let chunk = self.take_chunk();
        if let Some((start, end)) = chunk {
            self.move_chunk(start, end, waiting);
        }
        self.in_work.fetch_sub(1, Relaxed);
        chunk.is_some()
    }

    /// Takes the next chunk from the queue: its first entry, and the one after its last.
    fn take_chunk(&self) -> Option<(usize, usize)> {
        let mut start = self.next.load(Relaxed);
        loop {
            if start >= self.pages.len() || self.stop.load(Relaxed) {
                return None;
            }
            let end = self.end_of_chunk(start);
            match self.next.compare_exchange(start, end, Relaxed, Relaxed) {
                Ok(_) => return Some((start, end)),
                Err(next) => start = next,
            }
        }
    }

    /// Returns the end of the chunk that begins at `start`.
    fn end_of_chunk(&self, start: usize) -> usize {
        let mut pages_left = self.meter.move_limit(self.max_chunk);
        if pages_left == usize::MAX {
            return start.saturating_add(self.entries).min(self.pages.len());
        }
        let mut end = start;
        while end < self.pages.len() {
            pages_left = match pages_left.checked_sub(self.base_pages(end)) {
                Some(pages_left) => pages_left,
                // An entry that exceeds the limit is a chunk of its own.
                None if end == start => return start + 1,
                None => break,
            };
            end += 1;
        }
        end
    }

    /// Returns the base pages of an entry. If they are not known they are estimated: the distance to the page of the next entry, within limits, and for the
    /// last entry that from the previous one.
    fn base_pages(&self, entry: usize) -> usize {
        if let Some(entry_base_pages) = self.entry_base_pages {
            return entry_base_pages(entry);
        }
        let first = if entry + 1 < self.pages.len() { entry } else { entry.saturating_sub(1) };
        let (Some(&page), Some(&next)) = (self.pages.get(first), self.pages.get(first + 1)) else {
            return MAX_ENTRY_PAGES;
        };
        match (next >> self.page_bits).checked_sub(page >> self.page_bits) {
            Some(distance) => distance.clamp(1, MAX_ENTRY_PAGES),
            None => MAX_ENTRY_PAGES,
        }
    }

    /// Moves a chunk, and continues after each run of entries at which the kernel gives up. Calls `waiting` while it has to wait.
    fn move_chunk(&self, start: usize, end: usize, waiting: &mut dyn FnMut()) {
        let (mut at, mut limit, mut charged_to) = (start, end, start);
        while at < end && !self.stop.load(Relaxed) {
            let (Some(pages), Some(targets), Some(states)) =
                (self.pages.get(at..limit), self.targets.get(at..limit), self.states.slice(at..limit))
            else {
                debug_assert!(false, "an entry beyond the end of the queue");
                return;
            };
            // After a failure, the rest of a chunk is submitted again, which is charged once.
            let uncharged = at.max(charged_to)..limit;
            charged_to = charged_to.max(limit);
            let is_paced = self.meter.is_paced();
            let base_pages = if is_paced { uncharged.map(|entry| self.base_pages(entry)).sum() } else { 0 };
            let admitted = match self.meter.admit(self.kernel, base_pages, self.stop, waiting) {
                Ok(true) => Ok(()),
                Ok(false) => return,
                Err(error) => Err(error),
            };
            let submit = || self.kernel.move_pages(pages, targets, states.statuses(), self.flags);
            let moved = || {
                // Pages that the kernel has rejected take no time. Those without a status may have moved.
                let is_moved = |entry: &usize| matches!(states.get(entry - at), None | Some(EntryState::OnNode(_)));
                (at..limit).filter(is_moved).map(|entry| self.base_pages(entry)).sum()
            };
            let result = admitted.and_then(|()| self.meter.time_move(self.kernel, submit, moved));
            let state = match result {
                Ok(0) => None,
                // EBUSY: before Linux 5.11, at a huge page that found no room and could not be split.
                Ok(_) | Err(errno::EBUSY) => Some(EntryState::NotMigrated),
                Err(error @ (errno::ENOMEM | errno::ENODEV)) => Some(EntryState::Failed(error)),
                Err(errno::EACCES) => Some(EntryState::CpusetDenied),
                Err(error) => {
                    self.error.store(error, Relaxed);
                    self.stop.store(true, Relaxed);
                    return;
                }
            };
            let failed = state.and_then(|state| plan::failed_run(targets, states).map(|run| (state, run)));
            let Some((state, (first, end_of_run))) = failed else {
                (at, limit) = (limit, end);
                continue;
            };
            let is_target_error = matches!(state, EntryState::CpusetDenied | EntryState::Failed(errno::ENODEV));
            if is_target_error && plan::run_length(targets) < targets.len() {
                // The error may be about the target node after the failed run: submit each run alone.
                debug_assert!(first < targets.len());
                let run = targets.get(first..).map_or(0, plan::run_length);
                (at, limit) = (at + first, at + first + run);
                continue;
            }
            let run = end_of_run.saturating_sub(first);
            if result == Err(errno::EBUSY) && run > 1 {
                // The kernel did not attempt the entries after that page: submit half of the run, until it is the only one.
                (at, limit) = (at + first, at + first + run / 2);
                continue;
            }
            (first..end_of_run).for_each(|entry| states.set(entry, state));
            // The entry at which the kernel stopped may have a status already.
            let is_decided = states.get(end_of_run).is_some();
            (at, limit) = (at + end_of_run + usize::from(is_decided), end);
        }
    }
}

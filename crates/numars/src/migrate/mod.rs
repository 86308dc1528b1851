//! Moving many pages: in windows of bounded memory, grouped by target, past what does not move, and with a true status for each.
//!
//! `plan` decides, `ranges` finds out which pages there are, `locate` where they are, `queue` calls the kernel, and `stats` says what
//! became of them. `list` does this for the arrays of move_pages(2); ranges of addresses are moved and counted here.

mod list;
mod locate;
mod page_walk;
pub mod plan;
mod process;
mod queue;
pub mod remap;
mod stats;

use crate::bitmask::BitsMut;
use crate::sys::memory::{self, Arena, Scratch};
use crate::sys::{clock, errno, kernel, threads, user_memory};
use core::cell::Cell;
use core::ffi::c_long;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::Relaxed};
pub use list::{Request, confirm_query, has_negative_status, try_fast_path};
use locate::Locator;
pub use page_walk::{PageState, Range};
use plan::{NO_TARGET, SPLIT, SPLIT_AND_MOVED, SPLIT_IN_PLACE, UNWRITTEN, Window};
use process::ProcFiles;
use queue::{Chunk, WorkQueue};
#[cfg(any(test, fuzzing))]
pub use stats::Figure;
pub use stats::Figures;
use stats::{Outcome, Tally};

/// Entries of a window of a range at least: what the kernel says of the range needs room too.
const MIN_ENTRIES: usize = 512;

/// Base pages that are handed to one thread at a time at least, where several move.
const SHARE: usize = 512;

/// Entries of the window for the base pages of a huge page that was split.
const SPLIT_ENTRIES: usize = 512;

/// Regions of huge pages that are asked for at once.
const REGIONS: usize = 64;

/// Bytes that are worked on at most before progress is reported: a promise of numars.h.
const REPORT_BYTES: usize = 64 << 20;

/// How often a page is tried again unless the caller says so.
pub const RETRIES: u32 = 3;

/// How often a process may execute another program while it is moved.
const MAX_PROGRAMS: usize = 16;

/// How to move.
#[derive(Clone, Copy)]
pub struct Manner {
    pub flags: i32,
    pub threads: usize,
    pub retries: u32,
}

/// Progress callback; returns false to cancel.
pub type Progress<'a> = Option<&'a mut dyn FnMut(&Figures) -> bool>;

/// What the mover asks of the kernel: errors are errnos. The tests have a kernel of their own.
pub trait Kernel: Sync {
    /// Entries of a window at most: their scratch memory stays below 4 MiB.
    const MAX_ENTRIES: usize = 65_536;

    /// The pages of a range of addresses.
    type Range: PresentPages;

    /// Where pages are: move_pages(2) without nodes.
    fn query_nodes(&self, pages: &[usize], nodes: &mut [i32], flags: i32) -> Result<(), i32>;
    /// Moves pages to nodes: what move_pages(2) returns.
    fn move_pages(&self, pages: &[usize], nodes: &[i32], status: &[AtomicI32], flags: i32) -> Result<usize, i32>;
    /// The same, of arrays that were not looked at.
    fn submit(&self, request: Request, flags: i32) -> Result<usize, i32>;
    /// Finds out what the page tables show at each address.
    fn page_states(&self, pages: &[usize], states: &mut [PageState]);
    /// Returns the present pages of a range without those of `excluded`, from its first address to the one after its last; `None` if the
    /// range goes beyond the end of all addresses.
    fn range(&self, start: usize, length: usize, page_bits: u32, excluded: (usize, usize)) -> Option<Self::Range>;
    /// Returns true if the process is the calling one.
    fn is_own(&self) -> bool;
    /// Returns true if the process is known to have ended.
    fn has_ended(&self) -> bool {
        false
    }
    /// Has the process touch a page that is there, without changing it.
    fn fault_in(&self, _page: usize) {}
    /// Waits so many microseconds.
    fn pause(&self, _microseconds: u32) {}
}

/// The present pages of a range of addresses, in ascending order.
pub trait PresentPages {
    /// Lists the next pages, whose weights sum up to at most `weight_left`. Returns their number.
    fn list(&mut self, pages: &mut [usize], weight_left: usize, scratch: &mut [usize]) -> usize;
    /// Returns true if all has been listed.
    fn is_done(&self) -> bool;
    /// Goes back to the start.
    fn rewind(&mut self);
    /// The base pages that an entry stands for.
    fn weight(&self, entry: usize) -> usize;
    /// The address of the first of them.
    fn address(&self, entry: usize) -> usize;
    /// Calls `each` with the place of each entry that stood for a huge page which is not mapped as one any more.
    fn find_split(&mut self, entries: &[usize], scratch: &mut [usize], each: &mut dyn FnMut(usize));
    /// Returns true if the page is the kernel's own, such as \[vdso\].
    fn is_of_kernel(&mut self, entry: usize) -> bool;
    /// Returns true if nothing shows which pages there are, and there are too many to ask about each.
    fn is_out_of_sight(&self) -> bool;
    /// Returns true if the pages are not the process's any more: it has ended, or runs another program.
    fn has_lost_memory(&self) -> bool;
    /// The errno of what kept pages from being listed; 0: nothing.
    fn error(&self) -> i32;
}

impl PresentPages for Range {
    fn list(&mut self, pages: &mut [usize], weight_left: usize, scratch: &mut [usize]) -> usize {
        Range::list(self, pages, weight_left, scratch)
    }

    fn is_done(&self) -> bool {
        Range::is_done(self)
    }

    fn rewind(&mut self) {
        Range::rewind(self);
    }

    fn weight(&self, entry: usize) -> usize {
        Range::weight(self, entry)
    }

    fn address(&self, entry: usize) -> usize {
        entry & !page_walk::HUGE
    }

    fn find_split(&mut self, entries: &[usize], scratch: &mut [usize], each: &mut dyn FnMut(usize)) {
        Range::find_split(self, entries, scratch, each);
    }

    fn is_of_kernel(&mut self, entry: usize) -> bool {
        Range::is_of_kernel(self, entry)
    }

    fn is_out_of_sight(&self) -> bool {
        Range::is_out_of_sight(self)
    }

    fn has_lost_memory(&self) -> bool {
        Range::has_lost_memory(self)
    }

    fn error(&self) -> i32 {
        match Range::error(self) {
            0 if self.is_cut_off() => errno::EOVERFLOW,
            error => error,
        }
    }
}

/// A process, by its PID; 0 is the calling one.
pub struct Process {
    pid: i32,
    files: ProcFiles,
}

impl Process {
    /// For lists of pages: the PID is all that is looked at.
    pub fn by_pid(pid: i32) -> Self {
        Process { pid, files: if pid == 0 { ProcFiles::Own } else { ProcFiles::Unknown } }
    }

    /// For calls that look in /proc which pages there are. It remains the same process: if another one gets its PID, calls fail with
    /// ESRCH.
    pub fn identified(pid: i32) -> Self {
        let files = ProcFiles::of(pid);
        Process { pid: if files.is_own() { 0 } else { pid }, files }
    }

    /// Returns the PID for the next call of the kernel.
    fn pid(&self) -> Result<i32, i32> {
        if self.files.has_ended() { Err(errno::ESRCH) } else { Ok(self.pid) }
    }

    /// Calls move_pages(2) by this PID, or by a living thread's TID if the process's first thread has ended.
    #[inline(never)]
    fn call(&self, mut pid: i32, request: Request, flags: i32) -> Result<usize, i32> {
        /// Threads may end one after the other.
        const TRIES: usize = 64;
        let Request { count, pages, nodes, status, .. } = request;
        let mut outcome = Err(errno::ESRCH);
        for _ in 0..TRIES {
            outcome = cvt(kernel::move_pages_at(pid, count, pages, nodes, status, flags));
            if outcome != Err(errno::EINVAL) && (outcome != Err(errno::ESRCH) || pid == self.pid) {
                break;
            }
            let next = match self.files {
                // For a list, it is the kernel that says what is wrong.
                ProcFiles::Unknown => ProcFiles::of(self.pid).pid_for_calls(self.pid).unwrap_or(pid),
                _ => self.files.pid_for_calls(self.pid)?,
            };
            if next == pid {
                break;
            }
            pid = next;
        }
        outcome
    }
}

/// Takes pages of the kernel's own mappings, which no call moves, out of a window, if their outcome is one that `may_be_of_kernel`.
fn leave_out_kernel(
    window: &mut Window,
    range: &mut impl PresentPages,
    may_be_of_kernel: &dyn Fn(Option<Outcome>) -> bool,
) {
    for (entry, &page) in window.pages.iter().enumerate() {
        if may_be_of_kernel(plan::outcome(window, entry, true))
            && range.is_of_kernel(page)
            && let (Some(weight), Some(target)) = (window.weights.get_mut(entry), window.targets.get_mut(entry))
        {
            (*weight, *target) = (0, NO_TARGET);
        }
    }
}

/// Turns what move_pages(2) returned into a result.
fn cvt(returned: c_long) -> Result<usize, i32> {
    usize::try_from(returned).map_err(|_| errno::get())
}

/// Calls `each` for at most `at_once` pages at a time, until there is an error.
fn for_each_chunk(
    mut pages: &[usize],
    mut status: &mut [i32],
    at_once: usize,
    mut each: impl FnMut(&[usize], &mut [i32]) -> Result<(), i32>,
) -> Result<(), i32> {
    while !pages.is_empty() {
        let count = pages.len().min(at_once);
        debug_assert!(count > 0 && count <= status.len());
        let Some((these, others)) = pages.split_at_checked(count) else { break };
        let Some((nodes, rest)) = status.split_at_mut_checked(count) else { break };
        each(these, nodes)?;
        (pages, status) = (others, rest);
    }
    Ok(())
}

impl Kernel for Process {
    type Range = Range;

    fn query_nodes(&self, pages: &[usize], nodes: &mut [i32], flags: i32) -> Result<(), i32> {
        // A 32-bit program gets wrong statuses beyond 16 from a 64-bit kernel before 6.16.
        let at_once = if usize::BITS == 32 { 16 } else { usize::MAX };
        let pid = self.pid()?;
        for_each_chunk(pages, nodes, at_once, |pages, status| {
            let (count, pages, status) = (pages.len(), pages.as_ptr() as usize, status.as_mut_ptr() as usize);
            self.call(pid, Request { count, pages, status, ..Request::NOTHING }, flags).map(|_| ())
        })
    }

    fn move_pages(&self, pages: &[usize], nodes: &[i32], status: &[AtomicI32], flags: i32) -> Result<usize, i32> {
        let count = pages.len().min(nodes.len()).min(status.len());
        let (pages, nodes, status) = (pages.as_ptr() as usize, nodes.as_ptr() as usize, status.as_ptr() as usize);
        self.submit(Request { count, pages, nodes, status, ..Request::NOTHING }, flags)
    }

    fn submit(&self, request: Request, flags: i32) -> Result<usize, i32> {
        self.call(self.pid()?, request, flags)
    }

    fn page_states(&self, pages: &[usize], states: &mut [PageState]) {
        let page_bits = memory::page_size().trailing_zeros();
        match &self.files {
            ProcFiles::Unknown => page_walk::page_states(&ProcFiles::of(self.pid), pages, page_bits, states),
            files => page_walk::page_states(files, pages, page_bits, states),
        }
    }

    fn range(&self, start: usize, length: usize, page_bits: u32, excluded: (usize, usize)) -> Option<Range> {
        let excluded = if self.files.is_own() { excluded } else { (0, 0) };
        Range::new(&self.files, start, length, page_bits, excluded)
    }

    fn is_own(&self) -> bool {
        self.files.is_own() || ProcFiles::of(self.pid).is_own()
    }

    fn has_ended(&self) -> bool {
        self.files.has_ended()
    }

    fn fault_in(&self, page: usize) {
        if let Ok(pid) = self.pid() {
            user_memory::fault_in(pid, page);
        }
    }

    fn pause(&self, microseconds: u32) {
        clock::pause(microseconds);
    }
}

/// One move, and what became of the pages so far.
pub struct Mover<'a, K> {
    kernel: K,
    manner: Manner,
    progress: Progress<'a>,
    tally: Tally,
    /// The errno of what ended the move; 0: nothing.
    error: i32,
    calls: AtomicUsize,
    stop: AtomicBool,
    patience: Cell<u32>,
    page_bits: u32,
    /// Entries of a window.
    entries: usize,
}

impl Window<'_> {
    /// A window of so many entries.
    fn carve<'a>(arena: &mut Arena<'a>, entries: usize) -> Window<'a> {
        let window = Window {
            pages: arena.alloc_slice(entries),
            try_pages: arena.alloc_slice(entries),
            targets: arena.alloc_slice(entries),
            before: arena.alloc_slice(entries),
            after: arena.alloc_slice(entries),
            order: arena.alloc_slice(entries),
            try_targets: arena.alloc_slice(entries),
            found: arena.alloc_slice(entries),
            table: arena.alloc_slice(2 * entries),
            weights: arena.alloc_slice(entries),
            tried: arena.alloc_slice(entries),
        };
        // What is taken last would be empty if there were no room for all.
        debug_assert_eq!(window.tried.len(), entries);
        window
    }
}

impl<'a, K: Kernel> Mover<'a, K> {
    pub fn new(kernel: K, manner: Manner, progress: Progress<'a>) -> Self {
        Mover {
            kernel,
            manner,
            progress,
            tally: Tally::default(),
            error: 0,
            calls: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            patience: Cell::new(locate::PATIENCE),
            page_bits: memory::page_size().trailing_zeros(),
            entries: 0,
        }
    }

    /// Returns the sums.
    pub fn figures(&self) -> Figures {
        self.tally.figures(self.calls.load(Relaxed))
    }

    /// Returns the errno of the call: what ended it, or else what pages that stayed stand for; 0: none.
    pub fn error(&self) -> i32 {
        if self.error == 0 { self.tally.error() } else { self.error }
    }

    /// Returns the number of pages that are there and not on their targets.
    pub fn unmoved(&self) -> usize {
        self.tally.unmoved()
    }

    /// Returns the number of pages that the kernel tried and could not move, as move_pages(2) counts them.
    pub fn stuck(&self) -> usize {
        self.tally.stuck()
    }

    /// Submits a request unmodified. Returns true on success.
    fn submit(&mut self, request: Request) -> bool {
        let submitted = self.kernel_submit(request);
        submitted.map_err(|error| self.fail(error)).is_ok()
    }

    fn kernel_submit(&self, request: Request) -> Result<usize, i32> {
        self.calls.fetch_add(1, Relaxed);
        self.kernel.submit(request, self.manner.flags)
    }

    /// Moves the pages that are there of a range, in so many passes; `target_of` says where a page of each node goes in each pass, or
    /// [`NO_TARGET`]. If the process executes another program meanwhile, that is an error, or, where it `follows`, the new one's pages are
    /// moved too. The caller calls [`Mover::finish`] afterwards.
    pub fn range(
        &mut self,
        start: usize,
        length: usize,
        passes: usize,
        follows: bool,
        target_of: &dyn Fn(usize, i32) -> i32,
    ) -> Result<(), i32> {
        let mut scratch = self.scratch((length >> self.page_bits).max(MIN_ENTRIES), SPLIT_ENTRIES)?;
        for program in 1..=MAX_PROGRAMS {
            let mut range = self.kernel.range(start, length, self.page_bits, scratch.range()).ok_or(errno::EINVAL)?;
            if range.is_out_of_sight() {
                if self.submit(Request::NOTHING) {
                    return Err(errno::ENOENT);
                }
                // The process itself is gone, or ends at this moment: nothing bounds a search for its pages.
                self.check_process(&range);
                break;
            }
            for pass in 0..passes {
                if pass > 0 {
                    range.rewind();
                }
                self.pass(&mut range, &mut scratch, &|node| target_of(pass, node));
                if self.stopped() || self.error != 0 || range.has_lost_memory() {
                    break;
                }
            }
            let has_executed =
                self.error == 0 && !self.stopped() && !self.kernel.has_ended() && range.has_lost_memory();
            if has_executed && follows {
                self.tally.forget_unmoved();
                if program < MAX_PROGRAMS {
                    continue;
                }
                self.fail(errno::EAGAIN);
            }
            self.check_process(&range);
            break;
        }
        Ok(())
    }

    /// Moves the pages of a range once.
    fn pass(&mut self, range: &mut K::Range, scratch: &mut Scratch, target_of: &dyn Fn(i32) -> i32) {
        while !range.is_done() && !self.stopped() {
            let arena = &mut scratch.arena();
            let window = &mut Window::carve(arena, self.entries);
            let listed = range.list(window.pages, self.max_weight(), window.try_pages);
            window.cut(listed);
            if listed > 0 {
                if !self.locate_window(window, true) {
                    break;
                }
                let targets = window.targets.iter_mut().zip(window.weights.iter_mut());
                for ((target, weight), (&page, &node)) in targets.zip(window.pages.iter().zip(window.before.iter())) {
                    *target = if node < 0 { NO_TARGET } else { target_of(node) };
                    *weight = if *target == NO_TARGET { 0 } else { range.weight(page) as u32 };
                }
                if self.progress.is_some() {
                    // Otherwise they would be reported as requested first.
                    leave_out_kernel(window, range, &|_| true);
                }
                let has_moved = self.move_window(window, Some(range));
                // A huge page whose first base page has just gone may have others.
                let is_without_head = |(&page, &node): (&usize, &i32)| node < 0 && range.weight(page) > 1;
                if has_moved || window.pages.iter().zip(window.before.iter()).any(is_without_head) {
                    leave_out_kernel(window, range, &|outcome| {
                        matches!(outcome, Some(Outcome::Busy | Outcome::Stuck | Outcome::Unmovable | Outcome::Shared))
                    });
                    let scratch = arena.alloc_slice(SPLIT_ENTRIES * plan::BYTES_PER_ENTRY / size_of::<usize>());
                    self.move_split(window, scratch, range, target_of);
                } else {
                    self.finish_window(window, &mut |_, _, _| ());
                }
            }
            self.report();
        }
    }

    /// Finishes a window of a range, and moves what of it the kernel or the process has split page by page: where a huge page is not mapped
    /// as one any more, the status of its entry is that of its first base page alone.
    fn move_split(
        &mut self,
        window: &mut Window,
        scratch: &mut [usize],
        range: &mut K::Range,
        target_of: &dyn Fn(i32) -> i32,
    ) {
        self.mark_split(window, range);
        self.finish_window(window, &mut |_, _, _| ());
        for entry in 0..window.pages.len() {
            let (Some(&page), Some(&before), Some(&mark), Some(&target)) =
                (window.pages.get(entry), window.before.get(entry), window.after.get(entry), window.targets.get(entry))
            else {
                break;
            };
            if let Some(counted) = plan::counted_until_then(mark) {
                let base_pages = &mut Window::carve(&mut Arena::over(scratch), SPLIT_ENTRIES);
                base_pages.cut(range.weight(page));
                for (number, place) in base_pages.pages.iter_mut().enumerate() {
                    *place = range.address(page).wrapping_add(number << self.page_bits);
                }
                self.move_base_pages(base_pages, before, target, counted, target_of);
            }
        }
    }

    /// Marks entries of huge pages that are not mapped as one any more. They count as requested, and as moved or in place where the kernel
    /// said so, until their base pages are looked at.
    fn mark_split(&mut self, window: &mut Window, range: &mut K::Range) {
        range.find_split(window.pages, &mut [0; 3 * REGIONS], &mut |entry| {
            if let (Some(after), Some(weight), Some(&target)) =
                (window.after.get_mut(entry), window.weights.get_mut(entry), window.targets.get(entry))
                && plan::counted_until_then(*after).is_none()
            {
                let outcome = window.before.get(entry).and_then(|&before| Outcome::of(before, *after, target, true));
                let (counted, mark) = match outcome {
                    Some(Outcome::Moved) => (outcome, SPLIT_AND_MOVED),
                    Some(Outcome::InPlace) => (outcome, SPLIT_IN_PLACE),
                    _ => (None, SPLIT),
                };
                self.tally.add(counted, *weight as usize);
                (*after, *weight) = (mark, 0);
            }
        });
    }

    /// Moves the base pages of a huge page, which had been on the node `before`, and had this target. With a target, they count as requested
    /// already, and as what the kernel said of the huge page.
    fn move_base_pages(
        &mut self,
        window: &mut Window,
        before: i32,
        target: i32,
        counted: Option<Outcome>,
        target_of: &dyn Fn(i32) -> i32,
    ) {
        let has_target = target != NO_TARGET;
        if has_target {
            self.tally.take_back(window.pages.len(), counted);
        }
        if self.stopped() || !self.locate_window(window, true) {
            self.tally.add(None, if has_target { window.pages.len() } else { 0 });
            return;
        }
        let places = window.before.iter_mut().zip(window.targets.iter_mut()).zip(window.weights.iter_mut());
        for ((first, own_target), weight) in places {
            // Whatever took it to its target, it was elsewhere before.
            let is_of_move = *first < 0 || *first == before || *first == target;
            *own_target = if is_of_move { target } else { target_of(*first) };
            *first = if *first == target { before } else { *first };
            *weight = u32::from(has_target || *own_target != NO_TARGET);
        }
        self.move_window(window, None);
        self.finish_window(window, &mut |_, _, _| ());
        self.report();
    }

    /// Fails with ESRCH if the process has ended, or runs another program, so that what was found out about its pages may be about
    /// others.
    fn check_process(&mut self, range: &K::Range) {
        if self.error == errno::EINVAL {
            // Nothing was wrong with the flags before: it has ended and was not waited for.
            self.error = errno::ESRCH;
        } else if self.error == 0 && (self.kernel.has_ended() || range.has_lost_memory()) {
            self.fail(errno::ESRCH);
        } else if range.error() != 0 {
            self.fail(range.error());
        }
        if self.error == errno::ESRCH {
            // Its pages are gone.
            self.tally.forget_unmoved();
        }
    }

    /// Where the kernel would end the request, since the entry's target is no node, has no memory or may not be used; and with which
    /// errno. Targets that are good are added to `known`.
    fn wrong_target(&self, window: &mut Window, known: BitsMut) -> Option<(usize, i32)> {
        let new = plan::list_targets(window, known);
        debug_assert!(new <= window.tried.len());
        let mut wrong =
            window.targets.iter().position(|&target| !plan::can_be(target)).map(|entry| (entry, errno::ENODEV));
        if new == 0 {
            return wrong;
        }
        // No page can be there: all that the kernel looks at is the targets.
        self.calls.fetch_add(1, Relaxed);
        let (pages, targets, status) =
            (window.try_pages.get(..new)?, window.try_targets.get(..new)?, window.tried.get(..new)?);
        if let Err(error @ (errno::ENODEV | errno::EACCES)) =
            self.kernel.move_pages(pages, targets, status, self.manner.flags)
        {
            let first = status.iter().position(|status| status.load(Relaxed) == UNWRITTEN)?;
            let target = targets.get(first)?;
            let entry = window.targets.iter().position(|other| other == target)?;
            if wrong.is_none_or(|(other, _)| entry < other) {
                wrong = Some((entry, error));
            }
        }
        wrong
    }

    /// Calls `each(node, base_pages)` for every present page of a range.
    pub fn count_range(&mut self, start: usize, length: usize, each: &mut dyn FnMut(usize, usize)) -> Result<(), i32> {
        let mut scratch = self.scratch((length >> self.page_bits).max(MIN_ENTRIES), SPLIT_ENTRIES)?;
        let mut range = self.kernel.range(start, length, self.page_bits, scratch.range()).ok_or(errno::EINVAL)?;
        if !self.submit(Request::NOTHING) {
            return Ok(());
        }
        if range.is_out_of_sight() {
            return Err(errno::ENOENT);
        }
        while !range.is_done() {
            let window = &mut Window::carve(&mut scratch.arena(), self.entries);
            let listed = range.list(window.pages, usize::MAX, window.try_pages);
            window.cut(listed);
            if let Err(error) = self.locate(window.pages, window.before, true) {
                self.fail(error);
                break;
            }
            for (&page, &node) in window.pages.iter().zip(window.before.iter()) {
                match usize::try_from(node) {
                    Ok(node) => each(node, range.weight(page)),
                    Err(_) if range.weight(page) > 1 => self.count_base_pages(&range, page, each),
                    Err(_) => {}
                }
            }
        }
        self.check_process(&range);
        Ok(())
    }

    /// Counts those base pages of a huge page that are there, after its first one has just gone.
    #[cold]
    fn count_base_pages(&self, range: &K::Range, entry: usize, each: &mut dyn FnMut(usize, usize)) {
        const AT_ONCE: usize = 64;
        let (mut next, mut left) = (range.address(entry), range.weight(entry));
        while left > 0 {
            let (mut pages, mut nodes) = ([0; AT_ONCE], [0; AT_ONCE]);
            let count = left.min(AT_ONCE);
            for page in pages.iter_mut().take(count) {
                *page = next;
                next = next.wrapping_add(1 << self.page_bits);
            }
            left -= count;
            let (Some(pages), Some(nodes)) = (pages.get(..count), nodes.get_mut(..count)) else { return };
            if self.locate(pages, nodes, true).is_err() {
                return;
            }
            nodes.iter().filter_map(|&node| usize::try_from(node).ok()).for_each(|node| each(node, 1));
        }
    }

    /// Returns whether pages of the process may be moved to `node`.
    pub fn can_target(&mut self, node: i32) -> bool {
        self.calls.fetch_add(1, Relaxed);
        let moved = self.kernel.move_pages(&[plan::NO_PAGE], &[node], &[AtomicI32::new(0)], self.manner.flags);
        moved.map_err(|error| self.fail(error)).is_ok()
    }

    /// Returns whether any page has been looked at.
    pub fn any_requested(&self) -> bool {
        self.tally.requested > 0
    }

    /// Clears the error if it is this one.
    pub fn forgive(&mut self, error: i32) {
        if self.error == error {
            self.error = 0;
        }
    }

    /// Records the first error.
    fn fail(&mut self, error: i32) {
        if self.error == 0 {
            self.error = error;
        }
    }

    /// Returns whether the callback or an error has ended the move.
    fn stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// Asks where the pages of a window are, before anything is done; those of a range `were_there` when it was listed. Returns false if
    /// that fails: then nothing can be done.
    fn locate_window(&mut self, window: &mut Window, were_there: bool) -> bool {
        if let Err(error) = self.locate(window.pages, window.before, were_there) {
            self.fail(error);
            return false;
        }
        window.after.iter_mut().zip(window.before.iter()).for_each(|(after, before)| *after = *before);
        window.weights.fill(1);
        true
    }

    /// Asks where some pages are, which `were_there` before or not.
    fn locate(&self, pages: &[usize], nodes: &mut [i32], were_there: bool) -> Result<(), i32> {
        let locator =
            Locator { kernel: &self.kernel, flags: self.manner.flags, calls: &self.calls, patience: &self.patience };
        locator.locate(pages, nodes, were_there)
    }

    /// Base pages that may be worked on between two reports.
    fn max_weight(&self) -> usize {
        if self.progress.is_some() { REPORT_BYTES >> self.page_bits } else { usize::MAX }
    }

    /// Scratch memory for a window of at most so many entries, and for no more than may be worked on between two reports, and for `more`
    /// in another window; ENOMEM if there is none.
    #[inline(never)]
    fn scratch(&mut self, entries: usize, more: usize) -> Result<Scratch, i32> {
        self.entries = entries.min(self.max_weight()).clamp(1, K::MAX_ENTRIES);
        Scratch::new((self.entries + more) * plan::BYTES_PER_ENTRY).ok_or(errno::ENOMEM)
    }

    /// Moves what `window` says, and writes into `after` what became of it. Its entries are those of a list, or of `range`. Returns whether
    /// any page was to be moved.
    fn move_window(&mut self, window: &mut Window, mut range: Option<&mut K::Range>) -> bool {
        let plan = plan::plan(window, self.page_bits);
        let mut pending = if self.stopped() { 0 } else { plan.pending };
        /// How often pages are tried again of which the kernel says -EFAULT although they are there, beside the retries asked for: Linux 6.1
        /// does so of huge pages that someone else moves.
        const EFAULT_RETRIES: u32 = 8;
        let (mut round, mut attempts, mut contended, mut spare) = (0, 0u32, false, EFAULT_RETRIES);
        while pending > 0 {
            plan::write_down(window, pending);
            attempts = attempts.saturating_add(1);
            debug_assert!(pending <= window.found.len());
            self.run_pass(window, pending, self.helpers(window, pending), !plan.entangled);
            let (pages, found) = (window.try_pages.get(..pending), window.found.get_mut(..pending));
            let known = match (pages, found, window.tried.get(..pending)) {
                (Some(pages), Some(found), Some(tried)) if plan::is_unclear(tried) => {
                    self.locate(pages, found, true).is_ok()
                }
                _ => false,
            };
            // Where many pages left one target for another, one that is full may have room again: that is no mere retry.
            let before = pending;
            let full = plan::sort_out(window, &mut pending, known);
            let made_room = plan.entangled && before - pending > before / 64;
            let unmovable = plan::any_unmovable(window, pending);
            if !(full && made_room || unmovable && spare > 0) {
                round += 1;
            }
            spare = spare.saturating_sub(u32::from(unmovable));
            if !made_room {
                pending = plan::leave_full(window, pending);
            }
            contended |= unmovable && self.is_any_in_flight(window, pending);
            if pending > 0
                && let Some(range) = &mut range
            {
                self.mark_split(window, range);
                pending = plan::leave_split(window, pending);
            }
            if round > self.manner.retries || self.stopped() {
                break;
            }
            self.tally.retried += plan::weight_of(window, pending);
        }
        if plan.entangled
            && plan.pending > 0
            && self.locate(window.pages, window.found, true).is_ok()
            && plan::look_back(window)
            && !self.stopped()
        {
            // As the kernel does it: one after the other.
            let count = plan::in_order(window);
            plan::write_down(window, count);
            self.run_pass(window, count, 0, false);
            if self.locate(window.pages, window.found, true).is_ok() {
                plan::look_back(window);
            }
        }
        if attempts > 1 {
            // A huge page of which one part stayed at first may have moved with another part since.
            let count = plan::write_down_held(window);
            if let (Some(pages), Some(found)) = (window.try_pages.get(..count), window.found.get_mut(..count))
                && count > 0
                && self.locate(pages, found, true).is_ok()
            {
                plan::settle_held(window, count);
            }
        }
        if contended {
            plan::call_unmovable_busy(window);
        }
        plan::finish_duplicates(window);
        plan.pending > 0
    }

    /// Returns whether some of the first `count` entries to be tried are in flight, of which the kernel said -EFAULT: Linux 6.1 does so of huge
    /// pages that someone else moves, and every kernel of pages that don't move.
    fn is_any_in_flight(&self, window: &Window, count: usize) -> bool {
        const AT_ONCE: usize = 32;
        let unmovable = |&&entry: &&u32| window.after.get(entry as usize) == Some(&plan::UNMOVABLE);
        let mut entries =
            window.order.iter().take(count).filter(unmovable).filter_map(|&entry| window.pages.get(entry as usize));
        loop {
            let (mut pages, mut states, mut filled) = ([0; AT_ONCE], [PageState::Nothing; AT_ONCE], 0);
            for (place, &page) in pages.iter_mut().zip(&mut entries) {
                (*place, filled) = (page, filled + 1);
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

    /// Counts what became of the entries of a window, calls `record` with each and the node it is on, and turns the marks in `after` into
    /// statuses.
    fn finish_window(&mut self, window: &mut Window, record: &mut dyn FnMut(usize, Option<Outcome>, i32)) {
        let stopped = self.stopped();
        for entry in 0..window.pages.len() {
            let outcome = plan::outcome(window, entry, stopped);
            self.tally.add(outcome, plan::weight(window, entry));
            if let (Some(&before), Some(after)) = (window.before.get(entry), window.after.get_mut(entry)) {
                // A negative status or mark says why the page stayed on the node where it was.
                record(entry, outcome, if *after >= 0 { *after } else { before });
                *after = outcome.map_or(*after, |outcome| outcome.status(*after));
            }
        }
    }

    /// The sums so far, while a window is worked on: what became of its pages counts as far as it is known, and can't change
    /// (`final_at_once`).
    fn so_far(&self, window: &Window, final_at_once: bool) -> Tally {
        let mut tally = self.tally;
        for entry in 0..window.pages.len() {
            let is_final = |outcome: &Outcome| final_at_once && !outcome.is_unmoved();
            let outcome = plan::outcome(window, entry, true).filter(is_final);
            tally.add(outcome, plan::weight(window, entry));
        }
        tally
    }

    /// Threads beside this one for the first `count` of the entries to be tried.
    fn helpers(&self, window: &Window, count: usize) -> usize {
        if self.manner.threads < 2 {
            return 0;
        }
        let shares = plan::weight_of(window, count) / SHARE;
        self.manner.threads.min(shares).min(count).saturating_sub(1).min(threads::MOST_HELPERS)
    }

    /// Has the kernel move the first `count` of the entries that were written down. Reports of progress count the pages of the window only if
    /// what becomes of one is `final_at_once`: later entries don't move them on.
    fn run_pass(&mut self, window: &Window, count: usize, helpers: usize, final_at_once: bool) {
        let (Some(pages), Some(targets), Some(tried), Some(order)) = (
            window.try_pages.get(..count),
            window.try_targets.get(..count),
            window.tried.get(..count),
            window.order.get(..count),
        ) else {
            debug_assert!(false, "more entries than the window has");
            return;
        };
        let weight_at = |index: usize| order.get(index).map_or(1, |&entry| plan::weight(window, entry as usize));
        let weight = plan::weight_of(window, count);
        let chunk = if self.progress.is_some() {
            Chunk::bounded((REPORT_BYTES >> self.page_bits).checked_div(helpers + 1).unwrap_or(1))
        } else {
            Chunk::unbounded()
        };
        // Some for each thread, so that none waits long for the last.
        let smallest = SHARE.saturating_mul(count).checked_div(weight).unwrap_or(count).max(1);
        let entries = if helpers == 0 { count } else { smallest.max(count.checked_div(4 * helpers).unwrap_or(count)) };
        let of_range = window.weights.iter().any(|&weight| weight != 1);
        let queue = WorkQueue {
            kernel: &self.kernel,
            flags: self.manner.flags,
            pages,
            targets,
            tried,
            page_bits: self.page_bits,
            weights: if of_range { Some(&weight_at) } else { None },
            next: AtomicUsize::new(0),
            entries,
            chunk,
            calls: &self.calls,
            stop: &self.stop,
            error: AtomicI32::new(0),
        };
        let so_far = if self.progress.is_some() { self.so_far(window, final_at_once) } else { self.tally };
        let mut cancelled = false;
        let progress = &mut self.progress;
        let main_worker = || {
            let mut began = clock::milliseconds();
            while queue.run_next_chunk() {
                let Some(progress) = progress else { continue };
                let mut so_far = so_far;
                if final_at_once {
                    let moved = tried.iter().enumerate().filter(|(_, status)| status.load(Relaxed) >= 0);
                    so_far.add_moved(moved.map(|(index, _)| weight_at(index)).sum());
                }
                if !progress(&so_far.figures(queue.calls.load(Relaxed))) {
                    cancelled = true;
                    queue.stop.store(true, Relaxed);
                }
                let now = clock::milliseconds();
                queue.chunk.adapt(now.saturating_sub(began));
                began = now;
            }
        };
        threads::together(helpers, &|| while queue.run_next_chunk() {}, main_worker);
        match queue.error.load(Relaxed) {
            0 if cancelled => self.error = errno::ECANCELED,
            0 => {}
            error => self.fail(error),
        }
    }

    /// Reports progress; stops if the callback says so.
    #[inline(never)]
    fn report(&mut self) {
        let figures = self.figures();
        if let Some(progress) = &mut self.progress
            && !progress(&figures)
            && !self.stop.swap(true, Relaxed)
        {
            // Whatever failed before: not all has been tried.
            self.error = errno::ECANCELED;
        }
    }

    /// Reports the final sums; there is nothing to stop any more.
    pub fn finish(&mut self) {
        let figures = self.figures();
        if let Some(progress) = &mut self.progress {
            progress(&figures);
        }
    }
}

#[cfg(any(test, fuzzing))]
pub mod fuzzing;
#[cfg(any(test, fuzzing))]
mod model;
#[cfg(test)]
mod tests;

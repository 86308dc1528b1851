//! Moving many pages: in windows of bounded memory, grouped by target, past what will not go, and with true figures.
//!
//! `plan` decides, `ranges` finds out which pages there are; here the kernel is called.

pub mod plan;
mod proc_files;
mod ranges;

use crate::bits::BitsMut;
use crate::os::memory::{self, AnyBytes, Scratch};
use crate::os::user_memory::{self, Copied, Trust};
use crate::os::{clock, errno, kernel, threads};
use crate::topology::Nodes;
use core::ffi::c_long;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::Relaxed};
use plan::{Fate, NO_TARGET, NODE_DENIED, TRIED, UNMOVABLE, UNWRITTEN, Window};
use proc_files::ProcFiles;
pub use ranges::Range;

/// Entries of a window of a range at least: what the kernel says of the range needs room too.
const FEWEST_ENTRIES: usize = 512;

/// Entries that are handed to one thread at a time at least, where several move.
const SHARE: usize = 512;

/// Milliseconds that a call may take where somebody wants to hear how far it is.
const PATIENCE: u64 = 40;

/// Bytes that are worked on at most before progress is reported: a promise of numars.h.
const REPORT_BYTES: usize = 64 << 20;

/// How often a page is tried again unless somebody says so.
pub const RETRIES: u32 = 3;

/// How to move.
#[derive(Clone, Copy)]
pub struct Manner {
    pub flags: i32,
    pub threads: usize,
    pub retries: u32,
}

/// What can become of a page, and what else is counted.
#[derive(Clone, Copy)]
pub enum Figure {
    Requested,
    Moved,
    InPlace,
    Absent,
    Unmapped,
    Shared,
    Busy,
    NoMemory,
    Failed,
    Retried,
    KernelCalls,
}

/// How many pages of each figure.
pub type Figures = [usize; 11];

fn add(figures: &mut Figures, figure: Figure, count: usize) {
    debug_assert!((figure as usize) < figures.len());
    if let Some(sum) = figures.get_mut(figure as usize) {
        *sum += count;
    }
}

/// Hears how far it is; an answer of false stops the work.
pub type Progress<'a> = Option<&'a mut dyn FnMut(&Figures) -> bool>;

/// What the mover asks of the kernel: errors are errnos. The tests have a kernel of their own.
pub trait Kernel: Sync {
    /// Entries of a window at most: their scratch memory stays below 4 MiB.
    const MOST_ENTRIES: usize = 65_536;

    /// Where pages are: move_pages(2) without nodes.
    fn ask(&self, pages: &[usize], status: &mut [i32], flags: i32) -> Result<(), i32>;
    /// Moves pages to nodes: the answer of move_pages(2).
    fn move_pages(&self, pages: &[usize], nodes: &[i32], status: &[AtomicI32], flags: i32) -> Result<usize, i32>;
    /// The same, of arrays that nobody has looked at.
    fn move_request(&self, request: Request, flags: i32) -> Result<usize, i32>;
    /// Returns the present pages of a range, without those of `scratch`, from its first to before its second address; `None` if it goes
    /// beyond the end of all addresses.
    fn range(&self, start: usize, length: usize, page_bits: u32, scratch: (usize, usize)) -> Option<Range>;
    /// Returns true if the process is known to have ended.
    fn has_ended(&self) -> bool {
        false
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
        Process { pid, files: ProcFiles::Unknown }
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
            outcome = answer(kernel::move_pages_at(pid, count, pages, nodes, status, flags));
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

/// An answer of move_pages(2).
fn answer(answer: c_long) -> Result<usize, i32> {
    usize::try_from(answer).map_err(|_| errno::get())
}

/// Has `each` answer for at most so many pages at once, until there is an error.
fn in_pieces(
    mut pages: &[usize],
    mut status: &mut [i32],
    at_once: usize,
    mut each: impl FnMut(&[usize], &mut [i32]) -> Result<(), i32>,
) -> Result<(), i32> {
    while !pages.is_empty() {
        let count = pages.len().min(at_once);
        debug_assert!(count > 0 && count <= status.len());
        let Some((these, others)) = pages.split_at_checked(count) else { break };
        let Some((answers, rest)) = status.split_at_mut_checked(count) else { break };
        each(these, answers)?;
        (pages, status) = (others, rest);
    }
    Ok(())
}

impl Kernel for Process {
    fn ask(&self, pages: &[usize], status: &mut [i32], flags: i32) -> Result<(), i32> {
        // A 32-bit program gets wrong answers beyond 16 from a 64-bit kernel before 6.16.
        let at_once = if usize::BITS == 32 { 16 } else { usize::MAX };
        let pid = self.pid()?;
        in_pieces(pages, status, at_once, |pages, status| {
            let (count, pages, status) = (pages.len(), pages.as_ptr() as usize, status.as_mut_ptr() as usize);
            self.call(pid, Request { count, pages, status, ..Request::NOTHING }, flags).map(|_| ())
        })
    }

    fn move_pages(&self, pages: &[usize], nodes: &[i32], status: &[AtomicI32], flags: i32) -> Result<usize, i32> {
        let count = pages.len().min(nodes.len()).min(status.len());
        let (pages, nodes, status) = (pages.as_ptr() as usize, nodes.as_ptr() as usize, status.as_ptr() as usize);
        self.move_request(Request { count, pages, nodes, status, ..Request::NOTHING }, flags)
    }

    fn move_request(&self, request: Request, flags: i32) -> Result<usize, i32> {
        self.call(self.pid()?, request, flags)
    }

    fn range(&self, start: usize, length: usize, page_bits: u32, scratch: (usize, usize)) -> Option<Range> {
        let excluded = if self.files.is_own() { scratch } else { (0, 0) };
        Range::new(&self.files, start, length, page_bits, excluded)
    }

    fn has_ended(&self) -> bool {
        self.files.has_ended()
    }
}

/// One move, as far as it is done.
pub struct Mover<'a, K> {
    kernel: K,
    manner: Manner,
    progress: Progress<'a>,
    pub figures: Figures,
    /// The errno of the first thing that the kernel calls an error; 0: none.
    pub error: i32,
    /// Pages that the kernel tried and could not move, as move_pages(2) counts them.
    pub tried: usize,
    /// Pages that are there and not on their target.
    pub left: usize,
    calls: AtomicUsize,
    stop: AtomicBool,
    page_bits: u32,
}

/// The three arrays of a request, as the program handed them in.
#[derive(Clone, Copy)]
pub struct Request {
    pub count: usize,
    pub pages: usize,
    /// 0: nothing is moved.
    pub nodes: usize,
    pub status: usize,
    /// Whether statuses are wanted at all; otherwise `status` is not looked at.
    pub tell: bool,
    /// Whether the arrays may be looked at without the kernel's help, where a container forbids that.
    pub trust: Option<Trust>,
}

impl Request {
    /// No entries: it asks whether the process is there and may be asked.
    const NOTHING: Request = Request { count: 0, pages: 0, nodes: 0, status: 0, tell: false, trust: None };

    /// What is left of it behind so many entries.
    fn behind(self, done: usize) -> Request {
        let at = |array: usize, size: usize| array.wrapping_add(done.wrapping_mul(size));
        Request {
            count: self.count - done,
            pages: at(self.pages, size_of::<usize>()),
            nodes: if self.nodes == 0 { 0 } else { at(self.nodes, size_of::<i32>()) },
            status: at(self.status, size_of::<i32>()),
            ..self
        }
    }
}

impl Window<'_> {
    /// As many entries as `scratch` has room for.
    fn over(scratch: &mut Scratch) -> Window<'_> {
        let entries = scratch.bytes() / plan::BYTES_PER_ENTRY;
        let mut parts = scratch.parts();
        let window = Window {
            pages: parts.take(entries),
            try_pages: parts.take(entries),
            targets: parts.take(entries),
            before: parts.take(entries),
            after: parts.take(entries),
            order: parts.take(entries),
            try_targets: parts.take(entries),
            found: parts.take(entries),
            table: parts.take(2 * entries),
            tried: parts.take(entries),
        };
        // What is taken last would be empty if there were no room for all.
        debug_assert_eq!(window.tried.len(), entries);
        window
    }
}

/// Entries of a request that the kernel is handed as it is first.
const FEW: usize = 64;

/// Moves a list of few entries as numa_move_pages() does, if the kernel moves it well: `Some` with what is wrong, if anything is.
/// What it did is done, and the entries can be moved once more by [`Mover::list`].
pub fn few(kernel: &impl Kernel, request: Request, flags: i32) -> Option<Result<(), i32>> {
    if request.count > FEW {
        return None;
    }
    let (mut status, mut found) = ([0i32; FEW], [0i32; FEW]);
    let (status, found) = (status.get_mut(..request.count)?, found.get_mut(..request.count)?);
    match kernel.move_request(Request { status: status.as_mut_ptr() as usize, ..request }, flags) {
        Ok(0) => {}
        Err(error @ (errno::EINVAL | errno::EPERM | errno::ESRCH)) => return Some(Err(error)),
        _ => return None,
    }
    // Said also of a page that an entry before has moved.
    if status.contains(&-errno::EBUSY) {
        return None;
    }
    let mut nodes = status.iter().filter(|&&status| status >= 0);
    let first = nodes.next();
    if !nodes.all(|node| Some(node) == first) {
        // One may have left its target again, for that of another entry.
        kernel.move_request(Request { nodes: 0, status: found.as_mut_ptr() as usize, ..request }, flags).ok()?;
        if status.iter().zip(found).any(|(status, found)| *status >= 0 && status != found) {
            return None;
        }
    }
    match user_memory::write(request.status, status, None) {
        Copied::Bytes(bytes) if bytes == size_of_val(status) => Some(Ok(())),
        Copied::Bytes(_) => Some(Err(errno::EFAULT)),
        Copied::Forbidden => None,
    }
}

impl<'a, K: Kernel> Mover<'a, K> {
    pub fn new(kernel: K, manner: Manner, progress: Progress<'a>) -> Self {
        Mover {
            kernel,
            manner,
            progress,
            figures: [0; 11],
            error: 0,
            tried: 0,
            left: 0,
            calls: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            page_bits: memory::page_size().trailing_zeros(),
        }
    }

    /// Moves the pages of a list. EPERM where its arrays may not be read in a way that a bad address does no harm to, ENOMEM where
    /// there is no scratch memory; other errors are in `error`.
    pub fn list(&mut self, request: Request) -> Result<(), i32> {
        let mut scratch = self.scratch(request.count)?;
        let known = Nodes::new();
        if request.count == 0 {
            self.hand_over(request);
        }
        let (mut done, mut tried_later) = (0, false);
        while done < request.count && !self.stopped() {
            let window = &mut Window::over(&mut scratch);
            let rest = request.behind(done);
            window.cut(rest.count);
            let mut there = read_pages(rest, window.pages)?;
            if rest.nodes == 0 {
                window.targets.fill(NO_TARGET);
            } else {
                there = there.min(read(rest.nodes, window.targets, rest.trust)?);
                // No kernel has a node of any negative number.
                window.targets.iter_mut().for_each(|target| *target = (*target).max(-1));
            }
            window.cut(there);
            if there == 0 {
                let count = rest.count.min(K::MOST_ENTRIES);
                if !self.hand_over(Request { count, ..rest }) {
                    break;
                }
                done += count;
                self.hear();
                continue;
            }
            let wrong_target = self.wrong_target(window, known.bits());
            if let Some((entry, _)) = wrong_target {
                window.cut(entry);
            }
            if !self.ask_all(window) {
                break;
            }
            tried_later |= self.work_on(window, None) && done > 0;
            if request.tell && write(rest.status, window.after, rest.trust)? < window.after.len() {
                self.fail(errno::EFAULT);
                break;
            }
            done += window.after.len();
            if let Some((_, error)) = wrong_target
                && !self.stopped()
            {
                self.error = error;
                break;
            }
            // The end is reported by `finish`.
            if done < request.count {
                self.hear();
            }
        }
        if tried_later && request.tell {
            self.look_again(Request { count: done, ..request }, &mut scratch)?;
        }
        self.finish();
        Ok(())
    }

    /// Hands a request to the kernel as it is, which finds out what is wrong with it. Whether nothing is.
    fn hand_over(&mut self, request: Request) -> bool {
        self.calls.fetch_add(1, Relaxed);
        let answer = self.kernel.move_request(request, self.manner.flags);
        answer.map_err(|error| self.fail(error)).is_ok()
    }

    /// Brings the statuses of a request of several windows up to date: a page of one may have been named again in a later one. Ends when
    /// the caller cancels.
    fn look_again(&mut self, request: Request, scratch: &mut Scratch) -> Result<(), i32> {
        let mut done = 0;
        while done < request.count {
            if !self.stopped() {
                self.hear();
            }
            if self.stopped() {
                break;
            }
            let window = &mut Window::over(scratch);
            let rest = request.behind(done);
            window.cut(rest.count);
            let there = read_pages(rest, window.pages)?.min(read(rest.status, window.after, rest.trust)?);
            window.cut(there);
            if there == 0 || self.ask(window.pages, window.found).is_err() {
                break;
            }
            for (after, &found) in window.after.iter_mut().zip(window.found.iter()) {
                *after = if *after >= 0 { found } else { *after };
            }
            write(rest.status, window.after, rest.trust)?;
            done += there;
        }
        Ok(())
    }

    /// Moves the pages that are there of a range, in so many passes; `target_of` says where a page of each node goes in each pass, or
    /// [`NO_TARGET`]. The caller calls [`Mover::finish`] afterwards.
    pub fn range(
        &mut self,
        start: usize,
        length: usize,
        passes: usize,
        target_of: &dyn Fn(usize, i32) -> i32,
    ) -> Result<(), i32> {
        let mut scratch = self.scratch((length >> self.page_bits).max(FEWEST_ENTRIES))?;
        let mut range = self.kernel.range(start, length, self.page_bits, scratch.addresses()).ok_or(errno::EINVAL)?;
        // Unless the process itself is gone.
        if range.is_out_of_sight() && self.hand_over(Request::NOTHING) {
            return Err(errno::ENOENT);
        }
        for pass in 0..passes {
            if pass > 0 {
                range.rewind();
            }
            while !range.is_done() && !self.stopped() {
                let window = &mut Window::over(&mut scratch);
                let listed = range.list(window.pages, self.most_weight(), window.try_pages);
                window.cut(listed);
                if listed > 0 {
                    if !self.ask_all(window) {
                        break;
                    }
                    for (target, &node) in window.targets.iter_mut().zip(window.before.iter()) {
                        *target = if node < 0 { NO_TARGET } else { target_of(pass, node) };
                    }
                    self.work_on(window, Some(&range));
                }
                self.hear();
            }
            self.check_process(&range);
            if self.stopped() || self.error == errno::ESRCH {
                break;
            }
        }
        Ok(())
    }

    /// Fails with ESRCH if the process has ended, or runs another program, so that what was found out about its pages may be about
    /// others.
    fn check_process(&mut self, range: &Range) {
        if self.error == errno::EINVAL {
            // Nothing was wrong with the flags before: it has ended and was not waited for.
            self.error = errno::ESRCH;
        } else if self.error == 0 && (self.kernel.has_ended() || range.has_lost_memory()) {
            self.fail(errno::ESRCH);
        } else if range.error() != 0 {
            self.fail(range.error());
        } else if range.is_cut_off() {
            self.fail(errno::EOVERFLOW);
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
        // No page is there: all that the kernel looks at is the targets.
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

    /// Tells of each page that is there of a range its node, and of how many base pages that is true.
    pub fn places(&mut self, start: usize, length: usize, each: &mut dyn FnMut(usize, usize)) -> Result<(), i32> {
        let mut scratch = self.scratch((length >> self.page_bits).max(FEWEST_ENTRIES))?;
        let mut range = self.kernel.range(start, length, self.page_bits, scratch.addresses()).ok_or(errno::EINVAL)?;
        if !self.hand_over(Request::NOTHING) {
            return Ok(());
        }
        if range.is_out_of_sight() {
            return Err(errno::ENOENT);
        }
        while !range.is_done() {
            let window = &mut Window::over(&mut scratch);
            let listed = range.list(window.pages, usize::MAX, window.try_pages);
            window.cut(listed);
            if !self.ask_all(window) {
                break;
            }
            for (&page, &node) in window.pages.iter().zip(window.before.iter()) {
                if let Ok(node) = usize::try_from(node) {
                    each(node, range.weight(page));
                }
            }
        }
        self.check_process(&range);
        Ok(())
    }

    /// Whether pages of the process may be put on `node`: asked with a page that is not there.
    pub fn may_use(&mut self, node: i32) -> bool {
        self.calls.fetch_add(1, Relaxed);
        let answer = self.kernel.move_pages(&[0], &[node], &[AtomicI32::new(0)], self.manner.flags);
        answer.map_err(|error| self.fail(error)).is_ok()
    }

    /// Whether any page has been looked at.
    pub fn has_begun(&self) -> bool {
        self.figures.first().is_some_and(|&requested| requested > 0)
    }

    /// Remembers the first error.
    pub fn fail(&mut self, error: i32) {
        if self.error == 0 {
            self.error = error;
        }
    }

    /// Whether the callback or an error has ended the move.
    pub fn stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// Asks the kernel where the pages are that `window` names. Whether it said so: otherwise nothing can be done.
    fn ask_all(&mut self, window: &mut Window) -> bool {
        let answer = self.ask(window.pages, window.before);
        answer.map_err(|error| self.fail(error)).is_ok()
    }

    /// Asks where some pages are.
    fn ask(&self, pages: &[usize], status: &mut [i32]) -> Result<(), i32> {
        self.calls.fetch_add(1, Relaxed);
        self.kernel.ask(pages, status, self.manner.flags)
    }

    /// Base pages that may be worked on between two reports.
    fn most_weight(&self) -> usize {
        if self.progress.is_some() { REPORT_BYTES >> self.page_bits } else { usize::MAX }
    }

    /// Scratch memory for at most so many entries, and for no more than may be worked on between two reports; ENOMEM if there is none.
    #[inline(never)]
    fn scratch(&self, entries: usize) -> Result<Scratch, i32> {
        Scratch::new(entries.min(self.most_weight()).clamp(1, K::MOST_ENTRIES) * plan::BYTES_PER_ENTRY)
            .ok_or(errno::ENOMEM)
    }

    /// Moves what `window` says, and writes into `after` what became of it. Its entries are those of a list, or pages of `range`.
    /// Returns whether any page was to be moved.
    fn work_on(&mut self, window: &mut Window, range: Option<&Range>) -> bool {
        let plan = plan::plan(window, self.page_bits);
        // Asked for by nobody else.
        let so_far = if self.progress.is_some() { self.counted(window, range, false) } else { self.figures };
        let mut pending = if self.stopped() { 0 } else { plan.pending };
        let mut round = 0;
        while pending > 0 {
            plan::write_down(window, pending);
            debug_assert!(pending <= window.found.len());
            self.attempt(window, pending, range, &so_far, self.helpers(pending));
            let (pages, found) = (window.try_pages.get(..pending), window.found.get_mut(..pending));
            let known = match (pages, found, window.tried.get(..pending)) {
                (Some(pages), Some(found), Some(tried)) if plan::is_unclear(tried) => self.ask(pages, found).is_ok(),
                _ => false,
            };
            // Where many pages left one target for another, one that is full may have room again: that is no mere retry.
            let before = pending;
            let full = plan::sort_out(window, &mut pending, known);
            let made_room = plan.entangled && before - pending > before / 64;
            if !(full && made_room) {
                round += 1;
            }
            if !made_room {
                pending = plan::leave_full(window, pending);
            }
            if round > self.manner.retries || self.stopped() {
                break;
            }
            let weight = |&entry: &u32| {
                debug_assert!((entry as usize) < window.pages.len());
                window.pages.get(entry as usize).map_or(0, |&page| weight(range, page))
            };
            let retried = window.order.iter().take(pending).map(weight).sum();
            add(&mut self.figures, Figure::Retried, retried);
        }
        if plan.entangled
            && plan.pending > 0
            && self.ask(window.pages, window.found).is_ok()
            && plan::look_back(window)
            && !self.stopped()
        {
            // As the kernel does it: one after the other.
            let count = plan::in_order(window);
            plan::write_down(window, count);
            self.attempt(window, count, range, &so_far, 0);
            if self.ask(window.pages, window.found).is_ok() {
                plan::look_back(window);
            }
        }
        self.figures = self.counted(window, range, true);
        self.settle(window, range);
        plan::finish_duplicates(window);
        plan.pending > 0
    }

    /// Turns the marks in `after` into statuses, and notes errors.
    fn settle(&mut self, window: &mut Window, range: Option<&Range>) {
        for (entry, &page) in window.pages.iter().enumerate() {
            let Fate { after, target, .. } = plan::fate(window, entry);
            let absent = after == -errno::ENOENT || after == -errno::EFAULT;
            if after != target && target != NO_TARGET && !absent {
                self.left += weight(range, page);
            }
        }
        for after in window.after.iter_mut() {
            match *after {
                TRIED => {
                    self.tried += 1;
                    *after = -errno::EBUSY;
                }
                NODE_DENIED => {
                    self.fail(errno::EACCES);
                    *after = -errno::EACCES;
                }
                UNMOVABLE => *after = -errno::EFAULT,
                _ if *after == -errno::ENODEV => self.fail(errno::ENODEV),
                _ if *after == -errno::ENOMEM => self.fail(errno::ENOMEM),
                _ => {}
            }
        }
    }

    /// The figures with those of `window`; where it is not `finished`, pages that are not on their targets are still to be tried.
    fn counted(&self, window: &Window, range: Option<&Range>, finished: bool) -> Figures {
        let mut figures = self.figures;
        for (entry, &page) in window.pages.iter().enumerate() {
            let Fate { before, after, target, .. } = plan::fate(window, entry);
            if range.is_some() && target == NO_TARGET {
                continue;
            }
            let on_target = |node: i32| node == target || target == NO_TARGET;
            let figure = match -after {
                ..=0 if on_target(after) && on_target(before) => Some(Figure::InPlace),
                ..=0 if on_target(after) => Some(Figure::Moved),
                ..=0 if !finished || self.stopped() => None,
                errno::ENOENT => Some(Figure::Absent),
                errno::EFAULT => Some(Figure::Unmapped),
                errno::EACCES => Some(Figure::Shared),
                errno::ENOMEM => Some(Figure::NoMemory),
                errno::EBUSY => Some(Figure::Busy),
                _ if after == TRIED => Some(Figure::Busy),
                _ if !finished => None,
                _ => Some(Figure::Failed),
            };
            for figure in [Some(Figure::Requested), figure].into_iter().flatten() {
                add(&mut figures, figure, weight(range, page));
            }
        }
        figures
    }

    /// Threads beside this one, for so many entries.
    fn helpers(&self, pending: usize) -> usize {
        (self.manner.threads.min(pending / SHARE)).saturating_sub(1).min(threads::MOST_HELPERS)
    }

    /// Has the kernel move the first `count` of the entries that were written down.
    fn attempt(&mut self, window: &Window, count: usize, range: Option<&Range>, so_far: &Figures, helpers: usize) {
        let (Some(pages), Some(targets), Some(tried)) =
            (window.try_pages.get(..count), window.try_targets.get(..count), window.tried.get(..count))
        else {
            debug_assert!(false, "more entries than the window has");
            return;
        };
        let share = match (&self.progress, helpers) {
            (Some(_), _) => share_to_begin_with(pages.iter().map(|&page| weight(range, page)).sum(), count),
            (None, 0) => count,
            // Some for each thread, so that none waits long for the last.
            _ => SHARE.max(count.checked_div(4 * helpers).unwrap_or(count)),
        };
        let attempt = Attempt {
            kernel: &self.kernel,
            flags: self.manner.flags,
            pages,
            targets,
            tried,
            next: AtomicUsize::new(0),
            share: AtomicUsize::new(share),
            calls: &self.calls,
            stop: &self.stop,
            error: AtomicI32::new(0),
        };
        let mut cancelled = false;
        let progress = &mut self.progress;
        let own = || {
            let mut began = clock::milliseconds();
            while attempt.step() {
                let Some(progress) = progress else { continue };
                let mut figures = *so_far;
                let moved = tried.iter().zip(pages).filter(|(status, _)| status.load(Relaxed) >= 0);
                let moved: usize = moved.map(|(_, &page)| weight(range, page)).sum();
                add(&mut figures, Figure::Moved, moved);
                add(&mut figures, Figure::KernelCalls, attempt.calls.load(Relaxed));
                if !progress(&figures) {
                    cancelled = true;
                    attempt.stop.store(true, Relaxed);
                }
                let now = clock::milliseconds();
                attempt.pace(now.saturating_sub(began));
                began = now;
            }
        };
        threads::together(helpers, &|| while attempt.step() {}, own);
        match attempt.error.load(Relaxed) {
            0 if cancelled => self.error = errno::ECANCELED,
            0 => {}
            error => self.fail(error),
        }
    }

    /// Tells how far it is, and stops if that is the answer.
    #[inline(never)]
    fn hear(&mut self) {
        let figures = self.all_figures();
        if let Some(progress) = &mut self.progress
            && !progress(&figures)
            && !self.stop.swap(true, Relaxed)
        {
            // Whatever failed before: not all has been tried.
            self.error = errno::ECANCELED;
        }
    }

    fn all_figures(&self) -> Figures {
        let mut figures = self.figures;
        if let Some(calls) = figures.last_mut() {
            *calls = self.calls.load(Relaxed);
        }
        figures
    }

    /// Tells the last figures; there is nothing to stop any more.
    pub fn finish(&mut self) {
        self.figures = self.all_figures();
        if let Some(progress) = &mut self.progress {
            progress(&self.figures);
        }
    }
}

/// The pages that an entry stands for: of a list one, of a range so many base pages.
fn weight(range: Option<&Range>, page: usize) -> usize {
    range.map_or(1, |range| range.weight(page))
}

/// Entries that the kernel is handed at once at first, of so many with this weight, where progress is reported: as many as are likely to
/// have 8 MiB, and for lists, whose entries may be of huge pages too, 64 MiB.
fn share_to_begin_with(weight: usize, count: usize) -> usize {
    /// Base pages.
    const WEIGHT: usize = 2048;
    const MOST: usize = 32;
    count.saturating_mul(WEIGHT).checked_div(weight).unwrap_or(MOST).clamp(1, MOST)
}

/// Reads from an array of the program: so many values.
fn read<T: AnyBytes>(address: usize, to: &mut [T], trust: Option<Trust>) -> Result<usize, i32> {
    values::<T>(user_memory::read(address, to, trust))
}

/// Reads addresses of pages. The kernel ignores tags in them when it moves, but on arm64 not when it is asked where pages are.
fn read_pages(request: Request, to: &mut [usize]) -> Result<usize, i32> {
    let count = read(request.pages, to, request.trust)?;
    if cfg!(target_arch = "aarch64") {
        to.iter_mut().for_each(|page| *page = ranges::without_top_byte(*page));
    }
    Ok(count)
}

/// Writes to an array of the program: so many values.
fn write<T: AnyBytes>(address: usize, from: &[T], trust: Option<Trust>) -> Result<usize, i32> {
    values::<T>(user_memory::write(address, from, trust))
}

fn values<T>(copied: Copied) -> Result<usize, i32> {
    match copied {
        Copied::Bytes(bytes) => Ok(bytes / size_of::<T>()),
        Copied::Forbidden => Err(errno::EPERM),
    }
}

/// What threads that move together share.
struct Attempt<'a, K> {
    kernel: &'a K,
    flags: i32,
    pages: &'a [usize],
    targets: &'a [i32],
    tried: &'a [AtomicI32],
    /// The first entry that nobody has taken.
    next: AtomicUsize,
    /// How many are taken at once.
    share: AtomicUsize,
    calls: &'a AtomicUsize,
    stop: &'a AtomicBool,
    /// What the kernel said that ends it all; 0: nothing.
    error: AtomicI32,
}

impl<K: Kernel> Attempt<'_, K> {
    /// Moves the next share of the entries; whether there was one.
    fn step(&self) -> bool {
        let share = self.share.load(Relaxed);
        let start = self.next.fetch_add(share, Relaxed);
        let end = start.saturating_add(share).min(self.pages.len());
        if start >= end || self.stop.load(Relaxed) {
            return false;
        }
        self.move_between(start, end);
        true
    }

    /// Makes shares smaller or larger after one took so many milliseconds.
    fn pace(&self, milliseconds: u64) {
        let share = self.share.load(Relaxed);
        if milliseconds > PATIENCE {
            self.share.store((share / 2).max(1), Relaxed);
        } else if milliseconds < PATIENCE / 4 {
            self.share.store((share * 2).min(SHARE * 16), Relaxed);
        }
    }

    /// Moves entries, going on behind those at which the kernel gives up.
    fn move_between(&self, start: usize, end: usize) {
        let (mut at, mut limit) = (start, end);
        while at < end && !self.stop.load(Relaxed) {
            let (Some(pages), Some(targets), Some(tried)) =
                (self.pages.get(at..limit), self.targets.get(at..limit), self.tried.get(at..limit))
            else {
                debug_assert!(false, "an entry beyond the last one");
                return;
            };
            self.calls.fetch_add(1, Relaxed);
            let mark = match self.kernel.move_pages(pages, targets, tried, self.flags) {
                Ok(0) => None,
                Ok(_) => Some(TRIED),
                Err(errno::ENOMEM) => Some(-errno::ENOMEM),
                Err(errno::ENODEV) => Some(-errno::ENODEV),
                Err(errno::EACCES) => Some(NODE_DENIED),
                Err(error) => {
                    self.error.store(error, Relaxed);
                    self.stop.store(true, Relaxed);
                    return;
                }
            };
            let failed = mark.and_then(|mark| plan::failed_run(targets, tried).map(|run| (mark, run)));
            let Some((mark, (first, behind))) = failed else {
                (at, limit) = (limit, end);
                continue;
            };
            let about_target = mark == NODE_DENIED || mark == -errno::ENODEV;
            if about_target && plan::run_length(targets) < targets.len() {
                // It can be the target behind those that failed that is meant: each run alone.
                debug_assert!(first < targets.len());
                let run = targets.get(first..).map_or(0, plan::run_length);
                (at, limit) = (at + first, at + first + run);
                continue;
            }
            for status in tried.iter().take(behind).skip(first) {
                status.store(mark, Relaxed);
            }
            // What made the kernel stop there is decided.
            let decided = tried.get(behind).is_some_and(|status| status.load(Relaxed) != UNWRITTEN);
            (at, limit) = (at + behind + usize::from(decided), end);
        }
    }
}

#[cfg(any(test, fuzzing))]
pub mod fuzzing;
#[cfg(any(test, fuzzing))]
mod model;
#[cfg(test)]
mod tests;

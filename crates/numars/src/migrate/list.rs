//! Lists of pages: the arrays of move_pages(2), which lie in the program's memory and are copied by the kernel, window by window.

use super::locate::{Locator, PATIENCE, is_absent};
use super::plan::{self, NO_TARGET, UNWRITTEN, Window};
use super::stats::Outcome;
use super::{Kernel, Mover, page_walk};
use crate::nodeset::NodeSet;
use crate::sys::errno;
use crate::sys::memory::{Pod, Scratch};
use crate::sys::user_memory::{self, Copied, Trust};
use core::cell::Cell;
use core::sync::atomic::AtomicUsize;

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
    pub const NOTHING: Request = Request { count: 0, pages: 0, nodes: 0, status: 0, tell: false, trust: None };

    /// The request after its first `done` entries.
    fn skip(self, done: usize) -> Request {
        let at = |array: usize, size: usize| array.wrapping_add(done.wrapping_mul(size));
        Request {
            count: self.count.saturating_sub(done),
            pages: at(self.pages, size_of::<usize>()),
            nodes: if self.nodes == 0 { 0 } else { at(self.nodes, size_of::<i32>()) },
            status: at(self.status, size_of::<i32>()),
            ..self
        }
    }

    /// Returns whether statuses are written over addresses or nodes.
    fn overlaps(self) -> bool {
        let end = |start: usize, size: usize| start.saturating_add(self.count.saturating_mul(size));
        let status = (self.status, end(self.status, size_of::<i32>()));
        let meets = |start: usize, size: usize| start < status.1 && status.0 < end(start, size);
        self.tell && (meets(self.pages, size_of::<usize>()) || meets(self.nodes, size_of::<i32>()))
    }
}

/// Entries of a request that the kernel is handed as it is first.
const FAST_PATH_MAX: usize = if usize::BITS == 64 { 64 } else { 16 };

/// Moves a list of few entries as numa_move_pages() does, if the kernel moves it well: `Some` with what is wrong, if anything is.
/// What it did is done, and the entries can be moved once more by [`Mover::list`].
pub fn try_fast_path(kernel: &impl Kernel, request: Request, flags: i32) -> Option<Result<(), i32>> {
    if request.count > FAST_PATH_MAX {
        return None;
    }
    // Linux 5.10 calls it a success to leave a page where it is, and writes no status then.
    let (mut status, mut found) = ([UNWRITTEN; FAST_PATH_MAX], [0i32; FAST_PATH_MAX]);
    let (status, found) = (status.get_mut(..request.count)?, found.get_mut(..request.count)?);
    match kernel.submit(Request { status: status.as_mut_ptr() as usize, ..request }, flags) {
        Ok(0) => {}
        Err(error @ (errno::EINVAL | errno::EPERM | errno::ESRCH)) => return Some(Err(error)),
        _ => return None,
    }
    if !is_final(kernel, request, status, flags) {
        return None;
    }
    let mut nodes = status.iter().filter(|&&status| status >= 0);
    let first = nodes.next();
    if !nodes.all(|node| Some(node) == first) {
        // One may have left its target again, for that of another entry.
        kernel.submit(Request { nodes: 0, status: found.as_mut_ptr() as usize, ..request }, flags).ok()?;
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

/// Compares statuses. Not as slices, for which the loader would look up bcmp.
fn are_same(some: &[i32], others: &[i32]) -> bool {
    some.iter().zip(others).all(|(one, other)| one == other)
}

/// Returns whether no status of a request, which the kernel calls a success, can be another one after a second look: of an entry whose page
/// another one moved, the kernel says -EBUSY, Linux 6.1 also -EACCES; of a page in flight -ENOENT, and Linux 6.1 also -EFAULT.
fn is_final(kernel: &impl Kernel, request: Request, status: &[i32], flags: i32) -> bool {
    if status.iter().all(|&status| status >= 0) {
        return true;
    }
    if status.iter().any(|&status| status < 0 && !is_absent(status)) {
        return false;
    }
    let (mut pages, mut found) = ([0usize; FAST_PATH_MAX], [0i32; FAST_PATH_MAX]);
    let (Some(pages), Some(found)) = (pages.get_mut(..status.len()), found.get_mut(..status.len())) else {
        return false;
    };
    if read_pages(request, pages) != Ok(status.len()) {
        return false;
    }
    found.iter_mut().zip(status).for_each(|(found, status)| *found = *status);
    let (calls, patience) = (AtomicUsize::new(0), Cell::new(PATIENCE));
    let locator = Locator { kernel, flags, calls: &calls, patience: &patience };
    locator.confirm_absent(pages, found, false).is_ok() && are_same(found, status)
}

/// Returns whether any status of a request is negative, as far as they can be copied.
pub fn has_negative_status(request: Request) -> bool {
    const AT_ONCE: usize = 512;
    let mut done = 0;
    while done < request.count {
        let mut status = [0i32; AT_ONCE];
        let count = (request.count - done).min(AT_ONCE);
        let Some(status) = status.get_mut(..count) else { return false };
        match read(request.skip(done).status, status, None) {
            Ok(copied) if copied == count && status.iter().all(|&status| status >= 0) => done += count,
            Ok(copied) => return copied == count,
            Err(_) => return false,
        }
    }
    false
}

/// Asks again about pages that a query called absent, which the kernel also says of a page in flight. Where the arrays can't be copied,
/// statuses stay as the kernel wrote them.
pub fn confirm_query(kernel: &impl Kernel, request: Request, flags: i32) {
    if request.overlaps() {
        return;
    }
    let (calls, patience) = (AtomicUsize::new(0), Cell::new(PATIENCE));
    let locator = Locator { kernel, flags, calls: &calls, patience: &patience };
    /// Statuses that are looked at together.
    const AT_ONCE: usize = 128;
    let mut done = 0;
    while done < request.count {
        let (mut pages, mut status, mut found) = ([0usize; AT_ONCE], [0i32; AT_ONCE], [0i32; AT_ONCE]);
        let rest = request.skip(done);
        let count = rest.count.min(AT_ONCE);
        let (Some(pages), Some(status), Some(found)) =
            (pages.get_mut(..count), status.get_mut(..count), found.get_mut(..count))
        else {
            return;
        };
        if read(rest.status, status, None) != Ok(count) || read_pages(rest, pages) != Ok(count) {
            return;
        }
        found.iter_mut().zip(status.iter()).for_each(|(found, status)| *found = *status);
        if locator.confirm_absent(pages, found, false).is_err()
            || !are_same(found, status) && write(rest.status, found, None).is_err()
        {
            return;
        }
        done += count;
    }
}

impl<K: Kernel> Mover<'_, K> {
    /// Moves the pages of a list. EPERM where its arrays may not be read in a way that a bad address does no harm to, ENOMEM where
    /// there is no scratch memory; other errors are in [`Mover::error`].
    pub fn list(&mut self, request: Request) -> Result<(), i32> {
        let mut scratch = self.scratch(request.count, 0)?;
        let several = request.count > self.entries;
        let is_overwritten = several && request.overlaps();
        // Without memory for it, earlier entries are not looked at again.
        let copy = if is_overwritten { ArraysCopy::of(request)? } else { None };
        let whole = request;
        let request = copy.as_ref().map_or(request, |copy| copy.request);
        let mut record = Record::default();
        let known = NodeSet::new();
        if request.count == 0 {
            self.submit(request);
        }
        let (mut done, mut tried_later) = (0, false);
        while done < request.count && !self.stopped() {
            let rest = request.skip(done);
            if several {
                record.grow(done + rest.count.min(self.entries));
            }
            let own = [Some(&scratch), record.scratch.as_ref(), copy.as_ref().map(|copy| &copy.scratch)];
            let own = own.map(|own| own.map_or((0, 0), Scratch::range));
            let window = &mut Window::carve(&mut scratch.arena(), self.entries);
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
                let Some((outcome, node)) = self.submit_one(rest) else { break };
                record.set(done, Some(outcome), node);
                tried_later |= done > 0;
                done += 1;
                self.report();
                continue;
            }
            let wrong_target = self.wrong_target(window, known.bits());
            if let Some((entry, _)) = wrong_target {
                window.cut(entry);
            }
            if !self.locate_window(window, false) {
                break;
            }
            self.leave_out_scratch(window, own);
            tried_later |= self.move_window(window, None) && done > 0;
            self.note_end(window);
            self.finish_window(window, &mut |entry, outcome, node| record.set(done + entry, outcome, node));
            if request.tell && write(rest.status, window.after, rest.trust)? < window.after.len() {
                self.fail(errno::EFAULT);
                break;
            }
            done += window.after.len();
            if let Some((_, error)) = wrong_target
                && !self.stopped()
            {
                self.fail(error);
                break;
            }
            // The end is reported by `finish`.
            if done < request.count {
                self.report();
            }
        }
        if done == request.count && done < whole.count && !self.stopped() {
            // What could not be copied: the kernel says why, if it can't read it either.
            self.submit(Request { count: 1, ..whole.skip(done) });
            self.fail(errno::EFAULT);
        }
        if tried_later && copy.is_some() == is_overwritten {
            self.refresh(Request { count: done, ..request }, &mut record, &mut scratch)?;
        }
        self.finish();
        Ok(())
    }

    /// Submits the first entry of a request whose arrays can't be read here: the kernel finds out what is wrong with them, or moves the
    /// page. Returns what became of it; `None` if the move ends here.
    fn submit_one(&mut self, request: Request) -> Option<(Outcome, i32)> {
        let mut status = UNWRITTEN;
        let moved = self.kernel_submit(Request { count: 1, status: (&raw mut status) as usize, ..request });
        let outcome = match moved {
            Ok(0) if status >= 0 && request.nodes == 0 => Outcome::InPlace,
            Ok(0) => Outcome::of(NO_TARGET, status, status.max(0), false)?,
            Ok(_) => Outcome::Stuck,
            Err(errno::ENOMEM) => Outcome::NoMemory,
            Err(error) => {
                self.fail(error);
                return None;
            }
        };
        self.tally.add(Some(outcome), 1);
        if request.tell && !matches!(write(request.status, &[outcome.status(status)], request.trust), Ok(1)) {
            self.fail(errno::EFAULT);
            return None;
        }
        Some((outcome, status))
    }

    /// Makes pages that stayed absent if the process has ended meanwhile.
    fn note_end(&mut self, window: &mut Window) {
        if self.error != errno::ESRCH && self.error != errno::EINVAL {
            return;
        }
        // Nothing was wrong with the flags before.
        self.error = errno::ESRCH;
        for entry in 0..window.pages.len() {
            if plan::outcome(window, entry, true).is_none_or(Outcome::is_unmoved)
                && let Some(after) = window.after.get_mut(entry)
            {
                *after = -errno::ENOENT;
            }
        }
    }

    /// Makes entries that name the mover's own memory ones where nothing is mapped: there was nothing before the call.
    fn leave_out_scratch(&self, window: &mut Window, own: [(usize, usize); 3]) {
        let is_scratch = |page: usize| own.iter().any(|&(start, end)| (start..end).contains(&page));
        for ((&page, before), after) in window.pages.iter().zip(window.before.iter_mut()).zip(window.after.iter_mut()) {
            if is_scratch(page) && self.kernel.is_own() {
                (*before, *after) = (-errno::EFAULT, -errno::EFAULT);
            }
        }
    }

    /// Brings statuses and sums of a request of several windows up to date: a page of one may have been moved by a later one. Ends when
    /// the caller cancels.
    fn refresh(&mut self, request: Request, record: &mut Record, scratch: &mut Scratch) -> Result<(), i32> {
        let mut done = 0;
        while done < request.count {
            if !self.stopped() {
                self.report();
            }
            if self.stopped() {
                break;
            }
            let window = &mut Window::carve(&mut scratch.arena(), self.entries);
            let rest = request.skip(done);
            window.cut(rest.count);
            let mut there = read_pages(rest, window.pages)?;
            if rest.nodes != 0 {
                there = there.min(read(rest.nodes, window.targets, rest.trust)?);
            }
            if record.entries() < done + there && request.tell {
                // Where there is no memory for the record, the statuses have to do.
                there = there.min(read(rest.status, window.after, rest.trust)?);
            }
            window.cut(there);
            if there == 0 || self.locate(window.pages, window.found, true).is_err() {
                break;
            }
            for (entry, (status, (&target, &found))) in
                window.after.iter_mut().zip(window.targets.iter().zip(window.found.iter())).enumerate()
            {
                let Some((outcome, node)) = record.get(done + entry) else {
                    *status = if *status >= 0 { found } else { *status };
                    continue;
                };
                let now = outcome.after_look(found, target, node);
                self.tally.replace(outcome, now);
                *status = now.status(found);
            }
            if request.tell {
                write(rest.status, window.after, rest.trust)?;
            }
            done += there;
        }
        Ok(())
    }
}

/// What became of the entries of earlier windows, and on which node they were then: two bytes for each.
#[derive(Default)]
struct Record {
    scratch: Option<Scratch>,
}

impl Record {
    /// Bits of the number of the outcome plus one; 0: none. Those above have the number of a node.
    const OUTCOME_BITS: u32 = 4;

    /// Makes room for so many entries, if there is memory for them.
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

    /// How many entries have room.
    fn entries(&self) -> usize {
        self.scratch.as_ref().map_or(0, |scratch| scratch.bytes() / size_of::<u16>())
    }

    fn place(&mut self, entry: usize) -> Option<&mut u16> {
        let entries = self.entries();
        self.scratch.as_mut()?.arena().alloc_slice(entries).get_mut(entry)
    }

    fn set(&mut self, entry: usize, outcome: Option<Outcome>, node: i32) {
        if let Some(place) = self.place(entry) {
            *place = outcome.map_or(0, |outcome| outcome as u16 + 1) | (node as u16) << Record::OUTCOME_BITS;
        }
    }

    fn get(&mut self, entry: usize) -> Option<(Outcome, i32)> {
        let place = *self.place(entry)?;
        let number = (place & ((1 << Record::OUTCOME_BITS) - 1)).checked_sub(1)?;
        Some((Outcome::from_number(number as u8)?, i32::from(place >> Record::OUTCOME_BITS)))
    }
}

/// A copy of addresses and nodes over which statuses are going to be written, as many as can be read.
struct ArraysCopy {
    scratch: Scratch,
    request: Request,
}

impl ArraysCopy {
    /// Returns `None` if there is no memory for it.
    fn of(request: Request) -> Result<Option<ArraysCopy>, i32> {
        let bytes = request.count.checked_mul(size_of::<usize>() + size_of::<i32>());
        let Some(mut scratch) = bytes.and_then(Scratch::new) else { return Ok(None) };
        let mut arena = scratch.arena();
        let pages: &mut [usize] = arena.alloc_slice(request.count);
        let nodes: &mut [i32] = arena.alloc_slice(request.count);
        let mut count = read(request.pages, pages, request.trust)?;
        if request.nodes != 0 {
            count = count.min(read(request.nodes, nodes, request.trust)?);
        }
        let nodes = if request.nodes == 0 { 0 } else { nodes.as_ptr() as usize };
        // What can be read of nothing the kernel is to find out.
        let request =
            if count == 0 { request } else { Request { count, pages: pages.as_ptr() as usize, nodes, ..request } };
        Ok(Some(ArraysCopy { scratch, request }))
    }
}

/// Reads from an array of the program: so many values.
fn read<T: Pod>(address: usize, to: &mut [T], trust: Option<Trust>) -> Result<usize, i32> {
    elements::<T>(user_memory::read(address, to, trust))
}

/// Reads addresses of pages. The kernel ignores tags in them when it moves, but on arm64 not when it is asked where pages are.
fn read_pages(request: Request, to: &mut [usize]) -> Result<usize, i32> {
    let count = read(request.pages, to, request.trust)?;
    if cfg!(target_arch = "aarch64") {
        to.iter_mut().for_each(|page| *page = page_walk::without_top_byte(*page));
    }
    Ok(count)
}

/// Writes to an array of the program: so many values.
fn write<T: Pod>(address: usize, from: &[T], trust: Option<Trust>) -> Result<usize, i32> {
    elements::<T>(user_memory::write(address, from, trust))
}

fn elements<T>(copied: Copied) -> Result<usize, i32> {
    match copied {
        Copied::Bytes(bytes) => Ok(bytes / size_of::<T>()),
        Copied::Forbidden => Err(errno::EPERM),
    }
}

//! Which pages of a range of a process's addresses are there: from /proc, since asking move_pages(2) about each takes minutes for
//! terabytes that were never touched.

use super::ops::PresentPages;
use super::page_state::{PageState, is_empty};
use super::process::{MAX_SEARCHES, ProcHandle};
use super::tagged::untagged;
use super::vma::VmaReader;
use crate::sys::files::File;
use crate::sys::{errno, process};

/// Marks the address of a huge page, of which one entry stands for all base pages. Addresses of pages have zeros here.
pub const HUGE: usize = 1;

/// What a huge page has, where the kernel tells which pages are huge; elsewhere each base page is asked about.
const PMD_SIZE: usize = if cfg!(target_arch = "x86_64") { 2 << 20 } else { 0 };

/// As far as each page is asked about where nothing tells which areas are mapped: 64 GiB take some seconds.
const MAX_UNMAPPED_SCAN: u64 = 1 << 36;

/// Calls of the kernel before the caller hears again, so that it can tell its own caller how far it is.
const MAX_SCANS: usize = 64;

/// Special mappings of a process that are known at most: kernels make up to five.
const MAX_KERNEL_MAPPINGS: usize = 8;

/// The pages of a range that are there, piece by piece.
pub struct PageWalk {
    start: usize,
    /// Where to go on.
    next: usize,
    end: usize,
    page_bits: u32,
    pagemap: Option<File>,
    /// Whether the kernel can pass over what is not there by itself (Linux 6.7).
    can_scan: bool,
    /// Where the addresses end that the kernel scans, if that has been found out: no program has higher ones.
    scan_limit: usize,
    /// Whether the process can end, or run another program, while this one looks.
    can_end: bool,
    /// Whether mincore(2) is about these addresses.
    is_current: bool,
    /// Addresses that are not listed: from the first to before the second.
    excluded: (usize, usize),
    vmas: VmaReader,
    /// The kernel's own mappings, once they have been looked up.
    kernel_mappings: Option<[(usize, usize); MAX_KERNEL_MAPPINGS]>,
    /// The errno of a read(2) in /proc that failed, so that not all pages are known; 0: none.
    error: i32,
    /// What is left of the area that is being looked at, where it cannot.
    vma: (usize, usize),
}

impl PageWalk {
    /// Lists the whole pages of a process that overlap `length` bytes at `start`, except those from the address `excluded.0` to before
    /// `excluded.1`. Returns `None` if they go beyond the end of all addresses.
    ///
    /// It remains one of the memory that the process has now: after it has executed another program, a new one with the same `files` is
    /// about that program's.
    pub fn new(
        handle: &ProcHandle,
        start: usize,
        length: usize,
        page_bits: u32,
        excluded: (usize, usize),
    ) -> Option<Self> {
        // In this order: with only one descriptor left, the areas matter more, and if the process runs another program in between,
        // these areas are seen to be gone.
        let maps = handle.open_file(b"maps");
        let pagemap = handle.open_file(b"pagemap");
        let (untagged, error) = match untagged(start, handle) {
            Ok(untagged) => (untagged, 0),
            Err(error) => (start, error),
        };
        let mut walk = PageWalk::of(pagemap, maps, untagged, length, page_bits)?;
        if walk.vmas.file.is_none() {
            // The first thread has ended. One that is found may end as well.
            for _ in 0..MAX_SEARCHES {
                let Some(mut thread) = handle.living_thread() else { continue };
                walk.vmas.attach(File::open(thread.clone().text(b"maps")));
                walk.pagemap = File::open(thread.text(b"pagemap"));
                if walk.vmas.file.is_some() && walk.pagemap.is_some() {
                    break;
                }
            }
        }
        walk.error = error;
        walk.is_current = handle.is_current();
        walk.can_end = !walk.is_current;
        walk.excluded = excluded;
        Some(walk)
    }

    /// The same, of a process with these files in /proc.
    pub fn of(pagemap: Option<File>, maps: Option<File>, start: usize, length: usize, page_bits: u32) -> Option<Self> {
        let page_size = 1 << page_bits;
        let next = start & !(page_size - 1);
        // The last of all pages can't be mapped: a range may end before it as well.
        let last = start.checked_add(length.saturating_sub(1))?;
        let end = last.saturating_add(page_size) & !(page_size - 1);
        Some(PageWalk {
            start: next,
            next,
            end: if length == 0 { next } else { end },
            page_bits,
            pagemap,
            can_scan: true,
            scan_limit: usize::MAX,
            can_end: false,
            is_current: false,
            excluded: (0, 0),
            vmas: VmaReader::new(maps),
            kernel_mappings: None,
            error: 0,
            vma: (0, 0),
        })
    }

    /// Goes back to the start of the range. It remains one of the same memory: if the process has executed another program, nothing more
    /// is listed.
    pub fn rewind(&mut self) {
        self.next = self.start;
        self.vma = (0, 0);
        self.vmas.rewind();
    }

    /// Whether nothing tells what is there of it, and it is too much to ask about each page.
    pub fn lacks_proc(&self) -> bool {
        self.vmas.file.is_none() && self.end.saturating_sub(self.next) as u64 > MAX_UNMAPPED_SCAN
    }

    /// Returns true if the addresses that were looked at are not the process's any more: it has ended, or runs another program.
    pub fn is_mm_gone(&self) -> bool {
        // One of these files alone may be that of a thread: pagemap if it had ended before, maps if it has ended since.
        let is_gone = |maps: &File| matches!(maps.read_from_start(&mut [0]), Ok(0) | Err(errno::ESRCH));
        let maps = || self.vmas.file.as_ref().map(is_gone);
        self.can_end
            && match &self.pagemap {
                Some(pagemap) => is_empty(pagemap) && maps().unwrap_or(true),
                None => maps().unwrap_or(false),
            }
    }

    /// Returns true if the range is all addresses, and the process has more of them than this program can name.
    pub fn is_truncated(&self) -> bool {
        self.vmas.has_unaddressable && self.end >= usize::MAX << self.page_bits
    }

    /// Returns true if all has been listed, or the rest can't be because of [`Range::error`].
    pub fn is_done(&self) -> bool {
        self.next >= self.end || self.error() != 0
    }

    /// The errno of a read(2) that failed, so that not all pages were listed; 0: none.
    pub fn error(&self) -> i32 {
        if self.error == 0 { self.vmas.error } else { self.error }
    }

    /// The base pages that an entry stands for.
    pub fn base_pages(&self, entry: usize) -> usize {
        if entry & HUGE == 0 { 1 } else { (self.end_of_huge(entry).min(self.end) - (entry & !HUGE)) >> self.page_bits }
    }

    fn end_of_huge(&self, address: usize) -> usize {
        (address | PMD_SIZE.wrapping_sub(1)).saturating_add(1)
    }

    /// Returns true if the address lies in one of the kernel's own mappings, whose pages can't be moved. They are looked up once.
    #[inline(never)]
    pub fn is_kernel_mapping(&mut self, entry: usize) -> bool {
        if self.vmas.file.is_none() {
            return false;
        }
        let vmas = &mut self.vmas;
        let kernel_mappings = self.kernel_mappings.get_or_insert_with(|| {
            let error = vmas.error;
            vmas.rewind();
            let mut kernel_mappings = [(0, 0); MAX_KERNEL_MAPPINGS];
            kernel_mappings
                .iter_mut()
                .map_while(|slot| vmas.next_kernel_mapping().map(|vma| *slot = vma))
                .for_each(drop);
            // Those that were passed are passed again. If they can't be read any more, that shows where they are needed.
            vmas.rewind();
            vmas.error = error;
            kernel_mappings
        });
        kernel_mappings.iter().any(|&(start, end)| (start..end).contains(&entry))
    }

    /// Calls `each` with the index of every entry that stands for a huge page and that the page tables don't show as one any more, or that
    /// the kernel can't be asked about. `entries` ascend, as they were listed; `scratch` receives the kernel's output.
    pub fn find_split(&mut self, entries: &[usize], scratch: &mut [usize], each: &mut dyn FnMut(usize)) {
        let pagemap = self.pagemap.take();
        let scan = |start, end, regions: &mut [usize]| match &pagemap {
            Some(pagemap) => pagemap.scan(start, end, regions, File::HUGE),
            None => Err(errno::ENOENT),
        };
        self.split(entries, scratch, &scan, each);
        self.pagemap = pagemap;
    }

    /// The same, with a `scan` that finds huge pages.
    fn split(&self, entries: &[usize], scratch: &mut [usize], scan: &Scan, each: &mut dyn FnMut(usize)) {
        let mut huge = entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| **entry & HUGE != 0)
            .map(|(index, entry)| (index, entry & !HUGE))
            .peekable();
        let Some((_, end)) = huge.clone().last() else { return };
        let end = self.end_of_huge(end);
        while let Some(&(_, start)) = huge.peek() {
            let (regions, walked_to) =
                scan(start, end, scratch).ok().filter(|&(_, to)| to > start).unwrap_or((0, usize::MAX));
            for region in 0..=regions {
                let (huge_start, huge_end) = match scratch.get(3 * region..3 * region + 2) {
                    Some(&[start, end]) if region < regions => (start, end),
                    _ => (walked_to, walked_to),
                };
                while let Some((index, address)) = huge.next_if(|&(_, address)| address < huge_end) {
                    if address < huge_start {
                        each(index);
                    }
                }
            }
        }
    }

    /// Lists the next pages, whose weights sum up to at most `weight_left`, which is at least that of a huge page. Returns their number,
    /// which is 0 after passing over much memory without pages. `scratch` receives the kernel's output.
    pub fn fill(&mut self, pages: &mut [usize], mut base_pages_left: usize, scratch: &mut [usize]) -> usize {
        let mut listed = 0;
        for _ in 0..MAX_SCANS {
            let before = listed;
            if self.is_done() || listed == pages.len() || base_pages_left == 0 {
                break;
            }
            let Some(free) = pages.get_mut(listed..) else { break };
            if self.can_scan {
                let scanned = match self.pagemap.take() {
                    Some(pagemap) => {
                        let scan = |start, end, regions: &mut [usize]| pagemap.scan(start, end, regions, 0);
                        let listed = self.fill_pagemap_scan(free, &mut base_pages_left, scratch, &scan);
                        self.pagemap = Some(pagemap);
                        listed
                    }
                    None => None,
                };
                match scanned {
                    Some(count) => listed += count,
                    None => self.can_scan = false,
                }
            } else {
                let limit = base_pages_left.min(free.len());
                let count = self.fill_pagemap(free.get_mut(..limit).unwrap_or_default(), scratch);
                base_pages_left = base_pages_left.saturating_sub(count);
                listed += count;
            }
            // Enough for one go, and the kernel was asked often where pages lie far apart.
            if listed > before && listed >= pages.len() / 2 {
                break;
            }
        }
        listed
    }

    /// Lists what `scan`, which is [`File::scan`], finds next. Returns none, and has done nothing, if it can't be used. `weight_left` is 0
    /// afterwards if the next page is too heavy.
    fn fill_pagemap_scan(
        &mut self,
        pages: &mut [usize],
        base_pages_left: &mut usize,
        scratch: &mut [usize],
        scan: &Scan,
    ) -> Option<usize> {
        let end = self.end.min(self.scan_limit);
        if self.next >= end {
            self.next = self.end;
            return Some(0);
        }
        let (regions, walked_to) = match scan(self.next, end, scratch) {
            Ok(scanned) => scanned,
            Err(errno::EFAULT) => {
                self.scan_limit = self.find_scan_limit(end, scratch, scan)?;
                return Some(0);
            }
            Err(_) => return None,
        };
        if walked_to <= self.next {
            return None;
        }
        let (mut listed, mut walked_to) = (0, walked_to);
        for region in 0..regions {
            let Some(&[start, region_end, categories]) = scratch.get(3 * region..3 * region + 3) else {
                debug_assert!(false, "the kernel listed more regions than is_present is free for");
                break;
            };
            let huge = PMD_SIZE != 0 && categories & File::HUGE != 0;
            let (excluded_from, excluded_to) = self.excluded;
            let is_excluded = start < excluded_to && excluded_from < region_end;
            let mut page = start.max(self.next);
            while page < region_end.min(end) {
                if is_excluded && (excluded_from..excluded_to).contains(&page) {
                    page = page.saturating_add(1 << self.page_bits);
                    continue;
                }
                let huge = huge && (!is_excluded || page >= excluded_to || self.end_of_huge(page) <= excluded_from);
                let entry = if huge { page | HUGE } else { page };
                let after = base_pages_left.checked_sub(self.base_pages(entry));
                *base_pages_left = after.unwrap_or(0);
                let (Some(slot), Some(_)) = (pages.get_mut(listed), after) else {
                    self.next = page;
                    return Some(listed);
                };
                *slot = entry;
                listed += 1;
                page = if huge { self.end_of_huge(page) } else { page.saturating_add(1 << self.page_bits) };
            }
            // The kernel lists 512 regions at a time, and when it comes to the end of the range it may say that it walked to where the last
            // of these steps began.
            walked_to = walked_to.max(region_end);
        }
        self.next = if walked_to >= end { self.end } else { walked_to };
        Some(listed)
    }

    /// Finds the highest end of a range that the kernel scans, below `too_high`, which it rejects: this end of all addresses depends
    /// on the architecture, the processor and the kernel.
    fn find_scan_limit(&self, too_high: usize, scratch: &mut [usize], scan: &Scan) -> Option<usize> {
        let page_size = 1 << self.page_bits;
        let (mut low, mut high) = (self.next, too_high);
        while high - low > page_size {
            let middle = (low + (high - low) / 2) & !(page_size - 1);
            match scan(middle - page_size, middle, scratch) {
                Ok(_) => low = middle,
                Err(errno::EFAULT) => high = middle,
                Err(_) => return None,
            }
        }
        // It may have been another range than a page before the end that the kernel rejected.
        if high == too_high && scan(low, high, scratch) != Err(errno::EFAULT) {
            return None;
        }
        Some(low)
    }

    /// Lists what is there by a look at every page of the areas that are mapped.
    fn fill_pagemap(&mut self, pages: &mut [usize], scratch: &mut [usize]) -> usize {
        let (start, end) = self.vma;
        let (start, end) = (start.max(self.next), end.min(self.end));
        // A file that is not the kernel's may tell of less than a page.
        let left = end.saturating_sub(start) >> self.page_bits;
        if left == 0 {
            match self.vmas.next() {
                Some(vma) if vma.0 < self.end => self.vma = vma,
                _ => self.next = self.end,
            }
            return 0;
        }
        let count = left.min(pages.len()).min(scratch.len() / File::WORD);
        let words = scratch.get_mut(..count * File::WORD).unwrap_or_default();
        let known = match &self.pagemap {
            Some(pagemap) => pagemap.read_words(start >> self.page_bits, words),
            // Memory that was reserved and never touched is passed over without it too.
            None if self.is_current => {
                let words = words.get_mut(..count).unwrap_or_default();
                process::find_resident(start, self.page_bits, words).ok().map(|()| count)
            }
            None => None,
        };
        if known == Some(0) && self.can_end && self.pagemap.as_ref().is_some_and(is_empty) {
            if self.is_mm_gone() {
                // The process is ending or has ended: there may be no areas either, which would bound the search.
                self.next = self.end;
            } else {
                // Before Linux 6.13, that of a thread that had ended when it was opened. The areas are those of one that had not.
                self.pagemap = None;
            }
            return 0;
        }
        // Of what lies after the end of pagemap, nothing is there; after a short read, the rest is read next.
        let count = known.filter(|&known| known > 0).map_or(count, |known| known.min(count));
        let mut listed = 0;
        for index in 0..count {
            let is_present = match known {
                Some(known) => {
                    let word = scratch.get(index).copied().unwrap_or(0);
                    index < known && PageState::of(word) != PageState::Nothing
                }
                // It can't be read: move_pages(2) is asked.
                None => true,
            };
            let page = start + (index << self.page_bits);
            let excluded = (self.excluded.0..self.excluded.1).contains(&page);
            if is_present
                && !excluded
                && let Some(slot) = pages.get_mut(listed)
            {
                *slot = page;
                listed += 1;
            }
        }
        self.next = start + (count << self.page_bits);
        listed
    }
}

/// PAGEMAP_SCAN of the addresses from a start to an end.
type Scan<'a> = dyn Fn(usize, usize, &mut [usize]) -> Result<(usize, usize), i32> + 'a;

impl PresentPages for PageWalk {
    fn fill(&mut self, pages: &mut [usize], base_pages_left: usize, scratch: &mut [usize]) -> usize {
        PageWalk::fill(self, pages, base_pages_left, scratch)
    }

    fn is_done(&self) -> bool {
        PageWalk::is_done(self)
    }

    fn rewind(&mut self) {
        PageWalk::rewind(self);
    }

    fn base_pages(&self, entry: usize) -> usize {
        PageWalk::base_pages(self, entry)
    }

    fn address(&self, entry: usize) -> usize {
        entry & !HUGE
    }

    fn find_split(&mut self, entries: &[usize], scratch: &mut [usize], each: &mut dyn FnMut(usize)) {
        PageWalk::find_split(self, entries, scratch, each);
    }

    fn is_kernel_mapping(&mut self, entry: usize) -> bool {
        PageWalk::is_kernel_mapping(self, entry)
    }

    fn lacks_proc(&self) -> bool {
        PageWalk::lacks_proc(self)
    }

    fn is_mm_gone(&self) -> bool {
        PageWalk::is_mm_gone(self)
    }

    fn error(&self) -> i32 {
        match PageWalk::error(self) {
            0 if self.is_truncated() => errno::EOVERFLOW,
            error => error,
        }
    }
}

#[cfg(test)]
mod tests;

//! Lists the present pages of an address range from /proc/PID/pagemap, because querying every address with move_pages(2) takes minutes for
//! terabytes that were reserved and never touched.
//!
//! References: Documentation/admin-guide/mm/pagemap.rst in the kernel sources, proc_pid_maps(5).

use super::ops::PresentPages;
use super::page_state::{PageState, is_empty};
use super::process::ProcHandle;
use super::tagged::untagged;
use super::vma::{HAS_SMALL_HUGETLB, VmaReader};
use crate::sys::files::{File, MappedAs};
use crate::sys::{errno, process};
use crate::topology;

/// A bit in the address of an entry that stands for all base pages of a huge page. It is zero in the addresses of base pages.
pub const HUGE: usize = 1;

/// The end of the addresses that a process can have, or a higher one without tag bits, which PAGEMAP_SCAN would ignore.
const MAX_END: usize = match () {
    _ if cfg!(target_arch = "aarch64") => 1u64 << 52,
    _ if cfg!(any(target_arch = "x86_64", target_arch = "riscv64")) => 1u64 << 56,
    _ => usize::MAX as u64,
} as usize;

/// The bits of the addresses of a process on x86-64 with four and with five levels of page tables. The last page is not used.
const USUAL_BITS: [u32; 2] = [47, 56];

/// Upper bound for the bytes of a range of which every page is queried because the mappings are unknown: 64 GiB take some seconds.
const MAX_UNMAPPED_SCAN: u64 = 1 << 36;

/// Upper bound for the system calls of one [`PresentPages::fill`], so that the caller can report progress.
const MAX_SCANS: usize = 64;

/// Upper bound for the number of mappings that the kernel made for itself in a process. Kernels make up to five.
const MAX_KERNEL_MAPPINGS: usize = 8;

/// A walk over the present pages of an address range.
pub struct PageWalk {
    start: usize,
    /// The next address to list.
    next: usize,
    end: usize,
    page_bits: u32,
    /// The size of a huge page that is an entry; 0: every base page is one, because the size is not known.
    huge_size: usize,
    /// The mapping that was looked up last.
    mapping: MappedAs,
    /// Whether every mapping that had to be looked up was found.
    knows_mappings: bool,
    pagemap: Option<File>,
    /// Whether PAGEMAP_SCAN works (since Linux 6.7).
    can_scan: bool,
    /// The end of the addresses that PAGEMAP_SCAN accepts, once it is known. No process has pages above.
    scan_limit: usize,
    /// Whether the process can end or execute another program during the walk.
    can_end: bool,
    /// Whether the process is the calling one, so that mincore(2) shows its pages.
    is_current: bool,
    /// The addresses from the first to before the second are skipped.
    excluded: (usize, usize),
    vmas: VmaReader,
    /// The mappings that the kernel made for itself, once they are known.
    kernel_mappings: Option<[(usize, usize); MAX_KERNEL_MAPPINGS]>,
    /// The mapping that was looked up last for [`PresentPages::is_kernel_mapping`], and the result.
    last_checked: (MappedAs, bool),
    /// The errno of a read(2) in /proc that failed, so that not all pages are known; 0: none.
    error: i32,
    /// The mapping that is being listed without PAGEMAP_SCAN.
    vma: (usize, usize),
}

/// PAGEMAP_SCAN from a start to an end address, as [`File::scan`].
type Scan<'a> = dyn Fn(usize, usize, &mut [usize]) -> Result<(usize, usize), i32> + 'a;

impl PageWalk {
    /// Starts to walk the pages that overlap `length` bytes at `start`, except those from `excluded.0` to before `excluded.1`. Returns `None` if
    /// the range exceeds the address space.
    ///
    /// The walk is bound to the current address space of the process. After the process has executed another program, a new walk is needed.
    #[inline(never)]
    pub fn new(
        handle: &ProcHandle,
        start: usize,
        length: usize,
        page_bits: u32,
        excluded: (usize, usize),
    ) -> Option<Self> {
        // In this order: if only one descriptor is free, maps is more useful; and if the process executes another program between the two
        // calls, maps shows that its address space is gone.
        let maps = handle.open_file(b"maps");
        let pagemap = handle.open_file(b"pagemap");
        let (untagged, error) = match untagged(start, handle) {
            Ok(untagged) => (untagged, 0),
            Err(error) => (start, error),
        };
        let mut walk = PageWalk::of(pagemap, maps, untagged, length, page_bits)?;
        if walk.vmas.file.is_none() {
            // The first thread has ended. Use the files of another one, which may end as well.
            handle.with_living_thread(&mut |mut thread| {
                walk.vmas.attach(File::open(thread.clone().text(b"maps")));
                walk.pagemap = File::open(thread.text(b"pagemap"));
                walk.vmas.file.is_some() && walk.pagemap.is_some()
            });
        }
        walk.error = error;
        walk.is_current = handle.is_current();
        walk.can_end = !walk.is_current;
        walk.excluded = excluded;
        Some(walk)
    }

    /// Starts to walk a range of the process with these files in /proc.
    pub fn of(pagemap: Option<File>, maps: Option<File>, start: usize, length: usize, page_bits: u32) -> Option<Self> {
        let page_size = 1 << page_bits;
        let next = start & !(page_size - 1);
        // The last page of the address space is never mapped, so that `end` may exclude it.
        let last = start.checked_add(length.saturating_sub(1))?;
        let end = last.saturating_add(page_size) & !(page_size - 1);
        Some(PageWalk {
            start: next,
            next,
            end: if length == 0 { next } else { end },
            page_bits,
            huge_size: topology::pmd_size(),
            mapping: MappedAs::default(),
            knows_mappings: true,
            pagemap,
            can_scan: true,
            scan_limit: MAX_END,
            can_end: false,
            is_current: false,
            excluded: (0, 0),
            vmas: VmaReader::new(maps),
            kernel_mappings: None,
            last_checked: Default::default(),
            error: 0,
            vma: (0, 0),
        })
    }

    /// Returns the errno of a read(2) that failed, so that not all pages were listed; 0: none.
    fn read_error(&self) -> i32 {
        if self.error == 0 { self.vmas.error } else { self.error }
    }

    /// Returns whether the range is the whole address space, and the process has pages that this program cannot address.
    fn is_truncated(&self) -> bool {
        self.vmas.has_unaddressable && self.end >= usize::MAX << self.page_bits
    }

    /// Returns the end of the huge page at `address`.
    fn end_of_huge(&self, address: usize) -> usize {
        (address | self.huge_size.wrapping_sub(1)).saturating_add(1)
    }

    /// Returns whether the huge page at an address is an entry: a transparent one, or one of hugetlb memory that is at least as large.
    /// PAGEMAP_SCAN does not distinguish these from smaller pages of hugetlb memory, so that the mapping is looked up (since Linux 6.11).
    fn is_entry(&mut self, address: usize) -> bool {
        if !HAS_SMALL_HUGETLB || self.huge_size == 0 {
            return self.huge_size > 0;
        }
        if !(self.mapping.start..self.mapping.end).contains(&address) {
            match self.vmas.file.as_ref().and_then(|maps| maps.mapping_at(address, &mut [])) {
                Some(mapping) => self.mapping = mapping,
                None => {
                    self.knows_mappings = false;
                    return false;
                }
            }
        }
        let page_size = self.mapping.page_size;
        page_size >> self.page_bits <= 1 || page_size >= self.huge_size
    }

    /// Calls `each` with the index of every entry that stands for a huge page which `scan` does not list as one, or for which it fails.
    fn for_each_split(&self, entries: &[usize], scratch: &mut [usize], scan: &Scan, each: &mut dyn FnMut(usize)) {
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

    /// Fills `pages` with the entries that one call of `scan` lists. Returns their number; `None`, with no other effect, if `scan` does not
    /// work. Sets `base_pages_left` to 0 if the next entry has more base pages than are left.
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
                debug_assert!(false, "the kernel listed more regions than fit");
                break;
            };
            let huge = categories & File::HUGE != 0;
            let (excluded_from, excluded_to) = self.excluded;
            let is_excluded = start < excluded_to && excluded_from < region_end;
            let mut page = start.max(self.next);
            while page < region_end.min(end) {
                if is_excluded && (excluded_from..excluded_to).contains(&page) {
                    page = page.saturating_add(1 << self.page_bits);
                    continue;
                }
                let huge = huge
                    && self.is_entry(page)
                    && (!is_excluded || page >= excluded_to || self.end_of_huge(page) <= excluded_from);
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
            // The kernel collects 512 regions at a time. At the end of the range it may report the start of the last 512 as the end of the
            // walk. The limit of the scan may be within a huge page, which is an entry as a whole.
            walked_to = walked_to.max(region_end).max(page);
        }
        self.next = if walked_to >= end { self.end } else { walked_to };
        Some(listed)
    }

    /// Leaves the last pages of a batch to the next one if it would begin within the same aligned block of the size of a huge page: both may be
    /// parts of a large folio, which the kernel moves as a whole, so that the next batch would find its part in place. Returns how many
    /// entries are kept: all, if they are all in one block.
    fn leave_incomplete_block(&mut self, listed: &[usize]) -> usize {
        if self.huge_size == 0 || self.is_done() {
            return listed.len();
        }
        let block = self.next & !(self.huge_size - 1);
        // Without PAGEMAP_SCAN, the walk does not return to an earlier mapping.
        let first_left = if self.can_scan { block } else { block.max(self.vma.0) };
        let kept = listed.iter().rposition(|page| page & !HUGE < first_left).map_or(0, |last| last + 1);
        if kept == 0 || kept == listed.len() {
            return listed.len();
        }
        self.next = first_left;
        kept
    }

    /// Searches for the highest end of a range that `scan` accepts, below `too_high`, which it rejects: TASK_SIZE, which depends on the
    /// architecture, the processor and the kernel.
    fn find_scan_limit(&self, too_high: usize, scratch: &mut [usize], scan: &Scan) -> Option<usize> {
        let page_size = 1 << self.page_bits;
        let (mut low, mut high) = (self.next, too_high);
        // Those of most machines, found with two or four calls instead of about 40.
        for bits in USUAL_BITS.iter().filter(|&&bits| bits < usize::BITS) {
            let (usual, rejected) = ((1 << bits) - page_size, 1 << bits);
            let is_accepted = |walked: Result<(usize, usize), i32>| matches!(walked, Ok((_, to)) if to >= usual);
            if (low..high).contains(&usual)
                && is_accepted(scan(usual - page_size, usual, scratch))
                && scan(usual, rejected, scratch) == Err(errno::EFAULT)
            {
                return Some(usual);
            }
        }
        while high - low > page_size {
            let middle = (low + (high - low) / 2) & !(page_size - 1);
            match scan(middle - page_size, middle, scratch) {
                Ok((_, walked_to)) if walked_to >= middle => low = middle,
                // The kernel has ignored a part of the address as a tag.
                Ok(_) | Err(errno::EFAULT) => high = middle,
                Err(_) => return None,
            }
        }
        // If every shorter range was accepted, the rejected range may have been invalid for another reason.
        if high == too_high && scan(low, high, scratch) != Err(errno::EFAULT) {
            return None;
        }
        Some(low)
    }

    /// Fills `pages` with present pages of the next mapping by reading pagemap, or with mincore(2), or with all its pages. Returns their
    /// number.
    fn fill_pagemap(&mut self, pages: &mut [usize], scratch: &mut [usize]) -> usize {
        let (start, end) = self.vma;
        let (start, end) = (start.max(self.next), end.min(self.end));
        // A file that is not the kernel's may list mappings of less than a page.
        let pages_left = end.saturating_sub(start) >> self.page_bits;
        if pages_left == 0 {
            match self.vmas.next() {
                Some(vma) if vma.0 < self.end => self.vma = vma,
                _ => self.next = self.end,
            }
            return 0;
        }
        let count = pages_left.min(pages.len()).min(scratch.len() / File::WORD);
        let words = scratch.get_mut(..count * File::WORD).unwrap_or_default();
        let read = match &self.pagemap {
            Some(pagemap) => pagemap.read_words(start >> self.page_bits, words),
            None if self.is_current => {
                let words = words.get_mut(..count).unwrap_or_default();
                process::find_resident(start, self.page_bits, words).ok().map(|()| count)
            }
            None => None,
        };
        if read == Some(0) && self.can_end && self.pagemap.as_ref().is_some_and(is_empty) {
            if self.is_mm_gone() {
                // The process is ending or has ended. There may be no mappings either, which would bound the walk.
                self.next = self.end;
            } else {
                // Before Linux 6.13: pagemap was opened for a thread that had ended, maps for one that had not.
                self.pagemap = None;
            }
            return 0;
        }
        // There are no pages after the end of pagemap. After a short read, the next call reads the rest.
        let count = read.filter(|&read| read > 0).map_or(count, |read| read.min(count));
        let mut listed = 0;
        for index in 0..count {
            let is_present = match read {
                Some(read) => {
                    let word = scratch.get(index).copied().unwrap_or(0);
                    index < read && PageState::of(word) != PageState::Nothing
                }
                // Not known: move_pages(2) will report it.
                None => true,
            };
            let page = start + (index << self.page_bits);
            let excluded = (self.excluded.0..self.excluded.1).contains(&page);
            if let (true, Some(slot)) = (is_present && !excluded, pages.get_mut(listed)) {
                *slot = page;
                listed += 1;
            }
        }
        self.next = start + (count << self.page_bits);
        listed
    }
}

/// Returns whether this is the name of a mapping that the kernel makes for itself, as [`VmaReader::next_kernel_mapping`] recognizes it.
fn is_kernel_name(name: &[u8]) -> bool {
    matches!(name, [b'[', b'v' | b'u', ..] | [b'[', b's', b'i', ..])
}

impl PresentPages for PageWalk {
    /// Fills `pages`. Returns 0 after skipping much memory without pages. There is always room for a huge page.
    fn fill(&mut self, pages: &mut [usize], base_pages_left: usize, scratch: &mut [usize]) -> usize {
        let mut base_pages_left = base_pages_left.max(self.huge_size >> self.page_bits);
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
                        // No more than fits: the kernel locks the address space meanwhile, and would list the others again.
                        let max_pages = base_pages_left.min(free.len());
                        let scan =
                            |start, end, regions: &mut [usize]| pagemap.scan(start, end, regions, max_pages, false);
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
            // Half a batch is enough. Filling it up may take many system calls if the pages are far apart.
            if listed > before && listed >= pages.len() / 2 {
                break;
            }
        }
        self.leave_incomplete_block(pages.get(..listed).unwrap_or_default())
    }

    /// Returns whether all pages are listed, or the others cannot be because of [`PageWalk::read_error`].
    fn is_done(&self) -> bool {
        self.next >= self.end || self.read_error() != 0
    }

    /// Restarts the walk in the same address space. If the process has executed another program, it lists no more pages.
    fn rewind(&mut self) {
        self.next = self.start;
        self.vma = (0, 0);
        self.vmas.rewind();
    }

    fn base_pages(&self, entry: usize) -> usize {
        if entry & HUGE == 0 { 1 } else { (self.end_of_huge(entry).min(self.end) - (entry & !HUGE)) >> self.page_bits }
    }

    fn address(&self, entry: usize) -> usize {
        entry & !HUGE
    }

    fn shows_huge_pages(&self) -> bool {
        self.can_scan && self.huge_size > 0 && self.knows_mappings
    }

    fn order(&self, entry: usize) -> u32 {
        if entry & HUGE == 0 { 0 } else { self.huge_size.trailing_zeros().saturating_sub(self.page_bits) }
    }

    /// Calls `each` with the index of every split entry. If pagemap cannot be scanned, every huge page counts as split. `entries` are in
    /// ascending order.
    fn find_split(&mut self, entries: &[usize], scratch: &mut [usize], each: &mut dyn FnMut(usize)) {
        let pagemap = self.pagemap.take();
        let scan = |start, end, regions: &mut [usize]| match &pagemap {
            Some(pagemap) => pagemap.scan(start, end, regions, 0, true),
            None => Err(errno::ENOENT),
        };
        self.for_each_split(entries, scratch, &scan, each);
        self.pagemap = pagemap;
    }

    #[inline(never)]
    fn is_kernel_mapping(&mut self, entry: usize) -> bool {
        let Some(maps) = &self.vmas.file else { return false };
        // Without reading all mappings, which takes long if there are many.
        let (last, is_of_kernel) = &mut self.last_checked;
        let address = entry & !HUGE;
        if !(last.start..last.end).contains(&address) {
            if let Some(mapping) = maps.mapping_at(address, &mut []) {
                // Room for the longest name, [vvar_vclock].
                let mut name = [0; 16];
                *is_of_kernel =
                    !mapping.has_file && maps.mapping_at(address, &mut name).is_some() && is_kernel_name(&name);
                *last = mapping;
            }
        }
        if (last.start..last.end).contains(&address) {
            return *is_of_kernel;
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
            // The walk reads the mappings from the start again. An error of reading will show there, but not that it cannot return to the start.
            vmas.error = error;
            vmas.rewind();
            kernel_mappings
        });
        kernel_mappings.iter().any(|&(start, end)| (start..end).contains(&entry))
    }

    fn lacks_proc(&self) -> bool {
        self.vmas.file.is_none() && self.end.saturating_sub(self.next) as u64 > MAX_UNMAPPED_SCAN
    }

    fn is_mm_gone(&self) -> bool {
        // A single empty file may be that of a thread: pagemap if the thread had ended before, maps if it has ended since.
        let is_gone = |maps: &File| matches!(maps.read_from_start(&mut [0]), Ok(0) | Err(errno::ESRCH));
        let maps = || self.vmas.file.as_ref().map(is_gone);
        self.can_end
            && match &self.pagemap {
                Some(pagemap) => is_empty(pagemap) && maps().unwrap_or(true),
                None => maps().unwrap_or(false),
            }
    }

    fn error(&self) -> i32 {
        match self.read_error() {
            0 if self.is_truncated() => errno::EOVERFLOW,
            error => error,
        }
    }
}

#[cfg(test)]
mod tests;

//! Which pages of a range of a process's addresses are there: from /proc, since asking move_pages(2) about each takes minutes for
//! terabytes that were never touched.

use super::process::{MAX_SEARCHES, ProcFiles, read_field};
use crate::sys::files::File;
use crate::sys::{errno, process};

/// Marks the address of a huge page, of which one entry stands for all base pages. Addresses of pages have zeros here.
pub const HUGE: usize = 1;

/// What a huge page has, where the kernel tells which pages are huge; elsewhere each base page is asked about.
const HUGE_SIZE: usize = if cfg!(target_arch = "x86_64") { 2 << 20 } else { 0 };

/// As far as each page is asked about where nothing tells which areas are mapped: 64 GiB take some seconds.
const MOST_BLIND: u64 = 1 << 36;

/// Calls of the kernel before the caller hears again, so that it can tell its own caller how far it is.
const PATIENCE: usize = 64;

/// Special mappings of a process that are known at most: kernels make up to five.
const MAX_SPECIAL: usize = 8;

/// What the page tables show for an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageState {
    Nothing,
    Present,
    /// A migration entry: the page is being moved at that moment.
    InFlight,
    /// Swapped out, or a migration entry: the process is not told which.
    Swapped,
    /// They can't be read.
    Unknown,
}

impl PageState {
    /// Reads a word of /proc/PID/pagemap, or its upper half.
    fn of(word: usize) -> Self {
        match word >> (usize::BITS - 2) {
            0 => PageState::Nothing,
            1 => PageState::Swapped,
            _ => PageState::Present,
        }
    }
}

/// Writes into `states` what the page tables of a process show for each of `pages`, which may also be entries of a [`Range`]. One call of
/// the kernel is enough for addresses that are near each other if they ascend.
pub fn page_states(files: &ProcFiles, pages: &[usize], page_bits: u32, states: &mut [PageState]) {
    let has_memory = |pagemap: &File| files.is_own() || !is_empty(pagemap);
    let of_thread = || File::open(files.living_thread()?.text(b"pagemap")).filter(has_memory);
    let pagemap = files.open(b"pagemap").filter(has_memory).or_else(of_thread);
    look_up(pagemap.as_ref(), files.is_own(), pages, page_bits, states);
}

/// Returns true if a pagemap has not even a word for address 0, as that of a thread which has ended.
fn is_empty(pagemap: &File) -> bool {
    pagemap.read_words(0, &mut [0; File::WORD]) == Some(0)
}

/// The same, of a process with this pagemap in /proc.
fn look_up(pagemap: Option<&File>, is_own: bool, pages: &[usize], page_bits: u32, states: &mut [PageState]) {
    /// Pages that are looked at in one call.
    const BLOCK: usize = 128;
    states.fill(PageState::Unknown);
    let (mut done, mut can_scan) = (0, true);
    while let Some(rest @ [next, ..]) = pages.get(done..) {
        let next = next >> page_bits;
        // As many of the following ones as lie in one block, in whatever order.
        let (mut first, mut last) = (next, next);
        for page in rest {
            let (low, high) = (first.min(page >> page_bits), last.max(page >> page_bits));
            if high - low >= BLOCK {
                break;
            }
            (first, last) = (low, high);
        }
        let mut words = [0; BLOCK * File::WORD];
        let is_known = match pagemap {
            Some(pagemap) => {
                // After the end of pagemap there is nothing.
                let words = words.get_mut(..(last - first + 1) * File::WORD).unwrap_or_default();
                pagemap.read_words(first, words).is_some()
            }
            None if is_own => {
                let mut look = |first, last| {
                    let words = words.get_mut(..last - first + 1).unwrap_or_default();
                    process::find_resident(first << page_bits, page_bits, words)
                };
                // Each page alone if not all in between are mapped.
                look(first, last).is_ok() || {
                    (first, last) = (next, next);
                    matches!(look(next, next), Ok(()) | Err(errno::ENOMEM))
                }
            }
            None => false,
        };
        let index = |page: &usize| (page >> page_bits).checked_sub(first).filter(|&index| index <= last - first);
        let in_block = rest.iter().map_while(index);
        for (state, index) in states.iter_mut().skip(done).zip(in_block.clone()) {
            let word = words.get(index).copied().unwrap_or(0);
            *state = match PageState::of(word) {
                // mincore(2) says that of pages in the page cache too.
                PageState::Present if pagemap.is_none() => PageState::Unknown,
                _ if !is_known => PageState::Unknown,
                PageState::Swapped => swapped((first + index) << page_bits, word, is_own, page_bits),
                state => state,
            };
        }
        let count = in_block.clone().count();
        let block = states.get_mut(done..done + count).unwrap_or_default();
        if can_scan
            && block.contains(&PageState::Nothing)
            && let Some(pagemap) = pagemap
        {
            // Of a hugetlb page that is being moved, pagemap has an empty word.
            let mut regions = [0; 3 * 4];
            match pagemap.scan(first << page_bits, (last + 1) << page_bits, &mut regions, File::HUGE) {
                Ok((found, _)) => {
                    let regions = regions.as_chunks::<3>().0.iter().take(found);
                    for (state, index) in
                        block.iter_mut().zip(in_block).filter(|(state, _)| **state == PageState::Nothing)
                    {
                        let page = (first + index) << page_bits;
                        if regions.clone().any(|&[start, end, _]| (start..end).contains(&page)) {
                            *state = PageState::InFlight;
                        }
                    }
                }
                // Above the addresses of programs it says EFAULT.
                Err(error) => can_scan = error == errno::EFAULT,
            }
        }
        done += count;
    }
}

/// What a word of pagemap says of a page that is swapped out or in flight.
fn swapped(page: usize, word: usize, is_own: bool, page_bits: u32) -> PageState {
    /// The type of a swap entry. From this one on they are no swap files but migration entries and others, the last one of which is that of
    /// markers without a page.
    const TYPES: usize = 0x1f;
    const FIRST_SPECIAL: usize = 20;
    /// What a process with privileges sees: the type, and the place in a swap file.
    const VISIBLE: usize = if usize::BITS == 64 { usize::MAX >> 9 } else { 0 };
    let mut present = [0];
    match word & VISIBLE {
        0 => {}
        entry if (FIRST_SPECIAL..TYPES).contains(&(entry & TYPES)) => return PageState::InFlight,
        entry if entry & TYPES < FIRST_SPECIAL => return PageState::Nothing,
        _ => {}
    }
    // mincore(2) knows of the own process what is nowhere in memory; it calls a page of the swap cache resident, as one in flight.
    let resident = if is_own { process::find_resident(page, page_bits, &mut present) } else { Err(errno::EPERM) };
    match resident {
        Ok(()) if present == [0] => PageState::Nothing,
        _ => PageState::Swapped,
    }
}

/// The pages of a range that are there, piece by piece.
pub struct Range {
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
    is_of_another: bool,
    /// Whether mincore(2) is about these addresses.
    is_own: bool,
    /// Addresses that are not listed: from the first to before the second.
    excluded: (usize, usize),
    areas: Areas,
    /// The kernel's own mappings, once they have been looked up.
    special: Option<[(usize, usize); MAX_SPECIAL]>,
    /// The errno of a read(2) in /proc that failed, so that not all pages are known; 0: none.
    error: i32,
    /// What is left of the area that is being looked at, where it cannot.
    area: (usize, usize),
}

impl Range {
    /// Lists the whole pages of a process that overlap `length` bytes at `start`, except those from the address `excluded.0` to before
    /// `excluded.1`. Returns `None` if they go beyond the end of all addresses.
    ///
    /// It remains one of the memory that the process has now: after it has executed another program, a new one with the same `files` is
    /// about that program's.
    pub fn new(
        files: &ProcFiles,
        start: usize,
        length: usize,
        page_bits: u32,
        excluded: (usize, usize),
    ) -> Option<Self> {
        // In this order: with only one descriptor left, the areas matter more, and if the process runs another program in between,
        // these areas are seen to be gone.
        let maps = files.open(b"maps");
        let pagemap = files.open(b"pagemap");
        let (untagged, error) = match untagged(start, files) {
            Ok(untagged) => (untagged, 0),
            Err(error) => (start, error),
        };
        let mut range = Range::of(pagemap, maps, untagged, length, page_bits)?;
        if range.areas.file.is_none() {
            // The first thread has ended. One that is found may end as well.
            for _ in 0..MAX_SEARCHES {
                let Some(mut thread) = files.living_thread() else { continue };
                range.areas.begin(File::open(thread.clone().text(b"maps")));
                range.pagemap = File::open(thread.text(b"pagemap"));
                if range.areas.file.is_some() && range.pagemap.is_some() {
                    break;
                }
            }
        }
        range.error = error;
        range.is_own = files.is_own();
        range.is_of_another = !range.is_own;
        range.excluded = excluded;
        Some(range)
    }

    /// The same, of a process with these files in /proc.
    pub fn of(pagemap: Option<File>, maps: Option<File>, start: usize, length: usize, page_bits: u32) -> Option<Self> {
        let page_size = 1 << page_bits;
        let next = start & !(page_size - 1);
        // The last of all pages can't be mapped: a range may end before it as well.
        let last = start.checked_add(length.saturating_sub(1))?;
        let end = last.saturating_add(page_size) & !(page_size - 1);
        Some(Range {
            start: next,
            next,
            end: if length == 0 { next } else { end },
            page_bits,
            pagemap,
            can_scan: true,
            scan_limit: usize::MAX,
            is_of_another: false,
            is_own: false,
            excluded: (0, 0),
            areas: Areas::of(maps),
            special: None,
            error: 0,
            area: (0, 0),
        })
    }

    /// Goes back to the start of the range. It remains one of the same memory: if the process has executed another program, nothing more
    /// is listed.
    pub fn rewind(&mut self) {
        self.next = self.start;
        self.area = (0, 0);
        self.areas.rewind();
    }

    /// Whether nothing tells what is there of it, and it is too much to ask about each page.
    pub fn is_out_of_sight(&self) -> bool {
        self.areas.file.is_none() && self.end.saturating_sub(self.next) as u64 > MOST_BLIND
    }

    /// Returns true if the addresses that were looked at are not the process's any more: it has ended, or runs another program.
    pub fn has_lost_memory(&self) -> bool {
        // One of these files alone may be that of a thread: pagemap if it had ended before, maps if it has ended since.
        let is_gone = |maps: &File| matches!(maps.read_from_start(&mut [0]), Ok(0) | Err(errno::ESRCH));
        let maps = || self.areas.file.as_ref().map(is_gone);
        self.is_of_another
            && match &self.pagemap {
                Some(pagemap) => is_empty(pagemap) && maps().unwrap_or(true),
                None => maps().unwrap_or(false),
            }
    }

    /// Returns true if the range is all addresses, and the process has more of them than this program can name.
    pub fn is_cut_off(&self) -> bool {
        self.areas.out_of_reach && self.end >= usize::MAX << self.page_bits
    }

    /// Returns true if all has been listed, or the rest can't be because of [`Range::error`].
    pub fn is_done(&self) -> bool {
        self.next >= self.end || self.error() != 0
    }

    /// The errno of a read(2) that failed, so that not all pages were listed; 0: none.
    pub fn error(&self) -> i32 {
        if self.error == 0 { self.areas.error } else { self.error }
    }

    /// The base pages that an entry stands for.
    pub fn weight(&self, entry: usize) -> usize {
        if entry & HUGE == 0 { 1 } else { (self.end_of_huge(entry).min(self.end) - (entry & !HUGE)) >> self.page_bits }
    }

    fn end_of_huge(&self, address: usize) -> usize {
        (address | HUGE_SIZE.wrapping_sub(1)).saturating_add(1)
    }

    /// Returns true if the address lies in one of the kernel's own mappings, whose pages can't be moved. They are looked up once.
    #[inline(never)]
    pub fn is_of_kernel(&mut self, entry: usize) -> bool {
        if self.areas.file.is_none() {
            return false;
        }
        let areas = &mut self.areas;
        let special = self.special.get_or_insert_with(|| {
            let error = areas.error;
            areas.rewind();
            let mut special = [(0, 0); MAX_SPECIAL];
            special.iter_mut().map_while(|place| areas.next_special().map(|area| *place = area)).for_each(drop);
            // Those that were passed are passed again. If they can't be read any more, that shows where they are needed.
            areas.rewind();
            areas.error = error;
            special
        });
        special.iter().any(|&(start, end)| (start..end).contains(&entry))
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
                let (whole, whole_end) = match scratch.get(3 * region..3 * region + 2) {
                    Some(&[start, end]) if region < regions => (start, end),
                    _ => (walked_to, walked_to),
                };
                while let Some((index, address)) = huge.next_if(|&(_, address)| address < whole_end) {
                    if address < whole {
                        each(index);
                    }
                }
            }
        }
    }

    /// Lists the next pages, whose weights sum up to at most `weight_left`, which is at least that of a huge page. Returns their number,
    /// which is 0 after passing over much memory without pages. `scratch` receives the kernel's output.
    pub fn list(&mut self, pages: &mut [usize], mut weight_left: usize, scratch: &mut [usize]) -> usize {
        let mut listed = 0;
        for _ in 0..PATIENCE {
            let before = listed;
            if self.is_done() || listed == pages.len() || weight_left == 0 {
                break;
            }
            let Some(room) = pages.get_mut(listed..) else { break };
            if self.can_scan {
                let scanned = match self.pagemap.take() {
                    Some(pagemap) => {
                        let scan = |start, end, regions: &mut [usize]| pagemap.scan(start, end, regions, 0);
                        let listed = self.scan(room, &mut weight_left, scratch, &scan);
                        self.pagemap = Some(pagemap);
                        listed
                    }
                    None => None,
                };
                match scanned {
                    Some(found) => listed += found,
                    None => self.can_scan = false,
                }
            } else {
                let most = weight_left.min(room.len());
                let count = self.look_through(room.get_mut(..most).unwrap_or_default(), scratch);
                weight_left = weight_left.saturating_sub(count);
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
    fn scan(
        &mut self,
        pages: &mut [usize],
        weight_left: &mut usize,
        scratch: &mut [usize],
        scan: &Scan,
    ) -> Option<usize> {
        let end = self.end.min(self.scan_limit);
        if self.next >= end {
            self.next = self.end;
            return Some(0);
        }
        let (regions, walked_to) = match scan(self.next, end, scratch) {
            Ok(found) => found,
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
                debug_assert!(false, "the kernel listed more regions than there is room for");
                break;
            };
            let huge = HUGE_SIZE != 0 && categories & File::HUGE != 0;
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
                let after = weight_left.checked_sub(self.weight(entry));
                *weight_left = after.unwrap_or(0);
                let (Some(place), Some(_)) = (pages.get_mut(listed), after) else {
                    self.next = page;
                    return Some(listed);
                };
                *place = entry;
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
    fn look_through(&mut self, pages: &mut [usize], scratch: &mut [usize]) -> usize {
        let (start, end) = self.area;
        let (start, end) = (start.max(self.next), end.min(self.end));
        // A file that is not the kernel's may tell of less than a page.
        let left = end.saturating_sub(start) >> self.page_bits;
        if left == 0 {
            match self.areas.next() {
                Some(area) if area.0 < self.end => self.area = area,
                _ => self.next = self.end,
            }
            return 0;
        }
        let count = left.min(pages.len()).min(scratch.len() / File::WORD);
        let words = scratch.get_mut(..count * File::WORD).unwrap_or_default();
        let known = match &self.pagemap {
            Some(pagemap) => pagemap.read_words(start >> self.page_bits, words),
            // Memory that was reserved and never touched is passed over without it too.
            None if self.is_own => {
                let words = words.get_mut(..count).unwrap_or_default();
                process::find_resident(start, self.page_bits, words).ok().map(|()| count)
            }
            None => None,
        };
        if known == Some(0) && self.is_of_another && self.pagemap.as_ref().is_some_and(is_empty) {
            if self.has_lost_memory() {
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
            let there = match known {
                Some(known) => {
                    let word = scratch.get(index).copied().unwrap_or(0);
                    index < known && PageState::of(word) != PageState::Nothing
                }
                // It can't be read: move_pages(2) is asked.
                None => true,
            };
            let page = start + (index << self.page_bits);
            let excluded = (self.excluded.0..self.excluded.1).contains(&page);
            if there
                && !excluded
                && let Some(place) = pages.get_mut(listed)
            {
                *place = page;
                listed += 1;
            }
        }
        self.next = start + (count << self.page_bits);
        listed
    }
}

/// PAGEMAP_SCAN of the addresses from a start to an end.
type Scan<'a> = dyn Fn(usize, usize, &mut [usize]) -> Result<(usize, usize), i32> + 'a;

/// Returns the address without the tag that the kernel ignores in the addresses of this process, or the errno of a failed read(2).
fn untagged(address: usize, files: &ProcFiles) -> Result<usize, i32> {
    /// Below, no processor has a tag.
    const TAG_BITS: u32 = 47;
    if cfg!(target_arch = "aarch64") {
        return Ok(without_top_byte(address));
    }
    if usize::BITS < 64 || address.checked_shr(TAG_BITS).unwrap_or(0) == 0 {
        return Ok(address);
    }
    let mask = files.open(b"status").map_or(Ok(None), |status| untag_mask(&status))?;
    Ok(address & mask.unwrap_or(usize::MAX))
}

/// The bits of addresses that are not ignored, from /proc/PID/status: since Linux 6.4, on processors that can ignore some.
fn untag_mask(status: &File) -> Result<Option<usize>, i32> {
    let mut mask = Hexadecimal::default();
    let has_field = read_field(status, b"untag_mask:", &mut |value| value.iter().for_each(|&byte| mask.feed(byte)))?;
    Ok((has_field && mask.0 != 0).then_some(mask.0))
}

/// On arm64 the top byte of a program's addresses is never looked at; bit 55 tells them from the kernel's.
pub fn without_top_byte(address: usize) -> usize {
    const TOP_BYTE: u64 = 0xff << 56;
    let is_of_kernel = address as u64 >> 55 & 1 == 1;
    if is_of_kernel { address } else { address & !TOP_BYTE as usize }
}

/// A hexadecimal number that comes in pieces, such as `0x7fffffffffff`; other bytes than digits begin another one.
#[derive(Default)]
struct Hexadecimal(usize);

impl Hexadecimal {
    fn feed(&mut self, byte: u8) {
        self.0 = crate::text::hex_digit(byte).map_or(0, |digit| self.0 << 4 | digit as usize);
    }
}

/// The areas of addresses that are mapped, as /proc/PID/maps lists them; all there are where it cannot be read.
struct Areas {
    file: Option<File>,
    text: [u8; 1024],
    length: usize,
    at: usize,
    /// The errno of a read(2) that failed after others, so that some areas are not known; 0: none.
    error: i32,
    /// Whether an area was found whose addresses this program can't name: a 32-bit one looks at a 64-bit process.
    out_of_reach: bool,
}

impl Areas {
    fn of(maps: Option<File>) -> Self {
        let mut areas = Areas { file: None, text: [0; 1024], length: 0, at: 0, error: 0, out_of_reach: false };
        areas.begin(maps);
        areas
    }

    /// Reads on from what is read here: so it is known at once whether the file can be read.
    #[inline(never)]
    fn begin(&mut self, maps: Option<File>) {
        if let Some(maps) = maps
            && let Ok(length @ 1..) = maps.read(&mut self.text)
        {
            // Every process has some; without any, it has just ended.
            (self.file, self.length) = (Some(maps), length);
        }
    }

    fn rewind(&mut self) {
        (self.at, self.length) = (0, 0);
        if let Some(Err(error)) = self.file.as_ref().map(File::rewind) {
            self.error = error;
        }
    }

    fn next(&mut self) -> Option<(usize, usize)> {
        if self.file.is_none() {
            // Once.
            self.length += 1;
            return (self.length == 1).then_some((0, usize::MAX));
        }
        let area = self.addresses()?;
        while self.byte()? != b'\n' {}
        Some(area)
    }

    /// The next of the mappings that the kernel makes for itself in every process, such as `[vdso]`, `[vvar]`, `[vectors]`, `[uprobes]` and
    /// `[sigpage]`; `[heap]`, `[stack]` and those with a name from the program are not among them.
    fn next_special(&mut self) -> Option<(usize, usize)> {
        loop {
            let area = self.addresses()?;
            // Permissions, offset and device.
            for _ in 0..3 {
                while self.byte()? != b' ' {}
            }
            // A mapping of a file, whose name may be any, has an inode.
            let mut byte = self.byte()?;
            let has_file = byte != b'0';
            while !has_file && matches!(byte, b'0' | b' ') {
                byte = self.byte()?;
            }
            let is_special = !has_file && byte == b'[' && {
                byte = self.byte()?;
                matches!(byte, b'v' | b'u')
                    || byte == b's' && {
                        byte = self.byte()?;
                        byte == b'i'
                    }
            };
            while byte != b'\n' {
                byte = self.byte()?;
            }
            if is_special {
                return Some(area);
            }
        }
    }

    fn addresses(&mut self) -> Option<(usize, usize)> {
        let start = self.number(b'-')?;
        let end = self.number(b' ')?;
        Some((start, end))
    }

    /// The hexadecimal number that ends with `last`.
    fn number(&mut self, last: u8) -> Option<usize> {
        let mut number = 0usize;
        loop {
            let byte = self.byte()?;
            if byte == last {
                return Some(number);
            }
            let digit = crate::text::hex_digit(byte)?;
            let Some(more) = number.checked_mul(16) else {
                self.out_of_reach = true;
                return None;
            };
            number = more | digit as usize;
        }
    }

    fn byte(&mut self) -> Option<u8> {
        if self.at == self.length {
            let read = self.file.as_ref()?.read(&mut self.text);
            self.length = read.unwrap_or_else(|error| {
                self.error = error;
                0
            });
            self.at = 0;
        }
        let byte = *self.text.get(..self.length)?.get(self.at)?;
        self.at += 1;
        Some(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::memory::{map, page_size, prefault, unmap};
    use crate::sys::testing::MemoryFile;

    /// The first bytes of pages of `range`, listed in pieces of at most `room`, with the kernel's help or without.
    fn listed(mut range: Range, room: usize, can_scan: bool) -> Vec<usize> {
        range.can_scan = can_scan;
        let (mut pages, mut scratch) = (vec![0; room], vec![0; 600]);
        let mut all = Vec::new();
        while !range.is_done() {
            let count = range.list(&mut pages, usize::MAX, &mut scratch);
            all.extend_from_slice(&pages[..count]);
        }
        all
    }

    #[test]
    fn exactly_the_pages_that_are_there_are_listed() {
        let page = page_size();
        let (bits, count) = (page.trailing_zeros(), 100);
        let start = map(count * page) as usize;
        let touched: Vec<usize> =
            (0..count).filter(|index| index % 3 == 0 || index % 10 == 7).map(|index| start + index * page).collect();
        for &address in &touched {
            // SAFETY: mapped above.
            unsafe { prefault(address as *mut _, page) };
        }
        // SAFETY: mapped above: pages that were touched and are not there any more.
        unsafe { libc::madvise((start + 60 * page) as *mut _, 10 * page, libc::MADV_DONTNEED) };
        let there: Vec<usize> =
            touched.into_iter().filter(|&address| !(60..70).contains(&((address - start) / page))).collect();
        for can_scan in [true, false] {
            for room in [1, 7, 1000] {
                let range = || Range::new(&ProcFiles::Own, start, count * page, bits, (0, 0)).unwrap();
                let found = listed(range(), room, can_scan);
                assert_eq!(found, there, "{can_scan} {room}");
                assert!(found.iter().all(|&entry| range().weight(entry) == 1));
            }
            // Whole pages that touch the range, however little of them.
            assert_eq!(
                listed(Range::new(&ProcFiles::Own, start + page - 1, 2 * page + 2, bits, (0, 0)).unwrap(), 9, can_scan),
                [start, start + 3 * page]
            );
            assert_eq!(listed(Range::new(&ProcFiles::Own, start + 5, 1, bits, (0, 0)).unwrap(), 9, can_scan), [start]);
            assert_eq!(listed(Range::new(&ProcFiles::Own, start, 0, bits, (0, 0)).unwrap(), 9, can_scan), []);
        }
        // SAFETY: mapped above.
        unsafe { unmap(start as *mut _, count * page) };
    }

    /// A file of which the first read(2) returns `text`, at most 1024 bytes, and the next one fails with EIO.
    fn file_that_fails_after(text: &str) -> File {
        let page = page_size();
        let mut contents = vec![b' '; page - text.len()];
        contents.extend_from_slice(text.as_bytes());
        let mapped = File::open(&MemoryFile::holding(&contents).path()).unwrap();
        // SAFETY: any address. The second page is after the end of the file, so that it can't be read.
        let start = unsafe {
            let descriptor = mapped.descriptor() as i32;
            libc::mmap(std::ptr::null_mut(), 2 * page, libc::PROT_READ, libc::MAP_SHARED, descriptor, 0)
        };
        assert_ne!(start, libc::MAP_FAILED);
        let place = start as usize + page - text.len();
        let file = File::open(&crate::sys::files::FixedPath::new(b"/proc/self/mem")).unwrap();
        // SAFETY: numbers alone.
        let at = unsafe { libc::lseek(file.descriptor() as i32, place as libc::off_t, libc::SEEK_SET) };
        assert_eq!(at, place as libc::off_t);
        file
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn areas_that_cannot_be_read_are_an_error_and_no_end() {
        for text in ["6000-8000 r--p\n", "6000-8000 r--p\n9", "6000-8000 r--p\n9000-", "6000-8000 r--p\n9000-a000 r-"] {
            let mut range = Range::of(None, Some(file_that_fails_after(text)), 0, 1 << 20, 12).unwrap();
            let (mut pages, mut scratch) = ([0; 9], [0; 9]);
            assert_eq!(range.list(&mut pages, usize::MAX, &mut scratch), 2, "{text}");
            assert_eq!((range.list(&mut pages, usize::MAX, &mut scratch), range.is_done()), (0, true));
            assert_eq!(range.error(), libc::EIO);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn a_field_that_cannot_be_read_is_not_taken_for_one_that_is_not_there() {
        let status = || file_that_fails_after("NSpid:\t1\nThreads:\t1\n");
        assert_eq!(untag_mask(&status()), Err(libc::EIO));
        assert_eq!(read_field(&status(), b"Threads:", &mut |_| ()), Ok(true));
    }

    /// While a process ends, its pagemap and its maps are empty before anything else shows that it has.
    #[test]
    fn without_areas_and_with_an_empty_pagemap_all_addresses_of_another_process_are_done_at_once() {
        let pagemap = MemoryFile::holding(b"");
        let mut range = Range::of(File::open(&pagemap.path()), None, 0, usize::MAX - 4095, 12).unwrap();
        range.is_of_another = true;
        let (mut pages, mut scratch) = ([0; 9], [0; 9]);
        assert_eq!(range.list(&mut pages, usize::MAX, &mut scratch), 0);
        assert!(range.has_lost_memory() && range.is_done());
    }

    #[test]
    fn pages_are_listed_as_far_as_pagemap_goes_and_asked_about_where_it_cannot_be_read() {
        let area = MemoryFile::holding(b"0-9000 r--p\n");
        let area = || File::open(&area.path());
        let in_range = |pagemap| listed(Range::of(pagemap, area(), 0, 9 << 12, 12).unwrap(), 20, false);
        let word = |state: u64| (state << 62).to_ne_bytes();
        let pagemap = MemoryFile::holding([2, 0, 2, 3, 1, 0].map(word).as_flattened());
        // Swapped ones, which may be moving, are there too.
        assert_eq!(in_range(File::open(&pagemap.path())), [0, 2 << 12, 3 << 12, 4 << 12]);
        let directory = File::open(&crate::sys::files::FixedPath::new(b"/proc/self/"));
        assert_eq!(in_range(directory), (0..9).map(|page| page << 12).collect::<Vec<_>>());
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn an_empty_pagemap_does_not_mean_that_no_page_is_there() {
        let (areas, empty) = (MemoryFile::holding(b"0-9000 r--p\n"), MemoryFile::holding(b""));
        let open = |file: &MemoryFile| File::open(&file.path());
        let mut range = Range::of(open(&empty), open(&areas), 0, 9 << 12, 12).unwrap();
        range.is_of_another = true;
        assert_eq!(listed(range, 20, false).len(), 9);
        // Unless the process has executed another program: the areas of the old one are gone too.
        let areas = MemoryFile::holding(b"0-9000 r--p\n");
        let mut range = Range::of(open(&empty), open(&areas), 0, 9 << 12, 12).unwrap();
        range.is_of_another = true;
        std::fs::write(std::str::from_utf8(areas.path().as_c_str().to_bytes()).unwrap(), "").unwrap();
        assert_eq!(listed(range, 20, false), []);
    }

    #[test]
    fn a_range_can_be_listed_again() {
        let bits = page_size().trailing_zeros();
        let start = map(9 * page_size()) as usize;
        // SAFETY: mapped above.
        unsafe { prefault(start as *mut _, 9 * page_size()) };
        let has_maps = [true, false];
        for (can_scan, has_maps) in [true, false].into_iter().flat_map(|scan| has_maps.map(|maps| (scan, maps))) {
            let open = |name: &[u8]| ProcFiles::Own.open(name);
            let maps = if has_maps { open(b"maps") } else { None };
            let mut range = Range::of(open(b"pagemap"), maps, start, 9 * page_size(), bits).unwrap();
            range.can_scan = can_scan;
            for _ in 0..3 {
                let (mut found, mut pages) = (0, [0; 5]);
                while !range.is_done() {
                    found += range.list(&mut pages, usize::MAX, &mut [0; 15]);
                }
                assert_eq!((found, range.error()), (9, 0));
                range.rewind();
            }
        }
        // SAFETY: mapped above.
        unsafe { unmap(start as *mut _, 9 * page_size()) };
    }

    #[test]
    fn areas_that_no_kernel_has_come_to_an_end() {
        let maps = MemoryFile::holding(
            b"1000-1800 r--p\n3000-2000 r--p\n4001-5000 r--p\n6000-8000 r--p\n7000-9000 r--p\nno area\n",
        );
        let mut range = Range::of(None, File::open(&maps.path()), 0, 1 << 20, 12).unwrap();
        let (mut pages, mut scratch) = ([0; 9], [0; 9]);
        let mut listed = Vec::new();
        for _ in 0..9 {
            let count = range.list(&mut pages, usize::MAX, &mut scratch);
            listed.extend_from_slice(&pages[..count]);
        }
        assert_eq!(listed, [0x6000, 0x7000, 0x8000]);
        assert!(range.is_done());
    }

    /// A kernel's PAGEMAP_SCAN of pages at these ascending addresses, below the end of all addresses; and how often it was called.
    struct MadeUpScan {
        limit: usize,
        there: Vec<usize>,
        calls: std::cell::Cell<usize>,
    }

    const PAGE: usize = 4096;

    impl MadeUpScan {
        fn scan(&self, start: usize, end: usize, regions: &mut [usize]) -> Result<(usize, usize), i32> {
            self.calls.set(self.calls.get() + 1);
            if end > self.limit {
                return Err(errno::EFAULT);
            }
            let mut found = 0;
            for &page in self.there.iter().filter(|page| (start..end).contains(page)) {
                let Some(region) = regions.get_mut(3 * found..3 * found + 3) else { return Ok((found, page)) };
                region.copy_from_slice(&[page, page + PAGE, 0]);
                found += 1;
            }
            Ok((found, end))
        }

        /// Returns the pages of a range that it lists by itself; `None` if it was given up.
        fn listed(&self, start: usize, length: usize, room: usize) -> Option<Vec<usize>> {
            let mut range = Range::of(None, None, start, length, PAGE.trailing_zeros()).unwrap();
            let (mut pages, mut scratch, mut all) = (vec![0; room], vec![0; 3 * 7], Vec::new());
            while !range.is_done() {
                let count = range.scan(&mut pages, &mut { usize::MAX }, &mut scratch, &|start, end, regions| {
                    self.scan(start, end, regions)
                })?;
                all.extend_from_slice(&pages[..count]);
            }
            Some(all)
        }
    }

    #[test]
    fn pages_up_to_the_end_of_all_addresses_are_listed_wherever_that_is() {
        let last = usize::MAX - (PAGE - 1);
        for limit in [PAGE, 9 * PAGE, 1 << 31, usize::MAX / 2 - (PAGE - 1), usize::MAX / 2 + 1, last - PAGE, last] {
            let mut there = vec![0, (limit / 2) & !(PAGE - 1), limit - PAGE];
            there.dedup();
            let machine = MadeUpScan { limit, there: there.clone(), calls: 0.into() };
            assert_eq!(machine.listed(0, last, 5), Some(there), "{limit:#x}");
            assert!(machine.calls.get() < 2 * usize::BITS as usize, "{limit:#x}: {:?} calls", machine.calls);
            // Above, there is nothing, and not much to find out either.
            assert_eq!(machine.listed(limit, last - limit, 5), Some(vec![]));
        }
    }

    #[test]
    fn pages_are_listed_once_though_the_kernel_says_that_it_walked_less_far() {
        let there: Vec<usize> = (0..40).map(|page| 2 * page * PAGE).collect();
        let machine = MadeUpScan { limit: usize::MAX, there: there.clone(), calls: 0.into() };
        let scan = |start: usize, end: usize, regions: &mut [usize]| {
            let (count, walked_to) = machine.scan(start, end, regions)?;
            Ok((count, if walked_to == end && count > 5 { regions[3 * 5] } else { walked_to }))
        };
        let mut range = Range::of(None, None, 0, 100 * PAGE, PAGE.trailing_zeros()).unwrap();
        let (mut pages, mut scratch, mut all) = ([0; 100], [0; 3 * 30], Vec::new());
        while !range.is_done() {
            let count = range.scan(&mut pages, &mut { usize::MAX }, &mut scratch, &scan).unwrap();
            all.extend_from_slice(&pages[..count]);
        }
        assert_eq!(all, there);
    }

    proptest::proptest! {
        #[test]
        fn a_scan_lists_the_pages_of_the_range(
            limit in 1usize..100, there in proptest::collection::btree_set(0usize..100, 0..60),
            first in 0usize..100, count in 0usize..100, room in 1usize..20
        ) {
            let there: Vec<usize> = there.into_iter().filter(|page| *page < limit).map(|page| page * PAGE).collect();
            let expected = there.iter().copied().filter(|page| (first * PAGE..(first + count) * PAGE).contains(page)).collect();
            let machine = MadeUpScan { limit: limit * PAGE, there, calls: 0.into() };
            proptest::prop_assert_eq!(machine.listed(first * PAGE, count * PAGE, room), Some(expected));
        }
    }

    #[test]
    fn pages_that_are_listed_together_have_at_most_the_weight_that_is_left() {
        if HUGE_SIZE == 0 {
            return;
        }
        const BASE_PAGES: usize = HUGE_SIZE / PAGE;
        // Three huge pages, then base pages of the same size.
        let scan = |start: usize, end: usize, regions: &mut [usize]| {
            let base = 3 * HUGE_SIZE;
            let huge_part = [start, base.min(end), File::HUGE];
            let base_part = [start.max(base), end, 0];
            let parts: Vec<_> = [huge_part, base_part].into_iter().filter(|[start, end, _]| start < end).collect();
            regions[..3 * parts.len()].copy_from_slice(parts.as_flattened());
            Ok((parts.len(), end))
        };
        for most in [BASE_PAGES, BASE_PAGES + 1, 2 * BASE_PAGES, 3 * BASE_PAGES - 1, 9 * BASE_PAGES] {
            let mut range = Range::of(None, None, 0, 4 * HUGE_SIZE, PAGE.trailing_zeros()).unwrap();
            let (mut pages, mut scratch, mut sum) = ([0; 2000], [0; 15], 0);
            while !range.is_done() {
                let mut left = most;
                let count = range.scan(&mut pages, &mut left, &mut scratch, &scan).unwrap();
                let weight: usize = pages[..count].iter().map(|&page| range.weight(page)).sum();
                assert!((1..=most).contains(&weight) && left <= most - weight, "{most}: {weight}");
                sum += weight;
            }
            assert_eq!(sum, 4 * BASE_PAGES);
        }
    }

    #[test]
    fn a_scan_that_makes_no_progress_is_given_up() {
        const START: usize = 1 << 20;
        let (mut pages, mut scratch) = ([0; 5], [0; 15]);
        let mut outcome = |scan: &Scan| {
            let mut range = Range::of(None, None, START, 9 * PAGE, PAGE.trailing_zeros()).unwrap();
            (range.scan(&mut pages, &mut { usize::MAX }, &mut scratch, scan), range.next)
        };
        assert_eq!(outcome(&|start, _, _| Ok((0, start))), (None, START));
        // As if the kernel ignored a tag in the addresses.
        let elsewhere = |start: usize, end: usize, regions: &mut [usize]| {
            regions[..3].copy_from_slice(&[start & 0xffff, end & 0xffff, 0]);
            Ok((1, end & 0xffff))
        };
        assert_eq!(outcome(&elsewhere), (None, START));
        assert_eq!(outcome(&|_, _, _| Err(libc::ENOTTY)), (None, START));
        // An error that says nothing of where addresses end.
        let calls = std::cell::Cell::new(0);
        let once = |_: usize, end: usize, _: &mut [usize]| {
            calls.set(calls.get() + 1);
            if calls.get() == 1 { Err(errno::EFAULT) } else { Ok((0, end)) }
        };
        assert_eq!(outcome(&once), (None, START));
        // Found out while the end of all addresses is looked for.
        let only_short = |start: usize, end: usize, _: &mut [usize]| {
            Err(if end - start > PAGE { errno::EFAULT } else { errno::ENOMEM })
        };
        assert_eq!(outcome(&only_short), (None, START));
        // What is outside of the range is not listed.
        let too_much = |start: usize, end: usize, regions: &mut [usize]| {
            regions[..3].copy_from_slice(&[start - 2 * PAGE, start + PAGE, 0]);
            regions[3..6].copy_from_slice(&[end - PAGE, end + PAGE, 0]);
            Ok((2, end + PAGE))
        };
        assert_eq!(outcome(&too_much), (Some(2), START + 9 * PAGE));
        assert_eq!(pages[..2], [START, START + 8 * PAGE]);
    }

    #[test]
    fn tags_are_taken_off_where_the_kernel_ignores_them() {
        if usize::BITS < 64 {
            return;
        }
        let tagged = (0xab_u64 << 56 | 0x7fff_1234_5000) as usize;
        assert_eq!(without_top_byte(tagged), 0x7fff_1234_5000);
        assert_eq!(without_top_byte(0x7fff_1234_5000), 0x7fff_1234_5000);
        assert_eq!(without_top_byte(usize::MAX - 4095), usize::MAX - 4095);

        let mask =
            |status: &str| untag_mask(&File::open(&MemoryFile::holding(status.as_bytes()).path()).unwrap()).unwrap();
        assert_eq!(
            mask("NSpid:\t1\nuntag_mask:\t0x81ffffffffffffff\nThreads:\t1\n"),
            Some(0x81ff_ffff_ffff_ffff_u64 as usize)
        );
        assert_eq!(mask("NSpid:\t1\n"), None);
        assert_eq!(mask("untag_mask:\t0\n"), None);
    }

    #[test]
    fn addresses_that_cannot_be_named_are_not_taken_for_others() {
        let maps = MemoryFile::holding(b"1000-2000 r--p\n10000000000001000-10000000000003000 r--p\n");
        let whole =
            || Range::of(None, File::open(&maps.path()), 0, usize::MAX - (PAGE - 1), PAGE.trailing_zeros()).unwrap();
        assert_eq!(listed(whole(), 9, false), [0x1000]);
        let mut range = whole();
        while !range.is_done() {
            range.list(&mut [0; 9], usize::MAX, &mut [0; 9]);
        }
        assert!(range.is_cut_off());
    }

    #[test]
    fn a_whole_process_has_pages_in_ascending_order() {
        for can_scan in [true, false] {
            let bits = page_size().trailing_zeros();
            let whole = Range::new(&ProcFiles::Own, 0, usize::MAX - (page_size() - 1), bits, (0, 0)).unwrap();
            let pages = listed(whole, 1000, can_scan);
            assert!(pages.len() > 100 && pages.is_sorted());
            let own = (&raw const pages) as usize >> bits;
            assert!(pages.iter().any(|page| page >> bits == own));
        }
    }

    #[test]
    fn a_range_beyond_the_end_of_all_addresses_is_none() {
        for (start, length) in [(usize::MAX, 2), (2, usize::MAX), (usize::MAX - 5, 7), (1 << 20, usize::MAX - 9)] {
            assert!(Range::new(&ProcFiles::Own, start, length, 12, (0, 0)).is_none(), "{start} {length}");
        }
    }

    #[test]
    fn a_range_up_to_the_end_of_all_addresses_is_one() {
        let bits = page_size().trailing_zeros();
        let own = |start, length| listed(Range::new(&ProcFiles::Own, start, length, bits, (0, 0)).unwrap(), 1000, true);
        let whole = own(0, usize::MAX);
        assert!(whole.len() > 100);
        let half = whole[whole.len() / 2] & !HUGE;
        let rest = own(half, 0usize.wrapping_sub(half));
        assert!(rest.first().is_some_and(|&first| first & !HUGE == half));
        assert_eq!(own(usize::MAX, 1), []);
        assert_eq!(own(usize::MAX - 9999, 10_000), []);
    }

    /// A mapping of this process of which each third page was touched, and the addresses of those.
    fn map_with_gaps(count: usize) -> (usize, Vec<usize>) {
        let page = page_size();
        let start = map(count * page) as usize;
        // SAFETY: mapped above.
        unsafe { libc::madvise(start as *mut _, count * page, libc::MADV_NOHUGEPAGE) };
        let touched: Vec<usize> = (0..count).step_by(3).map(|index| start + index * page).collect();
        for &address in &touched {
            // SAFETY: mapped above.
            unsafe { prefault(address as *mut _, page) };
        }
        (start, touched)
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn pages_at_excluded_addresses_are_not_listed() {
        let (page, bits) = (page_size(), page_size().trailing_zeros());
        let (start, touched) = map_with_gaps(100);
        for (first, end) in [(0, 100), (0, 7), (10, 13), (31, 70), (90, 100), (99, 200)] {
            let excluded = (start + first * page, start + end * page);
            let expected: Vec<usize> =
                touched.iter().copied().filter(|&address| address < excluded.0 || address >= excluded.1).collect();
            for (can_scan, room) in [(true, 1000), (false, 1000), (true, 3), (false, 3)] {
                let range = Range::new(&ProcFiles::Own, start, 100 * page, bits, excluded).unwrap();
                assert_eq!(listed(range, room, can_scan), expected, "{first} {end} {can_scan}");
            }
        }
        // SAFETY: mapped above.
        unsafe { unmap(start as *mut _, 100 * page) };
    }

    #[test]
    fn a_huge_page_of_which_a_part_is_excluded_does_not_stand_for_that_part() {
        if HUGE_SIZE == 0 {
            return;
        }
        let scan = |_: usize, end: usize, regions: &mut [usize]| {
            regions[..3].copy_from_slice(&[0, 3 * HUGE_SIZE, File::HUGE]);
            Ok((1, end))
        };
        let mut range = Range::of(None, None, 0, 3 * HUGE_SIZE, 12).unwrap();
        range.excluded = (HUGE_SIZE + PAGE, 2 * HUGE_SIZE - PAGE);
        let mut pages = [0; 9];
        assert_eq!(range.scan(&mut pages, &mut { usize::MAX }, &mut [0; 9], &scan), Some(4));
        assert_eq!(pages[..4], [HUGE, HUGE_SIZE, (2 * HUGE_SIZE - PAGE) | HUGE, (2 * HUGE_SIZE) | HUGE]);
        let weights = pages[..4].iter().map(|&entry| range.weight(entry));
        assert_eq!(weights.collect::<Vec<_>>(), [HUGE_SIZE / PAGE, 1, 1, HUGE_SIZE / PAGE]);
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn without_pagemap_own_memory_that_was_never_touched_is_passed_over() {
        let (page, bits) = (page_size(), page_size().trailing_zeros());
        let (start, touched) = map_with_gaps(100);
        for room in [1, 7, 1000] {
            let mut range = Range::new(&ProcFiles::Own, start, 100 * page, bits, (0, 0)).unwrap();
            range.pagemap = None;
            assert_eq!(listed(range, room, false), touched);
        }
        // That of another process is not looked at in this one.
        let mut range = Range::new(&ProcFiles::Own, start, 100 * page, bits, (0, 0)).unwrap();
        (range.pagemap, range.is_own) = (None, false);
        assert_eq!(listed(range, 1000, false).len(), 100);
        // SAFETY: mapped above.
        unsafe { unmap(start as *mut _, 100 * page) };
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn page_tables_show_which_pages_are_there() {
        let (page, bits) = (page_size(), page_size().trailing_zeros());
        let (start, touched) = map_with_gaps(1000);
        // SAFETY: mapped above.
        unsafe { unmap((start + 500 * page) as *mut _, 10 * page) };
        let there = |address: &usize| touched.contains(address) && !(500..510).contains(&((address - start) / page));
        let pagemap = ProcFiles::Own.open(b"pagemap");
        let far = [start + 999 * page, start + 5, 0x1000, usize::MAX & !0xfff, 1 << (usize::BITS - 1)];
        let mut pages: Vec<usize> = (0..1000).map(|index| start + index * page).collect();
        pages.extend_from_slice(&far);
        let mut states = vec![PageState::Unknown; pages.len()];
        page_states(&ProcFiles::Own, &pages, bits, &mut states);
        let expected = |page: &usize| if there(&(page & !0xfff)) { PageState::Present } else { PageState::Nothing };
        assert_eq!(states, pages.iter().map(expected).collect::<Vec<_>>());
        look_up(pagemap.as_ref(), false, &pages, bits, &mut states);
        assert_eq!(states, pages.iter().map(expected).collect::<Vec<_>>());
        // mincore(2) knows less of what is there.
        look_up(None, true, &pages, bits, &mut states);
        let expected = |page: &usize| if there(&(page & !0xfff)) { PageState::Unknown } else { PageState::Nothing };
        assert_eq!(states, pages.iter().map(expected).collect::<Vec<_>>());
        look_up(None, false, &pages, bits, &mut states);
        assert!(states.iter().all(|&state| state == PageState::Unknown));
        // SAFETY: mapped above.
        unsafe { unmap(start as *mut _, 1000 * page) };
    }

    proptest::proptest! {
        #[test]
        fn states_are_those_of_a_pagemap(
            words in proptest::collection::vec((0u64..4, 0u64..80), 1..300),
            pages in proptest::collection::vec((0usize..350, 0usize..2), 0..70),
            in_order: bool
        ) {
            let pagemap = MemoryFile::holding(words.iter().map(|(state, entry)| (state << 62 | entry).to_ne_bytes()).collect::<Vec<_>>().as_flattened());
            let mut pages: Vec<usize> = pages.into_iter().map(|(page, tag)| page << 12 | tag).collect();
            if in_order {
                pages.sort();
            }
            let mut states = vec![PageState::Unknown; pages.len()];
            look_up(File::open(&pagemap.path()).as_ref(), false, &pages, 12, &mut states);
            let expected = pages.iter().map(|page| match words.get(page >> 12) {
                None | Some((0, _)) => PageState::Nothing,
                // Nothing is shown of the entry; a migration entry; a marker.
                Some((1, 0)) => PageState::Swapped,
                Some((1, entry)) if usize::BITS == 64 && entry % 32 < 20 => PageState::Nothing,
                Some((1, entry)) if usize::BITS == 64 && entry % 32 < 31 => PageState::InFlight,
                Some((1, _)) => PageState::Swapped,
                _ => PageState::Present,
            });
            proptest::prop_assert_eq!(states, expected.collect::<Vec<_>>());
        }

        #[test]
        fn huge_pages_that_were_split_are_found(
            whole in proptest::collection::vec(proptest::bool::ANY, 1..40),
            tagged in proptest::collection::vec(proptest::bool::ANY, 40),
            offset in 0usize..512, room in 1usize..5, fails_after in 0usize..9
        ) {
            if HUGE_SIZE > 0 {
                let is_whole = |index: usize| whole.get(index) == Some(&true);
                let calls = std::cell::Cell::new(0);
                let given_up = std::cell::Cell::new(usize::MAX);
                let scan = |start: usize, end: usize, regions: &mut [usize]| {
                    calls.set(calls.get() + 1);
                    if calls.get() > fails_after {
                        given_up.set(start);
                        return Err(libc::ENOMEM);
                    }
                    let mut found = 0;
                    for index in (start / HUGE_SIZE.max(1)..end / HUGE_SIZE.max(1)).filter(|&index| is_whole(index)) {
                        let page = index * HUGE_SIZE;
                        if found > 0 && regions[3 * found - 2] == page {
                            regions[3 * found - 2] += HUGE_SIZE;
                        } else if found == regions.len() / 3 {
                            return Ok((found, page));
                        } else {
                            regions[3 * found..3 * found + 3].copy_from_slice(&[page.max(start), page + HUGE_SIZE, File::HUGE]);
                            found += 1;
                        }
                    }
                    Ok((found, end))
                };
                let start = offset * PAGE;
                let range = Range::of(None, None, start, whole.len() * HUGE_SIZE - start, 12).unwrap();
                let tag = |index: usize| if tagged[index] { HUGE } else { 0 };
                let entries: Vec<usize> = (0..whole.len()).map(|index| (index * HUGE_SIZE).max(start) | tag(index)).collect();
                let mut found = Vec::new();
                range.split(&entries, &mut vec![0; 3 * room], &scan, &mut |index| found.push(index));
                let is_split = |&index: &usize| tagged[index] && (!is_whole(index) || entries[index] & !HUGE >= given_up.get());
                proptest::prop_assert_eq!(found, (0..entries.len()).filter(is_split).collect::<Vec<_>>());
                proptest::prop_assert!(calls.get() > 0 || tagged[..whole.len()].iter().all(|tagged| !tagged));
            }
        }
    }

    #[test]
    fn without_pagemap_every_huge_page_counts_as_split() {
        let mut range = Range::of(None, None, 0, 1 << 30, 12).unwrap();
        let mut found = Vec::new();
        range.find_split(&[0, HUGE_SIZE | HUGE, 2 * HUGE_SIZE, (3 * HUGE_SIZE) | HUGE], &mut [0; 9], &mut |index| {
            found.push(index)
        });
        assert_eq!(found, [1, 3]);
        range.find_split(&[0, 1 << 12], &mut [0; 9], &mut |_| unreachable!());
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn a_huge_page_of_this_process_is_split_when_a_part_of_it_is_unmapped() {
        let bits = page_size().trailing_zeros();
        let start = map(4 * HUGE_SIZE.max(1 << 21)) as usize;
        let first = start.next_multiple_of(HUGE_SIZE.max(1 << 21));
        // SAFETY: mapped above.
        unsafe {
            libc::madvise(first as *mut _, 2 * HUGE_SIZE, libc::MADV_HUGEPAGE);
            prefault(first as *mut _, 2 * HUGE_SIZE);
        }
        let mut range = Range::new(&ProcFiles::Own, first, 2 * HUGE_SIZE, bits, (0, 0)).unwrap();
        let (mut pages, mut scratch) = (vec![0; 2000], [0; 60]);
        let count = range.list(&mut pages, usize::MAX, &mut scratch);
        // Where the kernel has none to give, or doesn't tell, there is nothing to see.
        if pages[..count] == [first | HUGE, (first + HUGE_SIZE) | HUGE] {
            let mut split = Vec::new();
            range.find_split(&pages[..count], &mut scratch, &mut |index| split.push(index));
            assert_eq!(split, []);
            // SAFETY: mapped above.
            unsafe { libc::madvise((first + HUGE_SIZE + (9 << 12)) as *mut _, 1 << 12, libc::MADV_DONTNEED) };
            range.find_split(&pages[..count], &mut scratch, &mut |index| split.push(index));
            assert_eq!(split, [1]);
        }
        // SAFETY: mapped above.
        unsafe { unmap(start as *mut _, 4 * HUGE_SIZE.max(1 << 21)) };
    }

    #[test]
    fn the_kernels_own_mappings_are_recognised_by_their_names() {
        let maps = MemoryFile::holding(
            b"1000-2000 r--p 00000000 00:00 0 \n\
              2000-3000 rw-p 00000000 00:00 0          [heap]\n\
              3000-4000 r--p 00000000 08:01 7          [vdso]\n\
              4000-5000 r--p 00000000 08:01 7          /lib/a [vdso]\n\
              5000-6000 rw-p 00000000 00:00 0          [anon:[vvar]]\n\
              6000-7000 rw-s 00000000 00:0f 1024       socket:[12]\n\
              7000-8000 rw-p 00000000 00:00 0          [stack]\n\
              8000-9000 --xp 00000000 00:00 0          [uprobes]\n\
              9000-b000 r--p 00000000 00:00 0          [vvar]\n\
              b000-c000 r--p 00000000 00:00 0          [vvar_vclock]\n\
              c000-d000 r-xp 00000000 00:00 0          [vdso]\n\
              d000-e000 r-xp 00000000 00:00 0          [sigpage]\n\
              e000-f000 rw-p 00000000 00:00 0 \n\
              f000-11000 r-xp 00000000 00:00 0          [vectors]\n\
              ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n",
        );
        let mut range = Range::of(None, File::open(&maps.path()), 0, 1 << 20, 12).unwrap();
        let of_kernel: Vec<usize> = (0..0x13).filter(|page| range.is_of_kernel(page << 12 | HUGE)).collect();
        assert_eq!(of_kernel, [8, 9, 0xa, 0xb, 0xc, 0xd, 0xf, 0x10]);
        assert!(!range.is_of_kernel(0xfff));
        let mut range = Range::of(None, None, 0, 1 << 20, 12).unwrap();
        assert!(!range.is_of_kernel(0xc000) && range.areas.next().is_some());
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn listing_goes_on_after_a_look_at_the_kernels_mappings() {
        let bits = page_size().trailing_zeros();
        // SAFETY: a number alone.
        let vdso = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) } as usize;
        for (can_scan, has_pagemap) in [(true, true), (false, true), (false, false)] {
            let whole = || {
                let mut range = Range::new(&ProcFiles::Own, 0, usize::MAX, bits, (0, 0)).unwrap();
                range.can_scan = can_scan;
                range.pagemap = range.pagemap.filter(|_| has_pagemap);
                range
            };
            let mut range = whole();
            let (mut pages, mut scratch) = ([0; 50], [0; 150]);
            let mut all = Vec::new();
            while !range.is_done() {
                let count = range.list(&mut pages, usize::MAX, &mut scratch);
                all.extend_from_slice(&pages[..count]);
                assert!(vdso == 0 || range.is_of_kernel(vdso));
                assert!(!range.is_of_kernel(&raw const range as usize));
            }
            assert!(all.is_sorted_by(|a, b| a < b), "{can_scan} {has_pagemap}");
            // Other tests run meanwhile.
            let without = listed(whole(), 50, can_scan).len();
            assert!(all.len() > without / 2, "{}: {without}", all.len());
        }
    }

    #[test]
    fn an_entry_of_a_huge_page_stands_for_its_base_pages_in_the_range() {
        if HUGE_SIZE == 0 {
            return;
        }
        let range = Range::new(&ProcFiles::Own, 5 << 12, 3 * HUGE_SIZE, 12, (0, 0)).unwrap();
        assert_eq!(range.weight((5 << 12) | HUGE), HUGE_SIZE / 4096 - 5);
        assert_eq!(range.weight(HUGE_SIZE | HUGE), HUGE_SIZE / 4096);
        assert_eq!(range.weight((3 * HUGE_SIZE) | HUGE), 5);
        assert_eq!(range.weight(HUGE_SIZE), 1);
    }
}

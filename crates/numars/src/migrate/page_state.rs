//! The page table entries of single addresses of a process, from /proc/PID/pagemap or mincore(2).

use super::process::ProcHandle;
use crate::sys::files::File;
use crate::sys::{errno, process};

/// The state of the page table entry of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageState {
    /// Empty.
    Nothing,
    /// Empty, in hugetlb memory. The page is absent, or about to be in flight: the kernel clears the entry, flushes the TLBs of all CPUs, and
    /// then makes the migration entry.
    EmptyHugetlb,
    /// A present page.
    Present,
    /// A migration entry: the page is in flight.
    InFlight,
    /// A swap entry or a migration entry of another process, which cannot be distinguished without privileges.
    Swapped,
    /// The page tables cannot be read.
    Unknown,
}

impl PageState {
    /// Decodes a word of /proc/PID/pagemap, or its upper half.
    pub(super) fn of(word: usize) -> Self {
        match word >> (usize::BITS - 2) {
            0 => PageState::Nothing,
            1 => PageState::Swapped,
            _ => PageState::Present,
        }
    }
}

/// Writes the state of each page's page table entry into `states`. `pages` may also be entries of a page walk. Consecutive pages that are near
/// each other need one system call.
pub fn page_states(handle: &ProcHandle, pages: &[usize], page_bits: u32, states: &mut [PageState]) {
    lookup_pages(open_pagemap(handle).as_ref(), handle.is_current(), pages, page_bits, states);
}

/// Opens the pagemap of a process, or that of a living thread if its first thread has ended.
#[inline(never)]
pub(super) fn open_pagemap(handle: &ProcHandle) -> Option<File> {
    let has_memory = |pagemap: &File| handle.is_current() || !is_empty(pagemap);
    let of_thread = || handle.open_file_of_living_thread(b"pagemap").filter(has_memory);
    handle.open_file(b"pagemap").filter(has_memory).or_else(of_thread)
}

/// Returns the numbers of the lowest and the highest of the first pages, as many as are within `max` base pages, in any order.
pub(super) fn block(pages: &[usize], page_bits: u32, max: usize) -> (usize, usize) {
    let next = pages.first().map_or(0, |page| page >> page_bits);
    let (mut first, mut last) = (next, next);
    for page in pages {
        let (low, high) = (first.min(page >> page_bits), last.max(page >> page_bits));
        if high - low >= max {
            break;
        }
        (first, last) = (low, high);
    }
    (first, last)
}

/// Returns whether a pagemap has no words at all, because its thread has ended.
#[inline(never)]
pub(super) fn is_empty(pagemap: &File) -> bool {
    pagemap.read_words(0, &mut [0; File::WORD]) == Some(0)
}

/// Writes the states by reading `pagemap`, or with mincore(2) if there is none and the process is the calling one.
pub(super) fn lookup_pages(
    pagemap: Option<&File>,
    is_current: bool,
    pages: &[usize],
    page_bits: u32,
    states: &mut [PageState],
) {
    /// Upper bound for the pages of one system call.
    const BLOCK: usize = 128;
    states.fill(PageState::Unknown);
    let (mut done, mut can_scan) = (0, true);
    while let Some(rest @ [next, ..]) = pages.get(done..) {
        let next = next >> page_bits;
        let (mut first, mut last) = block(rest, page_bits, BLOCK);
        let mut words = [0; BLOCK * File::WORD];
        let is_known = match pagemap {
            Some(pagemap) => {
                // The words after the end of pagemap remain zero.
                let words = words.get_mut(..(last - first + 1) * File::WORD).unwrap_or_default();
                pagemap.read_words(first, words).is_some()
            }
            None if is_current => {
                let mut query = |first, last| {
                    let words = words.get_mut(..last - first + 1).unwrap_or_default();
                    process::find_resident(first << page_bits, page_bits, words)
                };
                // A single page if parts of the block are not mapped.
                query(first, last).is_ok() || {
                    (first, last) = (next, next);
                    matches!(query(next, next), Ok(()) | Err(errno::ENOMEM))
                }
            }
            None => false,
        };
        let index = |page: &usize| (page >> page_bits).checked_sub(first).filter(|&index| index <= last - first);
        let in_block = rest.iter().map_while(index);
        for (state, index) in states.iter_mut().skip(done).zip(in_block.clone()) {
            let word = words.get(index).copied().unwrap_or(0);
            *state = match PageState::of(word) {
                // mincore(2) also reports pages of the page cache.
                PageState::Present if pagemap.is_none() => PageState::Unknown,
                _ if !is_known => PageState::Unknown,
                PageState::Swapped => swapped((first + index) << page_bits, word, is_current, page_bits),
                state => state,
            };
        }
        let count = in_block.clone().count();
        let block = states.get_mut(done..done + count).unwrap_or_default();
        if let Some(pagemap) = pagemap.filter(|_| can_scan && block.contains(&PageState::Nothing)) {
            // For a hugetlb page in flight, the word is empty. A page has at least 16 base pages.
            let mut regions = [0; 3 * (BLOCK / 16 + 1)];
            match pagemap.scan(first << page_bits, (last + 1) << page_bits, &mut regions, 0, true) {
                Ok((count, _)) => {
                    let regions =
                        regions.chunks_exact(3).filter_map(|region| <[usize; 3]>::try_from(region).ok()).take(count);
                    for (state, index) in
                        block.iter_mut().zip(in_block).filter(|(state, _)| **state == PageState::Nothing)
                    {
                        let page = (first + index) << page_bits;
                        *state = match regions.clone().find(|&[start, end, _]| (start..end).contains(&page)) {
                            None => PageState::Nothing,
                            Some([_, _, categories]) if categories & File::PRESENT_OR_SWAPPED == 0 => {
                                PageState::EmptyHugetlb
                            }
                            Some(_) => PageState::InFlight,
                        };
                    }
                }
                // EFAULT: the addresses are above TASK_SIZE.
                Err(error) => can_scan = error == errno::EFAULT,
            }
        }
        done += count;
    }
}

/// Decodes the pagemap word of a page that is swapped out or in flight.
fn swapped(page: usize, word: usize, is_current: bool, page_bits: u32) -> PageState {
    /// The mask of the type of a swap entry. Types from `FIRST_SPECIAL` on are migration entries and similar ones instead of swap files; the
    /// last one is that of markers without a page.
    const TYPES: usize = 0x1f;
    const FIRST_SPECIAL: usize = 20;
    /// The type and the swap offset, which are zero for a process without privileges.
    const VISIBLE: usize = if usize::BITS == 64 { usize::MAX >> 9 } else { 0 };
    let mut present = [0];
    match word & VISIBLE {
        0 => {}
        entry if (FIRST_SPECIAL..TYPES).contains(&(entry & TYPES)) => return PageState::InFlight,
        entry if entry & TYPES < FIRST_SPECIAL => return PageState::Nothing,
        _ => {}
    }
    // In the calling process, mincore(2) reports what is not in memory. Pages of the swap cache and pages in flight are resident.
    let resident = if is_current { process::find_resident(page, page_bits, &mut present) } else { Err(errno::EPERM) };
    match resident {
        Ok(()) if present == [0] => PageState::Nothing,
        _ => PageState::Swapped,
    }
}

//! What the page tables of a process show for single addresses.

use super::process::ProcHandle;
use crate::sys::files::File;
use crate::sys::{errno, process};

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
    pub(super) fn of(word: usize) -> Self {
        match word >> (usize::BITS - 2) {
            0 => PageState::Nothing,
            1 => PageState::Swapped,
            _ => PageState::Present,
        }
    }
}

/// Writes into `states` what the page tables of a process show for each of `pages`, which may also be entries of a [`Range`]. One call of
/// the kernel is enough for addresses that are near each other if they ascend.
pub fn page_states(handle: &ProcHandle, pages: &[usize], page_bits: u32, states: &mut [PageState]) {
    let has_memory = |pagemap: &File| handle.is_current() || !is_empty(pagemap);
    let of_thread = || File::open(handle.living_thread()?.text(b"pagemap")).filter(has_memory);
    let pagemap = handle.open_file(b"pagemap").filter(has_memory).or_else(of_thread);
    lookup_pages(pagemap.as_ref(), handle.is_current(), pages, page_bits, states);
}

/// Returns true if a pagemap has not even a word for address 0, as that of a thread which has ended.
pub(super) fn is_empty(pagemap: &File) -> bool {
    pagemap.read_words(0, &mut [0; File::WORD]) == Some(0)
}

/// The same, of a process with this pagemap in /proc.
pub(super) fn lookup_pages(
    pagemap: Option<&File>,
    is_current: bool,
    pages: &[usize],
    page_bits: u32,
    states: &mut [PageState],
) {
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
            None if is_current => {
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
                PageState::Swapped => swapped((first + index) << page_bits, word, is_current, page_bits),
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
fn swapped(page: usize, word: usize, is_current: bool, page_bits: u32) -> PageState {
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
    let resident = if is_current { process::find_resident(page, page_bits, &mut present) } else { Err(errno::EPERM) };
    match resident {
        Ok(()) if present == [0] => PageState::Nothing,
        _ => PageState::Swapped,
    }
}

//! The sizes of the pages that the entries of a list name, for the limits of a move.
//!
//! References: ioctl PAGEMAP_SCAN in Documentation/admin-guide/mm/pagemap.rst in the kernel sources.

use super::ops::MovePagesOps;
use super::page_state::block;
use crate::sys::errno;
use crate::sys::files::File;
use crate::topology;

/// Writes the number of base pages of each page into `sizes`. A page of hugetlb memory counts as a transparent huge page, a larger one as
/// several of them. Returns false if the kernel does not show sizes: before Linux 6.7.
pub fn page_sizes(pagemap: &File, pages: &[usize], page_bits: u32, sizes: &mut [u32]) -> bool {
    /// Upper bound for the base pages of one system call.
    const BLOCK: usize = 512;
    sizes.fill(1);
    let huge_size = (topology::pmd_size() >> page_bits) as u32;
    let mut done = 0;
    while let Some(rest @ [_, ..]) = pages.get(done..) {
        let (first, last) = block(rest, page_bits, BLOCK);
        // A block has parts of three transparent huge pages at most.
        let mut regions = [0; 3 * File::REGION];
        let count = match pagemap.scan(first << page_bits, (last + 1) << page_bits, &mut regions, 0, true) {
            _ if huge_size == 0 => return false,
            Ok((count, _)) => count,
            // The addresses are above TASK_SIZE.
            Err(errno::EFAULT) => 0,
            Err(_) => return false,
        };
        let regions = regions.chunks_exact(3).filter_map(|region| <[usize; 3]>::try_from(region).ok()).take(count);
        let in_block = rest.iter().take_while(|page| (first..=last).contains(&(*page >> page_bits)));
        for (page, size) in in_block.clone().zip(sizes.iter_mut().skip(done)) {
            if regions.clone().any(|[start, end, _]| (start..end).contains(page)) {
                *size = huge_size;
            }
        }
        done += in_block.count();
    }
    true
}

/// Writes into the first elements of `table` the number of base pages that move with each entry: 0 if an earlier entry names the same huge page
/// and target node. `table` has at least twice as many elements as there are entries. Returns false if the sizes are not known.
#[inline(never)]
pub fn sizes_of_entries(
    kernel: &impl MovePagesOps,
    pages: &[usize],
    targets: &[i32],
    page_bits: u32,
    table: &mut [u32],
) -> bool {
    const NONE: u32 = u32::MAX;
    let Some((sizes, seen)) = table.split_at_mut_checked(pages.len()) else { return false };
    if !kernel.page_sizes(pages, sizes) {
        return false;
    }
    // Of the huge pages that have the same slot, the last one is known. Others may count twice.
    seen.fill(NONE);
    for ((size, page), &target) in sizes.iter_mut().zip(pages).zip(targets).filter(|((size, _), _)| **size > 1) {
        let number = (page >> page_bits).checked_div(*size as usize).unwrap_or(0) as u32;
        let key = number.wrapping_add((target as u32).wrapping_mul(0x9e37_79b9));
        let slot = (key as usize).checked_rem(seen.len()).and_then(|slot| seen.get_mut(slot));
        if slot.is_some_and(|slot| core::mem::replace(slot, key) == key) {
            *size = 0;
        }
    }
    true
}

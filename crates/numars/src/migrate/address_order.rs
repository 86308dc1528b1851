//! Sorts entries by the addresses of their pages, so that page tables are walked and pages are copied in order, and entries that name one page
//! become neighbours.

use super::batch::get_or_default;

/// The bits of a page number that one pass sorts by.
const DIGIT_BITS: u32 = 10;

/// Sorts the indices of `pages` by page number: a radix sort. Entries with the same page keep their order. Returns the sorted indices, and the
/// other of the two slices, which have one element for each page. Without `needed`, the order of the entries is kept.
#[inline(never)]
pub fn sort_by_page<'a>(
    pages: &[usize],
    page_bits: u32,
    needed: bool,
    mut sorted: &'a mut [u32],
    mut spare: &'a mut [u32],
) -> (&'a mut [u32], &'a mut [u32]) {
    (0..).zip(sorted.iter_mut()).for_each(|(entry, index)| *index = entry);
    let first = pages.first().copied().unwrap_or(0);
    let differing = pages.iter().fold(0, |bits, page| bits | (page ^ first)) >> page_bits;
    let mut differing = if needed { differing } else { 0 };
    let mut shift = page_bits;
    // The first digit is the lowest one.
    while differing > 0 {
        if differing & ((1 << DIGIT_BITS) - 1) != 0 {
            let digit = |page: usize| (page >> shift) & ((1 << DIGIT_BITS) - 1);
            let mut next = [0u32; 1 << DIGIT_BITS];
            for &page in pages {
                count(&mut next, digit(page));
            }
            start_indices(&mut next);
            for &entry in sorted.iter() {
                let to = count(&mut next, digit(get_or_default(pages, entry as usize)));
                if let Some(slot) = spare.get_mut(to) {
                    *slot = entry;
                }
            }
            core::mem::swap(&mut sorted, &mut spare);
        }
        (differing, shift) = (differing >> DIGIT_BITS, shift + DIGIT_BITS);
    }
    (sorted, spare)
}

/// Returns whether pages are in strictly ascending order, so that no page is named twice.
pub fn is_ascending(pages: &[usize], page_bits: u32) -> bool {
    pages.is_sorted_by(|first, second| first >> page_bits < second >> page_bits)
}

/// Increments the counter of a bucket, and returns what it was before.
#[inline]
pub fn count(buckets: &mut [u32], bucket: usize) -> usize {
    debug_assert!(bucket < buckets.len());
    let counter = buckets.get_mut(bucket);
    counter.map_or(0, |counter| core::mem::replace(counter, counter.wrapping_add(1)) as usize)
}

/// Replaces the number of entries of each bucket by the index of its first one. Returns the number of all entries.
pub fn start_indices(buckets: &mut [u32]) -> usize {
    let mut next = 0u32;
    for bucket in buckets {
        next = next.wrapping_add(core::mem::replace(bucket, next));
    }
    next as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(pages: &[usize]) -> Vec<u32> {
        let (mut first, mut second) = (vec![0; pages.len()], vec![0; pages.len()]);
        sort_by_page(pages, 12, true, &mut first, &mut second).0.to_vec()
    }

    #[test]
    fn entries_are_sorted_by_page_at_any_distance() {
        for stride in [1usize, 3, 0x400, 0x9e37, 0x9e37_79b9, 1 << (usize::BITS - 20)] {
            let pages: Vec<usize> = (0..500usize).map(|entry| (entry * 7 % 500).wrapping_mul(stride) << 12).collect();
            let mut expected: Vec<u32> = (0..500).collect();
            expected.sort_by_key(|&entry| pages[entry as usize]);
            assert_eq!(sorted(&pages), expected, "{stride:#x}");
        }
        assert_eq!(sorted(&[]), []);
    }

    #[test]
    fn entries_that_name_one_page_keep_their_order() {
        assert_eq!(sorted(&[0x5123, 0x4000, 0x5001, 0x4fff, 0x5000]), [1, 3, 0, 2, 4]);
    }
}

//! Tests of the page walk on fake files of /proc and on this process.

use super::super::page_state::{lookup_pages, page_states};
use super::super::process::read_field;
use super::super::tagged::untag_mask;
#[cfg(target_pointer_width = "64")]
use super::super::tagged::without_top_byte;
use super::*;
use crate::sys::errno;
use crate::sys::files::{File, FixedPath};
use crate::sys::memory::{map, page_size, prefault, unmap};
use crate::sys::testing::MemoryFile;

/// Returns the entries of a walk, listed in batches of at most `capacity`, with PAGEMAP_SCAN or without.
fn listed(mut walk: PageWalk, capacity: usize, can_scan: bool) -> Vec<usize> {
    walk.can_scan = can_scan;
    let (mut pages, mut scratch) = (vec![0; capacity], vec![0; 600]);
    let mut all = Vec::new();
    while !walk.is_done() {
        let count = walk.fill(&mut pages, usize::MAX, &mut scratch);
        all.extend_from_slice(&pages[..count]);
    }
    all
}

#[test]
fn exactly_the_present_pages_are_listed() {
    let page = page_size();
    let (bits, count) = (page.trailing_zeros(), 100);
    let start = map(count * page) as usize;
    let touched: Vec<usize> =
        (0..count).filter(|index| index % 3 == 0 || index % 10 == 7).map(|index| start + index * page).collect();
    for &address in &touched {
        // SAFETY: mapped above.
        unsafe { prefault(address as *mut _, page) };
    }
    // SAFETY: mapped above. These pages become absent.
    unsafe { libc::madvise((start + 60 * page) as *mut _, 10 * page, libc::MADV_DONTNEED) };
    let present: Vec<usize> =
        touched.into_iter().filter(|&address| !(60..70).contains(&((address - start) / page))).collect();
    for can_scan in [true, false] {
        for capacity in [1, 7, 1000] {
            let walk = || PageWalk::new(&ProcHandle::Current, start, count * page, bits, (0, 0)).unwrap();
            let listed_pages = listed(walk(), capacity, can_scan);
            assert_eq!(listed_pages, present, "{can_scan} {capacity}");
            assert!(listed_pages.iter().all(|&entry| walk().base_pages(entry) == 1));
        }
        // Every page that overlaps the range is listed.
        assert_eq!(
            listed(
                PageWalk::new(&ProcHandle::Current, start + page - 1, 2 * page + 2, bits, (0, 0)).unwrap(),
                9,
                can_scan
            ),
            [start, start + 3 * page]
        );
        assert_eq!(
            listed(PageWalk::new(&ProcHandle::Current, start + 5, 1, bits, (0, 0)).unwrap(), 9, can_scan),
            [start]
        );
        assert_eq!(listed(PageWalk::new(&ProcHandle::Current, start, 0, bits, (0, 0)).unwrap(), 9, can_scan), []);
    }
    // SAFETY: mapped above.
    unsafe { unmap(start as *mut _, count * page) };
}

/// Returns a file whose first read(2) returns `text`, at most 1024 bytes, and whose next one fails with EIO.
fn file_that_fails_after(text: &str) -> File {
    let page = page_size();
    let mut contents = vec![b' '; page - text.len()];
    contents.extend_from_slice(text.as_bytes());
    let mapped = File::open(&MemoryFile::holding(&contents).path()).unwrap();
    // SAFETY: any address. The second page is after the end of the file, so that it cannot be read.
    let start = unsafe {
        let descriptor = mapped.descriptor() as i32;
        libc::mmap(std::ptr::null_mut(), 2 * page, libc::PROT_READ, libc::MAP_SHARED, descriptor, 0)
    };
    assert_ne!(start, libc::MAP_FAILED);
    let offset = start as usize + page - text.len();
    let file = File::open(&crate::sys::files::FixedPath::new(b"/proc/self/mem")).unwrap();
    // SAFETY: numbers only.
    let at = unsafe { libc::lseek64(file.descriptor() as i32, offset as i64, libc::SEEK_SET) };
    assert_eq!(at, offset as i64);
    file
}

#[test]
#[cfg_attr(miri, ignore)]
fn a_failed_read_of_maps_is_an_error_and_not_the_end_of_the_walk() {
    for text in ["6000-8000 r--p\n", "6000-8000 r--p\n9", "6000-8000 r--p\n9000-", "6000-8000 r--p\n9000-a000 r-"] {
        let mut walk = PageWalk::of(None, Some(file_that_fails_after(text)), 0, 1 << 20, 12).unwrap();
        let (mut pages, mut scratch) = ([0; 9], [0; 9]);
        assert_eq!(walk.fill(&mut pages, usize::MAX, &mut scratch), 2, "{text}");
        assert_eq!((walk.fill(&mut pages, usize::MAX, &mut scratch), walk.is_done()), (0, true));
        assert_eq!(walk.error(), libc::EIO);
    }
}

#[test]
#[cfg_attr(miri, ignore)]
fn a_failed_read_is_not_mistaken_for_a_missing_field() {
    let status = || file_that_fails_after("NSpid:\t1\nThreads:\t1\n");
    assert_eq!(untag_mask(&status()), Err(libc::EIO));
    assert_eq!(read_field(&status(), b"Threads:", &mut |_| ()), Ok(true));
}

/// When a process ends, its pagemap and maps are empty before anything else shows it.
#[test]
fn with_empty_maps_and_pagemap_of_another_process_the_walk_ends_at_once() {
    let pagemap = MemoryFile::holding(b"");
    let mut walk = PageWalk::of(File::open(&pagemap.path()), None, 0, usize::MAX - 4095, 12).unwrap();
    walk.can_end = true;
    let (mut pages, mut scratch) = ([0; 9], [0; 9]);
    assert_eq!(walk.fill(&mut pages, usize::MAX, &mut scratch), 0);
    assert!(walk.is_mm_gone() && walk.is_done());
}

#[test]
fn pages_are_listed_up_to_the_end_of_pagemap_and_all_if_it_cannot_be_read() {
    let area = MemoryFile::holding(b"0-9000 r--p\n");
    let area = || File::open(&area.path());
    let pages_of = |pagemap| listed(PageWalk::of(pagemap, area(), 0, 9 << 12, 12).unwrap(), 20, false);
    let word = |state: u64| (state << 62).to_ne_bytes();
    let pagemap = MemoryFile::holding([2, 0, 2, 3, 1, 0].map(word).as_flattened());
    // Swapped pages, which may be in flight, are listed too.
    assert_eq!(pages_of(File::open(&pagemap.path())), [0, 2 << 12, 3 << 12, 4 << 12]);
    let directory = File::open(&crate::sys::files::FixedPath::new(b"/proc/self/"));
    assert_eq!(pages_of(directory), (0..9).map(|page| page << 12).collect::<Vec<_>>());
}

#[test]
#[cfg_attr(miri, ignore)]
fn an_empty_pagemap_does_not_mean_that_no_page_is_present() {
    let (vmas, empty) = (MemoryFile::holding(b"0-9000 r--p\n"), MemoryFile::holding(b""));
    let open = |file: &MemoryFile| File::open(&file.path());
    let mut walk = PageWalk::of(open(&empty), open(&vmas), 0, 9 << 12, 12).unwrap();
    walk.can_end = true;
    assert_eq!(listed(walk, 20, false).len(), 9);
    // If the process has executed another program, maps is empty too.
    let vmas = MemoryFile::holding(b"0-9000 r--p\n");
    let mut walk = PageWalk::of(open(&empty), open(&vmas), 0, 9 << 12, 12).unwrap();
    walk.can_end = true;
    std::fs::write(std::str::from_utf8(vmas.path().as_c_str().to_bytes()).unwrap(), "").unwrap();
    assert_eq!(listed(walk, 20, false), []);
}

#[test]
fn a_walk_can_be_rewound() {
    let bits = page_size().trailing_zeros();
    let start = map(9 * page_size()) as usize;
    // SAFETY: mapped above.
    unsafe { prefault(start as *mut _, 9 * page_size()) };
    let has_maps = [true, false];
    for (can_scan, has_maps) in [true, false].into_iter().flat_map(|scan| has_maps.map(|maps| (scan, maps))) {
        let open = |name: &[u8]| ProcHandle::Current.open_file(name);
        let maps = if has_maps { open(b"maps") } else { None };
        let mut walk = PageWalk::of(open(b"pagemap"), maps, start, 9 * page_size(), bits).unwrap();
        walk.can_scan = can_scan;
        for _ in 0..3 {
            let (mut listed_pages, mut pages) = (0, [0; 5]);
            while !walk.is_done() {
                listed_pages += walk.fill(&mut pages, usize::MAX, &mut [0; 15]);
            }
            assert_eq!((listed_pages, walk.error()), (9, 0));
            walk.rewind();
        }
    }
    // SAFETY: mapped above.
    unsafe { unmap(start as *mut _, 9 * page_size()) };
}

#[test]
fn a_walk_over_invalid_maps_ends() {
    let maps = MemoryFile::holding(
        b"1000-1800 r--p\n3000-2000 r--p\n4001-5000 r--p\n6000-8000 r--p\n7000-9000 r--p\nno area\n",
    );
    let mut walk = PageWalk::of(None, File::open(&maps.path()), 0, 1 << 20, 12).unwrap();
    let (mut pages, mut scratch) = ([0; 9], [0; 9]);
    let mut listed = Vec::new();
    for _ in 0..9 {
        let count = walk.fill(&mut pages, usize::MAX, &mut scratch);
        listed.extend_from_slice(&pages[..count]);
    }
    assert_eq!(listed, [0x6000, 0x7000, 0x8000]);
    assert!(walk.is_done());
}

/// A fake PAGEMAP_SCAN of pages at these ascending addresses below `limit`, which counts the calls.
struct FakeScan {
    limit: usize,
    present: Vec<usize>,
    calls: std::cell::Cell<usize>,
}

const PAGE: usize = 4096;

/// The size of the huge pages of [`walk_of`].
const PMD_SIZE: usize = 512 * PAGE;

/// Returns a walk without files of a range whose huge pages are entries, whatever the machine's are.
fn walk_of(start: usize, length: usize) -> PageWalk {
    let mut walk = PageWalk::of(None, None, start, length, PAGE.trailing_zeros()).unwrap();
    walk.huge_size = PMD_SIZE;
    walk.mapping = MappedAs { start: 0, end: usize::MAX, page_size: PAGE, ..MappedAs::default() };
    walk
}

impl FakeScan {
    fn scan(&self, start: usize, end: usize, regions: &mut [usize]) -> Result<(usize, usize), i32> {
        self.calls.set(self.calls.get() + 1);
        if end > self.limit {
            return Err(errno::EFAULT);
        }
        let mut listed_pages = 0;
        for &page in self.present.iter().filter(|page| (start..end).contains(page)) {
            let Some(region) = regions.get_mut(3 * listed_pages..3 * listed_pages + 3) else {
                return Ok((listed_pages, page));
            };
            region.copy_from_slice(&[page, page + PAGE, 0]);
            listed_pages += 1;
        }
        Ok((listed_pages, end))
    }

    /// Returns the pages of a range that the scan lists; `None` if the walk gives it up.
    fn listed(&self, start: usize, length: usize, capacity: usize) -> Option<Vec<usize>> {
        let mut walk = PageWalk::of(None, None, start, length, PAGE.trailing_zeros()).unwrap();
        walk.scan_limit = usize::MAX;
        let (mut pages, mut scratch, mut all) = (vec![0; capacity], vec![0; 3 * 7], Vec::new());
        while !walk.is_done() {
            let count =
                walk.fill_pagemap_scan(&mut pages, &mut { usize::MAX }, &mut scratch, &|start, end, regions| {
                    self.scan(start, end, regions)
                })?;
            all.extend_from_slice(&pages[..count]);
        }
        Some(all)
    }
}

#[test]
fn pages_up_to_the_end_of_the_address_space_are_listed_wherever_that_is() {
    let last = usize::MAX - (PAGE - 1);
    let mut limits = vec![PAGE, 9 * PAGE, 1 << 31, usize::MAX / 2 - (PAGE - 1), usize::MAX / 2 + 1, last - PAGE, last];
    // Address spaces of 32 to 63 bits, some of them without their last page.
    let bits = (32..63).filter(|&bits| bits < usize::BITS);
    limits.extend(bits.flat_map(|bits| [(1usize << bits) - PAGE, 1 << bits]));
    for limit in limits {
        let mut present = vec![0, (limit / 2) & !(PAGE - 1), limit - PAGE];
        present.dedup();
        let machine = FakeScan { limit, present: present.clone(), calls: 0.into() };
        assert_eq!(machine.listed(0, last, 5), Some(present), "{limit:#x}");
        assert!(machine.calls.get() < 2 * usize::BITS as usize, "{limit:#x}: {:?} calls", machine.calls);
        if [47, 56].iter().any(|&bits| bits < usize::BITS && limit == (1 << bits) - PAGE) {
            assert!(machine.calls.get() <= 7, "usual limits are tried first: {limit:#x}, {:?} calls", machine.calls);
        }
        // There are no pages above.
        assert_eq!(machine.listed(limit, last - limit, 5), Some(vec![]));
    }
}

#[test]
#[cfg(target_pointer_width = "64")]
fn addresses_with_a_tag_are_not_taken_for_the_end_of_the_address_space() {
    // As on arm64: the top byte is ignored, and addresses are sign-extended from bit 55.
    let untagged = |address: usize| ((address << 8) as isize >> 8) as usize;
    for bits in [39, 47, 48, 52] {
        let limit = 1 << bits;
        let machine = FakeScan { limit, present: vec![PAGE, limit - PAGE], calls: 0.into() };
        let scan = |start: usize, end: usize, regions: &mut [usize]| {
            let (start, end) = (untagged(start), untagged(end));
            if start > end { Err(errno::EFAULT) } else { machine.scan(start, end, regions) }
        };
        for scan_limit in [usize::MAX, 1 << 52] {
            let mut walk = PageWalk::of(None, None, 0, usize::MAX - (PAGE - 1), PAGE.trailing_zeros()).unwrap();
            walk.scan_limit = scan_limit;
            let (mut pages, mut scratch, mut all) = ([0; 9], [0; 3 * 7], Vec::new());
            while !walk.is_done() {
                let count = walk.fill_pagemap_scan(&mut pages, &mut { usize::MAX }, &mut scratch, &scan).unwrap();
                all.extend_from_slice(&pages[..count]);
            }
            assert_eq!((walk.scan_limit, all), (limit.min(scan_limit), machine.present.clone()), "{bits}");
        }
    }
}

#[test]
fn pages_are_listed_once_though_the_kernel_says_that_it_walked_less_far() {
    let present: Vec<usize> = (0..40).map(|page| 2 * page * PAGE).collect();
    let machine = FakeScan { limit: usize::MAX, present: present.clone(), calls: 0.into() };
    let scan = |start: usize, end: usize, regions: &mut [usize]| {
        let (count, walked_to) = machine.scan(start, end, regions)?;
        Ok((count, if walked_to == end && count > 5 { regions[3 * 5] } else { walked_to }))
    };
    let mut walk = PageWalk::of(None, None, 0, 100 * PAGE, PAGE.trailing_zeros()).unwrap();
    let (mut pages, mut scratch, mut all) = ([0; 100], [0; 3 * 30], Vec::new());
    while !walk.is_done() {
        let count = walk.fill_pagemap_scan(&mut pages, &mut { usize::MAX }, &mut scratch, &scan).unwrap();
        all.extend_from_slice(&pages[..count]);
    }
    assert_eq!(all, present);
}

proptest::proptest! {
    #[test]
    fn a_scan_lists_the_pages_of_the_range(
        limit in 1usize..100, present in proptest::collection::btree_set(0usize..100, 0..60),
        first in 0usize..100, count in 0usize..100, capacity in 1usize..20
    ) {
        let present: Vec<usize> = present.into_iter().filter(|page| *page < limit).map(|page| page * PAGE).collect();
        let expected = present.iter().copied().filter(|page| (first * PAGE..(first + count) * PAGE).contains(page)).collect();
        let machine = FakeScan { limit: limit * PAGE, present, calls: 0.into() };
        proptest::prop_assert_eq!(machine.listed(first * PAGE, count * PAGE, capacity), Some(expected));
    }
}

#[test]
fn pages_of_one_batch_have_at_most_the_base_pages_that_are_left() {
    const BASE_PAGES: usize = PMD_SIZE / PAGE;
    // Three huge pages, then base pages of the same size.
    let scan = |start: usize, end: usize, regions: &mut [usize]| {
        let base = 3 * PMD_SIZE;
        let huge_part = [start, base.min(end), File::HUGE];
        let base_part = [start.max(base), end, 0];
        let parts: Vec<_> = [huge_part, base_part].into_iter().filter(|[start, end, _]| start < end).collect();
        regions[..3 * parts.len()].copy_from_slice(parts.as_flattened());
        Ok((parts.len(), end))
    };
    for limit in [BASE_PAGES, BASE_PAGES + 1, 2 * BASE_PAGES, 3 * BASE_PAGES - 1, 9 * BASE_PAGES] {
        let mut walk = walk_of(0, 4 * PMD_SIZE);
        let (mut pages, mut scratch, mut sum) = ([0; 2000], [0; 15], 0);
        while !walk.is_done() {
            let mut pages_left = limit;
            let count = walk.fill_pagemap_scan(&mut pages, &mut pages_left, &mut scratch, &scan).unwrap();
            let batch_base_pages: usize = pages[..count].iter().map(|&page| walk.base_pages(page)).sum();
            assert!(
                (1..=limit).contains(&batch_base_pages) && pages_left <= limit - batch_base_pages,
                "{limit}: {batch_base_pages}"
            );
            sum += batch_base_pages;
        }
        assert_eq!(sum, 4 * BASE_PAGES);
    }
}

#[test]
fn a_scan_that_ends_within_a_huge_page_lists_the_page_once() {
    let end = 3 * PMD_SIZE;
    for max_pages in [1, 511, 512, 513, 1000] {
        let scan = |start: usize, end: usize, regions: &mut [usize]| {
            let limit = end.min(start + max_pages * PAGE);
            regions[..3].copy_from_slice(&[start, limit, File::HUGE]);
            Ok((1, limit))
        };
        let mut walk = walk_of(0, end - PAGE);
        let (mut pages, mut scratch, mut all) = ([0; 9], [0; 15], Vec::new());
        while !walk.is_done() {
            let count = walk.fill_pagemap_scan(&mut pages, &mut { usize::MAX }, &mut scratch, &scan).unwrap();
            all.extend(pages[..count].iter().map(|&entry| (walk.address(entry), walk.base_pages(entry))));
        }
        assert_eq!(all, [(0, 512), (PMD_SIZE, 512), (2 * PMD_SIZE, 511)], "{max_pages}");
    }
}

#[test]
fn a_scan_that_makes_no_progress_is_given_up() {
    const START: usize = 1 << 20;
    let (mut pages, mut scratch) = ([0; 5], [0; 15]);
    let mut outcome = |scan: &Scan| {
        let mut walk = PageWalk::of(None, None, START, 9 * PAGE, PAGE.trailing_zeros()).unwrap();
        (walk.fill_pagemap_scan(&mut pages, &mut { usize::MAX }, &mut scratch, scan), walk.next)
    };
    assert_eq!(outcome(&|start, _, _| Ok((0, start))), (None, START));
    // A kernel that ignores a tag in the addresses.
    let elsewhere = |start: usize, end: usize, regions: &mut [usize]| {
        regions[..3].copy_from_slice(&[start & 0xffff, end & 0xffff, 0]);
        Ok((1, end & 0xffff))
    };
    assert_eq!(outcome(&elsewhere), (None, START));
    assert_eq!(outcome(&|_, _, _| Err(libc::ENOTTY)), (None, START));
    // An error that is not about the end of the addresses.
    let calls = std::cell::Cell::new(0);
    let once = |_: usize, end: usize, _: &mut [usize]| {
        calls.set(calls.get() + 1);
        if calls.get() == 1 { Err(errno::EFAULT) } else { Ok((0, end)) }
    };
    assert_eq!(outcome(&once), (None, START));
    // An error during the search for the end of the addresses.
    let only_short =
        |start: usize, end: usize, _: &mut [usize]| Err(if end - start > PAGE { errno::EFAULT } else { errno::ENOMEM });
    assert_eq!(outcome(&only_short), (None, START));
    // Pages outside the range are not listed.
    let too_much = |start: usize, end: usize, regions: &mut [usize]| {
        regions[..3].copy_from_slice(&[start - 2 * PAGE, start + PAGE, 0]);
        regions[3..6].copy_from_slice(&[end - PAGE, end + PAGE, 0]);
        Ok((2, end + PAGE))
    };
    assert_eq!(outcome(&too_much), (Some(2), START + 9 * PAGE));
    assert_eq!(pages[..2], [START, START + 8 * PAGE]);
}

#[test]
#[cfg(target_pointer_width = "64")]
fn tags_that_the_kernel_ignores_are_removed() {
    let tagged = (0xab_u64 << 56 | 0x7fff_1234_5000) as usize;
    assert_eq!(without_top_byte(tagged), 0x7fff_1234_5000);
    assert_eq!(without_top_byte(0x7fff_1234_5000), 0x7fff_1234_5000);
    assert_eq!(without_top_byte(usize::MAX - 4095), usize::MAX - 4095);

    let mask = |status: &str| untag_mask(&File::open(&MemoryFile::holding(status.as_bytes()).path()).unwrap()).unwrap();
    assert_eq!(
        mask("NSpid:\t1\nuntag_mask:\t0x81ffffffffffffff\nThreads:\t1\n"),
        Some(0x81ff_ffff_ffff_ffff_u64 as usize)
    );
    assert_eq!(mask("NSpid:\t1\n"), None);
    assert_eq!(mask("untag_mask:\t0\n"), None);
}

/// Reading starts again after the mappings of the kernel were looked up.
#[test]
#[cfg_attr(miri, ignore)]
fn a_list_of_mappings_that_cannot_be_read_again_is_an_error() {
    use std::io::Write;
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"1000-3000 r--p 00000000 00:00 0 \n4000-6000 r-xp 00000000 00:00 0 [vdso]\n").unwrap();
    drop(writer);
    let mut path = FixedPath::new(b"/proc/self/fd/");
    path.decimal(std::os::fd::AsRawFd::as_raw_fd(&reader) as usize);
    let mut walk = PageWalk::of(None, File::open(&path), 0, 0x10000, PAGE.trailing_zeros()).unwrap();
    assert_eq!(walk.error(), 0);
    walk.is_kernel_mapping(0x4000);
    assert!(walk.error() != 0 && walk.is_done());
}

#[test]
fn unaddressable_mappings_are_not_mistaken_for_others() {
    let maps = MemoryFile::holding(b"1000-2000 r--p\n10000000000001000-10000000000003000 r--p\n");
    let whole =
        || PageWalk::of(None, File::open(&maps.path()), 0, usize::MAX - (PAGE - 1), PAGE.trailing_zeros()).unwrap();
    assert_eq!(listed(whole(), 9, false), [0x1000]);
    let mut walk = whole();
    while !walk.is_done() {
        walk.fill(&mut [0; 9], usize::MAX, &mut [0; 9]);
    }
    assert!(walk.is_truncated());
}

#[test]
fn a_whole_process_has_pages_in_ascending_order() {
    for can_scan in [true, false] {
        let bits = page_size().trailing_zeros();
        let whole = PageWalk::new(&ProcHandle::Current, 0, usize::MAX - (page_size() - 1), bits, (0, 0)).unwrap();
        let pages = listed(whole, 1000, can_scan);
        assert!(pages.len() > 100 && pages.is_sorted());
        let stack_page = (&raw const pages) as usize >> bits;
        assert!(pages.iter().any(|page| page >> bits == stack_page));
    }
}

#[test]
fn a_range_that_exceeds_the_address_space_is_rejected() {
    for (start, length) in [(usize::MAX, 2), (2, usize::MAX), (usize::MAX - 5, 7), (1 << 20, usize::MAX - 9)] {
        assert!(PageWalk::new(&ProcHandle::Current, start, length, 12, (0, 0)).is_none(), "{start} {length}");
    }
}

#[test]
fn a_range_may_end_with_the_address_space() {
    let bits = page_size().trailing_zeros();
    let pages_in =
        |start, length| listed(PageWalk::new(&ProcHandle::Current, start, length, bits, (0, 0)).unwrap(), 1000, true);
    let whole = pages_in(0, usize::MAX);
    assert!(whole.len() > 100);
    let half = whole[whole.len() / 2] & !HUGE;
    let rest = pages_in(half, 0usize.wrapping_sub(half));
    assert!(rest.first().is_some_and(|&first| first & !HUGE == half));
    assert_eq!(pages_in(usize::MAX, 1), []);
    assert_eq!(pages_in(usize::MAX - 9999, 10_000), []);
}

/// Maps memory and touches every third page. Returns its start and the touched addresses.
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
        for (can_scan, capacity) in [(true, 1000), (false, 1000), (true, 3), (false, 3)] {
            let walk = PageWalk::new(&ProcHandle::Current, start, 100 * page, bits, excluded).unwrap();
            assert_eq!(listed(walk, capacity, can_scan), expected, "{first} {end} {can_scan}");
        }
    }
    // SAFETY: mapped above.
    unsafe { unmap(start as *mut _, 100 * page) };
}

#[test]
fn a_huge_page_with_an_excluded_part_is_listed_by_base_pages() {
    let scan = |_: usize, end: usize, regions: &mut [usize]| {
        regions[..3].copy_from_slice(&[0, 3 * PMD_SIZE, File::HUGE]);
        Ok((1, end))
    };
    let mut walk = walk_of(0, 3 * PMD_SIZE);
    walk.excluded = (PMD_SIZE + PAGE, 2 * PMD_SIZE - PAGE);
    let mut pages = [0; 9];
    assert_eq!(walk.fill_pagemap_scan(&mut pages, &mut { usize::MAX }, &mut [0; 9], &scan), Some(4));
    assert_eq!(pages[..4], [HUGE, PMD_SIZE, (2 * PMD_SIZE - PAGE) | HUGE, (2 * PMD_SIZE) | HUGE]);
    let weights = pages[..4].iter().map(|&entry| walk.base_pages(entry));
    assert_eq!(weights.collect::<Vec<_>>(), [PMD_SIZE / PAGE, 1, 1, PMD_SIZE / PAGE]);
}

#[test]
fn pages_of_hugetlb_memory_that_may_be_smaller_than_a_huge_page_are_listed_by_base_pages() {
    let scan = |start: usize, end: usize, regions: &mut [usize]| {
        regions[..3].copy_from_slice(&[start, end, File::HUGE]);
        Ok((1, end))
    };
    let entries = |page_size, mapped_to| {
        let mut walk = walk_of(0, 2 * PMD_SIZE);
        walk.mapping = MappedAs { start: 0, end: mapped_to, page_size, ..MappedAs::default() };
        let mut pages = [0; 2000];
        let count = walk.fill_pagemap_scan(&mut pages, &mut { usize::MAX }, &mut [0; 9], &scan).unwrap();
        assert_eq!(walk.shows_huge_pages(), mapped_to == usize::MAX);
        pages[..count].to_vec()
    };
    let huge = [HUGE, PMD_SIZE | HUGE];
    let base_pages = |from: usize| (from..2 * PMD_SIZE).step_by(PAGE);
    for page_size in [PAGE, PMD_SIZE, 16 * PMD_SIZE] {
        assert_eq!(entries(page_size, usize::MAX), huge);
        // The mapping after the first huge page is not known.
        assert_eq!(entries(page_size, PMD_SIZE), [HUGE].into_iter().chain(base_pages(PMD_SIZE)).collect::<Vec<_>>());
    }
    assert_eq!(entries(16 * PAGE, usize::MAX), base_pages(0).collect::<Vec<_>>());
}

#[test]
#[cfg_attr(miri, ignore)]
fn without_pagemap_untouched_memory_of_this_process_is_skipped() {
    let (page, bits) = (page_size(), page_size().trailing_zeros());
    let (start, touched) = map_with_gaps(100);
    for capacity in [1, 7, 1000] {
        let mut walk = PageWalk::new(&ProcHandle::Current, start, 100 * page, bits, (0, 0)).unwrap();
        walk.pagemap = None;
        assert_eq!(listed(walk, capacity, false), touched);
    }
    // For another process, mincore(2) is not called.
    let mut walk = PageWalk::new(&ProcHandle::Current, start, 100 * page, bits, (0, 0)).unwrap();
    (walk.pagemap, walk.is_current) = (None, false);
    assert_eq!(listed(walk, 1000, false).len(), 100);
    // SAFETY: mapped above.
    unsafe { unmap(start as *mut _, 100 * page) };
}

#[test]
#[cfg_attr(miri, ignore)]
fn page_tables_show_which_pages_are_present() {
    let (page, bits) = (page_size(), page_size().trailing_zeros());
    let (start, touched) = map_with_gaps(1000);
    // SAFETY: mapped above.
    unsafe { unmap((start + 500 * page) as *mut _, 10 * page) };
    let present = |address: &usize| touched.contains(address) && !(500..510).contains(&((address - start) / page));
    let pagemap = ProcHandle::Current.open_file(b"pagemap");
    let far = [start + 999 * page, start + 5, 0x1000, usize::MAX & !0xfff, 1 << (usize::BITS - 1)];
    let mut pages: Vec<usize> = (0..1000).map(|index| start + index * page).collect();
    pages.extend_from_slice(&far);
    let mut states = vec![PageState::Unknown; pages.len()];
    page_states(&ProcHandle::Current, &pages, bits, &mut states);
    let expected = |page: &usize| if present(&(page & !0xfff)) { PageState::Present } else { PageState::Nothing };
    assert_eq!(states, pages.iter().map(expected).collect::<Vec<_>>());
    lookup_pages(pagemap.as_ref(), false, &pages, bits, &mut states);
    assert_eq!(states, pages.iter().map(expected).collect::<Vec<_>>());
    // mincore(2) does not distinguish present pages from pages in the page cache.
    lookup_pages(None, true, &pages, bits, &mut states);
    let expected = |page: &usize| if present(&(page & !0xfff)) { PageState::Unknown } else { PageState::Nothing };
    assert_eq!(states, pages.iter().map(expected).collect::<Vec<_>>());
    lookup_pages(None, false, &pages, bits, &mut states);
    assert!(states.iter().all(|&state| state == PageState::Unknown));
    // SAFETY: mapped above.
    unsafe { unmap(start as *mut _, 1000 * page) };
}

proptest::proptest! {
    #[test]
    fn states_match_pagemap(
        words in proptest::collection::vec((0u64..4, 0u64..80), 1..300),
        pages in proptest::collection::vec((0usize..350, 0usize..2), 0..70),
        sorted: bool
    ) {
        let pagemap = MemoryFile::holding(words.iter().map(|(state, entry)| (state << 62 | entry).to_ne_bytes()).collect::<Vec<_>>().as_flattened());
        let mut pages: Vec<usize> = pages.into_iter().map(|(page, tag)| page << 12 | tag).collect();
        if sorted {
            pages.sort();
        }
        let mut states = vec![PageState::Unknown; pages.len()];
        lookup_pages(File::open(&pagemap.path()).as_ref(), false, &pages, 12, &mut states);
        let expected = pages.iter().map(|page| match words.get(page >> 12) {
            None | Some((0, _)) => PageState::Nothing,
            // A hidden entry, a swap entry, a migration entry, a marker.
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
        offset in 0usize..512, capacity in 1usize..5, fails_after in 0usize..9
    ) {
        let is_whole = |index: usize| whole.get(index) == Some(&true);
        let calls = std::cell::Cell::new(0);
        let given_up = std::cell::Cell::new(usize::MAX);
        let scan = |start: usize, end: usize, regions: &mut [usize]| {
            calls.set(calls.get() + 1);
            if calls.get() > fails_after {
                given_up.set(start);
                return Err(libc::ENOMEM);
            }
            let mut listed_pages = 0;
            for index in (start / PMD_SIZE..end / PMD_SIZE).filter(|&index| is_whole(index)) {
                let page = index * PMD_SIZE;
                if listed_pages > 0 && regions[3 * listed_pages - 2] == page {
                    regions[3 * listed_pages - 2] += PMD_SIZE;
                } else if listed_pages == regions.len() / 3 {
                    return Ok((listed_pages, page));
                } else {
                    regions[3 * listed_pages..3 * listed_pages + 3].copy_from_slice(&[page.max(start), page + PMD_SIZE, File::HUGE]);
                    listed_pages += 1;
                }
            }
            Ok((listed_pages, end))
        };
        let start = offset * PAGE;
        let walk = walk_of(start, whole.len() * PMD_SIZE - start);
        let tag = |index: usize| if tagged[index] { HUGE } else { 0 };
        let entries: Vec<usize> = (0..whole.len()).map(|index| (index * PMD_SIZE).max(start) | tag(index)).collect();
        let mut listed_pages = Vec::new();
        walk.for_each_split(&entries, &mut vec![0; 3 * capacity], &scan, &mut |index| listed_pages.push(index));
        let is_split = |&index: &usize| tagged[index] && (!is_whole(index) || entries[index] & !HUGE >= given_up.get());
        proptest::prop_assert_eq!(listed_pages, (0..entries.len()).filter(is_split).collect::<Vec<_>>());
        proptest::prop_assert!(calls.get() > 0 || tagged[..whole.len()].iter().all(|tagged| !tagged));
    }
}

#[test]
fn without_pagemap_every_huge_page_counts_as_split() {
    let mut walk = walk_of(0, 1 << 30);
    let mut listed_pages = Vec::new();
    walk.find_split(&[0, PMD_SIZE | HUGE, 2 * PMD_SIZE, (3 * PMD_SIZE) | HUGE], &mut [0; 9], &mut |index| {
        listed_pages.push(index)
    });
    assert_eq!(listed_pages, [1, 3]);
    walk.find_split(&[0, 1 << 12], &mut [0; 9], &mut |_| unreachable!());
}

#[test]
#[cfg_attr(miri, ignore)]
fn a_huge_page_of_this_process_is_split_when_a_part_of_it_is_unmapped() {
    let (bits, pmd_size) = (page_size().trailing_zeros(), crate::topology::huge_page_size());
    let start = map(4 * pmd_size) as usize;
    let first = start.next_multiple_of(pmd_size);
    // SAFETY: mapped above.
    unsafe {
        libc::madvise(first as *mut _, 2 * pmd_size, libc::MADV_HUGEPAGE);
        prefault(first as *mut _, 2 * pmd_size);
    }
    let mut walk = PageWalk::new(&ProcHandle::Current, first, 2 * pmd_size, bits, (0, 0)).unwrap();
    let (mut pages, mut scratch) = (vec![0; 2000], [0; 60]);
    let count = walk.fill(&mut pages, usize::MAX, &mut scratch);
    // Skips kernels without free huge pages or without PAGEMAP_SCAN.
    if pages[..count] == [first | HUGE, (first + pmd_size) | HUGE] {
        let mut split = Vec::new();
        walk.find_split(&pages[..count], &mut scratch, &mut |index| split.push(index));
        assert_eq!(split, []);
        // SAFETY: mapped above.
        unsafe { libc::madvise((first + pmd_size + 9 * page_size()) as *mut _, page_size(), libc::MADV_DONTNEED) };
        walk.find_split(&pages[..count], &mut scratch, &mut |index| split.push(index));
        assert_eq!(split, [1]);
    }
    // SAFETY: mapped above.
    unsafe { unmap(start as *mut _, 4 * pmd_size) };
}

/// Parts of a folio are in one batch if possible, because the kernel moves all of it at once.
#[test]
#[cfg_attr(miri, ignore)]
fn batches_end_between_blocks_of_the_size_of_a_huge_page() {
    const CAPACITY: usize = 700;
    let (page, pmd_size) = (page_size(), crate::topology::pmd_size());
    if pmd_size == 0 || pmd_size / page > 512 {
        return;
    }
    let length = 4 * pmd_size;
    let start = map(length) as usize;
    // SAFETY: mapped above.
    unsafe {
        libc::madvise(start as *mut _, length, libc::MADV_NOHUGEPAGE);
        prefault(start as *mut _, length);
    }
    for can_scan in [true, false] {
        let bits = page.trailing_zeros();
        let mut walk = PageWalk::new(&ProcHandle::Current, start, length, bits, (0, 0)).unwrap();
        walk.can_scan = can_scan;
        let (mut pages, mut scratch, mut last, mut count) = (vec![0; CAPACITY], vec![0; 2 * CAPACITY], 0, 0);
        while !walk.is_done() {
            let listed = walk.fill(&mut pages, usize::MAX, &mut scratch);
            let listed = &pages[..listed];
            assert!(count == 0 || listed[0] / pmd_size != last / pmd_size, "{can_scan}: {last:#x}, {:#x}", listed[0]);
            last = listed[listed.len() - 1];
            count += listed.len();
        }
        assert_eq!(count, length / page);
    }
    // SAFETY: mapped above.
    unsafe { unmap(start as *mut _, length) };
}

#[test]
fn mappings_made_by_the_kernel_are_recognised_by_name() {
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
    let mut walk = PageWalk::of(None, File::open(&maps.path()), 0, 1 << 20, 12).unwrap();
    let of_kernel: Vec<usize> = (0..0x13).filter(|page| walk.is_kernel_mapping(page << 12 | HUGE)).collect();
    assert_eq!(of_kernel, [8, 9, 0xa, 0xb, 0xc, 0xd, 0xf, 0x10]);
    assert!(!walk.is_kernel_mapping(0xfff));
    let mut walk = PageWalk::of(None, None, 0, 1 << 20, 12).unwrap();
    assert!(!walk.is_kernel_mapping(0xc000) && walk.vmas.next().is_some());
}

#[test]
#[cfg_attr(miri, ignore)]
fn a_walk_continues_after_kernel_mappings_were_looked_up() {
    let bits = page_size().trailing_zeros();
    // SAFETY: a number only.
    let vdso = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) } as usize;
    for (can_scan, has_pagemap) in [(true, true), (false, true), (false, false)] {
        let whole = || {
            let mut walk = PageWalk::new(&ProcHandle::Current, 0, usize::MAX, bits, (0, 0)).unwrap();
            walk.can_scan = can_scan;
            walk.pagemap = walk.pagemap.filter(|_| has_pagemap);
            walk
        };
        let mut walk = whole();
        let (mut pages, mut scratch) = ([0; 50], [0; 150]);
        let mut all = Vec::new();
        while !walk.is_done() {
            let count = walk.fill(&mut pages, usize::MAX, &mut scratch);
            all.extend_from_slice(&pages[..count]);
            assert!(vdso == 0 || walk.is_kernel_mapping(vdso));
            assert!(!walk.is_kernel_mapping(&raw const walk as usize));
        }
        assert!(all.is_sorted_by(|a, b| a < b), "{can_scan} {has_pagemap}");
        // Other tests run at the same time.
        let without = listed(whole(), 50, can_scan).len();
        assert!(all.len() > without / 2, "{}: {without}", all.len());
    }
}

#[test]
fn an_entry_of_a_huge_page_stands_for_its_base_pages_in_the_range() {
    let walk = walk_of(5 << 12, 3 * PMD_SIZE);
    assert_eq!(walk.base_pages((5 << 12) | HUGE), PMD_SIZE / 4096 - 5);
    assert_eq!(walk.base_pages(PMD_SIZE | HUGE), PMD_SIZE / 4096);
    assert_eq!(walk.base_pages((3 * PMD_SIZE) | HUGE), 5);
    assert_eq!(walk.base_pages(PMD_SIZE), 1);
}

#[test]
fn names_of_mappings_that_the_kernel_makes_are_recognized() {
    for name in [&b"[vdso]\0"[..], b"[vvar]\0", b"[vvar_vclock]\0", b"[vectors]\0", b"[uprobes]\0", b"[sigpage]\0"] {
        assert!(is_kernel_name(name), "{name:?}");
    }
    for name in [&b"\0"[..], b"[stack]\0", b"[heap]\0", b"[anon:vdso]\0", b"/vdso\0", b"[", b""] {
        assert!(!is_kernel_name(name), "{name:?}");
    }
}

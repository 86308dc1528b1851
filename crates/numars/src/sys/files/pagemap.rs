//! /proc/PID/pagemap: where the pages of a process are.

use super::File;
use crate::sys::errno::{self, preserve_errno};
use core::ffi::c_int;

/// A mapping of a process.
#[derive(Clone, Copy, Default)]
pub struct MappedAs {
    /// Its first address.
    pub start: usize,
    /// The first address after it.
    pub end: usize,
    /// The size of its pages if it is hugetlb memory, otherwise that of base pages.
    pub page_size: usize,
    /// Whether it maps a file.
    pub has_file: bool,
}

impl File {
    /// The values that [`File::read_words`] needs for each word.
    pub const WORD: usize = (u64::BITS / usize::BITS) as usize;

    /// Reads words of 64 bits, from the one with the number `first` on, into the first values of `to`. Returns how many, or `None` if the
    /// file can't be read. If values have 32 bits, they are the upper halves of the words, and those after them are cleared.
    pub fn read_words(&self, first: usize, to: &mut [usize]) -> Option<usize> {
        const SIZE: usize = size_of::<u64>();
        let bytes = to.len() / File::WORD * SIZE;
        let offset = first.checked_mul(SIZE)?;
        // SAFETY: `to` is writable for its length, and any bits are valid for it.
        let got = preserve_errno(|| unsafe {
            if File::WORD == 1 {
                libc::syscall(libc::SYS_pread64, self.0, to.as_mut_ptr(), bytes, offset)
            } else {
                // On every architecture, the lower and the upper half of the offset.
                let to = libc::iovec { iov_base: to.as_mut_ptr().cast(), iov_len: bytes };
                libc::syscall(libc::SYS_preadv, self.0, &raw const to, 1usize, offset, 0usize)
            }
        });
        let count = usize::try_from(got).ok()? / SIZE;
        if File::WORD > 1 {
            const UPPER: usize = if cfg!(target_endian = "little") { 1 } else { 0 };
            for word in 0..count {
                let upper = to.get(word * File::WORD + UPPER).copied().unwrap_or(0);
                if let Some(to) = to.get_mut(word) {
                    *to = upper;
                }
            }
            to.get_mut(count..count * File::WORD).unwrap_or_default().fill(0);
        }
        Some(count)
    }

    /// The category of a huge page: PAGE_IS_HUGE.
    pub const HUGE: usize = 1 << 6;

    /// The categories of a page that is present or swapped: PAGE_IS_PRESENT, PAGE_IS_SWAPPED. A page that is being moved appears as swapped.
    pub const PRESENT_OR_SWAPPED: usize = 1 << 3 | 1 << 4;

    /// The values that [`File::scan`] needs for each region.
    pub const REGION: usize = 3 * File::WORD;

    /// Finds regions of pages: three values of `regions` for each, its start, its end and its categories. The zero page is not listed. Returns
    /// how many there are, at most one for each [`File::REGION`] values, and up to which address the kernel has looked. It stops after
    /// `max_pages` base pages (0: no limit), which may end a region within a huge page.
    ///
    /// If `only_huge`, finds huge pages and the empty page table entries of hugetlb memory, and their categories [`File::HUGE`] and
    /// [`File::PRESENT_OR_SWAPPED`]. Otherwise finds pages that are present or swapped, and whether they have the category [`File::HUGE`].
    ///
    /// References: ioctl PAGEMAP_SCAN of /proc/PID/pagemap.
    ///
    /// # Errors
    /// Errnos: ENOTTY before Linux 6.7, EFAULT if `end` is above all addresses that a program can have.
    pub fn scan(
        &self,
        start: usize,
        end: usize,
        regions: &mut [usize],
        max_pages: usize,
        only_huge: bool,
    ) -> Result<(usize, usize), c_int> {
        const PAGE_IS_PFNZERO: u64 = 1 << 5;
        const PAGEMAP_SCAN: libc::c_ulong = 0xc060_6610;
        /// The structure of <linux/fs.h>.
        #[repr(C)]
        #[allow(non_camel_case_types, reason = "the kernel's name")]
        struct pm_scan_arg {
            size: u64,
            flags: u64,
            start: u64,
            end: u64,
            walk_end: u64,
            vec: u64,
            vec_len: u64,
            max_pages: u64,
            category_inverted: u64,
            category_mask: u64,
            category_anyof_mask: u64,
            return_mask: u64,
        }
        let (huge, present_or_swapped) = (Self::HUGE as u64, Self::PRESENT_OR_SWAPPED as u64);
        let mut scan = pm_scan_arg {
            size: size_of::<pm_scan_arg>() as u64,
            flags: 0,
            start: start as u64,
            end: end as u64,
            walk_end: 0,
            vec: regions.as_mut_ptr() as u64,
            vec_len: (regions.len() / File::REGION) as u64,
            max_pages: max_pages as u64,
            category_inverted: PAGE_IS_PFNZERO,
            category_mask: PAGE_IS_PFNZERO | if only_huge { huge } else { 0 },
            category_anyof_mask: if only_huge { 0 } else { present_or_swapped },
            return_mask: huge | if only_huge { present_or_swapped } else { 0 },
        };
        // SAFETY: the structure is the kernel's, and there is room for so many regions.
        let count = preserve_errno(|| unsafe {
            usize::try_from(libc::syscall(libc::SYS_ioctl, self.0, PAGEMAP_SCAN, &raw mut scan))
                .map_err(|_| errno::get())
        })?;
        if File::WORD > 1 {
            // The halves of words of 64 bits. What is above the addresses that this program can have ends with these.
            const LOWER: usize = if cfg!(target_endian = "little") { 0 } else { 1 };
            for word in 0..3 * count {
                let half = |half| regions.get(word * File::WORD + half).copied().unwrap_or(0);
                let (lower, upper) = (half(LOWER), half(1 - LOWER));
                if let Some(to) = regions.get_mut(word) {
                    *to = if upper == 0 { lower } else { usize::MAX };
                }
            }
        }
        Ok((count, usize::try_from(scan.walk_end).unwrap_or(usize::MAX)))
    }

    /// Returns the mapping at an address, of a file /proc/PID/maps, and fills `name` with its name and a NUL, if there is room for any. `None` also
    /// if there is room for a name, but not enough.
    ///
    /// References: ioctl PROCMAP_QUERY of /proc/PID/maps, since Linux 6.11.
    pub fn mapping_at(&self, address: usize, name: &mut [u8]) -> Option<MappedAs> {
        const PROCMAP_QUERY: libc::c_ulong = 0xc068_6611;
        /// The structure of <linux/fs.h>.
        #[repr(C)]
        #[derive(Default)]
        #[allow(non_camel_case_types, reason = "the kernel's name")]
        struct procmap_query {
            size: u64,
            query_flags: u64,
            query_addr: u64,
            vma_start: u64,
            vma_end: u64,
            vma_flags: u64,
            vma_page_size: u64,
            vma_offset: u64,
            inode: u64,
            dev_major: u32,
            dev_minor: u32,
            vma_name_size: u32,
            build_id_size: u32,
            vma_name_addr: u64,
            build_id_addr: u64,
        }
        const { assert!(size_of::<procmap_query>() == 0x68) };
        let mut query = procmap_query {
            size: size_of::<procmap_query>() as u64,
            query_addr: address as u64,
            vma_name_size: name.len() as u32,
            vma_name_addr: if name.is_empty() { 0 } else { name.as_mut_ptr() as u64 },
            ..procmap_query::default()
        };
        // SAFETY: the structure is the kernel's, and the name may be written.
        let queried =
            preserve_errno(|| unsafe { libc::syscall(libc::SYS_ioctl, self.0, PROCMAP_QUERY, &raw mut query) });
        (queried == 0).then_some(MappedAs {
            start: query.vma_start as usize,
            end: query.vma_end as usize,
            page_size: query.vma_page_size as usize,
            has_file: query.inode != 0,
        })
    }
}

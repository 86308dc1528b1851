//! The mappings of a process, from /proc/PID/maps.

use crate::sys::files::{File, MappedAs};
use crate::topology;

/// Whether a page of hugetlb memory may be smaller than a transparent huge page: several entries of a page table can map one.
pub(super) const HAS_SMALL_HUGETLB: bool = cfg!(any(target_arch = "aarch64", target_arch = "riscv64", test));

/// Reads the mappings of a process from /proc/PID/maps. If it cannot be read, the whole address space counts as one mapping.
pub(super) struct VmaReader {
    /// The file; `None` if it cannot be read.
    pub(super) file: Option<File>,
    /// The part of the file that was read last, its length, and the position in it.
    text: [u8; 512],
    length: usize,
    position: usize,
    /// The errno of a read(2) that failed after others, so that some mappings are unknown; 0: none.
    pub(super) error: i32,
    /// Whether a mapping is not addressable, because this program is a 32-bit one and the process a 64-bit one.
    pub(super) has_unaddressable: bool,
}

impl VmaReader {
    /// Creates a reader of a file.
    pub(super) fn new(maps: Option<File>) -> Self {
        let mut reader =
            VmaReader { file: None, text: [0; 512], length: 0, position: 0, error: 0, has_unaddressable: false };
        reader.attach(maps);
        reader
    }

    /// Attaches a file that can be read and is not empty. Reads its beginning to find out.
    #[inline(never)]
    pub(super) fn attach(&mut self, maps: Option<File>) {
        let Some(maps) = maps else { return };
        // An empty file is that of a process that has just ended.
        if let Ok(length @ 1..) = maps.read(&mut self.text) {
            (self.file, self.length) = (Some(maps), length);
        }
    }

    /// Returns to the first mapping.
    #[inline(never)]
    pub(super) fn rewind(&mut self) {
        (self.position, self.length) = (0, 0);
        if let Some(Err(error)) = self.file.as_ref().map(File::rewind) {
            self.error = error;
        }
    }

    /// Returns the start and end of the next mapping.
    pub(super) fn next(&mut self) -> Option<(usize, usize)> {
        if self.file.is_none() {
            // `length` counts the calls.
            self.length += 1;
            return (self.length == 1).then_some((0, usize::MAX));
        }
        let vma = self.parse_range()?;
        while self.next_byte()? != b'\n' {}
        Some(vma)
    }

    /// Returns the next mapping that the kernel made for itself, such as `[vdso]`, `[vvar]`, `[vectors]`, `[uprobes]` and `[sigpage]`. Skips
    /// `[heap]`, `[stack]` and mappings that the program named.
    pub(super) fn next_kernel_mapping(&mut self) -> Option<(usize, usize)> {
        loop {
            let vma = self.parse_range()?;
            // Skips permissions, offset and device.
            for _ in 0..3 {
                while self.next_byte()? != b' ' {}
            }
            // A mapping of a file, which may have any name, has an inode.
            let mut byte = self.next_byte()?;
            let has_file = byte != b'0';
            while !has_file && matches!(byte, b'0' | b' ') {
                byte = self.next_byte()?;
            }
            let is_special = !has_file && byte == b'[' && {
                byte = self.next_byte()?;
                matches!(byte, b'v' | b'u')
                    || byte == b's' && {
                        byte = self.next_byte()?;
                        byte == b'i'
                    }
            };
            while byte != b'\n' {
                byte = self.next_byte()?;
            }
            if is_special {
                return Some(vma);
            }
        }
    }

    /// Returns the next mapping, as [`VmaReader::next`], and whether it maps a file.
    pub(super) fn next_with_file(&mut self) -> Option<Mapping> {
        if self.file.is_some() {
            return self.next_mapping();
        }
        self.next().map(|(start, end)| Mapping { start, end, ..Mapping::default() })
    }

    /// Returns the next mapping with the offset of a file in it.
    fn next_mapping(&mut self) -> Option<Mapping> {
        let (start, end) = self.parse_range()?;
        while self.next_byte()? != b' ' {}
        let offset = self.parse_hex_u64(b' ')?;
        while self.next_byte()? != b' ' {}
        // Only a mapping of a file has an inode.
        let has_file = self.next_byte()? != b'0';
        while self.next_byte()? != b'\n' {}
        Some(Mapping { start, end, file_offset: has_file.then_some(offset), ..Mapping::default() })
    }

    /// Reads the lines of /proc/PID/smaps that follow the line of a mapping.
    fn read_sizes(&mut self, mapping: &mut Mapping) {
        // The line of the next mapping begins with a digit, other lines with a capital letter.
        while let Some(mut byte) = self.next_byte() {
            if !byte.is_ascii_uppercase() {
                self.position -= 1;
                return;
            }
            let (mut name, mut length) = ([0u8; 16], 0);
            while byte != b':' && byte != b'\n' {
                name.get_mut(length).into_iter().for_each(|to| *to = byte);
                length += 1;
                let Some(next) = self.next_byte() else { return };
                byte = next;
            }
            let mut kibibytes = 0usize;
            while byte != b'\n' {
                if byte.is_ascii_digit() {
                    kibibytes = kibibytes.saturating_mul(10).saturating_add(usize::from(byte - b'0'));
                }
                let Some(next) = self.next_byte() else { return };
                byte = next;
            }
            // Without memcmp(3), which the loader would have to look up.
            let is = |known: &[u8]| name.iter().take(length).eq(known);
            if is(b"KernelPageSize") {
                mapping.page_size = kibibytes.saturating_mul(1024);
            } else if is(b"AnonHugePages") || is(b"ShmemPmdMapped") || is(b"FilePmdMapped") {
                mapping.has_huge_pages |= kibibytes > 0;
            }
        }
    }

    fn parse_range(&mut self) -> Option<(usize, usize)> {
        let start = self.parse_hex(b'-')?;
        let end = self.parse_hex(b' ')?;
        Some((start, end))
    }

    /// Parses a hexadecimal address up to the byte `last`.
    fn parse_hex(&mut self, last: u8) -> Option<usize> {
        let number = usize::try_from(self.parse_hex_u64(last)?);
        self.has_unaddressable |= number.is_err();
        number.ok()
    }

    /// Parses a hexadecimal number up to the byte `last`.
    fn parse_hex_u64(&mut self, last: u8) -> Option<u64> {
        let mut number = 0u64;
        loop {
            let byte = self.next_byte()?;
            if byte == last {
                return Some(number);
            }
            let digit = crate::text::hex_digit(byte)?;
            let Some(more) = number.checked_mul(16) else {
                self.has_unaddressable = true;
                return None;
            };
            number = more | u64::from(digit);
        }
    }

    fn next_byte(&mut self) -> Option<u8> {
        if self.position == self.length {
            let read = self.file.as_ref()?.read(&mut self.text);
            self.length = read.unwrap_or_else(|error| {
                self.error = error;
                0
            });
            self.position = 0;
        }
        let byte = *self.text.get(..self.length)?.get(self.position)?;
        self.position += 1;
        Some(byte)
    }
}

/// A mapping of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Mapping {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The offset of its start in the file that it maps, in bytes; `None`: it maps none.
    file_offset: Option<u64>,
    /// The size of its pages in bytes; 0: not known.
    page_size: usize,
    /// Whether it has transparent huge pages; false if this is not known.
    has_huge_pages: bool,
}

impl Mapping {
    /// Returns whether it maps a file. Shared memory without a name is a file, too.
    pub(super) fn has_file(&self) -> bool {
        self.file_offset.is_some()
    }
}

/// The page at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageExtent {
    /// The address of its first byte.
    pub start: usize,
    /// Its number in the order in which the kernel interleaves pages of its size.
    pub index: usize,
    pub base_pages: usize,
    /// Whether the size is a guess: its mapping has transparent huge pages, and this may be one.
    pub is_guess: bool,
}

/// The mappings of a process in ascending order, from /proc/PID/maps, or with the sizes of their pages from /proc/PID/smaps, which the kernel
/// needs to look at all pages for.
pub struct Mappings {
    reader: Option<VmaReader>,
    with_sizes: bool,
    /// The size of a transparent huge page; 0: not known, or not needed.
    pub(super) huge_size: usize,
    /// The mapping that was found last.
    current: Mapping,
}

impl Mappings {
    /// Returns the mappings of a file /proc/PID/maps, or `with_sizes` /proc/PID/smaps.
    pub fn new(maps: Option<File>, with_sizes: bool) -> Self {
        let reader = maps.map(|maps| VmaReader::new(Some(maps)));
        let huge_size = if with_sizes { topology::pmd_size() } else { 0 };
        Mappings { reader, with_sizes, huge_size, current: Mapping::default() }
    }

    /// Returns mappings that are not known. All memory counts as anonymous.
    pub fn unknown() -> Self {
        Mappings::new(None, false)
    }

    /// Returns whether there is a list of mappings, which may be empty if the thread whose file it is has ended.
    pub fn is_known(&self) -> bool {
        self.reader.as_ref().is_some_and(|reader| reader.file.is_some())
    }

    /// Returns whether the sizes of pages are known.
    pub fn has_sizes(&self) -> bool {
        self.with_sizes
    }

    /// Finds the mapping of an address. Addresses in ascending order are found faster.
    fn find(&mut self, address: usize) -> Mapping {
        let Some(reader) = &mut self.reader else { return Mapping::default() };
        if address < self.current.start {
            reader.rewind();
            self.current = Mapping::default();
        }
        while address >= self.current.end {
            let end = self.current.end;
            // The file may end before, because the mapping is gone.
            self.current =
                reader.next_mapping().unwrap_or(Mapping { start: end, end: usize::MAX, ..Mapping::default() });
            if self.with_sizes {
                reader.read_sizes(&mut self.current);
            }
        }
        self.current
    }

    /// Returns the page at an address. `order` is the binary logarithm of its base pages as far as the page walk shows it: hugetlb pages may be
    /// larger. If the sizes of pages come from /proc/PID/smaps, all memory of a mapping with transparent huge pages counts as such.
    pub fn page_at(&mut self, address: usize, order: u32, page_bits: u32) -> PageExtent {
        let mapping = self.find(address);
        let mut bits = page_bits + order;
        let mut page_size = mapping.page_size;
        if page_size == 0 && (order > 0 || HAS_SMALL_HUGETLB) {
            let maps = self.reader.as_ref().and_then(|reader| reader.file.as_ref());
            page_size = maps
                .and_then(|maps| maps.mapping_at(address, &mut []))
                .map_or(1, |MappedAs { page_size, .. }| page_size);
            self.current.page_size = page_size;
        }
        if page_size.is_power_of_two() {
            bits = bits.max(page_size.trailing_zeros());
        }
        let is_inside = |start: usize, size: usize| mapping.start <= start && size <= mapping.end.saturating_sub(start);
        let huge_size = self.huge_size;
        let is_guess = mapping.has_huge_pages
            && huge_size > 1 << bits
            && is_inside(address & !huge_size.wrapping_sub(1), huge_size);
        if is_guess {
            bits = huge_size.trailing_zeros();
        }
        let start = address >> bits << bits;
        // As get_vma_policy() of the kernel: the offset of the mapping and that in the mapping, each in whole pages of this size.
        let (from, begin) = match mapping.file_offset {
            _ if !is_inside(start, 1) => (0, 0),
            Some(offset) => (offset, mapping.start),
            None => (mapping.start as u64, mapping.start),
        };
        let index = ((from >> bits) as usize).wrapping_add((start - begin) >> bits);
        PageExtent { start, index, base_pages: 1 << (bits - page_bits), is_guess }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_pointer_width = "64")]
    use crate::sys::testing::MemoryFile;

    #[cfg(target_pointer_width = "64")]
    const MAPS: &str = "\
55d0c0010000-55d0c0013000 r-xp 00005000 fd:01 1234                       /usr/bin/program
55d0c0020000-55d0c0030000 rw-p 00000000 00:00 0                          [heap]
7f0000100000-7f0000900000 rw-s 40000000 00:01 77                         /memfd:name (deleted)
7f0001000000-7f0001010000 rw-p 00000000 00:00 0 
";

    #[cfg(target_pointer_width = "64")]
    fn mappings() -> (MemoryFile, Mappings) {
        let file = MemoryFile::holding(MAPS.as_bytes());
        let maps = File::open(&file.path());
        assert!(maps.is_some());
        (file, Mappings::new(maps, false))
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    #[cfg(target_pointer_width = "64")]
    fn pages_of_files_are_numbered_by_offset_and_others_by_address() {
        let (_file, mut mappings) = mappings();
        let mut number = |address, order| mappings.page_at(address, order, 12).index;
        assert_eq!(number(0x55d0_c001_2000, 0), 7);
        assert_eq!(number(0x55d0_c002_1000, 0), 0x5_5d0c_0021);
        assert_eq!(number(0x7f00_0010_0000, 0), 0x4_0000);
        assert_eq!(number(0x7f00_0010_5000, 0), 0x4_0005);
        assert_eq!(number(0x7f00_0100_1000, 0), 0x7_f000_1001);
        // Backwards, and where nothing is mapped.
        assert_eq!(number(0x55d0_c001_0000, 0), 5);
        assert_eq!(number(0x1000, 0), 1);
        assert_eq!(number(0x7f00_0200_0000, 0), 0x7_f000_2000);
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    #[cfg(target_pointer_width = "64")]
    fn huge_pages_are_numbered_in_units_of_their_size() {
        let (_file, mut mappings) = mappings();
        // The mapping begins in the middle of a huge page: the kernel divides both offsets separately.
        let huge = |start, index| PageExtent { start, index, base_pages: 512, is_guess: false };
        assert_eq!(mappings.page_at(0x7f00_0020_0000, 9, 12), huge(0x7f00_0020_0000, 0x200));
        assert_eq!(mappings.page_at(0x7f00_0040_0000, 9, 12), huge(0x7f00_0040_0000, 0x201));
        assert_eq!(mappings.page_at(0x7f00_005f_f000, 9, 12), huge(0x7f00_0040_0000, 0x201));
    }

    #[test]
    fn without_a_list_of_mappings_all_pages_are_numbered_by_address() {
        let mut unknown = Mappings::unknown();
        assert_eq!(
            unknown.page_at(0x5000, 0, 12),
            PageExtent { start: 0x5000, index: 5, base_pages: 1, is_guess: false }
        );
        assert_eq!(
            unknown.page_at(0x40_3000, 9, 12),
            PageExtent { start: 0x40_0000, index: 2, base_pages: 512, is_guess: false }
        );
    }

    #[cfg(target_pointer_width = "64")]
    const SMAPS: &str = "\
7f0000300000-7f0000a00000 rw-p 00000000 00:00 0 
Size:               7168 kB
KernelPageSize:        4 kB
AnonHugePages:      4096 kB
VmFlags: rd wr mr mw me ac sd hg 
7f0000a00000-7f0000c00000 rw-p 00000000 00:00 0 
KernelPageSize:        4 kB
AnonHugePages:         0 kB
VmFlags: rd wr 
7f0040000000-7f00c0000000 rw-s 00000000 00:0f 55                         /anon_hugepage (deleted)
KernelPageSize:  1048576 kB
AnonHugePages:         0 kB
VmFlags: rd wr ht 
";

    #[test]
    #[cfg_attr(miri, ignore)]
    #[cfg(target_pointer_width = "64")]
    fn without_pagemap_scan_the_sizes_of_pages_are_those_of_their_mappings() {
        let file = MemoryFile::holding(SMAPS.as_bytes());
        let mut mappings = Mappings { huge_size: 2 << 20, ..Mappings::new(File::open(&file.path()), true) };
        let mut page = |address, order| {
            let page = mappings.page_at(address, order, 12);
            (page.start, page.base_pages)
        };
        // The mapping begins and ends in the middle of a huge page.
        assert_eq!(page(0x7f00_0030_1000, 0), (0x7f00_0030_1000, 1));
        assert_eq!(page(0x7f00_0040_1000, 0), (0x7f00_0040_0000, 512));
        assert_eq!(page(0x7f00_009f_f000, 0), (0x7f00_0080_0000, 512));
        assert_eq!(page(0x7f00_00a0_1000, 0), (0x7f00_00a0_1000, 1));
        assert_eq!(page(0x7f00_4000_5000, 0), (0x7f00_4000_0000, 1 << 18));
        assert_eq!(page(0x7f00_8020_0000, 9), (0x7f00_8000_0000, 1 << 18));
    }
}

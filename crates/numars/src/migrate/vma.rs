//! The mappings of a process, from /proc/PID/maps.

use crate::sys::files::File;

/// Reads the mappings of a process from /proc/PID/maps. If it cannot be read, the whole address space counts as one mapping.
pub(super) struct VmaReader {
    /// The file; `None` if it cannot be read.
    pub(super) file: Option<File>,
    /// The part of the file that was read last, its length, and the position in it.
    text: [u8; 1024],
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
            VmaReader { file: None, text: [0; 1024], length: 0, position: 0, error: 0, has_unaddressable: false };
        reader.attach(maps);
        reader
    }

    /// Attaches a file that can be read and is not empty. Reads its beginning to find out.
    #[inline(never)]
    pub(super) fn attach(&mut self, maps: Option<File>) {
        if let Some(maps) = maps
            && let Ok(length @ 1..) = maps.read(&mut self.text)
        {
            // An empty file is that of a process that has just ended.
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

    fn parse_range(&mut self) -> Option<(usize, usize)> {
        let start = self.parse_hex(b'-')?;
        let end = self.parse_hex(b' ')?;
        Some((start, end))
    }

    /// Parses a hexadecimal number up to the byte `last`.
    fn parse_hex(&mut self, last: u8) -> Option<usize> {
        let mut number = 0usize;
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
            number = more | digit as usize;
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

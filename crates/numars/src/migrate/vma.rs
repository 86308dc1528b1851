//! The mappings of a process, from /proc/PID/maps.

use crate::sys::files::File;

/// The areas of addresses that are mapped, as /proc/PID/maps lists them; all there are where it cannot be read.
pub(super) struct VmaReader {
    pub(super) file: Option<File>,
    pub(super) text: [u8; 1024],
    pub(super) length: usize,
    pub(super) position: usize,
    /// The errno of a read(2) that failed after others, so that some areas are not known; 0: none.
    pub(super) error: i32,
    /// Whether an area was found whose addresses this program can't name: a 32-bit one looks at a 64-bit process.
    pub(super) has_unaddressable: bool,
}

impl VmaReader {
    pub(super) fn new(maps: Option<File>) -> Self {
        let mut reader =
            VmaReader { file: None, text: [0; 1024], length: 0, position: 0, error: 0, has_unaddressable: false };
        reader.attach(maps);
        reader
    }

    /// Reads on from what is read here: so it is known at once whether the file can be read.
    #[inline(never)]
    pub(super) fn attach(&mut self, maps: Option<File>) {
        if let Some(maps) = maps
            && let Ok(length @ 1..) = maps.read(&mut self.text)
        {
            // Every process has some; without any, it has just ended.
            (self.file, self.length) = (Some(maps), length);
        }
    }

    pub(super) fn rewind(&mut self) {
        (self.position, self.length) = (0, 0);
        if let Some(Err(error)) = self.file.as_ref().map(File::rewind) {
            self.error = error;
        }
    }

    pub(super) fn next(&mut self) -> Option<(usize, usize)> {
        if self.file.is_none() {
            // Once.
            self.length += 1;
            return (self.length == 1).then_some((0, usize::MAX));
        }
        let vma = self.parse_range()?;
        while self.next_byte()? != b'\n' {}
        Some(vma)
    }

    /// The next of the mappings that the kernel makes for itself in every process, such as `[vdso]`, `[vvar]`, `[vectors]`, `[uprobes]` and
    /// `[sigpage]`; `[heap]`, `[stack]` and those with a name from the program are not among them.
    pub(super) fn next_kernel_mapping(&mut self) -> Option<(usize, usize)> {
        loop {
            let vma = self.parse_range()?;
            // Permissions, offset and device.
            for _ in 0..3 {
                while self.next_byte()? != b' ' {}
            }
            // A mapping of a file, whose name may be any, has an inode.
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

    /// The hexadecimal number that ends with `last`.
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

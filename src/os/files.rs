//! Reading the kernel's files piece by piece, without allocating.

use core::ffi::CStr;
use core::mem::MaybeUninit;

/// Small enough for a thread or signal handler with a 16 KiB stack, large enough to read /proc/self/status at once.
const CHUNK: usize = 2048;

/// Hands the contents of the file at `path` to `each`, in order, until `each` returns false. Errno is left untouched.
///
/// Returns whether the file could be read up to there.
pub fn read_in_chunks(path: &CStr, each: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    super::errno::untouched(|| {
        // SAFETY: `path` is a NUL-terminated string.
        let descriptor = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
        if descriptor < 0 {
            return false;
        }
        let mut chunk = [0u8; CHUNK];
        let complete = loop {
            // SAFETY: `chunk` is writable for its length.
            let got = unsafe { libc::read(descriptor, chunk.as_mut_ptr().cast(), CHUNK) };
            match usize::try_from(got) {
                Ok(0) => break true,
                Ok(length) => {
                    if !each(chunk.get(..length).unwrap_or_default()) {
                        break true;
                    }
                }
                Err(_) if super::errno::get() == libc::EINTR => {}
                Err(_) => break false,
            }
        };
        // SAFETY: the descriptor was opened above and is closed once.
        unsafe { libc::close(descriptor) };
        complete
    })
}

/// What follows `prefix` in `text`, if it begins with that.
pub fn behind<'a>(prefix: &[u8], text: &'a CStr) -> Option<&'a CStr> {
    // SAFETY: the rest of a string is one.
    text.to_bytes().starts_with(prefix).then(|| unsafe { CStr::from_ptr(text.as_ptr().add(prefix.len())) })
}

/// The major and minor number of the device that a file is on; of the file itself if it is a block device. None if there is no
/// such file. Errno is left untouched.
pub fn block_device(path: &CStr) -> Option<(u32, u32)> {
    let mut found = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: `path` is NUL-terminated and `found` writable, and any bits are valid for it.
    let (result, found) = super::errno::untouched(|| unsafe {
        let wanted = libc::STATX_TYPE;
        let result = libc::syscall(libc::SYS_statx, libc::AT_FDCWD, path.as_ptr(), 0, wanted, found.as_mut_ptr());
        (result, found.assume_init())
    });
    if result != 0 {
        None
    } else if u32::from(found.stx_mode) & libc::S_IFMT == libc::S_IFBLK {
        Some((found.stx_rdev_major, found.stx_rdev_minor))
    } else {
        Some((found.stx_dev_major, found.stx_dev_minor))
    }
}

/// The name of a file of the kernel's, put together from texts and numbers without allocating.
#[derive(Clone)]
pub struct Path {
    bytes: [u8; Path::ROOM],
    length: usize,
}

impl Path {
    /// Longer than any name that this library asks for; one that does not fit names no file.
    const ROOM: usize = 96;

    pub fn new(start: &[u8]) -> Self {
        let mut path = Path { bytes: [0; Path::ROOM], length: 0 };
        path.text(start);
        path
    }

    /// Appends `text`.
    pub fn text(&mut self, text: &[u8]) -> &mut Self {
        text.iter().for_each(|&byte| self.byte(byte));
        self
    }

    #[inline(never)]
    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
        }
        self.length += 1;
    }

    /// Appends `number` in decimal.
    pub fn decimal(&mut self, number: usize) -> &mut Self {
        self.number(number, 10, 1)
    }

    /// Appends `number` in hexadecimal, of at least so many digits.
    pub fn hexadecimal(&mut self, number: u32, digits: usize) -> &mut Self {
        self.number(number as usize, 16, digits)
    }

    #[inline(never)]
    fn number(&mut self, number: usize, base: usize, digits: usize) -> &mut Self {
        if number >= base || digits > 1 {
            self.number(number / base, base, digits.saturating_sub(1));
        }
        let digit = (number % base) as u8;
        self.byte(digit + if digit < 10 { b'0' } else { b'a' - 10 });
        self
    }

    /// The name as C has it; the empty one, which no file has, if it does not fit.
    pub fn as_c_str(&self) -> &CStr {
        let with_nul = self.bytes.get(..=self.length).unwrap_or(b"\0");
        // SAFETY: what follows the name is zero, and no name has a NUL in it.
        unsafe { CStr::from_bytes_with_nul_unchecked(with_nul) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_put_together_from_texts_and_numbers() {
        let mut path = Path::new(b"/sys/node");
        assert_eq!(path.decimal(1023).text(b"/distance").as_c_str(), c"/sys/node1023/distance");
        let mut path = Path::new(b"");
        assert_eq!(
            path.hexadecimal(0x1f, 4).text(b":").hexadecimal(0xabc, 2).hexadecimal(0, 1).as_c_str(),
            c"001f:abc0"
        );
        assert_eq!(Path::new(b"").decimal(0).decimal(usize::MAX).as_c_str(), c"018446744073709551615");
    }

    #[test]
    fn a_path_that_does_not_fit_is_empty() {
        assert_eq!(Path::new(&[b'x'; 95]).as_c_str().count_bytes(), 95);
        assert_eq!(Path::new(&[b'x'; 96]).as_c_str(), c"");
        assert_eq!(Path::new(&[b'x'; 1000]).decimal(7).as_c_str(), c"");
    }

    #[test]
    fn reading_stops_where_the_reader_has_enough() {
        let mut pieces = 0;
        let mut count = |_: &[u8]| {
            pieces += 1;
            false
        };
        assert!(read_in_chunks(c"/proc/self/status", &mut count));
        assert_eq!(pieces, 1);
        assert!(!read_in_chunks(c"/proc/there is no such file", &mut |_| true));
    }
}

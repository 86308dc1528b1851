//! Reading the kernel's files piece by piece, without allocating.

use core::ffi::CStr;

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

/// The name of a file of the kernel's, put together from texts and numbers without allocating.
pub struct Path {
    bytes: [u8; Path::ROOM],
    length: usize,
}

impl Path {
    /// Longer than any name that this library asks for; one that does not fit names no file.
    const ROOM: usize = 96;

    pub fn new(start: &[u8]) -> Self {
        Path { bytes: [0; Path::ROOM], length: 0 }.text(start)
    }

    /// Appends `text`.
    pub fn text(mut self, text: &[u8]) -> Self {
        for &byte in text {
            if let Some(place) = self.bytes.get_mut(self.length) {
                *place = byte;
            }
            self.length += 1;
        }
        self
    }

    /// Appends `number` in decimal.
    pub fn number(self, number: usize) -> Self {
        let with_front = if number >= 10 { self.number(number / 10) } else { self };
        with_front.text(&[b'0' + (number % 10) as u8])
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
        let path = Path::new(b"/sys/node").number(1023).text(b"/distance");
        assert_eq!(path.as_c_str(), c"/sys/node1023/distance");
        assert_eq!(Path::new(b"").number(0).number(usize::MAX).as_c_str(), c"018446744073709551615");
    }

    #[test]
    fn a_path_that_does_not_fit_is_empty() {
        assert_eq!(Path::new(&[b'x'; 95]).as_c_str().count_bytes(), 95);
        assert_eq!(Path::new(&[b'x'; 96]).as_c_str(), c"");
        assert_eq!(Path::new(&[b'x'; 1000]).number(7).as_c_str(), c"");
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

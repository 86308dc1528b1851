//! Paths and other strings, built and taken apart without allocating.

use super::File;
use crate::radix::{DECIMAL, HEXADECIMAL, write_radix};
use crate::sys::memory;
use crate::sys::root::Root;
use core::ffi::CStr;
use core::num::NonZeroU64;

/// Returns what follows `prefix` in `text`, if it begins with that.
///
/// ```
/// use numars::for_c::sys::files::strip_prefix;
/// assert_eq!(strip_prefix(b"pci:", b"pci:0000:00"), Some(&b"0000:00"[..]));
/// assert_eq!(strip_prefix(b"pci:", b"ip:"), None);
/// ```
// The method of slices calls bcmp(3): one more symbol to look up while loading.
#[inline(never)]
pub fn strip_prefix<'a>(prefix: &[u8], text: &'a [u8]) -> Option<&'a [u8]> {
    let same = text.iter().zip(prefix).take_while(|(byte, expected)| byte == expected).count();
    text.get(same..).filter(|_| same == prefix.len())
}

/// As [`strip_prefix`], for strings.
pub fn strip_prefix_cstr<'a>(prefix: &[u8], text: &'a CStr) -> Option<&'a CStr> {
    strip_prefix(prefix, text.to_bytes())?;
    // SAFETY: the rest of a string is a string.
    Some(unsafe { memory::string(text.as_ptr().add(prefix.len())) })
}

/// Returns `text` without the blanks at its start, as isspace(3) has them in the C locale.
pub fn without_leading_blanks(text: &CStr) -> &CStr {
    let blanks = text.to_bytes().iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    // SAFETY: the rest of a string is a string.
    unsafe { memory::string(text.as_ptr().add(blanks)) }
}

/// The path of a kernel file, in a buffer of fixed size. A path that does not fit or contains a NUL names no file.
///
/// ```
/// use numars::for_c::sys::files::FixedPath;
/// let mut path = FixedPath::new(b"/sys/devices/system/node/node");
/// assert_eq!(path.decimal(3).text(b"/cpulist").as_c_str(), c"/sys/devices/system/node/node3/cpulist");
/// ```
#[derive(Clone)]
pub struct FixedPath<'a> {
    root: Root<'a>,
    folder: Option<&'a File>,
    bytes: [u8; FixedPath::CAPACITY],
    length: usize,
}

impl<'a> FixedPath<'a> {
    /// Longer than any path that this library opens.
    const CAPACITY: usize = 96;

    /// Returns the path `start` of the running system.
    pub fn new(start: &[u8]) -> Self {
        FixedPath::below(Root::RUNNING, start)
    }

    /// Returns the path `start`, which begins with a slash, below `root`.
    #[inline(never)]
    pub fn below(root: Root<'a>, start: &[u8]) -> Self {
        let mut path = FixedPath { root, folder: None, bytes: [0; FixedPath::CAPACITY], length: 0 };
        path.text(start);
        path
    }

    /// Returns an empty path, which begins in an open directory of the running system.
    pub fn inside(folder: &'a File) -> Self {
        FixedPath::inside_below(Root::RUNNING, folder)
    }

    /// Returns an empty path, which begins in an open directory below `root`.
    #[inline(never)]
    pub fn inside_below(root: Root<'a>, folder: &'a File) -> Self {
        FixedPath { folder: Some(folder), ..FixedPath::below(root, b"") }
    }

    /// Returns the root that the path is below.
    pub fn root(&self) -> Root<'a> {
        self.root
    }

    /// Returns the directory in which the path begins, unless that is the working directory.
    pub(super) fn folder(&self) -> Option<&'a File> {
        self.folder
    }

    /// Appends `text`.
    #[inline(never)]
    pub fn text(&mut self, text: &[u8]) -> &mut Self {
        let end = self.length + text.len();
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.iter_mut().zip(text).for_each(|(to, &byte)| *to = byte);
        }
        self.length = end;
        self
    }

    #[inline(never)]
    fn byte(&mut self, byte: u8) {
        if let Some(to) = self.bytes.get_mut(self.length) {
            *to = byte;
        }
        self.length += 1;
    }

    /// Appends `number` in decimal.
    pub fn decimal(&mut self, number: usize) -> &mut Self {
        self.number(number, DECIMAL, 1)
    }

    /// Appends `number` in hexadecimal, with at least `digits` digits.
    pub fn hexadecimal(&mut self, number: u32, digits: usize) -> &mut Self {
        self.number(number as usize, HEXADECIMAL, digits)
    }

    #[inline(never)]
    fn number(&mut self, number: usize, base: NonZeroU64, digits: usize) -> &mut Self {
        write_radix(number as u64, base, digits, &mut |digit| self.byte(digit));
        self
    }

    /// Returns the path as a string; the empty one, which names no file, if it does not fit or contains a NUL.
    pub fn as_c_str(&self) -> &CStr {
        self.as_c_str_from(0)
    }

    /// Returns the path without its first `start` bytes.
    pub(super) fn as_c_str_from(&self, start: usize) -> &CStr {
        match self.bytes.get(start..=self.length) {
            Some(rest) if memory::position(0, rest).is_some_and(|nul| nul + 1 == rest.len()) => {
                // SAFETY: the last byte is zero, and no other one.
                unsafe { CStr::from_bytes_with_nul_unchecked(rest) }
            }
            _ => c"",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_built_from_texts_and_numbers() {
        let mut path = FixedPath::new(b"/sys/node");
        assert_eq!(path.decimal(1023).text(b"/distance").as_c_str(), c"/sys/node1023/distance");
        let mut path = FixedPath::new(b"");
        assert_eq!(
            path.hexadecimal(0x1f, 4).text(b":").hexadecimal(0xabc, 2).hexadecimal(0, 1).as_c_str(),
            c"001f:abc0"
        );
        let largest = format!("0{}", usize::MAX);
        assert_eq!(FixedPath::new(b"").decimal(0).decimal(usize::MAX).as_c_str().to_bytes(), largest.as_bytes());
    }

    #[test]
    fn a_path_that_does_not_fit_is_empty() {
        assert_eq!(FixedPath::new(&[b'x'; 95]).as_c_str().count_bytes(), 95);
        assert_eq!(FixedPath::new(&[b'x'; 96]).as_c_str(), c"");
        assert_eq!(FixedPath::new(&[b'x'; 1000]).decimal(7).as_c_str(), c"");
    }

    #[test]
    fn a_path_with_a_nul_is_empty() {
        assert_eq!(FixedPath::new(b"/sys\0/node").as_c_str(), c"");
        assert_eq!(FixedPath::new(b"/sys").text(b"\0").decimal(7).as_c_str(), c"");
    }

    #[test]
    fn a_path_has_nothing_after_its_end() {
        let path = FixedPath::new(b"/sys");
        assert_eq!((path.as_c_str_from(1), path.as_c_str_from(4)), (c"sys", c""));
        assert_eq!((path.as_c_str_from(5), path.as_c_str_from(6), path.as_c_str_from(1000)), (c"", c"", c""));
    }

    #[test]
    fn a_prefix_is_stripped_only_if_all_of_it_is_there() {
        assert_eq!(strip_prefix_cstr(b"file:", c"file:/dev"), Some(c"/dev"));
        assert_eq!(strip_prefix_cstr(b"file:", c"file:"), Some(c""));
        assert_eq!(strip_prefix_cstr(b"file:", c"file"), None);
        assert_eq!(without_leading_blanks(c" \t\x0b0"), c"0");
        assert_eq!(without_leading_blanks(c" "), c"");
    }
}

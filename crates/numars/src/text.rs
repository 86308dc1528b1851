//! Text as C and the kernel have it: characters, digits and strings that end with a NUL.

use core::ffi::CStr;

/// Returns whether a byte is a blank as isspace(3) has it in the C locale: a vertical tab is one, unlike for
/// [`u8::is_ascii_whitespace`].
pub fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Returns `text` without the blanks at its start.
pub fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|&&byte| is_blank(byte)).count();
    text.get(blanks..).unwrap_or_default()
}

/// Returns the value of a hexadecimal digit, or `None` if the byte is not one.
pub fn hex_digit(byte: u8) -> Option<u32> {
    // Not char::to_digit, which panics for some bases. Letters of either case differ in one bit.
    let (digit, letter) = (byte.wrapping_sub(b'0'), (byte | 0x20).wrapping_sub(b'a'));
    let value = if digit < 10 { digit } else { letter.saturating_add(10) };
    (value < 16).then_some(value.into())
}

/// Parses one to eight hexadecimal digits. Returns `None` for any other text.
pub fn parse_hex(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits.iter().try_fold(0, |number, &byte| Some(number << 4 | hex_digit(byte)?))
}

/// Passes a path, or a name that may begin with the kind of a device, to `each` as a C string. Returns `None` if it has a NUL, or is longer than
/// the kernel takes.
pub fn with_c_string<T>(text: &[u8], each: impl FnOnce(&CStr) -> T) -> Option<T> {
    const MAX_BYTES: usize = "file:".len() + libc::PATH_MAX as usize;
    let mut bytes = [0; MAX_BYTES];
    // The last byte remains 0.
    let room = bytes.get_mut(..text.len().min(MAX_BYTES - 1)).unwrap_or_default();
    room.iter_mut().zip(text).for_each(|(to, &byte)| *to = byte);
    let string = CStr::from_bytes_until_nul(&bytes).ok()?;
    (string.count_bytes() == text.len()).then(|| each(string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_without_a_nul_that_a_path_may_have_are_c_strings() {
        let length = |text: &[u8]| with_c_string(text, CStr::count_bytes);
        assert_eq!([length(b""), length(b"/sys"), length(&[b'x'; 4100])], [Some(0), Some(4), Some(4100)]);
        assert_eq!([length(b"/sys\0"), length(b"\0"), length(&[b'x'; 4101]), length(&[b'x'; 9999])], [None; 4]);
    }

    #[test]
    fn blanks_are_those_of_isspace() {
        assert!(is_blank(b'\t') && is_blank(b'\x0b') && !is_blank(b'0'));
        assert_eq!(skip_blanks(b" \n0-3 "), b"0-3 ");
    }

    #[test]
    fn hexadecimal_numbers_have_one_to_eight_digits_of_either_case() {
        assert_eq!([b'7', b'a', b'F', b'g'].map(hex_digit), [Some(7), Some(10), Some(15), None]);
        assert_eq!([&b"1f"[..], b"FFFFFFFF"].map(parse_hex), [Some(0x1f), Some(u32::MAX)]);
        assert_eq!([&b""[..], b"0x1f", b"123456789"].map(parse_hex), [None; 3]);
    }
}

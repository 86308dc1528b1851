//! Characters and digits as C's locale and the kernel have them.

/// Returns whether a byte is a blank as isspace(3) has it in the C locale: a vertical tab is one, unlike for
/// [`u8::is_ascii_whitespace`].
///
/// ```
/// use numars::text::is_blank;
/// assert!(is_blank(b'\t') && is_blank(b'\x0b') && !is_blank(b'0'));
/// ```
pub fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Returns `text` without the blanks at its start.
///
/// ```
/// assert_eq!(numars::text::skip_blanks(b" \n0-3 "), b"0-3 ");
/// ```
pub fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|&&byte| is_blank(byte)).count();
    text.get(blanks..).unwrap_or_default()
}

/// Returns the value of a hexadecimal digit, or `None` if the byte is not one.
///
/// ```
/// use numars::text::hex_digit;
/// assert_eq!([b'7', b'a', b'F', b'g'].map(hex_digit), [Some(7), Some(10), Some(15), None]);
/// ```
pub fn hex_digit(byte: u8) -> Option<u32> {
    // Not char::to_digit, which panics for some bases.
    match byte {
        b'0'..=b'9' => Some(u32::from(byte - b'0')),
        b'a'..=b'f' => Some(u32::from(byte - b'a') + 10),
        b'A'..=b'F' => Some(u32::from(byte - b'A') + 10),
        _ => None,
    }
}

/// Parses one to eight hexadecimal digits. Returns `None` for any other text.
///
/// ```
/// use numars::text::parse_hex;
/// assert_eq!(parse_hex(b"1f"), Some(0x1f));
/// assert_eq!([&b""[..], b"0x1f", b"123456789"].map(parse_hex), [None; 3]);
/// ```
pub fn parse_hex(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits.iter().try_fold(0, |number, &byte| Some(number << 4 | hex_digit(byte)?))
}

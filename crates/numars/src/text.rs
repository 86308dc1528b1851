//! Characters and digits as C's locale and the kernel have them.

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
    // Not char::to_digit, which panics for some bases.
    match byte {
        b'0'..=b'9' => Some(u32::from(byte - b'0')),
        b'a'..=b'f' => Some(u32::from(byte - b'a') + 10),
        b'A'..=b'F' => Some(u32::from(byte - b'A') + 10),
        _ => None,
    }
}

/// Parses one to eight hexadecimal digits. Returns `None` for any other text.
pub fn parse_hex(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits.iter().try_fold(0, |number, &byte| Some(number << 4 | hex_digit(byte)?))
}

#[cfg(test)]
mod tests {
    use super::*;

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

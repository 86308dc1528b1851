//! Tables of names in one string: the loader would have to relocate each address in a table of strings.

use core::ffi::CStr;

/// Returns the name with this index in `names`, which are separated by commas; the empty string beyond the last one.
#[inline(never)]
pub fn nth(names: &'static str, index: usize) -> &'static str {
    let (mut start, mut current) = (0, 0);
    for (end, byte) in names.bytes().enumerate() {
        if byte == b',' {
            if current == index {
                return names.get(start..end).unwrap_or_default();
            }
            (start, current) = (end + 1, current + 1);
        }
    }
    names.get(start..).filter(|_| current == index).unwrap_or_default()
}

/// Returns the text with this index in `texts`, each of which ends with a NUL; the empty string beyond the last one.
#[inline(never)]
pub fn nth_cstr(texts: &'static [u8], index: usize) -> &'static CStr {
    let mut rest = texts;
    for _ in 0..index {
        let end = rest.iter().position(|&byte| byte == 0).map_or(rest.len(), |end| end + 1);
        rest = rest.get(end..).unwrap_or_default();
    }
    CStr::from_bytes_until_nul(rest).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_last_are_empty() {
        assert_eq!([0, 1, 2].map(|index| nth("moved,in place", index)), ["moved", "in place", ""]);
        let texts = [0, 1, 2].map(|index| nth_cstr(b"moved\0in place\0", index));
        assert_eq!(texts, [c"moved", c"in place", c""]);
    }
}

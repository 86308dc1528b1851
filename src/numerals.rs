//! Numbers as texts, without allocating.

/// Hands the digits of `number` to `each`, the highest first, and at least so many.
#[inline(never)]
pub fn numerals(number: u64, base: u64, digits: usize, each: &mut dyn FnMut(u8)) {
    if number >= base || digits > 1 {
        numerals(number / base, base, digits.saturating_sub(1), each);
    }
    let digit = (number % base) as u8;
    each(digit + if digit < 10 { b'0' } else { b'a' - 10 });
}

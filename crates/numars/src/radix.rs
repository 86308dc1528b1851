//! Formatting numbers without allocating.

use core::num::NonZeroU64;

/// The base of decimal numbers.
pub const DECIMAL: NonZeroU64 = NonZeroU64::new(10).unwrap();

/// The base of hexadecimal numbers.
pub const HEXADECIMAL: NonZeroU64 = NonZeroU64::new(16).unwrap();

/// Calls `each` with the digits of `number`, in lower case, the most significant first, padded with zeros to at least `digits` digits. The base
/// is at most 36.
///
/// ```
/// use numars::for_c::radix::{DECIMAL, HEXADECIMAL, write_radix};
/// let text = |base, digits| {
///     let mut text = String::new();
///     write_radix(202, base, digits, &mut |digit| text.push(digit.into()));
///     text
/// };
/// assert_eq!((text(DECIMAL, 1), text(HEXADECIMAL, 4)), ("202".to_owned(), "00ca".to_owned()));
/// ```
#[inline(never)]
pub fn write_radix(number: u64, base: NonZeroU64, digits: usize, each: &mut dyn FnMut(u8)) {
    if number >= base.get() || digits > 1 {
        write_radix(number / base, base, digits.saturating_sub(1), each);
    }
    let digit = (number % base) as u8;
    each(digit + if digit < 10 { b'0' } else { b'a' - 10 });
}

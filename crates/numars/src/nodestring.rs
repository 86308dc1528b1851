//! The lists of nodes and CPUs that people write: `1-5,7,10`, `!4-5`, `+0-3`, `all`.
//!
//! A list is one or more elements with commas between them: a number, a range of two, or `all`, which comes last; a list of
//! nodes may end with a device, such as `netdev:eth0`, which stands for its node. A `!` before
//! the list stands for all there are except those in it; from a `+` before an element on, numbers count among those that may be
//! named. Numbers are written as in C: decimal, octal with a leading 0, hexadecimal with 0x.

use crate::bitmask::{Bits, BitsMut, WORD_BITS};
use crate::topology::{Device, Unknown};

/// Why a list is refused. Each holds the rest of the list, from where it went wrong.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal<'a> {
    /// There is neither a number nor `all`.
    Unparseable(&'a [u8]),
    /// There is no number behind a `-`.
    Missing(&'a [u8]),
    /// A number that may not be named.
    OutOfRange { number: i64, rest: &'a [u8] },
    /// The same, at the end of a range.
    EndOutOfRange { number: i64, rest: &'a [u8] },
    /// The node of a device is not known, or there is no such device.
    Device(Unknown, &'a [u8]),
    /// There is something else behind a number than a comma, a range or the end.
    Trailing,
}

/// What a list can name.
#[derive(Clone, Copy)]
pub struct Names<'a> {
    /// The numbers that may be named.
    pub may: Bits<'a>,
    /// Those of them that `all` names, and that `+` counts among.
    pub all: Bits<'a>,
    /// Replaces a set by all the nodes or CPUs that exist and are not in it, for `!`: by [`invert`].
    pub invert: &'a dyn Fn(BitsMut),
}

/// Reads the text of a device.
pub type ReadDevice<'a> = dyn Fn(&'a [u8]) -> Device<'a, [u8]> + 'a;

/// Adds what `list` names to the empty set `named`.
pub fn parse<'a>(list: &'a [u8], names: Names, device: &ReadDevice<'a>, named: BitsMut) -> Result<(), Refusal<'a>> {
    let (inverted, mut rest) = after(list, b'!');
    let mut relative = false;
    loop {
        if !relative {
            rest = behind_plain_numbers(rest, names.may, named);
        }
        let (plus, element) = after(rest, b'+');
        relative |= plus;
        if !element.first().is_some_and(u8::is_ascii_digit) {
            if let [b'a', b'l', b'l'] = element {
                names.all.iter().for_each(|number| named.set(number));
                break;
            }
            if let Some((name, node)) = device(element) {
                let node = node.map_err(|unknown| Refusal::Device(unknown, name))?;
                if !names.may.contains(node) {
                    return Err(Refusal::OutOfRange { number: node as i64, rest: element });
                }
                named.set(node);
                break;
            }
        }
        // The number that is meant, if it may be named.
        let meant = |number: i64| {
            let number = usize::try_from(number).ok()?;
            if relative { names.all.iter().nth(number) } else { names.may.contains(number).then_some(number) }
        };
        let (number, behind) = number(element).ok_or(Refusal::Unparseable(element))?;
        let first = meant(number).ok_or(Refusal::OutOfRange { number, rest: element })?;
        named.set(first);
        let (range, end) = after(behind, b'-');
        let mut behind = behind;
        if range {
            let (last, behind_last) = self::number(end).ok_or(Refusal::Missing(end))?;
            let last_meant = meant(last).ok_or(Refusal::EndOutOfRange { number: last, rest: end })?;
            // A range that runs backwards is its first number alone, as libnuma has it.
            if number <= last {
                named.insert_range(if relative { names.all } else { names.may }, first, last_meant);
            }
            behind = behind_last;
        }
        match behind {
            [] => break,
            [b',', following @ ..] => rest = following,
            _ => return Err(Refusal::Trailing),
        }
    }
    if inverted {
        (names.invert)(named);
    }
    Ok(())
}

/// Adds the numbers at the start of `list` that are no more than decimal digits with a comma behind them and may be named, and
/// gives what follows them. Most elements of the longest lists are such, by the thousands; any other is left to [`parse`].
fn behind_plain_numbers<'a>(list: &'a [u8], may: Bits, named: BitsMut) -> &'a [u8] {
    let mut rest = list;
    while let Some((number, [b',', behind @ ..])) = plain_number(rest)
        && named.insert_if_in(may, number)
    {
        rest = behind;
    }
    rest
}

/// Whether `text` begins with `byte`, and what follows it.
fn after(text: &[u8], byte: u8) -> (bool, &[u8]) {
    match text.split_first() {
        Some((&first, rest)) if first == byte => (true, rest),
        _ => (false, text),
    }
}

/// Makes `named` those existing numbers that it did not have.
pub fn invert(named: BitsMut, exists: impl Fn(usize) -> bool) {
    for number in 0..named.as_bits().length() {
        if named.as_bits().contains(number) {
            named.clear(number);
        } else if exists(number) {
            named.set(number);
        }
    }
}

/// Reads a number of a few decimal digits and nothing before them, as most are, and gives what follows it.
#[inline(always)]
fn plain_number(text: &[u8]) -> Option<(usize, &[u8])> {
    if let [b'0', b'0'..=b'9' | b'x' | b'X', ..] = text {
        return None;
    }
    let (mut number, mut rest) = (0usize, text);
    while let Some((&byte, behind)) = rest.split_first() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        if number > 1 << 20 {
            return None;
        }
        number = number * 10 + usize::from(digit);
        rest = behind;
    }
    (rest.len() < text.len()).then_some((number, rest))
}

/// Reads a number as strtol(3) does with base 0, and gives what follows it. One that is too large stays at the largest.
fn number(text: &[u8]) -> Option<(i64, &[u8])> {
    if let Some((number, rest)) = plain_number(text) {
        return Some((number as i64, rest));
    }
    let (negative, base, digits) = behind_blanks_and_sign(text)?;
    let (mut number, mut rest) = (0i64, digits);
    while let Some((&byte, behind)) = rest.split_first()
        && let Some(value) = digit(byte).filter(|&value| value < base)
    {
        number = number.saturating_mul(i64::from(base)).saturating_add(i64::from(value));
        rest = behind;
    }
    if rest.len() == digits.len() {
        return None;
    }
    Some((if negative { -number } else { number }, rest))
}

/// Whether a byte is a blank as isspace(3) has it in the C locale: for u8::is_ascii_whitespace() a vertical tab is none.
pub fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Returns what follows the blanks at the start of `text`.
pub fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|&&byte| is_blank(byte)).count();
    text.get(blanks..).unwrap_or_default()
}

/// Whether a number is negative, its base and its digits, with whatever follows them.
fn behind_blanks_and_sign(text: &[u8]) -> Option<(bool, u32, &[u8])> {
    let (negative, text) = after(skip_blanks(text), b'-');
    let text = if negative { text } else { after(text, b'+').1 };
    let (base, digits) = match text {
        [b'0', b'x' | b'X', digits @ ..] if digits.first().is_some_and(u8::is_ascii_hexdigit) => (16, digits),
        [b'0', ..] => (8, text),
        _ => (10, text),
    };
    Some((negative, base, digits))
}

/// Reads a bit map as the kernel prints it, such as `00000000,0000000f` and a line end, into `set`; whether it is one.
///
/// Each group is of 32 bits, the highest first. Bits beyond `set` are left out within its last word, and must be zero behind
/// it. A line end alone is the empty set.
pub fn parse_bitmap(text: &[u8], set: BitsMut) -> bool {
    set.fill(false);
    let mut lines = text.split(|&byte| byte == b'\n');
    let (Some(groups), Some(_)) = (lines.next(), lines.next()) else { return false };
    if groups.is_empty() {
        return true;
    }
    let mut offset = 0;
    for group in groups.rsplit(|&byte| byte == b',') {
        let Some(bits) = hexadecimal(group) else { return false };
        for bit in 0..32 {
            if bits >> bit & 1 == 1 {
                if offset + bit >= set.as_bits().length().next_multiple_of(WORD_BITS) {
                    return false;
                }
                set.set(offset + bit);
            }
        }
        offset += 32;
    }
    true
}

/// What a hexadecimal digit stands for.
pub fn digit(byte: u8) -> Option<u32> {
    // Not char::to_digit, which panics for some bases.
    match byte {
        b'0'..=b'9' => Some(u32::from(byte - b'0')),
        b'a'..=b'f' => Some(u32::from(byte - b'a') + 10),
        b'A'..=b'F' => Some(u32::from(byte - b'A') + 10),
        _ => None,
    }
}

/// Reads one to eight hexadecimal digits.
pub fn hexadecimal(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits.iter().try_fold(0, |number, &byte| Some(number << 4 | digit(byte)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitmask::Word;
    use proptest::prelude::*;
    use std::cell::Cell;
    use std::collections::BTreeSet;

    const ROOM: usize = 128;

    /// What `list` names where `may` may be named.
    fn named<'a>(list: &'a str, may: &[usize]) -> Result<Vec<usize>, Refusal<'a>> {
        let words = || [const { Cell::new(0 as Word) }; ROOM / WORD_BITS];
        let (may_words, named_words) = (words(), words());
        let (allowed, named) = (BitsMut::new(&may_words, ROOM), BitsMut::new(&named_words, ROOM));
        may.iter().for_each(|&number| allowed.set(number));
        let names = Names {
            may: allowed.as_bits(),
            all: allowed.as_bits(),
            invert: &|named| invert(named, |number| number < 12),
        };
        parse(list.as_bytes(), names, &device, named)?;
        Ok(named.as_bits().iter().collect())
    }

    /// A machine with two devices.
    fn device(text: &[u8]) -> Device<'_, [u8]> {
        let name = text.strip_prefix(b"dev:")?;
        let node = match name {
            b"five" => Ok(5),
            b"seven, eight" => Ok(7),
            _ => Err(Unknown::NoHost),
        };
        Some((name, node))
    }

    fn bitmap(text: &str, room: usize) -> Option<Vec<usize>> {
        let words = [const { Cell::new(Word::MAX) }; ROOM / WORD_BITS];
        let set = BitsMut::new(&words, room);
        parse_bitmap(text.as_bytes(), set).then(|| set.as_bits().iter().collect())
    }

    const MAY: [usize; 5] = [0, 1, 2, 5, 9];

    #[test]
    fn numbers_ranges_and_all_are_named() {
        assert_eq!(named("0", &MAY), Ok(vec![0]));
        assert_eq!(named("0,5,1", &MAY), Ok(vec![0, 1, 5]));
        assert_eq!(named("0-2,9", &MAY), Ok(vec![0, 1, 2, 9]));
        assert_eq!(named("all", &MAY), Ok(MAY.to_vec()));
        assert_eq!(named("1,all", &MAY), Ok(MAY.to_vec()));
    }

    #[test]
    fn a_range_leaves_out_what_may_not_be_named_between_its_ends() {
        assert_eq!(named("1-9", &MAY), Ok(vec![1, 2, 5, 9]));
        assert_eq!(named("+1-4", &MAY), Ok(vec![1, 2, 5, 9]));
    }

    #[test]
    fn an_exclamation_mark_names_no_node_in_a_gap() {
        let words = || [const { Cell::new(0 as Word) }; ROOM / WORD_BITS];
        let (nodes_words, named_words) = (words(), words());
        let (nodes, named) = (BitsMut::new(&nodes_words, ROOM), BitsMut::new(&named_words, ROOM));
        [0, 1, 2, 4, 6, 8, 9].iter().for_each(|&node| nodes.set(node));
        let nodes = nodes.as_bits();
        let names = Names { may: nodes, all: nodes, invert: &|named| invert(named, |node| nodes.contains(node)) };
        assert_eq!(parse(b"!0,9", names, &device, named), Ok(()));
        assert_eq!(named.as_bits().iter().collect::<Vec<_>>(), [1, 2, 4, 6, 8]);
    }

    #[test]
    fn an_exclamation_mark_names_all_others() {
        assert_eq!(named("!0-2,5", &MAY), Ok(vec![3, 4, 6, 7, 8, 9, 10, 11]));
        assert_eq!(named("!all", &MAY), Ok(vec![3, 4, 6, 7, 8, 10, 11]));
        assert_eq!(named("!+0", &MAY), Ok((1..12).collect()));
    }

    #[test]
    fn a_plus_counts_among_those_that_may_be_named() {
        assert_eq!(named("+3", &MAY), Ok(vec![5]));
        assert_eq!(named("+2-4", &MAY), Ok(vec![2, 5, 9]));
        assert_eq!(named("1,+4", &MAY), Ok(vec![1, 9]));
        assert_eq!(named("+3,4", &MAY), Ok(vec![5, 9]));
        assert_eq!(named("+all", &MAY), Ok(MAY.to_vec()));
        assert_eq!(named("+5", &MAY), Err(Refusal::OutOfRange { number: 5, rest: b"5" }));
    }

    #[test]
    fn some_may_be_named_by_their_number_alone() {
        let words = [0, 0b1011, 0b0011].map(|word| [Cell::new(word as Word)]);
        let [named, may, all] = words.each_ref().map(|words| BitsMut::new(words, 4));
        let names =
            Names { may: may.as_bits(), all: all.as_bits(), invert: &|named| invert(named, |number| number < 4) };
        assert_eq!(parse(b"all", names, &|_| None, named), Ok(()));
        assert!(named.as_bits().iter().eq([0, 1]));
        named.fill(false);
        assert_eq!(parse(b"3", names, &|_| None, named), Ok(()));
        assert!(named.as_bits().iter().eq([3]));
        assert!(parse(b"+2", names, &|_| None, named).is_err());
    }

    #[test]
    fn a_device_at_the_end_of_a_list_stands_for_its_node() {
        assert_eq!(named("dev:five", &MAY), Ok(vec![5]));
        assert_eq!(named("0-1,dev:five", &MAY), Ok(vec![0, 1, 5]));
        assert_eq!(named("+dev:five", &MAY), Ok(vec![5]));
        assert_eq!(named("!dev:five", &MAY), Ok(vec![0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]));
    }

    #[test]
    fn the_name_of_a_device_is_all_the_rest_and_must_be_of_a_node_that_may_be_named() {
        assert_eq!(named("dev:five,0", &MAY), Err(Refusal::Device(Unknown::NoHost, b"five,0")));
        assert_eq!(named("0,dev:", &MAY), Err(Refusal::Device(Unknown::NoHost, b"")));
        let rest = b"dev:seven, eight";
        assert_eq!(named("0,dev:seven, eight", &MAY), Err(Refusal::OutOfRange { number: 7, rest }));
        assert_eq!(named("0-dev:five", &MAY), Err(Refusal::Missing(b"dev:five")));
    }

    #[test]
    fn numbers_are_written_as_in_c() {
        assert_eq!(named(" 5, 0x9,\t01,+ 0", &MAY), Ok(vec![0, 1, 5, 9]));
        assert_eq!(named("\n1,\x0b2,\x0c5,\r9", &MAY), Ok(vec![1, 2, 5, 9]));
        assert_eq!(named("011", &MAY), Ok(vec![9]));
        assert_eq!(named("0x", &MAY), Err(Refusal::Trailing));
        assert_eq!(named("-0", &MAY), Ok(vec![0]));
        assert_eq!(named("5,010,9,1", &[1, 5, 8, 9]), Ok(vec![1, 5, 8, 9]));
    }

    #[test]
    fn a_range_that_runs_backwards_is_its_first_number() {
        assert_eq!(named("5-0", &MAY), Ok(vec![5]));
    }

    #[test]
    fn what_is_no_list_is_refused_with_the_rest_of_it() {
        for (list, rest) in [
            ("", ""),
            ("x", "x"),
            ("0,", ""),
            (",0", ",0"),
            ("0,,0", ",0"),
            ("!", ""),
            ("!!0", "!0"),
            ("all,0", "all,0"),
            ("5,1,", ""),
            ("5,1,x", "x"),
        ] {
            assert_eq!(named(list, &MAY), Err(Refusal::Unparseable(rest.as_bytes())), "{list}");
        }
        assert_eq!(named("0-", &MAY), Err(Refusal::Missing(b"")));
        assert_eq!(named("0-all", &MAY), Err(Refusal::Missing(b"all")));
        assert_eq!(named("0 ", &MAY), Err(Refusal::Trailing));
        assert_eq!(named("0-1-2", &MAY), Err(Refusal::Trailing));
    }

    #[test]
    fn numbers_that_may_not_be_named_are_refused_and_do_not_wrap() {
        assert_eq!(named("3,0", &MAY), Err(Refusal::OutOfRange { number: 3, rest: b"3,0" }));
        assert_eq!(named("5,1,3,9", &MAY), Err(Refusal::OutOfRange { number: 3, rest: b"3,9" }));
        assert_eq!(named("1,200000,9", &MAY), Err(Refusal::OutOfRange { number: 200000, rest: b"200000,9" }));
        assert_eq!(named("0-3", &MAY), Err(Refusal::EndOutOfRange { number: 3, rest: b"3" }));
        assert_eq!(named("-1", &MAY), Err(Refusal::OutOfRange { number: -1, rest: b"-1" }));
        assert_eq!(named("4294967296", &MAY), Err(Refusal::OutOfRange { number: 1 << 32, rest: b"4294967296" }));
        let huge = "99999999999999999999";
        assert_eq!(named(huge, &MAY), Err(Refusal::OutOfRange { number: i64::MAX, rest: huge.as_bytes() }));
    }

    #[test]
    fn a_bitmap_is_read_as_the_kernel_prints_it() {
        assert_eq!(bitmap("f\n", 70), Some(vec![0, 1, 2, 3]));
        assert_eq!(bitmap("00000001,00000003\n", 70), Some(vec![0, 1, 32]));
        assert_eq!(bitmap("00000000,80000000\n", 32), Some(vec![31]));
        assert_eq!(bitmap("00000001,00000001\n", 32), Some(vec![0]));
        assert_eq!(bitmap("00000001,00000000,00000000\n", 64), None);
        assert_eq!(bitmap("1\nand more", 70), Some(vec![0]));
        assert_eq!(bitmap("\n", 70), Some(vec![]));
        for text in ["", "f", "x\n", "1,\n", ",1\n", "100000000\n", "1,x\n", " 1\n"] {
            assert_eq!(bitmap(text, 70), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[-+!,0-9xal \t]{0,30}") {
            let _ = named(&text, &MAY);
            let _ = bitmap(&text, 70);
        }

        #[test]
        fn every_set_written_as_a_list_is_read_back(
            may in prop::collection::btree_set(0usize..12, 1..12), choice in prop::collection::vec(any::<bool>(), 40), invert in any::<bool>()
        ) {
            let may: Vec<usize> = may.into_iter().collect();
            let set: BTreeSet<usize> = may.iter().zip(&choice).filter(|(_, chosen)| **chosen).map(|(&number, _)| number).collect();
            prop_assume!(!set.is_empty());
            let list = set.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
            if invert {
                let others: Vec<usize> = (0..12).filter(|number| !set.contains(number)).collect();
                let list = format!("!{list}");
                prop_assert_eq!(named(&list, &may), Ok(others));
            } else {
                prop_assert_eq!(named(&list, &may), Ok(set.into_iter().collect()));
            }
        }
    }
}

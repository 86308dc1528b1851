//! Parses the lists of nodes and CPUs that people write: `1-5,7,10`, `!4-5`, `+0-3`, `all`.
//!
//! A list is one or more elements separated by commas: a number, a range of two numbers, or `all`, which comes last. A list of nodes may
//! end with a device, such as `netdev:eth0`, which stands for its node, or another name, such as `fastest`, which stands for several. A `!`
//! before the list complements it; after a `+` before an element, numbers are indices into the set that `all` stands for. Numbers are written as in C: decimal, octal with a leading 0,
//! hexadecimal with 0x. See numa_parse_nodestring in numa(3).
//!
//! Nothing here knows which nodes, CPUs or devices exist: the caller passes them as a [`ParseContext`].
//!
//! ```
//! use numars::for_c::nodeset::NodeMask;
//! use numars::for_c::nodestring::{self, ParseContext, ParseError, ParsedDevice};
//!
//! let (exist, parsed) = (NodeMask::new(), NodeMask::new());
//! [0, 1, 3].iter().for_each(|&node| exist.bits().set(node));
//! let allowed = exist.bits().as_bits();
//! let context = ParseContext {
//!     allowed,
//!     all: allowed,
//!     invert: &|set| nodestring::invert(set, |node| allowed.contains(node)),
//! };
//! let no_devices = |_: &[u8]| -> ParsedDevice<()> { None };
//! assert_eq!(nodestring::parse(b"!0,1", context, &no_devices, parsed.bits()), Ok(()));
//! assert!(parsed.bits().as_bits().contains(3));
//! let error = nodestring::parse(b"0-2", context, &no_devices, parsed.bits());
//! assert_eq!(error, Err(ParseError::EndOutOfRange { number: 2, rest: b"2" }));
//! ```

use crate::bitmask::{Bits, BitsMut, WORD_BITS, Word};
use crate::nodeset::NodeMask;
use crate::sys::memory::position;
use crate::text::{hex_digit, skip_blanks};
use core::ops::Range;

/// Why [`parse`] rejects a list. The slices are the rest of the list, from the position of the error.
#[derive(Debug, PartialEq, Eq)]
pub enum ParseError<'a, E> {
    /// There is neither a number nor `all`.
    Unparseable(&'a [u8]),
    /// There is no number after a `-`.
    Missing(&'a [u8]),
    /// A number that is not in [`ParseContext::allowed`].
    OutOfRange {
        /// The number; of a device, its node; of several nodes, none of which may be named, the first.
        number: i64,
        /// The list from this number on.
        rest: &'a [u8],
    },
    /// The end of a range that is not in [`ParseContext::allowed`].
    EndOutOfRange {
        /// The number.
        number: i64,
        /// The list from this number on.
        rest: &'a [u8],
    },
    /// The lookup of a device failed: why, and the name of the device.
    Device(E, &'a [u8]),
    /// A number is followed by something other than a comma, a range or the end.
    Trailing(&'a [u8]),
}

impl<E> ParseError<'_, E> {
    /// Returns which bytes of `list`, which was parsed, are at fault: a number, an element up to its comma, or a device, which ends the list.
    ///
    /// ```
    /// use numars::for_c::nodestring::ParseError;
    /// let error: ParseError<()> = ParseError::OutOfRange { number: 17, rest: b"17,4" };
    /// assert_eq!(error.span(b"0-3,17,4"), 4..6);
    /// ```
    pub fn span(&self, list: &[u8]) -> Range<usize> {
        let rest = match *self {
            ParseError::Unparseable(rest) | ParseError::Missing(rest) | ParseError::Trailing(rest) => rest,
            ParseError::OutOfRange { rest, .. } | ParseError::EndOutOfRange { rest, .. } => rest,
            ParseError::Device(_, name) => name,
        };
        let length = match *self {
            ParseError::OutOfRange { .. } | ParseError::EndOutOfRange { .. } => {
                rest.len() - strtol(rest).map_or(0, |(_, after)| after.len())
            }
            ParseError::Device(..) => rest.len(),
            _ => rest.iter().position(|&byte| byte == b',').unwrap_or(rest.len()),
        };
        let start = list.len().saturating_sub(rest.len());
        start..start + length
    }

    /// Returns whether the error is about a number after a `+` in `list`, which counts in [`ParseContext::all`].
    ///
    /// ```
    /// use numars::for_c::nodestring::ParseError;
    /// let error: ParseError<()> = ParseError::OutOfRange { number: 7, rest: b"7" };
    /// assert!(error.is_relative(b"0,+1,7") && !error.is_relative(b"0,7"));
    /// ```
    pub fn is_relative(&self, list: &[u8]) -> bool {
        let (before, number) = list.split_at_checked(self.span(list).start).unwrap_or_default();
        let elements = strip_byte(before, b'!').1;
        let is_device = number.first().is_some_and(u8::is_ascii_lowercase);
        !is_device && elements.split(|&byte| byte == b',').any(|element| element.first() == Some(&b'+'))
    }
}

/// What a list can name, for [`parse`].
#[derive(Clone, Copy)]
pub struct ParseContext<'a> {
    /// The numbers that the list may name.
    pub allowed: Bits<'a>,
    /// The subset that `all` stands for, and into which numbers after a `+` are indices.
    pub all: Bits<'a>,
    /// Complements a set for `!`, usually by [`invert`].
    pub invert: &'a dyn Fn(BitsMut),
}

/// The nodes that a name at the end of a list stands for.
pub enum NamedNodes {
    /// A single one, which must be allowed.
    One(usize),
    /// Several, of which those are named that are allowed.
    Several(NodeMask),
}

/// A device or another name at the end of a list, looked up for [`parse`]: the name within the text and its nodes, or `None` if the text is
/// not of the form of one.
pub type ParsedDevice<'a, E> = Option<(&'a [u8], Result<NamedNodes, E>)>;

/// Adds what `list` names to the empty set `set`: see the example of the module. `device` looks up the nodes of a device or another
/// name. If this returns an error, `set` contains what was named before it.
pub fn parse<'a, E>(
    list: &'a [u8],
    context: ParseContext,
    device: &dyn Fn(&'a [u8]) -> ParsedDevice<'a, E>,
    set: BitsMut,
) -> Result<(), ParseError<'a, E>> {
    let (inverted, mut rest) = strip_byte(list, b'!');
    let mut relative = false;
    loop {
        if !relative {
            rest = parse_decimal_prefix(rest, context.allowed, set);
        }
        let (plus, element) = strip_byte(rest, b'+');
        relative |= plus;
        if !element.first().is_some_and(u8::is_ascii_digit) {
            if let [b'a', b'l', b'l'] = element {
                context.all.iter().for_each(|number| set.set(number));
                break;
            }
            if let Some((name, nodes)) = device(element) {
                let nodes = nodes.map_err(|error| ParseError::Device(error, name))?;
                insert_named(nodes, context.allowed, set)
                    .map_err(|node| ParseError::OutOfRange { number: node as i64, rest: element })?;
                break;
            }
        }
        // The member that a number stands for, if it may be named.
        let resolve = |number: i64| {
            let number = usize::try_from(number).ok()?;
            if relative { context.all.iter().nth(number) } else { context.allowed.contains(number).then_some(number) }
        };
        let (number, after) = strtol(element).ok_or(ParseError::Unparseable(element))?;
        let first = resolve(number).ok_or(ParseError::OutOfRange { number, rest: element })?;
        set.set(first);
        let (is_range, end) = strip_byte(after, b'-');
        let mut after = after;
        if is_range {
            let (last_number, after_last) = strtol(end).ok_or(ParseError::Missing(end))?;
            let last = resolve(last_number).ok_or(ParseError::EndOutOfRange { number: last_number, rest: end })?;
            // As in libnuma, a range that runs backwards is its first number alone.
            if number <= last_number {
                set.insert_range(if relative { context.all } else { context.allowed }, first, last);
            }
            after = after_last;
        }
        match after {
            [] => break,
            [b',', following @ ..] => rest = following,
            _ => return Err(ParseError::Trailing(after)),
        }
    }
    if inverted {
        (context.invert)(set);
    }
    Ok(())
}

/// Adds the nodes of a name that are in `allowed`. If none is, returns the first of them.
// Not inlined, because the set takes stack.
#[inline(never)]
fn insert_named(nodes: NamedNodes, allowed: Bits, set: BitsMut) -> Result<(), usize> {
    let nodes = match nodes {
        NamedNodes::One(node) => return if set.insert_if_in(allowed, node) { Ok(()) } else { Err(node) },
        NamedNodes::Several(nodes) => nodes,
    };
    let mut any = false;
    nodes.bits().as_bits().iter().for_each(|node| any |= set.insert_if_in(allowed, node));
    if any { Ok(()) } else { Err(nodes.bits().as_bits().iter().next().unwrap_or(0)) }
}

/// Adds the numbers at the start of `list` that are plain decimal digits, are followed by a comma and are in `allowed`. Returns the rest
/// of the list. Long lists have thousands of such elements; [`parse`] handles the others.
fn parse_decimal_prefix<'a>(list: &'a [u8], allowed: Bits, set: BitsMut) -> &'a [u8] {
    let mut rest = list;
    loop {
        let after = parse_equally_long(rest, allowed, set);
        if after.len() < rest.len() {
            rest = after;
            continue;
        }
        match short_decimal(rest) {
            Some((number, [b',', after @ ..])) if set.insert_if_in(allowed, number) => rest = after,
            _ => return rest,
        }
    }
}

/// [`parse_decimal_prefix`] of numbers with as many digits as the first one, one to four, as long as eight bytes are left: they are read at once,
/// and the position of the next number does not depend on what they are, so that the processor looks at several numbers at a time.
fn parse_equally_long<'a>(list: &'a [u8], allowed: Bits, set: BitsMut) -> &'a [u8] {
    const EACH: u64 = u64::MAX / 0xff;
    let Some(first) = list.first_chunk::<8>() else { return list };
    let digits = first.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=4).contains(&digits) {
        return list;
    }
    let comma = 8 * digits as u32;
    // Makes digits 0 to 9 and the comma 0. What is larger sets the highest bit when this is added.
    let expected = (EACH * u64::from(b'0')) ^ (u64::from(b'0' ^ b',') << comma);
    let headroom = EACH * 0x76 + (9 << comma);
    let highest_bits = (EACH * 0x80) & (u64::MAX >> (56 - comma));
    let (mut rest, mut index, mut named, mut may) = (list, 0, 0, allowed.word_or_zero(0));
    while let Some(bytes) = rest.first_chunk::<8>() {
        let values = u64::from_le_bytes(*bytes) ^ expected;
        // Of several digits, a zero at the start means that the number is octal.
        let is_octal = values & 0xff == 0 && digits > 1;
        if (values.wrapping_add(headroom) | values) & highest_bits != 0 || is_octal {
            break;
        }
        // The first digit is in the lowest byte. Both steps add what is there to ten or a hundred times what is below.
        let pairs = ((values as u32) << (32 - comma)).wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff;
        let number = (pairs.wrapping_mul(100 << 16 | 1) >> 16) as usize;
        if number / WORD_BITS != index {
            set.insert_word(index, named);
            index = number / WORD_BITS;
            (named, may) = (0, allowed.word_or_zero(index));
        }
        let bit = 1 << (number % WORD_BITS);
        let Some(after) = rest.get(digits + 1..).filter(|_| may & bit != 0) else { break };
        named |= bit;
        rest = after;
    }
    set.insert_word(index, named);
    rest
}

/// Returns whether `text` begins with `byte`, and the text without it.
fn strip_byte(text: &[u8], byte: u8) -> (bool, &[u8]) {
    match text.split_first() {
        Some((&first, rest)) if first == byte => (true, rest),
        _ => (false, text),
    }
}

/// Makes `set` the set of the existing numbers that it did not contain. Numbers that do not exist and were in `set` are removed too.
///
/// ```
/// use numars::for_c::nodeset::NodeMask;
/// let set = NodeMask::single(1);
/// numars::for_c::nodestring::invert(set.bits(), |number| number < 4);
/// assert!(set.bits().as_bits().iter().eq([0, 2, 3]));
/// ```
pub fn invert(set: BitsMut, exists: impl Fn(usize) -> bool) {
    for number in 0..set.as_bits().length() {
        if set.as_bits().contains(number) {
            set.clear(number);
        } else if exists(number) {
            set.set(number);
        }
    }
}

/// Parses a decimal number of a few digits without blanks or a sign, which most numbers are. Returns it and the rest of the text.
#[inline(always)]
fn short_decimal(text: &[u8]) -> Option<(usize, &[u8])> {
    if let [b'0', b'0'..=b'9' | b'x' | b'X', ..] = text {
        return None;
    }
    let (mut number, mut rest) = (0usize, text);
    while let Some((&byte, after)) = rest.split_first() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        if number > 1 << 20 {
            return None;
        }
        number = number * 10 + usize::from(digit);
        rest = after;
    }
    (rest.len() < text.len()).then_some((number, rest))
}

/// Parses a number as strtol(3) does with base 0. Returns it, saturated at the largest, and the rest of the text.
fn strtol(text: &[u8]) -> Option<(i64, &[u8])> {
    if let Some((number, rest)) = short_decimal(text) {
        return Some((number as i64, rest));
    }
    let (negative, base, digits) = strtol_prefix(text);
    let (mut number, mut rest) = (0i64, digits);
    while let Some((value, after)) = rest.split_first().and_then(|(&byte, after)| Some((hex_digit(byte)?, after))) {
        if value >= base {
            break;
        }
        number = number.saturating_mul(i64::from(base)).saturating_add(i64::from(value));
        rest = after;
    }
    if rest.len() == digits.len() {
        return None;
    }
    Some((if negative { -number } else { number }, rest))
}

/// Returns whether a number is negative, its base, and the text from its digits on.
fn strtol_prefix(text: &[u8]) -> (bool, u32, &[u8]) {
    let (negative, text) = strip_byte(skip_blanks(text), b'-');
    let text = if negative { text } else { strip_byte(text, b'+').1 };
    match text {
        [b'0', b'x' | b'X', digits @ ..] if digits.first().is_some_and(u8::is_ascii_hexdigit) => (negative, 16, digits),
        [b'0', ..] => (negative, 8, text),
        _ => (negative, 10, text),
    }
}

/// Parses a bit map as the kernel prints it, such as `00000000,0000000f` and a newline, into `set`. Returns whether `text` is one.
///
/// Each group stands for 32 bits, the highest first. Bits beyond the set's length are ignored within its last word; beyond that word,
/// they must be zero. A newline alone is the empty set. See numa_parse_bitmap in numa(3).
///
/// ```
/// use numars::for_c::nodeset::CpuMask;
/// let cpus = CpuMask::new();
/// assert!(numars::for_c::nodestring::parse_bitmap(b"00000001,00000003\n", cpus.bits()));
/// assert!(cpus.bits().as_bits().iter().eq([0, 1, 32]));
/// ```
pub fn parse_bitmap(text: &[u8], set: BitsMut) -> bool {
    set.fill(false);
    let Some(line) = position(b'\n', text).and_then(|end| text.get(..end)) else { return false };
    if line.is_empty() {
        return true;
    }
    let room = set.as_bits().length().next_multiple_of(WORD_BITS);
    let (mut offset, mut rest, mut is_first) = (0, line, false);
    while !is_first {
        // From the end of the group.
        let (mut group, mut bits) = (0u32, 0u32);
        is_first = true;
        while let Some((&byte, before)) = rest.split_last() {
            rest = before;
            if byte == b',' {
                is_first = false;
                break;
            }
            let Some(digit) = hex_digit(byte).filter(|_| bits < 32) else { return false };
            group |= digit << bits;
            bits += 4;
        }
        if bits == 0 || group != 0 && offset >= room {
            return false;
        }
        set.insert_word(offset / WORD_BITS, (group as Word) << (offset % WORD_BITS));
        offset += 32;
    }
    true
}

/// Returns the ranges of ascending numbers, each by its first and last one: those of the kernel's list format, such as `0-3,8`.
///
/// ```
/// use numars::for_c::nodeset::NodeMask;
/// let set = NodeMask::new();
/// [0, 1, 2, 3, 8].iter().for_each(|&node| set.bits().set(node));
/// assert!(numars::for_c::nodestring::ranges(set.bits().as_bits().iter()).eq([(0, 3), (8, 8)]));
/// ```
pub fn ranges(mut numbers: impl Iterator<Item = usize>) -> impl Iterator<Item = (usize, usize)> {
    let mut next = numbers.next();
    core::iter::from_fn(move || {
        let first = next?;
        let mut last = first;
        loop {
            next = numbers.next();
            match next {
                Some(number) if number == last + 1 => last = number,
                _ => return Some((first, last)),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;
    use std::collections::BTreeSet;

    const ROOM: usize = 128;

    /// Why the lookup of a device fails.
    #[derive(Debug, PartialEq, Eq)]
    struct NoSuchHost;

    /// What `list` names where `may` may be named.
    fn named<'a>(list: &'a str, may: &[usize]) -> Result<Vec<usize>, ParseError<'a, NoSuchHost>> {
        let words = || [const { Cell::new(0 as Word) }; ROOM / WORD_BITS];
        let (may_words, named_words) = (words(), words());
        let (allowed, named) = (BitsMut::new(&may_words, ROOM), BitsMut::new(&named_words, ROOM));
        may.iter().for_each(|&number| allowed.set(number));
        let context = ParseContext {
            allowed: allowed.as_bits(),
            all: allowed.as_bits(),
            invert: &|named| invert(named, |number| number < 12),
        };
        parse(list.as_bytes(), context, &device, named)?;
        Ok(named.as_bits().iter().collect())
    }

    /// A machine with two devices.
    fn device(text: &[u8]) -> ParsedDevice<'_, NoSuchHost> {
        let name = text.strip_prefix(b"dev:")?;
        let node = match name {
            b"five" => Ok(NamedNodes::One(5)),
            b"seven, eight" => Ok(NamedNodes::One(7)),
            b"five and more" => Ok(several(&[2, 5, 6, 7])),
            b"six and seven" => Ok(several(&[6, 7])),
            _ => Err(NoSuchHost),
        };
        Some((name, node))
    }

    fn several(nodes: &[usize]) -> NamedNodes {
        let set = NodeMask::new();
        nodes.iter().for_each(|&node| set.bits().set(node));
        NamedNodes::Several(set)
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
    fn a_range_skips_numbers_that_are_not_allowed() {
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
        let context =
            ParseContext { allowed: nodes, all: nodes, invert: &|named| invert(named, |node| nodes.contains(node)) };
        assert_eq!(parse(b"!0,9", context, &device, named), Ok(()));
        assert_eq!(named.as_bits().iter().collect::<Vec<_>>(), [1, 2, 4, 6, 8]);
    }

    #[test]
    fn an_exclamation_mark_names_all_others() {
        assert_eq!(named("!0-2,5", &MAY), Ok(vec![3, 4, 6, 7, 8, 9, 10, 11]));
        assert_eq!(named("!all", &MAY), Ok(vec![3, 4, 6, 7, 8, 10, 11]));
        assert_eq!(named("!+0", &MAY), Ok((1..12).collect()));
    }

    #[test]
    fn numbers_after_a_plus_are_indices_into_the_allowed_numbers() {
        assert_eq!(named("+3", &MAY), Ok(vec![5]));
        assert_eq!(named("+2-4", &MAY), Ok(vec![2, 5, 9]));
        assert_eq!(named("1,+4", &MAY), Ok(vec![1, 9]));
        assert_eq!(named("+3,4", &MAY), Ok(vec![5, 9]));
        assert_eq!(named("+all", &MAY), Ok(MAY.to_vec()));
        assert_eq!(named("+5", &MAY), Err(ParseError::OutOfRange { number: 5, rest: b"5" }));
    }

    #[test]
    fn numbers_outside_all_can_be_named_by_their_number_only() {
        let words = [0, 0b1011, 0b0011].map(|word| [Cell::new(word as Word)]);
        let [named, may, all] = words.each_ref().map(|words| BitsMut::new(words, 4));
        let context = ParseContext {
            allowed: may.as_bits(),
            all: all.as_bits(),
            invert: &|named| invert(named, |number| number < 4),
        };
        let no_devices = |_: &[u8]| None::<(&[u8], Result<NamedNodes, NoSuchHost>)>;
        assert_eq!(parse(b"all", context, &no_devices, named), Ok(()));
        assert!(named.as_bits().iter().eq([0, 1]));
        named.fill(false);
        assert_eq!(parse(b"3", context, &no_devices, named), Ok(()));
        assert!(named.as_bits().iter().eq([3]));
        assert!(parse(b"+2", context, &no_devices, named).is_err());
    }

    #[test]
    fn a_device_at_the_end_of_a_list_stands_for_its_node() {
        assert_eq!(named("dev:five", &MAY), Ok(vec![5]));
        assert_eq!(named("0-1,dev:five", &MAY), Ok(vec![0, 1, 5]));
        assert_eq!(named("+dev:five", &MAY), Ok(vec![5]));
        assert_eq!(named("!dev:five", &MAY), Ok(vec![0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]));
    }

    #[test]
    fn the_name_of_a_device_is_the_rest_of_the_list_and_its_node_must_be_allowed() {
        assert_eq!(named("dev:five,0", &MAY), Err(ParseError::Device(NoSuchHost, b"five,0")));
        assert_eq!(named("0,dev:", &MAY), Err(ParseError::Device(NoSuchHost, b"")));
        let rest = b"dev:seven, eight";
        assert_eq!(named("0,dev:seven, eight", &MAY), Err(ParseError::OutOfRange { number: 7, rest }));
        assert_eq!(named("0-dev:five", &MAY), Err(ParseError::Missing(b"dev:five")));
    }

    #[test]
    fn a_name_of_several_nodes_stands_for_those_that_are_allowed() {
        assert_eq!(named("dev:five and more", &MAY), Ok(vec![2, 5]));
        assert_eq!(named("0,dev:five and more", &MAY), Ok(vec![0, 2, 5]));
        assert_eq!(named("+0,dev:five and more", &MAY), Ok(vec![0, 2, 5]));
        assert_eq!(named("!dev:five and more", &MAY), Ok(vec![0, 1, 3, 4, 6, 7, 8, 9, 10, 11]));
        let rest = b"dev:six and seven";
        assert_eq!(named("0,dev:six and seven", &MAY), Err(ParseError::OutOfRange { number: 6, rest }));
    }

    #[test]
    fn numbers_are_written_as_in_c() {
        assert_eq!(named(" 5, 0x9,\t01,+ 0", &MAY), Ok(vec![0, 1, 5, 9]));
        assert_eq!(named("\n1,\x0b2,\x0c5,\r9", &MAY), Ok(vec![1, 2, 5, 9]));
        assert_eq!(named("011", &MAY), Ok(vec![9]));
        assert_eq!(named("0x", &MAY), Err(ParseError::Trailing(b"x")));
        assert_eq!(named("-0", &MAY), Ok(vec![0]));
        assert_eq!(named("5,010,9,1", &[1, 5, 8, 9]), Ok(vec![1, 5, 8, 9]));
    }

    #[test]
    fn numbers_in_a_long_list_are_written_as_in_c_too() {
        assert_eq!(named("10,011,9,1,5,0,10", &[0, 1, 5, 9, 10]), Ok(vec![0, 1, 5, 9, 10]));
        assert_eq!(named("10,11,012,10,0x9,10", &[9, 10, 11]), Ok(vec![9, 10, 11]));
        assert_eq!(named("0,00,01,1,5,9,0", &MAY), Ok(vec![0, 1, 5, 9]));
        for (list, rest) in [("10,11;10,11,10", ";10,11,10"), ("10,11/,10,11,10", "/,10,11,10")] {
            assert_eq!(named(list, &[10, 11]), Err(ParseError::Trailing(rest.as_bytes())), "{list}");
        }
        assert_eq!(named("10,1:,10,11,10,11", &[1, 10, 11]), Err(ParseError::Trailing(b":,10,11,10,11")));
        assert_eq!(
            named("1,1\u{85},10,11,10,11", &[1, 10, 11]),
            Err(ParseError::Trailing("\u{85},10,11,10,11".as_bytes()))
        );
    }

    #[test]
    fn a_range_that_runs_backwards_is_its_first_number() {
        assert_eq!(named("5-0", &MAY), Ok(vec![5]));
    }

    #[test]
    fn other_text_is_rejected_with_the_rest_of_the_list() {
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
            assert_eq!(named(list, &MAY), Err(ParseError::Unparseable(rest.as_bytes())), "{list}");
        }
        assert_eq!(named("0-", &MAY), Err(ParseError::Missing(b"")));
        assert_eq!(named("0-all", &MAY), Err(ParseError::Missing(b"all")));
        assert_eq!(named("0 ", &MAY), Err(ParseError::Trailing(b" ")));
        assert_eq!(named("0-1-2", &MAY), Err(ParseError::Trailing(b"-2")));
    }

    #[test]
    fn numbers_that_are_not_allowed_are_rejected_and_do_not_wrap() {
        assert_eq!(named("3,0", &MAY), Err(ParseError::OutOfRange { number: 3, rest: b"3,0" }));
        assert_eq!(named("5,1,3,9", &MAY), Err(ParseError::OutOfRange { number: 3, rest: b"3,9" }));
        assert_eq!(named("1,200000,9", &MAY), Err(ParseError::OutOfRange { number: 200000, rest: b"200000,9" }));
        assert_eq!(named("0-3", &MAY), Err(ParseError::EndOutOfRange { number: 3, rest: b"3" }));
        assert_eq!(named("-1", &MAY), Err(ParseError::OutOfRange { number: -1, rest: b"-1" }));
        assert_eq!(named("4294967296", &MAY), Err(ParseError::OutOfRange { number: 1 << 32, rest: b"4294967296" }));
        let huge = "99999999999999999999";
        assert_eq!(named(huge, &MAY), Err(ParseError::OutOfRange { number: i64::MAX, rest: huge.as_bytes() }));
    }

    #[test]
    fn an_error_says_which_bytes_are_at_fault() {
        for (list, bytes) in [
            ("", 0..0),
            ("x", 0..1),
            ("0,", 2..2),
            (",0", 0..0),
            ("0,bad,1", 2..5),
            ("all,0", 0..3),
            ("!!0", 1..3),
            ("0-", 2..2),
            ("0-all,1", 2..5),
            ("0 ,1", 1..2),
            ("0-1-2,5", 3..5),
            ("0,33,1", 2..4),
            ("0, 33,1", 2..5),
            ("0x21,1", 0..4),
            ("-1", 0..2),
            ("0-12,1", 2..4),
            ("!+7,1", 2..3),
            ("0,dev:seven, eight", 2..18),
            ("0,dev:none,1", 6..12),
        ] {
            let error = named(list, &MAY).expect_err(list);
            assert_eq!(error.span(list.as_bytes()), bytes, "{list}: {error:?}");
        }
    }

    #[test]
    fn an_error_of_a_number_says_whether_it_is_relative() {
        for (list, relative) in
            [("+9", true), ("!+9", true), ("0,+9", true), ("+1,9", true), ("+1-9", true), ("0,33", false)]
        {
            assert_eq!(named(list, &MAY).expect_err(list).is_relative(list.as_bytes()), relative, "{list}");
        }
        // This is a device, and below is a sign.
        assert!(!named("+dev:seven, eight", &MAY).unwrap_err().is_relative(b"+dev:seven, eight"));
        assert!(!named("0-+1,33", &MAY).unwrap_err().is_relative(b"0-+1,33"));
    }

    #[test]
    fn a_set_consists_of_its_ranges() {
        for (members, expected) in [
            (&[][..], &[][..]),
            (&[0], &[(0, 0)]),
            (&[0, 1], &[(0, 1)]),
            (&[0, 2], &[(0, 0), (2, 2)]),
            (&[5, 9, 10, 11, 63, 64, 127], &[(5, 5), (9, 11), (63, 64), (127, 127)]),
        ] {
            let words = [const { Cell::new(0 as Word) }; ROOM / WORD_BITS];
            let set = BitsMut::new(&words, ROOM);
            members.iter().for_each(|&member| set.set(member));
            assert!(ranges(set.as_bits().iter()).eq(expected.iter().copied()), "{members:?}");
        }
    }

    #[test]
    fn a_bitmap_is_parsed_as_the_kernel_prints_it() {
        assert_eq!(bitmap("f\n", 70), Some(vec![0, 1, 2, 3]));
        assert_eq!(bitmap("00000001,00000003\n", 70), Some(vec![0, 1, 32]));
        assert_eq!(bitmap("00000000,80000000\n", 32), Some(vec![31]));
        // The second group is within the last word of the set, or beyond it.
        assert_eq!(bitmap("00000001,00000001\n", 32), if WORD_BITS == 64 { Some(vec![0]) } else { None });
        assert_eq!(bitmap("00000001,00000000,00000000\n", 64), None);
        assert_eq!(bitmap("1\nand more", 70), Some(vec![0]));
        assert_eq!(bitmap("\n", 70), Some(vec![]));
        for text in ["", "f", "x\n", "1,\n", ",1\n", "100000000\n", "1,x\n", " 1\n"] {
            assert_eq!(bitmap(text, 70), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_without_a_panic(text in "[-+!,0-9xal \t]{0,30}") {
            let _ = named(&text, &MAY);
            let _ = bitmap(&text, 70);
        }

        #[test]
        fn a_long_list_is_its_numbers_up_to_the_first_that_is_not_allowed(
            numbers in prop::collection::vec(prop_oneof![0usize..12, 0usize..1100, 0usize..8192, 0usize..20_000], 1..200),
            rejected in prop::option::of(0usize..8192), length in prop_oneof![Just(8192usize), 8100usize..8192, Just(20_000)],
        ) {
            const WORDS: usize = 20_032 / WORD_BITS;
            let (allowed_words, words) = ([const { Cell::new(0) }; WORDS], [const { Cell::new(0) }; WORDS]);
            let (allowed, set) = (BitsMut::new(&allowed_words, length), BitsMut::new(&words, 20_000));
            allowed.fill(true);
            rejected.iter().for_each(|&number| allowed.clear(number));
            let list = numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
            let context = ParseContext { allowed: allowed.as_bits(), all: allowed.as_bits(), invert: &|_| () };
            let result = parse(list.as_bytes(), context, &device, set);
            let first = numbers.iter().position(|&number| !allowed.as_bits().contains(number));
            let parsed: BTreeSet<usize> = numbers[..first.unwrap_or(numbers.len())].iter().copied().collect();
            prop_assert!(set.as_bits().iter().eq(parsed));
            match first {
                None => prop_assert_eq!(result, Ok(())),
                Some(index) => {
                    let start: usize = numbers[..index].iter().map(|number| number.to_string().len() + 1).sum();
                    let (number, rest) = (numbers[index] as i64, &list.as_bytes()[start..]);
                    prop_assert_eq!(result, Err(ParseError::OutOfRange { number, rest }));
                }
            }
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

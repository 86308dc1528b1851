//! Compares the parsers of lists and bit maps with simple ones.

use crate::bitmask::{Bits, BitsMut, WORD_BITS, Word};
use crate::nodestring::{NamedNodes, ParseContext, ParseError, ParsedDevice, invert, parse, parse_bitmap};
use crate::sys::testing::strtoll;
use crate::topology::fuzzing::pci_address;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::ffi::CString;

const WORDS: usize = 140usize.div_ceil(WORD_BITS);

/// Why the lookup of a device fails.
#[derive(Debug, PartialEq, Eq)]
struct NoSuchHost;

/// The sets of numbers that may be named, and those of them that `all` names.
const NAMES: [(&[usize], &[usize]); 3] =
    [(&[0, 1, 2, 5, 9, 63, 64, 65, 130], &[0, 1, 2, 9, 64, 130]), (&[0, 1, 2, 3], &[0, 1, 2, 3]), (&[7], &[])];

/// Parses `text` as a list, a bit map and the address of a PCI device.
pub fn nodestring(text: &[u8]) {
    // As C has it: up to the first NUL.
    let text = CString::new(text.split(|&byte| byte == 0).next().unwrap()).unwrap();
    for (may, all) in NAMES {
        list(&text, may, all);
    }
    for length in [1, 32, 64, 70, 140, WORDS * WORD_BITS] {
        bitmap(text.as_bytes(), length);
    }
    assert_eq!(pci_address(text.as_bytes()), expected_pci_address(text.to_str().unwrap_or("no address")));
}

fn words(members: &[usize]) -> [Cell<Word>; WORDS] {
    let words = [const { Cell::new(0) }; WORDS];
    members.iter().for_each(|&member| BitsMut::new(&words, WORDS * WORD_BITS).set(member));
    words
}

fn members(bits: Bits) -> BTreeSet<usize> {
    bits.iter().collect()
}

fn list(text: &CString, may: &[usize], all: &[usize]) {
    const ROOM: usize = 140;
    let exists = |number| number < 100 && number % 7 != 3;
    let (may_words, all_words, named) = (words(may), words(all), words(&[]));
    let named = BitsMut::new(&named, ROOM);
    let context = ParseContext {
        allowed: Bits::new(&may_words, ROOM),
        all: Bits::new(&all_words, ROOM),
        invert: &|named| invert(named, exists),
    };
    let result = parse(text.as_bytes(), context, &device, named).map(|()| members(named.as_bits()));
    assert_eq!(result, expected(text, may, all, exists));
}

/// A machine whose devices are named as their nodes.
fn device(text: &[u8]) -> ParsedDevice<'_, NoSuchHost> {
    let name = text.strip_prefix(b"dev:")?;
    let node = core::str::from_utf8(name).ok().and_then(|name| name.parse().ok());
    Some((name, node.map(NamedNodes::One).ok_or(NoSuchHost)))
}

/// Returns what `text` names, parsed with strtoll(3), as libnuma does with strtol(3).
fn expected<'a>(
    text: &'a CString,
    may: &[usize],
    all: &[usize],
    exists: impl Fn(usize) -> bool,
) -> Result<BTreeSet<usize>, ParseError<'a, NoSuchHost>> {
    let bytes = text.as_bytes();
    let number = |rest: &'a [u8]| {
        let (number, length) = strtoll(&text.as_c_str()[bytes.len() - rest.len()..]);
        // The smallest has no positive counterpart.
        (length > 0).then(|| (number.max(-i64::MAX), &rest[length..]))
    };
    let inverted = bytes.starts_with(b"!");
    let (mut rest, mut relative, mut named) = (bytes.strip_prefix(b"!").unwrap_or(bytes), false, BTreeSet::new());
    loop {
        if let Some(after) = rest.strip_prefix(b"+") {
            (relative, rest) = (true, after);
        }
        if rest == b"all" {
            named.extend(all);
            break;
        }
        if let Some((name, node)) = device(rest) {
            let NamedNodes::One(node) = node.map_err(|unknown| ParseError::Device(unknown, name))? else {
                unreachable!("see device()")
            };
            if !may.contains(&node) {
                return Err(ParseError::OutOfRange { number: node as i64, rest });
            }
            named.insert(node);
            break;
        }
        let meant = |number: i64| {
            let number = usize::try_from(number).ok()?;
            if relative { all.get(number).copied() } else { may.contains(&number).then_some(number) }
        };
        let (first, mut after) = number(rest).ok_or(ParseError::Unparseable(rest))?;
        named.insert(meant(first).ok_or(ParseError::OutOfRange { number: first, rest })?);
        if let Some(end) = after.strip_prefix(b"-") {
            let (last, after_last) = number(end).ok_or(ParseError::Missing(end))?;
            meant(last).ok_or(ParseError::EndOutOfRange { number: last, rest: end })?;
            named.extend((first..=last).filter_map(meant));
            after = after_last;
        }
        if after.is_empty() {
            break;
        }
        rest = after.strip_prefix(b",").ok_or(ParseError::Trailing(after))?;
    }
    let others = || (0..140).filter(|&number| exists(number) && !named.contains(&number)).collect();
    Ok(if inverted { others() } else { named })
}

fn bitmap(text: &[u8], length: usize) {
    let words = words(&[3, 99]);
    let set = BitsMut::new(&words, length);
    let read = parse_bitmap(text, set).then(|| members(set.as_bits()));
    let expected = expected_bits(text).filter(|bits| bits.iter().all(|&bit| bit < length.next_multiple_of(WORD_BITS)));
    assert_eq!(read, expected.map(|bits| bits.into_iter().filter(|&bit| bit < length).collect()));
}

/// The bits of a bit map, however many.
fn expected_bits(text: &[u8]) -> Option<BTreeSet<usize>> {
    let end = text.iter().position(|&byte| byte == b'\n')?;
    let groups = core::str::from_utf8(&text[..end]).ok()?;
    let mut bits = BTreeSet::new();
    if groups.is_empty() {
        return Some(bits);
    }
    for (number, group) in groups.rsplit(',').enumerate() {
        let group = hexadecimal(group)?;
        bits.extend((0..32).filter(|bit| group & 1 << bit != 0).map(|bit| number * 32 + bit));
    }
    Some(bits)
}

fn hexadecimal(digits: &str) -> Option<u32> {
    // A sign is no digit.
    u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() <= 8 && !digits.starts_with('+'))
}

fn expected_pci_address(text: &str) -> Option<[u32; 4]> {
    const BLANKS: [char; 6] = [' ', '\t', '\n', '\x0b', '\x0c', '\r'];
    let hexadecimal = |digits: &str| hexadecimal(digits.trim_start_matches(BLANKS));
    let text = text.trim_end_matches(BLANKS);
    let (rest, function) = match text.split_once('.') {
        Some((rest, function)) => (rest, Some(hexadecimal(function)?)),
        None => (text, None),
    };
    let numbers: Vec<u32> = rest.split(':').map(hexadecimal).collect::<Option<_>>()?;
    match (numbers.as_slice(), function) {
        (&[bus, device], function) => Some([0, bus, device, function.unwrap_or(0)]),
        (&[segment, bus, device], function) => Some([segment, bus, device, function.unwrap_or(0)]),
        (&[segment, bus, device, function], None) => Some([segment, bus, device, function]),
        _ => None,
    }
}

//! Compares the readers of /proc and /sys with simple ones that have the whole text.

pub(crate) use super::devices::pci_address;
use super::devices::read_numa_node;
use super::distances::parse_row;
use super::kernel_files::{read_cpumap, read_list, read_number};
use super::{allowed::MemsAllowed, memory::NodeMemory, parse::Field};
use crate::bitmask::WORD_BITS;
use crate::nodeset::{CpuMask, FixedBitmask, MAX_CPUS, MAX_NUMNODES, NodeMask};
use crate::sys::files::FixedPath;
use crate::sys::root::Root;
use crate::sys::testing::MemoryFile;
use arbitrary::{Result, Unstructured};

/// Finds a field of a text that comes in pieces.
pub fn status_fields(data: &[u8]) {
    let _ = cut_text(&mut Unstructured::new(data));
}

fn cut_text(choices: &mut Unstructured) -> Result<()> {
    let name = *choices.choose(&[&b"Mems_allowed:"[..], b"Mems_allowed_list:", b"MemTotal:", b"aab", b":"])?;
    let skip_words = choices.int_in_range(0..=2)?;
    let sizes: [u8; 4] = choices.arbitrary()?;
    let mut sizes = sizes.iter().cycle();
    let text = choices.bytes(choices.len())?;
    let (mut field, mut value, mut rest) = (Field::new(skip_words, name), Vec::new(), text);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(usize::from(*sizes.next().unwrap()).clamp(1, rest.len()));
        value.extend_from_slice(field.feed(piece).0);
        rest = after;
    }
    let (expected, done) = value_of(text, skip_words, name).unwrap_or_default();
    assert_eq!((value.as_slice(), field.done()), (expected, done));
    Ok(())
}

/// Reads `text` as each of the files that describe a machine.
pub fn kernel_files(text: &[u8]) {
    let file = MemoryFile::holding(text);
    let path = &file.path();
    list(path, text);
    map(path, text);
    status(path, text);
    meminfo(path, text);
    distances(path, text);
    numa_node(path, text);
    one_number(path, text);
}

fn list(path: &FixedPath, text: &[u8]) {
    let (nodes, cpus) = (NodeMask::new(), CpuMask::new());
    assert!(read_list(path, nodes.bits()) && read_list(path, cpus.bits()));
    let ranges = ranges(first_line(text));
    assert_holds(&nodes, &ranges);
    assert_holds(&cpus, &ranges);
}

fn map(path: &FixedPath, text: &[u8]) {
    let mut found = Vec::new();
    read_cpumap(path, &mut |member| found.push(member));
    let digits = first_line(text).iter().rev().filter_map(|&digit| char::from(digit).to_digit(16));
    let member =
        |(at, digit): (usize, u32)| (0..4).filter(move |bit| digit >> bit & 1 == 1).map(move |bit| at * 4 + bit);
    let expected: Vec<_> = digits.enumerate().flat_map(member).collect();
    // A map of more CPUs than there is room for is read from its highest one on.
    if first_line(text).len() <= MAX_CPUS / 4 {
        assert_eq!(found.into_iter().rev().collect::<Vec<_>>(), expected);
    }
}

fn status(path: &FixedPath, text: &[u8]) {
    let found = MemsAllowed::parse(path);
    let (size, after) = match value_of(text, 0, b"Mems_allowed:") {
        Some((mask, true)) => {
            let end = mask.as_ptr_range().end as usize - text.as_ptr() as usize;
            (size_of_mask(mask), &text[end + 1..])
        }
        _ => (Some(0), &[][..]),
    };
    // The list is searched for after the mask, where the kernel writes it.
    let (list, _) = value_of(after, 0, b"Mems_allowed_list:").unwrap_or_default();
    // A mask in another format than the kernel's has no correct size.
    assert_eq!(found.size, size.unwrap_or(found.size));
    assert!((1..=MAX_NUMNODES).contains(&found.possible_nodes(Root::RUNNING).get()));
    assert_holds(&found.nodes, &ranges(list.trim_ascii_start()));
}

/// Returns the size of a mask in the kernel's format: groups of eight digits, the first of which may be shorter.
fn size_of_mask(mask: &[u8]) -> Option<usize> {
    let mut groups = mask.strip_prefix(b"\t")?.split(|&byte| byte == b',').enumerate();
    let well = groups.all(|(index, group)| {
        group.iter().all(u8::is_ascii_hexdigit) && (group.len() == 8 || index == 0 && (1..8).contains(&group.len()))
    });
    well.then(|| mask.iter().filter(|byte| byte.is_ascii_hexdigit()).count() * 4)
}

fn meminfo(path: &FixedPath, text: &[u8]) {
    let bytes = |name: &[u8]| {
        let (value, _) = value_of(text, 2, name)?;
        // A number at the end may be cut.
        let end = value.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |last| last + 1);
        numbers(&value[..end]).first().map(|kibibytes| kibibytes.saturating_mul(1024))
    };
    let expected = bytes(b"MemTotal:").map(|total| (total, bytes(b"MemFree:").unwrap_or(0)));
    assert_eq!(NodeMemory::parse(path).map(|memory| (memory.total, memory.free)), expected);
}

fn distances(path: &FixedPath, text: &[u8]) {
    let columns = NodeMask::new();
    let nodes = [0, 1, 8, 250, 1023];
    nodes.iter().for_each(|&node| columns.bits().set(node));
    let mut found = Vec::new();
    let known = parse_row(path, columns.bits().as_bits(), &mut |node, distance| {
        found.push((node, distance));
    });
    assert_eq!(known, numbers(first_line(text)).len() == nodes.len());
    let expected = numbers(first_line(text)).into_iter().map(|distance| distance.min(255) as u8);
    assert_eq!(found, nodes.into_iter().zip(expected).collect::<Vec<_>>());
}

fn numa_node(path: &FixedPath, text: &[u8]) {
    let line = first_line(text);
    let expected = numbers(line).first().map(|&node| (!line.contains(&b'-')).then_some(node as usize));
    assert_eq!(read_numa_node(path), expected);
}

fn one_number(path: &FixedPath, text: &[u8]) {
    let expected =
        core::str::from_utf8(first_line(text)).ok().filter(|line| line.bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(read_number(path).ok(), expected.and_then(|line| line.parse().ok()));
}

fn first_line(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == b'\n').next().unwrap()
}

/// Returns the text after `name` in the first line that has it after so many words, and whether the line ends in a newline.
fn value_of<'a>(text: &'a [u8], skip_words: u8, name: &[u8]) -> Option<(&'a [u8], bool)> {
    let mut lines = text.split(|&byte| byte == b'\n').enumerate();
    let last = text.iter().filter(|&&byte| byte == b'\n').count();
    lines.find_map(|(number, line)| {
        let words = usize::from(skip_words) + 1;
        let after = line.splitn(words, |&byte| byte == b' ').nth(words - 1)?;
        Some((after.strip_prefix(name)?, number < last))
    })
}

/// Returns the numbers in a text, saturated at the largest.
fn numbers(text: &[u8]) -> Vec<u64> {
    text.split(|byte| !byte.is_ascii_digit()).filter_map(number).collect()
}

fn number(digits: &[u8]) -> Option<u64> {
    let digits = core::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    (!digits.is_empty()).then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Returns the ranges of a list in the kernel's format, or `None` for any other text.
fn ranges(list: &[u8]) -> Option<Vec<(u64, u64)>> {
    let range = |element: &[u8]| match element.iter().position(|&byte| byte == b'-') {
        Some(dash) => Some((number(&element[..dash])?, number(&element[dash + 1..])?)),
        None => number(element).map(|number| (number, number)),
    };
    if list.is_empty() { Some(Vec::new()) } else { list.split(|&byte| byte == b',').map(range).collect() }
}

/// Asserts that `set` contains the numbers of `ranges` that it has room for, and no others.
fn assert_holds<const WORDS: usize>(set: &FixedBitmask<WORDS>, ranges: &Option<Vec<(u64, u64)>>) {
    let Some(ranges) = ranges else { return };
    let is_in = |number: u64| ranges.iter().any(|&(first, last)| (first..=last).contains(&number));
    // Longer ones would take long and test nothing more.
    if ranges.len() <= 20 {
        assert!(
            (0..WORDS * WORD_BITS).all(|bit| set.bits().as_bits().contains(bit) == is_in(bit as u64)),
            "{ranges:?}"
        );
    }
}

//! Parsers of the files of /proc and /sys. They take a file byte by byte or piece by piece, so that no buffer has to hold all of it.

use crate::nodeset::CpuMask;
use crate::sys::memory;
use crate::text::hex_digit;

/// Finds one field in lines such as `Mems_allowed:\t00000000,0000000f` and passes on its value.
pub struct Field<'a> {
    name: &'a [u8],
    /// Words before the name in each line: 0 in /proc/self/status, 2 (`Node 0 `) in a node's meminfo.
    skip_words: u8,
    state: FieldState,
}

#[derive(Clone, Copy)]
enum FieldState {
    /// Before the name, with so many words still to skip.
    SkipWords(u8),
    /// In what may be the name, after so many bytes of it.
    Name(usize),
    OtherLine,
    Value,
    Done,
}

impl<'a> Field<'a> {
    /// Returns a parser for the field `name`, which includes the colon, in lines that have `skip_words` words before the name.
    pub fn new(skip_words: u8, name: &'a [u8]) -> Self {
        let mut field = Field { name, skip_words, state: FieldState::Done };
        field.state = field.line_start();
        field
    }

    fn line_start(&self) -> FieldState {
        if self.skip_words == 0 { FieldState::Name(0) } else { FieldState::SkipWords(self.skip_words) }
    }

    /// Takes the next piece of the file. Returns the part of it that belongs to the field's value, and the rest of the piece after the
    /// field's line.
    pub fn feed<'b>(&mut self, piece: &'b [u8]) -> (&'b [u8], &'b [u8]) {
        let (mut value, mut rest): (&[u8], &[u8]) = (&[], piece);
        loop {
            // Most of a file is other lines, and most of a line is its value: both are skipped quickly.
            match self.state {
                FieldState::OtherLine => rest = self.skip_lines(rest),
                FieldState::Value => {
                    let line_end = memory::position(b'\n', rest).unwrap_or(rest.len());
                    let (line, after) = rest.split_at_checked(line_end).unwrap_or_default();
                    (value, rest) = (line, after);
                }
                _ => {}
            }
            let Some((&byte, after)) = rest.split_first() else { return (value, rest) };
            self.state =
                match (self.state, byte) {
                    (FieldState::Done, _) => return (value, rest),
                    (FieldState::Value, _) => FieldState::Done,
                    (_, b'\n') => self.line_start(),
                    (FieldState::SkipWords(1), b' ') => FieldState::Name(0),
                    (FieldState::SkipWords(count), b' ') => FieldState::SkipWords(count - 1),
                    (FieldState::SkipWords(count), _) => FieldState::SkipWords(count),
                    (FieldState::Name(seen), _) if self.name.get(seen) == Some(&byte) => {
                        if seen + 1 == self.name.len() { FieldState::Value } else { FieldState::Name(seen + 1) }
                    }
                    _ => FieldState::OtherLine,
                };
            rest = after;
        }
    }

    /// Skips the rest of a line, and lines that cannot have the field.
    fn skip_lines<'b>(&mut self, text: &'b [u8]) -> &'b [u8] {
        if self.skip_words == 0 {
            return self.skip_to_name(text);
        }
        match memory::position(b'\n', text) {
            Some(line_end) => {
                self.state = self.line_start();
                text.get(line_end + 1..).unwrap_or_default()
            }
            None => &[],
        }
    }

    /// Skips to the name's first letter at the start of a line. In /proc/self/status, that letter is rarer than newlines.
    fn skip_to_name<'b>(&mut self, text: &'b [u8]) -> &'b [u8] {
        let first = self.name.first().copied().unwrap_or(b'\n');
        let (mut before, mut rest) = (0, text);
        while let Some(at) = memory::position(first, rest) {
            let (skipped, found) = rest.split_at_checked(at).unwrap_or_default();
            if *skipped.last().unwrap_or(&before) == b'\n' {
                self.state = FieldState::Name(0);
                return found;
            }
            before = first;
            rest = found.get(1..).unwrap_or_default();
        }
        if text.last() == Some(&b'\n') {
            self.state = FieldState::Name(0);
        }
        &[]
    }

    /// Returns whether the whole field, its newline included, has been parsed.
    pub fn done(&self) -> bool {
        matches!(self.state, FieldState::Done)
    }
}

/// Appends a digit to a decimal number, which is `None` before its first digit and saturates.
fn append_digit(number: Option<u64>, digit: u8) -> Option<u64> {
    Some(number.unwrap_or(0).saturating_mul(10).saturating_add(u64::from(digit)))
}

fn decimal_digit(byte: u8) -> Option<u8> {
    let digit = byte.wrapping_sub(b'0');
    (digit < 10).then_some(digit)
}

/// Parses the kernel's list format for sets: `0-3,8,10-11`.
#[derive(Default)]
pub(super) struct ListParser {
    first: Option<u64>,
    number: Option<u64>,
}

impl ListParser {
    /// Takes the next byte. Returns the range that it completes, both ends included. A newline or NUL completes the last one.
    #[inline(always)]
    pub(super) fn byte(&mut self, byte: u8) -> Option<(u64, u64)> {
        if let Some(digit) = decimal_digit(byte) {
            self.number = append_digit(self.number, digit);
            return None;
        }
        if byte == b'-' {
            self.first = self.number.take();
            return None;
        }
        self.end()
    }

    /// Returns the last range of a file that ends without a newline.
    pub(super) fn end(&mut self) -> Option<(u64, u64)> {
        let first = self.first.take();
        let last = self.number.take()?;
        Some((first.unwrap_or(last), last))
    }
}

/// Parses decimal numbers separated by any other bytes: `10 20 20`.
#[derive(Default)]
pub(super) struct NumberParser {
    number: Option<u64>,
}

impl NumberParser {
    /// Takes the next byte. Returns the number that it completes.
    pub(super) fn byte(&mut self, byte: u8) -> Option<u64> {
        match decimal_digit(byte) {
            Some(digit) => {
                self.number = append_digit(self.number, digit);
                None
            }
            None => self.number.take(),
        }
    }
}

/// Parses the kernel's other format for sets, a bit map: `00000000,0000000f`.
pub(super) struct CpumapParser {
    bits: usize,
    /// The members counted from the highest bit, since the size of the map is only known at its end.
    from_highest: CpuMask,
}

impl CpumapParser {
    pub(super) fn new() -> Self {
        CpumapParser { bits: 0, from_highest: CpuMask::new() }
    }

    /// Takes the next byte. Returns false for a newline.
    #[inline(never)]
    pub(super) fn byte(&mut self, byte: u8) -> bool {
        if let Some(digit) = hex_digit(byte) {
            for bit in [8, 4, 2, 1] {
                if digit & bit != 0 {
                    self.from_highest.bits().set(self.bits);
                }
                self.bits += 1;
            }
        }
        byte != b'\n'
    }

    /// Returns the members of the map, the highest first.
    pub(super) fn members(&self) -> impl Iterator<Item = usize> {
        self.from_highest.bits().as_bits().iter().map(|place| self.bits - 1 - place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STATUS: &[u8] = b"Name:\tMems_allowed:\nxMems_allowed:\tf\nGroups:\t1 2 3\nCpus_allowed:\tffff\n\
        Mems_allowed:\t00000000,0000000f\nMems_allowed_list:\t0-3\n";
    const MEMINFO: &[u8] = b"\nNode 3 MemTotal:       12 kB\nNode 3 MemFree:         7 kB\nNode 3 MemUsed: 5 kB\n";

    fn value(text: &[u8], skip_words: u8, name: &[u8]) -> Option<String> {
        let mut field = Field::new(skip_words, name);
        let mut bytes = Vec::new();
        // However the text is cut.
        for piece in text.chunks(text.len() % 7 + 1) {
            bytes.extend_from_slice(field.feed(piece).0);
        }
        field.done().then(|| String::from_utf8(bytes).unwrap())
    }

    fn ranges(text: &[u8]) -> Vec<(u64, u64)> {
        let mut list = ListParser::default();
        let mut ranges: Vec<_> = text.iter().filter_map(|&byte| list.byte(byte)).collect();
        ranges.extend(list.end());
        ranges
    }

    fn numbers(text: &[u8]) -> Vec<u64> {
        let mut reader = NumberParser::default();
        let mut numbers: Vec<_> = text.iter().filter_map(|&byte| reader.byte(byte)).collect();
        numbers.extend(reader.byte(b'\n'));
        numbers
    }

    #[test]
    fn a_field_is_found_by_its_name_after_the_skipped_words() {
        assert_eq!(value(STATUS, 0, b"Mems_allowed:").as_deref(), Some("\t00000000,0000000f"));
        assert_eq!(value(STATUS, 0, b"Mems_allowed_list:").as_deref(), Some("\t0-3"));
        assert_eq!(value(MEMINFO, 2, b"MemTotal:").as_deref(), Some("       12 kB"));
        assert_eq!(value(MEMINFO, 2, b"MemFree:").as_deref(), Some("         7 kB"));
        assert_eq!(value(MEMINFO, 0, b"MemFree:"), None);
    }

    #[test]
    fn the_rest_after_a_field_is_returned() {
        let mut field = Field::new(0, b"Groups:");
        assert_eq!(field.feed(b"Name:\tx\nGroups:\t1 "), (&b"\t1 "[..], &b""[..]));
        assert_eq!(field.feed(b"2\nThreads:\t1\n"), (&b"2"[..], &b"Threads:\t1\n"[..]));
        assert_eq!(field.feed(b"more"), (&b""[..], &b"more"[..]));
    }

    #[test]
    fn a_field_that_is_missing_or_cut_is_not_done() {
        assert_eq!(value(STATUS, 0, b"Threads:"), None);
        assert_eq!(value(b"", 0, b"Name:"), None);
        assert_eq!(value(b"Mems_allowed:\t0000", 0, b"Mems_allowed:"), None);
    }

    #[test]
    fn lists_are_parsed_as_the_kernel_writes_them() {
        assert_eq!(ranges(b"0-3,8,10-11\n"), [(0, 3), (8, 8), (10, 11)]);
        assert_eq!(ranges(b"5"), [(5, 5)]);
        assert_eq!(ranges(b"\n"), []);
        assert_eq!(ranges(b"(null)\n"), []);
        assert_eq!(ranges(b"99999999999999999999\n"), [(u64::MAX, u64::MAX)]);
    }

    #[test]
    fn numbers_are_parsed_with_anything_between_them() {
        assert_eq!(numbers(b"10 20 255\n"), [10, 20, 255]);
        assert_eq!(numbers(b"       12 kB"), [12]);
        assert_eq!(numbers(b"kB"), []);
    }

    fn members(text: &[u8]) -> Vec<usize> {
        let mut map = CpumapParser::new();
        text.iter().all(|&byte| map.byte(byte));
        let mut members: Vec<_> = map.members().collect();
        members.reverse();
        members
    }

    #[test]
    fn maps_are_parsed_as_the_kernel_writes_them() {
        assert_eq!(members(b"f\n"), [0, 1, 2, 3]);
        assert_eq!(members(b"00000001,00000003\n"), [0, 1, 32]);
        assert_eq!(members(b"0000,00000000,80000001\n"), [0, 31]);
        assert_eq!(members(b"A\nffffffff"), [1, 3]);
        assert_eq!(members(b"\n"), []);
        assert_eq!(members(b""), []);
    }

    proptest! {
        #[test]
        fn every_set_written_as_a_map_is_read_back(set in prop::collection::btree_set(0usize..2000, 0..50), room in 2000usize..2100) {
            let groups = (0..room.div_ceil(32)).rev();
            let group = |group| (0..32).filter(|bit| set.contains(&(group * 32 + bit))).fold(0u32, |bits, bit| bits | 1 << bit);
            let written = groups.map(|at| format!("{:08x}", group(at))).collect::<Vec<_>>().join(",");
            prop_assert_eq!(members(written.as_bytes()), set.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_parsed_without_a_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
            value(&text, 2, b"MemTotal:");
            ranges(&text);
            numbers(&text);
            members(&text);
        }

        #[test]
        fn every_set_written_as_a_list_is_read_back(set in prop::collection::btree_set(0u64..2000, 0..50)) {
            let written = set.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
            let read: Vec<u64> = ranges(written.as_bytes()).into_iter().flat_map(|(first, last)| first..=last).collect();
            prop_assert_eq!(read, set.into_iter().collect::<Vec<_>>());
        }
    }
}

//! The texts of /proc and /sys, read byte by byte as they come, so that no buffer has to hold a whole file.

use super::Cpus;
use crate::nodestring::digit;
use crate::sys::memory;

/// Finds one field of a text of lines such as `Mems_allowed:\t00000000,0000000f`, and hands on its value.
pub struct Field<'a> {
    name: &'a [u8],
    /// Words before the name in each line: 0 in /proc/self/status, 2 (`Node 0 `) in a node's meminfo.
    words_before: u8,
    place: Place,
}

#[derive(Clone, Copy)]
enum Place {
    /// Before the name: so many words are still to come.
    Before(u8),
    /// In what can still be the name: so many bytes of it were there.
    Name(usize),
    OtherLine,
    Value,
    Done,
}

impl<'a> Field<'a> {
    pub fn new(words_before: u8, name: &'a [u8]) -> Self {
        let mut field = Field { name, words_before, place: Place::Done };
        field.place = field.line_start();
        field
    }

    fn line_start(&self) -> Place {
        if self.words_before == 0 { Place::Name(0) } else { Place::Before(self.words_before) }
    }

    /// Takes the next piece of the text, and gives what of it belongs to the field's value to `each`. Returns what is behind the
    /// field's line.
    pub fn feed<'b>(&mut self, piece: &'b [u8], mut each: impl FnMut(&[u8])) -> &'b [u8] {
        let mut rest = piece;
        loop {
            // Most of a text is other lines, and most of a line is value: both are passed over quickly.
            match self.place {
                Place::OtherLine => rest = self.behind_other_lines(rest),
                Place::Value => {
                    let line_end = memory::position(b'\n', rest).unwrap_or(rest.len());
                    let (line, behind) = rest.split_at_checked(line_end).unwrap_or_default();
                    each(line);
                    rest = behind;
                }
                _ => {}
            }
            let Some((&byte, behind)) = rest.split_first() else { return rest };
            self.place = match (self.place, byte) {
                (Place::Done, _) => return rest,
                (Place::Value, _) => Place::Done,
                (_, b'\n') => self.line_start(),
                (Place::Before(1), b' ') => Place::Name(0),
                (Place::Before(left), b' ') => Place::Before(left - 1),
                (Place::Before(left), _) => Place::Before(left),
                (Place::Name(seen), _) if self.name.get(seen) == Some(&byte) => {
                    if seen + 1 == self.name.len() {
                        Place::Value
                    } else {
                        Place::Name(seen + 1)
                    }
                }
                _ => Place::OtherLine,
            };
            rest = behind;
        }
    }

    /// Skips the rest of a line, and lines that begin in another way than the name.
    fn behind_other_lines<'b>(&mut self, text: &'b [u8]) -> &'b [u8] {
        if self.words_before == 0 {
            return self.skip_to_name(text);
        }
        match memory::position(b'\n', text) {
            Some(line_end) => {
                self.place = self.line_start();
                text.get(line_end + 1..).unwrap_or_default()
            }
            None => &[],
        }
    }

    /// The same where names begin lines: the name's first letter is rarer in /proc/self/status than lines are.
    fn skip_to_name<'b>(&mut self, text: &'b [u8]) -> &'b [u8] {
        let first = self.name.first().copied().unwrap_or(b'\n');
        let (mut before, mut rest) = (0, text);
        while let Some(at) = memory::position(first, rest) {
            let (skipped, found) = rest.split_at_checked(at).unwrap_or_default();
            if *skipped.last().unwrap_or(&before) == b'\n' {
                self.place = Place::Name(0);
                return found;
            }
            before = first;
            rest = found.get(1..).unwrap_or_default();
        }
        if text.last() == Some(&b'\n') {
            self.place = Place::Name(0);
        }
        &[]
    }

    /// Whether the whole field was there.
    pub fn done(&self) -> bool {
        matches!(self.place, Place::Done)
    }
}

/// A decimal number, as far as it has been read: `None` before its first digit.
///
/// One that is too large for 64 bits stays at the largest.
fn append_digit(number: Option<u64>, digit: u8) -> Option<u64> {
    Some(number.unwrap_or(0).saturating_mul(10).saturating_add(u64::from(digit)))
}

fn decimal(byte: u8) -> Option<u8> {
    let digit = byte.wrapping_sub(b'0');
    (digit < 10).then_some(digit)
}

/// Reads the kernel's way of writing a set: `0-3,8,10-11`.
#[derive(Default)]
pub struct List {
    first: Option<u64>,
    number: Option<u64>,
}

impl List {
    /// Takes the next byte, and gives the range that it ends, both ends included. A line end or NUL ends the last one.
    #[inline(always)]
    pub fn byte(&mut self, byte: u8) -> Option<(u64, u64)> {
        if let Some(digit) = decimal(byte) {
            self.number = append_digit(self.number, digit);
            return None;
        }
        if byte == b'-' {
            self.first = self.number.take();
            return None;
        }
        self.end()
    }

    /// Gives the last range of a text that ends without a line end.
    pub fn end(&mut self) -> Option<(u64, u64)> {
        let first = self.first.take();
        let last = self.number.take()?;
        Some((first.unwrap_or(last), last))
    }
}

/// Reads numbers with anything between them: `10 20 20`.
#[derive(Default)]
pub struct Numbers {
    number: Option<u64>,
}

impl Numbers {
    /// Takes the next byte, and gives the number that it ends.
    pub fn byte(&mut self, byte: u8) -> Option<u64> {
        match decimal(byte) {
            Some(digit) => {
                self.number = append_digit(self.number, digit);
                None
            }
            None => self.number.take(),
        }
    }
}

/// Reads the kernel's other way of writing a set, a bit map: `00000000,0000000f`.
pub struct Map {
    bits: usize,
    /// The members as they come, the highest first: what number they have is known at the end.
    from_highest: Cpus,
}

impl Map {
    pub fn new() -> Self {
        Map { bits: 0, from_highest: Cpus::new() }
    }

    /// Takes the next byte; false for that of a line end.
    pub fn byte(&mut self, byte: u8) -> bool {
        if let Some(digit) = digit(byte) {
            for bit in [8, 4, 2, 1] {
                if digit & bit != 0 {
                    self.from_highest.bits().set(self.bits);
                }
                self.bits += 1;
            }
        }
        byte != b'\n'
    }

    pub fn members(&self) -> impl Iterator<Item = usize> {
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

    fn value(text: &[u8], words_before: u8, name: &[u8]) -> Option<String> {
        let mut field = Field::new(words_before, name);
        let mut bytes = Vec::new();
        // However the text is cut.
        for piece in text.chunks(text.len() % 7 + 1) {
            field.feed(piece, |value| bytes.extend_from_slice(value));
        }
        field.done().then(|| String::from_utf8(bytes).unwrap())
    }

    fn ranges(text: &[u8]) -> Vec<(u64, u64)> {
        let mut list = List::default();
        let mut ranges: Vec<_> = text.iter().filter_map(|&byte| list.byte(byte)).collect();
        ranges.extend(list.end());
        ranges
    }

    fn numbers(text: &[u8]) -> Vec<u64> {
        let mut reader = Numbers::default();
        let mut numbers: Vec<_> = text.iter().filter_map(|&byte| reader.byte(byte)).collect();
        numbers.extend(reader.byte(b'\n'));
        numbers
    }

    #[test]
    fn a_field_is_found_where_its_name_stands_in_its_place() {
        assert_eq!(value(STATUS, 0, b"Mems_allowed:").as_deref(), Some("\t00000000,0000000f"));
        assert_eq!(value(STATUS, 0, b"Mems_allowed_list:").as_deref(), Some("\t0-3"));
        assert_eq!(value(MEMINFO, 2, b"MemTotal:").as_deref(), Some("       12 kB"));
        assert_eq!(value(MEMINFO, 2, b"MemFree:").as_deref(), Some("         7 kB"));
        assert_eq!(value(MEMINFO, 0, b"MemFree:"), None);
    }

    #[test]
    fn what_is_behind_a_field_is_left() {
        let mut field = Field::new(0, b"Groups:");
        assert_eq!(field.feed(b"Name:\tx\nGroups:\t1 ", |_| ()), b"");
        assert_eq!(field.feed(b"2\nThreads:\t1\n", |_| ()), b"Threads:\t1\n");
        assert_eq!(field.feed(b"more", |_| ()), b"more");
    }

    #[test]
    fn a_field_that_is_missing_or_cut_is_not_done() {
        assert_eq!(value(STATUS, 0, b"Threads:"), None);
        assert_eq!(value(b"", 0, b"Name:"), None);
        assert_eq!(value(b"Mems_allowed:\t0000", 0, b"Mems_allowed:"), None);
    }

    #[test]
    fn lists_are_read_as_the_kernel_writes_them() {
        assert_eq!(ranges(b"0-3,8,10-11\n"), [(0, 3), (8, 8), (10, 11)]);
        assert_eq!(ranges(b"5"), [(5, 5)]);
        assert_eq!(ranges(b"\n"), []);
        assert_eq!(ranges(b"(null)\n"), []);
        assert_eq!(ranges(b"99999999999999999999\n"), [(u64::MAX, u64::MAX)]);
    }

    #[test]
    fn numbers_are_read_with_anything_between_them() {
        assert_eq!(numbers(b"10 20 255\n"), [10, 20, 255]);
        assert_eq!(numbers(b"       12 kB"), [12]);
        assert_eq!(numbers(b"kB"), []);
    }

    fn members(text: &[u8]) -> Vec<usize> {
        let mut map = Map::new();
        text.iter().all(|&byte| map.byte(byte));
        let mut members: Vec<_> = map.members().collect();
        members.reverse();
        members
    }

    #[test]
    fn maps_are_read_as_the_kernel_writes_them() {
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
        fn any_bytes_are_read_without_a_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
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

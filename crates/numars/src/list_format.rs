//! The kernel's list format for sets of numbers, such as `0-3,8`.
//!
//! References: "cpu lists" in Documentation/admin-guide/kernel-parameters.rst in the kernel sources, cpuset(7).

use crate::nodestring;
use core::fmt;

/// Why a string is not a list of nodes or CPUs, or not the number of one.
///
/// ```
/// use numars::NodeSet;
/// let error = "0-3,x".parse::<NodeSet>().unwrap_err();
/// assert_eq!(error.position(), 4);
/// assert_eq!(error.to_string(), "expected a number at position 4");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ParseListError {
    position: usize,
    reason: Reason,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Reason {
    NoNumber,
    Unexpected,
    Backwards,
    TooLarge,
    BadGroup,
    NoMemory,
}

impl ParseListError {
    /// Returns where the string is wrong, in bytes from its beginning.
    pub fn position(&self) -> usize {
        self.position
    }

    fn at(position: usize, reason: Reason) -> Self {
        ParseListError { position, reason }
    }

    /// Returns the message without the position.
    pub(crate) fn reason(&self) -> &'static str {
        match self.reason {
            Reason::NoNumber => "expected a number",
            Reason::Unexpected => "unexpected character",
            Reason::Backwards => "the range ends before it begins",
            Reason::TooLarge => "no machine has such a large number",
            Reason::BadGroup => "a group must have a size, and use at least one and at most all of its numbers",
            Reason::NoMemory => "no memory for the set",
        }
    }
}

impl fmt::Display for ParseListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at position {}", self.reason(), self.position)
    }
}

impl core::error::Error for ParseListError {}

/// The position in a list, and the number that is there.
struct Cursor<'a> {
    text: &'a [u8],
    position: usize,
}

impl Cursor<'_> {
    fn skip(&mut self, byte: u8) -> bool {
        let skipped = self.text.get(self.position) == Some(&byte);
        self.position += usize::from(skipped);
        skipped
    }

    /// Returns the number at the position, and where it begins.
    fn number(&mut self, limit: usize) -> Result<(usize, usize), ParseListError> {
        let start = self.position;
        let mut number = 0_usize;
        while let Some(digit @ b'0'..=b'9') = self.text.get(self.position) {
            number = number.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
            self.position += 1;
        }
        match () {
            () if self.position == start => Err(ParseListError::at(start, Reason::NoNumber)),
            () if number >= limit => Err(ParseListError::at(start, Reason::TooLarge)),
            () => Ok((number, start)),
        }
    }
}

/// Calls `insert` for each number of a list, whose numbers are below `limit`: `0-3,8`, or `0-31:2/16` for the first two of each 16 numbers. The
/// list may end with a newline, as in the kernel's files, and be empty. `insert` returns whether there was memory for the number.
pub(crate) fn parse(text: &str, limit: usize, mut insert: impl FnMut(usize) -> bool) -> Result<(), ParseListError> {
    let text = text.as_bytes();
    let mut list = Cursor { text: text.strip_suffix(b"\n").unwrap_or(text), position: 0 };
    if list.text.is_empty() {
        return Ok(());
    }
    loop {
        let (first, start) = list.number(limit)?;
        let last = if list.skip(b'-') { list.number(limit)?.0 } else { first };
        if last < first {
            return Err(ParseListError::at(start, Reason::Backwards));
        }
        let (mut used, mut group) = (1, 1);
        if list.skip(b':') {
            let (count, group_start) = list.number(usize::MAX)?;
            if !list.skip(b'/') {
                return Err(ParseListError::at(list.position, Reason::Unexpected));
            }
            (used, group) = (count, list.number(usize::MAX)?.0);
            if used == 0 || used > group {
                return Err(ParseListError::at(group_start, Reason::BadGroup));
            }
        }
        for number in (first..=last).filter(|number| (number - first) % group < used) {
            if !insert(number) {
                return Err(ParseListError::at(start, Reason::NoMemory));
            }
        }
        if list.position == list.text.len() {
            return Ok(());
        }
        if !list.skip(b',') {
            return Err(ParseListError::at(list.position, Reason::Unexpected));
        }
    }
}

/// Returns the number that `text` is, which is below `limit`. A newline may follow, as in the kernel's files.
pub(crate) fn parse_number(text: &str, limit: usize) -> Result<usize, ParseListError> {
    let text = text.as_bytes();
    let mut rest = Cursor { text: text.strip_suffix(b"\n").unwrap_or(text), position: 0 };
    let (number, _) = rest.number(limit)?;
    if rest.position == rest.text.len() {
        Ok(number)
    } else {
        Err(ParseListError::at(rest.position, Reason::Unexpected))
    }
}

/// Writes ascending numbers as a list.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, numbers: impl Iterator<Item = usize>) -> fmt::Result {
    let mut separator = "";
    for (first, last) in nodestring::ranges(numbers) {
        write!(f, "{separator}{first}")?;
        if last > first {
            write!(f, "-{last}")?;
        }
        separator = ",";
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::NodeSet;
    use proptest::prelude::*;

    fn numbers(list: &str) -> Result<Vec<usize>, String> {
        let set: NodeSet = list.parse().map_err(|error: super::ParseListError| error.to_string())?;
        Ok(set.iter().map(usize::from).collect())
    }

    #[test]
    fn lists_have_numbers_ranges_and_groups() {
        assert_eq!(numbers(""), Ok(vec![]));
        assert_eq!(numbers("\n"), Ok(vec![]));
        assert_eq!(numbers("0-3,8\n"), Ok(vec![0, 1, 2, 3, 8]));
        assert_eq!(numbers("5,1,5,1-2"), Ok(vec![1, 2, 5]));
        assert_eq!(numbers("0-20:2/8"), Ok(vec![0, 1, 8, 9, 16, 17]));
        assert_eq!(numbers("7-7:1/100,1023"), Ok(vec![7, 1023]));
    }

    #[test]
    fn an_error_says_where_and_why() {
        for (list, message) in [
            (",", "expected a number at position 0"),
            ("1,", "expected a number at position 2"),
            ("1-", "expected a number at position 2"),
            (" 1", "expected a number at position 0"),
            ("1 ", "unexpected character at position 1"),
            ("1\n\n", "unexpected character at position 1"),
            ("0,3-1", "the range ends before it begins at position 2"),
            ("1024", "no machine has such a large number at position 0"),
            ("0-99999999999999999999999", "no machine has such a large number at position 2"),
            ("0-3:1", "unexpected character at position 5"),
            ("0-3:0/2", "a group must have a size, and use at least one and at most all of its numbers at position 4"),
            ("0-3:3/2", "a group must have a size, and use at least one and at most all of its numbers at position 4"),
            ("0-3:0/0", "a group must have a size, and use at least one and at most all of its numbers at position 4"),
            ("all", "expected a number at position 0"),
        ] {
            assert_eq!(numbers(list), Err(message.to_string()), "{list:?}");
        }
    }

    #[test]
    fn a_single_number_is_no_list() {
        let message = |text: &str| text.parse::<crate::Node>().unwrap_err().to_string();
        assert_eq!(("1023".parse(), "7\n".parse()), (Ok(crate::Node::MAX), Ok(crate::Cpu::new(7).unwrap())));
        assert_eq!(message(""), "expected a number at position 0");
        assert_eq!(message("-1"), "expected a number at position 0");
        assert_eq!(message("1-2"), "unexpected character at position 1");
        assert_eq!(message("1024"), "no machine has such a large number at position 0");
        assert_eq!("16384".parse::<crate::Cpu>().unwrap_err().to_string(), message("1024"));
    }

    proptest! {
        #[test]
        fn a_list_that_was_written_is_parsed_as_the_same_set(numbers in proptest::collection::btree_set(0..1024_usize, 0..40)) {
            let set: NodeSet = numbers.iter().map(|&number| crate::Node::new(number).unwrap()).collect();
            prop_assert_eq!(set.to_string().parse(), Ok(set));
            prop_assert!(set.iter().map(usize::from).eq(numbers));
        }

        #[test]
        fn no_text_makes_parsing_panic(text in "[0-9,:/\n-]{0,12}|.*") {
            let _ = numbers(&text);
        }
    }
}

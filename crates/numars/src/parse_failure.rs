//! Says where and why a list of nodes or CPUs was rejected.
//!
//! ```
//! use numars::for_c::nodestring::ParseError;
//! use numars::for_c::parse_failure::{Members, ParseFailure};
//! use numars::for_c::sys::errno::ENODEV;
//! use numars::Errno;
//! use numars::DeviceError;
//!
//! // Nodes 0 and 1 exist, of 64 possible ones.
//! let members = Members { cpus: false, possible: 64, exists: &|node| node < 2 };
//! let error: ParseError<DeviceError> = ParseError::OutOfRange { number: 7, rest: b"7" };
//! let failure = ParseFailure::new(&error, b"0,7", members);
//! assert_eq!((failure.errno, failure.span.clone()), (Errno::ENODEV, 2..3));
//! assert_eq!(failure.message(), c"no such node");
//! ```

use crate::names;
use crate::nodestring::ParseError;
use crate::sys::errno::{EINVAL, ENODEV, ENOENT, ENOMEM, EOPNOTSUPP, ERANGE, Errno};
use crate::topology::DeviceError;
use core::ffi::CStr;
use core::ops::Range;

/// What the numbers of a list can stand for.
#[derive(Clone, Copy)]
pub struct Members<'a> {
    /// Whether the list is of CPUs, not of nodes.
    pub cpus: bool,
    /// How many nodes or CPUs the system can have.
    pub possible: usize,
    /// Returns whether there is such a node or CPU.
    pub exists: &'a dyn Fn(usize) -> bool,
}

/// Why a list was rejected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseFailure {
    /// EINVAL: the syntax; ERANGE: a number that is too large for the system or the set; ENODEV: a node or CPU that does not exist or is not
    /// allowed; ENOENT: an unknown device; EOPNOTSUPP: a file or a host of another machine.
    pub errno: Errno,
    /// Which bytes of the list are at fault.
    pub span: Range<usize>,
    reason: Reason,
}

/// Defines the reasons and their texts, in this order.
macro_rules! reasons {
    ($($name:ident = $text:literal,)*) => {
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        enum Reason {
            $($name,)*
        }

        const TEXTS: &[u8] = concat!($($text, "\0"),*).as_bytes();
    };
}

reasons! {
    NoList = "no list",
    NoSet = "no mask",
    NotANode = "not a number, a range, all or a device",
    NotACpu = "not a number, a range or all",
    Empty = "a number is missing",
    AllIsNotLast = "all must be the last element",
    NoEnd = "a number is missing after -",
    Trailing = "unexpected text after a number",
    OutOfRange = "number is out of range",
    BeyondSet = "number is beyond the mask",
    SomeBeyondSet = "the list names a number beyond the mask",
    IndexOutOfRange = "index is out of range",
    NoSuchNode = "no such node",
    NodeNotAllowed = "node is not allowed",
    NoSuchCpu = "no such CPU",
    CpuNotAllowed = "CPU is not allowed",
    IllegalName = "invalid name of a device",
    NoPciAddress = "not the address of a PCI device",
    NoFile = "no such file",
    NoBlockDevice = "the file is on no block device",
    NoHost = "no such host",
    NoRoute = "no route to the host",
    NoDevice = "no such device, or no node for this kind of device",
    NodeUnknown = "the node of the device is unknown",
    NoTier = "no such memory tier",
    OtherMachine = "files and hosts are looked up only for this machine",
    NoNodes = "there is no node of this kind",
    NoMemory = "no memory",
}

impl ParseFailure {
    /// Returns why `list` was rejected with `error`.
    pub fn new(error: &ParseError<DeviceError>, list: &[u8], members: Members) -> Self {
        let span = error.span(list);
        let text = list.get(span.clone()).unwrap_or_default();
        let (errno, reason) = match *error {
            ParseError::Unparseable(b"") => (EINVAL, Reason::Empty),
            ParseError::Unparseable(_) if text == b"all" => (EINVAL, Reason::AllIsNotLast),
            ParseError::Unparseable(_) if members.cpus => (EINVAL, Reason::NotACpu),
            ParseError::Unparseable(_) => (EINVAL, Reason::NotANode),
            ParseError::Missing(_) => (EINVAL, Reason::NoEnd),
            ParseError::Trailing(_) => (EINVAL, Reason::Trailing),
            ParseError::OutOfRange { .. } | ParseError::EndOutOfRange { .. } if error.is_relative(list) => {
                (ERANGE, Reason::IndexOutOfRange)
            }
            ParseError::OutOfRange { number, .. } | ParseError::EndOutOfRange { number, .. } => members.refuse(number),
            ParseError::Device(error, _) => of_device(error),
        };
        ParseFailure { errno: Errno(errno), span, reason }
    }

    /// The failure for a missing list.
    pub const NO_LIST: Self = ParseFailure { errno: Errno(EINVAL), span: 0..0, reason: Reason::NoList };

    /// The failure for a missing set.
    pub const NO_SET: Self = ParseFailure { errno: Errno(EINVAL), span: 0..0, reason: Reason::NoSet };

    /// The failure if there is no memory for the set.
    pub const NO_MEMORY: Self = ParseFailure { errno: Errno(ENOMEM), span: 0..0, reason: Reason::NoMemory };

    /// Returns the failure for a list with members that the set has no room for. `error` is what a second parse reports, in which only members
    /// that fit are allowed: it tells which number does not fit. `None`: each number fits, but `all`, an index, a name or a complement does not.
    pub fn beyond_set(list: &[u8], error: Option<&ParseError<DeviceError>>) -> Self {
        let (span, reason) = match error {
            Some(error) => (error.span(list), Reason::BeyondSet),
            None => (0..list.len(), Reason::SomeBeyondSet),
        };
        ParseFailure { errno: Errno(ERANGE), span, reason }
    }

    /// Returns the reason in English.
    pub fn message(&self) -> &'static CStr {
        names::nth_cstr(TEXTS, self.reason as usize)
    }
}

impl Members<'_> {
    /// Returns why a number is refused.
    fn refuse(&self, number: i64) -> (i32, Reason) {
        match usize::try_from(number).ok().filter(|&number| number < self.possible) {
            None => (ERANGE, Reason::OutOfRange),
            Some(number) => match (self.cpus, (self.exists)(number)) {
                (false, true) => (ENODEV, Reason::NodeNotAllowed),
                (false, false) => (ENODEV, Reason::NoSuchNode),
                (true, true) => (ENODEV, Reason::CpuNotAllowed),
                (true, false) => (ENODEV, Reason::NoSuchCpu),
            },
        }
    }
}

fn of_device(error: DeviceError) -> (i32, Reason) {
    match error {
        DeviceError::NotAName => (EINVAL, Reason::NotANode),
        DeviceError::Illegal => (EINVAL, Reason::IllegalName),
        DeviceError::NoPciAddress => (EINVAL, Reason::NoPciAddress),
        DeviceError::NoFile => (ENOENT, Reason::NoFile),
        DeviceError::NoBlockDevice => (ENOENT, Reason::NoBlockDevice),
        DeviceError::NoHost => (ENOENT, Reason::NoHost),
        DeviceError::NoRoute => (ENOENT, Reason::NoRoute),
        DeviceError::NoNode(_) => (ENOENT, Reason::NoDevice),
        DeviceError::NodeUnknown(_) => (ENODEV, Reason::NodeUnknown),
        DeviceError::NoTier => (ENOENT, Reason::NoTier),
        DeviceError::OtherMachine => (EOPNOTSUPP, Reason::OtherMachine),
        DeviceError::NoNodes => (ENODEV, Reason::NoNodes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodeset::NodeMask;
    use crate::nodestring::{self, NamedNodes, ParseContext, ParsedDevice};
    use crate::topology::DeviceKind;

    /// The failure of a list on a system with nodes 0, 1, 2 and 4 of 64, of which node 2 is not allowed.
    fn failure(list: &str, cpus: bool) -> Option<(i32, Range<usize>, &'static CStr)> {
        let (allowed, named) = (NodeMask::new(), NodeMask::new());
        [0, 1, 4].iter().for_each(|&node| allowed.bits().set(node));
        let allowed = allowed.bits().as_bits();
        let exists = |node: usize| node < 3 || node == 4 || node == 20;
        let context = ParseContext { allowed, all: allowed, invert: &|set| nodestring::invert(set, exists) };
        let device = |text| if cpus { None } else { device(text) };
        let error = nodestring::parse(list.as_bytes(), context, &device, named.bits()).err()?;
        let members = Members { cpus, possible: 64, exists: &exists };
        let failure = ParseFailure::new(&error, list.as_bytes(), members);
        Some((failure.errno.0, failure.span.clone(), failure.message()))
    }

    fn device(text: &[u8]) -> ParsedDevice<'_, DeviceError> {
        let name = text.strip_prefix(b"dev:")?;
        let error = match name {
            b"illegal" => DeviceError::Illegal,
            b"pci" => DeviceError::NoPciAddress,
            b"file" => DeviceError::NoFile,
            b"block" => DeviceError::NoBlockDevice,
            b"host" => DeviceError::NoHost,
            b"route" => DeviceError::NoRoute,
            b"none" => DeviceError::NoNode(DeviceKind::Network),
            b"unknown" => DeviceError::NodeUnknown(DeviceKind::Block),
            b"tier" => DeviceError::NoTier,
            b"other" => DeviceError::OtherMachine,
            b"kind" => DeviceError::NoNodes,
            _ => return Some((name, Ok(NamedNodes::One(2)))),
        };
        Some((name, Err(error)))
    }

    #[test]
    fn a_failure_has_an_errno_a_place_and_a_text() {
        for (list, errno, span, message) in [
            ("bad", EINVAL, 0..3, c"not a number, a range, all or a device"),
            ("0,", EINVAL, 2..2, c"a number is missing"),
            ("0,,1", EINVAL, 2..2, c"not a number, a range, all or a device"),
            ("all,0", EINVAL, 0..3, c"all must be the last element"),
            ("0-", EINVAL, 2..2, c"a number is missing after -"),
            ("0x", EINVAL, 1..2, c"unexpected text after a number"),
            ("0,-1", ERANGE, 2..4, c"number is out of range"),
            ("0,64", ERANGE, 2..4, c"number is out of range"),
            ("99999999999999999999", ERANGE, 0..20, c"number is out of range"),
            ("0-20", ENODEV, 2..4, c"node is not allowed"),
            ("+3", ERANGE, 1..2, c"index is out of range"),
            ("0,3", ENODEV, 2..3, c"no such node"),
            ("0-2", ENODEV, 2..3, c"node is not allowed"),
            ("dev:two", ENODEV, 0..7, c"node is not allowed"),
            ("dev:illegal", EINVAL, 4..11, c"invalid name of a device"),
            ("dev:pci", EINVAL, 4..7, c"not the address of a PCI device"),
            ("dev:file", ENOENT, 4..8, c"no such file"),
            ("dev:block", ENOENT, 4..9, c"the file is on no block device"),
            ("dev:host", ENOENT, 4..8, c"no such host"),
            ("dev:route", ENOENT, 4..9, c"no route to the host"),
            ("0,dev:none", ENOENT, 6..10, c"no such device, or no node for this kind of device"),
            ("dev:unknown", ENODEV, 4..11, c"the node of the device is unknown"),
            ("dev:tier", ENOENT, 4..8, c"no such memory tier"),
            ("dev:other", EOPNOTSUPP, 4..9, c"files and hosts are looked up only for this machine"),
            ("dev:kind", ENODEV, 4..8, c"there is no node of this kind"),
        ] {
            assert_eq!(failure(list, false), Some((errno, span, message)), "{list}");
        }
        assert_eq!(failure("0,1,4", false), None);
    }

    #[test]
    fn a_failure_about_cpus_says_so() {
        for (list, errno, span, message) in [
            ("dev:none", EINVAL, 0..8, c"not a number, a range or all"),
            ("3", ENODEV, 0..1, c"no such CPU"),
            ("2", ENODEV, 0..1, c"CPU is not allowed"),
        ] {
            assert_eq!(failure(list, true), Some((errno, span, message)), "{list}");
        }
    }

    #[test]
    fn a_missing_list_or_set_and_one_that_is_too_small_have_texts() {
        assert_eq!(ParseFailure::NO_LIST.message(), c"no list");
        assert_eq!(ParseFailure::NO_SET.message(), c"no mask");
        let failure = ParseFailure::beyond_set(b"!0", None);
        assert_eq!((failure.errno, failure.span.clone()), (Errno(ERANGE), 0..2));
        assert_eq!(failure.message(), c"the list names a number beyond the mask");
        let failure = ParseFailure::beyond_set(b"0,12", Some(&ParseError::OutOfRange { number: 12, rest: b"12" }));
        assert_eq!((failure.errno, failure.span.clone()), (Errno(ERANGE), 2..4));
        assert_eq!(failure.message(), c"number is beyond the mask");
    }
}

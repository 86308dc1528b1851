//! Reads the files of /proc and /sys that describe nodes and CPUs, below any [`Root`].

use super::parse::{CpumapParser, ListParser};
use crate::bitmask::BitsMut;
use crate::nodeset::CpuMask;
use crate::sys::errno;
use crate::sys::files::{self, File, FixedPath};
use crate::sys::root::Root;
use core::ffi::c_int;

/// Passes each byte of a file to `each` until that returns false, and a newline after the last byte.
///
/// Returns whether the file could be read up to there.
pub(super) fn read_bytes(path: &FixedPath, each: &mut dyn FnMut(u8) -> bool) -> bool {
    let mut goes_on = true;
    let complete = files::read_in_chunks(path, files::MAX_SYSFS_FILE, &mut |chunk| {
        goes_on = chunk.iter().all(|&byte| each(byte));
        goes_on
    });
    if goes_on {
        each(b'\n');
    }
    complete
}

/// Reads a file that has a list such as `0-3,8` and passes its ranges, both ends included, to `each`. Returns whether the file could be
/// read.
pub(super) fn read_ranges(file: &FixedPath, each: &mut dyn FnMut((u64, u64))) -> bool {
    let (mut list, mut ended) = (ListParser::default(), false);
    let complete = files::read_in_chunks(file, files::MAX_SYSFS_FILE, &mut |chunk| {
        for &byte in chunk {
            list.byte(byte).into_iter().for_each(&mut *each);
            ended = byte == b'\n';
            if ended {
                break;
            }
        }
        !ended
    });
    list.end().into_iter().for_each(each);
    complete
}

/// Reads a file that has a list into `set`. Returns whether the file could be read.
#[inline(never)]
pub(super) fn read_list(file: &FixedPath, set: BitsMut) -> bool {
    read_ranges(file, &mut |range| insert_range(Some(range), set))
}

/// Reads a file that has a bit map such as `00000000,0000000f` and calls `each` with its members. Returns whether the file could be read.
// Not inlined, because the map takes stack.
#[inline(never)]
pub(super) fn read_cpumap(file: &FixedPath, each: &mut dyn FnMut(usize)) -> bool {
    let mut map = CpumapParser::new();
    let complete = read_bytes(file, &mut |byte| map.byte(byte));
    map.members().for_each(each);
    complete
}

/// Adds the numbers of `range`, both ends included, that are within the set's length.
pub(super) fn insert_range(range: Option<(u64, u64)>, set: BitsMut) {
    let Some((first, last)) = range else { return };
    let room = set.as_bits().length() as u64;
    for number in first..room.min(last.saturating_add(1)) {
        set.set(number as usize);
    }
}

/// Returns the path of a file in /sys/devices/system.
#[inline(never)]
pub(super) fn sysfs_path<'a>(root: Root<'a>, name: &[u8]) -> FixedPath<'a> {
    let mut path = root.path(b"/sys/devices/system/");
    path.text(name);
    path
}

/// Returns the path of a file in the directory of a node.
pub(super) fn node_path<'a>(root: Root<'a>, node: usize, name: &[u8]) -> FixedPath<'a> {
    node_path_in(sysfs_path(root, b"node/"), node, name)
}

/// Returns the path of a file in the directory of a node, by the directory that has those of all nodes.
pub(super) fn node_path_in<'a>(mut nodes: FixedPath<'a>, node: usize, name: &[u8]) -> FixedPath<'a> {
    nodes.text(b"node").decimal(node).text(b"/").text(name);
    nodes
}

/// Reads a file that has one decimal number. Errors are errnos: see [`error_of_reading`].
// In one place: it is called for each attribute.
#[inline(never)]
pub(super) fn read_number(file: &FixedPath) -> Result<u64, c_int> {
    let (mut number, mut has_digits) = (Some(0u64), false);
    let complete = read_bytes(file, &mut |byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            has_digits = true;
            number = number.and_then(|number| number.checked_mul(10)?.checked_add(digit.into()));
        } else if byte != b'\n' {
            number = None;
        }
        byte != b'\n'
    });
    number.filter(|_| complete && has_digits).ok_or_else(|| error_of_reading(file))
}

/// Returns the errno for a file or directory that could not be read: ENODATA if there is none, or it has something that the kernel does
/// not write; or that of open(2), such as EMFILE.
pub(super) fn error_of_reading(file: &FixedPath) -> c_int {
    // What another machine lacks is unknown; but descriptors may be short.
    let path = if file.root().is_running() { file.as_c_str() } else { c"/" };
    match files::error_of_opening(path) {
        None | Some(errno::ENOENT | errno::ENOTDIR) => errno::ENODATA,
        Some(error) => error,
    }
}

/// Returns whether there is a file or directory. Errors are errnos: that of open(2), unless that says that there is none.
pub(super) fn is_there(path: &FixedPath) -> Result<bool, c_int> {
    match open(path) {
        Ok(_) => Ok(true),
        Err(errno::ENODATA) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opens a file or directory that describes a machine. Errors are errnos: see [`error_of_reading`].
pub(super) fn open(path: &FixedPath) -> Result<File, c_int> {
    File::open_of_machine(path).ok_or_else(|| error_of_reading(path))
}

/// Returns the number in a name such as `node7`: `prefix` and decimal digits, without a leading 0.
pub(super) fn number_after(prefix: &[u8], name: &[u8]) -> Option<u32> {
    parse_decimal(files::strip_prefix(prefix, name)?)
}

/// Parses a decimal number that the kernel would write: digits alone, without a leading 0. Returns `None` for other text and for what
/// exceeds an int.
pub(super) fn parse_decimal(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || matches!(digits, [b'0', _, ..]) {
        return None;
    }
    let append = |number: u32, &byte: &u8| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| number.checked_mul(10)?.checked_add(digit.into()))?
    };
    digits.iter().try_fold(0, append).filter(|&number| c_int::try_from(number).is_ok())
}

/// Reads a list and returns its highest number plus one; 0 if it is empty or cannot be read.
#[inline(never)]
pub(super) fn list_end(file: &FixedPath) -> usize {
    let set = CpuMask::new();
    read_list(file, set.bits());
    set.bits().as_bits().highest().map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodeset::{MAX_CPUS, MAX_NUMNODES, NodeMask};
    use crate::sys::testing::MemoryFile;

    #[test]
    fn lists_are_read_as_far_as_there_is_room_however_they_end() {
        let long = (0..MAX_CPUS).map(|cpu| cpu.to_string()).collect::<Vec<_>>().join(",");
        for (text, nodes, cpus) in [
            ("0-18446744073709551615\n", 0..MAX_NUMNODES, 0..MAX_CPUS),
            ("1000-99999999999999999999999\n", 1000..MAX_NUMNODES, 1000..MAX_CPUS),
            ("99999999999999999999,7\n", 7..8, 7..8),
            ("1020-1030\n", 1020..MAX_NUMNODES, 1020..1031),
            ("3-5", 3..6, 3..6),
            ("3-5\0\n9", 3..6, 3..6),
            ("3\x004\x005,", 3..6, 3..6),
            ("5-3\n", 0..0, 0..0),
            ("", 0..0, 0..0),
            (&long, 0..MAX_NUMNODES, 0..MAX_CPUS),
        ] {
            let (file, node_set, cpu_set) = (MemoryFile::holding(text.as_bytes()), NodeMask::new(), CpuMask::new());
            assert!(read_list(&file.path(), node_set.bits()) && read_list(&file.path(), cpu_set.bits()));
            assert!(node_set.bits().as_bits().iter().eq(nodes), "{text:?}");
            assert!(cpu_set.bits().as_bits().iter().eq(cpus), "{text:?}");
        }
    }

    #[test]
    fn a_file_with_anything_but_one_number_has_no_data() {
        let number = |text: &str| read_number(&MemoryFile::holding(text.as_bytes()).path());
        for (text, expected) in
            [("0\n", 0), ("204800\n", 204800), ("007", 7), ("18446744073709551615\n", u64::MAX), ("5\n6\n", 5)]
        {
            assert_eq!(number(text), Ok(expected), "{text:?}");
        }
        for text in [
            "",
            "\n",
            "\n5\n",
            "-1\n",
            "5 \n",
            " 5\n",
            "5 kB\n",
            "0x5\n",
            "18446744073709551616\n",
            "5\0\n",
            &"9".repeat(200_000),
        ] {
            assert_eq!(number(text), Err(errno::ENODATA), "{text:?}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_opened_has_no_data_or_the_errno_of_opening_it() {
        assert_eq!(read_number(&FixedPath::new(b"/sys/there is no such file")), Err(errno::ENODATA));
        assert_eq!(read_number(&FixedPath::new(b"/proc/version/none")), Err(errno::ENODATA));
        assert_eq!(read_number(&FixedPath::new(&[b'/'; 200])), Err(errno::ENODATA));
        assert_eq!(is_there(&FixedPath::new(b"/sys/there is no such file")), Ok(false));
        assert_eq!(is_there(&FixedPath::new(b"/proc/self")), Ok(true));
    }

    #[test]
    fn numbers_in_names_are_written_as_the_kernel_does() {
        assert_eq!(number_after(b"memory_tier", b"memory_tier4"), Some(4));
        for (name, number) in [("node0", Some(0)), ("node1023", Some(1023)), ("node2147483647", Some(i32::MAX as u32))]
        {
            assert_eq!(number_after(b"node", name.as_bytes()), number, "{name}");
        }
        for name in [
            "",
            "nod",
            "node",
            "node-1",
            "node01",
            "node+1",
            "node1 ",
            "node 1",
            "node2147483648",
            "node99999999999",
            "xnode1",
        ] {
            assert_eq!(number_after(b"node", name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn a_range_is_added_as_far_as_there_is_room() {
        let nodes = NodeMask::new();
        insert_range(Some((1020, u64::MAX)), nodes.bits());
        insert_range(Some((5, 3)), nodes.bits());
        insert_range(None, nodes.bits());
        assert!(nodes.bits().as_bits().iter().eq(1020..1024));
    }
}

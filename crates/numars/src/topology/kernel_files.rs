//! Reads the files of /proc and /sys that describe nodes and CPUs, below any [`Root`].

use super::parse::{CpumapParser, ListParser};
use crate::bitmask::BitsMut;
use crate::nodeset::CpuSet;
use crate::sys::files::{self, FixedPath};
use crate::sys::root::Root;

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

/// Reads a list and returns its highest number plus one; 0 if it is empty or cannot be read.
#[inline(never)]
pub(super) fn list_end(file: &FixedPath) -> usize {
    let set = CpuSet::new();
    read_list(file, set.bits());
    set.bits().as_bits().highest().map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodeset::{MAX_CPUS, MAX_NUMNODES, NodeSet};
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
            let (file, node_set, cpu_set) = (MemoryFile::holding(text.as_bytes()), NodeSet::new(), CpuSet::new());
            assert!(read_list(&file.path(), node_set.bits()) && read_list(&file.path(), cpu_set.bits()));
            assert!(node_set.bits().as_bits().iter().eq(nodes), "{text:?}");
            assert!(cpu_set.bits().as_bits().iter().eq(cpus), "{text:?}");
        }
    }

    #[test]
    fn a_range_is_added_as_far_as_there_is_room() {
        let nodes = NodeSet::new();
        insert_range(Some((1020, u64::MAX)), nodes.bits());
        insert_range(Some((5, 3)), nodes.bits());
        insert_range(None, nodes.bits());
        assert!(nodes.bits().as_bits().iter().eq(1020..1024));
    }
}

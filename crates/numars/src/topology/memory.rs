//! The memory of a node.

use super::kernel_files::node_path;
use super::parse::{Field, NumberParser};
use crate::sys::errno;
use crate::sys::files::{self, FixedPath};
use crate::sys::root::Root;
use core::ffi::c_int;

/// The memory of a node in bytes, as its file meminfo has it. See [`Topology::memory_of_node`](super::Topology::memory_of_node).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeMemory {
    /// All memory that the node has (MemTotal).
    pub total: u64,
    /// Memory that is free at this moment (MemFree).
    pub free: u64,
}

impl NodeMemory {
    /// Reads the memory of a node. Errors are errnos: ENOENT if there is no such node.
    pub(super) fn read(root: Root, node: usize) -> Result<Self, c_int> {
        let meminfo = node_path(root, node, b"meminfo");
        Self::parse(&meminfo).ok_or_else(|| {
            let error = if root.is_running() { files::error_of_opening(meminfo.as_c_str()) } else { None };
            error.unwrap_or(errno::ENOENT)
        })
    }

    /// Parses a file meminfo.
    pub(super) fn parse(meminfo: &FixedPath) -> Option<Self> {
        let fields = [&b"MemTotal:"[..], b"MemFree:"];
        let mut parsers = fields.map(|name| (Field::new(2, name), NumberParser::default(), None));
        let complete = files::read_in_chunks(meminfo, files::MAX_SYSFS_FILE, &mut |chunk| {
            for (field, number, kibibytes) in &mut parsers {
                field.feed(chunk, |value| {
                    *kibibytes = value.iter().fold(*kibibytes, |found, &byte| found.or(number.byte(byte)));
                });
            }
            // They are the first of some thirty lines.
            parsers.iter().any(|(field, ..)| !field.done())
        });
        let [total, free] = parsers.map(|(_, _, kibibytes)| kibibytes.map(|amount: u64| amount.saturating_mul(1024)));
        complete.then_some(NodeMemory { total: total?, free: free.unwrap_or(0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::MemoryFile;

    #[test]
    fn numbers_that_are_too_large_stay_at_the_largest() {
        let meminfo =
            MemoryFile::holding(b"Node 0 MemTotal: 99999999999999999999 kB\nNode 0 MemFree: 18014398509481984 kB\n");
        let memory = NodeMemory::parse(&meminfo.path()).unwrap();
        assert_eq!((memory.total, memory.free), (u64::MAX, u64::MAX));
    }
}

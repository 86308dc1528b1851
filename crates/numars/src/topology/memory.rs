//! The memory of a node.

use super::kernel_files::{node_path, read_number};
use super::parse::{Field, NumberParser};
use crate::sys::errno;
use crate::sys::files::{self, FixedPath};
use crate::sys::memory::page_size;
use crate::sys::root::Root;
use core::ffi::c_int;
use core::num::NonZeroUsize;
use once_cell::race::OnceNonZeroUsize;

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

/// Returns the size of a transparent huge page in bytes, of the running system. Errno is left untouched.
///
/// ```
/// assert!(numars::topology::huge_page_size().is_power_of_two());
/// ```
pub fn huge_page_size() -> usize {
    static SIZE: OnceNonZeroUsize = OnceNonZeroUsize::new();
    // Without the file: a table of 64-bit entries that fills a page maps so much.
    let usual = NonZeroUsize::new(page_size() / 8 * page_size()).unwrap_or(NonZeroUsize::MIN);
    SIZE.get_or_init(|| {
        let file = Root::RUNNING.path(b"/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");
        errno::preserve_errno(|| read_size(&file)).unwrap_or(usual)
    })
    .get()
}

/// Reads a file that has a size, a power of two of at least a page.
fn read_size(file: &FixedPath) -> Option<NonZeroUsize> {
    let size = usize::try_from(read_number(file).ok()?).ok()?;
    NonZeroUsize::new(size).filter(|_| size.is_power_of_two() && size >= page_size())
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

    #[test]
    fn the_size_of_a_huge_page_is_a_power_of_two() {
        for (text, size) in [
            ("2097152\n", Some(2 << 20)),
            ("1073741824", Some(1 << 30)),
            ("2097153\n", None),
            ("1024\n", None),
            ("0\n", None),
            ("\n", None),
            ("99999999999999999999\n", None),
        ] {
            let file = MemoryFile::holding(text.as_bytes());
            assert_eq!(read_size(&file.path()).map(NonZeroUsize::get), size, "{text:?}");
        }
    }
}

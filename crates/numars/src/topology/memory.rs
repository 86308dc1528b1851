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

/// The memory of a node in bytes, as its file meminfo has it. See [`Topology::memory`](crate::Topology::memory).
///
/// ```
/// use numars::Topology;
/// let topology = Topology::read()?;
/// for node in topology.nodes_with_memory() {
///     if let Ok(memory) = topology.memory(node) {
///         assert!(memory.total() > 0 && memory.free() <= memory.total());
///     }
/// }
/// # Ok::<(), numars::Errno>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeMemory {
    pub(super) total: u64,
    pub(super) free: u64,
}

impl NodeMemory {
    /// Returns how many bytes of memory the node has (MemTotal).
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Returns how many bytes of it were free when they were read (MemFree).
    pub fn free(&self) -> u64 {
        self.free
    }

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
                let (value, _) = field.feed(chunk);
                *kibibytes = value.iter().fold(*kibibytes, |found, &byte| found.or(number.byte(byte)));
            }
            // They are the first of some thirty lines.
            parsers.iter().any(|(field, ..)| !field.done())
        });
        let [total, free] = parsers.map(|(_, _, kibibytes)| kibibytes.map(|amount: u64| amount.saturating_mul(1024)));
        complete.then_some(NodeMemory { total: total?, free: free.unwrap_or(0) })
    }
}

/// Returns the size of a transparent huge page in bytes, of the running system; 2 MiB if it is not known. Errno is left untouched.
pub fn huge_page_size() -> usize {
    match pmd_size() {
        0 => 2 << 20,
        size => size,
    }
}

/// Returns how many bytes of memory an entry of a page middle directory maps: a transparent huge page, or a page of hugetlb memory. 0 if that
/// is not known.
pub(crate) fn pmd_size() -> usize {
    size_by_architecture(page_size()).unwrap_or_else(|| {
        static SIZE: OnceNonZeroUsize = OnceNonZeroUsize::new();
        const UNKNOWN: NonZeroUsize = NonZeroUsize::MIN;
        let file = Root::RUNNING.path(b"/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");
        let read = || errno::preserve_errno(|| read_size(&file)).unwrap_or(UNKNOWN);
        // 0 for UNKNOWN.
        SIZE.get_or_init(read).get() & !1
    })
}

/// Returns the result of [`pmd_size`] where the size of a base page determines it, so that no file has to be read. On powerpc64 it depends on
/// the MMU, on 32-bit machines on the page tables, which may be those of a 64-bit kernel.
fn size_by_architecture(page_size: usize) -> Option<usize> {
    if cfg!(target_arch = "x86_64") {
        Some(2 << 20)
    } else if cfg!(target_arch = "s390x") {
        Some(1 << 20)
    } else if cfg!(target_arch = "powerpc64") || usize::BITS < 64 {
        None
    } else {
        // A table of entries of eight bytes fills a page.
        Some(page_size / 8 * page_size)
    }
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
    fn a_pmd_maps_as_much_as_the_kernel_says() {
        let file = Root::RUNNING.path(b"/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");
        if let Some(size) = read_size(&file) {
            assert_eq!((pmd_size(), huge_page_size()), (size.get(), size.get()));
        }
        if cfg!(any(target_arch = "aarch64", target_arch = "riscv64", target_arch = "loongarch64")) {
            let sizes = [4, 16, 64].map(|kibibytes| size_by_architecture(kibibytes << 10));
            assert_eq!(sizes, [Some(2 << 20), Some(32 << 20), Some(512 << 20)]);
        }
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

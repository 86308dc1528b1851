//! The interface between the mover and the kernel. [`TargetPid`](super::target::TargetPid) implements it with system calls, the tests with a
//! model.

use super::page_state::PageState;
use super::vma::Mappings;
use crate::bitmask::Bits;
use crate::mempolicy::Mode;
use crate::sys::move_request::MoveRequest;
use crate::sys::{clock, errno};
use core::sync::atomic::AtomicI32;

/// The operations that the mover needs on one process. Errors are errnos.
pub trait MovePagesOps: Sync {
    /// Upper bound for the entries of a batch, so that its scratch memory stays below 4 MiB.
    const MAX_ENTRIES: usize = 65_536;

    /// The present pages of an address range.
    type Walk: PresentPages;

    /// Writes the node of each page into `nodes`, or a negative errno: move_pages(2) without nodes.
    fn query_nodes(&self, pages: &[usize], nodes: &mut [i32], flags: i32) -> Result<(), i32>;
    /// Moves each page to the node at its index. Returns the result of move_pages(2).
    fn move_pages(&self, pages: &[usize], nodes: &[i32], status: &[AtomicI32], flags: i32) -> Result<usize, i32>;
    /// Submits a request whose arrays were not checked.
    fn submit(&self, request: MoveRequest, flags: i32) -> Result<usize, i32>;
    /// Writes the state of each page's page table entry into `states`.
    fn page_states(&self, pages: &[usize], states: &mut [PageState]);
    /// Writes the number of base pages of each page into `sizes`. Returns false, with `sizes` undefined, if the kernel does not show it.
    fn page_sizes(&self, _pages: &[usize], _sizes: &mut [u32]) -> bool {
        false
    }
    /// Starts to walk the pages that overlap `length` bytes at `start`, except those from `excluded.0` to before `excluded.1`. Returns `None`
    /// if the range exceeds the address space.
    fn walk(&self, start: usize, length: usize, page_bits: u32, excluded: (usize, usize)) -> Option<Self::Walk>;
    /// Returns the mappings of the process, from the first one on; `with_sizes` those with the sizes of their pages.
    fn mappings(&self, _with_sizes: bool) -> Mappings {
        Mappings::unknown()
    }
    /// Sets the memory policy of the mapped parts of a range, or `without_files` of those that map no file, for pages that are allocated from
    /// now on. Returns EINVAL for another process.
    fn set_policy(
        &self,
        _start: usize,
        _length: usize,
        _mode: Mode,
        _nodes: Bits,
        _without_files: bool,
    ) -> Result<(), i32> {
        Err(errno::EINVAL)
    }
    /// Returns whether the process is the calling one.
    fn is_current(&self) -> bool;
    /// Returns whether the process is known to have ended.
    fn has_ended(&self) -> bool {
        false
    }
    /// Takes a page fault that is due on a present page, without changing its contents.
    fn fault_in(&self, _page: usize) {}
    /// Sleeps for less than a second.
    fn pause(&self, microseconds: u32) {
        clock::pause(microseconds);
    }
    /// Returns the nanoseconds of a clock that never goes back.
    fn now_ns(&self) -> u64 {
        clock::nanoseconds()
    }
    /// Returns the nanoseconds for which the calling thread has run.
    fn cpu_ns(&self) -> u64 {
        clock::thread_nanoseconds()
    }
}

/// The present pages of an address range, in ascending order. An entry stands for a base page or a huge page.
pub trait PresentPages {
    /// Fills `pages` with the next entries, which have at most `base_pages_left` base pages in total. Returns their number. `scratch` is for
    /// the kernel's output.
    fn fill(&mut self, pages: &mut [usize], base_pages_left: usize, scratch: &mut [usize]) -> usize;
    /// Returns whether no entries are left.
    fn is_done(&self) -> bool;
    /// Restarts at the first page.
    fn rewind(&mut self);
    /// Returns the number of base pages that an entry stands for.
    fn base_pages(&self, entry: usize) -> usize;
    /// Returns whether huge pages are entries of their own, as far as the last call of `fill` could find out.
    fn shows_huge_pages(&self) -> bool {
        true
    }
    /// Returns the address of the first base page of an entry.
    fn address(&self, entry: usize) -> usize;
    /// Returns the binary logarithm of the number of base pages of the page that an entry stands for, also if the range ends inside of it.
    fn order(&self, entry: usize) -> u32;
    /// Calls `each` with the index of every entry that stands for a huge page which is no longer mapped as one.
    fn find_split(&mut self, entries: &[usize], scratch: &mut [usize], each: &mut dyn FnMut(usize));
    /// Returns whether the page belongs to a mapping that the kernel made for itself, such as \[vdso\].
    fn is_kernel_mapping(&mut self, entry: usize) -> bool;
    /// Returns whether /proc does not show which pages are present and the range is too large to query each address.
    fn lacks_proc(&self) -> bool;
    /// Returns whether the address space no longer exists, because the process has ended or executed another program.
    fn is_mm_gone(&self) -> bool;
    /// Returns the errno that kept pages from being listed; 0 if none did.
    fn error(&self) -> i32;
}

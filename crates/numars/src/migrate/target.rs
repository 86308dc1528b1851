//! The process whose pages are moved, and the system calls of the mover.

use super::ops::MovePagesOps;
use super::page_sizes;
use super::page_state::{self, PageState};
use super::page_walk::PageWalk;
use super::process::ProcHandle;
use super::tagged::untagged;
use super::vma::{Mappings, VmaReader};
use crate::bitmask::Bits;
use crate::mempolicy::Mode;
use crate::sys::errno::Errno;
use crate::sys::move_request::MoveRequest;
use crate::sys::uaccess;
use crate::sys::{errno, kernel, memory};
use core::sync::atomic::AtomicI32;

/// Returns the upper bound for the entries of a query. A 64-bit kernel before 6.16 writes wrong statuses after the 16th for a 32-bit program.
pub(super) const fn max_query() -> usize {
    if usize::BITS < 64 { 16 } else { usize::MAX }
}

/// A process, by its PID (0: the calling one).
pub struct TargetPid {
    pid: i32,
    handle: ProcHandle,
}

impl TargetPid {
    /// Returns the process for the move of a list, which is not identified: only system calls use the PID.
    pub fn new(pid: i32) -> Self {
        TargetPid { pid, handle: if pid == 0 { ProcHandle::Current } else { ProcHandle::Unknown } }
    }

    /// Identifies the process, for moves that need its files in /proc. If another process gets its PID later, calls fail with ESRCH.
    pub fn identify(pid: i32) -> Self {
        let handle = ProcHandle::find(pid);
        TargetPid { pid: if handle.is_current() { 0 } else { pid }, handle }
    }

    /// Returns the PID for the next system call, or ESRCH if the process has ended.
    fn pid(&self) -> Result<i32, i32> {
        if self.handle.has_ended() { Err(errno::ESRCH) } else { Ok(self.pid) }
    }

    /// Calls `work` with the process in /proc, which is searched for if it is not identified.
    fn with_proc(&self, work: &mut dyn FnMut(&ProcHandle)) {
        match &self.handle {
            ProcHandle::Unknown => work(&ProcHandle::find(self.pid)),
            handle => work(handle),
        }
    }

    /// Calls move_pages(2) with this PID, or with the TID of a living thread if the first thread of the process has ended.
    #[inline(never)]
    fn call(&self, mut pid: i32, request: MoveRequest, flags: i32) -> Result<usize, i32> {
        /// Upper bound for the threads that are addressed, because one after the other may end.
        const MAX_ATTEMPTS: usize = 64;
        let mut outcome = Err(errno::ESRCH);
        for _ in 0..MAX_ATTEMPTS {
            outcome = kernel::move_pages(pid, &request, flags).map_err(|Errno(error)| error);
            if outcome != Err(errno::EINVAL) && (outcome != Err(errno::ESRCH) || pid == self.pid) {
                break;
            }
            let next = match self.handle {
                // For a list, the kernel's error stands if /proc does not help.
                ProcHandle::Unknown => ProcHandle::find(self.pid).pid_for_calls(self.pid).unwrap_or(pid),
                _ => self.handle.pid_for_calls(self.pid)?,
            };
            if next == pid {
                break;
            }
            pid = next;
        }
        outcome
    }
}

/// Calls `each` with at most as many pages at a time as `chunk` returns. Stops at the first error.
pub(super) fn for_each_chunk(
    mut pages: &[usize],
    mut status: &mut [i32],
    chunk: impl Fn() -> usize,
    mut each: impl FnMut(&[usize], &mut [i32]) -> Result<(), i32>,
) -> Result<(), i32> {
    while !pages.is_empty() {
        let count = pages.len().min(chunk());
        debug_assert!(count > 0 && count <= status.len());
        let Some((chunk_pages, other_pages)) = pages.split_at_checked(count) else { break };
        let Some((chunk_status, other_status)) = status.split_at_mut_checked(count) else { break };
        each(chunk_pages, chunk_status)?;
        (pages, status) = (other_pages, other_status);
    }
    Ok(())
}

impl MovePagesOps for TargetPid {
    type Walk = PageWalk;

    fn query_nodes(&self, pages: &[usize], nodes: &mut [i32], flags: i32) -> Result<(), i32> {
        let pid = self.pid()?;
        for_each_chunk(pages, nodes, max_query, |pages, status| {
            self.call(pid, MoveRequest::query(pages, status), flags).map(|_| ())
        })
    }

    fn move_pages(&self, pages: &[usize], nodes: &[i32], status: &[AtomicI32], flags: i32) -> Result<usize, i32> {
        self.submit(MoveRequest::shared(pages, nodes, status), flags)
    }

    fn submit(&self, request: MoveRequest, flags: i32) -> Result<usize, i32> {
        self.call(self.pid()?, request, flags)
    }

    fn page_states(&self, pages: &[usize], states: &mut [PageState]) {
        let page_bits = memory::page_size().trailing_zeros();
        self.with_proc(&mut |handle| page_state::page_states(handle, pages, page_bits, states));
    }

    fn page_sizes(&self, pages: &[usize], sizes: &mut [u32]) -> bool {
        let page_bits = memory::page_size().trailing_zeros();
        let mut is_known = false;
        self.with_proc(&mut |handle| {
            let pagemap = page_state::open_pagemap(handle);
            is_known = pagemap.is_some_and(|pagemap| page_sizes::page_sizes(&pagemap, pages, page_bits, sizes));
        });
        is_known
    }

    fn walk(&self, start: usize, length: usize, page_bits: u32, excluded: (usize, usize)) -> Option<PageWalk> {
        let excluded = if self.handle.is_current() { excluded } else { (0, 0) };
        PageWalk::new(&self.handle, start, length, page_bits, excluded)
    }

    fn mappings(&self, with_sizes: bool) -> Mappings {
        let name: &[u8] = if with_sizes { b"smaps" } else { b"maps" };
        let mappings = Mappings::new(self.handle.open_file(name), with_sizes);
        if mappings.is_known() {
            return mappings;
        }
        // The first thread has ended.
        Mappings::new(self.handle.open_file_of_living_thread(name), with_sizes)
    }

    // Not inlined: callers have little stack.
    #[inline(never)]
    fn set_policy(&self, start: usize, length: usize, mode: Mode, nodes: Bits, without_files: bool) -> Result<(), i32> {
        if !self.is_current() {
            return Err(errno::EINVAL);
        }
        let start = untagged(start, &self.handle)?;
        let first = start & !(memory::page_size() - 1);
        let end = start.saturating_add(length);
        let mut vmas = VmaReader::new(self.handle.open_file(b"maps"));
        let mut any = false;
        while let Some(vma) = vmas.next_with_file() {
            any = true;
            let (part_start, part_end) = (vma.start.max(first), vma.end.min(end));
            if part_start >= part_end || without_files && vma.has_file() {
                continue;
            }
            // Of the process's own memory: pages keep their contents.
            if kernel::mbind(part_start, part_end - part_start, mode as i32, nodes, 0) != 0 {
                match Errno::last() {
                    // Without the list of mappings, or if one is gone meanwhile.
                    Errno(errno::EFAULT) => {}
                    Errno(error) => return Err(error),
                }
            }
        }
        match vmas.error {
            // This process has mappings: the file is not the kernel's.
            0 if !any => Err(errno::ENOENT),
            0 => Ok(()),
            error => Err(error),
        }
    }

    fn is_current(&self) -> bool {
        self.handle.is_current() || ProcHandle::find(self.pid).is_current()
    }

    fn has_ended(&self) -> bool {
        self.handle.has_ended()
    }

    fn fault_in(&self, page: usize) {
        if let Ok(pid) = self.pid() {
            uaccess::fault_in(pid, page);
        }
    }
}

//! The process whose pages are moved, and the system calls that move them.

use super::ops::MovePagesOps;
use super::page_state::{self, PageState};
use super::page_walk::PageWalk;
use super::process::ProcHandle;
use crate::sys::errno::Errno;
use crate::sys::move_request::MoveRequest;
use crate::sys::uaccess;
use crate::sys::{clock, errno, kernel, memory};
use core::sync::atomic::AtomicI32;

/// A process, by its PID; 0 is the calling one.
pub struct TargetPid {
    pid: i32,
    handle: ProcHandle,
}

impl TargetPid {
    /// For lists of pages: the PID is all that is looked at.
    pub fn new(pid: i32) -> Self {
        TargetPid { pid, handle: if pid == 0 { ProcHandle::Current } else { ProcHandle::Unknown } }
    }

    /// For calls that look in /proc which pages there are. It remains the same process: if another one gets its PID, calls fail with
    /// ESRCH.
    pub fn identify(pid: i32) -> Self {
        let handle = ProcHandle::find(pid);
        TargetPid { pid: if handle.is_current() { 0 } else { pid }, handle }
    }

    /// Returns the PID for the next call of the kernel.
    fn pid(&self) -> Result<i32, i32> {
        if self.handle.has_ended() { Err(errno::ESRCH) } else { Ok(self.pid) }
    }

    /// Calls move_pages(2) by this PID, or by a living thread's TID if the process's first thread has ended.
    #[inline(never)]
    fn call(&self, mut pid: i32, request: MoveRequest, flags: i32) -> Result<usize, i32> {
        /// Threads may end one after the other.
        const MAX_ATTEMPTS: usize = 64;
        let mut outcome = Err(errno::ESRCH);
        for _ in 0..MAX_ATTEMPTS {
            outcome = kernel::move_pages(pid, &request, flags).map_err(|Errno(error)| error);
            if outcome != Err(errno::EINVAL) && (outcome != Err(errno::ESRCH) || pid == self.pid) {
                break;
            }
            let next = match self.handle {
                // For a list, it is the kernel that says what is wrong.
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

/// Calls `each` for at most `at_once` pages at a time, until there is an error.
pub(super) fn for_each_chunk(
    mut pages: &[usize],
    mut status: &mut [i32],
    chunk: usize,
    mut each: impl FnMut(&[usize], &mut [i32]) -> Result<(), i32>,
) -> Result<(), i32> {
    while !pages.is_empty() {
        let count = pages.len().min(chunk);
        debug_assert!(count > 0 && count <= status.len());
        let Some((these, others)) = pages.split_at_checked(count) else { break };
        let Some((nodes, rest)) = status.split_at_mut_checked(count) else { break };
        each(these, nodes)?;
        (pages, status) = (others, rest);
    }
    Ok(())
}

impl MovePagesOps for TargetPid {
    type Walk = PageWalk;

    fn query_nodes(&self, pages: &[usize], nodes: &mut [i32], flags: i32) -> Result<(), i32> {
        // A 32-bit program gets wrong statuses beyond 16 from a 64-bit kernel before 6.16.
        let chunk = if usize::BITS == 32 { 16 } else { usize::MAX };
        let pid = self.pid()?;
        for_each_chunk(pages, nodes, chunk, |pages, status| {
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
        match &self.handle {
            ProcHandle::Unknown => page_state::page_states(&ProcHandle::find(self.pid), pages, page_bits, states),
            handle => page_state::page_states(handle, pages, page_bits, states),
        }
    }

    fn walk(&self, start: usize, length: usize, page_bits: u32, excluded: (usize, usize)) -> Option<PageWalk> {
        let excluded = if self.handle.is_current() { excluded } else { (0, 0) };
        PageWalk::new(&self.handle, start, length, page_bits, excluded)
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

    fn pause(&self, microseconds: u32) {
        clock::pause(microseconds);
    }
}

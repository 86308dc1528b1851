//! A process by file descriptor: unlike its PID, it never means another one.
//!
//! References: pidfd_open(2), poll(2).

use super::errno::{self, preserve_errno};
use super::files::File;
use core::ffi::c_int;
use core::ptr::null;

/// A descriptor of pidfd_open(2).
pub struct PidFd(File);

impl PidFd {
    /// Opens the process, or thread, with this PID. Errors are errnos: ENOSYS before Linux 5.3.
    pub fn open(pid: i32) -> Result<PidFd, c_int> {
        /// Since Linux 6.9. Before, only processes can be opened.
        const PIDFD_THREAD: c_int = libc::O_EXCL;
        open(pid, 0).or_else(|error| match error {
            // What kernels say about a thread that is not the first of its process.
            errno::EINVAL | errno::ENOENT => open(pid, PIDFD_THREAD),
            _ => Err(error),
        })
    }

    /// Returns the number of the file descriptor.
    pub fn descriptor(&self) -> usize {
        self.0.descriptor()
    }

    /// Returns true if the process is known to have ended.
    pub fn has_ended(&self) -> bool {
        // A timespec of any size, all zero: don't wait. The call writes to it, and QEMU fails if it cannot.
        let mut no_time = [0u64; 2];
        let mut poll = libc::pollfd { fd: self.0.descriptor() as c_int, events: libc::POLLIN, revents: 0 };
        let count: usize = 1;
        preserve_errno(|| {
            // SAFETY: one structure, and as much time as the kernel reads; no signal mask.
            let ready =
                unsafe { libc::syscall(libc::SYS_ppoll, &raw mut poll, count, &raw mut no_time, null::<u8>(), 0usize) };
            ready == 1 && poll.revents & (libc::POLLIN | libc::POLLHUP) != 0
        })
    }
}

fn open(pid: i32, flags: c_int) -> Result<PidFd, c_int> {
    // SAFETY: two numbers. Descriptors that this call opens are closed by exec.
    File::from_result(|| unsafe { libc::syscall(libc::SYS_pidfd_open, pid, flags) }).map(PidFd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_process_that_has_ended_is_recognised() {
        assert!(PidFd::open(std::process::id() as i32).is_ok_and(|own| !own.has_ended()));
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let pidfd = PidFd::open(child.id() as i32).unwrap();
        assert!(!pidfd.has_ended());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(pidfd.has_ended());
        assert_eq!(PidFd::open(child.id() as i32).err(), Some(errno::ESRCH));
    }
}

//! The process that a call is about.

use crate::migrate;
use crate::sys::errno::Errno;
use crate::sys::process;
use core::fmt;

/// A process, by its PID. Threads of a process share its memory: the TID of a thread stands for its process.
///
/// # Reuse of PIDs
/// A process keeps its PID until its parent has waited for it; afterwards, a new process may get it. A call that moves or counts the pages of a
/// range or of a process opens the process when it begins, and ends if that one ends meanwhile (ESRCH, but see
/// [`process_pages`](crate::Move::process_pages)): it does not continue with another one. [`nodes_of_pages`](Process::nodes_of_pages) and
/// [`Move::pages`](crate::Move::pages) rely on the PID alone.
///
/// The PID can still be reused before the call starts. The PID is certain if the process is a child that was not waited for, or if a pidfd of
/// it does not report its end (poll(2)) after the call. `Process::from_pidfd` and [`from_raw_pidfd`](Process::from_raw_pidfd) read the PID
/// once and do not keep the descriptor.
///
/// ```
/// use numars::{Errno, Process};
/// let process = Process::try_from(std::process::id())?;
/// assert!(process.is_current() && Process::CURRENT.is_current());
/// assert_eq!(Process::from_pid(0), Err(Errno::EINVAL));
/// # Ok::<(), Errno>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Process {
    /// 0: the calling process.
    pid: i32,
}

impl Process {
    /// The calling process. In a child of fork(2), it is the child.
    ///
    /// ```
    /// use numars::Process;
    /// assert_eq!(Process::CURRENT.pid(), std::process::id() as i32);
    /// assert_eq!(Process::default(), Process::CURRENT);
    /// ```
    pub const CURRENT: Process = Process { pid: 0 };

    /// Returns the process with this PID in the PID namespace of the caller. Whether there is one is checked by the calls that get it.
    /// PIDs of std are `u32`: use `Process::try_from` for them.
    ///
    /// # Errors
    /// EINVAL if the PID is not positive.
    ///
    /// ```
    /// use numars::{Errno, Process};
    /// assert_eq!(Process::from_pid(1)?.pid(), 1);
    /// assert_eq!([0, -1].map(Process::from_pid), [Err(Errno::EINVAL); 2]);
    /// # Ok::<(), Errno>(())
    /// ```
    pub const fn from_pid(pid: i32) -> Result<Process, Errno> {
        if pid > 0 { Ok(Process { pid }) } else { Err(Errno::EINVAL) }
    }

    /// Returns the process that a descriptor of pidfd_open(2) or clone(2) refers to. See [reuse of PIDs](Process#reuse-of-pids).
    ///
    /// # Errors
    /// ESRCH if the process was waited for after its end, or is not in the PID namespace of the caller, EINVAL if the descriptor is not a pidfd, ENOENT if /proc is
    /// not mounted, EBADF if /proc does not show the descriptor.
    ///
    /// ```
    /// use numars::{Errno, Process};
    /// let file = std::fs::File::open("/proc/self/maps").unwrap();
    /// assert_eq!(Process::from_pidfd(&file), Err(Errno::EINVAL)); // Not a pidfd.
    /// ```
    #[cfg(feature = "std")]
    pub fn from_pidfd(pidfd: impl std::os::fd::AsFd) -> Result<Process, Errno> {
        use std::os::fd::AsRawFd;
        Process::from_raw_pidfd(pidfd.as_fd().as_raw_fd())
    }

    /// Returns the process that a descriptor of pidfd_open(2) refers to, by the number of the descriptor, which is read, not kept or closed.
    ///
    /// # Errors
    /// ESRCH if the process was waited for after its end, or is not in the PID namespace of the caller; EINVAL if the descriptor is not a pidfd;
    /// ENOENT if /proc is not mounted; EBADF if the descriptor is not open, or /proc does not show it.
    ///
    /// ```
    /// use numars::{Errno, Process};
    /// assert_eq!(Process::from_raw_pidfd(-1), Err(Errno::EBADF));
    /// ```
    pub fn from_raw_pidfd(pidfd: i32) -> Result<Process, Errno> {
        migrate::pid_of_descriptor(pidfd).map_err(Errno).and_then(Process::from_pid)
    }

    /// Returns the PID.
    ///
    /// ```
    /// use numars::{Errno, Process};
    /// assert_eq!(Process::CURRENT.pid(), std::process::id() as i32);
    /// assert_eq!(Process::from_pid(4711)?.pid(), 4711);
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn pid(self) -> i32 {
        if self.pid == 0 { process::ids().0 } else { self.pid }
    }

    /// Returns whether this is the calling process.
    ///
    /// ```
    /// use numars::{Errno, Process};
    /// let own = Process::try_from(std::process::id())?;
    /// assert!(own.is_current() && !Process::from_pid(i32::MAX)?.is_current());
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn is_current(self) -> bool {
        self.pid == 0 || self.pid == process::ids().0
    }

    /// Returns the PID as the kernel takes it; 0: the calling process.
    pub(crate) fn raw(self) -> i32 {
        self.pid
    }
}

impl TryFrom<u32> for Process {
    type Error = Errno;

    /// Returns the process with this PID, as [`std::process::id`](https://doc.rust-lang.org/std/process/fn.id.html) has it.
    ///
    /// # Errors
    /// EINVAL if the PID is 0 or larger than a PID can be.
    ///
    /// ```
    /// use numars::{Errno, Process};
    /// assert!(Process::try_from(std::process::id())?.is_current());
    /// assert_eq!([0, u32::MAX].map(Process::try_from), [Err(Errno::EINVAL); 2]);
    /// # Ok::<(), Errno>(())
    /// ```
    fn try_from(pid: u32) -> Result<Process, Errno> {
        i32::try_from(pid).map_err(|_| Errno::EINVAL).and_then(Process::from_pid)
    }
}

impl Default for Process {
    /// Returns the calling process.
    fn default() -> Self {
        Process::CURRENT
    }
}

#[cfg(feature = "std")]
impl From<&std::process::Child> for Process {
    /// Returns a child, which keeps its PID until it was waited for.
    ///
    /// ```
    /// use numars::{Move, NodeSet};
    /// let mut child = std::process::Command::new("sleep").arg("100").spawn()?;
    /// let nodes: NodeSet = "0".parse().unwrap();
    /// match Move::new().process(&child).process_pages(nodes, nodes) {
    ///     Ok(stats) => println!("{stats}"),
    ///     Err(error) => println!("{error}"),
    /// }
    /// child.kill()?;
    /// child.wait()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn from(child: &std::process::Child) -> Self {
        // It was an i32, so that no other process is meant.
        Process::try_from(child.id()).unwrap_or(Process { pid: i32::MAX })
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            0 => f.write_str("Process(CURRENT)"),
            pid => write!(f, "Process({pid})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_a_positive_pid() {
        assert_eq!([0, -1, i32::MIN].map(Process::from_pid), [Err(Errno::EINVAL); 3]);
        assert_eq!([0, 1 << 31, u32::MAX].map(Process::try_from), [Err(Errno::EINVAL); 3]);
        assert_eq!(Process::try_from(4711_u32), Process::from_pid(4711));
        let other = Process::from_pid(i32::MAX).unwrap();
        assert_eq!((other.pid(), other.is_current(), other.raw()), (i32::MAX, false, i32::MAX));
        assert_eq!(Process::default(), Process::CURRENT);
        assert_eq!(format!("{:?} {other:?}", Process::CURRENT), "Process(CURRENT) Process(2147483647)");
    }
}

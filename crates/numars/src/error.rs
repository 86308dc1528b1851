//! The error of a system call that the kernel refused.

use crate::sys::errno::{self, Errno};
use core::fmt;

/// A system call whose failure a [`SyscallError`] reports.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Syscall {
    /// get_mempolicy(2)
    GetMempolicy,
    /// set_mempolicy(2)
    SetMempolicy,
    /// mbind(2)
    Mbind,
    /// set_mempolicy_home_node(2)
    SetMempolicyHomeNode,
    /// sched_getaffinity(2)
    SchedGetaffinity,
    /// sched_setaffinity(2)
    SchedSetaffinity,
}

impl Syscall {
    /// Returns the name of the call, as its manual page has it, such as "mbind" for mbind(2).
    pub const fn name(self) -> &'static str {
        match self {
            Syscall::GetMempolicy => "get_mempolicy",
            Syscall::SetMempolicy => "set_mempolicy",
            Syscall::Mbind => "mbind",
            Syscall::SetMempolicyHomeNode => "set_mempolicy_home_node",
            Syscall::SchedGetaffinity => "sched_getaffinity",
            Syscall::SchedSetaffinity => "sched_setaffinity",
        }
    }
}

/// A system call that failed, and why.
///
/// Whenever a function returns one, the calling thread's errno has the same value.
///
/// ```
/// use numars::error::{Syscall, SyscallError};
/// use numars::sys::errno::{EINVAL, Errno};
/// let error = SyscallError { call: Syscall::Mbind, errno: Errno(EINVAL) };
/// assert_eq!(error.to_string(), "mbind: EINVAL");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SyscallError {
    /// The call that failed.
    pub call: Syscall,
    /// Why it failed.
    pub errno: Errno,
}

impl SyscallError {
    /// Returns the error of `call`, which has just failed and set errno(3).
    #[cold]
    pub fn last(call: Syscall) -> Self {
        SyscallError { call, errno: Errno::last() }
    }

    /// Returns the error of `call` for arguments that the kernel is not asked about, because it would take them for others. Sets errno to
    /// EINVAL.
    #[cold]
    pub(crate) fn invalid(call: Syscall) -> Self {
        errno::set(errno::EINVAL);
        SyscallError { call, errno: Errno(errno::EINVAL) }
    }
}

impl fmt::Display for SyscallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call.name(), self.errno)
    }
}

impl core::error::Error for SyscallError {}

#[cfg(feature = "std")]
impl From<SyscallError> for std::io::Error {
    /// Returns the error of the errno; which call failed is lost.
    fn from(error: SyscallError) -> Self {
        error.errno.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_call_and_the_errno() {
        let error = |errno| SyscallError { call: Syscall::SetMempolicy, errno: Errno(errno) };
        assert_eq!(error(errno::EPERM).to_string(), "set_mempolicy: EPERM");
        assert_eq!(error(4711).to_string(), "set_mempolicy: errno 4711");
    }
}

//! The error of a system call that the kernel refused.

use crate::sys::errno::{self, Errno, Name};
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
    ///
    /// ```
    /// assert_eq!(numars::Syscall::SetMempolicyHomeNode.name(), "set_mempolicy_home_node");
    /// ```
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
/// use numars::{Errno, Policy, Syscall};
/// let error = Policy::LOCAL.set_for_range(0, usize::MAX).unwrap_err();
/// assert_eq!((error.call(), error.errno()), (Syscall::Mbind, Errno::EINVAL));
/// assert_eq!(error.to_string(), "mbind: EINVAL");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SyscallError {
    call: Syscall,
    errno: Errno,
}

impl SyscallError {
    /// Returns the call that failed.
    pub const fn call(self) -> Syscall {
        self.call
    }

    /// Returns why it failed.
    pub const fn errno(self) -> Errno {
        self.errno
    }

    /// Returns the error of `call`, which has just failed and set errno(3).
    #[cold]
    #[doc(hidden)]
    pub fn last(call: Syscall) -> Self {
        SyscallError { call, errno: Errno::last() }
    }

    /// Returns the error of `call` for arguments that the kernel is not asked about, because it would take them for others. Sets errno to
    /// EINVAL.
    #[cold]
    #[doc(hidden)]
    pub fn invalid(call: Syscall) -> Self {
        Self::without_call(call, Errno::EINVAL)
    }

    /// Returns the error of `call`, which failed before or after the kernel was asked. Sets errno.
    #[cold]
    pub(crate) fn without_call(call: Syscall, errno: Errno) -> Self {
        errno::set(errno.0);
        SyscallError { call, errno }
    }
}

impl fmt::Display for SyscallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call.name(), Name(self.errno))
    }
}

impl core::error::Error for SyscallError {}

impl From<SyscallError> for Errno {
    /// Returns the errno; which call failed is lost.
    fn from(error: SyscallError) -> Self {
        error.errno
    }
}

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

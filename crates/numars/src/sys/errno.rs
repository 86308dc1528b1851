//! errno, which a call that succeeds leaves as it found it.

use core::ffi::c_int;

pub use libc::{
    E2BIG, EACCES, EAGAIN, EBUSY, ECANCELED, EFAULT, EINVAL, EIO, EMFILE, ENODEV, ENOENT, ENOMEM, ENOSYS, EOPNOTSUPP,
    EOVERFLOW, EPERM, ERANGE, ESRCH,
};

/// An error number, such as [`EINVAL`]. Wherever a function returns one, the calling thread's errno has the same value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(pub c_int);

impl Errno {
    /// Returns the calling thread's errno.
    #[inline]
    pub fn last() -> Self {
        Errno(get())
    }
}

/// Returns the calling thread's errno.
pub fn get() -> c_int {
    // SAFETY: libc returns the address of the calling thread's errno, valid as long as the thread lives.
    unsafe { *libc::__errno_location() }
}

/// Sets the calling thread's errno.
pub fn set(value: c_int) {
    // SAFETY: as in `get`.
    unsafe { *libc::__errno_location() = value }
}

/// Runs `work` and restores errno.
#[inline]
pub fn preserve_errno<T>(work: impl FnOnce() -> T) -> T {
    let before = get();
    let result = work();
    set(before);
    result
}

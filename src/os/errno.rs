//! errno, which a call that succeeds leaves as it found it.

use core::ffi::c_int;

pub use libc::{
    E2BIG, EACCES, EAGAIN, EBUSY, ECANCELED, EFAULT, EINVAL, EIO, EMFILE, ENODEV, ENOENT, ENOMEM, ENOSYS, EOPNOTSUPP,
    EOVERFLOW, EPERM, ERANGE, ESRCH,
};

pub fn get() -> c_int {
    // SAFETY: libc returns the address of the calling thread's errno, valid as long as the thread lives.
    unsafe { *libc::__errno_location() }
}

pub fn set(value: c_int) {
    // SAFETY: as in `get`.
    unsafe { *libc::__errno_location() = value }
}

/// Runs `work` and puts errno back to what it was before.
pub fn untouched<T>(work: impl FnOnce() -> T) -> T {
    let before = get();
    let result = work();
    set(before);
    result
}

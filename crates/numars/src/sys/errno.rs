//! errno: a function of this crate that succeeds leaves it untouched.

use crate::names;
use core::ffi::c_int;
use core::fmt;

pub use libc::{
    E2BIG, EACCES, EAGAIN, EBADF, EBUSY, ECANCELED, EFAULT, EINVAL, EIO, ELOOP, EMFILE, ENAMETOOLONG, ENFILE, ENODATA,
    ENODEV, ENOENT, ENOMEM, ENOSYS, ENOTDIR, EOPNOTSUPP, EOVERFLOW, EPERM, ERANGE, EROFS, ESRCH, ETIMEDOUT,
};

/// An error number, such as [`EINVAL`]. The calling thread's errno need not have the same value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub(crate) c_int);

impl Errno {
    /// Returns the calling thread's errno(3).
    #[inline]
    pub fn last() -> Self {
        Errno(get())
    }

    /// Returns the error with this number.
    ///
    /// ```
    /// assert_eq!(numars::Errno::from_raw(1), numars::Errno::EPERM);
    /// ```
    pub const fn from_raw(number: c_int) -> Self {
        Errno(number)
    }

    /// Returns the number of the error.
    ///
    /// ```
    /// assert_eq!(numars::Errno::EPERM.raw(), 1);
    /// ```
    pub const fn raw(self) -> c_int {
        self.0
    }

    /// Returns the name of an error that the calls of this crate are documented to return.
    ///
    /// ```
    /// use numars::Errno;
    /// assert_eq!(Errno::EBUSY.name(), Some("EBUSY"));
    /// assert_eq!(Errno::from_raw(0).name(), None);
    /// ```
    pub fn name(self) -> Option<&'static str> {
        NAMED.iter().position(|&number| number == self.0).map(|index| names::nth(NAMES, index))
    }
}

impl Errno {
    /// Returns the error with a name that [`Errno::name`] returns.
    #[cfg(feature = "serde")]
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        NAMED.iter().map(|&number| Errno(number)).find(|errno| errno.name() == Some(name))
    }
}

/// Defines the errors that have names, in this order.
macro_rules! named_errors {
    ($first:ident $($name:ident)*) => {
        const NAMED: &[c_int] = &[$first, $($name),*];
        const NAMES: &str = concat!(stringify!($first), $(",", stringify!($name)),*);

        /// The errors that have names.
        #[allow(missing_docs, reason = "errno(3) says what they mean")]
        impl Errno {
            pub const $first: Errno = Errno(libc::$first);
            $(pub const $name: Errno = Errno(libc::$name);)*
        }
    };
}

named_errors! {
    E2BIG EACCES EAGAIN EBADF EBUSY ECANCELED EFAULT EINVAL EIO ELOOP EMFILE ENAMETOOLONG ENFILE ENODATA ENODEV ENOENT ENOMEM ENOSYS
    ENOTDIR EOPNOTSUPP EOVERFLOW EPERM ERANGE EROFS ESRCH ETIMEDOUT
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

impl core::error::Error for Errno {}

#[cfg(feature = "std")]
impl From<Errno> for std::io::Error {
    fn from(errno: Errno) -> Self {
        std::io::Error::from_raw_os_error(errno.0)
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Errno({self})")
    }
}

/// Returns the calling thread's errno(3).
pub fn get() -> c_int {
    // SAFETY: libc returns the address of the calling thread's errno, valid as long as the thread lives.
    unsafe { *libc::__errno_location() }
}

/// Sets the calling thread's errno(3).
pub fn set(value: c_int) {
    // SAFETY: as in `get`.
    unsafe { *libc::__errno_location() = value }
}

/// Runs `work` and restores errno.
///
/// ```
/// use numars::for_c::sys::errno;
/// errno::set(errno::ENOENT);
/// errno::preserve_errno(|| errno::set(errno::EINVAL));
/// assert_eq!(errno::get(), errno::ENOENT);
/// ```
#[inline]
pub fn preserve_errno<T>(work: impl FnOnce() -> T) -> T {
    let before = get();
    let result = work();
    set(before);
    result
}

//! errno: a function of this crate that succeeds leaves it untouched.

use crate::names;
use core::ffi::c_int;
use core::fmt;

pub use libc::{
    E2BIG, EACCES, EAGAIN, EBADF, EBUSY, ECANCELED, EFAULT, EINVAL, EIO, ELOOP, EMFILE, ENAMETOOLONG, ENFILE, ENODATA,
    ENODEV, ENOENT, ENOMEM, ENOSYS, ENOTDIR, EOPNOTSUPP, EOVERFLOW, EPERM, ERANGE, EROFS, ESRCH, ETIMEDOUT,
};

/// An error number, such as [`EINVAL`]. The calling thread's errno need not have the same value.
///
/// ```
/// use numars::Errno;
/// assert_eq!(Errno::EPERM.to_string(), "EPERM: operation not permitted");
/// assert_eq!(format!("{:?}", Errno::EPERM), "Errno(EPERM)");
/// ```
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

/// Defines the errors that have names, with their texts, in this order.
macro_rules! named_errors {
    ($first:ident = $first_text:literal, $($name:ident = $text:literal,)*) => {
        const NAMED: &[c_int] = &[$first, $($name),*];
        const NAMES: &str = concat!(stringify!($first), $(",", stringify!($name)),*);
        const TEXTS: &str = concat!($first_text, $(",", $text),*);

        /// The errors that have names.
        #[allow(missing_docs, reason = "errno(3) says what they mean")]
        impl Errno {
            pub const $first: Errno = Errno(libc::$first);
            $(pub const $name: Errno = Errno(libc::$name);)*
        }
    };
}

named_errors! {
    E2BIG = "argument list too long",
    EACCES = "permission denied",
    EAGAIN = "resource temporarily unavailable",
    EBADF = "bad file descriptor",
    EBUSY = "device or resource busy",
    ECANCELED = "operation cancelled",
    EFAULT = "bad address",
    EINVAL = "invalid argument",
    EIO = "input/output error",
    ELOOP = "too many levels of symbolic links",
    EMFILE = "too many open files",
    ENAMETOOLONG = "file name too long",
    ENFILE = "too many open files in system",
    ENODATA = "no data available",
    ENODEV = "no such device",
    ENOENT = "no such file or directory",
    ENOMEM = "cannot allocate memory",
    ENOSYS = "function not implemented",
    ENOTDIR = "not a directory",
    EOPNOTSUPP = "operation not supported",
    EOVERFLOW = "value too large for defined data type",
    EPERM = "operation not permitted",
    ERANGE = "numerical result out of range",
    EROFS = "read-only file system",
    ESRCH = "no such process",
    ETIMEDOUT = "timed out",
}

impl fmt::Display for Errno {
    /// Writes the name and what it means, such as "EPERM: operation not permitted"; "errno 4711" for an error without a name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Name(*self).fmt(f)?;
        match NAMED.iter().position(|&number| number == self.0) {
            Some(index) => write!(f, ": {}", names::nth(TEXTS, index)),
            None => Ok(()),
        }
    }
}

/// Writes an error by its name alone, or as "errno 4711" if it has none.
pub(crate) struct Name(pub Errno);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.0.0),
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
        write!(f, "Errno({})", Name(*self))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_shown_by_its_name_and_what_it_means() {
        for &number in NAMED {
            let (errno, shown) = (Errno(number), Errno(number).to_string());
            let (name, text) = shown.split_once(": ").unwrap();
            assert_eq!((Some(name), format!("{errno:?}")), (errno.name(), format!("Errno({name})")));
            assert!(!text.is_empty() && !text.contains(','), "{shown}");
        }
        assert_eq!(Errno(4711).to_string(), "errno 4711");
        assert_eq!(Errno::EPERM.to_string(), "EPERM: operation not permitted");
        assert_eq!(Errno::ETIMEDOUT.to_string(), "ETIMEDOUT: timed out");
    }
}

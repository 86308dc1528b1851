//! The root directory below which the files of a machine are looked up.

use super::memory;
use core::ffi::{CStr, c_char};
use core::marker::PhantomData;
use core::ptr::null;

/// The directory below which the files that describe a machine are looked up: `/` of the running system, or a directory with copies of
/// another machine's files.
// One word, because every path has it.
#[derive(Clone, Copy)]
pub struct Root<'a> {
    /// The directory's name, a string; NULL for the running system.
    name: *const c_char,
    lifetime: PhantomData<&'a CStr>,
}

// SAFETY: it stands for a shared reference to a string.
unsafe impl Send for Root<'_> {}
// SAFETY: as above.
unsafe impl Sync for Root<'_> {}

impl Root<'static> {
    /// The running system.
    pub const RUNNING: Self = Root { name: null(), lifetime: PhantomData };
}

impl<'a> Root<'a> {
    /// Returns the root with this name, without any checks.
    pub(super) fn named(name: &'a CStr) -> Self {
        Root { name: name.as_ptr(), lifetime: PhantomData }
    }

    /// Returns whether this is the running system.
    pub fn is_running(self) -> bool {
        self.name.is_null()
    }

    /// Returns the name of the directory; `None` for the running system.
    pub fn name(self) -> Option<&'a CStr> {
        // SAFETY: a string that lives as long as this.
        (!self.is_running()).then(|| unsafe { memory::string(self.name) })
    }

    /// Returns this root by another copy of its name, which need not live as long as this.
    pub fn renamed(self, name: &CStr) -> Root<'_> {
        Root::named(name)
    }
}

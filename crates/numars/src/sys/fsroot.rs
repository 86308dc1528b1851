//! Which root directory the process uses for the files of its machine: NUMARS_FSROOT.

use super::environment;
use super::memory::Arena;
use super::root::Root;
use core::ffi::CStr;
use once_cell::race::OnceRef;

impl Root<'static> {
    /// Returns the root of this process: for the C library the directory that the environment variable NUMARS_FSROOT names, if it can be used,
    /// otherwise the running system. The variable is read at the first call.
    ///
    /// In Rust programs nothing reads the environment, because another thread may change it at the same time: std's lock does not protect
    /// getenv(3).
    #[inline(never)]
    pub fn of_process() -> Self {
        if !cfg!(any(test, feature = "__c-symbols")) {
            return Root::RUNNING;
        }
        static ROOT: OnceRef<Root<'static>> = OnceRef::new();
        static RUNNING: Root<'static> = Root::RUNNING;
        *ROOT.get_or_init(|| environment::variable(c"NUMARS_FSROOT", copy_of_root).unwrap_or(&RUNNING))
    }
}

/// Returns the root at `name`, if it can be used, with a copy of the name, because the program may change its environment.
fn copy_of_root(name: &CStr) -> Option<&'static Root<'static>> {
    Root::at(name)?;
    let mut arena = Arena::leak(size_of::<Root>() + name.count_bytes() + 1)?;
    let root = arena.alloc(Root::RUNNING)?;
    *root = Root::named(arena.alloc_cstr(name.to_bytes())?);
    Some(root)
}

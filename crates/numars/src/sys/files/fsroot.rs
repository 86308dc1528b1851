//! The files of another machine in place of this one's: NUMARS_FSROOT.

use super::{File, FixedPath, Status};
use crate::sys::memory::Arena;
use crate::sys::process;
use core::ffi::CStr;
use once_cell::race::OnceRef;

/// Returns the directory that is used in place of `/` for files that describe the machine, if there is one: the value of NUMARS_FSROOT when
/// the first such file was read.
#[inline(never)]
pub fn fsroot() -> Option<&'static CStr> {
    static ROOT: OnceRef<Option<&CStr>> = OnceRef::new();
    static NONE: Option<&CStr> = None;
    *ROOT.get_or_init(|| process::environment(c"NUMARS_FSROOT", trusted_root).unwrap_or(&NONE))
}

/// Returns a copy of `name`, since the program may change its environment, if that is a directory to be trusted.
fn trusted_root(name: &CStr) -> Option<&'static Option<&'static CStr>> {
    let root = open_root(name)?;
    // The slash at its end requires a directory.
    if !Status::of(Some(&root), c"sys/devices/system/", 0)?.is_trusted() {
        return None;
    }
    let mut arena = Arena::leak(size_of::<Option<&CStr>>() + name.count_bytes() + 1)?;
    let place = arena.alloc(None)?;
    *place = Some(arena.alloc_cstr(name.to_bytes())?);
    Some(place)
}

/// Opens the directory with the files of a machine. Its name may be a symbolic link whose target changes.
#[cold]
#[inline(never)]
fn open_root(name: &CStr) -> Option<File> {
    let root = File::open_at(None, name, libc::O_PATH | libc::O_DIRECTORY)?;
    root.status()?.is_trusted().then_some(root)
}

impl File {
    /// Opens a file or directory that describes the machine: if there is an [`fsroot`], the one of that name below it, provided that
    /// [it is to be trusted](Status::is_trusted) and not something that the kernel has in no such place, such as a device.
    pub fn open_of_machine(path: &FixedPath) -> Option<File> {
        let Some(root) = fsroot() else { return File::open(path) };
        let top;
        let (folder, name) = if let Some(folder) = path.folder() {
            (folder, path.as_c_str())
        } else {
            top = open_root(root)?;
            // Without the slash that it begins with.
            (&top, path.as_c_str_from(1))
        };
        let status = Status::of(Some(folder), name, 0)?;
        (status.is_trusted() && matches!(status.kind(), libc::S_IFREG | libc::S_IFDIR))
            .then(|| status.open(Some(folder), name, libc::O_RDONLY | libc::O_NONBLOCK))?
    }
}

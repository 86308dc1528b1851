//! The files of a machine below a [`Root`].

use super::{File, FixedPath, Status};
use crate::sys::root::Root;
use core::ffi::CStr;

impl<'a> Root<'a> {
    /// Returns the root at a directory; `None` if it has no directory sys/devices/system. Both must
    /// [be trusted](Status::is_trusted), as must every file and directory that is opened below them.
    pub fn at(name: &'a CStr) -> Option<Self> {
        let root = File::open_root(name)?;
        // The slash at its end requires a directory.
        Status::of(Some(&root), c"sys/devices/system/", 0)?.is_trusted().then(|| Root::named(name))
    }

    /// Returns a path below this root, which begins with a slash.
    pub fn path(self, start: &[u8]) -> FixedPath<'a> {
        FixedPath::below(self, start)
    }
}

impl File {
    /// Opens the directory with the files of a machine. Its name may be a symbolic link whose target changes.
    #[cold]
    #[inline(never)]
    fn open_root(name: &CStr) -> Option<File> {
        let root = File::open_at(None, name, libc::O_PATH | libc::O_DIRECTORY)?;
        root.status()?.is_trusted().then_some(root)
    }

    /// Opens a file or directory that describes a machine, below the [root](Root) of its path. Unless that is the running system, the file
    /// has to [be trusted](Status::is_trusted) and must not be something that the kernel has in no such place, such as a device.
    pub fn open_of_machine(path: &FixedPath) -> Option<File> {
        if path.root().is_running() {
            return File::open(path);
        }
        let top;
        let (folder, name) = if let Some(folder) = path.folder() {
            (folder, path.as_c_str())
        } else {
            top = File::open_root(path.root().name()?)?;
            // Without the slash that it begins with.
            (&top, path.as_c_str_from(1))
        };
        let status = Status::of(Some(folder), name, 0)?;
        (status.is_trusted() && matches!(status.kind(), libc::S_IFREG | libc::S_IFDIR))
            .then(|| status.open(Some(folder), name, libc::O_RDONLY | libc::O_NONBLOCK))?
    }
}

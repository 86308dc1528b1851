//! Files: opening and reading them piece by piece, without allocating.

mod pagemap;
mod path;
mod root_files;
mod status;

pub use pagemap::MappedAs;
pub use path::{FixedPath, strip_prefix, strip_prefix_cstr, without_leading_blanks};
pub use status::{Status, block_device};

use super::errno::{self, preserve_errno};
use super::memory;
use core::ffi::{CStr, c_int, c_long};
use core::mem::ManuallyDrop;
use core::slice;

/// Small enough for a thread or signal handler with a 16 KiB stack, large enough to read /proc/self/status at once.
pub const CHUNK: usize = 2048;

/// An open file. Its methods leave errno untouched, and make their calls through syscall(2), in which a thread that is cancelled does not
/// end: the file would stay open.
pub struct File(pub(super) c_int);

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: the descriptor belongs to this value alone, and is closed once.
        preserve_errno(|| unsafe { libc::syscall(libc::SYS_close, self.0) });
    }
}

/// Returns the descriptor of an open directory; without one, what means the working directory.
fn descriptor_of(folder: Option<&File>) -> c_int {
    folder.map_or(libc::AT_FDCWD, |folder| folder.0)
}

impl File {
    /// Opens the file at `path` for reading. Never waits: a FIFO in its place has nothing to read.
    #[inline(never)]
    pub fn open(path: &FixedPath) -> Option<File> {
        File::open_at(path.folder(), path.as_c_str(), libc::O_RDONLY | libc::O_NONBLOCK)
    }

    /// Opens the directory at `path` as a place to look up other paths in; it can't be read.
    pub fn open_directory(path: &FixedPath) -> Option<File> {
        File::open_at(path.folder(), path.as_c_str(), libc::O_PATH | libc::O_DIRECTORY)
    }

    /// Opens a file with the flags of openat(2); one that is created is readable and writable for its owner alone. A `path` that does not
    /// begin with a slash begins in `folder`, or in the working directory.
    pub fn open_at(folder: Option<&File>, path: &CStr, flags: c_int) -> Option<File> {
        File::try_open_at(folder, path, flags).ok()
    }

    fn try_open_at(folder: Option<&File>, path: &CStr, flags: c_int) -> Result<File, c_int> {
        const MODE: c_int = 0o600;
        let folder = descriptor_of(folder);
        // SAFETY: `path` is a NUL-terminated string.
        File::from_result(|| unsafe {
            libc::syscall(libc::SYS_openat, folder, path.as_ptr(), flags | libc::O_CLOEXEC | libc::O_LARGEFILE, MODE)
        })
    }

    /// Returns the file whose descriptor a system call returns, or its errno.
    pub(super) fn from_result(call: impl FnOnce() -> c_long) -> Result<File, c_int> {
        preserve_errno(|| match c_int::try_from(call()) {
            Ok(descriptor) if descriptor >= 0 => Ok(File(descriptor)),
            _ => Err(errno::get()),
        })
    }

    /// Returns standard error, which is not closed by dropping what is returned. Other threads may close it at any time and have another
    /// file in its place.
    pub fn standard_error() -> StandardError {
        StandardError(ManuallyDrop::new(File(libc::STDERR_FILENO)))
    }

    /// Returns the same open file by a descriptor of its own, above those of the standard streams; `None` if no descriptor is left.
    pub fn duplicate(&self) -> Option<File> {
        const ABOVE_STANDARD_STREAMS: c_int = 3;
        // SAFETY: numbers alone.
        File::from_result(|| unsafe {
            libc::syscall(libc::SYS_fcntl, self.0, libc::F_DUPFD_CLOEXEC, ABOVE_STANDARD_STREAMS)
        })
        .ok()
    }

    /// Returns the number of the file descriptor.
    pub fn descriptor(&self) -> usize {
        self.0 as usize
    }

    /// Returns the status of the file.
    pub fn status(&self) -> Option<Status> {
        Status::of(Some(self), c"", libc::AT_EMPTY_PATH)
    }

    /// Returns false if the kernel says that this directory has no entry `name`.
    pub fn has_entry(&self, name: &CStr) -> bool {
        preserve_errno(|| {
            // SAFETY: `name` is a NUL-terminated string.
            let result = unsafe { libc::syscall(libc::SYS_faccessat, self.0, name.as_ptr(), libc::F_OK) };
            result == 0 || !matches!(errno::get(), libc::ENOENT | libc::ESRCH)
        })
    }

    /// Returns whether the file is a terminal, which has a size.
    pub fn is_terminal(&self) -> bool {
        let mut size = [0u16; 4];
        preserve_errno(|| {
            // SAFETY: `size` is a struct winsize.
            unsafe { libc::syscall(libc::SYS_ioctl, self.0, libc::TIOCGWINSZ as c_long, size.as_mut_ptr()) == 0 }
        })
    }

    /// Reads the next bytes. Returns their number, 0 at the end of the file, or an errno.
    pub fn read(&self, to: &mut [u8]) -> Result<usize, c_int> {
        preserve_errno(|| {
            loop {
                // SAFETY: `to` is writable for its length.
                let got = unsafe { libc::syscall(libc::SYS_read, self.0, to.as_mut_ptr(), to.len()) };
                match usize::try_from(got) {
                    Ok(got) => return Ok(got),
                    Err(_) if errno::get() == libc::EINTR => {}
                    Err(_) => return Err(errno::get()),
                }
            }
        })
    }

    /// Makes [`File::read`] continue at the start of the file. Errors are errnos.
    pub fn rewind(&self) -> Result<(), c_int> {
        // SAFETY: numbers alone.
        preserve_errno(|| match unsafe { libc::syscall(libc::SYS_lseek, self.0, 0usize, libc::SEEK_SET) } {
            0 => Ok(()),
            _ => Err(errno::get()),
        })
    }

    /// Calls `each` with the name of every entry of a directory, including `.` and `..`, until it returns false. Does nothing if the
    /// directory cannot be read.
    pub fn for_each_name(&self, each: &mut dyn FnMut(&[u8]) -> bool) {
        /// struct linux_dirent64: an inode and an offset, the length of the entry, its type, its name and a NUL.
        const LENGTH: usize = 16;
        const NAME: usize = 19;
        // One entry has at most 280 bytes.
        let mut chunk = [0u64; 64];
        loop {
            let size = size_of_val(&chunk);
            // SAFETY: `chunk` is writable for its length, and any bits are valid for it.
            let got =
                preserve_errno(|| unsafe { libc::syscall(libc::SYS_getdents64, self.0, chunk.as_mut_ptr(), size) });
            let Ok(got @ 1..) = usize::try_from(got) else { return };
            // SAFETY: bytes of an array, which lives as long as they are used.
            let bytes = unsafe { slice::from_raw_parts(chunk.as_ptr().cast::<u8>(), got.min(size)) };
            let mut rest = bytes;
            while let Some(&[low, high]) = rest.get(LENGTH..LENGTH + 2) {
                let length = usize::from(u16::from_ne_bytes([low, high])).max(NAME);
                let name = rest.get(NAME..length).unwrap_or_default();
                if !each(name.get(..memory::position(0, name).unwrap_or(name.len())).unwrap_or_default()) {
                    return;
                }
                rest = rest.get(length..).unwrap_or_default();
            }
        }
    }

    /// Reads from the start of the file without changing where [`File::read`] continues: returns the number of bytes, or an errno.
    pub fn read_from_start(&self, to: &mut [u8]) -> Result<usize, c_int> {
        const OFFSET: usize = 0;
        // The offset is one word, two, or two after an unused one: the architectures differ, zero is the same.
        // SAFETY: `to` is writable for its length.
        preserve_errno(|| unsafe {
            let got = libc::syscall(libc::SYS_pread64, self.0, to.as_mut_ptr(), to.len(), OFFSET, OFFSET, OFFSET);
            usize::try_from(got).map_err(|_| errno::get())
        })
    }
}

/// Standard error as a [`File`], which stays open.
pub struct StandardError(ManuallyDrop<File>);

impl core::ops::Deref for StandardError {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

/// Writes to standard error, past the buffer of stdio, as far as that is possible. Errno is left untouched.
pub fn write_to_standard_error(mut rest: &[u8]) {
    preserve_errno(|| {
        while !rest.is_empty() {
            // SAFETY: so many bytes can be read.
            let written = unsafe { libc::syscall(libc::SYS_write, libc::STDERR_FILENO, rest.as_ptr(), rest.len()) };
            match usize::try_from(written) {
                Ok(written) if written > 0 => rest = rest.get(written..).unwrap_or_default(),
                _ if errno::get() == libc::EINTR => {}
                _ => break,
            }
        }
    });
}

/// Upper bound for the size of a sysfs file: a list of 16,384 CPUs, each of them written out, is shorter.
pub const MAX_SYSFS_FILE: usize = 128 * 1024;

/// Upper bound for the size of /proc/self/status: 700 KB in a process that is in as many groups as possible.
pub const MAX_STATUS_FILE: usize = 1024 * 1024;

/// Returns whether a file or directory that describes the machine exists.
pub fn exists(path: &FixedPath) -> bool {
    File::open_of_machine(path).is_some()
}

/// Returns whether no file can be opened because descriptors or memory are short, which may pass; not because it is forbidden.
pub fn is_short_of_descriptors() -> bool {
    shortage().is_some()
}

/// Returns the errno with which no file can be opened because descriptors or memory are short.
pub fn shortage() -> Option<c_int> {
    error_of_opening(c"/").filter(|error| matches!(*error, libc::EMFILE | libc::ENFILE | libc::ENOMEM))
}

/// Returns the errno with which the kernel refuses to open a file or directory at this moment; `None` if it does not.
pub fn error_of_opening(path: &CStr) -> Option<c_int> {
    File::try_open_at(None, path, libc::O_RDONLY | libc::O_NONBLOCK).err()
}

/// Writes `text` to a file of the kernel at once. Errors are errnos: that of open(2) or write(2), or EIO if the kernel took only a part.
pub fn write_to_kernel_file(path: &FixedPath, text: &[u8]) -> Result<(), c_int> {
    let file = File::try_open_at(path.folder(), path.as_c_str(), libc::O_WRONLY | libc::O_NONBLOCK)?;
    preserve_errno(|| {
        loop {
            // SAFETY: so many bytes can be read.
            let written = unsafe { libc::syscall(libc::SYS_write, file.0, text.as_ptr(), text.len()) };
            match usize::try_from(written) {
                Ok(written) if written == text.len() => return Ok(()),
                Ok(_) => return Err(libc::EIO),
                Err(_) if errno::get() == libc::EINTR => {}
                Err(_) => return Err(errno::get()),
            }
        }
    })
}

/// Calls `each` with the contents of a file that describes the machine, chunk by chunk, until it returns false. Returns whether the file
/// could be read up to there: a file of more than `max` bytes is not the kernel's, and may have no end. Errno is left untouched.
pub fn read_in_chunks(path: &FixedPath, max: usize, each: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    let Some(file) = File::open_of_machine(path) else { return false };
    // Most files are short, and a signal handler's stack may be too: only /proc/self/status is worth larger chunks.
    if max > MAX_SYSFS_FILE { in_chunks_of::<CHUNK>(&file, max, each) } else { in_chunks_of::<512>(&file, max, each) }
}

// Apart from the function above, for the chunk to be on the stack only where it is used.
#[inline(never)]
fn in_chunks_of<const SIZE: usize>(file: &File, max: usize, each: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    read_in_chunk(file, &mut [0; SIZE], max, each)
}

#[inline(never)]
fn read_in_chunk(file: &File, chunk: &mut [u8], max: usize, each: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    let mut remaining = max;
    while remaining > 0 {
        match file.read(chunk) {
            Err(_) => return false,
            Ok(0) => return true,
            Ok(length) if !each(chunk.get(..length).unwrap_or_default()) => return true,
            Ok(length) => remaining = remaining.saturating_sub(length),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_stops_where_the_reader_has_enough() {
        let mut pieces = 0;
        let mut count = |_: &[u8]| {
            pieces += 1;
            false
        };
        assert!(read_in_chunks(&FixedPath::new(b"/proc/self/status"), MAX_STATUS_FILE, &mut count));
        assert_eq!(pieces, 1);
        assert!(!read_in_chunks(&FixedPath::new(b"/proc/there is no such file"), MAX_SYSFS_FILE, &mut |_| true));
    }

    #[test]
    fn a_file_without_end_cannot_be_read() {
        let mut bytes = 0;
        let mut count = |chunk: &[u8]| {
            bytes += chunk.len();
            true
        };
        assert!(!read_in_chunks(&FixedPath::new(b"/dev/zero"), MAX_SYSFS_FILE, &mut count));
        assert_eq!(bytes, MAX_SYSFS_FILE);
    }
}

//! Helpers of unit tests and fuzz targets; not part of the library.

use super::files::FixedPath;
use core::ffi::{CStr, c_int};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd};

/// A file in memory, without a name in the file system.
pub struct MemoryFile(File);

impl MemoryFile {
    /// Returns a file with these contents.
    pub fn holding(contents: &[u8]) -> Self {
        // SAFETY: the name is a string, and the descriptor is new.
        let mut file = unsafe {
            let descriptor = libc::memfd_create(c"numars".as_ptr(), libc::MFD_CLOEXEC);
            assert!(descriptor >= 0, "no file in memory");
            File::from_raw_fd(descriptor)
        };
        file.write_all(contents).unwrap();
        MemoryFile(file)
    }

    /// Returns a path by which the file can be opened as long as this value lives.
    pub fn path(&self) -> FixedPath<'static> {
        let mut path = FixedPath::new(b"/proc/self/fd/");
        path.decimal(self.0.as_raw_fd() as usize);
        path
    }
}

/// Returns whether packets to this machine have a route: where a package is built without network, the loopback device may be down.
pub fn loopback_is_up() -> bool {
    std::net::UdpSocket::bind("127.0.0.1:0").is_ok_and(|socket| socket.connect("127.0.0.1:9").is_ok())
}

/// Parses a number by strtoll(3) with base 0. Returns it, and how many bytes were read.
pub fn strtoll(text: &CStr) -> (i64, usize) {
    let mut end = core::ptr::null_mut();
    // SAFETY: `text` is a string, and `end` writable.
    let number = super::errno::preserve_errno(|| unsafe { libc::strtoll(text.as_ptr(), &raw mut end, 0 as c_int) });
    (number, end as usize - text.as_ptr() as usize)
}

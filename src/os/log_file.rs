//! Where NUMARS_LOG has lines go.

use super::errno::{self, untouched};
use super::memory;
use core::ffi::{CStr, c_char, c_int};
use core::sync::atomic::{AtomicUsize, Ordering};

/// Nowhere, standard error, or the address of a file's name.
static PLACE: AtomicUsize = AtomicUsize::new(NOWHERE);
const NOWHERE: usize = 0;
const STANDARD_ERROR: usize = 1;

pub fn is_open() -> bool {
    PLACE.load(Ordering::Relaxed) != NOWHERE
}

/// From now on, lines go to the file of that name, or to standard error.
pub fn open(name: Option<&CStr>) {
    // Of the name, since the program may change its environment.
    let place = name.map_or(STANDARD_ERROR, |name| memory::keep_copy(name.to_bytes_with_nul()) as usize);
    PLACE.store(place, Ordering::Release);
}

/// Adds a line in one piece. The file is opened each time: a descriptor that is kept would be in a program's way, which may close it
/// and have another file in its place. By way of syscall(2), in which no thread is cancelled. Errno is left untouched.
pub fn append(line: &[u8]) {
    const FLAGS: c_int = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC | libc::O_NOCTTY;
    const MODE: c_int = 0o666;
    untouched(|| match PLACE.load(Ordering::Acquire) {
        NOWHERE => {}
        STANDARD_ERROR => write(libc::STDERR_FILENO.into(), line),
        name => {
            // SAFETY: a string that lives as long as the process; the descriptor is closed once.
            unsafe {
                let file = libc::syscall(libc::SYS_openat, libc::AT_FDCWD, name as *const c_char, FLAGS, MODE);
                if file >= 0 {
                    write(file, line);
                    libc::syscall(libc::SYS_close, file);
                }
            }
        }
    });
}

fn write(file: i64, mut rest: &[u8]) {
    while !rest.is_empty() {
        // SAFETY: so many bytes can be read.
        let written = unsafe { libc::syscall(libc::SYS_write, file, rest.as_ptr(), rest.len()) };
        match usize::try_from(written) {
            Ok(written) if written > 0 => rest = rest.get(written..).unwrap_or_default(),
            _ if errno::get() == libc::EINTR => {}
            _ => break,
        }
    }
}

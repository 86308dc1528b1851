//! Output that neither blocks the calling thread nor raises a signal in it.
//!
//! References: write(2), sendto(2), pwritev2(2), splice(2), ppoll(2).

use super::errno;
use super::files::File;
use super::signals::SignalsOfWrite;
use core::ffi::{c_int, c_long};
use core::ptr::null;

/// How bytes are written so that no call blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// write(2) to a regular file, or to a descriptor that does not block.
    Write,
    /// sendto(2) with MSG_DONTWAIT, to a socket.
    Send,
    /// pwritev2(2) with RWF_NOWAIT to a pipe, which takes it since Linux 6.4; before, splice(2) from a pipe of our own.
    NoWait,
    /// write(2) after ppoll(2) has said that there is room.
    WaitAndWrite,
}

/// What [`write()`] has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Written {
    /// The number of bytes that were written.
    pub bytes: usize,
    /// Whether waiting for room took longer than it may.
    pub timed_out: bool,
}

/// Writes `bytes`, as far as that is possible in a few attempts, and waits for room in a pipe, socket or terminal for at most `timeout`
/// milliseconds altogether. Changes errno. A signal that comes with an error is taken back.
pub fn write(file: &File, method: Method, bytes: &[u8], timeout: u16) -> Written {
    const ATTEMPTS: u32 = 10;
    let signals = SignalsOfWrite::block();
    let mut waiting = Waiting { left: [0, c_long::from(timeout) * 1_000_000], timed_out: false };
    let mut rest = bytes;
    for _ in 0..ATTEMPTS {
        if method == Method::WaitAndWrite && !waiting.for_room(file) {
            break;
        }
        match usize::try_from(write_once(file, method, rest)) {
            Ok(written) => {
                rest = rest.get(written..).unwrap_or_default();
                if rest.is_empty() {
                    break;
                }
            }
            Err(_) => match errno::get() {
                libc::EINTR => {}
                libc::EAGAIN if waiting.for_room(file) => {}
                error => {
                    signals.take(error);
                    break;
                }
            },
        }
    }
    Written { bytes: bytes.len() - rest.len(), timed_out: waiting.timed_out }
}

/// Returns how many bytes the kernel took, or a negative number, with errno.
fn write_once(file: &File, method: Method, bytes: &[u8]) -> c_long {
    let (descriptor, start, length) = (file.0, bytes.as_ptr(), bytes.len());
    // SAFETY: so many bytes can be read.
    unsafe {
        match method {
            Method::Write | Method::WaitAndWrite => libc::syscall(libc::SYS_write, descriptor, start, length),
            Method::Send => {
                const FLAGS: c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
                libc::syscall(libc::SYS_sendto, descriptor, start, length, FLAGS, null::<u8>(), 0)
            }
            Method::NoWait => {
                const AT_ITS_END: usize = usize::MAX;
                let vector = libc::iovec { iov_base: start.cast_mut().cast(), iov_len: length };
                let written = libc::syscall(
                    libc::SYS_pwritev2,
                    descriptor,
                    &raw const vector,
                    1usize,
                    AT_ITS_END,
                    AT_ITS_END,
                    libc::RWF_NOWAIT as usize,
                );
                match errno::get() {
                    libc::EOPNOTSUPP | libc::ENOSYS | libc::EPERM if written < 0 => splice(file, bytes),
                    _ => written,
                }
            }
        }
    }
}

/// Moves bytes to a pipe without blocking, from a pipe of our own. Returns as [`write_once`].
fn splice(file: &File, bytes: &[u8]) -> c_long {
    let nowhere = null::<u8>();
    let mut ends: [c_int; 2] = [-1; 2];
    // SAFETY: there is room for two descriptors, and so many bytes can be read.
    unsafe {
        if libc::syscall(libc::SYS_pipe2, ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) != 0 {
            return -1;
        }
        let ends @ [reader, writer] = &ends.map(File);
        if ends.iter().any(|end| end.descriptor() <= libc::STDERR_FILENO as usize) {
            // The program closed one of the standard streams, and another thread might write to it all the same.
            return -1;
        }
        // No line is longer than what an empty pipe holds.
        libc::syscall(libc::SYS_write, writer.0, bytes.as_ptr(), bytes.len());
        const FLAGS: usize = libc::SPLICE_F_NONBLOCK as usize;
        libc::syscall(libc::SYS_splice, reader.0, nowhere, file.0, nowhere, bytes.len(), FLAGS)
    }
}

/// The time that is left for waiting.
struct Waiting {
    /// The timespec of the system call ppoll, which has registers' width, whatever the width of time_t.
    left: [c_long; 2],
    timed_out: bool,
}

impl Waiting {
    /// Waits until there is room. Returns false if there is none when the time has passed.
    fn for_room(&mut self, file: &File) -> bool {
        const INTERRUPTIONS: u32 = 10;
        let mut poll = libc::pollfd { fd: file.0, events: libc::POLLOUT, revents: 0 };
        let (time, none) = (self.left.as_mut_ptr(), null::<u8>());
        for _ in 0..INTERRUPTIONS {
            // SAFETY: one descriptor, and a time, which the kernel replaces by what has not passed.
            match unsafe { libc::syscall(libc::SYS_ppoll, &raw mut poll, 1usize, time, none, 0usize) } {
                1 => return true,
                -1 if errno::get() == libc::EINTR => {}
                _ => break,
            }
        }
        self.timed_out = true;
        false
    }
}

//! What a program inherits as this command did, although the runtime of Rust changes it before main(): it ignores SIGPIPE, for which std gives
//! programs the default, and it opens standard streams that are closed.
#![allow(unsafe_code)]

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// Whether SIGPIPE was ignored when this process started.
static IGNORED_SIGPIPE: AtomicBool = AtomicBool::new(false);

/// The standard streams that were closed then: a bit for each.
static CLOSED: AtomicU8 = AtomicU8::new(0);

const STREAMS: [libc::c_int; 3] = [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO];

/// What libc calls before main() and the runtime, as std does to get the arguments.
#[used]
// SAFETY: the section has pointers to functions such as this one, which ignores the arguments that glibc passes.
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = remember;

extern "C" fn remember() {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action, the call only writes the present one, which is read only if it was written.
    let is_ignored = unsafe {
        libc::sigaction(libc::SIGPIPE, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    };
    IGNORED_SIGPIPE.store(is_ignored, Ordering::Relaxed);
    // SAFETY: the call only reads flags.
    let is_closed = |&stream: &libc::c_int| unsafe { libc::fcntl(stream, libc::F_GETFD) } == -1;
    let closed = STREAMS.into_iter().filter(is_closed).fold(0, |closed, stream| closed | 1 << stream);
    CLOSED.store(closed, Ordering::Relaxed);
}

/// Executes a program in place of this one, which inherits what this process did. Returns only if that fails.
pub fn exec(command: &mut Command) -> std::io::Error {
    // SAFETY: signal(2) and close(2) may be called after fork(2), and there is none before exec(2). The streams are those that the runtime opened.
    unsafe {
        command.pre_exec(|| {
            if IGNORED_SIGPIPE.load(Ordering::Relaxed) {
                libc::signal(libc::SIGPIPE, libc::SIG_IGN);
            }
            for stream in STREAMS.into_iter().filter(|stream| CLOSED.load(Ordering::Relaxed) & 1 << stream != 0) {
                libc::close(stream);
            }
            Ok(())
        });
    }
    command.exec()
}

//! SIGPIPE, which a program inherits as this command did: the runtime of Rust ignores it before main(), and std gives programs the default.
#![allow(unsafe_code)]

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the signal was ignored when this process started.
static WAS_IGNORED: AtomicBool = AtomicBool::new(false);

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
    WAS_IGNORED.store(is_ignored, Ordering::Relaxed);
}

/// Executes a program in place of this one, which ignores SIGPIPE if this process was started so. Returns only if that fails.
pub fn exec(command: &mut Command) -> std::io::Error {
    if WAS_IGNORED.load(Ordering::Relaxed) {
        // SAFETY: signal(2) may be called after fork(2), and there is none before exec(2).
        unsafe {
            command.pre_exec(|| {
                libc::signal(libc::SIGPIPE, libc::SIG_IGN);
                Ok(())
            });
        }
    }
    command.exec()
}

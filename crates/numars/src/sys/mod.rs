//! System calls, files of /proc and /sys, memory and threads: the one home of unsafe code of this crate.
//!
//! A function that has the kernel or libc read or write a buffer at an address from outside is unsafe. docs/safety.md says which invariants
//! the safe functions rely on.

pub mod clock;
pub mod errno;
pub mod files;
pub mod kernel;
pub mod memory;
pub mod network;
pub mod output;
pub mod pidfd;
pub mod process;
pub mod signals;
pub mod snapshot;
#[cfg(any(test, fuzzing))]
pub mod testing;
pub mod threads;
pub mod user_memory;

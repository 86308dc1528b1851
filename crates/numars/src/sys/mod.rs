//! System calls, files of /proc and /sys, memory and threads: the one home of unsafe code of this crate.
//!
//! A function that has the kernel or libc read or write a buffer at an address from outside is unsafe. docs/safety.md says which invariants
//! the safe functions rely on.
//!
//! Many calls are made through syscall(2), and some small things are done without libc, because each symbol of libc that the C library uses
//! takes the loader between 330 and 2,500 of its 46,000 instructions (callgrind of an empty program with the library preloaded, glibc 2.36, as
//! tests/library.rs counts them). tests/raw_calls.tsv says of each call which state of libc is bypassed, and why that is safe.

#[cfg(feature = "allocator-api2")]
mod allocator;
pub mod clock;
pub mod environment;
pub mod errno;
pub mod files;
mod fsroot;
pub mod kernel;
pub mod memory;
pub mod move_request;
pub mod network;
pub mod output;
pub mod pidfd;
pub mod process;
pub mod root;
pub mod shared;
pub mod signals;
pub mod snapshot;
#[cfg(any(test, fuzzing))]
pub mod testing;
pub mod threads;
pub mod uaccess;

//! System calls, files of /proc and /sys, memory and threads: the one home of unsafe code of this crate.
//!
//! A function that has the kernel or libc read or write a buffer at an address from outside is unsafe. docs/safety.md says which invariants
//! the safe functions rely on.
//!
//! What the documentation shows is for every program. The rest is public for libnumars, and may change in any release.
//!
//! Many calls are made through syscall(2), and some small things are done without libc, because each symbol of libc that the C library uses
//! takes the loader between 330 and 2,500 of its 46,000 instructions (callgrind of an empty program with the library preloaded, glibc 2.36, as
//! tests/library.rs counts them). tests/raw_calls.tsv says of each call which state of libc is bypassed, and why that is safe.

#[cfg(feature = "allocator-api2")]
mod allocator;
#[doc(hidden)]
pub mod clock;
#[doc(hidden)]
pub mod environment;
pub mod errno;
#[doc(hidden)]
pub mod files;
mod fsroot;
#[doc(hidden)]
pub mod kernel;
#[doc(hidden)]
pub mod memory;
pub mod move_request;
#[doc(hidden)]
pub mod network;
#[doc(hidden)]
pub mod output;
#[doc(hidden)]
pub mod pidfd;
#[doc(hidden)]
pub mod process;
#[doc(hidden)]
pub mod root;
#[doc(hidden)]
pub mod shared;
#[doc(hidden)]
pub mod signals;
#[doc(hidden)]
pub mod snapshot;
#[cfg(any(test, fuzzing))]
pub mod testing;
#[doc(hidden)]
pub mod threads;
pub mod uaccess;

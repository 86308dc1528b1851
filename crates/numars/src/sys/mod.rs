//! The only floor that talks to the kernel and to libc. The unsafe code of the library lives here and, for the pointers that
//! C hands in, in `abi`.

pub mod clock;
pub mod errno;
pub mod files;
pub mod kernel;
pub mod log_file;
pub mod memory;
pub mod network;
pub mod pidfd;
pub mod process;
pub mod signals;
pub mod snapshot;
#[cfg(any(test, fuzzing))]
pub mod testing;
pub mod threads;
pub mod user_memory;

//! numars: libnuma's C interface, and more, in Rust.
//!
//! C programs load it as `libnumars.so.1`, or as `libnuma.so.1` in libnuma's place. Its heart is moving pages between NUMA
//! nodes. Three floors, and arrows point down only:
//!
//! - [`abi`]: what C sees. Each entry point checks its pointers, converts, calls the floor below and sets errno.
//! - the safe middle: [`bits`] (bit sets), [`topology`] (what the machine and the kernel have), [`migration`] (moving pages).
//!   No unsafe code, no C types; tested without a kernel.
//! - [`os`]: the only floor that talks to the kernel and to libc.
//!
//! A Rust program that depends on this crate does so with `default-features = false` and calls the functions of [`abi`].
#![cfg_attr(all(feature = "capi", not(test)), no_std)]

pub mod abi;
mod bits;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod lists;
mod log;
mod migration;
mod mover;
mod numerals;
mod os;
mod policy;
mod running;
mod topology;

// The version of every exported symbol, made by build.rs from libnumars.map.
#[cfg(all(feature = "versioned", not(test)))]
include!(concat!(env!("OUT_DIR"), "/symvers.rs"));

/// The language demands a panic handler; the release library never reaches it.
///
/// `tests/library.rs` shows that no code of the release library refers to it, so it is not even linked in. A library with debug
/// assertions, which `make debug-test` builds, prints where it panics before it aborts.
#[cfg(all(feature = "capi", not(test)))]
#[panic_handler]
fn unreachable_in_a_release(_panic: &core::panic::PanicInfo) -> ! {
    #[cfg(debug_assertions)]
    if let Some(place) = _panic.location() {
        os::files::write_to_standard_error(b"numars: panic at ");
        os::files::write_to_standard_error(place.file().as_bytes());
        os::files::write_to_standard_error(b":");
        numerals::numerals(place.line().into(), 10, 1, &mut |digit| os::files::write_to_standard_error(&[digit]));
        os::files::write_to_standard_error(b"\n");
    }
    os::process::abort()
}

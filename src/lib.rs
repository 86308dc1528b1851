//! libnuma's C interface, and the calls of numars beyond it: what C programs see and nothing else.
//!
//! The shared library is loaded as `libnumars.so.1`, or as `libnuma.so.1` in libnuma's place. libnuma's calls are in one file per section of
//! numa(3); `mempolicy.rs` has the policies that they request, `v1.rs` the older forms, `trace` the log, `sized.rs` the rule by which structs
//! grow. Each entry point checks its pointers, converts, calls the Rust library ([`numars`], in crates/numars) and sets errno. The comments are
//! the source of the C headers: `numaif.rs` of `numaif.h`, the `numars_*.rs` of `numars.h`, the others except these four of `numa.h`;
//! `numacompat1.h` is written by hand.
#![cfg_attr(not(test), no_std)]

pub mod affinity;
pub mod availability;
pub mod bitmask;
pub mod errors;
pub mod globals;
pub mod mask;
pub mod memory;
pub mod mempolicy;
pub mod migrate;
pub mod nodes;
pub mod numaif;
pub mod numars_memory;
pub mod numars_move;
pub mod numars_nodes;
pub mod numars_parse;
pub mod numars_place;
pub mod numars_policy;
pub mod numars_status;
pub mod parse;
pub mod policy;
pub mod sized;
mod trace;
pub mod v1;

// The version of every exported symbol, made by build.rs from symbols.tsv.
#[cfg(all(feature = "versioned", not(feature = "capi"), not(test)))]
include!(concat!(env!("OUT_DIR"), "/symvers.rs"));

/// The language demands a panic handler; the release library never reaches it.
///
/// `tests/library.rs` shows that no code of the release library refers to it, so it is not even linked in. A library with debug
/// assertions, which `make debug-test` builds, prints where it panics before it aborts.
#[cfg(not(test))]
#[panic_handler]
fn unreachable_in_a_release(_panic: &core::panic::PanicInfo) -> ! {
    #[cfg(debug_assertions)]
    if let Some(place) = _panic.location() {
        ::numars::for_c::sys::files::write_to_standard_error(b"numars: panic at ");
        ::numars::for_c::sys::files::write_to_standard_error(place.file().as_bytes());
        ::numars::for_c::sys::files::write_to_standard_error(b":");
        ::numars::for_c::radix::write_radix(place.line().into(), ::numars::for_c::radix::DECIMAL, 1, &mut |digit| {
            ::numars::for_c::sys::files::write_to_standard_error(&[digit])
        });
        ::numars::for_c::sys::files::write_to_standard_error(b"\n");
    }
    ::numars::for_c::sys::process::abort()
}

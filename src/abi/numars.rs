//! numars.h: what numars has and libnuma has not.

use core::ffi::c_char;

/// The version of the numars headers that a program is compiled with: major * 10000 + minor * 100 + patch.
pub const NUMARS_VERSION: core::ffi::c_int = 100;

/// The version of the library that is loaded.
///
/// @return a string such as "0.1.0", valid for ever
#[unsafe(no_mangle)]
pub extern "C" fn numars_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

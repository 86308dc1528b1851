//! Environment variables, which privileged programs ignore and do not pass on.
//!
//! References: getenv(3), secure_getenv(3).

use super::uaccess::UserPtrMut;
use core::ffi::{CStr, c_char};
use core::ptr::null;

/// Returns what `read` makes of the value of an environment variable; `None` if it is not set, and always in a program that has more
/// privileges than the user who started it.
///
/// In such a program, the variable is removed, as the loader removes its own: the program may become root altogether and run another one, which
/// could not know that the value comes from an ordinary user. Its string is cut before the equals sign. If the environment has the variable
/// several times, all are removed.
pub fn variable<T>(name: &CStr, read: impl FnOnce(&CStr) -> Option<T>) -> Option<T> {
    let value = value_of(name);
    // SAFETY: NULL or a string, which is not used after `read`: the program may change it later.
    if value.is_null() { None } else { read(unsafe { super::memory::string(value) }) }
}

#[inline(never)]
fn value_of(name: &CStr) -> *const c_char {
    unsafe extern "C" {
        fn getenv(name: *const c_char) -> *const c_char;
        fn secure_getenv(name: *const c_char) -> *const c_char;
    }
    let mut last = null();
    // SAFETY: the name is a string. What is found is NULL or a string that follows an equals sign.
    unsafe {
        loop {
            let value = getenv(name.as_ptr());
            if value.is_null() || !secure_getenv(name.as_ptr()).is_null() {
                return value;
            }
            // By the kernel: the program may have set the variable to a string in memory that cannot be written.
            let _ = UserPtrMut::new(value.sub(1).cast_mut().cast::<u8>()).write(&[0]);
            if value == last {
                return null();
            }
            last = value;
        }
    }
}

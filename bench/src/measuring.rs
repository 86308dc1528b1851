//! The measuring programs in C as parts of the static program of `make bench-machine`, under the names that select them.

use std::ffi::{CString, OsString, c_char, c_int};
use std::os::unix::ffi::OsStringExt;
use std::ptr;

type Main = unsafe extern "C" fn(c_int, *mut *mut c_char) -> c_int;

unsafe extern "C" {
    fn measure_moves(argc: c_int, argv: *mut *mut c_char) -> c_int;
    fn measure_pauses(argc: c_int, argv: *mut *mut c_char) -> c_int;
    fn measure_calls(argc: c_int, argv: *mut *mut c_char) -> c_int;
}

/// Runs the program that the first argument names, and ends this process with its status; returns if it names none.
pub fn run_if_named(arguments: impl Iterator<Item = OsString>) {
    // The name of this program is not passed on.
    let arguments: Vec<CString> =
        arguments.skip(1).filter_map(|argument| CString::new(argument.into_vec()).ok()).collect();
    let main: Main = match arguments.first().map(|name| name.as_bytes()) {
        Some(b"moves") => measure_moves,
        Some(b"pauses") => measure_pauses,
        Some(b"calls") => measure_calls,
        _ => return,
    };
    let mut pointers: Vec<*mut c_char> = arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
    pointers.push(ptr::null_mut());
    // SAFETY: These are the main functions of bench/*.c. The strings live until the process ends, and a null pointer ends their list; getopt
    // changes the order of the pointers only.
    let status = unsafe { main(arguments.len() as c_int, pointers.as_mut_ptr()) };
    std::process::exit(status);
}

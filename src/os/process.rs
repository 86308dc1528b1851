//! What touches the process as a whole: its end, and its standard error.

use core::ffi::{CStr, c_char, c_int, c_void};

unsafe extern "C" {
    static stderr: *mut libc::FILE;
    /// vfprintf(3). `arguments` is a va_list, which on the machines where this is called is passed by address.
    #[cfg(target_arch = "x86_64")]
    fn vfprintf(stream: *mut libc::FILE, format: *const c_char, arguments: *mut c_void) -> c_int;
    fn flockfile(stream: *mut libc::FILE);
    fn funlockfile(stream: *mut libc::FILE);
}

/// Ends the process with status 1, after the functions registered with atexit(3). Only for a program that asked for it
/// with numa_exit_on_error or numa_exit_on_warn.
pub fn exit_with_failure() -> ! {
    // SAFETY: exit(3) takes any status.
    unsafe { libc::exit(libc::EXIT_FAILURE) }
}

/// What `read` makes of the value of an environment variable; none if it is not set, and always in a program with more privileges
/// than who started it.
pub fn environment<T>(name: &CStr, read: impl FnOnce(&CStr) -> Option<T>) -> Option<T> {
    unsafe extern "C" {
        fn secure_getenv(name: *const c_char) -> *const c_char;
    }
    // SAFETY: the name is a string, and the answer NULL or one, which is not kept: the program may change it later.
    unsafe {
        let found = secure_getenv(name.as_ptr());
        if found.is_null() { None } else { read(super::memory::string(found)) }
    }
}

/// The numbers of the process and of the calling thread. Both by way of syscall(2): a symbol less to look up while loading.
pub fn ids() -> (i32, i32) {
    // SAFETY: neither call has conditions or fails.
    unsafe { (libc::syscall(libc::SYS_getpid) as i32, libc::syscall(libc::SYS_gettid) as i32) }
}

/// abort(3).
#[cfg(all(feature = "capi", not(test)))]
pub fn abort() -> ! {
    // SAFETY: abort(3) has no conditions.
    unsafe { libc::abort() }
}

/// Prints `prefix`, with a colon, and what errno means to standard error, as perror(3) does; but that one allocates. Errno is left
/// untouched.
///
/// # Safety
/// `prefix` is NULL or a string.
pub unsafe fn print_errno(prefix: *const c_char) {
    // In one piece, which is one write: a signal may interrupt it, but not leave a line without its end.
    super::errno::untouched(|| {
        // SAFETY: as the caller promises; libc sets `stderr` before any other code runs; the formats fit what follows them.
        unsafe {
            if !prefix.is_null() && *prefix != 0 {
                libc::fprintf(stderr, c"%s: %m\n".as_ptr(), prefix);
            } else {
                libc::fprintf(stderr, c"%m\n".as_ptr());
            }
        }
    });
}

/// Prints `prefix`, a message and a line end to standard error, as one line also when other threads print. `message`
/// writes its part to the stream it is given. Errno is left untouched.
fn print_line(prefix: &CStr, message: impl FnOnce(*mut libc::FILE)) {
    super::errno::untouched(|| {
        // SAFETY: libc sets `stderr` before any other code runs; the strings are NUL-terminated; the lock is given back.
        unsafe {
            let stream = stderr;
            flockfile(stream);
            libc::fputs(prefix.as_ptr(), stream);
            message(stream);
            libc::fputs(c"\n".as_ptr(), stream);
            funlockfile(stream);
        }
    });
}

/// Prints a line of `prefix` and a printf(3) message whose arguments are in a va_list.
///
/// # Safety
/// `format` is a printf(3) format string and `arguments` the address of a va_list that fits it.
#[cfg(target_arch = "x86_64")]
pub unsafe fn print_formatted(prefix: &CStr, format: *const c_char, arguments: *mut c_void) {
    print_line(prefix, |stream| {
        // SAFETY: as the caller promises.
        unsafe { vfprintf(stream, format, arguments) };
    });
}

/// Prints a line of `prefix` and a printf(3) message whose arguments are integers or pointers.
///
/// # Safety
/// `format` is a printf(3) format string whose conversions fit `arguments`; those too many are not looked at.
#[cfg(any(not(target_arch = "x86_64"), test))]
pub unsafe fn print_integers(prefix: &CStr, format: *const c_char, arguments: [usize; 6]) {
    print_line(prefix, |stream| {
        let [a, b, c, d, e, f] = arguments;
        // SAFETY: as the caller promises.
        unsafe { libc::fprintf(stream, format, a, b, c, d, e, f) };
    });
}

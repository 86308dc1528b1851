//! What touches the process as a whole: its end, and its standard error.

use super::user_memory;
#[cfg(target_arch = "x86_64")]
use core::ffi::c_void;
use core::ffi::{CStr, c_char, c_int};
use core::ptr::null;

unsafe extern "C" {
    static stderr: *mut libc::FILE;
    /// vfprintf(3). `arguments` is a va_list, which on the machines where this is called is passed by address.
    #[cfg(target_arch = "x86_64")]
    fn vfprintf(stream: *mut libc::FILE, format: *const c_char, arguments: *mut c_void) -> c_int;
}

/// Ends the process with status 1, after the functions registered with atexit(3). Only for a program that asked for it
/// with numa_exit_on_error or numa_exit_on_warn.
pub fn exit_with_failure() -> ! {
    // SAFETY: exit(3) takes any status.
    unsafe { libc::exit(libc::EXIT_FAILURE) }
}

/// What `read` makes of the value of an environment variable; none if it is not set, and always in a program with more privileges
/// than who started it.
///
/// There its string is ended before the equals sign, as the loader removes variables of its own: such a program may become root altogether
/// and run another one, which could not know that it is an ordinary user who says this. A program may have been given a variable several
/// times, of which it finds the first one that is left.
pub fn environment<T>(name: &CStr, read: impl FnOnce(&CStr) -> Option<T>) -> Option<T> {
    let value = value_of(name);
    // SAFETY: NULL or a string, which is not kept: the program may change it later.
    if value.is_null() { None } else { read(unsafe { super::memory::string(value) }) }
}

#[inline(never)]
fn value_of(name: &CStr) -> *const c_char {
    unsafe extern "C" {
        fn getenv(name: *const c_char) -> *const c_char;
        fn secure_getenv(name: *const c_char) -> *const c_char;
    }
    let mut last = null();
    // SAFETY: the name is a string, and so is each answer, or NULL; it follows an equals sign.
    unsafe {
        loop {
            let found = getenv(name.as_ptr());
            if found.is_null() || !secure_getenv(name.as_ptr()).is_null() {
                return found;
            }
            // By the kernel: the program may have set the variable to a string in memory that cannot be written.
            user_memory::write(found.sub(1) as usize, &[0u8], None);
            if found == last {
                return null();
            }
            last = found;
        }
    }
}

/// The effective user of the calling thread.
pub fn effective_user() -> u32 {
    /// On the first machines that Linux ran on, the call of the plain name has users of 16 bits.
    #[cfg(any(target_arch = "x86", target_arch = "arm", target_arch = "m68k", target_arch = "sparc"))]
    const GETEUID: libc::c_long = libc::SYS_geteuid32;
    #[cfg(not(any(target_arch = "x86", target_arch = "arm", target_arch = "m68k", target_arch = "sparc")))]
    const GETEUID: libc::c_long = libc::SYS_geteuid;
    // SAFETY: the call has no conditions and does not fail.
    unsafe { libc::syscall(GETEUID) as u32 }
}

/// The numbers of the process and of the calling thread. Both by way of syscall(2): a symbol less to look up while loading.
pub fn ids() -> (i32, i32) {
    // SAFETY: neither call has conditions or fails.
    unsafe { (libc::syscall(libc::SYS_getpid) as i32, libc::syscall(libc::SYS_gettid) as i32) }
}

/// The PID of the parent process, 0 if it is in no PID namespace of the caller's.
pub fn parent() -> i32 {
    // SAFETY: the call has no conditions and does not fail.
    unsafe { libc::syscall(libc::SYS_getppid) as i32 }
}

/// Returns whether a TID is that of a thread of the process with this PID: tgkill(2) of no signal.
pub fn is_own_thread(pid: i32, tid: i32) -> bool {
    // SAFETY: three numbers, and nothing is sent.
    super::errno::preserve_errno(|| unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, 0) == 0 })
}

/// mincore(2): sets the uppermost bit of a value of `to` if that page of this process, from the one at `start` on, may be present, and
/// clears all others. Pages of files count if they are in the page cache. Errors are errnos: ENOMEM if a page is not mapped.
pub fn find_resident(start: usize, page_bits: u32, to: &mut [usize]) -> Result<(), c_int> {
    const SIZE: usize = size_of::<usize>();
    let count = to.len();
    // For larger pages than the machine has, the kernel would write more bytes than one for each value.
    let page_bits = page_bits.min(super::memory::page_size().trailing_zeros());
    // SAFETY: the bytes of `to`, which is not used meanwhile; any bits are valid for both.
    let bytes = unsafe { core::slice::from_raw_parts_mut(to.as_mut_ptr().cast::<u8>(), size_of_val(to)) };
    // The kernel's bytes go to the end, where each is read before a value overwrites it.
    let end = count * (SIZE - 1);
    let resident = bytes.get_mut(end..).unwrap_or_default().as_mut_ptr();
    super::errno::preserve_errno(|| {
        // SAFETY: the kernel writes a byte for each page, and there is room for `count`.
        match unsafe { libc::syscall(libc::SYS_mincore, start, count << page_bits, resident) } {
            0 => Ok(()),
            _ => Err(super::errno::get()),
        }
    })?;
    for page in 0..count {
        let is_resident = bytes.get(end + page).is_some_and(|byte| byte & 1 == 1);
        let value = (usize::from(is_resident) << (usize::BITS - 1)).to_ne_bytes();
        if let Some(place) = bytes.get_mut(page * SIZE..(page + 1) * SIZE) {
            place.iter_mut().zip(value).for_each(|(place, byte)| *place = byte);
        }
    }
    Ok(())
}

/// abort(3).
#[cfg(not(test))]
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
    super::errno::preserve_errno(|| {
        // SAFETY: as the caller promises; libc sets `stderr` before any other code runs; the formats fit what follows them.
        unsafe {
            if !prefix.is_null() && *prefix != 0 {
                print_string(c"%s: %m\n", prefix);
            } else {
                print_string(c"%m\n", prefix);
            }
        }
    });
}

/// Prints a string to standard error in a format that has a conversion for it, or none.
///
/// # Safety
/// `text` is a string if it has one.
#[cfg(target_arch = "x86_64")]
unsafe fn print_string(format: &CStr, text: *const c_char) {
    /// A va_list, as the ABI of x86-64 has it. That of x32 is the same with addresses of 32 bits; there, a pointer is the lower half of
    /// the eight bytes that an argument has in memory, which is all that is read of them.
    #[repr(C)]
    struct VaList {
        gp_offset: u32,
        fp_offset: u32,
        overflow_arg_area: *const *const c_char,
        reg_save_area: *const c_void,
    }
    // All registers are used up: the arguments are in memory. fprintf(3) would be one symbol more to look up while loading.
    let (gp_offset, fp_offset) = (6 * 8, 6 * 8 + 8 * 16);
    let mut list =
        VaList { gp_offset, fp_offset, overflow_arg_area: &raw const text, reg_save_area: core::ptr::null() };
    // SAFETY: libc sets `stderr` before any other code runs; the list is valid, and has what the format asks for.
    unsafe { vfprintf(stderr, format.as_ptr(), (&raw mut list).cast()) };
}

#[cfg(not(target_arch = "x86_64"))]
unsafe fn print_string(format: &CStr, text: *const c_char) {
    // SAFETY: as the caller promises; libc sets `stderr` before any other code runs.
    unsafe { libc::fprintf(stderr, format.as_ptr(), text) };
}

/// Prints a line of `prefix`, which has no conversions, and a printf(3) message to standard error. `print` is given each format that is
/// to be printed there with the message's arguments. Errno is left untouched.
///
/// That is one format, and so one write, also when other threads print; a very long one comes in pieces. A lock around pieces would
/// be two functions more for the loader to look up.
fn print_line(prefix: &CStr, format: &CStr, print: impl Fn(*mut libc::FILE, &CStr)) {
    const ROOM: usize = 512;
    let pieces = [prefix, format, c"\n"];
    let mut line = [0u8; ROOM];
    let bytes = pieces.iter().flat_map(|piece| piece.to_bytes());
    line.iter_mut().zip(bytes).for_each(|(place, &byte)| *place = byte);
    super::errno::preserve_errno(|| {
        // SAFETY: libc sets `stderr` before any other code runs; a NUL ends the line where it ends with one.
        unsafe {
            match line.last() {
                Some(0) => print(stderr, super::memory::string(line.as_ptr().cast())),
                _ => pieces.into_iter().for_each(|piece| print(stderr, piece)),
            }
        }
    });
}

/// Prints a line of `prefix` and a printf(3) message whose arguments are in a va_list.
///
/// # Safety
/// `format` is a printf(3) format string and `arguments` the address of a va_list that fits it.
#[cfg(target_arch = "x86_64")]
pub unsafe fn print_formatted(prefix: &CStr, format: *const c_char, arguments: *mut c_void) {
    // SAFETY: as the caller promises; a format without conversions does not look at the arguments.
    unsafe {
        print_line(prefix, super::memory::string(format), |stream, format| {
            vfprintf(stream, format.as_ptr(), arguments);
        });
    }
}

/// Prints a line of `prefix` and a printf(3) message whose arguments are integers or pointers.
///
/// # Safety
/// `format` is a printf(3) format string whose conversions fit `arguments`; those too many are not looked at.
pub unsafe fn print_integers(prefix: &CStr, format: *const c_char, arguments: [usize; 6]) {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: as the caller promises.
    unsafe {
        print_line(prefix, super::memory::string(format), |stream, format| {
            libc::fprintf(stream, format.as_ptr(), a, b, c, d, e, f);
        });
    }
}

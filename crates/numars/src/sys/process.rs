//! The process as a whole: its numbers, its end, and messages on its standard error.
//!
//! References: exit(3), mincore(2), vfprintf(3).

use core::ffi::{CStr, c_char, c_int, c_void};

unsafe extern "C" {
    static stderr: *mut libc::FILE;
    /// vfprintf(3). `arguments` is a va_list as C passes it: the address of an array, or a pointer, according to the ABI.
    fn vfprintf(stream: *mut libc::FILE, format: *const c_char, arguments: *mut c_void) -> c_int;
}

/// Ends the process with status 1, after the functions registered with atexit(3). Only for a program that requests that.
pub fn exit_with_failure() -> ! {
    // SAFETY: exit(3) takes any status.
    unsafe { libc::exit(libc::EXIT_FAILURE) }
}

/// Returns the effective user of the calling thread.
pub fn effective_user() -> u32 {
    /// On the oldest architectures, the call without the suffix has users of 16 bits.
    #[cfg(any(target_arch = "x86", target_arch = "arm", target_arch = "m68k", target_arch = "sparc"))]
    const GETEUID: libc::c_long = libc::SYS_geteuid32;
    #[cfg(not(any(target_arch = "x86", target_arch = "arm", target_arch = "m68k", target_arch = "sparc")))]
    const GETEUID: libc::c_long = libc::SYS_geteuid;
    // SAFETY: the call takes no arguments and does not fail.
    unsafe { libc::syscall(GETEUID) as u32 }
}

/// Returns the numbers of the process and of the calling thread.
pub fn ids() -> (i32, i32) {
    // SAFETY: neither call takes arguments or fails.
    unsafe { (libc::syscall(libc::SYS_getpid) as i32, libc::syscall(libc::SYS_gettid) as i32) }
}

/// Returns the PID of the parent process; 0 if it is not in the caller's PID namespace.
pub fn parent() -> i32 {
    // SAFETY: the call takes no arguments and does not fail.
    unsafe { libc::syscall(libc::SYS_getppid) as i32 }
}

/// Returns whether a TID belongs to a thread of the process with this PID, by tgkill(2) with signal 0.
pub fn is_own_thread(pid: i32, tid: i32) -> bool {
    // SAFETY: three numbers, and nothing is sent.
    super::errno::preserve_errno(|| unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, 0) == 0 })
}

/// Finds pages of this process that may be present, from the one at `start` on, with mincore(2): sets the uppermost bit of their values of
/// `to`, and clears all others. `page_bits` is the binary logarithm of the page size. Pages of files count if they are in the page cache.
///
/// # Errors
/// Errnos: ENOMEM if a page is not mapped.
pub fn find_resident(start: usize, page_bits: u32, to: &mut [usize]) -> Result<(), c_int> {
    const SIZE: usize = size_of::<usize>();
    let count = to.len();
    // For larger pages than the machine has, the kernel would write more bytes than one for each value.
    let page_bits = page_bits.min(super::memory::page_size().trailing_zeros());
    // SAFETY: the bytes of `to`, which is not used meanwhile; any bits are valid for both.
    let bytes = unsafe { core::slice::from_raw_parts_mut(to.as_mut_ptr().cast::<u8>(), size_of_val(to)) };
    // The kernel's bytes are written to the end, where each is read before a value overwrites it.
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

/// Ends the process with SIGABRT: abort(3).
pub fn abort() -> ! {
    // SAFETY: abort(3) takes no arguments.
    unsafe { libc::abort() }
}

/// Prints `prefix`, with a colon, and the text of errno to standard error, as perror(3) does, which would allocate memory. Errno is left
/// untouched.
///
/// # Safety
/// `prefix` is NULL or a string.
pub unsafe fn print_errno(prefix: *const c_char) {
    // With one call, which is one write(2): a signal may come before or after the line, not within it.
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

/// Prints a string to standard error, with a format that has one conversion for it, or none.
///
/// # Safety
/// `text` is a string if it has one.
#[cfg(target_arch = "x86_64")]
unsafe fn print_string(format: &CStr, text: *const c_char) {
    /// A va_list, as the x86-64 ABI has it.
    #[repr(C)]
    struct VaList {
        gp_offset: u32,
        fp_offset: u32,
        overflow_arg_area: *const *const c_char,
        reg_save_area: *const c_void,
    }
    // The arguments are in memory, as if all registers were used up. fprintf(3) would be one more symbol
    // to look up while loading, which takes 1,135 instructions for this one.
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

/// Prints a line of `prefix`, which has no conversions, and a printf(3) message to standard error, by calling `print` with the stream and each
/// format. Errno is left untouched.
///
/// A line that is not very long is one format, and so one write(2), also if other threads print. Locking the stream would be two more symbols to
/// look up while loading.
fn print_line(prefix: &CStr, format: &CStr, print: impl Fn(*mut libc::FILE, &CStr)) {
    const CAPACITY: usize = 512;
    let pieces = [prefix, format, c"\n"];
    let mut line = [0u8; CAPACITY];
    let bytes = pieces.iter().flat_map(|piece| piece.to_bytes());
    line.iter_mut().zip(bytes).for_each(|(to, &byte)| *to = byte);
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

/// Prints a line of `prefix` and a printf(3) message with the arguments of a va_list.
///
/// # Safety
/// `format` is a printf(3) format string, and `arguments` a va_list that fits it, as C passes it to vfprintf(3).
pub unsafe fn print_formatted(prefix: &CStr, format: *const c_char, arguments: *mut c_void) {
    // SAFETY: as the caller promises; a format without conversions does not look at the arguments.
    unsafe {
        print_line(prefix, super::memory::string(format), |stream, format| {
            vfprintf(stream, format.as_ptr(), arguments);
        });
    }
}

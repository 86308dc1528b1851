//! numa_error() and numa_warn(), which report errors and warnings, and which a program may replace by functions of its own.

use super::mempolicy::Applied;
use crate::trace::{self, Call};
use core::ffi::{CStr, c_char, c_int};
use core::sync::atomic::{AtomicU64, Ordering};
use numars::for_c::sys::{errno, process};
use numars::{Syscall, SyscallError};

mod variadic;

/// If not 0, numa_error() ends the program after it has printed.
///
/// Set by the program, for the whole process. 0 at the start.
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub static mut numa_exit_on_error: c_int = 0;

/// If not 0, numa_warn() ends the program after it has printed.
///
/// Set by the program, for the whole process. 0 at the start.
///
/// Follows numa(3). libnuma 2.0.16 ignores it.
#[unsafe(no_mangle)]
pub static mut numa_exit_on_warn: c_int = 0;

/// Ends the process if the program has set `flag`, one of the two above.
fn exit_if(flag: *const c_int) {
    // SAFETY: the flag is one of the statics above. Volatile, because the program writes to it.
    if unsafe { flag.read_volatile() } != 0 {
        process::exit_with_failure();
    }
}

/// Print a message for errno to stderr, like perror(3), and end the program with exit(3) and status
/// 1 if numa_exit_on_error is set.
///
/// The library calls this for failures of functions that cannot return them. A program may define
/// its own numa_error() instead, which need not return.
///
/// @param where  printed before the message, with a colon; NULL or empty: only the message
///
/// Thread-safe. Not async-signal-safe: prints with stdio.
///
/// Follows numa(3). errno is unchanged.
///
/// # Safety
/// where is NULL or points to a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_error(r#where: *mut c_char) {
    // SAFETY: as the caller promises.
    unsafe { process::print_errno(r#where) };
    exit_if(&raw const numa_exit_on_error);
}

/// Returns what libnuma passes to numa_error() when `call` fails.
fn where_it_failed(call: Syscall) -> &'static CStr {
    match call {
        Syscall::GetMempolicy => c"get_mempolicy",
        Syscall::SetMempolicy => c"set_mempolicy",
        Syscall::Mbind => c"mbind",
        Syscall::SetMempolicyHomeNode => c"set_mempolicy_home_node",
        Syscall::SchedSetaffinity => c"numa_sched_setaffinity_v2_int() failed",
        // No call of libnuma's reports another one.
        _ => c"",
    }
}

/// Calls numa_error(), the program's own if it has one, for a system call that failed, with its errno.
#[cold]
#[inline(never)]
pub(super) fn call_numa_error(error: SyscallError) {
    // The loader stores the address of the function that the program calls by this name here. Volatile, so that the compiler does not
    // assume that it is the one below.
    static NUMA_ERROR: unsafe extern "C" fn(*mut c_char) = numa_error;
    errno::set(error.errno().raw());
    // SAFETY: a function of this form, given a string.
    unsafe { (&raw const NUMA_ERROR).read_volatile()(where_it_failed(error.call()).as_ptr().cast_mut()) };
}

/// Calls numa_error() if `result` is an error.
// In one place: it is called from everywhere.
#[inline(never)]
pub(super) fn report_failure(result: Result<(), SyscallError>) {
    if let Err(error) = result {
        call_numa_error(error);
    }
}

/// Returns what C gets for `result`: 0, or -1, and errno is set already.
pub(super) fn status(result: Result<(), SyscallError>) -> c_int {
    if result.is_err() { -1 } else { 0 }
}

impl Call<'_> {
    /// Traces a call, and returns its result as C's.
    #[inline(always)]
    pub(super) fn status(self, result: Result<(), SyscallError>) -> c_int {
        self.returns(status(result))
    }

    /// Traces a call, and returns its result as C's: 1 for the fallback on an older kernel.
    #[inline(always)]
    pub(super) fn applied(self, result: Result<Applied, SyscallError>) -> c_int {
        self.returns(match result {
            Ok(Applied::AsRequested) => 0,
            Ok(Applied::Fallback) => 1,
            Err(_) => -1,
        })
    }

    /// Traces a call that returns nothing: its failure is reported to the program.
    #[inline(always)]
    pub(super) fn reports(self, result: Result<(), SyscallError>) {
        if trace::is_on() || result.is_err() {
            self.traces_and_reports(result);
        }
    }

    /// As [`Call::reports`], for a call that does less on an older kernel.
    #[inline(always)]
    pub(super) fn applies(self, result: Result<Applied, SyscallError>) {
        if trace::is_on() || result.is_err() {
            self.traces_what_applied(result);
        }
    }

    #[cold]
    #[inline(never)]
    fn traces_what_applied(self, result: Result<Applied, SyscallError>) {
        self.applied(result);
        report_failure(result.map(|_| ()));
    }

    #[cold]
    #[inline(never)]
    fn traces_and_reports(self, result: Result<(), SyscallError>) {
        self.returns(status(result));
        report_failure(result);
    }
}

/// The type of numa_warn().
pub(super) type Variadic = unsafe extern "C" fn(c_int, *const c_char, ...);

/// Returns the numa_warn() to call: the program's own if it has one.
fn numa_warn_in_use() -> Variadic {
    // SAFETY: numa_warn is variadic for its callers, although Rust knows another type.
    static NUMA_WARN: Variadic = unsafe { core::mem::transmute(numa_warn as unsafe extern "C" fn(c_int, *mut c_char)) };
    // SAFETY: read as in `call_numa_error`.
    unsafe { (&raw const NUMA_WARN).read_volatile() }
}

/// The number of one of the library's own warnings; libnuma's number if it has the warning.
#[derive(Clone, Copy)]
pub(super) struct Warning(c_int);

impl Warning {
    pub(super) const NODE_LIST: Warning = Warning(10);
    pub(super) const ONE_PREFERRED_NODE: Warning = Warning(10);
    pub(super) const CPU_LIST: Warning = Warning(9);
    pub(super) const NO_CPUS_FILE: Warning = Warning(6);
    pub(super) const NODE_NOT_ALLOWED: Warning = Warning(6);
    pub(super) const NO_FILE: Warning = Warning(11);
    pub(super) const NO_BLOCK_DEVICE: Warning = Warning(15);
    pub(super) const NO_ROUTE: Warning = Warning(17);
    pub(super) const NO_HOST: Warning = Warning(19);
    pub(super) const PCI_ADDRESS: Warning = Warning(23);
    pub(super) const NOWHERE: Warning = Warning(25);
    pub(super) const NO_NODE: Warning = Warning(26);
    pub(super) const ILLEGAL_NAME: Warning = Warning(28);
}

/// Calls numa_warn() with a text without conversions.
pub(super) fn warn(warning: Warning, text: &CStr) {
    // SAFETY: an argument without a conversion is ignored.
    unsafe { warn_with(warning, text, 0) };
}

/// An argument that C passes to a variadic function unchanged.
pub(super) trait Argument: Copy {
    unsafe fn pass(self, to: Variadic, warning: Warning, format: &CStr);
}

macro_rules! arguments {
    ($($type:ty),*) => {
        $(impl Argument for $type {
            unsafe fn pass(self, to: Variadic, warning: Warning, format: &CStr) {
                // SAFETY: as the caller of `warn_with` promises.
                unsafe { to(warning.0, format.as_ptr(), self) };
            }
        })*
    };
}

// isize is C's long.
arguments!(c_int, isize, *const u8);

/// Calls numa_warn() with a format and one argument.
///
/// # Safety
/// The format has one conversion, and the argument fits it; a pointer is a string.
pub(super) unsafe fn warn_with(warning: Warning, format: &CStr, argument: impl Argument) {
    // SAFETY: as the caller promises.
    unsafe { argument.pass(numa_warn_in_use(), warning, format) };
}

/// The start of every warning.
const WARNING: &CStr = c"libnuma: Warning: ";

/// Returns whether the warning of this number is to be printed: the first time only, or always if the number is not 0 to 63.
fn should_print(number: c_int) -> bool {
    static PRINTED: AtomicU64 = AtomicU64::new(0);
    match number {
        0..=63 => PRINTED.fetch_or(1 << number, Ordering::Relaxed) >> number & 1 == 0,
        _ => true,
    }
}

/// As [`numa_warn`], with its arguments in a va_list, passed as to vfprintf(3).
unsafe extern "C" fn warn_with_list(number: c_int, format: *const c_char, arguments: *mut core::ffi::c_void) {
    if !format.is_null() && should_print(number) {
        // SAFETY: as the caller of `numa_warn` promises.
        unsafe { process::print_formatted(WARNING, format, arguments) };
    }
    exit_if(&raw const numa_exit_on_warn);
}

/// Print a warning to stderr, and end the program with exit(3) and status 1 if numa_exit_on_warn is
/// set.
///
/// A warning with a number from 0 to 63 is printed only the first time. A program may define its
/// own numa_warn() instead, which need not return.
///
/// @param number  the number of the warning
/// @param where   a printf(3) format, followed by its arguments; NULL: nothing is printed
///
/// Thread-safe. Not async-signal-safe: prints with stdio.
///
/// Follows numa(3). errno is unchanged.
///
/// # Safety
/// where is NULL or a printf(3) format that fits the arguments after it.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn numa_warn(number: c_int, r#where: *mut c_char) {
    variadic::pass_list_to!(warn_with_list, "numa_warn")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Returns what this test program prints to stderr when it runs the ignored test `name`.
    fn stderr_of(name: &str) -> String {
        let program = std::env::current_exe().unwrap();
        let arguments = ["--exact", "--ignored", "--nocapture", "--test-threads=1"];
        let output = Command::new(program).args(arguments).arg(format!("errors::tests::{name}")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    #[test]
    #[ignore = "run by the test below, in a process of its own"]
    fn warns_of_many_things() {
        let (format, name) = (c"%d %s %llu %.2f|%d %lld %d %s|%.1f %.1f %.1f %.1f %.1f %.1f %.1f %.1f|%lld %d", c"two");
        for _ in 0..2 {
            // SAFETY: the format fits its arguments.
            unsafe {
                let (format, name) = (format.as_ptr(), name.as_ptr());
                numa_warn_in_use()(
                    3,
                    format,
                    7,
                    name,
                    1i64 << 40,
                    0.25,
                    -1,
                    -1i64 << 40,
                    9,
                    name,
                    1.5,
                    2.5,
                    3.5,
                    4.5,
                    5.5,
                    6.5,
                    7.5,
                    8.5,
                    i64::MIN,
                    10,
                );
            }
        }
    }

    #[test]
    fn arguments_of_any_type_and_number_are_printed_once() {
        assert_eq!(
            stderr_of("warns_of_many_things"),
            "libnuma: Warning: 7 two 1099511627776 0.25|-1 -1099511627776 9 two|1.5 2.5 3.5 4.5 5.5 6.5 7.5 8.5|\
             -9223372036854775808 10\n"
        );
    }

    #[test]
    fn warnings_with_numbers_from_0_to_63_are_printed_once_and_others_always() {
        for number in 40..64 {
            assert!(should_print(number));
            assert!(!should_print(number));
        }
        for number in [-1, 64, c_int::MAX, c_int::MIN] {
            assert!(should_print(number) && should_print(number));
        }
    }
}

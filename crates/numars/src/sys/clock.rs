//! Time.

/// Returns the nanoseconds of CLOCK_MONOTONIC, which never goes back. Errno is left untouched: the call cannot fail.
pub fn nanoseconds() -> u64 {
    read(libc::CLOCK_MONOTONIC).unwrap_or(0)
}

/// Returns the nanoseconds for which the calling thread has run, in user mode and in the kernel; those of CLOCK_MONOTONIC if they are not known.
pub fn thread_nanoseconds() -> u64 {
    super::errno::preserve_errno(|| read(libc::CLOCK_THREAD_CPUTIME_ID)).unwrap_or_else(nanoseconds)
}

/// Returns the nanoseconds of a clock; `None` if the kernel does not have it.
///
/// On 32-bit machines, the system call has 32-bit seconds and a `timespec` may have 64, so libc's function is called. Elsewhere that would be
/// one more symbol to look up while loading.
fn read(clock: libc::clockid_t) -> Option<u64> {
    if cfg!(miri) {
        // Miri has no such call.
        return None;
    }
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    #[cfg(target_pointer_width = "64")]
    // SAFETY: `now` is writable.
    let failed = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, &raw mut now) != 0 };
    #[cfg(not(target_pointer_width = "64"))]
    // SAFETY: as above.
    let failed = unsafe { libc::clock_gettime(clock, &raw mut now) != 0 };
    (!failed).then_some(now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64)
}

/// Sleeps for `microseconds`, less than a second, or until a signal arrives. Errno is left untouched.
pub fn pause(microseconds: u32) {
    // The timespec of the system call ppoll has registers' width, whatever the width of time_t.
    let time: [libc::c_long; 2] = [0, libc::c_long::from(microseconds as i32) * 1000];
    let nothing = core::ptr::null::<u8>();
    super::errno::preserve_errno(|| {
        // SAFETY: no descriptors, and a time that is read only.
        unsafe { libc::syscall(libc::SYS_ppoll, nothing, 0usize, time.as_ptr(), nothing, 0usize) }
    });
}

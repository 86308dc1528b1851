//! Time.

/// Returns the nanoseconds of CLOCK_MONOTONIC, which never goes back. Errno is left untouched: the call cannot fail.
///
/// On 32-bit machines, the system call has 32-bit seconds and a `timespec` may have 64, so libc's function is called. Elsewhere that would be
/// one more symbol to look up while loading.
pub fn nanoseconds() -> u64 {
    if cfg!(miri) {
        // Miri has no such call.
        return 0;
    }
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    #[cfg(target_pointer_width = "64")]
    // SAFETY: `now` is writable.
    unsafe {
        libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_MONOTONIC, &raw mut now)
    };
    #[cfg(not(target_pointer_width = "64"))]
    // SAFETY: as above.
    unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now)
    };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
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

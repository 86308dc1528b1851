//! Time that passes.

/// Milliseconds since some moment. Errno is left untouched: CLOCK_MONOTONIC cannot fail.
///
/// The system call of that name has 32-bit seconds on 32-bit machines, where a `timespec` may have 64: there it is libc's business.
/// Elsewhere its function would be a symbol more to look up while loading.
pub fn milliseconds() -> u64 {
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
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

/// Waits so many microseconds, fewer than a second, or until a signal. Errno is left untouched.
pub fn pause(microseconds: u32) {
    // The timespec of the system call of this name has registers' width, whatever the width of time_t.
    let time: [libc::c_long; 2] = [0, libc::c_long::from(microseconds as i32) * 1000];
    let nothing = core::ptr::null::<u8>();
    super::errno::preserve_errno(|| {
        // SAFETY: no descriptors, and a time that is read only.
        unsafe { libc::syscall(libc::SYS_ppoll, nothing, 0usize, time.as_ptr(), nothing, 0usize) }
    });
}

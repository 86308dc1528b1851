//! Time that passes.

/// Milliseconds since some moment. Errno is left untouched.
pub fn milliseconds() -> u64 {
    if cfg!(miri) {
        // Miri has no such call.
        return 0;
    }
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is writable.
    unsafe { libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

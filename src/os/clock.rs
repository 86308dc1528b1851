//! Time that passes.

/// Milliseconds since some moment, by libc's function: the system call of that name has 32-bit seconds on 32-bit machines, and a
/// `timespec` need not. Errno is left untouched: CLOCK_MONOTONIC cannot fail.
pub fn milliseconds() -> u64 {
    if cfg!(miri) {
        // Miri has no such call.
        return 0;
    }
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is writable.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

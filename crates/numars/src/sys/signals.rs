//! The signals that the calling thread blocks.
//!
//! References: rt_sigprocmask(2), rt_sigtimedwait(2). libc's functions would be more symbols to look up while loading.

use core::ffi::{c_int, c_long};
use core::ptr::null;

/// A set of signals, as the kernel has it.
pub type SignalSet = [usize; SIGNALS / usize::BITS as usize];
const SIGNALS: usize = if cfg!(any(target_arch = "mips", target_arch = "mips64")) { 128 } else { 64 };

/// Returns the bit of a signal in the first word of a set, which has at least the first 32 on every machine.
pub const fn bit(signal: c_int) -> usize {
    1 << (signal - 1)
}

/// Returns the set of the signals with these bits.
fn set(bits: usize) -> SignalSet {
    let mut set: SignalSet = [0; SIGNALS / usize::BITS as usize];
    set[0] = bits;
    set
}

/// Returns all signals except those that libc uses itself: setuid(2) and other calls send one to every thread and wait until each has handled it
/// (nptl(7)). musl has one more than glibc.
pub fn all_but_those_of_libc() -> SignalSet {
    const FIRST: usize = 32;
    const LAST: usize = if cfg!(target_env = "gnu") { 33 } else { 34 };
    let mut all: SignalSet = [usize::MAX; SIGNALS / usize::BITS as usize];
    for signal in FIRST..=LAST {
        let bit = signal - 1;
        let word: Option<&mut usize> = all.get_mut(bit / usize::BITS as usize);
        word.into_iter().for_each(|word| *word &= !(1 << (bit % usize::BITS as usize)));
    }
    all
}

/// Changes the signals that the calling thread blocks, with rt_sigprocmask(2): `how` is SIG_BLOCK or SIG_SETMASK. Returns those that were
/// blocked before.
#[inline(never)]
pub fn change_mask(how: c_int, signals: &SignalSet) -> SignalSet {
    let mut before = set(0);
    // SAFETY: the sets have the kernel's size. With those arguments the call does not fail.
    unsafe {
        let size = size_of::<SignalSet>();
        libc::syscall(libc::SYS_rt_sigprocmask, how, signals.as_ptr(), before.as_mut_ptr(), size);
    }
    before
}

/// The signals that a write(2) may raise in the thread that calls it, blocked as long as this value lives: SIGXFSZ if the file becomes too
/// large, SIGPIPE if a pipe has no reader, and SIGTTOU if a program in the background may not write to its terminal; while that one is blocked,
/// it may.
pub struct SignalsOfWrite {
    blocked: SignalSet,
    pending: usize,
}

impl SignalsOfWrite {
    const ALL: usize = bit(libc::SIGPIPE) | bit(libc::SIGXFSZ) | bit(libc::SIGTTOU);

    /// Blocks them.
    pub fn block() -> Self {
        let blocked = change_mask(libc::SIG_BLOCK, &set(Self::ALL));
        let mut pending = set(0);
        if blocked[0] & Self::ALL != 0 {
            // SAFETY: the set has the kernel's size.
            unsafe { libc::syscall(libc::SYS_rt_sigpending, pending.as_mut_ptr(), size_of::<SignalSet>()) };
        }
        SignalsOfWrite { blocked, pending: pending[0] }
    }

    /// Consumes the signal that came with this errno, unless it was pending before.
    pub fn take(&self, error: c_int) {
        let signal = bit(match error {
            libc::EPIPE => libc::SIGPIPE,
            libc::EFBIG => libc::SIGXFSZ,
            _ => return,
        });
        if self.pending & signal == 0 {
            const AT_ONCE: [c_long; 4] = [0; 4];
            let (set, size) = (set(signal), size_of::<SignalSet>());
            // SAFETY: the set has the kernel's size, and the time is zero in every layout.
            unsafe {
                libc::syscall(libc::SYS_rt_sigtimedwait, set.as_ptr(), null::<u8>(), AT_ONCE.as_ptr(), size);
            }
        }
    }
}

impl Drop for SignalsOfWrite {
    fn drop(&mut self) {
        change_mask(libc::SIG_SETMASK, &self.blocked);
    }
}

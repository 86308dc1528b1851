//! What threads share: a flag, and a number that is found out once.

use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// Off at first. Whoever sees it on also sees what was written before it was put on.
pub struct Flag(AtomicU8);

impl Flag {
    pub const fn new() -> Self {
        Flag(AtomicU8::new(0))
    }

    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Acquire) != 0
    }

    pub fn put(&self, on: bool) {
        self.0.store(u8::from(on), Ordering::Release);
    }
}

/// A number other than 0 that is found out when it is first asked for. Threads that ask at once may all find it out, alike.
pub struct Once(AtomicUsize);

impl Once {
    pub const fn new() -> Self {
        Once(AtomicUsize::new(0))
    }

    pub fn get(&self, find_out: impl FnOnce() -> usize) -> usize {
        match self.0.load(Ordering::Acquire) {
            0 => {
                let found = find_out();
                self.0.store(found, Ordering::Release);
                found
            }
            known => known,
        }
    }
}

//! A flag that threads share.

use core::sync::atomic::{AtomicU8, Ordering};

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

//! A value that owns the memory of its tables.

use super::memory::{Arena, Scratch};
use super::snapshot::InMemory;
use core::marker::PhantomData;

/// A family of values that may be used for a shorter lifetime than that of their tables.
pub trait Covariant: InMemory {
    /// Returns `value`.
    fn shorten<'short, 'long: 'short>(value: &'short Self::Value<'long>) -> &'short Self::Value<'short>;
}

/// A value whose tables are mapped together with it, and are unmapped on drop.
pub struct Mapped<F: Covariant> {
    /// The value, followed by its tables.
    memory: Scratch,
    family: PhantomData<F::Value<'static>>,
}

// SAFETY: the memory belongs to the value, which may be sent to other threads.
unsafe impl<F: Covariant> Send for Mapped<F> where F::Value<'static>: Send {}
// SAFETY: only the value can be reached, which may be shared (InMemory::Value).
unsafe impl<F: Covariant> Sync for Mapped<F> {}

impl<F: Covariant> Mapped<F> {
    /// Builds a value with `bytes` of zeros for its tables. Returns `None`, with errno, if there is no memory.
    pub fn new(bytes: usize, build: impl for<'a> FnOnce(&mut Arena<'a>) -> F::Value<'a>) -> Option<Self> {
        const { assert!(align_of::<F::Value<'static>>() <= align_of::<usize>()) };
        let place_size = size_of::<F::Value<'static>>().next_multiple_of(align_of::<usize>());
        let memory = Scratch::new(place_size.saturating_add(bytes))?;
        // SAFETY: the rest of the memory, which is used by nothing else, and which lives as long as the value. The place of the value is large
        // enough and aligned; a lifetime does not change a type's layout.
        unsafe {
            let value = build(&mut Arena::new(memory.start().add(place_size), bytes));
            memory.start().cast::<F::Value<'_>>().write(value);
        }
        Some(Mapped { memory, family: PhantomData })
    }

    /// Returns the value.
    pub fn get(&self) -> &F::Value<'_> {
        // SAFETY: `new` has written it there. Its tables live as long as this, so no longer lifetime leaves this function.
        F::shorten(unsafe { &*self.memory.start().cast::<F::Value<'static>>() })
    }
}

impl<F: Covariant> Drop for Mapped<F> {
    fn drop(&mut self) {
        // SAFETY: nothing borrows the value any more, and it is dropped once, before its memory.
        unsafe { self.memory.start().cast::<F::Value<'static>>().drop_in_place() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Table<'a>(&'a [usize], &'static AtomicUsize);

    impl Drop for Table<'_> {
        fn drop(&mut self) {
            self.1.fetch_add(self.0.iter().sum(), Ordering::Relaxed);
        }
    }

    struct TableFamily;
    impl InMemory for TableFamily {
        type Value<'a> = Table<'a>;
    }
    impl Covariant for TableFamily {
        fn shorten<'short, 'long: 'short>(value: &'short Table<'long>) -> &'short Table<'short> {
            value
        }
    }

    #[test]
    fn a_value_that_owns_its_tables_can_be_sent_and_is_dropped_once() {
        static DROPPED: AtomicUsize = AtomicUsize::new(0);
        let build = super::super::snapshot::for_any_lifetime::<TableFamily, _>(|arena| {
            let table = arena.alloc_slice::<usize>(3);
            table.fill(7);
            Table(table, &DROPPED)
        });
        let mapped = Mapped::<TableFamily>::new(3 * size_of::<usize>(), build).unwrap();
        std::thread::spawn(move || assert_eq!(mapped.get().0, [7; 3])).join().unwrap();
        assert_eq!(DROPPED.load(Ordering::Relaxed), 21);
    }
}

//! A value that shares the memory of its tables with its copies.

use super::errno::Errno;
use super::memory::{self, Arena, Scratch};
use super::snapshot::InMemory;
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

/// A family of values that may be used for a shorter lifetime than that of their tables.
pub trait Covariant: InMemory {
    /// Returns `value`.
    fn shorten<'short, 'long: 'short>(value: &'short Self::Value<'long>) -> &'short Self::Value<'short>;
}

/// A value whose tables are mapped together with it. Copies share the memory, which is unmapped when the last of them is dropped.
pub struct Shared<F: Covariant> {
    /// The start of the mapping. The tables follow.
    block: NonNull<Block<F::Value<'static>>>,
    family: PhantomData<F::Value<'static>>,
}

#[repr(C)]
struct Block<V> {
    /// The number of copies; above [`MAX_COPIES`], it is not counted any more and the memory stays mapped, as with the kernel's refcount_t.
    copies: AtomicUsize,
    /// The size of the mapping.
    bytes: usize,
    value: V,
}

const MAX_COPIES: usize = usize::MAX / 2;

/// The count of copies that are not counted. So many threads cannot run at the same time that it would leave the upper half.
const UNCOUNTED: usize = MAX_COPIES + MAX_COPIES / 2;

// SAFETY: copies in several threads share the value (Sync, as all of InMemory are), and any of them may be the one that drops it.
unsafe impl<F: Covariant> Send for Shared<F> where F::Value<'static>: Send {}
// SAFETY: as above, because a reference is enough to make a copy.
unsafe impl<F: Covariant> Sync for Shared<F> where F::Value<'static>: Send {}

impl<F: Covariant> Shared<F> {
    /// Builds a value with `bytes` of zeros for its tables.
    ///
    /// # Errors
    /// ENOMEM, or another errno of mmap(2).
    pub fn new(bytes: usize, build: impl for<'a> FnOnce(&mut Arena<'a>) -> F::Value<'a>) -> Result<Self, Errno> {
        const { assert!(align_of::<Block<F::Value<'static>>>() <= align_of::<usize>()) };
        let block_size = size_of::<Block<F::Value<'static>>>().next_multiple_of(align_of::<usize>());
        let memory = Scratch::new(block_size.saturating_add(bytes)).ok_or_else(Errno::last)?;
        // SAFETY: what follows the block, which is used by nothing else and lives as long as the value.
        let value = build(&mut unsafe { Arena::new(memory.start().add(block_size), bytes) });
        let block = Block { copies: AtomicUsize::new(1), bytes: memory.bytes(), value };
        // SAFETY: mapped, so that it is not NULL, aligned, and large enough; a lifetime does not change a type's layout.
        let block = unsafe {
            memory.start().cast::<Block<F::Value<'_>>>().write(block);
            NonNull::new_unchecked(memory.into_raw().cast())
        };
        Ok(Shared { block, family: PhantomData })
    }

    fn block(&self) -> &Block<F::Value<'static>> {
        // SAFETY: `new` has written it, and it stays until the last copy is dropped.
        unsafe { self.block.as_ref() }
    }

    /// Returns the value.
    // Its tables live as long as this, so no longer lifetime leaves this function.
    pub fn get(&self) -> &F::Value<'_> {
        F::shorten(&self.block().value)
    }
}

impl<F: Covariant> Clone for Shared<F> {
    fn clone(&self) -> Self {
        let copies = &self.block().copies;
        if copies.fetch_add(1, Ordering::Relaxed) >= MAX_COPIES {
            copies.store(UNCOUNTED, Ordering::Relaxed);
        }
        Shared { block: self.block, family: PhantomData }
    }
}

impl<F: Covariant> Drop for Shared<F> {
    fn drop(&mut self) {
        let copies = &self.block().copies;
        // What other threads did with their copies happens before the memory is unmapped.
        let before = copies.fetch_sub(1, Ordering::AcqRel);
        if before > MAX_COPIES {
            copies.store(UNCOUNTED, Ordering::Relaxed);
        }
        if before == 1 {
            let bytes = self.block().bytes;
            // SAFETY: this was the last copy, and nothing borrows from it. The value is dropped once, before its memory.
            unsafe {
                (&raw mut (*self.block.as_ptr()).value).drop_in_place();
                memory::unmap(self.block.as_ptr().cast(), bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::snapshot::for_any_lifetime;

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

    fn table_of_sevens(dropped: &'static AtomicUsize) -> Shared<TableFamily> {
        let build = for_any_lifetime::<TableFamily, _>(|arena| {
            let table = arena.alloc_slice::<usize>(3);
            table.fill(7);
            Table(table, dropped)
        });
        Shared::<TableFamily>::new(3 * size_of::<usize>(), build).unwrap()
    }

    #[test]
    fn copies_in_several_threads_share_a_value_which_is_dropped_once() {
        static DROPPED: AtomicUsize = AtomicUsize::new(0);
        let shared = table_of_sevens(&DROPPED);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let copy = shared.clone();
                scope.spawn(move || {
                    (0..100).for_each(|_| assert_eq!(copy.clone().get().0, [7; 3]));
                });
            }
        });
        assert_eq!((shared.get().0, DROPPED.load(Ordering::Relaxed)), (&[7; 3][..], 0));
        drop(shared);
        assert_eq!(DROPPED.load(Ordering::Relaxed), 21);
    }

    #[test]
    fn a_value_with_more_copies_than_can_be_counted_stays() {
        static DROPPED: AtomicUsize = AtomicUsize::new(0);
        let shared = table_of_sevens(&DROPPED);
        shared.block().copies.store(MAX_COPIES, Ordering::Relaxed);
        let copies = [(); 3].map(|()| shared.clone());
        drop(copies);
        assert_eq!((shared.get().0, shared.block().copies.load(Ordering::Relaxed)), (&[7; 3][..], UNCOUNTED));
        shared.block().copies.store(1, Ordering::Relaxed);
    }

    #[test]
    fn a_value_for_whose_tables_there_is_no_memory_is_not_built() {
        let build = for_any_lifetime::<TableFamily, _>(|_| unreachable!());
        assert_eq!(Shared::<TableFamily>::new(usize::MAX / 4, build).err(), Some(Errno::ENOMEM));
    }
}

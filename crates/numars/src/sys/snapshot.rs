//! An immutable value that any thread or signal handler may read without a lock, and that is replaced as a whole.

use super::errno;
use super::memory::{Arena, Scratch};
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// The type of a value with tables, which may lie in memory that is mapped together with the value.
pub trait InMemory: 'static {
    /// The value with tables that live for `'a`.
    type Value<'a>: Sync;
}

/// The current value, if there is one.
///
/// A value that was replaced is kept, because another thread may still be reading it. A value that another thread was quicker to replace is
/// unmapped.
///
/// `SMALL` is the size, in words, of static memory for the first value with tables that fits; other values are mapped.
pub struct Snapshot<F: InMemory, const SMALL: usize> {
    current: AtomicPtr<F::Value<'static>>,
    /// Static memory for the first value without tables.
    first: UnsafeCell<MaybeUninit<F::Value<'static>>>,
    first_is_taken: AtomicBool,
    small: UnsafeCell<[usize; SMALL]>,
    small_is_taken: AtomicBool,
}

// SAFETY: the thread that takes `first` or `small` is the only one to write there, before the address is published; after that, values are
// only read, and they are Sync.
unsafe impl<F: InMemory, const SMALL: usize> Sync for Snapshot<F, SMALL> {}

impl<F: InMemory, const SMALL: usize> Default for Snapshot<F, SMALL> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: InMemory, const SMALL: usize> Snapshot<F, SMALL> {
    /// Returns a snapshot without a value.
    pub const fn new() -> Self {
        Snapshot {
            current: AtomicPtr::new(null_mut()),
            first: UnsafeCell::new(MaybeUninit::uninit()),
            first_is_taken: AtomicBool::new(false),
            small: UnsafeCell::new([0; SMALL]),
            small_is_taken: AtomicBool::new(false),
        }
    }

    /// Returns the current value.
    #[inline(always)]
    pub fn get(&'static self) -> Option<&'static F::Value<'static>> {
        // SAFETY: NULL or the address of a value that is complete and stays as it is.
        unsafe { self.current.load(Ordering::Acquire).as_ref() }
    }

    /// Publishes a value that `build` makes without memory for tables, unless there is a value already. Returns the current one; `None` if
    /// memory is needed, because another thread is publishing its first value at the same time, and there is none.
    pub fn get_or_publish(
        &'static self,
        build: impl for<'a> FnOnce(&mut Arena<'a>) -> F::Value<'a>,
    ) -> Option<&'static F::Value<'static>> {
        if self.first_is_taken.swap(true, Ordering::AcqRel) {
            self.replace(0, build, |_, current| current.is_none());
        } else {
            let place = self.first.get().cast::<F::Value<'static>>();
            // SAFETY: only this caller has taken the place, and no thread reads it before it is published.
            unsafe { place.write(build(&mut Arena::empty())) };
            // If this fails, another thread was quicker.
            let _ = self.current.compare_exchange(null_mut(), place, Ordering::AcqRel, Ordering::Acquire);
        }
        self.get()
    }

    /// Builds a value, with `bytes` bytes of memory for its tables, and publishes it if `supersedes` returns true for it and the current one.
    /// The contents of the memory are undefined. Returns whether the value was published. Errno is left untouched.
    pub fn replace(
        &'static self,
        bytes: usize,
        build: impl for<'a> FnOnce(&mut Arena<'a>) -> F::Value<'a>,
        supersedes: impl Fn(&F::Value<'_>, Option<&'static F::Value<'static>>) -> bool,
    ) -> bool {
        let place_size = size_of::<F::Value<'static>>().next_multiple_of(align_of::<usize>());
        let size = place_size.saturating_add(bytes);
        if size <= size_of::<[usize; SMALL]>() && !self.small_is_taken.swap(true, Ordering::AcqRel) {
            let start = self.small.get().cast::<u8>();
            // SAFETY: only this caller has taken the memory, which is large enough.
            let published = unsafe { self.build_and_publish(start, place_size, size, build, supersedes) };
            self.small_is_taken.store(published, Ordering::Release);
            return published;
        }
        errno::preserve_errno(|| {
            let Some(memory) = Scratch::new(size) else { return false };
            // SAFETY: fresh memory of this size.
            let published = unsafe { self.build_and_publish(memory.start(), place_size, size, build, supersedes) };
            if published {
                core::mem::forget(memory);
            }
            published
        })
    }

    /// Builds a value in `size` bytes at `start`, of which the first `place_size` are for the value itself, and publishes it. Returns
    /// whether it did.
    ///
    /// # Safety
    /// The memory is aligned to words, belongs to the caller alone, is initialised, and is not used otherwise if this returns true.
    unsafe fn build_and_publish(
        &'static self,
        start: *mut u8,
        place_size: usize,
        size: usize,
        build: impl for<'a> FnOnce(&mut Arena<'a>) -> F::Value<'a>,
        supersedes: impl Fn(&F::Value<'_>, Option<&'static F::Value<'static>>) -> bool,
    ) -> bool {
        const { assert!(align_of::<F::Value<'static>>() <= align_of::<usize>()) };
        let place = start.cast::<F::Value<'static>>();
        // SAFETY: what follows the place of the value, as the caller promises.
        let value = build(&mut unsafe { Arena::new(start.add(place_size), size - place_size) });
        loop {
            let current = self.current.load(Ordering::Acquire);
            // SAFETY: as in `get`.
            if !supersedes(&value, unsafe { current.as_ref() }) {
                return false;
            }
            // SAFETY: the place is large enough and aligned; a lifetime does not change a type's layout, and the tables live as long
            // as the value.
            unsafe { place.copy_from_nonoverlapping((&raw const value).cast(), 1) };
            if self.current.compare_exchange(current, place, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                core::mem::forget(value);
                return true;
            }
        }
    }
}

/// Returns `build`, so that the compiler infers that the result of the closure borrows from its argument.
pub fn for_any_lifetime<F, B>(build: B) -> B
where
    F: InMemory,
    B: for<'a> FnOnce(&mut Arena<'a>) -> F::Value<'a>,
{
    build
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::thread;

    struct Numbers<'a> {
        generation: usize,
        table: &'a [usize],
    }

    struct NumbersFamily;
    impl InMemory for NumbersFamily {
        type Value<'a> = Numbers<'a>;
    }

    fn replace(snapshot: &'static Snapshot<NumbersFamily, 256>, generation: usize) -> bool {
        snapshot.replace(
            100 * size_of::<usize>(),
            |arena| {
                let table = arena.alloc_slice::<usize>(100);
                table.fill(generation);
                Numbers { generation, table }
            },
            |new, current| current.is_none_or(|current| current.generation < new.generation),
        )
    }

    #[test]
    fn the_first_value_stays_until_a_newer_one_replaces_it() {
        static SNAPSHOT: Snapshot<NumbersFamily, 256> = Snapshot::new();
        assert!(SNAPSHOT.get().is_none());
        let publish = |generation| SNAPSHOT.get_or_publish(|_| Numbers { generation, table: &[] }).unwrap().generation;
        assert_eq!(publish(5), 5);
        assert_eq!(publish(6), 5);
        assert!(!replace(&SNAPSHOT, 5));
        let old = SNAPSHOT.get().unwrap();
        assert!(replace(&SNAPSHOT, 7));
        assert_eq!((old.generation, old.table.len()), (5, 0), "a replaced value can still be read");
        assert_eq!((SNAPSHOT.get().unwrap().generation, SNAPSHOT.get().unwrap().table), (7, &[7; 100][..]));
    }

    #[test]
    fn threads_that_publish_at_once_agree_on_one_value_which_is_whole() {
        static SNAPSHOT: Snapshot<NumbersFamily, 256> = Snapshot::new();
        const THREADS: usize = 8;
        let barrier = Barrier::new(THREADS);
        let first: Vec<usize> = thread::scope(|scope| {
            let start = |generation: usize| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    SNAPSHOT.get_or_publish(|_| Numbers { generation, table: &[] }).unwrap().generation
                })
            };
            let threads: Vec<_> = (0..THREADS).map(start).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(first.iter().all(|&generation| generation == first[0]));
        thread::scope(|scope| {
            for generation in 10..10 + THREADS {
                scope.spawn(move || {
                    replace(&SNAPSHOT, generation);
                    let current = SNAPSHOT.get().unwrap();
                    assert!(current.generation >= generation);
                    assert!(current.table.iter().all(|&number| number == current.generation));
                });
            }
        });
        assert_eq!(SNAPSHOT.get().unwrap().generation, 10 + THREADS - 1);
    }
}

//! An immutable value that any thread or signal handler may read without a lock, and that is replaced as a whole.

use super::errno;
use super::memory::{Arena, Scratch};
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// The type of a value whose tables may lie in memory that is mapped together with it.
pub trait InMemory: 'static {
    /// The value with tables that live for `'a`.
    type Value<'a>: Sync;
}

/// The current value, if there is one.
///
/// A value that was replaced is kept, because another thread may still be reading it. One that lost against another thread's is
/// unmapped.
///
/// `SMALL` is the size in words of the static memory that the first value with tables takes if it fits; others map memory.
pub struct Snapshot<F: InMemory, const SMALL: usize> {
    current: AtomicPtr<F::Value<'static>>,
    /// Room for the first value, which needs no memory then.
    first: UnsafeCell<MaybeUninit<F::Value<'static>>>,
    first_is_taken: AtomicBool,
    small: UnsafeCell<[usize; SMALL]>,
    small_is_taken: AtomicBool,
}

// SAFETY: whoever takes `first` or `small` writes there alone, before the address is published; values are only read then, and
// are Sync.
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

    /// Publishes a value that `build` makes without memory for tables, unless there is a value already. Returns the current one, or
    /// none without memory, which is needed only if another thread is publishing its first value at the same time.
    pub fn get_or_publish(
        &'static self,
        build: impl for<'a> FnOnce(&mut Arena<'a>) -> F::Value<'a>,
    ) -> Option<&'static F::Value<'static>> {
        if self.first_is_taken.swap(true, Ordering::AcqRel) {
            self.replace(0, build, |_, current| current.is_none());
        } else {
            let place = self.first.get().cast::<F::Value<'static>>();
            // SAFETY: this caller alone has taken the place, which no thread reads before it is published.
            unsafe { place.write(build(&mut Arena::empty())) };
            // Where this fails, another thread has been quicker.
            let _ = self.current.compare_exchange(null_mut(), place, Ordering::AcqRel, Ordering::Acquire);
        }
        self.get()
    }

    /// Builds a value with `bytes` of memory of any contents for its tables, and publishes it if `supersedes` says so of it and the current one.
    /// Returns whether it was published. Errno is left untouched.
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
            // SAFETY: this caller alone has taken the memory, which is large enough.
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
    /// The memory is aligned to words, belongs to the caller alone, and stays as it is if this returns true.
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

/// Returns `build`. Only so does the compiler infer that what a closure returns borrows from its argument.
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

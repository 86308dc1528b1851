//! Structs that begin with their size, so that they can grow: reads those of a caller and writes them back.
//!
//! A program and the library may be of different releases, and either may know more fields. The rule is that of openat2(2):
//!
//! | the caller's size | result |
//! |---|---|
//! | smaller than at the first release | EINVAL |
//! | smaller than the library's | the fields that the caller lacks have their defaults, and are not written |
//! | larger than the library's | accepted if all further bytes are 0, otherwise E2BIG |
//! | more than 4096 | E2BIG |
//!
//! So 0 in a field that is added later has to stand for what the library did before. The rule holds for structs that the library writes,
//! too. A struct may lie at any address, and its size is not changed.

use core::ffi::c_int;
use core::marker::PhantomData;
use core::ptr;
use core::slice;
use numars::for_c::sys::errno::{E2BIG, EINVAL};

/// The largest size that is accepted, as that of openat2(2).
pub const MAX_SIZE: usize = 4096;

/// A C struct that begins with its size, and may grow.
///
/// # Safety
/// The struct is `repr(C)`, and its first field is a `usize`, the size in bytes. Each other field is valid for all bytes that a program may
/// write there. There is no padding at the end, which a program need not initialize, and which would become a part of the next field.
pub unsafe trait SizedStruct: Copy {
    /// The size in bytes at the first release: one number for each word size, which never changes.
    const MIN_SIZE: usize;
}

/// Returns how many bytes of the struct at `start` both the caller and the library know, whose struct has `own` bytes.
///
/// # Safety
/// `start` points to as many bytes as the size there says.
#[inline(never)]
unsafe fn common_size(start: *const u8, min: usize, own: usize) -> Result<usize, c_int> {
    debug_assert!((size_of::<usize>()..=own).contains(&min));
    // SAFETY: as the caller promises.
    let size = unsafe { start.cast::<usize>().read_unaligned() };
    if size < min {
        return Err(EINVAL);
    }
    if size > MAX_SIZE {
        return Err(E2BIG);
    }
    // SAFETY: as the caller promises.
    let bytes = unsafe { slice::from_raw_parts(start, size) };
    let unknown = bytes.get(own..).unwrap_or_default();
    if unknown.iter().all(|&byte| byte == 0) { Ok(size.min(own)) } else { Err(E2BIG) }
}

/// Reads a caller's struct. Fields that the caller lacks are those of `defaults`, and if `from` is NULL, all are. Fails with EINVAL or E2BIG.
///
/// # Safety
/// `from` is NULL or points to as many bytes as the size there says.
pub unsafe fn read<T: SizedStruct>(from: *const T, defaults: T) -> Result<T, c_int> {
    let mut value = defaults;
    if !from.is_null() {
        // SAFETY: as the caller promises; `value` has room for the bytes that the library knows.
        unsafe {
            let common_size = common_size(from.cast(), T::MIN_SIZE, size_of::<T>())?;
            ptr::copy_nonoverlapping(from.cast::<u8>(), (&raw mut value).cast(), common_size);
        }
    }
    Ok(value)
}

/// A caller's struct that the library writes. Nothing is written for NULL.
pub struct Output<T> {
    to: *mut u8,
    /// How many bytes both the caller and the library know.
    common_size: usize,
    value: PhantomData<*mut T>,
}

impl<T: SizedStruct> Output<T> {
    /// Checks the size of a caller's struct, before a call does what it has to report there. Fails with EINVAL or E2BIG.
    ///
    /// # Safety
    /// `to` is NULL or points to as many bytes as the size there says, which can be written as long as the result is used.
    pub unsafe fn new(to: *mut T) -> Result<Self, c_int> {
        let to = to.cast::<u8>();
        // SAFETY: as the caller promises.
        let common_size = if to.is_null() { 0 } else { unsafe { common_size(to, T::MIN_SIZE, size_of::<T>())? } };
        Ok(Output { to, common_size, value: PhantomData })
    }

    /// Writes the fields that the caller has, except for the size.
    pub fn write(&self, value: &T) {
        const SIZE: usize = size_of::<usize>();
        if let Some(length) = self.common_size.checked_sub(SIZE) {
            // SAFETY: `new` was promised memory for all bytes that both know, at any address, and `value` has as many.
            unsafe {
                ptr::copy_nonoverlapping(ptr::from_ref(value).cast::<u8>().add(SIZE), self.to.add(SIZE), length);
            }
        }
    }
}

/// Returns the size of a field.
pub const fn size_of_field<S, T>(_: fn(&S) -> &T) -> usize {
    size_of::<T>()
}

/// Asserts that a struct, all of whose fields are listed, has no padding between them or at the end, which programs would not initialize.
macro_rules! assert_no_padding {
    ($name:ident: $($field:ident)*) => {
        const _: () =
            assert!(size_of::<$name>() == 0 $(+ $crate::sized::size_of_field::<$name, _>(|value| &value.$field))*);
    };
}
pub(crate) use assert_no_padding;

#[cfg(test)]
mod tests {
    use super::*;

    /// The library's struct, whose first release had `first` only.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Counts {
        size: usize,
        first: usize,
        second: usize,
    }

    // SAFETY: three integers.
    unsafe impl SizedStruct for Counts {
        const MIN_SIZE: usize = 2 * WORD;
    }

    const WORD: usize = size_of::<usize>();
    const DEFAULTS: Counts = Counts { size: 3 * WORD, first: 10, second: 20 };

    /// Memory of a caller that begins with a size, and goes on with the given words.
    fn caller(size: usize, words: &[usize]) -> Vec<u8> {
        let mut bytes = size.to_ne_bytes().to_vec();
        words.iter().for_each(|word| bytes.extend(word.to_ne_bytes()));
        bytes
    }

    fn word(bytes: &[u8], index: usize) -> usize {
        usize::from_ne_bytes(bytes[index * WORD..][..WORD].try_into().unwrap())
    }

    fn read_from(bytes: &[u8]) -> Result<Counts, c_int> {
        // SAFETY: tests pass as many bytes as the size says, or a size that is refused.
        unsafe { read(bytes.as_ptr().cast(), DEFAULTS) }
    }

    fn write_to(bytes: &mut [u8], value: Counts) -> Result<(), c_int> {
        // SAFETY: as above.
        unsafe { Output::new(bytes.as_mut_ptr().cast()) }.map(|output| output.write(&value))
    }

    #[test]
    fn a_struct_of_the_same_release_is_read_and_written_whole() {
        let mut bytes = caller(3 * WORD, &[1, 2]);
        assert_eq!(read_from(&bytes), Ok(Counts { size: 3 * WORD, first: 1, second: 2 }));
        assert_eq!(write_to(&mut bytes, Counts { size: 99, first: 3, second: 4 }), Ok(()));
        assert_eq!(bytes, caller(3 * WORD, &[3, 4]));
    }

    #[test]
    fn fields_that_an_older_caller_lacks_have_their_defaults_and_are_not_written() {
        let mut bytes = caller(2 * WORD, &[1, 77]);
        assert_eq!(read_from(&bytes[..2 * WORD]), Ok(Counts { size: 2 * WORD, first: 1, second: 20 }));
        assert_eq!(write_to(&mut bytes, Counts { size: 99, first: 3, second: 4 }), Ok(()));
        assert_eq!(bytes, caller(2 * WORD, &[3, 77]));
    }

    #[test]
    fn a_size_inside_of_a_field_reads_and_writes_a_part_of_it() {
        let mut bytes = caller(2 * WORD + 1, &[1, 0]);
        bytes[2 * WORD] = 7;
        let read = read_from(&bytes).unwrap();
        assert_eq!(read.second.to_ne_bytes()[0], 7);
        assert_eq!(read.second.to_ne_bytes()[1..], DEFAULTS.second.to_ne_bytes()[1..]);
        assert_eq!(write_to(&mut bytes, Counts { size: 0, first: 3, second: usize::MAX }), Ok(()));
        assert_eq!(bytes[2 * WORD..], [&[0xff][..], &[0; WORD - 1]].concat());
    }

    #[test]
    fn a_newer_caller_is_accepted_if_all_that_the_library_does_not_know_is_0() {
        for extra in [1, 2 * WORD, MAX_SIZE - 3 * WORD] {
            let size = 3 * WORD + extra;
            let mut bytes = caller(size, &[1, 2]);
            bytes.resize(size, 0);
            assert_eq!(read_from(&bytes), Ok(Counts { size, first: 1, second: 2 }));
            assert_eq!(write_to(&mut bytes, Counts { size: 99, first: 3, second: 4 }), Ok(()));
            assert_eq!((word(&bytes, 0), word(&bytes, 1), word(&bytes, 2)), (size, 3, 4));
            assert!(bytes[3 * WORD..].iter().all(|&byte| byte == 0));

            *bytes.last_mut().unwrap() = 1;
            let before = bytes.clone();
            assert_eq!(read_from(&bytes), Err(E2BIG));
            assert_eq!(write_to(&mut bytes, DEFAULTS), Err(E2BIG));
            assert_eq!(bytes, before);
        }
    }

    #[test]
    fn sizes_below_the_first_release_and_above_the_limit_are_refused_unread() {
        for size in [0, 1, WORD, 2 * WORD - 1] {
            let mut bytes = caller(size, &[]);
            assert_eq!((read_from(&bytes), write_to(&mut bytes, DEFAULTS)), (Err(EINVAL), Err(EINVAL)));
        }
        for size in [MAX_SIZE + 1, usize::MAX] {
            let mut bytes = caller(size, &[]);
            assert_eq!((read_from(&bytes), write_to(&mut bytes, DEFAULTS)), (Err(E2BIG), Err(E2BIG)));
        }
    }

    #[test]
    fn a_struct_may_lie_at_any_address() {
        for offset in 1..WORD {
            let mut memory = [vec![0xaa; offset], caller(3 * WORD, &[1, 2]), vec![0xaa; WORD]].concat();
            let bytes = &mut memory[offset..];
            assert_eq!(read_from(bytes), Ok(Counts { size: 3 * WORD, first: 1, second: 2 }));
            assert_eq!(write_to(bytes, Counts { size: 99, first: 3, second: 4 }), Ok(()));
            assert_eq!(bytes[..3 * WORD], caller(3 * WORD, &[3, 4]));
            assert!(memory[..offset].iter().chain(&memory[offset + 3 * WORD..]).all(|&byte| byte == 0xaa));
        }
    }

    #[test]
    fn null_stands_for_the_defaults_and_is_not_written() {
        // SAFETY: NULL is allowed.
        unsafe {
            assert_eq!(read(ptr::null(), DEFAULTS), Ok(DEFAULTS));
            assert!(Output::new(ptr::null_mut()).map(|output| output.write(&DEFAULTS)).is_ok());
        }
    }
}

//! The calls that work on sets.

use super::globals::is_builtin;
use super::mask::{NUMA_NUM_NODES, allocate, bitmask, free, nodemask_t, nodemask_words, read, words, write};
use core::ffi::{c_int, c_uint};
use numars::bitmask::{Bits, BitsMut};
use numars::sys::errno;
use numars::topology;

/// Makes an empty set.
///
/// @param n  its size in bits
/// @return the set, to be given back with numa_bitmask_free(); NULL with errno: EINVAL (n is 0), ENOMEM
///
/// Follows numa(3). libnuma ends the program where this returns NULL.
#[unsafe(no_mangle)]
pub extern "C" fn numa_bitmask_alloc(n: c_uint) -> *mut bitmask {
    if n == 0 {
        errno::set(errno::EINVAL);
        return core::ptr::null_mut();
    }
    allocate(n as usize)
}

/// Gives back a set and its bits.
///
/// @param bmp  the set; NULL or one of the library's own, such as numa_all_nodes_ptr: nothing is done
///
/// Follows numa(3).
///
/// # Safety
/// bmp is NULL, one of the library's own, or came from numa_bitmask_alloc() or its like, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bitmask_free(bmp: *mut bitmask) {
    if is_builtin(bmp) {
        return;
    }
    // SAFETY: as the caller promises.
    unsafe { free(bmp) };
}

/// Makes an empty set as large as the kernel's node mask.
///
/// @return the set, to be given back with numa_free_nodemask(); NULL with errno ENOMEM
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_allocate_nodemask() -> *mut bitmask {
    allocate(topology::possible_nodes())
}

/// Makes an empty set as large as the kernel's CPU mask.
///
/// @return the set, to be given back with numa_free_cpumask(); NULL with errno ENOMEM
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_allocate_cpumask() -> *mut bitmask {
    allocate(topology::possible_cpus())
}

/// Tells whether a bit is set.
///
/// @param bmp  the set; NULL is the empty set
/// @param n    the bit; one beyond the set is not set
/// @return 1 if it is, 0 if not
///
/// Follows numa(3).
///
/// # Safety
/// bmp is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bitmask_isbitset(bmp: *const bitmask, n: c_uint) -> c_int {
    // SAFETY: as the caller promises.
    c_int::from(unsafe { read(bmp) }.contains(n as usize))
}

/// Sets all bits.
///
/// @param bmp  the set; NULL: nothing is done
/// @return bmp
///
/// Follows numa(3).
///
/// # Safety
/// bmp is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bitmask_setall(bmp: *mut bitmask) -> *mut bitmask {
    // SAFETY: as the caller promises.
    unsafe { write(bmp) }.fill(true);
    bmp
}

/// Clears all bits.
///
/// @param bmp  the set; NULL: nothing is done
/// @return bmp
///
/// Follows numa(3).
///
/// # Safety
/// bmp is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bitmask_clearall(bmp: *mut bitmask) -> *mut bitmask {
    // SAFETY: as the caller promises.
    unsafe { write(bmp) }.fill(false);
    bmp
}

/// Sets one bit.
///
/// @param bmp  the set; NULL: nothing is done
/// @param n    the bit; one beyond the set: nothing is done
/// @return bmp
///
/// Follows numa(3).
///
/// # Safety
/// bmp is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bitmask_setbit(bmp: *mut bitmask, n: c_uint) -> *mut bitmask {
    // SAFETY: as the caller promises.
    let (words, size) = unsafe { words(bmp) };
    BitsMut::new(words, size).set(n as usize);
    bmp
}

/// Clears one bit.
///
/// @param bmp  the set; NULL: nothing is done
/// @param n    the bit; one beyond the set: nothing is done
/// @return bmp
///
/// Follows numa(3).
///
/// # Safety
/// bmp is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bitmask_clearbit(bmp: *mut bitmask, n: c_uint) -> *mut bitmask {
    // SAFETY: as the caller promises.
    let (words, size) = unsafe { words(bmp) };
    BitsMut::new(words, size).clear(n as usize);
    bmp
}

/// The memory that the bits of a set take.
///
/// @param bmp  the set; NULL is the empty set
/// @return bytes, in whole words; UINT_MAX where it is more than that
///
/// Follows numa(3).
///
/// # Safety
/// bmp is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bitmask_nbytes(bmp: *mut bitmask) -> c_uint {
    // SAFETY: as the caller promises.
    let (words, _) = unsafe { words(bmp) };
    c_uint::try_from(size_of_val(words)).unwrap_or(c_uint::MAX)
}

/// Counts the bits that are set.
///
/// @param bmp  the set; NULL is the empty set
/// @return their number
///
/// Follows numa(3).
///
/// # Safety
/// bmp is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bitmask_weight(bmp: *const bitmask) -> c_uint {
    // SAFETY: as the caller promises.
    c_uint::try_from(unsafe { read(bmp) }.weight()).unwrap_or(c_uint::MAX)
}

/// Compares two sets.
///
/// @param bmp1  a set of any size; NULL is the empty set
/// @param bmp2  another
/// @return 1 if both have the same bits set, 0 if not
///
/// Follows numa(3).
///
/// # Safety
/// Each is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bitmask_equal(bmp1: *const bitmask, bmp2: *const bitmask) -> c_int {
    // SAFETY: as the caller promises.
    c_int::from(unsafe { read(bmp1).equals(read(bmp2)) })
}

/// Copies a nodemask_t to a set: what does not fit is left out, what is missing becomes 0.
///
/// @param nodemask  what to copy; NULL is the empty set
/// @param bmp       where to; NULL: nothing is done
///
/// Follows numa(3).
///
/// # Safety
/// Each is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn copy_nodemask_to_bitmask(nodemask: *mut nodemask_t, bmp: *mut bitmask) {
    // SAFETY: as the caller promises.
    unsafe { write(bmp).copy_from(Bits::new(nodemask_words(nodemask), NUMA_NUM_NODES)) };
}

/// Copies a set to a nodemask_t: what does not fit is left out, what is missing becomes 0.
///
/// @param bmp       what to copy; NULL is the empty set
/// @param nodemask  where to; NULL: nothing is done
///
/// Follows numa(3).
///
/// # Safety
/// Each is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn copy_bitmask_to_nodemask(bmp: *mut bitmask, nodemask: *mut nodemask_t) {
    // SAFETY: as the caller promises.
    unsafe { BitsMut::new(nodemask_words(nodemask), NUMA_NUM_NODES).copy_from(read(bmp)) };
}

/// Copies a set to a set: what does not fit is left out, what is missing becomes 0.
///
/// @param bmpfrom  what to copy; NULL is the empty set
/// @param bmpto    where to; NULL: nothing is done
///
/// Follows numa(3).
///
/// # Safety
/// Each is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn copy_bitmask_to_bitmask(bmpfrom: *mut bitmask, bmpto: *mut bitmask) {
    // SAFETY: as the caller promises.
    unsafe { write(bmpto).copy_from(read(bmpfrom)) };
}

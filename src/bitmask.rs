//! The calls that work on sets.

use super::globals::is_builtin;
use super::mask::{
    NUMA_NUM_NODES, allocate, bitmask, free, nodemask_t, nodemask_words, read, read_inline, write, write_inline,
};
use core::ffi::{c_int, c_uint};
use numars::for_c::bitmask::{Bits, BitsMut};
use numars::for_c::sys::errno;
use numars::for_c::topology;

/// Allocate an empty mask.
///
/// @param n  its size in bits
/// @return the mask, to be freed with numa_bitmask_free(); NULL with errno: EINVAL (n is 0), ENOMEM
///
/// Thread-safe. Not async-signal-safe: calls malloc(3).
///
/// Follows numa(3). libnuma ends the program instead of returning NULL.
#[unsafe(no_mangle)]
pub extern "C" fn numa_bitmask_alloc(n: c_uint) -> *mut bitmask {
    if n == 0 {
        errno::set(errno::EINVAL);
        return core::ptr::null_mut();
    }
    allocate(n as usize)
}

/// Free a mask and its bits.
///
/// @param bmp  the mask; NULL or one of the library's own, such as numa_all_nodes_ptr: nothing is
///             done
///
/// Thread-safe. Not async-signal-safe: calls free(3).
///
/// Follows numa(3).
///
/// # Safety
/// bmp is NULL, one of the library's own masks, or was returned by numa_bitmask_alloc() or another
/// function of this library, and nothing uses it afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bitmask_free(bmp: *mut bitmask) {
    if is_builtin(bmp) {
        return;
    }
    // SAFETY: as the caller promises.
    unsafe { free(bmp) };
}

/// Allocate an empty mask of the size of the kernel's node mask.
///
/// @return the mask, to be freed with numa_free_nodemask(); NULL with errno ENOMEM
///
/// Thread-safe. Not async-signal-safe: calls malloc(3).
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_allocate_nodemask() -> *mut bitmask {
    allocate(topology::possible_nodes())
}

/// Allocate an empty mask of the size of the kernel's CPU mask.
///
/// @return the mask, to be freed with numa_free_cpumask(); NULL with errno ENOMEM
///
/// Thread-safe. Not async-signal-safe: calls malloc(3).
///
/// Follows numa(3).
#[unsafe(no_mangle)]
pub extern "C" fn numa_allocate_cpumask() -> *mut bitmask {
    allocate(topology::possible_cpus())
}

/// Test one bit of a mask.
///
/// @param bmp  the mask; NULL: the empty mask
/// @param n    the bit; one beyond the size is not set
/// @return 1 if it is set, 0 if not
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
///
/// # Safety
/// bmp is NULL or valid: maskp is NULL or points to size bits, which no other thread changes during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bitmask_isbitset(bmp: *const bitmask, n: c_uint) -> c_int {
    // SAFETY: as the caller promises.
    c_int::from(unsafe { read_inline(bmp) }.contains(n as usize))
}

/// Set all bits of a mask.
///
/// @param bmp  the mask; NULL: nothing is done
/// @return bmp
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
///
/// # Safety
/// bmp is NULL or valid: maskp is NULL or points to size bits, which no other thread changes during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bitmask_setall(bmp: *mut bitmask) -> *mut bitmask {
    // SAFETY: as the caller promises.
    unsafe { write(bmp) }.fill(true);
    bmp
}

/// Clear all bits of a mask.
///
/// @param bmp  the mask; NULL: nothing is done
/// @return bmp
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
///
/// # Safety
/// bmp is NULL or valid: maskp is NULL or points to size bits, which no other thread changes during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bitmask_clearall(bmp: *mut bitmask) -> *mut bitmask {
    // SAFETY: as the caller promises.
    unsafe { write(bmp) }.fill(false);
    bmp
}

/// Set one bit of a mask.
///
/// @param bmp  the mask; NULL: nothing is done
/// @param n    the bit; one beyond the size: nothing is done
/// @return bmp
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
///
/// # Safety
/// bmp is NULL or valid: maskp is NULL or points to size bits, which no other thread changes during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bitmask_setbit(bmp: *mut bitmask, n: c_uint) -> *mut bitmask {
    // SAFETY: as the caller promises.
    unsafe { write_inline(bmp) }.set(n as usize);
    bmp
}

/// Clear one bit of a mask.
///
/// @param bmp  the mask; NULL: nothing is done
/// @param n    the bit; one beyond the size: nothing is done
/// @return bmp
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
///
/// # Safety
/// bmp is NULL or valid: maskp is NULL or points to size bits, which no other thread changes during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bitmask_clearbit(bmp: *mut bitmask, n: c_uint) -> *mut bitmask {
    // SAFETY: as the caller promises.
    unsafe { write_inline(bmp) }.clear(n as usize);
    bmp
}

/// Return the size of a mask's bits in bytes.
///
/// @param bmp  the mask; NULL: the empty mask
/// @return bytes, in whole words; UINT_MAX if there are more
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
///
/// # Safety
/// bmp is NULL or valid: maskp is NULL or points to size bits, which no other thread changes during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bitmask_nbytes(bmp: *mut bitmask) -> c_uint {
    // SAFETY: as the caller promises.
    let words = unsafe { read_inline(bmp) }.storage();
    c_uint::try_from(size_of_val(words)).unwrap_or(c_uint::MAX)
}

/// Count the bits that are set in a mask.
///
/// @param bmp  the mask; NULL: the empty mask
/// @return their number
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
///
/// # Safety
/// bmp is NULL or valid: maskp is NULL or points to size bits, which no other thread changes during
/// the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bitmask_weight(bmp: *const bitmask) -> c_uint {
    // SAFETY: as the caller promises.
    c_uint::try_from(unsafe { read(bmp) }.weight()).unwrap_or(c_uint::MAX)
}

/// Compare two masks, which may differ in size.
///
/// @param bmp1  a mask; NULL: the empty mask
/// @param bmp2  another mask; NULL: the empty mask
/// @return 1 if the same bits are set in both, 0 if not
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
///
/// # Safety
/// bmp1 and bmp2 are NULL or valid: maskp is NULL or points to size bits, which no other thread
/// changes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_bitmask_equal(bmp1: *const bitmask, bmp2: *const bitmask) -> c_int {
    // SAFETY: as the caller promises.
    c_int::from(unsafe { read(bmp1).equals(read(bmp2)) })
}

/// Copy a nodemask_t to a mask.
///
/// Bits that do not fit are left out; those of bmp that nodemask has no room for are cleared.
///
/// @param nodemask  the source; NULL: the empty mask
/// @param bmp       the destination; NULL: nothing is done
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
///
/// # Safety
/// nodemask is NULL or points to a nodemask_t, and bmp is NULL or valid: maskp is NULL or points to
/// size bits. No other thread changes either during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn copy_nodemask_to_bitmask(nodemask: *mut nodemask_t, bmp: *mut bitmask) {
    // SAFETY: as the caller promises.
    unsafe { write(bmp).copy_from(Bits::new(nodemask_words(nodemask), NUMA_NUM_NODES)) };
}

/// Copy a mask to a nodemask_t.
///
/// Bits that do not fit are left out; those of nodemask that bmp has no room for are cleared.
///
/// @param bmp       the source; NULL: the empty mask
/// @param nodemask  the destination; NULL: nothing is done
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
///
/// # Safety
/// bmp is NULL or valid: maskp is NULL or points to size bits. nodemask is NULL or points to a
/// nodemask_t. No other thread changes either during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn copy_bitmask_to_nodemask(bmp: *mut bitmask, nodemask: *mut nodemask_t) {
    // SAFETY: as the caller promises.
    unsafe { BitsMut::new(nodemask_words(nodemask), NUMA_NUM_NODES).copy_from(read(bmp)) };
}

/// Copy a mask to another one, which may differ in size.
///
/// Bits that do not fit are left out; those of bmpto that bmpfrom has no room for are cleared.
///
/// @param bmpfrom  the source; NULL: the empty mask
/// @param bmpto    the destination; NULL: nothing is done
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3).
///
/// # Safety
/// bmpfrom and bmpto are NULL or valid: maskp is NULL or points to size bits, which no other thread
/// changes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn copy_bitmask_to_bitmask(bmpfrom: *mut bitmask, bmpto: *mut bitmask) {
    // SAFETY: as the caller promises.
    unsafe { write_inline(bmpto).copy_from_inline(read_inline(bmpfrom)) };
}

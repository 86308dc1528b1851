//! `struct bitmask` and the calls that work on it.

use core::cell::Cell;
use core::ffi::{c_int, c_uint, c_ulong};
use numars::bitmask::{Bits, BitsMut, WORD_BITS, Word};
use numars::sys::{errno, memory};
use numars::topology;

/// A set of nodes or CPUs. Made by numa_bitmask_alloc() and its like, or by the program itself.
///
/// Every call takes NULL, and a set whose maskp is NULL, for the empty set, into which nothing can be put. The kernel takes no set
/// of more than 32,768 bits for a policy, whatever is in it: EINVAL.
#[repr(C)]
#[allow(non_camel_case_types, reason = "C's name")]
pub struct bitmask {
    /// number of bits in the set
    pub size: c_ulong,
    /// the bits, in whole words
    pub maskp: *mut c_ulong,
}

/// The set of nodes of libnuma's first version: of one size for all programs.
#[repr(C)]
#[allow(non_camel_case_types, reason = "C's name")]
pub struct nodemask_t {
    /// the bits
    pub n: [c_ulong; NODEMASK_WORDS],
}

/// Nodes that a nodemask_t has room for.
pub const NUMA_NUM_NODES: usize = if cfg!(any(target_arch = "x86_64", target_arch = "x86")) { 128 } else { 2048 };

pub(super) const NODEMASK_WORDS: usize = NUMA_NUM_NODES / WORD_BITS;

// A word of the middle floor is C's unsigned long.
const _: () = assert!(size_of::<Word>() == size_of::<c_ulong>());

/// The words that `mask` points to; none where something is NULL.
///
/// # Safety
/// `mask` is NULL or points to a `struct bitmask` whose maskp is NULL or has room for size bits.
#[inline(always)]
unsafe fn words<'a>(mask: *const bitmask) -> (&'a [Cell<Word>], usize) {
    // SAFETY: as the caller promises; cells, since C programs let masks share their words.
    unsafe {
        let Some(mask) = mask.as_ref() else { return (&[], 0) };
        if mask.maskp.is_null() {
            return (&[], 0);
        }
        let size = mask.size as usize;
        (core::slice::from_raw_parts(mask.maskp.cast(), size.div_ceil(WORD_BITS)), size)
    }
}

/// The set that `mask` is; the empty set where something is NULL.
///
/// # Safety
/// As for [`words`].
#[inline(never)]
pub(super) unsafe fn read<'a>(mask: *const bitmask) -> Bits<'a> {
    // SAFETY: as the caller promises.
    let (words, size) = unsafe { words(mask) };
    Bits::new(words, size)
}

/// As [`read`], to be written.
///
/// # Safety
/// As for [`words`], and the words may be written.
#[inline(never)]
pub(super) unsafe fn write<'a>(mask: *const bitmask) -> BitsMut<'a> {
    // SAFETY: as the caller promises.
    let (words, size) = unsafe { words(mask) };
    BitsMut::new(words, size)
}

/// The words of a nodemask_t; none where `mask` is NULL.
///
/// # Safety
/// `mask` is NULL or points to a nodemask_t.
unsafe fn nodemask_words<'a>(mask: *const nodemask_t) -> &'a [Cell<Word>] {
    if mask.is_null() {
        return &[];
    }
    // SAFETY: as the caller promises; a nodemask_t is nothing but its words.
    unsafe { core::slice::from_raw_parts(mask.cast(), NODEMASK_WORDS) }
}

/// Makes an empty set.
pub(super) fn allocate(bits: usize) -> *mut bitmask {
    let mask = memory::allocate::<bitmask>();
    let maskp = memory::allocate_zeroed::<c_ulong>(bits.div_ceil(WORD_BITS));
    if mask.is_null() || maskp.is_null() {
        // SAFETY: each is NULL or fresh.
        unsafe {
            memory::free(mask);
            memory::free(maskp);
        }
        return core::ptr::null_mut();
    }
    // SAFETY: `mask` is fresh and has room for the structure.
    unsafe { mask.write(bitmask { size: bits as c_ulong, maskp }) };
    mask
}

/// Makes a set of `size` bits with the members of `bits`.
pub(super) fn allocated(size: usize, bits: Bits) -> *mut bitmask {
    let mask = allocate(size);
    // SAFETY: NULL or a fresh set.
    unsafe { write(mask) }.copy_from(bits);
    mask
}

/// Makes an empty set.
///
/// @param n  its size in bits
/// @return the set, to be given back with numa_bitmask_free(); NULL with errno: EINVAL (n is 0), ENOMEM
///
/// Follows numa(3). libnuma ends the program where this returns NULL.
#[unsafe(no_mangle)]
pub extern "C" fn numa_bitmask_alloc(n: c_uint) -> *mut bitmask {
    if n == 0 {
        errno::set(libc::EINVAL);
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
    if super::globals::is_builtin(bmp) {
        return;
    }
    // SAFETY: as the caller promises.
    unsafe {
        if let Some(mask) = bmp.as_ref() {
            memory::free(mask.maskp);
            memory::free(bmp);
        }
    }
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

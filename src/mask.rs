//! `struct bitmask` and `nodemask_t`: the sets of C programs.

use core::cell::Cell;
use core::ffi::c_ulong;
use numars::for_c::bitmask::{Bits, BitsMut, WORD_BITS, Word};
use numars::for_c::sys::memory;

/// A node mask or CPU mask. Returned by numa_bitmask_alloc() and other functions, or made by the
/// program. One that was returned is a single block of memory with its bits: only
/// numa_bitmask_free() frees it, and maskp must not be given to free(3).
///
/// Every function takes NULL, or a mask whose maskp is NULL, for the empty mask, and ignores bits
/// that it would have to set there. Bits of the last word beyond size are neither read nor written.
/// For a memory policy, the kernel refuses masks of more than 32,768 bits (EINVAL).
#[repr(C)]
#[allow(non_camel_case_types, reason = "C's name")]
pub struct bitmask {
    /// number of bits
    pub size: c_ulong,
    /// the bits, in whole words: bit n is bit n % W of word n / W, W being the bits of an unsigned
    /// long
    pub maskp: *mut c_ulong,
}

/// The node mask of libnuma's first version, of a fixed size.
#[repr(C)]
#[allow(non_camel_case_types, reason = "C's name")]
pub struct nodemask_t {
    /// the bits
    pub n: [c_ulong; NODEMASK_WORDS],
}

/// The number of nodes that a nodemask_t has room for.
pub const NUMA_NUM_NODES: usize = if cfg!(any(target_arch = "x86_64", target_arch = "x86")) { 128 } else { 2048 };

pub(super) const NODEMASK_WORDS: usize = NUMA_NUM_NODES / WORD_BITS;

// A word of a set is C's unsigned long.
const _: () = assert!(size_of::<Word>() == size_of::<c_ulong>());

/// Returns the words and the length of a set; `None` if `mask` or its maskp is NULL.
///
/// # Safety
/// `mask` is NULL or points to a `struct bitmask` whose maskp is NULL or has room for size bits.
#[inline(always)]
unsafe fn words<'a>(mask: *const bitmask) -> Option<(&'a [Cell<Word>], usize)> {
    // SAFETY: as the caller promises; cells, since C programs let masks share their words.
    unsafe {
        let mask = mask.as_ref().filter(|mask| !mask.maskp.is_null())?;
        let size = mask.size as usize;
        Some((core::slice::from_raw_parts(mask.maskp.cast(), size.div_ceil(WORD_BITS)), size))
    }
}

/// Returns the set to read; the empty set if `mask` or its maskp is NULL.
///
/// # Safety
/// As for [`words`].
// In one place: it is called from everywhere.
#[inline(never)]
pub(super) unsafe fn read<'a>(mask: *const bitmask) -> Bits<'a> {
    // SAFETY: as the caller promises.
    unsafe { read_inline(mask) }
}

/// [`read`], for a function that does little else.
///
/// # Safety
/// As for [`words`].
#[inline(always)]
pub(super) unsafe fn read_inline<'a>(mask: *const bitmask) -> Bits<'a> {
    // SAFETY: as the caller promises.
    unsafe { words(mask) }.map_or(Bits::EMPTY, |(words, size)| Bits::new(words, size))
}

/// Returns the set to write, as [`read`].
///
/// # Safety
/// As for [`words`], and the words may be written.
#[inline(never)]
pub(super) unsafe fn write<'a>(mask: *const bitmask) -> BitsMut<'a> {
    // SAFETY: as the caller promises.
    unsafe { write_inline(mask) }
}

/// [`write`], for a function that does little else.
///
/// # Safety
/// As for [`write`].
#[inline(always)]
pub(super) unsafe fn write_inline<'a>(mask: *const bitmask) -> BitsMut<'a> {
    // SAFETY: as the caller promises.
    unsafe { words(mask) }.map_or(BitsMut::new(&[], 0), |(words, size)| BitsMut::new(words, size))
}

/// Returns the words of a nodemask_t, an empty slice if `mask` is NULL.
///
/// # Safety
/// `mask` is NULL or points to a nodemask_t.
pub(super) unsafe fn nodemask_words<'a>(mask: *const nodemask_t) -> &'a [Cell<Word>] {
    if mask.is_null() {
        return &[];
    }
    // SAFETY: as the caller promises; a nodemask_t is nothing but its words.
    unsafe { core::slice::from_raw_parts(mask.cast(), NODEMASK_WORDS) }
}

/// Allocates an empty set and its words, which follow it in the same block. NULL with errno ENOMEM if there is no memory.
pub(super) fn allocate(bits: usize) -> *mut bitmask {
    const HEAD: usize = size_of::<bitmask>() / size_of::<c_ulong>();
    let mask = memory::allocate_zeroed::<c_ulong>(bits.div_ceil(WORD_BITS) + HEAD).cast::<bitmask>();
    if !mask.is_null() {
        // SAFETY: fresh, with room for the structure and the words.
        unsafe { mask.write(bitmask { size: bits as c_ulong, maskp: own_words(mask) }) };
    }
    mask
}

/// Returns where [`allocate`] has the words of a set.
fn own_words(mask: *mut bitmask) -> *mut c_ulong {
    mask.wrapping_add(1).cast()
}

/// Allocates a set of `size` bits with the bits of `bits`. NULL with errno ENOMEM if there is no memory.
pub(super) fn allocated(size: usize, bits: Bits) -> *mut bitmask {
    let mask = allocate(size);
    // SAFETY: NULL or a fresh set.
    unsafe { write(mask) }.copy_from(bits);
    mask
}

/// Frees a set and its words, which may be a block of their own if a program made the set.
///
/// # Safety
/// `mask` is NULL or came from [`allocate`] or malloc(3), as did its words in the latter case, and is not used any more.
#[inline(always)]
pub(super) unsafe fn free(mask: *mut bitmask) {
    // SAFETY: as the caller promises.
    unsafe {
        if let Some(set) = mask.as_ref() {
            if set.maskp != own_words(mask) {
                memory::free(set.maskp);
            }
            memory::free(mask);
        }
    }
}

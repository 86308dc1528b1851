//! Memory that C programs own in the end.

use core::ffi::c_void;

/// calloc(3): room for `count` values of `T`, all bits zero; NULL with errno ENOMEM where there is none.
pub fn allocate_zeroed<T>(count: usize) -> *mut T {
    // SAFETY: calloc takes any sizes and checks their product for overflow.
    unsafe { libc::calloc(count, size_of::<T>()) }.cast()
}

/// free(3).
///
/// # Safety
/// `memory` is NULL or came from [`allocate_zeroed`] or malloc(3), and nobody uses it any more.
pub unsafe fn free<T>(memory: *mut T) {
    // SAFETY: as the caller promises.
    unsafe { libc::free(memory.cast::<c_void>()) }
}

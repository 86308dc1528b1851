//! Memory that C programs own in the end, and what sysconf(3) tells of the machine.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::marker::PhantomData;
use core::num::NonZeroUsize;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicI32, AtomicU8, Ordering};
use once_cell::race::OnceNonZeroUsize;

/// malloc(3): room for a `T`; NULL with errno ENOMEM where there is none.
pub fn allocate<T>() -> *mut T {
    // SAFETY: malloc takes any size.
    unsafe { libc::malloc(size_of::<T>()) }.cast()
}

/// Room for `count` values of `T`, all bits zero, which [`free`] gives back; NULL with errno ENOMEM where there is none.
///
/// By malloc(3) where clearing is quick: before glibc 2.41, calloc(3) passes by what the thread has at hand, and takes several times as
/// long. What is large, calloc has from the kernel without touching it.
pub fn allocate_zeroed<T>(count: usize) -> *mut T {
    const QUICK: usize = 4096;
    let bytes = count.saturating_mul(size_of::<T>());
    // SAFETY: both take any sizes, and what malloc gives has room for so many bytes.
    unsafe {
        if bytes > QUICK {
            return libc::calloc(count, size_of::<T>()).cast();
        }
        // Hidden from the compiler, which would make a calloc of this.
        let memory = core::hint::black_box(libc::malloc(bytes));
        if !memory.is_null() {
            memory.write_bytes(0, bytes);
        }
        memory.cast()
    }
}

/// free(3).
///
/// # Safety
/// `memory` is NULL or came from malloc(3) or calloc(3), and nobody uses it any more.
pub unsafe fn free<T>(memory: *mut T) {
    // SAFETY: as the caller promises.
    unsafe { libc::free(memory.cast::<c_void>()) }
}

/// The string at `start`. Not CStr::from_ptr(), for which the loader would look up strlen.
///
/// # Safety
/// It is one, and stays as it is.
pub unsafe fn string<'a>(start: *const c_char) -> &'a CStr {
    // SAFETY: memchr looks no further than the NUL, and the bytes up to that belong to the string.
    unsafe {
        let end = libc::memchr(start.cast(), 0, usize::MAX);
        let length = end as usize - start as usize + 1;
        CStr::from_bytes_with_nul_unchecked(core::slice::from_raw_parts(start.cast(), length))
    }
}

/// memchr(3): where `byte` stands first.
pub fn position(byte: u8, bytes: &[u8]) -> Option<usize> {
    // SAFETY: reads no more than the slice.
    let found = unsafe { libc::memchr(bytes.as_ptr().cast(), c_int::from(byte), bytes.len()) };
    (!found.is_null()).then(|| found as usize - bytes.as_ptr() as usize)
}

/// mmap(2) of fresh memory: NULL with errno where there is none.
pub fn map(size: usize) -> *mut c_void {
    const PROTECTION: c_int = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a mapping at an address that the kernel chooses takes nothing from anybody.
    let start = unsafe { libc::mmap(null_mut(), size, PROTECTION, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0) };
    if start == libc::MAP_FAILED { null_mut() } else { start }
}

/// Where a copy of `bytes` lies that is never given back, made without malloc; NULL where there is no memory. Errno is left untouched.
pub fn leak_copy(bytes: &[u8]) -> *const u8 {
    let copy = super::errno::preserve_errno(|| map(bytes.len())).cast::<u8>();
    if !copy.is_null() {
        // SAFETY: fresh memory of that length.
        unsafe { copy.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }
    copy
}

/// munmap(2), by that symbol and not by way of syscall(2): libraries that register memory with devices watch for what goes.
///
/// # Safety
/// Nobody uses the memory any more.
pub unsafe fn unmap(start: *mut c_void, size: usize) {
    // SAFETY: as the caller promises.
    unsafe { libc::munmap(start, size) };
}

/// mremap(2), by that symbol as [`unmap`], which may move the memory: NULL with errno where that fails.
///
/// # Safety
/// Nobody uses the memory meanwhile, nor under its old address afterwards.
pub unsafe fn remap(start: *mut c_void, old_size: usize, new_size: usize) -> *mut c_void {
    // SAFETY: as the caller promises.
    let start = unsafe { libc::mremap(start, old_size, new_size, libc::MREMAP_MAYMOVE) };
    if start == libc::MAP_FAILED { null_mut() } else { start }
}

/// Fresh memory of zeros for a while, from the kernel and not from malloc; given back at the end.
pub struct Scratch {
    start: *mut c_void,
    bytes: usize,
}

impl Scratch {
    /// None, with errno, where there is no memory.
    pub fn new(bytes: usize) -> Option<Self> {
        let start = map(bytes);
        (!start.is_null()).then_some(Scratch { start, bytes })
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The addresses of the memory: the first one, and the one after the last.
    pub fn range(&self) -> (usize, usize) {
        (self.start as usize, (self.start as usize).saturating_add(self.bytes))
    }

    /// Makes the memory larger, and keeps its contents. Returns false, with errno, if there is no memory.
    pub fn grow(&mut self, bytes: usize) -> bool {
        // SAFETY: the memory was mapped by `new`, and nothing borrows it.
        let start = unsafe { remap(self.start, self.bytes, bytes) };
        if !start.is_null() {
            (self.start, self.bytes) = (start, bytes);
        }
        !start.is_null()
    }

    /// The memory, to be divided.
    pub fn arena(&mut self) -> Arena<'_> {
        Arena { start: self.start.cast(), left: self.bytes, scratch: PhantomData }
    }

    /// Where the memory starts.
    pub fn start(&self) -> *mut u8 {
        self.start.cast()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`; parts of it borrow this, so none is left.
        unsafe { unmap(self.start, self.bytes) };
    }
}

/// What of scratch memory has not been taken.
pub struct Arena<'a> {
    start: *mut u8,
    left: usize,
    scratch: PhantomData<&'a mut Scratch>,
}

/// Types of which any bytes are a value.
///
/// # Safety
/// They are.
pub unsafe trait Pod {}
// SAFETY: integers, and atomics are as the integers in them.
unsafe impl Pod for usize {}
// SAFETY: as above.
unsafe impl Pod for u8 {}
// SAFETY: as above.
unsafe impl Pod for u16 {}
// SAFETY: as above.
unsafe impl Pod for i32 {}
// SAFETY: as above.
unsafe impl Pod for u32 {}
// SAFETY: as above.
unsafe impl Pod for AtomicI32 {}

impl<'a> Arena<'a> {
    /// No memory.
    pub fn empty() -> Self {
        Arena { start: core::ptr::dangling_mut::<usize>().cast(), left: 0, scratch: PhantomData }
    }

    /// The memory of a slice.
    pub fn over(memory: &'a mut [usize]) -> Self {
        Arena { start: memory.as_mut_ptr().cast(), left: size_of_val(memory), scratch: PhantomData }
    }

    /// So many bytes of memory.
    ///
    /// # Safety
    /// The memory belongs to the caller alone for `'a`, and any of its bytes are initialised.
    pub unsafe fn new(start: *mut u8, bytes: usize) -> Self {
        Arena { start, left: bytes, scratch: PhantomData }
    }

    /// The next `count` values; none where there is not that much left. Larger types are to be taken first.
    #[inline(never)]
    pub fn alloc_slice<T: Pod>(&mut self, count: usize) -> &'a mut [T] {
        let bytes = count.saturating_mul(size_of::<T>());
        let start = self.start.cast::<T>();
        if bytes > self.left || !start.is_aligned() {
            return &mut [];
        }
        self.left -= bytes;
        // SAFETY: inside of the scratch memory, which lives as long as what borrows it; nobody else gets this part.
        unsafe {
            self.start = self.start.add(bytes);
            core::slice::from_raw_parts_mut(start, count)
        }
    }
}

/// Writes to each page, so that it is there, and leaves what is in it, also if another thread writes there meanwhile.
///
/// A byte is exchanged for itself: the compiler makes a mere read of an addition of nothing.
///
/// # Safety
/// `start` is NULL, which has no pages, or the memory can be read and written.
pub unsafe fn prefault(start: *mut c_void, size: usize) {
    if start.is_null() {
        return;
    }
    let last_of_page = page_size() - 1;
    let mut offset = 0;
    while offset < size {
        // SAFETY: inside the memory; an atomic byte needs no alignment.
        let byte = unsafe { AtomicU8::from_ptr(start.cast::<u8>().add(offset)) };
        let value = byte.load(Ordering::Relaxed);
        // Where it fails, another thread has written, and the page is there.
        let _ = byte.compare_exchange(value, value, Ordering::Relaxed, Ordering::Relaxed);
        // The next page begins here, wherever in its page this one was touched.
        offset = ((start as usize + offset) | last_of_page).saturating_add(1).saturating_sub(start as usize);
    }
}

/// Returns the size of a base page in bytes.
pub fn page_size() -> usize {
    static PAGE_SIZE: OnceNonZeroUsize = OnceNonZeroUsize::new();
    const DEFAULT: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
    PAGE_SIZE.get_or_init(|| system_configuration(libc::_SC_PAGESIZE).unwrap_or(DEFAULT)).get()
}

/// sysconf(3): a number above 0. Errno is left untouched.
fn system_configuration(name: c_int) -> Option<NonZeroUsize> {
    // SAFETY: sysconf takes any number.
    let value = super::errno::preserve_errno(|| unsafe { libc::sysconf(name) });
    usize::try_from(value).ok().and_then(NonZeroUsize::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touched_pages_are_there_and_keep_what_is_in_them() {
        let (pages, page_size) = (20, page_size());
        let start = map(pages * page_size);
        assert!(!start.is_null());
        let mut there = [9u8; 20];
        // SAFETY: the memory was mapped above, and is given back at the end.
        unsafe {
            *start.cast::<u8>().add(3 * page_size) = 7;
            prefault(start, pages * page_size);
            assert_eq!(*start.cast::<u8>().add(3 * page_size), 7);
            assert_eq!(libc::mincore(start, pages * page_size, there.as_mut_ptr()), 0);
        }
        assert_eq!(there, [1; 20]);
        // SAFETY: as above.
        unsafe { unmap(start, pages * page_size) };
    }
}

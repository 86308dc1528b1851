//! Memory: from malloc for C programs, and from the kernel for this library's own use.
//!
//! References: malloc(3), mmap(2), mremap(2), sysconf(3).

use super::errno::{self, Errno};
use core::cell::Cell;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::marker::PhantomData;
use core::mem::forget;
use core::num::NonZeroUsize;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicI32, AtomicU8, Ordering};
use once_cell::race::OnceNonZeroUsize;

/// Allocates room for a `T` with malloc(3), which [`free`] gives back. NULL with errno ENOMEM if there is no memory.
pub fn allocate<T>() -> *mut T {
    // SAFETY: malloc takes any size.
    unsafe { libc::malloc(size_of::<T>()) }.cast()
}

/// Allocates `count` values of `T`, all bits zero, which [`free`] gives back. NULL with errno ENOMEM if there is no memory.
///
/// Small blocks come from malloc(3), because calloc(3) does not use the thread's cache before glibc 2.41: allocating and freeing a set of 1,024
/// bits takes 366 instructions this way, and 586 with calloc (callgrind, glibc 2.36). For large blocks, calloc knows that fresh memory of the
/// kernel's is zero.
pub fn allocate_zeroed<T>(count: usize) -> *mut T {
    const MAX_CLEARED: usize = 4096;
    let bytes = count.saturating_mul(size_of::<T>());
    // SAFETY: both take any sizes, and memory that malloc returns has room for so many bytes.
    unsafe {
        if bytes > MAX_CLEARED {
            return libc::calloc(count, size_of::<T>()).cast();
        }
        // Hidden from the compiler, which would turn this into a calloc.
        let memory = core::hint::black_box(libc::malloc(bytes));
        if !memory.is_null() {
            memory.write_bytes(0, bytes);
        }
        memory.cast()
    }
}

/// Frees memory with free(3).
///
/// # Safety
/// `memory` is NULL or came from malloc(3) or calloc(3), and is not used any more.
pub unsafe fn free<T>(memory: *mut T) {
    // SAFETY: as the caller promises.
    unsafe { libc::free(memory.cast::<c_void>()) }
}

/// Returns the string at `start`.
///
/// # Safety
/// `start` points to a NUL-terminated string, which does not change during `'a`.
pub unsafe fn string<'a>(start: *const c_char) -> &'a CStr {
    // Not strlen(3), which would be one more symbol to look up while loading: memchr(3) reads no further than the byte that it finds.
    // SAFETY: as the caller promises.
    unsafe {
        let end = libc::memchr(start.cast(), 0, isize::MAX as usize);
        let length = (end as usize).wrapping_sub(start as usize);
        CStr::from_bytes_with_nul_unchecked(core::slice::from_raw_parts(start.cast(), length.wrapping_add(1)))
    }
}

/// Returns the index of the first `byte`, by memchr(3).
pub fn position(byte: u8, bytes: &[u8]) -> Option<usize> {
    // SAFETY: reads no more than the slice.
    let first = unsafe { libc::memchr(bytes.as_ptr().cast(), c_int::from(byte), bytes.len()) };
    (!first.is_null()).then(|| first as usize - bytes.as_ptr() as usize)
}

/// Copies words with memmove(3), as far as both slices reach. They may overlap.
#[inline(always)]
pub fn copy_words(to: &[Cell<usize>], from: &[Cell<usize>]) {
    let count = to.len().min(from.len());
    // SAFETY: both have so many words, and cells may be written.
    unsafe { core::ptr::copy(from.as_ptr().cast::<usize>(), to.as_ptr().cast_mut().cast(), count) };
}

/// Sets all bits of `words` to `value`, with memset(3).
#[inline(always)]
pub fn fill_words(words: &[Cell<usize>], value: bool) {
    let byte = if value { u8::MAX } else { 0 };
    // SAFETY: cells may be written.
    unsafe { words.as_ptr().cast_mut().cast::<usize>().write_bytes(byte, words.len()) };
}

/// Maps `size` bytes of fresh memory with mmap(2). NULL with errno if there is none.
// Not inlined: it is called from many places.
#[inline(never)]
pub fn map(size: usize) -> *mut c_void {
    map_with(size, 0)
}

/// [`map`] with more flags, which do not choose an address.
#[inline(always)]
fn map_with(size: usize, flags: c_int) -> *mut c_void {
    const PROTECTION: c_int = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags;
    // SAFETY: the kernel chooses an address where nothing is mapped.
    let start = unsafe { libc::mmap(null_mut(), size, PROTECTION, flags, -1, 0) };
    if start == libc::MAP_FAILED { null_mut() } else { start }
}

/// Unmaps memory with munmap(2); by that symbol and not through syscall(2), because libraries that register memory with devices interpose it.
///
/// # Safety
/// The memory is not used any more.
pub unsafe fn unmap(start: *mut c_void, size: usize) {
    // SAFETY: as the caller promises.
    unsafe { libc::munmap(start, size) };
}

/// Resizes mapped memory with mremap(2), by that symbol as [`unmap`]; the memory may move. NULL with errno if that fails.
///
/// # Safety
/// The memory is not used meanwhile, nor under its old address afterwards.
pub unsafe fn remap(start: *mut c_void, old_size: usize, new_size: usize) -> *mut c_void {
    // SAFETY: as the caller promises.
    let start = unsafe { libc::mremap(start, old_size, new_size, libc::MREMAP_MAYMOVE) };
    if start == libc::MAP_FAILED { null_mut() } else { start }
}

/// Memory of zeros from the kernel, not from malloc, which is unmapped when the value is dropped.
pub struct Scratch {
    start: *mut c_void,
    bytes: usize,
}

impl Scratch {
    /// Maps `bytes` bytes. `None`, with errno, if there is no memory.
    pub fn new(bytes: usize) -> Option<Self> {
        if usize::BITS < 64 && isize::try_from(bytes).is_err() {
            // No slice may be longer. A 64-bit kernel has more memory than that for a 32-bit program.
            errno::set(libc::ENOMEM);
            return None;
        }
        let start = map(bytes);
        // No value for NULL, not even for a moment: dropping it would unmap the lowest addresses.
        if start.is_null() { None } else { Some(Scratch { start, bytes }) }
    }

    /// Maps `bytes` bytes whose address is a multiple of `align`, a power of two. `None`, with errno, if there is no memory.
    #[inline(never)]
    pub fn aligned(bytes: usize, align: usize) -> Option<Self> {
        if align <= page_size() {
            return Scratch::new(bytes);
        }
        // Both are whole pages, so the range before the aligned address and the one after the memory can be unmapped.
        let size = bytes.checked_next_multiple_of(page_size()).filter(|&size| size > 0);
        let total = size.and_then(|size| size.checked_add(align - page_size()));
        let (Some(size), Some(total)) = (size, total) else {
            errno::set(if bytes == 0 { libc::EINVAL } else { libc::ENOMEM });
            return None;
        };
        let whole = Scratch::new(total)?;
        let before = (whole.start as usize).wrapping_neg() & (align - 1);
        let after = total.saturating_sub(before).saturating_sub(size);
        // SAFETY: mapped above, in three parts of whole pages, of which the outer ones are not used.
        unsafe {
            let start = whole.into_raw().cast::<u8>().add(before);
            if before > 0 {
                unmap(start.sub(before).cast(), before);
            }
            if after > 0 {
                unmap(start.add(size).cast(), after);
            }
            Some(Scratch { start: start.cast(), bytes })
        }
    }

    /// Maps memory of huge pages of `page_size` bytes, a power of two (MAP_HUGETLB): `bytes` bytes, rounded up to whole pages. `None`, with
    /// errno, if the kernel has no such pages or not enough of them.
    pub fn hugetlb(bytes: usize, page_size: usize) -> Option<Self> {
        let size = bytes.checked_next_multiple_of(page_size).filter(|&size| isize::try_from(size).is_ok());
        let Some(size) = size else {
            errno::set(libc::ENOMEM);
            return None;
        };
        const SIZE_SHIFT: u32 = 26;
        // A size of which the kernel has no pages if it does not fit.
        let flags = libc::MAP_HUGETLB | (page_size.trailing_zeros() << SIZE_SHIFT) as c_int;
        let start = map_with(size, flags);
        if start.is_null() { None } else { Some(Scratch { start, bytes: size }) }
    }

    /// Returns the address of the first byte, and never unmaps the memory.
    pub fn into_raw(self) -> *mut c_void {
        let start = self.start;
        forget(self);
        start
    }

    /// Returns the memory as a slice, and never unmaps it.
    pub fn leak(self) -> &'static mut [u8] {
        let bytes = self.bytes;
        // SAFETY: mapped by `new`, which gives zeros, and nothing else knows the address.
        unsafe { core::slice::from_raw_parts_mut(self.into_raw().cast(), bytes) }
    }

    /// Returns the memory as a slice.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: mapped by `new`, which gives zeros, and nothing borrows it to change it.
        unsafe { core::slice::from_raw_parts(self.start.cast(), self.bytes) }
    }

    /// Returns the memory as a slice, to change it.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: mapped by `new`, which gives zeros, and nothing else borrows it.
        unsafe { core::slice::from_raw_parts_mut(self.start.cast(), self.bytes) }
    }

    /// Requests transparent huge pages (MADV_HUGEPAGE of madvise(2)), which the kernel may lack. Errno is left untouched.
    pub fn advise_huge_pages(&self) {
        let _ = self.advise(libc::MADV_HUGEPAGE);
    }

    /// Allocates all pages of memory that is still zero, by its policy: with madvise(2), or, on a kernel before 5.14 or where that is
    /// forbidden, by writing a zero to each.
    ///
    /// # Errors
    /// ENOMEM. Errno is left untouched.
    pub fn populate(&mut self) -> Result<(), Errno> {
        /// Since Linux 5.14; libc does not define it everywhere.
        const MADV_POPULATE_WRITE: c_int = 23;
        match self.advise(MADV_POPULATE_WRITE) {
            Err(Errno(libc::EINVAL | libc::EPERM | libc::ENOSYS)) => {
                for page in self.as_mut_slice().chunks_mut(page_size()) {
                    // Not read first, as `prefault` does: that would map the huge zero page, which a write replaces by base pages. The
                    // compiler must not leave it out.
                    page.first_mut().into_iter().for_each(|byte| {
                        // SAFETY: a reference.
                        unsafe { core::ptr::from_mut(byte).write_volatile(0) };
                    });
                }
                Ok(())
            }
            // Another errno says what happened to the memory of a page.
            result => result.map_err(|_| Errno(libc::ENOMEM)),
        }
    }

    /// Calls madvise(2), with advice that changes no contents. Errno is left untouched.
    fn advise(&self, advice: c_int) -> Result<(), Errno> {
        // SAFETY: the memory belongs to this value.
        errno::preserve_errno(|| match unsafe { libc::syscall(libc::SYS_madvise, self.start, self.bytes, advice) } {
            0 => Ok(()),
            _ => Err(Errno::last()),
        })
    }

    /// Returns the size in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the address of the first byte and the one after the last.
    pub fn range(&self) -> (usize, usize) {
        (self.start as usize, (self.start as usize).saturating_add(self.bytes))
    }

    /// Enlarges the memory to `bytes` bytes, and keeps its contents. Returns false, with errno, if there is no memory.
    pub fn grow(&mut self, bytes: usize) -> bool {
        // SAFETY: the memory was mapped by `new`, and nothing borrows it.
        let start = unsafe { remap(self.start, self.bytes, bytes) };
        if !start.is_null() {
            (self.start, self.bytes) = (start, bytes);
        }
        !start.is_null()
    }

    /// Returns an arena of all the memory.
    pub fn arena(&mut self) -> Arena<'_> {
        Arena { start: self.start.cast(), left: self.bytes, memory: PhantomData }
    }

    /// Returns the address of the first byte.
    pub fn start(&self) -> *mut u8 {
        self.start.cast()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`; what was allocated from it borrowed this value.
        unsafe { unmap(self.start, self.bytes) };
    }
}

// SAFETY: the memory belongs to this value.
unsafe impl Send for Scratch {}
// SAFETY: only a unique reference to this value can change the memory.
unsafe impl Sync for Scratch {}

/// Words of zeros, in memory that is mapped for them; without words, none is.
#[derive(Default)]
pub struct Words(Option<Scratch>);

impl Words {
    /// No words.
    pub const EMPTY: Words = Words(None);

    /// Maps memory for `count` words, more than 0.
    ///
    /// # Errors
    /// ENOMEM. Errno is left untouched.
    pub fn new(count: usize) -> Result<Self, Errno> {
        let memory = errno::preserve_errno(|| Scratch::new(count.saturating_mul(size_of::<usize>())));
        memory.map(|memory| Words(Some(memory))).ok_or(Errno(libc::ENOMEM))
    }

    /// Returns the words.
    pub fn as_slice(&self) -> &[usize] {
        let Some(memory) = &self.0 else { return &[] };
        // SAFETY: mapped for so many words, of zeros, and aligned to pages.
        unsafe { core::slice::from_raw_parts(memory.start.cast(), memory.bytes / size_of::<usize>()) }
    }

    /// Returns the words, to change them.
    pub fn as_mut_slice(&mut self) -> &mut [usize] {
        let Some(memory) = &mut self.0 else { return &mut [] };
        // SAFETY: as in `as_slice`, and nothing else borrows them.
        unsafe { core::slice::from_raw_parts_mut(memory.start.cast(), memory.bytes / size_of::<usize>()) }
    }
}

/// Memory from which slices and values are allocated one after the other.
///
/// ```
/// let mut words = [0; 4];
/// let mut arena = numars::for_c::sys::memory::Arena::over(&mut words);
/// let (numbers, bytes) = (arena.alloc_slice::<usize>(3), arena.alloc_slice::<u8>(4));
/// assert_eq!((numbers.len(), bytes.len()), (3, 4));
/// assert!(arena.alloc_slice::<usize>(1).is_empty(), "there is no room for it");
/// ```
pub struct Arena<'a> {
    start: *mut u8,
    left: usize,
    memory: PhantomData<&'a mut [usize]>,
}

/// A type of which any bytes are a value.
///
/// # Safety
/// Every bit pattern of its size is valid, also while it is shared.
pub unsafe trait Pod {}
// SAFETY: an integer.
unsafe impl Pod for usize {}
// SAFETY: an integer.
unsafe impl Pod for u8 {}
// SAFETY: an integer.
unsafe impl Pod for u16 {}
// SAFETY: an integer.
unsafe impl Pod for i32 {}
// SAFETY: an integer.
unsafe impl Pod for u32 {}
// SAFETY: the same bits as the integer in it.
unsafe impl Pod for AtomicI32 {}

impl<'a> Arena<'a> {
    /// Returns an arena without memory.
    pub fn empty() -> Self {
        Arena { start: core::ptr::dangling_mut::<usize>().cast(), left: 0, memory: PhantomData }
    }

    /// Returns an arena of the memory of a slice.
    pub fn over(memory: &'a mut [usize]) -> Self {
        Arena { start: memory.as_mut_ptr().cast(), left: size_of_val(memory), memory: PhantomData }
    }

    /// Returns an arena of `bytes` bytes from `start` on.
    ///
    /// # Safety
    /// The memory belongs to the caller alone for `'a`, and all its bytes are initialised.
    pub unsafe fn new(start: *mut u8, bytes: usize) -> Self {
        Arena { start, left: bytes, memory: PhantomData }
    }

    /// Returns where `bytes` bytes lie that are aligned to `align`, if there is room for them.
    fn alloc_bytes(&mut self, bytes: usize, align: usize) -> Option<*mut u8> {
        let start = self.start;
        if bytes > self.left || start as usize & (align - 1) != 0 {
            return None;
        }
        self.left -= bytes;
        // SAFETY: inside of the memory, or at its end.
        self.start = unsafe { start.add(bytes) };
        Some(start)
    }

    /// Allocates `count` values, whatever the memory contains. Returns an empty slice if there is no room for them. Types of larger alignment
    /// are to be allocated first.
    #[inline(never)]
    pub fn alloc_slice<T: Pod>(&mut self, count: usize) -> &'a mut [T] {
        match self.alloc_bytes(count.saturating_mul(size_of::<T>()), align_of::<T>()) {
            // SAFETY: aligned, as long as that, initialised, and handed out once; any bytes are a value.
            Some(start) => unsafe { core::slice::from_raw_parts_mut(start.cast(), count) },
            None => &mut [],
        }
    }
}

impl Arena<'static> {
    /// Maps `bytes` bytes that are never unmapped, without malloc(3). `None` if there is no memory. Errno is left untouched.
    pub fn leak(bytes: usize) -> Option<Self> {
        let memory = errno::preserve_errno(|| Scratch::new(bytes))?;
        Some(Arena { start: memory.into_raw().cast(), left: bytes, memory: PhantomData })
    }

    /// Stores a value, which is never dropped. `None` if there is no room for it.
    pub fn alloc<T: Copy>(&mut self, value: T) -> Option<&'static mut T> {
        let place = self.alloc_bytes(size_of::<T>(), align_of::<T>())?.cast::<T>();
        // SAFETY: aligned, large enough, and handed out once.
        unsafe {
            place.write(value);
            Some(&mut *place)
        }
    }

    /// Stores a string, up to its first NUL. `None` if there is no room for it and the NUL that ends it.
    pub fn alloc_cstr(&mut self, bytes: &[u8]) -> Option<&'static CStr> {
        let copy = self.alloc_slice::<u8>(bytes.len() + 1);
        let (last, rest) = copy.split_last_mut()?;
        *last = 0;
        rest.iter_mut().zip(bytes).for_each(|(to, &byte)| *to = byte);
        // SAFETY: the bytes end with a NUL, and live as long as the process.
        Some(unsafe { string(copy.as_ptr().cast()) })
    }
}

/// Allocates each page by writing to it, and leaves its contents unchanged, also if another thread writes there meanwhile.
///
/// A byte is exchanged for itself: the compiler would turn an addition of zero into a read.
///
/// # Safety
/// `start` is NULL, which has no pages, or the memory is readable and writable.
pub unsafe fn prefault(start: *mut c_void, size: usize) {
    if start.is_null() {
        return;
    }
    let last_of_page = page_size() - 1;
    let mut offset = 0;
    while offset < size {
        // SAFETY: inside the memory; an atomic byte needs no alignment.
        let byte = unsafe { AtomicU8::from_ptr(start.cast::<u8>().wrapping_add(offset)) };
        // A fresh page holds zeros. Where comparing and exchanging is one instruction, as on x86, it is allocated by this first access, and
        // not mapped as the zero page before.
        if let Err(value) = byte.compare_exchange(0, 0, Ordering::Relaxed, Ordering::Relaxed) {
            // If it fails, another thread has written, and the page is allocated.
            let _ = byte.compare_exchange(value, value, Ordering::Relaxed, Ordering::Relaxed);
        }
        // The start of the next page, wherever in its page `start` lies.
        offset = ((start as usize + offset) | last_of_page).saturating_add(1).saturating_sub(start as usize);
    }
}

/// Returns the size of a base page in bytes, as sysconf(3) does with _SC_PAGESIZE.
///
/// ```
/// let table = vec![1u8; 1 << 16];
/// let addresses: Vec<usize> = table.chunks(numars::page_size()).map(|page| page.as_ptr() as usize).collect();
/// assert!(numars::page_size().is_power_of_two() && !addresses.is_empty());
/// ```
pub fn page_size() -> usize {
    static PAGE_SIZE: OnceNonZeroUsize = OnceNonZeroUsize::new();
    const DEFAULT: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
    PAGE_SIZE.get_or_init(|| system_configuration(libc::_SC_PAGESIZE).unwrap_or(DEFAULT)).get()
}

/// Returns a limit from sysconf(3), if it is above 0. Errno is left untouched.
fn system_configuration(name: c_int) -> Option<NonZeroUsize> {
    // SAFETY: sysconf takes any number.
    let value = errno::preserve_errno(|| unsafe { libc::sysconf(name) });
    usize::try_from(value).ok().and_then(NonZeroUsize::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefaulted_pages_are_present_and_keep_their_contents() {
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

    /// On machines that compare and exchange with one instruction; others load first.
    #[cfg(any(target_arch = "x86_64", target_arch = "x86", target_arch = "s390x"))]
    #[test]
    fn a_page_is_allocated_by_one_fault() {
        fn faults() -> libc::c_long {
            // SAFETY: a structure of integers, which the call writes.
            unsafe {
                let mut usage: libc::rusage = core::mem::zeroed();
                assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage), 0);
                usage.ru_minflt
            }
        }
        let size = 500 * page_size();
        let start = map(size);
        assert!(!start.is_null());
        // SAFETY: the memory was mapped above.
        let base_pages_only = unsafe { libc::madvise(start, size, libc::MADV_NOHUGEPAGE) };
        let before = faults();
        // SAFETY: as above; the memory is given back at the end.
        unsafe { prefault(start, size) };
        let faults = faults() - before;
        // A kernel without huge pages rejects the advice.
        assert!(base_pages_only == 0 || errno::get() == libc::EINVAL);
        assert!((500..550).contains(&faults), "{faults} faults for 500 pages");
        // SAFETY: as above.
        unsafe { unmap(start, size) };
    }

    #[test]
    fn without_memory_there_is_no_scratch_and_nothing_is_unmapped() {
        errno::set(0);
        // A 32-bit program on a 64-bit kernel may have that much.
        let too_much = usize::MAX / 2 + usize::from(usize::BITS < 64);
        assert!(Scratch::new(too_much).is_none());
        // munmap(2) would have failed for this length.
        assert_eq!(errno::get(), libc::ENOMEM);
        assert!(Scratch::new(0).is_none());
    }

    #[test]
    fn aligned_memory_begins_at_a_multiple_and_has_its_size() {
        for (bytes, align) in
            [(1, 2 << 20), (page_size(), page_size()), (3 * page_size() + 1, 16 << 20), (4 << 20, 2 << 20)]
        {
            let mut memory = Scratch::aligned(bytes, align).unwrap();
            assert_eq!((memory.start() as usize % align, memory.bytes()), (0, bytes));
            memory.advise_huge_pages();
            assert_eq!(memory.populate(), Ok(()));
            assert!(memory.as_mut_slice().iter().all(|&byte| byte == 0));
        }
        for bytes in [0, usize::MAX, usize::MAX - page_size() + 1, isize::MAX as usize] {
            assert!(Scratch::aligned(bytes, 2 << 20).is_none(), "{bytes}");
        }
    }

    #[test]
    fn an_arena_allocates_what_fits_and_nothing_that_is_not_aligned() {
        let mut words = [7usize; 4];
        let mut arena = Arena::over(&mut words);
        assert_eq!(arena.alloc_slice::<usize>(2), [7, 7]);
        assert_eq!(arena.alloc_slice::<u8>(1).len(), 1);
        assert!(arena.alloc_slice::<u16>(1).is_empty(), "it is not aligned");
        assert_eq!(arena.alloc_slice::<u8>(2 * size_of::<usize>() - 1).len(), 2 * size_of::<usize>() - 1);
        assert!(arena.alloc_slice::<u8>(1).is_empty());
        assert!(Arena::empty().alloc_slice::<usize>(1).is_empty());
        assert!(Arena::over(&mut words).alloc_slice::<usize>(usize::MAX).is_empty());
    }

    #[test]
    fn leaked_memory_holds_values_and_strings() {
        let mut arena = Arena::leak(20).unwrap();
        let number = arena.alloc(17u64).unwrap();
        let string = arena.alloc_cstr(b"numars").unwrap();
        assert_eq!((*number, string), (17, c"numars"));
        assert_eq!(arena.alloc_cstr(b"12345"), None);
        assert_eq!(Arena::leak(usize::MAX).map(|_| ()), None);
    }
}

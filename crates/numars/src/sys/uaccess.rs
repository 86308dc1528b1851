//! Arrays of a C program, which it may unmap at any moment: the kernel copies them and checks the addresses.
//!
//! References: process_vm_readv(2), pipe(7).

use super::errno;
use super::files::File;
use super::memory::Pod;
use core::ffi::{c_int, c_ulong};
use core::marker::PhantomData;
use core::mem::size_of_val;

/// A pointer to an array in the program's memory, for reading. Only unsafe code can create one.
///
/// The memory may be unmapped at any moment, or never have been mapped, because the kernel copies it. Every copy preserves errno. Any thread
/// may use it.
///
/// ```
/// use numars::for_c::sys::uaccess::UserPtr;
/// let (array, mut copy) = ([1, 2, 3], [0; 3]);
/// // SAFETY: the array lives until the end of this program.
/// let pointer = unsafe { UserPtr::new(array.as_ptr()) };
/// match pointer.read(&mut copy) {
///     Ok(count) => assert_eq!(copy[..count], array[..count]),
///     Err(forbidden) => println!("{forbidden:?}"),
/// }
/// ```
pub struct UserPtr<'a, T> {
    address: usize,
    lent: PhantomData<&'a [T]>,
}

impl<T> Clone for UserPtr<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for UserPtr<'_, T> {}

impl<T> UserPtr<'_, T> {
    /// The null pointer, which stands for no array.
    pub const NULL: Self = UserPtr { address: 0, lent: PhantomData };

    /// Creates a pointer to the array at `array`, which may be any address.
    ///
    /// # Safety
    /// The program lends the memory there that can be read, for `'a`.
    pub unsafe fn new(array: *const T) -> Self {
        UserPtr { address: array as usize, lent: PhantomData }
    }

    /// Returns the address.
    pub fn address(self) -> usize {
        self.address
    }

    /// Returns the array after its first `count` elements. Returns the null pointer for itself.
    #[must_use]
    pub(super) fn skip(self, count: usize) -> Self {
        let bytes = if self.address == 0 { 0 } else { count.wrapping_mul(size_of::<T>()) };
        UserPtr { address: self.address.wrapping_add(bytes), ..self }
    }

    /// Copies elements into `to`, up to one that cannot be read. Returns their number.
    pub fn read(self, to: &mut [T]) -> Result<usize, Forbidden>
    where
        T: Pod,
    {
        // SAFETY: lent for reading.
        unsafe { self.read_directly(to, false) }
    }

    /// Copies elements into `to` as [`UserPtr::read`]. With `direct_access`, accesses the memory directly if the kernel denies copying it.
    ///
    /// # Safety
    /// With `direct_access`, all the elements can be read.
    pub(super) unsafe fn read_directly(self, to: &mut [T], direct_access: bool) -> Result<usize, Forbidden>
    where
        T: Pod,
    {
        // SAFETY: lent for reading, and as the caller promises.
        unsafe { copy_in(self.address, to, direct_access) }.elements::<T>()
    }
}

/// A pointer to an array in the program's memory, for reading and writing. See [`UserPtr`]. Only the thread that has it may use it.
///
/// ```
/// use numars::for_c::sys::uaccess::UserPtrMut;
/// let mut array = [0; 3];
/// // SAFETY: the array lives until the end of this program, which accesses it after the call only.
/// let pointer = unsafe { UserPtrMut::new(array.as_mut_ptr()) };
/// if let Ok(count) = pointer.write(&[1, 2, 3]) {
///     assert_eq!(array[..count], [1, 2, 3][..count]);
/// }
/// ```
pub struct UserPtrMut<'a, T> {
    array: UserPtr<'a, T>,
    /// Neither Send nor Sync: another thread must not write while this one reads.
    _exclusive: PhantomData<*mut T>,
}

impl<T> Clone for UserPtrMut<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for UserPtrMut<'_, T> {}

impl<'a, T> UserPtrMut<'a, T> {
    /// The null pointer, which stands for no array.
    pub const NULL: Self = UserPtrMut { array: UserPtr::NULL, _exclusive: PhantomData };

    /// Creates a pointer to the array at `array`, which may be any address.
    ///
    /// # Safety
    /// The program lends the memory there that can be read and written, for `'a`.
    pub unsafe fn new(array: *mut T) -> Self {
        // SAFETY: as the caller promises.
        UserPtrMut { array: unsafe { UserPtr::new(array) }, _exclusive: PhantomData }
    }

    /// Returns the pointer for reading only.
    pub fn as_const(self) -> UserPtr<'a, T> {
        self.array
    }

    /// Returns the address.
    pub fn address(self) -> usize {
        self.array.address
    }

    /// Returns the array after its first `count` elements. Returns the null pointer for itself.
    #[must_use]
    pub(super) fn skip(self, count: usize) -> Self {
        UserPtrMut { array: self.array.skip(count), ..self }
    }

    /// Copies elements from `from`, up to one that cannot be written. Returns their number.
    pub fn write(self, from: &[T]) -> Result<usize, Forbidden>
    where
        T: Pod,
    {
        // SAFETY: lent for writing.
        unsafe { self.write_directly(from, false) }
    }

    /// Copies elements from `from` as [`UserPtrMut::write`]. With `direct_access`, accesses the memory directly if the kernel denies copying it.
    ///
    /// # Safety
    /// With `direct_access`, all the elements can be written.
    pub(super) unsafe fn write_directly(self, from: &[T], direct_access: bool) -> Result<usize, Forbidden>
    where
        T: Pod,
    {
        // SAFETY: lent for writing, and as the caller promises.
        unsafe { copy_out(self.array.address, from, direct_access) }.elements::<T>()
    }
}

/// The error of a copy that a security policy denies: neither process_vm_readv(2) nor a pipe works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Forbidden;

/// The result of a copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum CopyResult {
    /// This number of bytes was copied: all, or those before an address that cannot be accessed.
    Bytes(usize),
    /// A security policy denies the copy.
    Forbidden,
}

impl CopyResult {
    fn elements<T>(self) -> Result<usize, Forbidden> {
        match self {
            CopyResult::Bytes(bytes) => Ok(bytes / size_of::<T>()),
            CopyResult::Forbidden => Err(Forbidden),
        }
    }
}

/// Copies from `address` into `to`, up to the first byte that cannot be read.
///
/// # Safety
/// The program lends the memory there that can be read; with `direct_access` all of it can be read.
#[inline(never)]
unsafe fn copy_in<T: Pod>(address: usize, to: &mut [T], direct_access: bool) -> CopyResult {
    // SAFETY: `to` is a slice of integers, and the caller lends the memory at `address`.
    match unsafe { copy(libc::SYS_process_vm_readv, to.as_mut_ptr() as usize, address, size_of_val(to)) } {
        CopyResult::Forbidden if direct_access && address != 0 => {
            // SAFETY: both have this number of bytes, and bytes have no alignment.
            unsafe { to.as_mut_ptr().cast::<u8>().copy_from(address as *const u8, size_of_val(to)) };
            CopyResult::Bytes(size_of_val(to))
        }
        result => result,
    }
}

/// Copies `from` to `address`, up to the first byte that cannot be written.
///
/// # Safety
/// The program lends the memory there that can be written; with `direct_access` all of it can be written.
unsafe fn copy_out<T: Pod>(address: usize, from: &[T], direct_access: bool) -> CopyResult {
    // SAFETY: as for `copy_in`; `from` is only read.
    match unsafe { copy(libc::SYS_process_vm_writev, from.as_ptr() as usize, address, size_of_val(from)) } {
        CopyResult::Forbidden if direct_access && address != 0 => {
            // SAFETY: as above.
            unsafe { (address as *mut u8).copy_from(from.as_ptr().cast(), size_of_val(from)) };
            CopyResult::Bytes(size_of_val(from))
        }
        result => result,
    }
}

/// Copies between `ours` and `theirs` with `call`, which is process_vm_readv(2) or process_vm_writev(2), and through a pipe what that cannot
/// access.
///
/// # Safety
/// `ours` is the address of integers with `length` bytes; the program lends the memory at `theirs` that can be accessed, for writing if `call`
/// is process_vm_writev(2).
unsafe fn copy(call: libc::c_long, ours: usize, theirs: usize, length: usize) -> CopyResult {
    if cfg!(miri) {
        // Miri does not support these calls.
        return CopyResult::Forbidden;
    }
    errno::preserve_errno(|| {
        // SAFETY: as the caller promises.
        let (done, forbidden) = unsafe { copy_by_pinning(call, ours, theirs, length) };
        if done == length {
            return CopyResult::Bytes(done);
        }
        let (ours, theirs) = (ours.wrapping_add(done), theirs.wrapping_add(done));
        // SAFETY: as the caller promises, after the first `done` bytes.
        match unsafe { copy_through_pipe(call, ours, theirs, length - done) } {
            (_, true) if forbidden => CopyResult::Forbidden,
            (more, _) => CopyResult::Bytes(done + more),
        }
    })
}

/// Returns the number of bytes, of `left` bytes at `address`, up to the next page boundary. The kernel may copy nothing of a piece of which a
/// part cannot be accessed.
fn piece_within_page(address: usize, left: usize) -> usize {
    const SMALLEST_PAGE: usize = 4096;
    (SMALLEST_PAGE - address % SMALLEST_PAGE).min(left)
}

/// Copies with process_vm_readv(2) or process_vm_writev(2), which need no file descriptor but pin the pages. Returns the number of bytes, and
/// whether the kernel refused to copy the rest with another errno than EFAULT.
///
/// # Safety
/// As for [`copy`].
unsafe fn copy_by_pinning(call: libc::c_long, ours: usize, theirs: usize, length: usize) -> (usize, bool) {
    let mut done = 0;
    let mut small = false;
    while done < length {
        let address = theirs.wrapping_add(done);
        let remaining = length - done;
        let size = if small { piece_within_page(address, remaining) } else { remaining };
        let vector = |base: usize| libc::iovec { iov_base: base as *mut libc::c_void, iov_len: size };
        let (local, remote) = (vector(ours.wrapping_add(done)), vector(address));
        let one: c_ulong = 1;
        // SAFETY: both vectors are valid for the call. The kernel checks the addresses in them, and accesses what the caller lends.
        let copied = unsafe {
            libc::syscall(
                call,
                libc::syscall(libc::SYS_getpid),
                &raw const local,
                one,
                &raw const remote,
                one,
                0 as c_ulong,
            )
        };
        match usize::try_from(copied) {
            Ok(copied) if copied > 0 => done += copied,
            // EFAULT: an address cannot be accessed. A security policy may use any other errno.
            _ if errno::get() != errno::EFAULT => return (done, true),
            _ if small => break,
            _ => small = true,
        }
    }
    (done, false)
}

/// Copies with write(2) to a pipe and read(2) from it, for which the kernel accesses `theirs` as it does the arguments of move_pages(2). This
/// also works for memory that cannot be pinned (devices, memfd_secret(2)) or has PROT_WRITE only. Returns the number of bytes, and whether
/// the copy ended with another errno than EFAULT.
///
/// # Safety
/// As for [`copy`].
#[cold]
#[inline(never)]
unsafe fn copy_through_pipe(call: libc::c_long, ours: usize, theirs: usize, length: usize) -> (usize, bool) {
    let mut ends: [c_int; 2] = [-1; 2];
    // SAFETY: the array holds two descriptors.
    if unsafe { libc::syscall(libc::SYS_pipe2, ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) } != 0 {
        return (0, true);
    }
    // Closed on return.
    let ends @ [reader, writer] = &ends.map(File);
    if ends.iter().any(|end| end.descriptor() <= libc::STDERR_FILENO as usize) {
        // The program has closed one of the standard streams, and another thread may still write to it.
        return (0, true);
    }
    let (from, to) = if call == libc::SYS_process_vm_readv { (theirs, ours) } else { (ours, theirs) };
    let mut done = 0;
    while done < length {
        let size = piece_within_page(theirs.wrapping_add(done), length - done);
        let pass = |call: libc::c_long, end: &File, address: usize| {
            loop {
                // SAFETY: the kernel checks the addresses, as for `copy_by_pinning`. A piece fits in a pipe.
                let passed = unsafe { libc::syscall(call, end.descriptor(), address.wrapping_add(done), size) };
                if passed >= 0 || errno::get() != libc::EINTR {
                    return usize::try_from(passed).is_ok_and(|passed| passed == size);
                }
            }
        };
        if !pass(libc::SYS_write, writer, from) || !pass(libc::SYS_read, reader, to) {
            return (done, errno::get() != errno::EFAULT);
        }
        done += size;
    }
    (done, false)
}

/// Takes a page fault that is due on a page of a process (0: the calling one), such as a hinting fault of automatic NUMA balancing, by reading a
/// byte. Does nothing if the page cannot be read. Preserves errno.
pub fn fault_in(pid: i32, page: usize) {
    let mut byte = 0u8;
    let vector = |base: usize| libc::iovec { iov_base: base as *mut libc::c_void, iov_len: 1 };
    let (local, remote) = (vector(&raw mut byte as usize), vector(page));
    let one: c_ulong = 1;
    errno::preserve_errno(|| {
        // SAFETY: both vectors are valid for the call, and one byte may be written.
        unsafe {
            let pid = if pid == 0 { libc::syscall(libc::SYS_getpid) } else { libc::c_long::from(pid) };
            libc::syscall(libc::SYS_process_vm_readv, pid, &raw const local, one, &raw const remote, one, 0 as c_ulong);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::memory::{map, page_size, unmap};
    use core::ptr::null_mut;

    /// Calls [`copy_in`] for memory that the test has mapped, or for an address that is not mapped.
    fn read<T: Pod>(address: usize, to: &mut [T], direct_access: bool) -> CopyResult {
        // SAFETY: the test has mapped it and accesses it through the kernel only.
        unsafe { copy_in(address, to, direct_access) }
    }

    /// Calls [`copy_out`] for the same.
    fn write<T: Pod>(address: usize, from: &[T], direct_access: bool) -> CopyResult {
        // SAFETY: as above.
        unsafe { copy_out(address, from, direct_access) }
    }

    fn bytes(copied: CopyResult) -> usize {
        match copied {
            CopyResult::Bytes(bytes) => bytes,
            CopyResult::Forbidden => panic!("a process may copy its own memory"),
        }
    }

    /// Changes the protection of the page at `start`. It is not unmapped, because another test could get memory there.
    fn protect(start: usize, protection: c_int) {
        // SAFETY: the caller has mapped it and accesses it through the kernel only.
        assert_eq!(unsafe { libc::mprotect(start as *mut _, page_size(), protection) }, 0);
    }

    /// Maps memory that the kernel cannot pin. Returns `None` if the kernel does not support that.
    fn secret_memory(size: usize) -> Option<usize> {
        const PROTECTION: c_int = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new descriptor that is closed once, and a mapping at an address that the kernel chooses.
        unsafe {
            let descriptor = libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) as c_int;
            if descriptor < 0 {
                return None;
            }
            assert_eq!(libc::ftruncate(descriptor, size as libc::off_t), 0);
            let start = libc::mmap(null_mut(), size, PROTECTION, libc::MAP_SHARED, descriptor, 0);
            libc::close(descriptor);
            assert_ne!(start, libc::MAP_FAILED);
            Some(start as usize)
        }
    }

    /// Makes the system calls `calls` of this thread fail with EPERM from now on.
    fn forbid(calls: [libc::c_long; 2]) {
        const LOAD_NUMBER: u16 = 0x20;
        const IF_EQUAL: u16 = 0x15;
        const RETURN: u16 = 0x06;
        let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
        let mut filter = [
            step(LOAD_NUMBER, 0, 0, 0),
            step(IF_EQUAL, 2, 0, calls[0] as u32),
            step(IF_EQUAL, 1, 0, calls[1] as u32),
            step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
            step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        ];
        let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
        // SAFETY: the program is valid for the call, and restricts this thread only.
        unsafe {
            assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
            assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program), 0);
        }
    }

    const COPYING: [libc::c_long; 2] = [libc::SYS_process_vm_readv, libc::SYS_process_vm_writev];

    /// Checks that three pages at `start` are written and read up to the last one, which cannot be accessed.
    fn assert_copied_up_to_the_last_page(start: usize) {
        let page = page_size();
        let reachable = 2 * page - page / 2;
        protect(start + 2 * page, libc::PROT_NONE);
        let values: Vec<i32> = (0..page as i32).collect();
        let mut back = vec![-1; page];
        errno::set(77);
        assert_eq!(bytes(write(start + page / 2, &values, false)), reachable);
        assert_eq!(bytes(read(start + page / 2, &mut back, false)), reachable);
        assert_eq!((&back[..reachable / 4], back[reachable / 4]), (&values[..reachable / 4], -1));
        assert_eq!(bytes(read(start + 2 * page, &mut back, false)), 0);
        assert_eq!(bytes(write(start + 2 * page, &values, false)), 0);
        assert_eq!(bytes(read(0, &mut back, false)), 0);
        assert_eq!(bytes(write(usize::MAX - 3, &values, false)), 0);
        assert_eq!(errno::get(), 77);
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn memory_is_copied_up_to_its_end() {
        let start = map(3 * page_size()) as usize;
        assert_copied_up_to_the_last_page(start);
        // SAFETY: mapped above.
        unsafe { unmap(start as *mut _, 3 * page_size()) };
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn memory_that_cannot_be_pinned_is_copied_up_to_its_end() {
        let Some(start) = secret_memory(3 * page_size()) else { return };
        assert_copied_up_to_the_last_page(start);
        // SAFETY: mapped above.
        unsafe { unmap(start as *mut _, 3 * page_size()) };
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn memory_is_copied_through_a_pipe_if_process_vm_readv_is_denied() {
        let start = map(3 * page_size()) as usize;
        std::thread::spawn(move || {
            forbid(COPYING);
            assert_copied_up_to_the_last_page(start);
        })
        .join()
        .unwrap();
        // SAFETY: mapped above.
        unsafe { unmap(start as *mut _, 3 * page_size()) };
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn without_a_pipe_only_memory_that_can_be_pinned_is_copied() {
        let (page, secret) = (page_size(), secret_memory(page_size()));
        let start = map(page) as usize;
        std::thread::spawn(move || {
            forbid([libc::SYS_pipe2; 2]);
            let mut values = [1i32, 2, 3];
            assert_eq!(bytes(write(start, &values, false)), 12);
            assert_eq!(bytes(read(start, &mut values, false)), 12);
            if let Some(secret) = secret {
                assert_eq!(bytes(write(secret, &values, false)), 0);
                assert_eq!(bytes(read(secret, &mut values, false)), 0);
            }
            forbid(COPYING);
            assert!(matches!(write(start, &values, false), CopyResult::Forbidden));
            assert!(matches!(read(start, &mut values, false), CopyResult::Forbidden));
            assert_eq!(bytes(write(start, &[4i32, 5, 6], true)), 12);
            assert_eq!((bytes(read(start, &mut values, true)), values), (12, [4, 5, 6]));
        })
        .join()
        .unwrap();
        // SAFETY: mapped above.
        unsafe { unmap(start as *mut _, page) };
    }

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    #[cfg_attr(miri, ignore)]
    fn memory_with_prot_write_only_is_read() {
        let page = page_size();
        let start = map(4 * page) as usize;
        let values: Vec<i32> = (0..page as i32).collect();
        let mut back = vec![-1; page];
        assert_eq!(bytes(write(start, &values, false)), 4 * page);
        protect(start + page, libc::PROT_WRITE);
        protect(start + 3 * page, libc::PROT_NONE);
        let reachable = 3 * page / 4;
        assert_eq!(bytes(read(start, &mut back, false)), 3 * page);
        assert_eq!((&back[..reachable], back[reachable]), (&values[..reachable], -1));
        // SAFETY: mapped above.
        unsafe { unmap(start as *mut _, 4 * page) };
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn read_only_memory_is_not_written() {
        let page = page_size();
        let start = map(3 * page) as usize;
        let values: Vec<i32> = (1..=page as i32).collect();
        protect(start + page, libc::PROT_READ);
        std::thread::spawn(move || {
            assert_eq!(bytes(write(start, &values, false)), page);
            forbid(COPYING);
            assert_eq!(bytes(write(start, &values, false)), page);
            let mut back = vec![-1; 2 * page / 4];
            assert_eq!(bytes(read(start, &mut back, false)), 2 * page);
            assert_eq!((&back[..page / 4], &back[page / 4..]), (&values[..page / 4], &vec![0; page / 4][..]));
        })
        .join()
        .unwrap();
        // SAFETY: mapped above.
        unsafe { unmap(start as *mut _, 3 * page) };
    }

    /// Runs `work` in a new process and returns its exit status. `work` must not allocate, because other threads may hold locks of malloc(3).
    fn in_a_new_process(work: impl FnOnce() -> c_int) -> c_int {
        // SAFETY: the new process calls only functions that are safe after fork(2) in a program with threads.
        unsafe {
            let child = libc::fork();
            assert!(child >= 0);
            if child == 0 {
                libc::_exit(work());
            }
            let mut status = 0;
            assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
            assert!(libc::WIFEXITED(status), "{status:#x}");
            libc::WEXITSTATUS(status)
        }
    }

    /// Returns the number of the next new descriptor.
    fn next_descriptor() -> c_int {
        // SAFETY: the descriptor is new and closed once.
        unsafe {
            let next = libc::dup(0);
            libc::close(next);
            next
        }
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn two_descriptors_are_enough_and_are_closed() {
        let page = page_size();
        let start = map(2 * page) as usize;
        protect(start + page, libc::PROT_NONE);
        let status = in_a_new_process(|| {
            let next = next_descriptor();
            forbid(COPYING);
            let limit = |descriptors: c_int| {
                let limit =
                    libc::rlimit { rlim_cur: descriptors as libc::rlim_t, rlim_max: descriptors as libc::rlim_t };
                // SAFETY: a valid structure.
                unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }
            };
            let mut values = [1i32, 2, 3, 4];
            let copies = |values: &mut [i32; 4], address: usize| {
                matches!(write(address, values, false), CopyResult::Bytes(8 | 16))
                    && matches!(read(address, values, false), CopyResult::Bytes(8 | 16))
            };
            // The limit leaves exactly two descriptors.
            if limit(next.max(3) + 2) != 0 {
                return 1;
            }
            for _ in 0..100 {
                if !copies(&mut values, start) || !copies(&mut values, start + page - 8) || next_descriptor() != next {
                    return 2;
                }
            }
            if limit(next.max(3) + 1) != 0 {
                return 3;
            }
            if !matches!(read(start, &mut values, false), CopyResult::Forbidden) || next_descriptor() != next {
                return 4;
            }
            0
        });
        assert_eq!(status, 0);
        // SAFETY: mapped above.
        unsafe { unmap(start as *mut _, 2 * page) };
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn a_closed_standard_error_does_not_become_a_pipe() {
        let start = map(page_size()) as usize;
        let status = in_a_new_process(|| {
            forbid(COPYING);
            // SAFETY: this process does not use standard error.
            unsafe { libc::close(2) };
            let mut values = [1i32];
            c_int::from(!matches!(read(start, &mut values, false), CopyResult::Forbidden))
                + 2 * c_int::from(next_descriptor() != 2)
        });
        assert_eq!(status, 0);
        // SAFETY: mapped above.
        unsafe { unmap(start as *mut _, page_size()) };
    }
}

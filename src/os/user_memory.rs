//! Memory that a program handed in and that may be unmapped at any moment: copied by the kernel, which finds out.

use super::errno;
use super::memory::AnyBytes;
use core::ffi::c_ulong;
use core::mem::size_of_val;

/// How a copy ended.
pub enum Copied {
    /// So many bytes, all or as many as can be reached.
    Bytes(usize),
    /// This process may not have its memory copied so.
    Forbidden,
}

/// That arrays are as long as the program says.
#[derive(Clone, Copy)]
pub struct Trust(());

impl Trust {
    /// # Safety
    /// The arrays that are copied with it can be read and written.
    pub unsafe fn new() -> Self {
        Trust(())
    }
}

/// Copies from `address` into `to`, until it cannot be read any more. Errno is left untouched.
#[inline(never)]
pub fn read<T: AnyBytes>(address: usize, to: &mut [T], trust: Option<Trust>) -> Copied {
    match (copy(libc::SYS_process_vm_readv, to.as_mut_ptr() as usize, address, size_of_val(to)), trust) {
        (Copied::Forbidden, Some(_)) if address != 0 => {
            // SAFETY: both are as long as this; bytes have no alignment.
            unsafe { to.as_mut_ptr().cast::<u8>().copy_from(address as *const u8, size_of_val(to)) };
            Copied::Bytes(size_of_val(to))
        }
        (copied, _) => copied,
    }
}

/// Copies `from` to `address`, until it cannot be written any more. Errno is left untouched.
pub fn write<T: AnyBytes>(address: usize, from: &[T], trust: Option<Trust>) -> Copied {
    match (copy(libc::SYS_process_vm_writev, from.as_ptr() as usize, address, size_of_val(from)), trust) {
        (Copied::Forbidden, Some(_)) if address != 0 => {
            // SAFETY: as above.
            unsafe { (address as *mut u8).copy_from(from.as_ptr().cast(), size_of_val(from)) };
            Copied::Bytes(size_of_val(from))
        }
        (copied, _) => copied,
    }
}

/// Copies between `ours` and `theirs` with one of the two calls above. The kernel looks at `ours` as it looks at `theirs`: no
/// address can do harm.
fn copy(call: libc::c_long, ours: usize, theirs: usize, length: usize) -> Copied {
    /// Of a piece that cannot be reached as a whole the kernel may do nothing: then it is tried page by page.
    const PIECE: usize = 4096;
    if cfg!(miri) {
        // Miri has no such calls: as in a container that forbids them.
        return Copied::Forbidden;
    }
    errno::untouched(|| {
        let mut done = 0;
        let mut small = false;
        while done < length {
            let place = theirs.wrapping_add(done);
            let size = if small { PIECE - place % PIECE } else { length }.min(length - done);
            let vector = |base: usize| libc::iovec { iov_base: base as *mut libc::c_void, iov_len: size };
            let (local, remote) = (vector(ours.wrapping_add(done)), vector(place));
            let one: c_ulong = 1;
            // SAFETY: both vectors are valid for the call; what they point to is checked by the kernel, and `ours` is a slice of
            // integers that the caller lent for reading or for writing.
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
                // Of what cannot be reached the kernel says EFAULT; who forbids the call chooses the errno.
                _ if errno::get() != errno::EFAULT => return Copied::Forbidden,
                _ if small => break,
                _ => small = true,
            }
        }
        Copied::Bytes(done)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::memory::{map, page_size, unmap};

    fn bytes(copied: Copied) -> usize {
        match copied {
            Copied::Bytes(bytes) => bytes,
            Copied::Forbidden => panic!("a process may copy its own memory"),
        }
    }

    #[test]
    fn memory_is_copied_up_to_where_it_ends() {
        let page = page_size();
        let start = map(3 * page) as usize;
        // Not unmapped: a test beside this one might get memory there.
        // SAFETY: mapped above, used through the kernel alone.
        unsafe { libc::mprotect((start + 2 * page) as *mut _, page, libc::PROT_NONE) };
        let values: Vec<i32> = (0..page as i32).collect();
        assert_eq!(bytes(write(start + page / 2, &values, None)), 2 * page - page / 2);
        let mut back = vec![-1; page];
        assert_eq!(bytes(read(start + page / 2, &mut back, None)), 2 * page - page / 2);
        let whole = (2 * page - page / 2) / 4;
        assert_eq!((&back[..whole], back[whole]), (&values[..whole], -1));
        assert_eq!(bytes(read(start + 2 * page, &mut back, None)), 0);
        assert_eq!(bytes(read(0, &mut back, None)), 0);
        assert_eq!(bytes(write(usize::MAX - 3, &values, None)), 0);
        // SAFETY: mapped above.
        unsafe { unmap(start as *mut _, 3 * page) };
    }
}

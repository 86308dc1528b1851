//! Reading the kernel's files piece by piece, without allocating.

use core::ffi::CStr;

/// Small enough for a thread or signal handler with a 16 KiB stack, large enough to read most files of /proc at once.
const CHUNK: usize = 1024;

/// Hands the contents of the file at `path` to `each`, in order, until `each` returns false. Errno is left untouched.
///
/// Returns whether the file could be read up to there.
pub fn read_in_chunks(path: &CStr, mut each: impl FnMut(&[u8]) -> bool) -> bool {
    super::errno::untouched(|| {
        // SAFETY: `path` is a NUL-terminated string.
        let descriptor = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
        if descriptor < 0 {
            return false;
        }
        let mut chunk = [0u8; CHUNK];
        let complete = loop {
            // SAFETY: `chunk` is writable for its length.
            let got = unsafe { libc::read(descriptor, chunk.as_mut_ptr().cast(), CHUNK) };
            match usize::try_from(got) {
                Ok(0) => break true,
                Ok(length) => {
                    if !each(chunk.get(..length).unwrap_or_default()) {
                        break true;
                    }
                }
                Err(_) if super::errno::get() == libc::EINTR => {}
                Err(_) => break false,
            }
        };
        // SAFETY: the descriptor was opened above and is closed once.
        unsafe { libc::close(descriptor) };
        complete
    })
}

//! Where NUMARS_LOG has lines go.

use super::files::{self, File};
use super::memory;
use core::ffi::{CStr, c_char};
use core::sync::atomic::{AtomicUsize, Ordering};

/// Nowhere, standard error, or the address of a file's name.
static PLACE: AtomicUsize = AtomicUsize::new(NOWHERE);
const NOWHERE: usize = 0;
const STANDARD_ERROR: usize = 1;

pub fn is_open() -> bool {
    PLACE.load(Ordering::Relaxed) != NOWHERE
}

/// From now on, lines go to the file of that name, or to standard error.
pub fn open(name: Option<&CStr>) {
    // Of the name, since the program may change its environment.
    let place = name.map_or(STANDARD_ERROR, |name| memory::keep_copy(name.to_bytes_with_nul()) as usize);
    PLACE.store(place, Ordering::Release);
}

/// Adds a line in one piece. The file is opened each time: a descriptor that is kept would be in a program's way, which may close it
/// and have another file in its place. Errno is left untouched.
pub fn append(line: &[u8]) {
    match PLACE.load(Ordering::Acquire) {
        NOWHERE => {}
        STANDARD_ERROR => files::write_to_standard_error(line),
        name => {
            // SAFETY: a string that lives as long as the process.
            let file = File::open_to_add(unsafe { memory::string(name as *const c_char) });
            file.iter().for_each(|file| file.write(line));
        }
    }
}

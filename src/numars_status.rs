//! What the status of a page means, for people: part of numars.h.

use core::ffi::{c_char, c_int};
use numars::for_c::migrate;

/// Describe the status of a page, as move_pages(2) and the calls that move or query pages store it.
///
/// - 0 and more: "on node"; the status is the number of the node
/// - -ENOENT: not present (never touched, or swapped out)
/// - -EFAULT: not mapped, the zero page, or memory that cannot move
/// - -EACCES: mapped more than once without MPOL_MF_MOVE_ALL, or target node not allowed
/// - -EBUSY: in use (under writeback, or pinned by a device or the kernel)
/// - -ENOMEM: the target node is full
/// - -ENODEV: no such target node, or one without memory
/// - -EINVAL: dirty, and the file system can neither move nor write the page
/// - -EIO: the page could not be written back
/// - -EPERM: no permission to move the page
/// - any other number: "unknown status"
///
/// @param status  the status
/// @return a static string in English; the texts of negative statuses may change
///
/// Changes nothing. Thread-safe. Async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn numars_status_string(status: c_int) -> *const c_char {
    migrate::status_text(status).as_ptr()
}

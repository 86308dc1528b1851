//! What the status of a page means, for people.

use crate::names;
use crate::sys::errno::{EACCES, EBUSY, EFAULT, EINVAL, EIO, ENODEV, ENOENT, ENOMEM, EPERM};
use core::ffi::CStr;

/// The errnos of the negative statuses, in the order of their texts.
const ERRNOS: [i32; 9] = [ENOENT, EFAULT, EACCES, EBUSY, ENOMEM, ENODEV, EINVAL, EIO, EPERM];

const TEXTS: &[u8] = b"not present (never touched or swapped out)\0\
    not mapped, the zero page, or memory that cannot move\0\
    mapped more than once, or target node not allowed\0\
    in use (under writeback, or pinned by a device or the kernel)\0\
    target node is full\0\
    no such target node, or one without memory\0\
    dirty, and the file system can neither move nor write the page\0\
    page could not be written back\0\
    no permission to move the page\0\
    unknown status\0";

/// Returns what the status of a page of a move or a query means: "on node" for the number of a node, which the caller prints after it,
/// the reason for a negative errno, and "unknown status" for any other number.
///
/// ```
/// use numars::for_c::migrate::status_text;
/// use numars::for_c::sys::errno::{EBUSY, ENOENT};
/// assert_eq!(status_text(3), c"on node");
/// assert_eq!(status_text(-ENOENT), c"not present (never touched or swapped out)");
/// assert_eq!(status_text(-EBUSY), c"in use (under writeback, or pinned by a device or the kernel)");
/// assert_eq!(status_text(i32::MIN), c"unknown status");
/// ```
pub fn status_text(status: i32) -> &'static CStr {
    if status >= 0 {
        return c"on node";
    }
    let index = ERRNOS.iter().position(|&errno| status == -errno).unwrap_or(ERRNOS.len());
    names::nth_cstr(TEXTS, index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_errno_has_a_text_of_its_own_and_other_numbers_have_none() {
        let texts: BTreeSet<_> = ERRNOS.map(|errno| status_text(-errno)).into_iter().collect();
        assert_eq!(texts.len(), ERRNOS.len());
        assert!(texts.iter().all(|text| !text.is_empty() && *text != c"unknown status"));
        for status in [i32::MIN, -4096, -11] {
            assert_eq!(status_text(status), c"unknown status");
        }
        for node in [0, 1, 1023, i32::MAX] {
            assert_eq!(status_text(node), c"on node");
        }
    }
}

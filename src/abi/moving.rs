//! Moving pages, the calls of numa(3).

use super::bitmask::{bitmask, read};
use crate::migration::{self, Masks, PADDED_BITS};
use crate::os::{errno, kernel};
use core::ffi::{c_int, c_ulong, c_void};
use core::ptr::null;

/// Moves all pages of a process that are on some nodes to other nodes.
///
/// @param pid   the process; 0 is the calling one
/// @param from  the nodes to empty; NULL is the empty set
/// @param to    the nodes to fill, of any size; the i-th node of from goes to the i-th of to; NULL is the empty set
/// @return the number of pages that could not be moved (0: all are), or -1 with errno as migrate_pages()
///
/// Follows numa(3) and migrate_pages(2).
///
/// # Safety
/// Each mask is NULL or a valid struct bitmask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_migrate_pages(pid: c_int, from: *mut bitmask, to: *mut bitmask) -> c_int {
    // SAFETY: as the caller promises.
    let (from_bits, to_bits) = unsafe { (read(from), read(to)) };
    // The kernel looks at one bit less than it is told.
    let left = match migration::masks(from_bits, to_bits) {
        Masks::AsTheyAre(0) => kernel::migrate_pages(pid, 1, null(), null()),
        // SAFETY: both are structures here, since a NULL has length 0.
        Masks::AsTheyAre(bits) => unsafe {
            kernel::migrate_pages(pid, bits as c_ulong + 1, (*from).maskp, (*to).maskp)
        },
        Masks::Padded => {
            let (from, to) = (migration::padded(from_bits), migration::padded(to_bits));
            kernel::migrate_pages(pid, PADDED_BITS as c_ulong + 1, from.as_ptr().cast(), to.as_ptr().cast())
        }
        Masks::NoSuchNode => {
            errno::set(libc::EINVAL);
            -1
        }
    };
    c_int::try_from(left).unwrap_or(c_int::MAX)
}

/// Moves single pages of a process to nodes, or tells where they are.
///
/// @param pid     the process; 0 is the calling one
/// @param count   the number of entries in pages, nodes and status
/// @param pages   an address in each page: an array of addresses, not the start of the memory
/// @param nodes   the node that each page shall be on; NULL: move nothing, only tell
/// @param status  where to put, for each page, the node it is on, or what is wrong as a negative errno
/// @param flags   MPOL_MF_MOVE or MPOL_MF_MOVE_ALL of <numaif.h>
/// @return 0; the number of pages that could not be moved; or -1 with errno as move_pages()
///
/// Follows numa(3) and move_pages(2).
///
/// # Safety
/// The arrays are handed to the kernel, which checks them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn numa_move_pages(
    pid: c_int,
    count: c_ulong,
    pages: *mut *mut c_void,
    nodes: *const c_int,
    status: *mut c_int,
    flags: c_int,
) -> c_int {
    let left = kernel::move_pages(pid, count, pages, nodes, status, flags);
    c_int::try_from(left).unwrap_or(c_int::MAX)
}

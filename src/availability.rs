//! numa_available().

use super::globals;
use crate::trace::call;
use core::ffi::c_int;
use numars::for_c::sys::kernel;

/// Check whether the program may use NUMA policy. May be called at any time, any number of times.
///
/// The first call of the library reads those files of /sys that later calls depend on, and this may
/// be that call: after it, a program may enter a chroot or a sandbox that forbids opening files.
/// docs/differences.md lists the calls that open files later.
///
/// @return 0 if it may; -1 with errno if not: ENOSYS (a kernel without NUMA), EPERM (forbidden, as
///         in some containers)
///
/// Thread-safe. Async-signal-safe.
///
/// Follows numa(3). Unlike with libnuma, calls that need no policy work even if this returns -1.
#[unsafe(no_mangle)]
pub extern "C" fn numa_available() -> c_int {
    globals::topology();
    call!(numa_available()).returns(if kernel::has_policy() { 0 } else { -1 })
}

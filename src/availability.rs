//! numa_available().

use super::globals;
use crate::trace::trace_call;
use core::ffi::c_int;
use numars::sys::kernel;

/// Return whether the kernel lets this program use NUMA policy. Silent, at any time, as often as you like.
///
/// The first call of the library reads the files of /sys that later calls answer from, and this may be that call: after it, a program may
/// enter a chroot or a sandbox that forbids opening files. docs/differences.md lists what is read later.
///
/// @return 0 if so; -1 with errno if not: ENOSYS (a kernel without NUMA), EPERM (forbidden, as container engines do)
///
/// Follows numa(3). Unlike libnuma, calls that need no policy work also where this says -1.
#[unsafe(no_mangle)]
pub extern "C" fn numa_available() -> c_int {
    globals::topology();
    trace_call!("numa_available()", [], if kernel::has_policy() { 0 } else { -1 })
}

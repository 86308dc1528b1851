//! Whether NUMA policy can be used at all.

use crate::log::log;
use crate::os::kernel;
use core::ffi::c_int;

/// Tells whether the kernel lets this program use NUMA policy. Silent, at any time, as often as you like.
///
/// @return 0 if so; -1 with errno if not: ENOSYS (a kernel without NUMA), EPERM (forbidden, as container engines do)
///
/// Follows numa(3). Unlike libnuma, calls that need no policy work also where this says -1.
#[unsafe(no_mangle)]
pub extern "C" fn numa_available() -> c_int {
    log!("numa_available()", [], if kernel::has_policy() { 0 } else { -1 })
}

//! Where threads run: CPU affinity, by nodes.

use crate::bitmask::{Bits, BitsMut};
use crate::mempolicy::{self, Failed};
use crate::sys::errno::{self, Errno};
use crate::sys::kernel;
use crate::topology::{self, Cpus};

/// The name that libnuma reports a failed change of affinity under.
const SET_AFFINITY: Failed = Failed(c"numa_sched_setaffinity_v2_int() failed");

/// Runs the calling thread on `cpus`.
fn run_on(cpus: &Cpus) -> Result<(), Failed> {
    set_affinity(0, cpus).map_err(|_| SET_AFFINITY)
}

/// Runs the calling thread on all CPUs again.
pub fn run_anywhere() -> Result<(), Failed> {
    let all = Cpus::new();
    all.bits().fill(true);
    run_on(&all)
}

/// Runs the calling thread on the CPUs of `nodes`.
pub fn run_on_nodes(nodes: Bits) -> Result<(), Failed> {
    let before = errno::get();
    run_on(&topology::cpus_of_nodes(nodes)).or_else(|failed| {
        // The nodes may have other CPUs by now than are known.
        if errno::get() != errno::EINVAL || !topology::catch_up() {
            return Err(failed);
        }
        errno::set(before);
        run_on(&topology::cpus_of_nodes(nodes))
    })
}

/// Runs and allocates on `nodes` alone; where either cannot be, nothing is changed.
pub fn bind(nodes: Bits) -> Result<(), Failed> {
    let before = topology::allowed_cpus();
    run_on_nodes(nodes)?;
    mempolicy::bind_task(nodes).inspect_err(|_| {
        let _ = errno::preserve_errno(|| set_affinity(0, &before));
    })
}

/// The affinity of a thread (0: the calling one) into `cpus`: the bytes that the kernel filled, or an error with errno.
pub fn affinity(pid: i32, cpus: BitsMut) -> Result<usize, Errno> {
    let filled = kernel::sched_getaffinity(pid, cpus.read().storage());
    usize::try_from(filled).map_err(|_| Errno::last())
}

/// Sets the affinity of a thread (0: the calling one); an error with errno.
pub fn set_affinity(pid: i32, cpus: &Cpus) -> Result<(), Errno> {
    if kernel::sched_setaffinity(pid, cpus.words()) < 0 { Err(Errno::last()) } else { Ok(()) }
}

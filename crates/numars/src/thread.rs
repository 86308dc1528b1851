//! Where threads run: their CPUs, and their CPUs together with their memory.
//!
//! References: sched_setaffinity(2), set_mempolicy(2), cpuset(7).

use crate::affinity;
use crate::cpu_set::CpuSet;
use crate::error::{Syscall, SyscallError};
use crate::node::NodeSet;
use crate::nodeset::CpuMask;
use core::cell::Cell;

/// Returns the CPUs that the calling thread may run on, using sched_getaffinity(2).
///
/// # Errors
/// ENOMEM if there is no memory for a set of more than 1,024 CPUs.
///
/// ```
/// let cpus = numars::thread_cpus()?;
/// assert!(cpus.contains(numars::Cpu::current().unwrap()));
/// # Ok::<(), numars::SyscallError>(())
/// ```
pub fn thread_cpus() -> Result<CpuSet, SyscallError> {
    thread_cpus_of(0)
}

/// Returns the CPUs that the thread with this id may run on, using sched_getaffinity(2); the id of a process is that of its first thread, and 0 is
/// the calling thread.
///
/// # Errors
/// ESRCH if there is no such thread; EPERM if a security module forbids it; ENOMEM as for [`thread_cpus`].
///
/// ```
/// use numars::{Errno, thread_cpus, thread_cpus_of};
/// assert_eq!(thread_cpus_of(0)?, thread_cpus()?);
/// let first_thread = std::process::id() as i32;
/// assert!(!thread_cpus_of(first_thread)?.is_empty());
/// assert_eq!(thread_cpus_of(i32::MAX).unwrap_err().errno(), Errno::ESRCH);
/// # Ok::<(), numars::SyscallError>(())
/// ```
pub fn thread_cpus_of(tid: i32) -> Result<CpuSet, SyscallError> {
    let mask = CpuMask::new();
    affinity::get(tid, mask.bits())?;
    CpuSet::try_from_words(mask.words().iter().map(Cell::get))
        .map_err(|errno| SyscallError::without_call(Syscall::SchedGetaffinity, errno))
}

/// Restricts the calling thread to `cpus`, using sched_setaffinity(2). CPUs that the machine does not have are ignored. Threads and processes that it
/// creates inherit the restriction.
///
/// # Errors
/// EINVAL if the thread may run on none of the CPUs.
///
/// ```
/// use numars::{Cpu, set_thread_cpus, thread_cpus};
/// let before = thread_cpus()?;
/// set_thread_cpus(&Cpu::current().unwrap().into())?;
/// assert_eq!(thread_cpus()?.len(), 1);
/// set_thread_cpus(&before)?;
/// # Ok::<(), numars::SyscallError>(())
/// ```
pub fn set_thread_cpus(cpus: &CpuSet) -> Result<(), SyscallError> {
    set_thread_cpus_of(0, cpus)
}

/// As [`set_thread_cpus`], for the thread with this id; 0 is the calling thread.
///
/// # Errors
/// EINVAL if the thread may run on none of the CPUs; ESRCH if there is no such thread; EPERM if it belongs to another user.
///
/// ```
/// use numars::{Cpu, Errno, set_thread_cpus_of, thread_cpus_of};
/// let (first_thread, cpu) = (std::process::id() as i32, Cpu::current().unwrap());
/// let before = thread_cpus_of(first_thread)?;
/// set_thread_cpus_of(first_thread, &cpu.into())?;
/// assert_eq!(thread_cpus_of(first_thread)?, cpu.into());
/// set_thread_cpus_of(first_thread, &before)?;
///
/// let error = set_thread_cpus_of(-1, &before).unwrap_err();
/// assert_eq!(error.errno(), Errno::ESRCH);
/// # Ok::<(), numars::SyscallError>(())
/// ```
pub fn set_thread_cpus_of(tid: i32, cpus: &CpuSet) -> Result<(), SyscallError> {
    affinity::set(tid, &cpus.to_mask())
}

/// Restricts the calling thread to the CPUs of `nodes`, using sched_setaffinity(2).
///
/// The CPUs of the nodes are those that were read when the topology was first needed; they are read again if the kernel refuses them. To use CPUs
/// that have come online since, pass [`Topology::read()?.cpus_of_nodes(&nodes)?`](crate::Topology::cpus_of_nodes) to [`set_thread_cpus`].
///
/// # Errors
/// EINVAL if the thread may run on none of these CPUs.
///
/// ```
/// use numars::{Node, run_on};
/// # std::thread::spawn(|| {
/// if let Some(node) = Node::current() {
///     run_on(node.into())?;
///     assert_eq!(Node::current(), Some(node));
/// }
/// # Ok::<(), numars::SyscallError>(())
/// # }).join().unwrap()?;
/// # Ok::<(), numars::SyscallError>(())
/// ```
pub fn run_on(nodes: NodeSet) -> Result<(), SyscallError> {
    affinity::run_on_nodes(nodes.to_mask().bits().as_bits())
}

/// Restricts the calling thread to the CPUs of `nodes`, and its allocations to their memory ([`Policy::bind`](crate::Policy::bind)). If
/// either fails, neither is changed.
///
/// The CPUs of the nodes are those that were read when the topology was first needed; they are read again if the kernel refuses them. To use CPUs
/// that have come online since, pass [`Topology::read()?.cpus_of_nodes(&nodes)?`](crate::Topology::cpus_of_nodes) to [`set_thread_cpus`].
///
/// # Errors
/// EINVAL if the thread may run on none of these CPUs, or may not allocate memory on any of the nodes; EPERM or ENOSYS if policy cannot be used.
///
/// ```
/// use numars::{Node, Policy, bind_thread};
/// # std::thread::spawn(|| {
/// let node = Node::new(0).unwrap();
/// match bind_thread(node.into()) {
///     Ok(()) => assert_eq!(Policy::of_thread(), Ok(Policy::bind(node.into()))),
///     Err(error) => println!("{error}"),
/// }
/// # }).join().unwrap();
/// ```
pub fn bind_thread(nodes: NodeSet) -> Result<(), SyscallError> {
    affinity::bind(nodes.to_mask().bits().as_bits())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::errno::{Errno, get, set};
    use crate::{Cpu, Node, Policy};

    #[test]
    fn a_thread_runs_where_it_may_and_other_threads_are_not_affected() {
        let before = thread_cpus().unwrap();
        std::thread::spawn(|| {
            set(7);
            let cpu = Cpu::current().unwrap();
            // The last CPU needs mapped memory, and does not exist.
            set_thread_cpus(&[cpu, Cpu::MAX].into_iter().collect()).unwrap();
            assert_eq!((thread_cpus().unwrap(), get()), (CpuSet::from(cpu), 7));
            let error = set_thread_cpus(&CpuSet::new()).unwrap_err();
            assert_eq!((error.errno(), error.call()), (Errno::EINVAL, Syscall::SchedSetaffinity));
        })
        .join()
        .unwrap();
        assert!(thread_cpus_of(std::process::id() as i32).is_ok());
        assert_eq!(thread_cpus().unwrap(), before);
        assert_eq!(thread_cpus_of(i32::MAX).unwrap_err().errno(), Errno::ESRCH);
    }

    #[test]
    fn a_thread_that_cannot_be_bound_is_not_changed() {
        std::thread::spawn(|| {
            let (cpus, policy) = (thread_cpus().unwrap(), Policy::of_thread());
            assert!(bind_thread(Node::MAX.into()).is_err() && run_on(NodeSet::EMPTY).is_err());
            assert_eq!((thread_cpus().unwrap(), Policy::of_thread()), (cpus, policy));
            let node = Node::current().unwrap();
            if bind_thread(node.into()).is_ok() {
                assert_eq!(Policy::of_thread(), Ok(Policy::bind(node.into())));
                assert_eq!(Node::current(), Some(node));
            }
        })
        .join()
        .unwrap();
    }
}

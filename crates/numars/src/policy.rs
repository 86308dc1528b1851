//! Memory policies as values: of threads and of ranges of addresses.
//!
//! References: numa(7), set_mempolicy(2), get_mempolicy(2), mbind(2), set_mempolicy_home_node(2).

mod flags;
#[cfg(test)]
mod tests;
mod text;

pub use flags::{MbindFlags, ModeFlags};
pub use text::ParsePolicyError;

use crate::error::{Syscall, SyscallError};
use crate::mempolicy::{self, MemRange, Mode};
use crate::node::{Node, NodeSet};
use crate::nodeset::NodeMask;
use crate::sys::errno::{self, Errno};
use crate::sys::kernel;
use crate::sys::memory::page_size;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

/// A memory policy: on which nodes the kernel allocates pages, for a thread or for a range of addresses.
///
/// It is written and parsed as the kernel writes it in /proc/PID/numa_maps, such as `bind:0-3`.
///
/// Modes and flags that this version of the crate does not name are kept, so that a policy can be read and set again on any kernel.
///
/// ```
/// use numars::{Mode, ModeFlags, NodeSet, Policy};
/// let nodes: NodeSet = "0-3".parse()?;
/// let policy = Policy::interleave(nodes).with_flags(ModeFlags::STATIC_NODES);
/// assert_eq!((policy.mode(), policy.nodes()), (Mode::Interleave, nodes));
/// assert_eq!(policy.to_string(), "interleave=static:0-3");
/// # Ok::<(), numars::ParseListError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Policy {
    /// The kernel's number of the mode, and its flags.
    raw: i32,
    nodes: NodeSet,
}

impl Policy {
    /// MPOL_DEFAULT: none of its own. For memory, the policy of the thread that touches a page first applies; for a thread, that of the system,
    /// which allocates on the node that the thread runs on.
    ///
    /// ```
    /// use numars::{Mode, Policy};
    /// assert_eq!((Policy::DEFAULT.mode(), Policy::DEFAULT.to_string()), (Mode::Default, "default".to_string()));
    /// ```
    pub const DEFAULT: Policy = Policy::new(Mode::Default, NodeSet::EMPTY);
    /// MPOL_LOCAL: pages are allocated on the node of the CPU that touches them first, or on the nearest one with free memory.
    ///
    /// ```
    /// use numars::{Mode, Policy};
    /// assert_eq!((Policy::LOCAL.mode(), Policy::LOCAL.to_string()), (Mode::Local, "local".to_string()));
    /// ```
    pub const LOCAL: Policy = Policy::new(Mode::Local, NodeSet::EMPTY);

    /// Returns the policy with a mode and nodes, which are empty for [`Mode::Default`] and [`Mode::Local`]. Whether they match is checked by the
    /// kernel when the policy is set (EINVAL). For [`Mode::Other`], see [`Policy::from_raw`].
    ///
    /// ```
    /// use numars::{Mode, NodeSet, Policy};
    /// let (mode, nodes): (Mode, NodeSet) = ("MPOL_INTERLEAVE".parse().unwrap(), "0-3".parse().unwrap());
    /// assert_eq!(Policy::new(mode, nodes), Policy::interleave(nodes));
    /// ```
    pub const fn new(mode: Mode, nodes: NodeSet) -> Self {
        Policy { raw: mode as i32, nodes }
    }

    /// Returns the policy MPOL_BIND: pages are allocated on `nodes` only. When all of them are full, the kernel swaps pages out or ends a
    /// process.
    ///
    /// ```
    /// use numars::{NodeSet, Policy};
    /// let nodes: NodeSet = "0-3".parse()?;
    /// assert_eq!(Policy::bind(nodes).to_string(), "bind:0-3");
    /// # Ok::<(), numars::ParseListError>(())
    /// ```
    pub const fn bind(nodes: NodeSet) -> Self {
        Policy::new(Mode::Bind, nodes)
    }

    /// Returns the policy MPOL_PREFERRED: pages are allocated on `node`, or, if it is full, on the nearest one that is not.
    ///
    /// ```
    /// assert_eq!(numars::Policy::preferred(numars::Node::MAX).to_string(), "prefer:1023");
    /// ```
    pub fn preferred(node: Node) -> Self {
        Policy::new(Mode::Preferred, node.into())
    }

    /// Returns the policy MPOL_PREFERRED_MANY (Linux 5.15): pages are allocated on `nodes`, or, if all are full, on others.
    ///
    /// ```
    /// use numars::{NodeSet, Policy};
    /// let nodes: NodeSet = "0-3".parse()?;
    /// assert_eq!(Policy::preferred_many(nodes).to_string(), "prefer (many):0-3");
    /// # Ok::<(), numars::ParseListError>(())
    /// ```
    pub const fn preferred_many(nodes: NodeSet) -> Self {
        Policy::new(Mode::PreferredMany, nodes)
    }

    /// Returns the policy MPOL_INTERLEAVE: pages are allocated on `nodes` in turn.
    ///
    /// ```
    /// use numars::{NodeSet, Policy};
    /// let nodes: NodeSet = "0-3".parse()?;
    /// assert_eq!(Policy::interleave(nodes).to_string(), "interleave:0-3");
    /// # Ok::<(), numars::ParseListError>(())
    /// ```
    pub const fn interleave(nodes: NodeSet) -> Self {
        Policy::new(Mode::Interleave, nodes)
    }

    /// Returns the policy MPOL_WEIGHTED_INTERLEAVE (Linux 6.9): pages are allocated on `nodes` in turn, as many on each as its weight says.
    ///
    /// ```
    /// use numars::{NodeSet, Policy};
    /// let nodes: NodeSet = "0-3".parse()?;
    /// assert_eq!(Policy::weighted_interleave(nodes).to_string(), "weighted interleave:0-3");
    /// # Ok::<(), numars::ParseListError>(())
    /// ```
    pub const fn weighted_interleave(nodes: NodeSet) -> Self {
        Policy::new(Mode::WeightedInterleave, nodes)
    }

    /// Returns the policy with the kernel's number of a mode and its flags, as set_mempolicy(2) takes them: for modes that this version of the
    /// crate does not name.
    ///
    /// ```
    /// use numars::{Mode, NodeSet, Policy};
    /// let policy = Policy::from_raw(200, NodeSet::EMPTY);
    /// assert_eq!((policy.mode(), policy.raw_mode()), (Mode::Other, 200));
    /// ```
    pub const fn from_raw(mode: i32, nodes: NodeSet) -> Self {
        Policy { raw: mode, nodes }
    }

    /// Returns the policy with these flags added to its mode.
    ///
    /// The kernel refuses STATIC_NODES together with RELATIVE_NODES, both with a policy that is local, and NUMA_BALANCING unless the policy
    /// is [`bind`](Policy::bind) or, on newer kernels (6.12, not yet 6.1), [`preferred_many`](Policy::preferred_many) (EINVAL).
    ///
    /// ```
    /// use numars::{ModeFlags, NodeSet, Policy};
    /// let policy = Policy::bind("0-3".parse::<NodeSet>()?).with_flags(ModeFlags::STATIC_NODES);
    /// assert_eq!(policy.to_string(), "bind=static:0-3");
    /// let policy = policy.with_flags(ModeFlags::NUMA_BALANCING);
    /// assert_eq!(policy.flags(), ModeFlags::STATIC_NODES | ModeFlags::NUMA_BALANCING);
    /// # Ok::<(), numars::ParseListError>(())
    /// ```
    pub const fn with_flags(self, flags: ModeFlags) -> Self {
        Policy { raw: self.raw | flags.bits(), nodes: self.nodes }
    }

    /// Returns the mode.
    pub fn mode(&self) -> Mode {
        Mode::of(self.raw)
    }

    /// Returns the nodes, or an empty set if the mode takes none.
    pub const fn nodes(&self) -> NodeSet {
        self.nodes
    }

    /// Returns the flags of the mode.
    ///
    /// ```
    /// use numars::{ModeFlags, NodeSet, Policy};
    /// let policy = Policy::bind(NodeSet::EMPTY).with_flags(ModeFlags::NUMA_BALANCING);
    /// assert_eq!(policy.flags(), ModeFlags::NUMA_BALANCING);
    /// ```
    pub const fn flags(&self) -> ModeFlags {
        ModeFlags::of(self.raw)
    }

    /// Returns the kernel's number of the mode and its flags, as set_mempolicy(2) takes them.
    ///
    /// ```
    /// use numars::{ModeFlags, Node, Policy};
    /// let policy = Policy::bind(Node::MAX.into()).with_flags(ModeFlags::STATIC_NODES);
    /// assert_eq!(policy.raw_mode(), 2 | 1 << 15); // MPOL_BIND | MPOL_F_STATIC_NODES
    /// assert_eq!(Policy::from_raw(policy.raw_mode(), policy.nodes()), policy);
    /// ```
    pub const fn raw_mode(&self) -> i32 {
        self.raw
    }

    /// Returns the policy that the kernel has reported.
    fn read(query: impl FnOnce(&NodeMask) -> Result<mempolicy::TaskMode, SyscallError>) -> Result<Self, SyscallError> {
        let mask = NodeMask::new();
        let raw = query(&mask)?.raw();
        let nodes = NodeSet::from_mask(&mask);
        // As kernels before 5.14 report a local policy.
        Ok(if raw == Mode::Preferred as i32 && nodes.is_empty() { Policy::LOCAL } else { Policy { raw, nodes } })
    }

    // --- the calling thread ---

    /// Returns the calling thread's policy, using get_mempolicy(2).
    ///
    /// # Errors
    /// EPERM or ENOSYS if policy cannot be used.
    ///
    /// ```
    /// use numars::Policy;
    /// match Policy::of_thread() {
    ///     Ok(policy) => println!("this thread allocates by the policy {policy}"), // such as "default"
    ///     Err(error) => println!("no memory policy: {error}"),
    /// }
    /// ```
    pub fn of_thread() -> Result<Policy, SyscallError> {
        Policy::read(|mask| mempolicy::task_policy(mask.bits()))
    }

    /// Gives the calling thread this policy, using set_mempolicy(2), for pages that are allocated from now on. Threads and processes that it
    /// creates inherit it.
    ///
    /// # Errors
    /// EINVAL if none of the nodes has memory and is allowed, if a node cannot exist on this kernel, or if the kernel lacks the mode or a flag;
    /// EPERM or ENOSYS if policy cannot be used.
    ///
    /// ```
    /// use numars::{Node, Policy};
    /// # std::thread::spawn(|| {
    /// let policy = Policy::preferred(Node::new(0).unwrap());
    /// match policy.set_for_thread() {
    ///     Ok(()) => assert_eq!(Policy::of_thread(), Ok(policy)),
    ///     Err(error) => eprintln!("no memory policy: {error}"),
    /// }
    /// # }).join().unwrap();
    /// ```
    pub fn set_for_thread(&self) -> Result<(), SyscallError> {
        mempolicy::set_task_policy(self.raw, self.nodes.to_mask().bits().as_bits())
    }

    /// Gives the calling thread this policy until the guard is dropped, which restores the one that it has now.
    ///
    /// # Errors
    /// As [`Policy::set_for_thread`].
    ///
    /// ```
    /// use numars::{Node, Policy};
    /// let before = Policy::of_thread();
    /// if let Ok(guard) = Policy::bind(Node::new(0).unwrap().into()).scoped() {
    ///     let table = vec![1u8; 1 << 20]; // on node 0
    ///     assert_eq!(Some(guard.previous()), before.ok());
    /// }
    /// assert_eq!(Policy::of_thread(), before);
    /// ```
    pub fn scoped(&self) -> Result<PolicyGuard, SyscallError> {
        let previous = Policy::of_thread()?;
        self.set_for_thread()?;
        Ok(PolicyGuard { previous, of_this_thread: PhantomData })
    }

    // --- memory ---

    /// Returns the policy of the memory at `address`, using get_mempolicy(2): its own, or [`Policy::DEFAULT`].
    ///
    /// # Errors
    /// EFAULT if nothing is mapped there; EPERM or ENOSYS if policy cannot be used.
    ///
    /// ```
    /// let number = 7;
    /// if let Ok(policy) = numars::Policy::of_address(&raw const number as usize) {
    ///     assert_eq!(policy, numars::Policy::DEFAULT);
    /// }
    /// ```
    pub fn of_address(address: usize) -> Result<Policy, SyscallError> {
        Policy::read(|mask| mempolicy::memory_policy(address, mask.bits()))
    }

    /// Gives the pages of the `length` bytes from `start` on this policy, using mbind(2), for those that are allocated from now on.
    ///
    /// # Errors
    /// EINVAL if `start` is not a multiple of the page size, `length` cannot be rounded up to whole pages, or as [`Policy::set_for_thread`]; EFAULT if something in the range is not mapped;
    /// ENOMEM; EPERM or ENOSYS if policy cannot be used.
    ///
    /// ```
    /// use numars::{Mapping, Node, Policy, MapOptions};
    /// let table = MapOptions::new().map(1 << 20)?;
    /// let policy = Policy::interleave(Node::new(0).unwrap().into());
    /// if policy.set_for_range(table.as_ptr() as usize, table.len()).is_ok() {
    ///     assert_eq!(Policy::of_address(table.as_ptr() as usize), Ok(policy));
    /// }
    /// # Ok::<(), numars::Errno>(())
    /// ```
    // Safe: contents do not change.
    pub fn set_for_range(&self, start: usize, length: usize) -> Result<(), SyscallError> {
        self.set_for_range_with(start, length, MbindFlags::NONE)
    }

    /// As [`Policy::set_for_range`]; `flags` say what happens to pages that are allocated already.
    ///
    /// # Errors
    /// As [`Policy::set_for_range`]; EIO with [`MbindFlags::STRICT`] if pages are elsewhere; EPERM with [`MbindFlags::MOVE_ALL`] without
    /// CAP_SYS_NICE.
    ///
    /// ```
    /// use numars::{MbindFlags, Node, Policy, MapOptions};
    /// let mut table = MapOptions::new().map(1 << 20)?;
    /// table.fill(1);
    /// let policy = Policy::bind(Node::new(0).unwrap().into());
    /// match policy.set_for_range_with(table.as_ptr() as usize, table.len(), MbindFlags::MOVE | MbindFlags::STRICT) {
    ///     Ok(()) => println!("the table is on node 0"),
    ///     Err(error) => println!("{error}"),
    /// }
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn set_for_range_with(&self, start: usize, length: usize, flags: MbindFlags) -> Result<(), SyscallError> {
        mempolicy::set_memory_policy(
            MemRange { start, length },
            self.raw,
            self.nodes.to_mask().bits().as_bits(),
            flags.bits(),
        )
    }
}

/// Memory by slices.
impl Policy {
    /// Gives the pages that a slice overlaps this policy, as [`Policy::set_for_range`]: whole pages, also the first and the last one, which may have
    /// other data, too. Of an empty slice, that is none.
    ///
    /// # Errors
    /// As [`Policy::set_for_range`].
    ///
    /// ```
    /// use numars::{Node, Policy};
    /// let table = vec![1u64; 1 << 17];
    /// let policy = Policy::bind(Node::new(0).unwrap().into());
    /// match policy.set_for_memory(&table) {
    ///     Ok(()) => assert_eq!(Policy::of_address(&raw const table[0] as usize), Ok(policy)),
    ///     Err(error) => println!("{error}"),
    /// }
    /// # let _ = Policy::DEFAULT.set_for_memory(&table);
    /// ```
    pub fn set_for_memory<T>(&self, memory: &[T]) -> Result<(), SyscallError> {
        self.set_for_memory_with(memory, MbindFlags::NONE)
    }

    /// As [`Policy::set_for_memory`]; `flags` say what happens to pages that are allocated already.
    ///
    /// # Errors
    /// As [`Policy::set_for_range_with`].
    ///
    /// ```
    /// use numars::{MbindFlags, Node, Policy};
    /// let table = vec![1u64; 1 << 17];
    /// let policy = Policy::bind(Node::new(0).unwrap().into());
    /// if let Err(error) = policy.set_for_memory_with(&table, MbindFlags::MOVE) {
    ///     println!("{error}");
    /// }
    /// # let _ = Policy::DEFAULT.set_for_memory(&table);
    /// ```
    pub fn set_for_memory_with<T>(&self, memory: &[T], flags: MbindFlags) -> Result<(), SyscallError> {
        let (address, bytes) = (memory.as_ptr() as usize, size_of_val(memory));
        let offset = address % page_size();
        // The kernel rounds the length up. The address of an empty slice need not be mapped.
        let length = if bytes == 0 { 0 } else { offset + bytes };
        self.set_for_range_with(address - offset, length, flags)
    }
}

impl Default for Policy {
    /// Returns [`Policy::DEFAULT`].
    fn default() -> Self {
        Policy::DEFAULT
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({self})")
    }
}

/// Restores the policy that the thread had before [`Policy::scoped`], when it is dropped. Errno is left untouched.
///
/// Guards are to be dropped in reverse order of their creation. A guard cannot be sent to another thread:
///
/// ```compile_fail
/// let guard = numars::Policy::LOCAL.scoped();
/// std::thread::spawn(move || drop(guard));
/// ```
///
/// ```
/// use numars::{Node, Policy};
/// let before = Policy::of_thread();
/// if let Ok(guard) = Policy::LOCAL.scoped() {
///     let inner = Policy::preferred(Node::new(0).unwrap()).scoped();
///     drop(inner);
///     assert_eq!(Policy::of_thread(), Ok(Policy::LOCAL));
/// }
/// assert_eq!(Policy::of_thread(), before);
/// ```
#[derive(Debug)]
#[must_use = "the previous policy is restored when the guard is dropped"]
pub struct PolicyGuard {
    previous: Policy,
    /// Neither Send nor Sync.
    of_this_thread: PhantomData<*mut ()>,
}

impl PolicyGuard {
    /// Returns the policy that will be restored.
    ///
    /// ```
    /// use numars::{Policy, SyscallError};
    /// if let Ok(guard) = Policy::LOCAL.scoped() {
    ///     assert_eq!(Policy::of_thread()?, Policy::LOCAL);
    ///     let before = guard.previous();
    ///     drop(guard);
    ///     assert_eq!(Policy::of_thread()?, before);
    /// }
    /// # Ok::<(), SyscallError>(())
    /// ```
    pub const fn previous(&self) -> Policy {
        self.previous
    }

    /// Restores the previous policy, as dropping the guard does, and reports a failure.
    ///
    /// # Errors
    /// As [`Policy::set_for_thread`]: the nodes that the thread may use may have changed.
    ///
    /// ```
    /// use numars::{Policy, SyscallError};
    /// if let Ok(guard) = Policy::LOCAL.scoped() {
    ///     guard.restore()?;
    /// }
    /// # Ok::<(), SyscallError>(())
    /// ```
    pub fn restore(self) -> Result<(), SyscallError> {
        ManuallyDrop::new(self).previous.set_for_thread()
    }
}

impl Drop for PolicyGuard {
    fn drop(&mut self) {
        let _ = errno::preserve_errno(|| self.previous.set_for_thread());
    }
}

/// Returns the node of the page at `address`, using get_mempolicy(2). A page that does not exist is allocated, as for a thread that reads it.
///
/// # Errors
/// EFAULT if nothing can be read there; EPERM or ENOSYS if policy cannot be used.
///
/// ```
/// let table = vec![7u8; 1 << 20];
/// match numars::node_of_address(table.as_ptr() as usize) {
///     Ok(node) => println!("the table begins on node {node}"),
///     Err(error) => println!("{error}"),
/// }
/// ```
pub fn node_of_address(address: usize) -> Result<Node, SyscallError> {
    let node = kernel::node_of_address(address).ok_or_else(|| SyscallError::last(Syscall::GetMempolicy))?;
    let node = usize::try_from(node).ok().and_then(Node::new);
    node.ok_or_else(|| SyscallError::without_call(Syscall::GetMempolicy, Errno::ERANGE))
}

/// Sets the node near which pages of the `length` bytes from `start` on are allocated, using set_mempolicy_home_node(2) (Linux 5.17): among the
/// nodes of a policy that binds, or that prefers several nodes, the nearest to it comes first.
///
/// # Errors
/// EINVAL if `start` is not a multiple of the page size, `length` cannot be rounded up to whole pages, or there is no such node; ENOENT if the memory has no policy, EOPNOTSUPP if it has
/// another one; ENOSYS on an older kernel; EPERM if policy cannot be used.
///
/// ```
/// use numars::{Errno, MapOptions, Node, Policy, set_home_node};
/// let node = Node::new(0).unwrap();
/// let table = MapOptions::new().map(1 << 20)?;
/// let (start, length) = (table.as_ptr() as usize, table.len());
/// let policy = Policy::bind(node.into());
/// if let Err(error) = policy.set_for_range(start, length).and_then(|()| set_home_node(start, length, node)) {
///     assert!([Errno::ENOSYS, Errno::EPERM].contains(&error.errno()));
/// }
/// # Ok::<(), Errno>(())
/// ```
pub fn set_home_node(start: usize, length: usize, node: Node) -> Result<(), SyscallError> {
    mempolicy::set_home_node(MemRange { start, length }, node.raw(), 0)
}

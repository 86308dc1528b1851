//! Mapped memory with a policy.
//!
//! References: mmap(2), mbind(2), madvise(2).

use crate::allocate;
use crate::node::Node;
use crate::policy::Policy;
use crate::sys::errno::Errno;
use crate::sys::memory::{Scratch, page_size};
use crate::topology::huge_page_size;
use core::fmt;
use core::ops::{Deref, DerefMut};

/// How memory is mapped: its policy, its pages, and whether they are allocated at once.
///
/// ```
/// use numars::{MapOptions, Node, Policy};
/// let options = MapOptions::new().policy(Policy::bind(Node::new(0).unwrap().into())).strict(true);
/// match options.map(1 << 20) {
///     Ok(mut table) => table.fill(1), // all of it is on node 0
///     Err(error) => eprintln!("no memory on node 0: {error}"),
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[must_use]
pub struct MapOptions {
    policy: Policy,
    populate: bool,
    strict: bool,
    huge_pages: bool,
    /// The size of pages of hugetlb memory; 0 for other memory.
    hugetlb: usize,
}

impl MapOptions {
    /// Returns the options for memory with [`Policy::DEFAULT`], whose pages are allocated when they are first touched.
    ///
    /// ```
    /// use numars::{MapOptions, Policy};
    /// assert_eq!(MapOptions::new(), MapOptions::default().policy(Policy::DEFAULT).populate(false).huge_pages(false));
    /// ```
    pub const fn new() -> Self {
        MapOptions { policy: Policy::DEFAULT, populate: false, strict: false, huge_pages: false, hugetlb: 0 }
    }

    /// Sets the policy by which pages are allocated.
    ///
    /// ```
    /// use numars::{Errno, MapOptions, Node, Policy};
    /// let policy = Policy::interleave(Node::new(0).unwrap().into());
    /// match MapOptions::new().policy(policy).map(1 << 20) {
    ///     Ok(table) => assert_eq!(Policy::of_address(table.as_ptr() as usize), Ok(policy)),
    ///     Err(error) => assert!([Errno::EPERM, Errno::ENOSYS].contains(&error)),
    /// }
    /// ```
    pub const fn policy(self, policy: Policy) -> Self {
        MapOptions { policy, ..self }
    }

    /// Sets whether all pages are allocated when the memory is mapped. If the policy binds (MPOL_BIND), they are on its nodes then, as with
    /// [`MapOptions::strict`]; the kernel's OOM killer is not started for pages that do not fit there.
    ///
    /// ```
    /// use numars::{MapOptions, count_pages};
    /// let table = MapOptions::new().populate(true).map(1 << 20)?;
    /// // No byte was touched, and all pages are present.
    /// if let Ok(pages) = count_pages(&table, &mut []) {
    ///     let page_size = table.len() / pages;
    ///     assert!(page_size.is_power_of_two() && page_size >= 4096);
    /// }
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub const fn populate(self, populate: bool) -> Self {
        MapOptions { populate, ..self }
    }

    /// Sets whether all pages are allocated and on nodes of the policy when the memory is mapped; for [`Policy::LOCAL`], on the node that
    /// the calling thread runs on. For [`Policy::DEFAULT`], which names no nodes, it is the same as [`MapOptions::populate`].
    ///
    /// ```
    /// use numars::{Errno, MapOptions, Node, Policy, node_of};
    /// let node = Node::new(0).unwrap();
    /// match MapOptions::new().policy(Policy::preferred(node)).strict(true).map(1 << 20) {
    ///     Ok(table) => assert_eq!(node_of(&table[..])?.node(), Some(node)),
    ///     Err(error) => assert!([Errno::ENOMEM, Errno::EPERM, Errno::ENOSYS].contains(&error)),
    /// }
    /// # Ok::<(), Errno>(())
    /// ```
    pub const fn strict(self, strict: bool) -> Self {
        MapOptions { strict, ..self }
    }

    /// Sets whether transparent huge pages are requested (MADV_HUGEPAGE). The address is a multiple of their size then. If the kernel has none,
    /// base pages are used. Ignored for [hugetlb](MapOptions::hugetlb) memory.
    ///
    /// ```
    /// let table = numars::MapOptions::new().huge_pages(true).map(4 << 20)?;
    /// assert_eq!(table.as_ptr() as usize % (1 << 20), 0); // No machine has smaller ones.
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub const fn huge_pages(self, huge_pages: bool) -> Self {
        MapOptions { huge_pages, ..self }
    }

    /// Sets the size of the pages in bytes, such as `2 << 20`, that are taken from the pool which the administrator has reserved
    /// (MAP_HUGETLB); 0 for other memory. The address is a multiple of it.
    ///
    /// Mapping fails if the pool is too small. But a policy that binds to nodes whose part of the pool is empty fails when a page is first touched
    /// (SIGBUS), unless it is strict.
    ///
    /// ```
    /// match numars::MapOptions::new().hugetlb(2 << 20).map(5 << 20) {
    ///     Ok(table) => assert_eq!(table.len(), 5 << 20), // in three pages
    ///     Err(error) => println!("no three pages of 2 MiB are reserved: {error}"),
    /// }
    /// ```
    pub const fn hugetlb(self, page_size: usize) -> Self {
        MapOptions { hugetlb: page_size, ..self }
    }

    /// Maps `bytes` bytes of memory. Errno is left untouched on success.
    ///
    /// # Errors
    /// EINVAL if `bytes` is 0, if the kernel lacks the policy or pages of this size, if none of the nodes is allowed and has memory, or if pages are
    /// to be on nodes that have no number ([`ModeFlags::RELATIVE_NODES`](crate::ModeFlags::RELATIVE_NODES)); ENOMEM if there is no memory, or not
    /// enough on the nodes, or if `bytes` rounded up to whole pages overflows; EPERM or ENOSYS if mbind(2) cannot be used, or
    /// move_pages(2), which [`MapOptions::strict`] needs.
    ///
    /// ```
    /// use numars::{Errno, MapOptions};
    /// let mut table = MapOptions::new().map(100)?;
    /// assert_eq!(table[..], [0; 100]);
    /// table[99] = 7;
    /// assert_eq!(MapOptions::new().map(0).unwrap_err(), Errno::EINVAL);
    /// assert_eq!(MapOptions::new().map(usize::MAX).unwrap_err(), Errno::ENOMEM);
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn map(&self, bytes: usize) -> Result<Mapping, Errno> {
        self.map_aligned(bytes, 1).map(|memory| Mapping { memory, length: bytes })
    }

    /// Maps memory whose address is a multiple of `align`, a power of two: `bytes`, rounded up to whole pages if it is hugetlb memory.
    pub(crate) fn map_aligned(&self, bytes: usize, align: usize) -> Result<Scratch, Errno> {
        let mut memory = if self.hugetlb == 0 {
            let align = if self.huge_pages { align.max(huge_page_size()) } else { align };
            Scratch::aligned(bytes, align)
        } else if bytes == 0 || !self.hugetlb.is_power_of_two() || self.hugetlb <= page_size() || align > self.hugetlb {
            return Err(Errno::EINVAL);
        } else {
            Scratch::hugetlb(bytes, self.hugetlb)
        }
        .ok_or_else(Errno::last)?;
        if self.huge_pages && self.hugetlb == 0 {
            memory.advise_huge_pages();
        }
        allocate::place(&mut memory, &self.policy, self.populate, self.strict, self.page_size())?;
        Ok(memory)
    }

    /// Returns the size of the pages of which memory is mapped and unmapped.
    pub(crate) fn page_size(&self) -> usize {
        if self.hugetlb == 0 { page_size() } else { self.hugetlb }
    }

    /// Returns whether memory may be enlarged by mremap(2), and if so, whether it may be elsewhere then, where it is aligned to base pages only. New
    /// pages get the policy of the others, but are not there yet, and only Linux 5.16 enlarges hugetlb memory.
    #[cfg(feature = "allocator-api2")]
    pub(crate) fn may_grow(&self) -> Option<bool> {
        (!self.populate && !self.strict && self.hugetlb == 0).then_some(!self.huge_pages)
    }
}

/// Memory that was mapped for this value, with a policy, and is unmapped when it is dropped. It is zero at first, and dereferences to bytes.
///
/// ```
/// use numars::{MapOptions, Node, Policy};
/// let policy = Policy::interleave(Node::new(0).unwrap().into());
/// if let Ok(mut table) = MapOptions::new().policy(policy).huge_pages(true).map(4 << 20) {
///     assert!(table.iter().all(|&byte| byte == 0));
///     table[7] = 1;
/// }
/// ```
pub struct Mapping {
    memory: Scratch,
    /// The memory may be longer.
    length: usize,
}

impl Mapping {
    /// Maps `bytes` bytes whose pages are allocated on `node` when they are first touched, or, if it is full, on others
    /// ([`Policy::preferred`]). With [`MapOptions::strict`], they are on the node or mapping fails.
    ///
    /// # Errors
    /// As [`MapOptions::map`].
    ///
    /// ```
    /// use numars::{Mapping, Node};
    /// match Mapping::on_node(1 << 20, Node::new(0).unwrap()) {
    ///     Ok(mut table) => table.fill(7),
    ///     Err(error) => println!("{error}"),
    /// }
    /// ```
    pub fn on_node(bytes: usize, node: Node) -> Result<Mapping, Errno> {
        MapOptions::new().policy(Policy::preferred(node)).map(bytes)
    }

    /// Returns the address of the first byte. The pointer does not keep `self` borrowed.
    ///
    /// ```
    /// let mut table = numars::MapOptions::new().map(1 << 20)?;
    /// let start = table.as_ptr();
    /// table.fill(1); // `start` remains valid
    /// assert_eq!(start, table.as_ref().as_ptr());
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn as_ptr(&self) -> *const u8 {
        self.memory.start()
    }

    /// Returns the address of the first byte, to change the memory. The pointer does not keep `self` borrowed.
    ///
    /// ```
    /// let mut table = numars::MapOptions::new().map(1 << 20)?;
    /// let start = table.as_mut_ptr();
    /// assert_eq!(table[0], 0); // `start` does not keep the table borrowed
    /// assert_eq!(start.cast_const(), table.as_ptr());
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.memory.start()
    }

    /// Returns the memory, which is then never unmapped.
    ///
    /// ```
    /// use numars::MapOptions;
    /// let table: &'static mut [u8] = MapOptions::new().map(1 << 20)?.leak();
    /// let (first, second) = table.split_at_mut(1 << 19);
    /// std::thread::spawn(|| first.fill(1)).join().unwrap();
    /// assert_eq!(second[0], 0);
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn leak(self) -> &'static mut [u8] {
        self.memory.leak().get_mut(..self.length).unwrap_or_default()
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.memory.as_slice().get(..self.length).unwrap_or_default()
    }
}

impl DerefMut for Mapping {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.memory.as_mut_slice().get_mut(..self.length).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl AsMut<[u8]> for Mapping {
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapping({:p}, {} bytes)", self.as_ptr(), self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{ModeFlags, node_of_address};
    use crate::support::Support;

    #[test]
    fn memory_is_zero_and_can_be_changed_in_any_thread() {
        let mut memory = MapOptions::new().huge_pages(true).populate(true).map(5 << 20).unwrap();
        assert!(memory.as_ptr().addr().is_multiple_of(huge_page_size()));
        assert_eq!((memory.len(), memory.as_ref().iter().all(|&byte| byte == 0)), (5 << 20, true));
        let memory = std::thread::spawn(|| {
            memory.as_mut()[7] = 1;
            memory[(5 << 20) - 1] = 2;
            memory
        });
        let mut memory = memory.join().unwrap();
        assert_eq!((memory[7], memory.last()), (1, Some(&2)));
        assert_eq!(memory.as_mut_ptr().cast_const(), memory.as_ptr());
        assert_eq!(format!("{memory:?}"), format!("Mapping({:p}, 5242880 bytes)", memory.as_ptr()));
    }

    #[test]
    fn memory_has_its_policy_whether_it_is_populated_or_not() {
        let (support, node) = (Support::query(), Node::current().unwrap());
        if !support.policy() || !support.move_pages() {
            assert_eq!(Mapping::on_node(1, node).err(), Some(Errno::EPERM));
            return;
        }
        let nodes = [node, Node::MAX].into_iter().filter(|&node| node != Node::MAX).collect();
        let mut policies = vec![Policy::DEFAULT, Policy::LOCAL, Policy::preferred(node), Policy::bind(nodes)];
        policies.extend([Policy::interleave(nodes), Policy::bind(nodes).with_flags(ModeFlags::STATIC_NODES)]);
        if support.numa_balancing() {
            policies.push(Policy::bind(nodes).with_flags(ModeFlags::NUMA_BALANCING));
        }
        if support.preferred_many() {
            policies.push(Policy::preferred_many(nodes));
        }
        for policy in policies {
            let plain = MapOptions::new().policy(policy);
            for options in [plain, plain.populate(true), plain.strict(true), plain.strict(true).huge_pages(true)] {
                let memory = options.map(3 * page_size() + 1).unwrap();
                let start = memory.as_ptr().addr();
                assert_eq!(Policy::of_address(start), Ok(policy), "{options:?}");
                if options.strict {
                    assert_eq!(node_of_address(start), Ok(node));
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_mapped_is_an_error() {
        let (support, node) = (Support::query(), Node::current().unwrap());
        let plain = MapOptions::new();
        let relative = plain.policy(Policy::bind(node.into()).with_flags(ModeFlags::RELATIVE_NODES));
        for (options, bytes, error) in [
            (plain, 0, Errno::EINVAL),
            (plain, usize::MAX, Errno::ENOMEM),
            (plain.huge_pages(true), usize::MAX, Errno::ENOMEM),
            (plain.hugetlb(1), 1, Errno::EINVAL),
            (plain.hugetlb(12345), 1, Errno::EINVAL),
            (plain.hugetlb(page_size()), 1, Errno::EINVAL),
            (plain.hugetlb(1 << (usize::BITS - 1)), 1, Errno::ENOMEM),
            (plain.hugetlb(2 << 20), 0, Errno::EINVAL),
            (plain.hugetlb(2 << 20), usize::MAX, Errno::ENOMEM),
            (relative.populate(true), 1, Errno::EINVAL),
            (relative.strict(true), 1, Errno::EINVAL),
            (plain.policy(Policy::from_raw(200, node.into())).strict(true), 1, Errno::EINVAL),
        ] {
            assert_eq!(options.map(bytes).err(), Some(error), "{options:?}, {bytes}");
        }
        for policy in [Policy::preferred(Node::MAX), Policy::bind(Node::MAX.into())] {
            for options in [plain.policy(policy), plain.policy(policy).strict(true)] {
                let error = options.map(1).unwrap_err();
                assert!(!support.policy() || error == Errno::EINVAL, "{options:?}: {error}");
            }
        }
        for nodes in [crate::NodeSet::EMPTY, Node::MAX.into()] {
            let options = plain.policy(Policy::bind(nodes)).populate(true);
            assert!(options.map(1).is_err());
        }
    }

    #[test]
    fn hugetlb_memory_is_as_long_as_requested() {
        match MapOptions::new().hugetlb(2 << 20).populate(true).map(3 << 20) {
            Ok(memory) => assert_eq!((memory.len(), memory.as_ptr().addr() % (2 << 20)), (3 << 20, 0)),
            // No such pages are reserved.
            Err(error) => assert!([Errno::ENOMEM, Errno::EINVAL].contains(&error), "{error}"),
        }
    }
}

//! Memory with a policy for collections that take an allocator.
//!
//! References: the crate allocator-api2, mmap(2), mremap(2), mbind(2).

use crate::mapping::MapOptions;
use crate::node::Node;
use crate::policy::Policy;

/// An allocator whose memory is on a node, or has another policy: for collections of hashbrown, bumpalo and others that take an
/// `allocator_api2::alloc::Allocator`. It needs the feature `allocator-api2`.
///
/// Each allocation is a mapping of its own, of whole pages, and takes a system call or several: it is for large tables, and for arenas from
/// which many small values are allocated. Any alignment is possible, except one above the size of the pages of hugetlb memory. Memory grows in place
/// or using mremap(2), without copying, unless it is populated, strict, hugetlb memory, or aligned to more than a page and cannot grow in place.
///
/// Allocation fails if the policy cannot be set, for example because a container forbids it, and many collections end the process then: see
/// [`Support::policy`](crate::Support::policy), and functions such as `try_reserve`.
///
/// ```
/// use allocator_api2::vec::Vec;
/// use numars::{Node, NodeAllocator};
/// let mut table = Vec::new_in(NodeAllocator::on_node(Node::new(0).unwrap()));
/// match table.try_reserve(1 << 20) {
///     Ok(()) => table.extend(0..1_u64 << 20), // on node 0
///     Err(error) => eprintln!("no memory on node 0: {error}"),
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct NodeAllocator {
    options: MapOptions,
}

impl NodeAllocator {
    /// Returns an allocator of memory as [`Mapping::on_node`](crate::Mapping::on_node) maps it: on `node`, or, if it is full, on others.
    ///
    /// ```
    /// use allocator_api2::vec::Vec;
    /// use numars::{Node, NodeAllocator, Policy};
    /// let node = Node::new(0).unwrap();
    /// assert_eq!(NodeAllocator::on_node(node), NodeAllocator::with_policy(Policy::preferred(node)));
    /// let mut table: Vec<u64, _> = Vec::new_in(NodeAllocator::on_node(node));
    /// if table.try_reserve(1 << 10).is_ok() {
    ///     assert_eq!(Policy::of_address(table.as_ptr() as usize), Ok(Policy::preferred(node)));
    /// }
    /// ```
    pub fn on_node(node: Node) -> Self {
        Self::with_policy(Policy::preferred(node))
    }

    /// Returns an allocator of memory with a policy.
    ///
    /// ```
    /// use allocator_api2::boxed::Box;
    /// use numars::{NodeAllocator, Policy};
    /// let local = NodeAllocator::with_policy(Policy::LOCAL);
    /// if let Ok(counters) = Box::try_new_in([0_u64; 512], local) {
    ///     assert_eq!(counters.len(), 512); // a page on the node of this thread
    /// }
    /// ```
    pub const fn with_policy(policy: Policy) -> Self {
        Self::with_options(MapOptions::new().policy(policy))
    }

    /// Returns an allocator of memory with such a policy and such pages.
    ///
    /// ```
    /// use allocator_api2::vec::Vec;
    /// use numars::{MapOptions, NodeAllocator};
    /// let huge = NodeAllocator::with_options(MapOptions::new().huge_pages(true));
    /// let mut table = Vec::new_in(huge);
    /// table.resize(4 << 20, 7_u8);
    /// assert_eq!(table.as_ptr() as usize % (1 << 20), 0); // at the start of a huge page
    /// ```
    pub const fn with_options(options: MapOptions) -> Self {
        NodeAllocator { options }
    }

    pub(crate) fn options(&self) -> &MapOptions {
        &self.options
    }
}

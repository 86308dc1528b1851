//! Memory tiers as values.

use super::Topology;
use crate::nodeset::MAX_NUMNODES;
use crate::sys::errno::{ENODATA, ENODEV, Errno};
use crate::sys::memory::Words;
use crate::{Node, NodeSet};
use core::fmt;
use core::iter::FusedIterator;

/// A memory tier: nodes whose memory is about equally fast, as the kernel groups them (Linux 6.1).
///
/// References: /sys/devices/virtual/memory_tiering in Documentation/ABI/testing/sysfs-kernel-mm-memory-tiers in the kernel sources.
///
/// ```
/// use numars::Topology;
/// match Topology::read()?.tiers() {
///     Ok(mut tiers) => {
///         let fastest = tiers.next().unwrap();
///         assert!(!fastest.nodes().is_empty() && tiers.all(|tier| tier.number() > fastest.number()));
///         println!("the fastest memory is on nodes {}", fastest.nodes());
///     }
///     Err(error) => println!("this kernel has no tiers: {error}"),
/// }
/// # Ok::<(), numars::Errno>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tier {
    number: u32,
    nodes: NodeSet,
}

impl Tier {
    /// Returns the number of the tier. One with a smaller number is faster.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Returns the nodes of the tier, at least one.
    pub fn nodes(&self) -> NodeSet {
        self.nodes
    }
}

impl Topology {
    /// Reads the memory tiers, and returns those that have nodes, the fastest first. Nodes without memory are in none.
    ///
    /// # Errors
    /// ENODATA if the kernel lists no tiers, as before Linux 6.1; ENOMEM if there is no memory; or that of open(2), such as EMFILE.
    ///
    /// ```
    /// use numars::{Errno, Topology};
    /// match Topology::read()?.tiers() {
    ///     Ok(tiers) => tiers.for_each(|tier| println!("tier {}: nodes {}", tier.number(), tier.nodes())),
    ///     Err(error) => assert_eq!(error, Errno::ENODATA),
    /// }
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn tiers(&self) -> Result<Tiers, Errno> {
        let mut tier_of_node = Words::new(MAX_NUMNODES)?;
        let table = tier_of_node.as_mut_slice();
        let each = &mut |number: u32, nodes: &_| {
            for node in NodeSet::from_mask(nodes) {
                table.get_mut(node.number()).into_iter().for_each(|tier| *tier = number as usize + 1);
            }
        };
        self.kernel().for_each_tier(each).map_err(Errno)?;
        Ok(Tiers { tier_of_node, last: 0 })
    }

    /// Reads the memory tier of a node.
    ///
    /// # Errors
    /// ENODEV if there is no such node; ENODATA if it is in no tier, because it has no memory or the kernel lists no tiers; or that of open(2),
    /// such as EMFILE.
    ///
    /// ```
    /// use numars::{Errno, Node, Topology};
    /// let topology = Topology::read()?;
    /// for node in topology.nodes() {
    ///     if let Ok(tier) = topology.tier_of(node) {
    ///         assert!(tier.nodes().contains(node));
    ///     }
    /// }
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn tier_of(&self, node: Node) -> Result<Tier, Errno> {
        if !self.kernel().has_node(node.number()) {
            return Err(Errno(ENODEV));
        }
        let mut tier = None;
        let each = &mut |number, nodes: &_| {
            let nodes = NodeSet::from_mask(nodes);
            if nodes.contains(node) {
                tier = Some(Tier { number, nodes });
            }
        };
        self.kernel().for_each_tier(each).map_err(Errno)?;
        tier.ok_or(Errno(ENODATA))
    }
}

/// Memory tiers, the fastest first: see [`Topology::tiers`]. They are those of one reading.
///
/// ```
/// use numars::Topology;
/// if let Ok(tiers) = Topology::read()?.tiers() {
///     let slowest = tiers.last().unwrap();
///     println!("cold data belongs on nodes {}", slowest.nodes());
/// }
/// # Ok::<(), numars::Errno>(())
/// ```
pub struct Tiers {
    /// The number of the tier of each node plus one; 0 for a node in none.
    tier_of_node: Words,
    /// The value in the table of the tier that was returned last.
    last: usize,
}

impl Iterator for Tiers {
    type Item = Tier;

    fn next(&mut self) -> Option<Tier> {
        let table = self.tier_of_node.as_slice();
        let next = table.iter().copied().filter(|&tier| tier > self.last).min()?;
        let nodes = table.iter().enumerate().filter(|&(_, &tier)| tier == next);
        let tier = Tier { number: (next - 1) as u32, nodes: nodes.filter_map(|(node, _)| Node::new(node)).collect() };
        self.last = next;
        Some(tier)
    }
}

impl FusedIterator for Tiers {}

impl fmt::Debug for Tiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tiers").finish_non_exhaustive()
    }
}

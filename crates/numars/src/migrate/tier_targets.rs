//! Moving the pages of a range to the next slower or faster memory tier.
//!
//! References: Documentation/ABI/testing/sysfs-kernel-mm-memory-tiers in the kernel sources.

use super::targets::PageInfo;
use crate::bitmask::{Bits, BitsMut};
use crate::nodeset::{MAX_NUMNODES, NodeMask};
use crate::sys::errno;
use crate::sys::memory::Arena;

/// The direction of a move between memory tiers. See [`Move::to_tier`](crate::Move::to_tier).
///
/// ```
/// use numars::{Errno, Move, TierMove, Topology};
/// let table = vec![1u8; 1 << 16];
/// let tiers = Topology::read()?.tiers().map_or(0, |tiers| tiers.count());
/// for direction in [TierMove::Demote, TierMove::Promote] {
///     let moved = Move::new().memory_to_tier(&table, direction);
///     let cannot_move = [Errno::ENODATA, Errno::EPERM, Errno::ENOSYS];
///     assert!(tiers > 1 || moved.is_err_and(|error| cannot_move.contains(&error.errno())));
/// }
/// # Ok::<(), Errno>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TierMove {
    /// To the next slower tier, which has the next higher number.
    Demote,
    /// To the next faster tier, which has the next lower number.
    Promote,
}

/// The target nodes of a move to the next tier: for each page the nearest node there that has room.
pub struct TierTargets<'a> {
    direction: TierMove,
    /// The distance from one node to another.
    distance: fn(i32, i32) -> u8,
    /// For each node of the machine the number of its tier plus 1; 0: it is in none.
    tiers: &'a mut [u32],
    /// The nodes that may not be used.
    forbidden: NodeMask,
    /// The nodes that are full: for base pages and for huge pages.
    full: [NodeMask; 2],
}

impl<'a> TierTargets<'a> {
    /// The bytes of an arena that [`TierTargets::new`] needs.
    pub const BYTES: usize = MAX_NUMNODES * size_of::<u32>();

    /// Returns the targets on a machine with these tiers, as [`KernelTopology::for_each_tier`](crate::topology::KernelTopology::for_each_tier) lists them,
    /// and distances, with memory from `arena`. Fails with ENODATA if there are fewer than two tiers, or with the errno of listing them.
    pub fn new(
        direction: TierMove,
        for_each_tier: impl Fn(&mut dyn FnMut(u32, &NodeMask)) -> Result<(), i32>,
        distance: fn(i32, i32) -> u8,
        arena: &mut Arena<'a>,
    ) -> Result<Self, i32> {
        let tiers = arena.alloc_slice::<u32>(MAX_NUMNODES);
        tiers.fill(0);
        let mut count = 0;
        for_each_tier(&mut |tier, nodes| {
            count += 1;
            for node in nodes.bits().as_bits().iter() {
                tiers.get_mut(node).into_iter().for_each(|slot| *slot = tier.saturating_add(1));
            }
        })?;
        if count < 2 {
            return Err(errno::ENODATA);
        }
        Ok(TierTargets {
            direction,
            distance,
            tiers,
            forbidden: NodeMask::new(),
            full: [NodeMask::new(), NodeMask::new()],
        })
    }

    /// Returns whether a node is in a tier.
    pub fn has_node(&self, node: i32) -> bool {
        usize::try_from(node).ok().and_then(|node| self.tiers.get(node)).is_some_and(|&tier| tier > 0)
    }

    /// Excludes a node of which the process may not use memory, as long as another one of its tier is left.
    pub fn exclude(&self, node: i32) {
        usize::try_from(node).into_iter().for_each(|node| self.forbidden.bits().set(node));
    }

    /// Returns the nodes that are full for such a page.
    fn full(&self, page: PageInfo) -> BitsMut<'_> {
        let [base, huge] = &self.full;
        if page.base_pages > 1 { huge.bits() } else { base.bits() }
    }

    /// Returns the tier to which pages of a node move.
    fn next_tier(&self, node: i32) -> Option<u32> {
        let own = usize::try_from(node).ok().and_then(|node| self.tiers.get(node)).copied().filter(|&tier| tier > 0)?;
        let tiers = self.tiers.iter().copied().filter(|&tier| tier > 0);
        match self.direction {
            TierMove::Demote => tiers.filter(|&tier| tier > own).min(),
            TierMove::Promote => tiers.filter(|&tier| tier < own).max(),
        }
    }

    /// Returns the nearest node of a tier that is in none of the sets.
    fn nearest(&self, page: PageInfo, tier: u32, excluded: &[Bits]) -> Option<i32> {
        let of_tier = (0i32..).zip(self.tiers.iter()).filter(|&(_, &other)| other == tier).map(|(node, _)| node);
        let may_be = |node: &i32| !excluded.iter().any(|set| set.contains(*node as usize));
        of_tier.filter(may_be).min_by_key(|&node| (self.distance)(page.node, node))
    }

    /// Returns the nearest node of a tier that may be used and has room.
    fn nearest_free(&self, page: PageInfo, tier: u32) -> Option<i32> {
        self.nearest(page, tier, &[self.forbidden.bits().as_bits(), self.full(page).as_bits()])
    }

    /// Returns the target node for a page.
    pub fn target(&self, page: PageInfo) -> Option<i32> {
        let Some(tier) = self.next_tier(page.node) else { return Some(page.node) };
        // If no node is left, the kernel says why: it is full, or forbidden.
        self.nearest_free(page, tier)
            .or_else(|| self.nearest(page, tier, &[self.forbidden.bits().as_bits()]))
            .or_else(|| self.nearest(page, tier, &[]))
    }

    /// Returns another node of the tier if `full` is; `None` if there is none.
    pub fn target_if_full(&self, page: PageInfo, full: i32) -> Option<i32> {
        usize::try_from(full).into_iter().for_each(|node| self.full(page).set(node));
        self.nearest_free(page, self.next_tier(page.node)?)
    }
}

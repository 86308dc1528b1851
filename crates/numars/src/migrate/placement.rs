//! Placing the pages of a range on several nodes.
//!
//! References: set_mempolicy(2), Documentation/admin-guide/mm/numa_memory_policy.rst in the kernel sources.

use super::targets::PageInfo;
use crate::bitmask::Bits;
use crate::mempolicy::Mode;
use crate::nodeset::{MAX_NUMNODES, NodeMask};
use crate::sys::errno;
use crate::sys::memory::Arena;
use crate::topology::KernelTopology;

/// How pages are distributed over the nodes of a [`PlacementRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PlacementMode {
    /// Fills the nodes in numerical order, and continues with the next one when one is full. Pages on a node that was filled before stay.
    Pack,
    /// Page by page, and huge page by huge page, in numerical order of the nodes, as MPOL_INTERLEAVE allocates them: the n-th page of a file,
    /// or the page number of anonymous memory, modulo the number of nodes.
    Interleave,
    /// As `Interleave`, with as many pages in a row on each node as its weight says (MPOL_WEIGHTED_INTERLEAVE).
    Weighted,
    /// Moves as few pages as possible, until each node holds its share of them: an equal one, or one by the weights. Pages on other nodes all
    /// move.
    Balance,
}

/// Where [`place_range`](super::place_range) and [`place_process`](super::place_process) place pages.
///
/// ```
/// use numars::for_c::migrate::{PlacementRequest, PlacementMode};
/// use numars::for_c::nodeset::NodeMask;
/// let nodes = NodeMask::new();
/// [0, 2].map(|node| nodes.bits().set(node));
/// // Three pages on node 0 for each page on node 2.
/// let placement = PlacementRequest {
///     mode: PlacementMode::Weighted,
///     nodes: nodes.bits().as_bits(),
///     weights: Some(&[3, 1, 1]),
///     set_policy: false,
/// };
/// assert_eq!(placement.nodes.weight(), 2);
/// ```
#[derive(Clone, Copy)]
pub struct PlacementRequest<'a> {
    /// How the pages are distributed.
    pub mode: PlacementMode,
    /// The nodes, at least one.
    pub nodes: Bits<'a>,
    /// The weights of the nodes, by their numbers, not 0 for any of `nodes`; those that are missing are 1. `None`: for [`PlacementMode::Weighted`] the
    /// kernel's weights, for [`PlacementMode::Balance`] equal ones. The other modes take none.
    pub weights: Option<&'a [u8]>,
    /// Whether mbind(2) also sets the policy of the memory, of the calling process only, so that pages that are allocated later follow and
    /// automatic NUMA balancing leaves them alone: MPOL_BIND, MPOL_INTERLEAVE, MPOL_WEIGHTED_INTERLEAVE, and for `Balance` MPOL_INTERLEAVE.
    /// The kernel knows its own weights only, so that this is not possible with `weights`.
    pub set_policy: bool,
}

impl PlacementRequest<'_> {
    /// Returns EINVAL if the placement contradicts itself or cannot be carried out.
    pub(super) fn check(&self) -> Result<(), i32> {
        let takes_weights = matches!(self.mode, PlacementMode::Weighted | PlacementMode::Balance);
        let has_zero = |weights: &[u8]| self.nodes.iter().any(|node| weights.get(node) == Some(&0));
        let is_valid = !self.nodes.is_empty()
            && self.weights.is_none_or(|weights| takes_weights && !self.set_policy && !has_zero(weights));
        if is_valid { Ok(()) } else { Err(errno::EINVAL) }
    }

    /// Returns the memory policy of later pages.
    pub(super) fn policy(&self) -> Mode {
        match self.mode {
            PlacementMode::Pack => Mode::Bind,
            PlacementMode::Interleave | PlacementMode::Balance => Mode::Interleave,
            PlacementMode::Weighted => Mode::WeightedInterleave,
        }
    }

    /// Returns the weight of a node, or ENODATA if it is the kernel's and the kernel has none, as before Linux 6.9.
    fn weight(&self, node: usize) -> Result<u32, i32> {
        match (self.weights, self.mode) {
            (Some(weights), _) => Ok(weights.get(node).copied().unwrap_or(1).into()),
            (None, PlacementMode::Weighted) => KernelTopology::current().interleave_weight(node).map(u32::from),
            (None, _) => Ok(1),
        }
    }
}

/// The target nodes of a [`PlacementRequest`].
pub struct PlacementTargets<'a> {
    mode: PlacementMode,
    /// The nodes, in ascending order.
    nodes: &'a mut [u16],
    /// For each node the sum of its weight and those of the nodes before it.
    weight_ends: &'a mut [u32],
    /// For each node of the machine the base pages that it holds beyond its share, as a signed number. While pages are counted: those that it
    /// holds.
    surplus: &'a mut [usize],
    /// The place in `nodes` of the first node that is not known to be full, for base pages and for huge pages.
    first_free: [usize; 2],
}

impl<'a> PlacementTargets<'a> {
    /// The bytes of an arena that [`PlacementTargets::new`] needs.
    pub const BYTES: usize = MAX_NUMNODES * (size_of::<usize>() + size_of::<u32>() + size_of::<u16>());

    /// Returns the targets of a placement that was checked, with memory from `arena`; or an errno.
    pub fn new(placement: &PlacementRequest, arena: &mut Arena<'a>) -> Result<Self, i32> {
        let count = placement.nodes.iter().take_while(|&node| node < MAX_NUMNODES).count();
        let surplus = arena.alloc_slice(MAX_NUMNODES);
        let (weight_ends, nodes) = (arena.alloc_slice(count), arena.alloc_slice(count));
        let mut end = 0;
        for ((node, slot), weight_end) in placement.nodes.iter().zip(&mut *nodes).zip(&mut *weight_ends) {
            end += placement.weight(node)?;
            (*slot, *weight_end) = (node as u16, end);
        }
        Ok(PlacementTargets { mode: placement.mode, nodes, weight_ends, surplus, first_free: [0; 2] })
    }

    /// Returns the node at a place of `nodes`.
    fn node_at(&self, place: usize) -> Option<i32> {
        self.nodes.get(place).map(|&node| node.into())
    }

    /// Returns the place of a node in `nodes`.
    fn place_of(&self, node: i32) -> Option<usize> {
        self.nodes.binary_search(&u16::try_from(node).ok()?).ok()
    }

    /// Returns the base pages that a node holds beyond its share.
    fn surplus_of(&self, node: i32) -> isize {
        usize::try_from(node).ok().and_then(|node| self.surplus.get(node)).map_or(0, |&surplus| surplus as isize)
    }

    /// Notes that pages have left a node for another. Only balancing depends on it.
    pub fn transfer(&mut self, from: i32, to: i32, base_pages: usize) {
        if from == to {
            return;
        }
        for (node, change) in [(from, base_pages.wrapping_neg()), (to, base_pages)] {
            if let Some(surplus) = usize::try_from(node).ok().and_then(|node| self.surplus.get_mut(node)) {
                *surplus = surplus.wrapping_add(change);
            }
        }
    }

    /// Returns the node that lacks the most pages.
    fn neediest(&self) -> Option<i32> {
        self.nodes.iter().map(|&node| i32::from(node)).min_by_key(|&node| self.surplus_of(node))
    }

    fn packed(&self, page: PageInfo) -> Option<i32> {
        let [base, huge] = self.first_free;
        let first_free = if page.base_pages > 1 { huge } else { base };
        if self.place_of(page.node).is_some_and(|place| place <= first_free) {
            return Some(page.node);
        }
        // If all are full, the kernel says so.
        self.node_at(first_free.min(self.nodes.len().saturating_sub(1)))
    }

    fn interleaved(&self, page: PageInfo) -> Option<i32> {
        let total = self.weight_ends.last().copied().unwrap_or(0) as usize;
        let turn = page.index.checked_rem(total)?;
        self.node_at(self.weight_ends.partition_point(|&end| end as usize <= turn))
    }

    fn balanced(&mut self, page: PageInfo) -> Option<i32> {
        let to = self.neediest()?;
        if self.place_of(page.node).is_some() {
            let helpful = self.surplus_of(page.node).min(-self.surplus_of(to));
            // At least half of a huge page has to be of use.
            if helpful <= 0 || (helpful as usize) < page.base_pages.div_ceil(2) {
                return Some(page.node);
            }
        }
        self.transfer(page.node, to, page.base_pages);
        Some(to)
    }

    /// As [`PageTargets::start_counting`](super::targets::PageTargets::start_counting).
    pub fn start_counting(&mut self) -> bool {
        self.first_free = [0; 2];
        self.surplus.fill(0);
        self.mode == PlacementMode::Balance
    }

    /// Counts pages of a node.
    pub fn count(&mut self, node: usize, base_pages: usize) {
        if let Some(count) = self.surplus.get_mut(node) {
            *count += base_pages;
        }
    }

    /// Turns the counts into what each node holds beyond its share.
    pub fn finish_counting(&mut self) {
        let pages: usize = self.surplus.iter().sum();
        // Not 0, since there are nodes and their weights are not.
        let total = u64::from(self.weight_ends.last().copied().unwrap_or(1)).max(1);
        let (mut begin, mut given) = (0u64, 0);
        for (&node, &end) in self.nodes.iter().zip(self.weight_ends.iter()) {
            // Rounded down, in steps that do not overflow.
            let weight = u64::from(end) - begin;
            let share = pages as u64 / total * weight + pages as u64 % total * weight / total;
            begin = end.into();
            given += share as usize;
            if let Some(surplus) = self.surplus.get_mut(usize::from(node)) {
                *surplus = surplus.wrapping_sub(share as usize);
            }
        }
        // The rest, less than a page for each node, first to nodes that hold more, so that fewer pages move.
        let (mut rest, increased) = (pages - given, NodeMask::new());
        for of_those_that_hold_more in [true, false] {
            for node in self.nodes.iter().copied().map(usize::from) {
                let surplus =
                    self.surplus.get_mut(node).filter(|surplus| **surplus as isize > 0 || !of_those_that_hold_more);
                if let (Some(surplus), 1.., false) = (surplus, rest, increased.bits().as_bits().contains(node)) {
                    *surplus = surplus.wrapping_sub(1);
                    increased.bits().set(node);
                    rest -= 1;
                }
            }
        }
    }

    /// Returns the target node for a page.
    pub fn target(&mut self, page: PageInfo) -> Option<i32> {
        match self.mode {
            PlacementMode::Pack => self.packed(page),
            PlacementMode::Interleave | PlacementMode::Weighted => self.interleaved(page),
            PlacementMode::Balance => self.balanced(page),
        }
    }

    /// Returns the next node to pack if `full` is; `None` if there is none.
    pub fn target_if_full(&mut self, page: PageInfo, full: i32) -> Option<i32> {
        if self.mode != PlacementMode::Pack {
            return None;
        }
        let [base, huge] = &mut self.first_free;
        let first_free = if page.base_pages > 1 { huge } else { base };
        if self.nodes.get(*first_free).is_some_and(|&node| i32::from(node) == full) {
            *first_free += 1;
        }
        self.packed(page).filter(|&target| target != full)
    }
}

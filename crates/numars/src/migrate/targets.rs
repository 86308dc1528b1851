//! To which node each page of a range moves.

use super::node_map::NodeMap;
use super::placement::PlacementTargets;
use super::tier_targets::TierTargets;

/// A page whose target node is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageInfo {
    /// The node that it is on.
    pub node: i32,
    /// Its number in the order in which the kernel interleaves pages of its size; 0 unless [`PageTargets::needs_mappings`].
    pub index: usize,
    pub base_pages: usize,
}

/// What decides to which nodes the pages of a range move. An enum, because the loader would have to relocate the vtables of a trait.
#[allow(clippy::large_enum_variant, reason = "one value for each request, on the stack")]
pub enum PageTargets<'a> {
    /// All pages move to one node.
    OneNode(i32),
    /// Pages move from some nodes to others.
    Map(&'a NodeMap),
    /// Pages are distributed over several nodes.
    Placement(PlacementTargets<'a>),
    /// Pages move to another memory tier.
    Tier(TierTargets<'a>),
    /// As `OneNode`, with this number of passes.
    #[cfg(test)]
    OneNodeInPasses(i32, usize),
}

impl PageTargets<'_> {
    /// Returns how often the range is walked.
    pub fn passes(&self) -> usize {
        match self {
            PageTargets::Map(map) => map.passes(),
            #[cfg(test)]
            PageTargets::OneNodeInPasses(_, passes) => *passes,
            _ => 1,
        }
    }

    /// Returns whether the mappings of the process have to be known, for [`PageInfo::index`] and the sizes of hugetlb pages.
    pub fn needs_mappings(&self) -> bool {
        matches!(self, PageTargets::Placement(_) | PageTargets::Tier(_))
    }

    /// Returns whether all pages have to be counted before the first one moves, and forgets earlier counts.
    pub fn start_counting(&mut self) -> bool {
        if let PageTargets::Placement(targets) = self { targets.start_counting() } else { false }
    }

    /// Counts pages of a node.
    pub fn count(&mut self, node: usize, base_pages: usize) {
        if let PageTargets::Placement(targets) = self {
            targets.count(node, base_pages);
        }
    }

    /// Ends the counting.
    pub fn finish_counting(&mut self) {
        if let PageTargets::Placement(targets) = self {
            targets.finish_counting();
        }
    }

    /// Returns the target node for a page in this pass; `None` if it stays, whatever its node.
    pub fn target(&mut self, pass: usize, page: PageInfo) -> Option<i32> {
        match self {
            PageTargets::OneNode(node) => Some(*node),
            PageTargets::Map(map) => map.target_in_pass(pass, page.node),
            PageTargets::Placement(targets) => targets.target(page),
            PageTargets::Tier(targets) => targets.target(page),
            #[cfg(test)]
            PageTargets::OneNodeInPasses(node, _) => Some(*node),
        }
    }

    /// Returns another target node for a page whose target node is full; `None` if there is none.
    pub fn target_if_full(&mut self, page: PageInfo, full: i32) -> Option<i32> {
        match self {
            PageTargets::Placement(targets) => targets.target_if_full(page, full),
            PageTargets::Tier(targets) => targets.target_if_full(page, full),
            _ => None,
        }
    }

    /// Returns whether [`PageTargets::stays`] has any effect.
    pub fn notes_stays(&self) -> bool {
        matches!(self, PageTargets::Placement(_))
    }

    /// Notes that pages stay on their node, which have a target node.
    pub fn stays(&mut self, node: i32, target: Option<i32>, base_pages: usize) {
        if let (PageTargets::Placement(targets), Some(target)) = (self, target) {
            targets.transfer(target, node, base_pages);
        }
    }

    /// Notes that pages move with others to their target node.
    pub fn moves(&mut self, node: i32, target: Option<i32>, base_pages: usize) {
        if let (PageTargets::Placement(targets), Some(target)) = (self, target) {
            targets.transfer(node, target, base_pages);
        }
    }
}

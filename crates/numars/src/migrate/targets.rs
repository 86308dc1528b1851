//! To which node each page of a range moves.

use super::node_map::NodeMap;

/// A page whose target node is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageInfo {
    /// The node that it is on.
    pub node: i32,
    /// Its number in the order in which the kernel interleaves pages of its size; 0 unless [`PageTargets::needs_mappings`].
    pub index: usize,
    pub base_pages: usize,
}

/// Decides to which nodes the pages of a range move.
pub trait PageTargets {
    /// Returns how often the range is walked.
    fn passes(&self) -> usize {
        1
    }

    /// Returns whether the mappings of the process have to be known, for [`PageInfo::index`] and the sizes of hugetlb pages.
    fn needs_mappings(&self) -> bool {
        false
    }

    /// Returns whether all pages have to be counted before the first one moves, and forgets earlier counts.
    fn start_counting(&mut self) -> bool {
        false
    }

    /// Counts pages of a node.
    fn count(&mut self, _node: usize, _base_pages: usize) {}

    /// Ends the counting.
    fn finish_counting(&mut self) {}

    /// Returns the target node for a page in this pass; `None` if it stays, whatever its node.
    fn target(&mut self, pass: usize, page: PageInfo) -> Option<i32>;

    /// Returns another target node for a page whose target node is full; `None` if there is none.
    fn target_if_full(&mut self, _page: PageInfo, _full: i32) -> Option<i32> {
        None
    }

    /// Notes that a page has not moved to its target node.
    fn not_moved(&mut self, _page: PageInfo, _target: i32) {}
}

/// All pages move to one node.
pub struct OneNode(pub i32);

impl PageTargets for OneNode {
    fn target(&mut self, _: usize, _: PageInfo) -> Option<i32> {
        Some(self.0)
    }
}

impl PageTargets for NodeMap {
    fn passes(&self) -> usize {
        NodeMap::passes(self)
    }

    fn target(&mut self, pass: usize, page: PageInfo) -> Option<i32> {
        self.target_in_pass(pass, page.node)
    }
}

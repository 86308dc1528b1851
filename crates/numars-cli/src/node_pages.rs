//! Pages of a process by node.

use crate::draw;
use crate::units;
use numars::{Errno, Node, Process};
use schemars::JsonSchema;
use serde::Serialize;

/// The pages on a node.
#[derive(Serialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodePages {
    /// The node.
    pub node: usize,
    /// The number of base pages.
    pub pages: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

/// Numbers of base pages by node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageCounts(Vec<usize>);

impl PageCounts {
    /// Returns counts that are all 0.
    pub fn new() -> Self {
        PageCounts(vec![0; Node::COUNT])
    }

    /// Returns the counts of the present pages that overlap a range of a process.
    pub fn of_range(process: Process, start: usize, length: usize) -> Result<Self, Errno> {
        let mut counts = PageCounts::new();
        process.count_pages(start, length, &mut counts.0).map(|_| counts)
    }

    /// Adds other counts.
    pub fn add(&mut self, other: &PageCounts) {
        for (count, more) in self.0.iter_mut().zip(&other.0) {
            *count = count.saturating_add(*more);
        }
    }

    /// Returns the counts as a slice, whose index is the number of the node.
    pub fn as_mut_slice(&mut self) -> &mut [usize] {
        &mut self.0
    }

    /// Returns the pages on a node.
    pub fn on(&self, node: usize) -> u64 {
        self.0.get(node).map_or(0, |&pages| pages as u64)
    }

    /// Returns the pages on all nodes.
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, &pages| sum.saturating_add(pages as u64))
    }

    /// Returns the nodes that have pages, in ascending order, with their pages.
    pub fn iter(&self) -> impl Iterator<Item = (usize, u64)> {
        self.0.iter().enumerate().filter(|&(_, &pages)| pages > 0).map(|(node, &pages)| (node, pages as u64))
    }

    /// Returns what is in a report: the nodes that have pages.
    pub fn list(&self) -> Vec<NodePages> {
        self.iter().map(|(node, pages)| NodePages { node, pages, bytes: bytes(pages) }).collect()
    }
}

/// Returns the size of base pages in bytes.
pub fn bytes(pages: u64) -> u64 {
    pages.saturating_mul(numars::page_size() as u64)
}

/// Returns a bar of `width` cells for a list of nodes with pages.
pub fn bar(nodes: &[NodePages], width: usize) -> String {
    draw::node_bar(&nodes.iter().map(|on| (on.node, on.pages)).collect::<Vec<_>>(), width)
}

/// Returns the nodes of a list with sizes: `node 0: 1.00 MiB, node 1: 12.0 KiB`.
pub fn text(nodes: &[NodePages]) -> String {
    let texts: Vec<String> = nodes.iter().map(|on| format!("node {}: {}", on.node, units::bytes(on.bytes))).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_added_and_listed_without_empty_nodes() {
        let mut counts = PageCounts::new();
        counts.as_mut_slice()[3] = 2;
        counts.add(&counts.clone());
        assert_eq!((counts.on(3), counts.on(0), counts.on(usize::MAX), counts.total()), (4, 0, 0, 4));
        let list = counts.list();
        assert_eq!(list, [NodePages { node: 3, pages: 4, bytes: bytes(4) }]);
        assert!(text(&list).starts_with("node 3: "));
        counts.as_mut_slice()[3] = usize::MAX;
        counts.add(&counts.clone());
        assert_eq!(counts.on(3), usize::MAX as u64);
        assert_eq!(bytes(u64::MAX), u64::MAX);
    }
}

//! Which nodes exist, have memory, and may be allocated on.

use super::kernel_files::{node_path_in, read_list, sysfs_path};
use super::words::{NodeWords, insert_all, is_empty, only_zero};
use crate::bitmask::{WORD_BITS, valid_mask};
use crate::nodeset::{MAX_NUMNODES, NodeMask};
use crate::sys::files;
use crate::sys::root::Root;

/// The three lists of nodes. Neither is empty, and the last two are subsets of the first.
#[derive(Clone, Copy)]
pub(super) struct NodeLists {
    pub(super) existing: NodeWords,
    pub(super) with_memory: NodeWords,
    pub(super) allowed: NodeWords,
}

impl NodeLists {
    /// The lists of a machine that says nothing: node 0 alone.
    pub(super) const ONLY_NODE_0: Self =
        NodeLists { existing: only_zero(), with_memory: only_zero(), allowed: only_zero() };
}

/// The lists of nodes as their sources have them; `None` for a source that cannot be read.
pub(super) struct Sources {
    pub(super) online: Option<NodeMask>,
    pub(super) has_memory: Option<NodeMask>,
    pub(super) mems_allowed: Option<NodeMask>,
}

impl Sources {
    /// Combines the sources: where one is missing, others take its place. Nodes from `possible` on, which this kernel cannot have, are left out.
    pub(super) fn combine(&self, possible: usize) -> NodeLists {
        let (has_memory, mems_allowed) = (self.has_memory.as_ref(), self.mems_allowed.as_ref());
        let mut existing: NodeWords = [0; MAX_NUMNODES / WORD_BITS];
        match &self.online {
            Some(online) => insert_all(&mut existing, online),
            None => has_memory.into_iter().chain(mems_allowed).for_each(|some| insert_all(&mut existing, some)),
        }
        existing.iter_mut().enumerate().for_each(|(index, word)| *word &= valid_mask(possible, index));
        if is_empty(&existing) {
            existing = only_zero();
        }
        let with_memory = intersection(&existing, has_memory).unwrap_or(existing);
        let allowed = intersection(&existing, mems_allowed).unwrap_or(with_memory);
        NodeLists { existing, with_memory, allowed }
    }
}

/// Returns the intersection of two sets, unless it is empty.
fn intersection(words: &NodeWords, others: Option<&NodeMask>) -> Option<NodeWords> {
    let mut common = *words;
    common.iter_mut().zip(others?.words()).for_each(|(word, other)| *word &= other.get());
    (!is_empty(&common)).then_some(common)
}

/// Returns a set, or `None` if it is empty.
pub(super) fn non_empty(nodes: NodeMask) -> Option<NodeMask> {
    (!nodes.bits().as_bits().is_empty()).then_some(nodes)
}

/// Reads the list of nodes that exist. Returns `None` if it cannot be read.
pub(super) fn read_online(root: Root) -> Option<NodeMask> {
    let nodes = NodeMask::new();
    // Kernels before 2.6.24 have no list, but a directory for each node.
    read_list(&sysfs_path(root, b"node/online"), nodes.bits());
    if nodes.bits().as_bits().is_empty() && files::exists(&sysfs_path(root, b"node")) {
        let exists = |&node: &usize| files::exists(&node_path_in(sysfs_path(root, b"node/"), node, b""));
        (0..MAX_NUMNODES).filter(exists).for_each(|node| nodes.bits().set(node));
    }
    non_empty(nodes)
}

/// Reads the list of nodes that have memory. Returns `None` if it cannot be read.
pub(super) fn read_has_memory(root: Root) -> Option<NodeMask> {
    let nodes = NodeMask::new();
    read_list(&sysfs_path(root, b"node/has_memory"), nodes.bits());
    non_empty(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(members: &[usize]) -> NodeMask {
        let nodes = NodeMask::new();
        members.iter().for_each(|&node| nodes.bits().set(node));
        nodes
    }

    #[test]
    fn nodes_that_the_kernel_cannot_have_do_not_exist() {
        let combined = |possible| {
            let sources = Sources { online: Some(nodes(&[1, 15, 16, 88])), has_memory: None, mems_allowed: None };
            NodeMask::from(sources.combine(possible).existing)
        };
        for (possible, expected) in
            [(MAX_NUMNODES, &[1, 15, 16, 88][..]), (88, &[1, 15, 16]), (64, &[1, 15, 16]), (16, &[1, 15]), (1, &[0])]
        {
            assert!(combined(possible).words().iter().eq(nodes(expected).words()), "{possible}");
        }
    }

    #[test]
    fn usable_nodes_and_nodes_with_memory_exist_whichever_list_is_missing() {
        let members = |words: NodeWords| NodeMask::from(words).bits().as_bits().iter().collect::<Vec<_>>();
        let online = || Some(nodes(&[0, 1, 2, 4]));
        let has_memory = || Some(nodes(&[0, 1, 4]));
        let mems_allowed = || Some(nodes(&[1, 4]));
        for (online, has_memory, mems_allowed, expected) in [
            (online(), has_memory(), mems_allowed(), [&[0, 1, 2, 4][..], &[0, 1, 4], &[1, 4]]),
            (None, has_memory(), mems_allowed(), [&[0, 1, 4], &[0, 1, 4], &[1, 4]]),
            (online(), None, mems_allowed(), [&[0, 1, 2, 4], &[0, 1, 2, 4], &[1, 4]]),
            (online(), has_memory(), None, [&[0, 1, 2, 4], &[0, 1, 4], &[0, 1, 4]]),
            (None, None, mems_allowed(), [&[1, 4], &[1, 4], &[1, 4]]),
            (None, has_memory(), None, [&[0, 1, 4], &[0, 1, 4], &[0, 1, 4]]),
            (online(), None, None, [&[0, 1, 2, 4], &[0, 1, 2, 4], &[0, 1, 2, 4]]),
            (None, None, None, [&[0], &[0], &[0]]),
            // Sources that contradict each other: only what exists can be used.
            (online(), Some(nodes(&[9])), Some(nodes(&[7, 4])), [&[0, 1, 2, 4], &[0, 1, 2, 4], &[4]]),
            (online(), has_memory(), Some(nodes(&[7])), [&[0, 1, 2, 4], &[0, 1, 4], &[0, 1, 4]]),
        ] {
            let lists = Sources { online, has_memory, mems_allowed }.combine(MAX_NUMNODES);
            assert_eq!([lists.existing, lists.with_memory, lists.allowed].map(members), expected);
        }
    }
}

//! From which nodes to which others the pages of a process move: the i-th node of one set to the i-th of another.

use crate::bitmask::{Bits, BitsMut, WORD_BITS, Word};
use crate::nodeset::MAX_NUMNODES;
use core::cell::Cell;

/// Words of a [`Padded`] mask: 4,096 nodes, four times what a Linux kernel can have.
const PADDED_WORDS: usize = 4096 / WORD_BITS;

/// How two masks of any lengths are handed to migrate_pages(2), which takes one length for both.
pub enum Masks {
    /// Both as they are: so many bits of each.
    AsTheyAre(usize),
    /// As copies made by [`padded`], since their lengths differ.
    Padded,
    /// One of them names a node that no kernel can have.
    NoSuchNode,
}

/// A mask on the stack, as long as any kernel's.
pub type Padded = [Cell<Word>; PADDED_WORDS];

/// Bits of a [`Padded`] mask.
pub const PADDED_BITS: usize = PADDED_WORDS * WORD_BITS;

/// Decides how to hand over `from` and `to`.
pub fn masks(from: Bits, to: Bits) -> Masks {
    if from.length() == to.length() {
        return Masks::AsTheyAre(from.length());
    }
    if from.highest().max(to.highest()) >= Some(PADDED_BITS) {
        return Masks::NoSuchNode;
    }
    Masks::Padded
}

/// A copy of `mask`, filled with zeros behind its end.
pub fn padded(mask: Bits) -> Padded {
    let words = [const { Cell::new(0) }; PADDED_WORDS];
    BitsMut::new(&words, PADDED_BITS).copy_from(mask);
    words
}

/// The node that pages of each node move to, and the pass over a process in which they do.
pub struct NodeMap {
    /// Numbers of nodes plus one; 0: pages of the node stay.
    targets: [u16; MAX_NUMNODES],
}

impl NodeMap {
    /// Pages of no node move.
    pub const EMPTY: NodeMap = NodeMap { targets: [0; MAX_NUMNODES] };

    /// Maps the i-th node of `from` to the i-th of `to`, starting again with the first where `to` has fewer. If `to` has another number of
    /// nodes, pages on nodes of both stay, as with migrate_pages(2).
    pub fn map(&mut self, from: Bits, to: Bits) {
        let same_number = from.weight() == to.weight();
        let mut rest = to.iter();
        for node in from.iter().take_while(|&node| node < MAX_NUMNODES) {
            let target = rest.next().or_else(|| {
                rest = to.iter();
                rest.next()
            });
            let stays = to.contains(node) && !same_number;
            debug_assert!(node < self.targets.len());
            if !stays && let (Some(entry), Some(target)) = (self.targets.get_mut(node), target) {
                *entry = u16::try_from(target + 1).unwrap_or(u16::MAX);
            }
        }
    }

    /// Returns where pages of `node` move, or `None`.
    fn target(&self, node: i32) -> Option<i32> {
        let target = usize::try_from(node).ok().and_then(|node| self.targets.get(node)?.checked_sub(1));
        target.map(i32::from)
    }

    /// Returns the pass in which the pages of `node` move. A target that is emptied itself is emptied in an earlier pass, as by
    /// migrate_pages(2): otherwise a page that is mapped at two addresses could be moved again when it is found at the second one.
    #[inline(never)]
    fn pass(&self, node: i32) -> usize {
        let mut target = self.target(node);
        // There are no circles: nodes of both sets that have as many nodes map in ascending order.
        for pass in 0..self.targets.len() {
            let next = target.and_then(|target| self.target(target));
            if next.is_none() || next == target {
                return pass;
            }
            target = next;
        }
        0
    }

    /// Returns how many passes there are.
    pub fn passes(&self) -> usize {
        (0..).zip(&self.targets).map(|(node, _)| self.pass(node)).max().unwrap_or(0) + 1
    }

    /// Returns where pages of `node` move in this pass, or `None`.
    pub fn target_in_pass(&self, pass: usize, node: i32) -> Option<i32> {
        if self.pass(node) == pass { self.target(node) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodeset::NodeSet;

    fn mask(words: &[Word]) -> Vec<Cell<Word>> {
        words.iter().map(|&word| Cell::new(word)).collect()
    }

    #[test]
    fn masks_of_one_length_are_handed_over_as_they_are() {
        let (from, to) = (mask(&[1, 2]), mask(&[4, 8]));
        assert!(matches!(masks(Bits::new(&from, 100), Bits::new(&to, 100)), Masks::AsTheyAre(100)));
    }

    #[test]
    fn a_shorter_mask_is_filled_with_zeros() {
        // The second word of the shorter mask is the program's own business and must not reach the kernel.
        let (from, to) = (mask(&[1, Word::MAX]), mask(&[0, 4]));
        let (from, to) = (Bits::new(&from, 64), Bits::new(&to, 128));
        assert!(matches!(masks(from, to), Masks::Padded));
        assert!(Bits::new(&padded(from), PADDED_BITS).equals(Bits::new(&mask(&[1]), 64)));
        assert!(Bits::new(&padded(to), PADDED_BITS).equals(Bits::new(&mask(&[0, 4]), 128)));
    }

    #[test]
    fn a_node_that_no_kernel_can_have_is_refused() {
        let mut words = vec![0; PADDED_WORDS + 1];
        words[PADDED_WORDS] = 1;
        let (from, to) = (mask(&[1]), mask(&words));
        assert!(matches!(masks(Bits::new(&from, 64), Bits::new(&to, PADDED_BITS + 64)), Masks::NoSuchNode));
        assert!(matches!(masks(Bits::new(&from, 64), Bits::new(&to, PADDED_BITS)), Masks::Padded));
    }

    #[test]
    fn no_target_of_a_pass_is_emptied_in_that_pass_or_later() {
        const NODES: usize = 6;
        let set = |members: usize| {
            let nodes = NodeSet::new();
            (0..NODES).filter(|node| members >> node & 1 == 1).for_each(|node| nodes.bits().set(node));
            nodes
        };
        let mut chains = 0;
        for (from, to) in (0..1 << NODES).flat_map(|from| (1..1 << NODES).map(move |to| (from, to))) {
            let mut map = NodeMap::EMPTY;
            map.map(set(from).bits().as_bits(), set(to).bits().as_bits());
            for (node, target) in (0..NODES as i32)
                .map(|node| (node, map.target(node)))
                .filter_map(|(node, target)| Some((node, target?)))
            {
                let emptied = map.target(target).is_some_and(|next| next != target);
                assert!(!emptied || map.pass(target) < map.pass(node), "{from:#b} {to:#b}");
                chains += usize::from(emptied);
            }
        }
        assert!(chains > 0);
        let mut map = NodeMap::EMPTY;
        map.targets[..3].copy_from_slice(&[2, 3, 4]);
        assert_eq!(
            (map.pass(0), map.passes(), map.target_in_pass(2, 0), map.target_in_pass(1, 0)),
            (2, 3, Some(1), None)
        );
    }
}

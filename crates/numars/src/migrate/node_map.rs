//! The mapping of node sets of [`move_process`](super::move_process) and migrate_pages(2): the i-th node of one set to the i-th of the other.

use crate::bitmask::{Bits, BitsMut, WORD_BITS, Word};
use crate::nodeset::MAX_NUMNODES;
use core::cell::Cell;

/// Words of a [`Padded`] mask: 4,096 nodes, four times what a Linux kernel can have.
const PADDED_WORDS: usize = 4096 / WORD_BITS;

/// How to pass two masks of any lengths to migrate_pages(2), which takes one length for both. [`masks`] returns it.
pub enum Masks {
    /// Both unchanged, with this number of bits.
    SameLength(usize),
    /// As copies of [`PADDED_BITS`] bits that [`padded`] makes, because their lengths differ.
    Padded,
    /// Not at all, because one of them contains a node that no kernel has: EINVAL.
    NoSuchNode,
}

/// A mask as long as that of any kernel, which [`padded`] returns.
pub type Padded = [Cell<Word>; PADDED_WORDS];

/// The number of bits of a `Padded` mask, for the `maxnode` argument of migrate_pages(2).
pub const PADDED_BITS: usize = PADDED_WORDS * WORD_BITS;

/// Returns how to pass `from` and `to` to migrate_pages(2).
///
/// ```
/// use numars::for_c::migrate::node_map::{Masks, masks};
/// use numars::for_c::nodeset::NodeMask;
/// let (from, to) = (NodeMask::new(), NodeMask::new());
/// assert!(matches!(masks(from.bits().as_bits(), to.bits().as_bits()), Masks::SameLength(_)));
/// ```
pub fn masks(from: Bits, to: Bits) -> Masks {
    if from.length() == to.length() {
        return Masks::SameLength(from.length());
    }
    if from.highest().max(to.highest()) >= Some(PADDED_BITS) {
        return Masks::NoSuchNode;
    }
    Masks::Padded
}

/// Returns a copy of `mask`, filled with zeros up to [`PADDED_BITS`] bits.
///
/// ```
/// use numars::for_c::bitmask::Bits;
/// use numars::for_c::migrate::node_map::{PADDED_BITS, padded};
/// use numars::for_c::nodeset::NodeMask;
/// let nodes = NodeMask::new();
/// nodes.bits().set(3);
/// assert!(Bits::new(&padded(nodes.bits().as_bits()), PADDED_BITS).contains(3));
/// ```
pub fn padded(mask: Bits) -> Padded {
    let words = [const { Cell::new(0) }; PADDED_WORDS];
    BitsMut::new(&words, PADDED_BITS).copy_from(mask);
    words
}

/// The target node for the pages of each node, and the pass over the process in which they move.
pub struct NodeMap {
    /// The target node of each node plus one; 0: its pages stay.
    targets: [u16; MAX_NUMNODES],
}

impl NodeMap {
    /// The map by which all pages stay.
    pub const EMPTY: NodeMap = NodeMap { targets: [0; MAX_NUMNODES] };

    /// Maps the i-th node of `from` to the i-th of `to`, which is repeated if it has fewer nodes. If the numbers of nodes differ, pages on nodes
    /// that are in both sets stay, as with migrate_pages(2).
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
            if let (false, Some(entry), Some(target)) = (stays, self.targets.get_mut(node), target) {
                *entry = u16::try_from(target + 1).unwrap_or(u16::MAX);
            }
        }
    }

    /// Returns the target node for pages of `node`; `None` if they stay.
    fn target(&self, node: i32) -> Option<i32> {
        let target = usize::try_from(node).ok().and_then(|node| self.targets.get(node)?.checked_sub(1));
        target.map(i32::from)
    }

    /// Returns the pass in which the pages of `node` move. If pages of its target node move too, they do so in an earlier pass, as with
    /// migrate_pages(2): otherwise a page that is mapped at two addresses could move twice.
    #[inline(never)]
    fn pass(&self, node: i32) -> usize {
        let mut target = self.target(node);
        // There are no cycles, because sets with the same number of nodes map in ascending order.
        for pass in 0..self.targets.len() {
            let next = target.and_then(|target| self.target(target));
            if next.is_none() || next == target {
                return pass;
            }
            target = next;
        }
        0
    }

    /// Returns the number of passes.
    pub fn passes(&self) -> usize {
        (0..).zip(&self.targets).map(|(node, _)| self.pass(node)).max().unwrap_or(0) + 1
    }

    /// Returns the target node for pages of `node` in this pass; `None` if they stay or move in another pass.
    pub fn target_in_pass(&self, pass: usize, node: i32) -> Option<i32> {
        if self.pass(node) == pass { self.target(node) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodeset::NodeMask;

    fn mask(words: &[Word]) -> Vec<Cell<Word>> {
        words.iter().map(|&word| Cell::new(word)).collect()
    }

    #[test]
    fn masks_of_one_length_are_passed_unchanged() {
        let (from, to) = (mask(&[1, 2]), mask(&[4, 8]));
        const LENGTH: usize = WORD_BITS + 20;
        assert!(matches!(masks(Bits::new(&from, LENGTH), Bits::new(&to, LENGTH)), Masks::SameLength(LENGTH)));
    }

    #[test]
    fn a_shorter_mask_is_filled_with_zeros() {
        // The second word is not part of the shorter mask and must not reach the kernel.
        let (from, to) = (mask(&[1, Word::MAX]), mask(&[0, 4]));
        let (from, to) = (Bits::new(&from, WORD_BITS), Bits::new(&to, 2 * WORD_BITS));
        assert!(matches!(masks(from, to), Masks::Padded));
        assert!(Bits::new(&padded(from), PADDED_BITS).equals(Bits::new(&mask(&[1]), WORD_BITS)));
        assert!(Bits::new(&padded(to), PADDED_BITS).equals(Bits::new(&mask(&[0, 4]), 2 * WORD_BITS)));
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
            let nodes = NodeMask::new();
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

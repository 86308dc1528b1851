//! Moving a whole process from some nodes to others: what migrate_pages(2) is told.

use crate::bitmask::{Bits, BitsMut, WORD_BITS, Word};
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

#[cfg(test)]
mod tests {
    use super::*;

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
}

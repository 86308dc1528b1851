//! Bit sets as plain words, as immutable values have them.

use crate::bitmask::{WORD_BITS, Word};
use crate::nodeset::{MAX_NUMNODES, NodeMask};

/// The words of a set of nodes.
pub(super) type NodeWords = [Word; MAX_NUMNODES / WORD_BITS];

/// Returns the set that contains 0 only.
pub(super) const fn only_zero<const WORDS: usize>() -> [Word; WORDS] {
    let mut words = [0; WORDS];
    words[0] = 1;
    words
}

/// Calls `each` with each bit that is set, in order.
///
/// ```
/// let mut bits = Vec::new();
/// numars::for_c::topology::for_each_bit(&[0b101, 1], |bit| bits.push(bit));
/// assert_eq!(bits, [0, 2, usize::BITS as usize]);
/// ```
pub fn for_each_bit(words: &[Word], mut each: impl FnMut(usize)) {
    for (index, &word) in words.iter().enumerate() {
        let mut rest = word;
        while rest != 0 {
            each(index * WORD_BITS + rest.trailing_zeros() as usize);
            rest &= rest - 1;
        }
    }
}

/// Returns the bits that are set, in order.
pub(super) fn members(words: &[Word]) -> impl Iterator<Item = usize> {
    let all = words.iter().enumerate().flat_map(|(index, &word)| (0..WORD_BITS).map(move |bit| (index, word, bit)));
    all.filter(|&(_, word, bit)| word >> bit & 1 == 1).map(|(index, _, bit)| index * WORD_BITS + bit)
}

/// Returns whether a bit is set.
#[inline(always)]
pub(crate) fn contains(words: &[Word], bit: usize) -> bool {
    words.get(bit / WORD_BITS).is_some_and(|word| word >> (bit % WORD_BITS) & 1 == 1)
}

/// Returns the number of bits that are set.
pub(crate) fn weight(words: &[Word]) -> usize {
    words.iter().map(|&word| count_ones(word)).sum()
}

/// Returns the number of bits that are set. Most words are empty, and not every processor counts bits in one instruction.
pub(super) fn count_ones(word: Word) -> usize {
    if word == 0 { 0 } else { word.count_ones() as usize }
}

/// Returns the highest bit that is set, or 0.
pub(super) fn highest(words: &[Word]) -> usize {
    let last = words.iter().enumerate().rfind(|&(_, &word)| word != 0);
    last.map_or(0, |(index, word)| index * WORD_BITS + WORD_BITS - 1 - word.leading_zeros() as usize)
}

/// Returns whether no bit is set.
pub(super) fn is_empty(words: &NodeWords) -> bool {
    words.iter().all(|&word| word == 0)
}

/// Adds the members of a set.
pub(super) fn insert_all(words: &mut NodeWords, others: &NodeMask) {
    words.iter_mut().zip(others.words()).for_each(|(word, other)| *word |= other.get());
}

/// Returns whether two slices are equal. Not `==`, for which the loader would look up bcmp.
pub(super) fn same<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one == other)
}

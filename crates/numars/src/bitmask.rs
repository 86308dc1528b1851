//! Sets of nodes or CPUs in words that a caller owns, such as those of libnuma's `struct bitmask`.
//!
//! A set has a length in bits. A bit at or beyond the length reads 0 and is never written, even if the last word has room for it: what a
//! program stores in those bits does not change.
//!
//! ```
//! use numars::for_c::bitmask::BitsMut;
//! use std::cell::Cell;
//! let words = [const { Cell::new(0) }; 2];
//! let nodes = BitsMut::new(&words, 70);
//! nodes.set(3);
//! nodes.set(69);
//! nodes.set(70);
//! assert!(nodes.as_bits().iter().eq([3, 69]), "70 is beyond the length");
//! ```

use crate::sys::memory::{copy_words, fill_words};
use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering};

/// The word of the kernel's and libnuma's masks: C's unsigned long, as in set_mempolicy(2).
pub type Word = usize;

/// The number of bits in a [`Word`].
pub const WORD_BITS: usize = Word::BITS as usize;

/// A bit set to read. It consists of cells, because C programs may let sets share words.
///
/// ```
/// use numars::for_c::bitmask::Bits;
/// use std::cell::Cell;
/// let words = [Cell::new(0b1_0100), Cell::new(1)];
/// let (set, shorter) = (Bits::new(&words, usize::MAX), Bits::new(&words, 4));
/// assert_eq!(set.length(), words.len() * usize::BITS as usize);
/// assert!(set.contains(4) && !shorter.contains(4));
/// assert_eq!((set.weight(), shorter.weight()), (3, 1));
/// assert_eq!((set.highest(), Bits::EMPTY.highest()), (Some(usize::BITS as usize), None));
/// assert!(shorter.iter().eq([2]) && shorter.words().eq([0b100]));
/// assert!(!set.equals(shorter) && !set.is_empty() && Bits::EMPTY.is_empty());
/// ```
#[derive(Clone, Copy)]
pub struct Bits<'a> {
    words: &'a [Cell<Word>],
    length: usize,
}

/// Returns which bits of the word at `index` belong to a set of `length` bits.
#[inline(always)]
pub(crate) fn valid_mask(length: usize, index: usize) -> Word {
    match length.saturating_sub(index.saturating_mul(WORD_BITS)) {
        0 => 0,
        bits if bits < WORD_BITS => (1 << bits) - 1,
        _ => Word::MAX,
    }
}

impl<'a> Bits<'a> {
    /// The empty set, of length 0.
    pub const EMPTY: Self = Bits { words: &[], length: 0 };

    /// Returns the set of the first `length` bits of `words`, or of all bits if `words` has fewer.
    #[inline(always)]
    pub fn new(words: &'a [Cell<Word>], length: usize) -> Self {
        // Written so that the compiler removes the comparison if the caller computed the number of words in the same way.
        let is_within = length.div_ceil(WORD_BITS) <= words.len();
        Bits { words, length: if is_within { length } else { words.len() * WORD_BITS } }
    }

    /// Returns the length in bits.
    pub fn length(self) -> usize {
        self.length
    }

    /// Returns the words that hold the bits, and perhaps more after them: at least as many as [`Bits::length`] needs.
    pub fn storage(self) -> &'a [Cell<Word>] {
        self.words
    }

    /// Returns which bits of the word at `index` belong to the set.
    #[inline(always)]
    fn valid_mask(self, index: usize) -> Word {
        valid_mask(self.length, index)
    }

    /// Returns the word at `index`, which is in range, with 0 for the bits beyond the set.
    #[inline(always)]
    fn word(self, index: usize) -> Word {
        debug_assert!(index < self.words.len());
        self.word_or_zero(index)
    }

    /// As [`Bits::word`]; 0 beyond the last word.
    #[inline(always)]
    pub(crate) fn word_or_zero(self, index: usize) -> Word {
        self.words.get(index).map_or(0, Cell::get) & self.valid_mask(index)
    }

    /// Returns the words all of whose bits belong to the set, which are handled quickly. The last word of the set may follow them.
    #[inline(always)]
    pub(crate) fn full_words(self) -> &'a [Cell<Word>] {
        debug_assert!(self.length / WORD_BITS <= self.words.len());
        self.words.get(..self.length / WORD_BITS).unwrap_or_default()
    }

    /// Iterates over the words of the set, with 0 for the bits beyond it.
    pub fn words(self) -> impl DoubleEndedIterator<Item = Word> + ExactSizeIterator {
        let used = self.length.div_ceil(WORD_BITS);
        (0..used).map(move |index| self.word(index))
    }

    /// Returns whether `bit` is set.
    pub fn contains(self, bit: usize) -> bool {
        let word = self.words.get(bit / WORD_BITS);
        bit < self.length && word.is_some_and(|word| word.get() >> (bit % WORD_BITS) & 1 == 1)
    }

    /// Returns the number of bits that are set.
    pub fn weight(self) -> usize {
        // Not every processor counts bits in one instruction, so three words are counted at a time: first in groups of four bits, whose sums
        // are at most twelve, and then in bytes.
        const BYTES: Word = Word::MAX / 0xff;
        let threes = self.full_words().chunks_exact(3);
        let mut weight = self.word_or_zero(self.full_words().len()).count_ones() as usize;
        let rest = threes.remainder();
        for three_words in threes {
            let [one, two, three] = three_words else { continue };
            let groups = nibble_counts(one.get()) + nibble_counts(two.get()) + nibble_counts(three.get());
            let bytes = (groups & (BYTES * 0xf)) + (groups >> 4 & (BYTES * 0xf));
            weight += bytes.wrapping_mul(BYTES) >> (WORD_BITS - 8);
        }
        for word in rest {
            weight += word.get().count_ones() as usize;
        }
        weight
    }

    /// Iterates over the bits that are set, in ascending order.
    pub fn iter(self) -> SetBits<'a> {
        SetBits { bits: self, next: 0 }
    }

    /// Returns whether no bit is set.
    #[inline(never)]
    pub fn is_empty(self) -> bool {
        let full = self.full_words();
        full.iter().all(|word| word.get() == 0) && self.word_or_zero(full.len()) == 0
    }

    /// Returns the highest bit that is set.
    pub fn highest(self) -> Option<usize> {
        let (index, word) = self.words().enumerate().rfind(|&(_, word)| word != 0)?;
        Some((index + 1) * WORD_BITS - 1 - word.leading_zeros() as usize)
    }

    /// Returns whether both have the same bits set, whatever their lengths.
    pub fn equals(self, other: Bits) -> bool {
        let longer = self.words().len().max(other.words().len());
        let same = self
            .full_words()
            .iter()
            .zip(other.full_words())
            .take_while(|(word, other)| word.get() == other.get())
            .count();
        (same..longer).all(|index| self.word_or_zero(index) == other.word_or_zero(index))
    }
}

/// Returns, in each group of four bits, how many of these are set in `word`.
#[inline(always)]
fn nibble_counts(word: Word) -> Word {
    let pairs = word - (word >> 1 & (Word::MAX / 3));
    (pairs & (Word::MAX / 5)) + (pairs >> 2 & (Word::MAX / 5))
}

/// Iterates over the bits that are set, for [`Bits::iter`]. The set may change meanwhile.
pub struct SetBits<'a> {
    bits: Bits<'a>,
    /// The next bit to look at.
    next: usize,
}

impl Iterator for SetBits<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.next < self.bits.length() {
            let index = self.next / WORD_BITS;
            let word = self.bits.word(index) >> (self.next % WORD_BITS);
            if word != 0 {
                let member = self.next + word.trailing_zeros() as usize;
                self.next = member + 1;
                return Some(member);
            }
            // Most words of large sets are zero, which are skipped quickly.
            // None are left if the last word is not full.
            let rest = self.bits.full_words().get(index + 1..).unwrap_or_default();
            let empty = rest.iter().take_while(|word| word.get() == 0).count();
            self.next = (index + 1 + empty) * WORD_BITS;
        }
        None
    }
}

/// A bit set to change.
///
/// ```
/// use numars::for_c::bitmask::BitsMut;
/// use std::cell::Cell;
/// let (one, two) = ([Cell::new(0)], [Cell::new(0)]);
/// let (set, other) = (BitsMut::new(&one, 10), BitsMut::new(&two, 20));
/// set.fill(true);
/// set.clear(7);
/// other.insert_range(set.as_bits(), 5, 8);
/// assert!(other.as_bits().iter().eq([5, 6, 8]));
/// assert!(!other.insert_if_in(set.as_bits(), 7) && other.insert_if_in(set.as_bits(), 9));
/// set.copy_from(other.as_bits());
/// assert!(set.as_bits().equals(other.as_bits()));
/// ```
#[derive(Clone, Copy)]
pub struct BitsMut<'a>(Bits<'a>);

impl<'a> BitsMut<'a> {
    /// Returns the set, as [`Bits::new`].
    #[inline(always)]
    pub fn new(words: &'a [Cell<Word>], length: usize) -> Self {
        BitsMut(Bits::new(words, length))
    }

    /// Returns the same set, to read.
    pub fn as_bits(self) -> Bits<'a> {
        self.0
    }

    /// Replaces the bits of the word at `index`, which is in range, that belong to the set by those that `change` returns.
    #[inline(always)]
    fn update(self, index: usize, change: impl FnOnce(Word) -> Word) {
        debug_assert!(index < self.0.words.len());
        if let Some(cell) = self.0.words.get(index) {
            let valid_mask = self.0.valid_mask(index);
            cell.set(cell.get() & !valid_mask | change(cell.get()) & valid_mask);
        }
    }

    /// Replaces the word of `bit`, if that belongs to the set, by what `change` returns for the word and the bit in it.
    #[inline(always)]
    fn change(self, bit: usize, change: impl FnOnce(Word, Word) -> Word) {
        if let Some(cell) = self.0.words.get(bit / WORD_BITS).filter(|_| bit < self.0.length) {
            cell.set(change(cell.get(), 1 << (bit % WORD_BITS)));
        }
    }

    /// Sets `bit`, if it belongs to the set.
    pub fn set(self, bit: usize) {
        self.change(bit, |word, bit| word | bit);
    }

    /// Sets `bit`, if it belongs to the set and is set in `from`. Returns whether it is set in `from`.
    #[inline(always)]
    pub fn insert_if_in(self, from: Bits, bit: usize) -> bool {
        let is_in = from.contains(bit);
        if is_in {
            self.set(bit);
        }
        is_in
    }

    /// Clears `bit`, if it belongs to the set.
    pub fn clear(self, bit: usize) {
        self.change(bit, |word, bit| word & !bit);
    }

    /// Sets those of the bits of `word`, which is the one at `index`, that belong to the set.
    #[inline(always)]
    pub(crate) fn insert_word(self, index: usize, word: Word) {
        if index < self.0.words.len() {
            self.update(index, |bits| bits | word);
        }
    }

    /// Sets every bit to `value`.
    pub fn fill(self, value: bool) {
        let full = self.0.full_words();
        fill_words(full, value);
        if self.0.length % WORD_BITS != 0 {
            self.update(full.len(), |_| if value { Word::MAX } else { 0 });
        }
    }

    /// Sets the bits from `first` to `last`, both included, that are set in `from`.
    pub fn insert_range(self, from: Bits, first: usize, last: usize) {
        for index in first / WORD_BITS..(last / WORD_BITS + 1).min(self.0.words().len()) {
            let start = index * WORD_BITS;
            let from_first = Word::MAX << first.saturating_sub(start);
            let up_to_last = Word::MAX >> (WORD_BITS - 1).saturating_sub(last - start);
            self.update(index, |word| word | from.word_or_zero(index) & from_first & up_to_last);
        }
    }

    /// Copies a set that other threads may be changing: bits beyond the end of this one are left out, bits beyond the end of `words` become 0.
    pub fn copy_from_shared(self, words: &[AtomicUsize]) {
        let full = self.0.full_words();
        full.iter().zip(words).for_each(|(to, from)| to.set(from.load(Ordering::Relaxed)));
        for index in full.len().min(words.len())..self.0.words().len() {
            self.update(index, |_| words.get(index).map_or(0, |word| word.load(Ordering::Relaxed)));
        }
    }

    /// Copies `from`: bits beyond the end of this set are left out, bits beyond the end of `from` become 0.
    // In one place: it is called from everywhere.
    #[inline(never)]
    pub fn copy_from(self, from: Bits) {
        self.copy_from_inline(from);
    }

    /// [`BitsMut::copy_from`], for a caller that does little else.
    #[inline(always)]
    pub fn copy_from_inline(self, from: Bits) {
        let (to, from_words) = (self.0.full_words(), from.full_words());
        copy_words(to, from_words);
        if let Some((next, rest)) = to.get(from_words.len()..).and_then(<[_]>::split_first) {
            next.set(from.word_or_zero(from_words.len()));
            fill_words(rest, false);
        }
        if self.0.length % WORD_BITS != 0 {
            self.update(to.len(), |_| from.word_or_zero(to.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Returns words for `length` bits, and one more to see that nothing is written after the end.
    fn room(length: usize, word: Word) -> Vec<Cell<Word>> {
        vec![Cell::new(word); length.div_ceil(WORD_BITS) + 1]
    }

    fn members(bits: Bits) -> BTreeSet<usize> {
        (0..bits.length() + 2 * WORD_BITS).filter(|&bit| bits.contains(bit)).collect()
    }

    /// A length around the ends of words, and bits, some of them beyond the length.
    fn a_set() -> impl Strategy<Value = (usize, BTreeSet<usize>)> {
        let length = prop_oneof![Just(0usize), Just(1), 62usize..67, 126usize..131, 0usize..1100];
        length.prop_flat_map(|length| (Just(length), prop::collection::btree_set(0..length + 70, 0..40)))
    }

    fn build(length: usize, members: &BTreeSet<usize>) -> Vec<Cell<Word>> {
        let words = room(length, 0);
        let bits = BitsMut::new(&words, length);
        members.iter().for_each(|&bit| bits.set(bit));
        words
    }

    proptest! {
        #[test]
        fn a_set_is_what_a_simple_set_of_numbers_is((length, wanted) in a_set(), removed in 0usize..1200) {
            let words = build(length, &wanted);
            let bits = Bits::new(&words, length);
            let mut model: BTreeSet<usize> = wanted.into_iter().filter(|&bit| bit < length).collect();
            prop_assert_eq!(members(bits), model.clone());
            prop_assert_eq!(bits.weight(), model.len());
            prop_assert_eq!(bits.highest(), model.last().copied());
            prop_assert_eq!(bits.is_empty(), model.is_empty());
            prop_assert!(bits.iter().eq(model.iter().copied()));
            BitsMut::new(&words, length).clear(removed);
            model.remove(&removed);
            prop_assert_eq!(members(bits), model);
            prop_assert_eq!(words[words.len() - 1].get(), 0);
        }

        #[test]
        fn sets_are_equal_when_their_members_are((a_length, a) in a_set(), (b_length, b) in a_set(), same in any::<bool>()) {
            let b = if same { a.clone() } else { b };
            let (a_words, b_words) = (build(a_length, &a), build(b_length, &b));
            let (a, b) = (Bits::new(&a_words, a_length), Bits::new(&b_words, b_length));
            prop_assert_eq!(a.equals(b), members(a) == members(b));
            prop_assert_eq!(b.equals(a), a.equals(b));
        }

        #[test]
        fn a_copy_is_cut_to_the_receiver_and_filled_with_zeros((from_length, from) in a_set(), (to_length, to) in a_set()) {
            let (from_words, to_words) = (build(from_length, &from), build(to_length, &to));
            let from = Bits::new(&from_words, from_length);
            BitsMut::new(&to_words, to_length).copy_from(from);
            let expected: BTreeSet<usize> = members(from).into_iter().filter(|&bit| bit < to_length).collect();
            prop_assert_eq!(members(Bits::new(&to_words, to_length)), expected);
        }

        #[test]
        fn a_range_adds_the_members_between_its_ends((from_length, from) in a_set(), (length, set) in a_set(), a in 0usize..1200, b in 0usize..1200) {
            let (from_words, words) = (build(from_length, &from), build(length, &set));
            let from = Bits::new(&from_words, from_length);
            let (first, last) = (a.min(b), a.max(b));
            let mut expected = members(Bits::new(&words, length));
            BitsMut::new(&words, length).insert_range(from, first, last);
            expected.extend(members(from).into_iter().filter(|&bit| bit < length && (first..=last).contains(&bit)));
            prop_assert_eq!(members(Bits::new(&words, length)), expected);
            prop_assert_eq!(words[words.len() - 1].get(), 0);
        }

        #[test]
        fn a_member_of_another_set_is_added_and_no_other_bit((from_length, from) in a_set(), (length, set) in a_set(), bit in 0usize..1200) {
            let (from_words, words) = (build(from_length, &from), build(length, &set));
            let from = Bits::new(&from_words, from_length);
            let mut expected = members(Bits::new(&words, length));
            prop_assert_eq!(BitsMut::new(&words, length).insert_if_in(from, bit), from.contains(bit));
            expected.extend(Some(bit).filter(|&bit| from.contains(bit) && bit < length));
            prop_assert_eq!(members(Bits::new(&words, length)), expected);
            prop_assert_eq!(words[words.len() - 1].get(), 0);
        }

        #[test]
        fn bits_beyond_the_length_are_neither_read_nor_written(length in 0usize..300, value in any::<bool>()) {
            let stray = Word::MAX / 3 * 2;
            let words = room(length, stray);
            let bits = BitsMut::new(&words, length);
            bits.fill(value);
            prop_assert_eq!(bits.0.weight(), if value { length } else { 0 });
            for bit in length..words.len() * WORD_BITS {
                prop_assert!(!bits.0.contains(bit));
                prop_assert_eq!(words[bit / WORD_BITS].get() >> (bit % WORD_BITS) & 1, stray >> (bit % WORD_BITS) & 1);
            }
        }
    }

    #[test]
    fn a_set_copied_onto_its_own_words_stays_as_it_is() {
        let words = build(130, &BTreeSet::from([0, 64, 129]));
        BitsMut::new(&words, 130).copy_from(Bits::new(&words, 130));
        assert_eq!(members(Bits::new(&words, 130)), BTreeSet::from([0, 64, 129]));
    }

    #[test]
    fn a_length_beyond_the_words_is_cut_to_them() {
        let words = room(0, Word::MAX);
        assert_eq!(Bits::new(&words, usize::MAX).length(), WORD_BITS);
    }
}

//! Sets of nodes and of CPUs with memory of their own, large enough for every kernel.

use crate::bitmask::{BitsMut, WORD_BITS, Word};
use core::cell::Cell;

/// Upper bound for the number of nodes that a Linux kernel can be built for (`NODES_SHIFT` is at most 10): the size of a [`NodeMask`].
pub const MAX_NUMNODES: usize = 1024;

/// Upper bound for the number of CPUs that this library supports: twice what the largest kernel of a distribution is built for.
/// The size of a [`CpuMask`].
pub const MAX_CPUS: usize = 16384;

/// A set of nodes on the stack (128 bytes), large enough for every kernel.
///
/// ```
/// use numars::for_c::nodeset::NodeMask;
/// let nodes = NodeMask::single(3);
/// nodes.bits().set(5);
/// assert!(nodes.bits().as_bits().iter().eq([3, 5]));
/// ```
pub type NodeMask = FixedBitmask<{ MAX_NUMNODES / WORD_BITS }>;

/// A set of CPUs on the stack (2 KiB), large enough for every kernel.
///
/// ```
/// use numars::for_c::nodeset::{CpuMask, MAX_CPUS};
/// let cpus = CpuMask::new();
/// cpus.bits().fill(true);
/// assert_eq!(cpus.bits().as_bits().weight(), MAX_CPUS);
/// ```
pub type CpuMask = FixedBitmask<{ MAX_CPUS / WORD_BITS }>;

/// A bit set that owns its words. [`NodeMask`] and [`CpuMask`] are the two sizes in use.
// One cell around all words: an array of cells would be cleared word by word.
pub struct FixedBitmask<const WORDS: usize>(Cell<[Word; WORDS]>);

impl<const WORDS: usize> Default for FixedBitmask<WORDS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const WORDS: usize> FixedBitmask<WORDS> {
    /// Returns an empty set.
    ///
    /// ```
    /// assert!(numars::for_c::nodeset::NodeMask::new().bits().as_bits().is_empty());
    /// ```
    pub fn new() -> Self {
        FixedBitmask(Cell::new([0; WORDS]))
    }

    /// Returns the set that contains `member` only, or an empty set if `member` is beyond the set's size.
    ///
    /// ```
    /// use numars::for_c::nodeset::{MAX_NUMNODES, NodeMask};
    /// assert!(NodeMask::single(7).bits().as_bits().contains(7));
    /// assert!(NodeMask::single(MAX_NUMNODES).bits().as_bits().is_empty());
    /// ```
    pub fn single(member: usize) -> Self {
        let set = Self::new();
        set.bits().set(member);
        set
    }

    /// Returns the words that hold the bits, the lowest first.
    ///
    /// ```
    /// assert_eq!(numars::for_c::nodeset::NodeMask::single(3).words()[0].get(), 0b1000);
    /// ```
    pub fn words(&self) -> &[Cell<Word>] {
        let words: &Cell<[Word]> = &self.0;
        words.as_slice_of_cells()
    }

    /// Returns the set's bits, to read and to change.
    ///
    /// ```
    /// let cpus = numars::for_c::nodeset::CpuMask::new();
    /// cpus.bits().set(1);
    /// assert_eq!(cpus.bits().as_bits().highest(), Some(1));
    /// ```
    pub fn bits(&self) -> BitsMut<'_> {
        BitsMut::new(self.words(), WORDS * WORD_BITS)
    }
}

impl<const WORDS: usize> From<[Word; WORDS]> for FixedBitmask<WORDS> {
    fn from(words: [Word; WORDS]) -> Self {
        FixedBitmask(Cell::new(words))
    }
}

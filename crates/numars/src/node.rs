//! Nodes and sets of nodes.

use crate::bitmask::{WORD_BITS, Word};
use crate::list_format::{self, ParseListError};
use crate::nodeset::{MAX_NUMNODES, NodeMask};
use crate::sys::errno::{EINVAL, Errno};
use crate::sys::kernel;
use crate::topology::words;
use core::fmt;
use core::iter::FusedIterator;
use core::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, BitXor, BitXorAssign, Sub, SubAssign};
use core::str::FromStr;

/// A NUMA node, by its number.
///
/// The number is one that a Linux kernel can give to a node, 0 to 1,023. The machine may not have such a node: see
/// [`Topology::nodes`](crate::Topology::nodes).
///
/// ```
/// use numars::Node;
/// let node = Node::new(3).unwrap();
/// assert_eq!(node.number(), 3);
/// assert_eq!((node.to_string(), "3".parse()), ("3".to_string(), Ok(node)));
/// assert_eq!(Node::new(1024), None);
/// ```
// The kernel's type for a target node, so that a slice of nodes is the array of move_pages(2). Invariant: 0 to MAX_NUMNODES - 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Node(i32);

impl Node {
    /// The node with the highest number that a kernel can have.
    pub const MAX: Node = Node(MAX_NUMNODES as i32 - 1);

    /// The number of nodes that a kernel can have, 1,024: the length of an array with an element for each.
    ///
    /// ```
    /// let (table, mut per_node) = (vec![1u8; 1 << 16], [0; numars::Node::COUNT]);
    /// let _ = numars::count_pages(&table, &mut per_node);
    /// ```
    pub const COUNT: usize = MAX_NUMNODES;

    /// Returns the node with this number; `None` if no kernel can have it.
    pub const fn new(number: usize) -> Option<Node> {
        if number < MAX_NUMNODES { Some(Node(number as i32)) } else { None }
    }

    /// Returns the number of the node.
    pub const fn number(self) -> usize {
        self.0 as usize
    }

    /// Returns the number as the kernel takes it.
    pub(crate) const fn raw(self) -> i32 {
        self.0
    }

    /// Returns the node of the CPU that the calling thread runs on, using getcpu(2). The thread may run elsewhere a moment later.
    ///
    /// ```
    /// use numars::{Node, Topology};
    /// if let Some(node) = Node::current() {
    ///     assert!(Topology::read()?.nodes().contains(node));
    /// }
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn current() -> Option<Node> {
        kernel::getcpu().and_then(|(_, node)| Node::new(node))
    }
}

impl From<Node> for usize {
    fn from(node: Node) -> usize {
        node.number()
    }
}

impl TryFrom<usize> for Node {
    type Error = Errno;

    /// Returns the node with this number; EINVAL if no kernel can have it.
    fn try_from(number: usize) -> Result<Node, Errno> {
        Node::new(number).ok_or(Errno(EINVAL))
    }
}

impl FromStr for Node {
    type Err = ParseListError;

    /// Parses a number, which a newline may follow.
    fn from_str(number: &str) -> Result<Self, ParseListError> {
        list_format::parse_number(number, MAX_NUMNODES).map(|number| Node(number as i32))
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({})", self.0)
    }
}

const WORDS: usize = MAX_NUMNODES / WORD_BITS;

/// A set of nodes: 1,024 bits, which are copied.
///
/// It is written and parsed in the kernel's list format.
///
/// ```
/// use numars::{Node, NodeSet};
/// let fast: NodeSet = "0-3,8".parse()?;
/// let slow: NodeSet = [4, 5, 8].into_iter().filter_map(Node::new).collect();
/// assert_eq!((fast | slow).to_string(), "0-5,8");
/// assert_eq!((fast & slow).to_string(), "8");
/// assert_eq!((fast - slow).to_string(), "0-3");
/// for node in slow {
///     println!("node {node} is slow");
/// }
/// # Ok::<(), numars::ParseListError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeSet([Word; WORDS]);

impl NodeSet {
    /// The set without nodes.
    pub const EMPTY: NodeSet = NodeSet([0; WORDS]);

    /// Returns the set without nodes.
    pub const fn new() -> Self {
        Self::EMPTY
    }

    /// Returns the nodes from `first` to `last` inclusive, or an empty set if `last` is before `first`.
    ///
    /// ```
    /// use numars::{Node, NodeSet};
    /// assert_eq!(NodeSet::range(Node::new(2).unwrap(), Node::new(5).unwrap()).to_string(), "2-5");
    /// ```
    pub fn range(first: Node, last: Node) -> Self {
        (first.number()..=last.number()).filter_map(Node::new).collect()
    }

    /// Returns whether the set contains a node.
    pub fn contains(&self, node: Node) -> bool {
        words::contains(&self.0, node.number())
    }

    /// Adds a node. Returns whether the set did not contain it.
    ///
    /// ```
    /// use numars::{Node, NodeSet};
    /// let (mut nodes, node) = (NodeSet::new(), Node::new(7).unwrap());
    /// assert!(nodes.insert(node) && !nodes.insert(node) && nodes.contains(node));
    /// ```
    pub fn insert(&mut self, node: Node) -> bool {
        let is_new = !self.contains(node);
        if let Some(word) = self.0.get_mut(node.number() / WORD_BITS) {
            *word |= 1 << (node.number() % WORD_BITS);
        }
        is_new
    }

    /// Removes a node. Returns whether the set contained it.
    ///
    /// ```
    /// use numars::{Node, NodeSet};
    /// let mut nodes = NodeSet::from(Node::MAX);
    /// assert!(nodes.remove(Node::MAX) && nodes.is_empty());
    /// ```
    pub fn remove(&mut self, node: Node) -> bool {
        let was_in = self.contains(node);
        if let Some(word) = self.0.get_mut(node.number() / WORD_BITS) {
            *word &= !(1 << (node.number() % WORD_BITS));
        }
        was_in
    }

    /// Returns the number of nodes.
    pub fn len(&self) -> usize {
        words::weight(&self.0)
    }

    /// Returns whether the set has no nodes.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    /// Returns the node with the lowest number.
    ///
    /// ```
    /// use numars::{Node, NodeSet};
    /// let nodes: NodeSet = "3,5".parse()?;
    /// assert_eq!((nodes.first(), nodes.last()), (Node::new(3), Node::new(5)));
    /// # Ok::<(), numars::ParseListError>(())
    /// ```
    pub fn first(&self) -> Option<Node> {
        self.iter().next()
    }

    /// Returns the node with the highest number.
    pub fn last(&self) -> Option<Node> {
        self.iter().next_back()
    }

    /// Returns whether all nodes are in `other`.
    ///
    /// ```
    /// use numars::NodeSet;
    /// let [some, all]: [NodeSet; 2] = ["1,3".parse()?, "0-3".parse()?];
    /// assert!(some.is_subset(&all) && !all.is_subset(&some));
    /// # Ok::<(), numars::ParseListError>(())
    /// ```
    pub fn is_subset(&self, other: &NodeSet) -> bool {
        (*self - *other).is_empty()
    }

    /// Returns whether no node is in `other`.
    ///
    /// ```
    /// use numars::{Node, NodeSet};
    /// assert!(NodeSet::from(Node::MAX).is_disjoint(&"0-3".parse()?));
    /// # Ok::<(), numars::ParseListError>(())
    /// ```
    pub fn is_disjoint(&self, other: &NodeSet) -> bool {
        (*self & *other).is_empty()
    }

    /// Returns the nodes in ascending order.
    pub fn iter(&self) -> NodeSetIter {
        NodeSetIter { nodes: *self, next: 0, end: WORDS }
    }

    /// Returns the nodes of a set that can be changed in place.
    pub(crate) fn from_mask(mask: &NodeMask) -> Self {
        let mut set = NodeSet::EMPTY;
        set.0.iter_mut().zip(mask.words()).for_each(|(word, from)| *word = from.get());
        set
    }

    /// Returns a set that can be changed in place.
    pub(crate) fn to_mask(self) -> NodeMask {
        NodeMask::from(self.0)
    }

    fn combine(self, other: NodeSet, combine: impl Fn(Word, Word) -> Word) -> Self {
        let mut combined = self;
        combined.0.iter_mut().zip(other.0).for_each(|(word, other)| *word = combine(*word, other));
        combined
    }
}

impl Default for NodeSet {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl From<Node> for NodeSet {
    /// Returns the set of one node.
    fn from(node: Node) -> Self {
        let mut set = Self::EMPTY;
        set.insert(node);
        set
    }
}

impl FromIterator<Node> for NodeSet {
    fn from_iter<I: IntoIterator<Item = Node>>(nodes: I) -> Self {
        let mut set = Self::EMPTY;
        set.extend(nodes);
        set
    }
}

impl Extend<Node> for NodeSet {
    fn extend<I: IntoIterator<Item = Node>>(&mut self, nodes: I) {
        for node in nodes {
            self.insert(node);
        }
    }
}

impl IntoIterator for NodeSet {
    type Item = Node;
    type IntoIter = NodeSetIter;

    fn into_iter(self) -> NodeSetIter {
        self.iter()
    }
}

impl IntoIterator for &NodeSet {
    type Item = Node;
    type IntoIter = NodeSetIter;

    fn into_iter(self) -> NodeSetIter {
        self.iter()
    }
}

/// The nodes of a [`NodeSet`] in ascending order.
///
/// ```
/// use numars::{Node, NodeSet};
/// let nodes: NodeSet = "0-2".parse()?;
/// assert!(nodes.iter().rev().map(Node::number).eq([2, 1, 0]));
/// # Ok::<(), numars::ParseListError>(())
/// ```
#[derive(Clone, Debug)]
pub struct NodeSetIter {
    /// The nodes that are left.
    nodes: NodeSet,
    /// No node is left in the words before this one.
    next: usize,
    /// Nor in this word and those after it.
    end: usize,
}

impl Iterator for NodeSetIter {
    type Item = Node;

    fn next(&mut self) -> Option<Node> {
        while self.next < self.end {
            let word = self.nodes.0.get_mut(self.next)?;
            if *word != 0 {
                let bit = word.trailing_zeros() as usize;
                *word &= *word - 1;
                return Node::new(self.next * WORD_BITS + bit);
            }
            self.next += 1;
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.nodes.len();
        (count, Some(count))
    }
}

impl DoubleEndedIterator for NodeSetIter {
    fn next_back(&mut self) -> Option<Node> {
        while self.next < self.end {
            let last = self.end - 1;
            let word = self.nodes.0.get_mut(last)?;
            if let Some(bit) = word.checked_ilog2() {
                *word &= !(1 << bit);
                return Node::new(last * WORD_BITS + bit as usize);
            }
            self.end = last;
        }
        None
    }
}

impl ExactSizeIterator for NodeSetIter {}
impl FusedIterator for NodeSetIter {}

/// Implements an operator and its form that assigns.
macro_rules! operator {
    ($trait:ident $function:ident $assign_trait:ident $assign_function:ident: $combine:expr) => {
        impl $trait for NodeSet {
            type Output = NodeSet;

            fn $function(self, other: NodeSet) -> NodeSet {
                self.combine(other, $combine)
            }
        }

        impl $assign_trait for NodeSet {
            fn $assign_function(&mut self, other: NodeSet) {
                *self = self.combine(other, $combine);
            }
        }
    };
}

operator!(BitOr bitor BitOrAssign bitor_assign: |word, other| word | other);
operator!(BitAnd bitand BitAndAssign bitand_assign: |word, other| word & other);
operator!(BitXor bitxor BitXorAssign bitxor_assign: |word, other| word ^ other);
operator!(Sub sub SubAssign sub_assign: |word, other| word & !other);

impl FromStr for NodeSet {
    type Err = ParseListError;

    /// Parses the kernel's list format: `0-3,8`, `0-31:2/16` for the first two of each 16 nodes, or an empty string; a newline may follow.
    fn from_str(list: &str) -> Result<Self, ParseListError> {
        let mut set = Self::EMPTY;
        list_format::parse(list, MAX_NUMNODES, |number| {
            set.extend(Node::new(number));
            true
        })?;
        Ok(set)
    }
}

impl fmt::Display for NodeSet {
    /// Writes the kernel's list format, such as `0-3,8`; nothing for a set without nodes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list_format::write(f, self.iter().map(Node::number))
    }
}

impl fmt::Debug for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeSet({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::btree_set;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set(numbers: &BTreeSet<usize>) -> NodeSet {
        numbers.iter().filter_map(|&number| Node::new(number)).collect()
    }

    fn numbers(set: NodeSet) -> BTreeSet<usize> {
        set.iter().map(Node::number).collect()
    }

    #[test]
    fn a_node_has_a_number_that_a_kernel_can_give_it() {
        assert_eq!(Node::new(MAX_NUMNODES - 1), Some(Node::MAX));
        assert_eq!(Node::try_from(MAX_NUMNODES), Err(Errno(EINVAL)));
        assert_eq!(Node::new(usize::MAX), None);
        assert_eq!(format!("{:?} {:>3}", Node::MAX, Node::new(7).unwrap()), "Node(1023)   7");
    }

    #[test]
    fn a_set_is_shown_as_a_list() {
        assert_eq!(format!("{:?}", set(&[0, 1, 2, 9].into())), "NodeSet(0-2,9)");
        assert_eq!(NodeSet::EMPTY.to_string(), "");
        assert_eq!(NodeSet::range(Node::MAX, Node::new(0).unwrap()), NodeSet::EMPTY);
    }

    proptest! {
        #[test]
        fn operators_are_those_of_sets(a in btree_set(0..1024_usize, 0..50), b in btree_set(0..1024_usize, 0..50)) {
            let (x, y) = (set(&a), set(&b));
            prop_assert_eq!(numbers(x | y), &a | &b);
            prop_assert_eq!(numbers(x & y), &a & &b);
            prop_assert_eq!(numbers(x ^ y), &a ^ &b);
            prop_assert_eq!(numbers(x - y), &a - &b);
            prop_assert_eq!((x.is_subset(&y), x.is_disjoint(&y)), (a.is_subset(&b), a.is_disjoint(&b)));
            prop_assert_eq!((x.len(), x.is_empty(), x == y), (a.len(), a.is_empty(), a == b));
            prop_assert_eq!((x.first().map(usize::from), x.last().map(usize::from)), (a.first().copied(), a.last().copied()));
            prop_assert_eq!(NodeSet::from_mask(&x.to_mask()), x);
        }

        #[test]
        fn iterators_meet_in_the_middle(a in btree_set(0..1024_usize, 0..20), ends in proptest::collection::vec(any::<bool>(), 25)) {
            let (mut nodes, mut expected) = (set(&a).iter(), a.iter());
            for back in ends {
                prop_assert_eq!(nodes.len(), expected.len());
                let (node, number) = if back { (nodes.next_back(), expected.next_back()) } else { (nodes.next(), expected.next()) };
                prop_assert_eq!(node.map(usize::from), number.copied());
            }
        }
    }
}

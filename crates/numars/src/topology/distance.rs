//! The distance between two nodes, and nodes by their distance from one.

use super::Topology;
use crate::{Node, NodeSet};
use core::fmt;
use core::iter::FusedIterator;
use core::num::NonZeroU8;

/// The distance from one node to another as the firmware gives it: 10 from a node to itself, 20 for a latency that is twice as high.
///
/// ```
/// use numars::Distance;
/// let far = Distance::new(21).unwrap();
/// assert!(Distance::LOCAL < far && !far.is_local());
/// assert_eq!((far.value(), far.to_string()), (21, "21".to_string()));
/// assert_eq!((Distance::LOCAL.value(), Distance::new(0)), (10, None));
/// assert!(Distance::LOCAL.is_local());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Distance(NonZeroU8);

impl Distance {
    /// The distance from a node to itself.
    pub const LOCAL: Distance = Distance(NonZeroU8::new(10).unwrap());

    /// Returns the distance with this value; `None` for 0.
    pub const fn new(value: u8) -> Option<Distance> {
        match NonZeroU8::new(value) {
            Some(value) => Some(Distance(value)),
            None => None,
        }
    }

    /// Returns the value; 255 also stands for every larger one.
    pub const fn value(self) -> u8 {
        self.0.get()
    }

    /// Returns whether this is [`Distance::LOCAL`].
    pub const fn is_local(self) -> bool {
        self.value() == Distance::LOCAL.value()
    }
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Distance({})", self.0)
    }
}

impl Topology {
    /// Returns the distance from one node to another; `None` if it is unknown, because one of them does not exist or the firmware does not
    /// state it.
    ///
    /// ```
    /// use numars::{Distance, Node, Topology};
    /// let topology = Topology::read()?;
    /// if let Some(node) = Node::current() {
    ///     assert_eq!(topology.distance(node, node).unwrap_or(Distance::LOCAL), Distance::LOCAL);
    /// }
    /// for absent in (0..1024).filter_map(Node::new).filter(|&node| !topology.nodes().contains(node)) {
    ///     assert_eq!(topology.distance(absent, absent), None);
    /// }
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn distance(&self, from: Node, to: Node) -> Option<Distance> {
        self.kernel().distance(from.number(), to.number()).and_then(Distance::new)
    }

    /// Returns the nodes with memory, the nearest to `from` first. That is `from` itself if it has memory. Nodes at the same distance are in
    /// ascending order, and those whose distance is unknown are the last ones.
    ///
    /// ```
    /// use numars::{Node, Topology};
    /// let topology = Topology::read()?;
    /// let near = topology.nodes_by_distance(Node::current().unwrap_or(Node::MAX)).next();
    /// assert!(topology.nodes_with_memory().contains(near.unwrap()));
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn nodes_by_distance(&self, from: Node) -> NodesByDistance<'_> {
        NodesByDistance { topology: self, from, rest: self.nodes_with_memory() }
    }
}

/// The nodes with memory, the nearest first: see [`Topology::nodes_by_distance`].
///
/// ```
/// use numars::{Node, Topology};
/// let topology = Topology::read()?;
/// let nodes = topology.nodes_by_distance(Node::MAX);
/// assert_eq!(nodes.len(), topology.nodes_with_memory().len());
/// # Ok::<(), numars::Errno>(())
/// ```
#[derive(Clone, Debug)]
pub struct NodesByDistance<'a> {
    topology: &'a Topology,
    from: Node,
    /// The nodes that were not returned yet.
    rest: NodeSet,
}

impl Iterator for NodesByDistance<'_> {
    type Item = Node;

    fn next(&mut self) -> Option<Node> {
        let key = |node| {
            let distance = self.topology.distance(self.from, node);
            (node != self.from, distance.is_none(), distance, node)
        };
        let nearest = self.rest.iter().min_by_key(|&node| key(node))?;
        self.rest.remove(nearest);
        Some(nearest)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.rest.len();
        (count, Some(count))
    }
}

impl ExactSizeIterator for NodesByDistance<'_> {}
impl FusedIterator for NodesByDistance<'_> {}

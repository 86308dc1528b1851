//! How pages are distributed over several nodes.

use crate::bitmask::Bits;
use crate::migrate::{PlacementMode, PlacementRequest};
use crate::node::NodeSet;

/// How pages are distributed over several nodes: what [`Move::place_range`](crate::Move::place_range) and
/// [`Move::place_process`](crate::Move::place_process) take.
///
/// Huge pages are placed as a whole.
///
/// ```
/// use numars::{Move, NodeSet, Placement};
/// let table = vec![1u8; 1 << 16];
/// let nodes: NodeSet = "0".parse().unwrap();
/// match Move::new().place_memory(&table, &Placement::interleave(nodes)) {
///     Ok(stats) => println!("{stats}"),
///     Err(error) => println!("{error}"),
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Placement<'a> {
    mode: PlacementMode,
    nodes: NodeSet,
    weights: Option<&'a [u8]>,
    set_policy: bool,
}

impl<'a> Placement<'a> {
    const fn new(mode: PlacementMode, nodes: NodeSet) -> Self {
        Placement { mode, nodes, weights: None, set_policy: false }
    }

    /// Fills the nodes in numerical order, and continues with the next one when one is full. Pages on a node that was filled before stay.
    ///
    /// ```
    /// use numars::{Errno, Move, NodeSet, Placement};
    /// let nodes: NodeSet = "0-1".parse()?;
    /// let placement = Placement::pack(nodes);
    /// assert_eq!(placement.nodes(), nodes);
    /// // It takes no weights.
    /// let weighted = Move::new().place_memory(&[1u8; 10], &placement.weights(&[3, 1]));
    /// assert_eq!(weighted.unwrap_err().errno(), Errno::EINVAL);
    /// # Ok::<(), numars::ParseListError>(())
    /// ```
    pub const fn pack(nodes: NodeSet) -> Self {
        Self::new(PlacementMode::Pack, nodes)
    }

    /// Distributes page by page, in numerical order of the nodes, as MPOL_INTERLEAVE allocates them: the n-th page of a file, or the page number
    /// of anonymous memory, modulo the number of nodes.
    ///
    /// ```
    /// use numars::{Move, NodeSet, Placement, count_pages};
    /// let (table, mut per_node) = (vec![1u8; 1 << 16], [0; 64]);
    /// let placement = Placement::interleave("0".parse::<NodeSet>().unwrap());
    /// if let Ok(stats) = Move::new().place_memory(&table, &placement) {
    ///     let pages = count_pages(&table, &mut per_node)?;
    ///     assert!(stats.unmoved() > 0 || per_node[0] == pages); // all pages are on the only node
    /// }
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub const fn interleave(nodes: NodeSet) -> Self {
        Self::new(PlacementMode::Interleave, nodes)
    }

    /// Distributes as [`interleave`](Placement::interleave), with as many pages in a row on each node as its weight says
    /// (MPOL_WEIGHTED_INTERLEAVE). Without [`weights`](Placement::weights), they are those of the kernel (since Linux 6.9).
    ///
    /// ```
    /// use numars::{NodeSet, Placement};
    /// // Three pages on node 0 for each page on node 1.
    /// let placement = Placement::weighted("0-1".parse::<NodeSet>()?).weights(&[3, 1]);
    /// # Ok::<(), numars::ParseListError>(())
    /// ```
    pub const fn weighted(nodes: NodeSet) -> Self {
        Self::new(PlacementMode::Weighted, nodes)
    }

    /// Moves as few pages as possible, until each node holds its share of them: an equal one, or one by the [`weights`](Placement::weights).
    /// Pages on other nodes all move.
    ///
    /// ```
    /// use numars::{Move, NodeSet, Placement, count_pages};
    /// let (table, mut per_node) = (vec![1u8; 1 << 16], [0; 64]);
    /// let placement = Placement::balance("0".parse::<NodeSet>().unwrap());
    /// if let Ok(stats) = Move::new().place_memory(&table, &placement) {
    ///     let pages = count_pages(&table, &mut per_node)?;
    ///     assert!(stats.unmoved() > 0 || per_node[0] == pages); // the share of the only node is all pages
    /// }
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub const fn balance(nodes: NodeSet) -> Self {
        Self::new(PlacementMode::Balance, nodes)
    }

    /// Sets the weights of the nodes, by their numbers. Nodes beyond the slice have weight 1. For [`weighted`](Placement::weighted) and
    /// [`balance`](Placement::balance). With other modes, placing fails with EINVAL, as it does with a weight of 0.
    ///
    /// ```
    /// use numars::{Errno, Move, NodeSet, Placement};
    /// let (table, nodes) = (vec![1u8; 1 << 16], "0".parse::<NodeSet>().unwrap());
    /// let placed = Move::new().place_memory(&table, &Placement::balance(nodes).weights(&[0]));
    /// assert_eq!(placed.unwrap_err().errno(), Errno::EINVAL);
    /// ```
    pub const fn weights(self, weights: &'a [u8]) -> Self {
        Placement { weights: Some(weights), ..self }
    }

    /// Sets whether mbind(2) also gives the memory the policy that corresponds to the placement, so that pages that are allocated later follow and
    /// automatic NUMA balancing leaves them alone: MPOL_BIND, MPOL_INTERLEAVE, MPOL_WEIGHTED_INTERLEAVE, and for
    /// [`balance`](Placement::balance) MPOL_INTERLEAVE. Only for the calling process and without [`weights`](Placement::weights), otherwise
    /// placing fails with EINVAL.
    ///
    /// ```
    /// use numars::{Move, NodeSet, Placement};
    /// let table = vec![1u8; 1 << 20];
    /// let placement = Placement::balance("0".parse::<NodeSet>().unwrap()).set_policy(true);
    /// if let Err(error) = Move::new().place_memory(&table, &placement) {
    ///     println!("{error}");
    /// }
    /// ```
    pub const fn set_policy(self, set_policy: bool) -> Self {
        Placement { set_policy, ..self }
    }

    /// Returns the nodes.
    pub const fn nodes(&self) -> NodeSet {
        self.nodes
    }

    /// Returns the placement that the engine takes. `nodes` are the bits of [`Placement::nodes`].
    pub(crate) fn request<'b>(&self, nodes: Bits<'b>) -> PlacementRequest<'b>
    where
        'a: 'b,
    {
        PlacementRequest { mode: self.mode, nodes, weights: self.weights, set_policy: self.set_policy }
    }
}

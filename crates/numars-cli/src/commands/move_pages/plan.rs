//! What a move would do, computed from the numbers of pages on the nodes.

use super::interleave::Interleaved;
use crate::mappings::read_file;
use crate::node_pages::{PageCounts, bytes};
use numars::{Node, NodeSet, Placement};
use schemars::JsonSchema;
use serde::Serialize;

/// Which pages move to which of the target nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Those of these nodes, the i-th node's to the i-th target node, as migrate_pages(2).
    From(NodeSet),
    /// All, to the first node that is not full.
    Pack,
    /// All, page by page to one node after the other.
    Interleave,
    /// All, as `Interleave` with the kernel's weights.
    Weighted,
    /// As few as possible, until all nodes have the same number.
    Balance,
}

impl Method {
    /// Returns the method if none is given: to the only node, or balanced over several.
    pub fn for_nodes(to: NodeSet) -> Method {
        if to.len() == 1 { Method::Pack } else { Method::Balance }
    }

    /// Returns how the library distributes pages to the target nodes; for [`Method::From`], it is asked for each node.
    pub fn placement(self, to: NodeSet) -> Placement<'static> {
        match self {
            Method::Interleave => Placement::interleave(to),
            Method::Weighted => Placement::weighted(to),
            Method::Balance => Placement::balance(to),
            Method::Pack | Method::From(_) => Placement::pack(to),
        }
    }
}

/// What would move.
#[derive(Serialize, JsonSchema, Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The bytes that are not on their target nodes, and would move.
    pub bytes_to_move: u64,
    /// Whether `bytes_to_move` and the sizes of `targets` are estimates: which page goes to which node depends on its address, or on how full
    /// nodes become.
    pub is_estimate: bool,
    /// Whether the free memory of each target node suffices. null: unknown.
    pub fits: Option<bool>,
    /// How much of the process is shared with others, and stays without `--shared-pages`, in bytes. null: unknown, or it would move.
    pub shared_bytes: Option<u64>,
    /// The target nodes.
    pub targets: Vec<PlanTarget>,
}

/// A target node of a move.
#[derive(Serialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
pub struct PlanTarget {
    /// The node.
    pub node: usize,
    /// The bytes of the process that are on it.
    pub bytes_now: u64,
    /// The bytes of the process that would be on it.
    pub bytes_after: u64,
    /// The free memory of the node in bytes. null: unknown.
    pub free_bytes: Option<u64>,
}

/// Returns the node to which pages of a node move, as migrate_pages(2) maps them; `None`: they stay.
pub fn target_of(from: NodeSet, to: NodeSet, node: Node) -> Option<Node> {
    if to.is_empty() || (from.len() != to.len() && to.contains(node)) {
        return None;
    }
    let index = from.iter().position(|other| other == node)?;
    to.iter().nth(index.checked_rem(to.len())?)
}

/// Returns the number of pages whose outcome a move reports.
pub fn pages_to_look_at(method: Method, to: NodeSet, counts: &PageCounts) -> u64 {
    match method {
        Method::From(from) => {
            let moves =
                |&(node, _): &(usize, u64)| Node::new(node).is_some_and(|node| target_of(from, to, node).is_some());
            counts.iter().filter(moves).fold(0, |sum, (_, pages)| sum.saturating_add(pages))
        }
        _ => counts.total(),
    }
}

impl Plan {
    /// Returns what a move does with ranges whose pages were counted. `free` returns the free bytes of a node, `weight` the kernel's weight,
    /// `interleaved` is what interleaving does with each page, if that is known.
    pub fn compute(
        method: Method,
        to: NodeSet,
        ranges: &[PageCounts],
        weight: &dyn Fn(Node) -> u64,
        free: &dyn Fn(Node) -> Option<u64>,
        interleaved: Option<Interleaved>,
    ) -> Plan {
        let mut now = PageCounts::new();
        ranges.iter().for_each(|counts| now.add(counts));
        // The pages on each target node afterwards, and those that move.
        let mut after = vec![0u64; to.len()];
        let mut moves = 0u64;
        match (method, interleaved) {
            (Method::Interleave | Method::Weighted, Some(interleaved)) => {
                (moves, after) = (interleaved.moves, interleaved.after)
            }
            (Method::From(from), _) => {
                for (slot, node) in after.iter_mut().zip(to) {
                    *slot = now.on(node.number());
                }
                for (node, pages) in now.iter() {
                    let target = Node::new(node).and_then(|node| target_of(from, to, node));
                    let Some(target) = target.filter(|target| target.number() != node) else { continue };
                    moves = moves.saturating_add(pages);
                    for (slot, other) in after.iter_mut().zip(to) {
                        if other == target {
                            *slot = slot.saturating_add(pages);
                        } else if other.number() == node {
                            *slot = slot.saturating_sub(pages);
                        }
                    }
                }
            }
            (Method::Pack, _) => {
                let mut rest = now.total();
                for (index, node) in to.iter().enumerate() {
                    let room = free(node).map_or(u64::MAX, |free| free / bytes(1).max(1));
                    let is_last = index + 1 == to.len();
                    let pages = if is_last { rest } else { rest.min(now.on(node.number()).saturating_add(room)) };
                    rest -= pages;
                    if let Some(slot) = after.get_mut(index) {
                        *slot = pages;
                    }
                }
                let stay = after.iter().zip(to).map(|(&after, node)| after.min(now.on(node.number())));
                moves = now.total().saturating_sub(stay.sum());
            }
            (Method::Interleave | Method::Weighted | Method::Balance, _) => {
                let weights: Vec<u64> =
                    to.iter().map(|node| if method == Method::Weighted { weight(node).max(1) } else { 1 }).collect();
                for counts in ranges {
                    let shares = shares(counts.total(), &weights);
                    let total = u128::from(counts.total().max(1));
                    let mut stay = 0u64;
                    for ((slot, &share), node) in after.iter_mut().zip(&shares).zip(to) {
                        *slot = slot.saturating_add(share);
                        let on = counts.on(node.number());
                        stay = stay.saturating_add(match method {
                            Method::Balance => on.min(share),
                            // As many of them as of all pages.
                            _ => (u128::from(on) * u128::from(share) / total) as u64,
                        });
                    }
                    moves = moves.saturating_add(counts.total().saturating_sub(stay));
                }
            }
        }
        let targets: Vec<PlanTarget> = to
            .iter()
            .zip(after)
            .map(|(node, after)| PlanTarget {
                node: node.number(),
                bytes_now: bytes(now.on(node.number())),
                bytes_after: bytes(after),
                free_bytes: free(node),
            })
            .collect();
        let fits = |target: &PlanTarget| {
            let more = target.bytes_after.saturating_sub(target.bytes_now);
            if more == 0 { Some(true) } else { target.free_bytes.map(|free| more <= free) }
        };
        let fit: Vec<Option<bool>> = targets.iter().map(fits).collect();
        Plan {
            bytes_to_move: bytes(moves),
            is_estimate: match method {
                Method::From(_) | Method::Balance => false,
                Method::Pack => to.len() > 1,
                Method::Interleave | Method::Weighted => to.len() > 1,
            },
            fits: if fit.contains(&Some(false)) {
                Some(false)
            } else if fit.contains(&None) {
                None
            } else {
                Some(true)
            },
            shared_bytes: None,
            targets,
        }
    }
}

/// Divides pages by weights; what is left goes to the first ones.
fn shares(pages: u64, weights: &[u64]) -> Vec<u64> {
    let total: u128 = weights.iter().map(|&weight| u128::from(weight)).sum::<u128>().max(1);
    let mut shares: Vec<u64> =
        weights.iter().map(|&weight| (u128::from(pages) * u128::from(weight) / total) as u64).collect();
    let rest = pages.saturating_sub(shares.iter().sum());
    for share in shares.iter_mut().take(usize::try_from(rest).unwrap_or(usize::MAX)) {
        *share += 1;
    }
    shares
}

/// Reads how much memory of a process other processes have mapped too, in bytes.
pub fn read_shared(pid: i32) -> Option<u64> {
    parse_shared(&read_file(pid, "smaps_rollup").ok()?)
}

fn parse_shared(rollup: &str) -> Option<u64> {
    let value = |name: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Some(value("Shared_Clean:")?.saturating_add(value("Shared_Dirty:")?).saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pages: &[usize]) -> PageCounts {
        let mut counts = PageCounts::new();
        for (slot, pages) in counts.as_mut_slice().iter_mut().zip(pages) {
            *slot = *pages;
        }
        counts
    }

    fn set(list: &str) -> NodeSet {
        list.parse().unwrap()
    }

    /// The pages that move, those on each target node afterwards, whether they fit, and whether this is an estimate.
    fn plan(method: Method, to: &str, ranges: &[&[usize]], free_pages: u64) -> (u64, Vec<u64>, Option<bool>, bool) {
        let ranges: Vec<PageCounts> = ranges.iter().map(|pages| counts(pages)).collect();
        let weight = |node: Node| if node.number() == 0 { 3 } else { 1 };
        let plan = Plan::compute(method, set(to), &ranges, &weight, &|_| Some(bytes(free_pages)), None);
        let after = plan.targets.iter().map(|target| target.bytes_after / bytes(1)).collect();
        (plan.bytes_to_move / bytes(1), after, plan.fits, plan.is_estimate)
    }

    #[test]
    fn all_pages_go_to_a_single_node() {
        assert_eq!(plan(Method::Pack, "1", &[&[100, 20]], 100), (100, vec![120], Some(true), false));
        assert_eq!(plan(Method::Pack, "1", &[&[100, 20], &[1]], 100), (101, vec![121], Some(false), false));
        assert_eq!(plan(Method::Interleave, "1", &[&[100, 20]], 100), (100, vec![120], Some(true), false));
    }

    #[test]
    fn packing_fills_one_node_after_the_other() {
        assert_eq!(plan(Method::Pack, "1-2", &[&[100, 20, 5]], 60), (100, vec![80, 45], Some(true), true));
        assert_eq!(plan(Method::Pack, "1-2", &[&[1000]], 60).2, Some(false));
    }

    #[test]
    fn balancing_moves_what_exceeds_the_share_of_each_range() {
        assert_eq!(plan(Method::Balance, "0-3", &[&[100]], 1000), (75, vec![25; 4], Some(true), false));
        assert_eq!(plan(Method::Balance, "1-3", &[&[90, 30]], 1000), (90, vec![40; 3], Some(true), false));
        assert_eq!(plan(Method::Balance, "0-1", &[&[10, 0], &[0, 10]], 1000), (10, vec![10; 2], Some(true), false));
    }

    #[test]
    fn interleaving_moves_all_but_those_that_are_there_by_chance() {
        assert_eq!(plan(Method::Interleave, "0-3", &[&[100]], 1000), (75, vec![25; 4], Some(true), true));
        assert_eq!(plan(Method::Weighted, "0-1", &[&[100, 100]], 1000), (100, vec![150, 50], Some(true), true));
        let interleaved = Interleaved { moves: 7, after: vec![60, 40] };
        let plan =
            Plan::compute(Method::Interleave, set("0-1"), &[counts(&[100])], &|_| 1, &|_| None, Some(interleaved));
        assert_eq!((plan.bytes_to_move, plan.targets[1].bytes_after, plan.fits), (bytes(7), bytes(40), None));
    }

    #[test]
    fn from_maps_node_to_node_as_migrate_pages_does() {
        let target = |from, to, node| target_of(set(from), set(to), Node::new(node).unwrap()).map(|node| node.number());
        assert_eq!([0, 1, 2].map(|node| target("0-1", "2-3", node)), [Some(2), Some(3), None]);
        assert_eq!([0, 1, 2].map(|node| target("0-2", "3", node)), [Some(3); 3]);
        assert_eq!([0, 1].map(|node| target("0-1", "1-2", node)), [Some(1), Some(2)]);
        // With different numbers, pages on nodes in both sets stay.
        assert_eq!([0, 1].map(|node| target("0-1", "1", node)), [Some(1), None]);
        assert_eq!(target("0", "", 0), None);
        assert_eq!(plan(Method::From(set("0-1")), "1-2", &[&[5, 7, 1]], 100), (12, vec![5, 8], Some(true), false));
        assert_eq!(plan(Method::From(set("3")), "1", &[&[5, 7]], 0), (0, vec![7], Some(true), false));
        assert_eq!(pages_to_look_at(Method::From(set("0-1")), set("1"), &counts(&[5, 7, 1])), 5);
        assert_eq!(pages_to_look_at(Method::Pack, set("1"), &counts(&[5, 7, 1])), 13);
    }

    #[test]
    fn shares_add_up() {
        assert_eq!(shares(10, &[1, 1, 1]), [4, 3, 3]);
        assert_eq!(shares(u64::MAX, &[255, 1]).iter().sum::<u64>(), u64::MAX);
        assert_eq!(shares(10, &[]), [0; 0]);
        assert_eq!(parse_shared("a\nShared_Clean:  3 kB\nShared_Dirty:   1 kB\n"), Some(4096));
        assert_eq!(parse_shared(""), None);
    }
}

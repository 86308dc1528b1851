//! Lists of nodes on the command line.

use crate::failure::{Failure, Result, bad_list};
use numars::{NodeSet, Topology};

/// Returns the nodes of a list such as `0-3`, `tier:4` or `fastest`, at least one.
pub fn parse(topology: &Topology, list: &str) -> Result<NodeSet> {
    let nodes = topology.parse_nodes_all(list).map_err(|error| bad_list(list, &error))?;
    if nodes.is_empty() {
        return Err(Failure::usage(format!("\"{list}\" has no nodes")).hint("numars nodes shows those that exist"));
    }
    Ok(nodes)
}

/// Returns the nodes of a list to which pages can move: those that have memory. A node that is named and has none is a failure; one that is part
/// of `all` or of `!0` is left out.
pub fn parse_targets(topology: &Topology, list: &str) -> Result<NodeSet> {
    let (nodes, with_memory) = (parse(topology, list)?, topology.nodes_with_memory());
    let without = nodes - with_memory;
    let is_named = !list.contains("all") && !list.contains('!');
    if without.is_empty() || (!is_named && !nodes.is_disjoint(&with_memory)) {
        return Ok(nodes & with_memory);
    }
    let verb = if without.len() == 1 { "has" } else { "have" };
    Err(Failure::new(format!("{} {verb} no memory", named(without)))
        .hint(format!("memory is on {}; see numars nodes", named(with_memory))))
}

/// Returns `node 3` or `nodes 0-2`.
pub fn named(nodes: NodeSet) -> String {
    match nodes.len() {
        0 => "no node".into(),
        1 => format!("node {nodes}"),
        _ => format!("nodes {nodes}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_wrong_is_a_usage_failure_and_nodes_have_names() {
        let Ok(topology) = Topology::read() else { return };
        for wrong in ["", "x", "999999", "0-"] {
            assert!(parse(&topology, wrong).is_err(), "{wrong}");
        }
        let all = parse_targets(&topology, "all").unwrap();
        assert_eq!(all, topology.nodes_with_memory());
        let set = |list: &str| list.parse::<NodeSet>().unwrap();
        assert_eq!([set(""), set("3"), set("0-2")].map(named), ["no node", "node 3", "nodes 0-2"]);
    }
}

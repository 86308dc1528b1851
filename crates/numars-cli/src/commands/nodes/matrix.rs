//! The distances between nodes, of many nodes too.

use crate::grid::{Field, Grid};
use crate::machine::Machine;
use crate::text::counted;
use crate::units;

/// Nodes that have the same distances to all others, and to each other.
struct Group {
    /// Their positions in the machine.
    members: Vec<usize>,
}

/// Returns a line that says how large the machine is.
pub fn summary(machine: &Machine) -> String {
    let cpus: usize = machine.nodes.iter().map(|node| node.cpu_count).sum();
    let memory = machine.nodes.iter().filter_map(|node| node.memory_bytes).fold(0, u64::saturating_add);
    format!("{}, {}, {} of memory", counted(machine.nodes.len(), "node"), counted(cpus, "CPU"), units::bytes(memory))
}

/// Returns the matrix of distances. If it is `folded`, nodes with the same distances are one row and one column.
pub fn grid(machine: &Machine, folded: bool) -> Grid {
    let groups = match folded {
        true => groups(&machine.distances),
        false => (0..machine.distances.len()).map(|node| Group { members: vec![node] }).collect(),
    };
    let names: Vec<String> = groups.iter().map(|group| name(machine, group)).collect();
    let value = |from: usize, to: usize| distance(&machine.distances, &groups[from], &groups[to]);
    let all = || machine.distances.iter().flatten().flatten().copied();
    let (smallest, largest) = (all().min().unwrap_or(10), all().max().unwrap_or(10));
    let heat = |value: u8| f64::from(value - smallest) / f64::from((largest - smallest).max(1));
    let row = |(from, name): (usize, &String)| {
        let fields = (0..groups.len()).map(|to| {
            // 10/21 of the nodes of a group to themselves and to each other.
            let (text, larger) = value(from, to);
            Field { text, heat: larger.map(heat) }
        });
        (name.clone(), fields.collect())
    };
    let rows = names.iter().enumerate().map(row).collect();
    Grid { corner: "distance", columns: names, marks: 0, rows }
}

/// Returns groups of nodes that can stand in one row and one column, in the order of their first nodes.
fn groups(distances: &[Vec<Option<u8>>]) -> Vec<Group> {
    let at = |from: usize, to: usize| distances.get(from).and_then(|row| row.get(to)).copied().flatten();
    let sums = Sums::new(distances);
    let mut groups: Vec<Group> = Vec::new();
    for node in 0..distances.len() {
        let fits = |group: &&mut Group| {
            let first = group.members[0];
            let alike = |other: usize| {
                other == node
                    || other == first
                    || at(first, other) == at(node, other) && at(other, first) == at(other, node)
            };
            let within = group.members.get(1).map_or(at(first, node), |&second| at(first, second));
            sums.may_be_alike(first, node, at)
                && at(first, first) == at(node, node)
                && group.members.iter().all(|&member| at(member, node) == within && at(node, member) == within)
                && (0..distances.len()).all(alike)
        };
        match groups.iter_mut().find(fits) {
            Some(group) => group.members.push(node),
            None => groups.push(Group { members: vec![node] }),
        }
    }
    groups
}

/// A sum over each row and each column: nodes whose sums differ need no comparison of all their distances.
struct Sums {
    rows: Vec<u64>,
    columns: Vec<u64>,
}

impl Sums {
    fn new(distances: &[Vec<Option<u8>>]) -> Self {
        let (mut rows, mut columns) = (vec![0_u64; distances.len()], vec![0_u64; distances.len()]);
        for (from, row) in distances.iter().enumerate() {
            for (to, &distance) in row.iter().enumerate().take(distances.len()) {
                rows[from] = rows[from].wrapping_add(term(to, distance));
                columns[to] = columns[to].wrapping_add(term(from, distance));
            }
        }
        Sums { rows, columns }
    }

    /// Returns whether the sums of two nodes, without their distances to themselves and to each other, are equal.
    fn may_be_alike(&self, a: usize, b: usize, at: impl Fn(usize, usize) -> Option<u8>) -> bool {
        let row = |node: usize| self.rows[node].wrapping_sub(term(a, at(node, a))).wrapping_sub(term(b, at(node, b)));
        let column =
            |node: usize| self.columns[node].wrapping_sub(term(a, at(a, node))).wrapping_sub(term(b, at(b, node)));
        row(a) == row(b) && column(a) == column(b)
    }
}

/// Mixes the number of a node and a distance.
fn term(node: usize, distance: Option<u8>) -> u64 {
    let mut bits = (node as u64) << 16 | distance.map_or(0x100, u64::from);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9).wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

/// Returns the numbers of the nodes of a group as a list.
fn name(machine: &Machine, group: &Group) -> String {
    let nodes: numars::NodeSet =
        group.members.iter().filter_map(|&member| numars::Node::new(machine.nodes[member].node)).collect();
    nodes.to_string()
}

/// Returns the distance between groups as text, and its larger value. Of a group to itself: that of a node to itself, and to the others.
fn distance(distances: &[Vec<Option<u8>>], from: &Group, to: &Group) -> (String, Option<u8>) {
    let at = |from: usize, to: usize| distances[from].get(to).copied().flatten();
    let shown = |value: Option<u8>| value.map_or("?".to_owned(), |value| value.to_string());
    let value = at(from.members[0], to.members[0]);
    match from.members.get(1) {
        Some(&second) if from.members == to.members => {
            let others = at(from.members[0], second);
            (format!("{}/{}", shown(value), shown(others)), value.max(others))
        }
        _ => (shown(value), value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(distances: &[&[u8]]) -> Vec<Vec<usize>> {
        let distances: Vec<Vec<Option<u8>>> =
            distances.iter().map(|row| row.iter().map(|&value| Some(value)).collect()).collect();
        groups(&distances).into_iter().map(|group| group.members).collect()
    }

    #[test]
    fn nodes_with_the_same_distances_are_one_row() {
        assert_eq!(members(&[&[10, 20], &[20, 10]]), [vec![0, 1]]);
        assert_eq!(members(&[&[10, 20, 40], &[20, 10, 40], &[40, 40, 10]]), [vec![0, 1], vec![2]]);
        assert_eq!(members(&[&[10, 20, 30], &[20, 10, 40], &[30, 40, 10]]), [vec![0], vec![1], vec![2]]);
        // Not if one way is longer than the other.
        assert_eq!(members(&[&[10, 20], &[21, 10]]), [vec![0], vec![1]]);
    }
}

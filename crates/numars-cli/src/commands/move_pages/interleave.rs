//! Which pages an interleaving placement would move: the target node of a page depends on its address.

use crate::commands::map::details::{self, HugePages};
use crate::mappings::Mapping;
use crate::node_pages::PageCounts;
use numars::{Errno, Node, NodeSet, PageStatus, Process};
use std::collections::BTreeMap;

/// The most pages that are looked at: beyond, the numbers of pages have to do.
const MAX_PAGES: u64 = 4 << 20;

/// Pages of one query.
const BATCH: usize = 16_384;

/// What interleaving would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interleaved {
    /// The number of pages that would move.
    pub moves: u64,
    /// The number of pages that would be on each target node, in ascending order of the nodes.
    pub after: Vec<u64>,
}

/// The target nodes with their weights.
struct Targets {
    nodes: Vec<Node>,
    /// For each node the sum of its weight and of those before it.
    ends: Vec<u64>,
}

impl Targets {
    fn new(to: NodeSet, weight: &dyn Fn(Node) -> u64) -> Targets {
        let add = |sum: &mut u64, node: Node| {
            *sum = sum.saturating_add(weight(node).max(1));
            Some(*sum)
        };
        Targets { nodes: to.iter().collect(), ends: to.iter().scan(0, add).collect() }
    }

    /// Returns the place of the target node of the n-th page, as MPOL_INTERLEAVE and MPOL_WEIGHTED_INTERLEAVE count them.
    fn place_of(&self, index: u64) -> Option<usize> {
        let turn = index.checked_rem(*self.ends.last()?)?;
        Some(self.ends.partition_point(|&end| end <= turn))
    }
}

/// Returns the number of the page at an address as the kernel counts it: the offset of the mapping, in the file or the address space, and that in
/// the mapping, each in whole pages. Pages are huge if `huge_size` is not 0 and the mapping has room for one there.
fn index_of(mapping: &Mapping, address: usize, huge_size: usize, page_size: usize) -> u64 {
    let huge_start = address.checked_div(huge_size).map(|number| number * huge_size);
    let is_inside = |start: &usize| mapping.start <= *start && huge_size <= mapping.end.saturating_sub(*start);
    let (start, size) = match huge_start.filter(is_inside) {
        Some(start) => (start, huge_size as u64),
        None => (address, page_size.max(1) as u64),
    };
    let from = if mapping.is_file { mapping.offset } else { mapping.start as u64 };
    (from / size).saturating_add(start.saturating_sub(mapping.start) as u64 / size)
}

/// Returns what interleaving would do with the pages of mappings, those that are selected of the `whole` ones; `None` if there are too many to
/// look at each.
pub fn compute(
    process: Process,
    whole: &[Mapping],
    selected: &[Mapping],
    to: NodeSet,
    weight: &dyn Fn(Node) -> u64,
    present: u64,
) -> Result<Option<Interleaved>, Errno> {
    if present > MAX_PAGES {
        return Ok(None);
    }
    let targets = Targets::new(to, weight);
    let page_size = numars::page_size().max(1);
    let huge_pages = details::read_huge_pages(process.pid()).unwrap_or_default();
    let mut result = Interleaved { moves: 0, after: vec![0; to.len()] };
    for mapping in selected {
        let contains = |whole: &&Mapping| whole.start <= mapping.start && mapping.end <= whole.end;
        let whole = whole.iter().find(contains).unwrap_or(mapping);
        let huge_size = if is_huge(&huge_pages, whole) { huge_page_size() } else { 0 };
        let length = BATCH * page_size;
        for start in (mapping.start..mapping.end).step_by(length) {
            let end = start.saturating_add(length).min(mapping.end);
            // Not to look at each page of what is mapped and was never used.
            let counts = PageCounts::of_range(process, start, end - start)?;
            if counts.total() == 0 {
                continue;
            }
            let addresses: Vec<usize> = (start..end).step_by(page_size).collect();
            let mut statuses = vec![PageStatus::UNKNOWN; addresses.len()];
            process.nodes_of_pages(&addresses, &mut statuses)?;
            for (&address, node) in addresses.iter().zip(&statuses).filter_map(|(a, status)| Some((a, status.node()?)))
            {
                let index = index_of(whole, address, huge_size, page_size);
                let Some(place) = targets.place_of(index) else { continue };
                result.moves += u64::from(targets.nodes.get(place) != Some(&node));
                if let Some(after) = result.after.get_mut(place) {
                    *after += 1;
                }
            }
        }
    }
    Ok(Some(result))
}

/// Returns whether most of a mapping is in huge pages.
fn is_huge(huge_pages: &BTreeMap<usize, HugePages>, mapping: &Mapping) -> bool {
    let huge = details::at(huge_pages, mapping.start);
    huge.is_some_and(|huge| huge.bytes >= mapping.len() as u64 / 2 && huge.bytes > 0)
}

/// Returns the size of transparent huge pages in bytes.
fn huge_page_size() -> usize {
    let size = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size").unwrap_or_default();
    size.trim().parse().unwrap_or(2 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(is_file: bool) -> Mapping {
        Mapping { start: 0x5000, end: 0x9000, permissions: String::new(), offset: 0x1000, is_file, name: String::new() }
    }

    #[test]
    fn pages_are_counted_in_files_and_in_the_address_space() {
        assert_eq!(index_of(&mapping(false), 0x6000, 0, 0x1000), 6);
        assert_eq!(index_of(&mapping(true), 0x6000, 0, 0x1000), 2);
        // Huge pages of 0x2000 bytes: of the whole pages before and in the mapping, and base pages where none has room.
        assert_eq!(index_of(&mapping(false), 0x7000, 0x2000, 0x1000), 2);
        assert_eq!(index_of(&mapping(false), 0x8000, 0x2000, 0x1000), 8);
    }

    #[test]
    fn weights_are_pages_in_a_row() {
        let to: NodeSet = "0,2".parse().unwrap();
        let weighted = Targets::new(to, &|node| if node.number() == 0 { 3 } else { 1 });
        let places: Vec<_> = (0..6).map(|index| weighted.place_of(index)).collect();
        assert_eq!(places, [0, 0, 0, 1, 0, 0].map(Some));
        let equal = Targets::new(to, &|_| 1);
        assert_eq!([0, 1, 2].map(|index| equal.place_of(index)), [0, 1, 0].map(Some));
        assert_eq!(Targets::new(NodeSet::EMPTY, &|_| 1).place_of(5), None);
    }

    #[test]
    fn pages_that_are_in_place_do_not_move() {
        let memory = vec![1u8; 1 << 20];
        let start = memory.as_ptr() as usize / 4096 * 4096;
        let mapping = Mapping { start, end: start + (1 << 20), ..mapping(false) };
        let Ok(node) = numars::node_of(&memory[..]) else { return };
        let Some(node) = node.node() else { return };
        let result = compute(Process::CURRENT, &[], &[mapping], node.into(), &|_| 1, 256).unwrap().unwrap();
        assert!(result.after[0] > 0 && result.moves < result.after[0], "{result:?}");
        assert_eq!(compute(Process::CURRENT, &[], &[], node.into(), &|_| 1, u64::MAX), Ok(None));
    }
}

//! The page map of a mapping: the node of each page, or of several at a time.

use super::PageMap;
use crate::mappings::Mapping;
use crate::node_pages::PageCounts;
use numars::{Errno, PageStatus, Process};
use std::collections::BTreeMap;

/// Pages of one query.
const BATCH: usize = 16_384;

/// Up to so many pages per cell, each page is looked at; beyond, the library counts the pages of a cell, and skips what is not in memory.
const MAX_PAGES_LOOKED_AT: u64 = 32;

/// Returns how many pages a cell stands for, a power of two, so that a mapping has `max_cells` cells at most.
pub fn pages_per_cell(pages: u64, max_cells: usize) -> u64 {
    pages.div_ceil((max_cells as u64).max(1)).checked_next_power_of_two().unwrap_or(u64::MAX).max(1)
}

/// Finds out where the pages of a mapping are.
pub fn read(process: Process, mapping: &Mapping, max_cells: usize) -> Result<PageMap, Errno> {
    let page_size = numars::page_size().max(1);
    let first = mapping.start / page_size;
    let pages = mapping.end.div_ceil(page_size).saturating_sub(first);
    let per_cell = pages_per_cell(pages as u64, max_cells);
    let mut chooser = Chooser::default();
    let cells = if per_cell <= MAX_PAGES_LOOKED_AT {
        let nodes = nodes_of(process, first, pages, page_size)?;
        nodes.chunks(per_cell as usize).map(|nodes| chooser.choose(&count(nodes))).collect()
    } else {
        let length = usize::try_from(per_cell).unwrap_or(usize::MAX).saturating_mul(page_size);
        let starts = (mapping.start..mapping.end).step_by(length);
        let of_cell = |start: usize| {
            let counts = PageCounts::of_range(process, start, length.min(mapping.end - start))?;
            Ok(chooser.choose(&counts.iter().collect::<Vec<_>>()))
        };
        starts.map(of_cell).collect::<Result<_, Errno>>()?
    };
    Ok(PageMap { pages_per_cell: per_cell, cells })
}

/// Chooses the nodes of cells whose pages are on several nodes, so that each node appears as often as it has pages.
#[derive(Default)]
struct Chooser {
    /// The pages of each node for which no cell has been chosen yet; negative if the cells stand for more.
    owed: BTreeMap<usize, i128>,
}

impl Chooser {
    /// Returns the node of a cell with these pages by node.
    fn choose(&mut self, counts: &[(usize, u64)]) -> Option<usize> {
        if let [] | [_] = counts {
            return counts.first().map(|&(node, _)| node);
        }
        for &(node, pages) in counts {
            *self.owed.entry(node).or_default() += i128::from(pages);
        }
        let owed = |node: usize| self.owed.get(&node).copied().unwrap_or(0);
        let total: i128 = counts.iter().map(|&(_, pages)| i128::from(pages)).sum();
        let chosen = counts.iter().map(|&(node, _)| node).min_by_key(|&node| (-owed(node), node))?;
        *self.owed.entry(chosen).or_default() -= total;
        Some(chosen)
    }
}

/// Counts pages by node.
fn count(nodes: &[Option<usize>]) -> Vec<(usize, u64)> {
    let mut counts = BTreeMap::new();
    for &node in nodes.iter().flatten() {
        *counts.entry(node).or_default() += 1;
    }
    counts.into_iter().collect()
}

/// Returns the node of each page, in queries of a limited size.
fn nodes_of(process: Process, first: usize, pages: usize, page_size: usize) -> Result<Vec<Option<usize>>, Errno> {
    let mut nodes = Vec::with_capacity(pages);
    let numbers: Vec<usize> = (first..first.saturating_add(pages)).collect();
    for batch in numbers.chunks(BATCH) {
        let addresses: Vec<usize> = batch.iter().map(|number| number.saturating_mul(page_size)).collect();
        let mut statuses = vec![PageStatus::UNKNOWN; addresses.len()];
        process.nodes_of_pages(&addresses, &mut statuses)?;
        nodes.extend(statuses.into_iter().map(|status| status.node().map(usize::from)));
    }
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stands_for_a_power_of_two_so_that_the_map_fits() {
        let per_cell = [1, 2048, 2049, 4096, 262_144, 1 << 50].map(|pages| pages_per_cell(pages, 2048));
        assert_eq!(per_cell, [1, 1, 2, 2, 128, 1 << 39]);
        assert_eq!(pages_per_cell(u64::MAX, 1), u64::MAX);
        assert_eq!(pages_per_cell(0, 0), 1);
    }

    #[test]
    fn nodes_appear_as_often_as_they_have_pages() {
        let cells = |counts: &[&[(usize, u64)]]| {
            let mut chooser = Chooser::default();
            counts.iter().map(|counts| chooser.choose(counts)).collect::<Vec<_>>()
        };
        let interleaved: &[(usize, u64)] = &[(0, 5), (1, 5), (3, 6)];
        let chosen = cells(&[interleaved; 16]);
        let times = |node| chosen.iter().filter(|&&chosen| chosen == Some(node)).count();
        assert_eq!([0, 1, 3].map(times), [5, 5, 6]);
        // Cells with pages of one node only show that one, whatever comes before.
        assert_eq!(cells(&[&[(0, 1), (1, 15)], &[(2, 16)], &[]]), [Some(1), Some(2), None]);
        assert_eq!(count(&[None, Some(3), Some(1), Some(3)]), [(1, 1), (3, 2)]);
    }

    #[test]
    fn both_ways_of_looking_agree() {
        let memory = vec![1u8; 3 << 20];
        let start = memory.as_ptr() as usize;
        let mapping = Mapping {
            start,
            end: start + memory.len(),
            permissions: String::new(),
            offset: 0,
            is_file: false,
            name: String::new(),
        };
        let (Ok(fine), Ok(coarse)) = (read(Process::CURRENT, &mapping, 4096), read(Process::CURRENT, &mapping, 4))
        else {
            return;
        };
        assert!(fine.pages_per_cell <= MAX_PAGES_LOOKED_AT && coarse.pages_per_cell > MAX_PAGES_LOOKED_AT);
        assert!(fine.cells.iter().chain(&coarse.cells).all(|node| node.is_some()));
    }
}

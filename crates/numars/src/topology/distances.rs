//! The distances between nodes, as the firmware gives them: 10 for near.

use super::kernel_files::{node_path, read_bytes};
use super::parse::NumberParser;
use crate::bitmask::Bits;
use crate::sys::files::FixedPath;
use crate::sys::memory::Arena;
use crate::sys::root::Root;
use core::num::NonZeroU8;

/// The distances between the nodes that existed when they were read.
#[derive(Clone, Copy)]
pub(super) struct Distances<'a> {
    /// The highest node plus one.
    side: usize,
    /// A row of `side` distances for each node; 0 is unknown.
    table: &'a [u8],
}

impl<'a> Distances<'a> {
    /// Returns how many bytes the distances between the nodes up to `max_node` take.
    pub(super) fn bytes(max_node: usize) -> usize {
        let side = max_node + 1;
        side.saturating_mul(side)
    }

    /// Reads the distances between `nodes`, which are all that exist and none is above `max_node`. What cannot be read stays as in
    /// `previous`. Returns them and whether all could be read. The memory comes from `parts`.
    pub(super) fn read(
        root: Root,
        nodes: Bits,
        max_node: usize,
        previous: Option<&Distances>,
        arena: &mut Arena<'a>,
    ) -> (Self, bool) {
        let side = max_node + 1;
        let table = arena.alloc_slice::<u8>(Self::bytes(max_node));
        table.fill(0);
        let mut is_complete = true;
        for (node, row) in table.chunks_mut(side.max(1)).enumerate().filter(|&(node, _)| nodes.contains(node)) {
            let mut record = |other: usize, distance| {
                if let Some(place) = row.get_mut(other) {
                    *place = distance;
                }
            };
            if !read_row(root, node, nodes, &mut record) {
                is_complete = false;
                nodes.iter().for_each(|other| {
                    record(
                        other,
                        previous.and_then(|previous| previous.between(node, other)).map_or(0, NonZeroU8::get),
                    );
                });
            }
        }
        (Distances { side, table }, is_complete)
    }

    /// Returns the distance between two nodes if it is known.
    #[inline(always)]
    pub(super) fn between(&self, from: usize, to: usize) -> Option<NonZeroU8> {
        if from >= self.side || to >= self.side {
            return None;
        }
        self.table.get(from * self.side + to).copied().and_then(NonZeroU8::new)
    }

    /// Returns whether both have the same contents.
    pub(super) fn is_same_as(&self, other: &Distances) -> bool {
        self.side == other.side && self.table.iter().zip(other.table).all(|(one, other)| one == other)
    }
}

/// Reads the distances from a node to `nodes`, which are all that exist. Returns whether they could be read.
pub(super) fn read_row(root: Root, node: usize, nodes: Bits, each: &mut dyn FnMut(usize, u8)) -> bool {
    parse_row(&node_path(root, node, b"distance"), nodes, each)
}

/// Parses the file of distances from a node, whose columns are the nodes that the kernel has, in order. Returns false if there are more
/// columns or fewer, as while a node comes or goes, because it is unknown to which nodes they belong.
pub(super) fn parse_row(file: &FixedPath, columns: Bits, each: &mut dyn FnMut(usize, u8)) -> bool {
    let (mut column, mut fits) = (columns.iter(), true);
    let mut number = NumberParser::default();
    read_bytes(file, &mut |byte| {
        if let Some(distance) = number.byte(byte) {
            match column.next() {
                Some(to) => each(to, u8::try_from(distance).unwrap_or(u8::MAX)),
                None => fits = false,
            }
        }
        byte != b'\n'
    });
    fits && column.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodeset::NodeMask;
    use crate::sys::testing::MemoryFile;

    #[test]
    fn distances_are_known_only_if_there_is_one_for_each_node() {
        let file = MemoryFile::holding(b"10 256 99999999999999999999 20 20");
        let read = |nodes: Bits| {
            let mut found = Vec::new();
            let fits = parse_row(&file.path(), nodes, &mut |node, distance| found.push((node, distance)));
            (fits, found)
        };
        assert_eq!(read(NodeMask::single(5).bits().as_bits()), (false, vec![(5, 10)]));
        let nodes = NodeMask::new();
        [0, 1, 4, 8, 100].into_iter().for_each(|node| nodes.bits().set(node));
        let all = vec![(0, 10), (1, u8::MAX), (4, u8::MAX), (8, 20), (100, 20)];
        assert_eq!(read(nodes.bits().as_bits()), (true, all));
        nodes.bits().set(101);
        assert!(!read(nodes.bits().as_bits()).0);
    }
}

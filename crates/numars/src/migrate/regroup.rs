//! Long requests whose pages all move or are in place: one call moves them, sorted by target node and address.
//!
//! The mover does the same, and also keeps track of pages that do not move. Here, such a page leaves the request to the mover.

use super::MF_MOVE_ALL;
use super::address_order::{count, is_ascending, sort_by_page, start_indices};
use super::batch::{get_or_default, set_checked};
use super::ops::MovePagesOps;
use super::plan::{NO_PAGE, is_valid_target};
use super::request::read_pages;
use super::status::STATUS_UNSET;
use crate::bitmask::Bits;
use crate::nodeset::{MAX_NUMNODES, NodeMask};
use crate::sys::memory::{self, Scratch};
use crate::sys::move_request::MoveRequest;
use crate::topology;

/// Bytes of scratch memory for each entry.
const BYTES_PER_ENTRY: usize = 2 * size_of::<usize>() + 6 * size_of::<i32>();

/// Upper bound for the places where the target changes, in the order of addresses, if only the pages near them are queried again.
const MAX_CHANGES: usize = 16;

/// Moves the pages of a request of at most [`MovePagesOps::MAX_ENTRIES`] entries. With `all_move`, every page is submitted, because none seems to
/// be on its target node. Returns whether all pages are on their target nodes, and the statuses are written. Otherwise the request may be
/// submitted again.
#[inline(never)]
pub fn regroup(kernel: &impl MovePagesOps, request: MoveRequest, flags: i32, all_move: bool) -> bool {
    let entries = request.count();
    let Some(mut scratch) = Scratch::new(entries * BYTES_PER_ENTRY) else { return false };
    let own_memory = scratch.range();
    let mut arena = scratch.arena();
    let mut list = List {
        pages: arena.alloc_slice(entries),
        submit_pages: arena.alloc_slice(entries),
        targets: arena.alloc_slice(entries),
        nodes: arena.alloc_slice(entries),
        submit_targets: arena.alloc_slice(entries),
        status: arena.alloc_slice(entries),
        page_bits: memory::page_size().trailing_zeros(),
    };
    let (first, second) = (arena.alloc_slice(entries), arena.alloc_slice(entries));
    read_pages(request, list.pages) == Ok(entries)
        && request.read_nodes(list.targets) == Ok(entries)
        && !list.pages.iter().any(|page| (own_memory.0..own_memory.1).contains(page))
        && list.move_all(kernel, flags, all_move, first, second)
        && request.write_statuses(list.targets) == Ok(entries)
}

/// The entries of a request, with one element of each slice for each entry, and those that are submitted.
struct List<'a> {
    pages: &'a mut [usize],
    targets: &'a mut [i32],
    /// The node of each page, or -1 if it was not queried.
    nodes: &'a mut [i32],
    submit_pages: &'a mut [usize],
    submit_targets: &'a mut [i32],
    status: &'a mut [i32],
    page_bits: u32,
}

impl List<'_> {
    /// Moves the pages. Returns whether all of them are on their target nodes.
    fn move_all(
        &mut self,
        kernel: &impl MovePagesOps,
        flags: i32,
        all_move: bool,
        first: &mut [u32],
        second: &mut [u32],
    ) -> bool {
        if all_move {
            self.nodes.fill(-1);
        } else {
            let is_queried = kernel.query_nodes(self.pages, self.nodes, flags).is_ok();
            if !is_queried || self.nodes.iter().any(|&node| node < 0) {
                return false;
            }
        }
        let is_sorted = is_ascending(self.pages, self.page_bits);
        let (order, spare) = sort_by_page(self.pages, self.page_bits, !is_sorted, first, second);
        let mut last = usize::MAX;
        let is_named_twice = |&entry: &u32| {
            let page = get_or_default(self.pages, entry as usize) >> self.page_bits;
            core::mem::replace(&mut last, page) == page
        };
        if !is_sorted && order.iter().any(is_named_twice) {
            return false;
        }
        let Some((pending, last_target)) = self.group(kernel, flags, order) else { return false };
        self.submit(kernel, flags, pending)
            && (last_target.is_none_or(|last| self.stayed(kernel, flags, last, order, spare)))
    }

    /// Fills the submission with the entries whose pages have to move, sorted by target node. Returns their number, and the last target node if
    /// there are several; `None` if the kernel rejects a target node.
    fn group(&mut self, kernel: &impl MovePagesOps, flags: i32, order: &[u32]) -> Option<(usize, Option<i32>)> {
        let mut buckets = [0u32; MAX_NUMNODES];
        let all_targets = NodeMask::new();
        for (&node, &target) in self.nodes.iter().zip(self.targets.iter()) {
            if !is_valid_target(Some(target)) {
                return None;
            }
            all_targets.bits().set(target as usize);
            if node != target {
                count(&mut buckets, target as usize);
            }
        }
        let last_target = buckets.iter().rposition(|&pages| pages > 0);
        let pending = start_indices(&mut buckets);
        let has_several = all_targets.bits().as_bits().weight() > 1;
        // The kernel checks a target node when it comes to its first entry, after those before have moved.
        if (has_several || pending == 0) && !self.may_target(kernel, flags, all_targets.bits().as_bits()) {
            return None;
        }
        for &entry in order {
            let (page, target) =
                (get_or_default(self.pages, entry as usize), get_or_default(self.targets, entry as usize));
            if get_or_default(self.nodes, entry as usize) != target {
                let index = count(&mut buckets, target as usize);
                set_checked(self.submit_pages, index, page);
                set_checked(self.submit_targets, index, target);
            }
        }
        Some((pending, last_target.filter(|_| has_several).map(|node| node as i32)))
    }

    /// Returns whether the kernel accepts all target nodes. There are no pages at the submitted addresses.
    fn may_target(&mut self, kernel: &impl MovePagesOps, flags: i32, targets: Bits) -> bool {
        let mut number = 0;
        for target in targets.iter() {
            set_checked(self.submit_pages, number, NO_PAGE);
            set_checked(self.submit_targets, number, target as i32);
            number += 1;
        }
        let (pages, targets, status) = self.submission(number);
        kernel.submit(MoveRequest::new(pages, targets, status), flags).is_ok()
    }

    /// Returns the first entries of the submission.
    fn submission(&mut self, entries: usize) -> (&[usize], &[i32], &mut [i32]) {
        (
            self.submit_pages.get(..entries).unwrap_or_default(),
            self.submit_targets.get(..entries).unwrap_or_default(),
            self.status.get_mut(..entries).unwrap_or_default(),
        )
    }

    /// Submits the first entries of the submission. Returns whether all of their pages are on their target nodes.
    fn submit(&mut self, kernel: &impl MovePagesOps, flags: i32, pending: usize) -> bool {
        let (pages, targets, status) = self.submission(pending);
        // Linux 5.10 may leave a page on its node, return success and write no status.
        status.fill(STATUS_UNSET);
        pending == 0
            || kernel.submit(MoveRequest::new(pages, targets, status), flags) == Ok(0)
                && targets.iter().zip(status.iter()).all(|(target, status)| target == status)
    }

    /// Returns whether all pages are still on their target nodes, since later entries may have moved them as parts of large folios. Nothing was moved
    /// after the pages with the target node `last`.
    fn stayed(&mut self, kernel: &impl MovePagesOps, flags: i32, last: i32, order: &[u32], near: &mut [u32]) -> bool {
        let only_near = flags & MF_MOVE_ALL == 0 && self.find_near(kernel, order, near);
        let mut number = 0;
        for (&entry, &is_near) in order.iter().zip(near.iter()) {
            let (page, target) =
                (get_or_default(self.pages, entry as usize), get_or_default(self.targets, entry as usize));
            if target != last && (is_near != 0 || !only_near) {
                set_checked(self.submit_pages, number, page);
                set_checked(self.submit_targets, number, target);
                number += 1;
            }
        }
        let (pages, targets, nodes) = self.submission(number);
        kernel.query_nodes(pages, nodes, flags).is_ok()
            && targets.iter().zip(nodes.iter()).all(|(target, node)| target == node)
    }

    /// Writes 1 into `near` for each element of `order` whose page may be a part of the same folio as one with another target node, and 0 for the
    /// others. Returns false if this is not known.
    ///
    /// The pages of a large folio are next to each other, unless mremap(2) has moved some of them: then the kernel reports EBUSY for each page
    /// of it but the first, and the mover handles the list, unless that names only one page of each part (docs/moving-pages.md). Folios are
    /// not larger than a transparent huge page, except those of hugetlb memory, which PAGEMAP_SCAN shows as huge.
    fn find_near(&self, kernel: &impl MovePagesOps, order: &[u32], near: &mut [u32]) -> bool {
        let max_folio = topology::pmd_size();
        let (mut changes, mut sizes, mut number) = ([0; 2 * MAX_CHANGES], [0; 2 * MAX_CHANGES], 0);
        near.fill(0);
        for is_backward in [false, true] {
            // The last entry, and the page of the last one before it that has another target node.
            let (mut last, mut other) = (None, None);
            for step in 0..order.len() {
                let index = if is_backward { order.len() - 1 - step } else { step };
                let entry = get_or_default(order, index) as usize;
                let (page, target) = (get_or_default(self.pages, entry), get_or_default(self.targets, entry));
                if let Some((last_page, last_target)) = last.replace((page, target)) {
                    if last_target != target {
                        other = Some(last_page);
                        let Some(slot) = changes.get_mut(number) else { return false };
                        (*slot, number) = (page, number + 1);
                    }
                }
                if other.is_some_and(|other: usize| other.abs_diff(page) < max_folio) {
                    set_checked(near, index, 1);
                }
            }
        }
        let (Some(changes), Some(sizes)) = (changes.get(..number), sizes.get_mut(..number)) else { return false };
        max_folio > 0 && kernel.page_sizes(changes, sizes) && sizes.iter().all(|&size| size == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::*;
    use super::super::tests::machine_with;
    use super::*;
    use crate::sys::errno;

    /// Moves pages whose addresses are those with these numbers. Returns the statuses if the mover is not needed, and the machine.
    fn regrouped(machine: Machine, numbers: &[usize], nodes: &[i32], all_move: bool) -> (Option<Vec<i32>>, Machine) {
        let addresses: Vec<usize> = numbers.iter().copied().map(address).collect();
        let mut status = vec![NOT_WRITTEN; nodes.len()];
        let model = Model::<1000>::new(machine);
        let done = regroup(&model, request(&addresses, nodes, &mut status), 0, all_move);
        assert!(done || status.iter().all(|&status| status == NOT_WRITTEN), "{status:?}");
        (done.then_some(status), model.into_machine())
    }

    fn pages_of_calls(machine: &Machine) -> Vec<usize> {
        machine.clock.moves.iter().map(|&(pages, _)| pages).collect()
    }

    #[test]
    fn pages_with_several_targets_move_in_one_call_and_those_of_the_last_target_are_not_queried_again() {
        let (numbers, targets): (Vec<usize>, Vec<i32>) =
            (0..300).map(|entry| (299 - entry, 1 + entry as i32 % 3)).unzip();
        let (status, machine) = regrouped(machine_with(&[0; 300]), &numbers, &targets, true);
        assert_eq!(status, Some(targets.clone()));
        assert_eq!(machine.nodes_of(&numbers.into_iter().map(address).collect::<Vec<_>>()), targets);
        assert_eq!((pages_of_calls(&machine), machine.clock.queries), (vec![300], vec![200]));
    }

    #[test]
    fn pages_on_their_targets_are_not_submitted() {
        let nodes: Vec<i32> = (0..64).map(|page| page % 2).collect();
        let (status, machine) = regrouped(machine_with(&nodes), &(0..64).collect::<Vec<_>>(), &[1; 64], false);
        assert_eq!(status, Some(vec![1; 64]));
        assert_eq!((pages_of_calls(&machine), machine.clock.queries), (vec![32], vec![64]));
        let mut machine = machine_with(&[1; 8]);
        assert_eq!(regrouped(machine.clone(), &[0, 1, 2], &[1; 3], false).0, Some(vec![1; 3]));
        machine.denied = Some(1);
        assert_eq!(regrouped(machine, &[0, 1, 2], &[1; 3], false).0, None);
    }

    #[test]
    fn only_pages_near_another_target_are_queried_again() {
        if topology::pmd_size() != 512 * PAGE {
            return;
        }
        let numbers: Vec<usize> = (0..3000).collect();
        let targets: Vec<i32> = (0..3000).map(|page| 1 + page / 1000).collect();
        let queried = |change: fn(&mut Machine)| {
            let mut machine = machine_with(&[0; 3000]);
            change(&mut machine);
            let (status, machine) = regrouped(machine, &numbers, &targets, true);
            assert!(status.is_some_and(|status| status == targets));
            machine.clock.queries
        };
        assert_eq!(queried(|_| {}), [3 * 511 - 22], "two of the regions overlap");
        assert_eq!(queried(|machine| machine.hides_sizes = true), [2000]);
    }

    #[test]
    fn the_mover_handles_pages_that_two_entries_name_that_stay_or_that_move_twice() {
        assert_eq!(regrouped(machine_with(&[0; 4]), &[0, 1, 2, 1], &[1; 4], true).0, None);
        let mut machine = machine_with(&[0; 4]);
        machine.pages[2].pinned = 255;
        assert_eq!(regrouped(machine, &[0, 1, 2, 3], &[1, 2, 1, 2], true).0, None);
        let mut machine = machine_with(&[0; 4]);
        machine.page_of[3] = 0;
        assert_eq!(regrouped(machine, &[0, 1, 2, 3], &[1, 1, 1, 2], true).0, None);
        assert_eq!(regrouped(machine_with(&[0, -errno::ENOENT]), &[0, 1], &[1; 2], false).0, None);
    }

    #[test]
    fn nothing_moves_if_the_kernel_rejects_a_target() {
        for invalid in [-1, NODES, MAX_NUMNODES as i32] {
            let (status, machine) = regrouped(machine_with(&[0; 3]), &[0, 1, 2], &[1, invalid, 2], true);
            assert_eq!((status, machine.pages.iter().map(|page| page.node).max()), (None, Some(0)));
        }
    }
}

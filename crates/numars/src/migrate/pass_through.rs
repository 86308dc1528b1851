//! Long requests whose pages all move or are in place. If there is one target, and no page or every page seems to be there, the kernel handles
//! them best as they are; otherwise they are sorted (`regroup`).
//!
//! For such a request, the mover would query every page before and after, and keep more state.

use super::ops::MovePagesOps;
use super::regroup::regroup;
use super::request::read_pages;
use super::status::STATUS_UNSET;
use crate::sys::memory::Scratch;
use crate::sys::move_request::MoveRequest;

/// The entries of a block whose pages are queried: groups of consecutive ones, because pages are often interleaved over nodes.
const SAMPLES: usize = GROUPS * GROUP;
const GROUPS: usize = 4;
const GROUP: usize = 4;

/// The entries that are read at a time, and the most whose statuses fit on the stack.
const CHUNK: usize = 512;

/// Moves the pages of a request, in blocks of at most [`MovePagesOps::MAX_ENTRIES`] entries, up to the first block that is for the mover. Returns
/// how many entries are done: their pages are on their target nodes, and their statuses are written. The others may be submitted again.
#[inline(never)]
pub fn pass_through<K: MovePagesOps>(kernel: &K, request: MoveRequest, flags: i32) -> usize {
    let entries = request.count().min(K::MAX_ENTRIES);
    if request.is_query() || request.overlaps() {
        return 0;
    }
    let (mut done, mut target) = (0, None);
    while done < request.count() {
        let block = request.skip(done).truncate(entries);
        let Some(sample) = Sample::read(block) else { break };
        let first = sample.targets[0];
        // Of several blocks with several targets, a later one may move pages of an earlier one.
        let has_one_target = sample.has_one_target && *target.get_or_insert(first) == first;
        if !(has_one_target || entries == request.count()) {
            break;
        }
        let mut nodes = [0; SAMPLES];
        let is_queried = kernel.query_nodes(&sample.pages, &mut nodes, flags).is_ok();
        if !is_queried || nodes.iter().any(|&node| node < 0) {
            break;
        }
        let at_home = nodes.iter().zip(&sample.targets).filter(|(node, target)| node == target).count();
        // A page at home only delays others that move.
        let is_moved = if has_one_target && matches!(at_home, 0 | SAMPLES) {
            submit(kernel, block, flags, first)
        } else {
            regroup(kernel, block, flags, at_home == 0)
        };
        if !is_moved {
            break;
        }
        done += block.count();
    }
    done
}

/// Submits a block whose pages have one target node unmodified. Returns whether all pages are there now, and the statuses are written.
#[inline(never)]
fn submit(kernel: &impl MovePagesOps, block: MoveRequest, flags: i32, target: i32) -> bool {
    let (mut on_stack, mut scratch) = ([0; CHUNK], None);
    if block.count() > CHUNK {
        scratch = Scratch::new(block.count() * size_of::<i32>());
    }
    let own_memory = scratch.as_ref().map_or((0, 0), Scratch::range);
    let status = match &mut scratch {
        Some(scratch) => scratch.arena().alloc_slice(block.count()),
        None => on_stack.get_mut(..block.count()).unwrap_or_default(),
    };
    let is_own = |page: &usize| (own_memory.0..own_memory.1).contains(page);
    // Linux 5.10 may leave a page on its node, return success and write no status.
    status.fill(STATUS_UNSET);
    status.len() == block.count()
        // The mover reports pages of memory that was not mapped before the call as unmapped.
        && (own_memory == (0, 0) || read_chunks(block, &mut |_, pages, _| !pages.iter().any(is_own)))
        && kernel.submit(block.with_status(status), flags) == Ok(0)
        && status.iter().all(|&status| status == target)
        && block.write_statuses(status) == Ok(status.len())
}

/// Some entries of a block.
struct Sample {
    pages: [usize; SAMPLES],
    targets: [i32; SAMPLES],
    /// Whether all entries of the block have the same target node.
    has_one_target: bool,
}

impl Sample {
    /// Reads a block. Returns `None` if it cannot be read.
    fn read(block: MoveRequest) -> Option<Self> {
        let mut sample = Sample { pages: [0; SAMPLES], targets: [0; SAMPLES], has_one_target: true };
        let is_complete = read_chunks(block, &mut |first, pages, targets| {
            for (number, (page, target)) in sample.pages.iter_mut().zip(&mut sample.targets).enumerate() {
                let entry = number / GROUP * (block.count() / GROUPS) + number % GROUP;
                let entry = entry.min(block.count() - 1).wrapping_sub(first);
                if let (Some(&own_page), Some(&own_target)) = (pages.get(entry), targets.get(entry)) {
                    (*page, *target) = (own_page, own_target);
                }
            }
            sample.has_one_target &= targets.iter().all(|&target| target == sample.targets[0]);
            true
        });
        is_complete.then_some(sample)
    }
}

/// Receives some entries: the index of the first one, the pages, and their target nodes. Returns false if the others are not needed.
type EachChunk<'a> = dyn FnMut(usize, &[usize], &[i32]) -> bool + 'a;

/// Calls `each` with all entries of a block, until it returns false. Returns false then, and if entries cannot be read.
fn read_chunks(block: MoveRequest, each: &mut EachChunk) -> bool {
    let mut done = 0;
    while done < block.count() {
        let (mut pages, mut targets) = ([0; CHUNK], [0; CHUNK]);
        let rest = block.skip(done);
        let count = rest.count().min(CHUNK);
        let (Some(pages), Some(targets)) = (pages.get_mut(..count), targets.get_mut(..count)) else { return false };
        let is_read = read_pages(rest, pages) == Ok(count) && rest.read_nodes(targets) == Ok(count);
        if !is_read || !each(done, pages, targets) {
            return false;
        }
        done += count;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::model::*;
    use super::super::tests::machine_with;
    use super::*;

    const BLOCK: usize = 16;

    /// Passes a request through. Returns the entries that are done, the statuses, and the machine.
    fn passed(machine: Machine, nodes: &[i32]) -> (usize, Vec<i32>, Machine) {
        passed_in_blocks_of::<BLOCK>(machine, nodes)
    }

    fn passed_in_blocks_of<const BLOCK: usize>(machine: Machine, nodes: &[i32]) -> (usize, Vec<i32>, Machine) {
        let addresses: Vec<usize> = (0..nodes.len()).map(address).collect();
        let mut status = vec![NOT_WRITTEN; nodes.len()];
        let model = Model::<BLOCK>::new(machine);
        let done = pass_through(&model, request(&addresses, nodes, &mut status), 0);
        (done, status, model.into_machine())
    }

    #[test]
    fn pages_for_one_node_are_passed_through_in_blocks() {
        let (done, status, machine) = passed(machine_with(&[0; 40]), &[1; 40]);
        assert_eq!((done, status), (40, vec![1; 40]));
        assert_eq!(machine.clock.moves.iter().map(|&(pages, _)| pages).collect::<Vec<_>>(), [16, 16, 8]);
        assert_eq!(machine.clock.queries, [SAMPLES; 3]);
    }

    #[test]
    fn pages_that_are_all_on_their_target_are_passed_through() {
        let mut machine = machine_with(&[1; 100]);
        // Not in the sample.
        machine.pages[60].node = 0;
        let (done, status, machine) = passed_in_blocks_of::<1000>(machine, &[1; 100]);
        assert_eq!((done, status), (100, vec![1; 100]));
        assert_eq!(machine.clock.queries, [SAMPLES]);
    }

    #[test]
    fn nothing_moves_if_a_page_of_the_sample_is_absent() {
        let mut nodes = [0; 16];
        nodes[14] = -libc::ENOENT;
        let (done, status, machine) = passed(machine_with(&nodes), &[1; 16]);
        assert_eq!((done, status), (0, vec![NOT_WRITTEN; 16]));
        assert!(machine.clock.moves.is_empty());
    }

    #[test]
    fn pages_that_are_alternately_on_the_target_are_in_the_sample_and_not_submitted() {
        for period in 2..=4 {
            for count in [16, 64, 100, 512] {
                let nodes: Vec<i32> = (0..count).map(|entry| i32::from(entry % period == period - 1)).collect();
                let (done, status, machine) =
                    passed_in_blocks_of::<1000>(machine_with(&nodes), &vec![1; count as usize]);
                assert_eq!((done, status), (count as usize, vec![1; count as usize]));
                assert_eq!(machine.clock.moves[0].0, nodes.iter().filter(|&&node| node == 0).count());
                assert_eq!(machine.clock.queries, [SAMPLES, count as usize], "{count} entries, period {period}");
            }
        }
    }

    #[test]
    fn a_block_whose_pages_have_another_target_is_for_the_mover() {
        let targets = [[1; 16], [2; 16]].concat();
        let (done, status, _) = passed(machine_with(&[0; 32]), &targets);
        assert_eq!((done, status), (16, [[1; 16], [NOT_WRITTEN; 16]].concat()));
    }

    #[test]
    fn a_block_with_a_page_that_stays_is_for_the_mover() {
        let mut machine = machine_with(&[0; 40]);
        machine.pages[20].pinned = 255;
        let (done, status, _) = passed(machine, &[1; 40]);
        assert_eq!(done, 16);
        assert!(status[16..].iter().all(|&status| status == NOT_WRITTEN), "{status:?}");
    }

    #[test]
    fn a_target_that_the_kernel_rejects_is_for_the_mover() {
        let (done, status, _) = passed(machine_with(&[0; 16]), &[NODES; 16]);
        assert_eq!((done, status), (0, vec![NOT_WRITTEN; 16]));
    }
}

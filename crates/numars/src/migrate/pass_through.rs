//! Long requests that the kernel handles best as they are: the targets come in a few runs, and no page seems to be on its target node.
//!
//! For such a request, the mover would query every page, and then submit the same entries in the same order.

use super::ops::MovePagesOps;
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

/// The entries of each run, on average, at the least. The kernel migrates the pages of a run together; the mover makes shorter runs longer.
const MIN_RUN: usize = 64;

/// Submits a request unmodified, in blocks of at most [`MovePagesOps::MAX_ENTRIES`] entries, up to the first block that is for the mover. Returns
/// how many entries are done: their pages are on their target nodes, and their statuses are written. The others may be submitted again.
#[inline(never)]
pub fn pass_through<K: MovePagesOps>(kernel: &K, request: MoveRequest, flags: i32) -> usize {
    let entries = request.count().min(K::MAX_ENTRIES);
    let (mut on_stack, mut scratch) = ([0; CHUNK], None);
    if request.is_query() || request.overlaps() {
        return 0;
    }
    if entries > CHUNK {
        scratch = Scratch::new(entries * size_of::<i32>());
    }
    let own_memory = scratch.as_ref().map_or((0, 0), Scratch::range);
    let status = match &mut scratch {
        Some(scratch) => scratch.arena().alloc_slice(entries),
        None => on_stack.get_mut(..entries).unwrap_or_default(),
    };
    let (mut done, mut target) = (0, None);
    while done < request.count() {
        let block = request.skip(done).truncate(entries);
        let (Some(status), Some(sample)) = (status.get_mut(..block.count()), Sample::read(block, own_memory)) else {
            break;
        };
        let first = sample.targets[0];
        // Of several blocks with several targets, a later one may move pages of an earlier one.
        let has_one_target = sample.runs == 1 && *target.get_or_insert(first) == first;
        if !(has_one_target || entries == request.count()) || !submit(kernel, block, flags, &sample, status) {
            break;
        }
        done += block.count();
    }
    done
}

/// Submits a block if no page of its sample is on its target node. Returns whether all pages are there now, and the statuses are written.
fn submit(kernel: &impl MovePagesOps, block: MoveRequest, flags: i32, sample: &Sample, status: &mut [i32]) -> bool {
    let mut nodes = [0; SAMPLES];
    let is_queried = kernel.query_nodes(&sample.pages, &mut nodes, flags).is_ok();
    if !is_queried || nodes.iter().zip(&sample.targets).any(|(node, target)| *node < 0 || node == target) {
        return false;
    }
    // Linux 5.10 may leave a page on its node, return success and write no status.
    status.fill(STATUS_UNSET);
    kernel.submit(block.with_status(status), flags) == Ok(0)
        && match sample.runs {
            1 => status.iter().all(|status| Some(status) == sample.targets.first()),
            _ => are_on_targets(kernel, block, flags, status),
        }
        && block.write_statuses(status) == Ok(status.len())
}

/// Returns whether pages whose statuses are these nodes are on their target nodes: a later run may have moved them, as parts of a large folio or
/// because they are named twice.
fn are_on_targets(kernel: &impl MovePagesOps, block: MoveRequest, flags: i32, status: &[i32]) -> bool {
    read_chunks(block, &mut |first, pages, targets| {
        let mut current = [0; CHUNK];
        let (Some(current), Some(status)) = (current.get_mut(..pages.len()), status.get(first..)) else { return false };
        kernel.query_nodes(pages, current, flags).is_ok()
            && targets.iter().zip(current.iter().zip(status)).all(|(target, nodes)| nodes == (target, target))
    })
}

/// Some entries of a block.
struct Sample {
    pages: [usize; SAMPLES],
    targets: [i32; SAMPLES],
    /// The number of runs of entries with the same target node in the block.
    runs: usize,
}

impl Sample {
    /// Reads a block. Returns `None` if its runs are too short, it cannot be read, or it names a page in `own_memory`, which the mover reports as
    /// unmapped.
    fn read(block: MoveRequest, own_memory: (usize, usize)) -> Option<Self> {
        let mut sample = Sample { pages: [0; SAMPLES], targets: [0; SAMPLES], runs: 0 };
        let mut last = None;
        let is_complete = read_chunks(block, &mut |first, pages, targets| {
            for &target in targets {
                sample.runs += usize::from(last.replace(target) != Some(target));
            }
            for (number, (page, target)) in sample.pages.iter_mut().zip(&mut sample.targets).enumerate() {
                let entry = number / GROUP * (block.count() / GROUPS) + number % GROUP;
                let entry = entry.min(block.count() - 1).wrapping_sub(first);
                if let (Some(&own_page), Some(&own_target)) = (pages.get(entry), targets.get(entry)) {
                    (*page, *target) = (own_page, own_target);
                }
            }
            let is_own = |page: &usize| (own_memory.0..own_memory.1).contains(page);
            sample.runs <= (block.count() / MIN_RUN).max(1) && !pages.iter().any(is_own)
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
    fn nothing_moves_if_a_page_of_the_sample_is_on_the_target_or_absent() {
        for node in [1, -libc::ENOENT] {
            let mut nodes = [0; 16];
            nodes[14] = node;
            let (done, status, machine) = passed(machine_with(&nodes), &[1; 16]);
            assert_eq!((done, status), (0, vec![NOT_WRITTEN; 16]));
            assert!(machine.clock.moves.is_empty());
        }
    }

    #[test]
    fn pages_that_are_alternately_on_the_target_are_in_the_sample() {
        for period in 2..=4 {
            for count in [16, 64, 100, 512] {
                let nodes: Vec<i32> = (0..count).map(|entry| i32::from(entry % period == period - 1)).collect();
                let (done, _, machine) = passed(machine_with(&nodes), &vec![1; count]);
                assert!(done == 0 && machine.clock.moves.is_empty(), "{count} entries, period {period}");
            }
        }
    }

    #[test]
    fn nothing_moves_if_the_targets_come_in_short_runs() {
        let targets: Vec<i32> = (0..640).map(|entry| 1 + entry / 16 % 2).collect();
        let (done, _, machine) = passed_in_blocks_of::<1000>(machine_with(&[0; 640]), &targets);
        assert!(done == 0 && machine.clock.moves.is_empty() && machine.clock.queries.is_empty());
    }

    #[test]
    fn long_runs_are_one_call_and_all_pages_are_queried_afterwards() {
        let targets: Vec<i32> = (0..600).map(|entry| 1 + entry / 200).collect();
        let (done, status, machine) = passed_in_blocks_of::<1000>(machine_with(&[0; 600]), &targets);
        assert_eq!((done, status), (600, targets));
        assert_eq!(machine.clock.moves.len(), 1);
        assert_eq!(machine.clock.queries, [SAMPLES, CHUNK, 600 - CHUNK]);
    }

    #[test]
    fn a_page_that_a_later_run_moves_again_leaves_the_request_to_the_mover() {
        let mut machine = machine_with(&[0; 400]);
        machine.page_of[300] = 5;
        let targets: Vec<i32> = (0..400).map(|entry| 1 + entry / 200).collect();
        let (done, status, machine) = passed_in_blocks_of::<1000>(machine, &targets);
        assert_eq!((done, status), (0, vec![NOT_WRITTEN; 400]));
        assert_eq!(machine.pages[5].node, 2);
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

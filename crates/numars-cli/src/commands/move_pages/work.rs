//! Carrying out a move.

use super::plan::{self, Method};
use super::progress::Progress;
use super::{Job, Moved};
use crate::node_pages::{PageCounts, bytes};
use numars::{Errno, Move, MoveError, MoveStats, Node, NodeSet, PageStatus, Process};
use schemars::JsonSchema;
use serde::Serialize;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::Ordering;
use std::time::Instant;

/// The bytes whose pages are looked at together where only pages of some nodes move.
const WINDOW: usize = 32 << 20;

/// Runs of pages with the same target that are shorter are moved in one list: each request costs the kernel some milliseconds on a large
/// machine, however small it is. A run of this size may have a huge page, of which a list would have each base page.
const SHORT_RUN: usize = 256 << 10;

/// Numbers of base pages by outcome.
#[derive(Serialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcomes {
    /// All that were looked at.
    pub requested: u64,
    /// Those that have moved.
    pub moved: u64,
    /// Those that were on their target nodes before.
    pub in_place: u64,
    /// Those that went away or were swapped out meanwhile.
    pub absent: u64,
    /// Those that were unmapped meanwhile.
    pub unmapped: u64,
    /// Those that have stayed because other processes map them too.
    pub shared: u64,
    /// Those that have stayed because they were in use: pinned, or under writeback.
    pub busy: u64,
    /// Those that have stayed because their target node is full.
    pub no_memory: u64,
    /// Those that have stayed for another reason.
    pub failed: u64,
}

impl Outcomes {
    /// Returns the number of pages that are not on their target nodes.
    pub fn unmoved(&self) -> u64 {
        [self.shared, self.busy, self.no_memory, self.failed].into_iter().fold(0, u64::saturating_add)
    }

    /// Returns the number of pages whose outcome is known.
    pub fn finished(&self) -> u64 {
        [self.moved, self.in_place, self.absent, self.unmapped, self.unmoved()].into_iter().fold(0, u64::saturating_add)
    }
}

impl From<&MoveStats> for Outcomes {
    fn from(stats: &MoveStats) -> Outcomes {
        Outcomes {
            requested: stats.requested() as u64,
            moved: stats.moved() as u64,
            in_place: stats.in_place() as u64,
            absent: stats.absent() as u64,
            unmapped: stats.unmapped() as u64,
            shared: stats.shared() as u64,
            busy: stats.busy() as u64,
            no_memory: stats.no_memory() as u64,
            failed: stats.failed() as u64,
        }
    }
}

/// A part of a move that is one call of the library.
#[derive(Clone, Debug)]
enum Request {
    PlaceProcess,
    ProcessPages(NodeSet),
    PlaceRange(usize, usize),
    Range(usize, usize, Node),
    /// Pages, and the target of each.
    Pages(Vec<usize>, Vec<Node>),
}

/// The move of a process.
pub struct Work<'a> {
    job: &'a Job<'a>,
    process: Process,
    progress: Progress,
    started: Instant,
    stats: MoveStats,
    moved_to: PageCounts,
}

impl<'a> Work<'a> {
    /// Returns the move of a process, which starts now.
    pub fn new(job: &'a Job<'a>, process: Process, progress: Progress) -> Self {
        Work {
            job,
            process,
            progress,
            started: Instant::now(),
            stats: MoveStats::default(),
            moved_to: PageCounts::new(),
        }
    }

    /// Moves the pages of ranges; `None`: all of the process. ENOMEM does not end it, because nodes of other pages may have room.
    pub fn run(&mut self, ranges: &Option<Vec<Range<usize>>>) -> Result<(), Errno> {
        let mut result = Ok(());
        match (ranges, self.job.method) {
            (None, Method::From(from)) => result = self.step(Request::ProcessPages(from)),
            (None, _) => result = self.step(Request::PlaceProcess),
            (Some(ranges), method) => {
                for range in ranges {
                    let done = match method {
                        Method::From(from) => self.move_from(range, from),
                        _ => self.step(Request::PlaceRange(range.start, range.len())),
                    };
                    match done {
                        Ok(()) => {}
                        Err(Errno::ENOMEM) => result = done,
                        Err(_) => return done,
                    }
                }
            }
        }
        result
    }

    /// Moves the pages of a range that are on nodes of `from`.
    fn move_from(&mut self, range: &Range<usize>, from: NodeSet) -> Result<(), Errno> {
        let (mut result, mut start) = (Ok(()), range.start);
        while start < range.end {
            let end = start.saturating_add(WINDOW).min(range.end);
            for request in self.requests(start..end, from)? {
                match self.step(request) {
                    Err(Errno::ENOMEM) => result = Err(Errno::ENOMEM),
                    other => other?,
                }
            }
            if self.job.cancel.load(Ordering::Relaxed) {
                return Err(Errno::ECANCELED);
            }
            start = end;
        }
        result
    }

    /// Returns the requests that move the pages of a window.
    fn requests(&self, window: Range<usize>, from: NodeSet) -> Result<Vec<Request>, Errno> {
        let target = |node: Node| plan::target_of(from, self.job.to, node).filter(|&target| target != node);
        let counts = PageCounts::of_range(self.process, window.start, window.len())?;
        let nodes: Vec<Node> = counts.iter().filter_map(|(node, _)| Node::new(node)).collect();
        if nodes.iter().all(|&node| target(node).is_none()) {
            return Ok(Vec::new());
        }
        if let [node] = nodes[..] {
            return Ok(target(node)
                .map(|target| Request::Range(window.start, window.len(), target))
                .into_iter()
                .collect());
        }
        let page_size = numars::page_size().max(1);
        let addresses: Vec<usize> = window.clone().step_by(page_size).collect();
        let mut statuses = vec![PageStatus::UNKNOWN; addresses.len()];
        self.process.nodes_of_pages(&addresses, &mut statuses)?;
        let (short, long): (Vec<_>, Vec<_>) =
            group(&addresses, &statuses, page_size, &target).into_iter().partition(|(run, _)| run.len() < SHORT_RUN);
        let mut requests: Vec<Request> =
            long.into_iter().map(|(run, node)| Request::Range(run.start, run.len(), node)).collect();
        let (pages, nodes) = present_pages(&short, &addresses, &statuses);
        requests.extend((!pages.is_empty()).then_some(Request::Pages(pages, nodes)));
        Ok(requests)
    }

    /// Carries out a part of the move.
    fn step(&mut self, request: Request) -> Result<(), Errno> {
        let limits = &self.job.arguments.limits;
        let (before, progress) = (self.stats, &mut self.progress);
        let mut mover = Move::new()
            .process(self.process)
            .shared_pages(self.job.arguments.shared_pages)
            .threads(limits.threads)
            .retries(limits.retries)
            .cancel_flag(&self.job.cancel)
            .moved_per_node(self.moved_to.as_mut_slice())
            .bandwidth(limits.bandwidth.unwrap_or(0))
            .on_progress(|stats| {
                let now = Outcomes::from(&(before + *stats));
                progress.update(now.finished(), now.moved);
                ControlFlow::Continue(())
            });
        if let Some(max_pause) = limits.max_pause {
            mover = mover.max_pause(max_pause);
        }
        if let Some(timeout) = limits.timeout {
            mover = mover.timeout(timeout.saturating_sub(self.started.elapsed()));
        }
        let to = self.job.to;
        let placement = self.job.method.placement(to);
        let result = match request {
            Request::PlaceProcess => mover.place_process(&placement),
            Request::ProcessPages(from) => mover.process_pages(from, to),
            Request::PlaceRange(start, length) => mover.place_range(start, length, &placement),
            Request::Range(start, length, node) => mover.range(start, length, node),
            Request::Pages(pages, nodes) => mover.pages(&pages, &nodes, &mut vec![PageStatus::UNKNOWN; pages.len()]),
        };
        self.stats += *result.as_ref().unwrap_or_else(MoveError::stats);
        result.map(|_| ()).map_err(|error| error.errno())
    }

    /// Ends the move, and returns what has moved.
    pub fn finish(mut self) -> Moved {
        self.progress.finish();
        let seconds = self.started.elapsed().as_secs_f64();
        let pages = Outcomes::from(&self.stats);
        let moved = bytes(pages.moved);
        Moved {
            pages,
            bytes: moved,
            to: self.moved_to.list(),
            stayed: Vec::new(),
            seconds,
            bytes_per_second: if seconds > 0.0 { moved as f64 / seconds } else { 0.0 },
            longest_pause_seconds: self.stats.longest_call().as_secs_f64(),
            kernel_calls: self.stats.kernel_calls() as u64,
            retried: self.stats.retried() as u64,
        }
    }
}

/// Returns the pages of runs that are present, and the target of each.
fn present_pages(
    runs: &[(Range<usize>, Node)],
    addresses: &[usize],
    statuses: &[PageStatus],
) -> (Vec<usize>, Vec<Node>) {
    let mut pages = addresses.iter().zip(statuses).peekable();
    let mut present = (Vec::new(), Vec::new());
    for (run, node) in runs {
        while pages.next_if(|&(&address, _)| address < run.start).is_some() {}
        while let Some((&address, status)) = pages.next_if(|&(&address, _)| address < run.end) {
            if status.node().is_some() {
                present.0.push(address);
                present.1.push(*node);
            }
        }
    }
    present
}

/// Returns the parts of a list of pages whose targets are the same. Absent pages between two pages with the same target do not part them.
fn group(
    addresses: &[usize],
    statuses: &[PageStatus],
    page_size: usize,
    target: &dyn Fn(Node) -> Option<Node>,
) -> Vec<(Range<usize>, Node)> {
    let mut runs: Vec<(Range<usize>, Node)> = Vec::new();
    let mut is_open = false;
    for (&address, status) in addresses.iter().zip(statuses) {
        let Some(node) = status.node() else { continue };
        let end = address.saturating_add(page_size);
        match (target(node), runs.last_mut().filter(|_| is_open)) {
            (Some(to), Some((run, last))) if to == *last => run.end = end,
            (Some(to), _) => {
                runs.push((address..end, to));
                is_open = true;
            }
            (None, _) => is_open = false,
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_with_the_same_target_are_a_run_and_absent_ones_do_not_part_it() {
        let node = |number| Node::new(number).unwrap();
        let [on_0, on_1] = [0, 1].map(|number| PageStatus::from(node(number)));
        let statuses = [on_0, PageStatus::ABSENT, on_0, on_1, on_0, PageStatus::ABSENT];
        let addresses: Vec<usize> = (0..6).map(|page| page * 4096).collect();
        let only_0 = |from: Node| (from == node(0)).then_some(node(2));
        assert_eq!(
            group(&addresses, &statuses, 4096, &only_0),
            [(0..3 * 4096, node(2)), (4 * 4096..5 * 4096, node(2))]
        );
        let swap = |from: Node| Some(node(3 - from.number()));
        assert_eq!(group(&addresses, &statuses, 4096, &swap).len(), 3);
        assert_eq!(group(&[], &[], 4096, &swap), []);
    }

    #[test]
    fn a_list_has_the_present_pages_of_runs_with_their_targets() {
        let node = |number| Node::new(number).unwrap();
        let on_0 = PageStatus::from(node(0));
        let statuses = [on_0, PageStatus::ABSENT, on_0, on_0, on_0, PageStatus::ABSENT];
        let addresses: Vec<usize> = (0..6).map(|page| page * 4096).collect();
        let runs = [(0..3 * 4096, node(2)), (4 * 4096..5 * 4096, node(3))];
        let expected = (vec![0, 2 * 4096, 4 * 4096], vec![node(2), node(2), node(3)]);
        assert_eq!(present_pages(&runs, &addresses, &statuses), expected);
        assert_eq!(present_pages(&[], &addresses, &statuses), (vec![], vec![]));
    }

    #[test]
    fn outcomes_add_up() {
        let outcomes = Outcomes { requested: 10, moved: 4, shared: 1, busy: u64::MAX, ..Outcomes::default() };
        assert_eq!(Outcomes::from(&MoveStats::default()), Outcomes::default());
        assert_eq!((outcomes.unmoved(), outcomes.finished()), (u64::MAX, u64::MAX));
    }
}

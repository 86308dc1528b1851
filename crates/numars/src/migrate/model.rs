//! A model of the kernel for tests. As move_pages(2), it migrates consecutive entries with the same target node together, gives up at the
//! first run that does not move completely, and writes no statuses for that run.

use super::mover::Mover;
use super::ops::{MovePagesOps, PresentPages};
use super::page_state::PageState;
use super::plan::{self};
use super::request::forbidden;
use super::target::TargetPid;
#[cfg(test)]
use super::targets::PageTargets;
use super::*;
use crate::sys::errno;
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

pub const NODES: i32 = 4;
pub const PAGE: usize = 4096;
pub const UNLIMITED: usize = 1000;

/// A base page or a huge page.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// The node, or a negative errno.
    pub node: i32,
    pub shared: bool,
    /// The number of attempts that fail; 255: all.
    pub pinned: u8,
    /// The number of queries that find it in flight.
    pub in_flight: u8,
    /// Whether it is hugetlb memory, whose page table entry is empty while the page is in flight, as long as the kernel flushes TLBs.
    pub is_hugetlb: bool,
    /// Whether the first base page becomes the zero page when the huge page is split.
    pub starts_with_zeros: bool,
}

impl Page {
    /// Returns the status of a query.
    fn query(&mut self) -> i32 {
        if self.node >= 0 && self.in_flight > 0 {
            self.in_flight -= 1;
            return -errno::ENOENT;
        }
        self.node
    }
}

#[derive(Debug, Clone)]
pub struct Machine {
    pub pages: Vec<Page>,
    /// The index of the page at each address.
    pub page_of: Vec<usize>,
    /// The free pages of each node.
    pub free_pages: [usize; NODES as usize],
    /// A node outside the cpuset.
    pub denied: Option<i32>,
    /// Whether all pages are unmovable.
    pub unmovable: bool,
    /// Whether all pages are in mappings that the kernel made for itself.
    pub is_kernel_mapping: bool,
    /// The node that leaves the cpuset after the next call.
    pub denied_later: Option<i32>,
    /// Whether the addresses of one page are the base pages of a huge page, which needs as many free pages and is split if there are fewer.
    pub has_huge_pages: bool,
    /// Whether a call fails with EBUSY at a huge page that has to be split and cannot be, as before Linux 5.11.
    pub reports_failed_split: bool,
    /// The pages that become free on each node after the next call that moves pages.
    pub freed_later: usize,
    /// Whether the next query finds every huge page split, and its first base page given back.
    pub loses_heads: bool,
    /// Whether the sizes of pages are unknown, as before Linux 6.7.
    pub hides_sizes: bool,
    pub clock: FakeClock,
}

/// A clock that only calls and sleeps advance.
#[derive(Debug, Clone, Default)]
pub struct FakeClock {
    pub now_ns: u64,
    /// The time that was spent asleep.
    pub asleep_ns: u64,
    /// The duration of a call without pages.
    pub ns_per_call: u64,
    /// The time for which a call that moves pages sleeps in addition, the last value first; 0 after all of them.
    pub sleeps_of_calls: Vec<u64>,
    /// The duration of moving a base page.
    pub ns_per_page: u64,
    /// The duration of rejecting a shared page, instead of moving it.
    pub ns_per_rejected: u64,
    /// The duration of querying a page.
    pub ns_per_query: u64,
    /// The base pages and the duration of each call that moves pages.
    pub moves: Vec<(usize, u64)>,
    /// The pages of each query.
    pub queries: Vec<usize>,
    /// The microseconds of each sleep.
    pub sleeps: Vec<u32>,
}

impl Machine {
    pub fn page(&self, address: usize) -> usize {
        self.page_of[address / PAGE - 1]
    }

    pub fn node_of(&self, address: usize) -> i32 {
        self.pages[self.page(address)].node
    }

    #[cfg(test)]
    /// Returns the nodes of the pages.
    pub fn nodes_of(&self, pages: &[usize]) -> Vec<i32> {
        pages.iter().map(|&address| self.node_of(address)).collect()
    }

    fn query(&mut self, pages: &[usize]) -> Vec<i32> {
        if std::mem::take(&mut self.loses_heads) {
            for page in 0..self.pages.len() {
                if self.size(page) > 1 {
                    self.pages[page].starts_with_zeros = true;
                    self.split(page);
                }
            }
        }
        let query = |&address: &usize| {
            let page = self.page(address);
            self.pages[page].query()
        };
        pages.iter().map(query).collect()
    }

    fn state(&self, address: usize) -> PageState {
        if address / PAGE == 0 || address / PAGE > self.page_of.len() {
            return PageState::Nothing;
        }
        match self.pages[self.page(address)] {
            Page { node, in_flight, is_hugetlb: true, .. } if node == -errno::ENOENT || in_flight > 0 => {
                PageState::EmptyHugetlb
            }
            Page { node, in_flight: 1.., .. } if node >= 0 => PageState::Swapped,
            Page { node, .. } if node == -errno::ENOENT => PageState::Nothing,
            _ => PageState::Present,
        }
    }

    /// Returns the number of base pages of a page.
    pub fn size(&self, page: usize) -> usize {
        if self.has_huge_pages { self.page_of.iter().filter(|&&other| other == page).count() } else { 1 }
    }

    /// Splits a huge page. Returns its base pages.
    fn split(&mut self, page: usize) -> Vec<usize> {
        let parts: Vec<usize> = (0..self.page_of.len()).filter(|&index| self.page_of[index] == page).collect();
        let page_before = self.pages[page];
        let mut base_pages = Vec::new();
        for (number, index) in parts.into_iter().enumerate() {
            let node = if number == 0 && page_before.starts_with_zeros { -errno::EFAULT } else { page_before.node };
            self.page_of[index] = self.pages.len();
            base_pages.push(self.pages.len());
            self.pages.push(Page { node, starts_with_zeros: false, ..page_before });
        }
        base_pages
    }

    fn take_free_pages(&mut self, page: usize, target: i32) -> bool {
        let size = self.size(page);
        if self.free_pages[target as usize] < size {
            return false;
        }
        self.free_pages[target as usize] -= size;
        self.free_pages[self.pages[page].node as usize] += size;
        self.pages[page].node = target;
        true
    }

    /// Returns the first entry with an invalid target node, and the errno.
    pub fn first_invalid(&self, nodes: &[i32]) -> Option<(usize, i32)> {
        nodes.iter().enumerate().find_map(|(entry, &node)| Some((entry, self.target_error(node)?)))
    }

    fn target_error(&self, node: i32) -> Option<i32> {
        match node {
            _ if !(0..NODES).contains(&node) => Some(errno::ENODEV),
            _ if Some(node) == self.denied => Some(errno::EACCES),
            _ => None,
        }
    }

    /// Migrates a run. Returns the number of pages that did not move.
    fn flush(&mut self, batch: &mut Vec<(usize, usize)>, target: i32, status: &mut [i32]) -> Result<usize, i32> {
        let mut failed = 0;
        for &(_, page) in &*batch {
            let Page { pinned, .. } = self.pages[page];
            let size = self.size(page);
            if self.reports_failed_split && pinned > 0 && size > 1 && self.free_pages[target as usize] < size {
                self.pages[page].pinned -= u8::from(pinned < 255);
                batch.clear();
                return Err(errno::EBUSY);
            }
            let has_moved = self.pages[page].pinned == 0 && self.take_free_pages(page, target);
            match self.pages[page].pinned {
                _ if has_moved => {}
                0 if self.size(page) > 1 => {
                    let mut stayed = 0;
                    for part in self.split(page) {
                        stayed += usize::from(self.pages[part].node >= 0 && !self.take_free_pages(part, target));
                    }
                    if stayed > 0 {
                        batch.clear();
                        return Err(errno::ENOMEM);
                    }
                }
                0 => {
                    batch.clear();
                    return Err(errno::ENOMEM);
                }
                255 => failed += 1,
                _ => {
                    self.pages[page].pinned -= 1;
                    failed += 1;
                }
            }
        }
        for (entry, _) in batch.drain(..) {
            if failed == 0 {
                status[entry] = target;
            }
        }
        Ok(failed)
    }

    /// Moves pages, then applies the changes that are due after the call.
    fn call(&mut self, addresses: &[usize], nodes: &[i32], status: &mut [i32]) -> Result<usize, i32> {
        let asleep_ns = self.clock.sleeps_of_calls.pop().unwrap_or(0);
        (self.clock.now_ns, self.clock.asleep_ns) = (self.clock.now_ns + asleep_ns, self.clock.asleep_ns + asleep_ns);
        if addresses.first() != Some(&plan::NO_PAGE) {
            let base_pages = addresses.iter().map(|&address| self.size(self.page(address))).sum();
            let rejected = addresses.iter().filter(|&&address| self.pages[self.page(address)].shared).count();
            let moved = base_pages - if self.clock.ns_per_rejected > 0 { rejected } else { 0 };
            let ns = self.clock.ns_per_call
                + self.clock.ns_per_page * moved as u64
                + self.clock.ns_per_rejected * rejected as u64;
            self.clock.moves.push((base_pages, ns));
            self.clock.now_ns += ns;
        } else {
            self.clock.now_ns += self.clock.ns_per_call;
        }
        let moved = self.move_pages(addresses, nodes, status);
        self.denied = self.denied_later.take().or(self.denied);
        if addresses != [plan::NO_PAGE] {
            let more = std::mem::take(&mut self.freed_later);
            self.free_pages.iter_mut().for_each(|free_pages| *free_pages += more);
        }
        moved
    }

    fn move_pages(&mut self, addresses: &[usize], nodes: &[i32], status: &mut [i32]) -> Result<usize, i32> {
        let (mut batch, mut batch_target) = (Vec::new(), -1);
        for (entry, (&address, &target)) in addresses.iter().zip(nodes).enumerate() {
            if let Some(error) = self.target_error(target) {
                let _ = self.flush(&mut batch, batch_target, status);
                return Err(error);
            }
            if target != batch_target {
                match self.flush(&mut batch, batch_target, status)? {
                    0 => batch_target = target,
                    failed => return Ok(failed + addresses.len() - entry),
                }
            }
            if address == plan::NO_PAGE {
                status[entry] = -errno::EFAULT;
                continue;
            }
            let page = self.page(address);
            let node = self.pages[page].query();
            let decided = match self.pages[page] {
                _ if node < 0 || node == target => node,
                _ if self.unmovable => -errno::EFAULT,
                Page { shared: true, .. } => -errno::EACCES,
                _ if batch.iter().any(|&(_, queued)| queued == page) => -errno::EBUSY,
                _ => {
                    batch.push((entry, page));
                    continue;
                }
            };
            status[entry] = decided;
            match self.flush(&mut batch, batch_target, status)? {
                0 => {}
                failed => return Ok(failed + addresses.len() - entry - 1),
            }
        }
        self.flush(&mut batch, batch_target, status)
    }
}

/// The kernel of a machine, for a mover whose batches have at most `ENTRIES` entries.
pub struct Model<const ENTRIES: usize>(Arc<Mutex<Machine>>);

impl<const ENTRIES: usize> Model<ENTRIES> {
    pub fn new(machine: Machine) -> Self {
        Model(Arc::new(Mutex::new(machine)))
    }

    pub fn into_machine(self) -> Machine {
        self.machine().clone()
    }

    /// Lets time pass for which the calling thread runs.
    #[cfg(test)]
    pub fn work(&self, ns: u64) {
        self.machine().clock.now_ns += ns;
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.0.lock().unwrap()
    }
}

impl<const ENTRIES: usize> MovePagesOps for Model<ENTRIES> {
    const MAX_ENTRIES: usize = ENTRIES;
    type Walk = ModelWalk;

    fn query_nodes(&self, pages: &[usize], nodes: &mut [i32], _: i32) -> Result<(), i32> {
        let mut machine = self.machine();
        machine.clock.queries.push(pages.len());
        machine.clock.now_ns += machine.clock.ns_per_query * pages.len() as u64;
        nodes.copy_from_slice(&machine.query(pages));
        Ok(())
    }

    fn move_pages(&self, pages: &[usize], nodes: &[i32], status: &[AtomicI32], _: i32) -> Result<usize, i32> {
        let mut written: Vec<i32> = status.iter().map(|status| status.load(Relaxed)).collect();
        let moved = self.machine().call(pages, nodes, &mut written);
        status.iter().zip(written).for_each(|(status, written)| status.store(written, Relaxed));
        moved
    }

    fn submit(&self, request: MoveRequest, _: i32) -> Result<usize, i32> {
        let count = request.count();
        let (mut pages, mut nodes, mut status) = (vec![0; count], vec![0; count], vec![0; count]);
        let mut page_before = request.read_pages(&mut pages).map_err(forbidden)? == count;
        page_before &= request.is_query() || request.read_nodes(&mut nodes).map_err(forbidden)? == count;
        page_before &= request.read_statuses(&mut status).map_err(forbidden)? == count;
        if !page_before {
            return Err(errno::EFAULT);
        }
        let mut machine = self.machine();
        let moved = if request.is_query() {
            status = machine.query(&pages);
            Ok(0)
        } else {
            machine.call(&pages, &nodes, &mut status)
        };
        request.write_statuses(&status).map_err(forbidden)?;
        moved
    }

    fn page_states(&self, pages: &[usize], states: &mut [PageState]) {
        let machine = self.machine();
        states.iter_mut().zip(pages).for_each(|(state, &page)| *state = machine.state(page));
    }

    fn page_sizes(&self, pages: &[usize], sizes: &mut [u32]) -> bool {
        let machine = self.machine();
        for (size, &page) in sizes.iter_mut().zip(pages) {
            *size = machine.size(machine.page(page)) as u32;
        }
        !machine.hides_sizes
    }

    fn walk(&self, start: usize, length: usize, _: u32, _: (usize, usize)) -> Option<ModelWalk> {
        let end = start.checked_add(length)?;
        Some(ModelWalk { machine: self.0.clone(), start, end, next: start, weights: BTreeMap::new() })
    }

    fn is_current(&self) -> bool {
        false
    }

    fn pause(&self, microseconds: u32) {
        let mut machine = self.machine();
        machine.clock.now_ns += u64::from(microseconds) * 1000;
        machine.clock.asleep_ns += u64::from(microseconds) * 1000;
        machine.clock.sleeps.push(microseconds);
    }

    fn now_ns(&self) -> u64 {
        self.machine().clock.now_ns
    }

    fn cpu_ns(&self) -> u64 {
        let clock = &self.machine().clock;
        clock.now_ns - clock.asleep_ns
    }
}

/// A walk over addresses of the machine. Consecutive base pages of one page are one entry: the first address with the lowest bit set.
pub struct ModelWalk {
    machine: Arc<Mutex<Machine>>,
    start: usize,
    end: usize,
    next: usize,
    weights: BTreeMap<usize, usize>,
}

impl PresentPages for ModelWalk {
    fn fill(&mut self, pages: &mut [usize], mut base_pages_left: usize, _: &mut [usize]) -> usize {
        let machine = self.machine.lock().unwrap();
        let mut listed = 0;
        while self.next < self.end && listed < pages.len() {
            let page = |address: usize| machine.page_of.get(address / PAGE - 1).copied();
            let first = page(self.next);
            let mut after = self.next + PAGE;
            while first.is_some() && machine.has_huge_pages && after < self.end && page(after) == first {
                after += PAGE;
            }
            let weight = (after - self.next) / PAGE;
            if first.is_some_and(|_| machine.state(self.next) != PageState::Nothing) {
                let Some(pages_left) = base_pages_left.checked_sub(weight) else { break };
                let entry = if weight > 1 { self.next | 1 } else { self.next };
                self.weights.insert(entry, weight);
                (pages[listed], base_pages_left) = (entry, pages_left);
                listed += 1;
            }
            self.next = after;
        }
        listed
    }

    fn is_done(&self) -> bool {
        self.next >= self.end
    }

    fn rewind(&mut self) {
        self.next = self.start;
    }

    fn base_pages(&self, entry: usize) -> usize {
        self.weights[&entry]
    }

    fn address(&self, entry: usize) -> usize {
        entry & !1
    }

    fn order(&self, entry: usize) -> u32 {
        self.weights[&entry].trailing_zeros()
    }

    fn find_split(&mut self, entries: &[usize], _: &mut [usize], each: &mut dyn FnMut(usize)) {
        let machine = self.machine.lock().unwrap();
        for (index, &entry) in entries.iter().enumerate().filter(|(_, entry)| **entry & 1 == 1) {
            let page = |number: usize| machine.page(entry + number * PAGE);
            if (1..self.weights[&entry]).any(|number| page(number) != page(0)) {
                each(index);
            }
        }
    }

    fn is_kernel_mapping(&mut self, _: usize) -> bool {
        self.machine.lock().unwrap().is_kernel_mapping
    }

    fn lacks_proc(&self) -> bool {
        false
    }

    fn is_mm_gone(&self) -> bool {
        false
    }

    fn error(&self) -> i32 {
        0
    }
}

/// The result of a move.
pub struct ListOutcome {
    pub machine: Machine,
    pub status: Vec<i32>,
    pub stats: MoveStats,
    pub error: i32,
    /// The number of pages that the kernel could not move, as it counts them.
    pub stuck: usize,
    /// The number of pages that are present and not on their target nodes.
    pub unmoved: usize,
}

/// Marks a status that was not written.
pub const NOT_WRITTEN: i32 = -4000;

/// Returns the request to move the pages at `addresses` to `nodes`; a query if there are no nodes.
pub fn request<'a>(addresses: &'a [usize], nodes: &'a [i32], status: &'a mut [i32]) -> MoveRequest<'a> {
    if nodes.is_empty() { MoveRequest::query(addresses, status) } else { MoveRequest::new(addresses, nodes, status) }
}

/// Moves pages in batches of at most `ENTRIES` entries.
pub fn run_in_batches<const ENTRIES: usize>(
    machine: &Machine,
    addresses: &[usize],
    nodes: &[i32],
    retries: u32,
    progress: Progress,
) -> ListOutcome {
    let mut status = vec![NOT_WRITTEN; addresses.len()];
    let request = request(addresses, nodes, &mut status);
    let options = MoveOptions { flags: 0, retries, ..MoveOptions::default() };
    let mut mover = Mover::new(Model::<ENTRIES>::new(machine.clone()), options, progress);
    mover.move_list(request).unwrap();
    outcome(mover, status)
}

fn outcome<const ENTRIES: usize>(mover: Mover<Model<ENTRIES>>, status: Vec<i32>) -> ListOutcome {
    let (stats, error, stuck, unmoved) = (mover.stats(), mover.error(), mover.stuck(), mover.unmoved());
    ListOutcome { machine: mover.kernel.into_machine(), status, stats, error, stuck, unmoved }
}

#[cfg(test)]
/// Moves all pages of the machine to a node, in batches of at most `ENTRIES` entries.
pub fn run_range<const ENTRIES: usize>(
    machine: &Machine,
    target: i32,
    retries: u32,
    progress: Progress,
) -> ListOutcome {
    run_range_with::<ENTRIES>(machine, target, MoveOptions { retries, ..MoveOptions::default() }, progress)
}

#[cfg(test)]
/// Moves all pages of the machine to a node with these options, in batches of at most `ENTRIES` entries.
pub fn run_range_with<const ENTRIES: usize>(
    machine: &Machine,
    target: i32,
    options: MoveOptions,
    progress: Progress,
) -> ListOutcome {
    let mut progress = progress.map(|progress| move |stats: &MoveStats| progress(stats));
    let progress = progress.as_mut().map(|progress| progress as &mut dyn FnMut(&MoveStats) -> bool);
    let mut mover = Mover::new(Model::<ENTRIES>::new(machine.clone()), options, progress);
    if mover.can_target(target) {
        mover.move_range(PAGE, machine.page_of.len() * PAGE, false, &mut PageTargets::OneNode(target)).unwrap();
        mover.finish();
    }
    outcome(mover, vec![])
}

#[cfg(test)]
/// Moves all pages of the machine to the nodes that `targets` decides, in batches of at most `ENTRIES` entries.
pub fn run_targets<const ENTRIES: usize>(machine: &Machine, targets: &mut PageTargets) -> ListOutcome {
    let mut mover = Mover::new(Model::<ENTRIES>::new(machine.clone()), MoveOptions::default(), None);
    mover.move_range(PAGE, machine.page_of.len() * PAGE, false, targets).unwrap();
    mover.finish();
    outcome(mover, vec![])
}

/// Moves pages in batches of the default size.
pub fn run(machine: &Machine, addresses: &[usize], nodes: &[i32], retries: u32, progress: Progress) -> ListOutcome {
    run_in_batches::<{ TargetPid::MAX_ENTRIES }>(machine, addresses, nodes, retries, progress)
}

/// Checks that each status is the node of its page, or an errno that explains why it did not move.
pub fn assert_statuses_match(status: &[i32], addresses: &[usize], machine: &Machine) {
    for (&address, &status) in addresses.iter().zip(status) {
        let node = machine.node_of(address);
        match -status {
            errno::EFAULT if machine.unmovable && node >= 0 => {}
            ..=0 | errno::ENOENT | errno::EFAULT => assert_eq!(status, node),
            errno::EACCES | errno::EBUSY | errno::ENOMEM => assert!(node >= 0),
            _ => panic!("status {status} of a page on {node}"),
        }
    }
}

impl ListOutcome {
    /// Checks the statuses and the statistics of a complete request.
    pub fn assert_statuses_match(&self, addresses: &[usize]) {
        assert_statuses_match(&self.status, addresses, &self.machine);
        assert_eq!(self.stats.finished(), addresses.len());
        assert_eq!(self.stats.requested(), addresses.len());
        assert!(self.stuck <= self.unmoved);
    }
}

pub fn address(index: usize) -> usize {
    (index + 1) * PAGE
}

/// Submits the request to the kernel unmodified. Returns the result and the machine afterwards.
pub fn reference_move(machine: &Machine, addresses: &[usize], nodes: &[i32]) -> (Result<usize, i32>, Machine) {
    let mut machine = machine.clone();
    let mut status = vec![0; addresses.len()];
    let result = machine.move_pages(addresses, nodes, &mut status);
    (result, machine)
}

pub fn on_target(machine: &Machine, addresses: &[usize], nodes: &[i32]) -> usize {
    addresses.iter().zip(nodes).filter(|&(&address, &node)| machine.node_of(address) == node).count()
}

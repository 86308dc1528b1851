//! A kernel for tests, which behaves as move_pages(2) does: it moves in one go what has one target and needs a move, gives up at the
//! first batch that cannot be moved completely, and does not say of that batch what became of it.

use super::*;
use crate::sys::testing;
use crate::sys::user_memory::{self, Copied, Trust};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

pub const NODES: i32 = 4;
pub const PAGE: usize = 4096;
pub const NO_ROOM_LIMIT: usize = 1000;

/// A page, or all base pages of a huge one.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Its node, or why it has none.
    pub place: i32,
    pub shared: bool,
    /// How often it cannot be moved; 255 is always.
    pub pinned: u8,
    /// How many questions find it in flight.
    pub in_flight: u8,
    /// Whether the first of its base pages has no contents, and becomes the page of zeros if a huge page is split.
    pub starts_with_zeros: bool,
}

impl Page {
    /// Returns the node it is on as the kernel says it now.
    fn query(&mut self) -> i32 {
        if self.place >= 0 && self.in_flight > 0 {
            self.in_flight -= 1;
            return -errno::ENOENT;
        }
        self.place
    }
}

#[derive(Debug, Clone)]
pub struct Machine {
    pub pages: Vec<Page>,
    /// The page that each address is of.
    pub page_of: Vec<usize>,
    /// How many pages each node still has room for.
    pub room: [usize; NODES as usize],
    /// A node outside of the cpuset.
    pub denied: Option<i32>,
    /// Says where they are, and moves none of them.
    pub unmovable: bool,
    /// A node that leaves the cpuset after the next call.
    pub soon_denied: Option<i32>,
    /// Whether addresses of one page are base pages of a huge one, which needs as much room and is split if there is less.
    pub has_huge_pages: bool,
    /// Room that all nodes get after the next call that moves.
    pub soon_room: usize,
}

impl Machine {
    pub fn page(&self, address: usize) -> usize {
        self.page_of[address / PAGE - 1]
    }

    pub fn place(&self, address: usize) -> i32 {
        self.pages[self.page(address)].place
    }

    /// Where the pages really are.
    pub fn places(&self, pages: &[usize]) -> Vec<i32> {
        pages.iter().map(|&address| self.place(address)).collect()
    }

    fn query(&mut self, pages: &[usize]) -> Vec<i32> {
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
            Page { place, in_flight: 1.., .. } if place >= 0 => PageState::Swapped,
            Page { place, .. } if place == -errno::ENOENT => PageState::Nothing,
            _ => PageState::Present,
        }
    }

    /// How many base pages a page has.
    pub fn size(&self, page: usize) -> usize {
        if self.has_huge_pages { self.page_of.iter().filter(|&&other| other == page).count() } else { 1 }
    }

    /// Splits a huge page. Returns its base pages.
    fn split(&mut self, page: usize) -> Vec<usize> {
        let parts: Vec<usize> = (0..self.page_of.len()).filter(|&index| self.page_of[index] == page).collect();
        let whole = self.pages[page];
        let mut base_pages = Vec::new();
        for (number, index) in parts.into_iter().enumerate() {
            let place = if number == 0 && whole.starts_with_zeros { -errno::EFAULT } else { whole.place };
            self.page_of[index] = self.pages.len();
            base_pages.push(self.pages.len());
            self.pages.push(Page { place, starts_with_zeros: false, ..whole });
        }
        base_pages
    }

    fn take_room(&mut self, page: usize, target: i32) -> bool {
        let size = self.size(page);
        if self.room[target as usize] < size {
            return false;
        }
        self.room[target as usize] -= size;
        self.room[self.pages[page].place as usize] += size;
        self.pages[page].place = target;
        true
    }

    /// The first entry of a request that the kernel calls an error, and its errno.
    pub fn first_wrong(&self, nodes: &[i32]) -> Option<(usize, i32)> {
        nodes.iter().enumerate().find_map(|(entry, &node)| Some((entry, self.wrong(node)?)))
    }

    fn wrong(&self, node: i32) -> Option<i32> {
        match node {
            _ if !(0..NODES).contains(&node) => Some(errno::ENODEV),
            _ if Some(node) == self.denied => Some(errno::EACCES),
            _ => None,
        }
    }

    /// Moves a batch. Returns the number of pages that stayed.
    fn flush(&mut self, batch: &mut Vec<(usize, usize)>, target: i32, status: &mut [i32]) -> Result<usize, i32> {
        let mut failed = 0;
        for &(_, page) in &*batch {
            let has_moved = self.pages[page].pinned == 0 && self.take_room(page, target);
            match self.pages[page].pinned {
                _ if has_moved => {}
                0 if self.size(page) > 1 => {
                    let mut stayed = 0;
                    for part in self.split(page) {
                        stayed += usize::from(self.pages[part].place >= 0 && !self.take_room(part, target));
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

    /// What can happen until the next call, happens.
    fn call(&mut self, addresses: &[usize], nodes: &[i32], status: &mut [i32]) -> Result<usize, i32> {
        let moved = self.move_pages(addresses, nodes, status);
        self.denied = self.soon_denied.take().or(self.denied);
        if addresses != [plan::NO_PAGE] {
            let more = std::mem::take(&mut self.soon_room);
            self.room.iter_mut().for_each(|room| *room += more);
        }
        moved
    }

    fn move_pages(&mut self, addresses: &[usize], nodes: &[i32], status: &mut [i32]) -> Result<usize, i32> {
        let (mut batch, mut batch_target) = (Vec::new(), -1);
        for (entry, (&address, &target)) in addresses.iter().zip(nodes).enumerate() {
            if let Some(error) = self.wrong(target) {
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
            let place = self.pages[page].query();
            let at_once = match self.pages[page] {
                _ if place < 0 || place == target => place,
                _ if self.unmovable => -errno::EFAULT,
                Page { shared: true, .. } => -errno::EACCES,
                _ if batch.iter().any(|&(_, queued)| queued == page) => -errno::EBUSY,
                _ => {
                    batch.push((entry, page));
                    continue;
                }
            };
            status[entry] = at_once;
            match self.flush(&mut batch, batch_target, status)? {
                0 => {}
                failed => return Ok(failed + addresses.len() - entry - 1),
            }
        }
        self.flush(&mut batch, batch_target, status)
    }
}

/// The machine's kernel, for a mover whose windows have at most so many entries.
pub struct Model<const ENTRIES: usize>(Arc<Mutex<Machine>>);

impl<const ENTRIES: usize> Model<ENTRIES> {
    pub fn new(machine: Machine) -> Self {
        Model(Arc::new(Mutex::new(machine)))
    }

    pub fn into_machine(self) -> Machine {
        self.machine().clone()
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.0.lock().unwrap()
    }
}

impl<const ENTRIES: usize> Kernel for Model<ENTRIES> {
    const MAX_ENTRIES: usize = ENTRIES;
    type Range = ModelRange;

    fn query_nodes(&self, pages: &[usize], nodes: &mut [i32], _: i32) -> Result<(), i32> {
        nodes.copy_from_slice(&self.machine().query(pages));
        Ok(())
    }

    fn move_pages(&self, pages: &[usize], nodes: &[i32], status: &[AtomicI32], _: i32) -> Result<usize, i32> {
        let mut written: Vec<i32> = status.iter().map(|status| status.load(Relaxed)).collect();
        let moved = self.machine().call(pages, nodes, &mut written);
        status.iter().zip(written).for_each(|(status, written)| status.store(written, Relaxed));
        moved
    }

    fn submit(&self, request: Request, _: i32) -> Result<usize, i32> {
        let count = request.count;
        let (mut pages, mut nodes, mut status) = (vec![0; count], vec![0; count], vec![0; count]);
        let mut whole = copy_from(request.pages, &mut pages, request.trust)?;
        whole &= request.nodes == 0 || copy_from(request.nodes, &mut nodes, request.trust)?;
        whole &= copy_from(request.status, &mut status, request.trust)?;
        if !whole {
            return Err(errno::EFAULT);
        }
        let mut machine = self.machine();
        let moved = if request.nodes == 0 {
            status = machine.query(&pages);
            Ok(0)
        } else {
            machine.call(&pages, &nodes, &mut status)
        };
        user_memory::write(request.status, &status, request.trust);
        moved
    }

    fn page_states(&self, pages: &[usize], states: &mut [PageState]) {
        let machine = self.machine();
        states.iter_mut().zip(pages).for_each(|(state, &page)| *state = machine.state(page));
    }

    fn range(&self, start: usize, length: usize, _: u32, _: (usize, usize)) -> Option<ModelRange> {
        let end = start.checked_add(length)?;
        Some(ModelRange { machine: self.0.clone(), start, end, next: start, weights: BTreeMap::new() })
    }

    fn is_own(&self) -> bool {
        false
    }
}

fn copy_from<T: crate::sys::memory::Pod>(address: usize, to: &mut [T], trust: Option<Trust>) -> Result<bool, i32> {
    match user_memory::read(address, to, trust) {
        Copied::Bytes(bytes) => Ok(bytes == size_of_val(to)),
        Copied::Forbidden => Err(errno::EPERM),
    }
}

/// Addresses of the machine. Base pages in a row of one page are listed as one entry: its first address, with the lowest bit set.
pub struct ModelRange {
    machine: Arc<Mutex<Machine>>,
    start: usize,
    end: usize,
    next: usize,
    weights: BTreeMap<usize, usize>,
}

impl PresentPages for ModelRange {
    fn list(&mut self, pages: &mut [usize], mut weight_left: usize, _: &mut [usize]) -> usize {
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
                let Some(left) = weight_left.checked_sub(weight) else { break };
                let entry = if weight > 1 { self.next | 1 } else { self.next };
                self.weights.insert(entry, weight);
                (pages[listed], weight_left) = (entry, left);
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

    fn weight(&self, entry: usize) -> usize {
        self.weights[&entry]
    }

    fn address(&self, entry: usize) -> usize {
        entry & !1
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

    fn is_of_kernel(&mut self, _: usize) -> bool {
        false
    }

    fn is_out_of_sight(&self) -> bool {
        false
    }

    fn has_lost_memory(&self) -> bool {
        false
    }

    fn error(&self) -> i32 {
        0
    }
}

/// What came of a list.
pub struct ListOutcome {
    pub machine: Machine,
    pub status: Vec<i32>,
    pub figures: Figures,
    pub error: i32,
    /// Pages that the kernel counts as not moved.
    pub stuck: usize,
    /// Pages that are there and not on their target.
    pub unmoved: usize,
}

/// A status that was not written.
pub const NOT_WRITTEN: i32 = -4000;

/// The request to move the pages at `addresses` to `nodes`.
pub fn request(addresses: &[usize], nodes: &[i32], status: &mut [i32]) -> Request {
    Request {
        count: addresses.len(),
        pages: addresses.as_ptr() as usize,
        nodes: nodes.as_ptr() as usize,
        status: status.as_mut_ptr() as usize,
        tell: true,
        trust: testing::trust_under_miri(),
    }
}

/// Moves pages in windows of at most so many entries.
pub fn run_in_windows<const ENTRIES: usize>(
    machine: &Machine,
    addresses: &[usize],
    nodes: &[i32],
    retries: u32,
    progress: Progress,
) -> ListOutcome {
    let mut status = vec![NOT_WRITTEN; addresses.len()];
    let mut request = request(addresses, nodes, &mut status);
    // No nodes: it only asks.
    if nodes.is_empty() {
        request.nodes = 0;
    }
    let manner = Manner { flags: 0, threads: 1, retries };
    let mut mover = Mover::new(Model::<ENTRIES>::new(machine.clone()), manner, progress);
    mover.list(request).unwrap();
    outcome(mover, status)
}

fn outcome<const ENTRIES: usize>(mover: Mover<Model<ENTRIES>>, status: Vec<i32>) -> ListOutcome {
    let (figures, error, stuck, unmoved) = (mover.figures(), mover.error(), mover.stuck(), mover.unmoved());
    ListOutcome { machine: mover.kernel.into_machine(), status, figures, error, stuck, unmoved }
}

/// Moves all pages of the machine to a node, in windows of at most so many entries.
pub fn run_range<const ENTRIES: usize>(
    machine: &Machine,
    target: i32,
    retries: u32,
    progress: Progress,
) -> ListOutcome {
    let manner = Manner { flags: 0, threads: 1, retries };
    let mut mover = Mover::new(Model::<ENTRIES>::new(machine.clone()), manner, progress);
    mover.range(PAGE, machine.page_of.len() * PAGE, 1, false, &|_, _| target).unwrap();
    mover.finish();
    outcome(mover, vec![])
}

/// Moves pages in windows as large as they usually are.
pub fn run(machine: &Machine, addresses: &[usize], nodes: &[i32], retries: u32, progress: Progress) -> ListOutcome {
    run_in_windows::<{ Process::MAX_ENTRIES }>(machine, addresses, nodes, retries, progress)
}

/// Checks that each status says where its page is, or why it did not move.
pub fn assert_true(status: &[i32], addresses: &[usize], machine: &Machine) {
    for (&address, &status) in addresses.iter().zip(status) {
        let place = machine.place(address);
        match -status {
            errno::EFAULT if machine.unmovable && place >= 0 => {}
            ..=0 | errno::ENOENT | errno::EFAULT => assert_eq!(status, place),
            errno::EACCES | errno::EBUSY | errno::ENOMEM => assert!(place >= 0),
            _ => panic!("status {status} of a page on {place}"),
        }
    }
}

impl ListOutcome {
    /// Checks the statuses and the figures of a request that came to its end.
    pub fn assert_true(&self, addresses: &[usize]) {
        assert_true(&self.status, addresses, &self.machine);
        assert_eq!(sum(&self.figures), addresses.len());
        assert_eq!(self.figures[Figure::Requested as usize], addresses.len());
        assert!(self.stuck <= self.unmoved);
    }
}

/// The sum of all that can become of a page.
pub fn sum(figures: &Figures) -> usize {
    figures[Figure::Moved as usize..=Figure::Failed as usize].iter().sum()
}

pub fn address(index: usize) -> usize {
    (index + 1) * PAGE
}

/// The bare call: its answer, and where it leaves the pages.
pub fn bare(machine: &Machine, addresses: &[usize], nodes: &[i32]) -> (Result<usize, i32>, Machine) {
    let mut machine = machine.clone();
    let mut status = vec![0; addresses.len()];
    let answer = machine.move_pages(addresses, nodes, &mut status);
    (answer, machine)
}

pub fn on_target(machine: &Machine, addresses: &[usize], nodes: &[i32]) -> usize {
    addresses.iter().zip(nodes).filter(|&(&address, &node)| machine.place(address) == node).count()
}

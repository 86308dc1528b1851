//! A kernel for tests, which behaves as move_pages(2) does: it moves in one go what has one target and needs a move, gives up at the
//! first batch that cannot be moved completely, and does not say of that batch what became of it.

use super::*;
use crate::os::testing;
use std::sync::Mutex;

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
}

impl Machine {
    pub fn page(&self, address: usize) -> usize {
        self.page_of[address / PAGE - 1]
    }

    pub fn place(&self, address: usize) -> i32 {
        self.pages[self.page(address)].place
    }

    pub fn ask(&self, pages: &[usize]) -> Vec<i32> {
        pages.iter().map(|&address| self.place(address)).collect()
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

    /// Moves a batch: the number of pages that would not go.
    fn flush(&mut self, batch: &mut Vec<(usize, usize)>, target: i32, status: &mut [i32]) -> Result<usize, i32> {
        let mut failed = 0;
        for &(_, page) in &*batch {
            let page = &mut self.pages[page];
            match page.pinned {
                0 if self.room[target as usize] == 0 => {
                    batch.clear();
                    return Err(errno::ENOMEM);
                }
                0 => {
                    self.room[target as usize] -= 1;
                    self.room[page.place as usize] += 1;
                    page.place = target;
                }
                255 => failed += 1,
                _ => {
                    page.pinned -= 1;
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
        let answer = self.move_pages(addresses, nodes, status);
        self.denied = self.soon_denied.take().or(self.denied);
        answer
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
            if address == 0 {
                status[entry] = -errno::EFAULT;
                continue;
            }
            let page = self.page(address);
            let at_once = match self.pages[page] {
                Page { place, .. } if place < 0 || place == target => place,
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
pub struct Model<const ENTRIES: usize>(Mutex<Machine>);

impl<const ENTRIES: usize> Model<ENTRIES> {
    pub fn new(machine: Machine) -> Self {
        Model(Mutex::new(machine))
    }

    pub fn into_machine(self) -> Machine {
        self.0.into_inner().unwrap()
    }
}

impl<const ENTRIES: usize> Kernel for Model<ENTRIES> {
    const MOST_ENTRIES: usize = ENTRIES;

    fn ask(&self, pages: &[usize], status: &mut [i32], _: i32) -> Result<(), i32> {
        status.copy_from_slice(&self.0.lock().unwrap().ask(pages));
        Ok(())
    }

    fn move_pages(&self, pages: &[usize], nodes: &[i32], status: &[AtomicI32], _: i32) -> Result<usize, i32> {
        let mut written: Vec<i32> = status.iter().map(|status| status.load(Relaxed)).collect();
        let answer = self.0.lock().unwrap().call(pages, nodes, &mut written);
        status.iter().zip(written).for_each(|(status, written)| status.store(written, Relaxed));
        answer
    }

    fn move_request(&self, request: Request, _: i32) -> Result<usize, i32> {
        let count = request.count;
        let (mut pages, mut nodes, mut status) = (vec![0; count], vec![0; count], vec![0; count]);
        let mut whole = read(request.pages, &mut pages, request.trust)? == count;
        whole &= request.nodes == 0 || read(request.nodes, &mut nodes, request.trust)? == count;
        whole &= read(request.status, &mut status, request.trust)? == count;
        if !whole {
            return Err(errno::EFAULT);
        }
        let mut machine = self.0.lock().unwrap();
        let answer = if request.nodes == 0 {
            status = machine.ask(&pages);
            Ok(0)
        } else {
            machine.call(&pages, &nodes, &mut status)
        };
        write(request.status, &status, request.trust)?;
        answer
    }

    fn range(&self, _: usize, _: usize, _: u32, _: (usize, usize)) -> Option<Range> {
        None
    }
}

/// What came of a list.
pub struct Outcome {
    pub machine: Machine,
    pub status: Vec<i32>,
    pub figures: Figures,
    pub error: i32,
    pub tried: usize,
    pub left: usize,
}

/// A status that nobody has written.
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
) -> Outcome {
    let mut status = vec![NOT_WRITTEN; addresses.len()];
    let mut request = request(addresses, nodes, &mut status);
    // No nodes: it only asks.
    if nodes.is_empty() {
        request.nodes = 0;
    }
    let manner = Manner { flags: 0, threads: 1, retries };
    let mut mover = Mover::new(Model::<ENTRIES>::new(machine.clone()), manner, progress);
    mover.list(request).unwrap();
    let (figures, error, tried, left) = (mover.figures, mover.error, mover.tried, mover.left);
    Outcome { machine: mover.kernel.into_machine(), status, figures, error, tried, left }
}

/// Moves pages in windows as large as they usually are.
pub fn run(machine: &Machine, addresses: &[usize], nodes: &[i32], retries: u32, progress: Progress) -> Outcome {
    run_in_windows::<{ Process::MOST_ENTRIES }>(machine, addresses, nodes, retries, progress)
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

impl Outcome {
    /// Checks the statuses and the figures of a request that came to its end.
    pub fn assert_true(&self, addresses: &[usize]) {
        assert_true(&self.status, addresses, &self.machine);
        assert_eq!(sum(&self.figures), addresses.len());
        assert_eq!(self.figures[Figure::Requested as usize], addresses.len());
        assert!(self.tried <= self.left);
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

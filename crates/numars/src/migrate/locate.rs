//! Queries the nodes of pages.
//!
//! A page in flight, which another mover, compaction or automatic NUMA balancing is moving, is a migration entry in the page tables.
//! move_pages(2) reports ENOENT for it, as for an absent page; Linux 6.1 reports EFAULT for a huge page. The page tables are therefore checked
//! before a page counts as absent.
//!
//! References: move_pages(2), Documentation/admin-guide/mm/pagemap.rst in the kernel sources.

use super::meter::Meter;
use super::ops::MovePagesOps;
use super::page_state::PageState;
use super::target::for_each_chunk;
use crate::sys::errno;
use core::cell::Cell;

/// Upper bound for the time that a request waits for pages in flight, in microseconds. The time starts again whenever one of them arrives.
const MAX_WAIT_US: u32 = 2_000_000;

/// Upper bound for the part of [`MAX_WAIT_US`] that is spent on pages that may be swapped out instead: without privileges, a swap entry of another
/// process cannot be distinguished from a migration entry.
const MAX_SWAP_WAIT_US: u32 = 100_000;

/// The first pause between two queries, in microseconds.
const MIN_PAUSE_US: u32 = 50;

/// The longest pause between two queries, in microseconds.
const MAX_PAUSE_US: u32 = 5_000;

/// Upper bound for requeries of a present page that the kernel reports with EFAULT, while no page is seen in flight: it is probably the zero
/// page.
const MAX_REQUERIES_EFAULT: u32 = 3;
/// Upper bound for requeries of a present page that the kernel reports with ENOENT, while no page is seen in flight, which is rare.
const MAX_REQUERIES_ENOENT: u32 = 10;
/// Upper bound for requeries of a page whose page table entry is empty, although it was present before or is in hugetlb memory.
const MAX_REQUERIES_EMPTY: u32 = 2;

/// Upper bound for the pages of one requery.
const CHUNK: usize = 128;

/// Added to the errno of a page that is known to be absent, while others are unresolved.
const CONFIRMED: i32 = -(1 << 28);

/// What a request has used so far.
pub struct Usage<'a> {
    pub meter: Meter<'a>,
    /// The rest of [`MAX_WAIT_US`].
    wait_left_us: Cell<u32>,
    /// Whether a limit has ended a wait for pages in flight, which count as absent then.
    pub is_cut_short: Cell<bool>,
}

impl<'a> Usage<'a> {
    /// Returns the usage of a new request.
    pub fn new(meter: Meter<'a>) -> Self {
        Usage { meter, wait_left_us: Cell::new(MAX_WAIT_US), is_cut_short: Cell::new(false) }
    }
}

/// Queries the nodes of pages for one request.
pub struct Locator<'a, K> {
    pub kernel: &'a K,
    pub flags: i32,
    pub usage: &'a Usage<'a>,
}

impl<K: MovePagesOps> Locator<'_, K> {
    /// Writes the node of each page into `nodes`, or -ENOENT or -EFAULT if it has none. `seen_present` is true if the pages were present
    /// before.
    pub fn locate(&self, pages: &[usize], nodes: &mut [i32], seen_present: bool) -> Result<(), i32> {
        self.query(pages, nodes)?;
        self.confirm_absent(pages, nodes, seen_present)
    }

    /// Queries the nodes of pages once, with as many calls as their target duration requires.
    fn query(&self, pages: &[usize], nodes: &mut [i32]) -> Result<(), i32> {
        let meter = &self.usage.meter;
        for_each_chunk(
            pages,
            nodes,
            || meter.query_limit(),
            |pages, nodes| {
                meter.time_query(self.kernel, pages.len(), || self.kernel.query_nodes(pages, nodes, self.flags))
            },
        )
    }

    /// Queries pages again that `nodes` reports absent and the page tables show, until their nodes are known or the time is up.
    pub fn confirm_absent(&self, pages: &[usize], nodes: &mut [i32], seen_present: bool) -> Result<(), i32> {
        if nodes.iter().all(|&node| node >= 0) {
            return Ok(());
        }
        // Consecutive rounds in which no page was seen in flight.
        let (mut outcome, mut pause, mut quiet_rounds) = (Ok(()), MIN_PAUSE_US, 0u32);
        loop {
            match self.requery_absent(quiet_rounds, seen_present, pages, nodes) {
                Ok(Unresolved { in_flight: 0, swapped: 0, present: 0 }) => break,
                Ok(Unresolved { in_flight: 0, swapped, .. }) => {
                    quiet_rounds = quiet_rounds.saturating_add(1);
                    // A present page is resolved soon.
                    pause = if swapped == 0 { MIN_PAUSE_US } else { pause };
                }
                Ok(_) => quiet_rounds = 0,
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
            let Some(wait_left_us) = self.usage.wait_left_us.get().checked_sub(pause) else { break };
            if self.usage.meter.check(self.kernel).is_err() {
                // The move ends, and what the last query reported has to do.
                self.usage.is_cut_short.set(true);
                break;
            }
            self.usage.wait_left_us.set(wait_left_us);
            self.kernel.pause(pause);
            pause = (2 * pause).min(MAX_PAUSE_US);
        }
        for node in nodes.iter_mut().filter(|node| is_absent(node.wrapping_sub(CONFIRMED))) {
            *node -= CONFIRMED;
        }
        outcome
    }

    /// Queries the pages that are not confirmed to be absent once more. Returns how many of them are still unresolved.
    fn requery_absent(
        &self,
        quiet_rounds: u32,
        seen_present: bool,
        pages: &[usize],
        nodes: &mut [i32],
    ) -> Result<Unresolved, i32> {
        let (mut next, mut unresolved) = (0, Unresolved::default());
        loop {
            let (mut entries, mut chunk, mut count) = ([0u32; CHUNK], [0usize; CHUNK], 0);
            let rest = pages.iter().zip(nodes.iter()).enumerate().skip(next);
            let absent = rest.filter(|(_, (_, node))| is_absent(**node));
            for (((entry, (page, _)), slot), chunk) in absent.zip(&mut entries).zip(&mut chunk) {
                (*slot, *chunk) = (entry as u32, *page);
                (next, count) = (entry + 1, count + 1);
            }
            let (Some(entries), Some(chunk)) = (entries.get(..count), chunk.get(..count)) else {
                return Ok(unresolved);
            };
            if count == 0 {
                return Ok(unresolved);
            }
            self.requery_chunk(quiet_rounds, seen_present, entries, chunk, nodes, &mut unresolved)?;
        }
    }

    /// Queries at most [`CHUNK`] pages once more. `entries` are their indices in `nodes`.
    fn requery_chunk(
        &self,
        quiet_rounds: u32,
        seen_present: bool,
        entries: &[u32],
        chunk: &[usize],
        nodes: &mut [i32],
        unresolved: &mut Unresolved,
    ) -> Result<(), i32> {
        let (mut states, mut current) = ([PageState::Nothing; CHUNK], [0; CHUNK]);
        let states = states.get_mut(..chunk.len()).unwrap_or_default();
        let current = current.get_mut(..chunk.len()).unwrap_or_default();
        self.kernel.page_states(chunk, states);
        if quiet_rounds > 0 {
            // Linux before 6.5 reports ENOENT for a present page while a hinting fault of automatic NUMA balancing is due on it.
            for ((&page, &entry), _) in
                chunk.iter().zip(entries).zip(states.iter()).filter(|(_, state)| **state == PageState::Present)
            {
                if nodes.get(entry as usize) == Some(&-errno::ENOENT) {
                    self.kernel.fault_in(page);
                }
            }
        }
        if states.iter().any(|&state| state != PageState::Nothing) {
            self.query(chunk, current)?;
        }
        for ((&entry, &state), &current) in entries.iter().zip(states.iter()).zip(current.iter()) {
            let Some(node) = nodes.get_mut(entry as usize) else { continue };
            if state != PageState::Nothing {
                *node = current;
            }
            let max_requeries = if *node == -errno::EFAULT { MAX_REQUERIES_EFAULT } else { MAX_REQUERIES_ENOENT };
            match state {
                _ if !is_absent(*node) => {
                    // One page has arrived, and others may.
                    self.usage.wait_left_us.set(MAX_WAIT_US);
                    continue;
                }
                PageState::InFlight => unresolved.in_flight += 1,
                PageState::Swapped if self.usage.wait_left_us.get() >= MAX_WAIT_US - MAX_SWAP_WAIT_US => {
                    unresolved.swapped += 1;
                }
                // The zero page, a page of a mapping that move_pages(2) does not support, or one that has just arrived.
                PageState::Present if quiet_rounds < max_requeries => unresolved.present += 1,
                // The kernel unmaps a page of hugetlb memory before it makes the migration entry.
                PageState::Nothing if seen_present && quiet_rounds < MAX_REQUERIES_EMPTY => unresolved.present += 1,
                PageState::EmptyHugetlb if quiet_rounds < MAX_REQUERIES_EMPTY => unresolved.present += 1,
                PageState::Unknown if quiet_rounds < 1 => unresolved.present += 1,
                _ => *node += CONFIRMED,
            }
        }
        Ok(())
    }
}

/// Numbers of pages that may be present, although the kernel reports them absent.
#[derive(Default)]
struct Unresolved {
    /// In flight.
    in_flight: usize,
    /// In flight or swapped out.
    swapped: usize,
    /// Present, or in a page table that cannot be read.
    present: usize,
}

/// Returns whether a status is that of an absent page.
pub fn is_absent(status: i32) -> bool {
    status == -errno::ENOENT || status == -errno::EFAULT
}

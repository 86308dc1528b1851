//! Where pages are. A page that is moved at this moment, by another mover, by compaction or by automatic balancing, is a migration
//! entry in the page tables; move_pages(2) says -ENOENT of it then, as of a page that is not there, and Linux 6.1 -EFAULT of a huge one. So
//! the page tables are looked at before a page counts as absent.
//!
//! References: move_pages(2), Documentation/admin-guide/mm/pagemap.rst of the kernel.

use super::Kernel;
use super::page_walk::PageState;
use crate::sys::errno;
use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Microseconds that are waited for pages in flight, if none of them arrives meanwhile.
pub const PATIENCE: u32 = 2_000_000;

/// What is left of [`PATIENCE`] where pages are given up that may as well be swapped out, which looks the same to a process without
/// privileges: these don't hold up a call for long.
const LEFT_FOR_KNOWN: u32 = PATIENCE - 100_000;

/// Microseconds of the first pause between two questions.
const MIN_PAUSE: u32 = 50;

/// Microseconds of the longest pause between two questions.
const MAX_PAUSE: u32 = 5_000;

/// How often a page is asked about again that is present, while no other one is seen in flight: if the kernel calls it -EFAULT, it is likely
/// to be the page of zeros; -ENOENT is rare, other than in flight.
const MAX_CALM_EFAULT: u32 = 3;
const MAX_CALM_ENOENT: u32 = 10;
/// How often the page tables are looked at again for a page that was there.
const MAX_CALM_NOTHING: u32 = 2;

/// Pages that are asked about again at once.
const AT_ONCE: usize = 128;

/// Added to the errno of a page while others are in doubt: it is absent.
const CONFIRMED: i32 = -(1 << 28);

/// Asks where pages are, and counts the calls.
pub struct Locator<'a, K> {
    pub kernel: &'a K,
    pub flags: i32,
    pub calls: &'a AtomicUsize,
    /// Microseconds that are left of [`PATIENCE`].
    pub patience: &'a Cell<u32>,
}

impl<K: Kernel> Locator<'_, K> {
    /// Writes the node of each page into `nodes`, or -ENOENT or -EFAULT if there is none.
    /// With `were_there`, they were seen before.
    pub fn locate(&self, pages: &[usize], nodes: &mut [i32], were_there: bool) -> Result<(), i32> {
        self.query(pages, nodes)?;
        self.confirm_absent(pages, nodes, were_there)
    }

    fn query(&self, pages: &[usize], nodes: &mut [i32]) -> Result<(), i32> {
        self.calls.fetch_add(1, Relaxed);
        self.kernel.query_nodes(pages, nodes, self.flags)
    }

    /// Asks again about pages that `nodes` calls absent and the page tables show, until it is known where they are.
    pub fn confirm_absent(&self, pages: &[usize], nodes: &mut [i32], were_there: bool) -> Result<(), i32> {
        if nodes.iter().all(|&node| node >= 0) {
            return Ok(());
        }
        // How often no page was seen in flight, one after the other.
        let (mut outcome, mut pause, mut calm) = (Ok(()), MIN_PAUSE, 0u32);
        loop {
            match self.ask_again(calm, were_there, pages, nodes) {
                Ok(Doubt { in_flight: 0, swapped: 0, present: 0 }) => break,
                Ok(Doubt { in_flight: 0, swapped, .. }) => {
                    calm = calm.saturating_add(1);
                    // Nothing that takes long.
                    pause = if swapped == 0 { MIN_PAUSE } else { pause };
                }
                Ok(_) => calm = 0,
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
            let Some(patience) = self.patience.get().checked_sub(pause) else { break };
            self.patience.set(patience);
            self.kernel.pause(pause);
            pause = (2 * pause).min(MAX_PAUSE);
        }
        for node in nodes.iter_mut().filter(|node| is_absent(node.wrapping_sub(CONFIRMED))) {
            *node -= CONFIRMED;
        }
        outcome
    }

    /// Asks once more about the pages that are not known to be absent. Returns how many of them are still in doubt.
    fn ask_again(&self, calm: u32, were_there: bool, pages: &[usize], nodes: &mut [i32]) -> Result<Doubt, i32> {
        let (mut next, mut in_doubt) = (0, Doubt::default());
        loop {
            let (mut entries, mut asked, mut count) = ([0u32; AT_ONCE], [0usize; AT_ONCE], 0);
            let rest = pages.iter().zip(nodes.iter()).enumerate().skip(next);
            let absent = rest.filter(|(_, (_, node))| is_absent(**node));
            for (((entry, (page, _)), place), asked) in absent.zip(&mut entries).zip(&mut asked) {
                (*place, *asked) = (entry as u32, *page);
                (next, count) = (entry + 1, count + 1);
            }
            let (Some(entries), Some(asked)) = (entries.get(..count), asked.get(..count)) else { return Ok(in_doubt) };
            if count == 0 {
                return Ok(in_doubt);
            }
            self.ask_again_about(calm, were_there, entries, asked, nodes, &mut in_doubt)?;
        }
    }

    /// The same of at most [`AT_ONCE`] pages, whose places in `nodes` are `entries`.
    fn ask_again_about(
        &self,
        calm: u32,
        were_there: bool,
        entries: &[u32],
        asked: &[usize],
        nodes: &mut [i32],
        in_doubt: &mut Doubt,
    ) -> Result<(), i32> {
        let (mut states, mut found) = ([PageState::Nothing; AT_ONCE], [0; AT_ONCE]);
        let states = states.get_mut(..asked.len()).unwrap_or_default();
        let found = found.get_mut(..asked.len()).unwrap_or_default();
        self.kernel.page_states(asked, states);
        if calm > 0 {
            // Linux before 6.5 says -ENOENT of a present page as long as a hinting fault of automatic NUMA balancing is due there.
            for ((&page, &entry), _) in
                asked.iter().zip(entries).zip(states.iter()).filter(|(_, state)| **state == PageState::Present)
            {
                if nodes.get(entry as usize) == Some(&-errno::ENOENT) {
                    self.kernel.fault_in(page);
                }
            }
        }
        if states.iter().any(|&state| state != PageState::Nothing) {
            self.query(asked, found)?;
        }
        for ((&entry, &state), &found) in entries.iter().zip(states.iter()).zip(found.iter()) {
            let Some(node) = nodes.get_mut(entry as usize) else { continue };
            if state != PageState::Nothing {
                *node = found;
            }
            match state {
                _ if !is_absent(*node) => {
                    // One has arrived, and others may.
                    self.patience.set(PATIENCE);
                    continue;
                }
                PageState::InFlight => in_doubt.in_flight += 1,
                PageState::Swapped if self.patience.get() >= LEFT_FOR_KNOWN => in_doubt.swapped += 1,
                // The page of zeros, one of a mapping whose pages move_pages(2) does not look at, or one that has just arrived.
                PageState::Present
                    if calm < if *node == -errno::EFAULT { MAX_CALM_EFAULT } else { MAX_CALM_ENOENT } =>
                {
                    in_doubt.present += 1;
                }
                // The entry of a hugetlb page is empty for a moment before it becomes a migration entry.
                PageState::Nothing if were_there && calm < MAX_CALM_NOTHING => in_doubt.present += 1,
                PageState::Unknown if calm < 1 => in_doubt.present += 1,
                _ => *node += CONFIRMED,
            }
        }
        Ok(())
    }
}

/// How many pages may be there, though the kernel does not say so.
#[derive(Default)]
struct Doubt {
    /// They are being moved.
    in_flight: usize,
    /// They are being moved, or swapped out.
    swapped: usize,
    /// They are present, or the page tables can't be read.
    present: usize,
}

/// Returns whether a page counts as absent.
pub fn is_absent(node: i32) -> bool {
    node == -errno::ENOENT || node == -errno::EFAULT
}

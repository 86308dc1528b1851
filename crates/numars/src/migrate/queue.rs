//! Entries that are to be moved, as a queue from which several threads take chunks.

use super::Kernel;
use super::plan::{self, NODE_DENIED, TRIED, UNWRITTEN};
use crate::sys::errno;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::Relaxed};

/// Target duration of one move_pages(2) call in milliseconds where a progress callback is set.
const TARGET_MILLISECONDS: u64 = 40;

/// Base pages of a chunk at first where a progress callback is set.
const FIRST_CHUNK: usize = 1024;

/// Base pages that an entry of a list is taken to have at most: a huge page. What hugetlb pages have more is not known before.
const MAX_ENTRY: usize = 512;

/// What threads that move together share.
pub struct WorkQueue<'a, K> {
    pub kernel: &'a K,
    pub flags: i32,
    pub pages: &'a [usize],
    pub targets: &'a [i32],
    pub tried: &'a [AtomicI32],
    pub page_bits: u32,
    /// How many base pages each entry has, if that is known.
    pub weights: Option<&'a (dyn Fn(usize) -> usize + Sync)>,
    /// The first entry that no thread has taken.
    pub next: AtomicUsize,
    /// How many entries a chunk has where no progress callback is set.
    pub entries: usize,
    pub chunk: Chunk,
    pub calls: &'a AtomicUsize,
    pub stop: &'a AtomicBool,
    /// The errno that ends the move; 0: none.
    pub error: AtomicI32,
}

/// How many base pages a chunk has at most.
pub struct Chunk {
    now: AtomicUsize,
    max: usize,
}

impl Chunk {
    /// No bound.
    pub fn unbounded() -> Self {
        Chunk { now: AtomicUsize::new(usize::MAX), max: usize::MAX }
    }

    /// At most `max`, and as many as take not too long.
    pub fn bounded(max: usize) -> Self {
        Chunk { now: AtomicUsize::new(FIRST_CHUNK.min(max)), max }
    }

    /// Makes chunks smaller or larger after one took so many milliseconds.
    pub fn adapt(&self, milliseconds: u64) {
        let now = self.now.load(Relaxed);
        if milliseconds > TARGET_MILLISECONDS {
            self.now.store((now / 2).max(1), Relaxed);
        } else if milliseconds < TARGET_MILLISECONDS / 4 {
            self.now.store(now.saturating_mul(2).min(self.max), Relaxed);
        }
    }
}

impl<K: Kernel> WorkQueue<'_, K> {
    /// Moves the next chunk. Returns whether there was one.
    pub fn run_next_chunk(&self) -> bool {
        let mut start = self.next.load(Relaxed);
        let end = loop {
            if start >= self.pages.len() || self.stop.load(Relaxed) {
                return false;
            }
            let end = self.end_of_chunk(start);
            match self.next.compare_exchange(start, end, Relaxed, Relaxed) {
                Ok(_) => break end,
                Err(next) => start = next,
            }
        };
        self.move_between(start, end);
        true
    }

    fn end_of_chunk(&self, start: usize) -> usize {
        let mut left = self.chunk.now.load(Relaxed);
        if left == usize::MAX {
            return start.saturating_add(self.entries).min(self.pages.len());
        }
        let mut end = start;
        while end < self.pages.len() {
            left = match left.checked_sub(self.base_pages(end)) {
                Some(left) => left,
                // A page larger than a chunk is one by itself.
                None if end == start => return start + 1,
                None => break,
            };
            end += 1;
        }
        end
    }

    /// How many base pages an entry has at most: those of a list have no more than there are up to the next one.
    fn base_pages(&self, entry: usize) -> usize {
        if let Some(weights) = self.weights {
            return weights(entry);
        }
        let (Some(&page), Some(&next)) = (self.pages.get(entry), self.pages.get(entry + 1)) else { return MAX_ENTRY };
        match (next >> self.page_bits).checked_sub(page >> self.page_bits) {
            Some(distance) => distance.clamp(1, MAX_ENTRY),
            None => MAX_ENTRY,
        }
    }

    /// Moves entries, and goes on after those at which the kernel gives up.
    fn move_between(&self, start: usize, end: usize) {
        let (mut at, mut limit) = (start, end);
        while at < end && !self.stop.load(Relaxed) {
            let (Some(pages), Some(targets), Some(tried)) =
                (self.pages.get(at..limit), self.targets.get(at..limit), self.tried.get(at..limit))
            else {
                debug_assert!(false, "an entry beyond the last one");
                return;
            };
            self.calls.fetch_add(1, Relaxed);
            let mark = match self.kernel.move_pages(pages, targets, tried, self.flags) {
                Ok(0) => None,
                Ok(_) => Some(TRIED),
                Err(errno::ENOMEM) => Some(-errno::ENOMEM),
                Err(errno::ENODEV) => Some(-errno::ENODEV),
                Err(errno::EACCES) => Some(NODE_DENIED),
                Err(error) => {
                    self.error.store(error, Relaxed);
                    self.stop.store(true, Relaxed);
                    return;
                }
            };
            let failed = mark.and_then(|mark| plan::failed_run(targets, tried).map(|run| (mark, run)));
            let Some((mark, (first, after))) = failed else {
                (at, limit) = (limit, end);
                continue;
            };
            let about_target = mark == NODE_DENIED || mark == -errno::ENODEV;
            if about_target && plan::run_length(targets) < targets.len() {
                // It can be the target after those that failed that is meant: each run alone.
                debug_assert!(first < targets.len());
                let run = targets.get(first..).map_or(0, plan::run_length);
                (at, limit) = (at + first, at + first + run);
                continue;
            }
            for status in tried.iter().take(after).skip(first) {
                status.store(mark, Relaxed);
            }
            // What made the kernel stop there is decided.
            let decided = tried.get(after).is_some_and(|status| status.load(Relaxed) != UNWRITTEN);
            (at, limit) = (at + after + usize::from(decided), end);
        }
    }
}

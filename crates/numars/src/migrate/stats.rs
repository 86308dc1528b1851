//! The statistics of a move, as its caller gets them.

use core::fmt;
use core::iter::Sum;
use core::ops::{Add, AddAssign};
use core::time::Duration;

/// The statistics of a move.
///
/// Every page that was looked at counts as requested, and under one of the eight outcomes from `moved` to `failed` as soon as that is known. If
/// the callback or an error ends a move, the remaining pages of the batch count as requested only.
///
/// The move of a list counts entries; the move of a range or a process counts base pages.
///
/// ```
/// use numars::MoveStats;
/// let stats = MoveStats::default();
/// assert_eq!((stats.requested(), stats.moved(), stats.kernel_calls()), (0, 0, 0));
/// assert_eq!(stats.to_string(), "0 of 0 pages moved");
/// ```
///
/// ```
/// use core::time::Duration;
/// use numars::{Move, Node};
/// let table = vec![1u8; 1 << 20];
/// if let Ok(stats) = Move::new().memory(&table, Node::new(0).unwrap()) {
///     let unmoved = stats.shared() + stats.busy() + stats.no_memory() + stats.failed();
///     assert_eq!(stats.unmoved(), unmoved);
///     let all = stats.moved() + stats.in_place() + stats.absent() + stats.unmapped() + unmoved;
///     assert_eq!(stats.requested(), all);
///     assert!(all > 0 && stats.kernel_calls() > 0 && stats.elapsed() > Duration::ZERO);
///     println!("{} further attempts, longest call: {:?}", stats.retried(), stats.longest_call());
/// }
/// ```
// Small enough for the error of a Result: clippy objects to 128 bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct MoveStats {
    pub(super) requested: usize,
    pub(super) moved: usize,
    pub(super) in_place: usize,
    pub(super) absent: usize,
    pub(super) unmapped: usize,
    pub(super) shared: usize,
    pub(super) busy: usize,
    pub(super) no_memory: usize,
    pub(super) failed: usize,
    pub(super) retried: usize,
    pub(super) kernel_calls: usize,
    pub(super) elapsed_ns: u64,
    pub(super) longest_call_ns: u64,
}

impl MoveStats {
    /// Returns the number of pages that were looked at; in a progress callback, so far.
    pub fn requested(&self) -> usize {
        self.requested
    }

    /// Returns the number of pages that were on another node and are on their target nodes.
    pub fn moved(&self) -> usize {
        self.moved
    }

    /// Returns the number of pages that were on their target nodes before, or have none.
    pub fn in_place(&self) -> usize {
        self.in_place
    }

    /// Returns the number of absent pages: never touched, or swapped out (-ENOENT).
    pub fn absent(&self) -> usize {
        self.absent
    }

    /// Returns the number of addresses that are not mapped, or map the zero page (-EFAULT).
    pub fn unmapped(&self) -> usize {
        self.unmapped
    }

    /// Returns the number of pages that are mapped more than once, without MPOL_MF_MOVE_ALL (-EACCES).
    pub fn shared(&self) -> usize {
        self.shared
    }

    /// Returns the number of pages in use: under writeback, or pinned by a device or the kernel (-EBUSY).
    pub fn busy(&self) -> usize {
        self.busy
    }

    /// Returns the number of pages whose target node is full (-ENOMEM).
    pub fn no_memory(&self) -> usize {
        self.no_memory
    }

    /// Returns the number of pages that are not on their target nodes for another reason.
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// Returns the number of pages that are present and not on their target nodes: the sum of `shared`, `busy`, `no_memory` and `failed`.
    pub fn unmoved(&self) -> usize {
        self.shared + self.busy + self.no_memory + self.failed
    }

    /// Returns the number of further attempts, summed over all pages.
    pub fn retried(&self) -> usize {
        self.retried
    }

    /// Returns the number of move_pages(2) calls.
    pub fn kernel_calls(&self) -> usize {
        self.kernel_calls
    }

    /// Returns the time since the request started.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.elapsed_ns)
    }

    /// Returns the duration of the longest move_pages(2) call, including calls that only query pages. On 32-bit machines, it is at most 4.2 s.
    pub fn longest_call(&self) -> Duration {
        Duration::from_nanos(self.longest_call_ns)
    }
}

/// Adds the statistics of one move after the other: the numbers and the times are added; the longest call is the longer one. A sum that is too
/// large is the largest number.
///
/// ```
/// use numars::{Move, MoveStats, Node};
/// let (table, index) = (vec![1u8; 1 << 16], vec![1u8; 1 << 14]);
/// let node = Node::new(0).unwrap();
/// let mut all = MoveStats::default();
/// for memory in [&table, &index] {
///     match Move::new().memory(memory, node) {
///         Ok(stats) => all += stats,
///         Err(error) => all += *error.stats(),
///     }
/// }
/// println!("{all}, longest call: {:?}", all.longest_call());
/// ```
impl AddAssign for MoveStats {
    fn add_assign(&mut self, other: MoveStats) {
        // All are named: the compiler refuses a field that is forgotten.
        let MoveStats {
            requested,
            moved,
            in_place,
            absent,
            unmapped,
            shared,
            busy,
            no_memory,
            failed,
            retried,
            kernel_calls,
            elapsed_ns,
            longest_call_ns,
        } = other;
        for (sum, more) in [
            (&mut self.requested, requested),
            (&mut self.moved, moved),
            (&mut self.in_place, in_place),
            (&mut self.absent, absent),
            (&mut self.unmapped, unmapped),
            (&mut self.shared, shared),
            (&mut self.busy, busy),
            (&mut self.no_memory, no_memory),
            (&mut self.failed, failed),
            (&mut self.retried, retried),
            (&mut self.kernel_calls, kernel_calls),
        ] {
            *sum = sum.saturating_add(more);
        }
        self.elapsed_ns = self.elapsed_ns.saturating_add(elapsed_ns);
        self.longest_call_ns = self.longest_call_ns.max(longest_call_ns);
    }
}

/// As [`+=`](MoveStats#impl-AddAssign-for-MoveStats).
///
/// ```
/// use numars::MoveStats;
/// assert_eq!(MoveStats::default() + MoveStats::default(), MoveStats::default());
/// ```
impl Add for MoveStats {
    type Output = MoveStats;

    fn add(mut self, other: MoveStats) -> MoveStats {
        self += other;
        self
    }
}

/// The statistics of several moves, added.
///
/// ```
/// use numars::{Move, MoveStats, Node};
/// let tables = [vec![1u8; 1 << 16], vec![1u8; 1 << 14]];
/// let node = Node::new(0).unwrap();
/// if let Ok(all) = tables.iter().map(|table| Move::new().memory(table, node)).sum::<Result<MoveStats, _>>() {
///     println!("{all}");
/// }
/// ```
impl Sum for MoveStats {
    fn sum<I: Iterator<Item = MoveStats>>(all: I) -> MoveStats {
        all.fold(MoveStats::default(), Add::add)
    }
}

impl fmt::Display for MoveStats {
    /// Writes a line such as "1000 of 1502 pages moved, 500 in place, 2 busy". Outcomes without pages are not mentioned.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} pages moved", self.moved, self.requested)?;
        let others = [
            (self.in_place, "in place"),
            (self.absent, "absent"),
            (self.unmapped, "not mapped"),
            (self.shared, "shared with other processes"),
            (self.busy, "busy"),
            (self.no_memory, "without room"),
            (self.failed, "failed"),
        ];
        others.into_iter().filter(|&(count, _)| count > 0).try_for_each(|(count, what)| write!(f, ", {count} {what}"))
    }
}

#[cfg(any(test, fuzzing))]
impl MoveStats {
    /// Returns all numbers: requested, moved, in place, absent, unmapped, shared, busy, no memory, failed, retried, kernel calls.
    #[cfg(test)]
    pub(super) fn all(&self) -> [usize; 11] {
        let MoveStats { requested, moved, in_place, absent, unmapped, shared, busy, no_memory, failed, .. } = *self;
        let (retried, calls) = (self.retried, self.kernel_calls);
        [requested, moved, in_place, absent, unmapped, shared, busy, no_memory, failed, retried, calls]
    }

    /// Returns statistics with these numbers.
    #[cfg(test)]
    pub(crate) fn example(requested: usize, moved: usize, no_memory: usize) -> Self {
        MoveStats { requested, moved, no_memory, ..MoveStats::default() }
    }

    /// Returns the sum of all outcomes.
    pub(super) fn finished(&self) -> usize {
        self.moved + self.in_place + self.absent + self.unmapped + self.unmoved()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_of_moves_are_added_and_the_longest_call_is_that_of_all() {
        let one = MoveStats { requested: 3, moved: 2, busy: 1, kernel_calls: 4, elapsed_ns: 5, ..MoveStats::default() };
        let [one, other] = [6, 9].map(|longest_call_ns| MoveStats { longest_call_ns, ..one });
        let sum = one + other;
        assert_eq!(sum.all(), one.all().map(|number| 2 * number));
        assert_eq!((sum.elapsed(), sum.longest_call()), (Duration::from_nanos(10), Duration::from_nanos(9)));
        assert_eq!([one, other].into_iter().sum::<MoveStats>(), sum);
        let largest = MoveStats { requested: usize::MAX, elapsed_ns: u64::MAX, ..one };
        assert_eq!(((largest + one).requested, (largest + one).elapsed_ns), (usize::MAX, u64::MAX));
    }

    #[test]
    fn statistics_are_a_line_that_mentions_the_outcomes_that_occurred() {
        let stats = MoveStats { requested: 1502, moved: 1000, in_place: 500, busy: 2, ..MoveStats::default() };
        assert_eq!(stats.to_string(), "1000 of 1502 pages moved, 500 in place, 2 busy");
        assert_eq!((stats.unmoved(), stats.finished()), (2, 1502));
        let stats = MoveStats { requested: 10, absent: 1, unmapped: 2, shared: 3, no_memory: 1, failed: 1, ..stats };
        assert_eq!(
            MoveStats { moved: 0, in_place: 0, ..stats }.to_string(),
            "0 of 10 pages moved, 1 absent, 2 not mapped, 3 shared with other processes, 2 busy, 1 without room, 1 failed"
        );
        assert_eq!(stats.unmoved(), 7);
    }
}

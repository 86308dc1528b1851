//! The meter of a move: counts and times its move_pages(2) calls, adapts their sizes, and keeps its limits.

use super::ops::MovePagesOps;
use crate::sys::errno;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::Relaxed};
use core::time::Duration;

/// Target duration of one move_pages(2) call that moves pages, if a progress callback or a limit other than [`Limits::max_pause`] is set.
const TARGET_CALL: Duration = Duration::from_millis(40);

/// The base pages of the first call with a target duration of [`TARGET_CALL`].
const INITIAL_PAGES: usize = 1024;

/// The base pages of the first call with [`Limits::max_pause`].
const INITIAL_PAUSE_PAGES: usize = 16;

/// The pages of the first query with [`Limits::max_pause`].
const INITIAL_QUERY_PAGES: usize = 256;

/// Calls per second, at least, if the rate is limited: the pages that one of them moves are those of this part of a second.
const CALLS_PER_SECOND: u64 = 20;

/// The longest sleep between two checks of the limits, in microseconds.
const MAX_SLEEP_US: u64 = 10_000;

const NS_PER_SECOND: f64 = 1e9;

/// The limits of a move. `None` and 0 stand for no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits<'a> {
    /// Target for the CPU time of the longest move_pages(2) call.
    pub max_pause: Option<Duration>,
    /// Upper bound for the bytes that are moved per second.
    pub max_bytes_per_second: u64,
    /// Time after which the move ends with ETIMEDOUT.
    pub timeout: Option<Duration>,
    /// The move ends with ECANCELED as soon as this is set.
    pub cancel: Option<CancelFlag<'a>>,
}

/// A flag that another thread, a signal handler or the callback sets to end a move with ECANCELED.
///
/// ```
/// use core::sync::atomic::{AtomicBool, AtomicI32};
/// use numars::for_c::migrate::CancelFlag;
/// let (flag, number) = (AtomicBool::new(true), AtomicI32::new(0));
/// assert!(CancelFlag::Bool(&flag).is_set() && !CancelFlag::NotZero(&number).is_set());
/// ```
#[derive(Clone, Copy, Debug)]
pub enum CancelFlag<'a> {
    /// Set if it is true.
    Bool(&'a AtomicBool),
    /// Set if it is not 0.
    NotZero(&'a AtomicI32),
}

impl CancelFlag<'_> {
    /// Returns whether the flag is set.
    pub fn is_set(self) -> bool {
        match self {
            CancelFlag::Bool(flag) => flag.load(Relaxed),
            CancelFlag::NotZero(flag) => flag.load(Relaxed) != 0,
        }
    }
}

/// Counts and times the move_pages(2) calls of one request. Several threads may use it.
pub struct Meter<'a> {
    limits: Limits<'a>,
    page_bits: u32,
    /// The time at which the request started; `None`: calls are counted and not timed.
    started_ns: Option<u64>,
    kernel_calls: AtomicUsize,
    longest_call_ns: AtomicUsize,
    /// The base pages that were submitted, or could have been since the start: see [`Meter::admit`].
    charged_pages: AtomicUsize,
    moves: Pace,
    queries: Pace,
}

impl<'a> Meter<'a> {
    /// Returns a meter that counts calls, and does not time them.
    pub fn untimed() -> Self {
        Meter::new(Limits::default(), false, 0, None)
    }

    /// Returns a meter that times calls from now on. With `reports_progress`, calls that move pages have a target duration.
    pub fn timed(kernel: &impl MovePagesOps, limits: Limits<'a>, reports_progress: bool, page_bits: u32) -> Self {
        Meter::new(limits, reports_progress, page_bits, Some(kernel.now_ns()))
    }

    fn new(limits: Limits<'a>, reports_progress: bool, page_bits: u32, started_ns: Option<u64>) -> Self {
        let is_paced =
            reports_progress || limits.max_bytes_per_second > 0 || limits.timeout.is_some() || limits.cancel.is_some();
        let (moves, queries) = match limits.max_pause {
            Some(max_pause) => {
                let move_target = if is_paced { max_pause.min(TARGET_CALL) } else { max_pause };
                (Pace::new(move_target, INITIAL_PAUSE_PAGES), Pace::new(max_pause, INITIAL_QUERY_PAGES))
            }
            None if is_paced => (Pace::new(TARGET_CALL, INITIAL_PAGES), Pace::unlimited()),
            None => (Pace::unlimited(), Pace::unlimited()),
        };
        Meter {
            limits,
            page_bits,
            started_ns,
            kernel_calls: AtomicUsize::new(0),
            longest_call_ns: AtomicUsize::new(0),
            charged_pages: AtomicUsize::new(0),
            moves,
            queries,
        }
    }

    /// Returns the number of calls.
    pub fn kernel_calls(&self) -> usize {
        self.kernel_calls.load(Relaxed)
    }

    /// Returns the duration of the longest call in nanoseconds. On 32-bit machines, it is at most 2^32 - 1.
    pub fn longest_call_ns(&self) -> u64 {
        self.longest_call_ns.load(Relaxed) as u64
    }

    /// Returns the nanoseconds since the request started; 0 if calls are not timed.
    pub fn elapsed_ns(&self, kernel: &impl MovePagesOps) -> u64 {
        self.started_ns.map_or(0, |started| kernel.now_ns().saturating_sub(started))
    }

    /// Returns whether calls that move pages have a size limit, which adapts to their duration.
    pub fn is_paced(&self) -> bool {
        !self.moves.is_unlimited()
    }

    /// Returns whether calls have a target duration of the caller's.
    pub fn limits_pauses(&self) -> bool {
        self.limits.max_pause.is_some()
    }

    /// Returns whether the limits depend on the sizes of the pages.
    pub fn needs_sizes(&self) -> bool {
        self.limits_pauses() || self.limits.max_bytes_per_second > 0
    }

    /// Returns the upper bound for the base pages of the next call that moves pages, which is at most `max`.
    pub fn move_limit(&self, max: usize) -> usize {
        let per_call = match self.limits.max_bytes_per_second {
            0 => usize::MAX,
            rate => usize::try_from((rate / CALLS_PER_SECOND) >> self.page_bits).unwrap_or(usize::MAX),
        };
        self.moves.limit().min(per_call).min(max).max(1)
    }

    /// Returns the upper bound for the pages of the next query.
    pub fn query_limit(&self) -> usize {
        self.queries.limit()
    }

    /// Returns ECANCELED or ETIMEDOUT if the move has to end.
    pub fn check(&self, kernel: &impl MovePagesOps) -> Result<(), i32> {
        if self.limits.cancel.is_some_and(CancelFlag::is_set) {
            return Err(errno::ECANCELED);
        }
        match self.limits.timeout {
            Some(timeout) if self.elapsed_ns(kernel) >= saturating_ns(timeout) => Err(errno::ETIMEDOUT),
            _ => Ok(()),
        }
    }

    /// Waits until `pages` base pages may be submitted, as far as the rate is limited: until all that were submitted before do not exceed it.
    /// Calls `waiting` every few milliseconds. Returns false if `stop` is set meanwhile, or an errno if the move has to end.
    pub fn admit(
        &self,
        kernel: &impl MovePagesOps,
        pages: usize,
        stop: &AtomicBool,
        waiting: &mut dyn FnMut(),
    ) -> Result<bool, i32> {
        loop {
            self.check(kernel)?;
            if stop.load(Relaxed) {
                return Ok(false);
            }
            if self.limits.max_bytes_per_second == 0 {
                return Ok(true);
            }
            let (charged, elapsed_ns) = (self.charged_pages.load(Relaxed), self.elapsed_ns(kernel));
            let wait_ns = self.due_ns(charged).saturating_sub(elapsed_ns);
            if wait_ns > 0 {
                kernel.pause(wait_ns.div_ceil(1000).min(MAX_SLEEP_US) as u32);
                waiting();
                continue;
            }
            // Time in which fewer pages were submitted than the rate allows is lost, so that it is not exceeded afterwards.
            let allowed =
                elapsed_ns as f64 / NS_PER_SECOND * self.limits.max_bytes_per_second as f64 / self.page_size();
            let charge = charged.max(allowed as usize).saturating_add(pages);
            // Another thread may have been admitted in the meantime.
            if self.charged_pages.compare_exchange(charged, charge, Relaxed, Relaxed).is_ok() {
                return Ok(true);
            }
        }
    }

    fn page_size(&self) -> f64 {
        (1u64 << self.page_bits) as f64
    }

    /// Returns the time, in nanoseconds since the start, from which on so many pages do not exceed the rate.
    fn due_ns(&self, pages: usize) -> u64 {
        (pages as f64 * self.page_size() / self.limits.max_bytes_per_second as f64 * NS_PER_SECOND) as u64
    }

    /// Makes a call that moves pages. `moved` returns how many base pages it has moved.
    pub fn time_move<T>(
        &self,
        kernel: &impl MovePagesOps,
        call: impl FnOnce() -> T,
        moved: impl FnOnce() -> usize,
    ) -> T {
        self.time(kernel, &self.moves, call, moved)
    }

    /// Makes a call that queries `pages` pages.
    pub fn time_query<T>(&self, kernel: &impl MovePagesOps, pages: usize, call: impl FnOnce() -> T) -> T {
        self.time(kernel, &self.queries, call, || pages)
    }

    fn time<T>(
        &self,
        kernel: &impl MovePagesOps,
        pace: &Pace,
        call: impl FnOnce() -> T,
        pages: impl FnOnce() -> usize,
    ) -> T {
        self.kernel_calls.fetch_add(1, Relaxed);
        if self.started_ns.is_none() {
            return call();
        }
        let start = Times::now(kernel, pace);
        let result = call();
        let cpu_ns = self.record_call(kernel, pace, start);
        if !pace.is_unlimited() {
            pace.record(pages(), cpu_ns);
        }
        result
    }

    /// Takes note of the duration of a call that has just ended. Returns the time for which it ran, as far as `pace` needs that.
    #[inline(never)]
    fn record_call(&self, kernel: &impl MovePagesOps, pace: &Pace, start: Times) -> usize {
        let since = |start, end: u64| usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        let end = Times::now(kernel, pace);
        self.longest_call_ns.fetch_max(since(start.ns, end.ns), Relaxed);
        since(start.cpu_ns, end.cpu_ns)
    }
}

/// The times at the start or the end of a call.
struct Times {
    ns: u64,
    /// That of the calling thread; 0 if the pace is unlimited.
    ///
    /// Before it moves a page, the kernel waits until all CPUs have run a function. They may take milliseconds if they are busy, whatever the
    /// number of pages, and no thread waits for a page meanwhile. Nor do fewer pages help a thread that has to wait for its CPU.
    cpu_ns: u64,
}

impl Times {
    fn now(kernel: &impl MovePagesOps, pace: &Pace) -> Self {
        Times { ns: kernel.now_ns(), cpu_ns: if pace.is_unlimited() { 0 } else { kernel.cpu_ns() } }
    }
}

/// Returns a duration in nanoseconds.
fn saturating_ns(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(NS_PER_SECOND as u64).saturating_add(duration.subsec_nanos().into())
}

/// The upper bound for the base pages of one call, which adapts to the duration of previous calls.
struct Pace {
    /// Target duration of a call in nanoseconds; 0: no limit.
    target_ns: usize,
    limit: AtomicUsize,
    /// The shortest duration of a call without any page; `usize::MAX`: not known.
    overhead_ns: AtomicUsize,
    /// Whether a call has met the target.
    is_settled: AtomicBool,
}

impl Pace {
    fn unlimited() -> Self {
        Pace {
            target_ns: 0,
            limit: AtomicUsize::new(usize::MAX),
            overhead_ns: AtomicUsize::new(usize::MAX),
            is_settled: AtomicBool::new(false),
        }
    }

    fn new(target: Duration, initial: usize) -> Self {
        let target_ns = usize::try_from(saturating_ns(target)).unwrap_or(usize::MAX).max(1);
        Pace { target_ns, limit: AtomicUsize::new(initial), ..Pace::unlimited() }
    }

    fn is_unlimited(&self) -> bool {
        self.target_ns == 0
    }

    fn limit(&self) -> usize {
        self.limit.load(Relaxed)
    }

    /// Adapts the limit to the duration of a call: to the pages that take three quarters of the target duration. If calls take long without any
    /// page, which no limit can change, the pages get half of these three quarters. The limit becomes at most twice as large, and not less than
    /// half as large once a call has met the target, because a call may take long for other reasons than its pages.
    fn record(&self, pages: usize, ns: usize) {
        if pages == 0 {
            self.overhead_ns.fetch_min(ns, Relaxed);
            return;
        }
        let overhead = match self.overhead_ns.load(Relaxed) {
            usize::MAX => 0,
            overhead => overhead.min(ns),
        };
        let (aim, for_all_pages) = (self.target_ns / 4 * 3, ns - overhead);
        let for_pages = aim - overhead.min(aim / 2);
        let current = self.limit();
        let affordable = match for_all_pages / pages {
            0 => usize::MAX,
            ns_per_page => for_pages / ns_per_page,
        };
        let is_too_long = for_all_pages > self.target_ns;
        let least = if self.is_settled.load(Relaxed) { current / 2 } else { 1 };
        // A short call at the end of a batch says little about longer ones.
        if is_too_long || pages >= current / 2 {
            self.limit.store(affordable.max(least).max(1).min(current.saturating_mul(2)), Relaxed);
        }
        if !is_too_long {
            self.is_settled.store(true, Relaxed);
        }
    }
}

//! Moving pages: the builder of a move.

use crate::migrate::{
    self, CancelFlag, MF_MOVE, MF_MOVE_ALL, MoveOptions, MoveReport, MoveRequest, MoveStats, TierMove,
};
use crate::move_error::MoveError;
use crate::node::{Node, NodeSet};
use crate::page_status::PageStatus;
use crate::placing::Placement;
use crate::process_id::Process;
use crate::sys::errno::Errno;
use core::cell::Cell;
use core::fmt;
use core::ops::ControlFlow;
use core::sync::atomic::AtomicBool;
use core::time::Duration;

/// A move of pages to other nodes, of the calling or another process: its options, and the methods that carry it out.
///
/// Pages are moved in batches, in calls of move_pages(2). A page that does not move, because it is in use or shared, does not end a move: it
/// counts in the statistics, as [`MoveStats::unmoved`]. The contents of pages do not change, so passing any address is safe; a thread that
/// touches a page while it moves waits.
///
/// A move does not change the policy of the memory: pages that are allocated there later, or are swapped in again, are placed by the policy
/// that the memory or the thread has, and automatic NUMA balancing may move pages back. [`Policy::set_for_range`](crate::Policy::set_for_range)
/// and [`Placement::set_policy`] change the policy too.
///
/// The methods that carry out a move borrow the value, which can be used for several moves one after the other. Any thread may move pages; it
/// cannot be cancelled (pthread_cancel(3)) meanwhile. errno is left untouched.
///
/// ```
/// use core::ops::ControlFlow;
/// use core::time::Duration;
/// use numars::{Move, Node};
/// let table = vec![1u8; 1 << 20];
/// let mut in_small_steps = Move::new()
///     .threads(2)
///     .max_pause(Duration::from_millis(1))
///     .bandwidth(500 << 20)
///     .on_progress(|stats| {
///         println!("{stats}");
///         ControlFlow::Continue(())
///     });
/// match in_small_steps.memory(&table, Node::new(0).unwrap()) {
///     Ok(stats) => println!("{} pages have not moved", stats.unmoved()),
///     Err(error) => println!("{error}; {} pages had moved", error.stats().moved()),
/// }
/// ```
///
/// # Errors of a move
/// A method that carries out a move fails with these errors and its own ones. [`MoveError`] has the statistics up to the error; pages that were
/// moved stay where they are.
///
/// - EPERM: the caller may not move the pages of the process, or move_pages(2) is not permitted, as in some containers
/// - ESRCH: there is no such process, or it has ended (of a process that ends while all its pages move, see
///   [`process_pages`](Move::process_pages))
/// - EINVAL: a kernel thread has no pages
/// - ENODEV, EACCES: a target node does not exist or has no memory, or the cpuset of the process does not allow it
/// - ENOMEM: a target node is full ([`MoveStats::no_memory`] counts its pages; other pages are moved all the same), or there is no memory for the
///   move
/// - ECANCELED, ETIMEDOUT: the progress callback or the flag has cancelled the move, or it has timed out
/// - ENOSYS: the kernel cannot move pages
#[must_use]
pub struct Move<'a, P = fn(&MoveStats) -> ControlFlow<()>> {
    process: Process,
    shared_pages: bool,
    threads: usize,
    retries: u32,
    max_pause: Option<Duration>,
    bytes_per_second: u64,
    timeout: Option<Duration>,
    cancel: Option<&'a AtomicBool>,
    moved_per_node: &'a mut [usize],
    progress: Option<P>,
}

impl<'a> Move<'a> {
    /// Returns a move of pages of the calling process by the calling thread, without limits.
    ///
    /// ```
    /// use core::time::Duration;
    /// use numars::Move;
    /// // Without a callback, the type is Move<'_>.
    /// let in_background: Move = Move::new().max_pause(Duration::from_millis(1));
    /// println!("{in_background:?}");
    /// ```
    pub fn new() -> Self {
        Move {
            process: Process::CURRENT,
            shared_pages: false,
            threads: 1,
            retries: migrate::DEFAULT_RETRIES,
            max_pause: None,
            bytes_per_second: 0,
            timeout: None,
            cancel: None,
            moved_per_node: &mut [],
            progress: None,
        }
    }
}

impl Default for Move<'_> {
    /// Returns [`Move::new`].
    fn default() -> Self {
        Move::new()
    }
}

/// Options.
impl<'a, P> Move<'a, P> {
    /// Sets the process whose pages are moved. For one of another user, that needs CAP_SYS_NICE, otherwise permission to trace it (ptrace(2)).
    ///
    /// ```
    /// use numars::{Errno, Move, NodeSet, Process};
    /// let nodes: NodeSet = "0".parse().unwrap();
    /// match Move::new().process(Process::from_pid(1)?).process_pages(nodes, nodes) {
    ///     Ok(stats) => println!("{stats}"),
    ///     Err(error) => println!("{error}"),
    /// }
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn process(self, process: impl Into<Process>) -> Self {
        Move { process: process.into(), ..self }
    }

    /// Sets the number of threads that move pages at the same time, including the calling one (1); 0: half as many as the CPUs that the calling
    /// thread may run on, at least one and at most four. Never more than these CPUs, and fewer for requests of less than 512 base pages for each
    /// thread.
    ///
    /// ```
    /// use numars::{Move, Node};
    /// let (table, node) = (vec![1u8; 1 << 20], Node::new(0).unwrap());
    /// for threads in [0, 1, 4] {
    ///     match Move::new().threads(threads).memory(&table, node) {
    ///         Ok(stats) => assert!(stats.requested() > 0), // every page, by one of the threads
    ///         Err(error) => println!("{error}"),
    ///     }
    /// }
    /// ```
    pub fn threads(self, threads: usize) -> Self {
        Move { threads, ..self }
    }

    /// Sets how often the move of a busy page is tried again (3).
    ///
    /// ```
    /// use numars::{Move, Node};
    /// let table = vec![1u8; 1 << 16];
    /// if let Ok(stats) = Move::new().retries(0).memory(&table, Node::new(0).unwrap()) {
    ///     assert_eq!(stats.retried(), 0);
    /// }
    /// ```
    pub fn retries(self, retries: u32) -> Self {
        Move { retries, ..self }
    }

    /// Sets the target for the CPU time of the longest move_pages(2) call (none): a thread that touches a page while it moves waits for the
    /// call at most. The number of pages of a call adapts to the duration of previous ones, down to one page, which may be a huge page.
    ///
    /// ```
    /// use core::time::Duration;
    /// use numars::{Move, Node};
    /// let table = vec![1u8; 1 << 20];
    /// if let Ok(stats) = Move::new().max_pause(Duration::from_micros(500)).memory(&table, Node::new(0).unwrap()) {
    ///     println!("no thread has waited for more than {:?}", stats.longest_call());
    /// }
    /// ```
    pub fn max_pause(self, max_pause: Duration) -> Self {
        Move { max_pause: Some(max_pause), ..self }
    }

    /// Sets the upper bound for the bytes moved per second, from the start of the move to the beginning of any call; 0: none.
    ///
    /// ```
    /// use numars::{Move, Node};
    /// let table = vec![1u8; 1 << 20];
    /// // At most 1 GiB in each second.
    /// if let Ok(stats) = Move::new().bandwidth(1 << 30).memory(&table, Node::new(0).unwrap()) {
    ///     println!("{stats} in {:?}", stats.elapsed());
    /// }
    /// ```
    pub fn bandwidth(self, bytes_per_second: u64) -> Self {
        Move { bytes_per_second, ..self }
    }

    /// Sets the time after which the move fails with ETIMEDOUT (none). It is checked before each call that moves pages.
    ///
    /// ```
    /// use core::time::Duration;
    /// use numars::{Errno, Move, Node};
    /// let table = vec![1u8; 1 << 16];
    /// let late = Move::new().timeout(Duration::ZERO).memory(&table, Node::new(0).unwrap()).unwrap_err();
    /// assert!([Errno::ETIMEDOUT, Errno::EPERM, Errno::ENOSYS].contains(&late.errno()));
    /// ```
    pub fn timeout(self, timeout: Duration) -> Self {
        Move { timeout: Some(timeout), ..self }
    }

    /// Sets a flag that another thread, a signal handler or the progress callback sets to end the move with ECANCELED. It is checked before each
    /// call that moves pages.
    ///
    /// ```
    /// use core::sync::atomic::AtomicBool;
    /// use numars::{Errno, Move, Node};
    /// let (table, flag) = (vec![1u8; 1 << 16], AtomicBool::new(true));
    /// let cancelled = Move::new().cancel_flag(&flag).memory(&table, Node::new(0).unwrap()).unwrap_err();
    /// assert!([Errno::ECANCELED, Errno::EPERM, Errno::ENOSYS].contains(&cancelled.errno()));
    /// ```
    pub fn cancel_flag(self, flag: &'a AtomicBool) -> Self {
        Move { cancel: Some(flag), ..self }
    }

    /// Sets whether pages that several processes have mapped are moved too (MPOL_MF_MOVE_ALL), which needs CAP_SYS_NICE: without it, the move
    /// fails with EPERM. By default they stay, and count as [`MoveStats::shared`].
    ///
    /// ```
    /// use numars::{Move, Node};
    /// let table = vec![1u8; 1 << 16];
    /// match Move::new().shared_pages(true).memory(&table, Node::new(0).unwrap()) {
    ///     Ok(stats) => println!("{stats}"),
    ///     Err(error) => println!("{error}"), // EPERM without CAP_SYS_NICE
    /// }
    /// ```
    pub fn shared_pages(self, shared_pages: bool) -> Self {
        Move { shared_pages, ..self }
    }

    /// Sets a slice to which a move adds the pages that it moves: to the element whose index is the number of their target node, as
    /// [`MoveStats::moved`] counts them. Nodes without an element are not counted. The elements are accurate when the move ends, also if it
    /// fails.
    ///
    /// ```
    /// use numars::{Move, NodeSet, Placement};
    /// let (table, mut moved) = (vec![1u8; 1 << 16], [0; 64]);
    /// let nodes: NodeSet = "0".parse().unwrap();
    /// let placed = Move::new().moved_per_node(&mut moved).place_memory(&table, &Placement::balance(nodes));
    /// println!("{} pages have moved to node 0", moved[0]);
    /// # let _ = placed;
    /// ```
    pub fn moved_per_node(self, moved_per_node: &'a mut [usize]) -> Self {
        Move { moved_per_node, ..self }
    }

    /// Sets a callback that receives the statistics so far. If it returns `ControlFlow::Break`, the move ends with ECANCELED.
    ///
    /// The calling thread calls it, at least every 64 MiB of pages and about every 100 ms, also while the move waits because of its
    /// [bandwidth](Move::bandwidth), and once at the end, when its result is ignored. It may call everything in this crate, and other moves.
    ///
    /// Pages of a range or a process are located while the move goes on, so that [`MoveStats::requested`] grows and may equal
    /// [`MoveStats::moved`] before the end. For a share of the whole, count the pages before ([`Process::count_pages`]).
    ///
    /// ```
    /// use core::ops::ControlFlow;
    /// use numars::{Move, Node};
    /// let (table, mut reports) = (vec![1u8; 1 << 16], 0);
    /// let moved = Move::new()
    ///     .on_progress(|stats| {
    ///         reports += 1;
    ///         if stats.busy() > 1000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    ///     })
    ///     .memory(&table, Node::new(0).unwrap());
    /// assert!(moved.is_err() || reports > 0);
    /// ```
    pub fn on_progress<Q: FnMut(&MoveStats) -> ControlFlow<()>>(self, progress: Q) -> Move<'a, Q> {
        let Move { process, shared_pages, threads, retries, max_pause, .. } = self;
        let Move { bytes_per_second, timeout, cancel, moved_per_node, .. } = self;
        let progress = Some(progress);
        Move {
            process,
            shared_pages,
            threads,
            retries,
            max_pause,
            bytes_per_second,
            timeout,
            cancel,
            moved_per_node,
            progress,
        }
    }
}

/// Methods that carry out the move.
impl<P: FnMut(&MoveStats) -> ControlFlow<()>> Move<'_, P> {
    /// Moves the page at each address of `pages` to the node at the same index of `nodes`, and writes its status to the same index of
    /// `statuses`: the node that it is on, or why it has not moved. The statistics count entries.
    ///
    /// Of several entries that name one page, the last one determines its node.
    ///
    /// # Errors
    /// [Those of a move](Move#errors-of-a-move), and EINVAL if the slices have different lengths. Pages about which nothing was reported have
    /// [`PageStatus::UNKNOWN`]; after ENOMEM, all statuses are valid.
    ///
    /// ```
    /// use numars::{Move, Node, PageStatus};
    /// let table = vec![1u8; 1 << 16];
    /// let pages: Vec<usize> = table.chunks(4096).map(|page| page.as_ptr() as usize).collect();
    /// let nodes = vec![Node::new(0).unwrap(); pages.len()];
    /// let mut statuses = vec![PageStatus::default(); pages.len()];
    /// match Move::new().pages(&pages, &nodes, &mut statuses) {
    ///     Ok(stats) => println!("{stats}"),
    ///     Err(error) => println!("{error}"),
    /// }
    /// println!("the first page is {}", statuses[0]);
    /// ```
    pub fn pages(
        &mut self,
        pages: &[usize],
        nodes: &[Node],
        statuses: &mut [PageStatus],
    ) -> Result<MoveStats, MoveError> {
        statuses.fill(PageStatus::UNKNOWN);
        if pages.len() != nodes.len() || pages.len() != statuses.len() {
            return Err(MoveError::new(Errno::EINVAL, MoveStats::default()));
        }
        let request = MoveRequest::typed(pages, nodes, statuses);
        self.run(&mut |pid, options, progress| migrate::move_list(pid, request, options, progress))
    }

    /// Moves all present pages that overlap `length` bytes at the address `start` to a node. The statistics count base pages. A huge page that
    /// the kernel splits is moved base page by base page.
    ///
    /// # Errors
    /// [Those of a move](Move#errors-of-a-move), EINVAL if the range exceeds the address space, ENOENT if it is larger than 64 GiB and /proc does
    /// not show the process, ESRCH if the process executes another program meanwhile, or the errno of a failed read(2) of /proc/PID/maps.
    ///
    /// ```
    /// use numars::{Move, Node};
    /// let table = vec![1u8; 1 << 16];
    /// match Move::new().range(table.as_ptr() as usize, table.len(), Node::new(0).unwrap()) {
    ///     Ok(stats) => println!("{stats}"),
    ///     Err(error) => println!("{error}"),
    /// }
    /// ```
    pub fn range(&mut self, start: usize, length: usize, node: Node) -> Result<MoveStats, MoveError> {
        self.run(&mut |pid, options, progress| migrate::move_range(pid, start, length, node.raw(), options, progress))
    }

    /// Moves the pages that a slice overlaps to a node, as [`range`](Move::range).
    ///
    /// # Errors
    /// Those of [`range`](Move::range), and EINVAL if the move is one of another process.
    ///
    /// ```
    /// use numars::{Move, Node};
    /// let table = vec![1u64; 1 << 16];
    /// if let Err(error) = Move::new().memory(&table[..1 << 15], Node::new(0).unwrap()) {
    ///     println!("{error}");
    /// }
    /// ```
    pub fn memory<T>(&mut self, memory: &[T], node: Node) -> Result<MoveStats, MoveError> {
        let (start, length) = self.own_range(memory)?;
        self.range(start, length, node)
    }

    /// Moves the pages of the process from the nodes of `from` to the nodes of `to`, as migrate_pages(2): from the n-th node of `from` to the n-th
    /// of `to`, whose nodes are repeated if they are fewer. If the numbers of nodes differ, pages on nodes in both sets stay.
    ///
    /// The statistics count base pages that were on nodes of `from`. If the process executes another program meanwhile, the pages of that
    /// program are moved too. If it ends meanwhile, nothing is left to move: the call succeeds, and the pages that had not moved count as
    /// absent. It fails with ESRCH if none was looked at before.
    ///
    /// # Errors
    /// [Those of a move](Move#errors-of-a-move), EINVAL if `to` is empty, ENOENT if /proc does not show the process, EAGAIN if it keeps executing
    /// other programs, EOVERFLOW if a 32-bit caller cannot address all its memory, or the errno of a failed read(2) of /proc/PID/maps.
    ///
    /// ```
    /// use numars::{Move, NodeSet};
    /// let [from, to]: [NodeSet; 2] = ["1-3".parse()?, "0".parse()?];
    /// match Move::new().threads(0).process_pages(from, to) {
    ///     Ok(stats) => println!("{stats}"),
    ///     Err(error) => println!("{error}"),
    /// }
    /// # Ok::<(), numars::ParseListError>(())
    /// ```
    pub fn process_pages(&mut self, from: NodeSet, to: NodeSet) -> Result<MoveStats, MoveError> {
        let (from, to) = (from.to_mask(), to.to_mask());
        let (from, to) = (from.bits().as_bits(), to.bits().as_bits());
        self.run(&mut |pid, options, progress| migrate::move_process(pid, from, to, options, progress))
    }

    /// Places all present pages that overlap `length` bytes at the address `start` on several nodes. The statistics count base pages; pages that
    /// are in place stay.
    ///
    /// # Errors
    /// Those of [`range`](Move::range), EINVAL if the placement has no nodes, or weights that it does not take or that are 0, or sets the policy
    /// of another process; ENODATA if the weights are the kernel's and it has none. With [`Placement::pack`], ENOMEM means that all nodes are
    /// full; otherwise, that at least one is. Those of mbind(2) if the policy cannot be set; nothing has moved then. Parts of the range where
    /// nothing is mapped get no policy, which is not an error.
    ///
    /// ```
    /// use numars::{Move, NodeSet, Placement};
    /// let table = vec![1u8; 1 << 16];
    /// let placement = Placement::balance("0".parse::<NodeSet>().unwrap());
    /// match Move::new().place_range(table.as_ptr() as usize, table.len(), &placement) {
    ///     Ok(stats) => println!("{stats}"),
    ///     Err(error) => println!("{error}"),
    /// }
    /// ```
    pub fn place_range(&mut self, start: usize, length: usize, placement: &Placement) -> Result<MoveStats, MoveError> {
        let nodes = placement.nodes().to_mask();
        let request = placement.request(nodes.bits().as_bits());
        self.run(&mut |pid, options, progress| migrate::place_range(pid, start, length, request, options, progress))
    }

    /// Places the pages that a slice overlaps on several nodes, as [`place_range`](Move::place_range).
    ///
    /// # Errors
    /// Those of [`place_range`](Move::place_range), and EINVAL if the move is one of another process.
    ///
    /// ```
    /// use numars::{Move, NodeSet, Placement};
    /// let table = vec![1u64; 1 << 16];
    /// if let Err(error) = Move::new().place_memory(&table, &Placement::interleave("0".parse::<NodeSet>().unwrap())) {
    ///     println!("{error}");
    /// }
    /// ```
    pub fn place_memory<T>(&mut self, memory: &[T], placement: &Placement) -> Result<MoveStats, MoveError> {
        let (start, length) = self.own_range(memory)?;
        self.place_range(start, length, placement)
    }

    /// Places all pages of the process on several nodes, as [`place_range`](Move::place_range). If the process executes another program
    /// meanwhile, the pages of that program are placed; if it ends, see [`process_pages`](Move::process_pages). A policy is set for memory without a file, because that of a file in memory (tmpfs)
    /// applies to all processes that map it.
    ///
    /// # Errors
    /// Those of [`place_range`](Move::place_range) and [`process_pages`](Move::process_pages).
    ///
    /// ```
    /// use numars::{Errno, Move, NodeSet, Placement};
    /// let without_nodes = Move::new().place_process(&Placement::pack(NodeSet::EMPTY));
    /// assert_eq!(without_nodes.unwrap_err().errno(), Errno::EINVAL);
    /// ```
    pub fn place_process(&mut self, placement: &Placement) -> Result<MoveStats, MoveError> {
        let nodes = placement.nodes().to_mask();
        let request = placement.request(nodes.bits().as_bits());
        self.run(&mut |pid, options, progress| migrate::place_process(pid, request, options, progress))
    }

    /// Moves all present pages that overlap `length` bytes at the address `start` to the next slower or faster memory tier: each to the nearest
    /// node there, or if that is full, to the next one. Pages of the last tier in that direction are in place. The statistics count base pages.
    ///
    /// # Errors
    /// Those of [`range`](Move::range), and ENODATA if the kernel lists fewer than two tiers. ENOMEM means that all nodes of the tier are full.
    ///
    /// ```
    /// use numars::{Move, TierMove};
    /// let table = vec![1u8; 1 << 16];
    /// match Move::new().to_tier(table.as_ptr() as usize, table.len(), TierMove::Demote) {
    ///     Ok(stats) => println!("{} pages are in slower memory", stats.moved()),
    ///     Err(error) => println!("{error}"),
    /// }
    /// ```
    pub fn to_tier(&mut self, start: usize, length: usize, direction: TierMove) -> Result<MoveStats, MoveError> {
        self.run(&mut |pid, options, progress| migrate::move_to_tier(pid, start, length, direction, options, progress))
    }

    /// Moves the pages that a slice overlaps to the next memory tier, as [`to_tier`](Move::to_tier).
    ///
    /// # Errors
    /// Those of [`to_tier`](Move::to_tier), and EINVAL if the move is one of another process.
    ///
    /// ```
    /// use numars::{Move, TierMove};
    /// let table = vec![1u64; 1 << 16];
    /// if let Err(error) = Move::new().memory_to_tier(&table, TierMove::Promote) {
    ///     println!("{error}");
    /// }
    /// ```
    pub fn memory_to_tier<T>(&mut self, memory: &[T], direction: TierMove) -> Result<MoveStats, MoveError> {
        let (start, length) = self.own_range(memory)?;
        self.to_tier(start, length, direction)
    }

    /// Returns the start and the length of a slice; EINVAL if another process is to be changed.
    fn own_range<T>(&self, memory: &[T]) -> Result<(usize, usize), MoveError> {
        match self.process.is_current() {
            true => Ok((memory.as_ptr() as usize, size_of_val(memory))),
            false => Err(MoveError::new(Errno::EINVAL, MoveStats::default())),
        }
    }

    /// Calls `work` with the process, the options and the callback.
    fn run(
        &mut self,
        work: &mut dyn FnMut(i32, MoveOptions, migrate::Progress) -> MoveReport,
    ) -> Result<MoveStats, MoveError> {
        let options = MoveOptions {
            flags: if self.shared_pages { MF_MOVE_ALL } else { MF_MOVE },
            threads: self.threads,
            retries: self.retries,
            max_pause: self.max_pause,
            max_bytes_per_second: self.bytes_per_second,
            timeout: self.timeout,
            cancel: self.cancel.map(CancelFlag::Bool),
            moved_per_node: Cell::from_mut(&mut *self.moved_per_node).as_slice_of_cells(),
        };
        let mut progress =
            self.progress.as_mut().map(|progress| move |stats: &MoveStats| progress(stats).is_continue());
        let progress = progress.as_mut().map(|progress| progress as &mut dyn FnMut(&MoveStats) -> bool);
        let report = work(self.process.raw(), options, progress);
        match report.result {
            Ok(unmoved) => {
                debug_assert_eq!(unmoved, report.stats.unmoved());
                Ok(report.stats)
            }
            Err(errno) => Err(MoveError::new(self.process.error_of_call(errno), report.stats)),
        }
    }
}

impl<P> fmt::Debug for Move<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Move")
            .field("process", &self.process)
            .field("shared_pages", &self.shared_pages)
            .field("threads", &self.threads)
            .field("retries", &self.retries)
            .field("max_pause", &self.max_pause)
            .field("bytes_per_second", &self.bytes_per_second)
            .field("timeout", &self.timeout)
            .field("cancel", &self.cancel)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

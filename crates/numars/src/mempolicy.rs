//! Memory policy: which of the kernel's policies each call asks for, and what the kernel's answer means.

use crate::bitmask::{Bits, BitsMut};
use crate::sys::memory::page_size;
use crate::sys::{errno, kernel};
use crate::topology::{self, Nodes, possible_nodes};
use core::cell::Cell;
use core::ffi::{CStr, c_long};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use once_cell::race::OnceBool;

/// A policy of the kernel's, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Default = 0,
    Preferred = 1,
    Bind = 2,
    Interleave = 3,
    Local = 4,
    PreferredMany = 5,
    WeightedInterleave = 6,
}

/// Flag of a task's policy MPOL_BIND: NUMA balancing may move pages between its nodes.
pub const NUMA_BALANCING: i32 = 1 << 13;

/// Flag of mbind(2): pages that are elsewhere already are an error.
pub const MF_STRICT: u32 = 1;

/// A call of the kernel's that failed, by the name that it is reported under. Why is in errno.
#[derive(Clone, Copy, Debug)]
pub struct Failed(pub &'static CStr);

/// Whether a call of the kernel's succeeded that is reported as `name`.
fn outcome(answer: c_long, name: &'static CStr) -> Result<(), Failed> {
    if answer < 0 { Err(Failed(name)) } else { Ok(()) }
}

/// How a policy was set that older kernels lack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Applied {
    AsRequested,
    /// The kernel is older: the policy that comes closest.
    Fallback,
}

/// Makes a request, and the one that comes closest if the kernel `lacks` what the first needs, which it refuses with EINVAL then.
/// errno is untouched if either succeeds.
fn with_fallback(
    request: impl FnOnce() -> Result<(), Failed>,
    lacks: impl FnOnce() -> bool,
    fallback: impl FnOnce() -> Result<(), Failed>,
) -> Result<Applied, Failed> {
    let before = errno::get();
    match request() {
        Err(_) if errno::get() == errno::EINVAL && lacks() => {
            errno::set(before);
            fallback().map(|()| Applied::Fallback)
        }
        result => result.map(|()| Applied::AsRequested),
    }
}

/// What numa_set_strict() says: pages that are elsewhere already are an error.
static STRICT: AtomicBool = AtomicBool::new(false);

/// What numa_set_bind_policy() says: memory that is put on nodes may be on others when those are full.
static MAY_FALL_BACK: AtomicBool = AtomicBool::new(false);

pub fn set_strict(strict: bool) {
    STRICT.store(strict, Relaxed);
}

pub fn set_may_fall_back(may_fall_back: bool) {
    MAY_FALL_BACK.store(may_fall_back, Relaxed);
}

// --- the calling thread ---

fn set_task_policy(mode: Mode, flags: i32, nodes: Bits) -> Result<(), Failed> {
    let answer = kernel::set_mempolicy(mode as i32 | flags, nodes);
    outcome(answer, c"set_mempolicy")
}

/// Allocate on `nodes` alone.
pub fn bind_task(nodes: Bits) -> Result<(), Failed> {
    set_task_policy(Mode::Bind, 0, nodes)
}

/// Restricts allocations to `nodes`, and lets NUMA balancing move pages between them; before Linux 5.12 without the latter.
pub fn bind_task_balancing(nodes: Bits) -> Result<Applied, Failed> {
    // If the nodes are at fault, EINVAL comes again.
    with_fallback(|| set_task_policy(Mode::Bind, NUMA_BALANCING, nodes), || true, || bind_task(nodes))
}

/// Allocate on `nodes` in turn; as usual if there are none.
pub fn interleave_task(nodes: Bits) -> Result<(), Failed> {
    let mode = if nodes.is_empty() { Mode::Default } else { Mode::Interleave };
    set_task_policy(mode, 0, nodes)
}

/// Allocate on `nodes` in turn, as often as their weights say; as usual if there are none.
pub fn weighted_interleave_task(nodes: Bits) -> Result<(), Failed> {
    let mode = if nodes.is_empty() { Mode::Default } else { Mode::WeightedInterleave };
    set_task_policy(mode, 0, nodes)
}

/// Allocate on `node` first; where the task runs if there is none.
pub fn prefer_node(node: Option<usize>) -> Result<(), Failed> {
    match node {
        None => local_task(),
        // The kernel would take an empty set for local allocation.
        Some(node) if node >= possible_nodes() => {
            errno::set(errno::EINVAL);
            Err(Failed(c"set_mempolicy"))
        }
        Some(node) => set_task_policy(Mode::Preferred, 0, Nodes::of(node).bits().read()),
    }
}

/// Fails, as the kernel's call does, if there are no nodes.
pub fn require_nodes(nodes: Bits) -> Result<(), Failed> {
    if nodes.is_empty() {
        errno::set(errno::EINVAL);
        return Err(Failed(c"set_mempolicy"));
    }
    Ok(())
}

/// Allocates on `nodes` first; before Linux 5.15 on the first of them first.
pub fn prefer_nodes(nodes: Bits) -> Result<Applied, Failed> {
    // If mbind(2) is forbidden, it does not show what the kernel lacks. But a kernel that has the mode takes a set with an allowed node.
    let has_allowed = || nodes.iter().any(|node| topology::machine().allowed().bits().read().contains(node));
    with_fallback(
        || set_task_policy(Mode::PreferredMany, 0, nodes),
        || lacks_preferred_many() || !has_preferred_many() && has_allowed(),
        || prefer_node(nodes.iter().next()),
    )
}

/// Allocate where the task runs.
pub fn local_task() -> Result<(), Failed> {
    set_task_policy(Mode::Local, 0, Nodes::new().bits().read())
}

/// The calling thread's policy.
pub struct TaskPolicy<'a> {
    mode: i32,
    nodes: Bits<'a>,
}

/// Asks the kernel, which puts the policy's nodes into an empty set.
pub fn task_policy(nodes: BitsMut<'_>) -> Result<TaskPolicy<'_>, Failed> {
    let mode = Cell::new(0);
    if !topology::ask_for_nodes(nodes, |words| kernel::task_policy(words).map(|told| mode.set(told)).is_some()) {
        return Err(Failed(c"get_mempolicy"));
    }
    // Without the flags, which the kernel gives along.
    Ok(TaskPolicy { mode: mode.get() & 0xff, nodes: nodes.read() })
}

impl TaskPolicy<'_> {
    /// Whether it is this one.
    pub fn is(&self, mode: Mode) -> bool {
        self.mode == mode as i32
    }

    /// The first of its nodes.
    pub fn first(&self) -> Option<usize> {
        self.nodes.iter().next()
    }
}

// --- memory ---

/// A range of addresses in bytes.
#[derive(Clone, Copy)]
pub struct Range {
    pub start: usize,
    pub length: usize,
}

fn set_memory_policy(memory: Range, mode: Mode, nodes: Bits) -> Result<(), Failed> {
    // The kernel would round it up to 0, and have nothing to do.
    if memory.length.checked_add(page_size() - 1).is_none() {
        errno::set(errno::EINVAL);
        return Err(Failed(c"mbind"));
    }
    let flags = if STRICT.load(Relaxed) { MF_STRICT } else { 0 };
    outcome(kernel::mbind(memory.start, memory.length, mode as i32, nodes, flags), c"mbind")
}

/// Restricts `memory` to `nodes`; if numa_set_bind_policy() said so, only prefers them, before Linux 5.15 the first of them.
pub fn put_on_nodes(memory: Range, nodes: Bits) -> Result<Applied, Failed> {
    let set = |mode| set_memory_policy(memory, mode, nodes);
    if !MAY_FALL_BACK.load(Relaxed) {
        return set(Mode::Bind).map(|()| Applied::AsRequested);
    }
    with_fallback(|| set(Mode::PreferredMany), lacks_preferred_many, || set(Mode::Preferred))
}

/// Put `memory` on `node`; one that cannot be is refused by the kernel.
pub fn put_on_node(memory: Range, node: i32) -> Result<(), Failed> {
    let nodes = usize::try_from(node).map_or_else(|_| Nodes::new(), Nodes::of);
    put_on_nodes(memory, nodes.bits().read()).map(|_| ())
}

/// Spread `memory` over `nodes`, page by page.
pub fn interleave_memory(memory: Range, nodes: Bits) -> Result<(), Failed> {
    set_memory_policy(memory, Mode::Interleave, nodes)
}

/// Spread `memory` over `nodes` as their weights say.
pub fn weighted_interleave_memory(memory: Range, nodes: Bits) -> Result<(), Failed> {
    set_memory_policy(memory, Mode::WeightedInterleave, nodes)
}

/// Put `memory` where the task runs that touches it first.
pub fn local_memory(memory: Range) -> Result<(), Failed> {
    set_memory_policy(memory, Mode::Local, Bits::EMPTY)
}

// --- what the kernel can do ---
//
// Asked with ranges of no length: the kernel checks the policy, and then has nothing to do.

/// The error of a request for MPOL_PREFERRED_MANY, 0 if there is none.
fn preferred_many_error() -> i32 {
    errno::preserve_errno(|| match kernel::mbind(0, 0, Mode::PreferredMany as i32, Bits::EMPTY, 0) {
        0 => 0,
        _ => errno::get(),
    })
}

/// Returns whether the kernel knows MPOL_PREFERRED_MANY.
pub fn has_preferred_many() -> bool {
    preferred_many_error() == 0
}

/// Returns whether the kernel is older than MPOL_PREFERRED_MANY; asked for after an EINVAL that may have other reasons.
pub fn lacks_preferred_many() -> bool {
    static LACKS: OnceBool = OnceBool::new();
    LACKS.get_or_init(|| preferred_many_error() == errno::EINVAL)
}

/// Whether the kernel knows set_mempolicy_home_node(2).
pub fn has_home_node() -> bool {
    let first = topology::machine().nodes().bits().read().iter().next().unwrap_or(0);
    errno::preserve_errno(|| kernel::set_mempolicy_home_node(0, 0, first as i32, 0) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The policy of the calling thread after `change`, in a thread of its own.
    fn after(change: impl FnOnce() -> Result<(), Failed> + Send) -> (i32, Vec<usize>) {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                change().unwrap();
                let nodes = Nodes::new();
                let policy = task_policy(nodes.bits()).unwrap();
                (policy.mode, policy.nodes.iter().collect())
            });
            thread.join().unwrap()
        })
    }

    #[test]
    fn each_call_asks_for_its_policy() {
        let zero = || Nodes::of(0);
        assert_eq!(after(|| bind_task(zero().bits().read())), (Mode::Bind as i32, vec![0]));
        assert_eq!(after(|| interleave_task(zero().bits().read())), (Mode::Interleave as i32, vec![0]));
        assert_eq!(after(|| interleave_task(Nodes::new().bits().read())), (Mode::Default as i32, vec![]));
        assert_eq!(after(|| prefer_node(Some(0))), (Mode::Preferred as i32, vec![0]));
        assert_eq!(after(|| prefer_node(None)), (Mode::Local as i32, vec![]));
        assert_eq!(after(local_task), (Mode::Local as i32, vec![]));
        let mode = if has_preferred_many() { Mode::PreferredMany } else { Mode::Preferred };
        assert_eq!(after(|| prefer_nodes(zero().bits().read()).map(|_| ())), (mode as i32, vec![0]));
    }

    #[test]
    fn a_node_that_cannot_be_is_refused() {
        for node in [possible_nodes(), usize::MAX] {
            assert!(prefer_node(Some(node)).is_err());
        }
        assert!(bind_task(Nodes::new().bits().read()).is_err());
    }

    #[test]
    fn a_policy_is_told_by_its_mode_and_its_first_node() {
        let (nodes, none) = (Nodes::of(5), Nodes::new());
        let policy = TaskPolicy { mode: Mode::Bind as i32, nodes: nodes.bits().read() };
        assert!(policy.is(Mode::Bind) && !policy.is(Mode::Interleave));
        assert_eq!(policy.first(), Some(5));
        assert_eq!(TaskPolicy { mode: Mode::Local as i32, nodes: none.bits().read() }.first(), None);
    }
}

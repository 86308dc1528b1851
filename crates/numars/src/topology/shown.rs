//! The nodes and CPUs that system calls have shown to this process. A program may give up its access to files later.
//!
//! No member is ever removed from most of these sets, so threads may add members at the same time, and a reading of the files that began
//! before another thread was shown a node does not lose it.

use super::allowed::{affinity_into, possible_cpus};
use super::words::{NodeWords, count_ones};
use crate::bitmask::{WORD_BITS, Word};
use crate::nodeset::{CpuMask, MAX_CPUS, MAX_NUMNODES, NodeMask};
use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering};

/// A set of nodes that threads change at the same time.
pub(super) type SharedNodes = [AtomicUsize; MAX_NUMNODES / WORD_BITS];
type SharedCpus = [AtomicUsize; MAX_CPUS / WORD_BITS];

/// The CPUs that this task may run on: as at its start, and those that a system call has shown since.
static TASK_CPUS: SharedCpus = [const { AtomicUsize::new(0) }; MAX_CPUS / WORD_BITS];

/// The nodes that a system call has shown to be usable since the start.
pub(super) static ALLOWED_NODES: SharedNodes = [const { AtomicUsize::new(0) }; MAX_NUMNODES / WORD_BITS];

/// The nodes that getcpu(2) has shown. They exist if no list says otherwise.
pub(super) static NODES_RUN_ON: SharedNodes = [const { AtomicUsize::new(0) }; MAX_NUMNODES / WORD_BITS];

/// The nodes and CPUs that the kernel showed when the files were read last. If the files lack one of these, reading them again will not
/// help.
static NODES_AT_LAST_READ: SharedNodes = [const { AtomicUsize::new(0) }; MAX_NUMNODES / WORD_BITS];
static CPUS_AT_LAST_READ: SharedCpus = [const { AtomicUsize::new(0) }; MAX_CPUS / WORD_BITS];

/// Returns the words of [`TASK_CPUS`], as many as the kernel's mask has.
fn task_cpu_words() -> &'static [AtomicUsize] {
    TASK_CPUS.get(..possible_cpus().div_ceil(WORD_BITS)).unwrap_or(&TASK_CPUS)
}

/// Adds the CPUs of `words` to those that this task may run on, and returns how many there are then.
pub(super) fn add_task_cpus(words: impl Iterator<Item = Word>) -> usize {
    insert_all(task_cpu_words(), words);
    task_cpus().map(count_ones).sum()
}

/// Adds the CPUs that the calling thread may run on at this moment to those that this task may run on, and returns how many there are
/// then.
#[inline(never)]
pub(super) fn add_affinity() -> usize {
    let cpus = CpuMask::new();
    affinity_into(&cpus);
    add_task_cpus(cpus.words().iter().map(Cell::get))
}

/// Returns the words of the set of the CPUs that this task may run on, as many as the kernel's mask has.
///
/// ```
/// # numars::for_c::topology::KernelTopology::current();
/// assert!(numars::for_c::topology::task_cpus().any(|word| word != 0));
/// ```
pub fn task_cpus() -> impl Iterator<Item = Word> {
    task_cpu_words().iter().map(|word| word.load(Ordering::Relaxed))
}

/// Adds the bits of `words` to a set.
#[inline(always)]
fn insert_all(set: &[AtomicUsize], words: impl Iterator<Item = Word>) {
    set.iter().zip(words).filter(|&(_, word)| word != 0).for_each(|(place, word)| {
        place.fetch_or(word, Ordering::Relaxed);
    });
}

/// Adds a node to a set.
pub(super) fn insert(set: &SharedNodes, node: usize) {
    if let Some(word) = set.get(node / WORD_BITS) {
        word.fetch_or(1 << (node % WORD_BITS), Ordering::Relaxed);
    }
}

/// Adds the members of a set to `words`.
pub(super) fn include(words: &mut NodeWords, set: &SharedNodes) {
    words.iter_mut().zip(set).for_each(|(word, shown)| *word |= shown.load(Ordering::Relaxed));
}

/// Records that the kernel has shown `nodes` to be usable, and that the files are about to be read.
pub(super) fn add_allowed_nodes(nodes: &NodeMask) {
    insert_all(&ALLOWED_NODES, nodes.words().iter().map(Cell::get));
    record_nodes_at_read(nodes);
}

/// Records which nodes the kernel shows as the files are read.
pub(super) fn record_nodes_at_read(nodes: &NodeMask) {
    store(&NODES_AT_LAST_READ, nodes.words());
}

/// Records which CPUs the kernel shows as the files are read.
// Not inlined, because the set takes stack.
#[inline(never)]
pub(super) fn record_cpus_at_read() {
    let cpus = CpuMask::new();
    affinity_into(&cpus);
    store(&CPUS_AT_LAST_READ, cpus.words());
}

fn store(set: &[AtomicUsize], shown: &[Cell<Word>]) {
    set.iter().zip(shown).for_each(|(place, shown)| place.store(shown.get(), Ordering::Relaxed));
}

/// Returns the words of `nodes` without those that the kernel showed when the files were read last.
pub(super) fn new_nodes(nodes: &NodeMask) -> impl Iterator<Item = Word> {
    without(nodes.words(), &NODES_AT_LAST_READ)
}

/// Returns the words of `cpus` without those that the kernel showed when the files were read last.
pub(super) fn new_cpus(cpus: &CpuMask) -> impl Iterator<Item = Word> {
    without(cpus.words(), &CPUS_AT_LAST_READ)
}

#[inline(always)]
fn without<'a>(shown: &'a [Cell<Word>], at_last_read: &'a [AtomicUsize]) -> impl Iterator<Item = Word> + 'a {
    shown.iter().zip(at_last_read).map(|(shown, before)| shown.get() & !before.load(Ordering::Relaxed))
}

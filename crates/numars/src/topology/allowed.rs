//! The sizes of the kernel's masks, and the nodes and CPUs that this task may use.

use super::kernel_files::{insert_range, list_end, read_ranges, sysfs_path};
use super::node_lists::non_empty;
use super::parse::{Field, ListParser};
use crate::bitmask::{BitsMut, WORD_BITS, Word};
use crate::nodeset::{self, CpuMask, FixedBitmask, MAX_NUMNODES, NodeMask};
use crate::sys::files::{self, FixedPath};
use crate::sys::root::Root;
use crate::sys::{errno, kernel};
use core::cell::Cell;
use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicBool, Ordering};
use once_cell::race::OnceNonZeroUsize;

// Sizes of masks if the kernel does not give one. DEFAULT_NR_CPUS is the size of glibc's cpu_set_t.
const MAX_NODES: NonZeroUsize = NonZeroUsize::new(MAX_NUMNODES).unwrap();
const MAX_CPUS: NonZeroUsize = NonZeroUsize::new(nodeset::MAX_CPUS).unwrap();
pub(super) const DEFAULT_NR_CPUS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// The nodes that a task may allocate memory on, as /proc/self/status has them.
pub(super) struct MemsAllowed {
    /// The length of the kernel's mask in bits; 0 if it could not be read.
    pub(super) size: usize,
    pub(super) nodes: NodeMask,
}

impl MemsAllowed {
    /// Reads /proc/self/status.
    pub(super) fn read(root: Root) -> Self {
        Self::parse(&root.path(b"/proc/self/status"))
    }

    /// Parses the fields Mems_allowed, of which only the length is used, and Mems_allowed_list.
    pub(super) fn parse(status: &FixedPath) -> Self {
        let mut mask = Field::new(0, b"Mems_allowed:");
        let mut list = Field::new(0, b"Mems_allowed_list:");
        let (mut length, nodes, mut ranges) = (0usize, NodeMask::new(), ListParser::default());
        files::read_in_chunks(status, files::MAX_STATUS_FILE, &mut |chunk| {
            // The list follows the mask.
            let (value, rest) = mask.feed(chunk);
            length += value.len();
            list.feed(rest).0.iter().for_each(|&byte| insert_range(ranges.byte(byte), nodes.bits()));
            !list.done()
        });
        insert_range(ranges.end(), nodes.bits());
        // After a tab, there is a comma for each eight digits but the last ones.
        let text = length.saturating_sub(1);
        MemsAllowed { size: if mask.done() { (text - text / 9) * 4 } else { 0 }, nodes }
    }

    /// Returns the size of the kernel's nodemask_t in bits; if it could not be read, a size that fits every kernel.
    pub(super) fn possible_nodes(&self, root: Root) -> NonZeroUsize {
        let size = match self.size {
            // The mask of another machine's kernel is not known, but its nodes are.
            0 if !root.is_running() => list_end(&sysfs_path(root, b"node/possible")),
            size => size,
        };
        NonZeroUsize::new(size.min(MAX_NUMNODES)).unwrap_or(MAX_NODES)
    }

    /// Returns the nodes, or `None` if they could not be read.
    pub(super) fn into_nodes(self) -> Option<NodeMask> {
        non_empty(self.nodes)
    }
}

static POSSIBLE_NODES: OnceNonZeroUsize = OnceNonZeroUsize::new();

/// Returns the size of the kernel's nodemask_t in bits: the length of the field Mems_allowed of /proc/self/status, as numa(3) says. It is
/// read once.
///
/// ```
/// assert!(numars::for_c::topology::possible_nodes() <= numars::for_c::nodeset::MAX_NUMNODES);
/// ```
pub fn possible_nodes() -> usize {
    let read = || cache_possible_nodes(&MemsAllowed::read(Root::of_process()));
    POSSIBLE_NODES.get().unwrap_or_else(read).get()
}

/// Returns the size, and caches it unless it could not be read because descriptors or memory were short.
#[cold]
fn cache_possible_nodes(allowed: &MemsAllowed) -> NonZeroUsize {
    if allowed.size == 0 && files::is_short_of_descriptors() {
        return MAX_NODES;
    }
    POSSIBLE_NODES.get_or_init(|| allowed.possible_nodes(Root::of_process()))
}

/// Returns the nodes that this task may allocate memory on, as /proc/self/status has them; `None` if it cannot be read. Caches
/// [`possible_nodes`].
pub(super) fn mems_allowed_from_status() -> Option<NodeMask> {
    let allowed = MemsAllowed::read(Root::of_process());
    cache_possible_nodes(&allowed);
    allowed.into_nodes()
}

/// Returns the nodes that this task may allocate memory on, as get_mempolicy(2) has them; an empty set if it fails. Errno is left
/// untouched.
pub(super) fn mems_allowed_from_kernel() -> NodeMask {
    let nodes = NodeMask::new();
    errno::preserve_errno(|| query_nodemask(nodes.bits(), |words| kernel::allowed_nodes_uninterposed(words) == 0));
    nodes
}

/// Adds the nodes that this task may allocate memory on, as get_mempolicy(2) returns them at this moment (MPOL_F_MEMS_ALLOWED), to an
/// empty set. Returns false, with errno, on failure.
///
/// ```
/// use numars::for_c::{nodeset::NodeMask, topology};
/// let nodes = NodeMask::new();
/// if topology::mems_allowed_into(nodes.bits()) {
///     assert!(!nodes.bits().as_bits().is_empty());
/// }
/// ```
pub fn mems_allowed_into(set: BitsMut) -> bool {
    query_nodemask(set, |words| kernel::allowed_nodes(words) == 0)
}

/// Calls `query` with words for a mask of nodes, which the kernel fills, and copies that into the empty set `set`. Returns false, with
/// errno, if `query` does.
///
/// The kernel rejects a mask that is too small for all nodes that the machine can have (EINVAL), and clears the rest of a larger one,
/// which takes up to a fifth of the call. So the first query has one word only, which is enough for most machines.
pub fn query_nodemask(set: BitsMut, query: impl Fn(&[Cell<Word>]) -> bool) -> bool {
    static NEEDS_FULL_MASK: AtomicBool = AtomicBool::new(false);
    query_nodemask_with(&NEEDS_FULL_MASK, set, query)
}

/// [`query_nodemask`] with the flag that remembers that one word is not enough.
#[inline(always)]
fn query_nodemask_with(needs_full_mask: &AtomicBool, set: BitsMut, query: impl Fn(&[Cell<Word>]) -> bool) -> bool {
    let before = errno::get();
    let may_suffice = set.as_bits().length() >= WORD_BITS && !needs_full_mask.load(Ordering::Relaxed);
    if let Some(word) = set.as_bits().storage().get(..1).filter(|_| may_suffice) {
        if query(word) {
            return true;
        }
        if errno::get() != errno::EINVAL {
            return false;
        }
        needs_full_mask.store(true, Ordering::Relaxed);
        errno::set(before);
    }
    let room = NodeMask::new();
    let succeeded = query(room.words());
    set.copy_from(room.bits().as_bits());
    succeeded
}

static POSSIBLE_CPUS: OnceNonZeroUsize = OnceNonZeroUsize::new();

/// Returns the size of the kernel's cpumask_t in bits: as much as sched_getaffinity(2) fills. It is read once.
pub fn possible_cpus() -> usize {
    POSSIBLE_CPUS.get_or_init(|| query_affinity(&CpuMask::new())).get()
}

/// Returns the CPUs that the calling thread may run on. Caches [`possible_cpus`].
pub fn allowed_cpus() -> CpuMask {
    let cpus = CpuMask::new();
    affinity_into(&cpus);
    cpus
}

/// Adds the CPUs that the calling thread may run on to an empty set, which has room for [`possible_cpus`]: `allowed_cpus` without copying
/// 2 KiB. See sched_getaffinity(2).
///
/// ```
/// let cpus = numars::for_c::nodeset::CpuMask::new();
/// numars::for_c::topology::affinity_into(&cpus);
/// ```
pub fn affinity_into<const WORDS: usize>(cpus: &FixedBitmask<WORDS>) {
    let size = query_affinity(cpus);
    POSSIBLE_CPUS.get_or_init(|| size);
}

/// Returns the number of CPUs that the calling thread may run on. See sched_getaffinity(2).
// Not inlined, because the set takes stack.
#[inline(never)]
pub fn count_allowed_cpus() -> usize {
    let cpus = CpuMask::new();
    affinity_into(&cpus);
    cpus.bits().as_bits().weight()
}

/// Calls sched_getaffinity(2) for the calling thread, and returns the size of the kernel's cpumask_t in bits.
fn query_affinity<const WORDS: usize>(cpus: &FixedBitmask<WORDS>) -> NonZeroUsize {
    let filled = errno::preserve_errno(|| kernel::sched_getaffinity(0, cpus.words()));
    let root = Root::of_process();
    if root.is_running() {
        NonZeroUsize::new(usize::try_from(filled).unwrap_or(0).saturating_mul(8)).unwrap_or(DEFAULT_NR_CPUS)
    } else {
        possible_cpus_of(root)
    }
}

/// Returns the size of another machine's cpumask_t in bits, in whole words; if it cannot be read, a size that fits every kernel.
pub(super) fn possible_cpus_of(root: Root) -> NonZeroUsize {
    NonZeroUsize::new(list_end(&sysfs_path(root, b"cpu/possible")).next_multiple_of(WORD_BITS)).unwrap_or(MAX_CPUS)
}

/// Reads the number of CPUs that a machine has, online or not; 0 if it cannot be read. Not sysconf(3), which may call malloc(3).
pub(super) fn read_configured_cpus(root: Root) -> usize {
    let mut possible = 0;
    read_ranges(&sysfs_path(root, b"cpu/possible"), &mut |(first, last)| {
        let end = last.saturating_add(1).min(nodeset::MAX_CPUS as u64);
        possible += end.saturating_sub(first) as usize;
    });
    possible
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::MemoryFile;

    #[test]
    fn the_running_kernels_masks_have_room_for_its_nodes_and_cpus() {
        assert_eq!(possible_nodes() % 4, 0);
        assert!(possible_cpus() >= std::thread::available_parallelism().unwrap().get());
        assert_eq!(
            allowed_cpus().bits().as_bits().weight(),
            std::thread::available_parallelism().unwrap().get(),
            "of the CPUs that this thread may run on"
        );
    }

    #[test]
    fn a_kernel_of_more_nodes_than_fit_in_a_word_is_given_room_for_all() {
        let queries = Cell::new(0);
        let kernel = |words: &[Cell<Word>]| {
            queries.set(queries.get() + 1);
            let fits = words.len() > 1;
            if fits {
                words[1].set(1);
            } else {
                errno::set(errno::EINVAL);
            }
            fits
        };
        let flag = AtomicBool::new(false);
        errno::set(errno::EBUSY);
        for _ in 0..2 {
            let nodes = NodeMask::new();
            assert!(query_nodemask_with(&flag, nodes.bits(), kernel));
            assert!(nodes.bits().as_bits().iter().eq([WORD_BITS]));
        }
        assert_eq!((queries.get(), errno::get()), (3, errno::EBUSY), "it is known from then on");
        let nodes = NodeMask::new();
        let small = BitsMut::new(nodes.words(), 16);
        assert!(query_nodemask_with(&flag, small, |words| {
            words[0].set(1 << 20 | 1 << 3);
            true
        }));
        assert!(nodes.bits().as_bits().iter().eq([3]), "what a set has no room for is not written");
        assert!(!query_nodemask_with(&flag, nodes.bits(), |_| {
            errno::set(errno::EPERM);
            false
        }));
        assert_eq!(errno::get(), errno::EPERM);
    }

    #[test]
    fn a_mask_of_any_length_gives_a_size_that_this_library_has_room_for() {
        for (digits, size) in
            [(0, MAX_NUMNODES), (1, 4), (8, 32), (9, 36), (16, 64), (17, 68), (256, 1024), (257, 1024), (5000, 1024)]
        {
            // As the kernel writes it: a comma before each eight digits from the end.
            let mask: String =
                (0..digits).rev().map(|left| if left > 0 && left % 8 == 0 { "f," } else { "f" }).collect();
            let status = format!("Mems_allowed:\t{mask}\nMems_allowed_list:\t0-5000\n");
            let file = MemoryFile::holding(status.as_bytes());
            let allowed = MemsAllowed::parse(&file.path());
            assert_eq!(allowed.possible_nodes(Root::RUNNING).get(), size, "{digits}");
            assert_eq!(allowed.nodes.bits().as_bits().weight(), MAX_NUMNODES);
        }
    }
}

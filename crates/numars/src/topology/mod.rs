//! What the kernel and the machine have: the nodes, their CPUs, distances and sizes, and what of it this task may use.

mod devices;
mod distances;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod machine;
mod text;

use crate::bitmask::{Bits, BitsMut, WORD_BITS, Word};
use crate::sys::files::{self, FixedPath};
use crate::sys::{errno, kernel};
use core::cell::Cell;
use core::ffi::c_int;
use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicBool, Ordering};
pub use devices::{Device, Kind, Unknown, device};
pub use distances::distance;
pub use machine::{
    Machine, catch_up, configured_cpus, for_each_bit, machine, node_of_current_cpu, task_cpus, update, whole_machine,
};
use once_cell::race::OnceNonZeroUsize;
pub use text::Field;
use text::{List, Map, Numbers};

/// Nodes that a Linux kernel can be built for at most (NODES_SHIFT is at most 10).
pub const MOST_NODES: usize = 1024;

/// CPUs that this library can tell of: twice what the largest kernel of a distribution is built for.
pub const MOST_CPUS: usize = 16384;

// Sizes of sets where the kernel does not give one. DEFAULT_CPUS is that of glibc's cpu_set_t.
const MAX_NODES: NonZeroUsize = NonZeroUsize::new(MOST_NODES).unwrap();
const MAX_CPUS: NonZeroUsize = NonZeroUsize::new(MOST_CPUS).unwrap();
const DEFAULT_CPUS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// A set of nodes on the stack, as large as any kernel's.
pub type Nodes = Set<{ MOST_NODES / WORD_BITS }>;

/// A set of CPUs on the stack.
pub type Cpus = Set<{ MOST_CPUS / WORD_BITS }>;

/// A set of its own words. One cell around them all: an array of cells would be cleared word by word.
pub struct Set<const WORDS: usize>(Cell<[Word; WORDS]>);

impl<const WORDS: usize> Default for Set<WORDS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const WORDS: usize> Set<WORDS> {
    /// Returns an empty set.
    pub fn new() -> Self {
        Set(Cell::new([0; WORDS]))
    }

    /// The set of `member` alone; empty if there is no room for it.
    pub fn of(member: usize) -> Self {
        let set = Self::new();
        set.bits().set(member);
        set
    }

    /// The words that hold the bits.
    pub fn words(&self) -> &[Cell<Word>] {
        let words: &Cell<[Word]> = &self.0;
        words.as_slice_of_cells()
    }

    /// The set's bits, to read and to change.
    pub fn bits(&self) -> BitsMut<'_> {
        BitsMut::new(self.words(), WORDS * WORD_BITS)
    }
}

impl<const WORDS: usize> From<[Word; WORDS]> for Set<WORDS> {
    fn from(words: [Word; WORDS]) -> Self {
        Set(Cell::new(words))
    }
}

/// Gives each byte of the file at `path` to `each`, until that returns false, and a line end behind the last one.
///
/// Returns whether the file could be read up to there.
fn read_bytes(path: &FixedPath, each: &mut dyn FnMut(u8) -> bool) -> bool {
    let mut wanted = true;
    let complete = files::read_in_chunks(path, files::MAX_SYSFS_FILE, &mut |chunk| {
        wanted = chunk.iter().all(|&byte| each(byte));
        wanted
    });
    if wanted {
        each(b'\n');
    }
    complete
}

/// Reads a file that holds a list such as `0-3,8`, and gives its ranges, both ends included, to `each`.
fn read_ranges(file: &FixedPath, mut each: impl FnMut((u64, u64))) -> bool {
    let (mut list, mut ended) = (List::default(), false);
    let complete = files::read_in_chunks(file, files::MAX_SYSFS_FILE, &mut |chunk| {
        for &byte in chunk {
            list.byte(byte).into_iter().for_each(&mut each);
            ended = byte == b'\n';
            if ended {
                break;
            }
        }
        !ended
    });
    list.end().into_iter().for_each(each);
    complete
}

/// Reads such a file into `set`.
#[inline(never)]
fn read_list(file: &FixedPath, set: BitsMut) -> bool {
    read_ranges(file, |range| add(Some(range), set))
}

/// Reads a file that holds a bit map such as `00000000,0000000f`, and calls `each` with its members. Returns whether it could be read.
/// Never part of its caller, since the map takes stack.
#[inline(never)]
fn read_map(file: &FixedPath, each: &mut dyn FnMut(usize)) -> bool {
    let mut map = Map::new();
    let complete = read_bytes(file, &mut |byte| map.byte(byte));
    map.members().for_each(each);
    complete
}

/// Adds the numbers of `range`, both ends included, that there is room for.
fn add(range: Option<(u64, u64)>, set: BitsMut) {
    let Some((first, last)) = range else { return };
    let room = set.as_bits().length() as u64;
    for number in first..room.min(last.saturating_add(1)) {
        set.set(number as usize);
    }
}

/// A file of the folder of /sys that tells of nodes and CPUs.
#[inline(never)]
fn system_file(name: &[u8]) -> FixedPath<'static> {
    let mut path = FixedPath::new(b"/sys/devices/system/");
    path.text(name);
    path
}

/// A file that tells of one node.
fn node_file(node: usize, name: &[u8]) -> FixedPath<'static> {
    node_file_in(system_file(b"node/"), node, name)
}

/// The same, by the name of the folder of all nodes.
fn node_file_in<'a>(mut folder: FixedPath<'a>, node: usize, name: &[u8]) -> FixedPath<'a> {
    folder.text(b"node").decimal(node).text(b"/").text(name);
    folder
}

/// One more than the highest number of a list; 0 if it has none.
#[inline(never)]
fn end_of_list(file: &FixedPath) -> usize {
    let set = Cpus::new();
    read_list(file, set.bits());
    set.bits().as_bits().highest().map_or(0, |last| last + 1)
}

/// What /proc/self/status tells of the nodes that this task may use.
struct MemsAllowed {
    /// The length of the kernel's mask in bits; 0 if it could not be read.
    size: usize,
    nodes: Nodes,
}

/// Reads the fields Mems_allowed, of which only the length is of use here, and Mems_allowed_list.
fn read_mems_allowed(status: &FixedPath) -> MemsAllowed {
    let mut mask = Field::new(0, b"Mems_allowed:");
    let mut list = Field::new(0, b"Mems_allowed_list:");
    let (mut length, nodes, mut ranges) = (0usize, Nodes::new(), List::default());
    files::read_in_chunks(status, files::MAX_STATUS_FILE, &mut |chunk| {
        // The list comes behind the mask.
        let rest = mask.feed(chunk, |value| length += value.len());
        list.feed(rest, |value| value.iter().for_each(|&byte| add(ranges.byte(byte), nodes.bits())));
        !list.done()
    });
    add(ranges.end(), nodes.bits());
    // Behind a tabulator, a comma for each eight digits but the last ones.
    let text = length.saturating_sub(1);
    MemsAllowed { size: if mask.done() { (text - text / 9) * 4 } else { 0 }, nodes }
}

/// The file that tells of this task.
fn status() -> FixedPath<'static> {
    FixedPath::new(b"/proc/self/status")
}

static POSSIBLE_NODES: OnceNonZeroUsize = OnceNonZeroUsize::new();

impl MemsAllowed {
    /// The size of the kernel's nodemask_t in bits; where it could not be read, a size that fits every kernel.
    fn possible_nodes(&self) -> NonZeroUsize {
        let size = match self.size {
            // Of another machine, the kernel's mask is not known, but which nodes it can have.
            0 if files::fsroot().is_some() => end_of_list(&system_file(b"node/possible")),
            size => size,
        };
        NonZeroUsize::new(size.min(MOST_NODES)).unwrap_or(MAX_NODES)
    }
}

/// The size of the kernel's nodemask_t in bits: the length of the field Mems_allowed of /proc/self/status, as numa(3) says.
pub fn possible_nodes() -> usize {
    POSSIBLE_NODES.get().unwrap_or_else(|| keep_possible_nodes(&read_mems_allowed(&status()))).get()
}

/// Returns the size of `allowed`, and keeps it unless it could not be read because descriptors or memory were short.
#[cold]
fn keep_possible_nodes(allowed: &MemsAllowed) -> NonZeroUsize {
    if allowed.size == 0 && files::is_short_of_descriptors() {
        return MAX_NODES;
    }
    POSSIBLE_NODES.get_or_init(|| allowed.possible_nodes())
}

/// Returns the nodes that this task may allocate memory on, as /proc/self/status has them; `None` if it cannot be read. Learns
/// [`possible_nodes`] on the way.
fn mems_allowed_by_status() -> Option<Nodes> {
    let allowed = read_mems_allowed(&status());
    keep_possible_nodes(&allowed);
    (!allowed.nodes.bits().as_bits().is_empty()).then_some(allowed.nodes)
}

/// Returns the nodes that this task may allocate memory on, as get_mempolicy(2) has them; an empty set if it fails. Errno is left
/// untouched.
fn mems_allowed_by_kernel() -> Nodes {
    let nodes = Nodes::new();
    errno::preserve_errno(|| ask_for_nodes(nodes.bits(), |words| kernel::allowed_nodes_uninterposed(words) == 0));
    nodes
}

/// Puts the nodes that this task may allocate memory on, as the kernel says at this moment, into an empty set. False, with errno, where
/// it does not.
pub fn put_allowed_nodes(set: BitsMut) -> bool {
    ask_for_nodes(set, |words| kernel::allowed_nodes(words) == 0)
}

/// Has `ask` put nodes that the kernel tells of into an empty set. False, with errno, where it does not.
///
/// The kernel refuses (EINVAL) a set that has no room for all nodes that the machine can have. What it is given beyond that it clears,
/// which takes up to a fifth of the call; so it is given the set's first word, which is enough for most machines.
pub fn ask_for_nodes(set: BitsMut, ask: impl Fn(&[Cell<Word>]) -> bool) -> bool {
    static WORD_IS_TOO_SMALL: AtomicBool = AtomicBool::new(false);
    let before = errno::get();
    if set.as_bits().length() >= WORD_BITS
        && !WORD_IS_TOO_SMALL.load(Ordering::Relaxed)
        && let Some(word) = set.as_bits().storage().get(..1)
    {
        if ask(word) {
            return true;
        }
        if errno::get() != errno::EINVAL {
            return false;
        }
        WORD_IS_TOO_SMALL.store(true, Ordering::Relaxed);
        errno::set(before);
    }
    let room = Nodes::new();
    let told = ask(room.words());
    set.copy_from(room.bits().as_bits());
    told
}

/// The size of the kernel's cpumask_t in bits: as much as sched_getaffinity(2) fills.
pub fn possible_cpus() -> usize {
    POSSIBLE_CPUS.get_or_init(|| ask_affinity(&Cpus::new())).get()
}

static POSSIBLE_CPUS: OnceNonZeroUsize = OnceNonZeroUsize::new();

/// The CPUs that the calling thread may run on. Learns [`possible_cpus`] on the way.
pub fn allowed_cpus() -> Cpus {
    let cpus = Cpus::new();
    put_allowed_cpus(&cpus);
    cpus
}

/// Puts them into an empty set, which is large and takes long to hand around.
pub fn put_allowed_cpus(cpus: &Cpus) {
    let size = ask_affinity(cpus);
    POSSIBLE_CPUS.get_or_init(|| size);
}

/// How many those are. Not part of who asks: the set takes stack.
#[inline(never)]
pub fn count_allowed_cpus() -> usize {
    let cpus = Cpus::new();
    put_allowed_cpus(&cpus);
    cpus.bits().as_bits().weight()
}

/// Asks for the CPUs of the calling thread, and returns the size of the kernel's cpumask_t.
fn ask_affinity(cpus: &Cpus) -> NonZeroUsize {
    let filled = errno::preserve_errno(|| kernel::sched_getaffinity(0, cpus.words()));
    let (size, unknown) = match files::fsroot() {
        None => (usize::try_from(filled).unwrap_or(0).saturating_mul(8), DEFAULT_CPUS),
        // As that machine's kernel would have it, in whole words; or a size that fits every kernel.
        Some(_) => (end_of_list(&system_file(b"cpu/possible")).next_multiple_of(WORD_BITS), MAX_CPUS),
    };
    NonZeroUsize::new(size).unwrap_or(unknown)
}

/// The memory of a node in bytes.
pub struct Memory {
    pub total: u64,
    pub free: u64,
}

/// Returns the memory of `node`; errors are errnos: ENOENT if there is no such node.
pub fn memory_of_node(node: usize) -> Result<Memory, c_int> {
    let meminfo = node_file(node, b"meminfo");
    let error = || match files::fsroot() {
        Some(_) => None,
        None => files::error_of_opening(meminfo.as_c_str()),
    };
    read_memory(&meminfo).ok_or_else(|| error().unwrap_or(errno::ENOENT))
}

/// Reads the file meminfo of a node.
fn read_memory(meminfo: &FixedPath) -> Option<Memory> {
    let fields = [&b"MemTotal:"[..], b"MemFree:"];
    let mut readers = fields.map(|name| (Field::new(2, name), Numbers::default(), None));
    let complete = files::read_in_chunks(meminfo, files::MAX_SYSFS_FILE, &mut |chunk| {
        for (field, numbers, kibibytes) in &mut readers {
            field.feed(chunk, |value| {
                *kibibytes = value.iter().fold(*kibibytes, |found, &byte| found.or(numbers.byte(byte)));
            });
        }
        // They are the first of some thirty lines.
        readers.iter().any(|(field, ..)| !field.done())
    });
    let [total, free] = readers.map(|(_, _, kibibytes)| kibibytes.map(|amount: u64| amount.saturating_mul(1024)));
    complete.then_some(Memory { total: total?, free: free.unwrap_or(0) })
}

/// Returns the CPUs of `nodes`.
pub fn cpus_of_nodes(nodes: Bits) -> Cpus {
    let cpus = Cpus::new();
    whole_machine().add_cpus_of_nodes(nodes, cpus.bits());
    cpus
}

/// Adds those of `nodes` to `usable` that have a CPU of `task_cpus`, or neither memory nor CPUs, and that this task may not allocate
/// on: of the others, the program has said itself which may be named.
pub fn add_usable_nodes(nodes: Bits, task_cpus: Bits, usable: BitsMut) {
    let machine = whole_machine();
    let (with_memory, allowed) = (machine.with_memory(), machine.allowed());
    for node in nodes.iter().filter(|&node| !allowed.bits().as_bits().contains(node)) {
        let (mut any, mut runs) = (false, false);
        for_each_bit(machine.cpus_of_node(node), |cpu| {
            any = true;
            runs |= task_cpus.contains(cpu);
        });
        if runs || !any && !with_memory.bits().as_bits().contains(node) {
            usable.set(node);
        }
    }
}

/// Returns the node that `cpu` belongs to: of several that have it, the first.
pub fn node_of_cpu(cpu: usize) -> Option<usize> {
    whole_machine().node_of_cpu(cpu)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::MemoryFile;

    #[test]
    fn this_kernel_tells_sizes_that_hold_its_nodes_and_cpus() {
        assert_eq!(possible_nodes() % 4, 0);
        assert!(possible_cpus() >= std::thread::available_parallelism().unwrap().get());
        assert_eq!(
            allowed_cpus().bits().as_bits().weight(),
            std::thread::available_parallelism().unwrap().get(),
            "of the CPUs that this thread may run on"
        );
    }

    #[test]
    fn both_ways_to_ask_for_the_allowed_nodes_agree() {
        let allowed = Nodes::new();
        assert!(put_allowed_nodes(allowed.bits()));
        assert!(allowed.bits().as_bits().equals(machine().allowed().bits().as_bits()));
    }

    #[test]
    fn a_kernel_of_more_nodes_than_fit_in_a_word_is_given_room_for_all() {
        let asked = Cell::new(0);
        let kernel = |words: &[Cell<Word>]| {
            asked.set(asked.get() + 1);
            let fits = words.len() > 1;
            if fits {
                words[1].set(1);
            } else {
                errno::set(errno::EINVAL);
            }
            fits
        };
        errno::set(errno::EBUSY);
        for _ in 0..2 {
            let nodes = Nodes::new();
            assert!(ask_for_nodes(nodes.bits(), kernel));
            assert!(nodes.bits().as_bits().iter().eq([64]));
        }
        assert_eq!((asked.get(), errno::get()), (3, errno::EBUSY), "it is known from then on");
        let nodes = Nodes::new();
        let small = BitsMut::new(nodes.words(), 16);
        assert!(ask_for_nodes(small, |words| {
            words[0].set(1 << 20 | 1 << 3);
            true
        }));
        assert!(nodes.bits().as_bits().iter().eq([3]), "what a set has no room for is not written");
        assert!(!ask_for_nodes(nodes.bits(), |_| {
            errno::set(errno::EPERM);
            false
        }));
        assert_eq!(errno::get(), errno::EPERM);
    }

    #[test]
    fn each_cpu_is_among_the_cpus_of_its_node() {
        update();
        for cpu in allowed_cpus().bits().as_bits().iter() {
            let node = node_of_cpu(cpu).unwrap();
            assert!(cpus_of_nodes(Nodes::of(node).bits().as_bits()).bits().as_bits().contains(cpu));
        }
        assert_eq!(node_of_cpu(MOST_CPUS), None);
        assert_eq!(node_of_cpu(usize::MAX), None);
    }

    #[test]
    fn a_node_has_at_least_the_memory_that_is_free() {
        for node in whole_machine().with_memory().bits().as_bits().iter() {
            let memory = memory_of_node(node).unwrap();
            assert!(memory.total > 0 && memory.free <= memory.total);
        }
        assert_eq!(memory_of_node(1023).err(), Some(errno::ENOENT));
    }

    #[test]
    fn lists_are_read_as_far_as_there_is_room_however_they_end() {
        let long = (0..MOST_CPUS).map(|cpu| cpu.to_string()).collect::<Vec<_>>().join(",");
        for (text, nodes, cpus) in [
            ("0-18446744073709551615\n", 0..MOST_NODES, 0..MOST_CPUS),
            ("1000-99999999999999999999999\n", 1000..MOST_NODES, 1000..MOST_CPUS),
            ("99999999999999999999,7\n", 7..8, 7..8),
            ("1020-1030\n", 1020..MOST_NODES, 1020..1031),
            ("3-5", 3..6, 3..6),
            ("3-5\0\n9", 3..6, 3..6),
            ("3\x004\x005,", 3..6, 3..6),
            ("5-3\n", 0..0, 0..0),
            ("", 0..0, 0..0),
            (&long, 0..MOST_NODES, 0..MOST_CPUS),
        ] {
            let (file, node_set, cpu_set) = (MemoryFile::holding(text.as_bytes()), Nodes::new(), Cpus::new());
            assert!(read_list(&file.path(), node_set.bits()) && read_list(&file.path(), cpu_set.bits()));
            assert!(node_set.bits().as_bits().iter().eq(nodes), "{text:?}");
            assert!(cpu_set.bits().as_bits().iter().eq(cpus), "{text:?}");
        }
    }

    #[test]
    fn numbers_that_are_too_large_stay_at_the_largest() {
        let meminfo =
            MemoryFile::holding(b"Node 0 MemTotal: 99999999999999999999 kB\nNode 0 MemFree: 18014398509481984 kB\n");
        let memory = read_memory(&meminfo.path()).unwrap();
        assert_eq!((memory.total, memory.free), (u64::MAX, u64::MAX));
    }

    #[test]
    fn a_mask_of_any_length_tells_a_size_that_this_library_has_room_for() {
        for (digits, size) in
            [(0, MOST_NODES), (1, 4), (8, 32), (9, 36), (16, 64), (17, 68), (256, 1024), (257, 1024), (5000, 1024)]
        {
            // As the kernel writes it: a comma before each eight digits from the end.
            let mask: String =
                (0..digits).rev().map(|left| if left > 0 && left % 8 == 0 { "f," } else { "f" }).collect();
            let status = format!("Mems_allowed:\t{mask}\nMems_allowed_list:\t0-5000\n");
            let file = MemoryFile::holding(status.as_bytes());
            let allowed = read_mems_allowed(&file.path());
            assert_eq!(allowed.possible_nodes().get(), size, "{digits}");
            assert_eq!(allowed.nodes.bits().as_bits().weight(), MOST_NODES);
        }
    }

    #[test]
    fn a_range_is_added_as_far_as_there_is_room() {
        let nodes = Nodes::new();
        add(Some((1020, u64::MAX)), nodes.bits());
        add(Some((5, 3)), nodes.bits());
        add(None, nodes.bits());
        assert!(nodes.bits().as_bits().iter().eq(1020..1024));
    }
}

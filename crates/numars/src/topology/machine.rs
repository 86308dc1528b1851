//! The nodes and CPUs of the machine, and which of them this task may use: an immutable snapshot.
//!
//! Loading reads the lists of nodes that exist and that this task may use. The first call reads everything else. From then on, files
//! are read only by numa_node_to_cpu_update(), and when a system call shows a node or a CPU that is not known yet: a program may give up
//! its access to files. What cannot be read stays as it was.

use super::{
    Cpus, MOST_CPUS, MOST_NODES, Nodes, end_of_list, mems_allowed_by_kernel, mems_allowed_by_status, node_file_in,
    possible_cpus, put_allowed_cpus, read_list, read_map, read_ranges, system_file,
};
use crate::bitmask::{Bits, BitsMut, WORD_BITS, Word};
use crate::sys::errno;
use crate::sys::files::{self, File, FixedPath};
use crate::sys::memory::Arena;
use crate::sys::snapshot::{self, InMemory, Snapshot};
use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Stands for the node of a CPU that is on none.
const NO_NODE: u16 = u16::MAX;

type NodeWords = [Word; MOST_NODES / WORD_BITS];

/// What is known of the machine.
pub struct Machine<'a> {
    /// The number of the reading. Threads may read at the same time: the reading that began last counts.
    reading: AtomicUsize,
    /// Whether the files of single nodes were read too.
    is_whole: bool,
    /// Whether every file could be read.
    is_complete: bool,
    /// Whether files could not be opened because descriptors or memory were short: if so, the next call reads again.
    is_to_be_read_again: AtomicBool,
    nodes: NodeWords,
    with_memory: NodeWords,
    allowed: NodeWords,
    /// The highest node.
    pub max_node: usize,
    /// The number of nodes that this task may allocate on.
    pub allowed_nodes: usize,
    /// The number of CPUs that this task may run on.
    pub allowed_cpus: usize,
    /// The number of nodes that have memory.
    pub configured_nodes: usize,
    /// The number of CPUs that the machine has, online or not; 0 if it was not read.
    configured_cpus: usize,
    /// The first node of each CPU.
    node_of_cpu: &'a [u16],
    /// A row of bits for each node in order: its CPUs.
    rows: &'a [Word],
    row_words: usize,
}

struct MachineFamily;
impl InMemory for MachineFamily {
    type Value<'a> = Machine<'a>;
}

/// The words that the tables of most machines need, and the value.
const STATIC_WORDS: usize = 4096 / size_of::<usize>();

static MACHINE: Snapshot<MachineFamily, STATIC_WORDS> = Snapshot::new();
static READINGS: AtomicUsize = AtomicUsize::new(0);

/// The CPUs that this task may run on: as at its start, and those that a system call has shown since. None is ever taken out, so
/// threads may add CPUs at the same time.
static TASK_CPUS: [AtomicUsize; MOST_CPUS / WORD_BITS] = [const { AtomicUsize::new(0) }; MOST_CPUS / WORD_BITS];

/// The nodes that a system call has shown to be usable since the start. None is ever taken out: a reading that began before another
/// thread was shown a node must not lose it.
static SHOWN_NODES: [AtomicUsize; MOST_NODES / WORD_BITS] = [const { AtomicUsize::new(0) }; MOST_NODES / WORD_BITS];

/// The nodes and CPUs that the kernel showed when the files were read last. What the files do not say of these, they will not say if they
/// are read again.
static NODES_AT_READING: [AtomicUsize; MOST_NODES / WORD_BITS] =
    [const { AtomicUsize::new(0) }; MOST_NODES / WORD_BITS];
static CPUS_AT_READING: [AtomicUsize; MOST_CPUS / WORD_BITS] = [const { AtomicUsize::new(0) }; MOST_CPUS / WORD_BITS];

/// The nodes that getcpu(2) has shown. They exist, if no list says otherwise.
static NODES_RUN_ON: [AtomicUsize; MOST_NODES / WORD_BITS] = [const { AtomicUsize::new(0) }; MOST_NODES / WORD_BITS];

/// Returns the words of [`TASK_CPUS`], as many as the kernel's set has.
fn task_cpu_words() -> &'static [AtomicUsize] {
    TASK_CPUS.get(..possible_cpus().div_ceil(WORD_BITS)).unwrap_or(&TASK_CPUS)
}

/// Adds the CPUs of `words` to [`TASK_CPUS`], and returns how many there are then.
fn add_task_cpus(words: impl Iterator<Item = Word>) -> usize {
    add_shown(task_cpu_words(), words);
    task_cpus().map(count_ones).sum()
}

/// Returns the words of the set of the CPUs that this task may run on, as many as the kernel's set has.
pub fn task_cpus() -> impl Iterator<Item = Word> {
    task_cpu_words().iter().map(|word| word.load(Ordering::Relaxed))
}

/// Adds the bits of `words` to one of the sets above.
#[inline(always)]
fn add_shown(set: &[AtomicUsize], words: impl Iterator<Item = Word>) {
    set.iter().zip(words).filter(|&(_, word)| word != 0).for_each(|(place, word)| {
        place.fetch_or(word, Ordering::Relaxed);
    });
}

/// Adds the nodes of one of the sets above to `words`.
fn include_shown(words: &mut NodeWords, shown: &[AtomicUsize]) {
    words.iter_mut().zip(shown).for_each(|(word, shown)| *word |= shown.load(Ordering::Relaxed));
}

/// For a process that has no memory for its first snapshot.
static UNKNOWN: Machine = Machine {
    nodes: first_only(),
    with_memory: first_only(),
    allowed: first_only(),
    allowed_nodes: 1,
    allowed_cpus: 1,
    configured_nodes: 1,
    ..unread()
};

/// A machine of which nothing was read.
const fn unread() -> Machine<'static> {
    Machine {
        reading: AtomicUsize::new(0),
        is_whole: false,
        is_complete: false,
        is_to_be_read_again: AtomicBool::new(false),
        nodes: [0; MOST_NODES / WORD_BITS],
        with_memory: [0; MOST_NODES / WORD_BITS],
        allowed: [0; MOST_NODES / WORD_BITS],
        max_node: 0,
        allowed_nodes: 0,
        allowed_cpus: 0,
        configured_nodes: 0,
        configured_cpus: 0,
        node_of_cpu: &[],
        rows: &[],
        row_words: 0,
    }
}

/// A machine with these nodes: those that exist, have memory, and may be allocated on.
#[inline(always)]
fn with_nodes([nodes, with_memory, allowed]: [NodeWords; 3]) -> Machine<'static> {
    let (max_node, allowed_nodes, configured_nodes) = (highest(&nodes), weight(&allowed), weight(&with_memory));
    Machine { nodes, with_memory, allowed, max_node, allowed_nodes, configured_nodes, ..unread() }
}

const fn first_only<const WORDS: usize>() -> [Word; WORDS] {
    let mut words = [0; WORDS];
    words[0] = 1;
    words
}

/// Returns what is known of the machine, without the files of single nodes unless they were read already.
#[inline(always)]
pub fn machine() -> &'static Machine<'static> {
    match MACHINE.get() {
        Some(machine) if !machine.is_to_be_read_again.load(Ordering::Relaxed) => machine,
        _ => first_or_again(),
    }
}

#[cold]
#[inline(never)]
fn first_or_again() -> &'static Machine<'static> {
    match MACHINE.get() {
        None => MACHINE.get_or_publish(read_first).unwrap_or(&UNKNOWN),
        Some(_) => {
            read();
            MACHINE.get().unwrap_or(&UNKNOWN)
        }
    }
}

/// Returns what is known of the machine, the CPUs of nodes and the nodes with memory included.
pub fn whole_machine() -> &'static Machine<'static> {
    let machine = machine();
    if machine.is_whole {
        return machine;
    }
    read();
    MACHINE.get().unwrap_or(machine)
}

/// Reads the files of all nodes again. What cannot be read stays as it was.
pub fn update() {
    machine();
    // Which nodes the kernel shows at this moment is not asked for here.
    note_shown(&NODES_AT_READING, Nodes::new().words());
    read();
}

/// Reads the files again if the kernel shows a node or a CPU that this task may use and that is not known yet: memory came
/// online, a CPU did, or the cpuset was widened. Returns whether anything changed. Errno is left untouched.
pub fn catch_up() -> bool {
    if files::fsroot().is_some() {
        return false;
    }
    let before = machine();
    let last = whole_machine();
    let (nodes, cpus) = (mems_allowed_by_kernel(), Cpus::new());
    put_allowed_cpus(&cpus);
    let is_new = |(shown, at_reading): (&Cell<Word>, &AtomicUsize)| shown.get() & !at_reading.load(Ordering::Relaxed);
    let new_nodes = nodes.words().iter().zip(&NODES_AT_READING).map(is_new);
    let are_new_nodes = new_nodes.zip(&last.allowed).any(|(new, known)| new & !known != 0);
    let new_cpus = cpus.words().iter().zip(&CPUS_AT_READING).map(is_new);
    let are_new_cpus = new_cpus.enumerate().any(|(index, new)| {
        let mut has_unknown = false;
        for_each_bit(&[new], |bit| has_unknown |= last.node_of_cpu(index * WORD_BITS + bit).is_none());
        has_unknown
    });
    let task_cpus = add_task_cpus(cpus.words().iter().map(Cell::get));
    if are_new_nodes || are_new_cpus || task_cpus != last.allowed_cpus {
        add_shown(&SHOWN_NODES, nodes.words().iter().map(Cell::get));
        note_shown(&NODES_AT_READING, nodes.words());
        read();
    }
    !core::ptr::eq(before, machine())
}

/// Stores what the kernel shows in one of the sets above.
fn note_shown(set: &[AtomicUsize], shown: &[Cell<Word>]) {
    set.iter().zip(shown).for_each(|(place, shown)| place.store(shown.get(), Ordering::Relaxed));
}

#[inline(never)]
fn note_shown_cpus() {
    let cpus = Cpus::new();
    put_allowed_cpus(&cpus);
    note_shown(&CPUS_AT_READING, cpus.words());
}

impl Machine<'_> {
    /// Returns the nodes that exist, with memory or without.
    pub fn nodes(&self) -> Nodes {
        Nodes::from(self.nodes)
    }

    /// Returns whether a node exists.
    pub fn has_node(&self, node: usize) -> bool {
        self.nodes.get(node / WORD_BITS).is_some_and(|word| word >> (node % WORD_BITS) & 1 == 1)
    }

    /// Returns the nodes that have memory.
    pub fn with_memory(&self) -> Nodes {
        Nodes::from(self.with_memory)
    }

    /// Returns the nodes that this task may allocate on: as at its start, and those that a system call has shown since.
    pub fn allowed(&self) -> Nodes {
        Nodes::from(self.allowed)
    }

    /// Returns the number of the reading, which every later one exceeds.
    pub fn reading(&self) -> usize {
        self.reading.load(Ordering::Relaxed)
    }

    /// Returns whether the CPUs of all nodes could be read.
    pub fn has_all_cpus(&self) -> bool {
        self.is_whole && self.is_complete
    }

    /// Returns the node of a CPU: of several nodes that have it, the first.
    #[inline(always)]
    pub fn node_of_cpu(&self, cpu: usize) -> Option<usize> {
        self.node_of_cpu.get(cpu).filter(|&&node| node != NO_NODE).map(|&node| usize::from(node))
    }

    /// Returns the words of the set of the CPUs of a node; an empty slice if there is no such node.
    pub fn cpus_of_node(&self, node: usize) -> &[Word] {
        let (word, bit) = (node / WORD_BITS, node % WORD_BITS);
        let Some(&nodes) = self.nodes.get(word) else { return &[] };
        if nodes >> bit & 1 == 0 {
            return &[];
        }
        let before = weight(self.nodes.get(..word).unwrap_or_default());
        let row = before + (nodes & ((1 << bit) - 1)).count_ones() as usize;
        let start = row.saturating_mul(self.row_words);
        self.rows.get(start..start.saturating_add(self.row_words)).unwrap_or_default()
    }

    /// Adds the CPUs of `nodes` to a set.
    pub fn add_cpus_of_nodes(&self, nodes: Bits, cpus: BitsMut) {
        for node in nodes.iter() {
            for_each_bit(self.cpus_of_node(node), |cpu| cpus.set(cpu));
        }
    }

    /// Returns whether both hold the same, whenever they were read.
    fn is_same_as(&self, other: &Machine) -> bool {
        self.is_whole == other.is_whole
            && self.is_complete == other.is_complete
            && same(&self.nodes, &other.nodes)
            && same(&self.with_memory, &other.with_memory)
            && same(&self.allowed, &other.allowed)
            && self.allowed_cpus == other.allowed_cpus
            && self.configured_cpus == other.configured_cpus
            && same(self.node_of_cpu, other.node_of_cpu)
            && same(self.rows, other.rows)
    }

    /// Returns whether this reading replaces `current`.
    fn supersedes(&self, current: Option<&Machine>) -> bool {
        let Some(current) = current else { return true };
        let reading = self.reading.load(Ordering::Relaxed);
        let says_less = current.is_complete && !self.is_complete;
        let shows_more = || !same(&self.allowed, &current.allowed) || self.allowed_cpus != current.allowed_cpus;
        if current.reading.load(Ordering::Relaxed) >= reading || says_less && !shows_more() {
            return false;
        }
        if self.is_same_as(current) {
            current.reading.fetch_max(reading, Ordering::Relaxed);
            let is_short = self.is_to_be_read_again.load(Ordering::Relaxed);
            current.is_to_be_read_again.store(is_short, Ordering::Relaxed);
            return false;
        }
        true
    }
}

/// As `==`, for which the loader would look up bcmp.
fn same<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one == other)
}

/// Calls `each` with each bit that is set.
pub fn for_each_bit(words: &[Word], mut each: impl FnMut(usize)) {
    for (index, &word) in words.iter().enumerate() {
        let mut rest = word;
        while rest != 0 {
            each(index * WORD_BITS + rest.trailing_zeros() as usize);
            rest &= rest - 1;
        }
    }
}

// --- which nodes there are ---

/// The lists of nodes as their sources have them; `None` for a source that cannot be read.
struct Sources {
    online: Option<Nodes>,
    has_memory: Option<Nodes>,
    mems_allowed: Option<Nodes>,
}

/// Fills in what sources do not say: the nodes that exist, have memory, and may be allocated on. The last two are among the first.
fn settle(sources: &Sources) -> [NodeWords; 3] {
    let (has_memory, mems_allowed) = (sources.has_memory.as_ref(), sources.mems_allowed.as_ref());
    let mut nodes = [0; MOST_NODES / WORD_BITS];
    match &sources.online {
        Some(online) => add(&mut nodes, online),
        None => has_memory.into_iter().chain(mems_allowed).for_each(|some| add(&mut nodes, some)),
    }
    if is_empty(&nodes) {
        nodes = first_only();
    }
    let with_memory = common(&nodes, has_memory).unwrap_or(nodes);
    let allowed = common(&nodes, mems_allowed).unwrap_or(with_memory);
    [nodes, with_memory, allowed]
}

/// Returns what is in both, if anything is.
fn common(words: &NodeWords, others: Option<&Nodes>) -> Option<NodeWords> {
    let mut common = *words;
    common.iter_mut().zip(others?.words()).for_each(|(word, other)| *word &= other.get());
    (!is_empty(&common)).then_some(common)
}

fn add(words: &mut NodeWords, others: &Nodes) {
    words.iter_mut().zip(others.words()).for_each(|(word, other)| *word |= other.get());
}

fn is_empty(words: &NodeWords) -> bool {
    words.iter().all(|&word| word == 0)
}

/// Reads the list of nodes that exist. Returns `None` if it cannot be read.
pub(super) fn read_online() -> Option<Nodes> {
    let nodes = Nodes::new();
    // Kernels before 2.6.24 have no list, but a folder for each node.
    read_list(&system_file(b"node/online"), nodes.bits());
    if nodes.bits().as_bits().is_empty() && files::exists(&system_file(b"node")) {
        let exists = |&node: &usize| files::exists(&node_file_in(system_file(b"node/"), node, b""));
        (0..MOST_NODES).filter(exists).for_each(|node| nodes.bits().set(node));
    }
    (!nodes.bits().as_bits().is_empty()).then_some(nodes)
}

/// Reads the list of nodes that have memory. Returns `None` if it cannot be read.
fn read_has_memory() -> Option<Nodes> {
    let nodes = Nodes::new();
    read_list(&system_file(b"node/has_memory"), nodes.bits());
    (!nodes.bits().as_bits().is_empty()).then_some(nodes)
}

// --- reading ---

/// Reads what loading needs.
fn read_first<'a>(_: &mut Arena<'a>) -> Machine<'a> {
    let mems_allowed = mems_allowed_by_status().or_else(|| {
        let nodes = if files::fsroot().is_some() { Nodes::new() } else { mems_allowed_by_kernel() };
        (!nodes.bits().as_bits().is_empty()).then_some(nodes)
    });
    let online = read_online();
    let is_short = online.is_none() && files::is_short_of_descriptors();
    // Otherwise, nodes that this task may allocate on are all that is needed.
    let has_memory = if mems_allowed.is_none() { read_has_memory() } else { None };
    let machine = with_nodes(settle(&Sources { online, has_memory, mems_allowed }));
    let allowed_cpus = if files::fsroot().is_none() { add_affinity() } else { 0 };
    Machine { is_to_be_read_again: AtomicBool::new(is_short), allowed_cpus, ..machine }
}

/// Adds the CPUs that the calling thread may run on to [`TASK_CPUS`], and returns how many there are then.
#[inline(never)]
fn add_affinity() -> usize {
    let cpus = Cpus::new();
    put_allowed_cpus(&cpus);
    add_task_cpus(cpus.words().iter().map(Cell::get))
}

/// Reads everything, and publishes it unless that says less than what is known.
#[inline(never)]
fn read() {
    // Whoever has a higher number also sees what was added to the sets above before.
    let reading = READINGS.fetch_add(1, Ordering::AcqRel) + 1;
    let Some(before) = MACHINE.get() else { return };
    if files::fsroot().is_none() {
        note_shown_cpus();
    }
    let mut mems_allowed = before.allowed;
    include_shown(&mut mems_allowed, &SHOWN_NODES);
    let mems_allowed = Nodes::from(mems_allowed);
    let online = read_online();
    let is_listed = online.is_some();
    let has_memory = read_has_memory().or_else(|| before.is_whole.then(|| before.with_memory()));
    let online = online.unwrap_or_else(|| {
        let mut nodes = before.nodes;
        add(&mut nodes, &mems_allowed);
        has_memory.iter().for_each(|has_memory| add(&mut nodes, has_memory));
        include_shown(&mut nodes, &NODES_RUN_ON);
        Nodes::from(nodes)
    });
    let sources = Sources { online: Some(online), has_memory, mems_allowed: Some(mems_allowed) };
    let settled = settle(&sources);
    let [nodes, ..] = &settled;
    let width = cpu_map_width();
    let row_words = width.div_ceil(WORD_BITS);
    let row_count = weight(nodes).saturating_mul(row_words);
    let bytes = row_count.saturating_mul(size_of::<Word>()).saturating_add(width * size_of::<u16>());
    let supersedes = |new: &Machine, current: Option<&'static Machine>| new.supersedes(current);
    let build = snapshot::for_any_lifetime::<MachineFamily, _>(|arena| {
        let (rows, node_of_cpu) = (arena.alloc_slice::<Word>(row_count), arena.alloc_slice::<u16>(width));
        rows.fill(0);
        node_of_cpu.fill(NO_NODE);
        let cells = Cell::from_mut(&mut *rows).as_slice_of_cells();
        let map = CpuMap { rows: cells, row_words, node_of_cpu: &mut *node_of_cpu, before };
        let is_complete = read_cpus(nodes, is_listed, map);
        if files::fsroot().is_some() {
            // Of another machine, all CPUs may be used.
            rows.chunks(row_words.max(1)).for_each(|row| {
                add_task_cpus(row.iter().copied());
            });
        }
        let allowed_cpus = add_task_cpus(core::iter::empty());
        let configured_cpus = read_configured_cpus(before.configured_cpus, allowed_cpus);
        Machine {
            reading: AtomicUsize::new(reading),
            is_whole: true,
            is_complete,
            is_to_be_read_again: AtomicBool::new(!is_complete && files::is_short_of_descriptors()),
            allowed_cpus,
            configured_cpus,
            node_of_cpu,
            rows,
            row_words,
            ..with_nodes(settled)
        }
    });
    MACHINE.replace(bytes, build, supersedes);
}

/// Reads the number of CPUs that the machine has, online or not: as sysconf(3), which may call malloc(3). If that cannot be read, it
/// stays as it was, or is the number of those that this task may run on.
fn read_configured_cpus(before: usize, allowed: usize) -> usize {
    let mut possible = 0;
    read_ranges(&system_file(b"cpu/possible"), |(first, last)| {
        let end = last.saturating_add(1).min(MOST_CPUS as u64);
        possible += end.saturating_sub(first) as usize;
    });
    [possible, before].into_iter().find(|&cpus| cpus != 0).unwrap_or(allowed)
}

/// Returns the number of CPUs that the machine has, online or not.
pub fn configured_cpus() -> usize {
    let machine = whole_machine();
    match machine.configured_cpus {
        // There was no memory for what was read, or nothing says it; but this thread runs on one.
        0 => machine.allowed_cpus.max(usize::from(files::fsroot().is_none())),
        cpus => cpus,
    }
}

/// The CPUs that there is room for.
fn cpu_map_width() -> usize {
    let possible = possible_cpus();
    // Where the kernel does not say how large its sets are, a machine can have more.
    let listed = if possible == super::DEFAULT_CPUS.get() { end_of_list(&system_file(b"cpu/possible")) } else { 0 };
    possible.max(listed).min(MOST_CPUS)
}

/// The CPUs of all nodes while they are being read.
struct CpuMap<'a> {
    rows: &'a [Cell<Word>],
    row_words: usize,
    node_of_cpu: &'a mut [u16],
    /// What was known before: the CPUs of a node whose files cannot be read stay as they were.
    before: &'a Machine<'static>,
}

impl CpuMap<'_> {
    /// Notes that the node with the given row has the CPUs from `first` to `last`. Returns whether there is room for any.
    fn record(&mut self, row: usize, node: usize, (first, last): (u64, u64)) -> bool {
        let end = (self.node_of_cpu.len() as u64).min(last.saturating_add(1));
        if first >= end {
            return false;
        }
        let (first, end) = (first as usize, end as usize);
        let start = row.saturating_mul(self.row_words);
        let words = self.rows.get(start..start.saturating_add(self.row_words)).unwrap_or_default();
        debug_assert!(end <= words.len() * WORD_BITS, "row {row} of {} words", self.rows.len());
        let cpus = BitsMut::new(words, end);
        (first..end).for_each(|cpu| cpus.set(cpu));
        debug_assert!(end <= self.node_of_cpu.len());
        for place in self.node_of_cpu.get_mut(first..end).unwrap_or_default() {
            if *place == NO_NODE {
                *place = node as u16;
            }
        }
        true
    }
}

/// Reads the CPUs of all nodes. Returns whether all could be read.
fn read_cpus(nodes: &NodeWords, is_listed: bool, mut map: CpuMap) -> bool {
    let folder = system_file(b"node/");
    // There may be a descriptor for a file, but not for its folder too.
    let complete = File::open_of_machine(&folder)
        .is_some_and(|folder| read_cpus_below(nodes, &FixedPath::inside(&folder), &mut map))
        || read_cpus_below(nodes, &folder, &mut map);
    // Without NUMA the kernel lists no nodes: node 0 has all CPUs.
    let is_without_numa = !is_listed && same(nodes, &first_only::<{ MOST_NODES / WORD_BITS }>());
    complete || is_without_numa && read_cpus_of_machine(&mut map)
}

/// The same, of nodes whose files lie in `folder`.
fn read_cpus_below(nodes: &NodeWords, folder: &FixedPath, map: &mut CpuMap) -> bool {
    let (mut row, mut complete) = (0, true);
    for_each_bit(nodes, |node| {
        let file = |name| node_file_in(folder.clone(), node, name);
        let mut record = |range| {
            map.record(row, node, range);
        };
        // The list is short however many CPUs the machine has. Kernels before 2.6.26 have only the map, and captured machines may
        // have been changed where hwloc reads, which is the map too.
        let is_listed = files::fsroot().is_none() && read_ranges(&file(b"cpulist"), &mut record);
        let is_read = is_listed || read_map(&file(b"cpumap"), &mut |cpu| record((cpu as u64, cpu as u64)));
        if !is_read {
            let before = map.before;
            for_each_bit(before.cpus_of_node(node), |cpu| {
                map.record(row, node, (cpu as u64, cpu as u64));
            });
            complete &= before.is_complete && before.has_node(node);
        }
        row += 1;
    });
    complete
}

/// Reads the CPUs that are online, or else those that have a folder, as CPUs of node 0. Returns whether there are any.
fn read_cpus_of_machine(map: &mut CpuMap) -> bool {
    let mut any = false;
    read_ranges(&system_file(b"cpu/online"), |range| any |= map.record(0, 0, range));
    if !any && files::exists(&system_file(b"cpu")) {
        for cpu in 0..map.node_of_cpu.len() {
            let mut folder = system_file(b"cpu/cpu");
            if files::exists(folder.decimal(cpu)) {
                any |= map.record(0, 0, (cpu as u64, cpu as u64));
            }
        }
    }
    any
}

fn weight(words: &[Word]) -> usize {
    words.iter().map(|&word| count_ones(word)).sum()
}

/// Counts the bits that are set. Most words are empty, and not every processor counts bits in one instruction.
fn count_ones(word: Word) -> usize {
    if word == 0 { 0 } else { word.count_ones() as usize }
}

fn highest(words: &[Word]) -> usize {
    let last = words.iter().enumerate().rfind(|&(_, &word)| word != 0);
    last.map_or(0, |(index, word)| index * WORD_BITS + WORD_BITS - 1 - word.leading_zeros() as usize)
}

/// Returns the node that the calling thread is on, if it runs on this CPU at the moment. If no list of nodes can be read, that node
/// exists from then on. Errno is left untouched.
pub fn node_of_current_cpu(cpu: usize) -> Option<usize> {
    let (current, node) = errno::preserve_errno(crate::sys::kernel::getcpu)?;
    if current != cpu || files::fsroot().is_some() {
        return None;
    }
    if !machine().has_node(node) {
        NODES_RUN_ON.get(node / WORD_BITS)?.fetch_or(1 << (node % WORD_BITS), Ordering::Relaxed);
        read();
    }
    machine().has_node(node).then_some(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(members: &[usize]) -> Nodes {
        let nodes = Nodes::new();
        members.iter().for_each(|&node| nodes.bits().set(node));
        nodes
    }

    fn words(members: &[usize]) -> NodeWords {
        let mut words = [0; MOST_NODES / WORD_BITS];
        add(&mut words, &nodes(members));
        words
    }

    fn members(words: NodeWords) -> Vec<usize> {
        Nodes::from(words).bits().as_bits().iter().collect()
    }

    #[test]
    fn whichever_list_is_missing_usable_nodes_and_nodes_with_memory_exist() {
        let online = || Some(nodes(&[0, 1, 2, 4]));
        let has_memory = || Some(nodes(&[0, 1, 4]));
        let mems_allowed = || Some(nodes(&[1, 4]));
        for (online, has_memory, mems_allowed, expected) in [
            (online(), has_memory(), mems_allowed(), [&[0, 1, 2, 4][..], &[0, 1, 4], &[1, 4]]),
            (None, has_memory(), mems_allowed(), [&[0, 1, 4], &[0, 1, 4], &[1, 4]]),
            (online(), None, mems_allowed(), [&[0, 1, 2, 4], &[0, 1, 2, 4], &[1, 4]]),
            (online(), has_memory(), None, [&[0, 1, 2, 4], &[0, 1, 4], &[0, 1, 4]]),
            (None, None, mems_allowed(), [&[1, 4], &[1, 4], &[1, 4]]),
            (None, has_memory(), None, [&[0, 1, 4], &[0, 1, 4], &[0, 1, 4]]),
            (online(), None, None, [&[0, 1, 2, 4], &[0, 1, 2, 4], &[0, 1, 2, 4]]),
            (None, None, None, [&[0], &[0], &[0]]),
            // Sources that contradict each other: only what exists can be used.
            (online(), Some(nodes(&[9])), Some(nodes(&[7, 4])), [&[0, 1, 2, 4], &[0, 1, 2, 4], &[4]]),
            (online(), has_memory(), Some(nodes(&[7])), [&[0, 1, 2, 4], &[0, 1, 4], &[0, 1, 4]]),
        ] {
            let settled = settle(&Sources { online, has_memory, mems_allowed }).map(members);
            assert_eq!(settled, expected);
        }
    }

    #[test]
    fn a_cpu_that_several_nodes_have_is_in_the_set_of_each_and_belongs_to_the_first() {
        let (mut rows, mut node_of_cpu) = ([0; 4], [NO_NODE; 70]);
        let cells = Cell::from_mut(&mut rows[..]).as_slice_of_cells();
        let mut map = CpuMap { rows: cells, row_words: 2, node_of_cpu: &mut node_of_cpu, before: &UNKNOWN };
        assert!(map.record(0, 3, (0, 65)));
        assert!(map.record(1, 8, (64, 1000)));
        assert!(!map.record(1, 8, (70, u64::MAX)), "there is no room");
        assert!(!map.record(1, 8, (5, 4)));
        let machine =
            Machine { nodes: words(&[3, 8]), node_of_cpu: &node_of_cpu, rows: &rows, row_words: 2, ..unread() };
        let cpus = |node| {
            let mut cpus = Vec::new();
            for_each_bit(machine.cpus_of_node(node), |cpu| cpus.push(cpu));
            cpus
        };
        assert!(cpus(3).into_iter().eq(0..66));
        assert!(cpus(8).into_iter().eq(64..70));
        assert_eq!([cpus(0), cpus(4), cpus(9), cpus(usize::MAX)], [(); 4].map(|()| Vec::<usize>::new()));
        assert_eq!([0, 65, 66, 69, 70].map(|cpu| machine.node_of_cpu(cpu)), [Some(3), Some(3), Some(8), Some(8), None]);
    }

    #[test]
    fn a_reading_replaces_an_older_one_that_says_less_or_something_else() {
        let reading = |reading, node, is_whole, is_complete| Machine {
            reading: AtomicUsize::new(reading),
            nodes: words(&[node]),
            is_whole,
            is_complete,
            ..unread()
        };
        let first = reading(0, 0, false, false);
        assert!(first.supersedes(None));
        assert!(reading(1, 0, true, false).supersedes(Some(&first)));
        let whole = reading(5, 0, true, true);
        assert!(!reading(4, 1, true, true).supersedes(Some(&whole)), "it began earlier");
        assert!(!reading(6, 1, true, false).supersedes(Some(&whole)), "a reading that fails changes nothing");
        assert!(reading(6, 1, true, true).supersedes(Some(&whole)));
        let widened = Machine { allowed: words(&[0, 1]), ..reading(6, 0, true, false) };
        assert!(widened.supersedes(Some(&whole)), "a system call has shown more");
        assert!(!reading(7, 0, true, true).supersedes(Some(&whole)), "it says the same");
        assert!(!reading(6, 1, true, true).supersedes(Some(&whole)), "and what it said is newer than this");
    }
}

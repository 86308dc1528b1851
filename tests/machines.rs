//! The library describes every machine correctly: captured ones, and generated ones, which are passed by NUMARS_FSROOT.
//!
//! The expected description of a captured machine comes from a small parser of the kernel's files in this file, which
//! was written without looking at the library's; that of a generated machine is the one from which its files were
//! written.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use support::{LinkedProgram, archives, root, unpack};
use tempfile::TempDir;

/// Answers queries about the machine, one per line. The reply ends with a line that consists of a dot.
static PROGRAM: LinkedProgram = LinkedProgram::new(
    r#"
#include <errno.h>
#include <inttypes.h>
#include <numa.h>
#include <numars.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void numa_warn(int number, char *format, ...)
{
    printf("warning %d: %s\n", number, format);
}

static void print_set(const char *what, const struct bitmask *set)
{
    printf("%s:", what);
    for (unsigned bit = 0; set != NULL && bit < set->size; bit++)
        if (numa_bitmask_isbitset(set, bit))
            printf(" %u", bit);
    puts("");
}

static void print_machine(void)
{
    struct bitmask *cpus = numa_allocate_cpumask();
    printf("possible nodes: %d, highest %d\n", numa_num_possible_nodes(), numa_max_possible_node());
    printf("possible CPUs: %d, room in a set: %lu\n", numa_num_possible_cpus(), cpus->size);
    printf("configured CPUs: %d\n", numa_num_configured_cpus());
    printf("nodes with memory: %d\n", numa_num_configured_nodes());
    printf("highest node: %d\n", numa_max_node());
    print_set("nodes", numa_nodes_ptr);
    print_set("usable nodes", numa_all_nodes_ptr);
    print_set("usable CPUs", numa_all_cpus_ptr);
    for (int node = 0; node <= numa_max_node(); node++) {
        long long free = -7, size = numa_node_size64(node, &free);
        if (!numa_bitmask_isbitset(numa_nodes_ptr, node))
            continue;
        printf("node %d: %lld bytes, %lld free, numa_node_to_cpus() = %d\n", node, size, free, numa_node_to_cpus(node, cpus));
        print_set("  CPUs", cpus);
    }
    for (int cpu = -1; cpu <= numa_num_possible_cpus(); cpu++)
        if (numa_node_of_cpu(cpu) != -1)
            printf("CPU %d: node %d\n", cpu, numa_node_of_cpu(cpu));
}

static void print_distances(int from)
{
    printf("from %d:", from);
    for (int to = 0; to <= numa_max_node() + 1; to++)
        if (numa_bitmask_isbitset(numa_nodes_ptr, to) || numa_distance(from, to) != 0)
            printf(" %d", numa_distance(from, to));
    puts("");
}

/* Prints a result, or the name of the error. */
static void print_number(const char *what, long long result)
{
    if (result >= 0)
        printf(" %s %lld", what, result);
    else
        printf(" %s %s", what, errno == ENODATA ? "unknown" : strerror(errno));
}

static void print_differences(void)
{
    int tiers[64], count = numars_tiers(tiers, 64);
    print_number("tiers", count);
    puts("");
    for (int node = 0; node <= numa_max_node(); node++) {
        if (!numa_bitmask_isbitset(numa_nodes_ptr, node))
            continue;
        printf("node %d:", node);
        for (int attribute = NUMARS_READ_BANDWIDTH; attribute <= NUMARS_MEMORY_SIDE_CACHE; attribute++)
            for (int initiator = -1; initiator < 2; initiator++) {
                char what[32];
                uint64_t value = 0;
                sprintf(what, "%d/%d", attribute, initiator);
                print_number(what, numars_node_attribute(node, initiator, attribute, &value) == 0 ? (long long)value : -1);
            }
        print_number("tier", numars_node_tier(node));
        print_number("weight", numars_node_weight(node));
        print_number("kind", numars_node_kind(node));
        puts("");
    }
}

static void print_best(int initiator, int attribute)
{
    struct bitmask *nodes = numa_allocate_nodemask();
    if (numars_best_nodes(initiator, attribute, nodes) == 0)
        print_set("best", nodes);
    else
        printf("best: %s\n", strerror(errno));
}

static void reply(const char *question)
{
    int number, attribute;
    char text[256];
    if (strcmp(question, "differences\n") == 0)
        print_differences();
    else if (sscanf(question, "best for %d by %d", &number, &attribute) == 2)
        print_best(number, attribute);
    else if (sscanf(question, "set weight of %d", &number) == 1)
        puts(numars_set_node_weight(number, 3) == 0 ? "set" : strerror(errno));
    else if (strcmp(question, "machine\n") == 0)
        print_machine();
    else if (sscanf(question, "distances from %d", &number) == 1)
        print_distances(number);
    else if (sscanf(question, "node of %255s", text) == 1)
        print_set("node", numa_parse_nodestring_all(text));
    else if (sscanf(question, "usable node of %255s", text) == 1)
        print_set("node", numa_parse_nodestring(text));
    else if (sscanf(question, "CPUs %255s", text) == 1)
        print_set("CPUs", numa_parse_cpustring_all(text));
    else if (strcmp(question, "update\n") == 0)
        numa_node_to_cpu_update();
    else if (strcmp(question, "allowed by the kernel\n") == 0)
        print_set("nodes", numa_get_mems_allowed());
    else if (sscanf(question, "setenv %255s", text) == 1)
        setenv("NUMARS_FSROOT", text, 1);
    else
        abort();
}

int main(void)
{
    char question[512];
    while (fgets(question, sizeof question, stdin) != NULL) {
        reply(question);
        puts(".");
        fflush(stdout);
    }
    return 0;
}
"#,
);

/// A running program that uses the library.
struct Library {
    process: Child,
    questions: RefCell<ChildStdin>,
    replies: RefCell<BufReader<ChildStdout>>,
}

impl Library {
    /// Starts it with this value of NUMARS_FSROOT.
    fn with_root(root: &Path) -> Self {
        Self::start(Command::new(PROGRAM.path()).env("NUMARS_FSROOT", root))
    }

    fn without_root() -> Self {
        Self::start(Command::new(PROGRAM.path()).env_remove("NUMARS_FSROOT"))
    }

    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let questions = RefCell::new(process.stdin.take().unwrap());
        let replies = RefCell::new(BufReader::new(process.stdout.take().unwrap()));
        Library { process, questions, replies }
    }

    fn ask(&self, question: &str) -> String {
        writeln!(self.questions.borrow_mut(), "{question}").unwrap();
        let mut reply = String::new();
        while !reply.ends_with("\n.\n") && reply != ".\n" {
            assert_ne!(self.replies.borrow_mut().read_line(&mut reply).unwrap(), 0, "{question}: {reply}");
        }
        reply.trim_end_matches(".\n").to_owned()
    }

    /// Ends the program, which must have printed nothing else.
    fn end(mut self) {
        drop(self.questions);
        let mut errors = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!(errors, "");
        assert!(self.process.wait().unwrap().success());
    }
}

/// Everything known about a node.
#[derive(Default, Clone, PartialEq, Debug)]
struct Node {
    cpus: BTreeSet<usize>,
    /// Total and free memory in KiB; `None` if no file contains it.
    memory: Option<(u64, u64)>,
    /// Distances to each of the machine's nodes, in order; empty if they are not known.
    distances: Vec<u64>,
}

/// Everything known about a machine.
#[derive(Default, Clone, PartialEq, Debug)]
struct Machine {
    nodes: BTreeMap<usize, Node>,
    /// The nodes that have memory, if the kernel lists them.
    with_memory: Option<BTreeSet<usize>>,
    /// The possible nodes and CPUs, if the kernel lists them.
    possible_nodes: Option<BTreeSet<usize>>,
    possible_cpus: Option<BTreeSet<usize>>,
}

fn spaced(members: &BTreeSet<usize>) -> String {
    members.iter().fold(String::new(), |text, member| text + " " + &member.to_string())
}

impl Machine {
    fn ids(&self) -> BTreeSet<usize> {
        self.nodes.keys().copied().collect()
    }

    fn cpus(&self) -> BTreeSet<usize> {
        self.nodes.values().flat_map(|node| node.cpus.iter().copied()).collect()
    }

    /// The sizes of the kernel's sets of nodes and CPUs. Those of CPUs are whole words.
    fn sizes(&self) -> (usize, usize) {
        let end = |set: &BTreeSet<usize>| set.last().unwrap() + 1;
        let nodes = self.possible_nodes.as_ref().map_or(1024, end);
        (nodes, self.possible_cpus.as_ref().map_or(16384, |cpus| end(cpus).next_multiple_of(64)))
    }

    /// What the program should print.
    fn report(&self) -> String {
        let mut report = String::new();
        let (nodes, cpus) = self.sizes();
        writeln!(report, "possible nodes: {nodes}, highest {}", nodes - 1).unwrap();
        writeln!(report, "possible CPUs: {cpus}, room in a set: {cpus}").unwrap();
        writeln!(report, "configured CPUs: {}", self.possible_cpus.as_ref().unwrap_or(&self.cpus()).len()).unwrap();
        // In one of the captured machines, a node was removed from the list of nodes, but not from that of nodes with
        // memory.
        let with_memory = self.with_memory.as_ref().map_or(self.ids(), |nodes| nodes & &self.ids());
        writeln!(report, "nodes with memory: {}", with_memory.len()).unwrap();
        writeln!(report, "highest node: {}", self.ids().last().unwrap()).unwrap();
        writeln!(report, "nodes:{}", spaced(&self.ids())).unwrap();
        let usable = if with_memory.is_empty() { self.ids() } else { with_memory };
        writeln!(report, "usable nodes:{}", spaced(&usable)).unwrap();
        writeln!(report, "usable CPUs:{}", spaced(&self.cpus())).unwrap();
        for (id, node) in &self.nodes {
            let (size, free) = node.memory.map_or((-1, 0), |(size, free)| (size as i64 * 1024, free * 1024));
            writeln!(report, "node {id}: {size} bytes, {free} free, numa_node_to_cpus() = 0").unwrap();
            writeln!(report, "  CPUs:{}", spaced(&node.cpus)).unwrap();
        }
        for cpu in self.cpus() {
            writeln!(report, "CPU {cpu}: node {}", self.node_of_cpu(cpu)).unwrap();
        }
        report
    }

    fn node_of_cpu(&self, cpu: usize) -> usize {
        *self.nodes.iter().find(|(_, node)| node.cpus.contains(&cpu)).unwrap().0
    }

    /// What the program should print about the distances from `node`.
    fn distances(&self, node: usize) -> String {
        let distances = self.nodes[&node].distances.clone();
        let distances = if distances.is_empty() { vec![0; self.nodes.len()] } else { distances };
        format!("from {node}:{}\n", distances.iter().fold(String::new(), |text, distance| format!("{text} {distance}")))
    }

    /// Checks that the library describes this machine, whose files are below `root`, correctly.
    fn assert_reported_under(&self, root: &Path) {
        let library = Library::with_root(root);
        assert_same(&library.ask("machine"), &self.report(), root);
        for &node in self.nodes.keys() {
            assert_same(&library.ask(&format!("distances from {node}")), &self.distances(node), root);
        }
        library.end();
    }
}

/// Shows the first line that differs, since a machine can have ten thousand.
#[track_caller]
fn assert_same(output: &str, expected: &str, root: &Path) {
    for (line, (output, expected)) in output.lines().zip(expected.lines()).enumerate() {
        assert_eq!(output, expected, "{}, line {line}", root.display());
    }
    assert_eq!(output, expected, "{}", root.display());
}

// --- parsing machines ---

/// Reads a file, if it exists.
fn text(path: &Path) -> Option<String> {
    fs::read(path).ok().map(|bytes| String::from_utf8(bytes).unwrap().trim_end_matches(['\0', '\n']).to_owned())
}

/// Parses a list such as `0-3,8`.
fn list(text: &str) -> BTreeSet<usize> {
    let ranges = text.split(',').filter(|range| !range.is_empty());
    let ends = ranges.map(|range| range.split_once('-').unwrap_or((range, range)));
    ends.flat_map(|(first, last)| first.parse().unwrap()..=last.parse::<usize>().unwrap()).collect()
}

/// Parses a map such as `00000000,0000000f`.
fn map(text: &str) -> BTreeSet<usize> {
    let groups = text.rsplit(',').map(|group| u32::from_str_radix(group, 16).unwrap());
    groups
        .enumerate()
        .flat_map(|(at, bits)| (0..32).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| at * 32 + bit))
        .collect()
}

fn read_node(folder: &Path, machine_nodes: usize) -> Node {
    let meminfo = text(&folder.join("meminfo")).unwrap_or_default();
    let amount = |name: &str| {
        let words = meminfo.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        words.into_iter().find(|words| words.get(2) == Some(&name)).map(|words| words[3].parse::<u64>().unwrap())
    };
    let distances = text(&folder.join("distance")).unwrap_or_default();
    let distances: Vec<_> = distances.split_whitespace().map(|distance| distance.parse().unwrap()).collect();
    Node {
        cpus: map(&text(&folder.join("cpumap")).unwrap()),
        memory: amount("MemTotal:").map(|size| (size, amount("MemFree:").unwrap_or(0))),
        // Columns are the nodes; if their numbers differ, it is unknown which is which.
        distances: if distances.len() == machine_nodes { distances } else { Vec::new() },
    }
}

/// Parses the files below `root`.
fn read_machine(root: &Path) -> Machine {
    let system = root.join("sys/devices/system");
    let read_list = |name: &str| text(&system.join(name)).map(|text| list(&text));
    let nodes = match (read_list("node/online"), fs::read_dir(system.join("node"))) {
        (Some(nodes), _) => nodes,
        (None, Ok(entries)) => {
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.filter_map(|name| name.strip_prefix("node")?.parse().ok()).collect()
        }
        (None, Err(_)) => {
            let cpus = read_list("cpu/online").unwrap();
            let nodes = BTreeMap::from([(0, Node { cpus, ..Node::default() })]);
            return Machine { nodes, possible_cpus: read_list("cpu/possible"), ..Machine::default() };
        }
    };
    let read = |&id: &usize| (id, read_node(&system.join(format!("node/node{id}")), nodes.len()));
    Machine {
        nodes: nodes.iter().map(read).collect(),
        with_memory: read_list("node/has_memory"),
        possible_nodes: read_list("node/possible"),
        possible_cpus: read_list("cpu/possible"),
    }
}

// --- captured machines ---

/// Calls `with` with the root of each captured machine.
fn for_each_captured(with: impl Fn(&Path)) {
    for archive in archives() {
        let folder = tempfile::tempdir().unwrap();
        with(&unpack(&archive, folder.path()));
    }
}

#[test]
fn captured_machines_are_described_as_their_files_say() {
    for_each_captured(|root| read_machine(root).assert_reported_under(root));
}

/// The nodes of a captured machine's devices, by the names that a node list may contain.
fn devices(root: &Path) -> BTreeMap<String, i64> {
    let mut devices = BTreeMap::new();
    for (folder, prefix) in [("class/net", "netdev"), ("class/block", "block"), ("bus/pci/devices", "pci")] {
        for entry in fs::read_dir(root.join("sys").join(folder)).into_iter().flatten() {
            let entry = entry.unwrap();
            let place = fs::canonicalize(entry.path()).unwrap();
            let nodes = place.ancestors().filter_map(|folder| text(&folder.join("numa_node"))?.trim().parse().ok());
            let node = nodes.into_iter().find(|&node: &i64| node >= 0).unwrap_or(-1);
            devices.insert(format!("{prefix}:{}", entry.file_name().into_string().unwrap()), node);
        }
    }
    devices
}

#[test]
fn devices_of_captured_machines_are_on_the_nodes_that_their_files_say() {
    let found = RefCell::new(0);
    for_each_captured(|root| {
        let library = Library::with_root(root);
        for (device, node) in devices(root).into_iter().filter(|(_, node)| *node >= 0) {
            assert_eq!(
                library.ask(&format!("node of {device}")),
                format!("node: {node}\n"),
                "{}: {device}",
                root.display()
            );
            *found.borrow_mut() += 1;
        }
        library.end();
    });
    assert!(archives().is_empty() || found.into_inner() > 10);
}

/// What distinguishes the nodes of a captured machine, as the program should print it.
fn differences(root: &Path, machine: &Machine) -> String {
    let directory = |node: usize| root.join(format!("sys/devices/system/node/node{node}"));
    let number = |path: PathBuf| text(&path)?.trim().parse::<u64>().ok();
    let shown = |value: Option<u64>| value.map_or("unknown".to_owned(), |value| value.to_string());
    let mut report = String::from(" tiers unknown\n");
    for (&node, known) in &machine.nodes {
        write!(report, "node {node}:").unwrap();
        for (attribute, file) in
            ["read_bandwidth", "write_bandwidth", "read_latency", "write_latency", ""].iter().enumerate()
        {
            for initiator in -1i64..2 {
                let classes = ["access1", "access0"].map(|class| directory(node).join(class).join("initiators"));
                let lists = |class: &PathBuf| initiator == -1 || class.join(format!("node{initiator}")).exists();
                let values = classes.iter().filter(|class| lists(class)).filter_map(|class| number(class.join(file)));
                let caches = || {
                    let entries = fs::read_dir(directory(node).join("memory_side_cache")).into_iter().flatten();
                    entries.filter_map(|entry| number(entry.unwrap().path().join("size"))).max()
                };
                let is_absent = initiator >= 0 && !machine.nodes.contains_key(&(initiator as usize));
                let value = match *file {
                    _ if is_absent => "No such device".to_owned(),
                    "" => shown(caches()),
                    _ => shown(values.into_iter().find(|&value| value != 0)),
                };
                write!(report, " {}/{initiator} {value}", attribute + 2).unwrap();
            }
        }
        let has_memory = machine.with_memory.as_ref().is_none_or(|nodes| nodes.contains(&node));
        let kind = u32::from(!known.cpus.is_empty()) | u32::from(has_memory) << 1;
        writeln!(report, " tier unknown weight unknown kind {kind}").unwrap();
    }
    report
}

/// None of the captured machines has tiers, weights or dax devices.
#[test]
fn attributes_and_kinds_of_nodes_of_captured_machines_are_those_of_their_files() {
    for_each_captured(|root| {
        let library = Library::with_root(root);
        assert_same(&library.ask("differences"), &differences(root, &read_machine(root)), root);
        library.end();
    });
}

/// Some results that a person has read from the files: the parser above could be as wrong as the library.
#[test]
fn captured_machines_are_described_as_a_person_reads_them() {
    let known: &[(&str, &[(&str, &str)])] = &[
        (
            "nvidiagpunumanodes",
            &[
                ("distances from 0", "from 0: 10 40 80 80 80 80 80 80\n"),
                ("distances from 8", "from 8: 40 10 80 80 80 80 80 80\n"),
                ("distances from 253", "from 253: 80 80 80 80 80 10 80 80\n"),
                ("machine", "nodes: 0 8 250 251 252 253 254 255\n"),
                ("machine", "node 252: 16106127360 bytes, "),
                ("machine", "CPU 103: node 8\n"),
                ("differences", " tier unknown weight unknown kind 3\nnode 250:"),
                ("differences", " tier unknown weight unknown kind 2\nnode 251:"),
                ("node of memory-only", "node: 250 251 252 253 254 255\n"),
                ("node of cpus", "node: 0 8\n"),
                ("node of !cpus", "node: 250 251 252 253 254 255\n"),
                ("usable node of 0,memory-only", "node: 0 250 251 252 253 254 255\n"),
                ("node of slowest", "warning 26: Cannot find memory tier `%s'\nnode:\n"),
                ("best for -1 by 0", "best: 8\n"),
                ("best for 0 by 4", "best: No data available\n"),
                ("set weight of 0", "Read-only file system\n"),
                ("set weight of 1", "No such device\n"),
            ],
        ),
        // Firmware that states caches in front of the memory, but no bandwidths and latencies: the files have 0.
        (
            "memorysidecaches",
            &[
                ("differences", "node 0: 2/-1 unknown 2/0 unknown 2/1 unknown 3/-1 unknown"),
                (
                    "differences",
                    " 6/-1 103079215104 6/0 103079215104 6/1 103079215104 tier unknown weight unknown kind 3\n",
                ),
                ("best for -1 by 6", "best: 0 1 2 3\n"),
                ("best for 2 by 6", "best: 2\n"),
                ("best for -1 by 2", "best: No data available\n"),
                ("best for 4 by 2", "best: No such device\n"),
            ],
        ),
        ("fakeheterocpunuma", &[("differences", " kind 3\n"), ("best for -1 by 4", "best: No data available\n")]),
        (
            "48amd64-4d2n6c-sparse",
            &[
                ("distances from 73", "from 73: 22 16 16 22 22 16 16 10\n"),
                ("machine", "node 45: 17179869184 bytes, "),
                ("machine", "CPU 42: node 73\n"),
            ],
        ),
        // No lists of nodes and CPUs.
        (
            "256ppc-8n8s4t",
            &[
                ("distances from 12", "from 12: 40 40 40 40 40 40 10 20\n"),
                ("machine", "nodes: 0 1 4 5 8 9 12 13\n"),
                ("machine", "possible nodes: 1024, highest 1023\n"),
            ],
        ),
        // No distances, and the memory of a node without how much is free.
        (
            "64fake-4n2s2ca2c2t",
            &[
                ("distances from 1", "from 1: 0 0 0 0\n"),
                ("machine", "node 0: 1073741824 bytes, 0 free, numa_node_to_cpus() = 0\n"),
            ],
        ),
        // No nodes.
        (
            "2arm-2c",
            &[
                ("machine", "nodes: 0\n"),
                ("machine", "node 0: -1 bytes, 0 free, numa_node_to_cpus() = 0\n  CPUs: 0 1\n"),
            ],
        ),
        (
            "offline-cpu0-node0",
            &[("machine", "possible nodes: 2, highest 1\n"), ("machine", "  CPUs: 5 7 9 11 13 15 17 19\n")],
        ),
    ];
    let seen = RefCell::new(0);
    for_each_captured(|root| {
        let library = Library::with_root(root);
        for (question, part) in known.iter().filter(|(name, _)| root.ends_with(name)).flat_map(|(_, replies)| *replies)
        {
            let reply = library.ask(question);
            assert!(reply.contains(part), "{}: {question}: no {part:?} in\n{reply}", root.display());
            *seen.borrow_mut() += 1;
        }
        library.end();
    });
    assert!(archives().is_empty() || seen.into_inner() >= known.len());
}

// --- generated machines ---

impl Machine {
    /// A machine of these nodes, each with CPUs and memory in KiB, and the same distances everywhere.
    fn of(nodes: &[(usize, &[usize], u64)]) -> Self {
        let mut machine = Machine::default();
        for (place, &(id, cpus, memory)) in nodes.iter().enumerate() {
            let mut distances = vec![20; nodes.len()];
            distances[place] = 10;
            machine.nodes.insert(
                id,
                Node { cpus: cpus.iter().copied().collect(), memory: Some((memory, memory / 3)), distances },
            );
        }
        machine.know_what_is_possible();
        machine
    }

    /// Adds whatever a current kernel would show.
    fn know_what_is_possible(&mut self) {
        let with_memory = self.nodes.iter().filter(|(_, node)| node.memory.is_some_and(|(size, _)| size > 0));
        self.with_memory = Some(with_memory.map(|(&id, _)| id).collect());
        self.possible_nodes = Some(self.ids());
        self.possible_cpus = Some((0..=self.cpus().last().copied().unwrap_or(0)).collect());
    }

    /// Writes the files that this machine's kernel would show into a new directory.
    fn write(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        self.write_below(folder.path());
        folder
    }

    fn write_below(&self, root: &Path) {
        let (nodes, cpus) = (root.join("sys/devices/system/node"), root.join("sys/devices/system/cpu"));
        fs::create_dir_all(&nodes).unwrap();
        fs::create_dir_all(&cpus).unwrap();
        let write_list = |path: PathBuf, set: &BTreeSet<usize>| fs::write(path, as_list(set) + "\n").unwrap();
        write_list(nodes.join("online"), &self.ids());
        write_list(cpus.join("online"), &self.cpus());
        for (path, set) in [
            (nodes.join("has_memory"), &self.with_memory),
            (nodes.join("possible"), &self.possible_nodes),
            (cpus.join("possible"), &self.possible_cpus),
        ] {
            set.iter().for_each(|set| write_list(path.clone(), set));
        }
        for (id, node) in &self.nodes {
            let folder = nodes.join(format!("node{id}"));
            fs::create_dir(&folder).unwrap();
            write_list(folder.join("cpulist"), &node.cpus);
            fs::write(folder.join("cpumap"), as_map(&node.cpus, self.sizes().1) + "\n").unwrap();
            if let Some((size, free)) = node.memory {
                let meminfo = format!("Node {id} MemTotal: {size:>14} kB\nNode {id} MemFree: {free:>15} kB\n");
                fs::write(folder.join("meminfo"), meminfo).unwrap();
            }
            if !node.distances.is_empty() {
                let distances: Vec<_> = node.distances.iter().map(u64::to_string).collect();
                fs::write(folder.join("distance"), distances.join(" ") + "\n").unwrap();
            }
        }
    }
}

fn node_folder(root: &Path, node: usize) -> PathBuf {
    root.join(format!("sys/devices/system/node/node{node}"))
}

/// Formats a list as the kernel does: `0-3,8`.
fn as_list(set: &BTreeSet<usize>) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &member in set {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == member => *last = member,
            _ => ranges.push((member, member)),
        }
    }
    let ranges =
        ranges.iter().map(|&(first, last)| if first == last { format!("{first}") } else { format!("{first}-{last}") });
    ranges.collect::<Vec<_>>().join(",")
}

/// Formats a map as the kernel does: `00000000,0000000f`.
fn as_map(set: &BTreeSet<usize>, bits: usize) -> String {
    let group =
        |group: usize| (0..32).filter(|bit| set.contains(&(group * 32 + bit))).fold(0u32, |bits, bit| bits | 1 << bit);
    (0..bits.div_ceil(32)).rev().map(|at| format!("{:08x}", group(at))).collect::<Vec<_>>().join(",")
}

/// The parser above and the library must both return the machine that the files were written from.
fn assert_reported(machine: &Machine) {
    let root = machine.write();
    assert_eq!(&read_machine(root.path()), machine);
    machine.assert_reported_under(root.path());
}

#[test]
fn gaps_between_nodes_and_nodes_of_only_memory_or_only_cpus_are_described() {
    let mut machine = Machine::of(&[
        (0, &[0, 1, 2, 3, 88], 4096),
        (8, &[4, 5, 70], 0),
        (252, &[], 1024),
        (253, &[], 2048),
        (254, &[], u64::from(u32::MAX) * 8),
        (255, &[127], 12),
    ]);
    for (place, node) in machine.nodes.values_mut().enumerate() {
        node.distances =
            (0..6).map(|to| if to == place { 10 } else { 11 + 40 * place as u64 + 7 * to as u64 }).collect();
    }
    assert_reported(&machine);
}

#[test]
fn a_thousand_nodes_with_eight_thousand_cpus_are_described() {
    let mut machine = Machine::default();
    let distance = |from: usize, to: usize| if from == to { 10 } else { 11 + (from * 31 + to * 17) as u64 % 244 };
    for id in 0..1024 {
        // Nearest nodes do not have consecutive numbers.
        let cpus = (0..8).map(|cpu| cpu * 1024 + id).collect();
        let distances = (0..1024).map(|to| distance(id, to)).collect();
        machine.nodes.insert(id, Node { cpus, memory: Some((1024 + id as u64, id as u64)), distances });
    }
    machine.know_what_is_possible();
    let root = machine.write();
    assert_eq!(read_machine(root.path()), machine);
    let library = Library::with_root(root.path());
    assert_same(&library.ask("machine"), &machine.report(), root.path());
    // The library caches the distances of the first 256 nodes.
    for node in [0, 255, 256, 1023] {
        assert_same(&library.ask(&format!("distances from {node}")), &machine.distances(node), root.path());
    }
    library.end();
}

#[test]
fn a_possible_node_that_does_not_exist_has_no_distance_column() {
    let mut machine = Machine::of(&[(0, &[0], 100), (2, &[1, 2], 100), (3, &[], 100)]);
    machine.possible_nodes = Some((0..=4).collect());
    machine.possible_cpus = Some((0..=11).collect());
    machine.nodes.get_mut(&2).unwrap().distances = vec![21, 10, 32];
    assert_reported(&machine);
}

#[test]
fn a_machine_of_only_cpus_or_only_memory_is_described() {
    assert_reported(&Machine::of(&[(0, &[], 5000)]));
    assert_reported(&Machine::of(&[(3, &[1, 3], 0), (4, &[0, 2], 7)]));
}

#[test]
fn what_old_kernels_do_not_report_is_determined_in_other_ways() {
    let mut machine = Machine::of(&[(0, &[0, 2, 33], 100), (7, &[1, 3], 200), (40, &[], 300)]);
    (machine.with_memory, machine.possible_nodes, machine.possible_cpus) = (None, None, None);
    machine.nodes.values_mut().for_each(|node| node.distances.clear());
    let root = machine.write();
    fs::remove_file(root.path().join("sys/devices/system/node/online")).unwrap();
    for &id in machine.nodes.keys() {
        fs::remove_file(node_folder(root.path(), id).join("cpulist")).unwrap();
    }
    assert_eq!(read_machine(root.path()), machine);
    machine.assert_reported_under(root.path());
}

#[test]
fn a_cpu_on_several_nodes_is_in_the_set_of_each_and_belongs_to_the_first() {
    // As with numa=fake=4 on a machine of two nodes.
    assert_reported(&Machine::of(&[(0, &[0, 1], 100), (1, &[0, 1], 100), (2, &[2, 3], 100), (3, &[2, 3], 100)]));
    assert_reported(&Machine::of(&[(1, &[5, 70], 100), (8, &[0, 5], 0), (9, &[], 7)]));
}

#[test]
fn cpus_that_only_have_directories_are_on_node_0_of_a_machine_without_nodes() {
    let folder = tempfile::tempdir().unwrap();
    for cpu in [0, 1, 5] {
        fs::create_dir_all(folder.path().join(format!("sys/devices/system/cpu/cpu{cpu}"))).unwrap();
    }
    let library = Library::with_root(folder.path());
    let output = library.ask("machine");
    assert!(output.contains("usable CPUs: 0 1 5\n"), "{output}");
    assert!(
        output.contains("numa_node_to_cpus() = 0\n  CPUs: 0 1 5\nCPU 0: node 0\nCPU 1: node 0\nCPU 5: node 0\n"),
        "{output}"
    );
    library.end();
}

/// Fails unless the library's description of a machine is consistent.
#[track_caller]
fn assert_consistent(library: &Library, context: &str) {
    let output = library.ask("machine");
    let numbers =
        |text: &str| -> BTreeSet<usize> { text.split_whitespace().map(|word| word.parse().unwrap()).collect() };
    let line = |name: &str| output.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let (nodes, usable) = (numbers(line("nodes:")), numbers(line("usable nodes:")));
    assert!(!usable.is_empty() && usable.is_subset(&nodes), "{context}: {output}");
    assert_eq!(line("highest node: ").parse::<usize>().unwrap(), *nodes.last().unwrap(), "{context}: {output}");
    let with_memory: usize = line("nodes with memory: ").parse().unwrap();
    assert!((1..=nodes.len()).contains(&with_memory), "{context}: {output}");
    let mut cpus = BTreeMap::new();
    let mut node = 0;
    for line in output.lines() {
        if let Some(rest) = line.strip_prefix("node ") {
            node = rest.split(':').next().unwrap().parse().unwrap();
        } else if let Some(rest) = line.strip_prefix("  CPUs:") {
            cpus.insert(node, numbers(rest));
        } else if let Some((cpu, node)) = line.strip_prefix("CPU ").and_then(|rest| rest.split_once(": node ")) {
            let (cpu, node): (usize, usize) = (cpu.parse().unwrap(), node.parse().unwrap());
            assert!(cpus.get(&node).is_some_and(|cpus| cpus.contains(&cpu)), "{context}: CPU {cpu}: {output}");
        }
    }
    assert!(cpus.keys().all(|node| nodes.contains(node)), "{context}: {output}");
    for node in 0..6 {
        let named = if nodes.contains(&node) { format!("node: {node}\n") } else { String::new() };
        let reply = library.ask(&format!("node of {node}"));
        assert!(if named.is_empty() { reply.starts_with("warning") } else { reply == named }, "{context}: {reply}");
        let reply = library.ask(&format!("usable node of {node}"));
        assert!(reply.starts_with("warning") && !usable.contains(&node) || reply == named, "{context}: {reply}");
    }
}

#[test]
fn whichever_sources_are_missing_results_are_consistent() {
    const SOURCES: [&str; 12] = [
        "sys/devices/system/node/online",
        "sys/devices/system/node/has_memory",
        "sys/devices/system/node/possible",
        "sys/devices/system/node/node2/cpumap",
        "sys/devices/system/node/node1",
        "sys/devices/system/node",
        "sys/devices/system/cpu/online",
        "sys/devices/system/cpu/possible",
        "sys/devices/system/cpu",
        "sys",
        "proc/self/status",
        "proc",
    ];
    /// Replacements for a source.
    #[derive(Clone, Copy, Debug)]
    enum Instead {
        Nothing,
        AnEmptyFile,
        AFolder,
    }
    let machine = Machine::of(&[(0, &[0, 4], 100), (1, &[1], 200), (2, &[2], 0), (3, &[3], 300)]);
    let check = |changes: &[(&str, Instead)]| {
        let root = machine.write();
        fs::create_dir_all(root.path().join("proc/self")).unwrap();
        let map = as_map(&BTreeSet::from([0, 1, 3]), 1024);
        let status = format!("Mems_allowed:\t{map}\nMems_allowed_list:\t0-1,3\n");
        fs::write(root.path().join("proc/self/status"), status).unwrap();
        for &(source, instead) in changes {
            let path = root.path().join(source);
            // The other source may have been inside of this one.
            let _ = fs::remove_dir_all(&path);
            let _ = fs::remove_file(&path);
            let _ = match instead {
                Instead::Nothing => Ok(()),
                Instead::AnEmptyFile => fs::write(&path, ""),
                Instead::AFolder => fs::create_dir(&path),
            };
        }
        let library = Library::with_root(root.path());
        assert_consistent(&library, &format!("{changes:?}"));
        library.end();
    };
    check(&[]);
    let every_kind = [Instead::Nothing, Instead::AnEmptyFile, Instead::AFolder];
    for (place, &first) in SOURCES.iter().enumerate() {
        for kind in every_kind {
            check(&[(first, kind)]);
            // Each pair once, with all kinds of replacement for the first one.
            for &second in SOURCES.iter().skip(place + 1) {
                check(&[(second, Instead::Nothing), (first, kind)]);
            }
        }
    }
}

#[test]
fn nodes_that_a_task_may_allocate_on_exist_if_no_list_of_nodes_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("sys/devices/system")).unwrap();
    fs::create_dir_all(folder.path().join("proc/self")).unwrap();
    let status = "Mems_allowed:\t00000000,0000000f\nMems_allowed_list:\t0-3\n";
    fs::write(folder.path().join("proc/self/status"), status).unwrap();
    let library = Library::with_root(folder.path());
    let output = library.ask("machine");
    assert!(
        output.contains("nodes with memory: 4\nhighest node: 3\nnodes: 0 1 2 3\nusable nodes: 0 1 2 3\n"),
        "{output}"
    );
    library.end();
}

#[test]
fn a_node_that_disappears_is_reported_as_gone() {
    let mut machine = Machine::of(&[(0, &[0], 100), (1, &[1, 3], 200), (2, &[2], 300)]);
    let root = machine.write();
    let library = Library::with_root(root.path());
    assert_same(&library.ask("machine"), &machine.report(), root.path());
    // The list of nodes still contains it, but its own files are gone. A reading that fails changes nothing.
    fs::rename(node_folder(root.path(), 1), root.path().join("gone")).unwrap();
    let mut gone = machine.clone();
    gone.nodes.get_mut(&1).unwrap().memory = None;
    (gone.possible_nodes, gone.with_memory) = (machine.possible_nodes.clone(), machine.with_memory.clone());
    assert_same(&library.ask("machine"), &gone.report(), root.path());
    library.ask("update");
    assert_same(&library.ask("machine"), &gone.report(), root.path());
    assert_eq!(library.ask("distances from 1"), "from 1: 0 0 0\n");
    // The files of the others still have a column for it.
    assert_eq!(library.ask("distances from 0"), "from 0: 10 20 20\n");
    // It is gone from the list too. All distances that could be read were read with the first one.
    fs::write(root.path().join("sys/devices/system/node/online"), "0,2\n").unwrap();
    library.ask("update");
    let output = library.ask("machine");
    assert!(output.contains("nodes: 0 2\nusable nodes: 0 2\n") && !output.contains("node 1"), "{output}");
    assert!(!output.contains("CPU 1:") && !output.contains("CPU 3:") && output.contains("CPU 2: node 2\n"), "{output}");
    assert_eq!(library.ask("distances from 2"), "from 2: 20 20 10\n");
    assert_eq!(library.ask("distances from 0"), "from 0: 10 20 20\n");
    // It returns.
    fs::rename(root.path().join("gone"), node_folder(root.path(), 1)).unwrap();
    fs::write(root.path().join("sys/devices/system/node/online"), "0-2\n").unwrap();
    library.ask("update");
    machine.know_what_is_possible();
    // What the program may allocate on is as at its start, without what has gone.
    let expected = machine.report().replace("usable nodes: 0 1 2\n", "usable nodes: 0 2\n");
    assert_same(&library.ask("machine"), &expected, root.path());
    assert_eq!(library.ask("distances from 1"), "from 1: 20 10 20\n");
    assert_eq!(library.ask("distances from 2"), "from 2: 20 20 10\n");
    library.end();
}

#[test]
fn distances_with_too_many_or_too_few_columns_are_not_known() {
    let mut machine = Machine::of(&[(0, &[0], 1), (1, &[1], 1)]);
    let root = machine.write();
    fs::write(node_folder(root.path(), 0).join("distance"), "10\n").unwrap();
    fs::write(node_folder(root.path(), 1).join("distance"), "20 10 20\n").unwrap();
    machine.nodes.values_mut().for_each(|node| node.distances.clear());
    machine.assert_reported_under(root.path());
}

// --- the variable itself ---

#[test]
fn what_a_task_may_use_comes_from_the_root_if_it_has_that_file() {
    let machine = Machine::of(&[(0, &[0], 100), (1, &[1], 200), (2, &[2], 300)]);
    let root = machine.write();
    fs::create_dir_all(root.path().join("proc/self")).unwrap();
    let map = as_map(&BTreeSet::from([0, 2]), 1024);
    fs::write(
        root.path().join("proc/self/status"),
        format!("Name:\tx\nMems_allowed:\t{map}\nMems_allowed_list:\t0,2\n"),
    )
    .unwrap();
    let expected = machine.report().replace("possible nodes: 3, highest 2", "possible nodes: 1024, highest 1023");
    let expected = expected.replace("usable nodes: 0 1 2\n", "usable nodes: 0 2\n");
    let library = Library::with_root(root.path());
    assert_same(&library.ask("machine"), &expected, root.path());
    library.end();
}

/// What the library returns if no file can be read.
const NOTHING_KNOWN: &str = "possible nodes: 1024, highest 1023
possible CPUs: 16384, room in a set: 16384
configured CPUs: 0
nodes with memory: 1
highest node: 0
nodes: 0
usable nodes: 0
usable CPUs:
node 0: -1 bytes, 0 free, numa_node_to_cpus() = -1
  CPUs:
";

#[test]
fn without_files_about_nodes_and_cpus_in_the_root_nothing_is_known() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("sys/devices/system")).unwrap();
    let library = Library::with_root(folder.path());
    assert_same(&library.ask("machine"), NOTHING_KNOWN, folder.path());
    assert_eq!(library.ask("distances from 0"), "from 0: 0\n");
    library.end();
}

/// The part of a description of the machine that does not change by itself.
fn lasting(machine: &str) -> String {
    machine.lines().filter(|line| !line.contains(" free")).fold(String::new(), |text, line| text + line + "\n")
}

#[test]
fn a_root_that_is_not_a_directory_or_has_no_machine_is_ignored() {
    let real = Library::without_root();
    let machine = lasting(&real.ask("machine"));
    real.end();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let endless = PathBuf::from(format!("/{}", "x/".repeat(3000)));
    for root in [folder.path(), &folder.path().join("none"), &file, &endless] {
        let library = Library::with_root(root);
        assert_eq!(lasting(&library.ask("machine")), machine, "{}", root.display());
        library.end();
    }
}

#[test]
fn the_name_of_a_root_may_be_as_long_as_a_path_can_be() {
    let machine = Machine::of(&[(0, &[0], 100), (5, &[1], 200)]);
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join(vec!["x".repeat(200); 18].join("/"));
    machine.write_below(&deep);
    // The longest name of a directory for which the paths of its files can still be created.
    let root = PathBuf::from(format!("{}{}", deep.display(), "/.".repeat((4095 - deep.as_os_str().len()) / 2)));
    assert!(root.as_os_str().len() >= 4094);
    machine.assert_reported_under(&root);
}

#[test]
fn policy_and_affinity_are_the_real_kernels_under_another_root() {
    let machine = Machine::of(&[(0, &[0], 100), (700, &[4000], 200)]);
    let root = machine.write();
    let (library, real) = (Library::with_root(root.path()), Library::without_root());
    assert_eq!(library.ask("allowed by the kernel"), real.ask("allowed by the kernel"));
    assert!(library.ask("machine").contains("CPU 4000: node 700\n"));
    assert_eq!(library.ask("CPUs 4000"), "CPUs: 4000\n");
    library.end();
    real.end();
}

#[test]
fn an_empty_value_and_one_that_is_set_later_change_nothing() {
    let root = Machine::of(&[(0, &[0], 100), (700, &[4000], 200)]).write();
    let real = Library::without_root();
    let machine = lasting(&real.ask("machine"));
    real.ask(&format!("setenv {}", root.path().display()));
    real.ask("update");
    assert_eq!(lasting(&real.ask("machine")), machine);
    real.end();
    let empty = Library::with_root(Path::new(""));
    assert_eq!(lasting(&empty.ask("machine")), machine);
    empty.end();
}

#[test]
fn a_root_is_kept_when_the_program_changes_its_environment() {
    let machine = Machine::of(&[(0, &[0], 100), (700, &[4000], 200)]);
    let root = machine.write();
    let library = Library::with_root(root.path());
    library.ask("setenv /nowhere");
    library.ask("update");
    assert_same(&library.ask("machine"), &machine.report(), root.path());
    library.end();
}

#[test]
fn a_privileged_program_ignores_the_variable() {
    let root = Machine::of(&[(0, &[0], 100), (700, &[4000], 200)]).write();
    fs::set_permissions(root.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let privileged = folder.path().join("privileged");
    fs::copy(PROGRAM.path(), &privileged).unwrap();
    // A program that runs as another user than its caller; only root can create one without a second user.
    let own = folder.path().metadata().unwrap().uid();
    let another = if own == 65534 { 65533 } else { 65534 };
    if chown(&privileged, Some(another), None).is_err() {
        println!("This needs root.");
        return;
    }
    let machine = |mode| {
        fs::set_permissions(&privileged, PermissionsExt::from_mode(mode)).unwrap();
        let library = Library::start(Command::new(&privileged).env("NUMARS_FSROOT", root.path()));
        let machine = library.ask("machine");
        library.end();
        machine
    };
    assert!(machine(0o755).contains("nodes: 0 700\n"));
    assert!(!machine(0o4755).contains("nodes: 0 700\n"));
}

/// Builds a program that prints the machine below the directory that is its argument, as read by the Rust library, and the distances
/// between its nodes.
fn rust_program(folder: &Path) -> PathBuf {
    let manifest = format!(
        "[package]\nname = \"reader\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
         numars = {{ path = {:?} }}\n",
        root().join("crates/numars")
    );
    let program = r#"
        use numars::{Cpu, Distance, Topology};

        fn print_set(what: &str, set: impl Iterator<Item = usize>) {
            let members: String = set.map(|member| format!(" {member}")).collect();
            println!("{what}:{members}");
        }

        fn main() -> Result<(), numars::Errno> {
            let machine = Topology::read_from(std::env::args().nth(1).unwrap())?;
            let (possible, cpus) = (machine.possible_nodes(), machine.possible_cpus());
            println!("possible nodes: {possible}, highest {}", possible - 1);
            println!("possible CPUs: {cpus}, room in a set: {cpus}");
            println!("configured CPUs: {}", machine.configured_cpus());
            println!("nodes with memory: {}", machine.nodes_with_memory().len());
            let nodes = machine.nodes();
            println!("highest node: {}", nodes.last().unwrap());
            print_set("nodes", nodes.iter().map(usize::from));
            print_set("usable nodes", machine.allowed_nodes().iter().map(usize::from));
            print_set("usable CPUs", machine.allowed_cpus()?.iter().map(usize::from));
            assert!(machine.has_all_cpus());
            for node in nodes {
                let memory = machine.memory(node);
                let (size, free) = memory.map_or((-1, 0), |memory| (memory.total() as i64, memory.free()));
                println!("node {node}: {size} bytes, {free} free, numa_node_to_cpus() = 0");
                print_set("  CPUs", machine.cpus_of(node)?.iter().map(usize::from));
            }
            for cpu in (0..cpus).filter_map(Cpu::new) {
                if let Some(node) = machine.node_of_cpu(cpu) {
                    println!("CPU {cpu}: node {node}");
                }
            }
            for from in nodes {
                let distances = nodes.iter().map(|to| machine.distance(from, to).map_or(0, Distance::value));
                print_set(&format!("from {from}"), distances.map(usize::from));
            }
            Ok(())
        }
    "#;
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    fs::create_dir(folder.join("src")).unwrap();
    fs::write(folder.join("src/main.rs"), program).unwrap();
    // In the folder of the sources, whose settings say where crates are.
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["build", "--quiet", "--offline", "--manifest-path"]);
    support::run(cargo.arg(folder.join("Cargo.toml")).arg("--target-dir").arg(folder.join("target")));
    folder.join("target/debug/reader")
}

#[test]
fn the_rust_library_reads_machines_below_a_directory_as_their_files_say() {
    let folder = tempfile::tempdir().unwrap();
    let program = rust_program(folder.path());
    let assert_read = |machine: &Machine, root: &Path| {
        let distances: String = machine.nodes.keys().map(|&node| machine.distances(node)).collect();
        assert_same(&support::run(Command::new(&program).arg(root)), &(machine.report() + &distances), root);
    };
    for_each_captured(|root| assert_read(&read_machine(root), root));
    let mut machine = Machine::default();
    let cpus = [2, 5, 200].map(|first| BTreeSet::from([first, first + 1]));
    for ((id, memory), cpus) in [(1, Some((2048, 1024))), (7, None), (1023, Some((64, 0)))].into_iter().zip(cpus) {
        machine.nodes.insert(id, Node { cpus, memory, distances: vec![10, 20, 254] });
    }
    machine.know_what_is_possible();
    let root = machine.write();
    assert_read(&machine, root.path());
}

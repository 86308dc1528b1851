//! What a real machine has, and which of its nodes and CPUs are used to measure page moves on it.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The nodes of a request: where its pages are, and three targets. Also the CPUs, of the program and of three other threads.
const PLACES: usize = 4;
/// The pages of most requests, and those of the largest one.
pub const PAGES: u64 = 16384;
const MOST_PAGES: u64 = 262_144;
/// So many times fewer pages are moved by `--quick`.
const QUICKER: u64 = 256;
/// The memory of the process that is moved as a whole.
const PROCESS: u64 = 256 * MIB;
const QUICK_PROCESS: u64 = 16 * MIB;
pub const MIB: u64 = 1 << 20;
/// CPUs from this number on do not fit into cpu_set_t.
const CPU_LIMIT: usize = 1024;

/// A node whose memory this process may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub number: usize,
    /// Those that are online, and that this process may use.
    pub cpus: Vec<usize>,
    /// In bytes.
    pub total: u64,
    pub free: u64,
    /// To all nodes that are online.
    pub distances: Vec<String>,
}

/// A machine as this process may use it.
#[derive(Debug, Default)]
pub struct Survey {
    pub nodes: Vec<Node>,
    /// The CPUs that are online and that this process may use, also those of nodes whose memory it may not use.
    pub cpus: Vec<usize>,
    /// The nodes that are online.
    pub online: Vec<usize>,
    pub page_size: u64,
    pub is_root: bool,
}

/// Where to measure.
#[derive(Debug, PartialEq)]
pub struct Plan {
    pub nodes: Vec<usize>,
    pub cpus: Vec<usize>,
    /// Larger requests do not fit into the free memory.
    pub max_pages: u64,
}

/// Reads a list of numbers as the kernel writes it: `0-3,8`.
pub fn numbers(list: &str) -> Result<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in list.trim().split(',').filter(|part| !part.is_empty()) {
        let number =
            |text: &str| text.trim().parse::<usize>().with_context(|| format!("'{list}' is no list of numbers"));
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        ensure!(first <= last && last < 1 << 20, "'{list}' is no list of numbers");
        numbers.extend(first..=last);
    }
    Ok(numbers)
}

/// Writes numbers with commas.
pub fn list(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

/// Writes ascending numbers with commas, and consecutive ones as a range.
pub fn ranges(numbers: &[usize]) -> String {
    let mut text = String::new();
    for run in numbers.chunk_by(|number, next| number + 1 == *next) {
        let comma = if text.is_empty() { "" } else { "," };
        let _ = match run {
            [only] => write!(text, "{comma}{only}"),
            [first, .., last] => write!(text, "{comma}{first}-{last}"),
            [] => Ok(()),
        };
    }
    text
}

/// The value of a field in the form `NAME:<blanks>VALUE`.
pub fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.split_once(':').filter(|(field, _)| field.trim() == name))
        .map(|(_, value)| value.trim())
}

/// A line of a node's meminfo in bytes, as `Node 0 MemFree:  1024 kB`.
fn bytes(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo.lines().find(|line| line.split_whitespace().nth(2) == Some(name))?;
    line.split_whitespace().nth(3)?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// The page size, which the kernel passes to each program.
fn page_size(auxv: &[u8]) -> Option<u64> {
    const AT_PAGESZ: usize = 6;
    let words: Vec<usize> = auxv
        .chunks_exact(size_of::<usize>())
        .filter_map(|word| Some(usize::from_ne_bytes(word.try_into().ok()?)))
        .collect();
    words.chunks_exact(2).find(|entry| entry[0] == AT_PAGESZ).map(|entry| entry[1] as u64)
}

impl Survey {
    /// Reads the files of /proc and /sys below `root`.
    pub fn read(root: &Path) -> Result<Survey> {
        let file = |name: &str| fs::read_to_string(root.join(name));
        let status = file("proc/self/status").context("/proc/self/status")?;
        let allowed = |name| numbers(field(&status, name).unwrap_or_default());
        // A sandbox may hide the file: then all of them count as online.
        let online_cpus = file("sys/devices/system/cpu/online").ok().map(|list| numbers(&list)).transpose()?;
        let is_online =
            |cpu: &usize| *cpu < CPU_LIMIT && online_cpus.as_ref().is_none_or(|online| online.contains(cpu));
        let usable_cpus: Vec<usize> = allowed("Cpus_allowed_list")?.into_iter().filter(is_online).collect();
        let folder = "sys/devices/system/node";
        // A kernel without NUMA has no such files.
        let online = numbers(&file(&format!("{folder}/online")).unwrap_or_else(|_| "0".into()))?;
        let mut nodes = Vec::new();
        for number in allowed("Mems_allowed_list")?.into_iter().filter(|number| online.contains(number)) {
            let of_node = |name: &str| file(&format!("{folder}/node{number}/{name}")).unwrap_or_default();
            let meminfo = of_node("meminfo");
            let cpus = numbers(&of_node("cpulist"))?;
            let node = Node {
                number,
                cpus: cpus.into_iter().filter(|cpu| usable_cpus.contains(cpu)).collect(),
                total: bytes(&meminfo, "MemTotal:").unwrap_or(0),
                free: bytes(&meminfo, "MemFree:").unwrap_or(0),
                distances: of_node("distance").split_whitespace().map(String::from).collect(),
            };
            if node.total > 0 {
                nodes.push(node);
            }
        }
        let auxv = fs::read(root.join("proc/self/auxv")).unwrap_or_default();
        let is_root = field(&status, "Uid").is_some_and(|ids| ids.split_whitespace().nth(1) == Some("0"));
        Ok(Survey { nodes, cpus: usable_cpus, online, page_size: page_size(&auxv).unwrap_or(4096), is_root })
    }

    fn node(&self, number: usize) -> Option<&Node> {
        self.nodes.iter().find(|node| node.number == number)
    }

    /// Whether a node has what all requests but the largest ones need, in bytes.
    pub fn needed(&self, quick: bool) -> u64 {
        with_arrays(if quick {
            QUICK_PROCESS.max(PAGES / QUICKER * self.page_size)
        } else {
            PROCESS.max(PAGES * self.page_size)
        })
    }

    /// What the largest request needs of each node, in bytes.
    pub fn largest(&self) -> u64 {
        with_arrays(MOST_PAGES * self.page_size)
    }

    /// Chooses nodes, in this order: where the pages are, and up to three targets. Uses `asked` if it is given.
    pub fn plan(&self, asked: Option<&[usize]>, quick: bool) -> Result<Plan> {
        ensure!(self.nodes.len() > 1, "{}", self.too_few());
        let needed = self.needed(quick);
        let nodes: Vec<&Node> = match asked {
            Some(asked) => self.asked(asked)?,
            None => {
                // Nodes without CPUs come last: they are usually slower memory.
                let (with_cpus, without): (Vec<&Node>, Vec<&Node>) =
                    self.nodes.iter().partition(|node| !node.cpus.is_empty());
                let mut nodes = [with_cpus, without].concat();
                // Without enough, the message names the first that lacks memory.
                if nodes.iter().filter(|node| node.available() >= needed).count() > 1 {
                    nodes.retain(|node| node.available() >= needed);
                }
                nodes.truncate(PLACES);
                nodes
            }
        };
        if let Some(node) = nodes.iter().find(|node| node.available() < needed) {
            bail!(
                "node {} has {} MiB of free memory, and {} MiB are needed on each node: free some, or choose others with --nodes \
                 (root can drop the file cache: echo 1 >/proc/sys/vm/drop_caches)",
                node.number,
                node.free / MIB,
                (needed + node.reserve()).div_ceil(MIB)
            );
        }
        let available = nodes.iter().map(|node| node.available()).min().unwrap_or(0);
        let cpus = self.cpus(&nodes);
        Ok(Plan {
            nodes: nodes.iter().map(|node| node.number).collect(),
            cpus,
            max_pages: without_arrays(available) / self.page_size,
        })
    }

    /// Why pages cannot move.
    fn too_few(&self) -> String {
        match (self.online.len(), self.nodes.first()) {
            (0 | 1, _) => "this machine has one node: there is no other one that pages could move to".into(),
            (online, Some(only)) => {
                format!("of {online} nodes, this process may use the memory of node {} only", only.number)
            }
            (online, None) => format!("this process may use the memory of none of {online} nodes"),
        }
    }

    /// The nodes that were chosen by the user.
    fn asked(&self, asked: &[usize]) -> Result<Vec<&Node>> {
        let distinct: BTreeSet<&usize> = asked.iter().collect();
        ensure!(
            (2..=PLACES).contains(&asked.len()) && distinct.len() == asked.len(),
            "--nodes needs two to {PLACES} different nodes"
        );
        let usable = || ranges(&self.nodes.iter().map(|node| node.number).collect::<Vec<_>>());
        let node = |number: &usize| {
            self.node(*number).with_context(|| {
                format!("node {number} has no memory that this process may use; nodes {} have", usable())
            })
        };
        asked.iter().map(node).collect()
    }

    /// CPUs for the program and for other threads: one of each of these nodes in turn, and then any others.
    fn cpus(&self, nodes: &[&Node]) -> Vec<usize> {
        let rounds = nodes.iter().map(|node| node.cpus.len()).max().unwrap_or(0);
        let near = (0..rounds).flat_map(|round| nodes.iter().filter_map(move |node| node.cpus.get(round)));
        let others = self.cpus.iter().filter(|cpu| nodes.iter().all(|node| !node.cpus.contains(cpu)));
        near.chain(others).copied().take(PLACES).collect()
    }
}

impl Node {
    /// What stays free, because the kernel begins to reclaim memory before none is free.
    fn reserve(&self) -> u64 {
        16 * MIB + self.total / 64
    }

    fn available(&self) -> u64 {
        self.free.saturating_sub(self.reserve())
    }
}

/// Adds the arrays of a request to its pages: 24 bytes for each, and room for numars.
fn with_arrays(bytes: u64) -> u64 {
    bytes + bytes / 32
}

fn without_arrays(bytes: u64) -> u64 {
    bytes / 33 * 32
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A node of 16 GiB.
    fn node(number: usize, cpus: &[usize], free: u64) -> Node {
        Node { number, cpus: cpus.to_vec(), total: 16384 * MIB, free: free * MIB, distances: Vec::new() }
    }

    fn survey(nodes: &[Node]) -> Survey {
        let online = nodes.iter().map(|node| node.number).collect();
        let cpus = nodes.iter().flat_map(|node| node.cpus.clone()).collect();
        Survey { nodes: nodes.to_vec(), cpus, online, page_size: 4096, is_root: false }
    }

    /// Two sockets, and a node with memory only.
    fn tiers() -> Survey {
        survey(&[node(0, &[], 8192), node(1, &[0, 1, 4], 8192), node(2, &[2, 3], 8192)])
    }

    fn refusal(survey: &Survey, asked: Option<&[usize]>) -> String {
        survey.plan(asked, false).unwrap_err().to_string()
    }

    #[test]
    fn a_machine_of_one_node_is_refused() {
        assert!(refusal(&survey(&[node(0, &[0], 9000)]), None).contains("one node"));
    }

    #[test]
    fn a_process_that_may_use_one_node_of_several_is_refused() {
        let mut survey = survey(&[node(2, &[0], 9000)]);
        survey.online = vec![0, 1, 2];
        assert_eq!(refusal(&survey, None), "of 3 nodes, this process may use the memory of node 2 only");
        survey.nodes.clear();
        assert_eq!(refusal(&survey, None), "this process may use the memory of none of 3 nodes");
    }

    #[test]
    fn nodes_without_cpus_come_last() {
        assert_eq!(tiers().plan(None, false).unwrap().nodes, [1, 2, 0]);
    }

    #[test]
    fn of_many_nodes_the_first_four_are_used() {
        let nodes: Vec<Node> = (0..9).map(|number| node(number, &[number], 9000)).collect();
        let plan = survey(&nodes).plan(None, false).unwrap();
        assert_eq!((plan.nodes, plan.cpus), (vec![0, 1, 2, 3], vec![0, 1, 2, 3]));
    }

    #[test]
    fn cpus_are_taken_from_each_node_in_turn() {
        assert_eq!(tiers().plan(None, false).unwrap().cpus, [0, 2, 1, 3]);
    }

    #[test]
    fn cpus_of_other_nodes_are_used_if_the_chosen_ones_have_too_few() {
        assert_eq!(tiers().plan(Some(&[2, 0]), false).unwrap().cpus, [2, 3, 0, 1]);
        let other_node = Survey { cpus: vec![6, 9], ..survey(&[node(0, &[6], 9000), node(1, &[], 9000)]) };
        assert_eq!(other_node.plan(None, false).unwrap().cpus, [6, 9]);
        let one_cpu = survey(&[node(0, &[5], 9000), node(1, &[], 9000)]);
        assert_eq!(one_cpu.plan(None, false).unwrap().cpus, [5]);
    }

    #[test]
    fn chosen_nodes_keep_their_order() {
        assert_eq!(tiers().plan(Some(&[2, 0]), false).unwrap().nodes, [2, 0]);
    }

    #[test]
    fn nodes_that_cannot_be_chosen_are_refused() {
        assert!(
            refusal(&tiers(), Some(&[1, 7])).contains("node 7 has no memory that this process may use; nodes 0-2 have")
        );
        for wrong in [&[1][..], &[1, 1], &[0, 1, 2, 3, 4]] {
            assert_eq!(refusal(&tiers(), Some(wrong)), "--nodes needs two to 4 different nodes");
        }
    }

    #[test]
    fn a_node_without_free_memory_is_not_used_unless_it_is_chosen() {
        let survey = survey(&[node(0, &[0], 9000), node(1, &[1], 300), node(2, &[2], 9000)]);
        assert_eq!(survey.plan(None, false).unwrap().nodes, [0, 2]);
        assert!(
            refusal(&survey, Some(&[0, 1])).starts_with("node 1 has 300 MiB of free memory, and 536 MiB are needed")
        );
    }

    #[test]
    fn a_machine_without_free_memory_is_refused() {
        let survey = survey(&[node(0, &[0], 9000), node(1, &[1], 300)]);
        assert!(refusal(&survey, None).starts_with("node 1 has 300 MiB"));
        assert!(survey.plan(None, true).is_ok());
    }

    #[test]
    fn requests_are_as_large_as_the_least_free_memory_allows() {
        let pages = |free| survey(&[node(0, &[0], 9000), node(1, &[1], free)]).plan(None, false).unwrap().max_pages;
        assert!(pages(1400) > MOST_PAGES, "{}", pages(1400));
        assert!((PAGES..MOST_PAGES).contains(&pages(1200)), "{}", pages(1200));
    }

    #[test]
    fn larger_pages_need_more_memory() {
        let mut survey = survey(&[node(0, &[0], 1000), node(1, &[1], 1000)]);
        assert!(survey.plan(None, false).is_ok());
        survey.page_size = 65536;
        assert!(refusal(&survey, None).contains("and 1328 MiB are needed on each node"), "{}", refusal(&survey, None));
    }

    #[test]
    fn a_list_of_numbers_has_ranges() {
        assert_eq!(numbers("0-2,5,8-9\n").unwrap(), [0, 1, 2, 5, 8, 9]);
        assert!(numbers("\n").unwrap().is_empty());
        for wrong in ["a", "3-1", "1-", "0-99999999"] {
            assert!(numbers(wrong).is_err(), "{wrong}");
        }
        assert_eq!(ranges(&[0, 1, 2, 5, 8, 9]), "0-2,5,8-9");
        assert_eq!((list(&[2, 0]), ranges(&[])), ("2,0".into(), String::new()));
    }

    #[test]
    fn a_page_size_is_found_among_the_pairs_of_the_auxiliary_vector() {
        let words = |words: &[usize]| words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<u8>>();
        assert_eq!(page_size(&words(&[16, 6, 6, 65536, 0, 0])), Some(65536));
        assert_eq!(page_size(&words(&[0, 0])), None);
    }

    /// Writes files below a directory of this name.
    pub fn machine(name: &str, files: &[(&str, &str)]) -> std::path::PathBuf {
        let root = std::env::temp_dir().join(format!("numars-bench-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        for (file, text) in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn cpus_and_nodes_that_this_process_may_not_use_are_ignored() {
        let root = machine(
            "survey",
            &[
                ("proc/self/status", "Uid:\t7\t0\t0\t0\nCpus_allowed_list:\t1-5\nMems_allowed_list:\t0-1,3-4,9\n"),
                ("sys/devices/system/node/online", "0-4\n"),
                ("sys/devices/system/cpu/online", "0-2,5-7\n"),
                ("sys/devices/system/node/node0/cpulist", "0-1\n"),
                ("sys/devices/system/node/node0/meminfo", "Node 0 MemTotal:  2048 kB\nNode 0 MemFree:  1024 kB\n"),
                ("sys/devices/system/node/node0/distance", "10 20 21 22 23\n"),
                ("sys/devices/system/node/node1/meminfo", "Node 1 MemTotal:  0 kB\n"),
                ("sys/devices/system/node/node2/meminfo", "Node 2 MemTotal:  2048 kB\n"),
                ("sys/devices/system/node/node4/cpulist", "\n"),
                ("sys/devices/system/node/node4/meminfo", "Node 4 MemTotal:  2048 kB\nNode 4 MemFree:  2048 kB\n"),
            ],
        );
        let survey = Survey::read(&root).unwrap();
        fs::remove_dir_all(root).unwrap();
        let distances = ["10", "20", "21", "22", "23"].map(String::from).to_vec();
        let first = Node { number: 0, cpus: vec![1], total: 2 * MIB, free: MIB, distances };
        let last = Node { number: 4, cpus: vec![], total: 2 * MIB, free: 2 * MIB, distances: vec![] };
        assert_eq!((survey.nodes, survey.online), (vec![first, last], vec![0, 1, 2, 3, 4]));
        assert_eq!(survey.cpus, [1, 2, 5]);
        assert!(survey.is_root);
    }

    #[test]
    fn a_kernel_without_numa_has_no_nodes_to_move_between() {
        let root = machine("no-numa", &[("proc/self/status", "Cpus_allowed_list:\t0\nMems_allowed_list:\t0\n")]);
        let survey = Survey::read(&root).unwrap();
        fs::remove_dir_all(root).unwrap();
        assert!(refusal(&survey, None).contains("one node"));
    }
}

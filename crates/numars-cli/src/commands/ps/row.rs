//! What is known about a process: a row of `numars ps` and of `numars top`.

use crate::failure::reason;
use crate::process::numa_maps::{self, ProcessMemory};
use crate::process::{self, MemoryParts, Pid, ProcessStatus};
use numars::{Errno, Topology};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::io;

/// A process and where its memory is.
#[derive(Serialize, JsonSchema, Debug, Clone)]
pub struct ProcessRow {
    /// Its PID.
    pub pid: Pid,
    /// Its name.
    pub name: String,
    /// Its arguments, separated by blanks.
    pub command: String,
    /// The name of the user it runs as, or the number if there is no name.
    pub user: String,
    /// The user ID it runs as.
    pub uid: u32,
    /// When it started, in clock ticks since the boot.
    pub start_time: u64,
    /// The number of its threads.
    pub threads: usize,
    /// The nodes on whose CPUs its threads run, or ran last.
    pub thread_nodes: Vec<NodeThreads>,
    /// The nodes that its cpuset allows, as a list. null: unknown.
    pub allowed_nodes: Option<String>,
    /// Its memory on all nodes.
    pub memory: MemoryBytes,
    /// The nodes that have memory of it, in ascending order. null: unknown, see `unreadable`.
    pub nodes: Option<Vec<NodeBytes>>,
    /// How much of its memory is on nodes that its threads run on, or, of a node without memory, on the nearest one with: from 0 to 1. null:
    /// unknown.
    pub local_fraction: Option<f64>,
    /// The policies of its mappings with memory, those with the most memory first.
    pub policies: Vec<PolicyBytes>,
    /// Why it is unknown where its memory is. null: it is known.
    pub unreadable: Option<String>,
}

/// Threads on a node.
#[derive(Serialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeThreads {
    /// The node.
    pub node: usize,
    /// The number of threads.
    pub threads: usize,
}

/// Memory on a node.
#[derive(Serialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeBytes {
    /// The node.
    pub node: usize,
    /// The memory on it.
    #[serde(flatten)]
    pub memory: MemoryBytes,
}

/// Memory by what it belongs to.
#[derive(Serialize, JsonSchema, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryBytes {
    /// The sum, in bytes.
    pub total_bytes: u64,
    /// Private memory (heap, stack, changed pages of private mappings of files), in bytes.
    pub anonymous_bytes: u64,
    /// Pages of files, in bytes. Those that several processes have mapped count in each.
    pub file_bytes: u64,
    /// Shared memory (/dev/shm, System V, memfd_create(2), shared anonymous mappings), in bytes. If `nodes` is unknown, all of tmpfs.
    pub shared_bytes: u64,
    /// Pages of hugetlbfs, in bytes. Transparent huge pages count as what they are used for.
    pub huge_bytes: u64,
}

impl From<MemoryParts> for MemoryBytes {
    fn from(parts: MemoryParts) -> Self {
        MemoryBytes {
            total_bytes: parts.total(),
            anonymous_bytes: parts.anonymous,
            file_bytes: parts.file,
            shared_bytes: parts.shared,
            huge_bytes: parts.huge,
        }
    }
}

impl MemoryBytes {
    /// Adds other memory.
    pub fn add(&mut self, other: &MemoryBytes) {
        self.total_bytes = self.total_bytes.saturating_add(other.total_bytes);
        self.anonymous_bytes = self.anonymous_bytes.saturating_add(other.anonymous_bytes);
        self.file_bytes = self.file_bytes.saturating_add(other.file_bytes);
        self.shared_bytes = self.shared_bytes.saturating_add(other.shared_bytes);
        self.huge_bytes = self.huge_bytes.saturating_add(other.huge_bytes);
    }
}

/// The memory in mappings with a policy.
#[derive(Serialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
pub struct PolicyBytes {
    /// The policy as the kernel writes it, such as `bind:0-1`. Mappings without one have that of the main thread.
    pub policy: String,
    /// The memory, in bytes.
    pub bytes: u64,
}

/// Reads rows: keeps the names of users.
pub struct RowReader<'a> {
    topology: &'a Topology,
    users: HashMap<u32, String>,
}

impl<'a> RowReader<'a> {
    /// Returns a reader for the nodes of a machine.
    pub fn new(topology: &'a Topology) -> Self {
        RowReader { topology, users: HashMap::new() }
    }

    /// Returns the row of a process, or `None` if the process has ended or ends while its files are read.
    pub fn read(&mut self, status: ProcessStatus) -> Option<ProcessRow> {
        let memory = numa_maps::read(status.pid);
        self.row(status, memory)
    }

    /// Returns a row of what was read.
    pub fn row(&mut self, status: ProcessStatus, memory: io::Result<ProcessMemory>) -> Option<ProcessRow> {
        let threads = match process::thread_nodes(status.pid, self.topology) {
            Err(error) if process::has_ended(&error) => return None,
            threads => threads.unwrap_or_default(),
        };
        let user = self.users.entry(status.uid()).or_insert_with(|| process::user_name(status.uid())).clone();
        build(status, user, &threads, memory, self.topology)
    }
}

fn build(
    status: ProcessStatus,
    user: String,
    threads: &BTreeMap<usize, usize>,
    memory: io::Result<ProcessMemory>,
    topology: &Topology,
) -> Option<ProcessRow> {
    let (memory, unreadable) = match memory {
        Ok(memory) => (Some(memory), None),
        Err(error) if process::has_ended(&error) => return None,
        Err(error) => (None, Some(explain(&error))),
    };
    let local = process::local_nodes(threads.keys().copied(), topology);
    let nodes: Option<Vec<NodeBytes>> = memory
        .as_ref()
        .map(|memory| memory.nodes.iter().map(|(&node, &parts)| NodeBytes { node, memory: parts.into() }).collect());
    let parts = memory.as_ref().map_or(status.resident, ProcessMemory::parts);
    let is_local = |node: usize| numars::Node::new(node).is_some_and(|node| local.contains(node));
    let local_fraction = nodes.as_ref().filter(|_| !local.is_empty() && parts.total() > 0).map(|nodes| {
        let bytes: u64 = nodes
            .iter()
            .filter(|bytes| is_local(bytes.node))
            .fold(0, |sum: u64, bytes| sum.saturating_add(bytes.memory.total_bytes));
        bytes as f64 / parts.total() as f64
    });
    let policies = memory.as_ref().map(ProcessMemory::policies_by_size).unwrap_or_default();
    let uid = status.uid();
    Some(ProcessRow {
        pid: status.pid,
        name: status.name,
        uid,
        command: status.command,
        user,
        start_time: status.start_time,
        threads: status.threads,
        thread_nodes: threads.iter().map(|(&node, &threads)| NodeThreads { node, threads }).collect(),
        allowed_nodes: Some(status.allowed_nodes).filter(|nodes| !nodes.is_empty()),
        memory: parts.into(),
        nodes,
        local_fraction,
        policies: policies
            .into_iter()
            .map(|(policy, bytes)| PolicyBytes { policy: policy.to_owned(), bytes })
            .collect(),
        unreadable,
    })
}

/// Says why a file could not be read.
fn explain(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |errno| reason(Errno::from_raw(errno)))
}

impl ProcessRow {
    /// Returns its memory on a node. None: unknown.
    pub fn on_node(&self, node: usize) -> Option<u64> {
        self.nodes.as_ref().map(|nodes| on_node(nodes, node))
    }

    /// Returns the nodes its threads run on as a list, such as `0-1`.
    pub fn thread_node_list(&self) -> String {
        let nodes: numars::NodeSet =
            self.thread_nodes.iter().filter_map(|threads| numars::Node::new(threads.node)).collect();
        nodes.to_string()
    }

    /// Returns the policy of most of its memory, and how many others there are.
    pub fn main_policy(&self) -> String {
        match self.policies.as_slice() {
            [] => String::new(),
            [only] => only.policy.clone(),
            [first, others @ ..] => format!("{} +{}", first.policy, others.len()),
        }
    }
}

/// The memory of several processes.
#[derive(Serialize, JsonSchema, Debug, Clone, Default, PartialEq, Eq)]
pub struct Total {
    /// The number of processes.
    pub processes: usize,
    /// The number of those of which it is unknown where their memory is: `nodes` lacks it.
    pub unreadable_processes: usize,
    /// Their memory. That of shared mappings and of files counts for each process that has it.
    pub memory: MemoryBytes,
    /// Their memory on each node that has any, in ascending order.
    pub nodes: Vec<NodeBytes>,
}

impl Total {
    /// Returns the total of processes.
    pub fn of<'r>(rows: impl IntoIterator<Item = &'r ProcessRow>) -> Total {
        let mut total = Total::default();
        let mut nodes: BTreeMap<usize, MemoryBytes> = BTreeMap::new();
        for row in rows {
            total.processes += 1;
            total.unreadable_processes += usize::from(row.nodes.is_none());
            total.memory.add(&row.memory);
            for bytes in row.nodes.iter().flatten() {
                nodes.entry(bytes.node).or_default().add(&bytes.memory);
            }
        }
        total.nodes = nodes.into_iter().map(|(node, memory)| NodeBytes { node, memory }).collect();
        total
    }

    /// Returns the memory on a node.
    pub fn on_node(&self, node: usize) -> u64 {
        on_node(&self.nodes, node)
    }
}

/// Returns the memory on a node, of nodes in ascending order.
fn on_node(nodes: &[NodeBytes], node: usize) -> u64 {
    let position = nodes.binary_search_by_key(&node, |bytes| bytes.node).ok();
    position.and_then(|index| nodes.get(index)).map_or(0, |bytes| bytes.memory.total_bytes)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Returns a row with this much memory on nodes; without any: unknown.
    pub fn sample(pid: Pid, name: &str, nodes: Option<&[(usize, u64)]>) -> ProcessRow {
        let nodes: Option<Vec<NodeBytes>> = nodes.map(|nodes| {
            nodes
                .iter()
                .map(|&(node, anonymous)| NodeBytes {
                    node,
                    memory: MemoryParts { anonymous, ..MemoryParts::default() }.into(),
                })
                .collect()
        });
        let anonymous = nodes.iter().flatten().map(|bytes| bytes.memory.total_bytes).sum();
        ProcessRow {
            pid,
            name: name.into(),
            command: format!("/bin/{name}"),
            user: "root".into(),
            uid: 0,
            start_time: 1,
            threads: 1,
            thread_nodes: vec![NodeThreads { node: 0, threads: 1 }],
            allowed_nodes: Some("0-3".into()),
            memory: MemoryParts { anonymous, ..MemoryParts::default() }.into(),
            local_fraction: nodes.as_ref().map(|_| 0.5),
            unreadable: nodes.is_none().then(|| "permission denied [EACCES]".into()),
            nodes,
            policies: vec![PolicyBytes { policy: "default".into(), bytes: anonymous }],
        }
    }

    #[test]
    fn a_total_adds_what_is_known() {
        let rows =
            [sample(1, "a", Some(&[(0, 10), (2, 5)])), sample(2, "b", Some(&[(2, u64::MAX)])), sample(3, "c", None)];
        let total = Total::of(&rows);
        assert_eq!((total.processes, total.unreadable_processes), (3, 1));
        assert_eq!([0, 1, 2].map(|node| total.on_node(node)), [10, 0, u64::MAX]);
        assert_eq!(rows.map(|row| row.on_node(2)), [Some(5), Some(u64::MAX), None]);
    }

    #[test]
    fn a_process_that_ends_while_it_is_read_has_no_row_and_one_that_is_refused_has() {
        let status = || ProcessStatus::read(std::process::id() as Pid).unwrap();
        let topology = Topology::read().unwrap();
        let mut reader = RowReader::new(&topology);
        assert!(reader.row(status(), Err(io::Error::from_raw_os_error(3))).is_none());
        let refused = reader.row(status(), Err(io::Error::from_raw_os_error(13))).unwrap();
        assert_eq!(refused.unreadable.as_deref(), Some("permission denied [EACCES]"));
        assert!(refused.nodes.is_none() && refused.local_fraction.is_none());
        assert!(refused.memory.total_bytes > 0 && refused.policies.is_empty());
    }
}

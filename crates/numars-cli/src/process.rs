//! Processes: which there are, what they are called, where their threads run, and where their memory is ([`numa_maps`]).
//!
//! A command that takes `PID|NAME` arguments calls [`find`] or [`find_one`]. A process may end at any time: reading about it then
//! fails with an error for which [`has_ended`] is true.

pub mod numa_maps;

use crate::failure::{Context, Failure, Result};
use crate::text::field;
use numars::{Cpu, Node, NodeSet, Topology};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// A PID in the PID namespace of this process.
pub type Pid = i32;

/// The kernel's PF_KTHREAD.
const KERNEL_THREAD: u64 = 0x0020_0000;
/// The kernel's TASK_COMM_LEN, without the zero at the end: longer names are cut.
const LONGEST_COMM: usize = 15;

/// What /proc/PID/status, stat and cmdline say, which everyone may read, unless /proc is mounted with hidepid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessStatus {
    /// The PID of the process, also if the status was read by the TID of another of its threads.
    pub pid: Pid,
    /// Its name: that of the kernel, or that of argv\[0\] if the kernel has cut it. May have any characters: see
    /// [`printable`](crate::text::printable).
    pub name: String,
    /// Its arguments, separated by blanks. Empty for kernel threads.
    pub command: String,
    /// Its user IDs: real, effective, saved, and that for files.
    pub users: Vec<u32>,
    /// The number of its threads.
    pub threads: usize,
    /// Whether it is a kernel thread, which has no memory of its own.
    pub is_kernel_thread: bool,
    /// Whether it has ended, and its parent has not waited for it.
    pub is_zombie: bool,
    /// Whether it has memory: not kernel threads, and not processes that end or have ended.
    pub has_memory: bool,
    /// When it started, in clock ticks since the boot: with the PID, identifies the process.
    pub start_time: u64,
    /// Its memory.
    pub resident: MemoryParts,
    /// The nodes that its cpuset allows. Empty: unknown.
    pub allowed_nodes: String,
}

/// Bytes of memory by what they belong to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryParts {
    /// Private memory: heap, stack, changed pages of private mappings of files.
    pub anonymous: u64,
    /// Pages of files.
    pub file: u64,
    /// Shared memory: /dev/shm, System V, memfd_create(2), shared anonymous mappings. In a [`ProcessStatus`], all of tmpfs.
    pub shared: u64,
    /// Pages of hugetlbfs. Transparent huge pages are in the other parts.
    pub huge: u64,
}

impl MemoryParts {
    /// Returns the sum.
    pub fn total(&self) -> u64 {
        self.anonymous.saturating_add(self.file).saturating_add(self.shared).saturating_add(self.huge)
    }

    /// Adds other memory.
    pub fn add(&mut self, other: &MemoryParts) {
        self.anonymous = self.anonymous.saturating_add(other.anonymous);
        self.file = self.file.saturating_add(other.file);
        self.shared = self.shared.saturating_add(other.shared);
        self.huge = self.huge.saturating_add(other.huge);
    }
}

/// Returns whether an error says that there is no such process (any more).
pub fn has_ended(error: &io::Error) -> bool {
    const ESRCH: i32 = 3;
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH)
}

/// Fails if the directory is no /proc of this process: nothing can be said about processes then.
fn require_proc(folder: &Path) -> Result<()> {
    match folder.join("self/status").symlink_metadata() {
        Ok(_) => Ok(()),
        Err(_) => Err(Failure::new(format!("there are no processes in {}", folder.display()))
            .hint("it may not be mounted; as root: mount -t proc proc /proc")),
    }
}

/// Fails if /proc is not mounted.
pub fn require_mounted_proc() -> Result<()> {
    require_proc(Path::new("/proc"))
}

/// Returns the PIDs of all processes, in ascending order, including kernel threads and zombies.
///
/// Fails if /proc cannot be read.
pub fn all() -> Result<Vec<Pid>> {
    let entries = std::fs::read_dir("/proc").context("cannot read /proc")?;
    let mut pids: Vec<Pid> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str().and_then(parse_pid)).collect();
    pids.sort_unstable();
    Ok(pids)
}

/// Returns the processes that `PID|NAME` names, in ascending order: that with this PID, or those with this name, as [`ProcessStatus::name`] and
/// argv\[0\] have it. The TID of a thread stands for its process. The calling process is left out unless its PID is given.
///
/// Fails if there is none, if it has ended, or if it is a kernel thread: the result has at least one process with memory, unless that ends
/// meanwhile.
pub fn find(text: &str) -> Result<Vec<Pid>> {
    require_mounted_proc()?;
    match parse_pid(text) {
        Some(pid) => Ok(vec![find_pid(pid)?]),
        None => find_name(text),
    }
}

/// Returns the one process that `PID|NAME` names.
///
/// Fails as [`find`], and if several processes have the name.
pub fn find_one(text: &str) -> Result<Pid> {
    let pids = find(text)?;
    match pids.as_slice() {
        [pid] => Ok(*pid),
        _ => Err(Failure::usage(format!("{} processes are named {text}", pids.len()))
            .hint(format!("give one of their PIDs: {}", first(pids.iter().map(|pid| pid.to_string()))))),
    }
}

fn parse_pid(text: &str) -> Option<Pid> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&pid| pid > 0 && is_number)
}

fn find_pid(pid: Pid) -> Result<Pid> {
    let status = match ProcessStatus::read(pid) {
        Ok(status) => status,
        Err(error) if has_ended(&error) => {
            return Err(Failure::new(format!("no process has the PID {pid}"))
                .hint("numars ps --all lists them; mounted with hidepid, /proc hides those of other users"));
        }
        Err(error) => return Err(error).context(format!("cannot read about process {pid}")),
    };
    let name = || format!("{pid} ({})", status.name);
    if status.is_kernel_thread {
        return Err(kernel_thread(&name()));
    }
    if status.is_zombie {
        return Err(Failure::new(format!("{} has ended and has no memory", name()))
            .hint("it is a zombie until its parent waits for it"));
    }
    Ok(status.pid)
}

fn find_name(name: &str) -> Result<Vec<Pid>> {
    let own = std::process::id();
    let (mut pids, mut similar, mut kernel_threads) = (Vec::new(), Vec::new(), 0_usize);
    for pid in all()?.into_iter().filter(|&pid| u32::try_from(pid) != Ok(own)) {
        let Ok(status) = ProcessStatus::read(pid) else { continue };
        if !status.is_named(name) {
            if !status.is_kernel_thread && !name.is_empty() && status.name.contains(name) {
                similar.push(status.name);
            }
        } else if status.is_kernel_thread {
            kernel_threads += 1;
        } else if !status.is_zombie {
            pids.push(pid);
        }
    }
    similar.sort();
    similar.dedup();
    match (pids.is_empty(), kernel_threads) {
        (false, _) => Ok(pids),
        (true, 1..) => Err(kernel_thread(name)),
        (true, 0) if similar.is_empty() => Err(Failure::new(format!("no process is named \"{name}\""))
            .hint("numars ps --all lists them; mounted with hidepid, /proc hides those of other users")),
        (true, 0) => Err(Failure::new(format!("no process is named \"{name}\""))
            .hint(format!("similar names: {}", first(similar.into_iter())))),
    }
}

fn kernel_thread(name: &str) -> Failure {
    Failure::new(format!("{name} is a kernel thread, which has no memory of its own"))
        .hint("name a process of a program; numars ps --all lists them")
}

/// Returns the first of several texts.
fn first(mut texts: impl Iterator<Item = String>) -> String {
    let shown: Vec<String> = texts.by_ref().take(8).collect();
    let more = if texts.next().is_some() { ", ..." } else { "" };
    shown.join(", ") + more
}

impl ProcessStatus {
    /// Reads about a process. See [`has_ended`] for errors.
    pub fn read(pid: Pid) -> io::Result<ProcessStatus> {
        let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}"));
        let (status, stat) = (read("status")?, read("stat")?);
        // Unreadable for some security modules; what it says is not needed.
        let arguments = read("cmdline").unwrap_or_default();
        ProcessStatus::parse(&status, &stat, &arguments)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/status is not understood")))
    }

    /// Parses the three files. Returns `None` if they are not what the kernel writes.
    pub fn parse(status: &[u8], stat: &[u8], arguments: &[u8]) -> Option<ProcessStatus> {
        let status = String::from_utf8_lossy(status);
        let field = |name: &str| field(&status, name).unwrap_or("");
        let number = |name: &str| field(name).split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
        let bytes = |name: &str| number(name).unwrap_or(0).saturating_mul(1024);
        // PID (NAME) STATE …, where the name may have parentheses and blanks.
        let open = stat.iter().position(|&byte| byte == b'(')?;
        let close = stat.iter().rposition(|&byte| byte == b')').filter(|&close| close > open)?;
        let comm = String::from_utf8_lossy(stat.get(open + 1..close)?).into_owned();
        let rest = String::from_utf8_lossy(stat.get(close + 1..)?).into_owned();
        let rest: Vec<&str> = rest.split_whitespace().collect();
        // proc_pid_stat(5) numbers the fields from 1; the first here is the third.
        let stat_number = |index: usize| rest.get(index - 3).and_then(|number| number.parse::<u64>().ok());
        let command = String::from_utf8_lossy(arguments).trim_end_matches('\0').replace('\0', " ");
        Some(ProcessStatus {
            pid: number("Tgid").and_then(|pid| Pid::try_from(pid).ok())?,
            name: full_name(&comm, &program_name(arguments)),
            command,
            users: users(&status),
            threads: number("Threads").and_then(|threads| usize::try_from(threads).ok()).unwrap_or(1),
            is_kernel_thread: stat_number(9)? & KERNEL_THREAD != 0,
            is_zombie: matches!(rest.first(), Some(&("Z" | "X"))),
            has_memory: status.lines().any(|line| line.starts_with("VmSize:")),
            start_time: stat_number(22)?,
            resident: MemoryParts {
                anonymous: bytes("RssAnon"),
                file: bytes("RssFile"),
                shared: bytes("RssShmem"),
                huge: bytes("HugetlbPages"),
            },
            allowed_nodes: field("Mems_allowed_list").to_owned(),
        })
    }

    /// Returns the effective user ID.
    pub fn uid(&self) -> u32 {
        self.users.get(1).copied().unwrap_or(u32::MAX)
    }

    /// Returns whether a process has this name.
    pub fn is_named(&self, name: &str) -> bool {
        let argv0 = self.command.split(' ').next().unwrap_or("");
        let cut: String = name.chars().take(LONGEST_COMM).collect();
        self.name == name
            || (!self.is_kernel_thread && !name.is_empty() && argv0.rsplit('/').next() == Some(name))
            || (name.len() > LONGEST_COMM && self.name == cut)
    }
}

/// Returns the last component of argv\[0\].
fn program_name(arguments: &[u8]) -> String {
    let argv0 = arguments.split(|&byte| byte == 0).next().unwrap_or_default();
    let name = argv0.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

/// Returns the name of a program whose kernel's name may have been cut.
fn full_name(comm: &str, program: &str) -> String {
    if comm.len() >= LONGEST_COMM && program.starts_with(comm) { program.to_owned() } else { comm.to_owned() }
}

/// Returns the number of threads of a process on each node: on the CPUs where they run, or ran last. See [`has_ended`] for errors.
pub fn thread_nodes(pid: Pid, topology: &Topology) -> io::Result<BTreeMap<usize, usize>> {
    let mut nodes = BTreeMap::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        // A thread that has ended is on no node.
        let Ok(stat) = std::fs::read(entry.path().join("stat")) else { continue };
        let cpu = last_cpu(&stat).and_then(Cpu::new);
        if let Some(node) = cpu.and_then(|cpu| topology.node_of_cpu(cpu)) {
            let threads: &mut usize = nodes.entry(node.number()).or_default();
            *threads = threads.saturating_add(1);
        }
    }
    Ok(nodes)
}

/// Returns the CPU that a thread ran on last, from its stat.
fn last_cpu(stat: &[u8]) -> Option<usize> {
    let close = stat.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(stat.get(close + 1..)?).ok()?;
    // Field 39 of proc_pid_stat(5), of which the first here is the third.
    rest.split_ascii_whitespace().nth(39 - 3)?.parse().ok()
}

/// Returns the nodes whose memory is local to threads on the nodes `on`: the same, or the nearest with memory to one that has none.
pub fn local_nodes(on: impl Iterator<Item = usize>, topology: &Topology) -> NodeSet {
    let with_memory = topology.nodes_with_memory();
    let nearest = |node: Node| {
        if with_memory.contains(node) {
            return Some(node);
        }
        topology.nodes_by_distance(node).find(|&other| with_memory.contains(other))
    };
    on.filter_map(|node| Node::new(node).and_then(nearest)).collect()
}

/// CAP_SYS_PTRACE of capabilities(7), as linux/capability.h numbers it.
pub const CAP_SYS_PTRACE: u32 = 19;
/// CAP_SYS_NICE.
pub const CAP_SYS_NICE: u32 = 23;

/// Returns whether a process has a capability, by its /proc/PID/status. `None`: the file does not say.
pub fn has_capability(status: &str, capability: u32) -> Option<bool> {
    let effective = u64::from_str_radix(field(status, "CapEff")?, 16).ok()?;
    Some(effective >> capability & 1 == 1)
}

/// Returns the user IDs in /proc/PID/status: real, effective, saved, and that for files.
pub fn users(status: &str) -> Vec<u32> {
    field(status, "Uid").unwrap_or_default().split_whitespace().filter_map(|uid| uid.parse().ok()).collect()
}

/// Returns the name of a user, or the number if it has none.
pub fn user_name(uid: u32) -> String {
    uzers::get_user_by_uid(uid).map_or_else(|| uid.to_string(), |user| user.name().to_string_lossy().into_owned())
}

/// Returns the ID of the user with this name or number.
///
/// Fails if there is none.
pub fn user_id(text: &str) -> Result<u32> {
    match uzers::get_user_by_name(text) {
        Some(user) => Ok(user.uid()),
        None => text.parse().map_err(|_| {
            Failure::usage(format!("no user is named {text:?}"))
                .hint("getent passwd lists users; a number is a user ID")
        }),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    const STATUS: &str = "Name:\tx\nState:\tS (sleeping)\nTgid:\t17\nPid:\t18\nUid:\t1\t1000\t1\t1\nRssAnon:\t     112 kB\n\
                          RssFile:\t    1596 kB\nRssShmem:\t       4 kB\nThreads:\t3\nHugetlbPages:\t    2048 kB\n\
                          Mems_allowed:\t1\nMems_allowed_list:\t0-1,3\n";
    const AFTER_NAME: &str =
        "S 1 1 1 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 1 0 4711 1 1 1 1 1 1 1 1 1 0 0 0 0 0 0 17 6 0 0";

    /// Returns what is read about a process with this text in /proc/PID/status after its name, and with or without PF_KTHREAD.
    pub fn status(text: &str, flags: u64) -> ProcessStatus {
        let stat = format!("17 (a: b) S 1 1 1 0 -1 {flags} {}", "1 ".repeat(40));
        ProcessStatus::parse(format!("Name:\ta: b\nTgid:\t17\n{text}").as_bytes(), stat.as_bytes(), b"").unwrap()
    }

    fn parse(comm: &str, arguments: &str) -> ProcessStatus {
        let stat = format!("18 ({comm}) {AFTER_NAME}");
        ProcessStatus::parse(STATUS.as_bytes(), stat.as_bytes(), arguments.as_bytes()).unwrap()
    }

    #[test]
    fn without_proc_no_process_is_said_to_have_ended() {
        let folder = tempfile::tempdir().unwrap();
        let failure = require_proc(folder.path()).unwrap_err().to_string();
        assert!(failure.contains("there are no processes in /") && failure.contains("mount -t proc"), "{failure}");
        assert!(require_mounted_proc().is_ok());
    }

    #[test]
    fn a_status_has_what_the_files_say() {
        let status = parse("a) (b", "/bin/a\0-x\0");
        assert_eq!((status.pid, status.uid(), status.threads, status.start_time), (17, 1000, 3, 4711));
        assert_eq!((status.name.as_str(), status.command.as_str()), ("a) (b", "/bin/a -x"));
        let parts = MemoryParts { anonymous: 112 << 10, file: 1596 << 10, shared: 4096, huge: 2 << 20 };
        assert_eq!((status.resident, status.allowed_nodes.as_str()), (parts, "0-1,3"));
        assert!(!status.is_kernel_thread && !status.is_zombie);
        assert_eq!(last_cpu(format!("18 (a) 1 2) {AFTER_NAME}").as_bytes()), Some(6));
    }

    #[test]
    fn what_is_not_a_status_is_refused_without_a_panic() {
        for stat in ["", "17", "17 (", "17 )x(", "17 (x)", "17 (x) S 1", "17 (x) S 1 1 1 0 -1 x"] {
            assert_eq!(ProcessStatus::parse(STATUS.as_bytes(), stat.as_bytes(), b""), None, "{stat}");
        }
        let stat = format!("18 (x) {AFTER_NAME}");
        assert_eq!(ProcessStatus::parse(b"\xff\n", stat.as_bytes(), b""), None);
    }

    #[test]
    fn a_name_that_the_kernel_has_cut_is_that_of_the_program() {
        assert_eq!(parse("a-name-of-sixte", "/bin/a-name-of-sixteen\0").name, "a-name-of-sixteen");
        assert_eq!(parse("worker", "/bin/server\0").name, "worker");
        let server = parse("worker", "/bin/server\0-x\0");
        assert!(server.is_named("worker") && server.is_named("server"));
        assert!(!server.is_named("work") && !server.is_named("") && !server.is_named("/bin/server"));
    }

    #[test]
    fn a_pid_is_a_positive_number_in_digits() {
        assert_eq!(["17", "0", "-1", "+1", "", "99999999999", "1x"].map(parse_pid)[..2], [Some(17), None]);
        assert!(["-1", "+1", "", "99999999999", "1x"].iter().all(|text| parse_pid(text).is_none()));
    }

    #[test]
    fn this_process_is_found_by_its_pid_and_its_thread_stands_for_it() {
        let pid = std::process::id() as Pid;
        assert_eq!(find(&pid.to_string()).unwrap(), [pid]);
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let last = tasks.filter_map(|task| task.file_name().into_string().ok()).last().unwrap();
        assert_eq!(find_one(&last).unwrap(), pid);
    }

    #[test]
    fn a_name_that_no_process_has_is_a_failure_with_a_hint() {
        let failure = find("no-such-process").unwrap_err().to_string();
        assert!(failure.starts_with("numars: no process is named \"no-such-process\" (numars ps --all"), "{failure}");
        let failure = find("2147483647").unwrap_err().to_string();
        assert!(failure.starts_with("numars: no process has the PID 2147483647 ("), "{failure}");
    }

    #[test]
    fn users_have_names_or_numbers() {
        assert_eq!(user_id(&user_name(0)).unwrap(), 0);
        assert_eq!(user_id("4711").unwrap(), 4711);
        assert!(user_id("no such user").is_err());
    }
}

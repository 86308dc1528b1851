//! The process that a command is about, and why the kernel refuses to show or move its pages.

use crate::failure::{Failure, Result, reason};
use crate::nodes_argument::named;
use crate::process;
use crate::text::field;
use numars::{Errno, NodeSet, PageStatus, Process};
use std::fmt;

/// Returns the processes that `PID|NAME` names: those with this name, or the one with this PID, whether there is one or not.
pub fn find(argument: &str) -> Result<Vec<Process>> {
    match argument.parse() {
        Ok(pid) => by_pid(pid).map(|process| vec![process]),
        Err(_) => process::find(argument)?.into_iter().map(by_pid).collect(),
    }
}

/// Returns the one process that `PID|NAME` names, as [`find`]. Fails if several have the name.
pub fn find_one(argument: &str) -> Result<Process> {
    match argument.parse() {
        Ok(pid) => by_pid(pid),
        Err(_) => process::find_one(argument).and_then(by_pid),
    }
}

fn by_pid(pid: i32) -> Result<Process> {
    Process::from_pid(pid)
        .map_err(|_| Failure::usage(format!("{pid} is not a PID")).hint("PIDs of processes are positive"))
}

/// What /proc says about a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Its PID.
    pub pid: i32,
    /// The name of its first thread. `None`: there is no such process, or /proc does not show it.
    pub name: Option<String>,
    /// Whether it is ending, or has ended and its parent has not waited for it: it has no memory.
    is_zombie: bool,
    /// Whether it is a kernel thread.
    is_kernel_thread: bool,
    /// Its real, effective and saved user.
    users: Vec<u32>,
    /// The nodes that its cpuset allows.
    allowed: Option<NodeSet>,
}

/// The process as messages name it: `process 17 (bash)`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " ({name})"))
    }
}

impl Target {
    /// Reads what /proc says about a process.
    pub fn read(process: Process) -> Target {
        let status = std::fs::read(format!("/proc/{}/status", process.pid())).unwrap_or_default();
        Target::parse(process.pid(), &String::from_utf8_lossy(&status))
    }

    /// Parses /proc/PID/status, which is empty if there is no such process.
    fn parse(pid: i32, status: &str) -> Target {
        let has_memory = status.is_empty() || field(status, "VmSize").is_some();
        // Since Linux 6.10, the file says whether it is one; before, those are children of kthreadd, or it itself.
        let is_kernel_thread = match field(status, "Kthread") {
            Some(value) => value == "1",
            None => !has_memory && (pid == 2 || field(status, "PPid") == Some("2")),
        };
        Target {
            pid,
            name: field(status, "Name").map(str::to_owned),
            is_zombie: !has_memory && !is_kernel_thread,
            is_kernel_thread,
            users: numbers(field(status, "Uid")),
            allowed: field(status, "Mems_allowed_list").and_then(|list| list.parse().ok()),
        }
    }

    /// Returns the nodes whose memory its cpuset does not allow.
    pub fn forbidden(&self, nodes: NodeSet) -> NodeSet {
        self.allowed.map_or(NodeSet::EMPTY, |allowed| nodes - allowed)
    }

    /// Fails if there is no such process or if it has no memory.
    pub fn check(&self) -> Result<()> {
        match (self.name.is_some(), self.is_zombie, self.is_kernel_thread) {
            (false, ..) | (_, true, _) => Err(self.explain(Errno::ESRCH, &Caller::read(), "look at")),
            (.., true) => Err(self.explain(Errno::EINVAL, &Caller::read(), "look at")),
            _ => Ok(()),
        }
    }

    /// Returns the failure for an errno with which the kernel refuses to `act` on pages of the process: "cannot ACT …: the cause".
    pub fn explain(&self, errno: Errno, caller: &Caller, act: &str) -> Failure {
        match errno {
            Errno::ESRCH | Errno::ENOENT if self.name.is_none() => {
                Failure::new(format!("there is no process {}", self.pid))
                    .hint("it may have ended; ps lists the processes, those of this PID namespace")
            }
            Errno::ESRCH if self.is_zombie => Failure::new(format!("{self} has ended and has no memory"))
                .hint("it is a zombie until its parent waits for it"),
            Errno::ESRCH | Errno::ENOENT => Failure::new(format!("{self} has ended, or executes another program"))
                .hint("if it still runs, the same command moves the pages of its new program"),
            Errno::EINVAL if self.is_kernel_thread => {
                Failure::new(format!("{self} is a kernel thread, which has no pages"))
                    .hint("memory of the kernel does not move; name a process of a program")
            }
            Errno::EPERM | Errno::EACCES => self.explain_permission(errno, caller, act),
            Errno::ENOSYS => Failure::new("this kernel cannot show or move pages: it has no move_pages(2)")
                .hint("it was built without CONFIG_NUMA or CONFIG_MIGRATION, or a sandbox hides the call"),
            _ => Failure::new(format!("cannot {act} pages of {self}: {}", reason(errno))),
        }
    }

    fn explain_permission(&self, errno: Errno, caller: &Caller, act: &str) -> Failure {
        let failure = |cause: String| Failure::new(format!("cannot {act} pages of {self}: {cause}"));
        if caller.is_sandboxed {
            return failure("this sandbox or container forbids move_pages(2)".into())
                .hint("allow it in the seccomp profile; Docker and Podman do with --cap-add SYS_NICE");
        }
        let is_own = !self.users.is_empty() && self.users.iter().take(3).all(|&user| user == caller.user);
        if !is_own && !caller.has_sys_ptrace {
            let owner = self
                .users
                .first()
                .map_or("another user".to_owned(), |&user| format!("user {}", process::user_name(user)));
            return failure(format!("it belongs to {owner}"))
                .hint("run numars as that user or as root, or with the capability CAP_SYS_PTRACE");
        }
        if !caller.has_sys_ptrace {
            return failure("it has more privileges than you, or is not dumpable (prctl(2), PR_SET_DUMPABLE)".into())
                .hint("run numars as root, or with the capability CAP_SYS_PTRACE");
        }
        failure(reason(errno)).hint(
            "it may be in another user namespace, or a security module such as SELinux forbids it; see the audit log",
        )
    }

    /// Returns the failure for target nodes that the cpuset of the process does not allow.
    pub fn explain_cpuset(&self, forbidden: NodeSet) -> Failure {
        let allowed = self.allowed.map_or("others".to_owned(), named);
        let cpuset = std::fs::read_to_string(format!("/proc/{}/cpuset", self.pid)).unwrap_or_default();
        let place = match cpuset.trim() {
            "" => "its cpuset".to_owned(),
            path => format!("the cpuset {path}"),
        };
        Failure::new(format!(
            "cannot move pages of {self} to {}: its cpuset allows only memory of {allowed}",
            named(forbidden)
        ))
        .hint(format!("add the node to cpuset.mems of {place}, or choose other nodes"))
    }
}

/// What decides about the permissions of the calling process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    user: u32,
    /// Whether it has CAP_SYS_NICE.
    pub has_sys_nice: bool,
    has_sys_ptrace: bool,
    /// Whether it may not even look at its own pages.
    is_sandboxed: bool,
}

impl Caller {
    /// Reads the permissions of the calling process.
    pub fn read() -> Caller {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let own = Process::CURRENT.nodes_of_pages(&[0], &mut [PageStatus::UNKNOWN]);
        Caller { is_sandboxed: own == Err(Errno::EPERM), ..Caller::parse(&status) }
    }

    fn parse(status: &str) -> Caller {
        let has = |capability| process::has_capability(status, capability).unwrap_or(false);
        Caller {
            user: numbers(field(status, "Uid")).get(1).copied().unwrap_or(u32::MAX),
            has_sys_nice: has(process::CAP_SYS_NICE),
            has_sys_ptrace: has(process::CAP_SYS_PTRACE),
            is_sandboxed: false,
        }
    }
}

fn numbers(text: Option<&str>) -> Vec<u32> {
    text.unwrap_or_default().split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tpostgres: a\nUmask:\t0022\nState:\tS (sleeping)\nPid:\t17\nUid:\t70\t70\t70\t70\nGid:\t70\t70\t70\t70\n\
        VmSize:\t  100 kB\nCapEff:\t0000000000800000\nMems_allowed:\t3\nMems_allowed_list:\t0-1\n";

    fn explain(status: &str, caller: Caller, errno: Errno) -> String {
        Target::parse(17, status).explain(errno, &caller, "move").to_string()
    }

    #[test]
    fn the_status_of_a_process_is_parsed() {
        let target = Target::parse(17, STATUS);
        assert_eq!(target.to_string(), "process 17 (postgres: a)");
        assert_eq!((target.is_zombie, target.is_kernel_thread, target.users.len()), (false, false, 4));
        assert_eq!(target.forbidden("1-3".parse().unwrap()).to_string(), "2-3");
        assert!(target.check().is_ok());
        let caller = Caller::parse(STATUS);
        assert_eq!((caller.user, caller.has_sys_nice, caller.has_sys_ptrace), (70, true, false));
        for (status, is_kernel_thread, is_zombie) in [
            ("Name:\ta\nState:\tS\nPPid:\t2\n", true, false),
            ("Name:\ta\nState:\tR\nKthread:\t1\nPPid:\t1\n", true, false),
            ("Name:\ta\nState:\tZ\nKthread:\t0\nPPid:\t2\n", false, true),
            // It is ending.
            ("Name:\ta\nState:\tR\nPPid:\t17\n", false, true),
        ] {
            let target = Target::parse(17, status);
            assert_eq!((target.is_kernel_thread, target.is_zombie), (is_kernel_thread, is_zombie), "{status}");
        }
        assert_eq!(Target::parse(18, ""), Target { pid: 18, ..Target::default() });
    }

    #[test]
    fn each_refusal_names_its_cause() {
        let other = Caller { user: 65534, ..Caller::default() };
        assert!(explain("", other.clone(), Errno::ESRCH).contains("there is no process 17 ("));
        assert!(
            explain("Name:\ta\nState:\tZ (zombie)\n", other.clone(), Errno::ESRCH)
                .contains("has ended and has no memory")
        );
        assert!(
            explain("Name:\ta\nState:\tS\nKthread:\t1\n", other.clone(), Errno::EINVAL).contains("is a kernel thread")
        );
        assert!(explain(STATUS, other.clone(), Errno::ESRCH).contains("executes another program"));
        assert!(explain(STATUS, other.clone(), Errno::EPERM).contains("it belongs to user"));
        let own = Caller { user: 70, ..Caller::default() };
        assert!(explain(STATUS, own.clone(), Errno::EPERM).contains("is not dumpable"));
        let tracer = Caller { has_sys_ptrace: true, ..other.clone() };
        assert!(explain(STATUS, tracer, Errno::EPERM).contains("SELinux"));
        let sandboxed = Caller { is_sandboxed: true, ..own };
        assert!(explain(STATUS, sandboxed, Errno::EPERM).contains("--cap-add SYS_NICE"));
        assert!(explain(STATUS, other.clone(), Errno::ENOSYS).contains("CONFIG_NUMA"));
        assert!(explain(STATUS, other, Errno::EIO).contains("cannot move pages of process 17 (postgres: a): "));
        let cpuset = Target::parse(17, STATUS).explain_cpuset("3".parse().unwrap()).to_string();
        assert!(cpuset.contains("to node 3: its cpuset allows only memory of nodes 0-1"), "{cpuset}");
    }

    #[test]
    fn an_argument_that_is_no_pid_is_a_usage_failure() {
        for wrong in ["", "x", "0", "-1", "99999999999"] {
            assert!(find(wrong).is_err(), "{wrong}");
        }
        assert_eq!(find_one("17").unwrap().pid(), 17);
    }
}

//! The process that a command is about, and why the kernel refuses to show or move its pages.

use crate::failure::{Failure, Result, reason};
use crate::nodes_argument::named;
use crate::process::{self, ProcessStatus};
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
    process::require_mounted_proc()?;
    Process::from_pid(pid)
        .map_err(|_| Failure::usage(format!("{pid} is not a PID")).hint("PIDs of processes are positive"))
}

/// What /proc says about a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its PID.
    pub pid: i32,
    /// `None`: there is no such process, or /proc does not show it.
    status: Option<ProcessStatus>,
}

/// The process as messages name it: `process 17 (bash)`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)?;
        self.status.as_ref().map_or(Ok(()), |status| write!(f, " ({})", status.name))
    }
}

impl Target {
    /// Reads what /proc says about a process.
    pub fn read(process: Process) -> Target {
        Target { pid: process.pid(), status: ProcessStatus::read(process.pid()).ok() }
    }

    /// Returns its name. `None`: there is no such process, or /proc does not show it.
    pub fn name(&self) -> Option<&str> {
        self.status.as_ref().map(|status| status.name.as_str())
    }

    /// Returns whether it is ending, or has ended and its parent has not waited for it: it has no memory.
    fn has_ended(&self) -> bool {
        self.status.as_ref().is_some_and(|status| !status.has_memory && !status.is_kernel_thread)
    }

    fn is_kernel_thread(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.is_kernel_thread)
    }

    /// Returns the nodes that its cpuset allows, if they are known.
    fn allowed(&self) -> Option<NodeSet> {
        self.status.as_ref()?.allowed_nodes.parse().ok().filter(|nodes: &NodeSet| !nodes.is_empty())
    }

    /// Returns the nodes whose memory its cpuset does not allow.
    pub fn forbidden(&self, nodes: NodeSet) -> NodeSet {
        self.allowed().map_or(NodeSet::EMPTY, |allowed| nodes - allowed)
    }

    /// Fails if there is no such process or if it has no memory.
    pub fn check(&self) -> Result<()> {
        if self.status.is_none() || self.has_ended() {
            return Err(self.explain(Errno::ESRCH, &Caller::read(), "look at"));
        }
        if self.is_kernel_thread() {
            return Err(self.explain(Errno::EINVAL, &Caller::read(), "look at"));
        }
        Ok(())
    }

    /// Returns the failure for an errno with which the kernel refuses to `act` on pages of the process: "cannot ACT …: the cause".
    pub fn explain(&self, errno: Errno, caller: &Caller, act: &str) -> Failure {
        match errno {
            Errno::ESRCH | Errno::ENOENT if self.status.is_none() => {
                Failure::new(format!("there is no process {}", self.pid))
                    .hint("it may have ended; ps lists the processes, those of this PID namespace")
            }
            Errno::ESRCH if self.has_ended() => Failure::new(format!("{self} has ended and has no memory"))
                .hint("it is a zombie until its parent waits for it"),
            Errno::ESRCH | Errno::ENOENT => Failure::new(format!("{self} has ended, or executes another program"))
                .hint("if it still runs, the same command moves the pages of its new program"),
            Errno::EINVAL if self.is_kernel_thread() => {
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
            return failure("this sandbox or container forbids move_pages(2)".into()).hint(
                "allow it in the seccomp profile of the container: --security-opt seccomp=FILE, for Docker and Podman",
            );
        }
        let users = self.status.as_ref().map_or(&[][..], |status| &status.users);
        let is_own = !users.is_empty() && users.iter().take(3).all(|&user| user == caller.user);
        if !is_own && !caller.has_sys_ptrace {
            let owner =
                users.first().map_or("another user".to_owned(), |&user| format!("user {}", process::user_name(user)));
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
        let allowed = self.allowed().map_or("others".to_owned(), named);
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
            user: process::users(status).get(1).copied().unwrap_or(u32::MAX),
            has_sys_nice: has(process::CAP_SYS_NICE),
            has_sys_ptrace: has(process::CAP_SYS_PTRACE),
            is_sandboxed: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PF_KTHREAD: u64 = 0x0020_0000;
    const STATUS: &str =
        "Uid:\t70\t70\t70\t70\nVmSize:\t  100 kB\nCapEff:\t0000000000800000\nMems_allowed_list:\t0-1\n";

    /// Returns a process without memory if `status` has no VmSize.
    fn target(status: &str, flags: u64) -> Target {
        Target { pid: 17, status: Some(process::tests::status(status, flags)) }
    }

    const NO_PROCESS: Target = Target { pid: 17, status: None };

    fn explain(target: &Target, caller: &Caller, errno: Errno) -> String {
        target.explain(errno, caller, "move").to_string()
    }

    #[test]
    fn a_process_without_memory_has_ended_or_is_a_kernel_thread() {
        let running = target(STATUS, 0);
        assert_eq!(running.to_string(), "process 17 (a: b)");
        assert_eq!((running.has_ended(), running.is_kernel_thread(), running.name()), (false, false, Some("a: b")));
        assert_eq!(running.forbidden("1-3".parse().unwrap()).to_string(), "2-3");
        assert!(running.check().is_ok());
        let without = |flags| target("Uid:\t0\t0\t0\t0\n", flags);
        assert!(without(0).has_ended() && without(0).check().is_err());
        assert!(without(PF_KTHREAD).is_kernel_thread() && !without(PF_KTHREAD).has_ended());
        assert!(without(PF_KTHREAD).check().is_err() && NO_PROCESS.check().is_err());
        assert_eq!(without(0).forbidden("0-3".parse().unwrap()), NodeSet::EMPTY);
        let caller = Caller::parse(STATUS);
        assert_eq!((caller.user, caller.has_sys_nice, caller.has_sys_ptrace), (70, true, false));
    }

    #[test]
    fn each_refusal_names_its_cause() {
        let (running, ended) = (target(STATUS, 0), target("Uid:\t0\t0\t0\t0\n", 0));
        let other = Caller { user: 65534, ..Caller::default() };
        let own = Caller { user: 70, ..Caller::default() };
        let tracer = Caller { has_sys_ptrace: true, ..other.clone() };
        let sandboxed = Caller { is_sandboxed: true, ..own.clone() };
        let kernel_thread = target("", PF_KTHREAD);
        for (target, caller, errno, cause) in [
            (&NO_PROCESS, &other, Errno::ESRCH, "there is no process 17 ("),
            (&ended, &other, Errno::ESRCH, "has ended and has no memory"),
            (&kernel_thread, &other, Errno::EINVAL, "is a kernel thread"),
            (&running, &other, Errno::ESRCH, "executes another program"),
            (&running, &other, Errno::EPERM, "it belongs to user"),
            (&running, &own, Errno::EPERM, "is not dumpable"),
            (&running, &tracer, Errno::EPERM, "SELinux"),
            (&running, &sandboxed, Errno::EPERM, "seccomp=FILE"),
            (&running, &other, Errno::ENOSYS, "CONFIG_NUMA"),
            (&running, &other, Errno::EIO, "cannot move pages of process 17 (a: b): "),
        ] {
            let message = explain(target, caller, errno);
            assert!(message.contains(cause), "{cause}: {message}");
        }
        let cpuset = running.explain_cpuset("3".parse().unwrap()).to_string();
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

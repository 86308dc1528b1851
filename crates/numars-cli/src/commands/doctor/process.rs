//! Whether a process can be moved and inspected.

use super::calls::{Outcome, move_no_pages, open};
use super::{Check, System, permissions, this_process};
use crate::failure::reason;
use crate::nodes_argument::named;
use crate::process::users;
use crate::text::field;
use numars::{CpuSet, Errno, NodeSet, Process};
use std::os::unix::fs::MetadataExt;

/// What this process may do to another.
#[derive(Clone, Debug)]
pub struct Access {
    /// move_pages(2).
    pub move_pages: Outcome,
    /// move_pages(2) of pages that other processes map, too.
    pub move_shared: Outcome,
    /// Opening its files in /proc: those that say where its memory is.
    pub maps: Outcome,
    /// The users to whom these files belong, and who this process is.
    pub owner: Option<u32>,
}

impl Access {
    /// Asks the kernel, by calls that change nothing.
    pub fn probe(pid: i32) -> Access {
        let file = |name: &str| open(&format!("/proc/{pid}/{name}"));
        let move_pages = |shared| Process::from_pid(pid).and_then(|process| move_no_pages(process, shared));
        Access {
            move_pages: move_pages(false),
            move_shared: move_pages(true),
            // The kernel examines the permission when they are opened.
            maps: file("pagemap").and_then(|()| file("numa_maps")).and_then(|()| file("smaps")),
            owner: std::fs::metadata(format!("/proc/{pid}/status")).ok().map(|data| data.uid()),
        }
    }
}

/// Returns whether a process exists, also one that /proc hides.
pub fn exists(pid: i32) -> bool {
    use rustix::process::{Pid, test_kill_process};
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// Returns the checks of a process.
pub fn checks(system: &System, pid: i32, access: &Access) -> Vec<Check> {
    let status = system.files.read(format!("proc/{pid}/status")).unwrap_or_default();
    let mut checks = vec![user(system, &status)];
    // Kernel threads and processes that have ended have no memory.
    if !status.is_empty() && field(&status, "VmSize").is_none() {
        let what = match field(&status, "State") {
            Some(state) if state.starts_with('Z') => "it has ended, and waits for its parent: it has no memory",
            _ => "a thread of the kernel: it has no memory of its own",
        };
        checks.push(Check::note("memory", what));
        return checks;
    }
    let dumpable = dumpable(&status, access);
    let remedy = if dumpable.is_some() {
        "run as root: only root may move and inspect a process that is not dumpable"
    } else {
        "run as its user or as root, or give the program CAP_SYS_PTRACE"
    };
    checks.extend(dumpable);
    // The kernel has the same rules for both.
    for (name, what, is_possible) in [
        ("move_pages", "its pages can be moved and located", system.calls.move_pages.is_ok()),
        ("migrate_pages", "it can be migrated", system.calls.migrate_pages),
    ] {
        checks.push(match is_possible {
            true => refusable(name, what, access.move_pages, remedy),
            false => Check::unknown(name, "the call is refused for any process: see above"),
        });
    }
    checks.push(refusable("page_maps", "pagemap, numa_maps and smaps can be read", access.maps, remedy));
    if access.move_pages.is_ok() {
        checks.push(match access.move_shared {
            Ok(()) => Check::ok("shared_pages", "can be moved"),
            Err(_) => Check::note("shared_pages", "pages that it shares with others stay: that needs CAP_SYS_NICE"),
        });
    }
    checks.push(this_process::cgroup(&system.files, &pid.to_string()));
    checks.extend(nodes(system, &status));
    checks.extend(cpus(system, &status));
    checks
}

fn refusable(name: &'static str, what: &str, outcome: Outcome, remedy: &str) -> Check {
    match outcome {
        Ok(()) => Check::ok(name, what),
        Err(errno @ (Errno::EPERM | Errno::EACCES)) => {
            Check::problem(name, format!("not permitted: {}", reason(errno))).remedy(remedy)
        }
        Err(Errno::ENOENT) => Check::unknown(name, "its files in /proc are not there"),
        Err(errno) => Check::problem(name, reason(errno)).remedy("try again: the process may be ending"),
    }
}

/// Returns the effective user of a process.
fn effective_user(status: &str) -> Option<u32> {
    users(status).get(1).copied()
}

fn user(system: &System, status: &str) -> Check {
    const NAME: &str = "user";
    let own = system.files.read("proc/self/status").ok().and_then(|status| effective_user(&status));
    let name = field(status, "Name").unwrap_or("?");
    match (effective_user(status), own) {
        (Some(its), Some(own)) if its == own => Check::ok(NAME, format!("{name}, of the same user, {its}")),
        (Some(its), Some(own)) => {
            let text = format!("{name}, of user {its}, while this is user {own}");
            match permissions::may_trace(&system.files) {
                Some(true) => Check::ok(NAME, text),
                _ => Check::note(NAME, text),
            }
        }
        _ => Check::unknown(NAME, "/proc does not show it"),
    }
}

/// Reports a process that only root may inspect: its files in /proc belong to root, because it has changed its user or is not dumpable.
fn dumpable(status: &str, access: &Access) -> Option<Check> {
    let user = effective_user(status)?;
    (user != 0 && access.owner == Some(0)).then(|| {
        let text = "no: it has changed its user or hides its memory (prctl PR_SET_DUMPABLE)";
        if access.move_pages.is_ok() { Check::ok("dumpable", text) } else { Check::note("dumpable", text) }
    })
}

fn nodes(system: &System, status: &str) -> Option<Check> {
    const NAME: &str = "allowed_memory";
    let topology = system.topology.as_ref().ok()?;
    let Some(allowed) = field(status, "Mems_allowed_list").and_then(|list| list.parse::<NodeSet>().ok()) else {
        return Some(Check::unknown(NAME, "/proc does not say"));
    };
    let denied = topology.nodes_with_memory() - allowed;
    Some(if denied.is_empty() {
        Check::ok(NAME, "memory of all nodes")
    } else {
        Check::note(NAME, format!("{} only: its pages cannot be moved to {}", named(allowed), named(denied)))
            .remedy("add nodes to cpuset.mems of its cgroup")
    })
}

fn cpus(system: &System, status: &str) -> Option<Check> {
    let all = system.topology.as_ref().ok()?.cpus().ok()?;
    let allowed = field(status, "Cpus_allowed_list")?.parse::<CpuSet>().ok()?;
    Some(this_process::cpus("allowed_cpus", &all, &allowed))
}

#[cfg(test)]
mod tests {
    use super::super::Mark;
    use super::super::calls::Calls;
    use super::super::files::fixture::Fixture;
    use super::*;

    fn access(outcome: Outcome) -> Access {
        Access { move_pages: outcome, move_shared: outcome, maps: outcome, owner: Some(33) }
    }

    fn all(status: &str, access: &Access) -> Vec<Check> {
        let fixture = Fixture::new(&[
            ("proc/self/status", "Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\n"),
            ("proc/7/status", status),
        ]);
        let system = System {
            files: fixture.files.clone(),
            topology: Err(String::new()),
            calls: Calls::all(Ok(())),
            variable: |_| None,
        };
        checks(&system, 7, access)
    }

    const STATUS: &str = "Name:\tnginx\nState:\tS (sleeping)\nUid:\t33\t33\t33\t33\nVmSize:\t  100 kB\n";

    #[test]
    fn a_process_of_another_user_is_explained() {
        let checks = all(STATUS, &access(Err(Errno::EPERM)));
        let find = |name| checks.iter().find(|check: &&Check| check.name == name).unwrap();
        assert_eq!(find("user").message, "nginx, of user 33, while this is user 1000");
        assert_eq!(find("move_pages").mark, Mark::Problem);
        assert!(find("move_pages").remedy.as_deref().unwrap().contains("CAP_SYS_PTRACE"));
        assert!(!checks.iter().any(|check| check.name == "dumpable"));
    }

    #[test]
    fn files_of_root_show_that_a_process_is_not_dumpable() {
        let checks = all(STATUS, &Access { owner: Some(0), ..access(Err(Errno::EPERM)) });
        assert!(checks.iter().any(|check| check.name == "dumpable" && check.mark == Mark::Note));
        assert!(
            checks.iter().any(|check| check.remedy.as_deref().is_some_and(|remedy| remedy.contains("not dumpable")))
        );
    }

    #[test]
    fn what_has_no_memory_is_not_complained_about() {
        for (status, word) in [
            ("Name:\tkswapd0\nState:\tS (sleeping)\nUid:\t0\t0\t0\t0\n", "kernel"),
            ("Name:\tgone\nState:\tZ (zombie)\nUid:\t0\t0\t0\t0\n", "ended"),
        ] {
            let checks = all(status, &access(Err(Errno::EINVAL)));
            assert!(checks.iter().all(|check| check.mark != Mark::Problem), "{checks:?}");
            assert!(checks.iter().any(|check| check.name == "memory" && check.message.contains(word)));
        }
    }
}

//! Which system calls work: each is made so that nothing changes.

use super::{Check, System};
use crate::failure::reason;
use numars::{Errno, MapOptions, Move, Policy, Process, Support, SyscallError, node_of};

/// Whether something works.
pub type Outcome = Result<(), Errno>;

/// What happened to the calls.
#[derive(Clone, Debug)]
pub struct Calls {
    /// get_mempolicy(2).
    pub get_mempolicy: Outcome,
    /// set_mempolicy(2).
    pub set_mempolicy: Outcome,
    /// mbind(2).
    pub mbind: Outcome,
    /// set_mempolicy_home_node(2).
    pub home_node: Outcome,
    /// move_pages(2) of a page to the node that it is on.
    pub move_pages: Outcome,
    /// move_pages(2) with MPOL_MF_MOVE_ALL.
    pub move_shared: Outcome,
    /// Whether migrate_pages(2) is permitted.
    pub migrate_pages: bool,
    /// sched_setaffinity(2).
    pub affinity: Outcome,
    /// Whether /proc/self/pagemap can be opened.
    pub pagemap: Outcome,
    /// Whether it has the ioctl PAGEMAP_SCAN.
    pub pagemap_scan: bool,
    /// Whether policies can have MPOL_PREFERRED_MANY.
    pub preferred_many: bool,
    /// Whether policies can have MPOL_WEIGHTED_INTERLEAVE.
    pub weighted_interleave: bool,
    /// Whether MPOL_BIND can have MPOL_F_NUMA_BALANCING.
    pub bind_with_balancing: bool,
}

impl Calls {
    /// Makes the calls, in a thread of its own, whose policy and CPUs end with it.
    pub fn probe() -> Calls {
        std::thread::spawn(Calls::probe_here).join().unwrap_or_else(|_| Calls::all(Err(Errno::EIO)))
    }

    /// Returns the outcome that all calls have had.
    pub fn all(outcome: Outcome) -> Calls {
        Calls {
            get_mempolicy: outcome,
            set_mempolicy: outcome,
            mbind: outcome,
            home_node: outcome,
            move_pages: outcome,
            move_shared: outcome,
            migrate_pages: outcome.is_ok(),
            affinity: outcome,
            pagemap: outcome,
            pagemap_scan: outcome.is_ok(),
            preferred_many: outcome.is_ok(),
            weighted_interleave: outcome.is_ok(),
            bind_with_balancing: outcome.is_ok(),
        }
    }

    fn probe_here() -> Calls {
        let errno = |error: SyscallError| error.errno();
        let support = Support::query();
        let page = MapOptions::new().map(1).map(|mut page| {
            page.fill(1);
            page
        });
        let on_page = |probe: fn(&numars::Mapping) -> Outcome| page.as_ref().map_err(|error| *error).and_then(probe);
        Calls {
            get_mempolicy: Policy::of_thread().map(drop).map_err(errno),
            set_mempolicy: Policy::DEFAULT.set_for_thread().map_err(errno),
            mbind: on_page(|page| {
                Policy::DEFAULT.set_for_range(page.as_ptr() as usize, page.len()).map_err(|error| error.errno())
            }),
            home_node: on_page(probe_home_node),
            move_pages: on_page(probe_move),
            move_shared: move_no_pages(Process::CURRENT, true),
            migrate_pages: support.migrate_pages(),
            affinity: numars::thread_cpus().and_then(|cpus| numars::set_thread_cpus(&cpus)).map_err(errno),
            pagemap: open("/proc/self/pagemap"),
            pagemap_scan: support.pagemap_scan(),
            preferred_many: support.preferred_many(),
            weighted_interleave: support.weighted_interleave(),
            bind_with_balancing: support.numa_balancing(),
        }
    }

    /// Returns whether a call that works on every kernel with NUMA does not.
    pub fn any_refused(&self, errno: Errno) -> bool {
        [self.get_mempolicy, self.set_mempolicy, self.mbind, self.move_pages].contains(&Err(errno))
    }
}

/// Asks whether pages of a process can be moved, by moving none; `shared`: pages that several processes map.
pub fn move_no_pages(process: Process, shared: bool) -> Outcome {
    let moved = Move::new().process(process).shared_pages(shared).pages(&[], &[], &mut []);
    moved.map(drop).map_err(|error| error.errno())
}

/// Opens a file, and closes it.
pub fn open(name: &str) -> Outcome {
    let opened = std::fs::File::open(name).map(drop);
    opened.map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}

/// Gives a page the home node that it is on. The kernel looks at the range first: only one that binds can have a home node.
fn probe_home_node(page: &numars::Mapping) -> Outcome {
    let node = node_of(&page[..]).ok().and_then(|status| status.node()).or_else(numars::Node::current);
    let node = node.ok_or(Errno::ENODEV)?;
    let (start, length) = (page.as_ptr() as usize, page.len());
    // What binds is this page alone.
    let bound = Policy::bind(node.into()).set_for_range(start, length);
    let outcome = numars::set_home_node(start, length, node).map_err(|error| error.errno());
    let _ = Policy::DEFAULT.set_for_range(start, length);
    match outcome {
        // Without mbind(2), there is nothing that could have one, which the kernel reports if it has the call.
        Err(Errno::ENOENT | Errno::EOPNOTSUPP | Errno::EINVAL) if bound.is_err() => Ok(()),
        outcome => outcome,
    }
}

/// Moves a page to the node that it is on.
fn probe_move(page: &numars::Mapping) -> Outcome {
    let node = node_of(&page[..])?.node().ok_or(Errno::ENODATA)?;
    let stats = Move::new().memory(&page[..], node).map_err(|error| error.errno())?;
    if stats.unmoved() == 0 { Ok(()) } else { Err(Errno::EBUSY) }
}

/// The names of calls that Docker's profile permits with the capability.
const GATED_BY_SYS_NICE: [&str; 4] = ["get_mempolicy", "set_mempolicy", "mbind", "set_mempolicy_home_node"];

/// Returns the check of a call that a kernel with NUMA has.
fn basic(name: &'static str, what: &str, outcome: Outcome) -> Check {
    let Err(errno) = outcome else {
        return Check::ok(name, what);
    };
    let check = Check::problem(name, reason(errno));
    match errno {
        Errno::EPERM if GATED_BY_SYS_NICE.contains(&name) => {
            check.remedy("allow it in the seccomp profile of the container (Docker: --cap-add SYS_NICE)")
        }
        Errno::EPERM => check.remedy("allow it in the seccomp profile of the container (--security-opt seccomp=FILE)"),
        Errno::ENOSYS => check.remedy("use a kernel with CONFIG_NUMA and CONFIG_MIGRATION, or a sandbox that has this"),
        _ => check.remedy("report it: neither the kernel's rules nor a container explain this"),
    }
}

/// Returns the check of migrate_pages(2), which a kernel that has move_pages(2) has, too.
fn migrate_pages(calls: &Calls) -> Check {
    const NAME: &str = "migrate_pages";
    match calls.move_pages {
        _ if calls.migrate_pages => Check::ok(NAME, "processes can be migrated"),
        Err(errno @ (Errno::EPERM | Errno::ENOSYS)) => basic(NAME, "", Err(errno)),
        _ => Check::problem(NAME, "refused, although move_pages(2) works: a filter of system calls forbids it")
            .remedy("allow it in the seccomp profile of the container (--security-opt seccomp=FILE)"),
    }
}

/// Returns the check of what came later.
fn later(name: &'static str, what: &str, works: bool, since: &str) -> Check {
    if works {
        Check::ok(name, what)
    } else {
        Check::note(name, format!("not available: Linux {since} and newer have it"))
    }
}

/// Returns the checks of the calls.
pub fn checks(system: &System) -> Vec<Check> {
    let calls = &system.calls;
    let mut checks = vec![
        basic("get_mempolicy", "policies can be read", calls.get_mempolicy),
        basic("set_mempolicy", "threads can have policies", calls.set_mempolicy),
        basic("mbind", "memory can have policies", calls.mbind),
        match calls.home_node {
            Ok(()) => Check::ok("home_node", "policies can have a home node"),
            Err(Errno::ENOSYS) => later("home_node", "", false, "5.17"),
            outcome => Check { name: "home_node", ..basic("set_mempolicy_home_node", "", outcome) },
        },
        basic("move_pages", "pages can be moved and located", calls.move_pages),
        migrate_pages(calls),
        basic("sched_setaffinity", "threads can be bound to CPUs", calls.affinity),
    ];
    // Without mbind(2), what it supports is not known.
    if calls.mbind.is_ok() {
        let (many, weighted) = (calls.preferred_many, calls.weighted_interleave);
        checks.extend([
            later("preferred_many", "several nodes can be preferred", many, "5.15"),
            later("weighted_interleave", "pages can be interleaved by weights", weighted, "6.9"),
            later("bind_balancing", "bound memory can be balanced", calls.bind_with_balancing, "5.12"),
        ]);
    }
    checks.push(match calls.pagemap {
        _ if calls.pagemap_scan => Check::ok("PAGEMAP_SCAN", "present pages are found fast"),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Check::unknown("PAGEMAP_SCAN", "/proc/self/pagemap is missing"),
        Err(Errno::EPERM | Errno::EACCES) => {
            Check::note("PAGEMAP_SCAN", "forbidden: /proc/self/pagemap is read instead")
        }
        _ => later("PAGEMAP_SCAN", "", false, "6.7"),
    });
    checks
}

#[cfg(test)]
mod tests {
    use super::super::Mark;
    use super::super::files::Files;
    use super::*;

    fn marks(calls: Calls) -> Vec<(&'static str, Mark)> {
        let system =
            System { files: Files::below("/nowhere"), topology: Err(String::new()), calls, variable: |_| None };
        checks(&system).into_iter().map(|check| (check.name, check.mark)).collect()
    }

    #[test]
    fn calls_that_are_forbidden_are_problems_and_have_a_remedy() {
        let marks = marks(Calls::all(Err(Errno::EPERM)));
        for name in ["get_mempolicy", "set_mempolicy", "mbind", "move_pages", "migrate_pages", "home_node"] {
            assert!(marks.contains(&(name, Mark::Problem)), "{name} {marks:?}");
        }
        assert!(!marks.iter().any(|(name, _)| *name == "preferred_many"));
        let remedy = |name| basic(name, "", Err(Errno::EPERM)).remedy.unwrap();
        assert!(remedy("mbind").contains("--cap-add SYS_NICE") && !remedy("move_pages").contains("SYS_NICE"));
    }

    #[test]
    fn what_an_old_kernel_lacks_is_a_note() {
        let mut calls = Calls::all(Ok(()));
        calls.home_node = Err(Errno::ENOSYS);
        calls.pagemap_scan = false;
        calls.weighted_interleave = false;
        let marks = marks(calls);
        for name in ["home_node", "PAGEMAP_SCAN", "weighted_interleave"] {
            assert!(marks.contains(&(name, Mark::Note)), "{name} {marks:?}");
        }
        assert!(marks.iter().all(|(_, mark)| *mark != Mark::Problem));
    }

    #[test]
    fn a_filter_that_forbids_only_migrate_pages_is_named() {
        let calls = Calls { migrate_pages: false, ..Calls::all(Ok(())) };
        assert!(migrate_pages(&calls).message.contains("a filter of system calls forbids it"));
        assert!(marks(calls).contains(&("migrate_pages", Mark::Problem)));
    }

    #[test]
    fn probing_changes_nothing() {
        let before = (Policy::of_thread(), numars::thread_cpus().ok());
        let calls = Calls::probe_here();
        assert_eq!((Policy::of_thread(), numars::thread_cpus().ok()), before);
        assert_eq!(calls.get_mempolicy.is_ok(), before.0.is_ok());
    }
}

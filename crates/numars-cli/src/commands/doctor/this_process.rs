//! What this process, and with it what it starts, may use and has inherited.

use super::cgroup::Cgroup;
use super::files::Files;
use super::{Check, System, loader};
use crate::nodes_argument::named;
use crate::units;
use numars::{CpuSet, Mode, Policy};

/// Returns the checks of this process.
pub fn checks(system: &System) -> Vec<Check> {
    let mut checks = vec![cgroup(&system.files, "self")];
    if let Ok(topology) = &system.topology {
        let denied = topology.nodes_with_memory() - topology.allowed_nodes();
        checks.push(if denied.is_empty() {
            Check::ok("allowed_memory", "memory of all nodes")
        } else {
            let allowed = topology.allowed_nodes();
            Check::note("allowed_memory", format!("{} only; {} cannot be used", named(allowed), named(denied)))
                .remedy("add nodes to cpuset.mems of the cgroup, or of the container (docker run --cpuset-mems)")
        });
        checks.push(match (topology.cpus(), topology.allowed_cpus()) {
            (Ok(all), Ok(allowed)) => cpus("allowed_cpus", &all, &allowed),
            _ => Check::unknown("allowed_cpus", "the kernel does not say"),
        });
    }
    checks.extend(memory_limit(&system.files));
    checks.push(policy(system));
    checks.push(loader::check(system));
    checks
}

/// Compares the CPUs that may be used with those that there are.
pub fn cpus(name: &'static str, all: &CpuSet, allowed: &CpuSet) -> Check {
    let denied = all - allowed;
    if all.is_empty() {
        Check::unknown(name, format!("{allowed}; how many there are is not known"))
    } else if denied.is_empty() {
        Check::ok(name, format!("all {} CPUs", all.len()))
    } else {
        Check::note(name, format!("{} of {} CPUs: {allowed}", (all & allowed).len(), all.len()))
            .remedy("see cpuset.cpus of the cgroup, and taskset -p")
    }
}

fn policy(system: &System) -> Check {
    const NAME: &str = "policy";
    if system.calls.get_mempolicy.is_err() {
        return Check::unknown(NAME, "get_mempolicy(2) is refused");
    }
    match Policy::of_thread() {
        Ok(policy) if policy.mode() == Mode::Default => Check::ok(NAME, "default: memory is local"),
        Ok(policy) => {
            Check::note(NAME, format!("inherited: {policy}")).remedy("it comes from numactl or a service's NUMAPolicy")
        }
        Err(error) => Check::unknown(NAME, crate::failure::reason(error.errno())),
    }
}

/// Returns the check of the cgroup of a process, and the nodes that it permits.
pub fn cgroup(files: &Files, process: &str) -> Check {
    const NAME: &str = "cgroup";
    let Some(cgroup) = Cgroup::of(files, process, "cpuset") else {
        return Check::ok(NAME, "none");
    };
    match cgroup.memory_nodes(files).filter(|nodes| !nodes.is_empty()) {
        Some(nodes) => Check::ok(NAME, format!("{}: cpuset.mems {nodes}", cgroup.path())),
        None => Check::ok(NAME, format!("{}: no cpuset.mems", cgroup.path())),
    }
}

/// Reports a limit of the memory that the cgroup may use.
fn memory_limit(files: &Files) -> Option<Check> {
    let remaining = Cgroup::of(files, "self", "memory")?.memory_left(files)?;
    let text = format!("the cgroup may use {} more, on all nodes together", units::bytes(remaining));
    Some(Check::note("memory_limit", text))
}

#[cfg(test)]
mod tests {
    use super::super::Mark;
    use super::super::files::fixture::Fixture;
    use super::*;

    #[test]
    fn a_cgroup_without_the_controller_has_the_nodes_of_its_parent() {
        let fixture = Fixture::new(&[
            ("proc/self/cgroup", "0::/system.slice/database.service\n"),
            ("proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"),
            ("sys/fs/cgroup/system.slice/cpuset.mems.effective", "0-1\n"),
        ]);
        let check = cgroup(&fixture.files, "self");
        assert_eq!((check.mark, check.message.as_str()), (Mark::Ok, "/system.slice/database.service: cpuset.mems 0-1"));
    }

    #[test]
    fn a_process_without_cgroups_has_nothing_to_complain_about() {
        let fixture = Fixture::new(&[("proc/self/cgroup", "0::/\n")]);
        assert_eq!(cgroup(&fixture.files, "self").message, "/: no cpuset.mems");
        assert_eq!(cgroup(&Fixture::new(&[]).files, "self").mark, Mark::Ok);
    }

    #[test]
    fn cpus_that_may_not_be_used_are_a_note() {
        let [all, some]: [CpuSet; 2] = ["0-7", "2-3"].map(|list| list.parse().unwrap());
        assert_eq!(cpus("allowed_cpus", &all, &some).message, "2 of 8 CPUs: 2-3");
        assert_eq!(cpus("allowed_cpus", &all, &all).mark, Mark::Ok);
    }
}

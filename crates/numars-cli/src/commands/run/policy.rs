//! The memory policy and the CPUs that a program inherits from this thread, and why they are refused.

use super::RunArguments;
use super::program::Refusal;
use crate::failure::{Failure, Result, bad_list, reason};
use crate::nodes_argument::named;
use numars::{CpuSet, Errno, Mode, ModeFlags, NodeSet, Policy, Support, SyscallError, Topology};

/// Applies the options to the calling thread: CPUs, then the policy.
pub fn apply(arguments: &RunArguments) -> Result<()> {
    if let Some(node) = &arguments.home_node {
        return Err(Failure::usage(
            "--home-node is impossible: a home node is that of a range of memory, not of a thread's policy",
        )
        .hint(format!("with --cpunodebind={node} the nearest nodes of --membind or --preferred-many come first")));
    }
    let before = numars::thread_cpus().ok();
    if arguments.all {
        use_all_cpus()?;
    }
    let topology = Topology::read()?;
    let machine = Lists { topology: &topology, all: arguments.all };
    let policy = requested_policy(arguments, &machine)?;
    let cpus = requested_cpus(arguments, &machine)?;
    match (cpus, before) {
        (Some(cpus), _) => set_cpus(&cpus)?,
        (None, Some(before)) if arguments.all => set_cpus(&before)?,
        _ => {}
    }
    match policy {
        Some(policy) => set_policy(&without_refused_balancing(policy)),
        None => Ok(()),
    }
}

/// Lets lists name all CPUs of the cpuset: those that this thread may run on are those that a list of CPUs may name.
fn use_all_cpus() -> Result<()> {
    let topology = Topology::read()?;
    topology.cpus().ok().map_or(Ok(()), |cpus| set_cpus(&cpus))
}

/// How lists are understood.
struct Lists<'a> {
    topology: &'a Topology,
    all: bool,
}

impl Lists<'_> {
    fn nodes(&self, list: &str) -> Result<NodeSet> {
        let parsed = if self.all { self.topology.parse_nodes_all(list) } else { self.topology.parse_nodes(list) };
        parsed.map_err(|error| {
            // Of another cpuset, this list would be right.
            let Ok(nodes) = self.topology.parse_nodes_all(list) else { return bad_list(list, &error) };
            self.forbidden(nodes).unwrap_or_else(|| {
                // Without memory, and with CPUs that the cpuset forbids.
                refused(format!("this process may use neither CPUs nor memory of all nodes in \"{list}\""))
                    .hint(self.usable())
            })
        })
    }

    /// Returns the nodes of a policy: those that were named have memory, and the cpuset allows it.
    fn nodes_with_memory(&self, list: &str) -> Result<NodeSet> {
        let named = self.nodes(list)?;
        let without = named - self.topology.nodes_with_memory();
        // "All but node 0" and all nodes of the machine also name those of which the kernel uses nothing.
        let names_more = self.all || list.trim_start().starts_with('!');
        let usable = named & self.topology.allowed_nodes();
        if names_more && !usable.is_empty() {
            return Ok(usable);
        }
        if !without.is_empty() {
            return Err(refused(format!("{} no memory", plural(without, "has", "have"))).hint(self.usable()));
        }
        match self.forbidden(named) {
            Some(failure) => Err(failure),
            None if named.is_empty() => Err(Failure::usage(format!("\"{list}\" names no node")).hint(self.usable())),
            None => Ok(named),
        }
    }

    /// Returns the hint that names the nodes whose memory can be used.
    fn usable(&self) -> String {
        format!("memory of {} can be used", named(self.topology.allowed_nodes()))
    }

    /// Returns the failure for nodes whose memory the cpuset forbids, if any are.
    fn forbidden(&self, nodes: NodeSet) -> Option<Failure> {
        let allowed = self.topology.allowed_nodes();
        let forbidden = (nodes & self.topology.nodes_with_memory()) - allowed;
        (!forbidden.is_empty()).then(|| {
            let of = if forbidden.len() == 1 { "node" } else { "nodes" };
            refused(format!("the cpuset of this process forbids memory of {of} {forbidden}"))
                .hint(format!("it allows {allowed}; see cpuset.mems of the cgroup")) // as in cgroups(7)
        })
    }
}

fn refused(message: impl Into<String>) -> Failure {
    Refusal::cannot(message).into()
}

/// Returns "node 1 has" or "nodes 1-2 have".
fn plural(nodes: NodeSet, one: &str, several: &str) -> String {
    if nodes.len() == 1 { format!("node {nodes} {one}") } else { format!("nodes {nodes} {several}") }
}

/// Returns the list of an option; `same` is that of the other one.
fn list<'a>(option: &'a str, other: Option<&'a str>) -> Result<&'a str> {
    match other {
        _ if option != "same" => Ok(option),
        Some(other) if other != "same" => Ok(other),
        _ => Err(Failure::usage("same stands for the nodes of another option, and there is none")
            .hint("as in --cpunodebind=0 --membind=same")),
    }
}

/// The list of nodes that is the policy's.
fn policy_list(arguments: &RunArguments) -> Option<&str> {
    [
        &arguments.membind,
        &arguments.interleave,
        &arguments.weighted_interleave,
        &arguments.preferred,
        &arguments.preferred_many,
    ]
    .into_iter()
    .find_map(|option| option.as_deref())
}

fn requested_policy(arguments: &RunArguments, machine: &Lists<'_>) -> Result<Option<Policy>> {
    let named = policy_list(arguments);
    if named.is_none() && !arguments.localalloc {
        return Ok(None);
    }
    // Before nodes are found wanting: without policy calls, none would do.
    policy_is_possible(arguments)?;
    let Some(named) = named else { return Ok(Some(Policy::LOCAL)) };
    let named = list(named, arguments.cpu_binding.nodes.as_deref())?;
    let nodes = machine.nodes_with_memory(named)?;
    let flags = if arguments.balancing { ModeFlags::NUMA_BALANCING } else { ModeFlags::NONE };
    let policy = if arguments.membind.is_some() {
        Policy::bind(nodes).with_flags(flags)
    } else if arguments.interleave.is_some() {
        Policy::interleave(nodes)
    } else if arguments.weighted_interleave.is_some() {
        Policy::weighted_interleave(nodes)
    } else if arguments.preferred_many.is_some() {
        Policy::preferred_many(nodes).with_flags(flags)
    } else {
        match (nodes.first(), nodes.len()) {
            (Some(node), 1) => Policy::preferred(node),
            _ => {
                return Err(Failure::usage(format!("--preferred takes one node, and \"{named}\" names {nodes}"))
                    .hint("--preferred-many takes several"));
            }
        }
    };
    Ok(Some(policy))
}

/// Returns why the policy cannot be set on any nodes, if so.
fn policy_is_possible(arguments: &RunArguments) -> Result<()> {
    let support = Support::query();
    if !support.policy() {
        let errno = Policy::of_thread().err().map_or(Errno::EPERM, |error| error.errno());
        return Err(no_policy(errno));
    }
    let too_old = |option: &str, since: &str, instead: &str| {
        Err(refused(format!("this kernel, {}, is too old for {option}, which Linux {since} has", kernel_release()))
            .hint(format!("{instead} works here")))
    };
    if arguments.preferred_many.is_some() && !support.preferred_many() {
        return too_old("--preferred-many", "5.15", "--preferred with one node");
    }
    if arguments.weighted_interleave.is_some() && !support.weighted_interleave() {
        return too_old("--weighted-interleave", "6.9", "--interleave");
    }
    if arguments.balancing && arguments.membind.is_some() && !support.numa_balancing() {
        return too_old("--balancing", "5.12", "the same without --balancing");
    }
    Ok(())
}

/// Returns the failure for a process that may not use memory policy.
fn no_policy(errno: Errno) -> Failure {
    let failure = refused(format!("memory policy cannot be used here: get_mempolicy(2): {}", reason(errno)));
    match errno {
        Errno::EPERM => failure.hint(
            "a container's seccomp profile forbids it: allow get_mempolicy, set_mempolicy and mbind, as docker run \
             --cap-add=SYS_NICE does; --cpunodebind works without",
        ),
        _ => failure.hint("the kernel has no NUMA, or a sandbox hides it; --cpunodebind works without"),
    }
}

fn kernel_release() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_or_else(|_| "Linux".into(), |release| format!("Linux {}", release.trim()))
}

/// Returns the policy without balancing if the kernel can balance only bound memory: numactl ignores the option then.
fn without_refused_balancing(policy: Policy) -> Policy {
    if policy.mode() != Mode::PreferredMany || !policy.flags().contains(ModeFlags::NUMA_BALANCING) {
        return policy;
    }
    // The policy of a thread that ends at once.
    let outcome = std::thread::spawn(move || policy.set_for_thread()).join();
    let is_refused = outcome.is_ok_and(|outcome| outcome.is_err_and(|error| error.errno() == Errno::EINVAL));
    if is_refused { Policy::preferred_many(policy.nodes()) } else { policy }
}

fn set_policy(policy: &Policy) -> Result<()> {
    policy.set_for_thread().map_err(|error| match error.errno() {
        Errno::EPERM | Errno::ENOSYS => no_policy(error.errno()),
        _ => {
            let failure = refused(format!("the kernel refuses the policy {policy}: {}", what_failed(&error)));
            match policy.flags().contains(ModeFlags::NUMA_BALANCING) {
                true => {
                    failure.hint(format!("{} may have no balancing for it; leave out --balancing", kernel_release()))
                }
                false => failure.hint("the cpuset may have changed; try again"),
            }
        }
    })
}

fn what_failed(error: &SyscallError) -> String {
    format!("{}(2): {}", error.call().name(), reason(error.errno()))
}

fn requested_cpus(arguments: &RunArguments, machine: &Lists<'_>) -> Result<Option<CpuSet>> {
    if let Some(named) = &arguments.cpu_binding.cpus {
        let cpus = machine.topology.parse_cpus(named).map_err(|error| bad_cpus(named, &error, machine))?;
        if cpus.is_empty() {
            return Err(Failure::usage(format!("\"{named}\" names no CPU")));
        }
        return Ok(Some(cpus));
    }
    let Some(named) = &arguments.cpu_binding.nodes else { return Ok(None) };
    let named = list(named, policy_list(arguments))?;
    let nodes = machine.nodes(named)?;
    let cpus =
        machine.topology.cpus_of_nodes(&nodes).map_err(|errno| refused(format!("CPUs of nodes: {}", reason(errno))))?;
    if cpus.is_empty() {
        let has_cpus = |&node: &numars::Node| machine.topology.cpus_of(node).is_ok_and(|cpus| !cpus.is_empty());
        let with_cpus: NodeSet = machine.topology.nodes().into_iter().filter(has_cpus).collect();
        return Err(match with_cpus.is_empty() {
            true => refused(format!("which CPUs {} is unknown here", plural(nodes, "has", "have")))
                .hint("it is in /sys/devices/system/node; --physcpubind works without"),
            false => refused(format!("{} no CPUs", plural(nodes, "has", "have")))
                .hint(format!("nodes with CPUs: {with_cpus}")),
        });
    }
    Ok(Some(cpus))
}

/// Returns the failure for a list of CPUs, which names those that may be used.
fn bad_cpus(list: &str, error: &numars::ParseNodesError, machine: &Lists<'_>) -> Failure {
    let allowed = machine.topology.allowed_cpus().unwrap_or_default();
    let online = machine.topology.cpus().unwrap_or_default();
    let failure = bad_list(list, error);
    let hint = match list.parse::<CpuSet>() {
        Ok(named) if named.is_subset(&online) && !machine.all => {
            format!("this process may run on {allowed}; --all lifts what taskset(1) has set, not the cpuset")
        }
        _ => format!("this process may run on {allowed}"),
    };
    failure.hint(hint)
}

fn set_cpus(cpus: &CpuSet) -> Result<()> {
    numars::set_thread_cpus(cpus).map_err(|error| match error.errno() {
        Errno::EINVAL => refused(format!("the cpuset of this process forbids all of CPUs {cpus}"))
            .hint("see cpuset.cpus of the cgroup, and numars nodes"),
        _ => refused(format!("cannot run on CPUs {cpus}: {}", what_failed(&error))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_stands_for_the_nodes_of_the_other_option() {
        assert_eq!(list("0", Some("1")).unwrap(), "0");
        assert_eq!(list("same", Some("1")).unwrap(), "1");
        assert!(list("same", None).is_err() && list("same", Some("same")).is_err());
    }

    #[test]
    fn a_container_that_forbids_policy_is_told_which_calls_to_allow() {
        let text = no_policy(Errno::EPERM).to_string();
        assert!(text.contains("[EPERM]") && text.contains("set_mempolicy") && !text.contains('\n'), "{text}");
        assert!(no_policy(Errno::ENOSYS).to_string().contains("no NUMA"));
    }

    #[test]
    fn nodes_are_counted_in_messages() {
        let nodes = |list: &str| plural(list.parse().unwrap(), "has", "have");
        assert_eq!((nodes("1").as_str(), nodes("1-2").as_str()), ("node 1 has", "nodes 1-2 have"));
    }
}

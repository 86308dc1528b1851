//! Nodes, their memory, and what the firmware says about them.

use super::{Check, System};
use crate::nodes_argument::named;
use crate::units;
use numars::{Attribute, Node, NodeSet, Topology};

/// Returns the checks of the machine.
pub fn checks(system: &System) -> Vec<Check> {
    let topology = match &system.topology {
        Ok(topology) => topology,
        Err(reason) => {
            return vec![
                Check::problem("nodes", format!("the nodes are not known: {reason}"))
                    .remedy("mount /sys and /proc here, or use a kernel with CONFIG_NUMA"),
            ];
        }
    };
    if !system.files.exist("sys/devices/system/node/online") {
        let text = format!("not listed in /sys: node {} is assumed", topology.nodes());
        return [Check::unknown("nodes", text)].into_iter().chain(virtual_machine(system)).collect();
    }
    let with_memory = topology.nodes_with_memory();
    let mut checks = vec![nodes(topology)];
    checks.extend(uneven_nodes(topology));
    checks.extend(virtual_machine(system));
    checks.push(free_memory(topology, with_memory));
    if with_memory.len() > 1 {
        checks.extend([distances(topology), tiers(topology, with_memory), rates(topology, with_memory)]);
    }
    checks.extend(pools(system, topology));
    checks
}

fn has_cpus(topology: &Topology, node: Node) -> bool {
    topology.cpus_of(node).is_ok_and(|cpus| !cpus.is_empty())
}

fn nodes(topology: &Topology) -> Check {
    let with_memory = topology.nodes_with_memory();
    match with_memory.len() {
        0 => Check::unknown("nodes", "which nodes have memory is not known"),
        1 => Check::note("nodes", format!("only node {with_memory} has memory: there is nowhere to move pages to")),
        count => Check::ok("nodes", format!("{count} nodes have memory: {with_memory}")),
    }
}

/// Reports nodes with CPUs alone, or with memory alone, which surprise programs.
fn uneven_nodes(topology: &Topology) -> Option<Check> {
    let all = topology.nodes();
    let with_memory = topology.nodes_with_memory();
    let with_cpus: NodeSet = all.into_iter().filter(|&node| has_cpus(topology, node)).collect();
    let parts: Vec<String> = [
        (with_cpus - with_memory, "has CPUs and no memory", "have CPUs and no memory"),
        (with_memory - with_cpus, "has memory and no CPUs", "have memory and no CPUs"),
        (all - with_memory - with_cpus, "has neither", "have neither CPUs nor memory"),
    ]
    .into_iter()
    .filter(|(nodes, ..)| !nodes.is_empty())
    .map(|(nodes, one, several)| match nodes.len() {
        1 => format!("node {nodes} {one}"),
        _ => format!("nodes {nodes} {several}"),
    })
    .collect();
    (!parts.is_empty()).then(|| Check::note("kinds_of_nodes", parts.join("; ")))
}

/// Reports a virtual machine, whose nodes may have nothing to do with those of its host.
fn virtual_machine(system: &System) -> Option<Check> {
    let name = super::hypervisor::hypervisor(&system.files)?;
    Some(Check::note("virtual_machine", format!("{name}: its nodes need not be those of the host")))
}

fn free_memory(topology: &Topology, with_memory: NodeSet) -> Check {
    const NAME: &str = "free_memory";
    let mut full = NodeSet::new();
    let mut total_free = 0_u64;
    for node in with_memory {
        let Ok(memory) = topology.memory(node) else {
            return Check::unknown(NAME, format!("node {node} does not say how much memory is free"));
        };
        total_free = total_free.saturating_add(memory.free());
        // 2 %.
        if memory.free() < memory.total() / 50 {
            full.insert(node);
        }
    }
    if full.is_empty() {
        return Check::ok(NAME, format!("{}, and no node is full", units::bytes(total_free)));
    }
    Check::note(NAME, format!("less than 2 % is free on {}: pages that move there displace others", named(full)))
}

fn distances(topology: &Topology) -> Check {
    const NAME: &str = "distances";
    let nodes = topology.nodes();
    let mut unknown = NodeSet::new();
    let mut same = true;
    for from in nodes {
        for to in nodes {
            match topology.distance(from, to) {
                None => {
                    unknown.insert(from);
                }
                Some(distance) => same &= distance.is_local(),
            }
        }
    }
    if !unknown.is_empty() {
        Check::note(NAME, format!("the firmware does not give those of {unknown}"))
    } else if same {
        Check::note(NAME, "all are 10, as if all memory were local: the firmware has none (no SLIT)")
    } else {
        Check::ok(NAME, "the firmware gives them (SLIT)")
    }
}

fn tiers(topology: &Topology, with_memory: NodeSet) -> Check {
    const NAME: &str = "memory_tiers";
    let Ok(tiers) = topology.tiers() else {
        return Check::unknown(NAME, "the kernel does not say (Linux 6.1 and newer do)");
    };
    let lists: Vec<String> = tiers.map(|tier| tier.nodes().to_string()).collect();
    let has_memory_only = with_memory.into_iter().any(|node| !has_cpus(topology, node));
    let has_rates =
        with_memory.into_iter().any(|node| topology.attribute(node, None, Attribute::ReadBandwidth).is_ok());
    match lists.len() {
        0 => Check::unknown(NAME, "the kernel lists none"),
        1 if has_memory_only => Check::note(
            NAME,
            format!(
                "all memory is in one tier, so nothing is demoted or promoted: {}",
                crate::machine::why_one_tier(has_rates)
            ),
        ),
        1 => Check::ok(NAME, "all memory is in one tier"),
        count => Check::ok(NAME, format!("{count}, from fast to slow: nodes {}", lists.join(", then "))),
    }
}

fn rates(topology: &Topology, with_memory: NodeSet) -> Check {
    const NAME: &str = "bandwidths";
    let has_bandwidth = |node: &Node| topology.attribute(*node, None, Attribute::ReadBandwidth).is_ok();
    let without: NodeSet = with_memory.into_iter().filter(|node| !has_bandwidth(node)).collect();
    if without.is_empty() {
        Check::ok(NAME, "the firmware gives bandwidths and latencies (HMAT)")
    } else if without == with_memory {
        Check::note(NAME, "the firmware gives no bandwidths and latencies (no HMAT)")
            .remedy("numars measure measures them")
    } else {
        Check::note(NAME, format!("the firmware gives none of {without}")).remedy("numars measure measures them")
    }
}

/// Returns the checks of the pools of huge pages, one for each size.
fn pools(system: &System, topology: &Topology) -> Vec<Check> {
    const NAME: &str = "hugetlb";
    let mut checks = Vec::new();
    for directory in system.files.list("sys/kernel/mm/hugepages") {
        let Some(size) = directory.strip_prefix("hugepages-").and_then(|size| size.strip_suffix("kB")) else {
            continue;
        };
        let name = units::bytes(size.parse::<u64>().unwrap_or(0).saturating_mul(1024));
        let (mut reserved, mut free) = (0_u64, 0_u64);
        let (mut with, mut without) = (NodeSet::new(), NodeSet::new());
        for node in topology.nodes_with_memory() {
            let count = |file: &str| {
                let path = format!("sys/devices/system/node/node{node}/hugepages/{directory}/{file}");
                system.files.number(path).unwrap_or(0)
            };
            let pages = count("nr_hugepages");
            reserved = reserved.saturating_add(pages);
            free = free.saturating_add(count("free_hugepages"));
            if pages > 0 {
                with.insert(node)
            } else {
                without.insert(node)
            };
        }
        if reserved == 0 {
            continue;
        }
        let text = format!("{reserved} pages of {name}, {free} of them free, on {}", named(with));
        checks.push(if without.is_empty() {
            Check::ok(NAME, text)
        } else {
            Check::note(NAME, format!("{text}; none on {}", named(without)))
                .remedy(format!("write to nodeN/hugepages/{directory}/nr_hugepages in /sys/devices/system/node"))
        });
    }
    if checks.is_empty() {
        checks.push(Check::ok(NAME, "no huge pages are reserved"));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::super::Mark;
    use super::super::calls::Calls;
    use super::super::files::fixture::Fixture;
    use super::*;

    fn node(fixture: &Fixture, number: usize, cpus: &str, total: u64, free: u64, distances: &str) {
        let directory = format!("sys/devices/system/node/node{number}");
        let meminfo = format!("Node {number} MemTotal: {total} kB\nNode {number} MemFree: {free} kB\n");
        fixture.add(&[
            (&format!("{directory}/cpulist"), cpus),
            (&format!("{directory}/cpumap"), if cpus.trim().is_empty() { "0" } else { "3" }),
            (&format!("{directory}/meminfo"), &meminfo),
            (&format!("{directory}/distance"), distances),
        ]);
    }

    /// Two nodes, of which the second has no CPUs.
    fn machine() -> Fixture {
        let fixture = Fixture::new(&[
            ("sys/devices/system/node/online", "0-1\n"),
            ("sys/devices/system/node/possible", "0-1\n"),
            ("sys/devices/system/node/has_memory", "0-1\n"),
            ("sys/devices/system/node/has_cpu", "0\n"),
            ("sys/devices/system/cpu/online", "0-1\n"),
            ("sys/devices/system/cpu/possible", "0-1\n"),
            ("sys/devices/system/cpu/present", "0-1\n"),
            ("sys/devices/virtual/memory_tiering/memory_tier4/nodelist", "0-1\n"),
            (
                "proc/self/status",
                "Cpus_allowed_list:\t0-1\nMems_allowed_list:\t0-1\nMems_allowed:\t3\nCpus_allowed:\t3\n",
            ),
        ]);
        node(&fixture, 0, "0-1\n", 1 << 20, 1 << 19, "10 20\n");
        node(&fixture, 1, "\n", 1 << 20, 100, "20 10\n");
        fixture
    }

    fn check(fixture: &Fixture, name: &str) -> Check {
        let system = System {
            files: fixture.files.clone(),
            topology: Topology::read_from_path(fixture.files.path("")).map_err(|error| error.to_string()),
            calls: Calls::all(Ok(())),
            variable: |_| None,
        };
        let checks = checks(&system);
        checks.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("{name}: {checks:?}")).clone()
    }

    #[test]
    fn unlike_nodes_in_one_tier_are_a_note() {
        let fixture = machine();
        assert_eq!(check(&fixture, "nodes").message, "2 nodes have memory: 0-1");
        assert_eq!(check(&fixture, "kinds_of_nodes").message, "node 1 has memory and no CPUs");
        let tiers = check(&fixture, "memory_tiers");
        assert!(tiers.mark == Mark::Note && tiers.message.contains("no HMAT"), "{tiers:?}");
        assert_eq!(check(&fixture, "bandwidths").mark, Mark::Note);
        assert_eq!(check(&fixture, "distances").mark, Mark::Ok);
        fixture.add(&[
            ("sys/devices/virtual/memory_tiering/memory_tier4/nodelist", "0\n"),
            ("sys/devices/virtual/memory_tiering/memory_tier93/nodelist", "1\n"),
        ]);
        assert_eq!(check(&fixture, "memory_tiers").message, "2, from fast to slow: nodes 0, then 1");
    }

    #[test]
    fn a_full_node_is_named() {
        let full = check(&machine(), "free_memory");
        assert!(full.mark == Mark::Note && full.message.contains("on node 1:"), "{full:?}");
    }

    #[test]
    fn a_pool_of_huge_pages_that_misses_a_node_is_a_note() {
        let fixture = machine();
        assert_eq!(check(&fixture, "hugetlb").mark, Mark::Ok);
        let pool = "hugepages/hugepages-2048kB";
        fixture.add(&[
            ("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "8\n"),
            (&format!("sys/devices/system/node/node0/{pool}/nr_hugepages"), "8\n"),
            (&format!("sys/devices/system/node/node0/{pool}/free_hugepages"), "5\n"),
            (&format!("sys/devices/system/node/node1/{pool}/nr_hugepages"), "0\n"),
        ]);
        let pool = check(&fixture, "hugetlb");
        assert_eq!(pool.mark, Mark::Note);
        assert_eq!(pool.message, "8 pages of 2.00 MiB, 5 of them free, on node 0; none on node 1");
    }

    #[test]
    fn a_machine_without_files_is_a_problem() {
        let fixture = Fixture::new(&[]);
        let system = System {
            files: fixture.files.clone(),
            topology: Err("no such file or directory [ENOENT]".into()),
            calls: Calls::all(Ok(())),
            variable: |_| None,
        };
        assert_eq!(checks(&system).first().map(|check| check.mark), Some(Mark::Problem));
    }
}

//! Describes a real machine for a report that is sent in: what its times depend on.

use crate::report::{cells, table};
use crate::survey::{MIB, Plan, Survey, field, ranges};
use std::fs;
use std::path::Path;

/// The files of a machine below a directory.
struct Files<'a>(&'a Path);

impl Files<'_> {
    /// The content of a file; "unknown" if it cannot be read.
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).map_or_else(|_| "unknown".into(), |text| text.trim().to_owned())
    }
}

/// The load averages of the last minute, five minutes and a quarter of an hour.
pub fn load(root: &Path) -> String {
    Files(root).read("proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Whether the kernel moves pages to the nodes that use them.
fn is_balancing(root: &Path) -> bool {
    !matches!(Files(root).read("proc/sys/kernel/numa_balancing").as_str(), "0" | "unknown")
}

/// One line for each property of the machine.
pub fn properties(root: &Path, survey: &Survey) -> String {
    let files = Files(root);
    let cpuinfo = files.read("proc/cpuinfo");
    let named = ["model name", "cpu", "Processor", "CPU implementer"];
    let processor = named.iter().find_map(|name| field(&cpuinfo, name)).unwrap_or("unknown");
    let is_virtual = field(&cpuinfo, "flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"));
    let dmi = |name: &str| files.read(&format!("sys/class/dmi/id/{name}"));
    let huge = |name: &str| files.read(&format!("sys/kernel/mm/transparent_hugepage/{name}"));
    let huge_size = huge("hpage_pmd_size")
        .parse::<u64>()
        .map_or_else(|_| "unknown size".into(), |size| format!("{} MiB", size / MIB));
    let balancing = match files.read("proc/sys/kernel/numa_balancing").as_str() {
        "unknown" => "not in this kernel".into(),
        "0" => "off".into(),
        mode => format!("on (kernel.numa_balancing = {mode})"),
    };
    let lines = [
        (
            "Machine",
            format!(
                "{} {}{}",
                dmi("sys_vendor"),
                dmi("product_name"),
                if is_virtual { ", a virtual machine" } else { "" }
            ),
        ),
        ("Processor", processor.to_owned()),
        ("CPUs", format!("{} online, {} usable", files.read("sys/devices/system/cpu/online"), ranges(&survey.cpus))),
        ("Frequency governor", files.read("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
        ("Kernel", format!("Linux {}", files.read("proc/sys/kernel/osrelease"))),
        ("Base pages", format!("{} KiB", survey.page_size / 1024)),
        ("Transparent huge pages", format!("{}, of {huge_size}; defrag: {}", huge("enabled"), huge("defrag"))),
        ("Automatic NUMA balancing", balancing),
        ("Nodes online", ranges(&survey.online)),
        ("Load average before", load(root)),
    ];
    lines.iter().map(|(name, value)| format!("- {name}: {value}\n")).collect()
}

/// The usable nodes, what they are used for, and their distances.
pub fn nodes(survey: &Survey, plan: &Plan) -> String {
    let mut head = cells(["node", "used for", "CPUs", "memory", "free"]);
    head.extend(plan.nodes.iter().map(|node| format!("distance to {node}")));
    let row = |node: &crate::survey::Node| {
        let place = plan.nodes.iter().position(|chosen| *chosen == node.number);
        let mut row = vec![
            node.number.to_string(),
            match place {
                Some(0) => "where pages are".into(),
                Some(place) => format!("target {place}"),
                None => String::new(),
            },
            if node.cpus.is_empty() { "none".into() } else { ranges(&node.cpus) },
            format!("{} MiB", node.total / MIB),
            format!("{} MiB", node.free / MIB),
        ];
        let distance = |to: &usize| {
            // The kernel lists those of online nodes.
            let place = survey.online.iter().position(|online| online == to)?;
            node.distances.get(place).cloned()
        };
        row.extend(plan.nodes.iter().map(|to| distance(to).unwrap_or_else(|| "unknown".into())));
        row
    };
    table(&[vec![head], survey.nodes.iter().map(row).collect()].concat())
}

/// What this process cannot do here, and what may disturb the measurement.
pub fn limits(root: &Path, survey: &Survey) -> Vec<String> {
    let mut limits = Vec::new();
    if survey.is_root {
        limits.push("Run as root: `migrate_pages(2)` also moves pages that other processes map.".into());
    } else {
        limits.push(
            "Run without root: `migrate_pages(2)` moves only pages that no other process maps, as `numars_move_process` does. The file cache \
             cannot be dropped and automatic NUMA balancing cannot be switched off without root."
                .into(),
        );
    }
    if is_balancing(root) {
        limits.push(
            "Automatic NUMA balancing is on and may move pages meanwhile. Root can switch it off: sysctl kernel.numa_balancing=0".into(),
        );
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::Node;
    use crate::survey::tests::machine;

    fn survey() -> Survey {
        let node = |number, cpus, distances: [&str; 3]| Node {
            number,
            cpus,
            total: 2048 * MIB,
            free: 1024 * MIB,
            distances: distances.map(String::from).to_vec(),
        };
        let nodes = vec![node(0, vec![0, 1], ["10", "21", "28"]), node(5, vec![], ["28", "17", "10"])];
        Survey { nodes, cpus: vec![0, 1, 7], online: vec![0, 3, 5], page_size: 65536, is_root: false }
    }

    #[test]
    fn the_table_of_nodes_says_which_are_used_and_how_far_they_are() {
        let text = nodes(&survey(), &Plan { nodes: vec![5, 0], cpus: vec![], max_pages: 0 });
        let rows: Vec<Vec<&str>> = text.lines().skip(2).map(|line| line.split('|').map(str::trim).collect()).collect();
        assert_eq!(rows[0][1..8], ["0", "target 1", "0-1", "2048 MiB", "1024 MiB", "28", "10"]);
        assert_eq!(rows[1][1..8], ["5", "where pages are", "none", "2048 MiB", "1024 MiB", "10", "28"]);
    }

    #[test]
    fn a_machine_is_described_without_files_that_it_lacks() {
        let files = [
            ("proc/cpuinfo", "processor\t: 0\nmodel name\t: Fast\nflags\t\t: fpu hypervisor\n"),
            ("proc/sys/kernel/osrelease", "6.12.1-x\n"),
            ("proc/loadavg", "0.10 0.20 0.30 1/99 1234\n"),
            ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
            ("sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "2097152\n"),
        ];
        let root = machine("description", &files);
        let text = properties(&root, &survey());
        fs::remove_dir_all(root).unwrap();
        for line in [
            "- Machine: unknown unknown, a virtual machine\n",
            "- Processor: Fast\n",
            "- CPUs: unknown online, 0-1,7 usable",
            "- Kernel: Linux 6.12.1-x\n",
            "- Base pages: 64 KiB\n",
            "- Transparent huge pages: always [madvise] never, of 2 MiB; defrag: unknown\n",
            "- Automatic NUMA balancing: not in this kernel\n",
            "- Nodes online: 0,3,5\n",
            "- Load average before: 0.10 0.20 0.30\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn balancing_and_missing_privileges_are_said() {
        let of = |setting, is_root| {
            let root = machine("limits", &[("proc/sys/kernel/numa_balancing", setting)]);
            let limits = limits(&root, &Survey { is_root, ..survey() }).concat();
            fs::remove_dir_all(root).unwrap();
            (
                limits.contains("without root:") || limits.contains("Run without root"),
                limits.contains("balancing is on"),
            )
        };
        assert_eq!(of("1\n", false), (true, true));
        assert_eq!(of("0\n", true), (false, false));
    }
}

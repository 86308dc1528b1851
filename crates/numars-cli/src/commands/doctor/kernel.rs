//! The version of the kernel, and what the administrator can set.

use super::files::{self, Files};
use super::{Check, System};
use crate::units;
use numars::{NodeSet, Topology};

/// What came after Linux 5.14, the oldest kernel that distributions still maintain for long.
const SINCE: [(u32, u32, &str); 7] = [
    (5, 15, "MPOL_PREFERRED_MANY"),
    (5, 17, "home nodes"),
    (6, 1, "memory tiers"),
    (6, 7, "PAGEMAP_SCAN"),
    (6, 9, "weighted interleave"),
    (6, 16, "weights from bandwidths"),
    (6, 17, "reclaim by node"),
];

/// Returns the checks of the kernel and its settings.
pub fn checks(system: &System) -> Vec<Check> {
    let files = &system.files;
    let with_memory = system.topology.as_ref().map(Topology::nodes_with_memory).unwrap_or_default();
    let has_several = with_memory.len() > 1;
    let tiers = system.topology.as_ref().ok().and_then(|topology| topology.tiers().ok()).map_or(0, Iterator::count);
    let mut checks = vec![
        version(system),
        balancing(files, has_several, tiers > 1),
        zone_reclaim(files),
        huge_pages(files),
        defrag(files),
    ];
    checks.extend(demotion(files, tiers));
    checks.extend(weights(system, with_memory, tiers));
    checks.extend(same_page_merging(files, has_several));
    checks.extend([swap(files), overcommit(files)]);
    checks
}

/// Parses the version at the beginning of a release, such as `6.12.48-amd64`.
fn parse_version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|byte: char| !byte.is_ascii_digit()).map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

fn version(system: &System) -> Check {
    const NAME: &str = "version";
    let Ok(release) = system.files.read("proc/sys/kernel/osrelease") else {
        return Check::unknown(NAME, "/proc/sys/kernel/osrelease cannot be read");
    };
    let Some(version) = parse_version(&release) else {
        return Check::unknown(NAME, release);
    };
    // Distributions add features to old kernels.
    let calls = &system.calls;
    let has_tiers = system.files.exist("sys/devices/virtual/memory_tiering");
    let is_there = |name| match name {
        "MPOL_PREFERRED_MANY" => calls.preferred_many,
        "home nodes" => calls.home_node.is_ok(),
        "memory tiers" => has_tiers,
        "PAGEMAP_SCAN" => calls.pagemap_scan,
        "weighted interleave" => calls.weighted_interleave,
        _ => false,
    };
    let missing: Vec<String> = SINCE
        .iter()
        .filter(|&&(major, minor, name)| version < (major, minor) && !is_there(name))
        .map(|(major, minor, name)| format!("{name} ({major}.{minor})"))
        .collect();
    if missing.is_empty() {
        Check::ok(NAME, format!("{release} has everything that numars uses"))
    } else {
        Check::note(NAME, format!("{release} is older than {}", missing.join(", ")))
    }
}

fn balancing(files: &Files, has_several: bool, has_tiers: bool) -> Check {
    const NAME: &str = "numa_balancing";
    match files.number("proc/sys/kernel/numa_balancing") {
        None => Check::ok(NAME, "the kernel has none"),
        Some(mode @ (0 | 1)) if has_tiers => {
            Check::note(NAME, format!("{mode}: hot pages of slow tiers are not promoted"))
                .remedy("sysctl kernel.numa_balancing=2")
        }
        Some(0) => Check::ok(NAME, "off: pages stay where they are"),
        Some(mode) if mode & 1 == 0 => {
            Check::ok(NAME, format!("{mode}: hot pages are promoted to faster tiers, nothing else moves"))
        }
        Some(mode) if has_several => {
            Check::note(NAME, format!("{mode}: the kernel moves pages to the threads that use them, perhaps back"))
                .remedy("bind the memory, which it leaves alone then, or sysctl kernel.numa_balancing=0")
        }
        Some(mode) => Check::ok(NAME, format!("{mode}: without effect on one node")),
    }
}

fn zone_reclaim(files: &Files) -> Check {
    const NAME: &str = "zone_reclaim_mode";
    match files.number("proc/sys/vm/zone_reclaim_mode") {
        Some(0) => Check::ok(NAME, "0: a full node's pages are allocated on others"),
        Some(mode) => Check::note(NAME, format!("{mode}: a full node reclaims its own pages first, which takes time"))
            .remedy("sysctl vm.zone_reclaim_mode=0, unless each program fits on its node"),
        None => Check::unknown(NAME, "the kernel does not say"),
    }
}

fn huge_pages(files: &Files) -> Check {
    const NAME: &str = "thp_enabled";
    const FILE: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
    match files.selected(FILE).as_deref() {
        Some("never") => {
            Check::note(NAME, "never: no transparent huge pages, which move faster and need fewer TLB entries")
                .remedy(format!("echo madvise > {FILE}"))
        }
        Some("madvise") => Check::ok(NAME, "madvise: programs that ask for huge pages get them"),
        Some(mode) => Check::ok(NAME, format!("{mode}: huge pages are used")),
        None => Check::unknown(NAME, "the kernel has no transparent huge pages, or does not say"),
    }
}

fn defrag(files: &Files) -> Check {
    const NAME: &str = "thp_defrag";
    const FILE: &str = "/sys/kernel/mm/transparent_hugepage/defrag";
    match files.selected(FILE).as_deref() {
        Some("always") => Check::note(NAME, "always: allocations may wait until memory has been compacted")
            .remedy(format!("echo defer+madvise > {FILE}")),
        Some("never") => Check::note(NAME, "never: huge pages are used only where they are free"),
        Some(mode) => Check::ok(NAME, mode),
        None => Check::unknown(NAME, "the kernel does not say"),
    }
}

fn demotion(files: &Files, tiers: usize) -> Option<Check> {
    const NAME: &str = "demotion_enabled";
    let enabled = match files.read("sys/kernel/mm/numa/demotion_enabled").ok()?.as_str() {
        "true" | "1" => true,
        "false" | "0" => false,
        other => return Some(Check::unknown(NAME, other)),
    };
    Some(match (enabled, tiers) {
        (true, 2..) => Check::note(NAME, "on: cold pages go to slower tiers, even to nodes outside cpuset.mems"),
        (false, 2..) => Check::note(NAME, "off: cold pages are swapped or dropped, not moved to slower tiers")
            .remedy("echo true > /sys/kernel/mm/numa/demotion_enabled"),
        (true, _) => Check::ok(NAME, "on, and without effect in one tier"),
        (false, _) => Check::ok(NAME, "off"),
    })
}

fn weights(system: &System, with_memory: NodeSet, tiers: usize) -> Option<Check> {
    const NAME: &str = "interleave_weights";
    const DIRECTORY: &str = "/sys/kernel/mm/mempolicy/weighted_interleave";
    let topology = system.topology.as_ref().ok()?;
    let weights: Vec<_> = with_memory
        .into_iter()
        .filter_map(|node| topology.interleave_weight(node).ok().map(|weight| (node, weight)))
        .collect();
    let (_, first) = *weights.first()?;
    let automatic = match system.files.read(format!("{DIRECTORY}/auto")).as_deref() {
        Ok("true" | "1") => ", from bandwidths",
        _ => "",
    };
    if weights.iter().any(|(_, weight)| *weight != first) {
        let shown: Vec<String> = weights.iter().take(8).map(|(node, weight)| format!("{node}:{weight}")).collect();
        let more = if weights.len() > 8 { " ..." } else { "" };
        return Some(Check::ok(NAME, format!("{}{more}{automatic}", shown.join(" "))));
    }
    let text = format!("{first} on all nodes{automatic}");
    Some(if tiers > 1 {
        Check::note(NAME, format!("{text}: slow memory gets as many pages as fast memory"))
            .remedy(format!("write weights in proportion to bandwidths to {DIRECTORY}/nodeN"))
    } else {
        Check::ok(NAME, text)
    })
}

/// Reports that pages of different nodes are merged.
fn same_page_merging(files: &Files, has_several: bool) -> Option<Check> {
    let runs = files.number("sys/kernel/mm/ksm/run")? == 1;
    let across = files.number("sys/kernel/mm/ksm/merge_across_nodes")? == 1;
    (runs && across && has_several).then(|| {
        Check::note("ksm", "equal pages of different nodes are merged, wherever they are needed")
            .remedy("echo 2 > /sys/kernel/mm/ksm/run, then echo 0 > /sys/kernel/mm/ksm/merge_across_nodes")
    })
}

fn swap(files: &Files) -> Check {
    const NAME: &str = "swap";
    let meminfo = files.read("proc/meminfo").unwrap_or_default();
    let (Some(total), Some(free)) = (files::kilobytes(&meminfo, "SwapTotal"), files::kilobytes(&meminfo, "SwapFree"))
    else {
        return Check::unknown(NAME, "/proc/meminfo does not say");
    };
    if total == 0 {
        return Check::ok(NAME, "none: what is bound to a full node is killed (OOM), not swapped");
    }
    let swappiness = files.number("proc/sys/vm/swappiness");
    let swappiness = swappiness.map_or(String::new(), |value| format!(", swappiness {value}"));
    let used = total.saturating_sub(free);
    let text = format!("{} of {} used{swappiness}", units::bytes(used), units::bytes(total));
    if used > total / 2 {
        Check::note(NAME, format!("{text}: swapped pages are on no node, and come back on any that is allowed"))
    } else {
        Check::ok(NAME, text)
    }
}

fn overcommit(files: &Files) -> Check {
    const NAME: &str = "overcommit_memory";
    match files.number("proc/sys/vm/overcommit_memory") {
        Some(2) => Check::note(NAME, "2: large mappings fail (ENOMEM) beyond CommitLimit, even if memory is free")
            .remedy("sysctl vm.overcommit_memory=0, or a larger vm.overcommit_ratio"),
        Some(0) => Check::ok(NAME, "0: only obvious overcommits are refused"),
        Some(mode) => Check::ok(NAME, format!("{mode}: memory is never refused")),
        None => Check::unknown(NAME, "the kernel does not say"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Mark;
    use super::super::calls::Calls;
    use super::super::files::fixture::Fixture;
    use super::*;
    use numars::Errno;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(parse_version("6.12.48+deb13-amd64"), Some((6, 12)));
        assert_eq!(parse_version("6.9-rc1"), Some((6, 9)));
        assert_eq!([parse_version(""), parse_version("next"), parse_version("6")], [None; 3]);
        let fixture = Fixture::new(&[("proc/sys/kernel/osrelease", "6.1.0-37-amd64\n")]);
        let mut system = System {
            files: fixture.files.clone(),
            topology: Err(String::new()),
            calls: Calls::all(Err(Errno::ENOSYS)),
            variable: |_| None,
        };
        let missing = version(&system);
        assert!(
            missing.mark == Mark::Note && missing.message.contains("PAGEMAP_SCAN (6.7), weighted interleave (6.9)")
        );
        assert!(!missing.message.contains("home nodes"));
        // A distribution has added it.
        system.calls.pagemap_scan = true;
        assert!(!version(&system).message.contains("PAGEMAP_SCAN"));
        fixture.add(&[("proc/sys/kernel/osrelease", "7.2.0\n")]);
        assert_eq!(version(&system).mark, Mark::Ok);
    }

    #[test]
    fn balancing_is_a_note_only_if_it_moves_pages_between_nodes() {
        let marks = |value: &str| {
            let fixture = Fixture::new(&[("proc/sys/kernel/numa_balancing", value)]);
            [(true, false), (false, false), (true, true)]
                .map(|(several, tiers)| balancing(&fixture.files, several, tiers).mark)
        };
        assert_eq!(marks("0\n"), [Mark::Ok, Mark::Ok, Mark::Note]);
        assert_eq!(marks("1\n"), [Mark::Note, Mark::Ok, Mark::Note]);
        assert_eq!(marks("2\n"), [Mark::Ok, Mark::Ok, Mark::Ok]);
        assert_eq!(marks("3\n"), [Mark::Note, Mark::Ok, Mark::Note]);
    }

    #[test]
    fn settings_that_surprise_are_notes_with_a_remedy() {
        let fixture = Fixture::new(&[
            ("proc/sys/vm/zone_reclaim_mode", "1\n"),
            ("proc/sys/vm/overcommit_memory", "2\n"),
            ("sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n"),
            ("sys/kernel/mm/transparent_hugepage/defrag", "[always] defer defer+madvise madvise never\n"),
            ("sys/kernel/mm/numa/demotion_enabled", "false\n"),
            ("sys/kernel/mm/ksm/run", "1\n"),
            ("sys/kernel/mm/ksm/merge_across_nodes", "1\n"),
        ]);
        let files = &fixture.files;
        let checks = [zone_reclaim(files), overcommit(files), huge_pages(files), defrag(files)];
        let more = [demotion(files, 2).unwrap(), same_page_merging(files, true).unwrap()];
        for check in checks.iter().chain(&more) {
            assert!(check.mark == Mark::Note && check.remedy.is_some(), "{check:?}");
        }
        assert_eq!(demotion(files, 1).unwrap().mark, Mark::Ok);
        assert!(same_page_merging(files, false).is_none());
    }

    #[test]
    fn swap_is_shown_with_its_use() {
        let fixture = Fixture::new(&[
            ("proc/meminfo", "SwapTotal:  2097152 kB\nSwapFree:  524288 kB\n"),
            ("proc/sys/vm/swappiness", "60\n"),
        ]);
        let used = swap(&fixture.files);
        assert!(used.mark == Mark::Note && used.message.starts_with("1.50 GiB of 2.00 GiB used, swappiness 60"));
        fixture.add(&[("proc/meminfo", "SwapTotal: 0 kB\nSwapFree: 0 kB\n")]);
        assert_eq!(swap(&fixture.files).mark, Mark::Ok);
        fixture.add(&[("proc/meminfo", "")]);
        assert_eq!(swap(&fixture.files).mark, Mark::Unknown);
    }
}

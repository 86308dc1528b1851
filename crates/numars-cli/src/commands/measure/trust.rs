//! Reasons not to trust the results.

use super::Pair;
use super::runner::Measurement;
use crate::commands::doctor::files::{Files, kilobytes};
use crate::commands::doctor::hypervisor::{hypervisor, is_emulated};
use crate::units;
use numars::{CpuSet, Topology};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// A reason not to trust the results.
#[derive(Serialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What it is about.
    pub kind: WarningKind,
    /// What it says.
    pub message: String,
}

/// What a warning is about.
#[derive(Serialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum WarningKind {
    /// There is one node only.
    OneNode,
    /// The CPUs are emulated by software.
    Emulated,
    /// A virtual machine.
    VirtualMachine,
    /// Other processes were running.
    Busy,
    /// Other processes or virtual machines took time from the threads that measured.
    TimeLost,
    /// The runs differ.
    Spread,
    /// Memory has pages of the smallest size, or this is not known.
    NoHugePages,
    /// A large part of the memory fits into a cache.
    SmallBuffer,
    /// The sizes of the caches are not known.
    UnknownCaches,
    /// The program was built without optimization.
    Unoptimized,
}

fn warning(kind: WarningKind, message: impl Into<String>) -> Warning {
    Warning { kind, message: message.into() }
}

/// The last-level caches of CPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caches {
    /// The size of the largest in bytes. None: unknown.
    pub largest: Option<u64>,
    /// The size of all together in bytes. None: unknown.
    pub total: Option<u64>,
}

impl Caches {
    /// Reads the caches of CPUs.
    pub fn read(files: &Files, cpus: &CpuSet) -> Caches {
        // By the CPUs that share them.
        let mut caches: BTreeMap<String, u64> = BTreeMap::new();
        for cpu in cpus {
            let directory = format!("sys/devices/system/cpu/cpu{}/cache", cpu.number());
            let indices = files.list(&directory).into_iter().filter(|name| name.starts_with("index"));
            let last = indices
                .map(|index| format!("{directory}/{index}"))
                .filter(|cache| !files.read(format!("{cache}/type")).is_ok_and(|kind| kind == "Instruction"))
                .max_by_key(|cache| files.number(format!("{cache}/level")).unwrap_or(0));
            let Some(cache) = last else {
                continue;
            };
            let size = files.read(format!("{cache}/size")).ok().and_then(|size| units::parse_bytes(&size).ok());
            let shared = files.read(format!("{cache}/shared_cpu_list")).unwrap_or_else(|_| cpu.number().to_string());
            if let Some(size) = size.filter(|size| *size > 0) {
                caches.insert(shared, size);
            }
        }
        let total = caches.values().fold(0_u64, |sum, size| sum.saturating_add(*size));
        Caches { largest: caches.values().copied().max(), total: (total > 0).then_some(total) }
    }
}

/// Returns the warnings about the machine.
pub fn warnings_of_machine(files: &Files, topology: &Topology, measured: usize) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if topology.nodes_with_memory().len() == 1 {
        warnings.push(warning(WarningKind::OneNode, "one node has memory: there is nothing to compare"));
    } else if measured == 1 {
        warnings.push(warning(WarningKind::OneNode, "one node was measured: there is nothing to compare"));
    }
    if is_emulated(files) {
        let text = "the CPUs are emulated by QEMU, and nodes differ in their numbers only: the results mean nothing";
        warnings.push(warning(WarningKind::Emulated, text));
    } else if let Some(name) = hypervisor(files) {
        let text = format!("a virtual machine ({name}): its nodes and CPUs may be anywhere on the host");
        warnings.push(warning(WarningKind::VirtualMachine, text));
    }
    if cfg!(debug_assertions) {
        let text = "numars was built without optimization: the program is measured, not the memory";
        warnings.push(warning(WarningKind::Unoptimized, text));
    }
    warnings
}

/// Returns the warning about the amount of memory.
pub fn warnings_of_size(caches: &Caches, size: u64) -> Option<Warning> {
    let Some(total) = caches.total else {
        let text = "the sizes of the caches are not known: the results may be those of caches";
        return Some(warning(WarningKind::UnknownCaches, text));
    };
    let largest = caches.largest.unwrap_or(total);
    (size < largest.saturating_mul(4)).then(|| {
        let share = (largest as f64 / size.max(1) as f64 * 100.0).min(100.0);
        let (size, cache) = (units::bytes(size), units::bytes(largest));
        let text = format!("the last-level cache of {cache} holds {share:.0} % of {size}: the results are too good");
        warning(WarningKind::SmallBuffer, text)
    })
}

/// Returns the share of a range of this process that huge pages hold. None: unknown.
pub fn share_of_huge_pages(files: &Files, start: usize, length: usize) -> Option<f64> {
    huge_bytes(&files.read("proc/self/smaps").ok()?, start, length).map(|bytes| bytes as f64 / length.max(1) as f64)
}

/// Returns the bytes of huge pages in the mappings that a range overlaps, or `None` if it overlaps no mapping.
fn huge_bytes(smaps: &str, start: usize, length: usize) -> Option<u64> {
    let end = start.saturating_add(length);
    let mut overlaps = false;
    let mut total = None;
    for line in smaps.lines() {
        if let Some((from, to)) = range_of(line) {
            overlaps = from < end && to > start;
        } else if overlaps && line.starts_with("AnonHugePages:") {
            let bytes = kilobytes(line, "AnonHugePages")?;
            total = Some(total.unwrap_or(0_u64).saturating_add(bytes));
        }
    }
    total
}

/// Parses the addresses of the first line of a mapping.
fn range_of(line: &str) -> Option<(usize, usize)> {
    let (from, to) = line.split(' ').next()?.split_once('-')?;
    Some((usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?))
}

/// Returns a warning if memory of a node lacks huge pages.
pub fn warning_of_huge_pages(shares: &[Option<f64>]) -> Option<Warning> {
    if shares.contains(&None) {
        let text = "whether the memory is in huge pages is not known: latencies may have the time of TLB misses";
        return Some(warning(WarningKind::NoHugePages, text));
    }
    let smallest = shares.iter().flatten().copied().fold(1.0, f64::min);
    (smallest < 0.9).then(|| {
        let text =
            format!("{:.0} % of the memory is in huge pages: latencies have the time of TLB misses", smallest * 100.0);
        warning(WarningKind::NoHugePages, text)
    })
}

/// Returns the largest spread.
pub fn largest_spread(pairs: &[Pair]) -> f64 {
    measurements(pairs).map(|measurement| measurement.spread).fold(0.0, f64::max)
}

fn measurements(pairs: &[Pair]) -> impl Iterator<Item = &Measurement> {
    pairs.iter().flat_map(|pair| [&pair.latency_ns, &pair.read_bandwidth, &pair.write_bandwidth])
}

/// A spread beyond this is not trusted.
pub const MAX_SPREAD: f64 = 0.1;

/// Returns the warnings about the results themselves.
pub fn warnings_of_results(pairs: &[Pair]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let all = measurements(pairs).count();
    let wide = measurements(pairs).filter(|measurement| measurement.spread > MAX_SPREAD).count();
    if wide > 0 {
        let largest = largest_spread(pairs) * 100.0;
        let text = format!("the runs of {wide} of {all} results differ by more than 10 %, up to {largest:.0} %");
        warnings.push(warning(WarningKind::Spread, text));
    }
    let lost = measurements(pairs).map(|measurement| measurement.lost).fold(0.0, f64::max);
    if lost > 0.02 {
        let text = format!("others took up to {:.0} % of the time of the threads that measured", lost * 100.0);
        warnings.push(warning(WarningKind::TimeLost, text));
    }
    warnings
}

/// How busy the machine was before, and what its hypervisor had taken.
pub struct Watch {
    load: Option<f64>,
    cpus: usize,
    stolen: Option<(u64, u64)>,
}

impl Watch {
    /// Begins to watch.
    pub fn start(files: &Files) -> Watch {
        let load = files.read("proc/loadavg").ok().and_then(|text| text.split(' ').next()?.parse().ok());
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        Watch { load, cpus, stolen: stolen(files) }
    }

    /// Returns the warnings about the time since then.
    pub fn warnings(&self, files: &Files) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if let Some(load) = self.load.filter(|load| *load > 0.5 + 0.05 * self.cpus as f64) {
            let text = format!("the machine was busy: its load average was {load:.1}");
            warnings.push(warning(WarningKind::Busy, text));
        }
        if let (Some((stolen_before, all_before)), Some((stolen, all))) = (self.stolen, stolen(files)) {
            let share = stolen.saturating_sub(stolen_before) as f64 / all.saturating_sub(all_before).max(1) as f64;
            if share > 0.01 {
                let text = format!("the hypervisor gave {:.0} % of the time to others", share * 100.0);
                warnings.push(warning(WarningKind::TimeLost, text));
            }
        }
        warnings
    }
}

/// Returns the time that the hypervisor gave to others, and all time, in the unit of /proc/stat.
fn stolen(files: &Files) -> Option<(u64, u64)> {
    let text = files.read("proc/stat").ok()?;
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    // user, nice, system, idle, iowait, irq, softirq, steal; the next two are parts of the first two.
    let times: Vec<u64> = line.split_whitespace().take(8).filter_map(|time| time.parse().ok()).collect();
    Some((*times.get(7)?, times.iter().fold(0_u64, |sum, time| sum.saturating_add(*time))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::files::fixture::Fixture;

    #[test]
    fn a_cache_that_cpus_share_counts_once() {
        let cache = |cpu: usize, index: usize, level: &str, kind: &str, size: &str, shared: &str| {
            let directory = format!("sys/devices/system/cpu/cpu{cpu}/cache/index{index}");
            [("level", level), ("type", kind), ("size", size), ("shared_cpu_list", shared)]
                .map(|(name, value)| (format!("{directory}/{name}"), format!("{value}\n")))
        };
        let fixture = Fixture::new(&[]);
        for cpu in 0..4 {
            let shared = if cpu < 2 { "0-1" } else { "2-3" };
            let files =
                [cache(cpu, 0, "1", "Data", "32K", "0"), cache(cpu, 3, "3", "Unified", "32768K", shared)].concat();
            let files: Vec<(&str, &str)> = files.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            fixture.add(&files);
        }
        let read = |cpus: &str| Caches::read(&fixture.files, &cpus.parse().unwrap());
        assert_eq!(read("0-3"), Caches { largest: Some(32 << 20), total: Some(64 << 20) });
        assert_eq!(read("0"), Caches { largest: Some(32 << 20), total: Some(32 << 20) });
        assert_eq!(read("9"), Caches { largest: None, total: None });
        let kind = |size| warnings_of_size(&read("0-3"), size).map(|warning| warning.kind);
        assert_eq!((kind(128 << 20), kind(64 << 20)), (None, Some(WarningKind::SmallBuffer)));
        assert_eq!(warnings_of_size(&read("9"), 1 << 40).map(|warning| warning.kind), Some(WarningKind::UnknownCaches));
    }

    #[test]
    fn huge_pages_are_counted_in_the_range_alone() {
        let smaps = "1000-3000 rw-p 00000000 00:00 0 \nSize: 8 kB\nAnonHugePages:      4 kB\nVmFlags: rd\n\
                     3000-5000 rw-p 00000000 00:00 0\nAnonHugePages:      8 kB\n7000-8000 r--p 0 00:00 0\nAnonHugePages: 2 kB\n";
        assert_eq!(huge_bytes(smaps, 0x1000, 0x4000), Some(12 << 10));
        assert_eq!(huge_bytes(smaps, 0x3000, 0x1000), Some(8 << 10));
        assert_eq!(huge_bytes(smaps, 0x9000, 0x1000), None);
        assert!(warning_of_huge_pages(&[Some(1.0), Some(0.5)]).is_some() && warning_of_huge_pages(&[None]).is_some());
        assert!(warning_of_huge_pages(&[Some(1.0)]).is_none());
    }

    #[test]
    fn results_that_differ_or_lost_time_are_not_trusted() {
        let measurement = |spread, lost| Measurement { median: 1.0, minimum: 1.0, maximum: 1.0, spread, lost };
        let pair = |spread, lost| Pair {
            from: 0,
            to: 0,
            distance: None,
            threads: 1,
            latency_ns: measurement(0.0, 0.0),
            read_bandwidth: measurement(spread, lost),
            write_bandwidth: measurement(0.0, 0.0),
            firmware: None,
        };
        let kinds = |spread, lost| -> Vec<WarningKind> {
            warnings_of_results(&[pair(spread, lost)]).iter().map(|warning| warning.kind).collect()
        };
        assert_eq!(kinds(0.05, 0.001), []);
        assert_eq!(kinds(0.2, 0.1), [WarningKind::Spread, WarningKind::TimeLost]);
    }

    #[test]
    fn a_busy_machine_and_stolen_time_are_noticed() {
        let stat = |steal: u64| format!("cpu  100 0 100 800 0 0 0 {steal} 0 0\ncpu0 1 2\n");
        let fixture = Fixture::new(&[("proc/loadavg", "99.20 1.00 0.50 2/345 6789\n"), ("proc/stat", &stat(0))]);
        let watch = Watch::start(&fixture.files);
        fixture.add(&[("proc/stat", &stat(100))]);
        let kinds: Vec<WarningKind> = watch.warnings(&fixture.files).iter().map(|warning| warning.kind).collect();
        // Only stolen time has passed.
        assert_eq!(
            kinds,
            if watch.cpus < 1900 {
                vec![WarningKind::Busy, WarningKind::TimeLost]
            } else {
                vec![WarningKind::TimeLost]
            }
        );
        let idle = Fixture::new(&[("proc/loadavg", "0.05 1.00 0.50 1/345 6789\n"), ("proc/stat", "cpu  1 2\n")]);
        assert!(Watch::start(&idle.files).warnings(&idle.files).is_empty());
    }
}

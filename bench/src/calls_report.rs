//! The report on loading, calls and first use: Markdown tables and charts.

use crate::calls::{Against, COMPARISONS, Comparison, Costs, LIBNUMA, MANY_CPUS, NEWEST, NUMARS, Times, verdict};
use crate::chart;
use crate::every_call::EveryCall;
use crate::loading::{self, Loading};
use crate::machine::{FirstUse, Growth, ManyCpus, Shape};
use crate::report::{CALLS, Host, cells, result, table};
use crate::samples::{Ratio, readable, three_digits};
use anyhow::Result;
use std::collections::HashMap;

const RATIOS_PICTURE: &str = "performance-calls.svg";
const WITH_NODES_PICTURE: &str = "performance-first-use-nodes.svg";
const WITH_CPUS_PICTURE: &str = "performance-first-use-cpus.svg";

/// How many times faster first use should be.
const FIRST_USE_TARGET: f64 = 5.0;

pub struct CallsReport {
    pub host: Host,
    /// The version of the installed libnuma.
    pub version: String,
    pub loading: [(&'static str, Loading); 2],
    /// Those of libnuma and of numars.
    pub costs: [Costs; 2],
    pub on_host: Times,
    pub in_guest: Times,
    pub every_on_host: EveryCall,
    pub every_in_guest: EveryCall,
    /// The cost of the first use on machines with increasing numbers of nodes, and of CPUs.
    pub with_nodes: Growth,
    pub with_cpus: Growth,
    pub many: ManyCpus,
}

/// A median ratio with its interquartile range.
fn spread(ratio: &Ratio) -> String {
    format!("{} ({} to {})", three_digits(ratio.median), three_digits(ratio.low), three_digits(ratio.high))
}

/// Calls that are compared with libnuma's.
fn faster(times: &Times, comparisons: &[Comparison], version: &str) -> String {
    let head = ["call", "case", &format!("libnuma {version}"), "numars", "times faster", "target", "result"];
    let row = |comparison: &Comparison| {
        let target = comparison.target.map_or(String::new(), |target| target.to_string());
        let [theirs, ours, ratio, result] = match times.compare(comparison) {
            Ok((theirs, ours, ratio)) => {
                let result = verdict(comparison.target, ratio.median);
                [readable(theirs.median()), readable(ours.median()), spread(&ratio), result.into()]
            }
            Err(why) => [String::new(), String::new(), String::new(), format!("failed: {why}")],
        };
        vec![name(comparison.row), comparison.about.into(), theirs, ours, ratio, target, result]
    };
    let rows = comparisons.iter().filter(|comparison| comparison.against == Against::Libnuma).map(row);
    table(&[vec![cells(head)], rows.collect()].concat())
}

/// Calls that are compared with the system calls that they need; and with libnuma of this version, if it was measured.
pub fn within(times: &Times, version: Option<&str>) -> String {
    let libnumas = version.map_or(String::new(), |version| format!("libnuma {version}"));
    let head = ["call", "case", "bare", &libnumas, "numars", "numars / bare", "at most", "result"];
    let row = |comparison: &Comparison| {
        let row_or_error = || -> Result<[String; 5]> {
            let (bare, ours, _) = times.compare(comparison)?;
            let over = Ratio::of(ours, bare);
            // Less cannot be more than the target: both are turned round.
            let result = verdict(comparison.target.map(|target| 1.0 / target), 1.0 / over.median);
            let libnumas = match version {
                Some(_) => readable(times.side(LIBNUMA, comparison.row)?.median()),
                None => String::new(),
            };
            Ok([readable(bare.median()), libnumas, readable(ours.median()), spread(&over), result.into()])
        };
        let target = comparison.target.map_or(String::new(), |target| target.to_string());
        let [bare, libnumas, ours, over, result] = row_or_error().unwrap_or_else(|why| {
            [String::new(), String::new(), String::new(), String::new(), format!("failed: {why}")]
        });
        vec![name(comparison.row), comparison.about.into(), bare, libnumas, ours, over, target, result]
    };
    let rows = COMPARISONS.iter().filter(|comparison| comparison.against == Against::Bare).map(row);
    let mut rows = [vec![cells(head)], rows.collect()].concat();
    if version.is_none() {
        for row in &mut rows {
            row.remove(3);
        }
    }
    table(&rows)
}

/// The name of a row as code, without the suffix that calls.c adds to distinguish rows.
fn name(row: &str) -> String {
    match row.split_once(',') {
        Some((call, rest)) => format!("`{call}`,{rest}"),
        None => format!("`{row}`"),
    }
}

/// How many times the machine and the instructions of numars grow from the smallest machine to the largest.
fn growth_text(growth: &Growth, what: &str, size: fn(&Shape) -> usize) -> String {
    let first_and_last = growth.first().zip(growth.last());
    let text = first_and_last.and_then(|((small, few), (large, many))| {
        let machines = size(large) as f64 / size(small) as f64;
        let ours = many.get(NUMARS)?.instructions as f64 / few.get(NUMARS)?.instructions as f64;
        let verdict = if ours <= machines {
            "no faster than the machine, as required"
        } else {
            "faster than the machine, which misses the target"
        };
        let (from, to) = (size(small), size(large));
        let (machines, ours) = (three_digits(machines), three_digits(ours));
        Some(format!("From {from} to {to} {what}, the machine grows {machines} times, and the instructions of numars {ours} times: {verdict}."))
    });
    text.unwrap_or_default()
}

impl CallsReport {
    fn loading(&self) -> Vec<loading::Judged> {
        let [(_, libnuma), (_, numars)] = &self.loading;
        loading::judge(libnuma, numars)
    }

    fn loading_table(&self) -> String {
        let head = ["", &format!("libnuma {}", self.version), "numars", "target", "result"];
        let row = |judged: loading::Judged| {
            vec![judged.what.into(), judged.libnuma, judged.numars, judged.target.into(), result(judged.met).into()]
        };
        table(&[vec![cells(head)], self.loading().into_iter().map(row).collect()].concat())
    }

    fn costs_table(&self) -> String {
        let [libnuma, numars] = &self.costs;
        let head =
            ["call", "instructions of libnuma", "of numars", "times fewer", "system calls of libnuma", "of numars"];
        let row = |comparison: &Comparison| {
            let (Some(theirs), Some(ours)) = (libnuma.get(comparison.row), numars.get(comparison.row)) else {
                return vec![
                    name(comparison.row),
                    "failed".into(),
                    String::new(),
                    String::new(),
                    String::new(),
                    String::new(),
                ];
            };
            let fewer = theirs.instructions / ours.instructions.max(1.0);
            vec![
                name(comparison.row),
                format!("{:.0}", theirs.instructions),
                format!("{:.0}", ours.instructions),
                three_digits(fewer),
                theirs.system_calls.to_string(),
                ours.system_calls.to_string(),
            ]
        };
        let once = |comparison: &&Comparison| comparison.against == Against::Libnuma || comparison.target.is_some();
        table(&[vec![cells(head)], COMPARISONS.iter().filter(once).map(row).collect()].concat())
    }

    fn growth_table(&self) -> String {
        let head = [
            "nodes",
            "CPUs",
            "instructions of libnuma",
            "of numars",
            "times fewer",
            "time of libnuma",
            "of numars",
            "times faster",
            "target",
            "result",
        ];
        let row = |nodes: usize, cpus: usize, uses: &HashMap<&str, FirstUse>, target: Option<f64>| {
            let (theirs, ours) = (uses.get(LIBNUMA), uses.get(NUMARS));
            let instructions = |uses: Option<&FirstUse>| uses.map_or("-".into(), |uses| uses.instructions.to_string());
            let time = |uses: Option<&FirstUse>| uses.map_or("-".into(), |uses| readable(uses.time.median()));
            let [fewer, times_faster, result] = match (theirs, ours) {
                (Some(theirs), Some(ours)) => {
                    let ratio = Ratio::of(&theirs.time, &ours.time);
                    let fewer = three_digits(theirs.instructions as f64 / ours.instructions as f64);
                    [fewer, spread(&ratio), verdict(target, ratio.median).into()]
                }
                _ => ["-".into(), "-".into(), String::new()],
            };
            vec![
                nodes.to_string(),
                cpus.to_string(),
                instructions(theirs),
                instructions(ours),
                fewer,
                time(theirs),
                time(ours),
                times_faster,
                target.map_or(String::new(), |target| target.to_string()),
                result,
            ]
        };
        let growing = self.with_nodes.iter().chain(&self.with_cpus);
        let growing = growing.map(|(shape, uses)| row(shape.nodes, shape.cpus(), uses, None));
        let many = row(self.many.shape.nodes, self.many.shape.cpus(), &self.many.first_use, Some(FIRST_USE_TARGET));
        table(&[vec![cells(head)], growing.collect(), vec![many]].concat())
    }

    /// The part of the document.
    pub fn text(&self) -> String {
        let Self { host, version, .. } = self;
        let (newest, _) = NEWEST;
        format!(
            "{CALLS}
- This machine: {cpus} CPUs of {processor}, Linux {kernel}, with a load average of {load} before; Debian's libnuma {version}.
- The guest: four NUMA nodes and four CPUs, emulated in software (QEMU); libnuma {newest}, and the C library that it needs for all programs.
  Times there are many times longer than on hardware, especially those of system calls.
- One program, `bench/calls.c`, is compiled once, against libnuma, and run alternately on both libraries, several times
  (`LD_LIBRARY_PATH` selects the library). Times are the thread's CPU time: medians of batches of calls that take half a millisecond or more.
  \"Times faster\" is the ratio of the medians; the parentheses give the interquartile range of the ratios of consecutive batches. If a call
  allocates a bitmask, the time includes freeing it.
- Instructions are counted by callgrind and system calls by strace. They do not depend on the load of the machine.

![how many times less numars takes than libnuma](performance-calls.svg)

### Loading

Preloaded into a program that does nothing.

{loading}
### Calls, on this machine

{on_host}
Calls that consist mainly of system calls, compared with the bare system calls made alternately by the same program:

{within_host}
### Calls, in the guest

{in_guest}
{within_guest}
### Instructions and system calls

For one call, on this machine, after a first call.

{costs}
### Every call, on this machine

`bench/every_call.c` calls every function of libnuma's interface, with arguments as programs pass them. None may take over 10 % and 2 ns longer than
libnuma's. Calls that consist mainly of one system call are compared by system calls, of which there may be no more, and by instructions outside
the kernel, of which there may be 10 % and 20 more. Times are those that a quarter of the batches does not exceed, because other load lengthens them
less than medians. Valgrind has neither `migrate_pages(2)` nor `set_mempolicy_home_node(2)`: the instructions of these calls are those of a call that
fails.

{every_on_host}
### Every call, in the guest

Instructions and system calls of both libraries are counted on this machine, with the C library that libnuma {newest} needs.

{every_in_guest}
### First use, and 8,192 CPUs

The machines are synthetic: directories with the files that a kernel would have for that many nodes and CPUs. Both libraries see these files
instead of the real ones, through a mount namespace with bind mounts over `/sys/devices/system/node`, `/sys/devices/system/cpu` and
`/proc/self/status` (`bench/on_machine.c`). Both libraries get the size of the CPU mask from the kernel with syscall(3); a preloaded library
returns it to both (`bench/affinity.c`).

First use is everything from program start, including the loader, to the first results of `numa_available` and of `numa_node_of_cpu` for the
last CPU. libnuma (2.0.16 as well as {newest}) fails with more than about 340 nodes: bitmasks get impossible sizes, and programs crash. The target
for 1,024 nodes and 8,192 CPUs is therefore checked on a machine of {many_nodes} nodes with {many_cpus} CPUs.

{growth}
{with_nodes} {with_cpus}

![instructions against nodes]({WITH_NODES_PICTURE})

![instructions against CPUs]({WITH_CPUS_PICTURE})

Calls on the machine of {many_nodes} nodes and {many_cpus} CPUs:

{many}",
            cpus = host.cpus,
            processor = host.processor,
            kernel = host.kernel,
            load = host.load,
            loading = self.loading_table(),
            on_host = faster(&self.on_host, COMPARISONS, version),
            within_host = within(&self.on_host, Some(version)),
            in_guest = faster(&self.in_guest, COMPARISONS, newest),
            within_guest = within(&self.in_guest, Some(newest)),
            costs = self.costs_table(),
            every_on_host = self.every_on_host.text(version),
            every_in_guest = self.every_in_guest.text(newest),
            growth = self.growth_table(),
            with_nodes = growth_text(&self.with_nodes, "nodes", |shape| shape.nodes),
            with_cpus = growth_text(&self.with_cpus, "CPUs", |shape| shape.cpus()),
            many_nodes = self.many.shape.nodes,
            many_cpus = self.many.shape.cpus(),
            many = faster(&self.many.calls, MANY_CPUS, version),
        )
    }

    pub fn pictures(&self) -> Result<Vec<(&'static str, String)>> {
        let picture = |growth: &Growth, what: &str, size: fn(&Shape) -> usize| {
            let line = |library: &str| {
                let points = growth.iter().filter_map(|(shape, uses)| Some((shape, uses.get(library)?)));
                points.map(|(shape, uses)| (size(shape) as f64, uses.instructions as f64 / 1e6)).collect()
            };
            chart::growing_lines(what, "million instructions", &[(LIBNUMA, line(LIBNUMA)), (NUMARS, line(NUMARS))])
        };
        let with_nodes = picture(&self.with_nodes, "nodes, each with 8 CPUs", |shape| shape.nodes)?;
        let with_cpus = picture(&self.with_cpus, "CPUs, on 32 nodes", |shape| shape.cpus())?;
        let ratios = chart::ratios("times less than libnuma takes, on this machine", &self.ratios())?;
        Ok(vec![(RATIOS_PICTURE, ratios), (WITH_NODES_PICTURE, with_nodes), (WITH_CPUS_PICTURE, with_cpus)])
    }

    /// How many times less numars takes than libnuma: for loading, calls, and calls on the machine with many CPUs.
    fn ratios(&self) -> Vec<(String, f64)> {
        let [(_, libnuma), (_, numars)] = &self.loading;
        let mut ratios = vec![
            ("loading: instructions".into(), libnuma.instructions as f64 / numars.instructions as f64),
            ("loading: system calls".into(), libnuma.system_calls as f64 / numars.system_calls as f64),
            ("loading: private memory".into(), libnuma.private_kib as f64 / numars.private_kib.max(1) as f64),
        ];
        let mut add = |times: &Times, row: &str, name: String| {
            if let (Ok(theirs), Ok(ours)) = (times.side(LIBNUMA, row), times.side(NUMARS, row)) {
                ratios.push((name, theirs.median() / ours.median()));
            }
        };
        let once = |comparison: &&Comparison| comparison.against == Against::Libnuma || comparison.target.is_some();
        for comparison in COMPARISONS.iter().filter(once) {
            add(&self.on_host, comparison.row, comparison.row.into());
        }
        let cpus = self.many.shape.cpus();
        for comparison in MANY_CPUS {
            add(&self.many.calls, comparison.row, format!("{}, {cpus} CPUs", comparison.row));
        }
        if let (Some(theirs), Some(ours)) = (self.many.first_use.get(LIBNUMA), self.many.first_use.get(NUMARS)) {
            ratios.push((format!("first use, {cpus} CPUs"), theirs.time.median() / ours.time.median()));
        }
        ratios
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::tests::times;
    use crate::calls::{Cost, bare};
    use crate::loading::tests::loading;
    use crate::machine::MORE_NODES;
    use crate::samples::Side;

    fn words(table: &str, row: usize) -> Vec<String> {
        table.lines().nth(row + 2).unwrap().split('|').map(|cell| cell.trim().to_owned()).collect()
    }

    fn uses(libnuma: Option<u64>, numars: u64) -> HashMap<&'static str, FirstUse> {
        let of = |instructions: u64| FirstUse {
            instructions,
            time: Side { times: vec![instructions as f64 / 1e9], scratch: 0 },
        };
        let both = [libnuma.map(|count| (LIBNUMA, of(count))), Some((NUMARS, of(numars)))];
        both.into_iter().flatten().collect()
    }

    fn report(with_nodes: Growth) -> CallsReport {
        let cost = Cost { instructions: 60.0, system_calls: 1.0 };
        let many = ManyCpus { shape: MORE_NODES[0], first_use: uses(Some(500), 100), calls: Times::default() };
        CallsReport {
            host: Host::default(),
            version: "2.0.16".into(),
            loading: [(LIBNUMA, loading(300)), (NUMARS, loading(150))],
            costs: [HashMap::from([("numa_preferred".into(), cost)]), HashMap::from([("numa_preferred".into(), cost)])],
            on_host: times("numa_node_of_cpu", 420.0, 14.0),
            in_guest: Times::default(),
            every_on_host: EveryCall::default(),
            every_in_guest: EveryCall::default(),
            with_nodes,
            with_cpus: Growth::new(),
            many,
        }
    }

    #[test]
    fn a_call_is_shown_beside_libnumas_with_target_and_result() {
        let text = faster(&times("numa_node_of_cpu", 420.0, 14.0), &COMPARISONS[4..5], "2.0.16");
        let expected = ["`numa_node_of_cpu`", "the last CPU", "420 ns", "14.0 ns", "30.0 (30.0 to 30.0)", "20", "met"];
        assert_eq!(words(&text, 0)[1..8], expected);
    }

    #[test]
    fn a_call_is_shown_beside_its_system_calls() {
        let row = "numa_preferred";
        let bare = bare(row);
        let times = Times::read(&format!("== libnuma\n{row}\t900\n== numars\n{row}\t240\n{bare}\t200\n")).unwrap();
        let text = within(&times, Some("2.0.16"));
        let expected =
            ["`numa_preferred`", "get_mempolicy", "200 ns", "900 ns", "240 ns", "1.20 (1.20 to 1.20)", "1.1", "missed"];
        assert_eq!(words(&text, 1)[1..9], expected);
        assert!(words(&text, 2)[8].starts_with("failed: "));
    }

    #[test]
    fn growth_is_judged_by_the_machines() {
        let text = |ours| {
            let growth = vec![(MORE_NODES[0], uses(Some(100), 50)), (MORE_NODES[3], uses(None, ours))];
            growth_text(&growth, "nodes", |shape| shape.nodes)
        };
        assert!(text(3200).contains("no faster than the machine"), "{}", text(3200));
        assert!(text(3300).contains("misses the target"));
    }

    #[test]
    fn libnuma_has_no_results_where_it_was_not_run() {
        let table = report(vec![(MORE_NODES[3], uses(None, 70))]).growth_table();
        assert_eq!(words(&table, 0)[1..7], ["1024", "8192", "-", "70", "-", "-"]);
        assert_eq!(words(&table, 1)[7..11], ["100 ns", "5.00 (5.00 to 5.00)", "5", "met"]);
    }

    #[test]
    fn the_part_has_all_tables_and_its_pictures() {
        let report = report(vec![(MORE_NODES[0], uses(Some(100), 50)), (MORE_NODES[1], uses(Some(400), 100))]);
        let (text, pictures) = (report.text(), report.pictures().unwrap());
        assert!(text.starts_with(CALLS) && text.contains("| instructions added to an empty program"));
        for (name, _) in &pictures {
            assert!(text.contains(&format!("]({name})")), "{name}");
        }
        assert!(pictures[0].1.contains("\nnuma_node_of_cpu\n"));
    }
}

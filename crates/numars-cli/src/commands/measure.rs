//! `numars measure`: bandwidths and latencies from the CPUs of each node to the memory of each node.

mod loops;
mod matrix;
mod picture;
mod runner;
mod trust;

use crate::commands::doctor::cgroup::Cgroup;
use crate::commands::doctor::files::Files;
use crate::draw::{FAINT, HEADING, WARNING, styled, table, table_text};
use crate::failure::{Context, Failure, Result, Status, bad_list, reason};
use crate::json::{self, Report};
use crate::nodes_argument::named;
use crate::screen::Screen;
use crate::text::counted;
use crate::units;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use numars::{Attribute, Cpu, CpuSet, Errno, MapOptions, Mapping, Node, NodeSet, Policy, Topology};
use runner::{Access, Measurement, Plan};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use trust::Warning;

/// The arguments of `numars measure`.
#[derive(Args, Debug)]
pub struct MeasureArguments {
    /// Measure the memory of these nodes, as in 0-3,8; otherwise of all
    #[arg(long, value_name = "LIST")]
    nodes: Option<String>,
    /// Measure from the CPUs of these nodes; otherwise of all that have CPUs
    #[arg(long, value_name = "LIST")]
    cpu_nodes: Option<String>,
    /// The memory to use on each node, such as 512M; otherwise several times the last-level caches
    #[arg(long, value_name = "SIZE", value_parser = units::parse_bytes)]
    size: Option<u64>,
    /// The threads that measure bandwidth; otherwise one for each CPU of a node
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=8192))]
    threads: Option<u32>,
    /// The number of runs, of which the median is shown
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: Option<u32>,
    /// Measure for a shorter time, less exactly
    #[arg(long)]
    quick: bool,
    /// Draw the matrices into an SVG file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// The result of `numars measure`.
#[derive(Serialize, JsonSchema, Debug)]
pub struct MeasureReport {
    /// The memory that was used on each node, in bytes.
    pub size_bytes: u64,
    /// The number of runs of each measurement.
    pub runs: u32,
    /// How long each run took, in milliseconds.
    pub run_ms: u64,
    /// Reasons not to trust the results; empty if there are none.
    pub warnings: Vec<Warning>,
    /// The nodes whose memory was not measured.
    pub skipped: Vec<Skipped>,
    /// The measurements: for each node with memory, from each node with CPUs.
    pub pairs: Vec<Pair>,
}

impl Report for MeasureReport {
    const SCHEMA: &'static str = "numars.measure/1";
}

/// A node whose memory was not measured.
#[derive(Serialize, JsonSchema, Debug)]
pub struct Skipped {
    /// Its number.
    pub node: usize,
    /// Why.
    pub reason: String,
}

/// What lies between the CPUs of a node and the memory of a node.
#[derive(Serialize, JsonSchema, Debug, Clone)]
pub struct Pair {
    /// The node of the CPUs.
    pub from: usize,
    /// The node of the memory.
    pub to: usize,
    /// The distance between them as the firmware gives it. null: unknown.
    pub distance: Option<u8>,
    /// The number of threads that measured bandwidth.
    pub threads: usize,
    /// The time of a read of a cache line at a random place, which waits for the one before, in nanoseconds.
    pub latency_ns: Measurement,
    /// The bandwidth of reading, in bytes per second.
    pub read_bandwidth: Measurement,
    /// The bandwidth of writing with ordinary stores, in bytes per second. Most CPUs read a line before they write to it, which is not counted.
    pub write_bandwidth: Measurement,
    /// What the firmware says about the same. null: nothing.
    pub firmware: Option<Firmware>,
}

/// What the firmware says about a pair of nodes.
#[derive(Serialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
pub struct Firmware {
    /// The bandwidth of reading, in bytes per second.
    pub read_bandwidth: Option<u64>,
    /// The bandwidth of writing, in bytes per second.
    pub write_bandwidth: Option<u64>,
    /// The latency of reading, in nanoseconds.
    pub read_latency_ns: Option<u64>,
    /// The latency of writing, in nanoseconds.
    pub write_latency_ns: Option<u64>,
}

impl Firmware {
    fn read(topology: &Topology, from: Node, to: Node) -> Option<Firmware> {
        let attribute = |which| topology.attribute(to, Some(from), which).ok();
        // The firmware's tables are in MB/s.
        let bandwidth = |which| attribute(which).map(|megabytes: u64| megabytes.saturating_mul(1_000_000));
        let firmware = Firmware {
            read_bandwidth: bandwidth(Attribute::ReadBandwidth),
            write_bandwidth: bandwidth(Attribute::WriteBandwidth),
            read_latency_ns: attribute(Attribute::ReadLatency),
            write_latency_ns: attribute(Attribute::WriteLatency),
        };
        let nothing =
            Firmware { read_bandwidth: None, write_bandwidth: None, read_latency_ns: None, write_latency_ns: None };
        (firmware != nothing).then_some(firmware)
    }
}

/// A node with the CPUs that may be used.
struct CpuNode {
    node: Node,
    cpus: Vec<Cpu>,
}

/// The size of memory if the caches are not known.
const DEFAULT_SIZE: u64 = 256 << 20;
/// No less, unless asked for.
const MIN_DEFAULT_SIZE: u64 = 64 << 20;
/// What a node keeps free for others, and a share of what is used, for page tables and huge pages that do not fit.
const RESERVE: u64 = 4 << 20;

/// Measures.
pub fn run(arguments: &MeasureArguments, screen: &Screen) -> Result<Status> {
    let files = Files::of_this_machine();
    let topology = crate::machine::read_topology(None).map_err(|failure| failure.hint("numars doctor says more"))?;
    let memory_nodes = memory_nodes(&topology, arguments.nodes.as_deref())?;
    let cpu_nodes = cpu_nodes(&topology, arguments.cpu_nodes.as_deref())?;
    let used: CpuSet = cpu_nodes.iter().flat_map(|node| node.cpus.iter().copied()).collect();
    let caches = trust::Caches::read(&files, &used);
    let size = arguments.size.unwrap_or_else(|| default_size(&files, &cpu_nodes, arguments.quick));
    if size < 1 << 16 {
        return Err(Failure::usage("--size is less than 64 KiB"));
    }
    let plan = Plan {
        runs: arguments.runs.unwrap_or(if arguments.quick { 3 } else { 5 }),
        run_time: Duration::from_millis(if arguments.quick { 30 } else { 100 }),
    };
    let mut warnings = trust::warnings_of_machine(&files, &topology, memory_nodes.len());
    warnings.extend(trust::warnings_of_size(&caches, size));
    let watch = trust::Watch::start(&files);
    let progress = progress(screen, memory_nodes.len() * (1 + 3 * cpu_nodes.len()));
    let mut pairs = Vec::new();
    let mut skipped = Vec::new();
    let mut huge = Vec::new();
    for to in memory_nodes {
        progress.set_message(format!("allocating on node {to}"));
        let mut memory = match allocate(&files, &topology, to, size)? {
            Ok(memory) => memory,
            Err(reason) => {
                skipped.push(Skipped { node: to.number(), reason });
                progress.inc(1 + 3 * cpu_nodes.len() as u64);
                continue;
            }
        };
        huge.push(trust::share_of_huge_pages(&files, memory.as_ptr() as usize, memory.len()));
        pairs.extend(measure_node(&mut memory, to, &cpu_nodes, arguments.threads, &plan, &topology, &progress)?);
    }
    progress.finish_and_clear();
    if pairs.is_empty() {
        let reason = skipped.first().map_or("nothing to measure".to_owned(), |skipped| {
            format!("node {} cannot be measured: {}", skipped.node, skipped.reason)
        });
        return Err(Failure::new(reason).hint("--size takes less memory; numars doctor says what is permitted"));
    }
    warnings.extend(trust::warning_of_huge_pages(&huge));
    warnings.extend(watch.warnings(&files));
    warnings.extend(trust::warnings_of_results(&pairs));
    let report = MeasureReport {
        size_bytes: size,
        runs: plan.runs,
        run_ms: plan.run_time.as_millis() as u64,
        warnings,
        skipped,
        pairs,
    };
    if let Some(file) = &arguments.svg {
        crate::picture::write(&picture::draw(&report), file)?;
    }
    if screen.json {
        json::print(&report)?;
    } else if !screen.quiet {
        use std::io::Write;
        write!(anstream::stdout().lock(), "{}", draw(&report, screen))?;
    }
    Ok(Status::Done)
}

/// Measures the memory of a node: first all latencies, whose chain of lines is written once, then the bandwidths, which overwrite it.
fn measure_node(
    memory: &mut Mapping,
    to: Node,
    cpu_nodes: &[CpuNode],
    threads: Option<u32>,
    plan: &Plan,
    topology: &Topology,
    progress: &ProgressBar,
) -> Result<Vec<Pair>> {
    let words: &mut [u64] = bytemuck::try_cast_slice_mut(&mut memory[..])
        .map_err(|_| Failure::new("memory that was mapped is not aligned"))?;
    loops::link(words);
    progress.inc(1);
    let mut latencies = Vec::new();
    for from in cpu_nodes {
        progress.set_message(format!("latency from node {} to {to}", from.node));
        latencies.push(runner::latency(words, &from.cpus, plan)?);
        progress.inc(1);
    }
    let mut pairs = Vec::new();
    for (from, latency_ns) in cpu_nodes.iter().zip(latencies) {
        let count = threads.map_or(from.cpus.len(), |threads| threads as usize);
        let cpus: Vec<Cpu> = from.cpus.iter().copied().cycle().take(count).collect();
        let mut bandwidth = |what: &str, access: Access| {
            progress.set_message(format!("{what} from node {} to {to}", from.node));
            let measurement = runner::bandwidth(words, &cpus, access, plan)?;
            progress.inc(1);
            Ok::<_, Failure>(measurement)
        };
        let read_bandwidth = bandwidth("reading", Access::Read)?;
        let write_bandwidth = bandwidth("writing", Access::Write)?;
        pairs.push(Pair {
            from: from.node.number(),
            to: to.number(),
            distance: topology.distance(from.node, to).map(|distance| distance.value()),
            threads: cpus.len(),
            latency_ns,
            read_bandwidth,
            write_bandwidth,
            firmware: Firmware::read(topology, from.node, to),
        });
    }
    Ok(pairs)
}

/// Returns the nodes whose memory is measured.
fn memory_nodes(topology: &Topology, list: Option<&str>) -> Result<NodeSet> {
    let allowed = topology.allowed_nodes() & topology.nodes_with_memory();
    let Some(list) = list else {
        return if allowed.is_empty() {
            Err(Failure::new("no node has memory that this process may use").hint("numars doctor says more"))
        } else {
            Ok(allowed)
        };
    };
    let named = topology.parse_nodes_all(list).map_err(|error| bad_list(list, &error))?;
    let denied = named - allowed;
    if denied.is_empty() {
        Ok(named)
    } else {
        Err(Failure::new(format!("memory of node {denied} cannot be used: there is none, or the cpuset forbids it"))
            .hint(format!("memory of {allowed} can be used")))
    }
}

/// Returns the nodes from whose CPUs is measured.
fn cpu_nodes(topology: &Topology, list: Option<&str>) -> Result<Vec<CpuNode>> {
    let allowed = topology.allowed_cpus().context("cannot find out which CPUs may be used")?;
    let selected = match list {
        Some(list) => topology.parse_nodes_all(list).map_err(|error| bad_list(list, &error))?,
        None => topology.nodes(),
    };
    let mut nodes: Vec<CpuNode> = selected
        .into_iter()
        .map(|node| {
            let cpus = topology.cpus_of(node).unwrap_or_default();
            CpuNode { node, cpus: (&cpus & &allowed).iter().collect() }
        })
        .filter(|node| !node.cpus.is_empty())
        .collect();
    // Without /sys, all CPUs are those of the node that is assumed.
    if let Some(node) = topology.nodes().first().filter(|_| nodes.is_empty() && topology.nodes().len() == 1) {
        let cpus = if allowed.is_empty() { numars::thread_cpus().unwrap_or_default() } else { allowed };
        nodes.extend((!cpus.is_empty()).then(|| CpuNode { node, cpus: cpus.iter().collect() }));
    }
    if nodes.is_empty() {
        return Err(
            Failure::new(format!("no CPU of {} may be used", named(selected))).hint("numars nodes shows their CPUs")
        );
    }
    Ok(nodes)
}

/// Returns how much memory is used if the user does not say: several times what the caches of a node's CPUs hold.
fn default_size(files: &Files, cpu_nodes: &[CpuNode], quick: bool) -> u64 {
    // One CPU measures latencies, and all together bandwidths.
    let of_node = |node: &CpuNode| {
        let caches = trust::Caches::read(files, &node.cpus.iter().copied().collect());
        Some(caches.largest?.saturating_mul(2).max(caches.total?))
    };
    let largest = cpu_nodes.iter().filter_map(of_node).max();
    let size = largest.map_or(DEFAULT_SIZE, |caches| caches.saturating_mul(if quick { 2 } else { 4 }));
    size.max(MIN_DEFAULT_SIZE)
}

/// Maps memory on a node, all of it. Returns why the node is skipped if there is not enough.
fn allocate(files: &Files, topology: &Topology, node: Node, size: u64) -> Result<std::result::Result<Mapping, String>> {
    let remaining = Cgroup::of(files, "self", "memory").and_then(|cgroup| cgroup.memory_left(files));
    let available = available(files, topology, node).into_iter().chain(remaining).min();
    let needed = size.saturating_add(size / 16).saturating_add(RESERVE);
    if available.is_some_and(|available| available < needed) {
        return Ok(Err(format!("less than {} of memory is available", units::bytes(needed))));
    }
    let Ok(length) = usize::try_from(size / 64 * 64) else {
        return Err(Failure::usage("--size is more than this process can address"));
    };
    let options = MapOptions::new().huge_pages(true);
    match options.policy(Policy::bind(node.into())).strict(true).map(length) {
        Ok(memory) => Ok(Ok(memory)),
        // Without policies, memory of the only node is on that node.
        Err(Errno::EPERM | Errno::ENOSYS) if topology.nodes_with_memory().len() == 1 => {
            Ok(options.populate(true).map(length).map_err(reason))
        }
        Err(errno @ (Errno::EPERM | Errno::ENOSYS)) => {
            Err(Failure::new(format!("cannot bind memory to node {node}: {}", reason(errno)))
                .hint("numars doctor says which calls are forbidden"))
        }
        Err(errno) => Ok(Err(reason(errno))),
    }
}

/// Returns how much memory a node has that is free or becomes free easily.
fn available(files: &Files, topology: &Topology, node: Node) -> Option<u64> {
    let text = files.read(format!("sys/devices/system/node/node{node}/meminfo")).unwrap_or_default();
    let text = text.replace(&format!("Node {node} "), "");
    let field = |name| crate::commands::doctor::files::kilobytes(&text, name);
    match field("MemFree") {
        Some(free) => Some(free.saturating_add(field("Inactive(file)").unwrap_or(0))),
        None => topology.memory(node).ok().map(|memory| memory.free()),
    }
}

/// Returns the progress that is shown on standard error if it is a terminal. Nothing is drawn while something is measured.
fn progress(screen: &Screen, steps: usize) -> ProgressBar {
    let target = if screen.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    // Failures end it early.
    let bar = ProgressBar::with_draw_target(Some(steps as u64), target).with_finish(ProgressFinish::AndClear);
    let style = ProgressStyle::with_template("[{bar:24}] {pos}/{len} {msg}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars(screen.or_ascii("━╸─", "#>-"));
    bar.set_style(style);
    bar
}

/// Returns the measurements as people read them.
fn draw(report: &MeasureReport, screen: &Screen) -> String {
    let mut text = String::new();
    for (title, unit, measurement, lower_is_better) in matrix::KINDS {
        if !text.is_empty() {
            text += "\n";
        }
        text += &format!("{}\n", styled(format!("{title} [{unit}]"), HEADING));
        text += &matrix::draw(report, measurement, lower_is_better, screen);
    }
    text += &format!("\n{}", firmware_table(report, screen));
    let threads = report.pairs.iter().map(|pair| pair.threads);
    let threads = match (threads.clone().min().unwrap_or(0), threads.max().unwrap_or(0)) {
        (minimum, maximum) if minimum == maximum => counted(maximum, "thread"),
        (minimum, maximum) => format!("{minimum} to {maximum} threads"),
    };
    let notes = [
        format!(
            "medians of {}, which differ by up to {:.0} %",
            counted(report.runs as usize, "run"),
            trust::largest_spread(&report.pairs) * 100.0
        ),
        format!("{} of memory on each node; bandwidths with {threads}", units::bytes(report.size_bytes)),
        "writing counts what is stored, not that lines are read before".to_owned(),
    ];
    for note in notes {
        text += &wrapped(&note, "", screen, FAINT);
    }
    for (reason, nodes) in skipped_by_reason(report) {
        let nodes = if nodes.len() == 1 { format!("node {nodes} is") } else { format!("nodes {nodes} are") };
        text += &wrapped(&format!("{nodes} skipped: {reason}"), "note: ", screen, WARNING);
    }
    for warning in &report.warnings {
        text += &wrapped(&warning.message, "warning: ", screen, WARNING);
    }
    text
}

fn skipped_by_reason(report: &MeasureReport) -> BTreeMap<&str, NodeSet> {
    let mut nodes: BTreeMap<&str, NodeSet> = BTreeMap::new();
    for skipped in &report.skipped {
        nodes.entry(&skipped.reason).or_default().extend(Node::new(skipped.node));
    }
    nodes
}

fn wrapped(text: &str, prefix: &str, screen: &Screen, style: anstyle::Style) -> String {
    let indent = " ".repeat(prefix.len());
    let options = textwrap::Options::new(screen.width).initial_indent(prefix).subsequent_indent(&indent);
    let options = options.word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(text, options).into_iter().map(|line| styled(line, style) + "\n").collect()
}

/// Returns the measurements next to what the firmware says, for the pairs that it knows.
fn firmware_table(report: &MeasureReport, screen: &Screen) -> String {
    let header = ["from", "to", "latency", "firmware", "read", "firmware", "write", "firmware"];
    let mut shown = table(screen, &header, &[0, 1, 2, 3, 4, 5, 6, 7]);
    let mut any = false;
    let rate = |rate: f64| format!("{:.1} GB/s", rate / 1e9);
    let or_unknown =
        |value: Option<u64>, show: &dyn Fn(f64) -> String| value.map_or("-".to_owned(), |value| show(value as f64));
    let latency = |value: f64| format!("{value:.0} ns");
    for pair in &report.pairs {
        let Some(firmware) = &pair.firmware else {
            continue;
        };
        any = true;
        shown.add_row([
            pair.from.to_string(),
            pair.to.to_string(),
            latency(pair.latency_ns.median),
            or_unknown(firmware.read_latency_ns, &latency),
            rate(pair.read_bandwidth.median),
            or_unknown(firmware.read_bandwidth, &rate),
            rate(pair.write_bandwidth.median),
            or_unknown(firmware.write_bandwidth, &rate),
        ]);
    }
    if any {
        table_text(&shown) + "\n"
    } else {
        styled("the firmware gives no values to compare with (no HMAT)", FAINT) + "\n"
    }
}

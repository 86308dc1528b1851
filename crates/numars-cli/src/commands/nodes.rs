//! `numars nodes`: the nodes of a machine.

mod matrix;
mod picture;

use crate::draw::{self, FAINT, HEADING, styled, table, table_text};
use crate::failure::{Context, Result, Status};
use crate::json::{self, Report};
use crate::machine::{Machine, MachineNode};
use crate::screen::Screen;
use crate::units;
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::PathBuf;

/// The arguments of `numars nodes`.
#[derive(Args, Debug)]
pub struct NodesArguments {
    /// Draw the machine into an SVG file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Show the machine whose files of /proc and /sys are below this directory, as hwloc-gather-topology captures them
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

/// The result of `numars nodes`.
#[derive(Serialize, JsonSchema, Debug)]
pub struct NodesReport {
    /// The machine.
    #[serde(flatten)]
    pub machine: Machine,
}

impl Report for NodesReport {
    const SCHEMA: &'static str = "numars.nodes/1";
}

/// Shows the nodes.
pub fn run(arguments: &NodesArguments, screen: &Screen) -> Result<Status> {
    let machine = Machine::read(arguments.root.as_deref())?;
    if let Some(file) = &arguments.svg {
        let picture = picture::draw(&machine).to_string();
        std::fs::write(file, picture + "\n").context(format!("cannot write {}", file.display()))?;
    }
    if screen.json {
        json::print(&NodesReport { machine })?;
    } else if !screen.quiet {
        print(&machine, screen)?;
    }
    Ok(Status::Done)
}

fn print(machine: &Machine, screen: &Screen) -> Result<()> {
    use std::io::Write;
    let mut output = anstream::stdout().lock();
    let cpus: usize = machine.nodes.iter().map(|node| node.cpu_count).sum();
    let memory: u64 = machine.nodes.iter().filter_map(|node| node.memory_bytes).sum();
    let plural = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    writeln!(
        output,
        "{}, {}, {} of memory",
        styled(plural(machine.nodes.len(), "node"), HEADING),
        plural(cpus, "CPU"),
        units::bytes(memory)
    )?;
    write!(output, "\n{}", nodes_table(machine, screen))?;
    for note in notes(machine) {
        writeln!(output, "{}", styled(note, FAINT))?;
    }
    if machine.nodes.len() > 1 {
        write!(output, "\n{}", matrix::draw(machine, screen))?;
    }
    Ok(())
}

fn nodes_table(machine: &Machine, screen: &Screen) -> String {
    let any = |has: fn(&MachineNode) -> bool| machine.nodes.iter().any(has);
    let has_kinds = any(|node| !node.kind.short().is_empty());
    let has_tiers = any(|node| node.tier.is_some());
    let has_rates = any(|node| node.read_bandwidth.is_some());
    let has_latencies = any(|node| node.read_latency_ns.is_some());
    let has_weights = any(|node| node.interleave_weight.is_some_and(|weight| weight != 1));
    let mut header = vec!["node", "CPUs", "memory", "free", "used"];
    for (shown, name) in [
        (has_kinds, "kind"),
        (has_tiers, "tier"),
        (has_rates, "read/write"),
        (has_latencies, "latency"),
        (has_weights, "weight"),
    ] {
        if shown {
            header.push(name);
        }
    }
    let mut table = table(screen, &header, &[0, 2, 3]);
    let unknown = "?".to_owned();
    for node in &machine.nodes {
        let used = match (node.memory_bytes, node.free_bytes) {
            (Some(0), _) => String::new(),
            (Some(total), Some(free)) => {
                let fraction = total.saturating_sub(free) as f64 / total as f64;
                let style = if fraction > 0.97 { draw::WARNING } else { draw::GOOD };
                draw::fill_bar(screen, fraction, 10, style)
            }
            _ => unknown.clone(),
        };
        let size = |bytes: Option<u64>| bytes.map_or(unknown.clone(), units::bytes);
        let allowed = if node.allowed || node.memory_bytes == Some(0) { "" } else { "*" };
        let mut row = vec![
            format!("{}{allowed}", node.node),
            if node.cpus.is_empty() { "-".into() } else { node.cpus.clone() },
            size(node.memory_bytes),
            size(node.free_bytes),
            used,
        ];
        if has_kinds {
            row.push(node.kind.short().into());
        }
        if has_tiers {
            row.push(node.tier.map_or("-".into(), |tier| tier.to_string()));
        }
        if has_rates {
            let rate =
                |bandwidth: Option<u64>| bandwidth.map_or("-".into(), |rate| format!("{:.1}", rate as f64 / 1e9));
            let from = node.initiators.as_ref().map_or(String::new(), |nodes| format!(" from {nodes}"));
            row.push(format!("{}/{} GB/s{from}", rate(node.read_bandwidth), rate(node.write_bandwidth)));
        }
        if has_latencies {
            row.push(node.read_latency_ns.map_or("-".into(), |latency| format!("{latency} ns")));
        }
        if has_weights {
            row.push(node.interleave_weight.map_or("-".into(), |weight| weight.to_string()));
        }
        table.add_row(row);
    }
    table_text(&table)
}

/// Returns what the table does not say, or not so that everyone understands it.
fn notes(machine: &Machine) -> Vec<String> {
    let mut notes = Vec::new();
    let with_memory = || machine.nodes.iter().filter(|node| node.memory_bytes != Some(0));
    if with_memory().any(|node| !node.allowed) {
        notes.push("* the cpuset of this process does not allow memory of this node".into());
    }
    let mut tiers: Vec<_> = with_memory().filter_map(|node| node.tier).collect();
    tiers.dedup();
    let has_memory_only = with_memory().any(|node| node.cpu_count == 0);
    if has_memory_only && tiers.len() == 1 {
        notes.push("all memory is in one tier: the firmware says nothing about differences (no HMAT or CDAT)".into());
    }
    if has_memory_only && with_memory().all(|node| node.read_bandwidth.is_none()) {
        notes.push("the firmware gives no bandwidths and latencies (no HMAT); numars measure measures them".into());
    }
    notes
}

//! `numars nodes`: the nodes of a machine.

mod matrix;
mod picture;
mod table;

use crate::draw::{FAINT, HEADING, styled};
use crate::failure::{Result, Status};
use crate::json::{self, Report};
use crate::machine::Machine;
use crate::screen::Screen;
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
        crate::picture::write(&picture::draw(&machine), file)?;
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
    let summary = matrix::summary(machine);
    let (nodes, rest) = summary.split_once(',').unwrap_or((&summary, ""));
    writeln!(output, "{},{rest}", styled(nodes, HEADING))?;
    write!(output, "\n{}", table::draw(machine, screen))?;
    let options = textwrap::Options::new(screen.width).word_splitter(textwrap::WordSplitter::NoHyphenation);
    for line in notes(machine).iter().flat_map(|note| textwrap::wrap(note, &options)) {
        writeln!(output, "{}", styled(line, FAINT))?;
    }
    if machine.nodes.len() > 1 {
        write!(output, "\n{}", matrix::grid(machine, true).text(screen))?;
    }
    Ok(())
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
    let has_rates = with_memory().any(|node| node.read_bandwidth.is_some());
    if has_memory_only && tiers.len() == 1 {
        notes.push(format!("all memory is in one tier: {}", crate::machine::why_one_tier(has_rates)));
    }
    if has_memory_only && !has_rates {
        notes.push("the firmware gives no bandwidths and latencies (no HMAT); numars measure measures them".into());
    }
    notes
}

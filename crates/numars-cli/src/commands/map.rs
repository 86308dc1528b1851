//! `numars map`: the memory of a process, mapping by mapping.

mod cells;
pub mod details;
mod drawing;
mod picture;

use crate::failure::{Failure, Result, Status, print_error};
use crate::json::{self, Report};
use crate::mappings::{self, Mapping, Selection};
use crate::node_pages::{NodePages, PageCounts};
use crate::screen::Screen;
use crate::target::{self, Caller, Target};
use clap::Args;
use numars::{Errno, Process};
use schemars::JsonSchema;
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// The arguments of `numars map`.
#[derive(Args, Debug)]
pub struct MapArguments {
    /// The process: its PID or name
    #[arg(value_name = "PID|NAME")]
    process: String,
    /// Draw the pages: a character for each page, the last digit of its node; for several pages of a large mapping
    #[arg(long)]
    pages: bool,
    /// Show the memory policies, from /proc/PID/numa_maps: reading it walks all page tables, and the process may wait when it maps memory
    #[arg(long)]
    policy: bool,
    /// Show how much is in huge pages, from /proc/PID/smaps, which costs as much as --policy
    #[arg(long)]
    huge_pages: bool,
    /// Show mappings without pages in memory too
    #[arg(long)]
    all: bool,
    /// Draw the mappings and their pages into an SVG file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Show it again and again, every 2 seconds or as often as this, until the process ends
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", value_parser = crate::units::parse_interval)]
    watch: Option<Duration>,
    /// The mappings that are shown.
    #[command(flatten)]
    selection: Selection,
}

/// The result of `numars map`. With `--watch`, one on each line.
#[derive(Serialize, JsonSchema, Debug)]
pub struct MapReport {
    /// The PID of the process.
    pub pid: i32,
    /// The name of the process.
    pub name: String,
    /// The size of a base page in bytes.
    pub page_size: usize,
    /// The present pages of all mappings that are listed, by node.
    pub nodes: Vec<NodePages>,
    /// The mappings that are selected, in ascending order of their addresses.
    pub mappings: Vec<MappingReport>,
}

/// A mapping of a process.
#[derive(Serialize, JsonSchema, Debug)]
pub struct MappingReport {
    /// The address of its first byte, in hexadecimal.
    pub start: String,
    /// The address after its last byte, in hexadecimal.
    pub end: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its permissions, such as `rw-p`.
    pub permissions: String,
    /// Its file, or a name such as `[heap]`; empty for anonymous memory.
    pub name: String,
    /// How much of it is in memory, in bytes.
    pub present_bytes: u64,
    /// Its present pages by node.
    pub nodes: Vec<NodePages>,
    /// Its memory policy as numa_maps(5) writes it. null: it was not asked for (`--policy`).
    pub policy: Option<String>,
    /// How much of it is in huge pages, in bytes. null: it was not asked for (`--huge-pages`).
    pub huge_page_bytes: Option<u64>,
    /// The size of its pages if they are of hugetlbfs, in bytes. null: they are not, or `--huge-pages` is missing.
    pub hugetlb_page_size: Option<u64>,
    /// Where its pages are. null: it was not asked for (`--pages`), or the mapping has none.
    pub page_map: Option<PageMap>,
}

/// Where the pages of a mapping are.
#[derive(Serialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
pub struct PageMap {
    /// How many base pages an element of `cells` stands for.
    pub pages_per_cell: u64,
    /// The node of each page. Of several pages on different nodes: one of them, so that nodes appear as often as they have pages. null: none is in
    /// memory.
    pub cells: Vec<Option<usize>>,
}

impl Report for MapReport {
    const SCHEMA: &'static str = "numars.map/1";
}

/// Shows the mappings of a process.
pub fn run(arguments: &MapArguments, screen: &Screen) -> Result<Status> {
    let process = target::find_one(&arguments.process)?;
    let mut shown = false;
    loop {
        match show(process, arguments, screen) {
            Ok(()) => {}
            // What is watched may end.
            Err(failure) if shown && !failure.is_broken_pipe() && Target::read(process).check().is_err() => {
                if !screen.quiet {
                    print_error(format_args!("numars: {}", ended(process)));
                }
                return Ok(Status::Done);
            }
            Err(failure) => return Err(failure),
        }
        shown = true;
        match arguments.watch {
            Some(interval) => std::thread::sleep(interval.max(Duration::from_millis(50))),
            None => return Ok(Status::Done),
        }
    }
}

fn ended(process: Process) -> String {
    format!("process {} has ended", process.pid())
}

fn show(process: Process, arguments: &MapArguments, screen: &Screen) -> Result<()> {
    let report = read(process, arguments, screen)?;
    if let Some(file) = &arguments.svg {
        crate::picture::write(&picture::draw(&report), file)?;
    }
    match (screen.json, arguments.watch.is_some()) {
        (true, false) => return json::print(&report),
        (true, true) => return json::print_line(&report),
        _ if screen.quiet => return Ok(()),
        _ => {}
    }
    let mut text = drawing::draw(&report, arguments, screen);
    let mut output = anstream::stdout().lock();
    if arguments.watch.is_some() && screen.is_terminal {
        let height = terminal_size::terminal_size().map_or(24, |(_, height)| usize::from(height.0));
        text = drawing::cut(&text, height.saturating_sub(1));
        // To the top left, and what is below the new text is erased.
        write!(output, "\x1b[H\x1b[2J{text}")?;
    } else {
        write!(output, "{text}")?;
        if arguments.watch.is_some() {
            writeln!(output)?;
        }
    }
    output.flush()?;
    Ok(())
}

/// Finds out what is shown.
fn read(process: Process, arguments: &MapArguments, screen: &Screen) -> Result<MapReport> {
    let target = Target::read(process);
    target.check()?;
    let refused = |errno: Errno| target.explain(errno, &Caller::read(), "show");
    let refused_file = |error: std::io::Error| {
        error.raw_os_error().map_or_else(|| Failure::from(error), |raw| refused(Errno::from_raw(raw)))
    };
    let all = mappings::read(process.pid()).map_err(refused_file)?;
    let selected = arguments.selection.select(&all)?;
    let policies =
        if arguments.policy { Some(details::read_policies(process.pid()).map_err(refused_file)?) } else { None };
    let huge =
        if arguments.huge_pages { Some(details::read_huge_pages(process.pid()).map_err(refused_file)?) } else { None };
    let max_cells = drawing::columns(screen).saturating_mul(drawing::MAX_LINES);
    let mut sum = PageCounts::new();
    let mut reports = Vec::new();
    for mapping in &selected {
        let counts = PageCounts::of_range(process, mapping.start, mapping.len()).map_err(|errno| {
            // Only now the process may have ended.
            Target::read(process).explain(errno, &Caller::read(), "show")
        })?;
        sum.add(&counts);
        let mut report = report_of(mapping, &counts);
        report.policy =
            policies.as_ref().map(|policies| details::at(policies, mapping.start).cloned().unwrap_or_default());
        if let Some(huge) = &huge {
            let huge = details::at(huge, mapping.start).copied().unwrap_or_default();
            report.huge_page_bytes = Some(huge.bytes);
            report.hugetlb_page_size = huge.hugetlb_page_size;
        }
        if (arguments.pages || arguments.svg.is_some()) && counts.total() > 0 {
            report.page_map = Some(cells::read(process, mapping, max_cells).map_err(refused)?);
        }
        reports.push(report);
    }
    Ok(MapReport {
        pid: process.pid(),
        name: target.name().unwrap_or_default().to_owned(),
        page_size: numars::page_size(),
        nodes: sum.list(),
        mappings: reports,
    })
}

fn report_of(mapping: &Mapping, counts: &PageCounts) -> MappingReport {
    MappingReport {
        start: format!("{:x}", mapping.start),
        end: format!("{:x}", mapping.end),
        bytes: mapping.len() as u64,
        permissions: mapping.permissions.clone(),
        name: mapping.name.clone(),
        present_bytes: crate::node_pages::bytes(counts.total()),
        nodes: counts.list(),
        policy: None,
        huge_page_bytes: None,
        hugetlb_page_size: None,
        page_map: None,
    }
}

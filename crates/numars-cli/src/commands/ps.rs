//! `numars ps`: where the memory of processes is.

mod details;
pub mod row;
pub mod sort;
pub mod table;

use crate::draw::{FAINT, styled};
use crate::failure::{Failure, Result, Status, bad_list, print_error};
use crate::json::{self, Report};
use crate::machine::read_topology;
use crate::process::{self, ProcessStatus, find};
use crate::screen::Screen;
use crate::units;
use clap::Args;
use numars::{NodeSet, Topology};
use row::{ProcessRow, RowReader, Total};
use schemars::JsonSchema;
use serde::Serialize;
use sort::SortKey;

/// Says what to do where the memory of processes cannot be read.
pub const PERMISSION_HINT: &str = "needs root or ptrace permission";

/// How far the kernel's sums may be from what a process has: processes that are too small by more are not read at all.
const INACCURACY: u64 = 64 << 20;

/// The arguments of `numars ps`.
#[derive(Args, Debug)]
pub struct PsArguments {
    /// The processes; without any, those with the most memory that fit the screen, or all if the output is no terminal
    #[arg(value_name = "PID|NAME")]
    processes: Vec<String>,
    /// Show all processes, also if they do not fit the screen
    #[arg(short, long)]
    all: bool,
    /// Show everything about each process, as for a single one
    #[arg(short, long)]
    details: bool,
    /// What to select and how to sort it.
    #[command(flatten)]
    selection: Selection,
}

/// Which processes are shown, in which order.
#[derive(Args, Debug, Clone)]
pub struct Selection {
    /// Sort by memory, anonymous, file, shared, huge, local, threads, pid, name, user, or node0, node1, ...
    #[arg(short, long, value_name = "KEY", default_value = "memory")]
    pub sort: SortKey,
    /// Sort the other way round
    #[arg(short, long)]
    pub reverse: bool,
    /// Only processes whose names contain this text
    #[arg(short, long, value_name = "TEXT")]
    pub name: Option<String>,
    /// Only processes of this user
    #[arg(short, long, value_name = "USER")]
    pub user: Option<String>,
    /// Only processes with memory on these nodes
    #[arg(long, alias = "nodes", value_name = "NODES")]
    pub node: Option<String>,
    /// Only processes with at least this much memory, such as 100M; with --node, on these nodes
    #[arg(short, long, value_name = "SIZE", value_parser = units::parse_bytes)]
    pub min_size: Option<u64>,
}

/// A [`Selection`] whose texts are understood.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// A part of the name.
    pub name: Option<String>,
    /// The user ID.
    pub uid: Option<u32>,
    /// Nodes that have memory.
    pub nodes: Option<NodeSet>,
    /// The least memory.
    pub min_size: u64,
}

impl Selection {
    /// Returns the filter.
    ///
    /// Fails if there is no such user or node.
    pub fn filter(&self, topology: &Topology) -> Result<Filter> {
        let nodes = match &self.node {
            None => None,
            Some(list) => Some(topology.parse_nodes_all(list).map_err(|error| bad_list(list, &error))?),
        };
        let uid = self.user.as_deref().map(process::user_id).transpose()?;
        Ok(Filter { name: self.name.clone(), uid, nodes, min_size: self.min_size.unwrap_or(0) })
    }
}

impl Filter {
    /// Returns whether a process may be shown, as far as its status says.
    pub fn may_match(&self, status: &ProcessStatus) -> bool {
        !status.is_kernel_thread
            && status.resident.total().saturating_add(INACCURACY) >= self.min_size
            && !status.is_zombie
            && self.uid.is_none_or(|uid| status.uid() == uid)
            && self.name.as_ref().is_none_or(|name| status.name.contains(name))
    }

    /// Returns whether a process is shown.
    pub fn matches(&self, row: &ProcessRow) -> bool {
        let named = self.name.as_ref().is_none_or(|name| row.name.contains(name));
        let bytes = match &self.nodes {
            None => row.memory.total_bytes,
            Some(nodes) => {
                nodes.iter().fold(0, |sum: u64, node| sum.saturating_add(row.on_node(node.number()).unwrap_or(0)))
            }
        };
        named && bytes >= self.min_size.max(u64::from(self.nodes.is_some()))
    }
}

/// The result of `numars ps`.
#[derive(Serialize, JsonSchema, Debug)]
pub struct PsReport {
    /// The processes in the order asked for; kernel threads and processes that have ended are left out.
    pub processes: Vec<ProcessRow>,
    /// The total of all of them.
    pub total: Total,
    /// Why some of the processes that were named are not shown.
    pub problems: Vec<String>,
}

impl Report for PsReport {
    const SCHEMA: &'static str = "numars.ps/1";
}

/// Shows processes.
pub fn run(arguments: &PsArguments, screen: &Screen) -> Result<Status> {
    let topology = read_topology(None)?;
    let filter = arguments.selection.filter(&topology)?;
    let (pids, problems) = named(&arguments.processes)?;
    let is_named = !arguments.processes.is_empty();
    let statuses = pids.into_iter().filter_map(|pid| ProcessStatus::read(pid).ok());
    let mut reader = RowReader::new(&topology);
    let all: Vec<ProcessRow> =
        statuses.filter(|status| filter.may_match(status)).filter_map(|status| reader.read(status)).collect();
    if is_named {
        refuse_if_nothing_is_known(&all)?;
    }
    let unknown = all.iter().filter(|row| row.nodes.is_none()).count();
    let mut rows: Vec<ProcessRow> = all.into_iter().filter(|row| filter.matches(row)).collect();
    arguments.selection.sort.sort(&mut rows, arguments.selection.reverse);
    let total = Total::of(&rows);
    for problem in &problems {
        print_error(problem);
    }
    let problems = problems.iter().map(ToString::to_string).collect();
    let report = PsReport { processes: rows, total, problems };
    if screen.json {
        json::print(&report)?;
    } else if !screen.quiet {
        let left_out = if filter.nodes.is_some() { unknown } else { 0 };
        print(&report, arguments, left_out, screen)?;
    }
    Ok(Status::Done)
}

/// Returns the processes that are named, or all if none is, and why some are not found.
///
/// Fails if none of them is found.
fn named(names: &[String]) -> Result<(Vec<process::Pid>, Vec<Failure>)> {
    if names.is_empty() {
        process::require_mounted_proc()?;
        return Ok((process::all()?, Vec::new()));
    }
    let (mut pids, mut problems) = (Vec::new(), Vec::new());
    for name in names {
        match find(name) {
            Ok(of_name) => pids.extend(of_name),
            Err(problem) => problems.push(problem),
        }
    }
    if pids.is_empty() && !problems.is_empty() {
        return Err(problems.remove(0));
    }
    pids.sort_unstable();
    pids.dedup();
    Ok((pids, problems))
}

/// Fails if it is unknown of all processes where their memory is.
fn refuse_if_nothing_is_known(rows: &[ProcessRow]) -> Result<()> {
    if rows.iter().any(|row| row.nodes.is_some()) {
        return Ok(());
    }
    let Some(first) = rows.first() else { return Ok(()) };
    let why = first.unreadable.as_deref().unwrap_or("unknown");
    let others = if rows.len() > 1 { format!(" and {} more", rows.len() - 1) } else { String::new() };
    let what = format!("cannot read where the memory of {} ({}){others} is: {why}", first.pid, first.name);
    let failure = Failure::new(what);
    Err(if is_permission(why) { failure.hint(PERMISSION_HINT) } else { failure })
}

/// Returns whether root could read what could not be read for this reason.
fn is_permission(why: &str) -> bool {
    why.contains("EACCES") || why.contains("EPERM")
}

fn print(report: &PsReport, arguments: &PsArguments, left_out: usize, screen: &Screen) -> Result<()> {
    use std::io::Write;
    let mut output = anstream::stdout().lock();
    let is_single = report.processes.len() == 1 && !arguments.processes.is_empty();
    if arguments.details || is_single {
        for (index, row) in report.processes.iter().enumerate() {
            write!(output, "{}{}", if index > 0 { "\n" } else { "" }, details::text(row, screen))?;
        }
        return Ok(());
    }
    let notes = notes(report, left_out);
    let count = match height(screen) {
        Some(height) if !arguments.all && arguments.processes.is_empty() => {
            // The heading, the total, the note on what is not shown, and the shell's prompt.
            height.saturating_sub(4 + notes.len()).max(1)
        }
        _ => usize::MAX,
    };
    let shown = report.processes.get(..count).unwrap_or(&report.processes);
    let columns = table::columns(shown, Some(&report.total), arguments.selection.sort, screen.width, screen);
    write!(output, "{}", table::text(&columns))?;
    if shown.len() < report.processes.len() {
        let note = format!("{} of {} processes; --all shows all", shown.len(), report.processes.len());
        writeln!(output, "{}", styled(note, FAINT))?;
    }
    for note in notes {
        writeln!(output, "{}", styled(note, FAINT))?;
    }
    Ok(())
}

/// Returns the number of lines of the terminal, or `None` if the output is not a terminal.
fn height(screen: &Screen) -> Option<usize> {
    let height = || terminal_size::terminal_size_of(std::io::stdout()).map(|(_, height)| usize::from(height.0));
    screen.is_terminal.then(height).flatten().filter(|&height| height > 0)
}

fn notes(report: &PsReport, left_out: usize) -> Vec<String> {
    let mut notes = Vec::new();
    let unreadable = report.total.unreadable_processes;
    if unreadable > 0 {
        let first = report.processes.iter().find_map(|row| row.unreadable.as_deref()).unwrap_or("unknown");
        let processes = if unreadable == 1 { "process" } else { "processes" };
        let hint = if is_permission(first) { format!(" ({PERMISSION_HINT})") } else { String::new() };
        notes.push(format!("? {unreadable} {processes}: {first}{hint}"));
    }
    if left_out > 0 {
        notes.push(format!("{left_out} left out: it is unknown where their memory is"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::row::tests::sample;
    use super::*;

    #[test]
    fn a_filter_takes_what_has_enough_memory_on_its_nodes() {
        let row = sample(17, "postgres", Some(&[(0, 10), (2, 100)]));
        let unknown = sample(18, "postgres", None);
        let filter = |nodes: Option<&str>, min_size| Filter {
            nodes: nodes.map(|nodes| nodes.parse().unwrap()),
            min_size,
            ..Filter::default()
        };
        assert!(filter(None, 110).matches(&row) && !filter(None, 111).matches(&row));
        assert!(filter(Some("0,2"), 110).matches(&row) && !filter(Some("0"), 11).matches(&row));
        assert!(!filter(Some("1"), 0).matches(&row) && !filter(Some("0"), 0).matches(&unknown));
        assert!(filter(None, 0).matches(&unknown));
        let named = |name: &str| Filter { name: Some(name.into()), ..Filter::default() };
        assert!(named("gres").matches(&row) && !named("mysql").matches(&row));
    }

    #[test]
    fn it_is_a_failure_if_nothing_is_known_of_what_was_named() {
        let (known, unknown) = (sample(17, "a", Some(&[(0, 1)])), sample(18, "b", None));
        assert!(refuse_if_nothing_is_known(&[known, unknown.clone()]).is_ok());
        let failure = refuse_if_nothing_is_known(&[unknown.clone(), unknown]).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "numars: cannot read where the memory of 18 (b) and 1 more is: permission denied [EACCES] \
             (needs root or ptrace permission)"
        );
    }
}

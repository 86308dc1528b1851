//! `numars move`: moves the pages of running processes.

mod interleave;
pub mod plan;
mod progress;
mod summary;
mod work;

use crate::failure::{Failure, Result, Status, print_error};
use crate::json::{self, Report};
use crate::machine::read_topology;
use crate::mappings::{self, Mapping, Selection};
use crate::node_pages::{NodePages, PageCounts};
use crate::nodes_argument;
use crate::screen::Screen;
use crate::target::{self, Caller, Target};
use crate::units::{parse_rate, parse_time_limit};
use clap::Args;
use numars::{Errno, NodeSet, Process, Topology};
use plan::{Method, Plan};
use schemars::JsonSchema;
use serde::Serialize;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The arguments of `numars move`.
#[derive(Args, Debug)]
#[command(
    after_help = "Without --from and a placement, pages go to the only node of --to, or are balanced over its nodes.\n\
        Exit status: 0 all pages are on their nodes, 1 some stayed, 2 wrong arguments, 3 failed, 130 interrupted."
)]
pub struct MoveArguments {
    /// The processes: PIDs or names, one after the other
    #[arg(value_name = "PID|NAME", required = true)]
    processes: Vec<String>,
    /// The nodes to move to, such as 1-3, tier:4, fastest or !0
    #[arg(long, value_name = "NODES", required_unless_present = "tier")]
    to: Option<String>,
    /// Move to the nodes of a memory tier, as --to tier:N
    #[arg(long, value_name = "N", conflicts_with = "to")]
    tier: Option<u32>,
    /// Move only pages of these nodes, the first node's to the first of --to and so on, as migratepages(8)
    #[arg(long, value_name = "NODES", conflicts_with_all = ["interleave", "weighted", "pack", "balance"])]
    from: Option<String>,
    /// Move pages that several processes map too, such as those of libraries; needs CAP_SYS_NICE
    #[arg(long)]
    shared_pages: bool,
    // No process can set the policy of another one's memory: this explains it.
    /// Give the memory the policy of the placement
    #[arg(long, hide = true)]
    set_policy: bool,
    /// Show what would move and whether there is room for it, and move nothing
    #[arg(long)]
    dry_run: bool,
    /// How the pages are distributed.
    #[command(flatten)]
    placement: PlacementArguments,
    /// What moves.
    #[command(flatten)]
    selection: Selection,
    /// The limits of the move.
    #[command(flatten)]
    limits: Limits,
}

/// How the pages are distributed.
#[derive(Args, Debug, Clone, Copy, Default)]
#[group(multiple = false)]
#[command(next_help_heading = "Placement on several nodes")]
struct PlacementArguments {
    /// Distribute page by page, as MPOL_INTERLEAVE
    #[arg(long)]
    interleave: bool,
    /// Distribute by the weights of the nodes, as MPOL_WEIGHTED_INTERLEAVE
    #[arg(long)]
    weighted: bool,
    /// Fill the first node, then the next
    #[arg(long)]
    pack: bool,
    /// Move as few pages as possible until all nodes have the same number; each mapping that is selected by itself
    #[arg(long)]
    balance: bool,
}

/// The limits of the move.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Limits")]
struct Limits {
    /// Move with several threads; 0: half as many as the usable CPUs, at most four
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// Keep each call of the kernel, for which a thread that needs a page may wait, about as short as this, such as 5ms
    #[arg(long, value_name = "TIME", value_parser = parse_time_limit)]
    max_pause: Option<Duration>,
    /// Move at most so many bytes per second, such as 1GB/s
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    bandwidth: Option<u64>,
    /// Stop after this time, such as 30s
    #[arg(long, value_name = "TIME", value_parser = parse_time_limit)]
    timeout: Option<Duration>,
    /// How often a busy page is tried again
    #[arg(long, value_name = "N", default_value_t = 3)]
    retries: u32,
}

/// The result of `numars move`.
#[derive(Serialize, JsonSchema, Debug)]
pub struct MoveReport {
    /// The nodes to which pages move, as a list.
    pub to: String,
    /// Whether nothing has moved because of `--dry-run`.
    pub dry_run: bool,
    /// The processes, in the order of the arguments.
    pub processes: Vec<ProcessReport>,
}

impl Report for MoveReport {
    const SCHEMA: &'static str = "numars.move/1";
}

/// How the move of a process has ended.
#[derive(Serialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// All pages are on their nodes.
    Done,
    /// Some pages stayed.
    Incomplete,
    /// `--timeout` has ended the move.
    TimedOut,
    /// A signal has ended the move.
    Interrupted,
    /// The move was refused or has failed.
    Failed,
    /// Nothing has moved: it was a dry run.
    Planned,
}

/// A process whose pages were moved.
#[derive(Serialize, JsonSchema, Debug)]
pub struct ProcessReport {
    /// Its PID.
    pub pid: i32,
    /// Its name. null: there is no such process.
    pub name: Option<String>,
    /// How the move has ended.
    pub ending: Ending,
    /// Why it has failed.
    pub error: Option<String>,
    /// The size of a base page in bytes.
    pub page_size: usize,
    /// The pages that were selected, by node, before the move.
    pub before: Vec<NodePages>,
    /// The pages that are selected, by node, after the move. null: it was a dry run or has failed.
    pub after: Option<Vec<NodePages>>,
    /// What would move. null: it was no dry run.
    pub plan: Option<Plan>,
    /// What has moved. null: nothing was tried.
    pub moved: Option<Moved>,
}

/// What has moved.
#[derive(Serialize, JsonSchema, Debug, Default)]
pub struct Moved {
    /// The numbers of base pages by outcome.
    pub pages: work::Outcomes,
    /// The bytes that have moved.
    pub bytes: u64,
    /// The pages that have moved, by the node that they are on now.
    pub to: Vec<NodePages>,
    /// Why pages have stayed.
    pub stayed: Vec<summary::Stayed>,
    /// The time that it took, in seconds.
    pub seconds: f64,
    /// The bytes that were moved per second.
    pub bytes_per_second: f64,
    /// The longest call of the kernel, in seconds: a thread that needed a page has waited for it at most.
    pub longest_pause_seconds: f64,
    /// The number of move_pages(2) calls.
    pub kernel_calls: u64,
    /// The number of further attempts to move busy pages.
    pub retried: u64,
}

/// What all processes have in common.
struct Job<'a> {
    arguments: &'a MoveArguments,
    topology: Topology,
    to: NodeSet,
    method: Method,
    cancel: Arc<AtomicBool>,
}

/// Moves pages of processes.
pub fn run(arguments: &MoveArguments, screen: &Screen) -> Result<Status> {
    if arguments.set_policy {
        return Err(Failure::usage("only a process itself can give its memory a policy: mbind(2) takes no PID")
            .hint("start it with a policy, or write cpuset.mems of its cgroup, which also moves its pages"));
    }
    let job = Job::new(arguments)?;
    let mut processes = Vec::new();
    for argument in &arguments.processes {
        // One that is named twice moves once.
        for process in target::find(argument)? {
            if !processes.contains(&process) {
                processes.push(process);
            }
        }
    }
    let mut report = MoveReport { to: job.to.to_string(), dry_run: arguments.dry_run, processes: Vec::new() };
    let mut printed = Ok(());
    for process in processes {
        if job.cancel.load(Ordering::Relaxed) {
            break;
        }
        let (of_process, failure) = job.run(process, screen);
        if !screen.json && !screen.quiet {
            // The other processes move though the output is closed or full.
            printed = printed.and(summary::print(&of_process, &job, screen));
        }
        if let Some(failure) = failure {
            print_error(failure);
        }
        report.processes.push(of_process);
    }
    if screen.json {
        printed = json::print(&report);
    }
    match printed {
        Err(failure) if !failure.is_broken_pipe() => Err(failure),
        _ => Ok(status_of(&report.processes, job.cancel.load(Ordering::Relaxed))),
    }
}

/// Returns the exit status: that of the worst ending.
fn status_of(processes: &[ProcessReport], is_cancelled: bool) -> Status {
    let has = |endings: &[Ending]| processes.iter().any(|process| endings.contains(&process.ending));
    match () {
        () if is_cancelled || has(&[Ending::Interrupted]) => Status::Interrupted,
        () if has(&[Ending::Failed]) => Status::Failed,
        () if has(&[Ending::Incomplete, Ending::TimedOut]) => Status::Incomplete,
        () => Status::Done,
    }
}

impl<'a> Job<'a> {
    fn new(arguments: &'a MoveArguments) -> Result<Self> {
        let topology = read_topology(None)?;
        let list = match (&arguments.to, arguments.tier) {
            (Some(list), _) => list.clone(),
            (None, tier) => format!("tier:{}", tier.unwrap_or_default()),
        };
        let to = nodes_argument::parse_targets(&topology, &list)?;
        let placement = arguments.placement;
        let method = match &arguments.from {
            Some(from) => Method::From(nodes_argument::parse(&topology, from)?),
            None if placement.interleave => Method::Interleave,
            None if placement.weighted => Method::Weighted,
            None if placement.pack => Method::Pack,
            None if placement.balance => Method::Balance,
            None => Method::for_nodes(to),
        };
        if method == Method::Weighted && to.iter().any(|node| topology.interleave_weight(node).is_err()) {
            return Err(Failure::new("this kernel has no weights for nodes, which came with Linux 6.9")
                .hint("--interleave or --balance distribute pages equally"));
        }
        let cancel = Arc::new(AtomicBool::new(false));
        // A dry run moves nothing that should be reported.
        if !arguments.dry_run {
            for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
                // The second one ends the program at once.
                signal_hook::flag::register_conditional_default(signal, Arc::clone(&cancel))?;
                signal_hook::flag::register(signal, Arc::clone(&cancel))?;
            }
        }
        Ok(Job { arguments, topology, to, method, cancel })
    }

    /// Moves the pages of a process.
    fn run(&self, process: Process, screen: &Screen) -> (ProcessReport, Option<Failure>) {
        let target = Target::read(process);
        let mut report = ProcessReport {
            pid: process.pid(),
            name: target.name().map(str::to_owned),
            ending: Ending::Failed,
            error: None,
            page_size: numars::page_size(),
            before: Vec::new(),
            after: None,
            plan: None,
            moved: None,
        };
        let failure = self.fill(&mut report, process, &target, screen).err();
        if let Some(failure) = &failure {
            report.ending = Ending::Failed;
            report.error = Some(failure.explanation());
        }
        (report, failure)
    }

    fn fill(&self, report: &mut ProcessReport, process: Process, target: &Target, screen: &Screen) -> Result<()> {
        target.check()?;
        let forbidden = target.forbidden(self.to);
        if !forbidden.is_empty() {
            return Err(target.explain_cpuset(forbidden));
        }
        let caller = Caller::read();
        if self.arguments.shared_pages && !caller.has_sys_nice {
            return Err(Failure::new(
                "only root, or who has the capability CAP_SYS_NICE, moves pages of several processes",
            )
            .hint("leave out --shared-pages: pages that only this process maps move all the same"));
        }
        let ranges = self.ranges(process, target, &caller)?;
        let counts =
            self.count(process, &ranges).map_err(|errno| Target::read(process).explain(errno, &caller, "move"))?;
        let mut before = PageCounts::new();
        counts.iter().for_each(|counts| before.add(counts));
        report.before = before.list();
        if self.arguments.dry_run {
            let free = |node| self.topology.memory(node).ok().map(|memory| memory.free());
            let weight = |node| self.topology.interleave_weight(node).map_or(1, u64::from);
            let weight_of = |node| if self.method == Method::Weighted { weight(node) } else { 1 };
            let interleaved = match self.method {
                Method::Interleave | Method::Weighted => {
                    let (whole, selected) = self.mappings(process, target, &caller)?;
                    interleave::compute(process, &whole, &selected, self.to, &weight_of, before.total())
                        .map_err(|errno| Target::read(process).explain(errno, &caller, "move"))?
                }
                _ => None,
            };
            let mut plan = Plan::compute(self.method, self.to, &counts, &weight, &free, interleaved);
            if !self.arguments.shared_pages && self.arguments.selection.is_everything() {
                plan.shared_bytes = plan::read_shared(process.pid());
            }
            report.plan = Some(plan);
            report.ending = Ending::Planned;
            return Ok(());
        }
        let total = plan::pages_to_look_at(self.method, self.to, &before);
        let progress = progress::Progress::new(target.to_string(), total, screen);
        let mut work = work::Work::new(self, process, progress);
        let result = work.run(&ranges);
        let moved = work.finish();
        let (unmoved, lacks_outcomes) = (moved.pages.unmoved(), moved.pages.finished() < moved.pages.requested);
        report.moved = Some(Moved {
            stayed: summary::stayed(&moved.pages, &self.full_nodes(), self.arguments.shared_pages, caller.has_sys_nice),
            ..moved
        });
        report.ending = match result {
            Ok(()) if unmoved > 0 => Ending::Incomplete,
            Ok(()) => Ending::Done,
            Err(Errno::ENOMEM) if unmoved > 0 => Ending::Incomplete,
            Err(Errno::ETIMEDOUT) => Ending::TimedOut,
            Err(Errno::ECANCELED) => Ending::Interrupted,
            // What was known of it before names the process.
            Err(errno) => return Err(target.explain(errno, &caller, "move")),
        };
        // The library may not notice that a process is ending: pages have no outcome then.
        let is_over = report.ending == Ending::Done || report.ending == Ending::Incomplete;
        if is_over && (lacks_outcomes || Target::read(process).check().is_err()) {
            return Err(target.explain(Errno::ESRCH, &caller, "move"));
        }
        // A process that ended just now has no pages.
        report.after = self.count(process, &ranges).ok().map(|counts| {
            let mut after = PageCounts::new();
            counts.iter().for_each(|counts| after.add(counts));
            after.list()
        });
        Ok(())
    }

    /// Returns the ranges whose pages move. `None`: all of the process.
    fn ranges(&self, process: Process, target: &Target, caller: &Caller) -> Result<Option<Vec<Range<usize>>>> {
        if self.arguments.selection.is_everything() {
            return Ok(None);
        }
        let (_, selected) = self.mappings(process, target, caller)?;
        Ok(Some(mappings::merge(selected.iter().map(|mapping| mapping.start..mapping.end))))
    }

    /// Returns all mappings of a process, and those that are selected.
    fn mappings(&self, process: Process, target: &Target, caller: &Caller) -> Result<(Vec<Mapping>, Vec<Mapping>)> {
        let all = mappings::read(process.pid()).map_err(|error| {
            let errno = error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
            target.explain(errno, caller, "move")
        })?;
        let selected = self.arguments.selection.select(&all)?;
        Ok((all, selected))
    }

    /// Counts the pages of each range.
    fn count(
        &self,
        process: Process,
        ranges: &Option<Vec<Range<usize>>>,
    ) -> std::result::Result<Vec<PageCounts>, Errno> {
        match ranges {
            None => Ok(vec![PageCounts::of_range(process, 0, usize::MAX)?]),
            Some(ranges) => {
                ranges.iter().map(|range| PageCounts::of_range(process, range.start, range.len())).collect()
            }
        }
    }

    /// Returns the target nodes with the least free memory, with what is free and the whole in bytes.
    fn full_nodes(&self) -> Vec<(usize, u64, u64)> {
        let memory = |node: numars::Node| {
            let memory = self.topology.memory(node).ok()?;
            Some((node.number(), memory.free(), memory.total()))
        };
        let mut nodes: Vec<_> = self.to.iter().filter_map(memory).collect();
        nodes.sort_by_key(|&(_, free, _)| free);
        nodes.truncate(4);
        nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_ending_decides_the_status() {
        let with = |endings: &[Ending]| -> Vec<ProcessReport> {
            let report = |&ending: &Ending| ProcessReport {
                pid: 1,
                name: None,
                ending,
                error: None,
                page_size: 4096,
                before: vec![],
                after: None,
                plan: None,
                moved: None,
            };
            endings.iter().map(report).collect()
        };
        use Ending::*;
        assert_eq!(status_of(&with(&[Done, Planned]), false), Status::Done);
        assert_eq!(status_of(&with(&[Done, Incomplete]), false), Status::Incomplete);
        assert_eq!(status_of(&with(&[TimedOut]), false), Status::Incomplete);
        assert_eq!(status_of(&with(&[Incomplete, Failed]), false), Status::Failed);
        assert_eq!(status_of(&with(&[Interrupted, Failed]), false), Status::Interrupted);
        assert_eq!(status_of(&with(&[]), true), Status::Interrupted);
    }
}

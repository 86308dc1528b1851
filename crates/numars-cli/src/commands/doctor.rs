//! `numars doctor`: what works here, what does not, and what to do about it.

mod calls;
pub mod cgroup;
pub mod files;
pub mod hypervisor;
mod kernel;
mod loader;
mod machine;
mod permissions;
mod process;
mod this_process;

use crate::draw::{self, FAINT, HEADING, styled};
use crate::failure::{Failure, Result, Status, unless_unread};
use crate::json::{self, Report};
use crate::screen::Screen;
use crate::text::{counted, printable};
use anstyle::Style;
use clap::Args;
use files::Files;
use numars::Topology;
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt::Write;

/// The arguments of `numars doctor`.
#[derive(Args, Debug)]
pub struct DoctorArguments {
    /// Check whether this process can be moved and inspected, too
    #[arg(value_name = "PID", value_parser = clap::value_parser!(i32).range(1..))]
    pid: Option<i32>,
}

/// The result of `numars doctor`.
#[derive(Serialize, JsonSchema, Debug)]
pub struct DoctorReport {
    /// The release of the kernel, such as `6.12.48`. null: unknown.
    pub kernel: Option<String>,
    /// The process whose checks are in the group `process`, if one was given.
    pub pid: Option<i32>,
    /// The number of checks whose mark is `problem`; the command succeeds if it is 0.
    pub problems: usize,
    /// The number of checks whose mark is `note`.
    pub notes: usize,
    /// The number of checks whose mark is `unknown`.
    pub unknown: usize,
    /// The checks, group by group.
    pub checks: Vec<Check>,
}

impl Report for DoctorReport {
    const SCHEMA: &'static str = "numars.doctor/1";
}

/// One thing that was checked.
#[derive(Serialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What it is about.
    pub group: Group,
    /// Its name, which does not change between releases, such as `move_pages` or `ptrace_scope`.
    pub name: &'static str,
    /// How it has ended.
    pub mark: Mark,
    /// What was found.
    pub message: String,
    /// What to do about it, if anything.
    pub remedy: Option<String>,
}

/// What a check is about.
#[derive(Serialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// System calls and what they support.
    Calls,
    /// What the user, the container and the security modules permit.
    Permissions,
    /// Nodes and their memory.
    Machine,
    /// The version of the kernel, and what the administrator can set.
    KernelSettings,
    /// What this process may use and has inherited.
    ThisProcess,
    /// The process that was asked about.
    Process,
}

impl Group {
    fn title(self) -> &'static str {
        match self {
            Group::Calls => "System calls",
            Group::Permissions => "Permissions",
            Group::Machine => "Machine",
            Group::KernelSettings => "Kernel settings",
            Group::ThisProcess => "This process",
            Group::Process => "Process",
        }
    }
}

/// How a check has ended.
#[derive(Serialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// As it should be.
    Ok,
    /// Works, and is worth knowing.
    Note,
    /// Does not work.
    Problem,
    /// Could not be found out.
    Unknown,
}

impl Mark {
    fn name(self) -> &'static str {
        match self {
            Mark::Ok => "ok",
            Mark::Note => "note",
            Mark::Problem => "problem",
            Mark::Unknown => "unknown",
        }
    }

    fn style(self) -> Style {
        match self {
            Mark::Ok => draw::GOOD,
            Mark::Note => draw::WARNING,
            Mark::Problem => draw::BAD.bold(),
            Mark::Unknown => FAINT,
        }
    }
}

impl Check {
    fn new(mark: Mark, name: &'static str, message: impl Into<String>) -> Check {
        // Names of processes and cgroups may have control characters.
        let message = printable(&message.into());
        Check { group: Group::Calls, name, mark, message, remedy: None }
    }

    /// Returns a check that has found nothing to complain about.
    pub fn ok(name: &'static str, message: impl Into<String>) -> Check {
        Check::new(Mark::Ok, name, message)
    }

    /// Returns a check that has found what is worth knowing.
    pub fn note(name: &'static str, message: impl Into<String>) -> Check {
        Check::new(Mark::Note, name, message)
    }

    /// Returns a check that has found what does not work.
    pub fn problem(name: &'static str, message: impl Into<String>) -> Check {
        Check::new(Mark::Problem, name, message)
    }

    /// Returns a check that has found nothing out.
    pub fn unknown(name: &'static str, message: impl Into<String>) -> Check {
        Check::new(Mark::Unknown, name, message)
    }

    /// Adds what to do about it.
    pub fn remedy(self, remedy: impl Into<String>) -> Check {
        Check { remedy: Some(printable(&remedy.into())), ..self }
    }
}

/// What the checks examine.
pub struct System {
    /// The files of /proc and /sys.
    pub files: Files,
    /// The nodes, or why they are not known.
    pub topology: std::result::Result<Topology, String>,
    /// Which system calls work.
    pub calls: calls::Calls,
    /// An environment variable of this process.
    pub variable: fn(&str) -> Option<String>,
}

/// Checks everything.
pub fn run(arguments: &DoctorArguments, screen: &Screen) -> Result<Status> {
    let system = System {
        files: Files::of_this_machine(),
        topology: Topology::read().map_err(crate::failure::reason),
        calls: calls::Calls::probe(),
        variable: |name| std::env::var(name).ok(),
    };
    if let Some(pid) = arguments.pid.filter(|pid| !process::exists(*pid)) {
        return Err(Failure::new(format!("no process {pid}")).hint("ps -e lists processes that this user can see"));
    }
    let report = examine(&system, arguments.pid);
    if screen.json {
        unless_unread(json::print(&report))?;
    } else if !screen.quiet {
        use std::io::Write;
        unless_unread(write!(anstream::stdout().lock(), "{}", draw(&report, screen)).map_err(Failure::from))?;
    }
    Ok(if report.problems == 0 { Status::Done } else { Status::Incomplete })
}

/// Carries out the checks.
fn examine(system: &System, pid: Option<i32>) -> DoctorReport {
    let mut groups = vec![
        (Group::Calls, calls::checks(system)),
        (Group::Permissions, permissions::checks(system)),
        (Group::Machine, machine::checks(system)),
        (Group::KernelSettings, kernel::checks(system)),
        (Group::ThisProcess, this_process::checks(system)),
    ];
    if let Some(pid) = pid {
        groups.push((Group::Process, process::checks(system, pid, &process::Access::probe(pid))));
    }
    let checks: Vec<Check> = groups
        .into_iter()
        .flat_map(|(group, checks)| checks.into_iter().map(move |check| Check { group, ..check }))
        .collect();
    let count = |mark| checks.iter().filter(|check| check.mark == mark).count();
    DoctorReport {
        kernel: system.files.read("proc/sys/kernel/osrelease").ok(),
        pid,
        problems: count(Mark::Problem),
        notes: count(Mark::Note),
        unknown: count(Mark::Unknown),
        checks,
    }
}

/// Returns the checks as people read them: a line each, and what to do below.
fn draw(report: &DoctorReport, screen: &Screen) -> String {
    let mut text = String::new();
    let name_width = report.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let indent = Mark::Problem.name().len() + name_width + 2;
    let width = screen.width.saturating_sub(indent).max(20);
    let wrapped = |message: &str| -> Vec<String> {
        // Paths are not broken at hyphens.
        let options = textwrap::Options::new(width).word_splitter(textwrap::WordSplitter::NoHyphenation);
        textwrap::wrap(message, options).into_iter().map(|line| line.into_owned()).collect()
    };
    let margin = " ".repeat(indent);
    let arrow = screen.or_ascii("→", "->");
    let mut group = None;
    for (index, check) in report.checks.iter().enumerate() {
        if group != Some(check.group) {
            let title = match report.pid {
                Some(pid) if check.group == Group::Process => format!("{} {pid}", check.group.title()),
                _ => check.group.title().to_owned(),
            };
            let gap = if group.is_some() { "\n" } else { "" };
            let _ = writeln!(text, "{gap}{}", styled(title, HEADING));
            group = Some(check.group);
        }
        let mark = styled(format!("{:7}", check.mark.name()), check.mark.style());
        let message = wrapped(&check.message).join(&format!("\n{margin}"));
        let _ = writeln!(text, "{mark} {:name_width$} {message}", check.name);
        // What helps several in a row is below the last.
        let next = report.checks.get(index + 1).filter(|next| next.group == check.group);
        let is_repeated = next.is_some_and(|next| next.remedy == check.remedy);
        if let Some(remedy) = check.remedy.as_ref().filter(|_| !is_repeated) {
            for line in wrapped(&format!("{arrow} {remedy}")) {
                let _ = writeln!(text, "{margin}{}", styled(line, FAINT));
            }
        }
    }
    let problems = match report.problems {
        0 => styled("no problems", draw::GOOD),
        count => styled(counted(count, "problem"), draw::BAD.bold()),
    };
    let _ = writeln!(text, "\n{problems}, {}, {} unknown", counted(report.notes, "note"), report.unknown);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(width: usize, unicode: bool) -> Screen {
        Screen { width, color: false, unicode, is_terminal: false, json: false, quiet: false }
    }

    #[test]
    fn a_check_is_a_line_and_its_remedy_is_below() {
        let problem = Check::problem("move_pages", "forbidden [EPERM]").remedy("allow it in the seccomp profile");
        let checks = vec![Check::ok("mbind", "works"), Check { group: Group::Machine, ..problem }];
        let report = DoctorReport { kernel: None, pid: None, problems: 1, notes: 0, unknown: 0, checks };
        let text = anstream::adapter::strip_str(&draw(&report, &screen(80, false))).to_string();
        assert_eq!(
            text,
            "System calls\nok      mbind      works\n\nMachine\nproblem move_pages forbidden [EPERM]\n                   -> allow \
             it in the seccomp profile\n\n1 problem, 0 notes, 0 unknown\n"
        );
    }

    #[test]
    fn lines_are_no_longer_than_the_screen_is_wide() {
        let long = "word ".repeat(60);
        let checks = vec![Check::note("node_reclaim", long.clone()).remedy(long)];
        let report = DoctorReport { kernel: None, pid: None, problems: 0, notes: 1, unknown: 0, checks };
        for width in [60, 80, 132] {
            let text = anstream::adapter::strip_str(&draw(&report, &screen(width, true))).to_string();
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
        }
    }

    #[test]
    fn control_characters_are_not_printed() {
        assert_eq!(Check::ok("cgroup", "/a\x1b[31m\nb").message, "/a?[31m?b");
    }
}

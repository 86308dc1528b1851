//! What a move has done, as people read it.

use super::plan::Plan;
use super::work::Outcomes;
use super::{Ending, Job, Moved, ProcessReport};
use crate::draw::{BAD, FAINT, GOOD, HEADING, WARNING, styled};
use crate::failure::Result;
use crate::node_pages::{self, NodePages, bytes};
use crate::nodes_argument::named;
use crate::screen::Screen;
use crate::text::printable;
use crate::units;
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

/// Pages that have stayed for one reason.
#[derive(Serialize, JsonSchema, Debug, Clone, PartialEq, Eq)]
pub struct Stayed {
    /// The reason: `shared`, `busy`, `no_memory` or `failed`.
    pub reason: &'static str,
    /// The number of base pages.
    pub pages: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// What it means, and what helps.
    pub advice: String,
}

/// Returns why pages have stayed. `full` are the target nodes with the least free memory, with what is free and the whole.
pub fn stayed(
    outcomes: &Outcomes,
    full: &[(usize, u64, u64)],
    moves_shared: bool,
    may_move_shared: bool,
) -> Vec<Stayed> {
    let shared = match (moves_shared, may_move_shared) {
        (false, true) => "other processes map them too; --shared-pages moves them",
        (false, false) => "other processes map them too; --shared-pages moves them, for root or with CAP_SYS_NICE",
        (true, _) => "the kernel does not let them move",
    };
    let busy = "pinned by a device, or being written to disk; try again, or with more --retries";
    let rooms: Vec<String> = full
        .iter()
        .map(|&(node, free, total)| format!("node {node} has {} free of {}", units::bytes(free), units::bytes(total)))
        .collect();
    let no_memory = format!("no room on the target: {}; choose other nodes, or --pack several", rooms.join(", "));
    let failed = "the kernel does not say why; try again (its own pages, such as [vdso], never move)";
    let reasons = [
        ("shared", outcomes.shared, shared),
        ("busy", outcomes.busy, busy),
        ("no_memory", outcomes.no_memory, &no_memory),
        ("failed", outcomes.failed, failed),
    ];
    let stayed = reasons.into_iter().filter(|&(_, pages, _)| pages > 0);
    stayed
        .map(|(reason, pages, advice)| Stayed { reason, pages, bytes: bytes(pages), advice: advice.to_owned() })
        .collect()
}

/// Prints what was done, or would be, with a process.
pub fn print(report: &ProcessReport, job: &Job, screen: &Screen) -> Result<()> {
    let text = match (&report.plan, &report.moved) {
        (Some(plan), _) => plan_text(report, plan, &named(job.to), screen),
        // Where nothing was looked at, the failure says all.
        (None, Some(moved)) if report.ending != Ending::Failed || moved.pages.requested > 0 => {
            moved_text(report, moved, screen)
        }
        _ => return Ok(()),
    };
    let mut output = anstream::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()?;
    Ok(())
}

fn title(report: &ProcessReport) -> String {
    let name = printable(report.name.as_deref().unwrap_or("?"));
    format!("process {} ({name})", report.pid)
}

/// Returns a line with a bar of where pages are.
fn nodes_line(what: &str, nodes: &[NodePages], screen: &Screen) -> String {
    let width = screen.width.saturating_sub(18).clamp(8, 48);
    let total = nodes.iter().fold(0u64, |sum, on| sum.saturating_add(on.bytes));
    format!("{what:<7} {:>8}  {}\n", units::bytes(total), node_pages::bar(nodes, width))
}

fn moved_text(report: &ProcessReport, moved: &Moved, screen: &Screen) -> String {
    let (ending, style) = match report.ending {
        Ending::Done => ("all pages are on their nodes", GOOD),
        Ending::Incomplete => ("some pages have stayed", WARNING),
        Ending::TimedOut => ("not finished in time", WARNING),
        Ending::Interrupted => ("interrupted", WARNING),
        Ending::Failed | Ending::Planned => ("failed", BAD),
    };
    let mut text = format!("{}: {}\n", styled(title(report), HEADING), styled(ending, style));
    text += &nodes_line("before", &report.before, screen);
    if let Some(after) = &report.after {
        text += &nodes_line("now", after, screen);
    }
    let pages = &moved.pages;
    let mut line = |what: &str, pages: u64, note: &str| {
        if pages > 0 || what == "moved" {
            let line = format!("{what:<10} {:>8}  {}", units::bytes(bytes(pages)), count(pages));
            let _ = writeln!(text, "{}", wrapped(&line, note, screen));
        }
    };
    let time = |seconds: f64| units::duration(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    let mut speed = format!("in {}", time(moved.seconds));
    if pages.moved > 0 {
        let _ = write!(
            speed,
            ", {}, longest pause {}",
            units::rate(moved.bytes_per_second),
            time(moved.longest_pause_seconds)
        );
    }
    line("moved", pages.moved, &screen.or_ascii(speed.clone(), speed.replace('µ', "u")));
    line("in place", pages.in_place, "");
    for stayed in &moved.stayed {
        line(&stayed.reason.replace("no_memory", "no room"), stayed.pages, &stayed.advice);
    }
    line("gone", pages.absent.saturating_add(pages.unmapped), "unmapped, swapped out or not movable");
    let on = node_pages::text(&moved.to);
    if moved.to.len() > 1 && moved.to.len() <= 8 {
        let _ = writeln!(text, "{}", styled(wrapped(&format!("{:<19}", "moved to"), &on, screen), FAINT));
    }
    text
}

fn count(pages: u64) -> String {
    let digits = pages.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} page{}", if pages == 1 { "" } else { "s" })
}

/// Returns a line with a note after it, whose words continue on further lines if the screen is too narrow.
fn wrapped(line: &str, note: &str, screen: &Screen) -> String {
    const INDENT: usize = 21;
    let (mut text, mut column) = (line.to_owned(), line.chars().count());
    let separator = if note.is_empty() { "" } else { ": " };
    // A label without a number is filled with blanks up to the note.
    let separator = if line.ends_with(' ') { "  " } else { separator };
    text += separator;
    column += separator.len();
    for (index, word) in note.split(' ').filter(|word| !word.is_empty()).enumerate() {
        let length = word.chars().count();
        if column + length + usize::from(index > 0) > screen.width && column > INDENT {
            text.truncate(text.trim_end().len());
            text += &format!("\n{}", " ".repeat(INDENT));
            column = INDENT;
        } else if index > 0 {
            text.push(' ');
            column += 1;
        }
        text += word;
        column += length;
    }
    text
}

fn plan_text(report: &ProcessReport, plan: &Plan, to: &str, screen: &Screen) -> String {
    let about = if plan.is_estimate { "about " } else { "" };
    let total = report.before.iter().fold(0u64, |sum, on| sum.saturating_add(on.bytes));
    let mut text = format!(
        "{}: {about}{} of {} would move to {to}\n",
        styled(title(report), HEADING),
        units::bytes(plan.bytes_to_move),
        units::bytes(total),
    );
    text += &nodes_line("now", &report.before, screen);
    for on in &report.before {
        let _ = writeln!(text, "  node {:>4}  {:>8}", on.node, units::bytes(on.bytes));
    }
    let then: Vec<NodePages> = plan
        .targets
        .iter()
        .map(|target| NodePages {
            node: target.node,
            pages: target.bytes_after / bytes(1).max(1),
            bytes: target.bytes_after,
        })
        .collect();
    text += &nodes_line("targets", &then, screen);
    for target in &plan.targets {
        let free = target.free_bytes.map_or("?".to_owned(), units::bytes);
        let more = target.bytes_after.saturating_sub(target.bytes_now);
        let full =
            if target.free_bytes.is_some_and(|free| free < more) { styled(", too little", BAD) } else { String::new() };
        let _ = writeln!(
            text,
            "  node {:>4}  {:>8}  {} more, {free} free{full}",
            target.node,
            units::bytes(target.bytes_after),
            units::bytes(more),
        );
    }
    match plan.fits {
        Some(true) => text += &format!("{}\n", styled("it fits", GOOD)),
        Some(false) => text += &format!("{}\n", styled("it does not fit: pages without room would stay", WARNING)),
        None => {}
    }
    if let Some(shared) = plan.shared_bytes.filter(|&shared| shared > 0) {
        let note = format!(
            "{} of the process is shared with others and would stay without --shared-pages",
            units::bytes(shared)
        );
        let _ = writeln!(text, "{}", styled(wrapped(&format!("{:<19}", "shared"), &note, screen), FAINT));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::plan::PlanTarget;
    use super::*;

    fn screen(width: usize) -> Screen {
        Screen { width, color: false, unicode: false, is_terminal: false, json: false, quiet: false }
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn report(ending: Ending) -> ProcessReport {
        let on = |node, pages| NodePages { node, pages, bytes: pages << 12 };
        ProcessReport {
            pid: 17,
            name: Some("a\nb".into()),
            ending,
            error: None,
            page_size: 4096,
            before: vec![on(0, 3000)],
            after: Some(vec![on(0, 1000), on(1, 1000), on(2, 1000)]),
            plan: None,
            moved: None,
        }
    }

    #[test]
    fn each_reason_has_advice() {
        let outcomes = Outcomes { requested: 10, shared: 1, busy: 2, no_memory: 3, failed: 4, ..Outcomes::default() };
        let all = stayed(&outcomes, &[(2, 1 << 20, 1 << 30)], false, false);
        let texts: Vec<(&str, u64)> = all.iter().map(|stayed| (stayed.reason, stayed.pages)).collect();
        assert_eq!(texts, [("shared", 1), ("busy", 2), ("no_memory", 3), ("failed", 4)]);
        assert!(all[0].advice.contains("CAP_SYS_NICE") && all[1].advice.contains("try again"));
        assert!(all[2].advice.contains("node 2 has 1.00 MiB free of 1.00 GiB"), "{}", all[2].advice);
        assert!(!stayed(&outcomes, &[], false, true)[0].advice.contains("CAP_SYS_NICE"));
        assert_eq!(stayed(&Outcomes::default(), &[], false, false), []);
    }

    #[test]
    fn a_summary_says_what_moved_and_what_stayed() {
        let pages = Outcomes { requested: 3000, moved: 2000, shared: 1000, ..Outcomes::default() };
        let moved = Moved {
            pages,
            bytes: bytes(2000),
            stayed: stayed(&pages, &[], false, false),
            seconds: 2.0,
            bytes_per_second: bytes(1000) as f64,
            longest_pause_seconds: 0.0031,
            ..Moved::default()
        };
        let text = plain(&moved_text(&report(Ending::Incomplete), &moved, &screen(80)));
        assert!(text.starts_with("process 17 (a?b): some pages have stayed\n"), "{text}");
        assert!(text.contains("2,000 pages: in 2.0 s, ") && text.contains("longest pause 3.1 ms"), "{text}");
        assert!(text.contains("1,000 pages: other processes map them too"), "{text}");
        for width in [80, 60] {
            let text = plain(&moved_text(&report(Ending::Interrupted), &moved, &screen(width)));
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
        }
    }

    #[test]
    fn a_dry_run_says_whether_it_fits() {
        let target = |node, free| PlanTarget { node, bytes_now: 0, bytes_after: 6 << 20, free_bytes: Some(free) };
        let plan = Plan {
            bytes_to_move: 12 << 20,
            is_estimate: true,
            fits: Some(false),
            shared_bytes: Some(1 << 20),
            targets: vec![target(1, 1 << 30), target(2, 1 << 20)],
        };
        let text = plain(&plan_text(&report(Ending::Planned), &plan, "nodes 1-2", &screen(80)));
        assert!(text.contains("about 12.0 MiB of 11.7 MiB would move to nodes 1-2"), "{text}");
        assert!(text.contains("6.00 MiB more, 1.00 MiB free, too little"), "{text}");
        assert!(text.contains("it does not fit") && text.contains("1.00 MiB of the process is shared"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn numbers_of_pages_have_commas() {
        assert_eq!(
            [0, 1, 999, 1000, 1234567].map(count),
            ["0 pages", "1 page", "999 pages", "1,000 pages", "1,234,567 pages"]
        );
    }
}

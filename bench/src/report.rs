//! The document: parts that are measured separately, and one that is written by hand.

use anyhow::Result;
use std::fs;
use std::thread;

pub const FILE: &str = "performance.md";

/// How the parts begin. The last is written by hand and kept when the document is regenerated.
pub const CALLS: &str = "## Compared with libnuma\n";
pub const MOVES: &str = "## Moving pages\n";
pub const PAUSES: &str = "## Moving pages of a running process\n";
pub const KERNELS: &str = "## Kernels side by side\n";
pub const BY_HAND: &str = "## Where the time goes\n";

const INTRODUCTION: &str = "# Performance

`make bench` measures and writes all of this except the last two sections. `make bench BENCH=--part=calls` measures only the first part, in a few
minutes, `BENCH=--part=moves` only the second, in half an hour or more, `BENCH=--part=pauses` only the third, and `BENCH=--part=kernels` only the
fourth, each in ten minutes; the other parts are kept. `KERNEL=6.1` or `KERNEL=newest` boots another kernel in the guest.
`make bench-machine` measures [a real machine](#on-a-real-machine).

";

/// The parts, each with its heading.
pub struct Document {
    pub calls: String,
    pub moves: String,
    pub pauses: String,
    pub kernels: String,
    by_hand: String,
}

impl Document {
    /// The parts of a document; empty ones where it has none.
    pub fn of(text: &str) -> Self {
        // A heading of a lower level ends in the same way.
        let find = |heading: &str, from: usize| {
            let mut places = text[from..].match_indices(heading).map(|(place, _)| from + place);
            places.find(|&place| place == 0 || text[..place].ends_with('\n'))
        };
        let part = |heading: &str| {
            let Some(start) = find(heading, 0) else { return heading.to_owned() };
            let ends = [CALLS, MOVES, PAUSES, KERNELS, BY_HAND].map(|other| find(other, start + heading.len()));
            let end = ends.into_iter().flatten().min().unwrap_or(text.len());
            text[start..end].to_owned()
        };
        let (calls, moves, pauses) = (part(CALLS), part(MOVES), part(PAUSES));
        Document { calls, moves, pauses, kernels: part(KERNELS), by_hand: part(BY_HAND) }
    }

    pub fn text(&self) -> String {
        let parts = [&self.calls, &self.moves, &self.pauses, &self.kernels, &self.by_hand].map(|part| part.trim_end());
        format!("{INTRODUCTION}{}\n", parts.join("\n\n"))
    }
}

/// The result column of a table: whether the target was met.
pub fn result(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

/// Formats rows of cells, the first of them the header, as an aligned table.
pub fn table(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("| {cell:width$} "));
        text += &(cells.collect::<String>() + "|\n");
        if number == 0 {
            text += &(widths.iter().map(|width| format!("|{}", "-".repeat(width + 2))).collect::<String>() + "|\n");
        }
    }
    text
}

pub fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(String::from).to_vec()
}

/// The real machine.
#[derive(Default)]
pub struct Host {
    pub cpus: usize,
    /// Load average of the last minute.
    pub load: String,
    pub processor: String,
    /// The kernel version, without the suffix of the distribution.
    pub kernel: String,
}

impl Host {
    pub fn now() -> Result<Self> {
        let load = fs::read_to_string("/proc/loadavg")?;
        let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
        let processor = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        Ok(Self {
            cpus: thread::available_parallelism()?.get(),
            load: load.split(' ').next().unwrap_or("?").into(),
            processor: processor.trim_start_matches([' ', '\t', ':']).into(),
            kernel: kernel.trim().split('-').next().unwrap_or_default().into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_up() {
        let rows = [cells(["a", "bcd"]), cells(["ef", "g"])];
        assert_eq!(table(&rows), "| a  | bcd |\n|----|-----|\n| ef | g   |\n");
    }

    #[test]
    fn unmeasured_parts_and_the_handwritten_part_are_kept() {
        let before = format!(
            "# Old\n\n{CALLS}\nfast\n\n{MOVES}\nslow\n\n### of moves\n\n{PAUSES}\nlong\n\n{KERNELS}\nnew\n\n{BY_HAND}\n#{MOVES}\nIn the kernel.\n"
        );
        let mut document = Document::of(&before);
        document.calls = format!("{CALLS}\nfaster\n");
        let after = document.text();
        let rest = format!(
            "{CALLS}\nfaster\n\n{MOVES}\nslow\n\n### of moves\n\n{PAUSES}\nlong\n\n{KERNELS}\nnew\n\n{BY_HAND}\n#{MOVES}\nIn the kernel.\n"
        );
        assert_eq!(after, format!("{INTRODUCTION}{rest}"));
        assert_eq!(Document::of(&after).text(), after);
    }

    #[test]
    fn a_first_document_has_the_headings_alone() {
        assert_eq!(Document::of("").text(), format!("{INTRODUCTION}{CALLS}\n{MOVES}\n{PAUSES}\n{KERNELS}\n{BY_HAND}"));
    }
}

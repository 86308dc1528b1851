//! The document: tables in Markdown, and the picture that goes with them.

use crate::chart;
use crate::moves::{self, CROWDED, Judged, Measured};
use crate::samples::{Run, readable, three_figures};
use anyhow::Result;
use std::fs;
use std::path::Path;
use std::thread;

/// From here on a person writes; what stands there stays when the document is written anew.
const BY_HAND: &str = "## Where the time goes\n";
/// What a row should have, unless it asks for few.
const ENOUGH_PAGES: usize = 16384;
const GROWTH_PICTURE: &str = "performance-growth.svg";

/// Rows of cells, the first of them the head, as a table that lines up.
fn table(rows: &[Vec<String>]) -> String {
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

fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(String::from).to_vec()
}

pub fn speed(judged: &[Judged]) -> String {
    let head = ["request", "pages", "other threads", "old", "new", "times faster", "target", "result"];
    let row = |judged: &Judged| {
        let [old, new, ratio] = match &judged.measured {
            Ok(Measured { old, new, ratio }) => {
                let spread = format!("{} to {}", three_figures(ratio.low), three_figures(ratio.high));
                [readable(old.median()), readable(new.median()), format!("{} ({spread})", three_figures(ratio.median))]
            }
            Err(_) => [const { String::new() }; 3],
        };
        let comparison = judged.comparison;
        vec![
            comparison.request.into(),
            judged.pages.to_string(),
            comparison.other_threads.into(),
            old,
            new,
            ratio,
            comparison.target.to_string(),
            judged.verdict(),
        ]
    };
    table(&[vec![cells(head)], judged.iter().map(row).collect()].concat())
}

pub fn growth(sizes: &[(usize, Result<Measured>)]) -> String {
    let head = ["pages", "old", "old, a page", "new", "new, a page", "scratch memory of new"];
    let row = |(pages, measured): &(usize, Result<Measured>)| {
        let mut row = vec![pages.to_string()];
        match measured {
            Ok(Measured { old, new, .. }) => {
                for side in [old, new] {
                    row.extend([readable(side.median()), readable(side.median() / *pages as f64)]);
                }
                row.push(format!("{} KiB", new.scratch / 1024));
            }
            Err(why) => row.extend(cells([&format!("failed: {why}"), "", "", "", ""])),
        }
        row
    };
    table(&[vec![cells(head)], sizes.iter().map(row).collect()].concat())
}

/// The real machine.
#[derive(Default)]
pub struct Host {
    cpus: usize,
    /// How many processes wanted a CPU in the last minute.
    load: String,
}

impl Host {
    pub fn now() -> Result<Self> {
        let load = fs::read_to_string("/proc/loadavg")?;
        Ok(Self { cpus: thread::available_parallelism()?.get(), load: load.split(' ').next().unwrap_or("?").into() })
    }
}

/// What `make bench` shows and writes.
pub struct Report {
    pub speed: String,
    pub growth: String,
    /// Where fewer pages were moved than elsewhere, and why.
    pub crowded: String,
}

impl Report {
    pub fn new(run: &Run) -> Self {
        let crowded = run.sizes(CROWDED).into_iter().filter(|&pages| pages < ENOUGH_PAGES).map(|pages| {
            format!(
                "With three other threads running, both sides move {pages} pages only, not {ENOUGH_PAGES}: the bare call takes \
                 about ten milliseconds\nfor each page there, since four emulated CPUs share fewer real ones and every page waits \
                 for all of them.\n`make bench BENCH=--crowded-pages={ENOUGH_PAGES}` measures that row in full, in a quarter of \
                 an hour more."
            )
        });
        Self { speed: speed(&moves::judged(run)), growth: growth(&moves::growth(run)), crowded: crowded.collect() }
    }

    /// Writes performance.md and its pictures into a directory.
    pub fn write(&self, run: &Run, host: &Host, directory: &Path) -> Result<()> {
        let path = directory.join("performance.md");
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, self.document(run, host, by_hand(&before)))?;

        let sizes = moves::growth(run);
        let measured = sizes.iter().filter_map(|(pages, measured)| Some((*pages as f64, measured.as_ref().ok()?)));
        let (old, new) = measured.map(|(x, m)| ((x, m.old.median()), (x, m.new.median()))).unzip();
        let lines = [("the bare call", old), ("numa_move_pages", new)];
        let picture = chart::lines("pages, three targets interleaved", "seconds", &lines)?;
        Ok(fs::write(directory.join(GROWTH_PICTURE), picture)?)
    }

    fn document(&self, run: &Run, host: &Host, by_hand: &str) -> String {
        let Self { speed, growth, crowded } = self;
        let machine = &run.machine;
        format!(
            "# Performance

`make bench` measured this and wrote it, but for the last section.

- Machine: a guest with {nodes} NUMA nodes and {cpus} CPUs, emulated in software (QEMU) on {host_cpus} real CPUs that had a load of
  {load} before. Times are many times longer than on hardware; ratios tell more, and those with other threads running exaggerate where
  there are fewer real CPUs than emulated ones.
- Kernel: Linux {kernel}.
- Pages: base pages of 4 KiB. After each sample every page is checked to be where it should, and every status to say so. Requests that take
  long have new pages for each call; the short ones move pages there and back.

To repeat it: `make bench`, with `KERNEL=6.1` or `KERNEL=newest` for another kernel. `target/bench/moves` is the measuring program; it also runs
on a real machine with four nodes.

## Moving pages

Old is the bare `move_pages`, new is `numa_move_pages`, unless the request says otherwise. They take turns in one run. Times are medians of
at least five samples; \"times faster\" is their ratio, and in brackets lies the middle half of the ratios of samples taken one after the other.

{speed}
{crowded}

## From 1,024 to 262,144 pages

Three targets interleaved, no other threads. Scratch memory is by how much the mappings of the process grew at most during a call.

{growth}
![time against pages]({GROWTH_PICTURE})

{by_hand}",
            nodes = machine.nodes,
            cpus = machine.cpus,
            kernel = machine.kernel,
            host_cpus = host.cpus,
            load = host.load,
        )
    }
}

fn by_hand(document: &str) -> &str {
    document.find(BY_HAND).map_or(BY_HAND, |start| &document[start..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::tests::{run_of, taken};

    #[test]
    fn a_table_lines_up() {
        let rows = [cells(["a", "bcd"]), cells(["ef", "g"])];
        assert_eq!(table(&rows), "| a  | bcd |\n|----|-----|\n| ef | g   |\n");
    }

    #[test]
    fn the_table_of_speed_shows_times_ratio_target_and_result() {
        let run = run_of(&[
            taken("interleaved-one", "bare", 16384, 3_000_000),
            taken("interleaved-one", "ours", 16384, 1_000_000),
        ]);
        let text = speed(&moves::judged(&run));
        let words: Vec<&str> = text.lines().nth(2).unwrap().split('|').map(str::trim).collect();
        let expected =
            ["three targets interleaved", "16384", "one", "3.00 ms", "1.00 ms", "3.00 (3.00 to 3.00)", "2", "met"];
        assert_eq!(words[1..9], expected);
    }

    #[test]
    fn the_table_of_growth_shows_the_time_of_one_page() {
        let run = run_of(&[taken("growth", "bare", 1000, 3_000_000), taken("growth", "ours", 1000, 1_000_000)]);
        let text = growth(&moves::growth(&run));
        assert!(text.contains("| 3.00 us ") && text.contains("| 1.00 us ") && text.contains("| 4 KiB "), "{text}");
    }

    #[test]
    fn fewer_pages_among_three_threads_are_said_plainly() {
        let with = |pages| Report::new(&run_of(&[taken("interleaved-three", "ours", pages, 1)])).crowded;
        assert!(with(1024).contains("1024 pages only"));
        assert_eq!(with(16384), "");
    }

    #[test]
    fn what_a_person_wrote_stays() {
        let run = run_of(&[]);
        let document = Report::new(&run).document(
            &run,
            &Host::default(),
            by_hand("old\n\n## Where the time goes\n\nIn the kernel.\n"),
        );
        assert!(document.ends_with("## Where the time goes\n\nIn the kernel.\n"));
        assert!(!document.contains("old\n"));
    }

    #[test]
    fn a_first_document_ends_with_the_empty_section() {
        assert_eq!(by_hand(""), BY_HAND);
    }
}

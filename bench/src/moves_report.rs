//! The report on page moves: Markdown tables, and the chart that belongs to them.

use crate::chart;
use crate::moves::{self, CROWDED, Judged, Measured, WithThreads};
use crate::report::{Host, MOVES, cells, table};
use crate::samples::{Run, Side, readable, three_digits};
use anyhow::Result;

/// The number of pages of a row, unless it has a small number of its own.
const ENOUGH_PAGES: usize = 16384;
const GROWTH_PICTURE: &str = "performance-growth.svg";

pub fn speed(judged: &[Judged]) -> String {
    let head = ["request", "pages", "other threads", "old", "new", "times faster", "target", "result"];
    let row = |judged: &Judged| {
        let [old, new, ratio] = match &judged.measured {
            Ok(Measured { old, new, ratio }) => {
                let spread = format!("{} to {}", three_digits(ratio.low), three_digits(ratio.high));
                [readable(old.median()), readable(new.median()), format!("{} ({spread})", three_digits(ratio.median))]
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
    let head = ["pages", "old", "old, per page", "new", "new, per page", "scratch memory of new"];
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

/// The time of a side, and how many times faster it is than the first one.
fn compared(first: &Result<Side>, side: &Result<Side>) -> String {
    match (first, side) {
        (Ok(first), Ok(side)) => {
            format!("{} ({})", readable(side.median()), three_digits(first.median() / side.median()))
        }
        (_, Err(why)) => format!("failed: {why}"),
        (_, Ok(side)) => readable(side.median()),
    }
}

fn threads(rows: &[WithThreads]) -> String {
    let head = ["pages", "other threads", "one thread", "two", "four", "eight", "0 (default)"];
    let row = |row: &WithThreads| {
        let mut cells = vec![row.pages.to_string(), row.other_threads.into()];
        cells.extend(row.sides.iter().map(|side| compared(&row.sides[0], side)));
        cells
    };
    table(&[vec![cells(head)], rows.iter().map(row).collect()].concat())
}

/// A row for each number of mappings.
fn by_mappings(head: &[&str], rows: &[(usize, usize, Vec<Result<Side>>)]) -> String {
    let row = |(mappings, pages, sides): &(usize, usize, Vec<Result<Side>>)| {
        let mut cells = vec![mappings.to_string(), pages.to_string()];
        cells.extend(sides.iter().map(|side| compared(&sides[0], side)));
        cells
    };
    let head = head.iter().map(|&cell| cell.into()).collect();
    table(&[vec![head], rows.iter().map(row).collect()].concat())
}

/// The tables of moves by several threads, and of processes, which move between these nodes.
pub fn others(run: &Run, from: usize, to: usize) -> String {
    format!(
        "### One to eight threads

`numars_move_range` to one node. No more threads move pages than the machine has CPUs. In parentheses: how many times faster than one thread.

{threads}
### One to 60,000 mappings

All pages of another process, which sleeps, from node {from} to node {to}. In parentheses: how many times faster than migrate_pages(2).

{mappings}
The pages of each node of such a process, counted by reading its file in /proc (without parsing it), and by `numars_count_pages`. In parentheses: how
many times faster than reading `numa_maps`.

{counts}",
        threads = threads(&moves::threads(run)),
        mappings =
            by_mappings(&["mappings", "pages", "migrate_pages(2)", "numars_move_process"], &moves::mappings(run)),
        counts =
            by_mappings(&["mappings", "pages", "numa_maps", "smaps", "numars_count_pages"], &moves::counts(run)),
    )
}

pub struct MovesReport<'a> {
    run: &'a Run,
    host: Host,
    /// A note on the row with fewer pages, and the reason.
    crowded: String,
}

impl<'a> MovesReport<'a> {
    pub fn new(run: &'a Run, host: Host) -> Self {
        let crowded = run.sizes(CROWDED).into_iter().filter(|&pages| pages < ENOUGH_PAGES).map(|pages| {
            format!(
                "With three other threads running, both sides move only {pages} pages instead of {ENOUGH_PAGES}, because the bare system \
                 call takes\nabout ten milliseconds for each page: four emulated CPUs share fewer real ones, and every page waits \
                 for all of them.\n`make bench BENCH=--crowded-pages={ENOUGH_PAGES}` measures that row in full, in a quarter of \
                 an hour more."
            )
        });
        Self { run, host, crowded: crowded.collect() }
    }

    /// The part of the document.
    pub fn text(&self) -> String {
        let machine = &self.run.machine;
        format!(
            "{MOVES}
- Machine: a guest with {nodes} NUMA nodes and {cpus} CPUs, emulated in software (QEMU) on {host_cpus} real CPUs with a load average of
  {load} before. Times are many times longer than on hardware; ratios are more meaningful, but those with other threads running are exaggerated
  if there are fewer real CPUs than emulated ones.
- Kernel: Linux {kernel}.
- Pages: base pages of 4 KiB. After each sample, the node and the status of every page are checked. Long requests use new pages for
  each call; short ones move pages back and forth.
- `bench/moves.c` is the measuring program; [on a real machine](#on-a-real-machine), too.

Old is the bare `move_pages`, new is `numa_move_pages`, unless the request says otherwise. They alternate in one run. Times are medians of
at least five samples; \"times faster\" is their ratio; the parentheses give the interquartile range of the ratios of consecutive samples.

{speed}
{crowded}

### From 1,024 to 262,144 pages

Three targets interleaved, no other threads. Scratch memory is the largest growth of the mappings of the process during a call.

{growth}
![time against pages]({GROWTH_PICTURE})

{others}",
            nodes = machine.nodes,
            cpus = machine.cpus,
            kernel = machine.kernel,
            host_cpus = self.host.cpus,
            load = self.host.load,
            speed = speed(&moves::judged(self.run)),
            crowded = self.crowded,
            growth = growth(&moves::growth(self.run)),
            others = others(self.run, 0, 1),
        )
    }

    pub fn pictures(&self) -> Result<Vec<(&'static str, String)>> {
        let sizes = moves::growth(self.run);
        let measured = sizes.iter().filter_map(|(pages, measured)| Some((*pages as f64, measured.as_ref().ok()?)));
        let (old, new) = measured.map(|(x, m)| ((x, m.old.median()), (x, m.new.median()))).unzip();
        let lines = [("the bare call", old), ("numa_move_pages", new)];
        Ok(vec![(GROWTH_PICTURE, chart::lines("pages, three targets interleaved", "seconds", &lines)?)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::tests::{run_of, taken};

    #[test]
    fn the_table_of_speed_shows_times_ratio_target_and_result() {
        let run = run_of(&[
            taken("interleaved-one", "bare", 16384, 3_000_000),
            taken("interleaved-one", "ours", 16384, 1_000_000),
        ]);
        let text = speed(&moves::judged(&run));
        let words: Vec<&str> = text.lines().nth(2).unwrap().split('|').map(str::trim).collect();
        let expected =
            ["three targets interleaved", "16384", "one", "3.00 ms", "1.00 ms", "3.00 (3.00 to 3.00)", "3", "met"];
        assert_eq!(words[1..9], expected);
    }

    #[test]
    fn the_table_of_growth_shows_the_time_of_one_page() {
        let run = run_of(&[taken("growth", "bare", 1000, 3_000_000), taken("growth", "ours", 1000, 1_000_000)]);
        let text = growth(&moves::growth(&run));
        assert!(text.contains("| 3.00 us ") && text.contains("| 1.00 us ") && text.contains("| 4 KiB "), "{text}");
    }

    #[test]
    fn sides_are_compared_with_the_first_one() {
        let run = run_of(&[
            taken("threads-alone", "1", 1000, 3_000_000),
            taken("threads-alone", "2", 1000, 2_000_000),
            taken("count-8", "numa_maps", 1000, 3_000_000),
            taken("count-8", "ours", 1000, 1_000_000),
        ]);
        let text = threads(&moves::threads(&run));
        assert!(text.contains("| 3.00 ms (1.00) | 2.00 ms (1.50) | failed: 4: not measured |"), "{text}");
        let text = MovesReport::new(&run, Host::default()).text();
        assert!(
            text.contains("| 8        | 1000  | 3.00 ms (1.00) | failed: smaps: not measured | 1.00 ms (3.00)"),
            "{text}"
        );
    }

    #[test]
    fn fewer_pages_among_three_threads_are_said_plainly() {
        let with = |pages| {
            let run = run_of(&[taken("interleaved-three", "ours", pages, 1)]);
            MovesReport::new(&run, Host::default()).text()
        };
        assert!(with(1024).contains("only 1024 pages"));
        assert!(!with(16384).contains("pages instead of"));
    }
}

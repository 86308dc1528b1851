//! The comparisons of page moves, their targets and results.

use crate::report::result;
use crate::samples::{Ratio, Run, Side};
use anyhow::Result;

/// A row of `moves.c` with its two sides, and how many times faster the new one should be.
pub struct Comparison {
    pub request: &'static str,
    pub other_threads: &'static str,
    row: &'static str,
    old: &'static str,
    new: &'static str,
    pub target: f64,
}

impl Comparison {
    /// Its name in `moves.c`.
    pub fn row(&self) -> &'static str {
        self.row
    }
}

const fn comparison(
    row: &'static str,
    request: &'static str,
    other_threads: &'static str,
    target: f64,
    (old, new): (&'static str, &'static str),
) -> Comparison {
    Comparison { request, other_threads, row, old, new, target }
}

const BARE: (&str, &str) = ("bare", "ours");
const MIGRATE: (&str, &str) = ("migrate_pages", "ours");

pub const COMPARISONS: &[Comparison] = &[
    comparison("one-target-none", "all to one node", "none", 0.98, BARE),
    comparison("one-target-one", "all to one node", "one", 0.98, BARE),
    comparison("hundred-pages", "all to one node", "none", 0.98, BARE),
    comparison("interleaved-none", "three targets interleaved", "none", 1.2, BARE),
    comparison("interleaved-one", "three targets interleaved", "one", 3.0, BARE),
    comparison("interleaved-three", "three targets interleaved", "three", 20.0, BARE),
    comparison("random-half-home-none", "three targets in random order, half already home", "none", 0.98, BARE),
    comparison("random-half-home-one", "three targets in random order, half already home", "one", 3.0, BARE),
    comparison("every-second-home-none", "every second page already home", "none", 0.98, BARE),
    comparison("every-second-home-one", "every second page already home", "one", 3.0, BARE),
    comparison("grouped", "already grouped, all to move", "none", 0.98, BARE),
    comparison("by-hand", "interleaved, against the same list grouped by hand", "one", 0.9, BARE),
    comparison("range", "numars_move_range, two threads against one", "none", 1.5, ("one thread", "two threads")),
    comparison(
        "process-8",
        "process of 8 mappings: numars_move_process against migrate_pages(2)",
        "none",
        0.95,
        MIGRATE,
    ),
    comparison("process-2000", "process of 2,000 mappings, likewise", "none", 0.95, MIGRATE),
    comparison("process-huge", "process of 8 mappings with huge pages, likewise", "none", 0.95, MIGRATE),
    comparison("one-page", "one page", "none", 0.95, BARE),
    comparison("few-pages", "16 pages", "none", 0.95, BARE),
    comparison("query", "query", "none", 0.95, BARE),
];

/// Interleaved requests of increasing size.
const GROWTH: &str = "growth";
/// Measured with fewer pages than the others, because the bare system call needs minutes here.
pub const CROWDED: &str = "interleaved-three";

pub struct Measured {
    pub old: Side,
    pub new: Side,
    pub ratio: Ratio,
}

fn measured(run: &Run, row: &str, (old, new): (&str, &str), pages: usize) -> Result<Measured> {
    let (old, new) = (run.side(row, old, pages)?, run.side(row, new, pages)?);
    let ratio = Ratio::of(&old, &new);
    Ok(Measured { old, new, ratio })
}

/// A comparison at one size.
pub struct Judged {
    pub comparison: &'static Comparison,
    pub pages: usize,
    pub measured: Result<Measured>,
}

impl Judged {
    pub fn verdict(&self) -> String {
        match &self.measured {
            Ok(measured) => result(measured.ratio.median >= self.comparison.target).into(),
            Err(why) => format!("failed: {why}"),
        }
    }
}

/// A comparison at each size that was measured.
pub fn judged_one(run: &Run, comparison: &'static Comparison) -> Vec<Judged> {
    let of_size = |pages| {
        let sides = (comparison.old, comparison.new);
        Judged { comparison, pages, measured: measured(run, comparison.row, sides, pages) }
    };
    run.sizes(comparison.row).into_iter().map(of_size).collect()
}

pub fn judged(run: &Run) -> Vec<Judged> {
    COMPARISONS.iter().flat_map(|comparison| judged_one(run, comparison)).collect()
}

/// The measured sizes and their results.
pub fn growth(run: &Run) -> Vec<(usize, Result<Measured>)> {
    run.sizes(GROWTH).into_iter().map(|pages| (pages, measured(run, GROWTH, BARE, pages))).collect()
}

/// The numbers of threads that `threads` measures; 0: chosen by the library.
pub const THREADS: [&str; 5] = ["1", "2", "4", "8", "0"];

/// The times of one move with each of [`THREADS`].
pub struct WithThreads {
    pub pages: usize,
    pub other_threads: &'static str,
    pub sides: Vec<Result<Side>>,
}

pub fn threads(run: &Run) -> Vec<WithThreads> {
    let rows = [("threads-alone", "none"), ("threads-busy", "one")];
    let of = |(row, other_threads)| {
        run.sizes(row).into_iter().map(move |pages| {
            let sides = THREADS.iter().map(|side| run.side(row, side, pages)).collect();
            WithThreads { pages, other_threads, sides }
        })
    };
    rows.into_iter().flat_map(of).collect()
}

/// The rows whose names are `prefix` and a number of mappings: that number, the pages, and each of `sides`.
fn by_mappings(run: &Run, prefix: &str, sides: &[&str]) -> Vec<(usize, usize, Vec<Result<Side>>)> {
    let mut names: Vec<(usize, &str)> =
        run.samples.iter().filter_map(|s| Some((s.row.strip_prefix(prefix)?.parse().ok()?, s.row.as_str()))).collect();
    names.sort_unstable();
    names.dedup();
    let of = |(mappings, row): (usize, &str)| {
        let pages = run.sizes(row)[0];
        (mappings, pages, sides.iter().map(|side| run.side(row, side, pages)).collect())
    };
    names.into_iter().map(of).collect()
}

/// A process moved by migrate_pages(2) and by numars_move_process.
pub fn mappings(run: &Run) -> Vec<(usize, usize, Vec<Result<Side>>)> {
    by_mappings(run, "mappings-", &[MIGRATE.0, MIGRATE.1])
}

/// The pages of a process counted by reading numa_maps, by reading smaps, and by numars_count_pages.
pub fn counts(run: &Run) -> Vec<(usize, usize, Vec<Result<Side>>)> {
    by_mappings(run, "count-", &["numa_maps", "smaps", "ours"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::tests::{run_of, taken};

    fn verdicts(lines: &[String]) -> Vec<String> {
        judged(&run_of(lines)).iter().map(Judged::verdict).collect()
    }

    #[test]
    fn a_target_is_met_when_it_is_reached_exactly() {
        assert_eq!(
            verdicts(&[taken("interleaved-three", "bare", 9, 200), taken("interleaved-three", "ours", 9, 10)]),
            ["met"]
        );
    }

    #[test]
    fn a_target_is_missed_when_ours_is_slower() {
        assert_eq!(verdicts(&[taken("grouped", "bare", 9, 10), taken("grouped", "ours", 9, 20)]), ["missed"]);
    }

    #[test]
    fn a_comparison_with_one_side_only_has_failed() {
        assert_eq!(verdicts(&[taken("range", "one thread", 9, 10)]), ["failed: two threads: not measured"]);
    }

    #[test]
    fn each_size_of_a_row_is_judged_by_itself() {
        let lines = [(1, 10), (16, 20)].map(|(pages, time)| taken("query", "ours", pages, time));
        let bare = [(1, 10), (16, 10)].map(|(pages, time)| taken("query", "bare", pages, time));
        assert_eq!(verdicts(&[lines, bare].concat()), ["met", "missed"]);
    }

    #[test]
    fn rows_with_mappings_are_in_the_order_of_their_numbers() {
        let lines = ["count-100", "count-8", "mappings-1"].map(|row| taken(row, "smaps", 60, 5));
        let run = run_of(&lines);
        assert_eq!(counts(&run).iter().map(|row| row.0).collect::<Vec<_>>(), [8, 100]);
        assert!(counts(&run)[0].2[1].is_ok() && counts(&run)[0].2[0].is_err());
        assert_eq!((mappings(&run)[0].0, mappings(&run)[0].1), (1, 60));
    }

    #[test]
    fn each_number_of_pages_is_a_row_of_threads() {
        let run = run_of(&[taken("threads-busy", "2", 10, 5), taken("threads-alone", "1", 20, 5)]);
        let rows: Vec<_> =
            threads(&run).iter().map(|row| (row.pages, row.other_threads, row.sides[1].is_ok())).collect();
        assert_eq!(rows, [(20, "none", false), (10, "one", true)]);
    }
}

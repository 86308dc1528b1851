//! The main page moves on several kernels, in one table.

use crate::moves::{self, Comparison, Measured};
use crate::report::{Host, KERNELS, cells, table};
use crate::samples::{Run, readable, three_digits};

/// The rows of `moves.c`.
const ROWS: [&str; 7] = [
    "one-target-none",
    "one-target-one",
    "interleaved-none",
    "interleaved-one",
    "every-second-home-none",
    "random-half-home-none",
    "process-8",
];

/// The samples of each row: all kernels together take less than ten minutes.
const SAMPLES: &str = "5";

/// The arguments of `moves.c`.
pub fn arguments(quick: bool) -> Vec<&'static str> {
    let rows = ROWS.iter().flat_map(|row| ["-r", row]);
    rows.chain(if quick { vec!["-q"] } else { vec!["-n", SAMPLES] }).collect()
}

/// The two cells of a row for one kernel.
fn of_kernel(run: &Run, comparison: &'static Comparison) -> [String; 2] {
    match moves::judged_one(run, comparison).into_iter().next().map(|judged| judged.measured) {
        Some(Ok(Measured { old, new, ratio })) => [
            format!("{} / {}", readable(old.median()), readable(new.median())),
            format!("{} ({} to {})", three_digits(ratio.median), three_digits(ratio.low), three_digits(ratio.high)),
        ],
        Some(Err(why)) => [format!("failed: {why}"), String::new()],
        None => ["not measured".into(), String::new()],
    }
}

fn comparisons(runs: &[Run]) -> String {
    let mut head = cells(["request", "pages", "other threads"]);
    for run in runs {
        // Without the suffix of the distribution.
        let version = run.machine.kernel.split(['+', '-']).next().unwrap_or_default();
        head.extend([format!("{version}: old / new"), "times faster".into()]);
    }
    let row = |comparison: &'static Comparison| {
        let pages = runs.iter().flat_map(|run| run.sizes(comparison.row())).max();
        let pages = pages.map_or(String::new(), |pages| pages.to_string());
        let mut row = vec![comparison.request.into(), pages, comparison.other_threads.into()];
        row.extend(runs.iter().flat_map(|run| of_kernel(run, comparison)));
        row
    };
    let rows = ROWS.iter().flat_map(|name| moves::COMPARISONS.iter().find(|comparison| comparison.row() == *name));
    table(&[vec![head], rows.map(row).collect()].concat())
}

/// The part of the document.
pub fn text(runs: &[Run], host: &Host) -> String {
    let kernels: Vec<&str> = runs.iter().map(|run| run.machine.kernel.as_str()).collect();
    format!(
        "{KERNELS}
The main rows of the table of page moves in the same guest, with one kernel after the other, each row with {SAMPLES} samples. Ratios can be compared
better than times. `make bench BENCH=--part=kernels` measures only this part.

- Kernels: Linux {kernels}.
- The {cpus} real CPUs had a load average of {load} before.

{comparisons}",
        kernels = kernels.join(", "),
        cpus = host.cpus,
        load = host.load,
        comparisons = comparisons(runs),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::tests::{run_of, taken};

    fn machine(kernel: &str) -> String {
        format!(r#"{{"kernel":"{kernel}","cpus":4,"nodes":4,"page_size":4096}}"#)
    }

    #[test]
    fn each_kernel_has_its_columns() {
        let one_target = |kernel, old| {
            run_of(&[
                machine(kernel),
                taken("one-target-none", "bare", 16384, old),
                taken("one-target-none", "ours", 16384, 1000),
            ])
        };
        let text = comparisons(&[one_target("6.1.0-33-cloud-amd64", 1000), one_target("6.12.107+deb13-amd64", 2000)]);
        let words = |line: usize| text.lines().nth(line).unwrap().split('|').map(str::trim).collect::<Vec<_>>();
        assert_eq!(words(0)[4..8], ["6.1.0: old / new", "times faster", "6.12.107: old / new", "times faster"]);
        let expected =
            ["all to one node", "16384", "none", "1.00 us / 1.00 us", "1.00 (1.00 to 1.00)", "2.00 us / 1.00 us"];
        assert_eq!(words(2)[1..7], expected);
    }

    #[test]
    fn every_row_is_one_of_the_table_of_page_moves() {
        assert_eq!(comparisons(&[]).lines().count(), 2 + ROWS.len());
    }

    #[test]
    fn a_row_that_one_kernel_lacks_is_said() {
        let text = comparisons(&[run_of(&[machine("6.1.0")])]);
        assert!(text.contains("| not measured "), "{text}");
    }

    #[test]
    fn only_the_rows_of_the_table_are_measured() {
        let arguments = arguments(false).join(" ");
        assert!(
            arguments.starts_with("-r one-target-none -r one-target-one") && arguments.ends_with("-n 5"),
            "{arguments}"
        );
    }
}

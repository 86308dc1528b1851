//! The output of the measuring program, and its statistics.

use anyhow::{Context, Result, bail};
use serde::Deserialize;

#[derive(Deserialize, Debug, Default)]
pub struct Machine {
    pub kernel: String,
    pub cpus: usize,
    pub nodes: usize,
    /// Bytes of a base page.
    pub page_size: usize,
}

#[derive(Deserialize, Debug)]
pub struct Sample {
    pub row: String,
    pub side: String,
    pub pages: usize,
    #[serde(flatten)]
    pub outcome: Outcome,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The time of one call, and the number of bytes by which the mappings of the process grew.
    Taken {
        nanoseconds: u64,
        scratch: u64,
        /// For how long the process that was moved had to wait.
        #[serde(default)]
        waits: Option<Waits>,
    },
    /// Why the call failed.
    Failed(String),
}

/// The times of the rounds of a loop, in nanoseconds: the one that a thousandth of the rounds exceeds, and the longest.
#[derive(Deserialize, Debug)]
pub struct Waits {
    pub mapping: (u64, u64),
    pub touch: (u64, u64),
    /// The calls of move_pages(2).
    pub calls: usize,
}

/// A row that cannot be measured on this machine.
#[derive(Deserialize, Debug)]
pub struct Skipped {
    #[serde(rename = "skipped")]
    pub row: String,
    pub pages: usize,
    pub why: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Machine(Machine),
    Sample(Sample),
    Skipped(Skipped),
}

/// The output of one run of the program.
#[derive(Debug, Default)]
pub struct Run {
    pub machine: Machine,
    pub samples: Vec<Sample>,
    pub skipped: Vec<Skipped>,
}

/// The calls of one side of a row, in chronological order.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Side {
    pub times: Vec<f64>,
    pub scratch: u64,
}

impl Run {
    /// Adds a line. Returns true if it starts another row.
    pub fn add(&mut self, line: &str) -> Result<bool> {
        match serde_json::from_str(line).with_context(|| format!("not understood: {line}"))? {
            Line::Machine(machine) => {
                self.machine = machine;
                Ok(false)
            }
            Line::Sample(sample) => {
                let another = self.samples.last().is_none_or(|last| last.row != sample.row);
                self.samples.push(sample);
                Ok(another)
            }
            Line::Skipped(skipped) => {
                self.skipped.push(skipped);
                Ok(false)
            }
        }
    }

    /// The samples whose call failed.
    pub fn failed(&self) -> usize {
        self.samples.iter().filter(|sample| matches!(sample.outcome, Outcome::Failed(_))).count()
    }

    /// The numbers of pages that a row was measured with, in ascending order.
    pub fn sizes(&self, row: &str) -> Vec<usize> {
        let mut sizes: Vec<usize> = self.samples.iter().filter(|s| s.row == row).map(|s| s.pages).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    /// One side of a row, or an error if a call failed or nothing was measured.
    pub fn side(&self, row: &str, side: &str, pages: usize) -> Result<Side> {
        let mut found = Side { times: Vec::new(), scratch: 0 };
        for sample in self.samples.iter().filter(|s| s.row == row && s.side == side && s.pages == pages) {
            match &sample.outcome {
                Outcome::Taken { nanoseconds, scratch, .. } => {
                    found.times.push(*nanoseconds as f64 / 1e9);
                    found.scratch = found.scratch.max(*scratch);
                }
                Outcome::Failed(why) => bail!("{side}: {why}"),
            }
        }
        if found.times.is_empty() {
            bail!("{side}: not measured");
        }
        Ok(found)
    }
}

impl Side {
    /// In seconds.
    pub fn median(&self) -> f64 {
        quantile(&self.times, 0.5)
    }

    /// The time in seconds that a quarter of the samples does not exceed. Other load lengthens it less than the median, and a clock that
    /// stood still does not change it, unlike the minimum.
    pub fn lower_quartile(&self) -> f64 {
        quantile(&self.times, 0.25)
    }
}

/// How many times faster `new` is than `old`: the ratio of the medians, and the interquartile range of the ratios of consecutive pairs.
#[derive(Debug, PartialEq)]
pub struct Ratio {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl Ratio {
    pub fn of(old: &Side, new: &Side) -> Self {
        let pairs: Vec<f64> = old.times.iter().zip(&new.times).map(|(old, new)| old / new).collect();
        Self { median: old.median() / new.median(), low: quantile(&pairs, 0.25), high: quantile(&pairs, 0.75) }
    }
}

/// The quantile of the values, interpolated between neighbours. There is at least one value.
pub fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = part * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

/// Formats a time with three significant digits in a suitable unit.
pub fn readable(seconds: f64) -> String {
    let (value, unit) = match seconds * 1e9 {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "us"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    format!("{} {unit}", three_digits(value))
}

pub fn three_digits(value: f64) -> String {
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$}")
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn taken(row: &str, side: &str, pages: usize, nanoseconds: u64) -> String {
        format!(
            r#"{{"row":"{row}","side":"{side}","pages":{pages},"taken":{{"nanoseconds":{nanoseconds},"scratch":4096}}}}"#
        )
    }

    pub fn run_of(lines: &[String]) -> Run {
        let mut run = Run::default();
        for line in lines {
            run.add(line).unwrap();
        }
        run
    }

    #[test]
    fn the_median_of_an_odd_number_is_the_middle_one() {
        assert_eq!(quantile(&[9.0, 1.0, 2.0], 0.5), 2.0);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(quantile(&[4.0, 1.0, 9.0, 2.0], 0.5), 3.0);
    }

    #[test]
    fn a_quarter_of_the_values_lies_below_the_first_quartile() {
        assert_eq!(quantile(&[5.0, 1.0, 4.0, 2.0, 3.0], 0.25), 2.0);
        assert_eq!(quantile(&[7.0], 0.25), 7.0);
    }

    #[test]
    fn a_ratio_says_how_many_times_faster_the_new_one_is() {
        let old = Side { times: vec![2.0, 6.0, 4.0], scratch: 0 };
        let new = Side { times: vec![1.0, 2.0, 4.0], scratch: 0 };
        assert_eq!(Ratio::of(&old, &new), Ratio { median: 2.0, low: 1.5, high: 2.5 });
    }

    #[test]
    fn a_side_has_its_own_samples_only() {
        let lines = [taken("a", "ours", 16, 1_000_000_000), taken("a", "bare", 16, 5), taken("a", "ours", 32, 5)];
        assert_eq!(run_of(&lines).side("a", "ours", 16).unwrap(), Side { times: vec![1.0], scratch: 4096 });
    }

    #[test]
    fn the_sizes_of_a_row_are_sorted_and_listed_once() {
        let lines = [taken("a", "x", 32, 1), taken("a", "x", 16, 1), taken("a", "y", 32, 1), taken("b", "x", 8, 1)];
        assert_eq!(run_of(&lines).sizes("a"), [16, 32]);
    }

    #[test]
    fn one_failed_call_fails_its_side() {
        let failed = r#"{"row":"a","side":"ours","pages":16,"failed":"No such process"}"#;
        let run = run_of(&[taken("a", "ours", 16, 1), failed.into(), taken("a", "bare", 16, 1)]);
        assert_eq!(run.side("a", "ours", 16).unwrap_err().to_string(), "ours: No such process");
        assert!(run.side("a", "bare", 16).is_ok());
    }

    #[test]
    fn a_side_that_was_not_measured_is_an_error() {
        assert_eq!(run_of(&[]).side("a", "ours", 16).unwrap_err().to_string(), "ours: not measured");
    }

    #[test]
    fn a_line_that_is_no_sample_is_an_error() {
        assert!(Run::default().add("Segmentation fault").is_err());
    }

    #[test]
    fn the_line_about_the_machine_is_kept() {
        let machine = run_of(&[r#"{"kernel":"6.12.1","cpus":4,"nodes":4,"page_size":4096}"#.into()]).machine;
        assert_eq!((machine.kernel.as_str(), machine.cpus, machine.nodes, machine.page_size), ("6.12.1", 4, 4, 4096));
    }

    #[test]
    fn a_row_that_is_skipped_has_no_samples() {
        let run = run_of(&[r#"{"skipped":"grouped","pages":64,"why":"it needs three nodes"}"#.into()]);
        assert_eq!(run.skipped[0].row, "grouped");
        assert!(run.sizes("grouped").is_empty());
    }

    #[test]
    fn a_row_begins_with_its_first_sample() {
        let mut run = Run::default();
        let began = ["a", "a", "b"].map(|row| run.add(&taken(row, "ours", 16, 1)).unwrap());
        assert_eq!(began, [true, false, true]);
    }

    #[test]
    fn a_time_is_printed_with_three_digits_and_a_unit() {
        assert_eq!(readable(0.000_000_001_35), "1.35 ns");
        assert_eq!(readable(0.000_000_25), "250 ns");
        assert_eq!(readable(0.000_012_34), "12.3 us");
        assert_eq!(readable(0.522), "522 ms");
        assert_eq!(readable(152.208), "152 s");
        assert_eq!(readable(1.5), "1.50 s");
    }
}

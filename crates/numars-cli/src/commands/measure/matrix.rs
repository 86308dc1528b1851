//! The matrices of measurements, of many nodes too.

use super::runner::Measurement;
use super::trust::MAX_SPREAD;
use super::{MeasureReport, Pair};
use crate::draw::{FAINT, styled};
use crate::grid::{Field, Grid};
use crate::screen::Screen;
use crate::units::number;
use std::collections::BTreeMap;

/// Returns one of the measurements of a pair, in the unit that is shown.
pub type Get = fn(&Pair) -> Measurement;

/// The matrices: title, unit, measurement, and whether lower is better.
pub const KINDS: [(&str, &str, Get, bool); 3] = [
    ("Latency", "ns", |pair| pair.latency_ns, true),
    ("Reading", "GB/s", |pair| gigabytes(pair.read_bandwidth), false),
    ("Writing", "GB/s", |pair| gigabytes(pair.write_bandwidth), false),
];

fn gigabytes(measurement: Measurement) -> Measurement {
    Measurement {
        median: measurement.median / 1e9,
        minimum: measurement.minimum / 1e9,
        maximum: measurement.maximum / 1e9,
        ..measurement
    }
}

/// Measurements between nodes, as a table.
pub struct Matrix {
    /// The nodes of the CPUs.
    pub from: Vec<usize>,
    /// The nodes of the memory.
    pub to: Vec<usize>,
    values: BTreeMap<(usize, usize), Measurement>,
    best: f64,
    worst: f64,
    lower_is_better: bool,
}

impl Matrix {
    /// Returns the matrix of a measurement.
    pub fn new(report: &MeasureReport, measurement: Get, lower_is_better: bool) -> Matrix {
        let sorted = |node: fn(&Pair) -> usize| {
            let mut nodes: Vec<usize> = report.pairs.iter().map(node).collect();
            nodes.sort_unstable();
            nodes.dedup();
            nodes
        };
        let values: BTreeMap<_, _> =
            report.pairs.iter().map(|pair| ((pair.from, pair.to), measurement(pair))).collect();
        let medians = || values.values().map(|measurement| measurement.median).filter(|median| *median > 0.0);
        let (minimum, maximum) = (medians().fold(f64::INFINITY, f64::min), medians().fold(0.0, f64::max));
        let (best, worst) = if lower_is_better { (minimum, maximum) } else { (maximum, minimum) };
        Matrix { from: sorted(|pair| pair.from), to: sorted(|pair| pair.to), values, best, worst, lower_is_better }
    }

    /// Returns a measurement.
    pub fn get(&self, from: usize, to: usize) -> Option<&Measurement> {
        self.values.get(&(from, to))
    }

    /// Returns the values that have the first and the last colour.
    pub fn ends(&self) -> (f64, f64) {
        let worst =
            if self.lower_is_better { self.worst.max(self.best * 1.5) } else { self.worst.min(self.best / 1.5) };
        (self.best, worst)
    }

    /// Returns how much worse than the best a value is: 0 is the best, 1 the worst. What differs by less than half is not made to look bad.
    pub fn heat(&self, value: f64) -> f64 {
        let ratio = |value: f64| if self.lower_is_better { value / self.best } else { self.best / value };
        let heat = (ratio(value) - 1.0) / (ratio(self.worst) - 1.0).max(0.5);
        if heat.is_finite() { heat.clamp(0.0, 1.0) } else { 1.0 }
    }
}

/// Draws a matrix. Columns that do not fit are below; if there are any, what each distance costs is above.
pub fn draw(report: &MeasureReport, measurement: Get, lower_is_better: bool, screen: &Screen) -> String {
    let matrix = Matrix::new(report, measurement, lower_is_better);
    let field = |from, to| match matrix.get(from, to) {
        Some(measurement) => Field {
            text: number(measurement.median) + if measurement.spread > MAX_SPREAD { "~" } else { " " },
            heat: Some(matrix.heat(measurement.median)),
        },
        None => Field { text: "- ".into(), heat: None },
    };
    let row = |&from: &usize| (from.to_string(), matrix.to.iter().map(|&to| field(from, to)).collect());
    let columns = matrix.to.iter().map(usize::to_string).collect();
    let rows = matrix.from.iter().map(row).collect();
    let grid = Grid { corner: "from\\to", columns, marks: 1, rows };
    let mut text = String::new();
    if grid.fitting(screen) < matrix.to.len() {
        text += &by_distance(report, measurement);
    }
    text += &grid.text(screen);
    let has_wide = matrix.values.values().any(|measurement| measurement.spread > MAX_SPREAD);
    if has_wide {
        text += &(styled("~ the runs differ by more than 10 %", FAINT) + "\n");
    }
    text
}

/// Returns a line for each distance: the median of the pairs, and from where to where they go.
fn by_distance(report: &MeasureReport, measurement: Get) -> String {
    let mut values: BTreeMap<u8, Vec<f64>> = BTreeMap::new();
    for pair in &report.pairs {
        if let Some(distance) = pair.distance {
            values.entry(distance).or_default().push(measurement(pair).median);
        }
    }
    let mut text = String::new();
    for (distance, mut values) in values {
        values.sort_by(f64::total_cmp);
        let (Some(minimum), Some(median), Some(maximum)) =
            (values.first(), values.get(values.len() / 2), values.last())
        else {
            continue;
        };
        let pairs = values.len();
        let (minimum, median, maximum) = (number(*minimum), number(*median), number(*maximum));
        text += &format!("at distance {distance:>3}: {median:>5} ({minimum} to {maximum}, {pairs} pairs)\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a report of so many nodes: 80 ns and 100 GB/s to itself, 140 ns and 40 GB/s to others.
    fn report(nodes: usize, spread: f64) -> MeasureReport {
        let measurement = |median: f64| Measurement { median, minimum: median, maximum: median, spread, lost: 0.0 };
        let pair = |from: usize, to: usize| Pair {
            from,
            to,
            distance: Some(if from == to { 10 } else { 20 }),
            threads: 4,
            latency_ns: measurement(if from == to { 80.0 } else { 140.0 }),
            read_bandwidth: measurement(if from == to { 100e9 } else { 40e9 }),
            write_bandwidth: measurement(50e9),
            firmware: None,
        };
        let pairs = (0..nodes).flat_map(|to| (0..nodes).map(move |from| pair(from, to))).collect();
        MeasureReport { size_bytes: 1 << 28, runs: 5, run_ms: 100, warnings: vec![], skipped: vec![], pairs }
    }

    fn screen() -> Screen {
        Screen { width: 80, color: false, unicode: false, is_terminal: false, json: false, quiet: false }
    }

    #[test]
    fn a_matrix_has_rows_for_cpus_and_columns_for_memory() {
        let (_, _, latency, lower) = KINDS[0];
        assert_eq!(
            draw(&report(2, 0.0), latency, lower, &screen()),
            "from\\to    0     1\n      0 80.0   140\n      1  140  80.0\n"
        );
        let (_, _, read, lower) = KINDS[1];
        let text = draw(&report(2, 0.2), read, lower, &screen());
        assert!(text.contains(" 100~ 40.0~\n") && text.contains("~ the runs differ"), "{text}");
    }

    #[test]
    fn matrices_of_many_nodes_fit_the_screen_and_are_summarized() {
        for nodes in [16, 64] {
            let report = report(nodes, 0.0);
            for (_, _, measurement, lower) in KINDS {
                let text = draw(&report, measurement, lower, &screen());
                assert!(text.lines().all(|line| line.len() <= 80), "{text}");
                assert!(text.starts_with("at distance  10:"), "{text}");
            }
        }
    }

    #[test]
    fn heat_is_relative_to_the_best() {
        let latency = Matrix::new(&report(2, 0.0), KINDS[0].2, true);
        assert_eq!((latency.heat(80.0), latency.heat(140.0)), (0.0, 1.0));
        let read = Matrix::new(&report(2, 0.0), KINDS[1].2, false);
        assert_eq!((read.heat(100.0), read.heat(40.0), read.heat(0.0)), (0.0, 1.0, 1.0));
        // All the same is not bad.
        let write = Matrix::new(&report(2, 0.0), KINDS[2].2, false);
        assert!(write.heat(50.0) == 0.0 && write.heat(48.0) < 0.1);
    }
}

//! The report on how long a process waits while its memory is moved.

use crate::report::{Host, PAUSES, cells, table};
use crate::samples::{Outcome, Run, Sample, Waits, quantile, readable};
use anyhow::{Result, bail};

/// The rows of `pauses.c`: the kinds of memory.
const ROWS: [&str; 3] = ["base pages", "base pages, 2,048 mappings", "huge pages"];

/// The sides of each row, and how the table names them.
const SIDES: [(&str, &str); 5] = [
    ("nothing", "nothing, for 3 seconds"),
    ("migrate_pages", "`migrate_pages(2)`"),
    ("0", "`numars_move_process`, `max_pause_us` 0"),
    ("5000", "`numars_move_process`, `max_pause_us` 5000"),
    ("1000", "`numars_move_process`, `max_pause_us` 1000"),
];

/// The moves of one side of a row: seconds, and what the process waited for.
struct Moves<'a>(Vec<(f64, &'a Waits)>);

impl<'a> Moves<'a> {
    fn of(run: &'a Run, row: &str, side: &str) -> Result<Self> {
        let mut moves = Vec::new();
        for sample in run.samples.iter().filter(|sample| sample.row == row && sample.side == side) {
            match &sample.outcome {
                Outcome::Taken { nanoseconds, waits: Some(waits), .. } => {
                    moves.push((*nanoseconds as f64 / 1e9, waits))
                }
                Outcome::Taken { .. } => bail!("without waits"),
                Outcome::Failed(why) => bail!("{why}"),
            }
        }
        if moves.is_empty() {
            bail!("not measured");
        }
        Ok(Moves(moves))
    }

    /// The median of a time, and the largest one.
    fn both(&self, nanoseconds: impl Fn(&Waits) -> u64) -> String {
        let seconds: Vec<f64> = self.0.iter().map(|(_, waits)| nanoseconds(waits) as f64 / 1e9).collect();
        format!("{} ({})", readable(quantile(&seconds, 0.5)), readable(quantile(&seconds, 1.0)))
    }

    fn cells(&self) -> [String; 6] {
        let durations: Vec<f64> = self.0.iter().map(|(seconds, _)| *seconds).collect();
        let calls: Vec<f64> = self.0.iter().map(|(_, waits)| waits.calls as f64).collect();
        [
            readable(quantile(&durations, 0.5)),
            format!("{:.0}", quantile(&calls, 0.5)),
            self.both(|waits| waits.mapping.0),
            self.both(|waits| waits.mapping.1),
            self.both(|waits| waits.touch.0),
            self.both(|waits| waits.touch.1),
        ]
    }
}

/// How much memory the process has.
pub fn memory(run: &Run) -> String {
    match run.samples.first().map_or(0, |sample| (sample.pages * run.machine.page_size) >> 10) {
        kib if kib < 1024 => format!("{kib} KiB"),
        kib => format!("{} MiB", kib >> 10),
    }
}

/// How often each move was measured.
pub fn rounds(run: &Run) -> usize {
    let of_first_row = |sample: &&Sample| sample.row == ROWS[0] && sample.side == SIDES[0].0;
    run.samples.iter().filter(of_first_row).count()
}

/// The table, without rows that cannot be measured on this machine.
pub fn waits(run: &Run) -> String {
    let head =
        ["memory", "moved by", "duration", "calls", "map and unmap: 99.9 %", "longest", "touch: 99.9 %", "longest"];
    let row = |row: &'static str, (side, name): (&str, &str)| {
        let measured = match Moves::of(run, row, side) {
            Ok(moves) => moves.cells().to_vec(),
            Err(why) => cells([&format!("failed: {why}"), "", "", "", "", ""]),
        };
        [cells([row, name]), measured].concat()
    };
    let measured = ROWS.iter().filter(|row| run.skipped.iter().all(|skipped| skipped.row != **row));
    let rows = measured.flat_map(|name| SIDES.iter().map(|side| row(name, *side)));
    table(&[vec![cells(head)], rows.collect()].concat())
}

/// The part of the document.
pub fn text(run: &Run, host: &Host) -> String {
    let machine = &run.machine;
    format!(
        "{PAUSES}
A process with {memory} on node 0, in eight mappings unless the table says otherwise, runs a loop on CPU 1, while a program on CPU 0 moves it to
node 1. A round of the loop maps a page, touches it and unmaps it, which needs the lock of the address space, and then touches 16 random bytes of
the {memory}, some of whose pages are being moved. Both are timed. Each move was measured {rounds} times, alternately with the others. The table
shows medians of these measurements, and in parentheses the worst one: of the time that only a thousandth of the rounds exceeds, and of the longest
round.

- Machine: a guest with {nodes} NUMA nodes and {cpus} CPUs, emulated in software (QEMU) on {host_cpus} real CPUs with a load average of {load} before.
  Kernel: Linux {kernel}.
- Program: `bench/pauses.c`; [on a real machine](#on-a-real-machine), too. `make bench BENCH=--part=pauses` measures only this part.

{waits}
",
        memory = memory(run),
        rounds = rounds(run),
        nodes = machine.nodes,
        cpus = machine.cpus,
        host_cpus = host.cpus,
        load = host.load,
        kernel = machine.kernel,
        waits = waits(run).trim_end(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::tests::run_of;

    fn moved(side: &str, milliseconds: u64, longest: u64) -> String {
        format!(
            r#"{{"row":"huge pages","side":"{side}","pages":65536,"taken":{{"nanoseconds":{milliseconds}000000,"scratch":0,"waits":{{"mapping":[1000,{longest}],"touch":[2000,3000],"rounds":9,"calls":5,"longest_call":7}}}}}}"#
        )
    }

    #[test]
    fn the_table_shows_medians_and_the_worst_measurement() {
        let run = run_of(&[moved("1000", 10, 4000), moved("1000", 30, 9000), moved("1000", 20, 5000)]);
        let text = waits(&run);
        let words: Vec<&str> = text.lines().last().unwrap().split('|').map(str::trim).collect();
        let expected =
            ["20.0 ms", "5", "1.00 us (1.00 us)", "5.00 us (9.00 us)", "2.00 us (2.00 us)", "3.00 us (3.00 us)"];
        assert_eq!(words[3..9], expected);
    }

    #[test]
    fn a_failed_move_is_said() {
        let failed = r#"{"row":"huge pages","side":"0","pages":65536,"failed":"Success"}"#;
        assert!(waits(&run_of(&[failed.into()])).contains("| failed: Success "));
    }

    #[test]
    fn a_skipped_row_is_not_in_the_table() {
        let skipped = r#"{"skipped":"huge pages","pages":512,"why":"transparent huge pages are off"}"#;
        assert!(!waits(&run_of(&[skipped.into()])).contains("huge pages"));
    }

    #[test]
    fn the_text_says_how_often_was_measured() {
        let machine = r#"{"kernel":"6.12.1","cpus":4,"nodes":4,"page_size":4096}"#;
        let moved = moved("nothing", 1, 1).replace("huge", "base");
        let run = run_of(&[machine.into(), moved.clone(), moved]);
        let text = text(&run, &Host::default());
        assert!(text.contains("with 256 MiB") && text.contains("measured 2 times"), "{text}");
    }
}

//! Runs the loops in threads that are bound to CPUs, several times, and evaluates what they took.

use super::loops;
use crate::failure::{Context, Failure, Result};
use numars::{Cpu, CpuSet};
use schemars::JsonSchema;
use serde::Serialize;
use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// How often and how long something is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The number of runs.
    pub runs: u32,
    /// The duration of each.
    pub run_time: Duration,
}

/// What several runs measured.
#[derive(Serialize, JsonSchema, Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// The median of the runs.
    pub median: f64,
    /// The minimum of the runs.
    pub minimum: f64,
    /// The maximum of the runs.
    pub maximum: f64,
    /// The difference between maximum and minimum, divided by the median.
    pub spread: f64,
    /// The share of the time in which the threads were interrupted, between 0 and 1. The other values do not have it.
    pub lost: f64,
}

impl Measurement {
    /// Evaluates runs, each of which has its result and the share of its time that was lost. Returns `None` if there are no runs.
    fn of(runs: &[(f64, f64)]) -> Option<Measurement> {
        let mut values: Vec<f64> = runs.iter().map(|(value, _)| *value).collect();
        values.sort_by(f64::total_cmp);
        let (minimum, maximum) = (*values.first()?, *values.last()?);
        let upper = *values.get(values.len() / 2)?;
        let lower = *values.get((values.len() - 1) / 2)?;
        let median = (lower + upper) / 2.0;
        let spread = if median > 0.0 { (maximum - minimum) / median } else { 0.0 };
        let lost = runs.iter().map(|(_, lost)| lost).sum::<f64>() / runs.len() as f64;
        Some(Measurement { median, minimum, maximum, spread, lost })
    }

    fn or_failure(runs: &[(f64, f64)]) -> Result<Measurement> {
        Measurement::of(runs).ok_or_else(|| Failure::new("nothing was measured"))
    }
}

/// What is done with memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// It is read.
    Read,
    /// It is written.
    Write,
}

/// The blocks of work of a run, and the time that each took. A block that took several times as long as others was interrupted: what others take
/// in between does not make memory slower, and clocks of threads, which would exclude it, are coarse in some virtual machines.
struct Blocks {
    /// Amounts of work, and times in nanoseconds.
    blocks: Vec<(u64, u64)>,
    start: Instant,
    last: Instant,
}

/// Times the others, a block was interrupted.
const INTERRUPTED: f64 = 4.0;

impl Blocks {
    /// Starts the clock. `blocks` keeps its memory, so that growing it is not measured.
    fn start(mut blocks: Vec<(u64, u64)>) -> Blocks {
        blocks.clear();
        let now = Instant::now();
        Blocks { blocks, start: now, last: now }
    }

    /// Notes that a block is done. Returns whether there is time for another.
    fn done(&mut self, amount: u64, run_time: Duration) -> bool {
        let now = Instant::now();
        let nanoseconds = u64::try_from(now.duration_since(self.last).as_nanos()).unwrap_or(u64::MAX);
        self.blocks.push((amount, nanoseconds));
        self.last = now;
        now.duration_since(self.start) < run_time
    }

    /// Returns the time of a unit of work in nanoseconds, without interruptions, and the share of the time that these took.
    fn evaluate(&self) -> (f64, f64) {
        let time = |&(amount, nanoseconds): &(u64, u64)| nanoseconds as f64 / amount.max(1) as f64;
        let mut times: Vec<f64> = self.blocks.iter().map(time).collect();
        times.sort_by(f64::total_cmp);
        let median = times.get(times.len() / 2).copied().unwrap_or(0.0);
        let undisturbed = || self.blocks.iter().filter(|block| time(block) <= median * INTERRUPTED);
        let sum = |blocks: &mut dyn Iterator<Item = u64>| blocks.fold(0_u64, u64::saturating_add) as f64;
        let amount = sum(&mut undisturbed().map(|(amount, _)| *amount));
        // A clock may stand still for a while.
        let unit = sum(&mut undisturbed().map(|(_, nanoseconds)| *nanoseconds)).max(1.0) / amount.max(1.0);
        let needed = unit * sum(&mut self.blocks.iter().map(|(amount, _)| *amount));
        let elapsed = sum(&mut self.blocks.iter().map(|(_, nanoseconds)| *nanoseconds)).max(1.0);
        (unit, (1.0 - needed / elapsed).clamp(0.0, 1.0))
    }
}

fn bind(cpu: Cpu) -> Result<()> {
    numars::set_thread_cpus(&CpuSet::from(cpu)).context(format!("cannot run on CPU {}", cpu.number()))
}

fn has_panicked<T>(_: T) -> Failure {
    Failure::new("a thread that measured has ended early")
}

/// More blocks than a run has on most machines.
const MAX_BLOCKS: usize = 1 << 15;

/// Measures the latency of linked memory from the first of the CPUs, in nanoseconds.
pub fn latency(words: &[u64], cpus: &[Cpu], plan: &Plan) -> Result<Measurement> {
    /// So many between looks at the clock.
    const STEPS: usize = 2048;
    let Some(&cpu) = cpus.first() else {
        return Err(Failure::new("no CPU to measure from"));
    };
    let measure = || {
        bind(cpu)?;
        let mut line = 0;
        let mut memory = Vec::with_capacity(MAX_BLOCKS);
        let mut run = || {
            let mut blocks = Blocks::start(std::mem::take(&mut memory));
            loop {
                line = black_box(loops::follow(black_box(words), line, STEPS));
                if !blocks.done(STEPS as u64, plan.run_time) {
                    break;
                }
            }
            let result = blocks.evaluate();
            memory = blocks.blocks;
            result
        };
        // Warms up.
        run();
        Measurement::or_failure(&(0..plan.runs).map(|_| run()).collect::<Vec<_>>())
    };
    std::thread::scope(|scope| scope.spawn(measure).join()).map_err(has_panicked)?
}

/// Measures the bandwidth of threads that run on these CPUs, each with memory of its own, in bytes per second.
pub fn bandwidth(words: &mut [u64], cpus: &[Cpu], access: Access, plan: &Plan) -> Result<Measurement> {
    let share = words.len().div_ceil(cpus.len().max(1)).max(1);
    let count = words.chunks(share).count();
    // So that all run at the same time.
    let barrier = &Barrier::new(count);
    let threads: Vec<Result<Vec<(f64, f64)>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = words
            .chunks_mut(share)
            .zip(cpus)
            .map(|(part, &cpu)| scope.spawn(move || stream(part, cpu, access, plan, barrier)))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|error| Err(has_panicked(error)))).collect()
    });
    let threads = threads.into_iter().collect::<Result<Vec<_>>>()?;
    let runs: Vec<(f64, f64)> = (0..plan.runs as usize)
        .map(|run| {
            let of_threads = || threads.iter().filter_map(|runs| runs.get(run));
            let lost = of_threads().map(|(_, lost)| lost).sum::<f64>() / count.max(1) as f64;
            (of_threads().map(|(rate, _)| rate).sum(), lost)
        })
        .collect();
    Measurement::or_failure(&runs)
}

/// Reads or writes memory again and again, in each run as much as there is time for. Returns what each run has measured.
fn stream(part: &mut [u64], cpu: Cpu, access: Access, plan: &Plan, barrier: &Barrier) -> Result<Vec<(f64, f64)>> {
    /// 1 MiB between looks at the clock.
    const BLOCK: usize = 1 << 17;
    let bound = bind(cpu);
    let mut parts: Vec<&mut [u64]> = part.chunks_mut(BLOCK).collect();
    let count = parts.len().max(1);
    // A run continues where the one before has ended, so that it does not find in the caches what that one has read last.
    let mut next = 0;
    let mut runs = Vec::new();
    let mut memory = Vec::with_capacity(MAX_BLOCKS);
    for round in 0..=plan.runs {
        barrier.wait();
        let mut blocks = Blocks::start(std::mem::take(&mut memory));
        while let Some(block) = parts.get_mut(next) {
            match access {
                Access::Read => {
                    black_box(loops::read(black_box(&**block)));
                }
                Access::Write => loops::write(black_box(&mut **block), black_box(u64::from(round))),
            }
            next = (next + 1) % count;
            if !blocks.done(size_of_val(&**block) as u64, plan.run_time) {
                break;
            }
        }
        let (nanoseconds, lost) = blocks.evaluate();
        runs.push((1e9 / nanoseconds, lost));
        memory = blocks.blocks;
    }
    bound?;
    // The first has warmed up.
    runs.remove(0);
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_has_the_median_and_the_spread_of_its_runs() {
        let measurement = Measurement::of(&[(90.0, 0.0), (120.0, 0.2), (100.0, 0.1)]).unwrap();
        assert_eq!((measurement.median, measurement.minimum, measurement.maximum), (100.0, 90.0, 120.0));
        assert!((measurement.spread - 0.3).abs() < 1e-9 && (measurement.lost - 0.1).abs() < 1e-9);
        assert_eq!(Measurement::of(&[(1.0, 0.0), (3.0, 0.0)]).unwrap().median, 2.0);
        assert_eq!(Measurement::of(&[]), None);
        assert_eq!(Measurement::of(&[(0.0, 0.0)]).unwrap().spread, 0.0);
    }

    #[test]
    fn interrupted_blocks_are_lost_time_and_not_slow_memory() {
        let evaluate = |blocks: &[(u64, u64)]| {
            let blocks = Blocks { blocks: blocks.to_vec(), ..Blocks::start(Vec::new()) };
            blocks.evaluate()
        };
        assert_eq!(evaluate(&[(10, 100), (10, 100), (5, 50)]), (10.0, 0.0));
        // The third was interrupted, for 600 of 1000 nanoseconds.
        assert_eq!(evaluate(&[(10, 100), (10, 100), (10, 700), (10, 100)]), (10.0, 0.6));
        // Nothing divides by 0 if a clock stands still.
        assert!(evaluate(&[(10, 0), (10, 0)]).0 > 0.0 && evaluate(&[]).0 > 0.0);
    }

    #[test]
    fn any_number_of_threads_measures_any_amount_of_memory() {
        let cpu = numars::thread_cpus().unwrap().first().unwrap();
        let plan = Plan { runs: 2, run_time: Duration::from_millis(2) };
        for (words, threads) in [(1 << 16, 1), (1 << 16, 3), (8, 20)] {
            let mut words = vec![0_u64; words];
            loops::link(&mut words);
            assert!(latency(&words, &[cpu], &plan).unwrap().median > 0.0);
            for access in [Access::Read, Access::Write] {
                assert!(bandwidth(&mut words, &vec![cpu; threads], access, &plan).unwrap().median > 0.0);
            }
        }
        assert!(latency(&[], &[], &plan).is_err());
    }
}

//! `vm test`: a directory of test programs, run in one guest per kernel and shape, or on this machine.

use crate::architectures::Machine;
use crate::cache::Cache;
use crate::guest::{Event, Guest, Job, Options};
use crate::shapes::{self, SHAPES, Shape};
use crate::tap::{self, Ending, Verdict};
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use std::cmp::Reverse;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The subdirectory of programs that run on any machine.
const ANY: &str = "any";

pub struct Suite {
    pub directory: PathBuf,
    /// Only programs with one of these in their names run, if there are any.
    pub filters: Vec<String>,
    /// `KERNEL:SUBSTRING`: skips programs with this in their names on this kernel.
    pub skip: Vec<String>,
    pub limit: Duration,
}

/// The totals of all programs, printed as the last line.
#[derive(Default)]
pub struct Tally {
    passed: AtomicUsize,
    failed: AtomicUsize,
    skipped: AtomicUsize,
    /// Locked while something is printed, so that the output of one program stays together.
    printing: Mutex<()>,
}

impl Suite {
    /// Runs every program in its guests, `jobs` guests at a time.
    pub fn in_guests(
        &self,
        cache: &Cache,
        kernels: &[String],
        shapes: &[&'static Shape],
        options: &Options,
        jobs: usize,
    ) -> Result<Tally> {
        let mut guests: Vec<Guest> = Vec::new();
        let plans: Vec<_> = kernels
            .iter()
            .map(|kernel| self.plan(shapes, kernel, cache.target.machine()?, jobs))
            .collect::<Result<_>>()?;
        for (kernel, plan) in kernels.iter().zip(&plans) {
            for (shape, programs) in plan {
                // Before any guest starts, because fetching takes long, and two guests would fetch the same.
                cache.parts(kernel, shape.kernel)?;
                guests.push(Guest {
                    cache,
                    kernel,
                    shape,
                    options,
                    jobs: programs,
                    limit: self.limit,
                    // A terminal, so that the C library writes every line at once and a crash loses none.
                    piped: false,
                    patience: crate::guest::PATIENCE,
                });
            }
        }
        // Those with the most programs first, so that no guest runs alone for long at the end.
        guests.sort_by_key(|guest| Reverse(guest.jobs.len()));
        let tally = Tally::default();
        each_of(&guests, jobs, |guest| tally.guest(guest))?;
        Ok(tally)
    }

    /// Runs the programs that need no special machine on this one, `jobs` at a time.
    pub fn on_host(&self, jobs: usize) -> Result<Tally> {
        let tally = Tally::default();
        each_of(&self.programs(ANY, "")?, jobs, |job| {
            let (output, ending) = run_here(&job.program, self.limit)?;
            tally.program("host", job, &output, &ending);
            Ok(())
        })?;
        Ok(tally)
    }

    /// Returns the shapes that have programs, with these. Programs in any/ run in the default shape, or in all that
    /// were requested by name. Each guest gets few of them, so that more can run at the same time.
    fn plan(
        &self,
        asked: &[&'static Shape],
        kernel: &str,
        machine: &Machine,
        jobs: usize,
    ) -> Result<Vec<(&'static Shape, Vec<Job>)>> {
        for entry in self.entries("")? {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            ensure!(
                !entry.is_dir() || name == ANY || shapes::find(&name).is_some(),
                "{} is named after no shape; see \"vm shapes\"",
                entry.display()
            );
        }
        let mut plan = Vec::new();
        for shape in SHAPES {
            let named = asked.iter().any(|asked| asked.name == shape.name);
            if !asked.is_empty() && !named {
                continue;
            }
            if !shape.fits(machine) {
                ensure!(!named, "this machine cannot have the shape {}", shape.name);
                continue;
            }
            let anywhere = named || shape.name == shapes::DEFAULT;
            let groups = [Some(shape.name), anywhere.then_some(ANY)];
            for folder in groups.into_iter().flatten() {
                plan.extend(parts(self.programs(folder, kernel)?, jobs).into_iter().map(|part| (shape, part)));
            }
        }
        Ok(plan)
    }

    fn programs(&self, subdirectory: &str, kernel: &str) -> Result<Vec<Job>> {
        let mut jobs = Vec::new();
        let is_selected =
            |name: &str| self.filters.is_empty() || self.filters.iter().any(|filter| name.contains(filter.as_str()));
        for program in self.entries(subdirectory)? {
            let mode = fs::metadata(&program)?.permissions().mode();
            let name = format!("{subdirectory}/{}", name(&program));
            let skipped = self.skip.iter().filter_map(|skip| skip.split_once(':'));
            let skipped = skipped.into_iter().any(|(on, part)| on == kernel && name.contains(part));
            if program.is_file() && mode & 0o111 != 0 && is_selected(&name) && !skipped {
                jobs.push(Job { program, args: Vec::new() });
            }
        }
        Ok(jobs)
    }

    /// Lists a subdirectory in order of name; nothing if it is missing.
    fn entries(&self, subdirectory: &str) -> Result<Vec<PathBuf>> {
        let directory = self.directory.join(subdirectory);
        if !directory.exists() && !subdirectory.is_empty() {
            return Ok(Vec::new());
        }
        let entries = fs::read_dir(&directory).with_context(|| format!("cannot read {}", directory.display()))?;
        let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        paths.sort();
        Ok(paths)
    }
}

/// Calls `work` for each item, in order, for up to `jobs` at a time. After an error, no further item begins.
fn each_of<T: Sync>(items: &[T], jobs: usize, work: impl Fn(&T) -> Result<()> + Sync) -> Result<()> {
    let next = AtomicUsize::new(0);
    let worker = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(item).inspect_err(|_| next.store(items.len(), Ordering::Relaxed))?;
        }
        anyhow::Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a worker does not panic"))
    })
}

/// Distributes programs evenly over as few guests as take them all, or over as many as run at the same time, if there are enough programs.
fn parts(programs: Vec<Job>, jobs: usize) -> Vec<Vec<Job>> {
    /// Starting a guest takes as long as a short program.
    const MAX_PROGRAMS: usize = 18;
    const MIN_PROGRAMS: usize = 5;
    let count = programs.len().div_ceil(MAX_PROGRAMS).max(jobs.min(programs.len() / MIN_PROGRAMS));
    let mut parts: Vec<_> = (0..count).map(|_| Vec::new()).collect();
    for (index, program) in programs.into_iter().enumerate() {
        parts[index % count].push(program);
    }
    parts
}

impl Tally {
    /// Runs one guest and reports its programs as they end.
    fn guest(&self, guest: &Guest) -> Result<()> {
        let place = format!("{} {}", label(guest.kernel), guest.shape.name);
        let mut output = Vec::new();
        let mut ended = 0;
        let mut running = false;
        let mut times = Vec::new();
        let report = guest.run(&mut |event| {
            match event {
                Event::Begin => {
                    running = true;
                    output.clear();
                }
                Event::Output(piece) => output.extend_from_slice(piece),
                Event::End(number, ending, took) => {
                    times.push((took, name(&guest.jobs[number].program)));
                    self.program(&place, &guest.jobs[number], &output, &ending);
                    running = false;
                    ended = number + 1;
                }
            }
            Ok(())
        })?;

        if let Some(trouble) = &report.trouble {
            for (i, job) in guest.jobs[ended..].iter().enumerate() {
                let (output, why) = match i {
                    0 if running => (output.as_slice(), "while it ran"),
                    _ => (&[][..], "before it could run"),
                };
                let ending = Ending::Cut(format!("the guest {trouble} {why}"));
                self.program(&place, job, output, &ending);
            }
            // Even if every program has passed: a guest that ends badly cannot be trusted.
            if ended == guest.jobs.len() {
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
        }

        let _printing = self.printing.lock();
        if let Some(trouble) = &report.trouble {
            println!("FAIL {place}  the guest {trouble}. The end of its console:");
            print!("{}", report.last_console_lines());
        }
        for complaint in &report.complaints {
            println!("warning: {place}: kernel warning during {complaint}");
        }
        if guest.options.verbose {
            println!("{}", report.console);
        }
        let first = match report.first_program {
            Some(time) => format!("first test after {:.1} s", time.as_secs_f64()),
            None => "no test started".into(),
        };
        println!("guest {place}: {first}, ended after {:.1} s, Linux {}", report.total.as_secs_f64(), report.release);
        println!("guest {place}: {}", longest(times));
        Ok(())
    }

    /// Reports one program: a line for each of its tests, and all of its output if one failed.
    fn program(&self, place: &str, job: &Job, output: &[u8], ending: &Ending) {
        let program = name(&job.program);
        let tests = tap::judge(output, ending);
        let _printing = self.printing.lock();
        for test in &tests {
            let (word, count) = match test.verdict {
                Verdict::Passed => ("ok  ", &self.passed),
                Verdict::Failed => ("FAIL", &self.failed),
                Verdict::Skipped => ("skip", &self.skipped),
            };
            count.fetch_add(1, Ordering::Relaxed);
            let line = format!("{word} {place}  {program}  {}", test.name);
            let note = match test.note.as_str() {
                "" => String::new(),
                note => format!("  ({note})"),
            };
            println!("{}{note}", line.trim_end());
        }
        if tests.iter().any(|test| test.verdict == Verdict::Failed) {
            for line in String::from_utf8_lossy(output).lines() {
                println!("  | {line}");
            }
        }
    }

    /// Prints the last line; returns true if something passed and nothing failed.
    pub fn conclude(self) -> bool {
        let [passed, failed, skipped] = [self.passed, self.failed, self.skipped].map(AtomicUsize::into_inner);
        let skipped = match skipped {
            0 => String::new(),
            skipped => format!(", {skipped} skipped"),
        };
        println!("{passed} passed, {failed} failed{skipped}");
        passed > 0 && failed == 0
    }
}

/// Lists the programs that took long, the longest first.
fn longest(mut times: Vec<(Duration, String)>) -> String {
    const SHOWN: usize = 8;
    times.sort_by(|a, b| b.cmp(a));
    let shown = times.iter().take(SHOWN);
    let texts: Vec<String> = shown.map(|(took, name)| format!("{name} {:.1} s", took.as_secs_f64())).collect();
    texts.join(", ")
}

/// The name of a kernel in reports.
fn label(kernel: &str) -> String {
    name(Path::new(kernel))
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Runs a program on this machine, in a process group of its own so that none of its processes remain.
fn run_here(program: &Path, limit: Duration) -> Result<(Vec<u8>, Ending)> {
    let mut output = tempfile::tempfile()?;
    let mut child = Command::new(program)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let start = Instant::now();
    let ending = loop {
        if let Some(status) = child.try_wait()? {
            let signal = status.signal().map(|signal| 128 + signal);
            let Some(status) = status.code().or(signal) else {
                bail!("{} ended with an unexpected status: {status}", program.display());
            };
            break Ending::Status(status);
        }
        if start.elapsed() > limit {
            break Ending::Cut(format!("timed out after {} s", limit.as_secs()));
        }
        thread::sleep(Duration::from_millis(2));
    };
    // Fails if no process of the group remains, as it should be.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    child.wait()?;
    Ok((read_from_start(&mut output)?, ending))
}

fn read_from_start(file: &mut File) -> Result<Vec<u8>> {
    use std::io::Seek;
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_is_worked_on_once_and_an_error_ends_the_work() {
        for jobs in 0..4 {
            let seen = Mutex::new(Vec::new());
            let see = |&item: &usize| {
                seen.lock().unwrap().push(item);
                ensure!(item < 100, "too large");
                Ok(())
            };
            each_of(&Vec::from_iter(0..50), jobs, see).unwrap();
            seen.lock().unwrap().sort_unstable();
            assert_eq!(*seen.lock().unwrap(), Vec::from_iter(0..50));
            seen.lock().unwrap().clear();
            assert!(each_of(&Vec::from_iter(100..150), jobs, see).is_err());
            assert!(seen.lock().unwrap().len() <= jobs.max(1));
        }
    }

    #[test]
    fn many_programs_are_distributed_over_several_guests() {
        let jobs = |count| {
            (0..count).map(|number| Job { program: PathBuf::from(number.to_string()), args: Vec::new() }).collect()
        };
        let counts = |count, at_once| parts(jobs(count), at_once).iter().map(Vec::len).collect::<Vec<_>>();
        assert!(counts(0, 1).is_empty() && counts(0, 2).is_empty());
        assert_eq!(counts(18, 1), [18]);
        assert_eq!(counts(19, 1), [10, 9]);
        assert_eq!(counts(50, 2), [17, 17, 16]);
        // Two guests at a time are not one for long.
        assert_eq!(counts(11, 2), [6, 5]);
        assert_eq!(counts(9, 2), [9]);
        assert_eq!(counts(12, 8), [6, 6]);
    }
}

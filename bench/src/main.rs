//! `make bench`: measures on the host and in the guest, compares the results with their targets, and writes docs/performance.md.

mod calls;
mod calls_report;
mod chart;
mod description;
mod every_call;
mod here;
mod kernels;
mod loading;
mod machine;
#[cfg(feature = "measuring")]
mod measuring;
mod moves;
mod moves_report;
mod pauses;
mod report;
mod samples;
mod survey;

use anyhow::{Context, Result, ensure};
use calls::{Effort, VM};
use calls_report::CallsReport;
use clap::{Parser, ValueEnum};
use machine::Shape;
use moves_report::MovesReport;
use report::{Document, Host};
use samples::Run;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

const MOVES: &str = "target/bench/moves";
const PAUSES: &str = "target/bench/pauses";
/// MiB of the guest: the largest request is 1 GiB on one node.
const MEMORY: usize = 1536;

/// The parts that can be measured separately; the other parts of the document are kept.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Part {
    /// Loading, calls and first use, compared with libnuma
    Calls,
    /// Page moves
    Moves,
    /// For how long a process waits while its memory is moved
    Pauses,
    /// The main page moves on several kernels
    Kernels,
}

/// Compares numars with libnuma, and measures page moves in the four-node guest
#[derive(Parser)]
struct Cli {
    /// A Debian kernel (6.1, 6.12, newest) or the path of a vmlinuz
    #[arg(long, default_value = "6.12")]
    kernel: String,
    /// The kernels that are compared with each other
    #[arg(long, value_name = "KERNEL", value_delimiter = ',', default_value = "6.1,6.12,newest")]
    kernels: Vec<String>,
    /// Measure only this part
    #[arg(long)]
    part: Option<Part>,
    /// How often calls are measured on each library, alternately
    #[arg(long, value_name = "TIMES", default_value_t = 21)]
    rounds: u32,
    /// Only check that everything works: few pages, one call of each kind, no document; failed calls are an error
    #[arg(long)]
    quick: bool,
    /// Number of pages to move while three other threads run
    #[arg(long, value_name = "PAGES", default_value_t = 1024)]
    crowded_pages: usize,
    /// Also measure the growth with this number of pages, such as 4000000, which needs as much memory in the guest
    #[arg(long, value_name = "PAGES")]
    more_pages: Option<usize>,
    /// Measure only moves whose row starts with this, and write no document
    #[arg(long, value_name = "ROW")]
    only: Option<String>,
    /// Directory of performance.md
    #[arg(long, value_name = "DIR", default_value = "docs")]
    out: PathBuf,
}

fn main() -> ExitCode {
    #[cfg(feature = "measuring")]
    measuring::run_if_named(std::env::args_os());
    let (name, result) = if std::env::args_os().nth(1).is_some_and(|mode| mode == "here") {
        ("bench-machine", here::perform(&here::Options::parse_from(std::env::args_os().skip(1))))
    } else {
        ("bench", perform(&Cli::parse()))
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(cli: &Cli) -> Result<()> {
    let writes = !cli.quick && cli.only.is_none();
    let path = cli.out.join(report::FILE);
    let mut document = Document::of(&fs::read_to_string(&path).unwrap_or_default());
    let mut pictures = Vec::new();
    let measures = |part| cli.part.is_none_or(|only| only == part);
    if measures(Part::Calls) && cli.only.is_none() {
        let report = measure_calls(cli)?;
        println!("\n{}", report.text());
        document.calls = report.text();
        pictures.extend(report.pictures()?);
    }
    if measures(Part::Moves) {
        let host = Host::now()?;
        let run = measure_moves(cli)?;
        let report = MovesReport::new(&run, host);
        println!("\n{}", report.text());
        document.moves = report.text();
        pictures.extend(report.pictures()?);
        check_quick(cli, &run)?;
    }
    if measures(Part::Pauses) && cli.only.is_none() {
        let host = Host::now()?;
        let run = run_in_guest(&cli.kernel, MEMORY, PAUSES, if cli.quick { &["-q"] } else { &["-n", "5"] })?;
        document.pauses = pauses::text(&run, &host);
        println!("\n{}", document.pauses);
        check_quick(cli, &run)?;
    }
    if measures(Part::Kernels) && cli.only.is_none() {
        let host = Host::now()?;
        let arguments = kernels::arguments(cli.quick);
        let of_kernel = |kernel: &String| run_in_guest(kernel, MEMORY, MOVES, &arguments);
        let runs = cli.kernels.iter().map(of_kernel).collect::<Result<Vec<Run>>>()?;
        document.kernels = kernels::text(&runs, &host);
        println!("\n{}", document.kernels);
        runs.iter().try_for_each(|run| check_quick(cli, run))?;
    }
    if cli.quick {
        println!("These were quick: the results mean nothing.");
    }
    if writes {
        fs::write(&path, document.text())?;
        for (name, picture) in pictures {
            fs::write(cli.out.join(name), picture)?;
        }
        println!("Written: {}", path.display());
    }
    Ok(())
}

/// With `--quick`, failed calls are an error.
fn check_quick(cli: &Cli, run: &Run) -> Result<()> {
    let failed = run.failed();
    ensure!(failed == 0 || !cli.quick, "{failed} of {} calls failed", run.samples.len());
    Ok(())
}

/// Measures loading and calls on the host, calls in the guest, and first use on synthetic machines.
fn measure_calls(cli: &Cli) -> Result<CallsReport> {
    calls::check_built()?;
    let effort =
        if cli.quick { Effort { quick: true, rounds: 1 } } else { Effort { quick: false, rounds: cli.rounds } };
    let announce = |what: &str| eprintln!("{what}");
    let host = Host::now()?;
    announce("loading");
    let loading = loading::measure()?;
    announce("calls on this machine");
    let costs = calls::cost_of_both(effort)?;
    let on_host = calls::on_host(calls::CALLS, effort)?;
    announce("calls in the guest");
    let in_guest = calls::in_guest(calls::CALLS, &cli.kernel, effort)?;
    announce("every call on this machine");
    let every_on_host = calls::every_call_on_host(effort)?;
    announce("every call in the guest");
    let every_in_guest = calls::every_call_in_guest(&cli.kernel, effort)?;
    announce("machines that are made up");
    let shapes = |all: &'static [Shape]| if cli.quick { &all[..1] } else { all };
    let with_nodes = machine::growth(shapes(&machine::MORE_NODES), effort)?;
    let with_cpus = machine::growth(shapes(&machine::MORE_CPUS), effort)?;
    let many = if cli.quick { machine::MORE_NODES[0] } else { machine::MANY_CPUS };
    let many = machine::ManyCpus::measure(many, effort)?;
    let version = calls::installed_version()?;
    Ok(CallsReport {
        host,
        version,
        loading,
        costs,
        on_host,
        in_guest,
        every_on_host,
        every_in_guest,
        with_nodes,
        with_cpus,
        many,
    })
}

/// Runs the program that measures moves.
fn measure_moves(cli: &Cli) -> Result<Run> {
    let crowded_pages = cli.crowded_pages.to_string();
    let mut arguments = vec!["-c", &crowded_pages];
    let memory = cli.more_pages.map_or(0, |pages| pages / 256 * 5 / 4).max(MEMORY);
    let more_pages = cli.more_pages.map(|pages| pages.to_string());
    if let Some(pages) = &more_pages {
        arguments.extend(["-p", pages]);
    }
    if cli.quick {
        arguments.push("-q");
    }
    if let Some(only) = &cli.only {
        arguments.extend(["-r", only]);
    }
    run_in_guest(&cli.kernel, memory, MOVES, &arguments)
}

/// Runs a measuring program in a guest with this many MiB of memory, and reports progress on stderr.
fn run_in_guest(kernel: &str, memory: usize, program: &str, arguments: &[&str]) -> Result<Run> {
    let memory = memory.to_string();
    let mut command = Command::new(VM);
    command.args(["run", "--shape", "four-nodes", "--memory", &memory, "--timeout", "7200"]);
    command.args(["--kernel", kernel, program]).args(arguments);
    let mut guest = command.stdout(Stdio::piped()).spawn().with_context(|| format!("{VM}: run `make bench`"))?;
    let stdout = guest.stdout.take().context("the guest has no output")?;
    let mut run = Run::default();
    for line in BufReader::new(stdout).lines() {
        if run.add(&line?)? {
            eprintln!("{}", run.samples.last().map_or("", |sample| &sample.row));
        }
    }
    ensure!(guest.wait()?.success(), "{program} failed");
    for skipped in &run.skipped {
        eprintln!("{} with {} pages was not measured: {}", skipped.row, skipped.pages, skipped.why);
    }
    Ok(run)
}

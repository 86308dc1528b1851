//! `make bench`: measures in the guest, shows the figures beside their targets, and writes docs/performance.md.

mod chart;
mod moves;
mod report;
mod samples;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use report::{Host, Report};
use samples::{Outcome, Run};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

const VM: &str = "target/release/vm";
const MOVES: &str = "target/bench/moves";

/// Measures numars in the four-node guest
#[derive(Parser)]
struct Cli {
    /// A Debian kernel (6.1, 6.12, newest) or the path of a vmlinuz
    #[arg(long, default_value = "6.12")]
    kernel: String,
    /// Only try whether everything works: few pages, one call of each kind, no document; failed calls fail it
    #[arg(long)]
    quick: bool,
    /// Pages that are moved while three other threads run
    #[arg(long, value_name = "PAGES", default_value_t = 1024)]
    crowded_pages: usize,
    /// Only rows whose name begins so, and no document
    #[arg(long, value_name = "ROW")]
    only: Option<String>,
    /// Where performance.md is written
    #[arg(long, value_name = "DIR", default_value = "docs")]
    out: PathBuf,
}

fn main() -> ExitCode {
    match perform(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(cli: &Cli) -> Result<()> {
    let host = Host::now()?;
    let run = measure(cli)?;
    let report = Report::new(&run);
    println!("\n{}\n{}\n\n{}", report.speed, report.crowded, report.growth);
    if cli.quick {
        println!("These were quick: the figures mean nothing.");
        let failed = run.samples.iter().filter(|sample| matches!(sample.outcome, Outcome::Failed(_))).count();
        ensure!(failed == 0, "{failed} of {} calls failed", run.samples.len());
    } else if cli.only.is_none() {
        report.write(&run, &host, &cli.out)?;
        println!("Written: {}", cli.out.join("performance.md").display());
    }
    Ok(())
}

/// Runs the measuring program in the guest, telling on stderr how far it is.
fn measure(cli: &Cli) -> Result<Run> {
    // The largest request is 1 GiB on one node.
    let mut command = Command::new(VM);
    command.args(["run", "--shape", "four-nodes", "--memory", "1536", "--timeout", "7200"]);
    command.args(["--kernel", &cli.kernel, MOVES, "-c", &cli.crowded_pages.to_string()]);
    if cli.quick {
        command.arg("-q");
    }
    if let Some(only) = &cli.only {
        command.args(["-r", only]);
    }
    let mut guest = command.stdout(Stdio::piped()).spawn().with_context(|| format!("{VM}: run `make bench`"))?;
    let stdout = guest.stdout.take().context("the guest has no output")?;
    let mut run = Run::default();
    for line in BufReader::new(stdout).lines() {
        if run.add(&line?)? {
            eprintln!("{}", run.samples.last().map_or("", |sample| &sample.row));
        }
    }
    ensure!(guest.wait()?.success(), "{MOVES} failed");
    Ok(run)
}

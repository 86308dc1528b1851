//! `numars-bench here`, which `make bench-machine` copies to a real machine: measures page moves on it, without a guest.

use crate::calls::{Against, COMPARISONS, NUMARS, Times};
use crate::calls_report;
use crate::description;
use crate::moves;
use crate::moves_report;
use crate::pauses;
use crate::samples::{Run, Skipped};
use crate::survey::{MIB, PAGES, Plan, Survey, list, numbers};
use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The file without --out; a number follows it if it exists.
const OUT: &str = "numars-machine.md";
/// How often each move of a process is measured, and how often calls are, three samples each time.
const PAUSE_ROUNDS: u32 = 7;
const CALL_ROUNDS: u32 = 7;

/// Nodes in the order in which they are used.
#[derive(Clone, Debug)]
struct Nodes(Vec<usize>);

fn nodes(list: &str) -> Result<Nodes> {
    numbers(list).map(Nodes)
}

/// Measures page moves between the nodes of this machine, prints the tables of numars' docs/performance.md for it, and writes them with all
/// samples into one file, which can be sent in.
///
/// It moves only memory of its own processes, changes no setting, opens no connection, and writes no other file. It needs two nodes with memory
/// and about 300 MiB of free memory on each (more if base pages are larger than 4 KiB; 1.2 GiB for the largest requests, which are skipped
/// otherwise), and takes about five minutes, longer on a virtual machine or with more samples. The machine should be idle. Root is not needed.
#[derive(Parser)]
#[command(name = "bench-machine.sh", bin_name = "bench-machine.sh")]
pub struct Options {
    /// Where the pages are, and up to three nodes that they move to, as 0,2,3 [default: the first nodes with enough free memory, those without
    /// CPUs last]
    #[arg(long, value_parser = nodes)]
    nodes: Option<Nodes>,
    /// Samples of each row [default: from 5 to 401]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    samples: Option<u32>,
    /// Only check in a few seconds that everything works: small requests, one sample of each; the times mean nothing
    #[arg(long)]
    quick: bool,
    /// The file that is written [default: numars-machine.md, with a number if it exists]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A measuring program: in this file if it is in the static program, otherwise where `make bench` builds it.
fn program(name: &str) -> Result<Command> {
    if !cfg!(feature = "measuring") {
        return Ok(Command::new(format!("target/bench/{name}")));
    }
    let mut command = Command::new(std::env::current_exe().context("this program's file")?);
    command.arg(name);
    Ok(command)
}

/// Runs a measuring program, and returns its samples and their lines.
fn measure(name: &str, arguments: &[String]) -> Result<(Run, String)> {
    let mut child = program(name)?.args(arguments).stdout(Stdio::piped()).spawn().context(name.to_owned())?;
    let stdout = child.stdout.take().context("a pipe")?;
    let (mut run, mut lines) = (Run::default(), String::new());
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        if run.add(&line)? {
            eprintln!("  {}", run.samples.last().map_or("", |sample| &sample.row));
        }
        lines += &(line + "\n");
    }
    ensure!(child.wait()?.success(), "{name} failed");
    Ok((run, lines))
}

/// The calls that consist of system calls. One that fails ends the program, and has no samples.
fn measure_calls(quick: bool) -> Result<(Times, String)> {
    let mut lines = String::new();
    for _ in 0..if quick { 1 } else { CALL_ROUNDS } {
        for comparison in COMPARISONS.iter().filter(|comparison| comparison.against == Against::Bare) {
            let mut command = program("calls")?;
            command.args(["-r", comparison.row]).args(if quick { &["-q"][..] } else { &[] });
            lines += &String::from_utf8_lossy(&command.stderr(Stdio::null()).output().context("calls")?.stdout);
        }
    }
    Ok((Times::read(&format!("== {NUMARS}\n{lines}"))?, lines))
}

/// The options of the measuring programs that say where to measure.
fn places(plan: &Plan) -> Vec<String> {
    vec!["-N".into(), list(&plan.nodes), "-C".into(), list(&plan.cpus)]
}

/// Fails if pages cannot be moved here, with the reason.
fn try_moves(plan: &Plan) -> Result<()> {
    let output = program("moves")?.arg("-t").args(places(plan)).output().context("moves")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let hint =
            if said.contains("not permitted") { " (containers often deny it: run this outside of them)" } else { "" };
        bail!("pages cannot be moved here: {}{hint}", said.trim());
    }
    Ok(())
}

/// Creates the file for the result, now, so that a directory that cannot be written is an error before the measurement.
fn create(out: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = out {
        File::create(path).with_context(|| path.display().to_string())?;
        return Ok(path.to_owned());
    }
    let stem = OUT.trim_end_matches(".md");
    let mut names = std::iter::once(OUT.to_owned()).chain((2..).map(|number| format!("{stem}-{number}.md")));
    loop {
        let path = PathBuf::from(names.next().context("no name")?);
        match File::create_new(&path) {
            Ok(_) => return Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("{} (choose another file with --out)", path.display()));
            }
        }
    }
}

/// What was measured.
struct Measured {
    moves: Run,
    pauses: Option<Run>,
    calls: Result<Times>,
    /// The output of the programs.
    samples: [String; 3],
}

pub fn perform(options: &Options) -> Result<()> {
    let root = Path::new("/");
    let survey = Survey::read(root)?;
    let plan = survey.plan(options.nodes.as_ref().map(|nodes| &nodes.0[..]), options.quick)?;
    try_moves(&plan)?;
    let out = create(options.out.as_deref())?;
    eprintln!("{}", intention(&survey, &plan, options.quick));
    let head = head(root, &survey, &plan, options.quick);
    let result = measure_all(&plan, options);
    let measured = match result {
        Ok(measured) => measured,
        Err(error) => {
            let _ = fs::remove_file(&out);
            return Err(error);
        }
    };
    let text =
        head + &format!("- Load average after: {}\n", description::load(root)) + &tables(&survey, &plan, &measured);
    println!("{text}");
    fs::write(&out, text + &samples(&measured)).with_context(|| out.display().to_string())?;
    let path = fs::canonicalize(&out).unwrap_or(out);
    println!("Written: {}", path.display());
    let failed = measured.moves.failed() + measured.pauses.as_ref().map_or(0, Run::failed);
    ensure!(failed == 0, "{failed} calls failed: the tables and the samples say why");
    Ok(())
}

fn measure_all(plan: &Plan, options: &Options) -> Result<Measured> {
    let mut arguments = places(plan);
    arguments.extend(["-m".into(), plan.max_pages.to_string()]);
    if options.quick {
        arguments.push("-q".into());
    } else {
        // Hardware has enough CPUs to move as many pages with three other threads as in other rows.
        arguments.extend(["-c".into(), PAGES.to_string()]);
    }
    if let Some(samples) = options.samples {
        arguments.extend(["-n".into(), samples.to_string()]);
    }
    let (moves, moves_lines) = measure("moves", &arguments)?;
    let (mut pauses, mut pauses_lines) = (None, String::new());
    if plan.cpus.len() > 1 {
        eprintln!("  a process that is moved");
        let mut arguments = places(plan);
        if options.quick {
            arguments.push("-q".into());
        }
        arguments
            .extend(["-n".into(), options.samples.unwrap_or(if options.quick { 1 } else { PAUSE_ROUNDS }).to_string()]);
        let (run, lines) = measure("pauses", &arguments)?;
        (pauses, pauses_lines) = (Some(run), lines);
    }
    eprintln!("  calls");
    let (calls, calls_lines) =
        measure_calls(options.quick).map_or_else(|why| (Err(why), String::new()), |(times, lines)| (Ok(times), lines));
    Ok(Measured { moves, pauses, calls, samples: [moves_lines, pauses_lines, calls_lines] })
}

/// What is about to happen.
fn intention(survey: &Survey, plan: &Plan, quick: bool) -> String {
    let needed = survey.needed(quick);
    let largest = if quick { needed } else { needed.max(survey.largest().min(plan.max_pages * survey.page_size)) };
    format!(
        "Pages of this program move from node {} to {}: up to {} MiB on each node, {}. Other processes' memory stays where it is.",
        plan.nodes[0],
        list(&plan.nodes[1..]),
        largest.div_ceil(MIB),
        if quick { "for some seconds" } else { "for about five minutes, longer on a virtual machine" },
    )
}

/// The machine.
fn head(root: &Path, survey: &Survey, plan: &Plan, quick: bool) -> String {
    format!(
        "# Page moves on a machine with {online} nodes

Measured by `make bench-machine` of numars {version}. Nodes were used in the order {used}, and CPUs {cpus}.{quick}

{nodes}
{limits}
{properties}",
        online = survey.online.len(),
        version = option_env!("NUMARS_BENCH_VERSION").unwrap_or("of a working tree"),
        used = list(&plan.nodes),
        cpus = list(&plan.cpus),
        quick = if quick { " **Quick: the times mean nothing.**" } else { "" },
        nodes = description::nodes(survey, plan),
        limits = description::limits(root, survey).iter().map(|limit| format!("{limit}\n")).collect::<String>(),
        properties = description::properties(root, survey),
    )
}

/// The rows that were skipped, by reason, after an empty line, which ends a table.
fn skipped(run: &Run) -> String {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    let name = |skipped: &Skipped| {
        let comparison = moves::COMPARISONS.iter().find(|comparison| comparison.row() == skipped.row);
        comparison.map_or(format!("{} with {} pages", skipped.row, skipped.pages), |comparison| {
            format!("{} (other threads: {})", comparison.request, comparison.other_threads)
        })
    };
    for skipped in &run.skipped {
        match reasons.iter_mut().find(|(why, _)| *why == skipped.why) {
            Some((_, rows)) => rows.push(name(skipped)),
            None => reasons.push((&skipped.why, vec![name(skipped)])),
        }
    }
    reasons.iter().map(|(why, rows)| format!("\nNot measured, because {why}: {}.\n", rows.join("; "))).collect()
}

/// The tables of docs/performance.md.
fn tables(survey: &Survey, plan: &Plan, measured: &Measured) -> String {
    let Measured { moves, pauses, calls, .. } = measured;
    let targets = plan.nodes.len() - 1;
    let fewer = match targets {
        1 => "There is one target here, also in requests of increasing size.\n",
        2 => "Requests with three targets have two here.\n",
        _ => "",
    };
    let pauses = match pauses {
        Some(run) => format!(
            "A process with {memory} on node {from}, in eight mappings unless the table says otherwise, runs a loop on CPU {its}, while a program on CPU {ours}
moves it to node {to}. A round maps a page, touches it and unmaps it, and then touches 16 random bytes of the {memory}. Both are timed. Each move was measured
{rounds} times, alternately with the others. The table shows medians, and in parentheses the worst measurement: of the time that only a thousandth
of the rounds exceeds, and of the longest round.

{waits}{skipped}",
            memory = pauses::memory(run),
            from = plan.nodes[0],
            to = plan.nodes[1],
            ours = plan.cpus[0],
            its = plan.cpus[1],
            rounds = pauses::rounds(run),
            waits = pauses::waits(run),
            skipped = skipped(run),
        ),
        None => "Not measured, because it needs two CPUs.\n".into(),
    };
    let calls = match calls {
        Ok(times) => calls_report::within(times, None),
        Err(why) => format!("Not measured: {why:#}\n"),
    };
    format!(
        "
## Moving pages

Base pages of {page_size} KiB. Old is the bare `move_pages`, new is `numa_move_pages`, unless the request says otherwise. They alternate in one run.
\"Times faster\" is the ratio of the medians; the parentheses give the interquartile range of the ratios of consecutive samples.
{fewer}
{speed}{skipped}
### Requests of increasing size

Three targets interleaved, no other threads.

{growth}
{others}
## Moving pages of a running process

{pauses}
## Calls

Compared with the bare system calls made alternately by the same program.

{calls}",
        page_size = survey.page_size / 1024,
        speed = moves_report::speed(&moves::judged(moves)),
        skipped = skipped(moves),
        growth = moves_report::growth(&moves::growth(moves)),
        others = moves_report::others(moves, plan.nodes[0], plan.nodes[1]),
    )
}

/// All samples, in the form in which the programs print them.
fn samples(measured: &Measured) -> String {
    let [moves, pauses, calls] = &measured.samples;
    format!(
        "
## Samples

Times are in nanoseconds; a time of calls is the mean of a batch.

```json
{moves}{pauses}```

```tsv
{calls}```
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::tests::{run_of, taken};
    use clap::CommandFactory;

    fn skipped_row(row: &str, pages: usize, why: &str) -> String {
        format!(r#"{{"skipped":"{row}","pages":{pages},"why":"{why}"}}"#)
    }

    fn plan(nodes: &[usize]) -> Plan {
        Plan { nodes: nodes.to_vec(), cpus: vec![0, 1], max_pages: 1 << 20 }
    }

    fn measured(lines: &[String]) -> Measured {
        let calls = Times::read("== numars\nnuma_preferred\t100\nnuma_preferred (bare)\t80\n");
        Measured {
            moves: run_of(lines),
            pauses: None,
            calls,
            samples: [lines.concat(), String::new(), "a\t1\n".into()],
        }
    }

    #[test]
    fn the_help_says_what_is_moved_what_it_needs_and_how_long_it_takes() {
        let help = Options::command().render_long_help().to_string();
        for words in [
            "moves only memory of its own processes",
            "300 MiB of free memory",
            "five minutes",
            "Root is not needed",
            "--nodes",
        ] {
            assert!(help.split_whitespace().collect::<Vec<_>>().join(" ").contains(words), "{words}: {help}");
        }
    }

    #[test]
    fn what_is_about_to_happen_names_nodes_and_memory() {
        let survey = Survey { page_size: 4096, ..Survey::default() };
        let text = intention(&survey, &plan(&[2, 0, 3]), false);
        assert!(text.contains("from node 2 to 0,3: up to 1056 MiB on each node"), "{text}");
        let small = Plan { max_pages: 16384, ..plan(&[0, 1]) };
        assert!(intention(&survey, &small, false).contains("up to 264 MiB"), "{}", intention(&survey, &small, false));
        assert!(intention(&survey, &small, true).contains("up to 17 MiB"));
    }

    #[test]
    fn rows_that_were_skipped_are_named_with_the_reason() {
        let run = run_of(&[
            skipped_row("interleaved-none", 16384, "it needs three nodes"),
            skipped_row("growth", 262_144, "it needs more free memory"),
            skipped_row("grouped", 16384, "it needs three nodes"),
            skipped_row("mappings-100", 60000, "it needs more free memory"),
        ]);
        let text = skipped(&run);
        let start = "\nNot measured, because it needs three nodes: three targets interleaved (other threads: none); already grouped";
        assert!(text.starts_with(start), "{text}");
        assert!(
            text.contains(
                "because it needs more free memory: growth with 262144 pages; mappings-100 with 60000 pages."
            ),
            "{text}"
        );
    }

    #[test]
    fn the_tables_are_those_of_the_document_without_rows_that_were_skipped() {
        let lines = [
            taken("one-target-none", "bare", 16384, 2000),
            taken("one-target-none", "ours", 16384, 1000),
            taken("threads-alone", "1", 64, 1000),
            taken("count-100", "smaps", 6000, 1000),
        ];
        let survey = Survey { page_size: 4096, ..Survey::default() };
        let text = tables(&survey, &plan(&[0, 1]), &measured(&lines));
        for words in [
            "| all to one node ",
            "| 64    | none          | 1.00 us (1.00) |",
            "from node 0 to node 1.",
            "| 100      | 6000  |",
            "There is one target here",
            "it needs two CPUs",
            "| `numa_preferred` ",
            "| 1.25 (1.25 to 1.25) ",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(!text.contains("| three targets interleaved") && !text.contains("libnuma"), "{text}");
        assert!(!tables(&survey, &plan(&[0, 1, 2, 3]), &measured(&lines)).contains("here"));
    }

    #[test]
    fn the_file_ends_with_all_samples() {
        let text = samples(&measured(&[taken("query", "ours", 1, 7) + "\n"]));
        assert!(text.contains("```json\n{\"row\":\"query\"") && text.ends_with("```tsv\na\t1\n```\n"), "{text}");
    }

    #[test]
    fn nodes_are_read_in_the_order_given() {
        assert_eq!(nodes("3,0-1").unwrap().0, [3, 0, 1]);
        assert!(Options::try_parse_from(["bench-machine.sh", "--nodes", "x"]).is_err());
        assert!(Options::try_parse_from(["bench-machine.sh", "--samples", "0"]).is_err());
    }
}

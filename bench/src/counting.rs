//! Counts the instructions and system calls of a program with callgrind and strace. They do not depend on the load of the machine.

use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs a command and returns its output.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?} did not start"))?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{command:?} failed: {}\n{out}{err}", output.status);
    Ok(out.into_owned())
}

/// The output of a program, and the instructions that it executed between its calls of cut(), from start to end.
pub struct Instructions {
    pub printed: String,
    pub counts: Vec<u64>,
}

/// Runs a program under callgrind, which `run` receives as a command without a program. Files are kept in `folder`, which is recreated.
pub fn instructions(folder: &Path, run: impl FnOnce(&mut Command) -> Result<String>) -> Result<Instructions> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder)?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["-q", "--tool=callgrind", "--dump-before=cut"]);
    valgrind.arg(format!("--callgrind-out-file={}", fs::canonicalize(folder)?.join("out").display()));
    let printed = run(&mut valgrind)?;
    // What comes after the last cut is in a file without a number.
    let numbered = (1..).map(|number| folder.join(format!("out.{number}"))).take_while(|file| file.exists());
    let files = numbered.chain([folder.join("out")]);
    let counts = files.map(|file| total(&fs::read_to_string(&file).with_context(|| file.display().to_string())?));
    Ok(Instructions { printed, counts: counts.collect::<Result<_>>()? })
}

/// Reads the number of instructions from a callgrind file.
fn total(profile: &str) -> Result<u64> {
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.context("callgrind wrote no totals")?.trim().parse()?)
}

/// The rows of a marked run of bench/calls.c, and the instructions of each.
pub fn instructions_of_rows(run: &Instructions) -> Result<Vec<(&str, u64)>> {
    let rows = run.printed.lines().filter_map(|line| line.strip_prefix("end "));
    // Between two rows lies what prepares the next.
    let counted = rows.enumerate().map(|(place, row)| Some((row, *run.counts.get(2 * place + 1)?)));
    counted.collect::<Option<_>>().context("callgrind did not count all")
}

/// Calls `run` with a command that runs a program under strace. Returns its result, and one line of strace for each system call.
pub fn system_calls<T>(trace: &Path, run: impl FnOnce(&mut Command) -> Result<T>) -> Result<(T, Vec<String>)> {
    // Strings are shown up to this length: that of a row's name.
    let outcome = run(Command::new("strace").args(["-s", "200", "-o"]).arg(trace))?;
    Ok((outcome, fs::read_to_string(trace)?.lines().map(str::to_owned).collect()))
}

/// The name of the system call in a line of strace.
pub fn name(line: &str) -> &str {
    line.split('(').next().unwrap_or(line)
}

/// Selects the system calls between the marks of each row in those of a marked run of bench/calls.c.
pub fn system_calls_of_rows(trace: &[String]) -> HashMap<String, Vec<&str>> {
    let mark = |line: &str, word: &str| {
        let rest = line.strip_prefix("write(1, \"")?.strip_prefix(word)?;
        Some(rest.split_once("\\n").map_or(rest, |(row, _)| row).to_owned())
    };
    let (mut found, mut calls) = (HashMap::new(), Vec::new());
    for line in trace {
        if mark(line, "begin ").is_some() {
            calls.clear();
        } else if let Some(row) = mark(line, "end ") {
            found.insert(row, std::mem::take(&mut calls));
        } else {
            calls.push(name(line));
        }
    }
    found
}

/// Selects the system calls made by constructors in those of an empty program: they follow the loader's last call, which unmaps the
/// cache of library names, and precede the exit of the program.
pub fn system_calls_of_constructors(trace: &[String]) -> &[String] {
    let begin = trace.iter().position(|line| name(line) == "munmap").map_or(trace.len(), |place| place + 1);
    let rest = &trace[begin..];
    &rest[..rest.iter().position(|line| name(line) == "exit_group").unwrap_or(rest.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(trace: &str) -> Vec<String> {
        trace.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_total_of_a_profile_is_read() {
        assert_eq!(total("events: Ir\nsummary: 7\n\ntotals: 72\n").unwrap(), 72);
        assert!(total("events: Ir\n").is_err());
    }

    #[test]
    fn every_second_count_is_of_a_row() {
        let run =
            |counts: &[u64]| Instructions { printed: "begin a\nend a\nbegin b\nend b\n".into(), counts: counts.into() };
        assert_eq!(instructions_of_rows(&run(&[9, 1, 8, 2, 7])).unwrap(), [("a", 1), ("b", 2)]);
        assert!(instructions_of_rows(&run(&[9, 1, 8])).is_err());
    }

    #[test]
    fn system_calls_between_the_marks_are_those_of_their_row() {
        let trace = "read(3)\nwrite(1, \"begin a, b\\n\", 11) = 11\nopenat(1)\nread(2)\nwrite(1, \"end a, b\\n\", 9) = 9\nclose(1)\n\
                     write(1, \"begin c\\n\", 8) = 8\nwrite(1, \"end c\\n\", 6) = 6\n";
        let expected = [("a, b".to_owned(), vec!["openat", "read"]), ("c".to_owned(), vec![])];
        assert_eq!(system_calls_of_rows(&lines(trace)), HashMap::from(expected));
    }

    #[test]
    fn system_calls_of_the_loader_and_of_the_end_are_none_of_constructors() {
        let trace = lines("execve()\nmunmap(1)\nopenat()\nread()\nexit_group(0)\n+++ exited\n");
        assert_eq!(system_calls_of_constructors(&trace), ["openat()", "read()"]);
        assert_eq!(system_calls_of_constructors(&lines("execve()\n")), [""; 0]);
    }
}

//! The cost of loading the library into a program that does not use it.

use crate::calls::{CALLGRIND, LIBNUMA, NUMARS, NUMARS_FILE, TRACE, installed};
use anyhow::{Context, Result};
use counting::output;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The size of libnuma 2.0.19.
const MAX_BYTES: u64 = 56440;

const EMPTY: &str = "target/bench/empty";

/// The cost of one library.
#[derive(Debug)]
pub struct Loading {
    pub instructions: u64,
    /// Besides those that the loader makes for any library.
    pub system_calls: u64,
    pub stripped_bytes: u64,
    pub needed: Vec<String>,
    /// KiB of memory that the process has written to, and therefore does not share, in addition to those without the library. (A recently
    /// written file also counts as private and dirty, but not as anonymous.)
    pub private_kib: i64,
}

/// A row of the table: the values of both libraries, and the target.
pub struct Judged {
    pub what: &'static str,
    pub libnuma: String,
    pub numars: String,
    pub target: &'static str,
    pub met: bool,
}

pub fn measure() -> Result<[(&'static str, Loading); 2]> {
    let alone = (instructions(None)?, private_memory(None)?);
    let of = |library: &Path| -> Result<Loading> {
        Ok(Loading {
            instructions: instructions(Some(library))? - alone.0,
            system_calls: system_calls(library)?,
            stripped_bytes: stripped_bytes(library)?,
            needed: needed(library)?,
            private_kib: private_memory(Some(library))? - alone.1,
        })
    };
    Ok([(LIBNUMA, of(&installed()?)?), (NUMARS, of(&fs::canonicalize(NUMARS_FILE)?)?)])
}

pub fn judge(libnuma: &Loading, numars: &Loading) -> Vec<Judged> {
    let judged = |what, of: fn(&Loading) -> String, target, met| Judged {
        what,
        libnuma: of(libnuma),
        numars: of(numars),
        target,
        met,
    };
    vec![
        judged(
            "instructions added to an empty program",
            |loading| loading.instructions.to_string(),
            "a third",
            numars.instructions * 3 <= libnuma.instructions,
        ),
        judged(
            "system calls, beyond the loader's own",
            |loading| loading.system_calls.to_string(),
            "6",
            numars.system_calls <= 6,
        ),
        judged(
            "size of the shared library, stripped, in bytes",
            |loading| loading.stripped_bytes.to_string(),
            "56440",
            numars.stripped_bytes <= MAX_BYTES,
        ),
        judged(
            "shared libraries needed",
            |loading| loading.needed.join(", "),
            "libc.so.6",
            numars.needed == ["libc.so.6"],
        ),
        judged(
            "private memory, in KiB",
            |loading| loading.private_kib.to_string(),
            "not larger",
            numars.private_kib <= libnuma.private_kib,
        ),
    ]
}

/// A command that starts the empty program with or without a library.
fn empty(library: Option<&Path>, command: &mut Command) -> Result<String> {
    if let Some(library) = library {
        command.env("LD_PRELOAD", library);
    }
    output(command)
}

fn instructions(library: Option<&Path>) -> Result<u64> {
    let run = counting::instructions(Path::new(CALLGRIND), |valgrind| empty(library, valgrind.arg(EMPTY)))?;
    Ok(run.counts.iter().sum())
}

fn system_calls(library: &Path) -> Result<u64> {
    let preload = format!("LD_PRELOAD={}", library.display());
    let (_, trace) = counting::system_calls(Path::new(TRACE), |strace| output(strace.args(["-E", &preload, EMPTY])))?;
    Ok(counting::system_calls_of_constructors(&trace).len() as u64)
}

fn stripped_bytes(library: &Path) -> Result<u64> {
    let stripped = Path::new("target/bench/stripped.so");
    output(Command::new("strip").arg("-o").args([stripped, library]))?;
    Ok(fs::metadata(stripped)?.len())
}

fn needed(library: &Path) -> Result<Vec<String>> {
    let dynamic = output(Command::new("readelf").args(["--dynamic", "--wide"]).arg(library))?;
    let lines = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    Ok(lines.filter_map(|line| Some(line.split_once('[')?.1.trim_end_matches(']').to_owned())).collect())
}

/// The median of several runs, because the loader's placement sometimes differs by a page.
fn private_memory(library: Option<&Path>) -> Result<i64> {
    let mut runs = Vec::new();
    for _ in 0..9 {
        let rollup = empty(library, Command::new(EMPTY).arg("memory"))?;
        runs.push(kib(&rollup, "Anonymous:")?);
    }
    runs.sort_unstable();
    Ok(runs[runs.len() / 2])
}

fn kib(rollup: &str, name: &str) -> Result<i64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
    Ok(line.trim_end_matches("kB").trim().parse()?)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn loading(instructions: u64) -> Loading {
        let needed = vec!["libc.so.6".into()];
        Loading { instructions, system_calls: 6, stripped_bytes: MAX_BYTES, needed, private_kib: 16 }
    }

    #[test]
    fn targets_of_loading_are_met_up_to_their_limits() {
        let met =
            |numars: &Loading| -> Vec<bool> { judge(&loading(300), numars).iter().map(|judged| judged.met).collect() };
        assert_eq!(met(&loading(100)), [true; 5]);
        let bad = Loading {
            instructions: 101,
            system_calls: 7,
            stripped_bytes: MAX_BYTES + 1,
            needed: vec!["libc.so.6".into(), "libgcc_s.so.1".into()],
            private_kib: 17,
        };
        assert_eq!(met(&bad), [false; 5]);
    }

    #[test]
    fn private_memory_is_read_from_the_rollup() {
        assert_eq!(kib("Pss:  7 kB\nAnonymous:       108 kB\n", "Anonymous:").unwrap(), 108);
    }
}

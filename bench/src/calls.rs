//! Calls of libnuma's interface: `calls.c` runs alternately on libnuma and numars, on the host and in the guest, and callgrind and strace
//! count its instructions and system calls.

use crate::every_call::EveryCall;
use crate::report::result;
use crate::samples::{Ratio, Side};
use anyhow::{Context, Result, bail};
use counting::{instructions, instructions_of_rows, output, system_calls, system_calls_of_rows};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const CALLS: &str = "target/bench/calls";
const EVERY_CALL: &str = "target/bench/every_call";
/// The last output of callgrind and strace.
pub const CALLGRIND: &str = "target/bench/callgrind";
pub const TRACE: &str = "target/bench/trace";

const IN_TURN: &str = "bench/in_turn.sh";
pub const VM: &str = "target/release/vm";
/// The build of numars with libnuma's SONAME.
pub const NUMARS_FILE: &str = "target/stage/lib/numars/libnuma.so.1";

pub const LIBNUMA: &str = "libnuma";
pub const NUMARS: &str = "numars";
pub const BOTH: [&str; 2] = [LIBNUMA, NUMARS];

/// The newest libnuma available for the guest, and the Debian suite that has it.
pub const NEWEST: (&str, &str) = ("2.0.19", "trixie");

/// What a call is compared with.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Against {
    Libnuma,
    /// The system calls that the call makes.
    Bare,
}

/// A row of `calls.c`, and how many times faster it should be than the other side, if there is a target.
pub struct Comparison {
    pub row: &'static str,
    pub about: &'static str,
    pub against: Against,
    pub target: Option<f64>,
}

const fn faster(row: &'static str, about: &'static str, target: f64) -> Comparison {
    Comparison { row, about, against: Against::Libnuma, target: Some(target) }
}

/// A call that should take at most `target` times as long as the system calls that it needs.
const fn within(row: &'static str, about: &'static str, target: f64) -> Comparison {
    Comparison { row, about, against: Against::Bare, target: Some(target) }
}

pub const COMPARISONS: &[Comparison] = &[
    faster("numa_bitmask_weight", "8,192 bits", 30.0),
    faster("numa_bitmask_setall", "8,192 bits", 30.0),
    faster("numa_bitmask_clearall", "8,192 bits", 30.0),
    faster("numa_bitmask_equal", "8,192 bits", 30.0),
    faster("numa_node_of_cpu", "the last CPU", 20.0),
    faster("numa_node_to_cpus", "the last node", 5.0),
    Comparison { row: "numa_distance", about: "cached", against: Against::Libnuma, target: None },
    faster("numa_node_size64", "node 0", 2.0),
    faster("numa_parse_nodestring", "all nodes as a range", 1.0),
    faster("numa_parse_cpustring", "all CPUs as a range", 1.0),
    Comparison { row: "numa_node_size64", about: "open, read and close", against: Against::Bare, target: None },
    within("numa_preferred", "get_mempolicy", 1.1),
    within("numa_get_mems_allowed", "get_mempolicy", 1.1),
    within("numa_get_membind", "get_mempolicy", 1.1),
    within("numa_get_run_node_mask", "sched_getaffinity", 1.1),
    within("numa_alloc_onnode", "and numa_free, 4 KiB", 1.05),
    within("numa_alloc_local", "and numa_free, 4 KiB", 1.05),
    within("numa_alloc_interleaved", "and numa_free, 4 KiB", 1.05),
];

/// The same on a machine with 8,192 CPUs.
pub const MANY_CPUS: &[Comparison] = &[
    faster("numa_node_of_cpu", "the last CPU", 20.0),
    faster("numa_node_to_cpus", "the last node", 5.0),
    faster("numa_parse_nodestring", "all nodes as a range", 1.0),
    faster("numa_parse_cpustring", "all CPUs as a range", 10.0),
    faster("numa_parse_cpustring, every second", "4,096 numbers", 10.0),
];

/// The name in `calls.c` of the other side of a row.
pub fn bare(row: &str) -> String {
    format!("{row} (bare)")
}

/// The samples of each row by library, in chronological order.
#[derive(Default, Debug)]
pub struct Times(HashMap<(String, String), Side>);

impl Times {
    /// Reads lines of `ROW<TAB>NANOSECONDS`, and of `== LIBRARY` before those of each run.
    pub fn read(text: &str) -> Result<Self> {
        let mut times = Times::default();
        let mut library = None;
        for line in text.lines().filter(|line| !line.starts_with("begin ") && !line.starts_with("end ")) {
            if let Some(name) = line.strip_prefix("== ") {
                library = Some(name.trim_end());
                continue;
            }
            let (row, time) = line.split_once('\t').with_context(|| format!("not understood: {line}"))?;
            let library = library.with_context(|| format!("of which library? {line}"))?;
            let nanoseconds: f64 = time.trim_end().parse().with_context(|| format!("no time: {line}"))?;
            let side = times.0.entry((library.to_owned(), row.to_owned())).or_default();
            side.times.push(nanoseconds / 1e9);
        }
        Ok(times)
    }

    pub fn side(&self, library: &str, row: &str) -> Result<&Side> {
        self.0
            .get(&(library.to_owned(), row.to_owned()))
            .with_context(|| format!("{row} was not measured on {library}"))
    }

    /// The other side, numars, and how many times faster numars is.
    pub fn compare(&self, comparison: &Comparison) -> Result<(&Side, &Side, Ratio)> {
        let ours = self.side(NUMARS, comparison.row)?;
        let other = match comparison.against {
            Against::Libnuma => self.side(LIBNUMA, comparison.row)?,
            Against::Bare => self.side(NUMARS, &bare(comparison.row))?,
        };
        Ok((other, ours, Ratio::of(other, ours)))
    }
}

/// The installed libnuma.
pub fn installed() -> Result<PathBuf> {
    let cache = output(Command::new("/sbin/ldconfig").arg("-p"))?;
    let line = cache.lines().find(|line| line.trim().starts_with("libnuma.so.1 "));
    Ok(line.and_then(|line| line.rsplit(' ').next()).context("libnuma is not installed")?.into())
}

/// Its version.
pub fn installed_version() -> Result<String> {
    Ok(output(Command::new("pkg-config").args(["--modversion", "numa"]))?.trim().into())
}

/// A directory with a subdirectory for each library, as `in_turn.sh` expects.
pub fn libraries() -> Result<PathBuf> {
    libraries_in(Path::new("target/bench/libraries"), &installed()?)
}

/// Creates such a directory for numars and this libnuma.
fn libraries_in(folder: &Path, libnuma: &Path) -> Result<PathBuf> {
    for (name, file) in [(LIBNUMA, libnuma), (NUMARS, &fs::canonicalize(NUMARS_FILE)?)] {
        let place = folder.join(name).join("libnuma.so.1");
        fs::create_dir_all(place.parent().context("a file has a folder")?)?;
        let _ = fs::remove_file(&place);
        std::os::unix::fs::symlink(file, place)?;
    }
    Ok(fs::canonicalize(folder)?)
}

/// The directory of the newest libnuma, which has the C library that it needs.
fn newest() -> Result<PathBuf> {
    let (_, suite) = NEWEST;
    Ok(output(Command::new(VM).args(["reference", suite]))?.trim_end().into())
}

/// How many measurements to make.
#[derive(Clone, Copy)]
pub struct Effort {
    pub quick: bool,
    pub rounds: u32,
}

impl Effort {
    fn arguments(self) -> &'static [&'static str] {
        if self.quick { &["-q"] } else { &[] }
    }
}

/// The times on this machine.
pub fn on_host(program: &str, effort: Effort) -> Result<Times> {
    let mut command = Command::new(IN_TURN);
    command.arg(effort.rounds.to_string()).arg(libraries()?).arg(program).args(effort.arguments());
    Times::read(&output(&mut command)?)
}

/// The times in the four-node guest, whose C library is that of the newest libnuma.
pub fn in_guest(program: &str, kernel: &str, effort: Effort) -> Result<Times> {
    let (_, suite) = NEWEST;
    let mut command = Command::new(VM);
    command.args(["run", "--shape", "four-nodes", "--kernel", kernel, "--c-library", suite]);
    let mut add = |file: &Path, place: &str| {
        command.arg("--add").arg(format!("{}:{place}", file.display()));
    };
    add(Path::new(program), "/bench/program");
    add(&newest()?.join("libnuma.so.1"), &format!("/bench/libraries/{LIBNUMA}/libnuma.so.1"));
    add(&fs::canonicalize(NUMARS_FILE)?, &format!("/bench/libraries/{NUMARS}/libnuma.so.1"));
    command.args(["--", IN_TURN, &effort.rounds.to_string(), "/bench/libraries", "/bench/program"]);
    Times::read(&output(command.args(effort.arguments()))?)
}

/// The cost of a call that does not depend on the load of the machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    pub instructions: f64,
    pub system_calls: f64,
}

/// By row.
pub type Costs = HashMap<String, Cost>;

/// The cost of one call of each row of `calls.c` on this machine, with libnuma and with numars.
pub fn cost_of_both(effort: Effort) -> Result<[Costs; 2]> {
    costs_in(&libraries()?, CALLS, None, effort)
}

/// Every function beside the installed libnuma's, on this machine.
pub fn every_call_on_host(effort: Effort) -> Result<EveryCall> {
    let costs = costs_in(&libraries()?, EVERY_CALL, None, effort)?;
    Ok(EveryCall { times: on_host(EVERY_CALL, effort)?, costs })
}

/// Every function beside the newest libnuma's: times in the guest, and costs on this machine, with the C library that it needs.
pub fn every_call_in_guest(kernel: &str, effort: Effort) -> Result<EveryCall> {
    let newest = newest()?;
    let libraries = libraries_in(Path::new("target/bench/newest"), &newest.join("libnuma.so.1"))?;
    let costs = costs_in(&libraries, EVERY_CALL, Some(&newest), effort)?;
    Ok(EveryCall { times: in_guest(EVERY_CALL, kernel, effort)?, costs })
}

/// The costs with each of the libraries in a directory.
fn costs_in(libraries: &Path, program: &str, c_library: Option<&Path>, effort: Effort) -> Result<[Costs; 2]> {
    let [libnuma, numars] =
        BOTH.map(|library| Start { library: libraries.join(library), c_library, program }.costs(effort));
    Ok([libnuma?, numars?])
}

/// How a program is started on a library.
struct Start<'a> {
    /// The directory of the library.
    library: PathBuf,
    /// The directory of another C library than this machine's.
    c_library: Option<&'a Path>,
    program: &'a str,
}

impl Start<'_> {
    /// Appends the program to a command.
    fn append_to<'a>(&self, command: &'a mut Command) -> Result<&'a mut Command> {
        let Some(c_library) = self.c_library else {
            return Ok(command.env("LD_LIBRARY_PATH", &self.library).arg(self.program));
        };
        let path = format!("{}:{}", self.library.display(), c_library.display());
        Ok(command.arg(loader(c_library)?).args(["--library-path", &path, self.program]))
    }

    /// The cost of each row.
    fn costs(&self, effort: Effort) -> Result<Costs> {
        let times = if effort.quick { 1 } else { 10 };
        let marked = |command: &mut Command| output(self.append_to(command)?.args(["-m", &times.to_string()]));
        let run = instructions(Path::new(CALLGRIND), |valgrind| marked(valgrind))?;
        let (_, trace) = system_calls(Path::new(TRACE), |strace| marked(strace))?;
        let calls = system_calls_of_rows(&trace);
        let mut costs = HashMap::new();
        let mut of_nothing = None;
        for (row, count) in instructions_of_rows(&run)? {
            // The first row is the loop alone.
            let instructions = (count as f64 - *of_nothing.get_or_insert(count) as f64) / f64::from(times);
            let system_calls = calls.get(row).context("strace did not see all")?.len() as f64 / f64::from(times);
            costs.insert(row.to_owned(), Cost { instructions, system_calls });
        }
        Ok(costs)
    }
}

/// The dynamic loader in the directory of a C library: `ld-linux-x86-64.so.2` on x86-64.
fn loader(c_library: &Path) -> Result<PathBuf> {
    let files = fs::read_dir(c_library)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let is_loader = |file: &PathBuf| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld"));
    files.into_iter().find(is_loader).with_context(|| format!("no loader in {}", c_library.display()))
}

/// Whether a target was met; empty if there is none.
pub fn verdict(target: Option<f64>, reached: f64) -> &'static str {
    target.map_or("", |target| result(reached >= target))
}

/// Fails if a program of `make bench` is missing.
pub fn check_built() -> Result<()> {
    for file in [CALLS, EVERY_CALL, NUMARS_FILE] {
        if !Path::new(file).exists() {
            bail!("there is no {file}: run `make bench`");
        }
    }
    Ok(())
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Times of one row: three samples of each library.
    pub fn times(row: &str, libnuma: f64, numars: f64) -> Times {
        let runs = [(LIBNUMA, libnuma), (NUMARS, numars)];
        let text = runs.map(|(library, time)| format!("== {library}\n{row}\t{time}\n{row}\t{time}\n{row}\t{time}\n"));
        Times::read(&text.concat()).unwrap()
    }

    #[test]
    fn the_samples_of_several_runs_come_together() {
        let times = Times::read("== numars\na\t1\nb\t5\n== libnuma\na\t10\n== numars\na\t3\n").unwrap();
        assert_eq!(times.side(NUMARS, "a").unwrap().times, [1e-9, 3e-9]);
        assert_eq!(times.side(LIBNUMA, "a").unwrap().times, [1e-8]);
        let error = times.side(LIBNUMA, "b").unwrap_err().to_string();
        assert_eq!(error, "b was not measured on libnuma");
    }

    #[test]
    fn what_is_no_time_of_a_library_is_an_error() {
        assert!(Times::read("a\t1\n").is_err());
        assert!(Times::read("== numars\nSegmentation fault\n").is_err());
        assert!(Times::read("== numars\na\tlong\n").is_err());
    }

    #[test]
    fn a_call_is_compared_with_libnuma_or_with_the_bare_system_call_beside_it() {
        let times = Times::read("== libnuma\na\t30\na (bare)\t5\n== numars\na\t10\na (bare)\t9\n").unwrap();
        let ratio = |against| {
            let comparison = Comparison { row: "a", about: "", against, target: None };
            times.compare(&comparison).unwrap().2.median
        };
        assert!((ratio(Against::Libnuma) - 3.0).abs() < 1e-9);
        assert!((ratio(Against::Bare) - 0.9).abs() < 1e-9);
    }

    #[test]
    fn a_target_is_met_when_it_is_reached_exactly() {
        assert_eq!([verdict(Some(2.0), 2.0), verdict(Some(2.0), 1.9), verdict(None, 0.1)], ["met", "missed", ""]);
    }
}

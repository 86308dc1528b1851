//! Programs of Debian's packages, as built there, do the same on numars as on libnuma: preloaded, and installed in its
//! place. These tests write the table in docs/programs.md.
//!
//! Each script in real-programs runs in a guest with four nodes; its first lines say what it needs. These tests boot
//! guests and fetch packages, so they only run on request: `cd tests && cargo test --test real_programs -- --ignored
//! [NAME]`.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use support::{Packages, compile_file, root, run, stage, vm};

const SHAPE: &str = "four-nodes";

const LIBNUMA: &str = "libnuma";
const PRELOADED: &str = "preloaded";
const IN_PLACE: &str = "in-place";

/// The path of numars in the guest until it takes libnuma's place.
const NUMARS: &str = "/numars/libnuma.so.1";

/// The version of Python in [`Packages::SUITE`].
const PYTHON: &str = "3.13";

macro_rules! scripts {
    ($($name:ident)*) => {
        $(
            #[test]
            #[ignore = "boots a guest"]
            fn $name() {
                check(stringify!($name));
            }
        )*

        const SCRIPTS: &[&str] = &[$(stringify!($name)),*];
    };
}

scripts! {
    dpdk ffmpeg fio haskell irqbalance libgomp libvirt loading lttng mariadb mysql numactl numad openvswitch pandoc perf
    postgresql procenv python qemu rt_tests sc_membench slurm sptag starpu stress_ng x265
}

/// The header of a script: lines of `# KEY: VALUE`, some of which continue on the next line.
struct Script {
    name: &'static str,
    /// The Debian suite of the packages.
    suite: String,
    packages: Vec<String>,
    /// Python packages that are compiled, from PyPI, as NAME==VERSION.
    wheels: Vec<String>,
    /// C programs of this project, by their paths without `.c`, and flags for the compiler.
    compiled: Vec<String>,
    /// By their names, or by their paths in the package.
    programs: Vec<String>,
    /// Other files and directories of the packages that the programs look for, by their paths.
    files: Vec<String>,
    what: String,
    /// Cases that may differ, with the reason.
    differences: BTreeMap<String, String>,
}

impl Script {
    fn read(name: &'static str) -> Self {
        let text = fs::read_to_string(folder().join(format!("{name}.sh"))).unwrap();
        let mut values: Vec<(&str, String)> = Vec::new();
        for line in text.lines().map_while(|line| line.strip_prefix("# ")) {
            match line.split_once(": ").filter(|(key, _)| !key.contains(' ')) {
                Some((key, value)) => values.push((key, value.to_owned())),
                None => values.last_mut().unwrap().1 += &format!(" {line}"),
            }
        }
        let all = |key| values.iter().filter(move |(found, _)| *found == key).map(|(_, value)| value.as_str());
        let words = |key| all(key).flat_map(str::split_whitespace).map(str::to_owned).collect();
        let suite = all("suite").next().unwrap_or(Packages::SUITE).to_owned();
        let (packages, wheels, compiled) = (words("packages"), words("wheels"), words("compiled"));
        let (programs, files) = (words("programs"), words("files"));
        let differences = all("differs").map(|text| {
            let (case, reason) = text.split_once(": ").unwrap();
            (case.to_owned(), reason.to_owned())
        });
        let (what, differences) = (all("what").collect(), differences.collect());
        Script { name, suite, packages, wheels, compiled, programs, files, what, differences }
    }

    /// The packages and all of their dependencies, unpacked.
    fn packages(&self) -> Packages {
        Packages::fetch_from(&self.suite, &self.packages)
    }

    /// Fetches the Python packages, or uses those that were fetched before. Returns their files and the paths of these
    /// in the guest.
    fn wheels(&self) -> Vec<(PathBuf, String)> {
        let mut all = Vec::new();
        for wheel in &self.wheels {
            let folder = root().join("target/wheels").join(wheel);
            if !folder.exists() {
                fs::create_dir_all(folder.parent().unwrap()).unwrap();
                let work = tempfile::tempdir_in(folder.parent().unwrap()).unwrap();
                let python = || Command::new("python3");
                let options = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"];
                let platforms = ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"];
                let mut pip = python();
                pip.args(options).args(["--python-version", PYTHON, "--dest"]).arg(work.path()).arg(wheel);
                run(pip.args(platforms.iter().flat_map(|platform| ["--platform", platform])));
                let file = fs::read_dir(work.path()).unwrap().next().unwrap().unwrap().path();
                let unpacked = work.path().join("unpacked");
                run(python().args(["-m", "zipfile", "--extract"]).args([&file, &unpacked]));
                fs::rename(unpacked, &folder).unwrap();
            }
            for file in all_files(&folder) {
                let place = format!("/wheels/{}", file.strip_prefix(&folder).unwrap().display());
                all.push((file, place));
            }
        }
        all
    }

    /// The names of the programs in the guest.
    fn program_names(&self) -> impl Iterator<Item = &str> {
        let compiled = self.compiled.iter().filter(|word| !word.starts_with('-'));
        self.programs.iter().chain(compiled).map(|program| program.rsplit('/').next().unwrap())
    }

    /// Returns what the script prints in a guest with the programs, and only those parts of the packages that they
    /// need.
    fn run(&self, packages: &Packages) -> String {
        let mut guest = vm();
        guest.args(["run", "--shape", SHAPE, "--timeout", "1500"]);
        let mut add = |file: &Path, place: &str| {
            guest.arg("--add").arg(format!("{}:{place}", file.display()));
        };
        let script = format!("{}.sh", self.name);
        add(&folder().join(&script), &format!("/real-programs/{script}"));
        add(&stage().flavour().join("libnuma.so.1"), NUMARS);
        let folder_of_compiled = tempfile::tempdir().unwrap();
        let (flags, sources): (Vec<_>, Vec<_>) = self.compiled.iter().cloned().partition(|word| word.starts_with('-'));
        let compiled = sources.iter().map(|source| compile_file(folder_of_compiled.path(), source, &flags));
        let mut libraries = BTreeSet::new();
        for program in self.programs.iter().map(|program| packages.program(program)).chain(compiled) {
            add(&program, &format!("/usr/bin/{}", program.file_name().unwrap().to_str().unwrap()));
            libraries.extend(packages.libraries(&program));
        }
        let elf = |path: &PathBuf| path.is_file() && fs::read(path).is_ok_and(|data| data.starts_with(b"\x7fELF"));
        let mut add_with_libraries = |path: &Path, place: &str| {
            add(path, place);
            libraries.extend(all_files(path).into_iter().filter(elf).flat_map(|file| packages.libraries(&file)));
        };
        for file in &self.files {
            add_with_libraries(&packages.root.join(file), &format!("/{file}"));
        }
        for (file, place) in self.wheels() {
            add_with_libraries(&file, &place);
        }
        packages.add_libraries(&mut guest, &libraries);
        guest.arg("--").arg(folder().join("run.sh"));
        let paths: Vec<_> = self.program_names().map(|name| format!("/usr/bin/{name}")).collect();
        run(guest.args([&paths.join(" "), &format!("/real-programs/{script}")]))
    }
}

fn folder() -> PathBuf {
    root().join("tests/real-programs")
}

fn all_files(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    fs::read_dir(path).unwrap().flat_map(|entry| all_files(&entry.unwrap().path())).collect()
}

/// What was observed on one library.
#[derive(Default)]
struct Seen {
    /// The output of each case.
    cases: BTreeMap<String, String>,
    /// For each program, the symbols that it gets from a libnuma, and which file that is.
    symbols: BTreeMap<String, BTreeMap<String, String>>,
    /// Errors of the loader.
    warnings: Vec<String>,
    /// How many lines NUMARS_LOG has.
    logged: usize,
}

/// Parses the output of run.sh.
fn read(output: &str) -> BTreeMap<&str, Seen> {
    let mut all = BTreeMap::new();
    for part in output.split("=== ").skip(1) {
        let (way, text) = part.split_once('\n').unwrap();
        if way == "end" {
            return all;
        }
        let mut seen = Seen::default();
        let mut case: Option<&mut String> = None;
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["==", ..] => {
                    let name = line[3..].to_owned();
                    assert!(!seen.cases.contains_key(&name), "there are two cases {name}");
                    case = Some(seen.cases.entry(name).or_default());
                }
                ["logged", count] => seen.logged = count.parse().unwrap(),
                ["symbol", program, file, name] if case.is_none() => {
                    let program = program.rsplit('/').next().unwrap();
                    seen.symbols.entry(program.to_owned()).or_default().insert(name.to_owned(), file.to_owned());
                }
                ["warning", ..] if case.is_none() => seen.warnings.push(line.to_owned()),
                _ => {
                    let text = case.as_mut().unwrap_or_else(|| panic!("{way}: {line:?} belongs to no case"));
                    text.extend([line, "\n"]);
                }
            }
        }
        all.insert(way, seen);
    }
    panic!("the guest's output is incomplete:\n{output}");
}

fn check(name: &'static str) {
    let script = Script::read(name);
    let packages = script.packages();
    let output = script.run(&packages);
    let kept = root().join("target/real-programs");
    fs::create_dir_all(&kept).unwrap();
    fs::write(kept.join(name), &output).unwrap();
    let seen = read(&output);
    let libnuma = &seen[LIBNUMA];
    let mut wrong = String::new();
    let mut differing = BTreeSet::new();
    for way in [PRELOADED, IN_PLACE] {
        let numars = &seen[way];
        assert!(numars.cases.keys().eq(libnuma.cases.keys()) && !numars.cases.is_empty(), "{way}: other cases");
        for (case, expected) in &libnuma.cases {
            let found = &numars.cases[case];
            if found != expected {
                differing.insert(case);
                if !script.differences.contains_key(case) {
                    write!(wrong, "{way}, {case}: libnuma\n{expected}{way}\n{found}").unwrap();
                }
            }
        }
        for (program, symbols) in &numars.symbols {
            assert!(symbols.keys().eq(libnuma.symbols[program].keys()), "{way}: {program} has other symbols");
        }
        wrong.extend(numars.warnings.iter().map(|warning| format!("{way}: {warning}\n")));
    }
    for symbols in seen[PRELOADED].symbols.values() {
        assert!(symbols.values().all(|file| file == NUMARS), "not all from numars: {symbols:?}");
    }
    assert!(
        script.differences.keys().all(|case| differing.contains(case)),
        "excused, and the same: {:?}",
        script.differences
    );
    assert!(wrong.is_empty(), "{wrong}");
    if env::var_os("NUMARS_WRITE_DOCS").is_some() {
        update_document(&script, &packages, &seen);
    }
}

/// Writes the script's rows into docs/programs.md.
fn update_document(script: &Script, packages: &Packages, seen: &BTreeMap<&str, Seen>) {
    static FILE: Mutex<()> = Mutex::new(());
    let _one_at_a_time = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    let document = root().join("docs/programs.md");
    let mut text = fs::read_to_string(&document).unwrap();
    let from = if script.suite == Packages::SUITE { "" } else { &format!(" ({})", script.suite) };
    let version = |name: &String| format!("{name} {}{from}", packages.version(name));
    let of_wheel = |wheel: &String| format!("{} (PyPI)", wheel.replace("==", " "));
    let versions: Vec<_> = script.packages.iter().map(version).chain(script.wheels.iter().map(of_wheel)).collect();
    let numars = &seen[PRELOADED];
    let mut result = "the same".to_owned();
    for (case, reason) in &script.differences {
        write!(result, ", except `{case}`: {reason}").unwrap();
    }
    let row = [
        script.name.to_owned(),
        versions.join(", "),
        script.what.clone(),
        numars.cases.len().to_string(),
        numars.logged.to_string(),
        result,
    ];
    text = with_row(&text, "| script |", &row.join(" | "));
    for program in script.program_names() {
        let names = numars
            .symbols
            .get(program)
            .map(|symbols| symbols.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>());
        let names = names.map_or("none: does not load libnuma".to_owned(), |names| names.join(", "));
        text = with_row(&text, "| program |", &format!("{program} | {names}"));
    }
    fs::write(document, text).unwrap();
}

/// Returns the text with this row in the table that begins with `table`, instead of the row with the same first cell;
/// rows are sorted.
fn with_row(text: &str, table: &str, row: &str) -> String {
    let start = text.find(table).unwrap_or_else(|| panic!("there is no table {table}"));
    let (before, rest) = text.split_at(start);
    let (rows, after) = rest.split_once("\n\n").map_or((rest.trim_end(), None), |(rows, after)| (rows, Some(after)));
    let mut lines = rows.lines();
    let head: Vec<&str> = lines.by_ref().take(2).collect();
    let first = format!("| {} |", row.split(" | ").next().unwrap());
    let row = format!("| {row} |");
    let mut body: Vec<&str> = lines.filter(|line| !line.starts_with(&first)).chain([row.as_str()]).collect();
    body.sort_unstable();
    let table = [head, body].concat().join("\n");
    match after {
        Some(after) => format!("{before}{table}\n\n{after}"),
        None => format!("{before}{table}\n"),
    }
}

/// Debian's numactl, with numars preloaded, on a machine with two memory tiers: node 2 is slower and has no CPUs.
#[test]
#[ignore = "boots a guest"]
fn numactl_accepts_names_of_nodes() {
    const OPTIONS: &[(&str, &str)] = &[
        ("--membind=tier:4", "membind: 0 1 \n"),
        ("--membind=tier:$slow", "membind: 2 \n"),
        ("--membind=fastest", "membind: 0 1 \n"),
        ("--membind=slowest", "membind: 2 \n"),
        ("--membind=memory-only", "membind: 2 \n"),
        ("--membind=cpus", "membind: 0 1 \n"),
        ("--membind=0,slowest", "membind: 0 2 \n"),
        ("--membind=!slowest", "membind: 0 1 \n"),
        ("--interleave=slowest", "interleavemask: 2 \n"),
        ("--preferred=slowest", "policy: preferred\npreferred node: 2\n"),
        ("--cpunodebind=cpus", "nodebind: 0 1 \n"),
        ("--membind=tier:5", "libnuma: Warning: Cannot find memory tier `5'\n"),
        ("--membind=dax:dax0.0", "libnuma: Warning: Cannot read node mask for dax device `dax0.0'\n"),
    ];
    let packages = Script::read("numactl").packages();
    let numactl = packages.program("numactl");
    let mut guest = vm();
    guest.args(["run", "--shape", "tiers", "--kernel", "6.12", "--env", &format!("LD_PRELOAD={NUMARS}")]);
    packages.add_libraries(&mut guest, &packages.libraries(&numactl));
    for (file, place) in [(numactl, "/usr/bin/numactl"), (stage().flavour().join("libnuma.so.1"), NUMARS)] {
        guest.arg("--add").arg(format!("{}:{place}", file.display()));
    }
    let mut script = String::from(
        "slow=$(grep -lx 2 /sys/devices/virtual/memory_tiering/memory_tier*/nodelist)\n\
         slow=${slow##*memory_tier} slow=${slow%/*}\n",
    );
    for (option, _) in OPTIONS {
        script += &format!("echo '== {option}'\nnumactl \"{option}\" numactl --show 2>&1\n");
    }
    script += "echo '== memory'\nnumactl --membind=slowest grep -m 1 heap /proc/self/numa_maps\n";
    let output = run(guest.args(["--", "sh", "-c", &script]));
    let shown = |name: &str| {
        let (_, after) = output.split_once(&format!("== {name}\n")).unwrap_or_else(|| panic!("no {name}:\n{output}"));
        after.split("== ").next().unwrap().to_owned()
    };
    for (option, line) in OPTIONS {
        assert!(shown(option).contains(line), "{option}: {line} is not in\n{}", shown(option));
    }
    let heap = shown("memory");
    assert!(heap.contains(" N2=") && !heap.contains(" N0=") && !heap.contains(" N1="), "{heap}");
}

#[test]
fn every_script_is_run_and_has_its_row() {
    let document = fs::read_to_string(root().join("docs/programs.md")).unwrap();
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: BTreeSet<String> = files.filter(|name| name != "run.sh").map(|name| name.replace(".sh", "")).collect();
    assert_eq!(names, SCRIPTS.iter().map(|&name| name.to_owned()).collect());
    for name in names {
        assert!(document.contains(&format!("\n| {name} | ")), "docs/programs.md has no row for {name}");
    }
}

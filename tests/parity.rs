//! numars returns what libnuma returns, call for call: the programs of tests-c/parity run in guests on both, and their
//! output must be the same, except for the cases that docs/differences.md names.
//!
//! These tests boot a guest for each shape, so they only run on request: `cd tests && cargo test --test parity --
//! --ignored`. Those of the module `thoroughly` rarely find more than the others: with `--skip thoroughly` and without
//! TEST_SECONDS in the environment, guests only run what the others need.
//!
//! With an architecture in NUMARS_TEST_ARCH, and the variables of `vm toolchain` and the library of `make cross` for it,
//! its own libnuma and numars are compared on its machine: `make cross-test`.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};
use std::thread;
use support::{expected_exports, root, run, stage, vm};

/// The newest libnuma available for the guest, and the one that most programs are built with; with their Debian suites.
const NEWEST: Reference = Reference { version: "2.0.19", suite: "trixie" };
const OLDER: Reference = Reference { version: "2.0.16", suite: "bookworm" };

const NUMARS: &str = "numars";

#[derive(Clone, Copy)]
struct Reference {
    version: &'static str,
    suite: &'static str,
}

/// A machine, and which memory nodes and CPUs its cpuset allows: two of each if possible, and not the first ones.
struct Shape {
    name: &'static str,
    nodes: &'static str,
    cpus: &'static str,
    /// Whether it is always compared in a cpuset too, with an old kernel, and with gaps between its nodes.
    wholly: bool,
}

const FOUR_NODES: Shape = Shape { name: "four-nodes", nodes: "1,3", cpus: "1,3", wholly: true };
const MEMORY_ONLY_NODE: Shape = Shape { name: "memory-only-node", nodes: "1-2", cpus: "1-2", wholly: false };
const NODE_WITHOUT_MEMORY: Shape = Shape { name: "node-without-memory", nodes: "1-2", cpus: "1,3", wholly: false };
const ONE_NODE: Shape = Shape { name: "one-node", nodes: "0", cpus: "1-2", wholly: false };
const SHAPES: [Shape; 4] = [FOUR_NODES, MEMORY_ONLY_NODE, NODE_WITHOUT_MEMORY, ONE_NODE];
/// The number of shapes that are always compared: the first ones.
const ALWAYS_COMPARED: usize = 2;

const MACHINE: &str = "machine";
const CPUSET: &str = "cpuset";
/// The machine with a simulated Linux 3.10: docs/kernels.md.
const OLD_KERNEL: &str = "old-kernel";
/// A machine with gaps between its node numbers: 0-2, 4, 6, 8 and 9.
const GAPS: &str = "gaps";
/// The machine, with cases that lose access to files after numa_available(): opening one kills the process, ...
const KILL: &str = "kill";
/// ... fails with EPERM, ...
const EPERM: &str = "eperm";
/// ... needs a descriptor that the process cannot get, or ...
const EMFILE: &str = "emfile";
/// ... finds nothing in an empty root directory.
const CHROOT: &str = "chroot";

/// Guests of other architectures than this machine's.
const OTHER_MACHINES: &str = "other-machines";

const ONLY_THOROUGHLY: &str = "is compared only if TEST_SECONDS is set (make test-long)";

/// Returns true if all shapes are compared in all environments.
fn thorough() -> bool {
    env::var_os("TEST_SECONDS").is_some()
}

fn shapes() -> &'static [Shape] {
    const ALL: &[Shape] = &SHAPES;
    if thorough() { ALL } else { &ALL[..ALWAYS_COMPARED] }
}

fn references() -> &'static [Reference] {
    if thorough() { &[NEWEST, OLDER] } else { &[NEWEST] }
}

/// The output of each case.
type Cases = BTreeMap<String, Vec<String>>;

/// By environment and library.
type Results = BTreeMap<(String, String), Cases>;

/// A case with different output.
struct Difference {
    id: &'static str,
    expected: &'static [String],
    found: &'static [String],
}

/// The architecture of the guests, if it is not this machine's.
fn architecture() -> Option<String> {
    env::var("NUMARS_TEST_ARCH").ok()
}

/// The directory for programs and the output of guests.
fn folder() -> PathBuf {
    root().join(architecture().map_or("target/parity".into(), |name| format!("target/cross/{name}/parity")))
}

/// The command for guests of the architecture.
fn vm_for_guests() -> Command {
    let mut command = vm();
    command.args(architecture().iter().flat_map(|name| ["--arch", name]));
    command
}

/// The directory of numars with the SONAME of libnuma.
fn flavour() -> PathBuf {
    match architecture() {
        Some(name) => root().join(format!("target/cross/{name}/stage/lib/numars")),
        None => stage().flavour(),
    }
}

/// Compiles the programs with libnuma's own headers.
fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let programs = folder().join("programs");
        fs::create_dir_all(&programs).unwrap();
        // Both access the library's variables: directly, and through copies of their own.
        const IN_PLACE: [&str; 2] = ["-fPIC", "-pie"];
        const COPIED: [&str; 2] = ["-fno-pic", "-no-pie"];
        compile(&programs.join("parity"), "programs/parity.c", &["cases/"], &IN_PLACE);
        compile(&programs.join("parity-copied"), "programs/parity.c", &["cases/"], &COPIED);
        compile(&programs.join("own-messages"), "programs/own_messages.c", &[], &IN_PLACE);
        compile(&programs.join("early"), "programs/early.c", &[], &IN_PLACE);
        compile(&programs.join("old-kernel"), "programs/old_kernel.c", &[], &IN_PLACE);
        programs
    })
}

fn compile(program: &Path, source: &str, folders: &[&str], kind: &[&str]) {
    let sources = root().join("tests-c/parity");
    let compiler = architecture().map_or("gcc".into(), |_| env::var("CC").expect("CC names a compiler"));
    let mut command = Command::new(compiler);
    command
        .current_dir(&sources)
        .args([
            "-std=gnu11",
            "-D_GNU_SOURCE",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Wno-for-loop-analysis",
            "-Werror",
            "-O1",
            "-g",
        ])
        .args(["-Iharness", "-Icases", "-fno-builtin-malloc"])
        .args(kind)
        .arg("-o")
        .args([program, Path::new(source)]);
    for folder in [&["harness/"], folders].concat() {
        let files = fs::read_dir(sources.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        command.args(files.filter(|file| file.extension().is_some_and(|extension| extension == "c")));
    }
    // A function that a library lacks makes the cases that call it fail, not the whole program.
    run(command.args(["-Wl,-z,lazy", "-lnuma"]));
}

impl Reference {
    /// Returns a directory with this libnuma and the C library of its Debian suite.
    fn folder(self) -> PathBuf {
        PathBuf::from(run(vm_for_guests().args(["reference", self.suite])).trim_end())
    }

    fn name(self) -> String {
        format!("libnuma-{}", self.version)
    }
}

/// The output of the guests of all shapes; `None` for one that failed. They run once, as many at a time as there are
/// processors: more would make each so slow that it seems to hang.
fn all_results() -> &'static BTreeMap<&'static str, Option<Results>> {
    static ALL: OnceLock<BTreeMap<&'static str, Option<Results>>> = OnceLock::new();
    ALL.get_or_init(|| {
        // From the end, so that the longest one is started first.
        let waiting = Mutex::new(shapes().iter().map(|shape| (shape.guest(), shape)).rev().collect::<Vec<_>>());
        let next = || waiting.lock().unwrap().pop();
        let results = Mutex::new(BTreeMap::new());
        let processors = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..processors {
                scope.spawn(|| {
                    while let Some((mut guest, shape)) = next() {
                        let run = panic::catch_unwind(AssertUnwindSafe(|| shape.run(&mut guest)));
                        results.lock().unwrap().insert(shape.name, run.ok());
                    }
                });
            }
        });
        results.into_inner().unwrap()
    })
}

impl Shape {
    fn environments(&self) -> &'static [&'static str] {
        match () {
            () if self.wholly && thorough() => &[MACHINE, OLD_KERNEL, GAPS, KILL, EPERM, EMFILE, CHROOT, CPUSET],
            () if self.wholly && architecture().is_some() => &[MACHINE, OLD_KERNEL, GAPS, KILL, CPUSET],
            () if self.wholly => &[MACHINE, GAPS, CPUSET],
            () if thorough() => &[MACHINE, CPUSET],
            () => &[MACHINE],
        }
    }

    fn run(&self, guest: &mut Command) -> Results {
        guest.arg("--").arg(root().join("tests-c/parity/run.sh"));
        for &environment in self.environments() {
            match environment {
                CPUSET => guest.arg(format!("{CPUSET}:{}:{}", self.nodes, self.cpus)),
                _ => guest.arg(environment),
            };
        }
        let output = run(guest);
        fs::write(folder().join(self.name), &output).unwrap();
        read_results(&output)
    }

    /// The guest with the programs and the three libraries, all on the same C library, the newest.
    fn guest(&self) -> Command {
        let mut guest = vm_for_guests();
        guest.args(["run", "--shape", self.name, "--c-library", NEWEST.suite, "--timeout", "1800"]);
        let mut add = |file: &Path, place: &str| {
            guest.arg("--add").arg(format!("{}:{place}", file.display()));
        };
        add(programs(), "/parity/programs");
        for &reference in references() {
            let place = format!("/parity/libraries/{}/libnuma.so.1", reference.name());
            add(&reference.folder().join("libnuma.so.1"), &place);
        }
        add(&flavour().join("libnuma.so.1"), &format!("/parity/libraries/{NUMARS}/libnuma.so.1"));
        guest
    }

    fn cases(&self, environment: &str, library: &str) -> &'static Cases {
        let results = all_results().get(self.name).unwrap_or_else(|| panic!("{} {ONLY_THOROUGHLY}", self.name));
        let results = results.as_ref().unwrap_or_else(|| panic!("the guest with the shape {} failed", self.name));
        let cases = results.get(&(environment.to_owned(), library.to_owned()));
        cases.unwrap_or_else(|| panic!("{environment} with {library} on {} {ONLY_THOROUGHLY}", self.name))
    }

    /// Returns the cases in which numars differs from libnuma. If the older libnuma differs from the newest one, a
    /// result of the newest is accepted as well.
    fn differences(&self, environment: &str, reference: Reference) -> Vec<Difference> {
        let numars = self.cases(environment, NUMARS);
        let libnuma = self.cases(environment, &reference.name());
        let newest = self.cases(environment, &NEWEST.name());
        let ids: BTreeSet<&'static String> = numars.keys().chain(libnuma.keys()).collect();
        let differing = ids.into_iter().filter(|&id| ![libnuma.get(id), newest.get(id)].contains(&numars.get(id)));
        differing
            .map(|id| Difference {
                id,
                expected: libnuma.get(id).map_or(&[], Vec::as_slice),
                found: numars.get(id).map_or(&[], Vec::as_slice),
            })
            .collect()
    }
}

/// Parses lines of `ID: text` between lines of `== ENVIRONMENT LIBRARY`, the last of which is `== end`.
fn read_results(output: &str) -> Results {
    let mut results = Results::new();
    for section in output.split("== ").skip(1) {
        let (title, lines) = section.split_once('\n').unwrap();
        let Some((environment, library)) = title.trim_end().split_once(' ') else { return results };
        let mut cases = Cases::new();
        for line in lines.lines() {
            let (id, text) = line.split_once(": ").unwrap_or_else(|| panic!("{environment}, {library}: {line:?}"));
            cases.entry(id.to_owned()).or_default().push(text.to_owned());
        }
        results.insert((environment.to_owned(), library.to_owned()), cases);
    }
    panic!("the guest's output is incomplete");
}

/// Cases that may differ, by their name, in which a star matches any text.
struct Excuse {
    /// Everywhere, or in guests of this shape, in this environment, in this environment in guests of this shape (`SHAPE
    /// ENVIRONMENT`), in every environment in which cases lose access to files (`without-files`), or in guests of other
    /// architectures (`other-machines`).
    place: Option<String>,
    pattern: String,
}

impl Excuse {
    fn covers(&self, shape: &Shape, environment: &str, id: &str) -> bool {
        let is_here = |place: &str| {
            place == "without-files" && [KILL, EPERM, EMFILE, CHROOT].contains(&environment)
                || place == shape.name
                || place == environment
                || place == OTHER_MACHINES && architecture().is_some()
                || place.split_once(' ') == Some((shape.name, environment))
        };
        self.place.as_deref().is_none_or(is_here) && matches(&self.pattern, id)
    }
}

/// Returns the cases that docs/differences.md names: in the rows of its tables, the names in backticks after `parity:`
/// or `parity in PLACE:`, where PLACE is a shape, an environment or both, separated by commas.
fn excuses() -> Vec<Excuse> {
    let document = fs::read_to_string(root().join("docs/differences.md")).unwrap();
    let mut excuses = Vec::new();
    for row in document.lines().filter(|line| line.starts_with('|')) {
        for list in row.split("parity").skip(1) {
            let Some((place, names)) = list.split_once(':') else { continue };
            let place = place.strip_prefix(" in ").map(str::to_owned);
            let mut rest = names.trim_start();
            while let Some((name, after)) = rest.strip_prefix('`').and_then(|name| name.split_once('`')) {
                excuses.push(Excuse { place: place.clone(), pattern: name.to_owned() });
                rest = after.trim_start_matches([',', ' ']);
            }
        }
    }
    excuses
}

/// Returns true if the pattern, in which a star matches any text, matches this case.
fn matches(pattern: &str, id: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == id,
        Some((start, rest)) => id.strip_prefix(start).is_some_and(|id| {
            let tails = id.char_indices().map(|(at, _)| &id[at..]).chain([""]);
            tails.into_iter().any(|tail| matches(rest, tail))
        }),
    }
}

/// Prints the lines that only one of them has, as diff does.
fn show(text: &mut String, difference: &Difference, theirs: &str) {
    writeln!(text, "{}", difference.id).unwrap();
    let lengths = difference.expected.len().max(difference.found.len());
    for line in 0..lengths {
        let (expected, found) = (difference.expected.get(line), difference.found.get(line));
        if expected == found {
            continue;
        }
        for (who, line) in [(theirs, expected), (NUMARS, found)] {
            writeln!(text, "    {who:15} {}", line.map_or("(nothing)", String::as_str)).unwrap();
        }
    }
}

fn compare(shape: &Shape, environment: &str, reference: Reference) {
    const SHOWN: usize = 40;
    let excuses = excuses();
    let mut differences = shape.differences(environment, reference);
    // No row of that document may excuse a call that ends the program. These open files: the first because it has to,
    // the second in the case itself, to print the policy, the others to look up names that libnuma rejects.
    const MAY_END: [&str; 8] = [
        "numa_node_to_cpu_update/*",
        "*/SIZE_MAX",
        "numa_parse_nodestring/\"netdev:*",
        "numa_parse_nodestring*/\"tier:*",
        "numa_parse_nodestring*/\"fastest\"",
        "numa_parse_nodestring*/\"slowest\"",
        "numa_parse_nodestring*/\"dax:*",
        "numa_parse_nodestring*/\"drm:*",
    ];
    let ended = |difference: &&Difference| difference.found.iter().any(|line| line.starts_with("killed by"));
    let mut ends: Vec<&str> = differences.iter().filter(ended).map(|difference| difference.id).collect();
    ends.retain(|id| environment != KILL || !MAY_END.iter().any(|pattern| matches(pattern, id)));
    assert!(ends.is_empty(), "these cases end the program with numars, but not with libnuma: {ends:#?}");
    differences.retain(|difference| !excuses.iter().any(|excuse| excuse.covers(shape, environment, difference.id)));
    let mut text = String::new();
    for difference in differences.iter().take(SHOWN) {
        show(&mut text, difference, &reference.name());
    }
    let count = differences.len();
    assert!(
        count == 0,
        "{count} cases differ, here are up to {SHOWN}; all are in {}\n{text}",
        folder().join(shape.name).display()
    );
    assert!(shape.cases(environment, NUMARS).len() > 1500, "most cases are missing");
}

macro_rules! comparisons {
    ($($name:ident: $shape:ident, $environment:ident, $reference:ident;)*) => {$(
        #[test]
        #[ignore = "boots guests"]
        fn $name() {
            compare(&$shape, $environment, $reference);
        }
    )*};
}

comparisons! {
    four_nodes_look_as_to_libnuma_2_0_19: FOUR_NODES, MACHINE, NEWEST;
    two_of_four_nodes_look_as_to_libnuma_2_0_19: FOUR_NODES, CPUSET, NEWEST;
    an_old_kernel_looks_as_to_libnuma_2_0_19: FOUR_NODES, OLD_KERNEL, NEWEST;
    nodes_with_gaps_look_as_to_libnuma_2_0_19: FOUR_NODES, GAPS, NEWEST;
    files_that_may_not_be_opened_on_pain_of_death_are_missed_as_by_libnuma_2_0_19: FOUR_NODES, KILL, NEWEST;
    a_memory_only_node_looks_as_to_libnuma_2_0_19: MEMORY_ONLY_NODE, MACHINE, NEWEST;
}

mod thoroughly {
    use super::*;

    comparisons! {
        four_nodes_look_as_to_libnuma_2_0_16: FOUR_NODES, MACHINE, OLDER;
        two_of_four_nodes_look_as_to_libnuma_2_0_16: FOUR_NODES, CPUSET, OLDER;
        an_old_kernel_looks_as_to_libnuma_2_0_16: FOUR_NODES, OLD_KERNEL, OLDER;
        nodes_with_gaps_look_as_to_libnuma_2_0_16: FOUR_NODES, GAPS, OLDER;
        files_that_may_not_be_opened_on_pain_of_death_are_missed_as_by_libnuma_2_0_16: FOUR_NODES, KILL, OLDER;
        files_that_may_not_be_opened_are_missed_as_by_libnuma_2_0_19: FOUR_NODES, EPERM, NEWEST;
        files_that_may_not_be_opened_are_missed_as_by_libnuma_2_0_16: FOUR_NODES, EPERM, OLDER;
        files_are_missed_without_descriptors_as_by_libnuma_2_0_19: FOUR_NODES, EMFILE, NEWEST;
        files_are_missed_without_descriptors_as_by_libnuma_2_0_16: FOUR_NODES, EMFILE, OLDER;
        files_are_missed_in_a_chroot_as_by_libnuma_2_0_19: FOUR_NODES, CHROOT, NEWEST;
        files_are_missed_in_a_chroot_as_by_libnuma_2_0_16: FOUR_NODES, CHROOT, OLDER;
        a_memory_only_node_looks_as_to_libnuma_2_0_16: MEMORY_ONLY_NODE, MACHINE, OLDER;
        a_memory_only_node_in_a_cpuset_looks_as_to_libnuma_2_0_19: MEMORY_ONLY_NODE, CPUSET, NEWEST;
        a_memory_only_node_in_a_cpuset_looks_as_to_libnuma_2_0_16: MEMORY_ONLY_NODE, CPUSET, OLDER;
        a_node_without_memory_looks_as_to_libnuma_2_0_19: NODE_WITHOUT_MEMORY, MACHINE, NEWEST;
        a_node_without_memory_looks_as_to_libnuma_2_0_16: NODE_WITHOUT_MEMORY, MACHINE, OLDER;
        a_node_without_memory_beside_a_cpuset_looks_as_to_libnuma_2_0_19: NODE_WITHOUT_MEMORY, CPUSET, NEWEST;
        a_node_without_memory_beside_a_cpuset_looks_as_to_libnuma_2_0_16: NODE_WITHOUT_MEMORY, CPUSET, OLDER;
        one_node_looks_as_to_libnuma_2_0_19: ONE_NODE, MACHINE, NEWEST;
        one_node_looks_as_to_libnuma_2_0_16: ONE_NODE, MACHINE, OLDER;
        two_cpus_of_one_node_look_as_to_libnuma_2_0_19: ONE_NODE, CPUSET, NEWEST;
        two_cpus_of_one_node_look_as_to_libnuma_2_0_16: ONE_NODE, CPUSET, OLDER;
    }

    #[test]
    #[ignore = "boots guests"]
    fn every_case_that_differences_md_names_differs_somewhere() {
        let mut stale = excuses();
        stale.retain(|excuse| architecture().is_some() || excuse.place.as_deref() != Some(OTHER_MACHINES));
        for shape in SHAPES {
            for environment in shape.environments() {
                for &reference in references() {
                    let differences = shape.differences(environment, reference);
                    stale.retain(|excuse| {
                        !differences.iter().any(|difference| excuse.covers(&shape, environment, difference.id))
                    });
                }
            }
        }
        let stale: Vec<&str> = stale.iter().map(|excuse| excuse.pattern.as_str()).collect();
        assert!(stale.is_empty(), "these cases are the same everywhere, or do not exist: {stale:#?}");
    }
}

#[test]
#[ignore = "boots guests"]
fn calls_before_main_and_inside_malloc_return_the_same_as_those_from_main() {
    for shape in shapes() {
        for environment in shape.environments().iter().filter(|&&name| name == MACHINE || name == CPUSET) {
            let cases = shape.cases(environment, NUMARS);
            let from_main: Vec<_> =
                cases.iter().filter_map(|(id, lines)| Some((id.strip_prefix("in-main/")?, lines))).collect();
            assert!(from_main.len() > 5);
            for (id, lines) in from_main {
                for time in ["before-constructors", "in-constructor", "in-malloc"] {
                    // Variables cannot have their values before the library has had a chance to set them.
                    if (time, id) == ("before-constructors", "data") {
                        continue;
                    }
                    let result = cases.get(&format!("{time}/{id}"));
                    assert_eq!(result, Some(lines), "{}, {environment}: {time}/{id}", shape.name);
                }
            }
        }
    }
}

#[test]
#[ignore = "boots guests"]
fn every_symbol_of_libnuma_has_cases() {
    // No libnuma in Debian has these.
    const NEWER: [&str; 6] = [
        "numa_alloc_weighted_interleaved",
        "numa_alloc_weighted_interleaved_subset",
        "numa_fail_alloc_on_error",
        "numa_get_weighted_interleave_mask",
        "numa_preferred_err",
        "numa_weighted_interleave_memory",
    ];
    let cases = FOUR_NODES.cases(MACHINE, &NEWEST.name());
    for export in expected_exports() {
        if !export.version.starts_with("libnuma_") || NEWER.contains(&export.name.as_str()) {
            continue;
        }
        let id = match export.object_size {
            Some(_) => format!("data/{}", export.name),
            None if export.default => export.name.clone(),
            None => format!("{}@{}", export.name, export.version),
        };
        let has_cases = cases.keys().any(|case| *case == id || case.starts_with(&format!("{id}/")));
        assert!(has_cases, "no case of {} in {}", export.name, export.version);
    }
}

#[test]
fn a_star_matches_any_text() {
    for (pattern, id, expected) in [
        ("numa_warn/*", "numa_warn/exit", true),
        ("numa_warn/*", "numa_warn", false),
        ("*/NULL", "numa_bind/NULL", true),
        ("numa_*_mask/*:none", "numa_run_on_node_mask/64-bits:none", true),
        ("numa_*_mask/*:none", "numa_run_on_node_mask/64-bits:none,1", false),
        ("numa_available", "numa_available/bound", false),
    ] {
        assert_eq!(matches(pattern, id), expected, "{pattern} {id}");
    }
}

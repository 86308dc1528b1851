//! The command `numars` as a user meets it, on machines of each kind: in guests, where its output is also compared with
//! that of numactl and numastat, and on captured machines.
//!
//! They use the debug build of the command, `target/cli/debug/numars`, which `cargo test` of crates/numars-cli builds.
//! Those that boot a guest only run on request: `cd tests && cargo test --test command -- --ignored`.
//!
//! Expected output is in `snapshots`. After a change that is intended: `INSTA_UPDATE=always cargo test --test command --
//! --include-ignored --skip databases`.

use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use support::{Packages, archives, compile_file, root, run, unpack, vm};

/// The kernel of the guests.
const KERNEL: &str = "6.12";

/// A user without privileges.
const USER: &str = "65534";

/// The range of addresses in which tests/programs/holds_memory.c has memory.
const HELD: &str = "--range 100000000-900000000";

/// What differs from run to run, or between kernels, and what stands for it in a snapshot.
const FILTERS: &[(&str, &str)] = &[
    // nodes: memory, and how much of it is free and used.
    (r"(?m)^(\d+ nodes?, \d+ CPUs?, )[\d.]+ [KMG]iB", "${1}[size]"),
    (r"(?m)^( +\d+  \S+ +)[\d.]+ [KMG]iB +[\d.]+ [KMG]iB  [#.█▉▊▋▌▍▎▏░]+", "${1}[size] [free] [used]"),
    (r"(?m)^node( +)memory +free  used +", "node${1}memory free used "),
    // ps, map, move: the process, how long something took, and what its libraries need.
    (r"process \d+", "process [pid]"),
    (r"of \d+ \(holds_memory\)", "of [pid] (holds_memory)"),
    (r"(?m)^\d+ holds_memory", "[pid] holds_memory"),
    (r"in\s+[\d.]+\s+[µm]?s(?:,\s+[\d.]+\s+\S+,\s+longest\s+pause\s+[\d.]+\s+[µm]?s)?", "in [time]"),
    (r"[\d.]+ [KMG]iB free", "[size] free"),
    (r"(?m)^memory     .*", "memory     [size]"),
    (r"default \([^)]*\)", "default ([size])"),
    // doctor: this guest's kernel and memory.
    (r"(?m)^(\w+ +version +)\d.*\n(?: {10,}.*\n)*", "${1}[version]\n"),
    (r"(free_memory +)[\d.]+ [KMG]iB", "${1}[size]"),
];

/// Returns the program, which must have been built.
fn numars() -> PathBuf {
    let program = root().join("target/cli/debug/numars");
    assert!(
        program.is_file(),
        "There is no target/cli/debug/numars: cd crates/numars-cli && cargo test --target-dir ../../target/cli"
    );
    program
}

/// The C programs that the guests need, in a directory that exists as long as this process.
fn helpers() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        for name in ["holds_memory", "restricted"] {
            compile_file(folder.path(), &format!("tests/programs/{name}"), &[]);
        }
        folder
    });
    folder.path()
}

/// The packages of the programs that the guests need.
fn packages() -> Packages {
    Packages::fetch(&["numactl", "util-linux"])
}

/// What a program has printed, and its exit status.
#[derive(Default, Debug)]
struct Seen {
    out: String,
    err: String,
    status: i32,
}

impl Seen {
    /// Checks what is the same for all commands: no panic, errors of one line with a hint, lines that fit, JSON that
    /// matches its schema.
    fn check(&self, command: &str) {
        let Seen { out, err, status } = self;
        assert!(!err.contains("panicked") && (0..=127).contains(status), "{command}: {self:?}");
        if !command.contains("numars ") && !command.starts_with("own ") || command.contains(" -- ") && err.is_empty() {
            return;
        }
        // A move that takes long says how far it is.
        let is_failure = !err.is_empty() && (*status > 1 || !err.starts_with("process "));
        if is_failure {
            assert!(err.starts_with("numars: ") && err.ends_with(")\n"), "{command}: {err}");
            assert_eq!((err.lines().count(), out.as_str()), (1, ""), "{command}: {err}");
            assert!([2, 3, 125].contains(status), "{command}: {status}");
        } else if command.contains("--json") {
            self.json();
        } else {
            let too_long = out.lines().find(|line| line.chars().count() > 80);
            assert!(too_long.is_none(), "{command}: {too_long:?}");
            assert!(!command.contains("--ascii") || out.is_ascii(), "{command}: {out}");
        }
    }

    /// Returns what was printed as JSON, which must match the schema that it names.
    fn json(&self) -> Value {
        let report: Value = serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        let name = report["schema"].as_str().unwrap().replace('/', "-");
        let file = root().join(format!("docs/schema/{name}.json"));
        let schema = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}: {report:#}");
        report
    }
}

/// A guest and what it is to run.
struct Guest {
    command: Command,
    script: String,
}

/// Functions of the script.
const FUNCTIONS: &str = r#"
export COLUMNS=80 LC_ALL=C.UTF-8
# seen NAME COMMAND…: prints the output of a command and its exit status.
seen() {
    name=$1
    shift
    "$@" >/tmp/out 2>/tmp/err </dev/null
    status=$?
    printf "\036== %s\n" "$name"
    cat /tmp/out
    printf '\n-- stderr\n'
    cat /tmp/err
    printf '\n-- status %s\n' $status
}
# hold COMMAND…: starts a process that holds memory, and sets pid.
hold() {
    : >/tmp/ready
    "$@" >/tmp/ready 2>&1 </dev/null &
    pid=$!
    until grep -q ready /tmp/ready; do usleep 20000; done
}
"#;

impl Guest {
    /// Returns a guest of this shape, with the command and these programs of packages, which are at the same paths as
    /// in the packages, and other files of those.
    fn new(shape: &str, packages: &Packages, programs: &[&str], others: &[&str]) -> Guest {
        let mut command = vm();
        command.args(["run", "--kernel", KERNEL, "--shape", shape, "--timeout", "900"]);
        let mut files = vec![numars(), helpers().join("holds_memory"), helpers().join("restricted")];
        for file in &files {
            let name = file.file_name().unwrap().to_str().unwrap();
            command.arg("--add").arg(format!("{}:/usr/bin/{name}", file.display()));
        }
        for path in programs.iter().chain(others) {
            command.arg("--add").arg(format!("{}:/{path}", packages.root.join(path).display()));
        }
        files.extend(programs.iter().map(|path| packages.root.join(path)));
        let libraries = files.iter().flat_map(|file| packages.libraries(file)).collect();
        packages.add_libraries(&mut command, &libraries);
        Guest { command, script: FUNCTIONS.to_owned() }
    }

    /// Adds a line to the script.
    fn line(&mut self, line: &str) -> &mut Guest {
        writeln!(self.script, "{line}").unwrap();
        self
    }

    /// Adds a command, whose own text is its name.
    fn see(&mut self, command: &str) -> &mut Guest {
        self.line(&format!("seen '{command}' {command}"))
    }

    /// Runs the script. What each command has printed is checked for what is the same for all.
    fn run(mut self) -> Run {
        self.line(r"printf '\036== end\n'");
        let run = Run::parse(&run(self.command.args(["--", "sh", "-c", &self.script])));
        for (command, seen) in &run.0 {
            seen.check(command);
        }
        run
    }
}

/// What was seen in a guest.
struct Run(BTreeMap<String, Seen>);

impl Run {
    fn parse(output: &str) -> Run {
        let mut all = BTreeMap::new();
        for part in output.split("\x1e== ").skip(1) {
            let (name, text) = part.split_once('\n').unwrap_or((part, ""));
            if name == "end" {
                return Run(all);
            }
            let (out, text) = text.split_once("\n-- stderr\n").unwrap_or_else(|| panic!("{part}"));
            let (err, status) = text.split_once("\n-- status ").unwrap_or_else(|| panic!("{part}"));
            let status = status.trim().parse().unwrap_or_else(|_| panic!("{part}"));
            let seen = Seen { out: out.to_owned(), err: err.to_owned(), status };
            assert!(all.insert(name.to_owned(), seen).is_none(), "there are two: {name}");
        }
        panic!("the guest's output is incomplete:\n{output}");
    }

    /// Returns what a command has printed.
    fn of(&self, command: &str) -> &Seen {
        self.0.get(command).unwrap_or_else(|| panic!("{command} was not run"))
    }

    /// Compares these commands, what they print and their exit statuses with the snapshot of this name.
    fn assert_snapshot(&self, name: &str, commands: &[&str]) {
        let mut transcript = String::new();
        for command in commands {
            let Seen { out, err, status } = self.of(command);
            let err = if *status <= 1 { "" } else { err };
            // Pages of a library are on the node of the process that first read its file.
            let out = if command.contains("numars ps") { out.split("\n node ").next().unwrap() } else { out };
            writeln!(transcript, "$ {command}\n{out}{err}[status {status}]\n").unwrap();
        }
        snapshot(name, &transcript);
    }

    /// Compares `numars nodes` with what numactl says about the machine.
    fn assert_nodes_are_those_of_numactl(&self) {
        let (ours, theirs) = (self.of("numars nodes --json").json(), &self.of("numactl -H").out);
        let (_, distances) = theirs.split_once("node distances:").unwrap();
        let mut distances = distances.lines().filter_map(|line| line.split_once(':'));
        let nodes = ours["nodes"].as_array().unwrap();
        assert!(theirs.starts_with(&format!("available: {} nodes ", nodes.len())), "{theirs}");
        for (node, row) in nodes.iter().zip(ours["distances"].as_array().unwrap()) {
            let number = &node["node"];
            let line = |what: &str| {
                let start = format!("node {number} {what}:");
                let line = theirs.lines().find_map(|line| line.strip_prefix(&start));
                line.unwrap_or_else(|| panic!("no {start} in {theirs}")).trim().to_owned()
            };
            let cpus = line("cpus").replace(' ', ",");
            assert_eq!(members(node["cpus"].as_str().unwrap()), members(&cpus), "node {number}");
            let mebibytes = |line: String| line.trim_end_matches(" MB").parse::<u64>().unwrap();
            let bytes = |field: &str| node[field].as_u64().unwrap_or(0) >> 20;
            assert_eq!(bytes("memory_bytes"), mebibytes(line("size")), "node {number}");
            let (free, other) = (bytes("free_bytes"), mebibytes(line("free")));
            assert!(free.abs_diff(other) <= 16, "node {number}: {free} MiB free, numactl: {other} MiB");
            let (from, theirs) = distances.next().unwrap();
            assert_eq!(from.trim(), number.to_string());
            let ours: Vec<String> = row.as_array().unwrap().iter().map(Value::to_string).collect();
            assert_eq!(ours, theirs.split_whitespace().collect::<Vec<_>>(), "from node {number}");
        }
    }

    /// Compares `numars ps` and `numars map` with what numastat says about the same process.
    fn assert_memory_is_that_of_numastat(&self) {
        let theirs = &self.of("numastat -p $pid").out;
        let last = |start: &str| theirs.lines().rfind(|line| line.trim_start().starts_with(start)).unwrap();
        let nodes = last("Node ").split_whitespace().filter_map(|word| word.parse::<u64>().ok());
        let total = last("Total").split_whitespace().skip(1).map(|word| word.parse::<f64>().unwrap());
        let ps = self.of("numars ps $pid --json").json();
        let map = self.of("numars map $pid --json").json();
        let mut seen = 0.0;
        for (node, mebibytes) in nodes.zip(total) {
            for (what, list) in [("ps", &ps["processes"][0]["nodes"]), ("map", &map["nodes"])] {
                let entry = list.as_array().unwrap().iter().find(|entry| entry["node"] == node);
                let bytes = entry.and_then(|entry| entry["total_bytes"].as_u64().or(entry["bytes"].as_u64()));
                let ours = bytes.unwrap_or(0) as f64 / f64::from(1 << 20);
                // /proc/PID/numa_maps does not have the pages of the vdso.
                assert!((ours - mebibytes).abs() <= 0.04, "{what}, node {node}: {ours} MiB, numastat: {mebibytes}");
            }
            seen += mebibytes;
        }
        assert!(seen >= 8.0, "{theirs}");
    }
}

/// Compares a text with the snapshot of this name.
fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_filters(FILTERS.to_vec());
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// The same for what does not differ from run to run.
fn exact_snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Returns the members of a list such as `0-2,5`.
fn members(list: &str) -> Vec<u32> {
    let ranges = list.split(',').filter(|range| !range.is_empty());
    let bounds = ranges.map(|range| range.split_once('-').unwrap_or((range, range)));
    bounds.flat_map(|(first, last)| first.parse().unwrap()..=last.parse().unwrap()).collect()
}

/// What is run on each machine before a process with memory is there, and is the same each time.
const OF_THE_MACHINE: &[&str] = &[
    "numars nodes",
    "numars nodes --ascii",
    "numars doctor",
    "numars run --show",
    "numars run -m 0 -N 0 --show",
    "numars run -i all -C 0 --show",
    "numars run -m 9 true",
    "numars move 1 --to 9",
];

/// The same for that process.
const OF_THE_PROCESS: &[&str] = &["numars ps $pid", "numars map $pid --policy"];

/// Checks every command in a guest of this shape, in which a process has this memory, and moves it with these options.
fn check(shape: &str, held: &str, moves: &[&str], more: impl Fn(&mut Guest), then: impl Fn(&Run)) {
    let packages = packages();
    let mut guest = Guest::new(shape, &packages, &["usr/bin/numactl", "usr/bin/numastat"], &[]);
    for command in OF_THE_MACHINE {
        guest.see(command);
    }
    for command in ["numars nodes --json", "numactl -H", "numars doctor --json", "numars run --show --json"] {
        guest.see(command);
    }
    for options in ["-m 0", "-i 0 -N 0", "-p 0 -C 0"] {
        guest.see(&format!("numars run {options} -- numactl --show"));
        guest.see(&format!("numactl {options} numactl --show"));
    }
    guest.line(&format!("hold holds_memory {held}"));
    let held = [OF_THE_PROCESS[0].to_owned(), format!("{} {HELD}", OF_THE_PROCESS[1])];
    for command in &held {
        guest.see(command);
    }
    guest.see("numars ps $pid --json").see("numars map $pid --json").see("numastat -p $pid");
    let mut moved = Vec::new();
    for options in moves {
        let command = format!("numars move $pid {HELD} {options}");
        for more in [" --dry-run", " --dry-run --json", "", " --json"] {
            guest.see(&format!("{command}{more}"));
        }
        moved.extend([format!("{command} --dry-run"), command]);
    }
    guest.see("numars measure --quick --runs 1 --size 1M --nodes 0 --cpu-nodes 0 --json");
    guest.see("numars top --once --interval 100ms");
    guest.see("numars top --count 1 --interval 100ms --json");
    more(&mut guest);
    let run = guest.run();
    let moved: Vec<&str> = moved.iter().map(String::as_str).collect();
    let held = held.iter().map(String::as_str).collect::<Vec<_>>();
    run.assert_snapshot(shape, &[OF_THE_MACHINE, &held, &moved].concat());
    run.assert_nodes_are_those_of_numactl();
    run.assert_memory_is_that_of_numastat();
    for options in ["-m 0", "-i 0 -N 0", "-p 0 -C 0"] {
        let ours = run.of(&format!("numars run {options} -- numactl --show"));
        assert_eq!(ours.out, run.of(&format!("numactl {options} numactl --show")).out, "{options}");
        assert!(ours.out.contains("policy: "), "{ours:?}");
    }
    for command in &moved {
        // Nothing is in the way of moving again what has been moved.
        if !command.contains("--dry-run") && run.of(command).status == 0 {
            let again = run.of(&format!("{command} --json")).json();
            assert_eq!(again["processes"][0]["moved"]["pages"]["moved"], 0, "{again:#}");
        }
    }
    then(&run);
}

#[test]
#[ignore = "boots a guest"]
fn on_four_nodes() {
    /// A move of every fourth page.
    const SCATTERED: &str = "numars move $pid --range 100000000-900000000 --from 1 --to 2 --json";
    const FOR_USERS: [&str; 3] = ["ps $pid", "map $pid", "move $pid --to 1"];
    /// The exit status of each command where a container forbids the calls.
    const FILTERED: [(&str, i32); 13] = [
        ("nodes", 0),
        ("ps", 0),
        ("ps $pid", 0),
        ("map $pid", 3),
        ("move $pid --to 0", 3),
        ("move $pid --to 0 --dry-run", 3),
        ("run -m 0 -- true", 125),
        ("run -N 0 -- true", 0),
        ("run --show", 0),
        ("check numactl", 0),
        ("doctor", 1),
        ("measure --quick", 3),
        ("top --once --interval 100ms", 0),
    ];
    let as_user = |command: &str| format!("restricted --user {USER} numars {command}");
    let filtered = |command: &str| format!("restricted --user {USER} --filter numars {command}");
    let more = |guest: &mut Guest| {
        guest.see("numars check numactl").see("numars check numactl --json");
        guest.line(&format!("numars move $pid {HELD} --to 0-3 --interleave -q")).see(SCATTERED);
        for command in FOR_USERS {
            guest.see(&as_user(command));
        }
        guest.line("others=$pid").line(&format!("hold restricted --user {USER} holds_memory 0:4 1:4"));
        for command in FOR_USERS {
            guest.line(&format!("seen 'own {command}' {}", as_user(command)));
        }
        for (command, _) in FILTERED {
            guest.see(&filtered(command));
        }
    };
    check(
        "four-nodes",
        "0:4 1:8",
        &["--to 1", "--to 0-3 --interleave", "--from 2 --to 0", "--to 3 --pack"],
        more,
        |run| {
            let moved = &run.of(SCATTERED).json()["processes"][0]["moved"];
            assert_eq!((&moved["pages"]["moved"], &moved["pages"]["in_place"]), (&768.into(), &0.into()), "{moved:#}");
            assert!(moved["kernel_calls"].as_u64() < Some(100), "{moved:#}");
            let refused = FOR_USERS.map(as_user);
            run.assert_snapshot("of-another-user", &refused.each_ref().map(String::as_str));
            assert!(refused.iter().all(|command| run.of(command).status == 3));
            for command in &FOR_USERS[..2] {
                assert_eq!(run.of(&format!("own {command}")).status, 0, "{command}");
            }
            // What stays are pages of libraries, which other processes map too.
            let moved = run.of("own move $pid --to 1");
            assert!(moved.status <= 1 && moved.out.contains("\nmoved "), "{moved:?}");
            assert!(moved.status == 0 || moved.out.contains("\nshared "), "{moved:?}");
            let commands = FILTERED.map(|(command, _)| filtered(command));
            for (command, (_, status)) in commands.iter().zip(FILTERED) {
                assert_eq!(run.of(command).status, status, "{command}: {:?}", run.of(command));
            }
            let failed = commands.iter().filter(|command| [3, 125].contains(&run.of(command).status));
            run.assert_snapshot("filtered", &failed.map(String::as_str).collect::<Vec<_>>());
            assert!(
                run.of("numars check numactl").out.contains("numars has all "),
                "{:?}",
                run.of("numars check numactl")
            );
        },
    );
}

#[test]
#[ignore = "boots a guest"]
fn on_tiers() {
    check(
        "tiers",
        "0:4 1:4",
        &["--to slowest", "--to fastest", "--to all --balance"],
        |_| {},
        |run| {
            let nodes = run.of("numars nodes --json").json();
            let tiers: Vec<&Value> = nodes["nodes"].as_array().unwrap().iter().map(|node| &node["tier"]).collect();
            assert!(tiers[0] == tiers[1] && tiers[2].as_u64() > tiers[0].as_u64(), "{tiers:?}");
        },
    );
}

#[test]
#[ignore = "boots a guest"]
fn on_a_machine_with_a_node_without_memory() {
    check(
        "node-without-memory",
        "0:4 1:4",
        &["--to 2", "--to 3", "--to all --interleave"],
        |_| {},
        |run| {
            assert_ne!(run.of(&format!("numars move $pid {HELD} --to 3")).status, 0);
        },
    );
}

#[test]
#[ignore = "boots a guest"]
fn on_one_node() {
    check("one-node", "0:8", &["--to 0", "--to 1"], |_| {}, |_| {});
}

/// What the tests of crates/numars-cli leave out on a machine with one node: moves, their progress on a terminal, and signals that end them.
#[test]
#[ignore = "boots a guest"]
fn the_commands_own_tests_pass_on_four_nodes() {
    const TESTS: [&str; 3] = ["map", "move", "ps"];
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root().join("crates/numars-cli")).args(["test", "--locked", "--no-run", "--message-format=json"]);
    cargo.arg("--target-dir").arg(root().join("target/cli")).args(TESTS.map(|name| format!("--test={name}")));
    let messages = run(&mut cargo);
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let executables: BTreeMap<String, String> = messages
        .filter(|message| message["profile"]["test"] == true)
        .filter_map(|message| {
            Some((message["target"]["name"].as_str()?.to_owned(), message["executable"].as_str()?.to_owned()))
        })
        .collect();

    let mut guest = Guest::new("four-nodes", &packages(), &[], &[]);
    // They start the command, and read schemas, by paths of the build, which lead through the directory of the sources. That may be below
    // /tmp, to which nothing can be added.
    let root = root().display();
    guest.command.arg("--add").arg(format!("{root}/docs/schema:/schema"));
    guest.line(&format!("mkdir -p {root}/crates/numars-cli {root}/target/cli/debug {root}/docs"));
    guest.line(&format!("ln -s /usr/bin/numars {root}/target/cli/debug/numars; ln -s /schema {root}/docs/schema"));
    for name in TESTS {
        guest.command.arg("--add").arg(format!("{}:/tests/{name}", executables[name]));
        guest.see(&format!("/tests/{name} --test-threads=2"));
    }
    let run = guest.run();
    for name in TESTS {
        let Seen { out, err, status } = run.of(&format!("/tests/{name} --test-threads=2"));
        assert!(*status == 0 && out.contains("test result: ok. "), "{out}{err}");
    }
}

// --- captured machines ---

/// Runs `numars nodes`, which must succeed, as on a terminal of 80 columns.
fn nodes(root: &Path, arguments: &[impl AsRef<OsStr>]) -> Seen {
    let mut command = Command::new(numars());
    command.env("COLUMNS", "80").env("LC_ALL", "C.UTF-8").args(["nodes", "--root"]).arg(root).args(arguments);
    Seen { out: run(&mut command), ..Seen::default() }
}

/// Returns what `numars nodes` shows of a machine: as text, in ASCII, and as JSON in a line for each node.
fn shown(root: &Path) -> (String, String, Value) {
    let (text, ascii, json) = (nodes(root, &[""; 0]), nodes(root, &["--ascii"]), nodes(root, &["--json"]));
    text.check("numars nodes");
    ascii.check("numars nodes --ascii");
    (text.out, ascii.out, json.json())
}

/// Returns the picture of a machine, in which each node and each distance must be.
fn picture(root: &Path, report: &Value) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("machine.svg");
    nodes(root, &[OsStr::new("--quiet"), "--svg".as_ref(), file.as_ref()]);
    let picture = fs::read_to_string(file).unwrap();
    let numbers: Vec<&Value> = report["nodes"].as_array().unwrap().iter().map(|node| &node["node"]).collect();
    for (from, row) in numbers.iter().zip(report["distances"].as_array().unwrap()) {
        let label = format!("node {from}");
        let is_label = |line: &str| {
            line.strip_prefix(&label).is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
        };
        assert!(picture.lines().any(is_label), "{label} is not in the picture");
        for (to, distance) in numbers.iter().zip(row.as_array().unwrap()).filter(|(_, distance)| !distance.is_null()) {
            let field = format!("from node {from} to node {to}: {distance}");
            assert!(numbers.len() == 1 || picture.contains(&field), "{field} is not in the picture");
        }
    }
    picture
}

#[test]
fn captured_machines_are_shown_as_before() {
    for archive in archives() {
        let folder = tempfile::tempdir().unwrap();
        let root = unpack(&archive, folder.path());
        let name = archive.file_name().unwrap().to_str().unwrap().trim_end_matches(".tar.bz2").replace('+', "-");
        let (text, ascii, report) = shown(&root);
        let mut all = format!("{text}\n{ascii}\n");
        for line in [&report["nodes"], &report["distances"]].into_iter().flat_map(|list| list.as_array().unwrap()) {
            writeln!(all, "{line}").unwrap();
        }
        exact_snapshot(&format!("captured-{name}"), &all);
        let picture = picture(&root, &report);
        if report["nodes"].as_array().unwrap().len() <= 4 {
            exact_snapshot(&format!("picture-{name}"), &picture);
        }
    }
}

#[test]
fn a_thousand_nodes_are_shown_as_before() {
    const NODES: usize = 1024;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join("sys/devices/system").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    for file in ["node/online", "node/possible", "node/has_memory", "cpu/online", "cpu/possible"] {
        write(file, &format!("0-{}\n", NODES - 1));
    }
    for node in 0..NODES {
        let word = |word: usize| format!("{:08x}", if node / 32 == word { 1u32 << (node % 32) } else { 0 });
        let map: Vec<String> = (0..NODES / 32).rev().map(word).collect();
        let distance = |to: usize| ["30 ", "12 ", "10 "][usize::from(to / 8 == node / 8) + usize::from(to == node)];
        write(&format!("node/node{node}/cpulist"), &format!("{node}\n"));
        write(&format!("node/node{node}/cpumap"), &format!("{}\n", map.join(",")));
        write(&format!("node/node{node}/distance"), &format!("{}\n", (0..NODES).map(distance).collect::<String>()));
        let memory = format!("Node {node} MemTotal: 1048576 kB\nNode {node} MemFree: 524288 kB\n");
        write(&format!("node/node{node}/meminfo"), &memory);
    }
    let (text, ascii, report) = shown(folder.path());
    assert_eq!(report["nodes"].as_array().unwrap().len(), NODES);
    let mut parts = String::new();
    for text in [text, ascii] {
        let lines: Vec<&str> = text.lines().collect();
        let (nodes, matrix) = lines.split_at(lines.iter().position(|line| line.starts_with("distance")).unwrap());
        for lines in [&nodes[..6], &nodes[nodes.len() - 4..], &matrix[..6], &matrix[matrix.len() - 4..]] {
            writeln!(parts, "{}\n…", lines.join("\n")).unwrap();
        }
        writeln!(parts, "{} lines\n", lines.len()).unwrap();
    }
    exact_snapshot("a-thousand-nodes", &parts);
}

/// `numars move` on a database while a client writes: `make test-long`.
mod databases {
    use super::*;

    /// How long the database is moved to and fro, in seconds.
    const SECONDS: u32 = 20;

    /// Moves processes to and fro while rows are inserted, and checks the rows. `start` defines the shell functions
    /// `begin`, which starts the server and returns when it accepts connections, and `client`, which executes statements
    /// from standard input and prints results without decoration; `target` names the processes.
    fn move_to_and_fro(mut guest: Guest, start: &str, target: &str) {
        guest.line(
            r#"until_ready() { # line of the log
                server=$!
                until grep -q "$1" /tmp/log; do
                    kill -0 $server || { cat /tmp/log; exit 1; }
                    usleep 100000
                done
            }"#,
        );
        guest.line(start).line("begin").line("start=$(date +%s)");
        guest.line(
            r#"echo 'create table moved (id integer primary key, text varchar(600) not null);' | client
            write_rows() {
                id=0
                while ! [ -e /tmp/stop ]; do
                    id=$((id + 1))
                    echo "insert into moved values ($id, repeat(md5('$id'), 16));"
                done
                echo $id >/tmp/written
            }
            write_rows | client >/tmp/client 2>&1 &
            writer=$!
            until [ "$(echo 'select count(*) from moved;' | client)" -gt 20 ]; do usleep 100000; done"#,
        );
        guest.line(&format!(
            r#"round=0
            while [ $(($(date +%s) - start)) -lt {SECONDS} ] || [ $round -lt 4 ]; do
                for to in 3 '0-3 --interleave' 1 0; do
                    round=$((round + 1))
                    seen "round $round" numars move {target} --to $to
                done
            done
            touch /tmp/stop
            wait $writer
            seen client cat /tmp/client
            seen written cat /tmp/written"#
        ));
        for (name, statement) in [
            ("rows", "select count(*) from moved;"),
            ("last", "select max(id) from moved;"),
            ("wrong", "select count(*) from moved where text <> repeat(md5(concat(id)), 16);"),
        ] {
            guest.line(&format!(
                "echo '{statement}' >/tmp/statement; query() {{ client </tmp/statement; }}; seen {name} query"
            ));
        }
        guest.line("kill -9 $(pidof mariadbd)");
        let run = guest.run();
        let number = |name: &str| -> u64 {
            let seen = run.of(name);
            seen.out.trim().parse().unwrap_or_else(|_| panic!("{name}: {seen:?}"))
        };
        assert_eq!((number("rows"), number("last"), number("wrong")), (number("written"), number("written"), 0));
        assert_eq!(run.of("client").out, "");
        let rounds: Vec<&Seen> =
            run.0.iter().filter(|(name, _)| name.starts_with("round ")).map(|(_, seen)| seen).collect();
        println!("{} rows were written during {} moves, of which one: {}", number("rows"), rounds.len(), rounds[0].out);
        for seen in rounds {
            assert!(seen.status <= 1 && seen.out.contains("\nmoved "), "{seen:?}");
            assert!(!seen.out.contains("\nmoved           0 B"), "{seen:?}");
        }
        assert!(number("rows") > 100);
    }

    #[test]
    #[ignore = "boots a guest"]
    fn mariadb_keeps_all_rows_while_it_moves() {
        let packages = Packages::fetch(&["mariadb-server-core", "mariadb-client-core"]);
        let others = ["usr/share/mariadb/english", "usr/share/mariadb/charsets"];
        let guest = Guest::new("four-nodes", &packages, &["usr/sbin/mariadbd", "usr/bin/mariadb"], &others);
        let start = r#"
            server() {
                /usr/sbin/mariadbd --no-defaults --user=root --datadir=/tmp/data --innodb-buffer-pool-size=32M --innodb-log-file-size=4M \
                    --skip-networking --socket=/tmp/socket --skip-grant-tables "$@"
            }
            client() { mariadb --no-defaults --socket=/tmp/socket --skip-column-names --batch moves; }
            begin() {
                mkdir /tmp/data
                echo 'create database moves;' | server --bootstrap >/tmp/log 2>&1
                server >>/tmp/log 2>&1 </dev/null &
                until_ready 'ready for connections'
            }"#;
        move_to_and_fro(guest, start, "mariadbd");
    }
}

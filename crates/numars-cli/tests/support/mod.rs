//! What the tests of several commands need.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// Returns the command with these arguments, without colours and in a locale with UTF-8.
pub fn numars(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_numars"));
    command.args(arguments).env_remove("CLICOLOR_FORCE").env_remove("COLUMNS").env("LC_ALL", "C.UTF-8");
    command
}

/// Runs a command that must succeed, and returns what it prints.
pub fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that must succeed and write JSON, and returns that after it was checked against the schema that it names.
pub fn json(command: &mut Command) -> serde_json::Value {
    let report = serde_json::from_str(&stdout(command)).unwrap();
    assert_matches_schema(&report);
    report
}

/// Checks a report against the schema that it names.
pub fn assert_matches_schema(report: &serde_json::Value) {
    let name = report["schema"].as_str().unwrap().replace('/', "-");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/schema/{name}.json"));
    let schema = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let errors: Vec<String> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

/// Returns what a program has printed.
pub fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).unwrap()
}

/// Returns whether a command has failed because move_pages(2) is forbidden here, as in some containers.
pub fn is_forbidden(output: &Output) -> bool {
    text(&output.stderr).contains("forbids move_pages(2)") || text(&output.stderr).contains("no move_pages(2)")
}

/// A directory with the files of a machine.
pub struct Machine {
    /// Where the files are.
    pub folder: TempDir,
}

impl Machine {
    /// Makes a machine whose nodes have these CPUs and distances, and 1 GiB of memory each.
    pub fn new(nodes: &[(&str, &str)]) -> Self {
        let machine = Machine { folder: tempfile::tempdir().unwrap() };
        let last = nodes.len() - 1;
        for file in ["online", "possible", "has_memory"] {
            machine.write(&format!("node/{file}"), &format!("0-{last}\n"));
        }
        for (node, (cpus, distances)) in nodes.iter().enumerate() {
            let set: numars::CpuSet = cpus.parse().unwrap();
            machine.write(&format!("node/node{node}/cpulist"), &format!("{cpus}\n"));
            machine.write(&format!("node/node{node}/cpumap"), &format!("{}\n", map(&set)));
            machine.write(&format!("node/node{node}/distance"), &format!("{distances}\n"));
            let memory = format!("Node {node} MemTotal: 1048576 kB\nNode {node} MemFree: 524288 kB\n");
            machine.write(&format!("node/node{node}/meminfo"), &memory);
        }
        machine
    }

    /// Writes a file below `sys/devices/system`.
    pub fn write(&self, name: &str, contents: &str) {
        let file = self.folder.path().join("sys/devices/system").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, contents).unwrap();
    }

    /// Returns the directory, for `--root`.
    pub fn root(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }
}

/// Returns a set as the kernel's cpumap files have it.
fn map(cpus: &numars::CpuSet) -> String {
    let groups = cpus.last().map_or(1, |last| last.number() / 32 + 1);
    let group = |group: usize| -> u32 {
        cpus.iter().filter(|cpu| cpu.number() / 32 == group).map(|cpu| 1 << (cpu.number() % 32)).sum()
    };
    (0..groups).rev().map(|index| format!("{:08x}", group(index))).collect::<Vec<_>>().join(",")
}

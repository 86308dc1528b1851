//! What calls cost that does not depend on what else the machine does: instructions and system calls. `make bench` measures the same program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use support::{root, run, stage};
use tempfile::TempDir;

/// How often the program makes each call between its marks.
const TIMES: usize = 10;

/// bench/calls.c, which is linked with libnuma.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, program) = PROGRAM.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("calls");
        let flags = ["-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2", "-g", "-o"];
        run(Command::new("gcc").args(flags).arg(&program).arg(root().join("bench/calls.c")).arg("-lnuma"));
        (folder, program)
    });
    program
}

/// Runs the program by way of `command`, on numars or on libnuma, and returns the names of its rows.
fn marked(command: &mut Command, numars: bool) -> Vec<String> {
    if numars {
        command.env("LD_LIBRARY_PATH", stage().flavour());
    }
    let printed = run(command.arg(program()).args(["-m", &TIMES.to_string()]));
    printed.lines().filter_map(|line| line.strip_prefix("end ")).map(str::to_owned).collect()
}

/// The instructions of `TIMES` calls of each row.
fn instructions(numars: bool) -> BTreeMap<String, usize> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["-q", "--tool=callgrind", "--dump-before=cut"]);
    let rows = marked(valgrind.arg(format!("--callgrind-out-file={}", out.display())), numars);
    // Every second profile is of what lies between the calls.
    let profiles = (1..).map(|place| std::fs::read_to_string(format!("{}.{}", out.display(), 2 * place)).unwrap());
    let counts = profiles.map(|profile| {
        let totals = profile.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a line of totals");
        totals.trim().parse().unwrap()
    });
    rows.into_iter().zip(counts).collect()
}

/// The system calls of one call of each row.
fn system_calls() -> BTreeMap<String, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    marked(Command::new("strace").arg("-o").arg(&trace), true);
    let trace = std::fs::read_to_string(trace).unwrap();
    let (mut calls, mut found) = (Vec::new(), BTreeMap::new());
    for line in trace.lines() {
        if line.starts_with("write(1, \"begin ") {
            calls.clear();
        } else if let Some(row) = line.strip_prefix("write(1, \"end ") {
            assert_eq!(calls.len() % TIMES, 0, "{row}: not each call makes the same system calls: {calls:?}");
            found.insert(row.split_once("\\n").unwrap().0.to_owned(), calls[..calls.len() / TIMES].to_vec());
        } else {
            calls.push(line.split('(').next().unwrap().to_owned());
        }
    }
    found
}

#[test]
fn calls_make_the_system_calls_that_they_need_and_no_others() {
    let found = system_calls();
    let allocation: &[&str] = &["mmap", "mbind", "munmap"];
    let expected: &[(&str, &[&str])] = &[
        ("numa_node_of_cpu", &[]),
        ("numa_node_to_cpus", &[]),
        ("numa_distance", &[]),
        ("numa_node_size64", &["openat", "read", "close"]),
        ("numa_parse_nodestring", &[]),
        ("numa_parse_cpustring", &[]),
        ("numa_preferred", &["get_mempolicy"]),
        ("numa_get_mems_allowed", &["get_mempolicy"]),
        ("numa_get_membind", &["get_mempolicy"]),
        ("numa_get_run_node_mask", &["sched_getaffinity"]),
        ("numa_alloc_onnode", allocation),
        ("numa_alloc_local", allocation),
        ("numa_alloc_interleaved", allocation),
    ];
    for (call, system_calls) in expected {
        assert_eq!(found[*call], *system_calls, "{call}");
    }
}

#[test]
fn calls_that_no_system_call_is_part_of_take_a_fraction_of_libnumas_instructions() {
    let (ours, theirs) = (instructions(true), instructions(false));
    for (call, times) in [
        ("numa_bitmask_weight", 30),
        ("numa_bitmask_setall", 30),
        ("numa_bitmask_clearall", 30),
        ("numa_bitmask_equal", 30),
        ("numa_node_of_cpu", 20),
        ("numa_preferred", 2),
    ] {
        let (ours, theirs) = (ours[call], theirs[call]);
        println!("{call}: {ours} instructions, libnuma {theirs}");
        assert!(ours * times <= theirs, "{call}: {ours} instructions against libnuma's {theirs}");
    }
}

//! The cost of calls in units that do not depend on the load of the machine: instructions and system calls. `make
//! bench` measures the same program.

use anyhow::Result;
use counting::output;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use support::{root, run, stage};
use tempfile::TempDir;

/// How often the program makes each call between its marks.
const TIMES: usize = 10;

/// Builds bench/calls.c, linked with libnuma.
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

/// Runs the program through `command`, on numars or on libnuma.
fn marked(command: &mut Command, numars: bool) -> Result<String> {
    if numars {
        command.env("LD_LIBRARY_PATH", stage().flavour());
    }
    output(command.arg(program()).args(["-m", &TIMES.to_string()]))
}

/// Returns the instructions of `TIMES` calls of each row.
fn instructions(numars: bool) -> BTreeMap<String, u64> {
    let folder = tempfile::tempdir().unwrap();
    let run = counting::instructions(folder.path(), |valgrind| marked(valgrind, numars)).unwrap();
    let rows = counting::instructions_of_rows(&run).unwrap();
    rows.into_iter().map(|(row, count)| (row.to_owned(), count)).collect()
}

#[test]
fn calls_make_the_system_calls_that_they_need_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let (_, trace) = counting::system_calls(&folder.path().join("trace"), |strace| marked(strace, true)).unwrap();
    let found = counting::system_calls_of_rows(&trace);
    let allocation: &[&str] = &["mmap", "mbind", "munmap"];
    let expected: &[(&str, &[&str])] = &[
        ("numa_bitmask_weight", &[]),
        ("numa_bitmask_setall", &[]),
        ("numa_bitmask_clearall", &[]),
        ("numa_bitmask_equal", &[]),
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
        assert_eq!(found[*call], system_calls.repeat(TIMES), "{call}");
    }
}

#[test]
fn calls_take_a_fraction_of_libnumas_instructions() {
    let (ours, theirs) = (instructions(true), instructions(false));
    for (call, times) in [
        ("numa_bitmask_weight", 30.0),
        ("numa_bitmask_setall", 30.0),
        ("numa_bitmask_clearall", 30.0),
        ("numa_bitmask_equal", 30.0),
        ("numa_node_of_cpu", 20.0),
        ("numa_node_to_cpus", 5.0),
        ("numa_node_size64", 5.0),
        ("numa_preferred", 50.0),
        ("numa_get_run_node_mask", 2.0),
        ("numa_alloc_onnode", 1.5),
        // About as many: which instructions they are differs, and what is read from the kernel.
        ("numa_parse_nodestring", 0.9),
        ("numa_parse_cpustring", 0.9),
        ("numa_get_mems_allowed", 0.9),
        ("numa_get_membind", 0.9),
    ] {
        let (ours, theirs) = (ours[call] as f64, theirs[call] as f64);
        println!("{call}: {ours} instructions, libnuma {theirs}");
        assert!(ours * times <= theirs, "{call}: {ours} instructions against libnuma's {theirs}");
    }
}

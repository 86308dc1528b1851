//! `make bench-machine`: what it packs for real machines measures page moves on any machine with several nodes, and needs nothing else there.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use support::{make_well, root, run, vm};

/// The directory that is copied to a machine.
fn packed() -> PathBuf {
    static PACKED: OnceLock<()> = OnceLock::new();
    PACKED.get_or_init(|| make_well(&["bench-machine"]));
    root().join(format!("target/bench-machine-{}", run(Command::new("uname").arg("-m")).trim()))
}

/// Runs a shell script in a guest of this shape that has that directory as /bench and nothing else of ours.
fn on(shape: &str, script: &str) -> String {
    let mut guest = vm();
    guest.args(["run", "--kernel", "6.12", "--shape", shape, "--add", &format!("{}:/bench", packed().display())]);
    run(guest.args(["--", "sh", "-c", script]))
}

#[test]
#[ignore = "runs in a guest"]
fn a_machine_of_four_nodes_is_measured_without_root_and_the_file_has_the_tables_and_all_samples() {
    let measured = on(
        "four-nodes",
        "cd /tmp && su -s /bin/sh nobody -c 'sh /bench/bench-machine.sh --quick --nodes 2,0,3' >printed 2>&1
        echo status $?; tail -n 1 printed; cat numars-machine.md",
    );
    let measured = measured.replace('\r', "");
    assert!(measured.starts_with("status 0\nWritten: /tmp/numars-machine.md\n"), "{measured}");
    for words in [
        "# Page moves on a machine with 4 nodes",
        "used in the order 2,0,3, and CPUs 2,0,3,1",
        "Run without root",
        "| three targets interleaved ",
        "Requests with three targets have two here.",
        "| 1024  |",
        "| process of 8 mappings with huge pages, likewise ",
        "from node 2 to node 0.",
        "{\"row\":\"threads-busy\",\"side\":\"8\",",
        "{\"row\":\"mappings-60000\",\"side\":\"ours\",",
        "{\"row\":\"count-60000\",\"side\":\"ours\",",
        "| huge pages | `numars_move_process`, `max_pause_us` 1000 |",
        "| `numa_get_membind` ",
        "{\"row\":\"one-target-none\",\"side\":\"bare\",\"pages\":64,\"taken\":{\"nanoseconds\":",
        "numa_get_membind (bare)\t",
    ] {
        assert!(measured.contains(words), "{words}: {measured}");
    }
    let samples = measured.lines().filter(|line| line.starts_with('{'));
    assert!(samples.clone().count() > 50 && samples.clone().all(|line| line.ends_with('}')), "{measured}");
    assert!(!measured.contains("failed"), "{measured}");
}

#[test]
#[ignore = "runs in a guest"]
fn a_machine_of_one_node_is_refused_with_one_line() {
    let refused =
        on("one-node", "cd /tmp; sh /bench/bench-machine.sh >/printed 2>&1; echo status $?; cat /printed; ls");
    let line = "bench-machine: this machine has one node: there is no other one that pages could move to";
    let lines: Vec<&str> = refused.lines().map(str::trim_end).collect();
    assert_eq!(lines, ["status 1", line], "a line too many, or a file: {refused}");
}

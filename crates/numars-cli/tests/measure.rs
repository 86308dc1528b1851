//! `numars measure`, as a program.

use std::process::{Command, Output};

fn measure(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_numars"));
    command.args(["measure", "--quick", "--runs", "2"]);
    if !arguments.contains(&"--size") {
        command.args(["--size", "4M"]);
    }
    command.args(arguments).env("COLUMNS", "80").env("LC_ALL", "C").output().unwrap()
}

#[test]
fn every_pair_of_nodes_has_measurements() {
    let output = measure(&["--json", "--threads", "2"]);
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!((report["schema"].as_str(), report["size_bytes"].as_u64()), (Some("numars.measure/1"), Some(4 << 20)));
    let pairs = report["pairs"].as_array().unwrap();
    assert!(!pairs.is_empty());
    for pair in pairs {
        assert_eq!(pair["threads"], 2);
        for name in ["latency_ns", "read_bandwidth", "write_bandwidth"] {
            let measurement = |field: &str| pair[name][field].as_f64().unwrap();
            let (minimum, median, maximum) = (measurement("minimum"), measurement("median"), measurement("maximum"));
            assert!(0.0 < minimum && minimum <= median && median <= maximum, "{pair}");
            assert!((0.0..=1.0).contains(&measurement("lost")), "{pair}");
        }
        // No memory answers in a picosecond or takes a second.
        let latency = pair["latency_ns"]["median"].as_f64().unwrap();
        assert!((0.1..1e9).contains(&latency), "{latency}");
    }
    // 4 MiB are less than four times any last-level cache, or caches are not known.
    let kinds: Vec<&str> =
        report["warnings"].as_array().unwrap().iter().map(|warning| warning["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"small-buffer") || kinds.contains(&"unknown-caches"), "{kinds:?}");
}

#[test]
fn the_text_is_ascii_and_80_columns_wide_in_the_c_locale_and_nothing_is_on_stderr() {
    let output = measure(&[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 80), "{text}");
    for title in ["Latency [ns]\n", "Reading [GB/s]\n", "Writing [GB/s]\n"] {
        assert!(text.contains(title), "{text}");
    }
}

#[test]
fn the_picture_is_written() {
    let file = std::env::temp_dir().join(format!("numars-measure-{}.svg", std::process::id()));
    let output = measure(&["--quiet", "--svg", file.to_str().unwrap()]);
    assert!(output.status.success() && output.stdout.is_empty());
    let picture = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("Latency, ns"));
}

#[test]
fn what_cannot_be_measured_is_a_failure_with_a_hint() {
    let failure = |arguments: &[&str]| {
        let output = measure(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.stdout.len(), error.lines().count()), (0, 1), "{error}");
        assert!(error.starts_with("numars: ") && error.ends_with(")\n"), "{error}");
        output.status.code()
    };
    assert_eq!(failure(&["--nodes", "0-x"]), Some(2));
    assert_eq!(failure(&["--size", "1000T"]), Some(3));
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    for wrong in [["--threads", "0"], ["--runs", "0"], ["--size", "12"], ["--size", "x"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_numars")).arg("measure").args(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
}

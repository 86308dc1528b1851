//! `numars map`, run on this process and on others.

mod support;

use std::process::{Command, Output};
use support::{is_forbidden, text};

fn numars(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_numars"))
        .args(arguments)
        .env("COLUMNS", "80")
        .env("LC_ALL", "C.UTF-8")
        .env_remove("NO_COLOR")
        .output()
        .expect("the binary that cargo has built")
}

fn own_pid() -> String {
    std::process::id().to_string()
}

#[test]
fn each_mapping_is_a_line_that_fits_and_the_heap_can_be_selected() {
    let output = numars(&["map", &own_pid()]);
    if is_forbidden(&output) {
        return;
    }
    let all = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(all.contains("[stack]") && all.contains("libc.so.6"), "{all}");
    assert!(all.lines().all(|line| line.chars().count() <= 80), "{all}");
    let heap = text(&numars(&["map", &own_pid(), "--mapping", "heap", "--mapping", "stack", "--pages"]).stdout);
    assert!(heap.contains("[heap]") && !heap.contains("libc"), "{heap}");
    assert!(heap.contains("digit: last digit of the node"), "{heap}");
}

#[test]
fn a_range_of_a_buffer_has_its_pages_as_json() {
    let buffer = vec![1u8; 1 << 20];
    let start = (buffer.as_ptr() as usize).next_multiple_of(4096);
    let range = format!("{start:x}-{:x}", start + 0x10000);
    let output = numars(&["map", &own_pid(), "--range", &range, "--pages", "--policy", "--huge-pages", "--json"]);
    if is_forbidden(&output) {
        return;
    }
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    assert_eq!(report["schema"], "numars.map/1");
    let mapping = &report["mappings"][0];
    assert_eq!(
        (mapping["bytes"].as_u64(), mapping["present_bytes"].as_u64()),
        (Some(0x10000), Some(0x10000)),
        "{report}"
    );
    let cells = mapping["page_map"]["cells"].as_array().unwrap();
    assert!(!cells.is_empty() && cells.iter().all(|cell| cell.is_u64()), "{report}");
    assert!(mapping["policy"].is_string() && mapping["huge_page_bytes"].is_u64(), "{report}");
    drop(buffer);
}

#[test]
fn an_svg_file_is_written() {
    let file = std::env::temp_dir().join(format!("numars-map-{}.svg", own_pid()));
    let output = numars(&["map", &own_pid(), "--mapping", "stack", "--svg", file.to_str().unwrap(), "-q"]);
    if is_forbidden(&output) {
        return;
    }
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), ""));
    let svg = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("[stack]"), "{svg}");
}

#[test]
fn what_cannot_be_shown_is_one_line_with_a_hint() {
    let failures = [
        (&["map", "999999999"][..], 3, "there is no process 999999999"),
        (&["map", "0"], 2, "0 is not a PID"),
        (&["map", &own_pid(), "--mapping", "nonsense"], 3, "no mapping \"nonsense\""),
        (&["map", &own_pid(), "--range", "1000-2000"], 3, "nothing is mapped at 1000-2000"),
        (&["map", &own_pid(), "--svg", "/nowhere/a.svg"], 3, "cannot write /nowhere/a.svg"),
    ];
    for (arguments, status, message) in failures {
        let output = numars(arguments);
        let error = text(&output.stderr);
        if is_forbidden(&output) {
            continue;
        }
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {error}");
        assert!(error.contains(message) && error.lines().count() == 1, "{arguments:?}: {error}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn ascii_output_has_no_other_characters() {
    let output = numars(&["map", &own_pid(), "--pages", "--ascii"]);
    assert!(output.stdout.is_ascii());
}

#[test]
fn watching_ends_with_the_process() {
    let mut sleep = Command::new("sleep").arg("1").spawn().unwrap();
    let pid = sleep.id().to_string();
    // Until its parent waits for it, the process is a zombie.
    let waiter = std::thread::spawn(move || sleep.wait().unwrap());
    let output = numars(&["map", &pid, "--watch", "0.1", "--json"]);
    waiter.join().unwrap();
    if is_forbidden(&output) {
        return;
    }
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let reports = text(&output.stdout);
    assert!(reports.lines().count() > 1, "{reports}");
    for line in reports.lines() {
        let report: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(report["schema"], "numars.map/1");
    }
    assert!(text(&output.stderr).contains("has ended"));
}

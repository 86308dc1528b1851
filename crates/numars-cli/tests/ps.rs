//! `numars ps`, as a person or a program runs it. On a machine with several nodes, memory is put on each.

mod support;

use numars::{MapOptions, Mapping, Node, Policy, Topology};
use serde_json::Value;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use support::assert_matches_schema;

fn numars(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_numars"));
    command.args(arguments).env_remove("COLUMNS").env("LC_ALL", "C").output().unwrap()
}

fn text(arguments: &[&str]) -> String {
    let output = numars(arguments);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    let report = serde_json::from_str(&text(&arguments)).unwrap();
    assert_matches_schema(&report);
    report
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn own_pid() -> String {
    std::process::id().to_string()
}

/// A process that ends with the test.
struct Sleeper(Child);

impl Sleeper {
    fn start() -> Sleeper {
        Sleeper(Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap())
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = (self.0.kill(), self.0.wait());
    }
}

fn is_root() -> bool {
    // /proc/self belongs to the effective user.
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Runs numars without privileges, as user 65534, in a directory that every user may enter.
fn numars_as_nobody(arguments: &[&str]) -> Output {
    let copy: PathBuf = std::env::temp_dir().join(format!("numars-ps-test-{}-{}", own_pid(), arguments.len()));
    // Not written by this process: another test could fork meanwhile, and keep the file open for writing.
    assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_numars")).arg(&copy).status().unwrap().success());
    let output = Command::new(&copy).args(arguments).current_dir("/").env("LC_ALL", "C").uid(65534).gid(65534).output();
    std::fs::remove_file(&copy).unwrap();
    output.unwrap()
}

#[test]
fn memory_is_shown_on_the_nodes_where_it_is() {
    const MIB: u64 = 1 << 20;
    let bytes_on = |report: &Value, node: Node| {
        let nodes = report["processes"][0]["nodes"].as_array().unwrap();
        let entry = nodes.iter().find(|entry| entry["node"] == node.number());
        entry.map_or(0, |entry| entry["anonymous_bytes"].as_u64().unwrap())
    };
    let nodes = Topology::read().unwrap().nodes_with_memory();
    let sizes: Vec<(Node, u64)> = nodes.iter().zip([8, 16, 24, 32].map(|mib| mib * MIB)).collect();
    let maps: Vec<Mapping> = sizes
        .iter()
        .map(|&(node, bytes)| MapOptions::new().policy(Policy::bind(node.into())).map(bytes as usize).unwrap())
        .map(|mut map| {
            map.fill(1);
            map
        })
        .collect();
    let after = json(&["ps", &own_pid()]);
    let policies = after["processes"][0]["policies"].as_array().unwrap();
    for (node, bytes) in sizes {
        // Other tests have memory there too.
        assert!(bytes_on(&after, node) >= bytes, "{node:?}\n{after:#}");
        let policy = policies.iter().find(|entry| entry["policy"] == format!("bind:{}", node.number()));
        assert_eq!(policy.unwrap()["bytes"], bytes, "{node:?}\n{after:#}");
    }
    let total = &after["processes"][0]["memory"]["total_bytes"];
    assert_eq!(&after["total"]["memory"]["total_bytes"], total);
    drop(maps);
}

#[test]
fn json_has_all_of_a_process_and_names_its_schema() {
    let sleeper = Sleeper::start();
    let report = json(&["ps", &sleeper.pid()]);
    assert_eq!(report["schema"], "numars.ps/1");
    let process = &report["processes"][0];
    assert_eq!(process["pid"].to_string(), sleeper.pid());
    assert_eq!((process["name"].as_str(), process["command"].as_str()), (Some("sleep"), Some("sleep 1000")));
    assert_eq!((process["threads"].as_u64(), &process["unreadable"]), (Some(1), &Value::Null));
    assert!(process["thread_nodes"][0]["node"].is_u64() && process["local_fraction"].is_f64());
    let schema = text(&["schema", "ps"]);
    for field in process.as_object().unwrap().keys() {
        assert!(schema.contains(&format!("\"{field}\"")), "{field}");
    }
}

#[test]
fn one_process_is_shown_in_detail_and_several_as_a_table() {
    let sleepers = [Sleeper::start(), Sleeper::start()];
    let one = text(&["ps", &sleepers[0].pid()]);
    assert!(one.starts_with(&format!("{} sleep (user ", sleepers[0].pid())), "{one}");
    assert!(one.contains("\ncommand    sleep 1000\n") && one.contains("\n node  memory  anonymous"), "{one}");
    let both = text(&["ps", &sleepers[0].pid(), &sleepers[1].pid(), "--sort", "pid"]);
    assert!(both.lines().next().unwrap().trim_start().starts_with("PID "), "{both}");
    assert!(both.lines().count() == 4 && both.contains(" 2 processes"), "{both}");
    let details = text(&["ps", &sleepers[0].pid(), &sleepers[1].pid(), "--details"]);
    assert_eq!(details.matches("\ncommand    sleep 1000\n").count(), 2, "{details}");
}

#[test]
fn without_arguments_all_lines_are_ascii_and_fit_80_columns() {
    for arguments in [&["ps"][..], &["ps", "--all", "--sort", "local"], &["ps", "--reverse", "--ascii"]] {
        let text = text(arguments);
        assert!(text.is_ascii() && !text.contains('\x1b'), "{text}");
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    }
    assert!(!text(&["ps", "--all"]).contains("kthreadd"));
}

#[test]
fn filters_select_processes() {
    let sleeper = Sleeper::start();
    let pids = |arguments: &[&str]| -> Vec<String> {
        let report = json(&[&["ps"], arguments].concat());
        report["processes"].as_array().unwrap().iter().map(|process| process["pid"].to_string()).collect()
    };
    assert!(pids(&["--name", "leep"]).contains(&sleeper.pid()));
    assert!(!pids(&["--name", "no such name"]).contains(&sleeper.pid()));
    assert!(!pids(&["--min-size", "100M"]).contains(&sleeper.pid()));
    assert!(pids(&["--min-size", "4K", "--node", "all"]).contains(&sleeper.pid()));
    if is_root() {
        assert!(pids(&["--user", "0"]).contains(&sleeper.pid()));
        assert!(!pids(&["--user", "65534"]).contains(&sleeper.pid()));
    }
}

#[test]
fn what_is_wrong_is_one_line_with_a_hint() {
    let failure = |arguments: &[&str], status| {
        let output = numars(arguments);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(status), 0), "{arguments:?}");
        let error = stderr(&output);
        assert!(error.starts_with("numars: ") && error.ends_with(")\n") && error.lines().count() == 1, "{error}");
        error
    };
    assert!(failure(&["ps", "no-such-name"], 3).contains("no process is named \"no-such-name\""));
    assert!(failure(&["ps", "2147483647"], 3).contains("no process has the PID 2147483647"));
    assert!(failure(&["ps", "--node", "4711"], 2).contains("4711"));
    assert_eq!(numars(&["ps", "--user", "no such user"]).status.code(), Some(2));
    assert_eq!(numars(&["ps", "--sort", "colour"]).status.code(), Some(2));
}

#[test]
fn what_is_found_is_shown_although_something_else_is_not() {
    let sleeper = Sleeper::start();
    let output = numars(&["ps", &sleeper.pid(), "no-such-name"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).starts_with("numars: no process is named \"no-such-name\""));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with(&sleeper.pid()));
}

#[test]
fn a_process_that_may_not_be_read_says_so_and_fails_only_if_nothing_else_is_named() {
    if !is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let sleeper = Sleeper::start();
    let output = numars_as_nobody(&["ps", &sleeper.pid()]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0));
    let error = stderr(&output);
    assert!(error.contains("(sleep) is: permission denied [EACCES] (needs root"), "{error}");
    let output = numars_as_nobody(&["ps", "--name", "sleep", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = report["processes"].as_array().unwrap();
    let process = all.iter().find(|process| process["pid"] == sleeper.0.id()).unwrap();
    assert_eq!((&process["nodes"], process["unreadable"].as_str()), (&Value::Null, Some("permission denied [EACCES]")));
    assert!(process["memory"]["total_bytes"].as_u64().unwrap() > 0);
    let output = numars_as_nobody(&["ps", "-n", "sleep"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(": permission denied [EACCES] (needs root"), "{text}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let command = format!("{} ps --json | head -c 1; exit ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_numars"));
    let Ok(output) = Command::new("bash").args(["-c", &command]).output() else {
        eprintln!("skipped: there is no bash");
        return;
    };
    assert_eq!(stderr(&output), "");
}

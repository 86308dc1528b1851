//! `numars move`. What needs several nodes does nothing on a machine with one: run this in a guest, with the binary at the same path.

mod support;

use numars::{Node, NodeSet, Topology};
use std::io::{Read, Write};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use support::{is_forbidden, text};

/// The environment variable that turns this program into one that holds memory.
const HOLDER: &str = "NUMARS_TEST_HOLDS";

fn numars(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_numars"))
        .args(arguments)
        .env("COLUMNS", "80")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("the binary that cargo has built")
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

fn nodes() -> Vec<Node> {
    let topology = Topology::read().unwrap();
    (topology.allowed_nodes() & topology.nodes_with_memory()).into_iter().collect()
}

/// A process that holds memory on a node.
struct Holder(Child);

impl Holder {
    fn start(mebibytes: usize, node: Node) -> Holder {
        // Only the test that holds memory runs in it.
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_process_holds_memory_if_asked_to", "--nocapture", "-q"])
            .env(HOLDER, format!("{mebibytes} {node}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut output, stdout) = (String::new(), child.stdout.as_mut().unwrap());
        while !output.contains("ready") {
            let mut byte = [0];
            stdout.read_exact(&mut byte).unwrap();
            output.push(byte[0].into());
        }
        Holder(child)
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_process_holds_memory_if_asked_to() {
    let Ok(request) = std::env::var(HOLDER) else { return };
    let (mebibytes, node) = request.split_once(' ').unwrap();
    let node: NodeSet = node.parse().unwrap();
    let _ = numars::Policy::bind(node).set_for_thread();
    let memory = vec![1u8; mebibytes.parse::<usize>().unwrap() << 20];
    println!("ready");
    std::io::stdout().flush().unwrap();
    let _ = std::io::stdin().read(&mut [0]);
    std::hint::black_box(memory);
}

#[test]
fn all_processes_are_moved_though_nothing_reads_what_is_printed() {
    let holder = Holder::start(1, nodes()[0]);
    let run = |processes: &[&str], output: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_numars"));
        command.arg("move").args(processes).args(["--to", "all"]).stdout(output).stderr(Stdio::piped());
        command.output().unwrap()
    };
    let read = run(&[&holder.pid()], Stdio::null());
    if is_forbidden(&read) {
        return;
    }
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap().into();
    let closed = || std::io::pipe().unwrap().1.into();
    // Pages that are shared with other processes may stay.
    assert!(matches!(read.status.code(), Some(0 | 1)), "{read:?}");
    assert_eq!(run(&[&holder.pid()], closed()).status.code(), read.status.code());
    // The second one does not exist.
    for (output, messages) in [(closed(), 1), (full(), 2)] {
        let output = run(&[&holder.pid(), "2147483647"], output);
        assert_eq!((output.status.code(), text(&output.stderr).lines().count()), (Some(3), messages), "{output:?}");
        assert!(text(&output.stderr).starts_with("numars: there is no process 2147483647"), "{output:?}");
    }
}

#[test]
fn a_failure_has_its_exit_status_though_standard_error_is_full() {
    let failures: [&[&str]; 3] =
        [&["move", "--to", "all", "2147483647"], &["ps", "2147483647"], &["nodes", "--root", "/none"]];
    for command in failures {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let status =
            Command::new(env!("CARGO_BIN_EXE_numars")).args(command).stdout(Stdio::null()).stderr(full).status();
        assert_eq!(status.unwrap().code(), Some(3), "{command:?}");
    }
}

#[test]
fn what_is_refused_is_one_line_with_its_cause() {
    let own = std::process::id().to_string();
    let node = nodes()[0].to_string();
    let failures = [
        (vec!["move", "999999999", "--to", &node], 3, "there is no process 999999999"),
        (vec!["move", &own, "--to", "x"], 2, "\"x\""),
        (vec!["move", &own, "--to", "99999"], 2, "\"99999\""),
        (vec!["move", &own, "--tier", "12345"], 2, "\"tier:12345\""),
        (vec!["move", "nonsense", "--to", &node], 3, "nonsense"),
        (vec!["move", &own, "--to", &node, "--set-policy"], 2, "mbind(2) takes no PID"),
        (vec!["move", &own, "--to", &node, "--mapping", "nonsense"], 3, "no mapping \"nonsense\""),
    ];
    for (arguments, status, message) in failures {
        let output = numars(&arguments);
        let error = text(&output.stderr);
        if is_forbidden(&output) {
            continue;
        }
        assert!(error.contains(message) && error.lines().count() == 1, "{arguments:?}: {error}");
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(status), ""), "{arguments:?}");
    }
    for wrong in [&["move", "1"][..], &["move", "1", "--to", "0", "--pack", "--balance"], &["move", "--to", "0"]] {
        assert_eq!(numars(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn a_zombie_has_no_pages() {
    let mut child = Command::new("true").spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let output = numars(&["move", &child.id().to_string(), "--to", &nodes()[0].to_string()]);
    child.wait().unwrap();
    assert!(text(&output.stderr).contains("has ended and has no memory"), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn pages_that_are_in_place_are_a_success() {
    let nodes: NodeSet = nodes().into_iter().collect();
    let holder = Holder::start(8, nodes.first().unwrap());
    let output = numars(&["move", &holder.pid(), "--to", &nodes.to_string(), "--pack", "--mapping", "anon", "--json"]);
    if is_forbidden(&output) {
        return;
    }
    let report = json(&output);
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert_eq!((&report["schema"], &report["processes"][0]["ending"]), (&"numars.move/1".into(), &"done".into()));
    assert!(report["processes"][0]["moved"]["pages"]["in_place"].as_u64() >= Some(2000), "{report}");
    assert!(numars(&["move", &holder.pid(), "--to", "all", "--mapping", "anon", "-q"]).stdout.is_empty());
}

#[test]
fn a_dry_run_foresees_each_placement_and_moves_nothing() {
    let nodes = nodes();
    if nodes.len() < 3 {
        return;
    }
    let to = format!("{},{}", nodes[1], nodes[2]);
    for placement in ["--pack", "--balance", "--interleave", "--weighted"] {
        let holder = Holder::start(24, nodes[0]);
        for round in 0..2 {
            let arguments = ["move", &holder.pid(), "--to", &to, placement, "--mapping", "anon", "--json"];
            let planned = numars(&[&arguments[..], &["--dry-run"]].concat());
            if text(&planned.stderr).contains("no weights") {
                continue;
            }
            let (planned, moved) = (json(&planned), json(&numars(&arguments)));
            let plan = &planned["processes"][0]["plan"];
            let (foreseen, bytes) =
                (plan["bytes_to_move"].as_u64().unwrap(), moved["processes"][0]["moved"]["bytes"].as_u64().unwrap());
            // Huge pages of a stack or a small heap may differ.
            assert!(foreseen.abs_diff(bytes) <= 4 << 20, "{placement} {round}: {foreseen} {bytes} {planned} {moved}");
            assert_eq!(plan["fits"], true, "{planned}");
            assert_eq!(bytes >= 20 << 20, round == 0, "{placement} {round}: {moved}");
        }
    }
}

#[test]
fn only_pages_of_some_nodes_move_if_asked_to() {
    let nodes = nodes();
    if nodes.len() < 3 {
        return;
    }
    let [first, second, third] = [0, 1, 2].map(|index| nodes[index].to_string());
    let holder = Holder::start(16, nodes[0]);
    let spread = format!("{first},{second}");
    numars(&["move", &holder.pid(), "--to", &spread, "--interleave", "--mapping", "anon"]);
    let output = numars(&["move", &holder.pid(), "--from", &second, "--to", &third, "--mapping", "anon", "--json"]);
    let report = json(&output);
    let after = report["processes"][0]["after"].as_array().unwrap();
    let on = |node: Node| {
        let node = after.iter().find(|on| on["node"].as_u64() == Some(node.number() as u64));
        node.map_or(0, |on| on["pages"].as_u64().unwrap())
    };
    assert!(on(nodes[1]) == 0 && on(nodes[0]) > 1000 && on(nodes[2]) > 1000, "{report}");
}

#[test]
fn a_signal_stops_a_move_which_reports_what_has_moved() {
    let nodes = nodes();
    if nodes.len() < 2 {
        return;
    }
    let holder = Holder::start(64, nodes[0]);
    for signal in ["-INT", "-TERM", "-HUP"] {
        let child = Command::new(env!("CARGO_BIN_EXE_numars"))
            .args(["move", &holder.pid(), "--to", &nodes[1].to_string(), "--bandwidth", "4M", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_secs(3));
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", text(&output.stdout));
        let report = json(&output);
        assert_eq!(report["processes"][0]["ending"], "interrupted", "{report}");
        assert!(report["processes"][0]["moved"]["bytes"].as_u64().unwrap() > 0, "{report}");
    }
}

#[test]
fn a_terminal_has_a_bar_and_control_c_ends_it() {
    let nodes = nodes();
    if nodes.len() < 2 {
        return;
    }
    let holder = Holder::start(64, nodes[0]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_numars"));
    command.args(["move", &holder.pid(), "--to", &nodes[1].to_string(), "--bandwidth", "4M"]).env("TERM", "xterm");
    let mut terminal = rexpect::session::spawn_command(command, Some(60_000)).unwrap();
    terminal.exp_string("% of ").unwrap();
    terminal.exp_string("left").unwrap();
    terminal.send_control('c').unwrap();
    let end = terminal.exp_string("interrupted").unwrap();
    assert!(end.contains("left") || end.contains('%'), "{end}");
    terminal.exp_string("moved").unwrap();
    let status = terminal.process().wait().unwrap();
    assert!(format!("{status:?}").contains("130"), "{status:?}");
}

#[test]
fn a_process_that_ends_meanwhile_is_a_failure_with_what_has_moved() {
    let nodes = nodes();
    if nodes.len() < 2 {
        return;
    }
    let holder = Holder::start(64, nodes[0]);
    let pid = holder.pid();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(3));
        drop(holder);
    });
    let output = numars(&["move", &pid, "--to", &nodes[1].to_string(), "--bandwidth", "4M"]);
    killer.join().unwrap();
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    assert!(error.contains("has ended"), "{out} {error}");
    assert_eq!(output.status.code(), Some(3), "{out} {error}");
    assert!(out.contains("moved"), "{out}");
}

//! `numars top`, as a person drives it: in a terminal of tmux(1), whose keys and screen these tests use. Without tmux, those are skipped.

mod support;

use numars::{MapOptions, Node, Policy, Topology};
use serde_json::Value;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::assert_matches_schema;

const NUMARS: &str = env!("CARGO_BIN_EXE_numars");

fn numars(arguments: &[&str]) -> Output {
    let mut command = Command::new(NUMARS);
    command.args(arguments).env_remove("COLUMNS").env_remove("LINES").env("LC_ALL", "C").output().unwrap()
}

fn text(arguments: &[&str]) -> String {
    let output = numars(arguments);
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    String::from_utf8(output.stdout).unwrap()
}

/// A shell in a terminal of its own.
struct Terminal {
    socket: String,
}

impl Terminal {
    /// Starts the terminal. Returns `None` if tmux is not installed.
    fn start(environment: &[(&str, &str)]) -> Option<Terminal> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let terminal = Terminal { socket: format!("numars-test-{}-{number}", std::process::id()) };
        let mut command = Command::new("tmux");
        command.args(["-u", "-L", &terminal.socket, "-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24"]);
        command.env_remove("TMUX").env("LC_ALL", "C.UTF-8").env("SHELL", "/bin/sh").env_remove("COLUMNS");
        command.env_remove("LINES").env_remove("NO_COLOR").envs(environment.iter().copied());
        // Without an interactive shell: no file of a user changes the prompt.
        command.args(["env", "PS1=> ", "TERM=screen-256color", "sh"]);
        match command.stdin(Stdio::null()).output() {
            Err(error) => {
                eprintln!("skipped: tmux is not installed: {error}");
                None
            }
            Ok(output) => {
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                terminal.wait_for(">");
                Some(terminal)
            }
        }
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        let output = command.args(["-u", "-L", &self.socket]).args(arguments).env_remove("TMUX").output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn type_keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    fn wait_until(&self, what: &str, is_shown: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            if is_shown(&screen) {
                return screen;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "waiting for {what:?}:\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn wait_for(&self, text: &str) -> String {
        self.wait_until(text, |screen| screen.contains(text))
    }

    /// Starts `numars top` and waits for its first report.
    fn top(&self, arguments: &str) -> String {
        self.type_keys(&[&format!("{NUMARS} top -i 300ms {arguments}; echo status $?"), "Enter"]);
        self.wait_until("a report", |screen| screen.contains("PID") && !screen.contains("  0 nodes"))
    }

    /// Returns the PID of the program that the shell runs.
    fn child(&self) -> String {
        let shell = self.tmux(&["display-message", "-p", "#{pane_pid}"]);
        let shell = shell.trim();
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        children.split_whitespace().next().unwrap().to_owned()
    }

    /// Checks that the terminal is as a program has to leave it: with the other screen, the cursor, and an echo of what is typed.
    fn assert_restored(&self) {
        self.wait_for("status ");
        let flags = self.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]);
        assert_eq!(flags.trim(), "0 1");
        self.type_keys(&["stty -a", "Enter"]);
        let settings = self.wait_for(" iexten");
        assert!(
            !settings.contains("-echo ") && !settings.contains("-icanon") && !settings.contains("-isig"),
            "{settings}"
        );
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.socket, "kill-server"]).env_remove("TMUX").output();
    }
}

#[test]
fn one_frame_is_printed_in_ascii_and_fits_a_terminal() {
    let frame = text(&["top", "--once", "--interval", "100ms"]);
    assert!(frame.starts_with("numars top  ") && frame.is_ascii() && !frame.contains('\x1b'), "{frame}");
    assert!(frame.lines().all(|line| line.len() <= 80) && frame.lines().count() <= 24, "{frame}");
    assert!(frame.contains("\npages/s  migrated ") && frame.contains("\nnode memory"), "{frame}");
    assert!(frame.contains("\n  PID ") || frame.contains(" PID "), "{frame}");
}

#[test]
fn json_is_one_report_for_each_interval() {
    let output = text(&["top", "--json", "--interval", "100ms", "--count", "2"]);
    let reports: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(reports.len(), 2);
    for report in &reports {
        assert_eq!(report["schema"], "numars.top/1");
        assert_matches_schema(report);
        assert!(report["seconds"].as_f64().unwrap() >= 0.1);
        assert!(report["nodes"][0]["memory_bytes"].is_u64() && report["machine"].is_object());
        assert!(report["processes"].as_array().unwrap().iter().any(|process| process["name"] == "numars"));
    }
    assert!(reports[1]["time_ms"].as_u64() > reports[0]["time_ms"].as_u64());
}

#[test]
fn without_a_terminal_it_says_what_else_there_is() {
    let output = numars(&["top"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(error.starts_with("numars: the output is no terminal") && error.contains("--once"), "{error}");
    assert_eq!(numars(&["top", "--once", "--interval", "1ms"]).status.code(), Some(2));
}

#[test]
fn keys_sort_filter_and_quit_and_the_terminal_is_restored() {
    let Some(terminal) = Terminal::start(&[]) else { return };
    let first = terminal.top("");
    assert!(first.contains("by memory") && first.lines().filter(|line| line.starts_with("> ")).count() == 1, "{first}");
    terminal.type_keys(&["s", "pid", "Enter"]);
    terminal.wait_for("by pid");
    terminal.type_keys(&["/", "numars", "Enter"]);
    let filtered = terminal.wait_for("names with numars");
    assert!(filtered.contains(" numars "), "{filtered}");
    terminal.type_keys(&["Escape"]);
    terminal.wait_until("all names", |screen| !screen.contains("names with"));
    terminal.type_keys(&["Down", "Down", "Up", "h"]);
    terminal.wait_for("Ctrl-C  quit");
    terminal.type_keys(&["h", "m"]);
    terminal.wait_for(") to nodes: _");
    terminal.type_keys(&["4711", "Enter"]);
    terminal.wait_for("\"4711\"");
    terminal.type_keys(&["q"]);
    terminal.wait_for("status 0");
    terminal.assert_restored();
}

#[test]
fn a_signal_and_ctrl_c_restore_the_terminal() {
    for (signal, status) in [("-TERM", "status 130"), ("-HUP", "status 130"), ("", "status 0")] {
        let Some(terminal) = Terminal::start(&[]) else { return };
        terminal.top("");
        if signal.is_empty() {
            terminal.type_keys(&["C-c"]);
        } else {
            assert!(Command::new("kill").args([signal, &terminal.child()]).status().unwrap().success());
        }
        terminal.wait_for(status);
        terminal.assert_restored();
    }
}

#[test]
fn it_works_without_colours_and_without_utf_8() {
    let Some(terminal) = Terminal::start(&[("NO_COLOR", "1")]) else { return };
    terminal.type_keys(&["export LC_ALL=C", "Enter"]);
    let screen = terminal.top("");
    assert!(screen.is_ascii(), "{screen}");
    let styled = terminal.tmux(&["capture-pane", "-p", "-e"]);
    let has_color = (30..38).chain([38, 48]).any(|color| styled.contains(&format!("\x1b[{color}")));
    assert!(!has_color, "{styled:?}");
    terminal.type_keys(&["q"]);
    terminal.assert_restored();
}

#[test]
fn with_a_count_it_ends_by_itself() {
    let Some(terminal) = Terminal::start(&[]) else { return };
    terminal.top("--count 2");
    terminal.wait_for("status 0");
    terminal.assert_restored();
}

#[test]
fn a_process_is_moved_to_the_node_that_is_typed_and_esc_cancels() {
    const BYTES: usize = 96 << 20;
    let nodes = Topology::read().unwrap().nodes_with_memory();
    let (Some(from), Some(to)) = (nodes.iter().next(), nodes.iter().nth(1)) else {
        eprintln!("skipped: this machine has one node with memory");
        return;
    };
    let Some(terminal) = Terminal::start(&[]) else { return };
    let mut map = MapOptions::new().policy(Policy::bind(from.into())).map(BYTES).unwrap();
    map.fill(1);
    let megabytes_on = |node: Node| {
        let mut pages = vec![0; Node::COUNT];
        numars::count_pages(&map[..], &mut pages).unwrap();
        (pages[node.number()] * numars::page_size()) >> 20
    };
    assert!(megabytes_on(from) == BYTES >> 20);
    let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
    terminal.top(&format!("--name {} --min-size 64M", comm.trim()));
    let selected = |line: &str| line.starts_with('>') && line.contains(&std::process::id().to_string());
    terminal.wait_until("the process", |screen| screen.lines().any(selected));
    terminal.type_keys(&["m", &to.number().to_string(), "Enter"]);
    terminal.wait_for("Esc cancels");
    terminal.type_keys(&["Escape"]);
    let ended = terminal.wait_until("the end", |screen| screen.contains(" moved to ") || screen.contains("cancelled:"));
    eprintln!("{}", ended.lines().find(|line| line.contains(" moved to ")).unwrap_or_default());
    if ended.contains("cancelled:") {
        assert!(megabytes_on(from) > 0);
    }
    terminal.type_keys(&["m", &to.number().to_string(), "Enter"]);
    terminal.wait_until("the end", |screen| screen.contains(" moved to ") && !screen.contains("cancelled:"));
    assert!(megabytes_on(to) > (BYTES >> 20) * 9 / 10, "{} MiB", megabytes_on(to));
    let column = format!(" N{}", to.number());
    terminal.wait_until("the next report", |screen| screen.contains(" moved\n") && screen.contains(&column));
    terminal.type_keys(&["q"]);
    terminal.assert_restored();
}

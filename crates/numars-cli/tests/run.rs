//! `numars run`: what a program gets, and what is refused before it starts. Several nodes are needed for more; see tests/vm.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Output};

fn numars(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_numars"));
    command.arg("run").args(arguments);
    for variable in ["LD_PRELOAD", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "NUMARS_LIBRARY", "NUMARS_LOG"] {
        command.env_remove(variable);
    }
    command
}

/// Returns its standard output, standard error and exit status.
fn run(command: &mut Command) -> (String, String, Option<i32>) {
    let Output { stdout, stderr, status } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(stdout), text(stderr), status.code())
}

/// Asserts that nothing is run, and that the reason is one line.
fn assert_refuses(arguments: &[&str], status: i32, reason: &str) {
    let (out, err, found) = run(&mut numars(arguments));
    assert_eq!((out.as_str(), found), ("", Some(status)), "{arguments:?} {err}");
    assert!(err.starts_with("numars: ") && err.contains(reason) && err.lines().count() == 1, "{arguments:?} {err}");
}

/// Returns whether memory policy can be used here: containers often forbid it.
fn has_policy() -> bool {
    let (out, ..) = run(&mut numars(&["--show"]));
    !out.contains("forbidden")
}

#[test]
fn the_exit_status_is_that_of_the_program() {
    assert_eq!(run(&mut numars(&["sh", "-c", "exit 42"])).2, Some(42));
    let killed = numars(&["--", "sh", "-c", "kill -TERM $$"]).status().unwrap();
    assert_eq!(killed.signal(), Some(15));
}

#[test]
fn options_after_the_program_are_the_programs() {
    let (out, _, status) = run(&mut numars(&["echo", "--json", "-m", "0", "--", "-x"]));
    assert_eq!((out.as_str(), status), ("--json -m 0 -- -x\n", Some(0)));
    assert_refuses(&["--bogus", "echo"], 2, "unexpected argument '--bogus' found (");
}

#[test]
fn the_hint_names_a_single_node_in_the_singular() {
    if has_policy() {
        let (_, err, _) = run(&mut numars(&["--membind", "", "true"]));
        assert!(err.contains("(memory of node") && !err.contains("nodes 0 can"), "{err}");
    }
}

#[test]
fn a_program_that_cannot_be_run_has_the_statuses_of_env() {
    assert_refuses(&["/no such program"], 127, "no such file");
    assert_refuses(&["no-such-program"], 127, "not found in PATH");
    assert_refuses(&["/"], 126, "not a program");
    assert_refuses(&["/etc/passwd"], 126, "may not be executed");
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    fs::write(&script, "#!/no such interpreter\n").unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    assert_refuses(&[script.to_str().unwrap()], 127, "its interpreter does not exist");
}

#[test]
fn a_program_inherits_the_cpus() {
    let (out, ..) = run(&mut numars(&["--cpunodebind=all", "grep", "Cpus_allowed_list", "/proc/self/status"]));
    assert!(out.starts_with("Cpus_allowed_list:"), "{out}");
    // The last one counts.
    let (out, err, _) = run(&mut numars(&["-N", "all", "-C", "+0", "grep", "Cpus_allowed_list", "/proc/self/status"]));
    let cpu = out.trim_start_matches("Cpus_allowed_list:").trim();
    assert!(cpu.parse::<u32>().is_ok(), "{out}{err}");
}

#[test]
fn a_program_inherits_the_policy() {
    if !has_policy() {
        println!("skipped: memory policy is forbidden here");
        return;
    }
    for (option, policy) in [
        ("--membind=+0", "bind:"),
        ("--interleave=+0", "interleave:"),
        ("--preferred=+0", "prefer:"),
        ("--localalloc", "local"),
    ] {
        let (out, err, _) = run(&mut numars(&[option, env!("CARGO_BIN_EXE_numars"), "run", "--show"]));
        assert!(out.starts_with(&format!("policy         {policy}")), "{option} {out}{err}");
    }
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    assert_refuses(&["--membind=99999", "true"], 2, if has_policy() { "99999" } else { "policy" });
    assert_refuses(&["--cpunodebind=99999", "true"], 2, "\"99999\"");
    assert_refuses(&["--physcpubind=99999", "true"], 2, "this process may run on");
    assert_refuses(&["--home-node=0", "true"], 2, "a range of memory");
    assert_refuses(&["--cpunodebind=same", "true"], 2, "another option");
    assert_refuses(&["--json", "true"], 2, "--show");
    for conflicting in [&["-m", "0", "-i", "0"][..], &["-l", "-p", "0"], &["--library=x"], &[]] {
        let (out, _, status) = run(numars(conflicting).args(if conflicting.is_empty() { &[][..] } else { &["true"] }));
        assert_eq!((out.as_str(), status), ("", Some(2)), "{conflicting:?}");
    }
}

#[test]
fn show_writes_json() {
    let (out, err, status) = run(&mut numars(&["--json", "--show", "--log=relative", "true"]));
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((report["schema"].as_str(), status), (Some("numars.run/1"), Some(0)), "{err}");
    let log = &report["environment"][0];
    assert_eq!(log["name"], "NUMARS_LOG");
    assert!(log["value"].as_str().unwrap().ends_with("/relative") && log["value"].as_str().unwrap().starts_with('/'));
    assert!(report["cpus"].is_string());
}

#[test]
fn the_log_is_requested_in_the_environment() {
    let (out, ..) = run(&mut numars(&["--log", "sh", "-c", "echo $NUMARS_LOG"]));
    assert_eq!(out, "1\n");
}

#[test]
fn a_library_that_cannot_be_preloaded_is_refused() {
    assert_refuses(&["--libnuma", "--library=/no such library", "true"], 125, "is numars installed?");
    // Not a library.
    assert_refuses(&["--libnuma", "--library=/etc/passwd", "true"], 125, "not a shared library");
}

#[test]
fn under_the_name_numars_run_the_arguments_are_those_of_that_script() {
    let named = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_numars"));
        run(command.arg0("/some/folder/numars-run").args(arguments).env("NUMARS_LIBRARY", "/no such library"))
    };
    let (out, _, status) = named(&["--help"]);
    assert!(out.starts_with("usage: numars-run ") && status == Some(0));
    let (out, _, status) = named(&["--version"]);
    assert!(out.starts_with("numars-run ") && status == Some(0));
    for wrong in [&[][..], &["--unknown"], &["--check"], &["--check", "a", "b"], &[""]] {
        let (out, err, status) = named(wrong);
        assert!(out.is_empty() && err.starts_with("numars-run: usage: ") && status == Some(125), "{wrong:?} {err}");
    }
    let (_, err, status) = named(&["no-such-program"]);
    assert_eq!((err.as_str(), status), ("numars-run: no-such-program: not found in PATH\n", Some(127)));
    let (_, err, status) = named(&["true"]);
    assert!(err.contains("is numars installed?") && status == Some(125), "{err}");
}

#[test]
fn an_ignored_sigpipe_stays_ignored_and_the_default_stays_the_default() {
    // Bit 12 of the signals that are ignored is SIGPIPE, the signal 13.
    let is_ignored = |trap: &str| {
        let numars = env!("CARGO_BIN_EXE_numars");
        let script = format!("{trap}{numars} run grep SigIgn /proc/self/status");
        // The one that runs the tests ignores it; std gives the shell the default.
        let (out, err, _) = run(Command::new("sh").args(["-c", &script]));
        let signals = out.split_whitespace().nth(1).unwrap_or_else(|| panic!("{err}"));
        u64::from_str_radix(signals, 16).unwrap() >> 12 & 1 == 1
    };
    assert!(is_ignored("trap '' PIPE; "));
    assert!(!is_ignored(""));
}

#[test]
fn a_closed_stream_stays_closed() {
    let numars = env!("CARGO_BIN_EXE_numars");
    for (redirection, expected) in [("<&-", "closed\n"), ("</dev/null", "open\n")] {
        let script = format!("{numars} run sh -c '[ -e /proc/$$/fd/0 ] && echo open || echo closed' {redirection}");
        let (out, err, _) = run(Command::new("sh").args(["-c", &script]));
        assert_eq!((out.as_str(), err.as_str()), (expected, ""), "{redirection}");
    }
}

#[test]
fn balancing_without_a_policy_that_binds_is_ignored_as_numactl_does() {
    let policy = |arguments: &[&str]| run(&mut numars(&[arguments, &["--show"]].concat())).0;
    assert_eq!(policy(&["-b"]), policy(&[]));
    if has_policy() {
        assert_eq!(policy(&["-b", "-l"]), policy(&["-l"]));
        assert_eq!(policy(&["-b", "-i", "all"]), policy(&["-i", "all"]));
    }
}

#[test]
fn same_stands_for_the_nodes_of_cpunodebind_although_physcpubind_overrides_them() {
    if has_policy() {
        let (out, err, _) = run(&mut numars(&["-N", "+0", "-C", "+0", "-m", "same", "--show"]));
        assert!(out.contains("bind:"), "{out}{err}");
    }
}

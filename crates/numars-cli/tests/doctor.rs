//! `numars doctor`, as a program.

use std::process::{Command, Output};

fn doctor(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_numars"));
    command.arg("doctor").args(arguments).env("COLUMNS", "80").env("LC_ALL", "C").output().unwrap()
}

fn json(arguments: &[&str]) -> serde_json::Value {
    let output = doctor(&[&["--json"], arguments].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn marks<'a>(report: &'a serde_json::Value, group: &str) -> Vec<(&'a str, &'a str)> {
    let checks = report["checks"].as_array().unwrap();
    let of_group = checks.iter().filter(|check| check["group"] == group);
    of_group.map(|check| (check["name"].as_str().unwrap(), check["mark"].as_str().unwrap())).collect()
}

#[test]
fn the_exit_status_says_whether_there_are_problems() {
    let report = json(&[]);
    let problems = report["problems"].as_u64().unwrap();
    assert_eq!(report["schema"], "numars.doctor/1");
    assert_eq!(doctor(&[]).status.code(), Some(i32::from(problems > 0)));
    let quiet = doctor(&["--quiet"]);
    assert_eq!((quiet.status.code(), quiet.stdout.len()), (Some(i32::from(problems > 0)), 0));
}

#[test]
fn each_problem_has_a_remedy_and_each_group_has_checks() {
    let report = json(&[]);
    for check in report["checks"].as_array().unwrap() {
        assert!(check["mark"] != "problem" || check["remedy"].is_string(), "{check}");
    }
    for group in ["calls", "permissions", "machine", "kernel-settings", "this-process"] {
        assert!(!marks(&report, group).is_empty(), "{group}");
    }
    assert!(marks(&report, "process").is_empty());
}

#[test]
fn the_text_is_ascii_and_80_columns_wide_in_the_c_locale() {
    let output = doctor(&[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 80), "{text}");
    assert!(text.starts_with("System calls\n") && text.contains(" unknown\n"));
}

#[test]
fn a_process_of_the_same_user_can_be_moved_and_inspected() {
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let report = json(&[&child.id().to_string()]);
    child.kill().unwrap();
    child.wait().unwrap();
    let marks = marks(&report, "process");
    let calls_work =
        report["checks"].as_array().unwrap().iter().any(|check| check["name"] == "move_pages" && check["mark"] == "ok");
    for name in ["user", "move_pages", "page_maps"] {
        assert!(!calls_work || marks.contains(&(name, "ok")), "{name}: {marks:?}");
    }
}

#[test]
fn a_process_that_does_not_exist_is_a_failure() {
    let output = doctor(&["2147483647"]);
    assert_eq!(output.status.code(), Some(3));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.starts_with("numars: no process 2147483647 (") && error.lines().count() == 1, "{error}");
    for wrong in ["0", "-1", "x"] {
        assert_eq!(doctor(&[wrong]).status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn the_schema_is_that_of_the_report() {
    let output = Command::new(env!("CARGO_BIN_EXE_numars")).args(["schema", "doctor"]).output().unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let report = json(&[]);
    for name in report.as_object().unwrap().keys() {
        assert!(schema["properties"][name].is_object(), "{name}");
    }
}

/// Runs the program where these calls fail with an errno, as in a container.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn doctor_without(calls: &'static [libc::c_long], errno: i32, arguments: &'static [&str]) -> Output {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
    // The filter is that of this thread and of what it starts.
    let run = move || {
        let rules = calls.iter().map(|&call| (call, vec![])).collect();
        let denied = SeccompAction::Errno(errno as u32);
        let filter =
            SeccompFilter::new(rules, SeccompAction::Allow, denied, std::env::consts::ARCH.try_into().unwrap());
        apply_filter(&BpfProgram::try_from(filter.unwrap()).unwrap()).unwrap();
        doctor(arguments)
    };
    std::thread::spawn(run).join().unwrap()
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const POLICY_CALLS: [libc::c_long; 6] = [
    libc::SYS_get_mempolicy,
    libc::SYS_set_mempolicy,
    libc::SYS_mbind,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    libc::SYS_set_mempolicy_home_node,
];

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[test]
fn calls_that_a_container_forbids_are_problems() {
    for errno in [libc::EPERM, libc::ENOSYS] {
        let output = doctor_without(&POLICY_CALLS, errno, &["--json"]);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let calls = marks(&report, "calls");
        for name in ["get_mempolicy", "set_mempolicy", "mbind", "move_pages", "migrate_pages"] {
            assert!(calls.contains(&(name, "problem")), "{name}: {calls:?}");
        }
        assert!(calls.contains(&("sched_setaffinity", "ok")), "{calls:?}");
        assert!(marks(&report, "permissions").iter().any(|(name, _)| *name == "seccomp"));
        assert_eq!(output.status.code(), Some(1));
    }
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[test]
fn a_call_that_is_forbidden_alone_is_the_only_one_that_is_a_problem() {
    let output = doctor_without(&[libc::SYS_move_pages], libc::EPERM, &["--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let here = json(&[]);
    let problems = |report| -> Vec<String> {
        let problems = marks(report, "calls").into_iter().filter(|(_, mark)| *mark == "problem");
        problems.map(|(name, _)| name.to_owned()).collect()
    };
    if problems(&here).is_empty() {
        assert_eq!(problems(&report), ["move_pages"]);
    }
}

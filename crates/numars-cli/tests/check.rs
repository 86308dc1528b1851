//! `numars check`: what files need of libnuma. tests/numars_run.rs of the library checks the same code under the name numars-run.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

fn check(arguments: &[&str], folder: &Path) -> (String, String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_numars"));
    command.arg("check").args(arguments).current_dir(folder);
    for variable in ["LD_PRELOAD", "LD_LIBRARY_PATH", "NUMARS_LIBRARY"] {
        command.env_remove(variable);
    }
    let Output { stdout, stderr, status } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(stdout), text(stderr), status.code())
}

fn report(arguments: &[&str], folder: &Path) -> (serde_json::Value, Option<i32>) {
    let (out, err, status) = check(&[&["--json"], arguments].concat(), folder);
    (serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}")), status)
}

/// Compiles C in a directory. Returns false if there is no compiler.
fn compile(folder: &Path, source: &str, output: &str, flags: &[&str]) -> bool {
    let file = folder.join(format!("{output}.c"));
    fs::write(&file, source).unwrap();
    let mut command = Command::new("cc");
    let compiled = command.current_dir(folder).arg(&file).args(["-o", output]).args(flags).status();
    match compiled {
        Ok(status) => {
            assert!(status.success());
            true
        }
        Err(_) => {
            println!("skipped: there is no C compiler");
            false
        }
    }
}

const LIBNUMA: &[&str] = &["-shared", "-fPIC", "-Wl,-soname,libnuma.so.1,--version-script=versions"];

/// Builds a libnuma with these functions of a version, and a program that calls them.
fn program_with(folder: &Path, functions: &[&str], version: &str) -> bool {
    let names = functions.join("; ");
    fs::write(folder.join("versions"), format!("{version} {{ {names}; }};\n")).unwrap();
    let define: String = functions.iter().map(|name| format!("int {name}(void) {{ return 0; }}\n")).collect();
    let declare: String = functions.iter().map(|name| format!("int {name}(void);\n")).collect();
    let call: String = functions.iter().map(|name| format!("{name}() + ")).collect();
    compile(folder, &define, "libnuma.so.1", LIBNUMA)
        && compile(folder, &format!("{declare}int main(void) {{ return {call}0; }}\n"), "program", &["./libnuma.so.1"])
}

#[test]
fn symbols_that_numars_has_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    if !program_with(folder.path(), &["numa_available", "numa_max_node"], "libnuma_1.1") {
        return;
    }
    let (report, status) = report(&["./program"], folder.path());
    assert_eq!((report["schema"].as_str(), status), (Some("numars.check/1"), Some(0)), "{report}");
    let symbols = report["symbols"].as_array().unwrap();
    assert!(symbols.len() == 2 && report["linked"] == true && report["linkage"] == "dynamic", "{report}");
    assert!(symbols.iter().all(|symbol| symbol["numars"] == true && symbol["version"] == "libnuma_1.1"), "{report}");
    let (out, ..) = check(&["./program"], folder.path());
    assert!(out.starts_with("./program: numars has all 2 symbols") && out.is_ascii(), "{out}");
    assert!(out.lines().all(|line| line.len() <= 80 || line.contains('/')), "{out}");
}

#[test]
fn a_symbol_that_numars_lacks_is_reported_by_the_exit_status() {
    let folder = tempfile::tempdir().unwrap();
    if !program_with(folder.path(), &["numa_available", "numa_of_some_later_day"], "libnuma_9.0") {
        return;
    }
    let (out, _, status) = check(&["./program"], folder.path());
    assert!(status == Some(1) && out.contains("numars lacks 2 of the 2") && out.contains("MISSING"), "{out}");
    assert!(out.contains("version libnuma_9.0"), "{out}");
    let (report, _) = report(&["./program"], folder.path());
    assert_eq!((&report["complete"], &report["versions"][0]["numars"]), (&false.into(), &false.into()), "{report}");
}

#[test]
fn a_library_is_checked_without_being_a_program() {
    let folder = tempfile::tempdir().unwrap();
    let source =
        "int numa_available(void); int numa_of_some_later_day(void); int inner(void) { return numa_available(); }\n";
    if !compile(folder.path(), source, "libinner.so", &["-shared", "-fPIC"]) {
        return;
    }
    fs::set_permissions(folder.path().join("libinner.so"), Permissions::from_mode(0o644)).unwrap();
    let (report, status) = report(&["libinner.so"], folder.path());
    assert_eq!((report["linkage"].as_str(), status), (Some("library"), Some(0)), "{report}");
    assert_eq!(report["symbols"][0]["name"], "numa_available", "{report}");
    assert!(report["symbols"][0]["version"].is_null());
}

#[test]
fn scripts_and_static_programs_are_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    let (out, err, status) = check(&["./script"], folder.path());
    assert!(
        out.starts_with("./script is a script") && out.contains("not linked with libnuma") && status == Some(0),
        "{out}{err}"
    );
    fs::write(&script, "#!/usr/bin/env no-such-program\n").unwrap();
    let (out, _, status) = check(&["./script"], folder.path());
    assert!(out.contains("unknown: the program that env starts") && status == Some(1), "{out}");
    let contained = "int numa_available(void) { return 0; } int main(void) { return numa_available(); }\n";
    if compile(folder.path(), contained, "static", &["-static"]) {
        let (out, _, status) = check(&["./static"], folder.path());
        assert!(out.contains("linked statically") && out.contains("(1 function)") && status == Some(0), "{out}");
    }
}

#[test]
fn files_that_cannot_be_checked_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (file, reason) in
        [("/etc/passwd", "not an ELF file"), ("./no-such-file", "no such file"), ("/", "not a program")]
    {
        let (out, err, status) = check(&[file], folder.path());
        assert!(out.is_empty() && err.contains(reason) && err.lines().count() == 1 && status == Some(3), "{err}");
    }
    assert_eq!(check(&["--library=/no such library", "true"], folder.path()).2, Some(3));
}

#[test]
fn the_exit_status_does_not_depend_on_whether_the_output_is_read() {
    let numars = env!("CARGO_BIN_EXE_numars");
    for command in ["check /bin/sh", "doctor"] {
        let status = |redirection: &str| {
            let script = format!("{{ {numars} {command}; echo $? >&2; }} {redirection}");
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            String::from_utf8(output.stderr).unwrap()
        };
        assert_eq!(status("| true"), status(">/dev/null"), "{command}");
    }
}

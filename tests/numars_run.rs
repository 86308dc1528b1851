//! numars-run: programs that know nothing of numars run on it, and where that cannot be, it says why.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::{compile_c, run, stage};
use tempfile::TempDir;

/// Says which libnuma it runs on: numars is the one that has this symbol.
const PROGRAM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <numa.h>
#include <stdio.h>

int main(int count, char **arguments)
{
    printf("%s on %s\n", count > 1 ? arguments[1] : "", dlsym(RTLD_DEFAULT, "numars_version") ? "numars" : "libnuma");
    return numa_max_node() < 0 ? 1 : count + 40;
}
"#;

fn numars_run() -> Command {
    Command::new(stage().prefix.join("bin/numars-run"))
}

/// The program above, linked with libnuma.
fn program(folder: &Path) -> PathBuf {
    compile_c(folder, PROGRAM, &["-lnuma".to_owned()])
}

/// What it printed to standard output and to standard error, and its exit status.
fn answer(command: &mut Command) -> (String, String, i32) {
    let Output { stdout, stderr, status } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(stdout), text(stderr), status.code().unwrap())
}

fn assert_refuses(command: &mut Command, status: i32, reason: &str) {
    let (out, err, found) = answer(command);
    assert_eq!((out.as_str(), found), ("", status), "{err}");
    assert!(err.starts_with("numars-run: ") && err.contains(reason), "{err}");
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    // For programs that others start.
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn a_program_runs_on_numars_with_its_arguments_and_exit_status() {
    let folder = folder();
    let program = program(folder.path());
    assert_eq!(answer(Command::new(&program).arg("alone")), ("alone on libnuma\n".into(), String::new(), 42));
    assert_eq!(answer(numars_run().arg(&program).arg("so")), ("so on numars\n".into(), String::new(), 42));
    let mut by_name = numars_run();
    by_name.env("PATH", format!("{}:/usr/bin:/bin", folder.path().display())).arg("program");
    assert_eq!(answer(&mut by_name), (" on numars\n".into(), String::new(), 41));
}

#[test]
fn what_is_preloaded_already_stays() {
    let folder = folder();
    let program = program(folder.path());
    let other = folder.path().join("other.so");
    run(Command::new("gcc").args(["-shared", "-x", "c", "/dev/null", "-o"]).arg(&other));
    let mut command = numars_run();
    command.env("LD_PRELOAD", &other).args(["sh", "-c", "echo $LD_PRELOAD; exec \"$0\""]).arg(&program);
    let expected = format!("{}:{}\n on numars\n", other.display(), stage().flavour().join("libnuma.so.1").display());
    assert_eq!(answer(&mut command), (expected, String::new(), 41));
}

#[test]
fn what_is_in_the_path_of_libraries_already_stays() {
    let mut command = numars_run();
    command.env("LD_LIBRARY_PATH", "/some/folder").args(["sh", "-c", "echo $LD_LIBRARY_PATH"]);
    let expected = format!("{}:/some/folder\n", stage().flavour().display());
    assert_eq!(answer(&mut command), (expected, String::new(), 0));
}

/// Opens libnuma by each of its names, and says of each whether it is numars; and whether there are two of them.
const OPENS: &str = r#"
#include <dlfcn.h>
#include <stdio.h>

int main(void)
{
    static const char *const names[] = { "libnuma.so", "libnuma.so.1", "libnuma.so.1.0.0" };
    void *numars = NULL;
    for (int i = 0; i < 3; i++) {
        void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        const int is_numars = library != NULL && dlsym(library, "numars_version") != NULL;
        if (numars == NULL && is_numars)
            numars = library;
        printf("%s: %s\n", names[i], library == NULL ? "nothing" : !is_numars ? "another" :
            library == numars ? "numars" : "a second numars");
    }
    return 0;
}
"#;

const OPENED: &str = "libnuma.so: numars\nlibnuma.so.1: numars\nlibnuma.so.1.0.0: numars\n";

/// Another libnuma, in a folder.
fn another_libnuma(folder: &Path) {
    run(Command::new("gcc")
        .current_dir(folder)
        .args(["-shared", "-x", "c", "/dev/null", "-Wl,-soname,libnuma.so.1"])
        .args(["-o", "libnuma.so.1"]));
    symlink("libnuma.so.1", folder.join("libnuma.so")).unwrap();
}

#[test]
fn a_program_that_opens_libnuma_itself_finds_numars_by_each_name() {
    let folder = folder();
    let program = compile_c(folder.path(), OPENS, &[]);
    assert_eq!(answer(numars_run().arg(&program)), (OPENED.into(), String::new(), 0));
    assert_eq!(answer(numars_run().args(["sh", "-c"]).arg(&program)), (OPENED.into(), String::new(), 0));
    // Also from another folder, by a library whose path begins there.
    let mut command = numars_run();
    command.env("NUMARS_LIBRARY", "lib/numars/libnuma.so.1").current_dir(&stage().prefix);
    command.args(["sh", "-c", "cd / && exec \"$0\""]).arg(&program);
    assert_eq!(answer(&mut command), (OPENED.into(), String::new(), 0));
}

#[test]
fn check_says_which_libnuma_a_program_would_open() {
    let folder = folder();
    let library = stage().flavour().join("libnuma.so.1");
    let numars = library.display();
    let program = compile_c(folder.path(), OPENS, &[]);
    let (out, err, status) = answer(numars_run().arg("--check").arg(&program));
    let expected = format!(
        "With dlopen(3) it would find:\n  libnuma.so        {numars}\n  libnuma.so.1      {numars}\n  libnuma.so.1.0.0  {numars}\n"
    );
    assert!(err.is_empty() && status == 0 && out.ends_with(&expected), "{out}{err}");

    // The folders that a program names in an RPATH come before all others.
    another_libnuma(folder.path());
    let flags = [format!("-Wl,--disable-new-dtags,-rpath,{}", folder.path().display())];
    let program = compile_c(folder.path(), OPENS, &flags);
    let (out, ..) = answer(numars_run().arg("--check").arg(&program));
    let another = format!("  libnuma.so        {}/libnuma.so (not numars)\n", folder.path().display());
    assert!(out.contains(&another) && out.contains(&format!("  libnuma.so.1      {numars}\n")), "{out}");
    let opened = "libnuma.so: another\nlibnuma.so.1: numars\nlibnuma.so.1.0.0: numars\n";
    assert_eq!(answer(numars_run().arg(&program)).0, opened);

    // A copy alone in its folder has no other names.
    let copy = tempfile::tempdir().unwrap();
    let only = copy.path().join("libnuma.so.1");
    fs::copy(&library, &only).unwrap();
    let program = compile_c(folder.path(), OPENS, &[]);
    let (out, ..) = answer(numars_run().env("NUMARS_LIBRARY", &only).arg("--check").arg(&program));
    assert!(out.contains(&format!("  libnuma.so.1      {}\n", only.display())), "{out}");
    assert!(!out.contains(&format!("  libnuma.so        {}\n", only.display())), "{out}");
}

#[test]
fn a_program_whose_rpath_names_another_libnuma_runs_on_numars() {
    let folder = folder();
    another_libnuma(folder.path());
    let flags = [format!("-Wl,--disable-new-dtags,-rpath,{}", folder.path().display()), "-lnuma".to_owned()];
    let program = compile_c(folder.path(), PROGRAM, &flags);
    assert_eq!(answer(numars_run().arg(&program)), (" on numars\n".into(), String::new(), 41));
    let mut script = numars_run();
    script.args(["sh", "-c", "LD_LIBRARY_PATH=/nowhere exec \"$0\""]).arg(&program);
    assert_eq!(answer(&mut script), (" on numars\n".into(), String::new(), 41));
}

#[test]
fn programs_with_sanitizers_run_also_if_others_start_them_and_find_what_they_look_for() {
    for sanitizer in ["address", "thread", "undefined", "leak"] {
        let folder = folder();
        let flag = format!("-fsanitize={sanitizer}");
        let program = compile_c(folder.path(), PROGRAM, &[flag, "-lnuma".to_owned()]);
        let expected = (" on numars\n".into(), String::new(), 41);
        assert_eq!(answer(numars_run().arg(&program)), expected, "{sanitizer}");
        assert_eq!(answer(numars_run().args(["sh", "-c", "\"$0\""]).arg(&program)), expected, "{sanitizer}");
    }
    let folder = folder();
    let program = compile_c(
        folder.path(),
        "#include <numa.h>\n#include <stdlib.h>\nint main(void) { char *one = calloc(1, 1); return one[numa_max_node() + 1 > 0]; }\n",
        &["-fsanitize=address".to_owned(), "-lnuma".to_owned()],
    );
    let (_, err, status) = answer(numars_run().env("ASAN_OPTIONS", "exitcode=77").arg(&program));
    assert!(status == 77 && err.contains("heap-buffer-overflow"), "{status} {err}");
}

#[test]
fn a_script_runs_if_its_interpreter_can() {
    let folder = folder();
    let program = program(folder.path());
    let script = folder.path().join("script");
    fs::write(&script, format!("#!/bin/sh\nexec {} \"$1\"\n", program.display())).unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    assert_eq!(answer(numars_run().arg(&script).arg("scripted")), ("scripted on numars\n".into(), String::new(), 42));
}

#[test]
fn what_cannot_be_preloaded_into_is_refused_with_the_reason() {
    let folder = folder();
    let linked_statically = folder.path().join("static");
    fs::write(folder.path().join("empty.c"), "int main(void) { return 0; }\n").unwrap();
    run(Command::new("gcc").arg("-static").arg(folder.path().join("empty.c")).arg("-o").arg(&linked_statically));
    assert_refuses(numars_run().arg(&linked_statically), 125, "statically");

    let foreign = folder.path().join("foreign");
    let mut bytes = fs::read(&linked_statically).unwrap();
    bytes[18] ^= 0xff;
    fs::write(&foreign, bytes).unwrap();
    fs::set_permissions(&foreign, Permissions::from_mode(0o755)).unwrap();
    assert_refuses(numars_run().arg(&foreign), 125, "another kind of machine");

    assert_refuses(numars_run().arg("/no such program"), 127, "no such file");
    assert_refuses(numars_run().arg("no-such-program"), 127, "not found in PATH");
    assert_refuses(numars_run().arg(folder.path()), 126, "not a program");
    assert_refuses(numars_run().arg(folder.path().join("empty.c")), 126, "may not be executed");
    assert_refuses(numars_run().env("NUMARS_LIBRARY", "/no such library").arg("true"), 125, "is numars installed?");
    let with_blank = folder.path().join("lib numa.so.1");
    fs::copy(stage().flavour().join("libnuma.so.1"), &with_blank).unwrap();
    assert_refuses(numars_run().env("NUMARS_LIBRARY", with_blank).arg("true"), 125, "several files");
}

#[test]
fn a_program_that_gains_rights_is_refused() {
    let folder = folder();
    let program = program(folder.path());
    // Only root can make a file of another user. For who owns it, the program gains nothing.
    if chown(&program, Some(65534), None).is_err() {
        fs::set_permissions(&program, Permissions::from_mode(0o4755)).unwrap();
        assert_eq!(answer(numars_run().arg(&program)).2, 41);
        return;
    }
    fs::set_permissions(&program, Permissions::from_mode(0o4755)).unwrap();
    assert_refuses(numars_run().arg(&program), 125, "setuid");
}

#[test]
fn check_tells_which_symbols_a_program_needs_and_runs_nothing() {
    let folder = folder();
    let program = program(folder.path());
    let (out, err, status) = answer(numars_run().arg("--check").arg(&program));
    assert_eq!((err.as_str(), status), ("", 0), "{out}");
    assert!(out.lines().any(|line| line.split_whitespace().eq(["numa_max_node", "libnuma_1.1", "there"])), "{out}");
    assert!(!out.contains(" on numars"), "{out}");
    let (out, _, status) = answer(numars_run().args(["--check", "true"]));
    assert!(status == 0 && out.contains("not linked with libnuma"), "{out}");
}

#[test]
fn check_says_what_numars_lacks() {
    let folder = folder();
    // A libnuma of some later day, and a program that needs it.
    let later = folder.path().join("libnuma.so.1");
    fs::write(folder.path().join("later.c"), "int numa_of_some_later_day(void) { return 0; }\n").unwrap();
    fs::write(folder.path().join("later.map"), "libnuma_9.0 { numa_of_some_later_day; };\n").unwrap();
    run(Command::new("gcc")
        .current_dir(&folder)
        .args(["-shared", "later.c", "-Wl,-soname,libnuma.so.1,--version-script=later.map", "-o"])
        .arg(&later));
    fs::write(
        folder.path().join("p.c"),
        "int numa_of_some_later_day(void); int main(void) { return numa_of_some_later_day(); }\n",
    )
    .unwrap();
    run(Command::new("gcc").current_dir(&folder).args(["p.c", "./libnuma.so.1", "-o", "p"]));
    let (out, _, status) = answer(numars_run().arg("--check").arg(folder.path().join("p")));
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("MISSING") && out.contains("libnuma_9.0"), "{out}");
}

#[test]
fn wrong_options_are_refused_and_help_is_given() {
    for arguments in [&[][..], &["--unknown"], &["--check"], &["--check", "a", "b"]] {
        let (out, err, status) = answer(numars_run().args(arguments));
        assert_eq!((out.as_str(), status), ("", 125), "{err}");
        assert!(err.contains("usage: numars-run"), "{err}");
    }
    let (out, err, status) = answer(numars_run().arg("--help"));
    assert!(out.starts_with("usage: numars-run") && err.is_empty() && status == 0);
    let (out, _, status) = answer(numars_run().arg("--version"));
    assert!(out.starts_with("numars-run ") && !out.contains('@') && status == 0, "{out}");
}

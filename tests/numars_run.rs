//! numars-run: programs that do not know numars run on it; if that is impossible, it says why. As the script of this name, which is installed
//! with CLI=no; and in numars_run_command.rs as a link to the command numars.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::{Stage, compile_c, run};
use tempfile::TempDir;

/// Prints which libnuma it runs on: numars has this symbol.
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

/// Whether numars-run is the script.
const IS_SCRIPT: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"numars_run");

fn stage() -> &'static Stage {
    if IS_SCRIPT { support::stage() } else { support::stage_with_command() }
}

#[test]
fn it_is_the_script_or_the_command() {
    let file = fs::read(stage().prefix.join("bin/numars-run")).unwrap();
    assert_eq!(file.starts_with(b"#!"), IS_SCRIPT);
}

fn numars_run() -> Command {
    Command::new(stage().prefix.join("bin/numars-run"))
}

/// The program above, linked with libnuma.
fn program(folder: &Path) -> PathBuf {
    compile_c(folder, PROGRAM, &["-lnuma".to_owned()])
}

/// Returns its standard output, standard error and exit status.
fn run_to_end(command: &mut Command) -> (String, String, i32) {
    let Output { stdout, stderr, status } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(stdout), text(stderr), status.code().unwrap())
}

fn assert_refuses(command: &mut Command, status: i32, reason: &str) {
    let (out, err, found) = run_to_end(command);
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
fn a_program_inherits_closed_streams_and_ignored_signals() {
    let numars_run = stage().prefix.join("bin/numars-run");
    let script = format!(
        "trap '' PIPE; {} sh -c '[ -e /proc/$$/fd/0 ] && echo open || echo closed; grep SigIgn /proc/self/status' <&-",
        numars_run.display()
    );
    let out = run(Command::new("sh").args(["-c", &script]));
    let ignored = out.strip_prefix("closed\nSigIgn:\t").unwrap_or_else(|| panic!("{out}")).trim();
    // Bit 12 is SIGPIPE, the signal 13.
    assert_eq!(u64::from_str_radix(ignored, 16).unwrap() >> 12 & 1, 1, "{out}");
}

#[test]
fn a_program_runs_on_numars_with_its_arguments_and_exit_status() {
    let folder = folder();
    let program = program(folder.path());
    assert_eq!(run_to_end(Command::new(&program).arg("alone")), ("alone on libnuma\n".into(), String::new(), 42));
    assert_eq!(run_to_end(numars_run().arg(&program).arg("so")), ("so on numars\n".into(), String::new(), 42));
    let mut by_name = numars_run();
    by_name.env("PATH", format!("{}:/usr/bin:/bin", folder.path().display())).arg("program");
    assert_eq!(run_to_end(&mut by_name), (" on numars\n".into(), String::new(), 41));
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
    assert_eq!(run_to_end(&mut command), (expected, String::new(), 41));
}

#[test]
fn what_is_in_the_path_of_libraries_already_stays() {
    let mut command = numars_run();
    command.env("LD_LIBRARY_PATH", "/some/folder").args(["sh", "-c", "echo $LD_LIBRARY_PATH"]);
    let expected = format!("{}:/some/folder\n", stage().flavour().display());
    assert_eq!(run_to_end(&mut command), (expected, String::new(), 0));
}

/// Opens libnuma by each of its names, and prints for each whether it is numars, and whether there are two of them.
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

/// Builds another libnuma, in a directory.
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
    assert_eq!(run_to_end(numars_run().arg(&program)), (OPENED.into(), String::new(), 0));
    assert_eq!(run_to_end(numars_run().args(["sh", "-c"]).arg(&program)), (OPENED.into(), String::new(), 0));
    // Also from another directory, by a library whose path begins there.
    let mut command = numars_run();
    command.env("NUMARS_LIBRARY", "lib/numars/libnuma.so.1").current_dir(&stage().prefix);
    command.args(["sh", "-c", "cd / && exec \"$0\""]).arg(&program);
    assert_eq!(run_to_end(&mut command), (OPENED.into(), String::new(), 0));
}

#[test]
fn check_says_which_libnuma_a_program_would_open() {
    let folder = folder();
    let library = stage().flavour().join("libnuma.so.1");
    let numars = library.display();
    let program = compile_c(folder.path(), OPENS, &[]);
    let (out, err, status) = run_to_end(numars_run().arg("--check").arg(&program));
    let expected = format!(
        "With dlopen(3) it would find:\n  libnuma.so        {numars}\n  libnuma.so.1      {numars}\n  libnuma.so.1.0.0  {numars}\n"
    );
    assert!(err.is_empty() && status == 0 && out.ends_with(&expected), "{out}{err}");

    // Directories in a program's RPATH come before all others.
    another_libnuma(folder.path());
    let flags = [format!("-Wl,--disable-new-dtags,-rpath,{}", folder.path().display())];
    let program = compile_c(folder.path(), OPENS, &flags);
    let (out, ..) = run_to_end(numars_run().arg("--check").arg(&program));
    let another = format!("  libnuma.so        {}/libnuma.so (not numars)\n", folder.path().display());
    assert!(out.contains(&another) && out.contains(&format!("  libnuma.so.1      {numars}\n")), "{out}");
    let opened = "libnuma.so: another\nlibnuma.so.1: numars\nlibnuma.so.1.0.0: numars\n";
    assert_eq!(run_to_end(numars_run().arg(&program)).0, opened);

    // A copy that is alone in its directory has no other names.
    let copy = tempfile::tempdir().unwrap();
    let only = copy.path().join("libnuma.so.1");
    fs::copy(&library, &only).unwrap();
    let program = compile_c(folder.path(), OPENS, &[]);
    let (out, ..) = run_to_end(numars_run().env("NUMARS_LIBRARY", &only).arg("--check").arg(&program));
    assert!(out.contains(&format!("  libnuma.so.1      {}\n", only.display())), "{out}");
    assert!(!out.contains(&format!("  libnuma.so        {}\n", only.display())), "{out}");
}

#[test]
fn a_program_whose_rpath_names_another_libnuma_runs_on_numars() {
    let folder = folder();
    another_libnuma(folder.path());
    let flags = [format!("-Wl,--disable-new-dtags,-rpath,{}", folder.path().display()), "-lnuma".to_owned()];
    let program = compile_c(folder.path(), PROGRAM, &flags);
    assert_eq!(run_to_end(numars_run().arg(&program)), (" on numars\n".into(), String::new(), 41));
    let mut script = numars_run();
    script.args(["sh", "-c", "LD_LIBRARY_PATH=/nowhere exec \"$0\""]).arg(&program);
    assert_eq!(run_to_end(&mut script), (" on numars\n".into(), String::new(), 41));
}

#[test]
fn programs_with_sanitizers_run_even_if_others_start_them_and_still_find_errors() {
    for sanitizer in ["address", "thread", "undefined", "leak"] {
        let folder = folder();
        let flag = format!("-fsanitize={sanitizer}");
        let program = compile_c(folder.path(), PROGRAM, &[flag, "-lnuma".to_owned()]);
        let expected = (" on numars\n".into(), String::new(), 41);
        assert_eq!(run_to_end(numars_run().arg(&program)), expected, "{sanitizer}");
        assert_eq!(run_to_end(numars_run().args(["sh", "-c", "\"$0\""]).arg(&program)), expected, "{sanitizer}");
    }
    let folder = folder();
    let program = compile_c(
        folder.path(),
        "#include <numa.h>\n#include <stdlib.h>\nint main(void) { char *one = calloc(1, 1); return one[numa_max_node() + 1 > 0]; }\n",
        &["-fsanitize=address".to_owned(), "-lnuma".to_owned()],
    );
    let (_, err, status) = run_to_end(numars_run().env("ASAN_OPTIONS", "exitcode=77").arg(&program));
    assert!(status == 77 && err.contains("heap-buffer-overflow"), "{status} {err}");
}

#[test]
fn a_script_runs_if_its_interpreter_can() {
    let folder = folder();
    let program = program(folder.path());
    let script = folder.path().join("script");
    fs::write(&script, format!("#!/bin/sh\nexec {} \"$1\"\n", program.display())).unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    assert_eq!(
        run_to_end(numars_run().arg(&script).arg("scripted")),
        ("scripted on numars\n".into(), String::new(), 42)
    );
}

/// Returns what `--check` prints about a script with this first line, with `folder` first in PATH.
fn check_of_a_script(folder: &Path, line: &str) -> (String, String, i32) {
    let script = folder.join("script");
    fs::write(&script, format!("{line}\n")).unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    let mut command = numars_run();
    run_to_end(command.env("PATH", format!("{}:/usr/bin:/bin", folder.display())).arg("--check").arg(&script))
}

#[test]
fn for_a_script_the_program_that_interprets_it_is_checked() {
    let folder = folder();
    let program = program(folder.path());
    let path = program.display();
    for line in [
        format!("#!{path}"),
        format!("#! {path} -option"),
        "#!/usr/bin/env program".into(),
        format!("#!/usr/bin/env {path}"),
        "#!/usr/bin/env -S program -option".into(),
        "#!/usr/bin/env -Sprogram".into(),
        "#!/usr/bin/env --split-string=ONE=1 TWO=2 program THREE=3".into(),
    ] {
        let (out, err, status) = check_of_a_script(folder.path(), &line);
        assert!(status == 0 && out.starts_with(&format!("{path} ")), "{line}\n{out}{err}");
    }
}

#[test]
fn check_does_not_mistake_env_for_the_program_that_it_starts() {
    let folder = folder();
    program(folder.path());
    for arguments in [
        "",
        "no-such-program",
        // A single argument, as the kernel passes it.
        "program -option",
        "NAME=1 program",
        "-i program",
        "program\r",
        // These change what is preloaded, or where programs are searched for.
        "-S -i program",
        "-S LD_PRELOAD= program",
        "-S PATH=/nowhere program",
        // env(1) replaces these.
        "-S 'program'",
        "-S ${HOME}/program",
        "-S",
    ] {
        let line = format!("#!/usr/bin/env {arguments}");
        let (out, err, status) = check_of_a_script(folder.path(), &line);
        assert!(status == 1 && out.contains("  UNKNOWN: the program that env starts"), "{line}\n{out}{err}");
    }
}

#[test]
fn programs_that_cannot_be_preloaded_into_are_rejected_with_the_reason() {
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
    assert_refuses(numars_run().arg(&foreign), 125, "another architecture");

    fs::write(folder.path().join("p.c"), "int main(void) { return 0; }\n").unwrap();
    let mut compile = Command::new("musl-gcc");
    run(compile.current_dir(&folder).args(["p.c", "-o", "p", "-Wl,--dynamic-linker=/nowhere/loader"]));
    for check in [&[][..], &["--check"]] {
        let reason = "its loader, /nowhere/loader, does not exist";
        assert_refuses(numars_run().args(check).arg(folder.path().join("p")), 125, reason);
    }

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
fn a_program_that_gains_privileges_is_rejected() {
    let folder = folder();
    let program = program(folder.path());
    // Only root can create a file of another user. For its owner, the program gains nothing.
    if chown(&program, Some(65534), None).is_err() {
        fs::set_permissions(&program, Permissions::from_mode(0o4755)).unwrap();
        assert_eq!(run_to_end(numars_run().arg(&program)).2, 41);
        return;
    }
    fs::set_permissions(&program, Permissions::from_mode(0o4755)).unwrap();
    assert_refuses(numars_run().arg(&program), 125, "setuid");
}

#[test]
fn check_lists_the_symbols_that_a_program_needs_and_runs_nothing() {
    let folder = folder();
    let program = program(folder.path());
    let (out, err, status) = run_to_end(numars_run().arg("--check").arg(&program));
    assert_eq!((err.as_str(), status), ("", 0), "{out}");
    assert!(out.lines().any(|line| line.split_whitespace().eq(["numa_max_node", "libnuma_1.1", "there"])), "{out}");
    assert!(!out.contains(" on numars"), "{out}");
    let (out, _, status) = run_to_end(numars_run().args(["--check", "true"]));
    assert!(status == 0 && out.contains("not linked with libnuma"), "{out}");
}

#[test]
fn check_says_what_numars_lacks() {
    let folder = folder();
    // A future libnuma, and a program that needs it.
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
    let (out, _, status) = run_to_end(numars_run().arg("--check").arg(folder.path().join("p")));
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("MISSING") && out.contains("libnuma_9.0"), "{out}");
}

/// Compiles a shared library that is searched for in other directories than those of the system.
fn library(folder: &Path, name: &str, source: &str, flags: &[&str]) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let (file, code) = (folder.join(format!("lib{name}.so")), folder.join(format!("{name}.c")));
    fs::write(&code, source).unwrap();
    run(Command::new("gcc")
        .args(["-shared", "-fPIC"])
        .arg(&code)
        .arg("-o")
        .arg(&file)
        .arg(format!("-Wl,-soname,lib{name}.so"))
        .args(flags));
    file
}

/// Returns the symbols that numars has according to `--check`, with their versions.
fn there(out: &str) -> BTreeSet<(String, String)> {
    out.lines()
        .filter_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [name, version, "there"] => Some((name.to_owned(), version.to_owned())),
            _ => None,
        })
        .collect()
}

/// Copies the loader that a program names into a directory.
fn copy_of_the_loader(program: &Path, folder: &Path) -> PathBuf {
    let headers = run(Command::new("readelf").args(["--wide", "--program-headers"]).arg(program));
    let loader = headers.split("program interpreter: ").nth(1).unwrap().split(']').next().unwrap();
    let copy = folder.join("loader");
    fs::copy(loader, &copy).unwrap();
    fs::set_permissions(&copy, Permissions::from_mode(0o755)).unwrap();
    copy
}

/// Creates a file at the path that MARK is defined as.
const LEAVES_A_MARK: &str = "#include <fcntl.h>\nint main(void) { return creat(MARK, 0600) < 0; }\n";

#[test]
fn check_runs_neither_a_program_with_another_loader_nor_that_loader() {
    let folder = folder();
    let mark = folder.path().join("mark");
    let compile = |flags: &[String]| {
        fs::write(folder.path().join("p.c"), LEAVES_A_MARK).unwrap();
        let program = folder.path().join("p");
        run(Command::new("musl-gcc")
            .arg(format!("-DMARK=\"{}\"", mark.display()))
            .arg(folder.path().join("p.c"))
            .arg("-o")
            .arg(&program)
            .args(flags));
        program
    };
    let refused = |program: &Path| {
        run(&mut Command::new(program));
        fs::remove_file(&mark).unwrap();
        assert_refuses(numars_run().arg("--check").arg(program), 125, "belongs to another C library");
        // musl would ignore what it cannot preload, and the program would run on without numars.
        assert_refuses(numars_run().arg(program), 125, "belongs to another C library");
        assert!(!mark.exists(), "something was run");
    };
    let program = compile(&[]);
    refused(&program);

    // A loader of the program's own.
    let loader = copy_of_the_loader(&program, folder.path());
    refused(&compile(&[format!("-Wl,--dynamic-linker={}", loader.display())]));

    // A script whose interpreter is a script that creates the file.
    let interpreter = folder.path().join("interpreter");
    fs::write(&interpreter, format!("#!/bin/sh\n: >{}\n", mark.display())).unwrap();
    let script = folder.path().join("script");
    fs::write(&script, format!("#!{}\n", interpreter.display())).unwrap();
    for file in [&interpreter, &script] {
        fs::set_permissions(file, Permissions::from_mode(0o755)).unwrap();
    }
    let (out, err, status) = run_to_end(numars_run().arg("--check").arg(&script));
    assert!(status == 0 && out.starts_with("/bin/sh is not linked with libnuma"), "{out}{err}");
    assert!(!mark.exists(), "the interpreter was run");
}

#[test]
fn a_program_whose_loader_is_a_copy_of_the_systems_is_checked_and_runs() {
    let folder = folder();
    let plain = program(folder.path());
    let loader = copy_of_the_loader(&plain, folder.path());
    let flags = [format!("-Wl,--dynamic-linker={}", loader.display()), "-lnuma".to_owned()];
    let program = compile_c(folder.path(), PROGRAM, &flags);
    assert_eq!(run_to_end(numars_run().arg(&program)), (" on numars\n".into(), String::new(), 41));
    let (out, _, status) = run_to_end(numars_run().arg("--check").arg(&program));
    assert!(status == 0 && there(&out).contains(&("numa_max_node".into(), "libnuma_1.1".into())), "{out}");
}

#[test]
fn check_rejects_programs_that_cannot_be_preloaded_into() {
    let folder = folder();
    let linked_statically = compile_c(folder.path(), "int main(void) { return 0; }\n", &["-static".to_owned()]);
    assert_refuses(numars_run().arg("--check").arg(&linked_statically), 125, "statically");
    let mut bytes = fs::read(&linked_statically).unwrap();
    bytes[18] ^= 0xff;
    fs::write(&linked_statically, bytes).unwrap();
    assert_refuses(numars_run().arg("--check").arg(&linked_statically), 125, "another architecture");
    fs::write(&linked_statically, "no ELF file").unwrap();
    assert_refuses(numars_run().arg("--check").arg(&linked_statically), 125, "not an ELF program");
    let program = program(folder.path());
    if chown(&program, Some(65534), None).is_ok() {
        fs::set_permissions(&program, Permissions::from_mode(0o4755)).unwrap();
        assert_refuses(numars_run().arg("--check").arg(&program), 125, "setuid");
    }
}

#[test]
fn a_program_with_capabilities_is_rejected_even_if_getcap_is_not_in_the_path() {
    let folder = folder();
    let program = program(folder.path());
    let set = Command::new("/usr/sbin/setcap").arg("cap_net_raw=ep").arg(&program).status();
    if !set.is_ok_and(|status| status.success()) {
        println!("skipped: capabilities of files cannot be set here");
        return;
    }
    // For root, such a program gains nothing.
    let mut command = numars_run();
    command.env("PATH", "/usr/bin:/bin").arg(&program).uid(65534).gid(65534);
    assert_refuses(&mut command, 125, "capabilities");
}

/// Builds libouter, which needs libinner, which needs libnuma, in directories of their own; the directories and how
/// libouter is linked are given.
fn nested_libraries(folder: &Path, flags_of_outer: &[&str]) -> String {
    let (inner, outer) = (folder.join("inner"), folder.join("outer"));
    library(&inner, "inner", "int numa_max_node(void); int inner(void) { return numa_max_node(); }\n", &["-lnuma"]);
    let inner_path = format!("-L{}", inner.display());
    let mut flags = vec![inner_path.as_str(), "-linner"];
    flags.extend(flags_of_outer);
    library(&outer, "outer", "int inner(void); int outer(void) { return inner(); }\n", &flags);
    format!("-L{}", outer.display())
}

#[test]
fn check_finds_libraries_where_the_loader_does() {
    const CALLS: &str = "int outer(void); int main(void) { return outer() < 0; }\n";
    const RPATH: &str = "-Wl,--disable-new-dtags,-rpath,";
    const RUNPATH: &str = "-Wl,--enable-new-dtags,-rpath,";
    let both = "$ORIGIN/outer:${ORIGIN}/inner";
    // How the program is linked, how libouter is, LD_LIBRARY_PATH, and which library is not found.
    for (program, outer, path, not_found) in [
        (format!("{RPATH}{both}"), None, "", None),
        // Applies to the program only, not to what libraries need.
        (format!("{RUNPATH}{both}"), None, "", Some("libinner.so")),
        (format!("{RUNPATH}$ORIGIN/outer"), Some(format!("{RUNPATH}$ORIGIN/../inner")), "", None),
        // A RUNPATH makes the loader ignore RPATHs.
        (format!("{RPATH}{both}"), Some(format!("{RUNPATH}/nowhere")), "", Some("libinner.so")),
        (format!("{RUNPATH}$ORIGIN/outer"), None, "inner", None),
        (format!("{RUNPATH}/nowhere"), None, "inner", Some("libouter.so")),
        (String::from("-g"), None, "outer:inner", None),
    ] {
        let folder = folder();
        let outer: Vec<&str> = outer.iter().map(String::as_str).collect();
        let flags =
            [nested_libraries(folder.path(), &outer), "-louter".into(), program, "-Wl,--allow-shlib-undefined".into()];
        let program = compile_c(folder.path(), CALLS, &flags);
        let command = |check: bool| {
            let mut command = numars_run();
            command.args(check.then_some("--check")).arg(&program).current_dir(folder.path());
            if !path.is_empty() {
                command.env("LD_LIBRARY_PATH", path);
            }
            run_to_end(&mut command)
        };
        let (out, err, status) = command(true);
        let (_, said, ran) = command(false);
        let context = format!("{flags:?} {path}\n{out}{err}\n{said}");
        let found = there(&out).contains(&("numa_max_node".into(), "libnuma_1.1".into()));
        match not_found {
            None => assert!(ran == 0 && status == 0 && found, "{context}"),
            Some(name) => {
                assert!(ran != 0 && said.contains(name), "{context}");
                assert!(
                    status == 1 && !found && out.contains(&format!("  UNKNOWN: {name} is not found (needed by ")),
                    "{context}"
                );
            }
        }
    }
}

/// Returns the symbols that the loader itself binds to numars when it runs the program.
fn bound_by_the_loader(program: &Path) -> BTreeSet<(String, String)> {
    let library = stage().flavour().join("libnuma.so.1");
    let output = Command::new(program)
        .envs([("LD_DEBUG", "bindings"), ("LD_BIND_NOW", "1")])
        .env("LD_PRELOAD", &library)
        .output()
        .unwrap();
    let to_numars = format!(" to {} [0]: normal symbol `", library.display());
    String::from_utf8(output.stderr)
        .unwrap()
        .lines()
        .filter(|line| !line.contains(&format!("binding file {}", library.display())))
        .filter_map(|line| line.split_once(&to_numars))
        .map(|(_, symbol)| {
            let (name, version) = symbol.split_once('\'').unwrap();
            (name.to_owned(), version.trim_matches([' ', '[', ']']).to_owned())
        })
        .collect()
}

#[test]
fn check_lists_the_symbols_that_the_loader_takes_from_numars() {
    let folder = folder();
    // From a library, whose symbols have no versions.
    let inner = library(
        folder.path(),
        "inner",
        "int numa_available(void); int inner(void) { return numa_available(); }\n",
        &[],
    );
    // A variable of the library, of which a program that is not position-independent has a copy; and its own numa_warn.
    let source = "#include <numa.h>\n#include <numaif.h>\n\
        int inner(void);\n\
        void numa_warn(int number, char *where, ...) { (void)number; (void)where; }\n\
        extern int numa_added_later(void) __attribute__((weak));\n\
        int main(void) {\n\
            numa_bitmask_free(numa_parse_nodestring(\"0\"));\n\
            return !numa_all_nodes_ptr || inner() || numa_added_later || move_pages(0, 0, 0, 0, 0, 0) || numa_exit_on_warn;\n\
        }\n";
    for kind in ["-no-pie", "-pie"] {
        let rpath = format!("-Wl,-rpath,{}", folder.path().display());
        let flags = [kind.into(), inner.display().to_string(), "-lnuma".into(), rpath];
        let program = compile_c(folder.path(), source, &flags);
        let (out, err, status) = run_to_end(numars_run().arg("--check").arg(&program));
        assert_eq!((err.as_str(), status), ("", 0), "{out}");
        let expected = bound_by_the_loader(&program);
        assert!(expected.len() >= 5, "{expected:?}");
        // Without a version, two columns.
        let mut found = there(&out);
        found.extend(out.lines().filter_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [name, "there"] => Some((name.to_owned(), String::new())),
            _ => None,
        }));
        assert_eq!(found, expected, "{out}");
    }
}

#[test]
fn check_says_what_is_missing_even_without_versions() {
    let folder = folder();
    let inner = library(
        folder.path(),
        "inner",
        "int numa_added_later(void); int inner(void) { return numa_added_later(); }\n",
        &[],
    );
    let rpath = format!("-Wl,-rpath,{}", folder.path().display());
    let flags = [inner.display().to_string(), "-Wl,--allow-shlib-undefined".into(), rpath];
    let program = compile_c(
        folder.path(),
        "int inner(void); int main(int count, char **arguments) { (void)arguments; return count > 1 && inner(); }\n",
        &flags,
    );
    let (out, _, status) = run_to_end(numars_run().arg("--check").arg(&program));
    let expected = format!("  MISSING: numa_added_later (needed by {})\n", inner.display());
    assert!(status == 1 && out.contains(&expected), "{out}");
}

#[test]
fn check_does_not_claim_to_know_what_it_cannot_read() {
    let folder = folder();
    let program = program(folder.path());
    let mut bytes = fs::read(&program).unwrap();
    // Without section headers, which readelf needs to find symbols. The kernel and the loader do not need them.
    assert_eq!(bytes[4], 2, "of 64 bits");
    bytes[0x28..0x30].fill(0);
    bytes[0x3a..0x40].fill(0);
    fs::write(&program, bytes).unwrap();
    assert_eq!(run_to_end(numars_run().arg(&program)).2, 41);
    let (out, _, status) = run_to_end(numars_run().arg("--check").arg(&program));
    if !there(&out).contains(&("numa_max_node".into(), "libnuma_1.1".into())) {
        assert!(status == 1 && out.contains("  UNKNOWN: "), "{out}");
    }
}

#[test]
fn check_says_so_where_there_is_no_readelf() {
    if !IS_SCRIPT {
        return; // The command reads ELF files by itself.
    }
    let folder = folder();
    for tool in [
        "sh", "awk", "dirname", "env", "grep", "head", "id", "ls", "od", "printf", "readlink", "sed", "tail", "tr",
        "uname",
    ] {
        let found =
            ["/usr/bin", "/bin"].map(|place| Path::new(place).join(tool)).into_iter().find(|file| file.exists());
        symlink(found.unwrap(), folder.path().join(tool)).unwrap();
    }
    let program = program(folder.path());
    let without = |arguments: &[&str]| {
        let mut command = numars_run();
        command.env("PATH", folder.path()).args(arguments).arg(&program);
        command
    };
    assert_refuses(&mut without(&["--check"]), 125, "--check needs readelf");
    assert_eq!(run_to_end(&mut without(&[])), (" on numars\n".into(), String::new(), 41));
    symlink("/usr/bin/readelf", folder.path().join("readelf")).unwrap();
    assert_eq!(run_to_end(&mut without(&["--check"])).2, 0);
}

#[test]
fn wrong_options_are_rejected_and_help_is_printed() {
    for arguments in [&[][..], &["--unknown"], &["--check"], &["--check", "a", "b"]] {
        let (out, err, status) = run_to_end(numars_run().args(arguments));
        assert_eq!((out.as_str(), status), ("", 125), "{err}");
        assert!(err.contains("usage: numars-run"), "{err}");
    }
    let (out, err, status) = run_to_end(numars_run().arg("--help"));
    assert!(out.starts_with("usage: numars-run") && err.is_empty() && status == 0);
    let (out, _, status) = run_to_end(numars_run().arg("--version"));
    assert!(out.starts_with("numars-run ") && !out.contains('@') && status == 0, "{out}");
}

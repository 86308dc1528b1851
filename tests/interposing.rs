//! A program or a preloaded library that defines mbind(), set_mempolicy(), get_mempolicy(), migrate_pages(),
//! move_pages() sees every such call that the library makes, as with libnuma.

use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Wrappers, calls_of_each, compile_c, plain_cargo_library, root, run, stage, with_libraries};

/// Splits the output of the program: first its wrappers make the system calls, then they fail with ENOSYS.
fn halves(output: &str) -> (Vec<&str>, Vec<&str>) {
    let lines: Vec<&str> = output.lines().collect();
    let second = lines.iter().rposition(|line| line.starts_with("numa_available:")).unwrap();
    (lines[..second].to_vec(), lines[second..].to_vec())
}

/// Counts each call in these lines, in the order of `NAMES`.
fn counts(lines: &[&str]) -> [usize; 5] {
    NAMES.map(|name| {
        let of_line = |line: &&str| {
            let mut words = line.split(' ').skip_while(|&word| word != name);
            words.nth(1).map_or(0, |count| count.parse::<usize>().unwrap())
        };
        lines.iter().map(of_line).sum()
    })
}

const NAMES: [&str; 5] = ["get_mempolicy", "mbind", "set_mempolicy", "migrate_pages", "move_pages"];

/// The program with wrappers of its own that calls all functions of numars, linked with the shared library.
fn program(folder: &Path) -> PathBuf {
    calls_of_each(folder, Wrappers::InProgram, &stage().pkg_config("numars", &[]))
}

#[test]
fn a_programs_own_wrappers_are_called_as_often_as_by_libnuma() {
    let folder = tempfile::tempdir().unwrap();
    let program = calls_of_each(folder.path(), Wrappers::InProgram, &["-lnuma".to_owned()]);
    let theirs = run(&mut Command::new(&program));
    let ours = run(&mut with_libraries(&program, &stage().flavour()));
    assert_eq!(ours, theirs);
    assert!(counts(&halves(&theirs).0).iter().all(|&count| count > 0), "{theirs}");
}

#[test]
fn every_function_makes_these_system_calls_through_the_wrappers() {
    let folder = tempfile::tempdir().unwrap();
    let program = program(folder.path());
    let start = |strace: &mut Command| {
        let library_path = format!("LD_LIBRARY_PATH={}", stage().lib().display());
        Ok(strace.args(["-E", &library_path]).arg(&program).output()?)
    };
    let (output, trace) = counting::system_calls(&folder.path().join("trace"), start).unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let made = NAMES.map(|name| trace.iter().filter(|line| counting::name(line) == name).count());
    // Wrappers that fail do not make the system call.
    let counted = counts(&halves(&output).0);
    assert_eq!(counted, made, "{NAMES:?}");
    assert!(counted.iter().all(|&count| count > 0), "{output}");
}

#[test]
fn the_program_gets_the_errno_of_a_wrapper() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&mut with_libraries(&program(folder.path()), &stage().lib()));
    let (_, failing) = halves(&output);
    let failed: Vec<&str> =
        failing.iter().filter_map(|line| line.split_once(" = -1 ")).map(|(_, error)| error).collect();
    let reported: Vec<&str> = failing.iter().filter_map(|line| line.strip_prefix("  numa_error: ")).collect();
    assert!(failed.len() > 15 && failed.iter().all(|&error| error == "Function not implemented"), "{output}");
    assert!(
        reported.len() > 20 && reported.iter().all(|line| line.ends_with(": Function not implemented")),
        "{output}"
    );
}

#[test]
fn preloaded_wrappers_are_called_like_those_of_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let of_program = run(&mut with_libraries(&program(folder.path()), &stage().lib()));
    let wrappers = folder.path().join("libwrappers.so");
    // Some make the system call themselves, others call the library that comes after them.
    for flags in [["-shared", "-fPIC"].as_slice(), &["-shared", "-fPIC", "-DFORWARD"]] {
        run(Command::new("gcc").args(flags).arg("-o").args([&wrappers, &root().join("tests/programs/own_wrappers.c")]));
        // The program only knows the counters of the library.
        let mut flags = stage().pkg_config("numars", &[]);
        flags.extend(["-Wl,--no-as-needed".to_owned(), wrappers.display().to_string()]);
        let program = calls_of_each(folder.path(), Wrappers::Preloaded, &flags);
        let preloaded = run(with_libraries(&program, &stage().lib()).env("LD_PRELOAD", &wrappers));
        assert_eq!(preloaded, of_program);
    }
}

#[test]
fn statically_linked_programs_have_their_wrappers_called_too() {
    let folder = tempfile::tempdir().unwrap();
    let dynamic = run(&mut with_libraries(&program(folder.path()), &stage().lib()));
    for linker in ["bfd", "gold", "mold", "lld"] {
        let flags = [
            "-static".to_owned(),
            format!("-I{}", stage().include().display()),
            format!("-fuse-ld={linker}"),
            stage().lib().join("libnumars.a").display().to_string(),
        ];
        assert_eq!(
            run(&mut Command::new(calls_of_each(folder.path(), Wrappers::InProgram, &flags))),
            dynamic,
            "linked by {linker}"
        );
    }
}

/// Calls the library before its own constructor has run, in a program with a wrapper.
const EARLY: &str = r#"
#include <numa.h>
#include <numaif.h>
#include <stdio.h>

static char memory[2 * 65536];
static int calls;

long mbind(void *start, unsigned long len, int mode, const unsigned long *nmask, unsigned long maxnode, unsigned flags)
{
    (void)start, (void)len, (void)mode, (void)nmask, (void)maxnode, (void)flags;
    calls++;
    return 0;
}

static void early(void)
{
    numa_setlocal_memory((void *)(((unsigned long)memory + 65535) & ~65535ul), 65536);
}

#ifdef STATIC
__attribute__((constructor(101))) static void first(void) { early(); }
#else
__attribute__((section(".preinit_array"), used)) static void (*const first)(void) = early;
#endif

int main(void)
{
    printf("%d\n", calls);
}
"#;

#[test]
fn wrappers_are_called_before_the_constructor_of_the_library_has_run() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile_c(folder.path(), EARLY, &stage().pkg_config("numars", &[]));
    assert_eq!(run(&mut with_libraries(&program, &stage().lib())), "1\n");
    let archive = stage().lib().join("libnumars.a").display().to_string();
    let flags = ["-DSTATIC".to_owned(), format!("-I{}", stage().include().display()), archive];
    assert_eq!(run(&mut Command::new(compile_c(folder.path(), EARLY, &flags))), "1\n");
}

#[test]
fn the_library_of_plain_cargo_build_calls_the_wrappers_too() {
    let library = plain_cargo_library();
    let folder = tempfile::tempdir().unwrap();
    let program = program(folder.path());
    let by_make = run(&mut with_libraries(&program, &stage().lib()));
    assert_eq!(run(Command::new(&program).env("LD_PRELOAD", &library)), by_make);
}

/// The log has a line for each call of the program, and none for what the library calls itself.
#[test]
fn the_programs_wrappers_do_not_change_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = |program: &Path| {
        let file = folder.path().join("log");
        // Root neither creates nor starts a log in such a directory.
        std::fs::write(&file, "numars log\n").unwrap();
        run(with_libraries(program, &stage().lib()).env("NUMARS_LOG", &file));
        let text = std::fs::read_to_string(&file).unwrap();
        let calls =
            text.lines().skip(1).map(|line| line.split_once(": ").unwrap().1.split('(').next().unwrap().to_owned());
        calls.collect::<Vec<String>>()
    };
    let with_wrappers = log(&program(folder.path()));
    let without = log(&calls_of_each(folder.path(), Wrappers::Nowhere, &stage().pkg_config("numars", &[])));
    assert!(with_wrappers.len() > 40);
    assert_eq!(with_wrappers, without);
    assert!(!without.iter().any(|call| NAMES.contains(&call.as_str())), "{without:?}");
}

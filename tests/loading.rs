//! The library is loaded at unusual times and in unusual ways: often, twice, before or after others.

use std::path::{Path, PathBuf};
use std::process::Command;
use support::{compile_c, root, run, stage};

/// The library in both flavours.
fn flavours() -> [PathBuf; 2] {
    [stage().lib().join("libnumars.so.1"), stage().flavour().join("libnuma.so.1")]
}

#[test]
fn loading_and_unloading_the_library_a_thousand_times_leaks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile_c(folder.path(), include_str!("programs/loaded_often.c"), &[]);
    for library in flavours() {
        assert_eq!(run(Command::new(&program).arg(&library)), "nothing is left\n", "{}", library.display());
    }
}

#[test]
fn copies_of_the_library_in_one_process_do_not_interfere() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile_c(folder.path(), include_str!("programs/two_copies.c"), &stage().pkg_config("numars", &[]));
    let [numars, numa] = flavours();
    let command = || {
        let mut command = Command::new(&program);
        command.env("LD_LIBRARY_PATH", stage().lib()).args([&numars, &numa]);
        command
    };
    assert_eq!(run(&mut command()), "all answer alike\n");
    // Now the names in the program are bound to the preloaded library.
    assert_eq!(run(command().env("LD_PRELOAD", &numa)), "all answer alike\n");
}

/// Compiles the library of `programs/at_odd_times.c`, with `flags`.
fn library_that_calls_at_odd_times(folder: &Path, flags: &[String]) -> PathBuf {
    let library = folder.join("libodd.so");
    let sources =
        ["tests/programs/at_odd_times.c", "tests-c/support/all_functions.c", "tests-c/support/system_calls.c"]
            .map(|source| root().join(source));
    run(Command::new("gcc")
        .args(["-std=gnu11", "-D_GNU_SOURCE", "-O1", "-fPIC", "-shared", "-o"])
        .arg(&library)
        .args(sources)
        .arg(format!("-I{}", root().join("tests-c/support").display()))
        .args(flags));
    library
}

#[test]
fn constructors_and_destructors_of_libraries_before_and_after_it_can_call_every_function() {
    let folder = tempfile::tempdir().unwrap();
    let flags = stage().pkg_config("numars", &[]);
    let program = compile_c(folder.path(), include_str!("programs/at_odd_times.c"), &["-DPROGRAM".to_owned()]);
    for order in ["-Wl,-z,now", "-Wl,-z,initfirst"] {
        // Linked with numars, the library is constructed after it and destructed before it, unless it is built to be
        // first.
        let library = library_that_calls_at_odd_times(folder.path(), &[flags.clone(), vec![order.to_owned()]].concat());
        let printed = run(Command::new(&program).env("LD_LIBRARY_PATH", stage().lib()).env("LD_PRELOAD", &library));
        assert_eq!(printed, "constructor\ndestructor\n", "{order}");
    }
}

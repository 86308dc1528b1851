//! The comparison of the drop-in with libnuma by libabigail, `make abi`, notices what programs would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::{root, run, stage};

/// Runs scripts/abi.sh, which compares a drop-in with this machine's libnuma.
fn compare(dropin: &Path) -> Output {
    Command::new(root().join("scripts/abi.sh")).env("DROPIN", dropin).output().unwrap()
}

/// Links the drop-in again, with a changed version script.
fn linked_with(folder: &Path, change: impl Fn(&str) -> String) -> PathBuf {
    stage();
    let built = root().join("target/c");
    let script = fs::read_to_string(built.join("link/libnumars.map")).unwrap();
    let (path, library) = (folder.join("changed.map"), folder.join("libnuma.so.1"));
    let changed = change(&script);
    assert_ne!(changed, script);
    fs::write(&path, changed).unwrap();
    let options = ["-shared", "-nostartfiles", "-Wl,-soname,libnuma.so.1", "-Wl,--gc-sections", "-o"];
    let mut link = Command::new("cc");
    link.args(options).arg(&library).arg(built.join("shared.o"));
    run(link.arg(format!("-Wl,--version-script={}", path.display())));
    library
}

#[test]
fn the_dropin_has_each_symbol_and_version_of_this_machines_libnuma() {
    let output = compare(&stage().flavour().join("libnuma.so.1"));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.ends_with("1 passed, 0 failed\n"), "{text}");
    assert!(
        text.contains("added: numa_preferred_err@@libnuma_1.1") && text.contains("symbols of version NUMARS_1.0"),
        "{text}"
    );
}

#[test]
fn a_missing_function_or_object_is_a_failure_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for symbol in ["numa_preferred", "numa_all_nodes_ptr"] {
        let library = linked_with(folder.path(), |script| script.replace(&format!("        {symbol};\n"), ""));
        let output = compare(&library);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!output.status.success() && text.ends_with("0 passed, 1 failed\n"), "{text}");
        assert!(text.contains(&format!("[D] {symbol}@@")), "{text}");
    }
}

#[test]
fn a_function_of_another_version_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let library = linked_with(folder.path(), |script| {
        let without = script.replace("        numa_preferred;\n", "");
        without.replacen("NUMARS_1.0 {\n    global:\n", "NUMARS_1.0 {\n    global:\n        numa_preferred;\n", 1)
    });
    let output = compare(&library);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("[D] numa_preferred@@libnuma_1.1"), "{text}");
}

#[test]
fn a_file_that_is_no_library_is_a_failure() {
    assert!(!compare(&root().join("Makefile")).status.success());
}

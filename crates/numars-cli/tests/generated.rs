//! What is kept with the sources is what `numars generate` makes from the definition of arguments and reports.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the files of each generated folder are kept.
fn kept(folder: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    match folder {
        "man" => here.join("../../docs/man"),
        "schema" => here.join("../../docs/schema"),
        folder => here.join(folder),
    }
}

fn generate() -> (tempfile::TempDir, BTreeMap<(String, String), String>) {
    let folder = tempfile::tempdir().unwrap();
    assert!(Command::new(env!("CARGO_BIN_EXE_numars")).arg("generate").arg(folder.path()).status().unwrap().success());
    let mut files = BTreeMap::new();
    for kind in ["man", "completions", "schema"] {
        for file in fs::read_dir(folder.path().join(kind)).unwrap().map(|file| file.unwrap()) {
            let name = file.file_name().into_string().unwrap();
            files.insert((kind.to_owned(), name), fs::read_to_string(file.path()).unwrap());
        }
    }
    (folder, files)
}

#[test]
fn manual_pages_completions_and_schemas_are_those_of_the_command() {
    let (_folder, files) = generate();
    assert!(files.len() > 6, "{:?}", files.keys());
    for ((kind, name), contents) in files {
        let path = kept(&kind).join(&name);
        if std::env::var_os("NUMARS_WRITE_DOCS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &contents).unwrap();
        }
        assert!(
            fs::read_to_string(&path).unwrap_or_default() == contents,
            "{} has changed. If that is intended: NUMARS_WRITE_DOCS=1 cargo test --test generated",
            path.display()
        );
    }
}

//! The Rust library as a crate: its public interface is the one on record, and its package builds.

use std::fs;
use std::path::Path;
use std::process::Command;
use support::{root, run, vm};

const RECORD: &str = "crates/numars/public-api.txt";

fn cargo(arguments: &[&str], target: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root().join("crates/numars")).args(arguments).arg("--target-dir").arg(target);
    command
}

/// Returns what is public, an item for each line, as cargo-public-api prints it.
fn items(hidden: bool) -> Vec<String> {
    let target = root().join("target/public-api");
    // Only unstable options make rustdoc write JSON.
    let mut rustdoc =
        cargo(&["rustdoc", "--quiet", "--locked", "--lib", "--features", "std,serde,allocator-api2"], &target);
    rustdoc.env("RUSTC_BOOTSTRAP", "1").args(["--", "-Z", "unstable-options", "--output-format", "json"]);
    run(rustdoc.args(hidden.then_some("--document-hidden-items")));
    let items = public_api::Builder::from_rustdoc_json(target.join("doc/numars.json"))
        .omit_blanket_impls(true)
        .build()
        .expect("public-api reads what this rustdoc writes; tests/Cargo.toml names its version");
    items.items().map(ToString::to_string).collect()
}

/// Returns what the documentation shows. What comes from a hidden module is listed there by rustdoc, and by its name at the root here.
fn public_items() -> String {
    let library = fs::read_to_string(root().join("crates/numars/src/lib.rs")).unwrap();
    let hidden: Vec<_> = library
        .split("#[doc(hidden)]")
        .skip(1)
        .filter_map(|rest| rest.split("pub mod ").nth(1)?.split(';').next())
        .collect();
    let shown = items(false);
    let names: Vec<_> = shown.iter().filter_map(|item| item.strip_prefix("pub use numars::")).collect();
    let mut lines: Vec<String> = items(true)
        .into_iter()
        .map(|mut item| {
            for module in &hidden {
                for path in [
                    format!("numars::{module}::"),
                    format!("numars::{module}::errno::"),
                    format!("numars::{module}::queries::"),
                ] {
                    names
                        .iter()
                        .for_each(|name| item = item.replace(&format!("{path}{name}"), &format!("numars::{name}")));
                }
            }
            item
        })
        // What derived implementations are made of.
        .filter(|item| !item.contains("::assert_fields_are_eq") && !item.contains("StructuralPartialEq"))
        .filter(|item| !hidden.iter().any(|module| item.contains(&format!("numars::{module}"))))
        .collect();
    lines.sort();
    lines.dedup();
    lines.join("\n") + "\n"
}

#[test]
fn the_public_interface_is_the_one_on_record() {
    let (path, items) = (root().join(RECORD), public_items());
    assert!(items.contains("pub fn numars::Topology::read() ->"), "{items}");
    if std::env::var_os("NUMARS_WRITE_DOCS").is_some() {
        fs::write(&path, &items).unwrap();
    }
    let recorded = fs::read_to_string(&path).unwrap_or_default();
    let lines = |of: &str, other: &str| {
        of.lines().filter(|line| !other.lines().any(|other| other == *line)).map(str::to_string).collect::<Vec<_>>()
    };
    assert!(
        recorded == items,
        "The public interface has changed. If that is intended: NUMARS_WRITE_DOCS=1 cargo test --test rust_interface\ngone: {:#?}\nnew: {:#?}",
        lines(&recorded, &items),
        lines(&items, &recorded)
    );
}

/// It is compiled by `make test-long`, which sets TEST_SECONDS.
#[test]
fn the_package_for_crates_io_has_what_belongs_there_and_builds() {
    let target = root().join("target/package-test");
    let is_long = std::env::var_os("TEST_SECONDS").is_some();
    let mut package = cargo(&["package", "--quiet", "--locked", "--allow-dirty"], &target);
    run(package.args((!is_long).then_some("--no-verify")));
    let files = run(&mut cargo(&["package", "--quiet", "--list", "--allow-dirty"], &target));
    for file in ["README.md", "LICENSE-APACHE", "LICENSE-MIT", "Cargo.toml", "src/lib.rs"] {
        assert!(files.lines().any(|line| line == file), "{file} is not in the package:\n{files}");
    }
    assert!(!files.lines().any(|line| line.starts_with("build.rs")), "no build script");
}

#[test]
fn every_call_of_libnuma_has_a_counterpart_or_a_reason_why_not() {
    let page = fs::read_to_string(root().join("crates/numars/docs/from-libnuma.md")).unwrap();
    for symbol in support::symbol_table() {
        let is_libnuma =
            !symbol.name.starts_with("numars_") && !symbol.name.starts_with("libnuma_") && symbol.name != "NUMARS_1.0";
        assert!(!is_libnuma || page.contains(&format!("`{}`", symbol.name)), "{} is not on the page", symbol.name);
    }
}

#[test]
#[ignore = "boots the four-node guest"]
fn examples_and_ports_of_programs_run_on_four_nodes() {
    let target = root().join("target/rust-uses");
    run(&mut cargo(&["build", "--quiet", "--locked", "--examples", "--features", "std"], &target));
    let mut uses = cargo(&["test", "--release", "--no-run", "--locked", "--test", "uses"], &target);
    let built = uses.current_dir(root().join("tests/rust")).output().unwrap();
    let messages = String::from_utf8(built.stderr).unwrap();
    // "Executable uses/main.rs (/path/of/uses-0123)"
    let program =
        messages.lines().find_map(|line| line.trim().strip_prefix("Executable ")?.split_once('(')?.1.strip_suffix(')'));
    let program = program.unwrap_or_else(|| panic!("{messages}"));
    let mut guest = vm();
    guest.args(["run", "--kernel", "6.12", "--shape", "four-nodes", "--env", "NUMARS_EXAMPLES=/examples"]);
    for example in ["interleave_table", "move_process", "pin_thread", "where_is_memory"] {
        guest
            .arg("--add")
            .arg(format!("{}:/examples/{example}", target.join("debug/examples").join(example).display()));
    }
    let output = run(guest.args(["--", program, "--include-ignored", "--test-threads", "1"]));
    print!("{output}");
    assert!(output.contains("test result: ok.") && !output.contains(" 0 passed"), "{output}");
}

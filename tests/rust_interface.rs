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

/// Returns what the documentation shows, an item for each line, as cargo-public-api prints it.
fn public_items() -> String {
    let target = root().join("target/public-api");
    // Only unstable options make rustdoc write JSON.
    let mut rustdoc =
        cargo(&["rustdoc", "--quiet", "--locked", "--lib", "--features", "std,serde,allocator-api2"], &target);
    run(rustdoc.env("RUSTC_BOOTSTRAP", "1").args(["--", "-Z", "unstable-options", "--output-format", "json"]));
    let items = public_api::Builder::from_rustdoc_json(target.join("doc/numars.json"))
        .omit_blanket_impls(true)
        .build()
        .expect("public-api reads what this rustdoc writes; tests/Cargo.toml names its version");
    let mut lines: Vec<String> = items
        .items()
        .map(ToString::to_string)
        // What derived implementations are made of.
        .filter(|item| {
            !["::assert_fields_are_eq", "StructuralPartialEq", "TrivialClone"].iter().any(|part| item.contains(part))
        })
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

/// The compiler says what is missing.
#[test]
fn what_the_c_library_needs_beyond_the_interface_is_listed_and_nothing_else_is() {
    let list = fs::read_to_string(root().join("crates/numars/src/for_c.rs")).unwrap();
    let mut sources = String::new();
    for folder in ["src", "src/errors", "src/trace"] {
        for file in fs::read_dir(root().join(folder)).unwrap().map(|file| file.unwrap().path()) {
            sources += &fs::read_to_string(&file).unwrap_or_default();
        }
    }
    let code: Vec<&str> = sources.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let uses = |name: &str| {
        let is_word = |text: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name);
        code.iter().any(|line| is_word(line))
    };
    let names = list.split("pub use ").skip(1).filter_map(|item| item.split_once(';')).flat_map(|(item, _)| {
        let (_, names) = item.rsplit_once("::").unwrap();
        names.trim_matches(['{', '}']).split(',').map(str::trim).filter(|name| !name.is_empty())
    });
    let (used, unused): (Vec<_>, Vec<_>) = names.partition(|name| uses(name));
    assert!(unused.is_empty() && used.len() > 50, "{unused:?} are unused, {} are used", used.len());
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

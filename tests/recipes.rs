//! The recipes of packaging/: `make packaging-test` builds packages by them; these tests compare what they say with the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use support::{root, run};
use tempfile::TempDir;

/// What all recipes have, and their names of what Cargo.toml says: the version, and the licence of the libraries.
const RECIPES: [(&str, &str, &str); 7] = [
    ("rpm/numars.spec", "Version:        @", "License:        @"),
    ("arch/PKGBUILD", "pkgver=@", "license=('@')"),
    ("alpine/APKBUILD", "pkgver=@", "license=\"@\""),
    ("nix/package.nix", "version = \"@\";", "license = with lib.licenses; [ mit asl20 ]"),
    ("spack/package.py", "version(\"@\", sha256=", "license(\"@\", when=\"~cli\")"),
    ("conan/conanfile.py", "version = \"@\"", "license = \"@\""),
    ("vcpkg/vcpkg.json", "\"version\": \"@\"", "\"license\": \"@\""),
];
/// Those whose packages have the command.
const WITH_COMMAND: [&str; 4] = ["rpm/numars.spec", "arch/PKGBUILD", "alpine/APKBUILD", "spack/package.py"];

fn recipe(name: &str) -> String {
    fs::read_to_string(root().join("packaging").join(name)).unwrap()
}

/// Returns a value of the root's Cargo.toml.
fn of_the_package(key: &str) -> String {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let value = manifest.lines().find_map(|line| line.strip_prefix(&format!("{key} = \"")).map(str::to_owned));
    value.unwrap().trim_end_matches('"').to_owned()
}

#[test]
fn every_recipe_has_the_version_and_the_licence_of_the_crate() {
    let (version, licence) = (of_the_package("version"), of_the_package("license"));
    for (name, version_line, licence_line) in RECIPES {
        let text = recipe(name);
        for line in [version_line.replace('@', &version), licence_line.replace('@', &licence)] {
            assert!(text.contains(&line), "{name} does not have: {line}");
        }
    }
    assert!(recipe("conan/conandata.yml").contains(&format!("\"{version}\":\n    url: ")));
    assert!(recipe("rpm/numars.spec").contains(&format!(" - {version}-1\n")));
}

#[test]
fn every_recipe_that_replaces_libnuma_names_the_version_that_the_makefile_has() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let version = makefile.lines().find_map(|line| line.strip_prefix("LIBNUMA_VERSION := ")).unwrap();
    let (start, last) = version.rsplit_once('.').unwrap();
    let next = format!("{start}.{}", last.parse::<u32>().unwrap() + 1);
    for (name, line) in [
        ("rpm/numars.spec", format!("%global libnuma_version {version}\n%global libnuma_next    {next}\n")),
        ("arch/PKGBUILD", format!("_libnuma_version={version}\n_libnuma_next={next}\n")),
        ("alpine/APKBUILD", format!("_libnuma_version={version}\n")),
    ] {
        assert!(recipe(name).contains(&line), "{name} does not have: {line}");
    }
}

/// Returns the parts of an expression of SPDX that all apply; of each, the licences of which one is enough.
fn parts(expression: &str) -> BTreeSet<BTreeSet<String>> {
    let expression = expression.replace('/', " OR ");
    let part = |text: &str| text.trim_matches(['(', ')']).split(" OR ").map(str::to_owned).collect();
    expression.split(" AND ").map(part).collect()
}

#[test]
fn recipes_with_the_command_name_the_licences_of_all_crates_in_it() {
    let crates = run(Command::new(env!("CARGO")).current_dir(root()).args([
        "tree",
        "--locked",
        "--manifest-path",
        "crates/numars-cli/Cargo.toml",
        "--edges",
        "normal,no-proc-macro",
        "--prefix",
        "none",
        "--no-dedupe",
        "--format",
        "{l}",
    ]));
    let expected: BTreeSet<_> = crates.lines().flat_map(parts).collect();
    assert!(expected.len() > 3, "{crates}");
    for name in WITH_COMMAND {
        let text = recipe(name).replace("\"\n        \"", "");
        let longest = text.lines().filter(|line| line.contains(" AND ")).max_by_key(|line| line.len()).unwrap();
        let (start, end) = (longest.find('(').unwrap(), longest.rfind(')').unwrap());
        // Some have the whole expression in parentheses of their language.
        let expression = longest[start..=end].trim_start_matches("('").trim_end_matches("')");
        assert_eq!(parts(expression), expected, "{name}");
    }
}

/// A tree of empty files in the places of those that tests/installed.txt lists, as `make install-dropin-dev` installs them below /usr.
fn installed(libdir: &str) -> TempDir {
    let tree = tempfile::tempdir().unwrap();
    let list = fs::read_to_string(root().join("tests/installed.txt")).unwrap();
    let mut section = "";
    for line in list.lines().skip(1) {
        match line.strip_prefix("# ") {
            Some(name) => section = name,
            None if ["", "with the command", "install-dropin-dev"].contains(&section) => {
                let file = line.split(" -> ").next().unwrap();
                let file = file.replace("/opt/numars/lib/machine", libdir).replace("/opt/numars", "/usr");
                let path = tree.path().join(&file[1..]);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "").unwrap();
            }
            None => (),
        }
    }
    tree
}

/// Returns the files below a tree that these patterns of bash match, with all that is in a folder that one matches. Each must match something.
fn matched(tree: &Path, patterns: &[String]) -> BTreeSet<String> {
    let script =
        "shopt -s failglob; for pattern; do eval \"files=($pattern)\" && find \"${files[@]}\" ! -type d || exit; done";
    let arguments = ["-euc", script, "bash"];
    let output = run(Command::new("bash").current_dir(tree).args(arguments).args(patterns));
    output.lines().map(str::to_owned).collect()
}

/// Fails unless each file is in exactly one package.
fn each_file_is_in_one_package(tree: &Path, packages: &BTreeMap<String, Vec<String>>) {
    let mut all = matched(tree, &["usr".to_owned()]);
    for (package, patterns) in packages {
        for file in matched(tree, patterns) {
            assert!(all.remove(&file), "{file} is in {package} and in another package");
        }
    }
    assert_eq!(all, BTreeSet::new(), "in no package");
}

#[test]
fn each_installed_file_is_in_one_rpm() {
    let tree = installed("/usr/lib64");
    let folders = [
        ("%{_libdir}", "usr/lib64"),
        ("%{_includedir}", "usr/include"),
        ("%{_bindir}", "usr/bin"),
        ("%{_datadir}", "usr/share"),
        ("%{_mandir}", "usr/share/man"),
    ];
    let spec = recipe("rpm/numars.spec");
    let mut packages: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut package = String::new();
    for line in spec.split_once("\n%files\n").unwrap().1.split("\n%changelog").next().unwrap().lines() {
        if let Some(name) = line.strip_prefix("%files ") {
            package = name.to_owned();
        }
        if let Some((name, folder)) = folders.iter().find(|(name, _)| line.starts_with(name)) {
            packages.entry(package.clone()).or_default().push(line.replacen(name, folder, 1));
        }
    }
    // A licence, which rpm takes from the sources.
    assert!(spec.contains("\n%license crates/numars-cli/THIRD-PARTY.txt\n"));
    assert!(spec.contains("\nrm -rf %{buildroot}%{_datadir}/doc\n"));
    fs::remove_dir_all(tree.path().join("usr/share/doc")).unwrap();
    // The library of the drop-in package is a copy.
    assert_eq!(packages.len(), 5, "{packages:?}");
    each_file_is_in_one_package(tree.path(), &packages);
}

#[test]
fn each_installed_file_is_in_one_package_of_alpine() {
    let tree = installed("/usr/lib");
    let text = recipe("alpine/APKBUILD").replace("\\\n", " ");
    let mut packages: BTreeMap<String, Vec<String>> = BTreeMap::new();
    // The rest of the package.
    packages.insert("numars".to_owned(), vec!["usr/bin".to_owned()]);
    let mut function = "";
    // Each function takes from what is there after the ones before it.
    for line in text.lines() {
        if let Some(name) = line.strip_suffix("() {") {
            function = name;
        }
        // Some are moved only if they are there.
        if let Some((_, patterns)) = line.split_once("amove ") {
            let patterns = patterns.split_whitespace().filter(|&pattern| pattern != "usr/share/licenses");
            packages.entry(function.to_owned()).or_default().extend(patterns.map(str::to_owned));
        }
    }
    // What package() copies to its place.
    for name in ["libnuma.so.1", "libnuma.so.1.0.0"] {
        fs::write(tree.path().join("usr/lib").join(name), "").unwrap();
    }
    assert!(packages.len() > 8, "{packages:?}");
    // The manual pages of the drop-in package are taken before all others.
    let dropin = matched(tree.path(), &packages["_dropin_dev"]);
    for file in dropin.iter().filter(|file| file.starts_with("usr/share/man")) {
        fs::remove_file(tree.path().join(file)).unwrap();
    }
    packages.get_mut("_dropin_dev").unwrap().retain(|pattern| !pattern.starts_with("usr/share/man"));
    each_file_is_in_one_package(tree.path(), &packages);
}

#[test]
fn each_installed_file_is_in_one_package_of_arch() {
    let tree = installed("/usr/lib");
    let text = recipe("arch/PKGBUILD").replace("\"${manuals[@]}\"", "usr/share/man/man3/numars_*");
    let words = |line: &str| -> Vec<String> { line.split_whitespace().skip(1).map(str::to_owned).collect() };
    let taken: Vec<Vec<String>> = text.lines().filter(|line| line.starts_with("    _take ")).map(words).collect();
    let [library, command, rest] = &taken[..] else { panic!("{taken:?}") };
    // One after the other, and the last one takes what is in whole folders then.
    for patterns in [library, command, rest] {
        for file in matched(tree.path(), patterns) {
            fs::remove_file(tree.path().join(file)).unwrap();
        }
    }
    assert_eq!(matched(tree.path(), &["usr".to_owned()]), BTreeSet::new());
}

#[test]
fn every_recipe_names_the_archive_at_the_address_that_is_not_decided() {
    let address = "https://numars.example/releases";
    let names = RECIPES.map(|(name, ..)| match name {
        "conan/conanfile.py" => "conan/conandata.yml",
        "vcpkg/vcpkg.json" => "vcpkg/portfile.cmake",
        name => name,
    });
    for name in names {
        assert_eq!(recipe(name).matches(address).count(), 1, "{name}");
    }
    let documented = fs::read_to_string(root().join("docs/packaging.md")).unwrap();
    assert!(documented.contains(address), "docs/packaging.md does not explain {address}");
}

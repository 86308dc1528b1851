//! What `make install` installs, and projects of all kinds that build with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::{compile_c, expected_exports, exports, make, make_well, root, run, stage};
use tempfile::TempDir;

/// Runs make for this directory, by `make`, or by `make_well` if it must succeed.
fn make_into<T>(make: fn(&[&str]) -> T, destination: &Path, target: &str, settings: &[&str]) -> T {
    stage();
    make(&[&[target, &format!("DESTDIR={}", destination.display())], settings].concat())
}

/// Returns all files and links below a directory, by their paths in it; for a link, also its target.
fn files(folder: &Path) -> BTreeSet<String> {
    fn collect(folder: &Path, base: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("/{}", path.strip_prefix(base).unwrap().display());
            match fs::read_link(&path) {
                Ok(target) => drop(found.insert(format!("{name} -> {}", target.display()))),
                Err(_) if path.is_dir() => collect(&path, base, found),
                Err(_) => drop(found.insert(name)),
            }
        }
    }
    let mut found = BTreeSet::new();
    collect(folder, folder, &mut found);
    found
}

/// Returns the files that tests/installed.txt lists; a section of its own lists what only install-dropin installs.
fn listed(dropin: bool) -> BTreeSet<String> {
    let sections =
        if dropin { &["", "without the command", "install-dropin"][..] } else { &["", "without the command"] };
    listed_in(sections)
}

/// Returns the files of these sections of tests/installed.txt; the first has no name.
fn listed_in(sections: &[&str]) -> BTreeSet<String> {
    let list = fs::read_to_string(root().join("tests/installed.txt")).unwrap();
    let mut section = "";
    let mut files = BTreeSet::new();
    for line in list.lines().skip(1) {
        match line.strip_prefix("# ") {
            Some(name) => section = name,
            None if sections.contains(&section) => drop(files.insert(line.to_owned())),
            None => (),
        }
    }
    files
}

const SETTINGS: [&str; 2] = ["PREFIX=/opt/numars", "LIBDIR=/opt/numars/lib/machine"];

#[test]
fn an_installed_tree_has_the_files_of_the_list_and_uninstall_leaves_none() {
    let for_builds = listed_in(&["", "without the command", "install-dropin-dev"]);
    for (target, expected) in
        [("install", listed(false)), ("install-dropin", listed(true)), ("install-dropin-dev", for_builds)]
    {
        let folder = tempfile::tempdir().unwrap();
        make_into(make_well, folder.path(), target, &SETTINGS);
        assert_eq!(files(folder.path()), expected, "make {target}");
        make_into(make_well, folder.path(), &target.replace("install", "uninstall"), &SETTINGS);
        assert_eq!(files(folder.path()), BTreeSet::new(), "make un{target}");
    }
}

#[test]
fn the_command_is_installed_with_its_manual_pages_and_completions_and_removed() {
    let destination = tempfile::tempdir().unwrap();
    make_well(&["cli", "CLI=dev"]);
    let settings =
        |prefix| [format!("PREFIX={prefix}"), format!("LIBDIR={prefix}/lib/machine-linux-gnu"), "CLI=dev".into()];
    let install = |target: &str, settings: &[String]| {
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        make_into(make_well, destination.path(), target, &settings)
    };
    install("install", &settings("/opt/numars"));
    let installed: BTreeSet<String> =
        files(destination.path()).iter().map(|name| name.replace("machine-linux-gnu", "machine")).collect();
    assert_eq!(installed, listed_in(&["", "with the command"]));
    // Without the setting too, as by those who do not remember how it was installed.
    let mut without = settings("/opt/numars");
    without[2] = "CLI=no".into();
    install("uninstall", &without);
    assert_eq!(files(destination.path()), BTreeSet::new());

    let machine = run(Command::new("gcc").arg("-print-multiarch"));
    let prefix = destination.path().join("prefix");
    let prefix = prefix.to_str().unwrap();
    let lib = format!("LIBDIR={prefix}/lib/{}", machine.trim());
    make_well(&["install", "CLI=dev", "DESTDIR=", "LDCONFIG=", &format!("PREFIX={prefix}"), &lib]);
    let says = run(Command::new(format!("{prefix}/bin/numars-run")).args(["printenv", "LD_PRELOAD"]));
    assert_eq!(says, format!("{prefix}/lib/{}/numars/libnuma.so.1\n", machine.trim()));
    let completions = run(Command::new("bash").args([
        "-c",
        "source \"$0\"/share/bash-completion/completions/numars; complete -p numars",
        prefix,
    ]));
    assert!(completions.contains("-F _numars numars"), "{completions}");
}

#[test]
fn the_command_is_not_installed_if_it_was_not_built_or_would_not_find_the_library() {
    let (tree, destination) = (exported_tree(true), tempfile::tempdir().unwrap());
    let destination_setting = format!("DESTDIR={}", destination.path().display());
    let refusal = |settings: &[&str]| {
        let mut make = make_in(tree.path(), &["install", "CLI=yes", &destination_setting]);
        let said = errors(&make.args(settings).output().unwrap());
        assert!(said.len() == 1 && files(destination.path()).is_empty(), "{said:?}");
        said[0].clone()
    };
    assert!(refusal(&[]).starts_with("The command numars is not built yet; CLI=no leaves it out. Run make first"));
    // As make leaves it, built for another folder.
    let folder = tree.path().join("target/cli/release");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("numars"), "").unwrap();
    fs::write(folder.join("built-for"), "/usr/local/lib\n").unwrap();
    let said = refusal(&["LIBDIR=/opt/elsewhere"]);
    assert!(said.contains("would not find the library. Run make LIBDIR=/opt/elsewhere first."), "{said}");
    for settings in [
        ["PREFIX=/usr/local", "LIBDIR=/usr/local/lib"],
        ["PREFIX=/opt/x", "LIBDIR=/opt/x/lib64"],
        ["PREFIX=/opt/x", "LIBDIR=/usr/local/lib"],
    ] {
        run(make_in(tree.path(), &["install", "CLI=yes", "LDCONFIG=", &destination_setting]).args(settings));
    }
    fs::write(tree.path().join("crates/numars-cli/src/main.rs"), "").unwrap();
    let output = make_in(tree.path(), &["install", "CLI=yes", &destination_setting]).output().unwrap();
    let said = errors(&output);
    assert!(
        said.len() == 1 && said[0].starts_with("crates/numars-cli/src/main.rs is newer than what was built"),
        "{said:?}"
    );
}

#[test]
fn other_values_of_cli_are_refused() {
    let output = make_in(root(), &["--dry-run", "all", "CLI=YES"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("CLI is \"YES\": it can be yes, no or dev"), "{said}");
}

/// Returns whether a file of tests/installed.txt is installed with the setting STATIC=no or SHARED=no.
fn is_installed_with(setting: &str, file: &str) -> bool {
    match setting {
        "STATIC=no" => !file.contains(".a"),
        _ => !file.contains(".so") && !file.contains("numars-run"),
    }
}

#[test]
fn static_no_and_shared_no_leave_out_a_kind_of_library_and_uninstall_leaves_none() {
    make_well(&["cli", "CLI=dev"]);
    for (setting, target, sections) in [
        ("STATIC=no", "install", &["", "without the command"][..]),
        ("STATIC=no", "install-dropin", &["", "without the command", "install-dropin"]),
        ("STATIC=no", "install-dropin-dev", &["", "without the command", "install-dropin-dev"]),
        ("SHARED=no", "install", &["", "without the command"]),
        ("SHARED=no", "install-dropin-dev", &["", "without the command", "install-dropin-dev"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        make_into(make_well, folder.path(), target, &[&SETTINGS[..], &[setting]].concat());
        let mut expected = listed_in(sections);
        expected.retain(|file| is_installed_with(setting, file));
        assert_eq!(files(folder.path()), expected, "make {target} {setting}");
        if target == "install-dropin-dev" {
            let said = errors(&make_into(make, folder.path(), "uninstall", &SETTINGS));
            assert!(said.len() == 1 && said[0].contains("run make uninstall-dropin-dev"), "{said:?}");
        }
        // Without the setting too, as by those who do not remember how it was installed.
        make_into(make_well, folder.path(), &target.replace("install", "uninstall"), &SETTINGS);
        assert_eq!(files(folder.path()), BTreeSet::new(), "make un{target} after {setting}");
    }
    // The command without the library that `numars-run` would preload.
    let folder = tempfile::tempdir().unwrap();
    make_into(make_well, folder.path(), "install", &["PREFIX=/opt/numars", "SHARED=no", "CLI=dev"]);
    let installed = files(folder.path());
    assert!(
        installed.contains("/opt/numars/bin/numars") && !installed.contains("/opt/numars/bin/numars-run -> numars")
    );
    assert!(installed.contains("/opt/numars/share/man/man1/numars-run.1"), "of numars run: {installed:?}");
}

#[test]
fn installing_less_changes_no_file_of_another_installation() {
    let folder = tempfile::tempdir().unwrap();
    make_into(make_well, folder.path(), "install", &SETTINGS);
    let libraries = ["libnumars.a", "libnumars.so.1", "numars/libnuma.a"].map(|name| {
        let file = folder.path().join("opt/numars/lib/machine").join(name);
        fs::remove_file(&file).unwrap();
        fs::write(&file, "another's").unwrap();
        file
    });
    let unchanged = |file: &Path| fs::read_to_string(file).is_ok_and(|text| text == "another's");
    make_into(make_well, folder.path(), "install", &[&SETTINGS[..], &["STATIC=no"]].concat());
    assert!(unchanged(&libraries[0]) && unchanged(&libraries[2]) && !unchanged(&libraries[1]));
    fs::remove_file(&libraries[1]).unwrap();
    fs::write(&libraries[1], "another's").unwrap();
    make_into(make_well, folder.path(), "install", &[&SETTINGS[..], &["SHARED=no"]].concat());
    assert!(!unchanged(&libraries[0]) && !unchanged(&libraries[2]) && unchanged(&libraries[1]));
}

#[test]
fn without_the_shared_library_pkg_config_links_the_archive() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("prefix");
    let settings = ["DESTDIR=", "LDCONFIG=", "SHARED=no", &format!("PREFIX={}", prefix.display())];
    stage();
    make_well(&[&["install-dropin-dev"], settings.as_slice()].concat());
    let program = "#include <numa.h>\nint main(void)\n{\n    return numa_bitmask_weight(numa_no_nodes_ptr) != 0;\n}\n";
    for (search, package) in [("lib/pkgconfig", "numars"), ("lib/pkgconfig", "numa"), ("lib/numars/pkgconfig", "numa")]
    {
        let mut pkg_config = Command::new("pkg-config");
        pkg_config.env("PKG_CONFIG_LIBDIR", prefix.join(search)).args(["--cflags", "--libs", package]);
        let flags = run(&mut pkg_config);
        assert!(!flags.contains("rpath"), "{flags}");
        let flags: Vec<String> = flags.split_whitespace().map(str::to_owned).collect();
        let program = compile_c(folder.path(), program, &flags);
        run(Command::new(&program).env_remove("LD_LIBRARY_PATH"));
        let list = run(Command::new("ldd").arg(&program));
        assert!(!list.contains("libnum"), "{search}, {package}: {list}");
    }
}

#[test]
fn what_was_not_built_or_cannot_be_installed_is_named() {
    let (tree, destination) = (exported_tree(true), tempfile::tempdir().unwrap());
    let refusal = |target: &str, settings: &[&str]| {
        let mut make = make_in(tree.path(), &[target, &format!("DESTDIR={}", destination.path().display())]);
        let said = errors(&make.args(settings).output().unwrap());
        assert!(said.len() == 1 && files(destination.path()).is_empty(), "{target} {settings:?}: {said:?}");
        said[0].clone()
    };
    let said = refusal("install-dropin", &["SHARED=no"]);
    assert!(said.contains("need the shared library, which SHARED=no leaves out"), "{said}");
    let built = tree.path().join("target/c");
    for (name, setting) in [("libnumars.a", "STATIC=no"), ("libnuma.so.1.0.0", "SHARED=no")] {
        // Older than the code that was compiled last.
        fs::write(built.join("rust.a"), "").unwrap();
        for other in ["libnumars.a", "libnumars.so.1.0.0", "libnuma.so.1.0.0"].iter().filter(|other| **other != name) {
            run(Command::new("touch").arg(built.join(other)));
        }
        run(Command::new("touch").args(["--date", "yesterday"]).arg(built.join(name)));
        let said = refusal("install", &[]);
        assert!(said.starts_with(&format!("{name} is older than what was built last; {setting} leaves")), "{said}");
        fs::remove_file(built.join(name)).unwrap();
        let said = refusal("install", &[]);
        assert!(said.starts_with(&format!("{name} is not built yet; {setting} leaves it out.")), "{said}");
        let prefix = tempfile::tempdir().unwrap();
        let setting = [setting, &format!("DESTDIR={}", prefix.path().display())];
        run(make_in(tree.path(), &["install", "LDCONFIG="]).args(setting));
        fs::copy(root().join("target/c").join(name), built.join(name)).unwrap();
    }
}

#[test]
fn only_the_libraries_that_are_asked_for_are_built() {
    let plan = |settings: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let build = format!("BUILD={}", folder.path().display());
        run(make_in(root(), &["--dry-run", "all", &build]).args(settings))
    };
    let (archive, shared) = ("rcsD", "-soname");
    assert!([archive, shared].iter().all(|part| plan(&[]).contains(part)));
    assert!(!plan(&["STATIC=no"]).contains(archive) && plan(&["STATIC=no"]).contains(shared));
    assert!(plan(&["SHARED=no"]).contains(archive) && !plan(&["SHARED=no"]).contains(shared));
    for (settings, reason) in [
        (&["STATIC=no", "SHARED=no"][..], "STATIC=no and SHARED=no leave nothing to build"),
        (&["STATIC=0"], "STATIC is \"0\": it can be yes or no"),
        (&["SHARED=", "STATIC=yes"], "SHARED is \"\": it can be yes or no"),
    ] {
        let output = make_in(root(), &["--dry-run", "all"]).args(settings).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(reason) && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn uninstall_removes_only_what_install_installed() {
    let folder = tempfile::tempdir().unwrap();
    make_into(make_well, folder.path(), "install", &SETTINGS);
    // As the package numars-dropin installs it below /usr.
    let others = ["lib/machine/numars/dropin/libnuma.so.1", "include/numars/other.h"];
    for other in others.map(|name| folder.path().join("opt/numars").join(name)) {
        fs::create_dir_all(other.parent().unwrap()).unwrap();
        fs::write(other, "").unwrap();
    }
    make_into(make_well, folder.path(), "uninstall", &SETTINGS);
    assert_eq!(files(folder.path()), BTreeSet::from(others.map(|name| format!("/opt/numars/{name}"))));
}

#[test]
fn uninstall_does_not_remove_install_dropin_partially() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |target: &str, advice: &str| {
        let before = files(folder.path());
        let said = errors(&make_into(make, folder.path(), target, &SETTINGS));
        assert!(said.len() == 1 && said[0].contains(&format!("run make {advice},")), "{target}: {said:?}");
        assert_eq!(files(folder.path()), before, "{target}");
    };
    make_into(make_well, folder.path(), "install-dropin-dev", &SETTINGS);
    refused("uninstall", "uninstall-dropin-dev");
    make_into(make_well, folder.path(), "install-dropin", &SETTINGS);
    refused("uninstall", "uninstall-dropin");
    refused("uninstall-dropin-dev", "uninstall-dropin");
    make_into(make_well, folder.path(), "uninstall-dropin", &SETTINGS);
    assert_eq!(files(folder.path()), BTreeSet::new());
}

#[test]
fn manual_pages_of_another_libnuma_are_neither_overwritten_nor_removed() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("opt/numars/share/man/man3");
    fs::create_dir_all(&pages).unwrap();
    // A page, a link to one, an empty page, and one that a package compressed.
    for (name, text) in [
        ("numa.3", ".TH NUMA 3\n"),
        ("numa_alloc_local.3", ".so man3/numa.3\n"),
        ("nodemask_zero.3", ""),
        ("numa_alloc_local.3.gz", "compressed"),
    ] {
        fs::write(pages.join(name), text).unwrap();
        let said = errors(&make_into(make, folder.path(), "install-dropin-dev", &SETTINGS));
        assert!(said.len() == 1 && said[0].contains(&format!("/{name} is another libnuma's")), "{said:?}");
        assert_eq!(files(folder.path()).len(), 1);
        fs::remove_file(pages.join(name)).unwrap();
    }
    // Of another libnuma that was installed after ours.
    make_into(make_well, folder.path(), "install-dropin-dev", &SETTINGS);
    fs::write(pages.join("numa.3"), ".TH NUMA 3\n").unwrap();
    make_into(make_well, folder.path(), "uninstall-dropin-dev", &SETTINGS);
    let other = BTreeSet::from(["/opt/numars/share/man/man3/numa.3".to_owned()]);
    assert_eq!(files(folder.path()), other);
    // Pages are of no concern to the others, which leave them alone.
    for target in ["install-dropin", "uninstall-dropin"] {
        make_into(make_well, folder.path(), target, &SETTINGS);
    }
    assert_eq!(files(folder.path()), other);
    assert_eq!(fs::read_to_string(pages.join("numa.3")).unwrap(), ".TH NUMA 3\n");
}

#[test]
fn programs_are_built_with_what_install_dropin_dev_installs_and_run_on_any_libnuma() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("prefix");
    let settings = ["DESTDIR=", "LDCONFIG=", &format!("PREFIX={}", prefix.display())];
    stage();
    make_well(&[&["install-dropin-dev"], settings.as_slice()].concat());
    let program = "#include <numa.h>\nint main(void)\n{\n    return numa_bitmask_weight(numa_no_nodes_ptr) != 0;\n}\n";
    let pkg_config = prefix.join("lib/pkgconfig");
    let flags =
        run(Command::new("pkg-config").env("PKG_CONFIG_LIBDIR", pkg_config).args(["--cflags", "--libs", "numa"]));
    let flags: Vec<String> = flags.split_whitespace().map(str::to_owned).collect();
    let program = compile_c(folder.path(), program, &flags);
    // On Debian's, and on the one of numars.
    run(&mut Command::new(&program));
    let list = run(Command::new("ldd").arg(&program).env("LD_LIBRARY_PATH", prefix.join("lib/numars")));
    assert!(list.contains("prefix/lib/numars/libnuma.so.1"), "{list}");
    make_well(&[&["uninstall-dropin-dev"], settings.as_slice()].concat());
}

#[test]
fn sources_without_tests_and_git_are_built_and_installed_in_a_folder_of_any_name() {
    let tree = exported_tree(false);
    // A path that a shell and make take for several.
    let folder = tempfile::tempdir().unwrap();
    // No git, and a path that a shell and make would split.
    let sources = folder.path().join("a folder; it's of \"mine\" & yours");
    run(Command::new("cp").arg("--archive").arg(tree.path()).arg(&sources));
    run(make_in(&sources, &[]).arg("--silent"));
    run(make_in(&sources, &["install", "DESTDIR=destination"]).args(SETTINGS));
    let destination = sources.join("destination");
    assert_eq!(files(&destination), listed(false));
    let settings = fs::read_to_string(destination.join("opt/numars/lib/machine/pkgconfig/numars.pc")).unwrap();
    assert!(settings.contains(&format!("\nVersion: {}\n", version_of_the_crate())), "{settings}");
}

fn version_of_the_crate() -> String {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    manifest.lines().find_map(|line| line.strip_prefix("version = ")).unwrap().trim_matches('"').to_owned()
}

/// Runs make in a directory, without what an outer make passes down, and without the command unless an argument says CLI=….
fn make_in(folder: &Path, arguments: &[&str]) -> Command {
    let mut make = Command::new("make");
    make.current_dir(folder).env("CLI", "no").env_remove("MAKEFLAGS").env_remove("MAKELEVEL").args(arguments);
    make
}

/// The sources without git, in a directory of their own, and what make built from them if `built`.
fn exported_tree(built: bool) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let names = [
        "Makefile",
        "Cargo.toml",
        "Cargo.lock",
        "build.rs",
        "symbols.tsv",
        "src",
        "crates",
        "include",
        "pkgconfig",
        "bin",
        "docs",
    ];
    let mut copy = Command::new("cp");
    copy.current_dir(root()).args(["--archive", "--no-preserve=ownership"]).args(names).arg(folder.path());
    run(&mut copy);
    if built {
        stage();
        fs::create_dir_all(folder.path().join("target/c")).unwrap();
        for name in ["libnumars.so.1.0.0", "libnuma.so.1.0.0", "libnumars.a", "built"] {
            run(Command::new("cp")
                .arg("--archive")
                .arg(root().join("target/c").join(name))
                .arg(folder.path().join("target/c")));
        }
    }
    folder
}

/// Returns what was printed as an error, without make's own last line.
fn errors(output: &Output) -> Vec<String> {
    assert!(!output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    text.lines().filter(|line| !line.starts_with("make")).map(str::to_owned).collect()
}

/// Returns each file below a directory, with its owner, mode and modification time.
fn state(folder: &Path) -> BTreeMap<PathBuf, (u32, u32, i64, i64)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let data = path.symlink_metadata().unwrap();
            if data.is_dir() {
                folders.push(path.clone());
            }
            found.insert(path, (data.uid(), data.mode(), data.mtime(), data.mtime_nsec()));
        }
    }
    found
}

#[test]
fn installing_needs_no_rust_and_changes_nothing_in_the_tree() {
    let (tree, destination) = (exported_tree(true), tempfile::tempdir().unwrap());
    let before = state(tree.path());
    let destination_setting = format!("DESTDIR={}", destination.path().display());
    let no_compiler = ["CARGO=false", "RUSTC=false", "CC=false", "LD=false", "AR=false", "OBJCOPY=false"];
    for target in
        ["install", "uninstall", "install-dropin", "uninstall-dropin", "install-dropin-dev", "uninstall-dropin-dev"]
    {
        run(make_in(tree.path(), &[target, &destination_setting]).args(SETTINGS).args(no_compiler));
    }
    assert_eq!(files(destination.path()), BTreeSet::new());
    assert_eq!(state(tree.path()), before);
}

#[test]
fn installing_what_is_missing_or_outdated_is_an_error_of_one_line() {
    let (tree, destination) = (exported_tree(false), tempfile::tempdir().unwrap());
    let destination_setting = format!("DESTDIR={}", destination.path().display());
    for target in ["install", "install-dropin", "install-dropin-dev"] {
        let said = errors(&make_in(tree.path(), &[target, &destination_setting]).output().unwrap());
        assert!(said.len() == 1 && said[0].contains("Run make first"), "{said:?}");
    }
    let tree = exported_tree(true);
    fs::write(tree.path().join("src/lib.rs"), "").unwrap();
    let said = errors(&make_in(tree.path(), &["install", &destination_setting]).output().unwrap());
    assert!(said.len() == 1 && said[0].starts_with("src/lib.rs is newer than what was built"), "{said:?}");
    assert_eq!(files(destination.path()), BTreeSet::new());
}

#[test]
fn installed_files_are_readable_for_all_whatever_the_umask_is() {
    let (tree, destination) = (exported_tree(true), tempfile::tempdir().unwrap());
    let mut make = Command::new("sh");
    make.current_dir(&tree).env("DESTDIR", destination.path().join("tree")).env("CLI", "no").env_remove("MAKEFLAGS");
    run(make.args(["-c", "umask 077; make install-dropin install-dropin-dev"]).args(SETTINGS));
    for (path, (_, mode, ..)) in state(destination.path()) {
        let expected = match mode & 0o170_000 {
            0o040_000 => 0o755,
            0o120_000 => 0o777,
            _ if path.ends_with("numars-run") || path.to_str().unwrap().contains(".so.") => 0o755,
            _ => 0o644,
        };
        assert_eq!(mode & 0o7777, expected, "{}: {mode:o}", path.display());
    }
}

#[test]
fn a_destination_may_have_any_name() {
    for name in ["two words", "it's", "a:b", "a&b", "\"quoted\"", "a|b", "-rf", "$(echo x)", "back\\slash"] {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join(name);
        // Where a command would write to that splits the name at blanks.
        let first_word = folder.path().join(name.split(' ').next().unwrap()).join("kept");
        if name.contains(' ') {
            fs::create_dir_all(&first_word).unwrap();
        }
        // make itself expands what follows a dollar sign.
        let setting = format!("DESTDIR={}", destination.display()).replace('$', "$$");
        stage();
        for (target, expected) in [("install-dropin", listed(true)), ("uninstall-dropin", BTreeSet::new())] {
            make_well(&[&[target, &setting], SETTINGS.as_slice()].concat());
            assert_eq!(files(&destination), expected, "make {target} {setting}");
        }
        assert_eq!(first_word.is_dir(), name.contains(' '));
    }
}

#[test]
fn an_unusable_directory_is_rejected_in_one_line() {
    let destination = tempfile::tempdir().unwrap();
    let refused =
        ["", "relative", "./here", "/a b", "/a:b", "/a&b", "/a|b", "/it's", "/a\"b", "/a\\b", "/a;b", "/a,b", "/a}b"];
    let names = ["LIBDIR", "INCLUDEDIR", "BINDIR", "DATADIR", "MANDIR"].map(|name| (name, "/a:b"));
    for (name, folder) in refused.map(|folder| ("PREFIX", folder)).into_iter().chain(names) {
        for target in ["install", "install-dropin", "uninstall", "uninstall-dropin"] {
            let said = errors(&make_into(make, destination.path(), target, &[&format!("{name}={folder}")]));
            assert!(said.len() == 1 && said[0].starts_with(&format!("{name} is '{folder}'")), "{target}: {said:?}");
        }
    }
    assert_eq!(files(destination.path()), BTreeSet::new());
    // If the tree itself has such a name, it is not the user's PREFIX that is at fault.
    let tree = exported_tree(true);
    let with_blank = tree.path().join("a b");
    fs::create_dir(&with_blank).unwrap();
    run(Command::new("sh").current_dir(&tree).args(["-c", "mv [!a]* 'a b'"]));
    let said = errors(&make_in(&with_blank, &["stage"]).output().unwrap());
    assert!(said.len() == 1 && said[0].starts_with("The folder for make demo and the tests is "), "{said:?}");
}

#[test]
fn directories_in_the_environment_only_affect_make_install() {
    let names = ["PREFIX", "LIBDIR", "INCLUDEDIR", "BINDIR", "DATADIR", "MANDIR", "DESTDIR"];
    let commands = |arguments: &[&str]| {
        let mut make = make_in(root(), &[&["--dry-run"], arguments].concat());
        run(make.envs(names.map(|name| (name, "/of/the/environment"))))
    };
    assert!(commands(&["install"]).contains("/of/the/environment"));
    let staged = commands(&["stage"]);
    assert!(staged.contains("/target/stage/bin") && !staged.contains("/of/the/environment"), "{staged}");
    // Debian's packaging tools are not installed everywhere.
    if Path::new("/usr/share/dpkg/architecture.mk").exists() {
        let packaged = commands(&["--file=debian/rules", "override_dh_auto_install"]);
        assert!(names.iter().all(|name| packaged.contains(&format!(" {name}="))), "{packaged}");
    }
}

#[test]
fn another_libnuma_is_neither_overwritten_nor_removed() {
    let files_of_libnuma = [
        "lib/libnuma.so.1",
        "lib/libnuma.so",
        "lib/libnuma.a",
        "lib/pkgconfig/numa.pc",
        "include/numa.h",
        "include/numaif.h",
    ];
    // A directory may have numars in its name, which then appears in links and in pkg-config's file.
    type Make = fn(&Path, &Path);
    let another: [Make; 4] = [
        |file, _| fs::write(file, "prefix=/opt/numars-1\n").unwrap(),
        |file, _| symlink("is/not/there", file).unwrap(),
        |file, _| symlink("../numars/is/not/there", file).unwrap(),
        |file, elsewhere| {
            fs::write(elsewhere.join("libnumars.so"), "another one").unwrap();
            symlink(elsewhere.join("libnumars.so"), file).unwrap();
        },
    ];
    for name in files_of_libnuma {
        for make_file in another {
            let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let file = folder.path().join("usr").join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            make_file(&file, elsewhere.path());
            let before = state(folder.path());
            let mut targets = vec!["install-dropin", "uninstall-dropin"];
            // It stays beside what programs are built with.
            if name != "lib/libnuma.so.1" {
                targets.extend(["install-dropin-dev", "uninstall-dropin-dev"]);
            }
            for target in targets {
                let output = make_into(make, folder.path(), target, &["PREFIX=/usr", "LIBDIR=/usr/lib"]);
                let said = errors(&output);
                assert!(said.len() == 1 && said[0].contains(name), "make {target}: {said:?}");
                assert_eq!(state(folder.path()), before, "make {target}");
            }
        }
    }
}

#[test]
fn ldconfig_runs_in_the_running_system_and_otherwise_make_says_what_to_do() {
    let (tree, folder) = (exported_tree(true), tempfile::tempdir().unwrap());
    let (prefix, log) = (folder.path().join("prefix"), folder.path().join("log"));
    // A stand-in, which prints the contents of `listed`, and records that it ran.
    let (ldconfig, listed) = (folder.path().join("ldconfig"), folder.path().join("listed"));
    let script =
        format!("#!/bin/sh\n[ \"$1\" = -p ] && exec cat {}\necho \"ran$*\" >>{}\n", listed.display(), log.display());
    fs::write(&ldconfig, script).unwrap();
    fs::set_permissions(&ldconfig, PermissionsExt::from_mode(0o755)).unwrap();
    let is_root = run(Command::new("id").arg("-u")) == "0\n";
    let settings = [format!("PREFIX={}", prefix.display()), format!("LDCONFIG={}", ldconfig.display())];
    let install = |target: &str, more: &[&str]| {
        drop(fs::remove_file(&log));
        let mut make = make_in(tree.path(), &[target, "--silent"]);
        let printed = run(make.env_remove("DESTDIR").args(&settings).args(more));
        (printed, fs::read_to_string(&log).unwrap_or_default())
    };
    for (target, name) in [("install", "libnumars.so.1"), ("install-dropin", "libnuma.so.1")] {
        let ran = if is_root { "ran\n" } else { "" };
        let library = prefix.join("lib").join(name);
        fs::write(&listed, format!("1 libs found\n\t{name} (libc6,x86-64) => /elsewhere/{name}\n")).unwrap();
        let (printed, log) = install(target, &[]);
        assert!(
            printed.contains(library.parent().unwrap().to_str().unwrap()) && printed.lines().count() == 1,
            "{printed}"
        );
        assert_eq!(log, ran, "make {target}");
        // Then the loader finds it, whatever there is for programs of other architectures.
        let of_others = format!("2 libs found\n\t{name} (libc6,x32) => /32/{name}\n\t{name} (libc6) => /386/{name}\n");
        let kind = "libc6,x86-64, OS ABI: Linux 3.2.0";
        let ours = format!("\t{name} ({kind}) => {}\n", library.display());
        fs::write(&listed, format!("{of_others}{ours}\t{name} (libc6,x86-64) => /elsewhere/{name}\n")).unwrap();
        assert_eq!(install(target, &[]), (String::new(), ran.to_owned()), "make {target}");
        // The loader takes the first entry of the list that matches a program's architecture.
        for kind in ["libc6,x86-64", "libc6,x86-64, hwcap: \"x86-64-v2\""] {
            let another = format!("\t{name} ({kind}) => /elsewhere/{name}\n");
            fs::write(&listed, format!("{of_others}{another}{ours}")).unwrap();
            let (printed, _) = install(target, &[]);
            let expected = format!("Programs find /elsewhere/{name} before {}: ", library.display());
            assert!(printed.starts_with(&expected) && printed.lines().count() == 1, "{printed}");
        }
        // Without a list, make cannot know.
        fs::write(&listed, "").unwrap();
        for settings in [&[][..], &["LDCONFIG=/nowhere/ldconfig"]] {
            let (printed, _) = install(target, settings);
            assert!(printed.contains("set LD_LIBRARY_PATH") && printed.lines().count() == 1, "{settings:?}: {printed}");
        }
        let (printed, log) = install(target, &[&format!("DESTDIR={}", folder.path().join("other").display())]);
        assert!(printed.contains("ldconfig did not run") && printed.contains(name) && log.is_empty(), "{printed}{log}");
        assert_eq!(install(target, &["LDCONFIG="]), Default::default());
        assert_eq!(install(&target.replace("install", "uninstall"), &[]).1, ran);
    }
}

#[test]
fn make_help_fits_one_screen_and_needs_only_make() {
    let programs = tempfile::tempdir().unwrap();
    for name in ["sed", "sh", "make"] {
        let found = run(Command::new("sh").args(["-c", &format!("command -v {name}")]));
        symlink(found.trim(), programs.path().join(name)).unwrap();
    }
    let help = run(make_in(root(), &["help"]).env("PATH", programs.path()));
    assert!(help.lines().count() <= 24 && help.lines().all(|line| line.len() <= 100), "{help}");
    // The names are before a gap of two or more blanks.
    let names = help.lines().filter_map(|line| line.strip_prefix("  ")).map(|line| line.split("  ").next().unwrap());
    let named: BTreeSet<&str> = names.flat_map(|names| names.split([',', ' '])).collect();
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let joined = makefile.replace("\\\n", " ");
    let phony: BTreeSet<&str> =
        joined.lines().filter_map(|line| line.strip_prefix(".PHONY:")).flat_map(str::split_whitespace).collect();
    // What other targets need, and `help` itself.
    let internal =
        ["c-tests", "cargo", "debug-library", "fuzz-build", "help", "rust", "sanitized", "stage", "usable-stage", "vm"];
    for target in phony.iter().filter(|target| !internal.contains(target)) {
        assert!(named.contains(target), "{target} is missing:\n{help}");
    }
    assert!(phony.len() > 35, "{phony:?}");
}

#[test]
fn the_multiarch_directory_is_used_only_below_usr() {
    for (given, expected) in [("/usr", true), ("/usr/", true), ("/usr/local", false)] {
        let prefix = given.trim_end_matches('/');
        let folder = tempfile::tempdir().unwrap();
        // Users who install need not have the compiler.
        make_into(make_well, folder.path(), "install", &[&format!("PREFIX={given}"), "CC=false"]);
        let triplet = run(Command::new("gcc").arg("-print-multiarch"));
        let lib = format!("lib{}", if expected { format!("/{}", triplet.trim()) } else { String::new() });
        let installed = folder.path().join(&prefix[1..]).join(&lib);
        assert!(installed.join("libnumars.so.1").exists(), "{:?}", files(folder.path()));
        let settings = fs::read_to_string(installed.join("pkgconfig/numars.pc")).unwrap();
        assert!(settings.contains(&format!("prefix={prefix}\nlibdir=${{prefix}}/{lib}\n")), "{settings}");
    }
}

#[test]
fn if_the_multiarch_directory_is_not_known_make_asks_for_libdir() {
    if !Path::new("/etc/debian_version").exists() {
        return;
    }
    let (tree, destination) = (exported_tree(false), tempfile::tempdir().unwrap());
    let settings = [format!("DESTDIR={}", destination.path().display()), "PREFIX=/usr".into(), "CC=false".into()];
    let output = make_in(tree.path(), &["uninstall"]).args(&settings).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("set LIBDIR") && !output.status.success(), "{output:?}");
    run(make_in(tree.path(), &["uninstall", "LIBDIR=/usr/lib/machine"]).args(&settings));
}

#[test]
fn a_path_of_two_lines_is_rejected() {
    for name in ["PREFIX", "LIBDIR", "INCLUDEDIR", "BINDIR", "DATADIR", "MANDIR", "DESTDIR"] {
        let output = make_in(root(), &["--dry-run", "uninstall", &format!("{name}=/a\nb")]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(&format!("{name} has a line break")), "{said}");
    }
}

#[test]
fn building_and_installing_in_one_command_builds_first() {
    let (tree, destination) = (exported_tree(false), tempfile::tempdir().unwrap());
    let setting = format!("DESTDIR={}", destination.path().display());
    run(make_in(tree.path(), &["-j2", "all", "install-dropin", &setting]).args(SETTINGS));
    assert_eq!(files(destination.path()), listed(true));
}

#[test]
fn a_target_that_needs_more_sources_is_named() {
    let tree = exported_tree(false);
    for target in ["demo", "test", "c-tests", "deb", "bench", "headers", "everywhere-test", "readme-test"] {
        let output = make_in(tree.path(), &[target]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let expected = format!("make {target} needs all sources, as in a clone of the repository");
        assert!(!output.status.success() && said.contains(&expected), "{said}");
    }
}

// --- what a build needs ---

/// Returns a section of a manifest, without comments.
fn section(manifest: &str, name: &str) -> String {
    let text = fs::read_to_string(root().join(manifest)).unwrap();
    let text = format!("\n{text}");
    let (_, section) = text.split_once(&format!("\n[{name}]\n")).unwrap_or_else(|| panic!("{manifest}: no {name}"));
    let section = section.split("\n[").next().unwrap();
    section.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| format!("{line}\n")).collect()
}

#[test]
fn building_the_library_compiles_only_libc_and_once_cell() {
    let mut tree = Command::new(env!("CARGO"));
    tree.current_dir(root()).args(["tree", "--locked", "--offline", "--package", "libnumars"]);
    let tree = run(tree.args(["--edges", "normal,build", "--prefix", "none", "--format", "{p} {f}"]));
    let crates: BTreeMap<&str, &str> =
        tree.lines().filter_map(|line| Some((line.split(' ').next()?, line.rsplit(' ').next()?))).collect();
    assert!(crates.keys().eq(&["libc", "libnumars", "numars", "once_cell"]), "{tree}");
    assert_eq!(crates["numars"], "__c-symbols", "no features for Rust programs: {tree}");
}

#[test]
fn the_unit_tests_are_built_with_what_the_library_is_built_with() {
    for (library, tests) in
        [("crates/numars/Cargo.toml", "tests/unit/Cargo.toml"), ("Cargo.toml", "tests/unit-c/Cargo.toml")]
    {
        let is_of_others = |line: &&str| !line.starts_with("numars = ");
        for line in section(library, "dependencies").lines().filter(is_of_others) {
            assert!(section(tests, "dependencies").contains(line), "{tests}: not {line}");
        }
        for line in ["name", "version", "edition"] {
            let value =
                |manifest| section(manifest, "package").lines().find(|l| l.starts_with(line)).unwrap().to_owned();
            assert_eq!(value(library), value(tests));
        }
        assert_eq!(section(library, "lints.clippy"), section(tests, "lints.clippy"));
        let is_for_both = |line: &&str| !line.starts_with("unexpected_cfgs");
        let [library, tests] = [library, tests].map(|manifest| section(manifest, "lints.rust"));
        assert!(library.lines().filter(is_for_both).eq(tests.lines().filter(is_for_both)), "{library}{tests}");
    }
    // The same releases of both, since both have a lock file.
    let [lock, tests] = ["Cargo.lock", "tests/Cargo.lock"].map(|name| fs::read_to_string(root().join(name)).unwrap());
    for package in lock.split("\n\n").filter(|package| package.contains("checksum")) {
        // Where there are two releases of one package, dependencies are named with a version.
        let package = package.split("\ndependencies").next().unwrap().trim_end();
        assert!(tests.contains(package), "tests/Cargo.lock: not {package}");
    }
}

/// Creates a command that prints a version, as cargo and rustc do.
fn tool(folder: &Path, name: &str, version: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\necho {name} {version} '(0123456 2022-01-01)'\n")).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
fn a_rust_that_is_missing_or_too_old_gives_one_line_that_names_the_version() {
    let folder = tempfile::tempdir().unwrap();
    let [cargo, rustc] = ["cargo", "rustc"].map(|name| tool(folder.path(), name, "1.63.0"));
    let cases = [
        (["CARGO=/nowhere/cargo", ""], "but cargo was not found"),
        (["RUSTC=/nowhere/rustc", ""], "but rustc was not found"),
        ([&format!("CARGO={cargo}"), ""], "but cargo is 1.63.0"),
        ([&format!("RUSTC={rustc}"), ""], "but rustc is 1.63.0"),
        ([&format!("CARGO={cargo}"), &format!("RUSTC={rustc}")], "but cargo is 1.63.0"),
    ];
    for (settings, reason) in cases {
        for target in ["all", "vm", "headers", "docs"] {
            let settings = settings.iter().filter(|setting| !setting.is_empty());
            let said = errors(&make_in(root(), &[target]).args(settings).output().unwrap());
            assert_eq!(said.len(), 1, "make {target}: {said:?}");
            assert!(said[0].starts_with("numars needs Rust 1.88 or newer") && said[0].contains(reason), "{said:?}");
        }
    }
    let sources = exported_tree(false);
    let with_colon = sources.path().join("a:b");
    fs::create_dir(&with_colon).unwrap();
    run(Command::new("sh").current_dir(&sources).args(["-c", "mv [!a]* a:b"]));
    let said = errors(&make_in(&with_colon, &[]).output().unwrap());
    assert!(said.len() == 1 && said[0].contains("colon"), "{said:?}");
}

#[test]
#[ignore = "builds the library a dozen times: make test-long"]
fn settings_of_the_compiler_build_the_same_interface_or_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let build = format!("BUILD={}", folder.path().display());
    let make = |settings: &[(&str, &str)]| {
        let mut make = make_in(root(), &["--silent", &build]);
        for name in ["RUSTFLAGS", "CFLAGS", "LDFLAGS"] {
            make.env_remove(name);
        }
        make.envs(settings.iter().copied()).output().unwrap()
    };
    let host = run(Command::new("rustc").arg("-vV"));
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let profile = |name: &str| format!("CARGO_PROFILE_RELEASE_{name}");
    let [lto, units, panic, level, debug, strip] =
        ["LTO", "CODEGEN_UNITS", "PANIC", "OPT_LEVEL", "DEBUG", "STRIP"].map(profile);
    let works: [&[(&str, &str)]; 3] = [
        &[(&lto, "off")],
        &[(&lto, "thin"), (&level, "1"), (&panic, "unwind"), (&strip, "true"), ("CARGO_BUILD_TARGET", host)],
        &[(&units, "16"), (&level, "3"), (&debug, "true"), ("RUSTFLAGS", "-Ctarget-cpu=native")],
    ];
    for settings in works {
        let output = make(settings);
        assert!(output.status.success(), "{settings:?}: {output:?}");
        for name in ["libnumars.so.1", "libnuma.so.1"] {
            assert_eq!(exports(&folder.path().join(name)), expected_exports(), "{settings:?}");
        }
        let symbols = run(Command::new("readelf").args(["--symbols", "--wide"]).arg(folder.path().join("numars.o")));
        assert!(!symbols.contains("panic") && !symbols.contains("eh_personality"), "{settings:?}: {symbols}");
    }
    for (name, value) in [
        (level.as_str(), "0"),
        ("RUSTFLAGS", "-Clinker-plugin-lto"),
        ("RUSTFLAGS", "-Crelocation-model=static"),
        ("LDFLAGS", "-Wl,--no-such-option"),
    ] {
        let said = errors(&make(&[(name, value)]));
        assert!(said.last().unwrap().ends_with(&format!("try without {name}.")), "{name}: {said:?}");
    }
}

/// A folder for `BUILD`, with what cargo compiled for the library under test: cargo need not compile it again.
fn compiled() -> TempDir {
    stage();
    let folder = tempfile::tempdir().unwrap();
    run(Command::new("cp").args(["--archive", "target/c/cargo"]).current_dir(root()).arg(folder.path()));
    folder
}

#[test]
#[ignore = "takes long; make test-long runs it"]
fn every_linker_makes_the_same_interface_and_an_archive_that_links() {
    let (folder, project) = (compiled(), project(&[]));
    let build = format!("BUILD={}", folder.path().display());
    for compiler in ["gcc", "gcc -fuse-ld=lld", "clang -fuse-ld=lld", "gcc -fuse-ld=gold", "gcc -fuse-ld=mold"] {
        // Nothing else needs linking: cargo's output is kept.
        run(Command::new("sh").current_dir(&folder).args(["-c", "rm -f *.o lib*"]));
        run(make_in(root(), &["--silent", &build, &format!("CC={compiler}"), "LD=false"]).env_remove("LDFLAGS"));
        for name in ["libnumars.so.1", "libnuma.so.1"] {
            assert_eq!(exports(&folder.path().join(name)), expected_exports(), "{compiler}");
        }
        let mut link = Command::new("gcc");
        link.current_dir(&project)
            .args(["-o", "program", "program.c", "-I"])
            .arg(stage().prefix.join("include/numars"));
        run(link.arg(folder.path().join("libnumars.a")));
        assert_runs(&project.path().join("program"));
    }
}

#[test]
fn a_check_that_cannot_be_made_fails_the_build() {
    let folder = compiled();
    let build = format!("BUILD={}", folder.path().display());
    let output = make_in(root(), &["--silent", &build, "READELF=/nowhere/readelf"]).output().unwrap();
    assert!(errors(&output).iter().any(|line| line.contains("/nowhere/readelf")), "{output:?}");
}

#[test]
fn plain_cargo_build_refuses_several_codegen_units_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in [("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"), ("RUSTFLAGS", "-Ccodegen-units=2")] {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(root()).args(["build", "--release", "--locked", "--target-dir"]).arg(folder.path());
        let output = cargo.env(name, value).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("one codegen unit"), "{said}");
    }
}

#[test]
fn plain_cargo_build_links_with_lld_where_rustc_does_not_and_names_it_if_it_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let compiler = folder.path().join("cc");
    // A compiler that does not find lld.
    fs::write(&compiler, "#!/bin/sh\ncase \" $* \" in *' -fuse-ld=lld '*) exit 1 ;; esac\nexec cc \"$@\"\n").unwrap();
    fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755)).unwrap();
    let build = |flags: &str| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .current_dir(root())
            .args(["build", "--release", "--locked", "--target-dir"])
            .arg(folder.path().join("target"));
        cargo.env("RUSTFLAGS", format!("-Clinker-features=-lld {flags}")).output().unwrap()
    };
    let output = build(&format!("-Clinker={}", compiler.display()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("lld") && said.contains("use make"), "{said}");
    assert!(build("").status.success());
    assert_eq!(exports(&folder.path().join("target/release/libnumars.so")), expected_exports());
}

#[test]
#[ignore = "builds the library again, if there is cargo-c: make test-long"]
fn cargo_cinstall_installs_a_library_without_versions_that_programs_link_with() {
    let cargo = || Command::new(env!("CARGO"));
    if !cargo().args(["cinstall", "--version"]).output().unwrap().status.success() {
        println!("skipped: install cargo-c");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("prefix");
    let settings = ["cinstall", "--release", "--locked", "--offline", "--package", "libnumars"];
    let mut install = cargo();
    install.current_dir(root()).args(settings).arg("--target-dir").arg(folder.path().join("target"));
    run(install.arg("--prefix").arg(&prefix).arg("--libdir").arg(prefix.join("lib")));
    let installed = files(&prefix);
    for name in ["include/numars/numa.h", "include/numars/numars.h", "lib/libnumars.a", "lib/pkgconfig/numars.pc"] {
        assert!(installed.contains(&format!("/{name}")), "{installed:?}");
    }
    let library = prefix.join("lib").join(format!("libnumars.so.{}", setting_of_make("SOVERSION")));
    let exported: BTreeSet<String> =
        exports(&library).into_iter().map(|export| export.name + &export.version).collect();
    let expected = expected_exports().into_iter().map(|export| export.name + if export.default { "" } else { "_v1" });
    assert_eq!(exported, expected.collect());

    let pkg_config = |options: &[&str]| -> Vec<String> {
        let mut pkg_config = Command::new("pkg-config");
        pkg_config.env("PKG_CONFIG_LIBDIR", prefix.join("lib/pkgconfig")).args(options).arg("numars");
        run(&mut pkg_config).split_whitespace().map(str::to_owned).collect()
    };
    let program =
        "#include <numars.h>\n#include <stdio.h>\nint main(void)\n{\n    return puts(numars_version()) < 0;\n}\n";
    let version = format!("{}\n", version_of_the_crate());
    assert_eq!(
        run(Command::new("pkg-config").arg("--modversion").arg(prefix.join("lib/pkgconfig/numars.pc"))),
        version
    );
    for options in [&["--cflags", "--libs"][..], &["--cflags", "--libs", "--static"]] {
        let mut flags = pkg_config(options);
        if options.contains(&"--static") {
            flags.push("-static".into());
        }
        let program = compile_c(folder.path(), program, &flags);
        assert_eq!(run(Command::new(program).env("LD_LIBRARY_PATH", prefix.join("lib"))), version);
    }
}

// --- the archive of a release ---

/// Runs make in a directory without network and with nothing that cargo fetched before.
fn make_without_network(sources: &Path, arguments: &[&str]) -> String {
    let cargo_home = tempfile::tempdir().unwrap();
    let mut make = Command::new("unshare");
    // Others than root need a namespace of users for one of networks.
    if run(Command::new("id").arg("-u")) != "0\n" {
        make.arg("--map-root-user");
    }
    make.args(["--net", "make"]).args(arguments).current_dir(sources).env("CARGO_HOME", cargo_home.path());
    for name in ["MAKEFLAGS", "MAKELEVEL", "CARGO_NET_OFFLINE", "CARGO_TARGET_DIR", "CLI", "STATIC", "SHARED"] {
        make.env_remove(name);
    }
    run(&mut make)
}

#[test]
#[ignore = "builds everything again: make test-long"]
fn the_archive_of_a_release_builds_installs_and_passes_its_tests_without_network() {
    if !root().join(".git").exists() {
        println!("skipped: only a clone of the repository can make the archive");
        return;
    }
    let name = format!("numars-{}", version_of_the_crate());
    // The same whatever modes new files get.
    let folders = ["022", "077"].map(|umask| {
        let folder = tempfile::tempdir().unwrap();
        let command = format!("umask {umask} && exec make dist");
        run(Command::new("sh").current_dir(root()).args(["-c", &command]).env("OUT", folder.path()));
        folder
    });
    let archives = folders.each_ref().map(|folder| fs::read(folder.path().join(format!("{name}.tar.xz"))).unwrap());
    assert!(archives[0] == archives[1], "made twice, the archives differ");
    let folder = &folders[0];
    run(Command::new("tar").current_dir(folder).arg("-xf").arg(format!("{name}.tar.xz")));
    let sources = folder.path().join(&name);
    // Of a link, only its name.
    let names = files(&sources).into_iter().map(|file| file.split(" -> ").next().unwrap().to_owned());
    let (vendored, unpacked): (BTreeSet<_>, BTreeSet<_>) = names.partition(|file| file.starts_with("/vendor/"));
    let left_out = vendored.iter().find(|file| file.ends_with("/.gitmodules"));
    assert_eq!(left_out, None, "a Debian source package does not have it, and cargo fails without it");
    let tracked = run(Command::new("git").current_dir(root()).args(["ls-files"]));
    let tracked: BTreeSet<String> = tracked.lines().map(|file| format!("/{file}")).collect();
    assert_eq!(unpacked.symmetric_difference(&tracked).collect::<Vec<_>>(), Vec::<&String>::new());

    let destination = folder.path().join("destination");
    let settings = ["PREFIX=/opt/numars", "LIBDIR=/opt/numars/lib/machine", "LDCONFIG="];
    let destination_setting = format!("DESTDIR={}", destination.display());
    make_without_network(&sources, &[&["all", "install", &destination_setting], &settings[..]].concat());
    assert_eq!(files(&destination), listed_in(&["", "with the command"]));
    let prefix = destination.join("opt/numars");
    let program =
        "#include <numars.h>\n#include <stdio.h>\nint main(void)\n{\n    return puts(numars_version()) < 0;\n}\n";
    let flags = [
        format!("-I{}", prefix.join("include/numars").display()),
        format!("-L{}", prefix.join("lib/machine").display()),
        "-lnumars".to_owned(),
    ];
    let program = compile_c(folder.path(), program, &flags);
    let version = run(Command::new(program).env("LD_LIBRARY_PATH", prefix.join("lib/machine")));
    assert_eq!(version, format!("{}\n", version_of_the_crate()));

    let output = make_without_network(&sources, &["check"]);
    let last = output.lines().next_back().unwrap_or_default();
    let [passed, failed] = ["passed", "failed"].map(|word| {
        let before = last.split(word).next().unwrap().trim_end();
        before.rsplit(' ').next().unwrap().parse::<usize>().unwrap_or_else(|_| panic!("{output}"))
    });
    assert!(passed > 700 && failed == 0, "{output}");
}

// --- versions: each is written in one place, and repeated where a tool or a reader looks for it ---

/// Returns the value of a variable that the Makefile sets.
fn setting_of_make(name: &str) -> String {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let value = makefile.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" := "));
    value.unwrap_or_else(|| panic!("the Makefile sets no {name}")).to_owned()
}

/// Returns the files of the repository that are text, by their paths there, without what is built, lock files and data.
fn sources() -> Vec<String> {
    let mut sources = vec![];
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() && !["target", "vendor", ".git", "fuzz/seeds"].contains(&name.as_str()) {
                folders.push(path);
            } else if path.is_file() && fs::read_to_string(&path).is_ok() {
                sources.push(name);
            }
        }
    }
    sources
}

#[test]
fn the_version_of_the_root_manifest_is_that_of_every_package_and_the_newest_of_the_changes() {
    let version = version_of_the_crate();
    for manifest in ["crates/numars", "crates/numars-cli", "tests/unit", "tests/unit-c"] {
        let package = section(&format!("{manifest}/Cargo.toml"), "package");
        assert!(package.contains(&format!("\nversion = \"{version}\"\n")), "{manifest}: {package}");
    }
    let numbers: Vec<usize> = version.split(['.', '-']).take(3).map(|number| number.parse().unwrap()).collect();
    let number = (numbers[0] * 100 + numbers[1]) * 100 + numbers[2];
    let header = fs::read_to_string(root().join("include/numars.h")).unwrap();
    assert!(header.contains(&format!("\n#define NUMARS_VERSION {number}\n")), "numars.h does not have {number}");

    // Before a release, its changes have no number.
    let changes = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let newest = changes.lines().find_map(|line| line.strip_prefix("## ")).unwrap();
    let is_of_version = newest.trim_start_matches('[').starts_with(&version);
    assert!(newest == "Unreleased" || is_of_version, "CHANGELOG.md begins with {newest}, the version is {version}");
    let number_of = |text: &str| -> Vec<u32> { text.split('.').map(|part| part.parse().unwrap()).collect() };
    for symbol in support::symbol_table() {
        assert!(number_of(&symbol.numars) <= number_of(version.split('-').next().unwrap()), "{}", symbol.name);
    }
}

#[test]
fn every_library_with_a_full_version_in_its_name_has_that_of_the_makefile() {
    let version = setting_of_make("SOVERSION");
    let mut named = 0;
    for name in sources() {
        let text = fs::read_to_string(root().join(&name)).unwrap();
        for part in ["libnumars.so.", "libnuma.so."].iter().flat_map(|library| text.split(library).skip(1)) {
            let number: String = part.chars().take_while(|&c| c.is_ascii_digit() || c == '.').collect();
            let number = number.trim_end_matches('.');
            if number.contains('.') {
                named += 1;
                assert_eq!(number, version, "{name}");
            }
        }
    }
    assert!(named > 20, "only {named} names");
    assert!(section("Cargo.toml", "package.metadata.capi.library").contains(&format!("version = \"{version}\"\n")));
}

#[test]
fn the_libnuma_that_numars_is_compared_with_is_that_of_the_makefile() {
    let version = setting_of_make("LIBNUMA_VERSION");
    for (file, text) in [
        ("CHANGELOG.md", format!("all symbols of {version}")),
        ("README.md", format!("libnuma {version}")),
        ("docs/differences.md", format!("The reference is libnuma {version} ")),
        ("docs/packaging.md", format!("the one that numars replaces ({version})")),
        ("tests/parity.rs", format!("version: \"{version}\"")),
        ("bench/src/calls.rs", format!("NEWEST: (&str, &str) = (\"{version}\"")),
    ] {
        assert!(fs::read_to_string(root().join(file)).unwrap().contains(&text), "{file} does not have: {text}");
    }
    // The newest symbols of libnuma that the table has.
    let number_of = |text: &str| -> Vec<u32> { text.split('.').map(|part| part.parse().unwrap()).collect() };
    let newest =
        support::symbol_table().into_iter().filter_map(|symbol| symbol.libnuma).map(|text| number_of(&text)).max();
    assert!(newest.unwrap() <= number_of(&version));
}

// --- Debian packages: `make deb-test` tests those that are built ---

#[test]
fn the_debian_packages_have_the_version_of_the_crate() {
    let changes = fs::read_to_string(root().join("debian/changelog")).unwrap();
    // 1.0.0-rc.1 comes before 1.0.0, which Debian writes as 1.0.0~rc.1.
    let expected = format!("numars ({}) ", version_of_the_crate().replacen('-', "~", 1));
    assert!(changes.starts_with(&expected), "{expected}: {}", changes.lines().next().unwrap_or_default());
}

#[test]
fn a_package_build_removes_no_file_of_the_crates_that_a_release_archive_has() {
    // Debian's packaging tools are not installed everywhere.
    if !Path::new("/usr/bin/dh_clean").exists() {
        return;
    }
    let tree = tempfile::tempdir().unwrap();
    run(Command::new("cp").current_dir(root()).args(["--recursive", "Makefile", "debian"]).arg(tree.path()));
    let (original, leftover) =
        (tree.path().join("vendor/libc-0.2.0/Cargo.toml.orig"), tree.path().join("Makefile.orig"));
    fs::create_dir_all(original.parent().unwrap()).unwrap();
    for file in [&original, &leftover] {
        fs::write(file, "").unwrap();
    }
    run(Command::new("debian/rules").current_dir(&tree).arg("clean").env_remove("MAKEFLAGS").env_remove("MAKELEVEL"));
    assert!(original.exists() && !leftover.exists());
}

/// Returns the symbols of a list for dpkg-gensymbols, without the versions that introduced them.
fn symbols_for_dpkg(name: &str) -> BTreeSet<String> {
    let list = fs::read_to_string(root().join("debian").join(name)).unwrap();
    list.lines()
        .filter_map(|line| line.strip_prefix(' '))
        .map(|line| line.trim_start_matches("(optional)").split_once(' ').unwrap().0.to_owned())
        .collect()
}

#[test]
fn the_lists_for_dpkg_have_every_symbol_and_version() {
    let exports = expected_exports();
    let versions: BTreeSet<&str> = exports.iter().map(|export| export.version.as_str()).collect();
    let mut symbols: BTreeSet<String> =
        exports.iter().map(|export| format!("{}@{}", export.name, export.version)).collect();
    symbols.extend(versions.iter().map(|version| format!("{version}@{version}")));
    assert_eq!(symbols_for_dpkg("libnumars1.symbols"), symbols);
    assert_eq!(symbols_for_dpkg("numars-dropin.symbols"), symbols);
}

// --- README.md: `make readme-test` runs its commands ---

#[test]
fn commands_of_the_readme_are_in_blocks_that_are_run() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let mut kind = None;
    for (number, line) in readme.lines().enumerate() {
        let place = format!("README.md:{}: {line}", number + 1);
        match (line.strip_prefix("```"), kind) {
            (Some(start), None) => {
                assert!(["sh", "console", "c", "toml", "rust,no_run"].contains(&start), "{place}");
                kind = Some(start);
            }
            (Some(end), Some(_)) => {
                assert!(end.is_empty(), "{place}");
                kind = None;
            }
            (None, None) => assert!(!line.starts_with("    "), "not in a block that says what it is: {place}"),
            (None, Some("sh")) => assert!(!line.starts_with([' ', '$', '#']) && !line.ends_with('\\'), "{place}"),
            _ => {}
        }
    }
    assert_eq!(kind, None);
}

// --- projects ---

/// Uses both what libnuma has and what it lacks.
const PROGRAM: &str = r#"
#include <numa.h>
#include <numaif.h>
#include <numars.h>
#include <stdio.h>

int main(void)
{
    struct bitmask *mask = numa_bitmask_alloc(70);
    numa_bitmask_setbit(mask, 69);
    printf("%u %s\n", numa_bitmask_weight(mask), numars_version());
    numa_bitmask_free(mask);
    return numars_count_pages(0, &mask, sizeof mask, NULL, 0) != 1;
}
"#;

/// Creates a project of these files, in a directory of its own.
fn project(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [&[("program.c", PROGRAM), ("program-cxx.cc", PROGRAM)], files].concat() {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// A command of the project, which finds the installed library by pkg-config.
fn command(project: &TempDir, program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(project).env("PKG_CONFIG_PATH", stage().lib().join("pkgconfig"));
    command
}

fn assert_runs(program: &Path) {
    let mut version = Command::new("pkg-config");
    version.env("PKG_CONFIG_PATH", stage().lib().join("pkgconfig")).args(["--modversion", "numars"]);
    let expected = format!("1 {}", run(&mut version));
    assert_eq!(run(Command::new(program).env("LD_LIBRARY_PATH", stage().lib())), expected);
}

fn needs(program: &Path) -> String {
    run(Command::new("readelf").arg("--dynamic").arg(program))
}

/// Checks two programs that a project built in `folder`, in C and in C++.
fn assert_both_run(folder: &Path) {
    for name in ["in-c", "in-cxx"] {
        let program = folder.join(name);
        assert!(needs(&program).contains("[libnumars.so.1]"), "{name}");
        assert_runs(&program);
    }
}

#[test]
fn a_project_of_plain_make_builds() {
    let project = project(&[(
        "Makefile",
        "FLAGS = $(shell pkg-config --cflags --libs numars)\n\
         all: in-c in-cxx\n\
         in-c: program.c\n\t$(CC) -o $@ $< $(FLAGS)\n\
         in-cxx: program-cxx.cc\n\t$(CXX) -o $@ $< $(FLAGS)\n",
    )]);
    run(&mut command(&project, "make"));
    assert_both_run(project.path());
}

#[test]
fn a_program_links_statically() {
    let project =
        project(&[("build", "$CC -static -o static program.c $(pkg-config --static --cflags --libs numars)\n")]);
    for compiler in ["gcc", "clang"] {
        run(command(&project, "sh").arg("build").env("CC", compiler));
        assert!(!needs(&project.path().join("static")).contains("NEEDED"));
        assert_runs(&project.path().join("static"));
    }
}

#[test]
fn a_project_of_cmake_builds() {
    let project = project(&[(
        "CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.16)\n\
         project(small C CXX)\n\
         find_package(PkgConfig REQUIRED)\n\
         pkg_check_modules(NUMARS REQUIRED IMPORTED_TARGET numars)\n\
         add_executable(in-c program.c)\n\
         target_link_libraries(in-c PkgConfig::NUMARS)\n\
         add_executable(in-cxx program-cxx.cc)\n\
         target_link_libraries(in-cxx PkgConfig::NUMARS)\n",
    )]);
    run(command(&project, "cmake").args(["-S", ".", "-B", "build"]));
    run(command(&project, "cmake").args(["--build", "build"]));
    assert_both_run(&project.path().join("build"));
}

#[test]
fn a_project_of_meson_builds() {
    let project = project(&[(
        "meson.build",
        "project('small', 'c', 'cpp')\n\
         numars = dependency('numars')\n\
         executable('in-c', 'program.c', dependencies: numars)\n\
         executable('in-cxx', 'program-cxx.cc', dependencies: numars)\n",
    )]);
    run(command(&project, "meson").args(["setup", "build"]));
    run(command(&project, "meson").args(["compile", "-C", "build"]));
    assert_both_run(&project.path().join("build"));
}

#[test]
fn a_project_of_autotools_builds() {
    let project = project(&[
        (
            "configure.ac",
            "AC_INIT([small], [1])\n\
             AM_INIT_AUTOMAKE([foreign])\n\
             AC_PROG_CC\nAC_PROG_CXX\n\
             PKG_CHECK_MODULES([NUMARS], [numars])\n\
             AC_CONFIG_FILES([Makefile])\nAC_OUTPUT\n",
        ),
        (
            "Makefile.am",
            "bin_PROGRAMS = in-c in-cxx\n\
             AM_CPPFLAGS = $(NUMARS_CFLAGS)\nLDADD = $(NUMARS_LIBS)\n\
             in_c_SOURCES = program.c\nin_cxx_SOURCES = program-cxx.cc\n",
        ),
    ]);
    run(command(&project, "autoreconf").arg("--install"));
    run(&mut command(&project, "./configure"));
    run(&mut command(&project, "make"));
    assert_both_run(project.path());
}

// --- pkg-config ---

/// Returns the flags of an installed package, one by one.
fn flags(folder: &Path, options: &[&str], package: &str) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    let flags = run(command.env("PKG_CONFIG_LIBDIR", folder).args(options).args(["--cflags", "--libs", package]));
    flags.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_files_of_pkg_config_can_be_given_another_prefix() {
    let destination = tempfile::tempdir().unwrap();
    make_into(make_well, destination.path(), "install-dropin", &SETTINGS);
    let lib = destination.path().join("opt/numars/lib/machine");
    let option = ["--define-variable=prefix=/new"];
    let new = "/new/lib/machine";
    let include = "-I/new/include/numars";
    assert_eq!(flags(&lib.join("pkgconfig"), &option, "numars"), [include, &format!("-L{new}"), "-lnumars"]);
    let [library, rpath] = ["-L", "-Wl,-rpath,"].map(|option| format!("{option}{new}/numars"));
    assert_eq!(flags(&lib.join("numars/pkgconfig"), &option, "numa"), [include, &library, &rpath, "-lnuma"]);
    // In libnuma's place, the loader finds it like libnuma.
    assert_eq!(flags(&lib.join("pkgconfig"), &option, "numa"), ["-I/new/include", &format!("-L{new}"), "-lnuma"]);
    // What is below another directory stays there.
    let settings = ["PREFIX=/opt/numars", "LIBDIR=/elsewhere/lib", "INCLUDEDIR=/opt/numars-not/include"];
    make_into(make_well, destination.path(), "install", &settings);
    let lib = destination.path().join("elsewhere/lib/pkgconfig");
    let expected = ["-I/opt/numars-not/include/numars", "-L/elsewhere/lib", "-lnumars"];
    assert_eq!(flags(&lib, &option, "numars"), expected);
    // In the default layout, pkg-config can determine where the tree is now.
    make_into(make_well, destination.path(), "install", &["PREFIX=/opt/usual"]);
    let moved = destination.path().join("moved");
    fs::rename(destination.path().join("opt/usual"), &moved).unwrap();
    let moved = moved.display();
    let expected = [format!("-I{moved}/include/numars"), format!("-L{moved}/lib"), "-lnumars".to_owned()];
    assert_eq!(flags(&destination.path().join("moved/lib/pkgconfig"), &["--define-prefix"], "numars"), expected);
    // numa.pc is deeper in the tree, and says what works instead.
    let flavour = destination.path().join("moved/lib/numars/pkgconfig");
    let option = "--define-variable=prefix=";
    assert!(fs::read_to_string(flavour.join("numa.pc")).unwrap().contains(option));
    let library = format!("{moved}/lib/numars");
    let expected = [
        format!("-I{moved}/include/numars"),
        format!("-L{library}"),
        format!("-Wl,-rpath,{library}"),
        "-lnuma".to_owned(),
    ];
    assert_eq!(flags(&flavour, &[&format!("{option}{moved}")], "numa"), expected);
}

/// A program that runs with libnuma too, and prints which of the two it runs on.
const WHICH_LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <numa.h>
#include <numaif.h>
#include <stdio.h>

int main(void)
{
    const char *(*version)(void) = (const char *(*)(void))dlsym(RTLD_DEFAULT, "numars_version");

    printf("%d %s\n", numa_available() <= 0, version ? "numars" : "libnuma");
    return set_mempolicy_home_node(NULL, 0, 0, 0) != 0;
}
"#;

/// Builds a project that requests numa from pkg-config, which PKG_CONFIG_PATH finds, and runs its program with nothing
/// else set.
fn assert_a_numa_project_runs_on_numars(files: &[(&str, &str)], commands: &[&[&str]], program: &str) {
    let project = project(&[files, &[("which.c", WHICH_LIBRARY)]].concat());
    for command in commands {
        let mut build = Command::new(command[0]);
        build.current_dir(&project).env("PKG_CONFIG_PATH", stage().flavour().join("pkgconfig")).args(&command[1..]);
        run(&mut build);
    }
    let mut program = Command::new(project.path().join(program));
    program.env_remove("LD_LIBRARY_PATH").env_remove("LD_PRELOAD");
    assert_eq!(run(&mut program), "1 numars\n");
}

#[test]
fn a_program_of_a_project_that_asks_for_numa_runs_on_numars() {
    let build: &[&str] = &["sh", "-c", "cc -o which which.c $(pkg-config --cflags --libs numa)"];
    assert_a_numa_project_runs_on_numars(&[], &[build], "which");
    // Debian has a libnuma.a, which must not be used.
    let build: &[&str] = &["sh", "-c", "cc -static -o which which.c $(pkg-config --static --cflags --libs numa)"];
    let project = project(&[("which.c", WHICH_LIBRARY)]);
    let mut compile = Command::new(build[0]);
    run(compile.current_dir(&project).env("PKG_CONFIG_PATH", stage().flavour().join("pkgconfig")).args(&build[1..]));
    let program = fs::read(project.path().join("which")).unwrap();
    assert!(program.windows(10).any(|bytes| bytes == b"NUMARS_LOG"), "it is another library");
}

#[test]
fn what_cmake_and_meson_install_for_a_project_that_asks_for_numa_runs_on_numars() {
    let cmake = "cmake_minimum_required(VERSION 3.16)\n\
         project(small C)\n\
         find_package(PkgConfig REQUIRED)\n\
         pkg_check_modules(NUMA REQUIRED IMPORTED_TARGET numa)\n\
         add_executable(which which.c)\n\
         target_link_libraries(which PkgConfig::NUMA)\n\
         install(TARGETS which)\n";
    let commands: [&[&str]; 3] = [
        &["cmake", "-S", ".", "-B", "build", "-DCMAKE_INSTALL_PREFIX=installed"],
        &["cmake", "--build", "build"],
        &["sh", "-c", "DESTDIR=$PWD/tree cmake --install build --prefix /usr"],
    ];
    for program in ["build/which", "tree/usr/bin/which"] {
        assert_a_numa_project_runs_on_numars(&[("CMakeLists.txt", cmake)], &commands, program);
    }
    let meson =
        "project('small', 'c')\nexecutable('which', 'which.c', dependencies: dependency('numa'), install: true)\n";
    let commands: [&[&str]; 3] = [
        &["meson", "setup", "--prefix=/usr", "build"],
        &["meson", "compile", "-C", "build"],
        &["sh", "-c", "DESTDIR=$PWD/tree meson install -C build"],
    ];
    for program in ["build/which", "tree/usr/bin/which"] {
        assert_a_numa_project_runs_on_numars(&[("meson.build", meson)], &commands, program);
    }
}

// --- manual pages ---

fn manual(name: &str) -> String {
    fs::read_to_string(root().join("docs/man").join(name)).unwrap()
}

/// Returns the comment that a declaration of a header has.
fn comment_before(header: &str, declaration: usize) -> &str {
    let before = &header[..declaration];
    &before[before.rfind("/**").or(before.rfind("/*")).unwrap()..]
}

/// Fails unless a page has each error that the comment names.
fn assert_errors_are_listed(name: &str, comment: &str, errors: &str) {
    for word in comment.split(|c: char| !c.is_ascii_alphanumeric()) {
        if word.len() > 3 && word.starts_with('E') && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        {
            assert!(errors.contains(&format!("Bq Er {word}\n")), "{name}: {word} is not among the errors of the page");
        }
    }
}

#[test]
fn the_page_about_nodes_that_differ_agrees_with_the_header() {
    let header = fs::read_to_string(root().join("include/numars.h")).unwrap();
    let page = manual("numars_node_attribute.3");
    let (before, errors) = page.split_once(".Sh ERRORS").unwrap();
    let (names, _) = before.split_once(".Sh LIBRARY").unwrap();
    let mut functions = 0;
    for name in names.lines().filter_map(|line| line.strip_prefix(".Nm ")).map(|name| name.trim_end_matches(" ,")) {
        let at = header.find(&format!("int {name}(")).unwrap_or_else(|| panic!("{name} is not in numars.h"));
        assert_errors_are_listed(name, comment_before(&header, at), errors);
        functions += 1;
    }
    assert_eq!(functions, 8);
    let mut values = 0;
    let starts = ["NUMARS_NODE_", "NUMARS_CAPACITY", "NUMARS_FREE", "NUMARS_READ_", "NUMARS_WRITE_", "NUMARS_MEMORY_"];
    for word in header.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        if starts.iter().any(|start| word.starts_with(start)) {
            assert!(page.contains(word), "{word} is not in the page");
            values += 1;
        }
    }
    assert!(values >= 10, "only {values} constants were found");
}

/// Fails unless a page lists the errors that the comment of a function names, and its arguments in order.
fn assert_function_is_documented(name: &str, header: &str, page: &str) {
    let (_, errors) = page.split_once(".Sh ERRORS").unwrap();
    let at = header.find(&format!("long {name}(")).unwrap_or_else(|| panic!("{name} is not in numars.h"));
    let declaration = &header[at..at + header[at..].find(");").unwrap()];
    assert_errors_are_listed(name, comment_before(header, at), errors);
    // Each argument, in order.
    let synopsis = &page[page.find(&format!(".Fo {name}\n")).unwrap()..];
    let synopsis: Vec<&str> = synopsis.lines().take_while(|&line| line != ".Fc").skip(1).collect();
    let arguments = declaration
        .split_once('(')
        .unwrap()
        .1
        .split(',')
        .map(|argument| argument.split_whitespace().collect::<Vec<_>>().join(" "));
    assert!(
        synopsis.iter().map(|line| line.trim_start_matches(".Fa ").trim_matches('"')).eq(arguments.collect::<Vec<_>>()),
        "{name}: {synopsis:?}"
    );
}

/// Fails unless the header and a page have a structure with the same fields.
fn assert_fields_are_the_same(structure: &str, header: &str, page: &str) {
    let fields = |text: &str| -> BTreeSet<String> {
        let from = text.find(&format!("struct {structure} {{")).unwrap();
        let text = &text[from..from + text[from..].find("};").unwrap()];
        let lines = text.lines().map(str::trim).filter(|line| line.ends_with(';'));
        lines.map(|line| line.trim_end_matches(';').rsplit([' ', '*']).next().unwrap().to_owned()).collect()
    };
    assert_eq!(fields(page), fields(header));
}

#[test]
fn the_page_about_moves_agrees_with_the_header() {
    let header = fs::read_to_string(root().join("include/numars.h")).unwrap();
    let page = manual("numars_move_pages.3");
    for name in ["numars_move_pages", "numars_move_range", "numars_move_process", "numars_count_pages"] {
        assert_function_is_documented(name, &header, &page);
    }
    for structure in ["numars_move_stats", "numars_move_options"] {
        assert_fields_are_the_same(structure, &header, &page);
    }
}

#[test]
fn the_pages_about_allocation_and_lists_have_the_errors_of_the_header() {
    let header = fs::read_to_string(root().join("include/numars.h")).unwrap();
    for (page, declarations) in [
        (
            "numars_alloc.3",
            ["*numars_alloc_onnode(", "*numars_alloc_local(", "*numars_alloc_interleaved(", "*numars_alloc_weighted("]
                .as_slice(),
        ),
        ("numars_parse_nodes.3", &["int numars_parse_nodes(", "int numars_parse_cpus(", "int numars_format_nodes("]),
    ] {
        let text = manual(page);
        let (_, errors) = text.split_once(".Sh ERRORS").unwrap();
        for declaration in declarations {
            let at = header.find(declaration).unwrap_or_else(|| panic!("{declaration} is not in numars.h"));
            assert_errors_are_listed(declaration, comment_before(&header, at), errors);
        }
    }
}

#[test]
fn the_page_about_placement_agrees_with_the_header() {
    let header = fs::read_to_string(root().join("include/numars.h")).unwrap();
    let page = manual("numars_place_range.3");
    for name in ["numars_place_range", "numars_place_process", "numars_demote_range", "numars_promote_range"] {
        assert_function_is_documented(name, &header, &page);
    }
    assert_fields_are_the_same("numars_placement", &header, &page);
    let words = header.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let constants: BTreeSet<&str> = words.filter(|word| word.starts_with("NUMARS_PLACE_")).collect();
    assert!(constants.len() >= 5, "{constants:?}");
    for constant in constants {
        assert!(page.contains(constant), "{constant} is not in the page");
    }
}

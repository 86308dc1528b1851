//! What `make install` lays out, and projects of all kinds that build with it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use support::{expected_exports, make, make_well, root, run, stage};
use tempfile::TempDir;

/// Runs make for this folder, by `make`, or by `make_well` where it must succeed.
fn make_into<T>(make: fn(&[&str]) -> T, destination: &Path, target: &str, settings: &[&str]) -> T {
    make(&[&[target, &format!("DESTDIR={}", destination.display())], settings].concat())
}

/// All files and links below a folder, by their paths in it; of a link, where it leads.
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

/// Those that tests/installed.txt names, in a section of its own for what only install-dropin puts there.
fn listed(dropin: bool) -> BTreeSet<String> {
    let list = fs::read_to_string(root().join("tests/installed.txt")).unwrap();
    let (usual, more) = list.split_once("\n# install-dropin\n").unwrap();
    let lines = usual.lines().chain(if dropin { more.lines() } else { "".lines() });
    lines.filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

const SETTINGS: [&str; 2] = ["PREFIX=/opt/numars", "LIBDIR=/opt/numars/lib/machine"];

#[test]
fn an_installed_tree_has_the_files_of_the_list_and_uninstall_leaves_none() {
    for (target, dropin) in [("install", false), ("install-dropin", true)] {
        let folder = tempfile::tempdir().unwrap();
        make_into(make_well, folder.path(), target, &SETTINGS);
        assert_eq!(files(folder.path()), listed(dropin), "make {target}");
        make_into(make_well, folder.path(), &target.replace("install", "uninstall"), &SETTINGS);
        assert_eq!(files(folder.path()), BTreeSet::new(), "make un{target}");
    }
}

#[test]
fn the_published_crate_is_installed_by_make() {
    let folder = tempfile::tempdir().unwrap();
    let mut package = Command::new(env!("CARGO"));
    package.current_dir(root()).args(["package", "--package", "numars", "--locked", "--no-verify", "--allow-dirty"]);
    run(package.args(["--quiet", "--target-dir"]).arg(folder.path()));
    let mut packages = fs::read_dir(folder.path().join("package")).unwrap().map(|entry| entry.unwrap().path());
    let archive = packages.find(|path| path.extension().is_some_and(|extension| extension == "crate")).unwrap();
    run(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(folder.path()));
    let sources = folder.path().join(archive.file_stem().unwrap());
    // Not the folders that this make was called with.
    let destination = folder.path().join("destination");
    let mut make = Command::new("make");
    make.current_dir(sources).arg("install").args(SETTINGS);
    run(make.env_remove("MAKEFLAGS").arg(format!("DESTDIR={}", destination.display())));
    assert_eq!(files(&destination), listed(false));
}

#[test]
fn another_libnuma_is_neither_written_over_nor_removed() {
    let folder = tempfile::tempdir().unwrap();
    let lib = folder.path().join("usr/lib");
    fs::create_dir_all(&lib).unwrap();
    fs::write(lib.join("libnuma.so.1"), "another one").unwrap();
    for target in ["install-dropin", "uninstall-dropin"] {
        let output = make_into(make, folder.path(), target, &["PREFIX=/usr", "LIBDIR=/usr/lib"]);
        assert!(!output.status.success(), "make {target}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("libnuma.so.1"), "{output:?}");
        assert_eq!(fs::read_to_string(lib.join("libnuma.so.1")).unwrap(), "another one");
    }
}

#[test]
fn the_multiarch_folder_is_used_below_usr_alone() {
    for (prefix, expected) in [("/usr", true), ("/usr/local", false)] {
        let folder = tempfile::tempdir().unwrap();
        make_into(make_well, folder.path(), "install", &[&format!("PREFIX={prefix}")]);
        let triplet = run(Command::new("gcc").arg("-print-multiarch"));
        let lib = format!("{prefix}/lib{}", if expected { format!("/{}", triplet.trim()) } else { String::new() });
        assert!(folder.path().join(&lib[1..]).join("libnumars.so.1").exists(), "{:?}", files(folder.path()));
        let settings = fs::read_to_string(folder.path().join(&lib[1..]).join("pkgconfig/numars.pc")).unwrap();
        assert!(settings.contains(&format!("libdir={lib}\n")), "{settings}");
    }
}

// --- what a build needs ---

/// A section of a manifest, without comments.
fn section(manifest: &str, name: &str) -> String {
    let text = fs::read_to_string(root().join(manifest)).unwrap();
    let text = format!("\n{text}");
    let (_, section) = text.split_once(&format!("\n[{name}]\n")).unwrap_or_else(|| panic!("{manifest}: no {name}"));
    let section = section.split("\n[").next().unwrap();
    section.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| format!("{line}\n")).collect()
}

#[test]
fn building_the_library_resolves_libc_and_once_cell_alone() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let names: Vec<&str> = lock.lines().filter_map(|line| line.strip_prefix("name = ")).collect();
    assert_eq!(names, ["\"libc\"", "\"numars\"", "\"once_cell\""]);
}

#[test]
fn the_unit_tests_are_built_with_what_the_library_is_built_with() {
    let (library, tests) = ("Cargo.toml", "tests/unit/Cargo.toml");
    for line in section(library, "dependencies").lines() {
        assert!(section(tests, "dependencies").contains(line), "{tests}: not {line}");
    }
    for line in ["name", "version", "edition"] {
        let value = |manifest| section(manifest, "package").lines().find(|l| l.starts_with(line)).unwrap().to_owned();
        assert_eq!(value(library), value(tests));
    }
    assert_eq!(section(library, "lints.clippy"), section(tests, "lints.clippy"));
    let is_for_both = |line: &&str| !line.starts_with("unexpected_cfgs");
    let [library, tests] = [library, tests].map(|manifest| section(manifest, "lints.rust"));
    assert!(library.lines().filter(is_for_both).eq(tests.lines().filter(is_for_both)), "{library}{tests}");
    // The same releases of both, since both have a lock file.
    let [lock, tests] = ["Cargo.lock", "tests/Cargo.lock"].map(|name| fs::read_to_string(root().join(name)).unwrap());
    for package in lock.split("\n\n").filter(|package| package.contains("checksum")) {
        assert!(tests.contains(package.trim_end()), "tests/Cargo.lock: not {package}");
    }
}

// --- Debian packages: `make deb-test` tests those that are built ---

#[test]
fn the_debian_packages_have_the_version_of_the_crate() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = ")).unwrap().trim_matches('"');
    let changes = fs::read_to_string(root().join("debian/changelog")).unwrap();
    // 1.0.0-rc.1 comes before 1.0.0, which Debian writes as 1.0.0~rc.1.
    let expected = format!("numars ({}) ", version.replacen('-', "~", 1));
    assert!(changes.starts_with(&expected), "{expected}: {}", changes.lines().next().unwrap_or_default());
}

/// The symbols of a list for dpkg-gensymbols, without the versions that they came with.
fn symbols_for_dpkg(name: &str) -> BTreeSet<String> {
    let list = fs::read_to_string(root().join("debian").join(name)).unwrap();
    list.lines()
        .filter_map(|line| line.strip_prefix(' '))
        .map(|line| line.split_once(' ').unwrap().0.to_owned())
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
    let versions: BTreeSet<String> = versions.iter().map(|version| format!("(symver){version}")).collect();
    // Besides these, symbols that came later than their version.
    let mut dropin = symbols_for_dpkg("numars-dropin.symbols");
    dropin.retain(|symbol| !symbols.contains(symbol));
    assert_eq!(dropin, versions);
}

// --- projects ---

/// Uses both what libnuma has and what it has not.
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

/// A project of the files, in a folder of its own.
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

/// Of two programs that a project made in `folder`, in C and in C++.
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

// --- manual pages ---

fn manual(name: &str) -> String {
    fs::read_to_string(root().join("docs/man").join(name)).unwrap()
}

#[test]
fn the_manual_pages_are_written_as_mdoc_wants() {
    for entry in fs::read_dir(root().join("docs/man")).unwrap() {
        run(Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).arg(entry.unwrap().path()));
    }
}

#[test]
fn every_function_of_numars_h_has_a_place_in_a_manual_page() {
    let header = fs::read_to_string(root().join("include/numars.h")).unwrap();
    let pages = manual("numars_move_pages.3") + &manual("numars.7");
    let mut functions = 0;
    for line in header.lines().filter(|line| !line.starts_with([' ', '*', '/', '#'])) {
        let Some((before, _)) = line.split_once('(') else { continue };
        let name = before.rsplit([' ', '*']).next().unwrap();
        if name.starts_with("numars_") && !before.starts_with("typedef") {
            functions += 1;
            assert!(
                pages.contains(&format!(".Fn {name}\n")) || pages.contains(&format!(".Fn {name} ")),
                "{name} has no place"
            );
        }
    }
    assert!(functions > 15, "only {functions} functions were found");
}

#[test]
fn the_page_about_moves_says_what_the_header_says() {
    let header = fs::read_to_string(root().join("include/numars.h")).unwrap();
    let page = manual("numars_move_pages.3");
    let (_, errors) = page.split_once(".Sh ERRORS").unwrap();
    for name in ["numars_move_pages", "numars_move_range", "numars_move_process", "numars_count_pages"] {
        let at = header.find(&format!("long {name}(")).unwrap_or_else(|| panic!("{name} is not in numars.h"));
        let comment = &header[header[..at].rfind("/**").or(header[..at].rfind("/*")).unwrap()..at];
        let declaration = &header[at..at + header[at..].find(");").unwrap()];
        // Each error that the comment names.
        for word in comment.split(|c: char| !c.is_ascii_alphanumeric()) {
            if word.len() > 3
                && word.starts_with('E')
                && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
            {
                assert!(
                    errors.contains(&format!("Bq Er {word}\n")),
                    "{name}: {word} is not among the errors of the page"
                );
            }
        }
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
            synopsis
                .iter()
                .map(|line| line.trim_start_matches(".Fa ").trim_matches('"'))
                .eq(arguments.collect::<Vec<_>>()),
            "{name}: {synopsis:?}"
        );
    }
    // What is in the structures.
    for (structure, end) in [("struct numars_move_stats {", "};"), ("struct numars_move_options {", "};")] {
        let members = |text: &str| -> BTreeSet<String> {
            let from = text.find(structure).unwrap();
            let text = &text[from..from + text[from..].find(end).unwrap()];
            let lines = text.lines().map(str::trim).filter(|line| line.ends_with(';'));
            lines.map(|line| line.trim_end_matches(';').rsplit([' ', '*']).next().unwrap().to_owned()).collect()
        };
        assert_eq!(members(&page), members(&header));
    }
}

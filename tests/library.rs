//! The built library is fit for every process of a distribution: its symbols, dependencies, size and cost.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{
    Wrappers, calls_of_each, expected_exports, exports, plain_cargo_library, root, run, stage, symbol_table,
    with_libraries,
};

/// Limit of the stripped library's size in bytes, without the padding that separates code pages, which depends on the
/// machine's largest page size. libnuma.so.1.0.0 of Debian 12 has 56,440 with it. docs/performance.md lists what the
/// rest consists of: the mover, the other calls of numars.h, NUMARS_LOG, and support for machines that change.
const MAX_BYTES: u64 = 212 * 1024;

fn both_flavours() -> [PathBuf; 2] {
    [stage().lib().join("libnumars.so.1"), stage().flavour().join("libnuma.so.1")]
}

/// Debian's libnuma, for comparison.
fn libnuma() -> PathBuf {
    let cache = run(Command::new("/sbin/ldconfig").arg("-p"));
    let line = cache.lines().find(|line| line.trim().starts_with("libnuma.so.1 ")).expect("libnuma1 is installed");
    PathBuf::from(line.rsplit(' ').next().unwrap())
}

fn assert_exports(library: &Path) {
    let (found, expected) = (exports(library), expected_exports());
    let missing: Vec<_> = expected.difference(&found).collect();
    let surplus: Vec<_> = found.difference(&expected).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "{} and symbols.tsv differ.\nmissing: {missing:#?}\nsurplus: {surplus:#?}",
        library.display()
    );
}

#[test]
fn the_exported_symbols_are_those_of_the_table() {
    for library in both_flavours() {
        assert_exports(&library);
    }
}

#[test]
fn the_weak_symbols_are_those_of_the_table() {
    let table = symbol_table().into_iter().filter(|symbol| symbol.is_weak).map(|symbol| symbol.name);
    let expected: BTreeSet<String> = table.collect();
    let weak = |options: &[&str], file: &Path| -> BTreeSet<String> {
        let symbols = run(Command::new("nm").args(options).args(["--defined-only", "--format=posix"]).arg(file));
        let fields = symbols.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let weak = fields.filter(|fields| ["W", "V"].contains(&fields[1]));
        weak.map(|fields| fields[0].split('@').next().unwrap().to_owned()).collect()
    };
    for library in both_flavours() {
        assert_eq!(weak(&["--dynamic"], &library), expected, "{}", library.display());
    }
    assert_eq!(weak(&[], &root().join("target/c/numars.o")), expected);
}

#[test]
fn plain_cargo_build_makes_the_same_library() {
    let library = plain_cargo_library();
    assert_exports(&library);
    // All that it needs is in libc.
    let loaded = run(Command::new("true").env("LD_PRELOAD", &library).env("LD_BIND_NOW", "1"));
    assert_eq!(loaded, "");
}

#[test]
fn make_builds_the_same_library_with_every_linker() {
    let folder = tempfile::tempdir().unwrap();
    let build = format!("BUILD={}", folder.path().display());
    for linker in ["bfd", "gold", "mold", "lld"] {
        // Nothing else needs linking: cargo's output is kept.
        run(Command::new("sh").current_dir(&folder).args(["-c", "rm -f *.o lib*"]));
        let flags = format!("LDFLAGS=-fuse-ld={linker}");
        let mut make = Command::new("make");
        make.env("CLI", "no");
        if cfg!(target_arch = "x86_64") {
            // As with a distribution's rustc, which links with the system's linker.
            make.env("RUSTFLAGS", "-Clinker-features=-lld");
        }
        run(make.current_dir(root()).args([&build, &flags]));
        assert_exports(&folder.path().join("libnumars.so.1"));
        assert_exports(&folder.path().join("libnuma.so.1"));
        // The system calls that a program may interpose.
        let program = calls_of_each(folder.path(), Wrappers::InProgram, &stage().pkg_config("numars", &[]));
        let calls = run(&mut with_libraries(&program, folder.path()));
        assert_eq!(calls, run(&mut with_libraries(&program, &stage().lib())), "linked by {linker}");
    }
}

#[test]
fn every_symbol_of_libnuma_is_there_with_libnumas_version() {
    let (theirs, ours) = (exports(&libnuma()), expected_exports());
    assert!(theirs.len() > 100, "libnuma has {} symbols", theirs.len());
    let missing: Vec<_> = theirs.difference(&ours).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn each_flavour_carries_its_own_soname_and_needs_libc_alone() {
    for library in both_flavours() {
        let dynamic = run(Command::new("readelf").args(["--dynamic", "--wide"]).arg(&library));
        let values = |tag: &str| -> Vec<String> {
            let lines = dynamic.lines().filter(|line| line.contains(tag));
            lines.map(|line| line[line.find('[').unwrap() + 1..line.rfind(']').unwrap()].to_owned()).collect()
        };
        assert_eq!(values("(SONAME)"), [library.file_name().unwrap().to_str().unwrap()]);
        assert_eq!(values("(NEEDED)"), ["libc.so.6"]);
    }
}

#[test]
fn the_library_asks_for_no_executable_stack_and_no_text_relocations() {
    for library in both_flavours() {
        let segments = run(Command::new("readelf").args(["--segments", "--dynamic", "--wide"]).arg(&library));
        let stack = segments.lines().find(|line| line.contains("GNU_STACK")).expect("a GNU_STACK segment");
        assert!(stack.contains("RW ") && !stack.contains("RWE"), "{stack}");
        assert!(!segments.contains("TEXTREL"), "{segments}");
    }
}

#[test]
fn the_stripped_library_stays_small() {
    let folder = tempfile::tempdir().unwrap();
    for library in both_flavours() {
        let stripped = folder.path().join("stripped.so");
        run(Command::new("strip").arg("-o").args([&stripped, &library]));
        let segments = run(Command::new("readelf").args(["--segments", "--wide"]).arg(&stripped));
        let hex = |number: &str| u64::from_str_radix(number.trim_start_matches("0x"), 16).unwrap();
        // The start and end of each in the file.
        let loaded: Vec<[u64; 2]> = segments
            .lines()
            .filter(|line| line.trim().starts_with("LOAD"))
            .map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .map(|fields| [hex(&fields[1]), hex(&fields[1]) + hex(&fields[4])])
            .collect();
        assert!(loaded.len() >= 3, "{segments}");
        let padding: u64 = loaded.windows(2).map(|pair| pair[1][0] - pair[0][1]).sum();
        let size = std::fs::metadata(&stripped).unwrap().len() - padding;
        println!("{}: {size} bytes, and {padding} of padding", library.display());
        assert!(size < MAX_BYTES, "{} has {size} bytes", library.display());
    }
}

/// Private memory of every process that loads it, which limits such as RLIMIT_DATA count even if it is not used.
#[test]
fn tables_whose_size_depends_on_the_machine_take_no_memory_until_they_are_used() {
    const MAX_BSS: u64 = 16 * 1024;
    for library in both_flavours() {
        let sections = run(Command::new("size").args(["-A", "-d"]).arg(&library));
        let bss = sections.lines().find_map(|line| line.strip_prefix(".bss ")).expect("a section .bss");
        let bytes: u64 = bss.split_whitespace().next().unwrap().parse().unwrap();
        println!("{}: {bytes} bytes of .bss", library.display());
        assert!(bytes <= MAX_BSS, "{} has {bytes} bytes of .bss", library.display());
    }
}

/// A library that can panic would contain the panic machinery of Rust's core library.
#[test]
fn no_code_of_the_library_can_panic_or_abort() {
    let symbols = run(Command::new("nm").arg(root().join("target/c/numars.o")));
    assert!(symbols.contains(" T numa_move_pages"), "{symbols}");
    for name in ["panic", "unreachable_in_a_release", "rust_eh_personality", "unwrap_failed", "abort"] {
        assert!(!symbols.contains(name), "numars.o refers to {name}:\n{symbols}");
    }
}

/// A program that does nothing.
fn empty(folder: &Path) -> PathBuf {
    support::compile_c(folder, "int main(void) { return 0; }\n", &[])
}

/// Observes the loading of a library into it.
struct Load {
    output: String,
    /// Returns the system calls after the loader's own.
    system_calls: Vec<String>,
}

fn load(library: &Path) -> Load {
    let folder = tempfile::tempdir().unwrap();
    let preload = format!("LD_PRELOAD={}", library.display());
    let run = |strace: &mut Command| Ok(strace.args(["-E", &preload]).arg(empty(folder.path())).output()?);
    let (output, trace) = counting::system_calls(&folder.path().join("trace"), run).unwrap();
    assert!(output.status.success(), "{output:?}");
    let calls = counting::system_calls_of_constructors(&trace);
    Load {
        output: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        system_calls: calls.iter().map(|line| counting::name(line).to_owned()).collect(),
    }
}

/// Returns the instructions that it executes with `library` preloaded.
fn instructions(library: Option<&Path>) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let program = empty(folder.path());
    let run = counting::instructions(&folder.path().join("callgrind"), |valgrind| {
        if let Some(library) = library {
            valgrind.env("LD_PRELOAD", library);
        }
        counting::output(valgrind.arg(program))
    });
    run.unwrap().counts.iter().sum()
}

#[test]
fn loading_costs_less_than_a_third_of_what_libnuma_costs() {
    let alone = instructions(None);
    let theirs = instructions(Some(&libnuma())) - alone;
    for library in both_flavours() {
        let ours = instructions(Some(&library)) - alone;
        println!("{}: {ours} instructions to load, libnuma {theirs}", library.display());
        assert!(ours * 3 < theirs, "{ours} against libnuma's {theirs}");
    }
}

#[test]
fn loading_is_silent_and_takes_a_handful_of_system_calls() {
    let theirs = load(&libnuma()).system_calls.len();
    for library in both_flavours() {
        let load = load(&library);
        assert_eq!(load.output, "");
        // Two small files and one query; nothing that allocates (brk, mmap) or changes anything.
        let mut names = load.system_calls;
        // A process in many groups has a longer /proc/self/status.
        names.dedup();
        assert_eq!(names, ["openat", "read", "close", "openat", "read", "close", "sched_getaffinity"]);
        assert!(names.len() * 4 < theirs, "libnuma makes {theirs}");
    }
}

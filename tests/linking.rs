//! Programs link and run with the installed library in every way that C programs link: dynamically, statically,
//! preloaded, with our headers or libnuma's.

use std::path::{Path, PathBuf};
use std::process::Command;
use support::{compile_c, plain_cargo_library, root, run, stage, with_libraries};

/// Uses some of everything that libnuma has too, and prints the results.
const PROGRAM: &str = r#"
#include <numa.h>
#include <numaif.h>
#include <stdio.h>

int main(void)
{
    struct bitmask *mask = numa_bitmask_alloc(70);
    int local = 0, status = -1000;
    void *pages[] = { &local };
    nodemask_t old;

    numa_bitmask_setbit(numa_bitmask_setbit(mask, 0), 69);
    copy_bitmask_to_nodemask(mask, &old);
    printf("%u %u %d\n", numa_bitmask_weight(mask), numa_bitmask_nbytes(mask), numa_bitmask_isbitset(mask, 69));
    printf("%lx %lx\n", old.n[0], old.n[1]);
    numa_bitmask_free(mask);
    mask = numa_allocate_nodemask();
    printf("%d\n", mask->size >= 64);
    numa_free_nodemask(mask);
    numa_exit_on_error = 0;
    if (numa_available() == 0) {
        if (move_pages(0, 1, pages, NULL, &status, 0) != 0 || numa_move_pages(0, 1, pages, NULL, &status, 0) != 0)
            return 1;
        if (status < 0)
            return 2;
    }
    return 0;
}
"#;

const OUTPUT: &str = "2 16 1\n1 20\n1\n";

/// Returns the files that the loader maps for `command`.
fn loaded(program: &Path, settings: &[(&str, &Path)]) -> String {
    run(Command::new("ldd").envs(settings.iter().copied()).arg(program))
}

fn strings(flags: &[&str]) -> Vec<String> {
    flags.iter().map(|&flag| flag.to_owned()).collect()
}

#[test]
fn a_program_built_through_pkg_config_runs() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile_c(folder.path(), PROGRAM, &stage().pkg_config("numars", &[]));
    assert_eq!(run(&mut with_libraries(&program, &stage().lib())), OUTPUT);
    let needs = run(Command::new("readelf").args(["--dynamic", "--version-info", "--wide"]).arg(&program));
    for wanted in ["[libnumars.so.1]", "Name: libnuma_1.1", "Name: libnuma_1.2"] {
        assert!(needs.contains(wanted), "no {wanted} in\n{needs}");
    }
}

#[test]
fn a_program_that_asks_pkg_config_for_numa_runs() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile_c(folder.path(), PROGRAM, &stage().pkg_config("numa", &[]));
    let flavour = stage().flavour();
    assert_eq!(run(&mut with_libraries(&program, &flavour)), OUTPUT);
    assert!(loaded(&program, &[("LD_LIBRARY_PATH", &flavour)]).contains("numars/libnuma.so.1"));
}

#[test]
fn a_program_built_with_libnumas_headers_runs_on_numars() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile_c(folder.path(), PROGRAM, &strings(&["-lnuma"]));
    let flavour = stage().flavour();
    assert_eq!(run(&mut with_libraries(&program, &flavour)), OUTPUT);
    assert!(loaded(&program, &[("LD_LIBRARY_PATH", &flavour)]).contains("numars/libnuma.so.1"));
}

#[test]
fn a_program_built_with_our_headers_runs_on_libnuma() {
    let folder = tempfile::tempdir().unwrap();
    let include = format!("-I{}", stage().include().display());
    let program = compile_c(folder.path(), PROGRAM, &strings(&[&include, "-lnuma"]));
    assert!(!loaded(&program, &[]).contains("numars"));
    assert_eq!(run(&mut Command::new(&program)), OUTPUT);
}

/// Uses every name of libnuma's first version, as numacompat1.h declares them.
const FIRST_VERSION_PROGRAM: &str = r#"
#define NUMA_VERSION1_COMPATIBILITY
#include <numa.h>
#include <numaif.h>
#include <stdio.h>

static void show(const char *what, nodemask_t mask)
{
    printf("%s %lx %lx\n", what, mask.n[0], mask.n[1]);
}

int main(void)
{
    nodemask_t mask, other;
    unsigned long cpus[1024 / sizeof(long)] = { 0 };
    char *memory;

    if (numa_available() < 0)
        return 1;
    nodemask_zero(&mask);
    nodemask_zero(&other);
    nodemask_set(&mask, 0);
    nodemask_set(&mask, 100);
    printf("%d %d %d\n", nodemask_isset(&mask, 100), nodemask_isset(&mask, 5), nodemask_isset(&mask, 12345));
    nodemask_clr(&mask, 100);
    nodemask_set(&other, 0);
    printf("%d\n", nodemask_equal(&mask, &other));
    show("all", numa_all_nodes);
    show("none", numa_no_nodes);
    numa_set_interleave_mask(&mask);
    show("interleave", numa_get_interleave_mask());
    numa_set_membind(&mask);
    show("membind", numa_get_membind());
    numa_bind(&mask);
    printf("%d\n", numa_run_on_node_mask(&mask));
    show("run", numa_get_run_node_mask());
    memory = numa_alloc_interleaved_subset(8192, &mask);
    numa_interleave_memory(memory, 8192, &mask);
    numa_tonodemask_memory(memory, 8192, &mask);
    memory[0] = 1;
    numa_free(memory, 8192);
    printf("%d %d\n", numa_node_to_cpus(0, cpus, sizeof(cpus)), (int)(cpus[0] & 1));
    printf("%d\n", numa_sched_getaffinity(0, sizeof(cpus), cpus) > 0);
    printf("%d\n", numa_sched_setaffinity(0, sizeof(cpus), cpus));
    return 0;
}
"#;

#[test]
fn programs_of_libnumas_first_version_compile_and_run_as_with_libnuma() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = run(&mut Command::new(compile_c(folder.path(), FIRST_VERSION_PROGRAM, &strings(&["-lnuma"]))));
    assert!(theirs.lines().count() > 10, "{theirs}");
    let program = compile_c(folder.path(), FIRST_VERSION_PROGRAM, &stage().pkg_config("numars", &[]));
    assert_eq!(run(&mut with_libraries(&program, &stage().lib())), theirs);
}

#[test]
fn preloading_the_flavour_keeps_libnuma_out_of_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile_c(folder.path(), PROGRAM, &strings(&["-lnuma"]));
    let preload = stage().flavour().join("libnuma.so.1");
    assert_eq!(run(Command::new(&program).env("LD_PRELOAD", &preload)), OUTPUT);
    let libraries = loaded(&program, &[("LD_PRELOAD", &preload)]);
    assert_eq!(libraries.matches("libnuma").count(), 1, "{libraries}");
}

#[test]
fn the_headers_work_in_cxx_programs() {
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("program.cc"), folder.path().join("program"));
    std::fs::write(&source, PROGRAM).unwrap();
    run(Command::new("g++")
        .args(["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o"])
        .args([&program, &source])
        .args(stage().pkg_config("numars", &[])));
    assert_eq!(run(&mut with_libraries(&program, &stage().lib())), OUTPUT);
}

/// Linkers that a C programmer may use, and the flag that selects each.
const LINKERS: [&str; 4] = ["bfd", "gold", "mold", "lld"];

/// Links the archive with `linker`: into an ordinary program, and into one without any shared library.
fn link_statically(folder: &Path, program: &str, linker: &str) -> [PathBuf; 2] {
    let include = format!("-I{}", stage().include().display());
    let archive = stage().lib().join("libnumars.a").display().to_string();
    let linker = format!("-fuse-ld={linker}");
    [None, Some("-static")].map(|mode| {
        let mut flags = strings(&[&include, &archive, &linker, "-ffunction-sections", "-Wl,--gc-sections"]);
        flags.extend(mode.map(str::to_owned));
        let built = compile_c(folder, program, &flags);
        let kept = folder.join(mode.unwrap_or("-dynamic"));
        std::fs::rename(built, &kept).unwrap();
        kept
    })
}

/// A part of an ELF file that is in memory while the program runs: a section, or a segment that the loader maps.
#[derive(Debug)]
struct Part {
    name: String,
    addresses: std::ops::Range<u64>,
    /// Its position in the file.
    offsets: std::ops::Range<u64>,
    executable: bool,
}

/// Returns the file's header with the table of segments, then the sections; and the segments.
fn sections_and_segments(library: &Path) -> (Vec<Part>, Vec<Part>) {
    use object::elf::{self, FileHeader64};
    use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
    let data = std::fs::read(library).unwrap();
    let header = FileHeader64::<object::Endianness>::parse(&*data).unwrap();
    let endian = header.endian().unwrap();
    let sections = header.sections(endian, &*data).unwrap();
    let end = header.e_phoff(endian) + u64::from(header.e_phentsize(endian)) * u64::from(header.e_phnum(endian));
    let mut parts = vec![Part { name: "the header".to_owned(), addresses: 0..end, offsets: 0..end, executable: false }];
    for section in sections.iter().filter(|section| section.sh_flags(endian) & u64::from(elf::SHF_ALLOC) != 0) {
        parts.push(Part {
            name: String::from_utf8_lossy(sections.section_name(endian, section).unwrap()).into_owned(),
            addresses: section.sh_addr(endian)..section.sh_addr(endian) + section.sh_size(endian),
            offsets: match section.file_range(endian) {
                Some((start, size)) => start..start + size,
                None => 0..0,
            },
            executable: section.sh_flags(endian) & u64::from(elf::SHF_EXECINSTR) != 0,
        });
    }
    let headers = header.program_headers(endian, &*data).unwrap();
    let loaded = headers.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD);
    let segments = loaded.map(|segment| Part {
        name: "a segment".to_owned(),
        addresses: segment.p_vaddr(endian)..segment.p_vaddr(endian) + segment.p_memsz(endian),
        offsets: segment.p_offset(endian)..segment.p_offset(endian) + segment.p_filesz(endian),
        executable: segment.p_flags(endian) & elf::PF_X != 0,
    });
    (parts, segments.collect())
}

/// Returns the command that links both flavours of the library into `folder`, from the objects that make built already, and these.
fn make_that_links(folder: &Path, settings: &[&str]) -> (Command, [PathBuf; 2]) {
    stage();
    for name in ["rust.a", "all.o", "shared.o"] {
        std::fs::copy(root().join("target/c").join(name), folder.join(name)).unwrap();
    }
    let libraries = ["libnumars.so.1.0.0", "libnuma.so.1.0.0"].map(|name| folder.join(name));
    let mut make = Command::new("make");
    make.current_dir(root()).args(["--silent", "--old-file=cargo", &format!("--old-file={}/rust.a", folder.display())]);
    make.arg(format!("BUILD={}", folder.display())).args(settings).args(&libraries);
    (make, libraries)
}

/// Links both flavours of the library with a linker.
fn link_with(linker: &str, folder: &Path) -> [PathBuf; 2] {
    let (mut make, libraries) = make_that_links(folder, &[&format!("LDFLAGS=-fuse-ld={linker}")]);
    run(&mut make);
    libraries
}

#[test]
fn a_library_that_contains_a_c_library_or_is_linked_with_that_of_another_target_is_refused() {
    const CONTAINED: &str = "contains a C library";
    let target = |libc| format!("TARGET={}-unknown-linux-{libc}", std::env::consts::ARCH);
    let (glibc, musl) = (target("gnu"), target("musl"));
    let all_static = "LDFLAGS=-Wl,-Bstatic";
    for (settings, reason) in [
        (&["CC=musl-gcc", &glibc, all_static][..], CONTAINED),
        (&["CC=musl-gcc", &musl, all_static], CONTAINED),
        // It needs a libc, and its malloc is that of another.
        (&["CC=musl-gcc", &musl, "LDFLAGS=-Wl,-Bstatic,-lc,-Bdynamic"], CONTAINED),
        (&["CC=musl-gcc", &glibc], "compiled for glibc"),
        (&["CC=gcc", &musl], "compiled for musl"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (mut make, libraries) = make_that_links(folder.path(), settings);
        let output = make.output().unwrap();
        let messages = String::from_utf8_lossy(&output.stderr);
        let about_it: Vec<&str> = messages.lines().filter(|line| line.contains(reason)).collect();
        assert!(!output.status.success() && about_it.len() == 1, "{settings:?}: {messages}");
        assert!(libraries.iter().all(|library| !library.exists()), "{settings:?}");
    }
}

#[test]
fn a_c_compiler_for_musl_selects_the_target_and_the_folder_of_libraries() {
    let empty = tempfile::tempdir().unwrap();
    for (compiler, libc) in [("musl-gcc", "musl"), ("gcc", "gnu"), ("clang", "gnu")] {
        let mut make = Command::new("make");
        make.current_dir(root()).args(["--dry-run", "all", "install", "PREFIX=/usr", &format!("CC={compiler}")]);
        let commands = run(make.arg(format!("BUILD={}", empty.path().display())));
        let target = format!("--target {}-unknown-linux-{libc}", std::env::consts::ARCH);
        let folder = format!("LIBDIR='/usr/lib/{}-linux-{libc}'", std::env::consts::ARCH);
        assert!(commands.contains(&target) && commands.contains(&folder), "{compiler}: {commands}");
    }
}

#[test]
fn only_code_is_executable_whichever_linker_links_it() {
    const PAGE: u64 = 4096;
    let mut libraries = vec![("cargo", plain_cargo_library())];
    let folder = tempfile::tempdir().unwrap();
    for linker in LINKERS {
        let folder = folder.path().join(linker);
        std::fs::create_dir(&folder).unwrap();
        libraries.extend(link_with(linker, &folder).map(|library| (linker, library)));
    }
    for (linker, library) in libraries {
        let (parts, segments) = sections_and_segments(&library);
        assert!(parts.len() > 10 && segments.iter().any(|segment| segment.executable), "{parts:?}");
        for part in parts.iter().filter(|part| !part.executable && !part.offsets.is_empty()) {
            // The loader maps whole pages of the file.
            for code in segments.iter().filter(|segment| segment.executable) {
                // gold gives read-only data a segment, but not its own page of the file, and puts the header into that
                // of the code.
                let (page, may_be) = if linker == "gold" { (1, part.name == "the header") } else { (PAGE, false) };
                let mapped = code.offsets.start / page * page..code.offsets.end.next_multiple_of(page);
                let is_apart = part.offsets.end <= mapped.start || mapped.end <= part.offsets.start;
                assert!(is_apart || may_be, "{linker}: {part:x?} is executable, as part of {mapped:x?}");
            }
        }
    }
}

/// Returns the lines of /proc/PID/maps for a file, in a process that has it loaded: the addresses and access
/// permissions.
fn mappings(library: &Path) -> Vec<(std::ops::Range<u64>, String)> {
    let maps = run(Command::new("cat").arg("/proc/self/maps").env("LD_PRELOAD", library).env("LD_BIND_NOW", ""));
    let address = |text: &str| u64::from_str_radix(text, 16).unwrap();
    let path = library.to_str().unwrap();
    maps.lines()
        .filter(|line| line.ends_with(path))
        .map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (start, end) = fields[0].split_once('-').unwrap();
            (address(start)..address(end), fields[1].to_owned())
        })
        .collect()
}

#[test]
fn relocated_data_is_read_only_whichever_linker_links_it() {
    let folder = tempfile::tempdir().unwrap();
    for linker in LINKERS {
        let folder = folder.path().join(linker);
        std::fs::create_dir(&folder).unwrap();
        for library in link_with(linker, &folder) {
            let mappings = mappings(&library);
            assert!(mappings.iter().all(|(_, access)| !access.contains("wx")), "{linker}: {mappings:x?}");
            let base = mappings.iter().map(|(addresses, _)| addresses.start).min().unwrap();
            let (parts, _) = sections_and_segments(&library);
            let mut relocated = 0;
            for part in parts {
                if ![".init_array", ".data.rel.ro", ".dynamic", ".got", ".got.plt"].contains(&part.name.as_str()) {
                    continue;
                }
                relocated += 1;
                for address in [base + part.addresses.start, base + part.addresses.end - 1] {
                    let at = mappings.iter().find(|(addresses, _)| addresses.contains(&address));
                    let (_, access) = at.unwrap_or_else(|| panic!("{linker}: {part:x?} is not in {mappings:x?}"));
                    assert_eq!(access, "r--p", "{linker}: {part:x?} in {mappings:x?}");
                }
            }
            assert!(relocated >= 4, "{linker}: {relocated} sections");
        }
    }
}

#[test]
fn the_archive_links_with_every_linker() {
    let folder = tempfile::tempdir().unwrap();
    for linker in LINKERS {
        for program in link_statically(folder.path(), PROGRAM, linker) {
            assert_eq!(run(&mut Command::new(&program)), OUTPUT, "linked by {linker}");
            assert!(!loaded_or_static(&program).contains("libnuma"));
        }
    }
}

/// Like [`loaded`], for programs that may be static, which ldd reports with an error.
fn loaded_or_static(program: &Path) -> String {
    let output = Command::new("ldd").arg(program).output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn a_statically_linked_program_may_define_the_weak_functions_itself() {
    let program = r#"
#include <numa.h>
#include <numaif.h>
#include <stdio.h>

long move_pages(int pid, unsigned long count, void **pages, const int *nodes, int *status, int flags)
{
    (void)pid; (void)pages; (void)nodes; (void)status; (void)flags;
    return (long)count + 1000;
}

void numa_error(char *where) { printf("error in %s\n", where); }
void numa_warn(int number, char *where, ...) { printf("warning %d: %s\n", number, where); }

int main(void)
{
    char where[] = "here";

    numa_error(where);
    numa_warn(7, where);
    printf("%ld %d\n", move_pages(0, 1, NULL, NULL, NULL, 0), numa_move_pages(0, 0, NULL, NULL, NULL, 0));
    return 0;
}
"#;
    let folder = tempfile::tempdir().unwrap();
    for linker in LINKERS {
        for program in link_statically(folder.path(), program, linker) {
            assert_eq!(run(&mut Command::new(&program)), "error in here\nwarning 7: here\n1001 1000\n", "{linker}");
        }
    }
}

#[test]
fn the_archive_exports_only_the_interface() {
    let symbols =
        run(Command::new("nm").args(["--defined-only", "--extern-only"]).arg(stage().lib().join("libnumars.a")));
    let names: std::collections::BTreeSet<&str> =
        symbols.lines().filter_map(|line| line.split(' ').nth(2)).filter(|name| !name.is_empty()).collect();
    let expected = support::expected_exports();
    assert_eq!(names, expected.iter().map(|export| export.name.as_str()).collect());
}

#[test]
fn exit_flags_that_a_program_has_a_copy_of_are_honoured() {
    // Without -fPIE the linker copies the library's variable into the program, and the library must use the copy.
    let program = r#"
#include <numa.h>
#include <errno.h>

int main(void)
{
    char where[] = "here";

    errno = ENOENT;
    numa_error(where);
    numa_exit_on_error = 1;
    numa_error(where);
    return 0;
}
"#;
    let folder = tempfile::tempdir().unwrap();
    for position in ["-no-pie", "-pie"] {
        let mut flags = stage().pkg_config("numars", &[]);
        flags.extend(strings(&[position, if position == "-pie" { "-fPIE" } else { "-fno-pie" }]));
        let program = compile_c(folder.path(), program, &flags);
        let output = with_libraries(&program, &stage().lib()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{position}");
        let twice = "here: No such file or directory\n".repeat(2);
        assert_eq!(String::from_utf8_lossy(&output.stderr), twice, "{position}");
    }
}

#[test]
fn a_rust_program_can_depend_on_the_crate() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = format!(
        "[package]\nname = \"user\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
         numars = {{ path = {:?} }}\n",
        root().join("crates/numars")
    );
    let program = r#"
        use numars::{Node, NodeSet};
        fn main() {
            let nodes: NodeSet = [1, 2, 3, 5].into_iter().filter_map(Node::new).collect();
            println!("{nodes:?}");
        }
    "#;
    std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    std::fs::copy(root().join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    std::fs::create_dir(folder.path().join("src")).unwrap();
    std::fs::write(folder.path().join("src/main.rs"), program).unwrap();
    // In the folder of the sources, whose settings say where crates are.
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["run", "--quiet", "--offline", "--manifest-path"]);
    let output = run(cargo.arg(folder.path().join("Cargo.toml")).arg("--target-dir").arg(folder.path().join("target")));
    assert_eq!(output, "NodeSet(1-3,5)\n");
}

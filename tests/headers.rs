//! The C headers match the Rust signatures and comments, and every C and C++ compiler accepts them.

use std::path::{Path, PathBuf};
use std::process::Command;
use support::{root, run};

/// A header, and the files under src that it is generated from, in the order of numa(3).
const HEADERS: [(&str, &[&str]); 3] = [
    ("numaif.h", &["numaif.rs"]),
    (
        "numa.h",
        &[
            "availability.rs",
            "nodes.rs",
            "globals.rs",
            "parse.rs",
            "policy.rs",
            "memory.rs",
            "affinity.rs",
            "mask.rs",
            "bitmask.rs",
            "migrate.rs",
            "errors.rs",
        ],
    ),
    (
        "numars.h",
        &[
            "numars_policy.rs",
            "numars_memory.rs",
            "numars_parse.rs",
            "numars_nodes.rs",
            "numars_move.rs",
            "numars_place.rs",
            "numars_status.rs",
        ],
    ),
];

fn generate(header: &str, sources: &[&str]) -> String {
    let config = root().join("cbindgen").join(header.replace(".h", ".toml"));
    let mut builder = cbindgen::Builder::new().with_config(cbindgen::Config::from_file(config).unwrap());
    for source in sources {
        builder = builder.with_src(root().join("src").join(source));
    }
    let mut text = Vec::new();
    builder.generate().expect("cbindgen reads src").write(&mut text);
    for_c(&String::from_utf8(text).unwrap())
}

/// Adapts what cbindgen cannot know: a C programmer does not need Rust's safety sections, numa_warn() is variadic, C89
/// has neither long long, comments with two slashes nor a comma after the last enumerator, and the kernel's and libnuma's
/// headers define the constants of numaif.h too.
fn for_c(header: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    let mut in_safety_section = false;
    for line in header.lines() {
        in_safety_section = match line.trim() {
            "* # Safety" => {
                while lines.last().is_some_and(|last| last.trim() == "*") {
                    lines.pop();
                }
                true
            }
            "*/" => false,
            _ => in_safety_section,
        };
        if !in_safety_section {
            lines.push(line);
        }
    }
    let mut header = String::new();
    let mut in_long_long = false;
    for line in lines {
        if line.starts_with("long long ") {
            in_long_long = true;
            header += &pragma("push\n#pragma GCC diagnostic ignored \"-Wlong-long\"");
        }
        header += &(line_for_c(line) + "\n");
        if in_long_long && line.ends_with(';') {
            in_long_long = false;
            header += &pragma("pop");
        }
    }
    let header = header.replace(",\n};", "\n};");
    match header.split_once("void numa_warn(") {
        Some((before, declaration)) => {
            before.to_owned() + "void numa_warn(" + &declaration.replacen(");", ", ...);", 1)
        }
        None => header,
    }
}

fn pragma(text: &str) -> String {
    format!("#ifdef __GNUC__\n#pragma GCC diagnostic {text}\n#endif\n")
}

fn line_for_c(line: &str) -> String {
    if let Some(definition) = line.strip_prefix("#define MPOL_") {
        let (name, value) = definition.split_once(' ').unwrap();
        // Spelled as in libnuma: a definition may be repeated if its white space is the same.
        let value = if value.len() == "(1 << N)".len() { value.replace(" << ", "<<") } else { value.to_owned() };
        return format!("#ifndef MPOL_{name}\n#define MPOL_{name} {value}\n#endif");
    }
    match line.split_once("// ") {
        Some((code, comment)) if code.starts_with('#') || code.starts_with('}') => {
            format!("{} /* {comment} */", code.trim_end())
        }
        _ => line.to_owned(),
    }
}

/// With NUMARS_WRITE_HEADERS set, as `make headers` does, this writes the headers instead of comparing them.
#[test]
fn the_headers_are_made_from_the_rust_sources() {
    for (header, sources) in HEADERS {
        let path = root().join("include").join(header);
        let generated = generate(header, sources);
        if std::env::var_os("NUMARS_WRITE_HEADERS").is_some() {
            std::fs::write(&path, &generated).unwrap();
        }
        let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            checked_in == generated,
            "include/{header} is not what src says: run `make headers` and look at the diff"
        );
    }
}

/// The warnings that strict projects enable; they apply to the headers unless these are system headers.
const WARNINGS: [&str; 9] =
    ["all", "extra", "pedantic", "cast-qual", "cast-align", "conversion", "sign-conversion", "shadow", "undef"];
const C_WARNINGS: [&str; 5] =
    ["strict-prototypes", "missing-prototypes", "declaration-after-statement", "c++-compat", "bad-function-cast"];
const CXX_WARNINGS: [&str; 2] = ["old-style-cast", "zero-as-null-pointer-constant"];

/// Compiles `programs` with only the given include directory, and with warnings as errors.
fn compile(compiler: &str, standard: &str, include: &Path, programs: &[PathBuf]) {
    let more = if compiler.contains("++") { CXX_WARNINGS.as_slice() } else { &C_WARNINGS };
    run(Command::new(compiler)
        .args(WARNINGS.iter().chain(more).map(|warning| format!("-W{warning}")))
        .args([&format!("-std={standard}"), "-Werror", "-fsyntax-only", "-I"])
        .arg(include)
        .args(programs));
}

const C: ([&str; 2], [&str; 5]) = (["gcc", "clang"], ["c89", "c99", "c11", "gnu17", "c2x"]);
const CXX: ([&str; 2], [&str; 4]) = (["g++", "clang++"], ["c++98", "c++11", "c++17", "c++2b"]);

/// Compiles each text as C and as C++, in every version of the language, with every compiler.
fn compile_everywhere(texts: &[String]) {
    let folder = tempfile::tempdir().unwrap();
    for ((compilers, standards), suffix) in [((C.0, C.1.as_slice()), "c"), ((CXX.0, CXX.1.as_slice()), "cc")] {
        let programs: Vec<PathBuf> = (0..texts.len())
            .map(|number| {
                let path = folder.path().join(format!("program{number}.{suffix}"));
                std::fs::write(&path, format!("{}int main(void) {{ return 0; }}\n", texts[number])).unwrap();
                path
            })
            .collect();
        std::thread::scope(|scope| {
            for compiler in compilers {
                let programs = &programs;
                scope.spawn(move || {
                    standards
                        .iter()
                        .for_each(|standard| compile(compiler, standard, &root().join("include"), programs));
                });
            }
        });
    }
}

fn includes(headers: &[&str]) -> String {
    headers.iter().map(|header| format!("#include <{header}>\n")).collect()
}

#[test]
fn the_headers_compile_in_any_order_in_every_c_and_cxx_without_a_warning() {
    const OLD: &str = "#define NUMA_VERSION1_COMPATIBILITY\n";
    let mut texts: Vec<String> = HEADERS.iter().map(|(header, _)| includes(&[header])).collect();
    for [a, b, c] in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let all = includes(&[a, b, c].map(|header: usize| HEADERS[header].0));
        texts.push(format!("{all}{all}"));
        texts.push(format!("#undef _GNU_SOURCE\n#define _GNU_SOURCE 1\n{all}"));
        texts.push(format!("{OLD}{all}{all}"));
    }
    compile_everywhere(&texts);
}

/// `-Wextra` contains `-Wmissing-field-initializers`.
#[test]
fn the_initializers_initialize_objects_of_every_kind_in_every_c_and_cxx_without_a_warning() {
    let objects = |kind: &str, init: &str, name: &str| {
        format!(
            "extern const struct {kind} {name}_constants[1];\n\
             struct {kind} {name}_global = {init};\n\
             static struct {kind} {name}_static = {init};\n\
             static const struct {kind} {name}_constant = {init};\n\
             const struct {kind} {name}_constants[1] = {{ {init} }};\n\
             struct {name}_holder {{ int first; struct {kind} inner; }};\n\
             size_t {name}_sizes(void);\n\
             size_t {name}_sizes(void) {{\n\
             \x20   struct {kind} automatic = {init};\n\
             \x20   const struct {kind} constant = {init};\n\
             \x20   static const struct {kind} kept = {init};\n\
             \x20   struct {name}_holder holder = {{ 1, {init} }};\n\
             \x20   automatic.size += holder.inner.size;\n\
             \x20   return automatic.size + constant.size + kept.size + {name}_static.size + {name}_constant.size;\n\
             }}\n"
        )
    };
    compile_everywhere(&[includes(&["numars.h"])
        + &objects("numars_move_options", "NUMARS_MOVE_OPTIONS_INIT", "options")
        + &objects("numars_move_stats", "NUMARS_MOVE_STATS_INIT", "stats")
        + &objects("numars_placement", "NUMARS_PLACEMENT_INIT", "placement")
        + &objects("numars_parse_error", "NUMARS_PARSE_ERROR_INIT", "error")]);
}

/// Fails to compile if a value differs from the kernel's.
const VALUES: &str = "
typedef char policies[MPOL_DEFAULT == 0 && MPOL_PREFERRED == 1 && MPOL_BIND == 2 && MPOL_INTERLEAVE == 3 ? 1 : -1];
typedef char newer_policies[MPOL_LOCAL == 4 && MPOL_PREFERRED_MANY == 5 && MPOL_WEIGHTED_INTERLEAVE == 6 ? 1 : -1];
typedef char mode_flags[MPOL_MODE_FLAGS == 0xe000 && MPOL_F_NUMA_BALANCING == 0x2000 ? 1 : -1];
typedef char more_mode_flags[MPOL_F_STATIC_NODES == 0x8000 && MPOL_F_RELATIVE_NODES == 0x4000 ? 1 : -1];
typedef char flags[MPOL_F_NODE == 1 && MPOL_F_ADDR == 2 && MPOL_F_MEMS_ALLOWED == 4 ? 1 : -1];
typedef char memory_flags[MPOL_MF_STRICT == 1 && MPOL_MF_MOVE == 2 && MPOL_MF_MOVE_ALL == 4 && MPOL_MF_VALID == 7 ? 1 : -1];
typedef char kernels_flags[MPOL_MF_LAZY == 8 && MPOL_F_SHARED == 1 && MPOL_F_MOF == 8 && MPOL_F_MORON == 16 ? 1 : -1];
";

#[test]
fn the_kernels_header_may_come_before_or_after() {
    let mut texts = vec![includes(&["linux/mempolicy.h", "numaif.h"]) + "int zone = RECLAIM_ZONE;\n" + VALUES];
    for (header, _) in HEADERS {
        let both = [["linux/mempolicy.h", header], [header, "linux/mempolicy.h"]].map(|order| includes(&order));
        let [before, after] = &both;
        texts.push(before.to_owned());
        texts.push(after.to_owned());
        texts.push(format!("{before}{after}"));
        texts.push(format!("{after}{before}"));
        if header != "numa.h" {
            texts.push(format!("{after}{VALUES}"));
        }
    }
    compile_everywhere(&texts);
}

#[test]
fn a_program_may_define_the_constants_itself() {
    let libnuma = std::fs::read_to_string("/usr/include/numaif.h").expect("libnuma-dev is installed");
    // The number of policies is larger today.
    let is_constant = |line: &&str| line.starts_with("#define MPOL_") && !line.starts_with("#define MPOL_MAX");
    let without_comments = |line: &str| line.split("/*").next().unwrap().trim_end().to_owned() + "\n";
    let definitions: String = libnuma.lines().filter(is_constant).map(without_comments).collect();
    assert!(definitions.lines().count() > 10, "{definitions}");
    let numaif = includes(&["numaif.h"]);
    let numars = includes(&["numars.h"]);
    let enumeration = "enum { MPOL_DEFAULT, MPOL_PREFERRED, MPOL_BIND, MPOL_MF_MOVE = 1 << 1 };\n";
    compile_everywhere(&[
        format!("{definitions}{numaif}"),
        format!("{numaif}{definitions}"),
        format!("{definitions}{numars}"),
        format!("{numars}{definitions}"),
        format!("#define MPOL_MF_MOVE (1<<1)\n{numaif}"),
        format!("#define MPOL_MF_MOVE (1 << 1)\n#define MPOL_BIND 0x2\n{numaif}"),
        format!("{enumeration}{numaif}"),
        // As a system header, libnuma's own may have its comments and blanks.
        format!("#define MPOL_F_STATIC_NODES (1 << 15)\n{numaif}"),
    ]);
}

#[test]
fn each_header_is_within_its_include_guard() {
    for name in ["numa.h", "numaif.h", "numars.h", "numacompat1.h"] {
        let text = std::fs::read_to_string(root().join("include").join(name)).unwrap();
        let directives: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
        let guard = directives[0].strip_prefix("#ifndef ").unwrap_or_else(|| panic!("{name}: {}", directives[0]));
        assert_eq!(directives[1].trim_start_matches("#define ").split(' ').next(), Some(guard), "{name}");
        let mut depth = 0;
        for (number, line) in text.lines().enumerate() {
            depth += i32::from(line.starts_with("#if"));
            depth -= i32::from(line.starts_with("#endif"));
            let is_last = text.lines().skip(number + 1).all(|line| line.trim().is_empty());
            assert!(depth > 0 || is_last || number < 5, "{name}:{}: after the guard's end", number + 1);
        }
    }
}

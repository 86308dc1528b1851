//! The C headers are what the Rust signatures and comments say, and every C and C++ compiler takes them.

use std::path::Path;
use std::process::Command;
use support::{root, run};

/// A header, and the files under src/abi that it is made from, in the order of numa(3).
const HEADERS: [(&str, &[&str]); 3] = [
    ("numaif.h", &["numaif.rs"]),
    (
        "numa.h",
        &[
            "availability.rs",
            "nodes.rs",
            "sets.rs",
            "parsing.rs",
            "policy.rs",
            "memory.rs",
            "running.rs",
            "bitmask.rs",
            "moving.rs",
            "reporting.rs",
        ],
    ),
    ("numars.h", &["numars.rs", "bulk.rs"]),
];

fn generate(header: &str, sources: &[&str]) -> String {
    let config = root().join("cbindgen").join(header.replace(".h", ".toml"));
    let mut builder = cbindgen::Builder::new().with_config(cbindgen::Config::from_file(config).unwrap());
    for source in sources {
        builder = builder.with_src(root().join("src/abi").join(source));
    }
    let mut text = Vec::new();
    builder.generate().expect("cbindgen reads src/abi").write(&mut text);
    for_c(&String::from_utf8(text).unwrap())
}

/// What cbindgen cannot know: a C programmer has no use for Rust's safety sections, and numa_warn() is variadic.
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
    let header = lines.join("\n") + "\n";
    match header.split_once("void numa_warn(") {
        Some((before, declaration)) => {
            before.to_owned() + "void numa_warn(" + &declaration.replacen(");", ", ...);", 1)
        }
        None => header,
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
            "include/{header} is not what src/abi says: run `make headers` and look at the diff"
        );
    }
}

/// Compiles `program` with nothing but the given include folder, all warnings being errors.
fn compile(compiler: &str, standard: &str, include: &Path, program: &Path) {
    run(Command::new(compiler)
        .args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2", "-fsyntax-only", "-I"])
        .args([include, program]));
}

const C_COMPILERS: [&str; 2] = ["gcc", "clang"];
const CXX_COMPILERS: [&str; 2] = ["g++", "clang++"];

#[test]
fn each_header_compiles_alone_in_c_and_cxx_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let names = HEADERS.map(|(header, _)| format!("#include <{header}>\n"));
    let old = "#define NUMA_VERSION1_COMPATIBILITY\n#include <numa.h>\n#include <numars.h>\n".to_owned();
    for include in names.into_iter().chain([old]) {
        let program = format!("{include}{}int main(void) {{ return 0; }}\n", include.replace("#define", "//"));
        let (c, cxx) = (folder.path().join("alone.c"), folder.path().join("alone.cc"));
        std::fs::write(&c, &program).unwrap();
        std::fs::write(&cxx, &program).unwrap();
        for compiler in C_COMPILERS {
            for standard in ["-std=c99", "-std=c11", "-std=c17"] {
                compile(compiler, standard, &root().join("include"), &c);
            }
        }
        for compiler in CXX_COMPILERS {
            compile(compiler, "-std=c++17", &root().join("include"), &cxx);
        }
    }
}

//! Gives each exported symbol its version node when cargo links the shared library.
//!
//! rustc passes a version script of its own to a cdylib, which makes every exported name global without a version. lld takes
//! a second script beside it as long as that one names no symbols: it declares the nodes, and a `.symver` line in the
//! object puts each symbol into its node. Both are made here from `libnumars.map`, the one list of what is exported.

use std::{env, fmt::Write, fs, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=libnumars.map");
    if env::var_os("CARGO_FEATURE_VERSIONED").is_none() {
        return;
    }
    // The compiler's settings, by cargo's variables for the profile and by flags.
    println!("cargo:rerun-if-env-changed=CARGO_PROFILE_RELEASE_CODEGEN_UNITS");
    println!("cargo:rerun-if-env-changed=CARGO_PROFILE_DEV_CODEGEN_UNITS");
    let profile = if env::var("PROFILE").is_ok_and(|profile| profile == "release") { "RELEASE" } else { "DEV" };
    let units = env::var(format!("CARGO_PROFILE_{profile}_CODEGEN_UNITS")).ok();
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let by_flag = flags.split('\x1f').filter_map(|flag| flag.split_once("codegen-units=")).next_back();
    if by_flag.map(|(_, units)| units).or(units.as_deref()).is_some_and(|units| units != "1") {
        println!(
            "cargo::error=a symbol gets its version in the object that defines it, so the library is compiled with one \
             codegen unit: leave the profile as it is, or build without versions (--no-default-features)"
        );
        return;
    }
    let map = fs::read_to_string("libnumars.map").expect("libnumars.map stands beside build.rs");
    let nodes = version_nodes(&map);

    let mut script = String::new();
    let mut symvers = String::new();
    for node in &nodes {
        writeln!(script, "{} {{ }} {};", node.name, node.parent).unwrap();
        for symbol in &node.symbols {
            writeln!(symvers, "core::arch::global_asm!(\".symver {symbol},{symbol}@@{}\");", node.name).unwrap();
        }
    }
    for name in older_forms(&map) {
        // Not exported by rustc, so it must be made global for the linker to see it.
        writeln!(
            symvers,
            "core::arch::global_asm!(\".globl {{form}}\", \".symver {{form}},{name}@libnuma_1.1\", \
             form = sym crate::v1::{name}_v1);"
        )
        .unwrap();
    }
    let out = env::var("OUT_DIR").unwrap();
    let script_path = Path::new(&out).join("nodes.map");
    fs::write(&script_path, script).unwrap();
    fs::write(Path::new(&out).join("symvers.rs"), symvers).unwrap();
    println!("cargo:rustc-cdylib-link-arg=-Wl,--version-script={}", script_path.display());
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libnumars.so.1");
    // Data that is only read is not executable: as in the Makefile.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,separate-code");
}

/// The names of the symbols that have an older form.
fn older_forms(map: &str) -> impl Iterator<Item = &str> {
    map.lines().filter_map(|line| line.strip_prefix("#   older: "))
}

struct VersionNode<'a> {
    name: &'a str,
    parent: &'a str,
    symbols: Vec<&'a str>,
}

/// Reads the part of the linker's version script language that `libnumars.map` uses.
fn version_nodes(map: &str) -> Vec<VersionNode<'_>> {
    let mut nodes: Vec<VersionNode> = Vec::new();
    for line in map.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some((name, rest)) = line.split_once('{') {
            let parent = rest.trim_start_matches([' ', '}']).trim_end_matches(';');
            nodes.push(VersionNode { name: name.trim(), parent, symbols: Vec::new() });
            continue;
        }
        let node = nodes.last_mut().expect("a node opens before its symbols");
        match line.strip_prefix('}') {
            Some(parent) => node.parent = parent.trim().trim_end_matches(';'),
            None if line.ends_with(':') || line == "*;" => {}
            None => node.symbols.push(line.trim_end_matches(';')),
        }
    }
    nodes
}

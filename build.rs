//! Gives each exported symbol its version node when cargo links the shared library.
//!
//! rustc passes a version script to the linker that makes every exported name of a cdylib global, without a version. lld accepts
//! a second script if that one names no symbols: it declares the nodes, and a `.symver` line in the object assigns each symbol
//! to its node. Both are made here from `symbols.tsv`, and where rustc does not link with lld by default, it is told to.

use std::process::{Command, Stdio};
use std::{env, fmt::Write, fs, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=symbols.tsv");
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    if architecture == "powerpc64" && rustc_minor() < 95 {
        println!("cargo::error=numars needs Rust 1.95 or newer on powerpc64, where older ones have no inline assembly");
        return;
    }
    if env::var_os("CARGO_FEATURE_VERSIONED").is_none() || env::var_os("CARGO_FEATURE_CAPI").is_some() {
        return;
    }
    // The compiler's settings, by cargo's variables for the profile and by flags.
    println!("cargo:rerun-if-env-changed=CARGO_PROFILE_RELEASE_CODEGEN_UNITS");
    println!("cargo:rerun-if-env-changed=CARGO_PROFILE_DEV_CODEGEN_UNITS");
    let profile = if env::var("PROFILE").is_ok_and(|profile| profile == "release") { "RELEASE" } else { "DEV" };
    let units = env::var(format!("CARGO_PROFILE_{profile}_CODEGEN_UNITS")).ok();
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let flags: Vec<&str> = flags.split('\x1f').collect();
    let by_flag = flags.iter().filter_map(|flag| flag.split_once("codegen-units=")).next_back();
    if by_flag.map(|(_, units)| units).or(units.as_deref()).is_some_and(|units| units != "1") {
        println!(
            "cargo::error=a symbol gets its version in the object that defines it, so the library is compiled with one \
             codegen unit: leave the profile as it is, or build without versions (--no-default-features)"
        );
        return;
    }
    // A shared library is not made if C's own is linked into everything.
    let is_static = env::var("CARGO_CFG_TARGET_FEATURE").is_ok_and(|features| features.contains("crt-static"));
    let uses_lld = env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu")
        && rustc_minor() >= 90
        && !flags.iter().any(|flag| flag.contains("linker-features=-lld"));
    if !is_static && !uses_lld {
        let by_flag = flags.iter().filter_map(|flag| flag.trim_start_matches("-C").strip_prefix("linker=")).next_back();
        let linker = by_flag.map(str::to_owned).or(env::var("RUSTC_LINKER").ok()).unwrap_or("cc".to_owned());
        if !links_with_lld(&linker) {
            println!(
                "cargo::error=the symbols of the shared library get their versions from lld, with which {linker} cannot \
                 link: install it, use make, or build without versions (--no-default-features)"
            );
            return;
        }
        println!("cargo:rustc-cdylib-link-arg=-fuse-ld=lld");
    }
    let table = fs::read_to_string("symbols.tsv").expect("symbols.tsv is next to build.rs");
    let mut script = String::new();
    let mut symvers = String::new();
    for row in table.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [name, version, form, kind, ..] = columns[..] else {
            panic!("symbols.tsv: not a row of the table: {row:?}")
        };
        match (kind, form) {
            ("node", _) => writeln!(script, "{name} {{ }} {};", version.trim_matches('-')).unwrap(),
            (_, "default") => {
                writeln!(symvers, "core::arch::global_asm!(\".symver {name},{name}@@{version}\");").unwrap()
            }
            // rustc does not export it, so it is made global for the linker to see it.
            (_, "older") => writeln!(
                symvers,
                "core::arch::global_asm!(\".globl {{form}}\", \".symver {{form}},{name}@{version}\", \
                 form = sym crate::v1::{name}_v1);"
            )
            .unwrap(),
            _ => panic!("symbols.tsv: {name} has neither form: {form}"),
        }
    }
    let out = env::var("OUT_DIR").unwrap();
    let script_path = Path::new(&out).join("nodes.map");
    fs::write(&script_path, script).unwrap();
    fs::write(Path::new(&out).join("symvers.rs"), symvers).unwrap();
    println!("cargo:rustc-cdylib-link-arg=-Wl,--version-script={}", script_path.display());
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libnumars.so.1");
    // Data that is only read is not executable: as in the Makefile.
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    if !["aarch64", "arm", "loongarch64", "powerpc64"].contains(&architecture.as_str()) {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,separate-code");
    }
}

/// Returns the second number of rustc's version.
fn rustc_minor() -> u32 {
    let rustc = Command::new(env::var_os("RUSTC").unwrap_or("rustc".into())).arg("--version").output();
    let version = rustc.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    // A version that cannot be read is new.
    version.and_then(|version| version.split('.').nth(1)?.parse().ok()).unwrap_or(u32::MAX)
}

/// Returns whether a C compiler can link a shared library with lld.
fn links_with_lld(compiler: &str) -> bool {
    let mut link = Command::new(compiler);
    link.args(["-fuse-ld=lld", "-shared", "-nostdlib", "-x", "c", "-", "-o", "/dev/null"]);
    let quiet = link.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

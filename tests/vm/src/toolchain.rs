//! Compilers for other architectures, unpacked from Debian's packages: one rustc and one clang for all of them, and for each a root directory
//! with its C library and what the tests are linked with.

use crate::apt::{Apt, SECURITY};
use crate::architectures::Architecture;
use crate::cache::{Cache, open_apt};
use crate::guest::quoted;
use anyhow::{Context, Result};
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// The tools that are named after a compiler's target, and LLVM's name of each.
const TOOLS: &[(&str, &str)] = &[
    ("ar", "llvm-ar"),
    ("nm", "llvm-nm"),
    ("objcopy", "llvm-objcopy"),
    ("objdump", "llvm-objdump"),
    ("ranlib", "llvm-ranlib"),
    ("readelf", "llvm-readelf"),
    ("strip", "llvm-strip"),
];

/// Libraries for programs, beyond the C library: the framework of the C tests, and libnuma to compare with.
const LIBRARIES: &[&str] = &["check", "libsubunit-dev", "libnuma1", "libnuma-dev"];

impl Cache {
    /// Fetches compilers and the C library for the target. Returns commands for the shell that set the variables by which make finds them.
    pub fn toolchain(&self) -> Result<String> {
        let sysroot = self.sysroot()?;
        let (target, bin) = (self.target, self.toolchain_folder()?);
        let name = target.compiler_target;
        let version = fs::read_to_string(self.tools()?.join(LLVM_VERSION))?;
        let llvm = |program: &str, arguments: &str| self.script(&format!("{program}{version}"), arguments);
        let linker = bin.join("ld.lld");
        write_script(&linker, &llvm("ld.lld", "")?)?;
        let options = format!(
            " --target={name} --sysroot={} --ld-path={} -Wno-unused-command-line-argument{}",
            quoted(&sysroot.to_string_lossy()),
            quoted(&linker.to_string_lossy()),
            // Debian's libgcc_s is for glibc.
            if target.is_musl() { " --unwindlib=none" } else { "" }
        );
        let mut tools = vec![("gcc", llvm("clang", &options)?)];
        for (tool, of_llvm) in TOOLS {
            tools.push((tool, llvm(of_llvm, "")?));
        }
        let mut settings = self.rust_settings()?;
        for (tool, text) in tools {
            let path = bin.join(format!("{name}-{tool}"));
            write_script(&path, &text)?;
            let variable = if tool == "gcc" { "CC".into() } else { tool.to_uppercase() };
            set(&mut settings, &variable, &path.to_string_lossy())?;
        }
        set(&mut settings, "SYSROOT", &sysroot.to_string_lossy())?;
        set(&mut settings, "SUITE", target.suite)?;
        let pkg_config = ["share/pkgconfig", &format!("lib/{}/pkgconfig", target.triplet), "lib/pkgconfig"]
            .map(|folder| sysroot.join("usr").join(folder).display().to_string());
        set(&mut settings, "PKG_CONFIG_LIBDIR", &pkg_config.join(":"))?;
        Ok(settings)
    }

    /// Fetches the Rust compiler. Returns commands for the shell that set the variables by which cargo and make use it for the target.
    pub fn rust_settings(&self) -> Result<String> {
        let rustc = self.toolchain_folder()?.join("rustc");
        write_script(&rustc, &self.script("rustc", "")?)?;
        let mut settings = String::new();
        set(&mut settings, "RUSTC", &rustc.to_string_lossy())?;
        // Debian's compiler has the source of core, for every target.
        set(&mut settings, "RUSTC_BOOTSTRAP", "1")?;
        set(&mut settings, "CARGO_UNSTABLE_BUILD_STD", "core")?;
        set(&mut settings, "TARGET", self.target.rust_target)?;
        Ok(settings)
    }

    /// Returns the directory of scripts for the target, which exists.
    fn toolchain_folder(&self) -> Result<PathBuf> {
        let folder = self.directory.join(format!("toolchain-{}", self.target.name));
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Returns a shell script that runs one of the fetched programs with its libraries.
    fn script(&self, program: &str, arguments: &str) -> Result<String> {
        Ok(format!(
            "#!/bin/sh\ntools={tools}/usr\n\
             LD_LIBRARY_PATH=$tools/lib/{triplet}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\n\
             export LD_LIBRARY_PATH\nexec \"$tools/bin/{program}\"{arguments} \"$@\"\n",
            tools = quoted(&self.tools()?.to_string_lossy()),
            triplet = self.host.triplet
        ))
    }

    /// Returns the directory of rustc with the source of core, clang, lld and LLVM's tools.
    fn tools(&self) -> Result<PathBuf> {
        self.keep(TOOLS_NAME, |work| {
            let root = work.join("root");
            let apt = open_apt(work, SECURITY, self.host.debian)?;
            let standard_library = named(&apt, "rustc-web", "libstd-rust-web-dev")?;
            let shared = named(&apt, &standard_library, "libstd-rust-web-")?;
            let llvm = named(&apt, &shared, "libllvm")?;
            let version = llvm.trim_start_matches("libllvm");
            let packages = [
                "rustc-web".to_string(),
                "rust-web-src".to_string(),
                format!("clang-{version}"),
                format!("libclang-cpp{version}"),
                format!("libclang-common-{version}-dev"),
                format!("lld-{version}"),
                format!("llvm-{version}"),
                standard_library,
                shared,
                llvm.clone(),
            ];
            apt.unpack_only(&packages, &root)?;
            fs::write(root.join(LLVM_VERSION), format!("-{version}"))?;
            Ok(root)
        })
    }

    /// Returns a root directory with the target's C library, headers and [`LIBRARIES`].
    pub fn sysroot(&self) -> Result<PathBuf> {
        let target = self.target;
        self.keep(&format!("sysroot-{}", target.name), |work| {
            let root = work.join("root");
            // As on Debian since all of its libraries are in /usr.
            for directory in ["lib", "lib64", "bin", "sbin"] {
                fs::create_dir_all(root.join("usr").join(directory))?;
                symlink(format!("usr/{directory}"), root.join(directory))?;
            }
            let apt = open_apt(work, target.suite, target.debian)?;
            if target.is_musl() {
                let compiler = libgcc(&apt)?;
                apt.unpack_only(&["musl-dev", "musl", "linux-libc-dev", &compiler], &root)?;
                merge_musl(target, &root)?;
                return Ok(root);
            }
            let mut packages = vec!["libc6-dev".to_string(), libgcc(&apt)?];
            packages.extend(LIBRARIES.iter().map(|name| name.to_string()));
            apt.unpack_with_dependencies(&packages, &root)?;
            keep_links_inside(&root, &root)?;
            Ok(root)
        })
    }

    /// Returns the folders in which the loader of the target's programs finds libraries: `first`, then those of the C library.
    pub fn library_folders(&self, first: &[PathBuf]) -> Result<Vec<PathBuf>> {
        let sysroot = self.sysroot()?;
        let own = [Path::new("usr/lib").join(self.target.triplet), "usr/lib".into(), "usr/lib64".into()];
        Ok(first.iter().cloned().chain(own.map(|folder| sysroot.join(folder))).collect())
    }
}

/// The directory of [`Cache::tools`].
const TOOLS_NAME: &str = "compilers";

/// The file in it with what the names of LLVM's programs end with.
const LLVM_VERSION: &str = "llvm-version";

/// Adds a command for the shell that sets a variable.
fn set(settings: &mut String, name: &str, value: &str) -> Result<()> {
    Ok(writeln!(settings, "{name}={}; export {name}", quoted(value))?)
}

/// Writes a script that can be executed, unless it is there already: another process may be running it.
fn write_script(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|existing| existing == text) {
        return Ok(());
    }
    let new = path.with_extension(std::process::id().to_string());
    fs::write(&new, text)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755))?;
    Ok(fs::rename(new, path)?)
}

/// Returns the first dependency of a package whose name begins with `prefix`.
fn named(apt: &Apt, package: &str, prefix: &str) -> Result<String> {
    let dependencies = apt.dependencies(package)?;
    let first = dependencies.iter().find(|name| name.starts_with(prefix));
    first.cloned().with_context(|| format!("{package} does not depend on {prefix}…"))
}

/// Returns the package of the compiler's own library for the suite's gcc.
fn libgcc(apt: &Apt) -> Result<String> {
    // gcc depends on gcc-12; newer ones on gcc-aarch64-linux-gnu, and that on gcc-14-aarch64-linux-gnu.
    let mut package = "gcc".to_string();
    loop {
        package = named(apt, &package, "gcc-")?;
        let version: String = package.trim_start_matches("gcc-").chars().take_while(char::is_ascii_digit).collect();
        if !version.is_empty() {
            return Ok(format!("libgcc-{version}-dev"));
        }
    }
}

/// Makes absolute links below a directory of a root directory lead to the same places in it.
fn keep_links_inside(root: &Path, directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            keep_links_inside(root, &entry.path())?;
        } else if kind.is_symlink() {
            let target = fs::read_link(entry.path())?;
            if let Ok(inside) = target.strip_prefix("/") {
                let depth = directory.strip_prefix(root)?.components().count();
                fs::remove_file(entry.path())?;
                symlink(Path::new(&"../".repeat(depth)).join(inside), entry.path())?;
            }
        }
    }
    Ok(())
}

/// Makes musl the C library of a root directory, as a compiler expects it. In Debian it is beside glibc.
fn merge_musl(target: &Architecture, root: &Path) -> Result<()> {
    let usr = root.join("usr");
    for folder in ["include", "lib"] {
        let from = usr.join(folder).join(target.triplet);
        for entry in fs::read_dir(&from).with_context(|| format!("there is no {}", from.display()))? {
            let entry = entry?;
            fs::rename(entry.path(), usr.join(folder).join(entry.file_name()))?;
        }
    }
    // The compiler searches for a gcc for musl.
    let folder = usr.join("lib/gcc").join(target.triplet.replace("musl", "gnu"));
    let version = fs::read_dir(&folder)?.next().context("there is no libgcc")??;
    fs::copy(version.path().join("libgcc.a"), usr.join("lib/libgcc.a"))?;
    let of_kernel = target.triplet.replace("musl", "gnu");
    symlink(Path::new(&of_kernel).join("asm"), usr.join("include/asm"))?;
    let loader = usr.join("lib").join(target.loader);
    // It led to where the C library was.
    let _ = fs::remove_file(&loader);
    symlink("libc.so", loader)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_links_lead_to_the_same_places_in_the_root_directory() {
        let root = tempfile::tempdir().unwrap();
        let libraries = root.path().join("usr/lib64");
        fs::create_dir_all(&libraries).unwrap();
        fs::write(root.path().join("usr/loader"), "loader").unwrap();
        symlink("/usr/loader", libraries.join("absolute")).unwrap();
        symlink("../loader", libraries.join("relative")).unwrap();
        keep_links_inside(root.path(), root.path()).unwrap();
        for link in ["absolute", "relative"] {
            assert_eq!(fs::read_to_string(libraries.join(link)).unwrap(), "loader", "{link}");
        }
    }
}

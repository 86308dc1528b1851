//! Which shared libraries a program needs, and where they are.

use anyhow::{Context, Result, bail};
use goblin::elf::Elf;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The name that the loader looks for, and the file.
pub type Library = (PathBuf, PathBuf);

/// Returns the shared libraries of a program of this machine, found by its loader (so LD_LIBRARY_PATH counts). Empty for a static program or a
/// script.
pub fn libraries_of_host(program: &Path) -> Result<Vec<Library>> {
    let ldd = Command::new("ldd").arg(fs::canonicalize(program)?).output().context("cannot run ldd")?;
    let listing = String::from_utf8_lossy(&ldd.stdout);
    listing
        .lines()
        .filter_map(|line| library(line).transpose())
        .collect::<Result<_>>()
        .with_context(|| format!("the libraries of {}", program.display()))
}

/// Parses one line of ldd: `libc.so.6 => /lib/…/libc.so.6 (0x…)`, `/lib64/ld-linux-x86-64.so.2 (0x…)`, or no library.
fn library(line: &str) -> Result<Option<Library>> {
    let line = line.trim();
    if let Some(name) = line.strip_suffix(" => not found") {
        bail!("{name} is not found");
    }
    let Some((found, _address)) = line.rsplit_once(" (0x") else {
        return Ok(None);
    };
    let (name, file) = found.split_once(" => ").unwrap_or((found, found));
    // The vDSO has no file.
    Ok(file.starts_with('/').then(|| (name.into(), file.into())))
}

/// Returns the shared libraries of a program of any architecture, and its loader, searched for in `folders`. Empty for a static program or a
/// script.
pub fn libraries_in(folders: &[PathBuf], program: &Path) -> Result<Vec<Library>> {
    let mut libraries = BTreeMap::new();
    let mut pending = vec![program.to_path_buf()];
    while let Some(file) = pending.pop() {
        for name in needed(&file)? {
            // The loader is named by its path, and is a library of libc too.
            let base = name.file_name().unwrap_or_default().to_owned();
            let library = folders.iter().map(|folder| folder.join(&base)).find(|path| path.is_file());
            let library = library.with_context(|| {
                format!("{}, which {} needs, is in none of {folders:?}", name.display(), file.display())
            })?;
            if libraries.insert(name, library.clone()).is_none() {
                pending.push(library);
            }
        }
    }
    Ok(libraries.into_iter().collect())
}

/// Returns the loader and the libraries that an ELF file names; nothing for other files.
fn needed(file: &Path) -> Result<Vec<PathBuf>> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    if !bytes.starts_with(b"\x7fELF") {
        return Ok(Vec::new());
    }
    let elf = Elf::parse(&bytes).with_context(|| format!("cannot parse {}", file.display()))?;
    // The segment may be larger than the path.
    let loader = elf.interpreter.and_then(|path| path.split('\0').next());
    Ok(loader.into_iter().chain(elf.libraries.iter().copied()).map(PathBuf::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env;

    #[test]
    fn libraries_are_read_from_ldds_lines() {
        let pair = |name: &str, file: &str| Some((PathBuf::from(name), PathBuf::from(file)));
        let cases = [
            ("\tlinux-vdso.so.1 (0x00007ffc)", None),
            ("\tstatically linked", None),
            ("\tlibc.so.6 => /lib/x/libc.so.6 (0x00007f)", pair("libc.so.6", "/lib/x/libc.so.6")),
            (
                "\t/lib64/ld-linux-x86-64.so.2 (0x00007f)",
                pair("/lib64/ld-linux-x86-64.so.2", "/lib64/ld-linux-x86-64.so.2"),
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(library(line).unwrap(), expected, "{line}");
        }
        assert!(library("\tlibnumars.so.1 => not found").is_err());
    }

    #[test]
    fn the_libraries_of_a_file_are_those_that_the_loader_finds() {
        let program = env::current_exe().unwrap();
        let by_loader = libraries_of_host(&program).unwrap();
        let folders: Vec<PathBuf> = by_loader.iter().map(|(_, file)| file.parent().unwrap().into()).collect();
        let mut names: Vec<_> = libraries_in(&folders, &program).unwrap();
        names.retain(|(name, _)| !name.is_absolute());
        let expected = by_loader.iter().filter(|(name, _)| !name.is_absolute()).count();
        assert!(names.len() >= expected && expected > 0, "{names:?} {by_loader:?}");
        assert!(libraries_in(&[], &program).is_err());
        assert!(libraries_in(&[], Path::new("Cargo.toml")).unwrap().is_empty());
    }
}

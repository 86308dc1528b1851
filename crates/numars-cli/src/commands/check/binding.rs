//! Which symbols of libnuma a program needs, and which library has them.

use super::elf::{Elf, Role, SONAME, Symbol};
use super::search::{Paths, System};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::path::{Path, PathBuf};

/// The table of numars's symbols, for a machine on which it is not installed.
const SYMBOLS: &str = include_str!("../../../../../symbols.tsv");

/// What a library under the name of libnuma defines.
#[derive(Debug, Default, Clone)]
pub struct Defined {
    symbols: HashSet<(String, String)>,
    names: HashSet<String>,
    versions: HashSet<String>,
}

impl Defined {
    /// Returns what a library defines.
    pub fn by(elf: &Elf) -> Defined {
        let mut defined = Defined::default();
        for symbol in elf.symbols.iter().flatten().filter(|symbol| symbol.role == Role::Defines) {
            defined.insert(&symbol.name, &symbol.version);
        }
        defined
    }

    /// Returns what numars of this build defines.
    pub fn by_this_numars() -> Defined {
        let mut defined = Defined::default();
        for line in SYMBOLS.lines().filter(|line| !line.starts_with('#')) {
            let mut fields = line.split('\t');
            if let (Some(name), Some(version), Some(form)) = (fields.next(), fields.next(), fields.next())
                && form != "-"
            {
                defined.insert(name, version);
            }
        }
        defined
    }

    fn insert(&mut self, name: &str, version: &str) {
        self.symbols.insert((name.to_owned(), version.to_owned()));
        self.names.insert(name.to_owned());
        self.versions.insert(version.to_owned());
    }

    /// Returns whether it has a symbol; an empty version stands for any.
    pub fn has(&self, name: &str, version: &str) -> bool {
        match version.is_empty() {
            true => self.names.contains(name),
            false => self.symbols.contains(&(name.to_owned(), version.to_owned())),
        }
    }

    /// Returns whether it has a version.
    pub fn has_version(&self, version: &str) -> bool {
        self.versions.contains(version)
    }
}

/// A file that is loaded with a program.
#[derive(Debug)]
pub struct Loaded {
    /// Its path.
    pub file: PathBuf,
    /// What it needs and defines.
    pub elf: Elf,
    /// Whether its definitions come before those of a preloaded numars: those of the program and of what is preloaded already.
    pub is_before_numars: bool,
}

/// All that is loaded with a program, in the loader's order.
#[derive(Debug, Default)]
pub struct Program {
    /// The files.
    pub files: Vec<Loaded>,
    /// The libraries that were not found, with the file that needs them.
    pub absent: Vec<(String, PathBuf)>,
    /// Where the loader searches for what the program itself needs, or opens.
    pub paths: Paths,
}

impl Program {
    /// Reads a program, and what is loaded with it under this LD_LIBRARY_PATH and with these files preloaded.
    pub fn read(file: &Path, elf: Elf, system: &System, library_path: &str, preloaded: &str) -> Program {
        let origin = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        let folder = |file: &Path| file.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned);
        let mut program = Program { paths: system.paths(&elf, &folder(&origin), ""), ..Program::default() };
        let mut queue = VecDeque::from([(file.to_owned(), elf, String::new(), folder(&origin))]);
        for name in preloaded.split([':', ' ']).filter(|name| !name.is_empty()) {
            if let Some(path) = system.find(name, &program.paths, library_path)
                && let Ok(elf) = Elf::read(&path)
            {
                let folder = folder(&path);
                queue.push_back((path, elf, String::new(), folder));
            }
        }
        let before = queue.len();
        // libnuma is replaced. musl's libc.so is its loader.
        let mut seen: HashSet<String> = [SONAME, "libc.so"].map(str::to_owned).into();
        while let Some((file, elf, rpaths, folder_of_file)) = queue.pop_front() {
            let paths = system.paths(&elf, &folder_of_file, &rpaths);
            for name in &elf.needed {
                if !seen.insert(name.clone()) {
                    continue;
                }
                let path_of_library = system.find(name, &paths, library_path);
                match path_of_library.and_then(|path| Some((Elf::read(&path).ok()?, path))) {
                    Some((elf, path)) => {
                        let folder = folder(&path);
                        queue.push_back((path, elf, paths.rpaths.clone(), folder));
                    }
                    None => program.absent.push((name.clone(), file.clone())),
                }
            }
            let is_before_numars = program.files.len() < before;
            program.files.push(Loaded { file, elf, is_before_numars });
        }
        program
    }

    /// Returns whether something is linked with libnuma.
    pub fn is_linked(&self) -> bool {
        self.files.iter().any(|loaded| loaded.elf.needed.iter().any(|name| name == SONAME))
    }

    /// Returns the files whose symbols cannot be read.
    pub fn unreadable(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().filter(|loaded| loaded.elf.symbols.is_none()).map(|loaded| loaded.file.as_path())
    }

    /// Returns the symbols that are bound to libnuma, or would be if it had them.
    pub fn needs(&self) -> Vec<Need> {
        let symbols =
            || self.files.iter().flat_map(|loaded| loaded.elf.symbols.iter().flatten().map(move |s| (loaded, s)));
        let defines = |(_, symbol): &(&Loaded, &Symbol)| symbol.role == Role::Defines;
        // A symbol is bound to the first file that defines it: the program, libraries preloaded before numars, numars, then all others.
        let earlier: Vec<&Symbol> =
            symbols().filter(defines).filter(|(loaded, _)| loaded.is_before_numars).map(|(_, symbol)| symbol).collect();
        let is_earlier = |needed: &Symbol| {
            earlier.iter().any(|symbol| {
                symbol.name == needed.name && (symbol.version == needed.version || symbol.version.is_empty())
            })
        };
        let defined: HashSet<&str> = symbols().filter(defines).map(|(_, symbol)| symbol.name.as_str()).collect();
        let versions: HashSet<&str> = self.wanted_versions().into_keys().collect();
        let mut seen = BTreeSet::new();
        let mut needs = Vec::new();
        for (loaded, symbol) in symbols().filter(|(_, symbol)| symbol.role != Role::Defines) {
            if !seen.insert((&symbol.name, &symbol.version)) || is_earlier(symbol) {
                continue;
            }
            let is_of_libnuma = match symbol.version.is_empty() {
                true => !defined.contains(symbol.name.as_str()),
                false => versions.contains(symbol.version.as_str()),
            };
            needs.push(Need {
                symbol: symbol.clone(),
                by: loaded.file.clone(),
                is_required: symbol.role == Role::Uses && is_of_libnuma,
            });
        }
        needs
    }

    /// Returns the versions of libnuma that the files need, each with the first file.
    pub fn wanted_versions(&self) -> BTreeMap<&str, &Path> {
        let mut versions = BTreeMap::new();
        for loaded in &self.files {
            for version in &loaded.elf.versions {
                versions.entry(version.as_str()).or_insert(loaded.file.as_path());
            }
        }
        versions
    }
}

/// A symbol that a program, or a library that it loads, needs.
#[derive(Debug, Clone)]
pub struct Need {
    /// The symbol.
    pub symbol: Symbol,
    /// The first file that needs it.
    pub by: PathBuf,
    /// Whether the program does not start, or fails later, without it.
    pub is_required: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(symbols: &[(&str, &str, Role)], versions: &[&str]) -> Elf {
        let symbol =
            |&(name, version, role): &(&str, &str, Role)| Symbol { name: name.into(), version: version.into(), role };
        Elf {
            symbols: Some(symbols.iter().map(symbol).collect()),
            versions: versions.iter().map(|version| version.to_string()).collect(),
            ..Elf::default()
        }
    }

    fn program(files: Vec<Elf>) -> Program {
        let loaded = |(index, elf)| Loaded { file: format!("/{index}").into(), elf, is_before_numars: index == 0 };
        Program { files: files.into_iter().enumerate().map(loaded).collect(), ..Program::default() }
    }

    #[test]
    fn the_table_has_both_versions_of_a_symbol() {
        let numars = Defined::by_this_numars();
        assert!(numars.has("numa_available", "libnuma_1.1") && numars.has("numars_version", "NUMARS_1.0"));
        let in_both = |version| numars.has("numa_get_membind", version);
        assert!(in_both("libnuma_1.1") && in_both("libnuma_1.2") && numars.has("numa_get_membind", ""));
        assert!(!numars.has("numa_available", "libnuma_9.0") && numars.has_version("libnuma_1.7"));
    }

    #[test]
    fn what_the_program_defines_is_not_needed() {
        let needs = program(vec![
            elf(&[("numa_warn", "", Role::Defines), ("numa_error", "libnuma_1.1", Role::Uses)], &["libnuma_1.1"]),
            elf(&[("numa_warn", "libnuma_1.1", Role::Uses), ("numa_mine", "", Role::Uses)], &[]),
            elf(&[("numa_mine", "", Role::Defines)], &[]),
        ])
        .needs();
        let names: Vec<_> = needs.iter().map(|need| (need.symbol.name.as_str(), need.is_required)).collect();
        assert_eq!(names, [("numa_error", true), ("numa_mine", false)]);
    }

    #[test]
    fn a_weak_reference_is_not_required() {
        let needs =
            program(vec![elf(&[("numa_later", "", Role::MayUse), ("numa_sooner", "", Role::Uses)], &[])]).needs();
        assert_eq!(needs.iter().map(|need| need.is_required).collect::<Vec<_>>(), [false, true]);
    }
}

//! Finds libraries where the loader does: ld.so(8). The loader itself is not run, because the program chooses it.

use super::elf::Elf;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where the loader searches for libraries for all programs of one architecture.
#[derive(Debug)]
pub struct System {
    machine: (bool, u16),
    /// Each library's name and path, in the order of /etc/ld.so.cache.
    cached: Vec<(String, PathBuf)>,
    folders: Vec<PathBuf>,
    /// The value of `$LIB` in an RPATH.
    lib: String,
}

/// Where the loader searches for what one file needs.
#[derive(Debug, Clone, Default)]
pub struct Paths {
    /// The RPATHs of the file and of those that loaded it.
    pub rpaths: String,
    /// The RUNPATH, which applies only to what the file itself needs, and makes the loader ignore RPATHs.
    pub runpath: String,
}

impl System {
    /// Reads where the loader of programs of this architecture searches.
    pub fn read(machine: (bool, u16)) -> System {
        let cache = std::fs::read("/etc/ld.so.cache").unwrap_or_default();
        let mut folders: Vec<PathBuf> =
            ["/lib", "/usr/lib"].iter().flat_map(|folder| of_architectures(folder)).collect();
        folders.extend(["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"].map(PathBuf::from));
        let mut system =
            System { machine, cached: parse_cache(&cache).unwrap_or_default(), folders, lib: "lib".into() };
        if let Some(libc) = system.find_in_system("libc.so.6") {
            let folder = libc.parent().unwrap_or(Path::new("/lib")).to_string_lossy().into_owned();
            let folder = folder.trim_start_matches('/');
            system.lib = folder.strip_prefix("usr/").unwrap_or(folder).to_owned();
        }
        system
    }

    fn is_usable(&self, file: &Path) -> bool {
        file.is_file() && Elf::read(file).is_ok_and(|elf| elf.machine == self.machine)
    }

    /// Returns the library of this name in the first of these directories that has it for this architecture.
    fn find_in(&self, folders: &str, name: &str) -> Option<PathBuf> {
        if folders.is_empty() {
            return None;
        }
        folders
            .split([':', ';'])
            .map(|folder| Path::new(if folder.is_empty() { "." } else { folder }).join(name))
            .find(|file| self.is_usable(file))
    }

    fn find_in_system(&self, name: &str) -> Option<PathBuf> {
        let cached = self.cached.iter().filter(|(other, _)| other == name).map(|(_, file)| file.clone());
        cached.chain(self.folders.iter().map(|folder| folder.join(name))).find(|file| self.is_usable(file))
    }

    /// Returns the library that the loader would find by this name, with this LD_LIBRARY_PATH.
    pub fn find(&self, name: &str, paths: &Paths, library_path: &str) -> Option<PathBuf> {
        if name.contains('/') {
            return Some(PathBuf::from(name)).filter(|file| file.is_file());
        }
        let has_runpath = !paths.runpath.is_empty();
        (!has_runpath)
            .then(|| self.find_in(&paths.rpaths, name))
            .flatten()
            .or_else(|| self.find_in(library_path, name))
            .or_else(|| self.find_in(&paths.runpath, name))
            .or_else(|| self.find_in_system(name))
    }

    /// Returns where the loader searches for what a file in this directory needs, which was loaded by one with these RPATHs.
    pub fn paths(&self, elf: &Elf, folder: &Path, rpaths_of_those_that_loaded_it: &str) -> Paths {
        let runpath = self.expand(elf.runpath.as_deref().unwrap_or_default(), folder);
        let own = match runpath.is_empty() {
            true => self.expand(elf.rpath.as_deref().unwrap_or_default(), folder),
            false => String::new(),
        };
        let both: Vec<&str> =
            [own.as_str(), rpaths_of_those_that_loaded_it].into_iter().filter(|path| !path.is_empty()).collect();
        Paths { rpaths: both.join(":"), runpath }
    }

    /// Replaces the loader's tokens.
    fn expand(&self, path: &str, folder: &Path) -> String {
        let origin = folder.to_string_lossy();
        let platform = rustix::system::uname();
        let platform = platform.machine().to_string_lossy();
        let tokens = [("ORIGIN", &*origin), ("LIB", &*self.lib), ("PLATFORM", &*platform)];
        tokens.iter().fold(path.to_owned(), |path, (token, value)| {
            path.replace(&format!("${{{token}}}"), value).replace(&format!("${token}"), value)
        })
    }
}

/// Returns the directories of architectures, as Debian has them.
fn of_architectures(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let has_architecture =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().contains("-linux-gnu"));
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(has_architecture).collect();
    folders.sort();
    folders
}

/// Returns the names and paths of /etc/ld.so.cache, without those for particular processors.
fn parse_cache(cache: &[u8]) -> Option<Vec<(String, PathBuf)>> {
    const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
    const HEADER: usize = 48;
    const ENTRY: usize = 24;
    // An older format may come first.
    let start = cache.windows(MAGIC.len()).position(|bytes| bytes == MAGIC)?;
    let cache = cache.get(start..)?;
    let number = |offset: usize| -> Option<usize> {
        let bytes = cache.get(offset..offset.checked_add(4)?)?;
        usize::try_from(u32::from_ne_bytes(bytes.try_into().ok()?)).ok()
    };
    let text = |offset: usize| cache.get(offset..)?.split(|&byte| byte == 0).next();
    let mut entries = Vec::new();
    for index in 0..number(MAGIC.len())? {
        let entry = index.checked_mul(ENTRY)?.checked_add(HEADER)?;
        let (name, path) = (text(number(entry.checked_add(4)?)?)?, text(number(entry.checked_add(8)?)?)?);
        let hwcap = cache.get(entry.checked_add(16)?..entry.checked_add(24)?)?;
        if hwcap.iter().all(|&byte| byte == 0) {
            entries.push((String::from_utf8_lossy(name).into_owned(), PathBuf::from(OsStr::from_bytes(path))));
        }
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache_with(name: &str, path: &str, hwcap: u64) -> Vec<u8> {
        let mut cache = b"ld.so-1.7.0 and more of the older format".to_vec();
        cache.extend(b"glibc-ld.so.cache1.1");
        let strings = format!("{name}\0{path}\0");
        for number in [1, strings.len() as u32, 0, 0, 0, 0, 0] {
            cache.extend(number.to_ne_bytes());
        }
        let key = 48 + 24;
        for number in [3, key, key + name.len() as u32 + 1, 0] {
            cache.extend(number.to_ne_bytes());
        }
        cache.extend(hwcap.to_ne_bytes());
        cache.extend(strings.as_bytes());
        cache
    }

    #[test]
    fn the_loaders_cache_is_read() {
        let cache = cache_with("liba.so.1", "/lib/liba.so.1", 0);
        assert_eq!(parse_cache(&cache), Some(vec![("liba.so.1".to_owned(), PathBuf::from("/lib/liba.so.1"))]));
        assert_eq!(parse_cache(&cache_with("liba.so.1", "/lib/hw/liba.so.1", 1)), Some(Vec::new()));
        assert_eq!(parse_cache(b"something else"), None);
        for end in 0..cache.len() {
            let _ = parse_cache(&cache[..end]);
        }
    }

    #[test]
    fn tokens_of_the_loader_are_replaced() {
        let system = System { machine: (true, 62), cached: Vec::new(), folders: Vec::new(), lib: "lib/x".into() };
        assert_eq!(system.expand("$ORIGIN/a:${ORIGIN}/b:/$LIB", Path::new("/o")), "/o/a:/o/b:/lib/x");
    }

    #[test]
    fn a_runpath_makes_the_loader_ignore_rpaths() {
        let system = System { machine: (true, 62), cached: Vec::new(), folders: Vec::new(), lib: "lib".into() };
        let both = Elf { rpath: Some("/r".into()), runpath: Some("/u".into()), ..Elf::default() };
        let paths = system.paths(&both, Path::new("/"), "/before");
        assert_eq!((paths.rpaths.as_str(), paths.runpath.as_str()), ("/before", "/u"));
        let one = Elf { rpath: Some("/r".into()), ..Elf::default() };
        assert_eq!(system.paths(&one, Path::new("/"), "/before").rpaths, "/r:/before");
    }
}

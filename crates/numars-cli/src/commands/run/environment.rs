//! How a program runs on numars instead of libnuma: by what its environment tells the loader.

use super::program::Refusal;
use crate::commands::check::elf::Elf;
use rustix::process::{getegid, geteuid};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where libraries are below a prefix.
const FOLDERS: [&str; 2] = ["lib", "lib64"];

/// The file that is numars under the name of libnuma.
#[derive(Debug, Clone)]
pub struct Library {
    /// Its path, from the root directory, because programs may change their working directory.
    pub file: PathBuf,
}

impl Library {
    /// Returns the library to use: the given one, that of NUMARS_LIBRARY, or the installed one.
    pub fn find(given: Option<&Path>) -> Result<Library, Refusal> {
        let file = match (given, std::env::var_os("NUMARS_LIBRARY").filter(|file| !file.is_empty())) {
            (Some(file), _) => file.to_owned(),
            (None, Some(file)) => file.into(),
            (None, None) => installed(),
        };
        Library::from_path(&file)
    }

    fn from_path(file: &Path) -> Result<Library, Refusal> {
        let shown = file.display();
        if !file.is_file() || std::fs::File::open(file).is_err() {
            return Err(Refusal::cannot(format!(
                "{shown}: not found; is numars installed? --library names another file"
            )));
        }
        let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        if file.as_os_str().as_bytes().iter().any(|byte| matches!(byte, b' ' | b':' | b';')) {
            return Err(Refusal::cannot(format!("{shown}: the loader would interpret this as several files")));
        }
        Ok(Library { file })
    }

    /// Returns the directory that also has libnuma.so and libnuma.so.1.0.0.
    pub fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }
}

/// Returns where numars is installed: below the folder that this command is installed in, where the build says, or in the usual directories.
fn installed() -> PathBuf {
    let command = std::env::current_exe().unwrap_or_default();
    let prefix = command.parent().and_then(Path::parent);
    let of_build = option_env!("NUMARS_LIBDIR").map(|folder| Path::new(folder).join("numars"));
    let usual = ["/usr/local", "/usr"].map(Path::new);
    let folders = prefix.into_iter().flat_map(folders).chain(of_build).chain(usual.into_iter().flat_map(folders));
    let mut files = folders.map(|folder| folder.join("libnuma.so.1"));
    files.find(|file| file.is_file()).unwrap_or_else(|| "/usr/lib/numars/libnuma.so.1".into())
}

/// What Debian's names of architectures begin with, as in lib/i386-linux-gnu.
const ARCHITECTURE: &str = match () {
    () if cfg!(target_arch = "x86") => "i386",
    () if cfg!(all(target_arch = "powerpc64", target_endian = "little")) => "powerpc64le",
    () => std::env::consts::ARCH,
};

/// Returns the directories of numars below a prefix, with those of Debian for this architecture.
fn folders(prefix: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = FOLDERS.iter().map(|folder| prefix.join(folder).join("numars")).collect();
    let name = format!("{ARCHITECTURE}-linux-");
    let entries = std::fs::read_dir(prefix.join("lib")).into_iter().flatten().flatten();
    let of_debian = entries.filter(|entry| entry.file_name().as_bytes().starts_with(name.as_bytes()));
    folders.extend(of_debian.map(|entry| entry.path().join("numars")));
    folders
}

/// Returns the variables with which a program runs on numars.
///
/// Preloading works even for programs whose RPATH contains another libnuma, and for those started by a script that sets LD_LIBRARY_PATH.
/// LD_LIBRARY_PATH is for dlopen(3), which searches for libnuma.so by name. Libraries that are already preloaded stay before numars.
pub fn substitute(library: &Library) -> Vec<(OsString, OsString)> {
    let joined = |first: &OsStr, second: &OsStr| {
        let mut both = OsString::from(first);
        if !first.is_empty() && !second.is_empty() {
            both.push(":");
        }
        both.push(second);
        both
    };
    let variable = |name: &str| std::env::var_os(name).unwrap_or_default();
    let file = library.file.as_os_str();
    vec![
        ("LD_PRELOAD".into(), joined(&variable("LD_PRELOAD"), file)),
        ("LD_LIBRARY_PATH".into(), library_path(library)),
        // AddressSanitizer's run-time library requires to be loaded first, because of its malloc. numars defines no malloc.
        ("ASAN_OPTIONS".into(), joined(&variable("ASAN_OPTIONS"), OsStr::new("verify_asan_link_order=0"))),
    ]
}

/// Returns the value of LD_LIBRARY_PATH with which a program runs on numars.
pub fn library_path(library: &Library) -> OsString {
    let mut path = library.folder().as_os_str().to_owned();
    if let Some(other) = std::env::var_os("LD_LIBRARY_PATH").filter(|other| !other.is_empty()) {
        path.push(":");
        path.push(other);
    }
    path
}

/// Returns the value of NUMARS_LOG for a destination. Programs may change their working directory.
pub fn log_destination(given: &OsStr) -> OsString {
    match given.to_str() {
        Some("1") => given.to_owned(),
        _ => std::path::absolute(given).map_or_else(|_| given.to_owned(), PathBuf::into_os_string),
    }
}

/// Returns why numars cannot be preloaded into a program, if so.
pub fn must_be_preloadable(program: &Path, library: &Library) -> Result<(), Refusal> {
    let (shown, of) = (program.display(), library.file.display());
    if gains_privileges(program) {
        return Err(Refusal::cannot(format!(
            "{shown}: is setuid, setgid or has capabilities, so the loader preloads nothing into it; \
             install numars as libnuma.so.1 instead"
        )));
    }
    let Ok(elf) = Elf::read(program) else { return Ok(()) };
    let numars = Elf::read(&library.file).map_err(|_| Refusal::cannot(format!("{of}: is not a shared library")))?;
    if elf.machine != numars.machine {
        return Err(Refusal::cannot(format!("{shown}: is built for another architecture than {of}")));
    }
    let Some(loader) = &elf.loader else {
        return Err(Refusal::cannot(format!("{shown}: is linked statically, so it contains its own libnuma, if any")));
    };
    let loader_shown = loader.display();
    let Ok(contents) = std::fs::read(loader) else {
        return Err(Refusal::cannot(format!("{shown}: its loader, {loader_shown}, does not exist")));
    };
    let of_library = std::fs::read(&library.file).unwrap_or_default();
    if is_of_glibc(&contents) != is_of_glibc(&of_library) {
        return Err(Refusal::cannot(format!(
            "{shown}: its loader, {loader_shown}, belongs to another C library than {of}"
        )));
    }
    Ok(())
}

/// Returns whether a loader, or a file that is linked with one, belongs to glibc: only that has symbol versions of this name.
pub fn is_of_glibc(file: &[u8]) -> bool {
    file.windows(6).any(|bytes| bytes == b"GLIBC_")
}

/// Returns whether the loader ignores LD_PRELOAD and LD_LIBRARY_PATH, because the program gains privileges.
fn gains_privileges(program: &Path) -> bool {
    const SETUID: u32 = 0o4000;
    const SETGID: u32 = 0o2000;
    let Ok(metadata) = std::fs::metadata(program) else { return false };
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    (metadata.mode() & SETUID != 0 && metadata.uid() != user)
        || (metadata.mode() & SETGID != 0 && metadata.gid() != group)
        || (user != 0 && has_capabilities(program))
}

fn has_capabilities(program: &Path) -> bool {
    let mut value = [0u8; 64];
    rustix::fs::getxattr(program, "security.capability", &mut value).is_ok_and(|length| length > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_file_is_named_from_the_root_directory() {
        assert_eq!(log_destination(OsStr::new("1")), "1");
        assert_eq!(log_destination(OsStr::new("/a/b")), "/a/b");
        assert!(Path::new(&log_destination(OsStr::new("b"))).is_absolute());
    }

    #[test]
    fn a_library_whose_path_would_be_several_files_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lib numa.so.1");
        std::fs::write(&file, "").unwrap();
        assert!(Library::from_path(&file).unwrap_err().message.contains("several files"));
        assert!(
            Library::from_path(Path::new("/no such library")).unwrap_err().message.contains("is numars installed?")
        );
    }
}

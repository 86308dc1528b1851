//! Which libnuma.so.1 programs load: numars or the original.

use super::files::Files;
use super::{Check, System};
use std::path::{Path, PathBuf};

const LIBRARY: &str = "libnuma.so.1";
/// Where the loader looks without a cache.
const DIRECTORIES: [&str; 4] = ["lib64", "usr/lib64", "lib", "usr/lib"];

/// Returns the check of the library.
pub fn check(system: &System) -> Check {
    const NAME: &str = "libnuma";
    let files = &system.files;
    let candidates = by_environment(system)
        .into_iter()
        .map(|path| (path, " (LD_LIBRARY_PATH)"))
        .chain(cached(files).into_iter().map(|path| (path, "")))
        .chain(DIRECTORIES.map(|directory| (Path::new("/").join(directory).join(LIBRARY), "")));
    for (path, why) in candidates {
        let Ok(content) = files.read_bytes(&path) else {
            continue;
        };
        if !is_for_this_architecture(&content) {
            continue;
        }
        let whose = if contains(&content, b"numars_") { "numars" } else { "libnuma" };
        return Check::ok(NAME, format!("programs load {whose}: {}{why}", path.display()));
    }
    Check::note(NAME, format!("no {LIBRARY} is installed where programs look for it"))
}

/// Returns where LD_LIBRARY_PATH has the library, which takes precedence over the cache.
fn by_environment(system: &System) -> Vec<PathBuf> {
    let variable = (system.variable)("LD_LIBRARY_PATH").unwrap_or_default();
    let directories = variable.split([':', ';']).filter(|directory| !directory.is_empty());
    directories.map(|directory| Path::new(directory).join(LIBRARY)).collect()
}

/// Returns the paths of the library in the loader's cache, which has one for each architecture.
fn cached(files: &Files) -> Vec<PathBuf> {
    files.read_bytes("etc/ld.so.cache").map(|cache| cached_paths(&cache, LIBRARY)).unwrap_or_default()
}

/// Parses the cache of glibc's loader: a header, entries of 24 bytes with the offsets of a name and a path, and strings.
fn cached_paths(cache: &[u8], library: &str) -> Vec<PathBuf> {
    const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
    const HEADER: usize = 48;
    const ENTRY: usize = 24;
    // Before glibc 2.32, a cache in an older format came first.
    let Some(start) = cache.windows(MAGIC.len()).position(|window| window == MAGIC) else {
        return Vec::new();
    };
    let cache = cache.get(start..).unwrap_or_default();
    let number = |offset: usize| -> Option<usize> {
        let bytes = cache.get(offset..offset.checked_add(4)?)?;
        usize::try_from(u32::from_ne_bytes(bytes.try_into().ok()?)).ok()
    };
    let string = |offset: usize| -> Option<&str> {
        let bytes = cache.get(offset..)?;
        std::str::from_utf8(bytes.split(|&byte| byte == 0).next()?).ok()
    };
    let count = number(MAGIC.len()).unwrap_or(0).min(cache.len() / ENTRY);
    let entry = |index: usize| -> Option<PathBuf> {
        let offset = HEADER + index * ENTRY;
        let name = string(number(offset + 4)?)?;
        (name == library).then(|| string(number(offset + 8)?).map(PathBuf::from))?
    };
    (0..count).filter_map(entry).collect()
}

/// Returns whether a file is a library for programs of this one's architecture, as far as its header says.
fn is_for_this_architecture(content: &[u8]) -> bool {
    let own = std::fs::File::open("/proc/self/exe").and_then(|mut file| {
        use std::io::Read;
        let mut header = [0; 20];
        file.read_exact(&mut header).map(|()| header)
    });
    let significant = |header: &[u8]| header.get(..6).map(<[u8]>::to_vec).zip(header.get(18..20).map(<[u8]>::to_vec));
    own.map_or(content.starts_with(b"\x7fELF"), |own| significant(&own) == significant(content))
}

fn contains(content: &[u8], part: &[u8]) -> bool {
    content.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::super::Mark;
    use super::super::calls::Calls;
    use super::super::files::fixture::Fixture;
    use super::*;

    /// Returns a cache with these libraries.
    fn cache(libraries: &[(&str, &str)]) -> Vec<u8> {
        let mut cache = b"glibc-ld.so.cache1.1".to_vec();
        let strings_start = 48 + 24 * libraries.len();
        let mut strings = Vec::new();
        let mut entries = Vec::new();
        for (name, path) in libraries {
            let offset = |strings: &Vec<u8>| (strings_start + strings.len()) as u32;
            let key = offset(&strings);
            strings.extend([name.as_bytes(), b"\0"].concat());
            let value = offset(&strings);
            strings.extend([path.as_bytes(), b"\0"].concat());
            for field in [0x303, key, value, 0, 0, 0] {
                entries.extend(u32::to_ne_bytes(field));
            }
        }
        cache.extend(u32::to_ne_bytes(libraries.len() as u32));
        cache.resize(48, 0);
        [cache, entries, strings].concat()
    }

    #[test]
    fn libraries_are_found_in_the_cache_of_the_loader() {
        let bytes = cache(&[("libnuma.so.1", "/usr/lib/a/libnuma.so.1"), ("libm.so.6", "/m"), ("libnuma.so.1", "/b")]);
        let expected = [PathBuf::from("/usr/lib/a/libnuma.so.1"), PathBuf::from("/b")];
        assert_eq!(cached_paths(&bytes, LIBRARY), expected);
        // After a cache in the old format.
        assert_eq!(cached_paths(&[b"ld.so-1.7.0\0\0\0\0\0", &bytes[..]].concat(), LIBRARY), expected);
        // Nothing panics on one that is cut or wrong.
        for length in 0..bytes.len() {
            cached_paths(&bytes[..length], LIBRARY);
        }
        let mut wrong = bytes.clone();
        wrong[20..40].fill(0xff);
        wrong[48..80].fill(0xff);
        cached_paths(&wrong, LIBRARY);
    }

    #[test]
    fn the_library_says_whose_it_is() {
        let fixture = Fixture::new(&[]);
        let system = System {
            files: fixture.files.clone(),
            topology: Err(String::new()),
            calls: Calls::all(Ok(())),
            variable: |_| None,
        };
        assert_eq!(check(&system).mark, Mark::Note);
        let mut library = std::fs::read("/proc/self/exe").unwrap();
        library.truncate(64);
        std::fs::create_dir_all(fixture.files.path("usr/lib")).unwrap();
        std::fs::write(fixture.files.path("usr/lib/libnuma.so.1"), [&library[..], b"numa_available"].concat()).unwrap();
        assert_eq!(check(&system).message, "programs load libnuma: /usr/lib/libnuma.so.1");
        std::fs::write(fixture.files.path("usr/lib/libnuma.so.1"), [&library[..], b"numars_move_pages"].concat())
            .unwrap();
        assert_eq!(check(&system).message, "programs load numars: /usr/lib/libnuma.so.1");
        // One for other machines is not loaded.
        library[18] ^= 0xff;
        std::fs::write(fixture.files.path("usr/lib/libnuma.so.1"), library).unwrap();
        assert_eq!(check(&system).mark, Mark::Note);
    }
}

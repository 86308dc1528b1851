//! Files of /proc and /sys: those of this machine, or, in tests, of one that is below a directory.

use crate::text::field;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// More than any file has that is read.
const MAX_FILE: u64 = 16 << 20;

/// The files of a machine.
#[derive(Clone, Debug)]
pub struct Files {
    root: PathBuf,
}

impl Files {
    /// Returns the files of this machine.
    pub fn of_this_machine() -> Files {
        Files::below("/")
    }

    /// Returns the files below a directory.
    pub fn below(root: impl Into<PathBuf>) -> Files {
        Files { root: root.into() }
    }

    /// Returns the path of a file whose name has no leading slash.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        let name = name.as_ref();
        self.root.join(name.strip_prefix("/").unwrap_or(name))
    }

    /// Returns whether a file exists.
    pub fn exist(&self, name: impl AsRef<Path>) -> bool {
        self.path(name).exists()
    }

    /// Reads a file as text, without blanks around it.
    pub fn read(&self, name: impl AsRef<Path>) -> io::Result<String> {
        let bytes = self.read_bytes(name)?;
        Ok(String::from_utf8_lossy(&bytes).trim_matches(|c: char| c.is_whitespace() || c == '\0').to_owned())
    }

    /// Reads a file.
    pub fn read_bytes(&self, name: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        std::fs::File::open(self.path(name))?.take(MAX_FILE).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads a file that is a number.
    pub fn number(&self, name: impl AsRef<Path>) -> Option<u64> {
        self.read(name).ok()?.parse().ok()
    }

    /// Returns the names in a directory in ascending order, or an empty list if it cannot be read.
    pub fn list(&self, name: impl AsRef<Path>) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(name)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Returns a field of a file such as /proc/self/status, of lines such as `Name: value`.
    pub fn field(&self, name: impl AsRef<Path>, key: &str) -> Option<String> {
        field(&self.read(name).ok()?, key).map(str::to_owned)
    }

    /// Returns the option that is selected in a file such as `always [madvise] never`.
    pub fn selected(&self, name: impl AsRef<Path>) -> Option<String> {
        let text = self.read(name).ok()?;
        let (_, rest) = text.split_once('[')?;
        rest.split_once(']').map(|(selected, _)| selected.to_owned())
    }
}

/// Returns the bytes of a line such as `MemTotal:  24684096 kB`.
pub fn kilobytes(text: &str, key: &str) -> Option<u64> {
    field(text, key)?.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
pub mod fixture {
    //! Directories with the files that a test is about.

    use super::Files;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicUsize, Ordering};

    static COUNT: AtomicUsize = AtomicUsize::new(0);

    /// A directory with files, which is removed when this is dropped.
    pub struct Fixture {
        directory: PathBuf,
        /// The files.
        pub files: Files,
    }

    impl Fixture {
        /// Makes a directory with files of these contents.
        pub fn new(contents: &[(&str, &str)]) -> Fixture {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let directory = std::env::temp_dir().join(format!("numars-doctor-{}-{number}", std::process::id()));
            std::fs::create_dir_all(&directory).unwrap();
            let fixture = Fixture { files: Files::below(&directory), directory };
            fixture.add(contents);
            fixture
        }

        /// Adds files.
        pub fn add(&self, contents: &[(&str, &str)]) {
            for (name, content) in contents {
                let path = self.directory.join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
        }
    }

    impl Drop for Fixture {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fixture::Fixture;
    use super::*;

    #[test]
    fn fields_and_selections_are_read_from_files() {
        let fixture = Fixture::new(&[
            ("proc/self/status", "Name:\tnumars\nSeccomp:\t2\nSeccomp_filters:\t1\n"),
            ("sys/enabled", "always [madvise] never\n"),
            ("proc/meminfo", "MemTotal:       24684096 kB\nSwapTotal: 0 kB\n"),
            ("number", "17\n"),
        ]);
        let files = &fixture.files;
        assert_eq!(files.field("proc/self/status", "Seccomp").as_deref(), Some("2"));
        assert_eq!(files.field("proc/self/status", "Groups"), None);
        assert_eq!(files.selected("sys/enabled").as_deref(), Some("madvise"));
        assert_eq!(files.selected("number"), None);
        assert_eq!(files.number("/number"), Some(17));
        assert_eq!(kilobytes(&files.read("proc/meminfo").unwrap(), "MemTotal"), Some(24_684_096 << 10));
        assert_eq!(kilobytes("MemTotal: 99999999999999999999 kB", "MemTotal"), None);
        assert_eq!(files.list("sys"), ["enabled"]);
        assert!(files.list("nothing").is_empty() && !files.exist("nothing"));
    }
}

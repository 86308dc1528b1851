//! The guest's file tree: built in memory from host files, written as the cpio archive that the kernel unpacks.

use crate::elf::Library;
use anyhow::{Context, Result, bail, ensure};
use cpio::newc;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

enum Entry {
    Directory,
    Link(PathBuf),
    Text(String, u32),
    Host(PathBuf, u32),
}

/// Paths in the guest have no leading slash and no symbolic links in their directories.
pub struct Tree {
    entries: BTreeMap<PathBuf, Entry>,
}

/// Mount points of init: a file below would be hidden.
const MOUNTED: &[&str] = &["proc", "sys", "dev", "tmp", "mnt/huge", "mnt/ext4"];

impl Tree {
    /// A root with busybox and init. All library directories are the same one, so that a library found anywhere on the
    /// host is where the guest's loader looks, whatever distribution the host runs.
    pub fn new(busybox: &Path, init: &str, triplet: &str) -> Result<Self> {
        let mut tree = Self { entries: BTreeMap::new() };
        for directory in ["usr/bin", "usr/lib", "etc", "root", "run", "var", "sys/fs"] {
            tree.directory(Path::new(directory));
        }
        for directory in MOUNTED {
            tree.directory(Path::new(directory));
        }
        for (link, target) in [
            ("bin", "usr/bin"),
            ("sbin", "usr/bin"),
            ("lib", "usr/lib"),
            ("lib64", "usr/lib"),
            ("usr/sbin", "bin"),
            ("usr/lib64", "lib"),
            ("usr/bin/sh", "busybox"),
        ] {
            tree.link(Path::new(link), Path::new(target));
        }
        tree.link(&Path::new("usr/lib").join(triplet), Path::new("."));
        tree.copy(busybox, Path::new("usr/bin/busybox"))?;
        tree.text("init", init, 0o755);
        let passwd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n";
        tree.text("etc/passwd", passwd, 0o644);
        tree.text("etc/group", "root:x:0:\nnogroup:x:65534:\n", 0o644);
        tree.text("etc/hostname", "numars-vm\n", 0o644);
        Ok(tree)
    }

    pub fn text(&mut self, guest: &str, text: &str, mode: u32) {
        let guest = self.make_way(Path::new(guest));
        self.entries.insert(guest, Entry::Text(text.into(), mode));
    }

    /// Adds a host file or a whole directory at `guest`, and replaces what is there.
    pub fn add(&mut self, host: &Path, guest: &Path) -> Result<()> {
        let relative = guest.strip_prefix("/").unwrap_or(guest);
        if let Some(mounted) = MOUNTED.iter().find(|dir| relative.starts_with(dir)) {
            bail!("/{mounted} is mounted over in the guest, choose another place than {guest:?}");
        }
        self.copy(host, relative)
    }

    /// Adds an executable at `guest` and its shared libraries, where the guest's loader finds them.
    pub fn program(&mut self, host: &Path, guest: &Path, libraries: Vec<Library>) -> Result<()> {
        self.copy(host, guest)?;
        for (name, library) in libraries {
            // The interpreter is looked up by its path, a library by its SONAME only.
            let guest = if name.is_absolute() { name } else { Path::new("usr/lib").join(name) };
            let guest = self.make_way(&guest);
            if let Some(Entry::Host(other, _)) = self.entries.get(&guest) {
                ensure!(
                    *other == library || fs::read(other)? == fs::read(&library)?,
                    "one guest cannot hold both {other:?} and {library:?} as /{}",
                    guest.display()
                );
            }
            self.copy(&library, &guest)?;
        }
        Ok(())
    }

    fn copy(&mut self, host: &Path, guest: &Path) -> Result<()> {
        let unreadable = || format!("cannot read {}", host.display());
        let meta = fs::metadata(host).with_context(unreadable)?;
        if meta.is_file() {
            let guest = self.make_way(guest);
            let host = fs::canonicalize(host)?;
            let mode = meta.permissions().mode() & 0o7777;
            self.entries.insert(guest, Entry::Host(host, mode));
            return Ok(());
        }
        ensure!(meta.is_dir(), "{} is neither file nor directory", host.display());
        self.directory(guest);
        for entry in fs::read_dir(host).with_context(unreadable)? {
            let entry = entry?;
            let guest = guest.join(entry.file_name());
            if entry.file_type()?.is_symlink() {
                self.link(&guest, &fs::read_link(entry.path())?);
            } else {
                self.copy(&entry.path(), &guest)?;
            }
        }
        Ok(())
    }

    fn directory(&mut self, guest: &Path) {
        // A name below creates the directory itself, and resolves it if it is a link.
        self.make_way(&guest.join("x"));
    }

    fn link(&mut self, guest: &Path, target: &Path) {
        let guest = self.make_way(guest);
        // An existing directory, or a link to one, is kept: an overlay's "lib64 -> usr/lib64" must not hide the
        // libraries there.
        let inside = self.resolve(&guest.join("x"));
        if matches!(inside.parent().and_then(|path| self.entries.get(path)), Some(Entry::Directory)) {
            return;
        }
        // Two library directories of an overlay are the same one here, and a link between them would point to itself.
        let directory = guest.parent().unwrap_or(Path::new(""));
        if self.resolve(&directory.join(target)) != guest {
            self.entries.insert(guest, Entry::Link(target.into()));
        }
    }

    /// Returns the normalized path, after creating its parent directories.
    fn make_way(&mut self, guest: &Path) -> PathBuf {
        let guest = self.resolve(guest);
        for parent in guest.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty()) {
            self.entries.insert(parent.into(), Entry::Directory);
        }
        guest
    }

    /// Returns the normalized path. A link at its end is not followed.
    fn resolve(&self, guest: &Path) -> PathBuf {
        let mut path = PathBuf::new();
        for component in guest.components() {
            // Since something follows, the path so far must be a directory. The limit is for cycles of links.
            for _ in 0..40 {
                let Some(Entry::Link(target)) = self.entries.get(&path) else { break };
                path = self.resolve(&path.parent().unwrap_or(Path::new("")).join(target));
            }
            match component {
                Component::RootDir => path = PathBuf::new(),
                Component::ParentDir => _ = path.pop(),
                Component::Normal(name) => path.push(name),
                Component::CurDir | Component::Prefix(_) => {}
            }
        }
        path
    }

    /// Writes the archive. Everything in it belongs to root, whatever user builds it.
    pub fn write(&self, mut out: impl Write) -> Result<()> {
        for (inode, (path, entry)) in self.entries.iter().enumerate() {
            let name = path.to_str().context("a file name is not UTF-8")?;
            let (mode, size) = match entry {
                Entry::Directory => (0o040755, 0),
                Entry::Link(target) => (0o120777, target.as_os_str().len() as u64),
                Entry::Text(text, mode) => (0o100000 | mode, text.len() as u64),
                Entry::Host(host, mode) => (0o100000 | mode, fs::metadata(host)?.len()),
            };
            let mut file = newc::Builder::new(name)
                .ino(inode as u32 + 1)
                .mode(mode)
                .nlink(1)
                .write(&mut out, u32::try_from(size).context("file too large")?);
            match entry {
                Entry::Directory => {}
                Entry::Link(target) => file.write_all(target.as_os_str().as_encoded_bytes())?,
                Entry::Text(text, _) => file.write_all(text.as_bytes())?,
                Entry::Host(host, _) => {
                    io::copy(&mut File::open(host)?, &mut file)
                        .with_context(|| format!("cannot pack {}", host.display()))?;
                }
            }
            file.finish()?;
        }
        newc::trailer(out)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let any_file = Path::new("Cargo.toml");
        Tree::new(any_file, "", "x86_64-linux-gnu").unwrap()
    }

    #[test]
    fn every_library_directory_is_the_same() {
        let mut tree = tree();
        for path in ["lib/x86_64-linux-gnu/libc.so.6", "usr/lib64/libc.so.6", "/lib64/libc.so.6"] {
            assert_eq!(tree.make_way(Path::new(path)), Path::new("usr/lib/libc.so.6"));
        }
    }

    #[test]
    fn a_directory_is_not_replaced_by_an_overlays_link() {
        let mut tree = tree();
        tree.link(Path::new("lib64"), Path::new("usr/lib64"));
        tree.link(Path::new("etc"), Path::new("usr/etc"));
        assert_eq!(tree.make_way(Path::new("lib64/x")), Path::new("usr/lib/x"));
        assert_eq!(tree.make_way(Path::new("etc/x")), Path::new("etc/x"));
    }

    #[test]
    fn an_overlays_link_between_library_directories_is_not_made_a_link_to_itself() {
        let mut tree = tree();
        let loader = Path::new("usr/lib/ld.so");
        tree.copy(Path::new("Cargo.toml"), loader).unwrap();
        tree.link(Path::new("usr/lib64/ld.so"), Path::new("../lib/x86_64-linux-gnu/ld.so"));
        assert!(matches!(tree.entries.get(loader), Some(Entry::Host(..))));
    }

    #[test]
    fn nothing_is_added_below_inits_mount_points() {
        assert!(tree().add(Path::new("Cargo.toml"), Path::new("/tmp/x")).is_err());
    }
}

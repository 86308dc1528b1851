//! The cgroup of a process, of version 1 or 2, and what it limits.

use super::files::Files;
use crate::text::field;
use std::path::{Path, PathBuf};

/// The cgroup of a process in the hierarchy that has a controller.
#[derive(Debug, PartialEq, Eq)]
pub struct Cgroup {
    path: String,
    is_version_1: bool,
    /// Its directory, its parent's, and so on.
    directories: Vec<PathBuf>,
}

impl Cgroup {
    /// Finds the cgroup of a process, a number or `self`, for a controller such as `cpuset`. None: the process has none, or it is not known.
    pub fn of(files: &Files, process: &str, controller: &str) -> Option<Cgroup> {
        let groups = files.read(format!("proc/{process}/cgroup")).ok()?;
        let mounts = files.read("proc/self/mountinfo").unwrap_or_default();
        // Version 1 has hierarchies for some controllers.
        let has_controller =
            |line: &&str| line.split(':').nth(1).is_some_and(|names| names.split(',').any(|name| name == controller));
        let version_1 = groups.lines().find(has_controller);
        let line = version_1.or_else(|| groups.lines().find(|line| line.starts_with("0::")))?;
        let path = line.splitn(3, ':').nth(2)?;
        let (root, mount) = match version_1 {
            Some(_) => mount_of(&mounts, "cgroup", controller)
                .unwrap_or_else(|| ("/".into(), format!("/sys/fs/cgroup/{controller}"))),
            None => mount_of(&mounts, "cgroup2", "").unwrap_or_else(|| ("/".into(), "/sys/fs/cgroup".into())),
        };
        let below_mount = path.strip_prefix(root.as_str()).filter(|_| root != "/").unwrap_or(path);
        let below_mount = Path::new(below_mount.trim_start_matches('/'));
        let directories = below_mount.ancestors().map(|directory| Path::new(&mount).join(directory)).collect();
        Some(Cgroup { path: path.to_owned(), is_version_1: version_1.is_some(), directories })
    }

    /// Returns its path, as /proc/PID/cgroup has it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the nodes that it permits, as a list. A cgroup without the controller has those of its parent.
    pub fn memory_nodes(&self, files: &Files) -> Option<String> {
        let names: &[&str] =
            if self.is_version_1 { &["cpuset.effective_mems", "cpuset.mems"] } else { &["cpuset.mems.effective"] };
        let read = |directory: &PathBuf| names.iter().find_map(|name| files.read(directory.join(name)).ok());
        self.directories.iter().find_map(read)
    }

    /// Returns how much more memory it may use, before the kernel kills a process of it. None: it has no limit.
    pub fn memory_left(&self, files: &Files) -> Option<u64> {
        let (limit, usage, cache) = if self.is_version_1 {
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        } else {
            ("memory.max", "memory.current", "inactive_file")
        };
        let remaining = |directory: &PathBuf| {
            // Version 1 has a limit beyond any machine's memory, version 2 the word max.
            let limit = files.number(directory.join(limit)).filter(|limit| *limit < 1 << 56)?;
            let statistics = files.read(directory.join("memory.stat")).unwrap_or_default().replace(' ', ": ");
            let reclaimable = field(&statistics, cache).and_then(|bytes| bytes.parse::<u64>().ok()).unwrap_or(0);
            let usage = files.number(directory.join(usage)).unwrap_or(0);
            Some(limit.saturating_sub(usage.saturating_sub(reclaimable)))
        };
        self.directories.iter().filter_map(remaining).min()
    }
}

/// Finds the mount of a file system with an option, and what of it is mounted, in /proc/self/mountinfo.
fn mount_of(mounts: &str, kind: &str, option: &str) -> Option<(String, String)> {
    mounts.lines().find_map(|line| {
        let (place, system) = line.split_once(" - ")?;
        let mut system = system.split(' ');
        let is_kind = system.next() == Some(kind);
        let has_option =
            option.is_empty() || system.nth(1).is_some_and(|options| options.split(',').any(|name| name == option));
        let mut place = place.split(' ').skip(3);
        (is_kind && has_option).then_some(())?;
        Some((place.next()?.to_owned(), place.next()?.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::super::files::fixture::Fixture;
    use super::*;

    const VERSION_2: &str = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn cpusets_of_version_1_are_in_a_hierarchy_of_their_own() {
        let fixture = Fixture::new(&[
            ("proc/7/cgroup", "5:cpu,cpuacct:/x\n4:cpuset:/batch:1\n0::/init\n"),
            ("proc/self/mountinfo", "31 30 0:27 / /sys/fs/cgroup/cpuset rw shared:5 - cgroup cgroup rw,cpuset\n"),
            ("sys/fs/cgroup/cpuset/batch:1/cpuset.mems", "3\n"),
        ]);
        let group = Cgroup::of(&fixture.files, "7", "cpuset").unwrap();
        assert_eq!((group.path(), group.memory_nodes(&fixture.files).as_deref()), ("/batch:1", Some("3")));
    }

    #[test]
    fn the_smallest_limit_of_a_cgroup_and_those_above_it_counts() {
        let fixture = Fixture::new(&[
            ("proc/self/cgroup", "0::/a/b\n"),
            ("proc/self/mountinfo", VERSION_2),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/b/memory.current", "100\n"),
        ]);
        let remaining = || Cgroup::of(&fixture.files, "self", "memory").unwrap().memory_left(&fixture.files);
        assert_eq!(remaining(), None);
        fixture.add(&[
            ("sys/fs/cgroup/a/memory.max", "1000\n"),
            ("sys/fs/cgroup/a/memory.current", "700\n"),
            ("sys/fs/cgroup/a/memory.stat", "anon 400\nfile 300\ninactive_file 200\n"),
        ]);
        assert_eq!(remaining(), Some(500));
    }

    #[test]
    fn a_part_of_the_hierarchy_may_be_mounted() {
        let fixture = Fixture::new(&[
            ("proc/self/cgroup", "0::/pod/box/job\n"),
            ("proc/self/mountinfo", "30 24 0:26 /pod/box /sys/fs/cgroup ro - cgroup2 cgroup rw\n"),
            ("sys/fs/cgroup/job/cpuset.mems.effective", "1\n"),
        ]);
        let group = Cgroup::of(&fixture.files, "self", "cpuset").unwrap();
        assert_eq!(group.memory_nodes(&fixture.files).as_deref(), Some("1"));
    }
}

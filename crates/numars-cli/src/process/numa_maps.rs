//! Where the memory of a process is, from /proc/PID/numa_maps.
//!
//! Reading the file takes the mmap lock of the process, and time in proportion to its memory; it needs the permission to trace the process
//! (ptrace(2)).

use super::{MemoryParts, Pid};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};

/// Where the memory of a process is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessMemory {
    /// The memory on each node that has any. Of a mapping that has both anonymous and other pages on several nodes, the nodes have anonymous
    /// pages in proportion to all of its pages: the kernel does not tell them apart.
    pub nodes: BTreeMap<usize, MemoryParts>,
    /// The bytes of memory in mappings with each policy, as the kernel writes it, such as `bind:0-1`.
    pub policies: BTreeMap<String, u64>,
}

impl ProcessMemory {
    /// Returns the memory on all nodes.
    pub fn parts(&self) -> MemoryParts {
        self.nodes.values().fold(MemoryParts::default(), |mut sum, parts| {
            sum.add(parts);
            sum
        })
    }

    /// Returns the policies with the bytes in their mappings, those with the most first.
    pub fn policies_by_size(&self) -> Vec<(&str, u64)> {
        let mut policies: Vec<(&str, u64)> =
            self.policies.iter().map(|(policy, &bytes)| (policy.as_str(), bytes)).collect();
        policies.sort_by_key(|&(_, bytes)| std::cmp::Reverse(bytes));
        policies
    }
}

/// Reads where the memory of a process is.
///
/// Fails with PermissionDenied if this process may not know, with an error for which [`has_ended`](super::has_ended) is true if the process
/// has ended, and with Unsupported if the kernel is built without NUMA.
pub fn read(pid: Pid) -> io::Result<ProcessMemory> {
    let path = format!("/proc/{pid}/numa_maps");
    let file = match std::fs::File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !has_numa_maps() => {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "this kernel is built without NUMA"));
        }
        file => file?,
    };
    parse(BufReader::with_capacity(1 << 16, file))
}

fn has_numa_maps() -> bool {
    std::path::Path::new("/proc/self/numa_maps").exists()
}

fn parse(mut file: impl BufRead) -> io::Result<ProcessMemory> {
    let mut memory = ProcessMemory::default();
    let mut line = Vec::new();
    while file.read_until(b'\n', &mut line)? > 0 {
        add_mapping(&mut memory, &String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(memory)
}

/// Adds the mapping of a line: `ADDRESS POLICY file=… huge anon=PAGES N0=PAGES kernelpagesize_kB=4`.
fn add_mapping(memory: &mut ProcessMemory, line: &str) {
    let mut words = line.split_ascii_whitespace().skip(1);
    let Some(policy) = words.next() else { return };
    let (mut anonymous, mut is_huge, mut is_shared) = (0, false, false);
    let mut page_size = numars::page_size() as u64;
    let mut pages: Vec<(usize, u64)> = Vec::new();
    for word in words {
        let Some((key, value)) = word.split_once('=') else {
            is_huge |= word == "huge";
            continue;
        };
        let number = value.parse::<u64>().ok();
        match (key, number) {
            ("file", _) => is_shared = is_shared_memory(value),
            ("anon", Some(number)) => anonymous = number,
            ("kernelpagesize_kB", Some(number)) => page_size = number.saturating_mul(1024),
            (key, Some(number)) => {
                if let Some(node) = key.strip_prefix('N').and_then(|node| node.parse().ok()) {
                    pages.push((node, number));
                }
            }
            _ => {}
        }
    }
    let total: u128 = pages.iter().map(|&(_, pages)| u128::from(pages)).sum();
    let anonymous = u128::from(anonymous).min(total);
    let mut before = 0_u128;
    for (node, pages) in pages {
        let share = |pages: u128| pages.saturating_mul(anonymous).checked_div(total).unwrap_or(0);
        let after = before + u128::from(pages);
        let anonymous = (share(after) - share(before)) as u64;
        before = after;
        let (own, other) = (anonymous.saturating_mul(page_size), (pages - anonymous).saturating_mul(page_size));
        let parts = match (is_huge, is_shared) {
            (true, _) => MemoryParts { huge: own.saturating_add(other), ..MemoryParts::default() },
            (false, true) => MemoryParts { anonymous: own, shared: other, ..MemoryParts::default() },
            (false, false) => MemoryParts { anonymous: own, file: other, ..MemoryParts::default() },
        };
        if parts.total() > 0 {
            memory.nodes.entry(node).or_default().add(&parts);
            let bytes = memory.policies.entry(policy.to_owned()).or_default();
            *bytes = bytes.saturating_add(parts.total());
        }
    }
}

/// Returns whether a file, as numa_maps writes its path, is shared memory: the kernel's own tmpfs, or the usual one.
fn is_shared_memory(path: &str) -> bool {
    ["/SYSV", "/memfd:", "/dev/zero", "/dev/shm/", "/run/shm/"].iter().any(|prefix| path.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> ProcessMemory {
        parse(text.as_bytes()).unwrap()
    }

    fn parts(anonymous: u64, file: u64, shared: u64, huge: u64) -> MemoryParts {
        MemoryParts { anonymous, file, shared, huge }
    }

    #[test]
    fn memory_is_counted_per_node_and_by_what_it_belongs_to() {
        let memory = parsed(
            "55f430efa000 default file=/usr/bin/cat mapped=2 N0=2 kernelpagesize_kB=4\n\
             55f430f04000 default file=/usr/bin/cat anon=1 dirty=1 active=0 N1=1 kernelpagesize_kB=4\n\
             55f430f0a000 bind:1 heap anon=8 dirty=8 N0=3 N1=5 kernelpagesize_kB=4\n\
             7f0000000000 default file=/SYSV00000000\\040(deleted) dirty=4 N3=4 kernelpagesize_kB=4\n\
             7f1000000000 interleave:0-1 file=/anon_hugepage\\040(deleted) huge anon=2 dirty=2 N0=1 N1=1 \
             kernelpagesize_kB=2048\n\
             7ffc00000000 default\n",
        );
        let page = 4096;
        let nodes = [
            (0, parts(3 * page, 2 * page, 0, 2 << 20)),
            (1, parts(6 * page, 0, 0, 2 << 20)),
            (3, parts(0, 0, 4 * page, 0)),
        ];
        assert_eq!(memory.nodes, BTreeMap::from(nodes));
        assert_eq!(
            memory.policies_by_size(),
            [("interleave:0-1", 4 << 20), ("bind:1", 8 * page), ("default", 7 * page)]
        );
        assert_eq!(memory.parts(), parts(9 * page, 2 * page, 4 * page, 4 << 20));
    }

    #[test]
    fn changed_pages_of_files_are_on_nodes_in_proportion() {
        let memory = parsed("1 default file=/lib/x anon=3 dirty=3 mapped=7 N0=6 N1=2 N2=1 kernelpagesize_kB=1\n");
        assert_eq!(memory.parts(), parts(3 * 1024, 6 * 1024, 0, 0));
        assert_eq!(memory.nodes[&0], parts(2 * 1024, 4 * 1024, 0, 0));
    }

    #[test]
    fn a_process_without_memory_has_none() {
        assert_eq!(parsed(""), ProcessMemory::default());
        assert_eq!(parsed("7ffc00000000 default\n\n"), ProcessMemory::default());
    }

    #[test]
    fn nonsense_is_skipped_and_sums_saturate() {
        let max = u64::MAX;
        let memory = parsed(&format!(
            "x\n1 y N=1 Nx=2 N0=-1 =3 = anon=9 kernelpagesize_kB={max} N5={max} N6={max}\n1 y anon={max} N5=1\n"
        ));
        assert_eq!(memory.parts().total(), max);
        assert!(parse(&b"1 default file=\xff\xfe N0=1\n"[..]).is_ok());
    }

    #[test]
    fn this_process_has_memory_or_the_kernel_has_no_numa() {
        match read(std::process::id() as Pid) {
            Ok(memory) => assert!(memory.parts().anonymous > 0),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::Unsupported),
        }
        assert!(read(i32::MAX).is_err());
    }
}

//! What /proc/PID/numa_maps and /proc/PID/smaps say about mappings, by the addresses of their first bytes.

use crate::mappings::read_file;
use std::collections::BTreeMap;
use std::io;

/// The huge pages of a mapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HugePages {
    /// How much is in huge pages, in bytes.
    pub bytes: u64,
    /// The size of the pages of hugetlbfs, in bytes.
    pub hugetlb_page_size: Option<u64>,
}

/// Returns what is known of the mapping that an address is in: mappings may be cut to a range.
pub fn at<T>(details: &BTreeMap<usize, T>, address: usize) -> Option<&T> {
    details.range(..=address).next_back().map(|(_, detail)| detail)
}

/// Reads the memory policies of the mappings of a process.
pub fn read_policies(pid: i32) -> io::Result<BTreeMap<usize, String>> {
    Ok(parse_policies(&read_file(pid, "numa_maps")?))
}

/// Parses lines such as `7f0000000000 bind:0-1 anon=3 N0=3`.
fn parse_policies(numa_maps: &str) -> BTreeMap<usize, String> {
    let policy = |line: &str| {
        let mut words = line.split_whitespace();
        let address = usize::from_str_radix(words.next()?, 16).ok()?;
        // "prefer (many):0-1" has a blank.
        let first = words.next()?.to_owned();
        let rest = words.next().filter(|word| word.starts_with('('));
        Some((address, rest.map_or(first.clone(), |rest| format!("{first} {rest}"))))
    };
    numa_maps.lines().filter_map(policy).collect()
}

/// Reads how much of the mappings of a process is in huge pages.
pub fn read_huge_pages(pid: i32) -> io::Result<BTreeMap<usize, HugePages>> {
    Ok(parse_huge_pages(&read_file(pid, "smaps")?))
}

fn parse_huge_pages(smaps: &str) -> BTreeMap<usize, HugePages> {
    let (mut all, mut address, mut kernel_page_size) = (BTreeMap::<usize, HugePages>::new(), 0, 0);
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        let (name, value) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if let Some((start, _)) = name.split_once('-') {
            address = usize::from_str_radix(start, 16).unwrap_or(address);
            all.entry(address).or_default();
            continue;
        }
        let bytes = value.parse::<u64>().unwrap_or(0).saturating_mul(1024);
        let huge = all.entry(address).or_default();
        match name {
            "KernelPageSize:" => kernel_page_size = bytes,
            "AnonHugePages:" | "ShmemPmdMapped:" | "FilePmdMapped:" | "Shared_Hugetlb:" | "Private_Hugetlb:" => {
                huge.bytes = huge.bytes.saturating_add(bytes);
                if name.ends_with("Hugetlb:") && bytes > 0 {
                    huge.hugetlb_page_size = Some(kernel_page_size);
                }
            }
            _ => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_the_second_word_and_a_blank_may_follow() {
        let policies = parse_policies(
            "1000 default file=/bin/a mapped=3 N0=3 kernelpagesize_kB=4\n\
             5000 bind=static:0-1 anon=3\n9000 prefer (many):0-1 anon=1\nnonsense\n\n",
        );
        assert_eq!(policies.len(), 3);
        assert_eq!(at(&policies, 0x1000).map(String::as_str), Some("default"));
        assert_eq!(at(&policies, 0x5fff).map(String::as_str), Some("bind=static:0-1"));
        assert_eq!(at(&policies, 0x9000).map(String::as_str), Some("prefer (many):0-1"));
        assert_eq!(at(&policies, 0), None);
    }

    #[test]
    fn huge_pages_of_all_kinds_are_added() {
        let smaps = "\
1000-5000 rw-p 00000000 00:00 0
Size:               4096 kB
KernelPageSize:        4 kB
AnonHugePages:      2048 kB
ShmemPmdMapped:     2048 kB
Shared_Hugetlb:        0 kB
VmFlags: rd wr
6000-8000 rw-p 00000000 00:00 0   /dev/hugepages/a
KernelPageSize:     2048 kB
Private_Hugetlb:    4096 kB
";
        let huge = parse_huge_pages(smaps);
        assert_eq!(at(&huge, 0x2000), Some(&HugePages { bytes: 4 << 20, hugetlb_page_size: None }));
        assert_eq!(at(&huge, 0x6000), Some(&HugePages { bytes: 4 << 20, hugetlb_page_size: Some(2 << 20) }));
        assert_eq!(parse_huge_pages("").len(), 0);
    }
}

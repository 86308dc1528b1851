//! The order of processes.

use super::row::ProcessRow;
use std::cmp::{Ordering, Reverse};
use std::fmt;
use std::str::FromStr;

/// What processes are sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SortKey {
    /// The most memory first.
    Memory,
    /// The most anonymous memory first.
    Anonymous,
    /// The most memory of files first.
    File,
    /// The most shared memory first.
    Shared,
    /// The most memory of hugetlbfs first.
    Huge,
    /// The smallest share of local memory first.
    Local,
    /// The most threads first.
    Threads,
    /// The smallest PID first.
    Pid,
    /// By name.
    Name,
    /// By user.
    User,
    /// The most memory on this node first.
    Node(usize),
}

impl SortKey {
    /// The keys without a parameter, with their names.
    pub const NAMES: [(&'static str, SortKey); 10] = [
        ("memory", SortKey::Memory),
        ("anonymous", SortKey::Anonymous),
        ("file", SortKey::File),
        ("shared", SortKey::Shared),
        ("huge", SortKey::Huge),
        ("local", SortKey::Local),
        ("threads", SortKey::Threads),
        ("pid", SortKey::Pid),
        ("name", SortKey::Name),
        ("user", SortKey::User),
    ];

    /// Compares two processes; those with equal keys are in the order of their PIDs.
    pub fn compare(self, one: &ProcessRow, other: &ProcessRow) -> Ordering {
        let order = match self {
            SortKey::Memory => by_size(one, other, |row| row.memory.total_bytes),
            SortKey::Anonymous => by_size(one, other, |row| row.memory.anonymous_bytes),
            SortKey::File => by_size(one, other, |row| row.memory.file_bytes),
            SortKey::Shared => by_size(one, other, |row| row.memory.shared_bytes),
            SortKey::Huge => by_size(one, other, |row| row.memory.huge_bytes),
            SortKey::Threads => by_size(one, other, |row| row.threads as u64),
            // Those of which it is unknown are the last.
            SortKey::Local => {
                let fraction = |row: &ProcessRow| row.local_fraction.unwrap_or(f64::INFINITY);
                fraction(one).total_cmp(&fraction(other))
            }
            SortKey::Pid => Ordering::Equal,
            SortKey::Name => one.name.cmp(&other.name),
            SortKey::User => one.user.cmp(&other.user),
            SortKey::Node(node) => Reverse(one.on_node(node)).cmp(&Reverse(other.on_node(node))),
        };
        order.then(one.pid.cmp(&other.pid))
    }

    /// Sorts processes.
    pub fn sort(self, rows: &mut [ProcessRow], reverse: bool) {
        rows.sort_by(|one, other| {
            let order = self.compare(one, other);
            if reverse { order.reverse() } else { order }
        });
    }
}

fn by_size(one: &ProcessRow, other: &ProcessRow, size: impl Fn(&ProcessRow) -> u64) -> Ordering {
    size(other).cmp(&size(one))
}

impl fmt::Display for SortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SortKey::Node(node) => write!(f, "node{node}"),
            key => f.write_str(SortKey::NAMES.iter().find(|(_, other)| other == key).map_or("", |&(name, _)| name)),
        }
    }
}

impl FromStr for SortKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let node = || text.strip_prefix("node").or(text.strip_prefix('N'))?.parse().ok();
        let named = SortKey::NAMES.iter().find(|(name, _)| !text.is_empty() && name.starts_with(text));
        named.map(|&(_, key)| key).or(node().map(SortKey::Node)).ok_or_else(|| {
            let names: Vec<&str> = SortKey::NAMES.iter().map(|&(name, _)| name).collect();
            format!("the keys are {} and node0, node1, ...", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::sample;
    use super::*;

    #[test]
    fn keys_are_what_they_are_named() {
        for (name, key) in SortKey::NAMES {
            assert_eq!((name.parse(), key.to_string().as_str()), (Ok(key), name));
        }
        assert_eq!("node12".parse(), Ok(SortKey::Node(12)));
        assert_eq!("N3".parse::<SortKey>().unwrap().to_string(), "node3");
        assert_eq!("anon".parse(), Ok(SortKey::Anonymous));
        assert!(["", "node", "node-1", "x"].iter().all(|text| text.parse::<SortKey>().is_err()));
    }

    #[test]
    fn the_most_memory_is_first_and_what_is_unknown_last() {
        let mut rows =
            [sample(1, "c", Some(&[(0, 10)])), sample(2, "a", None), sample(3, "b", Some(&[(0, 5), (1, 50)]))];
        let mut sorted = |key: SortKey, reverse| {
            key.sort(&mut rows, reverse);
            rows.each_ref().map(|row| row.pid)
        };
        assert_eq!(sorted(SortKey::Memory, false), [3, 1, 2]);
        assert_eq!(sorted(SortKey::Node(0), false), [1, 3, 2]);
        assert_eq!(sorted(SortKey::Local, false), [1, 3, 2]);
        assert_eq!(sorted(SortKey::Name, false), [2, 3, 1]);
        assert_eq!(sorted(SortKey::Pid, true), [3, 2, 1]);
    }
}

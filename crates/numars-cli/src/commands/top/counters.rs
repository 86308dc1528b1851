//! The kernel's counters, and how fast they grow.

use numars::Topology;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Instant;

/// The counters at one time.
#[derive(Clone, Debug)]
pub struct Counters {
    time: Instant,
    /// Those of /proc/vmstat.
    machine: BTreeMap<String, u64>,
    /// Those of each node's numastat.
    nodes: BTreeMap<usize, BTreeMap<String, u64>>,
}

/// How many pages the machine has moved in each second. null: the kernel does not count it.
#[derive(Serialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq)]
pub struct MachineRates {
    /// Pages moved, by whomever.
    pub migrated_per_second: Option<f64>,
    /// Pages that could not be moved.
    pub migration_failures_per_second: Option<f64>,
    /// Pages moved by automatic NUMA balancing, to the node of the thread that uses them.
    pub balanced_per_second: Option<f64>,
    /// Pages moved to a faster tier.
    pub promoted_per_second: Option<f64>,
    /// Pages moved to a slower tier.
    pub demoted_per_second: Option<f64>,
}

/// How many pages were allocated in each second. null: the kernel does not count it.
#[derive(Serialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq)]
pub struct NodeRates {
    /// On this node, as intended (numa_hit).
    pub hit_per_second: Option<f64>,
    /// On this node, although another one was intended (numa_miss).
    pub miss_per_second: Option<f64>,
    /// On another node, although this one was intended (numa_foreign).
    pub foreign_per_second: Option<f64>,
    /// On this node, by threads on its CPUs (local_node).
    pub local_per_second: Option<f64>,
    /// On this node, by threads on CPUs of other nodes (other_node).
    pub remote_per_second: Option<f64>,
}

impl Counters {
    /// Reads the counters.
    pub fn read(topology: &Topology) -> Counters {
        let read = |path: String| parse(&std::fs::read_to_string(path).unwrap_or_default());
        let node = |node: numars::Node| {
            let number = node.number();
            (number, read(format!("/sys/devices/system/node/node{number}/numastat")))
        };
        Counters {
            time: Instant::now(),
            machine: read("/proc/vmstat".into()),
            nodes: topology.nodes().into_iter().map(node).collect(),
        }
    }

    /// Returns how fast the machine's counters have grown since `before`.
    pub fn machine_rates(&self, before: &Counters) -> MachineRates {
        let rate = |name: &str| self.rate(before, before.machine.get(name), self.machine.get(name));
        let demoted = ["pgdemote_kswapd", "pgdemote_direct", "pgdemote_khugepaged", "pgdemote_proactive"];
        let demoted: Vec<f64> = demoted.into_iter().filter_map(rate).collect();
        MachineRates {
            migrated_per_second: rate("pgmigrate_success"),
            migration_failures_per_second: rate("pgmigrate_fail"),
            balanced_per_second: rate("numa_pages_migrated"),
            promoted_per_second: rate("pgpromote_success"),
            demoted_per_second: (!demoted.is_empty()).then(|| demoted.iter().sum()),
        }
    }

    /// Returns how fast the counters of a node have grown since `before`.
    pub fn node_rates(&self, before: &Counters, node: usize) -> NodeRates {
        let (Some(then), Some(now)) = (before.nodes.get(&node), self.nodes.get(&node)) else {
            return NodeRates::default();
        };
        let rate = |name: &str| self.rate(before, then.get(name), now.get(name));
        NodeRates {
            hit_per_second: rate("numa_hit"),
            miss_per_second: rate("numa_miss"),
            foreign_per_second: rate("numa_foreign"),
            local_per_second: rate("local_node"),
            remote_per_second: rate("other_node"),
        }
    }

    fn rate(&self, before: &Counters, then: Option<&u64>, now: Option<&u64>) -> Option<f64> {
        let seconds = self.time.saturating_duration_since(before.time).as_secs_f64();
        // A counter of a CPU that has gone offline may be lost.
        let grown = now?.saturating_sub(*then?);
        Some(if seconds > 0.0 { grown as f64 / seconds } else { 0.0 })
    }

    /// Returns the seconds since `before`.
    pub fn seconds_since(&self, before: &Counters) -> f64 {
        self.time.saturating_duration_since(before.time).as_secs_f64()
    }
}

/// Parses lines of a name and a number.
fn parse(text: &str) -> BTreeMap<String, u64> {
    let line = |line: &str| {
        let (name, number) = line.split_once(' ')?;
        Some((name.to_owned(), number.trim().parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn counters(time: Instant, machine: &str, node: &str) -> Counters {
        Counters { time, machine: parse(machine), nodes: BTreeMap::from([(0, parse(node))]) }
    }

    #[test]
    fn rates_are_per_second_and_what_is_not_counted_is_unknown() {
        let start = Instant::now();
        let before = counters(start, "pgmigrate_success 100\npgmigrate_fail 9\nx\n", "numa_hit 10\nnuma_miss 0\n");
        let after = counters(
            start + Duration::from_secs(2),
            "pgmigrate_success 300\npgmigrate_fail 5\npgdemote_direct 1\n",
            "numa_hit 30\nnuma_miss 1\nother_node 5\n",
        );
        let machine = after.machine_rates(&before);
        assert_eq!(machine.migrated_per_second, Some(100.0));
        assert_eq!(machine.migration_failures_per_second, Some(0.0));
        assert_eq!((machine.balanced_per_second, machine.demoted_per_second), (None, None));
        let node = after.node_rates(&before, 0);
        assert_eq!((node.hit_per_second, node.miss_per_second), (Some(10.0), Some(0.5)));
        assert_eq!((node.remote_per_second, after.node_rates(&before, 1)), (None, NodeRates::default()));
        assert_eq!(before.machine_rates(&before).migrated_per_second, Some(0.0));
    }

    #[test]
    fn the_counters_of_this_machine_are_read() {
        let counters = Counters::read(&Topology::read().unwrap());
        assert!(counters.machine.contains_key("nr_free_pages"));
        assert!(counters.nodes.values().all(|node| node.is_empty() || node.contains_key("numa_hit")));
    }
}

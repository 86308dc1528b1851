//! What `numars top` shows at one time.

use super::counters::{Counters, MachineRates, NodeRates};
use crate::commands::ps::Filter;
use crate::commands::ps::row::{ProcessRow, RowReader, Total};
use crate::failure::Result;
use crate::json::Report;
use crate::process::{self, Pid, ProcessStatus};
use numars::{Node, Topology};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

/// A report of `numars top`: one line for each interval.
#[derive(Serialize, JsonSchema, Debug, Clone, Default)]
pub struct TopReport {
    /// When it was made, in milliseconds since 1970.
    pub time_ms: u64,
    /// The time in which the rates were measured, in seconds.
    pub seconds: f64,
    /// Pages moved on the whole machine.
    pub machine: MachineRates,
    /// The nodes in ascending order.
    pub nodes: Vec<NodeSample>,
    /// The processes that were selected, in the order asked for.
    pub processes: Vec<ProcessRow>,
    /// The total of all processes that were selected.
    pub total: Total,
}

impl Report for TopReport {
    const SCHEMA: &'static str = "numars.top/1";
}

/// A node at one time.
#[derive(Serialize, JsonSchema, Debug, Clone, Copy, PartialEq)]
pub struct NodeSample {
    /// Its number.
    pub node: usize,
    /// The size of its memory in bytes. null: unknown.
    pub memory_bytes: Option<u64>,
    /// How much of that is free, in bytes. null: unknown.
    pub free_bytes: Option<u64>,
    /// The pages allocated on it.
    #[serde(flatten)]
    pub rates: NodeRates,
}

/// Identifies a process: its PID and when it started.
pub type ProcessKey = (Pid, u64);

/// Makes reports, one after the other.
pub struct Sampler<'a> {
    topology: &'a Topology,
    reader: RowReader<'a>,
    before: Counters,
    /// What was read last, and when; of processes that were not read yet, when they were first seen.
    rows: HashMap<ProcessKey, (Instant, ProcessRow)>,
}

impl<'a> Sampler<'a> {
    /// Begins to count.
    pub fn new(topology: &'a Topology) -> Self {
        let (reader, rows) = (RowReader::new(topology), HashMap::new());
        Sampler { topology, reader, before: Counters::read(topology), rows }
    }

    /// Returns a report on the time since the last one, with the processes in any order. With a `budget`, the memory of processes is read for
    /// this long: of others, the report has what was read last.
    pub fn sample(&mut self, filter: &Filter, budget: Option<Duration>) -> Result<TopReport> {
        let counters = Counters::read(self.topology);
        let before = std::mem::replace(&mut self.before, counters);
        let processes: Vec<ProcessRow> =
            self.processes(filter, budget)?.into_iter().filter(|row| filter.matches(row)).collect();
        let time = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_millis());
        Ok(TopReport {
            time_ms: u64::try_from(time).unwrap_or(u64::MAX),
            seconds: self.before.seconds_since(&before),
            machine: self.before.machine_rates(&before),
            nodes: self.topology.nodes().into_iter().map(|node| self.node(node, &before)).collect(),
            total: Total::of(&processes),
            processes,
        })
    }

    fn node(&self, node: Node, before: &Counters) -> NodeSample {
        let memory = self.topology.memory(node).ok();
        NodeSample {
            node: node.number(),
            memory_bytes: memory.map(|memory| memory.total()),
            free_bytes: memory.map(|memory| memory.free()),
            rates: self.before.node_rates(before, node.number()),
        }
    }

    fn processes(&mut self, filter: &Filter, budget: Option<Duration>) -> Result<Vec<ProcessRow>> {
        let statuses = process::all()?.into_iter().filter_map(|pid| ProcessStatus::read(pid).ok());
        let mut statuses: Vec<ProcessStatus> = statuses.filter(|status| filter.may_match(status)).collect();
        // Those that have waited longest come first: new ones do not keep others from being read. Of these, the largest.
        let now = Instant::now();
        statuses.sort_by_key(|status| {
            let last = self.rows.get(&(status.pid, status.start_time)).map_or(now, |(time, _)| *time);
            (last, std::cmp::Reverse(status.resident.total()))
        });
        let mut rows = HashMap::new();
        for (index, status) in statuses.into_iter().enumerate() {
            let key = (status.pid, status.start_time);
            // The first one always: otherwise, nothing would ever be read on a slow machine.
            let may_read = index == 0 || budget.is_none_or(|budget| now.elapsed() < budget);
            let (time, row) = match (may_read, self.rows.remove(&key)) {
                (true, _) => (Instant::now(), self.reader.read(status)),
                (false, Some((time, row))) => (time, Some(row)),
                (false, None) => {
                    let error = std::io::Error::other("not read yet");
                    (now, self.reader.row(status, Err(error)))
                }
            };
            if let Some(row) = row {
                rows.insert(key, (time, row));
            }
        }
        self.rows = rows;
        Ok(self.rows.values().map(|(_, row)| row.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_report_reads_a_process_more_also_if_there_is_no_time() {
        let topology = Topology::read().unwrap();
        let mut sampler = Sampler::new(&topology);
        let unread = |report: TopReport| {
            let is_unread = |row: &&ProcessRow| row.unreadable.as_deref() == Some("not read yet");
            (report.processes.iter().filter(is_unread).count(), report.processes.len())
        };
        // Other processes come and go.
        let (first, all) = unread(sampler.sample(&Filter::default(), Some(Duration::ZERO)).unwrap());
        assert!(first < all, "{first} of {all}");
        let (none, _) = unread(sampler.sample(&Filter::default(), None).unwrap());
        assert_eq!(none, 0);
    }

    #[test]
    fn a_report_keeps_what_was_read_and_reads_the_oldest_again() {
        let topology = Topology::read().unwrap();
        let mut sampler = Sampler::new(&topology);
        let name = ProcessStatus::read(std::process::id() as Pid).unwrap().name;
        let filter = Filter { name: Some(name), ..Filter::default() };
        let own = |report: TopReport| {
            let pid = std::process::id() as Pid;
            report.processes.into_iter().find(|row| row.pid == pid).unwrap()
        };
        let report = sampler.sample(&filter, None).unwrap();
        assert!(report.seconds > 0.0 && report.total.processes == report.processes.len());
        assert!(own(report).nodes.is_some());
        let key = own(sampler.sample(&filter, None).unwrap());
        let key = (key.pid, key.start_time);
        let time = |sampler: &Sampler| sampler.rows[&key].0;
        let before = time(&sampler);
        // Each time, the process that was read the longest time ago is read.
        let rounds = sampler.rows.len() * 3 + 100;
        let was_read = (0..rounds).any(|_| {
            assert!(own(sampler.sample(&filter, Some(Duration::ZERO)).unwrap()).nodes.is_some());
            time(&sampler) > before
        });
        assert!(was_read);
    }
}

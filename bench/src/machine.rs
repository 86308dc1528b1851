//! Synthetic machines, and how the cost of a library's first use grows with their size.

use crate::calls::{BOTH, CALLGRIND, CALLS, Effort, LIBNUMA, Times, libraries};
use crate::samples::Side;
use anyhow::{Context, Result, bail};
use counting::{instructions, output};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ON_MACHINE: &str = "target/bench/on_machine";
const AFFINITY: &str = "target/bench/affinity.so";
/// Number of bits of the kernel's node mask.
const NODE_BITS: usize = 1024;
/// libnuma fails on machines with more than about 340 nodes: bitmasks get wrong sizes, and it crashes.
const LIBNUMA_MAX_NODES: usize = 256;

/// The number of nodes, and of CPUs per node.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Shape {
    pub nodes: usize,
    pub cpus_of_each: usize,
}

/// The machines for the growth with nodes.
pub const MORE_NODES: [Shape; 4] = [shape(16, 8), shape(64, 8), shape(256, 8), shape(1024, 8)];
/// The machines for the growth with CPUs.
pub const MORE_CPUS: [Shape; 4] = [shape(32, 4), shape(32, 16), shape(32, 64), shape(32, 256)];
/// As many CPUs as the largest of these, and a number of nodes that libnuma supports.
pub const MANY_CPUS: Shape = shape(256, 32);

const fn shape(nodes: usize, cpus_of_each: usize) -> Shape {
    Shape { nodes, cpus_of_each }
}

impl Shape {
    pub fn cpus(self) -> usize {
        self.nodes * self.cpus_of_each
    }

    /// Whether libnuma can be measured on it.
    pub fn suits(self, library: &str) -> bool {
        library != LIBNUMA || self.nodes <= LIBNUMA_MAX_NODES
    }

    /// The first and last CPU of the two ranges of a node: the threads of a core have distant numbers.
    fn ranges(self, node: usize) -> [(usize, usize); 2] {
        let half = self.cpus_of_each / 2;
        [0, self.cpus() / 2].map(|start| (start + node * half, start + node * half + half - 1))
    }
}

/// A machine whose files are in a directory.
pub struct Machine {
    shape: Shape,
    root: PathBuf,
}

impl Machine {
    /// Writes the files that both libraries read, as the kernel would show them.
    pub fn make(shape: Shape) -> Result<Self> {
        let root = PathBuf::from(format!("target/bench/machines/{}x{}", shape.nodes, shape.cpus_of_each));
        let _ = fs::remove_dir_all(&root);
        let write = |name: String, text: String| -> Result<()> {
            let path = root.join(name);
            fs::create_dir_all(path.parent().context("a file has a folder")?)?;
            Ok(fs::write(path, text)?)
        };
        let system = "sys/devices/system";
        for name in ["online", "possible", "has_memory", "has_cpu", "has_normal_memory"] {
            write(format!("{system}/node/{name}"), format!("0-{}\n", shape.nodes - 1))?;
        }
        for name in ["online", "possible", "present"] {
            write(format!("{system}/cpu/{name}"), format!("0-{}\n", shape.cpus() - 1))?;
        }
        // As long as on this machine.
        let meminfo = fs::read_to_string("/sys/devices/system/node/node0/meminfo")
            .unwrap_or_else(|_| "Node 0 MemTotal:       16777216 kB\nNode 0 MemFree:         8388608 kB\n".into());
        for node in 0..shape.nodes {
            let folder = format!("{system}/node/node{node}");
            let [first, second] = shape.ranges(node);
            write(format!("{folder}/cpumap"), map(&[first, second], shape.cpus()) + "\n")?;
            write(format!("{folder}/cpulist"), format!("{}-{},{}-{}\n", first.0, first.1, second.0, second.1))?;
            write(format!("{folder}/meminfo"), meminfo.replace("Node 0 ", &format!("Node {node} ")))?;
            let mut distances = vec!["20"; shape.nodes];
            distances[node] = "10";
            write(format!("{folder}/distance"), distances.join(" ") + "\n")?;
        }
        let status = fs::read_to_string("/proc/self/status")?;
        write("proc/self/status".into(), Self::status(shape, &status))?;
        Ok(Machine { shape, root: fs::canonicalize(root)? })
    }

    /// The real file, except for the allowed CPUs and nodes.
    fn status(shape: Shape, real: &str) -> String {
        let (cpus, nodes) = (shape.cpus() - 1, shape.nodes - 1);
        real.lines().fold(String::new(), |mut text, line| {
            let (name, value) = line.split_once(":\t").unwrap_or((line, ""));
            let value = match name {
                "Cpus_allowed" => map(&[(0, cpus)], shape.cpus()),
                "Cpus_allowed_list" => format!("0-{cpus}"),
                "Mems_allowed" => map(&[(0, nodes)], NODE_BITS),
                "Mems_allowed_list" => format!("0-{nodes}"),
                _ => value.into(),
            };
            let _ = writeln!(text, "{name}:\t{value}");
            text
        })
    }

    /// A command that runs the program appended to it on this machine.
    fn command(&self, folder: &Path, library: &str) -> Command {
        let mut command = Command::new(ON_MACHINE);
        let preload = fs::canonicalize(AFFINITY).unwrap_or_default();
        command.env("LD_PRELOAD", preload).env("LD_LIBRARY_PATH", folder.join(library));
        command.env("BENCH_CPUS", self.shape.cpus().to_string()).arg(&self.root);
        command
    }

    /// The samples of the rows that begin with one of `rows`, alternating between the libraries that support this machine.
    fn times(&self, effort: Effort, arguments: &[&[&str]]) -> Result<Times> {
        let folder = libraries()?;
        let mut text = String::new();
        for _ in 0..effort.rounds {
            for library in BOTH.into_iter().filter(|library| self.shape.suits(library)) {
                for arguments in arguments {
                    let mut command = self.command(&folder, library);
                    command.arg(CALLS).args(*arguments);
                    if effort.quick {
                        command.arg("-q");
                    }
                    let _ = write!(text, "== {library}\n{}", output(&mut command)?);
                }
            }
        }
        Times::read(&text)
    }

    /// The times of the calls that depend on the number of CPUs.
    pub fn calls(&self, effort: Effort) -> Result<Times> {
        self.times(effort, &[&["-r", "numa_parse"], &["-r", "numa_node_of_cpu"], &["-r", "numa_node_to_cpus"]])
    }

    /// The cost from program start to the first result, by library.
    pub fn first_use(&self, effort: Effort) -> Result<HashMap<&'static str, FirstUse>> {
        let times = self.times(effort, &[&["-f"]])?;
        let folder = libraries()?;
        let mut found = HashMap::new();
        for library in BOTH.into_iter().filter(|library| self.shape.suits(library)) {
            let run = instructions(Path::new(CALLGRIND), |valgrind| {
                let mut command = self.command(&folder, library);
                command.arg("valgrind").args(valgrind.get_args()).args([CALLS, "-f"]);
                output(&mut command)
            })?;
            let [loading, using, ..] = run.counts[..] else { bail!("callgrind did not count all") };
            let time = times.side(library, "first use")?.clone();
            found.insert(library, FirstUse { instructions: loading + using, time });
        }
        Ok(found)
    }
}

pub struct FirstUse {
    pub instructions: u64,
    pub time: Side,
}

/// The cost of the first use on machines of increasing size.
pub type Growth = Vec<(Shape, HashMap<&'static str, FirstUse>)>;

pub fn growth(shapes: &[Shape], effort: Effort) -> Result<Growth> {
    shapes.iter().map(|&shape| Ok((shape, Machine::make(shape)?.first_use(effort)?))).collect()
}

/// A machine with many CPUs: the first use, and the calls that depend on the number of CPUs.
pub struct ManyCpus {
    pub shape: Shape,
    pub first_use: HashMap<&'static str, FirstUse>,
    pub calls: Times,
}

impl ManyCpus {
    pub fn measure(shape: Shape, effort: Effort) -> Result<Self> {
        let machine = Machine::make(shape)?;
        Ok(ManyCpus { shape, first_use: machine.first_use(effort)?, calls: machine.calls(effort)? })
    }
}

/// Formats inclusive ranges as the kernel writes masks: `00000000,0000000f`.
fn map(ranges: &[(usize, usize)], bits: usize) -> String {
    let mut groups = vec![0u32; bits.div_ceil(32)];
    for member in ranges.iter().flat_map(|&(first, last)| first..=last) {
        groups[member / 32] |= 1 << (member % 32);
    }
    groups.iter().rev().map(|group| format!("{group:08x}")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_written_as_the_kernel_does() {
        assert_eq!(map(&[(0, 3), (63, 63)], 64), "80000000,0000000f");
        assert_eq!(map(&[], 16), "00000000");
    }

    #[test]
    fn the_threads_of_a_core_have_numbers_far_apart() {
        assert_eq!(shape(4, 8).ranges(1), [(4, 7), (20, 23)]);
        assert_eq!(shape(4, 8).ranges(3), [(12, 15), (28, 31)]);
    }

    #[test]
    fn the_status_tells_what_may_be_used_and_the_rest_as_it_is() {
        let real = "Name:\tx\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\nMems_allowed:\t1\nMems_allowed_list:\t0\n";
        let status = Machine::status(shape(16, 2), real);
        assert!(
            status.starts_with("Name:\tx\nCpus_allowed:\tffffffff\nCpus_allowed_list:\t0-31\nMems_allowed:\t00000000,")
        );
        assert!(status.ends_with(",0000ffff\nMems_allowed_list:\t0-15\n"), "{status}");
    }

    #[test]
    fn libnuma_is_not_measured_where_it_crashes() {
        assert!(shape(256, 32).suits(LIBNUMA) && !shape(1024, 8).suits(LIBNUMA) && shape(1024, 8).suits("numars"));
    }
}

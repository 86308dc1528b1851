//! Runs a thread on each node, whose memory is there too.
//!
//!     cargo run --example pin_thread

use numars::{Cpu, MapOptions, Node, Topology, bind_thread, node_of};
use std::error::Error;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let topology = Topology::read()?;
    for node in topology.allowed_nodes() {
        if topology.cpus_of(node)?.is_disjoint(&topology.allowed_cpus()?) {
            println!("node {node} has no CPUs that this process may use");
            continue;
        }
        let worker = std::thread::spawn(move || work_on(node));
        worker.join().expect("a worker does not panic")?;
    }
    Ok(())
}

/// Restricts the calling thread to the CPUs and the memory of a node, and works there.
fn work_on(node: Node) -> Result<()> {
    bind_thread(node.into())?;
    // Fresh memory. A vector may get some that another thread has freed, whose pages stay where they are.
    let mut table = MapOptions::new().map(16 << 20)?;
    table.fill(1);
    let cpu = Cpu::current().ok_or("no getcpu(2)")?;
    println!("a thread runs on CPU {cpu} of node {node}, and its table is {}", node_of(&table[..])?);
    Ok(())
}

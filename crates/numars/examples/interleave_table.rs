//! Maps a table whose pages are on all nodes in turn, so that threads of all nodes share the bandwidth of all memory.
//!
//!     cargo run --example interleave_table

use numars::{MapOptions, Node, Policy, Topology, count_pages};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let nodes = Topology::read()?.allowed_nodes();
    let options = MapOptions::new().policy(Policy::interleave(nodes)).populate(true);
    let table = options.map(64 << 20)?;

    let mut per_node = [0; Node::COUNT];
    let pages = count_pages(&table, &mut per_node)?;
    println!("{pages} pages by the policy {}", Policy::of_address(table.as_ptr() as usize)?);
    for node in nodes {
        println!("node {node}: {} pages", per_node[node.number()]);
    }
    Ok(())
}

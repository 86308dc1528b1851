//! Shows on which nodes memory of this process is: of a value, of each page of a table, and of all of it.
//!
//!     cargo run --example where_is_memory

use numars::{MapOptions, Move, Node, PageStatus, Topology, count_pages, node_of, nodes_of_pages, page_size};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let nodes = Topology::read()?.allowed_nodes();
    let page = page_size();
    let mut table = MapOptions::new().map(64 * page)?;
    table.fill(1);
    println!("the first byte of the table is {}", node_of(&table[..])?);

    // A quarter of it on each of four nodes, or on the same one if the machine has no more.
    for (part, node) in table.chunks(16 * page).zip(nodes.iter().cycle()) {
        let stats = Move::new().memory(part, node)?;
        println!("to node {node}: {stats}");
    }

    let addresses: Vec<usize> = table.chunks(page).map(|page| page.as_ptr() as usize).collect();
    let mut statuses = vec![PageStatus::default(); addresses.len()];
    nodes_of_pages(&addresses, &mut statuses)?;
    let map: String = statuses.iter().map(|status| status.node().map_or("-".into(), |node| node.to_string())).collect();
    println!("{map}");

    let mut per_node = [0; Node::COUNT];
    let pages = count_pages(&table, &mut per_node)?;
    println!("{pages} pages: {:?}", &per_node[..=nodes.last().ok_or("no nodes")?.number()]);
    Ok(())
}

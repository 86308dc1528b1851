//! Moves the memory of a running process to other nodes, gently and with progress.
//!
//!     cargo run --example move_process PID FROM TO        for example: 4711 0-1 3
//!     cargo run --example move_process                    moves a process that it starts itself

use numars::{Errno, Move, Node, NodeSet, Process, Topology};
use std::error::Error;
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::process::{Command, Stdio};
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [pid, from, to] => move_process(pid.parse()?, from.parse()?, to.parse()?),
        ["--worker"] => work(),
        [] => {
            let nodes = Topology::read()?.allowed_nodes();
            let (first, last) = (nodes.first().ok_or("no nodes")?, nodes.last().ok_or("no nodes")?);
            let mut worker = Command::new(std::env::current_exe()?)
                .arg("--worker")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()?;
            let (mut stdin, mut stdout) = (worker.stdin.take().unwrap(), worker.stdout.take().unwrap());
            stdout.read_exact(&mut [0])?;
            move_process(worker.id().try_into()?, nodes - NodeSet::from(last), last.into())?;
            move_process(worker.id().try_into()?, last.into(), first.into())?;
            stdin.write_all(b"\n")?;
            worker.wait()?;
            Ok(())
        }
        _ => Err("arguments: PID FROM TO, such as 4711 0-1 3".into()),
    }
}

/// Fills some memory, and waits to be ended.
fn work() -> Result<(), Box<dyn Error>> {
    let table = vec![1u8; 16 << 20];
    println!("{}", table.iter().map(|&byte| usize::from(byte)).sum::<usize>());
    std::io::stdin().read_exact(&mut [0])?;
    Ok(())
}

fn move_process(pid: i32, from: NodeSet, to: NodeSet) -> Result<(), Box<dyn Error>> {
    let process = Process::from_pid(pid)?;
    let mut reports = 0;
    let result = Move::new()
        .process(process)
        .threads(2)
        .max_pause(Duration::from_millis(2))
        .on_progress(|_| {
            reports += 1;
            ControlFlow::Continue(())
        })
        .process_pages(from, to);
    match result {
        Ok(stats) => println!("from nodes {from} to {to}: {stats}"),
        // The statistics are true after an error, too.
        Err(error) if error.errno() == Errno::ENOMEM => println!("from nodes {from} to {to}: full; {}", error.stats()),
        Err(error) => return Err(error.into()),
    }
    let mut per_node = [0; Node::COUNT];
    process.count_pages(0, usize::MAX, &mut per_node)?;
    for (node, pages) in per_node.into_iter().enumerate().filter(|&(_, pages)| pages > 0) {
        println!("node {}: {pages} pages; {reports} progress reports", Node::try_from(node)?);
    }
    Ok(())
}

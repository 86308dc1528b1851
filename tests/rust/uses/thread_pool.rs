//! A pool with workers on each node, whose memory is on the node that they run on.

use numars::{MapOptions, Mapping, Node, NodeSet, bind_thread, node_of};
use numars_rust_tests::{pages_on, several_nodes};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Scope, ScopedJoinHandle, scope};

const BYTES: usize = 1 << 20;

/// A worker and its queue of jobs.
struct Worker<'scope> {
    node: Node,
    jobs: Sender<u8>,
    thread: ScopedJoinHandle<'scope, Report>,
}

/// What a worker has done, and where.
struct Report {
    ran_on: NodeSet,
    pages: Vec<usize>,
    sum: usize,
}

/// Adds the number of each job to all bytes of the worker's own memory.
fn work(node: Node, jobs: Receiver<u8>) -> Report {
    bind_thread(node.into()).unwrap();
    let mut memory = Mapping::on_node(BYTES, node).unwrap();
    let mut ran_on = NodeSet::new();
    for job in jobs {
        memory.iter_mut().for_each(|byte| *byte = byte.wrapping_add(job));
        ran_on.extend(Node::current());
    }
    // Fresh memory without a policy of its own is on the node too.
    let mut scratch = MapOptions::new().map(BYTES).unwrap();
    scratch.fill(1);
    assert_eq!(node_of(&scratch[BYTES / 2..]).unwrap().node(), Some(node));
    Report { ran_on, pages: pages_on(&memory), sum: memory.iter().map(|&byte| usize::from(byte)).sum() }
}

impl<'scope> Worker<'scope> {
    fn start<'env>(node: Node, scope: &'scope Scope<'scope, 'env>) -> Self {
        let (jobs, queue) = channel();
        Worker { node, jobs, thread: scope.spawn(move || work(node, queue)) }
    }
}

#[test]
#[ignore = "needs several nodes"]
fn each_worker_and_its_memory_are_on_its_node() {
    let nodes = several_nodes();
    scope(|scope| {
        let workers: Vec<_> = nodes.iter().map(|node| Worker::start(node, scope)).collect();
        for worker in &workers {
            (1..=3).for_each(|job| worker.jobs.send(job).unwrap());
        }
        for Worker { node, jobs, thread } in workers {
            drop(jobs);
            let report = thread.join().unwrap();
            assert_eq!(report.ran_on, node.into());
            assert_eq!(report.sum, 6 * BYTES);
            assert_eq!(report.pages[node.number()], report.pages.iter().sum::<usize>(), "on node {node}");
        }
    });
}

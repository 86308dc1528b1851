//! A table that one thread has filled, so that all of it is on one node. It is interleaved, and later balanced over fewer nodes, while threads
//! use it.

use numars::{Mapping, Move, Node, NodeSet, Placement, Policy};
use numars_rust_tests::{pages_on, several_nodes};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;

const ENTRIES: usize = 1 << 17;

/// Returns the table of the numbers up to `ENTRIES`, as one that any thread may read.
fn entries(table: &Mapping) -> Vec<u64> {
    table.chunks_exact(8).map(|entry| u64::from_ne_bytes(entry.try_into().unwrap())).collect()
}

fn fill(table: &mut Mapping) {
    for (number, entry) in table.chunks_exact_mut(8).enumerate() {
        entry.copy_from_slice(&(number as u64).to_ne_bytes());
    }
}

/// Runs `work` while two threads read the table all the time. Returns how often they have read all of it.
fn while_it_is_used(table: &Mapping, work: impl FnOnce()) -> u64 {
    let (done, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    let read = || {
        while !done.load(Relaxed) {
            let sum: u64 = entries(table).iter().sum();
            assert_eq!(sum, (ENTRIES * (ENTRIES - 1) / 2) as u64);
            rounds.fetch_add(1, Relaxed);
        }
    };
    thread::scope(|scope| {
        let readers = [scope.spawn(read), scope.spawn(read)];
        while rounds.load(Relaxed) == 0 {
            thread::yield_now();
        }
        work();
        done.store(true, Relaxed);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    rounds.into_inner()
}

#[test]
#[ignore = "needs several nodes"]
fn a_first_touch_table_is_interleaved_and_rebalanced_while_threads_use_it() {
    let nodes = several_nodes();
    let first = nodes.first().unwrap();
    let mut table = {
        let _on_first = Policy::bind(first.into()).scoped().unwrap();
        let mut table = numars::MapOptions::new().map(8 * ENTRIES).unwrap();
        fill(&mut table);
        table
    };
    let all = pages_on(&table).iter().sum::<usize>();
    assert_eq!(pages_on(&table)[first.number()], all);

    // Interleaved, and pages that are allocated later, too.
    let placement = Placement::interleave(nodes).set_policy(true);
    let rounds = while_it_is_used(&table, || {
        let stats = Move::new().threads(2).place_memory(&table, &placement).unwrap();
        assert_eq!((stats.requested(), stats.unmoved()), (all, 0));
    });
    assert!(rounds > 0);
    let share = all / nodes.len();
    assert!(
        nodes.iter().all(|node| pages_on(&table)[node.number()].abs_diff(share) <= 1),
        "{:?}",
        &pages_on(&table)[..8]
    );
    assert_eq!(Policy::of_address(table.as_ptr() as usize), Ok(Policy::interleave(nodes)));

    // One node is taken away: as few pages as possible move.
    let rest = nodes - NodeSet::from(first);
    while_it_is_used(&table, || {
        let stats = Move::new().place_memory(&table, &Placement::balance(rest)).unwrap();
        assert!(stats.moved().abs_diff(share) <= rest.len(), "{stats}");
    });
    let counts = pages_on(&table);
    assert_eq!(counts[first.number()], 0);
    assert!(rest.iter().all(|node: Node| counts[node.number()].abs_diff(all / rest.len()) <= 1), "{:?}", &counts[..8]);
    assert!(entries(&table).into_iter().eq(0..ENTRIES as u64));
    fill(&mut table);
}

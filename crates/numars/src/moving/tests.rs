//! Moves of this process, on a machine that may have one node, in a sandbox that may forbid move_pages(2).

use super::*;
use proptest::prelude::*;
use std::sync::atomic::Ordering::Relaxed;

/// Errors of a sandbox that forbids move_pages(2).
const FORBIDDEN: [Errno; 2] = [Errno::EPERM, Errno::ENOSYS];

fn node(number: usize) -> Node {
    Node::new(number).unwrap()
}

/// Returns a node that memory of this process is on; `None` in a sandbox.
fn own_node(memory: &[u8]) -> Option<Node> {
    match crate::node_of(memory) {
        Ok(status) => status.node(),
        Err(error) => {
            assert!(FORBIDDEN.contains(&error), "{error}");
            None
        }
    }
}

fn assert_send<T: Send>(_: &T) {}

#[test]
fn slices_of_different_lengths_are_an_error_and_nothing_moves() {
    for (pages, nodes, statuses) in [(1, 1, 0), (0, 1, 1), (2, 1, 2), (3, 3, 4)] {
        let mut statuses = vec![PageStatus::BUSY; statuses];
        let error = Move::new().pages(&vec![0x1000; pages], &vec![node(0); nodes], &mut statuses).unwrap_err();
        assert_eq!((error.errno(), *error.stats()), (Errno::EINVAL, MoveStats::default()));
        assert!(statuses.iter().all(|&status| status == PageStatus::UNKNOWN));
    }
}

#[test]
fn slices_are_memory_of_the_calling_process() {
    let (memory, other) = ([1u64; 4], Process::from_pid(i32::MAX).unwrap());
    let placement = Placement::pack(NodeSet::from(node(0)));
    for error in [
        Move::new().process(other).memory(&memory, node(0)),
        Move::new().process(other).place_memory(&memory, &placement),
        Move::new().process(other).memory_to_tier(&memory, TierMove::Demote),
    ] {
        assert_eq!(error.unwrap_err().errno(), Errno::EINVAL);
    }
}

#[test]
fn a_move_can_be_sent_to_another_thread_and_shown() {
    let (flag, mut moved) = (AtomicBool::new(false), [0; 2]);
    let builder = Move::default().cancel_flag(&flag).moved_per_node(&mut moved).max_pause(Duration::from_millis(2));
    let builder = builder.threads(3).retries(1).shared_pages(true).bandwidth(5).timeout(Duration::from_secs(1));
    assert_send(&builder);
    let shown = format!("{:?}", builder.on_progress(|_| ControlFlow::Break(())));
    for part in ["CURRENT", "shared_pages: true", "threads: 3", "retries: 1", "2ms", "second: 5", "1s", "false"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
#[cfg_attr(miri, ignore)]
fn pages_in_place_are_reported_so_by_every_kind_of_move() {
    let memory = vec![1u8; 1 << 20];
    let Some(home) = own_node(&memory) else { return };
    let (start, nodes, mut reports) = (memory.as_ptr() as usize, NodeSet::from(home), 0);
    let (pages, mut statuses) = ([start, 0], [PageStatus::UNKNOWN; 2]);
    let mut builder = Move::new().threads(0).on_progress(|_| {
        reports += 1;
        ControlFlow::Continue(())
    });
    let stats = builder.pages(&pages, &[home; 2], &mut statuses).unwrap();
    assert_eq!(statuses, [PageStatus::from(home), PageStatus::NOT_MAPPED]);
    assert_eq!((stats.requested(), stats.in_place(), stats.unmapped()), (2, 1, 1));
    let placement = Placement::interleave(nodes);
    for moved in [
        builder.memory(&memory, home),
        builder.range(start, memory.len(), home),
        builder.place_memory(&memory, &placement),
        builder.place_range(start, memory.len(), &Placement::balance(nodes).weights(&[2; 1024])),
    ] {
        let stats = moved.unwrap();
        assert!(stats.requested() >= memory.len() / crate::sys::memory::page_size());
        assert_eq!(stats.in_place() + stats.moved(), stats.requested(), "{stats}");
    }
    assert!(reports >= 5);
    // Not built in: node 1,023.
    let error = Move::new().memory(&memory, Node::MAX).unwrap_err();
    assert_eq!(error.errno(), Errno::ENODEV);
    let error = Move::new().place_memory(&memory, &placement.weights(&[1])).unwrap_err();
    assert_eq!(error.errno(), Errno::EINVAL);
}

#[test]
#[cfg_attr(miri, ignore)]
fn a_break_or_a_flag_cancels_and_the_error_has_the_statistics() {
    let memory = vec![1u8; 1 << 20];
    let Some(home) = own_node(&memory) else { return };
    let pages: Vec<usize> = memory.chunks(4096).map(|page| page.as_ptr() as usize).collect();
    let mut statuses = vec![PageStatus::BUSY; pages.len()];
    let flag = AtomicBool::new(true);
    let error = Move::new().cancel_flag(&flag).pages(&pages, &vec![home; pages.len()], &mut statuses).unwrap_err();
    assert_eq!((error.errno(), error.stats().requested()), (Errno::ECANCELED, 0));
    assert!(statuses.iter().all(|&status| status == PageStatus::UNKNOWN));
    // The callback of one move sets the flag of the next.
    flag.store(false, Relaxed);
    let mut builder = Move::new().cancel_flag(&flag).on_progress(|_| {
        flag.store(true, Relaxed);
        ControlFlow::Continue(())
    });
    builder.memory(&memory, home).unwrap();
    assert_eq!(builder.memory(&memory, home).unwrap_err().errno(), Errno::ECANCELED);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 0 } else { 48 }))]
    #[test]
    fn a_move_returns_whatever_it_is_told(
        entries in proptest::collection::vec((any::<usize>(), 0..1024_usize), 0..80),
        start in any::<usize>(),
        length in prop_oneof![0..1_usize << 26, usize::MAX - 5000..=usize::MAX],
        members in proptest::collection::vec(0..1024_usize, 0..4),
        weights in proptest::collection::vec(any::<u8>(), 0..4),
        mode in 0..4,
        (threads, retries, micros, pid) in (0..70_usize, 0..3_u32, any::<u64>(), 1_000_000_000..i32::MAX),
    ) {
        let pages: Vec<usize> = entries.iter().map(|entry| entry.0).collect();
        let nodes: Vec<Node> = entries.iter().map(|entry| node(entry.1)).collect();
        let mut statuses = vec![PageStatus::UNKNOWN; pages.len()];
        let set: NodeSet = members.into_iter().map(node).collect();
        let first = set.first().unwrap_or(node(0));
        let placement = match mode {
            0 => Placement::pack(set),
            1 => Placement::interleave(set),
            2 => Placement::weighted(set),
            _ => Placement::balance(set),
        };
        let placement = if weights.is_empty() { placement } else { placement.weights(&weights) };
        let mut moved = [0; 2];
        let mut builder = Move::new().threads(threads).retries(retries).max_pause(Duration::from_micros(micros));
        builder = builder.timeout(Duration::from_secs(5)).moved_per_node(&mut moved);
        if let Ok(stats) = builder.pages(&pages, &nodes, &mut statuses) {
            prop_assert_eq!(stats.requested(), pages.len());
            prop_assert!(!statuses.contains(&PageStatus::UNKNOWN));
        }
        let _ = builder.range(start, length, first);
        let _ = builder.place_range(start, length, &placement);
        let _ = builder.to_tier(start, length, TierMove::Promote);
        builder = builder.process(Process::from_pid(pid).unwrap());
        for result in [builder.process_pages(set, set), builder.place_process(&placement), builder.range(start, length, first)] {
            prop_assert!(result.unwrap_err().errno().name().is_some());
        }
    }
}

//! Tests of the mover on the kernel of `model`.

use super::batch::{self, Batch};
use super::fast_path::try_fast_path;
use super::model::*;
use super::mover::Mover;
use super::ops::MovePagesOps;
use super::page_state::PageState;
use super::page_walk::PageWalk;
use super::plan;
use super::target::TargetPid;
use super::target::for_each_chunk;
use super::targets::PageTargets;
use super::*;
use crate::sys::errno;
use crate::sys::memory::{self, Scratch};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::Relaxed};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn plain_page(node: i32) -> Page {
    Page { node, shared: false, pinned: 0, in_flight: 0, is_hugetlb: false, starts_with_zeros: false }
}

/// Returns a machine with base pages on these nodes, and free pages for all.
pub fn machine_with(old_nodes: &[i32]) -> Machine {
    Machine {
        pages: old_nodes.iter().map(|&node| plain_page(node)).collect(),
        page_of: (0..old_nodes.len()).collect(),
        free_pages: [UNLIMITED; NODES as usize],
        denied: None,
        unmovable: false,
        is_kernel_mapping: false,
        denied_later: None,
        has_huge_pages: false,
        reports_failed_split: false,
        freed_later: 0,
        loses_heads: false,
        hides_sizes: false,
        clock: FakeClock::default(),
    }
}

fn page() -> impl Strategy<Value = Page> {
    let node = prop_oneof![8 => 0..NODES, 1 => Just(-errno::ENOENT), 1 => Just(-errno::EFAULT)];
    let pinned = prop_oneof![8 => Just(0u8), 1 => 1u8..4, 1 => Just(255u8)];
    let in_flight = prop_oneof![8 => Just(0u8), 1 => 1u8..6];
    (node, prop::bool::weighted(0.1), pinned, in_flight, any::<bool>()).prop_map(
        |(node, shared, pinned, in_flight, starts_with_zeros)| Page {
            node,
            shared,
            pinned,
            in_flight,
            is_hugetlb: false,
            starts_with_zeros,
        },
    )
}

/// Generates base pages.
pub fn pages_strategy() -> impl Strategy<Value = Vec<Page>> {
    prop::collection::vec(page(), 1..40)
}

/// Generates a machine, and a request of addresses and nodes.
fn machine_and_request() -> impl Strategy<Value = (Machine, Vec<usize>, Vec<i32>)> {
    let free_pages = prop_oneof![3 => Just(UNLIMITED), 1 => 0usize..10];
    let pages = prop::collection::vec(page(), 1..25);
    (
        pages,
        prop::collection::vec(any::<prop::sample::Index>(), 1..40),
        [free_pages.clone(), free_pages.clone(), free_pages.clone(), free_pages],
    )
        .prop_flat_map(|(pages, page_of, free_pages)| {
            let page_of: Vec<usize> = page_of.iter().map(|index| index.index(pages.len())).collect();
            let machine = Machine {
                pages,
                free_pages,
                denied: None,
                unmovable: false,
                is_kernel_mapping: false,
                denied_later: None,
                has_huge_pages: false,
                reports_failed_split: false,
                freed_later: 0,
                loses_heads: false,
                hides_sizes: false,
                clock: FakeClock::default(),
                page_of,
            };
            let entry = (0..machine.page_of.len(), 0..PAGE, 0..NODES);
            (Just(machine), prop::collection::vec(entry, 1..80))
        })
        .prop_map(|(machine, entries)| {
            let addresses = entries.iter().map(|&(index, offset, _)| address(index) + offset).collect();
            (machine, addresses, entries.iter().map(|&(_, _, node)| node).collect())
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 3 } else { 2000 }))]

    #[test]
    fn every_status_matches_the_page((machine, addresses, nodes) in machine_and_request(), retries in 0u32..4) {
        let outcome = run(&machine, &addresses, &nodes, retries, None);
        outcome.assert_statuses_match(&addresses);
        prop_assert_eq!(outcome.error == errno::ENOMEM, outcome.status.contains(&-errno::ENOMEM));
    }

    #[test]
    fn if_the_kernel_moves_all_pages_the_result_is_the_same((machine, addresses, nodes) in machine_and_request()) {
        let (result, expected) = reference_move(&machine, &addresses, &nodes);
        // A later attempt may move a page that is pinned or in flight at first.
        let pinned = addresses.iter().any(|&address| {
            let page = machine.pages[machine.page(address)];
            page.pinned != 0 || page.in_flight != 0
        });
        // A page with several entries temporarily uses a free page that another page may need.
        let distinct: BTreeSet<usize> = addresses.iter().map(|&address| machine.page(address)).collect();
        let is_tight = distinct.len() < addresses.len() && machine.free_pages != [UNLIMITED; 4];
        if result == Ok(0) && !pinned && !is_tight {
            let outcome = run(&machine, &addresses, &nodes, 3, None);
            prop_assert_eq!((outcome.error, outcome.stuck), (0, 0));
            prop_assert_eq!(outcome.machine.nodes_of(&addresses), expected.nodes_of(&addresses));
        }
    }

    #[test]
    fn if_the_kernel_gives_up_at_least_as_many_pages_move((machine, addresses, nodes) in machine_and_request()) {
        let distinct: BTreeSet<usize> = addresses.iter().map(|&address| machine.page(address)).collect();
        // Otherwise the order decides which of two entries has its page on its target node.
        if distinct.len() == addresses.len() && machine.free_pages == [UNLIMITED; 4] {
            let (_, reference) = reference_move(&machine, &addresses, &nodes);
            let outcome = run(&machine, &addresses, &nodes, 3, None);
            prop_assert!(on_target(&outcome.machine, &addresses, &nodes) >= on_target(&reference, &addresses, &nodes));
            for (&address, &node) in addresses.iter().zip(&nodes) {
                let page = machine.pages[machine.page(address)];
                if page.node >= 0 && !page.shared && page.pinned <= 3 {
                    prop_assert_eq!(outcome.machine.node_of(address), node);
                }
            }
        }
    }

    #[test]
    fn statuses_are_accurate_after_a_cancellation((machine, addresses, nodes) in machine_and_request(), stop_after in 0usize..4) {
        let mut calls = 0;
        let mut last = MoveStats::default();
        let mut progress = |stats: &MoveStats| {
            calls += 1;
            last = *stats;
            calls <= stop_after
        };
        let outcome = run(&machine, &addresses, &nodes, 3, Some(&mut progress));
        prop_assert_eq!(last, outcome.stats);
        for (&address, &status) in addresses.iter().zip(&outcome.status) {
            prop_assert!(status < 0 || status == outcome.machine.node_of(address));
        }
        prop_assert!(outcome.stats.finished() <= addresses.len());
    }

    #[test]
    fn an_invalid_node_ends_the_request_at_its_entry_as_in_the_kernel(
        old_nodes in prop::collection::vec(-2..NODES, 1..30), nodes in prop::collection::vec(-2..NODES + 2, 30), denied in 0..NODES
    ) {
        let machine = Machine { denied: Some(denied), ..machine_with(&old_nodes) };
        let addresses: Vec<usize> = (0..old_nodes.len()).map(address).collect();
        let nodes = &nodes[..old_nodes.len()];
        let invalid = machine.first_invalid(nodes).map(|(entry, _)| entry);
        let (result, reference) = reference_move(&machine, &addresses, nodes);
        let outcome = run(&machine, &addresses, nodes, 0, None);
        prop_assert_eq!(outcome.machine.nodes_of(&addresses), reference.nodes_of(&addresses));
        prop_assert_eq!(outcome.error, result.err().unwrap_or(0));
        for (entry, (&old_node, &node)) in old_nodes.iter().zip(nodes).enumerate() {
            let expected = match invalid {
                Some(invalid) if entry >= invalid => NOT_WRITTEN,
                _ if old_node < 0 => old_node,
                _ => node,
            };
            prop_assert_eq!(outcome.status[entry], expected);
        }
    }
}

#[test]
fn a_node_that_leaves_the_cpuset_does_not_affect_entries_with_other_targets() {
    // The first call checks the target nodes.
    let machine = Machine { denied_later: Some(2), ..machine_with(&[0; 300]) };
    let addresses: Vec<usize> = (0..300).map(address).collect();
    let nodes: Vec<i32> = (0..300).map(|index| index % 3 + 1).collect();
    let outcome = run(&machine, &addresses, &nodes, 3, None);
    for (&status, &node) in outcome.status.iter().zip(&nodes) {
        assert_eq!(status, if node == 2 { -errno::EACCES } else { node });
    }
    assert_eq!((outcome.error, outcome.unmoved), (errno::EACCES, 100));
    assert_eq!(
        [outcome.stats.requested(), outcome.stats.moved(), outcome.stats.shared(), outcome.stats.failed()],
        [300, 200, 0, 100]
    );
}

#[test]
fn unmovable_pages_count_as_failed_and_not_as_unmapped() {
    let machine = Machine { unmovable: true, ..machine_with(&[0, 0, 1]) };
    let outcome = run(&machine, &[address(0), address(1), address(2)], &[1; 3], 3, None);
    assert_eq!(outcome.status, [-errno::EFAULT, -errno::EFAULT, 1]);
    assert_eq!((outcome.error, outcome.stuck, outcome.unmoved), (0, 0, 2));
    assert_eq!(
        [outcome.stats.in_place(), outcome.stats.unmapped(), outcome.stats.failed(), outcome.stats.retried()],
        [1, 0, 2, 22]
    );
}

#[test]
fn unmovable_pages_of_kernel_mappings_are_submitted_once_and_not_counted() {
    let machine = Machine { unmovable: true, is_kernel_mapping: true, ..machine_with(&[0, 0, 1]) };
    let outcome = run_range::<16>(&machine, 1, 3, None);
    assert_eq!((outcome.error, outcome.unmoved, outcome.stats.retried()), (0, 0, 0));
    assert_eq!(outcome.stats.all()[..3], [1, 0, 1]);
    // A check of the target node, a query, a move, and another query.
    assert_eq!(outcome.stats.kernel_calls(), 4);
}

#[test]
fn pages_are_queried_in_chunks_up_to_the_first_error() {
    let pages: Vec<usize> = (0..40).collect();
    for (failing_page, sizes) in [(99, vec![16, 16, 8]), (16, vec![16, 16])] {
        let mut status = vec![-1; 40];
        let mut sizes_seen = Vec::new();
        let result = for_each_chunk(
            &pages,
            &mut status,
            || 16,
            |pages, status| {
                sizes_seen.push(pages.len());
                if pages[0] == failing_page {
                    return Err(errno::ESRCH);
                }
                status.iter_mut().zip(pages).for_each(|(status, &page)| *status = page as i32);
                Ok(())
            },
        );
        assert_eq!((result.is_err(), &sizes_seen), (failing_page == 16, &sizes));
        let queried = if failing_page == 16 { 16 } else { 40 };
        assert!(
            status.iter().enumerate().all(|(page, &status)| status == if page < queried { page as i32 } else { -1 })
        );
    }
}

#[test]
fn alternating_targets_need_four_calls() {
    let machine = machine_with(&[0; 600]);
    let addresses: Vec<usize> = (0..600).map(address).collect();
    let nodes: Vec<i32> = (0..600).map(|index| index % 3 + 1).collect();
    let outcome = run(&machine, &addresses, &nodes, 3, None);
    assert_eq!((outcome.status, outcome.error, outcome.unmoved), (nodes, 0, 0));
    assert_eq!(outcome.stats.moved(), 600);
    // A check of the target nodes, a query, one move, and another query.
    assert_eq!(outcome.stats.kernel_calls(), 4);
}

#[test]
fn after_a_move_only_shared_pages_and_those_between_them_are_queried_again() {
    let queries = |shared: &[usize], pinned: &[usize]| {
        let mut machine = machine_with(&[0; 300]);
        shared.iter().for_each(|&page| machine.pages[page].shared = true);
        pinned.iter().for_each(|&page| machine.pages[page].pinned = 1);
        let addresses: Vec<usize> = (0..300).map(address).collect();
        let outcome = run(&machine, &addresses, &[1; 300], 3, None);
        outcome.assert_statuses_match(&addresses);
        assert_eq!(outcome.stats.shared(), shared.len());
        outcome.machine.clock.queries
    };
    assert_eq!(queries(&[], &[]), [300]);
    assert_eq!(queries(&[5], &[]), [300, 1]);
    assert_eq!(queries(&[5, 9, 200], &[]), [300, 5, 1]);
    assert_eq!(queries(&[5], &[100])[..2], [300, 300]);
}

// Miri would take hours.
#[test]
#[cfg_attr(miri, ignore)]
fn pinned_pages_between_shared_ones_do_not_keep_others_from_moving() {
    // The kernel gives up at each pinned page, so that continuing needs one call for each of them.
    let mut machine = machine_with(&[0; 3000]);
    for (index, page) in machine.pages.iter_mut().enumerate() {
        match index % 3 {
            0 => page.pinned = 255,
            1 => page.shared = true,
            _ => {}
        }
    }
    let addresses: Vec<usize> = (0..3000).map(address).collect();
    let outcome = run(&machine, &addresses, &[1; 3000], 2, None);
    assert_eq!(outcome.stats.moved(), 1000);
    assert_eq!((outcome.stats.busy(), outcome.stuck), (1000, 1000));
    assert_eq!(outcome.stats.shared(), 1000);
    assert_eq!(outcome.stats.retried(), 2000);
    assert!(outcome.stats.kernel_calls() < 1100);
}

#[test]
fn a_full_node_is_an_error_and_pages_for_other_nodes_move() {
    let mut machine = machine_with(&[0; 90]);
    machine.free_pages = [100, 10, 100, 100];
    let addresses: Vec<usize> = (0..90).map(address).collect();
    let nodes: Vec<i32> = (0..90).map(|index| index % 3 + 1).collect();
    let outcome = run(&machine, &addresses, &nodes, 3, None);
    assert_eq!(outcome.error, errno::ENOMEM);
    assert_eq!(outcome.stats.moved(), 70);
    assert_eq!(outcome.stats.no_memory(), 20);
    assert_eq!(outcome.status.iter().filter(|&&status| status == -errno::ENOMEM).count(), 20);
}

#[test]
fn parts_of_a_huge_page_with_several_targets_end_where_the_kernel_moves_them() {
    let mut machine = machine_with(&[0]);
    machine.page_of = vec![0; 8];
    let addresses: Vec<usize> = (0..8).map(address).collect();
    let nodes = [1, 2, 1, 2, 3, 1, 3, 2];
    let outcome = run(&machine, &addresses, &nodes, 3, None);
    assert_eq!(outcome.status, [2; 8]);
    assert_eq!((outcome.error, outcome.stuck), (0, 0));
}

#[test]
fn a_page_that_a_later_batch_moves_again_has_accurate_statuses() {
    let (addresses, nodes) = ([address(0); 3], [1, 2, 3]);
    let outcome = run_in_batches::<1>(&machine_with(&[0]), &addresses, &nodes, 3, None);
    assert_eq!((outcome.status, outcome.machine.node_of(address(0))), (vec![3; 3], 3));
}

/// Moves `ENTRIES` entries in batches of one entry. Returns the statistics at each call of the callback, which cancels the move at the call
/// with this number, and the result.
fn reports<const ENTRIES: usize>(entries: [(usize, i32); ENTRIES], cancel_at: usize) -> (Vec<MoveStats>, ListOutcome) {
    let mut reports = Vec::new();
    let mut progress = |stats: &MoveStats| {
        reports.push(*stats);
        reports.len() <= cancel_at
    };
    let (addresses, nodes) = (entries.map(|(page, _)| address(page)), entries.map(|(_, node)| node));
    let nodes = if nodes[0] == NO_NODES { &[][..] } else { &nodes };
    let outcome = run_in_batches::<1>(&machine_with(&[0; ENTRIES]), &addresses, nodes, 3, Some(&mut progress));
    (reports, outcome)
}

/// Stands for the nodes of a query.
const NO_NODES: i32 = i32::MIN;

/// Requests of which no page has to move: pages in place, one page four times, and a query.
const NOTHING_TO_MOVE: [[(usize, i32); 4]; 3] =
    [[(0, 0), (1, 0), (2, 0), (3, 0)], [(0, 0); 4], [(0, NO_NODES), (1, NO_NODES), (0, NO_NODES), (3, NO_NODES)]];

#[test]
fn progress_is_reported_after_each_batch_even_if_no_page_has_to_move() {
    for entries in NOTHING_TO_MOVE {
        let (reports, outcome) = reports(entries, usize::MAX);
        let requested: Vec<_> = reports.iter().map(|stats| stats.requested()).collect();
        assert_eq!((requested, outcome.error), (vec![1, 2, 3, 4], 0));
    }
}

#[test]
fn after_a_cancellation_no_call_is_made_and_later_statuses_are_not_written() {
    for entries in NOTHING_TO_MOVE {
        for cancel_at in 0..3 {
            let (reports, outcome) = reports(entries, cancel_at);
            assert_eq!(outcome.error, errno::ECANCELED);
            // The callback is called once more at the end, with the same statistics.
            assert_eq!(reports.len(), cancel_at + 2);
            assert_eq!(reports[cancel_at], outcome.stats);
            let written = outcome.status.iter().take_while(|&&status| status == 0).count();
            assert_eq!(written, cancel_at + 1);
            assert!(outcome.status[written..].iter().all(|&status| status == NOT_WRITTEN));
        }
    }
}

#[test]
fn a_cancelled_move_queries_no_batch_but_its_current_one() {
    let calls = |stats: &MoveStats| stats.kernel_calls();
    let entries = [(0, 1), (1, 1), (2, 1), (3, 1)];
    let (all, _) = reports(entries, usize::MAX);
    for cancel_at in 0..all.len() - 1 {
        let (reports, outcome) = reports(entries, cancel_at);
        assert_eq!(outcome.error, errno::ECANCELED);
        assert!(calls(&outcome.stats) <= calls(&reports[cancel_at]) + 1, "{cancel_at}");
        for (page, &status) in outcome.status.iter().enumerate() {
            assert!(status == NOT_WRITTEN || status == outcome.machine.node_of(address(page)));
        }
    }
}

#[test]
fn a_cancelled_move_fails_with_ecanceled_even_after_enomem() {
    let machine = Machine { free_pages: [UNLIMITED, 0, UNLIMITED, UNLIMITED], ..machine_with(&[0; 3]) };
    let addresses: Vec<usize> = (0..3).map(address).collect();
    let mut progress = |stats: &MoveStats| stats.no_memory() == 0;
    let outcome = run_in_batches::<1>(&machine, &addresses, &[1; 3], 3, Some(&mut progress));
    assert_eq!((outcome.status, outcome.error), (vec![-errno::ENOMEM, NOT_WRITTEN, NOT_WRITTEN], errno::ECANCELED));
}

#[test]
fn progress_is_reported_while_statuses_are_refreshed_and_a_cancellation_ends_that() {
    let entries = [(0, 1), (1, 1), (2, 1), (0, 2)];
    let (all, finished) = reports(entries, usize::MAX);
    assert_eq!((finished.status, finished.error), (vec![2, 1, 1, 2], 0));
    // All pages have moved after the fourth batch. A query for each batch and the final report follow.
    let moved = all.iter().position(|stats| stats.moved() == 4).unwrap();
    assert!(all.len() - moved >= entries.len(), "{all:?}");
    let (reports, outcome) = reports(entries, moved + 2);
    assert_eq!((outcome.error, reports.len()), (errno::ECANCELED, moved + 4));
    assert_eq!(reports[moved + 2], outcome.stats);
}

#[test]
fn a_duplicate_is_not_in_place_if_another_part_of_its_huge_page_moved_the_page() {
    let mut machine = machine_with(&[2]);
    (machine.page_of, machine.denied_later) = (vec![0; 2], Some(3));
    let outcome = run(&machine, &[address(0), address(0), address(1)], &[2, 3, 0], 3, None);
    assert_eq!((outcome.machine.node_of(address(0)), outcome.error), (0, errno::EACCES));
    assert_eq!(outcome.status, [-errno::EACCES, -errno::EACCES, 0]);
}

/// Generates a machine of base pages and huge pages, each of which is mapped once.
fn machine_with_huge_pages() -> impl Strategy<Value = Machine> {
    let free_pages = || prop_oneof![2 => Just(UNLIMITED), 1 => 0usize..30];
    let pages = prop::collection::vec((page(), prop_oneof![2 => Just(1usize), 3 => 2usize..9]), 1..12);
    let more = prop_oneof![2 => Just(0usize), 1 => 1usize..20];
    (pages, [free_pages(), free_pages(), free_pages(), free_pages()], more, any::<bool>()).prop_map(
        |(pages, free_pages, freed_later, reports_failed_split)| {
            let page_of =
                pages.iter().enumerate().flat_map(|(page, &(_, size))| std::iter::repeat_n(page, size)).collect();
            let pages = pages.into_iter().map(|(page, _)| page).collect();
            Machine {
                pages,
                page_of,
                free_pages,
                denied: None,
                unmovable: false,
                is_kernel_mapping: false,
                denied_later: None,
                has_huge_pages: true,
                reports_failed_split,
                freed_later,
                loses_heads: false,
                hides_sizes: false,
                clock: FakeClock::default(),
            }
        },
    )
}

/// Checks the statistics of a move of all pages to `target` against the nodes of the base pages.
fn assert_stats_match(before: &Machine, outcome: &ListOutcome, target: i32) {
    let addresses: Vec<usize> = (0..before.page_of.len()).map(address).collect();
    let (old_nodes, after) = (before.nodes_of(&addresses), outcome.machine.nodes_of(&addresses));
    let count = |holds: &dyn Fn(i32, i32) -> bool| {
        old_nodes.iter().zip(&after).filter(|&(&before, &after)| before >= 0 && holds(before, after)).count()
    };
    assert_eq!(outcome.stats.requested(), count(&|_, _| true));
    assert_eq!(outcome.stats.in_place(), count(&|before, after| before == target && after == target));
    assert_eq!(outcome.stats.moved(), count(&|before, after| before != target && after == target));
    assert_eq!(outcome.stats.unmapped(), count(&|_, after| after < 0));
    assert_eq!(outcome.unmoved, count(&|_, after| after >= 0 && after != target));
    assert_eq!(outcome.stats.finished(), outcome.stats.requested());
    assert_eq!(outcome.error == errno::ENOMEM, outcome.stats.no_memory() > 0);
}

/// Checks that no report has more outcomes than requested pages.
fn assert_outcomes_fit(reports: &[MoveStats]) {
    for stats in reports {
        assert!(stats.finished() <= stats.requested(), "{stats:?}");
    }
}

/// Checks that no number decreases from one report to the next.
fn assert_no_decrease(reports: &[MoveStats]) {
    for (earlier, later) in reports.iter().zip(reports.iter().skip(1)) {
        assert!(
            earlier.all().iter().zip(later.all()).all(|(earlier, later)| *earlier <= later),
            "{earlier:?} {later:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 3 } else { 2000 }))]

    #[test]
    fn sums_of_a_range_count_base_pages_whatever_is_split(machine in machine_with_huge_pages(), target in 0..NODES, retries in 0u32..4) {
        assert_stats_match(&machine, &run_range::<16>(&machine, target, retries, None), target);
        let mut reports = Vec::new();
        let mut progress = |stats: &MoveStats| {
            reports.push(*stats);
            true
        };
        assert_stats_match(&machine, &run_range::<16>(&machine, target, retries, Some(&mut progress)), target);
        assert_outcomes_fit(&reports);
        // A huge page may have been reported as moved before it is split.
        if machine.free_pages[target as usize] == UNLIMITED {
            assert_no_decrease(&reports);
        }
    }

    #[test]
    fn a_request_of_several_batches_is_as_accurate_as_one_of_a_single_batch((machine, addresses, nodes) in machine_and_request()) {
        for outcome in [run_in_batches::<7>(&machine, &addresses, &nodes, 3, None), run(&machine, &addresses, &nodes, 3, None)] {
            outcome.assert_statuses_match(&addresses);
            let displaced = addresses.iter().zip(&nodes).filter(|&(&address, &node)| {
                let now = outcome.machine.node_of(address);
                now >= 0 && now != node
            });
            prop_assert_eq!(outcome.unmoved, displaced.count());
            prop_assert_eq!(outcome.error == errno::ENOMEM, outcome.status.contains(&-errno::ENOMEM));
            let on_target = outcome.stats.moved() + outcome.stats.in_place();
            prop_assert_eq!(on_target, super::model::on_target(&outcome.machine, &addresses, &nodes));
        }
    }
}

#[test]
fn all_base_pages_of_a_split_huge_page_are_moved_however_many_it_has() {
    let mut machine = machine_with(&[0]);
    (machine.page_of, machine.has_huge_pages, machine.free_pages) = (vec![0; 2000], true, [UNLIMITED, 1700, 0, 0]);
    let outcome = run_range::<16>(&machine, 1, 3, None);
    assert_eq!((outcome.error, outcome.unmoved), (errno::ENOMEM, 300));
    assert_eq!(outcome.stats.all()[..3], [2000, 1700, 0]);
}

#[test]
fn a_huge_page_that_cannot_be_split_is_busy_and_all_others_move() {
    let mut machine = machine_with(&[0; 7]);
    machine.pages[3].pinned = 255;
    machine.page_of = [vec![0, 1, 2], vec![3; 8], vec![4, 5, 6]].concat();
    (machine.has_huge_pages, machine.reports_failed_split, machine.free_pages) = (true, true, [UNLIMITED, 7, 0, 0]);
    let outcome = run_range::<16>(&machine, 1, 3, None);
    assert_eq!((outcome.error, outcome.unmoved, outcome.stuck), (0, 8, 8));
    assert_eq!(outcome.stats.all()[..2], [14, 6]);
    let addresses = [0, 1, 2, 3, 11, 12, 13].map(address);
    let outcome = run(&machine, &addresses, &[1; 7], 3, None);
    assert_eq!((outcome.error, outcome.unmoved, outcome.stuck), (0, 1, 1));
    assert_eq!(outcome.status, [1, 1, 1, -errno::EBUSY, 1, 1, 1]);
}

#[test]
fn base_pages_of_a_huge_page_that_has_lost_its_first_one_are_in_place_if_they_were() {
    for (node, moved) in [(1, 0), (0, 3)] {
        let mut machine = machine_with(&[node, 0]);
        (machine.page_of, machine.has_huge_pages, machine.loses_heads) = (vec![0, 0, 0, 0, 1], true, true);
        let outcome = run_range::<16>(&machine, 1, 3, None);
        assert_eq!((outcome.stats.moved(), outcome.stats.in_place()), (moved + 1, 3 - moved));
        assert_eq!((outcome.error, outcome.unmoved), (0, 0));
    }
}

#[test]
fn a_split_huge_page_whose_first_base_page_is_the_zero_page_is_not_unmapped() {
    let mut machine = machine_with(&[0]);
    machine.pages[0].starts_with_zeros = true;
    (machine.page_of, machine.has_huge_pages, machine.free_pages) = (vec![0; 8], true, [UNLIMITED, 3, 0, 0]);
    let outcome = run_range::<16>(&machine, 1, 3, None);
    assert_eq!((outcome.error, outcome.unmoved), (errno::ENOMEM, 4));
    assert_eq!(outcome.stats.all()[..5], [8, 3, 0, 0, 1]);
}

#[test]
fn a_part_of_a_split_huge_page_that_became_the_zero_page_has_not_moved_although_the_kernel_reports_it() {
    // There is room for all base pages but the first one, which needs none.
    let mut machine = machine_with(&[0]);
    machine.pages[0].starts_with_zeros = true;
    (machine.page_of, machine.has_huge_pages, machine.free_pages) = (vec![0; 8], true, [UNLIMITED, 7, 0, 0]);
    let addresses: Vec<usize> = (0..8).map(address).collect();
    let outcome = run(&machine, &addresses, &[1; 8], 3, None);
    assert_eq!((outcome.error, outcome.stuck), (0, 0));
    outcome.assert_statuses_match(&addresses);
}

#[test]
fn pages_freed_between_two_attempts_are_used_by_all_parts_of_a_split_huge_page() {
    let mut machine = machine_with(&[0]);
    (machine.page_of, machine.has_huge_pages) = (vec![0; 8], true);
    (machine.free_pages, machine.freed_later) = ([UNLIMITED, 0, 0, 0], 8);
    let outcome = run_range::<16>(&machine, 1, 3, None);
    assert_eq!((outcome.error, outcome.unmoved), (0, 0));
    assert_eq!(outcome.stats.all()[..4], [8, 8, 0, 0]);
}

#[test]
fn a_part_of_a_huge_page_that_moves_with_another_part_at_a_second_attempt_counts_as_moved() {
    // The kernel reports EBUSY for the second part and ENOMEM for the first. Then there are free pages.
    let mut machine = machine_with(&[0]);
    (machine.page_of, machine.free_pages, machine.freed_later) = (vec![0; 2], [UNLIMITED, 0, 0, 0], 1);
    let outcome = run(&machine, &[address(0), address(1)], &[1; 2], 3, None);
    assert_eq!((outcome.status, outcome.error, outcome.unmoved), (vec![1, 1], 0, 0));
}

#[test]
fn pages_in_flight_are_queried_until_they_arrive() {
    let mut machine = machine_with(&[0, 0, 1, -errno::ENOENT, -errno::EFAULT]);
    (machine.pages[1].in_flight, machine.pages[2].in_flight) = (5, 3);
    let addresses: Vec<usize> = (0..5).map(address).collect();
    let outcome = run(&machine, &addresses, &[1; 5], 3, None);
    assert_eq!(outcome.status, [1, 1, 1, -errno::ENOENT, -errno::EFAULT]);
    assert_eq!(outcome.stats.all()[..5], [5, 2, 1, 1, 1]);
    let model = Model::<16>::new(machine);
    let mut status = [NOT_WRITTEN; 5];
    // The kernel's status of the page in flight is not final.
    assert!(try_fast_path(&model, request(&addresses, &[1; 5], &mut status), 0).is_none());
}

#[test]
fn a_hugetlb_page_whose_entry_is_empty_may_be_in_flight() {
    let mut machine = machine_with(&[0, -errno::ENOENT]);
    for page in &mut machine.pages {
        (page.is_hugetlb, page.in_flight) = (true, 3);
    }
    let outcome = run(&machine, &[address(0), address(1)], &[1; 2], 3, None);
    assert_eq!(outcome.status, [1, -errno::ENOENT]);
    // An absent page of hugetlb memory is requeried a few times, and then no longer.
    let kernel_calls = |is_hugetlb| {
        let mut machine = machine_with(&[-errno::ENOENT]);
        machine.pages[0].is_hugetlb = is_hugetlb;
        let outcome = run(&machine, &[address(0)], &[1], 3, None);
        assert_eq!(outcome.status, [-errno::ENOENT]);
        outcome.stats.kernel_calls()
    };
    assert_eq!(kernel_calls(true) - kernel_calls(false), 3);
}

#[test]
fn entries_that_name_one_page_are_found_at_any_distance() {
    for stride in
        [1usize, 0x1000, 1 << 20, 0x9e37_79b9, 0x61c8_8647, 6_765, 10_946, 17_711, 0x3d_0956, 1 << (usize::BITS - 29)]
    {
        let count = if cfg!(miri) { 64 } else { 20_000 };
        let addresses: Vec<usize> =
            (0..count).rev().map(|index: usize| index.wrapping_mul(stride).wrapping_mul(PAGE)).collect();
        let mut scratch = Scratch::new(count * batch::BYTES_PER_ENTRY).unwrap();
        let batch = &mut Batch::carve(&mut scratch.arena(), count);
        batch.pages.copy_from_slice(&addresses);
        (0..count).for_each(|entry| batch.targets.set(entry, Some(1)));
        let mut distinct = addresses.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let plan = plan::plan(batch, 12);
        // With 32 bits, some addresses are the same.
        assert_eq!((plan.pending, plan.needs_recheck), (distinct.len(), false), "{stride:#x}");
        let submitted: Vec<usize> =
            batch.order[..plan.pending].iter().map(|&entry| addresses[entry as usize]).collect();
        assert_eq!(submitted, distinct, "{stride:#x}");
    }
}

/// A process that executes another program at the first query of its pages.
struct ExecutesDuringQuery {
    process: TargetPid,
    input: std::process::ChildStdin,
    pid: u32,
    has_executed: AtomicBool,
    walks: AtomicUsize,
}

impl ExecutesDuringQuery {
    fn execute(&self) {
        use std::io::Write;
        if self.has_executed.swap(true, Relaxed) {
            return;
        }
        let program = || std::fs::read_to_string(format!("/proc/{}/comm", self.pid)).unwrap();
        let before = program();
        (&self.input).write_all(b"\n").unwrap();
        while program() == before {
            std::thread::yield_now();
        }
    }
}

impl MovePagesOps for ExecutesDuringQuery {
    type Walk = PageWalk;

    fn query_nodes(&self, pages: &[usize], nodes: &mut [i32], flags: i32) -> Result<(), i32> {
        self.execute();
        self.process.query_nodes(pages, nodes, flags)
    }

    fn move_pages(&self, pages: &[usize], nodes: &[i32], status: &[AtomicI32], flags: i32) -> Result<usize, i32> {
        self.process.move_pages(pages, nodes, status, flags)
    }

    fn submit(&self, request: MoveRequest, flags: i32) -> Result<usize, i32> {
        self.process.submit(request, flags)
    }

    fn page_states(&self, pages: &[usize], states: &mut [PageState]) {
        self.process.page_states(pages, states);
    }

    fn walk(&self, start: usize, length: usize, page_bits: u32, excluded: (usize, usize)) -> Option<PageWalk> {
        self.walks.fetch_add(1, Relaxed);
        self.process.walk(start, length, page_bits, excluded)
    }

    fn is_current(&self) -> bool {
        self.process.is_current()
    }

    fn has_ended(&self) -> bool {
        self.process.has_ended()
    }
}

#[test]
#[cfg_attr(miri, ignore)]
fn a_program_executed_during_a_move_is_detected() {
    use std::process::{Command, Stdio};
    for follow_exec in [false, true] {
        let script = ["-c", "echo; read line; exec sleep 1000"];
        let mut child = Command::new("sh").args(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // The shell runs from here on.
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        let kernel = ExecutesDuringQuery {
            process: TargetPid::identify(child.id() as i32),
            input: child.stdin.take().unwrap(),
            pid: child.id(),
            has_executed: AtomicBool::new(false),
            walks: AtomicUsize::new(0),
        };
        let address_space = usize::MAX - (memory::page_size() - 1);
        let mut mover = Mover::untimed(kernel, 0, 0);
        // All pages are in place on node 0.
        mover.move_range(0, address_space, follow_exec, &mut PageTargets::OneNodeInPasses(0, 2)).unwrap();
        let (error, ranges) = (mover.error(), mover.kernel.walks.load(Relaxed));
        child.kill().unwrap();
        child.wait().unwrap();
        if usize::BITS < 64 && error == errno::EOVERFLOW {
            // The shell is a 64-bit program.
            return;
        }
        assert_eq!((error, ranges), if follow_exec { (0, 2) } else { (errno::ESRCH, 1) });
        // At least the pages of the stack and the program.
        assert!(!follow_exec || mover.stats().in_place() > 3);
    }
}

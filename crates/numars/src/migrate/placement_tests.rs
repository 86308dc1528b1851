//! Tests of placing pages on several nodes and of moving them to other tiers, on the kernel of `model`.

use super::model::*;
use super::placement::{PlacementMode, PlacementRequest, PlacementTargets};
use super::targets::{PageInfo, PageTargets};
use super::tests::{machine_with, pages_strategy};
use super::tier_targets::{TierMove, TierTargets};
use crate::nodeset::NodeMask;
use crate::sys::errno;
use crate::sys::memory::{Arena, Scratch};
use proptest::prelude::*;

fn set(members: &[usize]) -> NodeMask {
    let nodes = NodeMask::new();
    members.iter().for_each(|&node| nodes.bits().set(node));
    nodes
}

fn placement<'a>(mode: PlacementMode, nodes: &'a NodeMask, weights: Option<&'a [u8]>) -> PlacementRequest<'a> {
    PlacementRequest { mode, nodes: nodes.bits().as_bits(), weights, set_policy: false }
}

/// Places all pages of the machine, in batches of at most 16 entries.
fn place_all(machine: &Machine, mode: PlacementMode, nodes: &[usize], weights: Option<&[u8]>) -> ListOutcome {
    let (nodes, mut scratch) = (set(nodes), Scratch::new(PlacementTargets::BYTES).unwrap());
    let targets = PlacementTargets::new(&placement(mode, &nodes, weights), &mut scratch.arena()).unwrap();
    run_targets::<16>(machine, &mut PageTargets::Placement(targets))
}

fn nodes_of(outcome: &ListOutcome) -> Vec<i32> {
    (0..outcome.machine.page_of.len()).map(|index| outcome.machine.node_of(address(index))).collect()
}

fn count(nodes: &[i32], node: i32) -> usize {
    nodes.iter().filter(|&&other| other == node).count()
}

#[test]
fn nodes_are_packed_in_numerical_order_and_pages_on_full_nodes_stay() {
    let mut machine = machine_with(&[3, 3, 2, 1, 0, 3, 2, 2, 3, 3]);
    machine.free_pages = [UNLIMITED, 2, 3, UNLIMITED];
    let outcome = place_all(&machine, PlacementMode::Pack, &[1, 2, 3], None);
    // Node 1 has room for two more. When it is full, those of node 2 stay there.
    assert_eq!(nodes_of(&outcome), [1, 1, 2, 1, 2, 2, 2, 2, 2, 3]);
    assert_eq!((outcome.error, outcome.unmoved), (0, 0));
    assert_eq!(outcome.stats.all()[..3], [10, 5, 5]);
}

#[test]
fn packing_fails_with_enomem_only_if_all_nodes_are_full() {
    let mut machine = machine_with(&[0; 10]);
    machine.free_pages = [0, 3, 0, 2];
    let outcome = place_all(&machine, PlacementMode::Pack, &[1, 2, 3], None);
    let nodes = nodes_of(&outcome);
    assert_eq!((count(&nodes, 0), count(&nodes, 1), count(&nodes, 3)), (5, 3, 2));
    assert_eq!((outcome.error, outcome.unmoved, outcome.stats.no_memory()), (errno::ENOMEM, 5, 5));
    // Pages that are in place do not need room.
    machine.pages.iter_mut().for_each(|page| page.node = 1);
    let outcome = place_all(&machine, PlacementMode::Pack, &[1, 2, 3], None);
    assert_eq!((outcome.error, outcome.stats.in_place()), (0, 10));
}

#[test]
fn a_node_without_room_for_huge_pages_may_have_room_for_base_pages() {
    let mut machine = machine_with(&[0, 0, 0, 0]);
    (machine.has_huge_pages, machine.page_of) = (true, vec![0, 0, 0, 0, 1, 1, 1, 1, 2, 3]);
    machine.free_pages = [0, 6, UNLIMITED, 0];
    let outcome = place_all(&machine, PlacementMode::Pack, &[1, 2], None);
    // The kernel splits a huge page if there are only base pages.
    let nodes = nodes_of(&outcome);
    assert_eq!((count(&nodes, 1), count(&nodes, 2), count(&nodes, 0)), (6, 4, 0), "{nodes:?}");
    assert_eq!((outcome.error, outcome.unmoved, outcome.stats.moved()), (0, 0, 10));
}

#[test]
fn parts_of_a_huge_page_that_stay_where_the_next_node_is_are_counted_one_by_one() {
    let mut machine = machine_with(&[2, 2, 2]);
    (machine.has_huge_pages, machine.page_of) = (true, (0..12).map(|index| index / 4).collect());
    machine.free_pages = [0, 6, UNLIMITED, 0];
    let outcome = place_all(&machine, PlacementMode::Pack, &[1, 2], None);
    let nodes = nodes_of(&outcome);
    // One huge page fits, and half of the next one, which the kernel splits.
    assert_eq!((count(&nodes, 1), count(&nodes, 2)), (6, 6), "{nodes:?}");
    assert_eq!(outcome.stats.all()[..3], [12, 6, 6]);
    assert_eq!((outcome.error, outcome.unmoved), (0, 0));
}

#[test]
fn pages_are_interleaved_by_their_numbers_and_weights() {
    let mut machine = machine_with(&[0; 12]);
    machine.free_pages = [UNLIMITED; 4];
    // The first page has the number 1.
    let outcome = place_all(&machine, PlacementMode::Interleave, &[0, 2, 3], None);
    assert_eq!(nodes_of(&outcome), [2, 3, 0, 2, 3, 0, 2, 3, 0, 2, 3, 0]);
    assert_eq!(outcome.stats.all()[..3], [12, 8, 4]);
    let outcome = place_all(&machine, PlacementMode::Weighted, &[1, 2], Some(&[9, 3]));
    assert_eq!(nodes_of(&outcome), [1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 2, 1]);
    // Once more: all are in place.
    let again = place_all(&outcome.machine, PlacementMode::Weighted, &[1, 2], Some(&[9, 3]));
    assert_eq!(again.stats.all()[..3], [12, 0, 12]);
}

#[test]
fn huge_pages_are_interleaved_as_wholes() {
    let mut machine = machine_with(&[0; 5]);
    (machine.has_huge_pages, machine.page_of) = (true, (0..5 * 8).map(|index| index / 8).collect());
    let outcome = place_all(&machine, PlacementMode::Interleave, &[1, 2], None);
    let nodes = nodes_of(&outcome);
    assert!(nodes.chunks(8).all(|page| page.iter().all(|node| node == &page[0])), "{nodes:?}");
    assert_eq!((count(&nodes, 1), count(&nodes, 2)), (3 * 8, 2 * 8));
    assert_eq!(outcome.unmoved, 0);
}

#[test]
fn a_full_node_fails_an_interleaved_placement_with_enomem() {
    let mut machine = machine_with(&[0; 8]);
    machine.free_pages = [0, 1, UNLIMITED, 0];
    let outcome = place_all(&machine, PlacementMode::Interleave, &[1, 2], None);
    assert_eq!((outcome.error, outcome.stats.moved(), outcome.stats.no_memory()), (errno::ENOMEM, 5, 3));
}

#[test]
fn balancing_moves_the_fewest_pages_that_it_can() {
    let machine = machine_with(&[[0; 12].as_slice(), &[1; 2], &[3; 4]].concat());
    let outcome = place_all(&machine, PlacementMode::Balance, &[0, 1, 2], None);
    let nodes = nodes_of(&outcome);
    assert_eq!([0, 1, 2, 3].map(|node| count(&nodes, node)), [6, 6, 6, 0]);
    assert_eq!(outcome.stats.moved(), 10);
    // Six on node 0 and four on node 3: there is no shorter way.
    let outcome = place_all(&machine, PlacementMode::Balance, &[0, 1, 2], Some(&[4, 1, 1]));
    let nodes = nodes_of(&outcome);
    assert_eq!([0, 1, 2, 3].map(|node| count(&nodes, node)), [12, 3, 3, 0]);
    assert_eq!(outcome.stats.moved(), 4);
}

#[test]
fn what_is_left_of_dividing_goes_to_different_nodes() {
    // Shares of 4.9, 3.7 and 2.4 pages.
    let machine = machine_with(&[0, 1, 0, 0, 1, 0, 1, 1, 1, 0, 1]);
    let outcome = place_all(&machine, PlacementMode::Balance, &[0, 2, 3], Some(&[4, 1, 3, 2]));
    let nodes = nodes_of(&outcome);
    assert_eq!([0, 1, 2, 3].map(|node| count(&nodes, node)), [5, 0, 4, 2]);
    assert_eq!(outcome.stats.moved(), 6);
}

#[test]
fn pages_that_cannot_move_are_replaced_by_others_when_nodes_are_balanced() {
    let mut machine = machine_with(&[0; 40]);
    machine.pages[..10].iter_mut().for_each(|page| page.pinned = 255);
    let outcome = place_all(&machine, PlacementMode::Balance, &[0, 1], None);
    let nodes = nodes_of(&outcome);
    assert_eq!((count(&nodes, 0), count(&nodes, 1)), (20, 20), "{nodes:?}");
    assert_eq!(outcome.unmoved, 10);
}

proptest! {
    #[test]
    fn balanced_nodes_hold_their_shares(
        pages in prop::collection::vec(0..NODES, 1..60),
        members in 1usize..16,
        weights in prop::collection::vec(1u8..5, 4),
    ) {
        let nodes: Vec<usize> = (0..4).filter(|node| members >> node & 1 == 1).collect();
        let outcome = place_all(&machine_with(&pages), PlacementMode::Balance, &nodes, Some(&weights));
        prop_assert_eq!((outcome.error, outcome.unmoved), (0, 0));
        let placed = nodes_of(&outcome);
        let total: usize = nodes.iter().map(|&node| usize::from(weights[node])).sum();
        let mut least = 0;
        for node in 0..4 {
            let (before, after) = (count(&pages, node), count(&placed, node));
            let weight = if nodes.contains(&(node as usize)) { usize::from(weights[node as usize]) } else { 0 };
            let share = pages.len() * weight / total;
            prop_assert!(after == share || weight > 0 && after == share + 1, "{:?} {:?}", pages, placed);
            least += before.saturating_sub(after);
        }
        // No page moves that need not.
        prop_assert_eq!(outcome.stats.moved(), least);
    }

    #[test]
    fn statistics_of_a_placement_are_those_of_the_pages(
        pages in pages_strategy(),
        mode in 0usize..4,
        members in 1usize..16,
        free in prop_oneof![Just(UNLIMITED), 0usize..8],
    ) {
        let mut machine = machine_with(&vec![0; pages.len()]);
        (machine.pages, machine.free_pages) = (pages, [free; 4]);
        let nodes: Vec<usize> = (0..4).filter(|node| members >> node & 1 == 1).collect();
        use PlacementMode::*;
        let mode = [Pack, Interleave, Weighted, Balance][mode];
        let before: Vec<i32> = machine.pages.iter().map(|page| page.node).collect();
        let outcome = place_all(&machine, mode, &nodes, matches!(mode, Weighted).then_some(&[2, 1, 1, 3]));
        let placed = nodes_of(&outcome);
        let changed = before.iter().zip(&placed).filter(|(before, after)| before != after).count();
        prop_assert_eq!(outcome.stats.moved(), changed);
        prop_assert_eq!(outcome.stats.finished(), outcome.stats.requested());
        let outside = placed.iter().filter(|&&node| node >= 0 && !nodes.contains(&(node as usize))).count();
        prop_assert!(outcome.unmoved >= outside, "{:?} {:?}", before, placed);
        prop_assert_eq!(outcome.error == errno::ENOMEM, outcome.stats.no_memory() > 0);
    }
}

#[test]
fn a_placement_that_contradicts_itself_is_einval() {
    let (one, none) = (set(&[1]), set(&[]));
    let check = |placement: PlacementRequest| placement.check();
    use PlacementMode::*;
    for mode in [Pack, Interleave, Weighted, Balance] {
        let takes_weights = matches!(mode, Weighted | Balance);
        assert_eq!(check(placement(mode, &one, None)), Ok(()));
        assert_eq!(check(placement(mode, &none, None)), Err(errno::EINVAL));
        assert_eq!(check(placement(mode, &one, Some(&[1]))).is_ok(), takes_weights);
        assert_eq!(check(placement(mode, &one, Some(&[1, 0]))), Err(errno::EINVAL));
        // The weight of another node does not matter.
        assert_eq!(check(placement(mode, &one, Some(&[0, 1, 0]))).is_ok(), takes_weights);
        assert_eq!(check(PlacementRequest { set_policy: true, ..placement(mode, &one, None) }), Ok(()));
        assert!(check(PlacementRequest { set_policy: true, ..placement(mode, &one, Some(&[1])) }).is_err());
    }
}

/// Tiers 4 with nodes 0 and 1, 20 with nodes 2 and 3, and 93 with node 5.
fn tiers(each: &mut dyn FnMut(u32, &NodeMask)) -> Result<(), i32> {
    each(93, &set(&[5]));
    each(4, &set(&[0, 1]));
    each(20, &set(&[2, 3]));
    Ok(())
}

/// Node 0 is nearer to node 3, node 1 to node 2.
fn distance(from: i32, to: i32) -> u8 {
    match (from, to) {
        _ if from == to => 10,
        (0, 3) | (3, 0) | (1, 2) | (2, 1) => 15,
        _ => 20,
    }
}

fn info(node: i32) -> PageInfo {
    PageInfo { node, index: 0, base_pages: 1 }
}

#[test]
fn pages_move_to_the_nearest_node_of_the_next_tier_that_has_room() {
    let targets = |direction| {
        let words = vec![0; TierTargets::BYTES / size_of::<usize>()].leak();
        TierTargets::new(direction, tiers, distance, &mut Arena::over(words)).unwrap()
    };
    let demoted = targets(TierMove::Demote);
    assert_eq!([0, 1, 2, 3, 5, 4].map(|node| demoted.target(info(node)).unwrap()), [3, 2, 5, 5, 5, 4]);
    assert_eq!(demoted.target_if_full(info(0), 3), Some(2));
    assert_eq!(demoted.target(info(0)), Some(2));
    assert_eq!(demoted.target_if_full(info(1), 2), None);
    // All are full: the kernel reports it.
    assert_eq!(demoted.target(info(0)), Some(3));
    // For huge pages there may be room, or not, independently.
    assert_eq!(demoted.target(PageInfo { base_pages: 512, ..info(1) }), Some(2));
    let promoted = targets(TierMove::Promote);
    assert_eq!([0, 1, 2, 3, 5].map(|node| promoted.target(info(node)).unwrap()), [0, 1, 1, 0, 2]);
    promoted.exclude(2);
    assert_eq!(promoted.target(info(5)), Some(3));
}

#[test]
fn the_error_of_a_tier_is_that_it_is_full_unless_all_of_it_is_forbidden() {
    let words = vec![0; TierTargets::BYTES / size_of::<usize>()].leak();
    let demoted = TierTargets::new(TierMove::Demote, tiers, distance, &mut Arena::over(words)).unwrap();
    demoted.exclude(3);
    assert_eq!(demoted.target(info(0)), Some(2));
    assert_eq!(demoted.target_if_full(info(0), 2), None);
    assert_eq!(demoted.target(info(0)), Some(2));
    demoted.exclude(2);
    assert_eq!(demoted.target(info(0)), Some(3));
}

#[test]
fn a_machine_with_fewer_than_two_tiers_has_no_other_tier() {
    let mut words = [0usize; TierTargets::BYTES / size_of::<usize>()];
    for count in 0..2 {
        let tiers = |each: &mut dyn FnMut(u32, &NodeMask)| {
            (0..count).for_each(|tier| each(tier, &set(&[0])));
            Ok(())
        };
        let targets = TierTargets::new(TierMove::Demote, tiers, distance, &mut Arena::over(&mut words));
        assert_eq!(targets.err(), Some(errno::ENODATA));
    }
    let failing = |_: &mut dyn FnMut(u32, &NodeMask)| Err(errno::EMFILE);
    let targets = TierTargets::new(TierMove::Demote, failing, distance, &mut Arena::over(&mut words));
    assert_eq!(targets.err(), Some(errno::EMFILE));
}

#[test]
fn pages_of_a_range_are_demoted_until_the_tier_is_full() {
    let mut machine = machine_with(&[0, 1, 2, 3, 0, 1, 0, 0]);
    machine.free_pages = [0, 0, 3, 2];
    let two = |each: &mut dyn FnMut(u32, &NodeMask)| {
        each(1, &set(&[0, 1]));
        each(2, &set(&[2, 3]));
        Ok(())
    };
    let mut words = [0usize; TierTargets::BYTES / size_of::<usize>()];
    let arena = &mut Arena::over(&mut words);
    let targets = TierTargets::new(TierMove::Demote, two, distance, arena).unwrap();
    let outcome = run_targets::<16>(&machine, &mut PageTargets::Tier(targets));
    let nodes = nodes_of(&outcome);
    assert_eq!((count(&nodes, 2), count(&nodes, 3)), (1 + 3, 1 + 2), "{nodes:?}");
    assert_eq!((outcome.error, outcome.stats.moved(), outcome.stats.in_place()), (errno::ENOMEM, 5, 2));
}

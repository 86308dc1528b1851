//! Fuzz targets: the mover on the kernel of `model`, and the page walk on fake files of /proc.

use super::model::*;
use super::*;

use super::fast_path::try_fast_path;
use super::ops::PresentPages;
use super::page_walk::PageWalk;
use super::pass_through::pass_through;
use crate::sys::errno;
use crate::sys::files::File;
use crate::sys::testing::MemoryFile;
use arbitrary::{Result, Unstructured};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Moves a list of pages of a random machine.
pub fn move_list(data: &[u8]) {
    let _ = random_request(&mut Unstructured::new(data));
}

fn random_request(choices: &mut Unstructured) -> Result<()> {
    let mut machine = random_machine(choices)?;
    let retries = choices.int_in_range(0..=3)?;
    let options: u8 = choices.arbitrary()?;
    match options / 16 {
        1 => machine.unmovable = true,
        2 => machine.denied_later = Some(retries as i32),
        _ => {}
    }
    let (mut addresses, mut nodes) = (Vec::new(), Vec::new());
    while !choices.is_empty() && addresses.len() < 200 {
        let offset = usize::from(choices.arbitrary::<u8>()?) * 16;
        addresses.push(address(choices.choose_index(machine.page_of.len())?) + offset);
        let node: u8 = choices.arbitrary()?;
        // Invalid nodes are rare, because they end a request.
        nodes.push(if node < 250 { i32::from(node) % NODES } else { i32::from(node) - 253 });
    }
    match options % 4 {
        0 => fast_path_or_list(&machine, &addresses, &nodes),
        1 => cancelled(&machine, &addresses, &nodes, options / 4),
        2 => assert_outcome(
            &machine,
            &addresses,
            &nodes,
            run_in_batches::<16>(&machine, &addresses, &nodes, retries, None),
        ),
        _ => assert_outcome(&machine, &addresses, &nodes, run(&machine, &addresses, &nodes, retries, None)),
    }
    Ok(())
}

fn random_machine(choices: &mut Unstructured) -> Result<Machine> {
    let mut pages = Vec::new();
    for _ in 0..choices.int_in_range(1..=24)? {
        let [node, options]: [u8; 2] = choices.arbitrary()?;
        let node = match node {
            240.. => -errno::ENOENT,
            224.. => -errno::EFAULT,
            _ => i32::from(node) % NODES,
        };
        let pinned = match options {
            240.. => 255,
            200.. => options % 4,
            _ => 0,
        };
        let in_flight = if (180..200).contains(&options) { options % 4 } else { 0 };
        pages.push(Page {
            node,
            shared: options % 16 == 15,
            pinned,
            in_flight,
            is_hugetlb: false,
            starts_with_zeros: false,
        });
    }
    let mut page_of = Vec::new();
    for _ in 0..choices.int_in_range(1..=40)? {
        page_of.push(choices.choose_index(pages.len())?);
    }
    let mut free_pages = [UNLIMITED; NODES as usize];
    if choices.ratio(1, 4)? {
        for free_pages in &mut free_pages {
            *free_pages = choices.int_in_range(0..=10)?;
        }
    }
    let denied = if choices.ratio(1, 4)? { Some(choices.int_in_range(0..=NODES - 1)?) } else { None };
    Ok(Machine {
        pages,
        page_of,
        free_pages,
        denied,
        unmovable: false,
        is_kernel_mapping: false,
        denied_later: None,
        has_huge_pages: false,
        reports_failed_split: false,
        freed_later: 0,
        loses_heads: false,
        hides_sizes: false,
        clock: FakeClock::default(),
    })
}

/// Moves pages on the fast path or in batches, as numa_move_pages() does.
fn fast_path_or_list(machine: &Machine, addresses: &[usize], nodes: &[i32]) {
    let model = Model::<16>::new(machine.clone());
    let mut status = vec![NOT_WRITTEN; addresses.len()];
    match try_fast_path(&model, request(addresses, nodes, &mut status), 0) {
        Some(result) => {
            assert_eq!((result, machine.first_invalid(nodes)), (Ok(()), None));
            let after = model.into_machine();
            assert_statuses_match(&status, addresses, &after);
            assert_last_entry_wins(machine, addresses, nodes, &after);
        }
        None => {
            let done = pass_through(&model, request(addresses, nodes, &mut status), 0);
            let machine = model.into_machine();
            assert!(addresses[..done].iter().zip(nodes).all(|(&address, &node)| machine.node_of(address) == node));
            assert!(status[..done] == nodes[..done] && status[done..].iter().all(|&status| status == NOT_WRITTEN));
            let (addresses, nodes) = (&addresses[done..], &nodes[done..]);
            assert_outcome(
                &machine,
                addresses,
                nodes,
                run_in_batches::<16>(&machine, addresses, nodes, DEFAULT_RETRIES, None),
            );
        }
    }
}

/// Moves pages and cancels the move.
fn cancelled(machine: &Machine, addresses: &[usize], nodes: &[i32], cancel_after: u8) {
    let (mut calls, mut last) = (0, MoveStats::default());
    let mut progress = |stats: &MoveStats| {
        calls += 1;
        last = *stats;
        calls <= cancel_after
    };
    const ENTRIES: usize = 16;
    let mut outcome = run_in_batches::<ENTRIES>(machine, addresses, nodes, DEFAULT_RETRIES, Some(&mut progress));
    assert_eq!(last, outcome.stats);
    assert!(outcome.stats.finished() <= addresses.len());
    if outcome.error == errno::ECANCELED {
        // A later batch may have moved a page again, and its status is not refreshed.
        let written = outcome.status.iter().take_while(|&&status| status != NOT_WRITTEN).count();
        let last = last_entries(machine, &addresses[..written]);
        for (entry, (status, address)) in outcome.status.iter_mut().zip(&addresses[..written]).enumerate() {
            if last[&machine.page(*address)] / ENTRIES != entry / ENTRIES {
                *status = outcome.machine.node_of(*address);
            }
        }
    }
    assert_prefix_matches(addresses, &outcome);
}

/// Checks the statuses of a request that may have ended early.
fn assert_prefix_matches(addresses: &[usize], outcome: &ListOutcome) {
    let written = outcome.status.iter().position(|&status| status == NOT_WRITTEN).unwrap_or(addresses.len());
    assert_statuses_match(&outcome.status[..written], &addresses[..written], &outcome.machine);
    assert!(outcome.status[written..].iter().all(|&status| status == NOT_WRITTEN), "{:?}", outcome.status);
}

/// Checks the result of a request that was not cancelled.
fn assert_outcome(before: &Machine, addresses: &[usize], nodes: &[i32], mut outcome: ListOutcome) {
    if before.denied_later.is_some() {
        // It ends at an entry that depends on the order in which target nodes are checked.
        return assert_prefix_matches(addresses, &outcome);
    }
    let invalid = before.first_invalid(nodes);
    let end = invalid.map_or(nodes.len(), |(entry, _)| entry);
    assert!(outcome.status.drain(end..).all(|status| status == NOT_WRITTEN));
    let (addresses, nodes) = (&addresses[..end], &nodes[..end]);
    outcome.assert_statuses_match(addresses);
    let full = outcome.status.contains(&-errno::ENOMEM);
    assert_eq!(outcome.error, invalid.map_or(if full { errno::ENOMEM } else { 0 }, |(_, error)| error));
    assert_last_entry_wins(before, addresses, nodes, &outcome.machine);
    if last_entries(before, addresses).len() == addresses.len() && has_room(before) {
        let (_, reference) = reference_move(before, addresses, nodes);
        assert!(on_target(&outcome.machine, addresses, nodes) >= on_target(&reference, addresses, nodes));
    }
}

/// Checks that movable pages are on the target nodes of the last entries that name them, and that no other pages have moved.
fn assert_last_entry_wins(before: &Machine, addresses: &[usize], nodes: &[i32], after: &Machine) {
    let last = last_entries(before, addresses);
    for (number, (page, now)) in before.pages.iter().zip(&after.pages).enumerate() {
        match last.get(&number) {
            Some(&entry) if page.node >= 0 && !page.shared && !before.unmovable => {
                assert!(page.pinned > 0 || !has_room(before) || now.node == nodes[entry], "{page:?} {now:?}");
            }
            _ => assert_eq!(now.node, page.node),
        }
    }
}

fn has_room(machine: &Machine) -> bool {
    machine.free_pages == [UNLIMITED; NODES as usize]
}

/// Returns the last entry that names each page.
fn last_entries(machine: &Machine, addresses: &[usize]) -> BTreeMap<usize, usize> {
    addresses.iter().enumerate().map(|(entry, &address)| (machine.page(address), entry)).collect()
}

/// Lists the pages of a range from random files of /proc.
pub fn page_walk(data: &[u8]) {
    let _ = random_process(&mut Unstructured::new(data));
}

fn random_process(choices: &mut Unstructured) -> Result<()> {
    const PAGE_BITS: u32 = PAGE.trailing_zeros();
    let (start, length) = (choices.int_in_range(0..=64 * PAGE)?, choices.int_in_range(0..=80 * PAGE)?);
    let (free_pages, scratch_size) = (choices.int_in_range(1..=20)?, choices.int_in_range(File::WORD..=20)?);
    let present: Option<Vec<bool>> = choices.arbitrary()?;
    let vmas = if choices.arbitrary()? { None } else { Some(ascending_vmas(choices)?) };
    let maps = match &vmas {
        Some(vmas) => maps_text(vmas).into_bytes(),
        None => choices.bytes(choices.len())?.to_vec(),
    };

    // Present, or swapped out or in flight.
    let word = |(page, &present): (usize, &bool)| (u64::from(present) << (63 - page % 2) | 7).to_ne_bytes();
    let words = |present: &Vec<bool>| present.iter().enumerate().flat_map(word).collect::<Vec<u8>>();
    let pagemap = present.as_ref().map(|present| MemoryFile::holding(&words(present)));
    let maps = MemoryFile::holding(&maps);
    let open = |file: &MemoryFile| File::open(&file.path());
    let mut walk = PageWalk::of(pagemap.as_ref().and_then(open), open(&maps), start, length, PAGE_BITS).unwrap();

    let (mut pages, mut scratch, mut listed) = (vec![0; free_pages], vec![0; scratch_size], Vec::new());
    let mut calls = 0;
    while !walk.is_done() {
        let count = walk.fill(&mut pages, usize::MAX, &mut scratch);
        listed.extend(pages[..count].iter().map(|page| page >> PAGE_BITS));
        calls += 1;
        assert!(calls < 10_000, "no end of it");
    }
    let whole_pages = if length == 0 { 0..0 } else { start / PAGE..(start + length).div_ceil(PAGE) };
    assert!(listed.iter().all(|page| whole_pages.contains(page)));
    // An empty file counts as one that cannot be read.
    if let Some(vmas) = vmas.filter(|vmas| !vmas.is_empty()) {
        let is_present = |page: &usize| present.as_ref().is_none_or(|present| present.get(*page) == Some(&true));
        let is_mapped = |page: &usize| vmas.iter().any(|&(first, end)| (first..end).contains(page));
        assert_eq!(listed, whole_pages.filter(|page| is_mapped(page) && is_present(page)).collect::<Vec<_>>());
    }
    Ok(())
}

/// Returns mappings by their first page and the one after the last.
fn ascending_vmas(choices: &mut Unstructured) -> Result<Vec<(usize, usize)>> {
    let (mut vmas, mut end) = (Vec::new(), 0);
    for _ in 0..choices.int_in_range(0..=30)? {
        let first = end + choices.int_in_range(0..=20)?;
        end = first + choices.int_in_range(1..=20)?;
        vmas.push((first, end));
    }
    Ok(vmas)
}

/// Returns the mappings in the format of /proc/PID/maps.
fn maps_text(vmas: &[(usize, usize)]) -> String {
    let mut text = String::new();
    for &(first, end) in vmas {
        let (start, end) = (first * PAGE, end * PAGE);
        writeln!(text, "{start:08x}-{end:08x} rw-p 00000000 00:00 0 {:>1$}", "[heap]", first % 60).unwrap();
    }
    text
}

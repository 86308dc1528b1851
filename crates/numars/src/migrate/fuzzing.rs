//! The mover against the kernel of `model`, and the pages of a range against made-up files of /proc.

use super::model::*;
use super::*;
use crate::sys::files::File;
use crate::sys::testing::MemoryFile;
use arbitrary::{Result, Unstructured};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Moves a list of pages of a made-up machine.
pub fn mover(data: &[u8]) {
    let _ = made_up_request(&mut Unstructured::new(data));
}

fn made_up_request(choices: &mut Unstructured) -> Result<()> {
    let mut machine = made_up_machine(choices)?;
    let retries = choices.int_in_range(0..=3)?;
    let manner: u8 = choices.arbitrary()?;
    match manner / 16 {
        1 => machine.unmovable = true,
        2 => machine.soon_denied = Some(retries as i32),
        _ => {}
    }
    let (mut addresses, mut nodes) = (Vec::new(), Vec::new());
    while !choices.is_empty() && addresses.len() < 200 {
        let offset = usize::from(choices.arbitrary::<u8>()?) * 16;
        addresses.push(address(choices.choose_index(machine.page_of.len())?) + offset);
        let node: u8 = choices.arbitrary()?;
        // Nodes that are not there end a request, and shall not end each.
        nodes.push(if node < 250 { i32::from(node) % NODES } else { i32::from(node) - 253 });
    }
    match manner % 4 {
        0 => few_or_list(&machine, &addresses, &nodes),
        1 => stopped(&machine, &addresses, &nodes, manner / 4),
        2 => whole(&machine, &addresses, &nodes, run_in_windows::<16>(&machine, &addresses, &nodes, retries, None)),
        _ => whole(&machine, &addresses, &nodes, run(&machine, &addresses, &nodes, retries, None)),
    }
    Ok(())
}

fn made_up_machine(choices: &mut Unstructured) -> Result<Machine> {
    let mut pages = Vec::new();
    for _ in 0..choices.int_in_range(1..=24)? {
        let [place, manner]: [u8; 2] = choices.arbitrary()?;
        let place = match place {
            240.. => -errno::ENOENT,
            224.. => -errno::EFAULT,
            _ => i32::from(place) % NODES,
        };
        let pinned = match manner {
            240.. => 255,
            200.. => manner % 4,
            _ => 0,
        };
        let in_flight = if (180..200).contains(&manner) { manner % 4 } else { 0 };
        pages.push(Page { place, shared: manner % 16 == 15, pinned, in_flight, starts_with_zeros: false });
    }
    let mut page_of = Vec::new();
    for _ in 0..choices.int_in_range(1..=40)? {
        page_of.push(choices.choose_index(pages.len())?);
    }
    let mut room = [NO_ROOM_LIMIT; NODES as usize];
    if choices.ratio(1, 4)? {
        for room in &mut room {
            *room = choices.int_in_range(0..=10)?;
        }
    }
    let denied = if choices.ratio(1, 4)? { Some(choices.int_in_range(0..=NODES - 1)?) } else { None };
    Ok(Machine {
        pages,
        page_of,
        room,
        denied,
        unmovable: false,
        soon_denied: None,
        has_huge_pages: false,
        soon_room: 0,
    })
}

/// As numa_move_pages() does it.
fn few_or_list(machine: &Machine, addresses: &[usize], nodes: &[i32]) {
    let model = Model::<16>::new(machine.clone());
    let mut status = vec![NOT_WRITTEN; addresses.len()];
    match try_fast_path(&model, request(addresses, nodes, &mut status), 0) {
        Some(answer) => {
            assert_eq!((answer, machine.first_wrong(nodes)), (Ok(()), None));
            let after = model.into_machine();
            assert_true(&status, addresses, &after);
            assert_last_counts(machine, addresses, nodes, &after);
        }
        None => {
            let machine = model.into_machine();
            whole(&machine, addresses, nodes, run_in_windows::<16>(&machine, addresses, nodes, RETRIES, None));
        }
    }
}

/// Somebody stops it.
fn stopped(machine: &Machine, addresses: &[usize], nodes: &[i32], patience: u8) {
    let (mut heard, mut last) = (0, [0; 11]);
    let mut progress = |figures: &Figures| {
        heard += 1;
        last = *figures;
        heard <= patience
    };
    const ENTRIES: usize = 16;
    let mut outcome = run_in_windows::<ENTRIES>(machine, addresses, nodes, RETRIES, Some(&mut progress));
    assert_eq!(last, outcome.figures);
    assert!(sum(&outcome.figures) <= addresses.len());
    if outcome.error == errno::ECANCELED {
        // A page that a later window names too may have gone on, and the kernel is not asked again.
        let written = outcome.status.iter().take_while(|&&status| status != NOT_WRITTEN).count();
        let last = last_entries(machine, &addresses[..written]);
        for (entry, (status, address)) in outcome.status.iter_mut().zip(&addresses[..written]).enumerate() {
            if last[&machine.page(*address)] / ENTRIES != entry / ENTRIES {
                *status = outcome.machine.place(*address);
            }
        }
    }
    assert_true_to_the_end(addresses, &outcome);
}

/// Checks the statuses of a request that may have ended early.
fn assert_true_to_the_end(addresses: &[usize], outcome: &ListOutcome) {
    let written = outcome.status.iter().position(|&status| status == NOT_WRITTEN).unwrap_or(addresses.len());
    assert_true(&outcome.status[..written], &addresses[..written], &outcome.machine);
    assert!(outcome.status[written..].iter().all(|&status| status == NOT_WRITTEN), "{:?}", outcome.status);
}

/// Checks what came of a request that nobody stopped.
fn whole(before: &Machine, addresses: &[usize], nodes: &[i32], mut outcome: ListOutcome) {
    if before.soon_denied.is_some() {
        // Where it ends depends on when which target is looked at.
        return assert_true_to_the_end(addresses, &outcome);
    }
    let wrong = before.first_wrong(nodes);
    let end = wrong.map_or(nodes.len(), |(entry, _)| entry);
    assert!(outcome.status.drain(end..).all(|status| status == NOT_WRITTEN));
    let (addresses, nodes) = (&addresses[..end], &nodes[..end]);
    outcome.assert_true(addresses);
    let full = outcome.status.contains(&-errno::ENOMEM);
    assert_eq!(outcome.error, wrong.map_or(if full { errno::ENOMEM } else { 0 }, |(_, error)| error));
    assert_last_counts(before, addresses, nodes, &outcome.machine);
    if last_entries(before, addresses).len() == addresses.len() && has_room(before) {
        let (_, theirs) = bare(before, addresses, nodes);
        assert!(on_target(&outcome.machine, addresses, nodes) >= on_target(&theirs, addresses, nodes));
    }
}

/// Checks that pages which nothing holds are where the last entry that names them wants them, and that no others have moved.
fn assert_last_counts(before: &Machine, addresses: &[usize], nodes: &[i32], after: &Machine) {
    let last = last_entries(before, addresses);
    for (number, (page, now)) in before.pages.iter().zip(&after.pages).enumerate() {
        match last.get(&number) {
            Some(&entry) if page.place >= 0 && !page.shared && !before.unmovable => {
                assert!(page.pinned > 0 || !has_room(before) || now.place == nodes[entry], "{page:?} {now:?}");
            }
            _ => assert_eq!(now.place, page.place),
        }
    }
}

fn has_room(machine: &Machine) -> bool {
    machine.room == [NO_ROOM_LIMIT; NODES as usize]
}

/// The last entry that names each page.
fn last_entries(machine: &Machine, addresses: &[usize]) -> BTreeMap<usize, usize> {
    addresses.iter().enumerate().map(|(entry, &address)| (machine.page(address), entry)).collect()
}

/// Lists the pages of a range of a process whose files in /proc are made up.
pub fn ranges(data: &[u8]) {
    let _ = made_up_process(&mut Unstructured::new(data));
}

fn made_up_process(choices: &mut Unstructured) -> Result<()> {
    const PAGE_BITS: u32 = PAGE.trailing_zeros();
    let (start, length) = (choices.int_in_range(0..=64 * PAGE)?, choices.int_in_range(0..=80 * PAGE)?);
    let (room, scratch_room) = (choices.int_in_range(1..=20)?, choices.int_in_range(1..=20)?);
    let there: Option<Vec<bool>> = choices.arbitrary()?;
    let areas = if choices.arbitrary()? { None } else { Some(ascending_areas(choices)?) };
    let maps = match &areas {
        Some(areas) => lines_of(areas).into_bytes(),
        None => choices.bytes(choices.len())?.to_vec(),
    };

    // Present, or swapped out or in flight.
    let word = |(page, &there): (usize, &bool)| (u64::from(there) << (63 - page % 2) | 7).to_ne_bytes();
    let words = |there: &Vec<bool>| there.iter().enumerate().flat_map(word).collect::<Vec<u8>>();
    let pagemap = there.as_ref().map(|there| MemoryFile::holding(&words(there)));
    let maps = MemoryFile::holding(&maps);
    let open = |file: &MemoryFile| File::open(&file.path());
    let mut range = Range::of(pagemap.as_ref().and_then(open), open(&maps), start, length, PAGE_BITS).unwrap();

    let (mut pages, mut scratch, mut found) = (vec![0; room], vec![0; scratch_room], Vec::new());
    let mut calls = 0;
    while !range.is_done() {
        let count = range.list(&mut pages, usize::MAX, &mut scratch);
        found.extend(pages[..count].iter().map(|page| page >> PAGE_BITS));
        calls += 1;
        assert!(calls < 10_000, "no end of it");
    }
    let whole_pages = if length == 0 { 0..0 } else { start / PAGE..(start + length).div_ceil(PAGE) };
    assert!(found.iter().all(|page| whole_pages.contains(page)));
    // Without any, the file counts as one that can't be read.
    if let Some(areas) = areas.filter(|areas| !areas.is_empty()) {
        let is_there = |page: &usize| there.as_ref().is_none_or(|there| there.get(*page) == Some(&true));
        let is_mapped = |page: &usize| areas.iter().any(|&(first, behind)| (first..behind).contains(page));
        assert_eq!(found, whole_pages.filter(|page| is_mapped(page) && is_there(page)).collect::<Vec<_>>());
    }
    Ok(())
}

/// Areas as their first page and the one behind the last.
fn ascending_areas(choices: &mut Unstructured) -> Result<Vec<(usize, usize)>> {
    let (mut areas, mut behind) = (Vec::new(), 0);
    for _ in 0..choices.int_in_range(0..=30)? {
        let first = behind + choices.int_in_range(0..=20)?;
        behind = first + choices.int_in_range(1..=20)?;
        areas.push((first, behind));
    }
    Ok(areas)
}

/// As /proc/PID/maps tells of areas.
fn lines_of(areas: &[(usize, usize)]) -> String {
    let mut text = String::new();
    for &(first, behind) in areas {
        let (start, end) = (first * PAGE, behind * PAGE);
        writeln!(text, "{start:08x}-{end:08x} rw-p 00000000 00:00 0 {:>1$}", "[heap]", first % 60).unwrap();
    }
    text
}

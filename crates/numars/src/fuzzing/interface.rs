//! The types at the root of the crate, with the kernel's real move_pages(2) on the memory of this process.

use crate::{Cpu, CpuSet, Errno, MapOptions, Move, Node, NodeSet, PageStatus, Placement, Policy, Process, TierMove};
use arbitrary::{Result, Unstructured};
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// Pages that the moves are mostly about.
const PAGES: usize = 16;

/// Parses sets, and moves and queries pages of this process.
pub fn interface(data: &[u8]) {
    let _ = parse_and_move(&mut Unstructured::new(data));
}

fn parse_and_move(choices: &mut Unstructured) -> Result<()> {
    let text: &str = choices.arbitrary()?;
    let nodes: NodeSet = parse(text).unwrap_or_default();
    let cpus: CpuSet = parse(text).unwrap_or_default();
    let policy: Policy = text.parse().unwrap_or_default();
    assert_eq!(policy.to_string().parse(), Ok(policy));
    let raw: i32 = choices.arbitrary()?;
    for policy in [policy, Policy::from_raw(raw, nodes)] {
        // Memory of any size and policy is mapped and zero, or refused.
        let bytes = usize::from(choices.arbitrary::<u16>()?);
        let mapped = MapOptions::new().policy(policy).populate(raw & 1 != 0).strict(raw & 2 != 0).map(bytes);
        assert!(
            mapped.map_or(true, |memory| memory.len() == bytes && memory.iter().all(|&byte| byte == 0)),
            "{policy}"
        );
    }
    let same_cpus = nodes.iter().filter_map(|node| Cpu::new(node.number()));
    assert!(nodes.is_empty() || same_cpus.eq(cpus.iter()), "{nodes} {cpus}");

    let page_size = crate::sys::memory::page_size();
    let memory = vec![1u8; PAGES * page_size];
    let start = memory.as_ptr() as usize;
    let (mut pages, mut targets) = (Vec::new(), Vec::new());
    for _ in 0..choices.int_in_range(0..=40)? {
        let page: u8 = choices.arbitrary()?;
        pages.push(match usize::from(page) {
            page if page < 200 => start + page % PAGES * page_size + page,
            _ => choices.arbitrary()?,
        });
        let node: u16 = choices.arbitrary()?;
        // Nodes that do not exist are rare, because they end a move.
        targets.push(usize::from(node.saturating_sub(60_000)));
    }
    let targets: Vec<Node> = targets.into_iter().filter_map(Node::new).collect();
    let mut statuses = vec![PageStatus::UNKNOWN; pages.len()];
    assert_eq!(crate::nodes_of_pages(&pages, &mut [PageStatus::UNKNOWN; 41]), Err(Errno::EINVAL));
    let queried = crate::nodes_of_pages(&pages, &mut statuses).is_ok();
    assert!(!queried || !statuses.contains(&PageStatus::UNKNOWN), "{statuses:?}");

    let mut moved_per_node = [0; 3];
    let [threads, retries, pause]: [u8; 3] = choices.arbitrary()?;
    let mut builder = Move::new()
        .threads(threads.into())
        .retries(u32::from(retries) % 4)
        .max_pause(Duration::from_micros(pause.into()))
        .timeout(Duration::from_secs(1))
        .moved_per_node(&mut moved_per_node);
    let moved = builder.pages(&pages, &targets, &mut statuses);
    if pages.len() != targets.len() {
        assert_eq!(moved.map_err(Errno::from), Err(Errno::EINVAL));
    } else if let Ok(stats) = moved {
        assert_eq!(stats.requested(), pages.len(), "{stats}");
        assert!(!statuses.contains(&PageStatus::UNKNOWN), "{statuses:?}");
    }

    let weights: [u8; 2] = choices.arbitrary()?;
    let placement = match choices.int_in_range(0..=3)? {
        0 => Placement::pack(nodes),
        1 => Placement::interleave(nodes),
        2 => Placement::weighted(nodes),
        _ => Placement::balance(nodes).weights(&weights),
    };
    let (offset, length): (u16, u32) = choices.arbitrary()?;
    let (start, length) = (start.wrapping_sub(offset.into()), length as usize % (1 << 20));
    let node = nodes.first().unwrap_or(Node::MAX);
    let results = [
        builder.range(start, length, node),
        builder.place_range(start, length, &placement),
        builder.place_range(choices.arbitrary()?, length, &placement),
        builder.to_tier(start, length, TierMove::Demote),
        builder.process(Process::from_pid(i32::MAX).unwrap_or_default()).process_pages(nodes, nodes),
    ];
    for error in results.into_iter().filter_map(|result| result.err()) {
        assert!(error.errno().name().is_some_and(|name| error.to_string().starts_with(name)), "{error}");
    }
    Ok(())
}

/// Parses a set, which is written as a text that means the same set.
fn parse<S: FromStr<Err = crate::ParseListError> + Display + PartialEq>(text: &str) -> Option<S> {
    match text.parse::<S>() {
        Ok(set) => {
            let written = set.to_string();
            assert!(written.parse::<S>().is_ok_and(|again| again == set), "{text:?} {written}");
            Some(set)
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            None
        }
    }
}

//! The types at the root of the crate, with the kernel's real move_pages(2) on the memory of this process.

use crate::{
    Attribute, Cpu, CpuSet, Errno, MapOptions, MbindFlags, Mode, ModeFlags, Move, Node, NodeSet, PageStatus, Placement,
    Policy, Process, TierMove, Topology,
};
use arbitrary::{Result, Unstructured};
use std::fmt::Display;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

/// Pages that the moves are mostly about.
const PAGES: usize = 16;

/// Parses sets and policies, sets policies, asks the topology, and moves and queries pages of this process.
pub fn interface(data: &[u8]) {
    let mut choices = Unstructured::new(data);
    let _ = parse_and_move(&mut choices).and_then(|(text, nodes, policies)| {
        set_policies(&mut choices, text, nodes, policies)?;
        ask_topology(&mut choices, text)?;
        count_and_refuse(&mut choices)
    });
}

/// Returns the text, the nodes and the policies that were parsed.
fn parse_and_move<'a>(choices: &mut Unstructured<'a>) -> Result<(&'a str, NodeSet, [Policy; 2])> {
    let text: &str = choices.arbitrary()?;
    let nodes: NodeSet = parse(text).unwrap_or_default();
    let cpus: CpuSet = parse(text).unwrap_or_default();
    let policy: Policy = text.parse().unwrap_or_default();
    assert_eq!(policy.to_string().parse(), Ok(policy));
    let raw: i32 = choices.arbitrary()?;
    let policies = [policy, Policy::from_raw(raw, nodes)];
    for policy in policies {
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
    Ok((text, nodes, policies))
}

/// Writes policies and parses them again, and gives them to this thread, which gets its own one back, and to memory.
fn set_policies(choices: &mut Unstructured, text: &str, nodes: NodeSet, policies: [Policy; 2]) -> Result<()> {
    let mode: Option<Mode> = text.parse().ok();
    let flags: Option<ModeFlags> = text.parse().ok();
    assert!(mode.is_none() || flags.is_none(), "{text:?}");
    let typed = Policy::new(mode.unwrap_or(Mode::Bind), nodes).with_flags(flags.unwrap_or(ModeFlags::NONE));
    let before = Policy::of_thread();
    for policy in policies.into_iter().chain([typed]) {
        match policy.to_string().parse::<Policy>() {
            Ok(parsed) => assert_eq!(parsed, policy),
            Err(error) => assert!(error.to_string().contains("the mode "), "{policy}: {error}"),
        }
        #[cfg(feature = "serde")]
        serialize(policy);
        if let Ok(guard) = policy.scoped() {
            assert_eq!(Ok(guard.previous()), before);
            if choices.arbitrary()? {
                drop(guard);
            } else {
                assert_eq!(guard.restore(), Ok(()), "{policy}");
            }
        }
        assert_eq!(Policy::of_thread(), before, "{policy}");

        let Ok(memory) = MapOptions::new().map(PAGES * crate::sys::memory::page_size()) else { continue };
        let (start, node) = (memory.as_ptr() as usize, nodes.first().unwrap_or(Node::MAX));
        // The kernel rounds some of them up to 0. From address 0 on, it accepts the others for the default policy.
        let huge = usize::MAX - usize::from(choices.arbitrary::<u16>()?);
        for start in [0, start, choices.arbitrary()?] {
            let results = [policy.set_for_range(start, huge), crate::set_home_node(start, huge, node)];
            let is_whole = huge.checked_add(crate::sys::memory::page_size() - 1).is_some();
            assert!(is_whole || results.iter().all(|result| result.is_err()), "{policy}: {huge:#x} {results:?}");
        }
        let [from, to] = [(); 2].map(|()| choices.int_in_range(0..=memory.len()).unwrap_or(0));
        let part = &memory[from.min(to)..from.max(to)];
        let flags = if choices.arbitrary()? { MbindFlags::MOVE | MbindFlags::STRICT } else { MbindFlags::NONE };
        let results = [policy.set_for_memory_with(part, flags), crate::set_home_node(start, memory.len(), node)];
        for error in results.into_iter().filter_map(|result| result.err()) {
            assert!(error.to_string().starts_with(error.call().name()), "{error}");
        }
        assert!(memory.iter().all(|&byte| byte == 0));
    }
    Ok(())
}

/// Serializes a policy, from which the same one is deserialized, or which cannot be.
#[cfg(feature = "serde")]
fn serialize(policy: Policy) {
    use serde_core::de::{Deserialize, IntoDeserializer, value::Error, value::StrDeserializer};
    use serde_core::ser::Serialize;
    struct Serialized(Policy);
    impl Display for Serialized {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            self.0.serialize(f)
        }
    }
    let mut written = String::new();
    if std::fmt::write(&mut written, format_args!("{}", Serialized(policy))).is_ok() {
        let reader: StrDeserializer<Error> = written.as_str().into_deserializer();
        assert_eq!(Policy::deserialize(reader), Ok(policy));
    } else {
        assert!(policy.to_string().parse::<Policy>().is_err(), "{policy}");
    }
}

/// Asks the topology about nodes and names of any kind, except hosts, about which a name server would be asked.
fn ask_topology(choices: &mut Unstructured, text: &str) -> Result<()> {
    static TOPOLOGY: OnceLock<Topology> = OnceLock::new();
    let topology = TOPOLOGY.get_or_init(|| Topology::read().unwrap());
    let [from, to] = <[u16; 2]>::map(choices.arbitrary()?, |number| Node::new(usize::from(number) % 1024).unwrap());
    let (exists, initiator) = (topology.nodes().contains(from), choices.arbitrary::<bool>()?.then_some(to));
    assert!(exists || topology.distance(from, to).is_none());
    assert!(exists || topology.memory(from) == Err(Errno::ENODEV));
    assert!(exists || topology.kind_of(from).is_err() && topology.tier_of(from).is_err());
    assert!(exists || topology.interleave_weight(from).is_err());
    assert!(exists || topology.cpus_of(from).is_ok_and(|cpus| cpus.is_empty()));
    assert_eq!(topology.nodes_by_distance(from).collect::<NodeSet>(), topology.nodes_with_memory());
    let attribute = *choices.choose(&[Attribute::Capacity, Attribute::ReadBandwidth, Attribute::WriteLatency])?;
    assert!(exists || topology.attribute(from, initiator, attribute).is_err());
    let best = topology.best_nodes(initiator, attribute);
    assert!(best.is_err() || best.is_ok_and(|nodes| !nodes.is_empty() && nodes.is_subset(&topology.nodes())));
    if !text.contains("ip:") {
        let named = topology.nodes_by_name(text);
        assert!(topology.node_of_device(text).map_or(true, |node| named == Ok(node.into())), "{text:?}");
        for parsed in [topology.parse_nodes(text), topology.parse_nodes_all(text)] {
            match parsed {
                Ok(nodes) => assert!(nodes.is_subset(&topology.nodes()), "{text:?}: {nodes}"),
                Err(error) => assert!(error.span().end <= text.len() && error.errno().name().is_some(), "{error}"),
            }
        }
        match topology.parse_cpus(text) {
            Ok(_) => {}
            Err(error) => assert!(error.span().end <= text.len() && !error.to_string().is_empty(), "{error}"),
        }
    }
    Ok(())
}

/// Counts pages of any range, and asks for moves that are refused.
fn count_and_refuse(choices: &mut Unstructured) -> Result<()> {
    let mut per_node = [0; 3];
    let (start, length): (usize, u32) = choices.arbitrary()?;
    if let Ok(pages) = Process::CURRENT.count_pages(start, length as usize % (1 << 20), &mut per_node) {
        assert!(per_node.iter().sum::<usize>() <= pages, "{per_node:?} {pages}");
    }
    let empty = NodeSet::EMPTY;
    for placement in [Placement::pack(empty), Placement::interleave(empty), Placement::balance(empty)] {
        let refused = Move::new().place_process(&placement.set_policy(choices.arbitrary()?));
        assert!(refused.is_err_and(|error| error.stats().moved() == 0), "{placement:?}");
    }
    assert!(Move::new().process_pages(empty, empty).is_err());
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

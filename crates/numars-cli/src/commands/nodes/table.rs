//! The nodes as a table, in as many columns as the screen has room for.

use crate::draw::{self, FAINT, fold_list, styled, table, table_text, table_width};
use crate::machine::{Machine, MachineNode};
use crate::screen::Screen;
use crate::units;
use comfy_table::Table;

/// The width that a column of CPUs should have before what the firmware says about the memory has a table of its own.
const CPUS_WIDTH: usize = 24;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Node,
    Cpus,
    Memory,
    Free,
    Used,
    Kind,
    Tier,
    Weight,
    From,
    Read,
    Write,
    Latency,
}

use Column::*;

/// All columns in their order.
const ALL: [Column; 12] = [Node, Cpus, Memory, Free, Used, Kind, Tier, Weight, From, Read, Write, Latency];
/// What the firmware says about the access to a node's memory.
const ACCESS: [Column; 4] = [From, Read, Write, Latency];
/// What a narrow screen has no room for, in the order in which it goes.
const DISPENSABLE: [Column; 4] = [Used, Weight, Kind, Tier];

/// Draws the table, or two if one is too wide.
pub fn draw(machine: &Machine, screen: &Screen) -> String {
    let columns: Vec<Column> = ALL.into_iter().filter(|column| column.has_values(machine)).collect();
    if let Some(table) = fitted(machine, screen, &columns, CPUS_WIDTH) {
        return table_text(&table);
    }
    let (access, mut main): (Vec<Column>, Vec<Column>) = columns.iter().partition(|column| ACCESS.contains(column));
    let mut missing = Vec::new();
    let mut text = loop {
        match fitted(machine, screen, &main, 1) {
            Some(table) => break table_text(&table),
            None => match DISPENSABLE.into_iter().find(|column| main.contains(column)) {
                Some(column) => {
                    main.retain(|other| *other != column);
                    missing.push(column.name());
                }
                None => break table_text(&filled(machine, screen, &main, 1)),
            },
        }
    };
    if !missing.is_empty() {
        let note = format!("no room for: {}", missing.join(", "));
        text += &(styled(note, FAINT) + "\n");
    }
    if !access.is_empty() {
        let columns: Vec<Column> = [Node].into_iter().chain(access).collect();
        text += &format!("\n{}", table_text(&filled(machine, screen, &columns, 1)));
    }
    text
}

/// Returns the table, if it fits the screen with lists of CPUs that are complete, or folded at `cpus_width` or more.
fn fitted(machine: &Machine, screen: &Screen, columns: &[Column], cpus_width: usize) -> Option<Table> {
    let whole = filled(machine, screen, columns, usize::MAX);
    if table_width(&whole) <= screen.width {
        return Some(whole);
    }
    // Folded after each range, the lists are as wide as the longest one.
    let narrow = table_width(&filled(machine, screen, columns, 1));
    let items = machine.nodes.iter().flat_map(|node| node.cpus.split_inclusive(','));
    let longest = items.map(str::len).max().unwrap_or(0).max(Cpus.name().len());
    let folded = longest + screen.width.checked_sub(narrow)?;
    (folded >= cpus_width).then(|| filled(machine, screen, columns, folded))
}

/// Returns the table with these columns, and lists of CPUs that are folded.
fn filled(machine: &Machine, screen: &Screen, columns: &[Column], cpus_width: usize) -> Table {
    let header: Vec<&str> = columns.iter().map(|column| column.name()).collect();
    let is_right = |column: &Column| !matches!(column, Cpus | Used | Kind | From);
    let right: Vec<usize> = (0..columns.len()).filter(|&index| columns.get(index).is_some_and(is_right)).collect();
    let mut table = table(screen, &header, &right);
    // Values are not divided at the width of the screen.
    table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
    for node in &machine.nodes {
        table.add_row(columns.iter().map(|column| match column {
            Cpus => fold_list(&column.value(node, screen), cpus_width),
            _ => column.value(node, screen),
        }));
    }
    table
}

impl Column {
    /// Returns its heading.
    fn name(self) -> &'static str {
        match self {
            Node => "node",
            Cpus => "CPUs",
            Memory => "memory",
            Free => "free",
            Used => "used",
            Kind => "kind",
            Tier => "tier",
            Weight => "weight",
            From => "from",
            Read => "read",
            Write => "write",
            Latency => "latency",
        }
    }

    /// Returns whether it says anything about the nodes of this machine.
    fn has_values(self, machine: &Machine) -> bool {
        let says = |node: &MachineNode| match self {
            Kind => !node.kind.short().is_empty(),
            Tier => node.tier.is_some(),
            Weight => node.interleave_weight.is_some_and(|weight| weight != 1),
            From => node.initiators.is_some() && (node.read_bandwidth.is_some() || node.read_latency_ns.is_some()),
            Read => node.read_bandwidth.is_some(),
            Write => node.write_bandwidth.is_some(),
            Latency => node.read_latency_ns.is_some(),
            Node | Cpus | Memory | Free | Used => true,
        };
        machine.nodes.iter().any(says)
    }

    /// Returns what it says about a node.
    fn value(self, node: &MachineNode, screen: &Screen) -> String {
        fn or_dash(value: Option<impl ToString>) -> String {
            value.map_or("-".into(), |value| value.to_string())
        }
        let size = |bytes: Option<u64>| bytes.map_or("?".into(), units::bytes);
        let rate = |rate: Option<u64>| or_dash(rate.map(|rate| format!("{} GB/s", units::number(rate as f64 / 1e9))));
        match self {
            Node if node.allowed || node.memory_bytes == Some(0) => node.node.to_string(),
            Node => format!("{}*", node.node),
            Cpus if node.cpus.is_empty() => "-".into(),
            Cpus => node.cpus.clone(),
            Memory => size(node.memory_bytes),
            Free => size(node.free_bytes),
            Used => used(node, screen),
            Kind => node.kind.short().into(),
            Tier => or_dash(node.tier),
            Weight => or_dash(node.interleave_weight),
            From => or_dash(node.initiators.clone()),
            Read => rate(node.read_bandwidth),
            Write => rate(node.write_bandwidth),
            Latency => or_dash(node.read_latency_ns.map(|latency| format!("{latency} ns"))),
        }
    }
}

/// Returns the bar that shows how much of the memory is used.
fn used(node: &MachineNode, screen: &Screen) -> String {
    match (node.memory_bytes, node.free_bytes) {
        (Some(0), _) => String::new(),
        (Some(total), Some(free)) => {
            let fraction = total.saturating_sub(free) as f64 / total as f64;
            let style = if fraction > 0.97 { draw::WARNING } else { draw::GOOD };
            draw::fill_bar(screen, fraction, 10, style)
        }
        _ => "?".into(),
    }
}

//! The machine as an SVG picture: a box for each node, and the matrix of distances.

use super::matrix;
use crate::draw::{fold_list, heat_rgb, heat_text_rgb, node_rgb};
use crate::grid::Grid;
use crate::machine::{Machine, MachineNode};
use crate::picture::{MARGIN, heading, heat_legend, page, rectangle, text};
use crate::units;
use svg::Document;
use svg::node::element::{Group, Title};

const BOX_WIDTH: f64 = 190.0;
const GAP: f64 = 12.0;
const PADDING: f64 = 10.0;
const LINE: f64 = 17.0;
const TITLE: f64 = 32.0;
const BOXES_IN_A_ROW: usize = 4;
/// Machines with more nodes have one row for nodes with the same distances.
const UNFOLDED_NODES: usize = 16;

/// Draws a machine.
pub fn draw(machine: &Machine) -> Document {
    let grid = matrix::grid(machine, machine.nodes.len() > UNFOLDED_NODES);
    let has_rates = machine.nodes.iter().any(|node| rates(node).is_some());
    let box_height = LINE * if has_rates { 5.0 } else { 4.0 } + 14.0;
    let boxes = machine.nodes.len();
    let boxes_width = boxes.clamp(1, BOXES_IN_A_ROW) as f64 * (BOX_WIDTH + GAP) - GAP;
    let matrix_top = MARGIN + TITLE + boxes.div_ceil(BOXES_IN_A_ROW) as f64 * (box_height + GAP) + GAP;
    let has_matrix = boxes > 1;
    // Names of nodes with the same distances may be long; values such as 10/20 are wider than two digits.
    let widest = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(1).clamp(2, 24) as f64 * 7.0 + 12.0;
    let label = widest(&mut grid.rows.iter().map(|(name, _)| name.len()));
    let values = grid.rows.iter().flat_map(|(_, fields)| fields).map(|field| field.text.len());
    let natural = widest(&mut values.chain(grid.columns.iter().map(String::len)));
    let cell = natural.min((804.0 - label) / grid.columns.len().max(1) as f64).max(3.0);
    let matrix_width = label + cell * grid.columns.len() as f64;
    let width = 2.0 * MARGIN + boxes_width.max(if has_matrix { matrix_width.max(420.0) } else { 0.0 });
    let matrix_height = 22.0 + cell.min(26.0) * (grid.rows.len() + 1) as f64;
    let height = matrix_top + if has_matrix { matrix_height + MARGIN } else { 0.0 };
    let mut document = page(width, height).add(heading(matrix::summary(machine), MARGIN, MARGIN + 14.0));
    for (index, node) in machine.nodes.iter().enumerate() {
        let x = MARGIN + (index % BOXES_IN_A_ROW) as f64 * (BOX_WIDTH + GAP);
        let y = MARGIN + TITLE + (index / BOXES_IN_A_ROW) as f64 * (box_height + GAP);
        document = document.add(node_box(node, x, y, box_height));
    }
    if has_matrix {
        document = document.add(distances(&grid, machine, matrix_top, label, cell));
    }
    document
}

fn node_box(node: &MachineNode, x: f64, y: f64, height: f64) -> Group {
    let text_x = x + PADDING;
    let line = |number: usize| y + 4.0 + LINE * number as f64;
    let mut group = Group::new()
        .set("id", format!("node{}", node.node))
        .add(
            rectangle(x, y, BOX_WIDTH, height, "#f5f5f5")
                .set("rx", 5)
                .set("stroke", node_rgb(node.node))
                .set("stroke-width", 2),
        )
        .add(text(format!("node {}", node.node), text_x, line(1)).set("font-weight", "bold"))
        .add(text(cpus(node), text_x, line(2)).add(Title::new(format!("CPUs {}", node.cpus))))
        .add(text(memory(node), text_x, line(3)));
    if let Some(tier) = node.tier {
        let right = x + BOX_WIDTH - PADDING;
        group = group.add(text(format!("tier {tier}"), right, line(1)).set("text-anchor", "end"));
    }
    if let Some(rates) = rates(node) {
        group = group.add(text(rates, text_x, line(4)));
    }
    let total = node.memory_bytes.unwrap_or(0);
    if total > 0 {
        let used = total.saturating_sub(node.free_bytes.unwrap_or(0));
        let (bar, width) = (y + height - 14.0, BOX_WIDTH - 2.0 * PADDING);
        group = group.add(rectangle(text_x, bar, width, 6.0, "#d9d9d9")).add(rectangle(
            text_x,
            bar,
            width * used as f64 / total as f64,
            6.0,
            node_rgb(node.node),
        ));
    }
    group
}

/// Returns the CPUs of a node, as many as there is room for.
fn cpus(node: &MachineNode) -> String {
    match node.cpu_count {
        0 if node.kind.short().is_empty() => "no CPUs".into(),
        0 => node.kind.short().into(),
        1 => format!("CPU {}", node.cpus),
        _ if node.cpus.len() <= 22 => format!("CPUs {}", node.cpus),
        count => {
            let folded = fold_list(&node.cpus, 12);
            format!("{count} CPUs: {}…", folded.lines().next().unwrap_or_default())
        }
    }
}

fn memory(node: &MachineNode) -> String {
    match (node.memory_bytes, node.free_bytes) {
        (Some(0), _) => "no memory".into(),
        (Some(total), Some(free)) => format!("{} free of {}", units::bytes(free), units::bytes(total)),
        (Some(total), None) => units::bytes(total),
        (None, _) => "memory: unknown".into(),
    }
}

/// Returns what the firmware says about reading the memory.
fn rates(node: &MachineNode) -> Option<String> {
    let rate = node.read_bandwidth.map(|rate| format!("{} GB/s", units::number(rate as f64 / 1e9)));
    let latency = node.read_latency_ns.map(|latency| format!("{latency} ns"));
    let parts: Vec<String> = rate.into_iter().chain(latency).collect();
    let from = node.initiators.as_ref().map_or(String::new(), |nodes| format!(" from {nodes}"));
    (!parts.is_empty()).then(|| parts.join(", ") + &from)
}

fn distances(grid: &Grid, machine: &Machine, top: f64, label: f64, cell: f64) -> Group {
    let all = || machine.distances.iter().flatten().flatten();
    let ends = all().min().zip(all().max()).map(|(near, far)| (near.to_string(), far.to_string()));
    let mut group = Group::new().set("id", "distances").add(heading("Distances", MARGIN, top + 14.0));
    if let Some((near, far)) = ends.filter(|(near, far)| near != far) {
        group = group.add(heat_legend(&near, &far, MARGIN + 110.0, top + 3.0));
    }
    let (row_height, top) = (cell.min(26.0), top + 22.0);
    let mut cells = Group::new().set("font-size", (row_height * 0.46).clamp(1.5, 12.0)).set("text-anchor", "middle");
    let middle = |column: usize| MARGIN + label + (column as f64 + 0.5) * cell;
    let baseline = |row: usize| top + (row as f64 + 0.66) * row_height;
    for (column, name) in grid.columns.iter().enumerate() {
        cells = cells.add(text(name, middle(column), baseline(0)));
    }
    for (row, (name, fields)) in grid.rows.iter().enumerate() {
        let y = top + (row + 1) as f64 * row_height;
        cells = cells.add(text(name, MARGIN + label - 6.0, baseline(row + 1)).set("text-anchor", "end"));
        for (column, field) in fields.iter().enumerate() {
            let x = MARGIN + label + column as f64 * cell;
            let to = grid.columns.get(column).map_or("", String::as_str);
            let hint = Title::new(format!("from node {name} to node {to}: {}", field.text));
            let (color, on_it) =
                field.heat.map_or(("#888888", "#ffffff"), |heat| (heat_rgb(heat), heat_text_rgb(heat)));
            cells = cells
                .add(rectangle(x, y, cell - 1.0, row_height - 1.0, color).add(hint))
                .add(text(&field.text, middle(column), baseline(row + 1)).set("fill", on_it));
        }
    }
    group.add(cells)
}

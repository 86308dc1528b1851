//! The machine as an SVG picture: a box for each node, and the matrix of distances.

use crate::draw::{heat_rgb, node_rgb};
use crate::machine::Machine;
use crate::picture::{page, rectangle, text};
use crate::units;
use svg::Document;
use svg::node::element::{Group, Title};

const BOX_WIDTH: f64 = 150.0;
const BOX_HEIGHT: f64 = 74.0;
const GAP: f64 = 12.0;
const MARGIN: f64 = 16.0;
const BOXES_IN_A_ROW: usize = 4;

/// Draws a machine.
pub fn draw(machine: &Machine) -> Document {
    let rows = machine.nodes.len().div_ceil(BOXES_IN_A_ROW).max(1);
    let columns = machine.nodes.len().clamp(1, BOXES_IN_A_ROW);
    let boxes_width = columns as f64 * (BOX_WIDTH + GAP) - GAP;
    let matrix_top = MARGIN + rows as f64 * (BOX_HEIGHT + GAP) + GAP;
    let cell = (boxes_width / (machine.nodes.len() + 1) as f64).clamp(3.0, 34.0);
    let matrix_side = cell * (machine.nodes.len() + 1) as f64;
    let width = 2.0 * MARGIN + boxes_width.max(matrix_side);
    let height = matrix_top + matrix_side + MARGIN;
    let mut document = page(width, height);
    for (index, node) in machine.nodes.iter().enumerate() {
        let x = MARGIN + (index % BOXES_IN_A_ROW) as f64 * (BOX_WIDTH + GAP);
        let y = MARGIN + (index / BOXES_IN_A_ROW) as f64 * (BOX_HEIGHT + GAP);
        document = document.add(node_box(node, x, y));
    }
    document.add(matrix(machine, MARGIN, matrix_top, cell))
}

fn node_box(node: &crate::machine::MachineNode, x: f64, y: f64) -> Group {
    let total = node.memory_bytes.unwrap_or(0);
    let used = total.saturating_sub(node.free_bytes.unwrap_or(0));
    let share = if total == 0 { 0.0 } else { used as f64 / total as f64 };
    let kind = node.kind.short();
    let title = if kind.is_empty() { format!("node {}", node.node) } else { format!("node {}: {kind}", node.node) };
    let cpus = if node.cpus.is_empty() { "no CPUs".to_owned() } else { format!("CPUs {}", shorten(&node.cpus, 20)) };
    Group::new()
        .add(
            rectangle(x, y, BOX_WIDTH, BOX_HEIGHT, "#f5f5f5")
                .set("rx", 5)
                .set("stroke", node_rgb(node.node))
                .set("stroke-width", 2),
        )
        .add(text(title, x + 8.0, y + 18.0).set("font-weight", "bold"))
        .add(text(cpus, x + 8.0, y + 34.0))
        .add(text(
            format!("{} free of {}", units::bytes(node.free_bytes.unwrap_or(0)), units::bytes(total)),
            x + 8.0,
            y + 50.0,
        ))
        .add(rectangle(x + 8.0, y + 58.0, BOX_WIDTH - 16.0, 8.0, "#dddddd"))
        .add(rectangle(x + 8.0, y + 58.0, (BOX_WIDTH - 16.0) * share, 8.0, node_rgb(node.node)))
}

fn shorten(text: &str, length: usize) -> String {
    if text.len() <= length { text.to_owned() } else { format!("{}…", &text[..length]) }
}

fn matrix(machine: &Machine, left: f64, top: f64, cell: f64) -> Group {
    let all = || machine.distances.iter().flatten().flatten().copied();
    let (smallest, largest) = (all().min().unwrap_or(10), all().max().unwrap_or(10));
    let mut group = Group::new().set("font-size", (cell * 0.42).clamp(1.5, 12.0)).set("text-anchor", "middle");
    let center = |index: usize, start: f64| start + (index as f64 + 1.5) * cell;
    for (index, node) in machine.nodes.iter().enumerate() {
        group = group.add(text(node.node.to_string(), center(index, left), top + cell * 0.65)).add(text(
            node.node.to_string(),
            left + cell * 0.5,
            center(index, top) + cell * 0.15,
        ));
    }
    for (from, row) in machine.distances.iter().enumerate() {
        for (to, &distance) in row.iter().enumerate() {
            let heat = distance
                .map_or(0.0, |distance| f64::from(distance - smallest) / f64::from((largest - smallest).max(1)));
            let label = distance.map_or("?".to_owned(), |distance| distance.to_string());
            group = group
                .add(
                    rectangle(
                        left + (to + 1) as f64 * cell,
                        top + (from + 1) as f64 * cell,
                        cell - 1.0,
                        cell - 1.0,
                        heat_rgb(heat),
                    )
                    .add(Title::new(format!(
                        "from node {} to node {}: {label}",
                        machine.nodes[from].node, machine.nodes[to].node
                    ))),
                )
                .add(text(label, center(to, left), center(from, top) + cell * 0.15).set("fill", "#ffffff"));
        }
    }
    group
}

//! The mappings of a process as an SVG picture: a bar for each, and the cells of its page map.

use super::{MapReport, MappingReport};
use crate::draw::node_rgb;
use crate::picture::{page, rectangle, text};
use crate::units;
use svg::Document;
use svg::node::element::{Group, Title};

const MARGIN: f64 = 16.0;
const WIDTH: f64 = 800.0;
const LINE: f64 = 16.0;
const CELLS_IN_A_LINE: usize = 128;
const CELL: f64 = WIDTH / CELLS_IN_A_LINE as f64;
const ABSENT: &str = "#e8e8e8";

/// Draws a report.
pub fn draw(report: &MapReport) -> Document {
    let present = || report.mappings.iter().filter(|mapping| mapping.present_bytes > 0);
    let top = MARGIN + 3.0 * LINE;
    let height = top + present().map(height_of).sum::<f64>() + MARGIN;
    let mut document = page(WIDTH + 2.0 * MARGIN, height)
        .add(
            text(format!("process {} ({})", report.pid, report.name), MARGIN, MARGIN + LINE).set("font-weight", "bold"),
        )
        .add(legend(report, MARGIN + 2.0 * LINE));
    let mut y = top;
    for mapping in present() {
        document = document.add(draw_mapping(mapping, report.page_size, y));
        y += height_of(mapping);
    }
    document
}

fn legend(report: &MapReport, y: f64) -> Group {
    let mut group = Group::new();
    // As many as fit.
    for (index, on) in report.nodes.iter().take(5).enumerate() {
        let x = MARGIN + index as f64 * WIDTH / 5.0;
        group = group.add(rectangle(x, y - 10.0, 12.0, 12.0, node_rgb(on.node))).add(text(
            format!("node {}: {}", on.node, units::bytes(on.bytes)),
            x + 17.0,
            y,
        ));
    }
    group
}

fn lines_of(mapping: &MappingReport) -> usize {
    mapping.page_map.as_ref().map_or(0, |map| map.cells.len().div_ceil(CELLS_IN_A_LINE))
}

fn height_of(mapping: &MappingReport) -> f64 {
    LINE * 2.0 + lines_of(mapping) as f64 * CELL
}

fn draw_mapping(mapping: &MappingReport, page_size: usize, y: f64) -> Group {
    let name = if mapping.name.is_empty() { "[anon]" } else { &mapping.name };
    let title = format!(
        "{}  {}  {} of {}",
        mapping.start,
        name,
        units::bytes(mapping.present_bytes),
        units::bytes(mapping.bytes)
    );
    let mut group = Group::new().add(text(title, MARGIN, y + 12.0));
    let (mut x, total) = (MARGIN, mapping.present_bytes.max(1) as f64);
    for on in &mapping.nodes {
        let width = WIDTH * on.bytes as f64 / total;
        let hint = Title::new(format!("node {}: {}", on.node, units::bytes(on.bytes)));
        group = group.add(rectangle(x, y + LINE, width, 8.0, node_rgb(on.node)).add(hint));
        x += width;
    }
    let Some(map) = &mapping.page_map else { return group };
    let top = y + LINE + 10.0;
    for (line, cells) in map.cells.chunks(CELLS_IN_A_LINE).enumerate() {
        let mut column = 0;
        for run in cells.chunk_by(|one, other| one == other) {
            let node = run.first().copied().flatten();
            let (x, width) = (MARGIN + column as f64 * CELL, run.len() as f64 * CELL);
            let pages = map.pages_per_cell.saturating_mul(run.len() as u64);
            let size = units::bytes(pages.saturating_mul(page_size as u64));
            let hint = node.map_or(format!("not in memory: {size}"), |node| format!("node {node}: {size}"));
            let fill = node.map_or(ABSENT, node_rgb);
            group = group.add(
                rectangle(x, top + line as f64 * CELL, width, CELL, fill)
                    .set("stroke", "#ffffff")
                    .set("stroke-width", 0.3)
                    .add(Title::new(hint)),
            );
            column += run.len();
        }
    }
    group
}

//! The mappings of a process as an SVG picture: a bar for each, and the cells of its page map.

use super::{MapReport, MappingReport};
use crate::draw::node_rgb;
use crate::picture::{MARGIN, heading, page, rectangle, text};
use crate::units;
use svg::Document;
use svg::node::element::{Group, Title};

const WIDTH: f64 = 800.0;
const LINE: f64 = 16.0;
const CELLS_IN_A_LINE: usize = 128;
const CELL: f64 = WIDTH / CELLS_IN_A_LINE as f64;
/// The nodes in a line of the legend.
const NODES_IN_A_LINE: usize = 5;
const ABSENT: &str = "#e8e8e8";

/// Draws a report.
pub fn draw(report: &MapReport) -> Document {
    let present = || report.mappings.iter().filter(|mapping| mapping.present_bytes > 0);
    let total = report.nodes.iter().fold(0, |sum: u64, on| sum.saturating_add(on.bytes));
    let title = format!("process {} ({}): {} in memory", report.pid, report.name, units::bytes(total));
    let legend_top = MARGIN + 2.4 * LINE;
    let has_pages = present().any(|mapping| mapping.page_map.is_some());
    let top = legend_top + LINE * (report.nodes.len().div_ceil(NODES_IN_A_LINE) as f64 + f64::from(has_pages)) + 2.0;
    let height = top + present().map(height_of).sum::<f64>() + MARGIN / 2.0;
    let mut document = page(WIDTH + 2.0 * MARGIN, height)
        .add(heading(title, MARGIN, MARGIN + 14.0))
        .add(legend(report, legend_top, has_pages));
    let mut y = top;
    for mapping in present() {
        document = document.add(draw_mapping(mapping, report.page_size, y));
        y += height_of(mapping);
    }
    document
}

/// Returns what the colours mean.
fn legend(report: &MapReport, top: f64, has_pages: bool) -> Group {
    let mut group = Group::new().set("id", "legend");
    let mut y = top;
    for nodes in report.nodes.chunks(NODES_IN_A_LINE) {
        for (index, on) in nodes.iter().enumerate() {
            let x = MARGIN + index as f64 * WIDTH / NODES_IN_A_LINE as f64;
            let label = format!("node {}: {}", on.node, units::bytes(on.bytes));
            group = group.add(rectangle(x, y - 10.0, 12.0, 12.0, node_rgb(on.node))).add(text(label, x + 17.0, y));
        }
        y += LINE;
    }
    if has_pages {
        let note =
            "bar: the share of each node; below: the pages in the order of addresses, grey if they are not in memory";
        group = group.add(text(note, MARGIN, y).set("fill", "#666666"));
    }
    group
}

fn lines_of(mapping: &MappingReport) -> usize {
    mapping.page_map.as_ref().map_or(0, |map| map.cells.len().div_ceil(CELLS_IN_A_LINE))
}

fn height_of(mapping: &MappingReport) -> f64 {
    LINE * 2.2 + lines_of(mapping) as f64 * CELL
}

fn draw_mapping(mapping: &MappingReport, page_size: usize, y: f64) -> Group {
    let name = if mapping.name.is_empty() { "[anon]" } else { &mapping.name };
    let present = units::bytes(mapping.present_bytes);
    let size = match mapping.present_bytes == mapping.bytes {
        true => present,
        false => format!("{present} of {}", units::bytes(mapping.bytes)),
    };
    let mut group = Group::new()
        .set("id", format!("mapping-{}", mapping.start))
        .add(text(&mapping.start, MARGIN, y + 12.0).set("font-family", "monospace").set("fill", "#666666"))
        .add(text(name, MARGIN + 115.0, y + 12.0))
        .add(text(size, MARGIN + WIDTH, y + 12.0).set("text-anchor", "end"));
    let (mut x, total) = (MARGIN, mapping.present_bytes.max(1) as f64);
    for on in &mapping.nodes {
        let width = WIDTH * on.bytes as f64 / total;
        let hint = Title::new(format!("node {}: {}", on.node, units::bytes(on.bytes)));
        group = group.add(rectangle(x, y + LINE, width, 8.0, node_rgb(on.node)).add(hint));
        x += width;
    }
    let Some(map) = &mapping.page_map else { return group };
    let top = y + LINE + 11.0;
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

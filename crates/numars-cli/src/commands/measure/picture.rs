//! The matrices as an SVG picture: heat maps next to each other.

use super::MeasureReport;
use super::matrix::{KINDS, Matrix};
use crate::draw::heat_rgb;
use crate::picture::{page, rectangle, text};
use crate::units::number;
use svg::Document;
use svg::node::element::{Group, Title};

const MARGIN: f64 = 16.0;
const GAP: f64 = 28.0;
const TITLE: f64 = 24.0;

/// Draws the matrices of a report.
pub fn draw(report: &MeasureReport) -> Document {
    let matrices =
        KINDS.map(|(title, unit, measurement, lower)| (title, unit, Matrix::new(report, measurement, lower)));
    let columns = matrices.iter().map(|(.., matrix)| matrix.to.len()).max().unwrap_or(0) + 1;
    let rows = matrices.iter().map(|(.., matrix)| matrix.from.len()).max().unwrap_or(0) + 1;
    let cell = (400.0 / columns as f64).clamp(4.0, 44.0);
    // Wide enough for the title.
    let panel = (cell * columns as f64).max(150.0);
    let width = 2.0 * MARGIN + panel * matrices.len() as f64 + GAP * (matrices.len() - 1) as f64;
    let height = 2.0 * MARGIN + TITLE + cell * rows as f64 + 20.0 * (1 + report.warnings.len()) as f64;
    let mut document = page(width, height);
    for (index, (title, unit, matrix)) in matrices.iter().enumerate() {
        let left = MARGIN + index as f64 * (panel + GAP);
        let heading = text(format!("{title} [{unit}]"), left, MARGIN + 12.0).set("font-weight", "bold");
        document = document.add(heading).add(heat_map(matrix, unit, left, MARGIN + TITLE, cell));
    }
    let mut y = MARGIN + TITLE + cell * rows as f64 + 20.0;
    document = document.add(text("rows: the node of the CPUs; columns: the node of the memory", MARGIN, y));
    for warning in &report.warnings {
        y += 20.0;
        document = document.add(text(format!("warning: {}", warning.message), MARGIN, y).set("fill", "#a3262a"));
    }
    document
}

fn heat_map(matrix: &Matrix, unit: &str, left: f64, top: f64, cell: f64) -> Group {
    let mut group = Group::new().set("font-size", (cell * 0.32).clamp(1.5, 12.0)).set("text-anchor", "middle");
    let center = |index: usize, start: f64| start + (index as f64 + 1.5) * cell;
    for (column, to) in matrix.to.iter().enumerate() {
        group = group.add(text(to.to_string(), center(column, left), top + cell * 0.65));
    }
    for (row, &from) in matrix.from.iter().enumerate() {
        let y = top + (row + 1) as f64 * cell;
        group = group.add(text(from.to_string(), left + cell * 0.5, y + cell * 0.6));
        for (column, &to) in matrix.to.iter().enumerate() {
            let Some(measurement) = matrix.get(from, to) else {
                continue;
            };
            let shown = number(measurement.median);
            let range = format!("{} to {}", number(measurement.minimum), number(measurement.maximum));
            let title = Title::new(format!("from node {from} to node {to}: {shown} {unit} ({range})"));
            let (x, color) = (left + (column + 1) as f64 * cell, heat_rgb(matrix.heat(measurement.median)));
            let tile = rectangle(x, y, cell - 1.0, cell - 1.0, color).add(title);
            group = group.add(tile).add(text(shown, center(column, left), y + cell * 0.6).set("fill", "#ffffff"));
        }
    }
    group
}

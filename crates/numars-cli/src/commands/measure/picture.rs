//! The matrices as an SVG picture: heat maps next to each other.

use super::MeasureReport;
use super::matrix::{KINDS, Matrix};
use crate::draw::{heat_rgb, heat_text_rgb};
use crate::picture::{MARGIN, heading, heat_legend, page, rectangle, text};
use crate::units::number;
use svg::Document;
use svg::node::element::{Group, Title};

const GAP: f64 = 28.0;
const TITLE: f64 = 34.0;
const LINE: f64 = 18.0;

/// Draws the matrices of a report.
pub fn draw(report: &MeasureReport) -> Document {
    let matrices =
        KINDS.map(|(title, unit, measurement, lower)| (title, unit, Matrix::new(report, measurement, lower)));
    let columns = matrices.iter().map(|(.., matrix)| matrix.to.len()).max().unwrap_or(0) + 1;
    let rows = matrices.iter().map(|(.., matrix)| matrix.from.len()).max().unwrap_or(0) + 1;
    let cell = (400.0 / columns as f64).clamp(4.0, 44.0);
    // Wide enough for the legend.
    let panel = (cell * columns as f64).max(210.0);
    let width = 2.0 * MARGIN + panel * matrices.len() as f64 + GAP * (matrices.len() - 1) as f64;
    let notes = notes(report, width - 2.0 * MARGIN);
    let notes_top = MARGIN + TITLE + cell * rows as f64 + LINE;
    let mut document = page(width, notes_top + LINE * (notes.len() - 1) as f64 + MARGIN);
    for (index, (title, unit, matrix)) in matrices.iter().enumerate() {
        let left = MARGIN + index as f64 * (panel + GAP);
        let (best, worst) = matrix.ends();
        let legend = heat_legend(&number(best), &number(worst), left + 40.0, MARGIN + 24.0);
        let panel = Group::new()
            .set("id", title.to_lowercase())
            .add(heading(format!("{title}, {unit}"), left, MARGIN + 14.0))
            .add(legend)
            .add(heat_map(matrix, unit, left, MARGIN + TITLE, cell));
        document = document.add(panel);
    }
    for (index, (note, color)) in notes.into_iter().enumerate() {
        document = document.add(text(note, MARGIN, notes_top + LINE * index as f64).set("fill", color));
    }
    document
}

/// Returns the lines below the matrices, with their colours.
fn notes(report: &MeasureReport, width: f64) -> Vec<(String, &'static str)> {
    // About as wide as an average letter.
    let columns = (width / 6.6) as usize;
    let mut notes = vec![("rows: the node of the CPUs; columns: the node of the memory".to_owned(), "#222222")];
    for warning in &report.warnings {
        let message = format!("warning: {}", warning.message);
        notes.extend(textwrap::wrap(&message, columns).into_iter().map(|line| (line.into_owned(), "#a3262a")));
    }
    notes
}

fn heat_map(matrix: &Matrix, unit: &str, left: f64, top: f64, cell: f64) -> Group {
    let mut group = Group::new().set("font-size", (cell * 0.32).clamp(1.5, 12.0)).set("text-anchor", "middle");
    let center = |index: usize, start: f64| start + (index as f64 + 1.5) * cell;
    for (column, to) in matrix.to.iter().enumerate() {
        group = group.add(text(to.to_string(), center(column, left), top + cell * 0.75));
    }
    for (row, &from) in matrix.from.iter().enumerate() {
        let y = top + (row + 1) as f64 * cell;
        group = group.add(text(from.to_string(), left + cell * 0.7, y + cell * 0.6));
        for (column, &to) in matrix.to.iter().enumerate() {
            let Some(measurement) = matrix.get(from, to) else {
                continue;
            };
            let (shown, heat) = (number(measurement.median), matrix.heat(measurement.median));
            let range = format!("{} to {}", number(measurement.minimum), number(measurement.maximum));
            let hint = Title::new(format!("from node {from} to node {to}: {shown} {unit} ({range})"));
            let x = left + (column + 1) as f64 * cell;
            let tile = rectangle(x, y, cell - 1.0, cell - 1.0, heat_rgb(heat)).add(hint);
            let value = text(shown, center(column, left), y + cell * 0.6).set("fill", heat_text_rgb(heat));
            group = group.add(tile).add(value);
        }
    }
    group
}

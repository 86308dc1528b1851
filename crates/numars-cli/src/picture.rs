//! What the SVG pictures of several commands are made of.

use crate::draw::heat_rgb;
use crate::failure::{Context, Result};
use crate::text::printable;
use std::path::Path;
use svg::Document;
use svg::node::element::{Group, Rectangle, Text};

/// The distance of everything to the edges.
pub const MARGIN: f64 = 16.0;

/// Returns an empty picture: a white sheet, so that text is readable on pages of any colour.
pub fn page(width: f64, height: f64) -> Document {
    Document::new()
        .set("viewBox", (0.0, 0.0, width, height))
        .set("width", width)
        .set("height", height)
        .set("font-family", "sans-serif")
        .set("font-size", 12)
        .add(rectangle(0.5, 0.5, width - 1.0, height - 1.0, "#ffffff").set("rx", 6).set("stroke", "#cccccc"))
}

/// Writes a picture to a file.
pub fn write(picture: &Document, file: &Path) -> Result<()> {
    std::fs::write(file, format!("{picture}\n"))
        .context(format!("cannot write {}", file.display()))
        .map_err(|failure| failure.hint("--svg needs a file in a directory that exists and that you may write to"))
}

/// Returns a heading.
pub fn heading(content: impl AsRef<str>, x: f64, y: f64) -> Text {
    text(content, x, y).set("font-size", 14).set("font-weight", "bold")
}

/// Returns the legend of a heat map: the colours between the best and the worst value.
pub fn heat_legend(best: &str, worst: &str, x: f64, y: f64) -> Group {
    const STEPS: usize = 7;
    let mut group = Group::new().add(text(best, x - 5.0, y + 10.0).set("text-anchor", "end"));
    for step in 0..STEPS {
        let color = heat_rgb(step as f64 / (STEPS - 1) as f64);
        group = group.add(rectangle(x + step as f64 * 14.0, y, 14.0, 12.0, color));
    }
    group.add(text(worst, x + STEPS as f64 * 14.0 + 5.0, y + 10.0))
}

/// Returns text that begins, or is centered, at `x`.
pub fn text(content: impl AsRef<str>, x: f64, y: f64) -> Text {
    // XML has no control characters.
    Text::new(printable(content.as_ref())).set("x", x).set("y", y).set("fill", "#222222")
}

/// Returns a filled rectangle.
pub fn rectangle(x: f64, y: f64, width: f64, height: f64, fill: &'static str) -> Rectangle {
    Rectangle::new().set("x", x).set("y", y).set("width", width).set("height", height).set("fill", fill)
}

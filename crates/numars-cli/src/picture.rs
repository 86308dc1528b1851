//! What the SVG pictures of several commands are made of.

use crate::text::printable;
use svg::Document;
use svg::node::element::{Rectangle, Text};

/// Returns an empty picture with a white background.
pub fn page(width: f64, height: f64) -> Document {
    Document::new()
        .set("viewBox", (0.0, 0.0, width, height))
        .set("width", width)
        .set("height", height)
        .set("font-family", "sans-serif")
        .set("font-size", 12)
        .add(Rectangle::new().set("width", "100%").set("height", "100%").set("fill", "#ffffff"))
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

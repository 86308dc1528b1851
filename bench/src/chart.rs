//! Pictures that read well on light and on dark pages: nothing behind them, and middling colours.

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use std::error::Error;

const GREY: RGBColor = RGBColor(128, 128, 128);
const COLOURS: [RGBColor; 2] = [RGBColor(214, 108, 40), RGBColor(48, 128, 214)];

/// Points of (x, y), and what they are.
pub type Line<'a> = (&'a str, Vec<(f64, f64)>);

/// An SVG.
pub fn lines(x_axis: &str, y_axis: &str, lines: &[Line]) -> Result<String> {
    let mut svg = String::new();
    draw(&mut svg, x_axis, y_axis, lines).map_err(|error| anyhow!("drawing: {error}"))?;
    Ok(svg)
}

fn draw(svg: &mut String, x_axis: &str, y_axis: &str, lines: &[Line]) -> Result<(), Box<dyn Error>> {
    let top = |of: fn(&(f64, f64)) -> f64| lines.iter().flat_map(|(_, points)| points).map(of).fold(0.0, f64::max);
    let area = SVGBackend::with_string(svg, (720, 400)).into_drawing_area();
    let text = ("sans-serif", 15).into_font().color(&GREY);
    let mut chart = ChartBuilder::on(&area)
        .margin(20)
        .x_label_area_size(45)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..top(|point| point.0), 0.0..top(|point| point.1) * 1.05)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .axis_style(GREY)
        .label_style(text.clone())
        .x_desc(x_axis)
        .y_desc(y_axis)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .draw()?;
    for ((name, points), colour) in lines.iter().zip(COLOURS) {
        chart
            .draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)).point_size(4))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).label_font(text).draw()?;
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_names_its_lines_and_axes_and_leaves_the_page_behind_it_alone() {
        let svg =
            lines("pages", "seconds", &[("old", vec![(1.0, 2.0), (3.0, 4.0)]), ("new", vec![(1.0, 1.0)])]).unwrap();
        for word in ["pages", "seconds", "old", "new"] {
            assert!(svg.contains(&format!("\n{word}\n")), "{word}: {svg}");
        }
        assert!(!svg.contains("#FFFFFF") && !svg.contains("#000000"), "{svg}");
    }
}

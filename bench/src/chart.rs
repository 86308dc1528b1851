//! Charts that are readable on light and dark pages: a transparent background, and medium colours.

use anyhow::{Result, anyhow};
use plotters::chart::MeshStyle;
use plotters::coord::Shift;
use plotters::coord::ranged1d::ValueFormatter;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::error::Error;

const GREY: RGBColor = RGBColor(128, 128, 128);
const COLOURS: [RGBColor; 2] = [RGBColor(214, 108, 40), RGBColor(48, 128, 214)];

/// Named series of points (x, y).
pub type Line<'a> = (&'a str, Vec<(f64, f64)>);

type Outcome = Result<(), Box<dyn Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws lines as an SVG.
pub fn lines(x_axis: &str, y_axis: &str, lines: &[Line]) -> Result<String> {
    let top = |of: fn(&(f64, f64)) -> f64| points(lines).map(of).fold(0.0, f64::max);
    let (right, up) = (top(|point| point.0), top(|point| point.1) * 1.05);
    drawn(400, |area| {
        let chart = frame(&area).build_cartesian_2d(0.0..right, 0.0..up)?;
        draw_lines(chart, x_axis, y_axis, lines)
    })
}

/// The same with logarithmic axes.
pub fn growing_lines(x_axis: &str, y_axis: &str, lines: &[Line]) -> Result<String> {
    let range = |of: fn(&(f64, f64)) -> f64| {
        let (low, high) = points(lines).map(of).fold((f64::MAX, 1.0), |(low, high), x| (low.min(x), f64::max(high, x)));
        // An axis needs some length.
        (low.min(high) / 1.2)..high * 1.2
    };
    let (xs, ys) = (range(|point| point.0), range(|point| point.1));
    drawn(400, |area| {
        let chart = frame(&area).build_cartesian_2d(xs.log_scale(), ys.log_scale())?;
        draw_lines(chart, x_axis, y_axis, lines)
    })
}

/// Draws bars as an SVG: for each name, how many times less the new side takes than the old one.
pub fn ratios(x_axis: &str, ratios: &[(String, f64)]) -> Result<String> {
    const HEIGHT: u32 = 24;
    let highest = ratios.iter().map(|(_, ratio)| *ratio).fold(10.0, f64::max) * 8.0;
    let lowest = ratios.iter().map(|(_, ratio)| *ratio).fold(0.8, f64::min) / 1.5;
    drawn(ratios.len() as u32 * HEIGHT + 80, |area| {
        let rows = ratios.len() as f64;
        let mut chart = ChartBuilder::on(&area)
            .margin(20)
            .x_label_area_size(40)
            .y_label_area_size(320)
            .build_cartesian_2d((lowest..highest).log_scale(), rows..0.0)?;
        axes(&mut chart).x_desc(x_axis).x_label_formatter(&|x| format!("{x}")).y_labels(0).draw()?;
        chart.draw_series(ratios.iter().enumerate().map(|(row, (_, ratio))| {
            let colour = COLOURS[usize::from(*ratio >= 1.0)];
            Rectangle::new([(1.0, row as f64 + 0.2), (*ratio, row as f64 + 0.8)], colour.filled())
        }))?;
        let label = |at: HPos| text().pos(Pos::new(at, VPos::Center));
        for (row, (name, ratio)) in ratios.iter().enumerate() {
            let middle = row as f64 + 0.5;
            let (end, _) = chart.backend_coord(&(ratio.max(1.0), middle));
            let (left, height) = chart.backend_coord(&(lowest, middle));
            area.draw(&Text::new(crate::samples::three_digits(*ratio), (end + 6, height), label(HPos::Left)))?;
            area.draw(&Text::new(name.clone(), (left - 8, height), label(HPos::Right)))?;
        }
        Ok(())
    })
}

fn points<'a>(lines: &'a [Line]) -> impl Iterator<Item = &'a (f64, f64)> {
    lines.iter().flat_map(|(_, points)| points)
}

fn text() -> TextStyle<'static> {
    ("sans-serif", 15).into_font().color(&GREY)
}

/// Returns the SVG that `draw` draws.
fn drawn(height: u32, draw: impl FnOnce(Area) -> Outcome) -> Result<String> {
    let mut svg = String::new();
    draw(SVGBackend::with_string(&mut svg, (720, height)).into_drawing_area())
        .map_err(|error| anyhow!("drawing: {error}"))?;
    Ok(svg)
}

fn frame<'a, 'b>(area: &'a Area<'b>) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut chart = ChartBuilder::on(area);
    chart.margin(20).x_label_area_size(45).y_label_area_size(60);
    chart
}

/// Axes without a mesh.
fn axes<'a, 'b, 'c, X, Y>(
    chart: &'b mut ChartContext<'a, SVGBackend<'c>, Cartesian2d<X, Y>>,
) -> MeshStyle<'a, 'b, X, Y, SVGBackend<'c>>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let mut mesh = chart.configure_mesh();
    mesh.disable_mesh().axis_style(GREY).label_style(text());
    mesh
}

fn draw_lines<'a, 'b: 'a, X, Y>(
    mut chart: ChartContext<'a, SVGBackend<'b>, Cartesian2d<X, Y>>,
    x_axis: &str,
    y_axis: &str,
    lines: &[Line],
) -> Outcome
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    axes(&mut chart)
        .x_desc(x_axis)
        .y_desc(y_axis)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .x_labels(5)
        .y_labels(8)
        .draw()?;
    for ((name, points), colour) in lines.iter().zip(COLOURS) {
        chart
            .draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)).point_size(4))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).label_font(text()).draw()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_readable(svg: &str, words: &[&str]) {
        for word in words {
            assert!(svg.contains(&format!("\n{word}\n")), "{word}: {svg}");
        }
        assert!(!svg.contains("#FFFFFF") && !svg.contains("#000000"), "{svg}");
    }

    #[test]
    fn a_picture_names_its_lines_and_axes_and_leaves_the_page_below_it_alone() {
        let both = [("old", vec![(1.0, 2.0), (3.0, 4.0)]), ("new", vec![(1.0, 1.0)])];
        for draw in [lines, growing_lines] {
            assert_readable(&draw("pages", "seconds", &both).unwrap(), &["pages", "seconds", "old", "new"]);
        }
    }

    #[test]
    fn lines_without_points_are_drawn() {
        for draw in [lines, growing_lines] {
            assert!(draw("x", "y", &[("one", vec![]), ("two", vec![(4.0, 4.0)])]).is_ok());
        }
    }

    #[test]
    fn bars_have_their_names_and_values() {
        let bars = [("a call".to_owned(), 33.3), ("a slow one".to_owned(), 0.5)];
        assert_readable(&ratios("times faster", &bars).unwrap(), &["a call", "a slow one", "33.3", "0.50"]);
    }
}

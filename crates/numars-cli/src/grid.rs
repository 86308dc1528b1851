//! A matrix between nodes as text: in blocks of columns that fit the screen, one below the other; or, if these would be many, as a map with a
//! character for each field.

use crate::draw::{FAINT, HEADING, heat_style, styled};
use crate::screen::Screen;
use std::collections::BTreeMap;

/// The number of blocks above which a map is drawn.
const MAX_BLOCKS: usize = 2;

/// What stands for the values of a map, from the best to the worst.
const SYMBOLS: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// A matrix whose rows and columns have names.
pub struct Grid {
    /// What stands above the names of the rows.
    pub corner: &'static str,
    /// The names of the columns, aligned to the right as the values are.
    pub columns: Vec<String>,
    /// The number of blanks after the name of a column: for marks after the values.
    pub marks: usize,
    /// The rows: a name, and a field for each column.
    pub rows: Vec<(String, Vec<Field>)>,
}

/// A field of a matrix.
pub struct Field {
    /// What it shows.
    pub text: String,
    /// How bad that is: 0 is the best, 1 the worst. `None`: it is not coloured.
    pub heat: Option<f64>,
}

impl Grid {
    /// Returns the number of columns that fit next to each other, at least one.
    pub fn fitting(&self, screen: &Screen) -> usize {
        (screen.width.saturating_sub(self.label()) / (self.cell() + 1)).max(1)
    }

    /// Returns the text.
    pub fn text(&self, screen: &Screen) -> String {
        let symbols = if self.columns.len() > MAX_BLOCKS * self.fitting(screen) { self.symbols() } else { None };
        symbols.map_or_else(|| self.blocks(screen), |symbols| self.map(&symbols, screen))
    }

    fn blocks(&self, screen: &Screen) -> String {
        let (label, cell, fitting) = (self.label(), self.cell(), self.fitting(screen));
        let (name_width, marks) = (cell.saturating_sub(self.marks), self.marks);
        let heading = |text: String| if screen.color { styled(text, HEADING) } else { text };
        let mut text = String::new();
        for (block, names) in self.columns.chunks(fitting).enumerate() {
            if block > 0 {
                text += "\n";
            }
            let names: String = names.iter().map(|name| format!(" {name:>name_width$}{:marks$}", "")).collect();
            text += &(heading(format!("{:label$}{}", self.corner, names.trim_end())) + "\n");
            for (name, fields) in &self.rows {
                let fields = fields.iter().skip(block * fitting).take(fitting);
                let values: String = fields.map(|field| format!(" {}", field.draw(cell, screen))).collect();
                text += &format!("{}{}\n", heading(format!("{name:>label$}")), values.trim_end());
            }
        }
        text
    }

    /// Returns a symbol for each value, unless there are more values than symbols.
    fn symbols(&self) -> Option<BTreeMap<&str, char>> {
        let heats: BTreeMap<&str, Option<f64>> =
            self.rows.iter().flat_map(|(_, fields)| fields).map(|field| (field.text.trim(), field.heat)).collect();
        let mut values: Vec<(&str, f64)> = heats.into_iter().map(|(text, heat)| (text, heat.unwrap_or(-1.0))).collect();
        values.sort_by(|(_, heat), (_, other)| heat.total_cmp(other));
        (values.len() <= SYMBOLS.len()).then(|| values.into_iter().map(|(text, _)| text).zip(SYMBOLS.chars()).collect())
    }

    /// Returns a map, whose columns are in the order of the rows, and what its characters stand for.
    fn map(&self, symbols: &BTreeMap<&str, char>, screen: &Screen) -> String {
        let label = self.label();
        let fitting = screen.width.saturating_sub(label + 1).max(1);
        let style = |text: String, style| if screen.color { styled(text, style) } else { text };
        let mut in_order: Vec<(char, &str)> = symbols.iter().map(|(&text, &symbol)| (symbol, text)).collect();
        in_order.sort_by_key(|&(symbol, _)| SYMBOLS.find(symbol));
        let meanings: Vec<String> = in_order.iter().map(|(symbol, text)| format!("{symbol}: {text}")).collect();
        let legend = format!("columns are in the order of rows; {}", meanings.join(", "));
        let mut text = String::new();
        for line in textwrap::wrap(&legend, screen.width) {
            text += &(style(line.into_owned(), FAINT) + "\n");
        }
        for (block, columns) in self.columns.chunks(fitting).enumerate() {
            let (Some(first), Some(last)) = (columns.first(), columns.last()) else { continue };
            let of = if first == last { first.clone() } else { format!("{first} to {last}") };
            text += &(style(format!("\n{:label$} {of}", self.corner), HEADING) + "\n");
            for (name, fields) in &self.rows {
                let fields = fields.iter().skip(block * fitting).take(fitting);
                let symbol = |field: &Field| symbols.get(field.text.trim()).copied().unwrap_or('?').to_string();
                let cells: String = fields.map(|field| field.coloured(symbol(field), screen)).collect();
                text += &format!("{} {cells}\n", style(format!("{name:>label$}"), HEADING));
            }
        }
        text
    }

    /// Returns the width of the names of the rows.
    fn label(&self) -> usize {
        self.rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max(self.corner.len())
    }

    /// Returns the width of a column.
    fn cell(&self) -> usize {
        let names = self.columns.iter().map(|name| name.len() + self.marks);
        let values = self.rows.iter().flat_map(|(_, fields)| fields).map(|field| field.text.len());
        names.chain(values).max().unwrap_or(0)
    }
}

impl Field {
    /// Returns the field in its colour, which shows blanks at the end of a line, too.
    fn draw(&self, width: usize, screen: &Screen) -> String {
        self.coloured(format!("{:>width$}", self.text), screen)
    }

    /// Returns a text in the colour of the field.
    fn coloured(&self, text: String, screen: &Screen) -> String {
        match self.heat {
            Some(heat) if screen.color => styled(text, heat_style(heat)),
            _ => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(grid: &Grid, width: usize, color: bool) -> String {
        let screen = Screen { width, color, unicode: false, is_terminal: false, json: false, quiet: false };
        anstream::adapter::strip_str(&grid.text(&screen)).to_string()
    }

    #[test]
    fn columns_that_do_not_fit_are_below_and_lines_end_without_blanks() {
        let field = |text: &str| Field { text: text.into(), heat: Some(0.5) };
        let grid = Grid {
            corner: "a\\b",
            columns: vec!["0".into(), "1".into(), "2".into()],
            marks: 1,
            rows: vec![("7".into(), vec![field("10 "), field("20~"), field("30 ")])],
        };
        assert_eq!(plain(&grid, 15, false), "a\\b  0   1   2\n  7 10  20~ 30\n");
        assert_eq!(plain(&grid, 15, true), "a\\b  0   1   2\n  7 10  20~ 30 \n");
        assert_eq!(plain(&grid, 14, false), "a\\b  0   1\n  7 10  20~\n\na\\b  2\n  7 30\n");
    }

    #[test]
    fn a_matrix_of_many_blocks_is_a_map_with_a_character_for_each_value() {
        let field = |from: u32, to: u32| {
            let distance = if from == to { 10 } else { 20 + from.abs_diff(to) / 4 * 10 };
            Field { text: distance.to_string(), heat: Some(f64::from(distance) / 100.0) }
        };
        let names = || (0..9).map(|node: u32| node.to_string());
        let rows = (0..9).map(|from| (from.to_string(), (0..9).map(|to| field(from, to)).collect()));
        let grid = Grid { corner: "from", columns: names().collect(), marks: 0, rows: rows.collect() };
        let text = plain(&grid, 16, false);
        let legend = "columns are in\nthe order of\nrows; 0: 10, 1:\n20, 2: 30, 3: 40\n\n";
        let map = text.strip_prefix(legend).unwrap_or_else(|| panic!("{text}"));
        let lines: Vec<&str> = map.lines().collect();
        assert_eq!(lines[..3], ["from 0 to 8", "   0 011122223", "   1 101112222"]);
        assert_eq!((lines[9], lines.len()), ("   8 322221110", 10));
        // Below each other, if they do not fit.
        let narrow = plain(&grid, 10, false);
        assert!(
            narrow.contains("\nfrom 0 to 4\n   0 01112\n") && narrow.contains("\nfrom 5 to 8\n   0 2223\n"),
            "{narrow}"
        );
        // Values that are all different have no symbols.
        let field = |value: u32| Field { text: value.to_string(), heat: None };
        let rows = vec![("0".to_owned(), (100..200).map(field).collect())];
        let grid =
            Grid { corner: "from", columns: (0..100).map(|node: u32| node.to_string()).collect(), marks: 0, rows };
        assert!(plain(&grid, 40, false).contains(" 199"));
    }
}

//! A matrix between nodes as text: in blocks of columns that fit the screen, one below the other.

use crate::draw::{HEADING, heat_style, styled};
use crate::screen::Screen;

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
        let value = format!("{:>width$}", self.text);
        match self.heat {
            Some(heat) if screen.color => styled(value, heat_style(heat)),
            _ => value,
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
        assert_eq!(plain(&grid, 1, false).lines().count(), 8);
    }
}

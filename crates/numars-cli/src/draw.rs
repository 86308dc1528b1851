//! What several commands draw: bars, colours of nodes, heat, and tables.

use crate::screen::Screen;
use anstyle::{Ansi256Color, Color, Style};
use comfy_table::{CellAlignment, ContentArrangement, Table};
use unicode_width::UnicodeWidthStr;

/// The style of headings.
pub const HEADING: Style = Style::new().bold();
/// The style of what matters less.
pub const FAINT: Style = Style::new().dimmed();
/// The style of what is as it should be.
pub const GOOD: Style = Style::new().fg_color(Some(Color::Ansi(anstyle::AnsiColor::Green)));
/// The style of what deserves attention.
pub const WARNING: Style = Style::new().fg_color(Some(Color::Ansi(anstyle::AnsiColor::Yellow)));
/// The style of what is wrong.
pub const BAD: Style = Style::new().fg_color(Some(Color::Ansi(anstyle::AnsiColor::Red)));

/// Returns `text` in a style. Where no colours are shown, [`anstream`] removes it again.
pub fn styled(text: impl std::fmt::Display, style: Style) -> String {
    format!("{style}{text}{style:#}")
}

/// Colours that are easy to tell apart, with white or black text on them.
const NODE_COLORS: [(u8, u8); 12] = [
    (25, 15),
    (166, 15),
    (28, 15),
    (125, 15),
    (136, 0),
    (30, 15),
    (91, 15),
    (100, 15),
    (74, 0),
    (131, 15),
    (65, 15),
    (240, 15),
];

/// Returns the style in which the pages of a node are drawn.
pub fn node_style(node: usize) -> Style {
    let (background, text) = NODE_COLORS[node % NODE_COLORS.len()];
    Style::new()
        .bg_color(Some(Color::Ansi256(Ansi256Color(background))))
        .fg_color(Some(Color::Ansi256(Ansi256Color(text))))
}

/// Returns the colour of a node for SVG files.
pub fn node_rgb(node: usize) -> &'static str {
    const RGB: [&str; NODE_COLORS.len()] = [
        "#2c6fbb", "#e07b39", "#3f9b4f", "#b3326b", "#c9a227", "#2a9d9d", "#7b4fb5", "#8c8c1f", "#6cb4e4", "#b55d5d",
        "#5f8f6b", "#6b6b6b",
    ];
    RGB[node % RGB.len()]
}

/// Returns the character that stands for a page of a node: the last digit of its number.
pub fn node_digit(node: usize) -> char {
    char::from_digit((node % 10) as u32, 10).unwrap_or('?')
}

/// Returns a bar of `width` cells that shows how much is on each node: `parts` are nodes with amounts. Cells have the last digit of their
/// node, so that the bar can be read without colours.
pub fn node_bar(parts: &[(usize, u64)], width: usize) -> String {
    let mut bar = String::new();
    for ((node, _), cells) in parts.iter().zip(share_cells(parts.iter().map(|&(_, amount)| amount), width)) {
        if cells > 0 {
            bar += &styled(node_digit(*node).to_string().repeat(cells), node_style(*node));
        }
    }
    bar
}

/// Divides `width` cells in proportion to amounts: each amount that is not 0 gets a cell while there are any, and the sum is `width`, unless all
/// amounts are 0.
pub fn share_cells(amounts: impl Iterator<Item = u64>, width: usize) -> Vec<usize> {
    let amounts: Vec<u128> = amounts.map(u128::from).collect();
    let total: u128 = amounts.iter().sum();
    if total == 0 {
        return vec![0; amounts.len()];
    }
    let mut cells: Vec<usize> = amounts.iter().map(|amount| (amount * width as u128 / total) as usize).collect();
    for (cell, amount) in cells.iter_mut().zip(&amounts) {
        *cell = (*cell).max(usize::from(*amount > 0));
    }
    // What rounding has added or left goes to or comes from the largest shares.
    let mut by_amount: Vec<usize> = (0..amounts.len()).collect();
    by_amount.sort_by_key(|&index| std::cmp::Reverse(amounts[index]));
    while cells.iter().sum::<usize>() < width {
        let index = by_amount
            .iter()
            .copied()
            .max_by_key(|&index| (amounts[index] * width as u128).saturating_sub(cells[index] as u128 * total))
            .unwrap_or(0);
        cells[index] += 1;
    }
    while cells.iter().sum::<usize>() > width {
        let Some(index) = by_amount.iter().copied().filter(|&index| cells[index] > 0).max_by_key(|&index| cells[index])
        else {
            break;
        };
        cells[index] -= 1;
    }
    cells
}

/// Returns a bar of `width` cells of which a fraction is filled, in a style.
pub fn fill_bar(screen: &Screen, fraction: f64, width: usize, style: Style) -> String {
    let fraction = fraction.clamp(0.0, 1.0);
    if !screen.unicode {
        let filled = (fraction * width as f64).round() as usize;
        return format!("{}{}", styled("#".repeat(filled), style), ".".repeat(width - filled));
    }
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (fraction * width as f64 * 8.0).round() as usize;
    let bar = format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8]);
    let cells = eighths.div_ceil(8);
    format!("{}{}", styled(bar, style), styled("░".repeat(width - cells), FAINT))
}

/// Returns the background for a value between the best, 0, and the worst, 1.
pub fn heat_style(fraction: f64) -> Style {
    const RAMP: [u8; 7] = [28, 64, 100, 136, 166, 160, 124];
    let index = (fraction.clamp(0.0, 1.0) * (RAMP.len() - 1) as f64).round() as usize;
    Style::new()
        .bg_color(Some(Color::Ansi256(Ansi256Color(RAMP[index]))))
        .fg_color(Some(Color::Ansi256(Ansi256Color(15))))
}

/// Returns the colour for a value between the best, 0, and the worst, 1, for SVG files.
pub fn heat_rgb(fraction: f64) -> &'static str {
    const RAMP: [&str; 7] = ["#2a7f3b", "#5f9a3a", "#9aa832", "#c9a227", "#dd8130", "#cf5334", "#a3262a"];
    RAMP[(fraction.clamp(0.0, 1.0) * (RAMP.len() - 1) as f64).round() as usize]
}

/// Returns the colour of text on [`heat_rgb`].
pub fn heat_text_rgb(fraction: f64) -> &'static str {
    if (0.09..0.75).contains(&fraction) { "#111111" } else { "#ffffff" }
}

/// Returns a table without lines, whose columns beyond the first are aligned to the right if `right` says so.
pub fn table(screen: &Screen, header: &[&str], right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(screen.width).unwrap_or(u16::MAX)).force_no_tty();
    // An empty name in a style would be more than blanks at the end of the line.
    table.set_header(header.iter().map(|name| if name.is_empty() { String::new() } else { styled(name, HEADING) }));
    for &column in right {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    table
}

/// Returns what a table prints, without blanks at the ends of lines.
pub fn table_text(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Returns the width of the widest line of a table.
pub fn table_width(table: &Table) -> usize {
    let width = |line: &str| anstream::adapter::strip_str(line.trim_end()).to_string().width();
    table_text(table).lines().map(width).max().unwrap_or(0)
}

/// Folds a list such as `0-3,8,10` into lines of at most `width` characters, after commas. A range that is longer has a line of its own.
pub fn fold_list(list: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for item in list.split_inclusive(',') {
        match lines.last_mut() {
            Some(line) if line.is_empty() || line.len() + item.len() <= width => line.push_str(item),
            _ => lines.push(item.into()),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_without_a_name_leaves_no_blanks_at_the_end_of_the_heading() {
        let screen = Screen { width: 80, color: true, unicode: false, is_terminal: false, json: false, quiet: false };
        let mut table = table(&screen, &["node", ""], &[]);
        table.add_row(["0", "####"]);
        let heading = anstream::adapter::strip_str(table_text(&table).lines().next().unwrap()).to_string();
        assert_eq!((heading.as_str(), table_width(&table)), ("node", 10));
    }

    #[test]
    fn lists_are_folded_after_commas() {
        assert_eq!(fold_list("0,4,8,12", 5), "0,4,\n8,12");
        assert_eq!(fold_list("100-200,3", 4), "100-200,\n3");
        assert_eq!([fold_list("0-3", 80), fold_list("", 8)], ["0-3", ""]);
    }

    #[test]
    fn cells_are_shared_in_proportion_and_none_is_lost() {
        let share = |amounts: &[u64], width| share_cells(amounts.iter().copied(), width);
        assert_eq!(share(&[1, 1], 10), [5, 5]);
        assert_eq!(share(&[1, 1, 1], 10).iter().sum::<usize>(), 10);
        assert_eq!(share(&[1_000_000, 1], 10), [9, 1]);
        assert_eq!(share(&[0, 7], 4), [0, 4]);
        assert_eq!(share(&[0, 0], 4), [0, 0]);
        assert_eq!(share(&[u64::MAX, u64::MAX], 6), [3, 3]);
        assert_eq!(share(&[1; 9], 4).iter().sum::<usize>(), 4);
    }

    #[test]
    fn a_bar_without_colours_shows_digits() {
        let bar = anstream::adapter::strip_str(&node_bar(&[(0, 3), (12, 1)], 8)).to_string();
        assert_eq!(bar, "00000022");
    }
}

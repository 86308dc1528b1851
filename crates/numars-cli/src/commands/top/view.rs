//! Draws `numars top` into a buffer of cells.

use super::sample::NodeSample;
use super::state::{App, key};
use crate::commands::ps::row::Total;
use crate::commands::ps::table::{self, Column, size};
use crate::draw::{FAINT, GOOD, HEADING, WARNING};
use crate::screen::Screen;
use crate::units;
use anstyle::Style;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use std::time::Duration;

/// Parts of a line with their styles.
type Line = Vec<(String, Style)>;

const KEYS: &str = "q quit  up/down select  m move  s sort  r reverse  / filter  space pause  h help";

const HELP: &[&str] = &[
    "up, down, page up, page down, home, end   select a process",
    "m          move the selected process to nodes, as numars move --to; Esc cancels",
    "s          sort by a column or a node, which is typed",
    "<  >       sort by the previous, the next column",
    "r          sort the other way round",
    "/          show only names with a text; Esc shows all",
    "Tab        show further nodes; Shift+Tab goes back",
    "space      pause, go on",
    "q, Ctrl-C  quit; a move under way is cancelled",
    "",
    "hit/s miss/s foreign/s remote/s: pages allocated in a second on the node as",
    "intended, instead of another, on another instead, by CPUs of others",
];

/// How a frame is drawn.
pub struct View<'a> {
    /// What the terminal can show.
    pub screen: &'a Screen,
    /// The time between reports.
    pub interval: Duration,
    /// Whether keys do something.
    pub live: bool,
}

impl View<'_> {
    /// Draws a frame. Returns the number of processes that it has room for.
    pub fn draw(&self, app: &mut App, area: Rect, buffer: &mut Buffer) -> usize {
        let mut canvas = Canvas { area, buffer, color: self.screen.color };
        let height = usize::from(area.height);
        canvas.put(0, 0, &self.title(app));
        canvas.put(0, 1, &machine_line(app));
        let footer = if self.live { 2 } else { 0 };
        // A third of the screen for nodes, but two lines at least.
        let room = (height / 3).saturating_sub(2).max(2);
        let mut y = 2;
        for line in self.nodes(app, room) {
            canvas.put(0, y, &line);
            y += 1;
        }
        y += 1;
        if app.help {
            for line in HELP.iter().take(height.saturating_sub(y + footer)) {
                canvas.put(0, y, &vec![((*line).to_owned(), Style::new())]);
                y += 1;
            }
        }
        // The headings and the total.
        let page = height.saturating_sub(y + footer + 2);
        if !app.help {
            self.processes(app, page, y, &mut canvas);
        }
        if self.live {
            canvas.put(0, height.saturating_sub(2), &self.status(app, usize::from(area.width)));
            canvas.put(0, height.saturating_sub(1), &vec![(KEYS.into(), FAINT)]);
        }
        page
    }

    fn title(&self, app: &App) -> Line {
        let mut title = format!(
            "  {} node{}  {} process{}  by {}{}  every {}",
            app.report.nodes.len(),
            if app.report.nodes.len() == 1 { "" } else { "s" },
            app.report.processes.len(),
            if app.report.processes.len() == 1 { "" } else { "es" },
            app.sort,
            if app.reverse { " reversed" } else { "" },
            units::duration(self.interval)
        );
        if !app.name.is_empty() {
            title += &format!("  names with {}", crate::text::cut(&app.name, 20, self.screen));
        }
        let paused = if app.paused { "  paused" } else { "" };
        vec![("numars top".into(), HEADING), (title, Style::new()), (paused.into(), WARNING)]
    }

    fn nodes(&self, app: &mut App, room: usize) -> Vec<Line> {
        let count = app.report.nodes.len();
        let shown = if count > room { room.saturating_sub(1).max(1) } else { count };
        app.node_offset = app.node_offset.min(count.saturating_sub(shown));
        let nodes = app.report.nodes.get(app.node_offset..).unwrap_or_default();
        let nodes = nodes.get(..shown).unwrap_or(nodes);
        let mut lines = table::lines(&self.node_columns(nodes, &app.report.total));
        if let (Some(first), Some(last)) = (nodes.first(), nodes.last())
            && count > shown
        {
            let more = if self.live { "; Tab shows more" } else { "" };
            lines.push(vec![(format!("nodes {} to {} of {count}{more}", first.node, last.node), FAINT)]);
        }
        lines
    }

    fn node_columns(&self, nodes: &[NodeSample], total: &Total) -> Vec<Column> {
        let column = |heading: &str, cell: &dyn Fn(&NodeSample) -> (String, Style)| Column {
            heading: heading.into(),
            right: heading != "used",
            cells: nodes.iter().map(cell).collect(),
        };
        let plain = |text: String| (text, Style::new());
        let bytes = |bytes: Option<u64>| plain(bytes.map_or("?".into(), size));
        let rate = |rate: Option<f64>| plain(count(rate));
        vec![
            column("node", &|node| plain(node.node.to_string())),
            column("memory", &|node| bytes(node.memory_bytes)),
            column("free", &|node| bytes(node.free_bytes)),
            column("used", &|node| self.used(node)),
            column("processes", &|node| plain(size(total.on_node(node.node)))),
            column("hit/s", &|node| rate(node.rates.hit_per_second)),
            column("miss/s", &|node| rate(node.rates.miss_per_second)),
            column("foreign/s", &|node| rate(node.rates.foreign_per_second)),
            column("remote/s", &|node| rate(node.rates.remote_per_second)),
        ]
    }

    fn used(&self, node: &NodeSample) -> (String, Style) {
        match (node.memory_bytes, node.free_bytes) {
            (Some(total), Some(free)) if total > 0 => {
                let fraction = total.saturating_sub(free) as f64 / total as f64;
                (self.bar(fraction, 10), if fraction > 0.97 { WARNING } else { GOOD })
            }
            (Some(0), _) => ("no memory".into(), FAINT),
            _ => ("?".into(), FAINT),
        }
    }

    fn bar(&self, fraction: f64, width: usize) -> String {
        let filled = ((fraction.clamp(0.0, 1.0) * width as f64).round() as usize).min(width);
        let (full, empty) = self.screen.or_ascii(("█", "░"), ("#", "."));
        full.repeat(filled) + &empty.repeat(width - filled)
    }

    fn processes(&self, app: &mut App, page: usize, top: usize, canvas: &mut Canvas) {
        let left = if self.live { 2 } else { 0 };
        let (sort, selected, moved) = (app.sort, app.selected, std::mem::take(&mut app.moved));
        let total = app.report.total.clone();
        let width = usize::from(canvas.area.width).saturating_sub(left);
        let visible = app.visible(page);
        let room = if moved.is_empty() { width } else { width.saturating_sub(6) };
        let mut columns = table::columns(visible, Some(&total), sort, room, self.screen);
        if !moved.is_empty() {
            let bytes = |row| moved.get(&key(row)).map_or(String::new(), |&bytes| size(bytes));
            let cells = visible.iter().map(|row| (bytes(row), Style::new())).collect();
            columns.push(Column { heading: "moved".into(), right: true, cells });
        }
        for (index, line) in table::lines(&columns).iter().enumerate() {
            canvas.put(left, top + index, line);
        }
        let selected = visible.iter().position(|row| Some(key(row)) == selected).filter(|_| self.live);
        if let Some(index) = selected {
            canvas.put(0, top + 1 + index, &vec![(">".into(), HEADING)]);
            canvas.reverse(top + 1 + index);
        }
        app.moved = moved;
    }

    /// Returns the line for what is typed, moved or said.
    fn status(&self, app: &App, width: usize) -> Line {
        if let Some(prompt) = &app.prompt {
            let question = crate::text::cut(&prompt.kind.question(), width / 2 + 10, self.screen);
            let text = crate::text::cut(&prompt.text, usize::MAX, self.screen);
            // The end of it is what is being typed.
            let room = width.saturating_sub(question.len() + 2);
            let text: String = text.chars().skip(text.chars().count().saturating_sub(room)).collect();
            return vec![(question + " ", HEADING), (text, Style::new()), ("_".into(), HEADING)];
        }
        let cut = |text: &str, width| crate::text::cut(text, width, self.screen);
        match &app.mover {
            Some(mover) if app.message.is_empty() => {
                let (fraction, text) = mover.progress();
                let end = format!(" {:3.0}%  Esc cancels", fraction * 100.0);
                let bar = self.bar(fraction, 12);
                let room = width.saturating_sub(13 + end.len());
                vec![(bar, GOOD), (" ".into(), Style::new()), (cut(&text, room), Style::new()), (end, FAINT)]
            }
            _ => vec![(cut(&app.message, width), WARNING)],
        }
    }
}

fn machine_line(app: &App) -> Line {
    let rates = app.report.machine;
    let mut text = format!("pages/s  migrated {}", count(rates.migrated_per_second));
    text += &format!("  failed {}", count(rates.migration_failures_per_second));
    for (name, rate) in [
        ("balanced", rates.balanced_per_second),
        ("promoted", rates.promoted_per_second),
        ("demoted", rates.demoted_per_second),
    ] {
        if rate.is_some() {
            text += &format!("  {name} {}", count(rate));
        }
    }
    vec![(text, Style::new())]
}

/// Returns a number with three digits and a letter.
fn count(number: Option<f64>) -> String {
    match number {
        None => "?".into(),
        Some(number) if number >= 999_500.0 => format!("{:.1}M", number / 1e6),
        Some(number) if number >= 9_999.5 => format!("{:.0}k", number / 1e3),
        Some(number) if number > 0.0 && number < 0.5 => "<1".into(),
        Some(number) => format!("{number:.0}"),
    }
}

/// The cells of the screen.
struct Canvas<'a> {
    area: Rect,
    buffer: &'a mut Buffer,
    color: bool,
}

impl Canvas<'_> {
    /// Writes a line, cut at the edge of the area.
    fn put(&mut self, x: usize, y: usize, line: &Line) {
        let (Ok(mut x), Ok(y)) = (u16::try_from(x), u16::try_from(y)) else { return };
        if y >= self.area.height {
            return;
        }
        for (text, style) in line {
            let room = self.area.width.saturating_sub(x);
            if room == 0 {
                return;
            }
            let (left, top) = (self.area.x.saturating_add(x), self.area.y.saturating_add(y));
            let style = cell_style(*style, self.color);
            (x, _) = self.buffer.set_stringn(left, top, text, usize::from(room), style);
            x = x.saturating_sub(self.area.x);
        }
    }

    fn reverse(&mut self, y: usize) {
        if let Ok(y) = u16::try_from(y)
            && y < self.area.height
        {
            let line = Rect { y: self.area.y.saturating_add(y), height: 1, ..self.area };
            self.buffer.set_style(line, ratatui::style::Style::new().add_modifier(Modifier::REVERSED));
        }
    }
}

/// Returns the style of cells: without colours, only what is bold or faint.
fn cell_style(style: Style, color: bool) -> ratatui::style::Style {
    let mut cells = ratatui::style::Style::new();
    let effects = style.get_effects();
    for (effect, modifier) in [(anstyle::Effects::BOLD, Modifier::BOLD), (anstyle::Effects::DIMMED, Modifier::DIM)] {
        if effects.contains(effect) {
            cells = cells.add_modifier(modifier);
        }
    }
    let shown = |color: anstyle::Color| match color {
        anstyle::Color::Ansi(color) => Color::Indexed(color as u8),
        anstyle::Color::Ansi256(color) => Color::Indexed(color.0),
        anstyle::Color::Rgb(color) => Color::Rgb(color.0, color.1, color.2),
    };
    if color {
        cells.fg = style.get_fg_color().map(shown);
        cells.bg = style.get_bg_color().map(shown);
    }
    cells
}

/// Returns a buffer as text, without blanks at the ends of lines and empty lines at the end.
pub fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let lines = buffer.content.chunks(width).map(|line| {
        let line: String = line.iter().map(|cell| cell.symbol()).collect();
        line.trim_end().to_owned() + "\n"
    });
    lines.collect::<String>().trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::counters::NodeRates;
    use super::super::state::{Prompt, PromptKind, tests::app};
    use super::*;

    fn frame(app: &mut App, width: u16, height: u16, color: bool) -> (String, Buffer) {
        let screen = Screen { width: 80, color, unicode: false, is_terminal: true, json: false, quiet: false };
        let view = View { screen: &screen, interval: Duration::from_secs(2), live: true };
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        view.draw(app, area, &mut buffer);
        (text(&buffer), buffer)
    }

    fn with_nodes(count: usize) -> App {
        let mut app = app();
        let rates = NodeRates { hit_per_second: Some(12345.0), miss_per_second: Some(0.2), ..NodeRates::default() };
        app.report.nodes = (0..count)
            .map(|node| NodeSample { node, memory_bytes: Some(8 << 30), free_bytes: Some(4 << 30), rates })
            .collect();
        app
    }

    #[test]
    fn a_frame_shows_nodes_and_processes_and_the_selected_one() {
        let (text, _) = frame(&mut with_nodes(2), 80, 24, false);
        assert!(text.is_ascii() && text.lines().count() == 24, "{text}");
        assert!(
            text.starts_with("numars top  2 nodes  3 processes  by memory  every 2.0 s\npages/s  migrated ?"),
            "{text}"
        );
        assert!(text.contains("\n   0  8.00G 4.00G #####.....         -   12k     <1         ?        ?\n"), "{text}");
        assert!(
            text.lines().any(|line| line.starts_with(">") && line.contains("20 ") && line.contains("postgres")),
            "{text}"
        );
        assert!(text.ends_with(&format!("{KEYS}\n")), "{text}");
    }

    #[test]
    fn every_size_of_the_screen_and_every_number_of_nodes_is_drawn() {
        for (width, height) in [(0, 0), (1, 1), (5, 3), (20, 7), (80, 24), (300, 100)] {
            for nodes in [0, 1, 4, 1024] {
                let mut app = with_nodes(nodes);
                app.moved.insert((20, 1), 1 << 20);
                frame(&mut app, width, height, true);
                app.help = true;
                app.node_offset = 5000;
                frame(&mut app, width, height, true);
            }
        }
        let (text, _) = frame(&mut with_nodes(1024), 80, 24, false);
        assert!(text.contains("nodes 0 to 4 of 1024; Tab shows more"), "{text}");
    }

    #[test]
    fn without_colours_no_cell_has_one() {
        let is_colored =
            |buffer: &Buffer| buffer.content.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset);
        assert!(is_colored(&frame(&mut with_nodes(2), 80, 24, true).1));
        assert!(!is_colored(&frame(&mut with_nodes(2), 80, 24, false).1));
    }

    #[test]
    fn what_is_typed_and_said_is_above_the_keys() {
        let mut app = with_nodes(2);
        app.message = "a\nb".into();
        assert!(frame(&mut app, 80, 24, false).0.contains("\na?b\nq quit"));
        app.prompt = Some(Prompt { kind: PromptKind::Move((20, 1), "postgres".into()), text: "1-3".into() });
        assert!(frame(&mut app, 80, 24, false).0.contains("\nmove 20 (postgres) to nodes: 1-3_\nq quit"));
    }

    #[test]
    fn counts_are_short() {
        let counts = [None, Some(0.0), Some(0.4), Some(17.4), Some(9999.0), Some(123_456.0), Some(2.5e6)].map(count);
        assert_eq!(counts, ["?", "0", "<1", "17", "9999", "123k", "2.5M"]);
    }
}

//! Processes as a table: the columns that fit.

use super::row::{MemoryBytes, ProcessRow, Total};
use super::sort::SortKey;
use crate::draw::{BAD, FAINT, GOOD, HEADING, WARNING, styled};
use crate::screen::Screen;
use crate::text::cut;
use crate::units;
use anstyle::Style;
use unicode_width::UnicodeWidthStr;

/// The nodes that have a column before other columns are considered.
const FIRST_NODES: usize = 4;
/// The longest name in the table.
const LONGEST_NAME: usize = 15;
/// The longest list of nodes, and policy.
const LONGEST_LIST: usize = 12;

/// A column: its heading, and a cell for each row.
pub struct Column {
    /// What the heading says.
    pub heading: String,
    /// Whether it is aligned to the right.
    pub right: bool,
    /// What the rows say, with their styles.
    pub cells: Vec<(String, Style)>,
}

impl Column {
    /// Returns its width: that of its widest cell.
    pub fn width(&self) -> usize {
        let cells = self.cells.iter().map(|(text, _)| text.width());
        cells.chain([self.heading.width()]).max().unwrap_or(0)
    }
}

/// A size with three digits and a letter: `1.20G`; 0 is `-`.
pub fn size(bytes: u64) -> String {
    if bytes == 0 { "-".into() } else { units::bytes(bytes).replace(" B", "B").replace("iB", "").replace(' ', "") }
}

/// Returns a share in percent.
pub fn percent(fraction: Option<f64>) -> String {
    fraction.map_or("?".into(), |fraction| format!("{:.0}%", fraction * 100.0))
}

/// Returns the style of a share of local memory.
pub fn local_style(fraction: Option<f64>) -> Style {
    match fraction {
        Some(fraction) if fraction >= 0.9 => GOOD,
        Some(fraction) if fraction < 0.5 => BAD,
        Some(_) => WARNING,
        None => FAINT,
    }
}

/// Returns the columns of a table of processes that fit into `width`: the PID, the name and the memory always, others as there is room, that by
/// which the processes are sorted first. The last cell of each is for `total`, unless there is none.
pub fn columns(
    rows: &[ProcessRow],
    total: Option<&Total>,
    sort: SortKey,
    width: usize,
    screen: &Screen,
) -> Vec<Column> {
    let all = Builder { rows, total, screen };
    let mut chosen = vec![all.pids(), all.names(), all.sizes("memory", |memory| memory.total_bytes)];
    let used = |columns: &[Column]| columns.iter().map(|column| column.width() + 1).sum::<usize>().saturating_sub(1);
    let fits = |chosen: &[Column], more: &[Column]| used(chosen) + 1 + used(more) <= width;

    let nodes = all.nodes();
    let (mut node_columns, mut after) = (Vec::new(), Vec::new());
    let mut optional = all.optional();
    // What they are sorted by must be seen.
    let is_key = |name: &str| sort.to_string().starts_with(name);
    if let Some(index) = optional.iter().position(|column| is_key(&column.heading)) {
        let column = optional.remove(index);
        if fits(&chosen, std::slice::from_ref(&column)) {
            chosen.push(column);
        }
    }
    let count = |room: usize, limit: usize| {
        // A column and the blank before it have at least three cells.
        let max = limit.min(nodes.len()).min(room / 3);
        (0..=max).rev().find(|&count| used(&all.node_columns(&nodes, count, sort)) <= room).unwrap_or(0)
    };
    let room = width.saturating_sub(used(&chosen) + 1);
    let first = count(room, FIRST_NODES);
    if first > 0 {
        node_columns = all.node_columns(&nodes, first, sort);
    }
    for column in optional.drain(..LAST_OF_FIRST.min(optional.len())) {
        let so_far = used(&chosen) + 1 + used(&node_columns) + 1 + used(&after);
        if so_far + 1 + column.width() <= width {
            after.push(column);
        }
    }
    let room = width.saturating_sub(used(&chosen) + 1 + used(&after) + 1);
    let more = count(room, nodes.len());
    if more > first {
        node_columns = all.node_columns(&nodes, more, sort);
    }
    for column in optional {
        let so_far = used(&chosen) + 1 + used(&node_columns) + 1 + used(&after);
        if so_far + 1 + column.width() <= width {
            // The parts of the memory stand after it, the user after the PID.
            let at = if column.heading == "user" { 1 } else { chosen.len() };
            chosen.insert(at, column);
        }
    }
    chosen.extend(node_columns);
    chosen.extend(after);
    chosen
}

/// The number of optional columns that come before more than [`FIRST_NODES`] nodes: where it runs, how much is local, and its policy.
const LAST_OF_FIRST: usize = 3;

/// Returns a part of a process's memory.
type Bytes = fn(&MemoryBytes) -> u64;

struct Builder<'a> {
    rows: &'a [ProcessRow],
    total: Option<&'a Total>,
    screen: &'a Screen,
}

impl Builder<'_> {
    fn column(
        &self,
        heading: &str,
        right: bool,
        cell: impl Fn(&ProcessRow) -> (String, Style),
        total: impl FnOnce(&Total) -> String,
    ) -> Column {
        let total = self.total.map(|all| (total(all), HEADING));
        let cells = self.rows.iter().map(cell).chain(total).collect();
        Column { heading: heading.into(), right, cells }
    }

    fn pids(&self) -> Column {
        self.column("PID", true, |row| (row.pid.to_string(), Style::new()), |_| "total".into())
    }

    fn names(&self) -> Column {
        let name = |row: &ProcessRow| (cut(&row.name, LONGEST_NAME, self.screen), Style::new());
        let count =
            |total: &Total| format!("{} process{}", total.processes, if total.processes == 1 { "" } else { "es" });
        self.column("name", false, name, count)
    }

    fn sizes(&self, heading: &str, bytes: Bytes) -> Column {
        self.column(heading, true, |row| (size(bytes(&row.memory)), Style::new()), |total| size(bytes(&total.memory)))
    }

    /// Returns the other columns but those of nodes, in the order in which they matter.
    fn optional(&self) -> Vec<Column> {
        let shown = |text: String| (cut(&text, LONGEST_LIST, self.screen), Style::new());
        let local = |row: &ProcessRow| (percent(row.local_fraction), local_style(row.local_fraction));
        let policy = |row: &ProcessRow| if row.nodes.is_some() { row.main_policy() } else { "?".into() };
        let mut columns = vec![
            self.column("local", true, local, |_| String::new()),
            self.column("on", false, |row| shown(row.thread_node_list()), |_| String::new()),
            self.column("policy", false, |row| shown(policy(row)), |_| String::new()),
            self.column("user", false, |row| shown(row.user.clone()), |_| String::new()),
        ];
        let parts: [(&str, Bytes); 4] = [
            ("anon", |memory| memory.anonymous_bytes),
            ("file", |memory| memory.file_bytes),
            ("shared", |memory| memory.shared_bytes),
            ("huge", |memory| memory.huge_bytes),
        ];
        let is_used = |&(_, bytes): &(&str, Bytes)| self.rows.iter().any(|row| bytes(&row.memory) > 0);
        columns.extend(parts.into_iter().filter(is_used).map(|(heading, bytes)| self.sizes(heading, bytes)));
        columns.push(self.column("threads", true, |row| (row.threads.to_string(), Style::new()), |_| String::new()));
        columns
    }

    /// Returns the nodes with memory of these processes.
    fn nodes(&self) -> Vec<(usize, u64)> {
        let total = Total::of(self.rows);
        let total = self.total.unwrap_or(&total);
        total.nodes.iter().map(|bytes| (bytes.node, bytes.memory.total_bytes)).collect()
    }

    /// Returns columns for the nodes with the most memory, and one for the others if there are any.
    fn node_columns(&self, nodes: &[(usize, u64)], count: usize, sort: SortKey) -> Vec<Column> {
        let mut by_size: Vec<(usize, u64)> = nodes.to_vec();
        by_size.sort_by_key(|&(node, bytes)| (sort != SortKey::Node(node), std::cmp::Reverse(bytes), node));
        let mut shown: Vec<usize> = by_size.iter().take(count).map(|&(node, _)| node).collect();
        shown.sort_unstable();
        let cell = |row: &ProcessRow, bytes: Option<u64>| match (&row.nodes, bytes) {
            (Some(_), Some(bytes)) => (size(bytes), if bytes == 0 { FAINT } else { Style::new() }),
            _ => ("?".into(), FAINT),
        };
        let mut columns: Vec<Column> = shown
            .iter()
            .map(|&node| {
                let heading = format!("N{node}");
                self.column(&heading, true, |row| cell(row, row.on_node(node)), |total| size(total.on_node(node)))
            })
            .collect();
        if by_size.len() > count {
            let sum = |on_node: &dyn Fn(usize) -> u64| {
                shown.iter().fold(0, |sum: u64, &node| sum.saturating_add(on_node(node)))
            };
            let others = |row: &ProcessRow| {
                let shown = sum(&|node| row.on_node(node).unwrap_or(0));
                cell(row, Some(row.memory.total_bytes.saturating_sub(shown)))
            };
            let total = |total: &Total| {
                let all = total.nodes.iter().fold(0, |sum: u64, bytes| sum.saturating_add(bytes.memory.total_bytes));
                size(all.saturating_sub(sum(&|node| total.on_node(node))))
            };
            columns.push(self.column("others", true, others, total));
        }
        columns
    }
}

/// Returns the lines of a table, first that of the headings: what they consist of, with styles.
pub fn lines(columns: &[Column]) -> Vec<Vec<(String, Style)>> {
    let rows = columns.iter().map(|column| column.cells.len()).max().unwrap_or(0);
    let headings = columns.iter().map(|column| (column, column.heading.as_str(), HEADING)).collect();
    let row = |row: usize| {
        let cells = columns.iter().map(|column| match column.cells.get(row) {
            Some((text, style)) => (column, text.as_str(), *style),
            None => (column, "", Style::new()),
        });
        cells.collect()
    };
    std::iter::once(headings).chain((0..rows).map(row)).map(line).collect()
}

fn line(cells: Vec<(&Column, &str, Style)>) -> Vec<(String, Style)> {
    let (mut line, mut blanks) = (Vec::new(), 0);
    for (column, text, style) in cells {
        let width = column.width();
        let gap = width.saturating_sub(text.width());
        if text.is_empty() {
            blanks += width + 1;
        } else {
            blanks += if column.right { gap } else { 0 };
            line.push((" ".repeat(blanks), Style::new()));
            line.push((text.to_owned(), style));
            blanks = if column.right { 1 } else { gap + 1 };
        }
    }
    line
}

/// Returns a table as text, without blanks at the ends of lines.
pub fn text(columns: &[Column]) -> String {
    let line = |parts: Vec<(String, Style)>| {
        parts.into_iter().map(|(text, style)| styled(text, style)).collect::<String>() + "\n"
    };
    lines(columns).into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::sample;
    use super::*;

    fn screen(unicode: bool) -> Screen {
        Screen { width: 80, color: false, unicode, is_terminal: false, json: false, quiet: false }
    }

    fn plain(rows: &[ProcessRow], sort: SortKey, width: usize) -> String {
        let total = Total::of(rows);
        let columns = columns(rows, Some(&total), sort, width, &screen(false));
        anstream::adapter::strip_str(&text(&columns)).to_string()
    }

    #[test]
    fn sizes_are_short() {
        let sizes = [0, 5, 1023, 4096, 10 << 20, 999 << 20, 8 << 30, u64::MAX].map(size);
        assert_eq!(sizes, ["-", "5B", "1.00K", "4.00K", "10.0M", "999M", "8.00G", "16.0E"]);
    }

    #[test]
    fn every_table_fits_its_width() {
        let nodes: Vec<(usize, u64)> = (0..1024).map(|node| (node, 1 << (20 + node % 7))).collect();
        let rows = [
            sample(1234567, "a-name-that-is-too-long", Some(&nodes)),
            sample(17, "b", Some(&[(3, 1 << 30)])),
            sample(18, "c", None),
        ];
        for (width, sort) in
            [(40, SortKey::Memory), (80, SortKey::Node(1023)), (80, SortKey::User), (200, SortKey::Huge)]
        {
            let text = plain(&rows, sort, width);
            assert!(text.lines().all(|line| line.len() <= width), "{width}: {text}");
            assert!(width < 80 || text.contains("others"), "{text}");
        }
        assert!(plain(&rows, SortKey::Node(1023), 80).contains("N1023"));
        assert!(plain(&rows, SortKey::User, 80).contains("user"));
        assert!(plain(&rows, SortKey::Anonymous, 80).contains("anon"));
    }

    #[test]
    fn four_nodes_fit_into_80_columns_with_what_matters() {
        let nodes = [(0, 123 << 20), (1, 456 << 20), (2, 789 << 20), (3, 1 << 30)];
        let rows = [sample(1234, "postgres", Some(&nodes)), sample(17, "b", None)];
        let text = plain(&rows, SortKey::Memory, 80);
        let heading: Vec<&str> = text.lines().next().unwrap().split_whitespace().collect();
        assert!(heading.starts_with(&["PID"]), "{text}");
        for column in ["name", "memory", "N0", "N1", "N2", "N3", "local", "on", "policy"] {
            assert!(heading.contains(&column), "{column}: {text}");
        }
        assert!(text.lines().last().unwrap().contains(" 2 processes"), "{text}");
    }
}

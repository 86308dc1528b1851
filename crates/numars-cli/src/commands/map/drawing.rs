//! The mappings as people see them.

use super::{MapArguments, MapReport, MappingReport, PageMap};
use crate::draw::{FAINT, HEADING, node_digit, node_style, styled};
use crate::node_pages;
use crate::screen::Screen;
use crate::text::{self, printable};
use crate::units;
use std::fmt::Write;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The most lines that a page map has.
pub const MAX_LINES: usize = 32;

/// The columns of an address and the blanks after it.
const ADDRESS: usize = 14;

/// Returns the characters in a line of a page map: a multiple of 16, if the screen is wide enough.
pub fn columns(screen: &Screen) -> usize {
    let fitting = screen.width.saturating_sub(ADDRESS);
    if fitting >= 16 { (fitting / 16 * 16).min(128) } else { fitting.max(1) }
}

/// Draws a report.
pub fn draw(report: &MapReport, arguments: &MapArguments, screen: &Screen) -> String {
    let mut text = String::new();
    let present = report.nodes.iter().fold(0u64, |sum, on| sum.saturating_add(on.bytes));
    let title = format!("process {} ({})", report.pid, printable(&report.name));
    let _ = writeln!(text, "{}: {} in memory", styled(title, HEADING), units::bytes(present));
    let widest = report.nodes.iter().map(|on| on.bytes).max().unwrap_or(0);
    for on in &report.nodes {
        let width = screen.width.saturating_sub(22).clamp(4, 48);
        let cells = (u128::from(on.bytes) * width as u128).div_ceil(u128::from(widest.max(1))) as usize;
        let bar = node_pages::bar(&[*on], cells.min(width));
        let _ = writeln!(text, "node {:>4}  {:>8}  {bar}", on.node, units::bytes(on.bytes));
    }
    let layout = Layout::new(report, arguments, screen);
    let _ = writeln!(text, "\n{}", layout.header());
    let mut hidden = (0, 0u64);
    for mapping in &report.mappings {
        if mapping.present_bytes == 0 && !arguments.all {
            hidden = (hidden.0 + 1, hidden.1.saturating_add(mapping.bytes));
            continue;
        }
        let _ = writeln!(text, "{}", layout.row(mapping));
        if let Some(map) = mapping.page_map.as_ref().filter(|_| arguments.pages) {
            text += &page_map(mapping, map, report.page_size, columns(screen), screen);
        }
    }
    for note in notes(report, arguments, hidden, screen) {
        let _ = writeln!(text, "{}", styled(note, FAINT));
    }
    text
}

fn notes(report: &MapReport, arguments: &MapArguments, hidden: (usize, u64), screen: &Screen) -> Vec<String> {
    let mut notes = Vec::new();
    if hidden.0 > 0 {
        let plural = if hidden.0 == 1 { "" } else { "s" };
        notes.push(format!(
            "{} mapping{plural} of {} without pages in memory: --all shows them",
            hidden.0,
            units::bytes(hidden.1)
        ));
    }
    if arguments.pages {
        let absent = screen.or_ascii("\"·\"", "\".\"");
        notes.push(format!("digit: last digit of the node of a page; {absent}: not in memory"));
    } else if report.nodes.iter().any(|on| on.node >= 10) {
        notes.push("bars show the last digit of the nodes".into());
    }
    notes
}

/// The widths of the columns of mappings.
struct Layout<'a> {
    screen: &'a Screen,
    bar: usize,
    policy: Option<usize>,
    huge: bool,
    nodes: Option<usize>,
    name: usize,
}

impl<'a> Layout<'a> {
    fn new(report: &MapReport, arguments: &MapArguments, screen: &'a Screen) -> Self {
        let widest = |text: fn(&MappingReport) -> usize, least: usize, limit: usize| {
            report.mappings.iter().map(text).max().unwrap_or(0).clamp(least, limit)
        };
        // With all columns, a narrow screen has no room for more.
        let limit = if screen.width < 100 && arguments.policy && arguments.huge_pages { 8 } else { 16 };
        let policy =
            arguments.policy.then(|| widest(|mapping| mapping.policy.as_deref().map_or(0, str::len), 6, limit));
        let ambiguous = report.nodes.iter().any(|on| on.node >= 10);
        let nodes = ambiguous.then(|| widest(|mapping| node_list(mapping).len(), 5, limit));
        let others = ADDRESS
            + 10
            + 10
            + policy.map_or(0, |width| width + 2)
            + nodes.map_or(0, |width| width + 2)
            + if arguments.huge_pages { 10 } else { 0 };
        let rest = screen.width.saturating_sub(others);
        // The name gets at least as much as the bar.
        let bar = (rest / 2).saturating_sub(2).clamp(4, 24);
        Layout { screen, bar, policy, huge: arguments.huge_pages, nodes, name: rest.saturating_sub(bar + 2).max(8) }
    }

    fn line(
        &self,
        address: &str,
        size: &str,
        present: &str,
        bar: (&str, usize),
        others: [&str; 3],
        name: &str,
    ) -> String {
        let mut line =
            format!("{address:>12}  {size:>8}  {present:>8}  {}{}", bar.0, " ".repeat(self.bar.saturating_sub(bar.1)));
        let [nodes, policy, huge] = others;
        if let Some(width) = self.nodes {
            let _ = write!(line, "  {:<width$}", text::cut(nodes, width, self.screen));
        }
        if let Some(width) = self.policy {
            let _ = write!(line, "  {:<width$}", text::cut(policy, width, self.screen));
        }
        if self.huge {
            let _ = write!(line, "  {huge:>8}");
        }
        let _ = write!(line, "  {name}");
        line.trim_end().to_owned()
    }

    fn header(&self) -> String {
        let bar = if self.bar < 5 { ("node", 4) } else { ("nodes", 5) };
        styled(self.line("address", "size", "present", bar, ["nodes", "policy", "huge"], "mapping"), HEADING)
    }

    fn row(&self, mapping: &MappingReport) -> String {
        let bar = node_pages::bar(&mapping.nodes, self.bar);
        let cells = if mapping.nodes.is_empty() { 0 } else { self.bar };
        let huge = match (mapping.huge_page_bytes, mapping.hugetlb_page_size) {
            (None | Some(0), _) => "-".to_owned(),
            (Some(bytes), None) => units::bytes(bytes),
            (Some(bytes), Some(_)) => format!("{}t", units::bytes(bytes).replace(' ', "").replace("iB", "")),
        };
        self.line(
            &mapping.start,
            &units::bytes(mapping.bytes),
            &units::bytes(mapping.present_bytes),
            (&bar, cells),
            [&node_list(mapping), mapping.policy.as_deref().unwrap_or("-"), &huge],
            &self.name_of(mapping),
        )
    }

    /// Returns the name of a mapping; of a path that is too long, the end.
    fn name_of(&self, mapping: &MappingReport) -> String {
        let name = if mapping.name.is_empty() { "[anon]".to_owned() } else { printable(&mapping.name) };
        let name = if self.screen.unicode { name } else { name.replace(|character: char| !character.is_ascii(), "?") };
        keep_end(&name, self.name, self.screen)
    }
}

/// Returns the nodes of a mapping as a list.
fn node_list(mapping: &MappingReport) -> String {
    let nodes = mapping.nodes.iter().filter_map(|on| numars::Node::new(on.node));
    nodes.collect::<numars::NodeSet>().to_string()
}

/// Returns the end of a text that is wider than `width`.
fn keep_end(text: &str, width: usize, screen: &Screen) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let mut kept = 0;
    for character in text.chars().rev() {
        let cells = character.width().unwrap_or(0);
        if cells > room {
            break;
        }
        room -= cells;
        kept += character.len_utf8();
    }
    let end = text.get(text.len().saturating_sub(kept)..).unwrap_or_default();
    format!("{}{end}", screen.or_ascii("…", "~"))
}

/// Draws a page map, each line with the address of its first page.
fn page_map(mapping: &MappingReport, map: &PageMap, page_size: usize, columns: usize, screen: &Screen) -> String {
    let mut text = String::new();
    let per_cell = u128::from(map.pages_per_cell) * page_size as u128;
    if map.pages_per_cell > 1 {
        let bytes = u64::try_from(per_cell).unwrap_or(u64::MAX);
        let scale = format!("{} pages, {}, per character", map.pages_per_cell, units::bytes(bytes));
        let _ = writeln!(text, "{}{}", " ".repeat(ADDRESS), styled(scale, FAINT));
    }
    let start = usize::from_str_radix(&mapping.start, 16).unwrap_or(0) / page_size.max(1) * page_size;
    for (line, cells) in map.cells.chunks(columns.max(1)).enumerate() {
        let address = start as u128 + line as u128 * columns as u128 * per_cell;
        let _ = write!(text, "{}  ", styled(format!("{address:>12x}"), FAINT));
        for run in cells.chunk_by(|one, other| one == other) {
            match run.first().copied().flatten() {
                Some(node) => text += &styled(node_digit(node).to_string().repeat(run.len()), node_style(node)),
                None => text += &styled(screen.or_ascii("·", ".").repeat(run.len()), FAINT),
            }
        }
        text.push('\n');
    }
    text
}

/// Returns the first lines of a text, and if there are more, how many.
pub fn cut(text: &str, lines: usize) -> String {
    let count = text.lines().count();
    if count <= lines {
        return text.to_owned();
    }
    let shown = lines.saturating_sub(1);
    let mut cut: String = text.lines().take(shown).map(|line| line.to_owned() + "\n").collect();
    let _ = writeln!(cut, "{}", styled(format!("{} more lines", count - shown), FAINT));
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(width: usize, unicode: bool) -> Screen {
        Screen { width, color: false, unicode, is_terminal: false, json: false, quiet: false }
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn mapping(name: &str) -> MappingReport {
        let counts = {
            let mut counts = crate::node_pages::PageCounts::new();
            counts.as_mut_slice()[..2].copy_from_slice(&[1, 3]);
            counts
        };
        let mapping = crate::mappings::Mapping {
            offset: 0,
            is_file: false,
            start: 0x7f00_0000_0000,
            end: 0x7f00_0001_0000,
            permissions: "rw-p".into(),
            name: name.into(),
        };
        super::super::report_of(&mapping, &counts)
    }

    fn arguments(more: &[&str]) -> MapArguments {
        #[derive(clap::Parser)]
        struct Wrapper {
            #[command(flatten)]
            arguments: MapArguments,
        }
        <Wrapper as clap::Parser>::parse_from(["map", "1"].iter().chain(more)).arguments
    }

    fn report(mappings: Vec<MappingReport>) -> MapReport {
        let nodes = mappings.first().map_or(vec![], |mapping| mapping.nodes.clone());
        MapReport { pid: 17, name: "a\tb".into(), page_size: 4096, nodes, mappings }
    }

    #[test]
    fn every_line_fits_on_the_screen() {
        let long = "/a/very/long/path".repeat(20);
        let mut with_map = mapping(&long);
        with_map.policy = Some("prefer (many):0-3,5-7,9".into());
        with_map.huge_page_bytes = Some(1000 << 30);
        with_map.page_map = Some(PageMap { pages_per_cell: 4, cells: vec![Some(0); 500] });
        with_map.nodes.push(node_pages::NodePages { node: 1023, pages: 1, bytes: 4096 });
        let report = report(vec![with_map, mapping("")]);
        for width in [80, 100, 200] {
            for options in [&["--pages"][..], &["--pages", "--policy"], &["--policy", "--huge-pages", "--all"]] {
                let text = plain(&draw(&report, &arguments(options), &screen(width, true)));
                for line in text.lines() {
                    assert!(line.width() <= width, "{width} {options:?}: {line}");
                }
                assert!(text.contains("process 17 (a?b): "), "{text}");
            }
        }
    }

    #[test]
    fn a_page_map_has_addresses_digits_and_its_scale() {
        let map = PageMap { pages_per_cell: 2, cells: vec![Some(0), Some(11), None, Some(3)] };
        let text = plain(&page_map(&mapping(""), &map, 4096, 3, &screen(80, false)));
        assert_eq!(text, "              2 pages, 8.00 KiB, per character\n7f0000000000  01.\n7f0000006000  3\n");
    }

    #[test]
    fn mappings_without_pages_are_counted_and_shown_on_request() {
        let mut empty = mapping("/empty");
        (empty.nodes, empty.present_bytes) = (vec![], 0);
        let report = report(vec![mapping("[heap]"), empty]);
        let text = plain(&draw(&report, &arguments(&[]), &screen(80, true)));
        assert!(text.contains("1 mapping of 64.0 KiB without pages") && !text.contains("/empty"), "{text}");
        let text = plain(&draw(&report, &arguments(&["--all"]), &screen(80, true)));
        assert!(text.contains("/empty") && !text.contains("without pages"), "{text}");
    }

    #[test]
    fn names_keep_their_ends_and_texts_are_cut_to_the_height() {
        let ascii = screen(80, false);
        assert_eq!(keep_end("/usr/lib/libc.so.6", 9, &ascii), "~ibc.so.6");
        assert_eq!((keep_end("a", 9, &ascii), text::cut("abcdef", 4, &ascii)), ("a".into(), "abc~".into()));
        assert_eq!(plain(&cut("a\nb\nc\nd\n", 3)), "a\nb\n2 more lines\n");
        assert_eq!(cut("a\nb\n", 2), "a\nb\n");
        assert_eq!([30, 79, 80, 1000].map(|width| columns(&screen(width, true))), [16, 64, 64, 128]);
    }
}

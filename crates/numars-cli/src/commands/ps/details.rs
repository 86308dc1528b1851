//! Everything about one process.

use super::row::{MemoryBytes, ProcessRow};
use super::table::{local_style, percent, size};
use crate::draw::{self, FAINT, HEADING, styled, table, table_text};
use crate::nodes_argument::named;
use crate::screen::Screen;
use crate::text::printable;
use crate::units;
use std::collections::BTreeMap;

/// Returns what is known about a process as text.
pub fn text(row: &ProcessRow, screen: &Screen) -> String {
    let name = crate::text::cut(&row.name, 40, screen);
    let mut text = format!(
        "{} {}\n",
        styled(format!("{} {name}", row.pid), HEADING),
        styled(
            format!(
                "(user {}, {} thread{})",
                printable(&row.user),
                row.threads,
                if row.threads == 1 { "" } else { "s" }
            ),
            FAINT
        )
    );
    let cut = |text: &str| crate::text::cut(text, screen.width.saturating_sub(11), screen);
    let mut line = |name: &str, value: String| text += &format!("{name:10} {value}\n");
    line("command", cut(&row.command));
    let local = match (row.local_fraction, row.thread_nodes.len()) {
        (None, _) => String::new(),
        (Some(_), 1) => {
            let share = styled(percent(row.local_fraction), local_style(row.local_fraction));
            format!(", {share} local to the node its threads run on")
        }
        (Some(_), _) => {
            let share = styled(percent(row.local_fraction), local_style(row.local_fraction));
            format!(", {share} local to nodes its threads run on")
        }
    };
    line("memory", units::bytes(row.memory.total_bytes) + &local);
    let policies: Vec<String> =
        row.policies.iter().map(|policy| format!("{} ({})", policy.policy, units::bytes(policy.bytes))).collect();
    if !policies.is_empty() {
        line("policy", cut(&policies.join(", ")));
    }
    if let Some(nodes) = &row.allowed_nodes {
        let nodes = nodes.parse().map_or_else(|_| nodes.clone(), named);
        line("may use", cut(&format!("memory of {nodes}")));
    }
    if let Some(why) = &row.unreadable {
        line("nodes", cut(&format!("unknown: {why}")));
    }
    text + "\n" + &nodes_table(row, screen)
}

fn nodes_table(row: &ProcessRow, screen: &Screen) -> String {
    let mut nodes: BTreeMap<usize, (MemoryBytes, usize)> = BTreeMap::new();
    for bytes in row.nodes.iter().flatten() {
        nodes.entry(bytes.node).or_default().0 = bytes.memory;
    }
    for threads in &row.thread_nodes {
        nodes.entry(threads.node).or_default().1 = threads.threads;
    }
    let header = ["node", "memory", "anonymous", "file", "shared", "huge", "threads", ""];
    let mut table = table(screen, &header, &[0, 1, 2, 3, 4, 5, 6]);
    let all = row.memory.total_bytes;
    let cells = |name: String, memory: &MemoryBytes, threads: usize| {
        let parts = [memory.anonymous_bytes, memory.file_bytes, memory.shared_bytes, memory.huge_bytes];
        let mut cells = vec![name, size(memory.total_bytes)];
        cells.extend(parts.map(size));
        cells.push(if threads == 0 { "-".into() } else { threads.to_string() });
        cells
    };
    let has_nodes = row.nodes.is_some();
    for (node, (memory, threads)) in &nodes {
        let mut cells = cells(node.to_string(), memory, *threads);
        if has_nodes {
            let fraction = if all == 0 { 0.0 } else { memory.total_bytes as f64 / all as f64 };
            cells.push(draw::fill_bar(screen, fraction, 10, draw::GOOD));
        } else {
            cells.iter_mut().skip(1).take(5).for_each(|cell| *cell = "?".into());
        }
        table.add_row(cells);
    }
    table.add_row(cells("total".into(), &row.memory, row.threads).into_iter().map(|cell| styled(cell, HEADING)));
    table_text(&table)
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::sample;
    use super::*;

    fn plain(row: &ProcessRow) -> String {
        let screen = Screen { width: 80, color: false, unicode: false, is_terminal: false, json: false, quiet: false };
        anstream::adapter::strip_str(&text(row, &screen)).to_string()
    }

    #[test]
    fn the_details_of_a_process_are_one_line_per_node() {
        let text = plain(&sample(17, "a", Some(&[(0, 1 << 20), (3, 3 << 20)])));
        assert!(
            text.starts_with("17 a (user root, 1 thread)\ncommand    /bin/a\nmemory     4.00 MiB, 50% local"),
            "{text}"
        );
        assert!(text.contains("\n    3   3.00M      3.00M     -       -     -        -  ########..\n"), "{text}");
        assert!(text.lines().last().unwrap().starts_with("total   4.00M"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 80));
    }

    #[test]
    fn the_allowed_nodes_are_named() {
        let of = |nodes: &str| plain(&ProcessRow { allowed_nodes: Some(nodes.into()), ..sample(17, "a", None) });
        assert!(of("0").contains("\nmay use    memory of node 0\n"), "{}", of("0"));
        assert!(of("0-1,3").contains("\nmay use    memory of nodes 0-1,3\n"), "{}", of("0-1,3"));
    }

    #[test]
    fn what_is_unknown_is_a_question_mark_with_its_reason() {
        let text = plain(&sample(17, "a", None));
        assert!(text.contains("nodes      unknown: permission denied [EACCES]\n"), "{text}");
        assert!(text.contains("\n    0       ?          ?     ?       ?     ?        1\n"), "{text}");
    }
}

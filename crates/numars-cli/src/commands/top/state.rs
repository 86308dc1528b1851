//! What `numars top` remembers between frames, and what keys do.

use super::mover::Mover;
use super::sample::{ProcessKey, TopReport};
use crate::commands::ps::row::ProcessRow;
use crate::commands::ps::sort::SortKey;
use crate::nodes_argument::parse_targets;
use crate::text::printable;
use numars::{NodeSet, Topology};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::collections::HashMap;

/// The state of the screen.
pub struct App {
    /// The last report.
    pub report: TopReport,
    /// Its processes that are shown, in the order in which they are.
    pub rows: Vec<ProcessRow>,
    /// What they are sorted by.
    pub sort: SortKey,
    /// Whether they are sorted the other way round.
    pub reverse: bool,
    /// Only processes whose names contain this are shown.
    pub name: String,
    /// The selected process.
    pub selected: Option<ProcessKey>,
    /// The index of the selected process when it was last seen.
    index: usize,
    /// The index of the first process on the screen.
    pub offset: usize,
    /// The index of the first node on the screen.
    pub node_offset: usize,
    /// What is being typed.
    pub prompt: Option<Prompt>,
    /// Whether the keys are explained.
    pub help: bool,
    /// Whether new reports are ignored.
    pub paused: bool,
    /// The move under way.
    pub mover: Option<Mover>,
    /// The bytes that were moved of each process.
    pub moved: HashMap<ProcessKey, u64>,
    /// What there is to say.
    pub message: String,
    /// Whether to end.
    pub quit: bool,
}

/// A line that is being typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What it is for.
    pub kind: PromptKind,
    /// What was typed.
    pub text: String,
}

/// What a line is typed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptKind {
    /// The key to sort by.
    Sort,
    /// A part of the names to show.
    Filter,
    /// The nodes to move a process to, which has this name.
    Move(ProcessKey, String),
}

impl PromptKind {
    /// Returns the question.
    pub fn question(&self) -> String {
        match self {
            PromptKind::Sort => "sort by (memory, local, anon, name, node0 ...):".into(),
            PromptKind::Filter => "show names with:".into(),
            PromptKind::Move((pid, _), name) => format!("move {pid} ({}) to nodes:", printable(name)),
        }
    }
}

/// The longest line that can be typed.
const LONGEST_LINE: usize = 200;

impl App {
    /// Returns the state at the beginning.
    pub fn new(sort: SortKey, reverse: bool) -> App {
        App {
            report: TopReport::default(),
            rows: Vec::new(),
            sort,
            reverse,
            name: String::new(),
            selected: None,
            index: 0,
            offset: 0,
            node_offset: 0,
            prompt: None,
            help: false,
            paused: false,
            mover: None,
            moved: HashMap::new(),
            message: String::new(),
            quit: false,
        }
    }

    /// Takes a new report.
    pub fn update(&mut self, report: TopReport) {
        if !self.paused {
            self.report = report;
            self.arrange();
        }
    }

    /// Filters and sorts the processes. The selected process stays selected.
    fn arrange(&mut self) {
        let rows = self.report.processes.iter().filter(|row| row.name.contains(&self.name));
        self.rows = rows.cloned().collect();
        self.sort.sort(&mut self.rows, self.reverse);
        match self.rows.iter().position(|row| Some(key(row)) == self.selected) {
            Some(index) => self.index = index,
            None => self.select(self.index),
        }
    }

    fn select(&mut self, index: usize) {
        self.index = index.min(self.rows.len().saturating_sub(1));
        self.selected = self.rows.get(self.index).map(key);
    }

    /// Returns the processes that fit into so many lines, with the selected one among them.
    pub fn visible(&mut self, lines: usize) -> &[ProcessRow] {
        let last = self.rows.len().saturating_sub(lines);
        self.offset = self.offset.min(self.index).max((self.index + 1).saturating_sub(lines)).min(last);
        let end = self.offset.saturating_add(lines).min(self.rows.len());
        self.rows.get(self.offset..end).unwrap_or_default()
    }

    fn selected_row(&self) -> Option<&ProcessRow> {
        self.rows.get(self.index).filter(|row| Some(key(row)) == self.selected)
    }

    /// Does what a key asks for. `page` is the number of processes on the screen.
    pub fn press(&mut self, event: KeyEvent, page: usize, topology: &Topology) {
        if event.kind == KeyEventKind::Release {
            return;
        }
        if event.modifiers.contains(KeyModifiers::CONTROL) {
            match event.code {
                KeyCode::Char('c') => self.quit = true,
                KeyCode::Char('u') if self.prompt.is_some() => self.type_line(KeyCode::Delete, topology),
                _ => {}
            }
        } else if self.prompt.is_some() {
            self.type_line(event.code, topology);
        } else {
            self.message.clear();
            self.command(event.code, page.max(1));
        }
    }

    fn command(&mut self, code: KeyCode, page: usize) {
        let was_help = std::mem::take(&mut self.help);
        match code {
            KeyCode::Char('q') => self.quit = true,
            KeyCode::Up | KeyCode::Char('k') => self.select(self.index.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.select(self.index.saturating_add(1)),
            KeyCode::PageUp => self.select(self.index.saturating_sub(page)),
            KeyCode::PageDown => self.select(self.index.saturating_add(page)),
            KeyCode::Home => self.select(0),
            KeyCode::End => self.select(usize::MAX),
            KeyCode::Char('s') => self.ask(PromptKind::Sort),
            KeyCode::Char('/') => self.ask(PromptKind::Filter),
            KeyCode::Char('m') => self.ask_for_move(),
            KeyCode::Char('r') => {
                self.reverse = !self.reverse;
                self.arrange();
            }
            KeyCode::Char('<') => self.next_sort_key(SortKey::NAMES.len() - 1),
            KeyCode::Char('>') => self.next_sort_key(1),
            KeyCode::Char(' ') => self.paused = !self.paused,
            KeyCode::Tab => self.node_offset = self.node_offset.saturating_add(1),
            KeyCode::BackTab => self.node_offset = self.node_offset.saturating_sub(1),
            KeyCode::Char('h' | '?') => self.help = !was_help,
            KeyCode::Esc => self.escape(was_help),
            _ => {}
        }
    }

    /// Ends what is the most obvious: the help, a move, the filter.
    fn escape(&mut self, was_help: bool) {
        match &self.mover {
            _ if was_help => {}
            Some(mover) => mover.cancel(),
            None => {
                self.name.clear();
                self.arrange();
            }
        }
    }

    fn ask(&mut self, kind: PromptKind) {
        let text = if kind == PromptKind::Filter { self.name.clone() } else { String::new() };
        self.prompt = Some(Prompt { kind, text });
    }

    fn ask_for_move(&mut self) {
        match (&self.mover, self.selected_row()) {
            (Some(_), _) => self.message = "one move at a time; Esc cancels this one".into(),
            (None, None) => self.message = "no process is selected".into(),
            (None, Some(row)) => {
                let kind = PromptKind::Move(key(row), row.name.clone());
                self.ask(kind);
            }
        }
    }

    fn next_sort_key(&mut self, step: usize) {
        let keys = SortKey::NAMES;
        let now = keys.iter().position(|&(_, key)| key == self.sort).unwrap_or(0);
        if let Some(&(_, key)) = keys.get((now + step) % keys.len()) {
            self.sort = key;
        }
        self.arrange();
    }

    fn type_line(&mut self, code: KeyCode, topology: &Topology) {
        let Some(prompt) = &mut self.prompt else { return };
        match code {
            KeyCode::Char(character) if prompt.text.len() < LONGEST_LINE => prompt.text.push(character),
            KeyCode::Backspace => {
                prompt.text.pop();
            }
            KeyCode::Delete => prompt.text.clear(),
            KeyCode::Esc => self.prompt = None,
            KeyCode::Enter => {
                if let Some(prompt) = self.prompt.take() {
                    self.enter(prompt, topology);
                }
            }
            _ => {}
        }
    }

    fn enter(&mut self, prompt: Prompt, topology: &Topology) {
        let text = prompt.text.trim();
        match prompt.kind {
            PromptKind::Filter => self.name = text.to_owned(),
            _ if text.is_empty() => {}
            PromptKind::Sort => match text.parse() {
                Ok(key) => self.sort = key,
                Err(message) => self.message = message,
            },
            PromptKind::Move(process, name) => {
                if let Err(message) = self.start_move(process, &name, text, topology) {
                    self.message = message;
                }
            }
        }
        self.arrange();
    }

    fn start_move(&mut self, process: ProcessKey, name: &str, list: &str, topology: &Topology) -> Result<(), String> {
        let to = parse_targets(topology, list).map_err(|failure| failure.explanation())?;
        let row = self.rows.iter().find(|row| key(row) == process);
        let bytes = row.map_or(0, |row| bytes_on(row, topology.nodes_with_memory()));
        self.mover = Some(Mover::start(process, name, to, bytes / numars::page_size().max(1) as u64)?);
        Ok(())
    }

    /// Takes the result of a move that has ended. Returns whether there was one.
    ///
    /// Fails if its thread has panicked.
    pub fn finish_move(&mut self, wait: bool) -> Result<bool, String> {
        match self.mover.take() {
            Some(mover) if wait || mover.has_ended() => {
                let moved = mover.finish()?;
                let bytes = self.moved.entry(moved.key).or_default();
                *bytes = bytes.saturating_add(moved.bytes);
                self.message = moved.message;
                Ok(true)
            }
            mover => {
                self.mover = mover;
                Ok(false)
            }
        }
    }
}

/// Returns what identifies a process.
pub fn key(row: &ProcessRow) -> ProcessKey {
    (row.pid, row.start_time)
}

fn bytes_on(row: &ProcessRow, nodes: NodeSet) -> u64 {
    nodes.iter().fold(0, |sum: u64, node| sum.saturating_add(row.on_node(node.number()).unwrap_or(0)))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::commands::ps::row::tests::sample;

    /// Returns a state with three processes.
    pub fn app() -> App {
        let mut app = App::new(SortKey::Memory, false);
        let processes = vec![
            sample(1, "init", Some(&[(0, 10)])),
            sample(20, "postgres", Some(&[(0, 1 << 30), (1, 2 << 30)])),
            sample(30, "other", None),
        ];
        app.update(TopReport { processes, ..TopReport::default() });
        app
    }

    fn press(app: &mut App, keys: &[KeyCode]) {
        let topology = Topology::read().unwrap();
        for &code in keys {
            app.press(KeyEvent::new(code, KeyModifiers::NONE), 2, &topology);
        }
    }

    fn type_text(app: &mut App, text: &str) {
        press(app, &text.chars().map(KeyCode::Char).collect::<Vec<_>>());
    }

    fn selected(app: &App) -> i32 {
        app.selected_row().map_or(0, |row| row.pid)
    }

    #[test]
    fn arrows_select_and_the_selected_process_stays_selected() {
        let mut app = app();
        assert_eq!(selected(&app), 20);
        press(&mut app, &[KeyCode::Down]);
        assert_eq!(selected(&app), 1);
        press(&mut app, &[KeyCode::Char('r')]);
        assert_eq!(selected(&app), 1);
        press(&mut app, &[KeyCode::PageDown, KeyCode::Down, KeyCode::End]);
        assert_eq!(selected(&app), 20);
        press(&mut app, &[KeyCode::Up, KeyCode::Home, KeyCode::Up]);
        assert_eq!(selected(&app), 30);
        // Another takes the place of one that has ended.
        app.update(TopReport { processes: vec![sample(1, "init", None)], ..TopReport::default() });
        assert_eq!(selected(&app), 1);
        app.update(TopReport::default());
        assert_eq!((selected(&app), app.selected), (0, None));
    }

    #[test]
    fn the_selected_process_is_visible() {
        let mut app = app();
        let visible = |app: &mut App, lines| app.visible(lines).iter().map(|row| row.pid).collect::<Vec<_>>();
        assert_eq!(visible(&mut app, 2), [20, 1]);
        press(&mut app, &[KeyCode::End]);
        assert_eq!(visible(&mut app, 2), [1, 30]);
        assert_eq!(visible(&mut app, 9), [20, 1, 30]);
        assert!(visible(&mut app, 0).is_empty());
    }

    #[test]
    fn a_typed_key_sorts_and_a_typed_name_filters() {
        let mut app = app();
        type_text(&mut app, "sname");
        press(&mut app, &[KeyCode::Enter]);
        assert_eq!((app.sort, app.rows[0].pid), (SortKey::Name, 1));
        type_text(&mut app, "snonsense");
        press(&mut app, &[KeyCode::Enter]);
        assert!(app.message.starts_with("the keys are") && app.sort == SortKey::Name);
        type_text(&mut app, "/gresx");
        press(&mut app, &[KeyCode::Backspace, KeyCode::Enter]);
        assert_eq!((app.rows.len(), selected(&app)), (1, 20));
        press(&mut app, &[KeyCode::Esc]);
        assert_eq!(app.rows.len(), 3);
        press(&mut app, &[KeyCode::Char('>')]);
        assert_eq!(app.sort, SortKey::User);
        press(&mut app, &[KeyCode::Char('<'), KeyCode::Char('<')]);
        assert_eq!(app.sort, SortKey::Pid);
    }

    #[test]
    fn a_move_asks_for_nodes_and_says_what_is_wrong_with_them() {
        let mut app = app();
        press(&mut app, &[KeyCode::Char('m')]);
        let question = app.prompt.as_ref().map(|prompt| prompt.kind.question());
        assert_eq!(question.as_deref(), Some("move 20 (postgres) to nodes:"));
        press(&mut app, &[KeyCode::Esc]);
        assert!(app.prompt.is_none() && !app.quit);
        type_text(&mut app, "m4711");
        press(&mut app, &[KeyCode::Enter]);
        assert!(app.message.starts_with("\"4711\""), "{}", app.message);
        type_text(&mut app, "mall");
        press(&mut app, &[KeyCode::Enter]);
        assert!(app.message == "20 (postgres) has ended", "{}", app.message);
        assert!(app.mover.is_none());
    }

    #[test]
    fn q_and_ctrl_c_quit_but_not_while_a_line_is_typed() {
        let mut app = app();
        type_text(&mut app, "/q");
        assert!(!app.quit);
        app.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL), 2, &Topology::read().unwrap());
        assert!(app.quit);
        let mut app = self::app();
        type_text(&mut app, "q");
        assert!(app.quit);
    }

    #[test]
    fn a_pause_keeps_the_report() {
        let mut app = app();
        type_text(&mut app, " ");
        app.update(TopReport::default());
        assert_eq!(app.rows.len(), 3);
        type_text(&mut app, "h");
        assert!(app.help);
        type_text(&mut app, " ");
        assert!(!app.help && !app.paused);
    }
}

//! The sections of manual pages that are made from parts of comments: of results, errors, safety, versions and references.

use crate::header::Item;
use crate::page::{Composer, joined};
use crate::phrases::{attribute, list_of, sentence, variant};
use crate::results::{Error, returns};
use std::collections::{BTreeMap, BTreeSet};
use support::symbol_table;

/// Items of which the same is said.
struct Group<'a> {
    text: String,
    items: Vec<&'a Item>,
}

#[derive(Default)]
struct Groups<'a>(Vec<Group<'a>>);

impl<'a> Groups<'a> {
    fn add(&mut self, text: String, item: &'a Item) {
        match self.0.iter_mut().find(|group| group.text == text) {
            Some(group) => group.items.push(item),
            None => self.0.push(Group { text, items: vec![item] }),
        }
    }
}

impl Group<'_> {
    /// "a(), b() and c()"
    fn functions(&self) -> String {
        list_of(&self.items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>())
    }

    fn one_or<'b>(&self, one: &'b str, several: &'b str) -> &'b str {
        if self.items.len() == 1 { one } else { several }
    }
}

impl Composer<'_> {
    pub fn return_values(&self) -> Vec<String> {
        let mut groups = Groups::default();
        for item in self.functions() {
            groups.add(returns(&item.returns).text, item);
        }
        let parts = groups.0.iter().map(|group| {
            let what = if group.text.is_empty() { "nothing" } else { group.text.trim_end_matches('.') };
            let verb = group.one_or("returns", "return");
            self.lines(&format!("{} {verb} {what}.", group.functions()), Some(group.items[0]))
        });
        self.written("RETURN VALUES", joined(parts))
    }

    pub fn errors(&self) -> Vec<String> {
        let (mut errors, mut others) = (BTreeMap::<String, Groups>::new(), Groups::default());
        let mut failing = 0;
        for item in self.functions() {
            let result = returns(&item.returns);
            failing += usize::from(!result.errors.is_empty());
            for Error { name, reason } in result.errors {
                let reason = match (reason.as_str(), name.as_str()) {
                    ("", "ENOMEM") => "not enough memory",
                    ("", "EPERM") => "not permitted",
                    ("", _) => panic!("the comment of {} does not say when {name} occurs", item.name),
                    (reason, _) => reason,
                };
                errors.entry(name).or_default().add(sentence(reason, item), item);
            }
            for other in result.others {
                others.add(other, item);
            }
        }
        let mut parts = vec![self.list_of_errors(&errors, failing)];
        parts.extend(others.0.iter().map(|group| {
            let (functions, verb) = (group.functions(), group.one_or("fails", "fail"));
            let also = if errors.is_empty() { "" } else { "also " };
            self.lines(&format!("{functions} {also}{verb} with the errors of {}.", group.text), None)
        }));
        let reported = self.functions().filter(|item| item.follows.contains("A failure is reported by numa_error()"));
        let reported = Group { text: String::new(), items: reported.collect() };
        if !reported.items.is_empty() {
            let text = format!(
                "{} cannot return a failure: {} calls numa_error(), with errno set.",
                reported.functions(),
                reported.one_or("it", "each")
            );
            let variants: String = reported.items.iter().map(|item| format!(" {}", variant(item))).collect();
            parts.push(self.lines(&(text + &variants), None));
        }
        let lines = self.written("ERRORS", joined(parts));
        if lines.is_empty() && !self.items.is_empty() { vec!["None.".into()] } else { lines }
    }

    /// The errors, each with its reasons, and with the functions that it concerns unless these are all that fail.
    fn list_of_errors(&self, errors: &BTreeMap<String, Groups>, failing: usize) -> Vec<String> {
        let mut lines = Vec::new();
        if errors.is_empty() {
            return lines;
        }
        lines.push(".Bl -tag -width Er".into());
        for (name, reasons) in errors {
            lines.push(format!(".It Bq Er {name}"));
            lines.extend(joined(reasons.0.iter().map(|group| {
                let text = match group.items.len() == failing {
                    true => format!("{}.", group.text),
                    false => format!("{}: {}.", group.text, group.functions()),
                };
                self.lines(&text, Some(group.items[0]))
            })));
        }
        lines.push(".El".into());
        lines
    }

    pub fn attributes(&self) -> Vec<String> {
        let mut groups = Groups::default();
        for item in &self.items {
            groups.add(attribute(item), item);
        }
        let mut lines = Vec::new();
        if !groups.0.is_empty() {
            lines.extend(self.lines("The terms are explained in attributes(7).", None));
            lines.push(".Bl -tag -width Ds".into());
            for group in &groups.0 {
                lines.push(".It Xo".into());
                lines.extend(macros(&group.items));
                lines.push(".Xc".into());
                lines.extend(self.lines(&group.text, None));
            }
            lines.push(".El".into());
        }
        self.written("ATTRIBUTES", lines)
    }

    /// The pages that the sections so far refer to, those that comments follow, and those that the topic names.
    pub fn see_also(&self, so_far: &[String]) -> Vec<String> {
        let mut references: BTreeSet<(String, String)> = BTreeSet::new();
        let mut add = |name: &str, section: &str| {
            // A link's page is enough, once.
            let page = self.sources.pages.get(name).filter(|_| section == "3");
            references.insert((section.to_owned(), page.map_or(name, String::as_str).to_owned()));
        };
        for line in so_far {
            let words: Vec<&str> = line.split(' ').collect();
            for at in (0..words.len()).filter(|&at| ["Xr", ".Xr"].contains(&words[at])) {
                add(words[at + 1], words[at + 2]);
            }
        }
        let follows = self.items.iter().flat_map(|item| item.follows.split([' ', ',', '.', ':']));
        let follows = follows.filter(|word| word.ends_with("(2)"));
        for reference in self.topic.see_also.iter().map(String::as_str).chain(follows).chain(["numa(3)", "numars(7)"]) {
            let (name, section) = reference.trim_end_matches(')').split_once('(').unwrap();
            add(name, section);
        }
        // An overview refers to all topics above.
        let is_overview = self.topic.symbols.is_empty();
        let is_topic =
            |name: &str| self.sources.topics.iter().any(|topic| topic.name == name && !topic.symbols.is_empty());
        references.retain(|(_, name)| *name != self.topic.name && !(is_overview && is_topic(name)));
        let last = references.len() - 1;
        let end = |at| if at < last { " ," } else { "" };
        let references = references.iter().enumerate();
        references.map(|(at, (section, name))| format!(".Xr {name} {section}{}", end(at))).collect()
    }

    pub fn history(&self) -> Vec<String> {
        let table: Vec<_> = symbol_table().into_iter().filter(|symbol| !symbol.is_node).collect();
        let (mut versions, mut inline) = (Groups::default(), Group { text: String::new(), items: Vec::new() });
        for item in &self.items {
            let symbols: Vec<_> = table.iter().filter(|symbol| symbol.name == item.name).collect();
            for symbol in &symbols {
                let since = symbol.libnuma.as_deref().filter(|&libnuma| libnuma != OLDEST_LIBNUMA);
                let text = match (symbol.is_default, since) {
                    (false, _) => format!("{}, of programs built for libnuma's first version", symbol.version),
                    (true, Some(libnuma)) => format!("{}, from libnuma {libnuma} on", symbol.version),
                    (true, None) => symbol.version.clone(),
                };
                versions.add(text, item);
            }
            if symbols.is_empty() {
                inline.items.push(item);
            }
        }
        versions.0.sort_by(|a, b| a.text.cmp(&b.text));
        let mut lines = Vec::new();
        if !versions.0.is_empty() {
            lines.push("The symbol versions are:".into());
            lines.push(".Bl -tag -width Ds -compact".into());
            for group in &versions.0 {
                lines.push(format!(".It {}", group.text));
                lines.extend(macros(&group.items));
            }
            lines.push(".El".into());
        }
        let mut last = String::new();
        if !inline.items.is_empty() {
            let are = inline.one_or("is an inline function", "are inline functions");
            last = format!("{} {are} of the header. ", inline.functions());
        }
        let first = table.iter().find(|symbol| self.topic.symbols.contains(&symbol.name));
        last += &format!("In numars since version {}.", first.map_or("0.1.0", |symbol| &symbol.numars));
        joined([lines, self.lines(&last, None)])
    }
}

/// The oldest libnuma that symbols.tsv distinguishes.
const OLDEST_LIBNUMA: &str = "2.0.11";

/// A line with a macro for each item, so that long lists are broken.
fn macros(items: &[&Item]) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let name = if item.is_function() { "Fn" } else { "Va" };
        lines.push(format!(".{name} {}{}", item.name, if at + 2 < items.len() { " ," } else { "" }));
        if at + 2 == items.len() {
            lines.push("and".into());
        }
    }
    lines
}

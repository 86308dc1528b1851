//! Composes manual pages from the topics of docs/man/topics and the comments of the headers.

use crate::header::{self, Item};
use crate::phrases::{Note, first_sentence, kind_of_note, notes, rules, scope};
use crate::prose::{self, Names, SYSTEM_CALLS};
use crate::topic::{Topic, topics};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use support::{root, symbol_table};

/// What pages are made from.
pub struct Sources {
    pub items: Vec<Item>,
    pub topics: Vec<Topic>,
    objects: BTreeSet<String>,
    /// The page of each name: one of a topic, or one written by hand.
    pub pages: BTreeMap<String, String>,
}

impl Sources {
    pub fn read() -> Sources {
        let mut items = Vec::new();
        for name in ["numaif.h", "numa.h", "numars.h"] {
            let text = fs::read_to_string(root().join("include").join(name)).unwrap();
            items.extend(header::items(name, &text));
        }
        let objects = items.iter().filter(|item| item.is_object()).map(|item| item.name.clone()).collect();
        let mut pages = BTreeMap::new();
        for file in fs::read_dir(root().join("docs/man")).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|section| section == "3") {
                let page = file.file_stem().unwrap().to_str().unwrap();
                pages.extend(
                    names_of(&fs::read_to_string(&file).unwrap())
                        .iter()
                        .map(|name| ((*name).to_owned(), page.to_owned())),
                );
            }
        }
        let topics = topics();
        for topic in &topics {
            pages.extend(topic.symbols.iter().map(|symbol| (symbol.clone(), topic.name.clone())));
        }
        Sources { items, topics, objects, pages }
    }

    fn item(&self, name: &str) -> &Item {
        self.items.iter().find(|item| item.name == name).unwrap_or_else(|| panic!("no header has a comment of {name}"))
    }

    /// Whether the page of an item says that it differs from libnuma's.
    fn differs(&self, topic: &Topic, item: &Item) -> bool {
        let written = topic.section("COMPATIBILITY");
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let mut words = written.split(|letter| !is_part(letter));
        let is_said = written.contains("All functions") || words.any(|word| word == item.name);
        is_said
            || (topic.symbols.len() == 1 && !written.is_empty())
            || notes(&item.follows).any(|sentence| kind_of_note(&sentence) == Note::Compatibility)
    }

    /// The page of a topic.
    pub fn page(&self, topic: &Topic) -> String {
        Composer { sources: self, topic, items: topic.symbols.iter().map(|name| self.item(name)).collect() }.page()
    }
}

pub struct Composer<'a> {
    pub sources: &'a Sources,
    pub topic: &'a Topic,
    pub items: Vec<&'a Item>,
}

impl Composer<'_> {
    fn page(&self) -> String {
        let topic = self.topic;
        let mut lines = vec![
            format!(".\\\" Part of numars, made by `make docs` from docs/man/topics/{} and the headers.", topic.name),
            format!(".Dd {}", topic.date),
            format!(".Dt {} 3", topic.name.to_uppercase()),
            ".Os Linux".into(),
            ".Sh NAME".into(),
        ];
        let names: Vec<&str> = match topic.symbols.is_empty() {
            true => vec![&topic.name],
            false => topic.symbols.iter().map(String::as_str).collect(),
        };
        let last = names.len() - 1;
        lines.extend(
            names.iter().enumerate().map(|(at, name)| format!(".Nm {name}{}", if at < last { " ," } else { "" })),
        );
        lines.push(format!(".Nd {}", topic.title));
        lines.push(".Sh LIBRARY".into());
        lines.push(match topic.is_of_numars() {
            true => ".Pq Fl lnumars , No pkg-config name Li numars".into(),
            false => {
                ".Pq Fl lnuma , No pkg-config name Li numa ; No or Fl lnumars , No pkg-config name Li numars".into()
            }
        });
        let mut sections = vec![
            ("SYNOPSIS", self.synopsis()),
            ("DESCRIPTION", self.description()),
            ("RETURN VALUES", self.return_values()),
            ("ENVIRONMENT", self.written("ENVIRONMENT", Vec::new())),
            ("EXAMPLES", self.written("EXAMPLES", Vec::new())),
            ("COMPATIBILITY", self.compatibility()),
            ("ERRORS", self.errors()),
            ("ATTRIBUTES", self.attributes()),
        ];
        let so_far: Vec<String> = sections.iter().flat_map(|(_, lines)| lines.clone()).collect();
        sections.push(("SEE ALSO", self.see_also(&so_far)));
        sections.push(("HISTORY", self.history()));
        for (name, text) in sections.into_iter().filter(|(_, text)| !text.is_empty()) {
            lines.push(format!(".Sh {name}"));
            lines.extend(text);
        }
        lines.join("\n") + "\n"
    }

    /// Lines of mdoc for a text, which may be about an item.
    pub fn lines(&self, text: &str, item: Option<&Item>) -> Vec<String> {
        let is_own = |name: &str| {
            let is_of_libnuma = !name.starts_with("numars_")
                && self.sources.topics.iter().any(|topic| topic.symbols.iter().any(|symbol| symbol == name));
            self.topic.symbols.iter().any(|symbol| symbol == name) || self.topic.is_of_numars() && is_of_libnuma
        };
        let parameters = item.iter().flat_map(|item| &item.parameters).map(|(name, _)| name.clone());
        let names = Names {
            own: &is_own,
            objects: &self.sources.objects,
            parameters: parameters.filter(|name| !prose::is_word(name)).collect(),
        };
        prose::text(&self.with_insertions(text), &names)
    }

    /// Adds a section of the topic's file to what was made.
    pub fn written(&self, section: &str, made: Vec<String>) -> Vec<String> {
        joined([made, self.lines(self.topic.section(section), None)])
    }

    /// Replaces lines of a topic that begin with @ by what the headers have.
    fn with_insertions(&self, text: &str) -> String {
        let lines = text.lines().map(|line| match line.split_once(' ').filter(|_| line.starts_with('@')) {
            Some(("@comment", name)) => {
                let item = self.sources.item(name);
                format!("{}\n\n{}", item.brief, item.body.join("\n\n"))
            }
            Some(("@rules", header)) => rules(header),
            Some(("@macros", header)) => self.macros(header),
            Some(("@index", kind)) => self.index(kind == "numars"),
            Some(("@prototypes", header)) => {
                let items = self.sources.items.iter().filter(|item| item.header == header && item.is_function());
                items.flat_map(prototype).collect::<Vec<_>>().join("\n")
            }
            Some((other, _)) => panic!("{}: there is no {other}", self.topic.name),
            None => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn macros(&self, header: &str) -> String {
        let items =
            self.sources.items.iter().filter(|item| item.header == header && item.declaration.starts_with("#define"));
        items.map(|item| format!("- {}:: {}\n", item.name, item.brief)).collect()
    }

    /// The functions and objects of all topics, each with the first sentence of its comment.
    fn index(&self, of_numars: bool) -> String {
        let mut text = String::new();
        for topic in
            self.sources.topics.iter().filter(|topic| topic.is_of_numars() == of_numars && !topic.symbols.is_empty())
        {
            let mut heading = topic.title.clone();
            heading[..1].make_ascii_uppercase();
            text += &format!(".Ss {heading}\n");
            if topic.symbols.len() > 1 {
                text += &format!("See {}().\n", topic.name);
            }
            for name in &topic.symbols {
                let item = self.sources.item(name);
                let tag = if item.is_function() { format!("{name}()") } else { name.clone() };
                let mark = if self.sources.differs(topic, item) { " [*]" } else { "" };
                text += &format!("- {tag}:: {}{mark}\n", first_sentence(&item.brief));
            }
            text += "\n";
        }
        text
    }

    fn synopsis(&self) -> Vec<String> {
        let mut headers: Vec<&str> = self.items.iter().map(|item| item.header.as_str()).collect();
        headers.dedup();
        let mut lines: Vec<String> = headers.iter().map(|header| format!(".In {header}")).collect();
        let written = self.lines(self.topic.section("SYNOPSIS"), None);
        lines.extend(written.into_iter().map(|line| line.replace(".Bd -literal -offset indent", ".Bd -literal")));
        for item in &self.items {
            lines.extend(prototype(item));
        }
        lines
    }

    fn description(&self) -> Vec<String> {
        let introduction = self.lines(self.topic.section("DESCRIPTION"), None);
        if let [item] = self.items[..] {
            return joined([self.describe(item), introduction]);
        }
        let mut parts = vec![introduction];
        let scopes: BTreeSet<&str> = self.functions().map(scope).collect();
        if let (Some(scope), true) = (scopes.first().filter(|scope| !scope.is_empty()), scopes.len() < self.items.len())
        {
            assert_eq!(scopes.len(), 1, "{}: the scopes of functions differ", self.topic.name);
            parts.push(self.lines(&format!("Each function {}{}", scope[..1].to_lowercase(), &scope[1..]), None));
        }
        let mut lines = joined(parts);
        if !self.items.is_empty() {
            lines.push(".Bl -tag -width Ds".into());
            for item in &self.items {
                let names: String = item.parameters.iter().map(|(name, _)| format!(" {name}")).collect();
                let more = if item.declaration.contains("...") { " ..." } else { "" };
                lines.push(match item.is_function() {
                    true => format!(".It Fn {}{names}{more}", item.name),
                    false => format!(".It Va {}", item.name),
                });
                lines.extend(self.describe(item));
            }
            lines.push(".El".into());
        }
        lines
    }

    fn describe(&self, item: &Item) -> Vec<String> {
        let mut text = item.brief.clone() + "\n\n" + &item.body.join("\n\n");
        for sentence in notes(&item.follows).filter(|sentence| kind_of_note(sentence) == Note::Description) {
            text += &format!("\n\n{sentence}");
        }
        let mut lines = self.lines(&text, Some(item));
        if !item.parameters.is_empty() {
            let widest = item.parameters.iter().map(|(name, _)| name).max_by_key(|name| name.len()).unwrap();
            lines.push(".Pp".into());
            lines.push(format!(".Bl -tag -width {widest} -compact"));
            for (name, text) in &item.parameters {
                lines.push(format!(".It Fa {name}"));
                lines.extend(self.lines(text, Some(item)));
            }
            lines.push(".El".into());
        }
        lines
    }

    pub fn functions(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().copied().filter(|item| item.is_function())
    }

    fn compatibility(&self) -> Vec<String> {
        let mut parts = vec![self.lines(self.topic.section("COMPATIBILITY"), None)];
        let written = self.topic.section("COMPATIBILITY");
        // What people wrote of a function says more than its comment.
        let others = self.items.iter().filter(|item| !written.contains(&format!("{}()", item.name)));
        for item in others {
            for sentence in notes(&item.follows).filter(|sentence| kind_of_note(sentence) == Note::Compatibility) {
                let name = if item.is_function() { format!("{}()", item.name) } else { item.name.clone() };
                let text = if self.items.len() == 1 { sentence } else { format!("{name}: {sentence}") };
                parts.push(self.lines(&text, Some(item)));
            }
        }
        let lines = joined(parts);
        if lines.is_empty() || self.topic.is_of_numars() {
            return lines;
        }
        joined([self.lines("This page describes numars(7), which differs from libnuma here:", None), lines])
    }
}

/// Joins parts of a section by empty lines, except before lists, which have one of their own.
pub fn joined(parts: impl IntoIterator<Item = Vec<String>>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        if !lines.is_empty() && part.first().is_some_and(|line| !line.starts_with(".Bl")) {
            lines.push(".Pp".into());
        }
        lines.extend(part);
    }
    lines
}

/// The synopsis of a function, object or macro.
fn prototype(item: &Item) -> Vec<String> {
    if item.is_object() {
        let declared = item.declaration.strip_suffix(&item.name).unwrap().trim();
        return vec![format!(".Vt {declared}"), format!(".Va {} ;", item.name)];
    }
    let mut lines = vec![format!(".Ft {}", item.result()), format!(".Fo {}", item.name)];
    lines.extend(item.arguments().iter().map(|argument| format!(".Fa \"{argument}\"")));
    lines.push(".Fc".into());
    lines
}

/// What a page is looked up by: the names of its first section.
pub fn names_of(page: &str) -> Vec<&str> {
    let (section, _) = page.split_once("\n.Nd ").unwrap();
    let names = section.lines().filter_map(|line| line.strip_prefix(".Nm "));
    names.map(|name| name.trim_end_matches(" ,")).collect()
}

/// Those of the symbols that a page of ours must describe.
pub fn symbols() -> BTreeSet<String> {
    let symbols = symbol_table().into_iter().filter(|symbol| !symbol.is_node).map(|symbol| symbol.name);
    symbols.filter(|name| !SYSTEM_CALLS.contains(&name.as_str())).collect()
}

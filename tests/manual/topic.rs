//! The topics of docs/man/topics: what people write of a manual page.

use std::collections::BTreeMap;
use std::fs;
use support::root;

/// A file of docs/man/topics: lines `key: value`, then sections that begin with `# NAME`.
pub struct Topic {
    pub name: String,
    pub title: String,
    pub date: String,
    /// What the page describes; nothing if it is an overview.
    pub symbols: Vec<String>,
    pub see_also: Vec<String>,
    pub sections: BTreeMap<String, String>,
}

impl Topic {
    /// Where the page is: those with libnuma's names are not installed by default.
    pub fn path(&self) -> String {
        let folder = if self.is_of_numars() { "docs/man" } else { "docs/man/libnuma" };
        format!("{folder}/{}.3", self.name)
    }

    pub fn is_of_numars(&self) -> bool {
        self.name.starts_with("numars_")
    }

    pub fn section(&self, name: &str) -> &str {
        self.sections.get(name).map_or("", String::as_str)
    }
}

/// All topics, in the order of docs/man/topics/order.
pub fn topics() -> Vec<Topic> {
    let folder = root().join("docs/man/topics");
    let order = fs::read_to_string(folder.join("order")).unwrap();
    for file in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
        let is_listed = file == "order" || order.split_whitespace().any(|name| name == file);
        assert!(is_listed, "docs/man/topics/order does not list {file}");
    }
    order.split_whitespace().map(|name| topic(name, &fs::read_to_string(folder.join(name)).unwrap())).collect()
}

fn topic(name: &str, text: &str) -> Topic {
    let (keys, rest) = text.split_once("\n\n").unwrap_or_else(|| panic!("{name}: no empty line after the keys"));
    let mut values: BTreeMap<&str, &str> = BTreeMap::new();
    for line in keys.lines() {
        let (key, value) = line.split_once(": ").unwrap_or_else(|| panic!("{name}: not a key and a value: {line}"));
        values.insert(key, value);
    }
    let words =
        |key: &str| -> Vec<String> { values.get(key).unwrap_or(&"").split_whitespace().map(str::to_owned).collect() };
    let mut sections = BTreeMap::new();
    for section in format!("\n{rest}").split("\n# ").skip(1) {
        let (heading, text) = section.split_once('\n').unwrap_or((section, ""));
        assert!(SECTIONS.contains(&heading), "{name}: unknown section {heading}");
        sections.insert(heading.to_owned(), text.trim().to_owned());
    }
    Topic {
        name: name.to_owned(),
        title: values["title"].to_owned(),
        date: values["date"].to_owned(),
        symbols: words("symbols"),
        see_also: words("see"),
        sections,
    }
}

/// The sections of a topic's file.
const SECTIONS: [&str; 8] =
    ["SYNOPSIS", "DESCRIPTION", "RETURN VALUES", "EXAMPLES", "COMPATIBILITY", "ERRORS", "ATTRIBUTES", "ENVIRONMENT"];

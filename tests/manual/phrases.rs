//! Sentences of manual pages, made from parts of comments.

use crate::header::{self, Item};
use std::fs;
use support::root;

/// The rules for all functions at the top of a header: its first comment with the word.
pub fn rules(header: &str) -> String {
    let text = fs::read_to_string(root().join("include").join(header)).unwrap();
    let comment = text.split("/*\n").nth(1).unwrap().split("*/").next().unwrap();
    let mut paragraphs = header::paragraphs(comment);
    paragraphs.remove(0);
    paragraphs
        .iter()
        .map(|paragraph| match paragraph.split_once(": ") {
            Some((term, text)) => {
                let mut text = text.to_owned();
                text[..1].make_ascii_uppercase();
                format!("- {term}:: {text}\n")
            }
            None => format!("{paragraph}\n\n"),
        })
        .collect()
}

/// "a(), b() and c()"
pub fn list_of(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{name}()")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

pub fn first_sentence(text: &str) -> &str {
    text.find(". ").map_or(text, |at| &text[..=at])
}

/// A reason with a capital letter, unless it begins with the name of a parameter.
pub fn sentence(reason: &str, item: &Item) -> String {
    let first = reason.split([' ', ',']).next().unwrap();
    let is_parameter = item.parameters.iter().any(|(name, _)| name == first);
    if is_parameter || first.contains('_') || !first.starts_with(|letter: char| letter.is_ascii_lowercase()) {
        return reason.to_owned();
    }
    let mut reason = reason.to_owned();
    reason[..1].make_ascii_uppercase();
    reason
}

#[derive(PartialEq)]
pub enum Note {
    Description,
    Compatibility,
    /// Said in another section.
    Elsewhere,
}

/// The sentences of the last paragraph of a comment.
pub fn notes(follows: &str) -> impl Iterator<Item = String> {
    let marked = follows.replace(". ", ".\n");
    let sentences: Vec<String> = marked.lines().map(str::to_owned).collect();
    sentences.into_iter().filter(|sentence| !sentence.is_empty())
}

pub fn kind_of_note(sentence: &str) -> Note {
    if sentence.starts_with("Follows ") || sentence.starts_with("A failure is reported by numa_error()") {
        Note::Elsewhere
    } else if sentence.contains("libnuma") {
        Note::Compatibility
    } else {
        Note::Description
    }
}

/// The variant of a function that returns its errors, as the comment says.
pub fn variant(item: &Item) -> String {
    let Some((_, rest)) = item.follows.split_once("numa_error(); ") else { return String::new() };
    let mut text = rest.replace(" returns it", &format!(" returns the failure of {}()", item.name));
    if let Some(at) = text.find(", and ") {
        text.truncate(at);
        text.push('.');
    }
    text
}

/// What a function acts on: the start of the paragraph about safety.
pub fn scope(item: &Item) -> &str {
    item.safety.split("Thread-safe.").next().unwrap().trim()
}

/// The safety of an item in the words of attributes(7).
pub fn attribute(item: &Item) -> String {
    if !item.is_function() {
        return match item.declaration.contains(" int ") {
            true => {
                "Global to the process. Setting it is MT-Unsafe while another thread makes a call that reads it.".into()
            }
            false => "MT-Safe and AS-Safe to read; not to be written.".into(),
        };
    }
    assert!(item.safety.contains("Thread-safe."), "the comment of {} does not say that it is thread-safe", item.name);
    let (_, signal) = item.safety.split_once("Thread-safe.").unwrap();
    let signal = signal.trim();
    match (signal.strip_prefix("Async-signal-safe"), signal.strip_prefix("Not async-signal-safe: ")) {
        (Some(condition), _) => format!("MT-Safe, AS-Safe{condition}"),
        (_, Some(reason)) if reason.contains("alloc(3)") || reason.contains("free(3)") => {
            format!("MT-Safe, AS-Unsafe heap: {reason}")
        }
        (_, Some(reason)) => format!("MT-Safe, AS-Unsafe lock: {reason}"),
        _ => panic!("the comment of {} does not say whether it is async-signal-safe: {signal}", item.name),
    }
}

//! Turns plain text, as in the comments of the headers, into mdoc(7).

use std::collections::BTreeSet;

/// What the page that a text is for knows of names.
pub struct Names<'a> {
    /// Functions that this page describes, or that have no page of their own.
    pub own: &'a dyn Fn(&str) -> bool,
    /// Objects of the library.
    pub objects: &'a BTreeSet<String>,
    /// Parameters that are no ordinary words.
    pub parameters: BTreeSet<String>,
}

/// Names of parameters that are also words.
const WORDS: [&str; 36] = [
    "size",
    "node",
    "mask",
    "start",
    "to",
    "from",
    "where",
    "number",
    "line",
    "string",
    "n",
    "status",
    "nodes",
    "flags",
    "pages",
    "mem",
    "pid",
    "count",
    "strict",
    "flag",
    "cpu",
    "length",
    "set",
    "buffer",
    "list",
    "tier",
    "weight",
    "value",
    "error",
    "options",
    "stats",
    "placement",
    "attribute",
    "initiator",
    "a",
    "b",
];

pub fn is_word(parameter: &str) -> bool {
    WORDS.contains(&parameter)
}

/// Functions of the library that section 2 of the manual describes.
pub const SYSTEM_CALLS: [&str; 6] =
    ["get_mempolicy", "mbind", "migrate_pages", "move_pages", "set_mempolicy", "set_mempolicy_home_node"];

/// Longest line of text, except for those with a macro.
const WIDTH: usize = 78;

/// Escapes what mdoc and roff would interpret in running text.
pub fn escaped(word: &str) -> String {
    let word = word.replace('\\', "\\e");
    match word.strip_prefix('-') {
        Some(number) if number.starts_with(|c: char| c.is_ascii_digit() || c.is_ascii_uppercase()) => {
            format!("\\-{number}")
        }
        _ => word,
    }
}

/// A line of C in a literal display.
pub fn literal(line: &str) -> String {
    let mut text = String::new();
    for letter in line.chars() {
        match letter {
            '\\' => text += "\\e",
            '-' => text += "\\-",
            '\'' => text += "\\(aq",
            '`' => text += "\\(ga",
            '^' => text += "\\(ha",
            '~' => text += "\\(ti",
            _ => text.push(letter),
        }
    }
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}

/// Splits at blanks, but not within backquotes.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in text.chars() {
        match letter {
            ' ' if !quoted => words.push(String::new()),
            _ => {
                quoted ^= letter == '`';
                words.last_mut().unwrap().push(letter);
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The macro of a word, if it is more than a word.
fn macro_of(core: &str, names: &Names) -> Option<String> {
    let is_name = |text: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    let is_capital = |text: &str| text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    if let Some(name) = core.strip_suffix("()").filter(|name| is_name(name)) {
        let section = if SYSTEM_CALLS.contains(&name) { 2 } else { 3 };
        return Some(if (names.own)(name) { format!("Fn {name}") } else { format!("Xr {name} {section}") });
    }
    if let Some((name, section)) = core.strip_suffix(')').and_then(|core| core.split_once('('))
        && is_name(name)
        && !name.is_empty()
        && section.len() == 1
    {
        let is_section = ("1"..="8").contains(&section);
        return Some(if is_section { format!("Xr {name} {section}") } else { format!("Fn {name} {section}") });
    }
    if let Some(code) = core.strip_prefix('`').and_then(|code| code.strip_suffix('`')) {
        // A delimiter would be outside of the quotes.
        let start = if code.starts_with(['!', '(', '.']) { "\\&" } else { "" };
        let end = if code.len() > 1 && code.ends_with([':', '.', ',']) { "\\&" } else { "" };
        return Some(format!("Ql {start}{}{end}", escaped(code).replace(' ', "\\ ")));
    }
    if core == "errno" || names.objects.contains(core) {
        return Some(format!("Va {core}"));
    }
    if let Some(file) = core.strip_prefix('<').and_then(|file| file.strip_suffix(".h>")) {
        return Some(format!("In {file}.h"));
    }
    if core.starts_with('/') && core.len() > 1 && is_name(&core[1..2]) {
        return Some(format!("Pa {}", escaped(core)));
    }
    let is_errno = core.len() > 3 && core.starts_with('E') && is_capital(core) && !core.contains('_');
    if is_errno || core == "EIO" {
        return Some(format!("Er {core}"));
    }
    let is_constant = core.contains('_') && core.len() > 4 && is_capital(core);
    if is_constant || core == "NULL" || core == "SIGSEGV" {
        return Some(format!("Dv {core}"));
    }
    if names.parameters.contains(core) {
        return Some(format!("Fa {core}"));
    }
    let has_environment = core.split_once('=').is_some_and(|(name, _)| name.len() > 4 && is_capital(name));
    has_environment.then(|| format!("Ev {core}"))
}

/// A paragraph as lines of mdoc: each sentence begins on a line of its own, and each macro has its own line.
pub fn paragraph(text: &str, names: &Names) -> Vec<String> {
    let mut lines = Lines::default();
    let words = words(text);
    let mut number = 0;
    while number < words.len() {
        let word = &words[number];
        number += 1;
        let open = word.len() - word.trim_start_matches(['(', '[']).len();
        // Closing delimiters, except for the parentheses of name() and name(2).
        let mut close = word.len();
        while close > open && word[open..close].ends_with(['.', ',', ':', ';', '?', '!', ')', ']']) {
            let core = &word[open..close];
            if core.ends_with(')') && core.matches('(').count() == core.matches(')').count() {
                break;
            }
            close -= 1;
        }
        let (mut core, after) = (&word[open..close], &word[close..]);
        let mut possessive = "";
        if let Some(owner) = core.strip_suffix("'s").filter(|owner| macro_of(owner, names).is_some()) {
            (core, possessive) = (owner, " Ns 's");
        }
        let next = words.get(number).filter(|_| core == "struct" && after.is_empty());
        let structure = next.map(|next| {
            number += 1;
            let name = next.trim_end_matches(['.', ',', ';', ':', ')']);
            (format!("Vt struct {name}"), next[name.len()..].to_owned())
        });
        let (markup, after) = match structure {
            Some((markup, after)) => (Some(markup), after),
            None => (macro_of(core, names), after.to_owned()),
        };
        match markup {
            Some(markup) => {
                let (name, arguments) = markup.split_once(' ').unwrap();
                let opening: String = word[..open].chars().map(|letter| format!("{letter} ")).collect();
                let closing: String = after.chars().map(|letter| format!(" {letter}")).collect();
                lines.add_macro(match (opening.as_str(), closing.strip_prefix(" )")) {
                    ("( ", Some(rest)) => format!(".Pq {markup}{possessive}{rest}"),
                    _ => format!(".{name} {opening}{arguments}{possessive}{closing}"),
                });
            }
            None => {
                lines.add_word(&escaped(word));
                if word.trim_end_matches([')', '"']).ends_with(['.', '?', '!']) {
                    lines.end();
                }
            }
        }
    }
    lines.end();
    lines.whole
}

/// Lines of running text and of macros.
#[derive(Default)]
struct Lines {
    whole: Vec<String>,
    last: String,
}

impl Lines {
    fn add_word(&mut self, word: &str) {
        if self.last.len() + word.len() + 1 > WIDTH {
            self.end();
        }
        if !self.last.is_empty() {
            self.last.push(' ');
        }
        self.last += word;
    }

    fn add_macro(&mut self, line: String) {
        self.end();
        self.whole.push(line);
    }

    fn end(&mut self) {
        let line = std::mem::take(&mut self.last);
        if line.starts_with(['.', '\'']) {
            self.whole.push(format!("\\&{line}"));
        } else if !line.is_empty() {
            self.whole.push(line);
        }
    }
}

/// Paragraphs, lists, code and mdoc as lines of mdoc. A list's items begin with "- ", code is between lines of three backquotes, and
/// lines of mdoc begin with a dot.
pub fn text(source: &str, names: &Names) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut open: Option<&str> = None;
    let mut blocks = blocks(source).into_iter().peekable();
    while let Some(block) = blocks.next() {
        match block {
            Block::Code(code) => {
                lines.push(".Bd -literal -offset indent".into());
                lines.extend(code.iter().map(|line| literal(line)));
                lines.push(".Ed".into());
            }
            Block::Mdoc(mdoc) => lines.push(mdoc),
            Block::Item(item) => {
                let (tag, item) = match item.split_once(":: ") {
                    Some((tag, item)) => (Some(tag.to_owned()), item.to_owned()),
                    None => (None, item),
                };
                let kind = if tag.is_some() { ".Bl -tag -width Ds" } else { ".Bl -bullet" };
                if open.is_none() {
                    lines.push(kind.into());
                    open = Some(kind);
                }
                match tag {
                    Some(tag) => {
                        let tag = paragraph(&tag, names).join(" ");
                        lines.push(format!(".It {}", tag.trim_start_matches('.')));
                    }
                    None => lines.push(".It".into()),
                }
                lines.extend(paragraph(&item, names));
                if !matches!(blocks.peek(), Some(Block::Item(_))) {
                    lines.push(".El".into());
                    open = None;
                }
            }
            Block::Paragraph(text) => {
                if !lines.is_empty() && !lines.last().unwrap().starts_with(".S") {
                    lines.push(".Pp".into());
                }
                lines.extend(paragraph(&text, names));
            }
        }
    }
    lines
}

enum Block {
    Paragraph(String),
    Item(String),
    Code(Vec<String>),
    Mdoc(String),
}

fn blocks(source: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut in_code = false;
    let mut continues = false;
    for line in source.lines() {
        if line.starts_with("```") {
            if !in_code {
                blocks.push(Block::Code(Vec::new()));
            }
            (in_code, continues) = (!in_code, false);
        } else if let (true, Some(Block::Code(code))) = (in_code, blocks.last_mut()) {
            code.push(line.to_owned());
        } else if line.is_empty() {
            continues = false;
        } else if line.starts_with('.') {
            blocks.push(Block::Mdoc(line.to_owned()));
            continues = false;
        } else if let Some(item) = line.strip_prefix("- ") {
            blocks.push(Block::Item(item.to_owned()));
            continues = true;
        } else {
            match blocks.last_mut() {
                Some(Block::Paragraph(text) | Block::Item(text)) if continues => {
                    *text = format!("{text} {}", line.trim())
                }
                _ => blocks.push(Block::Paragraph(line.trim().to_owned())),
            }
            continues = true;
        }
    }
    blocks
}

#[test]
fn words_become_macros_and_sentences_lines() {
    let objects = BTreeSet::from(["numa_all_nodes_ptr".to_owned()]);
    let names =
        Names { own: &|name| name == "own", objects: &objects, parameters: BTreeSet::from(["nodemask".to_owned()]) };
    for (text, lines) in [
        ("One. Two (or three). libnuma.", &["One.", "Two (or three).", "libnuma."][..]),
        ("See own(), other() and mbind().", &["See", ".Fn own ,", ".Xr other 3", "and", ".Xr mbind 2 ."]),
        ("after own(0), as open(2)", &["after", ".Fn own 0 ,", "as", ".Xr open 2"]),
        (
            "nodes (MPOL_BIND). A (EIO, or NULL).",
            &["nodes", ".Pq Dv MPOL_BIND .", "A", ".Er ( EIO ,", "or", ".Dv NULL ) ."],
        ),
        ("numa_all_nodes_ptr's bits; nodemask.", &[".Va numa_all_nodes_ptr Ns 's", "bits;", ".Fa nodemask ."]),
        ("a struct bitmask, /sys/x.", &["a", ".Vt struct bitmask ,", ".Pa /sys/x ."]),
        ("-1 with -ENOENT, n - 1, \\n", &["\\-1 with \\-ENOENT, n - 1, \\en"]),
        ("`tier:` and `a b`, `!`", &[".Ql tier:\\&", "and", ".Ql a\\ b ,", ".Ql \\&!"]),
        (".dot", &["\\&.dot"]),
    ] {
        assert_eq!(paragraph(text, &names), lines, "{text}");
    }
    let list = "- first\n  and more\n- NULL:: second\n\nEnd";
    assert_eq!(text("A\n\nB", &names), ["A", ".Pp", "B"]);
    assert_eq!(text(list, &names)[..4], [".Bl -bullet", ".It", "first and more", ".It Dv NULL"]);
    assert_eq!(text("```c\nx = -'1';\n```", &names), [".Bd -literal -offset indent", "x = \\-\\(aq1\\(aq;", ".Ed"]);
}

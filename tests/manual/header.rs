//! Reads declarations and their comments from the C headers.

/// A function, object, structure or macro of a header, with the parts of its comment.
pub struct Item {
    pub name: String,
    /// The header that declares it.
    pub header: String,
    /// Its declaration on one line, without the semicolon.
    pub declaration: String,
    /// The first sentence or paragraph.
    pub brief: String,
    /// The paragraphs after it.
    pub body: Vec<String>,
    /// The parameters, each with what the comment says of it.
    pub parameters: Vec<(String, String)>,
    /// What is returned, as the comment says it; empty: nothing.
    pub returns: String,
    /// The paragraph that states the safety.
    pub safety: String,
    /// The last paragraph: which manual it follows, and how it differs.
    pub follows: String,
}

impl Item {
    pub fn is_function(&self) -> bool {
        self.declaration.contains('(') && !self.declaration.starts_with("#define")
    }

    pub fn is_object(&self) -> bool {
        self.declaration.starts_with("extern ")
    }

    /// The type before the name.
    pub fn result(&self) -> &str {
        let end = self.declaration.find(&format!("{}(", self.name)).unwrap_or(self.declaration.len());
        self.declaration[..end].trim()
    }

    /// The arguments of a function, each with its type.
    pub fn arguments(&self) -> Vec<&str> {
        let (_, arguments) = self.declaration.split_once('(').unwrap();
        arguments.trim_end_matches(')').split(',').map(str::trim).collect()
    }
}

/// The items of a header that have a comment, in their order.
pub fn items(header: &str, text: &str) -> Vec<Item> {
    let mut items = Vec::new();
    for part in text.split("/**").skip(1) {
        let (comment, rest) = part.split_once("*/").unwrap();
        // Conditions and pragmas around a declaration are not part of it.
        let is_conditional = |line: &&str| line.starts_with('#') && !line.starts_with("#define");
        let code: Vec<&str> = rest.lines().skip_while(|line| line.is_empty() || is_conditional(line)).collect();
        let Some(declaration) = declaration(&code.join("\n")) else { continue };
        let name = name_of(&declaration);
        items.push(item(name, header, declaration, &paragraphs(comment)));
    }
    items
}

/// Returns the first declaration or macro of some code on one line, without a body.
fn declaration(code: &str) -> Option<String> {
    let end = if code.starts_with("#define") { code.find('\n')? } else { code.find([';', '{'])? };
    let words: Vec<&str> = code[..end].split_whitespace().collect();
    Some(words.join(" ").replace("static __inline ", ""))
}

/// The name that a declaration declares.
fn name_of(declaration: &str) -> String {
    let before = match declaration.strip_prefix("#define ") {
        Some(definition) => definition.split(' ').next().unwrap(),
        None => declaration.split('(').next().unwrap().trim(),
    };
    before.rsplit([' ', '*']).next().unwrap().to_owned()
}

/// The paragraphs of a comment, each on one line. An item of a list is a paragraph of its own, and so is a line with a tag.
pub fn paragraphs(comment: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in comment.lines() {
        let line = line.trim().trim_start_matches('*').trim();
        if line.is_empty() || line.starts_with('@') || line.starts_with("- ") {
            paragraphs.push(String::new());
        }
        let last = paragraphs.last_mut().unwrap();
        *last = format!("{last} {line}").trim().to_owned();
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

/// Sentences of the scope at the start of the paragraph about safety.
const SAFETY: [&str; 3] = ["Thread-safe", "Async-signal-safe", "Not async-signal-safe"];

fn item(name: String, header: &str, declaration: String, paragraphs: &[String]) -> Item {
    let mut item = Item {
        name,
        header: header.to_owned(),
        declaration,
        brief: String::new(),
        body: Vec::new(),
        parameters: Vec::new(),
        returns: String::new(),
        safety: String::new(),
        follows: String::new(),
    };
    for (number, paragraph) in paragraphs.iter().enumerate() {
        if let Some(parameter) = paragraph.strip_prefix("@param ") {
            let (name, text) = parameter.split_once(' ').unwrap();
            item.parameters.push((name.to_owned(), text.trim().to_owned()));
        } else if let Some(text) = paragraph.strip_prefix("@return ") {
            item.returns = text.to_owned();
        } else if number == 0 {
            // A comment of one line has all in one paragraph.
            match SAFETY.iter().filter_map(|start| paragraph.find(start)).min() {
                Some(at) => (item.brief, item.safety) = (paragraph[..at].trim().into(), paragraph[at..].into()),
                None => item.brief.clone_from(paragraph),
            }
        } else if item.is_function() && SAFETY.iter().any(|start| paragraph.contains(start)) {
            item.safety.clone_from(paragraph);
        } else if !item.safety.is_empty() || paragraph.starts_with("Follows ") {
            item.follows.clone_from(paragraph);
        } else {
            item.body.push(paragraph.clone());
        }
    }
    item
}

#[test]
fn comments_are_taken_apart() {
    let text = "/** The limit. */\n#ifndef LIMIT\n#define LIMIT (1 << 0)\n#endif\n\n\
        /**\n * Do it (MODE).\n *\n * More,\n * and more.\n *\n * @param node  the node;\n *              any\n \
        * @return 0\n *\n * Thread-safe. Async-signal-safe.\n *\n * Follows numa(3).\n */\n#pragma x\nint *numa_do(int node,\n  \
        ...);\n/** Clear. Thread-safe. Async-signal-safe. */\nstatic __inline void clear(void) {\n}\n\
        /** The set.\n *\n * Valid.\n */\nextern struct set *numa_set;\n";
    let items = items("numa.h", text);
    let names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(names, ["LIMIT", "numa_do", "clear", "numa_set"]);
    assert!(!items[0].is_function() && items[1].is_function() && items[3].is_object());
    let function = &items[1];
    assert_eq!((function.result(), function.arguments()), ("int *", vec!["int node", "..."]));
    assert_eq!(
        (function.brief.as_str(), function.body.as_slice()),
        ("Do it (MODE).", &["More, and more.".to_owned()][..])
    );
    assert_eq!(function.parameters, [("node".to_owned(), "the node; any".to_owned())]);
    assert_eq!((function.returns.as_str(), function.follows.as_str()), ("0", "Follows numa(3)."));
    assert_eq!(items[2].brief, "Clear.");
    assert_eq!(items[2].safety, "Thread-safe. Async-signal-safe.");
    assert_eq!(items[3].body, ["Valid."]);
}

//! What a comment says of the returned value, and of errors.

/// An error of a function, and when it occurs.
#[derive(Debug, PartialEq)]
pub struct Error {
    pub name: String,
    /// Empty if the comment does not say.
    pub reason: String,
}

/// The text after @return, taken apart.
#[derive(Debug, Default, PartialEq)]
pub struct Returns {
    /// The text without the list of errors.
    pub text: String,
    pub errors: Vec<Error>,
    /// Whose errors the function has too.
    pub others: Vec<String>,
}

fn is_error(word: &str) -> bool {
    word.len() > 2 && word.starts_with('E') && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}

/// Splits before the first of these characters that is not in parentheses; a full stop has to end a sentence.
fn split_at_any<'a>(text: &'a str, ends: &[char]) -> (&'a str, &'a str) {
    let mut depth = 0;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            '.' if !text[at + 1..].starts_with(' ') => {}
            _ if depth == 0 && ends.contains(&letter) => return text.split_at(at),
            _ => {}
        }
    }
    (text, "")
}

/// Splits a text after @return. Errors are listed in one of these forms:
///
/// - `with errno: EINVAL (why), EPERM or ENOSYS (why), ENOMEM, or that of open(2)`
/// - `with errno as other(), and: EINVAL (why)`, or only `with errno as other()`
/// - `with errno ENOMEM`
pub fn returns(comment: &str) -> Returns {
    let mut result = Returns::default();
    let mut text = comment;
    const MARK: &str = " with errno";
    while let Some((before, rest)) = text.split_once(MARK).filter(|(_, rest)| !rest.starts_with(" unchanged if")) {
        result.text += before;
        result.text += MARK;
        let single = rest.strip_prefix(' ').filter(|rest| is_error(rest.split([' ', '.', ';']).next().unwrap()));
        text = match single {
            Some(single) => {
                let (name, after) = split_at_any(single, &[',', ';', '.']);
                result.errors.push(Error { name: name.to_owned(), reason: String::new() });
                result.text += &format!(" {name}");
                after
            }
            None => {
                // When, by whom the error is reported, or whose errors there are.
                let (condition, after) = split_at_any(rest, &[':', ';', '.']);
                result.text += " set";
                match condition.split_once(" as ") {
                    Some((before, other)) => {
                        let (other, more) = other.split_once("()").unwrap();
                        result.others.push(format!("{other}()"));
                        result.text += before;
                        result.text += more.trim_end_matches(", and");
                    }
                    None => result.text += condition,
                }
                after.strip_prefix(": ").map_or(after, |list| take_errors(list, &mut result))
            }
        };
    }
    result.text += text;
    result
}

/// Takes a list of errors from the start of a text, and returns the rest.
fn take_errors<'a>(list: &'a str, result: &mut Returns) -> &'a str {
    let (list, rest) = split_at_any(list, &[';', '.']);
    let mut list = list;
    // Names that have the same reason.
    let mut names = Vec::new();
    while !list.is_empty() {
        let (element, after) = split_at_any(list, &[',']);
        list = after.trim_start_matches([',', ' ']);
        let element = element.strip_prefix("or ").unwrap_or(element);
        if let Some(others) = ["that of ", "another one of "].iter().find_map(|start| element.strip_prefix(start)) {
            // "that of open(2), such as EMFILE"
            let such = if list.is_empty() { String::new() } else { format!(", {list}") };
            result.others.push(others.to_owned() + &such);
            break;
        }
        let (element, reason) = element.split_once(' ').unwrap_or((element, ""));
        assert!(is_error(element), "not an error: {element} {reason}");
        names.push(element.to_owned());
        let (second, reason) = match reason.strip_prefix("or ") {
            Some(second) => second.split_once(' ').unwrap_or((second, "")),
            None => ("", reason),
        };
        names.extend(is_error(second).then(|| second.to_owned()));
        let reason = reason.trim_start_matches("only ").trim_start_matches("if ");
        let reason = reason.strip_prefix('(').and_then(|reason| reason.strip_suffix(')')).unwrap_or(reason);
        let reason = reason.strip_prefix("if ").unwrap_or(reason);
        if !reason.is_empty() {
            result.errors.extend(names.drain(..).map(|name| Error { name, reason: reason.to_owned() }));
        }
    }
    result.errors.extend(names.drain(..).map(|name| Error { name, reason: String::new() }));
    rest
}

#[test]
fn results_and_errors_are_taken_apart() {
    let errors = |comment: &str| -> Vec<(String, String)> {
        returns(comment).errors.into_iter().map(|error| (error.name, error.reason)).collect()
    };
    let error = |name: &str, reason: &str| (name.to_owned(), reason.to_owned());
    let list = "0, or -1 with errno: EINVAL (one; two (2)), EPERM or ENOSYS (forbidden), ENOMEM. Then more";
    assert_eq!(returns(list).text, "0, or -1 with errno set. Then more");
    assert_eq!(
        errors(list),
        [
            error("EINVAL", "one; two (2)"),
            error("EPERM", "forbidden"),
            error("ENOSYS", "forbidden"),
            error("ENOMEM", "")
        ]
    );
    let single = returns("a mask; NULL with errno ENOMEM. If that fails, none");
    assert_eq!(single.text, "a mask; NULL with errno ENOMEM. If that fails, none");
    assert_eq!(single.errors, [Error { name: "ENOMEM".into(), reason: String::new() }]);
    let as_other = returns("0; -1 with errno as other(), and: ENOENT (no file), or that of read(2) of it");
    assert_eq!(as_other.text, "0; -1 with errno set");
    assert_eq!(as_other.others, ["other()", "read(2) of it"]);
    assert_eq!(errors("-1 with errno as other(), reported by numa_error() too"), []);
    let unchanged = "-1 with errno unchanged if there is none; -1 with errno";
    assert_eq!(returns(unchanged).text, unchanged);
}

//! Links in Markdown texts.

use std::path::{Component, Path, PathBuf};

/// What a link becomes.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    Keep,
    /// Refers to this instead.
    To(String),
    /// Only its text remains.
    Text,
}

/// Changes the links of a Markdown text. `change` is given what each refers to, without its heading, unless this is on the
/// network or in the same text.
pub fn rewrite<E>(text: &str, mut change: impl FnMut(&str) -> Result<Change, E>) -> Result<String, E> {
    let mut parts = text.split("](");
    let mut made = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let Some((target, rest)) = part.split_once(')').filter(|(target, _)| is_of_repository(target)) else {
            made = made + "](" + part;
            continue;
        };
        let (file, heading) = target.split_at(target.find('#').unwrap_or(target.len()));
        match change(file)? {
            Change::Keep => made = made + "](" + part,
            Change::To(other) => made = made + "](" + &other + heading + ")" + rest,
            Change::Text => {
                let start = made.rfind('[').unwrap_or(0);
                made = made[..start].to_owned() + &made[start + 1..] + rest;
            }
        }
    }
    Ok(made)
}

fn is_of_repository(target: &str) -> bool {
    !target.contains(':') && !target.starts_with('#') && !target.contains(char::is_whitespace) && !target.is_empty()
}

/// Resolves a link in `file`. Both `file` and the result are paths relative to the top folder. Returns `None` if the target is outside that folder.
pub fn resolve(file: &Path, target: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for part in file.parent()?.join(target).components() {
        match part {
            Component::ParentDir if !path.pop() => return None,
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_files_change() {
        let text = "[a](b.c#d), [e](https://f), [g](#h) and ![i](j) [k](m) n[0](1, 2)";
        let made = rewrite(text, |target| {
            Ok::<_, ()>(match target {
                "b.c" => Change::To("b.html".into()),
                "j" => Change::Keep,
                "m" => Change::Text,
                other => panic!("{other}"),
            })
        });
        let expected = "[a](b.html#d), [e](https://f), [g](#h) and ![i](j) k n[0](1, 2)";
        assert_eq!(made.unwrap(), expected);
    }

    #[test]
    fn paths_are_relative_to_the_file_with_the_link() {
        let resolved = |target| resolve(Path::new("docs/guide/a.md"), target);
        assert_eq!(resolved("../b.md"), Some("docs/b.md".into()));
        assert_eq!(resolved("./c"), Some("docs/guide/c".into()));
        assert_eq!(resolved("../../../d"), None);
    }
}

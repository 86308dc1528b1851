//! Checks the pages of a site: their links lead to files and headings that exist, and whatever a browser loads by itself is
//! in the site.

use anyhow::{Context, Result};
use html5gum::{DefaultEmitter, Token, Tokenizer};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

pub struct Site {
    pub pages: usize,
    pub links: usize,
    pub problems: Vec<String>,
}

/// What a page refers to, and what others can refer to in it.
#[derive(Default)]
struct Contents {
    /// Where a reader can go.
    links: Vec<String>,
    /// What a browser loads: scripts, styles, fonts, pictures.
    parts: Vec<String>,
    names: BTreeSet<String>,
}

pub fn examine(folder: &Path) -> Result<Site> {
    let mut files = Vec::new();
    files_below(folder, &mut files)?;
    let mut pages = BTreeMap::new();
    let mut problems = Vec::new();
    for file in files {
        let kind = file.extension().unwrap_or_default().to_string_lossy().into_owned();
        if !["html", "svg", "css"].contains(&kind.as_str()) {
            continue;
        }
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let contents = if kind == "css" { of_style(&text) } else { of_page(&text) };
        pages.insert(file, contents);
    }
    let mut links = 0;
    for (file, contents) in &pages {
        let here = file.strip_prefix(folder).unwrap_or(file).display();
        for part in contents.parts.iter().filter(|part| is_of_network(part)) {
            problems.push(format!("{here}: {part} is loaded from the network"));
        }
        for link in contents.links.iter().chain(&contents.parts).filter(|link| !is_elsewhere(link)) {
            links += 1;
            if let Some(problem) = problem_of(file, link, &pages) {
                problems.push(format!("{here}: {link}: {problem}"));
            }
        }
    }
    let pages = pages.keys().filter(|file| file.extension().is_some_and(|kind| kind == "html")).count();
    Ok(Site { pages, links, problems })
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() { files_below(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

fn is_of_network(link: &str) -> bool {
    let is_scheme = |scheme: &str| scheme.bytes().all(|byte| byte.is_ascii_lowercase());
    link.split_once("//")
        .is_some_and(|(before, _)| before.strip_suffix(':').is_some_and(is_scheme) || before.is_empty())
}

/// Whether a link leads out of the site, or is the thing itself.
fn is_elsewhere(link: &str) -> bool {
    is_of_network(link) || ["data:", "mailto:", "javascript:"].iter().any(|scheme| link.starts_with(scheme))
}

fn of_page(text: &str) -> Contents {
    let mut contents = Contents::default();
    let string = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut emitter = DefaultEmitter::default();
    // Text of scripts is no HTML.
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(text, emitter).filter_map(Result::ok) {
        let Token::StartTag(tag) = token else { continue };
        let element = string(&tag.name);
        for (name, value) in &tag.attributes {
            let (name, value) = (string(name), string(value));
            match (element.as_str(), name.as_str()) {
                (_, "id") | ("a", "name") => {
                    contents.names.insert(value);
                }
                ("a", "href") => contents.links.push(value),
                (_, "href" | "xlink:href" | "src" | "srcset" | "data" | "poster") => contents.parts.push(value),
                (_, "style") => contents.parts.extend(of_style(&value).parts),
                _ => {}
            }
        }
    }
    contents
}

/// What a style sheet loads.
fn of_style(text: &str) -> Contents {
    let after = |word| text.split(word).skip(1);
    let urls = after("url(").filter_map(|rest| rest.split(')').next());
    let imports = after("@import \"").filter_map(|rest| rest.split('"').next());
    let parts = urls.chain(imports).map(|url| url.trim_matches(['"', '\'']).to_owned());
    Contents { parts: parts.collect(), ..Contents::default() }
}

fn problem_of(file: &Path, link: &str, pages: &BTreeMap<PathBuf, Contents>) -> Option<&'static str> {
    let (path, name) = link.split_once('#').map_or((link, None), |(path, name)| (path, Some(name)));
    let path = path.split('?').next().unwrap_or_default();
    let target = if path.is_empty() { file.to_owned() } else { normal(&file.parent()?.join(path)) };
    let target = if target.is_dir() { target.join("index.html") } else { target };
    if !target.is_file() {
        return Some("there is no such file");
    }
    let name = name.filter(|name| !name.is_empty())?;
    let names = &pages.get(&target).filter(|_| target.extension().is_some_and(|kind| kind == "html"))?.names;
    // Lines of a source, as rustdoc names them.
    let first = name.split('-').next().filter(|first| first.bytes().all(|byte| byte.is_ascii_digit()));
    (!names.contains(name) && !first.is_some_and(|first| names.contains(first))).then_some("there is no such heading")
}

/// A path without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut made = PathBuf::new();
    for part in path.components() {
        if part == std::path::Component::ParentDir {
            made.pop();
        } else {
            made.push(part);
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The problems of a site with these files.
    fn problems(name: &str, files: &[(&str, &str)]) -> Vec<String> {
        let folder = std::env::temp_dir().join(format!("numars-site-{}-{name}", std::process::id()));
        fs::create_dir_all(folder.join("sub")).unwrap();
        for (path, text) in files {
            fs::write(folder.join(path), text).unwrap();
        }
        let site = examine(&folder).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        site.problems
    }

    #[test]
    fn links_to_files_and_headings_that_exist_are_no_problem() {
        let files = [
            (
                "a.html",
                "<h1 id=one>One</h1><a href='sub/b.html#two'>b</a> <a href='#one'></a> <a href='https://c'></a>",
            ),
            ("sub/b.html", "<link href=../s.css rel=stylesheet><a id='two' href='../a.html#one'></a><a href='.'></a>"),
            ("sub/index.html", "<img src='data:image/png;base64,AA'><pre id=12></pre><a href='#12-17'></a>"),
            ("s.css", "a { background: url('sub/b.html') }"),
        ];
        assert_eq!(problems("fine", &files), Vec::<String>::new());
    }

    #[test]
    fn links_that_lead_nowhere_and_parts_from_the_network_are_problems() {
        let files = [
            ("a.html", "<a href='sub/c.html'></a><a href='#none'></a><script src='https://cdn/x.js'></script>"),
            ("s.css", "@import \"//fonts/f.css\"; a { background: url(none.png) }"),
        ];
        assert_eq!(
            problems("broken", &files),
            [
                "a.html: https://cdn/x.js is loaded from the network",
                "a.html: sub/c.html: there is no such file",
                "a.html: #none: there is no such heading",
                "s.css: //fonts/f.css is loaded from the network",
                "s.css: none.png: there is no such file",
            ]
        );
    }
}

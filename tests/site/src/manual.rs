//! Manual pages as parts of HTML pages, by mandoc(1).

use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A manual page in the repository.
pub struct Page {
    /// From the top folder.
    pub path: PathBuf,
    /// Those of its section NAME.
    names: Vec<String>,
}

impl Page {
    pub fn read(root: &Path, path: &Path) -> Result<Page> {
        let text = std::fs::read_to_string(root.join(path)).with_context(|| path.display().to_string())?;
        let names = text.lines().filter_map(|line| line.strip_prefix(".Nm "));
        Ok(Page { path: path.to_owned(), names: names.map(|name| name.trim_end_matches(" ,").to_owned()).collect() })
    }

    /// As people refer to it: numa_alloc(3).
    pub fn reference(&self) -> String {
        let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        format!("{}({})", part(self.path.file_stem()), part(self.path.extension()))
    }
}

/// The pages of a site, by the names that other pages have for them.
pub struct Manual<'a>(BTreeMap<String, &'a Page>);

impl Manual<'_> {
    pub fn new(pages: &[Page]) -> Manual<'_> {
        let mut by_name = BTreeMap::new();
        for page in pages {
            let section = page.path.extension().unwrap_or_default().to_string_lossy();
            for name in page.names.iter().filter(|name| !name.contains(' ')) {
                by_name.insert(format!("{name}({section})"), page);
            }
            by_name.insert(page.reference(), page);
        }
        Manual(by_name)
    }

    /// A Markdown text whose only element is the page.
    pub fn render(&self, root: &Path, page: &Page) -> Result<String> {
        let mut mandoc = Command::new("mandoc");
        mandoc.args(["-T", "html", "-O", "fragment,man=%N(%S)"]).arg(root.join(&page.path));
        let output = mandoc.output().context("mandoc(1) makes pages of the manual")?;
        ensure!(output.status.success(), "mandoc: {}: {}", page.path.display(), output.status);
        let html = String::from_utf8(output.stdout)?;
        let html = self.with_links(page, without_head_and_foot(&html));
        // The title of the whole page is its only heading of the first level. A blank line would end the element in Markdown.
        let html = html.replace("<h2", "<h3").replace("</h2>", "</h3>").replace("<h1", "<h2").replace("</h1>", "</h2>");
        let html = html.replace("\n\n", "\n&#10;");
        Ok(format!("# {}\n\n{html}\n", page.reference()))
    }

    /// Refers to pages of the site, and to no others.
    fn with_links(&self, from: &Page, html: &str) -> String {
        let up = "../".repeat(from.path.components().count() - 1);
        let link =
            |page: &Page, text: &str| format!("<a class=\"Xr\" href=\"{up}{}.html\">{text}</a>", page.path.display());
        let mut parts = html.split("<a class=\"Xr\" href=\"");
        let mut made = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (reference, rest) = part.split_once("\">").unwrap_or((part, ""));
            let (text, rest) = rest.split_once("</a>").unwrap_or((rest, ""));
            made += &match self.0.get(reference) {
                Some(page) => link(page, text),
                None => format!("<span class=\"Xr\">{text}</span>"),
            };
            made += rest;
        }
        // The macros of man(7) have none for references.
        for (reference, page) in &self.0 {
            if let Some((name, section)) = reference.split_once('(') {
                made = made.replace(&format!("<b>{name}</b>({section}"), &link(page, reference));
            }
        }
        // Headers are no pages of the site.
        made.replace("<a class=\"In\">", "<span class=\"In\">").replace(".h</a>&gt;", ".h</span>&gt;")
    }
}

/// mandoc's table with the name of the page, and the one with the date.
fn without_head_and_foot(html: &str) -> &str {
    let html = html.split_once("</table>").map_or(html, |(_, rest)| rest).trim_start();
    html.split("<table class=\"foot\">").next().unwrap_or_default().trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_lead_to_pages_of_the_site() {
        let page = |path: &str, names: &[&str]| Page {
            path: path.into(),
            names: names.iter().map(|&name| name.to_owned()).collect(),
        };
        let pages = [page("docs/man/a.3", &["a", "b"]), page("docs/man/libnuma/c.3", &["c"])];
        let html = "<a class=\"Xr\" href=\"b(3)\">b(3)</a>, <a class=\"Xr\" href=\"d(2)\">d(2)</a>, <b>c</b>(3)";
        assert_eq!(
            Manual::new(&pages).with_links(&pages[1], html),
            "<a class=\"Xr\" href=\"../../../docs/man/a.3.html\">b(3)</a>, <span class=\"Xr\">d(2)</span>, \
             <a class=\"Xr\" href=\"../../../docs/man/libnuma/c.3.html\">c(3)</a>"
        );
    }
}

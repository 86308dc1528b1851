//! Collects what mdBook makes the site of: the chapters that docs/SUMMARY.md lists, the pages of the manual, and the files
//! that they refer to, in the folders that they have in the repository, so that their links work.

use crate::links::{self, Change};
use crate::manual::{Manual, Page};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const SUMMARY: &str = "docs/SUMMARY.md";
/// The list of the manual's pages, below which the table of contents has each.
const MANUAL: &str = "docs/man/README.md";
/// The chapter below which the table of contents has what rustdoc makes.
const RUST: &str = "crates/numars/README.md";
/// What rustdoc makes of a file that is part of the documentation of the Rust library.
const RUSTDOC: (&str, &str) = ("crates/numars/docs/from-libnuma.md", "rust/numars/from_libnuma/index.html");
/// What browsers show as it is.
const SHOWN: [&str; 3] = ["json", "svg", "txt"];

struct Sources<'a> {
    root: &'a Path,
    folder: PathBuf,
    chapters: BTreeSet<PathBuf>,
    manual: BTreeSet<PathBuf>,
}

/// Writes a book, with its settings, into a folder, whose former contents are removed.
pub fn write(root: &Path, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let summary = read(root, Path::new(SUMMARY))?;
    let pages: Vec<Page> = paths_in(&read(root, Path::new(MANUAL))?, Path::new(MANUAL))?
        .iter()
        .map(|path| Page::read(root, path))
        .collect::<Result<_>>()?;
    let sources = Sources {
        root,
        folder: folder.join("src"),
        chapters: paths_in(&summary, Path::new(SUMMARY))?.into_iter().collect(),
        manual: pages.iter().map(|page| page.path.clone()).collect(),
    };
    for path in &sources.chapters {
        let text = links::rewrite(&read(root, path)?, |target| sources.follow(path, target))?;
        sources.create(&chapter(path), &text)?;
    }
    let manual = Manual::new(&pages);
    for page in &pages {
        sources.create(&manual_page(&page.path), &manual.render(root, page)?)?;
    }
    let interface = "# Interface of the Rust library\n\nWhat rustdoc makes of it: [numars](rust/numars/index.html).\n";
    sources.create(Path::new("rust.md"), interface)?;
    sources.create(Path::new("SUMMARY.md"), &sources.summary(&summary, &pages)?)?;
    for name in ["book.toml", "site.css"] {
        let file = root.join("docs/site").join(name);
        fs::copy(&file, folder.join(name)).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

fn read(root: &Path, path: &Path) -> Result<String> {
    fs::read_to_string(root.join(path)).with_context(|| path.display().to_string())
}

/// The files that a text refers to, in this order.
fn paths_in(text: &str, file: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    links::rewrite(text, |target| {
        paths.push(links::resolve(file, target).with_context(|| format!("{}: {target}", file.display()))?);
        anyhow::Ok(Change::Keep)
    })?;
    Ok(paths)
}

/// The name that a chapter has in the book: mdBook makes index.html of index.md.
fn chapter(path: &Path) -> PathBuf {
    if path.ends_with("README.md") { path.with_file_name("index.md") } else { path.to_owned() }
}

fn manual_page(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.md", path.display()))
}

impl Sources<'_> {
    fn create(&self, path: &Path, text: &str) -> Result<()> {
        let file = self.folder.join(path);
        fs::create_dir_all(file.parent().context("a file is in a folder")?)?;
        fs::write(&file, text).with_context(|| file.display().to_string())
    }

    /// Returns what becomes of a link in a chapter, and copies the file that it refers to unless that is a page of the site.
    fn follow(&self, from: &Path, target: &str) -> Result<Change> {
        let Some(path) = links::resolve(from, target) else { return Ok(Change::Text) };
        let up = "../".repeat(from.components().count() - 1);
        let to = |path: &Path| Ok(Change::To(format!("{up}{}", path.display())));
        let index = path.join("README.md");
        if self.chapters.contains(&path) {
            return to(&chapter(&path));
        } else if self.chapters.contains(&index) {
            return to(&chapter(&index));
        } else if self.manual.contains(&path) {
            return to(&manual_page(&path));
        } else if path == Path::new(RUSTDOC.0) {
            return to(Path::new(RUSTDOC.1));
        }
        let file = self.root.join(&path);
        // The table of contents is beside each page.
        if file.is_dir() || path == Path::new(SUMMARY) {
            return Ok(Change::Text);
        }
        let kind = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        if kind == "md" {
            bail!("{} refers to {}, which {SUMMARY} does not list", from.display(), path.display());
        }
        let name = if SHOWN.contains(&kind.as_str()) { path.clone() } else { format!("{}.txt", path.display()).into() };
        let text = fs::read_to_string(&file).with_context(|| format!("{}: {target}", from.display()))?;
        self.create(&name, &text)?;
        to(&name)
    }

    /// The table of contents: the one in docs, seen from the top folder, with what is made for the site.
    fn summary(&self, text: &str, pages: &[Page]) -> Result<String> {
        let mut made = String::new();
        for line in text.lines() {
            let mut path = PathBuf::new();
            made += &links::rewrite(line, |target| {
                path = links::resolve(Path::new(SUMMARY), target).context("a chapter outside of the repository")?;
                anyhow::Ok(Change::To(chapter(&path).display().to_string()))
            })?;
            made.push('\n');
            let indent = " ".repeat(line.len() - line.trim_start().len() + 2);
            if path == Path::new(MANUAL) {
                for page in pages {
                    made += &format!("{indent}- [{}]({})\n", page.reference(), manual_page(&page.path).display());
                }
            } else if path == Path::new(RUST) {
                made += &format!("{indent}- [Interface](rust.md)\n");
            }
        }
        Ok(made)
    }
}

//! What `make site` needs beside mdBook: the documents with the files that they refer to, arranged as a book, and a check
//! of the pages that were made from it.

mod check;
mod links;
mod manual;
mod sources;

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("site: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    match *arguments {
        ["sources", folder] => sources::write(&root(), Path::new(folder)),
        ["check", folder] => {
            let site = check::examine(Path::new(folder))?;
            site.problems.iter().for_each(|problem| println!("{problem}"));
            println!("{} pages, {} links, {} problems", site.pages, site.links, site.problems.len());
            if !site.problems.is_empty() {
                bail!("links lead nowhere, or to the network");
            }
            Ok(())
        }
        _ => bail!("usage: site sources FOLDER | site check FOLDER"),
    }
}

/// The top folder of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

//! `numars generate`: what is made from the definition of the arguments and reports, and kept with the sources: manual pages, completions for
//! shells, and schemas. A test compares it with what is there.

use crate::args::Arguments;
use crate::commands::schema;
use crate::failure::{Context, Result, Status};
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::roff::{Roff, bold, roman};
use clap_mangen::{Man, roff};
use std::fs;
use std::path::{Path, PathBuf};

/// The date of the manual pages. It changes when they do, not when they are built.
const DATE: &str = "2026-11-27";

/// The arguments of `numars generate`.
#[derive(Args, Debug)]
pub struct GenerateArguments {
    /// The folder, in which man, completions and schema are made
    folder: PathBuf,
}

/// Writes all files.
pub fn run(arguments: &GenerateArguments) -> Result<Status> {
    let folder = |name: &str| {
        let folder = arguments.folder.join(name);
        fs::create_dir_all(&folder).context(format!("cannot make {}", folder.display())).map(|()| folder)
    };
    let mut command = Arguments::command();
    command.build();
    write_manual_pages(&command, &folder("man")?)?;
    let completions = folder("completions")?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut Arguments::command(), "numars", &completions)?;
    }
    let schemas = folder("schema")?;
    for (name, schema) in schema::schemas() {
        let text = serde_json::to_string_pretty(&schema)? + "\n";
        write(&schemas.join(format!("{}.json", name.replace('/', "-"))), text.as_bytes())?;
    }
    Ok(Status::Done)
}

fn write(file: &Path, contents: &[u8]) -> Result<()> {
    fs::write(file, contents).context(format!("cannot write {}", file.display()))
}

fn write_manual_pages(command: &clap::Command, folder: &Path) -> Result<()> {
    let subcommands: Vec<&clap::Command> = command.get_subcommands().filter(|command| !command.is_hide_set()).collect();
    write(&folder.join("numars.1"), &manual_page(command, &subcommands, None)?)?;
    // The page of numars-run(1), the script that `numars run` does the work of, is written by hand.
    for subcommand in subcommands.iter().filter(|subcommand| subcommand.get_name() != "run") {
        let page = manual_page(command, &subcommands, Some(subcommand))?;
        write(&folder.join(format!("numars-{}.1", subcommand.get_name())), &page)?;
    }
    Ok(())
}

/// Returns the page of a subcommand, or of the command.
fn manual_page(
    command: &clap::Command,
    subcommands: &[&clap::Command],
    subcommand: Option<&clap::Command>,
) -> Result<Vec<u8>> {
    let described = subcommand.unwrap_or(command).clone();
    let name = subcommand.map_or("numars".to_owned(), |subcommand| format!("numars-{}", subcommand.get_name()));
    let title = described.display_name(name.clone());
    let man = Man::new(title)
        .section("1")
        .source(format!("numars {}", env!("CARGO_PKG_VERSION")))
        .manual("numars")
        .date(DATE);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if subcommand.is_none() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut roff = Roff::new();
    exit_status(&mut roff);
    environment(&mut roff);
    see_also(&mut roff, subcommands, &name);
    roff.to_writer(&mut page)?;
    Ok(page)
}

fn exit_status(roff: &mut Roff) {
    roff.control("SH", ["EXIT STATUS"]);
    for (status, meaning) in [
        ("0", "What was asked for is done."),
        (
            "1",
            "The command worked, and its result is not what was asked for: pages have not moved, or a check has found a problem.",
        ),
        ("2", "The arguments are wrong."),
        (
            "3",
            "The system refused something, or something does not exist. A line on standard error says what, and what to do.",
        ),
        ("130", "A signal, such as that of Ctrl-C, ended the work."),
    ] {
        roff.control("TP", []).text([bold(status)]).text([roman(meaning)]);
    }
    roff.control("PP", []).text([
        bold("numars run"),
        roman(" ends as the program does; with 126 if it cannot be executed, and with 127 if it does not exist."),
    ]);
}

fn environment(roff: &mut Roff) {
    roff.control("SH", ["ENVIRONMENT"]);
    for (name, meaning) in [
        ("NO_COLOR", "If it is set, no colours are used."),
        ("CLICOLOR_FORCE", "If it is set and not 0, colours are used although the output is no terminal."),
        ("COLUMNS", "The width of the output, instead of that of the terminal."),
        ("LC_ALL, LC_CTYPE, LANG", "Whether the output may have characters beyond ASCII: if the locale is UTF-8."),
    ] {
        roff.control("TP", []).text([bold(name)]).text([roman(meaning)]);
    }
}

fn see_also(roff: &mut Roff, subcommands: &[&clap::Command], own: &str) {
    let mut pages: Vec<(String, &str)> =
        subcommands.iter().map(|subcommand| (format!("numars-{}", subcommand.get_name()), "1")).collect();
    pages.insert(0, ("numars".into(), "1"));
    pages.retain(|(name, _)| name != own);
    pages.extend([("numa".into(), "7"), ("numars".into(), "7"), ("move_pages".into(), "2")]);
    roff.control("SH", ["SEE ALSO"]);
    let last = pages.len() - 1;
    let mut words = Vec::new();
    for (index, (name, section)) in pages.iter().enumerate() {
        words.push(bold(name.as_str()));
        words.push(roff::roman(format!("({section}){}", if index < last { ", " } else { "" })));
    }
    roff.text(words);
}

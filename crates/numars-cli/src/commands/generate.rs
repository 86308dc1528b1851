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
    for subcommand in &subcommands {
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
    let title = described.clone().display_name(name.clone());
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
    notes(&described, &mut page)?;
    man.render_options_section(&mut page)?;
    if subcommand.is_none() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut roff = Roff::new();
    // `numars run` is also installed as numars-run, whose page this is too.
    let runs_programs = name == "numars-run";
    if runs_programs {
        library_instead(&mut roff);
    }
    exit_status(&mut roff, runs_programs);
    environment(&mut roff, runs_programs);
    if runs_programs {
        examples_of_run(&mut roff);
    }
    see_also(&mut roff, subcommands, &name);
    roff.to_writer(&mut page)?;
    Ok(page)
}

/// Writes what `--help` prints below the options, but for the exit statuses, which have a section of their own.
fn notes(described: &clap::Command, page: &mut Vec<u8>) -> Result<()> {
    let notes = described.get_after_help().map(ToString::to_string).unwrap_or_default();
    let mut roff = Roff::new();
    for paragraph in notes.split("\n\n").filter(|paragraph| !paragraph.starts_with("Exit status:")) {
        if !paragraph.is_empty() {
            roff.control("PP", []).text([roman(paragraph)]);
        }
    }
    roff.to_writer(page)?;
    Ok(())
}

/// Writes a list of terms and what they mean.
fn list<'a>(roff: &mut Roff, terms: impl IntoIterator<Item = (&'a str, &'a str)>) {
    for (term, meaning) in terms {
        roff.control("TP", []).text([bold(term)]).text([roman(meaning)]);
    }
}

/// How `numars run --libnuma`, and numars-run, substitute numars for libnuma.
fn library_instead(roff: &mut Roff) {
    roff.control("SH", ["NUMARS INSTEAD OF LIBNUMA"]);
    roff.text([
        bold("numars-run"),
        roman(" is the same command under another name: "),
        bold("numars-run PROGRAM"),
        roman(" is "),
        bold("numars run --libnuma PROGRAM"),
        roman(", and "),
        bold("numars-run --check PROGRAM"),
        roman(" is, with a shorter output, "),
        bold("numars check PROGRAM"),
        roman(". It has no other options but --help and --version; those after PROGRAM are the program's."),
    ]);
    for paragraph in [
        "The library that has libnuma's SONAME is preloaded, and its directory is the first in which the loader searches. A program that opens \
         libnuma.so, libnuma.so.1 or libnuma.so.1.0.0 with dlopen(3) therefore gets numars, unless it gives the path of another file, or its \
         RPATH (not RUNPATH) contains another libnuma.so. Programs that this program starts run on numars too. Programs built with \
         AddressSanitizer or another sanitizer run unmodified.",
        "Programs into which the loader would not preload numars are refused: those that are linked statically, that are built for another \
         architecture or another C library (such as musl), whose loader does not exist, or that gain privileges (setuid, setgid, or file \
         capabilities, which getcap(8) shows). For a script, this applies to its interpreter, or to the program that env(1) starts for it.",
    ] {
        roff.control("PP", []).text([roman(paragraph)]);
    }
}

fn exit_status(roff: &mut Roff, runs_programs: bool) {
    roff.control("SH", ["EXIT STATUS"]);
    if runs_programs {
        roff.text([roman("That of the program, or")]);
        list(
            roff,
            [
                ("2", "The arguments are wrong."),
                ("125", "The system refuses what was asked for, or the program cannot run on numars."),
                ("126", "The program cannot be executed."),
                ("127", "The program does not exist."),
            ],
        );
        return;
    }
    list(
        roff,
        [
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
        ],
    );
    roff.control("PP", []).text([
        bold("numars run"),
        roman(" ends as the program does; with 125 if the system refuses what was asked for, with 126 if the program cannot be executed, and with 127 if it does not exist."),
    ]);
}

fn environment(roff: &mut Roff, runs_programs: bool) {
    roff.control("SH", ["ENVIRONMENT"]);
    if runs_programs {
        list(
            roff,
            [
                (
                    "NUMARS_LIBRARY",
                    "The library to preload instead of the installed one. A program that opens libnuma.so itself finds this library only if \
                     its directory contains it under that name.",
                ),
                ("LD_PRELOAD", "Libraries already listed are preloaded before numars."),
                ("LD_LIBRARY_PATH", "The directory of the library is prepended."),
                (
                    "ASAN_OPTIONS",
                    "verify_asan_link_order=0 is appended: otherwise a program built with AddressSanitizer would exit because another \
                     library is loaded before its run-time library.",
                ),
            ],
        );
    }
    list(
        roff,
        [
            ("NO_COLOR", "If it is set, no colours are used."),
            ("CLICOLOR_FORCE", "If it is set and not 0, colours are used although the output is no terminal."),
            ("COLUMNS", "The width of the output, instead of that of the terminal."),
            ("LC_ALL, LC_CTYPE, LANG", "Whether the output may have characters beyond ASCII: if the locale is UTF-8."),
        ],
    );
}

fn examples_of_run(roff: &mut Roff) {
    roff.control("SH", ["EXAMPLES"]);
    list(
        roff,
        [
            (
                "numars run --cpunodebind 1 --membind 1 -- redis-server",
                "Runs a server on node 1, with its memory there.",
            ),
            ("numars run --interleave fastest -- ./solver", "Spreads the memory of a program over the fastest nodes."),
            ("NUMARS_LOG=1 numars-run postgres -D data", "Shows why a NUMA setting of a database has no effect."),
            ("numars-run --check numactl", "Checks whether numars has every symbol that numactl needs."),
        ],
    );
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

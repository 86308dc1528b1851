//! `numars-run`: this command under the name of the shell script that it replaces, with the script's arguments, messages and exit statuses.

use super::environment::{self, Library};
use super::inherited;
use super::program::{self, Interpreter, Refusal};
use crate::commands::check::binding::{Defined, Program};
use crate::commands::check::elf::Elf;
use crate::commands::check::search::System;
use crate::commands::check::{NAMES, opened_on_numars};
use crate::failure::Status;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// What `--help` prints.
const USAGE: &str = "usage: numars-run PROGRAM [ARGUMENT…]
       numars-run --check PROGRAM
       numars-run --help | --version

Runs PROGRAM on numars instead of libnuma, as numars run --libnuma does. With --check, PROGRAM is not run: the output says whether numars has
the symbols of libnuma that it needs, and which libnuma PROGRAM would find with dlopen(3). See also numars check.
Exit status: that of PROGRAM; 127 if it is not found, 126 if it cannot be executed, 125 if it cannot be run on numars.
With --check: 0 if numars has every symbol; 1 if not, or if this cannot be determined.";

/// Carries out `numars-run`, if this is the name of the command. Returns `None` otherwise.
pub fn run_by_name() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let name = arguments.next()?;
    if !name.as_bytes().ends_with(b"numars-run") {
        return None;
    }
    let arguments: Vec<OsString> = arguments.collect();
    Some(match run(&arguments) {
        Ok(status) => status.into(),
        Err(refusal) => {
            let _ = writeln!(std::io::stderr(), "numars-run: {}", refusal.message);
            refusal.status.into()
        }
    })
}

fn run(arguments: &[OsString]) -> Result<Status, Refusal> {
    match arguments {
        [option, ..] if option == "--help" => print(&format!("{USAGE}\n"), Status::Done),
        [option, ..] if option == "--version" => {
            print(&format!("numars-run {}\n", env!("CARGO_PKG_VERSION")), Status::Done)
        }
        [option, name] if option == "--check" => check(name),
        [] => Err(Refusal::cannot(USAGE)),
        [option, ..] if option.is_empty() || option.as_bytes().starts_with(b"-") => Err(Refusal::cannot(USAGE)),
        [name, rest @ ..] => {
            let file = program::find(name)?;
            let library = Library::find(None)?;
            environment::must_be_preloadable(&program::interpreter(&file).file, &library)?;
            let error = inherited::exec(Command::new(name).args(rest).envs(environment::substitute(&library)));
            Err(Refusal::of_exec(name, &error))
        }
    }
}

/// Prints to standard output. A reader that has seen enough is no failure.
fn print(text: &str, status: Status) -> Result<Status, Refusal> {
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(status)
}

fn check(name: &OsStr) -> Result<Status, Refusal> {
    let path = program::find(name)?;
    let Interpreter { file, unclear, .. } = program::interpreter(&path);
    let library = Library::find(None)?;
    environment::must_be_preloadable(&file, &library)?;
    if let Some(line) = unclear {
        let name = name.to_string_lossy();
        let text = format!("{name} needs these symbols of libnuma:\n  UNKNOWN: the program that env starts ({line})\n");
        return print(&text, Status::Incomplete);
    }
    let shown = file.display();
    let elf = Elf::read(&file).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => Refusal::cannot(format!("{shown}: is not an ELF program")),
        _ => Refusal::cannot(format!("{shown}: cannot be read")),
    })?;
    let numars = Elf::read(&library.file).map(|elf| Defined::by(&elf)).unwrap_or_default();
    let system = System::read(elf.machine);
    let path = environment::library_path(&library);
    let preloaded = std::env::var_os("LD_PRELOAD").unwrap_or_default();
    let program = Program::read(&file, elf, &system, &path.to_string_lossy(), &preloaded.to_string_lossy());
    let (mut text, status) = describe(&file, &program, &numars);
    text += "With dlopen(3) it would find:\n";
    for name in NAMES {
        let library_now = match opened_on_numars(name, &system, &program, &library) {
            None => "nothing".to_owned(),
            Some(library_now) if library_now == library.file => library_now.display().to_string(),
            Some(library_now) => format!("{} (not numars)", library_now.display()),
        };
        let _ = writeln!(text, "  {name:<17} {library_now}");
    }
    print(&text, status)
}

/// Returns what `--check` prints about symbols, and its exit status.
fn describe(file: &Path, program: &Program, numars: &Defined) -> (String, Status) {
    let mut lines = String::new();
    let mut missing = false;
    let mut reported = Vec::new();
    for need in program.needs() {
        let (name, version) = (&need.symbol.name, &need.symbol.version);
        if numars.has(name, version) {
            let _ = writeln!(lines, "  {name:<40} {version:<12} there");
        } else if need.is_required {
            let of = if version.is_empty() { String::new() } else { format!(", version {version}") };
            let _ = writeln!(lines, "  MISSING: {name}{of} (needed by {})", need.by.display());
            reported.push(version.clone());
            missing = true;
        }
    }
    for (version, by) in program.wanted_versions() {
        if !numars.has_version(version) && !reported.iter().any(|other| other == version) {
            let _ = writeln!(lines, "  MISSING: version {version} (needed by {})", by.display());
            missing = true;
        }
    }
    let mut unknown = String::new();
    for (name, by) in &program.absent {
        let _ = writeln!(unknown, "  UNKNOWN: {name} is not found (needed by {})", by.display());
    }
    for file in program.unreadable() {
        let _ = writeln!(unknown, "  UNKNOWN: {} (it shows no symbols)", file.display());
    }
    let shown = file.display();
    let first = match (lines.is_empty() && unknown.is_empty(), program.is_linked()) {
        (false, _) => format!("{shown} needs these symbols of libnuma:\n"),
        (true, true) => {
            format!("{shown} is linked with libnuma, directly or indirectly, but uses none of its symbols.\n")
        }
        (true, false) => format!("{shown} is not linked with libnuma, directly or indirectly.\n"),
    };
    let status = if missing || !unknown.is_empty() { Status::Incomplete } else { Status::Done };
    (first + &lines + &unknown, status)
}

//! `numars check`: which symbols of libnuma a program or a library needs, and whether numars and the installed libnuma have them.

pub mod binding;
pub mod elf;
pub mod search;

use crate::commands::run::environment::{self, Library};
use crate::commands::run::program::{self, Interpreter};
use crate::draw::{BAD, FAINT, HEADING, WARNING, styled, table, table_text};
use crate::failure::{Failure, Result, Status, unless_unread};
use crate::json::{self, Report};
use crate::screen::Screen;
use binding::{Defined, Program};
use clap::Args;
use elf::{Elf, SONAME};
use schemars::JsonSchema;
use search::System;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The names under which programs open libnuma.
pub const NAMES: [&str; 3] = ["libnuma.so", SONAME, "libnuma.so.1.0.0"];

/// The arguments of `numars check`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 if numars has every symbol; 1 if it lacks one, or if that cannot be determined; \
                        2 if the arguments are wrong, 3 if the file cannot be read. Nothing is run."
)]
pub struct CheckArguments {
    /// A program, as the shell finds it, or a shared library
    #[arg(value_name = "PROGRAM|LIBRARY")]
    file: PathBuf,
    /// The file of numars, instead of the installed one
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,
}

/// The result of `numars check`.
#[derive(Serialize, JsonSchema, Debug)]
pub struct CheckReport {
    /// The file that was checked: for a script, its interpreter.
    pub file: String,
    /// The script, if one was given.
    pub script: Option<String>,
    /// What the file is.
    pub linkage: Linkage,
    /// Whether numars has every symbol that is required, as far as that can be determined.
    pub complete: bool,
    /// Whether the file, or a library that it needs, is linked with libnuma.
    pub linked: bool,
    /// The symbols of libnuma that are needed, in the order of the loader.
    pub symbols: Vec<SymbolReport>,
    /// Versions of libnuma that are needed.
    pub versions: Vec<VersionReport>,
    /// Why this may not be all: libraries that were not found, files that cannot be read.
    pub unknown: Vec<String>,
    /// The file of numars that was compared. null: none is installed, and the symbols are those of this version of the command.
    pub numars: Option<String>,
    /// The file of libnuma that the loader finds now. null: none.
    pub libnuma: Option<String>,
    /// Why numars cannot be substituted (`numars run --libnuma`). null: it can.
    pub refusal: Option<String>,
    /// What the file would open with dlopen(3) under each name of libnuma.
    pub dlopen: Vec<DlopenReport>,
}

/// How a program is linked.
#[derive(Serialize, JsonSchema, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Linkage {
    /// A program that is linked dynamically.
    Dynamic,
    /// A shared library.
    Library,
    /// A program that is linked statically: it contains its own libnuma, if any.
    Static,
    /// A script whose interpreter cannot be determined.
    Unknown,
}

/// A symbol that is needed.
#[derive(Serialize, JsonSchema, Debug)]
pub struct SymbolReport {
    /// Its name.
    pub name: String,
    /// Its version, such as `libnuma_1.1`. null: any.
    pub version: Option<String>,
    /// The file that needs it.
    pub needed_by: String,
    /// Whether the file runs without it.
    pub optional: bool,
    /// Whether numars has it.
    pub numars: bool,
    /// Whether the installed libnuma has it. null: none is installed.
    pub libnuma: Option<bool>,
}

/// A version that is needed.
#[derive(Serialize, JsonSchema, Debug)]
pub struct VersionReport {
    /// Its name, such as `libnuma_1.1`.
    pub version: String,
    /// The file that needs it.
    pub needed_by: String,
    /// Whether numars has it.
    pub numars: bool,
    /// Whether the installed libnuma has it. null: none is installed.
    pub libnuma: Option<bool>,
}

/// What would be opened.
#[derive(Serialize, JsonSchema, Debug)]
pub struct DlopenReport {
    /// The name that dlopen(3) is called with.
    pub name: String,
    /// What it finds now. null: nothing.
    pub now: Option<String>,
    /// What it finds with `numars run --libnuma`. null: nothing, or this is impossible.
    pub substituted: Option<String>,
}

impl Report for CheckReport {
    const SCHEMA: &'static str = "numars.check/1";
}

/// Checks a program or a library.
pub fn run(arguments: &CheckArguments, screen: &Screen) -> Result<Status> {
    let (file, is_library) = find(&arguments.file)?;
    let interpreter = match is_library {
        true => Interpreter { file, is_of_script: false, unclear: None },
        false => program::interpreter(&file),
    };
    let library = match (Library::find(arguments.library.as_deref()), &arguments.library) {
        (Ok(library), _) => Some(library),
        (Err(refusal), Some(_)) => return Err(Failure::new(refusal.message)),
        (Err(_), None) => None,
    };
    let report = check(&arguments.file, &interpreter, library.as_ref())?;
    if screen.json {
        unless_unread(json::print(&report))?;
    } else if !screen.quiet {
        unless_unread(print(&report, screen))?;
    }
    Ok(if report.complete { Status::Done } else { Status::Incomplete })
}

/// Returns the file to check, and whether it need not be executable.
fn find(given: &Path) -> Result<(PathBuf, bool)> {
    match program::find(given.as_os_str()) {
        Ok(file) => Ok((file, false)),
        // A library is usually not executable, and not in PATH.
        Err(_) if given.is_file() => Ok((given.to_owned(), true)),
        Err(refusal) => Err(Failure::from(refusal).with_status(Status::Failed)),
    }
}

/// Returns the value of a variable that the loader reads.
fn variable(name: &str) -> String {
    std::env::var_os(name).unwrap_or_default().to_string_lossy().into_owned()
}

fn check(given: &Path, interpreter: &Interpreter, library: Option<&Library>) -> Result<CheckReport> {
    let shown = interpreter.file.display();
    let elf = Elf::read(&interpreter.file).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => Failure::new(format!("{shown}: is not an ELF file"))
            .hint("numars check takes programs, scripts and shared libraries"),
        _ => Failure::new(format!("{shown}: {}", Failure::from(error).message())),
    })?;
    let is_library = elf.loader.is_none() && elf.is_dynamic;
    let linkage = match (&interpreter.unclear, &elf.loader) {
        (Some(_), _) => Linkage::Unknown,
        (None, Some(_)) => Linkage::Dynamic,
        (None, None) if is_library => Linkage::Library,
        (None, None) => Linkage::Static,
    };
    let mut report = CheckReport {
        file: shown.to_string(),
        script: interpreter.is_of_script.then(|| given.display().to_string()),
        linkage,
        complete: true,
        linked: false,
        symbols: Vec::new(),
        versions: Vec::new(),
        unknown: Vec::new(),
        numars: library.map(|library| library.file.display().to_string()),
        libnuma: None,
        refusal: None,
        dlopen: Vec::new(),
    };
    match linkage {
        Linkage::Unknown => {
            let line = interpreter.unclear.as_deref().unwrap_or_default();
            report.unknown.push(format!("the program that env starts ({line})"));
        }
        Linkage::Static => {
            let contained = match elf.contained {
                0 => String::new(),
                1 => " (1 function)".into(),
                functions => format!(" ({functions} functions)"),
            };
            report.refusal =
                Some(format!("it is linked statically, so it contains its own libnuma, if any{contained}"));
        }
        Linkage::Dynamic | Linkage::Library => compare(&mut report, interpreter, elf, library),
    }
    let lacks = report.symbols.iter().any(|symbol| !symbol.numars && !symbol.optional)
        || report.versions.iter().any(|version| !version.numars);
    report.complete = !lacks && report.unknown.is_empty();
    Ok(report)
}

/// Compares what a program that is linked dynamically needs with what there is.
fn compare(report: &mut CheckReport, interpreter: &Interpreter, elf: Elf, library: Option<&Library>) {
    let system = System::read(elf.machine);
    let machine = elf.machine;
    let is_program = elf.loader.is_some();
    let path_now = variable("LD_LIBRARY_PATH");
    let program = Program::read(&interpreter.file, elf, &system, &path_now, &variable("LD_PRELOAD"));
    report.linked = program.is_linked();
    let numars = match library.and_then(|library| Elf::read(&library.file).ok()) {
        Some(elf) if elf.machine == machine => Defined::by(&elf),
        _ => Defined::by_this_numars(),
    };
    let installed = system.find(SONAME, &program.paths, &path_now);
    let libnuma = installed.as_deref().and_then(|file| Elf::read(file).ok()).map(|elf| Defined::by(&elf));
    report.libnuma = installed.as_deref().map(|file| file.display().to_string());
    for need in program.needs() {
        let (name, version) = (&need.symbol.name, &need.symbol.version);
        let has = |defined: &Defined| defined.has(name, version);
        let (in_numars, in_libnuma) = (has(&numars), libnuma.as_ref().map(has));
        if !need.is_required && !in_numars && in_libnuma != Some(true) {
            continue;
        }
        report.symbols.push(SymbolReport {
            name: name.clone(),
            version: (!version.is_empty()).then(|| version.clone()),
            needed_by: need.by.display().to_string(),
            optional: !need.is_required,
            numars: in_numars,
            libnuma: in_libnuma,
        });
    }
    for (version, file) in program.wanted_versions() {
        report.versions.push(VersionReport {
            version: version.to_owned(),
            needed_by: file.display().to_string(),
            numars: numars.has_version(version),
            libnuma: libnuma.as_ref().map(|defined| defined.has_version(version)),
        });
    }
    let absent = program.absent.iter().map(|(name, by)| format!("{name} is not found (needed by {})", by.display()));
    report.unknown.extend(absent);
    let unreadable = program.unreadable().map(|file| format!("{} (it shows no symbols)", file.display()));
    report.unknown.extend(unreadable);
    if is_program {
        report.refusal = match library {
            Some(library) => {
                environment::must_be_preloadable(&interpreter.file, library).err().map(|refusal| refusal.message)
            }
            None => Some("numars is not installed; --library names its file".into()),
        };
    }
    let can = library.filter(|_| report.refusal.is_none());
    report.dlopen = NAMES.iter().map(|name| dlopen(name, &system, &program, &path_now, can)).collect();
}

/// Returns what would be opened under a name.
fn dlopen(name: &str, system: &System, program: &Program, path_now: &str, library: Option<&Library>) -> DlopenReport {
    let shown = |file: PathBuf| file.display().to_string();
    DlopenReport {
        name: name.to_owned(),
        now: system.find(name, &program.paths, path_now).map(shown),
        substituted: library.and_then(|library| opened_on_numars(name, system, program, library)).map(shown),
    }
}

/// Returns what would be opened under a name with numars preloaded: its file, if it is numars by another name.
pub fn opened_on_numars(name: &str, system: &System, program: &Program, library: &Library) -> Option<PathBuf> {
    // It is loaded under this name.
    if name == SONAME {
        return Some(library.file.clone());
    }
    let path = environment::library_path(library);
    let file = system.find(name, &program.paths, &path.to_string_lossy())?;
    let is_same = std::fs::canonicalize(&file).ok() == std::fs::canonicalize(&library.file).ok();
    Some(if is_same { library.file.clone() } else { file })
}

fn print(report: &CheckReport, screen: &Screen) -> Result<()> {
    let mut output = anstream::stdout().lock();
    if let Some(script) = &report.script {
        writeln!(output, "{script} is a script; what executes it is checked:")?;
    }
    writeln!(output, "{}", styled(summary(report), HEADING))?;
    if !report.symbols.is_empty() {
        let mark = |has: Option<bool>| match has {
            Some(true) => "yes".to_owned(),
            Some(false) => styled("MISSING", BAD),
            None => "-".to_owned(),
        };
        let mut symbols = table(screen, &["symbol", "version", "numars", "libnuma", "needed by"], &[]);
        for symbol in &report.symbols {
            let by = Path::new(&symbol.needed_by).file_name().unwrap_or_default().to_string_lossy().into_owned();
            symbols.add_row([
                symbol.name.clone(),
                symbol.version.clone().unwrap_or_else(|| "any".into()),
                mark(Some(symbol.numars)),
                mark(symbol.libnuma),
                by,
            ]);
        }
        write!(output, "\n{}", table_text(&symbols))?;
    }
    for version in report.versions.iter().filter(|version| !version.numars) {
        writeln!(
            output,
            "{}",
            styled(format!("numars lacks version {} (needed by {})", version.version, version.needed_by), BAD)
        )?;
    }
    for unknown in &report.unknown {
        writeln!(output, "{}", styled(format!("unknown: {unknown}"), WARNING))?;
    }
    if !report.dlopen.is_empty() {
        let or_nothing = |file: &Option<String>| file.clone().unwrap_or_else(|| "nothing".into());
        writeln!(output, "\nWith dlopen(3) it would find")?;
        for opened in &report.dlopen {
            writeln!(output, "  {:<17} {}", opened.name, or_nothing(&opened.now))?;
        }
        if report.dlopen.iter().any(|opened| opened.substituted.is_some()) {
            writeln!(output, "and with numars run --libnuma")?;
            for opened in &report.dlopen {
                writeln!(output, "  {:<17} {}", opened.name, or_nothing(&opened.substituted))?;
            }
        }
    }
    match &report.refusal {
        _ if matches!(report.linkage, Linkage::Static | Linkage::Unknown) => {}
        // What numars has is known, but there is nothing to substitute.
        _ if report.numars.is_none() => {
            writeln!(output, "{}", styled("numars is not installed; --library names its file", FAINT))?;
        }
        Some(refusal) => writeln!(output, "{}", styled(format!("numars cannot be substituted: {refusal}"), WARNING))?,
        None => {}
    }
    Ok(())
}

/// Returns the result in one sentence.
fn summary(report: &CheckReport) -> String {
    let file = &report.file;
    let missing = report.symbols.iter().filter(|symbol| !symbol.numars && !symbol.optional).count();
    match report.linkage {
        Linkage::Static => format!("{file}: {}", report.refusal.as_deref().unwrap_or("it is linked statically")),
        Linkage::Unknown => format!("{file}: what it starts cannot be determined"),
        _ if report.symbols.is_empty() && !report.linked => {
            format!("{file} is not linked with libnuma, directly or indirectly")
        }
        _ if report.symbols.is_empty() => format!("{file} is linked with libnuma, but uses none of its symbols"),
        _ if missing > 0 => {
            format!("{file}: numars lacks {missing} of the {} symbols of libnuma that it needs", report.symbols.len())
        }
        _ if !report.complete => format!("{file}: numars has the symbols of libnuma that could be found"),
        _ => format!("{file}: numars has all {} symbols of libnuma that it needs", report.symbols.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_needs_nothing_of_libnuma() {
        let this = std::env::current_exe().unwrap();
        let interpreter = Interpreter { file: this.clone(), is_of_script: false, unclear: None };
        let report = check(&this, &interpreter, None).unwrap();
        assert!(report.complete && !report.linked && report.symbols.is_empty() && report.linkage == Linkage::Dynamic);
        assert!(summary(&report).contains("not linked with libnuma"));
    }

    #[test]
    fn a_file_that_is_no_elf_file_is_refused() {
        let interpreter = Interpreter { file: "/etc/passwd".into(), is_of_script: false, unclear: None };
        assert!(
            check(Path::new("/etc/passwd"), &interpreter, None).unwrap_err().to_string().contains("not an ELF file")
        );
    }
}

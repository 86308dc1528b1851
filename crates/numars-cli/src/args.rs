//! The arguments of the command. Those of a subcommand are in its module.

use crate::commands::{check, doctor, generate, map, measure, move_pages, nodes, ps, run, schema, top};
use crate::failure::Failure;
use clap::error::ErrorKind;
use clap::{Args, Error, Parser, Subcommand, ValueEnum};

/// See where memory is on NUMA machines, and move it.
#[derive(Parser, Debug)]
#[command(name = "numars", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How results are written.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// How results are written.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Output")]
pub struct OutputOptions {
    /// Write JSON, whose schema the field `schema` names
    #[arg(long, global = true)]
    pub json: bool,
    /// Use colours: always, never, or auto, which follows NO_COLOR, CLICOLOR_FORCE and whether the output is a terminal
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub color: Color,
    /// Draw with ASCII characters, as in a locale without UTF-8
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Print nothing but failures
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// When colours are used.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// On terminals that have them.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The subcommands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Show the nodes of the machine: their CPUs, memory, tiers, bandwidths and distances
    Nodes(nodes::NodesArguments),
    /// Show where the memory of processes is
    Ps(ps::PsArguments),
    /// Show the memory of a process, mapping by mapping, and on which nodes it is
    Map(map::MapArguments),
    /// Move the pages of running processes to other nodes
    Move(move_pages::MoveArguments),
    /// Run a program with a memory policy, on CPUs, or on numars instead of libnuma
    Run(Box<run::RunArguments>),
    /// Show which symbols of libnuma a program needs, and whether numars has them
    Check(check::CheckArguments),
    /// Check what works here, what does not, and what to do about it
    Doctor(doctor::DoctorArguments),
    /// Measure bandwidths and latencies between the nodes
    Measure(measure::MeasureArguments),
    /// Watch processes and nodes, and move processes
    Top(top::TopArguments),
    /// Print the JSON schema of a command's results
    Schema(schema::SchemaArguments),
    /// Write the manual pages, completions and schemas that are kept with the sources
    #[command(hide = true)]
    Generate(generate::GenerateArguments),
}

/// Returns the failure for arguments that clap refuses, as one line. `None`: it is the help or the version.
pub fn failure(error: &Error) -> Option<Failure> {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return None;
    }
    // A paragraph that says what is wrong, tips, the usage, and where help is.
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    let message = paragraphs.next().unwrap_or_default();
    let (tips, others): (Vec<String>, Vec<String>) = paragraphs.partition(|paragraph| paragraph.starts_with("tip: "));
    let usage = others.iter().find_map(|paragraph| paragraph.strip_prefix("Usage: "));
    let hint = match (tips.first().and_then(|tip| tip.strip_prefix("tip: ")), usage) {
        (Some(tip), _) => tip.to_owned(),
        (None, Some(usage)) => format!("usage: {usage}; --help explains it"),
        (None, None) => "--help explains it".into(),
    };
    Some(Failure::usage(message.strip_prefix("error: ").unwrap_or(&message)).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_arguments_are_one_line_with_a_hint() {
        let line = |arguments: &str| {
            let error = Arguments::try_parse_from(["numars"].into_iter().chain(arguments.split(' '))).unwrap_err();
            failure(&error).map(|failure| failure.to_string())
        };
        for (arguments, expected) in [
            ("nodes --rot /", "numars: unexpected argument '--rot' found (a similar argument exists: '--root')"),
            ("map -1", "numars: unexpected argument '-1' found (to pass '-1' as a value, use '-- -1')"),
            (
                "move 1",
                "numars: the following required arguments were not provided: --to <NODES> \
                 (usage: numars move --to <NODES> <PID|NAME>...; --help explains it)",
            ),
            (
                "nodes --color red",
                "numars: invalid value 'red' for '--color <WHEN>' [possible values: auto, always, never] (--help explains it)",
            ),
            ("doctor x", "numars: invalid value 'x' for '[PID]': invalid digit found in string (--help explains it)"),
        ] {
            assert_eq!(line(arguments).as_deref(), Some(expected), "{arguments}");
        }
        assert_eq!([line("--help"), line("--version")], [None, None]);
        assert!(Arguments::try_parse_from(["numars"]).is_err_and(|error| failure(&error).is_none()));
    }
}

//! The arguments of the command. Those of a subcommand are in its module.

use crate::commands::{check, doctor, generate, map, measure, move_pages, nodes, ps, run, schema, top};
use clap::{Args, Parser, Subcommand, ValueEnum};

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

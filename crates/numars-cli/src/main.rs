//! The command `numars`: see where memory is on NUMA machines, and move it.
//!
//! Each subcommand is a module of [`commands`]: its arguments, what it finds out as a value that is serialized with `--json`, and how that
//! value is drawn. `screen` knows what the output can show, `draw` has the parts that several commands draw, and `failure` how a command fails.

mod args;
mod commands;
mod draw;
mod failure;
mod grid;
mod json;
mod machine;
mod mappings;
mod node_pages;
mod nodes_argument;
mod picture;
mod process;
mod screen;
mod target;
mod text;
mod units;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(status) = commands::run::script::run_by_name() {
        return status;
    }
    let arguments = match args::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => match args::failure(&error) {
            Some(failure) => return fail(&failure),
            // Help, and the version.
            None => error.exit(),
        },
    };
    let screen = screen::Screen::of_stdout(&arguments.output);
    match commands::run(&arguments, &screen) {
        Ok(status) => status.into(),
        // A reader that has seen enough, such as head(1), is no failure.
        Err(failure) if failure.is_broken_pipe() => failure::Status::Done.into(),
        Err(failure) => fail(&failure),
    }
}

fn fail(failure: &failure::Failure) -> ExitCode {
    failure::print_error(failure);
    failure.status().into()
}

//! The subcommands.

pub mod generate;
pub mod nodes;
pub mod schema;

use crate::args::{Arguments, Command};
use crate::failure::{Result, Status};
use crate::screen::Screen;

/// Carries out a command.
pub fn run(arguments: &Arguments, screen: &Screen) -> Result<Status> {
    match &arguments.command {
        Command::Nodes(arguments) => nodes::run(arguments, screen),
        Command::Schema(arguments) => schema::run(arguments),
        Command::Generate(arguments) => generate::run(arguments),
    }
}

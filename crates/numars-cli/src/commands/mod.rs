//! The subcommands.

pub mod check;
pub mod doctor;
pub mod generate;
pub mod map;
pub mod measure;
pub mod move_pages;
pub mod nodes;
pub mod ps;
pub mod run;
pub mod schema;
pub mod top;

use crate::args::{Arguments, Command};
use crate::failure::{Result, Status};
use crate::screen::Screen;

/// Carries out a command.
pub fn run(arguments: &Arguments, screen: &Screen) -> Result<Status> {
    match &arguments.command {
        Command::Check(arguments) => check::run(arguments, screen),
        Command::Run(arguments) => run::run(arguments, screen),
        Command::Doctor(arguments) => doctor::run(arguments, screen),
        Command::Measure(arguments) => measure::run(arguments, screen),
        Command::Nodes(arguments) => nodes::run(arguments, screen),
        Command::Ps(arguments) => ps::run(arguments, screen),
        Command::Top(arguments) => top::run(arguments, screen),
        Command::Map(arguments) => map::run(arguments, screen),
        Command::Move(arguments) => move_pages::run(arguments, screen),
        Command::Schema(arguments) => schema::run(arguments),
        Command::Generate(arguments) => generate::run(arguments),
    }
}

//! `numars schema`: the JSON schemas of the other commands.

use crate::commands::{check, doctor, map, measure, move_pages, nodes, ps, run as running, top};
use crate::failure::{Failure, Result, Status};
use crate::json::{self, Report};
use clap::Args;
use std::io::Write;

/// The arguments of `numars schema`.
#[derive(Args, Debug)]
pub struct SchemaArguments {
    /// The command, such as nodes; without one, the names of all schemas are listed
    command: Option<String>,
}

/// Returns the name and the schema of each report.
pub fn schemas() -> Vec<(&'static str, serde_json::Value)> {
    fn of<T: Report>() -> (&'static str, serde_json::Value) {
        (T::SCHEMA, json::schema::<T>())
    }
    vec![
        of::<nodes::NodesReport>(),
        of::<ps::PsReport>(),
        of::<map::MapReport>(),
        of::<move_pages::MoveReport>(),
        of::<running::RunReport>(),
        of::<check::CheckReport>(),
        of::<doctor::DoctorReport>(),
        of::<measure::MeasureReport>(),
        of::<top::TopReport>(),
    ]
}

/// Prints a schema, or the names of all.
pub fn run(arguments: &SchemaArguments) -> Result<Status> {
    let schemas = schemas();
    let mut output = std::io::stdout().lock();
    match &arguments.command {
        None => {
            for (name, _) in schemas {
                writeln!(output, "{name}")?;
            }
        }
        Some(command) => {
            let prefix = format!("numars.{command}/");
            let (_, schema) =
                schemas.iter().find(|(name, _)| *name == command || name.starts_with(&prefix)).ok_or_else(|| {
                    Failure::usage(format!("no command {command} writes JSON")).hint("numars schema lists them")
                })?;
            serde_json::to_writer_pretty(&mut output, schema)?;
            writeln!(output)?;
        }
    }
    Ok(Status::Done)
}

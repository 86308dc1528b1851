//! Results as JSON: `{"schema": "numars.COMMAND/1", …}`. The number grows when a field is removed or changes its meaning; new fields may come at
//! any time. The schemas are in docs/schema, made from the types (`numars schema`).

use crate::failure::Result;
use serde::Serialize;
use std::io::Write;

/// What a command finds out.
pub trait Report: Serialize + schemars::JsonSchema {
    /// The name of its schema, such as `numars.nodes/1`.
    const SCHEMA: &'static str;
}

#[derive(Serialize)]
struct Document<'a, T> {
    schema: &'static str,
    #[serde(flatten)]
    report: &'a T,
}

/// Writes a report to standard output.
pub fn print<T: Report>(report: &T) -> Result<()> {
    let mut output = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut output, &Document { schema: T::SCHEMA, report })?;
    writeln!(output)?;
    Ok(())
}

/// Writes a report on a line of its own: for commands that print several, one after the other.
pub fn print_line<T: Report>(report: &T) -> Result<()> {
    let mut output = std::io::stdout().lock();
    serde_json::to_writer(&mut output, &Document { schema: T::SCHEMA, report })?;
    writeln!(output)?;
    Ok(())
}

/// Returns the schema of a report.
pub fn schema<T: Report>() -> serde_json::Value {
    let mut schema = schemars::schema_for!(T).to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".into(), T::SCHEMA.into());
        if let Some(properties) = object.get_mut("properties").and_then(|properties| properties.as_object_mut()) {
            properties.insert("schema".into(), serde_json::json!({ "const": T::SCHEMA }));
        }
        if let Some(required) = object.get_mut("required").and_then(|required| required.as_array_mut()) {
            required.insert(0, "schema".into());
        }
    }
    schema
}

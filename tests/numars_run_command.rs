//! numars-run as a link to the command numars: the tests of the script.

#[path = "numars_run.rs"]
mod numars_run;

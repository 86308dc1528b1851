//! How a command ends: its exit status, and what it prints if it fails.

use crate::text::printable;
use numars::{Errno, MoveError, ParseNodesError, SyscallError};
use std::fmt;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// The exit status of a command. The manual page documents them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// What was asked for is done.
    Done = 0,
    /// The command worked, and its result is not what was asked for: pages have not moved, or a check has found a problem.
    Incomplete = 1,
    /// The arguments are wrong; clap(3) uses the same number.
    Usage = 2,
    /// The system refused something, or something does not exist.
    Failed = 3,
    /// `numars run` has refused to start the program; env(1) uses the same three numbers.
    NotRun = 125,
    /// The program of `numars run` cannot be executed.
    NotExecutable = 126,
    /// The program of `numars run` does not exist.
    NotFound = 127,
    /// A signal, such as that of Ctrl-C, ended the work.
    Interrupted = 130,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status as u8)
    }
}

/// Why a command fails: one line, and a hint on what to do.
#[derive(Debug)]
pub struct Failure {
    message: String,
    hint: Option<String>,
    status: Status,
    broken_pipe: bool,
}

/// The result of what may fail.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// Returns the failure with this message, which begins with a lower-case letter and ends without a full stop.
    pub fn new(message: impl Into<String>) -> Self {
        Failure { message: message.into(), hint: None, status: Status::Failed, broken_pipe: false }
    }

    /// Returns the failure for arguments that are wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Failure { status: Status::Usage, ..Failure::new(message) }
    }

    /// Returns the failure with a hint, which says what to do.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Failure { hint: Some(hint.into()), ..self }
    }

    /// Returns the failure with another exit status.
    pub fn with_status(self, status: Status) -> Self {
        Failure { status, ..self }
    }

    /// Returns the message without the hint.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the message, with the hint in parentheses: what is printed after the name of the command.
    pub fn explanation(&self) -> String {
        // Names of processes and files may have control characters.
        let message = printable(&self.message);
        match &self.hint {
            Some(hint) => format!("{message} ({})", printable(hint)),
            None => message,
        }
    }

    /// Returns the exit status.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Returns whether nothing reads the output any more.
    pub fn is_broken_pipe(&self) -> bool {
        self.broken_pipe
    }
}

/// The one line that is printed, with the hint in parentheses.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "numars: {}", self.explanation())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let message = error.raw_os_error().map_or_else(|| error.to_string(), |errno| reason(Errno::from_raw(errno)));
        Failure { broken_pipe: error.kind() == ErrorKind::BrokenPipe, ..Failure::new(message) }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        std::io::Error::from(error).into()
    }
}

/// Returns success if nothing reads the output any more: for commands whose exit status says more than that.
pub fn unless_unread(result: Result<()>) -> Result<()> {
    match result {
        Err(failure) if failure.is_broken_pipe() => Ok(()),
        result => result,
    }
}

/// Prints a line on standard error, which may be closed or full.
pub fn print_error(line: impl fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Says what an errno means: the text of strerror(3) with the errno's name.
pub fn reason(errno: Errno) -> String {
    let text = std::io::Error::from_raw_os_error(errno.raw()).to_string();
    let text = text.split(" (os error").next().unwrap_or_default().to_lowercase();
    match errno.name() {
        Some(name) => format!("{text} [{name}]"),
        None => text,
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Failure::new(reason(errno))
    }
}

impl From<SyscallError> for Failure {
    fn from(error: SyscallError) -> Self {
        Failure::new(format!("{}(2): {}", error.call().name(), reason(error.errno())))
    }
}

impl From<MoveError> for Failure {
    fn from(error: MoveError) -> Self {
        error.errno().into()
    }
}

/// Adds what was being done to an error.
pub trait Context<T> {
    /// Puts `what` and a colon before the message.
    fn context(self, what: impl fmt::Display) -> Result<T>;
}

impl<T, E: Into<Failure>> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|error| {
            let failure = error.into();
            Failure { message: format!("{what}: {}", failure.message), ..failure }
        })
    }
}

/// Returns the failure for a list of nodes or CPUs that was not understood, which shows where it is wrong.
pub fn bad_list(list: &str, error: &ParseNodesError) -> Failure {
    let span = error.span();
    let failure = match list.get(span).filter(|wrong| !wrong.is_empty() && *wrong != list) {
        Some(wrong) => Failure::usage(format!("\"{list}\", at \"{wrong}\": {}", without_position(error))),
        None => Failure::usage(format!("\"{list}\": {}", without_position(error))),
    };
    failure.hint("as in 0-3,8 or all or !0 or tier:4; numars nodes shows those that exist")
}

fn without_position(error: &ParseNodesError) -> String {
    let text = error.to_string();
    text.rsplit_once(" at position").map_or(text.clone(), |(message, _)| message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_with_a_hint() {
        let failure = Failure::new("no process 17\nis here").hint("try ps");
        assert_eq!(failure.to_string(), "numars: no process 17?is here (try ps)");
        let failed: Result<()> = Err(Errno::EPERM).context("cannot move pages");
        assert_eq!(failed.unwrap_err().to_string(), "numars: cannot move pages: operation not permitted [EPERM]");
    }
}

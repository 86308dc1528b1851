//! What the output can show: its width, colours and characters.

use crate::args::{Color, OutputOptions};
use anstream::ColorChoice;
use std::io::IsTerminal;

/// The output of a command.
#[derive(Clone, Debug)]
pub struct Screen {
    /// The number of columns: those of the terminal; 80 for a file or a pipe, unless COLUMNS says otherwise.
    pub width: usize,
    /// Whether colours are shown. What is printed through [`anstream`] loses them otherwise.
    pub color: bool,
    /// Whether characters beyond ASCII are shown.
    pub unicode: bool,
    /// Whether it is a terminal.
    pub is_terminal: bool,
    /// Whether results are written as JSON.
    pub json: bool,
    /// Whether nothing but failures is printed.
    pub quiet: bool,
}

impl Screen {
    /// Returns what standard output can show. Colours follow `--color`, then NO_COLOR and CLICOLOR_FORCE; characters the locale.
    pub fn of_stdout(options: &OutputOptions) -> Screen {
        match options.color {
            Color::Auto => {}
            Color::Always => ColorChoice::AlwaysAnsi.write_global(),
            Color::Never => ColorChoice::Never.write_global(),
        }
        let stdout = std::io::stdout();
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let terminal = terminal_size::terminal_size_of(&stdout).map(|(width, _)| usize::from(width.0));
        Screen {
            width: columns.or(terminal).unwrap_or(80).max(20),
            color: anstream::AutoStream::choice(&stdout) != ColorChoice::Never,
            unicode: !options.ascii && locale_is_utf8(|name| std::env::var(name).ok()),
            is_terminal: stdout.is_terminal(),
            json: options.json,
            quiet: options.quiet,
        }
    }

    /// Returns `text`, or `ascii` if the output cannot show characters beyond ASCII.
    pub fn or_ascii<T>(&self, text: T, ascii: T) -> T {
        if self.unicode { text } else { ascii }
    }
}

/// Returns whether the locale's characters are UTF-8: as the first of these variables that is set says.
fn locale_is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(variable).find(|value| !value.is_empty());
    locale.is_some_and(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_names_the_locale() {
        let utf8 = |set: &[(&str, &str)]| {
            locale_is_utf8(|name| set.iter().find(|(other, _)| *other == name).map(|(_, value)| value.to_string()))
        };
        assert!(utf8(&[("LANG", "en_US.UTF-8")]) && utf8(&[("LC_CTYPE", "C.utf8"), ("LANG", "C")]));
        assert!(!utf8(&[]) && !utf8(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]));
        assert!(utf8(&[("LC_ALL", ""), ("LANG", "C.UTF-8")]));
    }
}

//! Text from the system: what a terminal can show of it, and lines `NAME: VALUE` of /proc.

use crate::screen::Screen;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Returns `text` with question marks for control characters, which would do something to a terminal.
pub fn printable(text: &str) -> String {
    text.replace(char::is_control, "?")
}

/// Returns `text` without control characters, cut to `width` cells.
pub fn cut(text: &str, width: usize, screen: &Screen) -> String {
    let mut text = printable(text);
    if !screen.unicode {
        text = text.replace(|character: char| !character.is_ascii(), "?");
    }
    if text.width() <= width {
        return text;
    }
    let mark = screen.or_ascii('…', '~');
    let mut cut = String::new();
    for character in text.chars() {
        if cut.width() + character.width().unwrap_or(0) + 1 > width {
            break;
        }
        cut.push(character);
    }
    cut.push(mark);
    cut
}

/// Returns a number with what it counts: `1 node`, `2 nodes`.
pub fn counted(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

/// Returns the value of the line `name: value`.
pub fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(unicode: bool) -> Screen {
        Screen { width: 80, color: false, unicode, is_terminal: false, json: false, quiet: false }
    }

    #[test]
    fn names_are_cut_and_have_no_control_characters() {
        assert_eq!(cut("a\x1b[31mb", 20, &screen(true)), "a?[31mb");
        assert_eq!(cut("abcdef", 4, &screen(false)), "abc~");
        assert_eq!(cut("日本語日本語", 5, &screen(true)), "日本…");
        assert_eq!(cut("aé", 5, &screen(false)), "a?");
    }

    #[test]
    fn a_field_is_the_rest_of_the_line_that_begins_with_its_name() {
        let text = "Uid:\t70\t70\nvendor_id\t: x\nUidless: 1\n";
        assert_eq!(
            [field(text, "Uid"), field(text, "vendor_id"), field(text, "Gid")],
            [Some("70\t70"), Some("x"), None]
        );
    }
}

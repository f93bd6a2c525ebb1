//! Colours for terminals: none in a pipe or a file, none when `NO_COLOR` is set.

use std::fmt;
use std::io::IsTerminal;

use haul_engine::Status;

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

impl Look {
    /// How a status looks.
    pub(crate) fn of(status: &str) -> Look {
        match Status::from_name(status) {
            Some(Status::Completed) => Look::Green,
            Some(Status::Failed) => Look::Red,
            Some(Status::Paused) => Look::Yellow,
            Some(status) if status.is_active() => Look::Cyan,
            _ => Look::Dim,
        }
    }

    fn code(self) -> u8 {
        match self {
            Look::Bold => 1,
            Look::Dim => 2,
            Look::Red => 31,
            Look::Green => 32,
            Look::Yellow => 33,
            Look::Cyan => 36,
        }
    }
}

/// Whether and how to paint on one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Coloured,
}

impl Paint {
    pub(crate) fn stdout() -> Paint {
        Paint::on(&std::io::stdout())
    }

    pub(crate) fn stderr() -> Paint {
        Paint::on(&std::io::stderr())
    }

    fn on(stream: &impl IsTerminal) -> Paint {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let terminal = std::env::var_os("TERM").unwrap_or_default();
        if unwanted || !stream.is_terminal() || !has_colours(&terminal.to_string_lossy()) {
            return Paint::Plain;
        }
        Paint::Coloured
    }

    /// `text` in this look.
    pub(crate) fn text(self, look: Look, text: impl fmt::Display) -> String {
        match self {
            Paint::Plain => text.to_string(),
            Paint::Coloured => format!("\x1b[{}m{text}\x1b[0m", look.code()),
        }
    }
}

/// Whether a terminal of this name has colours: nearly all have.
fn has_colours(terminal: &str) -> bool {
    let number = terminal
        .strip_prefix("vt")
        .and_then(|rest| rest.chars().next());
    let is_old = number.is_some_and(|digit| digit.is_ascii_digit());
    terminal != "dumb" && !is_old && !terminal.ends_with("-m") && !terminal.ends_with("-mono")
}

/// Text from elsewhere (names, URLs, servers' words) without what a terminal would obey.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if is_obeyed(c) { '\u{fffd}' } else { c })
        .collect()
}

/// Control characters, other ends of a line, and what turns the direction of all that follows around.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}'
        )
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_cannot_steer_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\r\n"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}");
        // It would be shown as `cod.exe`.
        assert_eq!(plain("\u{202e}exe.doc"), "\u{fffd}exe.doc");
    }

    #[test]
    fn a_terminal_without_colours_is_known_by_its_name() {
        for (name, coloured) in [
            ("xterm-256color", true),
            ("linux", true),
            ("", true),
            ("vte-256color", true),
            ("vt100", false),
            ("xterm-mono", false),
            ("dumb", false),
        ] {
            assert_eq!(has_colours(name), coloured, "{name}");
        }
    }

    #[test]
    fn nothing_is_painted_where_nobody_sees_colours() {
        assert_eq!(Paint::Plain.text(Look::Red, "x"), "x");
        assert_eq!(Paint::Coloured.text(Look::Red, "x"), "\x1b[31mx\x1b[0m");
    }
}

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
        if unwanted || !stream.is_terminal() {
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

/// Text from elsewhere (names, URLs, servers' words) without what a terminal would obey.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_cannot_steer_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\r\n"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}");
    }

    #[test]
    fn nothing_is_painted_where_nobody_sees_colours() {
        assert_eq!(Paint::Plain.text(Look::Red, "x"), "x");
        assert_eq!(Paint::Coloured.text(Look::Red, "x"), "\x1b[31mx\x1b[0m");
    }
}

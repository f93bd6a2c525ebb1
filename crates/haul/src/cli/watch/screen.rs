//! The terminal while it is ours: taken, drawn on, and given back as it was, whatever ends the program
//! short of SIGKILL. Knows nothing of what is drawn.

use std::io::{self, BufWriter, IsTerminal, Stdout, stdout};
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::execute;
use crossterm::style::{Attribute, SetAttribute};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::cli::exit::{self, Failure};
use crate::sys;

/// Whether the terminal is to be given back: a panic and the end of the screen may both come to that.
static TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// A terminal that is ours. Dropping it gives the terminal back.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
}

/// Says what to do instead where there is no terminal that can be drawn on.
pub(super) fn check() -> Result<(), Failure> {
    let refuse = |why: &str| {
        Failure::new(
            exit::USAGE,
            format!("`haul watch` draws on a terminal, and {why}"),
        )
        .next("`haul ls` lists the downloads once, `haul ls --json` does for programs")
    };
    if !stdout().is_terminal() {
        return Err(refuse("standard output is none"));
    }
    if std::env::var_os("TERM").is_some_and(|name| name == "dumb") {
        return Err(refuse("this one cannot move its cursor (TERM=dumb)"));
    }
    Ok(())
}

impl Screen {
    /// Takes the terminal: no echo, another screen beside the one with the shell's text, no cursor, and
    /// pasted text told from typed. Nothing more, so that little is left to mend after SIGKILL.
    pub(super) fn take() -> io::Result<Screen> {
        HOOK.call_once(|| {
            let hook = panic::take_hook();
            panic::set_hook(Box::new(move |panicked| {
                // First, so that what it says can be read.
                give_back();
                hook(panicked);
            }));
        });
        let terminal = Terminal::new(CrosstermBackend::new(BufWriter::new(stdout())))?;
        let mut screen = Screen { terminal };
        screen.enter()?;
        Ok(screen)
    }

    fn enter(&mut self) -> io::Result<()> {
        TAKEN.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste, Hide)?;
        self.redraw()
    }

    /// Everything is drawn anew, whatever the terminal shows.
    pub(super) fn redraw(&mut self) -> io::Result<()> {
        // `clear` would ask the terminal for its cursor, and that answer is
        // among the keys, where nobody waits for it.
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::from((Position::ORIGIN, size)))
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> io::Result<(u16, u16)> {
        let size = self.terminal.size()?;
        Ok((size.width, size.height))
    }

    /// Draws; only cells that have changed are written. `draw` returns where the cursor is seen.
    pub(super) fn draw(
        &mut self,
        draw: impl FnOnce(&mut Buffer) -> Option<(u16, u16)>,
    ) -> io::Result<()> {
        self.terminal.draw(|frame| {
            if let Some((x, y)) = draw(frame.buffer_mut()) {
                frame.set_cursor_position(Position::new(x, y));
            }
        })?;
        Ok(())
    }

    /// Gives the terminal back and stops the process; takes it again when the process goes on. Where
    /// nobody could let it go on, the system does not stop it.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        give_back();
        sys::stop()?;
        self.enter()
    }

    /// Takes the terminal again after somebody else has had it.
    pub(super) fn take_again(&mut self) -> io::Result<()> {
        give_back();
        self.enter()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Everything as it was. A terminal that is gone needs none of it, so errors tell nothing.
fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let _ = execute!(
        stdout(),
        SetAttribute(Attribute::Reset),
        DisableBracketedPaste,
        LeaveAlternateScreen,
        Show
    );
    let _ = disable_raw_mode();
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    #[ignore = "panics on the terminal that it runs on: for the test below"]
    fn panics_on_a_terminal_that_is_taken() {
        if std::env::var_os("HAUL_TEST_PANICS").is_some() {
            let _screen = Screen::take().expect("a terminal");
            panic!("the words of the panic");
        }
    }

    #[test]
    fn a_panic_gives_the_terminal_back_before_it_speaks() {
        let this = std::env::current_exe().expect("a test has a file");
        let panics = "cli::watch::screen::tests::panics_on_a_terminal_that_is_taken";
        let run = format!(
            "stty -a; HAUL_TEST_PANICS=1 '{}' --ignored --exact {panics} --nocapture; stty -a",
            this.display()
        );
        let on_a_terminal = Command::new("script")
            .args(["-qec", &run, "/dev/null"])
            .env("TERM", "xterm")
            .output()
            .expect("`script` gives it a terminal");
        let seen = String::from_utf8_lossy(&on_a_terminal.stdout).into_owned();
        let at = |what: &str| {
            seen.find(what)
                .unwrap_or_else(|| panic!("no {what:?}:\n{seen:?}"))
        };
        let (taken, left) = (at("\x1b[?1049h"), at("\x1b[?1049l"));
        let (shown, words) = (at("\x1b[?25h"), at("the words of the panic"));
        assert!(taken < left && left < words && shown < words, "{seen:?}");
        let settings: Vec<&str> = seen.matches("isig icanon").collect();
        assert_eq!(settings.len(), 2, "line editing is back: {seen:?}");
    }
}

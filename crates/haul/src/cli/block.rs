//! Lines at the end of what stands on the terminal behind stderr: drawn again and again, always below
//! what is printed meanwhile. Knows nothing of what they say.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossterm::cursor::MoveUp;
use crossterm::queue;
use crossterm::style::Print;
use crossterm::terminal::{Clear, ClearType};

/// Clears a row from the cursor to its end. A screen that is cleared from its first cell instead goes to
/// the history of some terminals, each time.
const REST_OF_ROW: Clear = Clear(ClearType::UntilNewLine);

/// The lines. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Block {
    drawn: Arc<Mutex<Drawn>>,
}

/// What stands there, and how many cells each line fills. The cursor is below, at the left edge: what the
/// terminal echoes there, as `^C`, moves no line.
#[derive(Default)]
struct Drawn {
    lines: Vec<(String, usize)>,
    has_ended: bool,
}

impl Block {
    /// Draws these lines in the place of the last ones; each is given with how many cells it fills.
    pub(crate) fn draw(&self, lines: Vec<(String, usize)>) {
        let mut drawn = self.lock();
        if drawn.has_ended {
            return;
        }
        let mut out = Vec::new();
        drawn.replace(lines, &mut out, columns());
        show(&out);
    }

    /// Takes the lines away, lets `print` print where they were, and draws them again below that,
    /// wherever the cursor has come to.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        let drawn = self.lock();
        let mut out = Vec::new();
        drawn.erase(&mut out, columns());
        show(&out);
        let printed = print();
        // What was printed to a stdout that is the same terminal is there before the lines are.
        let _ = io::stdout().flush();
        let mut out = Vec::new();
        drawn.write(&mut out);
        show(&out);
        printed
    }

    /// Takes the lines away for good.
    pub(crate) fn end(&self) {
        let mut drawn = self.lock();
        let mut out = Vec::new();
        drawn.erase(&mut out, columns());
        *drawn = Drawn {
            lines: Vec::new(),
            has_ended: true,
        };
        show(&out);
    }

    fn lock(&self) -> MutexGuard<'_, Drawn> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drawn {
    /// How many rows the lines fill on a screen that has so many columns now: where it has become
    /// narrower, a line fills several.
    fn rows(&self, columns: usize) -> u16 {
        let rows = |cells: usize| cells.div_ceil(columns.max(1)).max(1);
        let rows: usize = self.lines.iter().map(|(_, cells)| rows(*cells)).sum();
        u16::try_from(rows).unwrap_or(u16::MAX)
    }

    /// Writes what takes the lines off the screen, from the last to the first: a screen that has become
    /// smaller may lack the first ones, and the cursor stops at its top.
    fn erase(&self, out: &mut Vec<u8>, columns: usize) {
        let rows = self.rows(columns);
        if rows == 0 {
            return;
        }
        queue!(out, Print('\r'), REST_OF_ROW).expect(MEMORY);
        for _ in 0..rows {
            queue!(out, MoveUp(1), REST_OF_ROW).expect(MEMORY);
        }
    }

    /// Writes other lines over these.
    fn replace(&mut self, lines: Vec<(String, usize)>, out: &mut Vec<u8>, columns: usize) {
        let rows = self.rows(columns);
        if rows == 0 || lines.is_empty() {
            self.erase(out, columns);
            self.lines = lines;
            self.write(out);
            return;
        }
        self.lines = lines;
        queue!(out, Print('\r'), MoveUp(rows)).expect(MEMORY);
        self.write(out);
        // What is left of the last ones, below at least one line.
        queue!(out, Clear(ClearType::FromCursorDown)).expect(MEMORY);
    }

    fn write(&self, out: &mut Vec<u8>) {
        for (line, _) in &self.lines {
            queue!(out, Print(line), REST_OF_ROW, Print('\n')).expect(MEMORY);
        }
    }
}

const MEMORY: &str = "memory takes every write";

fn columns() -> usize {
    crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns))
}

/// In one write, so that no half of it is seen. A terminal that is gone needs no lines.
fn show(out: &[u8]) {
    let _ = io::stderr().write_all(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(widths: &[usize]) -> Drawn {
        let lines = widths.iter().map(|cells| ("x".repeat(*cells), *cells));
        Drawn {
            lines: lines.collect(),
            has_ended: false,
        }
    }

    fn erased(widths: &[usize], columns: usize) -> String {
        let mut out = Vec::new();
        drawn(widths).erase(&mut out, columns);
        String::from_utf8(out).expect("escapes")
    }

    #[test]
    fn as_many_rows_are_erased_as_the_lines_fill_now() {
        let up = "\x1b[1A\x1b[K";
        let rows = |count: usize| format!("\r\x1b[K{}", up.repeat(count));
        assert_eq!(erased(&[79, 40, 0], 80), rows(3));
        assert_eq!(
            erased(&[79, 40, 0], 60),
            rows(4),
            "the first has become two"
        );
        assert_eq!(erased(&[], 80), "", "nothing of others is erased");
    }

    #[test]
    fn lines_are_written_over_the_last_ones_and_nothing_is_cleared_before_one_of_them() {
        let replaced = |widths: &[usize], columns| {
            let mut out = Vec::new();
            let lines = vec![("new".to_owned(), 3)];
            drawn(widths).replace(lines, &mut out, columns);
            String::from_utf8(out).expect("escapes")
        };
        assert_eq!(replaced(&[], 80), "new\x1b[K\n");
        assert_eq!(replaced(&[79, 40], 80), "\r\x1b[2Anew\x1b[K\n\x1b[J");
        assert_eq!(replaced(&[79, 40], 60), "\r\x1b[3Anew\x1b[K\n\x1b[J");
    }
}

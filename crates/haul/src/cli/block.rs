//! Lines at the end of what stands on the terminal behind stderr: drawn again and again, always below
//! what is printed meanwhile. Knows nothing of what they say.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossterm::cursor::MoveUp;
use crossterm::queue;
use crossterm::style::Print;
use crossterm::terminal::{Clear, ClearType};

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
        drawn.erase(&mut out, columns());
        drawn.lines = lines;
        drawn.write(&mut out);
        show(&out);
    }

    /// Takes the lines away, lets `print` print where they were, and draws them again below that.
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
    /// Writes what takes the lines off a screen that has so many columns now: where it has become
    /// narrower, a line fills several rows.
    fn erase(&self, out: &mut Vec<u8>, columns: usize) {
        let rows = |cells: usize| cells.div_ceil(columns.max(1)).max(1);
        let rows: usize = self.lines.iter().map(|(_, cells)| rows(*cells)).sum();
        let rows = u16::try_from(rows).unwrap_or(u16::MAX);
        if rows == 0 {
            return;
        }
        let erased = queue!(
            out,
            Print('\r'),
            MoveUp(rows),
            Clear(ClearType::FromCursorDown)
        );
        erased.expect("memory takes every write");
    }

    fn write(&self, out: &mut Vec<u8>) {
        for (line, _) in &self.lines {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
    }
}

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

    fn erased(widths: &[usize], columns: usize) -> String {
        let lines = widths.iter().map(|cells| ("x".repeat(*cells), *cells));
        let drawn = Drawn {
            lines: lines.collect(),
            has_ended: false,
        };
        let mut out = Vec::new();
        drawn.erase(&mut out, columns);
        String::from_utf8(out).expect("escapes")
    }

    #[test]
    fn as_many_rows_are_erased_as_the_lines_fill_now() {
        assert_eq!(erased(&[79, 40, 0], 80), "\r\x1b[3A\x1b[J");
        assert_eq!(
            erased(&[79, 40, 0], 60),
            "\r\x1b[4A\x1b[J",
            "the first has become two"
        );
        assert_eq!(erased(&[], 80), "", "nothing of others is erased");
    }
}

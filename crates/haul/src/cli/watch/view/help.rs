//! The list of keys, over everything else.

use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use super::{Canvas, State};
use crate::cli::clip;
use crate::cli::paint::Look;
use crate::cli::watch::keys::{HELP, SHORT};
use crate::cli::watch::state::Mode;

/// How wide the column of keys is.
const KEYS: usize = 16;

pub(super) fn draw(state: &State, canvas: &mut Canvas<'_>) {
    if state.mode != Mode::Help {
        return;
    }
    let area = canvas.buffer.area;
    let rows = area.height.saturating_sub(1);
    Clear.render(Rect::new(0, 0, area.width, rows), canvas.buffer);
    let widest = HELP.iter().map(|(_, what)| KEYS + what.len()).max();
    if usize::from(rows) < HELP.len() || Some(canvas.width()) < widest {
        for (line, y) in short(canvas.width()).into_iter().zip(0..rows) {
            canvas.line(y, vec![(None, line)]);
        }
        return;
    }
    // The title is what a short screen can do without.
    let title = u16::from(usize::from(rows) >= HELP.len() + 2);
    if title > 0 {
        canvas.line(
            0,
            vec![
                (Some(Look::Bold), " Keys".to_owned()),
                (Some(Look::Dim), "   any key closes this".to_owned()),
            ],
        );
    }
    for ((keys, what), y) in HELP.iter().zip(title..rows) {
        let keys = clip::left(&format!(" {keys}"), KEYS, ' ');
        canvas.line(
            y,
            vec![(Some(Look::Bold), keys), (None, (*what).to_owned())],
        );
    }
}

/// The keys and a word for each, as many in a line as fit: for a screen that is too small for sentences.
fn short(width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for key in SHORT {
        let line = lines.last().map_or(0, String::len);
        if line > 0 && line + key.len() + 2 > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if line.is_empty() { " " } else { "  " });
            line.push_str(key);
        }
    }
    lines
}

//! The list of keys and what the marks of the list mean, over everything else.

use haul_engine::Status;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use super::{Canvas, State};
use crate::cli::clip;
use crate::cli::glyphs::Glyphs;
use crate::cli::paint::Look;
use crate::cli::watch::keys::{HELP, SHORT};
use crate::cli::watch::state::Mode;

/// How wide the column of keys is.
const KEYS: usize = 16;
/// What else in the list does not explain itself.
const FIGURES: [(&str, &str); 2] = [
    ("THR", "threads: its connections at work"),
    ("+ after a size", "what has come of a file of unknown size"),
];

pub(super) fn draw(state: &State, canvas: &mut Canvas<'_>) {
    if state.mode != Mode::Help {
        return;
    }
    let area = canvas.buffer.area;
    let rows = usize::from(area.height.saturating_sub(1));
    Clear.render(
        Rect::new(0, 0, area.width, area.height.saturating_sub(1)),
        canvas.buffer,
    );
    let widest = HELP.iter().map(|(_, what)| KEYS + what.len()).max();
    if rows < HELP.len() || Some(canvas.width()) < widest {
        short(rows, canvas);
        return;
    }
    // The title is what a short screen can do without.
    let title = usize::from(rows >= HELP.len() + 2);
    if title > 0 {
        canvas.line(
            0,
            vec![
                (Some(Look::Bold), " Keys".to_owned()),
                (Some(Look::Dim), "   any key closes this".to_owned()),
            ],
        );
    }
    let keys = HELP.map(|(keys, what)| (keys, what.to_owned()));
    let legend = legend(canvas);
    // All of it or nothing; an empty line is before it.
    let has_legend = title + keys.len() + 1 + legend.len() <= rows;
    let legend = legend.into_iter().filter(|_| has_legend);
    let between = [("", String::new())];
    let lines = keys.into_iter().chain(between).chain(legend);
    for ((name, what), y) in lines.zip(title..rows) {
        let name = clip::left(&format!(" {name}"), KEYS, ' ');
        canvas.line(
            u16::try_from(y).unwrap_or(u16::MAX),
            vec![(Some(Look::Bold), name), (None, what)],
        );
    }
}

/// What marks and figures mean, as lines below the keys.
fn legend(canvas: &Canvas<'_>) -> Vec<(&'static str, String)> {
    let marks = flow(&marks(canvas.glyphs()), canvas.width() - KEYS);
    let names = std::iter::once("marks").chain(std::iter::repeat(""));
    let marks = names.zip(marks.into_iter().map(|line| line.trim_start().to_owned()));
    let figures = FIGURES.map(|(name, what)| (name, what.to_owned()));
    marks.chain(figures).collect()
}

/// Each mark that stands before a name, and the status that it stands for.
fn marks(glyphs: Glyphs) -> Vec<String> {
    let mark = |status: &Status| format!("{} {}", glyphs.sign(*status), status.name());
    Status::ALL.iter().map(mark).collect()
}

/// The keys and a word for each, and the marks where there is room for all of them: for a screen that is
/// too small for sentences.
fn short(rows: usize, canvas: &mut Canvas<'_>) {
    let keys = SHORT.map(str::to_owned);
    let mut lines = flow(&keys, canvas.width());
    let mut marks = marks(canvas.glyphs());
    marks.push("THR threads".to_owned());
    let marks = flow(&marks, canvas.width());
    if lines.len() + 1 + marks.len() <= rows {
        lines.push(String::new());
        lines.extend(marks);
    }
    for (line, y) in lines.into_iter().take(rows).zip(0..) {
        canvas.line(y, vec![(None, line)]);
    }
}

/// As many in a line as fit.
fn flow(words: &[String], width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words {
        let line = lines.last().map_or(0, |line| clip::width(line));
        if line > 0 && line + clip::width(word) + 2 > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if line.is_empty() { " " } else { "  " });
            line.push_str(word);
        }
    }
    lines
}

//! What the screen looks like: the state and a size in, cells out. Nothing here waits, asks or decides.

mod details;
mod foot;
mod head;
mod help;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use super::state::State;
use crate::cli::clip;
use crate::cli::columns::{self, Columns, Piece};
use crate::cli::glyphs::Glyphs;
use crate::cli::paint::{Look, Paint};

/// From this height on there is room for the details of the chosen download, and from that one on for a
/// line of them.
const TALL: u16 = 18;
const MIDDLE: u16 = 10;
/// From this height on its threads are listed, too.
const TALLER: u16 = 30;
/// Below this one the heading and the counts make room for downloads.
const SHORT: u16 = 8;

/// How the screen is divided, from above: head, heading, downloads, details, foot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    width: u16,
    height: u16,
}

impl Layout {
    /// For a screen of so many columns and rows.
    pub(crate) fn of((width, height): (u16, u16)) -> Layout {
        Layout { width, height }
    }

    fn head(self) -> u16 {
        match self.height {
            0..4 => 0,
            4..SHORT => 1,
            _ => 2,
        }
    }

    fn heading(self) -> u16 {
        u16::from(self.height >= SHORT)
    }

    fn foot(self) -> u16 {
        u16::from(self.height > 1)
    }

    /// How many rows the details of the chosen download have.
    pub(crate) fn details(self) -> u16 {
        match self.height {
            0..MIDDLE => 0,
            MIDDLE..TALL => 1,
            TALL..TALLER => 7,
            height => 7 + (height - TALLER + 2).min(10),
        }
    }

    /// How many downloads are seen at once.
    pub(crate) fn rows(self) -> usize {
        let others = self.head() + self.heading() + self.details() + self.foot();
        usize::from(self.height.saturating_sub(others))
    }
}

/// What a terminal can show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    pub(crate) glyphs: Glyphs,
    pub(crate) paint: Paint,
}

/// Draws everything. Returns where the cursor stands when something is typed.
pub(crate) fn draw(state: &State, terminal: Terminal, buffer: &mut Buffer) -> Option<(u16, u16)> {
    let area = buffer.area;
    let layout = Layout::of((area.width, area.height));
    let canvas = &mut Canvas { buffer, terminal };
    let mut y = 0;
    head::draw(state, layout.head(), canvas);
    y += layout.head();
    rows(state, layout, y, canvas);
    y = area.height - layout.foot() - layout.details();
    details::draw(state, y, layout.details(), canvas);
    help::draw(state, canvas);
    foot::draw(state, layout.foot(), canvas)
}

/// The list and what stands over it.
fn rows(state: &State, layout: Layout, mut y: u16, canvas: &mut Canvas<'_>) {
    // The mark of the chosen one stands before its line.
    let glyphs = canvas.terminal.glyphs;
    let seen = (state.top..state.list.len()).take(layout.rows());
    let names = seen.clone().filter_map(|place| state.list.at(place));
    let longest = names.map(|row| clip::width(&glyphs.text(&row.name))).max();
    let columns =
        Columns::of(usize::from(layout.width.saturating_sub(2))).for_names(longest.unwrap_or(0));
    if layout.heading() > 0 {
        let heading = format!("  {}", columns.heading());
        canvas.line(y, vec![(Some(Look::Dim), heading)]);
        y += 1;
    }
    for place in seen {
        let Some(row) = state.list.at(place) else {
            break;
        };
        let line = columns::Line {
            status: row.status,
            name: &row.name,
            done: row.done,
            size: row.size,
            tenths: row.tenths,
            speed: row.speed,
            eta: row.eta,
            threads: row.threads,
            attempts: row.attempts,
            why: &row.why,
        };
        let is_chosen = state.chosen == Some(row.id);
        let mark = if is_chosen { "> " } else { "  " };
        let mut pieces = vec![(Some(Look::Bold), mark.to_owned())];
        pieces.extend(columns.line(&line, glyphs));
        canvas.line(y, pieces);
        if is_chosen {
            canvas.strengthen(y);
        }
        y += 1;
    }
    if state.list.len() == 0 && layout.rows() > 0 {
        canvas.line(y, vec![(None, format!("  {}", nothing(state)))]);
    }
}

/// Why no download is seen.
fn nothing(state: &State) -> &'static str {
    let all = state.list.counts().next().map_or(0, |(_, count)| count);
    if !state.knows() {
        return "waiting for the daemon ...";
    }
    match all {
        0 => "no downloads yet: a adds URLs",
        _ => "none is like that: Esc shows all",
    }
}

/// Where lines are drawn, one row each.
struct Canvas<'a> {
    buffer: &'a mut Buffer,
    terminal: Terminal,
}

impl Canvas<'_> {
    fn width(&self) -> usize {
        usize::from(self.buffer.area.width)
    }

    fn glyphs(&self) -> Glyphs {
        self.terminal.glyphs
    }

    /// Draws a line; what is beyond the edge is not seen.
    fn line(&mut self, y: u16, pieces: Vec<Piece>) {
        if y >= self.buffer.area.height {
            return;
        }
        let spans = pieces.into_iter().map(|(look, text)| {
            let style = look.map_or_else(Style::new, |look| self.style(look));
            Span::styled(text, style)
        });
        let line = Line::from_iter(spans);
        self.buffer.set_line(0, y, &line, self.buffer.area.width);
    }

    /// Makes a whole row bold: with its mark, this is how the chosen one stands out.
    fn strengthen(&mut self, y: u16) {
        let row = Rect::new(0, y, self.buffer.area.width, 1).intersection(self.buffer.area);
        self.buffer.set_style(
            row,
            Style::new()
                .add_modifier(Modifier::BOLD)
                .remove_modifier(Modifier::DIM),
        );
    }

    /// Turns letters and ground of a whole row around.
    fn invert(&mut self, y: u16) {
        let row = Rect::new(0, y, self.buffer.area.width, 1).intersection(self.buffer.area);
        self.buffer
            .set_style(row, Style::new().add_modifier(Modifier::REVERSED));
    }

    fn style(&self, look: Look) -> Style {
        let colour = |colour| match self.terminal.paint {
            Paint::Coloured => Style::new().fg(colour),
            Paint::Plain => Style::new(),
        };
        match look {
            Look::Bold => Style::new().add_modifier(Modifier::BOLD),
            Look::Dim => Style::new().add_modifier(Modifier::DIM),
            Look::Red => colour(Color::Red),
            Look::Green => colour(Color::Green),
            Look::Yellow => colour(Color::Yellow),
            Look::Cyan => colour(Color::Cyan),
        }
    }
}

#[cfg(test)]
mod tests;

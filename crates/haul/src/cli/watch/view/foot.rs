//! The last line: what the keys do, what the daemon answered, a question, or what is being typed.

use super::{Canvas, State};
use crate::cli::clip;
use crate::cli::paint::Look;
use crate::cli::watch::entry::Entry;
use crate::cli::watch::state::{Link, Loss, Mode, Note, Purpose, Question, Tone};

/// The keys, the most wanted first: as many as fit.
const KEYS: [&str; 11] = [
    "p pause",
    "x cancel",
    "r retry",
    "d forget",
    "a add",
    "l limit",
    "/ search",
    "s sort",
    "Tab filter",
    "+ - move",
    "q quit",
];

/// Draws the last line; returns where the cursor stands in it.
pub(super) fn draw(state: &State, rows: u16, canvas: &mut Canvas<'_>) -> Option<(u16, u16)> {
    let y = canvas.buffer.area.height.checked_sub(rows.max(1))?;
    if let Mode::Input(purpose, entry) = &state.mode {
        let column = input(*purpose, entry, state.note.as_ref(), y, canvas);
        return Some((column, y));
    }
    if rows == 0 {
        return None;
    }
    match (&state.mode, &state.note, &state.link) {
        (Mode::Ask(question), _, _) => ask(question, y, canvas),
        (_, Some(note), _) if note.tone == Tone::Refused && !state.untaken.is_empty() => {
            told(note, "  a URLs again", y, canvas);
        }
        (_, Some(note), _) => told(note, "", y, canvas),
        (_, None, Link::Down { why, .. }) => lost(why, y, canvas),
        (_, None, Link::Up) => {
            let keys = keys(canvas.width());
            canvas.line(y, vec![(None, keys)]);
            canvas.invert(y);
        }
    }
    None
}

fn keys(width: usize) -> String {
    let always = "? help";
    let mut line = String::from(" ");
    let mut keys: Vec<&str> = KEYS.to_vec();
    // What does not fit is told by the help, so that and the way out stay.
    while keys.len() > 1 && keys.join("  ").len() + always.len() + 4 > width {
        keys.remove(keys.len() - 2);
    }
    keys.insert(keys.len() - 1, always);
    line.push_str(&keys.join("  "));
    clip::left(&line, width, ' ')
}

/// What was answered, and then what to do, which is always seen.
fn told(note: &Note, then: &str, y: u16, canvas: &mut Canvas<'_>) {
    let (mark, look) = match note.tone {
        Tone::Done => ("", None),
        Tone::Refused => ("! ", Some(Look::Red)),
    };
    let text = format!(" {mark}{}", canvas.glyphs().text(&note.text));
    let room = canvas.width().saturating_sub(then.len());
    let text = clip::left(&text, room, canvas.glyphs().cut());
    canvas.line(y, vec![(look, text), (None, then.to_owned())]);
}

/// Why there is no daemon; nearly all keys wait for it.
fn lost(why: &str, y: u16, canvas: &mut Canvas<'_>) {
    let quit = "  q quit";
    let room = canvas.width().saturating_sub(quit.len() + 1);
    let why = clip::left(&canvas.glyphs().text(why), room, canvas.glyphs().cut());
    canvas.line(
        y,
        vec![
            (Some(Look::Red), format!(" {why}")),
            (None, quit.to_owned()),
        ],
    );
}

fn ask(question: &Question, y: u16, canvas: &mut Canvas<'_>) {
    let (before, after) = match question.what {
        Loss::Cancel => (" cancel ", " and drop its bytes?  y / n "),
        Loss::Forget => (" forget ", "? A finished file stays.  y / n "),
    };
    let room = canvas.width().saturating_sub(before.len() + after.len());
    let name = clip::middle(
        &canvas.glyphs().text(&question.name),
        room,
        canvas.glyphs().cut(),
    );
    let line = clip::left(&format!("{before}{name}{after}"), canvas.width(), ' ');
    canvas.line(y, vec![(Some(Look::Yellow), line)]);
    canvas.invert(y);
}

/// Draws what is typed, after what it is for or why it was refused; returns the column of the cursor.
fn input(
    purpose: Purpose,
    entry: &Entry,
    note: Option<&Note>,
    y: u16,
    canvas: &mut Canvas<'_>,
) -> u16 {
    let purpose = match purpose {
        Purpose::Search => " search: ".to_owned(),
        Purpose::Add => match entry.text().split_whitespace().count() {
            0 | 1 => " add URLs: ".to_owned(),
            urls => format!(" add {urls} URLs: "),
        },
        Purpose::Limit => " limit, like 2M, 0 for none: ".to_owned(),
    };
    let refusal = note.filter(|note| note.tone == Tone::Refused);
    let (look, told) = match refusal {
        None => (Look::Bold, purpose),
        Some(note) => {
            let text = format!(" ! {}", canvas.glyphs().text(&note.text));
            // The text that it is about is seen, too.
            let room = (canvas.width() / 2).min(clip::width(&text));
            let text = clip::left(&text, room, canvas.glyphs().cut());
            (Look::Red, format!("{text}: "))
        }
    };
    let taken = clip::width(&told);
    let room = canvas.width().saturating_sub(taken + 1);
    let (before, behind) = entry.seen(room);
    let glyphs = canvas.glyphs();
    // As wide as it is shown, which need not be as wide as it was typed.
    let (typed, behind) = (glyphs.text(before), glyphs.text(behind));
    let cursor = clip::width(&typed);
    let text = clip::left(&(typed + &behind), room + 1, ' ');
    canvas.line(y, vec![(Some(look), told), (None, text)]);
    let column = u16::try_from(taken + cursor).unwrap_or(u16::MAX);
    column.min(canvas.buffer.area.width.saturating_sub(1))
}

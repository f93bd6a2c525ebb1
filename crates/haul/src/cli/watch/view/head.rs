//! The first two lines: who is watched, how fast all of it is, and how many downloads there are.

use std::time::Instant;

use super::{Canvas, State};
use crate::cli::clip;
use crate::cli::columns::Piece;
use crate::cli::paint::Look;
use crate::cli::watch::state::Link;
use crate::human;

/// The curve is as wide as there is room, up to a cell for each second.
const WIDEST_CURVE: usize = 60;
const NARROWEST_CURVE: usize = 6;

pub(super) fn draw(state: &State, rows: u16, canvas: &mut Canvas<'_>) {
    if rows > 0 {
        let line = match &state.link {
            Link::Up => first(state, canvas),
            Link::Down { since, .. } => lost(state, *since, canvas),
        };
        canvas.line(0, line);
    }
    if rows > 1 {
        let line = counts(state, canvas);
        canvas.line(1, line);
    }
}

/// `haul localhost:8765   38.1 GiB free · limit 2.0 MiB/s · 12.3 MiB/s ▁▂▃▅▆▇`: what matters less
/// leaves a narrow screen first.
fn first(state: &State, canvas: &Canvas<'_>) -> Vec<Piece> {
    let width = canvas.width();
    let speed = human::speed(state.speed);
    let mut facts = vec![speed];
    if let Some(limit) = state.limit.filter(|limit| *limit > 0) {
        facts.insert(0, format!("limit {}", human::speed(limit)));
    }
    if let Some(free) = state.free_space {
        facts.insert(0, format!("{} free", human::size(free)));
    }
    let server = short(&state.server);
    let dot = canvas.glyphs().dot();
    let needed = |facts: &[String]| clip::width(&facts.join(dot)) + 5 + clip::width(server) + 2;
    while facts.len() > 1 && needed(&facts) + NARROWEST_CURVE >= width {
        facts.remove(0);
    }
    let room = width.saturating_sub(needed(&facts) + 1);
    let curve = match room {
        0..NARROWEST_CURVE => String::new(),
        room => {
            let history: Vec<u64> = state.history.iter().copied().collect();
            let cells = room.min(WIDEST_CURVE).min(width / 2);
            format!(" {}", canvas.glyphs().curve(&history, cells))
        }
    };
    let right = facts.join(dot);
    let room = width.saturating_sub(5 + clip::width(&right) + clip::width(&curve) + 1);
    vec![
        (Some(Look::Bold), "haul ".to_owned()),
        (
            None,
            clip::left(&canvas.glyphs().text(server), room, canvas.glyphs().cut()),
        ),
        (Some(Look::Bold), format!(" {right}")),
        (Some(Look::Cyan), curve),
    ]
}

fn lost(state: &State, since: Instant, canvas: &Canvas<'_>) -> Vec<Piece> {
    let ago = state.clock.saturating_duration_since(since).as_secs();
    let ago = human::time(ago);
    let server = format!("{}  ", canvas.glyphs().text(short(&state.server)));
    let room = canvas.width().saturating_sub(5 + clip::width(&server));
    let long = format!("NO CONNECTION, trying again; this was {ago} ago");
    let told = match room >= long.len() {
        true => long,
        false => format!("NO CONNECTION {ago}"),
    };
    // That it is gone is seen, if not where it was.
    let (before, server) = match room >= told.len() {
        true => ("haul ", server),
        false => ("", String::new()),
    };
    vec![
        (Some(Look::Bold), before.to_owned()),
        (None, server),
        (Some(Look::Red), told),
    ]
}

/// A server's URL without what is the same for most.
fn short(server: &str) -> &str {
    server
        .strip_prefix("http://")
        .unwrap_or(server)
        .trim_end_matches('/')
}

/// `[1 all 47]  2 active 4 …  by status`: what is shown stands in brackets. Where that does not fit,
/// without what there is none of, and then without the keys, which the help tells.
fn counts(state: &State, canvas: &Canvas<'_>) -> Vec<Piece> {
    let search = state.list.search();
    let mut more = format!("  by {}", state.list.sort().name());
    if !search.is_empty() {
        let search = canvas.glyphs().text(search);
        more = format!("  /{search} {} found{more}", state.list.len());
    }
    let width = canvas.width();
    let told = [
        |key, name: &str, count| format!("{key} {name} {count}"),
        |key, name: &str, count| match count {
            0 => String::new(),
            _ => format!("{key} {name} {count}"),
        },
        |_, name: &str, count| match count {
            0 => String::new(),
            _ => format!("{name} {count}"),
        },
    ];
    let told = told.map(|told: fn(usize, &str, usize) -> String| filters(state, told));
    let fits = |pieces: &Vec<Piece>| widths(pieces) + clip::width(&more) <= width;
    let best = told.iter().position(fits).unwrap_or(told.len() - 1);
    let mut pieces = told.into_iter().nth(best).unwrap_or_default();
    // That some are hidden is never left unsaid: others leave before what is shown does.
    let needed = if search.is_empty() {
        0
    } else {
        clip::width(&more).min(width / 2)
    };
    while widths(&pieces) + needed > width && pieces.len() > 1 {
        let last = pieces.iter().rposition(|(look, _)| look.is_none());
        pieces.remove(last.unwrap_or(0));
    }
    let room = width.saturating_sub(widths(&pieces));
    if clip::width(&more) <= room || !search.is_empty() {
        pieces.push((
            Some(Look::Dim),
            clip::end(&more, room, canvas.glyphs().cut()),
        ));
    }
    pieces
}

/// How many there are for each filter, as `told` says it; the empty string for one that is not worth it.
fn filters(state: &State, told: impl Fn(usize, &str, usize) -> String) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (key, (filter, count)) in (1..).zip(state.list.counts()) {
        let told = told(key, filter.name(), count);
        if filter == state.list.filter() {
            let told = match told.as_str() {
                "" => format!("{} {count}", filter.name()),
                _ => told,
            };
            pieces.push((Some(Look::Bold), format!("[{told}]")));
        } else if !told.is_empty() {
            pieces.push((None, format!(" {told} ")));
        }
    }
    pieces
}

fn widths(pieces: &[Piece]) -> usize {
    pieces.iter().map(|(_, text)| clip::width(text)).sum()
}

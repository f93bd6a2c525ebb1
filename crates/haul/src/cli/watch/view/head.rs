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
    let told = format!(
        "NO CONNECTION, trying again; this was {} ago",
        human::time(ago)
    );
    let server = format!("{}  ", canvas.glyphs().text(short(&state.server)));
    let room = canvas.width().saturating_sub(5 + clip::width(&server));
    vec![
        (Some(Look::Bold), "haul ".to_owned()),
        (None, server),
        (
            Some(Look::Red),
            clip::end(&told, room, canvas.glyphs().cut()),
        ),
    ]
}

/// A server's URL without what is the same for most.
fn short(server: &str) -> &str {
    server
        .strip_prefix("http://")
        .unwrap_or(server)
        .trim_end_matches('/')
}

/// `[1 all 47]  2 active 4 …`: what is shown stands in brackets.
fn counts(state: &State, canvas: &Canvas<'_>) -> Vec<Piece> {
    let order = state.list.sort().name();
    let search = state.list.search();
    let mut more = format!("  by {order}");
    if !search.is_empty() {
        more = format!("  /{}{more}", canvas.glyphs().text(search));
    }
    let mut pieces = Vec::new();
    for (key, (filter, count)) in (1..).zip(state.list.counts()) {
        let told = format!("{key} {} {count}", filter.name());
        pieces.push(if filter == state.list.filter() {
            (Some(Look::Bold), format!("[{told}]"))
        } else {
            (None, format!(" {told} "))
        });
    }
    let full: usize = pieces.iter().map(|(_, text)| clip::width(text)).sum();
    let width = canvas.width();
    // In which order may be left unsaid, but not that some are hidden.
    let needed = match search {
        "" => full,
        _ => full + clip::width(&more),
    };
    if needed > width {
        // Without the keys, which the help tells, and without what there is none of.
        let shown = state
            .list
            .counts()
            .filter(|(filter, count)| *count > 0 || *filter == state.list.filter());
        pieces = shown
            .map(|(filter, count)| match filter == state.list.filter() {
                true => (Some(Look::Bold), format!("[{} {count}]", filter.name())),
                false => (None, format!(" {} {count} ", filter.name())),
            })
            .collect();
    }
    let used: usize = pieces.iter().map(|(_, text)| clip::width(text)).sum();
    pieces.push((
        Some(Look::Dim),
        clip::end(&more, width.saturating_sub(used), canvas.glyphs().cut()),
    ));
    pieces
}

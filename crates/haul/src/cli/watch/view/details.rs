//! The pane below the list: everything about the chosen download that its line has no room for.

use serde_json::Value as Json;

use super::{Canvas, State};
use crate::cli::clip;
use crate::cli::columns::Piece;
use crate::cli::downloads::text;
use crate::cli::paint::Look;
use crate::cli::watch::row::Row;
use crate::human;

/// The names of facts stand in a column of their own.
const NAMES: usize = 9;
/// Less of how far it is tells nothing.
const SHORTEST_STANDING: usize = 12;

pub(super) fn draw(state: &State, y: u16, rows: u16, canvas: &mut Canvas<'_>) {
    if rows == 0 {
        return;
    }
    let rule = canvas.glyphs().rule();
    let Some(row) = state.chosen() else {
        let line: String = std::iter::repeat_n(rule, canvas.width()).collect();
        canvas.line(y, vec![(Some(Look::Dim), line)]);
        return;
    };
    if rows == 1 {
        canvas.line(y, shortest(row, canvas));
        return;
    }
    canvas.line(y, title(row, &place(state), canvas));
    let facts = match &state.details {
        Some(details) if details.id == row.id => &details.facts,
        _ => &Json::Null,
    };
    let room = canvas.width().saturating_sub(NAMES);
    let mut lines = vec![
        (
            "map",
            canvas.glyphs().map(&text(facts, "map"), room.min(120)),
        ),
        ("state", standing(row, facts, canvas)),
    ];
    if !row.why.is_empty() {
        lines.push((
            if facts["error"].is_null() {
                "waits"
            } else {
                "failed"
            },
            row.why.clone(),
        ));
    }
    lines.push(("from", from(facts)));
    lines.push(("to", text(facts, "path")));
    lines.push(("took", cost(facts, canvas)));
    lines.extend(threads(facts));
    // A map that is not there yet, or a path that is not known, leaves its line to others.
    lines.retain(|(_, told)| !told.is_empty());
    for ((name, told), y) in lines.iter().zip(y + 1..y + rows) {
        let told = canvas.glyphs().text(told);
        let told = match *name {
            "map" => told,
            "from" | "to" => clip::middle(&told, room, canvas.glyphs().cut()),
            _ => clip::end(&told, room, canvas.glyphs().cut()),
        };
        let name = clip::left(&format!(" {name}"), NAMES, ' ');
        canvas.line(y, vec![(Some(Look::Dim), name), (None, told)]);
    }
}

/// The name as a whole, which lines above have cut, and why it waits or has failed, or else how far it is.
fn shortest(row: &Row, canvas: &Canvas<'_>) -> Vec<Piece> {
    let glyphs = canvas.glyphs();
    let why = glyphs.text(&row.why);
    let (name, width) = (glyphs.text(&row.name), canvas.width().saturating_sub(2));
    if why.is_empty() {
        let name = clip::middle(&name, width, glyphs.cut());
        let room = width.saturating_sub(clip::width(&name) + 2);
        if room < SHORTEST_STANDING {
            return vec![(Some(Look::Dim), format!("  {name}"))];
        }
        let told = clip::end(&standing(row, &Json::Null, canvas), room, glyphs.cut());
        return vec![(Some(Look::Dim), format!("  {name}: ")), (None, told)];
    }
    let why = clip::end(&why, width.saturating_sub(10), glyphs.cut());
    let room = width.saturating_sub(clip::width(&why) + 2);
    let name = clip::middle(&name, room, glyphs.cut());
    vec![(Some(Look::Dim), format!("  {name}: ")), (None, why)]
}

/// Where the chosen one stands in a list of which not all is seen.
fn place(state: &State) -> String {
    match state.list.len() {
        all if all > state.layout.rows() => format!(" {} of {all} ", state.place() + 1),
        _ => String::new(),
    }
}

/// `── name ───── 5 of 100 ──`, the name with as much of it as fits.
fn title(row: &Row, place: &str, canvas: &Canvas<'_>) -> Vec<Piece> {
    let glyphs = canvas.glyphs();
    let line = |cells| std::iter::repeat_n(glyphs.rule(), cells).collect::<String>();
    let name = clip::middle(
        &glyphs.text(&row.name),
        canvas.width().saturating_sub(9 + place.len()),
        glyphs.cut(),
    );
    let taken = 6 + clip::width(&name) + place.len();
    let rest = line(canvas.width().saturating_sub(taken));
    vec![
        (Some(Look::Dim), line(2) + " "),
        (Some(Look::Bold), name),
        (Some(Look::Dim), format!(" {rest}{place}{}", line(2))),
    ]
}

/// How far it is, and with what.
fn standing(row: &Row, facts: &Json, canvas: &Canvas<'_>) -> String {
    let number = |field: &str| facts[field].as_u64().filter(|number| *number > 0);
    let of = row
        .size
        .map_or_else(String::new, |size| format!(" of {}", human::size(size)));
    let mut told = vec![format!(
        "{}, {}{of}",
        row.status.name(),
        human::size(row.done)
    )];
    if row.status.is_active() {
        told.push(match facts["threads"]["limit"].as_u64() {
            Some(most) => format!("{} of {most} threads", row.threads),
            None => human::count(row.threads, "thread"),
        });
    }
    if let Some(place) = row.position {
        told.push(format!("place {} in the queue", place + 1));
    }
    if let Some(limit) = number("speed_limit") {
        told.push(format!("limit {}", human::speed(limit)));
    }
    told.join(canvas.glyphs().dot())
}

/// What it took beside its bytes; the empty string when nothing went wrong.
fn cost(facts: &Json, canvas: &Canvas<'_>) -> String {
    let number = |field: &str| facts[field].as_u64().filter(|number| *number > 0);
    let tries = number("attempts").map(|tries| match tries {
        1 => "1 new try".to_owned(),
        tries => format!("{tries} new tries"),
    });
    let wasted = number("wasted").map(|wasted| format!("{} fetched twice", human::size(wasted)));
    let told: Vec<String> = tries.into_iter().chain(wasted).collect();
    told.join(canvas.glyphs().dot())
}

/// Where it comes from: the URL, and the server behind redirects.
fn from(facts: &Json) -> String {
    let url = text(facts, "url");
    match facts["mirrors"].as_array().map_or(0, Vec::len) {
        0 => url,
        mirrors => format!(
            "{url} and {}",
            human::count(u64::try_from(mirrors).unwrap_or(0), "mirror")
        ),
    }
}

/// What all threads do, where there are several, and each of them: first those that bytes come to.
fn threads(facts: &Json) -> Vec<(&'static str, String)> {
    let mut blocks: Vec<&Json> = facts["blocks"].as_array().into_iter().flatten().collect();
    blocks.sort_by_key(|block| {
        let speed = block["speed"].as_u64().unwrap_or_default();
        (speed == 0, text(block, "state") != "streaming")
    });
    let mut lines = Vec::new();
    if blocks.len() > 1 {
        let mut states: Vec<(String, usize)> = Vec::new();
        for block in &blocks {
            let state = text(block, "state");
            match states.iter_mut().find(|(known, _)| *known == state) {
                Some((_, count)) => *count += 1,
                None => states.push((state, 1)),
            }
        }
        let told: Vec<String> = states
            .iter()
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        lines.push(("threads", told.join(", ")));
    }
    lines.extend(blocks.into_iter().map(|block| ("thread", thread(block))));
    lines
}

/// What one thread does.
fn thread(block: &Json) -> String {
    let number = |field: &str| block[field].as_u64().unwrap_or_default();
    let of = block["end"].as_u64().map_or_else(String::new, |end| {
        let size = (end + 1).saturating_sub(number("start"));
        format!(" of {}", human::size(size))
    });
    format!(
        "{:>3}  {:<10}  {:>12}  {}{of} at {}",
        number("thread"),
        text(block, "state"),
        human::speed(number("speed")),
        human::size(number("done")),
        human::size(number("start")),
    )
}

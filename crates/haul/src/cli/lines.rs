//! The daemon's downloads on a terminal: a line each, none wider than the terminal. What is cut off is in
//! `haul show` and in a pipe, where `rows` tells all of it. Knows neither pages nor the daemon.

use std::io::{IsTerminal, stdout};

use haul_engine::Status;
use serde_json::Value as Json;

use super::clip;
use super::columns::{Columns, Line};
use super::downloads::text;
use super::glyphs::Glyphs;
use super::paint::{Look, Paint};

/// How much of an id is shown: nobody has so many downloads that two of them begin alike, and all
/// commands take the start of one.
const ID: usize = 8;
const SPACE: &str = "  ";
/// Where a terminal does not tell its width, or says 0.
const USUAL_WIDTH: usize = 80;

/// How the lines of one list are drawn.
pub(crate) struct Lines {
    columns: Columns,
    glyphs: Glyphs,
    paint: Paint,
}

impl Lines {
    /// Lines for the terminal behind stdout; `None` when there is none.
    pub(crate) fn for_stdout() -> Option<Lines> {
        if !stdout().is_terminal() {
            return None;
        }
        let width = crossterm::terminal::size().map_or(0, |(width, _)| usize::from(width));
        let width = if width == 0 { USUAL_WIDTH } else { width };
        Some(Lines::of(width, Glyphs::of_terminal(), Paint::stdout()))
    }

    fn of(width: usize, glyphs: Glyphs, paint: Paint) -> Lines {
        Lines {
            columns: Columns::of(width.saturating_sub(ID + SPACE.len())),
            glyphs,
            paint,
        }
    }

    /// What stands over the lines.
    pub(crate) fn heading(&self) -> String {
        let heading = format!("{:<ID$}{SPACE}{}", "ID", self.columns.heading());
        self.paint.text(Look::Bold, heading.trim_end())
    }

    /// A download, as the daemon lists it.
    pub(crate) fn line(&self, download: &Json) -> String {
        let number = |field: &str| download[field].as_u64();
        let name = text(download, "name");
        let why = match text(&download["error"], "detail") {
            detail if !detail.is_empty() => detail,
            _ => text(download, "reason"),
        };
        let line = Line {
            status: Status::from_name(&text(download, "status")).unwrap_or(Status::Queued),
            name: &name,
            done: number("done").unwrap_or_default(),
            size: number("size"),
            tenths: download["progress"].as_f64().map(tenths),
            speed: number("speed").unwrap_or_default(),
            eta: number("eta"),
            threads: download["threads"]["active"].as_u64().unwrap_or_default(),
            attempts: number("attempts").unwrap_or_default(),
            why: &why,
        };
        let id = clip::left(
            &text(download, "id").chars().take(ID).collect::<String>(),
            ID,
            ' ',
        );
        let mut told = self.paint.text(Look::Dim, id) + SPACE;
        let mut pieces = self.columns.line(&line, self.glyphs);
        if let Some((_, last)) = pieces.last_mut() {
            last.truncate(last.trim_end().len());
        }
        for (look, piece) in pieces {
            match look {
                Some(look) => told.push_str(&self.paint.text(look, piece)),
                None => told.push_str(&piece),
            }
        }
        told
    }
}

/// Tenths of a percent, from percent.
fn tenths(percent: f64) -> u16 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it lies between 0 and 1000"
    )]
    let tenths = (percent * 10.0).round().clamp(0.0, 1000.0) as u16;
    tenths
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_download_is_one_line_of_a_terminal_of_80_columns() {
        let moving = json!({
            "id": "9f1c2a7be04d5566", "status": "downloading", "progress": 17.0, "done": 3_681_850,
            "size": 21_657_943, "speed": 1_048_576, "eta": 17, "threads": {"active": 5, "limit": 8},
            "name": "sample\u{1b}-of-a-film-that-is-very-long.mp4", "error": null, "reason": null,
        });
        let failed = json!({
            "id": "03ab000000000000", "status": "failed", "progress": null, "done": 0, "size": null,
            "name": "夏日の思い出と長い名前の映画.mp4", "reason": null,
            "error": {"code": "not_found", "detail": "the server answered 404 Not Found to a long question"},
        });
        let done = json!({
            "id": "7700000000000000", "status": "completed", "progress": 100.0, "done": 2048,
            "size": 2048, "speed": 0, "name": "a.iso", "error": null, "reason": null,
        });
        let lines = Lines::of(80, Glyphs::Blocks, Paint::Plain);
        let mut shown = vec![lines.heading()];
        shown.extend([moving, failed, done].map(|download| lines.line(&download)));
        for line in &shown {
            assert!(clip::width(line) <= 80, "{line}");
        }
        insta::assert_snapshot!(shown.join("\n"), @"
        ID          NAME             DONE       SIZE                   SPEED    LEFT THR
        9f1c2a7b  ↓ sample�-…ong.mp4  17%   20.7 MiB █▋········    1.0 MiB/s     17s   5
        03ab0000  ✗ 夏日の思…画.mp4  the server answered 404 Not Found to a long questi…
        77000000  ✓ a.iso            100%    2.0 KiB ██████████  completed
        ");
    }
}

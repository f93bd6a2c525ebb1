//! Bars on a terminal: a line for each download that is at work, up to as many as leave the screen
//! alone, one for the others and one for all. Decides nothing but what is seen.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use haul_engine::{Id, View};

use crate::cli::block::Block;
use crate::cli::clip;
use crate::cli::columns::{Columns, Line};
use crate::cli::glyphs::Glyphs;
use crate::cli::paint::Paint;

/// Most lines of single downloads.
const MOST_LINES: usize = 10;
/// So many of them are for downloads that wait, to say why.
const WAITING_LINES: usize = 3;
/// Rows of the screen that stay free: the lines below the downloads, and one above to see what was there.
const OTHER_ROWS: usize = 4;
/// Bars move no faster than eyes follow.
const BETWEEN_DRAWINGS: Duration = Duration::from_millis(100);

/// What is drawn below everything that is printed.
pub(super) struct Bars {
    block: Block,
    glyphs: Glyphs,
    paint: Paint,
    /// Which place each download has among those asked for.
    places: BTreeMap<Id, usize>,
    drawn: Option<Instant>,
}

/// What the lines are about.
pub(super) struct Seen<'a> {
    /// The unfinished downloads, in any order.
    pub(super) open: Vec<&'a View>,
    /// All of them together, in words.
    pub(super) total: String,
}

impl Bars {
    pub(super) fn new() -> Bars {
        Bars {
            block: Block::default(),
            glyphs: Glyphs::of_terminal(),
            paint: Paint::stderr(),
            places: BTreeMap::new(),
            drawn: None,
        }
    }

    /// The downloads are shown in this order.
    pub(super) fn expect(&mut self, ids: &[Id]) {
        self.places = ids.iter().copied().zip(0..).collect();
    }

    /// Whether it is time to draw again.
    pub(super) fn are_due(&self) -> bool {
        self.drawn
            .is_none_or(|drawn| drawn.elapsed() >= BETWEEN_DRAWINGS)
    }

    /// Draws what there is to see.
    pub(super) fn draw(&mut self, mut seen: Seen<'_>) {
        self.drawn = Some(Instant::now());
        seen.open
            .sort_unstable_by_key(|view| self.places.get(&view.id));
        let (columns, rows) = crossterm::terminal::size().unwrap_or((80, 24));
        // A line that ends in the last column would leave it to the terminal where the next one begins.
        let width = usize::from(columns).saturating_sub(1);
        let lines = lines(&seen, (width, usize::from(rows)), self.glyphs, self.paint);
        self.block.draw(lines);
    }

    /// Takes the lines off the screen for good.
    pub(super) fn end(&self) {
        self.block.end();
    }

    /// What the bars are drawn on; whoever else writes there has to suspend them.
    pub(super) fn screen(&self) -> &Block {
        &self.block
    }
}

/// The lines for a screen of so many columns and rows, each with how many cells it fills.
fn lines(
    seen: &Seen<'_>,
    (width, rows): (usize, usize),
    glyphs: Glyphs,
    paint: Paint,
) -> Vec<(String, usize)> {
    let columns = Columns::of(width);
    let room = rows.saturating_sub(OTHER_ROWS).min(MOST_LINES);
    // A download that waits tells why; one that only waits for its turn has nothing to tell.
    let telling = |view: &&View| view.status.is_active() || view.reason.is_some();
    let (told, untold): (Vec<&View>, Vec<&View>) = seen.open.iter().copied().partition(telling);
    // Where not all fit, some of those that wait are seen nevertheless.
    let (moving, waiting): (Vec<&View>, Vec<&View>) =
        told.into_iter().partition(|view| view.status.is_active());
    let for_moving = room - waiting.len().min(WAITING_LINES).min(room);
    let shown = moving.iter().take(for_moving).chain(&waiting).take(room);
    let mut lines: Vec<(String, usize)> = shown
        .map(|view| {
            let pieces = columns.line(&line(view), glyphs);
            let cells = pieces.iter().map(|(_, text)| clip::width(text)).sum();
            let painted = pieces.into_iter().map(|(look, text)| match look {
                Some(look) => paint.text(look, text),
                None => text,
            });
            (painted.collect(), cells)
        })
        .collect();
    let plain = |text: &str| {
        let text = clip::end(text, width, glyphs.cut());
        let cells = clip::width(&text);
        (text, cells)
    };
    let moving_shown = moving.len().min(for_moving);
    let others = [
        (moving.len() - moving_shown, "at work"),
        (waiting.len().saturating_sub(room - moving_shown), "waiting"),
        (untold.len(), "queued"),
    ];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    let others: Vec<String> = others
        .map(|(count, what)| format!("{count} more {what}"))
        .collect();
    if !others.is_empty() && room > 0 {
        lines.push(plain(&format!("  {}", others.join(", "))));
    }
    lines.push(plain(&seen.total));
    lines
}

fn line(view: &View) -> Line<'_> {
    Line {
        status: view.status,
        name: &view.name,
        done: view.done,
        size: view.size,
        tenths: view.progress(),
        speed: view.speed,
        eta: view.eta,
        threads: u64::from(view.threads_active),
        attempts: u64::from(view.attempts),
        why: view.reason.as_deref().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use haul_engine::event::Reason;

    use haul_engine::Status;

    use super::*;
    use crate::api::sample;

    fn view(id: u64, status: Status, reason: Option<&str>) -> View {
        View {
            id: Id(id),
            name: format!("file-{id:02}-夏日の思い出.bin").into(),
            status,
            reason: reason.map(Reason::from),
            speed: if reason.is_some() { 0 } else { 1 << 20 },
            ..sample()
        }
    }

    fn drawn(views: &[View], size: (usize, usize)) -> Vec<String> {
        let seen = Seen {
            open: views.iter().collect(),
            total: "1 of 30 files done, 1.0 MiB of 3.0 MiB, 1.0 MiB/s, 2s left".to_owned(),
        };
        let lines = lines(&seen, size, Glyphs::Blocks, Paint::Plain);
        lines.into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn each_download_at_work_has_a_line_and_the_others_one_together() {
        let views = [
            view(1, Status::Queued, Some("server asked to wait 30 s")),
            view(2, Status::Downloading, None),
            view(3, Status::Queued, None),
            view(4, Status::Probing, None),
            view(5, Status::Downloading, Some("waiting for disk space")),
            view(6, Status::Queued, None),
        ];
        insta::assert_snapshot!(drawn(&views, (79, 24)).join("\n"));
    }

    #[test]
    fn many_downloads_fill_no_more_than_their_share_of_the_screen() {
        let views: Vec<View> = (0..30)
            .map(|id| view(id, Status::Downloading, None))
            .collect();
        for (rows, expected) in [(50, 12), (24, 12), (10, 8), (5, 3), (4, 1), (1, 1)] {
            assert_eq!(drawn(&views, (79, rows)).len(), expected, "{rows} rows");
        }
        let mut views = views;
        views
            .extend((30..40).map(|id| view(id, Status::Queued, Some("server asked to wait 30 s"))));
        let lines = drawn(&views, (59, 10));
        assert!(
            lines.iter().all(|line| clip::width(line) <= 59),
            "{lines:?}"
        );
        assert_eq!(lines[6], "  27 more at work, 7 more waiting");
    }
}

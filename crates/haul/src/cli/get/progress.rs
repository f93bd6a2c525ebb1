//! Shows how far the downloads are: bars on a terminal, a line now and then elsewhere, events for
//! programs. It draws what the live state says and decides nothing.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use haul_engine::event::Watcher;
use haul_engine::{Id, View};
use tokio::time::{Instant, timeout};

use super::bars::{Bars, Seen};
use super::events::Events;
use super::outcome::Outcome;
use super::pace::Pace;
use crate::cli::block::Block;
use crate::cli::output::{self, JsonOutput, Verbosity};
use crate::cli::paint::plain;
use crate::human;

/// How progress is shown.
enum Show {
    Bars(Box<Bars>),
    Lines { next: Instant },
    Events(Events),
    Nothing,
}

/// Shows progress.
pub(super) struct Progress {
    show: Show,
    expected: usize,
    /// The unfinished, as last seen.
    open: HashMap<Id, Arc<View>>,
    /// Bytes of what has ended.
    ended: u64,
    pace: Pace,
    begun: Instant,
}

const LINE_EVERY: Duration = Duration::from_secs(5);
/// It is looked again after that, also when nothing has changed: what does not move is told, too.
const LONGEST_REST: Duration = Duration::from_secs(1);
const SHORTEST_LOOK: Duration = Duration::from_millis(2);
const LONGEST_LOOK: Duration = Duration::from_millis(20);

impl Progress {
    pub(super) fn start(verbosity: Verbosity, json: JsonOutput) -> Progress {
        let begun = Instant::now();
        let show = if verbosity.quiet {
            Show::Nothing
        } else if json.json {
            Show::Events(Events::new())
        } else if output::bars_are_seen() {
            Show::Bars(Box::new(Bars::new()))
        } else {
            Show::Lines {
                next: begun + LINE_EVERY,
            }
        };
        Progress {
            show,
            expected: 0,
            open: HashMap::new(),
            ended: 0,
            pace: Pace::default(),
            begun,
        }
    }

    /// Where logs must go so that they do not tear the bars.
    pub(super) fn bars(&self) -> Option<Block> {
        match &self.show {
            Show::Bars(bars) => Some(bars.screen().clone()),
            _ => None,
        }
    }

    /// Whether somebody was shown how it goes, and so is to be told how it went: on a terminal always,
    /// elsewhere when it took long enough for a line.
    pub(super) fn was_seen(&self) -> bool {
        match self.show {
            Show::Bars(_) => true,
            Show::Lines { .. } => self.begun.elapsed() >= LINE_EVERY,
            Show::Events(_) | Show::Nothing => false,
        }
    }

    /// Says what is being waited for.
    pub(super) fn expect(&mut self, ids: &[Id]) {
        self.expected = ids.len();
        if let Show::Bars(bars) = &mut self.show {
            bars.expect(ids);
        }
    }

    /// Shows progress until every one of `ids` has ended.
    pub(super) async fn until_over(
        &mut self,
        watcher: &mut Watcher,
        ids: &[Id],
        outcome: &mut Outcome,
    ) -> io::Result<()> {
        let wanted: HashSet<Id> = ids.iter().copied().collect();
        let (_, views, _) = watcher.snapshot_of(ids.iter().copied(), |_| true);
        outcome.begin(&views);
        let before = views.iter().map(|view| view.done).sum();
        self.pace.speed(Instant::now(), before);
        self.look(views, outcome)?;
        while outcome.ended() < self.expected {
            let _ = timeout(LONGEST_REST, watcher.changed()).await;
            let views = watcher.take().changed.into_iter().map(|(view, _)| view);
            self.look(views.filter(|view| wanted.contains(&view.id)), outcome)?;
            // Short runs are looked at often, so that looking adds no more than a fiftieth.
            let pace = self.begun.elapsed() / 50;
            tokio::time::sleep(pace.clamp(SHORTEST_LOOK, LONGEST_LOOK)).await;
        }
        Ok(())
    }

    fn look(
        &mut self,
        views: impl IntoIterator<Item = Arc<View>>,
        outcome: &mut Outcome,
    ) -> io::Result<()> {
        for view in views {
            outcome.count(&view);
            if let Show::Events(events) = &mut self.show {
                events.see(&view)?;
            }
            if view.status.is_over() {
                self.open.remove(&view.id);
                self.ended += view.done;
                match &mut self.show {
                    Show::Bars(bars) => bars.screen().suspend(|| outcome.see(&view))?,
                    Show::Events(_) | Show::Lines { .. } | Show::Nothing => outcome.see(&view)?,
                }
                continue;
            }
            self.open.insert(view.id, view);
        }
        self.draw(outcome);
        Ok(())
    }

    fn draw(&mut self, outcome: &Outcome) {
        // The sum over thousands of files is made only when it is shown.
        let now = Instant::now();
        let ended = self.ended;
        let mut total = |open: &HashMap<Id, Arc<View>>| {
            let mut total = Total::of(open.values(), ended);
            total.speed = self.pace.speed(now, total.done);
            total
        };
        match &mut self.show {
            Show::Nothing | Show::Events(_) => {}
            Show::Bars(bars) if bars.are_due() => {
                let total = total(&self.open);
                bars.draw(Seen {
                    open: self.open.values().map(AsRef::as_ref).collect(),
                    total: format!("{}, {total}", counted(outcome, self.expected)),
                });
            }
            Show::Bars(_) => {}
            Show::Lines { next } => {
                if now < *next {
                    return;
                }
                *next = now + LINE_EVERY;
                let total = total(&self.open);
                let open = self.open.values().map(AsRef::as_ref);
                let waiting = waiting(open, self.expected);
                let counted = counted(outcome, self.expected);
                output::note(format_args!("{counted}, {total}{waiting}"));
            }
        }
    }

    /// Takes the bars off the screen.
    pub(super) fn clear(&self) {
        if let Show::Bars(bars) = &self.show {
            bars.end();
        }
    }
}

/// The sum over all downloads.
struct Total {
    done: u64,
    /// `None` while the size of one is unknown.
    size: Option<u64>,
    speed: u64,
    /// Seconds left of the one that has the most.
    longest: u64,
}

impl Total {
    fn of<'a>(open: impl Iterator<Item = &'a Arc<View>>, ended: u64) -> Total {
        let none = Total {
            done: ended,
            size: Some(ended),
            speed: 0,
            longest: 0,
        };
        open.fold(none, |sum, view| Total {
            done: sum.done + view.done,
            size: sum.size.zip(view.size).map(|(sum, size)| sum + size),
            speed: 0,
            longest: sum.longest.max(view.eta.unwrap_or(0)),
        })
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&human::size(self.done))?;
        if let Some(size) = self.size {
            write!(f, " of {}", human::size(size))?;
        }
        write!(f, ", {}", human::speed(self.speed))?;
        match self.size.map(|size| size.saturating_sub(self.done)) {
            // One that is slow takes its time, however fast the others are.
            Some(left) if self.speed > 0 => {
                let left = left.div_ceil(self.speed).max(self.longest);
                write!(f, ", {} left", human::time(left))
            }
            _ => Ok(()),
        }
    }
}

/// Why something waits, behind the sum: nobody sees bars there. Of several, how many, and why one of them.
fn waiting<'a>(open: impl Iterator<Item = &'a View>, expected: usize) -> String {
    // While bytes come in, a reason that holds back some threads is not what matters.
    let waiting = open.filter(|view| view.speed == 0);
    let waiting = waiting.filter_map(|view| Some((view.id, view.reason.as_deref()?)));
    let mut waiting: Vec<(Id, &str)> = waiting.collect();
    // The same one each time.
    waiting.sort_unstable();
    match (waiting.first(), expected) {
        (None, _) => String::new(),
        (Some((_, reason)), 1) => format!("; {}", plain(reason)),
        (Some((_, reason)), _) => format!("; {} waiting: {}", waiting.len(), plain(reason)),
    }
}

fn counted(outcome: &Outcome, expected: usize) -> String {
    let failed = outcome.ended() - outcome.delivered();
    let files = human::count(u64::try_from(expected).unwrap_or(u64::MAX), "file");
    match failed {
        0 => format!("{} of {files} done", outcome.delivered()),
        failed => format!("{} of {files} done, {failed} failed", outcome.delivered()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::sample;

    #[test]
    fn the_total_says_what_is_left_only_when_it_is_known() {
        let total = Total {
            done: 1 << 20,
            size: Some(3 << 20),
            speed: 1 << 20,
            longest: 1,
        };
        assert_eq!(total.to_string(), "1.0 MiB of 3.0 MiB, 1.0 MiB/s, 2s left");
        let total = Total {
            done: 1 << 20,
            size: None,
            speed: 0,
            longest: 0,
        };
        assert_eq!(total.to_string(), "1.0 MiB, 0 B/s");
    }

    #[test]
    fn all_are_left_at_least_as_long_as_the_slowest() {
        let open = [(Some(3), 1_u64), (Some(40), 2), (None, 3)].map(|(eta, id)| {
            Arc::new(View {
                id: Id(id),
                size: Some(2 << 20),
                done: 1 << 20,
                eta,
                ..sample()
            })
        });
        let total = Total {
            speed: 3 << 20,
            ..Total::of(open.iter(), 0)
        };
        assert_eq!(total.to_string(), "3.0 MiB of 6.0 MiB, 3.0 MiB/s, 40s left");
    }

    #[test]
    fn a_line_says_how_many_wait_and_why_one_of_them_does() {
        let view = |id, speed, reason: Option<&str>| View {
            id: Id(id),
            speed,
            reason: reason.map(Into::into),
            ..sample()
        };
        let views = [
            view(3, 0, Some("waiting for disk space")),
            view(2, 0, Some("server asked to wait 30 s")),
            view(1, 1 << 20, Some("2 of 16 connections allowed by this host")),
            view(4, 0, None),
        ];
        assert_eq!(
            waiting(views.iter(), 4),
            "; 2 waiting: server asked to wait 30 s"
        );
        assert_eq!(waiting(views[..1].iter(), 1), "; waiting for disk space");
        assert_eq!(waiting(views[2..].iter(), 2), "");
    }
}

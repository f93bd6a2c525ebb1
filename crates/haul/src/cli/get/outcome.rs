//! What became of each download: told once, on stdout when it was delivered, on stderr when not; and
//! what became of all of them, told at the end.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use haul_engine::{Id, Live, Status, View};

use super::Leave;
use super::events::{self, Summary};
use super::places::Places;
use crate::cli::exit;
use crate::cli::output::{self, JsonOutput, Verbosity};
use crate::cli::paint::plain;
use crate::human;

/// How downloads that ended are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tell {
    /// The path of each delivered file.
    Paths,
    /// An event for each that ended.
    Events,
    /// Errors only.
    Errors,
}

/// When it is said what to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Steps {
    /// With the failure: nobody may be told more.
    AtOnce,
    /// With the sum, once for all that failed alike.
    AtTheEnd,
}

/// A download that failed.
struct Failed {
    url: String,
    reason: String,
    next: &'static str,
}

/// What has ended so far.
pub(super) struct Outcome {
    tell: Tell,
    steps: Steps,
    places: Places,
    told: HashSet<Id>,
    delivered: usize,
    failed: Vec<u8>,
    /// Downloads that have not ended.
    open: usize,
    /// Bytes held for downloads that were not delivered.
    held: u64,
    /// Those that failed with an error, to be told again.
    failures: Vec<Failed>,
    begun: Instant,
    /// Bytes that came, kept or not.
    fetched: u64,
    /// Bytes that there were of each when it was last seen.
    seen: HashMap<Id, u64>,
}

/// More failures than that are not told a second time.
const TOLD_AGAIN: usize = 20;

impl Outcome {
    pub(super) fn new(
        verbosity: Verbosity,
        json: JsonOutput,
        steps: Steps,
        places: Places,
    ) -> Outcome {
        let tell = match (json.json, verbosity.quiet) {
            (true, _) => Tell::Events,
            (false, true) => Tell::Errors,
            (false, false) => Tell::Paths,
        };
        Outcome {
            tell,
            steps,
            places,
            told: HashSet::new(),
            delivered: 0,
            failed: Vec::new(),
            open: 0,
            held: 0,
            failures: Vec::new(),
            begun: Instant::now(),
            fetched: 0,
            seen: HashMap::new(),
        }
    }

    /// The downloads begin now; what there is of them is there from an earlier run.
    pub(super) fn begin(&mut self, views: &[Arc<View>]) {
        self.begun = Instant::now();
        self.seen = views.iter().map(|view| (view.id, view.done)).collect();
    }

    /// Counts what has come of a download since it was last seen. What it had to throw away since has
    /// come nevertheless.
    pub(super) fn count(&mut self, view: &View) {
        let before = self.seen.insert(view.id, view.done).unwrap_or(0);
        self.fetched += view.done.saturating_sub(before);
    }

    /// How many have ended.
    pub(super) fn ended(&self) -> usize {
        self.told.len()
    }

    /// How many were delivered.
    pub(super) fn delivered(&self) -> usize {
        self.delivered
    }

    /// Takes note of a download, and tells its end the first time it is seen.
    pub(super) fn see(&mut self, view: &View) -> io::Result<()> {
        if !view.status.is_over() || !self.told.insert(view.id) {
            return Ok(());
        }
        if view.status == Status::Completed {
            self.delivered += 1;
        } else {
            self.failed.push(code(view));
        }
        if self.tell == Tell::Events {
            events::ended(view)?;
        }
        if let Some(error) = &view.error {
            let failed = Failed {
                url: self.places.shown(&view.url),
                reason: plain(&error.detail),
                next: exit::next_step(error.kind, error.status),
            };
            output::note(format_args!("failed: {}\n  {}", failed.reason, failed.url));
            if self.steps == Steps::AtOnce {
                output::note(format_args!("  {}", failed.next));
            }
            self.failures.push(failed);
            return Ok(());
        }
        match &view.path {
            Some(path) if self.tell == Tell::Paths && view.status == Status::Completed => {
                output::offer(path.display())
            }
            _ => Ok(()),
        }
    }

    /// Looks at all of them for the last time. Returns what is held, in words.
    pub(super) fn take_stock(&mut self, live: &Live, ids: &[Id]) -> io::Result<String> {
        // `None` once the size of one is unknown.
        let mut open_size = Some((0, 0));
        for id in ids {
            let Some(view) = live.get(*id) else { continue };
            self.see(&view)?;
            self.count(&view);
            if view.status != Status::Completed {
                self.held += view.done;
            }
            if view.status.is_over() {
                continue;
            }
            self.open += 1;
            open_size = open_size
                .zip(view.size)
                .map(|((done, size), more)| (done + view.done, size + more));
        }
        Ok(left((self.open, ids.len()), self.held, open_size))
    }

    /// Tells what became of all of them, once stock was taken; `seen` is whether a person has watched.
    pub(super) fn sum_up(&self, seen: bool) -> io::Result<()> {
        let took = self.begun.elapsed();
        let summary = Summary {
            files: self.told.len() + self.open,
            completed: self.delivered,
            failed: self.failed.len(),
            fetched: self.fetched,
            took,
            speed: mean(self.fetched, took),
            interrupted: self.open > 0,
        };
        if self.tell == Tell::Events {
            return summary.tell();
        }
        if !seen {
            return Ok(());
        }
        // One that failed alone stands just above.
        if summary.files > 1 {
            for line in again(&self.failures) {
                output::note(line);
            }
        }
        // At the end, where it is seen whatever has failed.
        output::note(in_words(&summary));
        Ok(())
    }

    /// Whether some had not ended when stock was taken.
    pub(super) fn is_open(&self) -> bool {
        self.open > 0
    }

    /// The exit code of each that failed.
    pub(super) fn codes(&self) -> impl Iterator<Item = u8> + '_ {
        self.failed.iter().copied()
    }

    /// Whether the next run of the command needs anything of this one. What was delivered beside
    /// something that was not is remembered, so that it is not fetched again.
    pub(super) fn leave(&self) -> Leave {
        let unfinished = self.open > 0 || !self.failed.is_empty();
        if unfinished && (self.held > 0 || self.delivered > 0) {
            return Leave::State;
        }
        Leave::Nothing
    }
}

/// What is left to do and what is held for it: of one file how much of it, of several how many.
fn left((open, all): (usize, usize), held: u64, open_size: Option<(u64, u64)>) -> String {
    let kept = match open_size {
        Some((done, size)) => format!("{} of {} are kept", human::size(done), human::size(size)),
        None => format!("{} are kept", human::size(held)),
    };
    let are = if open == 1 { "is" } else { "are" };
    match (all, held) {
        (1, 0) => "nothing could be kept".to_owned(),
        (1, _) => kept,
        (_, 0) => format!("{open} of {all} files {are} left"),
        (_, held) => format!(
            "{open} of {all} files {are} left, {} of them are kept",
            human::size(held)
        ),
    }
}

/// Bytes per second.
fn mean(bytes: u64, took: Duration) -> u64 {
    let milliseconds = took.as_millis().max(1);
    u64::try_from(u128::from(bytes) * 1000 / milliseconds).unwrap_or(u64::MAX)
}

/// `28 of 30 files, 1.2 GiB in 2m 05s, 9.8 MiB/s; 2 failed`.
fn in_words(summary: &Summary) -> String {
    let files = human::count(u64::try_from(summary.files).unwrap_or(u64::MAX), "file");
    let files = match summary.completed {
        all if all == summary.files => files,
        completed => format!("{completed} of {files}"),
    };
    let took = match summary.took {
        took if took < Duration::from_secs(10) => format!("{:.1}s", took.as_secs_f64()),
        took => human::time(took.as_secs()),
    };
    let failed = match summary.failed {
        0 => String::new(),
        failed => format!("; {failed} failed"),
    };
    let (fetched, speed) = (human::size(summary.fetched), human::speed(summary.speed));
    format!("{files}, {fetched} in {took}, {speed}{failed}")
}

/// What failed, by reason, the most frequent first: what to do about it, and which they are.
fn again(failures: &[Failed]) -> Vec<String> {
    let mut alike: Vec<Vec<&Failed>> = Vec::new();
    for failed in failures {
        let same = |these: &&mut Vec<&Failed>| {
            these
                .first()
                .is_some_and(|first| (&first.reason, first.next) == (&failed.reason, failed.next))
        };
        match alike.iter_mut().find(same) {
            Some(these) => these.push(failed),
            None => alike.push(vec![failed]),
        }
    }
    alike.sort_by_key(|these| std::cmp::Reverse(these.len()));
    let mut lines = Vec::new();
    let (mut room, mut untold) = (TOLD_AGAIN, 0);
    for these in &alike {
        let (told, others) = these.split_at(these.len().min(room));
        room -= told.len();
        let Some(first) = told.first() else {
            untold += others.len();
            continue;
        };
        lines.push(format!("{} failed: {}", these.len(), first.reason));
        lines.push(format!("  {}", first.next));
        lines.extend(told.iter().map(|failed| format!("    {}", failed.url)));
        if !others.is_empty() {
            lines.push(format!("    and {} more, told above", others.len()));
        }
    }
    if untold > 0 {
        lines.push(format!("and {untold} more, told above"));
    }
    lines
}

fn code(view: &View) -> u8 {
    view.error
        .as_ref()
        .map_or(exit::FAILED, |error| exit::code(error.kind, error.status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::sample;

    #[test]
    fn what_failed_alike_is_told_together_and_not_without_end() {
        let failed = |n: usize, reason: &str, next| Failed {
            url: format!("http://h/{n}"),
            reason: reason.to_owned(),
            next,
        };
        let mut failures = vec![failed(0, "403", "give credentials")];
        failures.extend((1..=3).map(|n| failed(n, "404", "check the URL")));
        assert_eq!(
            again(&failures),
            [
                "3 failed: 404",
                "  check the URL",
                "    http://h/1",
                "    http://h/2",
                "    http://h/3",
                "1 failed: 403",
                "  give credentials",
                "    http://h/0",
            ]
        );
        let many: Vec<Failed> = (0..500)
            .map(|n| failed(n, "404", "check the URL"))
            .collect();
        let told = again(&many);
        assert_eq!((told.len(), told[0].as_str()), (23, "500 failed: 404"));
        assert_eq!(told[22], "    and 480 more, told above");
        let different: Vec<Failed> = (0..500)
            .map(|n| failed(n, &format!("{n}"), "look"))
            .collect();
        let told = again(&different);
        assert_eq!(told.len(), 3 * TOLD_AGAIN + 1);
        assert_eq!(told[60], "and 480 more, told above");
        assert!(again(&[]).is_empty());
    }

    #[test]
    fn an_interrupted_run_says_how_much_of_one_file_and_how_many_of_several_are_left() {
        let told = [
            left((1, 1), 3 << 20, Some((3 << 20, 64 << 20))),
            left((1, 1), 3 << 20, None),
            left((1, 1), 0, Some((0, 64 << 20))),
            left((364, 500), 0, None),
            left((364, 500), 117 << 10, None),
            left((1, 2), 0, None),
        ];
        assert_eq!(
            told,
            [
                "3.0 MiB of 64.0 MiB are kept",
                "3.0 MiB are kept",
                "nothing could be kept",
                "364 of 500 files are left",
                "364 of 500 files are left, 117.0 KiB of them are kept",
                "1 of 2 files is left",
            ]
        );
    }

    #[test]
    fn what_came_and_could_not_be_kept_has_come() {
        let view = |id, done| View {
            id: Id(id),
            done,
            ..sample()
        };
        let verbosity = Verbosity {
            quiet: false,
            verbose: 0,
        };
        let mut outcome = Outcome::new(
            verbosity,
            JsonOutput { json: false },
            Steps::AtOnce,
            Places::of(&[]),
        );
        outcome.begin(&[Arc::new(view(1, 500)), Arc::new(view(2, 0))]);
        for (id, done) in [(1, 500), (2, 100), (2, 300), (2, 0), (2, 40), (1, 600)] {
            outcome.count(&view(id, done));
        }
        assert_eq!(outcome.fetched, 300 + 40 + 100);
    }

    #[test]
    fn the_summary_counts_what_came_and_what_did_not() {
        let summary = Summary {
            files: 30,
            completed: 28,
            failed: 2,
            fetched: 1 << 30,
            took: Duration::from_secs(125),
            speed: mean(1 << 30, Duration::from_secs(125)),
            interrupted: false,
        };
        assert_eq!(
            in_words(&summary),
            "28 of 30 files, 1.0 GiB in 2m 05s, 8.2 MiB/s; 2 failed"
        );
        let one = Summary {
            files: 1,
            completed: 1,
            failed: 0,
            took: Duration::from_millis(420),
            ..summary
        };
        assert_eq!(in_words(&one), "1 file, 1.0 GiB in 0.4s, 8.2 MiB/s");
        assert_eq!(mean(5, Duration::ZERO), 5000);
    }
}

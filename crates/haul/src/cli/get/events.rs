//! `haul get --json`: what happens to each download, as it happens, a JSON object per line on stdout.
//! `docs/terminal.md` tells people what they mean.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use haul_engine::event::{Fields, Reason};
use haul_engine::{Id, Status, View};
use serde_json::json;

use crate::api::{Detail, Download};
use crate::cli::output;

/// The progress of one download is told no more often.
const BETWEEN: Duration = Duration::from_secs(1);

/// What every event that is not an end tells.
fn moving() -> Fields {
    Fields::STATUS
        | Fields::SIZE
        | Fields::DONE
        | Fields::THREADS_ACTIVE
        | Fields::SPEED
        | Fields::ETA
        | Fields::REASON
        | Fields::ATTEMPTS
}

/// What was told of one download.
struct Told {
    at: Instant,
    started: bool,
    reason: Option<Reason>,
    attempts: u32,
}

/// Tells events.
pub(super) struct Events {
    told: HashMap<Id, Told>,
}

impl Events {
    pub(super) fn new() -> Events {
        Events {
            told: HashMap::new(),
        }
    }

    /// Tells what is new of a download, except its end.
    pub(super) fn see(&mut self, view: &View) -> io::Result<()> {
        let now = Instant::now();
        let told = self.told.entry(view.id).or_insert_with(|| Told {
            at: now,
            started: false,
            reason: None,
            attempts: view.attempts,
        });
        for name in told.take(view, now) {
            match name {
                "started" => tell(name, &Download::whole(view, Detail::Plain))?,
                _ => tell(name, &Download::changed(view, moving(), Detail::Plain))?,
            }
        }
        Ok(())
    }
}

impl Told {
    /// The names of what has happened and is to be told now; from here on it is told.
    fn take(&mut self, view: &View, now: Instant) -> Vec<&'static str> {
        let mut names = Vec::new();
        if !view.status.is_over() {
            names.extend(self.trouble(view));
        }
        if !self.started && is_known(view.status) {
            names.push("started");
            self.started = true;
        }
        let is_time = self.started && !view.status.is_over() && now >= self.at + BETWEEN;
        if names.is_empty() && is_time {
            names.push("progress");
        }
        if !names.is_empty() {
            self.at = now;
            self.reason.clone_from(&view.reason);
            self.attempts = view.attempts;
        }
        names
    }

    fn trouble(&self, view: &View) -> Option<&'static str> {
        if view.attempts > self.attempts {
            return Some("retry");
        }
        (view.reason.is_some() && view.reason != self.reason).then_some("waiting")
    }
}

/// Whether it is known what is fetched: its name, its size, whether in ranges. What is paused, failed
/// or cancelled may have got so far or not.
fn is_known(status: Status) -> bool {
    use Status::{Completed, Delivering, Downloading, Verifying};
    matches!(status, Downloading | Verifying | Delivering | Completed)
}

/// Tells how a download has ended: the event is called like its status.
pub(super) fn ended(view: &View) -> io::Result<()> {
    tell(view.status.name(), &Download::whole(view, Detail::Plain))
}

/// Writes an event with the fields of a download.
fn tell(name: &str, download: &Download<'_>) -> io::Result<()> {
    let fields = serde_json::to_string(download)?;
    output::offer(format_args!("{}", event(name, &fields)))
}

/// A JSON object with the name of the event before its other fields.
fn event(name: &str, fields: &str) -> String {
    let fields = fields.strip_prefix('{').unwrap_or(fields);
    format!("{{\"event\":\"{name}\",{fields}")
}

/// The last event: what became of all of them.
pub(super) struct Summary {
    pub(super) files: usize,
    pub(super) completed: usize,
    pub(super) failed: usize,
    /// Bytes that came in this run.
    pub(super) fetched: u64,
    pub(super) took: Duration,
    pub(super) speed: u64,
    pub(super) interrupted: bool,
}

impl Summary {
    pub(super) fn tell(&self) -> io::Result<()> {
        let milliseconds = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX);
        output::offer(json!({
            "event": "summary",
            "files": self.files,
            "completed": self.completed,
            "failed": self.failed,
            "fetched": self.fetched,
            "milliseconds": milliseconds,
            "speed": self.speed,
            "interrupted": self.interrupted,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::sample;

    /// What was told of a download that has started, when `view` was seen.
    fn told(view: &View) -> Told {
        Told {
            at: Instant::now(),
            started: true,
            reason: None,
            attempts: view.attempts,
        }
    }

    /// A download that asks the server what there is, and nothing told of it.
    fn probing() -> (View, Told) {
        let view = View {
            status: Status::Probing,
            ..sample()
        };
        let told = Told {
            started: false,
            ..told(&view)
        };
        (view, told)
    }

    #[test]
    fn each_new_try_and_each_reason_is_told_at_once_and_progress_once_a_second() {
        let view = sample();
        let mut told = told(&view);
        let begun = told.at;
        assert!(told.take(&view, begun).is_empty());
        assert_eq!(told.take(&view, begun + BETWEEN), ["progress"]);
        let again = View {
            attempts: view.attempts + 1,
            ..sample()
        };
        assert_eq!(told.take(&again, told.at), ["retry"]);
        let waiting = View {
            reason: Some("waiting for disk space".into()),
            ..again
        };
        assert_eq!(told.take(&waiting, told.at), ["waiting"]);
        assert!(told.take(&waiting, told.at).is_empty());
    }

    #[test]
    fn a_download_starts_once_and_only_when_it_is_known_what_is_fetched() {
        let (probing, mut told) = probing();
        let begun = told.at;
        assert!(told.take(&probing, begun + BETWEEN).is_empty());
        let waiting = View {
            reason: Some("server asked to wait 30 s".into()),
            ..probing
        };
        assert_eq!(told.take(&waiting, begun), ["waiting"]);
        assert_eq!(told.take(&sample(), begun), ["started"]);
        assert!(told.take(&sample(), begun).is_empty());
    }

    #[test]
    fn what_a_download_waited_for_before_its_first_byte_is_not_lost_when_it_starts() {
        let (probing, mut told) = probing();
        let tried = View {
            status: Status::Downloading,
            attempts: probing.attempts + 1,
            ..sample()
        };
        assert_eq!(told.take(&tried, told.at), ["retry", "started"]);
        assert!(told.take(&tried, told.at).is_empty());
    }

    #[test]
    fn a_file_that_comes_between_two_looks_has_started_and_one_that_failed_has_not() {
        for (status, expected) in [
            (Status::Verifying, &["started"][..]),
            (Status::Completed, &["started"]),
            (Status::Failed, &[]),
            (Status::Cancelled, &[]),
        ] {
            let (_, mut told) = probing();
            let view = View { status, ..sample() };
            assert_eq!(told.take(&view, told.at), expected, "{status:?}");
            let later = told.at + BETWEEN * 2;
            let again = told.take(&view, later);
            assert!(!again.contains(&"started"), "{status:?}");
            assert!(again.is_empty() || !status.is_over(), "{status:?}");
        }
    }

    #[test]
    fn an_event_is_an_object_with_its_name_first() {
        let line = event("progress", r#"{"id":"0000000000000001","done":5}"#);
        let read: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(
            read,
            json!({"event": "progress", "id": "0000000000000001", "done": 5})
        );
    }
}

//! `haul get --json`: what happens to each download, as it happens, a JSON object per line on stdout.
//! `docs/terminal.md` tells people what they mean.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use haul_engine::event::Fields;
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

/// What was told of one unfinished download.
struct Told {
    at: Instant,
    started: bool,
    reason: Option<Arc<str>>,
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

    /// Tells what is new of a download that has not ended.
    pub(super) fn see(&mut self, view: &View) -> io::Result<()> {
        let now = Instant::now();
        let told = self.told.entry(view.id).or_insert_with(|| Told {
            at: now,
            started: false,
            reason: None,
            attempts: view.attempts,
        });
        let Some(name) = told.event(view, now) else {
            return Ok(());
        };
        told.at = now;
        told.reason.clone_from(&view.reason);
        told.attempts = view.attempts;
        if name == "started" {
            told.started = true;
            return tell(name, &Download::whole(view, Detail::Plain));
        }
        tell(name, &Download::changed(view, moving(), Detail::Plain))
    }

    /// No more is to be told of a download that has ended.
    pub(super) fn forget(&mut self, id: Id) {
        self.told.remove(&id);
    }
}

impl Told {
    /// The name of what has happened, if it is to be told now.
    fn event(&self, view: &View, now: Instant) -> Option<&'static str> {
        if !self.started && view.status == Status::Downloading {
            // From here on it is known what is fetched: its name, its size, whether in ranges.
            return Some("started");
        }
        if view.attempts > self.attempts {
            return Some("retry");
        }
        if view.reason.is_some() && view.reason != self.reason {
            return Some("waiting");
        }
        (self.started && now >= self.at + BETWEEN).then_some("progress")
    }
}

/// Tells how a download has ended: the event is called like its status.
pub(super) fn ended(view: &View) -> io::Result<()> {
    tell(view.status.name(), &Download::whole(view, Detail::Plain))
}

/// Writes an event with the fields of a download.
fn tell(name: &str, download: &Download<'_>) -> io::Result<()> {
    let fields = serde_json::to_string(download)?;
    output::data(format_args!("{}", event(name, &fields)))
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
        output::data(json!({
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

    fn told(view: &View) -> Told {
        Told {
            at: Instant::now(),
            started: true,
            reason: None,
            attempts: view.attempts,
        }
    }

    #[test]
    fn each_new_try_and_each_reason_is_told_at_once_and_progress_once_a_second() {
        let view = sample();
        let told = told(&view);
        assert_eq!(told.event(&view, told.at), None);
        assert_eq!(told.event(&view, told.at + BETWEEN), Some("progress"));
        let again = View {
            attempts: view.attempts + 1,
            ..sample()
        };
        assert_eq!(told.event(&again, told.at), Some("retry"));
        let waiting = View {
            reason: Some("waiting for disk space".into()),
            ..sample()
        };
        assert_eq!(told.event(&waiting, told.at), Some("waiting"));
        let known = Told {
            reason: waiting.reason.clone(),
            ..told
        };
        assert_eq!(known.event(&waiting, known.at), None);
    }

    #[test]
    fn a_download_starts_once_and_only_when_it_is_known_what_is_fetched() {
        let probing = View {
            status: Status::Probing,
            ..sample()
        };
        let first = Told {
            started: false,
            ..told(&probing)
        };
        assert_eq!(first.event(&probing, first.at + BETWEEN), None);
        assert_eq!(first.event(&sample(), first.at), Some("started"));
        let waiting = View {
            reason: Some("server asked to wait 30 s".into()),
            ..probing
        };
        assert_eq!(first.event(&waiting, first.at), Some("waiting"));
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

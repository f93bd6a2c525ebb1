//! One download as this screen knows it: told by the daemon field by field. Knows neither the others nor
//! how it is shown.

use haul_engine::{Id, Status};
use serde_json::Value as Json;

/// What a row tells of one download.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) status: Status,
    pub(crate) size: Option<u64>,
    pub(crate) done: u64,
    /// In tenths of a percent.
    pub(crate) tenths: Option<u16>,
    pub(crate) speed: u64,
    pub(crate) eta: Option<u64>,
    pub(crate) threads: u64,
    pub(crate) attempts: u64,
    /// The place in the queue.
    pub(crate) position: Option<u64>,
    /// Why it waits, or why it has failed.
    pub(crate) why: String,
    pub(super) added: String,
    pub(super) finished: String,
    /// How many this screen has heard of before: where two were added in the same second.
    pub(super) heard: u64,
}

impl Row {
    pub(super) fn new(id: Id, heard: u64) -> Row {
        Row {
            id,
            name: String::new(),
            status: Status::Queued,
            size: None,
            done: 0,
            tenths: None,
            speed: 0,
            eta: None,
            threads: 0,
            attempts: 0,
            position: None,
            why: String::new(),
            added: String::new(),
            finished: String::new(),
            heard,
        }
    }

    /// Takes over the fields that `changed` has; an absent one is as it was.
    pub(super) fn merge(&mut self, changed: &Json) {
        let Some(fields) = changed.as_object() else {
            return;
        };
        for (field, value) in fields {
            let text = || value.as_str().unwrap_or_default().to_owned();
            match field.as_str() {
                "name" => self.name = text(),
                "status" => self.status = Status::from_name(&text()).unwrap_or(self.status),
                "size" => self.size = value.as_u64(),
                "done" => self.done = value.as_u64().unwrap_or_default(),
                "progress" => self.tenths = value.as_f64().map(tenths),
                "speed" => self.speed = value.as_u64().unwrap_or_default(),
                "eta" => self.eta = value.as_u64(),
                "threads" => self.threads = value["active"].as_u64().unwrap_or_default(),
                "attempts" => self.attempts = value.as_u64().unwrap_or_default(),
                "position" => self.position = value.as_u64(),
                "added_at" => self.added = text(),
                "finished_at" => self.finished = text(),
                _ => {}
            }
        }
        // Two fields say why: the error, where there is one, is what a failed one is about.
        let why = |text: Option<&str>| text.unwrap_or_default().to_owned();
        match (fields.get("error"), fields.get("reason")) {
            (Some(error), _) if !error.is_null() => self.why = why(error["detail"].as_str()),
            (_, Some(reason)) => self.why = why(reason.as_str()),
            (Some(_), None) => self.why.clear(),
            (None, None) => {}
        }
    }
}

/// Tenths of a percent, from percent with one decimal.
fn tenths(percent: f64) -> u16 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it lies between 0 and 1000"
    )]
    let tenths = (percent * 10.0).round().clamp(0.0, 1000.0) as u16;
    tenths
}

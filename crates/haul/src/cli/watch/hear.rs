//! What the daemon says, and how it changes what is known: snapshots, changes, answers, and that it is
//! there or lost. Knows nothing of keys.

use std::time::Instant;

use haul_engine::Id;
use serde_json::{Value as Json, json};

use super::state::{Link, State, Tone};
use super::talk::Asked;
use crate::human;

/// How often the daemon says what has changed, in milliseconds: as often as a screen is drawn.
pub(super) const PACE: u64 = 250;

impl State {
    /// The connection is there: asks for everything.
    pub(crate) fn up(&mut self, now: Instant) {
        self.link = Link::Up;
        // They were another connection's.
        self.details = None;
        self.resync();
        self.ask_settings(now);
    }

    /// The connection is gone. What is shown stays, as the last that is known.
    pub(crate) fn down(&mut self, why: String, now: Instant) {
        for asked in self.talk.broken() {
            self.say(Tone::Refused, "the daemon was lost before it answered", now);
            if let Asked::Add(urls) = asked {
                self.not_taken(&urls);
            }
        }
        self.subscription = None;
        self.settings_asked = None;
        self.speed = 0;
        self.clock = now;
        let since = match self.link {
            Link::Down { since, .. } => since,
            Link::Up => now,
        };
        self.link = Link::Down { since, why };
    }

    fn resync(&mut self) {
        if let Some(old) = self.subscription.take() {
            self.talk
                .ask(Asked::Unheard, "unsubscribe", &json!({"subscription": old}));
        }
        self.talk
            .ask(Asked::List, "subscribe", &json!({"interval_ms": PACE}));
    }

    pub(super) fn ask_settings(&mut self, now: Instant) {
        self.settings_asked = Some(now);
        self.talk.ask(Asked::Settings, "settings.get", &json!({}));
    }

    /// Takes over what the daemon says.
    pub(crate) fn hear(&mut self, mut said: Json, now: Instant) {
        if said["method"] == "changed" {
            self.changed(&said["params"]);
            return;
        }
        let Some(asked) = self.talk.answered(&said["id"]) else {
            return;
        };
        if let Some(error) = said.get("error") {
            let detail = error["data"]["detail"].as_str();
            let detail = detail.or(error["message"].as_str());
            self.say(Tone::Refused, detail.unwrap_or("the daemon refuses"), now);
            match asked {
                Asked::Details(_) => self.details = None,
                Asked::Add(urls) => self.not_taken(&urls),
                _ => {}
            }
            return;
        }
        let result = said["result"].take();
        match asked {
            Asked::List => self.snapshot(&result),
            Asked::Details(id) => self.told_details(id, result),
            Asked::Settings => self.limit = result["speed_limit"].as_u64(),
            Asked::Unheard => {}
            Asked::Done(words) => {
                self.after(&result);
                self.say(Tone::Done, &words, now);
            }
            Asked::Add(_) => self.added(&result, now),
        }
    }

    /// A command's answer tells how its download is now; the same among the changes comes later than the
    /// next key may.
    fn after(&mut self, result: &Json) {
        let id = result["id"].as_str().and_then(|id| id.parse::<Id>().ok());
        if id.is_some_and(|id| self.list.get(id).is_some()) {
            self.list.merge(result);
        }
    }

    fn snapshot(&mut self, result: &Json) {
        self.subscription = result["subscription"].as_str().map(str::to_owned);
        self.list.clear();
        self.known = true;
        self.apply(result);
    }

    fn changed(&mut self, changes: &Json) {
        let name = changes["subscription"].as_str();
        if name.is_none() {
            return;
        }
        if let Some(details) = &mut self.details
            && details.subscription.as_deref() == name
        {
            for changed in list(&changes["downloads"]) {
                merge(&mut details.facts, changed);
            }
            return;
        }
        if self.subscription.as_deref() != name {
            return;
        }
        if changes["from"].as_u64() != Some(self.revision) {
            // Something was missed, which the protocol rules out: better to ask than to show it wrong.
            self.resync();
            return;
        }
        self.apply(changes);
    }

    fn apply(&mut self, changes: &Json) {
        self.revision = changes["revision"].as_u64().unwrap_or_default();
        for download in list(&changes["downloads"]) {
            self.list.merge(download);
        }
        for removed in list(&changes["removed"]) {
            if let Some(id) = removed.as_str().and_then(|id| id.parse().ok()) {
                self.list.remove(id);
            }
        }
        let stats = &changes["stats"];
        self.speed = stats["speed"].as_u64().unwrap_or_default();
        self.free_space = stats["free_space"].as_u64();
    }

    fn told_details(&mut self, id: Id, mut result: Json) {
        let Some(details) = self.details.as_mut().filter(|details| details.id == id) else {
            return;
        };
        details.subscription = result["subscription"].as_str().map(str::to_owned);
        // One that is gone by now is not among them.
        let facts = result.pointer_mut("/downloads/0").map(Json::take);
        details.facts = facts.unwrap_or_default();
    }

    fn added(&mut self, result: &Json, now: Instant) {
        let added = list(&result["downloads"]).count();
        let rejected: Vec<&Json> = list(&result["rejected"]).collect();
        for url in rejected.iter().filter_map(|one| one["url"].as_str()) {
            self.not_taken(url);
        }
        let added = human::count(u64::try_from(added).unwrap_or(u64::MAX), "download");
        match rejected.first() {
            None => self.say(Tone::Done, &format!("added {added}"), now),
            Some(first) => {
                let (url, why) = (first["url"].as_str(), first["detail"].as_str());
                let (url, why) = (url.unwrap_or_default(), why.unwrap_or_default());
                let others = match rejected.len() {
                    1 => String::new(),
                    all => format!(" (and {} more)", all - 1),
                };
                self.say(
                    Tone::Refused,
                    &format!("added {added}, not {url}: {why}{others}"),
                    now,
                );
            }
        }
    }

    /// Keeps URLs for the user to try again.
    pub(super) fn not_taken(&mut self, urls: &str) {
        if !self.untaken.is_empty() {
            self.untaken.push(' ');
        }
        self.untaken.push_str(urls);
    }
}

/// The items of a JSON array; none, where it is none.
fn list(json: &Json) -> impl Iterator<Item = &Json> {
    json.as_array().into_iter().flatten()
}

/// Takes over the fields that `changed` has.
fn merge(facts: &mut Json, changed: &Json) {
    if facts.is_null() {
        *facts = json!({});
    }
    for (field, value) in changed.as_object().into_iter().flatten() {
        facts[field] = value.clone();
    }
}

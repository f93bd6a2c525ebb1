//! Everything that the screen shows, and how what the daemon says changes it. Knows neither sockets nor
//! what the screen looks like; the time is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use haul_engine::Id;
use serde_json::{Value as Json, json};

use super::entry::Entry;
use super::list::{List, Row};
use super::talk::{Asked, Talk};
use super::view::Layout;

/// How many seconds the curve of the speed goes back.
const HISTORY: usize = 60;
/// How long what the daemon answers is shown.
const NOTE: Duration = Duration::from_secs(5);
/// How often the daemon says what has changed, in milliseconds: as often as a screen is drawn.
const PACE: u64 = 250;
/// Settings are not among what the daemon tells by itself.
const SETTINGS_EVERY: Duration = Duration::from_secs(5);

/// The connection to the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    Up,
    /// Gone since then, for this reason; tried again all the time.
    Down {
        since: Instant,
        why: String,
    },
}

/// What the keys mean now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They move in the list and do something to the chosen download.
    List,
    /// The list of keys is shown.
    Help,
    /// They are letters of a text.
    Input(Purpose, Entry),
    /// They say yes or no.
    Ask(Question),
}

/// What a text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Search,
    Add,
    Limit,
}

/// What is done when the user says yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) what: Loss,
    pub(crate) id: Id,
    pub(crate) name: String,
}

/// What cannot be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The bytes that are there.
    Cancel,
    /// The daemon's knowledge of it.
    Forget,
}

/// Something said to the user for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) text: String,
    pub(crate) tone: Tone,
    until: Instant,
}

/// How it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Done,
    Refused,
}

/// Everything about one download.
#[derive(Debug)]
pub(crate) struct Details {
    pub(crate) id: Id,
    /// `None` until the daemon has answered.
    subscription: Option<String>,
    /// As the daemon tells it; null until then.
    pub(crate) facts: Json,
}

/// What the screen shows.
#[derive(Debug)]
pub(crate) struct State {
    /// As the user gave it.
    pub(crate) server: String,
    pub(crate) link: Link,
    pub(crate) list: List,
    pub(crate) speed: u64,
    pub(crate) free_space: Option<u64>,
    /// Bytes per second, 0 is none; `None` until known.
    pub(crate) limit: Option<u64>,
    /// When the last second began.
    pub(crate) clock: Instant,
    /// Of each of the last seconds, the oldest first.
    pub(crate) history: VecDeque<u64>,
    /// The one that keys are about.
    pub(crate) chosen: Option<Id>,
    /// Its place, for when it is gone.
    place: usize,
    /// The place of the first one that is seen.
    pub(crate) top: usize,
    pub(crate) details: Option<Details>,
    pub(crate) mode: Mode,
    pub(crate) note: Option<Note>,
    /// URLs that the user gave and the daemon did not take; empty for none.
    pub(crate) untaken: String,
    pub(crate) layout: Layout,
    pub(super) talk: Talk,
    subscription: Option<String>,
    revision: u64,
    known: bool,
    settings_asked: Option<Instant>,
}

impl State {
    /// Nothing known yet, on a screen of so many columns and rows.
    pub(crate) fn new(server: String, size: (u16, u16), now: Instant) -> State {
        State {
            server,
            link: Link::Up,
            list: List::default(),
            speed: 0,
            free_space: None,
            limit: None,
            clock: now,
            history: VecDeque::from([0; HISTORY]),
            chosen: None,
            place: 0,
            top: 0,
            details: None,
            mode: Mode::List,
            note: None,
            untaken: String::new(),
            layout: Layout::of(size),
            talk: Talk::default(),
            subscription: None,
            revision: 0,
            known: false,
            settings_asked: None,
        }
    }

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

    fn ask_settings(&mut self, now: Instant) {
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
            Asked::Done(words) => self.say(Tone::Done, &words, now),
            Asked::Add(_) => self.added(&result, now),
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
        let added = crate::human::count(u64::try_from(added).unwrap_or(u64::MAX), "download");
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
    fn not_taken(&mut self, urls: &str) {
        if !self.untaken.is_empty() {
            self.untaken.push(' ');
        }
        self.untaken.push_str(urls);
    }

    /// Says something to the user for a while.
    pub(crate) fn say(&mut self, tone: Tone, text: &str, now: Instant) {
        self.note = Some(Note {
            text: text.to_owned(),
            tone,
            until: now + NOTE,
        });
    }

    /// A second has passed. Returns whether that changes what is shown.
    pub(crate) fn tick(&mut self, now: Instant) -> bool {
        self.clock = now;
        let moving = self.speed > 0 || self.history.iter().any(|speed| *speed > 0);
        self.history.pop_front();
        self.history.push_back(self.speed);
        let over = self.note.take_if(|note| note.until <= now).is_some();
        if self
            .settings_asked
            .is_some_and(|asked| now >= asked + SETTINGS_EVERY)
        {
            self.ask_settings(now);
        }
        moving || over || matches!(self.link, Link::Down { .. })
    }

    /// Whether the daemon has said what it has, now or before the connection was lost.
    pub(crate) fn knows(&self) -> bool {
        self.known
    }

    /// The download that keys are about.
    pub(crate) fn chosen(&self) -> Option<&Row> {
        self.list.get(self.chosen?)
    }

    /// Chooses the one at this place, or the last.
    pub(crate) fn choose(&mut self, place: usize) {
        self.list.settle();
        self.place = place.min(self.list.len().saturating_sub(1));
        self.chosen = self.list.at(self.place).map(|row| row.id);
    }

    /// Where the chosen one stands.
    pub(crate) fn place(&self) -> usize {
        self.place
    }

    /// The screen has so many columns and rows.
    pub(crate) fn resize(&mut self, size: (u16, u16)) {
        self.layout = Layout::of(size);
    }

    /// Brings everything that follows from something else up to date: to be called after each change and
    /// before drawing.
    pub(crate) fn settle(&mut self) {
        self.list.settle();
        match self.chosen.and_then(|id| self.list.place(id)) {
            Some(place) => self.place = place,
            // It is gone or hidden: the one that has taken its place is next.
            None => self.choose(self.place),
        }
        let rows = self.layout.rows();
        let last_top = self.list.len().saturating_sub(rows);
        let first = (self.place + 1).saturating_sub(rows);
        self.top = self.top.clamp(first, self.place.max(first)).min(last_top);
        self.follow();
    }

    /// Asks for the details of the chosen one, when they can be seen. One question at a time, however
    /// fast the choice moves.
    fn follow(&mut self) {
        let wanted = self.chosen.filter(|_| self.layout.details() > 1);
        let held = self.details.as_ref().map(|details| details.id);
        if self.subscription.is_none() || held == wanted {
            return;
        }
        if let Some(details) = self.details.take() {
            let Some(name) = details.subscription else {
                self.details = Some(details);
                return;
            };
            self.talk.ask(
                Asked::Unheard,
                "unsubscribe",
                &json!({"subscription": name}),
            );
        }
        let Some(id) = wanted else { return };
        self.details = Some(Details {
            id,
            subscription: None,
            facts: Json::Null,
        });
        let params = json!({"ids": [id.to_string()], "detail": true, "interval_ms": PACE});
        self.talk.ask(Asked::Details(id), "subscribe", &params);
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

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;

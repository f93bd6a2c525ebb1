//! Everything that the screen shows, and what follows from what. Knows neither sockets nor what the screen
//! looks like; the time is an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use haul_engine::{Id, Status};
use serde_json::{Value as Json, json};

use super::entry::Entry;
use super::hear::PACE;
use super::list::List;
use super::row::Row;
use super::talk::{Asked, Talk};
use super::view::Layout;

/// How many seconds the curve of the speed goes back.
const HISTORY: usize = 60;
/// How long what the daemon answers is shown.
const NOTE: Duration = Duration::from_secs(5);
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
    pub(super) subscription: Option<String>,
    /// As the daemon tells it; null until then.
    pub(crate) facts: Json,
}

/// What is known of the chosen download since the user did something to it: when that moves it, the keys
/// are about the next one, so that several can be dealt with in turn.
#[derive(Debug)]
struct Dealt {
    status: Status,
    /// The one behind it.
    next: Option<Id>,
    /// What moves it from then on is not what the user did.
    until: Instant,
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
    dealt: Option<Dealt>,
    /// The place of the first one that is seen.
    pub(crate) top: usize,
    pub(crate) details: Option<Details>,
    pub(crate) mode: Mode,
    pub(crate) note: Option<Note>,
    /// URLs that the user gave and the daemon did not take; empty for none.
    pub(crate) untaken: String,
    pub(crate) layout: Layout,
    pub(super) talk: Talk,
    pub(super) subscription: Option<String>,
    pub(super) revision: u64,
    pub(super) known: bool,
    pub(super) settings_asked: Option<Instant>,
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
            dealt: None,
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
        self.dealt.take_if(|dealt| dealt.until <= now);
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
        self.dealt = None;
    }

    /// The user has done something to this one that may move it.
    pub(super) fn deal_with(&mut self, id: Id, now: Instant) {
        let Some(row) = self.chosen().filter(|row| row.id == id) else {
            return;
        };
        self.dealt = Some(Dealt {
            status: row.status,
            next: self.list.at(self.place + 1).map(|next| next.id),
            until: now + NOTE,
        });
    }

    /// Where the keys go, when the chosen one now stands at `place`: with it, unless the user has moved it.
    fn goes_to(&mut self, place: usize) -> usize {
        let status = self.chosen().map(|row| row.status);
        let Some(dealt) = &mut self.dealt else {
            return place;
        };
        let is_changed = status != Some(dealt.status);
        if is_changed && place != self.place {
            let next = dealt.next.and_then(|next| self.list.place(next));
            return next.unwrap_or(self.place);
        }
        dealt.status = status.unwrap_or(dealt.status);
        dealt.next = self.list.at(place + 1).map(|next| next.id);
        place
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
            Some(place) => match self.goes_to(place) {
                goes_to if goes_to == place => self.place = place,
                next => self.choose(next),
            },
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

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;

//! What each key does: to the screen, or as a call to the daemon. Knows neither the terminal nor the
//! socket.

use std::time::Instant;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use haul_engine::Status;
use serde_json::{Value as Json, json};

use super::entry::Entry;
use super::order::{Filter, Sort};
use super::row::Row;
use super::state::{Link, Loss, Mode, Purpose, Question, State, Tone};
use super::talk::Asked;
use crate::{config, human};

/// What the keys are, as `?` shows them.
pub(crate) const HELP: [(&str, &str); 14] = [
    ("j k  arrows", "choose a download"),
    ("PgUp PgDn g G", "a page up or down, the first, the last"),
    ("p", "pause it, or let it go on"),
    ("x", "cancel it and drop its bytes (asks)"),
    ("r", "try it again"),
    ("d", "forget it, and keep a finished file (asks)"),
    ("K J  + -", "earlier or later in the queue"),
    ("a", "add URLs, separated by spaces; or paste"),
    ("l", "speed limit over all downloads"),
    ("Tab 1-6", "all, active, queued, paused, failed, done"),
    ("/", "show those whose name contains a text"),
    ("s", "sort by status, newest, name, size, progress"),
    ("Esc  Ctrl-L", "back, show everything; draw the screen anew"),
    ("q  Ctrl-Z", "quit, or leave until fg; the downloads go on"),
];

/// The same where there is no room for sentences.
pub(crate) const SHORT: [&str; 17] = [
    "j k choose",
    "PgUp PgDn page",
    "g first",
    "G last",
    "p pause",
    "x cancel",
    "r retry",
    "d forget",
    "+ - move",
    "a add",
    "l limit",
    "Tab 1-6 filter",
    "/ search",
    "s sort",
    "Esc back",
    "Ctrl-L redraw",
    "q quit",
];

/// What is said of a paste that does not fit.
const TOO_LONG: &str = "pasted text is over 1 MiB: paste it in parts";

/// What comes after a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Stay,
    Quit,
    /// Stop the process, as Ctrl-Z does.
    Suspend,
    /// Draw everything anew, whatever the terminal shows.
    Redraw,
}

impl State {
    /// Does what a key asks for.
    pub(crate) fn key(&mut self, key: KeyEvent, now: Instant) -> Next {
        if key.kind == KeyEventKind::Release {
            return Next::Stay;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            match key.code {
                KeyCode::Char('c') => return Next::Quit,
                KeyCode::Char('z') => return Next::Suspend,
                KeyCode::Char('l') => return Next::Redraw,
                _ => {}
            }
        }
        match std::mem::replace(&mut self.mode, Mode::List) {
            Mode::List => return self.command(key, now),
            Mode::Help if key.code == KeyCode::Char('q') => return Next::Quit,
            // Any other key has closed it.
            Mode::Help => {}
            Mode::Ask(question) => self.answer(question, key, now),
            Mode::Input(purpose, entry) => self.edit(purpose, entry, key, now),
        }
        Next::Stay
    }

    /// Takes text that was pasted: into the line that is edited, or as URLs to be added.
    pub(crate) fn paste(&mut self, text: &str, now: Instant) {
        match &mut self.mode {
            Mode::Input(purpose, entry) => {
                if !entry.insert(text) {
                    self.say(Tone::Refused, TOO_LONG, now);
                    return;
                }
                if *purpose == Purpose::Search {
                    let text = entry.text().to_owned();
                    self.search(&text);
                }
            }
            _ if text.contains("://") => {
                let mut entry = Entry::default();
                if entry.insert(text.trim()) {
                    self.type_in(Purpose::Add, entry);
                } else {
                    self.say(Tone::Refused, TOO_LONG, now);
                }
            }
            _ => self.say(Tone::Refused, "pasted text has no URL", now),
        }
    }

    fn command(&mut self, key: KeyEvent, now: Instant) -> Next {
        if is_chord(key) {
            return Next::Stay;
        }
        let page = self.layout.rows().saturating_sub(1).max(1);
        let place = self.place();
        match key.code {
            KeyCode::Char('q') => return Next::Quit,
            KeyCode::Char('?' | 'h') => self.mode = Mode::Help,
            KeyCode::Char('j') | KeyCode::Down => self.choose(place + 1),
            KeyCode::Char('k') | KeyCode::Up => self.choose(place.saturating_sub(1)),
            KeyCode::PageDown => self.choose(place + page),
            KeyCode::PageUp => self.choose(place.saturating_sub(page)),
            KeyCode::Char('g') | KeyCode::Home => self.choose(0),
            KeyCode::Char('G') | KeyCode::End => self.choose(usize::MAX),
            KeyCode::Tab => self.turn(1),
            KeyCode::BackTab => self.turn(Filter::ALL.len() - 1),
            KeyCode::Char(digit @ '1'..='6') => {
                let filter = Filter::ALL.get(usize::from(digit as u8 - b'1'));
                self.list.show(filter.copied().unwrap_or(Filter::All));
            }
            KeyCode::Char('s') => self.list.sort_by(after(&Sort::ALL, self.list.sort(), 1)),
            KeyCode::Char('/') => {
                let entry = Entry::with(self.list.search());
                self.type_in(Purpose::Search, entry);
            }
            KeyCode::Esc => {
                self.list.search_for("");
                self.list.show(Filter::All);
                self.note = None;
            }
            KeyCode::Char('a') => {
                let entry = Entry::with(&std::mem::take(&mut self.untaken));
                self.type_in(Purpose::Add, entry);
            }
            KeyCode::Char('l') => self.type_in(Purpose::Limit, Entry::default()),
            KeyCode::Char(letter @ ('p' | 'x' | 'r' | 'd' | 'J' | 'K' | '+' | '-')) => {
                match self.chosen().cloned() {
                    Some(row) => self.act(letter, &row, now),
                    None => self.say(Tone::Refused, "there is no download to do that to", now),
                }
            }
            _ => {}
        }
        Next::Stay
    }

    /// Begins a line; what was said before is not about it.
    pub(super) fn type_in(&mut self, purpose: Purpose, entry: Entry) {
        self.note = None;
        self.mode = Mode::Input(purpose, entry);
    }

    fn turn(&mut self, by: usize) {
        self.list.show(after(&Filter::ALL, self.list.filter(), by));
    }

    /// Does something to the chosen download.
    fn act(&mut self, letter: char, row: &Row, now: Instant) {
        let ask = |what| {
            Mode::Ask(Question {
                what,
                id: row.id,
                name: row.name.clone(),
            })
        };
        let name = &row.name;
        let params = json!({"id": row.id.to_string()});
        if matches!(letter, 'p' | 'r') {
            self.deal_with(row.id, now);
        }
        match (letter, row.status) {
            ('x', status) if status.is_over() => {
                self.say(Tone::Refused, "it has ended; d forgets it", now);
            }
            ('x', _) => self.mode = ask(Loss::Cancel),
            ('d', _) => self.mode = ask(Loss::Forget),
            ('r', _) => self.call(
                "downloads.retry",
                &params,
                format!("tried again: {name}"),
                now,
            ),
            ('p', Status::Paused) => {
                self.call("downloads.resume", &params, format!("goes on: {name}"), now);
            }
            ('p', status) if status.is_over() => {
                self.say(Tone::Refused, "it has ended; r tries it again", now);
            }
            ('p', _) => self.call("downloads.pause", &params, format!("paused: {name}"), now),
            ('K' | '+', Status::Queued) => {
                self.relocate(row, row.position.map(|at| at.saturating_sub(1)), now);
            }
            ('J' | '-', Status::Queued) => self.relocate(row, row.position.map(|at| at + 1), now),
            _ => self.say(
                Tone::Refused,
                "only a queued download has a place in the queue",
                now,
            ),
        }
    }

    fn relocate(&mut self, row: &Row, to: Option<u64>, now: Instant) {
        let Some(to) = to else {
            // The daemon tells places at the front of the queue only; from far behind one goes there.
            self.say(
                Tone::Refused,
                "it is too far behind; `haul move ID 0` brings it to the front",
                now,
            );
            return;
        };
        let params = json!({"id": row.id.to_string(), "position": to});
        self.call(
            "downloads.move",
            &params,
            format!("moved: {}", row.name),
            now,
        );
    }

    /// Calls the daemon for the user; `done` is said when it has been done.
    fn call(&mut self, method: &str, params: &Json, done: String, now: Instant) {
        self.ask(Asked::Done(done), method, params, now);
    }

    /// Asks the daemon for the user, or says why not. Returns whether it was asked.
    fn ask(&mut self, asked: Asked, method: &str, params: &Json, now: Instant) -> bool {
        let refusal = match self.link {
            Link::Down { .. } => "no connection to the daemon",
            Link::Up if self.talk.is_full() => "the daemon is slow to answer; wait",
            Link::Up => {
                self.talk.ask(asked, method, params);
                return true;
            }
        };
        self.say(Tone::Refused, refusal, now);
        false
    }

    fn answer(&mut self, question: Question, key: KeyEvent, now: Instant) {
        if is_chord(key) || !matches!(key.code, KeyCode::Char('y' | 'Y')) {
            return;
        }
        let Question { what, id, name } = question;
        self.deal_with(id, now);
        let id = id.to_string();
        match what {
            Loss::Cancel => {
                let params = json!({"id": id});
                self.call(
                    "downloads.cancel",
                    &params,
                    format!("cancelled: {name}"),
                    now,
                );
            }
            Loss::Forget => {
                let params = json!({"id": id, "files": false});
                self.call(
                    "downloads.remove",
                    &params,
                    format!("forgotten: {name}"),
                    now,
                );
            }
        }
    }

    /// Shows what is searched for, from the first on when the chosen one is not among it.
    fn search(&mut self, text: &str) {
        self.list.search_for(text);
        self.list.settle();
        if self.chosen.is_none_or(|id| self.list.place(id).is_none()) {
            self.choose(0);
        }
    }

    fn edit(&mut self, purpose: Purpose, mut entry: Entry, key: KeyEvent, now: Instant) {
        match key.code {
            // What some terminals and multiplexers send for the end of a pasted line.
            KeyCode::Char('j') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                let enter = KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE);
                self.edit(purpose, entry, enter, now);
            }
            // In a list of URLs it separates two of them.
            KeyCode::Tab if purpose == Purpose::Add => {
                entry.insert(" ");
                self.mode = Mode::Input(purpose, entry);
            }
            KeyCode::Esc => {
                if purpose == Purpose::Search {
                    self.list.search_for("");
                }
            }
            KeyCode::Enter => {
                if !self.done(purpose, entry.text().trim(), now) {
                    self.mode = Mode::Input(purpose, entry);
                }
            }
            code => {
                entry.key(code, key.modifiers);
                if purpose == Purpose::Search {
                    self.search(entry.text());
                }
                self.mode = Mode::Input(purpose, entry);
            }
        }
    }

    /// Does what a typed text asks for, or says why it cannot be done now. Returns whether the line is
    /// done with; if not, it is the text that is wrong, and the user goes on typing.
    fn done(&mut self, purpose: Purpose, text: &str, now: Instant) -> bool {
        if purpose == Purpose::Search || text.is_empty() {
            return true;
        }
        if purpose == Purpose::Add {
            let urls: Vec<&str> = text.split_whitespace().collect();
            let params = json!({"urls": urls});
            if !self.ask(Asked::Add(text.to_owned()), "downloads.add", &params, now) {
                self.not_taken(text);
            }
            return true;
        }
        let limit = match config::parse_size(text) {
            Ok(limit) => limit,
            Err(why) => {
                self.say(Tone::Refused, &why, now);
                return false;
            }
        };
        let told = match limit {
            0 => "no speed limit".to_owned(),
            limit => format!("speed limit {}", human::speed(limit)),
        };
        let params = json!({"speed_limit": limit});
        if self.ask(Asked::Done(told), "settings.set", &params, now) {
            self.talk.ask(Asked::Settings, "settings.get", &json!({}));
        }
        true
    }
}

/// Whether it is another key than its letter says: Ctrl-P is no p.
fn is_chord(key: KeyEvent) -> bool {
    key.modifiers
        .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
}

/// The value that comes `by` places after this one, in a circle.
fn after<T: Copy + PartialEq>(all: &[T], this: T, by: usize) -> T {
    let at = all.iter().position(|value| *value == this).unwrap_or(0);
    all.get((at + by) % all.len().max(1))
        .copied()
        .unwrap_or(this)
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;

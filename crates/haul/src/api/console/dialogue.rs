//! The dialogue: what each line means where it stands, and the answers in the order of the lines.
//! Knows the daemon only as a [`Backend`], and no socket.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use haul_engine::{Spec, Status, View};
use tokio::time::{Instant, sleep_until};

use super::backend::{Acted, Backend, List, Verb};
use super::phrase::{self, Phrase};
use super::recording::{END, Heard, Recording};
use crate::api::socket::{Inbox, Talk, Utf8Bytes};
use crate::api::types::download::{file_url, shown_url};
use crate::api::{Batches, Lang};

/// How often `watch` speaks.
const WATCH_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Console<B: Backend> {
    backend: Arc<B>,
    lang: Lang,
    batches: Batches,
    inbox: Inbox,
    mode: Mode<B::Probed>,
    /// A command that takes time; nothing else happens meanwhile.
    job: Option<BoxFuture<'static, Phrase>>,
    outbox: Outbox,
    watch: Option<Watch>,
}

enum Mode<P> {
    Idle,
    Recording(Box<Recording<P>>),
}

/// Lines to say. Lists are turned into words one by one: they may be long.
#[derive(Default)]
struct Outbox {
    said: VecDeque<Phrase>,
    listed: Option<std::vec::IntoIter<Arc<View>>>,
}

impl Outbox {
    fn next(&mut self) -> Option<Phrase> {
        if let Some(phrase) = self.said.pop_front() {
            return Some(phrase);
        }
        let view = self.listed.as_mut()?.next();
        if view.is_none() {
            self.listed = None;
        }
        view.map(|view| line(&view))
    }

    fn is_empty(&self) -> bool {
        self.said.is_empty() && self.listed.as_ref().is_none_or(|rest| rest.len() == 0)
    }
}

struct Watch {
    due: Instant,
    /// What ended up to this revision has been told.
    told: u64,
}

/// What a line means outside recording.
enum Order {
    Help,
    Start,
    End,
    List(List),
    Watch,
    WatchOff,
    Lang(Lang),
    Act(Verb, String),
    Unknown,
}

impl Order {
    fn read(line: &str) -> Order {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("help_command" | "help"), None, _) => Order::Help,
            (Some("start"), None, _) => Order::Start,
            (Some(END), None, _) => Order::End,
            (Some("queue"), None, _) => Order::List(List::Queue),
            (Some("loading"), None, _) => Order::List(List::Loading),
            (Some("download"), None, _) => Order::List(List::Download),
            (Some("watch"), None, _) => Order::Watch,
            (Some("watch"), Some("off"), None) => Order::WatchOff,
            (Some("lang"), Some(code), None) => {
                Lang::from_code(code).map_or(Order::Unknown, Order::Lang)
            }
            (Some("pause"), Some(url), None) => Order::Act(Verb::Pause, url.to_owned()),
            (Some("resume"), Some(url), None) => Order::Act(Verb::Resume, url.to_owned()),
            (Some("cancel"), Some(url), None) => Order::Act(Verb::Cancel, url.to_owned()),
            _ => Order::Unknown,
        }
    }
}

impl<B: Backend> Console<B> {
    pub(super) fn new(backend: Arc<B>, lang: Lang, batches: Batches) -> Console<B> {
        Console {
            backend,
            lang,
            batches,
            inbox: Inbox::default(),
            mode: Mode::Idle,
            job: None,
            outbox: Outbox::default(),
            watch: None,
        }
    }

    /// Deals with lines as far as possible without waiting and without falling behind in saying.
    fn step(&mut self) {
        while self.job.is_none() && self.outbox.is_empty() {
            let went_on = match &mut self.mode {
                Mode::Idle => match self.inbox.pop() {
                    Some(line) => {
                        self.obey(Order::read(&line));
                        true
                    }
                    None => false,
                },
                Mode::Recording(_) => self.record(),
            };
            if !went_on {
                return;
            }
        }
    }

    /// Deals with one line of a recording; `false` when there is none or it has to wait.
    fn record(&mut self) -> bool {
        let Mode::Recording(recording) = &mut self.mode else {
            return false;
        };
        let Some(line) = self.inbox.front() else {
            return false;
        };
        match recording.hear(line, &self.backend) {
            Heard::Waits => return false,
            Heard::Taken => {
                self.inbox.pop();
            }
            Heard::End => {
                self.inbox.pop();
                self.submit();
            }
        }
        true
    }

    fn submit(&mut self) {
        let Mode::Recording(recording) = std::mem::replace(&mut self.mode, Mode::Idle) else {
            return;
        };
        let Some((probed, paused)) = recording.batch() else {
            self.say_later(phrase::NOTHING_ADDED);
            return;
        };
        let backend = self.backend.clone();
        self.job = Some(Box::pin(async move {
            match backend.submit(probed, paused).await {
                Ok(()) => phrase::SUBMITTED,
                Err(error) => Phrase::Failed {
                    what: "console-not-added",
                    why: error.to_string(),
                },
            }
        }));
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Help => self.outbox.said.extend(phrase::HELP),
            Order::Start if self.batches == Batches::One && self.backend.is_batch_running() => {
                self.say_later(phrase::BATCH_RUNNING);
            }
            Order::Start => self.mode = Mode::Recording(Box::default()),
            Order::End => self.say_later(phrase::NOTHING_ADDED),
            Order::List(list) => {
                let views = self.backend.list(list);
                if views.is_empty() {
                    self.say_later(phrase::EMPTY);
                }
                self.outbox.listed = Some(views.into_iter());
            }
            Order::Watch => {
                self.watch = Some(Watch {
                    due: Instant::now(),
                    told: self.backend.revision(),
                });
            }
            Order::WatchOff => self.watch = None,
            Order::Lang(lang) => self.lang = lang,
            Order::Act(verb, url) => self.act(verb, &url),
            Order::Unknown => self.say_later(phrase::UNKNOWN_COMMAND),
        }
    }

    fn act(&mut self, verb: Verb, text: &str) {
        let Ok(url) = Spec::parse_url(text) else {
            self.say_later(phrase::NOT_A_URL);
            return;
        };
        let backend = self.backend.clone();
        self.job = Some(Box::pin(async move {
            let done = match verb {
                Verb::Pause => "console-paused",
                Verb::Resume => "console-resumed",
                Verb::Cancel => "console-cancelled",
            };
            match backend.act(verb, url.clone()).await {
                Acted::Done => Phrase::Done {
                    what: done,
                    url: shown_url(url.as_str()).into_owned(),
                },
                Acted::NoSuchUrl => phrase::NO_SUCH_URL,
                Acted::NotNow => phrase::NOT_NOW,
                Acted::Failed(error) => Phrase::Failed {
                    what: "console-failed",
                    why: error.to_string(),
                },
            }
        }));
    }

    fn say_later(&mut self, phrase: Phrase) {
        self.outbox.said.push_back(phrase);
    }

    /// What `watch` says this second.
    fn observe(&mut self) {
        let Some(watch) = &mut self.watch else {
            return;
        };
        let (revision, ended) = self.backend.ended_since(watch.told);
        watch.told = revision;
        watch.due = Instant::now() + WATCH_EVERY;
        let mut views = self.backend.list(List::Loading);
        views.extend(ended);
        self.outbox.listed = Some(views.into_iter());
    }

    /// Waits for the next check in the order of the lines. Without one it waits for ever.
    async fn checked(mode: &mut Mode<B::Probed>) -> Option<Phrase> {
        let Mode::Recording(recording) = mode else {
            return std::future::pending().await;
        };
        recording.checked().await
    }

    async fn done(job: &mut Option<BoxFuture<'static, Phrase>>) -> Phrase {
        let Some(running) = job else {
            return std::future::pending().await;
        };
        let phrase = running.await;
        *job = None;
        phrase
    }

    async fn watched(watch: &Option<Watch>) {
        match watch {
            Some(watch) => sleep_until(watch.due).await,
            None => std::future::pending().await,
        }
    }
}

impl<B: Backend> Talk for Console<B> {
    fn hear(&mut self, text: String) {
        let line = text.trim();
        if line.contains('\n') {
            // Several lines pasted into one message.
            for line in line.lines() {
                self.inbox.push(line.trim().to_owned());
            }
            return;
        }
        self.inbox.push(line.to_owned());
    }

    fn is_full(&self) -> bool {
        self.inbox.is_full()
    }

    fn is_settled(&self) -> bool {
        // A recording without its end comes to nothing.
        let waits_in_vain = matches!(self.mode, Mode::Recording(_)) && !self.inbox.contains(END);
        self.job.is_none() && (self.inbox.is_empty() || waits_in_vain)
    }

    async fn say(&mut self) -> Utf8Bytes {
        loop {
            self.step();
            if let Some(phrase) = self.outbox.next() {
                return phrase.say(self.lang).into();
            }
            tokio::select! {
                answer = Self::checked(&mut self.mode) => self.outbox.said.extend(answer),
                phrase = Self::done(&mut self.job) => self.say_later(phrase),
                () = Self::watched(&self.watch) => self.observe(),
            }
        }
    }
}

/// A download as its list shows it.
fn line(view: &View) -> Phrase {
    let url = shown_url(&view.url).into_owned();
    match view.status {
        Status::Completed => Phrase::Downloaded {
            url,
            size: view.size.unwrap_or(view.done),
            file: file_url(view).unwrap_or_default(),
        },
        Status::Failed => Phrase::NotDownloaded {
            url,
            why: view
                .error
                .as_ref()
                .map_or_else(String::new, |error| error.detail.clone()),
        },
        Status::Queued => Phrase::Queued { url },
        Status::Paused => Phrase::PausedWaiting { url },
        _ => Phrase::Loading {
            url,
            // Clients read digits here: what is not known yet is 0.
            size: view.size.unwrap_or(0),
            threads: view.threads_active,
            tenths: view.progress().unwrap_or(0),
        },
    }
}

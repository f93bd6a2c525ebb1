//! The one task that owns the table of downloads: takes messages, starts what may start, and takes
//! the records of ended downloads back.

mod adding;
mod changing;
mod commands;
mod line;
mod running;
mod ticks;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::task::AbortOnDropHandle;

use super::change::Edit;
use super::once::Requests;
use super::queue::{Place, Queue};
use super::resting::{Options, Resting};
use super::show;
use super::waiting::Waiting;
use super::{Files, Key, New, Seat};
use crate::context::Context;
use crate::crash::{Point, point};
use crate::disk::ScratchDir;
use crate::download::How;
use crate::error::{Error, Result};
use crate::event::View;
use crate::plan::state::{Input, Status};
use crate::probe::Found;
use crate::spec::{Id, Settings, SettingsChange, Spec};
use crate::store::{Once, Record};
use running::Running;

/// How often gauges and positions are brought up to date.
const TICK: Duration = Duration::from_millis(200);

type Reply<T = Result<Arc<View>>> = oneshot::Sender<T>;

type ReplyAll = Reply<Result<Vec<Arc<View>>>>;

/// What the handle asks for.
pub(super) enum Message {
    Add(Vec<New>, ReplyAll),
    AddOnce(Key, Vec<New>, ReplyAll),
    Pause(Id, Reply),
    Resume(Id, Reply),
    Retry(Id, Reply),
    Cancel(Id, Reply),
    Remove(Id, Files, Reply),
    Reorder(Id, usize, Reply),
    Edit(Id, Edit, Reply),
    Reseat(Id, Seat, Reply<Result<usize>>),
    Waiting(i64, usize, Reply<Vec<(Id, Spec)>>),
    Specs(Vec<Id>, Reply<Vec<(Id, Spec)>>),
    Settings(Reply<Settings>),
    ChangeSettings(SettingsChange, Reply<Settings>),
    Shutdown,
}

/// What somebody wants of a download that may first have to stop.
enum Wish {
    Pause,
    Resume,
    Cancel,
    Remove(Files),
}

/// What is left to do when the store has answered.
enum After {
    /// Nothing: who asked has been answered.
    Nothing,
    /// The records are durable: the downloads exist from now on.
    Added(Vec<NewRecord>, Option<Once>, ReplyAll),
    /// They are not; whoever has sent the same request meanwhile is told so, too.
    NotAdded(Vec<Id>, Error, Option<Once>, ReplyAll),
    /// The record could not be removed: the download is still there.
    Kept(Box<Record>),
}

/// What is known of a download that is being added.
type NewRecord = (Record, Option<Box<Found>>);

/// One row of the table.
enum Entry {
    /// It does not run; the table holds its record.
    Resting {
        record: Resting,
        found: Option<Box<Found>>,
    },
    /// It runs; its task holds the record.
    Running(Running),
}

pub(super) struct Table {
    context: Arc<Context>,
    transfers: Handle,
    settings: Settings,
    /// Every download but the completed: those are shown and stored, and nothing more can happen to
    /// them, so that a long life costs little memory.
    entries: HashMap<Id, Entry>,
    /// Those of the completed whose file was there before: it is not ours to delete.
    skipped: HashSet<Id>,
    requests: Requests<ReplyAll>,
    options: Options,
    queue: Queue,
    /// The queued, the paused and those between two tries, in the order in which they would start.
    line: Queue,
    waiting: Waiting,
    /// Ids of downloads that are being recorded and not in the table yet.
    coming: HashSet<Id>,
    last_rank: i64,
    running: JoinSet<(Record, How)>,
    /// Which task runs which download, for the case that a task breaks off.
    tasks: HashMap<tokio::task::Id, Id>,
    /// Answers that wait for the store.
    saving: FuturesUnordered<BoxFuture<'static, After>>,
    /// The head of the queue as positions were last told.
    told: Vec<Id>,
    /// Whether one of them has left its place since, perhaps to come back to it.
    has_stirred: bool,
    ticks: u32,
    looking: Option<JoinHandle<()>>,
    stopping: bool,
    /// Serves the groups as long as there is a table.
    _groups: AbortOnDropHandle<()>,
}

impl Table {
    /// What the store remembers; what was active is queued again.
    pub(super) async fn load(
        context: Arc<Context>,
        transfers: Handle,
        settings: Settings,
        groups: AbortOnDropHandle<()>,
    ) -> Result<Table> {
        let records = context.store.load().await?;
        let requests = Requests::of(context.store.requests().await?);
        let mut table = Table {
            context,
            transfers,
            settings,
            entries: HashMap::new(),
            skipped: HashSet::new(),
            requests,
            options: Options::default(),
            queue: Queue::default(),
            line: Queue::default(),
            waiting: Waiting::default(),
            coming: HashSet::new(),
            last_rank: 0,
            running: JoinSet::new(),
            tasks: HashMap::new(),
            saving: FuturesUnordered::new(),
            told: Vec::new(),
            has_stirred: false,
            ticks: 0,
            looking: None,
            stopping: false,
            _groups: groups,
        };
        for mut record in records {
            if let Some(queued) = record
                .status
                .step(Input::Resume)
                .filter(|_| record.status.is_active())
            {
                record.status = queued;
            }
            table.last_rank = table.last_rank.max(record.rank);
            table.context.live.insert(show::view(
                &record,
                &table.settings,
                &table.context.config.dir,
            ));
            table.rest(record, None);
        }
        table.sweep();
        Ok(table)
    }

    /// Deletes scratch files that no record speaks of: a crash came between a record's end and its
    /// file's.
    fn sweep(&self) {
        let known: HashSet<&Path> = self
            .entries
            .values()
            .filter_map(|entry| match entry {
                Entry::Resting { record, .. } => record.begun()?.scratch.as_deref(),
                Entry::Running(_) => None,
            })
            .collect();
        ScratchDir::of(&self.context.config.state_dir).sweep(&known);
    }

    pub(super) async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut inside = self.context.groups.inside();
        loop {
            self.admit();
            if self.stopping && self.running.is_empty() && self.saving.is_empty() {
                point(Point::Stopped);
                return;
            }
            tokio::select! {
                message = messages.recv(), if !self.stopping || !messages.is_empty() => {
                    // Nobody can ask any more: nobody can want it to go on.
                    self.handle(message.unwrap_or(Message::Shutdown), &mut messages);
                }
                Some(ended) = self.running.join_next_with_id() => self.settle(ended),
                Some(after) = self.saving.next() => self.follow(after),
                // A file that has gone into a group has left its place to the next.
                Ok(()) = inside.changed() => {}
                _ = ticks.tick() => self.tick(),
            }
        }
    }

    fn handle(&mut self, message: Message, messages: &mut mpsc::Receiver<Message>) {
        match message {
            Message::Add(new, reply) => self.add(new, None, reply),
            Message::AddOnce(key, new, reply) => self.add_once(key, new, reply),
            Message::Pause(id, reply) => self.wish(id, Wish::Pause, reply),
            Message::Cancel(id, reply) => self.wish(id, Wish::Cancel, reply),
            Message::Remove(id, files, reply) => self.wish(id, Wish::Remove(files), reply),
            Message::Resume(id, reply) => self.resume(id, reply),
            Message::Retry(id, reply) => self.requeue(id, Input::Retry, reply),
            Message::Reorder(id, position, reply) => self.reorder(id, position, reply),
            Message::Edit(id, edit, reply) => self.edit(id, edit, reply),
            Message::Reseat(id, seat, reply) => self.reseat(id, seat, reply),
            Message::Waiting(from, most, reply) => answer(reply, self.waiting(from, most)),
            Message::Specs(ids, reply) => answer(reply, self.specs(&ids)),
            Message::Settings(reply) => answer(reply, self.settings.clone()),
            Message::ChangeSettings(change, reply) => self.change_settings(&change, reply),
            Message::Shutdown => {
                point(Point::Stopping);
                messages.close();
                self.stopping = true;
                for entry in self.entries.values() {
                    if let Entry::Running(running) = entry {
                        running.stop.cancel();
                    }
                }
            }
        }
    }

    /// Puts a record to rest, into the queue when it is to start by itself.
    fn rest(&mut self, record: Record, found: Option<Box<Found>>) {
        let id = record.id;
        if record.status == Status::Completed {
            // An id may be chosen again by whoever names his downloads.
            if record.skipped {
                self.skipped.insert(id);
            } else {
                self.skipped.remove(&id);
            }
            return;
        }
        if record.status == Status::Queued && self.waiting.wait_of(id).is_none() {
            self.queue.insert(id, Place::of(&record));
        }
        if matches!(record.status, Status::Queued | Status::Paused) {
            self.line.insert(id, Place::of(&record));
        }
        let shown = self.context.live.get(id);
        let url = shown.map(|view| view.url.clone());
        let record = Resting::pack(record, url, &mut self.options);
        self.entries.insert(id, Entry::Resting { record, found });
    }

    /// Takes a resting record, and what a probe has found, out of the table and the queue. What it may
    /// wait for is over.
    fn take(&mut self, id: Id) -> Option<(Record, Option<Box<Found>>)> {
        self.waiting.remove(id);
        self.lift(id)
    }

    /// The same, but it waits on: when it is put back, it is between the same two tries.
    fn lift(&mut self, id: Id) -> Option<(Record, Option<Box<Found>>)> {
        let Entry::Resting { .. } = self.entries.get(&id)? else {
            return None;
        };
        let Some(Entry::Resting { record, found }) = self.entries.remove(&id) else {
            return None;
        };
        self.queue.remove(id, record.place());
        self.has_stirred = true;
        self.line.remove(id, record.place());
        Some((record.unpack(id), found))
    }

    /// Shows a record at rest.
    fn show(&self, record: &Record) -> Arc<View> {
        let mut view = show::view(record, &self.settings, &self.context.config.dir);
        let wait = self.waiting.wait_of(record.id);
        view.reason = wait.map(|wait| wait.reason.clone());
        let shown = self.context.live.update(record.id, |shown| {
            let position = shown.position.filter(|_| view.status == Status::Queued);
            *shown = View {
                revision: shown.revision,
                position,
                ..view.clone()
            }
        });
        shown.unwrap_or_else(|| Arc::new(view))
    }

    /// Calls `then` when the store has done what it was told.
    fn when_durable(
        &mut self,
        saved: BoxFuture<'static, Result<()>>,
        then: impl FnOnce(Result<()>) + Send + 'static,
    ) {
        let saving = async move {
            let saved = saved.await;
            if let Err(error) = &saved {
                tracing::error!(%error, "the database refuses a record");
            }
            then(saved);
            After::Nothing
        };
        self.saving.push(saving.boxed());
    }

    /// The store has answered.
    fn follow(&mut self, after: After) {
        match after {
            After::Nothing => {}
            After::Added(new, request, reply) => self.take_in(new, request, reply),
            After::NotAdded(ids, error, request, reply) => {
                self.leave_out(&ids, &error, request, reply);
            }
            After::Kept(record) => self.rest(*record, None),
        }
    }
}

/// Nobody waits for an answer any more when its receiver is gone; that is no error.
fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    let _ = reply.send(value);
}

//! Owns the table of downloads and the order in which they start. [`Engine`] is the handle: each
//! call is a message to the one task that owns the table, and returns when it has taken effect.

mod change;
mod once;
mod queue;
mod resting;
mod show;
mod table;
mod waiting;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::context::Context;
use crate::disk::{Disk, RealDisk};
use crate::error::{Error, Kind, Result};
use crate::event::{Live, View};
use crate::group;
use crate::http::Client;
use crate::limit::{Limits, Owner};
use crate::opened::{Otherwise, Shelf};
use crate::plan::resource::Resource;
use crate::probe::{self, Found, Html, Manner};
use crate::source::Source;
use crate::spec::{Config, Id, Settings, SettingsChange, Spec};
use crate::store::Store;
pub use change::Change;
use table::{Message, Table};

/// How long a probe on request may take.
const PROBE_TIME: Duration = Duration::from_secs(10);

/// Commands that may wait for the table's task before senders wait, too.
const INBOX: usize = 1024;

/// The handle to a running engine. Clones share it.
#[derive(Clone)]
pub struct Engine {
    context: Arc<Context>,
    transfers: Handle,
    inbox: mpsc::Sender<Message>,
    /// The table's task. It ends by itself when the last handle is dropped.
    task: TaskTracker,
}

/// A download whose URL has been probed before it was added. It may hold the open first response,
/// so that no second request is needed when the download starts soon.
pub struct Probed {
    spec: Spec,
    found: Found,
}

impl Probed {
    /// What was asked for.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// What the server said.
    pub fn resource(&self) -> &Resource {
        &self.found.resource
    }
}

/// A download to add.
pub enum New {
    /// Not asked about yet: it is probed when its turn comes.
    Unseen(Spec),
    /// The same under an id of the caller's choice. When there is a download with that id already, none
    /// of those that came with it is added.
    Named(Id, Spec),
    /// Probed already.
    Probed(Box<Probed>),
}

/// Tells one request to add downloads from another, so that it can be repeated by whoever has not
/// heard the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The caller's name for the request.
    pub name: String,
    /// A digest of what is asked for: the same name with another one is a mistake.
    pub digest: [u8; 32],
}

/// A place among the waiting. What lies beyond either end is that end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// So many from the front.
    Front(i64),
    /// So many further back than now; less than 0 is further to the front.
    Further(i64),
    /// So many behind the last; less than 0 is in front of it.
    Last(i64),
}

/// What becomes of the file when a download is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Files {
    /// The finished file stays.
    Keep,
    /// The finished file is deleted too.
    Delete,
}

impl Engine {
    /// Loads what the store remembers, goes on with what was active, and takes commands.
    ///
    /// Downloads run on `transfers`, so that a busy disk or core never delays an answer given on
    /// the caller's runtime.
    pub async fn start(config: Config, store: Arc<dyn Store>, transfers: Handle) -> Result<Engine> {
        Engine::start_on(Arc::new(RealDisk), config, store, transfers).await
    }

    /// [`Engine::start`] on a disk of the caller's, for tests that break it.
    pub async fn start_on(
        disk: Arc<dyn Disk>,
        config: Config,
        store: Arc<dyn Store>,
        transfers: Handle,
    ) -> Result<Engine> {
        let settings = config.settings.clone();
        let config = Arc::new(config);
        let limits = Limits::new(&settings);
        let client = Client::new(&config, limits.clone())?;
        let (groups, service) = group::groups(store.clone(), config.clone());
        let context = Arc::new(Context {
            config,
            client,
            limits,
            store,
            disk,
            live: Live::later_than_any(SystemTime::now()),
            shelf: Shelf::new(),
            groups,
            place_wanted: watch::Sender::new(false),
        });
        let (inbox, messages) = mpsc::channel(INBOX);
        let service = AbortOnDropHandle::new(transfers.spawn(service.run()));
        let table = Table::load(context.clone(), transfers.clone(), settings, service).await?;
        let task = TaskTracker::new();
        task.spawn(table.run(messages));
        task.close();
        Ok(Engine {
            context,
            transfers,
            inbox,
            task,
        })
    }

    /// The live state: reading it never waits for the engine.
    pub fn live(&self) -> &Live {
        &self.context.live
    }

    /// Tasks alive now on the runtime of the transfers and on the caller's. In a long life it comes
    /// back to the same number whenever nothing runs.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn tasks(&self) -> usize {
        let own = Handle::current();
        let transfers = self.transfers.metrics().num_alive_tasks();
        if own.id() == self.transfers.id() {
            return transfers;
        }
        transfers + own.metrics().num_alive_tasks()
    }

    /// Asks the server what there is at `spec.url`, without adding anything.
    ///
    /// Answers within 10 seconds, or fails with [`Kind::Timeout`].
    pub async fn probe(&self, spec: Spec) -> Result<Probed> {
        let url = spec.url.clone();
        let context = self.context.clone();
        let block = spec.block_size.unwrap_or(self.settings().await?.block_size);
        // On the transfer runtime, so that the connection that it opens lives where it will be used.
        let mut probing = AbortOnDropHandle::new(self.transfers.spawn(async move {
            let source = Source::new(spec.url.clone(), spec.headers.clone(), Owner::Nobody);
            let html = if spec.accept_html {
                Html::Accept
            } else {
                Html::Refuse
            };
            let mut found =
                probe::probe(&context.client, &source, Manner::Block(block), html).await?;
            // Others need the connection more than a download that may start later.
            let otherwise = if context.limits.is_tight(&found.resource.final_url) {
                Otherwise::Close
            } else {
                Otherwise::KeepOpen
            };
            if let Some(opened) = found.opened.take() {
                found.opened = context.shelf.hold(opened, otherwise).await;
            }
            Ok(Probed { spec, found })
        }));
        match tokio::time::timeout(PROBE_TIME, &mut probing).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(broken)) => Err(Error::new(
                Kind::Stopping,
                format!("the probe broke off: {broken}"),
            )),
            Err(_) => {
                let detail = format!("no answer within {} s", PROBE_TIME.as_secs());
                Err(Error::passing(Kind::Timeout, detail).at(&url))
            }
        }
    }

    /// Adds downloads behind all others of their priority; durable when it returns.
    pub async fn add(&self, new: Vec<New>) -> Result<Vec<Arc<View>>> {
        self.ask(|reply| Message::Add(new, reply)).await?
    }

    /// Adds downloads unless that was done under this key within the last 24 hours: then what was added
    /// at that time is returned, as far as it is still there. As durable as what it adds.
    ///
    /// # Errors
    /// [`Kind::KeyReused`] when the key was used for another request, [`Kind::TooManyKeys`] when no more
    /// can be remembered, and those of [`Engine::add`].
    pub async fn add_once(&self, key: Key, new: Vec<New>) -> Result<Vec<Arc<View>>> {
        self.ask(|reply| Message::AddOnce(key, new, reply)).await?
    }

    /// Stops a download and keeps its bytes.
    pub async fn pause(&self, id: Id) -> Result<Arc<View>> {
        self.ask(|reply| Message::Pause(id, reply)).await?
    }

    /// Puts a paused download back into the queue.
    pub async fn resume(&self, id: Id) -> Result<Arc<View>> {
        self.ask(|reply| Message::Resume(id, reply)).await?
    }

    /// Puts a failed or cancelled download back into the queue.
    pub async fn retry(&self, id: Id) -> Result<Arc<View>> {
        self.ask(|reply| Message::Retry(id, reply)).await?
    }

    /// Gives a download up and deletes its scratch file.
    pub async fn cancel(&self, id: Id) -> Result<Arc<View>> {
        self.ask(|reply| Message::Cancel(id, reply)).await?
    }

    /// Forgets a download; stops it first when it runs. Returns its last state.
    pub async fn remove(&self, id: Id, files: Files) -> Result<Arc<View>> {
        self.ask(|reply| Message::Remove(id, files, reply)).await?
    }

    /// Moves a queued download to this place among the queued (0 is next; past the end is last).
    pub async fn reorder(&self, id: Id, position: usize) -> Result<Arc<View>> {
        self.ask(|reply| Message::Reorder(id, position, reply))
            .await?
    }

    /// Moves a waiting download among the waiting, which are the queued and the paused together; returns
    /// the place, from 0, at which it stands then.
    pub async fn reseat(&self, id: Id, seat: Seat) -> Result<usize> {
        self.ask(|reply| Message::Reseat(id, seat, reply)).await?
    }

    /// At most `most` of the waiting, which are the queued and the paused together, with what was asked
    /// for: in their order from place `from` on, or, when that is less than 0, from so far behind the
    /// front of the last one (-1 is the last) backwards.
    pub async fn waiting(&self, from: i64, most: usize) -> Result<Vec<(Id, Spec)>> {
        self.ask(|reply| Message::Waiting(from, most, reply)).await
    }

    /// What was asked for, of each of these that is known and not completed.
    pub async fn specs(&self, ids: Vec<Id>) -> Result<Vec<(Id, Spec)>> {
        self.ask(|reply| Message::Specs(ids, reply)).await
    }

    /// What was asked for; of a completed download the store is asked.
    pub async fn spec(&self, id: Id) -> Result<Spec> {
        if let Some((_, spec)) = self.specs(vec![id]).await?.pop() {
            return Ok(spec);
        }
        let record = self.context.store.get(id).await?;
        let unknown = || Error::new(Kind::NoSuchDownload, format!("there is no download {id}"));
        record.map(|record| record.spec).ok_or_else(unknown)
    }

    /// Changes a download; durable when it returns. A new URL stops a running download and lets it go on
    /// from there.
    pub async fn change(&self, id: Id, change: Change) -> Result<Arc<View>> {
        let edit = move |spec: &mut Spec| {
            change.apply(spec);
            Ok(())
        };
        self.edit(id, edit).await
    }

    /// Changes whatever `edit` changes of what was asked for; durable when it returns. Edits of several
    /// callers add up: each is done to the spec as it is when its turn comes, on the engine's own task,
    /// perhaps first to a copy.
    ///
    /// What a running download cannot follow stops it and lets it go on from there. Its place, its state
    /// and, as far as they turn out to be a new URL's too, its bytes stay.
    ///
    /// # Errors
    /// Those of `edit`; [`Kind::IllegalState`] when the download is completed, or when its directory
    /// would be another one after it has begun; [`Kind::InvalidOption`] for a name that cannot be one.
    pub async fn edit(
        &self,
        id: Id,
        edit: impl Fn(&mut Spec) -> Result<()> + Send + 'static,
    ) -> Result<Arc<View>> {
        let edit = Box::new(edit);
        self.ask(|reply| Message::Edit(id, edit, reply)).await?
    }

    /// The caps in force.
    pub async fn settings(&self) -> Result<Settings> {
        self.ask(Message::Settings).await
    }

    /// Replaces some of the caps; running downloads follow. Changes of several callers add up.
    pub async fn change_settings(&self, change: SettingsChange) -> Result<Settings> {
        self.ask(|reply| Message::ChangeSettings(change, reply))
            .await
    }

    /// Stops taking work, checkpoints every running download, and returns when all is on disk.
    /// What was active is active again at the next start.
    pub async fn shutdown(&self) {
        // When it cannot be sent, the table's task is stopping already.
        let _ = self.inbox.send(Message::Shutdown).await;
        self.task.wait().await;
    }

    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let stopping = || Error::new(Kind::Stopping, "haul is stopping; ask again when it runs");
        self.inbox
            .send(message(reply))
            .await
            .map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())
    }
}

//! Owns the table of downloads and the order in which they start. [`Engine`] is the handle: each
//! call is a message to the one task that owns the table, and returns when it has taken effect.

use std::sync::Arc;

use crate::error::Result;
use crate::event::{Live, View};
use crate::plan::resource::Resource;
use crate::spec::{Config, Id, Settings, Spec};
use crate::store::Store;

/// The handle to a running engine. Clones share it.
#[derive(Clone)]
pub struct Engine {
    live: Live,
}

/// A download whose URL has been probed before it was added. It may hold the open first response,
/// so that no second request is needed when the download starts soon.
pub struct Probed {
    spec: Spec,
    resource: Resource,
}

impl Probed {
    /// What was asked for.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// What the server said.
    pub fn resource(&self) -> &Resource {
        &self.resource
    }
}

/// A download to add.
pub enum New {
    /// Not asked about yet: it is probed when its turn comes.
    Unseen(Spec),
    /// Probed already.
    Probed(Box<Probed>),
}

/// What a caller may change of a download. `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Most bytes per second; 0 is no limit.
    pub speed_limit: Option<u64>,
    /// Most threads.
    pub threads: Option<u16>,
    /// Higher starts first.
    pub priority: Option<i32>,
    /// The file's name; only before delivery.
    pub name: Option<String>,
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
    pub async fn start(
        config: Config,
        store: Arc<dyn Store>,
        transfers: tokio::runtime::Handle,
    ) -> Result<Engine> {
        let _ = (config, store, transfers);
        unimplemented!()
    }

    /// The live state: reading it never waits for the engine.
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// Asks the server what there is at `spec.url`, without adding anything.
    ///
    /// Answers within about 10 seconds, or fails with `Kind::Timeout`.
    pub async fn probe(&self, spec: Spec) -> Result<Probed> {
        let _ = spec;
        unimplemented!()
    }

    /// Adds downloads behind all others of their priority; durable when it returns.
    pub async fn add(&self, new: Vec<New>) -> Result<Vec<Arc<View>>> {
        let _ = new;
        unimplemented!()
    }

    /// Stops a download and keeps its bytes.
    pub async fn pause(&self, id: Id) -> Result<Arc<View>> {
        let _ = id;
        unimplemented!()
    }

    /// Puts a paused download back into the queue.
    pub async fn resume(&self, id: Id) -> Result<Arc<View>> {
        let _ = id;
        unimplemented!()
    }

    /// Puts a failed or cancelled download back into the queue.
    pub async fn retry(&self, id: Id) -> Result<Arc<View>> {
        let _ = id;
        unimplemented!()
    }

    /// Gives a download up and deletes its scratch file.
    pub async fn cancel(&self, id: Id) -> Result<Arc<View>> {
        let _ = id;
        unimplemented!()
    }

    /// Forgets a download; stops it first when it runs. Returns its last state.
    pub async fn remove(&self, id: Id, files: Files) -> Result<Arc<View>> {
        let _ = (id, files);
        unimplemented!()
    }

    /// Moves a queued download to this place among the queued (0 is next; past the end is last).
    pub async fn reorder(&self, id: Id, position: usize) -> Result<Arc<View>> {
        let _ = (id, position);
        unimplemented!()
    }

    /// Changes a download.
    pub async fn change(&self, id: Id, change: Change) -> Result<Arc<View>> {
        let _ = (id, change);
        unimplemented!()
    }

    /// The caps in force.
    pub async fn settings(&self) -> Result<Settings> {
        unimplemented!()
    }

    /// Replaces the caps; running downloads follow.
    pub async fn set_settings(&self, settings: Settings) -> Result<Settings> {
        let _ = settings;
        unimplemented!()
    }

    /// Stops taking work, checkpoints every running download, and returns when all is on disk.
    /// What was active is active again at the next start.
    pub async fn shutdown(&self) {
        unimplemented!()
    }
}

//! What must survive a restart: one [`Record`] per download behind the [`Store`] trait.
//!
//! Bytes first, then the record: the caller syncs what a record claims before it hands it over.

mod column;
mod database;
#[cfg(test)]
mod fuzz;
mod memory;
mod once;
mod row;
mod schema;
mod sealed;
mod sqlite;
mod writer;

#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod columns;

use std::path::PathBuf;
use std::time::SystemTime;

use futures_util::future::BoxFuture;
use url::Url;

use crate::error::{Error, Result};
use crate::plan::ranges::RangeSet;
use crate::plan::resource::Resource;
use crate::plan::seals::Seals;
use crate::plan::stamp::Stamp;
use crate::plan::state::Status;
use crate::spec::{Id, Spec};

pub use memory::MemoryStore;
pub use sqlite::SqliteStore;

/// Everything about one download that survives a restart.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its id.
    pub id: Id,
    /// What was asked for.
    pub spec: Spec,
    /// Its place: lower starts first among equal priorities. Unique.
    pub rank: i64,
    /// Where it stood. An active one is queued again at a restart.
    pub status: Status,
    /// What the probe learned, once it did.
    pub resource: Option<Resource>,
    /// The mirror that `resource` speaks of; `None`: the URL itself.
    pub mirror: Option<Url>,
    /// Whether the bytes that are held may be those of several sources.
    pub mixed: bool,
    /// The scratch file, once there is one.
    pub scratch: Option<PathBuf>,
    /// The bytes that were synced to the scratch file.
    pub done: RangeSet,
    /// What those bytes were. Bytes that no seal speaks for are not built upon.
    pub seals: Seals,
    /// How the scratch file looked when it was left in good order; as long as it looks the same, the
    /// seals need not be compared.
    pub stamp: Option<Stamp>,
    /// Where the file was delivered, or is about to be (status `delivering`).
    pub path: Option<PathBuf>,
    /// Identifies the scratch file's inode while `delivering`, to recognise it under its final name.
    pub inode: Option<u64>,
    /// The digest of the whole file, once computed, as lower-case hex.
    pub digest: Option<String>,
    /// Why it failed.
    pub error: Option<Error>,
    /// New tries so far.
    pub attempts: u32,
    /// Bytes fetched twice.
    pub wasted: u64,
    /// When it was added.
    pub added_at: SystemTime,
    /// When it first became active.
    pub started_at: Option<SystemTime>,
    /// When it ended.
    pub finished_at: Option<SystemTime>,
    /// Whether the file at `path` was there before and was left alone: it is not ours to delete.
    pub skipped: bool,
    /// Whether `spec.url` has been replaced since its bytes were last seen to be those that are held.
    pub url_replaced: bool,
}

impl Record {
    /// A download that was added at `now` and for which nothing has been done.
    pub fn new(id: Id, spec: Spec, rank: i64, now: SystemTime) -> Record {
        let status = if spec.paused {
            Status::Paused
        } else {
            Status::Queued
        };
        Record {
            id,
            spec,
            rank,
            status,
            resource: None,
            mirror: None,
            mixed: false,
            scratch: None,
            done: RangeSet::new(),
            seals: Seals::default(),
            stamp: None,
            path: None,
            inode: None,
            digest: None,
            error: None,
            attempts: 0,
            wasted: 0,
            added_at: now,
            started_at: None,
            finished_at: None,
            skipped: false,
            url_replaced: false,
        }
    }

    /// The record once its file is at its final name for good.
    pub(crate) fn completed(&self) -> Record {
        Record {
            status: Status::Completed,
            finished_at: Some(SystemTime::now()),
            inode: None,
            scratch: None,
            seals: Seals::default(),
            stamp: None,
            error: None,
            ..self.clone()
        }
    }
}

/// The part of a [`Record`] that grows while a download runs. With it the record's stamp is gone.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Which download.
    pub id: Id,
    /// The bytes that are synced.
    pub done: RangeSet,
    /// What those bytes are.
    pub seals: Seals,
    /// New tries so far.
    pub attempts: u32,
    /// Bytes fetched twice.
    pub wasted: u64,
}

/// A request that is done once, however often it is sent: downloads that were added under a key of the
/// caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// The caller's key.
    pub key: String,
    /// What was asked for, as a digest: the same key with another request is a mistake.
    pub digest: [u8; 32],
    /// The downloads that it has added, in its order.
    pub ids: Vec<Id>,
    /// When it was done.
    pub at: SystemTime,
}

/// What remains. An answer means durable: a crash right after it loses nothing of it.
///
/// A call takes effect whether or not its future is awaited, and calls from one task take effect in
/// the order made. Every implementation passes the same
/// conformance suite.
pub trait Store: Send + Sync + 'static {
    /// Every record, in the order of `rank`.
    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>>>;

    /// One record, as it is when all calls before this one have taken effect.
    fn get(&self, id: Id) -> BoxFuture<'_, Result<Option<Record>>>;

    /// Adds or replaces records, all or none.
    fn put(&self, records: Vec<Record>) -> BoxFuture<'static, Result<()>>;

    /// Adds records and remembers the request for them, all or nothing.
    fn put_once(&self, records: Vec<Record>, request: Once) -> BoxFuture<'static, Result<()>>;

    /// Adds or replaces records, all or none, but leaves the `spec` of those that are there: it may
    /// change while a download runs, and whoever runs it does not own it.
    fn advance(&self, records: Vec<Record>) -> BoxFuture<'static, Result<()>>;

    /// Replaces the `spec` of one record; nothing happens when it is gone.
    fn respec(&self, id: Id, spec: Spec) -> BoxFuture<'static, Result<()>>;

    /// Updates the growing part of one record; nothing happens when it is gone.
    fn checkpoint(&self, checkpoint: Checkpoint) -> BoxFuture<'static, Result<()>>;

    /// Forgets records; unknown ids are ignored.
    fn remove(&self, ids: Vec<Id>) -> BoxFuture<'static, Result<()>>;

    /// Every request that is remembered, in no order.
    fn requests(&self) -> BoxFuture<'_, Result<Vec<Once>>>;

    /// Forgets the requests that were done before `then`.
    fn forget_requests(&self, then: SystemTime) -> BoxFuture<'static, Result<()>>;

    /// Takes a download for this engine before it runs. `false`: another engine has it.
    ///
    /// An embedded store has one engine, and always grants. This is where a store that several engines
    /// share lets one of them have each download.
    fn claim(&self, id: Id) -> BoxFuture<'_, Result<bool>>;
}

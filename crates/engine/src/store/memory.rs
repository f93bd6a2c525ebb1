//! A store for tests and for downloads that need not survive: a map in memory. It knows nothing of
//! files.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::{self, BoxFuture, FutureExt};

use super::{Checkpoint, Record, Store};
use crate::error::Result;
use crate::spec::Id;

/// A [`Store`] that forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    records: Mutex<HashMap<Id, Record>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    fn records(&self) -> MutexGuard<'_, HashMap<Id, Record>> {
        // No step below can leave the map half changed, so a panic elsewhere does not spoil it.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// Every call takes effect when it is made, before its future is polled, so the order of the calls
// is the order of the effects.
impl Store for MemoryStore {
    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>>> {
        let mut records: Vec<Record> = self.records().values().cloned().collect();
        records.sort_unstable_by_key(|record| (record.rank, record.id));
        future::ready(Ok(records)).boxed()
    }

    fn get(&self, id: Id) -> BoxFuture<'_, Result<Option<Record>>> {
        let found = self.records().get(&id).cloned();
        future::ready(Ok(found)).boxed()
    }

    fn put(&self, records: Vec<Record>) -> BoxFuture<'static, Result<()>> {
        let entries = records.into_iter().map(|record| (record.id, record));
        self.records().extend(entries);
        future::ready(Ok(())).boxed()
    }

    fn checkpoint(&self, checkpoint: Checkpoint) -> BoxFuture<'static, Result<()>> {
        if let Some(record) = self.records().get_mut(&checkpoint.id) {
            record.done = checkpoint.done;
            record.seals = checkpoint.seals;
            record.stamp = None;
            record.attempts = checkpoint.attempts;
            record.wasted = checkpoint.wasted;
        }
        future::ready(Ok(())).boxed()
    }

    fn remove(&self, ids: Vec<Id>) -> BoxFuture<'static, Result<()>> {
        let mut records = self.records();
        for id in ids {
            records.remove(&id);
        }
        future::ready(Ok(())).boxed()
    }

    fn claim(&self, _: Id) -> BoxFuture<'_, Result<bool>> {
        future::ready(Ok(true)).boxed()
    }
}

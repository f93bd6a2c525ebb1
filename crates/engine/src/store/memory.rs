//! A store for tests and for downloads that need not survive: a map in memory. It knows nothing of
//! files.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use futures_util::future::{self, BoxFuture, FutureExt};

use super::{Checkpoint, Once, Record, Store};
use crate::error::Result;
use crate::spec::{Id, Spec};

/// A [`Store`] that forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    records: HashMap<Id, Record>,
    requests: HashMap<String, Once>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // No step below can leave the maps half changed, so a panic elsewhere does not spoil them.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn put(&mut self, records: Vec<Record>) {
        let entries = records.into_iter().map(|record| (record.id, record));
        self.records.extend(entries);
    }

    fn advance(&mut self, record: Record) {
        let spec = self.records.get(&record.id).map(|held| held.spec.clone());
        let spec = spec.unwrap_or_else(|| record.spec.clone());
        self.records.insert(record.id, Record { spec, ..record });
    }
}

/// It is as durable as it will ever be.
fn done() -> BoxFuture<'static, Result<()>> {
    future::ready(Ok(())).boxed()
}

// Every call takes effect when it is made, before its future is polled, so the order of the calls
// is the order of the effects.
impl Store for MemoryStore {
    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>>> {
        let mut records: Vec<Record> = self.lock().records.values().cloned().collect();
        records.sort_unstable_by_key(|record| (record.rank, record.id));
        future::ready(Ok(records)).boxed()
    }

    fn get(&self, id: Id) -> BoxFuture<'_, Result<Option<Record>>> {
        let found = self.lock().records.get(&id).cloned();
        future::ready(Ok(found)).boxed()
    }

    fn put(&self, records: Vec<Record>) -> BoxFuture<'static, Result<()>> {
        self.lock().put(records);
        done()
    }

    fn put_once(&self, records: Vec<Record>, request: Once) -> BoxFuture<'static, Result<()>> {
        let mut held = self.lock();
        held.put(records);
        held.requests.insert(request.key.clone(), request);
        done()
    }

    fn advance(&self, records: Vec<Record>) -> BoxFuture<'static, Result<()>> {
        let mut held = self.lock();
        records.into_iter().for_each(|record| held.advance(record));
        done()
    }

    fn respec(&self, id: Id, spec: Spec) -> BoxFuture<'static, Result<()>> {
        if let Some(record) = self.lock().records.get_mut(&id) {
            record.spec = spec;
        }
        done()
    }

    fn checkpoint(&self, checkpoint: Checkpoint) -> BoxFuture<'static, Result<()>> {
        if let Some(record) = self.lock().records.get_mut(&checkpoint.id) {
            record.done = checkpoint.done;
            record.seals = checkpoint.seals;
            record.stamp = None;
            record.attempts = checkpoint.attempts;
            record.wasted = checkpoint.wasted;
        }
        done()
    }

    fn remove(&self, ids: Vec<Id>) -> BoxFuture<'static, Result<()>> {
        let mut held = self.lock();
        for id in ids {
            held.records.remove(&id);
        }
        done()
    }

    fn requests(&self) -> BoxFuture<'_, Result<Vec<Once>>> {
        let requests = self.lock().requests.values().cloned().collect();
        future::ready(Ok(requests)).boxed()
    }

    fn forget_requests(&self, then: SystemTime) -> BoxFuture<'static, Result<()>> {
        self.lock().requests.retain(|_, request| request.at >= then);
        done()
    }

    fn claim(&self, _: Id) -> BoxFuture<'_, Result<bool>> {
        future::ready(Ok(true)).boxed()
    }
}

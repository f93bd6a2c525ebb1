//! The real store, as long as there is power: after the cut nothing is given to it and nobody is
//! answered. It knows nothing of files.

use std::future::pending;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::{BoxFuture, FutureExt};
use haul_engine::store::{Checkpoint, Once, Record, SqliteStore, Store};
use haul_engine::{Id, Result, Spec};

use super::Power;

pub(super) struct PowerStore {
    power: Power,
    inner: Arc<SqliteStore>,
}

impl PowerStore {
    pub(super) fn new(power: Power, inner: Arc<SqliteStore>) -> PowerStore {
        PowerStore { power, inner }
    }

    /// Hands a change over, and answers when the power outlives that.
    fn change(
        &self,
        records: &[Record],
        give: impl FnOnce(&SqliteStore) -> BoxFuture<'static, Result<()>>,
    ) -> BoxFuture<'static, Result<()>> {
        if self.power.commit(records).is_err() {
            return pending().boxed();
        }
        let (given, power) = (give(&self.inner), self.power.clone());
        async move {
            let answer = given.await;
            match power.acknowledge() {
                Ok(()) => answer,
                Err(_) => pending().await,
            }
        }
        .boxed()
    }
}

impl Store for PowerStore {
    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>>> {
        self.inner.load()
    }

    fn get(&self, id: Id) -> BoxFuture<'_, Result<Option<Record>>> {
        self.inner.get(id)
    }

    fn put(&self, records: Vec<Record>) -> BoxFuture<'static, Result<()>> {
        self.change(&records.clone(), |inner| inner.put(records))
    }

    fn put_once(&self, records: Vec<Record>, request: Once) -> BoxFuture<'static, Result<()>> {
        self.change(&records.clone(), |inner| inner.put_once(records, request))
    }

    fn advance(&self, records: Vec<Record>) -> BoxFuture<'static, Result<()>> {
        self.change(&records.clone(), |inner| inner.advance(records))
    }

    fn respec(&self, id: Id, spec: Spec) -> BoxFuture<'static, Result<()>> {
        self.change(&[], |inner| inner.respec(id, spec))
    }

    fn checkpoint(&self, checkpoint: Checkpoint) -> BoxFuture<'static, Result<()>> {
        self.change(&[], |inner| inner.checkpoint(checkpoint))
    }

    fn remove(&self, ids: Vec<Id>) -> BoxFuture<'static, Result<()>> {
        self.change(&[], |inner| inner.remove(ids))
    }

    fn requests(&self) -> BoxFuture<'_, Result<Vec<Once>>> {
        self.inner.requests()
    }

    fn forget_requests(&self, then: SystemTime) -> BoxFuture<'static, Result<()>> {
        self.change(&[], |inner| inner.forget_requests(then))
    }

    fn claim(&self, id: Id) -> BoxFuture<'_, Result<bool>> {
        self.inner.claim(id)
    }
}

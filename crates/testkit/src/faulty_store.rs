//! A store that refuses records or answers late on command, and can be waited on. It is a
//! [`MemoryStore`] underneath, so what it takes is really there. It knows nothing of engines.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::future::{self, BoxFuture, FutureExt};
use haul_engine::store::{Checkpoint, MemoryStore, Once, Record, Store};
use haul_engine::{Error, Id, Kind, Result, Spec, Status};
use tokio::sync::watch;

/// A test that waits longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A store that fails on command. Clones are the same store.
#[derive(Clone)]
pub struct FaultyStore {
    records: Arc<MemoryStore>,
    faults: Arc<Mutex<Faults>>,
    /// Told of every change of records and faults.
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Faults {
    is_broken: bool,
    /// The next record with this status is refused.
    refused: Option<Status>,
    /// Records with this status are not answered for.
    held: Option<Status>,
    /// How many such records have come.
    holding: usize,
}

impl Default for FaultyStore {
    fn default() -> FaultyStore {
        FaultyStore {
            records: Arc::default(),
            faults: Arc::default(),
            changed: watch::Sender::new(()),
        }
    }
}

impl FaultyStore {
    /// A store without records and faults.
    pub fn new() -> FaultyStore {
        FaultyStore::default()
    }

    /// Every `put` and every `remove` is refused from now on.
    pub fn break_down(&self) {
        self.faults().is_broken = true;
    }

    /// Nothing is refused any more.
    pub fn heal(&self) {
        *self.faults() = Faults::default();
        self.changed.send_replace(());
    }

    /// The next record with this status is refused, and no other.
    pub fn refuse_next(&self, status: Status) {
        self.faults().refused = Some(status);
    }

    /// Records with this status are taken but not answered for, until [`FaultyStore::heal`].
    pub fn hold(&self, status: Status) {
        self.faults().held = Some(status);
    }

    /// Returns once a record is held.
    ///
    /// # Panics
    /// When that takes longer than a test should.
    pub async fn wait_held(&self) {
        self.wait("a held record", async || {
            (self.faults().holding > 0).then_some(())
        })
        .await;
    }

    /// Returns the record of a download once it looks like that.
    ///
    /// # Panics
    /// When that takes longer than a test should.
    pub async fn wait_record(&self, id: Id, looks: impl Fn(&Record) -> bool) -> Record {
        self.wait("a record", async || {
            let records = self.records.load().await.expect("memory does not fail");
            let mut records = records.into_iter();
            records.find(|record| record.id == id && looks(record))
        })
        .await
    }

    async fn wait<T>(&self, what: &str, ready: impl AsyncFn() -> Option<T>) -> T {
        let mut changes = self.changed.subscribe();
        let waiting = async {
            loop {
                changes.mark_unchanged();
                if let Some(found) = ready().await {
                    return found;
                }
                changes.changed().await.expect("the store is here");
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(found) => found,
            Err(_) => panic!("waited {PATIENCE:?} for {what}"),
        }
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuses(&self, records: &[Record]) -> bool {
        let mut faults = self.faults();
        let is_next = |wanted: &Status| records.iter().any(|record| record.status == *wanted);
        faults.is_broken || faults.refused.take_if(|wanted| is_next(wanted)).is_some()
    }

    fn holds(&self, records: &[Record]) -> bool {
        let mut faults = self.faults();
        let held = faults.held;
        let is_held = records.iter().any(|record| Some(record.status) == held);
        faults.holding += usize::from(is_held);
        is_held
    }

    /// Gives records to the store behind, unless they are refused, and answers when they are not held.
    fn write(
        &self,
        records: Vec<Record>,
        give: impl FnOnce(&MemoryStore, Vec<Record>) -> BoxFuture<'static, Result<()>>,
    ) -> BoxFuture<'static, Result<()>> {
        if self.refuses(&records) {
            let error = Error::new(Kind::Store, "this store refuses the record, as told");
            return future::ready(Err(error)).boxed();
        }
        let is_held = self.holds(&records);
        let saved = give(&self.records, records);
        self.changed.send_replace(());
        let (faults, mut changes) = (self.faults.clone(), self.changed.subscribe());
        async move {
            let holds = || {
                let faults = faults.lock().unwrap_or_else(PoisonError::into_inner);
                faults.held.is_some()
            };
            while is_held && holds() {
                if changes.changed().await.is_err() {
                    break;
                }
            }
            saved.await
        }
        .boxed()
    }
}

impl Store for FaultyStore {
    fn load(&self) -> BoxFuture<'_, Result<Vec<Record>>> {
        self.records.load()
    }

    fn get(&self, id: Id) -> BoxFuture<'_, Result<Option<Record>>> {
        self.records.get(id)
    }

    fn put(&self, records: Vec<Record>) -> BoxFuture<'static, Result<()>> {
        self.write(records, MemoryStore::put)
    }

    fn put_once(&self, records: Vec<Record>, request: Once) -> BoxFuture<'static, Result<()>> {
        self.write(records, |held, records| held.put_once(records, request))
    }

    fn advance(&self, records: Vec<Record>) -> BoxFuture<'static, Result<()>> {
        self.write(records, MemoryStore::advance)
    }

    fn respec(&self, id: Id, spec: Spec) -> BoxFuture<'static, Result<()>> {
        self.write(Vec::new(), |held, _| held.respec(id, spec))
    }

    fn checkpoint(&self, checkpoint: Checkpoint) -> BoxFuture<'static, Result<()>> {
        let saved = self.records.checkpoint(checkpoint);
        self.changed.send_replace(());
        saved
    }

    fn remove(&self, ids: Vec<Id>) -> BoxFuture<'static, Result<()>> {
        if self.faults().is_broken {
            let error = Error::new(Kind::Store, "this store forgets nothing, as told");
            return future::ready(Err(error)).boxed();
        }
        let removed = self.records.remove(ids);
        self.changed.send_replace(());
        removed
    }

    fn requests(&self) -> BoxFuture<'_, Result<Vec<Once>>> {
        self.records.requests()
    }

    fn forget_requests(&self, then: SystemTime) -> BoxFuture<'static, Result<()>> {
        self.records.forget_requests(then)
    }

    fn claim(&self, id: Id) -> BoxFuture<'_, Result<bool>> {
        self.records.claim(id)
    }
}

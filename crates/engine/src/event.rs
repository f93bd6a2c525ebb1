//! The live state of every download, and its revisions. Owns what watchers see; knows nothing of
//! who watches or how it is sent.
//!
//! State, not a queue of events: each change raises one global revision and marks which fields
//! changed at it. A watcher holds a single number, the last revision it was sent, and asks for what
//! changed since. A slow watcher gets fewer, larger changes; memory is bounded by the number of
//! downloads, never by the number of changes.

mod view;

use std::collections::{BTreeMap, HashMap};
use std::ops::{Bound, ControlFlow};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::watch;

use crate::plan::state::Status;
use crate::spec::Id;

pub use view::{BlockView, Changes, DigestView, Fields, POSITIONS_SHOWN, Stats, ThreadState, View};

/// Which way [`Live::walk`] goes, and the place that it starts beyond; `None` is the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// In the order added.
    After(Option<u64>),
    /// The last added first.
    Before(Option<u64>),
}

/// The table as a walk found it.
#[derive(Debug, Clone, Copy)]
pub struct Walked {
    revision: u64,
    counts: [u64; Status::ALL.len()],
}

impl Walked {
    /// The revision at which the walk was made.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// How many downloads of the whole table are in this state.
    pub fn count(&self, status: Status) -> u64 {
        self.counts[status as usize]
    }
}

/// The table of live downloads. Clones share it.
#[derive(Clone)]
pub struct Live {
    table: Arc<Mutex<Table>>,
    revision: watch::Sender<u64>,
}

struct Table {
    revision: u64,
    entries: HashMap<Id, Entry>,
    /// In the order in which they were added.
    added: BTreeMap<u64, Id>,
    next_seq: u64,
    /// By the revision of the last change, to find what changed since without a scan.
    recent: BTreeMap<u64, Id>,
    /// The removed, by the revision of their removal, as long as some watcher has not been told.
    removed: BTreeMap<u64, Id>,
    watchers: Vec<Weak<AtomicU64>>,
    counts: [u64; Status::ALL.len()],
    speed: u64,
    connections: u64,
    free_space: u64,
}

struct Entry {
    seq: u64,
    view: Arc<View>,
    /// Which fields changed at which revision, oldest first; each field is in one item only.
    marks: Vec<(u64, Fields)>,
}

impl Entry {
    fn mark(&mut self, revision: u64, fields: Fields) {
        self.marks.retain_mut(|(_, held)| {
            *held = held.without(fields);
            *held != Fields::NONE
        });
        self.marks.push((revision, fields));
    }

    /// Keeps apart only the last change and what some watcher has yet to be told.
    fn forget_told(&mut self, told: u64) {
        let earlier = &self.marks[..self.marks.len().saturating_sub(1)];
        let known = earlier.partition_point(|(at, _)| *at <= told);
        if let [.., (newest, _)] = self.marks[..known] {
            let fields = self.marks.drain(..known);
            let fields = fields.fold(Fields::NONE, |all, (_, fields)| all | fields);
            self.marks.insert(0, (newest, fields));
        }
        self.marks.shrink_to_fit();
    }

    fn since(&self, revision: u64) -> Fields {
        self.marks
            .iter()
            .filter(|(at, _)| *at > revision)
            .fold(Fields::NONE, |all, (_, fields)| all | *fields)
    }
}

impl Default for Live {
    fn default() -> Live {
        Live::new()
    }
}

impl Live {
    /// An empty table at revision 0.
    pub fn new() -> Live {
        let table = Table {
            revision: 0,
            entries: HashMap::new(),
            added: BTreeMap::new(),
            next_seq: 0,
            recent: BTreeMap::new(),
            removed: BTreeMap::new(),
            watchers: Vec::new(),
            counts: [0; Status::ALL.len()],
            speed: 0,
            connections: 0,
            free_space: 0,
        };
        Live {
            table: Arc::new(Mutex::new(table)),
            revision: watch::Sender::new(0),
        }
    }

    /// A leaf lock: nothing else is locked or awaited while it is held.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last revision.
    pub fn revision(&self) -> u64 {
        *self.revision.borrow()
    }

    /// One download.
    pub fn get(&self, id: Id) -> Option<Arc<View>> {
        self.lock().entries.get(&id).map(|entry| entry.view.clone())
    }

    /// Totals.
    pub fn stats(&self) -> Stats {
        self.lock().stats()
    }

    /// Every download that passes `keep`, in the order added, with the revision they stand at.
    pub fn snapshot(&self, mut keep: impl FnMut(&View) -> bool) -> (u64, Vec<Arc<View>>, Stats) {
        let table = self.lock();
        let views = table
            .added
            .values()
            .map(|id| &table.entries[id].view)
            .filter(|view| keep(view))
            .cloned()
            .collect();
        (table.revision, views, table.stats())
    }

    /// Visits downloads by the place at which they were added, until `visit` breaks off. The table
    /// is locked meanwhile: `visit` only looks and copies.
    pub fn walk(
        &self,
        walk: Walk,
        mut visit: impl FnMut(u64, &Arc<View>) -> ControlFlow<()>,
    ) -> Walked {
        let table = self.lock();
        let mut each = |(place, id): (&u64, &Id)| visit(*place, &table.entries[id].view);
        // Both end at the table's end or where `visit` wants it; which one does not matter.
        let _ = match walk {
            Walk::After(None) => table.added.iter().try_for_each(&mut each),
            Walk::After(Some(place)) => {
                let beyond = (Bound::Excluded(place), Bound::Unbounded);
                table.added.range(beyond).try_for_each(&mut each)
            }
            Walk::Before(None) => table.added.iter().rev().try_for_each(&mut each),
            Walk::Before(Some(place)) => table.added.range(..place).rev().try_for_each(&mut each),
        };
        Walked {
            revision: table.revision,
            counts: table.counts,
        }
    }

    /// What changed after revision `since`.
    pub fn changes(&self, since: u64) -> Changes {
        let table = self.lock();
        let changed = table
            .recent
            .range(since + 1..)
            .map(|(_, id)| {
                let entry = &table.entries[id];
                (entry.view.clone(), entry.since(since))
            })
            .collect();
        let removed = table
            .removed
            .range(since + 1..)
            .map(|(_, id)| *id)
            .collect();
        Changes {
            from: since,
            to: table.revision,
            changed,
            removed,
            stats: table.stats(),
        }
    }

    /// Starts watching from the present revision on.
    pub fn watch(&self) -> Watcher {
        let mut table = self.lock();
        let sent = Arc::new(AtomicU64::new(table.revision));
        table.watchers.push(Arc::downgrade(&sent));
        Watcher {
            live: self.clone(),
            sent,
            revision: self.revision.subscribe(),
        }
    }

    /// Puts a download into the table, after all others.
    pub(crate) fn insert(&self, mut view: View) -> Arc<View> {
        let mut table = self.lock();
        let revision = table.advance();
        view.revision = revision;
        let view = Arc::new(view);
        let seq = table.next_seq;
        table.next_seq += 1;
        table.added.insert(seq, view.id);
        table.recent.insert(revision, view.id);
        table.counts[view.status as usize] += 1;
        table.speed += view.speed;
        table.entries.insert(
            view.id,
            Entry {
                seq,
                view: view.clone(),
                marks: vec![(revision, Fields::ALL)],
            },
        );
        self.announce(table);
        view
    }

    /// Changes a download; nothing happens when nothing differs.
    pub(crate) fn update(&self, id: Id, change: impl FnOnce(&mut View)) -> Option<Arc<View>> {
        let mut table = self.lock();
        let mut view = View::clone(&table.entries.get(&id)?.view);
        change(&mut view);
        let old = table.entries.get(&id)?.view.clone();
        let fields = view.differs(&old);
        if fields == Fields::NONE {
            return Some(old);
        }
        let revision = table.advance();
        view.revision = revision;
        table.recent.remove(&old.revision);
        table.recent.insert(revision, id);
        table.counts[old.status as usize] -= 1;
        table.counts[view.status as usize] += 1;
        table.speed = table.speed - old.speed + view.speed;
        // It is not going to change again, and there may be very many like it.
        let is_completed = view.status == Status::Completed;
        let told = is_completed.then(|| table.told());
        let view = Arc::new(view);
        if let Some(entry) = table.entries.get_mut(&id) {
            entry.mark(revision, fields);
            if let Some(told) = told {
                entry.forget_told(told);
            }
            entry.view = view.clone();
        }
        self.announce(table);
        Some(view)
    }

    /// Takes a download out of the table.
    pub(crate) fn remove(&self, id: Id) -> Option<Arc<View>> {
        let mut table = self.lock();
        let entry = table.entries.remove(&id)?;
        let revision = table.advance();
        table.added.remove(&entry.seq);
        table.recent.remove(&entry.view.revision);
        table.counts[entry.view.status as usize] -= 1;
        table.speed -= entry.view.speed;
        table.removed.insert(revision, id);
        table.forget_told();
        self.announce(table);
        Some(entry.view)
    }

    /// Sets the number of open connections, a total that no single download holds.
    pub(crate) fn set_connections(&self, connections: u64) {
        self.lock().connections = connections;
    }

    /// Sets the free bytes where finished files go.
    pub(crate) fn set_free_space(&self, bytes: u64) {
        self.lock().free_space = bytes;
    }

    fn announce(&self, table: MutexGuard<'_, Table>) {
        let revision = table.revision;
        drop(table);
        // Two writers may announce out of order; the number must only grow.
        self.revision.send_if_modified(|held| {
            let newer = revision > *held;
            *held = revision.max(*held);
            newer
        });
    }
}

/// Changes made by hand, for the tests of whoever watches.
#[cfg(feature = "testing")]
impl Live {
    /// Puts a download into the table.
    pub fn put(&self, view: View) -> Arc<View> {
        self.insert(view)
    }

    /// Changes a download.
    pub fn alter(&self, id: Id, change: impl FnOnce(&mut View)) -> Option<Arc<View>> {
        self.update(id, change)
    }

    /// Takes a download out of the table.
    pub fn take(&self, id: Id) -> Option<Arc<View>> {
        self.remove(id)
    }
}

impl Table {
    fn advance(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }

    fn stats(&self) -> Stats {
        let count = |status: Status| self.counts[status as usize];
        Stats {
            speed: self.speed,
            active: Status::ALL
                .into_iter()
                .filter(|status| status.is_active())
                .map(count)
                .sum(),
            queued: count(Status::Queued),
            paused: count(Status::Paused),
            completed: count(Status::Completed),
            failed: count(Status::Failed),
            connections: self.connections,
            free_space: self.free_space,
        }
    }

    /// The revision up to which every watcher has been told.
    fn told(&mut self) -> u64 {
        let mut told = self.revision;
        self.watchers.retain(|watcher| match watcher.upgrade() {
            Some(sent) => {
                told = told.min(sent.load(Ordering::Acquire));
                true
            }
            None => false,
        });
        told
    }

    /// Drops the removals that every watcher has been told of.
    fn forget_told(&mut self) {
        let told = self.told();
        self.removed = self.removed.split_off(&(told + 1));
    }
}

/// One watcher: the last revision that it was sent.
pub struct Watcher {
    live: Live,
    sent: Arc<AtomicU64>,
    revision: watch::Receiver<u64>,
}

impl Watcher {
    /// The last revision that this watcher was sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Acquire)
    }

    /// The state to start from: the downloads that pass `keep`, at the revision returned.
    pub fn snapshot(&mut self, keep: impl FnMut(&View) -> bool) -> (u64, Vec<Arc<View>>, Stats) {
        let taken = self.live.snapshot(keep);
        self.sent.store(taken.0, Ordering::Release);
        taken
    }

    /// Waits until there is something that this watcher was not sent.
    pub async fn changed(&mut self) {
        let sent = self.sent();
        // The sender lives in `self.live`, so waiting cannot fail.
        let _ = self.revision.wait_for(|revision| *revision > sent).await;
    }

    /// Counts everything up to `revision` as sent: the caller had it from changes that it shares
    /// with other watchers.
    pub fn told(&mut self, revision: u64) {
        self.sent.store(revision, Ordering::Release);
    }

    /// Everything that changed since the last call; the caller now sends it.
    pub fn take(&mut self) -> Changes {
        let changes = self.live.changes(self.sent());
        self.sent.store(changes.to, Ordering::Release);
        changes
    }
}

#[cfg(test)]
mod tests;

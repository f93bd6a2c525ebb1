//! The live state of every download, and its revisions. Owns what watchers see; knows nothing of
//! who watches or how it is sent.
//!
//! State, not a queue of events: each change raises one global revision and marks which fields
//! changed at it. A watcher holds a single number, the last revision it was sent, and asks for what
//! changed since. A slow watcher gets fewer, larger changes; memory is bounded by the number of
//! downloads, never by the number of changes.

mod order;
mod reason;
mod view;
mod watcher;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use tokio::sync::watch;

use crate::plan::state::Status;
use crate::spec::Id;

use order::Orders;
pub use order::{Direction, Key, List, Rank, Sort, Statuses};
pub use reason::{Cause, Reason};
pub use view::{BlockView, Changes, DigestView, Fields, POSITIONS_SHOWN, Stats, ThreadState, View};
pub use watcher::Watcher;

/// So many removals are remembered at least, for watchers who lose their connection and come back.
const REMOVALS_KEPT: usize = 1024;

/// Free space that differs by less from what was told last, in bytes, is not told.
const FREE_SPACE_STEP: u64 = 1 << 20;

/// A piece of a list, as it was at one moment.
#[derive(Debug)]
pub struct Piece {
    /// The downloads with where each stands: the last one's rank leads on to the next piece.
    pub rows: Vec<(Rank, Arc<View>)>,
    /// How many are in the wanted states, in all pieces.
    pub total: u64,
    /// The revision at which this is true.
    pub revision: u64,
}

/// Downloads, with the revision at which they stood so and the totals.
pub type Snapshot = (u64, Vec<Arc<View>>, Stats);

/// The table of live downloads. Clones share it.
#[derive(Clone)]
pub struct Live {
    table: Arc<Mutex<Table>>,
    revision: watch::Sender<u64>,
}

struct Table {
    revision: u64,
    entries: HashMap<Id, Entry>,
    orders: Orders,
    /// Which downloads have a URL, by its hash.
    urls: BTreeSet<(u64, Id)>,
    hasher: RandomState,
    next_place: u64,
    /// By the revision of the last change, to find what changed since without a scan.
    recent: BTreeMap<u64, Id>,
    /// The removed, by the revision of their removal, as long as some watcher has not been told, and
    /// the last ones for whoever comes back.
    removed: BTreeMap<u64, Id>,
    /// The last revision of which it is not known what was removed at it.
    forgotten: u64,
    watchers: Vec<Weak<AtomicU64>>,
    speed: u64,
    connections: u64,
    free_space: u64,
}

struct Entry {
    /// How many were added before it.
    place: u64,
    view: Arc<View>,
    /// Which fields changed last, at the view's revision.
    newest: Fields,
    /// Which fields changed at which revision before, oldest first. Each field is in one item only.
    earlier: Marks,
}

/// Fields with the revision at which they changed. In one word while there is none, as for all that wait
/// in a long queue.
type Marks = Option<Box<Vec<(u64, Fields)>>>;

impl Entry {
    /// Takes over a new view, in which `fields` differ.
    fn mark(&mut self, view: Arc<View>, fields: Fields) {
        let earlier = self.earlier.get_or_insert_default();
        earlier.push((self.view.revision, self.newest));
        earlier.retain_mut(|(_, held)| {
            *held = held.without(fields);
            *held != Fields::NONE
        });
        self.newest = fields;
        self.view = view;
    }

    /// Keeps apart only the last change and what some watcher has yet to be told.
    fn forget_told(&mut self, told: u64) {
        let Some(earlier) = &mut self.earlier else {
            return;
        };
        let known = earlier.partition_point(|(at, _)| *at <= told);
        if let [.., (newest, _)] = earlier[..known] {
            let fields = earlier.drain(..known);
            let fields = fields.fold(Fields::NONE, |all, (_, fields)| all | fields);
            earlier.insert(0, (newest, fields));
        }
        earlier.shrink_to_fit();
    }

    /// The fields that changed after a revision; it is older than the view.
    fn since(&self, revision: u64) -> Fields {
        let earlier = self.earlier.iter().flat_map(|marks| marks.iter());
        earlier
            .filter(|(at, _)| *at > revision)
            .fold(self.newest, |all, (_, fields)| all | *fields)
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
        Live::after(0)
    }

    /// An empty table whose revisions are greater than those of any table that began before `now`, so
    /// that one from before a restart is told from those since: microseconds go by faster than changes.
    pub fn later_than_any(now: SystemTime) -> Live {
        let since = now.duration_since(SystemTime::UNIX_EPOCH);
        let micros = since.map_or(0, |since| since.as_micros());
        Live::after(u64::try_from(micros).unwrap_or(0))
    }

    fn after(revision: u64) -> Live {
        let table = Table {
            revision,
            entries: HashMap::new(),
            orders: Orders::default(),
            urls: BTreeSet::new(),
            hasher: RandomState::new(),
            next_place: 0,
            recent: BTreeMap::new(),
            removed: BTreeMap::new(),
            forgotten: revision,
            watchers: Vec::new(),
            speed: 0,
            connections: 0,
            free_space: 0,
        };
        Live {
            table: Arc::new(Mutex::new(table)),
            revision: watch::Sender::new(revision),
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

    /// How many downloads are in a state.
    pub fn count(&self, status: Status) -> u64 {
        self.lock().orders.count(status)
    }

    /// Every download that passes `keep`, in the order added, with the revision they stand at.
    pub fn snapshot(&self, mut keep: impl FnMut(&View) -> bool) -> Snapshot {
        let table = self.lock();
        let views = table.walk(List::ADDED, None).map(|(_, view)| view);
        let views = views.filter(|view| keep(view)).cloned().collect();
        (table.revision, views, table.stats())
    }

    /// Every download in one of these states, in the order added.
    pub fn in_states(&self, statuses: Statuses) -> Snapshot {
        let list = List {
            statuses,
            ..List::ADDED
        };
        let table = self.lock();
        let views = table.walk(list, None).map(|(_, view)| view.clone());
        (table.revision, views.collect(), table.stats())
    }

    /// At most `most` downloads of a list, beyond `after`.
    pub fn piece(&self, list: List, after: Option<&Rank>, most: usize) -> Piece {
        let table = self.lock();
        let rows = table.walk(list, after).take(most);
        let rows = rows.map(|(rank, view)| (rank, view.clone())).collect();
        let wanted = Status::ALL.into_iter();
        let wanted = wanted.filter(|status| list.statuses.contains(*status));
        Piece {
            rows,
            total: wanted.map(|status| table.orders.count(status)).sum(),
            revision: table.revision,
        }
    }

    /// The downloads of a URL in the order in which they were added. What stands behind `#` is not
    /// sent to a server: two URLs that differ in it only are the same.
    pub fn of_url(&self, url: &str) -> Vec<Arc<View>> {
        let wanted = without_fragment(url);
        let table = self.lock();
        let hash = table.hasher.hash_one(wanted);
        let alike = table.urls.range((hash, Id(0))..=(hash, Id(u64::MAX)));
        let mut found: Vec<&Entry> = alike
            .map(|(_, id)| &table.entries[id])
            .filter(|entry| without_fragment(&entry.view.url) == wanted)
            .collect();
        found.sort_unstable_by_key(|entry| entry.place);
        found.iter().map(|entry| entry.view.clone()).collect()
    }

    /// What changed after revision `since`.
    pub fn changes(&self, since: u64) -> Changes {
        let table = self.lock();
        let recent = table.recent.range(since + 1..);
        let recent = recent.map(|(_, id)| &table.entries[id]);
        let mut recent: Vec<_> = recent.map(|entry| (entry, entry.since(since))).collect();
        recent.sort_by_key(|(entry, fields)| match *fields {
            Fields::ALL => entry.place,
            _ => u64::MAX,
        });
        let changed = recent
            .into_iter()
            .map(|(entry, fields)| (entry.view.clone(), fields))
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

    /// Puts a download into the table, after all others.
    pub(crate) fn insert(&self, mut view: View) -> Arc<View> {
        let mut table = self.lock();
        let revision = table.advance();
        view.revision = revision;
        let view = Arc::new(view);
        let place = table.next_place;
        table.next_place += 1;
        table.orders.insert(place, &view);
        let hash = table.hasher.hash_one(without_fragment(&view.url));
        table.urls.insert((hash, view.id));
        table.recent.insert(revision, view.id);
        table.speed += view.speed;
        table.entries.insert(
            view.id,
            Entry {
                place,
                view: view.clone(),
                newest: Fields::ALL,
                earlier: None,
            },
        );
        self.announce(table);
        view
    }

    /// Changes a download; nothing happens when nothing differs.
    pub(crate) fn update(&self, id: Id, change: impl FnOnce(&mut View)) -> Option<Arc<View>> {
        let mut guard = self.lock();
        let table = &mut *guard;
        let revision = table.revision + 1;
        let entry = table.entries.get_mut(&id)?;
        let old = entry.view.clone();
        let mut view = View::clone(&old);
        change(&mut view);
        let fields = view.differs(&old);
        if fields == Fields::NONE {
            return Some(old);
        }
        view.revision = revision;
        table.revision = revision;
        table.recent.remove(&old.revision);
        table.recent.insert(revision, id);
        table.orders.update(entry.place, &old, &view);
        if fields.intersects(Fields::URL) {
            let hash = |url: &str| table.hasher.hash_one(without_fragment(url));
            table.urls.remove(&(hash(&old.url), id));
            table.urls.insert((hash(&view.url), id));
        }
        table.speed = table.speed - old.speed + view.speed;
        let view = Arc::new(view);
        entry.mark(view.clone(), fields);
        // It is not going to change again, and there may be very many like it.
        if view.status == Status::Completed {
            let told = told(&mut table.watchers, revision);
            entry.forget_told(told);
        }
        self.announce(guard);
        Some(view)
    }

    /// Takes a download out of the table.
    pub(crate) fn remove(&self, id: Id) -> Option<Arc<View>> {
        let mut table = self.lock();
        let Entry { place, view, .. } = table.entries.remove(&id)?;
        let revision = table.advance();
        table.orders.remove(place, &view);
        let hash = table.hasher.hash_one(without_fragment(&view.url));
        table.urls.remove(&(hash, id));
        table.recent.remove(&view.revision);
        table.speed -= view.speed;
        table.removed.insert(revision, id);
        table.forget_told();
        self.announce(table);
        Some(view)
    }

    /// Sets the number of open connections, a total that no single download holds.
    pub(crate) fn set_connections(&self, connections: u64) {
        let mut table = self.lock();
        if table.connections == connections {
            return;
        }
        table.connections = connections;
        table.advance();
        self.announce(table);
    }

    /// Sets the free bytes where finished files go. On a disk that others write to they change all the
    /// time: a little more or less is not worth telling.
    pub(crate) fn set_free_space(&self, bytes: u64) {
        let mut table = self.lock();
        let is_scarce = table.free_space.min(bytes) < FREE_SPACE_STEP;
        if table.free_space == bytes
            || (!is_scarce && table.free_space.abs_diff(bytes) < FREE_SPACE_STEP)
        {
            return;
        }
        table.free_space = bytes;
        table.advance();
        self.announce(table);
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
        let count = |status: Status| self.orders.count(status);
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

    /// The downloads of a list beyond `after`, with where they stand.
    fn walk(&self, list: List, after: Option<&Rank>) -> impl Iterator<Item = (Rank, &Arc<View>)> {
        let ranks = self.orders.walk(list, after);
        ranks.map(|(rank, id)| (rank, &self.entries[&id].view))
    }

    /// Drops the removals that every watcher has been told of, but for the last ones.
    fn forget_told(&mut self) {
        let told = told(&mut self.watchers, self.revision);
        while self.removed.len() > REMOVALS_KEPT
            && let Some(oldest) = self
                .removed
                .first_entry()
                .filter(|entry| *entry.key() <= told)
        {
            self.forgotten = *oldest.key();
            oldest.remove();
        }
    }
}

/// The revision up to which every watcher has been told, when `now` is the last one. Watchers that
/// are gone are forgotten.
fn told(watchers: &mut Vec<Weak<AtomicU64>>, now: u64) -> u64 {
    let mut told = now;
    watchers.retain(|watcher| match watcher.upgrade() {
        Some(sent) => {
            told = told.min(sent.load(Ordering::Acquire));
            true
        }
        None => false,
    });
    told
}

fn without_fragment(url: &str) -> &str {
    url.split_once('#').map_or(url, |(sent, _)| sent)
}

#[cfg(test)]
mod tests;

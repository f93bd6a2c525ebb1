//! The live state of every download, and its revisions. Owns what watchers see; knows nothing of
//! who watches or how it is sent.
//!
//! State, not a queue of events: each change raises one global revision and marks which fields
//! changed at it. A watcher holds a single number, the last revision it was sent, and asks for what
//! changed since. A slow watcher gets fewer, larger changes; memory is bounded by the number of
//! downloads, never by the number of changes.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use tokio::sync::watch;

use crate::error::Error;
use crate::plan::state::Status;
use crate::spec::{Algorithm, Id};

/// What one thread is doing, for `blocks` of a single download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockView {
    /// The thread's number, from 1.
    pub thread: u16,
    /// First byte of the block.
    pub start: u64,
    /// Last byte of the block, inclusive; `None` when the length is unknown.
    pub end: Option<u64>,
    /// Bytes of it that are written.
    pub done: u64,
    /// Bytes per second.
    pub speed: u64,
    /// What the thread does now.
    pub state: ThreadState,
    /// Where the bytes come from.
    pub url: Arc<str>,
}

/// What a thread does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ThreadState {
    /// Waiting for a permit, a connection or the response head.
    Connecting = 0,
    /// Receiving bytes.
    Streaming = 1,
    /// Held back by a speed limit or a budget.
    Waiting = 2,
    /// Waiting before another try.
    Retrying = 3,
}

/// The digest of a whole file: asked for, found, and whether they agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestView {
    /// Which digest.
    pub algorithm: Algorithm,
    /// The value it must have.
    pub expected: Option<Arc<str>>,
    /// The value it has, once known.
    pub actual: Option<Arc<str>>,
    /// Whether they agree, once known.
    pub verified: Option<bool>,
}

/// Declares [`View`] and, for each of its fields, a bit of [`Fields`]: a field is named once.
macro_rules! view {
    ($($(#[$doc:meta])* $flag:ident $name:ident: $type:ty,)*) => {
        /// One download as watchers see it. Cheap to copy: long values are shared.
        #[derive(Debug, Clone, PartialEq)]
        pub struct View {
            /// Its id.
            pub id: Id,
            /// The revision of its last change.
            pub revision: u64,
            $($(#[$doc])* pub $name: $type,)*
        }

        #[derive(Clone, Copy)]
        #[repr(u8)]
        #[allow(clippy::upper_case_acronyms, non_camel_case_types, reason = "named after the constants they number")]
        enum Bit { $($flag,)* }

        impl Fields {
            $(#[doc = concat!("The field `", stringify!($name), "`.")]
            pub const $flag: Fields = Fields(1 << Bit::$flag as u64);)*
            /// Every field.
            pub const ALL: Fields = Fields($(Fields::$flag.0)|*);
        }

        impl View {
            /// The fields in which two views differ.
            fn differs(&self, other: &View) -> Fields {
                let mut fields = Fields::NONE;
                $(if self.$name != other.$name { fields = fields | Fields::$flag; })*
                fields
            }
        }
    };
}

/// A set of [`View`] fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields(u64);

impl Fields {
    /// No field.
    pub const NONE: Fields = Fields(0);

    /// Whether any of `other`'s fields is in this set.
    pub fn intersects(self, other: Fields) -> bool {
        self.0 & other.0 != 0
    }

    fn without(self, other: Fields) -> Fields {
        Fields(self.0 & !other.0)
    }
}

impl std::ops::BitOr for Fields {
    type Output = Fields;
    fn bitor(self, other: Fields) -> Fields {
        Fields(self.0 | other.0)
    }
}

view! {
    /// The URL as given.
    URL url: Arc<str>,
    /// The URL after redirects.
    FINAL_URL final_url: Option<Arc<str>>,
    /// Other places that hold the same file.
    MIRRORS mirrors: Arc<[String]>,
    /// The file's name: a guess from the URL until the probe has answered.
    NAME name: Arc<str>,
    /// Where the finished file lies or will lie.
    PATH path: Option<Arc<Path>>,
    /// Where it stands.
    STATUS status: Status,
    /// Length in bytes, when known.
    SIZE size: Option<u64>,
    /// Bytes held.
    DONE done: u64,
    /// Threads at work now.
    THREADS_ACTIVE threads_active: u16,
    /// Most threads.
    THREADS_LIMIT threads_limit: u16,
    /// Most bytes in one range request.
    BLOCK_SIZE block_size: u64,
    /// Whether the server answers range requests, when known.
    RANGES ranges: Option<bool>,
    /// Bytes per second now.
    SPEED speed: u64,
    /// Seconds left at this speed.
    ETA eta: Option<u64>,
    /// Most bytes per second; 0 is no limit.
    SPEED_LIMIT speed_limit: u64,
    /// Higher starts first.
    PRIORITY priority: i32,
    /// Place in the queue, from 0; known for the first [`POSITIONS_SHOWN`] of it.
    POSITION position: Option<u64>,
    /// The server's `ETag`.
    ETAG etag: Option<Arc<str>>,
    /// The server's `Last-Modified`.
    LAST_MODIFIED last_modified: Option<SystemTime>,
    /// The server's `Content-Type`.
    CONTENT_TYPE content_type: Option<Arc<str>>,
    /// The digest of the whole file.
    CHECKSUM checksum: DigestView,
    /// Why it failed.
    ERROR error: Option<Arc<Error>>,
    /// Why it waits, for a human.
    REASON reason: Option<Arc<str>>,
    /// New tries so far, over all blocks.
    ATTEMPTS attempts: u32,
    /// Bytes fetched twice.
    WASTED wasted: u64,
    /// When it was added.
    ADDED_AT added_at: SystemTime,
    /// When it first became active.
    STARTED_AT started_at: Option<SystemTime>,
    /// When it ended.
    FINISHED_AT finished_at: Option<SystemTime>,
    /// What each thread does; empty unless active.
    BLOCKS blocks: Arc<[BlockView]>,
    /// Up to 512 characters `0`–`9`: the filled tenths of equal slices of the file.
    MAP map: Arc<str>,
}

/// Only the head of the queue carries positions, so that starting one download does not change
/// every other one behind it.
pub const POSITIONS_SHOWN: usize = 1000;

/// Totals over all downloads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes per second.
    pub speed: u64,
    /// Downloads at work (probing to delivering).
    pub active: u64,
    /// Downloads waiting for their turn.
    pub queued: u64,
    /// Paused downloads.
    pub paused: u64,
    /// Finished downloads.
    pub completed: u64,
    /// Failed downloads.
    pub failed: u64,
    /// Open connections.
    pub connections: u64,
    /// Free bytes where finished files go.
    pub free_space: u64,
}

/// What changed between two revisions.
#[derive(Debug, Clone)]
pub struct Changes {
    /// The revision that was asked from.
    pub from: u64,
    /// The revision that this leads to.
    pub to: u64,
    /// Downloads that changed, with the fields that did. All fields: it is new.
    pub changed: Vec<(Arc<View>, Fields)>,
    /// Downloads that are gone.
    pub removed: Vec<Id>,
    /// Totals at `to`.
    pub stats: Stats,
}

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
        let view = Arc::new(view);
        if let Some(entry) = table.entries.get_mut(&id) {
            entry.mark(revision, fields);
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

    /// Drops the removals that every watcher has been told of.
    fn forget_told(&mut self) {
        let mut told = self.revision;
        self.watchers.retain(|watcher| match watcher.upgrade() {
            Some(sent) => {
                told = told.min(sent.load(Ordering::Acquire));
                true
            }
            None => false,
        });
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

#[cfg(test)]
mod tests {
    use super::*;

    fn view(id: u64) -> View {
        let spec = crate::Spec::new(crate::Spec::parse_url("http://host/file").expect("a URL"));
        View {
            id: Id(id),
            revision: 0,
            url: spec.url.as_str().into(),
            final_url: None,
            mirrors: Arc::default(),
            name: "file".into(),
            path: None,
            status: Status::Queued,
            size: None,
            done: 0,
            threads_active: 0,
            threads_limit: 8,
            block_size: 1,
            ranges: None,
            speed: 0,
            eta: None,
            speed_limit: 0,
            priority: 0,
            position: None,
            etag: None,
            last_modified: None,
            content_type: None,
            checksum: DigestView {
                algorithm: Algorithm::Sha256,
                expected: None,
                actual: None,
                verified: None,
            },
            error: None,
            reason: None,
            attempts: 0,
            wasted: 0,
            added_at: SystemTime::UNIX_EPOCH,
            started_at: None,
            finished_at: None,
            blocks: Arc::default(),
            map: "".into(),
        }
    }

    #[test]
    fn only_the_fields_that_changed_are_marked() {
        let live = Live::new();
        live.insert(view(1));
        let before = live.revision();
        live.update(Id(1), |view| view.done = 5);
        live.update(Id(1), |view| view.done = 6);
        let changes = live.changes(before);
        let [(changed, fields)] = &changes.changed[..] else {
            panic!("one download")
        };
        assert_eq!(
            (changed.done, changed.revision, changes.to),
            (6, before + 2, before + 2)
        );
        assert_eq!(*fields, Fields::DONE);
        assert_eq!(
            live.changes(0).changed[0].1,
            Fields::ALL,
            "for a newcomer all of it is new"
        );
    }

    #[test]
    fn a_change_to_the_same_value_is_none() {
        let live = Live::new();
        live.insert(view(1));
        let before = live.revision();
        live.update(Id(1), |view| view.done = 0);
        assert_eq!(live.revision(), before);
    }

    #[test]
    fn removals_are_told_to_every_watcher_and_then_forgotten() {
        let live = Live::new();
        live.insert(view(1));
        live.insert(view(2));
        let (mut quick, mut slow) = (live.watch(), live.watch());
        live.remove(Id(1));
        assert_eq!(quick.take().removed, [Id(1)]);
        live.remove(Id(2));
        assert_eq!(quick.take().removed, [Id(2)]);
        assert_eq!(slow.take().removed, [Id(1), Id(2)], "merged, not lost");
        drop((quick, slow));
        live.insert(view(3));
        live.remove(Id(3));
        assert!(live.lock().removed.len() <= 1);
    }

    #[test]
    fn totals_follow_states_and_speeds() {
        let live = Live::new();
        live.insert(view(1));
        live.insert(view(2));
        live.update(Id(1), |view| {
            view.status = Status::Downloading;
            view.speed = 10;
        });
        let stats = live.stats();
        assert_eq!((stats.queued, stats.active, stats.speed), (1, 1, 10));
        live.remove(Id(1));
        let stats = live.stats();
        assert_eq!((stats.queued, stats.active, stats.speed), (1, 0, 0));
    }

    #[tokio::test]
    async fn a_watcher_that_missed_a_change_does_not_wait() {
        let live = Live::new();
        let mut watcher = live.watch();
        live.insert(view(1));
        watcher.changed().await;
        let (revision, views, _) = watcher.snapshot(|_| true);
        assert_eq!((revision, views.len()), (1, 1));
    }
}

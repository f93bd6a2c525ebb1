//! One who watches the live state: holds the last revision that it was sent, and nothing else. Knows
//! nothing of how it is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use super::{Changes, Entry, Live, Snapshot, Statuses, View};
use crate::spec::Id;

impl Live {
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

    /// Goes on watching for somebody who was told everything up to `sent` some time ago; `None` when it
    /// is no longer known what happened since.
    pub fn watch_since(&self, sent: u64) -> Option<Watcher> {
        let mut table = self.lock();
        if sent < table.forgotten || sent > table.revision {
            return None;
        }
        let sent = Arc::new(AtomicU64::new(sent));
        table.watchers.push(Arc::downgrade(&sent));
        Some(Watcher {
            live: self.clone(),
            sent,
            revision: self.revision.subscribe(),
        })
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

    /// The state to start from: the downloads in one of these states, in the order added.
    pub fn snapshot(&mut self, statuses: Statuses) -> Snapshot {
        let taken = self.live.in_states(statuses);
        self.told(taken.0);
        taken
    }

    /// The same of some downloads: those of `ids` that are there and pass `keep`.
    pub fn snapshot_of(
        &mut self,
        ids: impl IntoIterator<Item = Id>,
        keep: impl Fn(&View) -> bool,
    ) -> Snapshot {
        let table = self.live.lock();
        let entries = ids.into_iter().filter_map(|id| table.entries.get(&id));
        let mut entries: Vec<&Entry> = entries.filter(|entry| keep(&entry.view)).collect();
        entries.sort_unstable_by_key(|entry| entry.place);
        let views = entries.iter().map(|entry| entry.view.clone()).collect();
        let taken = (table.revision, views, table.stats());
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

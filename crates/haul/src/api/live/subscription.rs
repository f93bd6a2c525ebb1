//! One subscription: which downloads it shows, how far its client has been told, when it may
//! speak next. Knows nothing of sockets.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use haul_engine::event::{Changes, Fields};
use haul_engine::{Id, Live, Stats, View, Watcher};
use tokio::time::{Instant, sleep_until};

use super::frames::Frames;
use crate::api::list::Statuses;
use crate::api::types::download::Detail;
use crate::api::types::requests::Wanted;
use crate::api::types::rpc;

/// All subscriptions speak on one grid of time, so that those that see the same downloads are
/// told the same things at the same time and share one frame.
static GRID: LazyLock<Instant> = LazyLock::new(Instant::now);

pub(super) struct Subscription {
    name: String,
    filter: Filter,
    detail: Detail,
    interval: Duration,
    watcher: Watcher,
    /// The last revision that the client was told: the next frame's `from`.
    told: u64,
    stats: Stats,
    due: Instant,
}

/// Which downloads a subscription shows.
#[derive(Default)]
struct Filter {
    statuses: Option<Statuses>,
    ids: Option<HashSet<Id>>,
}

impl Filter {
    fn is_open(&self) -> bool {
        self.statuses.is_none() && self.ids.is_none()
    }

    fn names(&self, id: Id) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.contains(&id))
    }

    fn shows(&self, view: &View) -> bool {
        self.names(view.id)
            && self
                .statuses
                .is_none_or(|statuses| statuses.contains(view.status))
    }

    /// Leaves of `changes` what a client that sees this filter has to be told.
    fn apply(&self, mut changes: Changes) -> Changes {
        changes.removed.retain(|id| self.names(*id));
        let mut left = Vec::new();
        changes.changed.retain_mut(|(view, fields)| {
            if !self.names(view.id) {
                return false;
            }
            let Some(statuses) = self.statuses else {
                return true;
            };
            // Whether it was shown before is only known while its status stands.
            let is_new = fields.intersects(Fields::ADDED_AT);
            let moved = fields.intersects(Fields::STATUS);
            if statuses.contains(view.status) {
                if moved {
                    *fields = Fields::ALL;
                }
                return true;
            }
            if moved && !is_new {
                left.push(view.id);
            }
            false
        });
        changes.removed.append(&mut left);
        changes
    }
}

impl Subscription {
    /// Begins with the present state. The second value is the answer to `subscribe`, JSON.
    pub(super) fn begin(name: String, wanted: Wanted, live: &Live) -> (Subscription, String) {
        let filter = Filter {
            statuses: wanted.statuses,
            ids: wanted.ids.map(HashSet::from_iter),
        };
        let mut watcher = live.watch();
        let (revision, downloads, stats) = watcher.snapshot(|view| filter.shows(view));
        let answer = rpc::snapshot(&name, revision, &downloads, wanted.detail, &stats);
        let interval = Duration::from_millis(wanted.interval_ms);
        let subscription = Subscription {
            name,
            filter,
            detail: wanted.detail,
            interval,
            watcher,
            told: revision,
            stats,
            due: on_grid(*GRID, Instant::now() + interval, interval),
        };
        (subscription, answer)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Waits until something changed and its turn has come. Dropping the future loses nothing.
    pub(super) async fn ready(&mut self) {
        self.watcher.changed().await;
        sleep_until(self.due).await;
    }

    /// What the client is to be told now; `None` when nothing that it sees has changed.
    pub(super) fn frame(&mut self, live: &Live, frames: &Frames) -> Option<String> {
        self.due = next_due(self.due, Instant::now(), self.interval);
        let from = self.told;
        if self.filter.is_open() && self.detail == Detail::Plain {
            let (to, changes) = frames.changes(live, from);
            self.watcher.told(to);
            self.told = to;
            return Some(rpc::changed(&self.name, from, &changes));
        }
        let changes = self.filter.apply(self.watcher.take());
        let is_same =
            changes.changed.is_empty() && changes.removed.is_empty() && changes.stats == self.stats;
        if is_same {
            return None;
        }
        self.told = changes.to;
        self.stats = changes.stats;
        let body = rpc::changes(
            changes.to,
            &changes.changed,
            &changes.removed,
            self.detail,
            &changes.stats,
        );
        Some(rpc::changed(&self.name, from, &body))
    }
}

/// When to speak after having spoken at `now` for `due`: one interval later on a steady stream;
/// after a pause, the first place on the grid that keeps the distance.
fn next_due(due: Instant, now: Instant, interval: Duration) -> Instant {
    if now < due + interval / 4 {
        return due + interval;
    }
    on_grid(*GRID, now + interval, interval)
}

/// The first multiple of `interval` after `start` that is not before `at`.
fn on_grid(start: Instant, at: Instant, interval: Duration) -> Instant {
    let since = at.saturating_duration_since(start).as_nanos();
    let past = since % interval.as_nanos();
    if past == 0 {
        return at;
    }
    let wait = interval.as_nanos() - past;
    at + Duration::from_nanos(u64::try_from(wait).unwrap_or(0))
}

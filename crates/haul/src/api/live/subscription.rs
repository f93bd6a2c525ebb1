//! One subscription: which downloads it shows, how far its client has been told, when it may
//! speak next. Knows nothing of sockets.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::Bytes;
use haul_engine::event::{Changes, Fields, Statuses};
use haul_engine::{Id, Live, Stats, View, Watcher};
use tokio::time::{Instant, sleep_until};

use super::frames::{Body, Frames, Sight};
use crate::api::socket::Utf8Bytes;
use crate::api::types::requests::Wanted;
use crate::api::types::rpc;

/// All subscriptions speak on one grid of time, so that those that see the same downloads are
/// told the same things at the same time and share one frame.
static GRID: LazyLock<Instant> = LazyLock::new(Instant::now);

pub(super) struct Subscription {
    name: String,
    filter: Filter,
    sight: Sight,
    interval: Duration,
    watcher: Watcher,
    /// Whether what the client has been shown is not known here: it was told by another subscription.
    is_back: bool,
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

/// Whether a download that seems new to the client can have been shown to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Newcomers {
    Unseen,
    PerhapsSeen,
}

impl Filter {
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
    fn apply(&self, mut changes: Changes, newcomers: Newcomers) -> Changes {
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
            let seems_new = fields.intersects(Fields::ADDED_AT);
            let is_new = seems_new && newcomers == Newcomers::Unseen;
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
        let mut watcher = live.watch();
        let filter = Filter {
            statuses: wanted.statuses,
            ids: wanted.ids.map(HashSet::from_iter),
        };
        let (revision, downloads, stats) = match &filter.ids {
            Some(ids) => watcher.snapshot_of(ids.iter().copied(), |view| filter.shows(view)),
            None => watcher.snapshot(filter.statuses.unwrap_or(Statuses::ALL)),
        };
        let answer = rpc::snapshot(&name, revision, &downloads, wanted.detail, &stats);
        let interval = Duration::from_millis(wanted.interval_ms);
        let subscription = Subscription {
            name,
            sight: Sight {
                statuses: filter.statuses,
                detail: wanted.detail,
                interval,
            },
            filter,
            interval,
            watcher,
            is_back: false,
            told: revision,
            stats,
            due: on_grid(*GRID, Instant::now() + interval, interval),
        };
        (subscription, answer)
    }

    /// Goes on for a client that comes back: `watcher` knows what it has been told. It speaks as soon as
    /// there is something to say.
    pub(super) fn go_on(name: String, wanted: Wanted, watcher: Watcher) -> Subscription {
        let interval = Duration::from_millis(wanted.interval_ms);
        Subscription {
            name,
            sight: Sight {
                statuses: wanted.statuses,
                detail: wanted.detail,
                interval,
            },
            filter: Filter {
                statuses: wanted.statuses,
                ids: wanted.ids.map(HashSet::from_iter),
            },
            interval,
            told: watcher.sent(),
            watcher,
            is_back: true,
            stats: Stats::default(),
            due: Instant::now(),
        }
    }

    /// The last revision that the client was told.
    pub(super) fn told(&self) -> u64 {
        self.told
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
    pub(super) fn frame(&mut self, live: &Live, frames: &Frames) -> Option<Utf8Bytes> {
        let (body, from) = self.news(live, frames)?;
        Some(body.message(&self.name, from))
    }

    /// The same as an event of a stream.
    pub(super) fn event(&mut self, live: &Live, frames: &Frames) -> Option<Bytes> {
        let (body, from) = self.news(live, frames)?;
        Some(body.event(&self.name, from))
    }

    /// What has changed, and the revision that it leads on from.
    fn news(&mut self, live: &Live, frames: &Frames) -> Option<(Arc<Body>, u64)> {
        self.due = next_due(self.due, Instant::now(), self.interval);
        let since = self.watcher.sent();
        let is_back = std::mem::take(&mut self.is_back);
        let newcomers = if is_back {
            Newcomers::PerhapsSeen
        } else {
            Newcomers::Unseen
        };
        let encode = || {
            let changes = self.filter.apply(live.changes(since), newcomers);
            Body::encode(&changes, self.sight.detail)
        };
        // Hardly two see the same few downloads, or come back after the same time.
        let body = if self.filter.ids.is_some() || is_back {
            Arc::new(encode())
        } else {
            frames.body(self.sight, since, encode)
        };
        self.watcher.told(body.to);
        if body.is_empty && body.stats == self.stats {
            return None;
        }
        self.stats = body.stats;
        let from = std::mem::replace(&mut self.told, body.to);
        Some((body, from))
    }
}

/// When to speak after having spoken at `now` for `due`: one interval later on a steady stream, so that
/// who was served late keeps in step with all others; after a pause, the first place on the grid that
/// keeps the distance.
fn next_due(due: Instant, now: Instant, interval: Duration) -> Instant {
    if now < due + interval / 2 {
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

#[cfg(test)]
mod tests;

//! The last sets of changes as they went over the wire, shared: of a thousand subscribers who see the
//! same, one pays for encoding, and all send the same bytes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use haul_engine::Stats;
use haul_engine::event::{Changes, Statuses};

use crate::api::socket::Utf8Bytes;
use crate::api::types::download::Detail;
use crate::api::types::{events, rpc};

/// What is the same for all subscribers who share: what they see of the list, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sight {
    pub(super) statuses: Option<Statuses>,
    pub(super) detail: Detail,
    pub(super) interval: Duration,
}

impl Sight {
    /// Whether a set is still handed out: to all who speak at the same place of the grid, however long
    /// it takes until it was everybody's turn, and to nobody at the next one.
    fn is_fresh(self, body: &Body) -> bool {
        body.encoded.elapsed() < self.interval / 2
    }
}

/// Changes as JSON, for whoever has been told something up to `since` or later.
pub(super) struct Body {
    since: u64,
    /// The revision that they lead to.
    pub(super) to: u64,
    /// Whether no download changed and none is gone.
    pub(super) is_empty: bool,
    pub(super) stats: Stats,
    json: String,
    encoded: Instant,
    /// The last message that was made of it.
    said: Mutex<Option<Said<Utf8Bytes>>>,
    /// The last event that was made of it.
    streamed: Mutex<Option<Said<Bytes>>>,
}

struct Said<T> {
    subscription: String,
    from: u64,
    text: T,
}

impl Body {
    pub(super) fn encode(changes: &Changes, detail: Detail) -> Body {
        Body {
            since: changes.from,
            to: changes.to,
            is_empty: changes.changed.is_empty() && changes.removed.is_empty(),
            stats: changes.stats,
            json: rpc::changes(
                changes.to,
                &changes.changed,
                &changes.removed,
                detail,
                &changes.stats,
            ),
            encoded: Instant::now(),
            said: Mutex::default(),
            streamed: Mutex::default(),
        }
    }

    /// The message for a subscription that was told everything up to `from`. Nearly all are the first
    /// of their socket and have the same name, and were told the same: they share one.
    pub(super) fn message(&self, subscription: &str, from: u64) -> Utf8Bytes {
        share(&self.said, subscription, from, || {
            rpc::changed(subscription, from, &self.json).into()
        })
    }

    /// The same as an event of a stream.
    pub(super) fn event(&self, subscription: &str, from: u64) -> Bytes {
        share(&self.streamed, subscription, from, || {
            events::changed(subscription, from, self.to, &self.json).into()
        })
    }

    /// Whether it leads on from `since`. Changes are absolute values: those of a longer way lead to the
    /// same state. Not so for those who see some states only: what has come and gone on the longer way
    /// is left out, and somebody may have seen it.
    fn serves(&self, sight: Sight, since: u64) -> bool {
        match sight.statuses {
            None => self.since <= since && since < self.to,
            Some(_) => self.since == since && since < self.to,
        }
    }
}

/// What was said last, or what `make` makes of it for another one.
fn share<T: Clone>(
    said: &Mutex<Option<Said<T>>>,
    subscription: &str,
    from: u64,
    make: impl FnOnce() -> T,
) -> T {
    let mut said = lock(said);
    if let Some(said) = &*said
        && said.subscription == subscription
        && said.from == from
    {
        return said.text.clone();
    }
    let text = make();
    *said = Some(Said {
        subscription: subscription.to_owned(),
        from,
        text: text.clone(),
    });
    text
}

/// One set of changes for each way in which subscribers see the list.
#[derive(Default)]
pub(crate) struct Frames(Mutex<Vec<(Sight, Arc<Body>)>>);

impl Frames {
    /// Changes that lead on from `since`: those that another one was given just now, or else what
    /// `encode` makes.
    pub(super) fn body(
        &self,
        sight: Sight,
        since: u64,
        encode: impl FnOnce() -> Body,
    ) -> Arc<Body> {
        let fresh = |(held, body): &&(Sight, Arc<Body>)| {
            *held == sight && body.serves(sight, since) && sight.is_fresh(body)
        };
        if let Some((_, body)) = lock(&self.0).iter().find(fresh) {
            return body.clone();
        }
        let body = Arc::new(encode());
        let mut held = lock(&self.0);
        held.retain(|(other, body)| *other != sight && other.is_fresh(body));
        held.push((sight, body.clone()));
        body
    }
}

/// A leaf lock: only copies happen while it is held.
fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

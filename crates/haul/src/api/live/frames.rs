//! The last set of changes as it went over the wire, shared: of a thousand subscribers who see
//! everything, one pays for encoding.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use haul_engine::Live;

use crate::api::types::download::Detail;
use crate::api::types::rpc;

/// How long a frame may be handed out: long enough for all who speak at the same place of the
/// grid, short against the shortest interval.
const FRESH: Duration = Duration::from_millis(20);

#[derive(Default)]
pub(crate) struct Frames(Mutex<Option<Frame>>);

#[derive(Clone)]
struct Frame {
    from: u64,
    to: u64,
    encoded: Instant,
    changes: Arc<str>,
}

impl Frame {
    /// Whether it leads on from `from`. Changes are absolute values: those of a longer way lead to
    /// the same state.
    fn serves(&self, from: u64) -> bool {
        self.from <= from && from < self.to && self.encoded.elapsed() < FRESH
    }
}

impl Frames {
    /// Changes that lead from `from` to the revision returned, JSON.
    pub(super) fn changes(&self, live: &Live, from: u64) -> (u64, Arc<str>) {
        let held = self.lock().clone();
        if let Some(frame) = held.filter(|frame| frame.serves(from)) {
            return (frame.to, frame.changes);
        }
        let changes = live.changes(from);
        let text = rpc::changes(
            changes.to,
            &changes.changed,
            &changes.removed,
            Detail::Plain,
            &changes.stats,
        );
        let frame = Frame {
            from,
            to: changes.to,
            encoded: Instant::now(),
            changes: text.into(),
        };
        let mut held = self.lock();
        *held = Some(frame.clone());
        (frame.to, frame.changes)
    }

    /// A leaf lock: only copies happen while it is held.
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Frame>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

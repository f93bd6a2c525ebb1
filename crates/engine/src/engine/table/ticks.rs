//! What the table does now and then: gauges, positions, and downloads whose next try is due.

use std::collections::HashSet;
use std::time::SystemTime;

use futures_util::FutureExt;
use tokio::time::Instant;

use super::{After, Entry, Table};
use crate::event::POSITIONS_SHOWN;
use crate::spec::Id;

/// How often the disk is asked for its free space.
const LOOK_AT_DISK: u32 = 5;

/// How often requests that count no more are forgotten: every ten minutes.
const FORGET: u32 = 3000;

impl Table {
    pub(super) fn tick(&mut self) {
        self.end_waits();
        self.tell_positions();
        let connections = self.context.limits.open_now() as u64;
        // A dead network disk holds up one look at it, never the table.
        let is_looking = self
            .looking
            .as_ref()
            .is_some_and(|look| !look.is_finished());
        if self.ticks.is_multiple_of(LOOK_AT_DISK) && !is_looking {
            let context = self.context.clone();
            self.looking = Some(tokio::task::spawn_blocking(move || {
                if let Ok(free) = context.disk.free_space(&context.config.dir) {
                    context.live.set_free_space(free);
                }
            }));
        }
        self.context.live.set_connections(connections);
        if self.ticks.is_multiple_of(FORGET) {
            self.forget_requests();
        }
        self.ticks = self.ticks.wrapping_add(1);
    }

    fn forget_requests(&mut self) {
        let Some(then) = self.requests.forget(SystemTime::now()) else {
            return;
        };
        let forgotten = self.context.store.forget_requests(then);
        let forgetting = async move {
            if let Err(error) = forgotten.await {
                tracing::warn!(%error, "the database keeps requests that count no more");
            }
            After::Nothing
        };
        self.saving.push(forgetting.boxed());
    }

    /// Those whose next try is due come back to their places.
    fn end_waits(&mut self) {
        for id in self.waiting.due(Instant::now()) {
            if let Some(Entry::Resting { record, .. }) = self.entries.get(&id) {
                self.queue.insert(id, record.place());
                // From now on it waits for its turn.
                self.context.live.update(id, |view| view.reason = None);
            }
        }
    }

    /// Tells the head of the queue where it stands.
    pub(super) fn tell_positions(&mut self) {
        let now: Vec<Id> = self.queue.iter().take(POSITIONS_SHOWN).collect();
        if now == self.told && !self.has_stirred {
            return;
        }
        self.has_stirred = false;
        for (position, id) in (0..).zip(&now) {
            self.context
                .live
                .update(*id, |view| view.position = Some(position));
        }
        let stays: HashSet<&Id> = now.iter().collect();
        for id in self.told.iter().filter(|id| !stays.contains(id)) {
            self.context.live.update(*id, |view| view.position = None);
        }
        self.told = now;
    }
}

//! Checkpoints of a running transfer: bytes first, then the record. Owns the knowledge of what is
//! surely on the disk.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::FutureExt;
use tokio::time::Instant;

use super::{Held, Transfer};
use crate::crash::{Point, point};
use crate::disk::Scratch;
use crate::error::{Error, Kind, Result};
use crate::plan::stamp::{QUIET, Stamp};
use crate::store::Checkpoint;

/// At most this often bytes are synced and recorded.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

/// What became of a checkpoint.
pub(super) struct Tried {
    /// What was held when it began.
    held: Held,
    /// Whether they are on the disk.
    synced: Result<()>,
    /// Whether they are recorded.
    stored: Result<()>,
}

impl Transfer<'_> {
    /// What is held now.
    fn held(&self) -> Held {
        Held {
            done: self.plan.done().clone(),
            seals: self.seals.clone(),
        }
    }

    /// Begins a checkpoint when the last one is long enough ago and there is something new.
    pub(super) fn checkpoint_if_due(&mut self, now: Instant) {
        let is_due = now.duration_since(self.checkpointed_at) >= CHECKPOINT_EVERY;
        let has_news = self.unrecorded.is_some() || self.plan.done().len() > self.synced.done.len();
        // Without ranges nothing can be built upon after a restart.
        if !is_due || !has_news || self.checkpoint.is_some() || !self.resource.ranges {
            return;
        }
        self.checkpointed_at = now;
        let held = self.held();
        let checkpoint = Checkpoint {
            id: self.id,
            done: held.done.clone(),
            seals: held.seals.clone(),
            attempts: self.attempts_now(),
            wasted: self.wasted(),
        };
        let (scratch, store) = (self.scratch.clone(), self.context.store.clone());
        let whole = self.unrecorded.clone();
        let trying = async move {
            point(Point::Written);
            let synced = sync(scratch, What::BytesAndName).await;
            point(Point::Synced);
            let stored = match (&synced, whole) {
                (Err(_), _) => Ok(()),
                (Ok(()), None) => store.checkpoint(checkpoint).await,
                (Ok(()), Some(mut record)) => {
                    record.done = checkpoint.done;
                    record.seals = checkpoint.seals;
                    store.advance(vec![*record]).await
                }
            };
            point(Point::Recorded);
            Tried {
                held,
                synced,
                stored,
            }
        };
        self.checkpoint = Some(trying.boxed());
    }

    /// Takes note of a checkpoint's end.
    pub(super) fn note(&mut self, tried: Tried) -> Result<()> {
        self.checkpoint = None;
        if let Err(error) = tried.synced {
            self.sync_failed = true;
            return Err(error);
        }
        self.synced = tried.held;
        match tried.stored {
            Ok(()) => self.unrecorded = None,
            // The bytes are safe, only their record is late: the next checkpoint makes up for it.
            Err(error) => tracing::warn!(id = %self.id, %error, "a checkpoint was not recorded"),
        }
        Ok(())
    }

    /// What is held at the end is synced, so that whoever records it tells the truth.
    pub(super) async fn last_sync(&mut self) -> Result<()> {
        // A failure that this one has met would not be told again.
        if let Some(trying) = self.checkpoint.take() {
            let tried = trying.await;
            self.note(tried)?;
        }
        let held = self.held();
        // Without ranges a part cannot be built upon, so a part is nothing.
        let is_nothing = !self.resource.ranges && !self.plan.is_filled();
        if self.sync_failed || is_nothing || held.done == self.synced.done {
            return Ok(());
        }
        // A whole file gets its final name next; its scratch name need not outlive a power cut.
        let what = if self.plan.is_filled() {
            What::Bytes
        } else {
            What::BytesAndName
        };
        sync(self.scratch.clone(), what).await?;
        self.synced = held;
        Ok(())
    }

    /// How the scratch file looks when no thread writes any more, if that can tell a later change.
    pub(super) async fn stamp(&mut self) -> Option<Stamp> {
        // What the disk has not confirmed has to be looked at.
        if self.sync_failed {
            return None;
        }
        // Until the file system's clock has moved on, a change would look like our own last one.
        tokio::time::sleep(QUIET).await;
        let stamp = self.scratch.stamp().ok()?;
        stamp.is_settled(SystemTime::now()).then_some(stamp)
    }
}

/// What a sync has to make sure of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Bytes,
    /// A record is about to speak of the file, which is of use only if the file is found again.
    BytesAndName,
}

/// Syncs a scratch file without holding up the threads of this runtime.
async fn sync(scratch: Arc<dyn Scratch>, what: What) -> Result<()> {
    let synced = tokio::task::spawn_blocking(move || {
        let synced = match what {
            What::Bytes => scratch.sync(),
            What::BytesAndName => scratch.sync().and_then(|()| scratch.sync_name()),
        };
        synced.map_err(|cause| Error::disk("sync", scratch.path(), &cause))
    });
    let broken = |cause| {
        Err(Error::new(
            Kind::DiskIo,
            format!("syncing broke off: {cause}"),
        ))
    };
    synced.await.unwrap_or_else(broken)
}

//! Connections that are made before it is known whether they are needed: where the way is long, the
//! first answer is awaited for as long as it takes to make them. Knows whom they lead to and whoever
//! takes them; how they are made is others' business.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::task::AbortOnDropHandle;

use super::permits::{Grant, Host};

/// A connection that is being made; `None` when it did not come about, which is nobody's trouble.
pub(crate) type Coming = AbortOnDropHandle<Option<Grant>>;

/// One download's connections for later. Dropping it closes them.
#[derive(Default)]
pub(crate) struct Ahead {
    /// How many may be begun.
    most: AtomicUsize,
    made: Mutex<Made>,
}

/// What was begun, all of it to one host. The first is the oldest.
#[derive(Default)]
struct Made {
    to: Option<Host>,
    coming: Vec<Coming>,
}

impl Ahead {
    /// So many may be begun from now on.
    pub(crate) fn allow(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// No more are begun, and so many of those that were are of use; the others are closed.
    pub(crate) fn keep(&self, of_use: usize) {
        self.allow(0);
        let mut made = self.made();
        let from = of_use.min(made.coming.len());
        let closed = made.coming.split_off(from);
        // A connection that closes gives its permit back, which takes another lock.
        drop(made);
        drop(closed);
    }

    /// Begins as many as are allowed, in place of those to another host. `make` returns `None` when no
    /// more can be had.
    pub(crate) fn begin(&self, host: &Host, make: impl FnMut() -> Option<Coming>) {
        if self.made().to.as_ref() == Some(host) {
            return;
        }
        let most = self.most.load(Ordering::Relaxed);
        let made = Made {
            to: Some(host.clone()),
            coming: std::iter::from_fn(make).take(most).collect(),
        };
        let before = std::mem::replace(&mut *self.made(), made);
        drop(before);
    }

    /// The next one, when it is there; `None` when there is none to this host or it did not come about.
    pub(crate) async fn take(&self, host: &Host) -> Option<Grant> {
        let next = {
            let mut made = self.made();
            let leads_there = made.to.as_ref() == Some(host) && !made.coming.is_empty();
            leads_there.then(|| made.coming.remove(0))
        };
        next?.await.ok()?
    }

    /// A leaf lock: nothing is awaited or closed while it is held.
    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! One download's rates: the limit over all downloads and its own, taken together.

use std::sync::Arc;

use super::{Bucket, Limits};

/// What a thread asks before it reads on. Clones share it.
#[derive(Clone)]
pub(crate) struct Rates {
    limits: Arc<Limits>,
    own: Arc<Bucket>,
}

impl Rates {
    pub(crate) fn new(limits: Arc<Limits>, own: Arc<Bucket>) -> Rates {
        Rates { limits, own }
    }

    /// Whether any limit is set, so that taking may wait.
    pub(crate) fn is_limited(&self) -> bool {
        self.own.rate() > 0 || self.limits.rate().rate() > 0
    }

    /// How many bytes to take at a time, so that they trickle instead of coming in gulps.
    pub(crate) fn piece(&self) -> usize {
        let limits = [self.own.piece(), self.limits.rate().piece()];
        limits.into_iter().flatten().min().unwrap_or(usize::MAX)
    }

    /// Returns when `bytes` more may have been received.
    pub(crate) async fn take(&self, bytes: u64) {
        self.limits.take(&self.own, bytes).await;
    }
}

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

    /// How many bytes to take at a time under a limit, so that they trickle instead of coming in
    /// gulps; `None` without one.
    pub(crate) fn piece(&self) -> Option<usize> {
        let limits = [self.own.piece(), self.limits.rate().piece()];
        limits.into_iter().flatten().min()
    }

    /// Returns when `bytes` more may have been received.
    pub(crate) async fn take(&self, bytes: u64) {
        self.limits.take(&self.own, bytes).await;
    }
}

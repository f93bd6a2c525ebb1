//! Owns what all downloads share: connection permits and the byte rate. Knows nothing of sockets or
//! HTTP: an open connection that waits for its next request is only kept here, and dropped when
//! somebody needs its permit more.

mod ahead;
mod flow;
mod idle;
mod permits;
mod queue;
mod rate;
mod rates;

use std::sync::Arc;

use url::Url;

use crate::spec::Settings;
pub(crate) use ahead::{Ahead, Coming};
pub(crate) use flow::Flow;
#[cfg(test)]
pub(crate) use idle::Idle;
pub(crate) use permits::{Grant, Host, Parked, Permit};
pub(crate) use queue::Owner;
pub(crate) use rate::Bucket;
pub(crate) use rates::Rates;

/// The shared limits of one engine.
pub(crate) struct Limits {
    permits: Arc<permits::Permits>,
    rate: Bucket,
}

impl Limits {
    pub(crate) fn new(settings: &Settings) -> Arc<Limits> {
        let limits = Limits {
            permits: permits::Permits::new(
                settings.max_connections,
                settings.max_connections_per_host,
            ),
            rate: Bucket::new(settings.speed_limit),
        };
        Arc::new(limits)
    }

    /// Puts new caps and the overall rate in force. A lower cap on connections closes idle ones at
    /// once and busy ones as they return, or as their owners see that they are a surplus.
    pub(crate) fn set(&self, settings: &Settings) {
        self.permits
            .set_caps(settings.max_connections, settings.max_connections_per_host);
        self.rate.set_rate(settings.speed_limit);
    }

    /// Waits for a connection to `host`; one is closed elsewhere when idle. Dropping the future
    /// gives the place in the queue up.
    pub(crate) async fn acquire(&self, host: &Host, owner: Owner) -> Grant {
        self.permits.acquire(host, owner).await
    }

    /// A connection to `host` that can be had at once.
    pub(crate) fn acquire_at_once(&self, host: &Host, owner: Owner) -> Option<Grant> {
        self.permits.acquire_at_once(host, owner)
    }

    /// Most connections that the host of `url` is given now.
    pub(crate) fn most_to(&self, url: &Url) -> usize {
        self.permits.cap(&Host::of(url))
    }

    /// Connections to the host of `url` that `owner` may have beside those of others.
    pub(crate) fn left_for(&self, url: &Url, owner: Owner) -> usize {
        self.permits.left_for(&Host::of(url), owner)
    }

    /// While `owner` waits for a connection: how many it has to that host, and the most that the host is
    /// given.
    pub(crate) fn waits(&self, owner: Owner) -> Option<(u16, usize)> {
        self.permits.waits(owner)
    }

    /// Connections to `host` that `owner` has to give back, because the cap was lowered or another one has
    /// none.
    pub(crate) fn surplus_to(&self, host: &Host, owner: Owner) -> usize {
        self.permits.surplus_to(host, owner)
    }

    /// The same of its connections to all hosts.
    pub(crate) fn surplus(&self, owner: Owner) -> usize {
        self.permits.surplus(owner)
    }

    /// The host of `url` seems to accept no more connections than are at work now, although it does
    /// not say so: fewer are given out for a while.
    pub(crate) fn crowded(&self, url: &Url) {
        self.permits.crowded(&Host::of(url));
    }

    /// Open connections, idle ones included.
    pub(crate) fn open_now(&self) -> usize {
        self.permits.open_now()
    }

    /// Whether an owner that only holds a connection open for later should let go of it: somebody
    /// waits, or fewer than half of the permits, of this host or of all, are free.
    pub(crate) fn is_tight(&self, url: &Url) -> bool {
        self.permits.is_tight(&Host::of(url))
    }

    /// Accounts for `bytes` read, in the overall rate and in the download's own, and waits as long
    /// as either is in debt.
    pub(crate) async fn take(&self, own: &Bucket, bytes: u64) {
        tokio::join!(self.rate.take(bytes), own.take(bytes));
    }

    /// The overall rate.
    pub(crate) fn rate(&self) -> &Bucket {
        &self.rate
    }

    /// Closes connections that were idle for too long, for ever. Whoever parks connections runs it.
    pub(crate) async fn reap(&self) {
        self.permits.reap().await;
    }
}

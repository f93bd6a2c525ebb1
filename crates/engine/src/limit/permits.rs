//! Connection permits as their users see them: taken, waited for, parked with an idle connection,
//! given back on drop. Who is next is decided in `queue`; a connection is a box that is kept,
//! handed on or dropped.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use url::Url;

use super::queue::{Due, Next, Owner, Queue, Slot};

/// What a permit counts for: scheme, name and port.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Host(Arc<str>);

impl Host {
    pub(crate) fn of(url: &Url) -> Host {
        Host(url.origin().ascii_serialization().into())
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An open connection that waits for its next request.
pub(crate) type Parked = Box<dyn Any + Send>;

/// What a waiter gets: the right to one connection, and perhaps an open one.
pub(crate) struct Grant {
    /// An open connection to the same host. First, so that it closes before the permit returns.
    pub(crate) parked: Option<Parked>,
    pub(crate) permit: Permit,
}

/// The right to one open connection; given back on drop.
pub(crate) struct Permit {
    host: Host,
    owner: Owner,
    /// `None` once the connection was parked: then the permit stays taken.
    permits: Option<Arc<Permits>>,
}

impl Permit {
    /// Gives the permit back with a connection that may serve another request and has proven so many
    /// bytes/s. It goes to the next in line when that one wants the same host; it is closed when
    /// another host is next; it stays open, and counted, when nobody waits.
    pub(crate) fn park(self, connection: Parked, speed: u64) {
        let Some(permits) = self.permits.clone() else {
            return;
        };
        permits.park(self, connection, speed);
    }

    /// The host has refused this connection as one too many: fewer are given out for a while, at
    /// least as long as the host itself has asked for.
    pub(crate) fn refused(&self, wait: Option<Duration>) {
        if let Some(permits) = &self.permits {
            permits.lock().refused(&self.host, wait, Instant::now());
            permits.refused.notify_one();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(permits) = self.permits.take() {
            let due = permits.lock().release(&self.host, self.owner);
            permits.settle(due);
        }
    }
}

pub(super) struct Permits {
    queue: Mutex<Queue>,
    /// Somebody parked a connection.
    parked: Notify,
    /// Somebody was refused one.
    refused: Notify,
}

impl Permits {
    pub(super) fn new(most: usize, most_per_host: usize) -> Arc<Permits> {
        Arc::new(Permits {
            queue: Mutex::new(Queue::new(most, most_per_host)),
            parked: Notify::new(),
            refused: Notify::new(),
        })
    }

    /// A leaf lock: nothing is awaited, sent or closed while it is held.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes connections, and only then hands out the permits that they held.
    fn settle(self: &Arc<Permits>, due: Due) {
        drop(due.closed);
        for (waiter, slot) in due.served {
            // A waiter that gave up in between returns its permit by the drop of the grant.
            let _ = waiter.send(self.grant(slot));
        }
    }

    fn grant(self: &Arc<Permits>, slot: Slot) -> Grant {
        drop(slot.closed);
        Grant {
            parked: slot.parked,
            permit: Permit {
                host: slot.host,
                owner: slot.owner,
                permits: Some(self.clone()),
            },
        }
    }

    pub(super) fn set_caps(self: &Arc<Permits>, most: usize, most_per_host: usize) {
        let due = self.lock().set_caps(most, most_per_host);
        self.settle(due);
    }

    pub(super) fn cap(&self, host: &Host) -> usize {
        self.lock().cap(host)
    }

    pub(super) fn left_for(&self, host: &Host, owner: Owner) -> usize {
        self.lock().left_for(host, owner)
    }

    pub(super) fn waits(&self, owner: Owner) -> Option<(u16, usize)> {
        self.lock().waits(owner)
    }

    pub(super) fn surplus_to(&self, host: &Host, owner: Owner) -> usize {
        self.lock().surplus_to(host, owner)
    }

    pub(super) fn surplus(&self, owner: Owner) -> usize {
        self.lock().surplus(owner)
    }

    pub(super) fn crowded(&self, host: &Host) {
        self.lock().crowded(host, Instant::now());
        self.refused.notify_one();
    }

    pub(super) fn open_now(&self) -> usize {
        self.lock().open()
    }

    pub(super) fn is_tight(&self, host: &Host) -> bool {
        self.lock().is_tight(host)
    }

    pub(super) fn acquire_at_once(self: &Arc<Permits>, host: &Host, owner: Owner) -> Option<Grant> {
        let slot = self.lock().take(host, owner)?;
        Some(self.grant(slot))
    }

    #[cfg(test)]
    fn try_acquire(self: &Arc<Permits>, host: &Host) -> Option<Grant> {
        self.acquire_at_once(host, Owner::Nobody)
    }

    pub(super) async fn acquire(self: &Arc<Permits>, host: &Host, owner: Owner) -> Grant {
        loop {
            let taken = self.lock().take_or_wait(host, owner);
            match taken {
                Ok(slot) => return self.grant(slot),
                // The sender lives in the queue until it is used, so an error cannot happen; to
                // queue again is the right answer to it all the same.
                Err(turn) => {
                    if let Ok(grant) = turn.await {
                        return grant;
                    }
                }
            }
        }
    }

    fn park(self: &Arc<Permits>, mut permit: Permit, mut connection: Parked, speed: u64) {
        loop {
            let mut queue = self.lock();
            match queue.next_after(&permit.host) {
                Next::Nobody => {
                    permit.permits = None;
                    let of = (&permit.host, permit.owner);
                    queue.park(of, connection, speed, Instant::now());
                    drop(queue);
                    self.parked.notify_one();
                    return;
                }
                Next::OtherHost => {
                    drop(queue);
                    drop(connection);
                    return;
                }
                Next::SameHost(owner, waiter) => {
                    queue.hand_on(&permit.host, permit.owner, owner);
                    drop(queue);
                    permit.owner = owner;
                    let grant = Grant {
                        parked: Some(connection),
                        permit,
                    };
                    // Refused: that waiter gave up just now, so ask again who is next.
                    let Err(Grant {
                        parked: Some(back),
                        permit: kept,
                    }) = waiter.send(grant)
                    else {
                        return;
                    };
                    (permit, connection) = (kept, back);
                }
            }
        }
    }

    /// Closes what was idle for too long, and lets ceilings rise again, for ever.
    pub(super) async fn reap(self: &Arc<Permits>) {
        loop {
            let (due, next) = self.lock().expire(Instant::now());
            self.settle(due);
            let wait = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => self.parked.notified().await,
                }
            };
            tokio::select! {
                () = wait => {}
                () = self.refused.notified() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;

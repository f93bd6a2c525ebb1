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
        if of_use == 0 {
            made.to = None;
        }
        let from = of_use.min(made.coming.len());
        let closed = made.coming.split_off(from);
        // A connection that closes gives its permit back, which takes another lock.
        drop(made);
        drop(closed);
    }

    /// Begins as many as are allowed, in place of those to another host. `make` returns `None` when no
    /// more can be had.
    pub(crate) fn begin(&self, host: &Host, make: impl FnMut() -> Option<Coming>) {
        let most = self.most.load(Ordering::Relaxed);
        if most == 0 || self.made().to.as_ref() == Some(host) {
            return;
        }
        let made = Made {
            to: Some(host.clone()),
            coming: std::iter::from_fn(make).take(most).collect(),
        };
        let before = std::mem::replace(&mut *self.made(), made);
        drop(before);
    }

    /// The next one, when it is there; `None` when there is none to this host or it did not come about.
    /// Those to another host are closed: the way has led on from there.
    pub(crate) async fn take(&self, host: &Host) -> Option<Grant> {
        let next = {
            let mut made = self.made();
            let astray = made.to.as_ref() != Some(host);
            let astray = astray.then(|| std::mem::take(&mut *made));
            let next = (!made.coming.is_empty()).then(|| made.coming.remove(0));
            drop(made);
            drop(astray);
            next
        };
        next?.await.ok()?
    }

    /// A leaf lock: nothing is awaited or closed while it is held.
    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::{Limits, Owner};
    use crate::spec::Settings;
    use std::sync::Arc;
    use url::Url;

    fn host(name: &str) -> Host {
        Host::of(&Url::parse(&format!("http://{name}/")).expect("a URL"))
    }

    /// Connections that come at once.
    fn maker(limits: &Arc<Limits>, host: &Host) -> impl FnMut() -> Option<Coming> {
        let (limits, host) = (limits.clone(), host.clone());
        move || {
            let grant = limits.acquire_at_once(&host, Owner::Nobody)?;
            Some(Coming::new(tokio::spawn(async { Some(grant) })))
        }
    }

    /// Lets every task that can run do so.
    async fn settled() {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn no_more_are_begun_than_are_allowed_and_none_afterwards() {
        let limits = Limits::new(&Settings::default());
        let (host, other) = (host("a"), host("b"));
        let ahead = Ahead::default();
        ahead.begin(&host, maker(&limits, &host));
        assert_eq!(limits.open_now(), 0, "nobody has allowed it");
        let ahead = Ahead::default();
        ahead.allow(3);
        ahead.begin(&host, maker(&limits, &host));
        ahead.begin(&host, maker(&limits, &host));
        assert_eq!(limits.open_now(), 3);
        ahead.keep(1);
        ahead.begin(&other, maker(&limits, &other));
        settled().await;
        assert_eq!(limits.open_now(), 1, "those that are of no use are closed");
        let taken = ahead.take(&host).await.expect("one is left");
        assert!(ahead.take(&host).await.is_none());
        drop(taken);
        ahead.begin(&other, maker(&limits, &other));
        assert_eq!(limits.open_now(), 0, "the answer is there");
    }

    #[tokio::test]
    async fn after_an_answer_that_was_none_they_are_begun_anew() {
        let (limits, host) = (Limits::new(&Settings::default()), host("a"));
        let ahead = Ahead::default();
        for _ in 0..2 {
            ahead.allow(2);
            ahead.begin(&host, maker(&limits, &host));
            assert_eq!(limits.open_now(), 2);
            ahead.keep(0);
            settled().await;
            assert_eq!(limits.open_now(), 0);
        }
    }

    #[tokio::test]
    async fn those_to_a_host_that_only_redirects_are_closed() {
        let limits = Limits::new(&Settings::default());
        let (from, to) = (host("from"), host("to"));
        let ahead = Ahead::default();
        ahead.allow(2);
        ahead.begin(&from, maker(&limits, &from));
        assert!(ahead.take(&to).await.is_none());
        settled().await;
        assert_eq!(
            limits.open_now(),
            0,
            "they are closed, however near the next host is"
        );
        ahead.begin(&to, maker(&limits, &to));
        assert_eq!(limits.open_now(), 2);
        assert!(ahead.take(&to).await.is_some());
    }

    #[tokio::test]
    async fn one_that_did_not_come_about_leaves_no_trace() {
        let host = host("a");
        let ahead = Ahead::default();
        ahead.allow(1);
        ahead.begin(&host, || Some(Coming::new(tokio::spawn(async { None }))));
        assert!(ahead.take(&host).await.is_none());
    }
}

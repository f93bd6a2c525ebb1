//! One token bucket: how many bytes may pass per second. Knows nothing of who shares it.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

const NANOS: u128 = 1_000_000_000;

/// What a reader may lag behind and catch up at once, as a part of a second: enough to even out
/// timers of a millisecond, too little to be seen as a burst.
const BURST_PER_SECOND: u128 = 10;

/// A rate in bytes/s that any number of readers share.
///
/// Bytes are taken after they were read: the bucket goes into debt and the reader waits until its
/// own bytes are paid for. Debts are paid in the order in which they were made, so no reader
/// starves, and a read may be larger than the bucket.
pub(crate) struct Bucket {
    /// A copy of `State::rate`, so that no limit costs one load and no lock.
    rate: AtomicU64,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    /// Bytes per second; 0 is no limit.
    rate: u64,
    /// All bytes ever taken, in billionths, so that rates divide without rest.
    taken: u128,
    /// All bytes ever allowed, in billionths; runs ahead of `taken` by the burst at most.
    allowed: u128,
    /// When `allowed` was true.
    at: Instant,
}

impl Bucket {
    /// A bucket for `rate` bytes/s; 0 is no limit.
    pub(crate) fn new(rate: u64) -> Bucket {
        Bucket {
            rate: AtomicU64::new(rate),
            state: Mutex::new(State {
                rate,
                taken: 0,
                allowed: 0,
                at: Instant::now(),
            }),
            changed: Notify::new(),
        }
    }

    /// A leaf lock: nothing else is locked or awaited while it is held.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the rate; who waits goes on at the new one.
    pub(crate) fn set_rate(&self, rate: u64) {
        let mut state = self.lock();
        if state.rate == rate {
            return;
        }
        state.advance(Instant::now());
        state.rate = rate;
        // A new limit starts even: neither with old debts nor with what was saved without it.
        state.allowed = state.allowed.min(state.taken + state.burst());
        self.rate.store(rate, Ordering::Relaxed);
        drop(state);
        self.changed.notify_waiters();
    }

    /// The rate in bytes/s; 0 is no limit.
    pub(crate) fn rate(&self) -> u64 {
        self.rate.load(Ordering::Relaxed)
    }

    /// Accounts for `bytes` that were read and waits until they are paid for. Dropping the future
    /// leaves them accounted for.
    pub(crate) async fn take(&self, bytes: u64) {
        if self.rate() == 0 || bytes == 0 {
            return;
        }
        let ticket = self.lock().take(bytes, Instant::now());
        loop {
            // Registered before the look at the state, so that no change falls in between.
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let Some(wait) = self.lock().until(ticket, Instant::now()) else {
                return;
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = changed => {}
            }
        }
    }

    /// A good size for one read under this rate: about 50 ms worth, so that bytes trickle instead
    /// of coming in gulps. `None`: as much as there is.
    pub(crate) fn piece(&self) -> Option<usize> {
        match self.rate() {
            0 => None,
            rate => Some(usize::try_from(rate / 20).map_or(usize::MAX, |piece| piece.max(4096))),
        }
    }
}

impl State {
    fn burst(&self) -> u128 {
        u128::from(self.rate) * NANOS / BURST_PER_SECOND
    }

    fn advance(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_nanos();
        self.at = now;
        if self.rate == 0 {
            self.allowed = self.taken;
            return;
        }
        let most = self.taken + self.burst();
        let gained = passed.saturating_mul(self.rate.into());
        self.allowed = self.allowed.saturating_add(gained).min(most);
    }

    /// The point of `allowed` at which these bytes are paid for.
    fn take(&mut self, bytes: u64, now: Instant) -> u128 {
        self.advance(now);
        self.taken += u128::from(bytes) * NANOS;
        self.taken
    }

    /// How long until `ticket` is paid for, `None` when it is.
    fn until(&mut self, ticket: u128, now: Instant) -> Option<Duration> {
        self.advance(now);
        if self.rate == 0 || self.allowed >= ticket {
            return None;
        }
        let nanos = (ticket - self.allowed).div_ceil(u128::from(self.rate));
        Some(Duration::from_nanos(
            u64::try_from(nanos).unwrap_or(u64::MAX),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;

    async fn seconds(work: impl Future<Output = ()>) -> f64 {
        let start = Instant::now();
        work.await;
        start.elapsed().as_secs_f64()
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_pass_at_the_rate() {
        let bucket = Bucket::new(1_000_000);
        let took = seconds(async {
            for _ in 0..100 {
                bucket.take(50_000).await;
            }
        })
        .await;
        assert!((4.95..5.2).contains(&took), "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn readers_share_the_rate_and_none_starves() {
        let bucket = Bucket::new(1_000_000);
        let finished = join_all((0..10).map(|_| {
            let bucket = &bucket;
            async move {
                for _ in 0..10 {
                    bucket.take(10_000).await;
                }
                Instant::now()
            }
        }));
        let start = Instant::now();
        let ends = finished.await;
        let took = |end: &Instant| (*end - start).as_secs_f64();
        let first = ends.iter().map(took).fold(f64::MAX, f64::min);
        let last = ends.iter().map(took).fold(0.0, f64::max);
        assert!((0.95..1.1).contains(&last), "{last}");
        assert!(first > 0.85, "one reader was served before others: {first}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_limit_never_waits() {
        let bucket = Bucket::new(0);
        assert_eq!(seconds(bucket.take(u64::MAX)).await, 0.0);
        bucket.set_rate(1000);
        assert!(
            seconds(bucket.take(1000)).await >= 0.99,
            "nothing was saved up without a limit"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_saves_up_a_tenth_of_a_second_at_most() {
        let bucket = Bucket::new(1_000_000);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let took = seconds(bucket.take(1_000_000)).await;
        assert!((0.89..0.92).contains(&took), "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_rate_reaches_those_who_wait() {
        let bucket = Bucket::new(1);
        let took = seconds(async {
            tokio::join!(bucket.take(1_000_000), async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                bucket.set_rate(1_000_000);
            });
        })
        .await;
        assert!((1.9..2.1).contains(&took), "{took}");
        let took = seconds(async {
            tokio::join!(bucket.take(1 << 40), async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                bucket.set_rate(0);
            });
        })
        .await;
        assert!((0.9..1.1).contains(&took), "{took}");
    }

    #[test]
    fn a_read_is_small_under_a_low_rate() {
        assert_eq!(Bucket::new(0).piece(), None);
        assert_eq!(Bucket::new(1).piece(), Some(4096));
        assert_eq!(Bucket::new(20 << 20).piece(), Some(1 << 20));
    }
}

//! When to do nothing: servers that refuse connections, threads that all wait for their next try, and
//! who has the place meanwhile.

use std::time::Duration;

use tokio::time::Instant;

use super::{Halt, Transfer, Worker};
use crate::error::{Error, Retry};
use crate::event::{Reason, ThreadState};
use crate::meter;
use crate::plan::retry::{self, Next};
use crate::span::Trouble;

/// A download gives its place to another one for waits of at least this long.
pub(crate) const GIVE_WAY: Duration = Duration::from_secs(2);

/// A wait for the next try that needs no place among the active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) until: Instant,
    /// Tries that have failed in a row.
    pub(crate) failures: u32,
    /// For a human.
    pub(crate) reason: Reason,
}

impl Wait {
    /// The wait after `error`, until the next try.
    pub(crate) fn after(error: &Error, until: Instant, failures: u32) -> Wait {
        let seconds = until.saturating_duration_since(Instant::now()).as_secs();
        let seconds = seconds.max(1);
        let reason = match error.retry {
            Retry::Wait { after: Some(_) } | Retry::FewerConnections { after: Some(_) } => {
                Reason::asked_to_wait(seconds, error.status)
            }
            Retry::NoNetwork => Reason::no_network(seconds),
            _ => Reason::failed(error, seconds),
        };
        Wait {
            until,
            failures,
            reason,
        }
    }
}

impl Transfer<'_> {
    /// The server accepts fewer connections than we hold: those that work go on, and the limits give
    /// out fewer from now on. When none works, all rest.
    pub(super) fn make_room(&mut self, error: Error) -> Result<(), Halt> {
        self.attempts += 1;
        meter::retried(error.kind);
        // While others go on, being refused is no failure of the download; nor is it another one when
        // the rest has begun already.
        if self.someone_works() || self.rests() {
            return Ok(());
        }
        self.crowded_in_a_row += 1;
        let failures = self.crowded_in_a_row;
        match retry::next(&self.patience, error.retry, failures, fastrand::f64()) {
            Next::GiveUp => Err(Halt::Failed(error)),
            Next::After(wait) => {
                self.rest = Some(Wait::after(&error, Instant::now() + wait, failures));
                for worker in self.workers.values() {
                    worker.stop.cancel();
                }
                Ok(())
            }
        }
    }

    fn someone_works(&self) -> bool {
        let works = |worker: &Worker| worker.span.state() == ThreadState::Streaming;
        self.workers.values().any(works)
    }

    /// Whether a thread at work has brought bytes of its block. One that stands still brings hope and
    /// nothing else.
    pub(super) fn someone_gets_on(&self) -> bool {
        let gets_on = |worker: &Worker| {
            let block = self.plan.block(worker.lease);
            worker.span.state() == ThreadState::Streaming
                && block.is_some_and(|(bytes, _)| worker.span.at() > bytes.start)
        };
        self.workers.values().any(gets_on)
    }

    /// Whether nothing is asked for now, because the server refuses even one connection.
    pub(super) fn rests(&self) -> bool {
        self.rest
            .as_ref()
            .is_some_and(|rest| rest.until > Instant::now())
    }

    /// While nothing happens here, a download that waits for its turn may have the place.
    pub(super) fn give_way(&self, now: Instant) -> Result<(), Halt> {
        if !*self.context.place_wanted.borrow() {
            return Ok(());
        }
        match self.next_try() {
            Some(wait) if wait.until.saturating_duration_since(now) >= GIVE_WAY => {
                Err(Halt::Waits(wait))
            }
            _ => Ok(()),
        }
    }

    /// When the first thread tries again, when all of them wait for their next try.
    pub(super) fn next_try(&self) -> Option<Wait> {
        if self.rests() {
            return self.rest.clone();
        }
        let troubles: Option<Vec<Trouble>> = self
            .workers
            .values()
            .map(|worker| worker.span.trouble())
            .collect();
        let first = troubles?.into_iter().min_by_key(|trouble| trouble.until)?;
        Some(Wait::after(&first.error, first.until, first.failures))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::event::Cause;

    #[tokio::test(start_paused = true)]
    async fn each_wait_says_what_it_waits_for_in_words_and_for_programs() {
        let busy = || Error::new(Kind::Busy, "it is busy").with_status(503);
        let (kind, status, seconds) = (Kind::Busy, Some(503), 30);
        let asked = Some(Duration::from_secs(30));
        for (error, cause, sentence) in [
            (
                busy().with_retry(Retry::FewerConnections { after: asked }),
                Cause::AskedToWait { seconds, status },
                "server asked to wait 30 s",
            ),
            (
                busy().with_retry(Retry::Wait { after: None }),
                Cause::Failed {
                    kind,
                    status,
                    seconds,
                },
                "it is busy; next try in 30 s",
            ),
            (
                Error::new(Kind::Connect, "no road").with_retry(Retry::NoNetwork),
                Cause::NoNetwork { seconds },
                "waiting for the network; next try in 30 s",
            ),
        ] {
            let wait = Wait::after(&error, Instant::now() + Duration::from_secs(30), 1);
            assert_eq!(wait.reason.cause(), Some(cause));
            assert_eq!(&*wait.reason, sentence);
        }
    }
}

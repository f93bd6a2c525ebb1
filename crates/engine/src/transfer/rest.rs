//! When to do nothing: servers that refuse connections, threads that all wait for their next try, who has
//! the place meanwhile, and a disk without room.

use std::time::Duration;

use tokio::time::Instant;

use super::{Halt, Transfer, Worker};
use crate::disk::Standing;
use crate::error::{Error, Kind, Retry};
use crate::event::{Reason, ThreadState};
use crate::meter;
use crate::plan::retry::{self, Next};
use crate::span::Trouble;

/// A download gives its place to another one for waits of at least this long.
pub(crate) const GIVE_WAY: Duration = Duration::from_secs(2);

/// How often the disk is asked whether it has room.
const LOOK_FOR_ROOM_EVERY: Duration = Duration::from_secs(1);

/// A wait for the next try that needs no place among the active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) until: Instant,
    /// Tries that have failed in a row.
    pub(crate) failures: u32,
    /// For a human.
    pub(crate) reason: Reason,
    /// It waits for room on a disk that shows it and takes nothing: so many bytes are to be tried before
    /// a server is asked for them again.
    pub(crate) unfit: Option<u64>,
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
            unfit: None,
        }
    }
}

impl Transfer<'_> {
    /// The server accepts fewer connections than we hold: those that work go on, and the limits give
    /// out fewer from now on. When none works, all rest.
    pub(super) fn make_room(&mut self, at: usize, error: Error) -> Result<(), Halt> {
        self.attempts += 1;
        meter::retried(error.kind);
        let now = Instant::now();
        // While others go on, being refused is no failure of the download; nor is it another one when
        // the rest has begun already.
        if self.someone_works_at(at) || self.sources.rests_at(at, now) {
            return Ok(());
        }
        let failures = self.sources.failed(at);
        match retry::next(&self.patience, error.retry, failures, fastrand::f64()) {
            Next::GiveUp => self.do_without(at, error),
            Next::After(wait) => {
                self.sources.rests(at, now + wait, 0, error);
                for worker in self.workers.values().filter(|worker| worker.at == at) {
                    worker.stop.cancel();
                }
                Ok(())
            }
        }
    }

    fn someone_works_at(&self, at: usize) -> bool {
        let works =
            |worker: &Worker| worker.at == at && worker.span.state() == ThreadState::Streaming;
        self.workers.values().any(works)
    }

    /// Whether a thread at this source has brought bytes of its block.
    pub(super) fn someone_gets_on_at(&self, at: usize) -> bool {
        let mut there = self.workers.values().filter(|worker| worker.at == at);
        there.any(|worker| self.gets_on(worker))
    }

    /// Whether a thread at work has brought bytes of its block. One that stands still brings hope and
    /// nothing else.
    pub(super) fn someone_gets_on(&self) -> bool {
        self.workers.values().any(|worker| self.gets_on(worker))
    }

    fn gets_on(&self, worker: &Worker) -> bool {
        let block = self.plan.block(worker.lease);
        worker.span.state() == ThreadState::Streaming
            && block.is_some_and(|(bytes, _)| worker.span.at() > bytes.start)
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

    /// Below the least free space nothing more is written, and nothing to a file that was lost.
    pub(super) fn look_for_room(&mut self, now: Instant) -> Result<(), Halt> {
        if now.duration_since(self.looked_for_room_at) < LOOK_FOR_ROOM_EVERY {
            return Ok(());
        }
        self.looked_for_room_at = now;
        if let Ok(lost) = self.scratch.standing()
            && lost != Standing::Sound
        {
            let detail = format!("the scratch file {lost} while it was in use");
            return Err(Halt::Lost(Error::new(Kind::DiskIo, detail)));
        }
        match self.context.disk.free_space(self.scratch.path()) {
            Ok(free) if free < self.context.config.min_free_space => Err(Halt::NoRoom),
            _ => Ok(()),
        }
    }

    /// When something is tried again, when all threads wait for their next try or no source may be asked
    /// before.
    pub(super) fn next_try(&self) -> Option<Wait> {
        if self.sources.usable(Instant::now()).is_empty() && !self.someone_gets_on() {
            let (until, error, failures) = self.sources.next_due()?;
            return Some(Wait::after(&error, until, failures));
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

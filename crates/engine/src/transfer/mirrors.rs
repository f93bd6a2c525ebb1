//! Which source a thread goes to, and what becomes of a source that fails or has yet to show that it
//! has the file. One source is the common case of several.

use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::Instant;

use super::{Halt, Transfer, Worker};
use crate::error::{Error, Kind, Result};
use crate::meet::{Met, PROOF, Stranger};
use crate::meter;
use crate::plan::choice::{self, Offer};
use crate::plan::retry::{self, Next};
use crate::plan::split;
use crate::sources::{is_no_use, is_of_source};
use crate::span::Trouble;

/// So many bytes have to be missing before another source is asked whether it has them too.
const WORTH_ASKING: u64 = 4 << 20;

/// So long threads are kept free for sources that have yet to show that they have the file.
const KEPT_FREE: Duration = Duration::from_secs(2);

impl Transfer<'_> {
    /// How many threads may work now: all, but for those that look at another source, and for the share
    /// of sources that are about to join in.
    pub(super) fn places(&self) -> usize {
        let limit = usize::from(self.thread_limit());
        let now = Instant::now();
        let awaited = match self.wants_more_sources() && now < self.begun_at + KEPT_FREE {
            true => self.sources.expected(now).min(limit),
            false => 0,
        };
        let there = self.sources.usable(now).len().max(1);
        let share = (limit * there / (there + awaited)).max(limit.div_ceil(2));
        let looking = self.sources.asked();
        share.min(limit.saturating_sub(looking)).max(1)
    }

    /// Whether there is enough left for several sources.
    fn wants_more_sources(&self) -> bool {
        let size = self.resource.size.filter(|_| self.resource.ranges);
        let left = size.map_or(0, |size| size.saturating_sub(self.plan.done().len()));
        left >= WORTH_ASKING && !self.sources.is_alone()
    }

    pub(super) fn threads_at(&self, at: usize) -> usize {
        self.workers
            .values()
            .filter(|worker| worker.at == at)
            .count()
    }

    /// The source for the next thread; `None` when none may be asked now.
    pub(super) fn choose(&self) -> Option<usize> {
        if self.opened.is_some() {
            return Some(self.sources.lead());
        }
        let usable = self.sources.usable(Instant::now());
        if let [] | [_] = usable[..] {
            return usable.first().copied();
        }
        // One that has failed shows with one thread whether it is well again.
        let is_open = |at: &usize| self.sources.failures(*at) == 0 || self.threads_at(*at) == 0;
        let open: Vec<usize> = usable.into_iter().filter(is_open).collect();
        let offers: Vec<Offer> = open.iter().map(|at| self.offer(*at)).collect();
        choice::choose(&offers, self.thread_limit()).map(|index| open[index])
    }

    fn offer(&self, at: usize) -> Offer {
        let source = self.sources.source(at);
        let address = source.address();
        let is_there = |worker: &&Worker| worker.source.address().origin() == address.origin();
        let at_host = self.workers.values().filter(is_there).count();
        Offer {
            threads: u16::try_from(self.threads_at(at)).unwrap_or(u16::MAX),
            left: u16::try_from(self.idle().filter(|n| self.was_at(*n, at)).count())
                .unwrap_or(u16::MAX),
            speed: self.speed_at(at),
            has_room: at_host < self.context.limits.left_for(&address, source.owner),
        }
    }

    /// The numbers of the threads that have no block.
    pub(super) fn idle(&self) -> impl Iterator<Item = u16> {
        let is_idle = |number: &u16| self.workers.values().all(|worker| worker.number != *number);
        (1..=self.thread_limit()).filter(is_idle)
    }

    /// Whether a thread may have a connection to this source: where there is only one, all may.
    pub(super) fn was_at(&self, number: u16, at: usize) -> bool {
        self.sources.len() == 1 || self.last_at.get(&number) == Some(&at)
    }

    /// Bytes/s of a thread at this source; `None` while nothing is known.
    fn speed_at(&self, at: usize) -> Option<u64> {
        let now = Instant::now();
        let there = self.workers.values().filter(|worker| worker.at == at);
        let speeds: Vec<u64> = there
            .filter_map(|worker| worker.hand.expected(now).speed)
            .collect();
        let mean = speeds.iter().sum::<u64>().checked_div(speeds.len() as u64);
        mean.or_else(|| self.speeds[at].usual())
    }

    /// The longest block at this source: one of which nothing is known beside others proves itself on a
    /// short one.
    pub(super) fn longest_block(&self, at: usize) -> u64 {
        let cap = self.tuning.borrow().block_size;
        if at == self.sources.lead() || self.speed_at(at).is_some() {
            return cap;
        }
        cap.min(split::MIN_BLOCK)
    }

    /// Asks sources of which nothing is known whether they have the file: when much is left, or when
    /// those that are known fail.
    pub(super) fn ask_strangers(&mut self) {
        if !self.resource.ranges || self.sources.is_alone() {
            return;
        }
        let now = Instant::now();
        let known = self.sources.usable(now).len();
        let is_failing = known == 0
            || self
                .workers
                .values()
                .any(|worker| worker.span.trouble().is_some());
        let enough = if is_failing {
            1
        } else {
            PROOF.min(self.tuning.borrow().block_size)
        };
        if !(is_failing || self.wants_more_sources()) || self.plan.done().len() < enough {
            return;
        }
        let limit = usize::from(self.thread_limit());
        // A source that is well keeps a thread.
        let kept = usize::from(!is_failing);
        while usize::from(self.active()).max(kept) + self.sources.asked() < limit {
            let Some(at) = self.sources.stranger(now) else {
                return;
            };
            self.ask(at);
        }
    }

    fn ask(&mut self, at: usize) {
        let stranger = Stranger {
            client: self.context.client.clone(),
            source: self.sources.source(at).clone(),
            said: self.sources.said_by(at).cloned(),
            html: self.html,
            file: self.resource.clone(),
            scratch: self.scratch.clone(),
            held: self.plan.done().clone(),
            is_checked: self.sources.are_checked(),
            cap: self.tuning.borrow().block_size,
        };
        self.sources.is_asked(at);
        self.strangers
            .spawn(async move { (at, stranger.meet().await) });
    }

    /// A source has shown whether it has the file.
    pub(super) fn note_met(
        &mut self,
        met: Result<(usize, Result<Met>), JoinError>,
    ) -> Result<(), Halt> {
        let (at, met) = met.map_err(|panicked| {
            let detail = format!("asking a mirror broke off: {panicked}");
            Halt::Failed(Error::new(Kind::IllegalState, detail))
        })?;
        match met {
            Ok(Met::Same { resource, compared }) => {
                self.wasted_before += compared;
                self.sources.proven(at, resource);
                Ok(())
            }
            Ok(Met::Apart(why)) => {
                self.sources.keep_apart(at, why);
                Ok(())
            }
            Err(error) if is_no_use(&error) => self.do_without(at, error),
            Err(error) => {
                let failures = self.sources.failures(at) + 1;
                let patience = self.patience.with(&error);
                match retry::next(&patience, error.retry, failures, fastrand::f64()) {
                    Next::GiveUp => self.do_without(at, error),
                    Next::After(wait) => {
                        self.attempts += 1;
                        meter::retried(error.kind);
                        self.sources
                            .rests(at, Instant::now() + wait, failures, error);
                        Ok(())
                    }
                }
            }
        }
    }

    /// Whoever waits for its next try at one source is of more use at another.
    pub(super) fn move_on(&mut self, now: Instant) {
        if self.sources.is_alone() {
            return;
        }
        let waits = |worker: &Worker| Some((worker.at, worker.span.trouble()?));
        let waiting: Vec<(usize, Trouble)> = self.workers.values().filter_map(waits).collect();
        for (at, trouble) in waiting {
            let usable = self.sources.usable(now);
            let has_room = |other: &usize| *other != at && self.offer(*other).has_room;
            if !usable.iter().any(has_room) {
                continue;
            }
            let Trouble {
                error,
                until,
                failures,
            } = trouble;
            self.sources.rests(at, until, failures, error);
            let is_stuck = |worker: &&Worker| worker.at == at && worker.span.trouble().is_some();
            for worker in self.workers.values().filter(is_stuck) {
                worker.stop.cancel();
            }
        }
    }

    /// A source fails for good, or as far as patience goes. The others go on; when there are none, the
    /// transfer ends.
    pub(super) fn do_without(&mut self, at: usize, error: Error) -> Result<(), Halt> {
        if !is_of_source(&error) {
            return Err(Halt::Failed(error));
        }
        let now = Instant::now();
        if is_no_use(&error) {
            self.sources.set_aside(at, error);
            for worker in self.workers.values().filter(|worker| worker.at == at) {
                worker.stop.cancel();
            }
        } else {
            let until = now + self.patience.wait_max;
            let retries = self.patience.retries;
            self.sources.fails(at, (now, until), retries, error);
        }
        // Another source can only show that it has the same file where something is held.
        let is_begun = self.resource.ranges && !self.plan.done().is_empty();
        if is_begun && self.sources.is_any_left(at, now) {
            return Ok(());
        }
        Err(Halt::Failed(self.sources.verdict()))
    }
}

//! Who works on what: blocks for threads, help for the slow, new connections for those that crawl.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::hand::Hand;
use super::{Transfer, Worker};
use crate::event::ThreadState;
use crate::limit::{Host, Owner};
use crate::plan::retry::Patience;
use crate::plan::split::{self, Idle};
use crate::plan::{Job, Lease};
use crate::span::Span;
use crate::thread::Block;

impl Transfer<'_> {
    /// Gives blocks to threads, as many as are allowed.
    pub(super) fn staff(&mut self) {
        let limit = self.places();
        // Whom to relieve is told by what the others do now.
        if self.workers.len() < limit && self.plan.free() == 0 {
            self.observe(Instant::now());
        }
        while self.workers.len() < limit {
            let Some(at) = self.choose() else {
                return;
            };
            let Some(job) = self.job(at, limit) else {
                return;
            };
            if let Some((lease, end)) = job.cut {
                tracing::trace!(id = %self.id, ?lease, end, "a block is cut");
                let relieved = self.workers.values().find(|worker| worker.lease == lease);
                relieved.inspect(|worker| worker.span.shrink_to(end));
            }
            self.hire(at, &job.lease);
        }
    }

    /// Work at this source for the next idle thread of `limit`.
    fn job(&mut self, at: usize, limit: usize) -> Option<Job> {
        let whole = match &self.opened {
            // The first body is as long as it is; of unknown length: everything.
            Some(opened) => Some(opened.len.unwrap_or(u64::MAX)),
            None if self.resource.ranges => None,
            None => Some(u64::MAX),
        };
        if let Some(len) = whole {
            let lease = self.plan.lease(len)?;
            return Some(Job { lease, cut: None });
        }
        let idle = limit - self.workers.len();
        self.plan.job(&Idle {
            threads: u16::try_from(idle).unwrap_or(u16::MAX),
            speed: self.speeds[at].of(self.idle_number(at)),
            setup: self.sources.source(at).setup(),
            cap: self.longest_block(at),
        })
    }

    pub(super) fn thread_limit(&self) -> u16 {
        if !self.resource.ranges {
            return 1;
        }
        self.tuning.borrow().threads.max(1)
    }

    /// Stops the threads above a lowered limit; what they have not written is free again.
    pub(super) fn dismiss(&mut self) {
        let limit = self.thread_limit();
        let above = self.workers.values().filter(|worker| worker.number > limit);
        above.for_each(|worker| worker.stop.cancel());
    }

    /// Stops the threads whose connections are above a lowered cap, or are to be another download's first;
    /// what they have written stays. Without ranges all of it would be lost, and the one connection is let
    /// go on.
    pub(super) fn give_back(&self) {
        if !self.resource.ranges {
            return;
        }
        let (limits, owner) = (&self.context.limits, Owner::Download(self.id));
        let is_connected =
            |worker: &&Worker| !worker.span.waits() && worker.span.state() != ThreadState::Retrying;
        let mut connected: Vec<(Host, &Worker)> = self
            .workers
            .values()
            .filter(is_connected)
            .map(|worker| (Host::of(&worker.source.address()), worker))
            .collect();
        // Those that stop already come first: their connections are still counted.
        connected.sort_by_key(|(_, worker)| (!worker.stop.is_cancelled(), Reverse(worker.number)));
        let hosts: HashSet<&Host> = connected.iter().map(|(host, _)| host).collect();
        for host in hosts {
            let there = connected.iter().filter(|(other, _)| other == host);
            let above = there.take(limits.surplus_to(host, owner));
            above.for_each(|(_, worker)| worker.stop.cancel());
        }
        connected.sort_by_key(|(_, worker)| (!worker.stop.is_cancelled(), Reverse(worker.number)));
        let above = connected.iter().take(limits.surplus(owner));
        above.for_each(|(_, worker)| worker.stop.cancel());
    }

    fn hire(&mut self, at: usize, lease: &Lease) {
        let source = self.sources.source(at).clone();
        let resource = self.sources.known(at).unwrap_or(&self.resource).clone();
        let span = Arc::new(Span::new(lease.bytes.start, lease.bytes.end));
        let stop = self.halt.child_token();
        let now = Instant::now();
        let setup = match self.opened {
            Some(_) => Duration::ZERO,
            None => source.setup(),
        };
        let block = Block {
            span: span.clone(),
            source: source.clone(),
            resource,
            opened: self.opened.take(),
            client: self.context.client.clone(),
            writer: self.writer.clone(),
            rates: self.rates.clone(),
            patience: self.patience,
            patience_with_nonsense: self.patience_with_nonsense(),
            failures: self.sources.failures(at),
            tuning: self.tuning.clone(),
            stop: stop.clone(),
        };
        let task = self.threads.spawn(block.run());
        let number = self.idle_number(at);
        self.last_at.insert(number, at);
        tracing::trace!(id = %self.id, thread = number, bytes = ?lease.bytes, "a block is given");
        let hand = Hand::new(span.at(), self.speeds[at].of(number), now, setup);
        self.plan.expect(lease.id, hand.expected(now));
        let worker = Worker {
            lease: lease.id,
            at,
            source,
            number,
            span,
            stop,
            hand,
            asked_to: lease.bytes.end,
        };
        self.workers.insert(task.id(), worker);
    }

    /// The number of the thread that gets the next block at this source.
    fn idle_number(&self, at: usize) -> u16 {
        let there = self.idle().filter(|number| self.was_at(*number, at));
        let speeds = &self.speeds[at];
        let best = speeds.best(there).or_else(|| speeds.best(self.idle()));
        best.unwrap_or(1)
    }

    /// A server that talks nonsense from the start is given up soon: asking without ranges may still
    /// work. One that did well before gets all our patience, because giving up loses what we hold.
    fn patience_with_nonsense(&self) -> Patience {
        if self.ranges_proven {
            return self.patience;
        }
        Patience {
            retries: self.patience.retries.min(2),
            ..self.patience
        }
    }

    /// Threads whose connections crawl are given new ones: their blocks are free again, and go to as
    /// many threads as before.
    pub(super) fn replace_hopeless(&mut self) {
        // Under a speed limit the pace is ours; without ranges there is nothing to go on with.
        if !self.resource.ranges || self.rates.piece().is_some() {
            return;
        }
        // Where nobody brings anything a new connection is no better, and the read timeout counts how
        // often that may be.
        if !self.someone_gets_on() {
            return;
        }
        let workers = &self.workers;
        let had_its_trial = |lease| {
            let worker = workers.values().find(|worker| worker.lease == lease);
            worker.is_some_and(|worker| {
                let streams = worker.span.state() == ThreadState::Streaming;
                streams && worker.hand.age() >= split::FAIR_TRIAL
            })
        };
        for lease in self.plan.hopeless(had_its_trial) {
            for worker in workers.values().filter(|worker| worker.lease == lease) {
                tracing::debug!(id = %self.id, thread = worker.number, speed = worker.hand.speed(), "a thread gets a new connection");
                worker.stop.cancel();
            }
        }
    }
}

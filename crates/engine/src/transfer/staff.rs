//! Who works on what: blocks for threads, help for the slow, new connections for those that crawl.

use std::sync::Arc;

use tokio::time::Instant;

use super::pace::Pace;
use super::{Transfer, Worker};
use crate::event::ThreadState;
use crate::plan::retry::Patience;
use crate::plan::{Lease, split};
use crate::span::Span;
use crate::thread::Block;

impl Transfer<'_> {
    /// Gives blocks to threads, as many as are allowed.
    pub(super) fn staff(&mut self) {
        if self.rests() {
            return;
        }
        let limit = self.thread_limit();
        let cap = self.tuning.borrow().block_size;
        while self.workers.len() < usize::from(limit) && self.plan.free() > 0 {
            let len = match &self.opened {
                // The first body is as long as it is; of unknown length: everything.
                Some(opened) => opened.len.unwrap_or(u64::MAX),
                None if !self.resource.ranges => u64::MAX,
                None => split::block_len(
                    self.plan.free(),
                    limit,
                    cap,
                    self.pace.speed() / u64::from(limit),
                ),
            };
            let Some(lease) = self.plan.lease(len) else {
                return;
            };
            self.hire(&lease);
        }
    }

    fn thread_limit(&self) -> u16 {
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

    fn hire(&mut self, lease: &Lease) {
        let span = Arc::new(Span::new(lease.bytes.start, lease.bytes.end));
        let stop = self.halt.child_token();
        let block = Block {
            span: span.clone(),
            source: self.source.clone(),
            resource: self.resource.clone(),
            opened: self.opened.take(),
            client: self.context.client.clone(),
            writer: self.writer.clone(),
            rates: self.rates.clone(),
            patience: self.patience,
            patience_with_nonsense: self.patience_with_nonsense(),
            failures: self.failures,
            tuning: self.tuning.clone(),
            stop: stop.clone(),
        };
        let task = self.threads.spawn(block.run());
        let number = (1..)
            .find(|number| self.workers.values().all(|worker| worker.number != *number))
            .unwrap_or(1);
        let pace = Pace::new(span.at(), Instant::now());
        self.workers.insert(
            task.id(),
            Worker {
                lease: lease.id,
                number,
                span,
                stop,
                pace,
            },
        );
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
                streams && worker.pace.age() >= split::FAIR_TRIAL
            })
        };
        for lease in self.plan.hopeless(had_its_trial) {
            for worker in workers.values().filter(|worker| worker.lease == lease) {
                worker.stop.cancel();
            }
        }
    }

    /// No byte is free, but a thread is: it helps where it helps most.
    pub(super) fn relieve(&mut self) {
        let cap = self.tuning.borrow().block_size;
        while self.resource.ranges
            && self.plan.free() == 0
            && self.workers.len() < usize::from(self.thread_limit())
        {
            let Some(help) = self.plan.relieve(self.best_speed(), cap, self.setup) else {
                return;
            };
            for worker in self
                .workers
                .values()
                .filter(|worker| worker.lease == help.of)
            {
                worker.span.shrink_to(help.new_end);
            }
            self.hire(&help.lease);
        }
    }

    fn best_speed(&self) -> u64 {
        self.workers
            .values()
            .map(|worker| worker.pace.speed())
            .max()
            .unwrap_or(0)
    }
}

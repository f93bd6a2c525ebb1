//! What watchers are told of a running transfer.

use super::{Transfer, Worker};
use crate::event::{BlockView, Reason, ThreadState};

impl Transfer<'_> {
    /// Tells the live state how far the download is.
    pub(super) fn publish(&self) {
        let done = self.plan.done().len();
        let speed = self.pace.speed();
        let left = self.resource.size.map(|size| size - done.min(size));
        let eta = left.filter(|_| speed > 0).map(|left| left.div_ceil(speed));
        let blocks = self.blocks();
        let active = self.active();
        let limit = self.tuning.borrow().threads;
        let (attempts, wasted) = (self.attempts_now(), self.wasted());
        let map = self.plan.map();
        let reason = self.reason();
        let address = self.sources.source(self.sources.lead()).address();
        self.context.live.update(self.id, |view| {
            view.done = done;
            view.speed = speed;
            view.eta = eta;
            view.threads_active = active;
            view.threads_limit = limit;
            view.attempts = attempts;
            view.wasted = wasted;
            view.blocks = blocks.into();
            view.reason = reason;
            if *view.map != *map {
                view.map = map.into();
            }
            if view.final_url.as_deref() != Some(address.as_str()) {
                view.final_url = Some(address.as_str().into());
            }
        });
    }

    /// Threads at work: those that wait for a connection or for their next try are not.
    pub(super) fn active(&self) -> u16 {
        let works =
            |worker: &&Worker| !worker.span.waits() && worker.span.state() != ThreadState::Retrying;
        u16::try_from(self.workers.values().filter(works).count()).unwrap_or(u16::MAX)
    }

    /// Why threads wait, if any does, or why a source has none.
    fn reason(&self) -> Option<Reason> {
        if let Some(wait) = self.next_try() {
            return Some(wait.reason);
        }
        let waiting = self.workers.values().find(|worker| worker.span.waits());
        let Some(waiting) = waiting else {
            return self.sources.unused().map(Reason::sources);
        };
        let most = self.context.limits.most_to(&waiting.source.address());
        let there = |worker: &&Worker| worker.at == waiting.at && !worker.span.waits();
        let active = self.workers.values().filter(there).count();
        let active = u16::try_from(active).unwrap_or(u16::MAX);
        Some(Reason::connections(active, most))
    }

    fn blocks(&self) -> Vec<BlockView> {
        let mut blocks: Vec<BlockView> = self
            .workers
            .values()
            .filter_map(|worker| {
                let (bytes, done) = self.plan.block(worker.lease)?;
                Some(BlockView {
                    thread: worker.number,
                    start: bytes.start,
                    end: (bytes.end != u64::MAX).then(|| bytes.end - 1),
                    done,
                    speed: worker.hand.speed(),
                    state: worker.span.state(),
                    url: worker.source.address().as_str().into(),
                })
            })
            .collect();
        blocks.sort_by_key(|block| block.thread);
        blocks
    }
}

//! What watchers are told of a running transfer.

use std::sync::Arc;

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
        let reason = self.reason(active);
        let address = self.source.address();
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

    /// Why threads wait, if any does.
    fn reason(&self, active: u16) -> Option<Reason> {
        if let Some(wait) = self.next_try() {
            return Some(wait.reason);
        }
        if !self.workers.values().any(|worker| worker.span.waits()) {
            return None;
        }
        let most = self.context.limits.most_to(&self.source.address());
        Some(Reason::connections(active, most))
    }

    fn blocks(&self) -> Vec<BlockView> {
        let url: Arc<str> = self.source.address().as_str().into();
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
                    url: url.clone(),
                })
            })
            .collect();
        blocks.sort_by_key(|block| block.thread);
        blocks
    }
}

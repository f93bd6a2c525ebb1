//! All bytes of one download, from the first free one to the last: hands blocks to threads, watches
//! them, relieves the slow, and checkpoints. Owns the plan; knows nothing of probes and delivery.

mod checkpoint;
mod pace;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, OptionFuture};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::context::{Context, Tuning};
use crate::disk::{Scratch, Standing};
use crate::error::{Error, Kind, Result, Retry};
use crate::limit::Rates;
use crate::opened::Opened;
use crate::plan::ranges::RangeSet;
use crate::plan::resource::Resource;
use crate::plan::retry::{self, Next, Patience};
use crate::plan::{Lease, LeaseId, Plan, split};
use crate::source::Source;
use crate::spec::Id;
use crate::store::Record;
use crate::thread::{Block, Outcome, Span};
use checkpoint::Tried;
use pace::Pace;

/// How often progress is looked at, told and acted upon.
const TICK: Duration = Duration::from_millis(200);

/// How often the disk is asked whether it has room.
const LOOK_FOR_ROOM_EVERY: Duration = Duration::from_secs(1);

/// A thread is not judged by its speed before it has had this long.
const YOUTH: Duration = Duration::from_millis(600);

/// After the server has asked for fewer connections, one more is tried this much later.
const CALM: Duration = Duration::from_secs(10);

/// Why a transfer ended before its last byte.
#[derive(Debug)]
pub(crate) enum Halt {
    /// Told to stop.
    Stopped,
    /// The disk has no room.
    NoRoom,
    /// The scratch file is no longer ours: what was written to it cannot be delivered.
    Lost(Error),
    /// Given up.
    Failed(Error),
}

/// What a transfer works with.
pub(crate) struct Order {
    pub(crate) id: Id,
    pub(crate) source: Arc<Source>,
    pub(crate) resource: Arc<Resource>,
    pub(crate) scratch: Arc<dyn Scratch>,
    pub(crate) rates: Rates,
    /// The bytes that are held already.
    pub(crate) done: RangeSet,
    /// The body that the probe opened.
    pub(crate) opened: Option<Opened>,
    /// What a new connection costs before its first byte.
    pub(crate) setup: Duration,
    pub(crate) tuning: tokio::sync::watch::Receiver<Tuning>,
    pub(crate) stop: CancellationToken,
    /// New tries and bytes fetched twice, before this transfer.
    pub(crate) attempts: u32,
    pub(crate) wasted: u64,
    /// The whole record, when the store does not know of the resource yet: a download that ends
    /// within its first second costs no commit of its own.
    pub(crate) unrecorded: Option<Box<Record>>,
}

/// What a transfer leaves behind, however it ended.
pub(crate) struct Left {
    pub(crate) done: RangeSet,
    pub(crate) attempts: u32,
    pub(crate) wasted: u64,
    /// The length, known now if it was not before.
    pub(crate) size: Option<u64>,
    /// Whether the store knows of the resource.
    pub(crate) is_recorded: bool,
    /// Whether the server has answered a range with just that range.
    pub(crate) ranges_proven: bool,
}

/// Fetches every byte that is missing. What it says is held has been synced, however it ends.
pub(crate) async fn transfer(context: &Context, order: Order) -> (Left, Result<(), Halt>) {
    let mut transfer = Transfer::new(context, order);
    let result = transfer.run().await;
    transfer.halt.cancel();
    while let Some(ended) = transfer.threads.join_next_with_id().await {
        transfer.settle(ended).ok();
    }
    transfer.observe(Instant::now());
    let synced = transfer.last_sync().await;
    (transfer.left(), result.and(synced.map_err(Halt::Failed)))
}

/// One thread at work.
struct Worker {
    lease: LeaseId,
    /// Its number for people, from 1.
    number: u16,
    span: Arc<Span>,
    stop: CancellationToken,
    pace: Pace,
    /// Whether it asked for its block; the first block's body is there already.
    asked: bool,
}

struct Transfer<'a> {
    context: &'a Context,
    id: Id,
    source: Arc<Source>,
    resource: Arc<Resource>,
    scratch: Arc<dyn Scratch>,
    rates: Rates,
    tuning: tokio::sync::watch::Receiver<Tuning>,
    stop: CancellationToken,
    patience: Patience,
    plan: Plan,
    threads: JoinSet<Outcome>,
    workers: BTreeMap<tokio::task::Id, Worker>,
    /// Stops every thread.
    halt: CancellationToken,
    opened: Option<Opened>,
    setup: Duration,
    pace: Pace,
    /// Fewer threads than the limit, because the server asked for it.
    ceiling: u16,
    crowded_until: Option<Instant>,
    crowded_in_a_row: u32,
    /// The server refuses even one connection: nothing is asked before this.
    rest_until: Option<Instant>,
    unrecorded: Option<Box<Record>>,
    attempts: u32,
    wasted_before: u64,
    ranges_proven: bool,
    /// The bytes that were synced last.
    synced: RangeSet,
    /// A sync has failed: what was written since the one before it may be lost, and a later sync
    /// would not say so.
    sync_failed: bool,
    checkpoint: Option<BoxFuture<'static, Tried>>,
    checkpointed_at: Instant,
    looked_for_room_at: Instant,
}

impl<'a> Transfer<'a> {
    fn new(context: &'a Context, order: Order) -> Transfer<'a> {
        let now = Instant::now();
        let plan = Plan::new(order.resource.size, order.done);
        Transfer {
            context,
            id: order.id,
            source: order.source,
            scratch: order.scratch,
            rates: order.rates,
            tuning: order.tuning,
            halt: order.stop.child_token(),
            stop: order.stop,
            patience: context.patience(),
            pace: Pace::new(plan.done().len(), now),
            synced: plan.done().clone(),
            sync_failed: false,
            checkpoint: None,
            ranges_proven: order.opened.is_none() && !plan.done().is_empty(),
            plan,
            threads: JoinSet::new(),
            workers: BTreeMap::new(),
            opened: order.opened,
            setup: order.setup,
            ceiling: u16::MAX,
            crowded_until: None,
            crowded_in_a_row: 0,
            rest_until: None,
            unrecorded: order.unrecorded,
            attempts: order.attempts,
            wasted_before: order.wasted,
            checkpointed_at: now,
            looked_for_room_at: now,
            resource: order.resource,
        }
    }

    async fn run(&mut self) -> Result<(), Halt> {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if self.plan.is_filled() {
                return Ok(());
            }
            self.staff();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Halt::Stopped),
                Some(ended) = self.threads.join_next_with_id() => self.settle(ended)?,
                Some(tried) = OptionFuture::from(self.checkpoint.as_mut()) => {
                    self.note(tried).map_err(Halt::Failed)?;
                }
                _ = ticks.tick() => {
                    let now = Instant::now();
                    self.observe(now);
                    self.relieve();
                    self.publish();
                    self.look_for_room(now)?;
                    self.checkpoint_if_due(now);
                }
                Ok(()) = self.tuning.changed() => {}
            }
        }
    }

    /// Gives blocks to threads, as many as are allowed.
    fn staff(&mut self) {
        if self.rest_until.is_some_and(|until| until > Instant::now()) {
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
        self.tuning.borrow().threads.min(self.ceiling).max(1)
    }

    fn hire(&mut self, lease: &Lease) {
        let span = Arc::new(Span::new(lease.bytes.start, lease.bytes.end));
        let stop = self.halt.child_token();
        let asked = self.opened.is_none();
        let block = Block {
            span: span.clone(),
            source: self.source.clone(),
            resource: self.resource.clone(),
            opened: self.opened.take(),
            client: self.context.client.clone(),
            scratch: self.scratch.clone(),
            rates: self.rates.clone(),
            patience: self.patience,
            patience_with_nonsense: self.patience_with_nonsense(),
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
                asked,
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

    /// A thread has ended: its bytes count, the rest of its block is free again.
    fn settle(&mut self, ended: Result<(tokio::task::Id, Outcome), JoinError>) -> Result<(), Halt> {
        let (task, outcome) = match ended {
            Ok(ended) => ended,
            Err(panicked) => {
                let error = Error::new(
                    Kind::IllegalState,
                    format!("a thread broke off: {panicked}"),
                );
                (panicked.id(), Outcome::Failed(error))
            }
        };
        let Some(worker) = self.workers.remove(&task) else {
            return Ok(());
        };
        self.attempts += worker.span.failures();
        self.plan.wrote(worker.lease, worker.span.at());
        if self
            .plan
            .block(worker.lease)
            .is_some_and(|(_, done)| done > 0)
        {
            self.crowded_in_a_row = 0;
            self.ranges_proven |= worker.asked && self.resource.ranges;
        }
        if matches!(outcome, Outcome::Ended) {
            self.plan.ends_at(worker.span.at());
        }
        self.plan.release(worker.lease);
        match outcome {
            Outcome::Filled | Outcome::Ended | Outcome::Stopped => Ok(()),
            Outcome::Crowded(error) => self.make_room(error),
            Outcome::Failed(error) if error.kind == Kind::DiskFull => Err(Halt::NoRoom),
            Outcome::Failed(error) => Err(Halt::Failed(error)),
        }
    }

    /// The server accepts fewer connections than we hold: go on with those that work, and try one
    /// more when the server has had its rest.
    fn make_room(&mut self, error: Error) -> Result<(), Halt> {
        let others = u16::try_from(self.workers.len()).unwrap_or(u16::MAX);
        let now = Instant::now();
        self.attempts += 1;
        // While others go on, being refused is no failure of the download.
        if others > 0 {
            let named = match error.retry {
                Retry::FewerConnections { after } => after,
                _ => None,
            };
            self.ceiling = others;
            self.crowded_until = Some(now + named.unwrap_or(CALM));
            return Ok(());
        }
        self.crowded_in_a_row += 1;
        let failures = self.crowded_in_a_row;
        match retry::next(&self.patience, error.retry, failures, fastrand::f64()) {
            Next::GiveUp => Err(Halt::Failed(error)),
            Next::After(wait) => {
                self.rest_until = Some(now + wait);
                Ok(())
            }
        }
    }

    /// Takes note of how far every thread has come.
    fn observe(&mut self, now: Instant) {
        for worker in self.workers.values_mut() {
            let at = worker.span.at();
            worker.pace.observe(at, now);
            self.plan.wrote(worker.lease, at);
            // Before its connection stands a thread's speed says nothing.
            if worker.pace.age() >= YOUTH.max(3 * self.setup) {
                self.plan.runs_at(worker.lease, worker.pace.speed());
            }
        }
        self.pace.observe(self.plan.done().len(), now);
        for lease in self.plan.moot() {
            for worker in self.workers.values().filter(|worker| worker.lease == lease) {
                worker.stop.cancel();
            }
        }
        if self.crowded_until.is_some_and(|until| until <= now) {
            self.crowded_until = (self.ceiling < self.tuning.borrow().threads).then(|| now + CALM);
            self.ceiling = self.ceiling.saturating_add(1);
        }
    }

    /// No byte is free, but a thread is: it helps where it helps most.
    fn relieve(&mut self) {
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

    /// Below the least free space nothing more is written, and nothing to a file that was lost.
    fn look_for_room(&mut self, now: Instant) -> Result<(), Halt> {
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

    fn attempts_now(&self) -> u32 {
        self.attempts
            + self
                .workers
                .values()
                .map(|worker| worker.span.failures())
                .sum::<u32>()
    }

    fn wasted(&self) -> u64 {
        self.wasted_before + self.plan.wasted()
    }

    fn left(self) -> Left {
        let (attempts, wasted) = (self.attempts_now(), self.wasted());
        let size = if self.plan.is_filled() {
            Some(self.plan.done().len())
        } else {
            self.resource.size
        };
        Left {
            is_recorded: self.unrecorded.is_none(),
            ranges_proven: self.ranges_proven,
            done: self.synced,
            attempts,
            wasted,
            size,
        }
    }
}

//! All bytes of one download, from the first free one to the last: hands blocks to threads, watches
//! them, relieves the slow, and checkpoints. Owns the plan; knows nothing of probes and delivery.

mod checkpoint;
mod hand;
mod mirrors;
mod pace;
mod rest;
#[cfg(test)]
mod simulated;
mod staff;
mod watch;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, OptionFuture};
use tokio::sync::watch::{Receiver, Sender};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::context::{Context, Tuning};
use crate::disk::Scratch;
use crate::error::{Error, Kind, Result};
use crate::event::ThreadState;
use crate::limit::Rates;
use crate::meet::Met;
use crate::opened::Opened;
use crate::plan::ranges::RangeSet;
use crate::plan::resource::Resource;
use crate::plan::retry::Patience;
use crate::plan::seals::{self, Seals};
use crate::plan::stamp::Stamp;
use crate::plan::{LeaseId, Plan};
use crate::probe::Html;
use crate::source::Source;
use crate::sources::Sources;
use crate::span::Span;
use crate::spec::Id;
use crate::store::Record;
use crate::thread::Outcome;
use crate::writer::Writer;
use checkpoint::Tried;
use hand::{Hand, Speeds};
use pace::Pace;
pub(crate) use rest::{GIVE_WAY, Wait};

/// How often progress is looked at, told and acted upon.
const TICK: Duration = Duration::from_millis(200);

/// While a thread has nothing to do, the others are looked at this often.
const LOOK: Duration = Duration::from_millis(50);

/// Why a transfer ended before its last byte.
#[derive(Debug)]
pub(crate) enum Halt {
    /// Told to stop.
    Stopped,
    /// Another download may have its place until the next try.
    Waits(Wait),
    /// The disk has no room.
    NoRoom,
    /// The scratch file is no longer ours: what was written to it cannot be delivered.
    Lost(Error),
    /// Given up.
    Failed(Error),
}

/// Bytes that are held, and the seals that speak for every one of them.
#[derive(Clone, Default)]
pub(crate) struct Held {
    pub(crate) done: RangeSet,
    pub(crate) seals: Seals,
}

/// What a transfer works with.
pub(crate) struct Order {
    pub(crate) id: Id,
    pub(crate) resource: Arc<Resource>,
    /// Whether a page at another source may be the file.
    pub(crate) html: Html,
    pub(crate) scratch: Arc<dyn Scratch>,
    pub(crate) rates: Rates,
    /// What is held already.
    pub(crate) held: Held,
    /// The body that the probe opened.
    pub(crate) opened: Option<Opened>,
    /// Is told before which byte the file is as it will be.
    pub(crate) settled: Option<Sender<u64>>,
    pub(crate) tuning: Receiver<Tuning>,
    pub(crate) stop: CancellationToken,
    /// Tries that have failed in a row without a byte in between, before this transfer.
    pub(crate) failures: u32,
    /// New tries and bytes fetched twice, before this transfer.
    pub(crate) attempts: u32,
    pub(crate) wasted: u64,
    /// The whole record, when the store does not know of the resource yet: a download that ends
    /// within its first second costs no commit of its own.
    pub(crate) unrecorded: Option<Box<Record>>,
}

/// What a transfer leaves behind, however it ended.
pub(crate) struct Left {
    pub(crate) held: Held,
    /// How the scratch file looked when it was left unfinished, if that can tell a later change.
    pub(crate) stamp: Option<Stamp>,
    pub(crate) attempts: u32,
    pub(crate) wasted: u64,
    /// The length, known now if it was not before.
    pub(crate) size: Option<u64>,
    /// Whether the store knows of the resource.
    pub(crate) is_recorded: bool,
    /// Whether the server has answered a range with just that range.
    pub(crate) ranges_proven: bool,
}

/// Fetches every byte that is missing, from `sources`. What it says is held has been synced, however it
/// ends.
pub(crate) async fn transfer(
    context: &Context,
    sources: &mut Sources,
    order: Order,
) -> (Left, Result<(), Halt>) {
    let mut transfer = Transfer::new(context, sources, order);
    let result = transfer.run().await;
    transfer.halt.cancel();
    transfer.strangers.shutdown().await;
    while let Some(ended) = transfer.threads.join_next_with_id().await {
        transfer.settle(ended).ok();
    }
    // A thread that was stopped may have left a write behind.
    transfer.writer.rest().await;
    transfer.own_what_was_left_behind();
    transfer.observe(Instant::now());
    let synced = transfer.last_sync().await;
    let stamp = match (&result, &synced) {
        (Err(_), Ok(())) => transfer.stamp().await,
        _ => None,
    };
    (
        transfer.left(stamp),
        result.and(synced.map_err(Halt::Failed)),
    )
}

/// Whether no answer came about, as when a server resets one connection too many.
fn is_cut_off(error: &Error) -> bool {
    let cut = [Kind::Connect, Kind::Disconnected, Kind::Timeout];
    cut.contains(&error.kind) && error.retryable()
}

/// One thread at work.
struct Worker {
    lease: LeaseId,
    /// Which of the sources it is at.
    at: usize,
    source: Arc<Source>,
    /// Its number for people, from 1.
    number: u16,
    span: Arc<Span>,
    stop: CancellationToken,
    hand: Hand,
    /// Where its answer ends. Whoever stops before that has to close the connection.
    asked_to: u64,
}

impl Worker {
    /// What it has written counts from now on, sealed. Returns which bytes these are; the last one is
    /// where its block has come to.
    fn hand_over(&self, plan: &mut Plan, seals: &mut Seals, longest: u64) -> Range<u64> {
        let seal = self.span.seal();
        let bytes = seal.bytes.clone();
        plan.wrote(self.lease, bytes.end);
        seals.add(seal, longest);
        bytes
    }
}

struct Transfer<'a> {
    context: &'a Context,
    id: Id,
    sources: &'a mut Sources,
    /// Those that are asked whether they have the file.
    strangers: JoinSet<(usize, Result<Met>)>,
    resource: Arc<Resource>,
    html: Html,
    scratch: Arc<dyn Scratch>,
    rates: Rates,
    tuning: Receiver<Tuning>,
    settled: Option<Sender<u64>>,
    stop: CancellationToken,
    patience: Patience,
    begun_at: Instant,
    plan: Plan,
    /// They cover what the plan has as done.
    seals: Seals,
    threads: JoinSet<Outcome>,
    workers: BTreeMap<tokio::task::Id, Worker>,
    /// Threads that were stopped, and where they were: a write of theirs may still be under way.
    stopped: Vec<(usize, Arc<Span>)>,
    /// Stops every thread.
    halt: CancellationToken,
    opened: Option<Opened>,
    /// One for each source.
    speeds: Vec<Speeds>,
    /// Where each thread was last.
    last_at: BTreeMap<u16, usize>,
    pace: Pace,
    unrecorded: Option<Box<Record>>,
    attempts: u32,
    wasted_before: u64,
    ranges_proven: bool,
    /// What was synced last.
    synced: Held,
    /// A sync has failed: what was written since the one before it may be lost, and a later sync
    /// would not say so.
    sync_failed: bool,
    writer: Arc<Writer>,
    _behind: AbortOnDropHandle<()>,
    checkpoint: Option<BoxFuture<'static, Tried>>,
    checkpointed_at: Instant,
    looked_for_room_at: Instant,
}

impl<'a> Transfer<'a> {
    fn new(context: &'a Context, sources: &'a mut Sources, order: Order) -> Transfer<'a> {
        let now = Instant::now();
        sources.go_on_after(order.failures);
        let plan = Plan::new(order.resource.size, order.held.done.clone());
        let writer = Writer::new(order.scratch.clone());
        Transfer {
            _behind: writer.write_out_behind(),
            writer,
            context,
            id: order.id,
            speeds: (0..sources.len()).map(|_| Speeds::default()).collect(),
            last_at: BTreeMap::new(),
            sources,
            strangers: JoinSet::new(),
            html: order.html,
            begun_at: now,
            scratch: order.scratch,
            rates: order.rates,
            tuning: order.tuning,
            settled: order.settled,
            halt: order.stop.child_token(),
            stop: order.stop,
            patience: context.patience(),
            pace: Pace::new(plan.done().len(), now),
            seals: order.held.seals.clone(),
            synced: order.held,
            sync_failed: false,
            checkpoint: None,
            ranges_proven: order.opened.is_none() && !plan.done().is_empty(),
            plan,
            threads: JoinSet::new(),
            workers: BTreeMap::new(),
            stopped: Vec::new(),
            opened: order.opened,
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
        let mut looks = tokio::time::interval_at(Instant::now() + LOOK, LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.staff();
        // One thread has the first answer, and each other one asks for a connection.
        let lead = self.sources.lead();
        let asking = self.threads_at(lead).saturating_sub(1);
        self.sources.source(lead).ahead.keep(asking);
        loop {
            if self.plan.is_filled() {
                return Ok(());
            }
            self.ask_strangers();
            self.staff();
            let is_someone_idle = self.workers.len() < usize::from(self.thread_limit());
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Halt::Stopped),
                Some(ended) = self.threads.join_next_with_id() => self.settle(ended)?,
                Some(met) = self.strangers.join_next() => self.note_met(met)?,
                Some(tried) = OptionFuture::from(self.checkpoint.as_mut()) => {
                    self.note(tried).map_err(Halt::Failed)?;
                }
                _ = ticks.tick() => {
                    let now = Instant::now();
                    self.observe(now);
                    self.move_on(now);
                    self.replace_hopeless();
                    self.give_back();
                    self.publish();
                    self.tell_settled();
                    self.look_for_room(now)?;
                    self.give_way(now)?;
                    self.checkpoint_if_due(now);
                }
                // Time itself can make a block one that is relieved.
                _ = looks.tick(), if is_someone_idle => self.move_on(Instant::now()),
                Ok(()) = self.tuning.changed() => self.dismiss(),
            }
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
        let Some(mut worker) = self.workers.remove(&task) else {
            return Ok(());
        };
        self.attempts += worker.span.failures();
        let longest = seals::longest(self.resource.size);
        let bytes = worker.hand_over(&mut self.plan, &mut self.seals, longest);
        let (at, now) = (bytes.end, Instant::now());
        self.sources.gave(worker.at, bytes, now);
        self.ranges_proven |= self.resource.ranges && worker.source.has_answered();
        if matches!(outcome, Outcome::Ended) {
            self.plan.ends_at(at);
        }
        self.plan.release(worker.lease);
        worker.hand.observe(at, now);
        let speeds = &mut self.speeds[worker.at];
        if worker.hand.brought() > 0 {
            speeds.note(worker.number, &worker.hand, now);
        }
        if at < worker.asked_to {
            speeds.lose(worker.number);
        }
        if matches!(outcome, Outcome::Stopped) && !self.sources.is_alone() {
            self.stopped.push((worker.at, worker.span.clone()));
        }
        match outcome {
            Outcome::Filled => Ok(()),
            Outcome::Ended | Outcome::Stopped => Ok(()),
            Outcome::Crowded(error) => self.make_room(worker.at, error),
            Outcome::Failed(error) if error.kind == Kind::DiskFull => Err(Halt::NoRoom),
            // Some servers reset what is one connection too many. While others get on, its block waits.
            Outcome::Failed(error) if is_cut_off(&error) && self.someone_gets_on_at(worker.at) => {
                self.context.limits.crowded(&worker.source.address());
                Ok(())
            }
            Outcome::Failed(error) => self.do_without(worker.at, error),
        }
    }

    /// Writes that have outlived their threads may have gone over bytes of another source: they are those
    /// of the source that gave them.
    fn own_what_was_left_behind(&mut self) {
        let now = Instant::now();
        for (at, span) in std::mem::take(&mut self.stopped) {
            self.sources.gave(at, span.seal().bytes, now);
        }
    }

    /// Takes note of how far every thread has come.
    fn observe(&mut self, now: Instant) {
        let longest = seals::longest(self.resource.size);
        for worker in self.workers.values_mut() {
            let bytes = worker.hand_over(&mut self.plan, &mut self.seals, longest);
            let at = bytes.end;
            self.sources.gave(worker.at, bytes, now);
            worker.hand.observe(at, now);
            if worker.span.waits() {
                worker.hand.starts_late(now + worker.source.setup());
            } else if worker.span.state() == ThreadState::Waiting {
                worker.hand.is_held_up(now);
            }
            self.plan.expect(worker.lease, worker.hand.expected(now));
        }
        self.pace.observe(self.plan.done().len(), now);
        for lease in self.plan.moot() {
            for worker in self.workers.values().filter(|worker| worker.lease == lease) {
                worker.stop.cancel();
            }
        }
    }

    /// Before some byte the file is as it will be: nothing is missing, and nobody still writes there.
    fn tell_settled(&self) {
        let Some(settled) = &self.settled else {
            return;
        };
        let first = self.plan.done().first();
        let missing = first
            .filter(|held| held.start == 0)
            .map_or(0, |held| held.end);
        // As far as the plan knows: a block may be given once more from there on.
        let known = |worker: &Worker| {
            let block = self.plan.block(worker.lease);
            block.map_or(0, |(bytes, done)| bytes.start + done)
        };
        let at_work = self.workers.values().map(known);
        // A thread that was stopped may have left a write behind.
        let left_behind = self.writer.writes_at();
        settled.send_replace(at_work.chain(left_behind).fold(missing, u64::min));
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

    fn left(self, stamp: Option<Stamp>) -> Left {
        let (attempts, wasted) = (self.attempts_now(), self.wasted());
        let size = if self.plan.is_filled() {
            Some(self.plan.done().len())
        } else {
            self.resource.size
        };
        Left {
            is_recorded: self.unrecorded.is_none(),
            ranges_proven: self.ranges_proven,
            held: self.synced,
            stamp,
            attempts,
            wasted,
            size,
        }
    }
}

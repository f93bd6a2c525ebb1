//! Made-up servers, and transfers from them in made-up time: the plan's own decisions on threads that
//! are a speed and a round trip. Knows neither sockets nor disks.

use std::ops::Range;
use std::time::Duration;

use tokio::time::Instant;

use crate::limit::{self, Flow};
use crate::plan::ranges::RangeSet;
use crate::plan::split::{FAIR_TRIAL, Idle};
use crate::plan::{Job, LeaseId, Plan};
use crate::transfer::hand::{Hand, Speeds};
use crate::transfer::{LOOK, TICK};

const STEP: Duration = Duration::from_millis(5);
const STEPS_A_SECOND: u64 = 200;

/// A server and the way to it.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) size: u64,
    pub(super) threads: u16,
    pub(super) cap: u64,
    pub(super) round_trip: Duration,
    /// Bytes/s of all connections together.
    pub(super) link: u64,
    /// Bytes/s of the connections, in the order in which they are made; the last is for all that follow.
    pub(super) speeds: Vec<u64>,
    /// From `.0` on, the connections have these speeds.
    pub(super) later: Option<(Duration, Vec<u64>)>,
    /// Bytes that each connection brings at once before it has that speed.
    pub(super) burst: u64,
    /// While the machine is busy with something else, every fourth brings a third of that.
    pub(super) busy: Range<Duration>,
}

/// How a transfer went.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) took: Duration,
    pub(super) wasted: u64,
    pub(super) requests: u64,
}

impl World {
    fn speed(&self, connection: usize, now: Duration) -> u64 {
        let speeds = match &self.later {
            Some((from, speeds)) if now >= *from => speeds,
            _ => &self.speeds,
        };
        let speed = speeds[connection.min(speeds.len() - 1)];
        match self.busy.contains(&now) && connection.is_multiple_of(4) {
            true => speed / 3,
            false => speed,
        }
    }

    /// What a new connection takes until its first byte.
    fn setup(&self) -> Duration {
        2 * self.round_trip
    }

    /// The time that the file takes when every one of the first connections is used from its first byte
    /// to the file's last.
    pub(super) fn ideal(&self) -> Duration {
        self.setup() + Duration::from_millis(self.size * 1000 / self.sum())
    }

    /// Bytes/s of the first connections together, each with a round trip between its blocks.
    pub(super) fn sum(&self) -> u64 {
        let paced = |connection| {
            let speed = u128::from(self.speed(usize::from(connection), Duration::ZERO));
            let (cap, idle) = (u128::from(self.cap), self.round_trip.as_millis());
            speed * cap * 1000 / (cap * 1000 + idle * speed)
        };
        let sum: u128 = (0..self.threads).map(paced).sum();
        u64::try_from(sum).unwrap_or(u64::MAX).clamp(1, self.link)
    }

    /// Downloads the file, from the head of the first answer to the last byte.
    pub(super) fn run(&self) -> Run {
        let mut transfer = Transfer::new(self);
        while !transfer.plan.is_filled() {
            transfer.staff();
            transfer.step();
            transfer.look_if_due();
            let patience = Duration::from_secs(1000);
            assert!(transfer.now < patience, "it never ends: {self:?}");
        }
        Run {
            took: transfer.now,
            wasted: transfer.plan.wasted(),
            requests: transfer.requests,
        }
    }
}

/// A thread with a block.
struct Thread {
    lease: LeaseId,
    connection: usize,
    /// When its first byte comes.
    from: Duration,
    start: u64,
    at: u64,
    end: u64,
    /// Where the answer ends.
    asked_to: u64,
    hand: Hand,
    /// Told to stop: it is gone a moment later.
    is_stopped: bool,
}

struct Transfer<'a> {
    world: &'a World,
    start: Instant,
    now: Duration,
    next_tick: Duration,
    next_look: Duration,
    plan: Plan,
    /// By number, from 0; `None` is idle.
    threads: Vec<Option<Thread>>,
    speeds: Speeds,
    /// Connections that are open and idle.
    parked: limit::Idle,
    /// What each connection has brought, and what that proves.
    brought: Vec<u64>,
    flows: Vec<Flow>,
    requests: u64,
}

impl Transfer<'_> {
    fn new(world: &World) -> Transfer<'_> {
        let now = world.setup();
        Transfer {
            world,
            start: Instant::now(),
            now,
            next_tick: now,
            next_look: now,
            plan: Plan::new(Some(world.size), RangeSet::new()),
            threads: (0..world.threads).map(|_| None).collect(),
            speeds: Speeds::default(),
            parked: limit::Idle::default(),
            brought: Vec::new(),
            flows: Vec::new(),
            requests: 0,
        }
    }

    fn staff(&mut self) {
        let idle = |(number, slot): (u16, &Option<Thread>)| slot.is_none().then_some(number);
        while let Some(number) = (self.speeds).best((0..).zip(&self.threads).filter_map(idle)) {
            let Some(Job { lease, cut }) = self.job(number) else {
                return;
            };
            if let Some((relieved, end)) = cut {
                let mut at_work = self.threads.iter_mut().flatten();
                let thread = at_work.find(|thread| thread.lease == relieved);
                thread.expect("only a block at work is cut").end = end;
            }
            let instant = self.start + self.now;
            let (wait, due) = match (self.requests, self.parked.len()) {
                // Its answer is there.
                (0, _) => (Duration::ZERO, Duration::ZERO),
                (_, 0) => (self.world.setup(), self.world.setup()),
                _ => (self.world.round_trip, self.world.setup()),
            };
            self.requests += 1;
            let hand = Hand::new(lease.bytes.start, self.speeds.of(number), instant, due);
            self.plan.expect(lease.id, hand.expected(instant));
            let connection = self.connection();
            self.threads[usize::from(number)] = Some(Thread {
                lease: lease.id,
                connection,
                from: self.now + wait,
                start: lease.bytes.start,
                at: lease.bytes.start,
                end: lease.bytes.end,
                asked_to: lease.bytes.end,
                hand,
                is_stopped: false,
            });
        }
    }

    fn job(&mut self, number: u16) -> Option<Job> {
        if self.requests == 0 {
            let lease = self.plan.lease(self.world.cap)?;
            return Some(Job { lease, cut: None });
        }
        let idle = self.threads.iter().filter(|slot| slot.is_none()).count();
        self.plan.job(&Idle {
            threads: u16::try_from(idle).expect("as many as threads"),
            speed: self.speeds.of(number),
            setup: self.world.setup(),
            cap: self.world.cap,
        })
    }

    fn connection(&mut self) -> usize {
        if let Some(parked) = self.parked.pop_best() {
            return *parked.downcast().expect("only numbers are parked");
        }
        self.brought.push(0);
        self.flows.push(Flow::default());
        self.flows.len() - 1
    }

    /// Lets a little time pass.
    fn step(&mut self) {
        let (world, now) = (self.world, self.now);
        self.now += STEP;
        let speed = |thread: &Thread| match now >= thread.from {
            true => world.speed(thread.connection, now),
            false => 0,
        };
        let total: u64 = self.threads.iter().flatten().map(speed).sum();
        let mut has_ended = false;
        for (number, slot) in (0..).zip(&mut self.threads) {
            let Some(thread) = slot else { continue };
            let share = u128::from(speed(thread)) * u128::from(world.link.min(total));
            let bytes = share / u128::from(total.max(1)) / u128::from(STEPS_A_SECOND);
            let bytes = u64::try_from(bytes).expect("less than the speed");
            let brought = &mut self.brought[thread.connection];
            let bytes = match now >= thread.from {
                true => bytes.max(world.burst.saturating_sub(*brought)),
                false => 0,
            };
            *brought += bytes;
            // Its end may have been moved to before where it is.
            thread.at = (thread.at + bytes).min(thread.end.max(thread.at));
            let is_filled = thread.at >= thread.end;
            if !is_filled && !thread.is_stopped {
                continue;
            }
            let instant = self.start + self.now;
            thread.hand.observe(thread.at, instant);
            self.plan.wrote(thread.lease, thread.at);
            self.plan.release(thread.lease);
            if thread.hand.brought() > 0 {
                self.speeds.note(number, &thread.hand, instant);
            }
            if thread.at < thread.asked_to {
                self.speeds.lose(number);
            }
            if thread.at == thread.asked_to {
                let flow = &mut self.flows[thread.connection];
                flow.brought(
                    thread.at - thread.start,
                    self.now.saturating_sub(thread.from),
                );
                self.parked
                    .push(Box::new(thread.connection), flow.speed(), instant);
            }
            *slot = None;
            has_ended = true;
        }
        if has_ended {
            self.next_look = self.now;
        }
    }

    fn look_if_due(&mut self) {
        if self.now >= self.next_tick {
            self.next_tick = self.now + TICK;
            self.observe();
            let threads = self.threads.iter().flatten();
            let tried: Vec<LeaseId> = threads
                .filter(|thread| thread.hand.age() >= FAIR_TRIAL)
                .map(|thread| thread.lease)
                .collect();
            let hopeless = self.plan.hopeless(|lease| tried.contains(&lease));
            self.stop(&hopeless);
        }
        if self.now >= self.next_look && self.threads.iter().any(Option::is_none) {
            self.next_look = self.now + LOOK;
            self.observe();
        }
    }

    fn observe(&mut self) {
        let instant = self.start + self.now;
        for thread in self.threads.iter_mut().flatten() {
            thread.hand.observe(thread.at, instant);
            self.plan.wrote(thread.lease, thread.at);
            let expected = thread.hand.expected(instant);
            self.plan.expect(thread.lease, expected);
        }
        let moot = self.plan.moot();
        self.stop(&moot);
    }

    fn stop(&mut self, leases: &[LeaseId]) {
        for thread in self.threads.iter_mut().flatten() {
            thread.is_stopped |= leases.contains(&thread.lease);
        }
    }
}

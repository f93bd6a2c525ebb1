//! Whole transfers in made-up time: the plan's own decisions on threads that are a speed and a round
//! trip. It knows neither sockets nor disks, so a minute of download takes a millisecond.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::hand::{Hand, Speeds};
use super::{LOOK, TICK};
use crate::plan::ranges::RangeSet;
use crate::plan::split::{FAIR_TRIAL, Idle};
use crate::plan::{LeaseId, Plan};

const MIB: u64 = 1 << 20;
const STEP: Duration = Duration::from_millis(5);

/// A server and the way to it.
#[derive(Debug, Clone)]
struct World {
    size: u64,
    threads: usize,
    cap: u64,
    round_trip: Duration,
    /// Bytes/s of all connections together.
    link: u64,
    /// Bytes/s of the connections, in the order in which they are made; the last is for all that follow.
    speeds: Vec<u64>,
    /// From `.0` on, the connections have these speeds.
    later: Option<(Duration, Vec<u64>)>,
}

/// How a transfer went.
#[derive(Debug)]
struct Run {
    took: Duration,
    wasted: u64,
    requests: usize,
}

/// A thread with a block.
struct Thread {
    lease: LeaseId,
    connection: usize,
    /// When its first byte comes.
    from: Duration,
    at: f64,
    end: u64,
    /// Where the answer ends.
    asked_to: u64,
    hand: Hand,
}

impl World {
    fn speed(&self, connection: usize, now: Duration) -> f64 {
        let of = |speeds: &[u64]| speeds[connection.min(speeds.len() - 1)];
        let speed = match &self.later {
            Some((from, speeds)) if now >= *from => of(speeds),
            _ => of(&self.speeds),
        };
        speed as f64
    }

    /// Seconds that the file takes when every one of the first connections is used from its first byte
    /// to the file's last.
    fn ideal(&self) -> f64 {
        self.size as f64 / self.sum() + 2.0 * self.round_trip.as_secs_f64()
    }

    /// Bytes/s of the first connections together, each with a round trip between its blocks.
    fn sum(&self) -> f64 {
        let paced = |connection| {
            let speed = self.speed(connection, Duration::ZERO);
            speed / (1.0 + self.round_trip.as_secs_f64() * speed / self.cap as f64)
        };
        let sum: f64 = (0..self.threads).map(paced).sum();
        sum.min(self.link as f64).max(1.0)
    }

    fn run(&self) -> Run {
        let start = Instant::now();
        let setup = 2 * self.round_trip;
        let mut plan = Plan::new(Some(self.size), RangeSet::new());
        let mut threads: Vec<Option<Thread>> = (0..self.threads).map(|_| None).collect();
        let mut speeds = Speeds::default();
        let (mut parked, mut made): (Vec<usize>, usize) = (Vec::new(), 0);
        let (mut now, mut requests, mut ended) = (setup, 0, true);
        let (mut next_tick, mut next_look) = (now, now);
        loop {
            let instant = start + now;
            let is_idle = threads.iter().any(Option::is_none);
            let is_tick = now >= next_tick;
            if is_tick || (is_idle && (ended || now >= next_look)) {
                next_look = now + LOOK;
                for thread in threads.iter_mut().flatten() {
                    thread.hand.observe(thread.at as u64, instant);
                    plan.wrote(thread.lease, thread.at as u64);
                    plan.expect(thread.lease, thread.hand.expected(instant));
                }
                let moot = plan.moot();
                let hopeless = if is_tick {
                    next_tick = now + TICK;
                    plan.hopeless(|lease| {
                        threads
                            .iter()
                            .flatten()
                            .any(|thread| thread.lease == lease && thread.hand.age() >= FAIR_TRIAL)
                    })
                } else {
                    Vec::new()
                };
                for slot in &mut threads {
                    if let Some(thread) = slot
                        && (moot.contains(&thread.lease) || hopeless.contains(&thread.lease))
                    {
                        plan.release(thread.lease);
                        *slot = None;
                    }
                }
            }
            if plan.is_filled() {
                break;
            }
            while let Some(number) = threads.iter().position(Option::is_none) {
                let first = requests == 0;
                let idle = Idle {
                    threads: threads.iter().filter(|slot| slot.is_none()).count() as u16,
                    speed: speeds.of(number as u16),
                    setup,
                    cap: self.cap,
                };
                let job = match first {
                    true => plan
                        .lease(self.cap)
                        .map(|lease| crate::plan::Job { lease, cut: None }),
                    false => plan.job(&idle),
                };
                let Some(job) = job else { break };
                if let Some((lease, end)) = job.cut {
                    let mut all = threads.iter_mut().flatten();
                    let cut = all.find(|thread| thread.lease == lease);
                    cut.expect("at work").end = end;
                }
                requests += 1;
                let reused = parked.pop();
                let connection = reused.unwrap_or_else(|| {
                    made += 1;
                    made - 1
                });
                let wait = match (first, reused) {
                    (true, _) => Duration::ZERO,
                    (_, Some(_)) => self.round_trip,
                    (_, None) => setup,
                };
                let bytes = job.lease.bytes;
                let due = if first { instant } else { instant + setup };
                let hand = Hand::new(bytes.start, speeds.of(number as u16), due);
                plan.expect(job.lease.id, hand.expected(instant));
                threads[number] = Some(Thread {
                    lease: job.lease.id,
                    connection,
                    from: now + wait,
                    at: bytes.start as f64,
                    end: bytes.end,
                    asked_to: bytes.end,
                    hand,
                });
            }
            ended = false;
            let streams = |thread: &Thread| match now >= thread.from {
                true => self.speed(thread.connection, now),
                false => 0.0,
            };
            let total: f64 = threads.iter().flatten().map(streams).sum();
            let share = (self.link as f64 / total).min(1.0);
            for (number, slot) in threads.iter_mut().enumerate() {
                let Some(thread) = slot else { continue };
                let bytes = streams(thread) * share * STEP.as_secs_f64();
                thread.at = (thread.at + bytes).min(thread.end.max(thread.at as u64) as f64);
                if (thread.at as u64) < thread.end {
                    continue;
                }
                thread.hand.observe(thread.at as u64, start + now + STEP);
                plan.wrote(thread.lease, thread.at as u64);
                plan.release(thread.lease);
                speeds.note(number as u16, &thread.hand);
                if thread.at as u64 == thread.asked_to {
                    parked.push(thread.connection);
                }
                *slot = None;
                ended = true;
            }
            now += STEP;
            if now > Duration::from_secs(4000) {
                panic!("it never ends: {self:?}");
            }
        }
        Run {
            took: now,
            wasted: plan.wasted(),
            requests,
        }
    }
}

fn world() -> World {
    World {
        size: 512 * MIB,
        threads: 16,
        cap: 16 * MIB,
        round_trip: Duration::from_millis(1),
        link: u64::MAX,
        speeds: vec![4 * MIB],
        later: None,
    }
}

const FAST: u64 = 4 * MIB;
const SLOW: u64 = 20 << 10;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// That `world` is served in `most` times its ideal, plus `extra` for what a look or a request costs.
fn check(name: &str, world: &World, most: f64, extra: Duration) {
    let (run, ideal) = (world.run(), world.ideal());
    let limit = most * ideal + extra.as_secs_f64();
    assert!(
        run.took.as_secs_f64() <= limit,
        "{name}: {run:?}, ideal {ideal:.2} s"
    );
    assert!(
        run.wasted <= world.size / 100 + (64 << 10),
        "{name}: {run:?}"
    );
    let blocks = usize::try_from(world.size / world.cap).expect("few");
    assert!(
        run.requests <= 3 * blocks + 16 * world.threads,
        "{name}: {run:?}"
    );
}

#[test]
fn threads_of_one_speed_end_together() {
    check("16 at 4 MiB/s", &world(), 1.01, Duration::ZERO);
    let far = World {
        round_trip: ms(100),
        ..world()
    };
    check("16 at 4 MiB/s, far away", &far, 1.0, ms(300));
    for (name, size) in [("1 MiB", MIB), ("16 MiB", 16 * MIB), ("40 MiB", 40 * MIB)] {
        check(name, &World { size, ..world() }, 1.0, ms(250));
        let far = World {
            size,
            ..far.clone()
        };
        check(name, &far, 1.0, ms(500));
    }
    let crawl = World {
        size: MIB,
        threads: 8,
        speeds: vec![SLOW],
        ..world()
    };
    check("1 MiB at 8 times 20 KiB/s", &crawl, 1.03, Duration::ZERO);
}

/// A byte that a slow thread keeps to the end is a byte that everybody waits for.
#[test]
fn slow_threads_cost_no_more_than_their_share() {
    let ever = |fast: usize, then: u64| {
        let mut speeds = vec![FAST; fast];
        speeds.extend(vec![SLOW; fast.min(4)]);
        speeds.push(then);
        speeds
    };
    let alternating = (0..200).map(|n| if n % 2 == 0 { FAST } else { SLOW });
    for (name, threads, speeds) in [
        (
            "1 of 4, a new one is fast",
            4,
            vec![FAST, FAST, FAST, SLOW, FAST],
        ),
        (
            "1 of 4, all new ones are slow",
            4,
            vec![FAST, FAST, FAST, SLOW],
        ),
        ("4 of 8, a new one is fast", 8, ever(4, FAST)),
        ("4 of 8, all new ones are slow", 8, ever(4, SLOW)),
        ("4 of 8, every second one is slow", 8, alternating.collect()),
        ("the first is slow", 8, vec![SLOW, FAST]),
        ("one stalls", 8, vec![FAST, FAST, 0, FAST]),
    ] {
        for round_trip in [ms(1), ms(20)] {
            let world = World {
                size: 128 * MIB,
                threads,
                round_trip,
                speeds: speeds.clone(),
                ..world()
            };
            check(name, &world, 1.03, Duration::ZERO);
        }
    }
}

#[test]
fn a_link_that_is_far_away_is_full() {
    for link in [10 * MIB, 50 * MIB] {
        let world = World {
            size: 256 * MIB,
            threads: 8,
            round_trip: ms(100),
            link,
            speeds: vec![link],
            ..world()
        };
        check("no connection is the limit", &world, 1.02, Duration::ZERO);
        let world = World {
            speeds: vec![link / 6],
            ..world
        };
        check("six connections fill the link", &world, 1.02, ms(300));
    }
}

/// What was fast may stall, with all that was given to it.
#[test]
fn threads_that_stall_on_the_way_are_replaced() {
    let after = |then: Vec<u64>| World {
        size: 128 * MIB,
        threads: 8,
        later: Some((ms(2000), then)),
        ..world()
    };
    let halt = after(vec![FAST, 0, 0, 0, 0, 0, 0, 0, FAST]);
    check("all but one", &halt, 1.0, FAIR_TRIAL);
    let end = World {
        later: Some((
            ms(3800),
            vec![FAST, FAST, FAST, FAST, FAST, FAST, FAST, 0, FAST],
        )),
        ..halt.clone()
    };
    check("one at the very end", &end, 1.0, ms(400));
}

/// Connections of such speeds, in bytes/s, and no worse ones later.
fn any_world(speed: impl Strategy<Value = u64>) -> impl Strategy<Value = World> {
    let round_trip = prop_oneof![Just(1u64), 1..200u64];
    let link = prop_oneof![Just(u64::MAX), 4u64 << 20..64 << 20];
    let first = proptest::collection::vec(speed, 1..24);
    let size = 1u64 << 20..512 << 20;
    (first, size, round_trip, link).prop_map(|(mut speeds, size, round_trip, link)| {
        // Where nothing comes at all the read timeout decides.
        speeds[0] = speeds[0].max(10 << 10);
        let threads = speeds.len();
        speeds.extend(speeds.iter().max().copied());
        let world = World {
            threads,
            round_trip: ms(round_trip),
            link,
            speeds,
            ..world()
        };
        // So that nobody waits for the test either.
        let size = size.min((world.sum() * 20.0) as u64).max(MIB);
        World { size, ..world }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn threads_of_any_speed_end_together(world in any_world(200u64 << 10..16 << 20)) {
        let extra = 8 * world.round_trip + ms(500);
        check("any speeds", &world, 1.1, extra);
    }

    #[test]
    fn no_file_waits_for_crawling_and_silent_threads(
        world in any_world(prop_oneof![Just(0), 10u64 << 10..100 << 10, 500u64 << 10..16 << 20])
    ) {
        let extra = 8 * world.round_trip + FAIR_TRIAL;
        check("any speeds and none", &world, 1.1, extra);
    }
}

//! Whole transfers in made-up time, which must come close to what their connections can do at best. A
//! minute of download takes a millisecond.

mod world;

use std::time::Duration;

use proptest::prelude::*;

use crate::plan::split::FAIR_TRIAL;
use world::World;

const MIB: u64 = 1 << 20;

fn world() -> World {
    World {
        size: 512 * MIB,
        threads: 16,
        cap: 16 * MIB,
        round_trip: Duration::from_millis(1),
        link: u64::MAX,
        speeds: vec![4 * MIB],
        later: None,
        burst: 0,
        busy: Duration::ZERO..Duration::ZERO,
    }
}

const FAST: u64 = 4 * MIB;
const SLOW: u64 = 20 << 10;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// That a file comes in `most` times its ideal, plus `extra` for what a look or a request costs, with few
/// requests and almost nothing fetched twice.
fn check(name: &str, world: &World, most: f64, extra: Duration) {
    let (run, ideal) = (world.run(), world.ideal());
    let limit = ideal.mul_f64(most) + extra;
    assert!(run.took <= limit, "{name}: {run:?}, ideally {ideal:?}");
    let little = world.size / 100 + (64 << 10);
    assert!(run.wasted <= little, "{name}: {run:?}");
    let few = 3 * (world.size / world.cap) + 16 * u64::from(world.threads);
    assert!(run.requests <= few, "{name}: {run:?}");
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
        check(name, &World { size, ..world() }, 1.0, ms(400));
        let far = World {
            size,
            ..far.clone()
        };
        check(name, &far, 1.0, ms(600));
    }
    let crawl = World {
        size: MIB,
        threads: 8,
        speeds: vec![SLOW],
        ..world()
    };
    check("1 MiB at 8 times 20 KiB/s", &crawl, 1.0, ms(400));
}

/// A byte that a slow thread keeps to the end is a byte that everybody waits for.
#[test]
fn slow_threads_cost_no_more_than_their_share() {
    let of_8 = |then: u64| [vec![FAST; 4], vec![SLOW; 4], vec![then]].concat();
    let alternating = (0..200).map(|n| if n % 2 == 0 { FAST } else { SLOW });
    for (name, threads, speeds) in [
        (
            "1 of 4, new ones are fast",
            4,
            vec![FAST, FAST, FAST, SLOW, FAST],
        ),
        ("1 of 4, new ones are slow", 4, vec![FAST, FAST, FAST, SLOW]),
        ("4 of 8, new ones are fast", 8, of_8(FAST)),
        ("4 of 8, new ones are slow", 8, of_8(SLOW)),
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

/// Every other connection crawls after its first packets, and of those that are made later too; a busy
/// machine makes some of the fast ones look slow for a while. So blocks change hands near the end, and
/// hands their connections.
#[test]
fn who_draws_slow_connections_again_does_not_keep_the_last_bytes() {
    let alternating = (0..400).map(|n| if n % 2 == 0 { 4 * FAST } else { SLOW });
    let speeds: Vec<u64> = alternating.collect();
    for busy_from in (50..3000).step_by(50) {
        let world = World {
            size: 192 * MIB,
            threads: 8,
            speeds: speeds.clone(),
            burst: 14 << 10,
            busy: ms(busy_from)..ms(busy_from + 300),
            ..world()
        };
        let name = format!("busy after {busy_from} ms");
        check(&name, &world, 1.0, ms(250));
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
        let threads = u16::try_from(speeds.len()).expect("a few");
        speeds.extend(speeds.iter().max().copied());
        let world = World {
            threads,
            round_trip: ms(round_trip),
            link,
            speeds,
            ..world()
        };
        // So that nobody waits for the test either.
        let size = size.min(world.sum().saturating_mul(20)).max(MIB);
        World { size, ..world }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn threads_of_any_speed_end_together(world in any_world(200u64 << 10..16 << 20)) {
        let extra = 8 * world.round_trip + ms(1000);
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
